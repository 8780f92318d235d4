/* The pieces that the hypervisor is made of, each on its own. */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit_test.h"
#include "tests/unit/test_hypervisor_launch.h"
#include "workloads/hypervisor/frames.h"
#include "workloads/hypervisor/nested.h"
#include "workloads/hypervisor/task.h"
#include "workloads/hypervisor/transfer.h"

/* ---- tasks ---- */

typedef struct script {
    cbit_hv_task_t task;
    char log[32];
    uint32_t rounds;
    bool answer_at_once;
} script_t;

static void note(script_t *script, char c)
{
    size_t len = strlen(script->log);
    ck_assert_uint_lt(len, sizeof script->log - 1);
    script->log[len] = c;
    script->log[len + 1] = '\0';
}

static cbit_hv_step_t step_next(void *self)
{
    note(self, 'n');
    return CBIT_HV_NEXT;
}

static cbit_hv_step_t step_wait(void *self)
{
    script_t *script = self;
    note(script, 'w');
    if (script->answer_at_once) {
        cbit_hv_task_resume(&script->task);
    }
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t step_three_times(void *self)
{
    script_t *script = self;
    note(script, 'r');
    return ++script->rounds < 3 ? CBIT_HV_AGAIN : CBIT_HV_NEXT;
}

static cbit_hv_step_t step_stop(void *self)
{
    note(self, 's');
    return CBIT_HV_STOP;
}

static void log_done(void *self)
{
    note(self, 'd');
}

START_TEST(a_task_goes_on_where_it_waited)
{
    static const cbit_hv_step_fn steps[] = {step_next, step_wait, step_next, NULL};
    script_t script = {0};
    cbit_hv_task_start(&script.task, steps, &script, log_done, &script);
    ck_assert_str_eq(script.log, "nw");
    ck_assert(!cbit_hv_task_idle(&script.task));
    cbit_hv_task_resume(&script.task);
    ck_assert_str_eq(script.log, "nwnd");
    ck_assert(cbit_hv_task_idle(&script.task));
}
END_TEST

START_TEST(an_answer_inside_the_step_is_not_lost)
{
    static const cbit_hv_step_fn steps[] = {step_wait, step_wait, step_next, NULL};
    script_t script = {.answer_at_once = true};
    cbit_hv_task_start(&script.task, steps, &script, log_done, &script);
    ck_assert_str_eq(script.log, "wwnd");
}
END_TEST

START_TEST(again_repeats_its_step_once_per_answer)
{
    static const cbit_hv_step_fn steps[] = {step_three_times, step_next, NULL};
    script_t script = {0};
    cbit_hv_task_start(&script.task, steps, &script, log_done, &script);
    ck_assert_str_eq(script.log, "r");
    cbit_hv_task_resume(&script.task);
    ck_assert_str_eq(script.log, "rr");
    cbit_hv_task_resume(&script.task);
    ck_assert_str_eq(script.log, "rrrnd");
}
END_TEST

START_TEST(stop_leaves_the_rest_out)
{
    static const cbit_hv_step_fn steps[] = {step_next, step_stop, step_next, NULL};
    script_t script = {0};
    cbit_hv_task_start(&script.task, steps, &script, log_done, &script);
    ck_assert_str_eq(script.log, "nsd");
    cbit_hv_task_resume(&script.task); /* a late answer finds nobody */
    ck_assert_str_eq(script.log, "nsd");
}
END_TEST

/* ---- transfers ---- */

enum { MEMORY_BYTES = 4096, TARGET_ROOM = 3 };

/* A target with room for three requests that answers 1000 ps later. */
typedef struct target {
    cbit_kernel_t *kernel;
    uint8_t memory[MEMORY_BYTES];
    cbit_txn_t *held[TARGET_ROOM];
    uint32_t count, most, requests;
    cbit_waitlist_t waiters;
    cbit_event_t answer;
    cbit_spa_t fail_at; /* a request there gets ADDRESS */
} target_t;

static void target_answer(void *self)
{
    target_t *target = self;
    cbit_txn_t *txn = target->held[0];
    target->count--;
    memmove(target->held, target->held + 1, target->count * sizeof *target->held);
    if (txn->command == CBIT_COMMAND_READ) {
        memcpy(txn->data, target->memory + txn->spa, txn->size_bytes);
    } else {
        memcpy(target->memory + txn->spa, txn->data, txn->size_bytes);
    }
    if (txn->spa == target->fail_at) {
        txn->status = CBIT_ERR_ADDRESS;
    }
    cbit_txn_reply(txn);
    (void)cbit_waitlist_wake_one(&target->waiters);
    if (target->count > 0) {
        cbit_event_notify_at(target->kernel, &target->answer,
                             cbit_kernel_now_ps(target->kernel) + 1000);
    }
}

static bool target_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    target_t *target = self;
    ck_assert_uint_eq(txn->spa / CBIT_LINE_BYTES,
                      (txn->spa + txn->size_bytes - 1) / CBIT_LINE_BYTES);
    if (target->count == TARGET_ROOM) {
        cbit_waitlist_add(&target->waiters, waiter);
        return false;
    }
    target->held[target->count++] = txn;
    target->requests++;
    target->most = target->count > target->most ? target->count : target->most;
    if (!cbit_event_pending(&target->answer)) {
        cbit_event_notify_at(target->kernel, &target->answer,
                             cbit_kernel_now_ps(target->kernel) + 1000);
    }
    return true;
}

static void count_done(void *self)
{
    ++*(uint32_t *)self;
}

static target_t *target_create(void)
{
    target_t *target = calloc(1, sizeof *target);
    target->kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    target->fail_at = UINT64_MAX;
    cbit_event_init(&target->answer, target_answer, target);
    return target;
}

static void target_destroy(target_t *target)
{
    cbit_kernel_destroy(target->kernel);
    free(target);
}

static cbit_port_t target_port(target_t *target)
{
    return (cbit_port_t){.self = target, .try_send = target_send};
}

START_TEST(a_transfer_moves_unaligned_runs_through_a_full_target)
{
    target_t *target = target_create();
    uint8_t out[1000], in[1000];
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 0);
    cbit_rng_bytes(&rng, out, sizeof out);
    cbit_hv_transfer_t *transfer = calloc(1, sizeof *transfer);
    cbit_hv_transfer_init(transfer, target->kernel, target_port(target), CBIT_SOURCE_HOST, 0);
    uint32_t done = 0;
    cbit_hv_transfer_start(transfer, CBIT_COMMAND_WRITE, 61, 7, out, sizeof out, count_done, &done);
    (void)cbit_kernel_run(target->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 1);
    ck_assert_mem_eq(target->memory + 61, out, sizeof out);
    ck_assert_uint_eq(target->memory[60], 0);
    ck_assert_uint_eq(target->memory[1061], 0);
    /* [61, 1061): 3 bytes of line 0, lines 1..15 whole, 37 bytes of line 16. */
    ck_assert_uint_eq(target->requests, 17);
    ck_assert_uint_eq(target->most, TARGET_ROOM);
    cbit_hv_transfer_start(transfer, CBIT_COMMAND_READ, 61, 7, in, sizeof in, count_done, &done);
    (void)cbit_kernel_run(target->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 2);
    ck_assert_mem_eq(in, out, sizeof out);
    ck_assert_int_eq(transfer->err, CBIT_ERR_OK);
    free(transfer);
    target_destroy(target);
}
END_TEST

START_TEST(a_transfer_tells_about_a_failed_line)
{
    target_t *target = target_create();
    uint8_t bytes[256] = {0};
    target->fail_at = 128;
    cbit_hv_transfer_t *transfer = calloc(1, sizeof *transfer);
    cbit_hv_transfer_init(transfer, target->kernel, target_port(target), CBIT_SOURCE_DMA, 3);
    uint32_t done = 0;
    cbit_hv_transfer_start(transfer, CBIT_COMMAND_READ, 0, 0, bytes, sizeof bytes, count_done,
                           &done);
    (void)cbit_kernel_run(target->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 1);
    ck_assert_int_eq(transfer->err, CBIT_ERR_ADDRESS);
    free(transfer);
    target_destroy(target);
}
END_TEST

START_TEST(an_empty_transfer_is_done_at_once)
{
    target_t *target = target_create();
    cbit_hv_transfer_t *transfer = calloc(1, sizeof *transfer);
    cbit_hv_transfer_init(transfer, target->kernel, target_port(target), CBIT_SOURCE_HOST, 0);
    uint32_t done = 0;
    cbit_hv_transfer_start(transfer, CBIT_COMMAND_WRITE, 0, 0, NULL, 0, count_done, &done);
    ck_assert_uint_eq(done, 1);
    free(transfer);
    target_destroy(target);
}
END_TEST

/* ---- frames ---- */

START_TEST(retired_frames_come_back_only_behind_a_flush)
{
    cbit_hv_frames_t frames;
    cbit_spa_t a, b, c;
    cbit_hv_frames_init(&frames, 0x10000, 0x12000); /* two frames */
    ck_assert(cbit_hv_frames_take(&frames, &a));
    ck_assert(cbit_hv_frames_take(&frames, &b));
    ck_assert_uint_eq(a, 0x10000);
    ck_assert_uint_eq(b, 0x11000);
    ck_assert_int_eq(cbit_hv_frames_retire(&frames, a), CBIT_ERR_OK);
    ck_assert(!cbit_hv_frames_take(&frames, &c));
    ck_assert_int_eq(cbit_hv_frames_flushed(&frames), CBIT_ERR_OK);
    ck_assert(cbit_hv_frames_take(&frames, &c));
    ck_assert_uint_eq(c, a);
    cbit_hv_frames_clear(&frames);
}
END_TEST

START_TEST(a_run_of_frames_is_rounded_up_and_never_passes_the_end)
{
    cbit_hv_frames_t frames;
    cbit_spa_t spa;
    cbit_hv_frames_init(&frames, 0, 0x4000); /* four frames */
    ck_assert(cbit_hv_frames_take_run(&frames, 0x1001, &spa));
    ck_assert_uint_eq(frames.next, 0x2000);
    ck_assert(!cbit_hv_frames_take_run(&frames, 0x2001, &spa));
    ck_assert(!cbit_hv_frames_take_run(&frames, 0, &spa));
    ck_assert(cbit_hv_frames_take_run(&frames, 0x2000, &spa));
    ck_assert_uint_eq(spa, 0x2000);
    cbit_hv_frames_clear(&frames);
}
END_TEST

/* ---- nested tables ---- */

#define C_BIT (1ull << 47)

/* Walks the bytes that were handed out, as the hardware would. */
typedef struct host_memory {
    uint8_t bytes[0x20000];
    uint32_t lines;
} host_memory_t;

static void write_out(cbit_hv_nested_t *nested, host_memory_t *memory)
{
    cbit_spa_t spa;
    uint8_t line[CBIT_LINE_BYTES];
    while (cbit_hv_nested_next_dirty(nested, &spa, line)) {
        ck_assert_uint_le(spa + sizeof line, sizeof memory->bytes);
        memcpy(memory->bytes + spa, line, sizeof line);
        memory->lines++;
    }
}

static uint64_t entry_in(const host_memory_t *memory, uint64_t parent, uint64_t gpa, uint32_t shift)
{
    uint64_t table = parent & 0x00007ffffffff000ull; /* bits 46:12, C-bit off */
    uint64_t entry = 0;
    for (uint32_t i = 0; i < 8; i++) {
        entry |= (uint64_t)memory->bytes[table + ((gpa >> shift) & 511) * 8 + i] << (8 * i);
    }
    return entry;
}

static uint64_t walk_leaf(const host_memory_t *memory, uint64_t root, uint64_t gpa)
{
    for (uint32_t shift = 39; shift >= 12; shift -= 9) {
        root = entry_in(memory, root, gpa, shift);
        if ((root & 7) != 7) { /* present, writable, user */
            return 0;
        }
        ck_assert_msg((root & C_BIT) != 0, "an entry of an SME host without C-bit");
    }
    return root;
}

START_TEST(nested_tables_are_what_the_hardware_walks)
{
    cbit_hv_frames_t frames;
    cbit_hv_nested_t nested;
    host_memory_t *memory = calloc(1, sizeof *memory);
    memset(memory->bytes, 0xa5, sizeof memory->bytes); /* memory of unknown content */
    cbit_hv_frames_init(&frames, 0x1000, 0x20000);
    ck_assert_int_eq(cbit_hv_nested_init(&nested, &frames, C_BIT), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_hv_nested_map(&nested, 0x0, 0x123456000), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_hv_nested_map(&nested, 0x40201000, 0x7000), CBIT_ERR_OK);
    write_out(&nested, memory);
    /* 64 lines of each table: the root and the table below it are shared (both addresses are
       under 512 GiB), then each page has its own two (they are 1 GiB apart): 1 + 1 + 2 + 2. */
    ck_assert_uint_eq(memory->lines, 6 * 64);
    uint64_t root = cbit_hv_nested_root(&nested);
    ck_assert_uint_eq(root, 0x1000 | C_BIT);
    ck_assert_uint_eq(walk_leaf(memory, root, 0x0), 0x123456000ull | C_BIT | 0x67);
    ck_assert_uint_eq(walk_leaf(memory, root, 0x40201000), 0x7000ull | C_BIT | 0x67);
    ck_assert_uint_eq(walk_leaf(memory, root, 0x1000), 0);

    cbit_spa_t spa;
    ck_assert(cbit_hv_nested_lookup(&nested, 0x40201abc, &spa));
    ck_assert_uint_eq(spa, 0x7abc);
    ck_assert(!cbit_hv_nested_lookup(&nested, 0x1000, &spa));

    memory->lines = 0;
    ck_assert(cbit_hv_nested_unmap(&nested, 0x40201000));
    ck_assert(!cbit_hv_nested_unmap(&nested, 0x40201000));
    ck_assert(!cbit_hv_nested_lookup(&nested, 0x40201000, &spa));
    write_out(&nested, memory);
    ck_assert_uint_eq(memory->lines, 1);
    ck_assert_uint_eq(walk_leaf(memory, root, 0x40201000), 0);
    cbit_hv_nested_clear(&nested);
    ck_assert_uint_eq(frames.free.count, 6);
    cbit_hv_frames_clear(&frames);
    free(memory);
}
END_TEST

START_TEST(nested_tables_fail_when_memory_is_used_up)
{
    cbit_hv_frames_t frames;
    cbit_hv_nested_t nested;
    cbit_hv_frames_init(&frames, 0x1000, 0x4000); /* three frames; one guest page needs four */
    ck_assert_int_eq(cbit_hv_nested_init(&nested, &frames, 0), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_hv_nested_map(&nested, 0, 0x9000), CBIT_ERR_NO_MEMORY);
    cbit_hv_nested_clear(&nested);
    cbit_hv_frames_clear(&frames);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("hypervisor_parts");
    TCase *task = tcase_create("task");
    tcase_add_test(task, a_task_goes_on_where_it_waited);
    tcase_add_test(task, an_answer_inside_the_step_is_not_lost);
    tcase_add_test(task, again_repeats_its_step_once_per_answer);
    tcase_add_test(task, stop_leaves_the_rest_out);
    suite_add_tcase(suite, task);
    TCase *transfer = tcase_create("transfer");
    tcase_add_test(transfer, a_transfer_moves_unaligned_runs_through_a_full_target);
    tcase_add_test(transfer, a_transfer_tells_about_a_failed_line);
    tcase_add_test(transfer, an_empty_transfer_is_done_at_once);
    suite_add_tcase(suite, transfer);
    TCase *frames = tcase_create("frames");
    tcase_add_test(frames, retired_frames_come_back_only_behind_a_flush);
    tcase_add_test(frames, a_run_of_frames_is_rounded_up_and_never_passes_the_end);
    suite_add_tcase(suite, frames);
    TCase *nested = tcase_create("nested");
    tcase_add_test(nested, nested_tables_are_what_the_hardware_walks);
    tcase_add_test(nested, nested_tables_fail_when_memory_is_used_up);
    suite_add_tcase(suite, nested);
    cbit_test_add_launch(suite);
    return suite;
}
