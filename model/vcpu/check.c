/*
 * The instruction check: what the processor does with bytes that are not the recorded ones.
 *
 * Decodes from RIP on; an instruction is refused (#UD, #GP, #NM), exits if the hypervisor wanted
 * that, or runs as far as the rule goes: its memory operands are translated and read, nothing is
 * written, registers that it writes become unknown but for the stack pointer, branches set RIP.
 * What depends on an unknown register or flag takes a seeded random value.
 */
#include <string.h>

#include <Zydis/Zydis.h>

#include "model/vcpu/core.h"
#include "model/vcpu/instructions.h"

enum { MAX_INSTRUCTIONS = 64, MAX_INSTRUCTION_BYTES = 15 };

typedef struct decoded {
    ZydisDecodedInstruction in;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
} decoded_t;

static bool is_64_bit(const cbit_vcpu_t *vcpu)
{
    return (vcpu->guest.efer & CBIT_EFER_LMA) != 0 && (vcpu->guest.cs.attributes & CS_LONG) != 0;
}

static void next_instruction(cbit_vcpu_t *vcpu)
{
    cbit_check_t *check = &vcpu->check;
    uint32_t count = check->count;
    memset(check, 0, sizeof *check);
    check->count = count;
}

void cbit_vcpu_check_begin(cbit_vcpu_t *vcpu)
{
    memset(&vcpu->check, 0, sizeof vcpu->check);
    vcpu->issued = false;
    vcpu->mode = MODE_CHECK;
}

/* ---- registers ---- */

static int gpr_index(const cbit_vcpu_t *vcpu, ZydisRegister reg)
{
    ZydisMachineMode mode =
        is_64_bit(vcpu) ? ZYDIS_MACHINE_MODE_LONG_64 : ZYDIS_MACHINE_MODE_LEGACY_32;
    ZydisRegister whole = ZydisRegisterGetLargestEnclosing(mode, reg);
    ZydisRegisterClass class = ZydisRegisterGetClass(whole);
    return class == ZYDIS_REGCLASS_GPR64 || class == ZYDIS_REGCLASS_GPR32
               ? ZydisRegisterGetId(whole)
               : -1;
}

static bool known(const cbit_vcpu_t *vcpu, int gpr)
{
    return gpr >= 0 && (vcpu->guest.gpr_known >> gpr & 1) != 0;
}

/* The value of a register of any width; a random one if it is unknown. */
static uint64_t value_of(cbit_vcpu_t *vcpu, ZydisRegister reg)
{
    int gpr = gpr_index(vcpu, reg);
    uint64_t value = known(vcpu, gpr) ? vcpu->guest.gpr[gpr] : cbit_rng_u64(&vcpu->rng);
    switch (ZydisRegisterGetClass(reg)) {
    case ZYDIS_REGCLASS_GPR16:
        return value & 0xffff;
    case ZYDIS_REGCLASS_GPR32:
        return value & 0xffffffff;
    default:
        return value;
    }
}

static uint64_t width_mask(uint32_t bits)
{
    return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

/* ---- decoding ---- */

static ZyanStatus decode(const cbit_vcpu_t *vcpu, decoded_t *decoded)
{
    ZydisDecoder decoder;
    if (is_64_bit(vcpu)) {
        ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    } else {
        ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    }
    return ZydisDecoderDecodeFull(&decoder, vcpu->check.bytes, vcpu->check.have, &decoded->in,
                                  decoded->operands);
}

/* Fetches until the bytes at RIP are a whole instruction, or none. */
static cbit_step_t fetch(cbit_vcpu_t *vcpu, decoded_t *decoded)
{
    cbit_check_t *check = &vcpu->check;
    for (;;) {
        ZyanStatus status = check->have == 0 ? ZYDIS_STATUS_NO_MORE_DATA : decode(vcpu, decoded);
        if (ZYAN_SUCCESS(status)) {
            return STEP_DONE;
        }
        if (status != ZYDIS_STATUS_NO_MORE_DATA || check->have == MAX_INSTRUCTION_BYTES) {
            /* Longer than 15 bytes is #GP, anything else that does not decode is #UD. */
            bool too_long =
                status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG || status == ZYDIS_STATUS_NO_MORE_DATA;
            vcpu->fault = (cbit_fault_t){.vector = too_long ? VECTOR_GP : VECTOR_UD};
            return STEP_FAULT;
        }
        uint32_t len = MAX_INSTRUCTION_BYTES - check->have;
        uint64_t gva = vcpu->guest.rip + check->have;
        cbit_step_t step = cbit_vcpu_read_piece(vcpu, is_64_bit(vcpu) ? gva : gva & UINT32_MAX,
                                                INTENT_FETCH, check->bytes + check->have, &len);
        if (step != STEP_DONE) {
            return step;
        }
        check->have += len;
    }
}

/* ---- may it execute? ---- */

static cbit_step_t refuse(cbit_vcpu_t *vcpu, uint32_t vector)
{
    vcpu->fault = (cbit_fault_t){.vector = vector};
    return STEP_FAULT;
}

/* The exit code of MOV to and from control and debug registers, or -1. */
static int32_t control_register_code(const decoded_t *decoded)
{
    for (uint32_t i = 0; i < 2 && i < decoded->in.operand_count_visible; i++) {
        if (decoded->operands[i].type != ZYDIS_OPERAND_TYPE_REGISTER) {
            continue;
        }
        ZydisRegister reg = decoded->operands[i].reg.value;
        ZydisRegisterClass class = ZydisRegisterGetClass(reg);
        int32_t number = ZydisRegisterGetId(reg) + (i == 0 ? 0x10 : 0);
        if (class == ZYDIS_REGCLASS_CONTROL) {
            return number;
        }
        if (class == ZYDIS_REGCLASS_DEBUG) {
            return 0x20 + number;
        }
    }
    return -1;
}

/* EXITINFO1 of IOIO (APM volume 2, 15.10.2): direction, string, repeat, width, port. */
static uint64_t port_information(cbit_vcpu_t *vcpu, const decoded_t *decoded)
{
    const ZydisDecodedInstruction *in = &decoded->in;
    bool string = in->mnemonic == ZYDIS_MNEMONIC_INSB || in->mnemonic == ZYDIS_MNEMONIC_INSW ||
                  in->mnemonic == ZYDIS_MNEMONIC_INSD || in->mnemonic == ZYDIS_MNEMONIC_OUTSB ||
                  in->mnemonic == ZYDIS_MNEMONIC_OUTSW || in->mnemonic == ZYDIS_MNEMONIC_OUTSD;
    bool input = in->meta.category == ZYDIS_CATEGORY_IO
                     ? in->mnemonic == ZYDIS_MNEMONIC_IN
                     : in->mnemonic == ZYDIS_MNEMONIC_INSB || in->mnemonic == ZYDIS_MNEMONIC_INSW ||
                           in->mnemonic == ZYDIS_MNEMONIC_INSD;
    uint64_t port = 0;
    uint32_t width = 8;
    for (uint32_t i = 0; i < in->operand_count; i++) {
        const ZydisDecodedOperand *operand = &decoded->operands[i];
        if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
            port = operand->imm.value.u & 0xff;
        } else if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
                   operand->reg.value == ZYDIS_REGISTER_DX) {
            port = value_of(vcpu, ZYDIS_REGISTER_DX);
        } else if (i < 2) {
            width = operand->size;
        }
    }
    bool repeated = (in->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE)) != 0;
    return (input ? 1U : 0U) | (string ? 4U : 0U) | (repeated ? 8U : 0U) | width / 8 << 4 |
           port << 16;
}

static bool exits(cbit_vcpu_t *vcpu, int32_t code, const decoded_t *decoded)
{
    if (!cbit_vcpu_intercepted(vcpu, code)) {
        return false;
    }
    uint64_t next = vcpu->guest.rip + decoded->in.length;
    uint64_t info1 = 0, info2 = 0;
    if (code == CBIT_EXIT_IOIO) {
        info1 = port_information(vcpu, decoded);
        info2 = next;
    } else if (code == CBIT_EXIT_MSR) {
        info1 = decoded->in.mnemonic == ZYDIS_MNEMONIC_WRMSR;
    }
    cbit_vcpu_leave(vcpu, code, info1, info2);
    vcpu->next_rip = next;
    return true;
}

/* Exceptions that come before anything else, then exits, then those of instructions that only a
   hypervisor could have made work. DONE: it may execute. WAIT: it exits. */
static cbit_step_t admit(cbit_vcpu_t *vcpu, const decoded_t *decoded)
{
    const ZydisDecodedInstruction *in = &decoded->in;
    const cbit_guest_state_t *guest = &vcpu->guest;
    int32_t fault = cbit_instruction_fault(in, guest->cr0, guest->cr4);
    if (fault >= 0) {
        return refuse(vcpu, (uint32_t)fault);
    }
    const cbit_instruction_t *row = cbit_instruction_find(in->mnemonic);
    bool privileged = (in->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) != 0;
    bool by_iopl = row != NULL && (row->flags & INSTRUCTION_IOPL) != 0;
    if ((privileged && guest->cpl != 0) || (by_iopl && guest->cpl > (guest->rflags >> 12 & 3))) {
        return refuse(vcpu, VECTOR_GP);
    }
    int32_t code = row != NULL && row->exit_code >= 0 ? row->exit_code : -1;
    if (in->mnemonic == ZYDIS_MNEMONIC_MOV) {
        code = control_register_code(decoded);
    }
    if (code >= 0 && exits(vcpu, code, decoded)) {
        return STEP_WAIT;
    }
    if (row != NULL && row->vector >= 0) {
        return refuse(vcpu, (uint32_t)row->vector);
    }
    if (in->mnemonic == ZYDIS_MNEMONIC_INT) {
        return refuse(vcpu, VECTOR_SOFTWARE + ((uint32_t)decoded->operands[0].imm.value.u & 0xff));
    }
    if (in->mnemonic == ZYDIS_MNEMONIC_HLT) {
        cbit_vcpu_exit(vcpu, CBIT_EXIT_BUDGET, 0, 0); /* nothing comes after it */
        return STEP_WAIT;
    }
    bool system_call = in->mnemonic == ZYDIS_MNEMONIC_SYSCALL;
    if (system_call && (guest->efer & 1) == 0) {
        return refuse(vcpu, VECTOR_UD);
    }
    bool far_away = in->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR && !system_call;
    return far_away ? refuse(vcpu, VECTOR_GP) : STEP_DONE; /* the selector is no descriptor */
}

/* ---- memory operands ---- */

static uint64_t segment_base(const cbit_vcpu_t *vcpu, ZydisRegister segment)
{
    const cbit_guest_state_t *guest = &vcpu->guest;
    bool wide = is_64_bit(vcpu);
    switch (segment) {
    case ZYDIS_REGISTER_FS:
        return guest->fs.base;
    case ZYDIS_REGISTER_GS:
        return guest->gs.base;
    case ZYDIS_REGISTER_CS:
        return wide ? 0 : guest->cs.base;
    case ZYDIS_REGISTER_SS:
        return wide ? 0 : guest->ss.base;
    case ZYDIS_REGISTER_ES:
        return wide ? 0 : guest->es_segment.base;
    default:
        return wide ? 0 : guest->ds.base;
    }
}

static uint64_t address_of(cbit_vcpu_t *vcpu, const ZydisDecodedInstruction *in,
                           const ZydisDecodedOperand *operand)
{
    uint64_t address = operand->mem.disp.has_displacement ? (uint64_t)operand->mem.disp.value : 0;
    ZydisRegister base = operand->mem.base, index = operand->mem.index;
    if (base == ZYDIS_REGISTER_RIP || base == ZYDIS_REGISTER_EIP) {
        address += vcpu->guest.rip + in->length;
    } else if (base != ZYDIS_REGISTER_NONE) {
        address += value_of(vcpu, base);
    }
    if (index != ZYDIS_REGISTER_NONE) {
        address += value_of(vcpu, index) * operand->mem.scale;
    }
    /* The stack pointer moves before a push is written. */
    bool on_stack =
        operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && gpr_index(vcpu, base) == GPR_RSP;
    if (on_stack && (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0) {
        address -= operand->size / 8;
    }
    address &= width_mask(in->address_width);
    address += segment_base(vcpu, operand->mem.segment);
    return is_64_bit(vcpu) ? address : address & UINT32_MAX;
}

static bool touches_memory(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
           operand->mem.type != ZYDIS_MEMOP_TYPE_AGEN &&
           operand->mem.type != ZYDIS_MEMOP_TYPE_MIB && operand->size != 0 &&
           in->meta.category != ZYDIS_CATEGORY_NOP && in->meta.category != ZYDIS_CATEGORY_WIDENOP &&
           in->meta.category != ZYDIS_CATEGORY_PREFETCH;
}

static cbit_step_t load_operand(cbit_vcpu_t *vcpu, uint32_t size)
{
    cbit_check_t *check = &vcpu->check;
    while (check->operand_at < size) {
        uint32_t len = size - check->operand_at;
        cbit_step_t step =
            cbit_vcpu_read_piece(vcpu, check->address_gva + check->operand_at, INTENT_READ,
                                 check->operand_bytes + check->operand_at, &len);
        if (step != STEP_DONE) {
            return step;
        }
        check->operand_at += len;
    }
    return STEP_DONE;
}

static cbit_step_t store_operand(cbit_vcpu_t *vcpu, uint32_t size)
{
    cbit_check_t *check = &vcpu->check;
    while (check->operand_at < size) {
        cbit_gva_t gva = check->address_gva + check->operand_at;
        cbit_target_t target;
        cbit_step_t step = cbit_vcpu_translate(vcpu, gva, INTENT_WRITE, &target);
        if (step != STEP_DONE) {
            return step;
        }
        uint32_t room = CBIT_PAGE_BYTES - (uint32_t)(gva % CBIT_PAGE_BYTES);
        check->operand_at += room < size - check->operand_at ? room : size - check->operand_at;
    }
    return STEP_DONE;
}

static cbit_step_t operands(cbit_vcpu_t *vcpu, const decoded_t *decoded)
{
    cbit_check_t *check = &vcpu->check;
    for (; check->operand < decoded->in.operand_count; check->operand++) {
        const ZydisDecodedOperand *operand = &decoded->operands[check->operand];
        if (!touches_memory(&decoded->in, operand)) {
            continue;
        }
        if (!check->address_known) {
            check->address_gva = address_of(vcpu, &decoded->in, operand);
            check->address_known = true;
            check->operand_at = 0;
        }
        uint32_t size = operand->size / 8;
        size = size == 0 ? 1 : size;
        size = size > CBIT_LINE_BYTES ? (uint32_t)CBIT_LINE_BYTES : size; /* the first line tells */
        bool writes = (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
        cbit_step_t step = writes ? store_operand(vcpu, size) : load_operand(vcpu, size);
        if (step != STEP_DONE) {
            return step;
        }
        if (!writes) {
            check->loaded = 0;
            for (uint32_t i = size < 8 ? size : 8; i-- > 0;) {
                check->loaded = check->loaded << 8 | check->operand_bytes[i];
            }
        }
        check->address_known = false;
    }
    return STEP_DONE;
}

/* ---- what it leaves behind ---- */

static bool taken(cbit_vcpu_t *vcpu, const ZydisDecodedInstruction *in)
{
    int32_t condition = cbit_instruction_condition(in->mnemonic);
    if (condition < 0 || !vcpu->guest.flags_known) {
        return (cbit_rng_u64(&vcpu->rng) & 1) != 0; /* LOOP and JRCXZ included */
    }
    return cbit_condition_holds((uint32_t)condition, vcpu->guest.rflags);
}

static uint64_t branch_target(cbit_vcpu_t *vcpu, const decoded_t *decoded, uint64_t next)
{
    const ZydisDecodedOperand *operand = &decoded->operands[0];
    if (decoded->in.meta.category == ZYDIS_CATEGORY_RET) {
        return vcpu->check.loaded;
    }
    if (decoded->in.meta.category == ZYDIS_CATEGORY_SYSCALL) {
        return (uint64_t)((int64_t)cbit_rng_u64(&vcpu->rng) >> 16); /* LSTAR is not kept */
    }
    switch (operand->type) {
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
        return next + (uint64_t)operand->imm.value.s;
    case ZYDIS_OPERAND_TYPE_REGISTER:
        return value_of(vcpu, operand->reg.value);
    default:
        return vcpu->check.loaded;
    }
}

static void forget_results(cbit_vcpu_t *vcpu, const decoded_t *decoded)
{
    cbit_guest_state_t *guest = &vcpu->guest;
    bool stack_known = known(vcpu, GPR_RSP);
    for (uint32_t i = 0; i < decoded->in.operand_count; i++) {
        const ZydisDecodedOperand *operand = &decoded->operands[i];
        if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
            (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0) {
            int gpr = gpr_index(vcpu, operand->reg.value);
            guest->gpr_known &= gpr < 0 ? UINT32_MAX : ~(1U << gpr);
        }
    }
    const ZydisAccessedFlags *flags = decoded->in.cpu_flags;
    if (flags != NULL && (flags->modified | flags->set_0 | flags->set_1 | flags->undefined) != 0) {
        guest->flags_known = false;
    }
    int32_t moved = cbit_instruction_stack_move(&decoded->in, decoded->operands);
    bool pops_itself = decoded->in.mnemonic == ZYDIS_MNEMONIC_POP &&
                       decoded->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                       gpr_index(vcpu, decoded->operands[0].reg.value) == GPR_RSP;
    if (moved != 0 && stack_known && !pops_itself) {
        guest->gpr[GPR_RSP] += (uint64_t)(int64_t)moved;
        guest->gpr[GPR_RSP] &= is_64_bit(vcpu) ? UINT64_MAX : UINT32_MAX;
        guest->gpr_known |= 1U << GPR_RSP;
    }
}

static cbit_step_t retire(cbit_vcpu_t *vcpu, const decoded_t *decoded)
{
    const ZydisDecodedInstruction *in = &decoded->in;
    uint64_t next = vcpu->guest.rip + in->length;
    bool branch =
        in->meta.category == ZYDIS_CATEGORY_UNCOND_BR || in->meta.category == ZYDIS_CATEGORY_CALL ||
        in->meta.category == ZYDIS_CATEGORY_RET || in->meta.category == ZYDIS_CATEGORY_SYSCALL ||
        (in->meta.category == ZYDIS_CATEGORY_COND_BR && taken(vcpu, in));
    uint64_t target = branch ? branch_target(vcpu, decoded, next) : next;
    target &= is_64_bit(vcpu) ? width_mask(64) : width_mask(in->operand_width == 16 ? 16 : 32);
    if (is_64_bit(vcpu) && !cbit_vcpu_canonical(target)) {
        return refuse(vcpu, VECTOR_GP);
    }
    forget_results(vcpu, decoded);
    vcpu->guest.rip = target;
    vcpu->n++;
    uint32_t count = ++vcpu->check.count;
    next_instruction(vcpu);
    if (count == MAX_INSTRUCTIONS) {
        cbit_vcpu_exit(vcpu, CBIT_EXIT_BUDGET, 0, 0);
    }
    return STEP_DONE;
}

cbit_step_t cbit_vcpu_check(cbit_vcpu_t *vcpu)
{
    if (!cbit_vcpu_may_act(vcpu)) {
        return STEP_WAIT;
    }
    decoded_t decoded;
    cbit_step_t step = fetch(vcpu, &decoded);
    if (step == STEP_DONE && !vcpu->check.admitted) {
        step = admit(vcpu, &decoded);
        vcpu->check.admitted = step == STEP_DONE;
    }
    if (step == STEP_DONE) {
        step = operands(vcpu, &decoded);
    }
    if (step == STEP_DONE) {
        step = retire(vcpu, &decoded);
    }
    if (step == STEP_FAULT) {
        cbit_vcpu_take_fault(vcpu);
        return STEP_DONE;
    }
    return step;
}
