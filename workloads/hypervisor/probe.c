#include <stdlib.h>
#include <string.h>

#include "workloads/hypervisor/hv.h"
#include "workloads/hypervisor/vmcb.h"

static const char *const kind_words[] = {
    [CBIT_EVENT_RUN_WITH_ASID] = "run_with_asid",
    [CBIT_EVENT_SKIP_ACTIVATE] = "skip_activate",
    [CBIT_EVENT_DMA_READ] = "dma_read",
    [CBIT_EVENT_DMA_WRITE] = "dma_write",
};

/* Those that go through the guest's own driver. */
static bool is_dma(const cbit_scenario_event_t *event)
{
    return event->kind == CBIT_EVENT_DMA_READ || event->kind == CBIT_EVENT_DMA_WRITE;
}

/* ---- when ---- */

static bool applies(const cbit_hv_t *hv, const cbit_scenario_event_t *event)
{
    if ((event->engines_mask >> hv->options->mode & 1) == 0) {
        return false;
    }
    return hv->options->baseline == CBIT_BASELINE_NONE || !cbit_event_is_misbehaviour(event);
}

static void alarm_fires(void *self)
{
    cbit_hv_probe_t *probe = self;
    cbit_hv_guest_t *guest = &probe->hv->guests[probe->event->guest_index];
    probe->state = CBIT_HV_PROBE_DUE;
    for (uint32_t i = 0; i < probe->hv->core_count; i++) {
        cbit_hv_core_t *core = &probe->hv->cores[i];
        if (core->in_vmrun && !core->in_probe && core->running->guest == guest) {
            cbit_vcpu_interrupt(core->cpu);
        }
    }
}

cbit_err_t cbit_hv_probes_create(cbit_hv_t *hv)
{
    hv->probe_count = hv->scenario->events_count;
    hv->probes = calloc(hv->probe_count + 1, sizeof *hv->probes);
    if (hv->probes == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < hv->probe_count; i++) {
        const cbit_scenario_event_t *event = &hv->scenario->events[i];
        cbit_hv_probe_t *probe = &hv->probes[i];
        *probe = (cbit_hv_probe_t){
            .hv = hv, .index = i, .event = event, .result = &hv->result->events[i]};
        *probe->result = (cbit_run_event_t){.skipped = true,
                                            .guest = event->guest_index,
                                            .vcpu = event->vcpu,
                                            .kind = kind_words[event->kind],
                                            .outcome = ""};
        cbit_event_init(&probe->alarm, alarm_fires, probe);
        if (!applies(hv, event)) {
            continue;
        }
        probe->state = CBIT_HV_PROBE_WAITING;
        if (event->when == CBIT_WHEN_TIME) {
            cbit_event_notify_at(hv->kernel, &probe->alarm, event->at_us);
        }
    }
    return CBIT_ERR_OK;
}

void cbit_hv_probes_destroy(cbit_hv_t *hv)
{
    for (uint32_t i = 0; hv->probes != NULL && i < hv->probe_count; i++) {
        cbit_hv_blocks_clear(&hv->probes[i].foreign);
    }
    free(hv->probes);
    hv->probes = NULL;
}

static bool reached(const cbit_hv_probe_t *probe, const cbit_hv_guest_t *guest)
{
    switch (probe->event->when) {
    case CBIT_WHEN_TIME:
        return false; /* by alarm */
    case CBIT_WHEN_LAUNCH:
        return guest->phase == CBIT_HV_PHASE_LAUNCHING;
    case CBIT_WHEN_FIRST_VMRUN:
        return guest->phase == CBIT_HV_PHASE_RUNNING && guest->result->vmruns == 0;
    default:
        return guest->phase == CBIT_HV_PHASE_RUNNING && cbit_guest_paged(guest->soft);
    }
}

static bool concerns(const cbit_hv_probe_t *probe, const cbit_hv_vcpu_t *vcpu)
{
    return probe->event->guest_index == vcpu->guest->index && probe->event->vcpu == vcpu->index;
}

/* The guest that is to have the ASID is still being launched: without it the probe would only show
   that the ASID is not valid yet. */
static bool owner_on_its_way(const cbit_hv_probe_t *probe)
{
    if (probe->event->kind != CBIT_EVENT_RUN_WITH_ASID) {
        return false;
    }
    for (uint32_t i = 0; i < probe->hv->guest_count; i++) {
        const cbit_hv_guest_t *guest = &probe->hv->guests[i];
        if (guest->sev && guest->config->asid == probe->event->asid &&
            guest->phase == CBIT_HV_PHASE_LAUNCHING) {
            return true;
        }
    }
    return false;
}

bool cbit_hv_probe_holds(const cbit_hv_vcpu_t *vcpu)
{
    const cbit_hv_t *hv = vcpu->guest->hv;
    if (vcpu->guest->phase != CBIT_HV_PHASE_RUNNING || vcpu->guest->result->vmruns > 0) {
        return false; /* once it runs, its time counts */
    }
    for (uint32_t i = 0; i < hv->probe_count; i++) {
        const cbit_hv_probe_t *probe = &hv->probes[i];
        bool undone = probe->state == CBIT_HV_PROBE_WAITING || probe->state == CBIT_HV_PROBE_DUE;
        if (undone && concerns(probe, vcpu) && owner_on_its_way(probe)) {
            return true;
        }
    }
    return false;
}

/* Bounced and shared buffers are a matter of protection: a guest without it needs neither. */
static uint32_t io_pages(const cbit_hv_guest_t *guest, uint32_t pages)
{
    switch (pages) {
    case CBIT_PAGES_SHARED:
        return CBIT_GUEST_IO_SHARED;
    case CBIT_PAGES_BOUNCED:
        return guest->sev ? CBIT_GUEST_IO_BOUNCED : CBIT_GUEST_IO_PRIVATE;
    default:
        return CBIT_GUEST_IO_PRIVATE;
    }
}

static void ask_driver(cbit_hv_probe_t *probe, cbit_hv_guest_t *guest)
{
    const cbit_guest_io_t io = {
        .pages = io_pages(guest, probe->event->pages),
        .from_device = probe->event->kind == CBIT_EVENT_DMA_WRITE,
        .bytes = (uint32_t)probe->event->bytes,
        .pattern = probe->index,
    };
    probe->state = CBIT_HV_PROBE_ACTIVE;
    if (cbit_guest_io_request(guest->soft, &io, &probe->io, probe->hv->diag) != CBIT_ERR_OK) {
        (void)cbit_hv_fail(probe->hv, CBIT_ERR_CONFLICT, NULL,
                           "/events/%u: guest %s cannot take the request", probe->index,
                           guest->config->name);
    }
}

cbit_hv_probe_t *cbit_hv_probe_for(cbit_hv_vcpu_t *vcpu)
{
    cbit_hv_t *hv = vcpu->guest->hv;
    for (uint32_t i = 0; i < hv->probe_count; i++) {
        cbit_hv_probe_t *probe = &hv->probes[i];
        if (!concerns(probe, vcpu)) {
            continue;
        }
        if (probe->state == CBIT_HV_PROBE_WAITING && reached(probe, vcpu->guest)) {
            probe->state = CBIT_HV_PROBE_DUE;
        }
        if (probe->state != CBIT_HV_PROBE_DUE || owner_on_its_way(probe)) {
            continue;
        }
        if (!is_dma(probe->event)) {
            return probe;
        }
        ask_driver(probe, vcpu->guest);
    }
    return NULL;
}

/* Whether an undone probe of this vCPU waits for `when`. */
static bool waits_for(const cbit_hv_vcpu_t *vcpu, cbit_event_when_t when)
{
    const cbit_hv_t *hv = vcpu->guest->hv;
    for (uint32_t i = 0; i < hv->probe_count; i++) {
        const cbit_hv_probe_t *probe = &hv->probes[i];
        if (concerns(probe, vcpu) && probe->state == CBIT_HV_PROBE_WAITING &&
            probe->event->when == when) {
            return true;
        }
    }
    return false;
}

bool cbit_hv_probe_at_launch(const cbit_hv_vcpu_t *vcpu)
{
    return waits_for(vcpu, CBIT_WHEN_LAUNCH);
}

bool cbit_hv_probe_watches(const cbit_hv_vcpu_t *vcpu)
{
    return waits_for(vcpu, CBIT_WHEN_PAGED);
}

cbit_hv_probe_t *cbit_hv_probe_of_io(cbit_hv_vcpu_t *vcpu, uint32_t io)
{
    cbit_hv_t *hv = vcpu->guest->hv;
    for (uint32_t i = 0; i < hv->probe_count; i++) {
        cbit_hv_probe_t *probe = &hv->probes[i];
        if (concerns(probe, vcpu) && is_dma(probe->event) && probe->state == CBIT_HV_PROBE_ACTIVE &&
            probe->io == io) {
            return probe;
        }
    }
    return NULL;
}

bool cbit_hv_probe_must_work(const cbit_hv_probe_t *probe)
{
    return probe->event->pages != CBIT_PAGES_PRIVATE ||
           !probe->hv->guests[probe->event->guest_index].sev;
}

/* ---- what reached the core ---- */

static void observe(void *self, cbit_spa_t spa, cbit_key_t key,
                    const uint8_t block[CBIT_BLOCK_BYTES])
{
    cbit_hv_probe_t *probe = self;
    (void)spa;
    if (key != probe->own_key) {
        return; /* the VMCB and nested tables: the host's own */
    }
    probe->result->blocks++;
    if (cbit_hv_blocks_contains(&probe->foreign, block)) {
        probe->result->foreign_blocks++;
    }
}

typedef struct gather {
    cbit_hv_blocks_t *blocks;
    cbit_err_t err;
} gather_t;

static void gather_page(void *self, cbit_gpa_t gpa, bool is_private,
                        const uint8_t bytes[CBIT_PAGE_BYTES])
{
    gather_t *gather = self;
    (void)gpa;
    if (is_private && gather->err == CBIT_ERR_OK) {
        gather->err = cbit_hv_blocks_add(gather->blocks, bytes, CBIT_PAGE_BYTES);
    }
}

/* Everything private of the guests that own the probe's ASID now. */
static cbit_err_t gather_foreign(cbit_hv_probe_t *probe, const cbit_hv_guest_t *own, uint32_t asid)
{
    gather_t gather = {.blocks = &probe->foreign};
    for (uint32_t i = 0; i < probe->hv->guest_count; i++) {
        const cbit_hv_guest_t *guest = &probe->hv->guests[i];
        if (guest != own && guest->sev && guest->activated && guest->asid == asid) {
            cbit_guest_for_each_known_page(guest->soft, gather_page, &gather);
        }
    }
    return gather.err;
}

/* ---- run, look, put back ---- */

static cbit_hv_step_t probe_save(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    cbit_hv_t *hv = core->hv;
    cbit_hv_guest_t *guest = core->running->guest;
    uint32_t asid =
        probe->event->kind == CBIT_EVENT_RUN_WITH_ASID ? probe->event->asid : guest->asid;
    probe->state = CBIT_HV_PROBE_ACTIVE;
    probe->begun_ps = cbit_hv_now(hv);
    probe->own_key = (cbit_key_t)asid;
    probe->result->skipped = false;
    probe->result->at_ps = probe->begun_ps;
    probe->result->asid = asid;
    cbit_guest_stats(guest->soft, &probe->before);
    if (gather_foreign(probe, guest, asid) != CBIT_ERR_OK) {
        return cbit_hv_fail(hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_hv_transfer_start(&core->transfer, CBIT_COMMAND_READ, core->running->vmcb_spa,
                           hv->host_key, probe->saved, CBIT_VMCB_BYTES, cbit_hv_task_resume,
                           &core->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t probe_change(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    cbit_hv_vcpu_t *vcpu = core->running;
    bool keep_tlb = probe->event->kind == CBIT_EVENT_RUN_WITH_ASID && !probe->event->flush_tlb;
    memcpy(vcpu->vmcb, probe->saved, CBIT_VMCB_BYTES);
    cbit_hv_vmcb_set_asid(vcpu->vmcb, probe->result->asid);
    cbit_hv_vmcb_set_tlb_control(vcpu->vmcb,
                                 keep_tlb ? CBIT_TLB_CONTROL_NOTHING : CBIT_TLB_CONTROL_FLUSH_ALL);
    cbit_hv_transfer_start(&core->transfer, CBIT_COMMAND_WRITE, vcpu->vmcb_spa, core->hv->host_key,
                           vcpu->vmcb, CBIT_VMCB_BYTES, cbit_hv_task_resume, &core->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t probe_vmrun(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_t *hv = core->hv;
    cbit_hv_core_bind(core, core->running);
    cbit_vcpu_observe(core->cpu, observe, core->probe);
    cbit_event_notify_at(hv->kernel, &core->quantum, cbit_hv_now(hv) + hv->config.probe_limit_us);
    core->in_vmrun = true;
    core->in_probe = true;
    cbit_vcpu_run(core->cpu, core->running->vmcb_spa);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t probe_look(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_run_event_t *result = core->probe->result;
    core->in_probe = false;
    cbit_vcpu_observe(core->cpu, NULL, NULL);
    result->exit_code = core->exit.reason;
    result->outcome = cbit_exit_word(core->exit.reason);
    result->info1 = core->exit.info1;
    result->info2 = core->exit.info2;
    cbit_hv_core_delay(core, cbit_hv_exit_cost(core->hv, core->exit.reason));
    return CBIT_HV_WAIT;
}

/* The VMCB as it was; no translation that the probe made survives. */
static cbit_hv_step_t probe_restore(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_vcpu_t *vcpu = core->running;
    memcpy(vcpu->vmcb, core->probe->saved, CBIT_VMCB_BYTES);
    cbit_vcpu_rewind(core->cpu);
    cbit_vcpu_flush_tlb(core->cpu, (uint16_t)core->probe->result->asid);
    cbit_hv_transfer_start(&core->transfer, CBIT_COMMAND_WRITE, vcpu->vmcb_spa, core->hv->host_key,
                           vcpu->vmcb, CBIT_VMCB_BYTES, cbit_hv_task_resume, &core->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t probe_end(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    cbit_hv_guest_t *guest = core->running->guest;
    cbit_guest_stats_t after;
    cbit_guest_stats(guest->soft, &after);
    /* What the probe fetched was not meant to be the recording. */
    guest->probe_fetch_mismatches += after.fetch_mismatches - probe->before.fetch_mismatches;
    probe->result->span_ps = cbit_hv_now(core->hv) - probe->begun_ps;
    if (guest->result->vmruns > 0) {
        guest->result->probe_ps += probe->result->span_ps;
    }
    core->hv->result->checks.foreign_blocks += probe->result->foreign_blocks;
    cbit_hv_blocks_clear(&probe->foreign);
    probe->state = CBIT_HV_PROBE_DONE;
    core->probe = NULL;
    return CBIT_HV_NEXT;
}

static const cbit_hv_step_fn probe_steps[] = {probe_save,    probe_change, probe_vmrun, probe_look,
                                              probe_restore, probe_end,    NULL};

void cbit_hv_probe_run(cbit_hv_core_t *core, cbit_hv_probe_t *probe, void (*done)(void *self),
                       void *done_self)
{
    core->probe = probe;
    cbit_hv_task_start(&core->task, probe_steps, core, done, done_self);
}
