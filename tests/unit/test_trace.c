/* Traces: what is written is read again, and whatever is wrong with a file is said, never believed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbit/base/rng.h"
#include "cbit/workloads/trace.h"
#include "tests/support/cbit_test.h"

enum { RANDOM_RECORDS = 300000, BATCH = 1000, PATH_BYTES = 64 };

static void temp_path(char path[PATH_BYTES])
{
    (void)snprintf(path, PATH_BYTES, "/tmp/cbit-test-trace-%ld.cbt", (long)getpid());
}

/* Record i of a random trace: the same for writer and checker. */
static cbit_trace_record_t random_record(cbit_rng_t *rng)
{
    cbit_trace_record_t record = {.kind = (uint8_t)cbit_rng_below(rng, 3),
                                  .size_bytes = (uint8_t)(1 + cbit_rng_below(rng, 64)),
                                  .gap = (uint32_t)cbit_rng_below(rng, 6),
                                  .depends = cbit_rng_below(rng, 2) != 0};
    if (cbit_rng_below(rng, 50) == 0) {
        record.gap = (uint32_t)cbit_rng_u64(rng);
    }
    /* Addresses of any size, so that distances between them have any number of bytes. */
    record.gva = cbit_rng_below(rng, (UINT64_C(1) << 47) - 64) >> cbit_rng_below(rng, 47);
    if (record.kind == CBIT_TRACE_FETCH) {
        record.gva = record.gva / 64 * 64 + cbit_rng_below(rng, 65 - record.size_bytes);
    }
    return record;
}

static void write_random(const char *path, uint32_t records, uint32_t pages)
{
    cbit_trace_info_t info = {.source = "test", .program = "a \"quoted\" \\ name", .seed = 7};
    cbit_trace_writer_t *writer = NULL;
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 1);
    ck_assert_int_eq(cbit_trace_writer_create(path, &info, &writer, NULL), CBIT_ERR_OK);
    for (uint32_t i = 0; i < pages; i++) {
        cbit_trace_page_t page = {.gva = 0x400000 + 0x2000 * (uint64_t)i, .flags = i % 4};
        memset(page.bytes, (int)i, sizeof page.bytes);
        ck_assert_int_eq(cbit_trace_writer_page(writer, &page), CBIT_ERR_OK);
    }
    for (uint32_t i = 0; i < records; i++) {
        cbit_trace_record_t record = random_record(&rng);
        if (cbit_trace_writer_record(writer, &record) != CBIT_ERR_OK) {
            ck_abort_msg("record %" PRIu32 " is refused", i);
        }
    }
    ck_assert_int_eq(cbit_trace_writer_finish(writer, NULL), CBIT_ERR_OK);
}

static uint8_t *slurp(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    *len = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*len + 1);
    ck_assert_uint_eq(fread(bytes, 1, *len, file), *len);
    (void)fclose(file);
    return bytes;
}

static cbit_err_t count_page(void *visitor, const cbit_trace_page_t *page)
{
    uint32_t *count = visitor;
    ck_assert_uint_eq(page->gva, 0x400000 + 0x2000 * (uint64_t)*count);
    ck_assert_uint_eq(page->flags, *count % 4);
    ck_assert_uint_eq(page->bytes[4095], *count % 256);
    ++*count;
    return CBIT_ERR_OK;
}

static cbit_err_t ignore_page(void *visitor, const cbit_trace_page_t *page)
{
    (void)visitor;
    (void)page;
    return CBIT_ERR_OK;
}

static cbit_err_t read_all(cbit_trace_reader_t *reader, cbit_diag_t *diag)
{
    cbit_trace_record_t records[BATCH];
    cbit_err_t err = cbit_trace_reader_for_each_page(reader, ignore_page, NULL, diag);
    for (uint32_t count = 1; err == CBIT_ERR_OK && count > 0;) {
        err = cbit_trace_reader_read(reader, records, BATCH, &count, diag);
    }
    return err;
}

static void check_equal_to_random(cbit_trace_reader_t *reader)
{
    cbit_trace_record_t records[BATCH];
    uint32_t done = 0, count = 1;
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 1);
    while (count > 0) {
        ck_assert_int_eq(cbit_trace_reader_read(reader, records, BATCH, &count, NULL), CBIT_ERR_OK);
        for (uint32_t i = 0; i < count; i++, done++) {
            cbit_trace_record_t want = random_record(&rng);
            if (!(records[i].gva == want.gva && records[i].gap == want.gap &&
                  records[i].kind == want.kind && records[i].size_bytes == want.size_bytes &&
                  records[i].depends == want.depends)) {
                ck_abort_msg("record %" PRIu32 " differs", done);
            }
        }
    }
    ck_assert_uint_eq(done, RANDOM_RECORDS);
}

/* ---- events ---- */

enum { RANDOM_EVENTS = 300000 }; /* about 30 bytes each: several chunks */

static cbit_trace_event_t random_event(cbit_rng_t *rng, uint64_t *at_ps)
{
    *at_ps += cbit_rng_below(rng, 100000);
    cbit_trace_event_t event = {.at_ps = *at_ps,
                                .kind = (uint8_t)cbit_rng_below(rng, CBIT_TRACE_EVENT_KINDS)};
    for (uint32_t i = 0; i < cbit_trace_event_rows[event.kind].count; i++) {
        event.fields[i] = cbit_rng_u64(rng) >> cbit_rng_below(rng, 64);
    }
    return event;
}

typedef struct replay {
    cbit_rng_t rng;
    uint64_t at_ps, count;
} replay_t;

static cbit_err_t same_event(void *visitor, const cbit_trace_event_t *event)
{
    replay_t *replay = visitor;
    const cbit_trace_event_t want = random_event(&replay->rng, &replay->at_ps);
    bool same = event->at_ps == want.at_ps && event->kind == want.kind &&
                memcmp(event->fields, want.fields, sizeof want.fields) == 0;
    ck_assert_msg(same, "event %llu differs", (unsigned long long)replay->count);
    replay->count++;
    return CBIT_ERR_OK;
}

START_TEST(events_are_read_as_they_were_written_beside_records)
{
    char path[PATH_BYTES];
    const cbit_trace_info_t info = {.source = "run"};
    const cbit_trace_record_t record = {.gva = 0x1000, .gap = 1, .size_bytes = 4};
    cbit_trace_writer_t *writer = NULL;
    cbit_trace_reader_t *reader = NULL;
    replay_t replay = {0};
    uint64_t at_ps = 0;
    temp_path(path);
    ck_assert_int_eq(cbit_trace_writer_create(path, &info, &writer, NULL), CBIT_ERR_OK);
    cbit_rng_init(&replay.rng, cbit_test_seed(), 2);
    for (uint32_t i = 0; i < RANDOM_EVENTS; i++) {
        const cbit_trace_event_t event = random_event(&replay.rng, &at_ps);
        ck_assert_int_eq(cbit_trace_writer_event(writer, &event), CBIT_ERR_OK);
        if (i % 100 == 0) {
            ck_assert_int_eq(cbit_trace_writer_record(writer, &record), CBIT_ERR_OK);
        }
    }
    const cbit_trace_event_t early = {.at_ps = at_ps - 1}, nothing = {.at_ps = at_ps, .kind = 99};
    ck_assert_int_eq(cbit_trace_writer_event(writer, &early), CBIT_ERR_INTERNAL);
    ck_assert_int_eq(cbit_trace_writer_event(writer, &nothing), CBIT_ERR_INTERNAL);
    ck_assert_int_eq(cbit_trace_writer_finish(writer, NULL), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_trace_check(path, CBIT_ERR_OPEN, NULL), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_trace_reader_open(path, CBIT_ERR_OPEN, &reader, NULL), CBIT_ERR_OK);
    ck_assert_uint_eq(cbit_trace_reader_info(reader)->events, RANDOM_EVENTS);
    ck_assert_uint_eq(cbit_trace_reader_info(reader)->fetches, RANDOM_EVENTS / 100);
    cbit_rng_init(&replay.rng, cbit_test_seed(), 2);
    ck_assert_int_eq(cbit_trace_reader_for_each_event(reader, same_event, &replay, NULL),
                     CBIT_ERR_OK);
    ck_assert_uint_eq(replay.count, RANDOM_EVENTS);
    cbit_trace_reader_close(reader);
    (void)remove(path);
}
END_TEST

START_TEST(what_is_written_is_read_again)
{
    char path[PATH_BYTES];
    temp_path(path);
    write_random(path, RANDOM_RECORDS, 600); /* about 11 bytes each: several chunks of 1 MiB */
    cbit_trace_reader_t *reader = NULL;
    ck_assert_int_eq(cbit_trace_reader_open(path, CBIT_ERR_OPEN, &reader, NULL), CBIT_ERR_OK);
    const cbit_trace_info_t *info = cbit_trace_reader_info(reader);
    ck_assert_str_eq(info->program, "a \"quoted\" \\ name");
    ck_assert_uint_eq(info->seed, 7);
    ck_assert_uint_eq(info->fetches + info->loads + info->stores, RANDOM_RECORDS);
    check_equal_to_random(reader);
    uint32_t pages = 0;
    ck_assert_int_eq(cbit_trace_reader_for_each_page(reader, count_page, &pages, NULL),
                     CBIT_ERR_OK);
    ck_assert_uint_eq(pages, 600);
    ck_assert_int_eq(cbit_trace_reader_rewind(reader, NULL), CBIT_ERR_OK);
    check_equal_to_random(reader);
    cbit_trace_reader_close(reader);
    (void)remove(path);
}
END_TEST

START_TEST(a_record_that_breaks_the_format_is_refused_by_the_writer)
{
    static const cbit_trace_record_t bad[] = {
        {.gva = 0x1000, .kind = CBIT_TRACE_LOAD, .size_bytes = 0},
        {.gva = 0x1000, .kind = CBIT_TRACE_LOAD, .size_bytes = 65},
        {.gva = 0x1000, .kind = 3, .size_bytes = 1},
        {.gva = 0x103d, .kind = CBIT_TRACE_FETCH, .size_bytes = 4}, /* 3d..40: two lines */
        {.gva = UINT64_C(0x800000000000), .kind = CBIT_TRACE_LOAD, .size_bytes = 1},
        {.gva = UINT64_C(0x7fffffffffff), .kind = CBIT_TRACE_LOAD, .size_bytes = 2},
    };
    char path[PATH_BYTES];
    temp_path(path);
    cbit_trace_info_t info = {.source = "test"};
    cbit_trace_writer_t *writer = NULL;
    ck_assert_int_eq(cbit_trace_writer_create(path, &info, &writer, NULL), CBIT_ERR_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(cbit_trace_writer_record(writer, &bad[i]), CBIT_ERR_INTERNAL);
    }
    cbit_trace_writer_discard(writer);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(every_single_changed_byte_is_found)
{
    char path[PATH_BYTES];
    size_t len = 0;
    temp_path(path);
    write_random(path, 40, 1);
    uint8_t *bytes = slurp(path, &len);
    size_t header_end = 8 + 2048;
    for (size_t at = 0; at < len; at++) {
        if (at >= 8 && at < header_end) {
            continue; /* text for people, and white space */
        }
        bytes[at] ^= 0x10;
        cbit_trace_reader_t *reader = NULL;
        cbit_err_t err = cbit_trace_reader_open_bytes(bytes, len, &reader, NULL);
        if (err == CBIT_ERR_OK) {
            err = read_all(reader, NULL);
        }
        ck_assert_msg(err == CBIT_ERR_FORMAT, "byte %zu changed: %s", at, cbit_err_text(err));
        cbit_trace_reader_close(reader);
        bytes[at] ^= 0x10;
    }
    free(bytes);
    (void)remove(path);
}
END_TEST

START_TEST(every_cut_is_found_and_named_by_its_byte)
{
    char path[PATH_BYTES];
    size_t len = 0;
    temp_path(path);
    write_random(path, 40, 1);
    uint8_t *bytes = slurp(path, &len);
    for (size_t cut = 0; cut < len; cut++) {
        cbit_diag_t *diag = cbit_diag_create();
        cbit_trace_reader_t *reader = NULL;
        cbit_err_t err = cbit_trace_reader_open_bytes(bytes, cut, &reader, diag);
        ck_assert_int_eq(err, CBIT_ERR_FORMAT);
        ck_assert_int_eq(strncmp(cbit_diag_at(diag, 0)->where, "byte ", 5), 0);
        cbit_diag_destroy(diag);
    }
    free(bytes);
    (void)remove(path);
}
END_TEST

static void check_header_text(uint8_t *bytes, size_t len, const char *from, const char *to,
                              const char *expected)
{
    cbit_diag_t *diag = cbit_diag_create();
    cbit_trace_reader_t *reader = NULL;
    char saved[2048];
    char *text = (char *)bytes + 8;
    memcpy(saved, text, sizeof saved);
    char *found = strstr(text, from);
    ck_assert_msg(found != NULL && strlen(from) == strlen(to), "%s", from);
    memcpy(found, to, strlen(to));
    cbit_err_t err = cbit_trace_reader_open_bytes(bytes, len, &reader, diag);
    if (err == CBIT_ERR_OK) {
        err = read_all(reader, diag);
    }
    ck_assert_int_eq(err, CBIT_ERR_FORMAT);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, expected);
    cbit_trace_reader_close(reader);
    cbit_diag_destroy(diag);
    memcpy(text, saved, sizeof saved);
}

START_TEST(a_header_that_lies_is_found)
{
    char path[PATH_BYTES];
    size_t len = 0;
    temp_path(path);
    write_random(path, 40, 1);
    uint8_t *bytes = slurp(path, &len);
    check_header_text(bytes, len, "cbit-trace/1", "cbit-trace/2",
                      "/format: must be \"cbit-trace/1\"");
    check_header_text(bytes, len, "\"page_bytes\":4096", "\"page_bytes\":8192",
                      "/page_bytes: must be a whole number within its range");
    check_header_text(bytes, len, "\"pages\":1", "\"pages\":2",
                      "the header's totals are not those of the chunks");
    check_header_text(bytes, len, "\"events\":0", "\"events\":1",
                      "the header's totals are not those of the chunks");
    check_header_text(bytes, len, "\"source\"", "\"sourcf\"", "/source: is missing");
    check_header_text(bytes, len,
                      "\"instructions\":", "\"instructionz\":", "/instructions: is missing");
    free(bytes);
    (void)remove(path);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_the_users_or_the_inputs_error)
{
    cbit_trace_reader_t *reader = NULL;
    ck_assert_int_eq(cbit_trace_reader_open("/nonexistent.cbt", CBIT_ERR_OPEN, &reader, NULL),
                     CBIT_ERR_OPEN);
    ck_assert_int_eq(cbit_trace_reader_open("/nonexistent.cbt", CBIT_ERR_INPUT_FILE, &reader, NULL),
                     CBIT_ERR_INPUT_FILE);
    ck_assert_int_eq(cbit_trace_reader_open("/tmp", CBIT_ERR_OPEN, &reader, NULL), CBIT_ERR_OPEN);
    ck_assert_ptr_null(reader);
}
END_TEST

START_TEST(the_committed_traces_are_sound)
{
    ck_assert_int_eq(
        cbit_trace_check(CBIT_SOURCE_DIR "/workloads/traces/sqlite.cbt", CBIT_ERR_OPEN, NULL),
        CBIT_ERR_OK);
    ck_assert_int_eq(
        cbit_trace_check(CBIT_SOURCE_DIR "/workloads/traces/xz.cbt", CBIT_ERR_OPEN, NULL),
        CBIT_ERR_OK);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("trace");
    TCase *round_trip = tcase_create("round trip");
    tcase_add_test(round_trip, what_is_written_is_read_again);
    tcase_add_test(round_trip, events_are_read_as_they_were_written_beside_records);
    tcase_add_test(round_trip, a_record_that_breaks_the_format_is_refused_by_the_writer);
    tcase_add_test(round_trip, the_committed_traces_are_sound);
    suite_add_tcase(suite, round_trip);
    TCase *hostile = tcase_create("hostile files");
    tcase_add_test(hostile, every_single_changed_byte_is_found);
    tcase_add_test(hostile, every_cut_is_found_and_named_by_its_byte);
    tcase_add_test(hostile, a_header_that_lies_is_found);
    tcase_add_test(hostile, a_file_that_is_not_there_is_the_users_or_the_inputs_error);
    suite_add_tcase(suite, hostile);
    return suite;
}
