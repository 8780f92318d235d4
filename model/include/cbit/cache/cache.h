/**
 * @file
 * A write-back cache whose tags hold the key id: one address under two key ids is two lines.
 */
#ifndef CBIT_CACHE_CACHE_H
#define CBIT_CACHE_CACHE_H

#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/sim/kernel.h"
#include "cbit/sim/port.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_cache cbit_cache_t; /* opaque */

typedef struct cbit_cache_config {
    uint64_t size_bytes;
    uint32_t ways;
    uint32_t mshrs;
    uint32_t hit_cclk;
} cbit_cache_config_t;

extern const cbit_row_t cbit_cache_rows[];

/* below: where misses and write-backs go. On error *out is untouched. */
cbit_err_t cbit_cache_create(const cbit_cache_config_t *config, const cbit_clock_t *cclk,
                             cbit_kernel_t *kernel, cbit_port_t below, cbit_cache_t **out,
                             cbit_diag_t *diag);
void cbit_cache_destroy(cbit_cache_t *cache); /* NULL is allowed */

cbit_port_t cbit_cache_port(cbit_cache_t *cache);

/* DMA and other agents look here first: true if a line of that address *and key id* was present;
   reads get its bytes, writes update it. Zero time. */
bool cbit_cache_snoop(cbit_cache_t *cache, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                      void *bytes, uint32_t len_bytes);

/* Writes all dirty lines back and empties the cache; done(self) when the last write is accepted. */
void cbit_cache_wbinvd(cbit_cache_t *cache, void (*done)(void *self), void *self);

/* Writes back (if dirty) and drops the lines of one address under every key id. */
void cbit_cache_clflush(cbit_cache_t *cache, cbit_spa_t spa, void (*done)(void *self), void *self);

/* Drops everything, dirty lines included. */
void cbit_cache_invd(cbit_cache_t *cache);

typedef struct cbit_cache_stats {
    uint64_t hits, misses, writebacks;
} cbit_cache_stats_t;
extern const cbit_row_t cbit_cache_stat_rows[];
void cbit_cache_stats(const cbit_cache_t *cache, cbit_cache_stats_t *stats);

#ifdef __cplusplus
}
#endif
#endif
