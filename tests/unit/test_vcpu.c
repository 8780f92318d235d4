#include <inttypes.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit_test.h"
#include "tests/support/small_guest.h"

static small_guest_t *guest;
static const uint8_t nops[16] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
                                 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90};

static void setup(void)
{
    guest = small_guest_create(16);
}

static void teardown(void)
{
    ck_assert_uint_eq(guest->memory->stage_errors, 0);
    small_guest_destroy(guest);
}

/* ---- programs ---- */

START_TEST(a_recorded_program_runs_to_its_end)
{
    small_guest_code(guest, 0x1000, nops, 16);
    small_guest_store(guest, 0x2000, 0x1234);
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(guest->exits, 1);
    ck_assert_uint_eq(guest->data_calls, 2);
    uint64_t value;
    memcpy(&value, guest->data[1].bytes, 8);
    ck_assert_uint_eq(value, 0x1234);
    ck_assert_uint_eq(small_guest_get64(guest, 0x2000, SMALL_ASID), 0x1234);
    ck_assert_uint_eq(small_guest_stats(guest).instructions, 1);
    ck_assert_uint_eq(small_guest_stats(guest).fetches, 1);
    ck_assert_uint_eq(small_guest_stats(guest).private_accesses, 3);
    ck_assert_uint_eq(small_guest_stats(guest).shared_accesses, 0);
    ck_assert_uint_eq(guest->exit.rip, 0x1010);
    ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_RIP, 8), 0x1010);
    /* The program is over and is not asked again. */
    uint32_t calls = guest->next_calls;
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(guest->next_calls, calls);
}
END_TEST

START_TEST(shared_pages_are_accessed_under_the_hosts_key)
{
    small_guest_store(guest, SMALL_SHARED, 77);
    small_guest_run(guest);
    ck_assert_uint_eq(small_guest_get64(guest, SMALL_SHARED, CBIT_KEY_HOST), 77);
    ck_assert_uint_eq(small_guest_stats(guest).shared_accesses, 1);
}
END_TEST

START_TEST(nested_entries_without_c_leave_shared_pages_in_clear)
{
    small_guest_set_nested(guest, SMALL_SHARED, (SMALL_BASE + SMALL_SHARED) | 7);
    small_guest_set_nested(guest, 0x2000, (SMALL_BASE + 0x2000) | 7);
    small_guest_store(guest, SMALL_SHARED, 77);
    small_guest_store(guest, 0x2000, 78);
    small_guest_run(guest);
    ck_assert_uint_eq(small_guest_get64(guest, SMALL_SHARED, CBIT_KEY_PLAIN), 77);
    ck_assert_uint_eq(small_guest_get64(guest, 0x2000, SMALL_ASID),
                      78); /* private whatever the nested C */
}
END_TEST

START_TEST(fetches_are_private_even_from_shared_pages)
{
    small_guest_code(guest, SMALL_SHARED, nops, 16); /* put there under the guest's key */
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(guest->data_calls, 1);
}
END_TEST

START_TEST(without_paging_everything_is_private)
{
    small_guest_vmcb(guest, CBIT_VMCB_CR0, CBIT_CR0_PE, 8);
    small_guest_vmcb(guest, CBIT_VMCB_EFER, CBIT_EFER_SVME, 8);
    small_guest_code(guest, 0x1000, nops, 4);
    small_guest_store(guest, SMALL_SHARED, 5);
    small_guest_add(guest, CBIT_OP_WRITE_CR3, 0, 0)->value = SMALL_GUEST_CR3 | SMALL_C;
    small_guest_store(guest, SMALL_SHARED + 8, 6);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(small_guest_get64(guest, SMALL_SHARED, SMALL_ASID), 5);
    ck_assert_uint_eq(small_guest_get64(guest, SMALL_SHARED + 8, CBIT_KEY_HOST), 6);
    ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_CR3, 8), SMALL_GUEST_CR3 | SMALL_C);
    ck_assert(small_guest_vmcb_get(guest, CBIT_VMCB_CR0, 8) & CBIT_CR0_PG);
    ck_assert(small_guest_vmcb_get(guest, CBIT_VMCB_EFER, 8) & CBIT_EFER_LMA);
}
END_TEST

START_TEST(a_plain_guest_uses_the_hosts_key)
{
    small_guest_vmcb(guest, CBIT_VMCB_NESTED_CONTROL, CBIT_NESTED_PAGING, 8);
    small_guest_vmcb(guest, CBIT_VMCB_CR0, CBIT_CR0_PE, 8);
    small_guest_vmcb(guest, CBIT_VMCB_EFER, CBIT_EFER_SVME, 8);
    small_guest_store(guest, 0x2000, 5);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(small_guest_get64(guest, 0x2000, CBIT_KEY_HOST), 5);
}
END_TEST

START_TEST(accesses_may_cross_lines_and_pages)
{
    small_guest_set_nested(guest, 0x3000, (SMALL_BASE + 0x9000) | SMALL_C | 7);
    uint8_t bytes[16];
    for (int i = 0; i < 16; i++) {
        bytes[i] = (uint8_t)(i + 1);
    }
    cbit_op_t *op = small_guest_add(guest, CBIT_OP_STORE, 0x2ff8, 16);
    memcpy(op->data, bytes, 16);
    small_guest_add(guest, CBIT_OP_LOAD, 0x2ff8, 16);
    small_guest_run(guest);
    ck_assert_mem_eq(guest->data[0].bytes, bytes, 16);
    uint8_t got[8];
    small_guest_get(guest, 0x9000, SMALL_ASID, got, 8);
    ck_assert_mem_eq(got, bytes + 8, 8);
}
END_TEST

START_TEST(io_and_hypercalls_exit_and_go_on_after)
{
    small_guest_add(guest, CBIT_OP_IO, 0, 0)->value = 0x3f80010;
    small_guest_add(guest, CBIT_OP_HYPERCALL, 0, 0)->value = 9;
    small_guest_store(guest, 0x2000, 1);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_IOIO);
    ck_assert_uint_eq(guest->exit.info1, 0x3f80010);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_VMMCALL);
    ck_assert_uint_eq(guest->exit.info1, 9);
    ck_assert_uint_ne(small_guest_get64(guest, 0x2000, SMALL_ASID), 1);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(small_guest_get64(guest, 0x2000, SMALL_ASID), 1);
    ck_assert_uint_eq(small_guest_stats(guest).exits, 3);
}
END_TEST

START_TEST(interrupts_exit_between_operations)
{
    small_guest_add(guest, CBIT_OP_THINK, 0, 0)->cclk = 100000;
    small_guest_store(guest, 0x2000, 1);
    cbit_vcpu_run(guest->vcpu, SMALL_VMCB);
    cbit_kernel_run(guest->kernel, 20000000);
    cbit_vcpu_interrupt(guest->vcpu);
    cbit_kernel_run(guest->kernel, CBIT_PS_NEVER);
    small_guest_exited(guest, CBIT_EXIT_INTR);
    ck_assert_uint_ge(guest->exit.at_ps, 100000000); /* after the think time of 100 us */
    ck_assert_uint_ne(small_guest_get64(guest, 0x2000, SMALL_ASID), 1);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(small_guest_get64(guest, 0x2000, SMALL_ASID), 1);
}
END_TEST

START_TEST(an_interrupt_saves_the_rip_of_what_comes_next)
{
    small_guest_code(guest, 0x1000, nops, 16);
    small_guest_add(guest, CBIT_OP_THINK, 0, 0)->cclk = 100000;
    small_guest_code(guest, 0x3000, nops, 16); /* after a jump */
    cbit_vcpu_run(guest->vcpu, SMALL_VMCB);
    cbit_kernel_run(guest->kernel, 20000000);
    cbit_vcpu_interrupt(guest->vcpu);
    cbit_kernel_run(guest->kernel, CBIT_PS_NEVER);
    small_guest_exited(guest, CBIT_EXIT_INTR);
    ck_assert_uint_eq(guest->exit.rip, 0x3000);
    ck_assert_uint_eq(guest->data_calls, 1);
    cbit_vcpu_rewind(guest->vcpu);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(guest->data_calls, 3); /* both, the first one for the second time */
    ck_assert_uint_eq(small_guest_stats(guest).instructions, 2);
}
END_TEST

/* ---- VMRUN's checks ---- */

START_TEST(vmrun_refuses_what_hardware_refuses)
{
    static const struct {
        uint32_t offset, len;
        uint64_t value;
    } bad[] = {
        {CBIT_VMCB_ASID, 4, 0},
        {CBIT_VMCB_ASID, 4, SMALL_ASID + 1}, /* not valid on this core */
        {CBIT_VMCB_ASID, 4, 5000},
        {CBIT_VMCB_NESTED_CONTROL, 8, CBIT_NESTED_SEV},
        {CBIT_VMCB_INTERCEPT_4, 4, 0}, /* VMRUN itself not intercepted */
        {CBIT_VMCB_EFER, 8, CBIT_EFER_LME | CBIT_EFER_LMA},
        {CBIT_VMCB_CR0, 8, CBIT_CR0_PG}, /* without PE */
        {CBIT_VMCB_CR0, 8, CBIT_CR0_PE | CBIT_CR0_NW},
        {CBIT_VMCB_CR4, 8, 0}, /* long mode without PAE */
        {CBIT_VMCB_CR3, 8, UINT64_C(1) << 52},
    };
    small_guest_add(guest, CBIT_OP_HYPERCALL, 0, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t good = small_guest_vmcb_get(guest, bad[i].offset, bad[i].len);
        small_guest_vmcb(guest, bad[i].offset, bad[i].value, bad[i].len);
        small_guest_run(guest);
        small_guest_exited(guest, CBIT_EXIT_INVALID);
        ck_assert_uint_eq(guest->next_calls, 0);
        small_guest_vmcb(guest, bad[i].offset, good, bad[i].len);
    }
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_VMMCALL);
    cbit_vcpu_set_asid_valid(guest->vcpu, SMALL_ASID, false);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_INVALID);
}
END_TEST

/* ---- other keys ---- */

static cbit_key_t seen_key;
static uint32_t seen_blocks, seen_plaintext;

static void observe(void *self, cbit_spa_t spa, cbit_key_t key, const uint8_t *block)
{
    (void)self;
    (void)spa;
    seen_key = key;
    seen_blocks++;
    seen_plaintext += memcmp(block, nops, 16) == 0;
}

START_TEST(another_asid_reads_garbage_and_dies_and_the_guest_goes_on)
{
    small_guest_vmcb(guest, CBIT_VMCB_CR0, CBIT_CR0_PE, 8);
    small_guest_vmcb(guest, CBIT_VMCB_EFER, CBIT_EFER_SVME, 8);
    small_guest_vmcb(guest, CBIT_VMCB_CS + CBIT_VMCB_SEGMENT_ATTRIBUTES, 0xc9b, 2);
    small_guest_code(guest, 0x1000, nops, 16);
    small_guest_code(guest, 0x1010, nops, 16);
    small_guest_store(guest, 0x2000, 4);
    seen_blocks = seen_plaintext = 0;
    cbit_vcpu_observe(guest->vcpu, observe, NULL);
    for (cbit_key_t asid = 6; asid < 106; asid++) {
        cbit_vcpu_set_asid_valid(guest->vcpu, asid, true);
        small_guest_vmcb(guest, CBIT_VMCB_ASID, asid, 4);
        small_guest_vmcb(guest, CBIT_VMCB_RIP, 0x1000, 8);
        small_guest_run(guest);
        ck_assert_int_ne(guest->exit.reason, CBIT_EXIT_INVALID);
        ck_assert_uint_eq(guest->data_calls, asid - 5);
        ck_assert_mem_ne(guest->data[asid - 6].bytes, nops, 16);
        cbit_vcpu_rewind(guest->vcpu);
    }
    ck_assert_uint_eq(seen_plaintext, 0);
    ck_assert_uint_gt(seen_blocks, 100);
    ck_assert_uint_eq(guest->next_calls, 1); /* the first fetch, again and again */
    small_guest_vmcb(guest, CBIT_VMCB_ASID, SMALL_ASID, 4);
    small_guest_vmcb(guest, CBIT_VMCB_RIP, 0x1000, 8);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(guest->data_calls, 102);
    ck_assert_uint_eq(seen_plaintext, 2);
    ck_assert_uint_eq(small_guest_stats(guest).instructions, 2);
    ck_assert_uint_eq(small_guest_get64(guest, 0x2000, SMALL_ASID), 4);
}
END_TEST

START_TEST(a_paged_guest_under_another_asid_walks_garbage)
{
    small_guest_code(guest, 0x1000, nops, 16);
    uint32_t npf = 0, shutdown = 0;
    for (cbit_key_t asid = 6; asid < 106; asid++) {
        cbit_vcpu_set_asid_valid(guest->vcpu, asid, true);
        small_guest_vmcb(guest, CBIT_VMCB_ASID, asid, 4);
        small_guest_run(guest);
        npf += guest->exit.reason == CBIT_EXIT_NPF;
        shutdown += guest->exit.reason == CBIT_EXIT_SHUTDOWN;
        cbit_vcpu_rewind(guest->vcpu);
    }
    ck_assert_uint_eq(npf + shutdown, 100);
    small_guest_vmcb(guest, CBIT_VMCB_ASID, SMALL_ASID, 4);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(guest->data_calls, 1);
}
END_TEST

/* ---- programs on one core ---- */

static bool one_io(void *self, cbit_op_t *op)
{
    uint64_t *left = self;
    if (*left == 0) {
        return false;
    }
    *op = (cbit_op_t){.kind = CBIT_OP_IO, .value = (*left)--};
    return true;
}

START_TEST(each_program_goes_on_where_it_stood)
{
    uint64_t first = 2, second = 2;
    const cbit_program_t programs[2] = {{.self = &first, .next = one_io},
                                        {.self = &second, .next = one_io}};
    for (uint64_t value = 2; value > 0; value--) {
        for (uint16_t i = 0; i < 2; i++) {
            cbit_vcpu_bind(guest->vcpu, &programs[i], i);
            small_guest_run(guest);
            small_guest_exited(guest, CBIT_EXIT_IOIO);
            ck_assert_uint_eq(guest->exit.info1, value);
        }
    }
    cbit_vcpu_bind(guest->vcpu, &programs[0], 0);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    /* Another guest whose program came to stand at the same address is another program. */
    first = 1;
    cbit_vcpu_bind(guest->vcpu, &programs[0], 7);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_IOIO);
    cbit_vcpu_stats_t counted;
    cbit_vcpu_stats(guest->vcpu, 7, &counted);
    ck_assert_uint_eq(counted.exits, 1);
    cbit_vcpu_stats(guest->vcpu, 0, &counted);
    ck_assert_uint_eq(counted.exits, 3);
    cbit_vcpu_stats(guest->vcpu, 1000, &counted);
    ck_assert_uint_eq(counted.exits, 0);
}
END_TEST

/* ---- rewinding ---- */

START_TEST(rewinding_repeats_what_was_begun_since_vmrun_once)
{
    small_guest_add(guest, CBIT_OP_IO, 0, 0)->value = 1;
    small_guest_store(guest, 0x2000, 10);
    small_guest_add(guest, CBIT_OP_IO, 0, 0)->value = 2;
    small_guest_add(guest, CBIT_OP_IO, 0, 0)->value = 3;
    small_guest_run(guest);
    small_guest_run(guest);
    ck_assert_uint_eq(guest->exit.info1, 2);
    cbit_vcpu_rewind(guest->vcpu);
    uint64_t other = 0;
    small_guest_put(guest, 0x2000, SMALL_ASID, &other, 8);
    small_guest_run(guest);
    ck_assert_uint_eq(guest->exit.info1, 2);
    ck_assert_uint_eq(small_guest_get64(guest, 0x2000, SMALL_ASID), 10);
    small_guest_run(guest);
    ck_assert_uint_eq(guest->exit.info1, 3);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    cbit_vcpu_rewind(guest->vcpu);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
}
END_TEST

/* More operations than can be put back, and the end said by the program (odd) or not, asked ahead
   (from 2 on) or not: each is asked for once, and nothing after the end. */
START_TEST(the_end_of_a_long_program_is_asked_for_once)
{
    enum { LOADS = 400 };
    guest->program.may_ask_ahead = _i >= 2;
    cbit_vcpu_bind(guest->vcpu, &guest->program, 0);
    for (uint32_t i = 0; i < LOADS; i++) {
        small_guest_add(guest, CBIT_OP_LOAD, 0x2000 + 0x1000 * (i % 12) + 8 * (i % 64), 8);
    }
    if (_i % 2 == 1) {
        small_guest_add(guest, CBIT_OP_END, 0, 0);
    }
    for (uint32_t run = 0; run < 3; run++) {
        small_guest_run(guest);
        small_guest_exited(guest, CBIT_EXIT_HLT);
        ck_assert_uint_eq(guest->next_calls, LOADS + 1);
        ck_assert_uint_eq(guest->data_calls, LOADS);
    }
}
END_TEST

/* ---- asking ahead ---- */

static void interrupt(void *self)
{
    *(uint32_t *)self = guest->next_calls;
    cbit_vcpu_interrupt(guest->vcpu);
}

/* More operations than can be put back, on more pages than the first-level TLB has; the last ones
   exit. */
static void long_program(uint64_t seed)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, seed, 1);
    for (uint32_t i = 0; i < SMALL_OPS - 1; i++) {
        const uint64_t gva = 0x2000 + cbit_rng_below(&rng, 0xe000 / 8) * 8;
        const uint64_t kind = cbit_rng_below(&rng, 100);
        if (kind < 60) {
            small_guest_add(guest, CBIT_OP_LOAD, gva, 8)->depends = kind < 10;
        } else if (kind < 95) {
            cbit_rng_bytes(&rng, small_guest_add(guest, CBIT_OP_STORE, gva, 8)->data, 8);
        } else {
            small_guest_add(guest, i < 460 ? CBIT_OP_THINK : CBIT_OP_IO, 0, 0)->cclk = kind;
        }
    }
}

typedef struct asked {
    uint64_t digest;
    cbit_ps_t end_ps;
    uint32_t calls; /* of next, when the interrupt came */
} asked_t;

/* Runs that program, which is interrupted once; the first run that can be is put back. */
static asked_t run_asked(uint64_t seed, bool ahead, cbit_ps_t interrupt_ps)
{
    asked_t asked = {.digest = 0};
    teardown();
    guest = small_guest_create(3);
    long_program(seed);
    guest->program.may_ask_ahead = ahead;
    cbit_vcpu_bind(guest->vcpu, &guest->program, 0);
    cbit_event_t event;
    cbit_event_init(&event, interrupt, &asked.calls);
    cbit_event_notify_at(guest->kernel, &event, interrupt_ps);
    do {
        small_guest_run(guest);
        const cbit_vcpu_stats_t stats = small_guest_stats(guest);
        const uint64_t seen[] = {guest->exit.at_ps,   (uint64_t)guest->exit.reason,
                                 stats.instructions,  stats.loads,
                                 stats.stores,        stats.tlb_hits,
                                 stats.tlb_l2_hits,   guest->data_calls,
                                 guest->memory->reads};
        for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
            asked.digest = cbit_splitmix64(asked.digest ^ seen[i]);
        }
        if (guest->exit.reason == CBIT_EXIT_IOIO && guest->exits % 2 == 0) {
            cbit_vcpu_rewind(guest->vcpu); /* once: what follows is an exit of odd number */
        }
    } while (guest->exit.reason != CBIT_EXIT_HLT);
    asked.end_ps = guest->exit.at_ps;
    for (uint32_t at = 0; at < 0xe000; at += 8) {
        asked.digest =
            cbit_splitmix64(asked.digest ^ small_guest_get64(guest, 0x2000 + at, SMALL_ASID));
    }
    ck_assert_uint_eq(guest->op_next, SMALL_OPS - 1);
    return asked;
}

START_TEST(asking_ahead_shows_only_in_the_program)
{
    uint32_t ahead = 0;
    for (uint64_t seed = cbit_test_seed(); seed < cbit_test_seed() + 20; seed++) {
        const cbit_ps_t end_ps = run_asked(seed, false, 0).end_ps;
        for (uint32_t percent = 68; percent < 98; percent += 3) {
            const asked_t in_turn = run_asked(seed, false, end_ps * percent / 100);
            const asked_t early = run_asked(seed, true, end_ps * percent / 100);
            ck_assert_msg(in_turn.digest == early.digest, "seed %" PRIu64 ", %u %%", seed, percent);
            ck_assert_uint_le(early.calls, in_turn.calls + 1);
            ahead += early.calls - in_turn.calls;
        }
    }
    ck_assert_uint_gt(ahead, 20);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("vcpu");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_recorded_program_runs_to_its_end);
    tcase_add_test(tcase, shared_pages_are_accessed_under_the_hosts_key);
    tcase_add_test(tcase, nested_entries_without_c_leave_shared_pages_in_clear);
    tcase_add_test(tcase, fetches_are_private_even_from_shared_pages);
    tcase_add_test(tcase, without_paging_everything_is_private);
    tcase_add_test(tcase, a_plain_guest_uses_the_hosts_key);
    tcase_add_test(tcase, accesses_may_cross_lines_and_pages);
    tcase_add_test(tcase, io_and_hypercalls_exit_and_go_on_after);
    tcase_add_test(tcase, interrupts_exit_between_operations);
    tcase_add_test(tcase, an_interrupt_saves_the_rip_of_what_comes_next);
    tcase_add_test(tcase, vmrun_refuses_what_hardware_refuses);
    tcase_add_test(tcase, another_asid_reads_garbage_and_dies_and_the_guest_goes_on);
    tcase_add_test(tcase, a_paged_guest_under_another_asid_walks_garbage);
    tcase_add_test(tcase, each_program_goes_on_where_it_stood);
    tcase_add_test(tcase, rewinding_repeats_what_was_begun_since_vmrun_once);
    tcase_add_loop_test(tcase, the_end_of_a_long_program_is_asked_for_once, 0, 4);
    tcase_add_test(tcase, asking_ahead_shows_only_in_the_program);
    suite_add_tcase(suite, tcase);
    return suite;
}
