/*
 * Zipf's law in integers: the ranks 1..n in groups of nearly equal probability each, chosen by
 * weight, and a rank within the group evenly.
 */
#ifndef CBIT_TRAFFIC_ZIPF_TABLE_H
#define CBIT_TRAFFIC_ZIPF_TABLE_H

#include <stdint.h>

#include "cbit/base/rng.h"

enum {
    CBIT_ZIPF_STEPS = 32,                    /* groups in each power of two of ranks */
    CBIT_ZIPF_GROUPS = CBIT_ZIPF_STEPS * 48, /* enough for 2^47 ranks */
};

typedef struct cbit_zipf_table {
    uint32_t groups;
    uint64_t first[CBIT_ZIPF_GROUPS + 1]; /* rank (from 0) that the group starts with */
    uint64_t sum[CBIT_ZIPF_GROUPS];       /* weights up to and with the group */
} cbit_zipf_table_t;

/* n is 1..2^40; exponent in millionths, at most 4 000 000. */
void cbit_zipf_table_init(cbit_zipf_table_t *table, uint64_t n, uint64_t exponent);

/* A rank in 0..n-1, 0 the most likely. */
uint64_t cbit_zipf_table_draw(const cbit_zipf_table_t *table, cbit_rng_t *rng);

#endif
