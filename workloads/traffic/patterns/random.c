#include "workloads/traffic/patterns/pattern.h"

static uint32_t next(cbit_pattern_t *pattern, cbit_trace_record_t records[CBIT_PATTERN_MAX_STEP])
{
    uint64_t item = cbit_rng_below(&pattern->rng, pattern->items);
    cbit_pattern_access(pattern, item * pattern->traffic->access_bytes, &records[0]);
    return 1;
}

const cbit_pattern_kind_t cbit_pattern_random = {NULL, next};
