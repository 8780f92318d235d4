#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/workloads/json.h"
#include "cbit_test.h"

static cbit_arena_t *arena;
static cbit_diag_t *diag;

static void setup(void)
{
    arena = cbit_arena_create();
    diag = cbit_diag_create();
}

static void teardown(void)
{
    cbit_arena_destroy(arena);
    cbit_diag_destroy(diag);
}

static cbit_json_t *parse(const char *text)
{
    return cbit_json_parse(arena, text, strlen(text), 7, diag);
}

static cbit_json_t *number(const char *text)
{
    cbit_json_t *value = parse(text);
    ck_assert_msg(value != NULL && value->kind == CBIT_JSON_NUMBER, "%s is a number", text);
    return value;
}

/* ---- reading ---- */

START_TEST(values_keep_line_origin_and_digits)
{
    const cbit_json_t *root = parse("{\n \"a\": [1, -0.50e+3],\n\n \"b\": {\"c\": true}}");
    ck_assert_ptr_nonnull(root);
    ck_assert_uint_eq(root->count, 2);
    ck_assert_uint_eq(cbit_json_at(root, "/a/1")->line, 2);
    ck_assert_uint_eq(cbit_json_at(root, "/b/c")->line, 4);
    ck_assert_uint_eq(cbit_json_at(root, "/b/c")->origin, 7);
    ck_assert_str_eq(cbit_json_at(root, "/a/1")->text, "-0.50e+3");
    ck_assert_ptr_null(diag == NULL ? NULL : cbit_diag_at(diag, 0));
}
END_TEST

START_TEST(escapes_become_utf8)
{
    const cbit_json_t *text = parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u20ac\\ud83d\\ude00\"");
    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text->text, "\"\\/\b\f\n\r\t\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}
END_TEST

/* Each is one finding, and no value. */
static const char *const refused[] = {
    "",
    " ",
    "{",
    "[1,",
    "[1 2]",
    "{\"a\" 1}",
    "{\"a\":1,}",
    "[,]",
    "{,}",
    "{1:2}",
    "01",
    "-",
    "+1",
    "1.",
    ".5",
    "1e",
    "1e+",
    "0x10",
    "NaN",
    "Infinity",
    "tru",
    "True",
    "nul",
    "\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\u0041\"",
    "\"\\u0000\"",
    "\"a\tb\"",
    "\"\x80\"",
    "\"\xc0\xaf\"",
    "\"\xe0\x80\x80\"",
    "\"\xed\xa0\x80\"",
    "\"\xf5\x80\x80\x80\"",
    "\"\xc3\"",
    "[1] 2",
    "1 1",
    "[1]]",
    "// c\n1",
    "/**/1",
    "'a'",
    "\xef\xbb\xbf[1]",
    "\v1",
    "1\f",
};

START_TEST(what_is_not_json_is_refused)
{
    ck_assert_msg(parse(refused[_i]) == NULL, "accepted: %s", refused[_i]);
    ck_assert_uint_eq(cbit_diag_count(diag), 1);
    ck_assert_int_eq(cbit_diag_first(diag), CBIT_ERR_SYNTAX);
    ck_assert_int_eq(strncmp(cbit_diag_at(diag, 0)->where, "line ", 5), 0);
}
END_TEST

START_TEST(a_nul_byte_is_no_end_of_text)
{
    static const char text[] = "[1]\0[2]";
    ck_assert_ptr_null(cbit_json_parse(arena, text, sizeof text - 1, 0, diag));
    ck_assert_uint_eq(cbit_diag_count(diag), 1);
}
END_TEST

START_TEST(sixty_four_levels_are_taken_and_sixty_five_are_not)
{
    char text[131];
    for (int i = 0; i < 65; i++) {
        text[i] = '[';
        text[65 + i] = ']';
    }
    ck_assert_ptr_null(cbit_json_parse(arena, text, 130, 0, diag));
    ck_assert_uint_eq(cbit_diag_count(diag), 1);
    ck_assert_ptr_nonnull(cbit_json_parse(arena, text + 1, 128, 0, diag));
}
END_TEST

START_TEST(every_duplicate_key_is_told_by_its_pointer)
{
    ck_assert_ptr_null(parse("{\"a\":[0,{\"x/y\":1,\"x/y\":2}],\"b\":1,\"b\":2,\"b\":3}"));
    ck_assert_uint_eq(cbit_diag_count(diag), 3);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->where, "/a/1/x~1y");
    ck_assert_str_eq(cbit_diag_at(diag, 1)->where, "/b");
    ck_assert_int_eq(cbit_diag_first(diag), CBIT_ERR_DUPLICATE);
}
END_TEST

/* ---- pointers ---- */

START_TEST(pointers_follow_rfc_6901)
{
    /* The document and answers of section 5 of that RFC. */
    const cbit_json_t *root =
        parse("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
              "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}");
    static const struct {
        const char *pointer, *text;
    } rows[] = {{"/foo/0", "bar"}, {"/", "0"},     {"/a~1b", "1"}, {"/c%d", "2"}, {"/e^f", "3"},
                {"/g|h", "4"},     {"/i\\j", "5"}, {"/k\"l", "6"}, {"/ ", "7"},   {"/m~0n", "8"}};
    ck_assert_ptr_eq(cbit_json_at(root, ""), root);
    ck_assert_uint_eq(cbit_json_at(root, "/foo")->count, 2);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const cbit_json_t *found = cbit_json_at(root, rows[i].pointer);
        ck_assert_msg(found != NULL, "%s leads somewhere", rows[i].pointer);
        ck_assert_str_eq(found->text, rows[i].text);
    }
}
END_TEST

START_TEST(pointers_to_nothing_give_nothing)
{
    const cbit_json_t *root = parse("{\"a\":[1,2],\"b\":3}");
    static const char *const nothing[] = {"a",
                                          "/c",
                                          "/a/2",
                                          "/a/01",
                                          "/a/-",
                                          "/a/x",
                                          "/a/",
                                          "/b/0",
                                          "/~2",
                                          "/a~",
                                          "/a/0/0",
                                          "/a/-1",
                                          "/a/99999999999999999999"};
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        ck_assert_msg(cbit_json_at(root, nothing[i]) == NULL, "%s leads nowhere", nothing[i]);
    }
}
END_TEST

/* ---- numbers ---- */

START_TEST(numbers_compare_by_value_exactly)
{
    /* In ascending order; equal ones share a line. */
    static const char *const rows[][4] = {
        {"-1e400", "-10e399", NULL},
        {"-2", "-2.0", "-0.2e1", NULL},
        {"-1.5", NULL},
        {"-1e-400", NULL},
        {"0", "-0", "0.000", "0e9"},
        {"1e-400", "10e-401", NULL},
        {"0.1", "1e-1", "0.10", NULL},
        {"0.10000000000000000001", NULL},
        {"9007199254740992", NULL},
        {"9007199254740993", "9007199254740993.0", NULL}, /* equal as doubles */
        {"18446744073709551616", NULL},
        {"1e300", NULL},
        {"1e999999999999", NULL},
    };
    enum { ROWS = sizeof rows / sizeof rows[0] };
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < ROWS; j++) {
            for (size_t x = 0; x < 4 && rows[i][x] != NULL; x++) {
                for (size_t y = 0; y < 4 && rows[j][y] != NULL; y++) {
                    int order = cbit_json_compare_numbers(number(rows[i][x]), number(rows[j][y]));
                    int expected = i < j ? -1 : i > j;
                    ck_assert_msg((order > 0) - (order < 0) == expected, "%s against %s: %d",
                                  rows[i][x], rows[j][y], order);
                }
            }
        }
    }
}
END_TEST

START_TEST(scaling_is_exact_or_refused)
{
    static const struct {
        const char *text;
        uint32_t decimals;
        bool possible, negative;
        uint64_t value;
    } rows[] = {
        {"97.312", 3, true, false, 97312},
        {"97.3", 3, true, false, 97300},
        {"97.3125", 3, false, false, 0},
        {"97.31200", 3, true, false, 97312},
        {"-1.5", 1, true, true, 15},
        {"1e3", 0, true, false, 1000},
        {"1200e-2", 0, true, false, 12},
        {"18446744073709551615", 0, true, false, UINT64_MAX},
        {"18446744073709551616", 0, false, false, 0},
        {"1e300", 0, false, false, 0},
        {"0e300", 6, true, false, 0},
        {"1e-300", 6, false, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool negative = false;
        uint64_t value = 0;
        bool possible = cbit_json_scaled(number(rows[i].text), rows[i].decimals, &negative, &value);
        ck_assert_msg(possible == rows[i].possible, "%s", rows[i].text);
        if (possible) {
            ck_assert_msg(value == rows[i].value && negative == rows[i].negative, "%s",
                          rows[i].text);
        }
    }
}
END_TEST

START_TEST(fixed_numbers_have_all_their_digits)
{
    ck_assert_str_eq(cbit_json_fixed(arena, 97312, 3)->text, "97.312");
    ck_assert_str_eq(cbit_json_fixed(arena, 5, 3)->text, "0.005");
    ck_assert_str_eq(cbit_json_fixed(arena, 0, 3)->text, "0.000");
    ck_assert_str_eq(cbit_json_fixed(arena, UINT64_MAX, 3)->text, "18446744073709551.615");
    ck_assert_str_eq(cbit_json_fixed(arena, 7, 0)->text, "7");
    ck_assert_str_eq(cbit_json_i64(arena, INT64_MIN)->text, "-9223372036854775808");
}
END_TEST

/* ---- equality and writing ---- */

START_TEST(equality_ignores_order_of_members_and_spelling_of_numbers)
{
    const cbit_json_t *a = parse("{\"x\":[1,{\"y\":2.50}],\"z\":null}");
    ck_assert(cbit_json_equal(a, parse("{\"z\":null,\"x\":[1.0,{\"y\":25e-1}]}")));
    ck_assert(!cbit_json_equal(a, parse("{\"z\":null,\"x\":[{\"y\":2.5},1]}")));
    ck_assert(!cbit_json_equal(a, parse("{\"z\":null,\"w\":[1,{\"y\":2.5}]}")));
    ck_assert(!cbit_json_equal(a, parse("{\"x\":[1,{\"y\":2.5}]}")));
    ck_assert(!cbit_json_equal(parse("\"1\""), parse("1")));
    ck_assert(!cbit_json_equal(parse("true"), parse("false")));
}
END_TEST

START_TEST(text_is_laid_out_the_same_way_always)
{
    const cbit_json_t *root =
        parse("{\"a\":{\"x\":1,\"y\":\"\\u0001\\n\\\"\\\\\"},\"b\":[1,2,3],\"c\":[],\"d\":{},"
              "\"e\":[{\"k\":true}],\"f\":{\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":null}}");
    char *text = cbit_json_text(root, false, NULL);
    ck_assert_str_eq(text, "{\n"
                           "  \"a\": {\"x\": 1, \"y\": \"\\u0001\\u000a\\\"\\\\\"},\n"
                           "  \"b\": [1, 2, 3],\n"
                           "  \"c\": [],\n"
                           "  \"d\": {},\n"
                           "  \"e\": [\n"
                           "    {\"k\": true}\n"
                           "  ],\n"
                           "  \"f\": {\n"
                           "    \"1\": 1,\n"
                           "    \"2\": 2,\n"
                           "    \"3\": 3,\n"
                           "    \"4\": 4,\n"
                           "    \"5\": null\n"
                           "  }\n"
                           "}\n");
    free(text);
    text = cbit_json_text(cbit_json_at(root, "/e"), true, NULL);
    ck_assert_str_eq(text, "[{\"k\":true}]");
    free(text);
}
END_TEST

START_TEST(what_is_no_utf8_is_written_as_a_replacement)
{
    char *text = cbit_json_text(cbit_json_string(arena, "a\xff\xc3\xa4\xc3z"), true, NULL);
    ck_assert_str_eq(text, "\"a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbdz\"");
    free(text);
}
END_TEST

/* A value of random shape, at most `depth` deep. */
static cbit_json_t *random_value(cbit_rng_t *rng, uint32_t depth)
{
    static const char *const texts[] = {"", "a", "\"", "\\", "\n", "\xc3\xa4", "\xf0\x9f\x98\x80"};
    uint64_t kind = cbit_rng_below(rng, depth == 0 ? 5 : 7);
    if (kind == CBIT_JSON_NUMBER) {
        return cbit_json_fixed(arena, cbit_rng_u64(rng) >> cbit_rng_below(rng, 64),
                               (uint32_t)cbit_rng_below(rng, 7));
    }
    if (kind == CBIT_JSON_STRING) {
        return cbit_json_string(arena, texts[cbit_rng_below(rng, 7)]);
    }
    cbit_json_t *value = cbit_json_new(arena, (cbit_json_kind_t)kind);
    for (uint64_t i = kind < CBIT_JSON_ARRAY ? 0 : cbit_rng_below(rng, 6); i > 0; i--) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%u", (unsigned)i);
        cbit_json_add(arena, value, kind == CBIT_JSON_OBJECT ? key : NULL,
                      random_value(rng, depth - 1));
    }
    return value;
}

START_TEST(what_is_written_reads_back_equal)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 0);
    for (int i = 0; i < 500; i++) {
        const cbit_json_t *value = random_value(&rng, 5);
        char *text = cbit_json_text(value, i % 2 == 0, NULL);
        const cbit_json_t *again = parse(text);
        ck_assert_msg(again != NULL && cbit_json_equal(value, again), "%s", text);
        char *twice = cbit_json_text(again, i % 2 == 0, NULL);
        ck_assert_str_eq(text, twice);
        free(text);
        free(twice);
    }
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("json");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, values_keep_line_origin_and_digits);
    tcase_add_test(tcase, escapes_become_utf8);
    tcase_add_loop_test(tcase, what_is_not_json_is_refused, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(tcase, a_nul_byte_is_no_end_of_text);
    tcase_add_test(tcase, sixty_four_levels_are_taken_and_sixty_five_are_not);
    tcase_add_test(tcase, every_duplicate_key_is_told_by_its_pointer);
    tcase_add_test(tcase, pointers_follow_rfc_6901);
    tcase_add_test(tcase, pointers_to_nothing_give_nothing);
    tcase_add_test(tcase, numbers_compare_by_value_exactly);
    tcase_add_test(tcase, scaling_is_exact_or_refused);
    tcase_add_test(tcase, fixed_numbers_have_all_their_digits);
    tcase_add_test(tcase, equality_ignores_order_of_members_and_spelling_of_numbers);
    tcase_add_test(tcase, text_is_laid_out_the_same_way_always);
    tcase_add_test(tcase, what_is_no_utf8_is_written_as_a_replacement);
    tcase_add_test(tcase, what_is_written_reads_back_equal);
    suite_add_tcase(suite, tcase);
    return suite;
}
