/*
 * step: the guest goes on a few instructions at a time, as with a timer that is set to fire right
 * behind its VMRUN. Between steps all of its pages are taken away, so that nested faults tell which
 * ones a step uses; and the first page that it writes is compared with what it was, 16 bytes of
 * ciphertext at a time.
 */
#include "workloads/hypervisor/probe.h"

#include <string.h>

/* Error code of a nested fault: the guest's own write, not one to its page tables by the walk. */
static bool is_own_write(const cbit_exit_t *exit)
{
    return (exit->info1 & CBIT_PF_W) != 0 && (exit->info1 & CBIT_NPF_FINAL) != 0;
}

static void flush_tlbs(const cbit_hv_guest_t *guest)
{
    for (uint32_t i = 0; i < guest->hv->core_count; i++) {
        cbit_vcpu_flush_tlb(guest->hv->cores[i].cpu, (uint16_t)guest->asid);
    }
}

static void set_all(cbit_hv_guest_t *guest, bool present)
{
    for (cbit_gpa_t gpa = 0; gpa < guest->config->memory; gpa += CBIT_PAGE_BYTES) {
        (void)cbit_hv_nested_set_present(&guest->nested, gpa, present);
    }
    flush_tlbs(guest);
}

void cbit_hv_probe_step(cbit_hv_probe_t *probe, cbit_hv_vcpu_t *vcpu)
{
    if (vcpu->stepping) {
        return; /* one after the other: at a later entry */
    }
    probe->state = CBIT_HV_PROBE_ACTIVE;
    probe->stepped = vcpu;
    probe->result->skipped = false;
    probe->result->at_ps = cbit_hv_now(probe->hv);
    probe->result->asid = vcpu->guest->asid;
    probe->result->exit_code = CBIT_EXIT_INTR;
    probe->result->outcome = cbit_exit_word(CBIT_EXIT_INTR);
    vcpu->stepping = true;
    vcpu->step_left = probe->event->instructions;
    if (probe->event->watch_pages) {
        set_all(vcpu->guest, false);
    }
}

/* What only this step was given back, goes again. */
static void take_away(cbit_hv_probe_t *probe, cbit_hv_guest_t *guest)
{
    for (uint32_t i = 0; i < probe->granted_count; i++) {
        (void)cbit_hv_nested_set_present(&guest->nested, probe->granted[i], false);
    }
    if (probe->granted_count > 0) {
        flush_tlbs(guest);
    }
    probe->granted_count = 0;
}

static void end(cbit_hv_probe_t *probe)
{
    cbit_hv_vcpu_t *vcpu = probe->stepped;
    vcpu->stepping = false;
    if (probe->event->watch_pages) {
        set_all(vcpu->guest, true);
    }
    probe->state = CBIT_HV_PROBE_DONE;
    probe->result->span_ps = cbit_hv_now(probe->hv) - probe->result->at_ps;
}

static bool picture(const cbit_hv_probe_t *probe, uint8_t bytes[CBIT_PAGE_BYTES])
{
    cbit_port_t port = cbit_platform_host_port(probe->hv->platform, probe->stepped->home->number);
    return port.peek(port.self, probe->page.spa, probe->hv->raw_key, bytes, CBIT_PAGE_BYTES) ==
           CBIT_ERR_OK;
}

static void on_before(void *self)
{
    cbit_hv_probe_t *probe = self;
    probe->writes = picture(probe, probe->page.raw);
    cbit_hv_ready(probe->stepped, true);
}

static void next_step(cbit_hv_probe_t *probe)
{
    probe->writes = false;
    take_away(probe, probe->stepped->guest);
    probe->stepped->step_left = probe->event->instructions;
    if (++probe->result->info1 == probe->event->steps) {
        end(probe);
    }
}

static void on_after(void *self)
{
    cbit_hv_probe_t *probe = self;
    if (picture(probe, probe->page.seen)) {
        for (uint32_t at = 0; at < CBIT_PAGE_BYTES; at += CBIT_BLOCK_BYTES) {
            probe->result->blocks++;
            probe->result->changed_blocks +=
                memcmp(probe->page.raw + at, probe->page.seen + at, CBIT_BLOCK_BYTES) != 0;
        }
    }
    next_step(probe);
    cbit_hv_ready(probe->stepped, true);
}

/* A page that was taken away is asked for. True: it will be written, and is looked at before. */
static bool asked_for(cbit_hv_probe_t *probe, const cbit_exit_t *exit)
{
    cbit_hv_guest_t *guest = probe->stepped->guest;
    cbit_gpa_t gpa = exit->info2 - exit->info2 % CBIT_PAGE_BYTES;
    cbit_spa_t spa;
    if (!probe->event->watch_pages || cbit_hv_nested_lookup(&guest->nested, gpa, &spa) ||
        !cbit_hv_nested_set_present(&guest->nested, gpa, true)) {
        return false;
    }
    probe->result->info2++;
    if (probe->granted_count < CBIT_HV_GRANTED) {
        probe->granted[probe->granted_count++] = gpa;
    }
    bool looks = !probe->writes && is_own_write(exit) && guest->sev &&
                 cbit_guest_area_at(guest->soft, gpa) == CBIT_GUEST_AREA_PRIVATE &&
                 cbit_hv_nested_frame(&guest->nested, gpa, &probe->page.spa);
    if (looks) {
        cbit_platform_clflush(probe->hv->platform, probe->page.spa, CBIT_PAGE_BYTES, on_before,
                              probe);
    } else {
        cbit_hv_ready(probe->stepped, true);
    }
    return true;
}

static cbit_hv_probe_t *probe_of(const cbit_hv_vcpu_t *vcpu)
{
    const cbit_hv_t *hv = vcpu->guest->hv;
    for (uint32_t i = 0; vcpu->stepping && i < hv->probe_count; i++) {
        if (hv->probes[i].stepped == vcpu && hv->probes[i].state == CBIT_HV_PROBE_ACTIVE) {
            return &hv->probes[i];
        }
    }
    return NULL;
}

bool cbit_hv_probe_stepped(cbit_hv_core_t *core)
{
    cbit_hv_vcpu_t *vcpu = core->running;
    cbit_hv_probe_t *probe = probe_of(vcpu);
    if (probe == NULL) {
        return false;
    }
    probe->result->span_ps = cbit_hv_now(probe->hv) - probe->result->at_ps;
    if (core->exit.reason == CBIT_EXIT_NPF) {
        vcpu->guest->result->exits_npf++;
        return asked_for(probe, &core->exit);
    }
    if (core->exit.reason != CBIT_EXIT_INTR || vcpu->step_left > 0) {
        return false;
    }
    if (probe->writes) {
        vcpu->guest->result->exits_intr++;
        cbit_platform_clflush(probe->hv->platform, probe->page.spa, CBIT_PAGE_BYTES, on_after,
                              probe);
        return true;
    }
    next_step(probe);
    return false;
}
