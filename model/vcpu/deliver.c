/*
 * Exceptions: intercepted, or through the guest's IDT. One that cannot be delivered becomes another
 * one, a double fault, or SHUTDOWN, by APM volume 2, 8.2.9.
 */
#include <string.h>

#include "model/vcpu/core.h"

enum {
    GATE_INTERRUPT = 0xe,
    GATE_TRAP = 0xf,
    FRAME_BYTES_LONG = 48, /* SS RSP RFLAGS CS RIP and an error code */
    FRAME_BYTES_LEGACY = 16,
};

static bool long_mode(const cbit_vcpu_t *vcpu)
{
    return (vcpu->guest.efer & CBIT_EFER_LMA) != 0;
}

static bool contributory(uint32_t vector)
{
    return vector == VECTOR_DE || (vector >= 10 && vector <= VECTOR_GP);
}

void cbit_vcpu_raise(cbit_vcpu_t *vcpu, uint32_t vector, uint64_t error, uint64_t address)
{
    if (vector == VECTOR_PF) {
        vcpu->guest.cr2 = address;
    }
    bool software = vector >= VECTOR_SOFTWARE;
    vector &= VECTOR_SOFTWARE - 1U;
    if (!software && cbit_vcpu_intercepted(vcpu, (int32_t)(0x40 + vector))) {
        cbit_vcpu_exit(vcpu, (int32_t)(0x40 + vector), error, vector == VECTOR_PF ? address : 0);
        return;
    }
    vcpu->delivering = (cbit_fault_t){.vector = vector, .error = error, .address = address};
    vcpu->deliver_at = 0;
    vcpu->op_begun = false;
    vcpu->issued = false;
    vcpu->mode = MODE_DELIVER;
}

/* A second exception while the first one was being delivered. */
static void escalate(cbit_vcpu_t *vcpu, uint32_t vector, uint64_t error, uint64_t address)
{
    uint32_t first = vcpu->delivering.vector;
    if (first == VECTOR_DF || first == VECTOR_MC) {
        cbit_vcpu_exit(vcpu, CBIT_EXIT_SHUTDOWN, 0, 0);
        return;
    }
    bool twice = (contributory(first) && contributory(vector)) ||
                 (first == VECTOR_PF && (contributory(vector) || vector == VECTOR_PF));
    if (twice) {
        cbit_vcpu_raise(vcpu, VECTOR_DF, 0, 0);
    } else {
        cbit_vcpu_raise(vcpu, vector, error, address);
    }
}

/* EXITINTINFO: what was being delivered when the exit came. */
static uint64_t event_word(const cbit_fault_t *fault)
{
    bool has_error = fault->vector == VECTOR_DF || fault->vector == VECTOR_PF ||
                     (fault->vector >= 10 && fault->vector <= VECTOR_GP);
    return UINT64_C(1) << 31 | (has_error ? 1U << 11 : 0U) | 3U << 8 | fault->vector |
           fault->error << 32;
}

void cbit_vcpu_take_fault(cbit_vcpu_t *vcpu)
{
    const cbit_fault_t fault = vcpu->fault;
    bool delivering = vcpu->mode == MODE_DELIVER;
    if (fault.vector == VECTOR_NPF) {
        vcpu->exit_int_info = delivering ? event_word(&vcpu->delivering) : 0;
        cbit_vcpu_exit(vcpu, CBIT_EXIT_NPF, fault.error, fault.address);
    } else if (delivering) {
        escalate(vcpu, fault.vector, fault.error, fault.address);
    } else {
        cbit_vcpu_raise(vcpu, fault.vector, fault.error, fault.address);
    }
}

/* A fault whose error code names the gate. */
static void gate_fault(cbit_vcpu_t *vcpu, uint32_t vector)
{
    vcpu->fault =
        (cbit_fault_t){.vector = vector, .error = (uint64_t)vcpu->delivering.vector << 3 | 2};
    cbit_vcpu_take_fault(vcpu);
}

static bool gate_usable(cbit_vcpu_t *vcpu)
{
    uint8_t type = vcpu->gate[5] & 0x1f;
    if (type != GATE_INTERRUPT && type != GATE_TRAP) {
        gate_fault(vcpu, VECTOR_GP);
        return false;
    }
    if ((vcpu->gate[5] & 0x80) == 0) {
        gate_fault(vcpu, VECTOR_NP);
        return false;
    }
    uint64_t selector = (uint64_t)vcpu->gate[3] << 8 | vcpu->gate[2];
    if ((selector & ~UINT64_C(3)) == 0 || selector + 7 > vcpu->guest.gdtr.limit) {
        gate_fault(vcpu, VECTOR_GP);
        return false;
    }
    return true;
}

/*
 * Reads the gate, looks at the handler's code segment as far as the descriptor table's limit, and
 * finds the stack writable. A delivered exception ends the recording's word on what comes next:
 * the handler is not part of it, and the run ends with BUDGET, the vector in info1.
 */
cbit_step_t cbit_vcpu_deliver(cbit_vcpu_t *vcpu)
{
    uint32_t size = long_mode(vcpu) ? 16 : 8;
    uint64_t offset = (uint64_t)vcpu->delivering.vector * size;
    if (vcpu->deliver_at == 0 && offset + size - 1 > vcpu->guest.idtr.limit) {
        gate_fault(vcpu, VECTOR_GP);
        return STEP_DONE;
    }
    cbit_step_t step;
    while (vcpu->deliver_at < size) {
        uint32_t len = size - vcpu->deliver_at;
        step = cbit_vcpu_read_piece(vcpu, vcpu->guest.idtr.base + offset + vcpu->deliver_at,
                                    INTENT_READ, vcpu->gate + vcpu->deliver_at, &len);
        if (step == STEP_FAULT) {
            cbit_vcpu_take_fault(vcpu);
            return STEP_DONE;
        }
        if (step == STEP_WAIT) {
            return step;
        }
        vcpu->deliver_at += len;
        if (vcpu->deliver_at == size && !gate_usable(vcpu)) {
            return STEP_DONE;
        }
    }
    uint64_t frame = long_mode(vcpu) ? FRAME_BYTES_LONG : FRAME_BYTES_LEGACY;
    cbit_target_t stack;
    step = cbit_vcpu_translate(vcpu, (vcpu->guest.gpr[GPR_RSP] & ~UINT64_C(15)) - frame,
                               INTENT_WRITE, &stack);
    if (step == STEP_FAULT) {
        cbit_vcpu_take_fault(vcpu);
        return STEP_DONE;
    }
    if (step == STEP_DONE) {
        cbit_vcpu_exit(vcpu, CBIT_EXIT_BUDGET, vcpu->delivering.vector, 0);
    }
    return step;
}
