/*
 * Ahead of placing a line: what that touches is fetched into the host's caches.
 *
 * Most of it is far away in the host's memory: the line that will leave the L2, the set of the L3
 * that it goes to, and the line that leaves that set for good. Each is known only when the one
 * before it is there, so there is one step for each newer line, all of them long before the fill
 * arrives. A guess that turns out wrong costs nothing, so empty ways are not looked for.
 *
 * `near`: levels are as most are (cbit_cache.near); a constant, for a way of their own.
 */
#ifndef CBIT_MODEL_CACHE_EXPECT_H
#define CBIT_MODEL_CACHE_EXPECT_H

#include "model/cache/state.h"

#define CBIT_ALWAYS_INLINE static inline __attribute__((always_inline))

CBIT_ALWAYS_INLINE void cbit_expect_leaving(const cbit_cache_t *cache, cbit_expected_t *expected,
                                            bool near)
{
    const cbit_level_t *l3 = &cache->l3;
    if (expected->pushed == NOWHERE) {
        return;
    }
    const uint32_t set = expected->set;
    const uint32_t place = near ? set * 16 + cbit_lru_guess_of_two(&l3->order[(size_t)set * 2])
                                : cbit_third_next(l3, set);
    expected->leaving = l3->line[place];
    if (expected->leaving != NOWHERE) {
        __builtin_prefetch(&cache->pool[expected->leaving], 1);
    }
}

/* One set of a third level. */
CBIT_ALWAYS_INLINE void cbit_expect_fetch(const cbit_level_t *l3, uint32_t set, bool near)
{
    const uint32_t words = near ? 2 : l3->words;
    const uint32_t *line = &l3->line[(size_t)set * words * 8];
    for (uint32_t way = 0; way < words * 8; way += CBIT_LINE_BYTES / sizeof *line) {
        __builtin_prefetch(line + way, 1);
    }
    __builtin_prefetch(&l3->order[(size_t)set * words], 1);
}

CBIT_ALWAYS_INLINE void cbit_expect_third(const cbit_cache_t *cache, cbit_expected_t *expected,
                                          bool near)
{
    const cbit_level_t *l3 = &cache->l3;
    if (expected->pushed == NOWHERE) {
        return;
    }
    const uint32_t low = cbit_tag_low(cache->pool[expected->pushed].tag);
    expected->set = (expected->set & ~(l3->sets - 1)) | (low & (l3->sets - 1));
    cbit_expect_fetch(l3, expected->set, near);
}

CBIT_ALWAYS_INLINE void cbit_expect_second(const cbit_cache_t *cache, cbit_mshr_t *mshr,
                                           uint64_t tag, bool near)
{
    const cbit_level_t *l2 = &cache->l2;
    cbit_expected_t *expected = &mshr->expected;
    const cbit_core_t *port = mshr->first.port;
    const cbit_eight_t *eight = port->second + (cbit_tag_low(tag) & (l2->sets - 1));
    const uint32_t old =
        near ? eight->line[cbit_lru_guess_of_word(eight->order)]
             : *cbit_level_line(l2, cbit_level_next(l2, cbit_level_set(l2, port->core, tag)));
    expected->pushed = near                   ? old
                       : cache->l3.lines == 0 ? NOWHERE
                       : cache->l3_inclusive  ? mshr->line
                                              : old;
    expected->set = port->complex * cache->l3.sets;
    expected->leaving = NOWHERE;
    if (old != NOWHERE) {
        __builtin_prefetch(&cache->pool[old], 1);
    }
}

/* With bytes: those of the line that comes, and of one that will be written back. */
static inline void cbit_expect_bytes(const cbit_cache_t *cache, uint32_t line,
                                     const cbit_expected_t *oldest)
{
    __builtin_prefetch(cache->bytes[line], 1);
    if (oldest->leaving != NOWHERE && cache->pool[oldest->leaving].dirty) {
        __builtin_prefetch(cache->bytes[oldest->leaving]);
    }
}

/* The line of an MSHR, of that tag, will be placed. Changes nothing that shows. */
CBIT_ALWAYS_INLINE void cbit_expect(cbit_cache_t *cache, cbit_mshr_t *mshr, uint64_t tag, bool near)
{
    cbit_expected_t **at = cache->expecting;
    cbit_expected_t *before = at[0], *earlier = at[1];
    cbit_expect_leaving(cache, earlier, near);
    cbit_expect_third(cache, before, near);
    cbit_expect_second(cache, mshr, tag, near);
    if (cache->bytes != NULL) {
        cbit_expect_bytes(cache, mshr->line, at[2]);
        at[2] = earlier;
    }
    at[1] = before;
    at[0] = &mshr->expected;
}

/* It is placed now. */
static inline void cbit_expect_now(const cbit_cache_t *cache, const cbit_expected_t *expected)
{
    if (expected->leaving != NOWHERE) {
        __builtin_prefetch(&cache->pool[expected->leaving], 1);
    }
    if (expected->pushed != NOWHERE) {
        __builtin_prefetch(&cache->pool[expected->pushed], 1);
        cbit_expect_fetch(&cache->l3, expected->set, cache->near);
    }
}

#endif
