/* Launching guests on the real image. */
#include <string.h>

#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "cbit_test.h"
#include "tests/firmware/machine.h"

START_TEST(boot_loads_the_host_key_into_every_channel)
{
    machine_t *machine = machine_create(NULL);
    uint8_t zero[16] = {0};
    for (int channel = 0; channel < MACHINE_CHANNELS; channel++) {
        ck_assert_uint_eq(machine->key_writes[channel][0], 1);
        ck_assert(machine->loaded[channel][0]);
        ck_assert_mem_ne(machine->keys[channel][0], zero, 16);
        ck_assert_mem_eq(machine->keys[channel][0], machine->keys[0][0], 16);
    }
    ck_assert_str_eq(machine->console, "sp: SEV firmware 0018000f ready\n");
    machine_destroy(machine);
}
END_TEST

START_TEST(a_guest_goes_from_launch_to_running_and_back_to_nothing)
{
    machine_t *machine = machine_create(NULL);
    ck_assert_uint_eq(machine_status(machine).state, SEV_PLATFORM_UNINIT);
    machine_init(machine, 0);
    ck_assert_uint_eq(machine->flushes, 1);
    ck_assert_uint_eq(machine_status(machine).state, SEV_PLATFORM_INIT);

    uint32_t handle = machine_launch(machine, 0);
    ck_assert_uint_eq(handle, 1);
    ck_assert_uint_eq(machine_status(machine).state, SEV_PLATFORM_WORKING);
    ck_assert_uint_eq(machine_status(machine).guest_count, 1);
    ck_assert_uint_eq(machine_activate(machine, handle, 7), SEV_STATUS_SUCCESS);
    for (int channel = 0; channel < MACHINE_CHANNELS; channel++) {
        ck_assert_uint_eq(machine->key_writes[channel][7], 1);
    }
    ck_assert(!machine->asid_valid[0][7]); /* pending: VMRUN does not work yet */

    uint8_t page[4096];
    for (int i = 0; i < 4096; i++) {
        page[i] = (uint8_t)i;
    }
    memcpy(machine->memory + 0x200000, page, 4096);
    ck_assert_uint_eq(machine_update(machine, handle, 0x200000, 4096), SEV_STATUS_SUCCESS);
    uint8_t key = machine->keys[0][7][0];
    for (int i = 0; i < 4096; i++) {
        ck_assert_uint_eq(machine->memory[0x200000 + i], page[i] ^ key);
    }

    uint32_t length = 48;
    ck_assert_uint_eq(machine_measure(machine, handle, 0x300000, &length), SEV_STATUS_SUCCESS);
    /* 04, API 0.24, build 15, policy 0, SHA-256 of the page, MNONCE; the TIK without a session is
       zero. */
    uint8_t message[56] = {4, 0, 24, 15}, tik[16] = {0}, mac[32];
    SHA256(page, 4096, message + 8);
    memcpy(message + 40, machine->memory + 0x300000 + 32, 16);
    HMAC(EVP_sha256(), tik, 16, message, 56, mac, NULL);
    ck_assert_mem_eq(machine->memory + 0x300000, mac, 32);
    ck_assert_uint_eq(machine_guest_state(machine, handle), SEV_GUEST_LSECRET);

    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_LAUNCH_FINISH, handle), 0);
    ck_assert_uint_eq(machine_guest_state(machine, handle), SEV_GUEST_RUNNING);
    for (int core = 0; core < MACHINE_CORES; core++) {
        ck_assert(machine->asid_valid[core][7]);
    }

    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_DECOMMISSION, handle),
                      SEV_STATUS_ACTIVE);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_DEACTIVATE, handle), 0);
    ck_assert(!machine->asid_valid[0][7]);
    ck_assert(!machine->wbinvd[0]);
    ck_assert_uint_eq(machine_with_handle(machine, SEV_CMD_DECOMMISSION, handle), 0);
    ck_assert_uint_eq(machine_status(machine).state, SEV_PLATFORM_INIT);
    ck_assert_uint_eq(machine_guest_state(machine, handle), SEV_GUEST_UNINIT);

    /* The ASID is dirty until caches and fabric are flushed; then its key goes, and it is free. */
    handle = machine_launch(machine, 0);
    ck_assert_uint_eq(machine_activate(machine, handle, 7), SEV_STATUS_DFFLUSH_REQUIRED);
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_DF_FLUSH, NULL, 0),
                      SEV_STATUS_WBINVD_REQUIRED);
    ck_assert(machine->loaded[0][7]);
    machine_wbinvd(machine);
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_DF_FLUSH, NULL, 0), SEV_STATUS_SUCCESS);
    ck_assert(!machine->loaded[0][7]);
    ck_assert_uint_eq(machine_activate(machine, handle, 7), SEV_STATUS_SUCCESS);
    machine_destroy(machine);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("launch");
    TCase *tcase = tcase_create("launch");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, boot_loads_the_host_key_into_every_channel);
    tcase_add_test(tcase, a_guest_goes_from_launch_to_running_and_back_to_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
