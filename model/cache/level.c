#include "model/cache/level.h"

#include <stdlib.h>
#include <string.h>

bool cbit_level_init(cbit_level_t *level, const cbit_cache_level_config_t *config, uint32_t units,
                     bool tags, const cbit_clock_t *cclk)
{
    level->units = units;
    level->ps = cbit_clock_span_ps(cclk, config->hit_cclk);
    if (config->size_bytes == 0) {
        return true;
    }
    level->ways = config->ways;
    level->lines = (uint32_t)(config->size_bytes / CBIT_LINE_BYTES);
    level->sets = level->lines / level->ways;
    level->way_shift =
        (level->ways & (level->ways - 1)) == 0 ? (uint32_t)__builtin_ctz(level->ways) : 32;
    level->order_words = cbit_lru_words(level->ways);
    const size_t sets = (size_t)level->sets * units, count = sets * level->ways;
    level->tags = tags ? calloc(count, sizeof level->tags[0]) : NULL;
    level->line = aligned_alloc(CBIT_LINE_BYTES, (count * sizeof level->line[0] + 63) / 64 * 64);
    level->order = calloc(sets * level->order_words, sizeof level->order[0]);
    level->bits = tags ? calloc(sets * level->order_words, sizeof level->bits[0]) : NULL;
    level->taken = calloc(sets, sizeof level->taken[0]);
    if ((tags && (level->tags == NULL || level->bits == NULL)) || level->line == NULL ||
        level->order == NULL || level->taken == NULL) {
        return false;
    }
    memset(level->line, 0xff, count * sizeof level->line[0]); /* NOWHERE */
    for (size_t set = 0; set < sets; set++) {
        cbit_lru_init(level->order + set * level->order_words, level->ways);
    }
    return true;
}

uint32_t *cbit_level_new_places(const cbit_level_t *level)
{
    const size_t count = (size_t)level->lines * level->units;
    uint32_t *places = malloc((count == 0 ? 1 : count) * sizeof places[0]);
    if (places != NULL) {
        memset(places, 0xff, count * sizeof places[0]); /* NOWHERE */
    }
    return places;
}

void cbit_level_free(cbit_level_t *level)
{
    free(level->above[0]);
    free(level->above[1]);
    free(level->below);
    free(level->tags);
    free(level->line);
    free(level->order);
    free(level->bits);
    free(level->taken);
}

uint32_t cbit_level_choose(const cbit_level_t *level, uint32_t unit, uint64_t tag)
{
    const uint32_t set = cbit_level_set(level, unit, tag);
    const uint32_t first = set * level->ways;
    if (level->taken[set] == level->ways) {
        return first + cbit_lru_oldest(&level->order[set * level->order_words]);
    }
    uint32_t place = first;
    while (level->line[place] != NOWHERE) {
        place++;
    }
    return place;
}

void cbit_level_take(cbit_level_t *level, uint32_t place, uint64_t tag, uint32_t line)
{
    const uint32_t set = cbit_level_set_of_place(level, place);
    uint8_t *taken = &level->taken[set];
    *taken = (uint8_t)(*taken + (level->line[place] == NOWHERE ? 1 : 0));
    if (level->tags != NULL) {
        level->tags[place] = tag;
        cbit_ways_set(level->bits + (size_t)set * level->order_words, place - set * level->ways,
                      cbit_ways_bits(tag));
    }
    level->line[place] = line;
    cbit_level_touch(level, place);
}

void cbit_level_clear(cbit_level_t *level, uint32_t place)
{
    if (place == NOWHERE) {
        return;
    }
    if (level->tags != NULL) {
        level->tags[place] = 0;
    }
    level->line[place] = NOWHERE;
    level->taken[cbit_level_set_of_place(level, place)]--;
}
