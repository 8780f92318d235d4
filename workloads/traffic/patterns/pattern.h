/* What a pattern file provides, and what it works with. */
#ifndef CBIT_TRAFFIC_PATTERN_H
#define CBIT_TRAFFIC_PATTERN_H

#include "cbit/base/rng.h"
#include "cbit/workloads/traffic.h"
#include "workloads/traffic/patterns/zipf_table.h"
#include "workloads/traffic/shuffle.h"

enum { CBIT_PATTERN_MAX_STEP = 3 }; /* accesses of one step: triad has two loads and a store */

typedef struct cbit_pattern {
    const cbit_traffic_t *traffic;
    uint64_t items;     /* places for an access in the footprint */
    uint64_t step;      /* steps done */
    uint64_t stream_at; /* mixed: steps of its stream */
    cbit_rng_t rng;
    cbit_shuffle_t shuffle;
    cbit_zipf_table_t zipf;
} cbit_pattern_t;

typedef struct cbit_pattern_kind {
    /* Sets what is its own; the rest has been set. May be NULL. */
    void (*init)(cbit_pattern_t *pattern);
    /* The accesses of the next step: gva, kind, depends; size and gap are filled in later. Returns
       their number, 0 only for a pattern without data. */
    uint32_t (*next)(cbit_pattern_t *pattern, cbit_trace_record_t records[CBIT_PATTERN_MAX_STEP]);
} cbit_pattern_kind_t;

extern const cbit_pattern_kind_t cbit_pattern_stream, cbit_pattern_random, cbit_pattern_chase,
    cbit_pattern_strided, cbit_pattern_zipf, cbit_pattern_gups, cbit_pattern_mixed,
    cbit_pattern_idle;

/* A load or a store by read_fraction, at byte `offset` of the footprint. */
void cbit_pattern_access(cbit_pattern_t *pattern, uint64_t offset, cbit_trace_record_t *record);

#endif
