/* The hart: what instructions do, what they cost, when it stops, how it traps. */
#include <stdlib.h>
#include <string.h>

#include "cbit_test.h"
#include "model/sp/hart.h"
#include "tests/unit/hart_asm.h"

enum {
    ROM = 0x1000,
    RAM = 0x20000,
    SIZE = 0x1000,
    DEVICE = 0x50000,
    HANDLER = RAM + 0x800, /* where tests put mtvec */
    UNLIMITED = 1000000,
};

static uint8_t rom[SIZE], ram[SIZE];
static hart_t hart;
static uint32_t device_value, device_writes;

static bool bus_read(void *self, uint32_t address, uint32_t *value)
{
    (void)self;
    *value = device_value;
    return address == DEVICE;
}

static bool bus_write(void *self, uint32_t address, uint32_t value)
{
    (void)self;
    device_value = value;
    device_writes++;
    return address == DEVICE;
}

static void setup(void)
{
    static const hart_region_t regions[HART_REGIONS] = {
        {.base = ROM, .size_bytes = SIZE, .bytes = rom},
        {.base = RAM, .size_bytes = SIZE, .bytes = ram, .writable = true},
    };
    static const hart_bus_t bus = {.read = bus_read, .write = bus_write};
    cbit_sp_config_t config;
    cbit_sp_config_default(&config);
    memset(rom, 0, SIZE);
    memset(ram, 0, SIZE);
    device_value = device_writes = 0;
    ck_assert(hart_init(&hart, regions, &bus, &config.hart, RAM));
}

static void teardown(void)
{
    hart_free(&hart);
}

static void place(uint32_t address, uint32_t word)
{
    memcpy(ram + (address - RAM), &word, 4);
}

static void place_half(uint32_t address, uint16_t half)
{
    memcpy(ram + (address - RAM), &half, 2);
}

/* Runs exactly n instructions that touch nothing outside. */
static void run(uint32_t n)
{
    uint32_t budget = n;
    while (budget > 0) {
        hart_stop_t stop = hart_run(&hart, UINT64_MAX, &budget, false);
        ck_assert(stop == HART_STOP_BUDGET || stop == HART_STOP_YIELD);
    }
}

START_TEST(division_never_traps)
{
    const struct {
        uint32_t a, b, quotient, remainder;
    } cases[] = {
        {7, 2, 3, 1},
        {(uint32_t)-7, 2, (uint32_t)-3, (uint32_t)-1},
        {7, (uint32_t)-2, (uint32_t)-3, 1},
        {5, 0, UINT32_MAX, 5},
        {0x80000000u, UINT32_MAX, 0x80000000u, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hart.pc = RAM;
        place(RAM, ASM_DIV(3, 1, 2));
        place(RAM + 4, ASM_REM(4, 1, 2));
        hart.x[1] = cases[i].a;
        hart.x[2] = cases[i].b;
        run(2);
        ck_assert_uint_eq(hart.x[3], cases[i].quotient);
        ck_assert_uint_eq(hart.x[4], cases[i].remainder);
    }
}
END_TEST

START_TEST(register_zero_stays_zero)
{
    place(RAM, ASM_ADDI(0, 0, 5));
    place(RAM + 4, ASM_ADD(1, 0, 0));
    hart.x[1] = 9;
    run(2);
    ck_assert_uint_eq(hart.x[0], 0);
    ck_assert_uint_eq(hart.x[1], 0);
}
END_TEST

/* alu 1 + mul 1 + load 2 + store 2 + branch not taken 1 + branch taken 3 + div 38 = 48 clocks. */
START_TEST(every_class_costs_its_row)
{
    const uint32_t program[] = {
        ASM_ADDI(1, 0, 1),
        ASM_MUL(2, 1, 1),
        ASM_LW(3, 5, 0x700),
        ASM_SW(3, 5, 0x704),
        ASM_BNE(0, 0, 8),
        ASM_BEQ(0, 0, 8),
        0,
        ASM_DIV(4, 1, 1),
    };
    hart.x[5] = RAM;
    for (uint32_t i = 0; i < 8; i++) {
        place(RAM + 4 * i, program[i]);
    }
    run(7);
    ck_assert_uint_eq(hart.cycle, 48);
    ck_assert_uint_eq(hart.retired, 7);
    ck_assert_uint_eq(hart.pc, RAM + 32);
}
END_TEST

START_TEST(a_store_undoes_the_decoding_of_what_it_overwrites)
{
    place(RAM, ASM_ADDI(1, 0, 1));
    run(1);
    ck_assert_uint_eq(hart.x[1], 1);
    /* The upper half of the decoded instruction alone: its immediate becomes 2. */
    place(RAM + 0x10, ASM_SH(2, 3, 2));
    place(RAM + 0x14, asm_jal(0, -0x14));
    hart.x[2] = ASM_ADDI(1, 0, 2) >> 16;
    hart.x[3] = RAM;
    hart.pc = RAM + 0x10;
    run(3);
    ck_assert_uint_eq(hart.x[1], 2);
}
END_TEST

START_TEST(memory_written_by_a_device_is_decoded_again)
{
    place(RAM, ASM_ADDI(1, 0, 1));
    run(1);
    place(RAM, ASM_ADDI(1, 0, 7));
    hart_memory_written(&hart, RAM + 3, 1);
    hart.pc = RAM;
    run(1);
    ck_assert_uint_eq(hart.x[1], 7);
}
END_TEST

/* c.li x8, 5 is 0x4415: placed as the upper half of a LUI, reached by a jump. */
START_TEST(the_second_half_of_an_instruction_is_one_too)
{
    place(RAM, 0x44150037u); /* lui x0, 0x44150 */
    run(1);
    hart.pc = RAM + 2;
    run(1);
    ck_assert_uint_eq(hart.x[8], 5);
    ck_assert_uint_eq(hart.pc, RAM + 4);
}
END_TEST

START_TEST(reserved_compressed_encodings_are_illegal)
{
    /* all zero; c.lui x1, 0; c.addi16sp 0; c.lwsp x0; c.jr x0; c.srli with shift bit 5; quadrant 0
       and 2 floating point; c.subw */
    static const uint16_t words[] = {0x0000, 0x6081, 0x6101, 0x4002, 0x8002,
                                     0x9005, 0x2000, 0x2002, 0x9c01};
    hart.mtvec = HANDLER;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        hart.pc = RAM + 0x100;
        hart.mcause = 0;
        place_half(RAM + 0x100, words[i]);
        hart_memory_written(&hart, RAM + 0x100, 2);
        uint32_t budget = 1;
        hart_run(&hart, UINT64_MAX, &budget, false);
        ck_assert_msg(hart.mcause == HART_CAUSE_ILLEGAL, "%04x did not trap", words[i]);
        ck_assert_uint_eq(hart.mepc, RAM + 0x100);
        ck_assert_uint_eq(hart.mtval, words[i]);
        ck_assert_uint_eq(hart.pc, HANDLER);
    }
}
END_TEST

static void expect_trap(uint32_t instruction, uint32_t cause, uint32_t tval)
{
    hart.pc = RAM;
    hart.mtvec = HANDLER;
    hart.mstatus = 8;
    place(RAM, instruction);
    hart_memory_written(&hart, RAM, 4);
    uint32_t budget = 1;
    ck_assert_int_eq(hart_run(&hart, UINT64_MAX, &budget, true), HART_STOP_YIELD);
    ck_assert_uint_eq(hart.mcause, cause);
    ck_assert_uint_eq(hart.mtval, tval);
    ck_assert_uint_eq(hart.mepc, RAM);
    ck_assert_uint_eq(hart.pc, HANDLER);
    ck_assert_uint_eq(hart.mstatus, 0x80); /* MIE moved to MPIE */
    ck_assert_uint_eq(hart.retired, 0);
}

START_TEST(bad_accesses_trap_with_cause_and_address)
{
    hart.x[5] = RAM;
    expect_trap(ASM_LW(1, 5, 2), HART_CAUSE_LOAD_MISALIGNED, RAM + 2);
    expect_trap(ASM_LH(1, 5, 1), HART_CAUSE_LOAD_MISALIGNED, RAM + 1);
    expect_trap(ASM_SW(1, 5, 6), HART_CAUSE_STORE_MISALIGNED, RAM + 6);
    expect_trap(ASM_LW(1, 0, 0), HART_CAUSE_LOAD_FAULT, 0);
    expect_trap(ASM_SW(1, 0, 64), HART_CAUSE_STORE_FAULT, 64);
    hart.x[5] = ROM;
    expect_trap(ASM_SW(1, 5, 0), HART_CAUSE_STORE_FAULT, ROM);
    hart.x[5] = DEVICE;
    expect_trap(ASM_LB(1, 5, 0), HART_CAUSE_LOAD_FAULT, DEVICE); /* devices take words only */
    expect_trap(ASM_LW(1, 5, 4), HART_CAUSE_LOAD_FAULT, DEVICE + 4);
    expect_trap(ASM_ECALL, HART_CAUSE_ECALL, 0);
    expect_trap(ASM_EBREAK, HART_CAUSE_BREAKPOINT, RAM);
    expect_trap(0xffffffffu, HART_CAUSE_ILLEGAL, 0xffffffffu);
    expect_trap(ASM_CSRRS(1, 0x7c0, 0), HART_CAUSE_ILLEGAL, 0);
    expect_trap(ASM_CSRRW(0, 0xf14, 1), HART_CAUSE_ILLEGAL, 0); /* read-only */
}
END_TEST

/* PMP: entry 0 is the base, entry 1 (TOR) what these tests are about; locked, or it does not bind.
 */
static void protect(uint32_t first, uint32_t end, uint32_t cfg)
{
    ck_assert(hart_csr_write(&hart, HART_CSR_PMPADDR0, first >> 2));
    ck_assert(hart_csr_write(&hart, HART_CSR_PMPADDR0 + 1, end >> 2));
    ck_assert(hart_csr_write(&hart, HART_CSR_PMPCFG0, cfg << 8));
}

START_TEST(locked_entries_hold_loads_stores_and_fetches)
{
    protect(RAM + 0x100, RAM + 0x140, 0x89); /* L TOR r-- */
    hart.x[5] = RAM + 0x100;
    expect_trap(ASM_SW(1, 5, 0), HART_CAUSE_STORE_FAULT, RAM + 0x100);
    expect_trap(ASM_SW(1, 5, 60), HART_CAUSE_STORE_FAULT, RAM + 0x13c);
    expect_trap(asm_s(0, 5, 1, 63), HART_CAUSE_STORE_FAULT, RAM + 0x13f);
    place(RAM, ASM_LW(1, 5, 0));
    place(RAM + 4, ASM_SW(1, 5, 64)); /* beyond */
    place(RAM + 8, ASM_SW(1, 5, -4));
    place(RAM + 12, ASM_JALR(0, 5, 0));
    hart_memory_written(&hart, RAM, 16);
    hart.pc = RAM;
    hart.retired = 0;
    run(4);
    ck_assert_uint_eq(hart.retired, 4);
    run(1);
    ck_assert_uint_eq(hart.mcause, HART_CAUSE_FETCH_FAULT);
    ck_assert_uint_eq(hart.mepc, RAM + 0x100);
}
END_TEST

START_TEST(an_entry_that_is_not_locked_does_not_bind_and_a_locked_one_stays)
{
    uint32_t value;
    protect(RAM + 0x100, RAM + 0x140, 0x08); /* TOR ---, not locked */
    hart.x[5] = RAM + 0x100;
    place(RAM, ASM_SW(1, 5, 0));
    run(1);
    ck_assert_uint_eq(hart.pc, RAM + 4);
    hart_csr_write(&hart, HART_CSR_PMPCFG0, 0x8a00); /* W without R is reserved: not taken */
    ck_assert(hart_csr_read(&hart, HART_CSR_PMPCFG0, &value) && value == 0x0800);
    hart_csr_write(&hart, HART_CSR_PMPCFG0, 0x8800);
    hart_csr_write(&hart, HART_CSR_PMPCFG0, 0);
    ck_assert(hart_csr_read(&hart, HART_CSR_PMPCFG0, &value) && value == 0x8800);
    hart_csr_write(&hart, HART_CSR_PMPADDR0, 0); /* the base of a locked TOR */
    ck_assert(hart_csr_read(&hart, HART_CSR_PMPADDR0, &value) && value == (RAM + 0x100) >> 2);
    hart.retired = 0;
    expect_trap(ASM_LW(1, 5, 0), HART_CAUSE_LOAD_FAULT, RAM + 0x100);
    hart_reset(&hart, RAM);
    ck_assert(hart_csr_read(&hart, HART_CSR_PMPCFG0, &value) && value == 0);
}
END_TEST

/* What was decoded before is not executed afterwards. */
START_TEST(code_that_ran_stops_when_it_is_locked_away)
{
    place(RAM, 0x13);
    run(1);
    protect(RAM, RAM + 0x10, 0x8b); /* L TOR rw- */
    hart.pc = RAM;
    hart.mtvec = HANDLER;
    run(1);
    ck_assert_uint_eq(hart.mcause, HART_CAUSE_FETCH_FAULT);
    ck_assert_uint_eq(hart.pc, HANDLER);
}
END_TEST

START_TEST(running_out_of_memory_is_a_fetch_fault)
{
    hart.mtvec = HANDLER;
    place(RAM + SIZE - 4, ASM_ADDI(1, 0, 1));
    hart.pc = RAM + SIZE - 4;
    uint32_t budget = 2;
    hart_run(&hart, UINT64_MAX, &budget, false);
    ck_assert_uint_eq(hart.mcause, HART_CAUSE_FETCH_FAULT);
    ck_assert_uint_eq(hart.mepc, RAM + SIZE);
    /* Half of a wide instruction is inside. */
    place_half(RAM + SIZE - 2, 0x0013);
    hart_memory_written(&hart, RAM + SIZE - 2, 2);
    hart.pc = RAM + SIZE - 2;
    budget = 1;
    hart_run(&hart, UINT64_MAX, &budget, false);
    ck_assert_uint_eq(hart.mepc, RAM + SIZE - 2);
}
END_TEST

START_TEST(jumps_cross_regions_and_branches_may_leave)
{
    uint32_t back = ASM_JALR(0, 1, 0);
    memcpy(rom + 0x20, &back, 4);
    place(RAM, ASM_JALR(1, 2, 0x20)); /* to ROM, and back to RAM + 4 */
    place(RAM + 4, ASM_ADDI(3, 0, 3));
    hart.x[2] = ROM;
    run(3);
    ck_assert_uint_eq(hart.x[3], 3);
    /* A branch below the region: not taken it does nothing, taken it faults at its target. */
    hart.mtvec = HANDLER;
    hart.pc = RAM + 8;
    place(RAM + 8, ASM_BEQ(3, 0, -0x20));
    place(RAM + 12, ASM_BNE(3, 0, -0x20));
    run(3);
    ck_assert_uint_eq(hart.mcause, HART_CAUSE_FETCH_FAULT);
    ck_assert_uint_eq(hart.mepc, RAM + 12 - 0x20);
}
END_TEST

START_TEST(a_handler_that_cannot_be_fetched_locks_the_hart)
{
    hart.mtvec = 0;
    place(RAM, ASM_ECALL);
    uint32_t budget = UNLIMITED;
    hart_stop_t stop = HART_STOP_YIELD;
    while (stop == HART_STOP_YIELD) {
        stop = hart_run(&hart, UINT64_MAX, &budget, false);
    }
    ck_assert_int_eq(stop, HART_STOP_LOCKED);
}
END_TEST

/* The load of a device runs only as the first instruction, when time has caught up. */
START_TEST(devices_are_touched_in_step_with_time)
{
    hart.x[5] = DEVICE;
    device_value = 77;
    place(RAM, ASM_ADDI(1, 0, 1));
    place(RAM + 4, ASM_LW(2, 5, 0));
    place(RAM + 8, ASM_SW(1, 5, 0));
    uint32_t budget = UNLIMITED;
    ck_assert_int_eq(hart_run(&hart, UINT64_MAX, &budget, true), HART_STOP_SYNC);
    ck_assert_uint_eq(hart.pc, RAM + 4);
    ck_assert_uint_eq(hart.cycle, 1);
    ck_assert_int_eq(hart_run(&hart, UINT64_MAX, &budget, true), HART_STOP_YIELD);
    ck_assert_uint_eq(hart.x[2], 77);
    ck_assert_uint_eq(hart.cycle, 1 + 8); /* mmio_spclk */
    ck_assert_int_eq(hart_run(&hart, UINT64_MAX, &budget, false), HART_STOP_SYNC);
    ck_assert_uint_eq(device_writes, 0);
    ck_assert_int_eq(hart_run(&hart, UINT64_MAX, &budget, true), HART_STOP_YIELD);
    ck_assert_uint_eq(device_writes, 1);
    ck_assert_uint_eq(hart.retired, 3);
}
END_TEST

START_TEST(interrupts_are_taken_by_priority_and_return)
{
    hart.mtvec = HANDLER | 1; /* vectored */
    hart.mie = 1u << HART_IRQ_TIMER | 1u << HART_IRQ_EXTERNAL;
    hart.mstatus = 8;
    place(RAM, ASM_ADDI(1, 0, 1));
    place(HANDLER + 4 * HART_IRQ_EXTERNAL, ASM_MRET);
    hart_set_irq(&hart, HART_IRQ_TIMER, true);
    hart_set_irq(&hart, HART_IRQ_EXTERNAL, true);
    uint32_t budget = 1;
    ck_assert_int_eq(hart_run(&hart, UINT64_MAX, &budget, true), HART_STOP_YIELD);
    ck_assert_uint_eq(hart.mcause, 0x80000000u | HART_IRQ_EXTERNAL);
    ck_assert_uint_eq(hart.mepc, RAM);
    ck_assert_uint_eq(hart.pc, HANDLER + 44);
    ck_assert_uint_eq(hart.cycle, 4); /* trap_spclk */
    ck_assert(!hart_interruptible(&hart));
    hart_set_irq(&hart, HART_IRQ_EXTERNAL, false);
    hart_set_irq(&hart, HART_IRQ_TIMER, false);
    run(2);
    ck_assert_uint_eq(hart.x[1], 1);
    ck_assert(hart_interruptible(&hart));
}
END_TEST

START_TEST(wfi_sleeps_until_an_enabled_line_is_up_even_with_interrupts_off)
{
    hart.mie = 1u << HART_IRQ_EXTERNAL;
    place(RAM, ASM_WFI);
    place(RAM + 4, ASM_ADDI(1, 0, 1));
    uint32_t budget = UNLIMITED;
    ck_assert_int_eq(hart_run(&hart, UINT64_MAX, &budget, true), HART_STOP_WFI);
    hart_set_irq(&hart, HART_IRQ_TIMER, true); /* not enabled */
    ck_assert_int_eq(hart_run(&hart, UINT64_MAX, &budget, true), HART_STOP_WFI);
    hart_set_irq(&hart, HART_IRQ_EXTERNAL, true);
    budget = 1;
    hart_run(&hart, UINT64_MAX, &budget, true);
    ck_assert_uint_eq(hart.x[1], 1);
    ck_assert_uint_eq(hart.mcause, 0); /* no trap was taken */
}
END_TEST

START_TEST(counters_read_the_clock_and_what_retired)
{
    place(RAM, ASM_ADDI(1, 0, 1));
    place(RAM + 4, ASM_CSRRS(2, 0xb00, 0));
    place(RAM + 8, ASM_CSRRS(3, 0xb02, 0));
    run(3);
    ck_assert_uint_eq(hart.x[2], 1); /* one clock before it */
    ck_assert_uint_eq(hart.x[3], 2); /* two instructions before it */
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("hart");
    TCase *tcase = tcase_create("instructions");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, division_never_traps);
    tcase_add_test(tcase, register_zero_stays_zero);
    tcase_add_test(tcase, every_class_costs_its_row);
    tcase_add_test(tcase, a_store_undoes_the_decoding_of_what_it_overwrites);
    tcase_add_test(tcase, memory_written_by_a_device_is_decoded_again);
    tcase_add_test(tcase, the_second_half_of_an_instruction_is_one_too);
    tcase_add_test(tcase, reserved_compressed_encodings_are_illegal);
    tcase_add_test(tcase, counters_read_the_clock_and_what_retired);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("traps");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, bad_accesses_trap_with_cause_and_address);
    tcase_add_test(tcase, locked_entries_hold_loads_stores_and_fetches);
    tcase_add_test(tcase, an_entry_that_is_not_locked_does_not_bind_and_a_locked_one_stays);
    tcase_add_test(tcase, code_that_ran_stops_when_it_is_locked_away);
    tcase_add_test(tcase, running_out_of_memory_is_a_fetch_fault);
    tcase_add_test(tcase, jumps_cross_regions_and_branches_may_leave);
    tcase_add_test(tcase, a_handler_that_cannot_be_fetched_locks_the_hart);
    tcase_add_test(tcase, interrupts_are_taken_by_priority_and_return);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("time");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, devices_are_touched_in_step_with_time);
    tcase_add_test(tcase, wfi_sleeps_until_an_enabled_line_is_up_even_with_interrupts_off);
    suite_add_tcase(suite, tcase);
    return suite;
}
