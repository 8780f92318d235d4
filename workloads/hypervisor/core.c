#include <string.h>

#include "workloads/hypervisor/attacker.h"
#include "workloads/hypervisor/hv.h"
#include "workloads/hypervisor/migrate.h"
#include "workloads/hypervisor/vmcb.h"

enum {
    CONTROL_LINE = CBIT_VMCB_ASID / CBIT_LINE_BYTES * CBIT_LINE_BYTES, /* ASID and TLB control */
};

/* ---- one VMRUN ---- */

/*
 * What a probed vCPU may do on its program's behalf if nothing stops it: what is the same when it
 * is done once more after having been put back. A store is, unless a load has come before it.
 * Without engines even that would leave a line behind under the wrong ASID, whose bytes are right.
 */
static bool can_be_put_back(cbit_hv_vcpu_t *vcpu, const cbit_op_t *op)
{
    switch (op->kind) {
    case CBIT_OP_FETCH:
    case CBIT_OP_THINK:
        return true;
    case CBIT_OP_LOAD:
        vcpu->has_loaded = true;
        return true;
    case CBIT_OP_STORE:
        return !vcpu->has_loaded &&
               (vcpu->guest->hv->ciphered || vcpu->home->probe->result->asid == vcpu->guest->asid);
    default:
        return false;
    }
}

/* Single steps: whether op belongs to the instructions that are left. */
static bool within_step(cbit_hv_vcpu_t *vcpu, const cbit_op_t *op)
{
    if (!vcpu->stepping || op->instructions == 0) {
        return true;
    }
    if (vcpu->step_left == 0) {
        return false;
    }
    vcpu->step_left -= op->instructions < vcpu->step_left ? op->instructions : vcpu->step_left;
    return true;
}

/* op is for the next run. */
static bool hold_back(cbit_hv_vcpu_t *vcpu, cbit_op_t *op)
{
    vcpu->held = *op;
    vcpu->holds = true;
    *op = (cbit_op_t){.kind = CBIT_OP_THINK, .cclk = 1};
    cbit_vcpu_interrupt(vcpu->home->cpu);
    return true;
}

/* The guest's program, held back in probes before what cannot be put back and after a few steps. */
static bool program_next(void *self, cbit_op_t *op)
{
    cbit_hv_vcpu_t *vcpu = self;
    const cbit_program_t *program = vcpu->program;
    if (vcpu->refetches) {
        /* Whatever it stood at, a processor that is resumed begins with the instruction at RIP. */
        vcpu->refetches = false;
        *op = vcpu->last_fetch;
        return true;
    }
    if (vcpu->holds) {
        *op = vcpu->held;
    } else if (!program->next(program->self, op)) {
        *op = (cbit_op_t){.kind = CBIT_OP_END};
    }
    vcpu->holds = false;
    if (!vcpu->home->in_probe) {
        if (!within_step(vcpu, op)) {
            return hold_back(vcpu, op);
        }
        if (op->kind == CBIT_OP_FETCH) {
            vcpu->last_fetch = *op;
            vcpu->last_fetch.instructions = 0; /* they are retired already */
        }
        return true;
    }
    if (vcpu->looks > 0 && can_be_put_back(vcpu, op)) {
        vcpu->looks--;
        return true;
    }
    return hold_back(vcpu, op);
}

static void program_data(void *self, const cbit_op_t *op, const uint8_t *bytes)
{
    const cbit_program_t *program = ((const cbit_hv_vcpu_t *)self)->program;
    if (program->on_data != NULL) {
        program->on_data(program->self, op, bytes);
    }
}

static bool program_vc(void *self, const cbit_op_t *op, uint64_t error)
{
    const cbit_program_t *program = ((const cbit_hv_vcpu_t *)self)->program;
    return program->on_vc != NULL && program->on_vc(program->self, op, error);
}

void cbit_hv_core_bind(cbit_hv_core_t *core, cbit_hv_vcpu_t *vcpu)
{
    if (core->bound != vcpu) {
        vcpu->bound_program = (cbit_program_t){
            .self = vcpu, .next = program_next, .on_data = program_data, .on_vc = program_vc};
        vcpu->program = cbit_guest_program(vcpu->guest->soft, vcpu->index);
        cbit_vcpu_bind(core->cpu, &vcpu->bound_program, (uint16_t)vcpu->guest->index);
        core->bound = vcpu;
    }
}

/* What devices have raised meanwhile. */
static void inject(cbit_hv_vcpu_t *vcpu)
{
    cbit_guest_t *soft = vcpu->guest->soft;
    if (vcpu->irq_pending) {
        vcpu->irq_pending = false;
        cbit_guest_io_interrupt(soft, vcpu->index);
    }
    for (uint32_t queue = 0; vcpu->broken_queues != 0 && queue < CBIT_GUEST_QUEUES; queue++) {
        if ((vcpu->broken_queues >> queue & 1) != 0) {
            vcpu->broken_queues &= ~(1u << queue);
            cbit_guest_io_broken(soft, vcpu->index, queue);
        }
    }
}

/* As KVM before each entry: flush when the TLB may hold another VMCB's translations of this ASID,
   or when this vCPU has run elsewhere meanwhile and may have changed its tables there. */
static cbit_hv_step_t run_prepare(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_vcpu_t *vcpu = core->running;
    uint32_t asid = vcpu->guest->asid;
    cbit_hv_core_bind(core, vcpu);
    inject(vcpu);
    bool as_left = core->last_vmcb[asid] == vcpu->vmcb_spa && vcpu->last_core == core;
    uint8_t control = as_left ? CBIT_TLB_CONTROL_NOTHING : CBIT_TLB_CONTROL_FLUSH_ASID;
    core->last_vmcb[asid] = vcpu->vmcb_spa;
    vcpu->last_core = core;
    vcpu->guest->result->tlb_flushes += !as_left;
    if (vcpu->vmcb[CBIT_VMCB_TLB_CONTROL] == control) {
        return CBIT_HV_NEXT;
    }
    cbit_hv_vmcb_set_tlb_control(vcpu->vmcb, control);
    cbit_hv_transfer_start(&core->transfer, CBIT_COMMAND_WRITE, vcpu->vmcb_spa + CONTROL_LINE,
                           core->hv->host_key, vcpu->vmcb + CONTROL_LINE, CBIT_LINE_BYTES,
                           cbit_hv_task_resume, &core->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t run_vmrun(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_t *hv = core->hv;
    cbit_hv_vcpu_t *vcpu = core->running;
    cbit_run_guest_t *result = vcpu->guest->result;
    if (result->vmruns++ == 0) {
        result->first_vmrun_ps = cbit_hv_now(hv);
    }
    vcpu->vmruns++;
    core->in_vmrun = true;
    core->begun_ps = cbit_hv_now(hv);
    cbit_hv_sched_arm(core);
    cbit_hv_trace_run(core, vcpu->guest->asid);
    cbit_vcpu_run(core->cpu, vcpu->vmcb_spa);
    if (core->wbinvd_wanted) {
        cbit_vcpu_interrupt(core->cpu); /* was asked for while this was being prepared */
    }
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t run_exited(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_watch_slice(core->hv, CBIT_WATCH_CORE, core->number, core->running->guest->config->name,
                        cbit_exit_word(core->exit.reason), core->begun_ps);
    core->begun_ps = cbit_hv_now(core->hv);
    cbit_hv_core_delay(core, cbit_hv_exit_cost(core->hv, core->exit.reason, core->has_ghcb));
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t run_handle(void *self)
{
    cbit_hv_sched_charge(self);
    cbit_hv_handle_exit(self);
    return CBIT_HV_NEXT;
}

/* What a nested fault has mapped, or a probe has taken away. */
static cbit_hv_step_t run_write_nested(void *self)
{
    cbit_hv_core_t *core = self;
    return cbit_hv_write_nested(core->running->guest, &core->transfer, &core->task);
}

static const cbit_hv_step_fn run_steps[] = {
    run_write_nested,  run_prepare,       run_vmrun,  cbit_hv_es_find,
    cbit_hv_es_read,   cbit_hv_es_decode, run_exited, run_handle,
    cbit_hv_es_answer, run_write_nested,  NULL};

void cbit_hv_core_exit(cbit_hv_core_t *core, const cbit_exit_t *exit)
{
    core->exit = *exit;
    core->in_vmrun = false;
    cbit_hv_trace_exit(core);
    cbit_event_cancel(core->hv->kernel, &core->quantum);
    cbit_hv_task_resume(&core->task);
}

/* ---- what a core does next ---- */

static void wbinvd_over(void *self)
{
    cbit_hv_core_t *core = self;
    core->wbinvd_active = false;
    cbit_hv_watch_slice(core->hv, CBIT_WATCH_CORE, core->number, "WBINVD", NULL,
                        core->wbinvd_begun_ps);
    cbit_hv_wbinvd_done(core->hv);
    cbit_hv_core_kick(core);
}

/* After a run. */
static void work_over(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_watch_slice(core->hv, CBIT_WATCH_CORE, core->number, "host",
                        cbit_exit_word(core->exit.reason), core->begun_ps);
    core->busy = false;
    core->running = NULL;
    cbit_hv_rotor_core_free(core->hv);
    cbit_hv_migrate_poke(core->hv);
    cbit_hv_core_kick(core);
}

/* A probe of a vCPU that is not (or no longer) to run ends there; others run on at once. */
static void probe_over(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_vcpu_t *vcpu = core->running;
    cbit_hv_guest_t *guest = vcpu->guest;
    core->busy = false;
    core->running = NULL;
    if (guest->phase == CBIT_HV_PHASE_RUNNING) {
        cbit_hv_sched_add(core, vcpu, true);
    } else if (guest->phase == CBIT_HV_PHASE_LAUNCHING) {
        cbit_hv_task_resume(&guest->task); /* the launch waits for its probe */
    }
    cbit_hv_rotor_core_free(core->hv);
    cbit_hv_migrate_poke(core->hv);
    cbit_hv_core_kick(core);
}

void cbit_hv_core_kick(cbit_hv_core_t *core)
{
    if (core->wbinvd_active || core->hv->over) {
        return;
    }
    if (core->wbinvd_wanted && (!core->busy || core->yielding)) {
        core->wbinvd_wanted = false;
        core->wbinvd_active = true;
        core->wbinvd_begun_ps = cbit_hv_now(core->hv);
        cbit_platform_wbinvd(core->hv->platform, core->number, wbinvd_over, core);
        return;
    }
    if (core->busy) {
        return;
    }
    cbit_hv_vcpu_t *vcpu = cbit_hv_sched_take(core);
    if (vcpu == NULL) {
        return;
    }
    core->busy = true;
    core->running = vcpu;
    core->charged_ps = cbit_hv_now(core->hv);
    cbit_hv_probe_t *probe = cbit_hv_probe_for(vcpu);
    if (probe != NULL) {
        cbit_hv_probe_run(core, probe, probe_over, core);
    } else {
        cbit_hv_task_start(&core->task, run_steps, core, work_over, core);
    }
}

void cbit_hv_ready(cbit_hv_vcpu_t *vcpu, bool front)
{
    if (vcpu->guest->dead && !vcpu->ended && !vcpu->queued) {
        cbit_hv_vcpu_ends(vcpu, CBIT_GUEST_DIED, vcpu->guest->result->last_exit);
        return;
    }
    if (vcpu->guest->swapped) {
        vcpu->parked = true;
        return;
    }
    if (!vcpu->ended && !vcpu->queued) {
        if (!front || cbit_hv_sched_slice_over(vcpu)) {
            vcpu->slice_used_ps = 0;
        }
        cbit_hv_sched_add(vcpu->home, vcpu, front);
    }
    cbit_hv_core_kick(vcpu->home);
    cbit_hv_sched_offer(vcpu);
}

void cbit_hv_unpark(cbit_hv_guest_t *guest)
{
    for (uint32_t i = 0; i < guest->config->vcpus; i++) {
        cbit_hv_vcpu_t *vcpu = &guest->vcpus[i];
        if (vcpu->parked && cbit_hv_may_run(vcpu)) {
            vcpu->parked = false;
            cbit_hv_ready(vcpu, false);
        }
    }
}

void cbit_hv_core_wbinvd(cbit_hv_core_t *core)
{
    core->wbinvd_wanted = true;
    if (core->in_vmrun && !core->in_probe) {
        cbit_vcpu_interrupt(core->cpu); /* a probe ends by itself, and soon */
    }
    cbit_hv_core_kick(core);
}

/* ---- time ---- */

static void timer_fires(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_task_resume(&core->task);
}

static void quantum_over(void *self)
{
    cbit_hv_core_t *core = self;
    if (core->in_vmrun) {
        cbit_vcpu_interrupt(core->cpu);
    }
}

void cbit_hv_core_delay(cbit_hv_core_t *core, cbit_ps_t span_ps)
{
    cbit_event_notify_at(core->hv->kernel, &core->timer, cbit_hv_now(core->hv) + span_ps);
}

void cbit_hv_core_init(cbit_hv_core_t *core, cbit_hv_t *hv, uint32_t number)
{
    core->hv = hv;
    core->number = number;
    core->cpu = cbit_platform_vcpu(hv->platform, number);
    cbit_hv_transfer_init(&core->transfer, hv->kernel,
                          cbit_platform_host_port(hv->platform, number), CBIT_SOURCE_HOST, 0);
    cbit_event_init(&core->timer, timer_fires, core);
    cbit_event_init(&core->quantum, quantum_over, core);
}
