/*
 * Exceptions: intercepted, or through the guest's IDT. One that cannot be delivered becomes another
 * one, a double fault, or SHUTDOWN, by APM volume 2, 8.2.9.
 */
#include <string.h>

#include "model/vcpu/core.h"
#include "model/vcpu/vmsa.h"

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
    /* #VC stands for exits that the hypervisor must not see: it cannot have it either. */
    bool hidden = vcpu->guest.es && vector == VECTOR_VC;
    if (!software && !hidden && cbit_vcpu_intercepted(vcpu, (int32_t)(0x40 + vector))) {
        cbit_vcpu_leave(vcpu, (int32_t)(0x40 + vector), error, vector == VECTOR_PF ? address : 0);
        return;
    }
    vcpu->delivering = (cbit_fault_t){.vector = vector, .error = error, .address = address};
    vcpu->deliver_at = 0;
    vcpu->frame_at = 0;
    vcpu->vc_op = NULL;
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
                     fault->vector == VECTOR_VC ||
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
        cbit_vcpu_leave(vcpu, CBIT_EXIT_NPF, fault.error, fault.address);
    } else if (delivering) {
        escalate(vcpu, fault.vector, fault.error, fault.address);
    } else {
        cbit_vcpu_raise(vcpu, fault.vector, fault.error, fault.address);
    }
}

/* A fault whose error code names the gate. */
static cbit_step_t gate_fault(cbit_vcpu_t *vcpu, uint32_t vector)
{
    vcpu->fault =
        (cbit_fault_t){.vector = vector, .error = (uint64_t)vcpu->delivering.vector << 3 | 2};
    return STEP_FAULT;
}

static cbit_step_t check_gate(cbit_vcpu_t *vcpu)
{
    uint8_t type = vcpu->gate[5] & 0x1f;
    if (type != GATE_INTERRUPT && type != GATE_TRAP) {
        return gate_fault(vcpu, VECTOR_GP);
    }
    if ((vcpu->gate[5] & 0x80) == 0) {
        return gate_fault(vcpu, VECTOR_NP);
    }
    uint64_t selector = (uint64_t)vcpu->gate[3] << 8 | vcpu->gate[2];
    if ((selector & ~UINT64_C(3)) == 0 || selector + 7 > vcpu->guest.gdtr.limit) {
        return gate_fault(vcpu, VECTOR_GP);
    }
    return STEP_DONE;
}

static cbit_step_t read_gate(cbit_vcpu_t *vcpu)
{
    uint32_t size = long_mode(vcpu) ? 16 : 8;
    uint64_t offset = (uint64_t)vcpu->delivering.vector * size;
    if (vcpu->deliver_at == 0 && offset + size - 1 > vcpu->guest.idtr.limit) {
        return gate_fault(vcpu, VECTOR_GP);
    }
    while (vcpu->deliver_at < size) {
        uint32_t len = size - vcpu->deliver_at;
        cbit_step_t step =
            cbit_vcpu_read_piece(vcpu, vcpu->guest.idtr.base + offset + vcpu->deliver_at,
                                 INTENT_READ, vcpu->gate + vcpu->deliver_at, &len);
        if (step != STEP_DONE) {
            return step;
        }
        vcpu->deliver_at += len;
    }
    return check_gate(vcpu);
}

/* SS RSP RFLAGS CS RIP and the error code, as long mode pushes them. */
static cbit_step_t write_frame(cbit_vcpu_t *vcpu, cbit_gva_t top_gva)
{
    const cbit_guest_state_t *guest = &vcpu->guest;
    const uint64_t words[FRAME_BYTES_LONG / 8] = {vcpu->delivering.error, guest->rip,
                                                  guest->cs.selector,     guest->rflags,
                                                  guest->gpr[GPR_RSP],    guest->ss.selector};
    while (vcpu->frame_at < FRAME_BYTES_LONG) {
        cbit_target_t stack;
        cbit_step_t step =
            cbit_vcpu_translate(vcpu, top_gva + vcpu->frame_at, INTENT_WRITE, &stack);
        if (step == STEP_DONE) {
            uint8_t bytes[8];
            cbit_le_put(bytes, words[vcpu->frame_at / 8], sizeof bytes);
            step = cbit_vcpu_access(vcpu, CBIT_COMMAND_WRITE, stack, CBIT_SOURCE_VCPU, bytes,
                                    sizeof bytes);
        }
        if (step != STEP_DONE) {
            return step;
        }
        vcpu->frame_at += 8;
    }
    return STEP_DONE;
}

/* The program's own handler goes on; true if it has one. */
static bool hand_over(cbit_vcpu_t *vcpu)
{
    const cbit_op_t *op = vcpu->vc_op;
    const cbit_program_t *program = &vcpu->context->program;
    if (op == NULL || program->on_vc == NULL) {
        return false;
    }
    vcpu->vc_op = NULL;
    cbit_vcpu_op_done(vcpu);
    vcpu->mode = MODE_RUN;
    vcpu->n++;
    return program->on_vc(program->self, op, vcpu->delivering.error);
}

/*
 * Reads the gate, looks at the handler's code segment as far as the descriptor table's limit, and
 * writes the frame, or (nobody will read it) finds the stack writable. A delivered exception ends
 * the recording's word on what comes next: a handler is part of it only for #VC (on_vc); else the
 * run ends with BUDGET, the vector in info1.
 */
cbit_step_t cbit_vcpu_deliver(cbit_vcpu_t *vcpu)
{
    cbit_step_t step = read_gate(vcpu);
    if (step == STEP_DONE) {
        uint64_t frame = long_mode(vcpu) ? FRAME_BYTES_LONG : FRAME_BYTES_LEGACY;
        cbit_gva_t top_gva = (vcpu->guest.gpr[GPR_RSP] & ~UINT64_C(15)) - frame;
        cbit_target_t stack;
        step = vcpu->vc_op != NULL && long_mode(vcpu)
                   ? write_frame(vcpu, top_gva)
                   : cbit_vcpu_translate(vcpu, top_gva, INTENT_WRITE, &stack);
    }
    if (step == STEP_FAULT) {
        cbit_vcpu_take_fault(vcpu);
        return STEP_DONE;
    }
    if (step == STEP_DONE && !hand_over(vcpu)) {
        cbit_vcpu_exit(vcpu, CBIT_EXIT_BUDGET, vcpu->delivering.vector, 0);
    }
    return step;
}
