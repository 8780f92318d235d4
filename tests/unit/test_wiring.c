/* The machine's wiring: a port that is forgotten is told by its place in the machine. */
#include <stdlib.h>

#include "cbit_test.h"
#include "model/platform/wiring.h"

static cbit_wiring_t *wiring;
static cbit_diag_t *diag;

static bool take(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    (void)self;
    (void)txn;
    (void)waiter;
    return true;
}

static const cbit_port_t target = {.try_send = take};

static void setup(void)
{
    diag = cbit_diag_create();
    wiring = calloc(1, sizeof *wiring);
    cbit_wiring_init(wiring, 2, 1, diag);
}

static void teardown(void)
{
    free(wiring);
    cbit_diag_destroy(diag);
}

static void bind_all_but(const cbit_binding_t *forgotten)
{
    cbit_binding_t *const all[] = {&wiring->channel_memory[0], &wiring->channel_memory[1],
                                   &wiring->cache_memory,      &wiring->iommu_memory,
                                   &wiring->core_memory[0],    &wiring->sp_memory};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] != forgotten) {
            ck_assert(cbit_wiring_bind(wiring, all[i], target).try_send == take);
        }
    }
}

START_TEST(a_machine_that_is_bound_passes)
{
    bind_all_but(NULL);
    ck_assert_int_eq(cbit_wiring_check(wiring), CBIT_ERR_OK);
    ck_assert_uint_eq(cbit_diag_count(diag), 0);
}
END_TEST

START_TEST(a_forgotten_port_is_told_by_name)
{
    bind_all_but(&wiring->channel_memory[1]);
    ck_assert_int_eq(cbit_wiring_check(wiring), CBIT_ERR_UNBOUND);
    ck_assert_uint_eq(cbit_diag_count(diag), 1);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, "port soc.fabric.channel1.memory is unbound");
}
END_TEST

START_TEST(an_unbound_machine_tells_every_port)
{
    static const char *const expected[] = {
        "port soc.fabric.channel0.memory is unbound", "port soc.fabric.channel1.memory is unbound",
        "port soc.cache.memory is unbound",           "port soc.iommu.memory is unbound",
        "port soc.core0.memory is unbound",           "port soc.sp.memory is unbound",
    };
    ck_assert_int_eq(cbit_wiring_check(wiring), CBIT_ERR_UNBOUND);
    ck_assert_uint_eq(cbit_diag_count(diag), 6);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_str_eq(cbit_diag_at(diag, i)->text, expected[i]);
    }
}
END_TEST

START_TEST(a_port_bound_twice_fails_the_check)
{
    bind_all_but(NULL);
    cbit_wiring_bind(wiring, &wiring->sp_memory, target);
    ck_assert_int_eq(cbit_wiring_check(wiring), CBIT_ERR_UNBOUND);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, "port soc.sp.memory is bound twice");
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("wiring");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_machine_that_is_bound_passes);
    tcase_add_test(tcase, a_forgotten_port_is_told_by_name);
    tcase_add_test(tcase, an_unbound_machine_tells_every_port);
    tcase_add_test(tcase, a_port_bound_twice_fails_the_check);
    suite_add_tcase(suite, tcase);
    return suite;
}
