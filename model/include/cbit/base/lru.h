/**
 * @file
 * Which member of a small set was used longest ago, in a byte each.
 *
 * The order of a set is a permutation: byte `way` says how many of the set were used before it; 0
 * is the one used longest ago. Eight ways to a word, so that a use moves eight of them at once.
 * Bytes beyond the last way are 0 and stay so. Bit 7 of a byte marks a way that is empty, for sets
 * that fill and empty (cbit_lru_leave, cbit_lru_take); such a way keeps its place in the order.
 */
#ifndef CBIT_BASE_LRU_H
#define CBIT_BASE_LRU_H

#include <stdint.h>

enum { CBIT_LRU_WAYS_PER_WORD = 8, CBIT_LRU_MAX_WAYS = 64 };

#define CBIT_LRU_ONES  UINT64_C(0x0101010101010101)
#define CBIT_LRU_HIGHS (CBIT_LRU_ONES << 7)

static inline uint32_t cbit_lru_words(uint32_t ways)
{
    return (ways + CBIT_LRU_WAYS_PER_WORD - 1) / CBIT_LRU_WAYS_PER_WORD;
}

/* Way 0 was used longest ago. order: cbit_lru_words(ways) words, all 0. */
static inline void cbit_lru_init(uint64_t *order, uint32_t ways)
{
    for (uint32_t way = 0; way < ways; way++) {
        order[way / 8] |= (uint64_t)way << way % 8 * 8;
    }
}

/* Bit 7 of each byte of a word that is greater than `mine`; all are below 64. */
static inline uint64_t cbit_lru_later(uint64_t word, uint64_t mine)
{
    return ((word | CBIT_LRU_HIGHS) - (mine + 1) * CBIT_LRU_ONES) & CBIT_LRU_HIGHS;
}

/* A way of a set of at most eight is used: all that were used after it move one down. */
static inline void cbit_lru_use_of_word(uint64_t *order, uint32_t ways, uint32_t way)
{
    const uint32_t shift = way * 8;
    const uint64_t moved = *order - (cbit_lru_later(*order, *order >> shift & 0xff) >> 7);
    *order = (moved & ~(UINT64_C(0xff) << shift)) | (uint64_t)(ways - 1) << shift;
}

/* The same as a use for any set. */
static inline void cbit_lru_use(uint64_t *order, uint32_t words, uint32_t ways, uint32_t way)
{
    const uint32_t shift = way % 8 * 8;
    uint64_t *at = &order[way / 8];
    const uint64_t mine = *at >> shift & 0xff;
    if (mine == ways - 1) {
        return;
    }
    for (uint32_t word = 0; word < words; word++) {
        order[word] -= cbit_lru_later(order[word], mine) >> 7;
    }
    *at = (*at & ~(UINT64_C(0xff) << shift)) | (uint64_t)(ways - 1) << shift;
}

/* The way that was used longest ago, of a set without empty ones. */
static inline uint32_t cbit_lru_oldest(const uint64_t *order)
{
    for (uint32_t word = 0;; word++) {
        /* The lowest byte that is 0; a borrow reaches only bytes above one. */
        const uint64_t zero = (order[word] - CBIT_LRU_ONES) & ~order[word] & CBIT_LRU_HIGHS;
        if (zero != 0) {
            return word * 8 + (uint32_t)__builtin_ctzll(zero) / 8;
        }
    }
}

/* The way with the lowest byte that is 0 in one word, or in two; the last way if there is none, as
   can be where ways are empty. Without a branch: which way it is cannot be foretold. */
static inline uint32_t cbit_lru_guess_of_word(uint64_t word)
{
    const uint64_t zero = (word - CBIT_LRU_ONES) & ~word & CBIT_LRU_HIGHS;
    return (uint32_t)__builtin_ctzll(zero | UINT64_C(1) << 63) / 8;
}

static inline uint32_t cbit_lru_guess_of_two(const uint64_t *order)
{
    const uint64_t low = (order[0] - CBIT_LRU_ONES) & ~order[0] & CBIT_LRU_HIGHS;
    const uint64_t high = (order[1] - CBIT_LRU_ONES) & ~order[1] & CBIT_LRU_HIGHS;
    const uint64_t none = low == 0;
    const uint64_t zero = low | (high & -none) | UINT64_C(1) << 63;
    return (uint32_t)(none * 8) + (uint32_t)__builtin_ctzll(zero) / 8;
}

static inline void cbit_lru_leave(uint64_t *order, uint32_t way)
{
    order[way / 8] |= UINT64_C(0x80) << way % 8 * 8;
}

/* The first empty way, or `none`. */
static inline uint32_t cbit_lru_empty(const uint64_t *order, uint32_t words, uint32_t none)
{
    for (uint32_t word = 0; word < words; word++) {
        if ((order[word] & CBIT_LRU_HIGHS) != 0) {
            return word * 8 + (uint32_t)__builtin_ctzll(order[word] & CBIT_LRU_HIGHS) / 8;
        }
    }
    return none;
}

/* The way for a newcomer: the first empty one, else that used longest ago. */
static inline uint32_t cbit_lru_next(const uint64_t *order, uint32_t words)
{
    const uint32_t empty = cbit_lru_empty(order, words, CBIT_LRU_MAX_WAYS);
    return empty != CBIT_LRU_MAX_WAYS ? empty : cbit_lru_oldest(order);
}

/* The same, and uses it: it is not empty any more. */
static inline uint32_t cbit_lru_take(uint64_t *order, uint32_t words, uint32_t ways)
{
    const uint32_t way = cbit_lru_next(order, words);
    order[way / 8] &= ~(UINT64_C(0x80) << way % 8 * 8);
    cbit_lru_use(order, words, ways, way);
    return way;
}

/* Bit 7 of each byte of a word that is 0; all others move one down. Bit 7 of none is set before. */
static inline uint64_t cbit_lru_age_word(uint64_t *word)
{
    const uint64_t others = (*word + (CBIT_LRU_HIGHS - CBIT_LRU_ONES)) & CBIT_LRU_HIGHS;
    *word -= others >> 7;
    return others ^ CBIT_LRU_HIGHS;
}

/* The same for a set without empty ways, and without a branch. */
static inline uint32_t cbit_lru_take_of_full(uint64_t *order, uint32_t words, uint32_t ways)
{
    uint32_t at = words - 1;
    uint64_t zero = cbit_lru_age_word(&order[at]);
    for (uint32_t word = at; word-- > 0;) {
        const uint64_t lower = cbit_lru_age_word(&order[word]);
        const uint64_t here = -(uint64_t)(lower != 0);
        zero = lower | (zero & ~here);
        at = (at & ~(uint32_t)here) | (word & (uint32_t)here);
    }
    const uint32_t shift = (uint32_t)__builtin_ctzll(zero) & ~7U;
    order[at] |= (uint64_t)(ways - 1) << shift;
    return at * 8 + shift / 8;
}

#endif
