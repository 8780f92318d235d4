/* VMRUN and VMEXIT: the VMCB's bytes to state and back. */
#include <string.h>

#include "model/vcpu/core.h"
#include "model/vcpu/vmsa.h"

static uint64_t get64(const cbit_vcpu_t *vcpu, uint32_t offset)
{
    return cbit_le_get(vcpu->vmcb + offset, 8);
}

static uint32_t get32(const cbit_vcpu_t *vcpu, uint32_t offset)
{
    return (uint32_t)cbit_le_get(vcpu->vmcb + offset, 4);
}

bool cbit_vcpu_intercepted(const cbit_vcpu_t *vcpu, int32_t code)
{
    uint32_t bit = (uint32_t)code & 0x1f;
    if (code < 0x20) { /* CR reads 0..15, writes 16..31 */
        return (get32(vcpu, CBIT_VMCB_INTERCEPT_CR) >> bit & 1) != 0;
    }
    if (code < 0x40) {
        return (get32(vcpu, CBIT_VMCB_INTERCEPT_DR) >> bit & 1) != 0;
    }
    if (code < 0x60) {
        return (get32(vcpu, CBIT_VMCB_INTERCEPT_EXCEPTIONS) >> bit & 1) != 0;
    }
    uint32_t word = code < 0x80 ? CBIT_VMCB_INTERCEPT_3 : CBIT_VMCB_INTERCEPT_4;
    return (get32(vcpu, word) >> bit & 1) != 0;
}

/* ---- VMRUN ---- */

/* The guest's saved state: in the VMCB, or in the VMSA, which begins where the VMCB's state does.
 */
static uint8_t *state(cbit_vcpu_t *vcpu, uint32_t offset)
{
    return vcpu->guest.es ? vcpu->vmsa + (offset - CBIT_VMCB_SAVE) : vcpu->vmcb + offset;
}

static uint64_t state64(cbit_vcpu_t *vcpu, uint32_t offset)
{
    return cbit_le_get(state(vcpu, offset), 8);
}

static cbit_segment_t get_segment(cbit_vcpu_t *vcpu, uint32_t offset)
{
    const uint8_t *at = state(vcpu, offset);
    return (cbit_segment_t){
        .selector = (uint16_t)cbit_le_get(at + CBIT_VMCB_SEGMENT_SELECTOR, 2),
        .attributes = (uint16_t)cbit_le_get(at + CBIT_VMCB_SEGMENT_ATTRIBUTES, 2),
        .limit = (uint32_t)cbit_le_get(at + CBIT_VMCB_SEGMENT_LIMIT, 4),
        .base = cbit_le_get(at + CBIT_VMCB_SEGMENT_BASE, 8),
    };
}

static void load_registers(cbit_vcpu_t *vcpu)
{
    cbit_guest_state_t *guest = &vcpu->guest;
    if (guest->es) {
        cbit_vmsa_load_registers(vcpu);
    }
    guest->gpr[GPR_RAX] = state64(vcpu, CBIT_VMCB_RAX);
    guest->gpr[GPR_RSP] = state64(vcpu, CBIT_VMCB_RSP);
    /* A recorded program does not say what the others hold, except before it has run at all:
       then all are as reset leaves them. */
    guest->gpr_known = vcpu->context->begun ? 1U << GPR_RAX | 1U << GPR_RSP : 0xffff;
    guest->flags_known = true;
}

static void load_state(cbit_vcpu_t *vcpu)
{
    cbit_guest_state_t *guest = &vcpu->guest;
    uint64_t nested = get64(vcpu, CBIT_VMCB_NESTED_CONTROL);
    memset(guest, 0, sizeof *guest);
    guest->asid = get32(vcpu, CBIT_VMCB_ASID);
    guest->sev = (nested & CBIT_NESTED_SEV) != 0;
    guest->es = (nested & CBIT_NESTED_SEV_ES) != 0;
    guest->ghcb = get64(vcpu, CBIT_VMCB_GHCB);
    guest->ncr3 = get64(vcpu, CBIT_VMCB_NESTED_CR3);
    guest->cr0 = state64(vcpu, CBIT_VMCB_CR0);
    guest->cr2 = state64(vcpu, CBIT_VMCB_CR2);
    guest->cr3 = state64(vcpu, CBIT_VMCB_CR3);
    guest->cr4 = state64(vcpu, CBIT_VMCB_CR4);
    guest->efer = state64(vcpu, CBIT_VMCB_EFER);
    guest->rflags = state64(vcpu, CBIT_VMCB_RFLAGS);
    guest->rip = state64(vcpu, CBIT_VMCB_RIP);
    guest->cpl = *state(vcpu, CBIT_VMCB_CPL) & 3;
    load_registers(vcpu);
    guest->es_segment = get_segment(vcpu, CBIT_VMCB_ES);
    guest->cs = get_segment(vcpu, CBIT_VMCB_CS);
    guest->ss = get_segment(vcpu, CBIT_VMCB_SS);
    guest->ds = get_segment(vcpu, CBIT_VMCB_DS);
    guest->fs = get_segment(vcpu, CBIT_VMCB_FS);
    guest->gs = get_segment(vcpu, CBIT_VMCB_GS);
    guest->gdtr = get_segment(vcpu, CBIT_VMCB_GDTR);
    guest->idtr = get_segment(vcpu, CBIT_VMCB_IDTR);
    cbit_vcpu_set_rules(vcpu);
}

/* The consistency checks of APM volume 2, 15.5.1, as far as the state that we keep goes. Legacy
   paging (CR0.PG without EFER.LME) is not modelled and refused likewise. */
static bool state_valid(const cbit_vcpu_t *vcpu)
{
    const cbit_guest_state_t *guest = &vcpu->guest;
    uint64_t nested = get64(vcpu, CBIT_VMCB_NESTED_CONTROL);
    bool paged = cbit_vcpu_paged(vcpu);
    if (guest->asid == 0 || guest->asid > CBIT_KEY_ASID_MAX ||
        (guest->sev && !vcpu->asid_valid[guest->asid])) {
        return false;
    }
    if (guest->es && (!guest->sev || !vcpu->vmsa_good)) {
        return false;
    }
    if ((nested & CBIT_NESTED_PAGING) == 0 || !cbit_vcpu_intercepted(vcpu, CBIT_EXIT_VMRUN) ||
        (guest->efer & CBIT_EFER_SVME) == 0) {
        return false;
    }
    if (guest->cr0 >> 32 != 0 ||
        ((guest->cr0 & CBIT_CR0_CD) == 0 && (guest->cr0 & CBIT_CR0_NW) != 0)) {
        return false;
    }
    if (paged && ((guest->cr0 & CBIT_CR0_PE) == 0 || (guest->cr4 & CBIT_CR4_PAE) == 0 ||
                  (guest->efer & CBIT_EFER_LME) == 0)) {
        return false;
    }
    return (guest->cr3 & ~(CBIT_PTE_ADDRESS | 0xfff)) == 0 &&
           (guest->ncr3 & ~(CBIT_PTE_ADDRESS | 0xfff)) == 0;
}

static void control_tlb(cbit_vcpu_t *vcpu)
{
    switch (vcpu->vmcb[CBIT_VMCB_TLB_CONTROL]) {
    case CBIT_TLB_CONTROL_FLUSH_ALL:
        cbit_vcpu_forget_asid(vcpu, 0);
        break;
    case CBIT_TLB_CONTROL_FLUSH_ASID:
    case CBIT_TLB_CONTROL_FLUSH_ASID_NON_GLOBAL: /* no global pages are kept apart */
        cbit_vcpu_forget_asid(vcpu, vcpu->guest.asid);
        break;
    default:
        break;
    }
}

/* The lines of a VMCB that VMRUN needs: of the control area, and then the state or where the VMSA
   is. */
static const uint16_t read_lines[] = {0x000, 0x040, 0x080, 0x400, 0x440,
                                      0x480, 0x4c0, 0x540, 0x5c0, 0x640};
static const uint16_t read_lines_es[] = {0x000, 0x040, 0x080, 0x100};
enum {
    READ_LINES = sizeof read_lines / sizeof read_lines[0],
    READ_LINES_ES = sizeof read_lines_es / sizeof read_lines_es[0],
    READ_LINES_CONTROL = 3,
};

static cbit_step_t read_vmcb(cbit_vcpu_t *vcpu, const uint16_t *lines, uint32_t count)
{
    while (vcpu->vmcb_at < count) {
        uint32_t offset = lines[vcpu->vmcb_at];
        cbit_target_t target = {.spa = vcpu->vmcb_spa + offset, .key = vcpu->parts.host_key};
        cbit_step_t step = cbit_vcpu_access(vcpu, CBIT_COMMAND_READ, target, CBIT_SOURCE_HOST,
                                            vcpu->vmcb + offset, CBIT_LINE_BYTES);
        if (step == STEP_WAIT) {
            return step;
        }
        if (step == STEP_FAULT) {
            memset(vcpu->vmcb + offset, 0, CBIT_LINE_BYTES); /* and is refused below */
        }
        vcpu->vmcb_at++;
    }
    return STEP_DONE;
}

static cbit_step_t read_state(cbit_vcpu_t *vcpu)
{
    cbit_step_t step = read_vmcb(vcpu, read_lines, READ_LINES_CONTROL);
    if (step != STEP_DONE) {
        return step;
    }
    if ((get64(vcpu, CBIT_VMCB_NESTED_CONTROL) & CBIT_NESTED_SEV_ES) == 0) {
        return read_vmcb(vcpu, read_lines, READ_LINES);
    }
    step = read_vmcb(vcpu, read_lines_es, READ_LINES_ES);
    if (step != STEP_DONE) {
        return step;
    }
    return cbit_vmsa_read(vcpu, get64(vcpu, CBIT_VMCB_VMSA), get32(vcpu, CBIT_VMCB_ASID));
}

cbit_step_t cbit_vcpu_enter(cbit_vcpu_t *vcpu)
{
    if (read_state(vcpu) == STEP_WAIT) {
        return STEP_WAIT;
    }
    vcpu->n += vcpu->config.vmrun_cclk;
    load_state(vcpu);
    if (vcpu->vmcb_spa % CBIT_VMCB_BYTES != 0 || !state_valid(vcpu)) {
        cbit_vcpu_exit(vcpu, CBIT_EXIT_INVALID, 0, 0);
        return STEP_DONE;
    }
    control_tlb(vcpu);
    vcpu->context->begun = true;
    vcpu->mode = MODE_RUN;
    return STEP_DONE;
}

/* ---- VMEXIT ---- */

void cbit_vcpu_exit(cbit_vcpu_t *vcpu, int32_t reason, uint64_t info1, uint64_t info2)
{
    vcpu->exit =
        (cbit_exit_t){.reason = reason, .info1 = info1, .info2 = info2, .rip = vcpu->guest.rip};
    vcpu->next_rip = vcpu->guest.rip;
    vcpu->op_begun = false;
    vcpu->issued = false;
    vcpu->fetched_bytes = 0;
    vcpu->mode = MODE_DRAIN;
}

void cbit_vcpu_leave(cbit_vcpu_t *vcpu, int32_t reason, uint64_t info1, uint64_t info2)
{
    if (vcpu->guest.es && !cbit_exit_is_automatic(reason, info1)) {
        cbit_vcpu_raise(vcpu, VECTOR_VC, (uint64_t)(int64_t)reason, 0);
    } else {
        cbit_vcpu_exit(vcpu, reason, info1, info2);
    }
}

/* What VMEXIT writes into a VMCB; spans do not cross lines. INVALID stops after the exit fields. */
typedef struct span {
    uint16_t offset, len_bytes;
} span_t;
static const span_t writes[] = {
    {CBIT_VMCB_EXIT_CODE, 16}, {CBIT_VMCB_EXIT_INFO_2, 16}, {CBIT_VMCB_NEXT_RIP, 8},
    {CBIT_VMCB_CS, 16},        {CBIT_VMCB_EFER, 8},         {CBIT_VMCB_CR4, 24},
    {CBIT_VMCB_RFLAGS, 16},    {CBIT_VMCB_RSP, 8},          {CBIT_VMCB_RAX, 8},
    {CBIT_VMCB_CR2, 8},
};
/* Under SEV-ES; the rest goes into the VMSA. */
static const span_t writes_es[] = {
    {CBIT_VMCB_EXIT_CODE, 16}, {CBIT_VMCB_EXIT_INFO_2, 16}, {CBIT_VMCB_GHCB, 8}};
enum {
    WRITES = sizeof writes / sizeof writes[0],
    WRITES_ES = sizeof writes_es / sizeof writes_es[0],
    WRITES_OF_INVALID = 2,
};

static void store_exit(cbit_vcpu_t *vcpu)
{
    const uint64_t fields[] = {(uint64_t)(int64_t)vcpu->exit.reason, vcpu->exit.info1,
                               vcpu->exit.info2, vcpu->exit_int_info};
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        cbit_le_put(vcpu->vmcb + CBIT_VMCB_EXIT_CODE + 8 * i, fields[i], 8);
    }
    cbit_le_put(vcpu->vmcb + CBIT_VMCB_NEXT_RIP, vcpu->next_rip, 8);
    cbit_le_put(vcpu->vmcb + CBIT_VMCB_GHCB, vcpu->guest.ghcb, 8);
}

static void store_state(cbit_vcpu_t *vcpu)
{
    const cbit_guest_state_t *guest = &vcpu->guest;
    const struct {
        uint32_t offset;
        uint64_t value;
    } fields[] = {
        {CBIT_VMCB_EFER, guest->efer},        {CBIT_VMCB_CR4, guest->cr4},
        {CBIT_VMCB_CR3, guest->cr3},          {CBIT_VMCB_CR0, guest->cr0},
        {CBIT_VMCB_RFLAGS, guest->rflags},    {CBIT_VMCB_RIP, guest->rip},
        {CBIT_VMCB_RSP, guest->gpr[GPR_RSP]}, {CBIT_VMCB_RAX, guest->gpr[GPR_RAX]},
        {CBIT_VMCB_CR2, guest->cr2},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        cbit_le_put(state(vcpu, fields[i].offset), fields[i].value, 8);
    }
    cbit_le_put(state(vcpu, CBIT_VMCB_CS) + CBIT_VMCB_SEGMENT_ATTRIBUTES, guest->cs.attributes, 2);
    if (guest->es) {
        cbit_vmsa_store_registers(vcpu);
    }
}

static cbit_step_t write_state(cbit_vcpu_t *vcpu)
{
    bool es = vcpu->guest.es, invalid = vcpu->exit.reason == CBIT_EXIT_INVALID;
    const span_t *spans = es ? writes_es : writes;
    uint32_t count = invalid ? (uint32_t)WRITES_OF_INVALID : es ? (uint32_t)WRITES_ES : WRITES;
    while (vcpu->vmcb_at < count) {
        uint32_t offset = spans[vcpu->vmcb_at].offset;
        cbit_target_t target = {.spa = vcpu->vmcb_spa + offset, .key = vcpu->parts.host_key};
        if (cbit_vcpu_access(vcpu, CBIT_COMMAND_WRITE, target, CBIT_SOURCE_HOST,
                             vcpu->vmcb + offset, spans[vcpu->vmcb_at].len_bytes) == STEP_WAIT) {
            return STEP_WAIT;
        }
        vcpu->vmcb_at++;
    }
    return es && !invalid ? cbit_vmsa_write(vcpu) : STEP_DONE;
}

cbit_step_t cbit_vcpu_save(cbit_vcpu_t *vcpu)
{
    if (vcpu->vmcb_at == 0) {
        store_exit(vcpu);
        if (vcpu->exit.reason != CBIT_EXIT_INVALID) {
            store_state(vcpu);
        }
    }
    if (write_state(vcpu) == STEP_WAIT) {
        return STEP_WAIT;
    }
    if (!cbit_vcpu_in_time(vcpu)) {
        return STEP_WAIT;
    }
    vcpu->mode = MODE_IDLE;
    vcpu->mine->exits++;
    vcpu->mine->busy_cclk += vcpu->n - vcpu->entered_n;
    vcpu->exit.at_ps = cbit_kernel_now_ps(vcpu->parts.kernel);
    vcpu->exit.rip = vcpu->guest.es ? 0 : vcpu->exit.rip;
    const cbit_exit_t exit = vcpu->exit;
    vcpu->stepping = false; /* whoever hears of it may run the next guest from there */
    vcpu->parts.on_exit(vcpu->parts.exit_self, vcpu, &exit);
    return STEP_WAIT;
}
