/* The caches of four cores before a fake memory. */
#ifndef CBIT_TESTS_COHERENCE_BENCH_H
#define CBIT_TESTS_COHERENCE_BENCH_H

#include "cbit/cache/cache.h"
#include "tests/support/fake_memory.h"

enum { COHERENCE_CORES = 4 };

typedef struct coherence_bench {
    cbit_kernel_t *kernel;
    fake_memory_t *memory;
    cbit_cache_t *cache;
    cbit_port_t port[COHERENCE_CORES];
} coherence_bench_t;

/* Two complexes of two cores at 1 GHz: L1 1 KiB 2 clocks, L2 2 KiB 6, L3 4 KiB 20 (with an L3 of 16
   ways the others have 8: the short way of most machines; else 2: the general one); from a
   neighbour 30 clocks, from the other complex 100 ns; memory 50 ns. */
coherence_bench_t coherence_bench_create(uint32_t l3_ways, bool inclusive, bool domains);

/* Other caches before the same memory, at 1 GHz. */
coherence_bench_t coherence_bench_of(const cbit_cache_config_t *config, bool domains);

/* Requests that came to memory must have charged all of their time. */
void coherence_bench_destroy(coherence_bench_t *bench);

#endif
