/* Whole simulations: does the life of guests on this machine come out as SEV promises? */
#include <stdlib.h>
#include <string.h>

#include "cbit_test.h"
#include "tests/scenario/hypervisor_bench.h"

static uint32_t channels_of(const bench_t *bench)
{
    return bench->machine.fabric.channels;
}

START_TEST(two_guests_are_launched_run_to_their_end_and_leave)
{
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1);
    bench_add_guest(bench, "b", 2);
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    for (uint32_t i = 0; i < 2; i++) {
        const cbit_run_guest_t *guest = &result->guests[i];
        ck_assert_uint_eq(guest->end, CBIT_GUEST_FINISHED);
        ck_assert(guest->launch_measurement_ok);
        ck_assert_uint_gt(guest->loads_checked, 1000);
        ck_assert_uint_gt(guest->fetches_checked, 1000);
        ck_assert_uint_gt(guest->vcpu.instructions, 9999);
        ck_assert_uint_gt(guest->launch_ps, 0);
        ck_assert_uint_gt(guest->run_ps, 0);
        ck_assert_uint_eq(guest->probe_ps, 0);
    }
    /* Per channel: the host's key, and each guest's loaded by ACTIVATE and cleared by DEACTIVATE.
     */
    ck_assert_uint_eq(result->machine.key_writes, 5 * channels_of(bench));
    /* After INIT and at the end, on every core. */
    ck_assert_uint_eq(result->df_flushes, 2);
    ck_assert_uint_eq(result->wbinvds, 2 * bench->machine.host.cores);
    ck_assert_uint_gt(result->machine.engine.lines_decrypted, 1000);
    bench_destroy(bench);
}
END_TEST

START_TEST(an_owner_with_a_session_sends_a_secret_that_only_the_guest_reads)
{
    bench_t *bench = bench_create();
    bench->machine.sp.identity = true;
    bench_add_guest(bench, "a", 1)->secret = true;
    bench_add_guest(bench, "b", 2);
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert(result->guests[0].launch_measurement_ok); /* under the session's key */
    ck_assert(result->guests[0].secret_ok);
    ck_assert(!result->guests[1].secret_ok); /* nobody sent one */
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    /* Its page besides those that the guest itself maps. */
    ck_assert_uint_eq(result->guests[0].resident_pages, result->guests[1].resident_pages + 1);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_secret_is_not_sent_to_an_image_that_is_not_the_owners)
{
    bench_t *bench = bench_create();
    bench->machine.sp.identity = true;
    bench_add_guest(bench, "a", 1)->secret = true;
    bench_add_event(bench, CBIT_EVENT_TAMPER_LAUNCH, 0, CBIT_WHEN_LAUNCH);
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_REFUSED);
    ck_assert(!result->guests[0].secret_ok);
    bench_destroy(bench);
}
END_TEST

START_TEST(the_same_scenario_gives_the_same_result)
{
    bench_t *first = bench_create();
    bench_t *second = bench_create();
    bench_add_guest(first, "a", 1);
    bench_add_guest(second, "a", 1);
    const cbit_run_result_t *one = bench_run(first);
    const cbit_run_result_t *two = bench_run(second);
    ck_assert_uint_eq(one->time_ps, two->time_ps);
    ck_assert_mem_eq(&one->machine, &two->machine, sizeof one->machine);
    ck_assert_mem_eq(one->guests, two->guests, sizeof one->guests[0]);
    bench_destroy(first);
    bench_destroy(second);
}
END_TEST

START_TEST(another_guest_gets_the_asid_of_one_that_left)
{
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1);
    bench_add_guest(bench, "b", 1)->after_guest = 0;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_uint_eq(result->guests[0].asid, 1);
    ck_assert_uint_eq(result->guests[1].asid, 1);
    ck_assert_uint_eq(result->guests[1].end, CBIT_GUEST_FINISHED);
    ck_assert_uint_gt(result->guests[1].first_vmrun_ps,
                      result->guests[0].first_vmrun_ps + result->guests[0].run_ps);
    /* After INIT, between the two, at the end. */
    ck_assert_uint_eq(result->df_flushes, 3);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_launch_beyond_the_last_asid_is_refused)
{
    bench_t *bench = bench_create();
    bench->machine.sev.asids = 1;
    bench_add_guest(bench, "a", 0);
    bench_add_guest(bench, "b", 0);
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    ck_assert_uint_eq(result->guests[1].end, CBIT_GUEST_REFUSED);
    ck_assert_uint_eq(result->guests[1].vmruns, 0);
    bench_destroy(bench);
}
END_TEST

START_TEST(more_guests_than_asids_take_turns)
{
    bench_t *bench = bench_create();
    cbit_hypervisor_config_t config;
    cbit_rows_defaults(cbit_hypervisor_rows, &config);
    config.asid_policy = CBIT_ASID_ROTATE;
    config.asid_residency_us = 10000000; /* 10 us */
    bench->options.config = &config;
    bench->machine.sev.asids = 1;
    bench_add_guest(bench, "a", 0);
    bench_add_guest(bench, "b", 0);
    bench_add_guest(bench, "c", 0);
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    uint64_t losses = 0;
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(result->guests[i].end, CBIT_GUEST_FINISHED);
        losses += result->guests[i].asid_losses;
    }
    ck_assert_uint_gt(losses, 2);
    /* Each loss and each end leaves the ASID dirty for the next one. */
    ck_assert_uint_ge(result->df_flushes, losses);
    bench_destroy(bench);
}
END_TEST

START_TEST(without_protection_nobody_calls_the_secure_processor)
{
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1);
    bench_add_guest(bench, "b", 0)->protection = CBIT_PROTECTION_NONE;
    bench->options.baseline = CBIT_BASELINE_UNPROTECTED;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    ck_assert_uint_eq(result->guests[1].end, CBIT_GUEST_FINISHED);
    ck_assert_uint_eq(result->guests[0].asid, 0);
    ck_assert_uint_eq(result->machine.sp.commands, 0);
    ck_assert_uint_eq(result->df_flushes, 0);
    ck_assert_uint_eq(result->wbinvds, 0);
    ck_assert_uint_eq(result->guests[0].vcpu.private_accesses, 0);
    bench_destroy(bench);
}
END_TEST

START_TEST(the_engine_costs_time_and_changes_nothing_else)
{
    bench_t *on = bench_create();
    bench_t *off = bench_create();
    bench_add_guest(on, "a", 1);
    bench_add_guest(off, "a", 1);
    off->options.baseline = CBIT_BASELINE_ENGINE_OFF;
    const cbit_run_result_t *with = bench_run(on);
    const cbit_run_result_t *without = bench_run(off);
    bench_expect_clean(without);
    ck_assert_uint_gt(with->guests[0].run_ps, without->guests[0].run_ps);
    ck_assert_uint_eq(with->guests[0].vcpu.loads, without->guests[0].vcpu.loads);
    ck_assert_uint_eq(with->guests[0].vcpu.stores, without->guests[0].vcpu.stores);
    ck_assert_uint_eq(with->machine.sp.commands, without->machine.sp.commands);
    ck_assert_uint_eq(without->machine.engine.lines_decrypted, 0);
    bench_destroy(on);
    bench_destroy(off);
}
END_TEST

/* Two beside each other, and one after the first; each side has its own machine. */
static void add_three(bench_t *bench)
{
    bench_add_guest(bench, "a", 1);
    bench_add_guest(bench, "b", 2)->traffic.max_instructions = 1000;
    bench_add_guest(bench, "c", 1)->after_guest = 0;
}

START_TEST(a_baseline_starts_its_guests_when_the_run_did)
{
    bench_t *bench = bench_create();
    bench_t *baseline = bench_create();
    add_three(bench);
    add_three(baseline);
    const cbit_run_result_t *run = bench_run(bench);
    baseline->options.baseline = CBIT_BASELINE_UNPROTECTED;
    baseline->options.pace = run;
    const cbit_run_guest_t *there = run->guests;
    const cbit_run_guest_t *here = bench_run(baseline)->guests;
    /* Launches alone would put a and b within one microsecond. */
    ck_assert_int_gt(llabs((int64_t)(there[1].started_ps - there[0].started_ps)), 5000000);
    ck_assert_uint_eq(here[0].started_ps, there[0].started_ps);
    ck_assert_uint_eq(here[1].started_ps, there[1].started_ps);
    ck_assert_uint_eq(here[2].started_ps - cbit_run_guest_end_ps(&here[0]),
                      there[2].started_ps - cbit_run_guest_end_ps(&there[0]));
    bench_destroy(baseline);
    bench_destroy(bench);
}
END_TEST

/* Nothing but the engine is in `engine`: a run without one is its own baseline. */
START_TEST(without_an_engine_the_engines_slowdown_is_one)
{
    bench_t *bench = bench_create();
    bench_t *baseline = bench_create();
    add_three(bench);
    add_three(baseline);
    bench->options.baseline = CBIT_BASELINE_ENGINE_OFF;
    const cbit_run_result_t *run = bench_run(bench);
    baseline->options.baseline = CBIT_BASELINE_ENGINE_OFF;
    baseline->options.pace = run;
    const cbit_run_result_t *again = bench_run(baseline);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(again->guests[i].first_vmrun_ps, run->guests[i].first_vmrun_ps);
        ck_assert_uint_eq(again->guests[i].run_ps, run->guests[i].run_ps);
    }
    bench_destroy(baseline);
    bench_destroy(bench);
}
END_TEST

/* ---- misbehaviour ---- */

static void expect_unharmed(const bench_t *bench)
{
    for (uint32_t i = 0; i < bench->result->guest_count; i++) {
        ck_assert_uint_eq(bench->result->guests[i].end, CBIT_GUEST_FINISHED);
    }
    bench_expect_clean(bench->result);
}

START_TEST(another_guests_asid_before_paging_gives_garbage_and_no_plaintext)
{
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1)->after_guest = UINT32_MAX;
    bench_add_guest(bench, "b", 2);
    cbit_scenario_event_t *event =
        bench_add_event(bench, CBIT_EVENT_RUN_WITH_ASID, 0, CBIT_WHEN_FIRST_VMRUN);
    event->asid = 2;
    const cbit_run_result_t *result = bench_run(bench);
    ck_assert(!result->events[0].skipped);
    ck_assert_str_ne(result->events[0].outcome, "hlt"); /* the boot stub never ends so */
    ck_assert_str_ne(result->events[0].outcome, "intr");
    ck_assert_uint_gt(result->events[0].blocks, 0);
    ck_assert_uint_eq(result->events[0].foreign_blocks, 0);
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

START_TEST(another_guests_asid_under_paging_ends_in_the_walk)
{
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1);
    bench_add_guest(bench, "b", 2);
    cbit_scenario_event_t *event =
        bench_add_event(bench, CBIT_EVENT_RUN_WITH_ASID, 0, CBIT_WHEN_PAGED);
    event->asid = 2;
    const cbit_run_result_t *result = bench_run(bench);
    const char *outcome = result->events[0].outcome;
    ck_assert_msg(strcmp(outcome, "npf") == 0 || strcmp(outcome, "shutdown") == 0, "%s", outcome);
    ck_assert_uint_gt(result->guests[0].probe_ps, 0);
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_vmrun_before_activate_is_invalid)
{
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1);
    bench_add_event(bench, CBIT_EVENT_SKIP_ACTIVATE, 0, CBIT_WHEN_LAUNCH);
    const cbit_run_result_t *result = bench_run(bench);
    ck_assert_str_eq(result->events[0].outcome, "invalid");
    ck_assert_int_eq(result->events[0].exit_code, -1);
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_device_gets_ciphertext_from_private_pages_and_plaintext_from_bounced_ones)
{
    static const char *const expected[] = {"ciphertext", "plaintext", "plaintext"};
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1);
    for (uint32_t pages = CBIT_PAGES_PRIVATE; pages <= CBIT_PAGES_BOUNCED; pages++) {
        bench_add_event(bench, CBIT_EVENT_DMA_READ, 0, CBIT_WHEN_PAGED)->pages = pages;
    }
    const cbit_run_result_t *result = bench_run(bench);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_str_eq(result->events[i].outcome, expected[i]);
        ck_assert_uint_eq(result->events[i].blocks, 4096 / 16);
    }
    ck_assert_uint_eq(result->guests[0].io_requests, 3);
    ck_assert_uint_eq(result->guests[0].io_bytes, 3 * 4096);
    ck_assert_uint_eq(result->guests[0].bounced_bytes, 4096);
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

START_TEST(an_event_for_another_engine_is_skipped)
{
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1);
    bench_add_guest(bench, "b", 2);
    cbit_scenario_event_t *event =
        bench_add_event(bench, CBIT_EVENT_RUN_WITH_ASID, 0, CBIT_WHEN_FIRST_VMRUN);
    event->asid = 2;
    event->engines_mask = 1u << CBIT_ENGINE_RTL;
    const cbit_run_result_t *result = bench_run(bench);
    ck_assert(result->events[0].skipped);
    ck_assert_str_eq(result->events[0].kind, "run_with_asid");
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("hypervisor");
    TCase *life = tcase_create("life");
    tcase_set_timeout(life, 60);
    tcase_add_test(life, two_guests_are_launched_run_to_their_end_and_leave);
    tcase_add_test(life, an_owner_with_a_session_sends_a_secret_that_only_the_guest_reads);
    tcase_add_test(life, a_secret_is_not_sent_to_an_image_that_is_not_the_owners);
    tcase_add_test(life, the_same_scenario_gives_the_same_result);
    tcase_add_test(life, another_guest_gets_the_asid_of_one_that_left);
    tcase_add_test(life, a_launch_beyond_the_last_asid_is_refused);
    tcase_add_test(life, more_guests_than_asids_take_turns);
    tcase_add_test(life, without_protection_nobody_calls_the_secure_processor);
    tcase_add_test(life, the_engine_costs_time_and_changes_nothing_else);
    tcase_add_test(life, a_baseline_starts_its_guests_when_the_run_did);
    tcase_add_test(life, without_an_engine_the_engines_slowdown_is_one);
    suite_add_tcase(suite, life);
    TCase *misuse = tcase_create("misuse");
    tcase_set_timeout(misuse, 60);
    tcase_add_test(misuse, another_guests_asid_before_paging_gives_garbage_and_no_plaintext);
    tcase_add_test(misuse, another_guests_asid_under_paging_ends_in_the_walk);
    tcase_add_test(misuse, a_vmrun_before_activate_is_invalid);
    tcase_add_test(misuse,
                   a_device_gets_ciphertext_from_private_pages_and_plaintext_from_bounced_ones);
    tcase_add_test(misuse, an_event_for_another_engine_is_skipped);
    suite_add_tcase(suite, misuse);
    return suite;
}
