/*
 * What all benchmarks have in common: their two options, and rows of the table of all of them. A
 * benchmark's --json is an object with "rows"; `./dev bench` (bench_table.c) puts those of all
 * benchmarks into one table.
 */
#ifndef CBIT_PERF_BENCHMARKS_ROWS_H
#define CBIT_PERF_BENCHMARKS_ROWS_H

#include <stdbool.h>

#include "perf/benchmarks/meter.h"

typedef struct bench_options {
    bool json;       /* --json: one document on stdout instead of the table */
    uint32_t rounds; /* --rounds N: repeats of everything, 1 to METER_ROUNDS */
} bench_options_t;

/* Leaves with status 2 on anything else. */
bench_options_t bench_options(int argc, char **argv, uint32_t rounds);

typedef enum bench_goal {
    BENCH_NO_GOAL,
    BENCH_VALUE_AT_LEAST, /* the best round: what a busy machine takes away is not ours */
    BENCH_RATIO_AT_LEAST, /* the median of the rounds */
    BENCH_RATIO_AT_MOST,
} bench_goal_t;

typedef struct bench_row {
    const char *what, *unit; /* "stream c", "M requests/s": of CPU time, one core */
    const meter_t *value;    /* more is better */
    const char *beside;      /* what the ratio is to; NULL: there is none */
    const meter_t *ratio;    /* round by round */
    bench_goal_t goal_is;
    double goal;
} bench_row_t;

/* Appends to root's "rows". */
void bench_row_add(cJSON *root, const bench_row_t *row);

/* Prints the document and frees it. */
void bench_print(cJSON *root);

#endif
