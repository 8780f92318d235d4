/* The directory of lines, and their places in the levels. */
#include <stdlib.h>
#include <string.h>

#include "model/cache/state.h"

bool cbit_level_init(cbit_level_t *level, const cbit_cache_level_config_t *config, uint32_t units,
                     const cbit_clock_t *cclk)
{
    level->units = units;
    level->ps = cbit_clock_span_ps(cclk, config->hit_cclk);
    if (config->size_bytes == 0) {
        return true;
    }
    level->ways = config->ways;
    level->lines = (uint32_t)(config->size_bytes / CBIT_LINE_BYTES);
    level->set_mask = level->lines / level->ways - 1;
    size_t count = (size_t)level->lines * units;
    level->tags = calloc(count, sizeof level->tags[0]);
    level->used = calloc(count, sizeof level->used[0]);
    level->line = calloc(count, sizeof level->line[0]);
    return level->tags != NULL && level->used != NULL && level->line != NULL;
}

void cbit_level_free(cbit_level_t *level)
{
    free(level->tags);
    free(level->used);
    free(level->line);
}

/* ---- entries ---- */

/* By address alone, so that all key ids of one are in one chain. */
static uint32_t bucket_of(const cbit_cache_t *cache, uint64_t number)
{
    return (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & cache->bucket_mask;
}

cbit_line_t *cbit_line_find(const cbit_cache_t *cache, uint64_t tag)
{
    uint32_t i = cache->buckets[bucket_of(cache, cbit_tag_number(tag))];
    while (i != NOWHERE && cache->pool[i].tag != tag) {
        i = cache->pool[i].next;
    }
    return i == NOWHERE ? NULL : &cache->pool[i];
}

cbit_line_t *cbit_line_of_address(const cbit_cache_t *cache, cbit_spa_t spa,
                                  const cbit_line_t *after)
{
    uint64_t number = spa >> LINE_SHIFT;
    uint32_t i = after == NULL ? cache->buckets[bucket_of(cache, number)] : after->next;
    while (i != NOWHERE && cbit_tag_number(cache->pool[i].tag) != number) {
        i = cache->pool[i].next;
    }
    return i == NOWHERE ? NULL : &cache->pool[i];
}

cbit_line_t *cbit_line_create(cbit_cache_t *cache, uint64_t tag)
{
    uint32_t i = cache->pool_free;
    if (i != NOWHERE) {
        cache->pool_free = cache->pool[i].next;
    } else if (cache->pool_used < cache->pool_count) {
        i = cache->pool_used++;
    } else {
        __builtin_trap(); /* the pool has an entry for every place, MSHR and write-back */
    }
    cbit_line_t *line = &cache->pool[i];
    uint32_t *bucket = &cache->buckets[bucket_of(cache, cbit_tag_number(tag))];
    line->tag = tag;
    line->owner = NO_OWNER;
    line->dirty = false;
    line->victims = 0;
    line->cores = 0;
    line->complexes = 0;
    line->mshr = NULL;
    line->next = *bucket;
    *bucket = i;
    return line;
}

void cbit_line_release(cbit_cache_t *cache, cbit_line_t *line)
{
    if (cbit_line_on_chip(line) || line->victims != 0 || line->mshr != NULL) {
        return;
    }
    uint32_t i = cbit_index(cache, line);
    uint32_t *link = &cache->buckets[bucket_of(cache, cbit_tag_number(line->tag))];
    while (*link != i) {
        link = &cache->pool[*link].next;
    }
    *link = line->next;
    line->tag = 0;
    line->next = cache->pool_free;
    cache->pool_free = i;
}

uint32_t cbit_line_complex(const cbit_cache_t *cache, const cbit_line_t *line)
{
    if (line->cores != 0) {
        return cbit_complex_of(cache, (uint32_t)__builtin_ctzll(line->cores));
    }
    return line->complexes == 0 ? 0 : (uint32_t)__builtin_ctzll(line->complexes);
}

void cbit_line_retire(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    if (cbit_line_on_chip(line)) {
        return;
    }
    line->owner = NO_OWNER;
    if (line->dirty) {
        cbit_cache_write_back(cache, line, complex);
    } else {
        cbit_line_release(cache, line);
    }
}

/* ---- places ---- */

static void clear_place(cbit_level_t *level, uint32_t unit, uint64_t tag)
{
    uint32_t place = cbit_level_find(level, unit, tag);
    if (place != NOWHERE) {
        level->tags[place] = 0;
        level->used[place] = 0; /* the next one that is taken */
    }
}

/* The place for a new line of a unit: an empty one, else the least recently used. */
static uint32_t choose(const cbit_level_t *level, uint32_t unit, uint64_t tag)
{
    uint32_t set =
        unit * level->lines + ((uint32_t)cbit_tag_number(tag) & level->set_mask) * level->ways;
    uint32_t best = set;
    for (uint32_t i = set + 1; i < set + level->ways; i++) {
        best = level->used[i] < level->used[best] ? i : best;
    }
    return best;
}

static void take_place(cbit_level_t *level, uint32_t place, uint64_t tag, uint32_t line)
{
    level->tags[place] = tag;
    level->line[place] = line;
    cbit_level_touch(level, place);
}

void cbit_line_drop_core(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    clear_place(&cache->l1i, core, line->tag);
    clear_place(&cache->l1d, core, line->tag);
    clear_place(&cache->l2, core, line->tag);
    line->cores &= ~(UINT64_C(1) << core);
    line->owner = line->owner == (int16_t)core ? (int16_t)NO_OWNER : line->owner;
}

/* An inclusive L3 takes the copies above it along. */
void cbit_line_drop_complex(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    clear_place(&cache->l3, complex, line->tag);
    line->complexes &= ~(UINT64_C(1) << complex);
    if (!cache->config.l3_inclusive) {
        return;
    }
    uint32_t first = complex * cache->config.cores_per_complex;
    uint32_t end = first + cache->config.cores_per_complex;
    for (uint32_t core = first; core < end && core < cache->cores; core++) {
        if ((line->cores >> core & 1) != 0) {
            cbit_line_drop_core(cache, line, core);
        }
    }
}

void cbit_line_drop_all(cbit_cache_t *cache, cbit_line_t *line)
{
    for (uint32_t core = 0; line->cores != 0; core++) {
        if ((line->cores >> core & 1) != 0) {
            cbit_line_drop_core(cache, line, core);
        }
    }
    for (uint32_t complex = 0; line->complexes != 0; complex++) {
        if ((line->complexes >> complex & 1) != 0) {
            cbit_line_drop_complex(cache, line, complex);
        }
    }
}

void cbit_line_make_exclusive(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    uint64_t others = line->cores & ~(UINT64_C(1) << core);
    for (uint32_t other = 0; others != 0; other++, others >>= 1) {
        if ((others & 1) != 0) {
            cbit_line_drop_core(cache, line, other);
            cache->stats.invalidations++;
        }
    }
    uint64_t mine = UINT64_C(1) << cbit_complex_of(cache, core);
    uint64_t complexes = cache->config.l3_inclusive ? line->complexes & ~mine : line->complexes;
    for (uint32_t complex = 0; complexes != 0; complex++, complexes >>= 1) {
        if ((complexes & 1) != 0) {
            cbit_line_drop_complex(cache, line, complex);
            cache->stats.invalidations++;
        }
    }
    line->owner = (int16_t)core;
}

bool cbit_line_is_alone(const cbit_cache_t *cache, const cbit_line_t *line, uint32_t core)
{
    uint64_t mine = UINT64_C(1) << cbit_complex_of(cache, core);
    uint64_t complexes = cache->config.l3_inclusive ? line->complexes & ~mine : line->complexes;
    return line->cores == UINT64_C(1) << core && complexes == 0;
}

void cbit_line_expect(const cbit_cache_t *cache, uint32_t core, uint64_t tag)
{
    const cbit_level_t *l3 = &cache->l3;
    if (l3->lines == 0) {
        return;
    }
    uint32_t set = cbit_complex_of(cache, core) * l3->lines +
                   ((uint32_t)cbit_tag_number(tag) & l3->set_mask) * l3->ways;
    for (uint32_t way = 0; way < l3->ways; way += 8) { /* eight to a line of the host */
        __builtin_prefetch(&l3->tags[set + way]);
        __builtin_prefetch(&l3->used[set + way]);
    }
    __builtin_prefetch(&l3->line[set]);
}

void cbit_line_expect_victim(const cbit_cache_t *cache, uint32_t core, uint64_t tag)
{
    const cbit_level_t *l3 = &cache->l3;
    if (l3->lines == 0) {
        return;
    }
    uint32_t place = choose(l3, cbit_complex_of(cache, core), tag);
    if (l3->tags[place] != 0) {
        __builtin_prefetch(&cache->pool[l3->line[place]]);
        __builtin_prefetch(&cache->buckets[bucket_of(cache, cbit_tag_number(l3->tags[place]))]);
    }
}

static void place_l3(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    if ((line->complexes >> complex & 1) != 0) {
        return;
    }
    uint32_t place = choose(&cache->l3, complex, line->tag);
    if (cache->l3.tags[place] != 0) {
        cbit_line_t *old = &cache->pool[cache->l3.line[place]];
        cbit_line_drop_complex(cache, old, complex);
        cbit_line_retire(cache, old, complex);
    }
    take_place(&cache->l3, place, line->tag, cbit_index(cache, line));
    line->complexes |= UINT64_C(1) << complex;
}

void cbit_line_promote(cbit_cache_t *cache, cbit_line_t *line, uint32_t core, bool fetch)
{
    cbit_level_t *l1 = fetch ? &cache->l1i : &cache->l1d;
    if (l1->lines != 0) {
        take_place(l1, choose(l1, core, line->tag), line->tag, cbit_index(cache, line));
    }
}

/* What an L2 gives up goes to the complex's L3, if that is a victim cache and has no copy. */
static void demote(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    cbit_line_drop_core(cache, line, core);
    if (cache->l3.lines != 0 && !cache->config.l3_inclusive) {
        place_l3(cache, line, cbit_complex_of(cache, core));
    } else {
        cbit_line_retire(cache, line, cbit_complex_of(cache, core));
    }
}

void cbit_line_place(cbit_cache_t *cache, cbit_line_t *line, uint32_t core, bool fetch)
{
    uint32_t complex = cbit_complex_of(cache, core);
    if ((line->cores >> core & 1) == 0) {
        /* A victim cache hands its copy up; an inclusive one keeps one. The line itself must count
           as present before another one is pushed out. */
        if (cache->l3.lines != 0 && !cache->config.l3_inclusive) {
            clear_place(&cache->l3, complex, line->tag);
            line->complexes &= ~(UINT64_C(1) << complex);
        }
        line->cores |= UINT64_C(1) << core;
        if (cache->l3.lines != 0 && cache->config.l3_inclusive) {
            place_l3(cache, line, complex);
        }
        uint32_t place = choose(&cache->l2, core, line->tag);
        if (cache->l2.tags[place] != 0) {
            demote(cache, &cache->pool[cache->l2.line[place]], core);
        }
        take_place(&cache->l2, place, line->tag, cbit_index(cache, line));
    }
    cbit_level_t *l1 = fetch ? &cache->l1i : &cache->l1d;
    if (cbit_level_find(l1, core, line->tag) == NOWHERE) {
        cbit_line_promote(cache, line, core, fetch);
    }
}
