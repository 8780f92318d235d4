/* Whatever stands in VMCB, tables and code: a run ends in an exit, in bounded time, within memory.
 */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit_test.h"
#include "tests/support/small_guest.h"

enum { ROUNDS = 400 };

static small_guest_t *guest;
static cbit_rng_t rng;

/* Runs once; nothing may be left that never ends. */
static void run_bounded(void)
{
    uint32_t exits = guest->exits;
    cbit_vcpu_run(guest->vcpu, SMALL_VMCB);
    /* 64 instructions with operands, each walk 24 reads of 50 ns, stay far below this. */
    cbit_kernel_run(guest->kernel, cbit_kernel_now_ps(guest->kernel) + UINT64_C(2000000000));
    ck_assert_msg(guest->exits == exits + 1, "no exit within 2 ms");
    ck_assert_uint_eq(guest->memory->stage_errors, 0);
    ck_assert_str_ne(cbit_exit_word(guest->exit.reason), "unknown");
}

static void some_program(void)
{
    for (int i = 0; i < 8; i++) {
        uint8_t bytes[16];
        cbit_rng_bytes(&rng, bytes, sizeof bytes);
        uint64_t gva = cbit_rng_u64(&rng) >> cbit_rng_below(&rng, 64);
        uint32_t size = 1 + (uint32_t)cbit_rng_below(&rng, 64);
        cbit_op_kind_t kind = (cbit_op_kind_t)cbit_rng_below(&rng, CBIT_OP_END);
        cbit_op_t *op = small_guest_add(guest, kind, gva, size);
        op->depends = cbit_rng_below(&rng, 2) == 0;
        op->value = cbit_rng_u64(&rng);
        op->cclk = cbit_rng_below(&rng, 1000);
        memcpy(op->data, bytes, sizeof bytes);
    }
}

static void fill(cbit_spa_t spa, cbit_key_t key, uint32_t len)
{
    uint8_t bytes[256];
    for (uint32_t at = 0; at < len; at += sizeof bytes) {
        cbit_rng_bytes(&rng, bytes, sizeof bytes);
        guest->port.poke(guest->port.self, spa + at, key, bytes, sizeof bytes);
    }
}

/* A table whose entries are plausible enough to lead on: present, with few reserved bits. */
static void fill_table(cbit_spa_t spa, cbit_key_t key)
{
    for (uint64_t i = 0; i < 512; i++) {
        uint64_t entry = cbit_rng_u64(&rng) &
                         (cbit_rng_below(&rng, 4) == 0 ? UINT64_MAX : UINT64_C(0x80008000003fffff));
        entry |= cbit_rng_below(&rng, 8) == 0 ? 0 : 7;
        guest->port.poke(guest->port.self, spa + 8 * i, key, &entry, sizeof entry);
    }
}

static void begin(uint64_t round)
{
    guest = small_guest_create_with((uint32_t)cbit_rng_below(&rng, 2) * 4,
                                    (uint32_t)cbit_rng_below(&rng, 2) * 4);
    cbit_rng_init(&rng, cbit_test_seed(), round);
    some_program();
}

START_TEST(random_guest_tables_end_in_an_exit)
{
    for (uint64_t round = 0; round < ROUNDS; round++) {
        begin(round);
        for (uint64_t table = 0; table < 4; table++) {
            fill_table(SMALL_BASE + SMALL_GUEST_CR3 + table * 0x1000, SMALL_ASID);
        }
        run_bounded();
        small_guest_destroy(guest);
    }
}
END_TEST

START_TEST(random_nested_tables_end_in_an_exit)
{
    for (uint64_t round = 0; round < ROUNDS; round++) {
        begin(round);
        for (uint64_t table = 0; table < 4; table++) {
            fill_table(SMALL_NESTED_CR3 + table * 0x1000, CBIT_KEY_HOST);
        }
        run_bounded();
        small_guest_destroy(guest);
    }
}
END_TEST

START_TEST(tables_that_point_at_themselves_end_in_an_exit)
{
    for (uint64_t level = 0; level < 4; level++) {
        begin(level);
        uint64_t entry = (SMALL_GUEST_CR3 + level * 0x1000) | SMALL_C | 7;
        small_guest_put(guest, SMALL_GUEST_CR3 + level * 0x1000, SMALL_ASID, &entry, 8);
        run_bounded();
        small_guest_destroy(guest);
        begin(level);
        entry = (SMALL_NESTED_CR3 + level * 0x1000) | SMALL_C | 7;
        guest->port.poke(guest->port.self, SMALL_NESTED_CR3 + level * 0x1000, CBIT_KEY_HOST, &entry,
                         8);
        run_bounded();
        small_guest_destroy(guest);
    }
}
END_TEST

START_TEST(nested_tables_outside_of_memory_end_in_shutdown)
{
    begin(1);
    guest->op_count = 0;
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_vmcb(guest, CBIT_VMCB_NESTED_CR3, UINT64_C(0x7ffffff000), 8);
    run_bounded();
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_SHUTDOWN); /* a machine check, undeliverable */
    small_guest_destroy(guest);
}
END_TEST

START_TEST(random_vmcbs_end_in_an_exit)
{
    for (uint64_t round = 0; round < ROUNDS; round++) {
        begin(round);
        /* All of it, or all but what VMRUN checks first. */
        uint32_t part = (uint32_t)cbit_rng_below(&rng, 3);
        if (part == 0) {
            fill(SMALL_VMCB, CBIT_KEY_HOST, CBIT_VMCB_BYTES);
        } else {
            uint32_t from = part == 1 ? 0x440 : 0x560;
            fill(SMALL_VMCB + from, CBIT_KEY_HOST, part == 1 ? 0x80 & ~0x3fU : 0x100);
        }
        run_bounded();
        small_guest_destroy(guest);
    }
}
END_TEST

START_TEST(random_code_ends_in_an_exit)
{
    enum { WANTED = 7 };
    uint32_t met[WANTED] = {0};
    static const int32_t want[WANTED] = {CBIT_EXIT_SHUTDOWN, CBIT_EXIT_HLT,     CBIT_EXIT_IOIO,
                                         CBIT_EXIT_NPF,      CBIT_EXIT_EXCP_UD, CBIT_EXIT_EXCP_PF,
                                         CBIT_EXIT_EXCP_GP};
    for (uint64_t round = 0; round < 4 * ROUNDS; round++) {
        begin(round);
        guest->op_count = 0;
        small_guest_add(guest, CBIT_OP_FETCH, 0x1000, 16); /* recorded: zeros */
        fill(SMALL_BASE + 0x1000, SMALL_ASID, 0x1000);
        for (uint64_t page = 0x5000; page < 0x8000; page += 0x1000) {
            small_guest_set_nested(guest, page, 0);
        }
        bool flat = round % 2 == 0;
        if (flat) {
            small_guest_vmcb(guest, CBIT_VMCB_CR0, CBIT_CR0_PE, 8);
            small_guest_vmcb(guest, CBIT_VMCB_EFER, CBIT_EFER_SVME, 8);
            small_guest_vmcb(guest, CBIT_VMCB_CS + CBIT_VMCB_SEGMENT_ATTRIBUTES, 0xc9b, 2);
        }
        if (round % 3 == 0) {
            small_guest_vmcb(guest, CBIT_VMCB_INTERCEPT_EXCEPTIONS, UINT32_MAX, 4);
        }
        run_bounded();
        for (int i = 0; i < WANTED; i++) {
            met[i] += guest->exit.reason == want[i];
        }
        small_guest_destroy(guest);
    }
    for (int i = 0; i < WANTED; i++) {
        ck_assert_msg(met[i] != 0, "never met: %s", cbit_exit_word(want[i]));
    }
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("vcpu_hostile");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, random_guest_tables_end_in_an_exit);
    tcase_add_test(tcase, random_nested_tables_end_in_an_exit);
    tcase_add_test(tcase, tables_that_point_at_themselves_end_in_an_exit);
    tcase_add_test(tcase, nested_tables_outside_of_memory_end_in_shutdown);
    tcase_add_test(tcase, random_vmcbs_end_in_an_exit);
    tcase_add_test(tcase, random_code_ends_in_an_exit);
    suite_add_tcase(suite, tcase);
    return suite;
}
