/*
 * Ahead of placing a line: what that touches is fetched into the host's caches.
 *
 * Most of it is far away in the host's memory: the line that will leave the L2, the set of the L3
 * that it goes to, and the line that leaves that set for good. Each is known only when the one
 * before it is there, so there is one step for each newer line, all of them long before the fill
 * arrives. A guess that turns out wrong costs nothing, so empty ways are not looked for.
 */
#include "model/cache/state.h"

static uint32_t old_of_second(const cbit_level_t *l2, uint32_t set)
{
    const cbit_eight_t *eight = &l2->eights[set];
    return l2->words == 1 ? eight->line[cbit_lru_guess_of_word(eight->order)]
                          : *cbit_level_line(l2, cbit_level_next_wide(l2, set));
}

static inline uint32_t old_of_third(const cbit_level_t *l3, uint32_t set)
{
    const uint64_t *order = l3->order + (size_t)set * l3->words;
    return l3
        ->line[l3->words == 2 ? set * 16 + cbit_lru_guess_of_two(order) : cbit_third_next(l3, set)];
}

static inline void expect_l2(const cbit_cache_t *cache, cbit_mshr_t *mshr, uint64_t tag)
{
    cbit_expected_t *expected = &mshr->expected;
    const cbit_core_t *port = mshr->first.port;
    const uint32_t old = old_of_second(&cache->l2, cbit_level_set(&cache->l2, port->core, tag));
    expected->pushed = cache->l3.lines == 0 ? NOWHERE : cache->l3_inclusive ? mshr->line : old;
    expected->set = port->complex * cache->l3.sets;
    expected->leaving = NOWHERE;
    if (old != NOWHERE) {
        __builtin_prefetch(&cache->pool[old], 1);
    }
}

static inline void expect_l3(const cbit_cache_t *cache, cbit_expected_t *expected)
{
    const cbit_level_t *l3 = &cache->l3;
    if (expected->pushed == NOWHERE) {
        return;
    }
    const uint32_t low = cbit_tag_low(cache->pool[expected->pushed].tag);
    expected->set = (expected->set & ~(l3->sets - 1)) | (low & (l3->sets - 1));
    const uint32_t *line = &l3->line[cbit_level_first(l3, expected->set)];
    __builtin_prefetch(line, 1);
    for (uint32_t way = CBIT_LINE_BYTES / sizeof *line; way < l3->ways;
         way += CBIT_LINE_BYTES / sizeof *line) {
        __builtin_prefetch(line + way, 1);
    }
    __builtin_prefetch(&l3->order[(size_t)expected->set * l3->words], 1);
}

static inline void expect_leaving(const cbit_cache_t *cache, cbit_expected_t *expected)
{
    if (expected->pushed == NOWHERE) {
        return;
    }
    expected->leaving = old_of_third(&cache->l3, expected->set);
    if (expected->leaving != NOWHERE) {
        __builtin_prefetch(&cache->pool[expected->leaving], 1);
    }
}

/* With bytes: those of the line that comes, and of the one that is written back. */
static void expect_bytes(const cbit_cache_t *cache, uint32_t line, const cbit_expected_t *oldest)
{
    __builtin_prefetch(cache->bytes[line], 1);
    if (oldest->leaving != NOWHERE && cache->pool[oldest->leaving].dirty) {
        __builtin_prefetch(cache->bytes[oldest->leaving]);
    }
}

void cbit_line_expect(cbit_cache_t *cache, cbit_mshr_t *mshr, uint64_t tag)
{
    cbit_expected_t **at = cache->expecting;
    cbit_expected_t *before = at[0], *earlier = at[1];
    expect_leaving(cache, earlier);
    expect_l3(cache, before);
    expect_l2(cache, mshr, tag);
    if (cache->bytes != NULL) {
        expect_bytes(cache, mshr->line, at[2]);
    }
    at[2] = earlier;
    at[1] = before;
    at[0] = &mshr->expected;
}

void cbit_line_fetch_expected(const cbit_cache_t *cache, const cbit_expected_t *expected)
{
    const cbit_level_t *l3 = &cache->l3;
    if (expected->leaving != NOWHERE) {
        __builtin_prefetch(&cache->pool[expected->leaving], 1);
    }
    if (expected->pushed != NOWHERE) {
        __builtin_prefetch(&cache->pool[expected->pushed], 1);
        __builtin_prefetch(&l3->order[(size_t)expected->set * l3->words], 1);
        __builtin_prefetch(&l3->line[cbit_level_first(l3, expected->set)], 1);
    }
}
