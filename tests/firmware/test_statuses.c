/* The statuses of sections 6 and 7 that no other suite reaches (tests/firmware/pairs counts them).
 */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "cbit_test.h"
#include "firmware/image.h"
#include "tests/firmware/hex.h"
#include "tests/firmware/session_bench.h"

enum { NOWHERE = MACHINE_MEMORY_BYTES, ES_POLICY = SEV_POLICY_ES, RECORDS = 2048 };

static uint32_t range(uint32_t command, uint64_t paddr, uint32_t length)
{
    sev_range_t buffer = {.paddr = paddr, .length = length};
    return machine_command(machine, command, &buffer, sizeof buffer);
}

START_TEST(outputs_outside_memory_are_an_invalid_address)
{
    cbit_owner_session_t session;
    uint8_t digest[32];
    ck_assert_uint_eq(range(SEV_CMD_PEK_CSR, NOWHERE, SEV_CERT_BYTES), SEV_STATUS_INVALID_ADDRESS);
    ck_assert_uint_eq(range(SEV_CMD_GET_ID, NOWHERE, SEV_ID_BYTES), SEV_STATUS_INVALID_ADDRESS);
    for (int i = 0; i < 2; i++) {
        sev_two_ranges_t certs_out = {.first_paddr = i == 0 ? NOWHERE : CERT,
                                      .first_length = SEV_CERT_BYTES,
                                      .second_paddr = i == 1 ? NOWHERE : CERT,
                                      .second_length = SEV_CHAIN_BYTES};
        ck_assert_uint_eq(
            machine_command(machine, SEV_CMD_PDH_CERT_EXPORT, &certs_out, sizeof certs_out),
            SEV_STATUS_INVALID_ADDRESS);
    }
    uint32_t handle = session_launched(0, &session, digest);
    sev_attestation_t attest = {.handle = handle, .paddr = NOWHERE, .length = SEV_REPORT_BYTES};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_ATTESTATION, &attest, sizeof attest),
                      SEV_STATUS_INVALID_ADDRESS);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle), 0);
    sev_send_start_t send = {.handle = handle,
                             .pdh_paddr = NOWHERE,
                             .pdh_length = SEV_CERT_BYTES,
                             .session_paddr = BLOB,
                             .session_length = SEV_SESSION_BYTES};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_SEND_START, &send, sizeof send),
                      SEV_STATUS_INVALID_ADDRESS);
    send.pdh_paddr = CERT;
    send.session_paddr = NOWHERE;
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_SEND_START, &send, sizeof send),
                      SEV_STATUS_INVALID_ADDRESS);
    ck_assert_uint_eq(machine_guest_state(machine, handle), SEV_GUEST_RUNNING);
}
END_TEST

START_TEST(a_command_buffer_outside_memory_is_an_invalid_address)
{
    cbit_sp_mmio_write(machine->sp, SEV_MAILBOX_V2_ADDR_LO, NOWHERE);
    cbit_sp_mmio_write(machine->sp, SEV_MAILBOX_V2_CMDRESP, SEV_CMD_PLATFORM_STATUS << 16);
    cbit_kernel_run(machine->kernel, cbit_kernel_now_ps(machine->kernel) + UINT64_C(1000000000));
    uint32_t answer = cbit_sp_mmio_read(machine->sp, SEV_MAILBOX_V2_CMDRESP);
    ck_assert_uint_eq(answer,
                      0x80000000u | SEV_CMD_PLATFORM_STATUS << 16 | SEV_STATUS_INVALID_ADDRESS);
    machine_note(SEV_CMD_PLATFORM_STATUS, answer & 0xffff);
}
END_TEST

START_TEST(init_ex_refuses_what_init_does)
{
    sev_init_ex_t init = {.length = sizeof init, .flags = 2};
    machine_command(machine, SEV_CMD_SHUTDOWN, NULL, 0);
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_INIT_EX, &init, sizeof init),
                      SEV_STATUS_INVALID_CONFIG);
    machine_options_t options;
    machine_options_identity(&options);
    options.sp.memory_encryption = false;
    machine_t *off = machine_create(&options);
    init.flags = 0;
    ck_assert_uint_eq(machine_command(off, SEV_CMD_INIT_EX, &init, sizeof init),
                      SEV_STATUS_HWERROR_PLATFORM);
    machine_destroy(off);
}
END_TEST

START_TEST(activate_ex_reads_its_list_and_wants_clean_asids)
{
    uint32_t handle = machine_launch(machine, 0);
    sev_activate_ex_t buffer = {sizeof buffer, handle, 9, 1, NOWHERE};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_ACTIVATE_EX, &buffer, sizeof buffer),
                      SEV_STATUS_INVALID_ADDRESS);
    machine_t *dirty = session_platform(3, 0);
    machine_command(dirty, SEV_CMD_SHUTDOWN, NULL, 0);
    sev_init_t init = {0};
    ck_assert_uint_eq(machine_command(dirty, SEV_CMD_INIT, &init, sizeof init), 0);
    buffer = (sev_activate_ex_t){sizeof buffer, machine_launch(dirty, 0), 9, 1, CERT};
    memset(dirty->memory + CERT, 0, 4);
    ck_assert_uint_eq(machine_command(dirty, SEV_CMD_ACTIVATE_EX, &buffer, sizeof buffer),
                      SEV_STATUS_DFFLUSH_REQUIRED);
    machine_destroy(dirty);
}
END_TEST

static uint32_t begin(uint32_t command, sev_start_t buffer)
{
    return machine_command(machine, command, &buffer, sizeof buffer);
}

static const sev_start_t good = {.cert_paddr = CERT,
                                 .cert_length = SEV_CERT_BYTES,
                                 .session_paddr = BLOB,
                                 .session_length = SEV_SESSION_BYTES};

START_TEST(both_starts_refuse_in_order)
{
    static const uint32_t commands[] = {SEV_CMD_LAUNCH_START, SEV_CMD_RECEIVE_START};
    for (int i = 0; i < 2; i++) {
        sev_start_t start = good;
        session_place(0);
        start.session_length = 127;
        ck_assert_uint_eq(begin(commands[i], start), SEV_STATUS_INVALID_LENGTH);
        start = good;
        start.session_paddr = NOWHERE;
        ck_assert_uint_eq(begin(commands[i], start), SEV_STATUS_INVALID_ADDRESS);
        machine->memory[CERT + 0x20] ^= 1;
        ck_assert_uint_eq(begin(commands[i], good), SEV_STATUS_INVALID_CERTIFICATE);
        session_place(0x40); /* a reserved bit, and so signed by the owner */
        start = good;
        start.policy = 0x40;
        ck_assert_uint_eq(begin(commands[i], start), SEV_STATUS_POLICY_FAILURE);
        session_place(0);
        start = good;
        start.handle = 99;
        ck_assert_uint_eq(begin(commands[i], start), SEV_STATUS_INVALID_GUEST);
    }
}
END_TEST

START_TEST(receive_start_wants_es_for_an_es_guest_and_a_free_handle)
{
    machine_command(machine, SEV_CMD_SHUTDOWN, NULL, 0);
    sev_init_t init = {0};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_INIT, &init, sizeof init), 0);
    sev_start_t start = good;
    session_place(ES_POLICY);
    start.policy = ES_POLICY;
    ck_assert_uint_eq(begin(SEV_CMD_RECEIVE_START, start), SEV_STATUS_UNSUPPORTED);
    for (uint32_t i = 0; i < SEV_HANDLE_MAX; i++) {
        machine_launch(machine, 0);
    }
    session_place(0);
    ck_assert_uint_eq(begin(SEV_CMD_RECEIVE_START, good), SEV_STATUS_RESOURCE_LIMIT);
}
END_TEST

static uint32_t vmsa(uint32_t handle)
{
    sev_launch_range_t buffer = {.handle = handle, .paddr = PAGE, .length = 4096};
    return machine_command(machine, SEV_CMD_LAUNCH_UPDATE_VMSA, &buffer, sizeof buffer);
}

START_TEST(records_for_vmsas_run_out)
{
    uint32_t handle;
    session_place(ES_POLICY);
    ck_assert_uint_eq(session_start(machine, SEV_CMD_LAUNCH_START, ES_POLICY, &handle), 0);
    ck_assert_uint_eq(machine_activate(machine, handle, 2), 0);
    for (uint32_t i = 0; i < RECORDS; i++) {
        ck_assert_uint_eq(vmsa(handle), SEV_STATUS_SUCCESS);
    }
    ck_assert_uint_eq(vmsa(handle), SEV_STATUS_RESOURCE_LIMIT);
}
END_TEST

START_TEST(a_compressed_secret_is_unsupported_once_its_mac_is_good)
{
    cbit_owner_session_t session;
    uint8_t digest[32], message[29 + 16 + 32] = {SEV_CONTEXT_SECRET, 1 /* compressed */};
    sev_packet_header_t header = {.flags = 1};
    uint32_t handle = session_launched(0, &session, digest);
    message[21] = message[25] = 16; /* both lengths; IV and data are zero */
    memcpy(message + 29 + 16, machine->memory + MEASURE, 32);
    HMAC(EVP_sha256(), session.tik, 16, message, sizeof message, header.mac, NULL);
    memset(machine->memory + TRANS, 0, 16);
    memcpy(machine->memory + HEADER, &header, sizeof header);
    ck_assert_uint_eq(session_secret(handle, PAGE2, 16), SEV_STATUS_UNSUPPORTED);
}
END_TEST

/* Sender and receiver of an ES guest; their packets are refused by length, activity, address. */
START_TEST(updates_of_vmsas_refuse_in_order)
{
    uint32_t policy, length = 128, handle, source = session_running(ES_POLICY);
    ck_assert_uint_eq(session_send_start(source, &policy, &length), 0);
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_SEND_UPDATE_VMSA, source, PAGE, 2048),
                      SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_SEND_UPDATE_VMSA, source, PAGE + 8, 4096),
                      SEV_STATUS_INVALID_ADDRESS);
    machine_with_handle(machine, SEV_CMD_DEACTIVATE, source);
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_SEND_UPDATE_VMSA, source, PAGE, 4096),
                      SEV_STATUS_INACTIVE);
    session_place(ES_POLICY);
    ck_assert_uint_eq(session_start(machine, SEV_CMD_RECEIVE_START, ES_POLICY, &handle), 0);
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_RECEIVE_UPDATE_VMSA, handle, PAGE, 4096),
                      SEV_STATUS_INACTIVE);
    ck_assert_uint_eq(machine_activate(machine, handle, 3), 0);
    for (int data = 0; data < 2; data++) {
        uint32_t command = data != 0 ? SEV_CMD_RECEIVE_UPDATE_DATA : SEV_CMD_RECEIVE_UPDATE_VMSA;
        memset(machine->memory + HEADER, 0, SEV_PACKET_HEADER_BYTES);
        ck_assert_uint_eq(session_transport(machine, command, handle, PAGE, 24),
                          SEV_STATUS_INVALID_LENGTH);
        ck_assert_uint_eq(session_transport(machine, command, handle, PAGE + 8, 4096),
                          SEV_STATUS_INVALID_ADDRESS);
        ck_assert_uint_eq(session_transport(machine, command, handle, PAGE, 4096),
                          SEV_STATUS_BAD_MEASUREMENT);
        machine->memory[HEADER] = 1; /* compressed: said before the MAC is looked at */
        ck_assert_uint_eq(session_transport(machine, command, handle, PAGE, 4096),
                          SEV_STATUS_UNSUPPORTED);
    }
}
END_TEST

static uint32_t encrypt(uint32_t handle, uint64_t src, uint64_t dst, uint32_t length)
{
    sev_debug_t buffer = {.handle = handle, .src_paddr = src, .dst_paddr = dst, .length = length};
    return machine_command(machine, SEV_CMD_DBG_ENCRYPT, &buffer, sizeof buffer);
}

START_TEST(dbg_encrypt_refuses_in_order)
{
    uint32_t handle = machine_launch(machine, SEV_POLICY_NODBG);
    ck_assert_uint_eq(encrypt(handle, PAGE + 8, PAGE2, 64), SEV_STATUS_INVALID_ADDRESS);
    ck_assert_uint_eq(encrypt(handle, PAGE, PAGE2, 24), SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(encrypt(99, PAGE, PAGE2, 64), SEV_STATUS_INVALID_GUEST);
    ck_assert_uint_eq(encrypt(handle, PAGE, PAGE2, 64), SEV_STATUS_POLICY_FAILURE);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("statuses");
    TCase *tcase = tcase_create("refusals");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, session_setup, session_teardown);
    tcase_add_test(tcase, outputs_outside_memory_are_an_invalid_address);
    tcase_add_test(tcase, a_command_buffer_outside_memory_is_an_invalid_address);
    tcase_add_test(tcase, init_ex_refuses_what_init_does);
    tcase_add_test(tcase, activate_ex_reads_its_list_and_wants_clean_asids);
    tcase_add_test(tcase, both_starts_refuse_in_order);
    tcase_add_test(tcase, receive_start_wants_es_for_an_es_guest_and_a_free_handle);
    tcase_add_test(tcase, records_for_vmsas_run_out);
    tcase_add_test(tcase, a_compressed_secret_is_unsupported_once_its_mac_is_good);
    tcase_add_test(tcase, updates_of_vmsas_refuse_in_order);
    tcase_add_test(tcase, dbg_encrypt_refuses_in_order);
    suite_add_tcase(suite, tcase);
    return suite;
}
