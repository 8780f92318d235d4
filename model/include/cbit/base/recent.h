/**
 * @file
 * The ways of a small set in the order of their use, newest first, and eight bits of what each
 * holds, by rank.
 *
 * Byte r of `ways` is the way that was used as the r-th last one, byte r of `bits` eight bits of
 * its tag (cbit/base/ways.h). What is newest stays where it is when it is used again, and the
 * oldest becomes the newest by shifting both words: for sets that are mostly asked for their newest
 * way, or mostly filled. (cbit/base/turn.h: oldest first, for sets that fill and empty.)
 * Bytes beyond the last rank are 0 and stay so.
 */
#ifndef CBIT_BASE_RECENT_H
#define CBIT_BASE_RECENT_H

#include <stdint.h>

#include "cbit/base/ways.h"

enum { CBIT_RECENT_MAX_WAYS = 8 };

typedef struct cbit_recent {
    uint64_t ways;
    uint64_t bits;
} cbit_recent_t;

/* What all sets of so many ways have in common. */
typedef struct cbit_recent_shape {
    uint64_t all;  /* the bytes that are used */
    uint32_t last; /* where the oldest one's begins */
} cbit_recent_shape_t;

/* ways: 1 to CBIT_RECENT_MAX_WAYS. */
static inline cbit_recent_shape_t cbit_recent_shape_of(uint32_t ways)
{
    const cbit_recent_shape_t shape = {UINT64_MAX >> (64 - 8 * ways), 8 * (ways - 1)};
    return shape;
}

/* Way 0 was used longest ago; all bits are 0. */
static inline void cbit_recent_init(cbit_recent_t *set, uint32_t ways)
{
    set->ways = set->bits = 0;
    for (uint32_t way = 0; way < ways; way++) {
        set->ways = set->ways << 8 | way;
    }
}

static inline uint32_t cbit_recent_newest(const cbit_recent_t *set)
{
    return set->ways & 0xff;
}

/* The rank of a way. */
static inline uint32_t cbit_recent_rank(const cbit_recent_t *set, uint32_t way)
{
    return cbit_ways_first(cbit_ways_match(set->ways, way));
}

static inline uint32_t cbit_recent_way(const cbit_recent_t *set, uint32_t rank)
{
    return set->ways >> 8 * rank & 0xff;
}

/* The byte of a rank comes to the front of a word. */
static inline uint64_t cbit_recent_to_front(uint64_t word, uint32_t rank)
{
    const uint64_t older = UINT64_MAX << 8 * rank << 8;
    return (word & older) | (word << 8 & ~older) | (word >> 8 * rank & 0xff);
}

/* The way of that rank is used. */
static inline void cbit_recent_use(cbit_recent_t *set, uint32_t rank)
{
    set->ways = cbit_recent_to_front(set->ways, rank);
    set->bits = cbit_recent_to_front(set->bits, rank);
}

/* The way that was used longest ago becomes the newest, for what has these bits. Gives the way. */
static inline uint32_t cbit_recent_turn(cbit_recent_t *set, cbit_recent_shape_t shape,
                                        uint64_t bits)
{
    const uint32_t way = (uint32_t)(set->ways >> shape.last);
    set->ways = (set->ways << 8 | way) & shape.all;
    set->bits = (set->bits << 8 | bits) & shape.all;
    return way;
}

/* The way of that rank becomes the one used longest ago, with bits 0. */
static inline void cbit_recent_forget(cbit_recent_t *set, cbit_recent_shape_t shape, uint32_t rank)
{
    const uint64_t way = cbit_recent_way(set, rank);
    const uint64_t newer = ~(UINT64_MAX << 8 * rank);
    set->ways = (set->ways & newer) | (set->ways >> 8 & ~newer) | way << shape.last;
    set->bits = (set->bits & newer) | (set->bits >> 8 & ~newer);
}

#endif
