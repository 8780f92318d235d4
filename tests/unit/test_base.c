#include <stdlib.h>
#include <string.h>

#include "cbit/base/diag.h"
#include "cbit/base/hist.h"
#include "cbit/base/rng.h"
#include "cbit/base/rows.h"
#include "cbit_test.h"

START_TEST(diagnostics_keep_order_and_first_code)
{
    cbit_diag_t *diag = cbit_diag_create();
    cbit_diag_set_file(diag, "a.json");
    cbit_diag_add(diag, CBIT_ERR_RANGE, "/x", "%d is outside 1..64", 0);
    cbit_diag_hint(diag, "use %d", 1);
    cbit_diag_add(diag, CBIT_ERR_TYPE, NULL, "wrong\ntype");
    ck_assert_uint_eq(cbit_diag_count(diag), 2);
    ck_assert_int_eq(cbit_diag_first(diag), CBIT_ERR_RANGE);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->hint, "use 1");
    ck_assert_str_eq(cbit_diag_at(diag, 0)->file, "a.json");
    ck_assert_str_eq(cbit_diag_at(diag, 1)->text, "wrong?type");
    ck_assert_ptr_null(cbit_diag_at(diag, 2));
    cbit_diag_destroy(diag);
}
END_TEST

START_TEST(diagnostics_beyond_the_limit_are_counted)
{
    cbit_diag_t *diag = cbit_diag_create();
    for (int i = 0; i < CBIT_DIAG_MAX_ENTRIES + 7; i++) {
        cbit_diag_add(diag, CBIT_ERR_RANGE, "/x", "entry %d", i);
    }
    cbit_diag_hint(diag, "belongs to an entry that was not kept");
    ck_assert_uint_eq(cbit_diag_count(diag), CBIT_DIAG_MAX_ENTRIES + 7);
    ck_assert_ptr_null(cbit_diag_at(diag, CBIT_DIAG_MAX_ENTRIES));
    ck_assert_str_eq(cbit_diag_at(diag, CBIT_DIAG_MAX_ENTRIES - 1)->hint, "");
    cbit_diag_destroy(diag);
}
END_TEST

START_TEST(mistyped_keys_find_their_neighbour)
{
    static const cbit_row_t rows[] = {
        {.key = "depth_eclk", .type = CBIT_ROW_U32},
        {.key = "key_slots", .type = CBIT_ROW_U32},
        {.key = NULL},
    };
    ck_assert_str_eq(cbit_rows_nearest(rows, "dept_eclk"), "depth_eclk");
    ck_assert_str_eq(cbit_rows_nearest(rows, "keyslots"), "key_slots");
    ck_assert_ptr_null(cbit_rows_nearest(rows, "colour"));
}
END_TEST

START_TEST(defaults_fill_every_type)
{
    struct thing {
        uint32_t a;
        bool b;
        uint64_t c;
        char d[8];
        uint32_t *e;
        uint32_t e_count;
    } thing;
    static const cbit_row_t rows[] = {
        {CBIT_FIELD(U32, struct thing, a), .fallback = 7},
        {CBIT_FIELD(BOOL, struct thing, b), .fallback = 1},
        {CBIT_FIELD(SIZE, struct thing, c), .fallback = UINT64_C(1) << 40},
        {CBIT_FIELD(STRING, struct thing, d), .max = 7, .fallback_text = "abcdefghij"},
        {CBIT_FIELD(ARRAY, struct thing, e), .count_offset = offsetof(struct thing, e_count)},
        {.key = NULL},
    };
    memset(&thing, 0xff, sizeof thing);
    cbit_rows_defaults(rows, &thing);
    ck_assert_uint_eq(thing.a, 7);
    ck_assert(thing.b);
    ck_assert_uint_eq(thing.c, UINT64_C(1) << 40);
    ck_assert_str_eq(thing.d, "abcdefg");
    ck_assert_ptr_null(thing.e);
    ck_assert_uint_eq(thing.e_count, 0);
}
END_TEST

/* Reference values of splitmix64 for states 0 and 1, from the authors' published C code. */
START_TEST(splitmix64_gives_the_published_values)
{
    ck_assert_uint_eq(cbit_splitmix64(0), UINT64_C(0xe220a8397b1dcdaf));
    ck_assert_uint_eq(cbit_splitmix64(1), UINT64_C(0x910a2dec89025cc1));
}
END_TEST

START_TEST(random_bytes_do_not_depend_on_how_they_are_cut)
{
    cbit_rng_t a, b;
    uint8_t whole[24], parts[24];
    cbit_rng_init(&a, 5, 1);
    cbit_rng_init(&b, 5, 1);
    cbit_rng_bytes(&a, whole, 24);
    cbit_rng_bytes(&b, parts, 8);
    cbit_rng_bytes(&b, parts + 8, 16);
    ck_assert_mem_eq(whole, parts, 24);
    cbit_rng_init(&b, 5, 2);
    cbit_rng_bytes(&b, parts, 24);
    ck_assert_mem_ne(whole, parts, 24);
}
END_TEST

START_TEST(percentiles_of_small_values_are_exact)
{
    cbit_hist_t *hist = malloc(sizeof *hist);
    cbit_hist_init(hist);
    ck_assert_uint_eq(cbit_hist_percentile(hist, 500), 0);
    for (uint64_t v = 1; v <= 100; v++) {
        cbit_hist_add(hist, v);
    }
    ck_assert_uint_eq(cbit_hist_percentile(hist, 500), 50);
    ck_assert_uint_eq(cbit_hist_percentile(hist, 990), 99);
    ck_assert_uint_eq(cbit_hist_percentile(hist, 1000), 100);
    ck_assert_uint_eq(hist->sum, 5050);
    free(hist);
}
END_TEST

START_TEST(percentiles_of_large_values_are_within_one_bucket)
{
    cbit_hist_t *hist = malloc(sizeof *hist);
    cbit_hist_init(hist);
    cbit_hist_add(hist, 1000003);
    cbit_hist_add(hist, UINT64_MAX);
    uint64_t p50 = cbit_hist_percentile(hist, 500);
    ck_assert_uint_ge(p50, 1000003);
    ck_assert_uint_le(p50, 1000003 + 1000003 / 64);
    ck_assert_uint_eq(cbit_hist_percentile(hist, 1000), UINT64_MAX);
    free(hist);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("base");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, diagnostics_keep_order_and_first_code);
    tcase_add_test(tcase, diagnostics_beyond_the_limit_are_counted);
    tcase_add_test(tcase, mistyped_keys_find_their_neighbour);
    tcase_add_test(tcase, defaults_fill_every_type);
    tcase_add_test(tcase, splitmix64_gives_the_published_values);
    tcase_add_test(tcase, random_bytes_do_not_depend_on_how_they_are_cut);
    tcase_add_test(tcase, percentiles_of_small_values_are_exact);
    tcase_add_test(tcase, percentiles_of_large_values_are_within_one_bucket);
    suite_add_tcase(suite, tcase);
    return suite;
}
