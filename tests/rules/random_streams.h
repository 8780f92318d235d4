/* Random controllers and what they are asked for, to compare the quick one with the plain one. */
#ifndef CBIT_TESTS_RANDOM_STREAMS_H
#define CBIT_TESTS_RANDOM_STREAMS_H

#include "cbit/base/rng.h"
#include "cbit/perf/dram_streams.h"

enum { REQUESTS = 500, ROUNDS = 8, POLICIES = 7 };

/* A stream with everything in it: locality, conflicts, repeated lines, bursts and pauses. */
void random_stream(cbit_rng_t *rng, cbit_stream_request_t *requests, uint32_t count,
                   uint64_t capacity);

/* A device, a map and settings of that policy. */
void random_config(cbit_rng_t *rng, cbit_umc_config_t *config, uint32_t policy);

/* Whatever ranks may do beside requests. */
void random_rest(cbit_rng_t *rng, cbit_umc_config_t *config);

#endif
