/* The order of a set against time stamps, and the search for a tag against a comparison of each:
   they share nothing with them. Every number of ways. */
#include <stdbool.h>
#include <string.h>

#include "cbit/base/lru.h"
#include "cbit/base/rng.h"
#include "cbit/base/ways.h"
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
        if (ways <= CBIT_LRU_WAYS_PER_WORD && use % 3 == 0) {
            const uint32_t oldest = oldest_by_stamp(stamps, ways);
            ck_assert_uint_eq(cbit_lru_turn_word(order, cbit_lru_ones(ways), ways), oldest);
            stamps[oldest] = USES + use;
            continue;
        }
        const uint32_t way = (uint32_t)cbit_rng_below(&rng, ways);
        stamps[way] = USES + use;
        if (ways <= CBIT_LRU_WAYS_PER_WORD && use % 5 == 0) {
            stamps[way] = USES - use;
            cbit_lru_forget_of_word(order, ways, way);
        } else if (ways <= CBIT_LRU_WAYS_PER_WORD && use % 2 == 0) {
            cbit_lru_use_of_word(order, ways, way);
        } else {
            cbit_lru_use(order, cbit_lru_words(ways), ways, way);
        }
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
    tcase_add_loop_test(tcase, a_newcomer_takes_an_empty_way_or_the_oldest, 1,
                        CBIT_LRU_MAX_WAYS + 1);
    tcase_add_test(tcase, a_search_names_every_way_that_has_the_bits);
    suite_add_tcase(suite, tcase);
    return suite;
}
