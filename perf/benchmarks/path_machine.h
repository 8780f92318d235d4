/*
 * One core with its whole path to memory: TLBs and tables, caches, fabric, controllers, engines. No
 * hypervisor and no Secure Processor: for measuring the path itself.
 */
#ifndef CBIT_PERF_PATH_MACHINE_H
#define CBIT_PERF_PATH_MACHINE_H

#include "cbit/platform/config.h"
#include "cbit/umc/umc.h"

enum { PATH_DATA = 0x10000000 }; /* guest address from which on a program may use 512 MiB */

typedef struct path_machine {
    cbit_kernel_t *kernel;
    cbit_store_t *store;
    cbit_cipher_t *ciphers[CBIT_FABRIC_MAX_CHANNELS];
    cbit_umc_t *umcs[CBIT_FABRIC_MAX_CHANNELS];
    cbit_fabric_t *fabric;
    cbit_cache_t *cache;
    cbit_vcpu_t *vcpu;
    uint32_t channels;
} path_machine_t;

typedef enum path_bytes {
    PATH_TIMING_ONLY, /* the engine's timing, no bytes */
    PATH_BYTES,       /* real bytes through engine and cipher */
    PATH_PLAIN,       /* real bytes, no engine */
} path_bytes_t;

/* A machine as configured, of 8 GiB, with one SEV guest of 1 GiB in pages of 2 MiB, guest's and
   host's. Ends the process on errors. */
path_machine_t *path_machine_create(const cbit_platform_config_t *config, path_bytes_t bytes);
void path_machine_destroy(path_machine_t *machine);

/* Runs a program to its end; the simulated time that it took. *events gets how many fired. */
cbit_ps_t path_machine_run(path_machine_t *machine, const cbit_program_t *program,
                           uint64_t *events);

#endif
