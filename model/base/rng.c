#include "cbit/base/rng.h"

#include <string.h>

enum { U64_BYTES = 8 };

uint64_t cbit_splitmix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void cbit_rng_init(cbit_rng_t *rng, uint64_t seed, uint64_t stream)
{
    uint64_t x = cbit_splitmix64(seed) ^ cbit_splitmix64(~stream);
    for (int i = 0; i < 4; i++) {
        x = cbit_splitmix64(x);
        rng->state[i] = x;
    }
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t cbit_rng_u64(cbit_rng_t *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t cbit_rng_below(cbit_rng_t *rng, uint64_t bound)
{
    if (bound == 0) {
        return 0;
    }
    /* Values below 2^64 mod bound would be drawn once too often. */
    uint64_t reject_below = (0 - bound) % bound;
    uint64_t x;
    do {
        x = cbit_rng_u64(rng);
    } while (x < reject_below);
    return x % bound;
}

void cbit_rng_bytes(cbit_rng_t *rng, void *bytes, size_t len_bytes)
{
    unsigned char *to = bytes;
    while (len_bytes > 0) {
        /* Low byte first, so that the stream does not depend on the host's byte order. */
        uint64_t x = cbit_rng_u64(rng);
        size_t n = len_bytes < U64_BYTES ? len_bytes : U64_BYTES;
        for (size_t i = 0; i < n; i++) {
            *to++ = (unsigned char)(x >> (8 * i));
        }
        len_bytes -= n;
    }
}
