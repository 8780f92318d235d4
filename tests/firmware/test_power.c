/* The power fails at any time: the platform comes back with the old identity or the new one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cbit/workloads/owner.h"
#include "cbit_test.h"
#include "model/sp/sp_internal.h"
#include "tests/firmware/machine.h"

enum { CUTS = 60 };

static uint8_t flash[CBIT_SP_FLASH_BYTES];
static machine_options_t options;

static void setup(void)
{
    machine_options_identity(&options);
    memset(flash, 0xff, sizeof flash);
    options.flash = flash;
}

static void nothing(void *self, cbit_spdriver_request_t *request)
{
    (void)self;
    (void)request;
}

/* Sends a command and cuts the power after a while. */
static void cut_during(machine_t *machine, uint32_t command, uint64_t buffer_spa,
                       cbit_ps_t after_ps)
{
    cbit_spdriver_request_t request = {
        .command = command, .buffer_spa = buffer_spa, .done = nothing};
    cbit_spdriver_submit(machine->driver, &request);
    cbit_kernel_run(machine->kernel, cbit_kernel_now_ps(machine->kernel) + after_ps);
    cbit_sp_power_cut(machine->sp);
    machine_destroy(machine);
}

static machine_t *power_up(void)
{
    options.boot++;
    return machine_create(&options);
}

static uint32_t init(machine_t *machine)
{
    sev_init_t buffer = {0};
    return machine_command(machine, SEV_CMD_INIT, &buffer, sizeof buffer);
}

static void check_chain(const machine_certs_t *certs)
{
    ck_assert(cbit_owner_cert_signed_by(&certs->pdh, &certs->pek));
    ck_assert(cbit_owner_cert_signed_by(&certs->pek, &certs->cek));
    ck_assert(cbit_owner_cert_signed_by(&certs->oca, &certs->oca));
}

/* The first INIT takes 8 x 5 ms for keys, 90 ms to erase and 19 ms to program: cuts all over it. */
START_TEST(the_first_init_may_be_cut_anywhere)
{
    uint32_t invalid = 0;
    for (uint64_t i = 0; i < CUTS; i++) {
        memset(flash, 0xff, sizeof flash);
        machine_t *machine = power_up();
        memset(machine->memory + 0x20000, 0, sizeof(sev_init_t));
        cut_during(machine, SEV_CMD_INIT, 0x20000, (30000 + 2000 * i + 137) * UINT64_C(1000000));
        machine = power_up();
        uint32_t status = init(machine);
        if (status == SEV_STATUS_SECURE_DATA_INVALID) { /* the header itself was cut */
            invalid++;
            status = init(machine);
        }
        ck_assert_uint_eq(status, SEV_STATUS_SUCCESS);
        machine_certs_t certs = machine_export(machine);
        check_chain(&certs);
        machine_destroy(machine);
    }
    ck_assert_uint_le(invalid, 2); /* only while the last page is programmed: 0.7 of 150 ms */
}
END_TEST

START_TEST(a_cut_change_leaves_the_old_identity_or_the_new_one)
{
    machine_t *machine = power_up();
    ck_assert_uint_eq(init(machine), 0);
    machine_certs_t old = machine_export(machine);
    uint32_t kept = 0, changed = 0;
    for (uint64_t i = 0; i < CUTS; i++) {
        /* PDH_GEN: 10 ms of keys, 90 ms erasing, 19 ms programming. */
        cut_during(machine, SEV_CMD_PDH_GEN, 0, (5000 + 2000 * i + 311) * UINT64_C(1000000));
        machine = power_up();
        ck_assert_uint_eq(init(machine), SEV_STATUS_SUCCESS);
        machine_certs_t certs = machine_export(machine);
        check_chain(&certs);
        ck_assert_mem_eq(&certs.pek, &old.pek, sizeof old.pek);
        bool same = memcmp(&certs.pdh, &old.pdh, sizeof old.pdh) == 0;
        kept += same ? 1 : 0;
        changed += same ? 0 : 1;
        old = certs;
    }
    ck_assert_uint_gt(kept, 0);
    printf("%u cuts kept the old PDH, %u the new one\n", kept, changed);
    machine_destroy(machine);
}
END_TEST

/* ---- a cut in each single operation of the flash ---- */

/* Runs until the nth program or erase from now is half done; false: there are not so many. */
static bool run_into_operation(machine_t *machine, uint32_t n)
{
    const sp_flash_t *chip = &machine->sp->flash;
    bool busy = false;
    cbit_ps_t next_ps;
    while ((next_ps = cbit_kernel_next_ps(machine->kernel)) != CBIT_PS_NEVER) {
        bool now = chip->busy && chip->op != SP_FLASH_READ;
        if (now && !busy && n-- == 0) {
            uint64_t us = chip->op == SP_FLASH_ERASE ? 15000 : 350;
            cbit_kernel_run(machine->kernel, cbit_kernel_now_ps(machine->kernel) + us * 1000000);
            return true;
        }
        busy = now;
        cbit_kernel_run(machine->kernel, next_ps);
    }
    return false;
}

/* A platform with two identities in its banks: *older, which is past, and *last. */
static void provision(machine_certs_t *older, machine_certs_t *last)
{
    memset(flash, 0xff, sizeof flash);
    machine_t *machine = power_up();
    ck_assert_uint_eq(init(machine), 0);
    *older = machine_export(machine);
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_PDH_GEN, NULL, 0), 0);
    *last = machine_export(machine);
    machine_destroy(machine);
}

static machine_certs_t after_cut(void)
{
    machine_t *machine = power_up();
    uint32_t status = init(machine);
    if (status == SEV_STATUS_SECURE_DATA_INVALID) {
        status = init(machine);
    }
    ck_assert_uint_eq(status, SEV_STATUS_SUCCESS);
    machine_certs_t certs = machine_export(machine);
    check_chain(&certs);
    machine_destroy(machine);
    return certs;
}

/* Returns how many operations the command has; each was cut once. */
static uint32_t cut_in_each(uint32_t command, bool needs_init)
{
    static uint8_t kept[CBIT_SP_FLASH_BYTES];
    machine_certs_t older, last;
    provision(&older, &last);
    memcpy(kept, flash, sizeof kept);
    for (uint32_t n = 0;; n++) {
        memcpy(flash, kept, sizeof flash);
        machine_t *machine = power_up();
        if (needs_init) {
            ck_assert_uint_eq(init(machine), 0);
        }
        cbit_spdriver_request_t request = {.command = command, .done = nothing};
        cbit_spdriver_submit(machine->driver, &request);
        bool cut = run_into_operation(machine, n);
        cbit_sp_power_cut(machine->sp);
        machine_destroy(machine);
        if (!cut) {
            return n;
        }
        machine_certs_t certs = after_cut();
        ck_assert_msg(memcmp(&certs.pdh, &older.pdh, sizeof older.pdh) != 0,
                      "operation %u brings back what was past", n);
        bool same_pek = memcmp(&certs.pek, &last.pek, sizeof last.pek) == 0;
        bool same_pdh = memcmp(&certs.pdh, &last.pdh, sizeof last.pdh) == 0;
        ck_assert(same_pek || !same_pdh); /* a PDH is of its PEK */
        ck_assert(same_pek || command != SEV_CMD_PDH_GEN);
    }
}

/* A bank: 3 sectors erased, 25 pages of body programmed (6400 bytes hold it), one of header. */
START_TEST(a_cut_in_any_program_or_erase_leaves_the_last_identity_or_a_new_one)
{
    uint32_t pdh = cut_in_each(SEV_CMD_PDH_GEN, true);
    uint32_t pek = cut_in_each(SEV_CMD_PEK_GEN, true);
    uint32_t reset = cut_in_each(SEV_CMD_PLATFORM_RESET, false);
    printf("cut in each of %u, %u and %u operations\n", pdh, pek, reset);
    ck_assert_uint_eq(pdh, pek);
    ck_assert_uint_ge(pdh, 3 + 26);
    ck_assert_uint_eq(reset, 6);
}
END_TEST

/* Any bit of the store: the other bank serves, or the store is said to be bad. Never a wrong key.
 */
START_TEST(a_flipped_bit_of_the_flash_is_never_believed)
{
    machine_t *machine = power_up();
    ck_assert_uint_eq(init(machine), 0);
    machine_certs_t first = machine_export(machine);
    machine_command(machine, SEV_CMD_PDH_GEN, NULL, 0);
    machine_certs_t second = machine_export(machine);
    machine_destroy(machine);
    static uint8_t good[CBIT_SP_FLASH_BYTES];
    memcpy(good, flash, sizeof good);
    for (uint32_t byte = 0; byte < 6 * 4096; byte += 331) {
        memcpy(flash, good, sizeof good);
        flash[byte] ^= (uint8_t)(1u << byte % 8);
        machine = power_up();
        ck_assert_uint_eq(init(machine), SEV_STATUS_SUCCESS);
        machine_certs_t certs = machine_export(machine);
        ck_assert(memcmp(&certs, &first, sizeof certs) == 0 ||
                  memcmp(&certs, &second, sizeof certs) == 0);
        machine_destroy(machine);
    }
}
END_TEST

/* One of 129 requests (command buffer, 64 lines in, 64 out) is never answered: the watchdog resets
 * the SP after 5 s, x86 gets its answer. */
START_TEST(a_lost_request_ends_in_an_answer_and_a_platform_that_can_be_used)
{
    for (uint32_t lost = 1; lost <= 129; lost += 16) {
        machine_t *machine = power_up();
        ck_assert_uint_eq(init(machine), 0);
        machine_wbinvd(machine);
        machine_command(machine, SEV_CMD_DF_FLUSH, NULL, 0);
        uint32_t handle = machine_launch(machine, 0);
        ck_assert_uint_eq(machine_activate(machine, handle, 9), 0);
        uint8_t host_key[16], zero[16] = {0};
        memcpy(host_key, machine->keys[0][0], 16);
        cbit_ps_t before_ps = cbit_kernel_now_ps(machine->kernel);
        machine->drop_after = lost;
        ck_assert_uint_eq(machine_update(machine, handle, 0x200000, 4096),
                          SEV_STATUS_HWERROR_PLATFORM);
        ck_assert_uint_ge(cbit_kernel_now_ps(machine->kernel) - before_ps, UINT64_C(5000000000000));
        ck_assert_uint_eq(machine_status(machine).state, SEV_PLATFORM_UNINIT);
        ck_assert_mem_eq(machine->keys[0][0], host_key, 16); /* x86 still needs it */
        ck_assert(!machine->loaded[0][9]);
        ck_assert_mem_eq(machine->keys[0][9], zero, 16);
        ck_assert_uint_eq(init(machine), 0);
        machine_wbinvd(machine);
        machine_command(machine, SEV_CMD_DF_FLUSH, NULL, 0);
        handle = machine_launch(machine, 0);
        ck_assert_uint_eq(machine_activate(machine, handle, 9), 0);
        ck_assert_uint_eq(machine_update(machine, handle, 0x200000, 4096), SEV_STATUS_SUCCESS);
        machine_destroy(machine);
    }
}
END_TEST

/* ---- interrupts that never come ---- */

static cbit_event_t *dropped(machine_t *machine, int kind)
{
    return kind == 0 ? &machine->sp->ccp.event : &machine->sp->flash.event;
}

static int dropped_kind;
static uint32_t dropped_after; /* so many operations are let through; UINT32_MAX: done */

/* Takes the completion away from the operation that is chosen. */
static void drop_one(machine_t *machine)
{
    static bool was;
    bool now = cbit_event_pending(dropped(machine, dropped_kind));
    if (now && !was && dropped_after != UINT32_MAX && dropped_after-- == 0) {
        cbit_event_cancel(machine->kernel, dropped(machine, dropped_kind));
        dropped_after = UINT32_MAX;
        now = false;
    }
    was = now;
}

/* Of the CCP (12 places of a first INIT: hashes, scalars, signatures) and of the flash. */
START_TEST(a_dropped_interrupt_ends_in_an_answer_and_a_platform_that_can_be_used)
{
    for (dropped_kind = 0; dropped_kind < 2; dropped_kind++) {
        for (uint32_t n = 0; n < 24; n += 2) {
            memset(flash, 0xff, sizeof flash);
            machine_t *machine = power_up();
            dropped_after = n;
            machine->watch = drop_one;
            ck_assert_uint_eq(init(machine), SEV_STATUS_HWERROR_PLATFORM);
            ck_assert_uint_eq(dropped_after, UINT32_MAX);
            machine->watch = NULL;
            uint32_t status = init(machine);
            ck_assert(status == SEV_STATUS_SUCCESS || status == SEV_STATUS_SECURE_DATA_INVALID);
            ck_assert_uint_eq(status == 0 ? 0 : init(machine), SEV_STATUS_SUCCESS);
            machine_certs_t certs = machine_export(machine);
            check_chain(&certs);
            machine_destroy(machine);
        }
    }
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("power");
    TCase *tcase = tcase_create("flash");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, the_first_init_may_be_cut_anywhere);
    tcase_add_test(tcase, a_cut_change_leaves_the_old_identity_or_the_new_one);
    tcase_add_test(tcase, a_cut_in_any_program_or_erase_leaves_the_last_identity_or_a_new_one);
    tcase_add_test(tcase, a_lost_request_ends_in_an_answer_and_a_platform_that_can_be_used);
    tcase_add_test(tcase, a_flipped_bit_of_the_flash_is_never_believed);
    tcase_add_test(tcase, a_dropped_interrupt_ends_in_an_answer_and_a_platform_that_can_be_used);
    suite_add_tcase(suite, tcase);
    return suite;
}
