/*
 * A DDR5 DIMM is two sub-channels of 32 bits: each with its commands, data bus, banks and refresh
 * of its own. They are two channels of the fabric with a controller each.
 */
#include <stdlib.h>

#include "cbit/base/rng.h"
#include "cbit/fabric/fabric.h"
#include "umc_bench.h"

enum { REQUESTS = 1500, GAP_PS = 2000, LINES = 2048, MAPPING_BITS = 34 };

static const double SUBCHANNEL_GBS = 19.2; /* 4800 MT/s of 4 bytes */

static void make_ddr5(cbit_umc_config_t *config)
{
    config->dram.speed = CBIT_DDR5_4800B;
    config->dram.density_gbit = 16;
}

/* Reads and writes at random, a third of them writes, faster than one sub-channel can. */
static void load(bench_t *bench, uint64_t seed)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, seed, bench->channel);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        cbit_command_t command =
            cbit_rng_below(&rng, 3) == 0 ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ;
        uint64_t line = cbit_rng_below(&rng, UINT64_C(1) << (MAPPING_BITS - 7));
        bench_add(bench, command, line * CBIT_LINE_BYTES, CBIT_LINE_BYTES, CBIT_KEY_PLAIN, NULL,
                  (cbit_ps_t)(i + 1) * GAP_PS);
    }
}

/* The load on sub-channel 0, on 1 or on both; answers of both and their counters. */
typedef struct outcome {
    cbit_ps_t answered_ps[2][REQUESTS];
    cbit_umc_stats_t stats[2];
} outcome_t;

static outcome_t *run_on(bool first, bool second)
{
    const bool loaded[2] = {first, second};
    outcome_t *out = calloc(1, sizeof *out);
    bench_t *bench[2];
    bench[0] = bench_create();
    make_ddr5(&bench[0]->config);
    bench[1] = bench_beside(bench[0], 1);
    for (uint32_t i = 0; i < 2; i++) {
        bench_start(bench[i], false);
        if (loaded[i]) {
            load(bench[i], cbit_test_seed());
        } else {
            bench_add(bench[i], CBIT_COMMAND_READ, 0, 64, CBIT_KEY_PLAIN, NULL, GAP_PS);
        }
    }
    bench_run(bench[0]);
    for (uint32_t i = 2; i-- > 0;) {
        ck_assert(bench_all_answered(bench[i]));
        for (uint32_t k = 0; k < bench[i]->count; k++) {
            out->answered_ps[i][k] = bench[i]->request[k].answered_ps;
        }
        cbit_umc_stats(bench[i]->umc, &out->stats[i]);
        bench_destroy(bench[i]); /* holds the checker to no violation */
    }
    return out;
}

START_TEST(subchannels_know_nothing_of_each_other)
{
    outcome_t *first = run_on(true, false), *second = run_on(false, true),
              *both = run_on(true, true);
    ck_assert_mem_eq(first->answered_ps[0], both->answered_ps[0], sizeof first->answered_ps[0]);
    ck_assert_mem_eq(second->answered_ps[1], both->answered_ps[1], sizeof first->answered_ps[1]);
    ck_assert_mem_ne(both->answered_ps[0], both->answered_ps[1], sizeof both->answered_ps[0]);
    ck_assert_uint_eq(first->stats[0].activates, both->stats[0].activates);
    ck_assert_uint_eq(second->stats[1].activates, both->stats[1].activates);
    ck_assert_uint_gt(both->stats[0].activates, REQUESTS / 2);
    free(first);
    free(second);
    free(both);
}
END_TEST

/* ---- behind a fabric, lines by turns ---- */

typedef struct dimm {
    bench_t *bench[2];
    cbit_fabric_t *fabric;
} dimm_t;

static dimm_t dimm_create(uint32_t subchannels)
{
    dimm_t dimm;
    cbit_fabric_config_t config;
    cbit_rows_defaults(cbit_fabric_rows, &config);
    config.channels = subchannels;
    config.interleave_bytes = CBIT_LINE_BYTES;
    config.hash = false;
    config.read_bytes = config.write_bytes = 0; /* no limit: the memory decides */
    dimm.bench[0] = bench_create();
    make_ddr5(&dimm.bench[0]->config);
    (void)strcpy(dimm.bench[0]->config.mapping, "ro-ra-ba-co-bg");
    ck_assert_int_eq(cbit_fabric_create(&config, dimm.bench[0]->kernel, UINT64_C(1) << MAPPING_BITS,
                                        &dimm.fabric, NULL),
                     CBIT_ERR_OK);
    for (uint32_t i = 0; i < subchannels; i++) {
        bench_t *bench = i == 0 ? dimm.bench[0] : bench_beside(dimm.bench[0], i);
        dimm.bench[i] = bench;
        bench_start(bench, false);
        cbit_fabric_bind(dimm.fabric, i, bench->port);
    }
    dimm.bench[0]->port = cbit_fabric_port(dimm.fabric);
    return dimm;
}

static void dimm_destroy(dimm_t *dimm, uint32_t subchannels)
{
    for (uint32_t i = subchannels; i-- > 1;) {
        bench_destroy(dimm->bench[i]);
    }
    cbit_fabric_destroy(dimm->fabric);
    bench_destroy(dimm->bench[0]);
}

/* Bandwidth of reading LINES lines one behind the other, all asked for at once. */
static double read_gbs(uint32_t subchannels, cbit_umc_stats_t stats[2])
{
    dimm_t dimm = dimm_create(subchannels);
    bench_t *bench = dimm.bench[0];
    for (uint32_t i = 0; i < LINES; i++) {
        bench_add(bench, CBIT_COMMAND_READ, (cbit_spa_t)i * CBIT_LINE_BYTES, CBIT_LINE_BYTES,
                  CBIT_KEY_PLAIN, NULL, 1000);
    }
    bench_run(bench);
    ck_assert(bench_all_answered(bench));
    for (uint32_t i = 0; i < subchannels; i++) {
        cbit_umc_stats(dimm.bench[i]->umc, &stats[i]);
    }
    cbit_ps_t last_ps = 0;
    for (uint32_t i = 0; i < LINES; i++) {
        cbit_ps_t at_ps = bench->request[i].answered_ps;
        last_ps = at_ps > last_ps ? at_ps : last_ps;
    }
    double gbs = (LINES - 1) * 64.0 * 1000 / (double)(last_ps - bench->request[0].answered_ps);
    dimm_destroy(&dimm, subchannels);
    return gbs;
}

START_TEST(two_have_twice_the_bandwidth_of_one)
{
    cbit_umc_stats_t one[2], two[2];
    double alone_gbs = read_gbs(1, one), both_gbs = read_gbs(2, two);
    ck_assert_msg(alone_gbs <= SUBCHANNEL_GBS && alone_gbs > 0.88 * SUBCHANNEL_GBS, "%.3f GB/s",
                  alone_gbs);
    ck_assert_msg(both_gbs > 1.98 * alone_gbs && both_gbs <= 2 * SUBCHANNEL_GBS,
                  "%.3f GB/s, alone %.3f", both_gbs, alone_gbs);
    ck_assert_uint_eq(one[0].column_reads, LINES);
    ck_assert_uint_eq(two[0].column_reads, LINES / 2);
    ck_assert_uint_eq(two[1].column_reads, LINES / 2);
}
END_TEST

START_TEST(bytes_come_back_from_the_subchannel_that_took_them)
{
    enum { WRITTEN = 64 };
    dimm_t dimm = dimm_create(2);
    bench_t *bench = dimm.bench[0];
    bench_request_t *read[WRITTEN];
    for (uint32_t i = 0; i < WRITTEN; i++) {
        uint8_t line[CBIT_LINE_BYTES];
        memset(line, (int)i + 1, sizeof line);
        bench_add(bench, CBIT_COMMAND_WRITE, (cbit_spa_t)i * 64, 64, CBIT_KEY_PLAIN, line, 1000);
    }
    for (uint32_t i = 0; i < WRITTEN; i++) {
        read[i] = bench_add(bench, CBIT_COMMAND_READ, (cbit_spa_t)i * 64, 64, CBIT_KEY_PLAIN, NULL,
                            4000000);
    }
    bench_run(bench);
    for (uint32_t i = 0; i < WRITTEN; i++) {
        ck_assert_uint_eq(read[i]->txn.data[0], i + 1);
        ck_assert_uint_eq(read[i]->txn.data[63], i + 1);
    }
    for (uint32_t i = 0; i < 2; i++) {
        cbit_umc_stats_t stats;
        cbit_umc_stats(dimm.bench[i]->umc, &stats);
        ck_assert_uint_eq(stats.column_writes, WRITTEN / 2);
        ck_assert_uint_eq(stats.reads, WRITTEN / 2);
    }
    dimm_destroy(&dimm, 2);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("subchannels");
    TCase *tcase = tcase_create("ddr5");
    tcase_add_test(tcase, subchannels_know_nothing_of_each_other);
    tcase_add_test(tcase, two_have_twice_the_bandwidth_of_one);
    tcase_add_test(tcase, bytes_come_back_from_the_subchannel_that_took_them);
    suite_add_tcase(suite, tcase);
    return suite;
}
