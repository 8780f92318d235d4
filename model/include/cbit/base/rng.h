/**
 * @file
 * Random numbers that are the same everywhere: splitmix64 (Steele, Lea, Flood, OOPSLA 2014) for
 * hashing and seeding, xoshiro256** (Blackman, Vigna 2018) for streams.
 *
 * None of this is for secrets of the real world; the model's keys come from it on purpose, because
 * a run must repeat to the byte.
 */
#ifndef CBIT_BASE_RNG_H
#define CBIT_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_rng {
    uint64_t state[4];
} cbit_rng_t;

/* The splitmix64 finaliser: a bijective hash of 64 bits. */
uint64_t cbit_splitmix64(uint64_t x);

/* Starts a stream; different `stream` values of one seed are independent. */
void cbit_rng_init(cbit_rng_t *rng, uint64_t seed, uint64_t stream);

uint64_t cbit_rng_u64(cbit_rng_t *rng);

/* Uniform in [0, bound), without modulo bias; bound 0 gives 0. */
uint64_t cbit_rng_below(cbit_rng_t *rng, uint64_t bound);

void cbit_rng_bytes(cbit_rng_t *rng, void *bytes, size_t len_bytes);

#ifdef __cplusplus
}
#endif
#endif
