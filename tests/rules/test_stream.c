/* The published figures, limits and energies. That the plain controller agrees: test_quick.c. */
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
