/**
 * @file
 * The virtual machine control block as bytes: offsets and bits of the AMD64 Architecture
 * Programmer's Manual volume 2, appendix B, as far as the model reads or writes them.
 *
 * All fields are little-endian. A VMCB is one 4 KiB page of host memory.
 */
#ifndef CBIT_VCPU_VMCB_H
#define CBIT_VCPU_VMCB_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { CBIT_VMCB_BYTES = 4096 };

/* Control area. */
enum {
    CBIT_VMCB_INTERCEPT_CR = 0x000,         /* u32: reads 15:0, writes 31:16 */
    CBIT_VMCB_INTERCEPT_DR = 0x004,         /* u32: likewise */
    CBIT_VMCB_INTERCEPT_EXCEPTIONS = 0x008, /* u32: bit = vector */
    CBIT_VMCB_INTERCEPT_3 = 0x00c,          /* u32: bit n exits with code 60h + n */
    CBIT_VMCB_INTERCEPT_4 = 0x010,          /* u32: bit n exits with code 80h + n */
    CBIT_VMCB_IOPM_BASE = 0x040,            /* u64: not read, every port counts as marked */
    CBIT_VMCB_MSRPM_BASE = 0x048,           /* u64: not read, every MSR counts as marked */
    CBIT_VMCB_ASID = 0x058,                 /* u32 */
    CBIT_VMCB_TLB_CONTROL = 0x05c,          /* u8: CBIT_TLB_CONTROL_* */
    CBIT_VMCB_EXIT_CODE = 0x070,            /* u64 */
    CBIT_VMCB_EXIT_INFO_1 = 0x078,          /* u64 */
    CBIT_VMCB_EXIT_INFO_2 = 0x080,          /* u64 */
    CBIT_VMCB_EXIT_INT_INFO = 0x088,        /* u64: the exception whose delivery was cut short */
    CBIT_VMCB_NESTED_CONTROL = 0x090,       /* u64: CBIT_NESTED_* */
    CBIT_VMCB_GHCB = 0x0a0,                 /* u64: SEV-ES, the guest's MSR C001_0130 */
    CBIT_VMCB_NESTED_CR3 = 0x0b0,           /* u64: host physical address, C-bit allowed */
    CBIT_VMCB_NEXT_RIP = 0x0c8,             /* u64 */
    CBIT_VMCB_VMSA = 0x108,                 /* u64: SEV-ES, host physical address of the VMSA */
};

/* CBIT_VMCB_INTERCEPT_3 and _4: CBIT_INTERCEPT_BIT(code) gives the bit in the word that holds it.
   VMRUN must be intercepted, otherwise VMRUN exits with INVALID. */
#define CBIT_INTERCEPT_BIT(code) (UINT32_C(1) << ((code)&0x1f))
/* What a hypervisor normally wants: everything that the model knows an exit for. INTR CPUID INVD
   HLT INVLPGA IOIO MSR SHUTDOWN, RDPMC and RSM; VMRUN to SKINIT, WBINVD to XSETBV. */
#define CBIT_INTERCEPT_3_USUAL UINT32_C(0x9d4c8001)
#define CBIT_INTERCEPT_4_USUAL UINT32_C(0x00002e7f)

enum {
    CBIT_TLB_CONTROL_NOTHING = 0,
    CBIT_TLB_CONTROL_FLUSH_ALL = 1,
    CBIT_TLB_CONTROL_FLUSH_ASID = 3,
    CBIT_TLB_CONTROL_FLUSH_ASID_NON_GLOBAL = 7,
};

enum {
    CBIT_NESTED_PAGING = 1 << 0, /* required */
    CBIT_NESTED_SEV = 1 << 1,
    CBIT_NESTED_SEV_ES = 1 << 2, /* needs CBIT_NESTED_SEV; state is in the VMSA (vmsa.h) */
};

/* State save area (offsets from the start of the page). A segment is selector u16, attributes u16,
   limit u32, base u64; GDTR and IDTR use limit and base only. */
enum {
    CBIT_VMCB_SAVE = 0x400,
    CBIT_VMCB_ES = 0x400,
    CBIT_VMCB_CS = 0x410,
    CBIT_VMCB_SS = 0x420,
    CBIT_VMCB_DS = 0x430,
    CBIT_VMCB_FS = 0x440,
    CBIT_VMCB_GS = 0x450,
    CBIT_VMCB_GDTR = 0x460,
    CBIT_VMCB_LDTR = 0x470,
    CBIT_VMCB_IDTR = 0x480,
    CBIT_VMCB_TR = 0x490,
    CBIT_VMCB_CPL = 0x4cb,  /* u8 */
    CBIT_VMCB_EFER = 0x4d0, /* u64 from here on */
    CBIT_VMCB_CR4 = 0x548,
    CBIT_VMCB_CR3 = 0x550,
    CBIT_VMCB_CR0 = 0x558,
    CBIT_VMCB_DR7 = 0x560,
    CBIT_VMCB_DR6 = 0x568,
    CBIT_VMCB_RFLAGS = 0x570,
    CBIT_VMCB_RIP = 0x578,
    CBIT_VMCB_RSP = 0x5d8,
    CBIT_VMCB_RAX = 0x5f8,
    CBIT_VMCB_CR2 = 0x640,
    CBIT_VMCB_G_PAT = 0x668,

    CBIT_VMCB_SEGMENT_SELECTOR = 0,
    CBIT_VMCB_SEGMENT_ATTRIBUTES = 2, /* descriptor bits 47:40 and 55:52, packed into 12 bits */
    CBIT_VMCB_SEGMENT_LIMIT = 4,
    CBIT_VMCB_SEGMENT_BASE = 8,
};

/* Bits of the control registers. */
#define CBIT_CR0_PE    UINT64_C(0x1)
#define CBIT_CR0_NW    UINT64_C(0x20000000)
#define CBIT_CR0_CD    UINT64_C(0x40000000)
#define CBIT_CR0_PG    UINT64_C(0x80000000)
#define CBIT_CR0_WP    UINT64_C(0x00010000)
#define CBIT_CR4_PAE   UINT64_C(0x20)
#define CBIT_EFER_LME  UINT64_C(0x100)
#define CBIT_EFER_LMA  UINT64_C(0x400)
#define CBIT_EFER_NXE  UINT64_C(0x800)
#define CBIT_EFER_SVME UINT64_C(0x1000) /* must be set in the guest's EFER */

/* Page-table entries, guest and nested. */
#define CBIT_PTE_P       UINT64_C(0x1)
#define CBIT_PTE_W       UINT64_C(0x2)
#define CBIT_PTE_U       UINT64_C(0x4)
#define CBIT_PTE_A       UINT64_C(0x20)
#define CBIT_PTE_D       UINT64_C(0x40) /* of leaves */
#define CBIT_PTE_PS      UINT64_C(0x80)
#define CBIT_PTE_NX      (UINT64_C(1) << 63)
#define CBIT_PTE_ADDRESS UINT64_C(0x000ffffffffff000) /* C-bit included */

/* #PF and NPF error codes; NPF adds where the nested walk failed. */
#define CBIT_PF_P      UINT64_C(0x1)
#define CBIT_PF_W      UINT64_C(0x2)
#define CBIT_PF_U      UINT64_C(0x4)
#define CBIT_PF_RSVD   UINT64_C(0x8)
#define CBIT_PF_I      UINT64_C(0x10)
#define CBIT_NPF_FINAL (UINT64_C(1) << 32) /* translating the guest's final address */
#define CBIT_NPF_TABLE (UINT64_C(1) << 33) /* translating the address of a guest page table */

#ifdef __cplusplus
}
#endif
#endif
