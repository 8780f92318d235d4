#include "model/cache/level.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST_WAY_SHIFT = 3 }; /* a word of order */

/* One record a set, of 8 bytes a way. */
static bool allocate_together(cbit_level_t *level, size_t sets)
{
    const size_t ways = (size_t)1 << level->way_shift, bytes = sets * ways * 8;
    uint8_t *base = aligned_alloc(CBIT_LINE_BYTES, bytes);
    if (base == NULL) {
        return false;
    }
    memset(base, 0, bytes);
    level->order_shift = level->way_shift;
    level->line_shift = (uint8_t)(level->way_shift + 1);
    level->order = (uint64_t *)(void *)base;
    level->bits = (uint64_t *)(void *)(base + ways);
    level->above[0] = base + 2 * ways;
    level->above[1] = base + 3 * ways;
    level->line = (uint32_t *)(void *)(base + 4 * ways);
    return true;
}

static bool allocate_apart(cbit_level_t *level, size_t sets)
{
    const size_t ways = (size_t)1 << level->way_shift;
    level->order_shift = (uint8_t)(level->way_shift - LEAST_WAY_SHIFT);
    level->line_shift = level->way_shift;
    level->order = calloc(sets << level->order_shift, sizeof level->order[0]);
    level->line =
        aligned_alloc(CBIT_LINE_BYTES, (sets * ways * sizeof level->line[0] + 63) / 64 * 64);
    return level->order != NULL && level->line != NULL;
}

static void empty_set(cbit_level_t *level, uint32_t set)
{
    uint64_t *order = cbit_level_order(level, set);
    cbit_lru_init(order, level->ways);
    for (uint32_t way = 0; way < 1U << level->way_shift; way++) {
        const uint32_t place = cbit_level_place(level, set, way);
        level->line[place] = NOWHERE;
        if (way < level->ways) {
            cbit_lru_leave(order, way);
        }
        if (level->bits != NULL) {
            *cbit_level_above(level, false, place) = NO_WAY;
            *cbit_level_above(level, true, place) = NO_WAY;
        }
    }
}

bool cbit_level_init(cbit_level_t *level, const cbit_cache_level_config_t *config, uint32_t units,
                     bool together, const cbit_clock_t *cclk)
{
    level->ps = cbit_clock_span_ps(cclk, config->hit_cclk);
    if (config->size_bytes == 0) {
        return true;
    }
    level->ways = config->ways;
    level->lines = (uint32_t)(config->size_bytes / CBIT_LINE_BYTES);
    level->sets = level->lines / level->ways;
    level->way_shift = LEAST_WAY_SHIFT;
    while (1U << level->way_shift < level->ways) {
        level->way_shift++;
    }
    level->words = (uint8_t)cbit_lru_words(level->ways);
    const size_t sets = (size_t)level->sets * units;
    if (!(together ? allocate_together(level, sets) : allocate_apart(level, sets))) {
        return false;
    }
    for (uint32_t set = 0; set < sets; set++) {
        empty_set(level, set);
    }
    return true;
}

void cbit_level_free(cbit_level_t *level)
{
    if (level->bits == NULL) {
        free(level->line);
    }
    free(level->order);
}

uint32_t cbit_level_next_way(const cbit_level_t *level, const uint64_t *order)
{
    return level->words == 2 ? cbit_lru_next(order, 2) : cbit_lru_next(order, level->words);
}

uint32_t cbit_level_take_way(const cbit_level_t *level, uint64_t *order)
{
    return level->words == 2 ? cbit_lru_take(order, 2, level->ways)
                             : cbit_lru_take(order, level->words, level->ways);
}

void cbit_level_use(const cbit_level_t *level, uint64_t *order, uint32_t way)
{
    cbit_lru_use(order, level->words, level->ways, way);
}
