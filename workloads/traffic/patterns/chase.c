/* A cycle through all items in a seeded order: no item comes twice before all have come. */
#include "workloads/traffic/patterns/pattern.h"

static void init(cbit_pattern_t *pattern)
{
    pattern->items = pattern->traffic->footprint / pattern->traffic->stride;
    cbit_shuffle_init(&pattern->shuffle, pattern->items, cbit_rng_u64(&pattern->rng));
}

static uint32_t next(cbit_pattern_t *pattern, cbit_trace_record_t records[CBIT_PATTERN_MAX_STEP])
{
    uint64_t item = cbit_shuffle_at(&pattern->shuffle, pattern->step % pattern->items);
    records[0] =
        (cbit_trace_record_t){.gva = CBIT_TRAFFIC_BASE_GVA + item * pattern->traffic->stride,
                              .kind = CBIT_TRACE_LOAD,
                              .depends = true};
    return 1;
}

const cbit_pattern_kind_t cbit_pattern_chase = {init, next};
