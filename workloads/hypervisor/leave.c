/* A guest's end: DEACTIVATE, DECOMMISSION, and its memory back behind the next flush. */
#include "workloads/hypervisor/hv.h"
#include "workloads/hypervisor/migrate.h"

static void send(cbit_hv_guest_t *guest, uint32_t id, const sev_handle_t *handle)
{
    guest->doing = cbit_spdriver_command_name(id);
    cbit_hv_command_run(&guest->command, id, handle, sizeof *handle, cbit_hv_task_resume,
                        &guest->task);
}

/*
 * As Linux's KVM frees a vCPU under SEV-ES: its save area's lines under the ASID go to memory, page
 * by page where the processor can do that, else with everything. Where it keeps key ids coherent
 * nothing need be done.
 */
static cbit_hv_step_t flush_save_areas(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_t *hv = guest->hv;
    const cbit_sev_config_t *sev = &hv->machine.sev;
    guest->doing = "flushing its save areas";
    if (!guest->es || !guest->activated || sev->coherent_domains ||
        guest->flushed == guest->config->vcpus) {
        return CBIT_HV_NEXT;
    }
    if (!sev->page_flush_msr) {
        guest->flushed = guest->config->vcpus;
        cbit_hv_flush(hv, &guest->turn);
        return CBIT_HV_WAIT;
    }
    const cbit_hv_vcpu_t *vcpu = &guest->vcpus[guest->flushed++];
    cbit_platform_page_flush(hv->platform, vcpu->vmsa_spa, (uint16_t)guest->asid,
                             cbit_hv_task_resume, &guest->task);
    return CBIT_HV_AGAIN;
}

static cbit_hv_step_t leave_lock(void *self)
{
    cbit_hv_guest_t *guest = self;
    guest->doing = "waiting for a flush to end";
    cbit_hv_lock(guest->hv, &guest->turn);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t deactivate(void *self)
{
    cbit_hv_guest_t *guest = self;
    const sev_handle_t handle = {.handle = guest->handle};
    if (!guest->activated) {
        guest->command.request.status = SEV_STATUS_SUCCESS;
        return CBIT_HV_NEXT;
    }
    send(guest, SEV_CMD_DEACTIVATE, &handle);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t decommission(void *self)
{
    cbit_hv_guest_t *guest = self;
    const sev_handle_t handle = {.handle = guest->handle};
    guest->hv->result->checks.sp_failures += guest->command.request.status != SEV_STATUS_SUCCESS;
    if (guest->handle == 0) {
        guest->command.request.status = SEV_STATUS_SUCCESS;
        return CBIT_HV_NEXT;
    }
    send(guest, SEV_CMD_DECOMMISSION, &handle);
    return CBIT_HV_WAIT;
}

bool cbit_hv_home_of(const cbit_hv_guest_t *guest, cbit_gpa_t gpa, cbit_spa_t *spa)
{
    for (uint32_t i = 0; i < guest->remap_count; i++) {
        if (guest->remaps[i].gpa == gpa - gpa % CBIT_PAGE_BYTES) {
            *spa = guest->remaps[i].home;
            return true;
        }
    }
    return cbit_hv_nested_frame(&guest->nested, gpa, spa);
}

static void retire_memory(cbit_hv_guest_t *guest)
{
    cbit_hv_frames_t *frames = cbit_hv_frames_for(guest);
    if (guest->nested.count == 0) {
        return;
    }
    for (cbit_gpa_t gpa = 0; gpa < guest->config->memory; gpa += CBIT_PAGE_BYTES) {
        cbit_spa_t spa;
        if (cbit_hv_home_of(guest, gpa, &spa)) {
            /* Out of memory only keeps the frame out of use. */
            (void)(guest->sev ? cbit_hv_frames_retire(frames, spa)
                              : cbit_hv_frames_free(frames, spa));
        }
    }
    cbit_hv_nested_clear(&guest->nested);
}

static cbit_hv_step_t give_back(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_t *hv = guest->hv;
    hv->result->checks.sp_failures += guest->command.request.status != SEV_STATUS_SUCCESS;
    if (guest->activated) {
        cbit_hv_trace_asid(guest, 0);
    }
    guest->activated = false;
    if (guest->asid_taken) {
        guest->asid_taken = false;
        cbit_hv_asids_retire(cbit_hv_asids_of(guest), guest->asid);
    }
    retire_memory(guest);
    cbit_hv_unlock(hv);
    return CBIT_HV_NEXT;
}

/* Whoever comes after a protected guest starts from a clean machine. */
static cbit_hv_step_t leave_flush(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_t *hv = guest->hv;
    if (!guest->sev) {
        return CBIT_HV_NEXT;
    }
    for (uint32_t i = 0; i < hv->guest_count; i++) {
        if (hv->guests[i].config->after_guest == guest->index) {
            guest->doing = "flushing behind it";
            cbit_hv_flush(hv, &guest->turn);
            return CBIT_HV_WAIT;
        }
    }
    return CBIT_HV_NEXT;
}

static const cbit_hv_step_fn leave_steps[] = {
    flush_save_areas, cbit_hv_iommu_block, cbit_hv_iommu_blocked, leave_lock, deactivate,
    decommission,     give_back,           leave_flush,           NULL};

static void leave_over(void *self)
{
    cbit_hv_guest_t *guest = self;
    if (guest->hv->err == CBIT_ERR_OK) {
        guest->phase = CBIT_HV_PHASE_GONE;
        guest->doing = "gone";
        if (guest->stands_in) {
            cbit_hv_stand_in_gone(guest);
            return;
        }
        cbit_hv_guest_gone(guest);
        cbit_hv_rotor_kick(guest->hv);
    }
}

void cbit_hv_teardown(cbit_hv_guest_t *guest)
{
    guest->phase = CBIT_HV_PHASE_LEAVING;
    guest->flushed = 0;
    guest->turn = (cbit_hv_turn_t){.granted = cbit_hv_task_resume, .self = &guest->task};
    cbit_hv_task_start(&guest->task, leave_steps, guest, leave_over, guest);
}
