#include "workloads/hypervisor/attacker.h"
#include "workloads/hypervisor/dirty.h"
#include "workloads/hypervisor/hv.h"
#include "workloads/hypervisor/migrate.h"
#include "workloads/hypervisor/result.h"

/* ---- what an exit costs ---- */

static cbit_ps_t measured_ps(const cbit_hypervisor_config_t *config, int32_t reason, bool vc)
{
    switch (reason) {
    case CBIT_EXIT_IOIO:
        return vc ? config->exit_vc_io_ns : config->exit_io_ns;
    case CBIT_EXIT_VMMCALL:
        return vc ? config->exit_vc_hypercall_ns : config->exit_hypercall_ns;
    default:
        return vc ? config->exit_vc_other_ns : config->exit_other_ns;
    }
}

/* The measurements are from guest to guest: the processor's own share is already in the vCPU. */
cbit_ps_t cbit_hv_exit_cost(const cbit_hv_t *hv, int32_t reason, bool vc)
{
    const cbit_vcpu_config_t *vcpu = &hv->machine.vcpu;
    uint64_t cclk = (uint64_t)vcpu->vmrun_cclk + vcpu->vmexit_cclk;
    cbit_ps_t hardware_ps = cclk * UINT64_C(1000000000) / vcpu->clock_khz;
    cbit_ps_t whole_ps = measured_ps(&hv->config, reason, vc);
    return whole_ps > hardware_ps ? whole_ps - hardware_ps : 0;
}

/* ---- warm-up ---- */

/* What the guest has counted so far was its warm-up, once that of its last vCPU is over. */
static void begin_measuring(cbit_hv_guest_t *guest)
{
    if (--guest->warming > 0) {
        return;
    }
    guest->measured = true;
    guest->measured_from_ps = cbit_hv_now(guest->hv);
    guest->result->probe_ps = 0;
    cbit_hv_sum_vcpu_stats(guest, &guest->warm_up);
}

/* ---- what an exit asks for ---- */

/* A vCPU that cannot go on is the end of its guest, as a virtual machine monitor takes it. */
static void stop_others(cbit_hv_guest_t *guest)
{
    cbit_hv_t *hv = guest->hv;
    guest->dead = true;
    for (uint32_t i = 0; i < hv->core_count; i++) {
        cbit_hv_core_t *core = &hv->cores[i];
        if (core->in_vmrun && !core->in_probe && core->running->guest == guest) {
            cbit_vcpu_interrupt(core->cpu);
        }
    }
    for (uint32_t i = 0; i < guest->config->vcpus; i++) {
        cbit_hv_vcpu_t *vcpu = &guest->vcpus[i];
        if (!vcpu->ended && (vcpu->vmruns == 0 || vcpu->parked || vcpu->halted) && !vcpu->queued) {
            cbit_hv_vcpu_ends(vcpu, CBIT_GUEST_DIED, guest->result->last_exit);
        }
    }
}

void cbit_hv_vcpu_ends(cbit_hv_vcpu_t *vcpu, cbit_guest_end_t end, int32_t last_exit)
{
    cbit_hv_guest_t *guest = vcpu->guest;
    cbit_err_t err = cbit_guest_error(guest->soft);
    if (err != CBIT_ERR_OK) {
        (void)cbit_hv_fail(guest->hv, err, NULL, "/guests/%u/traffic: %s", guest->index,
                           cbit_err_text(err));
        return;
    }
    vcpu->ended = true;
    if (end != CBIT_GUEST_FINISHED || guest->result->end == CBIT_GUEST_FINISHED) {
        guest->result->end = end;
        guest->result->last_exit = last_exit;
    }
    if (--guest->vcpus_left > 0) {
        if (end != CBIT_GUEST_FINISHED && !guest->dead) {
            stop_others(guest);
        }
        return;
    }
    guest->ended = true;
    cbit_run_guest_t *result = guest->result;
    cbit_ps_t from_ps = guest->measured ? guest->measured_from_ps : result->first_vmrun_ps;
    result->run_ps = cbit_hv_now(guest->hv) - from_ps - result->probe_ps;
    cbit_hv_device_idle(vcpu);
}

static void time_out(cbit_hv_vcpu_t *vcpu);

void cbit_hv_device_idle(cbit_hv_vcpu_t *vcpu)
{
    cbit_hv_guest_t *guest = vcpu->guest;
    time_out(vcpu);
    cbit_hv_migrate_poke(guest->hv);
    if (guest->ended && guest->phase == CBIT_HV_PHASE_RUNNING && !guest->migrating &&
        !cbit_hv_devices_busy(guest)) {
        cbit_hv_teardown(guest);
    }
}

void cbit_hv_raise(cbit_hv_vcpu_t *vcpu)
{
    vcpu->irq_pending = true;
    if (vcpu->halted) {
        vcpu->halted = false;
        cbit_hv_ready(vcpu, true);
        return;
    }
    cbit_hv_core_t *core = vcpu->home;
    if (core->running == vcpu && core->in_vmrun && !core->in_probe) {
        cbit_vcpu_interrupt(core->cpu);
    }
}

static void on_intr(cbit_hv_core_t *core)
{
    cbit_hv_vcpu_t *vcpu = core->running;
    vcpu->guest->result->exits_intr++;
    cbit_hv_ready(vcpu, !cbit_hv_sched_slice_over(vcpu));
}

/* A driver waits for devices that have seen nothing to do: no answer will ever come. Its time-out
   (30 s in Linux) is not waited for. */
static void time_out(cbit_hv_vcpu_t *vcpu)
{
    if (vcpu->halted && !cbit_hv_vcpu_devices_busy(vcpu)) {
        vcpu->guest->result->device_errors++;
        vcpu->broken_queues = (1u << CBIT_GUEST_QUEUES) - 1;
        cbit_hv_raise(vcpu);
    }
}

static void on_hlt(cbit_hv_core_t *core)
{
    cbit_hv_vcpu_t *vcpu = core->running;
    vcpu->guest->result->exits_hlt++;
    if (cbit_guest_error(vcpu->guest->soft) != CBIT_ERR_OK) {
        (void)cbit_hv_fail(core->hv, cbit_guest_error(vcpu->guest->soft), NULL,
                           "guest %s: its program could not be read to the end",
                           vcpu->guest->config->name);
        return;
    }
    if (cbit_guest_io_waits(vcpu->guest->soft, vcpu->index)) {
        if (vcpu->irq_pending || cbit_guest_io_interrupted(vcpu->guest->soft, vcpu->index)) {
            cbit_hv_ready(vcpu, true);
        } else {
            vcpu->halted = true;
            time_out(vcpu);
        }
        return;
    }
    /* Nobody would wake it: a HLT that is not the program's end would never end. */
    cbit_hv_vcpu_ends(vcpu,
                      cbit_guest_ended(vcpu->guest->soft, vcpu->index) ? CBIT_GUEST_FINISHED
                                                                       : CBIT_GUEST_DIED,
                      core->exit.reason);
}

static void on_ioio(cbit_hv_core_t *core)
{
    cbit_hv_vcpu_t *vcpu = core->running;
    uint32_t queue;
    vcpu->guest->result->exits_ioio++;
    if (cbit_hv_doorbell(core, &queue)) {
        cbit_hv_device_kick(vcpu, queue);
    }
    cbit_hv_ready(vcpu, true);
}

/* vCPU 0 has made ready what they share: the others begin, at the boot stub like it. */
static void start_others(cbit_hv_guest_t *guest)
{
    for (uint32_t i = 1; i < guest->config->vcpus; i++) {
        cbit_hv_ready(&guest->vcpus[i], false);
    }
}

static void flushed(void *self)
{
    cbit_hv_ready(self, true);
}

/* The guest's CLFLUSH of one of its pages. */
static void flush_page(cbit_hv_vcpu_t *vcpu, cbit_gpa_t gpa)
{
    cbit_spa_t spa;
    if (cbit_hv_nested_backing(&vcpu->guest->nested, gpa, &spa)) {
        cbit_platform_clflush(vcpu->guest->hv->platform, spa, CBIT_PAGE_BYTES, flushed, vcpu);
    } else {
        cbit_hv_ready(vcpu, true);
    }
}

static void on_hypercall(cbit_hv_core_t *core)
{
    cbit_hv_guest_t *guest = core->running->guest;
    guest->result->exits_other++;
    if (core->exit.info1 == CBIT_GUEST_HYPERCALL_MEASURE) {
        begin_measuring(guest);
    } else if (core->exit.info1 == CBIT_GUEST_HYPERCALL_START) {
        start_others(guest);
    }
    cbit_hv_notice(guest, core->exit.info1);
    if ((core->exit.info1 & 0xffff) == CBIT_GUEST_HYPERCALL_FLUSH) {
        flush_page(core->running, core->exit.info1 >> 16 << 12);
    } else {
        cbit_hv_ready(core->running, true);
    }
}

/* A page of guest memory without a frame gets one; everything else is the guest's death. */
static void on_npf(cbit_hv_core_t *core)
{
    cbit_hv_vcpu_t *vcpu = core->running;
    cbit_hv_guest_t *guest = vcpu->guest;
    cbit_gpa_t gpa = core->exit.info2 & ~(cbit_gpa_t)(CBIT_PAGE_BYTES - 1);
    cbit_spa_t spa;
    guest->result->exits_npf++;
    if (cbit_hv_dirty_fault(guest, gpa, core->exit.info1)) {
        cbit_hv_ready(vcpu, true);
        return;
    }
    if (gpa >= guest->config->memory || cbit_hv_nested_lookup(&guest->nested, gpa, &spa)) {
        cbit_hv_vcpu_ends(vcpu, CBIT_GUEST_DIED, core->exit.reason);
        return;
    }
    if (cbit_hv_nested_set_present(&guest->nested, gpa, true)) {
        cbit_hv_ready(vcpu, true); /* it has a frame and was only taken away */
        return;
    }
    if (!cbit_hv_frames_take(cbit_hv_frames_for(guest), &spa) ||
        cbit_hv_nested_map(&guest->nested, gpa, spa) != CBIT_ERR_OK) {
        (void)cbit_hv_fail(core->hv, CBIT_ERR_CONFLICT, "/memory/size_bytes",
                           "guest %s needs more memory than the machine has left",
                           guest->config->name);
        return;
    }
    guest->result->resident_pages++;
    cbit_hv_ready(vcpu, true);
}

static void on_death(cbit_hv_core_t *core)
{
    core->running->guest->result->exits_other++;
    cbit_hv_vcpu_ends(core->running, CBIT_GUEST_DIED, core->exit.reason);
}

typedef struct exit_row {
    int32_t reason;
    void (*handle)(cbit_hv_core_t *core);
} exit_row_t;

static const exit_row_t exit_rows[] = {
    {CBIT_EXIT_INTR, on_intr}, {CBIT_EXIT_HLT, on_hlt},           {CBIT_EXIT_IOIO, on_ioio},
    {CBIT_EXIT_NPF, on_npf},   {CBIT_EXIT_VMMCALL, on_hypercall},
};

void cbit_hv_handle_exit(cbit_hv_core_t *core)
{
    if (core->running->guest->dead) {
        cbit_hv_vcpu_ends(core->running, CBIT_GUEST_DIED, core->running->guest->result->last_exit);
        return;
    }
    if (cbit_hv_attack_exit(core) || cbit_hv_probe_stepped(core)) {
        return;
    }
    for (uint32_t i = 0; i < sizeof exit_rows / sizeof exit_rows[0]; i++) {
        if (exit_rows[i].reason == core->exit.reason) {
            exit_rows[i].handle(core);
            return;
        }
    }
    on_death(core);
}
