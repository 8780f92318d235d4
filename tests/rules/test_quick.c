/* The quick controller is the plain one, request by request. */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/perf/dram_streams.h"
#include "cbit_test.h"
#include "random_streams.h"

enum { LOG = 8192 };

typedef struct command_log {
    uint32_t count;
    struct logged {
        uint64_t at_nck;
        const char *name;
        uint32_t bank;
    } commands[LOG];
} command_log_t;

static void log_command(void *self, const char *name, uint64_t at_nck, uint32_t rank,
                        uint32_t group, uint32_t bank, uint32_t row, uint32_t column)
{
    command_log_t *log = self;
    (void)row;
    (void)column;
    if (log->count < LOG) {
        log->commands[log->count++] = (struct logged){at_nck, name, rank * 100 + group * 10 + bank};
    }
}

static void assert_same_commands(const command_log_t *quick, const command_log_t *plain,
                                 const char *policy, uint32_t round)
{
    for (uint32_t i = 0; i < quick->count && i < plain->count; i++) {
        const struct logged *q = &quick->commands[i], *p = &plain->commands[i];
        ck_assert_msg(q->at_nck == p->at_nck && strcmp(q->name, p->name) == 0 && q->bank == p->bank,
                      "%s, round %u, command %u: %s of bank %u at %lu, plainly %s of %u at %lu",
                      policy, round, i, q->name, q->bank, (unsigned long)q->at_nck, p->name,
                      p->bank, (unsigned long)p->at_nck);
    }
}

static void run_once(const cbit_umc_config_t *config, bool plain, uint32_t window,
                     const cbit_stream_request_t *requests, uint32_t count, uint32_t *latency,
                     command_log_t *log, cbit_stream_result_t *result)
{
    const cbit_stream_options_t options = {.window = window,
                                           .plain = plain,
                                           .check = true,
                                           .latency_nck = latency,
                                           .on_command = log_command,
                                           .self = log};
    memset(latency, 0, count * sizeof *latency); /* writes have none */
    cbit_diag_t *diag = cbit_diag_create();
    cbit_err_t err = cbit_stream_run(config, &options, requests, count, result, diag);
    ck_assert_msg(err == CBIT_ERR_OK, "%s", cbit_diag_at(diag, 0)->text);
    cbit_diag_destroy(diag);
    ck_assert_uint_gt(result->checked, 0);
    ck_assert_msg(result->violations == 0, "%s at %lu: %s", result->violation.command,
                  (unsigned long)result->violation.at_nck, result->violation.rule);
}

static void assert_same_latencies(const uint32_t *quick, const uint32_t *plain, uint32_t count,
                                  uint32_t policy, uint32_t round)
{
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_msg(quick[i] == plain[i], "%s, round %u: request %u took %u clocks, plainly %u",
                      cbit_umc_policy_names[policy], round, i, quick[i], plain[i]);
    }
}

static uint64_t rank_bytes(const cbit_umc_config_t *config)
{
    cbit_dram_device_t device;
    ck_assert_int_eq(cbit_dram_resolve(&config->dram, "/umc/dram", &device, NULL), CBIT_ERR_OK);
    return device.capacity_bytes / device.ranks;
}

static void run_unwatched(const cbit_umc_config_t *config, const cbit_stream_options_t *options,
                          const cbit_stream_request_t *requests, uint32_t count,
                          cbit_stream_result_t *result)
{
    memset(options->latency_nck, 0, count * sizeof *options->latency_nck);
    ck_assert_int_eq(cbit_stream_run(config, options, requests, count, result, NULL), CBIT_ERR_OK);
}

/* Nobody watching, streams go round loops of their own (hits.c, crowd.c), with vectors or without.
 */
static void assert_same_unwatched(const cbit_umc_config_t *config, uint32_t window, bool plain_scan,
                                  const cbit_stream_request_t *requests, const uint32_t *watched,
                                  const cbit_stream_result_t *result, uint32_t policy)
{
    static uint32_t alone[REQUESTS];
    const cbit_stream_options_t options = {
        .window = window, .plain_scan = plain_scan, .latency_nck = alone};
    cbit_stream_result_t own;
    run_unwatched(config, &options, requests, REQUESTS, &own);
    assert_same_latencies(alone, watched, REQUESTS, policy, plain_scan);
    ck_assert_uint_eq(own.end_nck, result->end_nck);
    ck_assert_uint_eq(own.row_hits, result->row_hits);
    ck_assert_uint_eq(own.activates, result->activates);
    ck_assert_uint_eq(own.precharges, result->precharges);
    ck_assert_uint_eq(own.latency_sum_nck, result->latency_sum_nck);
    cbit_stream_result_free(&own);
}

static void compare_controllers(uint32_t policy, bool rests, bool three_ranks)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), policy + (rests ? 100 : 0) + (three_ranks ? 200 : 0));
    cbit_stream_request_t *requests = calloc(REQUESTS, sizeof *requests);
    uint32_t *quick = calloc(REQUESTS, sizeof *quick), *plain = calloc(REQUESTS, sizeof *plain);
    command_log_t *quick_log = calloc(1, sizeof *quick_log);
    command_log_t *plain_log = calloc(1, sizeof *plain_log);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        cbit_umc_config_t config;
        random_config(&rng, &config, policy);
        if (three_ranks) { /* a rank that is not there must be beyond the memory: highest bits */
            config.dram.ranks = 3;
            (void)strcpy(config.mapping, round % 2 == 0 ? "ra-ro-ba-bg-co" : "ra-ro-ba-co-bg");
            config.dram.density_gbit = 8; /* so that the streams' 4 GiB reach the second rank */
            config.dram.width_bits = round % 3 == 0 ? 16 : 8;
        }
        if (rests) {
            random_rest(&rng, &config);
        }
        random_stream(&rng, requests, REQUESTS, UINT64_C(1) << 32);
        for (uint32_t i = 0; three_ranks && i < REQUESTS; i++) {
            requests[i].address %= UINT64_C(1) << 29; /* a few rows of each rank, by turns */
            requests[i].address += (i * 7 / 3 % 3) * rank_bytes(&config);
        }
        uint32_t window = 1 + (uint32_t)cbit_rng_below(&rng, 40);
        quick_log->count = plain_log->count = 0;
        cbit_stream_result_t a, b;
        run_once(&config, false, window, requests, REQUESTS, quick, quick_log, &a);
        run_once(&config, true, window, requests, REQUESTS, plain, plain_log, &b);
        assert_same_commands(quick_log, plain_log, cbit_umc_policy_names[policy], round);
        assert_same_latencies(quick, plain, REQUESTS, policy, round);
        ck_assert_uint_eq(a.refreshes, b.refreshes);
        ck_assert_uint_eq(a.power_downs, b.power_downs);
        ck_assert_uint_eq(a.self_refreshes, b.self_refreshes);
        ck_assert_uint_eq(a.end_nck, b.end_nck);
        ck_assert_uint_eq(a.row_hits, b.row_hits);
        ck_assert_uint_eq(a.reads + a.writes, REQUESTS);
        ck_assert_uint_eq(a.forwarded, b.forwarded);
        assert_same_unwatched(&config, window, false, requests, plain, &a, policy);
        assert_same_unwatched(&config, window, true, requests, plain, &a, policy);
        cbit_stream_result_free(&a);
        cbit_stream_result_free(&b);
    }
    free(plain_log);
    free(quick_log);
    free(plain);
    free(quick);
    free(requests);
}

START_TEST(the_quick_controller_equals_the_plain_one)
{
    compare_controllers((uint32_t)_i, false, false);
}
END_TEST

START_TEST(and_so_it_does_with_ranks_that_rest)
{
    compare_controllers((uint32_t)_i, true, false);
}
END_TEST

START_TEST(and_with_three_ranks)
{
    compare_controllers((uint32_t)_i, false, true);
    compare_controllers((uint32_t)_i, true, true);
}
END_TEST

/* By the quick controller into *a, by the plain one into *b. */
static void run_both(const cbit_umc_config_t *config, uint32_t window,
                     const cbit_stream_request_t *requests, uint32_t count, uint32_t *quick,
                     uint32_t *plain, cbit_stream_result_t *a, cbit_stream_result_t *b)
{
    cbit_stream_options_t options = {.window = window, .latency_nck = quick};
    run_unwatched(config, &options, requests, count, a);
    options.plain = true;
    options.latency_nck = plain;
    run_unwatched(config, &options, requests, count, b);
}

/* Idle times by arithmetic (nobody watches) are those that were gone through command by command. */
START_TEST(idle_ranks_rest_by_arithmetic)
{
    enum { COUNT = 40 };
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 300 + (uint64_t)_i);
    cbit_stream_request_t *requests = calloc(COUNT, sizeof *requests);
    uint32_t *watched = calloc(COUNT, sizeof *watched), *skipped = calloc(COUNT, sizeof *skipped);
    uint64_t now = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        now += cbit_rng_below(&rng, 3) == 0 ? cbit_rng_below(&rng, 3000000)
                                            : cbit_rng_below(&rng, 30000);
        requests[i].address = cbit_rng_below(&rng, 1u << 26) * 64;
        requests[i].arrival_nck = now;
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        cbit_umc_config_t config;
        cbit_stream_result_t a, b;
        random_config(&rng, &config, 0);
        random_rest(&rng, &config);
        cbit_stream_options_t options = {.window = 8, .check = true, .latency_nck = watched};
        run_unwatched(&config, &options, requests, COUNT, &a);
        ck_assert_uint_eq(a.violations, 0);
        options.check = false;
        options.latency_nck = skipped;
        run_unwatched(&config, &options, requests, COUNT, &b);
        ck_assert_mem_eq(watched, skipped, COUNT * sizeof *watched);
        ck_assert_uint_eq(a.refreshes, b.refreshes);
        ck_assert_uint_eq(a.power_downs, b.power_downs);
        ck_assert_uint_eq(a.self_refreshes, b.self_refreshes);
        /* Ranks whose refreshes meet keep each other waiting for a clock when it is looked at. */
        double off = (double)cbit_dram_energy_total_pj(&a.energy) /
                         (double)cbit_dram_energy_total_pj(&b.energy) -
                     1;
        ck_assert_msg(off < 1e-4 && off > -1e-4, "energy off by %g", off);
        cbit_stream_result_free(&a);
        cbit_stream_result_free(&b);
    }
    free(skipped);
    free(watched);
    free(requests);
}
END_TEST

/* Refreshes pulled in as fast as they may follow each other are not yet a steady cycle: of many
   runs one in which that showed. */
START_TEST(a_rank_that_catches_up_is_gone_through)
{
    enum { COUNT = 800, SEED = 7003, SEQUENCE = 1011 };
    cbit_rng_t rng;
    cbit_rng_init(&rng, SEED, SEQUENCE);
    cbit_stream_request_t *requests = calloc(COUNT, sizeof *requests);
    uint32_t *watched = calloc(COUNT, sizeof *watched), *skipped = calloc(COUNT, sizeof *skipped);
    cbit_umc_config_t config;
    random_config(&rng, &config, 1);
    random_rest(&rng, &config);
    random_stream(&rng, requests, COUNT, UINT64_C(1) << 32);
    cbit_stream_options_t options = {.window = 11, .check = true, .latency_nck = watched};
    cbit_stream_result_t a, b;
    run_unwatched(&config, &options, requests, COUNT, &a);
    options.check = false;
    options.latency_nck = skipped;
    run_unwatched(&config, &options, requests, COUNT, &b);
    ck_assert_uint_eq(a.violations, 0);
    ck_assert_mem_eq(watched, skipped, COUNT * sizeof *watched);
    ck_assert_uint_eq(a.refreshes, b.refreshes);
    cbit_stream_result_free(&a);
    cbit_stream_result_free(&b);
    free(skipped);
    free(watched);
    free(requests);
}
END_TEST

/* Mostly one row after the other, as nobody watches: what runs of hits are quickest with. */
static void sequential_stream(cbit_rng_t *rng, cbit_stream_request_t *requests, uint32_t count)
{
    uint64_t now = 0, last = 0;
    uint32_t others = (uint32_t)cbit_rng_below(rng, 40), writes = (uint32_t)cbit_rng_below(rng, 10);
    uint32_t gap = (uint32_t)cbit_rng_below(rng, 12), step = (uint32_t)cbit_rng_below(rng, 3);
    for (uint32_t i = 0; i < count; i++) {
        last += 64 * step;
        if (cbit_rng_below(rng, 1000) < others) {
            last = cbit_rng_below(rng, UINT64_C(1) << 26) * 64;
        }
        now += cbit_rng_below(rng, gap + 1);
        now += cbit_rng_below(rng, 300) == 0 ? cbit_rng_below(rng, 20000) : 0;
        requests[i].address = last;
        requests[i].arrival_nck = now;
        if (cbit_rng_below(rng, 1000) < writes) {
            requests[i].arrival_nck |= CBIT_STREAM_WRITE;
        }
    }
}

START_TEST(runs_of_row_hits_equal_the_plain_one)
{
    enum { COUNT = 3000 };
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 100 + (uint64_t)_i);
    cbit_stream_request_t *requests = calloc(COUNT, sizeof *requests);
    uint32_t *quick = calloc(COUNT, sizeof *quick), *plain = calloc(COUNT, sizeof *plain);
    for (uint32_t round = 0; round < 6; round++) {
        cbit_umc_config_t config;
        random_config(&rng, &config, (uint32_t)_i);
        config.page_policy = 0;
        config.row_hit_cap = 0;
        sequential_stream(&rng, requests, COUNT);
        const uint32_t window = 1 + (uint32_t)cbit_rng_below(&rng, 64);
        cbit_stream_result_t a, b;
        run_both(&config, window, requests, COUNT, quick, plain, &a, &b);
        assert_same_latencies(quick, plain, COUNT, (uint32_t)_i, round);
        ck_assert_uint_eq(a.end_nck, b.end_nck);
        ck_assert_uint_eq(a.row_hits, b.row_hits);
        ck_assert_uint_eq(a.commands, b.commands);
        ck_assert_uint_eq(a.latency_sum_nck, b.latency_sum_nck);
        cbit_stream_result_free(&a);
        cbit_stream_result_free(&b);
    }
    free(plain);
    free(quick);
    free(requests);
}
END_TEST

/* A few rows of a few banks, so slowly that few requests wait, but for a burst now and then. */
static void sparse_stream(cbit_rng_t *rng, cbit_stream_request_t *requests, uint32_t count)
{
    uint64_t now = 0;
    const uint64_t rows = 1 + cbit_rng_below(rng, 6), spread = 1u << cbit_rng_below(rng, 12);
    const uint64_t gap = 1 + cbit_rng_below(rng, 120), writes = cbit_rng_below(rng, 100);
    for (uint32_t i = 0; i < count; i++) {
        const bool burst = i % 64 < 12 && i / 64 % 4 == 3;
        now += burst ? 0 : cbit_rng_below(rng, gap + 1);
        now += cbit_rng_below(rng, 300) == 0 ? cbit_rng_below(rng, 20000) : 0;
        requests[i].address = cbit_rng_below(rng, rows) << 17 | cbit_rng_below(rng, spread) << 6;
        requests[i].arrival_nck = now;
        if (cbit_rng_below(rng, 100) < writes) {
            requests[i].arrival_nck |= CBIT_STREAM_WRITE;
        }
    }
}

/* The short way of few requests (few.c), command by command. */
START_TEST(few_requests_equal_the_plain_one)
{
    enum { COUNT = 1500 };
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 300);
    cbit_stream_request_t *requests = calloc(COUNT, sizeof *requests);
    uint32_t *quick = calloc(COUNT, sizeof *quick), *plain = calloc(COUNT, sizeof *plain);
    command_log_t *logs = calloc(2, sizeof *logs);
    for (uint32_t round = 0; round < 40; round++) {
        cbit_umc_config_t config;
        random_config(&rng, &config, 0);
        config.page_policy = 0;
        config.row_hit_cap = 0;
        config.dram.timing.trefi_nck = round % 3 == 0 ? 3000 : 0;
        sparse_stream(&rng, requests, COUNT);
        const uint32_t window = 1 + (uint32_t)cbit_rng_below(&rng, 12);
        logs[0].count = logs[1].count = 0;
        cbit_stream_result_t a, b;
        run_once(&config, false, window, requests, COUNT, quick, &logs[0], &a);
        run_once(&config, true, window, requests, COUNT, plain, &logs[1], &b);
        assert_same_commands(&logs[0], &logs[1], "few", round);
        assert_same_latencies(quick, plain, COUNT, 0, round);
        ck_assert_uint_eq(a.end_nck, b.end_nck);
        ck_assert_uint_eq(a.row_hits, b.row_hits);
        ck_assert_uint_eq(a.refreshes, b.refreshes);
        cbit_stream_result_free(&a);
        cbit_stream_result_free(&b);
    }
    free(logs);
    free(plain);
    free(quick);
    free(requests);
}
END_TEST

/* Reads of two rows in two ranks in turn, with a cap: while one rank is refreshed hits of the other
   go on beyond theirs, when they are the oldest. */
START_TEST(a_refresh_stops_hits_beyond_their_cap_in_its_rank_only)
{
    enum { COUNT = 4000, RANK_BIT = 17 };
    cbit_umc_config_t config;
    cbit_rows_defaults(cbit_umc_rows, &config);
    (void)strcpy(config.mapping, "ro-ra-ba-bg-co");
    config.dram.ranks = 2;
    config.row_hit_cap = 3;
    cbit_stream_request_t *requests = calloc(COUNT, sizeof *requests);
    uint32_t *quick = calloc(COUNT, sizeof *quick), *plain = calloc(COUNT, sizeof *plain);
    for (uint32_t i = 0; i < COUNT; i++) {
        requests[i].address = (uint64_t)(i / 8 % 2) << RANK_BIT | i % 128 * 64;
        requests[i].arrival_nck = 20 * (uint64_t)i;
    }
    cbit_stream_result_t a, b;
    run_both(&config, 8, requests, COUNT, quick, plain, &a, &b);
    ck_assert_uint_gt(b.refreshes, 10);
    ck_assert_mem_eq(quick, plain, COUNT * sizeof *quick);
    cbit_stream_result_free(&a);
    cbit_stream_result_free(&b);
    free(plain);
    free(quick);
    free(requests);
}
END_TEST

/* The engine's timing (the plain controller has none): every request is served once, no command
   breaks a rule, and a write's WR waits for its ciphertext, whatever else opens and hits its row.
 */
START_TEST(writes_that_wait_for_the_engine_issue_once)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 400 + (uint64_t)_i);
    cbit_stream_request_t *requests = calloc(REQUESTS, sizeof *requests);
    uint32_t *latency = calloc(REQUESTS, sizeof *latency);
    for (uint32_t round = 0; round < 5 * ROUNDS; round++) {
        cbit_umc_config_t config;
        random_config(&rng, &config, (uint32_t)_i);
        random_stream(&rng, requests, REQUESTS, UINT64_C(1) << 32);
        const cbit_stream_options_t options = {.window = 1 + (uint32_t)cbit_rng_below(&rng, 64),
                                               .engine_depth_nck =
                                                   5 + (uint32_t)cbit_rng_below(&rng, 40),
                                               .check = true,
                                               .stamps = true,
                                               .latency_nck = latency};
        cbit_stream_result_t r;
        run_unwatched(&config, &options, requests, REQUESTS, &r);
        ck_assert_uint_eq(r.violations, 0);
        ck_assert_uint_eq(r.reads + r.writes, REQUESTS);
        ck_assert_uint_eq(r.stage_nck[0] + r.stage_nck[1] + r.stage_nck[2], r.latency_sum_nck);
        /* Writes that are still queued at the end have not issued. */
        uint64_t taken = REQUESTS - r.forwarded - r.coalesced - r.merged;
        ck_assert_uint_le(r.column_commands, taken);
        ck_assert_uint_ge(r.column_commands + r.writes, taken);
        cbit_stream_result_free(&r);
    }
    free(latency);
    free(requests);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("quick");
    TCase *equal = tcase_create("equal");
    tcase_set_timeout(equal, 120);
    tcase_add_loop_test(equal, the_quick_controller_equals_the_plain_one, 0, POLICIES);
    tcase_add_loop_test(equal, and_so_it_does_with_ranks_that_rest, 0, POLICIES);
    tcase_add_loop_test(equal, and_with_three_ranks, 0, POLICIES);
    tcase_add_loop_test(equal, idle_ranks_rest_by_arithmetic, 0, 4);
    tcase_add_test(equal, a_rank_that_catches_up_is_gone_through);
    tcase_add_loop_test(equal, runs_of_row_hits_equal_the_plain_one, 0, POLICIES);
    tcase_add_test(equal, few_requests_equal_the_plain_one);
    tcase_add_test(equal, a_refresh_stops_hits_beyond_their_cap_in_its_rank_only);
    tcase_add_loop_test(equal, writes_that_wait_for_the_engine_issue_once, 0, POLICIES);
    suite_add_tcase(suite, equal);
    return suite;
}
