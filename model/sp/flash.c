/* NOR flash: programming only clears bits, erasing sets a sector; both take their time. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "model/sp/sp_internal.h"

_Static_assert((int)CBIT_SP_FLASH_BYTES == (int)SP_FLASH_BYTES, "one size");

static bool permitted(const cbit_sp_t *sp)
{
    const sp_flash_t *flash = &sp->flash;
    uint32_t page = flash->offset % SP_FLASH_PAGE_BYTES;
    if (flash->offset >= SP_FLASH_BYTES) {
        return false;
    }
    switch (flash->op) {
    case SP_FLASH_READ:
        return flash->length <= SP_FLASH_BYTES - flash->offset;
    case SP_FLASH_PROGRAM:
        return flash->length <= SP_FLASH_PAGE_BYTES - page;
    default:
        return true;
    }
}

/* The operation takes effect when its time is over. */
static void complete(cbit_sp_t *sp)
{
    sp_flash_t *flash = &sp->flash;
    uint8_t *at = flash->bytes + flash->offset;
    uint8_t *local = NULL;
    if (flash->op != SP_FLASH_ERASE) {
        local = sp_memory(sp, flash->local, flash->length, flash->op == SP_FLASH_READ);
    }
    if (!permitted(sp) || (flash->op != SP_FLASH_ERASE && local == NULL)) {
        flash->result = SP_FLASH_REFUSED;
        return;
    }
    switch (flash->op) {
    case SP_FLASH_READ:
        memcpy(local, at, flash->length);
        hart_memory_written(&sp->hart, flash->local, flash->length);
        break;
    case SP_FLASH_PROGRAM:
        for (uint32_t i = 0; i < flash->length; i++) {
            at[i] &= local[i];
        }
        break;
    default:
        memset(at - flash->offset % SP_FLASH_SECTOR_BYTES, 0xff, SP_FLASH_SECTOR_BYTES);
        break;
    }
}

static void on_done(void *self)
{
    cbit_sp_t *sp = self;
    sp->flash.busy = false;
    complete(sp);
    sp_set_line(sp, SP_LINE_FLASH, true);
}

bool sp_flash_init(cbit_sp_t *sp)
{
    cbit_event_init(&sp->flash.event, on_done, sp);
    sp->flash.bytes = sp->parts.flash;
    if (sp->flash.bytes == NULL) {
        sp->flash.own = true;
        sp->flash.bytes = malloc(SP_FLASH_BYTES);
        if (sp->flash.bytes != NULL) {
            memset(sp->flash.bytes, 0xff, SP_FLASH_BYTES);
        }
    }
    return sp->flash.bytes != NULL;
}

/* A board without an image gets the one that it is made with. */
void sp_flash_provision(cbit_sp_t *sp)
{
    const sp_firmware_t *firmware = sp->parts.firmware;
    uint8_t *at = sp->flash.bytes + SP_FLASH_IMAGE_OFFSET;
    for (uint32_t i = 0; i < SP_IMAGE_MIN_BYTES; i++) {
        if (at[i] != 0xff) {
            return;
        }
    }
    if (firmware->image != NULL) {
        memcpy(at, firmware->image, firmware->image_bytes);
    }
}

/* Each bit under way is what it was or what it was to become, by chance. */
void sp_flash_power_cut(cbit_sp_t *sp)
{
    sp_flash_t *flash = &sp->flash;
    if (!flash->busy || flash->op == SP_FLASH_READ) {
        return;
    }
    uint8_t *before = malloc(SP_FLASH_BYTES);
    cbit_rng_t rng;
    cbit_rng_init(&rng, sp->parts.seed, cbit_kernel_now_ps(sp->kernel));
    if (before != NULL) {
        memcpy(before, flash->bytes, SP_FLASH_BYTES);
        complete(sp);
        for (uint32_t i = 0; i < SP_FLASH_BYTES; i++) {
            if (before[i] != flash->bytes[i]) {
                uint8_t chosen = (uint8_t)cbit_rng_u64(&rng);
                flash->bytes[i] =
                    (uint8_t)((before[i] & chosen) | (flash->bytes[i] & (uint8_t)~chosen));
            }
        }
    }
    free(before);
}

void sp_flash_free(cbit_sp_t *sp)
{
    if (sp->flash.own) {
        free(sp->flash.bytes);
    }
}

static void start(cbit_sp_t *sp, uint32_t op)
{
    sp_flash_t *flash = &sp->flash;
    const cbit_sp_config_t *config = &sp->config;
    uint64_t span_ps = config->flash_erase_us * UINT64_C(1000000);
    if (op == SP_FLASH_PROGRAM) {
        span_ps = config->flash_program_us * UINT64_C(1000000);
    } else if (op == SP_FLASH_READ) {
        span_ps = UINT64_C(1000000) * (1 + (uint64_t)flash->length / config->flash_read_mbs);
    }
    flash->op = op;
    flash->busy = true;
    flash->result = 0;
    cbit_event_notify_at(sp->kernel, &flash->event, cbit_kernel_now_ps(sp->kernel) + span_ps);
}

bool sp_flash_read(cbit_sp_t *sp, uint32_t offset, uint32_t *value)
{
    *value = sp->flash.result | (sp->flash.busy ? 1u : 0u);
    return offset == SP_FLASH_STATUS;
}

bool sp_flash_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    sp_flash_t *flash = &sp->flash;
    if (offset == SP_FLASH_ACK) {
        sp_set_line(sp, SP_LINE_FLASH, false);
        return true;
    }
    if (flash->busy) {
        return true;
    }
    switch (offset) {
    case SP_FLASH_START:
        if (value >= SP_FLASH_READ && value <= SP_FLASH_ERASE) {
            start(sp, value);
        }
        return true;
    case SP_FLASH_OFFSET:
        flash->offset = value;
        return true;
    case SP_FLASH_LOCAL:
        flash->local = value;
        return true;
    case SP_FLASH_LENGTH:
        flash->length = value;
        return true;
    default:
        return false;
    }
}
