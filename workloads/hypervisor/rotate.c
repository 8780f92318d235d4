/*
 * More guests than ASIDs, by turns: who holds one longest gives it to who waits longest. Each turn
 * is DEACTIVATE, WBINVD on all cores, DF_FLUSH, ACTIVATE, and everybody feels the WBINVD.
 */
#include "workloads/hypervisor/hv.h"
#include "workloads/hypervisor/vmcb.h"

enum { ASID_LINE = CBIT_VMCB_ASID / CBIT_LINE_BYTES * CBIT_LINE_BYTES };

/* ---- who waits ---- */

static void append(cbit_hv_rotor_t *rotor, cbit_hv_guest_t *guest)
{
    guest->rotor_next = NULL;
    if (rotor->tail == NULL) {
        rotor->head = guest;
    } else {
        rotor->tail->rotor_next = guest;
    }
    rotor->tail = guest;
}

static cbit_hv_guest_t *take_first(cbit_hv_rotor_t *rotor)
{
    cbit_hv_guest_t *guest = rotor->head;
    rotor->head = guest->rotor_next;
    rotor->tail = rotor->head == NULL ? NULL : rotor->tail;
    return guest;
}

/* Who has held an ASID of the pool for the longest time and can be stopped; NULL for nobody. */
static cbit_hv_guest_t *longest_resident(cbit_hv_t *hv)
{
    cbit_hv_guest_t *best = NULL;
    for (uint32_t i = 0; i < hv->guest_count; i++) {
        cbit_hv_guest_t *guest = &hv->guests[i];
        if (guest->phase == CBIT_HV_PHASE_RUNNING && guest->activated && !guest->swapped &&
            !guest->migrating && guest->hv == hv && guest->config->asid == 0 &&
            (best == NULL || guest->resident_since_ps < best->resident_since_ps)) {
            best = guest;
        }
    }
    return best;
}

static bool on_a_core(const cbit_hv_guest_t *guest)
{
    for (uint32_t i = 0; i < guest->hv->core_count; i++) {
        const cbit_hv_core_t *core = &guest->hv->cores[i];
        if (core->running != NULL && core->running->guest == guest) {
            return true;
        }
    }
    return false;
}

/* ---- one turn ---- */

/* An ASID for the first in the queue: free, behind a flush, or by taking one away. */
static cbit_hv_step_t turn_find(void *self)
{
    cbit_hv_t *hv = self;
    cbit_hv_rotor_t *rotor = &hv->rotor;
    if (rotor->head == NULL) {
        return CBIT_HV_STOP;
    }
    uint32_t asid;
    switch (cbit_hv_asids_take(&hv->asids, 0, &asid)) {
    case CBIT_HV_ASID_TAKEN:
        rotor->granted = take_first(rotor);
        rotor->granted->asid = asid;
        rotor->granted->asid_taken = true;
        return CBIT_HV_STOP;
    case CBIT_HV_ASID_FLUSH_FIRST:
        cbit_hv_flush(hv, &rotor->turn);
        return CBIT_HV_AGAIN;
    default:
        break;
    }
    rotor->victim = longest_resident(hv);
    if (rotor->victim == NULL) {
        return CBIT_HV_STOP; /* tried again when a launch ends or a guest leaves */
    }
    cbit_ps_t due_ps = rotor->victim->resident_since_ps + hv->config.asid_residency_us;
    if (due_ps > cbit_hv_now(hv)) {
        cbit_event_notify_at(hv->kernel, &rotor->timer, due_ps);
        return CBIT_HV_AGAIN;
    }
    return CBIT_HV_NEXT;
}

static cbit_hv_step_t turn_stop_victim(void *self)
{
    cbit_hv_t *hv = self;
    cbit_hv_guest_t *victim = hv->rotor.victim;
    victim->swapped = true;
    if (!on_a_core(victim)) {
        return CBIT_HV_NEXT;
    }
    for (uint32_t i = 0; i < hv->core_count; i++) {
        cbit_hv_core_t *core = &hv->cores[i];
        if (core->in_vmrun && !core->in_probe && core->running->guest == victim) {
            cbit_vcpu_interrupt(core->cpu);
        }
    }
    return CBIT_HV_AGAIN; /* cbit_hv_rotor_core_free resumes */
}

static cbit_hv_step_t turn_lock(void *self)
{
    cbit_hv_t *hv = self;
    cbit_hv_lock(hv, &hv->rotor.turn);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t turn_deactivate(void *self)
{
    cbit_hv_t *hv = self;
    cbit_hv_guest_t *victim = hv->rotor.victim;
    if (victim->phase != CBIT_HV_PHASE_RUNNING) {
        victim->swapped = false; /* it came to its end meanwhile and gives its ASID up by itself */
        cbit_hv_unlock(hv);
        return CBIT_HV_STOP;
    }
    const sev_handle_t handle = {.handle = victim->handle};
    cbit_hv_command_run(&hv->rotor.command, SEV_CMD_DEACTIVATE, &handle, sizeof handle,
                        cbit_hv_task_resume, &hv->rotor.task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t turn_deactivated(void *self)
{
    cbit_hv_t *hv = self;
    cbit_hv_guest_t *victim = hv->rotor.victim;
    hv->result->checks.sp_failures += hv->rotor.command.request.status != SEV_STATUS_SUCCESS;
    victim->activated = false;
    cbit_hv_trace_asid(victim, 0);
    victim->asid_taken = false;
    victim->result->asid_losses++;
    cbit_hv_asids_retire(&hv->asids, victim->asid);
    cbit_hv_unlock(hv);
    append(&hv->rotor, victim);
    return CBIT_HV_NEXT;
}

static const cbit_hv_step_fn turn_steps[] = {turn_find,       turn_stop_victim, turn_lock,
                                             turn_deactivate, turn_deactivated, NULL};

/* ---- a running guest comes back ---- */

static cbit_hv_step_t back_activate(void *self)
{
    cbit_hv_t *hv = self;
    const sev_activate_t activate = {.handle = hv->rotor.granted->handle,
                                     .asid = hv->rotor.granted->asid};
    cbit_hv_command_run(&hv->rotor.command, SEV_CMD_ACTIVATE, &activate, sizeof activate,
                        cbit_hv_task_resume, &hv->rotor.task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t back_activated(void *self)
{
    cbit_hv_t *hv = self;
    cbit_hv_guest_t *guest = hv->rotor.granted;
    if (hv->rotor.command.request.status != SEV_STATUS_SUCCESS) {
        return cbit_hv_fail(hv, CBIT_ERR_INTERNAL, NULL, "ACTIVATE of guest %s failed: %s",
                            guest->config->name,
                            cbit_spdriver_status_name(hv->rotor.command.request.status));
    }
    guest->activated = true;
    cbit_hv_trace_asid(guest, guest->asid);
    guest->resident_since_ps = cbit_hv_now(hv);
    hv->rotor.vcpu = 0;
    return CBIT_HV_NEXT;
}

static cbit_hv_step_t back_write_asid(void *self)
{
    cbit_hv_t *hv = self;
    cbit_hv_guest_t *guest = hv->rotor.granted;
    if (hv->rotor.vcpu == guest->config->vcpus) {
        return CBIT_HV_NEXT;
    }
    cbit_hv_vcpu_t *vcpu = &guest->vcpus[hv->rotor.vcpu++];
    cbit_hv_vmcb_set_asid(vcpu->vmcb, guest->asid);
    cbit_hv_transfer_start(&guest->transfer, CBIT_COMMAND_WRITE, vcpu->vmcb_spa + ASID_LINE,
                           hv->host_key, vcpu->vmcb + ASID_LINE, CBIT_LINE_BYTES,
                           cbit_hv_task_resume, &hv->rotor.task);
    return CBIT_HV_AGAIN;
}

static cbit_hv_step_t back_run(void *self)
{
    cbit_hv_t *hv = self;
    cbit_hv_guest_t *guest = hv->rotor.granted;
    guest->swapped = false;
    cbit_hv_unpark(guest);
    return CBIT_HV_NEXT;
}

static const cbit_hv_step_fn back_steps[] = {back_activate, back_activated, back_write_asid,
                                             back_run, NULL};

/* ---- round and round ---- */

static void rotor_over(void *self)
{
    cbit_hv_t *hv = self;
    cbit_hv_rotor_t *rotor = &hv->rotor;
    cbit_hv_guest_t *granted = rotor->granted;
    bool victim_gone = rotor->victim != NULL;
    rotor->victim = NULL;
    if (hv->err != CBIT_ERR_OK) {
        return;
    }
    if (granted != NULL && granted->phase == CBIT_HV_PHASE_RUNNING && granted->swapped) {
        cbit_hv_task_start(&rotor->task, back_steps, hv, rotor_over, hv);
        return;
    }
    rotor->granted = NULL;
    if (granted != NULL && granted->phase == CBIT_HV_PHASE_LAUNCHING) {
        cbit_hv_task_resume(&granted->task);
    }
    if (rotor->head != NULL && (granted != NULL || victim_gone)) {
        cbit_hv_rotor_kick(hv);
    }
}

void cbit_hv_rotor_kick(cbit_hv_t *hv)
{
    if (hv->rotor.head != NULL && cbit_hv_task_idle(&hv->rotor.task)) {
        cbit_hv_task_start(&hv->rotor.task, turn_steps, hv, rotor_over, hv);
    }
}

void cbit_hv_rotor_want(cbit_hv_guest_t *guest)
{
    append(&guest->hv->rotor, guest);
    cbit_hv_rotor_kick(guest->hv);
}

void cbit_hv_rotor_core_free(cbit_hv_t *hv)
{
    const cbit_hv_rotor_t *rotor = &hv->rotor;
    if (rotor->victim != NULL && rotor->victim->swapped && rotor->task.steps == turn_steps &&
        turn_steps[rotor->task.at] == turn_stop_victim && !on_a_core(rotor->victim)) {
        cbit_hv_task_resume(&hv->rotor.task);
    }
}

static void timer_fires(void *self)
{
    cbit_hv_t *hv = self;
    cbit_hv_task_resume(&hv->rotor.task);
}

bool cbit_hv_rotor_init(cbit_hv_t *hv)
{
    hv->rotor.turn = (cbit_hv_turn_t){.granted = cbit_hv_task_resume, .self = &hv->rotor.task};
    cbit_event_init(&hv->rotor.timer, timer_fires, hv);
    return cbit_hv_command_init(&hv->rotor.command, hv);
}
