/* Sessions on the real image: launch with an owner, secrets, attestation, migration, debugging. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "cbit_test.h"
#include "tests/firmware/hex.h"
#include "tests/firmware/session_bench.h"

START_TEST(an_owner_recomputes_the_measurement_and_its_secret_arrives)
{
    cbit_owner_session_t session;
    cbit_owner_launch_t launch = {.api_minor = 24, .build = 15, .policy = 1};
    uint8_t measure[32], iv[16] = {7}, plain[64], got[64];
    sev_packet_header_t header;
    uint32_t handle = session_launched(1, &session, launch.digest);
    memcpy(launch.mnonce, machine->memory + MEASURE + 32, 16);
    cbit_owner_measure(session.tik, &launch, measure);
    ck_assert_mem_eq(measure, machine->memory + MEASURE, 32);

    count_up(plain, 64, 0x80);
    cbit_owner_secret(&session, measure, iv, plain, 64, &header, machine->memory + TRANS);
    memcpy(machine->memory + HEADER, &header, sizeof header);
    ck_assert_uint_eq(session_secret(handle, PAGE2, 64), SEV_STATUS_SUCCESS);
    session_read_guest(machine, 9, PAGE2, got, 64);
    ck_assert_mem_eq(got, plain, 64);

    memset(machine->memory + PAGE2, 0x11, 64);
    machine->memory[TRANS + 3] ^= 1;
    ck_assert_uint_eq(session_secret(handle, PAGE2, 64), SEV_STATUS_BAD_MEASUREMENT);
    machine->memory[TRANS + 3] ^= 1;
    machine->memory[HEADER] = 1; /* compressed, under a wrong MAC */
    ck_assert_uint_eq(session_secret(handle, PAGE2, 64), SEV_STATUS_BAD_MEASUREMENT);
    for (int i = 0; i < 64; i++) { /* nothing was written */
        ck_assert_uint_eq(machine->memory[PAGE2 + i], 0x11);
    }
}
END_TEST

START_TEST(launch_secret_refuses_in_order)
{
    cbit_owner_session_t session;
    uint8_t digest[32];
    uint32_t fresh = machine_launch(machine, 0);
    ck_assert_uint_eq(session_secret(77, PAGE2 + 1, 0), SEV_STATUS_INVALID_GUEST);
    ck_assert_uint_eq(session_secret(fresh, PAGE2 + 8, 0), SEV_STATUS_INVALID_ADDRESS);
    ck_assert_uint_eq(session_secret(fresh, PAGE2, 0), SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(session_secret(fresh, PAGE2, 24), SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(session_secret(fresh, PAGE2, 16400), SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(session_secret(fresh, PAGE2, 16), SEV_STATUS_INVALID_GUEST_STATE);
    uint32_t handle = session_launched(0, &session, digest);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_DEACTIVATE, handle), 0);
    ck_assert_uint_eq(session_secret(handle, PAGE2, 16), SEV_STATUS_INACTIVE);
}
END_TEST

START_TEST(any_flipped_bit_of_a_session_is_caught)
{
    cbit_owner_session_t session = session_place(1);
    uint32_t handle;
    for (uint32_t bit = 0; bit < 8 * SEV_SESSION_BYTES; bit += 7) {
        machine->memory[BLOB + bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_uint_eq(session_start(machine, SEV_CMD_LAUNCH_START, 1, &handle),
                          SEV_STATUS_BAD_MEASUREMENT);
        machine->memory[BLOB + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_uint_eq(session_start(machine, SEV_CMD_LAUNCH_START, 3, &handle),
                      SEV_STATUS_BAD_MEASUREMENT); /* another policy than the owner's */
    machine->memory[CERT + 0x14] ^= 1;
    ck_assert_uint_eq(session_start(machine, SEV_CMD_LAUNCH_START, 1, &handle),
                      SEV_STATUS_INVALID_CERTIFICATE);
    memcpy(machine->memory + CERT, &session.cert, sizeof session.cert);
    machine->memory[CERT + 8] ^= 1; /* usage */
    ck_assert_uint_eq(session_start(machine, SEV_CMD_LAUNCH_START, 1, &handle),
                      SEV_STATUS_INVALID_CERTIFICATE);
    memcpy(machine->memory + CERT, &session.cert, sizeof session.cert);
    sev_start_t buffer = {.policy = 1,
                          .cert_paddr = CERT,
                          .cert_length = 2083,
                          .session_paddr = BLOB,
                          .session_length = 127};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_LAUNCH_START, &buffer, sizeof buffer),
                      SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(machine_status(machine).guest_count, 0);
    ck_assert_uint_eq(session_start(machine, SEV_CMD_LAUNCH_START, 1, &handle), SEV_STATUS_SUCCESS);
}
END_TEST

START_TEST(an_attestation_report_is_signed_by_the_pek)
{
    cbit_owner_session_t session;
    uint8_t digest[32], nonce[16];
    sev_report_t report;
    uint32_t length = 0, handle = machine_launch(machine, 0);
    ck_assert_uint_eq(session_attest(handle, &length, &report), SEV_STATUS_INVALID_GUEST_STATE);
    ck_assert_uint_eq(session_attest(99, &length, &report), SEV_STATUS_INVALID_GUEST);
    handle = session_launched(0, &session, digest);
    ck_assert_uint_eq(session_attest(handle, &length, &report), SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(length, 208);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle), 0);
    ck_assert_uint_eq(session_attest(handle, &length, &report), SEV_STATUS_SUCCESS);
    count_up(nonce, 16, 0xA0);
    ck_assert_mem_eq(report.mnonce, nonce, 16);
    ck_assert_mem_eq(report.launch_digest, digest, 32);
    ck_assert(cbit_owner_report_good(&report, &certs.pek));
    report.launch_digest[0] ^= 1;
    ck_assert(!cbit_owner_report_good(&report, &certs.pek));
}
END_TEST

/* ---- migration ---- */

START_TEST(a_guest_moves_to_another_platform_under_another_key)
{
    machine_t *target = session_platform(2, 0);
    machine_certs_t theirs = machine_export(target);
    uint32_t source = session_running(0), policy = 77, length = 128, handle;
    memcpy(machine->memory + CERT, &theirs.pdh, SEV_CERT_BYTES);
    ck_assert_uint_eq(session_send_start(source, &policy, &length), SEV_STATUS_SUCCESS);
    ck_assert_uint_eq(policy, 0);
    memcpy(target->memory + CERT, &certs.pdh, SEV_CERT_BYTES);
    memcpy(target->memory + BLOB, machine->memory + BLOB, SEV_SESSION_BYTES);
    ck_assert_uint_eq(session_start(target, SEV_CMD_RECEIVE_START, policy, &handle),
                      SEV_STATUS_SUCCESS);
    ck_assert_uint_eq(machine_activate(target, handle, 12), SEV_STATUS_SUCCESS);

    ck_assert_uint_eq(session_transport(machine, SEV_CMD_SEND_UPDATE_DATA, source, PAGE, 4096), 0);
    uint8_t plain[4096];
    memset(plain, 0x5a, sizeof plain);
    ck_assert_mem_ne(machine->memory + TRANS, plain, 16);
    memcpy(target->memory + TRANS, machine->memory + TRANS, 4096);
    memcpy(target->memory + HEADER, machine->memory + HEADER, SEV_PACKET_HEADER_BYTES);
    target->memory[TRANS + 4095] ^= 0x80;
    ck_assert_uint_eq(session_transport(target, SEV_CMD_RECEIVE_UPDATE_DATA, handle, PAGE2, 4096),
                      SEV_STATUS_BAD_MEASUREMENT);
    target->memory[TRANS + 4095] ^= 0x80;
    ck_assert_uint_eq(session_transport(target, SEV_CMD_RECEIVE_UPDATE_DATA, handle, PAGE2, 4096),
                      0);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_SEND_FINISH, source), 0);
    ck_assert_uint_eq(machine_with_handle(target, SEV_CMD_RECEIVE_FINISH, handle), 0);
    ck_assert_uint_eq(machine_guest_state(machine, source), SEV_GUEST_SENT);
    ck_assert_uint_eq(machine_guest_state(target, handle), SEV_GUEST_RUNNING);
    ck_assert(target->asid_valid[0][12]);
    uint8_t got[4096];
    session_read_guest(target, 12, PAGE2, got, 4096);
    ck_assert_mem_eq(got, plain, 4096);
    ck_assert_mem_ne(target->keys[0][12], machine->keys[0][9], 16);
    machine_destroy(target);
}
END_TEST

START_TEST(send_refuses_by_policy_state_and_length)
{
    uint32_t policy, length = 127, handle = session_running(SEV_POLICY_NOSEND);
    ck_assert_uint_eq(session_send_start(55, &policy, &length), SEV_STATUS_INVALID_GUEST);
    ck_assert_uint_eq(session_send_start(handle, &policy, &length), SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(length, 128);
    ck_assert_uint_eq(session_send_start(handle, &policy, &length), SEV_STATUS_POLICY_FAILURE);
    uint32_t fresh = machine_launch(machine, 0);
    ck_assert_uint_eq(session_send_start(fresh, &policy, &length), SEV_STATUS_INVALID_GUEST_STATE);
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_SEND_UPDATE_DATA, fresh, PAGE, 16),
                      SEV_STATUS_INVALID_GUEST_STATE);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_SEND_FINISH, fresh),
                      SEV_STATUS_INVALID_GUEST_STATE);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_SEND_CANCEL, fresh),
                      SEV_STATUS_INVALID_GUEST_STATE);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_RECEIVE_FINISH, fresh),
                      SEV_STATUS_INVALID_GUEST_STATE);
}
END_TEST

START_TEST(a_cancelled_send_leaves_the_guest_running)
{
    machine_t *target = session_platform(2, 0);
    machine_certs_t theirs = machine_export(target);
    uint32_t policy, length = 128, handle = session_running(0);
    memcpy(machine->memory + CERT, &theirs.pdh, SEV_CERT_BYTES);
    machine->memory[CERT + 0x20] ^= 1;
    ck_assert_uint_eq(session_send_start(handle, &policy, &length), SEV_STATUS_INVALID_CERTIFICATE);
    machine->memory[CERT + 0x20] ^= 1;
    ck_assert_uint_eq(session_send_start(handle, &policy, &length), SEV_STATUS_SUCCESS);
    ck_assert_uint_eq(machine_guest_state(machine, handle), SEV_GUEST_SUPDATE);
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_SEND_UPDATE_DATA, handle, PAGE, 24),
                      SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_SEND_UPDATE_DATA, handle, PAGE + 8, 16),
                      SEV_STATUS_INVALID_ADDRESS);
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_SEND_UPDATE_VMSA, handle, PAGE, 4096),
                      SEV_STATUS_UNSUPPORTED);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_SEND_CANCEL, handle), 0);
    ck_assert_uint_eq(machine_guest_state(machine, handle), SEV_GUEST_RUNNING);
    machine_destroy(target);
}
END_TEST

/* DOMAIN: only to a platform with the same owner's certificate. The sender itself is one. */
START_TEST(a_domain_is_one_owners_platforms)
{
    machine_t *target = session_platform(2, 0);
    machine_certs_t theirs = machine_export(target);
    uint32_t handle = session_running(SEV_POLICY_DOMAIN);
    sev_send_start_t buffer = {.handle = handle,
                               .pdh_paddr = CERT,
                               .pdh_length = SEV_CERT_BYTES,
                               .platform_paddr = PAGE2,
                               .platform_length = SEV_CHAIN_BYTES,
                               .session_paddr = BLOB,
                               .session_length = 128};
    sev_send_start_t copy = buffer;
    memcpy(machine->memory + CERT, &theirs.pdh, SEV_CERT_BYTES);
    memcpy(machine->memory + PAGE2, &theirs.pek, SEV_CHAIN_BYTES);
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_SEND_START, &copy, sizeof copy),
                      SEV_STATUS_POLICY_FAILURE);
    memcpy(machine->memory + PAGE2, &certs.pek, SEV_CHAIN_BYTES); /* their PDH, our chain */
    copy = buffer;
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_SEND_START, &copy, sizeof copy),
                      SEV_STATUS_BAD_SIGNATURE);
    memcpy(machine->memory + CERT, &certs.pdh, SEV_CERT_BYTES);
    copy = buffer;
    copy.platform_length = 6251;
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_SEND_START, &copy, sizeof copy),
                      SEV_STATUS_INVALID_LENGTH);
    copy = buffer;
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_SEND_START, &copy, sizeof copy),
                      SEV_STATUS_SUCCESS);
    machine_destroy(target);
}
END_TEST

/* ---- the host's view ---- */

static uint32_t debug(uint32_t command, uint32_t handle, uint64_t src, uint64_t dst,
                      uint32_t length)
{
    sev_debug_t buffer = {.handle = handle, .src_paddr = src, .dst_paddr = dst, .length = length};
    return machine_command(machine, command, &buffer, sizeof buffer);
}

START_TEST(debugging_sees_plaintext_only_where_the_policy_allows_it)
{
    uint8_t plain[64];
    uint32_t closed = machine_launch(machine, SEV_POLICY_NODBG);
    memset(plain, 0x5a, 64);
    ck_assert_uint_eq(debug(SEV_CMD_DBG_DECRYPT, closed, PAGE, PAGE2 + 1, 64),
                      SEV_STATUS_INVALID_ADDRESS);
    ck_assert_uint_eq(debug(SEV_CMD_DBG_DECRYPT, closed, PAGE, PAGE2, 0),
                      SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(debug(SEV_CMD_DBG_DECRYPT, 88, PAGE, PAGE2, 64), SEV_STATUS_INVALID_GUEST);
    ck_assert_uint_eq(debug(SEV_CMD_DBG_DECRYPT, closed, PAGE, PAGE2, 64),
                      SEV_STATUS_POLICY_FAILURE);
    uint32_t open = machine_launch(machine, 0);
    ck_assert_uint_eq(debug(SEV_CMD_DBG_ENCRYPT, open, PAGE, PAGE2, 64), SEV_STATUS_INACTIVE);
    uint32_t handle = session_running(0);
    ck_assert_uint_eq(debug(SEV_CMD_DBG_DECRYPT, handle, PAGE, PAGE2, 64), SEV_STATUS_SUCCESS);
    ck_assert_mem_eq(machine->memory + PAGE2, plain, 64);
    memset(machine->memory + PAGE2, 0xc3, 64);
    ck_assert_uint_eq(debug(SEV_CMD_DBG_ENCRYPT, handle, PAGE2, PAGE + 64, 64), SEV_STATUS_SUCCESS);
    uint8_t got[64], written[64];
    memset(written, 0xc3, 64);
    session_read_guest(machine, 9, PAGE + 64, got, 64);
    ck_assert_mem_eq(got, written, 64);
}
END_TEST

START_TEST(copy_moves_plaintext_to_another_address)
{
    uint32_t handle = session_running(0);
    sev_copy_t buffer = {.handle = handle, .length = 4096, .src_paddr = PAGE, .dst_paddr = PAGE2};
    sev_copy_t bad = buffer;
    bad.length = 4095;
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_COPY, &bad, sizeof bad),
                      SEV_STATUS_INVALID_LENGTH);
    bad = buffer;
    bad.dst_paddr += 16;
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_COPY, &bad, sizeof bad),
                      SEV_STATUS_INVALID_ADDRESS);
    bad = buffer;
    bad.dst_paddr = PAGE;
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_COPY, &bad, sizeof bad),
                      SEV_STATUS_SUCCESS); /* overlapping: nothing happens */
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_COPY, &buffer, sizeof buffer), 0);
    uint8_t a[4096], b[4096];
    session_read_guest(machine, 9, PAGE, a, 4096);
    session_read_guest(machine, 9, PAGE2, b, 4096);
    ck_assert_mem_eq(a, b, 4096);
    ck_assert_uint_eq(a[0], 0x5a);
}
END_TEST

/* ---- ES ---- */

static uint32_t update_vmsa(machine_t *on, uint32_t handle, uint64_t paddr, uint32_t length)
{
    sev_launch_range_t range = {.handle = handle, .paddr = paddr, .length = length};
    return machine_command(on, SEV_CMD_LAUNCH_UPDATE_VMSA, &range, sizeof range);
}

START_TEST(a_vmsa_gets_a_record_and_travels_with_its_checksum)
{
    machine_t *target = session_platform(2, 1);
    machine_certs_t theirs = machine_export(target);
    cbit_owner_session_t session = session_place(SEV_POLICY_ES);
    uint32_t handle, moved, policy, length = 48;
    handle = machine_launch(machine, 0);
    ck_assert_uint_eq(update_vmsa(machine, 50, PAGE2, 100), SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(update_vmsa(machine, 50, PAGE2, 4096), SEV_STATUS_INVALID_GUEST);
    ck_assert_uint_eq(update_vmsa(machine, handle, PAGE2, 4096), SEV_STATUS_UNSUPPORTED);
    ck_assert_uint_eq(session_start(machine, SEV_CMD_LAUNCH_START, SEV_POLICY_ES, &handle), 0);
    ck_assert_uint_eq(update_vmsa(machine, handle, PAGE2, 4096), SEV_STATUS_INACTIVE);
    ck_assert_uint_eq(machine_activate(machine, handle, 2), 0);
    ck_assert_uint_eq(update_vmsa(machine, handle, PAGE2 + 4, 4096), SEV_STATUS_INVALID_ADDRESS);
    uint8_t vmsa[4096];
    count_up(vmsa, 4096, 1);
    memset(vmsa + 4088, 0, 8);
    memcpy(machine->memory + PAGE2, vmsa, 4096);
    ck_assert_uint_eq(update_vmsa(machine, handle, PAGE2, 4096), SEV_STATUS_SUCCESS);
    ck_assert_uint_eq(machine_measure(machine, handle, MEASURE, &length), 0);
    cbit_owner_launch_t launch = {.api_minor = 24, .build = 15, .policy = SEV_POLICY_ES};
    uint8_t measure[32], got[4096];
    SHA256(vmsa, 4096, launch.digest); /* as it came, without the record's address */
    memcpy(launch.mnonce, machine->memory + MEASURE + 32, 16);
    cbit_owner_measure(session.tik, &launch, measure);
    ck_assert_mem_eq(measure, machine->memory + MEASURE, 32);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle), 0);

    memcpy(machine->memory + CERT, &theirs.pdh, SEV_CERT_BYTES);
    length = 128;
    ck_assert_uint_eq(session_send_start(handle, &policy, &length), 0);
    machine->memory[PAGE2 + 100] ^= 1;
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_SEND_UPDATE_VMSA, handle, PAGE2, 4096),
                      SEV_STATUS_INVALID_PARAM);
    machine->memory[PAGE2 + 100] ^= 1;
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_SEND_UPDATE_VMSA, handle, PAGE2, 4096), 0);
    memcpy(target->memory + CERT, &certs.pdh, SEV_CERT_BYTES);
    memcpy(target->memory + BLOB, machine->memory + BLOB, SEV_SESSION_BYTES);
    memcpy(target->memory + TRANS, machine->memory + TRANS, 4096);
    memcpy(target->memory + HEADER, machine->memory + HEADER, SEV_PACKET_HEADER_BYTES);
    ck_assert_uint_eq(session_start(target, SEV_CMD_RECEIVE_START, policy, &moved), 0);
    ck_assert_uint_eq(machine_activate(target, moved, 3), 0);
    ck_assert_uint_eq(session_transport(target, SEV_CMD_RECEIVE_UPDATE_VMSA, moved, PAGE, 4096), 0);
    session_read_guest(target, 3, PAGE, got, 4096);
    ck_assert_mem_eq(got, vmsa, 4088);
    machine_destroy(target);
}
END_TEST

/* The host cannot put a buffer into the region that the firmware trusts. */
START_TEST(the_tmr_is_no_place_for_buffers)
{
    uint32_t handle = machine_launch(machine, 0);
    machine_activate(machine, handle, 9);
    ck_assert_uint_eq(machine_update(machine, handle, 0x400000, 16), SEV_STATUS_INVALID_ADDRESS);
    ck_assert_uint_eq(machine_update(machine, handle, 0x4FFFF0, 32), SEV_STATUS_INVALID_ADDRESS);
    ck_assert_uint_eq(machine_update(machine, handle, 0x500000, 16), SEV_STATUS_SUCCESS);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("session");
    const struct {
        const char *name;
        const TTest *tests[5];
    } cases[] = {
        {"owner",
         {an_owner_recomputes_the_measurement_and_its_secret_arrives,
          launch_secret_refuses_in_order, any_flipped_bit_of_a_session_is_caught,
          an_attestation_report_is_signed_by_the_pek}},
        {"migration",
         {a_guest_moves_to_another_platform_under_another_key,
          send_refuses_by_policy_state_and_length, a_cancelled_send_leaves_the_guest_running,
          a_domain_is_one_owners_platforms}},
        {"memory",
         {debugging_sees_plaintext_only_where_the_policy_allows_it,
          copy_moves_plaintext_to_another_address,
          a_vmsa_gets_a_record_and_travels_with_its_checksum, the_tmr_is_no_place_for_buffers}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        TCase *tcase = tcase_create(cases[i].name);
        tcase_set_timeout(tcase, 120);
        tcase_add_checked_fixture(tcase, session_setup, session_teardown);
        for (int j = 0; cases[i].tests[j] != NULL; j++) {
            tcase_add_test(tcase, cases[i].tests[j]);
        }
        suite_add_tcase(suite, tcase);
    }
    return suite;
}
