/*
 * Figures of public simulators beyond the published points: other streams, maps, windows, ranks and
 * devices (reference_points.json; how they were measured: docs/dram-agreement.md).
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/perf/dram_streams.h"
#include "cbit/umc/stream.h"
#include "cbit_test.h"

#define POINTS_FILE CBIT_SOURCE_DIR "/tests/rules/reference_points.json"

static cJSON *points_file;
static const cJSON *streams, *points;

static void must(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "%s: %s\n", POINTS_FILE, what);
        exit(EXIT_FAILURE);
    }
}

/* Before the suite is made, whose loop needs the number of points. */
static int read_points(void)
{
    enum { MOST = 1 << 20 };
    FILE *file = fopen(POINTS_FILE, "rb");
    must(file != NULL, "cannot be opened");
    char *text = calloc(MOST, 1);
    must(text != NULL && fread(text, 1, MOST - 1, file) < MOST - 1, "too long");
    (void)fclose(file);
    points_file = cJSON_Parse(text);
    free(text);
    must(points_file != NULL, "not JSON");
    streams = cJSON_GetObjectItem(points_file, "streams");
    points = cJSON_GetObjectItem(points_file, "points");
    must(cJSON_IsObject(streams) && cJSON_IsArray(points), "no streams or points");
    return cJSON_GetArraySize(points);
}

static uint64_t number(const cJSON *object, const char *key, uint64_t otherwise)
{
    const cJSON *item = cJSON_GetObjectItem(object, key);
    return cJSON_IsNumber(item) ? (uint64_t)item->valuedouble : otherwise;
}

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, key));
    ck_assert_msg(text != NULL, "%s is missing", key);
    return text;
}

/* ---- the streams, as the file's `generator` says ---- */

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static uint64_t address_of(const cJSON *s, uint64_t i, uint64_t a, uint64_t b, uint64_t before)
{
    const char *kind = text_of(s, "kind");
    uint64_t span = number(s, "span", UINT64_C(1) << 32), rows = number(s, "rows", 8);
    uint64_t anywhere = (a >> 6) * 64 % span;
    if (strcmp(kind, "stride") == 0) {
        return i * number(s, "stride", 64) % span;
    }
    if (strcmp(kind, "pair") == 0 || strcmp(kind, "copy") == 0) {
        return (i % 2 != 0 ? span / 2 : 0) + 64 * (i / 2);
    }
    if (strcmp(kind, "hot") == 0 && (b >> 32) % 100 < number(s, "hot", 0)) {
        return a % rows * 0x2046000 % span + (a >> 32) % 128 * 64;
    }
    if (strcmp(kind, "bursts") == 0 && i % rows != 0) {
        return (before + 64) % span;
    }
    if (strcmp(kind, "banks") == 0) {
        return (a >> 16) % rows << 17 | a % number(s, "banks", 1) << 13 | (a >> 40) % 128 << 6;
    }
    return anywhere;
}

static cbit_stream_request_t *make_stream(const cJSON *s, uint64_t count)
{
    cbit_stream_request_t *requests = calloc(count, sizeof *requests);
    uint64_t state = number(s, "seed", 1), before = 0;
    if (strcmp(text_of(s, "kind"), "published") == 0) {
        ck_assert(cbit_dram_stream(text_of(s, "letter")[0], requests, count));
        return requests;
    }
    bool copy = strcmp(text_of(s, "kind"), "copy") == 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t a = draw(&state), b = draw(&state);
        bool write = copy ? i % 2 != 0 : b % 100 < number(s, "writes", 0);
        requests[i].address = before = address_of(s, i, a, b, before);
        requests[i].arrival_nck = i * number(s, "gap", 0) | (write ? CBIT_STREAM_WRITE : 0);
    }
    return requests;
}

/* ---- the settings ---- */

static void set_number(const cbit_row_t *rows, void *object, const cJSON *item)
{
    const cbit_row_t *row = cbit_rows_find(rows, item->string);
    ck_assert_msg(row != NULL, "no such parameter: %s", item->string);
    uint32_t value = (uint32_t)item->valuedouble;
    if (row->type == CBIT_ROW_ENUM) {
        value = 0;
        while (strcmp(row->names[value], item->valuestring) != 0) {
            value++;
            ck_assert_ptr_nonnull(row->names[value]);
        }
    } else {
        ck_assert_int_eq(row->type, CBIT_ROW_U32);
    }
    memcpy((char *)object + row->offset, &value, sizeof value);
}

static void set_all(const cbit_row_t *rows, void *object, const cJSON *values)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, values)
    {
        set_number(rows, object, item);
    }
}

static void set_config(cbit_umc_config_t *config, const cJSON *point)
{
    cbit_rows_defaults(cbit_umc_rows, config);
    (void)strcpy(config->mapping, text_of(point, "mapping"));
    set_number(cbit_umc_rows, config, cJSON_GetObjectItem(point, "policy"));
    set_all(cbit_umc_rows, config, cJSON_GetObjectItem(point, "controller"));
    set_all(cbit_dram_config_rows, &config->dram, cJSON_GetObjectItem(point, "dram"));
    set_all(cbit_rows_find(cbit_dram_config_rows, "timing")->rows, &config->dram.timing,
            cJSON_GetObjectItem(point, "timing"));
}

/* ---- the comparison ---- */

static void must_be(const char *what, uint64_t is, uint64_t want)
{
    ck_assert_msg(is == want, "%s: %lu, not %lu", what, (unsigned long)is, (unsigned long)want);
}

/* A share: the references also count requests that had begun when the run ended. */
static void hits_must_be(const cbit_stream_result_t *r, uint64_t want_ppm)
{
    enum { WITHIN_PPM = 1000 };
    double is_ppm = (double)r->row_hits / (double)r->column_commands * 1e6;
    double off_ppm = is_ppm - (double)want_ppm;
    ck_assert_msg(off_ppm < WITHIN_PPM && off_ppm > -WITHIN_PPM,
                  "row hits of a million: %.0f, off by %.0f", is_ppm, off_ppm);
}

/* Only without the checker are long runs of row hits taken out of the queues. */
static void compare(const cJSON *point, const cbit_umc_config_t *config,
                    const cbit_stream_request_t *requests, uint64_t count, bool check)
{
    const cbit_stream_options_t options = {.window = (uint32_t)number(point, "window", 32),
                                           .check = check};
    cbit_stream_result_t r;
    ck_assert_int_eq(cbit_stream_run(config, &options, requests, count, &r, NULL), CBIT_ERR_OK);
    must_be("violations", r.violations, 0);
    ck_assert(!check || r.checked > 0);
    must_be("clocks", r.end_nck, number(point, "clocks", 0));
    must_be("sum of latencies", r.latency_sum_nck, number(point, "latency_sum_nck", 0));
    must_be("p99", cbit_stream_percentile_nck(&r, 990), number(point, "p99_nck", 0));
    hits_must_be(&r, number(point, "row_hits_ppm", 0));
    cbit_stream_result_free(&r);
}

START_TEST(points_of_the_references_are_met)
{
    const cJSON *point = cJSON_GetArrayItem(points, _i);
    const cJSON *stream = cJSON_GetObjectItem(streams, text_of(point, "stream"));
    ck_assert_ptr_nonnull(stream);
    uint64_t count = number(point, "requests", 0);
    cbit_umc_config_t config;
    set_config(&config, point);
    cbit_stream_request_t *requests = make_stream(stream, count);
    ck_assert_uint_gt(count, 0);
    compare(point, &config, requests, count, true);
    compare(point, &config, requests, count, false);
    free(requests);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("reference");
    TCase *tcase = tcase_create("points");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, points_of_the_references_are_met, 0, read_points());
    suite_add_tcase(suite, tcase);
    return suite;
}
