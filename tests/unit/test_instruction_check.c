/* What comes of bytes that are not the recorded ones: each row is code that stands in memory while
   the program recorded NOPs. */
#include <string.h>

#include "cbit_test.h"
#include "tests/support/small_guest.h"

static small_guest_t *guest;

static void setup(void)
{
    guest = small_guest_create(16);
}

static void teardown(void)
{
    ck_assert_uint_eq(guest->memory->stage_errors, 0);
    small_guest_destroy(guest);
}

/* Runs code at 0x1000 (64-bit, CPL 0) instead of the recording. */
static void run(const uint8_t *code, uint32_t len)
{
    uint8_t page[64];
    memset(page, 0x90, sizeof page);
    small_guest_code(guest, 0x1000, page, 16);
    memset(page + len, 0xf4, sizeof page - len); /* HLT after it */
    memcpy(page, code, len);
    small_guest_put(guest, 0x1000, SMALL_ASID, page, sizeof page);
    small_guest_run(guest);
}
#define RUN(...)                                                                                   \
    do {                                                                                           \
        static const uint8_t code[] = {__VA_ARGS__};                                               \
        run(code, sizeof code);                                                                    \
    } while (0)

static void expect(int32_t reason, uint64_t rip)
{
    ck_assert_msg(guest->exit.reason == reason, "exit %s, expected %s",
                  cbit_exit_word(guest->exit.reason), cbit_exit_word(reason));
    ck_assert_uint_eq(guest->exit.rip, rip);
}

static void intercept_exceptions(void)
{
    small_guest_vmcb(guest, CBIT_VMCB_INTERCEPT_EXCEPTIONS, 0xffffffff, 4);
}

START_TEST(intercepted_instructions_exit)
{
    static const struct {
        uint8_t code[4];
        int32_t reason;
    } rows[] = {
        {{0xf4}, CBIT_EXIT_HLT},
        {{0x0f, 0xa2}, CBIT_EXIT_CPUID},
        {{0x0f, 0x33}, CBIT_EXIT_RDPMC},
        {{0x0f, 0xaa}, CBIT_EXIT_RSM},
        {{0x0f, 0x08}, CBIT_EXIT_INVD},
        {{0x0f, 0x01, 0xdf}, CBIT_EXIT_INVLPGA},
        {{0xec}, CBIT_EXIT_IOIO},
        {{0xe6, 0x80}, CBIT_EXIT_IOIO},
        {{0x0f, 0x32}, CBIT_EXIT_MSR},
        {{0x0f, 0x01, 0xd8}, CBIT_EXIT_VMRUN},
        {{0x0f, 0x01, 0xd9}, CBIT_EXIT_VMMCALL},
        {{0x0f, 0x01, 0xda}, CBIT_EXIT_VMLOAD},
        {{0x0f, 0x01, 0xdb}, CBIT_EXIT_VMSAVE},
        {{0x0f, 0x01, 0xdc}, CBIT_EXIT_STGI},
        {{0x0f, 0x01, 0xdd}, CBIT_EXIT_CLGI},
        {{0x0f, 0x01, 0xde}, CBIT_EXIT_SKINIT},
        {{0x0f, 0x09}, CBIT_EXIT_WBINVD},
        {{0x0f, 0x01, 0xc8}, CBIT_EXIT_MONITOR},
        {{0x0f, 0x01, 0xc9}, CBIT_EXIT_MWAIT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        teardown();
        setup();
        run(rows[i].code, 4);
        expect(rows[i].reason, 0x1000);
    }
}
END_TEST

START_TEST(instructions_that_nobody_intercepts_go_on)
{
    small_guest_vmcb(guest, CBIT_VMCB_INTERCEPT_3,
                     CBIT_INTERCEPT_BIT(CBIT_EXIT_HLT) | CBIT_INTERCEPT_BIT(CBIT_EXIT_SHUTDOWN), 4);
    RUN(0x0f, 0xa2, 0x0f, 0x31, 0xec); /* CPUID, RDTSC, IN AL, DX; then HLT */
    expect(CBIT_EXIT_HLT, 0x1005);
}
END_TEST

START_TEST(port_accesses_say_what_they_are)
{
    RUN(0xe6, 0x80); /* OUT 80h, AL: write, 8 bits */
    expect(CBIT_EXIT_IOIO, 0x1000);
    ck_assert_uint_eq(guest->exit.info1, 0x00800010);
    ck_assert_uint_eq(guest->exit.info2, 0x1002);
    ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_NEXT_RIP, 8), 0x1002);
    teardown();
    setup();
    RUN(0xe5, 0x60); /* IN EAX, 60h: read, 32 bits */
    ck_assert_uint_eq(guest->exit.info1, 0x00600041);
}
END_TEST

START_TEST(writes_of_machine_registers_say_so)
{
    RUN(0x0f, 0x30);
    expect(CBIT_EXIT_MSR, 0x1000);
    ck_assert_uint_eq(guest->exit.info1, 1);
}
END_TEST

START_TEST(undefined_and_absent_instructions_raise_ud)
{
    static const uint8_t codes[][6] = {
        {0x0f, 0x0b},                         /* UD2 */
        {0x06},                               /* PUSH ES, not in 64-bit mode */
        {0x0f, 0x01, 0xc1},                   /* VMCALL: not on this processor */
        {0xc7, 0xf8, 0, 0, 0, 0},             /* XBEGIN */
        {0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc0}, /* AVX-512 */
        {0xc5, 0xf8, 0x58, 0xc0},             /* AVX with CR4.OSXSAVE clear */
        {0x0f, 0x58, 0xc0},                   /* SSE with CR4.OSFXSR clear */
        {0x0f, 0x05},                         /* SYSCALL with EFER.SCE clear */
        {0x0f, 0x01, 0xd1},                   /* XSETBV with CR4.OSXSAVE clear */
        {0xf0, 0x90},                         /* LOCK NOP */
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        teardown();
        setup();
        intercept_exceptions();
        run(codes[i], 6);
        expect(CBIT_EXIT_EXCP_UD, 0x1000);
    }
    teardown();
    setup();
    RUN(0x0f, 0x0b); /* nowhere to deliver it */
    expect(CBIT_EXIT_SHUTDOWN, 0x1000);
}
END_TEST

START_TEST(privilege_is_looked_at_before_the_intercept)
{
    small_guest_vmcb(guest, CBIT_VMCB_CPL, 3, 1);
    intercept_exceptions();
    RUN(0xf4);
    expect(CBIT_EXIT_EXCP_GP, 0x1000);
    teardown();
    setup();
    small_guest_vmcb(guest, CBIT_VMCB_CPL, 3, 1);
    intercept_exceptions();
    RUN(0xec); /* IOPL is 0 */
    expect(CBIT_EXIT_EXCP_GP, 0x1000);
}
END_TEST

START_TEST(control_registers_exit_if_wanted)
{
    small_guest_vmcb(guest, CBIT_VMCB_INTERCEPT_CR, 1U << (16 + 3) | 1U << 4, 4);
    RUN(0x0f, 0x22, 0xd8); /* MOV CR3, RAX */
    expect(0x13, 0x1000);
    teardown();
    setup();
    small_guest_vmcb(guest, CBIT_VMCB_INTERCEPT_CR, 1U << (16 + 3) | 1U << 4, 4);
    RUN(0x0f, 0x20, 0xe0); /* MOV RAX, CR4 */
    expect(0x04, 0x1000);
    teardown();
    setup();
    RUN(0x0f, 0x20, 0xe0);
    expect(CBIT_EXIT_HLT, 0x1003);
}
END_TEST

START_TEST(branches_set_rip)
{
    RUN(0xeb, 0x0e); /* JMP +14 to 0x1010, where HLT is */
    expect(CBIT_EXIT_HLT, 0x1010);
    teardown();
    setup();
    small_guest_vmcb(guest, CBIT_VMCB_RFLAGS, 0x42, 8); /* ZF */
    RUN(0x74, 0x0e);                                    /* JZ */
    expect(CBIT_EXIT_HLT, 0x1010);
    teardown();
    setup();
    RUN(0x74, 0x0e);
    expect(CBIT_EXIT_HLT, 0x1002);
    teardown();
    setup();
    RUN(0xe8, 0x0b, 0, 0, 0); /* CALL 0x1010 */
    expect(CBIT_EXIT_HLT, 0x1010);
    ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_RSP, 8), 0x7ff8);
}
END_TEST

START_TEST(registers_hold_what_the_vmcb_says_until_written)
{
    small_guest_vmcb(guest, CBIT_VMCB_RAX, 0x1020, 8);
    RUN(0xff, 0xe0); /* JMP RAX */
    expect(CBIT_EXIT_HLT, 0x1020);
    /* Written first: a random address, hardly ever canonical. */
    teardown();
    setup();
    intercept_exceptions();
    small_guest_vmcb(guest, CBIT_VMCB_RAX, 0x1020, 8);
    RUN(0x48, 0xff, 0xc0, 0xff, 0xe0); /* INC RAX; JMP RAX */
    expect(CBIT_EXIT_EXCP_GP, 0x1003);
}
END_TEST

START_TEST(memory_operands_are_translated_and_read)
{
    uint64_t target = 0x1030;
    small_guest_put(guest, 0x5008, SMALL_ASID, &target, 8);
    small_guest_vmcb(guest, CBIT_VMCB_RAX, 0x5000, 8);
    RUN(0xff, 0x60, 0x08); /* JMP [RAX+8] */
    expect(CBIT_EXIT_HLT, 0x1030);
    teardown();
    setup();
    intercept_exceptions();
    small_guest_set_entry(guest, 0x5000, 0);
    small_guest_vmcb(guest, CBIT_VMCB_RAX, 0x5000, 8);
    RUN(0x8b, 0x18); /* MOV EBX, [RAX] */
    expect(CBIT_EXIT_EXCP_PF, 0x1000);
    ck_assert_uint_eq(guest->exit.info2, 0x5000);
}
END_TEST

START_TEST(stores_fault_but_never_write)
{
    uint64_t before = 0x1111, after;
    small_guest_put(guest, 0x5000, SMALL_ASID, &before, 8);
    small_guest_vmcb(guest, CBIT_VMCB_RAX, 0x5000, 8);
    RUN(0x48, 0x89, 0x00); /* MOV [RAX], RAX */
    expect(CBIT_EXIT_HLT, 0x1003);
    small_guest_get(guest, 0x5000, SMALL_ASID, &after, 8);
    ck_assert_uint_eq(after, before);
    teardown();
    setup();
    small_guest_set_nested(guest, 0x7000, 0);
    RUN(0x50); /* PUSH RAX: the stack is below 0x8000 */
    expect(CBIT_EXIT_NPF, 0x1000);
    ck_assert_uint_eq(guest->exit.info2, 0x7ff8);
    ck_assert_uint_eq(guest->exit.info1, CBIT_NPF_FINAL | CBIT_PF_U | CBIT_PF_W);
}
END_TEST

START_TEST(a_loop_ends_with_the_budget)
{
    RUN(0xeb, 0xfe); /* JMP $ */
    expect(CBIT_EXIT_BUDGET, 0x1000);
}
END_TEST

START_TEST(code_that_runs_into_an_unmapped_page_faults_there)
{
    intercept_exceptions();
    small_guest_set_entry(guest, 0x2000, 0);
    uint8_t nops[16];
    memset(nops, 0x90, sizeof nops);
    small_guest_code(guest, 0x1ff0, nops, 16);
    nops[15] = 0x0f; /* the first byte of a longer one */
    small_guest_put(guest, 0x1ff0, SMALL_ASID, nops, 16);
    small_guest_run(guest);
    expect(CBIT_EXIT_EXCP_PF, 0x1fff);
    ck_assert_uint_eq(guest->exit.info1, CBIT_PF_I);
    ck_assert_uint_eq(guest->exit.info2, 0x2000);
}
END_TEST

START_TEST(too_long_instructions_raise_gp)
{
    intercept_exceptions();
    RUN(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
        0x90);
    expect(CBIT_EXIT_EXCP_GP, 0x1000);
}
END_TEST

START_TEST(flat_32_bit_code_is_decoded_as_such)
{
    small_guest_vmcb(guest, CBIT_VMCB_CR0, CBIT_CR0_PE, 8);
    small_guest_vmcb(guest, CBIT_VMCB_EFER, CBIT_EFER_SVME, 8);
    small_guest_vmcb(guest, CBIT_VMCB_CS + CBIT_VMCB_SEGMENT_ATTRIBUTES, 0xc9b, 2);
    RUN(0x40, 0x06); /* INC EAX; PUSH ES */
    expect(CBIT_EXIT_HLT, 0x1002);
    ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_RSP, 8), 0x7ffc);
}
END_TEST

START_TEST(the_same_seed_ends_the_same_way)
{
    /* Registers that nobody knows: the outcome follows the seed, twice the same. */
    static const uint8_t code[] = {0x48, 0xff, 0xc0, 0x8b, 0x18};
    run(code, sizeof code);
    cbit_exit_t first = guest->exit;
    teardown();
    setup();
    run(code, sizeof code);
    ck_assert_int_eq(guest->exit.reason, first.reason);
    ck_assert_uint_eq(guest->exit.info2, first.info2);
    ck_assert_uint_eq(guest->exit.at_ps, first.at_ps);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("instruction_check");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, intercepted_instructions_exit);
    tcase_add_test(tcase, instructions_that_nobody_intercepts_go_on);
    tcase_add_test(tcase, port_accesses_say_what_they_are);
    tcase_add_test(tcase, writes_of_machine_registers_say_so);
    tcase_add_test(tcase, undefined_and_absent_instructions_raise_ud);
    tcase_add_test(tcase, privilege_is_looked_at_before_the_intercept);
    tcase_add_test(tcase, control_registers_exit_if_wanted);
    tcase_add_test(tcase, branches_set_rip);
    tcase_add_test(tcase, registers_hold_what_the_vmcb_says_until_written);
    tcase_add_test(tcase, memory_operands_are_translated_and_read);
    tcase_add_test(tcase, stores_fault_but_never_write);
    tcase_add_test(tcase, a_loop_ends_with_the_budget);
    tcase_add_test(tcase, code_that_runs_into_an_unmapped_page_faults_there);
    tcase_add_test(tcase, too_long_instructions_raise_gp);
    tcase_add_test(tcase, flat_32_bit_code_is_decoded_as_such);
    tcase_add_test(tcase, the_same_seed_ends_the_same_way);
    suite_add_tcase(suite, tcase);
    return suite;
}
