/**
 * @file
 * One memory controller (UMC): queues, scheduler and refresh of one channel, its DRAM devices and
 * its AES engine.
 *
 * Requests enter through cbit_umc_port() as whole lines or parts of one; the address is the full
 * system physical address (the cipher needs it), of which the controller decodes its own bits by
 * the address map that it was given.
 */
#ifndef CBIT_UMC_UMC_H
#define CBIT_UMC_UMC_H

#include <stdint.h>

#include "cbit/aes/cipher.h"
#include "cbit/aes/engine.h"
#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/dram/store.h"
#include "cbit/sim/kernel.h"
#include "cbit/sim/port.h"
#include "cbit/umc/config.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_umc cbit_umc_t; /* opaque */

/* What a controller works with. It owns the engine only, and destroys it. */
typedef struct cbit_umc_parts {
    cbit_kernel_t *kernel;
    cbit_store_t *store;
    cbit_cipher_t *cipher; /* zero-time access and the data of --engine model; may be NULL if off */
    cbit_aes_engine_t engine;               /* ops NULL: off, and the store holds plaintext */
    cbit_aes_engine_config_t engine_config; /* what the engine was created with */
    uint32_t channel;                       /* for messages and statistics */
    /* Timing only: no cipher, and requests move no bytes. Those that do carry bytes (no_bytes is
       not set) read and write the store, which is all plaintext, when they are answered. */
    bool timing_only;
    uint16_t host_key_slot; /* where CBIT_KEY_HOST lives; an ASID's slot is its number */
    bool tsme;              /* PLAIN uses the host's key: nothing bypasses the engine */
} cbit_umc_parts_t;

/*
 * Checks the configuration as create does, and resolves the DRAM to *device. If this succeeds,
 * create can fail only with NO_MEMORY.
 */
cbit_err_t cbit_umc_check(const cbit_umc_config_t *config, const char *where,
                          cbit_dram_device_t *device, cbit_diag_t *diag);

/* On error (what cbit_umc_check finds, or NO_MEMORY) *out is untouched, and the caller keeps the
 * engine. On success the controller owns it. The other parts must outlive the controller. */
cbit_err_t cbit_umc_create(const cbit_umc_config_t *config, const cbit_umc_parts_t *parts,
                           cbit_umc_t **out, cbit_diag_t *diag);
void cbit_umc_destroy(cbit_umc_t *umc); /* NULL is allowed */

/*
 * Where requests enter. A read replies when its last plaintext beat is out. A write is posted: it
 * replies once it is in the write queue. Reads are charged QUEUE, DRAM and AES. Writes are charged
 * the clocks until acceptance, to QUEUE.
 */
cbit_port_t cbit_umc_port(cbit_umc_t *umc);

/*
 * Loads (key NULL: clears) a key slot once all queued writes of that slot have been encrypted;
 * then calls done(self). One at a time per controller. Reaches engine and cipher.
 */
void cbit_umc_write_key(cbit_umc_t *umc, uint16_t slot, const uint8_t *key,
                        void (*done)(void *self), void *self);

/* The controller's part of DF_FLUSH: calls done(self) when every write queued now is in the DRAM.
 */
void cbit_umc_flush(cbit_umc_t *umc, void (*done)(void *self), void *self);

/* A line on the bus of a channel: what an analyser at its pins sees. */
typedef struct cbit_bus_line {
    cbit_ps_t at_ps; /* its last beat; lines are reported roughly, but not exactly, in this order */
    cbit_spa_t spa;
    uint32_t channel;
    bool write;
    uint8_t bytes[CBIT_LINE_BYTES]; /* as the pins carry them */
} cbit_bus_line_t;
typedef void (*cbit_bus_analyser_t)(void *self, const cbit_bus_line_t *line);

/* From now on calls analyser for every line on the bus; NULL: for none. Not in timing-only mode. */
void cbit_umc_analyse(cbit_umc_t *umc, cbit_bus_analyser_t analyser, void *self);

/* Takes a copy of the counters. */
void cbit_umc_stats(cbit_umc_t *umc, cbit_umc_stats_t *stats);

#ifdef __cplusplus
}
#endif
#endif
