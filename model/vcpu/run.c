/*
 * The core's own time, and the program's operations.
 *
 * The core runs ahead of the kernel's time through hits, until the next event that anybody has
 * pending: before that, nobody can change what it sees or see what it does, so how far it runs does
 * not show in any result. Requests are sent in time, from the core's own event.
 */
#include <string.h>

#include "model/vcpu/order.h"

/* Something may happen before the core's time, at_ps: it goes on then. */
static __attribute__((noinline)) bool wait_until(cbit_vcpu_t *vcpu, cbit_ps_t at_ps)
{
    cbit_event_notify_at(vcpu->parts.kernel, &vcpu->step_event, at_ps);
    return false;
}

/* Until which edge the core can go without asking: it pays for those who ask again. */
static void look_ahead(cbit_vcpu_t *vcpu)
{
    const uint64_t furthest_n = vcpu->now_n + vcpu->run_ahead_cclk;
    const uint64_t next_n = vcpu->horizon_ps == CBIT_PS_NEVER
                                ? furthest_n
                                : cbit_pace_edge_at_or_after(&vcpu->pace, vcpu->horizon_ps);
    vcpu->horizon_n = next_n < furthest_n ? next_n : furthest_n;
}

bool cbit_vcpu_may_act_ahead(cbit_vcpu_t *vcpu)
{
    const bool asked = vcpu->horizon_n != CBIT_HORIZON_UNKNOWN;
    cbit_vcpu_ask_horizon(vcpu);
    const cbit_ps_t at_ps = cbit_vcpu_core_ps(vcpu);
    if (at_ps >= vcpu->horizon_ps) {
        return wait_until(vcpu, at_ps);
    }
    if (vcpu->n - vcpu->now_n >= vcpu->run_ahead_cclk) {
        cbit_vcpu_catch_up(vcpu, at_ps);
    }
    if (asked) {
        look_ahead(vcpu);
    }
    return true;
}

bool cbit_vcpu_in_time_at(cbit_vcpu_t *vcpu, cbit_ps_t at_ps)
{
    cbit_vcpu_ask_horizon(vcpu);
    if (at_ps >= vcpu->horizon_ps) {
        return wait_until(vcpu, at_ps);
    }
    cbit_vcpu_catch_up(vcpu, at_ps);
    return true;
}

bool cbit_vcpu_in_time(cbit_vcpu_t *vcpu)
{
    return vcpu->n <= vcpu->now_n || cbit_vcpu_in_time_at(vcpu, cbit_vcpu_core_ps(vcpu));
}

void cbit_vcpu_wake(cbit_vcpu_t *vcpu)
{
    if (vcpu->stepping) {
        return; /* the answer came from inside a send: the step goes on by itself */
    }
    cbit_vcpu_go_to_edge(vcpu);
    cbit_event_notify_at(vcpu->parts.kernel, &vcpu->step_event, cbit_vcpu_core_ps(vcpu));
}

/* ---- operations ---- */

static cbit_step_t fetch(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    vcpu->guest.rip = op->gva;
    while (vcpu->fetched_bytes < op->size_bytes) {
        uint32_t len = op->size_bytes - vcpu->fetched_bytes;
        cbit_step_t step = cbit_vcpu_read_piece(vcpu, op->gva + vcpu->fetched_bytes, INTENT_FETCH,
                                                vcpu->fetched + vcpu->fetched_bytes, &len);
        if (step != STEP_DONE) {
            vcpu->fetched_bytes = step == STEP_WAIT ? vcpu->fetched_bytes : 0;
            return step;
        }
        vcpu->fetched_bytes += len;
    }
    vcpu->fetched_bytes = 0;
    vcpu->mine->fetches++;
    const cbit_program_t *program = &vcpu->context->program;
    if (program->on_data != NULL) {
        program->on_data(program->self, op, vcpu->fetched);
    }
    if (!vcpu->parts.timing_only && memcmp(vcpu->fetched, op->data, op->size_bytes) != 0) {
        cbit_vcpu_check_begin(vcpu); /* the operation stays unfinished */
        return STEP_WAIT;
    }
    vcpu->guest.rip = op->gva + op->size_bytes;
    return STEP_DONE;
}

static void write_cr3(cbit_vcpu_t *vcpu, uint64_t value)
{
    cbit_guest_state_t *guest = &vcpu->guest;
    guest->cr3 = value;
    guest->cr0 |= CBIT_CR0_PE | CBIT_CR0_PG;
    guest->cr4 |= CBIT_CR4_PAE;
    guest->efer |= CBIT_EFER_LME | CBIT_EFER_LMA;
    guest->cs.attributes |= CS_LONG;
    cbit_vcpu_set_rules(vcpu);
    cbit_vcpu_forget_asid(vcpu, guest->asid);
}

/* Operations that end in an exit do so after what is outstanding; the exit itself drains. One that
   raises #VC instead is done when that is delivered. */
static bool leave_for(cbit_vcpu_t *vcpu, int32_t code, uint64_t info1, uint64_t info2)
{
    if (!cbit_vcpu_intercepted(vcpu, code)) {
        return false;
    }
    cbit_vcpu_leave(vcpu, code, info1, info2);
    if (vcpu->mode == MODE_DELIVER) {
        vcpu->vc_op = vcpu->context->op;
    } else {
        cbit_vcpu_op_done(vcpu);
    }
    return true;
}

/* VMGEXIT is VMMCALL with a prefix, which only SEV-ES gives a meaning. */
static void call_hypervisor(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    if (op->kind == CBIT_OP_VMGEXIT && vcpu->guest.es) {
        vcpu->guest.ghcb = op->value;
        cbit_vcpu_op_done(vcpu);
        cbit_vcpu_exit(vcpu, CBIT_EXIT_VMGEXIT, 0, 0);
    } else if (!leave_for(vcpu, CBIT_EXIT_VMMCALL, op->value, 0)) {
        cbit_vcpu_raise(vcpu, VECTOR_UD, 0, 0);
    }
}

/* What serialises waits for all loads and stores before it. */
static bool drained(cbit_vcpu_t *vcpu)
{
    vcpu->waits_for_slot = !cbit_vcpu_is_drained(vcpu);
    return !vcpu->waits_for_slot;
}

static cbit_step_t perform(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    switch (op->kind) {
    case CBIT_OP_FETCH:
        return fetch(vcpu, op);
    case CBIT_OP_LOAD:
    case CBIT_OP_STORE: {
        cbit_step_t step = cbit_vcpu_issue(vcpu, op);
        vcpu->mine->loads += step == STEP_DONE && op->kind == CBIT_OP_LOAD;
        vcpu->mine->stores += step == STEP_DONE && op->kind == CBIT_OP_STORE;
        return step;
    }
    case CBIT_OP_THINK:
        vcpu->n += op->cclk == 0 ? 0 : op->cclk - 1; /* with the clock that every operation takes */
        return STEP_DONE;
    case CBIT_OP_IO:
        return leave_for(vcpu, CBIT_EXIT_IOIO, op->value, vcpu->guest.rip) ? STEP_WAIT : STEP_DONE;
    case CBIT_OP_HYPERCALL:
    case CBIT_OP_VMGEXIT:
        call_hypervisor(vcpu, op);
        return STEP_WAIT;
    case CBIT_OP_WRITE_CR3:
        if (!drained(vcpu)) {
            return STEP_WAIT;
        }
        write_cr3(vcpu, op->value);
        return STEP_DONE;
    case CBIT_OP_INVLPG:
        if (!drained(vcpu)) {
            return STEP_WAIT;
        }
        cbit_vcpu_forget_page(vcpu, vcpu->guest.asid, op->gva);
        return STEP_DONE;
    case CBIT_OP_HLT:
    case CBIT_OP_END:
        break;
    }
    /* Nothing here could wake a halted core but the interrupt that the hypervisor gets anyway. */
    cbit_vcpu_op_done(vcpu);
    cbit_vcpu_exit(vcpu, CBIT_EXIT_HLT, 0, 0);
    return STEP_WAIT;
}

/* RIP as an interrupt saves it: of the instruction that comes next, if that is a fetch. Before
   paging is on the program is not asked ahead: what it says then may be the turning on. */
static void point_at_next(cbit_vcpu_t *vcpu)
{
    const cbit_op_t *op = cbit_vcpu_paged(vcpu) ? cbit_vcpu_next_op(vcpu) : NULL;
    if (op != NULL && op->kind == CBIT_OP_FETCH) {
        vcpu->guest.rip = op->gva;
    }
}

static cbit_step_t run_op(cbit_vcpu_t *vcpu)
{
    if (vcpu->interrupt && !vcpu->op_begun) {
        vcpu->interrupt = false;
        point_at_next(vcpu);
        cbit_vcpu_exit(vcpu, CBIT_EXIT_INTR, 0, 0);
        return STEP_WAIT;
    }
    if (!cbit_vcpu_may_act(vcpu)) {
        return STEP_WAIT;
    }
    const cbit_op_t *op = cbit_vcpu_next_op(vcpu);
    if (op == NULL) {
        cbit_vcpu_exit(vcpu, CBIT_EXIT_HLT, 0, 0);
        return STEP_WAIT;
    }
    vcpu->op_begun = true;
    cbit_step_t step = perform(vcpu, op);
    if (step == STEP_DONE) {
        cbit_vcpu_op_done(vcpu);
        vcpu->op_begun = false;
        vcpu->n++;
    } else if (step == STEP_FAULT) {
        vcpu->op_begun = false;
        cbit_vcpu_take_fault(vcpu);
    }
    return step;
}

static cbit_step_t drain(cbit_vcpu_t *vcpu)
{
    if (!drained(vcpu)) {
        return STEP_WAIT;
    }
    const uint64_t last_n = cbit_order_last_n(vcpu);
    vcpu->n = last_n > vcpu->n ? last_n : vcpu->n;
    vcpu->n += vcpu->config.vmexit_cclk;
    vcpu->mode = MODE_SAVE;
    vcpu->vmcb_at = 0;
    vcpu->vmsa_at = 0;
    return STEP_DONE;
}

bool cbit_vcpu_act(cbit_vcpu_t *vcpu)
{
    const cbit_mode_t mode = vcpu->mode;
    cbit_step_t step = STEP_WAIT;
    switch (mode) {
    case MODE_ENTER:
        step = cbit_vcpu_enter(vcpu);
        break;
    case MODE_RUN:
        step = run_op(vcpu);
        break;
    case MODE_CHECK:
        step = cbit_vcpu_check(vcpu);
        break;
    case MODE_DELIVER:
        step = cbit_vcpu_deliver(vcpu);
        break;
    case MODE_DRAIN:
        step = drain(vcpu);
        break;
    case MODE_SAVE:
        (void)cbit_vcpu_save(vcpu);
        return false; /* perhaps into the next run, which has its own event */
    case MODE_IDLE:
    default:
        break;
    }
    return step == STEP_DONE || vcpu->mode != mode;
}
