/**
 * @file
 * The bytes that are in the DRAM: a sparse store of pages by system physical address.
 *
 * Holds what the pins carry: ciphertext for private lines. Untouched memory reads as zero. Only
 * touched pages take memory.
 */
#ifndef CBIT_DRAM_STORE_H
#define CBIT_DRAM_STORE_H

#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/sim/txn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_store cbit_store_t; /* opaque */

/* A store of size_bytes (a multiple of 4 KiB), all zero. On error *out is untouched. */
cbit_err_t cbit_store_create(uint64_t size_bytes, cbit_store_t **out);
void cbit_store_destroy(cbit_store_t *store); /* NULL is allowed */

/* ADDRESS, and nothing done, if the range leaves the store. NO_MEMORY may leave a part written. */
cbit_err_t cbit_store_read(const cbit_store_t *store, cbit_spa_t spa, void *bytes,
                           uint64_t len_bytes);
cbit_err_t cbit_store_write(cbit_store_t *store, cbit_spa_t spa, const void *bytes,
                            uint64_t len_bytes);

/*
 * From now on each line is the one whose address `same_as` gives: devices that ignore a bit of the
 * address that they are sent. NULL: as it should be. self must outlive the store, or the next call.
 */
void cbit_store_set_alias(cbit_store_t *store,
                          cbit_spa_t (*same_as)(const void *self, cbit_spa_t spa),
                          const void *self);

/*
 * The line at spa will be accessed some accesses later: what that needs is brought into the host's
 * caches meanwhile, and nothing else changes. Memory scattered over pages costs two misses, one
 * after the other: the place of the page is asked for now, the line with a later call of this.
 * Addresses beyond the store are allowed.
 */
void cbit_store_expect(cbit_store_t *store, cbit_spa_t spa);

/* Bytes of memory behind the touched pages, bookkeeping included. */
uint64_t cbit_store_footprint_bytes(const cbit_store_t *store);

#ifdef __cplusplus
}
#endif
#endif
