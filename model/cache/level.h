/*
 * One level of cache over all its units (cores or complexes): where lines stand, and which of a set
 * was used longest ago. Private to model/cache.
 *
 * A place is unit x lines + set x ways + way. Structure of arrays, sized for the host's caches: a
 * set of 16 ways is one host line of directory indices and 16 bytes of order. Tags are kept for the
 * levels that are looked up before the directory is (L1, L2); an L3 is found through its line.
 */
#ifndef CBIT_MODEL_CACHE_LEVEL_H
#define CBIT_MODEL_CACHE_LEVEL_H

#include "cbit/base/lru.h"
#include "cbit/base/ways.h"
#include "cbit/cache/cache.h"

enum {
    LINE_SHIFT = 6,
    KEY_BITS = 11, /* PLAIN 0, ASIDs 1..1023, HOST 1024 */
};
#define NOWHERE   UINT32_MAX
#define TAG_VALID (UINT64_C(1) << 63)

typedef struct cbit_level {
    uint32_t units, ways, sets, lines; /* lines: of one unit; 0: no such level */
    uint32_t way_shift;                /* log2 of ways if that is a power of two, else 32 */
    uint32_t order_words;              /* of a set */
    cbit_ps_t ps;
    uint64_t *tags;  /* valid, line number, key id: one compare decides; NULL: not kept */
    uint32_t *line;  /* index in the directory, or NOWHERE */
    uint64_t *order; /* cbit/base/lru.h */
    uint64_t *bits;  /* cbit/base/ways.h, if tags are kept */
    uint8_t *taken;  /* how many ways of a set are */
    /* An L2 includes its L1s, and each place knows the line's other one: nobody searches for it. */
    uint32_t *above[2]; /* of an L2: in the L1D and in the L1I, or NOWHERE */
    uint32_t *below;    /* of an L1: in the L2, if the place is taken */
} cbit_level_t;

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

static inline uint32_t cbit_level_set_of_place(const cbit_level_t *level, uint32_t place)
{
    return level->way_shift < 32 ? place >> level->way_shift : place / level->ways;
}

/* Where a line stands in a unit of a level that keeps tags, or NOWHERE. */
static inline uint32_t cbit_level_find(const cbit_level_t *level, uint32_t unit, uint64_t tag)
{
    if (level->lines == 0) {
        return NOWHERE;
    }
    const uint32_t set = cbit_level_set(level, unit, tag), first = set * level->ways;
    const uint64_t *words = level->bits + (size_t)set * level->order_words;
    const uint64_t bits = cbit_ways_bits(tag);
    for (uint32_t word = 0; word < level->order_words; word++) {
        uint64_t match = cbit_ways_match(words[word], bits);
        for (; match != 0; match &= match - 1) {
            const uint32_t way = word * 8 + cbit_ways_first(match);
            if (way < level->ways && level->tags[first + way] == tag) {
                return first + way;
            }
        }
    }
    return NOWHERE;
}

/* The same by the line's index in the directory. */
static inline uint32_t cbit_level_find_line(const cbit_level_t *level, uint32_t unit, uint64_t tag,
                                            uint32_t line)
{
    const uint32_t first = cbit_level_set(level, unit, tag) * level->ways;
    for (uint32_t i = first; i < first + level->ways; i++) {
        if (level->line[i] == line) {
            return i;
        }
    }
    return NOWHERE;
}

static inline void cbit_level_touch(cbit_level_t *level, uint32_t place)
{
    if (level->way_shift <= 3) { /* one word a set */
        cbit_lru_use_of_word(&level->order[place >> level->way_shift], level->ways,
                             place & (level->ways - 1));
        return;
    }
    const uint32_t set = cbit_level_set_of_place(level, place);
    cbit_lru_use(level->order + (size_t)set * level->order_words, level->order_words, level->ways,
                 place - set * level->ways);
}

/* Arrays for above and below, all NOWHERE; NULL: out of memory. */
uint32_t *cbit_level_new_places(const cbit_level_t *level);

bool cbit_level_init(cbit_level_t *level, const cbit_cache_level_config_t *config, uint32_t units,
                     bool tags, const cbit_clock_t *cclk);
void cbit_level_free(cbit_level_t *level);

/* The place for a new line of a unit: the first empty one, else that used longest ago. */
uint32_t cbit_level_choose(const cbit_level_t *level, uint32_t unit, uint64_t tag);
void cbit_level_take(cbit_level_t *level, uint32_t place, uint64_t tag, uint32_t line);
/* Empties a place, if it is one. */
void cbit_level_clear(cbit_level_t *level, uint32_t place);

#endif
