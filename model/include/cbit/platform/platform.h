/**
 * @file
 * The machine: builds every block from plain structs and binds their ports.
 *
 * Engines come from a factory, so that it accepts Verilated ones without knowing about them.
 */
#ifndef CBIT_PLATFORM_PLATFORM_H
#define CBIT_PLATFORM_PLATFORM_H

#include <stdint.h>

#include "cbit/aes/cipher.h"
#include "cbit/aes/engine.h"
#include "cbit/base/diag.h"
#include "cbit/base/hist.h"
#include "cbit/base/rows.h"
#include "cbit/cache/cache.h"
#include "cbit/dram/store.h"
#include "cbit/fabric/fabric.h"
#include "cbit/platform/config.h"
#include "cbit/sim/kernel.h"
#include "cbit/sim/port.h"
#include "cbit/sp/sp.h"
#include "cbit/umc/account.h"
#include "cbit/umc/config.h"
#include "cbit/umc/umc.h"
#include "cbit/vcpu/vcpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_platform cbit_platform_t; /* opaque */

typedef struct cbit_platform_parts {
    const cbit_aes_engine_factory_t *engines; /* NULL: --engine off */
    uint64_t seed;
    const struct sp_firmware *firmware; /* as in cbit_sp_parts_t */
    uint8_t *sp_flash;     /* as in cbit_sp_parts_t: contents that outlive the platform, or NULL */
    uint64_t sp_boot;      /* how often the Secure Processor was powered up before */
    cbit_kernel_t *kernel; /* another platform's, which then must outlive this one; NULL: its own */
    void *self;
    void (*on_exit)(void *self, cbit_vcpu_t *vcpu, const cbit_exit_t *exit);
    void (*on_sp_ready)(void *self); /* the Secure Processor has booted: host software may start */
    void (*on_sp_interrupt)(void *self);
    void (*on_console)(void *self, char c); /* may be NULL */
} cbit_platform_parts_t;

/*
 * Builds every block and binds their ports. Nothing happens until somebody runs the kernel. On
 * error *out is untouched, and diag has all findings with the JSON pointers of the values.
 */
cbit_err_t cbit_platform_create(const cbit_platform_config_t *config,
                                const cbit_platform_parts_t *parts, cbit_platform_t **out,
                                cbit_diag_t *diag);
void cbit_platform_destroy(cbit_platform_t *platform); /* NULL is allowed */

/* The blocks. The platform owns them. */
cbit_kernel_t *cbit_platform_kernel(cbit_platform_t *platform);
uint32_t cbit_platform_cores(const cbit_platform_t *platform);
cbit_vcpu_t *cbit_platform_vcpu(cbit_platform_t *platform, uint32_t core);
cbit_sp_t *cbit_platform_sp(cbit_platform_t *platform);
cbit_store_t *cbit_platform_store(cbit_platform_t *platform); /* the pins' view: raw ciphertext */

/* Requests of host software (VMCB, page tables, emulated devices): through the given core's cache.
 */
cbit_port_t cbit_platform_host_port(cbit_platform_t *platform, uint32_t core);

/* Requests of real devices: through the IOMMU, coherent with lines of the same key id only. */
cbit_port_t cbit_platform_device_port(cbit_platform_t *platform, uint32_t device);

/* The IOMMU's registers: device table, invalidations, faults. */
cbit_iommu_t *cbit_platform_iommu(cbit_platform_t *platform);

/* WBINVD on one core: done(self) when its dirty lines are written back; sets WBINVD_DONE. */
void cbit_platform_wbinvd(cbit_platform_t *platform, uint32_t core, void (*done)(void *self),
                          void *self);

/* CLFLUSH of every line of a range, under every key id, on all cores. Zero time, for host software
   that prepares memory for the SP; the write-backs are real requests. */
void cbit_platform_clflush(cbit_platform_t *platform, cbit_spa_t spa, uint64_t len_bytes,
                           void (*done)(void *self), void *self);

/* INVD on one core. What only its caches and its complex's L3 have is lost, and done(self) is
   called before this call returns. With sev.invd_writes_back dirty lines are written back first,
   which takes time. */
void cbit_platform_invd(cbit_platform_t *platform, uint32_t core, void (*done)(void *self),
                        void *self);
/* To see before an INVD what it would lose: cbit_cache_for_each_dirty. */
const cbit_cache_t *cbit_platform_cache(const cbit_platform_t *platform);

/* Calls done(self) when every write that a memory controller holds now is in the DRAM. Only one
   drain at a time. */
void cbit_platform_drain(cbit_platform_t *platform, void (*done)(void *self), void *self);

/* From now on calls listener for every answered request to memory, with its latency; NULL: none. */
typedef void (*cbit_platform_listener_t)(void *self, const cbit_txn_t *txn, cbit_ps_t total_ps);
void cbit_platform_listen(cbit_platform_t *platform, cbit_platform_listener_t listener, void *self);

/* ---- physical attacks ---- */

/* Attaches an analyser to the pins of all channels (cbit_umc_analyse); NULL removes it. */
void cbit_platform_analyse(cbit_platform_t *platform, cbit_bus_analyser_t analyser, void *self);

/*
 * Cuts the highest address line of every channel's DIMMs, or restores it. While it is cut each
 * place has two addresses, spa and cbit_platform_alias_of(spa), and the contents of the upper half
 * are not reachable. Cipher, caches and queues use the address and do not notice.
 */
void cbit_platform_alias_dimms(cbit_platform_t *platform, bool aliased);
cbit_spa_t cbit_platform_alias_of(const cbit_platform_t *platform, cbit_spa_t spa);
/* Memory below this address has no alias below it: what a system must restrict itself to if it has
   such DIMMs. */
cbit_spa_t cbit_platform_alias_end(const cbit_platform_t *platform);

/* The page-flush MSR (C001_011E): flushes one page's lines under one ASID from the caches of all
   cores. Only dirty lines take time. */
void cbit_platform_page_flush(cbit_platform_t *platform, cbit_spa_t spa, uint16_t asid,
                              void (*done)(void *self), void *self);

/* Latencies of one kind of request, in total and by stage. The stages add up to total.sum. */
typedef struct cbit_platform_latency {
    cbit_hist_t total;
    uint64_t stage_ps[CBIT_STAGE_COUNT];
} cbit_platform_latency_t;

typedef struct cbit_platform_stats {
    cbit_platform_latency_t read, write; /* requests to memory of every source */
    cbit_platform_latency_t read_by_source[CBIT_SOURCE_COUNT];
    uint64_t stage_mismatches; /* requests whose stages do not add up to their latency: a bug */
    uint64_t in_flight;        /* requests that entered and have not left: zero at the end */
    uint64_t wbinvds, df_flushes, key_writes;
    cbit_aes_counters_t engine; /* all channels together */
    cbit_cache_stats_t cache;
    cbit_fabric_stats_t fabric;
    cbit_iommu_stats_t iommu;
    cbit_umc_stats_t umc; /* all channels together */
    cbit_sp_stats_t sp;
} cbit_platform_stats_t;

/* Copies all counters. The struct is large (histograms): do not put it on the stack. */
void cbit_platform_stats(const cbit_platform_t *platform, cbit_platform_stats_t *stats);

/* Adds up the accounts of all memory controllers, idle times up to now. *account must be all zero
   before. */
void cbit_platform_account(cbit_platform_t *platform, cbit_umc_account_t *account);

#ifdef __cplusplus
}
#endif
#endif
