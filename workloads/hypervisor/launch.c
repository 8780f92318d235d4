/* The launch of a guest, command by command; its memory is made ready in launch_memory.c. */
#include <string.h>

#include "workloads/hypervisor/launch.h"
#include "workloads/hypervisor/session.h"

/* ---- small things that the steps share ---- */

static void send(cbit_hv_guest_t *guest, uint32_t id, const void *in, uint32_t len_bytes)
{
    guest->doing = cbit_spdriver_command_name(id);
    cbit_hv_command_run(&guest->command, id, in, len_bytes, cbit_hv_task_resume, &guest->task);
}

/* A refused command ends the launch; the guest leaves with what it has. */
cbit_hv_step_t cbit_hv_launch_checked(cbit_hv_guest_t *guest)
{
    if (guest->command.request.status == SEV_STATUS_SUCCESS) {
        return CBIT_HV_NEXT;
    }
    guest->hv->result->checks.sp_failures++;
    guest->refused = true;
    guest->result->end = CBIT_GUEST_REFUSED;
    guest->result->last_exit = (int32_t)guest->command.request.status;
    return CBIT_HV_STOP;
}

/* ---- the launch proper ---- */

static cbit_hv_step_t launch_start(void *self)
{
    cbit_hv_guest_t *guest = self;
    sev_start_t start = {.policy = cbit_hv_policy(guest)};
    cbit_hv_session_start(guest, &start);
    guest->launch_begin_ps = cbit_hv_now(guest->hv);
    send(guest, SEV_CMD_LAUNCH_START, &start, sizeof start);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t launch_started(void *self)
{
    cbit_hv_guest_t *guest = self;
    sev_start_t start;
    memcpy(&start, guest->command.bytes, sizeof start);
    cbit_hv_step_t step = cbit_hv_launch_checked(guest);
    guest->handle = step == CBIT_HV_NEXT ? start.handle : 0;
    return step;
}

/* Misbehaviour before ACTIVATE. The probe resumes this task. */
static cbit_hv_step_t launch_probes(void *self)
{
    cbit_hv_guest_t *guest = self;
    guest->doing = "a probe before ACTIVATE";
    for (uint32_t i = 0; i < guest->config->vcpus; i++) {
        if (cbit_hv_probe_at_launch(&guest->vcpus[i])) {
            cbit_hv_ready(&guest->vcpus[i], false);
            return CBIT_HV_AGAIN;
        }
    }
    return CBIT_HV_NEXT;
}

static cbit_hv_step_t activate(void *self)
{
    cbit_hv_guest_t *guest = self;
    const sev_activate_t activate = {.handle = guest->handle, .asid = guest->asid};
    send(guest, SEV_CMD_ACTIVATE, &activate, sizeof activate);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t activated(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_step_t step = cbit_hv_launch_checked(guest);
    guest->activated = step == CBIT_HV_NEXT;
    cbit_hv_trace_asid(guest, guest->activated ? guest->asid : 0);
    return step;
}

/* As Linux before LAUNCH_UPDATE_DATA: the SP reads memory, and what it writes is under another
   key id than the lines that the copy has left in the caches. */
static cbit_hv_step_t flush_run(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_spa_t spa;
    const uint8_t *bytes;
    guest->run_bytes = cbit_hv_launch_next_run(guest, &spa, &bytes);
    guest->doing = "CLFLUSH of its image";
    cbit_platform_clflush(guest->hv->platform, spa, guest->run_bytes, cbit_hv_task_resume,
                          &guest->image_task);
    return CBIT_HV_WAIT;
}

/* tamper_launch: one bit of the image is not the owner's. */
static cbit_err_t tamper(cbit_hv_guest_t *guest, cbit_spa_t spa)
{
    uint8_t byte;
    if (cbit_hv_probe_at_image(guest, CBIT_EVENT_TAMPER_LAUNCH) == NULL) {
        return CBIT_ERR_OK;
    }
    cbit_port_t port = cbit_platform_host_port(guest->hv->platform, 0);
    cbit_err_t err = port.peek(port.self, spa, guest->hv->host_key, &byte, 1);
    byte ^= 1;
    return err == CBIT_ERR_OK ? port.poke(port.self, spa, guest->hv->host_key, &byte, 1) : err;
}

static cbit_hv_step_t update_run(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_spa_t spa;
    const uint8_t *bytes;
    guest->run_bytes = cbit_hv_launch_next_run(guest, &spa, &bytes);
    if (cbit_hv_permute_first(guest) &&
        (cbit_hv_digest_add(guest->digest, bytes, guest->run_bytes) != CBIT_ERR_OK ||
         tamper(guest, spa) != CBIT_ERR_OK || cbit_hv_permute_begin(guest, spa) != CBIT_ERR_OK)) {
        return cbit_hv_fail(guest->hv, CBIT_ERR_INTERNAL, NULL, "SHA-256 failed");
    }
    uint64_t offset, len = guest->run_bytes;
    cbit_hv_permute_part(guest, &offset, &len);
    const sev_launch_range_t range = {.handle = guest->handle,
                                      .paddr = (spa + offset) | guest->hv->c_bit_mask,
                                      .length = (uint32_t)len};
    guest->doing = "LAUNCH_UPDATE_DATA";
    cbit_hv_command_run(&guest->command, SEV_CMD_LAUNCH_UPDATE_DATA, &range, sizeof range,
                        cbit_hv_task_resume, &guest->image_task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t updated(void *self)
{
    cbit_hv_guest_t *guest = self;
    if (!cbit_hv_permute_next(guest)) {
        guest->piece_at += guest->run_bytes;
        guest->result->launch_bytes += guest->run_bytes;
    }
    return cbit_hv_launch_checked(guest);
}

static const cbit_hv_step_fn image_steps[] = {flush_run, update_run, updated, NULL};

static cbit_hv_step_t update_image(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_spa_t spa;
    const uint8_t *bytes;
    if (guest->refused) {
        return CBIT_HV_STOP;
    }
    if (cbit_hv_launch_next_run(guest, &spa, &bytes) == 0) {
        return CBIT_HV_NEXT;
    }
    cbit_hv_task_start(&guest->image_task, image_steps, guest, cbit_hv_task_resume, &guest->task);
    return CBIT_HV_AGAIN;
}

static cbit_hv_step_t measure(void *self)
{
    cbit_hv_guest_t *guest = self;
    const sev_launch_range_t range = {
        .handle = guest->handle,
        .paddr = cbit_hv_command_paddr(&guest->command, CBIT_HV_COMMAND_ANSWER_OFFSET),
        .length = SEV_MEASUREMENT_BYTES};
    send(guest, SEV_CMD_LAUNCH_MEASURE, &range, sizeof range);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t fetch_measurement(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_step_t step = cbit_hv_launch_checked(guest);
    if (step == CBIT_HV_NEXT) {
        guest->doing = "reading its measurement";
        cbit_hv_transfer_start(&guest->transfer, CBIT_COMMAND_READ,
                               guest->command.buffer_spa + CBIT_HV_COMMAND_ANSWER_OFFSET,
                               guest->hv->host_key, guest->measurement, SEV_MEASUREMENT_BYTES,
                               cbit_hv_task_resume, &guest->task);
        return CBIT_HV_WAIT;
    }
    return step;
}

/* What the guest's owner would do; without a session the transport key is zero. */
static cbit_hv_step_t check_measurement(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_owner_t owner = guest->hv->owner;
    owner.policy = cbit_hv_policy(guest);
    cbit_hv_session_key(guest, owner.tik);
    if (cbit_hv_digest_check(guest->digest, &owner, guest->measurement,
                             &guest->result->launch_measurement_ok) != CBIT_ERR_OK) {
        return cbit_hv_fail(guest->hv, CBIT_ERR_INTERNAL, NULL, "HMAC failed");
    }
    bool tampered = cbit_hv_probe_measured(guest);
    if (guest->result->launch_measurement_ok) {
        return CBIT_HV_NEXT;
    }
    guest->hv->result->checks.measurements_wrong += !tampered && !guest->permutation.active;
    guest->result->end = CBIT_GUEST_REFUSED; /* by its owner, before it has run */
    return CBIT_HV_STOP;
}

static cbit_hv_step_t secret_sent(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_step_t step = cbit_hv_launch_checked(guest);
    if (step == CBIT_HV_NEXT) {
        cbit_hv_secret_sent(guest);
    }
    return step;
}

static cbit_hv_step_t finish(void *self)
{
    cbit_hv_guest_t *guest = self;
    const sev_handle_t handle = {.handle = guest->handle};
    send(guest, SEV_CMD_LAUNCH_FINISH, &handle, sizeof handle);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t finished(void *self)
{
    cbit_hv_guest_t *guest = self;
    guest->result->launch_ps = cbit_hv_now(guest->hv) - guest->launch_begin_ps;
    return cbit_hv_launch_checked(guest);
}

/* A protected guest finds its image in memory, not in the caches. So does one without protection:
   what is compared is how they run, not how they were launched. */
static cbit_hv_step_t flush_plain_image(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_spa_t spa;
    const uint8_t *bytes;
    guest->run_bytes = cbit_hv_launch_next_run(guest, &spa, &bytes);
    guest->doing = "CLFLUSH of its image";
    if (guest->run_bytes == 0) {
        return CBIT_HV_NEXT;
    }
    guest->piece_at += guest->run_bytes;
    cbit_platform_clflush(guest->hv->platform, spa, guest->run_bytes, cbit_hv_task_resume,
                          &guest->task);
    return CBIT_HV_AGAIN;
}

static cbit_hv_step_t begin_running(void *self)
{
    cbit_hv_guest_t *guest = self;
    guest->phase = CBIT_HV_PHASE_RUNNING;
    guest->resident_since_ps = cbit_hv_now(guest->hv);
    guest->doing = "running";
    return CBIT_HV_NEXT;
}

/* Who takes a step: guests of each kind, and the stand-in of one that arrives from elsewhere. */
enum { SEV = 1, PLAIN = 2, STAND_IN = 4, ALL = SEV | PLAIN | STAND_IN };

static const struct {
    cbit_hv_step_fn step;
    uint32_t of;
} launch_steps[] = {
    {cbit_hv_launch_take_asid, ALL},
    {cbit_hv_launch_map_memory, ALL},
    {cbit_hv_launch_flush_region, SEV | STAND_IN},
    {cbit_hv_launch_write_nested, ALL},
    {cbit_hv_iommu_map, ALL},
    {cbit_hv_iommu_write, ALL},
    {cbit_hv_iommu_enter, ALL},
    {cbit_hv_iommu_entered, ALL},
    {cbit_hv_launch_write_vmcb, SEV | PLAIN},
    {cbit_hv_launch_copy_image, SEV | PLAIN},
    {flush_plain_image, PLAIN},
    {cbit_hv_session_open, SEV},
    {launch_start, SEV},
    {launch_started, SEV},
    {launch_probes, SEV},
    {activate, SEV},
    {activated, SEV},
    {update_image, SEV},
    {cbit_hv_es_launch, SEV},
    {measure, SEV},
    {fetch_measurement, SEV},
    {check_measurement, SEV},
    {cbit_hv_secret_pack, SEV},
    {cbit_hv_secret_send, SEV},
    {secret_sent, SEV},
    {finish, SEV},
    {finished, SEV},
    {begin_running, SEV | PLAIN},
};
enum { LAUNCH_STEPS = sizeof launch_steps / sizeof launch_steps[0] };
_Static_assert((size_t)LAUNCH_STEPS < (size_t)CBIT_HV_LAUNCH_STEPS, "one more ends them");

static void start_steps(cbit_hv_guest_t *guest, uint32_t of, void (*done)(void *self),
                        void *done_self)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < LAUNCH_STEPS; i++) {
        if ((launch_steps[i].of & of) != 0) {
            guest->launch_steps[count++] = launch_steps[i].step;
        }
    }
    guest->launch_steps[count] = NULL;
    guest->turn = (cbit_hv_turn_t){.granted = cbit_hv_task_resume, .self = &guest->task};
    cbit_hv_task_start(&guest->task, guest->launch_steps, guest, done, done_self);
}

void cbit_hv_prepare_memory(cbit_hv_guest_t *guest, void (*done)(void *self), void *done_self)
{
    start_steps(guest, STAND_IN, done, done_self);
}

static void launch_over(void *self)
{
    cbit_hv_guest_t *guest = self;
    if (guest->hv->err != CBIT_ERR_OK) {
        return;
    }
    if (guest->phase == CBIT_HV_PHASE_RUNNING) {
        cbit_hv_start(guest);
    } else {
        cbit_hv_teardown(guest);
    }
    for (uint32_t i = 0; i < guest->hv->guest_count; i++) {
        cbit_hv_unpark(&guest->hv->guests[i]); /* whose probe may have waited for this guest */
    }
    cbit_hv_rotor_kick(guest->hv);
}

void cbit_hv_launch(cbit_hv_guest_t *guest)
{
    guest->phase = CBIT_HV_PHASE_LAUNCHING;
    start_steps(guest, guest->sev ? SEV : PLAIN, launch_over, guest);
}
