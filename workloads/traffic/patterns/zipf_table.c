#include "workloads/traffic/patterns/zipf_table.h"

#include "cbit/sim/time.h"

enum {
    FRACTION_BITS = 32,
    MILLION = 1000000,
    WEIGHT_BITS = 52, /* of rank 1: leaves room for the sum of all groups */
};

/* log2(x) with 32 fractional bits: the whole part, then one bit for each squaring. */
static uint64_t log2_fixed(uint64_t x)
{
    uint64_t whole = 0;
    while (x >> (whole + 1) != 0) {
        whole++;
    }
    uint64_t result = whole << FRACTION_BITS;
    uint64_t mantissa = whole >= 62 ? x >> (whole - 62) : x << (62 - whole); /* 1..2, 62 bits */
    for (int bit = FRACTION_BITS - 1; bit >= 0; bit--) {
        cbit_u128_t square = (cbit_u128_t)mantissa * mantissa; /* 1..4, 124 bits */
        mantissa = (uint64_t)(square >> 62);
        if (mantissa >> 63 != 0) {
            mantissa >>= 1;
            result |= UINT64_C(1) << bit;
        }
    }
    return result;
}

/* 2^(WEIGHT_BITS - y), y with 32 fractional bits: shifts, and square roots of two for the rest. */
static uint64_t exp2_negative(uint64_t y)
{
    /* 2^(-2^-k), k = 1..32, with 63 fractional bits, by repeated square root of one half. */
    uint64_t root = UINT64_C(1) << 62; /* 1/2 */
    uint64_t value = UINT64_C(1) << 63;
    uint64_t whole = y >> FRACTION_BITS;
    for (int bit = FRACTION_BITS - 1; bit >= 0; bit--) {
        cbit_u128_t target = (cbit_u128_t)root << 63;
        uint64_t low = root, high = UINT64_C(1) << 63;
        while (high - low > 1) { /* largest number whose square is not above */
            uint64_t middle = low + (high - low) / 2;
            if ((cbit_u128_t)middle * middle <= target) {
                low = middle;
            } else {
                high = middle;
            }
        }
        root = low;
        if ((y >> bit & 1) != 0) {
            value = (uint64_t)((cbit_u128_t)value * root >> 63);
        }
    }
    return whole > WEIGHT_BITS ? 0 : value >> (63 - WEIGHT_BITS) >> whole;
}

/* rank^-exponent, rank 1 being 2^WEIGHT_BITS. */
static uint64_t weight_of(uint64_t rank, uint64_t exponent)
{
    return exp2_negative((uint64_t)((cbit_u128_t)log2_fixed(rank) * exponent / MILLION));
}

void cbit_zipf_table_init(cbit_zipf_table_t *table, uint64_t n, uint64_t exponent)
{
    uint64_t sum = 0;
    uint64_t rank = 1;
    table->groups = 0;
    while (rank <= n && table->groups < CBIT_ZIPF_GROUPS) {
        uint64_t span = rank / CBIT_ZIPF_STEPS + 1; /* a group is at most 1/32 of its ranks wide */
        span = span > n - rank + 1 ? n - rank + 1 : span;
        /* The middle's weight stands for all: the law is nearly straight over 3 %. */
        cbit_u128_t weight = (cbit_u128_t)weight_of(rank + span / 2, exponent) * span;
        /* Scaled so that 2^40 ranks of equal weight still fit. */
        sum += (uint64_t)(weight >> 29) + 1;
        table->first[table->groups] = rank - 1;
        table->sum[table->groups++] = sum;
        rank += span;
    }
    table->first[table->groups] = n;
}

uint64_t cbit_zipf_table_draw(const cbit_zipf_table_t *table, cbit_rng_t *rng)
{
    uint64_t at = cbit_rng_below(rng, table->sum[table->groups - 1]);
    uint32_t low = 0, high = table->groups - 1;
    while (low < high) { /* the first group whose sum is above */
        uint32_t middle = low + (high - low) / 2;
        if (table->sum[middle] > at) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return table->first[low] + cbit_rng_below(rng, table->first[low + 1] - table->first[low]);
}
