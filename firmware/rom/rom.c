/*
 * The boot ROM: finds an image, checks it in SRAM against the fuses, copies it to where it runs and
 * jumps. What it cannot start it refuses: the reason goes to the console and the mailbox, and every
 * command is HWERROR_UNSAFE.
 */
#include "boot/image.h"
#include "drivers/mmio.h"
#include "sev/abi.h"

void rom_main(void);
void rom_fault(uint32_t cause, uint32_t epc);
void rom_jump(void); /* crt0.S */

static void answer_all_unsafe(void)
{
    watchdog_stop();
    for (;;) {
        irq_wait(SP_LINE_MAILBOX);
        mailbox_answer(mailbox_command(), SEV_STATUS_HWERROR_UNSAFE);
    }
}

static void refuse(uint32_t reason)
{
    static const char *const texts[] = {
#define TEXT(name, number, text) [number] = (text),
        SP_REFUSAL_MAP(TEXT)
#undef TEXT
    };
    console_text("rom: refused: ");
    console_text(reason < sizeof texts / sizeof texts[0] ? texts[reason] : "fault");
    console_text("\n");
    SP_WRITE(MAILBOX, REFUSED, reason);
    answer_all_unsafe();
}

void rom_fault(uint32_t cause, uint32_t epc)
{
    console_text("rom: trap ");
    console_hex(cause);
    console_text(" at ");
    console_hex(epc);
    console_text("\n");
    SP_WRITE(MAILBOX, REFUSED, SP_REFUSAL_FORMAT);
    answer_all_unsafe();
}

/* From flash into staging; a refusal, or NONE. */
static uint32_t load(void)
{
    uint8_t *staging = sp_staging();
    const sp_image_head_t *head = (const sp_image_head_t *)(const void *)staging;
    if (!flash_read(SP_FLASH_IMAGE_OFFSET, staging, SP_IMAGE_HEAD_BYTES)) {
        return SP_REFUSAL_FLASH;
    }
    if (head->magic == UINT32_MAX) {
        return SP_REFUSAL_ERASED;
    }
    uint32_t bytes = head->payload_bytes;
    if (bytes > SP_STAGING_BYTES - SP_IMAGE_HEAD_BYTES) {
        return SP_REFUSAL_LENGTH;
    }
    return flash_read(SP_FLASH_IMAGE_OFFSET + SP_IMAGE_HEAD_BYTES, staging + SP_IMAGE_HEAD_BYTES,
                      bytes)
               ? SP_REFUSAL_NONE
               : SP_REFUSAL_FLASH;
}

static uint32_t staged_bytes(void)
{
    return SP_IMAGE_HEAD_BYTES +
           ((const sp_image_head_t *)(const void *)sp_staging())->payload_bytes;
}

/* Checks what stands in staging, and starts it if it is good. Returns why it is not. */
static uint32_t start(void)
{
    static volatile uint32_t verdict, again;
    uint8_t *staging = sp_staging();
    verdict = image_check(staging, staged_bytes(), 0);
    if (verdict != IMAGE_GOOD) {
        return verdict;
    }
    /* A fault may have made one of these; it does not make three. */
    again = image_check_again(staging, staged_bytes(), 0);
    if (again == IMAGE_GOOD && verdict == IMAGE_GOOD) {
        memcpy((void *)SP_CODE_BASE, staging + SP_IMAGE_HEAD_BYTES,
               staged_bytes() - SP_IMAGE_HEAD_BYTES);
        wipe(staging, staged_bytes());
        if (again == IMAGE_GOOD) {
            rom_jump();
        }
    }
    return SP_REFUSAL_SIGNATURE;
}

void rom_main(void)
{
    watchdog_start();
    if (SP_READ(TIMER, CAUSE) == SP_CAUSE_RESET) {
        (void)start(); /* DOWNLOAD_FIRMWARE left it there; if it is bad, flash it is */
    }
    uint32_t reason = load();
    if (reason == SP_REFUSAL_NONE) {
        reason = start();
    }
    refuse(reason);
}
