/*
 * When a launched guest starts. A launch takes milliseconds with the Secure Processor and
 * microseconds without: left to itself, a baseline would put guests beside each other that never
 * met, and a slowdown would say more about neighbours than about encryption.
 */
#include "workloads/hypervisor/hv.h"

static void let_go(cbit_hv_guest_t *guest)
{
    guest->started = true;
    cbit_hv_ready(&guest->vcpus[0], false); /* which starts the others (exits.c) */
}

static void start_fires(void *self)
{
    let_go(self);
}

void cbit_hv_pace_init(cbit_hv_guest_t *guest)
{
    cbit_event_init(&guest->start, start_fires, guest);
}

static const cbit_run_guest_t *as_there(const cbit_hv_guest_t *guest)
{
    return &guest->hv->options->pace->guests[guest->index];
}

/* The guest that the others of the first wave keep their distance from: the first to run there. */
static const cbit_hv_guest_t *leader(const cbit_hv_t *hv)
{
    const cbit_hv_guest_t *best = NULL;
    for (uint32_t i = 0; i < hv->guest_count; i++) {
        const cbit_hv_guest_t *guest = &hv->guests[i];
        if (guest->config->after_guest == UINT32_MAX && as_there(guest)->vmruns > 0 &&
            (best == NULL || as_there(guest)->first_vmrun_ps < as_there(best)->first_vmrun_ps)) {
            best = guest;
        }
    }
    return best;
}

static void start_at(cbit_hv_guest_t *guest, cbit_ps_t at_ps)
{
    cbit_ps_t now_ps = cbit_hv_now(guest->hv);
    cbit_event_notify_at(guest->hv->kernel, &guest->start, at_ps > now_ps ? at_ps : now_ps);
}

/* Once all of the first wave are ready: from now on, at their distances. */
static void start_wave(cbit_hv_t *hv)
{
    const cbit_hv_guest_t *first = leader(hv);
    for (uint32_t i = 0; i < hv->guest_count; i++) {
        const cbit_hv_guest_t *guest = &hv->guests[i];
        if (guest->config->after_guest == UINT32_MAX && guest->phase <= CBIT_HV_PHASE_LAUNCHING) {
            return; /* the last one starts the wave */
        }
    }
    for (uint32_t i = 0; i < hv->guest_count; i++) {
        cbit_hv_guest_t *guest = &hv->guests[i];
        if (guest->config->after_guest != UINT32_MAX || cbit_event_pending(&guest->start) ||
            guest->started || guest->phase != CBIT_HV_PHASE_RUNNING) {
            continue;
        }
        cbit_ps_t distance_ps =
            first != NULL && as_there(guest)->vmruns > 0
                ? as_there(guest)->first_vmrun_ps - as_there(first)->first_vmrun_ps
                : 0;
        start_at(guest, cbit_hv_now(hv) + distance_ps);
    }
}

/* Guests that take turns cannot wait for each other. */
static bool paced(const cbit_hv_t *hv)
{
    return hv->options->pace != NULL && hv->options->pace->guest_count == hv->guest_count &&
           hv->config.asid_policy == CBIT_ASID_BIND;
}

void cbit_hv_pace_refused(cbit_hv_t *hv)
{
    if (paced(hv)) {
        start_wave(hv);
    }
}

void cbit_hv_start(cbit_hv_guest_t *guest)
{
    cbit_hv_t *hv = guest->hv;
    if (!paced(hv)) {
        let_go(guest);
        return;
    }
    if (guest->config->after_guest == UINT32_MAX) {
        start_wave(hv);
        return;
    }
    const cbit_hv_guest_t *before = &hv->guests[guest->config->after_guest];
    cbit_ps_t there_ps = as_there(guest)->first_vmrun_ps;
    cbit_ps_t end_ps = cbit_run_guest_end_ps(as_there(before));
    cbit_ps_t distance_ps = there_ps > end_ps ? there_ps - end_ps : 0;
    start_at(guest, cbit_run_guest_end_ps(before->result) + distance_ps);
}
