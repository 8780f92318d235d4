/* The guest's transfers with its real device. */
#include <string.h>

#include "tests/unit/guest_machine.h"

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
    while (step_machine(&machine, program, &op)) {
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
    while (step_machine(&machine, program, &op)) {
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
        MUST(step_machine(&machine, program, &op));
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

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("guest");
    TCase *tcase = tcase_create("I/O");
    tcase_add_loop_test(tcase, a_transfer_arrives_whatever_the_pages, 0,
                        sizeof io_cases / sizeof io_cases[0]);
    tcase_add_test(tcase, a_device_that_answers_wrongly_is_found_out);
    tcase_add_test(tcase, a_guest_whose_device_never_answers_halts);
    tcase_add_test(tcase, requests_beyond_the_queue_and_of_bad_size_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
