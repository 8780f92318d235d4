/* A program that takes interrupts while a device writes its memory, in slices of any length. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit_test.h"
#include "model/sp/sp_internal.h"

enum { LOG_OFFSET = 0x1000, LOG_BYTES = 200 * 16 };

static uint8_t image[4096];
static uint32_t image_bytes;

static void nothing_done(void *self, uint32_t channel, uint16_t slot, const uint8_t *key,
                         void (*done)(void *), void *done_self)
{
    (void)self, (void)channel, (void)slot, (void)key;
    done(done_self);
}

static void stop(void *self)
{
    cbit_kernel_stop(self);
}

static void run(uint32_t slice, uint8_t log[LOG_BYTES], cbit_kernel_queue_t queue)
{
    cbit_kernel_t *kernel = cbit_kernel_create(queue);
    const sp_firmware_t firmware = {.rom = image, .rom_bytes = image_bytes};
    cbit_sp_config_t config;
    cbit_sp_config_default(&config);
    config.slice_instructions = slice;
    const cbit_sp_parts_t parts = {.kernel = kernel,
                                   .hooks = {.channels = 1, .cores = 1, .write_key = nothing_done},
                                   .seed = 3,
                                   .firmware = &firmware,
                                   .on_ready = stop,
                                   .ready_self = kernel};
    cbit_sp_t *sp;
    ck_assert_int_eq(cbit_sp_create(&config, &parts, &sp, NULL), CBIT_ERR_OK);
    cbit_kernel_run(kernel, UINT64_C(1000000000));
    ck_assert(cbit_sp_ready(sp));
    memcpy(log, sp->sram + LOG_OFFSET, LOG_BYTES);
    cbit_sp_destroy(sp);
    cbit_kernel_destroy(kernel);
}

START_TEST(interrupts_are_seen_at_the_same_instruction_whatever_the_slice)
{
    static const uint32_t slices[] = {2, 3, 7, 100, 10000};
    static uint8_t expected[LOG_BYTES], log[LOG_BYTES];
    FILE *file = fopen(CBIT_IRQ_BIN, "rb");
    ck_assert_ptr_nonnull(file);
    image_bytes = (uint32_t)fread(image, 1, sizeof image, file);
    fclose(file);
    run(1, expected, CBIT_KERNEL_WHEEL);
    for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
        run(slices[i], log, CBIT_KERNEL_WHEEL);
        ck_assert_mem_eq(log, expected, LOG_BYTES);
    }
    run(10000, log, CBIT_KERNEL_HEAP);
    ck_assert_mem_eq(log, expected, LOG_BYTES);
    /* The random word was seen to change, or the test would not look at memory at all. */
    uint32_t changes = 0;
    for (int i = 1; i < 200; i++) {
        changes += memcmp(expected + 16 * i + 12, expected + 16 * i - 4, 4) != 0 ? 1 : 0;
    }
    ck_assert_uint_gt(changes, 20);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("slices");
    TCase *tcase = tcase_create("slices");
    tcase_add_test(tcase, interrupts_are_seen_at_the_same_instruction_whatever_the_slice);
    suite_add_tcase(suite, tcase);
    return suite;
}
