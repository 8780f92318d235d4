/*
 * The levels of cache over all their units (cores or complexes): where lines stand, and which of a
 * set was used longest ago. Private to model/cache.
 *
 * Eight ways of a first or second level are one line of the host, with all that a request looks at
 * in it; a set is as many of these as it needs. A third level is found through its lines, so that
 * it keeps nothing but indices and order, each densely. Tags are those of the lines (state.h).
 *
 * A place is (set x words + way / 8) x 8 + way % 8, in levels of both kinds.
 */
#ifndef CBIT_MODEL_CACHE_LEVEL_H
#define CBIT_MODEL_CACHE_LEVEL_H

#include "cbit/base/lru.h"
#include "cbit/base/ways.h"
#include "cbit/cache/cache.h"

enum {
    LINE_SHIFT = 6,
    KEY_BITS = 11, /* PLAIN 0, ASIDs 1..1023, HOST 1024 */
    NO_WAY = 0xff,
};
#define NOWHERE   UINT32_MAX
#define TAG_VALID (UINT64_C(1) << 63)
#define NO_TAG    (TAG_VALID - 1) /* of a number that no address has */

typedef struct cbit_eight {
    _Alignas(64) uint64_t order; /* cbit/base/lru.h */
    uint64_t bits;               /* cbit/base/ways.h, of an L2 */
    uint8_t above[2][8];         /* of an L2: the way in the L1D and in the L1I where the line went,
                                    or NO_WAY; it is there as long as that way has it */
    uint32_t line[8];            /* index in the directory, or NOWHERE */
} cbit_eight_t;

typedef struct cbit_level {
    uint32_t sets, ways, lines; /* of one unit; no lines: no such level */
    uint32_t words;             /* eights of ways in a set */
    cbit_ps_t ps;
    cbit_eight_t *eights; /* of a first or second level */
    uint64_t *order;      /* of a third level */
    uint32_t *line;
} cbit_level_t;

/* Valid, line number, key id: one compare decides. */
static inline uint64_t cbit_tag(cbit_spa_t spa, cbit_key_t key)
{
    return TAG_VALID | (spa >> LINE_SHIFT) << KEY_BITS | key;
}

static inline uint64_t cbit_tag_number(uint64_t tag)
{
    return (tag & ~TAG_VALID) >> KEY_BITS;
}

/* The lower part of it. */
static inline uint32_t cbit_tag_low(uint64_t tag)
{
    return (uint32_t)(tag >> KEY_BITS);
}

static inline cbit_spa_t cbit_tag_spa(uint64_t tag)
{
    return cbit_tag_number(tag) << LINE_SHIFT;
}

static inline cbit_key_t cbit_tag_key(uint64_t tag)
{
    return (cbit_key_t)(tag & ((1U << KEY_BITS) - 1));
}

/* The set of a line, numbered over all units. */
static inline uint32_t cbit_level_set(const cbit_level_t *level, uint32_t unit, uint64_t tag)
{
    return unit * level->sets + (cbit_tag_low(tag) & (level->sets - 1));
}

/* The place of a set's first way. */
static inline uint32_t cbit_level_first(const cbit_level_t *level, uint32_t set)
{
    return set * level->words * 8;
}

/* The place of a unit's n-th line, set after set: for who goes over all of them. */
static inline uint32_t cbit_level_nth(const cbit_level_t *level, uint32_t unit, uint32_t n)
{
    return cbit_level_first(level, unit * level->sets + n / level->ways) + n % level->ways;
}

/* ---- first and second level ---- */

static inline uint32_t *cbit_level_line(const cbit_level_t *level, uint32_t place)
{
    return &level->eights[place / 8].line[place % 8];
}

/* Of a place in an L2: the way in the L1 above it. */
static inline uint8_t *cbit_level_above(const cbit_level_t *level, bool fetch, uint32_t place)
{
    return &level->eights[place / 8].above[fetch][place % 8];
}

/* For sets of more than eight ways, or with room. */
void cbit_level_use_wide(const cbit_level_t *level, uint32_t place);
uint32_t cbit_level_next_wide(const cbit_level_t *level, uint32_t set);
uint32_t cbit_level_take_wide(const cbit_level_t *level, uint32_t set);

static inline void cbit_level_touch(const cbit_level_t *level, uint32_t place)
{
    if (level->words == 1) {
        cbit_lru_use_of_word(&level->eights[place / 8].order, level->ways, place % 8);
    } else {
        cbit_level_use_wide(level, place);
    }
}

/* Full, and of one word: most are, and the shortest way is for them. */
static inline bool cbit_level_is_plain(const cbit_level_t *level, uint32_t set)
{
    return level->words == 1 && (level->eights[set].order & CBIT_LRU_HIGHS) == 0;
}

/* The place for a new line of a set: the first empty one, else that used longest ago. */
static inline uint32_t cbit_level_next(const cbit_level_t *level, uint32_t set)
{
    return cbit_level_is_plain(level, set) ? set * 8 + cbit_lru_oldest(&level->eights[set].order)
                                           : cbit_level_next_wide(level, set);
}

/* Gives that place to a line. *old: the line that was there, or NOWHERE. */
static inline uint32_t cbit_level_take(const cbit_level_t *level, uint32_t set, uint32_t line,
                                       uint32_t *old)
{
    const uint32_t place =
        cbit_level_is_plain(level, set)
            ? set * 8 + cbit_lru_take_of_full(&level->eights[set].order, 1, level->ways)
            : cbit_level_take_wide(level, set);
    *old = *cbit_level_line(level, place);
    *cbit_level_line(level, place) = line;
    return place;
}

/* Empties a place, if it is one. */
static inline void cbit_level_clear(const cbit_level_t *level, uint32_t place)
{
    if (place != NOWHERE) {
        *cbit_level_line(level, place) = NOWHERE;
        cbit_lru_leave(&level->eights[place / 8].order, place % 8);
    }
}

/* ---- third level ---- */

uint32_t cbit_third_next(const cbit_level_t *level, uint32_t set);
uint32_t cbit_third_take_wide(const cbit_level_t *level, uint64_t *order); /* any set's way */
/* The way that a new line has got. */
static inline uint32_t cbit_third_take(const cbit_level_t *level, uint32_t set, uint32_t line,
                                       uint32_t *old)
{
    uint64_t *order = level->order + (size_t)set * level->words;
    const bool plain = level->words == 2 && ((order[0] | order[1]) & CBIT_LRU_HIGHS) == 0;
    const uint32_t way =
        plain ? cbit_lru_take_of_full(order, 2, level->ways) : cbit_third_take_wide(level, order);
    uint32_t *at = &level->line[cbit_level_first(level, set) + way];
    *old = *at;
    *at = line;
    return way;
}

void cbit_third_touch(const cbit_level_t *level, uint32_t set, uint32_t place);
void cbit_third_clear(const cbit_level_t *level, uint32_t place);

/* ---- life ---- */

/* third: of that kind. False: out of memory. */
bool cbit_level_init(cbit_level_t *level, const cbit_cache_level_config_t *config, uint32_t units,
                     bool third, const cbit_clock_t *cclk);
void cbit_level_free(cbit_level_t *level);

#endif
