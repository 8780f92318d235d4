/* Filling a finished run's result from the counters of all parts. */
#ifndef CBIT_WORKLOADS_HYPERVISOR_RESULT_H
#define CBIT_WORKLOADS_HYPERVISOR_RESULT_H

#include "workloads/hypervisor/hv.h"

void cbit_hv_collect(cbit_hv_t *hv);

/* A guest's counters of all cores, so far. */
void cbit_hv_sum_vcpu_stats(const cbit_hv_guest_t *guest, cbit_vcpu_stats_t *sum);

#endif
