/* What measuring must show, whatever the figures: relations between runs of one machine. */
#include <stdlib.h>
#include <string.h>

#include "cbit/perf/measure.h"
#include "cbit_test.h"
#include "perf/measure/core.h"
#include "perf/measure/costs.h"
#include "perf/measure/load.h"

enum { SAMPLES = 5000 };

static cbit_platform_config_t config;
static cbit_diag_t *diag;
static cbit_rig_t *rig;
static cbit_load_result_t *result;

static void setup(void)
{
    cbit_rows_defaults(cbit_platform_rows, &config);
    strcpy(config.umc.mapping, "ro-ra-ba-co-bg");
    diag = cbit_diag_create();
    rig = calloc(1, sizeof *rig);
    result = calloc(1, sizeof *result);
}

static void teardown(void)
{
    cbit_diag_destroy(diag);
    free(rig);
    free(result);
}

static void run(cbit_rig_mode_t mode, cbit_load_t load)
{
    load.samples = SAMPLES;
    load.warm_up = 1000;
    load.seed = 1;
    load.footprint_bytes = UINT64_C(1) << 28;
    ck_assert_int_eq(cbit_rig_begin(rig, &config, mode, 1, diag), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_load_run(rig, &load, result, diag), CBIT_ERR_OK);
    cbit_rig_end(rig);
}

static uint64_t bandwidth_mbs(void)
{
    return result->lines * CBIT_LINE_BYTES * UINT64_C(1000000) / result->span_ps;
}

/* Rule 7 of the engine's timing. Intervals of 100, 10 and 2 ns: idle, half and nearly all of what
   random reads can get. */
START_TEST(with_fixed_arrivals_every_read_pays_the_depth_exactly)
{
    static const uint64_t interval_ps[] = {100000, 10000, 2000};
    uint64_t *plain = calloc(SAMPLES, sizeof *plain), *sev = calloc(SAMPLES, sizeof *sev);
    cbit_load_t load = {.probes = 4096, .interval_ps = interval_ps[_i]};
    load.each_ps = plain;
    run(CBIT_RIG_PLAIN, load);
    ck_assert_uint_eq(result->refused, 0);
    load.each_ps = sev;
    run(CBIT_RIG_SEV, load);
    ck_assert_uint_eq(result->refused, 0);
    uint64_t compared = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        if (plain[i] != 0 && sev[i] != 0) {
            compared++;
            /* 11 stages of 625 ps */
            ck_assert_msg(sev[i] - plain[i] == 6875, "read %u: %lu against %lu ps", i,
                          (unsigned long)sev[i], (unsigned long)plain[i]);
        }
    }
    ck_assert_uint_gt(compared, SAMPLES * 9 / 10); /* the last ones may still be on their way */
    free(plain);
    free(sev);
}
END_TEST

START_TEST(a_plain_line_pays_one_clock_to_pass_the_engine)
{
    const cbit_load_t idle = {.probes = 1};
    run(CBIT_RIG_PLAIN, idle);
    uint64_t aes_off = result->read.stage_ps[CBIT_STAGE_AES];
    run(CBIT_RIG_BYPASS, idle);
    ck_assert_uint_eq(aes_off, 0);
    ck_assert_uint_eq(result->read.stage_ps[CBIT_STAGE_AES], SAMPLES * UINT64_C(625));
}
END_TEST

START_TEST(the_hosts_key_and_a_guests_cost_the_same)
{
    const cbit_load_t idle = {.probes = 1};
    run(CBIT_RIG_SME, idle);
    uint64_t sum = result->read.total.sum;
    run(CBIT_RIG_SEV, idle);
    ck_assert_uint_eq(result->read.total.sum, sum);
}
END_TEST

START_TEST(stages_add_up_under_load)
{
    const cbit_load_t load = {.probes = 16, .background = 256, .read_per_mille = 667};
    run(CBIT_RIG_SEV, load);
    uint64_t stages = 0, batches = 0;
    for (int i = 0; i < CBIT_STAGE_COUNT; i++) {
        stages += result->read.stage_ps[i];
    }
    for (int i = 0; i < CBIT_LOAD_BATCHES; i++) {
        batches += result->batch_ps[i];
    }
    ck_assert_uint_eq(result->read.total.count, SAMPLES);
    ck_assert_uint_eq(stages, result->read.total.sum);
    ck_assert_uint_eq(batches, result->read.total.sum);
}
END_TEST

/* One block a clock is exactly the bus: 8 channels x 25.6 GB/s; refresh takes 350 ns of each 7.8
 * us. */
START_TEST(an_engine_at_bus_rate_does_not_lower_the_peak)
{
    const cbit_load_t load = {.probes = 32, .background = 512, .read_per_mille = 1000};
    run(CBIT_RIG_PLAIN, load);
    uint64_t plain = bandwidth_mbs();
    run(CBIT_RIG_SEV, load);
    uint64_t sev = bandwidth_mbs();
    ck_assert_uint_gt(plain, 184000); /* 0.9 of 204.8 */
    ck_assert_uint_lt(plain, 204800);
    ck_assert_uint_gt(sev * 100, plain * 99);
}
END_TEST

/* With an engine clock of half the bus clock, 8 x 12.8 GB/s is all that encrypted lines get. */
START_TEST(an_engine_at_half_the_bus_rate_is_the_limit)
{
    const cbit_load_t load = {.probes = 32, .background = 512, .read_per_mille = 1000};
    config.umc.engine_clock_divider = 2;
    run(CBIT_RIG_SEV, load);
    ck_assert_uint_le(bandwidth_mbs(), 102400);
    ck_assert_uint_gt(bandwidth_mbs(), 99328); /* 0.97 of it: a refresh may leave it without work */
}
END_TEST

START_TEST(measured_twice_it_is_the_same_to_the_byte)
{
    cbit_measure_options_t options = {
        .points = 2, .read_per_mille = 1000, .samples = 1000, .seed = 1};
    char *text[2];
    for (uint32_t i = 0; i < 2; i++) {
        options.workers = 1 + 2 * i;
        cbit_arena_t *arena = cbit_arena_create();
        const cbit_json_t *json = cbit_measure(&config, &options, arena, diag);
        ck_assert_ptr_nonnull(json);
        ck_assert_str_eq(cbit_json_at(json, "/saturates_first")->text, "bus");
        ck_assert_uint_eq(cbit_json_at(json, "/modes/sev/curve")->count, 2);
        text[i] = cbit_json_text(json, false, NULL);
        cbit_arena_destroy(arena);
    }
    ck_assert_str_eq(text[0], text[1]);
    free(text[0]);
    free(text[1]);
}
END_TEST

static cbit_arena_t *arena;

static cbit_json_t *measured_costs(void)
{
    cbit_json_t *root = cbit_json_new(arena, CBIT_JSON_OBJECT);
    uint64_t plain_ps[CBIT_COSTS], sev_ps[CBIT_COSTS];
    ck_assert_int_eq(cbit_costs_measure(&config, CBIT_RIG_PLAIN, 5000, 1, plain_ps, diag),
                     CBIT_ERR_OK);
    ck_assert_int_eq(cbit_costs_measure(&config, CBIT_RIG_SEV, 5000, 1, sev_ps, diag), CBIT_ERR_OK);
    cbit_costs_put(plain_ps, sev_ps, arena, root);
    return root;
}

/* In picoseconds. */
static uint64_t figure(const cbit_json_t *root, const char *pointer)
{
    const cbit_json_t *number = cbit_json_at(root, pointer);
    bool negative = false;
    uint64_t value = 0;
    ck_assert_msg(number != NULL, "no %s", pointer);
    ck_assert(cbit_json_scaled(number, 3, &negative, &value));
    return value;
}

/* What the row of walks rests on: pages of 2 MiB stay in the TLB, those of 4 KiB do not. */
START_TEST(only_small_pages_are_walked)
{
    cbit_core_t *core = calloc(1, sizeof *core);
    uint64_t misses[2];
    for (int small = 0; small < 2; small++) {
        const cbit_pass_t pass = {.loads = SAMPLES, .span_bytes = CBIT_CORE_DATA_BYTES};
        cbit_vcpu_stats_t stats;
        cbit_ps_t took_ps;
        ck_assert_int_eq(cbit_core_begin(core, &config, CBIT_RIG_SEV, small == 1, 1, diag),
                         CBIT_ERR_OK);
        ck_assert_int_eq(cbit_core_pass(core, &pass, &took_ps, diag), CBIT_ERR_OK);
        cbit_vcpu_stats(core->vcpu, 0, &stats);
        ck_assert_uint_eq(stats.loads, SAMPLES);
        misses[small] = stats.tlb_misses;
        cbit_core_end(core);
    }
    free(core);
    ck_assert_uint_le(misses[0], (CBIT_CORE_DATA_BYTES >> 21) + 1);
    ck_assert_uint_gt(misses[1], SAMPLES / 2);
}
END_TEST

START_TEST(costs_have_their_order)
{
    arena = cbit_arena_create();
    const cbit_json_t *root = measured_costs();
    /* A walk's last reads come from the caches: less than a read of memory. First touches read
       tables that nobody has read. */
    const uint64_t read_ps = figure(root, "/costs/plain/read_2m_pages_ns");
    ck_assert_uint_gt(figure(root, "/costs/plain/walk_ns"), 0);
    ck_assert_uint_lt(figure(root, "/costs/plain/walk_ns"), read_ps);
    ck_assert_uint_gt(figure(root, "/costs/plain/first_touch_walk_ns"),
                      figure(root, "/costs/plain/walk_ns"));
    /* A read in the guest pays the engine's depth and no more than a clock besides. */
    const uint64_t adder_ps = figure(root, "/costs/sev/read_2m_pages_ns") - read_ps;
    ck_assert_uint_ge(adder_ps, 6875 - 625);
    ck_assert_uint_le(adder_ps, 6875 + 625);
    /* 4096 lines come back from memory behind WBINVD, none behind a flush of the TLB. */
    ck_assert_uint_gt(figure(root, "/costs/sev/asid_tlb_ns"), 0);
    ck_assert_uint_lt(figure(root, "/costs/sev/asid_tlb_ns"), 64 * read_ps);
    ck_assert_uint_gt(figure(root, "/costs/sev/asid_tlb_caches_ns"), 4096 * (read_ps / 2));
    cbit_arena_destroy(arena);
}
END_TEST

/* Refetched as private a line is decrypted, as shared it passes the engine by. */
START_TEST(a_cbit_miss_is_a_flush_and_a_read)
{
    arena = cbit_arena_create();
    const cbit_json_t *root = measured_costs();
    const uint64_t flush_ps = figure(root, "/costs/sev/line_flush_ns");
    const uint64_t shared_ps = figure(root, "/costs/sev/cbit_miss_to_shared_ns");
    const uint64_t private_ps = figure(root, "/costs/sev/cbit_miss_to_private_ns");
    ck_assert_uint_gt(flush_ps, 0);
    ck_assert_uint_gt(shared_ps, flush_ps + 40 * figure(root, "/costs/sev/line_hit_ns"));
    ck_assert_uint_gt(private_ps, shared_ps);
    ck_assert_uint_le(private_ps, shared_ps + 6875);
    config.sev.coherent_domains = true;
    root = measured_costs();
    ck_assert_uint_eq(figure(root, "/costs/sev/line_flush_ns"), 0);
    ck_assert_uint_lt(figure(root, "/costs/sev/cbit_miss_to_shared_ns"), shared_ps);
    cbit_arena_destroy(arena);
}
END_TEST

/* With 4 requests a channel nothing is full: Little's law gives each channel 4 lines (and half a
   probe) a latency, and the engine's depth lowers that by its share of the latency. */
START_TEST(too_few_requests_are_the_limit_and_said_to_be)
{
    const cbit_measure_options_t options = {
        .points = 2, .read_per_mille = 1000, .samples = 1000, .requests = 4, .seed = 1};
    arena = cbit_arena_create();
    const cbit_json_t *json = cbit_measure(&config, &options, arena, diag);
    ck_assert_ptr_nonnull(json);
    ck_assert_str_eq(cbit_json_at(json, "/saturates_first")->text, "window");
    const uint64_t plain = figure(json, "/modes/plain/peak_gbs");
    const uint64_t sev = figure(json, "/modes/sev/peak_gbs");
    ck_assert_uint_lt(sev * 100, plain * 99);
    ck_assert_uint_lt(sev * 10, figure(json, "/knee/engine_gbs") * 9);
    char *table = cbit_measure_table(json);
    ck_assert_ptr_nonnull(strstr(table, "the window saturates first"));
    free(table);
    cbit_arena_destroy(arena);
}
END_TEST

/* 24 sub-channels of DDR5 with as many requests each: the bus is full, engine or not. */
START_TEST(requests_grow_with_the_channels)
{
    const cbit_measure_options_t options = {
        .points = 2, .read_per_mille = 1000, .samples = 1000, .seed = 1};
    arena = cbit_arena_create();
    config.fabric.channels = 24;
    config.umc.dram.speed = CBIT_DDR5_4800B;
    config.umc.dram.density_gbit = 16;
    config.memory.size_bytes = UINT64_C(24) << 30;
    const cbit_json_t *json = cbit_measure(&config, &options, arena, diag);
    ck_assert_msg(json != NULL, "%s",
                  cbit_diag_count(diag) > 0 ? cbit_diag_at(diag, 0)->text : "no diagnostic");
    ck_assert_str_eq(cbit_json_at(json, "/saturates_first")->text, "bus");
    /* 24 x 19.2 GB/s, of which refresh takes 7.6 % */
    ck_assert_uint_gt(figure(json, "/modes/plain/peak_gbs"), 460800 * 80 / 100);
    cbit_arena_destroy(arena);
}
END_TEST

START_TEST(small_machines_have_no_costs)
{
    const cbit_measure_options_t options = {
        .points = 2, .read_per_mille = 1000, .samples = 1000, .seed = 1, .workers = 2};
    arena = cbit_arena_create();
    config.memory.size_bytes = CBIT_CORE_NEEDS / 2;
    const cbit_json_t *json = cbit_measure(&config, &options, arena, diag);
    ck_assert_ptr_nonnull(json);
    ck_assert_ptr_null(cbit_json_at(json, "/costs"));
    cbit_arena_destroy(arena);
}
END_TEST

/* Every measurement finds the same fault: it is told once, whoever comes first. */
START_TEST(what_is_wrong_is_told_once)
{
    const cbit_measure_options_t options = {
        .points = 2, .read_per_mille = 1000, .samples = 1000, .seed = 1, .workers = 1 + 3 * _i};
    arena = cbit_arena_create();
    config.engine.depth_eclk = 0;
    ck_assert_ptr_null(cbit_measure(&config, &options, arena, diag));
    ck_assert_uint_eq(cbit_diag_count(diag), 1);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->where, "/engine");
    cbit_arena_destroy(arena);
}
END_TEST

/* The knee is between the two clocks that there are, and the formulas' xex is the model's. */
START_TEST(the_knee_lies_between_what_was_measured)
{
    const cbit_measure_options_t options = {
        .points = 2, .read_per_mille = 1000, .samples = 1000, .seed = 1};
    arena = cbit_arena_create();
    config.engine.depth_eclk = 21; /* not the default: the formula has to follow */
    const cbit_json_t *json = cbit_measure(&config, &options, arena, diag);
    ck_assert_ptr_nonnull(json);
    ck_assert_uint_eq(figure(json, "/ciphers/0/adder_ns"), 21 * UINT64_C(625));
    ck_assert_uint_eq(figure(json, "/ciphers/0/adder_ns"), figure(json, "/modes/sev/stages/aes"));
    const uint64_t ratio = figure(json, "/knee/clock_ratio_at_knee");
    ck_assert_uint_gt(ratio, 500);
    ck_assert_uint_lt(ratio, 1000);
    ck_assert_uint_eq(figure(json, "/knee/engine_gbs"), 204800);
    ck_assert_uint_le(figure(json, "/knee/half_clock_gbs"), 102400);
    ck_assert_uint_gt(figure(json, "/knee/half_clock_gbs"), 99328);
    config.umc.engine_clock_divider = 2;
    json = cbit_measure(&config, &options, arena, diag);
    ck_assert_str_eq(cbit_json_at(json, "/saturates_first")->text, "engine");
    ck_assert_uint_eq(figure(json, "/knee/clock_ratio_at_knee"), ratio);
    ck_assert_uint_le(figure(json, "/knee/gbs"), figure(json, "/knee/engine_gbs"));
    cbit_arena_destroy(arena);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("measure");
    TCase *tcase = tcase_create("measure");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, with_fixed_arrivals_every_read_pays_the_depth_exactly, 0, 3);
    tcase_add_test(tcase, a_plain_line_pays_one_clock_to_pass_the_engine);
    tcase_add_test(tcase, the_hosts_key_and_a_guests_cost_the_same);
    tcase_add_test(tcase, stages_add_up_under_load);
    tcase_add_test(tcase, an_engine_at_bus_rate_does_not_lower_the_peak);
    tcase_add_test(tcase, an_engine_at_half_the_bus_rate_is_the_limit);
    tcase_add_test(tcase, measured_twice_it_is_the_same_to_the_byte);
    tcase_add_test(tcase, only_small_pages_are_walked);
    tcase_add_test(tcase, costs_have_their_order);
    tcase_add_test(tcase, a_cbit_miss_is_a_flush_and_a_read);
    tcase_add_test(tcase, too_few_requests_are_the_limit_and_said_to_be);
    tcase_add_test(tcase, requests_grow_with_the_channels);
    tcase_add_test(tcase, small_machines_have_no_costs);
    tcase_add_loop_test(tcase, what_is_wrong_is_told_once, 0, 2);
    tcase_add_test(tcase, the_knee_lies_between_what_was_measured);
    suite_add_tcase(suite, tcase);
    return suite;
}
