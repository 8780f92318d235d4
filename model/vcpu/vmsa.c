#include "model/vcpu/vmsa.h"

#include <stddef.h>

#include "cbit/vcpu/vmsa.h"

enum {
    VMSA_LINES = CBIT_VMSA_BYTES / CBIT_LINE_BYTES,
    STATE_LINES = CBIT_VMSA_STATE_BYTES / CBIT_LINE_BYTES,
};

/* Four bits at a time, as of the reversed polynomial edb88320. */
uint32_t cbit_vmsa_checksum(const uint8_t vmsa[CBIT_VMSA_BYTES])
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t sum = UINT32_MAX;
    for (uint32_t i = 0; i < CBIT_VMSA_BYTES; i++) {
        sum ^= vmsa[i];
        sum = sum >> 4 ^ table[sum & 15];
        sum = sum >> 4 ^ table[sum & 15];
    }
    return ~sum;
}

static cbit_spa_t record_spa(const cbit_vcpu_t *vcpu)
{
    return cbit_le_get(vcpu->vmsa + CBIT_VMSA_RECORD, 8);
}

static bool usable(const cbit_vcpu_t *vcpu, uint32_t asid)
{
    return vcpu->vmsa_spa % CBIT_VMSA_BYTES == 0 && asid != 0 && asid <= CBIT_KEY_ASID_MAX &&
           vcpu->asid_valid[asid];
}

cbit_step_t cbit_vmsa_read(cbit_vcpu_t *vcpu, cbit_spa_t spa, uint32_t asid)
{
    vcpu->vmsa_spa = spa;
    vcpu->vmsa_good = false;
    if (!usable(vcpu, asid)) {
        return STEP_DONE;
    }
    while (vcpu->vmsa_at < VMSA_LINES) {
        uint32_t offset = vcpu->vmsa_at * CBIT_LINE_BYTES;
        const cbit_target_t target = {.spa = spa + offset, .key = (cbit_key_t)asid};
        cbit_step_t step = cbit_vcpu_access(vcpu, CBIT_COMMAND_READ, target, CBIT_SOURCE_HOST,
                                            vcpu->vmsa + offset, CBIT_LINE_BYTES);
        if (step != STEP_DONE) {
            return step == STEP_WAIT ? step : STEP_DONE;
        }
        vcpu->vmsa_at++;
    }
    if (record_spa(vcpu) % CBIT_LINE_BYTES != 0) {
        return STEP_DONE;
    }
    uint8_t record[CBIT_VMSA_RECORD_BYTES];
    const cbit_target_t target = {.spa = record_spa(vcpu), .key = CBIT_KEY_PLAIN};
    cbit_step_t step =
        cbit_vcpu_access(vcpu, CBIT_COMMAND_READ, target, CBIT_SOURCE_HOST, record, sizeof record);
    if (step == STEP_WAIT) {
        return step;
    }
    vcpu->vmsa_good =
        step == STEP_DONE && cbit_le_get(record + CBIT_VMSA_RECORD_VALID, 4) == 1 &&
        cbit_le_get(record + CBIT_VMSA_RECORD_CHECKSUM, 4) == cbit_vmsa_checksum(vcpu->vmsa);
    return STEP_DONE;
}

/* All that holds state goes out, changed or not, and the record after it. */
cbit_step_t cbit_vmsa_write(cbit_vcpu_t *vcpu)
{
    while (vcpu->vmsa_at < STATE_LINES) {
        uint32_t offset = vcpu->vmsa_at * CBIT_LINE_BYTES;
        const cbit_target_t target = {.spa = vcpu->vmsa_spa + offset,
                                      .key = (cbit_key_t)vcpu->guest.asid};
        if (cbit_vcpu_access(vcpu, CBIT_COMMAND_WRITE, target, CBIT_SOURCE_HOST,
                             vcpu->vmsa + offset, CBIT_LINE_BYTES) == STEP_WAIT) {
            return STEP_WAIT;
        }
        vcpu->vmsa_at++;
    }
    if (vcpu->vmsa_at == STATE_LINES) {
        uint8_t record[CBIT_VMSA_RECORD_BYTES];
        cbit_le_put(record + CBIT_VMSA_RECORD_CHECKSUM, cbit_vmsa_checksum(vcpu->vmsa), 4);
        cbit_le_put(record + CBIT_VMSA_RECORD_VALID, 1, 4);
        const cbit_target_t target = {.spa = record_spa(vcpu), .key = CBIT_KEY_PLAIN};
        if (cbit_vcpu_access(vcpu, CBIT_COMMAND_WRITE, target, CBIT_SOURCE_HOST, record,
                             sizeof record) == STEP_WAIT) {
            return STEP_WAIT;
        }
        vcpu->vmsa_at++;
    }
    return STEP_DONE;
}

/* By the number that instructions encode; 0: where a VMCB has it. */
static const uint16_t register_offsets[16] = {
    0,
    CBIT_VMSA_RCX,
    CBIT_VMSA_RDX,
    CBIT_VMSA_RBX,
    0,
    CBIT_VMSA_RBP,
    CBIT_VMSA_RSI,
    CBIT_VMSA_RDI,
    CBIT_VMSA_R8,
    CBIT_VMSA_R8 + 8,
    CBIT_VMSA_R8 + 16,
    CBIT_VMSA_R8 + 24,
    CBIT_VMSA_R8 + 32,
    CBIT_VMSA_R8 + 40,
    CBIT_VMSA_R8 + 48,
    CBIT_VMSA_R8 + 56,
};

void cbit_vmsa_load_registers(cbit_vcpu_t *vcpu)
{
    for (uint32_t i = 0; i < 16; i++) {
        if (register_offsets[i] != 0) {
            vcpu->guest.gpr[i] = cbit_le_get(vcpu->vmsa + register_offsets[i], 8);
        }
    }
}

void cbit_vmsa_store_registers(cbit_vcpu_t *vcpu)
{
    for (uint32_t i = 0; i < 16; i++) {
        if (register_offsets[i] != 0) {
            cbit_le_put(vcpu->vmsa + register_offsets[i], vcpu->guest.gpr[i], 8);
        }
    }
}

bool cbit_exit_is_automatic(int32_t reason, uint64_t info1)
{
    switch (reason) {
    case CBIT_EXIT_EXCP_MC:
    case CBIT_EXIT_INTR:
    case CBIT_EXIT_PAUSE:
    case CBIT_EXIT_HLT:
    case CBIT_EXIT_SHUTDOWN:
    case CBIT_EXIT_VMGEXIT:
    case CBIT_EXIT_INVALID:
    case CBIT_EXIT_BUDGET: /* the end of what is known, no event of the machine */
        return true;
    case CBIT_EXIT_NPF: /* a reserved bit in the nested entry: a device's registers */
        return (info1 & CBIT_PF_RSVD) == 0;
    default:
        return false;
    }
}
