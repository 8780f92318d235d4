/*
 * Where a benchmark's time goes: the program counter every millisecond of CPU time, by layer of the
 * project. A function's layer follows from its name; that of a file's own functions is the layer of
 * the function with a public name that comes next, which compilers put behind them.
 */
#ifndef CBIT_PERF_BENCHMARKS_WHERE_H
#define CBIT_PERF_BENCHMARKS_WHERE_H

#include <stdint.h>

enum { WHERE_LAYERS = 10 };

typedef struct where {
    uint64_t samples[WHERE_LAYERS], all;
} where_t;

const char *where_layer(uint32_t layer); /* "caches" */

/* Samples what runs until where_end; one at a time. */
void where_begin(void);
/* Adds what was sampled. */
void where_end(where_t *to);

#endif
