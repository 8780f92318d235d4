/**
 * @file
 * Everything that can be said about a machine: one struct of the blocks' own, and the tree of rows
 * that scenario files bind to it (top-level sections "host", "sev", "memory", "fabric", ...).
 */
#ifndef CBIT_PLATFORM_CONFIG_H
#define CBIT_PLATFORM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/aes/cipher.h"
#include "cbit/aes/engine.h"
#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/cache/cache.h"
#include "cbit/fabric/fabric.h"
#include "cbit/iommu/iommu.h"
#include "cbit/sp/config.h"
#include "cbit/umc/config.h"
#include "cbit/vcpu/vcpu.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CBIT_PLATFORM_MAX_CORES = 64, CBIT_PLATFORM_NAME_BYTES = 32 };

typedef struct cbit_host_config {
    bool sme;       /* the host sets the C-bit on its own pages */
    bool tsme;      /* every access that no C-bit encrypts is under the host's key */
    uint32_t cores; /* modelled cores */
} cbit_host_config_t;

typedef struct cbit_sev_config {
    char generation[CBIT_PLATFORM_NAME_BYTES]; /* preset's name: naples, rome... */
    uint32_t c_bit;                            /* position of the C-bit: 47 or 51 */
    uint32_t asids;                            /* encrypted guests at once: ASIDs 1..asids */
    uint32_t min_sev_asid;  /* lowest ASID of a guest without ES (CPUID 8000_001F EDX) */
    uint32_t host_key_slot; /* 0 or 1023 */
    uint32_t tweak;         /* cbit_tweak_kind_t */
    bool per_channel_keys;  /* each channel's key is derived from the guest's */
    bool coherent_domains;  /* hardware keeps two key ids of one address coherent */
    bool page_flush_msr;    /* the hypervisor can flush one page of one ASID */
    bool invd_writes_back;  /* INVD loses nothing: it is WBINVD */
    bool aes256_stand_in;   /* the silicon has AES-256: AES-128 XEX stands in for it */
} cbit_sev_config_t;

typedef struct cbit_memory_config {
    uint64_t size_bytes;
} cbit_memory_config_t;

struct cbit_platform_config {
    cbit_host_config_t host;
    cbit_sev_config_t sev;
    cbit_memory_config_t memory;
    cbit_vcpu_config_t vcpu;
    cbit_cache_config_t cache;
    cbit_fabric_config_t fabric;
    cbit_iommu_config_t iommu;
    cbit_umc_config_t umc;
    cbit_aes_engine_config_t engine;
    cbit_sp_config_t sp;
};
typedef struct cbit_platform_config cbit_platform_config_t;

/* Top-level sections as OBJECT rows; bind them to a cbit_platform_config_t. */
extern const cbit_row_t cbit_platform_rows[];

/* Rules across fields and blocks; adds one entry per finding. OK when there is none. */
cbit_err_t cbit_platform_check(const cbit_platform_config_t *config, cbit_diag_t *diag);

#ifdef __cplusplus
}
#endif
#endif
