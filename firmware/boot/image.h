/**
 * @file
 * Checking a signed image that stands in SRAM: the boot ROM does it, and DOWNLOAD_FIRMWARE.
 */
#ifndef FIRMWARE_IMAGE_CHECK_H
#define FIRMWARE_IMAGE_CHECK_H

#include "drivers/drivers.h"
#include "sev/boot.h"
#include "sev/sp_map.h"

/* Far from every refusal, so that no single wrong bit makes one of the other. */
#define IMAGE_GOOD 0x5AC33CA5u

/* IMAGE_GOOD or an SP_REFUSAL_*: header, the key against the fuses, security version, signature.
   The version must reach that of the fuses, and `floor`; with the platform's leave for rollback
   neither. */
uint32_t image_check(const uint8_t *image, uint32_t len_bytes, uint32_t floor);

/* Directly after image_check: fuses and data once more, and the result that the CCP still has. */
uint32_t image_check_again(const uint8_t *image, uint32_t len_bytes, uint32_t floor);

#endif
