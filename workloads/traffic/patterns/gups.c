/* Giga-updates per second: a random word is read, changed and written back. */
#include "workloads/traffic/patterns/pattern.h"

static uint32_t next(cbit_pattern_t *pattern, cbit_trace_record_t records[CBIT_PATTERN_MAX_STEP])
{
    uint64_t item = cbit_rng_below(&pattern->rng, pattern->items);
    uint64_t gva = CBIT_TRAFFIC_BASE_GVA + item * pattern->traffic->access_bytes;
    records[0] = (cbit_trace_record_t){.gva = gva, .kind = CBIT_TRACE_LOAD};
    records[1] = (cbit_trace_record_t){.gva = gva, .kind = CBIT_TRACE_STORE, .depends = true};
    return 2;
}

const cbit_pattern_kind_t cbit_pattern_gups = {NULL, next};
