#include "workloads/traffic/shuffle.h"

#include "cbit/base/rng.h"

void cbit_shuffle_init(cbit_shuffle_t *shuffle, uint64_t n, uint64_t seed)
{
    *shuffle = (cbit_shuffle_t){.n = n, .seed = cbit_splitmix64(seed), .half_bits = 1};
    while (UINT64_C(1) << (2 * shuffle->half_bits) < n) {
        shuffle->half_bits++;
    }
}

/* A Feistel network is a permutation of 2^(2 half_bits) numbers; those past n are walked over. */
uint64_t cbit_shuffle_at(const cbit_shuffle_t *shuffle, uint64_t i)
{
    enum { ROUNDS = 4 };
    uint64_t mask = (UINT64_C(1) << shuffle->half_bits) - 1;
    do {
        uint64_t left = i >> shuffle->half_bits, right = i & mask;
        for (uint64_t round = 0; round < ROUNDS; round++) {
            uint64_t mixed = cbit_splitmix64(shuffle->seed ^ (right << 3 | round));
            uint64_t next = left ^ (mixed & mask);
            left = right;
            right = next;
        }
        i = left << shuffle->half_bits | right;
    } while (i >= shuffle->n);
    return i;
}
