/**
 * @file
 * Building a guest's VMCB: the bytes that VMRUN reads.
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_VMCB_H
#define CBIT_WORKLOADS_HYPERVISOR_VMCB_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/vcpu/vmcb.h"
#include "cbit/workloads/guest.h"

typedef struct cbit_hv_vmcb_setup {
    uint32_t asid;
    bool sev;
    cbit_spa_t vmsa; /* SEV-ES: where the state is; 0: in the VMCB */
    uint64_t nested_cr3;
    cbit_guest_entry_t entry;
} cbit_hv_vmcb_setup_t;

/* Fills a whole VMCB for a first VMRUN in 32-bit protected mode with flat segments. */
void cbit_hv_vmcb_build(uint8_t vmcb[CBIT_VMCB_BYTES], const cbit_hv_vmcb_setup_t *setup);

void cbit_hv_vmcb_set_asid(uint8_t vmcb[CBIT_VMCB_BYTES], uint32_t asid);
void cbit_hv_vmcb_set_tlb_control(uint8_t vmcb[CBIT_VMCB_BYTES], uint8_t control);

#endif
