/*
 * The smallest SEV guest that can run: its VMCB, its page tables and the host's nested ones, poked
 * into memory without taking time. Guest memory is one piece, mapped to itself and private; tables
 * have accessed and dirty bits set, so that no walk has to set them.
 */
#ifndef CBIT_PERF_MEASURE_FLAT_GUEST_H
#define CBIT_PERF_MEASURE_FLAT_GUEST_H

#include "cbit/base/err.h"
#include "cbit/sim/port.h"

/* Where the host keeps the VMCB; the nested tables begin at the address that the guest's have as
   guest addresses. */
#define CBIT_FLAT_VMCB ((cbit_spa_t)0x1000)

typedef struct cbit_flat_guest {
    uint32_t asid;
    uint32_t c_bit;
    cbit_spa_t base;  /* of guest address 0 */
    uint64_t bytes;   /* mapped, of whole pages of 2 MiB, at most 1 GiB */
    bool small_pages; /* 4 KiB at both levels instead of 2 MiB */
} cbit_flat_guest_t;

/* Through a core's port, so that caches know. The port's errors. */
cbit_err_t cbit_flat_guest_write(const cbit_flat_guest_t *guest, const cbit_port_t *port);

#endif
