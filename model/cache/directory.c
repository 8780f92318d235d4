/* The directory of lines, and their places in the levels. */
#include "model/cache/state.h"

/* ---- entries ---- */

/*
 * By address alone, so that all key ids of one are in one chain. Each bucket has a byte of filter
 * beside it: one bit of each line in its chain, by other bits of the same hash. Most lines that are
 * not there are told by that byte alone, and all filters together fit the host's caches.
 */
typedef struct bucket {
    uint32_t at;
    uint8_t bit;
} bucket_t;

static inline bucket_t bucket_of(const cbit_cache_t *cache, uint64_t number)
{
    const uint64_t hash = number * UINT64_C(0x9e3779b97f4a7c15);
    return (bucket_t){.at = (uint32_t)(hash >> 32) & cache->bucket_mask,
                      .bit = (uint8_t)(1U << (hash >> 61))};
}

void cbit_line_hint(const cbit_cache_t *cache, cbit_spa_t spa)
{
    const bucket_t bucket = bucket_of(cache, spa >> LINE_SHIFT);
    __builtin_prefetch(&cache->filter[bucket.at], 1);
    __builtin_prefetch(&cache->buckets[bucket.at], 1);
}

cbit_line_t *cbit_line_find(const cbit_cache_t *cache, uint64_t tag)
{
    const bucket_t bucket = bucket_of(cache, cbit_tag_number(tag));
    if ((cache->filter[bucket.at] & bucket.bit) == 0) {
        __builtin_prefetch(&cache->buckets[bucket.at], 1); /* it may be created next */
        return NULL;
    }
    uint32_t i = cache->buckets[bucket.at];
    while (i != NOWHERE && cache->pool[i].tag != tag) {
        i = cache->pool[i].next;
    }
    return i == NOWHERE ? NULL : &cache->pool[i];
}

cbit_line_t *cbit_line_of_address(const cbit_cache_t *cache, cbit_spa_t spa,
                                  const cbit_line_t *after)
{
    const uint64_t number = spa >> LINE_SHIFT;
    const bucket_t bucket = bucket_of(cache, number);
    if ((cache->filter[bucket.at] & bucket.bit) == 0) {
        return NULL;
    }
    uint32_t i = after == NULL ? cache->buckets[bucket.at] : after->next;
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
    const bucket_t bucket = bucket_of(cache, cbit_tag_number(tag));
    *line = (cbit_line_t){
        .tag = tag, .owner = NO_OWNER, .prefetcher = NO_OWNER, .next = cache->buckets[bucket.at]};
    cache->buckets[bucket.at] = i;
    cache->filter[bucket.at] |= bucket.bit;
    return line;
}

/* Takes a line off its chain; what is left of that says what the filter is now. */
static void unchain(cbit_cache_t *cache, const cbit_line_t *line)
{
    const uint32_t gone = cbit_index(cache, line);
    const uint32_t at = bucket_of(cache, cbit_tag_number(line->tag)).at;
    uint8_t filter = 0;
    for (uint32_t *link = &cache->buckets[at]; *link != NOWHERE;) {
        cbit_line_t *each = &cache->pool[*link];
        if (*link == gone) {
            *link = line->next;
        } else {
            filter |= bucket_of(cache, cbit_tag_number(each->tag)).bit;
            link = &each->next;
        }
    }
    cache->filter[at] = filter;
}

void cbit_line_release(cbit_cache_t *cache, cbit_line_t *line)
{
    if (cbit_line_on_chip(line) || line->victims != 0 || line->mshr != NULL) {
        return;
    }
    unchain(cache, line);
    line->tag = 0;
    line->next = cache->pool_free;
    cache->pool_free = cbit_index(cache, line);
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

static void clear_l3_at(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex, uint32_t place)
{
    cbit_level_clear(&cache->l3, place);
    line->complexes &= ~(UINT64_C(1) << complex);
}

static void clear_l3(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    clear_l3_at(cache, line, complex,
                cbit_level_find_line(&cache->l3, complex, line->tag, cbit_index(cache, line)));
}

/* Out of the first level, from its place in the second. */
static void clear_above(cbit_cache_t *cache, bool fetch, uint32_t second)
{
    uint32_t *above = &cache->l2.above[fetch][second];
    if (*above != NOWHERE) {
        cbit_level_clear(fetch ? &cache->l1i : &cache->l1d, *above);
        *above = NOWHERE;
    }
}

/* The line stands there in the core's L2. */
static void drop_core_at(cbit_cache_t *cache, cbit_line_t *line, uint32_t core, uint32_t second)
{
    clear_above(cache, false, second);
    clear_above(cache, true, second);
    cbit_level_clear(&cache->l2, second);
    line->cores &= ~(UINT64_C(1) << core);
    if (line->owner == (int16_t)core) {
        line->owner = NO_OWNER;
    }
    if (line->prefetcher == (int16_t)core) {
        line->prefetcher = NO_OWNER;
        cache->stats.prefetches_useless++;
    }
}

void cbit_line_drop_core(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    drop_core_at(cache, line, core, cbit_level_find(&cache->l2, core, line->tag));
}

/* An inclusive L3 takes the copies above it along. */
static void drop_above(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
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

void cbit_line_drop_complex(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    clear_l3(cache, line, complex);
    drop_above(cache, line, complex);
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

/* ---- ahead of placing ---- */

/*
 * Most of what a placed line touches is far away in the host's memory: its bucket, the set of the
 * L3 that the line leaving the L2 goes to, the line that leaves that set for good, and that one's
 * bucket. Each is known only when the one before it is there, so there is one step for each newer
 * line, all of them long before the fill arrives. A guess that turns out wrong costs nothing.
 */
static void expect_l2(cbit_cache_t *cache, cbit_expected_t *expected)
{
    const cbit_level_t *l2 = &cache->l2, *l3 = &cache->l3;
    const uint32_t place = cbit_level_choose(l2, expected->core, expected->tag);
    expected->pushed_tag = cache->config.l3_inclusive ? expected->tag : l2->tags[place];
    if (l2->line[place] != NOWHERE) {
        __builtin_prefetch(&cache->pool[l2->line[place]], 1);
    }
    if (l3->lines == 0 || expected->pushed_tag == 0) {
        expected->pushed_tag = 0;
        return;
    }
    const uint32_t complex = cbit_complex_of(cache, expected->core);
    const uint32_t set = cbit_level_set(l3, complex, expected->pushed_tag);
    for (uint32_t way = 0; way < l3->ways; way += CBIT_LINE_BYTES / sizeof l3->line[0]) {
        __builtin_prefetch(&l3->line[set * l3->ways + way], 1);
    }
    __builtin_prefetch(&l3->order[(size_t)set * l3->order_words], 1);
}

static void expect_l3(const cbit_cache_t *cache, cbit_expected_t *expected)
{
    expected->leaving = NOWHERE;
    if (expected->pushed_tag != 0) {
        const uint32_t complex = cbit_complex_of(cache, expected->core);
        const uint32_t place = cbit_level_choose(&cache->l3, complex, expected->pushed_tag);
        expected->leaving = cache->l3.line[place];
    }
    if (expected->leaving != NOWHERE) {
        __builtin_prefetch(&cache->pool[expected->leaving], 1);
    }
}

static void expect_gone(const cbit_cache_t *cache, const cbit_expected_t *expected)
{
    if (expected->leaving == NOWHERE) {
        return;
    }
    const cbit_line_t *line = &cache->pool[expected->leaving];
    __builtin_prefetch(&cache->buckets[bucket_of(cache, cbit_tag_number(line->tag)).at], 1);
    if (line->next != NOWHERE) {
        __builtin_prefetch(&cache->pool[line->next]);
    }
    if (line->dirty && cache->bytes != NULL) {
        __builtin_prefetch(cbit_line_bytes(cache, line));
    }
}

/* The newest line of the bucket, whose chain is walked to the one that leaves. */
static void expect_chain(const cbit_cache_t *cache, const cbit_expected_t *expected)
{
    if (expected->leaving != NOWHERE) {
        const uint64_t number = cbit_tag_number(cache->pool[expected->leaving].tag);
        const uint32_t newest = cache->buckets[bucket_of(cache, number).at];
        __builtin_prefetch(&cache->pool[newest == NOWHERE ? 0 : newest]);
    }
}

/* The n-th line before the newest, 1 the one just before it. */
static cbit_expected_t *expected_before(cbit_cache_t *cache, uint32_t n)
{
    return &cache->expected[(cache->expected_at + EXPECTED - n) % EXPECTED];
}

void cbit_line_expect(cbit_cache_t *cache, uint32_t core, const cbit_line_t *line)
{
    if (expected_before(cache, 3)->tag != 0) {
        expect_chain(cache, expected_before(cache, 3));
    }
    if (expected_before(cache, 2)->tag != 0) {
        expect_gone(cache, expected_before(cache, 2));
    }
    if (expected_before(cache, 1)->tag != 0) {
        expect_l3(cache, expected_before(cache, 1));
    }
    const uint32_t at = cache->expected_at;
    cache->expected_at = (at + 1) % EXPECTED;
    cache->expected[at] = (cbit_expected_t){.core = core, .tag = line->tag};
    expect_l2(cache, &cache->expected[at]);
    if (cache->bytes != NULL) {
        __builtin_prefetch(cbit_line_bytes(cache, line), 1);
    }
}

/* ---- placing ---- */

static void place_l3(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    if ((line->complexes >> complex & 1) != 0) {
        return;
    }
    uint32_t place = cbit_level_choose(&cache->l3, complex, line->tag);
    if (cache->l3.line[place] != NOWHERE) {
        cbit_line_t *old = &cache->pool[cache->l3.line[place]];
        clear_l3_at(cache, old, complex, place);
        drop_above(cache, old, complex);
        cbit_line_retire(cache, old, complex);
    }
    cbit_level_take(&cache->l3, place, line->tag, cbit_index(cache, line));
    line->complexes |= UINT64_C(1) << complex;
}

void cbit_line_promote(cbit_cache_t *cache, const cbit_line_t *line, uint32_t core, bool fetch,
                       uint32_t second)
{
    cbit_level_t *l1 = fetch ? &cache->l1i : &cache->l1d;
    if (l1->lines == 0) {
        return;
    }
    const uint32_t place = cbit_level_choose(l1, core, line->tag);
    if (l1->line[place] != NOWHERE) {
        cache->l2.above[fetch][l1->below[place]] = NOWHERE;
    }
    cbit_level_take(l1, place, line->tag, cbit_index(cache, line));
    l1->below[place] = second;
    cache->l2.above[fetch][second] = place;
}

/* What an L2 gives up goes to the complex's L3, if that is a victim cache and has no copy. */
static void demote(cbit_cache_t *cache, cbit_line_t *line, uint32_t core, uint32_t second)
{
    drop_core_at(cache, line, core, second);
    if (cache->l3.lines != 0 && !cache->config.l3_inclusive) {
        place_l3(cache, line, cbit_complex_of(cache, core));
    } else {
        cbit_line_retire(cache, line, cbit_complex_of(cache, core));
    }
}

uint32_t cbit_line_place_second(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    uint32_t complex = cbit_complex_of(cache, core);
    if ((line->cores >> core & 1) != 0) {
        return cbit_level_find(&cache->l2, core, line->tag);
    }
    /* A victim cache hands its copy up; an inclusive one keeps one. The line itself must count as
       present before another one is pushed out. */
    if ((line->complexes >> complex & 1) != 0 && !cache->config.l3_inclusive) {
        clear_l3(cache, line, complex);
    }
    line->cores |= UINT64_C(1) << core;
    if (cache->l3.lines != 0 && cache->config.l3_inclusive) {
        place_l3(cache, line, complex);
    }
    uint32_t place = cbit_level_choose(&cache->l2, core, line->tag);
    if (cache->l2.line[place] != NOWHERE) {
        demote(cache, &cache->pool[cache->l2.line[place]], core, place);
    }
    cbit_level_take(&cache->l2, place, line->tag, cbit_index(cache, line));
    return place;
}

void cbit_line_place(cbit_cache_t *cache, cbit_line_t *line, uint32_t core, bool fetch)
{
    const uint32_t second = cbit_line_place_second(cache, line, core);
    if (cache->l2.above[fetch][second] == NOWHERE) {
        cbit_line_promote(cache, line, core, fetch, second);
    }
}
