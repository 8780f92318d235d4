/*
 * Verbs that run the vCPU of the callback or change a launch, and where the hypervisor asks the
 * hostile program. attacker.c has those about memory, tables and the machine.
 */
#include "workloads/hypervisor/attacker.h"

#include <stdlib.h>

#include "cbit/attacker.h"
#include "workloads/hypervisor/probe.h"

/*
 * One of the scenario's probes, here and now. The core is in the middle of its own task, which is
 * put aside meanwhile: what waits for an answer finds the probe's instead.
 */
static cbit_err_t probe(cbit_attacker_t *hands, const cbit_scenario_event_t *event,
                        const cbit_hv_step_fn *steps, cbit_run_event_t *seen)
{
    cbit_hv_core_t *core = hands->core;
    if (core == NULL) {
        return CBIT_ERR_CONFLICT;
    }
    cbit_hv_task_t own = core->task;
    cbit_exit_t exit = core->exit;
    cbit_hv_t *hv = hands->hv;
    if (hv->attack_probe == NULL) {
        hv->attack_probe = calloc(1, sizeof *hv->attack_probe);
    }
    cbit_hv_probe_t *act = hv->attack_probe;
    if (act == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    uint32_t queue;
    if (act->hv != NULL || cbit_hv_doorbell(core, &queue)) {
        return CBIT_ERR_CONFLICT;
    }
    *seen = (cbit_run_event_t){.guest = core->running->guest->index,
                               .vcpu = core->running->index,
                               .kind = "",
                               .outcome = ""};
    act->hv = hv;
    act->event = event;
    act->result = seen;
    cbit_hv_attack_wait_t wait = {.hv = hv};
    cbit_hv_probe_run_steps(core, act, steps, cbit_hv_attack_wakes, &wait);
    cbit_err_t err = cbit_hv_attack_wait(hands, &wait);
    core->task = own;
    core->exit = exit;
    act->hv = NULL;
    return err;
}

cbit_err_t cbit_attacker_run_with_asid(cbit_attacker_t *hands, uint32_t asid, bool flush_tlb,
                                       cbit_run_event_t *seen)
{
    const cbit_scenario_event_t event = {
        .kind = CBIT_EVENT_RUN_WITH_ASID, .asid = asid, .flush_tlb = flush_tlb};
    return asid == 0 || asid > CBIT_KEY_ASID_MAX
               ? CBIT_ERR_RANGE
               : probe(hands, &event, cbit_hv_probe_asid_steps, seen);
}

/* Of a guest that has a key to be taken from. */
static bool has_key(const cbit_attacker_t *hands)
{
    return hands->core == NULL || hands->core->running->guest->sev;
}

cbit_err_t cbit_attacker_activate_other_key(cbit_attacker_t *hands, cbit_run_event_t *seen)
{
    const cbit_scenario_event_t event = {.kind = CBIT_EVENT_ACTIVATE_OTHER_KEY};
    return has_key(hands) ? probe(hands, &event, cbit_hv_probe_key_steps, seen)
                          : CBIT_ERR_UNSUPPORTED;
}

cbit_err_t cbit_attacker_skip_activate(cbit_attacker_t *hands, cbit_run_event_t *seen)
{
    const cbit_scenario_event_t event = {.kind = CBIT_EVENT_SKIP_ACTIVATE};
    return has_key(hands) ? probe(hands, &event, cbit_hv_probe_inactive_steps, seen)
                          : CBIT_ERR_UNSUPPORTED;
}

cbit_err_t cbit_attacker_step(cbit_attacker_t *hands, uint32_t instructions)
{
    if (hands->core == NULL) {
        return CBIT_ERR_CONFLICT;
    }
    hands->core->running->stepping = instructions != 0;
    hands->core->running->step_left = instructions;
    return CBIT_ERR_OK;
}

/* ---- launches ---- */

cbit_err_t cbit_attacker_permute_launch(cbit_attacker_t *hands, uint32_t guest,
                                        cbit_launch_order_t order, uint32_t first, uint32_t second)
{
    if (hands->core != NULL || hands->launched == NULL || hands->launched->index != guest) {
        return CBIT_ERR_CONFLICT;
    }
    if (!hands->launched->sev) {
        return CBIT_ERR_UNSUPPORTED;
    }
    if (first >= second || second >= CBIT_PAGE_BYTES / CBIT_BLOCK_BYTES ||
        order > CBIT_LAUNCH_ORDER_CHANGED) {
        return CBIT_ERR_RANGE;
    }
    hands->launched->permutation =
        (cbit_hv_permutation_t){.active = true, .order = order, .first = first, .second = second};
    return CBIT_ERR_OK;
}

/* ---- the hypervisor's side ---- */

bool cbit_hv_attack_exit(cbit_hv_core_t *core)
{
    const cbit_attack_t *attack = core->hv->options->attack;
    if (attack == NULL) {
        return false;
    }
    cbit_hv_vcpu_t *vcpu = core->running;
    cbit_attacker_t hands = {.hv = core->hv, .core = core};
    const cbit_attack_exit_t exit = {
        .guest = vcpu->guest->index, .vcpu = vcpu->index, .exit = core->exit};
    cbit_attack_reply_t reply = CBIT_ATTACK_PASS;
    if (core->exit.reason == CBIT_EXIT_NPF && attack->on_nested_fault != NULL) {
        reply = attack->on_nested_fault(attack->self, &hands, &exit, core->exit.info2);
    } else if (attack->on_exit != NULL) {
        reply = attack->on_exit(attack->self, &hands, &exit);
    }
    if (reply == CBIT_ATTACK_RESUME && !core->hv->over) {
        cbit_hv_ready(vcpu, true);
    }
    return reply == CBIT_ATTACK_RESUME;
}

cbit_ps_t cbit_hv_attack_quantum_ps(const cbit_hv_t *hv)
{
    const cbit_attack_t *attack = hv->options->attack;
    return attack == NULL || attack->every_ps == 0 ? CBIT_PS_NEVER : attack->every_ps;
}

void cbit_hv_attack_launch(cbit_hv_guest_t *guest)
{
    const cbit_attack_t *attack = guest->hv->options->attack;
    cbit_attacker_t hands = {.hv = guest->hv, .launched = guest};
    if (attack != NULL && attack->on_launch != NULL) {
        attack->on_launch(attack->self, &hands, guest->index);
    }
}

void cbit_hv_attack_bus(cbit_hv_t *hv, const cbit_bus_line_t *line)
{
    const cbit_attack_t *attack = hv->options->attack;
    if (attack != NULL && attack->on_bus != NULL && hv->attack_captures) {
        attack->on_bus(attack->self, line);
    }
}

void cbit_hv_attack_sp(cbit_hv_t *hv, const cbit_spdriver_request_t *request)
{
    const cbit_attack_t *attack = hv->options->attack;
    if (attack != NULL && attack->on_sp != NULL) {
        attack->on_sp(attack->self, request->command, request->status, cbit_hv_now(hv));
    }
}
