/* One controller with its kernel, store and engine, and requests that remember their answers. */
#ifndef CBIT_TESTS_UMC_BENCH_H
#define CBIT_TESTS_UMC_BENCH_H

#include <stdbool.h>
#include <string.h>

#include "cbit/umc/umc.h"
#include "cbit_test.h"

enum { BENCH_REQUESTS = 4096, BENCH_DEPTH = 11, BENCH_SLOTS = 16 };

typedef struct bench_request {
    cbit_txn_t txn;
    cbit_event_t send;
    struct bench *bench;
    bool answered;
    cbit_ps_t at_ps, sent_ps, answered_ps;
} bench_request_t;

typedef struct bench {
    cbit_kernel_t *kernel;
    cbit_store_t *store;
    cbit_cipher_t *cipher;
    cbit_umc_config_t config;
    cbit_aes_engine_config_t engine_config;
    bool tsme;
    bool timing_only; /* nothing has bytes: reads may be answered ahead */
    uint32_t back_ps; /* how much later than they are there answers are heard */
    cbit_aes_engine_t engine;
    bool beside; /* kernel and store are another bench's */
    uint32_t channel;
    cbit_umc_t *umc;
    cbit_port_t port;
    cbit_waiter_t waiter;
    uint32_t count, next, done; /* added, sent, answered */
    bench_request_t request[BENCH_REQUESTS];
} bench_t;

/* Defaults: DDR4-3200AA x8 8 Gb, one rank. Change config and engine_config, then bench_start. */
bench_t *bench_create(void);
/* The same as another channel of a machine; destroyed first. */
bench_t *bench_beside(const bench_t *first, uint32_t channel);
void bench_start(bench_t *bench, bool engine);
void bench_destroy(bench_t *bench);

/* Loads a key made of the slot's number into slots 1..3 and the host's (0). */
void bench_load_keys(bench_t *bench);

/* A request that will be sent at at_ps, not before the one added last; data for writes may be NULL
 * (zeros). */
bench_request_t *bench_add(bench_t *bench, cbit_command_t command, cbit_spa_t spa, uint32_t bytes,
                           cbit_key_t key, const void *data, cbit_ps_t at_ps);
void bench_run(bench_t *bench);
bool bench_all_answered(const bench_t *bench);

#endif
