/**
 * @file
 * The guest-hypervisor communication block of SEV-ES: what a guest tells its hypervisor of an exit
 * that it chose to make. Offsets and codes of AMD document 56421, "SEV-ES Guest-Hypervisor
 * Communication Block Standardization".
 *
 * The GHCB is a page of the guest's memory that is not encrypted. The guest writes its address into
 * MSR C001_0130, executes VMGEXIT, and the hypervisor finds the MSR's value in the VMCB
 * (CBIT_VMCB_GHCB). A value whose low 12 bits are not zero is no address but a message of the MSR
 * protocol, for the time before there is a page.
 */
#ifndef CBIT_VCPU_GHCB_H
#define CBIT_VCPU_GHCB_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_GHCB_BYTES = 4096,
    CBIT_GHCB_RAX = 0x1f8, /* u64 each: the registers that the exit is about */
    CBIT_GHCB_RCX = 0x308,
    CBIT_GHCB_RDX = 0x310,
    CBIT_GHCB_RBX = 0x318,
    CBIT_GHCB_RSI = 0x330,
    CBIT_GHCB_RDI = 0x338,
    CBIT_GHCB_EXIT_CODE = 0x390, /* as of the #VMEXIT that the guest makes up for */
    CBIT_GHCB_EXIT_INFO_1 = 0x398,
    CBIT_GHCB_EXIT_INFO_2 = 0x3a0,
    CBIT_GHCB_SCRATCH = 0x3a8,      /* guest physical address of further data */
    CBIT_GHCB_VALID_BITMAP = 0x3f0, /* 16 bytes: bit n says that the quadword at 8 n is given */
    CBIT_GHCB_SHARED_BUFFER = 0x800,
    CBIT_GHCB_VERSION = 0xffa, /* u16 */
    CBIT_GHCB_USAGE = 0xffc,   /* u32: 0 is this layout */
};

/* Exit codes of the protocol's own. */
#define CBIT_GHCB_MMIO_READ  UINT64_C(0x80000001)
#define CBIT_GHCB_MMIO_WRITE UINT64_C(0x80000002)

/* The MSR protocol: bits 11:0 of the value. */
enum {
    CBIT_GHCB_MSR_ADDRESS = 0x000,
    CBIT_GHCB_MSR_INFO_RESPONSE = 0x001, /* 63:48 highest version, 47:32 lowest, 31:24 C-bit */
    CBIT_GHCB_MSR_INFO_REQUEST = 0x002,
    CBIT_GHCB_MSR_CPUID_REQUEST = 0x004, /* 63:32 function, 31:30 register */
    CBIT_GHCB_MSR_CPUID_RESPONSE = 0x005,
    CBIT_GHCB_MSR_TERMINATE = 0x100,
    CBIT_GHCB_MSR_MASK = 0xfff,
};

#ifdef __cplusplus
}
#endif
#endif
