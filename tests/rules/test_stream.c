/* The quick controller is the plain one, request by request; and both are the published figures. */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/perf/dram_streams.h"
#include "cbit_test.h"

static void set_defaults(cbit_umc_config_t *config, const char *mapping, const char *policy)
{
    cbit_rows_defaults(cbit_umc_rows, config);
    (void)strcpy(config->mapping, mapping);
    while (strcmp(cbit_umc_policy_names[config->policy], policy) != 0) {
        config->policy++;
        ck_assert_ptr_nonnull(cbit_umc_policy_names[config->policy]);
    }
}

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

/* A stream with everything in it: locality, conflicts, repeated lines, bursts and pauses. */
static void random_stream(cbit_rng_t *rng, cbit_stream_request_t *requests, uint32_t count,
                          uint64_t capacity)
{
    uint64_t now = 0, last = 0;
    uint32_t write_share = (uint32_t)cbit_rng_below(rng, 100);
    uint32_t hit_share = (uint32_t)cbit_rng_below(rng, 100);
    uint32_t gap = (uint32_t)cbit_rng_below(rng, 30);
    uint64_t rows = 1 + cbit_rng_below(rng, 64);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t roll = cbit_rng_below(rng, 100);
        if (roll < hit_share) {
            last += 64 * cbit_rng_below(rng, 3);
        } else if (roll < 95) {
            last = cbit_rng_below(rng, rows) << 17 | cbit_rng_below(rng, 2048) << 6;
        } else {
            last = cbit_rng_below(rng, capacity / 64) * 64;
        }
        last %= capacity;
        now += cbit_rng_below(rng, gap + 1);
        now += cbit_rng_below(rng, 200) == 0 ? cbit_rng_below(rng, 20000) : 0;
        requests[i].address = last;
        requests[i].arrival_nck = now;
        if (cbit_rng_below(rng, 100) < write_share) {
            requests[i].arrival_nck |= CBIT_STREAM_WRITE;
        }
    }
}

static const struct part {
    uint32_t speed, width, density, ranks;
} PARTS[] = {
    {CBIT_DDR4_3200AA, 8, 8, 1}, {CBIT_DDR4_3200AA, 8, 8, 2}, {CBIT_DDR4_2400R, 16, 8, 4},
    {CBIT_DDR5_4800B, 8, 16, 1}, {CBIT_DDR5_5600B, 4, 16, 2}, {CBIT_DDR5_6400A, 16, 32, 1},
};
static const char *const MAPS[] = {"ro-ra-ba-bg-co", "ro-ra-ba-co-bg", "ro-co3-ba-ra-bg-co"};

static void random_config(cbit_rng_t *rng, cbit_umc_config_t *config, uint32_t policy)
{
    cbit_rows_defaults(cbit_umc_rows, config);
    const struct part *part = &PARTS[cbit_rng_below(rng, sizeof PARTS / sizeof PARTS[0])];
    config->dram.speed = part->speed;
    config->dram.width_bits = part->width;
    config->dram.density_gbit = part->density;
    config->dram.ranks = part->ranks;
    config->policy = policy;
    config->page_policy = (uint32_t)cbit_rng_below(rng, 3);
    (void)strcpy(config->mapping, MAPS[cbit_rng_below(rng, 3)]);
    config->starvation_nck = cbit_rng_below(rng, 3) == 0 ? 300 : 0;
    config->row_hit_cap = cbit_rng_below(rng, 3) == 0 ? 3 : 0;
    if (cbit_rng_below(rng, 2) == 0) {
        config->read_queue_entries = 4 + (uint32_t)cbit_rng_below(rng, 60);
        config->write_queue_entries = 4 + (uint32_t)cbit_rng_below(rng, 60);
    }
}

/* Whatever ranks may do beside requests. */
static void random_rest(cbit_rng_t *rng, cbit_umc_config_t *config)
{
    static const uint32_t IDLE[] = {0, 1, 20, 200, 3000, 30000};
    bool ddr5 = config->dram.speed >= CBIT_DDR5_4800A;
    uint32_t most = ddr5 ? 5 : 9;
    config->refresh_mode = ddr5 && cbit_rng_below(rng, 2) == 0;
    config->dram.refresh_granularity = 1u << cbit_rng_below(rng, ddr5 ? 2 : 3);
    config->refresh_postpone = (uint32_t)cbit_rng_below(rng, most);
    config->refresh_pull_in = cbit_rng_below(rng, 2) == 0 ? (uint32_t)cbit_rng_below(rng, most) : 0;
    config->refresh_idle_nck = IDLE[cbit_rng_below(rng, 6)];
    config->power_down_idle_nck = IDLE[cbit_rng_below(rng, 6)];
    config->self_refresh_idle_nck = cbit_rng_below(rng, 2) == 0 ? IDLE[cbit_rng_below(rng, 6)] : 0;
    if (cbit_rng_below(rng, 2) == 0) {
        /* Refreshes so often that a short stream sees many. */
        config->dram.timing.trefi_nck = 3000;
        config->dram.timing.trefisb_nck = ddr5 ? 900 : 0;
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
    cbit_diag_t *diag = cbit_diag_create();
    cbit_err_t err = cbit_stream_run(config, &options, requests, count, result, diag);
    ck_assert_msg(err == CBIT_ERR_OK, "%s", cbit_diag_at(diag, 0)->text);
    cbit_diag_destroy(diag);
    ck_assert_uint_gt(result->checked, 0);
    ck_assert_msg(result->violations == 0, "%s at %lu: %s", result->violation.command,
                  (unsigned long)result->violation.at_nck, result->violation.rule);
}

enum { REQUESTS = 500, ROUNDS = 8, POLICIES = 7 };

static void compare_controllers(uint32_t policy, bool rests)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), policy + (rests ? 100 : 0));
    cbit_stream_request_t *requests = calloc(REQUESTS, sizeof *requests);
    uint32_t *quick = calloc(REQUESTS, sizeof *quick), *plain = calloc(REQUESTS, sizeof *plain);
    command_log_t *quick_log = calloc(1, sizeof *quick_log);
    command_log_t *plain_log = calloc(1, sizeof *plain_log);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        cbit_umc_config_t config;
        random_config(&rng, &config, policy);
        if (rests) {
            random_rest(&rng, &config);
        }
        random_stream(&rng, requests, REQUESTS, UINT64_C(1) << 32);
        uint32_t window = 1 + (uint32_t)cbit_rng_below(&rng, 40);
        quick_log->count = plain_log->count = 0;
        cbit_stream_result_t a, b;
        run_once(&config, false, window, requests, REQUESTS, quick, quick_log, &a);
        run_once(&config, true, window, requests, REQUESTS, plain, plain_log, &b);
        assert_same_commands(quick_log, plain_log, cbit_umc_policy_names[policy], round);
        for (uint32_t i = 0; i < REQUESTS; i++) {
            ck_assert_msg(quick[i] == plain[i],
                          "%s, round %u: request %u took %u clocks, plainly %u",
                          cbit_umc_policy_names[policy], round, i, quick[i], plain[i]);
        }
        ck_assert_uint_eq(a.refreshes, b.refreshes);
        ck_assert_uint_eq(a.power_downs, b.power_downs);
        ck_assert_uint_eq(a.self_refreshes, b.self_refreshes);
        ck_assert_uint_eq(a.end_nck, b.end_nck);
        ck_assert_uint_eq(a.row_hits, b.row_hits);
        ck_assert_uint_eq(a.reads + a.writes, REQUESTS);
        ck_assert_uint_eq(a.forwarded, b.forwarded);
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
    compare_controllers((uint32_t)_i, false);
}
END_TEST

START_TEST(and_so_it_does_with_ranks_that_rest)
{
    compare_controllers((uint32_t)_i, true);
}
END_TEST

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
        ck_assert_int_eq(cbit_stream_run(&config, &options, requests, COUNT, &a, NULL),
                         CBIT_ERR_OK);
        ck_assert_uint_eq(a.violations, 0);
        options.check = false;
        options.latency_nck = skipped;
        ck_assert_int_eq(cbit_stream_run(&config, &options, requests, COUNT, &b, NULL),
                         CBIT_ERR_OK);
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

START_TEST(reasons_cover_a_read_without_gap)
{
    enum { COUNT = 3000 };
    cbit_stream_request_t *requests = calloc(COUNT, sizeof *requests);
    uint32_t *latency = calloc(COUNT, sizeof *latency);
    ck_assert(cbit_dram_stream('c', requests, COUNT));
    for (uint32_t request = 0; request < COUNT; request += 397) {
        cbit_umc_config_t config;
        set_defaults(&config, "M0", cbit_umc_policy_names[_i]);
        cbit_stream_explain_t explain = {.request = request};
        const cbit_stream_options_t options = {
            .window = 32, .explain = &explain, .latency_nck = latency};
        cbit_stream_result_t r;
        ck_assert_int_eq(cbit_stream_run(&config, &options, requests, COUNT, &r, NULL),
                         CBIT_ERR_OK);
        uint64_t steps = 0, totals = 0;
        for (uint32_t i = 0; i < explain.step_count; i++) {
            steps += explain.steps[i].nck;
        }
        for (uint32_t i = 0; i < explain.total_count; i++) {
            totals += explain.totals[i].nck;
        }
        ck_assert_uint_eq(steps, latency[request]);
        ck_assert_uint_eq(totals, r.latency_sum_nck);
        cbit_stream_result_free(&r);
    }
    free(latency);
    free(requests);
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

START_TEST(generated_streams_have_the_published_fingerprints)
{
    enum { MOST = 1000000 };
    cbit_stream_request_t *requests = calloc(MOST, sizeof *requests);
    for (const cbit_dram_fingerprint_t *f = cbit_dram_fingerprints; f->letter != 0; f++) {
        ck_assert(cbit_dram_stream(f->letter, requests, f->count));
        ck_assert_uint_eq(cbit_dram_stream_fingerprint(requests, f->count, f->m1), f->fnv1a);
    }
    free(requests);
}
END_TEST

/*
 * Clocks and mean latency in thousandths of a nanosecond as the references measured them
 * (DRAMsim3 2981759, Ramulator 2.1 c5b1c3a, Ramulator 1 214f635, DRAMSys 5.0).
 */
static const struct point {
    char letter;
    const char *mapping, *policy;
    uint32_t window, requests, clocks, mean_10ps;
    double hit_rate; /* 2: not published */
} POINTS[] = {
    {'a', "M0", "dramsim3", 1, 200000, 5918528, 1787, 0.98984},
    {'a', "M0", "ramulator2_frfcfs_rowhit", 1, 200000, 5704099, 1783, 0.98993},
    {'a', "M0", "ramulator2_frfcfs", 1, 200000, 5704099, 1783, 0.98993},
    {'a', "M0", "ramulator1_frfcfs_cap16", 1, 200000, 5704099, 1783, 0.98993},
    {'a', "M0", "dramsim3", 32, 1000000, 6737718, 13413, 0.99151},
    {'a', "M0", "ramulator2_frfcfs_rowhit", 32, 1000000, 6734624, 13469, 0.99151},
    {'a', "M0", "ramulator2_frfcfs", 32, 1000000, 6734624, 13469, 0.99151},
    {'a', "M0", "ramulator1_frfcfs_cap16", 32, 1000000, 7253723, 14507, 0.99143},
    {'a', "M0", "dramsys5_frfcfs", 32, 1000000, 6735424, 13471, 2},
    {'a', "M1", "dramsim3", 32, 1000000, 4216206, 8370, 0.9906},
    {'a', "M1", "ramulator2_frfcfs_rowhit", 32, 1000000, 4206552, 8413, 0.99079},
    {'a', "M1", "ramulator2_frfcfs", 32, 1000000, 4206552, 8413, 0.99079},
    {'a', "M1", "ramulator1_frfcfs_cap16", 32, 1000000, 4206487, 8412, 0.99061},
    {'c', "M0", "dramsim3", 8, 200000, 2399521, 8935, 6e-05},
    {'c', "M0", "ramulator2_frfcfs_rowhit", 8, 200000, 2335010, 8756, 5e-05},
    {'c', "M0", "ramulator2_frfcfs", 8, 200000, 2335010, 8756, 5e-05},
    {'c', "M0", "ramulator1_frfcfs_cap16", 8, 200000, 2347939, 8804, 6e-05},
    {'c', "M0", "dramsim3", 32, 1000000, 9178731, 27473, 0.0001},
    {'c', "M0", "ramulator2_frfcfs_rowhit", 32, 1000000, 9234548, 27703, 6e-05},
    {'c', "M0", "ramulator2_frfcfs", 32, 1000000, 9236270, 27708, 5e-05},
    {'c', "M0", "ramulator1_frfcfs_cap16", 32, 1000000, 9314681, 27943, 6e-05},
    {'c', "M0", "dramsys5_frfcfs", 32, 1000000, 9044720, 27102, 2},
    {'c', "M0", "dramsys5_grp_watermark", 32, 1000000, 9355376, 28033, 2},
    {'d', "M0", "dramsim3", 1, 20000, 1552154, 4788, 0},
    {'d', "M0", "ramulator2_frfcfs_rowhit", 1, 20000, 1549415, 4842, 0},
    {'d', "M0", "ramulator2_frfcfs", 1, 20000, 1549415, 4842, 0},
    {'d', "M0", "ramulator1_frfcfs_cap16", 1, 20000, 1549415, 4842, 0},
    {'d', "M0", "dramsim3", 32, 100000, 7761352, 155141, 0},
    {'d', "M0", "ramulator2_frfcfs_rowhit", 32, 100000, 7747175, 154920, 0},
    {'d', "M0", "ramulator2_frfcfs", 32, 100000, 7747175, 154920, 0},
    {'d', "M0", "ramulator1_frfcfs_cap16", 32, 100000, 7747175, 154920, 0},
    {'d', "M0", "dramsys5_frfcfs", 32, 100000, 7761344, 155204, 2},
    {'f', "M0", "dramsim3", 32, 100000, 32099729, 4963, 3e-05},
    {'f', "M0", "ramulator2_frfcfs_rowhit", 32, 100000, 32099728, 4849, 3e-05},
    {'f', "M0", "ramulator2_frfcfs", 32, 100000, 32099728, 4849, 3e-05},
    {'f', "M0", "ramulator1_frfcfs_cap16", 32, 100000, 32099728, 4849, 3e-05},
    {'f', "M0", "dramsys5_frfcfs", 32, 100000, 32099680, 4856, 2},
};
enum { POINT_COUNT = sizeof POINTS / sizeof POINTS[0] };

START_TEST(published_points_are_met)
{
    const struct point *point = &POINTS[_i];
    cbit_umc_config_t config;
    set_defaults(&config, point->mapping, point->policy);
    cbit_stream_request_t *requests = calloc(point->requests, sizeof *requests);
    ck_assert(cbit_dram_stream(point->letter, requests, point->requests));
    const cbit_stream_options_t options = {.window = point->window};
    cbit_stream_result_t r;
    ck_assert_int_eq(cbit_stream_run(&config, &options, requests, point->requests, &r, NULL),
                     CBIT_ERR_OK);
    /* The Ramulators and DRAMsim3 to the clock; DRAMSys' bus arbiter is not modelled: 0.05 %. */
    bool exact = strncmp(point->policy, "dramsys", 7) != 0;
    double clocks = (double)r.end_nck / point->clocks - 1;
    double mean = (double)r.latency_sum_nck / (double)r.reads * 62.5 / point->mean_10ps - 1;
    if (exact) {
        ck_assert_uint_eq(r.end_nck, point->clocks);
        ck_assert_msg(mean > -0.0005 && mean < 0.0005, "mean latency off by %g", mean);
    } else {
        ck_assert_msg(clocks > -0.0005 && clocks < 0.0005, "clocks off by %g", clocks);
        ck_assert_msg(mean > -0.002 && mean < 0.002, "mean latency off by %g", mean);
    }
    double hits = (double)r.row_hits / (double)r.column_commands;
    ck_assert_msg(point->hit_rate > 1 ||
                      (hits > point->hit_rate - 0.0005 && hits < point->hit_rate + 0.0005),
                  "row-hit rate %g", hits);
    cbit_stream_result_free(&r);
    free(requests);
}
END_TEST

/* Picojoules a request as DRAMsim3 gives them, with its currents. */
static const struct energy_point {
    char letter;
    uint32_t window, requests, pj;
} ENERGY_POINTS[] = {{'a', 1, 200000, 13512},
                     {'a', 32, 1000000, 5252},
                     {'c', 32, 1000000, 10167},
                     {'d', 32, 100000, 33042},
                     {'f', 32, 100000, 122904}};

START_TEST(energy_is_that_of_the_reference)
{
    const struct energy_point *point = &ENERGY_POINTS[_i];
    cbit_umc_config_t config;
    set_defaults(&config, "M0", "dramsim3");
    cbit_stream_request_t *requests = calloc(point->requests, sizeof *requests);
    ck_assert(cbit_dram_stream(point->letter, requests, point->requests));
    const cbit_stream_options_t options = {.window = point->window};
    cbit_stream_result_t r;
    ck_assert_int_eq(cbit_stream_run(&config, &options, requests, point->requests, &r, NULL),
                     CBIT_ERR_OK);
    const cbit_dram_energy_t *e = &r.energy;
    uint64_t pj =
        (e->activate_pj + e->read_pj + e->write_pj + e->refresh_pj + e->open_pj + e->closed_pj) /
        point->requests;
    ck_assert_msg(pj + 2 >= point->pj && pj <= point->pj + 2, "%lu pJ a request, not %u",
                  (unsigned long)pj, point->pj);
    cbit_stream_result_free(&r);
    free(requests);
}
END_TEST

/* Streams that lean on one limit each, the timings that would hide it relaxed. */
static uint64_t stays_in_a_row(uint64_t i)
{
    return i * 64; /* M1: consecutive lines change the bank group */
}

static uint64_t one_bank_group(uint64_t i)
{
    return (i % 128) << 6 | (i / 128 % 4) << 15 | (i / 512 % 65536) << 17;
}

static uint64_t one_bank(uint64_t i)
{
    return i % 65536 << 17;
}

/* A new row in the next bank group, then the next bank: every access needs its ACT. */
static uint64_t all_banks_in_turn(uint64_t i)
{
    return (i % 4) << 13 | (i / 4 % 4) << 15 | (i / 16 % 65536) << 17;
}

static const struct limit {
    const char *name, *mapping;
    uint64_t (*address)(uint64_t i);
    uint32_t tfaw, tras, trp, trcd; /* 0: as the device has it */
    uint32_t page;                  /* 1: closed, which saves the PRE commands */
    double want_gbs;
} LIMITS[] = {
    /* All less refresh: x (1 - 560/12480). 64 B / (4 x 0.625 ns) = 25.6 */
    {"peak", "M1", stays_in_a_row, 0, 0, 0, 0, 0, 24.45},
    {"tCCD_L", "M0", one_bank_group, 0, 0, 0, 0, 0, 12.23}, /* 64 B / (8 x 0.625 ns) = 12.8 */
    {"tRC", "M0", one_bank, 0, 0, 0, 0, 0, 1.322},          /* 64 B / 46.25 ns = 1.384 */
    /* 4 x 64 B / 21.25 ns = 12.05. With tRCD 22 every fourth RD wants the command bus in the clock
       of an ACT (12 + 22 = 34) and costs it 3 %: tRCD 21 keeps them apart. */
    {"tFAW", "M0", all_banks_in_turn, 0, 0, 0, 21, 0, 11.51},
    /* 16 banks x 64 B / 46.25 ns = 22.14; tFAW out of the way, commands kept apart */
    {"banks", "M0", all_banks_in_turn, 16, 0, 0, 21, 1, 21.15},
    /* 64 B / (4 x 0.625 ns): tRRD_S alone, with rows that cycle quickly */
    {"tRRD_S", "M0", all_banks_in_turn, 16, 34, 4, 22, 0, 24.45},
};

START_TEST(each_limit_is_reached_within_a_percent)
{
    enum { COUNT = 200000 };
    const struct limit *limit = &LIMITS[_i];
    cbit_umc_config_t config;
    set_defaults(&config, limit->mapping, "default");
    config.read_queue_entries = 64;
    config.dram.timing.tfaw_nck = limit->tfaw;
    config.dram.timing.tras_nck = limit->tras;
    config.dram.timing.trp_nck = limit->trp;
    config.dram.timing.trcd_nck = limit->trcd;
    config.page_policy = limit->page;
    cbit_stream_request_t *requests = calloc(COUNT, sizeof *requests);
    for (uint64_t i = 0; i < COUNT; i++) {
        requests[i].address = limit->address(i);
    }
    const cbit_stream_options_t options = {.window = 64, .check = true};
    cbit_stream_result_t r;
    ck_assert_int_eq(cbit_stream_run(&config, &options, requests, COUNT, &r, NULL), CBIT_ERR_OK);
    ck_assert_uint_eq(r.violations, 0);
    double gbs = COUNT * 64.0 / ((double)r.end_nck * 0.625);
    ck_assert_msg(gbs > limit->want_gbs * 0.99 && gbs < limit->want_gbs * 1.01,
                  "%s: %.3f GB/s, not %.3f", limit->name, gbs, limit->want_gbs);
    cbit_stream_result_free(&r);
    free(requests);
}
END_TEST

/* DDR5-4800B 16 Gb x8, one sub-channel, tCCD_L_WR 48 as Ramulator 2.1 has it. */
static const struct ddr5_point {
    char letter;
    uint32_t requests, clocks, mean_10ps;
} DDR5_POINTS[] = {
    {'a', 300000, 2925115, 13000}, {'c', 300000, 3222853, 21484}, {'f', 30000, 9629805, 5570}};

START_TEST(ddr5_points_are_met_to_the_clock)
{
    const struct ddr5_point *point = &DDR5_POINTS[_i];
    cbit_umc_config_t config;
    set_defaults(&config, "ro-ba-bg-co", "ramulator2_frfcfs_rowhit");
    config.dram.speed = CBIT_DDR5_4800B;
    config.dram.density_gbit = 16;
    config.dram.timing.tccd_l_wr_nck = 48;
    cbit_stream_request_t *requests = calloc(point->requests, sizeof *requests);
    ck_assert(cbit_dram_stream(point->letter, requests, point->requests));
    const cbit_stream_options_t options = {.window = 32};
    cbit_stream_result_t r;
    ck_assert_int_eq(cbit_stream_run(&config, &options, requests, point->requests, &r, NULL),
                     CBIT_ERR_OK);
    ck_assert_uint_eq(r.end_nck, point->clocks);
    double mean_10ps = (double)r.latency_sum_nck / (double)r.reads * (1250.0 / 30);
    ck_assert(mean_10ps > point->mean_10ps - 1 && mean_10ps < point->mean_10ps + 1);
    cbit_stream_result_free(&r);
    free(requests);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("stream");
    TCase *equal = tcase_create("equal");
    tcase_set_timeout(equal, 120);
    tcase_add_loop_test(equal, the_quick_controller_equals_the_plain_one, 0, POLICIES);
    tcase_add_loop_test(equal, and_so_it_does_with_ranks_that_rest, 0, POLICIES);
    tcase_add_loop_test(equal, idle_ranks_rest_by_arithmetic, 0, 4);
    tcase_add_loop_test(equal, reasons_cover_a_read_without_gap, 0, POLICIES);
    tcase_add_loop_test(equal, reasons_are_those_of_the_plain_controller, 0, POLICIES);
    suite_add_tcase(suite, equal);
    TCase *points = tcase_create("points");
    tcase_set_timeout(points, 120);
    tcase_add_test(points, generated_streams_have_the_published_fingerprints);
    tcase_add_loop_test(points, published_points_are_met, 0, POINT_COUNT);
    tcase_add_loop_test(points, energy_is_that_of_the_reference, 0,
                        sizeof ENERGY_POINTS / sizeof ENERGY_POINTS[0]);
    tcase_add_loop_test(points, each_limit_is_reached_within_a_percent, 0,
                        sizeof LIMITS / sizeof LIMITS[0]);
    tcase_add_loop_test(points, ddr5_points_are_met_to_the_clock, 0, 3);
    suite_add_tcase(suite, points);
    return suite;
}
