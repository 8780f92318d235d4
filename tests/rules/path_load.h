/* A random program for the path's machine (perf/benchmarks/path_machine.h). */
#ifndef CBIT_TESTS_RULES_PATH_LOAD_H
#define CBIT_TESTS_RULES_PATH_LOAD_H

#include "cbit/base/rng.h"
#include "cbit/platform/config.h"
#include "cbit/vcpu/program.h"

typedef struct path_load {
    cbit_rng_t rng;
    uint32_t left;
} path_load_t;

/* The default machine with caches so small that they are full: write-backs and refusals are part of
   what it does. */
void path_load_machine(cbit_platform_config_t *config);

void path_load_init(path_load_t *load, uint32_t references, uint64_t seed);

/* Loads and stores of all sizes, some across lines and pages, near and far, some dependent. */
bool path_load_next(void *self, cbit_op_t *op);

#endif
