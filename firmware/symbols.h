/**
 * @file
 * Functions of the boot ROM and of the firmware as built: link cbit::firmware_image.
 */
#ifndef CBIT_FIRMWARE_SYMBOLS_H
#define CBIT_FIRMWARE_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

typedef struct cbit_firmware_symbol {
    uint32_t address, bytes;
    const char *name; /* NULL ends them */
} cbit_firmware_symbol_t;

extern const cbit_firmware_symbol_t cbit_firmware_symbols[];

#endif
