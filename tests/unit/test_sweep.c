/* Which points a sweep has, and what its tables say. */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbit/perf/sweep.h"
#include "cbit_test.h"

static cbit_sweep_t *sweep;
static cbit_diag_t *diag;

static void write_file(char path[], const char *text)
{
    int fd = mkstemp(path);
    ck_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* Axes and whatever else: members of the file. */
static void load(const char *members)
{
    char path[] = "/tmp/cbit-sweep-XXXXXX", text[4096];
    snprintf(text, sizeof text,
             "{\"format\":\"cbit-sweep/1\",\"title\":\"t\",\"scenario\":\"s.json\","
             "\"collect\":[\"/a\",\"/b\"],%s}",
             members);
    write_file(path, text);
    cbit_err_t err = cbit_sweep_load(path, &sweep, diag);
    unlink(path);
    ck_assert_msg(err == CBIT_ERR_OK, "%s", err == CBIT_ERR_OK ? "" : cbit_diag_at(diag, 0)->text);
}

static void setup(void)
{
    diag = cbit_diag_create();
    sweep = NULL;
}

static void teardown(void)
{
    cbit_sweep_destroy(sweep);
    cbit_diag_destroy(diag);
}

static void assert_point(uint32_t point, const char *first, const char *second)
{
    ck_assert_str_eq(cbit_sweep_value(sweep, point, 0), first);
    ck_assert_str_eq(cbit_sweep_value(sweep, point, 1), second);
}

START_TEST(a_grid_has_every_combination_and_the_last_axis_is_fastest)
{
    load("\"axes\":[{\"pointer\":\"/x\",\"values\":[1,\"64MiB\"]},"
         "{\"pointer\":\"/y\",\"values\":[true,false,2.50]}]");
    ck_assert_uint_eq(sweep->points_count, 6); /* 2 x 3 */
    assert_point(0, "1", "true");
    assert_point(1, "1", "false");
    assert_point(2, "1", "2.50");
    assert_point(3, "\"64MiB\"", "true");
    assert_point(5, "\"64MiB\"", "2.50");
}
END_TEST

START_TEST(a_list_goes_along_all_axes_at_once)
{
    load("\"sampling\":\"list\",\"axes\":[{\"pointer\":\"/x\",\"values\":[1,2,3]},"
         "{\"pointer\":\"/y\",\"values\":[7,8,9]}]");
    ck_assert_uint_eq(sweep->points_count, 3);
    assert_point(0, "1", "7");
    assert_point(2, "3", "9");
}
END_TEST

/* 0.1 + 2 x 0.05 is 0.2: decimals, not doubles; 0.25 is beyond the end. */
START_TEST(a_range_is_exact_in_decimals)
{
    load("\"axes\":[{\"pointer\":\"/x\",\"from\":0.1,\"to\":0.24,\"step\":0.05},"
         "{\"pointer\":\"/y\",\"from\":3,\"to\":3,\"step\":1}]");
    ck_assert_uint_eq(sweep->points_count, 3);
    assert_point(0, "0.1", "3");
    assert_point(1, "0.15", "3");
    assert_point(2, "0.2", "3");
}
END_TEST

/* 20 points on 20, 5 and 40 values: each once; each 4 times; at most one of values 2k and 2k + 1.
   The first axis alone would also be so if all axes went together, so they must not. */
START_TEST(a_latin_hypercube_uses_each_part_of_each_axis_once)
{
    uint32_t seen[3][40] = {{0}}, together = 0;
    load("\"sampling\":\"latin_hypercube\",\"points\":20,\"seed\":7,\"axes\":["
         "{\"pointer\":\"/x\",\"from\":0,\"to\":19,\"step\":1},"
         "{\"pointer\":\"/y\",\"from\":0,\"to\":4,\"step\":1},"
         "{\"pointer\":\"/z\",\"from\":0,\"to\":39,\"step\":1}]");
    ck_assert_uint_eq(sweep->points_count, 20);
    for (uint32_t p = 0; p < 20; p++) {
        for (uint32_t a = 0; a < 3; a++) {
            seen[a][atoi(cbit_sweep_value(sweep, p, a))]++;
        }
        together += atoi(cbit_sweep_value(sweep, p, 0)) / 4 == atoi(cbit_sweep_value(sweep, p, 1));
    }
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert_uint_eq(seen[0][i], 1);
        ck_assert_uint_eq(seen[2][2 * i] + seen[2][2 * i + 1], 1);
    }
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(seen[1][i], 4);
    }
    ck_assert_uint_lt(together, 15);
}
END_TEST

START_TEST(a_point_drawn_twice_is_there_once)
{
    load("\"sampling\":\"random\",\"points\":1000,\"axes\":["
         "{\"pointer\":\"/x\",\"values\":[1,2]},{\"pointer\":\"/y\",\"values\":[1,2,3]}]");
    ck_assert_uint_eq(sweep->points_count, 6); /* 1000 draws leave none of 2 x 3 out */
    for (uint32_t p = 0; p < 6; p++) {
        for (uint32_t q = 0; q < p; q++) {
            ck_assert(strcmp(cbit_sweep_value(sweep, p, 0), cbit_sweep_value(sweep, q, 0)) != 0 ||
                      strcmp(cbit_sweep_value(sweep, p, 1), cbit_sweep_value(sweep, q, 1)) != 0);
        }
    }
}
END_TEST

static const char repeated[] =
    "\"repeats\":3,\"seed\":18000,\"axes\":[{\"pointer\":\"/x\",\"values\":[1,2]}]";

START_TEST(every_point_has_the_same_seeds)
{
    load(repeated);
    ck_assert_uint_eq(cbit_sweep_runs(sweep), 6);
    for (uint32_t r = 0; r < 6; r++) {
        ck_assert_uint_eq(cbit_sweep_seed(sweep, r), 18000 + r % 3);
    }
}
END_TEST

START_TEST(a_name_tells_settings_seed_and_basis_apart)
{
    char names[7][CBIT_SWEEP_NAME_BYTES];
    load(repeated);
    for (uint32_t r = 0; r < 6; r++) {
        cbit_sweep_name(sweep, "basis", r, names[r]);
        ck_assert_uint_eq(strlen(names[r]), 32);
    }
    cbit_sweep_name(sweep, "other", 0, names[6]);
    for (uint32_t r = 0; r < 7; r++) {
        for (uint32_t q = 0; q < r; q++) {
            ck_assert_str_ne(names[r], names[q]);
        }
    }
    cbit_sweep_name(sweep, "basis", 4, names[6]);
    ck_assert_str_eq(names[6], names[4]);
}
END_TEST

static void collect(cbit_sweep_table_t *table, uint32_t run, const char *result)
{
    char path[] = "/tmp/cbit-sweep-XXXXXX";
    write_file(path, result);
    cbit_sweep_collect(table, run, path);
    unlink(path);
}

/* 10, 12 and 14: mean 12, s = 2, t(2) = 4.303, 4.303 x 2 / sqrt(3) = 4.968676. The second point
   has one good run of three: a mean without an interval. */
START_TEST(tables_have_runs_means_and_failures)
{
    load(repeated);
    cbit_sweep_table_t *table = cbit_sweep_table_create(sweep);
    collect(table, 0, "{\"a\":10,\"b\":\"x,y\",\"checks\":{\"lost\":0}}");
    collect(table, 1, "{\"a\":12,\"expect\":[{\"ok\":false,\"skipped\":false}]}");
    collect(table, 2, "{\"a\":14}");
    collect(table, 3, "{\"a\":1.5}");
    collect(table, 4, "{\"a\":9,\"checks\":{\"lost\":2}}");
    cbit_sweep_collect_failure(table, 5, "error: no \"b\"");
    ck_assert_uint_eq(table->good, 4);
    ck_assert_uint_eq(table->failed, 2);
    ck_assert_uint_eq(table->unmet, 1);
    ck_assert_uint_eq(table->lacking[1], 3);
    cbit_text_t csv = {0}, summary = {0};
    cbit_sweep_csv(table, &csv);
    cbit_sweep_summary(table, &summary);
    char *runs = cbit_text_take(&csv), *means = cbit_text_take(&summary);
    ck_assert_str_eq(
        runs, "run,point,seed,/x,/a,/b,expectations_failed,error\n"
              "0,0,18000,1,10,\"x,y\",0,\n"
              "1,0,18001,1,12,,1,\n"
              "2,0,18002,1,14,,0,\n"
              "3,1,18000,2,1.5,,0,\n"
              "4,1,18001,2,,,,/checks/lost is 2: an invariant of the simulation does not hold\n"
              "5,1,18002,2,,,,\"error: no \"\"b\"\"\"\n");
    ck_assert_str_eq(means, "point,runs,failed,/x,/a,/a ci95,/b,/b ci95\n"
                            "0,3,0,1,12.000000,4.968676,,\n"
                            "1,3,2,2,1.500000,,,\n");
    free(runs);
    free(means);
    cbit_sweep_table_destroy(table);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("sweep");
    TCase *tcase = tcase_create("sweep");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_grid_has_every_combination_and_the_last_axis_is_fastest);
    tcase_add_test(tcase, a_list_goes_along_all_axes_at_once);
    tcase_add_test(tcase, a_range_is_exact_in_decimals);
    tcase_add_test(tcase, a_latin_hypercube_uses_each_part_of_each_axis_once);
    tcase_add_test(tcase, a_point_drawn_twice_is_there_once);
    tcase_add_test(tcase, every_point_has_the_same_seeds);
    tcase_add_test(tcase, a_name_tells_settings_seed_and_basis_apart);
    tcase_add_test(tcase, tables_have_runs_means_and_failures);
    suite_add_tcase(suite, tcase);
    return suite;
}
