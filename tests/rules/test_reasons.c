/* Why reads waited: every clock has one reason, and it is the plain controller's. */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/perf/dram_streams.h"
#include "cbit_test.h"
#include "random_streams.h"

static uint64_t sum_of(const cbit_stream_reason_t *reasons, uint32_t count)
{
    uint64_t sum_nck = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum_nck += reasons[i].nck;
    }
    return sum_nck;
}

START_TEST(reasons_cover_a_read_without_gap)
{
    enum { COUNT = 3000 };
    cbit_stream_request_t *requests = calloc(COUNT, sizeof *requests);
    uint32_t *latency = calloc(COUNT, sizeof *latency);
    ck_assert(cbit_dram_stream('c', requests, COUNT));
    for (uint32_t request = 0; request < COUNT; request += 397) {
        cbit_umc_config_t config;
        cbit_rows_defaults(cbit_umc_rows, &config);
        (void)strcpy(config.mapping, "M0");
        config.policy = (uint32_t)_i;
        cbit_stream_explain_t explain = {.request = request};
        const cbit_stream_options_t options = {
            .window = 32, .explain = &explain, .latency_nck = latency};
        cbit_stream_result_t r;
        ck_assert_int_eq(cbit_stream_run(&config, &options, requests, COUNT, &r, NULL),
                         CBIT_ERR_OK);
        ck_assert_uint_eq(sum_of(explain.steps, explain.step_count), latency[request]);
        ck_assert_uint_eq(sum_of(explain.totals, explain.total_count), r.latency_sum_nck);
        cbit_stream_result_free(&r);
    }
    free(latency);
    free(requests);
}
END_TEST

/* Sixteen lines, read and written: many reads end at a queued write or share another's command. */
START_TEST(reads_without_a_command_are_explained_too)
{
    enum { COUNT = 400, DEPTH = 11 };
    cbit_stream_request_t requests[COUNT];
    uint32_t latency[COUNT] = {0};
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 400 + (uint64_t)_i);
    random_stream(&rng, requests, COUNT, 16 * 64);
    for (uint32_t request = 0; request < COUNT; request++) {
        cbit_umc_config_t config;
        cbit_rows_defaults(cbit_umc_rows, &config);
        (void)strcpy(config.mapping, "M0");
        config.policy = (uint32_t)_i;
        cbit_stream_explain_t explain = {.request = request};
        cbit_stream_options_t options = {.window = 32,
                                         .explain = &explain,
                                         .latency_nck = latency,
                                         .stamps = true,
                                         .engine_depth_nck = request % 2 == 0 ? 0 : DEPTH};
        cbit_stream_result_t r;
        ck_assert_int_eq(cbit_stream_run(&config, &options, requests, COUNT, &r, NULL),
                         CBIT_ERR_OK);
        /* The engine's share: every read that DRAM answered, none that a write did. */
        uint64_t aes_nck = options.engine_depth_nck * (r.reads - r.forwarded);
        ck_assert_uint_eq(r.stage_nck[2], aes_nck);
        ck_assert_uint_eq(r.stage_nck[0] + r.stage_nck[1] + r.stage_nck[2], r.latency_sum_nck);
        ck_assert_uint_le(r.stage_nck[1], r.latency_sum_nck);
        ck_assert_uint_eq(sum_of(explain.totals, explain.total_count), r.latency_sum_nck - aes_nck);
        bool write = (requests[request].arrival_nck & CBIT_STREAM_WRITE) != 0;
        uint64_t steps_nck = sum_of(explain.steps, explain.step_count);
        ck_assert_msg(steps_nck == latency[request] ||
                          (!write && steps_nck + options.engine_depth_nck == latency[request]),
                      "request %u: %lu of %u clocks", request, (unsigned long)steps_nck,
                      latency[request]);
        cbit_stream_result_free(&r);
    }
}
END_TEST

static uint64_t total_of(const cbit_stream_explain_t *explain, const char *reason)
{
    for (uint32_t i = 0; i < explain->total_count; i++) {
        if (strcmp(explain->totals[i].reason, reason) == 0) {
            return explain->totals[i].nck;
        }
    }
    return 0;
}

/* Clock by clock and span by span the same reasons: of one read in order, and of all together. */
START_TEST(reasons_are_those_of_the_plain_controller)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 200 + (uint64_t)_i);
    cbit_stream_request_t *requests = calloc(REQUESTS, sizeof *requests);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        cbit_umc_config_t config;
        random_config(&rng, &config, (uint32_t)_i);
        config.starvation_nck = 0;
        random_stream(&rng, requests, REQUESTS, UINT64_C(1) << 32);
        cbit_stream_explain_t quick = {.request = UINT32_MAX}, plain = quick;
        cbit_stream_options_t options = {.window = 20, .explain = &quick};
        cbit_stream_result_t r;
        ck_assert_int_eq(cbit_stream_run(&config, &options, requests, REQUESTS, &r, NULL),
                         CBIT_ERR_OK);
        cbit_stream_result_free(&r);
        options.plain = true;
        options.explain = &plain;
        ck_assert_int_eq(cbit_stream_run(&config, &options, requests, REQUESTS, &r, NULL),
                         CBIT_ERR_OK);
        cbit_stream_result_free(&r);
        for (uint32_t i = 0; i < plain.total_count; i++) {
            uint64_t nck = total_of(&quick, plain.totals[i].reason), want = plain.totals[i].nck;
            /* The two that decide their mode late may change it at the end of a refresh. */
            uint64_t off = _i == 1 || _i == 2 ? 100 : 0;
            ck_assert_msg(nck <= want + off && want <= nck + off,
                          "%s, round %u: %lu clocks of %s, plainly %lu", cbit_umc_policy_names[_i],
                          round, (unsigned long)nck, plain.totals[i].reason,
                          (unsigned long)plain.totals[i].nck);
        }
        ck_assert_uint_eq(quick.total_count, plain.total_count);
    }
    free(requests);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("reasons");
    TCase *tcase = tcase_create("reasons");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, reasons_cover_a_read_without_gap, 0, POLICIES);
    tcase_add_loop_test(tcase, reads_without_a_command_are_explained_too, 0, POLICIES);
    tcase_add_loop_test(tcase, reasons_are_those_of_the_plain_controller, 0, POLICIES);
    suite_add_tcase(suite, tcase);
    return suite;
}
