#include "tests/firmware/session_bench.h"

#include <string.h>

#include <openssl/sha.h>

#include "cbit_test.h"
#include "tests/firmware/hex.h"

machine_t *machine;
machine_certs_t certs;
static cbit_rng_t rng;

machine_t *session_platform(uint64_t seed, uint32_t init_flags)
{
    machine_options_t options;
    machine_options_identity(&options);
    options.seed = seed;
    machine_t *made = machine_create(&options);
    machine_init(made, init_flags);
    return made;
}

void session_setup(void)
{
    machine = session_platform(1, 1);
    certs = machine_export(machine);
    cbit_rng_init(&rng, cbit_test_seed(), 0);
}

void session_teardown(void)
{
    machine_destroy(machine);
}

/* LAUNCH_START or RECEIVE_START with what stands at CERT and BLOB. */
uint32_t session_start(machine_t *on, uint32_t command, uint32_t policy, uint32_t *handle)
{
    sev_start_t buffer = {.policy = policy,
                          .cert_paddr = CERT,
                          .cert_length = SEV_CERT_BYTES,
                          .session_paddr = BLOB,
                          .session_length = SEV_SESSION_BYTES};
    uint32_t status = machine_command(on, command, &buffer, sizeof buffer);
    *handle = buffer.handle;
    return status;
}

cbit_owner_session_t session_place(uint32_t policy)
{
    cbit_owner_session_t session;
    ck_assert(cbit_owner_session(&certs.pdh, policy, &rng, &session));
    memcpy(machine->memory + CERT, &session.cert, sizeof session.cert);
    memcpy(machine->memory + BLOB, &session.blob, sizeof session.blob);
    return session;
}

uint32_t session_secret(uint32_t handle, uint64_t gpa, uint32_t length)
{
    sev_transport_t transport = {.handle = handle,
                                 .header_paddr = HEADER,
                                 .header_length = SEV_PACKET_HEADER_BYTES,
                                 .guest_paddr = gpa,
                                 .guest_length = length,
                                 .trans_paddr = TRANS,
                                 .trans_length = length};
    return machine_command(machine, SEV_CMD_LAUNCH_SECRET, &transport, sizeof transport);
}

void session_read_guest(machine_t *on, uint32_t asid, uint64_t spa, uint8_t *out, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        uint64_t at = spa + i;
        out[i] = on->memory[at] ^ on->keys[at / 256 % MACHINE_CHANNELS][asid][0];
    }
}

/* A launched guest of that policy with a page of 5A under ASID 9 (2 with ES), at LSECRET. */
uint32_t session_launched(uint32_t policy, cbit_owner_session_t *session, uint8_t digest[32])
{
    uint32_t handle, length = 48;
    *session = session_place(policy);
    ck_assert_uint_eq(session_start(machine, SEV_CMD_LAUNCH_START, policy, &handle), 0);
    ck_assert_uint_eq(machine_activate(machine, handle, (policy & SEV_POLICY_ES) != 0 ? 2 : 9), 0);
    memset(machine->memory + PAGE, 0x5a, 4096);
    SHA256(machine->memory + PAGE, 4096, digest);
    ck_assert_uint_eq(machine_update(machine, handle, PAGE, 4096), 0);
    ck_assert_uint_eq(machine_measure(machine, handle, MEASURE, &length), 0);
    return handle;
}

uint32_t session_attest(uint32_t handle, uint32_t *length, sev_report_t *report)
{
    sev_attestation_t buffer = {.handle = handle, .paddr = TRANS, .length = *length};
    count_up(buffer.mnonce, 16, 0xA0);
    uint32_t status = machine_command(machine, SEV_CMD_ATTESTATION, &buffer, sizeof buffer);
    *length = buffer.length;
    memcpy(report, machine->memory + TRANS, sizeof *report);
    return status;
}

uint32_t session_send_start(uint32_t handle, uint32_t *policy, uint32_t *length)
{
    sev_send_start_t buffer = {.handle = handle,
                               .pdh_paddr = CERT,
                               .pdh_length = SEV_CERT_BYTES,
                               .session_paddr = BLOB,
                               .session_length = *length};
    uint32_t status = machine_command(machine, SEV_CMD_SEND_START, &buffer, sizeof buffer);
    *policy = buffer.policy;
    *length = buffer.session_length;
    return status;
}

uint32_t session_transport(machine_t *on, uint32_t command, uint32_t handle, uint64_t guest,
                           uint32_t length)
{
    sev_transport_t buffer = {.handle = handle,
                              .header_paddr = HEADER,
                              .header_length = SEV_PACKET_HEADER_BYTES,
                              .guest_paddr = guest,
                              .guest_length = length,
                              .trans_paddr = TRANS,
                              .trans_length = length};
    return machine_command(on, command, &buffer, sizeof buffer);
}

uint32_t session_running(uint32_t policy)
{
    cbit_owner_session_t session;
    uint8_t digest[32];
    uint32_t handle = session_launched(policy, &session, digest);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle), 0);
    return handle;
}
