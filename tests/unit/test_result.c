/* The result of made-up counters: every figure by hand. */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbit/perf/result.h"
#include "cbit_test.h"

static const char scenario_text[] =
    "{\"format\":\"cbit-scenario/1\",\"title\":\"Made up\",\"guests\":["
    "{\"name\":\"a\",\"asid\":1,\"traffic\":{\"kind\":\"trace\",\"file\":\"" CBIT_SOURCE_DIR
    "/workloads/traces/xz.cbt\"}},"
    "{\"name\":\"b\",\"asid\":2,\"traffic\":{\"kind\":\"trace\",\"file\":\"" CBIT_SOURCE_DIR
    "/workloads/traces/xz.cbt\"}}],"
    "\"events\":[{\"kind\":\"skip_activate\",\"when\":\"launch\",\"guest\":\"b\"},"
    "{\"kind\":\"dma_read\",\"at_us\":1,\"guest\":\"a\",\"pages\":\"shared\","
    "\"engines\":[\"rtl\"]}],"
    "\"expect\":[%s]}";

static cbit_scenario_file_t *file;
static cbit_run_result_t *run, *off, *unprotected;
static cbit_result_t *result;
static cbit_diag_t *diag;

static cbit_run_result_t *new_run(uint64_t a_ps, uint64_t b_ps)
{
    cbit_run_result_t *made = calloc(1, sizeof *made);
    made->guest_count = 2;
    made->guests = calloc(2, sizeof *made->guests);
    made->guests[0].run_ps = a_ps;
    made->guests[1].run_ps = b_ps;
    strcpy(made->guests[0].name, "a");
    strcpy(made->guests[1].name, "b");
    made->event_count = 2;
    made->events = calloc(2, sizeof *made->events);
    made->events[0].kind = "skip_activate";
    made->events[1].kind = "dma_read";
    made->events[0].skipped = made->events[1].skipped = true;
    made->events[0].reason = made->events[1].reason = "engine";
    cbit_hist_init(&made->machine.read.total);
    cbit_hist_init(&made->machine.write.total);
    for (int i = 0; i < CBIT_SOURCE_COUNT; i++) {
        cbit_hist_init(&made->machine.read_by_source[i].total);
    }
    return made;
}

static void load(const char *expect)
{
    char path[] = "/tmp/cbit-result-XXXXXX", text[4096];
    int fd = mkstemp(path);
    int len = snprintf(text, sizeof text, scenario_text, expect);
    ck_assert(fd >= 0 && write(fd, text, (size_t)len) == len);
    close(fd);
    cbit_err_t err = cbit_scenario_load(path, NULL, &file, diag);
    unlink(path);
    ck_assert_msg(err == CBIT_ERR_OK, "%s: %s",
                  err == CBIT_ERR_OK ? "" : cbit_diag_at(diag, 0)->where,
                  err == CBIT_ERR_OK ? "" : cbit_diag_at(diag, 0)->text);
}

static void setup(void)
{
    diag = cbit_diag_create();
    run = new_run(1014000, 3000000);
    off = new_run(1000000, 2912621);
    unprotected = new_run(900000, 0);
}

static void teardown(void)
{
    cbit_run_result_clear(run);
    cbit_run_result_clear(off);
    cbit_run_result_clear(unprotected);
    free(run);
    free(off);
    free(unprotected);
    cbit_result_destroy(result);
    cbit_scenario_file_destroy(file);
    cbit_diag_destroy(diag);
    result = NULL;
    file = NULL;
}

static void make(cbit_engine_mode_t mode, bool baselines)
{
    const cbit_result_runs_t runs = {.mode = mode,
                                     .run = run,
                                     .engine_off = baselines ? off : NULL,
                                     .unprotected = baselines ? unprotected : NULL};
    ck_assert_int_eq(cbit_result_create(file, &runs, &result, diag), CBIT_ERR_OK);
}

static void assert_at(const char *pointer, const char *expected)
{
    const cbit_json_t *value = cbit_json_at(cbit_result_json(result), pointer);
    ck_assert_msg(value != NULL, "%s is in the result", pointer);
    char *text = cbit_json_text(value, true, NULL);
    ck_assert_msg(strcmp(text, expected) == 0, "%s is %s, not %s", pointer, text, expected);
    free(text);
}

/* Three reads: 90, 100 and 110.001 ns. */
static void add_reads(cbit_platform_latency_t *latency)
{
    cbit_hist_add(&latency->total, 90000);
    cbit_hist_add(&latency->total, 100000);
    cbit_hist_add(&latency->total, 110001);
    latency->stage_ps[CBIT_STAGE_FABRIC] = 180000;
    latency->stage_ps[CBIT_STAGE_DRAM] = 99376;
    latency->stage_ps[CBIT_STAGE_AES] = 20625;
}

START_TEST(latencies_are_means_and_exact_sums)
{
    load("");
    add_reads(&run->machine.read);
    make(CBIT_ENGINE_MODEL, true);
    /* (90000 + 100000 + 110001) / 3 = 100000.33 ps */
    assert_at("/memory/read_latency_ns/mean", "100.000");
    assert_at("/memory/read_latency_ns/max", "110.001");
    assert_at("/memory/read_latency_ns/count", "3");
    assert_at("/memory/read_latency_ns/total_ps", "300001");
    assert_at("/memory/read_latency_ns/stages_total_ps", "300001"); /* 180000 + 99376 + 20625 */
    assert_at("/memory/read_latency_ns/stages/aes", "6.875");       /* 20625 / 3 */
    assert_at("/memory/read_latency_ns/stages/dram", "33.125");     /* 99376 / 3 = 33125.33 */
    assert_at("/memory/read_latency_ns/stages/fabric", "60.000");
    assert_at("/memory/read_latency_ns/stages/core", "0.000");
    assert_at("/memory/read_latency_ns/stages_ps/dram", "99376");
}
END_TEST

START_TEST(nothing_read_is_zero_and_not_a_division)
{
    load("");
    make(CBIT_ENGINE_MODEL, true);
    assert_at("/memory/read_latency_ns/mean", "0.000");
    assert_at("/memory/read_latency_ns/p99", "0.000");
    assert_at("/memory/read_latency_ns/max", "0.000");
    assert_at("/memory/row_hit_rate", "null");
    assert_at("/memory/bandwidth_gbs", "null");
    assert_at("/guests/0/ipc", "null");
}
END_TEST

START_TEST(rates_are_rounded_to_nearest)
{
    load("");
    run->time_ps = 1000000; /* 1 us */
    run->machine.umc.column_reads = 200;
    run->machine.umc.column_writes = 100;
    run->machine.umc.row_hits = 200;
    run->guests[0].vcpu.instructions = 2;
    run->guests[0].vcpu.busy_cclk = 3;
    make(CBIT_ENGINE_MODEL, true);
    assert_at("/time_ns", "1000.000");
    assert_at("/memory/reads", "200");
    assert_at("/memory/writes", "100");
    assert_at("/memory/bandwidth_gbs", "19.200"); /* 300 x 64 bytes / 1000 ns */
    assert_at("/memory/row_hit_rate", "0.666667");
    assert_at("/guests/0/ipc", "0.666667");
}
END_TEST

START_TEST(slowdowns_compare_with_both_baselines)
{
    load("");
    make(CBIT_ENGINE_MODEL, true);
    assert_at("/guests/0/slowdown/engine", "1.014000"); /* 1014 / 1000 */
    assert_at("/guests/1/slowdown/engine", "1.030000"); /* 3000000 / 2912621 = 1.03000013 */
    assert_at("/guests/0/slowdown/total", "1.126667");  /* 1014 / 900 */
    assert_at("/guests/1/slowdown/total", "null");      /* never ran there */
}
END_TEST

START_TEST(without_baselines_there_are_no_slowdowns)
{
    load("");
    make(CBIT_ENGINE_MODEL, false);
    assert_at("/guests/0/slowdown", "{\"engine\":null,\"total\":null}");
}
END_TEST

START_TEST(the_sentence_says_what_was_learnt)
{
    load("");
    add_reads(&run->machine.read);
    make(CBIT_ENGINE_MODEL, true);
    char *learnt = cbit_result_learnt(result);
    ck_assert_str_eq(learnt, "encryption cost guest a 1.4 % and guest b 3.0 %; 6.9 ns of 100.0 ns "
                             "per read is AES");
    free(learnt);
}
END_TEST

START_TEST(a_guest_that_got_faster_is_told_as_such)
{
    load("");
    run->guests[0].run_ps = 988000;
    run->guests[1].run_ps = off->guests[1].run_ps;
    make(CBIT_ENGINE_MODEL, true);
    char *learnt = cbit_result_learnt(result);
    ck_assert_str_eq(
        learnt,
        "encryption cost guest a -1.2 % and guest b 0.0 %; 0.0 ns of 0.0 ns per read is AES");
    free(learnt);
}
END_TEST

START_TEST(the_engine_appears_in_one_place)
{
    load("");
    add_reads(&run->machine.read);
    make(CBIT_ENGINE_MODEL, true);
    char *model = cbit_json_text(cbit_result_json(result), false, NULL);
    cbit_result_destroy(result);
    make(CBIT_ENGINE_LOCKSTEP, true);
    char *lockstep = cbit_json_text(cbit_result_json(result), false, NULL);
    char *at = strstr(model, "\"mode\": \"model\"");
    ck_assert_ptr_nonnull(at);
    size_t before = (size_t)(at - model) + strlen("\"mode\": \"");
    ck_assert_int_eq(strncmp(model, lockstep, before), 0);
    ck_assert_str_eq(model + before + strlen("model"), lockstep + before + strlen("lockstep"));
    free(model);
    free(lockstep);
}
END_TEST

START_TEST(events_tell_what_happened_or_that_they_were_skipped)
{
    load("");
    run->events[0] = (cbit_run_event_t){.kind = "skip_activate",
                                        .at_ps = 1500,
                                        .asid = 2,
                                        .exit_code = -1,
                                        .outcome = "invalid",
                                        .info2 = 0xabc,
                                        .changed_blocks = 3,
                                        .xor_values = 2,
                                        .span_ps = 42};
    make(CBIT_ENGINE_MODEL, true);
    assert_at("/events/0",
              "{\"kind\":\"skip_activate\",\"guest\":\"b\",\"vcpu\":0,"
              "\"skipped\":false,\"at_ns\":1.500,\"asid\":2,\"exit_code\":-1,"
              "\"outcome\":\"invalid\",\"info1\":\"0x0\",\"info2\":\"0xabc\","
              "\"blocks\":0,\"foreign_blocks\":0,\"changed_blocks\":3,\"xor_values\":2,"
              "\"span_ns\":0.042}");
    assert_at("/events/1", "{\"kind\":\"dma_read\",\"guest\":\"a\",\"vcpu\":0,\"skipped\":true,"
                           "\"at_ns\":null,\"asid\":null,\"exit_code\":null,\"outcome\":null,"
                           "\"reason\":\"engine\"}");
}
END_TEST

/* ---- expectations ---- */

/* What holds of {"/time_ns": 97.312, "/guests/0/name": "a"}. */
static const struct {
    const char *expect;
    bool holds;
} expectations[] = {
    {"{\"path\":\"/time_ns\",\"op\":\"==\",\"value\":97.312}", true},
    {"{\"path\":\"/time_ns\",\"op\":\"==\",\"value\":97.3120}", true},
    {"{\"path\":\"/time_ns\",\"op\":\"==\",\"value\":97.3121}", false},
    {"{\"path\":\"/time_ns\",\"op\":\"==\",\"value\":\"97.312\"}", false},
    {"{\"path\":\"/time_ns\",\"op\":\"!=\",\"value\":97.3121}", true},
    {"{\"path\":\"/time_ns\",\"op\":\"<\",\"value\":97.312}", false},
    {"{\"path\":\"/time_ns\",\"op\":\"<\",\"value\":97.3120000001}", true},
    {"{\"path\":\"/time_ns\",\"op\":\"<=\",\"value\":97.312}", true},
    {"{\"path\":\"/time_ns\",\"op\":\">\",\"value\":97.312}", false},
    {"{\"path\":\"/time_ns\",\"op\":\">=\",\"value\":97.312}", true},
    {"{\"path\":\"/time_ns\",\"op\":\"between\",\"value\":[97.312,98]}", true},
    {"{\"path\":\"/time_ns\",\"op\":\"between\",\"value\":[90,97.312]}", true},
    {"{\"path\":\"/time_ns\",\"op\":\"between\",\"value\":[97.313,98]}", false},
    {"{\"path\":\"/time_ns\",\"op\":\"between\",\"value\":[98,90]}", false},
    {"{\"path\":\"/time_ns\",\"op\":\"in\",\"value\":[1,97.312]}", true},
    {"{\"path\":\"/time_ns\",\"op\":\"in\",\"value\":[]}", false},
    {"{\"path\":\"/guests/0/name\",\"op\":\"==\",\"value\":\"a\"}", true},
    {"{\"path\":\"/guests/0/name\",\"op\":\"in\",\"value\":[\"b\",\"a\"]}", true},
    {"{\"path\":\"/guests/0/name\",\"op\":\"<\",\"value\":1}", false},
    {"{\"path\":\"/guests/0/slowdown\",\"op\":\"==\",\"value\":{\"total\":1.126667,"
     "\"engine\":1.014}}",
     true},
    {"{\"path\":\"/nowhere\",\"op\":\"!=\",\"value\":1}", false},
    {"{\"path\":\"/nowhere\",\"op\":\"==\",\"value\":null}", false},
    {"{\"path\":\"/expect/0/ok\",\"op\":\"==\",\"value\":true}", false},
};

START_TEST(expectations_are_judged_exactly)
{
    load(expectations[_i].expect);
    run->time_ps = 97312;
    make(CBIT_ENGINE_MODEL, true);
    cbit_verdict_t verdict = cbit_result_verdict(result);
    ck_assert_msg(verdict.held == expectations[_i].holds && verdict.failed == !verdict.held, "%s",
                  expectations[_i].expect);
    assert_at("/expect/0/ok", expectations[_i].holds ? "true" : "false");
    assert_at("/expect/0/skipped", "false");
}
END_TEST

START_TEST(an_expectation_of_another_engine_is_skipped_and_does_not_count)
{
    load("{\"path\":\"/nowhere\",\"op\":\"==\",\"value\":1,\"engines\":[\"off\",\"rtl\"]}");
    make(CBIT_ENGINE_MODEL, true);
    cbit_verdict_t verdict = cbit_result_verdict(result);
    ck_assert_uint_eq(verdict.skipped, 1);
    ck_assert_uint_eq(verdict.held + verdict.failed, 0);
    assert_at("/expect/0", "{\"path\":\"/nowhere\",\"op\":\"==\",\"value\":1,\"actual\":null,"
                           "\"ok\":null,\"skipped\":true}");
}
END_TEST

START_TEST(broken_invariants_are_counted_and_named)
{
    load("");
    run->checks.stage_mismatches = 3;
    run->checks.sp_failures = 1;
    make(CBIT_ENGINE_MODEL, true);
    ck_assert_uint_eq(cbit_result_verdict(result).broken_checks, 2);
    char *table = cbit_result_table(result);
    ck_assert_ptr_nonnull(strstr(table, "BROKEN /checks/stage_mismatches: 3, expected 0"));
    free(table);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("result");
    TCase *tcase = tcase_create("result");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, latencies_are_means_and_exact_sums);
    tcase_add_test(tcase, nothing_read_is_zero_and_not_a_division);
    tcase_add_test(tcase, rates_are_rounded_to_nearest);
    tcase_add_test(tcase, slowdowns_compare_with_both_baselines);
    tcase_add_test(tcase, without_baselines_there_are_no_slowdowns);
    tcase_add_test(tcase, the_sentence_says_what_was_learnt);
    tcase_add_test(tcase, a_guest_that_got_faster_is_told_as_such);
    tcase_add_test(tcase, the_engine_appears_in_one_place);
    tcase_add_test(tcase, events_tell_what_happened_or_that_they_were_skipped);
    tcase_add_loop_test(tcase, expectations_are_judged_exactly, 0,
                        (int)(sizeof expectations / sizeof expectations[0]));
    tcase_add_test(tcase, an_expectation_of_another_engine_is_skipped_and_does_not_count);
    tcase_add_test(tcase, broken_invariants_are_counted_and_named);
    suite_add_tcase(suite, tcase);
    return suite;
}
