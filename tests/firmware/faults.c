/*
 * Faults in the hart: each instruction of a check skipped, bits of its registers flipped, and what
 * the check protects looked for afterwards.
 *
 *   test_firmware_faults [EVERY [FLIPS [TARGET]]]
 *
 * Each EVERYth instruction is skipped (1: all), and FLIPS random register bits are flipped at it.
 * A survivor is a fault that gives the attacker what he wants; each is printed with the place, and
 * any makes the exit status 1. Every fault has a process of its own, forked where the check begins.
 */
#define _XOPEN_SOURCE 700

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "cbit/base/rng.h"
#include "cbit/sp/debug.h"
#include "cbit/workloads/owner.h"
#include "firmware/image.h"
#include "model/sp/sp_internal.h"
#include "tests/firmware/machine.h"

enum {
    CERT = 0x300000,
    BLOB = 0x310000,
    HEADER = 0x320000,
    TRANS = 0x330000,
    OUT = 0x340000,
    IMAGE = 0x350000,
    PAGE = 0x200000,
    MAX_STEPS = 200000,
    EVIL_READY = 0x666, /* what evil.S says */
    /* A check that takes longer than this has lost its way: the watchdog would end it. */
    PATIENCE_MS = 40,
};

/* ---- one fault ---- */

typedef struct fault {
    uint64_t at; /* number of the instruction */
    bool flip;   /* otherwise it is skipped */
    uint32_t reg, bit;
} fault_t;

typedef struct injector {
    machine_t *machine;
    uint64_t seen;
    fault_t fault;
    uint32_t pc; /* where it hit */
} injector_t;

static void before(void *self, cbit_sp_t *sp)
{
    injector_t *injector = self;
    uint32_t pc = cbit_sp_debug_register(sp, CBIT_SP_DEBUG_PC);
    if (injector->seen++ != injector->fault.at) {
        return;
    }
    injector->pc = pc;
    if (injector->fault.flip) {
        uint32_t value = cbit_sp_debug_register(sp, injector->fault.reg);
        cbit_sp_debug_set_register(sp, injector->fault.reg, value ^ 1u << injector->fault.bit);
    } else {
        uint16_t half = 0;
        (void)cbit_sp_debug_read(sp, pc, &half, sizeof half);
        cbit_sp_debug_set_register(sp, CBIT_SP_DEBUG_PC, pc + ((half & 3) == 3 ? 4 : 2));
    }
    cbit_sp_debug_attach(sp, NULL); /* the rest at full speed */
}

/* ---- the targets ---- */

static machine_options_t options;
static cbit_owner_session_t session;
static uint8_t flash[CBIT_SP_FLASH_BYTES];
static machine_t *machine;
static uint32_t handle;
static bool answered;
static uint32_t answer;

static void on_answer(void *self, cbit_spdriver_request_t *request)
{
    (void)self;
    answered = true;
    answer = request->status;
    cbit_kernel_stop(machine->kernel);
}

/* A command with a fault in it may never end. */
static void command(uint32_t id, const void *buffer, uint32_t len_bytes)
{
    static cbit_spdriver_request_t request;
    memcpy(machine->memory + MACHINE_BUFFER_SPA, buffer, len_bytes);
    request = (cbit_spdriver_request_t){
        .command = id, .buffer_spa = MACHINE_BUFFER_SPA, .done = on_answer, .self = NULL};
    answered = false;
    cbit_spdriver_submit(machine->driver, &request);
    (void)cbit_kernel_run(machine->kernel,
                          cbit_kernel_now_ps(machine->kernel) + UINT64_C(1000000000) * PATIENCE_MS);
}

/* A launch without a session, as a fault may make of one with it, gets nothing of the owner's. */
static bool has_owners_keys(void)
{
    const uint8_t *sram = machine->sp->sram;
    for (uint32_t i = 0; i + SEV_KEY_BYTES <= SP_SRAM_BYTES; i += 4) {
        if (memcmp(sram + i, session.tik, SEV_KEY_BYTES) == 0) {
            return answered && answer == SEV_STATUS_SUCCESS;
        }
    }
    return false;
}

/* The guest's memory was zero (as ciphertext) before. */
static bool guest_was_written(void)
{
    for (uint32_t i = 0; i < 32; i++) {
        if (machine->memory[PAGE + 0x1000 + i] != 0) {
            return true;
        }
    }
    return false;
}

static bool session_is_out(void)
{
    return memcmp(machine->memory + BLOB, &session.blob, SEV_SESSION_BYTES) != 0;
}

static uint32_t read_image(const char *name, uint8_t *to, size_t room)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", CBIT_FAULT_IMAGES, name);
    FILE *file = fopen(path, "rb");
    size_t got = file == NULL ? 0 : fread(to, 1, room, file);
    if (file == NULL || got == 0) {
        (void)fprintf(stderr, "%s cannot be read\n", path);
        exit(2);
    }
    (void)fclose(file);
    return (uint32_t)got;
}

static void evil_flash(const char *name)
{
    machine_options_default(&options);
    memset(flash, 0xff, sizeof flash);
    (void)read_image(name, flash + SP_FLASH_IMAGE_OFFSET, SP_STAGING_BYTES);
    options.flash = flash;
    options.may_refuse = options.powered_off = true;
}

static void prepare_signature(void)
{
    evil_flash("evil_good.img");
    flash[SP_FLASH_IMAGE_OFFSET + 100] ^= 1;
    machine = machine_create(&options);
}

static void prepare_key(void)
{
    evil_flash("evil_key.img");
    machine = machine_create(&options);
}

static void prepare_version(void)
{
    evil_flash("evil_old.img");
    machine = machine_create(&options);
}

static void boot(void)
{
    answered = false;
    (void)cbit_kernel_run(machine->kernel, UINT64_C(1000000000) * PATIENCE_MS);
}

static bool evil_runs(void)
{
    answered = cbit_sp_refused(machine->sp) != 0;
    return cbit_sp_mmio_read(machine->sp, SEV_MAILBOX_V2_BOOTLOADER) == EVIL_READY;
}

static void prepare_platform(void)
{
    cbit_rng_t rng;
    machine_options_identity(&options);
    machine = machine_create(&options);
    machine_init(machine, 0);
    machine_certs_t certs = machine_export(machine);
    cbit_rng_init(&rng, 5, 0);
    if (!cbit_owner_session(&certs.pdh, SEV_POLICY_NODBG | SEV_POLICY_NOSEND, &rng, &session)) {
        exit(2);
    }
    memcpy(machine->memory + CERT, &session.cert, SEV_CERT_BYTES);
    memcpy(machine->memory + BLOB, &session.blob, SEV_SESSION_BYTES);
}

static void launch(uint32_t policy)
{
    const sev_start_t start = {.policy = policy,
                               .cert_paddr = CERT,
                               .cert_length = SEV_CERT_BYTES,
                               .session_paddr = BLOB,
                               .session_length = SEV_SESSION_BYTES};
    command(SEV_CMD_LAUNCH_START, &start, sizeof start);
}

/* A host asks for a weaker policy than the owner's session is for. */
static void act_weaker_policy(void)
{
    launch(0);
}

static void prepare_forged_session(void)
{
    prepare_platform();
    machine->memory[BLOB + 0x10] ^= 1; /* WRAP_TK: other keys than the owner's */
}

static void act_forged_session(void)
{
    launch(SEV_POLICY_NODBG | SEV_POLICY_NOSEND);
}

static void prepare_guest(void)
{
    uint32_t length = 48;
    prepare_platform();
    act_forged_session(); /* it is the owner's own here */
    handle = 1;
    machine_activate(machine, handle, 9);
    memset(machine->memory + PAGE, 0x5a, 4096);
    machine_update(machine, handle, PAGE, 4096);
    machine_measure(machine, handle, OUT, &length);
}

static void prepare_running(void)
{
    prepare_guest();
    machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle);
}

static void act_debug(void)
{
    const sev_debug_t debug = {
        .handle = handle, .src_paddr = PAGE, .dst_paddr = OUT + 0x1000, .length = 64};
    command(SEV_CMD_DBG_DECRYPT, &debug, sizeof debug);
}

static bool plaintext_is_out(void)
{
    uint8_t plain[16];
    memset(plain, 0x5a, sizeof plain);
    return memcmp(machine->memory + OUT + 0x1000, plain, sizeof plain) == 0;
}

static void act_send(void)
{
    const sev_send_start_t start = {.handle = handle,
                                    .pdh_paddr = CERT,
                                    .pdh_length = SEV_CERT_BYTES,
                                    .session_paddr = BLOB,
                                    .session_length = SEV_SESSION_BYTES};
    command(SEV_CMD_SEND_START, &start, sizeof start);
}

static void act_secret(void)
{
    static const uint8_t iv[16];
    uint8_t zero[32] = {0};
    sev_packet_header_t header;
    cbit_owner_secret(&session, zero, iv, zero, sizeof zero, &header, machine->memory + TRANS);
    memcpy(machine->memory + HEADER, &header, sizeof header);
    const sev_transport_t secret = {.handle = handle,
                                    .header_paddr = HEADER,
                                    .header_length = SEV_PACKET_HEADER_BYTES,
                                    .guest_paddr = PAGE + 0x1000,
                                    .guest_length = sizeof zero,
                                    .trans_paddr = TRANS,
                                    .trans_length = sizeof zero};
    command(SEV_CMD_LAUNCH_SECRET, &secret, sizeof secret);
}

static void prepare_download(void)
{
    machine_options_default(&options);
    machine = machine_create(&options);
}

static void act_download(void)
{
    sev_range_t range = {.paddr = IMAGE};
    range.length = read_image("evil_key.img", machine->memory + IMAGE, SP_STAGING_BYTES);
    command(SEV_CMD_DOWNLOAD_FIRMWARE, &range, sizeof range);
    (void)cbit_kernel_run(machine->kernel,
                          cbit_kernel_now_ps(machine->kernel) + UINT64_C(1000000000) * PATIENCE_MS);
}

static bool evil_was_started(void)
{
    return cbit_sp_mmio_read(machine->sp, SEV_MAILBOX_V2_BOOTLOADER) == EVIL_READY;
}

static const struct {
    const char *name, *wanted;
    void (*prepare)(void);
    void (*act)(void);
    bool (*broken)(void);
} targets[] = {
    {"rom-signature", "an image with a wrong signature runs", prepare_signature, boot, evil_runs},
    {"rom-key", "an image of another key runs", prepare_key, boot, evil_runs},
    {"rom-version", "an image of an older security version runs", prepare_version, boot, evil_runs},
    {"download", "an image of another key is taken", prepare_download, act_download,
     evil_was_started},
    {"policy-mac", "a weaker policy than the owner's is launched", prepare_platform,
     act_weaker_policy, has_owners_keys},
    {"wrap-mac", "other keys than the owner's are taken", prepare_forged_session,
     act_forged_session, has_owners_keys},
    {"packet-mac", "a forged secret is injected", prepare_guest, act_secret, guest_was_written},
    {"policy-debug", "plaintext in spite of NODBG", prepare_running, act_debug, plaintext_is_out},
    {"policy-send", "a session in spite of NOSEND", prepare_running, act_send, session_is_out},
};

enum { TARGETS = sizeof targets / sizeof targets[0] };

/* ---- sweeps ---- */

typedef enum outcome { SAFE, BROKEN, STUCK } outcome_t;

/* In a child: the check with one fault. */
static outcome_t try(int target, const fault_t *fault, uint32_t *pc)
{
    int ends[2];
    if (pipe(ends) != 0) {
        exit(2);
    }
    pid_t child = fork();
    if (child == 0) {
        injector_t injector = {.machine = machine, .fault = *fault};
        const cbit_sp_debug_t debug = {.self = &injector, .before = before};
        cbit_sp_debug_attach(machine->sp, &debug);
        targets[target].act();
        ssize_t written = write(ends[1], &injector.pc, 4);
        _exit(written != 4 ? 9 : targets[target].broken() ? BROKEN : answered ? SAFE : STUCK);
    }
    int status = 0;
    (void)close(ends[1]);
    *pc = 0;
    ssize_t got = read(ends[0], pc, 4);
    (void)close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || got != 4 ||
        WEXITSTATUS(status) > STUCK) {
        (void)fprintf(stderr, "%s, instruction %" PRIu64 ": the simulator died\n",
                      targets[target].name, fault->at);
        exit(2);
    }
    return (outcome_t)WEXITSTATUS(status);
}

/* How many instructions the check has without a fault; that it holds then is checked too. */
static uint64_t count_steps(int target)
{
    int ends[2];
    uint64_t seen = 0;
    if (pipe(ends) != 0) {
        exit(2);
    }
    pid_t child = fork();
    if (child == 0) {
        injector_t injector = {.machine = machine, .fault = {.at = UINT64_MAX}};
        const cbit_sp_debug_t debug = {.self = &injector, .before = before};
        cbit_sp_debug_attach(machine->sp, &debug);
        targets[target].act();
        ssize_t written = write(ends[1], &injector.seen, sizeof injector.seen);
        _exit(written == sizeof injector.seen && !targets[target].broken() ? 0 : 1);
    }
    int status = 1;
    (void)close(ends[1]);
    ssize_t got = read(ends[0], &seen, sizeof seen);
    (void)close(ends[0]);
    if (waitpid(child, &status, 0) != child || status != 0 || got != sizeof seen) {
        (void)fprintf(stderr, "%s: the check does not hold without a fault\n",
                      targets[target].name);
        exit(2);
    }
    return seen < MAX_STEPS ? seen : MAX_STEPS;
}

typedef struct tally {
    uint64_t tried, stuck, survivors;
} tally_t;

static void one(int target, const fault_t *fault, tally_t *tally)
{
    uint32_t pc;
    outcome_t outcome = try(target, fault, &pc);
    tally->tried++;
    tally->stuck += outcome == STUCK ? 1 : 0;
    if (outcome != BROKEN) {
        return;
    }
    tally->survivors++;
    printf("  survivor: %s, instruction %" PRIu64 " at %08x: ", targets[target].name, fault->at,
           pc);
    if (fault->flip) {
        printf("x%u bit %u\n", fault->reg, fault->bit);
    } else {
        printf("skipped\n");
    }
}

static uint64_t sweep(int target, uint64_t every, uint64_t flips, cbit_rng_t *rng)
{
    tally_t skips = {0}, turned = {0};
    targets[target].prepare();
    uint64_t steps = count_steps(target);
    for (uint64_t at = every > 1 ? cbit_rng_below(rng, every) : 0; at < steps; at += every) {
        const fault_t skip = {.at = at};
        one(target, &skip, &skips);
        for (uint64_t i = 0; i < flips; i++) {
            const fault_t flip = {.at = at,
                                  .flip = true,
                                  .reg = 1 + (uint32_t)cbit_rng_below(rng, 31),
                                  .bit = (uint32_t)cbit_rng_below(rng, 32)};
            one(target, &flip, &turned);
        }
    }
    printf("| %s | %s | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64
           " | %" PRIu64 " |\n",
           targets[target].name, targets[target].wanted, steps, skips.tried, skips.survivors,
           turned.tried, turned.survivors, skips.stuck + turned.stuck);
    (void)fflush(stdout);
    machine_destroy(machine);
    return skips.survivors + turned.survivors;
}

static int arguments;
static char **words;
static uint64_t survivors;

/* What the machine of the tests asserts must stand inside of a test. */
START_TEST(no_fault_gives_an_attacker_what_he_wants)
{
    int argc = arguments;
    char **argv = words;
    uint64_t every = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    uint64_t flips = argc > 2 ? strtoull(argv[2], NULL, 0) : 0, seed = 1;
    cbit_rng_t rng;
    const char *given = getenv("CBIT_TEST_SEED");
    seed = given == NULL ? seed : strtoull(given, NULL, 0);
    cbit_rng_init(&rng, seed, 0);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %" PRIu64 " (CBIT_TEST_SEED repeats another one)\n", seed);
    printf("| check | what an attacker wants | instructions | skipped | survivors | bits flipped | "
           "survivors | stuck |\n|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < TARGETS; i++) {
        if (argc <= 3 || strcmp(argv[3], targets[i].name) == 0) {
            survivors += sweep(i, every == 0 ? 1 : every, flips, &rng);
        }
    }
    ck_assert_msg(survivors == 0, "%" PRIu64 " faults survive", survivors);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("faults");
    TCase *tcase = tcase_create("sweeps");
    arguments = argc;
    words = argv;
    tcase_add_test(tcase, no_fault_gives_an_attacker_what_he_wants);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* it forks by itself */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
