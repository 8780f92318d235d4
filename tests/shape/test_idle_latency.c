/*
 * The idle read latency of each preset against the published one: a dependent random walk over
 * 128 MiB in pages of 2 MiB, no engine, from a core to the memory of its own node (and, for Rome,
 * to that of the whole socket). Tolerances: 5 % for Rome, whose figures are measured and published;
 * 10 % for the others, whose figures are briefings.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/scenario.h"
#include "cbit_test.h"
#include "perf/benchmarks/idle_walk.h"

#define SPAN_BYTES (UINT64_C(128) << 20)

static const struct {
    const char *preset;
    uint32_t nodes_per_socket;
    uint64_t published_ns, percent;
    uint64_t depth_ps; /* 11 clocks of the DRAM: what the engine must add */
} rows[] = {
    {"rome", 4, 113, 5, 6875},   {"rome", 1, 122, 5, 6875},   {"milan", 4, 105, 10, 6875},
    {"genoa", 4, 118, 10, 4583}, {"naples", 4, 90, 10, 8250}, {"turin", 1, 130, 10, 3667},
};

static uint64_t walk_ps(const cbit_platform_config_t *config, path_bytes_t bytes)
{
    return idle_walk_ps(config, bytes, SPAN_BYTES, IDLE_WALK_COLD, cbit_test_seed());
}

/* Nearly without refreshes: they meet other loads when all come later, a difference of a nanosecond
   either way. */
static uint64_t adder_ps(cbit_platform_config_t config)
{
    config.umc.dram.timing.trefi_nck = 1000000;
    return walk_ps(&config, PATH_TIMING_ONLY) - walk_ps(&config, PATH_PLAIN);
}

START_TEST(idle_latency_lands_on_the_published_one)
{
    char path[512];
    snprintf(path, sizeof path, "%s/workloads/presets/%s.json", CBIT_SOURCE_DIR, rows[_i].preset);
    const cbit_scenario_options_t options = {.preset = true};
    cbit_scenario_file_t *file;
    cbit_diag_t *diag = cbit_diag_create();
    cbit_err_t err = cbit_scenario_load(path, &options, &file, diag);
    ck_assert_msg(err == CBIT_ERR_OK, "%s: %s", cbit_diag_at(diag, 0)->where,
                  cbit_diag_at(diag, 0)->text);
    cbit_diag_destroy(diag);
    cbit_platform_config_t config = *cbit_scenario_of(file)->machine;
    config.fabric.nodes_per_socket = rows[_i].nodes_per_socket;
    const uint64_t off_ps = walk_ps(&config, PATH_PLAIN), adds_ps = adder_ps(config);
    cbit_scenario_file_destroy(file);
    /* Of one node, channels are one step away on average; of four, the node is where the core is.
     */
    const cbit_ps_t steps_ps = rows[_i].nodes_per_socket == 1 ? 2 * config.fabric.hop_ns : 0;
    const cbit_ps_t fabric_ps = config.fabric.request_ns + config.fabric.return_ns + steps_ps;
    const cbit_ps_t look_up_ps =
        config.cache.l3.hit_cclk * UINT64_C(1000000000) / config.vcpu.clock_khz;
    printf("| %s | NPS%" PRIu32 " | %" PRIu64 " | %.1f | %.1f | %.1f | %.1f | %.1f |\n",
           rows[_i].preset, rows[_i].nodes_per_socket, rows[_i].published_ns, (double)off_ps / 1e3,
           (double)look_up_ps / 1e3, (double)fabric_ps / 1e3,
           (double)(off_ps - fabric_ps - look_up_ps) / 1e3, (double)adds_ps / 1e3);
    const uint64_t published_ps = rows[_i].published_ns * 1000;
    const uint64_t apart_ps = off_ps > published_ps ? off_ps - published_ps : published_ps - off_ps;
    ck_assert_uint_le(apart_ps * 100, published_ps * rows[_i].percent);
    ck_assert_uint_ge(adds_ps + 300, rows[_i].depth_ps);
    ck_assert_uint_le(adds_ps, rows[_i].depth_ps + 300);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("shape");
    TCase *tcase = tcase_create("idle_latency");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, idle_latency_lands_on_the_published_one, 0,
                        (int)(sizeof rows / sizeof rows[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
