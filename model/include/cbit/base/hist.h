/**
 * @file
 * A log-linear histogram of picosecond values: power-of-two buckets of 64 steps each, so a
 * percentile is at most 1.6 % above the true value; count, sum, min and max are exact.
 */
#ifndef CBIT_BASE_HIST_H
#define CBIT_BASE_HIST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_HIST_STEP_BITS = 6,
    CBIT_HIST_BUCKETS = (64 - CBIT_HIST_STEP_BITS + 1) << CBIT_HIST_STEP_BITS,
};

typedef struct cbit_hist {
    uint64_t count, sum, min, max;
    uint64_t buckets[CBIT_HIST_BUCKETS];
} cbit_hist_t;

void cbit_hist_init(cbit_hist_t *hist);
void cbit_hist_add(cbit_hist_t *hist, uint64_t value);
void cbit_hist_merge(cbit_hist_t *into, const cbit_hist_t *from);

/*
 * The smallest bucket bound that at least per_mille/1000 of the values do not exceed, cut to
 * [min, max]; 0 for an empty histogram. per_mille is 0..1000.
 */
uint64_t cbit_hist_percentile(const cbit_hist_t *hist, uint32_t per_mille);

#ifdef __cplusplus
}
#endif
#endif
