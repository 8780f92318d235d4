/* Does a guest that is sent to another machine while it runs go on there as it was, and does
   whoever changes something on the way meet a Secure Processor that notices, or else its guest? */
#include <string.h>

#include "cbit_test.h"
#include "tests/scenario/hypervisor_bench.h"

/* A program that writes now and then, and lasts long enough to be migrated. */
static bench_t *make(uint32_t protection, uint64_t accesses, uint32_t gap)
{
    bench_t *bench = bench_create();
    bench->machine.sp.identity = true;
    bench->machine.host.cores = 2;
    bench->machine.sev.min_sev_asid = 8;
    bench->scenario.target =
        (cbit_scenario_target_t){.link_gbs = 1250000, .link_us = UINT64_C(20000000), .window = 64};
    cbit_scenario_guest_t *guest = bench_add_guest(bench, "a", 0);
    guest->protection = protection;
    guest->memory = UINT64_C(16) << 20;
    guest->secret = protection != CBIT_PROTECTION_NONE;
    cbit_rows_defaults(cbit_traffic_rows, &guest->traffic);
    guest->traffic.kind = CBIT_TRAFFIC_ZIPF;
    guest->traffic.footprint = 256 << 10;
    guest->traffic.read_fraction = 500000;
    guest->traffic.accesses = accesses;
    guest->traffic.gap = gap;
    cbit_scenario_event_t *event = bench_add_event(bench, CBIT_EVENT_MIGRATE, 0, CBIT_WHEN_PAGED);
    event->rounds = 4;
    event->dirty_threshold = 24;
    return bench;
}

static bench_t *make_calm(void)
{
    return make(CBIT_PROTECTION_SEV, 800, 500000);
}

typedef struct kind_of_guest {
    uint32_t protection, vcpus;
    cbit_engine_mode_t mode;
} kind_of_guest_t;

static const kind_of_guest_t kinds_of_guests[] = {
    {CBIT_PROTECTION_SEV, 1, CBIT_ENGINE_MODEL},    {CBIT_PROTECTION_SEV, 3, CBIT_ENGINE_MODEL},
    {CBIT_PROTECTION_SEV_ES, 1, CBIT_ENGINE_MODEL}, {CBIT_PROTECTION_SEV_ES, 3, CBIT_ENGINE_MODEL},
    {CBIT_PROTECTION_NONE, 1, CBIT_ENGINE_MODEL},   {CBIT_PROTECTION_NONE, 3, CBIT_ENGINE_MODEL},
    {CBIT_PROTECTION_SEV, 1, CBIT_ENGINE_OFF},      {CBIT_PROTECTION_SEV_ES, 2, CBIT_ENGINE_OFF},
};
enum { KINDS_OF_GUESTS = sizeof kinds_of_guests / sizeof kinds_of_guests[0] };

START_TEST(a_guest_goes_on_there_as_it_was)
{
    const kind_of_guest_t *kind = &kinds_of_guests[_i];
    bench_t *bench = make(kind->protection, 800, 500000);
    bench->guests[0].vcpus = kind->vcpus;
    bench->options.mode = kind->mode;
    bench->options.engines = kind->mode == CBIT_ENGINE_OFF ? NULL : bench->options.engines;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_uint_eq(result->migration_count, 1);
    const cbit_run_migration_t *migration = &result->migrations[0];
    const cbit_run_guest_t *guest = &result->guests[0];
    ck_assert_str_eq(migration->outcome, "ok");
    ck_assert_str_eq(result->events[0].outcome, "ok");
    ck_assert_uint_eq(migration->pages_wrong, 0);
    ck_assert_uint_eq(migration->pages_compared, guest->resident_pages);
    ck_assert_uint_eq(guest->end, CBIT_GUEST_FINISHED);
    bool sev = kind->protection != CBIT_PROTECTION_NONE;
    ck_assert(guest->secret_ok == sev);
    ck_assert_uint_eq(guest->notices > 0, sev);
    ck_assert((migration->from_asid != migration->to_asid) == sev);
    uint32_t states = kind->protection == CBIT_PROTECTION_SEV_ES ? 2 : 1;
    ck_assert_uint_eq(migration->state_pages, kind->vcpus * states);
    /* All pages in the first round, and each once: private ones and shared ones. */
    const cbit_run_round_t *first = &migration->rounds[0];
    ck_assert_uint_ge(first->private_pages + first->shared_pages, migration->pages_compared);
    ck_assert(sev ? first->private_pages > 64 : first->private_pages == 0);
    bench_destroy(bench);
}
END_TEST

START_TEST(rounds_become_shorter_until_few_pages_are_dirty)
{
    bench_t *bench = make_calm();
    const cbit_run_result_t *result = bench_run(bench);
    const cbit_run_migration_t *migration = &result->migrations[0];
    ck_assert(migration->converged);
    ck_assert_uint_ge(migration->round_count, 3);
    for (uint32_t i = 0; i + 1 < migration->round_count; i++) {
        const cbit_run_round_t *round = &migration->rounds[i], *next = round + 1;
        ck_assert_uint_gt(round->span_ps, next->span_ps);
        ck_assert_uint_eq(round->dirty_pages, next->private_pages + next->shared_pages);
    }
    ck_assert_uint_le(migration->rounds[migration->round_count - 2].dirty_pages, 24);
    bench_destroy(bench);
}
END_TEST

START_TEST(who_writes_too_much_is_stopped_for_longer)
{
    bench_t *bench = make_calm();
    cbit_ps_t calm_ps = bench_run(bench)->migrations[0].downtime_ps;
    bench_destroy(bench);
    bench = make(CBIT_PROTECTION_SEV, 12000, 40000);
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    const cbit_run_migration_t *migration = &result->migrations[0];
    ck_assert_str_eq(migration->outcome, "ok");
    ck_assert(!migration->converged);
    ck_assert_uint_eq(migration->round_count, 5); /* four, and the one while it stands still */
    ck_assert_uint_gt(migration->downtime_ps, 3 * calm_ps / 2);
    bench_destroy(bench);
}
END_TEST

/* cbit sp measure: SEND_UPDATE_DATA of 4 KiB takes 69.8 us, RECEIVE_UPDATE_DATA 83.6 us. */
START_TEST(private_pages_take_the_time_of_the_secure_processors)
{
    bench_t *bench = make_calm();
    const cbit_run_round_t *round = &bench_run(bench)->migrations[0].rounds[0];
    uint64_t send_us = round->send_ps / round->private_pages / 1000000;
    uint64_t receive_us = round->receive_ps / round->private_pages / 1000000;
    ck_assert_uint_ge(send_us, 68);
    ck_assert_uint_le(send_us, 74);
    ck_assert_uint_ge(receive_us, 81);
    ck_assert_uint_le(receive_us, 89);
    ck_assert_uint_ge(round->span_ps, round->send_ps);
    bench_destroy(bench);
}
END_TEST

/* 4096 bytes and 16 of framing over 100 MB/s: 41.1 us a page. */
START_TEST(pages_in_clear_take_the_time_of_the_link)
{
    bench_t *bench = make(CBIT_PROTECTION_NONE, 800, 500000);
    bench->scenario.target.link_gbs = 100000;
    bench->scenario.target.window = 1;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    const cbit_run_round_t *round = &result->migrations[0].rounds[0];
    ck_assert_uint_eq(round->bytes, round->shared_pages * 4112);
    uint64_t each_us = round->span_ps / round->shared_pages / 1000000;
    ck_assert_uint_ge(each_us, 61); /* and 20 us of way, as one packet is on it at a time */
    ck_assert_uint_le(each_us, 66);
    bench_destroy(bench);
}
END_TEST

typedef struct misdeed {
    uint32_t tamper;
    const char *outcome, *command, *status;
    int32_t code;
    uint64_t pages_wrong;
} misdeed_t;

static const misdeed_t misdeeds[] = {
    {CBIT_TAMPER_MISSED_NOTICE, "garbage", "", "", 0, 1},
    {CBIT_TAMPER_CHANGED_PACKET, "refused", "RECEIVE_UPDATE_DATA", "BAD_MEASUREMENT", 0x0b, 0},
    {CBIT_TAMPER_REPLAYED_PACKET, "stale", "", "", 0, 1},
    {CBIT_TAMPER_SWAPPED_PACKETS, "garbage", "", "", 0, 2},
    {CBIT_TAMPER_CHANGED_CERTIFICATE, "refused", "SEND_START", "INVALID_CERTIFICATE", 0x06, 0},
    {CBIT_TAMPER_OTHER_CERTIFICATE, "refused", "RECEIVE_START", "BAD_MEASUREMENT", 0x0b, 0},
};
enum { MISDEEDS = sizeof misdeeds / sizeof misdeeds[0] };

START_TEST(tampering_is_refused_or_seen)
{
    const misdeed_t *misdeed = &misdeeds[_i];
    bench_t *bench = make(CBIT_PROTECTION_SEV, 6000, 80000);
    bench->events[0].tamper = misdeed->tamper;
    bench->events[0].rounds = 2;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result); /* what it has lost the guest counts as corrupted, not as a bug */
    const cbit_run_migration_t *migration = &result->migrations[0];
    ck_assert_str_eq(migration->outcome, misdeed->outcome);
    ck_assert_str_eq(migration->command, misdeed->command);
    ck_assert_str_eq(migration->status, misdeed->status);
    ck_assert_int_eq(result->events[0].exit_code, misdeed->code);
    ck_assert_uint_eq(migration->pages_wrong, misdeed->pages_wrong);
    /* Refused: it goes on where it was, with all that it had. */
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    ck_assert(result->guests[0].secret_ok);
    if (misdeed->pages_wrong == 0) {
        ck_assert_uint_eq(result->guests[0].loads_corrupted, 0);
    }
    bench_destroy(bench);
}
END_TEST

/* A private page that the hypervisor takes for shared: what arrives is ciphertext under a key that
   has stayed behind, and the guest reads it. */
START_TEST(a_missed_notice_costs_the_guest_that_page)
{
    bench_t *bench = make(CBIT_PROTECTION_SEV, 6000, 80000);
    bench->events[0].tamper = CBIT_TAMPER_MISSED_NOTICE;
    const cbit_run_result_t *result = bench_run(bench);
    ck_assert_uint_gt(result->guests[0].loads_corrupted, 0);
    ck_assert_uint_eq(result->events[0].changed_blocks, 256);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_policy_refuses_the_first_command)
{
    bench_t *bench = make(CBIT_PROTECTION_SEV, 200, 100000);
    bench->guests[0].policy = (cbit_guest_policy_t){.nosend = _i == 0, .domain = _i == 1};
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_str_eq(result->events[0].outcome, "refused");
    ck_assert_str_eq(result->migrations[0].command, "SEND_START");
    ck_assert_str_eq(result->migrations[0].status, "POLICY_FAILURE");
    ck_assert_uint_eq(result->migrations[0].bytes, 0);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_program_that_ends_first_ends_the_migration)
{
    bench_t *bench = make(CBIT_PROTECTION_SEV, 200 + 60 * (uint32_t)_i, 200000);
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_str_eq(result->events[0].outcome, "ended");
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    bench_destroy(bench);
}
END_TEST

/* Rings and bounce buffer travel, and devices go on where they were. */
START_TEST(devices_go_on_there)
{
    static const uint32_t devices[] = {CBIT_GUEST_DEVICE_REAL, CBIT_GUEST_DEVICE_VIRTIO_BLK,
                                       CBIT_GUEST_DEVICE_VIRTIO_NET};
    bench_t *bench = make(CBIT_PROTECTION_SEV, 1200, 400000);
    bench->guests[0].io = (cbit_guest_io_load_t){.every_instructions = 4000000,
                                                 .bytes = 4096,
                                                 .pages = CBIT_GUEST_IO_BOUNCED,
                                                 .read_fraction = 500000,
                                                 .device = devices[_i],
                                                 .depth = 4,
                                                 .access_platform = true};
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_str_eq(result->migrations[0].outcome, "ok");
    ck_assert_uint_eq(result->migrations[0].pages_wrong, 0);
    /* 1200 accesses of 400 000 instructions, a transfer for each 4 million of them. */
    ck_assert_uint_ge(result->guests[0].io_requests, 118);
    ck_assert_uint_eq(result->guests[0].io_failed, 0);
    ck_assert_uint_eq(result->guests[0].device_errors, 0);
    bench_destroy(bench);
}
END_TEST

/* What is told while pages are on their way counts as well. */
START_TEST(a_page_that_changes_sides_on_the_way_arrives)
{
    bench_t *bench = make_calm();
    for (uint32_t i = 0; i < 4; i++) {
        cbit_scenario_event_t *event =
            bench_add_event(bench, CBIT_EVENT_CONVERT_PAGE, 0, CBIT_WHEN_TIME);
        event->at_us = UINT64_C(170000000000) + i * UINT64_C(5000000000);
        event->flush = true;
    }
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_str_eq(result->migrations[0].outcome, "ok");
    ck_assert_str_eq(result->events[1].outcome, "garbage"); /* as it should be */
    ck_assert_uint_ge(result->guests[0].notices, 3);
    bench_destroy(bench);
}
END_TEST

START_TEST(two_guests_migrate_beside_a_third)
{
    bench_t *bench = make(CBIT_PROTECTION_SEV, 1600, 400000);
    for (uint32_t i = 1; i < 3; i++) {
        bench_add_guest(bench, i == 1 ? "b" : "c", 0);
        bench->guests[i].memory = UINT64_C(16) << 20;
        bench->guests[i].traffic = bench->guests[0].traffic;
    }
    bench_add_event(bench, CBIT_EVENT_MIGRATE, 2, CBIT_WHEN_PAGED)->rounds = 2;
    bench_add_guest(bench, "after", 0)->after_guest = 0; /* the first one's end, over there */
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_uint_eq(result->migration_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_str_eq(result->migrations[i].outcome, "ok");
        ck_assert_uint_eq(result->migrations[i].pages_wrong, 0);
    }
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(result->guests[i].end, CBIT_GUEST_FINISHED);
    }
    bench_destroy(bench);
}
END_TEST

/* What was to happen later is not done to whom it was not meant for, and the result says so. */
START_TEST(events_behind_a_migration_are_named)
{
    bench_t *bench = make_calm();
    cbit_scenario_event_t *late =
        bench_add_event(bench, CBIT_EVENT_FLIP_CIPHERTEXT, 0, CBIT_WHEN_TIME);
    cbit_scenario_event_t *never =
        bench_add_event(bench, CBIT_EVENT_FLIP_CIPHERTEXT, 0, CBIT_WHEN_TIME);
    cbit_scenario_event_t *elsewhere =
        bench_add_event(bench, CBIT_EVENT_FLIP_CIPHERTEXT, 0, CBIT_WHEN_PAGED);
    const cbit_ps_t ps_per_ms = UINT64_C(1000000000);
    late->at_us = 205 * ps_per_ms; /* the guest runs from 158 on and is there at 193 */
    never->at_us = 5000 * ps_per_ms;
    elsewhere->engines_mask = 1U << CBIT_ENGINE_RTL;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_str_eq(result->events[0].outcome, "ok");
    for (uint32_t i = 1; i < 4; i++) {
        ck_assert(result->events[i].skipped);
    }
    ck_assert_str_eq(result->events[1].reason, "migrated");
    ck_assert_str_eq(result->events[2].reason, "migrated");
    ck_assert_str_eq(result->events[3].reason, "engine");
    bench_destroy(bench);
}
END_TEST

START_TEST(baselines_stay_at_home)
{
    bench_t *bench = make_calm();
    cbit_ps_t moved_ps = bench_run(bench)->guests[0].run_ps;
    bench->options.baseline = CBIT_BASELINE_LAWFUL;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_uint_eq(result->migration_count, 0);
    ck_assert(result->events[0].skipped);
    ck_assert_uint_lt(result->guests[0].run_ps, moved_ps);
    bench_destroy(bench);
}
END_TEST

START_TEST(the_same_run_is_the_same)
{
    bench_t *bench = make_calm();
    const cbit_run_result_t *result = bench_run(bench);
    cbit_ps_t time_ps = result->time_ps, downtime_ps = result->migrations[0].downtime_ps;
    result = bench_run(bench);
    ck_assert_uint_eq(result->time_ps, time_ps);
    ck_assert_uint_eq(result->migrations[0].downtime_ps, downtime_ps);
    bench_destroy(bench);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("migration");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, a_guest_goes_on_there_as_it_was, 0, KINDS_OF_GUESTS);
    tcase_add_test(all, rounds_become_shorter_until_few_pages_are_dirty);
    tcase_add_test(all, who_writes_too_much_is_stopped_for_longer);
    tcase_add_test(all, private_pages_take_the_time_of_the_secure_processors);
    tcase_add_test(all, pages_in_clear_take_the_time_of_the_link);
    tcase_add_loop_test(all, tampering_is_refused_or_seen, 0, MISDEEDS);
    tcase_add_test(all, a_missed_notice_costs_the_guest_that_page);
    tcase_add_loop_test(all, a_policy_refuses_the_first_command, 0, 2);
    tcase_add_loop_test(all, a_program_that_ends_first_ends_the_migration, 0, 4);
    tcase_add_loop_test(all, devices_go_on_there, 0, 3);
    tcase_add_test(all, a_page_that_changes_sides_on_the_way_arrives);
    tcase_add_test(all, two_guests_migrate_beside_a_third);
    tcase_add_test(all, events_behind_a_migration_are_named);
    tcase_add_test(all, baselines_stay_at_home);
    tcase_add_test(all, the_same_run_is_the_same);
    suite_add_tcase(suite, all);
    return suite;
}
