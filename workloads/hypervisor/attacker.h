/* Where the hypervisor asks a hostile program; workloads/include/cbit/attacker.h is its side. */
#ifndef CBIT_WORKLOADS_HYPERVISOR_ATTACKER_H
#define CBIT_WORKLOADS_HYPERVISOR_ATTACKER_H

#include "workloads/hypervisor/hv.h"

/* True: the exit on this core is dealt with, and the vCPU is queued again. */
bool cbit_hv_attack_exit(cbit_hv_core_t *core);

/* How long a vCPU may run at most; CBIT_PS_NEVER without such a program. */
cbit_ps_t cbit_hv_attack_quantum_ps(const cbit_hv_t *hv);

void cbit_hv_attack_sp(cbit_hv_t *hv, const cbit_spdriver_request_t *request);

#endif
