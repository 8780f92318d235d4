/*
 * Which vCPU a core runs next, and for how long.
 *
 * Every core has a queue. round_robin takes its first one; weighted_fair takes the one that has run
 * least for its weight, as CFS does. A vCPU runs until it leaves by itself, or until its slice is
 * over and another one waits: nobody is interrupted for nothing.
 */
#include "workloads/hypervisor/attacker.h"
#include "workloads/hypervisor/hv.h"

/* While a probe waits for its guest to turn paging on, the guest is looked at this often. */
#define WATCH_QUANTUM_PS UINT64_C(2000000)

enum { NOMINAL_WEIGHT = 100 };

uint32_t cbit_hv_first_core(const cbit_hv_vcpu_t *vcpu, uint32_t *next_core)
{
    const cbit_scenario_guest_t *config = vcpu->guest->config;
    if (config->cores_count > 0) {
        return config->cores[vcpu->index % config->cores_count];
    }
    return (*next_core)++ % vcpu->guest->hv->core_count;
}

bool cbit_hv_may_run(const cbit_hv_vcpu_t *vcpu)
{
    return !vcpu->guest->swapped && !vcpu->guest->paused && !cbit_hv_probe_holds(vcpu);
}

/* ---- the queue ---- */

static void unlink_behind(cbit_hv_core_t *core, cbit_hv_vcpu_t *before, cbit_hv_vcpu_t *vcpu)
{
    if (before == NULL) {
        core->queue_head = vcpu->next;
    } else {
        before->next = vcpu->next;
    }
    if (core->queue_tail == vcpu) {
        core->queue_tail = before;
    }
    vcpu->next = NULL;
    vcpu->queued = false;
}

/* Puts aside those that may not run now, and sees dead guests' vCPUs off. */
static void clean(cbit_hv_core_t *core)
{
    cbit_hv_vcpu_t *before = NULL, *vcpu = core->queue_head;
    while (vcpu != NULL) {
        cbit_hv_vcpu_t *next = vcpu->next;
        if (vcpu->guest->dead) {
            unlink_behind(core, before, vcpu);
            cbit_hv_vcpu_ends(vcpu, CBIT_GUEST_DIED, vcpu->guest->result->last_exit);
        } else if (!cbit_hv_may_run(vcpu)) {
            unlink_behind(core, before, vcpu);
            vcpu->parked = true;
        } else {
            before = vcpu;
        }
        vcpu = next;
    }
}

static void link_in(cbit_hv_core_t *core, cbit_hv_vcpu_t *vcpu, bool front)
{
    vcpu->queued = true;
    vcpu->next = front ? core->queue_head : NULL;
    if (core->queue_head == NULL) {
        core->queue_head = vcpu;
        core->queue_tail = vcpu;
    } else if (front) {
        core->queue_head = vcpu;
    } else {
        core->queue_tail->next = vcpu;
        core->queue_tail = vcpu;
    }
}

void cbit_hv_sched_add(cbit_hv_core_t *core, cbit_hv_vcpu_t *vcpu, bool front)
{
    /* Who has slept has no claim to the time that it did not use. */
    if (vcpu->fair_ps < core->fair_floor_ps) {
        vcpu->fair_ps = core->fair_floor_ps;
    }
    link_in(core, vcpu, front);
    if (core->in_vmrun && !core->in_probe) {
        cbit_hv_sched_arm(core); /* who runs is no longer alone */
    }
}

void cbit_hv_sched_pause(cbit_hv_guest_t *guest)
{
    cbit_hv_t *hv = guest->hv;
    guest->paused = true;
    for (uint32_t i = 0; i < hv->core_count; i++) {
        cbit_hv_core_t *core = &hv->cores[i];
        if (core->in_vmrun && !core->in_probe && core->running->guest == guest) {
            cbit_vcpu_interrupt(core->cpu);
        }
    }
}

bool cbit_hv_sched_still(cbit_hv_guest_t *guest)
{
    cbit_hv_t *hv = guest->hv;
    bool still = true;
    for (uint32_t i = 0; i < hv->core_count; i++) {
        clean(&hv->cores[i]);
        still = still && (hv->cores[i].running == NULL || hv->cores[i].running->guest != guest);
    }
    return still;
}

void cbit_hv_sched_resume(cbit_hv_guest_t *guest)
{
    guest->paused = false;
    cbit_hv_unpark(guest);
}

/* ---- from core to core ---- */

static bool idle(const cbit_hv_core_t *core)
{
    return !core->busy && core->queue_head == NULL && !core->wbinvd_wanted && !core->wbinvd_active;
}

/* The program's place goes along; run_prepare sees to the TLB. */
static void move(cbit_hv_vcpu_t *vcpu, cbit_hv_core_t *to)
{
    cbit_hv_core_t *from = vcpu->home;
    const cbit_program_t *program = vcpu->last_core == NULL ? NULL : &vcpu->bound_program;
    if (program != NULL) {
        cbit_vcpu_move(from->cpu, to->cpu, program, (uint16_t)vcpu->guest->index);
        from->bound = from->bound == vcpu ? NULL : from->bound;
    }
    vcpu->guest->result->moves++;
    vcpu->home = to;
}

/* Not while its own core is only finishing an exit of it. */
static bool may_move(const cbit_hv_vcpu_t *vcpu)
{
    return vcpu->guest->config->cores_count == 0 && vcpu->guest->hv->config.balance &&
           vcpu->home->running != vcpu;
}

/* An idle core takes the first one that may move from a core that is at work. */
static void steal(cbit_hv_core_t *core)
{
    cbit_hv_t *hv = core->hv;
    for (uint32_t i = 1; i < hv->core_count; i++) {
        cbit_hv_core_t *other = &hv->cores[(core->number + i) % hv->core_count];
        if (!other->busy) {
            continue;
        }
        clean(other);
        cbit_hv_vcpu_t *before = NULL;
        for (cbit_hv_vcpu_t *vcpu = other->queue_head; vcpu != NULL; vcpu = vcpu->next) {
            if (may_move(vcpu)) {
                unlink_behind(other, before, vcpu);
                move(vcpu, core);
                link_in(core, vcpu, false);
                return;
            }
            before = vcpu;
        }
    }
}

cbit_hv_vcpu_t *cbit_hv_sched_take(cbit_hv_core_t *core)
{
    clean(core);
    if (core->queue_head == NULL) {
        steal(core);
    }
    cbit_hv_vcpu_t *best = core->queue_head, *best_before = NULL;
    if (best == NULL) {
        return NULL;
    }
    if (core->hv->config.scheduler == CBIT_SCHEDULER_WEIGHTED_FAIR) {
        for (cbit_hv_vcpu_t *at = best; at->next != NULL; at = at->next) {
            if (at->next->fair_ps < best->fair_ps) {
                best = at->next;
                best_before = at;
            }
        }
        core->fair_floor_ps =
            best->fair_ps > core->fair_floor_ps ? best->fair_ps : core->fair_floor_ps;
    }
    unlink_behind(core, best_before, best);
    return best;
}

void cbit_hv_sched_offer(cbit_hv_vcpu_t *vcpu)
{
    cbit_hv_t *hv = vcpu->guest->hv;
    if (!vcpu->queued || !vcpu->home->busy || !may_move(vcpu)) {
        return;
    }
    for (uint32_t i = 1; i < hv->core_count; i++) {
        cbit_hv_core_t *other = &hv->cores[(vcpu->home->number + i) % hv->core_count];
        if (idle(other)) {
            cbit_hv_core_kick(other);
            return;
        }
    }
}

/* ---- time ---- */

void cbit_hv_sched_charge(cbit_hv_core_t *core)
{
    cbit_hv_vcpu_t *vcpu = core->running;
    cbit_ps_t ran_ps = cbit_hv_now(core->hv) - core->charged_ps;
    core->charged_ps = cbit_hv_now(core->hv);
    vcpu->slice_used_ps += ran_ps;
    vcpu->fair_ps += ran_ps * NOMINAL_WEIGHT / vcpu->guest->config->weight;
    vcpu->guest->result->core_ps += ran_ps;
}

bool cbit_hv_sched_slice_over(const cbit_hv_vcpu_t *vcpu)
{
    return vcpu->slice_used_ps >= vcpu->guest->hv->config.quantum_us;
}

/* When the vCPU that runs is to be interrupted; CBIT_PS_NEVER: when it wants to leave. */
static cbit_ps_t end_of_slice(const cbit_hv_core_t *core)
{
    const cbit_hv_t *hv = core->hv;
    cbit_ps_t begun_ps = core->charged_ps;
    cbit_ps_t slice_ps = cbit_hv_attack_quantum_ps(hv);
    if (cbit_hv_probe_watches(core->running) && WATCH_QUANTUM_PS < slice_ps) {
        slice_ps = WATCH_QUANTUM_PS;
    }
    if (core->queue_head != NULL) {
        cbit_ps_t used_ps = core->running->slice_used_ps;
        cbit_ps_t left_ps = used_ps < hv->config.quantum_us ? hv->config.quantum_us - used_ps : 0;
        slice_ps = left_ps < slice_ps ? left_ps : slice_ps;
    }
    return slice_ps == CBIT_PS_NEVER ? CBIT_PS_NEVER : begun_ps + slice_ps;
}

void cbit_hv_sched_arm(cbit_hv_core_t *core)
{
    cbit_ps_t end_ps = end_of_slice(core);
    cbit_ps_t now_ps = cbit_hv_now(core->hv);
    cbit_event_cancel(core->hv->kernel, &core->quantum);
    if (end_ps != CBIT_PS_NEVER) {
        cbit_event_notify_at(core->hv->kernel, &core->quantum, end_ps > now_ps ? end_ps : now_ps);
    }
}
