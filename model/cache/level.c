#include <stdlib.h>
#include <string.h>

#include "cbit/base/host_memory.h"
#include "model/cache/level.h"

enum { MAX_WORDS = CBIT_TURN_MAX_WAYS / CBIT_WAYS_PER_WORD };

/* ---- life ---- */

static bool build_eights(cbit_level_t *level, size_t count)
{
    uint64_t order[MAX_WORDS] = {0};
    cbit_turn_init(order, level->ways);
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
    uint64_t order[MAX_WORDS] = {0};
    cbit_turn_init(order, level->ways);
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
    level->set_bits = (uint32_t)__builtin_ctz(level->sets);
    level->words = cbit_turn_words(level->ways);
    level->last = cbit_turn_last(level->ways);
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
    uint64_t order[MAX_WORDS] = {0};
    const uint32_t set = place / 8 / level->words;
    gather(level, set, order);
    cbit_turn_use(order, level->words, level->last, place - cbit_level_first(level, set));
    scatter(level, set, order);
}

uint32_t cbit_level_take_wide(const cbit_level_t *level, uint32_t set)
{
    uint64_t order[MAX_WORDS] = {0};
    gather(level, set, order);
    const uint32_t way = cbit_turn_take(order, level->words, level->last);
    scatter(level, set, order);
    return cbit_level_first(level, set) + way;
}

/* How many of a set's empty ways, which are the first in its order, come before one. */
static uint32_t empty_before(const uint64_t *order, const uint32_t *line, uint32_t ways,
                             uint32_t way)
{
    uint32_t place = 0;
    while (place < ways && cbit_turn_at(order, place) < way &&
           line[cbit_turn_at(order, place)] == NOWHERE) {
        place++;
    }
    return place;
}

void cbit_level_clear(const cbit_level_t *level, uint32_t place)
{
    if (place == NOWHERE) {
        return;
    }
    uint64_t order[MAX_WORDS] = {0};
    uint32_t line[CBIT_TURN_MAX_WAYS];
    const uint32_t set = place / 8 / level->words, first = cbit_level_first(level, set);
    gather(level, set, order);
    for (uint32_t word = 0; word < level->words; word++) {
        memcpy(line + 8 * word, level->eights[set * level->words + word].line, 8 * sizeof line[0]);
    }
    cbit_turn_leave(order, level->words, place - first,
                    empty_before(order, line, level->ways, place - first));
    scatter(level, set, order);
    *cbit_level_line(level, place) = NOWHERE;
}

/* ---- third level ---- */

void cbit_third_touch(const cbit_level_t *level, uint32_t set, uint32_t place)
{
    cbit_turn_use(cbit_third_order(level, set), level->words, level->last,
                  place - cbit_level_first(level, set));
}

void cbit_third_clear(const cbit_level_t *level, uint32_t place)
{
    const uint32_t set = place / 8 / level->words, first = cbit_level_first(level, set);
    uint64_t *order = cbit_third_order(level, set);
    cbit_turn_leave(order, level->words, place - first,
                    empty_before(order, level->line + first, level->ways, place - first));
    level->line[place] = NOWHERE;
}
