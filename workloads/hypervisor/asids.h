/**
 * @file
 * Which ASIDs are bound. An ASID that a guest has left is dirty until WBINVD and DF_FLUSH.
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_ASIDS_H
#define CBIT_WORKLOADS_HYPERVISOR_ASIDS_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/sim/key.h"

typedef enum cbit_hv_asid_state {
    CBIT_HV_ASID_FREE,
    CBIT_HV_ASID_BOUND,
    CBIT_HV_ASID_DIRTY,
} cbit_hv_asid_state_t;

typedef enum cbit_hv_asid_answer {
    CBIT_HV_ASID_TAKEN,
    CBIT_HV_ASID_FLUSH_FIRST, /* there is one, behind a flush */
    CBIT_HV_ASID_NONE,
} cbit_hv_asid_answer_t;

typedef struct cbit_hv_asids {
    uint32_t first, last; /* of the pool, both included */
    uint8_t state[CBIT_KEY_ASID_MAX + 1];
    bool reserved[CBIT_KEY_ASID_MAX + 1]; /* named by a guest: the pool leaves it alone */
} cbit_hv_asids_t;

/* last is at most CBIT_KEY_ASID_MAX. */
void cbit_hv_asids_init(cbit_hv_asids_t *asids, uint32_t first, uint32_t last);

/* Keeps an ASID out of the pool: a guest asks for it by number. */
void cbit_hv_asids_reserve(cbit_hv_asids_t *asids, uint32_t asid);

/* Binds `wanted`, or the lowest free one of the pool if wanted is 0. */
cbit_hv_asid_answer_t cbit_hv_asids_take(cbit_hv_asids_t *asids, uint32_t wanted, uint32_t *asid);

/* Its guest is gone. */
void cbit_hv_asids_retire(cbit_hv_asids_t *asids, uint32_t asid);

/* WBINVD on all cores and DF_FLUSH are done: dirty becomes free. */
void cbit_hv_asids_flushed(cbit_hv_asids_t *asids);

#endif
