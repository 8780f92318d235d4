/* Synthetic patterns: each does what its name says, within its footprint, the same every time. */
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/traffic.h"
#include "tests/support/cbit_test.h"

enum { BATCH = 777, KIB = 1024, MILLION = 1000000 }; /* odd: steps must survive the cut */

/* Check's own assertions make a system call each. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

static cbit_traffic_t make(cbit_traffic_kind_t kind, uint64_t footprint, uint64_t accesses)
{
    cbit_traffic_t traffic;
    cbit_rows_defaults(cbit_traffic_rows, &traffic);
    traffic.kind = kind;
    traffic.footprint = footprint;
    traffic.accesses = accesses;
    return traffic;
}

/* All records; *count of them. To be freed. */
static cbit_trace_record_t *read_all(const cbit_traffic_t *traffic, uint64_t seed, uint32_t *count)
{
    cbit_trace_source_t source;
    uint32_t room = 4 * MILLION, got = 1;
    cbit_trace_record_t *records = malloc(room * sizeof *records);
    ck_assert_int_eq(cbit_traffic_open(traffic, seed, CBIT_ERR_OPEN, &source, NULL), CBIT_ERR_OK);
    *count = 0;
    while (got > 0) {
        ck_assert_uint_lt(*count + BATCH, room);
        ck_assert_int_eq(source.read(source.self, records + *count, BATCH, &got, NULL),
                         CBIT_ERR_OK);
        *count += got;
    }
    source.destroy(source.self);
    return records;
}

static bool is_data(const cbit_trace_record_t *record)
{
    return record->kind != CBIT_TRACE_FETCH;
}

START_TEST(every_pattern_keeps_to_its_footprint_and_its_number_of_accesses)
{
    cbit_traffic_t traffic = make((cbit_traffic_kind_t)_i, 64 * KIB, 30000);
    uint32_t count, data = 0, fetches = 0;
    uint64_t instructions = 0;
    cbit_trace_record_t *records = read_all(&traffic, 1, &count);
    for (uint32_t i = 0; i < count; i++) {
        const cbit_trace_record_t *record = &records[i];
        instructions += record->gap;
        fetches += !is_data(record);
        if (is_data(record)) {
            data++;
            MUST(record->gva >= CBIT_TRAFFIC_BASE_GVA);
            MUST(record->gva + record->size_bytes <= CBIT_TRAFFIC_BASE_GVA + 64 * KIB);
            MUST(record->size_bytes == 8 && record->gva % 8 == 0);
        } else {
            MUST(record->gva / 4096 == CBIT_TRAFFIC_CODE_GVA / 4096);
        }
    }
    ck_assert_uint_eq(_i == CBIT_TRAFFIC_IDLE ? fetches : data, 30000);
    ck_assert_uint_eq(instructions, 4 * 30000);
    ck_assert_uint_ge(fetches, 2500); /* one for 4 steps of at most 3 accesses */
    free(records);
}
END_TEST

START_TEST(a_pattern_is_the_same_for_its_seed_and_after_a_rewind)
{
    cbit_traffic_t traffic = make((cbit_traffic_kind_t)_i, 64 * KIB, 20000);
    cbit_trace_source_t source;
    cbit_trace_record_t again[BATCH];
    uint32_t count, other_count, got;
    cbit_trace_record_t *records = read_all(&traffic, 5, &count);
    ck_assert_int_eq(cbit_traffic_open(&traffic, 5, CBIT_ERR_OPEN, &source, NULL), CBIT_ERR_OK);
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(source.read(source.self, again, BATCH, &got, NULL), CBIT_ERR_OK);
        ck_assert_uint_eq(got, BATCH);
        for (uint32_t i = 0; i < got; i++) {
            MUST(again[i].gva == records[i].gva && again[i].kind == records[i].kind);
        }
        ck_assert_int_eq(source.rewind(source.self, NULL), CBIT_ERR_OK);
    }
    source.destroy(source.self);
    cbit_trace_record_t *other = read_all(&traffic, 6, &other_count);
    uint32_t differing = 0;
    for (uint32_t i = 0; i < count && i < other_count; i++) {
        differing += records[i].gva != other[i].gva;
    }
    bool seeded = _i == CBIT_TRAFFIC_RANDOM || _i == CBIT_TRAFFIC_CHASE ||
                  _i == CBIT_TRAFFIC_ZIPF || _i == CBIT_TRAFFIC_GUPS || _i == CBIT_TRAFFIC_MIXED;
    ck_assert_msg(seeded == (differing > 0), "%u addresses differ", differing);
    free(records);
    free(other);
}
END_TEST

/* 64 KiB of 256-byte steps are 256 items: each once in every 256 loads. */
START_TEST(a_chase_visits_every_item_once_a_round_and_each_load_depends)
{
    enum { ITEMS = 256 };
    cbit_traffic_t traffic = make(CBIT_TRAFFIC_CHASE, 64 * KIB, 4 * ITEMS);
    uint32_t count, at = 0, steps_by_one = 0;
    uint64_t last = 0;
    uint8_t seen[ITEMS] = {0};
    traffic.stride = 256;
    cbit_trace_record_t *records = read_all(&traffic, 3, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (is_data(&records[i])) {
            uint64_t item = (records[i].gva - CBIT_TRAFFIC_BASE_GVA) / 256;
            MUST(records[i].depends && records[i].kind == CBIT_TRACE_LOAD);
            MUST(seen[item] == at / ITEMS);
            seen[item]++;
            steps_by_one += item == last + 1;
            last = item;
            at++;
        }
    }
    ck_assert_uint_eq(at, 4 * ITEMS);
    ck_assert_uint_lt(steps_by_one,
                      32); /* by chance about 4 of 1024: the order is not that of the addresses */
    free(records);
}
END_TEST

/* 48 KiB in 8-byte elements, three arrays: 2048 elements, 16384 bytes apart. */
START_TEST(triad_loads_a_and_b_and_stores_c)
{
    cbit_traffic_t traffic = make(CBIT_TRAFFIC_STREAM, 48 * KIB, 6);
    uint32_t count, data = 0;
    static const uint64_t wanted[] = {0, 16384, 32768, 8, 16392, 32776};
    cbit_trace_record_t *records = read_all(&traffic, 1, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (is_data(&records[i])) {
            ck_assert_uint_eq(records[i].gva - CBIT_TRAFFIC_BASE_GVA, wanted[data]);
            ck_assert_int_eq(records[i].kind, data % 3 == 2 ? CBIT_TRACE_STORE : CBIT_TRACE_LOAD);
            data++;
        }
    }
    ck_assert_uint_eq(data, 6);
    free(records);
}
END_TEST

/* 8 KiB in steps of 1 KiB: 0, 1024 ... 7168, then from 8 on. */
START_TEST(a_stride_goes_around_one_access_further_each_time)
{
    cbit_traffic_t traffic = make(CBIT_TRAFFIC_STRIDED, 8 * KIB, 17);
    uint32_t count, data = 0;
    traffic.stride = KIB;
    cbit_trace_record_t *records = read_all(&traffic, 1, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (is_data(&records[i])) {
            uint64_t wanted = data % 8 * 1024 + data / 8 * 8;
            ck_assert_uint_eq(records[i].gva - CBIT_TRAFFIC_BASE_GVA, wanted);
            data++;
        }
    }
    ck_assert_uint_eq(data, 17);
    free(records);
}
END_TEST

START_TEST(read_fraction_is_the_share_of_loads)
{
    cbit_traffic_t traffic = make(CBIT_TRAFFIC_RANDOM, 64 * KIB, MILLION);
    uint32_t count, loads = 0;
    traffic.read_fraction = 250000;
    cbit_trace_record_t *records = read_all(&traffic, cbit_test_seed(), &count);
    for (uint32_t i = 0; i < count; i++) {
        loads += records[i].kind == CBIT_TRACE_LOAD;
    }
    /* 250 000 expected; sigma = sqrt(1e6 x 0.25 x 0.75) = 433; six of them are 2600 */
    ck_assert_uint_ge(loads, 247400);
    ck_assert_uint_le(loads, 252600);
    free(records);
}
END_TEST

static int by_count_down(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left < right) - (left > right);
}

/*
 * 512 items, exponent 1: rank r has 1 / (r H(512)), H(512) = 6.8165. Of 1 000 000 accesses rank 1
 * gets 146 703, rank 2 73 351, rank 10 14 670, and the upper half of the ranks
 * (H(512) - H(256)) / H(512) = 0.69217 / 6.8165 = 10.15 %: 101 543.
 */
START_TEST(zipf_gives_rank_r_one_rth_of_the_first)
{
    enum { ITEMS = 512 };
    cbit_traffic_t traffic = make(CBIT_TRAFFIC_ZIPF, 4 * KIB, MILLION);
    uint32_t count, hits[ITEMS] = {0}, upper = 0;
    traffic.exponent = MILLION;
    cbit_trace_record_t *records = read_all(&traffic, cbit_test_seed(), &count);
    for (uint32_t i = 0; i < count; i++) {
        if (is_data(&records[i])) {
            hits[(records[i].gva - CBIT_TRAFFIC_BASE_GVA) / 8]++;
        }
    }
    ck_assert_msg(hits[0] < hits[1] || hits[1] < hits[2] || hits[2] < hits[3],
                  "the ranks lie in the order of the addresses");
    qsort(hits, ITEMS, sizeof hits[0], by_count_down);
    for (uint32_t i = ITEMS / 2; i < ITEMS; i++) {
        upper += hits[i];
    }
    /* 1 %: sigma is 354 for rank 1, 261 for rank 2; 3 % where groups of ranks are averaged */
    ck_assert_uint_ge(hits[0], 145000);
    ck_assert_uint_le(hits[0], 148400);
    ck_assert_uint_ge(hits[1], 72000);
    ck_assert_uint_le(hits[1], 74700);
    ck_assert_uint_ge(hits[9], 14200);
    ck_assert_uint_le(hits[9], 15150);
    ck_assert_uint_ge(upper, 98500);
    ck_assert_uint_le(upper, 104600);
    free(records);
}
END_TEST

START_TEST(phases_follow_each_other)
{
    cbit_traffic_t parts[2] = {make(CBIT_TRAFFIC_IDLE, 4 * KIB, 10),
                               make(CBIT_TRAFFIC_GUPS, 4 * KIB, 8)};
    cbit_traffic_t traffic = make(CBIT_TRAFFIC_PHASES, 0, 0);
    uint32_t count;
    traffic.phases = parts;
    traffic.phases_count = 2;
    cbit_trace_record_t *records = read_all(&traffic, 1, &count);
    ck_assert_uint_eq(count, 10 + 8 + 1); /* gups: 4 steps of two accesses, one fetch */
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert_int_eq(records[i].kind, CBIT_TRACE_FETCH);
        ck_assert_uint_eq(records[i].gva / 4096, CBIT_TRAFFIC_CODE_GVA / 4096);
    }
    ck_assert_uint_eq(records[10].gva / 4096, CBIT_TRAFFIC_CODE_GVA / 4096 + 1);
    ck_assert_int_eq(records[11].kind, CBIT_TRACE_LOAD);
    ck_assert_int_eq(records[12].kind, CBIT_TRACE_STORE);
    ck_assert_uint_eq(records[11].gva, records[12].gva);
    free(records);
}
END_TEST

/* ---- rules ---- */

static void check_refused(const cbit_traffic_t *traffic, const char *where, const char *text)
{
    cbit_diag_t *diag = cbit_diag_create();
    ck_assert_int_eq(cbit_traffic_check(traffic, "/guests/0/traffic", diag), CBIT_ERR_RANGE);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->where, where);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, text);
    cbit_diag_destroy(diag);
}

START_TEST(what_cannot_be_is_refused_with_its_place)
{
    cbit_traffic_t traffic = make(CBIT_TRAFFIC_CHASE, 64 * KIB, 1);
    ck_assert_int_eq(cbit_traffic_check(&traffic, "", NULL), CBIT_ERR_OK);
    traffic.access_bytes = 12;
    check_refused(&traffic, "/guests/0/traffic/access_bytes", "must be a power of two in 1..64");
    traffic.access_bytes = 8;
    traffic.stride = 100;
    check_refused(&traffic, "/guests/0/traffic/stride",
                  "must be a multiple of access_bytes and at most the footprint");
    traffic.stride = 64;
    traffic.footprint = 4097;
    check_refused(&traffic, "/guests/0/traffic/footprint",
                  "must be a multiple of access_bytes in 4KiB..1TiB");
    cbit_traffic_t nested = make(CBIT_TRAFFIC_PHASES, 0, 0);
    cbit_traffic_t phases = make(CBIT_TRAFFIC_PHASES, 0, 0);
    phases.phases = &nested;
    phases.phases_count = 1;
    check_refused(&phases, "/guests/0/traffic/phases/0/kind",
                  "a phase must be a pattern: not a trace, nor phases");
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("traffic");
    TCase *patterns = tcase_create("patterns");
    tcase_set_timeout(patterns, 60);
    tcase_add_loop_test(patterns, every_pattern_keeps_to_its_footprint_and_its_number_of_accesses,
                        CBIT_TRAFFIC_STREAM, CBIT_TRAFFIC_PHASES);
    tcase_add_loop_test(patterns, a_pattern_is_the_same_for_its_seed_and_after_a_rewind,
                        CBIT_TRAFFIC_STREAM, CBIT_TRAFFIC_PHASES);
    tcase_add_test(patterns, a_chase_visits_every_item_once_a_round_and_each_load_depends);
    tcase_add_test(patterns, triad_loads_a_and_b_and_stores_c);
    tcase_add_test(patterns, a_stride_goes_around_one_access_further_each_time);
    tcase_add_test(patterns, read_fraction_is_the_share_of_loads);
    tcase_add_test(patterns, zipf_gives_rank_r_one_rth_of_the_first);
    tcase_add_test(patterns, phases_follow_each_other);
    tcase_add_test(patterns, what_cannot_be_is_refused_with_its_place);
    suite_add_tcase(suite, patterns);
    return suite;
}
