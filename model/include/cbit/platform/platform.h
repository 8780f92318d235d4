/**
 * @file
 * The machine: builds every block from plain structs and binds their ports.
 *
 * Takes engines through a factory, so it accepts Verilated ones without knowing of them.
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
    uint8_t *sp_flash;     /* as in cbit_sp_parts_t: what outlives the Secure Processor, or NULL */
    uint64_t sp_boot;      /* how often it was powered up before */
    cbit_kernel_t *kernel; /* another platform's, which then outlives this one; NULL: its own */
    void *self;
    void (*on_exit)(void *self, cbit_vcpu_t *vcpu, const cbit_exit_t *exit);
    void (*on_sp_ready)(void *self); /* the Secure Processor has booted: host software may start */
    void (*on_sp_interrupt)(void *self);
    void (*on_console)(void *self, char c); /* may be NULL */
} cbit_platform_parts_t;

/*
 * Builds every block and binds their ports; nothing runs until somebody runs the kernel. On error
 * *out is untouched and diag has the findings, with the pointers of the values.
 */
cbit_err_t cbit_platform_create(const cbit_platform_config_t *config,
                                const cbit_platform_parts_t *parts, cbit_platform_t **out,
                                cbit_diag_t *diag);
void cbit_platform_destroy(cbit_platform_t *platform); /* NULL is allowed */

/* The blocks; they stay the platform's. */
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

/* Its registers: device table, invalidations, faults. */
cbit_iommu_t *cbit_platform_iommu(cbit_platform_t *platform);

/* WBINVD on one core: done(self) when its dirty lines are written back; sets WBINVD_DONE. */
void cbit_platform_wbinvd(cbit_platform_t *platform, uint32_t core, void (*done)(void *self),
                          void *self);

/* CLFLUSH of every line of a range, under every key id, on all cores. Zero time, for host software
   that prepares memory for the SP; the write-backs are real requests. */
void cbit_platform_clflush(cbit_platform_t *platform, cbit_spa_t spa, uint64_t len_bytes,
                           void (*done)(void *self), void *self);

/* INVD on one core: what only its caches and its complex's L3 have is lost, and done(self) comes
   within the call; with sev.invd_writes_back it is written back first, which takes its time. */
void cbit_platform_invd(cbit_platform_t *platform, uint32_t core, void (*done)(void *self),
                        void *self);
/* The same, looked at before: cbit_cache_for_each_dirty. */
const cbit_cache_t *cbit_platform_cache(const cbit_platform_t *platform);

/* done(self) when every write that a memory controller has now is in the DRAM. One at a time. */
void cbit_platform_drain(cbit_platform_t *platform, void (*done)(void *self), void *self);

/* From now on every request to memory is told when it is answered, with its latency; NULL: none. */
typedef void (*cbit_platform_listener_t)(void *self, const cbit_txn_t *txn, cbit_ps_t total_ps);
void cbit_platform_listen(cbit_platform_t *platform, cbit_platform_listener_t listener, void *self);

/* ---- somebody has the machine open ---- */

/* An analyser at the pins of all channels (cbit_umc_analyse); NULL takes it away. */
void cbit_platform_analyse(cbit_platform_t *platform, cbit_bus_analyser_t analyser, void *self);

/*
 * Every channel's DIMMs lose their highest address line, or get it back: each place then has two
 * addresses, spa and cbit_platform_alias_of(spa). What the upper half held is not there meanwhile.
 * Ciphers, caches and queues go by the address and know nothing of it.
 */
void cbit_platform_alias_dimms(cbit_platform_t *platform, bool aliased);
cbit_spa_t cbit_platform_alias_of(const cbit_platform_t *platform, cbit_spa_t spa);
/* Memory below this is no alias of other memory below it: what a system keeps to that lives with
   such DIMMs. */
cbit_spa_t cbit_platform_alias_end(const cbit_platform_t *platform);

/* The page-flush MSR (C001_011E): one page's lines under one ASID go to memory, on all cores; time
   from those that are dirty. */
void cbit_platform_page_flush(cbit_platform_t *platform, cbit_spa_t spa, uint16_t asid,
                              void (*done)(void *self), void *self);

/* Latencies of one kind of request: whole, and by stage (the stages add up to total.sum). */
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

/* Takes a copy of all counters; the struct is large (histograms): not for the stack. */
void cbit_platform_stats(const cbit_platform_t *platform, cbit_platform_stats_t *stats);

/* Adds up what all memory controllers account for, idle times up to now; *account is all zero. */
void cbit_platform_account(cbit_platform_t *platform, cbit_umc_account_t *account);

#ifdef __cplusplus
}
#endif
#endif
