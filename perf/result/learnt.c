/* One sentence that says what the run has shown. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "perf/result/result.h"

enum { NAMED_GUESTS = 4 }; /* more are summed up as a range */

/* Slowdown 1.0138 as "1.4 %"; a gain is negative. */
static void percent(uint64_t slowdown_ppm, char text[24])
{
    bool gain = slowdown_ppm < 1000000;
    uint64_t away = gain ? 1000000 - slowdown_ppm : slowdown_ppm - 1000000;
    uint64_t per_mille = (away + 500) / 1000;
    (void)snprintf(text, 24, "%s%" PRIu64 ".%" PRIu64 " %%", gain && per_mille > 0 ? "-" : "",
                   per_mille / 10, per_mille % 10);
}

static uint64_t slowdown_of(const cbit_json_t *guest)
{
    return cbit_result_number(guest, "/slowdown/engine", 6);
}

static void add_named(cbit_text_t *text, const cbit_json_t *guests)
{
    char cost[24];
    uint32_t left = guests->count;
    for (const cbit_json_t *guest = guests->first; guest != NULL; guest = guest->next) {
        percent(slowdown_of(guest), cost);
        cbit_text_add(text, "guest %s %s", cbit_result_string(guest, "/name"), cost);
        left--;
        cbit_text_add(text, left > 1 ? ", " : left == 1 ? " and " : "");
    }
}

static void add_range(cbit_text_t *text, const cbit_json_t *guests)
{
    const cbit_json_t *least = guests->first, *most = guests->first;
    char low[24], high[24];
    for (const cbit_json_t *guest = guests->first; guest != NULL; guest = guest->next) {
        least = slowdown_of(guest) < slowdown_of(least) ? guest : least;
        most = slowdown_of(guest) > slowdown_of(most) ? guest : most;
    }
    percent(slowdown_of(least), low);
    percent(slowdown_of(most), high);
    cbit_text_add(text, "its %" PRIu32 " guests between %s (%s) and %s (%s)", guests->count, low,
                  cbit_result_string(least, "/name"), high, cbit_result_string(most, "/name"));
}

static bool have_slowdowns(const cbit_json_t *guests)
{
    for (const cbit_json_t *guest = guests->first; guest != NULL; guest = guest->next) {
        if (slowdown_of(guest) == 0) {
            return false;
        }
    }
    return guests->first != NULL;
}

/* Tenths of a nanosecond, to nearest. */
static uint64_t tenths(const cbit_json_t *root, const char *pointer)
{
    return (cbit_result_number(root, pointer, 3) + 50) / 100;
}

char *cbit_result_learnt(const cbit_result_t *result)
{
    cbit_text_t text = {.bytes = NULL};
    const cbit_json_t *root = result->json, *guests = cbit_json_at(root, "/guests");
    uint64_t mean = tenths(root, "/memory/read_latency_ns/mean");
    uint64_t aes = tenths(root, "/memory/read_latency_ns/stages/aes");
    bool off = strcmp(cbit_result_string(root, "/engine/mode"), "off") == 0;
    if (off) {
        cbit_text_add(&text, "with the engine off a read takes %" PRIu64 ".%" PRIu64 " ns",
                      mean / 10, mean % 10);
    } else {
        if (have_slowdowns(guests)) {
            cbit_text_add(&text, "encryption cost ");
            (guests->count <= NAMED_GUESTS ? add_named : add_range)(&text, guests);
            cbit_text_add(&text, "; ");
        }
        cbit_text_add(&text,
                      "%" PRIu64 ".%" PRIu64 " ns of %" PRIu64 ".%" PRIu64 " ns per read is AES",
                      aes / 10, aes % 10, mean / 10, mean % 10);
    }
    return cbit_text_take(&text);
}
