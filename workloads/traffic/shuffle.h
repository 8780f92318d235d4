/* A seeded order of n numbers that takes no memory. */
#ifndef CBIT_TRAFFIC_SHUFFLE_H
#define CBIT_TRAFFIC_SHUFFLE_H

#include <stdint.h>

typedef struct cbit_shuffle {
    uint64_t n, seed;
    uint32_t half_bits;
} cbit_shuffle_t;

/* n is 1..2^62. */
void cbit_shuffle_init(cbit_shuffle_t *shuffle, uint64_t n, uint64_t seed);

/* Where number i of 0..n-1 is; different i have different places in 0..n-1. */
uint64_t cbit_shuffle_at(const cbit_shuffle_t *shuffle, uint64_t i);

#endif
