/*
 * A controller does its commands when somebody looks, or when the first answer that they lead to
 * could be due. When they are done never shows: a machine that is looked into at random times, or
 * at every clock, does at every time what one does that nobody looks into; and so does one whose
 * controllers do each command in its clock, because somebody listens at the pins.
 */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/umc/account.h"
#include "cbit_test.h"
#include "path_load.h"
#include "perf/benchmarks/path_machine.h"
#include "umc_bench.h"

enum { REFERENCES = 8000, SEEDS = 16, CLOCK_PS = 625, FAR_PS = 20000 };

/* Who looks: at counters, or at a byte, of any channel. */
typedef struct looker {
    path_machine_t *machine;
    cbit_event_t event;
    cbit_rng_t rng;
    uint64_t between_ps; /* at most; 0: never */
    uint64_t looks;
} looker_t;

static void look(void *self)
{
    looker_t *looker = self;
    path_machine_t *machine = looker->machine;
    cbit_umc_t *umc = machine->umcs[cbit_rng_below(&looker->rng, machine->channels)];
    const cbit_port_t port = cbit_umc_port(umc);
    uint8_t byte;
    if (cbit_rng_below(&looker->rng, 2) == 0) {
        cbit_umc_stats_t stats;
        cbit_umc_stats(umc, &stats);
    } else {
        (void)port.peek(port.self, cbit_rng_below(&looker->rng, UINT64_C(1) << 30), 1, &byte, 1);
    }
    looker->looks++;
    cbit_event_notify_at(machine->kernel, &looker->event,
                         cbit_kernel_now_ps(machine->kernel) + 1 +
                             cbit_rng_below(&looker->rng, looker->between_ps));
}

static void listen(void *self, const cbit_bus_line_t *line)
{
    (void)line;
    ++*(uint64_t *)self;
}

/* How a machine is treated. */
typedef struct treated {
    uint64_t between_ps; /* looked into; 0: never */
    bool listened;
} treated_t;

typedef struct outcome {
    cbit_ps_t simulated_ps;
    cbit_cache_stats_t cache;
    cbit_vcpu_stats_t vcpu;
    cbit_umc_stats_t umc[CBIT_FABRIC_MAX_CHANNELS];
    cbit_umc_account_t account;
} outcome_t;

static outcome_t *run(const cbit_platform_config_t *config, treated_t treated, uint64_t seed)
{
    outcome_t *outcome = calloc(1, sizeof *outcome);
    path_load_t load;
    path_load_init(&load, REFERENCES, seed);
    const cbit_program_t program = {.self = &load, .next = path_load_next};
    path_machine_t *machine = path_machine_create(config, PATH_BYTES);
    looker_t looker = {.machine = machine, .between_ps = treated.between_ps};
    uint64_t heard = 0;
    for (uint32_t i = 0; treated.listened && i < machine->channels; i++) {
        cbit_umc_analyse(machine->umcs[i], listen, &heard);
    }
    cbit_rng_init(&looker.rng, seed, 1);
    cbit_event_init(&looker.event, look, &looker);
    if (treated.between_ps != 0) {
        cbit_event_notify_at(machine->kernel, &looker.event,
                             cbit_kernel_now_ps(machine->kernel) + 1);
    }
    uint64_t events;
    outcome->simulated_ps = path_machine_run(machine, &program, &events);
    cbit_cache_stats(machine->cache, &outcome->cache);
    cbit_vcpu_stats(machine->vcpu, 0, &outcome->vcpu);
    for (uint32_t i = 0; i < machine->channels; i++) {
        cbit_umc_stats(machine->umcs[i], &outcome->umc[i]);
        cbit_umc_account(machine->umcs[i], &outcome->account);
    }
    ck_assert((looker.looks > 100) == (treated.between_ps != 0));
    ck_assert((heard > REFERENCES / 2) == treated.listened);
    path_machine_destroy(machine);
    return outcome;
}

START_TEST(looking_does_not_show)
{
    cbit_platform_config_t config;
    path_load_machine(&config);
    /* So many that it never matters, so few that it always does, and between: then it depends on
       what is still there whether a request is given ahead. Who listens has none given ahead, and
       where more come before one than are left room for, that shows (docs/limits.md). */
    static const struct {
        uint32_t reads, writes;
    } QUEUES[] = {{0, 0}, {4, 8}, {10, 16}, {16, 12}};
    config.fabric.channels = _i % 8 < 4 ? 8 : 1;
    config.umc.read_queue_entries = QUEUES[_i % 4].reads;
    config.umc.write_queue_entries = QUEUES[_i % 4].writes;
    config.umc.engine_clock_divider = 1 + (uint32_t)_i % 3 / 2;
    config.umc.page_policy = (uint32_t)_i / 4 % 3;
    config.engine.bypass_in_order = _i % 5 / 3;
    const uint64_t seed = cbit_test_seed() + (uint64_t)_i;
    outcome_t *alone = run(&config, (treated_t){0}, seed);
    outcome_t *often = run(&config, (treated_t){.between_ps = CLOCK_PS}, seed);
    outcome_t *seldom = run(&config, (treated_t){.between_ps = FAR_PS}, seed);
    outcome_t *in_step = _i % 4 < 2 ? run(&config, (treated_t){.listened = true}, seed) : NULL;
    ck_assert_uint_eq(alone->simulated_ps, often->simulated_ps);
    ck_assert_mem_eq(alone, often, sizeof *alone);
    ck_assert_mem_eq(alone, seldom, sizeof *alone);
    if (in_step != NULL) {
        ck_assert_mem_eq(alone, in_step, sizeof *alone);
    }
    ck_assert_uint_gt(alone->cache.writebacks, 500);
    free(alone);
    free(often);
    free(seldom);
    free(in_step);
}
END_TEST

/* ---- from inside an answer ---- */

enum { ANSWERS = 1000, BACK_PS = 33125 };

/* What those who hear answers see of the controller, one after the other. */
typedef struct seen {
    bench_t *bench;
    cbit_event_t look;
    uint32_t count;
    cbit_umc_stats_t stats[ANSWERS];
} seen_t;

static void on_heard(void *self, cbit_txn_t *txn)
{
    seen_t *seen = self;
    cbit_umc_stats(seen->bench->umc, &seen->stats[seen->count++]);
    cbit_txn_reply(txn);
}

static void look_each_clock(void *self)
{
    seen_t *seen = self;
    cbit_umc_stats_t stats;
    cbit_umc_stats(seen->bench->umc, &stats);
    if (seen->bench->done < ANSWERS) {
        cbit_event_notify_at(seen->bench->kernel, &seen->look,
                             cbit_kernel_now_ps(seen->bench->kernel) + CLOCK_PS);
    }
}

/* Reads at random times, a few of them there at once: one that is heard mostly has others behind it
   whose commands nobody has waited for yet. */
static seen_t *hear(uint64_t seed, bool looked_at)
{
    seen_t *seen = calloc(1, sizeof *seen);
    bench_t *bench = seen->bench = bench_create();
    bench->timing_only = true;
    bench->back_ps = BACK_PS;
    bench->config.check_commands = false;
    bench_start(bench, true);
    bench_load_keys(bench);
    cbit_rng_t rng;
    cbit_rng_init(&rng, seed, 2);
    cbit_ps_t at_ps = cbit_kernel_now_ps(bench->kernel);
    for (uint32_t i = 0; i < ANSWERS; i++) {
        at_ps += cbit_rng_below(&rng, 60000);
        const cbit_spa_t spa = cbit_rng_below(&rng, UINT64_C(1) << 24) * CBIT_LINE_BYTES;
        bench_request_t *request =
            bench_add(bench, CBIT_COMMAND_READ, spa, CBIT_LINE_BYTES, 1, NULL, at_ps);
        cbit_txn_push_reply(&request->txn, on_heard, seen);
    }
    cbit_event_init(&seen->look, look_each_clock, seen);
    if (looked_at) {
        cbit_event_notify_at(bench->kernel, &seen->look, cbit_kernel_now_ps(bench->kernel) + 1);
    }
    bench_run(bench);
    ck_assert_uint_eq(seen->count, ANSWERS);
    bench_destroy(bench);
    return seen;
}

START_TEST(who_hears_an_answer_sees_all_commands_up_to_then)
{
    const uint64_t seed = cbit_test_seed() + (uint64_t)_i;
    seen_t *alone = hear(seed, false), *looked_at = hear(seed, true);
    ck_assert_mem_eq(alone->stats, looked_at->stats, sizeof alone->stats);
    free(alone);
    free(looked_at);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("looking");
    TCase *tcase = tcase_create("random");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, looking_does_not_show, 0, SEEDS);
    tcase_add_loop_test(tcase, who_hears_an_answer_sees_all_commands_up_to_then, 0, SEEDS);
    suite_add_tcase(suite, tcase);
    return suite;
}
