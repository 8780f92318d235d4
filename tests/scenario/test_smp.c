/* Several vCPUs: does the hypervisor share cores out as it says, under one ASID for each guest? */
#include "cbit_test.h"
#include "tests/scenario/hypervisor_bench.h"

static cbit_scenario_guest_t *add_pattern_guest(bench_t *bench, const char *name, uint32_t vcpus,
                                                uint64_t accesses)
{
    cbit_scenario_guest_t *guest = bench_add_guest(bench, name, 0);
    bench->machine.host.cores = 4;
    guest->vcpus = vcpus;
    guest->memory = UINT64_C(8) << 20;
    guest->traffic = (cbit_traffic_t){.kind = CBIT_TRAFFIC_RANDOM,
                                      .accesses = accesses,
                                      .footprint = 32 << 10,
                                      .read_fraction = 500000,
                                      .access_bytes = 8,
                                      .gap = 2};
    return guest;
}

START_TEST(all_vcpus_of_a_guest_run_under_its_one_asid)
{
    bench_t *bench = bench_create();
    uint32_t pins[] = {0, 1, 2, 3};
    cbit_scenario_guest_t *guest = add_pattern_guest(bench, "a", 4, 4000);
    guest->cores = pins;
    guest->cores_count = 4;
    guest->vcpu_data = (uint32_t)_i;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    ck_assert_uint_eq(result->guests[0].asid, 1);
    /* Each performs all of the accesses, besides the kernel's own. */
    ck_assert_uint_gt(result->guests[0].loads_checked, 4 * 4000 / 2 - 400);
    ck_assert_uint_eq(result->guests[0].exits_hlt, 4);
    /* Host's key, loaded, cleared: one slot, however many vCPUs. */
    ck_assert_uint_eq(result->machine.key_writes, 3 * bench->machine.fabric.channels);
    bench_destroy(bench);
}
END_TEST

START_TEST(vcpus_with_data_of_their_own_touch_pages_of_their_own)
{
    uint64_t resident[2];
    for (uint32_t common = 0; common < 2; common++) {
        bench_t *bench = bench_create();
        add_pattern_guest(bench, "a", 3, 2000)->vcpu_data = common;
        const cbit_run_result_t *result = bench_run(bench);
        bench_expect_clean(result);
        resident[common] = result->guests[0].resident_pages;
        bench_destroy(bench);
    }
    /* Two more times 32 KiB, and three tables on the way to each. */
    ck_assert_uint_eq(resident[CBIT_VCPU_DATA_OWN] - resident[CBIT_VCPU_DATA_COMMON], 2 * (8 + 3));
}
END_TEST

START_TEST(a_slice_ends_when_another_vcpu_has_become_ready_meanwhile)
{
    bench_t *bench = bench_create();
    cbit_hypervisor_config_t config;
    cbit_rows_defaults(cbit_hypervisor_rows, &config);
    config.quantum_us = 20000000; /* 20 us */
    bench->options.config = &config;
    /* The short one's launch ends while the long one, alone so far, is in its VMRUN. */
    add_pattern_guest(bench, "short", 1, 2000);
    add_pattern_guest(bench, "long", 1, 2000000);
    bench->machine.host.cores = 1;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    const cbit_run_guest_t *b = &result->guests[0], *a = &result->guests[1];
    ck_assert_uint_gt(b->first_vmrun_ps, a->first_vmrun_ps);
    ck_assert_uint_lt(b->first_vmrun_ps, a->first_vmrun_ps + config.quantum_us + 5000000);
    ck_assert_uint_lt(cbit_run_guest_end_ps(b), cbit_run_guest_end_ps(a));
    ck_assert_uint_gt(a->exits_intr, 0);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_heavier_guest_gets_more_of_the_core)
{
    bench_t *bench = bench_create();
    cbit_hypervisor_config_t config;
    cbit_rows_defaults(cbit_hypervisor_rows, &config);
    config.quantum_us = 10000000; /* 10 us */
    config.scheduler = CBIT_SCHEDULER_WEIGHTED_FAIR;
    bench->options.config = &config;
    add_pattern_guest(bench, "light", 2, 600000);
    add_pattern_guest(bench, "heavy", 2, 600000)->weight = 300;
    bench->machine.host.cores = 1;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    const cbit_run_guest_t *light = &result->guests[0], *heavy = &result->guests[1];
    /*
     * The heavy one begins last and ends first. While both want the core it gets 3 of 4 parts, so
     * it needs 4/3 of its own time for it.
     */
    ck_assert_uint_gt(heavy->first_vmrun_ps, light->first_vmrun_ps);
    ck_assert_uint_lt(cbit_run_guest_end_ps(heavy), cbit_run_guest_end_ps(light));
    ck_assert_uint_gt(heavy->run_ps, heavy->core_ps * 125 / 100);
    ck_assert_uint_lt(heavy->run_ps, heavy->core_ps * 142 / 100);
    bench_destroy(bench);
}
END_TEST

START_TEST(an_idle_core_takes_a_vcpu_that_waits_elsewhere)
{
    uint64_t moves[2];
    cbit_ps_t run_ps[2];
    for (uint32_t balance = 0; balance < 2; balance++) {
        bench_t *bench = bench_create();
        cbit_hypervisor_config_t config;
        cbit_rows_defaults(cbit_hypervisor_rows, &config);
        config.quantum_us = 20000000;
        config.balance = balance != 0;
        bench->options.config = &config;
        /* Five on four cores, and the fourth core's first one is soon over. */
        add_pattern_guest(bench, "a", 3, 100000);
        add_pattern_guest(bench, "b", 1, 1000);
        add_pattern_guest(bench, "c", 1, 100000);
        const cbit_run_result_t *result = bench_run(bench);
        bench_expect_clean(result);
        moves[balance] = result->guests[0].moves + result->guests[2].moves;
        run_ps[balance] = result->guests[0].run_ps;
        bench_destroy(bench);
    }
    ck_assert_uint_eq(moves[0], 0);
    ck_assert_uint_gt(moves[1], 0);
    ck_assert_uint_lt(run_ps[1], run_ps[0] * 3 / 4); /* two on a core take twice as long */
}
END_TEST

START_TEST(vcpus_that_share_a_core_flush_their_asid_at_every_turn)
{
    bench_t *bench = bench_create();
    cbit_hypervisor_config_t config;
    cbit_rows_defaults(cbit_hypervisor_rows, &config);
    config.quantum_us = 20000000;
    bench->options.config = &config;
    uint32_t pin = 2;
    cbit_scenario_guest_t *guest = add_pattern_guest(bench, "a", 2, 100000);
    guest->cores = &pin;
    guest->cores_count = 1;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    const cbit_run_guest_t *a = &result->guests[0];
    ck_assert_uint_gt(a->exits_intr, 4);
    /* Only the last one has the core for itself: nobody has run between two of its VMRUNs. */
    ck_assert_uint_ge(a->tlb_flushes, a->exits_intr);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_vcpu_under_another_asid_than_its_guests_dies)
{
    bench_t *bench = bench_create();
    add_pattern_guest(bench, "a", 2, 20000);
    bench_add_guest(bench, "b", 2)->traffic.max_instructions = 200000;
    bench->guests[0].asid = 1;
    cbit_scenario_event_t *event =
        bench_add_event(bench, CBIT_EVENT_RUN_WITH_ASID, 0, CBIT_WHEN_PAGED);
    event->vcpu = 1;
    event->asid = 2;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_str_eq(result->events[0].outcome, "shutdown");
    ck_assert_uint_eq(result->events[0].vcpu, 1);
    ck_assert_uint_eq(result->events[0].foreign_blocks, 0);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED); /* it was put back */
    bench_destroy(bench);
}
END_TEST

START_TEST(a_guest_dies_with_one_of_its_vcpus)
{
    bench_t *bench = bench_create();
    add_pattern_guest(bench, "a", 4, 4000)->unaware = true;
    add_pattern_guest(bench, "b", 4, 4000);
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_DIED);
    ck_assert_uint_eq(result->guests[1].end, CBIT_GUEST_FINISHED);
    bench_destroy(bench);
}
END_TEST

/* 46 ns to the other socket each way, and a step more or less. */
START_TEST(memory_of_the_other_socket_is_92_ns_farther)
{
    uint64_t far_ps[2], run_ps[2];
    for (uint32_t blind = 0; blind < 2; blind++) {
        bench_t *bench = bench_create();
        bench->machine.host.cores = 17;
        bench->machine.fabric.sockets = 2;
        bench->machine.fabric.channels = 16;
        for (uint32_t i = 0; i < 2; i++) { /* the second one gets the frames of the first */
            cbit_scenario_guest_t *guest = bench_add_guest(bench, i == 0 ? "a" : "b", 0);
            static uint32_t core = 16;
            guest->cores = &core;
            guest->cores_count = 1;
            guest->node = blind ? UINT32_MAX : 1;
            guest->after_guest = i == 0 ? UINT32_MAX : 0;
        }
        const cbit_run_result_t *result = bench_run(bench);
        bench_expect_clean(result);
        const cbit_platform_latency_t *reads = &result->machine.read_by_source[CBIT_SOURCE_VCPU];
        far_ps[blind] = (reads->stage_ps[CBIT_STAGE_FABRIC] + reads->stage_ps[CBIT_STAGE_RETURN]) /
                        reads->total.count;
        run_ps[blind] = result->guests[1].run_ps;
        bench_destroy(bench);
    }
    ck_assert_uint_ge(far_ps[1] - far_ps[0], 88000);
    ck_assert_uint_le(far_ps[1] - far_ps[0], 96000);
    ck_assert_uint_gt(run_ps[1], run_ps[0]);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *smp = suite_create("smp");
    TCase *guests = tcase_create("guests");
    tcase_add_loop_test(guests, all_vcpus_of_a_guest_run_under_its_one_asid, 0, 2);
    tcase_add_test(guests, vcpus_with_data_of_their_own_touch_pages_of_their_own);
    tcase_add_test(guests, a_vcpu_under_another_asid_than_its_guests_dies);
    tcase_add_test(guests, a_guest_dies_with_one_of_its_vcpus);
    suite_add_tcase(smp, guests);
    TCase *cores = tcase_create("cores");
    tcase_add_test(cores, a_slice_ends_when_another_vcpu_has_become_ready_meanwhile);
    tcase_add_test(cores, a_heavier_guest_gets_more_of_the_core);
    tcase_add_test(cores, an_idle_core_takes_a_vcpu_that_waits_elsewhere);
    tcase_add_test(cores, vcpus_that_share_a_core_flush_their_asid_at_every_turn);
    tcase_add_test(guests, memory_of_the_other_socket_is_92_ns_farther);
    suite_add_tcase(smp, cores);
    return smp;
}
