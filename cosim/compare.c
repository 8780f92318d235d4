#include "cosim/compare.h"

#include <stdio.h>
#include <string.h>

static bool lanes_equal(const cbit_aes_lane_out_t *a, const cbit_aes_lane_out_t *b)
{
    if (a->ready != b->ready || a->valid != b->valid) {
        return false;
    }
    return !a->valid || (a->last == b->last && a->tag == b->tag && a->error == b->error &&
                         memcmp(a->data, b->data, sizeof a->data) == 0);
}

bool cbit_pins_equal(const cbit_aes_pins_out_t *expected, const cbit_aes_pins_out_t *actual)
{
    return lanes_equal(&expected->lane[0], &actual->lane[0]) &&
           lanes_equal(&expected->lane[1], &actual->lane[1]) &&
           expected->key_ready == actual->key_ready &&
           expected->zeroise_busy == actual->zeroise_busy && expected->fault == actual->fault;
}

static void hex(const uint8_t *bytes, char text[2 * CBIT_BLOCK_BYTES + 1])
{
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* True when it has described something. */
static bool describe_pin(const char *prefix, const char *pin, unsigned expected, unsigned actual,
                         char *text, size_t len_bytes)
{
    if (expected == actual) {
        return false;
    }
    snprintf(text, len_bytes, "%s%s: expected %u, is %u", prefix, pin, expected, actual);
    return true;
}

static bool describe_lane(const char *prefix, const cbit_aes_lane_out_t *a,
                          const cbit_aes_lane_out_t *b, char *text, size_t len_bytes)
{
    if (describe_pin(prefix, "ready_o", a->ready, b->ready, text, len_bytes) ||
        describe_pin(prefix, "valid_o", a->valid, b->valid, text, len_bytes)) {
        return true;
    }
    if (!a->valid) {
        return false;
    }
    if (describe_pin(prefix, "tag_o", a->tag, b->tag, text, len_bytes) ||
        describe_pin(prefix, "last_o", a->last, b->last, text, len_bytes) ||
        describe_pin(prefix, "error_o", a->error, b->error, text, len_bytes)) {
        return true;
    }
    if (memcmp(a->data, b->data, sizeof a->data) == 0) {
        return false;
    }
    char expected[2 * CBIT_BLOCK_BYTES + 1], actual[2 * CBIT_BLOCK_BYTES + 1];
    hex(a->data, expected);
    hex(b->data, actual);
    snprintf(text, len_bytes, "%sdata_o: expected %s, is %s", prefix, expected, actual);
    return true;
}

void cbit_pins_describe(const cbit_aes_pins_out_t *expected, const cbit_aes_pins_out_t *actual,
                        char *text, size_t len_bytes)
{
    if (describe_pin("", "fault_o", expected->fault, actual->fault, text, len_bytes) ||
        describe_lane("enc_", &expected->lane[0], &actual->lane[0], text, len_bytes) ||
        describe_lane("dec_", &expected->lane[1], &actual->lane[1], text, len_bytes) ||
        describe_pin("", "key_ready_o", expected->key_ready, actual->key_ready, text, len_bytes) ||
        describe_pin("", "zeroise_busy_o", expected->zeroise_busy, actual->zeroise_busy, text,
                     len_bytes)) {
        return;
    }
    snprintf(text, len_bytes, "no pin differs");
}
