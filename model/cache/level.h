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

#include "cbit/base/turn.h"
#include "cbit/base/ways.h"
#include "cbit/cache/cache.h"

enum {
    LINE_SHIFT = 6,
    KEY_BITS = 11, /* PLAIN 0, ASIDs 1..1023, HOST 1024 */
    KEPT_BITS = 8, /* of a line's number, by an L2, above those of the set */
    NO_WAY = 0xff,
};
#define NOWHERE   UINT32_MAX
#define TAG_VALID (UINT64_C(1) << 63)
#define NO_TAG    (TAG_VALID - 1) /* of a number that no address has */

typedef struct cbit_eight {
    _Alignas(64) uint64_t order; /* cbit/base/turn.h */
    uint64_t bits;               /* cbit/base/ways.h, of an L2: of the line's number, those above
                                    the ones that tell its set */
    uint8_t above[16];           /* of an L2: the way in the L1D and in the L1I where the line went,
                                    or NO_WAY; it is there as long as that way has it */
    uint32_t line[8];            /* index in the directory, or NOWHERE */
} cbit_eight_t;

typedef struct cbit_level {
    uint32_t sets, ways, lines; /* of one unit; no lines: no such level */
    uint32_t words;             /* eights of ways in a set */
    uint32_t set_bits;          /* log2 of sets */
    uint32_t last;              /* cbit/base/turn.h */
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

/* What an L2 keeps of the lower part of a line's number. */
static inline uint64_t cbit_level_bits(const cbit_level_t *level, uint32_t low)
{
    return low >> level->set_bits & ((1U << KEPT_BITS) - 1);
}

/* As many bits of the lower part of its line's number as an L2 tells of a way: those of its own set
   and eight more. set: of its unit. */
static inline uint32_t cbit_level_low(const cbit_level_t *level, const cbit_eight_t *eight,
                                      uint32_t set, uint32_t way)
{
    return set | cbit_ways_at(eight->bits, way) << level->set_bits;
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
    return &level->eights[place / 8].above[fetch * 8U + place % 8];
}

/* For sets of more than eight ways. */
void cbit_level_use_wide(const cbit_level_t *level, uint32_t place);
uint32_t cbit_level_take_wide(const cbit_level_t *level, uint32_t set);

static inline void cbit_level_touch(const cbit_level_t *level, uint32_t place)
{
    if (level->words == 1) {
        cbit_turn_use(&level->eights[place / 8].order, 1, level->last, place % 8);
    } else {
        cbit_level_use_wide(level, place);
    }
}

/* Gives the next place of a set to a line. *old: the line that was there, or NOWHERE. */
static inline uint32_t cbit_level_take(const cbit_level_t *level, uint32_t set, uint32_t line,
                                       uint32_t *old)
{
    const uint32_t place = level->words == 1
                               ? set * 8 + cbit_turn_take(&level->eights[set].order, 1, level->last)
                               : cbit_level_take_wide(level, set);
    *old = *cbit_level_line(level, place);
    *cbit_level_line(level, place) = line;
    return place;
}

/* Empties a place, if it is one: a line is there. */
void cbit_level_clear(const cbit_level_t *level, uint32_t place);

/* ---- third level ---- */

static inline uint64_t *cbit_third_order(const cbit_level_t *level, uint32_t set)
{
    return level->order + (size_t)set * level->words;
}

/* The way that a new line has got. */
static inline uint32_t cbit_third_take(const cbit_level_t *level, uint32_t set, uint32_t line,
                                       uint32_t *old)
{
    uint64_t *order = cbit_third_order(level, set);
    const uint32_t way = cbit_turn_take(order, level->words, level->last);
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
