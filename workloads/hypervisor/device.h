/**
 * @file
 * Between the rings of a device (device.c) and its transfers (lane.c).
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_DEVICE_H
#define CBIT_WORKLOADS_HYPERVISOR_DEVICE_H

#include "workloads/hypervisor/hv.h"

/* By host software, rather than a device behind the IOMMU. */
bool cbit_hv_device_emulated(const cbit_hv_device_t *device);

/* Moves at most the rest of a page; the task is resumed. False: nothing is mapped there. */
bool cbit_hv_device_move(cbit_hv_device_t *device, cbit_hv_transfer_t *transfer,
                         cbit_hv_task_t *task, bool write, cbit_gpa_t gpa, void *bytes,
                         uint32_t *len);

/* Once. */
void cbit_hv_lane_init(cbit_hv_lane_t *lane, cbit_hv_device_t *device);

/* Moves a transfer whose chain and status are there; over(lane) when it is through. NO_MEMORY. */
cbit_err_t cbit_hv_lane_start(cbit_hv_lane_t *lane, void (*over)(void *lane));

#endif
