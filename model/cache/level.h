/*
 * One level of cache over all its units (cores or complexes): where lines stand, and which of a set
 * was used longest ago. Private to model/cache.
 *
 * A set has W ways of room, its ways rounded up to a power of two, at least 8. What a request looks
 * at stands together, so that a set of 8 ways is one line of the host:
 *
 *   first level    order (W bytes), 3 W of nothing, lines (4 W)
 *   second level   order, bits of tags, ways in the L1D and in the L1I (W bytes each), lines
 *   third level    orders of all sets apart from lines: it is found through its lines
 *
 * Tags are those of the lines (state.h). A place is an index into `line`.
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

typedef struct cbit_level {
    uint64_t *order;   /* cbit/base/lru.h; first of what was allocated */
    uint32_t *line;    /* index in the directory, or NOWHERE */
    uint64_t *bits;    /* cbit/base/ways.h, of an L2 */
    uint8_t *above[2]; /* of an L2: the way in the L1D and in the L1I where the line went, or
                          NO_WAY; it is there as long as that way has it */
    uint32_t sets, ways, lines; /* lines: of one unit; 0: no such level */
    uint8_t words;              /* of a set's order */
    uint8_t way_shift;          /* log2 of W */
    uint8_t line_shift;         /* log2 of places from set to set */
    uint8_t order_shift;        /* the same of words of order */
    cbit_ps_t ps;
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
    return unit * level->sets + ((uint32_t)cbit_tag_number(tag) & (level->sets - 1));
}

static inline uint64_t *cbit_level_order(const cbit_level_t *level, uint32_t set)
{
    return level->order + ((size_t)set << level->order_shift);
}

static inline uint64_t *cbit_level_bits(const cbit_level_t *level, uint32_t set)
{
    return level->bits + ((size_t)set << level->order_shift);
}

static inline uint32_t cbit_level_place(const cbit_level_t *level, uint32_t set, uint32_t way)
{
    return (set << level->line_shift) + way;
}

static inline uint32_t cbit_level_way(const cbit_level_t *level, uint32_t place)
{
    return place & ((1U << level->way_shift) - 1);
}

/* Of a place in an L2: the way in the L1 above it. */
static inline uint8_t *cbit_level_above(const cbit_level_t *level, bool fetch, uint32_t place)
{
    return level->above[fetch] + ((size_t)(place >> level->line_shift) << (level->way_shift + 3)) +
           cbit_level_way(level, place);
}

/* The place of a unit's n-th line, set after set: for who goes over all of them. */
static inline uint32_t cbit_level_nth(const cbit_level_t *level, uint32_t unit, uint32_t n)
{
    return cbit_level_place(level, unit * level->sets + n / level->ways, n % level->ways);
}

void cbit_level_use(const cbit_level_t *level, uint64_t *order, uint32_t way); /* any set's */

static inline void cbit_level_touch(cbit_level_t *level, uint32_t place)
{
    uint64_t *order = cbit_level_order(level, place >> level->line_shift);
    if (level->words == 1) {
        cbit_lru_use_of_word(order, level->ways, cbit_level_way(level, place));
    } else {
        cbit_level_use(level, order, cbit_level_way(level, place));
    }
}

/* Full, and of one word: most are, and the shortest way is for them. */
static inline bool cbit_level_is_plain(const cbit_level_t *level, const uint64_t *order)
{
    return level->words == 1 && (*order & CBIT_LRU_HIGHS) == 0;
}

/* The way for a new line, of any set: the first empty one, else that used longest ago. */
uint32_t cbit_level_next_way(const cbit_level_t *level, const uint64_t *order);
uint32_t cbit_level_take_way(const cbit_level_t *level, uint64_t *order);

/* The place for a new line of a set. */
static inline uint32_t cbit_level_next(const cbit_level_t *level, uint32_t set)
{
    const uint64_t *order = cbit_level_order(level, set);
    return cbit_level_place(level, set,
                            cbit_level_is_plain(level, order) ? cbit_lru_oldest(order)
                                                              : cbit_level_next_way(level, order));
}

/* Gives that place to a line. *old: the line that was there, or NOWHERE. */
static inline uint32_t cbit_level_take(cbit_level_t *level, uint32_t set, uint32_t line,
                                       uint32_t *old)
{
    uint64_t *order = cbit_level_order(level, set);
    const uint32_t way = cbit_level_is_plain(level, order)
                             ? cbit_lru_take_of_word(order, level->ways)
                             : cbit_level_take_way(level, order);
    const uint32_t place = cbit_level_place(level, set, way);
    *old = level->line[place];
    level->line[place] = line;
    return place;
}

/* Empties a place, if it is one. */
static inline void cbit_level_clear(cbit_level_t *level, uint32_t place)
{
    if (place != NOWHERE) {
        level->line[place] = NOWHERE;
        cbit_lru_leave(cbit_level_order(level, place >> level->line_shift),
                       cbit_level_way(level, place));
    }
}

/* together: an L1 or an L2. False: out of memory. */
bool cbit_level_init(cbit_level_t *level, const cbit_cache_level_config_t *config, uint32_t units,
                     bool together, const cbit_clock_t *cclk);
void cbit_level_free(cbit_level_t *level);

#endif
