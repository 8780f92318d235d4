/**
 * @file
 * The IOMMU: what stands between a real device and memory.
 *
 * A device names addresses as it was given them, C-bit included; no device can name a guest's key.
 * Without device tables (the only mode so far, docs/limits.md) an address is used as it is: its
 * C-bit decides between HOST and PLAIN.
 */
#ifndef CBIT_IOMMU_IOMMU_H
#define CBIT_IOMMU_IOMMU_H

#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/sim/port.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_iommu cbit_iommu_t; /* opaque */

/* memory: where translated requests go, coherently. c_bit: 0 when memory encryption is off. On
   error *out is untouched. */
cbit_err_t cbit_iommu_create(uint32_t c_bit, cbit_port_t memory, cbit_iommu_t **out);
void cbit_iommu_destroy(cbit_iommu_t *iommu); /* NULL is allowed */

/*
 * Where devices send: txn->spa is the device's address (the C-bit may be set), txn->key is
 * overwritten, txn->source becomes DMA. Peek and poke take such addresses too and ignore their key.
 */
cbit_port_t cbit_iommu_port(cbit_iommu_t *iommu);

#ifdef __cplusplus
}
#endif
#endif
