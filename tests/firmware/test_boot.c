/* What the boot ROM starts and what it refuses, and DOWNLOAD_FIRMWARE. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit_test.h"
#include "firmware/image.h"
#include "model/sp/sp_internal.h"
#include "tests/firmware/machine.h"

enum { IMAGE = 0x300000 };

static machine_options_t options;
static uint8_t flash[CBIT_SP_FLASH_BYTES];
static uint8_t next[SP_STAGING_BYTES]; /* the next build: security version 2, build 16 */
static uint32_t next_bytes;

static void setup(void)
{
    machine_options_default(&options);
    memset(flash, 0xff, sizeof flash);
    memcpy(flash + SP_FLASH_IMAGE_OFFSET, cbit_firmware.image, cbit_firmware.image_bytes);
    options.flash = flash;
    options.may_refuse = true;
    FILE *file = fopen(CBIT_FIRMWARE_DIR "/next.img", "rb");
    ck_assert_ptr_nonnull(file);
    next_bytes = (uint32_t)fread(next, 1, sizeof next, file);
    (void)fclose(file);
    ck_assert_uint_gt(next_bytes, SP_IMAGE_MIN_BYTES);
}

static sp_image_head_t *head(void)
{
    return (sp_image_head_t *)(void *)(flash + SP_FLASH_IMAGE_OFFSET);
}

static void expect_refusal(uint32_t reason, const char *text)
{
    machine_t *machine = machine_create(&options);
    ck_assert(!machine->ready);
    ck_assert_uint_eq(cbit_sp_refused(machine->sp), reason);
    char line[128];
    (void)snprintf(line, sizeof line, "rom: refused: %s\n", text);
    ck_assert_str_eq(machine->console, line);
    /* Drivers see that there is nothing; who rings all the same is answered, and not by SUCCESS. */
    ck_assert_uint_eq(cbit_sp_mmio_read(machine->sp, SEV_MAILBOX_V2_FEATURE), UINT32_MAX);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(machine_command(machine, SEV_CMD_NOP, NULL, 0),
                          SEV_STATUS_HWERROR_UNSAFE);
    }
    machine_destroy(machine);
}

START_TEST(what_the_rom_cannot_start_it_refuses_with_the_reason)
{
    memset(head(), 0xff, SP_STAGING_BYTES);
    options.firmware = &(sp_firmware_t){.rom = cbit_firmware.rom,
                                        .rom_bytes = cbit_firmware.rom_bytes,
                                        .key_hash = cbit_firmware.key_hash,
                                        .security_version = 1};
    expect_refusal(SP_REFUSAL_ERASED, "the flash holds no image");
    setup();
    head()->magic ^= 1;
    expect_refusal(SP_REFUSAL_FORMAT, "the image has no valid header");
    setup();
    head()->payload_bytes = SP_STAGING_BYTES;
    expect_refusal(SP_REFUSAL_LENGTH, "the image has an impossible length");
    setup();
    head()->payload_bytes -= 4;
    expect_refusal(SP_REFUSAL_SIGNATURE, "the image does not match its signature");
    setup();
    head()->modulus[511] ^= 0x40;
    expect_refusal(SP_REFUSAL_KEY, "the image is signed with a key that the fuses do not know");
}
END_TEST

START_TEST(a_fused_security_version_refuses_older_images_unless_rollback_is_allowed)
{
    options.firmware = &(sp_firmware_t){.rom = cbit_firmware.rom,
                                        .rom_bytes = cbit_firmware.rom_bytes,
                                        .key_hash = cbit_firmware.key_hash,
                                        .security_version = 2};
    expect_refusal(SP_REFUSAL_VERSION,
                   "the image is of an older security version than the fuses allow");
    options.sp.allow_rollback = true;
    machine_t *machine = machine_create(&options);
    ck_assert(machine->ready);
    machine_destroy(machine);
    options.sp.allow_rollback = false;
    memcpy(head(), next, next_bytes);
    machine = machine_create(&options);
    ck_assert(machine->ready);
    ck_assert_uint_eq(machine_status(machine).build, 16);
    machine_destroy(machine);
}
END_TEST

/* All over header, signature, key and payload. */
START_TEST(a_flipped_bit_anywhere_in_the_image_is_refused)
{
    for (uint32_t at = 0; at < cbit_firmware.image_bytes; at += at < 1100 ? 37 : 331) {
        setup();
        flash[SP_FLASH_IMAGE_OFFSET + at] ^= (uint8_t)(1u << at % 8);
        machine_t *machine = machine_create(&options);
        ck_assert_msg(!machine->ready, "byte %u", at);
        ck_assert_uint_ne(cbit_sp_refused(machine->sp), 0);
        machine_destroy(machine);
    }
}
END_TEST

static uint32_t download(machine_t *machine, const uint8_t *image, uint32_t length)
{
    sev_range_t range = {.paddr = IMAGE, .length = length};
    memcpy(machine->memory + IMAGE, image, length);
    return machine_command(machine, SEV_CMD_DOWNLOAD_FIRMWARE, &range, sizeof range);
}

START_TEST(a_downloaded_image_serves_the_next_command)
{
    machine_t *machine = machine_create(&options);
    uint8_t host_key[16];
    memcpy(host_key, machine->keys[0][0], 16);
    ck_assert_uint_eq(machine_status(machine).build, 15);
    ck_assert_uint_eq(download(machine, next, next_bytes), SEV_STATUS_SUCCESS);
    ck_assert_uint_eq(machine_status(machine).build, 16);
    ck_assert_mem_eq(machine->keys[0][0], host_key, 16); /* x86 runs on under it */
    machine_init(machine, 0);
    ck_assert_uint_eq(machine_activate(machine, machine_launch(machine, 0), 9), 0);
    machine_destroy(machine);
    machine = machine_create(&options); /* the flash has the old one still */
    ck_assert_uint_eq(machine_status(machine).build, 15);
    machine_destroy(machine);
}
END_TEST

START_TEST(an_older_security_version_is_refused_unless_rollback_is_allowed)
{
    for (int allowed = 0; allowed < 2; allowed++) {
        options.sp.allow_rollback = allowed != 0;
        machine_t *machine = machine_create(&options);
        ck_assert_uint_eq(download(machine, next, next_bytes), SEV_STATUS_SUCCESS);
        uint32_t expected = allowed != 0 ? SEV_STATUS_SUCCESS : SEV_STATUS_BAD_SVN;
        ck_assert_uint_eq(download(machine, cbit_firmware.image, cbit_firmware.image_bytes),
                          expected);
        ck_assert_uint_eq(machine_status(machine).build, allowed != 0 ? 15 : 16);
        machine_destroy(machine);
    }
}
END_TEST

START_TEST(download_firmware_refuses_in_order_and_goes_on_as_it_was)
{
    machine_t *machine = machine_create(&options);
    sev_range_t range = {.paddr = IMAGE + 16, .length = 0};
    const struct {
        uint64_t paddr;
        uint32_t length, status;
    } cases[] = {{IMAGE + 16, 0, SEV_STATUS_INVALID_ADDRESS},
                 {IMAGE, 0, SEV_STATUS_INVALID_LENGTH},
                 {IMAGE, SP_IMAGE_MIN_BYTES - 1, SEV_STATUS_INVALID_LENGTH},
                 {IMAGE, SP_STAGING_BYTES + 1, SEV_STATUS_INVALID_LENGTH},
                 {MACHINE_MEMORY_BYTES - 32, SP_STAGING_BYTES, SEV_STATUS_INVALID_ADDRESS},
                 {0xA0000, SP_IMAGE_MIN_BYTES, SEV_STATUS_INVALID_ADDRESS},
                 {0x200000, SP_IMAGE_MIN_BYTES, SEV_STATUS_BAD_SIGNATURE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        range = (sev_range_t){.paddr = cases[i].paddr, .length = cases[i].length};
        ck_assert_uint_eq(machine_command(machine, SEV_CMD_DOWNLOAD_FIRMWARE, &range, sizeof range),
                          cases[i].status);
    }
    for (uint32_t at = 3; at < next_bytes; at += 2111) {
        next[at] ^= 4;
        ck_assert_uint_eq(download(machine, next, next_bytes), SEV_STATUS_BAD_SIGNATURE);
        next[at] ^= 4;
    }
    ck_assert_uint_eq(machine_status(machine).build, 15);
    machine_init(machine, 0);
    ck_assert_uint_eq(download(machine, next, next_bytes), SEV_STATUS_INVALID_PLATFORM_STATE);
    machine_destroy(machine);
}
END_TEST

/* The staged image is lost with the SRAM: the ROM goes back to the flash. */
START_TEST(a_watchdog_reset_starts_the_image_in_flash)
{
    machine_t *machine = machine_create(&options);
    ck_assert_uint_eq(download(machine, next, next_bytes), SEV_STATUS_SUCCESS);
    machine_init(machine, 0);
    ck_assert_uint_eq(machine_activate(machine, machine_launch(machine, 0), 9), 0);
    machine->drop_after = 3;
    ck_assert_uint_eq(machine_update(machine, 1, 0x200000, 4096), SEV_STATUS_HWERROR_PLATFORM);
    ck_assert_uint_eq(machine_status(machine).build, 15);
    ck_assert(!machine->loaded[0][9]);
    machine_destroy(machine);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("boot");
    TCase *tcase = tcase_create("rom");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, what_the_rom_cannot_start_it_refuses_with_the_reason);
    tcase_add_test(tcase, a_fused_security_version_refuses_older_images_unless_rollback_is_allowed);
    tcase_add_test(tcase, a_flipped_bit_anywhere_in_the_image_is_refused);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("download");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, a_downloaded_image_serves_the_next_command);
    tcase_add_test(tcase, an_older_security_version_is_refused_unless_rollback_is_allowed);
    tcase_add_test(tcase, download_firmware_refuses_in_order_and_goes_on_as_it_was);
    tcase_add_test(tcase, a_watchdog_reset_starts_the_image_in_flash);
    suite_add_tcase(suite, tcase);
    return suite;
}
