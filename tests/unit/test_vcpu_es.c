/* SEV-ES: the VMSA, automatic and other exits, #VC and VMGEXIT. */
#include <string.h>

#include "cbit/vcpu/ghcb.h"
#include "cbit/vcpu/vmsa.h"
#include "cbit_test.h"
#include "model/vcpu/vmsa.h"
#include "tests/support/small_guest.h"

enum {
    VMSA = 0x4000,   /* system physical */
    RECORD = 0x6040, /* likewise */
    IDT = 0x6000,    /* of the guest, as the ones below */
    STACK = 0x8000,
    GHCB = SMALL_SHARED + 0x3000,
};

static small_guest_t *guest;
static uint32_t vc_calls;
static uint64_t vc_error, handler_ops;
static cbit_op_kind_t vc_kind;

static void vmsa_get(uint8_t vmsa[CBIT_VMSA_BYTES])
{
    guest->port.peek(guest->port.self, VMSA, SMALL_ASID, vmsa, CBIT_VMSA_BYTES);
}

static uint64_t vmsa64(uint32_t offset)
{
    uint8_t vmsa[CBIT_VMSA_BYTES];
    vmsa_get(vmsa);
    uint64_t value;
    memcpy(&value, vmsa + offset, 8);
    return value;
}

/* Bit by bit, as the polynomial is defined; not the table of the model. */
static uint32_t crc(const uint8_t *bytes, uint32_t len)
{
    uint32_t sum = UINT32_MAX;
    for (uint32_t i = 0; i < 8 * len; i++) {
        uint32_t bit = (sum ^ bytes[i / 8] >> i % 8) & 1;
        sum = sum >> 1 ^ (bit != 0 ? 0xedb88320U : 0);
    }
    return ~sum;
}

/* What the Secure Processor's firmware does with a page. */
static void make_record(const uint8_t vmsa[CBIT_VMSA_BYTES])
{
    const uint32_t record[2] = {crc(vmsa, CBIT_VMSA_BYTES), 1};
    guest->port.poke(guest->port.self, VMSA, SMALL_ASID, vmsa, CBIT_VMSA_BYTES);
    guest->port.poke(guest->port.self, RECORD, CBIT_KEY_PLAIN, record, sizeof record);
}

static void edit_vmsa(uint32_t offset, uint64_t value, uint32_t len)
{
    uint8_t vmsa[CBIT_VMSA_BYTES];
    vmsa_get(vmsa);
    memcpy(vmsa + offset, &value, len);
    make_record(vmsa);
}

static void setup(void)
{
    guest = small_guest_create(16);
    uint8_t vmcb[CBIT_VMCB_BYTES], vmsa[CBIT_VMSA_BYTES] = {0};
    guest->port.peek(guest->port.self, SMALL_VMCB, CBIT_KEY_HOST, vmcb, sizeof vmcb);
    memcpy(vmsa, vmcb + CBIT_VMCB_SAVE, 0x300);
    memset(vmcb + CBIT_VMCB_SAVE, 0xee, 0x300); /* not looked at */
    guest->port.poke(guest->port.self, SMALL_VMCB, CBIT_KEY_HOST, vmcb, sizeof vmcb);
    const uint64_t record = RECORD;
    memcpy(vmsa + CBIT_VMSA_RECORD, &record, 8);
    make_record(vmsa);
    small_guest_vmcb(guest, CBIT_VMCB_NESTED_CONTROL,
                     CBIT_NESTED_PAGING | CBIT_NESTED_SEV | CBIT_NESTED_SEV_ES, 8);
    small_guest_vmcb(guest, CBIT_VMCB_VMSA, VMSA, 8);
    vc_calls = 0;
}

static void teardown(void)
{
    ck_assert_uint_eq(guest->memory->stage_errors, 0);
    small_guest_destroy(guest);
}

static void run_to(int32_t reason)
{
    small_guest_run(guest);
    ck_assert_msg(guest->exit.reason == reason, "exit %s (%d), expected %s",
                  cbit_exit_word(guest->exit.reason), guest->exit.reason, cbit_exit_word(reason));
    ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_EXIT_CODE, 8),
                      (uint64_t)(int64_t)reason);
}

static bool on_vc(void *self, const cbit_op_t *op, uint64_t error)
{
    (void)self;
    vc_calls++;
    vc_kind = op->kind;
    vc_error = error;
    handler_ops = guest->next_calls;
    return true;
}

static bool next_op(void *self, cbit_op_t *op)
{
    (void)self;
    guest->next_calls++;
    if (guest->op_next == guest->op_count) {
        return false;
    }
    *op = guest->ops[guest->op_next++];
    return true;
}

/* A program with a #VC handler, and an IDT with a gate for it. */
static void give_handler(void)
{
    const cbit_program_t program = {.self = &vc_calls, .next = next_op, .on_vc = on_vc};
    cbit_vcpu_bind(guest->vcpu, &program, 0);
    uint8_t gates[32 * 16] = {0};
    gates[29 * 16 + 1] = 0x70;
    gates[29 * 16 + 2] = 8;
    gates[29 * 16 + 5] = 0x8e;
    small_guest_put(guest, IDT, SMALL_ASID, gates, sizeof gates);
    edit_vmsa(CBIT_VMCB_IDTR - CBIT_VMCB_SAVE + CBIT_VMCB_SEGMENT_LIMIT, 32 * 16 - 1, 4);
    edit_vmsa(CBIT_VMCB_IDTR - CBIT_VMCB_SAVE + CBIT_VMCB_SEGMENT_BASE, IDT, 8);
    edit_vmsa(CBIT_VMCB_GDTR - CBIT_VMCB_SAVE + CBIT_VMCB_SEGMENT_LIMIT, 0xf, 4);
}

/* ---- the save area ---- */

START_TEST(registers_are_saved_under_the_guests_key_and_loaded_again)
{
    static const uint8_t nops[16] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
                                     0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90};
    edit_vmsa(CBIT_VMSA_R8 + 8, 0x1122334455667788, 8);
    small_guest_code(guest, 0x1000, nops, 16);
    run_to(CBIT_EXIT_HLT);
    ck_assert_uint_eq(vmsa64(CBIT_VMCB_RIP - CBIT_VMCB_SAVE), 0x1010);
    ck_assert_uint_eq(vmsa64(CBIT_VMSA_R8 + 8), 0x1122334455667788);
    ck_assert_uint_eq(guest->exit.rip, 0); /* nothing in the VMCB or the exit says where it is */
    ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_NEXT_RIP, 8), 0);
    ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_RIP, 8), 0xeeeeeeeeeeeeeeee);
    /* The host reads the same bytes as noise, and what is in memory is not what the guest has. */
    uint8_t mine[64], hosts[64], pins[64];
    guest->port.peek(guest->port.self, VMSA + 0x140, SMALL_ASID, mine, 64);
    cbit_cache_clflush(guest->cache, VMSA + 0x140, NULL, NULL);
    cbit_kernel_run(guest->kernel, CBIT_PS_NEVER);
    guest->port.peek(guest->port.self, VMSA + 0x140, CBIT_KEY_HOST, hosts, 64);
    memcpy(pins, guest->memory->bytes + VMSA + 0x140, 64);
    for (int i = 0; i < 64; i += 8) {
        ck_assert_mem_ne(mine + i, pins + i, 8);
        ck_assert_mem_ne(mine + i, hosts + i, 8);
    }
    run_to(CBIT_EXIT_HLT); /* loads what it saved */
    ck_assert_uint_eq(vmsa64(CBIT_VMCB_RIP - CBIT_VMCB_SAVE), 0x1010);
}
END_TEST

START_TEST(the_record_follows_the_vmsa)
{
    small_guest_add(guest, CBIT_OP_VMGEXIT, 0, 0)->value = 0x1000;
    run_to(CBIT_EXIT_VMGEXIT);
    uint8_t vmsa[CBIT_VMSA_BYTES];
    vmsa_get(vmsa);
    uint32_t record[2];
    guest->port.peek(guest->port.self, RECORD, CBIT_KEY_PLAIN, record, sizeof record);
    ck_assert_uint_eq(record[0], crc(vmsa, sizeof vmsa));
    ck_assert_uint_eq(record[1], 1);
    static const uint8_t digits[9] = "123456789"; /* the check value of CRC-32: cbf43926 */
    ck_assert_uint_eq(crc(digits, 9), 0xcbf43926);
}
END_TEST

START_TEST(what_is_wrong_with_a_vmsa_makes_vmrun_invalid)
{
    small_guest_add(guest, CBIT_OP_VMGEXIT, 0, 0);
    uint8_t good[CBIT_VMSA_BYTES];
    vmsa_get(good);
    /* Control area. */
    const struct {
        uint32_t offset;
        uint64_t value;
    } control[] = {
        {CBIT_VMCB_VMSA, VMSA + 0x40},       /* no page */
        {CBIT_VMCB_VMSA, 0},                 /* another page */
        {CBIT_VMCB_VMSA, UINT64_C(1) << 40}, /* no memory */
        {CBIT_VMCB_VMSA, UINT64_MAX & ~UINT64_C(4095)},
        {CBIT_VMCB_NESTED_CONTROL, CBIT_NESTED_PAGING | CBIT_NESTED_SEV_ES}, /* SEV-ES alone */
        {CBIT_VMCB_ASID, SMALL_ASID + 1},
        {CBIT_VMCB_ASID, 0},
        {CBIT_VMCB_ASID, CBIT_KEY_HOST},
    };
    for (size_t i = 0; i < sizeof control / sizeof control[0]; i++) {
        uint64_t was = small_guest_vmcb_get(guest, control[i].offset, 8);
        small_guest_vmcb(guest, control[i].offset, control[i].value, 8);
        run_to(CBIT_EXIT_INVALID);
        small_guest_vmcb(guest, control[i].offset, was, 8);
    }
    /* State that VMRUN's checks refuse, with a record that matches. */
    const struct {
        uint32_t offset;
        uint64_t value;
    } state[] = {
        {CBIT_VMCB_EFER - CBIT_VMCB_SAVE, CBIT_EFER_LME | CBIT_EFER_LMA},
        {CBIT_VMCB_CR0 - CBIT_VMCB_SAVE, CBIT_CR0_PG},
        {CBIT_VMCB_CR4 - CBIT_VMCB_SAVE, 0},
        {CBIT_VMSA_RECORD, RECORD + 8},
        {CBIT_VMSA_RECORD, UINT64_C(1) << 45},
    };
    for (size_t i = 0; i < sizeof state / sizeof state[0]; i++) {
        make_record(good);
        edit_vmsa(state[i].offset, state[i].value, 8);
        run_to(CBIT_EXIT_INVALID);
    }
    /* Any bit flipped in memory, and a record that is not valid. */
    for (uint32_t at = 0; at < CBIT_VMSA_RECORD; at += 509) {
        make_record(good);
        uint8_t byte = good[at] ^ 1;
        guest->port.poke(guest->port.self, VMSA + at, SMALL_ASID, &byte, 1);
        run_to(CBIT_EXIT_INVALID);
    }
    make_record(good);
    const uint32_t not_valid = 0;
    guest->port.poke(guest->port.self, RECORD + 4, CBIT_KEY_PLAIN, &not_valid, 4);
    run_to(CBIT_EXIT_INVALID);
    ck_assert_uint_eq(guest->next_calls, 0);
    make_record(good);
    run_to(CBIT_EXIT_VMGEXIT);
}
END_TEST

START_TEST(an_old_vmsa_put_back_is_refused)
{
    static const uint8_t nop = 0x90;
    uint8_t old[CBIT_VMSA_BYTES];
    vmsa_get(old);
    small_guest_code(guest, 0x1000, &nop, 1);
    run_to(CBIT_EXIT_HLT); /* RIP has moved */
    guest->port.poke(guest->port.self, VMSA, SMALL_ASID, old, sizeof old);
    run_to(CBIT_EXIT_INVALID);
}
END_TEST

/* ---- exits ---- */

START_TEST(exits_of_the_guests_making_raise_vc)
{
    static const struct {
        cbit_op_kind_t kind;
        uint64_t error;
    } ops[] = {{CBIT_OP_IO, CBIT_EXIT_IOIO}, {CBIT_OP_HYPERCALL, CBIT_EXIT_VMMCALL}};
    give_handler();
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        small_guest_add(guest, ops[i].kind, 0, 0)->value = 7;
        small_guest_add(guest, CBIT_OP_VMGEXIT, 0, 0)->value = GHCB + i; /* the handler */
        uint32_t exits = guest->exits;
        run_to(CBIT_EXIT_VMGEXIT);
        ck_assert_uint_eq(guest->exits, exits + 1); /* the hypervisor saw nothing before it */
        ck_assert_uint_eq(vc_calls, i + 1);
        ck_assert_int_eq(vc_kind, ops[i].kind);
        ck_assert_uint_eq(vc_error, ops[i].error);
        ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_GHCB, 8), GHCB + i);
        ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_EXIT_INFO_1, 8), 0);
    }
    /* The frame: error code, RIP, CS, RFLAGS, RSP, SS below the stack that the VMSA gives. */
    uint64_t frame[6];
    small_guest_get(guest, STACK - 48, SMALL_ASID, frame, sizeof frame);
    const uint64_t expected[6] = {CBIT_EXIT_VMMCALL, 0x1000, 0, 2, STACK, 0};
    ck_assert_mem_eq(frame, expected, sizeof frame);
    run_to(CBIT_EXIT_HLT);
}
END_TEST

START_TEST(automatic_exits_reach_the_hypervisor_without_vc)
{
    give_handler();
    small_guest_set_nested(guest, 0x5000, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x5008, 8);
    run_to(CBIT_EXIT_NPF);
    ck_assert_uint_eq(guest->exit.info2, 0x5008);
    small_guest_set_nested(guest, 0x5000, (SMALL_BASE + 0x5000) | SMALL_C | 7);
    run_to(CBIT_EXIT_HLT);
    small_guest_set_entry(guest, 0x5000, 0);
    ck_assert_uint_eq(vc_calls, 0);
    static const struct {
        int32_t reason;
        uint64_t info1;
        bool automatic;
    } table[] = {
        {CBIT_EXIT_INTR, 0, true},     {CBIT_EXIT_HLT, 0, true},
        {CBIT_EXIT_PAUSE, 0, true},    {CBIT_EXIT_SHUTDOWN, 0, true},
        {CBIT_EXIT_EXCP_MC, 0, true},  {CBIT_EXIT_VMGEXIT, 0, true},
        {CBIT_EXIT_INVALID, 0, true},  {CBIT_EXIT_NPF, CBIT_PF_P | CBIT_PF_W, true},
        {CBIT_EXIT_CPUID, 0, false},   {CBIT_EXIT_IOIO, 0, false},
        {CBIT_EXIT_MSR, 0, false},     {CBIT_EXIT_VMMCALL, 0, false},
        {CBIT_EXIT_RDTSC, 0, false},   {CBIT_EXIT_WBINVD, 0, false},
        {CBIT_EXIT_EXCP_PF, 0, false}, {CBIT_EXIT_NPF, CBIT_PF_P | CBIT_PF_RSVD, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        ck_assert_msg(cbit_exit_is_automatic(table[i].reason, table[i].info1) == table[i].automatic,
                      "%s", cbit_exit_word(table[i].reason));
    }
}
END_TEST

START_TEST(a_device_page_raises_vc_with_the_nested_faults_code)
{
    /* A nested entry with a reserved bit: 2 MiB with low address bits. Its fault is the guest's. */
    give_handler();
    const uint64_t device = 0x400000 | 0x4000 | CBIT_PTE_PS | 7;
    guest->port.poke(guest->port.self, SMALL_NESTED_CR3 + 0x2008, CBIT_KEY_HOST, &device, 8);
    small_guest_set_entry(guest, 0x5000, 0x200000 | 7);
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    run_to(CBIT_EXIT_BUDGET); /* delivered; no handler of a load is in the recording */
    ck_assert_uint_eq(guest->exit.info1, 29);
}
END_TEST

START_TEST(without_a_handler_vc_ends_the_guest)
{
    small_guest_add(guest, CBIT_OP_IO, 0, 0);
    run_to(CBIT_EXIT_SHUTDOWN); /* no IDT: double fault, then this */
}
END_TEST

START_TEST(an_operation_whose_vc_met_a_nested_fault_is_done_again)
{
    give_handler();
    small_guest_add(guest, CBIT_OP_IO, 0, 0);
    small_guest_add(guest, CBIT_OP_VMGEXIT, 0, 0);
    small_guest_set_nested(guest, STACK - 0x1000, 0);
    run_to(CBIT_EXIT_NPF);
    ck_assert_uint_eq(vc_calls, 0);
    small_guest_set_nested(guest, STACK - 0x1000, (SMALL_BASE + STACK - 0x1000) | SMALL_C | 7);
    run_to(CBIT_EXIT_VMGEXIT);
    ck_assert_uint_eq(vc_calls, 1);
}
END_TEST

START_TEST(an_intercepted_exception_becomes_vc)
{
    give_handler();
    small_guest_vmcb(guest, CBIT_VMCB_INTERCEPT_EXCEPTIONS, UINT64_C(0xffffffff), 4);
    small_guest_set_entry(guest, 0x5000, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    run_to(CBIT_EXIT_BUDGET);
    ck_assert_uint_eq(guest->exit.info1, 29);
    ck_assert_uint_eq(vc_calls, 0);
}
END_TEST

START_TEST(vmgexit_is_vmmcall_without_sev_es)
{
    teardown();
    guest = small_guest_create(16);
    small_guest_add(guest, CBIT_OP_VMGEXIT, 0, 0)->value = 5;
    run_to(CBIT_EXIT_VMMCALL);
}
END_TEST

/* What it costs: 64 + 1 reads at VMRUN instead of 7 of state, 26 + 1 writes at #VMEXIT. */
START_TEST(a_warm_vmsa_costs_its_lines)
{
    small_guest_add(guest, CBIT_OP_VMGEXIT, 0, 0);
    small_guest_add(guest, CBIT_OP_VMGEXIT, 0, 0);
    run_to(CBIT_EXIT_VMGEXIT);
    uint64_t reads = guest->memory->reads;
    cbit_ps_t from_ps = cbit_kernel_now_ps(guest->kernel);
    run_to(CBIT_EXIT_VMGEXIT);
    ck_assert_uint_eq(guest->memory->reads, reads); /* all in the cache */
    /* 1 GHz, 3 clocks a hit. VMRUN: (4 + 64 + 1) x 3 + 100; #VMEXIT: 200 + (3 + 26 + 1) x 3. */
    ck_assert_uint_eq(guest->exit.at_ps - from_ps, 1000 * (69 * 3 + 100 + 200 + 30 * 3));
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("vcpu_es");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, registers_are_saved_under_the_guests_key_and_loaded_again);
    tcase_add_test(tcase, the_record_follows_the_vmsa);
    tcase_add_test(tcase, what_is_wrong_with_a_vmsa_makes_vmrun_invalid);
    tcase_add_test(tcase, an_old_vmsa_put_back_is_refused);
    tcase_add_test(tcase, exits_of_the_guests_making_raise_vc);
    tcase_add_test(tcase, automatic_exits_reach_the_hypervisor_without_vc);
    tcase_add_test(tcase, a_device_page_raises_vc_with_the_nested_faults_code);
    tcase_add_test(tcase, without_a_handler_vc_ends_the_guest);
    tcase_add_test(tcase, an_operation_whose_vc_met_a_nested_fault_is_done_again);
    tcase_add_test(tcase, an_intercepted_exception_becomes_vc);
    tcase_add_test(tcase, vmgexit_is_vmmcall_without_sev_es);
    tcase_add_test(tcase, a_warm_vmsa_costs_its_lines);
    suite_add_tcase(suite, tcase);
    return suite;
}
