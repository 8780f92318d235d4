/*
 * When a launched guest starts. A launch takes milliseconds with the Secure Processor and
 * microseconds without: left to itself, a baseline would put guests beside each other that never
 * met, and a slowdown would say more about neighbours than about encryption. So a baseline's guests
 * start when they started in the run that it is compared with, at the same time to the picosecond:
 * then refreshes and what the Secure Processor does meanwhile meet them at the same places too.
 */
#include "workloads/hypervisor/hv.h"

static void let_go(cbit_hv_guest_t *guest)
{
    guest->result->started_ps = cbit_hv_now(guest->hv);
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

/* Guests that take turns cannot wait for each other. */
static bool paced(const cbit_hv_t *hv)
{
    return hv->options->pace != NULL && hv->options->pace->guest_count == hv->guest_count &&
           hv->config.asid_policy == CBIT_ASID_BIND;
}

/* When a guest starts; one that follows another, as long after the other's end as there. */
static cbit_ps_t start_ps(const cbit_hv_guest_t *guest)
{
    const cbit_run_guest_t *there = guest->hv->options->pace->guests;
    const uint32_t after = guest->config->after_guest;
    const cbit_ps_t start_there_ps = there[guest->index].started_ps;
    if (after == UINT32_MAX) {
        return start_there_ps;
    }
    const cbit_ps_t end_there_ps = cbit_run_guest_end_ps(&there[after]);
    const cbit_ps_t apart_ps = start_there_ps > end_there_ps ? start_there_ps - end_there_ps : 0;
    return cbit_run_guest_end_ps(guest->hv->guests[after].result) + apart_ps;
}

void cbit_hv_start(cbit_hv_guest_t *guest)
{
    cbit_hv_t *hv = guest->hv;
    const cbit_ps_t now_ps = cbit_hv_now(hv), at_ps = paced(hv) ? start_ps(guest) : now_ps;
    if (at_ps <= now_ps) {
        let_go(guest);
    } else {
        cbit_event_notify_at(hv->kernel, &guest->start, at_ps);
    }
}
