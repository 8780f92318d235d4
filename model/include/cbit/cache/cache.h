/**
 * @file
 * The caches of a machine: L1I, L1D and L2 of every core, an L3 of every core complex, and the
 * directory that keeps them coherent. Tags hold the key id: one address under two key ids is two
 * lines.
 *
 * Lines hold real bytes. Every line that is anywhere on the chip has one entry in the directory,
 * which holds its bytes once. Copies in several caches are the same bytes, because a write first
 * invalidates all other copies. State changes are atomic; only the answer takes time.
 *
 *   hit in L1, L2 or the complex's L3     that level's clocks
 *   in another core of the complex        transfer_cclk, also for a write to a line shared there
 *   in another complex                    transfer_remote_ns, likewise
 *   in the other socket                   transfer_socket_ns, likewise
 *   nowhere                               the last level's clocks (charged to CORE), then memory
 *
 * Requests for a line whose fill is under way wait for it, whatever core they come from, and are
 * served in order of arrival. The request that caused the fill takes over the fill's stages. All
 * others charge their wait to CORE, because they are not reads of memory. A transfer between caches
 * involves neither memory nor engine. A write of a whole line needs no fill. A dirty line goes to
 * memory when its last copy leaves the chip, through write-back buffers (two for each MSHR), where
 * it can still be hit.
 *
 * L2 includes L1. L3 is a victim cache (what leaves an L2 goes there) or inclusive.
 * With coherent_domains a fill first writes back and drops the same address under other key ids.
 * LRU replacement. A prefetcher, if enabled, brings lines of constant strides to the L2: within the
 * page of the access, under its key id, through the same MSHRs, which it leaves a quarter of.
 * Not modelled: parity, the time WBINVD takes to look at clean lines.
 */
#ifndef CBIT_CACHE_CACHE_H
#define CBIT_CACHE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/sim/kernel.h"
#include "cbit/sim/port.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CBIT_CACHE_MAX_CORES = 64 };

typedef struct cbit_cache cbit_cache_t; /* opaque */

typedef struct cbit_cache_level_config {
    uint64_t size_bytes; /* ways x 64 x a power of two; 0: no such level (not for L2) */
    uint32_t ways;
    uint32_t hit_cclk; /* from issue to answer */
} cbit_cache_level_config_t;

/* Constant strides of a guest's data accesses within a page; off unless told otherwise. */
typedef struct cbit_cache_prefetch_config {
    bool enabled;
    uint32_t pages;    /* followed by each core at the same time */
    uint32_t repeats;  /* equal strides before the first prefetch */
    uint32_t degree;   /* lines at a time */
    uint32_t distance; /* strides ahead of the access, at most */
} cbit_cache_prefetch_config_t;

typedef struct cbit_cache_config {
    cbit_cache_level_config_t l1i, l1d, l2; /* of each core */
    cbit_cache_level_config_t l3;           /* of each complex */
    bool l3_inclusive;                      /* false: a victim cache */
    uint32_t cores_per_complex;
    uint32_t mshrs;              /* outstanding fills of each core */
    uint32_t transfer_cclk;      /* from another core of the complex */
    uint64_t transfer_remote_ns; /* kept in ps: from another complex of the socket */
    uint64_t transfer_socket_ns; /* kept in ps: from the other socket */
    cbit_cache_prefetch_config_t prefetch;
} cbit_cache_config_t;

extern const cbit_row_t cbit_cache_rows[];

/* Checks ranges and geometry. Adds one entry for each finding, at `where` (a JSON pointer; "" for
   none) and the key below it. RANGE if there is any. */
cbit_err_t cbit_cache_check(const cbit_cache_config_t *config, uint32_t cores, const char *where,
                            cbit_diag_t *diag);

/*
 * cores: 1..CBIT_CACHE_MAX_CORES. below: where misses and write-backs go. RANGE for a geometry that
 * does not divide; on error *out is untouched.
 */
cbit_err_t cbit_cache_create(const cbit_cache_config_t *config, uint32_t cores,
                             bool coherent_domains, const cbit_clock_t *cclk, cbit_kernel_t *kernel,
                             cbit_port_t below, cbit_cache_t **out, cbit_diag_t *diag);
/*
 * Switches to timing only, before the first request: lines hold no bytes. A request that carries
 * bytes (no_bytes is not set) then reads or writes the memory below in zero time when it is served.
 */
void cbit_cache_set_timing_only(cbit_cache_t *cache);
/* NULL is allowed; requests that it still holds are forgotten. */
void cbit_cache_destroy(cbit_cache_t *cache);

/* Sets the socket (0 or 1) of a complex, and its own entry to the fabric. Before the first request.
   A complex that is not bound is in socket 0 and uses the port given to create. */
void cbit_cache_bind_complex(cbit_cache_t *cache, uint32_t complex, uint32_t socket,
                             cbit_port_t below);

/* The ports of one core, for data and instructions. They accept requests of 1 to 64 bytes within
   one line, locked writes, and writes of 0 bytes, which only fetch the line for ownership. peek and
   poke see all caches; poke also reaches the memory below. */
cbit_port_t cbit_cache_port(cbit_cache_t *cache, uint32_t core);
cbit_port_t cbit_cache_fetch_port(cbit_cache_t *cache, uint32_t core);

/*
 * DMA and other agents look here first. True: a line of that address *and key id* is on the chip. A
 * read has got its bytes; a write has updated it and made it dirty, so memory need not be written.
 * False: go to memory; a fill that is under way has taken note of a write. Within one line. Zero
 * time.
 */
bool cbit_cache_snoop(cbit_cache_t *cache, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                      void *bytes, uint32_t len_bytes);

/*
 * Takes a device's write of a line that is on the chip (address and key id). The line gets its
 * bytes, and the answer comes after the last level's clocks, charged to CORE. Memory need not be
 * written. False: the line is not on the chip.
 */
bool cbit_cache_take_write(cbit_cache_t *cache, cbit_txn_t *txn);
/* For a write that memory takes: true if a fill of the line is under way, which then takes note of
   the bytes (NULL: of nothing). */
bool cbit_cache_patch_fill(cbit_cache_t *cache, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                           uint32_t len_bytes);

/*
 * WBINVD on one core: waits for its outstanding requests, writes the dirty lines of its caches and
 * its complex's L3 back and empties them; the core's requests are refused meanwhile. done(self)
 * when the last write is accepted below, perhaps before this call returns. done may be NULL.
 */
void cbit_cache_wbinvd(cbit_cache_t *cache, uint32_t core, void (*done)(void *self), void *self);

/* Writes back (if dirty) and drops the lines of one address under every key id, in all caches. */
void cbit_cache_clflush(cbit_cache_t *cache, cbit_spa_t spa, void (*done)(void *self), void *self);

/*
 * The page-flush MSR (C001_011E): writes back (if dirty) and drops the lines of one page under one
 * key id, in all caches; done(self) when the last write is accepted below, perhaps before this call
 * returns. Other key ids' lines of the page stay.
 */
void cbit_cache_flush_page(cbit_cache_t *cache, cbit_spa_t spa, cbit_key_t key,
                           void (*done)(void *self), void *self);

/* INVD on one core: its caches and its complex's L3 lose everything, including dirty lines of which
   no other cache has a copy. Fills and write-backs that are under way still complete. */
void cbit_cache_invd(cbit_cache_t *cache, uint32_t core);

/* Visits every dirty line on the chip, except for those that wait to be written back. visit must
   not send requests. Not in timing-only mode. */
void cbit_cache_for_each_dirty(const cbit_cache_t *cache,
                               void (*visit)(void *visitor, cbit_spa_t spa, cbit_key_t key,
                                             const uint8_t bytes[CBIT_LINE_BYTES]),
                               void *visitor);

typedef struct cbit_cache_stats {
    uint64_t l1_hits, l2_hits, l3_hits;
    uint64_t transfers, transfers_remote, transfers_socket; /* lines or permissions, by distance */
    uint64_t invalidations;                                 /* copies that writes invalidated */
    uint64_t misses;                                        /* fills requested */
    uint64_t merges;          /* requests that waited for a fill under way */
    uint64_t writebacks;      /* dirty lines sent below */
    uint64_t page_flushes;    /* writes of the page-flush MSR */
    uint64_t aliases_dropped; /* coherent_domains: other key ids of an address */
    uint64_t refusals;        /* no MSHR or buffer was free, or WBINVD is under way */
    /* Lines that the prefetcher requested. Each is one of the next three, or still in the L2. */
    uint64_t prefetches;
    uint64_t prefetches_useful;  /* found in the L2 */
    uint64_t prefetches_late;    /* demanded while their fill was under way */
    uint64_t prefetches_useless; /* evicted from the L2 before any demand */
    uint64_t prefetches_dropped; /* not requested: MSHRs or buffers are reserved for demands */
} cbit_cache_stats_t;
extern const cbit_row_t cbit_cache_stat_rows[];
void cbit_cache_stats(const cbit_cache_t *cache, cbit_cache_stats_t *stats);

#ifdef __cplusplus
}
#endif
#endif
