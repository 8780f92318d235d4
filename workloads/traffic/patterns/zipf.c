/* Ranks by Zipf's law, scattered over the footprint in a seeded order. */
#include "workloads/traffic/patterns/pattern.h"

static void init(cbit_pattern_t *pattern)
{
    cbit_zipf_table_init(&pattern->zipf, pattern->items, pattern->traffic->exponent);
    cbit_shuffle_init(&pattern->shuffle, pattern->items, cbit_rng_u64(&pattern->rng));
}

static uint32_t next(cbit_pattern_t *pattern, cbit_trace_record_t records[CBIT_PATTERN_MAX_STEP])
{
    uint64_t rank = cbit_zipf_table_draw(&pattern->zipf, &pattern->rng);
    uint64_t item = cbit_shuffle_at(&pattern->shuffle, rank);
    cbit_pattern_access(pattern, item * pattern->traffic->access_bytes, &records[0]);
    return 1;
}

const cbit_pattern_kind_t cbit_pattern_zipf = {init, next};
