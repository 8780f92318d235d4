/* The machine and what is under way in it. Private to model/platform. */
#ifndef CBIT_MODEL_PLATFORM_STATE_H
#define CBIT_MODEL_PLATFORM_STATE_H

#include "cbit/iommu/iommu.h"
#include "cbit/platform/platform.h"
#include "cbit/umc/umc.h"
#include "model/platform/coherent.h"
#include "model/platform/recorder.h"
#include "model/platform/wiring.h"

/* Counts down to a callback: for work that is done on several channels at once. */
typedef struct join {
    uint32_t left;
    void (*done)(void *self);
    void *self;
} join_t;

/* A core's WBINVD under way. */
typedef struct wbinvd {
    bool *flag; /* WBINVD_DONE of the core */
    void (*done)(void *self);
    void *self;
} wbinvd_t;

struct cbit_platform {
    cbit_platform_config_t config;
    cbit_platform_parts_t parts;
    cbit_kernel_t *kernel;
    cbit_wiring_t wiring;
    cbit_store_t *store;
    cbit_cipher_t *ciphers[CBIT_FABRIC_MAX_CHANNELS];
    cbit_aes_engine_t engines[CBIT_FABRIC_MAX_CHANNELS]; /* owned by their controllers */
    cbit_umc_t *umcs[CBIT_FABRIC_MAX_CHANNELS];
    cbit_fabric_t *fabric;
    cbit_recorder_t recorder;
    cbit_cache_t *cache;
    cbit_coherent_t coherent;
    cbit_iommu_t *iommu;
    cbit_vcpu_t *vcpus[CBIT_PLATFORM_MAX_CORES];
    bool wbinvd_done[CBIT_PLATFORM_MAX_CORES];
    cbit_sp_t *sp;
    join_t flush, drain; /* DF_FLUSH under way; cbit_platform_drain */
    wbinvd_t wbinvd[CBIT_PLATFORM_MAX_CORES];
    uint64_t wbinvds, df_flushes, key_writes;
};

#endif
