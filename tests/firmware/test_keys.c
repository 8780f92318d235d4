/*
 * Keys end when their life does, and a host that changes buffers while a command runs gains
 * nothing.
 *
 * Every key is known here, because each goes through the CCP or a key slot: a watch beside the
 * machine notes them all. What is looked through is SRAM, every register of the model, the flash,
 * the console and the memory of the host.
 */
#define _GNU_SOURCE /* memmem */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "cbit/sp/debug.h"
#include "cbit_test.h"
#include "firmware/image.h"
#include "model/sp/sp_internal.h"
#include "tests/firmware/session_bench.h"

enum { KEYS_MAX = 256, KEY_MAX_BYTES = 56 };

typedef struct known_key {
    uint8_t bytes[KEY_MAX_BYTES];
    uint32_t length;
} known_key_t;

static known_key_t keys[KEYS_MAX];
static uint32_t key_count;
static bool was_busy;

static void know(const void *bytes, uint32_t length)
{
    static const uint8_t zero[KEY_MAX_BYTES];
    if (length < 16 || length > KEY_MAX_BYTES || memcmp(bytes, zero, length) == 0) {
        return;
    }
    for (uint32_t i = 0; i < key_count; i++) {
        if (keys[i].length == length && memcmp(keys[i].bytes, bytes, length) == 0) {
            return;
        }
    }
    ck_assert_uint_lt(key_count, KEYS_MAX);
    memcpy(keys[key_count].bytes, bytes, length);
    keys[key_count++].length = length;
}

static const uint8_t *sram(const machine_t *on, uint32_t address)
{
    return on->sp->sram + (address - SP_SRAM_BASE);
}

/* What an operation uses as a key, when it starts; what it makes, when it ends. */
static void watch(machine_t *on)
{
    const sp_ccp_t *ccp = &on->sp->ccp;
    bool starts = ccp->busy && !was_busy, ends = !ccp->busy && was_busy;
    was_busy = ccp->busy;
    for (uint32_t slot = 1; slot < 16; slot++) { /* 0 is the host's */
        know(on->keys[0][slot], 16);
    }
    switch (ccp->op) {
    case SP_CCP_HMAC_SHA256:
    case SP_CCP_AES_CTR:
    case SP_CCP_GCM_SEAL:
    case SP_CCP_GCM_OPEN:
        if (starts) {
            know(sram(on, ccp->key), ccp->key_length);
        }
        break;
    case SP_CCP_P384_PUBLIC:
    case SP_CCP_P384_SIGN:
    case SP_CCP_P384_ECDH:
        if (starts) {
            know(sram(on, ccp->key), 48);
        }
        if (ends && ccp->op == SP_CCP_P384_ECDH) {
            know(sram(on, ccp->dst), 48);
        }
        break;
    case SP_CCP_RANDOM: /* 12 and 16 are IVs and nonces, or a VEK, which its slot tells */
        if (ends && ccp->length >= 32) {
            know(sram(on, ccp->dst), ccp->length);
        }
        break;
    default:
        break;
    }
}

static void setup(void)
{
    session_setup(); /* INIT is over: its keys are found by what uses them next */
    key_count = 0;
    was_busy = false;
    machine->watch = watch;
}

static bool within(const void *where, size_t where_bytes, const known_key_t *key)
{
    return memmem(where, where_bytes, key->bytes, key->length) != NULL;
}

/* Where no key may ever be. */
static void nowhere_else(void)
{
    for (uint32_t i = 0; i < key_count; i++) {
        const known_key_t *key = &keys[i];
        ck_assert(!within(machine->sp->flash.bytes, CBIT_SP_FLASH_BYTES, key));
        ck_assert(!within(machine->console, sizeof machine->console, key));
        ck_assert(!within(machine->memory, MACHINE_MEMORY_BYTES, key));
        ck_assert_msg(!within(machine->sp, sizeof *machine->sp, key) ||
                          within(machine->sp->secret, SP_SECRET_BYTES, key),
                      "a register of the model keeps key %u", i);
    }
}

/* How many of the keys stand in SRAM. */
static uint32_t in_sram(void)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < key_count; i++) {
        found += within(machine->sp->sram, SP_SRAM_BYTES, &keys[i]) ? 1 : 0;
    }
    return found;
}

static bool one_in_sram(const uint8_t *bytes, uint32_t length)
{
    return memmem(machine->sp->sram, SP_SRAM_BYTES, bytes, length) != NULL;
}

/* The platform's own three keys, and `more` of guests, are all that is left. */
static void expect_left(uint32_t more, const char *when)
{
    uint32_t platform = 0, left = in_sram();
    for (uint32_t i = 0; i < key_count; i++) {
        bool own = within(machine->sp->sram, SP_SRAM_BYTES, &keys[i]) && keys[i].length == 48;
        platform += own ? 1 : 0;
    }
    ck_assert_msg(platform <= 3, "%s: %u private keys", when, platform);
    ck_assert_msg(left - platform == more, "%s: %u keys of guests instead of %u (of %u known)",
                  when, left - platform, more, key_count);
    nowhere_else();
}

START_TEST(a_launch_leaves_the_guests_key_and_the_decommission_none)
{
    cbit_owner_session_t session;
    uint8_t digest[32];
    uint32_t handle = session_launched(0, &session, digest);
    know(session.tek, 16);
    know(session.tik, 16);
    ck_assert(one_in_sram(session.tek, 16)); /* the search finds what is there */
    ck_assert(one_in_sram(session.tik, 16));
    expect_left(4, "LSECRET");       /* TEK, TIK, VEK, offline key */
    ck_assert_uint_ge(key_count, 9); /* and Z, master secret, KEK, KIK, PDH */
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle), 0);
    ck_assert(!one_in_sram(session.tek, 16) && !one_in_sram(session.tik, 16));
    expect_left(2, "LAUNCH_FINISH");
    machine_with_handle(machine, SEV_CMD_DEACTIVATE, handle);
    expect_left(2, "DEACTIVATE");
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_DECOMMISSION, handle), 0);
    expect_left(0, "DECOMMISSION");
    machine_wbinvd(machine);
    machine_command(machine, SEV_CMD_DF_FLUSH, NULL, 0);
    for (uint32_t channel = 0; channel < MACHINE_CHANNELS; channel++) {
        ck_assert(!machine->loaded[channel][9]);
        for (uint32_t i = 0; i < key_count; i++) {
            ck_assert(
                !within(machine->keys[channel][1], sizeof machine->keys[channel] - 16, &keys[i]));
        }
    }
}
END_TEST

START_TEST(an_end_before_its_time_leaves_no_transport_keys)
{
    uint32_t handle, policy, length = 128;
    session_place(1);
    machine->memory[BLOB + 0x60] ^= 1; /* POLICY_MAC: after the keys are unwrapped */
    ck_assert_uint_eq(session_start(machine, SEV_CMD_LAUNCH_START, 1, &handle),
                      SEV_STATUS_BAD_MEASUREMENT);
    expect_left(0, "POLICY_MAC");
    session_place(1);
    machine->memory[BLOB + 0x40] ^= 1; /* WRAP_MAC */
    ck_assert_uint_eq(session_start(machine, SEV_CMD_RECEIVE_START, 1, &handle),
                      SEV_STATUS_BAD_MEASUREMENT);
    expect_left(0, "WRAP_MAC");
    handle = session_running(0);
    expect_left(2, "running");
    ck_assert_uint_eq(session_send_start(handle, &policy, &length), 0);
    expect_left(4,
                "SEND_START"); /* TEK and TIK as they were drawn in one, TIK alone, and the two */
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_SEND_CANCEL, handle), 0);
    expect_left(2, "SEND_CANCEL");
    ck_assert_uint_eq(session_send_start(handle, &policy, &length), 0);
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_SEND_UPDATE_DATA, handle, PAGE, 4096), 0);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_SEND_FINISH, handle), 0);
    expect_left(2, "SEND_FINISH");
}
END_TEST

START_TEST(a_received_guest_keeps_no_transport_keys)
{
    uint32_t handle;
    session_place(0);
    ck_assert_uint_eq(session_start(machine, SEV_CMD_RECEIVE_START, 0, &handle), 0);
    ck_assert_uint_eq(machine_activate(machine, handle, 9), 0);
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_RECEIVE_UPDATE_DATA, handle, PAGE, 4096),
                      SEV_STATUS_BAD_MEASUREMENT); /* uses the TIK, which is so noted */
    expect_left(3, "RUPDATE");                     /* TIK, VEK, offline key; nothing used the TEK */
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_RECEIVE_FINISH, handle), 0);
    expect_left(2, "RECEIVE_FINISH");
}
END_TEST

static void expect_nothing(const char *when)
{
    ck_assert_msg(in_sram() == 0, "%s: %u keys of %u are left", when, in_sram(), key_count);
    ck_assert_uint_gt(key_count, 9);
    nowhere_else();
    for (uint32_t slot = 1; slot < 16; slot++) {
        ck_assert(!machine->loaded[0][slot]);
    }
}

START_TEST(shutdown_watchdog_and_a_trap_leave_no_key_at_all)
{
    for (int kind = 0; kind < 3; kind++) {
        cbit_owner_session_t session;
        uint8_t digest[32];
        sev_report_t report;
        uint32_t length = SEV_REPORT_BYTES, handle = session_launched(0, &session, digest);
        ck_assert_uint_eq(session_attest(handle, &length, &report), 0); /* uses the PEK */
        ck_assert_uint_eq(machine_command(machine, SEV_CMD_PDH_GEN, NULL, 0), 0);
        ck_assert_uint_gt(in_sram(), 4);
        if (kind == 0) {
            ck_assert_uint_eq(machine_command(machine, SEV_CMD_SHUTDOWN, NULL, 0), 0);
            expect_nothing("SHUTDOWN");
        } else if (kind == 1) {
            machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle);
            machine->drop_after = 3;
            sev_copy_t copy = {handle, 4096, PAGE, PAGE2};
            ck_assert_uint_eq(machine_command(machine, SEV_CMD_COPY, &copy, sizeof copy),
                              SEV_STATUS_HWERROR_PLATFORM);
            machine_status(machine); /* it has booted again */
            expect_nothing("watchdog");
        } else {
            cbit_sp_debug_set_register(machine->sp, CBIT_SP_DEBUG_PC, SP_STAGING_BASE);
            ck_assert_uint_eq(machine_command(machine, SEV_CMD_NOP, NULL, 0),
                              SEV_STATUS_HWERROR_UNSAFE);
            ck_assert_msg(in_sram() == 0, "trap: %u keys are left", in_sram());
            nowhere_else();
        }
        session_teardown();
        setup();
    }
}
END_TEST

/* What is written, measured and compared is what was read once. */
START_TEST(a_host_that_rewrites_what_was_read_gains_nothing)
{
    cbit_owner_session_t session = session_place(1);
    cbit_owner_launch_t launch = {.api_minor = 24, .build = 15, .policy = 1};
    uint8_t page[4096], got[4096], measure[32], iv[16] = {3}, secret[64] = {9};
    sev_packet_header_t header;
    uint32_t handle, length = 48;
    machine->rewrites = true;
    ck_assert_uint_eq(session_start(machine, SEV_CMD_LAUNCH_START, 1, &handle), SEV_STATUS_SUCCESS);
    ck_assert_uint_eq(machine_activate(machine, handle, 9), 0);
    memset(page, 0x5a, sizeof page);
    memcpy(machine->memory + PAGE, page, sizeof page);
    SHA256(page, sizeof page, launch.digest);
    ck_assert_uint_eq(machine_update(machine, handle, PAGE, 4096), 0);
    session_read_guest(machine, 9, PAGE, got, 4096);
    ck_assert_mem_eq(got, page, 4096); /* what was hashed is what the guest has */
    ck_assert_uint_eq(machine_measure(machine, handle, MEASURE, &length), 0);
    memcpy(launch.mnonce, machine->memory + MEASURE + 32, 16);
    cbit_owner_measure(session.tik, &launch, measure);
    ck_assert_mem_eq(measure, machine->memory + MEASURE, 32);
    cbit_owner_secret(&session, measure, iv, secret, 64, &header, machine->memory + TRANS);
    memcpy(machine->memory + HEADER, &header, sizeof header);
    ck_assert_uint_eq(session_secret(handle, PAGE2, 64), SEV_STATUS_SUCCESS);
    session_read_guest(machine, 9, PAGE2, got, 64);
    ck_assert_mem_eq(got, secret, 64); /* what the MAC was about */
}
END_TEST

/* The image that was verified is the one that runs. */
START_TEST(an_image_that_changes_after_it_was_read_is_the_one_that_was_read)
{
    machine->rewrites = true;
    machine_command(machine, SEV_CMD_SHUTDOWN, NULL, 0);
    sev_range_t range = {.paddr = 0x300000, .length = cbit_firmware.image_bytes};
    memcpy(machine->memory + 0x300000, cbit_firmware.image, cbit_firmware.image_bytes);
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_DOWNLOAD_FIRMWARE, &range, sizeof range), 0);
    ck_assert_mem_ne(machine->memory + 0x300000, cbit_firmware.image, 64);
    ck_assert_uint_eq(machine_status(machine).build, SEV_BUILD);
    ck_assert_mem_eq(machine->sp->sram + (SP_CODE_BASE - SP_SRAM_BASE),
                     cbit_firmware.image + SP_IMAGE_HEAD_BYTES,
                     cbit_firmware.image_bytes - SP_IMAGE_HEAD_BYTES);
}
END_TEST

/* SRAM is zero at reset and the stack grows down from SP_STACK_TOP to the guard: what is not zero
   there was used. */
START_TEST(the_stack_stays_small)
{
    enum { WINDOW = SP_STACK_TOP - SP_SRAM_BASE - SP_GUARD_BYTES };
    cbit_owner_session_t session;
    uint8_t digest[32];
    sev_report_t report;
    uint32_t length = SEV_REPORT_BYTES, policy, unused = WINDOW, session_length = 128;
    uint32_t handle = session_launched(0, &session, digest);
    ck_assert_uint_eq(session_attest(handle, &length, &report), 0);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle), 0);
    ck_assert_uint_eq(session_send_start(handle, &policy, &session_length), 0);
    ck_assert_uint_eq(session_transport(machine, SEV_CMD_SEND_UPDATE_DATA, handle, PAGE, 4096), 0);
    machine_command(machine, SEV_CMD_PDH_GEN, NULL, 0);
    const uint8_t *window = machine->sp->sram + SP_GUARD_BYTES;
    for (uint32_t i = 0; i < WINDOW && unused == WINDOW; i++) {
        unused = window[i] != 0 ? i : WINDOW;
    }
    printf("stack: %u bytes were used\n", WINDOW - unused);
    ck_assert_uint_gt(WINDOW - unused, 100);
    ck_assert_uint_le(WINDOW - unused, 2048);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("keys");
    TCase *tcase = tcase_create("life");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, session_teardown);
    tcase_add_test(tcase, a_launch_leaves_the_guests_key_and_the_decommission_none);
    tcase_add_test(tcase, an_end_before_its_time_leaves_no_transport_keys);
    tcase_add_test(tcase, a_received_guest_keeps_no_transport_keys);
    tcase_add_test(tcase, shutdown_watchdog_and_a_trap_leave_no_key_at_all);
    tcase_add_test(tcase, a_host_that_rewrites_what_was_read_gains_nothing);
    tcase_add_test(tcase, an_image_that_changes_after_it_was_read_is_the_one_that_was_read);
    tcase_add_test(tcase, the_stack_stays_small);
    suite_add_tcase(suite, tcase);
    return suite;
}
