#include "workloads/hypervisor/vmcb.h"

#include <string.h>

#include "workloads/hypervisor/bytes.h"

typedef struct segment {
    uint16_t at, selector, attributes;
    uint32_t limit;
} segment_t;

/* Attributes are descriptor bits 47:40 and 55:52. c9b: present 32-bit code, 4 KiB granularity; c93:
   data likewise; 082, 08b: LDT and busy TSS, as after reset. The IDT is empty: an exception cannot
   be delivered. */
static const segment_t segments[] = {
    {CBIT_VMCB_CS, 0x08, 0xc9b, 0xffffffff},
    {CBIT_VMCB_DS, 0x10, 0xc93, 0xffffffff},
    {CBIT_VMCB_ES, 0x10, 0xc93, 0xffffffff},
    {CBIT_VMCB_SS, 0x10, 0xc93, 0xffffffff},
    {CBIT_VMCB_FS, 0x10, 0xc93, 0xffffffff},
    {CBIT_VMCB_GS, 0x10, 0xc93, 0xffffffff},
    {CBIT_VMCB_LDTR, 0, 0x082, 0xffff},
    {CBIT_VMCB_TR, 0, 0x08b, 0xffff},
    {CBIT_VMCB_GDTR, 0, 0, 0},
    {CBIT_VMCB_IDTR, 0, 0, 0},
};

enum { SEGMENT_COUNT = sizeof segments / sizeof segments[0] };

#define RESET_DR6 UINT64_C(0xffff0ff0)
#define RESET_DR7 UINT64_C(0x400)
#define RESET_PAT UINT64_C(0x0007040600070406)

static void put(uint8_t *vmcb, uint32_t at, uint64_t value, uint32_t len_bytes)
{
    cbit_hv_put_le(vmcb + at, value, len_bytes);
}

static void put_control(uint8_t *vmcb, const cbit_hv_vmcb_setup_t *setup)
{
    put(vmcb, CBIT_VMCB_INTERCEPT_3, CBIT_INTERCEPT_3_USUAL, 4);
    put(vmcb, CBIT_VMCB_INTERCEPT_4, CBIT_INTERCEPT_4_USUAL, 4);
    put(vmcb, CBIT_VMCB_ASID, setup->asid, 4);
    put(vmcb, CBIT_VMCB_NESTED_CONTROL,
        CBIT_NESTED_PAGING | (setup->sev ? CBIT_NESTED_SEV : 0) |
            (setup->vmsa != 0 ? CBIT_NESTED_SEV_ES : 0),
        8);
    put(vmcb, CBIT_VMCB_VMSA, setup->vmsa, 8);
    put(vmcb, CBIT_VMCB_NESTED_CR3, setup->nested_cr3, 8);
}

static void put_state(uint8_t *vmcb, const cbit_guest_entry_t *entry)
{
    for (uint32_t i = 0; i < SEGMENT_COUNT; i++) {
        const segment_t *segment = &segments[i];
        put(vmcb, segment->at + CBIT_VMCB_SEGMENT_SELECTOR, segment->selector, 2);
        put(vmcb, segment->at + CBIT_VMCB_SEGMENT_ATTRIBUTES, segment->attributes, 2);
        put(vmcb, segment->at + CBIT_VMCB_SEGMENT_LIMIT, segment->limit, 4);
    }
    put(vmcb, CBIT_VMCB_GDTR + CBIT_VMCB_SEGMENT_LIMIT, entry->gdtr_limit, 4);
    put(vmcb, CBIT_VMCB_GDTR + CBIT_VMCB_SEGMENT_BASE, entry->gdtr_base, 8);
    put(vmcb, CBIT_VMCB_IDTR + CBIT_VMCB_SEGMENT_LIMIT, entry->idtr_limit, 4);
    put(vmcb, CBIT_VMCB_IDTR + CBIT_VMCB_SEGMENT_BASE, entry->idtr_base, 8);
    put(vmcb, CBIT_VMCB_EFER, entry->efer | CBIT_EFER_SVME, 8);
    put(vmcb, CBIT_VMCB_CR0, entry->cr0, 8);
    put(vmcb, CBIT_VMCB_CR3, entry->cr3, 8);
    put(vmcb, CBIT_VMCB_CR4, entry->cr4, 8);
    put(vmcb, CBIT_VMCB_DR6, RESET_DR6, 8);
    put(vmcb, CBIT_VMCB_DR7, RESET_DR7, 8);
    put(vmcb, CBIT_VMCB_RFLAGS, entry->rflags, 8);
    put(vmcb, CBIT_VMCB_RIP, entry->rip, 8);
    put(vmcb, CBIT_VMCB_RSP, entry->rsp, 8);
    put(vmcb, CBIT_VMCB_G_PAT, RESET_PAT, 8);
}

void cbit_hv_vmcb_build(uint8_t vmcb[CBIT_VMCB_BYTES], const cbit_hv_vmcb_setup_t *setup)
{
    memset(vmcb, 0, CBIT_VMCB_BYTES);
    put_control(vmcb, setup);
    put_state(vmcb, &setup->entry);
}

void cbit_hv_vmcb_set_asid(uint8_t vmcb[CBIT_VMCB_BYTES], uint32_t asid)
{
    put(vmcb, CBIT_VMCB_ASID, asid, 4);
}

void cbit_hv_vmcb_set_tlb_control(uint8_t vmcb[CBIT_VMCB_BYTES], uint8_t control)
{
    vmcb[CBIT_VMCB_TLB_CONTROL] = control;
}
