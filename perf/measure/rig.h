/*
 * A memory system alone: fabric, controllers, engines and DRAM of a machine's configuration,
 * without cores, hypervisor and Secure Processor. Keys are loaded through the controllers' key
 * ports.
 */
#ifndef CBIT_PERF_MEASURE_RIG_H
#define CBIT_PERF_MEASURE_RIG_H

#include "cbit/base/diag.h"
#include "cbit/platform/config.h"
#include "cbit/sim/kernel.h"
#include "cbit/sim/port.h"
#include "cbit/umc/umc.h"

/* Whose lines are measured, and whether an engine is there. */
typedef enum cbit_rig_mode {
    CBIT_RIG_PLAIN,  /* no engine */
    CBIT_RIG_BYPASS, /* an engine that PLAIN lines pass by */
    CBIT_RIG_SME,    /* the host's key */
    CBIT_RIG_SEV,    /* a guest's key */
    CBIT_RIG_MODES,
} cbit_rig_mode_t;

typedef struct cbit_rig {
    cbit_platform_config_t config;
    cbit_kernel_t *kernel;
    cbit_port_t port; /* of the fabric */
    cbit_key_t key;   /* that the mode's requests have */
    cbit_store_t *store;
    cbit_fabric_t *fabric;
    cbit_cipher_t *ciphers[CBIT_FABRIC_MAX_CHANNELS];
    cbit_umc_t *umcs[CBIT_FABRIC_MAX_CHANNELS];
    uint32_t keys_left; /* to be loaded before the first request */
} cbit_rig_t;

/* At time 0 plus what loading the keys took. The rig is the caller's memory; end it in any case. */
cbit_err_t cbit_rig_begin(cbit_rig_t *rig, const cbit_platform_config_t *config,
                          cbit_rig_mode_t mode, uint64_t seed, cbit_diag_t *diag);
void cbit_rig_end(cbit_rig_t *rig);

/* Counters of all controllers together. */
void cbit_rig_stats(const cbit_rig_t *rig, cbit_umc_stats_t *sum);

#endif
