/*
 * Random scenarios: guests, policies and events in any combination. Whatever a hypervisor does to
 * its guests, they come to their end unharmed, no invariant breaks, and nothing hangs.
 */
#include <stdio.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit_test.h"
#include "tests/scenario/hypervisor_bench.h"

enum { SCENARIOS = 60, MOST_GUESTS = 6, MOST_EVENTS = 8 };

static uint32_t below(cbit_rng_t *rng, uint32_t bound)
{
    return (uint32_t)cbit_rng_below(rng, bound);
}

static void add_guest(bench_t *bench, cbit_rng_t *rng, uint32_t index)
{
    char name[16];
    (void)snprintf(name, sizeof name, "g%u", index);
    cbit_scenario_guest_t *guest = bench_add_guest(bench, name, 0);
    guest->memory = UINT64_C(8) << 20;
    guest->protection = below(rng, 4) == 0 ? CBIT_PROTECTION_NONE : CBIT_PROTECTION_SEV;
    if (index > 0 && below(rng, 3) == 0) {
        guest->after_guest = below(rng, index);
    }
    cbit_rows_defaults(cbit_traffic_rows, &guest->traffic);
    guest->traffic.kind = below(rng, 2) == 0 ? CBIT_TRAFFIC_RANDOM : CBIT_TRAFFIC_CHASE;
    guest->traffic.footprint = UINT64_C(4096) << below(rng, 6);
    guest->traffic.accesses = 200 + below(rng, 2000);
    guest->traffic.gap = 4 + below(rng, 400);
    guest->traffic.stride = 64;
}

static bool is_dma(uint32_t kind)
{
    return kind == CBIT_EVENT_DMA_READ || kind == CBIT_EVENT_DMA_WRITE;
}

static void add_event(bench_t *bench, cbit_rng_t *rng)
{
    uint32_t guest = below(rng, bench->scenario.guests_count);
    uint32_t kind = below(rng, CBIT_EVENT_TAMPER_LAUNCH); /* that one means to harm */
    bool sev = bench->guests[guest].protection == CBIT_PROTECTION_SEV;
    if (!sev && !is_dma(kind)) {
        kind = CBIT_EVENT_DMA_READ;
    }
    static const uint32_t whens[] = {CBIT_WHEN_TIME, CBIT_WHEN_FIRST_VMRUN, CBIT_WHEN_PAGED};
    uint32_t when = kind == CBIT_EVENT_SKIP_ACTIVATE ? CBIT_WHEN_LAUNCH : whens[below(rng, 3)];
    cbit_scenario_event_t *event = bench_add_event(bench, kind, guest, when);
    if (when == CBIT_WHEN_TIME) {
        event->at_us = cbit_rng_below(rng, UINT64_C(10000000000)); /* within 10 ms */
    }
    event->asid = 1 + below(rng, 4);
    event->pages = below(rng, 3);
    event->bytes = 64 * (1 + below(rng, 256));
    event->hold_us = 1000000 * (1 + below(rng, 20));
}

static void check_guest(const cbit_run_guest_t *guest, uint64_t number)
{
    /* With few ASIDs and no turns a launch may be refused; nobody may die. */
    ck_assert_msg(guest->end != CBIT_GUEST_DIED, "scenario %llu: guest %s died of %d",
                  (unsigned long long)number, guest->name, guest->last_exit);
    ck_assert_uint_eq(guest->load_mismatches, 0);
    ck_assert_uint_eq(guest->fetch_mismatches, 0);
}

static void run_one(uint64_t number)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), number);
    bench_t *bench = bench_create();
    cbit_hypervisor_config_t config;
    cbit_rows_defaults(cbit_hypervisor_rows, &config);
    config.quantum_us = (20 + cbit_rng_below(&rng, 200)) * 1000000;
    config.asid_policy = below(&rng, 2);
    config.asid_residency_us = (10 + cbit_rng_below(&rng, 500)) * 1000000;
    bench->options.config = &config;
    bench->scenario.seed = cbit_rng_u64(&rng);
    bench->machine.host.cores = 1 + below(&rng, 4);
    bench->machine.host.sme = below(&rng, 2) == 0;
    bench->machine.sev.asids = 1 + below(&rng, 4);
    bench->machine.sev.coherent_domains = below(&rng, 2) == 0;
    if (below(&rng, 4) == 0) {
        bench->options.mode = CBIT_ENGINE_OFF;
        bench->options.engines = NULL;
    }
    uint32_t guests = 1 + below(&rng, MOST_GUESTS);
    for (uint32_t i = 0; i < guests; i++) {
        add_guest(bench, &rng, i);
    }
    for (uint32_t i = below(&rng, MOST_EVENTS + 1); i > 0; i--) {
        add_event(bench, &rng);
    }
    const cbit_run_result_t *result = bench_run(bench);
    for (uint32_t i = 0; i < result->guest_count; i++) {
        check_guest(&result->guests[i], number);
    }
    bench_expect_clean(result);
    bench_destroy(bench);
}

START_TEST(whatever_is_done_in_any_order_guests_come_to_their_end)
{
    run_one((uint64_t)_i);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("any_order");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, whatever_is_done_in_any_order_guests_come_to_their_end, 0, SCENARIOS);
    suite_add_tcase(suite, all);
    return suite;
}
