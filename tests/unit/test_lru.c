/* The order of a set against time stamps, which share nothing with it: every number of ways. */
#include <string.h>

#include "cbit/base/lru.h"
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
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), ways);
    cbit_lru_init(order, ways);
    for (uint64_t use = 1; use <= USES; use++) {
        ck_assert_uint_eq(cbit_lru_oldest(order), oldest_by_stamp(stamps, ways));
        const uint32_t way = (uint32_t)cbit_rng_below(&rng, ways);
        /* Ways that were never used are older in the order of their numbers. */
        stamps[way] = use;
        cbit_lru_use(order, cbit_lru_words(ways), ways, way);
    }
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("lru");
    TCase *tcase = tcase_create("stamps");
    tcase_add_loop_test(tcase, the_oldest_is_the_one_with_the_least_stamp, 1,
                        CBIT_LRU_MAX_WAYS + 1);
    suite_add_tcase(suite, tcase);
    return suite;
}
