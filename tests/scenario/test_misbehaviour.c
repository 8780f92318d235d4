/* What a hypervisor can do to a guest against the rules, and what comes of it on this machine. */
#include <string.h>

#include "cbit_test.h"
#include "tests/scenario/hypervisor_bench.h"

static void expect_unharmed(const bench_t *bench)
{
    for (uint32_t i = 0; i < bench->result->guest_count; i++) {
        ck_assert_uint_eq(bench->result->guests[i].end, CBIT_GUEST_FINISHED);
    }
    bench_expect_clean(bench->result);
}

/* One guest, one event under paging. */
static bench_t *with_event(uint32_t kind)
{
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1);
    bench_add_event(bench, kind, 0, CBIT_WHEN_PAGED);
    return bench;
}

static const cbit_run_event_t *first_event(const bench_t *bench)
{
    ck_assert(!bench->result->events[0].skipped);
    return &bench->result->events[0];
}

START_TEST(another_key_under_the_same_asid_gives_garbage)
{
    bench_t *bench = with_event(CBIT_EVENT_ACTIVATE_OTHER_KEY);
    bench_add_guest(bench, "b", 2);
    (void)bench_run(bench);
    const char *outcome = first_event(bench)->outcome;
    /* Garbage page tables: the walk ends in a nested fault, or in a fault that nobody can take. */
    ck_assert_msg(strcmp(outcome, "npf") == 0 || strcmp(outcome, "shutdown") == 0, "%s", outcome);
    ck_assert_uint_gt(first_event(bench)->blocks, 0);
    ck_assert_uint_eq(first_event(bench)->asid, 1);
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_page_that_is_not_present_shows_when_the_guest_gets_there)
{
    bench_t *bench = with_event(CBIT_EVENT_CLEAR_NESTED_PRESENT);
    const cbit_run_result_t *result = bench_run(bench);
    ck_assert_str_eq(first_event(bench)->outcome, "npf");
    ck_assert_uint_eq(first_event(bench)->info1 & 1, 0); /* P = 0: not present */
    ck_assert_uint_lt(first_event(bench)->info2, bench->guests[0].memory);
    ck_assert_uint_eq(result->guests[0].exits_npf, 0); /* the probe's own does not count */
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_remapped_page_is_not_the_recorded_one)
{
    bench_t *bench = with_event(CBIT_EVENT_REMAP_PAGE);
    (void)bench_run(bench);
    ck_assert_str_ne(first_event(bench)->outcome, "hlt");
    ck_assert_str_ne(first_event(bench)->outcome, "intr");
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

START_TEST(the_host_reads_ciphertext_of_private_and_plaintext_of_shared_pages)
{
    bench_t *bench = with_event(CBIT_EVENT_READ_GUEST_PAGE);
    bench_add_event(bench, CBIT_EVENT_READ_GUEST_PAGE, 0, CBIT_WHEN_PAGED)->pages =
        CBIT_PAGES_SHARED;
    /* A shared page is there once the driver has used its queue. */
    bench_add_event(bench, CBIT_EVENT_DMA_READ, 0, CBIT_WHEN_FIRST_VMRUN)->pages =
        CBIT_PAGES_BOUNCED;
    const cbit_run_result_t *result = bench_run(bench);
    ck_assert_str_eq(result->events[0].outcome, "ciphertext");
    ck_assert_uint_eq(result->events[0].changed_blocks,
                      256); /* all 16-byte blocks of 4 KiB differ */
    ck_assert_str_eq(result->events[1].outcome, "plaintext");
    ck_assert_uint_eq(result->events[1].changed_blocks, 0);
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_flipped_bit_garbles_its_own_block_only)
{
    bench_t *bench = with_event(CBIT_EVENT_FLIP_CIPHERTEXT);
    (void)bench_run(bench);
    ck_assert_str_eq(first_event(bench)->outcome, "garbage");
    ck_assert_uint_eq(first_event(bench)->changed_blocks, 1);
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

START_TEST(without_a_cipher_the_host_flips_what_it_wants)
{
    bench_t *bench = with_event(CBIT_EVENT_FLIP_CIPHERTEXT);
    bench->options.mode = CBIT_ENGINE_OFF;
    bench->options.engines = NULL;
    (void)bench_run(bench);
    ck_assert_str_eq(first_event(bench)->outcome, "plaintext");
    ck_assert_uint_eq(first_event(bench)->changed_blocks, 1);
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

START_TEST(moved_ciphertext_is_garbage_because_of_the_tweak_and_plaintext_without_it)
{
    static const struct {
        uint32_t tweak;
        bool xe;
        const char *outcome;
        uint32_t differences; /* between what the guest sees and what was moved, in 256 blocks */
    } cases[] = {{CBIT_TWEAK_PER_BOOT, false, "garbage", 256},
                 {CBIT_TWEAK_ZERO, false, "plaintext", 1},
                 /* XE: P xor T(from) xor T(to), the same for all blocks of a page. */
                 {CBIT_TWEAK_FIRST_GEN, true, "garbage", 1}};
    for (uint32_t i = 0; i < 3; i++) {
        bench_t *bench = with_event(CBIT_EVENT_MOVE_CIPHERTEXT);
        bench->machine.sev.tweak = cases[i].tweak;
        bench->machine.engine.xe = cases[i].xe;
        (void)bench_run(bench);
        ck_assert_str_eq(first_event(bench)->outcome, cases[i].outcome);
        ck_assert_uint_eq(first_event(bench)->xor_values, cases[i].differences);
        expect_unharmed(bench);
        bench_destroy(bench);
    }
}
END_TEST

START_TEST(a_replayed_page_decrypts_to_what_it_was)
{
    bench_t *bench = with_event(CBIT_EVENT_REPLAY_PAGE);
    bench->events[0].hold_us = 10000000; /* 10 us */
    (void)bench_run(bench);
    ck_assert_str_eq(first_event(bench)->outcome, "stale");
    ck_assert_uint_eq(first_event(bench)->changed_blocks, 0);
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_block_of_the_hosts_choice_is_garbage_and_its_choice_without_a_cipher)
{
    for (uint32_t off = 0; off < 2; off++) {
        bench_t *bench = with_event(CBIT_EVENT_WRITE_CIPHERTEXT);
        bench->options.mode = off ? CBIT_ENGINE_OFF : CBIT_ENGINE_MODEL;
        bench->options.engines = off ? NULL : bench->options.engines;
        (void)bench_run(bench);
        ck_assert_str_eq(first_event(bench)->outcome, off ? "plaintext" : "garbage");
        ck_assert_uint_eq(first_event(bench)->changed_blocks, 1);
        expect_unharmed(bench);
        bench_destroy(bench);
    }
}
END_TEST

/* The second address reaches the place, so what was there can come back; the guest's key is of no
   use at it, unless there is no tweak. */
START_TEST(a_second_address_of_the_dram_replays_but_does_not_decrypt)
{
    for (uint32_t i = 0; i < 3; i++) {
        bench_t *bench = with_event(CBIT_EVENT_ALIAS_DIMM);
        bench->events[0].hold_us = 10000000; /* 10 us */
        bench->events[0].switched = i == 1;
        bench->machine.sev.tweak = i == 2 ? CBIT_TWEAK_ZERO : CBIT_TWEAK_PER_BOOT;
        (void)bench_run(bench);
        ck_assert_str_eq(first_event(bench)->outcome, "stale");
        ck_assert_uint_eq(first_event(bench)->changed_blocks, i == 2 ? 0 : 256);
        ck_assert_uint_ge(first_event(bench)->info1, bench->machine.memory.size_bytes / 2);
        expect_unharmed(bench);
        bench_destroy(bench);
    }
}
END_TEST

/* Where INVD writes back (the fourth generation on) it takes its time, and nothing is lost. */
START_TEST(invd_loses_what_the_guest_has_stored_and_memory_has_not)
{
    const bool writes_back = _i != 0;
    bench_t *bench = with_event(CBIT_EVENT_INVD);
    bench->machine.sev.invd_writes_back = writes_back;
    bench->guests[0].traffic.max_instructions = 100000;
    bench->events[0].when = CBIT_WHEN_TIME;
    bench_t *scout = with_event(CBIT_EVENT_READ_GUEST_PAGE); /* when is the guest half through? */
    scout->guests[0].traffic.max_instructions = 100000;
    const cbit_run_result_t *seen = bench_run(scout);
    bench->events[0].at_us =
        seen->guests[0].first_vmrun_ps + (seen->guests[0].run_ps + seen->guests[0].probe_ps) / 2;
    bench_destroy(scout);
    const cbit_run_result_t *result = bench_run(bench);
    const cbit_run_event_t *event = first_event(bench);
    ck_assert_str_eq(event->outcome, writes_back ? "ok" : "stale");
    ck_assert_uint_gt(event->blocks, 0);
    ck_assert_uint_eq(event->changed_blocks, writes_back ? 0 : event->blocks);
    /* Each block's line has to pass its channel. */
    ck_assert((result->guests[0].probe_ps > event->blocks / 4 * 1000) == writes_back);
    expect_unharmed(bench); /* it was put back */
    bench_destroy(bench);
}
END_TEST

START_TEST(the_bus_carries_ciphertext_and_plaintext_without_a_cipher)
{
    for (uint32_t off = 0; off < 2; off++) {
        bench_t *bench = with_event(CBIT_EVENT_CAPTURE_BUS);
        bench->events[0].for_us = 20000000; /* 20 us */
        bench->events[0].lines = 100;
        bench->options.mode = off ? CBIT_ENGINE_OFF : CBIT_ENGINE_MODEL;
        bench->options.engines = off ? NULL : bench->options.engines;
        (void)bench_run(bench);
        const cbit_run_event_t *event = first_event(bench);
        ck_assert_str_eq(event->outcome, off ? "plaintext" : "ciphertext");
        ck_assert_uint_gt(event->blocks, 0);
        ck_assert_uint_eq(event->lines_count, 100);
        ck_assert_uint_eq(event->info1, 100);
        ck_assert_uint_gt(event->info2, 0); /* more than were kept */
        for (uint64_t i = 0; i < event->lines_count; i++) {
            ck_assert(i == 0 || event->lines[i].at_ps >= event->lines[i - 1].at_ps);
            ck_assert_uint_ge(event->lines[i].at_ps, event->at_ps);
            ck_assert_uint_lt(event->lines[i].spa, bench->machine.memory.size_bytes);
            ck_assert_uint_lt(event->lines[i].channel, bench->machine.fabric.channels);
        }
        expect_unharmed(bench);
        bench_destroy(bench);
    }
}
END_TEST

/* What a TLB still knows of the old page is used, however often the table was changed. */
START_TEST(a_mapping_that_was_changed_without_a_flush_is_not_seen)
{
    bench_t *bench = with_event(CBIT_EVENT_SKIP_TLB_FLUSH);
    (void)bench_run(bench);
    ck_assert_str_eq(first_event(bench)->outcome, "intr");
    ck_assert_uint_gt(first_event(bench)->blocks, 0);
    expect_unharmed(bench);
    bench_destroy(bench);
}
END_TEST

START_TEST(single_steps_tell_pages_and_writes)
{
    for (uint32_t off = 0; off < 2; off++) {
        bench_t *bench = with_event(CBIT_EVENT_STEP);
        bench->events[0].instructions = 1;
        bench->events[0].steps = 50;
        bench->events[0].watch_pages = off == 0;
        (void)bench_run(bench);
        const cbit_run_event_t *event = first_event(bench);
        ck_assert_str_eq(event->outcome, "intr");
        ck_assert_uint_eq(event->info1, 50);
        if (off == 0) {
            ck_assert_uint_gt(event->info2, 50); /* code, at least, of each step */
            ck_assert_uint_gt(event->blocks, 0);
            ck_assert_uint_gt(event->changed_blocks, 0);
        } else {
            ck_assert_uint_eq(event->info2, 0);
        }
        ck_assert_uint_ge(bench->result->guests[0].exits_intr, 50);
        expect_unharmed(bench);
        bench_destroy(bench);
    }
}
END_TEST

/* ---- the launch ---- */

/* The digest says in which order blocks were measured, and not where they lie. */
START_TEST(blocks_in_each_others_place_are_accepted_and_blocks_out_of_order_refused)
{
    for (uint32_t order = 0; order < 2; order++) {
        bench_t *bench = bench_create();
        bench_add_guest(bench, "a", 1);
        bench_add_guest(bench, "b", 2);
        bench_add_event(bench, CBIT_EVENT_PERMUTE_LAUNCH, 0, CBIT_WHEN_LAUNCH)->order = order;
        const cbit_run_result_t *result = bench_run(bench);
        bool kept = order == CBIT_LAUNCH_ORDER_KEPT;
        ck_assert_str_eq(first_event(bench)->outcome, kept ? "ok" : "refused");
        ck_assert(result->guests[0].launch_measurement_ok == kept);
        ck_assert_uint_eq(result->guests[0].end, kept ? CBIT_GUEST_DIED : CBIT_GUEST_REFUSED);
        ck_assert_uint_eq(result->guests[1].end, CBIT_GUEST_FINISHED);
        bench_expect_clean(result);
        bench_destroy(bench);
    }
}
END_TEST

START_TEST(a_changed_bit_of_the_image_makes_the_owner_refuse)
{
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1);
    bench_add_guest(bench, "b", 2);
    bench_add_event(bench, CBIT_EVENT_TAMPER_LAUNCH, 0, CBIT_WHEN_LAUNCH);
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_str_eq(first_event(bench)->outcome, "refused");
    ck_assert(!result->guests[0].launch_measurement_ok);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_REFUSED);
    ck_assert_uint_eq(result->guests[0].vmruns, 0);
    ck_assert(result->guests[1].launch_measurement_ok);
    ck_assert_uint_eq(result->guests[1].end, CBIT_GUEST_FINISHED);
    bench_destroy(bench);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("misbehaviour");
    TCase *keys = tcase_create("keys");
    tcase_set_timeout(keys, 60);
    tcase_add_test(keys, another_key_under_the_same_asid_gives_garbage);
    suite_add_tcase(suite, keys);
    TCase *tables = tcase_create("tables");
    tcase_set_timeout(tables, 60);
    tcase_add_test(tables, a_page_that_is_not_present_shows_when_the_guest_gets_there);
    tcase_add_test(tables, a_remapped_page_is_not_the_recorded_one);
    suite_add_tcase(suite, tables);
    TCase *launch = tcase_create("launch");
    tcase_set_timeout(launch, 60);
    tcase_add_test(launch, a_changed_bit_of_the_image_makes_the_owner_refuse);
    suite_add_tcase(suite, launch);
    TCase *memory = tcase_create("memory");
    tcase_set_timeout(memory, 60);
    tcase_add_test(memory, the_host_reads_ciphertext_of_private_and_plaintext_of_shared_pages);
    tcase_add_test(memory, a_flipped_bit_garbles_its_own_block_only);
    tcase_add_test(memory, without_a_cipher_the_host_flips_what_it_wants);
    tcase_add_test(memory,
                   moved_ciphertext_is_garbage_because_of_the_tweak_and_plaintext_without_it);
    tcase_add_test(memory, a_replayed_page_decrypts_to_what_it_was);
    tcase_add_test(memory, a_block_of_the_hosts_choice_is_garbage_and_its_choice_without_a_cipher);
    tcase_add_test(memory, a_second_address_of_the_dram_replays_but_does_not_decrypt);
    tcase_add_loop_test(memory, invd_loses_what_the_guest_has_stored_and_memory_has_not, 0, 2);
    tcase_add_test(memory, the_bus_carries_ciphertext_and_plaintext_without_a_cipher);
    tcase_add_test(memory, a_mapping_that_was_changed_without_a_flush_is_not_seen);
    tcase_add_test(memory, single_steps_tell_pages_and_writes);
    tcase_add_test(memory,
                   blocks_in_each_others_place_are_accepted_and_blocks_out_of_order_refused);
    suite_add_tcase(suite, memory);
    return suite;
}
