/* Misbehaviour that shows in how a vCPU leaves: change something, run it, look, put it back. */
#include "workloads/hypervisor/probe.h"

#include <string.h>

#include "workloads/hypervisor/bytes.h"
#include "workloads/hypervisor/vmcb.h"

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
    if (cbit_hv_blocks_contains(&probe->foreign, block) &&
        !cbit_hv_blocks_contains(&probe->common, block)) {
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
    if (probe->foreign.count > 0 && gather.err == CBIT_ERR_OK) {
        gather.blocks = &probe->common;
        cbit_guest_for_each_known_page(own->soft, gather_page, &gather);
    }
    return gather.err;
}

/* ---- the VMCB, before and after ---- */

cbit_hv_step_t cbit_hv_probe_save(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    cbit_hv_guest_t *guest = core->running->guest;
    uint32_t asid =
        probe->event->kind == CBIT_EVENT_RUN_WITH_ASID ? probe->event->asid : guest->asid;
    probe->own_key = (cbit_key_t)asid;
    probe->result->asid = asid;
    if (gather_foreign(probe, guest, asid) != CBIT_ERR_OK) {
        return cbit_hv_fail(core->hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_hv_transfer_start(&core->transfer, CBIT_COMMAND_READ, core->running->vmcb_spa,
                           core->hv->host_key, probe->saved, CBIT_VMCB_BYTES, cbit_hv_task_resume,
                           &core->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t write_vmcb(cbit_hv_core_t *core)
{
    cbit_hv_vcpu_t *vcpu = core->running;
    cbit_hv_transfer_start(&core->transfer, CBIT_COMMAND_WRITE, vcpu->vmcb_spa, core->hv->host_key,
                           vcpu->vmcb, CBIT_VMCB_BYTES, cbit_hv_task_resume, &core->task);
    return CBIT_HV_WAIT;
}

cbit_hv_step_t cbit_hv_probe_change(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    cbit_hv_vcpu_t *vcpu = core->running;
    bool keep_tlb = probe->event->kind == CBIT_EVENT_SKIP_TLB_FLUSH ||
                    (probe->event->kind == CBIT_EVENT_RUN_WITH_ASID && !probe->event->flush_tlb);
    memcpy(vcpu->vmcb, probe->saved, CBIT_VMCB_BYTES);
    cbit_hv_vmcb_set_asid(vcpu->vmcb, probe->result->asid);
    cbit_hv_vmcb_set_tlb_control(vcpu->vmcb,
                                 keep_tlb ? CBIT_TLB_CONTROL_NOTHING : CBIT_TLB_CONTROL_FLUSH_ALL);
    return write_vmcb(core);
}

/* ---- VMRUN ---- */

cbit_hv_step_t cbit_hv_probe_vmrun(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_t *hv = core->hv;
    const uint32_t most_looks = 200; /* well within what cbit_vcpu_rewind remembers */
    core->running->looks = most_looks;
    core->running->refetches = core->running->last_fetch.size_bytes != 0;
    core->running->has_loaded = false;
    cbit_hv_core_bind(core, core->running);
    cbit_vcpu_observe(core->cpu, observe, core->probe);
    cbit_event_notify_at(hv->kernel, &core->quantum, cbit_hv_now(hv) + hv->config.probe_limit_us);
    core->in_vmrun = true;
    core->in_probe = true;
    cbit_hv_trace_run(core, core->probe->result->asid);
    cbit_vcpu_run(core->cpu, core->running->vmcb_spa);
    return CBIT_HV_WAIT;
}

cbit_hv_step_t cbit_hv_probe_look(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_run_event_t *result = core->probe->result;
    core->in_probe = false;
    cbit_vcpu_observe(core->cpu, NULL, NULL);
    result->exit_code = core->exit.reason;
    result->outcome = cbit_exit_word(core->exit.reason);
    result->info1 = core->exit.info1;
    result->info2 = core->exit.info2;
    cbit_hv_core_delay(core, cbit_hv_exit_cost(core->hv, core->exit.reason, false));
    return CBIT_HV_WAIT;
}

/* The VMCB as it was; no translation that the probe made survives. */
cbit_hv_step_t cbit_hv_probe_restore(void *self)
{
    cbit_hv_core_t *core = self;
    memcpy(core->running->vmcb, core->probe->saved, CBIT_VMCB_BYTES);
    cbit_vcpu_rewind(core->cpu);
    cbit_vcpu_flush_tlb(core->cpu, (uint16_t)core->probe->result->asid);
    return write_vmcb(core);
}

/* run_with_asid, skip_activate: another ASID, or the same one before it is valid. */
const cbit_hv_step_fn cbit_hv_probe_asid_steps[] = {
    cbit_hv_probe_begin, cbit_hv_probe_save,    cbit_hv_probe_change, cbit_hv_probe_vmrun,
    cbit_hv_probe_look,  cbit_hv_probe_restore, cbit_hv_probe_end,    NULL};

/* ---- nested tables: the page that the guest is about to execute ---- */

static bool page_at_rip(const cbit_hv_core_t *core, cbit_gpa_t *gpa, cbit_spa_t *spa)
{
    const uint8_t *vmcb = core->probe->saved;
    const cbit_hv_guest_t *guest = core->running->guest;
    uint64_t rip = cbit_hv_get_le(vmcb + CBIT_VMCB_RIP, 8);
    bool paged = (cbit_hv_get_le(vmcb + CBIT_VMCB_CR0, 8) & CBIT_CR0_PG) != 0;
    cbit_gpa_t at = rip;
    if (paged && !cbit_guest_translate(guest->soft, rip, &at)) {
        return false;
    }
    *gpa = at & ~(cbit_gpa_t)(CBIT_PAGE_BYTES - 1);
    return cbit_hv_nested_lookup(&guest->nested, *gpa, spa);
}

static cbit_hv_step_t nested_change(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    cbit_hv_guest_t *guest = core->running->guest;
    cbit_gpa_t other;
    cbit_spa_t other_spa;
    probe->mapped = page_at_rip(core, &probe->gpa, &probe->spa);
    if (!probe->mapped) {
        return CBIT_HV_NEXT; /* nothing to take away: the run will show an ordinary exit */
    }
    if (probe->event->kind == CBIT_EVENT_CLEAR_NESTED_PRESENT) {
        (void)cbit_hv_nested_unmap(&guest->nested, probe->gpa);
        return CBIT_HV_NEXT;
    }
    for (uint64_t i = probe->index;; i++) {
        if (!cbit_guest_pick_private_page(guest->soft, i, &other) ||
            !cbit_hv_nested_lookup(&guest->nested, other, &other_spa)) {
            return CBIT_HV_NEXT;
        }
        if (other != probe->gpa) {
            break; /* ends: a guest has more than one page with something in it */
        }
    }
    return cbit_hv_nested_map(&guest->nested, probe->gpa, other_spa) == CBIT_ERR_OK
               ? CBIT_HV_NEXT
               : cbit_hv_fail(core->hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
}

static cbit_hv_step_t nested_write(void *self)
{
    cbit_hv_core_t *core = self;
    return cbit_hv_write_nested(core->running->guest, &core->transfer, &core->task);
}

/* The guest may have other things to do first (it clears pages without fetching anything new):
   then the page is taken again a little later. */
static cbit_hv_step_t nested_restore(void *self)
{
    const uint32_t most_tries = 64;
    const cbit_ps_t again_ps = 5000000;
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    if (core->exit.reason == CBIT_EXIT_INTR && probe->event->kind != CBIT_EVENT_SKIP_TLB_FLUSH &&
        ++probe->tries < most_tries) {
        probe->again_at_ps = cbit_hv_now(core->hv) + again_ps;
    }
    if (probe->mapped &&
        cbit_hv_nested_map(&core->running->guest->nested, probe->gpa, probe->spa) != CBIT_ERR_OK) {
        return cbit_hv_fail(core->hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    return CBIT_HV_NEXT;
}

/* clear_nested_present, remap_page, skip_tlb_flush. */
const cbit_hv_step_fn cbit_hv_probe_nested_steps[] = {
    cbit_hv_probe_begin,  cbit_hv_probe_save,    nested_change,      nested_write,
    cbit_hv_probe_change, cbit_hv_probe_vmrun,   cbit_hv_probe_look, nested_restore,
    nested_write,         cbit_hv_probe_restore, cbit_hv_probe_end,  NULL};
