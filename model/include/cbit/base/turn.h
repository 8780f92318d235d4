/**
 * @file
 * The ways of a small set in the order in which their turn to be replaced comes: a queue, a byte
 * for each, eight to a word. The first is the low byte of the first word.
 *
 * First stand the ways that are empty, in the order of their numbers; behind them the others, from
 * the one used longest ago on. So whose turn it is needs no search, and what comes into a set moves
 * the whole queue by one byte. Bytes beyond the last way are 0 and stay so.
 */
#ifndef CBIT_BASE_TURN_H
#define CBIT_BASE_TURN_H

#include <stdint.h>

#include "cbit/base/ways.h"

enum { CBIT_TURN_MAX_WAYS = 64 };

static inline uint32_t cbit_turn_words(uint32_t ways)
{
    return (ways + CBIT_WAYS_PER_WORD - 1) / CBIT_WAYS_PER_WORD;
}

/* Where the last place of the queue is in the last word. */
static inline uint32_t cbit_turn_last(uint32_t ways)
{
    return (ways - 1) % CBIT_WAYS_PER_WORD * 8;
}

/* All empty. order: cbit_turn_words(ways) words, all 0. */
static inline void cbit_turn_init(uint64_t *order, uint32_t ways)
{
    for (uint32_t way = 0; way < ways; way++) {
        order[way / 8] |= (uint64_t)way << way % 8 * 8;
    }
}

/* The way at a place of the queue. */
static inline uint32_t cbit_turn_at(const uint64_t *order, uint32_t place)
{
    return order[place / 8] >> place % 8 * 8 & 0xff;
}

/* The way for a newcomer: the first empty one, else that used longest ago. */
static inline uint32_t cbit_turn_next(const uint64_t *order)
{
    return *order & 0xff;
}

/* The next way, which is the newest from now on. last: cbit_turn_last of its number of ways. */
static inline uint32_t cbit_turn_take(uint64_t *order, uint32_t words, uint32_t last)
{
    const uint64_t way = *order & 0xff;
    for (uint32_t word = 0; word + 1 < words; word++) {
        order[word] = order[word] >> 8 | order[word + 1] << 56;
    }
    order[words - 1] = order[words - 1] >> 8 | way << last;
    return (uint32_t)way;
}

/* Takes a way out: those behind it move one up. */
static inline void cbit_turn_remove(uint64_t *order, uint32_t words, uint32_t way)
{
    uint32_t word = 0;
    uint64_t found = cbit_ways_match(order[0], way);
    while (word + 1 < words && found == 0) {
        found = cbit_ways_match(order[++word], way);
    }
    /* Of the bytes that are named, the lowest one is the way. */
    const uint64_t before = (found ^ (found - 1)) >> 8;
    order[word] = (order[word] & before) | (order[word] >> 8 & ~before);
    for (; word + 1 < words; word++) {
        order[word] |= order[word + 1] << 56;
        order[word + 1] >>= 8;
    }
}

/* A way that is not empty is used: it is the newest. */
static inline void cbit_turn_use(uint64_t *order, uint32_t words, uint32_t last, uint32_t way)
{
    cbit_turn_remove(order, words, way);
    order[words - 1] |= (uint64_t)way << last;
}

/* A way becomes empty; of those that are, `place` ones have lower numbers. */
static inline void cbit_turn_leave(uint64_t *order, uint32_t words, uint32_t way, uint32_t place)
{
    cbit_turn_remove(order, words, way);
    const uint32_t at = place / 8, shift = place % 8 * 8;
    for (uint32_t word = words - 1; word > at; word--) {
        order[word] = order[word] << 8 | order[word - 1] >> 56;
    }
    const uint64_t before = (UINT64_C(1) << shift) - 1;
    order[at] = (order[at] & before) | (uint64_t)way << shift | (order[at] & ~before) << 8;
}

#endif
