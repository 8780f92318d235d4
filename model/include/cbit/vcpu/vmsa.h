/**
 * @file
 * The save area of an SEV-ES guest: the whole of a vCPU's registers, encrypted under the guest's
 * key. Offsets of the AMD64 Architecture Programmer's Manual volume 2, appendix B, table B-4.
 *
 * Up to 300h it is laid out as the state save area of a VMCB: the VMSA's offset of a field is
 * CBIT_VMCB_* - CBIT_VMCB_SAVE.
 *
 * A VMSA has a record in the Secure Processor's trusted memory, which the firmware makes
 * (LAUNCH_UPDATE_VMSA) and every #VMEXIT renews: a checksum of its 4096 bytes. VMRUN exits with
 * INVALID when it does not match. Where the real VMSA keeps the record's address and what the
 * checksum is, is not public: the page's last quadword and CRC-32 (IEEE 802.3) stand in.
 */
#ifndef CBIT_VCPU_VMSA_H
#define CBIT_VCPU_VMSA_H

#include <stdint.h>

#include "cbit/vcpu/vmcb.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_VMSA_BYTES = 4096,
    CBIT_VMSA_RCX = 0x308, /* u64 from here on; RAX and RSP are where a VMCB has them */
    CBIT_VMSA_RDX = 0x310,
    CBIT_VMSA_RBX = 0x318,
    CBIT_VMSA_RBP = 0x328,
    CBIT_VMSA_RSI = 0x330,
    CBIT_VMSA_RDI = 0x338,
    CBIT_VMSA_R8 = 0x340, /* to R15, one after the other */
    CBIT_VMSA_SEV_FEATURES = 0x3b0,
    CBIT_VMSA_XCR0 = 0x3e8,
    CBIT_VMSA_STATE_BYTES = 0x680, /* registers, x87 and vectors included; zero from here on */
    CBIT_VMSA_RECORD = 0xff8,      /* u64: the record's system physical address */
};

/* The record: u32 checksum, u32 valid (1), in a line of its own, not encrypted. */
enum {
    CBIT_VMSA_RECORD_CHECKSUM = 0,
    CBIT_VMSA_RECORD_VALID = 4,
    CBIT_VMSA_RECORD_BYTES = 8,
};

/* The checksum that a record holds of a VMSA. */
uint32_t cbit_vmsa_checksum(const uint8_t vmsa[CBIT_VMSA_BYTES]);

#ifdef __cplusplus
}
#endif
#endif
