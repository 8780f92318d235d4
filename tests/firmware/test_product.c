/*
 * Every command in every state, against an oracle written from the tables of the API (sections 3, 6
 * and 7 of its reference), not from the firmware: who may, what it answers, where it leads.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "cbit/workloads/owner.h"
#include "cbit_test.h"
#include "firmware/image.h"
#include "tests/firmware/machine.h"

enum {
    CERT = 0x300000,
    BLOB = 0x310000,
    HEADER = 0x320000,
    TRANS = 0x330000,
    OUT = 0x340000,
    PAGE = 0x200000,
    PAGE2 = 0x240000,
    CHAIN = 0x350000,
    ASID = 9,
    OTHER_ASID = 10,
};

/* Where a command is tried: platform without guest, or with one guest in a state. */
typedef struct place {
    const char *name;
    uint32_t platform; /* UNINIT, INIT or WORKING */
    uint32_t guest;
} place_t;

static const place_t places[] = {
    {"UNINIT", SEV_PLATFORM_UNINIT, 0},
    {"INIT", SEV_PLATFORM_INIT, 0},
    {"LUPDATE", SEV_PLATFORM_WORKING, SEV_GUEST_LUPDATE},
    {"LSECRET", SEV_PLATFORM_WORKING, SEV_GUEST_LSECRET},
    {"RUNNING", SEV_PLATFORM_WORKING, SEV_GUEST_RUNNING},
    {"SUPDATE", SEV_PLATFORM_WORKING, SEV_GUEST_SUPDATE},
    {"RUPDATE", SEV_PLATFORM_WORKING, SEV_GUEST_RUPDATE},
    {"SENT", SEV_PLATFORM_WORKING, SEV_GUEST_SENT},
};

#define U        1u /* platform states: UNINIT, INIT, WORKING */
#define I        2u
#define W        4u
#define STATE(s) (1u << SEV_GUEST_##s)
#define ALIVE    0x7eu

enum { SAME = 0xff, GONE = 0xfe, NONE = 0xfd };

/* The oracle's row. */
typedef struct rule {
    uint32_t command;
    uint32_t platform;    /* where the API lists it */
    uint32_t from;        /* guest states; 0: not about a guest's state */
    uint32_t guest_after; /* SAME, GONE, NONE (no guest in it) or SEV_GUEST_* */
    bool needs_asid;      /* inactive guests: INACTIVE, after the state */
    uint32_t good;        /* what well-formed arguments are answered where it is allowed */
} rule_t;

static const rule_t rules[] = {
    {SEV_CMD_INIT, U, 0, NONE, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_INIT_EX, U, 0, NONE, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_SHUTDOWN, U | I | W, 0, GONE, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_PLATFORM_RESET, U, 0, NONE, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_PLATFORM_STATUS, U | I | W, 0, SAME, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_PEK_GEN, I, 0, NONE, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_PEK_CSR, I | W, 0, SAME, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_PEK_CERT_IMPORT, I, 0, NONE, false, SEV_STATUS_INVALID_CERTIFICATE},
    {SEV_CMD_PDH_CERT_EXPORT, I | W, 0, SAME, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_PDH_GEN, I | W, 0, SAME, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_DF_FLUSH, I | W, 0, SAME, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_DOWNLOAD_FIRMWARE, U, 0, NONE, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_GET_ID, U | I | W, 0, SAME, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_NOP, U | I | W, 0, SAME, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_RING_BUFFER, I | W, 0, SAME, false, SEV_STATUS_UNSUPPORTED},
    {SEV_CMD_DECOMMISSION, W, ALIVE, GONE, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_ACTIVATE, W, ALIVE & ~STATE(SENT), SAME, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_ACTIVATE_EX, W, ALIVE & ~STATE(SENT), SAME, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_DEACTIVATE, W, ALIVE, SAME, true, SEV_STATUS_SUCCESS},
    {SEV_CMD_GUEST_STATUS, I | W, 0, SAME, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_COPY, W, ALIVE, SAME, true, SEV_STATUS_SUCCESS},
    {SEV_CMD_LAUNCH_START, I | W, 0, SAME, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_LAUNCH_UPDATE_DATA, W, STATE(LUPDATE), SAME, true, SEV_STATUS_SUCCESS},
    {SEV_CMD_LAUNCH_UPDATE_VMSA, W, STATE(LUPDATE), SAME, false, SEV_STATUS_UNSUPPORTED},
    {SEV_CMD_LAUNCH_MEASURE, W, STATE(LUPDATE), SEV_GUEST_LSECRET, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_LAUNCH_SECRET, W, STATE(LSECRET), SAME, true, SEV_STATUS_SUCCESS},
    {SEV_CMD_LAUNCH_FINISH, W, STATE(LSECRET), SEV_GUEST_RUNNING, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_ATTESTATION, W, STATE(LSECRET) | STATE(RUNNING) | STATE(SUPDATE) | STATE(SENT), SAME,
     false, SEV_STATUS_SUCCESS},
    {SEV_CMD_SEND_START, W, STATE(RUNNING), SEV_GUEST_SUPDATE, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_SEND_UPDATE_DATA, W, STATE(SUPDATE), SAME, true, SEV_STATUS_SUCCESS},
    {SEV_CMD_SEND_UPDATE_VMSA, W, STATE(SUPDATE), SAME, false, SEV_STATUS_UNSUPPORTED},
    {SEV_CMD_SEND_FINISH, W, STATE(SUPDATE), SEV_GUEST_SENT, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_SEND_CANCEL, W, STATE(SUPDATE), SEV_GUEST_RUNNING, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_RECEIVE_START, I | W, 0, SAME, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_RECEIVE_UPDATE_DATA, W, STATE(RUPDATE), SAME, true, SEV_STATUS_SUCCESS},
    {SEV_CMD_RECEIVE_UPDATE_VMSA, W, STATE(RUPDATE), SAME, false, SEV_STATUS_UNSUPPORTED},
    {SEV_CMD_RECEIVE_FINISH, W, STATE(RUPDATE), SEV_GUEST_RUNNING, false, SEV_STATUS_SUCCESS},
    {SEV_CMD_DBG_DECRYPT, W, ALIVE, SAME, true, SEV_STATUS_SUCCESS},
    {SEV_CMD_DBG_ENCRYPT, W, ALIVE, SAME, true, SEV_STATUS_SUCCESS},
    {SEV_CMD_SWAP_OUT, W, 0, SAME, false, SEV_STATUS_UNSUPPORTED},
    {SEV_CMD_SWAP_IN, W, 0, SAME, false, SEV_STATUS_UNSUPPORTED},
};

enum { RULES = sizeof rules / sizeof rules[0], PLACES = sizeof places / sizeof places[0] };

static uint8_t flash[CBIT_SP_FLASH_BYTES]; /* made once: every machine is the same platform */

/* One machine in one place. */
typedef struct stage {
    machine_t *machine;
    uint32_t handle; /* 0: no guest */
    bool active;
    cbit_owner_session_t session;
    uint8_t measure[32];
} stage_t;

static uint32_t transport(stage_t *stage, uint32_t command, uint32_t handle)
{
    sev_transport_t buffer = {.handle = handle,
                              .header_paddr = HEADER,
                              .header_length = SEV_PACKET_HEADER_BYTES,
                              .guest_paddr = PAGE,
                              .guest_length = 4096,
                              .trans_paddr = TRANS,
                              .trans_length = 4096};
    return machine_command(stage->machine, command, &buffer, sizeof buffer);
}

static uint32_t start(stage_t *stage, uint32_t command)
{
    sev_start_t buffer = {.cert_paddr = CERT,
                          .cert_length = SEV_CERT_BYTES,
                          .session_paddr = BLOB,
                          .session_length = SEV_SESSION_BYTES};
    memcpy(stage->machine->memory + CERT, &stage->session.cert, SEV_CERT_BYTES);
    memcpy(stage->machine->memory + BLOB, &stage->session.blob, SEV_SESSION_BYTES);
    uint32_t status = machine_command(stage->machine, command, &buffer, sizeof buffer);
    stage->handle = stage->handle == 0 && status == 0 ? buffer.handle : stage->handle;
    return status;
}

/* A page as a sender would pack it: section 8.3. */
static void place_packet(stage_t *stage)
{
    uint8_t *memory = stage->machine->memory;
    uint8_t message[29 + 4096] = {SEV_CONTEXT_PACKET};
    memset(memory + TRANS, 0x77, 4096);
    memset(memory + HEADER, 0, SEV_PACKET_HEADER_BYTES);
    message[22] = message[26] = 0x10; /* 4096, twice */
    memcpy(message + 29, memory + TRANS, 4096);
    HMAC(EVP_sha256(), stage->session.tik, 16, message, sizeof message, memory + HEADER + 20, NULL);
}

static void place_secret(stage_t *stage)
{
    static const uint8_t iv[16], secret[4096];
    sev_packet_header_t header;
    cbit_owner_secret(&stage->session, stage->measure, iv, secret, 4096, &header,
                      stage->machine->memory + TRANS);
    memcpy(stage->machine->memory + HEADER, &header, sizeof header);
}

static uint32_t send_start(stage_t *stage, uint32_t handle)
{
    sev_send_start_t buffer = {.handle = handle,
                               .pdh_paddr = CERT,
                               .pdh_length = SEV_CERT_BYTES,
                               .session_paddr = BLOB,
                               .session_length = SEV_SESSION_BYTES};
    /* An owner's DH certificate is a receiver's as well as any. */
    memcpy(stage->machine->memory + CERT, &stage->session.cert, SEV_CERT_BYTES);
    return machine_command(stage->machine, SEV_CMD_SEND_START, &buffer, sizeof buffer);
}

#define GOOD(call) ck_assert_uint_eq((call), SEV_STATUS_SUCCESS)

static void bring_guest(stage_t *stage, uint32_t state)
{
    machine_t *machine = stage->machine;
    uint32_t length = 48;
    GOOD(start(stage, state == SEV_GUEST_RUPDATE ? SEV_CMD_RECEIVE_START : SEV_CMD_LAUNCH_START));
    GOOD(machine_activate(machine, stage->handle, ASID));
    if (state == SEV_GUEST_LUPDATE || state == SEV_GUEST_RUPDATE) {
        return;
    }
    GOOD(machine_measure(machine, stage->handle, OUT, &length));
    memcpy(stage->measure, machine->memory + OUT, 32);
    if (state == SEV_GUEST_LSECRET) {
        return;
    }
    GOOD(machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, stage->handle));
    if (state == SEV_GUEST_RUNNING) {
        return;
    }
    GOOD(send_start(stage, stage->handle));
    if (state == SEV_GUEST_SENT) {
        GOOD(machine_with_handle(machine, SEV_CMD_SEND_FINISH, stage->handle));
    }
}

static stage_t make_stage(const place_t *place, bool active)
{
    static uint8_t copy[CBIT_SP_FLASH_BYTES];
    machine_options_t options;
    stage_t stage = {.active = active};
    cbit_rng_t rng;
    machine_options_identity(&options);
    options.boot = 1;
    memcpy(copy, flash, sizeof copy);
    options.flash = copy;
    stage.machine = machine_create(&options);
    if (place->platform == SEV_PLATFORM_UNINIT) {
        return stage;
    }
    machine_init(stage.machine, 0);
    machine_certs_t certs = machine_export(stage.machine);
    cbit_rng_init(&rng, 3, 0);
    ck_assert(cbit_owner_session(&certs.pdh, 0, &rng, &stage.session));
    if (place->platform == SEV_PLATFORM_WORKING) {
        bring_guest(&stage, place->guest);
        if (!active) {
            GOOD(machine_with_handle(stage.machine, SEV_CMD_DEACTIVATE, stage.handle));
            machine_wbinvd(stage.machine);
            GOOD(machine_command(stage.machine, SEV_CMD_DF_FLUSH, NULL, 0));
        }
    }
    return stage;
}

static uint32_t ranges(stage_t *stage, uint32_t command)
{
    sev_two_ranges_t buffer = {
        .first_paddr = OUT,
        .first_length = SEV_CERT_BYTES,
        .second_paddr = CHAIN,
        .second_length = command == SEV_CMD_PEK_CERT_IMPORT ? SEV_CERT_BYTES : SEV_CHAIN_BYTES};
    return machine_command(stage->machine, command, &buffer, sizeof buffer);
}

static uint32_t about_memory(stage_t *stage, uint32_t command, uint32_t handle)
{
    sev_launch_range_t range = {.handle = handle, .paddr = PAGE, .length = 4096};
    sev_copy_t copy = {.handle = handle, .length = 4096, .src_paddr = PAGE, .dst_paddr = PAGE2};
    sev_debug_t debug = {.handle = handle, .src_paddr = PAGE, .dst_paddr = PAGE2, .length = 64};
    if (command == SEV_CMD_COPY) {
        return machine_command(stage->machine, command, &copy, sizeof copy);
    }
    return command == SEV_CMD_DBG_DECRYPT || command == SEV_CMD_DBG_ENCRYPT
               ? machine_command(stage->machine, command, &debug, sizeof debug)
               : machine_command(stage->machine, command, &range, sizeof range);
}

static uint32_t about_platform(stage_t *stage, uint32_t command)
{
    uint8_t zeros[SEV_COMMAND_BUFFER_MAX_BYTES] = {0};
    sev_init_ex_t init_ex = {.length = sizeof init_ex};
    sev_range_t range = {.paddr = OUT, .length = SEV_CERT_BYTES};
    switch (command) {
    case SEV_CMD_DOWNLOAD_FIRMWARE:
        range.length = cbit_firmware.image_bytes;
        memcpy(stage->machine->memory + OUT, cbit_firmware.image, range.length);
        return machine_command(stage->machine, command, &range, sizeof range);
    case SEV_CMD_INIT_EX:
        return machine_command(stage->machine, command, &init_ex, sizeof init_ex);
    case SEV_CMD_PEK_CSR:
    case SEV_CMD_GET_ID:
        return machine_command(stage->machine, command, &range, sizeof range);
    case SEV_CMD_PDH_CERT_EXPORT:
    case SEV_CMD_PEK_CERT_IMPORT:
        return ranges(stage, command);
    default:
        return machine_command(stage->machine, command, zeros, sizeof zeros);
    }
}

/* The command with arguments that are in order. */
static uint32_t issue(stage_t *stage, uint32_t command, uint32_t handle)
{
    machine_t *machine = stage->machine;
    static const uint32_t core = 0;
    switch (command) {
    case SEV_CMD_ACTIVATE:
        return machine_activate(machine, handle, OTHER_ASID);
    case SEV_CMD_ACTIVATE_EX: {
        sev_activate_ex_t buffer = {sizeof buffer, handle, OTHER_ASID, 1, OUT};
        memcpy(machine->memory + OUT, &core, 4);
        return machine_command(machine, command, &buffer, sizeof buffer);
    }
    case SEV_CMD_DECOMMISSION:
    case SEV_CMD_DEACTIVATE:
    case SEV_CMD_LAUNCH_FINISH:
    case SEV_CMD_SEND_FINISH:
    case SEV_CMD_SEND_CANCEL:
    case SEV_CMD_RECEIVE_FINISH:
        return machine_with_handle(machine, command, handle);
    case SEV_CMD_LAUNCH_START:
    case SEV_CMD_RECEIVE_START:
        return start(stage, command);
    case SEV_CMD_LAUNCH_SECRET:
        place_secret(stage);
        return transport(stage, command, handle);
    case SEV_CMD_RECEIVE_UPDATE_DATA:
    case SEV_CMD_RECEIVE_UPDATE_VMSA:
        place_packet(stage);
        return transport(stage, command, handle);
    case SEV_CMD_SEND_UPDATE_DATA:
    case SEV_CMD_SEND_UPDATE_VMSA:
        return transport(stage, command, handle);
    case SEV_CMD_SEND_START:
        return send_start(stage, handle);
    case SEV_CMD_ATTESTATION: {
        sev_attestation_t buffer = {.handle = handle, .paddr = OUT, .length = SEV_REPORT_BYTES};
        return machine_command(machine, command, &buffer, sizeof buffer);
    }
    case SEV_CMD_COPY:
    case SEV_CMD_DBG_DECRYPT:
    case SEV_CMD_DBG_ENCRYPT:
    case SEV_CMD_LAUNCH_UPDATE_DATA:
    case SEV_CMD_LAUNCH_UPDATE_VMSA:
    case SEV_CMD_LAUNCH_MEASURE:
        return about_memory(stage, command, handle);
    default:
        return about_platform(stage, command);
    }
}

static uint32_t expected_status(const rule_t *rule, const place_t *place, bool active)
{
    if ((rule->platform >> place->platform & 1) == 0) {
        return SEV_STATUS_INVALID_PLATFORM_STATE;
    }
    if ((rule->command == SEV_CMD_ACTIVATE || rule->command == SEV_CMD_ACTIVATE_EX ||
         rule->command == SEV_CMD_DECOMMISSION) &&
        active) {
        return SEV_STATUS_ACTIVE; /* section 5: before the guest's state */
    }
    if (rule->from != 0 && (rule->from >> place->guest & 1) == 0) {
        return SEV_STATUS_INVALID_GUEST_STATE;
    }
    return rule->needs_asid && !active ? (uint32_t)SEV_STATUS_INACTIVE : rule->good;
}

/* The guest's state after a success. */
static uint32_t expected_guest(const rule_t *rule, const place_t *place)
{
    switch (rule->guest_after) {
    case SAME:
        return place->guest;
    case GONE:
    case NONE:
        return SEV_GUEST_UNINIT;
    default:
        return rule->guest_after;
    }
}

static uint32_t expected_platform(const rule_t *rule, const place_t *place)
{
    switch (rule->command) {
    case SEV_CMD_INIT:
    case SEV_CMD_INIT_EX:
        return SEV_PLATFORM_INIT;
    case SEV_CMD_SHUTDOWN:
        return SEV_PLATFORM_UNINIT;
    case SEV_CMD_LAUNCH_START:
    case SEV_CMD_RECEIVE_START:
        return SEV_PLATFORM_WORKING;
    case SEV_CMD_DECOMMISSION:
        return SEV_PLATFORM_INIT; /* it was the last guest */
    default:
        return place->platform;
    }
}

static void try_one(const rule_t *rule, const place_t *place, bool active)
{
    stage_t stage = make_stage(place, active);
    uint32_t handle = stage.handle == 0 ? 1 : stage.handle;
    uint32_t expected = expected_status(rule, place, active);
    uint32_t status = issue(&stage, rule->command, handle);
    ck_assert_msg(status == expected, "%s in %s%s: %s instead of %s",
                  cbit_spdriver_command_name(rule->command), place->name,
                  active ? "" : " without an ASID", cbit_spdriver_status_name(status),
                  cbit_spdriver_status_name(expected));
    bool done = expected == SEV_STATUS_SUCCESS;
    uint32_t platform = done ? expected_platform(rule, place) : place->platform;
    ck_assert_uint_eq(machine_status(stage.machine).state, platform);
    if (platform != SEV_PLATFORM_UNINIT && place->platform == SEV_PLATFORM_WORKING) {
        uint32_t guest = done ? expected_guest(rule, place) : place->guest;
        ck_assert_msg(machine_guest_state(stage.machine, handle) == guest,
                      "%s in %s leaves the guest in %u instead of %u",
                      cbit_spdriver_command_name(rule->command), place->name,
                      machine_guest_state(stage.machine, handle), guest);
    }
    machine_destroy(stage.machine);
}

static void provision(void)
{
    machine_options_t options;
    machine_options_identity(&options);
    memset(flash, 0xff, sizeof flash);
    options.flash = flash;
    machine_t *machine = machine_create(&options);
    machine_init(machine, 0);
    machine_destroy(machine);
}

/* One test a command: a failure names its command, and they run beside each other. */
START_TEST(a_command_does_in_every_state_what_the_tables_say)
{
    for (uint32_t i = 0; i < PLACES; i++) {
        try_one(&rules[_i], &places[i], true);
        if (places[i].platform == SEV_PLATFORM_WORKING) {
            try_one(&rules[_i], &places[i], false);
        }
    }
}
END_TEST

START_TEST(an_invalid_handle_is_said_to_be_one)
{
    stage_t stage = make_stage(&places[4], true);
    for (uint32_t i = 0; i < RULES; i++) {
        if (rules[i].from != 0) {
            uint32_t status = issue(&stage, rules[i].command, 1000);
            ck_assert_msg(status == SEV_STATUS_INVALID_GUEST, "%s: %s",
                          cbit_spdriver_command_name(rules[i].command),
                          cbit_spdriver_status_name(status));
        }
    }
    machine_destroy(stage.machine);
}
END_TEST

START_TEST(the_oracle_knows_every_command_once)
{
    static const uint32_t all[] = {
#define ID(name, id, bytes) id,
        SEV_COMMAND_MAP(ID)
#undef ID
    };
    ck_assert_uint_eq(sizeof all / sizeof all[0], RULES);
    for (size_t i = 0; i < RULES; i++) {
        uint32_t found = 0;
        for (uint32_t j = 0; j < RULES; j++) {
            found += rules[j].command == all[i] ? 1 : 0;
        }
        ck_assert_uint_eq(found, 1);
    }
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("product");
    TCase *tcase = tcase_create("state x command");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, provision, NULL);
    tcase_add_test(tcase, the_oracle_knows_every_command_once);
    tcase_add_loop_test(tcase, a_command_does_in_every_state_what_the_tables_say, 0, RULES);
    tcase_add_test(tcase, an_invalid_handle_is_said_to_be_one);
    suite_add_tcase(suite, tcase);
    return suite;
}
