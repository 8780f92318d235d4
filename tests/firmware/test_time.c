/* Time of commands: what it depends on, and what it must not depend on. */
#include <stdlib.h>
#include <string.h>

#include "cbit_test.h"
#include "tests/firmware/machine.h"

enum { COMMANDS = 12 };

typedef struct run {
    cbit_ps_t answered_ps[COMMANDS];
    cbit_sp_stats_t stats;
    uint8_t key[16], measurement[48];
} run_t;

static run_t launch_with(uint32_t slice_instructions, bool interrupt, bool per_channel)
{
    run_t run = {0};
    machine_options_t options;
    machine_options_default(&options);
    options.sp.slice_instructions = slice_instructions;
    options.driver.interrupt = interrupt;
    options.sp.per_channel_keys = per_channel;
    machine_t *machine = machine_create(&options);
    uint32_t n = 0, length = 48;
    run.answered_ps[n++] = cbit_kernel_now_ps(machine->kernel);
    machine_init(machine, 0);
    run.answered_ps[n++] = cbit_kernel_now_ps(machine->kernel);
    uint32_t handle = machine_launch(machine, 0);
    run.answered_ps[n++] = cbit_kernel_now_ps(machine->kernel);
    ck_assert_uint_eq(machine_activate(machine, handle, 9), 0);
    run.answered_ps[n++] = cbit_kernel_now_ps(machine->kernel);
    memset(machine->memory + 0x200000, 0x5a, 0x3010);
    ck_assert_uint_eq(machine_update(machine, handle, 0x200010, 0x3000), 0);
    run.answered_ps[n++] = cbit_kernel_now_ps(machine->kernel);
    ck_assert_uint_eq(machine_measure(machine, handle, 0x300000, &length), 0);
    run.answered_ps[n++] = cbit_kernel_now_ps(machine->kernel);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle), 0);
    run.answered_ps[n++] = cbit_kernel_now_ps(machine->kernel);
    cbit_sp_stats(machine->sp, &run.stats);
    memcpy(run.key, machine->keys[1][9], 16);
    memcpy(run.measurement, machine->memory + 0x300000, 48);
    machine_destroy(machine);
    return run;
}

START_TEST(the_length_of_a_slice_never_changes_a_result)
{
    for (int interrupt = 0; interrupt < 2; interrupt++) {
        for (int per_channel = 0; per_channel < 2; per_channel++) {
            run_t one = launch_with(1, interrupt, per_channel);
            run_t hundred = launch_with(100, interrupt, per_channel);
            run_t many = launch_with(10000, interrupt, per_channel);
            ck_assert_mem_eq(one.answered_ps, hundred.answered_ps, sizeof one.answered_ps);
            ck_assert_mem_eq(one.answered_ps, many.answered_ps, sizeof one.answered_ps);
            ck_assert_mem_eq(&one.stats.busy_ps, &many.stats.busy_ps, 8);
            ck_assert_uint_eq(one.stats.key_writes, many.stats.key_writes);
            ck_assert_mem_eq(one.measurement, many.measurement, 48);
            ck_assert_mem_eq(one.key, many.key, 16);
        }
    }
}
END_TEST

/* 3 host slots at boot, 3 for ACTIVATE; 0x3000 bytes in and out, 48 of the measurement, and the
   command buffers of INIT 0x14, LAUNCH_START 2 x 0x24, ACTIVATE 8, UPDATE 0x14, MEASURE 2 x 0x14,
   FINISH 4: 24576 + 48 + 20 + 72 + 8 + 20 + 40 + 4 = 24788. */
START_TEST(what_the_sp_did_is_counted)
{
    run_t run = launch_with(10000, true, false);
    ck_assert_uint_eq(run.stats.key_writes, 6);
    ck_assert_uint_eq(run.stats.dma_bytes, 24788);
    ck_assert_uint_eq(run.stats.commands, 7);
}
END_TEST

/* Cost of a page beyond the first: hash of 64 blocks at 65 clocks of 2.5 ns = 10.4 us; the DMA in
   front of it at least 64 lines, 16 at a time, 80 ns each = 320 ns. Everything else is drivers. */
START_TEST(hashing_rules_the_time_of_a_launch_update)
{
    cbit_ps_t span[2];
    for (uint32_t pages = 1; pages <= 2; pages++) {
        machine_t *machine = machine_create(NULL);
        machine_init(machine, 0);
        uint32_t handle = machine_launch(machine, 0);
        machine_activate(machine, handle, 9);
        cbit_ps_t before = cbit_kernel_now_ps(machine->kernel);
        ck_assert_uint_eq(machine_update(machine, handle, 0x200000, pages * 4096), 0);
        span[pages - 1] = cbit_kernel_now_ps(machine->kernel) - before;
        machine_destroy(machine);
    }
    cbit_ps_t page_ps = span[1] - span[0];
    ck_assert_uint_ge(page_ps, 10400000 + 320000);
    ck_assert_uint_le(page_ps, 10400000 + 320000 + 1500000);
}
END_TEST

START_TEST(the_dma_has_as_many_lines_under_way_as_it_may)
{
    static const uint32_t permitted[] = {1, 4, 32};
    for (int i = 0; i < 3; i++) {
        machine_options_t options;
        machine_options_default(&options);
        options.sp.dma_outstanding = permitted[i];
        machine_t *machine = machine_create(&options);
        machine_init(machine, 0);
        uint32_t handle = machine_launch(machine, 0);
        machine_activate(machine, handle, 9);
        ck_assert_uint_eq(machine_update(machine, handle, 0x200000, 4096), 0);
        ck_assert_uint_eq(machine->most_under_way, permitted[i]);
        machine_destroy(machine);
    }
}
END_TEST

START_TEST(polling_and_interrupts_give_the_same_answers_at_different_times)
{
    run_t polled = launch_with(10000, false, false), interrupted = launch_with(10000, true, false);
    ck_assert_mem_eq(polled.measurement, interrupted.measurement, 48);
    ck_assert_uint_ne(polled.answered_ps[5], interrupted.answered_ps[5]);
}
END_TEST

/* With the fuse, each channel gets KDF(key, "cbit-umc-channel", socket, channel). */
START_TEST(channels_get_keys_of_their_own_where_the_preset_asks)
{
    machine_options_t options;
    machine_options_default(&options);
    machine_t *shared = machine_create(&options);
    options.sp.per_channel_keys = true;
    machine_t *own = machine_create(&options);
    ck_assert_mem_eq(shared->keys[0][0], shared->keys[2][0], 16);
    ck_assert_mem_ne(own->keys[0][0], own->keys[1][0], 16);
    ck_assert_mem_ne(own->keys[1][0], own->keys[2][0], 16);
    ck_assert_mem_ne(own->keys[0][0], shared->keys[0][0], 16);
    machine_destroy(shared);
    machine_destroy(own);
}
END_TEST

START_TEST(another_seed_is_another_key)
{
    machine_options_t options;
    machine_options_default(&options);
    machine_t *a = machine_create(&options), *b = machine_create(&options);
    options.seed = 2;
    machine_t *c = machine_create(&options);
    ck_assert_mem_eq(a->keys[0][0], b->keys[0][0], 16);
    ck_assert_mem_ne(a->keys[0][0], c->keys[0][0], 16);
    machine_destroy(a);
    machine_destroy(b);
    machine_destroy(c);
}
END_TEST

static void count_done(void *self, cbit_spdriver_request_t *request)
{
    (void)request;
    ++*(uint32_t *)self;
}

START_TEST(commands_queue_in_the_order_of_submission)
{
    machine_t *machine = machine_create(NULL);
    uint32_t done = 0;
    cbit_spdriver_request_t requests[3];
    for (int i = 0; i < 3; i++) {
        requests[i] =
            (cbit_spdriver_request_t){.command = SEV_CMD_NOP, .done = count_done, .self = &done};
        cbit_spdriver_submit(machine->driver, &requests[i]);
    }
    ck_assert_uint_eq(done, 0);
    ck_assert(!cbit_spdriver_idle(machine->driver));
    cbit_kernel_run(machine->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 3);
    ck_assert(cbit_spdriver_idle(machine->driver));
    ck_assert_uint_lt(requests[0].done_ps, requests[1].rung_ps);
    ck_assert_uint_lt(requests[1].done_ps, requests[2].rung_ps);
    machine_destroy(machine);
}
END_TEST

/* The time-out is shorter than the one command: the SP is given up, as Linux does. */
START_TEST(a_silent_sp_is_given_up_after_the_timeout)
{
    machine_options_t options;
    machine_options_default(&options);
    options.driver.timeout_ns = 1000;
    machine_t *machine = machine_create(&options);
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_NOP, NULL, 0), CBIT_SPDRIVER_NO_ANSWER);
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_NOP, NULL, 0), CBIT_SPDRIVER_NO_ANSWER);
    machine_destroy(machine);
}
END_TEST

START_TEST(a_second_doorbell_before_the_answer_changes_nothing)
{
    machine_t *machine = machine_create(NULL);
    cbit_sp_mmio_write(machine->sp, SEV_MAILBOX_V2_CMDRESP, SEV_CMD_NOP << SEV_CMDRESP_ID_SHIFT);
    cbit_sp_mmio_write(machine->sp, SEV_MAILBOX_V2_CMDRESP, 0x7ff << SEV_CMDRESP_ID_SHIFT);
    cbit_kernel_run(machine->kernel, cbit_kernel_now_ps(machine->kernel) + 100000000);
    ck_assert_uint_eq(cbit_sp_mmio_read(machine->sp, SEV_MAILBOX_V2_CMDRESP),
                      0x80000000u | SEV_CMD_NOP << 16);
    machine_destroy(machine);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("time");
    TCase *tcase = tcase_create("slices");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, the_length_of_a_slice_never_changes_a_result);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("costs");
    tcase_add_test(tcase, what_the_sp_did_is_counted);
    tcase_add_test(tcase, hashing_rules_the_time_of_a_launch_update);
    tcase_add_test(tcase, the_dma_has_as_many_lines_under_way_as_it_may);
    tcase_add_test(tcase, channels_get_keys_of_their_own_where_the_preset_asks);
    tcase_add_test(tcase, another_seed_is_another_key);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("mailbox");
    tcase_add_test(tcase, polling_and_interrupts_give_the_same_answers_at_different_times);
    tcase_add_test(tcase, commands_queue_in_the_order_of_submission);
    tcase_add_test(tcase, a_silent_sp_is_given_up_after_the_timeout);
    tcase_add_test(tcase, a_second_doorbell_before_the_answer_changes_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
