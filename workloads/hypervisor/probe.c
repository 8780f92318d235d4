#include "workloads/hypervisor/probe.h"

#include "workloads/hypervisor/migrate.h"

#include <stdlib.h>

typedef struct probe_kind {
    const char *word;
    const cbit_hv_step_fn *steps; /* with the vCPU stopped; NULL: in the course of something else */
    void (*begin)(cbit_hv_probe_t *probe, cbit_hv_vcpu_t *vcpu); /* of its run; NULL: of a launch */
} probe_kind_t;

static void ask_driver(cbit_hv_probe_t *probe, cbit_hv_vcpu_t *vcpu);
static void convert(cbit_hv_probe_t *probe, cbit_hv_vcpu_t *vcpu);

static const probe_kind_t kinds[] = {
    [CBIT_EVENT_RUN_WITH_ASID] = {"run_with_asid", cbit_hv_probe_asid_steps, NULL},
    [CBIT_EVENT_SKIP_ACTIVATE] = {"skip_activate", cbit_hv_probe_asid_steps, NULL},
    [CBIT_EVENT_DMA_READ] = {"dma_read", NULL, ask_driver},
    [CBIT_EVENT_DMA_WRITE] = {"dma_write", NULL, ask_driver},
    [CBIT_EVENT_CONVERT_PAGE] = {"convert_page", NULL, convert},
    [CBIT_EVENT_TAMPER_LAUNCH] = {"tamper_launch", NULL, NULL},
    [CBIT_EVENT_ACTIVATE_OTHER_KEY] = {"activate_other_key", cbit_hv_probe_key_steps, NULL},
    [CBIT_EVENT_CLEAR_NESTED_PRESENT] = {"clear_nested_present", cbit_hv_probe_nested_steps, NULL},
    [CBIT_EVENT_REMAP_PAGE] = {"remap_page", cbit_hv_probe_nested_steps, NULL},
    [CBIT_EVENT_SKIP_TLB_FLUSH] = {"skip_tlb_flush", cbit_hv_probe_nested_steps, NULL},
    [CBIT_EVENT_READ_GUEST_PAGE] = {"read_guest_page", cbit_hv_probe_read_steps, NULL},
    [CBIT_EVENT_FLIP_CIPHERTEXT] = {"flip_ciphertext", cbit_hv_probe_flip_steps, NULL},
    [CBIT_EVENT_WRITE_CIPHERTEXT] = {"write_ciphertext", cbit_hv_probe_write_steps, NULL},
    [CBIT_EVENT_MOVE_CIPHERTEXT] = {"move_ciphertext", cbit_hv_probe_move_steps, NULL},
    [CBIT_EVENT_REPLAY_PAGE] = {"replay_page", cbit_hv_probe_replay_steps, NULL},
    [CBIT_EVENT_ALIAS_DIMM] = {"alias_dimm", cbit_hv_probe_replay_steps, NULL},
    [CBIT_EVENT_INVD] = {"invd", cbit_hv_probe_invd_steps, NULL},
    [CBIT_EVENT_CAPTURE_BUS] = {"capture_bus", NULL, cbit_hv_probe_capture},
    [CBIT_EVENT_PERMUTE_LAUNCH] = {"permute_launch", NULL, NULL},
    [CBIT_EVENT_STEP] = {"step", NULL, cbit_hv_probe_step},
    [CBIT_EVENT_MIGRATE] = {"migrate", NULL, cbit_hv_migrate},
};

static bool is_dma(const cbit_scenario_event_t *event)
{
    return kinds[event->kind].begin == ask_driver;
}

/* Of the launch's own steps, which know themselves when. */
static bool is_of_image(const cbit_scenario_event_t *event)
{
    return kinds[event->kind].steps == NULL && kinds[event->kind].begin == NULL;
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
    if (probe->event->kind == CBIT_EVENT_CAPTURE_BUS && probe->state == CBIT_HV_PROBE_ACTIVE) {
        cbit_hv_probe_captured(probe);
        return;
    }
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
                                            .reason = "engine",
                                            .guest = event->guest_index,
                                            .vcpu = event->vcpu,
                                            .kind = kinds[event->kind].word,
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

void cbit_hv_probes_collect(cbit_hv_t *hv)
{
    for (uint32_t i = 0; i < hv->probe_count; i++) {
        const cbit_hv_probe_t *probe = &hv->probes[i];
        if (probe->state != CBIT_HV_PROBE_ABSENT) {
            bool here = hv->guests[probe->event->guest_index].hv == hv;
            probe->result->reason = here ? "ended" : "migrated";
        }
    }
}

void cbit_hv_probes_destroy(cbit_hv_t *hv)
{
    for (uint32_t i = 0; hv->probes != NULL && i < hv->probe_count; i++) {
        cbit_hv_blocks_clear(&hv->probes[i].foreign);
        cbit_hv_blocks_clear(&hv->probes[i].common);
        free(hv->probes[i].album);
        free(hv->probes[i].places);
        free(hv->probes[i].dirty);
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
        return guest->phase == CBIT_HV_PHASE_RUNNING &&
               guest->vcpus[probe->event->vcpu].vmruns == 0;
    default:
        return guest->phase == CBIT_HV_PHASE_RUNNING &&
               cbit_guest_paged(guest->soft, probe->event->vcpu);
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
    if (vcpu->guest->phase != CBIT_HV_PHASE_RUNNING || vcpu->vmruns > 0) {
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

static void ask_driver(cbit_hv_probe_t *probe, cbit_hv_vcpu_t *vcpu)
{
    cbit_hv_guest_t *guest = vcpu->guest;
    const cbit_guest_io_t io = {
        .pages = io_pages(guest, probe->event->pages),
        .from_device = probe->event->kind == CBIT_EVENT_DMA_WRITE,
        .bytes = (uint32_t)probe->event->bytes,
        .pattern = probe->index,
        .device = probe->event->device,
    };
    probe->state = CBIT_HV_PROBE_ACTIVE;
    if (cbit_guest_io_request(guest->soft, probe->event->vcpu, &io, &probe->io, probe->hv->diag) !=
        CBIT_ERR_OK) {
        (void)cbit_hv_fail(probe->hv, CBIT_ERR_CONFLICT, NULL,
                           "/events/%u: guest %s cannot take the request", probe->index,
                           guest->config->name);
    }
}

void cbit_hv_probe_converted(cbit_hv_guest_t *guest)
{
    for (uint32_t i = 0; i < guest->hv->probe_count; i++) {
        cbit_hv_probe_t *probe = &guest->hv->probes[i];
        cbit_guest_conversion_t seen;
        cbit_guest_conversion(guest->soft, &seen);
        if (probe->event->kind != CBIT_EVENT_CONVERT_PAGE || !seen.done ||
            probe->state != CBIT_HV_PROBE_ACTIVE || probe->event->guest_index != guest->index) {
            continue;
        }
        probe->state = CBIT_HV_PROBE_DONE;
        probe->result->skipped = false;
        probe->result->blocks = (uint64_t)seen.lines * 4;
        probe->result->changed_blocks = (uint64_t)(seen.lines - seen.old_lines) * 4;
        probe->result->outcome = seen.old_lines > 0                ? "stale"
                                 : seen.shared_lines == seen.lines ? "plaintext"
                                                                   : "garbage";
    }
}

/* One conversion at a time: the next one waits for the vCPU's next entry. */
static void convert(cbit_hv_probe_t *probe, cbit_hv_vcpu_t *vcpu)
{
    cbit_hv_guest_t *guest = vcpu->guest;
    cbit_hv_probe_converted(guest); /* the one before */
    if (cbit_guest_convert(guest->soft, probe->event->flush) == CBIT_ERR_OK) {
        probe->state = CBIT_HV_PROBE_ACTIVE;
        probe->result->at_ps = cbit_hv_now(probe->hv);
    }
}

cbit_hv_probe_t *cbit_hv_probe_for(cbit_hv_vcpu_t *vcpu)
{
    cbit_hv_t *hv = vcpu->guest->hv;
    for (uint32_t i = 0; i < hv->probe_count; i++) {
        cbit_hv_probe_t *probe = &hv->probes[i];
        /* A guest that is being launched is there for the launch's own probes only. */
        bool launching = vcpu->guest->phase == CBIT_HV_PHASE_LAUNCHING;
        if (!concerns(probe, vcpu) || launching != (probe->event->when == CBIT_WHEN_LAUNCH)) {
            continue;
        }
        if (probe->state == CBIT_HV_PROBE_WAITING && probe->again_at_ps == 0 &&
            !is_of_image(probe->event) && reached(probe, vcpu->guest)) {
            probe->state = CBIT_HV_PROBE_DUE;
        }
        if (probe->state != CBIT_HV_PROBE_DUE || owner_on_its_way(probe)) {
            continue;
        }
        if (kinds[probe->event->kind].begin == NULL) {
            return probe;
        }
        kinds[probe->event->kind].begin(probe, vcpu);
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
            probe->event->when == when && !is_of_image(probe->event)) {
            return true;
        }
    }
    return false;
}

static bool is_at_image(const cbit_hv_probe_t *probe, const cbit_hv_guest_t *guest,
                        cbit_hv_probe_state_t state)
{
    return probe->event->guest_index == guest->index && is_of_image(probe->event) &&
           probe->state == state;
}

cbit_hv_probe_t *cbit_hv_probe_at_image(const cbit_hv_guest_t *guest, cbit_event_kind_t kind)
{
    for (uint32_t i = 0; i < guest->hv->probe_count; i++) {
        cbit_hv_probe_t *probe = &guest->hv->probes[i];
        if (probe->event->kind == kind && is_at_image(probe, guest, CBIT_HV_PROBE_WAITING)) {
            probe->state = CBIT_HV_PROBE_ACTIVE;
            probe->result->skipped = false;
            probe->result->at_ps = cbit_hv_now(guest->hv);
            probe->result->asid = guest->asid;
            return probe;
        }
    }
    return NULL;
}

bool cbit_hv_probe_measured(const cbit_hv_guest_t *guest)
{
    bool any = false;
    for (uint32_t i = 0; i < guest->hv->probe_count; i++) {
        cbit_hv_probe_t *probe = &guest->hv->probes[i];
        if (is_at_image(probe, guest, CBIT_HV_PROBE_ACTIVE)) {
            probe->state = CBIT_HV_PROBE_DONE;
            probe->result->span_ps = cbit_hv_now(guest->hv) - probe->result->at_ps;
            probe->result->outcome = guest->result->launch_measurement_ok ? "ok" : "refused";
            any = true;
        }
    }
    return any;
}

bool cbit_hv_probe_aliases(const cbit_hv_t *hv)
{
    for (uint32_t i = 0; i < hv->scenario->events_count; i++) {
        const cbit_scenario_event_t *event = &hv->scenario->events[i];
        if (event->kind == CBIT_EVENT_ALIAS_DIMM && !event->switched && applies(hv, event)) {
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

/* ---- one that stops its vCPU ---- */

cbit_hv_step_t cbit_hv_probe_begin(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    probe->state = CBIT_HV_PROBE_ACTIVE;
    probe->begun_ps = cbit_hv_now(core->hv);
    probe->result->skipped = false;
    probe->result->at_ps = probe->begun_ps;
    cbit_guest_stats(core->running->guest->soft, &probe->before);
    return CBIT_HV_NEXT;
}

cbit_hv_step_t cbit_hv_probe_end(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    cbit_hv_guest_t *guest = core->running->guest;
    cbit_guest_stats_t after;
    cbit_guest_stats(guest->soft, &after);
    /* What the probe fetched was not meant to be the recording. */
    guest->probe_fetch_mismatches += after.fetch_mismatches - probe->before.fetch_mismatches;
    cbit_ps_t span_ps = cbit_hv_now(core->hv) - probe->begun_ps;
    probe->result->span_ps += span_ps;
    if (guest->result->vmruns > 0) {
        guest->result->probe_ps += span_ps;
    }
    core->hv->result->checks.foreign_blocks += probe->result->foreign_blocks;
    cbit_hv_blocks_clear(&probe->foreign);
    cbit_hv_blocks_clear(&probe->common);
    cbit_hv_watch_slice(core->hv, CBIT_WATCH_CORE, core->number, guest->config->name,
                        probe->result->kind, probe->begun_ps);
    core->probe = NULL;
    if (probe->again_at_ps > cbit_hv_now(core->hv)) {
        probe->state = CBIT_HV_PROBE_WAITING;
        cbit_event_notify_at(core->hv->kernel, &probe->alarm, probe->again_at_ps);
    } else {
        probe->state = CBIT_HV_PROBE_DONE;
    }
    return CBIT_HV_NEXT;
}

void cbit_hv_probe_run_steps(cbit_hv_core_t *core, cbit_hv_probe_t *probe,
                             const cbit_hv_step_fn *steps, void (*done)(void *self),
                             void *done_self)
{
    core->probe = probe;
    cbit_hv_task_start(&core->task, steps, core, done, done_self);
}

void cbit_hv_probe_run(cbit_hv_core_t *core, cbit_hv_probe_t *probe, void (*done)(void *self),
                       void *done_self)
{
    cbit_hv_probe_run_steps(core, probe, kinds[probe->event->kind].steps, done, done_self);
}
