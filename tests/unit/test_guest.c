/* The guest's programs on a machine that is an array of memory. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "tests/unit/guest_machine.h"

/* 1 500 000 recorded instructions, and what boot and kernel add: 24 of the boot stub and the
   entry, the page clearings, 1 of the exit. */
START_TEST(the_recorded_program_runs_and_every_load_is_right)
{
    machine_t machine;
    cbit_guest_stats_t stats;
    open_machine(&machine, "sqlite.cbt", true, 0);
    run_to_end(&machine);
    cbit_guest_stats(machine.guest, &stats);
    ck_assert_int_eq(cbit_guest_error(machine.guest), CBIT_ERR_OK);
    ck_assert(cbit_guest_ended(machine.guest, 0));
    ck_assert_uint_eq(stats.records, cbit_trace_reader_info(machine.reader)->fetches +
                                         cbit_trace_reader_info(machine.reader)->loads +
                                         cbit_trace_reader_info(machine.reader)->stores);
    ck_assert_uint_eq(stats.load_mismatches, 0);
    ck_assert_uint_ge(stats.loads_checked, cbit_trace_reader_info(machine.reader)->loads);
    ck_assert_uint_eq(stats.fetch_mismatches, 0);
    ck_assert_uint_eq(stats.pages_generated, 0);
    /* 15 + 1 + 2 + 3 boot, 3 entry, 14 + 2 + 4 for each page's fault, mapping and clearing, 1 exit
     */
    ck_assert_uint_eq(stats.instructions, 1500000 + 24 + 20 * stats.pages_cleared + 1);
    ck_assert_uint_eq(machine.shared_accesses, 0);
    close_machine(&machine);
}
END_TEST

START_TEST(one_wrong_byte_in_a_load_is_one_mismatch)
{
    machine_t machine;
    cbit_guest_stats_t stats;
    open_machine(&machine, "xz.cbt", true, 20000);
    machine.corrupt_next_load = true;
    run_to_end(&machine);
    cbit_guest_stats(machine.guest, &stats);
    ck_assert_uint_eq(stats.load_mismatches, 1);
    close_machine(&machine);
}
END_TEST

START_TEST(a_guest_without_sev_sets_no_c_bit)
{
    machine_t machine;
    open_machine(&machine, "xz.cbt", false, 20000);
    run_to_end(&machine);
    ck_assert_uint_eq(machine.private_accesses, 0);
    ck_assert_uint_gt(machine.shared_accesses, 1000);
    close_machine(&machine);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_guest_and_another_one_another_order_of_frames)
{
    machine_t a, b;
    uint64_t gpa_a = 0, gpa_b = 0;
    open_machine(&a, "xz.cbt", true, 20000);
    open_machine(&b, "xz.cbt", true, 20000);
    run_to_end(&a);
    run_to_end(&b);
    ck_assert_mem_eq(a.memory, b.memory, MEMORY_BYTES);
    cbit_guest_destroy(b.guest);
    cbit_guest_config_t config = {.memory_bytes = MEMORY_BYTES,
                                  .c_bit = C_BIT,
                                  .encrypted = true,
                                  .seed = cbit_test_seed() + 1,
                                  .max_instructions = 20000};
    ck_assert_int_eq(cbit_guest_create(&config, &b.source, &b.guest, NULL), CBIT_ERR_OK);
    uint32_t moved = 0;
    for (uint64_t gva = 0x1ffe000000; gva < 0x1fff001000; gva += 4096) { /* the stack */
        if (cbit_guest_translate(a.guest, gva, &gpa_a)) {
            ck_assert(cbit_guest_translate(b.guest, gva, &gpa_b));
            moved += gpa_a != gpa_b;
        }
    }
    ck_assert_uint_gt(moved, 0);
    close_machine(&a);
    close_machine(&b);
}
END_TEST

static void check_decodes(const uint8_t *bytes, uint32_t len, ZydisMachineMode mode,
                          uint32_t instructions)
{
    ZydisDecoder decoder;
    ZydisDecodedInstruction instruction;
    ZydisStackWidth width =
        mode == ZYDIS_MACHINE_MODE_LONG_64 ? ZYDIS_STACK_WIDTH_64 : ZYDIS_STACK_WIDTH_32;
    uint32_t done = 0;
    ck_assert(ZYAN_SUCCESS(ZydisDecoderInit(&decoder, mode, width)));
    for (uint32_t at = 0; at < len; at += instruction.length, done++) {
        ck_assert_msg(ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes + at,
                                                                 len - at, &instruction)),
                      "byte %" PRIu32 " does not decode", at);
    }
    ck_assert_uint_eq(done, instructions);
}

/* Every byte that the guest's own code fetches decodes, into as many instructions as it counts. */
START_TEST(boot_stub_and_kernel_are_valid_code)
{
    machine_t machine;
    cbit_op_t op;
    open_machine(&machine, "xz.cbt", true, 20000);
    const cbit_program_t *program = cbit_guest_program(machine.guest, 0);
    uint32_t checked = 0;
    while (step_machine(&machine, program, &op)) {
        bool kernel = op.gva >> 63 != 0 || op.gva >> 12 == CBIT_GUEST_BOOT_GPA >> 12;
        if (op.kind == CBIT_OP_FETCH && kernel) {
            check_decodes(op.data, op.size_bytes,
                          op.gva < CBIT_GUEST_BOOT_GPA + 0x3a ? ZYDIS_MACHINE_MODE_LONG_COMPAT_32
                                                              : ZYDIS_MACHINE_MODE_LONG_64,
                          op.instructions);
            checked++;
        }
    }
    ck_assert_uint_ge(checked, 8); /* 4 of the boot stub, entry, fault, clear, exit */
    close_machine(&machine);
}
END_TEST

/* The call comes with the first record behind 5000 instructions: a gap is at most a few of them. */
START_TEST(the_end_of_the_warm_up_is_told_once)
{
    machine_t machine;
    cbit_op_t op;
    uint64_t replayed = 0, calls = 0;
    open_machine(&machine, "xz.cbt", true, 20000);
    cbit_guest_destroy(machine.guest);
    const cbit_guest_config_t config = {.memory_bytes = MEMORY_BYTES,
                                        .c_bit = C_BIT,
                                        .encrypted = true,
                                        .warm_up_instructions = 5000,
                                        .max_instructions = 20000};
    ck_assert_int_eq(cbit_guest_create(&config, &machine.source, &machine.guest, NULL),
                     CBIT_ERR_OK);
    const cbit_program_t *program = cbit_guest_program(machine.guest, 0);
    while (program->next(program->self, &op) && op.kind != CBIT_OP_END) {
        bool boot = op.gva >> 12 == CBIT_GUEST_BOOT_GPA >> 12;
        replayed += op.gva >> 63 == 0 && !boot ? op.instructions : 0; /* not the kernel's */
        if (op.kind == CBIT_OP_HYPERCALL) {
            ck_assert_uint_eq(op.value, CBIT_GUEST_HYPERCALL_MEASURE);
            ck_assert_uint_ge(replayed, 5000);
            ck_assert_uint_le(replayed, 5020);
            calls++;
        }
    }
    ck_assert_uint_eq(calls, 1);
    close_machine(&machine);
}
END_TEST

START_TEST(a_program_that_is_all_warm_up_is_refused)
{
    machine_t machine;
    cbit_guest_t *guest = NULL;
    cbit_diag_t *diag = cbit_diag_create();
    open_machine(&machine, "xz.cbt", true, 20000);
    const cbit_guest_config_t config = {
        .memory_bytes = MEMORY_BYTES, .c_bit = C_BIT, .warm_up_instructions = 1499996};
    ck_assert_int_eq(cbit_guest_create(&config, &machine.source, &guest, diag), CBIT_ERR_RANGE);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, "the program has 1499996 instructions, no more "
                                                  "than that");
    cbit_diag_destroy(diag);
    close_machine(&machine);
}
END_TEST

START_TEST(a_guest_with_too_little_memory_is_refused_with_the_reason)
{
    machine_t machine;
    cbit_guest_t *guest = NULL;
    cbit_diag_t *diag = cbit_diag_create();
    open_machine(&machine, "sqlite.cbt", true, 20000);
    cbit_guest_config_t config = {.memory_bytes = 1 << 20, .c_bit = C_BIT, .encrypted = true};
    ck_assert_int_eq(cbit_guest_create(&config, &machine.source, &guest, diag), CBIT_ERR_RANGE);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, "1048576 bytes of guest memory are not a "
                                                  "multiple of 4 KiB, at least 4 MiB");
    ck_assert_ptr_null(guest);
    cbit_diag_destroy(diag);
    close_machine(&machine);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("guest");
    TCase *program = tcase_create("program");
    tcase_set_timeout(program, 30);
    tcase_add_test(program, the_recorded_program_runs_and_every_load_is_right);
    tcase_add_test(program, one_wrong_byte_in_a_load_is_one_mismatch);
    tcase_add_test(program, a_guest_without_sev_sets_no_c_bit);
    tcase_add_test(program,
                   the_same_seed_gives_the_same_guest_and_another_one_another_order_of_frames);
    tcase_add_test(program, boot_stub_and_kernel_are_valid_code);
    tcase_add_test(program, a_guest_with_too_little_memory_is_refused_with_the_reason);
    tcase_add_test(program, the_end_of_the_warm_up_is_told_once);
    tcase_add_test(program, a_program_that_is_all_warm_up_is_refused);
    suite_add_tcase(suite, program);
    return suite;
}
