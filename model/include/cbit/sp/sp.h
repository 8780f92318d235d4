/**
 * @file
 * The Secure Processor: an RV32IMC hart with its devices, running the real firmware image.
 *
 * The x86 side sees a mailbox (registers at the Linux driver's offsets). The firmware reaches the
 * machine only through the hooks below; a command's time comes from the hart and its devices alone.
 */
#ifndef CBIT_SP_SP_H
#define CBIT_SP_SP_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/sim/kernel.h"
#include "cbit/sim/port.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CBIT_SP_FLASH_BYTES = 0x40000 };

struct sp_firmware; /* sev/boot.h */

typedef struct cbit_sp cbit_sp_t;               /* opaque */
typedef struct cbit_sp_config cbit_sp_config_t; /* cbit/sp/config.h */

/* What the firmware can do to the machine. */
typedef struct cbit_sp_hooks {
    void *self;
    uint32_t channels; /* memory controllers */
    uint32_t cores;
    /* Key port: loads (key NULL: clears) a slot of one channel, then calls done. */
    void (*write_key)(void *self, uint32_t channel, uint16_t slot, const uint8_t *key,
                      void (*done)(void *done_self), void *done_self);
    /* Per-core flags: set by WBINVD, cleared and read by the firmware. */
    bool (*wbinvd_done)(void *self, uint32_t core);
    void (*clear_wbinvd_done)(void *self, uint32_t core);
    /* Whether VMRUN accepts the ASID, on every core. */
    void (*set_asid_valid)(void *self, uint32_t core, uint16_t asid, bool valid);
    /* Drains the fabric's write queues, then calls done. */
    void (*df_flush)(void *self, void (*done)(void *done_self), void *done_self);
} cbit_sp_hooks_t;

typedef struct cbit_sp_parts {
    cbit_kernel_t *kernel;
    cbit_port_t memory; /* DMA into system memory, any key id */
    uint64_t memory_bytes;
    cbit_sp_hooks_t hooks;
    uint64_t seed; /* of the chip secret, and with boot of the CCP's random numbers */
    uint64_t boot; /* how often this chip was powered up before */
    /* Boot ROM, image and fuses; stay the caller's. The image goes into a flash that has none. */
    const struct sp_firmware *firmware;
    uint8_t *flash; /* CBIT_SP_FLASH_BYTES that outlive the SP; stays the caller's. NULL: none, it
                       starts erased and is forgotten */
    /* The mailbox interrupt line went up. */
    void (*on_interrupt)(void *self);
    void *interrupt_self;
    /* The firmware has booted: the host's key is in its slot of every channel, and x86 may start.
       May be NULL. */
    void (*on_ready)(void *self);
    void *ready_self;
    /* Console output, one byte; may be NULL. */
    void (*on_console)(void *self, char c);
    void *console_self;
} cbit_sp_parts_t;

/* Powered up: its hart begins with the boot ROM as the kernel runs. On error *out is untouched and
   diag names the values; the parts outlive it. */
cbit_err_t cbit_sp_create(const cbit_sp_config_t *config, const cbit_sp_parts_t *parts,
                          cbit_sp_t **out, cbit_diag_t *diag);
void cbit_sp_destroy(cbit_sp_t *sp); /* NULL is allowed; wipes every key */

/*
 * The power fails now: nothing answers any more, SRAM is lost. A flash page or sector that is being
 * programmed or erased is left as a mixture of old and new bits. What remains is cbit_sp_destroy.
 */
void cbit_sp_power_cut(cbit_sp_t *sp);

/* Whether on_ready was called. Commands rung before are served once it is. */
bool cbit_sp_ready(const cbit_sp_t *sp);

/* Why the boot ROM starts nothing, SP_REFUSAL_* (sev/boot.h); 0: it does. Every command is then
   HWERROR_UNSAFE. */
uint32_t cbit_sp_refused(const cbit_sp_t *sp);

/* Registers of the mailbox as x86 sees them in BAR 2; unknown offsets read 0 and ignore writes. */
uint32_t cbit_sp_mmio_read(cbit_sp_t *sp, uint32_t offset);
void cbit_sp_mmio_write(cbit_sp_t *sp, uint32_t offset, uint32_t value);

typedef struct cbit_sp_stats {
    uint64_t commands, busy_ps, instructions, key_writes, dma_bytes, sram_corrected;
} cbit_sp_stats_t;
extern const cbit_row_t cbit_sp_stat_rows[];
void cbit_sp_stats(const cbit_sp_t *sp, cbit_sp_stats_t *stats);

#ifdef __cplusplus
}
#endif
#endif
