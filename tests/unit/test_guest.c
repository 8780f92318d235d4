/*
 * The guest's software on the smallest machine that can run it: memory as an array, and a walk of
 * the page tables that are in it. What the image says must be enough.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "cbit/workloads/guest.h"
#include "tests/support/cbit_test.h"

enum { C_BIT = 47, MEMORY_BYTES = 8 << 20 };
#define C_MASK (UINT64_C(1) << C_BIT)

/* Check's own assertions make a system call each: too slow for what is held millions of times. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

typedef struct machine {
    uint8_t *memory;
    cbit_trace_reader_t *reader;
    cbit_trace_source_t source;
    cbit_guest_t *guest;
    uint64_t cr3; /* 0: not paged */
    uint64_t private_accesses, shared_accesses, exits;
    uint64_t kernel_loads[2]; /* of the driver since the last exit: shared, private */
    bool encrypted;
    bool corrupt_next_load;
} machine_t;

static void open_machine(machine_t *machine, const char *trace, bool encrypted, uint64_t limit)
{
    char path[512];
    uint32_t count;
    *machine = (machine_t){.memory = calloc(1, MEMORY_BYTES), .encrypted = encrypted};
    (void)snprintf(path, sizeof path, "%s/workloads/traces/%s", CBIT_SOURCE_DIR, trace);
    ck_assert_int_eq(cbit_trace_reader_open(path, CBIT_ERR_OPEN, &machine->reader, NULL),
                     CBIT_ERR_OK);
    machine->source = cbit_trace_reader_source(machine->reader);
    const cbit_guest_config_t config = {.memory_bytes = MEMORY_BYTES,
                                        .c_bit = C_BIT,
                                        .encrypted = encrypted,
                                        .seed = cbit_test_seed(),
                                        .io_room_bytes = CBIT_GUEST_IO_MAX_BYTES,
                                        .max_instructions = limit};
    ck_assert_int_eq(cbit_guest_create(&config, &machine->source, &machine->guest, NULL),
                     CBIT_ERR_OK);
    const cbit_guest_piece_t *pieces = cbit_guest_pieces(machine->guest, &count);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(machine->memory + pieces[i].gpa, pieces[i].bytes, pieces[i].len_bytes);
    }
    /* What no image covers holds noise, as memory of a machine that was used before does. */
    for (uint32_t gpa = 0; gpa < MEMORY_BYTES; gpa += 4096) {
        if (cbit_guest_area_at(machine->guest, gpa) == CBIT_GUEST_AREA_NONE) {
            memset(machine->memory + gpa, 0x5a, 4096);
        }
    }
}

static void close_machine(machine_t *machine)
{
    cbit_guest_destroy(machine->guest);
    machine->source.destroy(machine->source.self);
    free(machine->memory);
}

static uint64_t read_u64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* Through the tables in memory; *c_bit is that of the leaf. */
static uint64_t translate(const machine_t *machine, uint64_t gva, bool *c_bit, uint64_t *leaf)
{
    uint64_t entry = machine->cr3;
    for (int level = 3; level >= 0; level--) {
        uint64_t table = entry & UINT64_C(0x000ffffffffff000) & ~C_MASK;
        MUST(table < MEMORY_BYTES);
        entry = read_u64(machine->memory + table + (gva >> (12 + 9 * level) & 0x1ff) * 8);
        MUST((entry & 1) != 0); /* mapped */
    }
    *c_bit = (entry & C_MASK) != 0;
    *leaf = entry;
    return (entry & UINT64_C(0x000ffffffffff000) & ~C_MASK) | (gva & 0xfff);
}

static uint8_t *at_gva(machine_t *machine, const cbit_op_t *op)
{
    bool c_bit = true;
    uint64_t leaf = 0, gpa = op->gva;
    if (machine->cr3 != 0) {
        gpa = translate(machine, op->gva, &c_bit, &leaf);
        uint64_t known;
        MUST(cbit_guest_translate(machine->guest, op->gva, &known));
        MUST(known == gpa);
        bool is_private = cbit_guest_area_at(machine->guest, gpa) == CBIT_GUEST_AREA_PRIVATE;
        MUST(c_bit == (machine->encrypted && is_private));
        MUST(op->kind != CBIT_OP_FETCH || leaf >> 63 == 0); /* executable */
    }
    if (op->kind != CBIT_OP_FETCH) {
        machine->private_accesses += c_bit;
        machine->shared_accesses += !c_bit;
        machine->kernel_loads[c_bit] += op->kind == CBIT_OP_LOAD && op->gva >> 63 != 0;
    }
    return machine->memory + gpa;
}

/* Does one operation; false at the end. */
static bool step(machine_t *machine, const cbit_program_t *program, cbit_op_t *op)
{
    MUST(program->next(program->self, op));
    switch (op->kind) {
    case CBIT_OP_FETCH:
        MUST(op->size_bytes >= 1 && op->size_bytes <= 64);
        MUST(memcmp(at_gva(machine, op), op->data, op->size_bytes) == 0);
        program->on_data(program->self, op, op->data);
        break;
    case CBIT_OP_LOAD: {
        uint8_t bytes[64];
        MUST(op->gva % 64 + op->size_bytes <= 64);
        memcpy(bytes, at_gva(machine, op), op->size_bytes);
        bytes[0] ^= machine->corrupt_next_load;
        machine->corrupt_next_load = false;
        program->on_data(program->self, op, bytes);
        break;
    }
    case CBIT_OP_STORE:
        MUST(op->gva % 64 + op->size_bytes <= 64);
        memcpy(at_gva(machine, op), op->data, op->size_bytes);
        break;
    case CBIT_OP_WRITE_CR3:
        machine->cr3 = op->value;
        break;
    case CBIT_OP_IO:
        machine->exits++;
        machine->kernel_loads[0] = machine->kernel_loads[1] = 0;
        break;
    case CBIT_OP_END:
        return false;
    default:
        break;
    }
    return true;
}

static void run_to_end(machine_t *machine)
{
    cbit_op_t op;
    const cbit_program_t *program = cbit_guest_program(machine->guest, 0);
    while (step(machine, program, &op)) {
    }
}

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
    while (step(&machine, program, &op)) {
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

/* ---- I/O ---- */

typedef struct io_case {
    cbit_guest_io_pages_t pages;
    bool from_device;
    uint64_t copied_bytes; /* of 8 KiB: map, and sync when it comes from the device */
    bool shared;
    /* Lines that the driver reads after the answer: 8192 / 64, in the bounce buffer and behind it;
       and the used ring's index, element, and index again. */
    uint32_t shared_loads, private_loads;
} io_case_t;

static const io_case_t io_cases[] = {
    {CBIT_GUEST_IO_PRIVATE, false, 0, false, 3, 0},
    {CBIT_GUEST_IO_PRIVATE, true, 0, false, 3, 128},
    {CBIT_GUEST_IO_SHARED, false, 0, true, 3, 0},
    {CBIT_GUEST_IO_SHARED, true, 0, true, 131, 0},
    {CBIT_GUEST_IO_BOUNCED, false, 8192, true, 3, 0},
    {CBIT_GUEST_IO_BOUNCED, true, 16384, true, 131, 128},
};

/* The device's answer to the only chain of the real device's queue: used element, index, interrupt.
 */
static void answer(machine_t *machine, uint32_t id)
{
    uint8_t *ring = machine->memory + cbit_guest_queue_gpa(machine->guest, 0, 0);
    const uint8_t *avail = ring + CBIT_VIRTQ_AVAIL;
    uint32_t head = avail[4], found;
    ck_assert_uint_eq(avail[2], 1); /* the index behind the first chain */
    ck_assert(cbit_guest_io_at_head(machine->guest, 0, CBIT_GUEST_DEVICE_REAL, head, &found));
    ck_assert_uint_eq(found, id);
    ring[CBIT_VIRTQ_USED + 4] = (uint8_t)head;
    ring[CBIT_VIRTQ_USED + 2] = 1;
    cbit_guest_io_interrupt(machine->guest, 0);
}

/* The device's side of a transfer: all of it is what it should be, or is made so. */
static void serve(machine_t *machine, const cbit_guest_io_status_t *status, uint64_t pattern)
{
    uint8_t line[64];
    for (uint32_t at = 0; at < status->bytes; at += 64) {
        cbit_guest_io_pattern(pattern, at, line, sizeof line);
        if (status->from_device) {
            memcpy(machine->memory + status->gpa + at, line, sizeof line);
        } else {
            ck_assert_mem_eq(machine->memory + status->gpa + at, line, sizeof line);
        }
    }
}

START_TEST(a_transfer_arrives_whatever_the_pages)
{
    const io_case_t *wanted = &io_cases[_i];
    machine_t machine;
    cbit_op_t op;
    uint32_t id;
    cbit_guest_io_status_t status;
    open_machine(&machine, "xz.cbt", true, 20000);
    const cbit_program_t *program = cbit_guest_program(machine.guest, 0);
    const cbit_guest_io_t io = {
        .pages = wanted->pages, .from_device = wanted->from_device, .bytes = 8192, .pattern = 77};
    ck_assert_int_eq(cbit_guest_io_request(machine.guest, 0, &io, &id, NULL), CBIT_ERR_OK);
    while (step(&machine, program, &op)) {
        if (op.kind == CBIT_OP_IO) {
            ck_assert_uint_eq(op.value, UINT64_C(0xcb170040)); /* OUT, 32 bits, port 0xcb17 */
            ck_assert(cbit_guest_io_status(machine.guest, 0, id, &status));
            ck_assert_int_eq(status.state, CBIT_GUEST_IO_AT_DEVICE);
            ck_assert_int_eq(cbit_guest_area_at(machine.guest, status.gpa),
                             wanted->shared ? CBIT_GUEST_AREA_SHARED : CBIT_GUEST_AREA_PRIVATE);
            serve(&machine, &status, io.pattern);
            answer(&machine, id);
        }
        MUST(op.kind != CBIT_OP_HLT);
    }
    ck_assert_uint_eq(machine.exits, 1);
    ck_assert(cbit_guest_io_status(machine.guest, 0, id, &status));
    ck_assert_int_eq(status.state, CBIT_GUEST_IO_DONE);
    ck_assert_uint_eq(status.mismatches, 0);
    ck_assert_uint_eq(status.copied_bytes, wanted->copied_bytes);
    ck_assert_uint_eq(machine.kernel_loads[0], wanted->shared_loads);
    ck_assert_uint_eq(machine.kernel_loads[1], wanted->private_loads);
    close_machine(&machine);
}
END_TEST

START_TEST(a_device_that_answers_wrongly_is_found_out)
{
    machine_t machine;
    cbit_op_t op;
    uint32_t id;
    cbit_guest_io_status_t status;
    open_machine(&machine, "xz.cbt", true, 20000);
    const cbit_program_t *program = cbit_guest_program(machine.guest, 0);
    const cbit_guest_io_t io = {
        .pages = CBIT_GUEST_IO_BOUNCED, .from_device = true, .bytes = 4096, .pattern = 1};
    ck_assert_int_eq(cbit_guest_io_request(machine.guest, 0, &io, &id, NULL), CBIT_ERR_OK);
    while (step(&machine, program, &op)) {
        if (op.kind == CBIT_OP_IO) {
            ck_assert(cbit_guest_io_status(machine.guest, 0, id, &status));
            serve(&machine, &status, io.pattern);
            machine.memory[status.gpa + 100] ^= 1;
            answer(&machine, id);
        }
    }
    ck_assert(cbit_guest_io_status(machine.guest, 0, id, &status));
    ck_assert_uint_eq(status.mismatches, 1);
    close_machine(&machine);
}
END_TEST

START_TEST(a_guest_whose_device_never_answers_halts)
{
    machine_t machine;
    cbit_op_t op;
    uint32_t id;
    open_machine(&machine, "xz.cbt", true, 20000);
    const cbit_program_t *program = cbit_guest_program(machine.guest, 0);
    const cbit_guest_io_t io = {.pages = CBIT_GUEST_IO_SHARED, .bytes = 64};
    ck_assert_int_eq(cbit_guest_io_request(machine.guest, 0, &io, &id, NULL), CBIT_ERR_OK);
    do {
        MUST(step(&machine, program, &op));
    } while (op.kind != CBIT_OP_HLT);
    ck_assert(!cbit_guest_ended(machine.guest, 0));
    answer(&machine, id);
    run_to_end(&machine);
    ck_assert(cbit_guest_ended(machine.guest, 0));
    close_machine(&machine);
}
END_TEST

START_TEST(requests_beyond_the_queue_and_of_bad_size_are_refused)
{
    machine_t machine;
    uint32_t id;
    open_machine(&machine, "xz.cbt", true, 20000);
    cbit_guest_io_t io = {.pages = CBIT_GUEST_IO_SHARED, .bytes = 64};
    for (uint32_t i = 0; i < CBIT_GUEST_IO_QUEUE; i++) {
        ck_assert_int_eq(cbit_guest_io_request(machine.guest, 0, &io, &id, NULL), CBIT_ERR_OK);
    }
    ck_assert_int_eq(cbit_guest_io_request(machine.guest, 0, &io, &id, NULL), CBIT_ERR_CONFLICT);
    static const uint32_t bad[] = {0, 32, 100, CBIT_GUEST_IO_MAX_BYTES + 64};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        io.bytes = bad[i];
        ck_assert_int_eq(cbit_guest_io_request(machine.guest, 0, &io, &id, NULL), CBIT_ERR_RANGE);
    }
    close_machine(&machine);
}
END_TEST

/* ---- what does not fit ---- */

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
    TCase *io = tcase_create("I/O");
    tcase_add_loop_test(io, a_transfer_arrives_whatever_the_pages, 0,
                        sizeof io_cases / sizeof io_cases[0]);
    tcase_add_test(io, a_device_that_answers_wrongly_is_found_out);
    tcase_add_test(io, a_guest_whose_device_never_answers_halts);
    tcase_add_test(io, requests_beyond_the_queue_and_of_bad_size_are_refused);
    suite_add_tcase(suite, io);
    return suite;
}
