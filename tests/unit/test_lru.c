/* The order of a set against time stamps, and the search for a tag against a comparison of each:
   they share nothing with them. Every number of ways. */
#include <stdbool.h>
#include <string.h>

#include "cbit/base/lru.h"
#include "cbit/base/recent.h"
#include "cbit/base/rng.h"
#include "cbit_test.h"

enum { USES = 4000 };

static uint32_t oldest_by_stamp(const uint64_t *stamps, uint32_t ways)
{
    uint32_t oldest = 0;
    for (uint32_t way = 1; way < ways; way++) {
        oldest = stamps[way] < stamps[oldest] ? way : oldest;
    }
    return oldest;
}

START_TEST(the_oldest_is_the_one_with_the_least_stamp)
{
    const uint32_t ways = (uint32_t)_i;
    uint64_t order[CBIT_LRU_MAX_WAYS / CBIT_LRU_WAYS_PER_WORD] = {0};
    uint64_t stamps[CBIT_LRU_MAX_WAYS] = {0};
    for (uint32_t way = 0; way < ways; way++) {
        stamps[way] = USES; /* never used: older in the order of their numbers */
    }
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), ways);
    cbit_lru_init(order, ways);
    for (uint64_t use = 1; use <= USES; use++) {
        ck_assert_uint_eq(cbit_lru_oldest(order), oldest_by_stamp(stamps, ways));
        const uint32_t way = (uint32_t)cbit_rng_below(&rng, ways);
        stamps[way] = USES + use;
        if (ways <= CBIT_LRU_WAYS_PER_WORD && use % 2 == 0) {
            cbit_lru_use_of_word(order, ways, way);
        } else {
            cbit_lru_use(order, cbit_lru_words(ways), ways, way);
        }
    }
}
END_TEST

/* Up to eight ways by rank: the same stamps, and each way's bits beside it. */
START_TEST(the_rank_of_a_way_is_that_of_its_stamp)
{
    const uint32_t ways = (uint32_t)_i;
    const cbit_recent_shape_t shape = cbit_recent_shape(ways);
    cbit_recent_t set;
    uint64_t stamps[CBIT_RECENT_MAX_WAYS], bits[CBIT_RECENT_MAX_WAYS] = {0};
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), ways);
    cbit_recent_init(&set, ways);
    for (uint32_t way = 0; way < ways; way++) {
        stamps[way] = USES + way;
    }
    for (uint64_t use = 1; use <= USES; use++) {
        const uint32_t way = (uint32_t)cbit_rng_below(&rng, ways);
        const uint32_t oldest = oldest_by_stamp(stamps, ways);
        if (use % 3 == 0) {
            const uint64_t fresh = cbit_rng_below(&rng, 256);
            ck_assert_uint_eq(cbit_recent_turn(&set, shape, fresh), oldest);
            bits[oldest] = fresh;
            stamps[oldest] = 2 * USES + use;
        } else if (use % 5 == 0) {
            cbit_recent_forget(&set, shape, cbit_recent_rank(&set, way));
            bits[way] = 0;
            stamps[way] = USES - use;
        } else {
            cbit_recent_use(&set, cbit_recent_rank(&set, way));
            stamps[way] = 2 * USES + use;
        }
        for (uint32_t i = 0; i < CBIT_RECENT_MAX_WAYS; i++) {
            uint32_t rank = 0;
            for (uint32_t other = 0; i < ways && other < ways; other++) {
                rank += stamps[other] > stamps[i];
            }
            ck_assert(i >= ways || cbit_recent_rank(&set, i) == rank);
            ck_assert(i >= ways || cbit_recent_way(&set, rank) == i);
            ck_assert_uint_eq(set.bits >> 8 * (i < ways ? rank : i) & 0xff, i < ways ? bits[i] : 0);
        }
        ck_assert_uint_eq(stamps[cbit_recent_newest(&set)] >= stamps[way], 1);
    }
}
END_TEST

/* Newcomers take the first empty way, else the one with the least stamp; ways empty meanwhile. */
START_TEST(a_newcomer_takes_an_empty_way_or_the_oldest)
{
    const uint32_t ways = (uint32_t)_i, words = cbit_lru_words(ways);
    uint64_t order[CBIT_LRU_MAX_WAYS / CBIT_LRU_WAYS_PER_WORD] = {0};
    uint64_t stamps[CBIT_LRU_MAX_WAYS] = {0};
    bool empty[CBIT_LRU_MAX_WAYS] = {false};
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), ways);
    cbit_lru_init(order, ways);
    uint32_t empties = 0;
    for (uint64_t use = 1; use <= USES; use++) {
        const uint32_t way = (uint32_t)cbit_rng_below(&rng, ways);
        if (cbit_rng_below(&rng, 8) == 0 && !empty[way]) {
            empty[way] = true;
            empties++;
            cbit_lru_leave(order, way);
            continue;
        }
        uint32_t next = 0;
        while (next < ways && !empty[next]) {
            next++;
        }
        next = next < ways ? next : oldest_by_stamp(stamps, ways);
        ck_assert_uint_eq(cbit_lru_next(order, words), next);
        if (words <= 2 && empties == 0) {
            ck_assert_uint_eq(
                words == 1 ? cbit_lru_guess_of_word(order[0]) : cbit_lru_guess_of_two(order), next);
        }
        ck_assert_uint_eq(empties == 0 ? cbit_lru_take_of_full(order, words, ways)
                                       : cbit_lru_take(order, words, ways),
                          next);
        empties -= empty[next];
        empty[next] = false;
        stamps[next] = use;
    }
}
END_TEST

/* Eight ways of random bits, few of them different: each way that has them is named, the lowest
   one that is named has them, and a word without any names none. */
START_TEST(a_search_names_every_way_that_has_the_bits)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 1);
    for (uint32_t turn = 0; turn < USES; turn++) {
        uint64_t word = cbit_rng_u64(&rng);
        const uint64_t bits = cbit_rng_below(&rng, 3) == 0 ? 0 : cbit_rng_below(&rng, 256);
        uint32_t count = 0;
        for (uint32_t way = 0; way < CBIT_LRU_WAYS_PER_WORD; way++) {
            if (cbit_rng_below(&rng, 4) == 0) {
                cbit_ways_set(&word, way, bits ^ cbit_rng_below(&rng, 2));
            }
            count += (word >> way * 8 & 0xff) == bits;
        }
        uint64_t match = cbit_ways_match(word, bits);
        ck_assert_int_eq(match != 0, count != 0);
        ck_assert(match == 0 || (word >> cbit_ways_first(match) * 8 & 0xff) == bits);
        for (; match != 0; match &= match - 1) {
            count -= (word >> cbit_ways_first(match) * 8 & 0xff) == bits;
        }
        ck_assert_uint_eq(count, 0);
    }
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("lru");
    TCase *tcase = tcase_create("stamps");
    tcase_add_loop_test(tcase, the_oldest_is_the_one_with_the_least_stamp, 1,
                        CBIT_LRU_MAX_WAYS + 1);
    tcase_add_loop_test(tcase, the_rank_of_a_way_is_that_of_its_stamp, 1, CBIT_RECENT_MAX_WAYS + 1);
    tcase_add_loop_test(tcase, a_newcomer_takes_an_empty_way_or_the_oldest, 1,
                        CBIT_LRU_MAX_WAYS + 1);
    tcase_add_test(tcase, a_search_names_every_way_that_has_the_bits);
    suite_add_tcase(suite, tcase);
    return suite;
}
