/**
 * @file
 * Which ways of a small set may hold a tag, in a byte each.
 *
 * A set keeps eight bits of each tag beside its order (cbit/base/turn.h), eight ways to a word. One
 * comparison of a word tells most ways that do not hold a tag, so that a look in vain touches no
 * tags; those that it names must still be compared, and it names every way that holds the tag.
 */
#ifndef CBIT_BASE_WAYS_H
#define CBIT_BASE_WAYS_H

#include <stdint.h>

enum { CBIT_WAYS_PER_WORD = 8 };

#define CBIT_WAYS_ONES UINT64_C(0x0101010101010101)

/* The eight bits of a tag. */
static inline uint64_t cbit_ways_bits(uint64_t tag)
{
    return tag * UINT64_C(0x9e3779b97f4a7c15) >> 56;
}

static inline void cbit_ways_set(uint64_t *word, uint32_t way, uint64_t bits)
{
    const uint32_t shift = way * 8;
    *word = (*word & ~(UINT64_C(0xff) << shift)) | bits << shift;
}

/* Those of one of a word's ways. */
static inline uint32_t cbit_ways_at(uint64_t word, uint32_t way)
{
    return word >> way * 8 & 0xff;
}

/* Bit 7 of each byte of a word that may be `bits`. Those above the lowest one may be wrong. */
static inline uint64_t cbit_ways_match(uint64_t word, uint64_t bits)
{
    const uint64_t differ = word ^ bits * CBIT_WAYS_ONES;
    return (differ - CBIT_WAYS_ONES) & ~differ & CBIT_WAYS_ONES << 7;
}

/* The lowest way of a match, which is not 0. */
static inline uint32_t cbit_ways_first(uint64_t match)
{
    return (uint32_t)__builtin_ctzll(match) / 8;
}

#endif
