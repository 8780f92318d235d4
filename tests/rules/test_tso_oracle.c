/* The oracle of test_tso.c by itself: published litmus tests of x86. */
#include <stdlib.h>

#include "cbit_test.h"
#include "tests/support/tso.h"

/* Two threads, two places. Thread 0 does first and second at places 0 and 1; thread 1 the same at
   places 1 and 0, or, for two stores, loads them in that order. Loads see the store or not. */
static const char *litmus(tso_kind_t first, tso_kind_t second, bool fence, bool first_new,
                          bool second_new)
{
    tso_t *run = calloc(1, sizeof *run);
    bool message = first == TSO_STORE && second == TSO_STORE;
    for (uint32_t t = 0; t < 2; t++) {
        (void)tso_add(run, message && t == 1 ? TSO_LOAD : first, t, t);
        if (fence) {
            (void)tso_add(run, TSO_FENCE, t, 0);
        }
        (void)tso_add(run, message && t == 1 ? TSO_LOAD : second, t, 1 - t);
    }
    const bool news[2] = {first_new, second_new};
    for (uint32_t i = 0, loads = 0; i < run->count; i++) {
        if (run->nodes[i].kind == TSO_STORE) {
            tso_saw(run, i);
        } else if (run->nodes[i].kind == TSO_LOAD) {
            for (uint32_t s = 0; news[loads] && s < run->count; s++) {
                if (run->nodes[s].kind == TSO_STORE && run->nodes[s].place == run->nodes[i].place) {
                    run->nodes[i].value = s + 1;
                }
            }
            loads++;
        }
    }
    const char *wrong = tso_check(run);
    free(run);
    return wrong;
}

START_TEST(the_oracle_knows_the_published_litmus_tests)
{
    /* SB: both loads may miss the other's store, unless a fence stands between. */
    ck_assert_ptr_null(litmus(TSO_STORE, TSO_LOAD, false, false, false));
    ck_assert_ptr_nonnull(litmus(TSO_STORE, TSO_LOAD, true, false, false));
    ck_assert_ptr_null(litmus(TSO_STORE, TSO_LOAD, true, true, false));
    /* LB: not both loads see the store that comes after the other load. */
    ck_assert_ptr_nonnull(litmus(TSO_LOAD, TSO_STORE, false, true, true));
    ck_assert_ptr_null(litmus(TSO_LOAD, TSO_STORE, false, true, false));
    /* MP: who sees the second store (place 1) sees the first one (place 0). */
    ck_assert_ptr_nonnull(litmus(TSO_STORE, TSO_STORE, false, true, false));
    ck_assert_ptr_null(litmus(TSO_STORE, TSO_STORE, false, true, true));
    ck_assert_ptr_null(litmus(TSO_STORE, TSO_STORE, false, false, true));
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("rules");
    TCase *tcase = tcase_create("tso_oracle");
    tcase_add_test(tcase, the_oracle_knows_the_published_litmus_tests);
    suite_add_tcase(suite, tcase);
    return suite;
}
