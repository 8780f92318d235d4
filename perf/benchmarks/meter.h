/*
 * What the benchmarks measure with: CPU seconds of this thread, several rounds of each thing, and
 * the clock that the core really ran at meanwhile, since a shared machine changes it by the second.
 */
#ifndef CBIT_PERF_BENCHMARKS_METER_H
#define CBIT_PERF_BENCHMARKS_METER_H

#include <stdint.h>

#include <cjson/cJSON.h>

enum { METER_ROUNDS = 64 };

typedef struct meter {
    double values[METER_ROUNDS]; /* in the order of the rounds */
    uint32_t count;
} meter_t;

double meter_cpu_seconds(void);

/* Core clocks a second, by a chain of dependent additions; takes about 2 ms. */
double meter_core_hz(void);

void meter_add(meter_t *meter, double value);
double meter_best(const meter_t *meter);   /* the greatest */
double meter_least(const meter_t *meter);  /* the smallest */
double meter_median(const meter_t *meter); /* the lower one of two */

/* The greatest of `over` by the greatest of `under` would hide noise: this is round by round. */
meter_t meter_ratio(const meter_t *over, const meter_t *under);

/* Each value times a factor, and a factor by each value. */
meter_t meter_scaled(const meter_t *meter, double factor);
meter_t meter_inverse(const meter_t *meter, double factor);

/* {"best", "median", "least", "rounds"}; owned by the caller. */
cJSON *meter_json(const meter_t *meter);

/* {"host", "cpu", "cores"}; owned by the caller. */
cJSON *meter_machine(void);

#endif
