/* The orders of a set against time stamps, and the search for a tag against a comparison of each:
   they share nothing with them. Every number of ways. */
#include <stdbool.h>
#include <string.h>

#include "cbit/base/recent.h"
#include "cbit/base/rng.h"
#include "cbit/base/turn.h"
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

/* Up to eight ways by rank: the same stamps, and each way's bits beside it. */
START_TEST(the_rank_of_a_way_is_that_of_its_stamp)
{
    const uint32_t ways = (uint32_t)_i;
    const cbit_recent_shape_t shape = cbit_recent_shape_of(ways);
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

/* A set that fills and empties: what each way was used last, and which are empty. */
typedef struct set {
    uint32_t ways, words;
    uint64_t order[CBIT_TURN_MAX_WAYS / CBIT_WAYS_PER_WORD];
    uint64_t stamps[CBIT_TURN_MAX_WAYS];
    bool empty[CBIT_TURN_MAX_WAYS];
} set_t;

static uint32_t empties_before(const set_t *set, uint32_t way)
{
    uint32_t count = 0;
    for (uint32_t other = 0; other < way; other++) {
        count += set->empty[other];
    }
    return count;
}

static void newcomer(set_t *set, uint64_t now)
{
    uint32_t next = 0;
    while (next < set->ways && !set->empty[next]) {
        next++;
    }
    next = next < set->ways ? next : oldest_by_stamp(set->stamps, set->ways);
    ck_assert_uint_eq(cbit_turn_next(set->order), next);
    ck_assert_uint_eq(cbit_turn_take(set->order, set->words, cbit_turn_last(set->ways)), next);
    set->empty[next] = false;
    set->stamps[next] = now;
}

/* All ways stand in it, the empty ones first and by number; behind the last there is nothing. */
static void check_queue(const set_t *set)
{
    const uint32_t empties = empties_before(set, set->ways);
    bool right = true;
    for (uint32_t place = 0; place < 8 * set->words; place++) {
        const uint32_t way = cbit_turn_at(set->order, place);
        right = right && (place < empties) == (place < set->ways && set->empty[way]) &&
                (place >= empties || empties_before(set, way) == place) &&
                (place < set->ways || way == 0);
    }
    ck_assert(right);
}

/* Newcomers take the first empty way, else the one with the least stamp; ways are used and become
   empty meanwhile. */
START_TEST(a_newcomer_takes_an_empty_way_or_the_oldest)
{
    set_t set = {.ways = (uint32_t)_i, .words = cbit_turn_words((uint32_t)_i)};
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), set.ways);
    cbit_turn_init(set.order, set.ways);
    memset(set.empty, true, sizeof set.empty);
    for (uint64_t now = 1; now <= USES; now++) {
        const uint32_t way = (uint32_t)cbit_rng_below(&rng, set.ways);
        const uint64_t what = cbit_rng_below(&rng, now / 500 % 2 == 0 ? 10 : 3);
        if (what == 0 && !set.empty[way]) {
            cbit_turn_leave(set.order, set.words, way, empties_before(&set, way));
            set.empty[way] = true;
        } else if (what == 1 && !set.empty[way]) {
            cbit_turn_use(set.order, set.words, cbit_turn_last(set.ways), way);
            set.stamps[way] = now;
        } else {
            newcomer(&set, now);
        }
        if (now % 16 == 0) {
            check_queue(&set);
        }
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
        for (uint32_t way = 0; way < CBIT_WAYS_PER_WORD; way++) {
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
    tcase_add_loop_test(tcase, the_rank_of_a_way_is_that_of_its_stamp, 1, CBIT_RECENT_MAX_WAYS + 1);
    tcase_add_loop_test(tcase, a_newcomer_takes_an_empty_way_or_the_oldest, 1,
                        CBIT_TURN_MAX_WAYS + 1);
    tcase_add_test(tcase, a_search_names_every_way_that_has_the_bits);
    suite_add_tcase(suite, tcase);
    return suite;
}
