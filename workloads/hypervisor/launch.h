/* What the steps of a launch share (launch.c, and launch_memory.c before its first command). */
#ifndef CBIT_WORKLOADS_HYPERVISOR_LAUNCH_H
#define CBIT_WORKLOADS_HYPERVISOR_LAUNCH_H

#include "workloads/hypervisor/hv.h"

/* The run of contiguous host memory behind the guest's launch position; 0 at the end of all. */
uint64_t cbit_hv_launch_next_run(cbit_hv_guest_t *guest, cbit_spa_t *spa, const uint8_t **bytes);

/* Steps, whose self is the guest. */
cbit_hv_step_t cbit_hv_launch_take_asid(void *self);
cbit_hv_step_t cbit_hv_launch_map_memory(void *self);
cbit_hv_step_t cbit_hv_launch_flush_region(void *self);
cbit_hv_step_t cbit_hv_launch_write_nested(void *self);
cbit_hv_step_t cbit_hv_launch_write_vmcb(void *self);
cbit_hv_step_t cbit_hv_launch_copy_image(void *self);

#endif
