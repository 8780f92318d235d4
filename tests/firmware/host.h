/**
 * @file
 * The firmware built for the host: its registers lead to the model's devices, its static objects
 * take the place of SRAM, and no hart runs. Commands are ordinary calls, which sanitizers can see.
 */
#ifndef TESTS_FIRMWARE_HOST_H
#define TESTS_FIRMWARE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "model/sp/sp_internal.h"

enum { HOST_MEMORY_BYTES = 8 << 20, HOST_CORES = 4, HOST_CHANNELS = 2 };

typedef struct host {
    cbit_kernel_t *kernel;
    cbit_sp_t *sp;
    uint8_t *sram; /* the model's own, while the firmware's objects stand in for it */
    uint8_t *memory;
    uint8_t flash[CBIT_SP_FLASH_BYTES];
    bool wbinvd[HOST_CORES];
    bool loaded[1025];       /* key ids whose slot is loaded */
    bool rewrites;           /* whoever reads memory finds it changed the next time */
    uint32_t asid_valid[16]; /* per ASID: a bit per core */
} host_t;

extern host_t *host;

/* Builds it; once per process. */
void host_open(void);

#endif
