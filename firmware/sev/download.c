/* DOWNLOAD_FIRMWARE: another image until the power goes. */
#include "boot/image.h"
#include "drivers/mmio.h"
#include "sev/state.h"

static bool pending; /* an image that was found good stands in staging */

static sev_status_t check_staged(uint32_t len_bytes)
{
    switch (image_check(sp_staging(), len_bytes, SP_FIRMWARE_SECURITY)) {
    case IMAGE_GOOD:
        return SEV_STATUS_SUCCESS;
    case SP_REFUSAL_VERSION:
        return SEV_STATUS_BAD_SVN;
    default:
        return SEV_STATUS_BAD_SIGNATURE;
    }
}

sev_status_t cmd_download_firmware(command_t *command)
{
    const sev_range_t *range = &command->buffer.range;
    if (range->paddr % 32 != 0) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    if (range->length < SP_IMAGE_MIN_BYTES || range->length > SP_STAGING_BYTES) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    if (paddr_check(range->paddr, range->length) != SEV_STATUS_SUCCESS ||
        !dma_read(paddr_range(range->paddr), sp_staging(), range->length)) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    sev_status_t status = check_staged(range->length);
    if (status != SEV_STATUS_SUCCESS) {
        wipe(sp_staging(), range->length);
    }
    pending = status == SEV_STATUS_SUCCESS;
    return status;
}

void download_take_effect(void)
{
    if (pending) {
        system_reset(); /* the boot ROM finds it, checks it itself, and starts it */
    }
}
