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

/* bounce.c */
typedef struct cbit_hv_bounced {
    cbit_spa_t spa; /* of host memory, within one page, under the host's key */
    bool write;     /* by the device */
    void *bytes;
    uint32_t len;
} cbit_hv_bounced_t;
/* The same through memory that the device reaches. False: there is none. */
bool cbit_hv_bounce(cbit_hv_device_t *device, cbit_hv_transfer_t *transfer, cbit_hv_task_t *task,
                    const cbit_hv_bounced_t *what);
void cbit_hv_bounces_free(cbit_hv_device_t *device);

/* Once. */
void cbit_hv_lane_init(cbit_hv_lane_t *lane, cbit_hv_device_t *device);

/* Moves a transfer whose chain and status are there; over(lane) when it is through. NO_MEMORY. */
cbit_err_t cbit_hv_lane_start(cbit_hv_lane_t *lane, void (*over)(void *lane));

#endif
