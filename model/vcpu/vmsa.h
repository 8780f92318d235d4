/* SEV-ES: the VMSA's way in and out, and which exits the hypervisor gets to see. Private to
   model/vcpu. */
#ifndef CBIT_MODEL_VCPU_VMSA_H
#define CBIT_MODEL_VCPU_VMSA_H

#include "model/vcpu/core.h"

static inline uint64_t cbit_le_get(const uint8_t *bytes, uint32_t len)
{
    uint64_t value = 0;
    for (uint32_t i = len; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static inline void cbit_le_put(uint8_t *bytes, uint64_t value, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++, value >>= 8) {
        bytes[i] = (uint8_t)value;
    }
}

/* Reads the VMSA at spa under an ASID's key, and its record. DONE: vcpu->vmsa_good says whether it
   may be used. From vmsa_at = 0 on. */
cbit_step_t cbit_vmsa_read(cbit_vcpu_t *vcpu, cbit_spa_t spa, uint32_t asid);
/* Writes it back with a new record. */
cbit_step_t cbit_vmsa_write(cbit_vcpu_t *vcpu);

/* The general registers that only a VMSA has. */
void cbit_vmsa_load_registers(cbit_vcpu_t *vcpu);
void cbit_vmsa_store_registers(cbit_vcpu_t *vcpu);

/* True for the exits of an SEV-ES guest that reach the hypervisor at once (APM volume 2, 15.35.4);
   the others are the guest's to make known, after #VC. */
bool cbit_exit_is_automatic(int32_t reason, uint64_t info1);

#endif
