/* What protects the SP's own memory: locked PMP entries, and error correction. */
#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "cbit/base/rng.h"
#include "cbit/sp/debug.h"
#include "cbit/workloads/owner.h"
#include "cbit_test.h"
#include "model/sp/sp_internal.h"
#include "tests/firmware/machine.h"

enum { READ = HART_PMP_READ, WRITE = HART_PMP_WRITE, EXECUTE = HART_PMP_EXECUTE, PAGE = 0x200000 };

static machine_t *machine;

static void setup(void)
{
    machine = machine_create(NULL);
}

static void teardown(void)
{
    machine_destroy(machine);
}

/* ---- PMP ---- */

START_TEST(no_word_of_sram_can_be_written_and_executed)
{
    const hart_t *hart = &machine->sp->hart;
    for (uint32_t at = 0; at < SP_SRAM_BYTES; at += 4) {
        bool write = hart_pmp_allows(hart, SP_SRAM_BASE + at, 4, WRITE);
        bool execute = hart_pmp_allows(hart, SP_SRAM_BASE + at, 4, EXECUTE);
        bool guard = at < SP_GUARD_BYTES, code = at >= SP_CODE_BASE - SP_SRAM_BASE;
        ck_assert(write == (!guard && !code) && execute == code);
        ck_assert(hart_pmp_allows(hart, SP_SRAM_BASE + at, 4, READ) == !guard);
    }
    for (uint32_t at = 0; at < SP_ROM_BYTES; at += 4) {
        ck_assert(!hart_pmp_allows(hart, SP_ROM_BASE + at, 4, READ));
        ck_assert(!hart_pmp_allows(hart, SP_ROM_BASE + at, 4, EXECUTE));
    }
}
END_TEST

/* Makes the sleeping firmware go on somewhere else, and rings: what it does then is a trap, and
   the answer HWERROR_UNSAFE from then on. */
static void expect_trap(uint32_t cause)
{
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_NOP, NULL, 0), SEV_STATUS_HWERROR_UNSAFE);
    char trap[32];
    (void)snprintf(trap, sizeof trap, "sp: trap %08x at ", cause);
    ck_assert_ptr_nonnull(strstr(machine->console, trap));
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_NOP, NULL, 0), SEV_STATUS_HWERROR_UNSAFE);
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_INIT, (uint8_t[20]){0}, 20),
                      SEV_STATUS_HWERROR_UNSAFE);
}

START_TEST(data_are_not_executed)
{
    cbit_sp_debug_set_register(machine->sp, CBIT_SP_DEBUG_PC, 0x20010000);
    expect_trap(HART_CAUSE_FETCH_FAULT);
}
END_TEST

START_TEST(the_boot_rom_cannot_be_entered_again)
{
    cbit_sp_debug_set_register(machine->sp, CBIT_SP_DEBUG_PC, SP_ROM_BASE);
    expect_trap(HART_CAUSE_FETCH_FAULT);
}
END_TEST

START_TEST(a_stack_that_overflows_meets_the_guard)
{
    cbit_sp_debug_set_register(machine->sp, 2, SP_SRAM_BASE + SP_GUARD_BYTES + 8);
    expect_trap(HART_CAUSE_STORE_FAULT);
}
END_TEST

/* ---- SECDED ---- */

static uint32_t corrected(void)
{
    cbit_sp_stats_t stats;
    cbit_sp_stats(machine->sp, &stats);
    return (uint32_t)stats.sram_corrected;
}

static uint32_t launch(void)
{
    machine_init(machine, 0);
    uint32_t handle = machine_launch(machine, 0);
    ck_assert_uint_eq(machine_activate(machine, handle, 9), 0);
    memset(machine->memory + PAGE, 0x35, 8192);
    return handle;
}

/* Where the guest's VEK stands: known from its key slot. */
static uint32_t find(const uint8_t *bytes, uint32_t len_bytes)
{
    for (uint32_t i = 0; i < SP_SRAM_BYTES; i += 4) {
        if (memcmp(machine->sp->sram + i, bytes, len_bytes) == 0) {
            return SP_SRAM_BASE + i;
        }
    }
    ck_abort_msg("not in SRAM");
    return 0;
}

START_TEST(any_single_flip_of_a_word_is_corrected_and_counted)
{
    uint32_t handle = launch();
    uint32_t at = find(machine->keys[0][9], 16);
    for (uint32_t bit = 0; bit < 39; bit++) {
        ck_assert(cbit_sp_flip_sram(machine->sp, at, UINT64_C(1) << bit));
        machine_with_handle(machine, SEV_CMD_DEACTIVATE, handle);
        ck_assert_uint_eq(machine_activate(machine, handle, 9), 0); /* reads the VEK */
        ck_assert_uint_eq(corrected(), bit + 1);
        ck_assert_mem_eq(machine->sp->sram + (at - SP_SRAM_BASE), machine->keys[0][9], 16);
    }
}
END_TEST

START_TEST(every_double_flip_of_a_word_is_found)
{
    uint32_t at = SP_SRAM_BASE + SP_GUARD_BYTES; /* nobody uses it */
    for (uint32_t a = 0; a < 39; a++) {
        for (uint32_t b = a + 1; b < 39; b++) {
            uint64_t bits = UINT64_C(1) << a | UINT64_C(1) << b;
            ck_assert(cbit_sp_flip_sram(machine->sp, at, bits));
            ck_assert(!sp_ecc_load(machine->sp, at, 4));
            ck_assert(cbit_sp_flip_sram(machine->sp, at, bits)); /* and back */
            ck_assert(sp_ecc_load(machine->sp, at, 4));
        }
    }
    ck_assert_uint_eq(corrected(), 0);
}
END_TEST

START_TEST(two_flips_end_in_unsafe_and_no_key_survives)
{
    uint8_t vek[16];
    uint32_t handle = launch();
    memcpy(vek, machine->keys[0][9], 16);
    uint32_t at = find(vek, 16);
    machine_with_handle(machine, SEV_CMD_DEACTIVATE, handle);
    ck_assert(cbit_sp_flip_sram(machine->sp, at + 4, 0x30));
    ck_assert_uint_eq(machine_activate(machine, handle, 9), SEV_STATUS_HWERROR_UNSAFE);
    expect_trap(HART_CAUSE_HARDWARE);
    for (uint32_t i = 0; i + 8 <= SP_SRAM_BYTES; i++) {
        ck_assert(memcmp(machine->sp->sram + i, vek, 4) != 0);
        ck_assert(memcmp(machine->sp->sram + i, vek + 8, 8) != 0);
    }
}
END_TEST

/* The CCP reads the hash state of LAUNCH_UPDATE_DATA: a device meets the lost word. */
START_TEST(a_word_that_a_device_loses_ends_in_unsafe_as_well)
{
    static const uint32_t initial[2] = {0x6a09e667, 0xbb67ae85};
    uint32_t handle = launch();
    uint32_t at = 0;
    for (uint32_t i = SP_STACK_TOP - SP_SRAM_BASE; i < SP_CODE_BASE - SP_SRAM_BASE; i += 4) {
        at = memcmp(machine->sp->sram + i, initial, 8) == 0 ? SP_SRAM_BASE + i : at;
    }
    ck_assert_uint_ne(at, 0);
    ck_assert(cbit_sp_flip_sram(machine->sp, at, 0x5));
    ck_assert_uint_eq(machine_update(machine, handle, PAGE, 4096), SEV_STATUS_HWERROR_UNSAFE);
    expect_trap(HART_CAUSE_HARDWARE);
}
END_TEST

START_TEST(flips_in_code_are_corrected)
{
    machine_init(machine, 0);
    for (uint32_t offset = 0; offset < 0x1000; offset += 4) { /* start, drivers, main loop */
        uint64_t bit = UINT64_C(1) << offset / 4 % 39;
        ck_assert(cbit_sp_flip_sram(machine->sp, SP_CODE_BASE + offset, bit));
        ck_assert_uint_eq(machine_command(machine, SEV_CMD_NOP, NULL, 0), SEV_STATUS_SUCCESS);
        if (machine->sp->ecc.count > 0) { /* was not executed: back */
            ck_assert(cbit_sp_flip_sram(machine->sp, SP_CODE_BASE + offset, bit));
        }
    }
    ck_assert_uint_gt(corrected(), 20);
}
END_TEST

/* ---- random flips while a guest is launched ---- */

static uint32_t flip_at, flips_left; /* instants from now; how many bits */
static cbit_rng_t rng;
static uint8_t hit[SP_SRAM_BYTES / 4]; /* words that the firmware uses */

static void flip_one(machine_t *on)
{
    if (flip_at-- != 0) {
        return;
    }
    uint32_t word;
    do {
        word = (uint32_t)cbit_rng_below(&rng, SP_SRAM_BYTES / 4);
    } while (hit[word] == 0);
    uint64_t bits = UINT64_C(1) << cbit_rng_below(&rng, 39);
    while (flips_left == 2 && (bits & (bits - 1)) == 0) {
        bits |= UINT64_C(1) << cbit_rng_below(&rng, 39);
    }
    ck_assert(cbit_sp_flip_sram(on->sp, SP_SRAM_BASE + 4 * word, bits));
}

/* Launches and measures under flips; false when the SP gave up. */
static bool launch_under(uint32_t bits, uint8_t digest_of_page[32])
{
    machine_t *one = machine_create(NULL);
    uint32_t length = 48, handle = 1;
    sev_init_t init = {0};
    sev_start_t start = {0};
    sev_activate_t activate = {.handle = 1, .asid = 9};
    sev_launch_range_t range = {.handle = 1, .paddr = PAGE, .length = 4096};
    flips_left = bits;
    flip_at = (uint32_t)cbit_rng_below(&rng, 400);
    memset(one->memory + PAGE, 0x42, 4096);
    one->watch = flip_one;
    bool good = machine_command(one, SEV_CMD_INIT, &init, sizeof init) == 0;
    machine_wbinvd(one);
    good = good && machine_command(one, SEV_CMD_DF_FLUSH, NULL, 0) == 0 &&
           machine_command(one, SEV_CMD_LAUNCH_START, &start, sizeof start) == 0 &&
           machine_command(one, SEV_CMD_ACTIVATE, &activate, sizeof activate) == 0 &&
           machine_command(one, SEV_CMD_LAUNCH_UPDATE_DATA, &range, sizeof range) == 0 &&
           machine_measure(one, handle, 0x300000, &length) == 0;
    if (good) {
        /* The keys of a launch without session are zero: the measurement can be recomputed. */
        static const uint8_t tik[16];
        cbit_owner_launch_t launch = {.api_minor = 24, .build = 15};
        uint8_t measure[32];
        memcpy(launch.digest, digest_of_page, 32);
        memcpy(launch.mnonce, one->memory + 0x300000 + 32, 16);
        cbit_owner_measure(tik, &launch, measure);
        ck_assert_mem_eq(one->memory + 0x300000, measure, 32);
    } else {
        uint32_t status = machine_command(one, SEV_CMD_NOP, NULL, 0);
        ck_assert_uint_eq(status, SEV_STATUS_HWERROR_UNSAFE);
    }
    machine_destroy(one);
    return good;
}

START_TEST(random_flips_are_corrected_or_end_the_service_and_never_a_wrong_measurement)
{
    enum { TRIALS = 150 };
    uint8_t page[4096], digest[32];
    uint32_t unsafe = 0;
    memset(page, 0x42, sizeof page);
    SHA256(page, sizeof page, digest);
    launch();
    for (uint32_t i = 0; i < SP_SRAM_BYTES / 4; i++) {
        static const uint8_t zero[4];
        hit[i] = memcmp(machine->sp->sram + 4 * i, zero, 4) != 0;
    }
    cbit_rng_init(&rng, cbit_test_seed(), 0);
    for (uint32_t i = 0; i < TRIALS; i++) {
        ck_assert(launch_under(1, digest)); /* one bit: as if nothing had been */
        unsafe += launch_under(2, digest) ? 0 : 1;
    }
    printf("%u of %d double flips ended in HWERROR_UNSAFE\n", unsafe, TRIALS);
    ck_assert_uint_gt(unsafe, 10);
}
END_TEST

/* The fast path off and on again: the same times. */
START_TEST(a_corrected_flip_costs_no_time)
{
    cbit_ps_t span[2];
    for (int i = 0; i < 2; i++) {
        machine_t *one = machine_create(NULL);
        machine_init(one, 0);
        if (i == 1) {
            ck_assert(cbit_sp_flip_sram(one->sp, SP_SRAM_BASE + SP_GUARD_BYTES, 1));
        }
        uint32_t handle = machine_launch(one, 0);
        machine_activate(one, handle, 9);
        machine_update(one, handle, PAGE, 8192);
        span[i] = cbit_kernel_now_ps(one->kernel);
        machine_destroy(one);
    }
    ck_assert_uint_eq(span[0], span[1]);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("memory");
    TCase *tcase = tcase_create("pmp");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, no_word_of_sram_can_be_written_and_executed);
    tcase_add_test(tcase, data_are_not_executed);
    tcase_add_test(tcase, the_boot_rom_cannot_be_entered_again);
    tcase_add_test(tcase, a_stack_that_overflows_meets_the_guard);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("secded");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, any_single_flip_of_a_word_is_corrected_and_counted);
    tcase_add_test(tcase, every_double_flip_of_a_word_is_found);
    tcase_add_test(tcase, two_flips_end_in_unsafe_and_no_key_survives);
    tcase_add_test(tcase, a_word_that_a_device_loses_ends_in_unsafe_as_well);
    tcase_add_test(tcase, flips_in_code_are_corrected);
    tcase_add_test(tcase, a_corrected_flip_costs_no_time);
    tcase_add_test(tcase,
                   random_flips_are_corrected_or_end_the_service_and_never_a_wrong_measurement);
    suite_add_tcase(suite, tcase);
    return suite;
}
