/**
 * @file
 * A platform, its owner and a guest between them, for tests about sessions and keys.
 */
#ifndef TESTS_FIRMWARE_SESSION_BENCH_H
#define TESTS_FIRMWARE_SESSION_BENCH_H

#include "cbit/workloads/owner.h"
#include "tests/firmware/machine.h"

/* Where things stand in memory. */
enum {
    CERT = 0x300000,
    BLOB = 0x310000,
    HEADER = 0x320000,
    TRANS = 0x330000,
    MEASURE = 0x340000,
    PAGE = 0x200000,
    PAGE2 = 0x240000,
};

extern machine_t *machine; /* made by session_setup, with ES */
extern machine_certs_t certs;

void session_setup(void);
void session_teardown(void);

/* Another platform, INIT. */
machine_t *session_platform(uint64_t seed, uint32_t init_flags);

/* An owner's session for the platform, placed at CERT and BLOB. */
cbit_owner_session_t session_place(uint32_t policy);

/* LAUNCH_START or RECEIVE_START with what stands at CERT and BLOB. */
uint32_t session_start(machine_t *on, uint32_t command, uint32_t policy, uint32_t *handle);

/* LAUNCH_SECRET with what stands at HEADER and TRANS. */
uint32_t session_secret(uint32_t handle, uint64_t gpa, uint32_t length);

/* What a guest reads. */
void session_read_guest(machine_t *on, uint32_t asid, uint64_t spa, uint8_t *out, uint32_t length);

/* A launched guest of that policy with a page of 5A under ASID 9 (2 with ES), at LSECRET; and one
   that runs. */
uint32_t session_launched(uint32_t policy, cbit_owner_session_t *session, uint8_t digest[32]);
uint32_t session_running(uint32_t policy);

uint32_t session_attest(uint32_t handle, uint32_t *length, sev_report_t *report);
uint32_t session_send_start(uint32_t handle, uint32_t *policy, uint32_t *length);
uint32_t session_transport(machine_t *on, uint32_t command, uint32_t handle, uint64_t guest,
                           uint32_t length);

#endif
