/**
 * @file
 * What a modelled board is made with, as built: boot ROM, signed firmware image, fuses. For
 * cbit_sp_parts_t.firmware; link cbit::firmware_image.
 */
#ifndef CBIT_FIRMWARE_IMAGE_H
#define CBIT_FIRMWARE_IMAGE_H

#include "sev/boot.h"

extern const sp_firmware_t cbit_firmware;

#endif
