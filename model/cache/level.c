#include <stdlib.h>
#include <string.h>

#include "cbit/base/host_memory.h"
#include "model/cache/level.h"

enum { MAX_WORDS = CBIT_LRU_MAX_WAYS / CBIT_LRU_WAYS_PER_WORD };

/* ---- life ---- */

/* Order of an empty set, word after word. */
static void empty_order(const cbit_level_t *level, uint64_t order[MAX_WORDS])
{
    memset(order, 0, MAX_WORDS * sizeof order[0]);
    cbit_lru_init(order, level->ways);
    for (uint32_t way = 0; way < level->ways; way++) {
        cbit_lru_leave(order, way);
    }
}

static bool build_eights(cbit_level_t *level, size_t count)
{
    uint64_t order[MAX_WORDS];
    empty_order(level, order);
    level->eights = cbit_host_allocate(count * sizeof level->eights[0]);
    for (size_t i = 0; level->eights != NULL && i < count; i++) {
        cbit_eight_t *eight = &level->eights[i];
        memset(eight, 0xff, sizeof *eight); /* NOWHERE, NO_WAY */
        eight->order = order[i % level->words];
        eight->bits = 0;
    }
    return level->eights != NULL;
}

static bool build_third(cbit_level_t *level, size_t count)
{
    uint64_t order[MAX_WORDS];
    empty_order(level, order);
    level->order = cbit_host_allocate(count * sizeof level->order[0]);
    level->line = cbit_host_allocate(count * 8 * sizeof level->line[0]);
    if (level->order == NULL || level->line == NULL) {
        return false;
    }
    memset(level->line, 0xff, count * 8 * sizeof level->line[0]); /* NOWHERE */
    for (size_t i = 0; i < count; i++) {
        level->order[i] = order[i % level->words];
    }
    return true;
}

bool cbit_level_init(cbit_level_t *level, const cbit_cache_level_config_t *config, uint32_t units,
                     bool third, const cbit_clock_t *cclk)
{
    level->ps = cbit_clock_span_ps(cclk, config->hit_cclk);
    if (config->size_bytes == 0) {
        return true;
    }
    level->ways = config->ways;
    level->lines = (uint32_t)(config->size_bytes / CBIT_LINE_BYTES);
    level->sets = level->lines / level->ways;
    level->words = cbit_lru_words(level->ways);
    const size_t count = (size_t)level->sets * units * level->words;
    return third ? build_third(level, count) : build_eights(level, count);
}

void cbit_level_free(cbit_level_t *level)
{
    free(level->eights);
    free(level->order);
    free(level->line);
}

/* ---- first and second level ---- */

static void gather(const cbit_level_t *level, uint32_t set, uint64_t order[MAX_WORDS])
{
    for (uint32_t word = 0; word < level->words; word++) {
        order[word] = level->eights[set * level->words + word].order;
    }
}

static void scatter(const cbit_level_t *level, uint32_t set, const uint64_t order[MAX_WORDS])
{
    for (uint32_t word = 0; word < level->words; word++) {
        level->eights[set * level->words + word].order = order[word];
    }
}

void cbit_level_use_wide(const cbit_level_t *level, uint32_t place)
{
    uint64_t order[MAX_WORDS];
    const uint32_t set = place / 8 / level->words;
    gather(level, set, order);
    cbit_lru_use(order, level->words, level->ways, place - cbit_level_first(level, set));
    scatter(level, set, order);
}

uint32_t cbit_level_next_wide(const cbit_level_t *level, uint32_t set)
{
    uint64_t order[MAX_WORDS];
    gather(level, set, order);
    return cbit_level_first(level, set) + cbit_lru_next(order, level->words);
}

uint32_t cbit_level_take_wide(const cbit_level_t *level, uint32_t set)
{
    uint64_t order[MAX_WORDS];
    gather(level, set, order);
    const uint32_t way = cbit_lru_take(order, level->words, level->ways);
    scatter(level, set, order);
    return cbit_level_first(level, set) + way;
}

/* ---- third level ---- */

uint32_t cbit_third_next(const cbit_level_t *level, uint32_t set)
{
    const uint64_t *order = level->order + (size_t)set * level->words;
    return cbit_level_first(level, set) + cbit_lru_next(order, level->words);
}

uint32_t cbit_third_take_wide(const cbit_level_t *level, uint64_t *order)
{
    return level->words == 2 ? cbit_lru_take(order, 2, level->ways)
                             : cbit_lru_take(order, level->words, level->ways);
}

void cbit_third_touch(const cbit_level_t *level, uint32_t set, uint32_t place)
{
    cbit_lru_use(level->order + (size_t)set * level->words, level->words, level->ways,
                 place - cbit_level_first(level, set));
}

void cbit_third_clear(const cbit_level_t *level, uint32_t place)
{
    level->line[place] = NOWHERE;
    cbit_lru_leave(&level->order[place / 8], place % 8);
}
