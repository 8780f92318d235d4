/* Modules: names in a hierarchy, and binding errors that say which port. */
#include <string.h>

#include "cbit/sim/module.h"
#include "cbit_test.h"

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
}

static void teardown(void)
{
    cbit_diag_destroy(diag);
}

START_TEST(a_path_joins_the_names_from_the_root)
{
    char path[CBIT_MODULE_PATH_BYTES];
    cbit_module_t soc, umc, engine;
    cbit_module_init(&soc, NULL, "soc", CBIT_MODULE_SINGLE);
    cbit_module_init(&umc, &soc, "umc", 10);
    cbit_module_init(&engine, &umc, "engine", CBIT_MODULE_SINGLE);
    ck_assert_str_eq(cbit_module_path(&soc, path), "soc");
    ck_assert_str_eq(cbit_module_path(&engine, path), "soc.umc10.engine");
}
END_TEST

START_TEST(a_path_that_is_too_long_is_cut)
{
    char path[CBIT_MODULE_PATH_BYTES];
    char name[CBIT_MODULE_PATH_BYTES];
    cbit_module_t a, b;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    cbit_module_init(&a, NULL, name, 4000000000u);
    cbit_module_init(&b, &a, "b", 0);
    cbit_module_path(&b, path);
    ck_assert_uint_eq(strlen(path), CBIT_MODULE_PATH_BYTES - 1);
    ck_assert_str_eq(path, name);
}
END_TEST

START_TEST(a_bound_tree_elaborates)
{
    cbit_module_t soc, umc[2];
    cbit_binding_t dram[2];
    cbit_module_init(&soc, NULL, "soc", CBIT_MODULE_SINGLE);
    for (uint32_t i = 0; i < 2; i++) {
        cbit_module_init(&umc[i], &soc, "umc", i);
        cbit_binding_init(&dram[i], &umc[i], "dram");
        ck_assert_int_eq(cbit_binding_bind(&dram[i], target, diag), CBIT_ERR_OK);
        ck_assert(dram[i].port.try_send == take);
    }
    ck_assert_int_eq(cbit_module_elaborate(&soc, diag), CBIT_ERR_OK);
    ck_assert_uint_eq(cbit_diag_count(diag), 0);
}
END_TEST

START_TEST(every_unbound_port_is_told_in_order_of_construction)
{
    cbit_module_t soc, umc[2], core;
    cbit_binding_t dram[2], cache, bus;
    cbit_module_init(&soc, NULL, "soc", CBIT_MODULE_SINGLE);
    cbit_binding_init(&bus, &soc, "bus");
    for (uint32_t i = 0; i < 2; i++) {
        cbit_module_init(&umc[i], &soc, "umc", i);
        cbit_binding_init(&dram[i], &umc[i], "dram");
    }
    cbit_module_init(&core, &umc[1], "core", CBIT_MODULE_SINGLE);
    cbit_binding_init(&cache, &core, "cache");
    cbit_binding_bind(&bus, target, diag);
    ck_assert_int_eq(cbit_module_elaborate(&soc, diag), CBIT_ERR_UNBOUND);
    ck_assert_uint_eq(cbit_diag_count(diag), 3);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, "port soc.umc0.dram is unbound");
    ck_assert_str_eq(cbit_diag_at(diag, 1)->text, "port soc.umc1.dram is unbound");
    ck_assert_str_eq(cbit_diag_at(diag, 2)->text, "port soc.umc1.core.cache is unbound");
}
END_TEST

START_TEST(binding_twice_is_refused_and_keeps_the_first)
{
    int other;
    cbit_module_t soc;
    cbit_binding_t bus;
    cbit_module_init(&soc, NULL, "soc", CBIT_MODULE_SINGLE);
    cbit_binding_init(&bus, &soc, "bus");
    cbit_binding_bind(&bus, target, diag);
    const cbit_port_t second = {.self = &other, .try_send = take};
    ck_assert_int_eq(cbit_binding_bind(&bus, second, diag), CBIT_ERR_UNBOUND);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, "port soc.bus is bound twice");
    ck_assert_ptr_null(bus.port.self);
}
END_TEST

START_TEST(an_empty_port_binds_nothing)
{
    cbit_module_t soc;
    cbit_binding_t bus;
    cbit_module_init(&soc, NULL, "soc", CBIT_MODULE_SINGLE);
    cbit_binding_init(&bus, &soc, "bus");
    ck_assert_int_eq(cbit_binding_bind(&bus, (cbit_port_t){0}, diag), CBIT_ERR_UNBOUND);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text,
                     "port soc.bus is bound to a port that takes nothing");
    ck_assert_int_eq(cbit_module_elaborate(&soc, diag), CBIT_ERR_UNBOUND);
}
END_TEST

/* "umc1" as one word and umc number 1 would be one path in every message. */
START_TEST(two_modules_of_one_path_are_told)
{
    cbit_module_t soc, a, b, c;
    cbit_module_init(&soc, NULL, "soc", CBIT_MODULE_SINGLE);
    cbit_module_init(&a, &soc, "umc", 0);
    cbit_module_init(&b, &soc, "umc", 1);
    cbit_module_init(&c, &soc, "umc1", CBIT_MODULE_SINGLE);
    ck_assert_int_eq(cbit_module_elaborate(&soc, diag), CBIT_ERR_UNBOUND);
    ck_assert_uint_eq(cbit_diag_count(diag), 1);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, "two modules are called soc.umc1");
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("sim_module");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_path_joins_the_names_from_the_root);
    tcase_add_test(tcase, a_path_that_is_too_long_is_cut);
    tcase_add_test(tcase, a_bound_tree_elaborates);
    tcase_add_test(tcase, every_unbound_port_is_told_in_order_of_construction);
    tcase_add_test(tcase, binding_twice_is_refused_and_keeps_the_first);
    tcase_add_test(tcase, an_empty_port_binds_nothing);
    tcase_add_test(tcase, two_modules_of_one_path_are_told);
    suite_add_tcase(suite, tcase);
    return suite;
}
