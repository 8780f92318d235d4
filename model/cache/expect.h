/*
 * Ahead of placing a line: what that touches is fetched into the host's caches.
 *
 * Most of it is far away in the host's memory: the line that will leave the L2, the set of the L3
 * that it goes to, and, which only that set tells, the line that leaves it for good. The last is
 * fetched with the next line that is expected, long before the fill arrives, and all of them once
 * more when it does. A guess that turns out wrong costs nothing.
 */
#ifndef CBIT_MODEL_CACHE_EXPECT_H
#define CBIT_MODEL_CACHE_EXPECT_H

#include "model/cache/state.h"

/* A compiler takes a function that only fetches for one without effect, and leaves out calls of it:
   those are always part of who calls them. */
#define CBIT_EXPECT static inline __attribute__((always_inline))

CBIT_EXPECT void cbit_expect_line(const cbit_cache_t *cache, uint32_t line)
{
    if (line != NOWHERE) {
        __builtin_prefetch(&cache->pool[line], 1);
    }
}

CBIT_EXPECT void cbit_expect_leaving(const cbit_cache_t *cache, cbit_expected_t *expected)
{
    const cbit_level_t *l3 = &cache->l3;
    if (expected->set != NOWHERE) {
        const uint32_t way = cbit_turn_next(cbit_third_order(l3, expected->set));
        expected->leaving = l3->line[cbit_level_first(l3, expected->set) + way];
        cbit_expect_line(cache, expected->leaving);
    }
}

CBIT_EXPECT void cbit_expect_third(const cbit_level_t *l3, uint32_t set)
{
    const uint32_t *line = &l3->line[cbit_level_first(l3, set)];
    __builtin_prefetch(cbit_third_order(l3, set), 1);
    __builtin_prefetch(line, 1);
    for (uint32_t word = 2; word < l3->words; word += 2) {
        __builtin_prefetch(line + (size_t)word * 8, 1);
    }
}

CBIT_EXPECT void cbit_expect_second(const cbit_cache_t *cache, cbit_mshr_t *mshr, uint64_t tag)
{
    const cbit_level_t *l2 = &cache->l2, *l3 = &cache->l3;
    const cbit_core_t *port = mshr->first.port;
    const uint32_t set = cbit_tag_low(tag) & (l2->sets - 1);
    const cbit_eight_t *eight = port->second + (size_t)set * l2->words;
    uint32_t way = cbit_turn_next(&eight->order);
    eight += way / 8;
    way %= 8;
    cbit_expected_t *expected = &mshr->expected;
    *expected = (cbit_expected_t){.pushed = eight->line[way], .set = NOWHERE, .leaving = NOWHERE};
    cbit_expect_line(cache, expected->pushed);
    if (l3->lines != 0) {
        const uint32_t pushed = set | cbit_ways_at(eight->bits, way) << l2->set_bits;
        const uint32_t low = cache->l3_inclusive ? cbit_tag_low(tag) : pushed;
        expected->set = port->third + (low & (l3->sets - 1));
        cbit_expect_third(l3, expected->set);
    }
}

/* With bytes: those of the line that comes, and of one that will be written back. */
CBIT_EXPECT void cbit_expect_bytes(const cbit_cache_t *cache, uint32_t line,
                                   const cbit_expected_t *oldest)
{
    __builtin_prefetch(cache->bytes[line], 1);
    if (oldest->leaving != NOWHERE && cache->pool[oldest->leaving].dirty) {
        __builtin_prefetch(cache->bytes[oldest->leaving]);
    }
}

/* The line of an MSHR, of that tag, will be placed. Changes nothing that shows. */
CBIT_EXPECT void cbit_expect(cbit_cache_t *cache, cbit_mshr_t *mshr, uint64_t tag)
{
    cbit_expected_t *before = cache->expecting[0];
    cbit_expect_leaving(cache, before);
    cbit_expect_second(cache, mshr, tag);
    if (cache->bytes != NULL) {
        cbit_expect_bytes(cache, mshr->line, cache->expecting[1]);
        cache->expecting[1] = before;
    }
    cache->expecting[0] = &mshr->expected;
}

/* It is placed now. */
CBIT_EXPECT void cbit_expect_now(const cbit_cache_t *cache, const cbit_expected_t *expected)
{
    cbit_expect_line(cache, expected->leaving);
    cbit_expect_line(cache, expected->pushed);
    if (expected->set != NOWHERE) {
        cbit_expect_third(&cache->l3, expected->set);
    }
}

#endif
