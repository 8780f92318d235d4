#include "cbit/attacker.h"

#include <stdlib.h>
#include <string.h>

#include "workloads/hypervisor/attacker.h"
#include "workloads/hypervisor/probe.h"

struct cbit_attacker {
    cbit_hv_t *hv;
    cbit_hv_core_t *core; /* whose vCPU stands still */
};

/* ---- waiting inside a callback ---- */

typedef struct wait {
    cbit_hv_t *hv;
    bool over;
} wait_t;

static void wait_ends(void *self)
{
    wait_t *wait = self;
    wait->over = true;
    cbit_kernel_stop(wait->hv->kernel);
}

/*
 * Lets the machine go on until the answer is there. Stopping the kernel also ends the run below it
 * on the stack; simulate() in hv.c starts that again. INTERNAL when nothing is left to happen.
 */
static cbit_err_t wait_for(cbit_attacker_t *hands, const wait_t *wait)
{
    cbit_hv_t *hv = hands->hv;
    bool yielding = hands->core->yielding;
    hands->core->yielding = true; /* the core can still take part in a WBINVD */
    cbit_hv_core_kick(hands->core);
    while (!wait->over && !hv->over) {
        if (cbit_kernel_run(hv->kernel, CBIT_PS_NEVER) == 0) {
            break;
        }
    }
    hands->core->yielding = yielding;
    return wait->over ? CBIT_ERR_OK : CBIT_ERR_INTERNAL;
}

/* ---- what a host knows anyway ---- */

cbit_ps_t cbit_attacker_now_ps(const cbit_attacker_t *hands)
{
    return cbit_hv_now(hands->hv);
}

static cbit_hv_guest_t *guest_of(const cbit_attacker_t *hands, uint32_t guest)
{
    return guest < hands->hv->guest_count ? &hands->hv->guests[guest] : NULL;
}

cbit_err_t cbit_attacker_translate(const cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                   cbit_spa_t *spa)
{
    const cbit_hv_guest_t *of = guest_of(hands, guest);
    bool found = of != NULL && of->nested.count > 0 && cbit_hv_nested_lookup(&of->nested, gpa, spa);
    return found ? CBIT_ERR_OK : CBIT_ERR_ADDRESS;
}

cbit_guest_t *cbit_attacker_guest(cbit_attacker_t *hands, uint32_t guest)
{
    cbit_hv_guest_t *of = guest_of(hands, guest);
    return of == NULL ? NULL : of->soft;
}

/* ---- memory ---- */

static cbit_err_t range_in_page(const cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                uint32_t len_bytes, cbit_spa_t *spa)
{
    if (len_bytes > CBIT_PAGE_BYTES || gpa % CBIT_PAGE_BYTES + len_bytes > CBIT_PAGE_BYTES) {
        return CBIT_ERR_RANGE;
    }
    return cbit_attacker_translate(hands, guest, gpa, spa);
}

static cbit_err_t flush(cbit_attacker_t *hands, cbit_spa_t spa, uint32_t len_bytes)
{
    wait_t wait = {.hv = hands->hv};
    cbit_platform_clflush(hands->hv->platform, spa, len_bytes, wait_ends, &wait);
    return wait_for(hands, &wait);
}

typedef struct move {
    cbit_port_t port;
    cbit_source_t source;
    cbit_key_t key;
    cbit_command_t command;
} move_t;

static cbit_err_t move(cbit_attacker_t *hands, const move_t *how, cbit_spa_t spa, void *bytes,
                       uint32_t len_bytes)
{
    cbit_hv_transfer_t *transfer = calloc(1, sizeof *transfer);
    if (transfer == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    wait_t wait = {.hv = hands->hv};
    cbit_hv_transfer_init(transfer, hands->hv->kernel, how->port, how->source, 0);
    cbit_hv_transfer_start(transfer, how->command, spa, how->key, bytes, len_bytes, wait_ends,
                           &wait);
    cbit_err_t err = wait_for(hands, &wait);
    err = err == CBIT_ERR_OK ? transfer->err : err;
    free(transfer);
    return err;
}

/* Through the host's own mapping of the page. */
static cbit_err_t move_shared(cbit_attacker_t *hands, cbit_command_t command, uint32_t guest,
                              cbit_gpa_t gpa, void *bytes, uint32_t len_bytes)
{
    cbit_spa_t spa;
    cbit_err_t err = range_in_page(hands, guest, gpa, len_bytes, &spa);
    const move_t how = {
        .port = cbit_platform_host_port(hands->hv->platform, hands->core->number),
        .source = CBIT_SOURCE_HOST,
        .key = hands->hv->host_key,
        .command = command,
    };
    return err == CBIT_ERR_OK ? move(hands, &how, spa, bytes, len_bytes) : err;
}

cbit_err_t cbit_attacker_read_shared(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                     void *bytes, uint32_t len_bytes)
{
    return move_shared(hands, CBIT_COMMAND_READ, guest, gpa, bytes, len_bytes);
}

cbit_err_t cbit_attacker_write_shared(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                      const void *bytes, uint32_t len_bytes)
{
    uint8_t copy[CBIT_PAGE_BYTES];
    if (len_bytes > sizeof copy) {
        return CBIT_ERR_RANGE;
    }
    memcpy(copy, bytes, len_bytes);
    return move_shared(hands, CBIT_COMMAND_WRITE, guest, gpa, copy, len_bytes);
}

static cbit_err_t move_ciphertext(cbit_attacker_t *hands, cbit_command_t command, uint32_t guest,
                                  cbit_gpa_t gpa, void *bytes, uint32_t len_bytes)
{
    cbit_spa_t spa;
    cbit_err_t err = range_in_page(hands, guest, gpa, len_bytes, &spa);
    if (err == CBIT_ERR_OK && (gpa % CBIT_BLOCK_BYTES != 0 || len_bytes % CBIT_BLOCK_BYTES != 0)) {
        err = CBIT_ERR_RANGE;
    }
    err = err == CBIT_ERR_OK ? flush(hands, spa, len_bytes) : err;
    const move_t how = {
        .port = cbit_platform_device_port(hands->hv->platform, 0),
        .source = CBIT_SOURCE_DMA,
        .key = CBIT_KEY_PLAIN,
        .command = command,
    };
    return err == CBIT_ERR_OK ? move(hands, &how, spa, bytes, len_bytes) : err;
}

cbit_err_t cbit_attacker_read_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                         void *bytes, uint32_t len_bytes)
{
    return move_ciphertext(hands, CBIT_COMMAND_READ, guest, gpa, bytes, len_bytes);
}

cbit_err_t cbit_attacker_write_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                          const void *bytes, uint32_t len_bytes)
{
    uint8_t copy[CBIT_PAGE_BYTES];
    if (len_bytes > sizeof copy) {
        return CBIT_ERR_RANGE;
    }
    memcpy(copy, bytes, len_bytes);
    return move_ciphertext(hands, CBIT_COMMAND_WRITE, guest, gpa, copy, len_bytes);
}

cbit_err_t cbit_attacker_move_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t from,
                                         cbit_gpa_t to, uint32_t len_bytes)
{
    uint8_t bytes[CBIT_PAGE_BYTES];
    cbit_err_t err = cbit_attacker_read_ciphertext(hands, guest, from, bytes, len_bytes);
    return err == CBIT_ERR_OK ? cbit_attacker_write_ciphertext(hands, guest, to, bytes, len_bytes)
                              : err;
}

cbit_err_t cbit_attacker_flip_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                         uint32_t bit)
{
    uint8_t block[CBIT_BLOCK_BYTES];
    cbit_gpa_t at = gpa - gpa % CBIT_BLOCK_BYTES;
    cbit_err_t err = cbit_attacker_read_ciphertext(hands, guest, at, block, sizeof block);
    block[gpa % CBIT_BLOCK_BYTES] ^= (uint8_t)(1u << (bit & 7));
    return err == CBIT_ERR_OK
               ? cbit_attacker_write_ciphertext(hands, guest, at, block, sizeof block)
               : err;
}

/* ---- nested tables ---- */

void cbit_attacker_skip_tlb_flush(cbit_attacker_t *hands, bool skip)
{
    hands->hv->skip_tlb_flush = skip;
}

/* Writes the changed entries and drops the translations that were made from the old ones. */
static cbit_err_t nested_changed(cbit_attacker_t *hands, cbit_hv_guest_t *guest)
{
    cbit_spa_t spa;
    uint8_t line[CBIT_LINE_BYTES];
    cbit_err_t err = CBIT_ERR_OK;
    const move_t how = {
        .port = cbit_platform_host_port(hands->hv->platform, hands->core->number),
        .source = CBIT_SOURCE_HOST,
        .key = hands->hv->host_key,
        .command = CBIT_COMMAND_WRITE,
    };
    while (err == CBIT_ERR_OK && cbit_hv_nested_next_dirty(&guest->nested, &spa, line)) {
        err = move(hands, &how, spa, line, sizeof line);
    }
    for (uint32_t i = 0; i < hands->hv->core_count && !hands->hv->skip_tlb_flush; i++) {
        cbit_vcpu_flush_tlb(hands->hv->cores[i].cpu, (uint16_t)guest->asid);
    }
    return err;
}

cbit_err_t cbit_attacker_set_present(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                     bool present)
{
    cbit_hv_guest_t *of = guest_of(hands, guest);
    if (of == NULL || of->nested.count == 0 ||
        !cbit_hv_nested_set_present(&of->nested, gpa, present)) {
        return CBIT_ERR_ADDRESS;
    }
    return nested_changed(hands, of);
}

static cbit_err_t remember_home(cbit_hv_guest_t *guest, cbit_gpa_t gpa, cbit_spa_t home)
{
    for (uint32_t i = 0; i < guest->remap_count; i++) {
        if (guest->remaps[i].gpa == gpa) {
            return CBIT_ERR_OK;
        }
    }
    cbit_hv_remap_t *remaps =
        realloc(guest->remaps, (guest->remap_count + 1) * sizeof *guest->remaps);
    if (remaps == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    guest->remaps = remaps;
    guest->remaps[guest->remap_count++] = (cbit_hv_remap_t){.gpa = gpa, .home = home};
    return CBIT_ERR_OK;
}

cbit_err_t cbit_attacker_remap_page(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                    cbit_gpa_t other)
{
    cbit_hv_guest_t *of = guest_of(hands, guest);
    cbit_spa_t spa, home;
    if (of == NULL || of->nested.count == 0 || !cbit_hv_home_of(of, other, &spa) ||
        !cbit_hv_home_of(of, gpa, &home)) {
        return CBIT_ERR_ADDRESS;
    }
    cbit_err_t err = remember_home(of, gpa - gpa % CBIT_PAGE_BYTES, home);
    err = err == CBIT_ERR_OK ? cbit_hv_nested_map(&of->nested, gpa - gpa % CBIT_PAGE_BYTES, spa)
                             : err;
    return err == CBIT_ERR_OK ? nested_changed(hands, of) : err;
}

cbit_err_t cbit_attacker_place_page(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                    cbit_spa_t spa)
{
    cbit_hv_guest_t *of = guest_of(hands, guest);
    cbit_gpa_t page = gpa - gpa % CBIT_PAGE_BYTES;
    uint8_t bytes[CBIT_PAGE_BYTES];
    cbit_spa_t home;
    if (of == NULL || of->nested.count == 0 || !cbit_hv_home_of(of, page, &home)) {
        return CBIT_ERR_ADDRESS;
    }
    if (!cbit_hv_frames_choose(&hands->hv->frames, spa)) {
        return CBIT_ERR_RANGE;
    }
    cbit_err_t err = cbit_attacker_read_ciphertext(hands, guest, page, bytes, sizeof bytes);
    err = err == CBIT_ERR_OK ? remember_home(of, page, home) : err;
    err = err == CBIT_ERR_OK ? cbit_hv_nested_map(&of->nested, page, spa) : err;
    err = err == CBIT_ERR_OK ? nested_changed(hands, of) : err;
    return err == CBIT_ERR_OK
               ? cbit_attacker_write_ciphertext(hands, guest, page, bytes, sizeof bytes)
               : err;
}

/* ---- with the vCPU ---- */

/*
 * One of the scenario's probes, here and now. The core is in the middle of its own task, which is
 * put aside meanwhile: what waits for an answer finds the probe's instead.
 */
static cbit_err_t probe(cbit_attacker_t *hands, const cbit_scenario_event_t *event,
                        cbit_run_event_t *seen)
{
    cbit_hv_core_t *core = hands->core;
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
    wait_t wait = {.hv = hv};
    cbit_hv_probe_run(core, act, wait_ends, &wait);
    cbit_err_t err = wait_for(hands, &wait);
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
    return asid == 0 || asid > CBIT_KEY_ASID_MAX ? CBIT_ERR_RANGE : probe(hands, &event, seen);
}

cbit_err_t cbit_attacker_activate_other_key(cbit_attacker_t *hands, cbit_run_event_t *seen)
{
    const cbit_scenario_event_t event = {.kind = CBIT_EVENT_ACTIVATE_OTHER_KEY};
    return hands->core->running->guest->sev ? probe(hands, &event, seen) : CBIT_ERR_UNSUPPORTED;
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

void cbit_hv_attack_sp(cbit_hv_t *hv, const cbit_spdriver_request_t *request)
{
    const cbit_attack_t *attack = hv->options->attack;
    if (attack != NULL && attack->on_sp != NULL) {
        attack->on_sp(attack->self, request->command, request->status, cbit_hv_now(hv));
    }
}
