/**
 * @file
 * The Secure Processor's firmware as built, for cbit_sp_parts_t.image: link cbit::firmware_image.
 */
#ifndef CBIT_FIRMWARE_IMAGE_H
#define CBIT_FIRMWARE_IMAGE_H

#include <stdint.h>

extern const uint8_t cbit_firmware_image[];
extern const uint32_t cbit_firmware_image_bytes;

#endif
