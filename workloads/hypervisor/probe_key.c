/*
 * Probes by commands of the Secure Processor.
 *
 * activate_other_key: the legal way to another key. The guest is taken from its ASID, a fresh guest
 * context with a key of its own is launched empty and put there, the vCPU runs once, and everything
 * goes back. Ten commands of the Secure Processor and two flushes of all caches.
 */
#include "workloads/hypervisor/bytes.h"
#include "workloads/hypervisor/probe.h"

static cbit_hv_step_t send(cbit_hv_core_t *core, uint32_t id, const void *in, uint32_t len_bytes)
{
    cbit_hv_command_run(&core->probe->command, id, in, len_bytes, cbit_hv_task_resume, &core->task);
    return CBIT_HV_WAIT;
}

/* Every one of these commands is lawful: a refusal is a fault of ours or of the firmware. */
static bool accepted(cbit_hv_core_t *core)
{
    const cbit_spdriver_request_t *request = &core->probe->command.request;
    if (request->status == SEV_STATUS_SUCCESS) {
        return true;
    }
    core->hv->result->checks.sp_failures++;
    (void)cbit_hv_fail(core->hv, CBIT_ERR_INTERNAL, NULL, "activate_other_key: %s answered %s",
                       cbit_spdriver_command_name(request->command),
                       cbit_spdriver_status_name(request->status));
    return false;
}

static cbit_hv_step_t key_begin(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    if (probe->command.buffer_spa == 0 && !cbit_hv_command_init(&probe->command, core->hv)) {
        return cbit_hv_fail(core->hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    probe->turn = (cbit_hv_turn_t){.granted = cbit_hv_task_resume, .self = &core->task};
    core->yielding = true; /* this core takes part in the flushes that it asks for */
    return CBIT_HV_NEXT;
}

static cbit_hv_step_t key_lock(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_lock(core->hv, &core->probe->turn);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t key_flush(void *self)
{
    cbit_hv_core_t *core = self;
    if (!accepted(core)) {
        return CBIT_HV_STOP;
    }
    cbit_hv_unlock(core->hv);
    cbit_hv_flush(core->hv, &core->probe->turn);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t own_deactivate(void *self)
{
    cbit_hv_core_t *core = self;
    const sev_handle_t handle = {.handle = core->running->guest->handle};
    return send(core, SEV_CMD_DEACTIVATE, &handle, sizeof handle);
}

static cbit_hv_step_t other_start(void *self)
{
    const sev_start_t start = {.policy = SEV_POLICY_NODBG};
    return send(self, SEV_CMD_LAUNCH_START, &start, sizeof start);
}

static cbit_hv_step_t other_activate(void *self)
{
    cbit_hv_core_t *core = self;
    if (!accepted(core)) {
        return CBIT_HV_STOP;
    }
    core->probe->handle = (uint32_t)cbit_hv_get_le(core->probe->command.bytes, 4);
    const sev_activate_t activate = {.handle = core->probe->handle,
                                     .asid = core->running->guest->asid};
    return send(core, SEV_CMD_ACTIVATE, &activate, sizeof activate);
}

static cbit_hv_step_t other_measure(void *self)
{
    cbit_hv_core_t *core = self;
    if (!accepted(core)) {
        return CBIT_HV_STOP;
    }
    const sev_launch_range_t range = {
        .handle = core->probe->handle,
        .paddr = cbit_hv_command_paddr(&core->probe->command, CBIT_HV_COMMAND_ANSWER_OFFSET),
        .length = SEV_MEASUREMENT_BYTES};
    return send(core, SEV_CMD_LAUNCH_MEASURE, &range, sizeof range);
}

static cbit_hv_step_t other_finish(void *self)
{
    cbit_hv_core_t *core = self;
    const sev_handle_t handle = {.handle = core->probe->handle};
    return accepted(core) ? send(core, SEV_CMD_LAUNCH_FINISH, &handle, sizeof handle)
                          : CBIT_HV_STOP;
}

static cbit_hv_step_t other_running(void *self)
{
    cbit_hv_core_t *core = self;
    core->yielding = false;
    return accepted(core) ? CBIT_HV_NEXT : CBIT_HV_STOP;
}

static cbit_hv_step_t other_deactivate(void *self)
{
    cbit_hv_core_t *core = self;
    const sev_handle_t handle = {.handle = core->probe->handle};
    return send(core, SEV_CMD_DEACTIVATE, &handle, sizeof handle);
}

static cbit_hv_step_t yield(void *self)
{
    cbit_hv_core_t *core = self;
    core->yielding = true;
    cbit_hv_core_kick(core);
    return CBIT_HV_NEXT;
}

static cbit_hv_step_t other_decommission(void *self)
{
    cbit_hv_core_t *core = self;
    const sev_handle_t handle = {.handle = core->probe->handle};
    return accepted(core) ? send(core, SEV_CMD_DECOMMISSION, &handle, sizeof handle) : CBIT_HV_STOP;
}

static cbit_hv_step_t run_alone(void *self)
{
    cbit_hv_core_t *core = self;
    core->yielding = false;
    return CBIT_HV_NEXT;
}

static cbit_hv_step_t own_activate(void *self)
{
    cbit_hv_core_t *core = self;
    const sev_activate_t activate = {.handle = core->running->guest->handle,
                                     .asid = core->running->guest->asid};
    return send(core, SEV_CMD_ACTIVATE, &activate, sizeof activate);
}

const cbit_hv_step_fn cbit_hv_probe_key_steps[] = {cbit_hv_probe_begin,
                                                   key_begin,
                                                   key_lock,
                                                   own_deactivate,
                                                   key_flush,
                                                   other_start,
                                                   other_activate,
                                                   other_measure,
                                                   other_finish,
                                                   other_running,
                                                   cbit_hv_probe_save,
                                                   cbit_hv_probe_change,
                                                   cbit_hv_probe_vmrun,
                                                   cbit_hv_probe_look,
                                                   yield,
                                                   key_lock,
                                                   other_deactivate,
                                                   other_decommission,
                                                   key_flush,
                                                   own_activate,
                                                   other_running,
                                                   cbit_hv_probe_restore,
                                                   cbit_hv_probe_end,
                                                   NULL};

/* skip_activate of a guest that runs: taken from its ASID, and VMRUN without ACTIVATE. */
const cbit_hv_step_fn cbit_hv_probe_inactive_steps[] = {cbit_hv_probe_begin,
                                                        key_begin,
                                                        key_lock,
                                                        own_deactivate,
                                                        key_flush,
                                                        run_alone,
                                                        cbit_hv_probe_save,
                                                        cbit_hv_probe_change,
                                                        cbit_hv_probe_vmrun,
                                                        cbit_hv_probe_look,
                                                        yield,
                                                        own_activate,
                                                        other_running,
                                                        cbit_hv_probe_restore,
                                                        cbit_hv_probe_end,
                                                        NULL};
