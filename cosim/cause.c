#include "cosim/cause.h"

#include <stdio.h>
#include <string.h>

typedef struct probe {
    const cbit_cause_t *cause;
    cbit_cipher_t *cipher; /* one slot, no tweak: tweaks are added here */
    char *text;
    size_t len_bytes;
} probe_t;

static void xor_into(uint8_t *bytes, const uint8_t *with)
{
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        bytes[i] ^= with[i];
    }
}

static void reverse(uint8_t *bytes)
{
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES / 2; i++) {
        uint8_t other = bytes[CBIT_BLOCK_BYTES - 1 - i];
        bytes[CBIT_BLOCK_BYTES - 1 - i] = bytes[i];
        bytes[i] = other;
    }
}

/* The answer to that question; t NULL: no tweak. */
static void answer(const probe_t *probe, const uint8_t *key, const uint8_t *data, bool decrypt,
                   const uint8_t *t, bool xe, uint8_t out[CBIT_BLOCK_BYTES])
{
    uint8_t in[CBIT_BLOCK_BYTES];
    memcpy(in, data, sizeof in);
    if (t != NULL && (!decrypt || !xe)) {
        xor_into(in, t);
    }
    memset(out, 0, CBIT_BLOCK_BYTES);
    if (cbit_cipher_set_key(probe->cipher, 0, key) == CBIT_ERR_OK) {
        (void)(decrypt ? cbit_cipher_decrypt : cbit_cipher_encrypt)(probe->cipher, 0, 0, in, out,
                                                                    CBIT_BLOCK_BYTES);
    }
    if (t != NULL && (decrypt || !xe)) {
        xor_into(out, t);
    }
}

static bool is(const probe_t *probe, const uint8_t *key, const uint8_t *data, bool decrypt,
               const uint8_t *t, bool xe)
{
    uint8_t out[CBIT_BLOCK_BYTES];
    answer(probe, key, data, decrypt, t, xe, out);
    return memcmp(out, probe->cause->actual, sizeof out) == 0;
}

static const uint8_t *tweak_of(const cbit_cause_t *cause, uint8_t t[CBIT_BLOCK_BYTES])
{
    if (!cause->engine) {
        return NULL;
    }
    cbit_tweak_of(cause->tweak, cause->spa, t);
    return t;
}

static bool find_simple(const probe_t *probe)
{
    static const uint8_t zero[CBIT_BLOCK_BYTES];
    const cbit_cause_t *cause = probe->cause;
    uint8_t room[CBIT_BLOCK_BYTES];
    const uint8_t *t = tweak_of(cause, room);
    const char *found = NULL;
    if (memcmp(cause->actual, cause->data, CBIT_BLOCK_BYTES) == 0) {
        found = "the block came through unchanged";
    } else if (memcmp(cause->actual, zero, sizeof zero) == 0) {
        found = "the block is all zero, as for an error";
    } else if (is(probe, cause->key, cause->data, !cause->decrypt, t, cause->xe)) {
        found = "the other direction was computed";
    }
    if (found != NULL) {
        (void)snprintf(probe->text, probe->len_bytes, "%s", found);
    }
    return found != NULL;
}

/* Bit 0: key, 1: block, 2: answer have their bytes the other way round. */
static bool find_byte_order(const probe_t *probe)
{
    const cbit_cause_t *cause = probe->cause;
    for (uint32_t turned = 1; turned < 8 && !cause->engine; turned++) {
        uint8_t key[CBIT_KEY_BYTES], data[CBIT_BLOCK_BYTES], out[CBIT_BLOCK_BYTES];
        memcpy(key, cause->key, sizeof key);
        memcpy(data, cause->data, sizeof data);
        if ((turned & 1) != 0) {
            reverse(key);
        }
        if ((turned & 2) != 0) {
            reverse(data);
        }
        answer(probe, key, data, cause->decrypt, NULL, false, out);
        if ((turned & 4) != 0) {
            reverse(out);
        }
        if (memcmp(out, cause->actual, sizeof out) == 0) {
            (void)snprintf(probe->text, probe->len_bytes, "bytes are the other way round in%s%s%s",
                           (turned & 1) != 0 ? " key" : "", (turned & 2) != 0 ? " block" : "",
                           (turned & 4) != 0 ? " answer" : "");
            return true;
        }
    }
    return false;
}

static bool find_key(const probe_t *probe)
{
    const cbit_cause_t *cause = probe->cause;
    uint8_t room[CBIT_BLOCK_BYTES];
    const uint8_t *t = tweak_of(cause, room);
    for (uint32_t i = 0; i < cause->key_count; i++) {
        if (memcmp(cause->keys[i].key, cause->key, CBIT_KEY_BYTES) != 0 &&
            is(probe, cause->keys[i].key, cause->data, cause->decrypt, t, cause->xe)) {
            if (cause->keys[i].slot == cause->slot) {
                (void)snprintf(probe->text, probe->len_bytes,
                               "another key of slot %u was used: an older or a newer one",
                               cause->slot);
            } else {
                (void)snprintf(probe->text, probe->len_bytes,
                               "the key of slot %u was used instead of slot %u's",
                               cause->keys[i].slot, cause->slot);
            }
            return true;
        }
    }
    return false;
}

/* Of the address of a block: there the tweak of address 0 differs in one constant, and is none. */
static bool one_bit(cbit_spa_t spa)
{
    uint64_t bits = spa >> CBIT_TWEAK_FIRST_BIT;
    return bits != 0 && (bits & (bits - 1)) == 0;
}

static bool find_tweak(const probe_t *probe)
{
    const cbit_cause_t *cause = probe->cause;
    uint8_t t[CBIT_BLOCK_BYTES], changed[CBIT_BLOCK_BYTES];
    if (tweak_of(cause, t) == NULL) {
        return false;
    }
    if (is(probe, cause->key, cause->data, cause->decrypt, t, !cause->xe)) {
        (void)snprintf(probe->text, probe->len_bytes, "%s was computed instead of %s",
                       cause->xe ? "XEX" : "XE", cause->xe ? "XE" : "XEX");
        return true;
    }
    if (is(probe, cause->key, cause->data, cause->decrypt, NULL, false)) {
        (void)snprintf(probe->text, probe->len_bytes, "the tweak is missing%s",
                       one_bit(cause->spa) ? ", or is that of address 0" : "");
        return true;
    }
    cbit_tweak_of(cause->tweak, cause->spa ^ CBIT_BLOCK_BYTES * 3, changed);
    if (is(probe, cause->key, cause->data, cause->decrypt, changed, cause->xe)) {
        (void)snprintf(probe->text, probe->len_bytes, "the tweak is that of the line's block %u",
                       (unsigned)((cause->spa >> 4 & 3) ^ 3));
        return true;
    }
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
        memcpy(changed, t, sizeof changed);
        xor_into(changed, cause->tweak->t[i]);
        if (is(probe, cause->key, cause->data, cause->decrypt, changed, cause->xe)) {
            (void)snprintf(probe->text, probe->len_bytes,
                           "the tweak is that of an address whose bit %u is %u", (unsigned)i,
                           (cause->spa >> i & 1) != 0 ? 0U : 1U);
            return true;
        }
    }
    for (uint32_t bit = 0; bit < 8 * CBIT_BLOCK_BYTES; bit++) {
        memcpy(changed, t, sizeof changed);
        changed[CBIT_BLOCK_BYTES - 1 - bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (is(probe, cause->key, cause->data, cause->decrypt, changed, cause->xe)) {
            (void)snprintf(probe->text, probe->len_bytes, "bit %u of the tweak is wrong",
                           (unsigned)bit);
            return true;
        }
    }
    return false;
}

static bool begin(const cbit_cause_t *cause, probe_t *probe)
{
    cbit_tweak_t none;
    probe->cause = cause;
    cbit_tweak_init(&none, CBIT_TWEAK_ZERO, 0);
    return cbit_cipher_create(1, &none, false, &probe->cipher) == CBIT_ERR_OK;
}

bool cbit_cause_find(const cbit_cause_t *cause, char *text, size_t len_bytes)
{
    probe_t probe = {.text = text, .len_bytes = len_bytes};
    text[0] = '\0';
    if (!begin(cause, &probe)) {
        return false;
    }
    bool found =
        find_simple(&probe) || find_byte_order(&probe) || find_key(&probe) || find_tweak(&probe);
    cbit_cipher_destroy(probe.cipher);
    return found;
}

bool cbit_cause_key(cbit_cause_t *cause)
{
    probe_t probe = {.text = NULL};
    uint8_t room[CBIT_BLOCK_BYTES], out[CBIT_BLOCK_BYTES];
    const uint8_t *t = tweak_of(cause, room);
    bool found = false;
    if (!begin(cause, &probe)) {
        return false;
    }
    for (uint32_t i = 0; i < cause->key_count && !found; i++) {
        answer(&probe, cause->keys[i].key, cause->data, cause->decrypt, t, cause->xe, out);
        found = memcmp(out, cause->expected, sizeof out) == 0;
        if (found) {
            memcpy(cause->key, cause->keys[i].key, sizeof cause->key);
        }
    }
    cbit_cipher_destroy(probe.cipher);
    return found;
}
