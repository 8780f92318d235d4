/* Where the hypervisor asks a hostile program; workloads/include/cbit/attacker.h is its side. */
#ifndef CBIT_WORKLOADS_HYPERVISOR_ATTACKER_H
#define CBIT_WORKLOADS_HYPERVISOR_ATTACKER_H

#include "cbit/attacker.h"
#include "workloads/hypervisor/hv.h"

/* What a callback's program has. */
struct cbit_attacker {
    cbit_hv_t *hv;
    cbit_hv_core_t *core;      /* whose vCPU stands still; NULL: in the middle of a launch, */
    cbit_hv_guest_t *launched; /* of this guest */
};

/* Waiting inside a callback: wakes(wait) may come before. INTERNAL when nothing is left to happen.
 */
typedef struct cbit_hv_attack_wait {
    cbit_hv_t *hv;
    bool over;
} cbit_hv_attack_wait_t;
void cbit_hv_attack_wakes(void *wait);
cbit_err_t cbit_hv_attack_wait(const cbit_attacker_t *hands, const cbit_hv_attack_wait_t *wait);

/* True: the exit on this core is dealt with, and the vCPU is queued again. */
bool cbit_hv_attack_exit(cbit_hv_core_t *core);

/* How long a vCPU may run at most; CBIT_PS_NEVER without such a program. */
cbit_ps_t cbit_hv_attack_quantum_ps(const cbit_hv_t *hv);

/* The launch image of a guest is about to be measured. */
void cbit_hv_attack_launch(cbit_hv_guest_t *guest);
/* A line on the bus. */
void cbit_hv_attack_bus(cbit_hv_t *hv, const cbit_bus_line_t *line);

void cbit_hv_attack_sp(cbit_hv_t *hv, const cbit_spdriver_request_t *request);

#endif
