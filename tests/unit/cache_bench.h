/* A cache of one core before a fake memory, and one access at a time. */
#ifndef CBIT_TESTS_CACHE_BENCH_H
#define CBIT_TESTS_CACHE_BENCH_H

#include "cbit/cache/cache.h"
#include "tests/support/fake_memory.h"

typedef struct bench {
    cbit_kernel_t *kernel;
    fake_memory_t *memory;
    cbit_cache_t *cache;
    cbit_port_t port;
} bench_t;

/* One request and what became of it. */
typedef struct bench_request {
    cbit_txn_t txn;
    const bench_t *bench;
    cbit_ps_t done_ps; /* 0: not yet */
} bench_request_t;

/* 1 GHz: one clock is 1000 ps. */
extern const cbit_clock_t bench_clock;

/* One level of 4 KiB in 2 ways: 32 sets, lines 2 KiB apart share a set; hits take 3 ns, memory
   50 ns and capacity requests at once. */
bench_t bench_create(uint32_t mshrs, uint32_t capacity);
/* The same of one set, with so many ways. */
bench_t bench_create_wide(uint32_t ways);
void bench_destroy(bench_t *bench);

/* A reply of a bench_request_t; its stages must add up to its latency. */
void bench_answered(void *self, cbit_txn_t *txn);

/* False if the cache refuses. bytes may be NULL. */
bool bench_send(const bench_t *bench, bench_request_t *request, cbit_command_t command,
                cbit_spa_t spa, cbit_key_t key, const void *bytes, uint32_t len_bytes);

/* Sends, runs until nothing is left to do, and gives the latency. */
cbit_ps_t bench_complete(const bench_t *bench, bench_request_t *request, cbit_command_t command,
                         cbit_spa_t spa, cbit_key_t key, const void *bytes, uint32_t len_bytes);

/* quick() has nothing there. */
void bench_look_in_vain(const bench_t *bench, cbit_spa_t spa, cbit_key_t key);

uint64_t bench_load(const bench_t *bench, cbit_spa_t spa, cbit_key_t key);
void bench_store(const bench_t *bench, cbit_spa_t spa, cbit_key_t key, uint64_t value);
uint64_t bench_in_memory(const bench_t *bench, cbit_spa_t spa, cbit_key_t key);

#endif
