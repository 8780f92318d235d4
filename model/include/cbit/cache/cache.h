/**
 * @file
 * A write-back, write-allocate cache whose tags hold the key id: one address under two key ids is
 * two lines, and nothing keeps them the same.
 *
 * Holds real bytes. A miss takes an MSHR and asks `below` for the line; later requests for the same
 * (line, key id) wait in that MSHR. A write of a whole line needs no fill. Victims that are dirty
 * go to write-back buffers (as many as MSHRs) and are found there until memory has taken them.
 * A request that finds no MSHR, buffer or way is refused and its waiter told when that may change.
 *
 * Time: a hit answers after hit_cclk; a miss leaves after hit_cclk (charged to CORE), waits for
 * below's acceptance (FABRIC), and answers when the line is there. The request that caused the fill
 * takes over the fill's stages; one that merged charges its whole wait to CORE, since it is no read
 * of the memory. LRU replacement.
 *
 * Not modelled: parity, the time that WBINVD needs to look at clean lines.
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
    uint64_t size_bytes; /* ways x 64 x a power of two */
    uint32_t ways;
    uint32_t mshrs;    /* outstanding lines; also the number of write-back buffers */
    uint32_t hit_cclk; /* look-up, and answer when it hits */
} cbit_cache_config_t;

extern const cbit_row_t cbit_cache_rows[];

/* below: where misses and write-backs go. RANGE for a geometry that does not divide; on error *out
   is untouched. */
cbit_err_t cbit_cache_create(const cbit_cache_config_t *config, const cbit_clock_t *cclk,
                             cbit_kernel_t *kernel, cbit_port_t below, cbit_cache_t **out,
                             cbit_diag_t *diag);
/* NULL is allowed; requests that it still holds are forgotten. */
void cbit_cache_destroy(cbit_cache_t *cache);

/* Requests of 1 to 64 bytes within one line. poke reaches the line and what is below. */
cbit_port_t cbit_cache_port(cbit_cache_t *cache);

/*
 * DMA and other agents look here first: true if a line of that address *and key id* was present;
 * reads get its bytes, writes update it (and it is dirty then: memory need not be written). False:
 * go to memory; a fill that is under way has taken note of a write. Within one line. Zero time.
 */
bool cbit_cache_snoop(cbit_cache_t *cache, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                      void *bytes, uint32_t len_bytes);

/* Waits for outstanding misses, writes all dirty lines back and empties the cache; requests are
   refused meanwhile. done(self) when the last write is accepted below, perhaps before this call
   returns. done may be NULL. */
void cbit_cache_wbinvd(cbit_cache_t *cache, void (*done)(void *self), void *self);

/* Writes back (if dirty) and drops the lines of one address under every key id. done as above. */
void cbit_cache_clflush(cbit_cache_t *cache, cbit_spa_t spa, void (*done)(void *self), void *self);

/* Drops everything, dirty lines included. What is on its way (fills, write-backs) arrives. */
void cbit_cache_invd(cbit_cache_t *cache);

typedef struct cbit_cache_stats {
    uint64_t hits;       /* victims found in a write-back buffer included */
    uint64_t misses;     /* fills asked for */
    uint64_t merges;     /* requests that waited for another one's fill */
    uint64_t writebacks; /* dirty lines sent below */
    uint64_t refusals;   /* no MSHR, buffer or way was free */
} cbit_cache_stats_t;
extern const cbit_row_t cbit_cache_stat_rows[];
void cbit_cache_stats(const cbit_cache_t *cache, cbit_cache_stats_t *stats);

#ifdef __cplusplus
}
#endif
#endif
