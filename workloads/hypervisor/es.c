/* SEV-ES: the vCPUs' state at launch, and exits that the guest explains in its GHCB. */
#include <string.h>

#include "cbit/vcpu/ghcb.h"
#include "workloads/hypervisor/bytes.h"
#include "workloads/hypervisor/dirty.h"
#include "workloads/hypervisor/hv.h"
#include "workloads/hypervisor/measure.h"

enum {
    GHCB_FIELD_LINE = CBIT_VMCB_GHCB / CBIT_LINE_BYTES * CBIT_LINE_BYTES,
    EXIT_LINE = CBIT_GHCB_EXIT_CODE / CBIT_LINE_BYTES * CBIT_LINE_BYTES,
    SAVED_BYTES = 0x300, /* of the VMCB's save area: the VMSA begins like it */
};

/* ---- launch ---- */

static cbit_hv_vcpu_t *vcpu_of(cbit_hv_guest_t *guest)
{
    return &guest->vcpus[guest->piece];
}

static cbit_hv_step_t vmsa_write(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_vcpu_t *vcpu = vcpu_of(guest);
    guest->doing = "writing its VMSA";
    memset(vcpu->vmsa, 0, sizeof vcpu->vmsa);
    memcpy(vcpu->vmsa, vcpu->vmcb + CBIT_VMCB_SAVE, SAVED_BYTES);
    cbit_hv_transfer_start(&guest->transfer, CBIT_COMMAND_WRITE, vcpu->vmsa_spa,
                           guest->hv->host_key, vcpu->vmsa, CBIT_VMCB_BYTES, cbit_hv_task_resume,
                           &guest->image_task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t vmsa_flush(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_platform_clflush(guest->hv->platform, vcpu_of(guest)->vmsa_spa, CBIT_VMCB_BYTES,
                          cbit_hv_task_resume, &guest->image_task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t vmsa_encrypt(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_vcpu_t *vcpu = vcpu_of(guest);
    if (cbit_hv_digest_add(guest->digest, vcpu->vmsa, CBIT_VMCB_BYTES) != CBIT_ERR_OK) {
        return cbit_hv_fail(guest->hv, CBIT_ERR_INTERNAL, NULL, "SHA-256 failed");
    }
    const sev_launch_range_t range = {.handle = guest->handle,
                                      .paddr = vcpu->vmsa_spa | guest->hv->c_bit_mask,
                                      .length = CBIT_VMCB_BYTES};
    guest->doing = "LAUNCH_UPDATE_VMSA";
    cbit_hv_command_run(&guest->command, SEV_CMD_LAUNCH_UPDATE_VMSA, &range, sizeof range,
                        cbit_hv_task_resume, &guest->image_task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t vmsa_encrypted(void *self)
{
    cbit_hv_guest_t *guest = self;
    guest->piece++;
    return cbit_hv_launch_checked(guest);
}

static const cbit_hv_step_fn vmsa_steps[] = {vmsa_write, vmsa_flush, vmsa_encrypt, vmsa_encrypted,
                                             NULL};

cbit_hv_step_t cbit_hv_es_launch(void *self)
{
    cbit_hv_guest_t *guest = self;
    if (guest->refused) {
        return CBIT_HV_STOP;
    }
    if (!guest->state_begun) {
        guest->state_begun = true;
        guest->piece = 0;
    }
    if (!guest->es || guest->piece == guest->config->vcpus) {
        return CBIT_HV_NEXT;
    }
    cbit_hv_task_start(&guest->image_task, vmsa_steps, guest, cbit_hv_task_resume, &guest->task);
    return CBIT_HV_AGAIN;
}

/* ---- exits ---- */

/* Where the guest's GHCB is, it has put into an MSR, which #VMEXIT leaves in the VMCB. */
cbit_hv_step_t cbit_hv_es_find(void *self)
{
    cbit_hv_core_t *core = self;
    core->has_ghcb = core->exit.reason == CBIT_EXIT_VMGEXIT;
    if (!core->has_ghcb) {
        return CBIT_HV_NEXT;
    }
    cbit_hv_transfer_start(&core->transfer, CBIT_COMMAND_READ,
                           core->running->vmcb_spa + GHCB_FIELD_LINE, core->hv->host_key,
                           core->ghcb, CBIT_LINE_BYTES, cbit_hv_task_resume, &core->task);
    return CBIT_HV_WAIT;
}

cbit_hv_step_t cbit_hv_es_read(void *self)
{
    cbit_hv_core_t *core = self;
    if (!core->has_ghcb) {
        return CBIT_HV_NEXT;
    }
    uint64_t gpa = cbit_hv_get_le(core->ghcb + (CBIT_VMCB_GHCB - GHCB_FIELD_LINE), 8);
    core->ghcb_gpa = gpa;
    if (gpa % CBIT_PAGE_BYTES != 0 ||
        !cbit_hv_nested_backing(&core->running->guest->nested, gpa, &core->ghcb_spa)) {
        core->has_ghcb = false; /* handled as what it is: an exit that nobody can resume */
        return CBIT_HV_NEXT;
    }
    cbit_hv_transfer_start(&core->transfer, CBIT_COMMAND_READ, core->ghcb_spa + EXIT_LINE,
                           core->hv->host_key, core->ghcb, CBIT_LINE_BYTES, cbit_hv_task_resume,
                           &core->task);
    return CBIT_HV_WAIT;
}

/* From here on it is the exit that the guest makes up for. */
cbit_hv_step_t cbit_hv_es_decode(void *self)
{
    cbit_hv_core_t *core = self;
    if (core->has_ghcb) {
        const uint8_t *fields = core->ghcb + (CBIT_GHCB_EXIT_CODE - EXIT_LINE);
        core->exit.reason = (int32_t)cbit_hv_get_le(fields, 8);
        core->exit.info1 = cbit_hv_get_le(fields + 8, 8);
        core->exit.info2 = cbit_hv_get_le(fields + 16, 8);
        core->running->guest->result->vmgexits++;
    }
    return CBIT_HV_NEXT;
}

/* Both informations zero: done, and no exception to inject. */
cbit_hv_step_t cbit_hv_es_answer(void *self)
{
    cbit_hv_core_t *core = self;
    if (!core->has_ghcb || core->running->ended) {
        return CBIT_HV_NEXT;
    }
    memset(core->ghcb, 0, sizeof core->ghcb);
    cbit_hv_dirty_mark(core->running->guest, core->ghcb_gpa, CBIT_LINE_BYTES);
    cbit_hv_transfer_start(&core->transfer, CBIT_COMMAND_WRITE,
                           core->ghcb_spa + CBIT_GHCB_EXIT_INFO_1, core->hv->host_key, core->ghcb,
                           16, cbit_hv_task_resume, &core->task);
    return CBIT_HV_WAIT;
}
