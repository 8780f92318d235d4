/* A share of the accesses walks through the footprint, the rest goes anywhere. */
#include "workloads/traffic/patterns/pattern.h"

enum { MILLION = 1000000 };

static uint32_t next(cbit_pattern_t *pattern, cbit_trace_record_t records[CBIT_PATTERN_MAX_STEP])
{
    const cbit_traffic_t *traffic = pattern->traffic;
    bool sequential = cbit_rng_below(&pattern->rng, MILLION) < traffic->sequential_fraction;
    uint64_t item = sequential ? pattern->stream_at++ % pattern->items
                               : cbit_rng_below(&pattern->rng, pattern->items);
    cbit_pattern_access(pattern, item * traffic->access_bytes, &records[0]);
    return 1;
}

const cbit_pattern_kind_t cbit_pattern_mixed = {NULL, next};
