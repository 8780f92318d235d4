/*
 * A machine that is timing only does at every time what the one with real bytes does: the same
 * simulated time, cache and controller counters for the same random program.
 */
#include <inttypes.h>
#include <string.h>

#include "cbit_test.h"
#include "path_load.h"
#include "perf/benchmarks/path_machine.h"

enum { REFERENCES = 30000, SEEDS = 4 };

typedef struct outcome {
    cbit_ps_t simulated_ps;
    uint64_t events;
    cbit_cache_stats_t cache;
    cbit_umc_stats_t umc;
    cbit_vcpu_stats_t vcpu;
} outcome_t;

static outcome_t run(const cbit_platform_config_t *config, path_bytes_t bytes, uint64_t seed)
{
    outcome_t outcome;
    memset(&outcome, 0, sizeof outcome);
    path_load_t load;
    path_load_init(&load, REFERENCES, seed);
    const cbit_program_t program = {.self = &load, .next = path_load_next};
    path_machine_t *machine = path_machine_create(config, bytes);
    outcome.simulated_ps = path_machine_run(machine, &program, &outcome.events);
    cbit_cache_stats(machine->cache, &outcome.cache);
    cbit_umc_stats(machine->umcs[0], &outcome.umc);
    cbit_vcpu_stats(machine->vcpu, 0, &outcome.vcpu);
    path_machine_destroy(machine);
    return outcome;
}

START_TEST(bytes_take_no_time)
{
    cbit_platform_config_t config;
    path_load_machine(&config);
    config.sev.coherent_domains = _i % 2 != 0;
    config.umc.check_commands = true;
    const uint64_t seed = cbit_test_seed() + (uint64_t)_i;
    const outcome_t real = run(&config, PATH_BYTES, seed);
    const outcome_t timing = run(&config, PATH_TIMING_ONLY, seed);
    ck_assert_uint_eq(real.simulated_ps, timing.simulated_ps);
    ck_assert_uint_le(timing.events, real.events); /* a line that is through needs none any more */
    ck_assert_mem_eq(&real.cache, &timing.cache, sizeof real.cache);
    ck_assert_mem_eq(&real.umc, &timing.umc, sizeof real.umc);
    ck_assert_mem_eq(&real.vcpu, &timing.vcpu, sizeof real.vcpu);
    ck_assert_uint_gt(real.cache.writebacks, 1000);
    ck_assert_uint_eq(real.umc.violations, 0);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("timing_only");
    TCase *tcase = tcase_create("random");
    tcase_add_loop_test(tcase, bytes_take_no_time, 0, SEEDS);
    suite_add_tcase(suite, tcase);
    return suite;
}
