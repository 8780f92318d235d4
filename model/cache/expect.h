/*
 * Ahead of placing a line: what that touches is fetched into the host's caches.
 *
 * Most of it is far away in the host's memory: the line that will leave the L2, the set of the L3
 * that it goes to, and, which only that set tells, the line that leaves it for good. The last is
 * fetched with the next line that is expected, long before the fill arrives, and all of them once
 * more when it does. A guess that turns out wrong costs nothing. Only where levels are as most are
 * (cbit_cache.near).
 */
#ifndef CBIT_MODEL_CACHE_EXPECT_H
#define CBIT_MODEL_CACHE_EXPECT_H

#include "model/cache/state.h"

/* A compiler takes a function that only fetches for one without effect, and leaves out calls of it:
   those are always part of who calls them. */

static inline __attribute__((always_inline)) void cbit_expect_line(const cbit_cache_t *cache,
                                                                   uint32_t line)
{
    if (line != NOWHERE) {
        __builtin_prefetch(&cache->pool[line], 1);
    }
}

static inline __attribute__((always_inline)) void cbit_expect_leaving(const cbit_cache_t *cache,
                                                                      cbit_expected_t *expected)
{
    const cbit_level_t *l3 = &cache->l3;
    const size_t set = expected->set;
    expected->leaving = l3->line[set * 16 + cbit_turn_next(&l3->order[set * 2])];
    cbit_expect_line(cache, expected->leaving);
}

static inline __attribute__((always_inline)) void cbit_expect_third(const cbit_level_t *l3,
                                                                    size_t set)
{
    __builtin_prefetch(&l3->order[set * 2], 1);
    __builtin_prefetch(&l3->line[set * 16], 1);
}

static inline __attribute__((always_inline)) void cbit_expect_second(const cbit_cache_t *cache,
                                                                     const cbit_core_t *port,
                                                                     uint32_t low,
                                                                     cbit_expected_t *expected)
{
    const cbit_level_t *l2 = &cache->l2, *l3 = &cache->l3;
    const uint32_t set = low & (l2->sets - 1);
    const cbit_eight_t *eight = port->second + set;
    const uint32_t way = cbit_turn_next(&eight->order);
    const uint32_t pushed = cbit_level_low(l2, eight, set, way);
    expected->pushed = eight->line[way];
    expected->set = port->third + (pushed & (l3->sets - 1));
    expected->leaving = NOWHERE;
    cbit_expect_line(cache, expected->pushed);
    cbit_expect_third(l3, expected->set);
}

/* With bytes: those of the line that comes, and of one that will be written back. */
static inline __attribute__((always_inline)) void
cbit_expect_bytes(const cbit_cache_t *cache, uint32_t line, const cbit_expected_t *oldest)
{
    __builtin_prefetch(cache->bytes[line], 1);
    if (oldest->leaving != NOWHERE && cache->pool[oldest->leaving].dirty) {
        __builtin_prefetch(cache->bytes[oldest->leaving]);
    }
}

/* The line of an MSHR will be placed; low: the lower part of its number. Changes nothing that
   shows. */
static inline __attribute__((always_inline)) void cbit_expect(cbit_cache_t *cache,
                                                              cbit_mshr_t *mshr, uint32_t low)
{
    if (!cache->near) {
        return;
    }
    cbit_expected_t *before = cache->expecting[0];
    cbit_expect_leaving(cache, before);
    cbit_expect_second(cache, mshr->first.port, low, &mshr->expected);
    if (cache->bytes != NULL) {
        cbit_expect_bytes(cache, mshr->line, cache->expecting[1]);
        cache->expecting[1] = before;
    }
    cache->expecting[0] = &mshr->expected;
}

/* It is in the L3 and will come from there: that set is looked at as well. */
static inline __attribute__((always_inline)) void
cbit_expect_from_third(const cbit_core_t *port, uint32_t low, cbit_expected_t *expected)
{
    const cbit_cache_t *cache = port->cache;
    if (cache->near) {
        cbit_expect_third(&cache->l3, port->third + (low & (cache->l3.sets - 1)));
        cbit_expect_second(cache, port, low, expected);
    }
}

/* It is placed now. */
static inline __attribute__((always_inline)) void cbit_expect_now(const cbit_cache_t *cache,
                                                                  const cbit_expected_t *expected)
{
    if (cache->near) {
        cbit_expect_line(cache, expected->leaving);
        cbit_expect_line(cache, expected->pushed);
        cbit_expect_third(&cache->l3, expected->set);
    }
}

#endif
