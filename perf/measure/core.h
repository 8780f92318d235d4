/*
 * A rig with a core on it: TLBs, page walks and caches over the rig's memory, one guest, nested
 * paging. Tables are of pages of 2 MiB or 4 KiB at both levels. The guest is the same whether its
 * engine is there or not; without one its key id encrypts nothing.
 */
#ifndef CBIT_PERF_MEASURE_CORE_H
#define CBIT_PERF_MEASURE_CORE_H

#include "cbit/base/rng.h"
#include "cbit/cache/cache.h"
#include "cbit/vcpu/vcpu.h"
#include "perf/measure/rig.h"

enum { CBIT_CORE_ASID = 1, CBIT_CORE_PASSES = 8 };

#define CBIT_CORE_DATA       (UINT64_C(128) << 20) /* guest address of what passes read */
#define CBIT_CORE_DATA_BYTES (UINT64_C(128) << 20)
#define CBIT_CORE_NEEDS      (UINT64_C(512) << 20) /* bytes of memory */

/* What is read: `loads` lines, each after the answer to the last one. */
typedef struct cbit_pass {
    uint64_t loads, span_bytes;
    uint64_t stride_bytes; /* in order; 0: at random */
    uint64_t done;
    cbit_rng_t rng;
} cbit_pass_t;

typedef struct cbit_core {
    cbit_rig_t rig;
    cbit_cache_t *cache;
    cbit_vcpu_t *vcpu;
    cbit_pass_t passes[CBIT_CORE_PASSES]; /* a vCPU knows programs by their address */
    uint32_t passes_made;
    uint64_t seed;
    bool exited;
    int32_t exit_reason;
} cbit_core_t;

/* mode: PLAIN (no engine) or SEV. The caller's memory; end it in any case. */
cbit_err_t cbit_core_begin(cbit_core_t *core, const cbit_platform_config_t *config,
                           cbit_rig_mode_t mode, bool small_pages, uint64_t seed,
                           cbit_diag_t *diag);
void cbit_core_end(cbit_core_t *core);

/* One VMRUN that makes the pass, until its exit: how long. At most CBIT_CORE_PASSES of a core. */
cbit_err_t cbit_core_pass(cbit_core_t *core, const cbit_pass_t *pass, cbit_ps_t *took_ps,
                          cbit_diag_t *diag);
/* Empties the TLB, and with caches the core's caches too. */
void cbit_core_empty(cbit_core_t *core, bool caches);

/* One whole line through the core's cache, alone, under a key id. */
cbit_ps_t cbit_core_access(cbit_core_t *core, cbit_command_t command, uint64_t data_offset,
                           cbit_key_t key);
/* CLFLUSH of that line, until nothing is on its way any more. */
cbit_ps_t cbit_core_flush_line(cbit_core_t *core, uint64_t data_offset);

#endif
