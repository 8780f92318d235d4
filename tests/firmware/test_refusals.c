/* Every refusal in the check orders of the ABI, one after the other, nothing changed by any. */
#include <string.h>

#include "cbit_test.h"
#include "tests/firmware/machine.h"

static machine_t *machine;

static void setup(void)
{
    machine = machine_create(NULL);
}

static void teardown(void)
{
    machine_destroy(machine);
}

#define REFUSED(status, call) ck_assert_uint_eq((call), SEV_STATUS_##status)

static uint32_t init(uint32_t flags, uint32_t reserved, uint64_t tmr, uint32_t tmr_length)
{
    sev_init_t init = {flags, reserved, tmr, tmr_length};
    return machine_command(machine, SEV_CMD_INIT, &init, sizeof init);
}

static uint32_t start(uint32_t handle, uint32_t policy)
{
    sev_start_t start = {.handle = handle, .policy = policy};
    return machine_command(machine, SEV_CMD_LAUNCH_START, &start, sizeof start);
}

START_TEST(unknown_commands_are_told_apart_from_missing_ones)
{
    uint8_t zeros[64] = {0};
    REFUSED(INVALID_COMMAND, machine_command(machine, 0x000, NULL, 0));
    REFUSED(INVALID_COMMAND, machine_command(machine, 0x010, NULL, 0));
    REFUSED(INVALID_COMMAND, machine_command(machine, 0x7ff, NULL, 0));
    machine_init(machine, 0);
    REFUSED(UNSUPPORTED, machine_command(machine, SEV_CMD_RING_BUFFER, zeros, 0x28));
}
END_TEST

START_TEST(a_buffer_that_is_not_memory_is_an_invalid_address)
{
    static const uint64_t bad[] = {MACHINE_MEMORY_BYTES, MACHINE_MEMORY_BYTES - 4,
                                   UINT64_MAX - 3,       UINT64_C(1) << 46,
                                   0xA0000 /* ASEG */,   0xBFFFC /* its last word */};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cbit_sp_mmio_write(machine->sp, SEV_MAILBOX_V2_ADDR_LO, (uint32_t)bad[i]);
        cbit_sp_mmio_write(machine->sp, SEV_MAILBOX_V2_ADDR_HI, (uint32_t)(bad[i] >> 32));
        cbit_sp_mmio_write(machine->sp, SEV_MAILBOX_V2_CMDRESP,
                           SEV_CMD_PLATFORM_STATUS << SEV_CMDRESP_ID_SHIFT);
        cbit_kernel_run(machine->kernel, cbit_kernel_now_ps(machine->kernel) + 100000000);
        ck_assert_uint_eq(cbit_sp_mmio_read(machine->sp, SEV_MAILBOX_V2_CMDRESP),
                          0x80000000u | SEV_CMD_PLATFORM_STATUS << 16 | SEV_STATUS_INVALID_ADDRESS);
    }
}
END_TEST

START_TEST(buffers_under_the_hosts_key_are_read_and_written_with_it)
{
    uint8_t key = machine->keys[0][0][0];
    memset(machine->memory + 0x20000, key, 12);
    cbit_sp_mmio_write(machine->sp, SEV_MAILBOX_V2_ADDR_LO, 0x20000);
    cbit_sp_mmio_write(machine->sp, SEV_MAILBOX_V2_ADDR_HI, (uint32_t)(MACHINE_C_BIT >> 32));
    cbit_sp_mmio_write(machine->sp, SEV_MAILBOX_V2_CMDRESP,
                       SEV_CMD_PLATFORM_STATUS << SEV_CMDRESP_ID_SHIFT);
    cbit_kernel_run(machine->kernel, cbit_kernel_now_ps(machine->kernel) + 100000000);
    ck_assert_uint_eq(machine->memory[0x20001] ^ key, 24); /* API_MINOR */
    ck_assert_uint_eq(machine->memory[0x20007] ^ key, 15); /* BUILD */
}
END_TEST

START_TEST(init_refuses_in_order)
{
    REFUSED(INVALID_CONFIG, init(2, 0, 0, 0));
    REFUSED(INVALID_CONFIG, init(0, 1, 0, 0));
    REFUSED(INVALID_ADDRESS, init(1, 0, 0x400010, 0)); /* before its length */
    REFUSED(INVALID_LENGTH, init(1, 0, 0x400000, 0x1000));
    REFUSED(INVALID_ADDRESS, init(1, 0, MACHINE_MEMORY_BYTES, SEV_TMR_BYTES));
    REFUSED(INVALID_ADDRESS, init(1, 0, 0, SEV_TMR_BYTES)); /* holds ASEG */
    ck_assert_uint_eq(machine_status(machine).state, SEV_PLATFORM_UNINIT);
    machine_init(machine, 1);
    ck_assert_uint_eq(machine_status(machine).config, SEV_STATUS_CONFIG_ES);
    REFUSED(INVALID_PLATFORM_STATE, init(2, 0, 0, 0)); /* the state comes first */
}
END_TEST

START_TEST(init_needs_memory_encryption)
{
    machine_options_t options;
    machine_options_default(&options);
    options.sp.memory_encryption = false;
    machine_destroy(machine);
    machine = machine_create(&options);
    REFUSED(HWERROR_PLATFORM, init(2, 0, 0, 0));
}
END_TEST

START_TEST(nothing_of_a_guest_works_before_init)
{
    static const uint32_t commands[] = {
        SEV_CMD_DECOMMISSION,   SEV_CMD_ACTIVATE,      SEV_CMD_DEACTIVATE,
        SEV_CMD_GUEST_STATUS,   SEV_CMD_LAUNCH_START,  SEV_CMD_LAUNCH_UPDATE_DATA,
        SEV_CMD_LAUNCH_MEASURE, SEV_CMD_LAUNCH_FINISH, SEV_CMD_DF_FLUSH};
    uint8_t zeros[64] = {0};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        REFUSED(INVALID_PLATFORM_STATE, machine_command(machine, commands[i], zeros, 64));
    }
}
END_TEST

START_TEST(launch_start_refuses_in_order)
{
    machine_init(machine, 0);
    REFUSED(POLICY_FAILURE, start(0, 0x00000040)); /* reserved bit */
    REFUSED(POLICY_FAILURE, start(0, 0x00010000)); /* API 1.0 */
    REFUSED(POLICY_FAILURE, start(0, 0x19000000)); /* API 0.25 */
    REFUSED(INVALID_GUEST, start(5, 0));
    REFUSED(UNSUPPORTED, start(0, SEV_POLICY_ES)); /* the platform is not ES */
    ck_assert_uint_eq(machine_status(machine).guest_count, 0);
    ck_assert_uint_eq(machine_status(machine).state, SEV_PLATFORM_INIT);
    REFUSED(SUCCESS, start(0, 0x18000000)); /* API 0.24 */
    REFUSED(POLICY_FAILURE, start(1, 0));   /* shares a key only under an equal policy */
    REFUSED(SUCCESS, start(1, 0x18000000));
    REFUSED(SUCCESS, start(0, SEV_POLICY_NOKS));
    REFUSED(POLICY_FAILURE, start(3, SEV_POLICY_NOKS));
}
END_TEST

START_TEST(a_shared_key_fills_both_slots_and_another_does_not)
{
    machine_init(machine, 0);
    ck_assert_uint_eq(start(0, 0), 0);
    ck_assert_uint_eq(start(1, 0), 0);
    ck_assert_uint_eq(start(0, 0), 0);
    for (uint32_t handle = 1; handle <= 3; handle++) {
        ck_assert_uint_eq(machine_activate(machine, handle, 6 + handle), 0);
    }
    ck_assert_mem_eq(machine->keys[0][7], machine->keys[0][8], 16);
    ck_assert_mem_ne(machine->keys[0][7], machine->keys[0][9], 16);
}
END_TEST

/* asid_min 5, asid_max 15: plain SEV guests have 5..15, ES guests 1..4. */
START_TEST(activate_refuses_in_order)
{
    machine_init(machine, 1);
    uint32_t a = machine_launch(machine, 0), b = machine_launch(machine, 0);
    uint32_t es = machine_launch(machine, SEV_POLICY_ES);
    REFUSED(INVALID_GUEST, machine_activate(machine, 99, 0));
    REFUSED(INVALID_GUEST, machine_activate(machine, 0, 7));
    REFUSED(INVALID_ASID, machine_activate(machine, a, 0));
    REFUSED(INVALID_ASID, machine_activate(machine, a, 16));
    REFUSED(INVALID_ASID, machine_activate(machine, a, 4));
    REFUSED(INVALID_ASID, machine_activate(machine, es, 5));
    REFUSED(SUCCESS, machine_activate(machine, a, 7));
    REFUSED(SUCCESS, machine_activate(machine, es, 4));
    REFUSED(ASID_OWNED, machine_activate(machine, b, 7));
    REFUSED(ASID_OWNED, machine_activate(machine, a, 7)); /* owned comes before active */
    REFUSED(ACTIVE, machine_activate(machine, a, 8));
    ck_assert_uint_eq(machine->key_writes[0][8], 0);
}
END_TEST

static uint32_t activate_ex(uint32_t length, uint32_t handle, uint32_t asid, uint32_t numids,
                            uint32_t first_id)
{
    sev_activate_ex_t buffer = {
        .length = length, .handle = handle, .asid = asid, .numids = numids, .ids_paddr = 0x300000};
    memcpy(machine->memory + 0x300000, &first_id, 4);
    return machine_command(machine, SEV_CMD_ACTIVATE_EX, &buffer, sizeof buffer);
}

/* Two complexes of two cores: ids 0 and 1, 2 and 3. */
START_TEST(activate_ex_binds_the_complexes_that_it_names)
{
    machine_init(machine, 0);
    uint32_t a = machine_launch(machine, 0), b = machine_launch(machine, 0), length = 48;
    REFUSED(INVALID_PARAM, activate_ex(0x17, 99, 0, 0, 0));
    REFUSED(INVALID_GUEST, activate_ex(0x18, 99, 0, 0, 0));
    REFUSED(INVALID_ASID, activate_ex(0x18, a, 16, 0, 0));
    REFUSED(INVALID_PARAM, activate_ex(0x18, a, 7, 0, 0));
    REFUSED(INVALID_PARAM, activate_ex(0x18, a, 7, 1025, 0));
    REFUSED(INVALID_PARAM, activate_ex(0x18, a, 7, 1, 4)); /* no such core */
    REFUSED(SUCCESS, activate_ex(0x18, a, 7, 1, 3));
    REFUSED(ASID_OWNED, activate_ex(0x18, b, 7, 1, 0));
    REFUSED(ACTIVE, activate_ex(0x18, a, 8, 1, 0));
    machine_measure(machine, a, 0x340000, &length);
    machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, a);
    ck_assert(!machine->asid_valid[1][7]);
    ck_assert(machine->asid_valid[2][7] && machine->asid_valid[3][7]);
    REFUSED(SUCCESS, activate_ex(0x18, a, 7, 1, 0)); /* more complexes, at once valid */
    ck_assert(machine->asid_valid[0][7] && machine->asid_valid[1][7]);
    ck_assert_uint_eq(machine->key_writes[0][7], 1);
}
END_TEST

START_TEST(asids_are_dirty_from_init_on)
{
    sev_init_t buffer = {0};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_INIT, &buffer, sizeof buffer), 0);
    uint32_t handle = machine_launch(machine, 0);
    REFUSED(DFFLUSH_REQUIRED, machine_activate(machine, handle, 7));
    REFUSED(WBINVD_REQUIRED, machine_command(machine, SEV_CMD_DF_FLUSH, NULL, 0));
    /* One of the two complexes: its half is clean, which is not enough. */
    machine->wbinvd[0] = machine->wbinvd[1] = true;
    REFUSED(WBINVD_REQUIRED, machine_command(machine, SEV_CMD_DF_FLUSH, NULL, 0));
    REFUSED(DFFLUSH_REQUIRED, machine_activate(machine, handle, 7));
    machine->wbinvd[2] = machine->wbinvd[3] = true;
    REFUSED(SUCCESS, machine_command(machine, SEV_CMD_DF_FLUSH, NULL, 0));
    REFUSED(SUCCESS, machine_activate(machine, handle, 7));
}
END_TEST

START_TEST(launch_update_refuses_in_order)
{
    machine_init(machine, 0);
    uint32_t handle = machine_launch(machine, 0), length = 48;
    REFUSED(INVALID_GUEST, machine_update(machine, 9, 0x200001, 0));
    REFUSED(INACTIVE, machine_update(machine, handle, 0x200001, 0));
    machine_activate(machine, handle, 7);
    REFUSED(INVALID_ADDRESS, machine_update(machine, handle, 0x200008, 0));
    REFUSED(INVALID_LENGTH, machine_update(machine, handle, 0x200000, 0));
    REFUSED(INVALID_LENGTH, machine_update(machine, handle, 0x200000, 24));
    REFUSED(INVALID_ADDRESS, machine_update(machine, handle, MACHINE_MEMORY_BYTES - 16, 32));
    REFUSED(INVALID_ADDRESS, machine_update(machine, handle, 0x9FFF0, 32));
    REFUSED(INVALID_ADDRESS, machine_update(machine, handle, UINT64_C(1) << 44, 16));
    for (uint32_t i = 0; i < 64; i++) {
        ck_assert_uint_eq(machine->memory[0x200000 + i], 0);
    }
    REFUSED(SUCCESS, machine_measure(machine, handle, 0x300000, &length));
    REFUSED(INVALID_GUEST_STATE, machine_update(machine, handle, 0x200000, 16));
}
END_TEST

START_TEST(launch_measure_answers_length_queries_and_refuses_in_order)
{
    machine_init(machine, 0);
    uint32_t handle = machine_launch(machine, 0), length = 0;
    REFUSED(INVALID_GUEST, machine_measure(machine, 9, 0x300000, &length));
    ck_assert_uint_eq(length, 0); /* written back for INVALID_LENGTH only */
    REFUSED(INVALID_LENGTH, machine_measure(machine, handle, 0x300000, &length));
    ck_assert_uint_eq(length, 48);
    length = 47;
    REFUSED(INVALID_LENGTH, machine_measure(machine, handle, 0x300000, &length));
    REFUSED(INVALID_ADDRESS, machine_measure(machine, handle, MACHINE_MEMORY_BYTES - 16, &length));
    ck_assert_uint_eq(machine_guest_state(machine, handle), SEV_GUEST_LUPDATE);
    length = 100;
    REFUSED(SUCCESS, machine_measure(machine, handle, 0x300000, &length));
    ck_assert_uint_eq(length, 48);
    REFUSED(INVALID_GUEST_STATE, machine_measure(machine, handle, 0x300000, &length));
}
END_TEST

START_TEST(finish_deactivate_and_decommission_refuse_in_order)
{
    machine_init(machine, 0);
    uint32_t handle = machine_launch(machine, 0), length = 48;
    static const uint32_t commands[] = {SEV_CMD_LAUNCH_FINISH, SEV_CMD_DEACTIVATE,
                                        SEV_CMD_DECOMMISSION};
    for (int i = 0; i < 3; i++) {
        REFUSED(INVALID_GUEST, machine_with_handle(machine, commands[i], 0));
        REFUSED(INVALID_GUEST, machine_with_handle(machine, commands[i], 1025));
        REFUSED(INVALID_GUEST, machine_with_handle(machine, commands[i], UINT32_MAX));
    }
    REFUSED(INVALID_GUEST_STATE, machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle));
    REFUSED(INACTIVE, machine_with_handle(machine, SEV_CMD_DEACTIVATE, handle));
    machine_activate(machine, handle, 7);
    REFUSED(ACTIVE, machine_with_handle(machine, SEV_CMD_DECOMMISSION, handle));
    /* Never ran: the ASID goes back clean, and can be used at once. */
    REFUSED(SUCCESS, machine_with_handle(machine, SEV_CMD_DEACTIVATE, handle));
    REFUSED(SUCCESS, machine_activate(machine, handle, 7));
    REFUSED(SUCCESS, machine_measure(machine, handle, 0x300000, &length));
    REFUSED(SUCCESS, machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle));
    REFUSED(INVALID_GUEST_STATE, machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle));
    REFUSED(SUCCESS, machine_with_handle(machine, SEV_CMD_DEACTIVATE, handle));
    REFUSED(DFFLUSH_REQUIRED, machine_activate(machine, handle, 7));
    REFUSED(SUCCESS, machine_activate(machine, handle, 8)); /* a running guest is valid at once */
    ck_assert(machine->asid_valid[3][8]);
}
END_TEST

START_TEST(handles_run_out_at_1024_and_the_lowest_free_one_comes_next)
{
    machine_init(machine, 0);
    for (uint32_t i = 1; i <= 1024; i++) {
        ck_assert_uint_eq(machine_launch(machine, 0), i);
    }
    REFUSED(RESOURCE_LIMIT, start(0, 0));
    ck_assert_uint_eq(machine_status(machine).guest_count, 1024);
    REFUSED(SUCCESS, machine_with_handle(machine, SEV_CMD_DECOMMISSION, 700));
    REFUSED(SUCCESS, machine_with_handle(machine, SEV_CMD_DECOMMISSION, 300));
    ck_assert_uint_eq(machine_launch(machine, 0), 300);
}
END_TEST

START_TEST(shutdown_ends_everything_from_any_state)
{
    REFUSED(SUCCESS, machine_command(machine, SEV_CMD_SHUTDOWN, NULL, 0));
    machine_init(machine, 0);
    uint32_t handle = machine_launch(machine, 0), length = 48;
    machine_activate(machine, handle, 7);
    machine_measure(machine, handle, 0x300000, &length);
    machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle);
    REFUSED(SUCCESS, machine_command(machine, SEV_CMD_SHUTDOWN, NULL, 0));
    ck_assert(!machine->asid_valid[0][7]);
    ck_assert(!machine->loaded[0][7]);
    ck_assert(machine->loaded[0][0]); /* the host's key is not the API's */
    ck_assert_uint_eq(machine_status(machine).state, SEV_PLATFORM_UNINIT);
    machine_init(machine, 0);
    ck_assert_uint_eq(machine_status(machine).guest_count, 0);
    ck_assert_uint_eq(machine_guest_state(machine, handle), SEV_GUEST_UNINIT);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("refusals");
    TCase *tcase = tcase_create("refusals");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, unknown_commands_are_told_apart_from_missing_ones);
    tcase_add_test(tcase, a_buffer_that_is_not_memory_is_an_invalid_address);
    tcase_add_test(tcase, buffers_under_the_hosts_key_are_read_and_written_with_it);
    tcase_add_test(tcase, init_refuses_in_order);
    tcase_add_test(tcase, init_needs_memory_encryption);
    tcase_add_test(tcase, nothing_of_a_guest_works_before_init);
    tcase_add_test(tcase, launch_start_refuses_in_order);
    tcase_add_test(tcase, a_shared_key_fills_both_slots_and_another_does_not);
    tcase_add_test(tcase, activate_refuses_in_order);
    tcase_add_test(tcase, activate_ex_binds_the_complexes_that_it_names);
    tcase_add_test(tcase, asids_are_dirty_from_init_on);
    tcase_add_test(tcase, launch_update_refuses_in_order);
    tcase_add_test(tcase, launch_measure_answers_length_queries_and_refuses_in_order);
    tcase_add_test(tcase, finish_deactivate_and_decommission_refuse_in_order);
    tcase_add_test(tcase, handles_run_out_at_1024_and_the_lowest_free_one_comes_next);
    tcase_add_test(tcase, shutdown_ends_everything_from_any_state);
    suite_add_tcase(suite, tcase);
    return suite;
}
