#include "cbit/attacker.h"

#include <stdlib.h>
#include <string.h>

#include "workloads/hypervisor/attacker.h"
#include "workloads/hypervisor/probe.h"

static bool at_launch(const cbit_attacker_t *hands)
{
    return hands->core == NULL; /* no vCPU stands still, so nothing can be waited for */
}

/* ---- waiting inside a callback ---- */

void cbit_hv_attack_wakes(void *self)
{
    cbit_hv_attack_wait_t *wait = self;
    wait->over = true;
    cbit_kernel_stop(wait->hv->kernel);
}

/*
 * Lets the machine go on until the answer is there. Stopping the kernel also ends the run below it
 * on the stack; simulate() in hv.c starts that again. INTERNAL when nothing is left to happen.
 */
cbit_err_t cbit_hv_attack_wait(const cbit_attacker_t *hands, const cbit_hv_attack_wait_t *wait)
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
    bool found =
        of != NULL && of->nested.count > 0 && cbit_hv_nested_backing(&of->nested, gpa, spa);
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
    if (at_launch(hands)) {
        return CBIT_ERR_CONFLICT;
    }
    if (len_bytes > CBIT_PAGE_BYTES || gpa % CBIT_PAGE_BYTES + len_bytes > CBIT_PAGE_BYTES) {
        return CBIT_ERR_RANGE;
    }
    return cbit_attacker_translate(hands, guest, gpa, spa);
}

static cbit_err_t flush(cbit_attacker_t *hands, cbit_spa_t spa, uint32_t len_bytes)
{
    cbit_hv_attack_wait_t wait = {.hv = hands->hv};
    cbit_platform_clflush(hands->hv->platform, spa, len_bytes, cbit_hv_attack_wakes, &wait);
    return cbit_hv_attack_wait(hands, &wait);
}

/* A write only reads what it moves; transfers have one pointer for both directions. */
static void *to_write(const void *bytes)
{
    return (void *)(uintptr_t)bytes;
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
    cbit_hv_attack_wait_t wait = {.hv = hands->hv};
    cbit_hv_transfer_init(transfer, hands->hv->kernel, how->port, how->source, 0);
    cbit_hv_transfer_start(transfer, how->command, spa, how->key, bytes, len_bytes,
                           cbit_hv_attack_wakes, &wait);
    cbit_err_t err = cbit_hv_attack_wait(hands, &wait);
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
    if (err != CBIT_ERR_OK) {
        return err;
    }
    const move_t how = {
        .port = cbit_platform_host_port(hands->hv->platform, hands->core->number),
        .source = CBIT_SOURCE_HOST,
        .key = hands->hv->host_key,
        .command = command,
    };
    return move(hands, &how, spa, bytes, len_bytes);
}

cbit_err_t cbit_attacker_read_shared(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                     void *bytes, uint32_t len_bytes)
{
    return move_shared(hands, CBIT_COMMAND_READ, guest, gpa, bytes, len_bytes);
}

cbit_err_t cbit_attacker_write_shared(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                      const void *bytes, uint32_t len_bytes)
{
    return move_shared(hands, CBIT_COMMAND_WRITE, guest, gpa, to_write(bytes), len_bytes);
}

/* ---- VMCBs ---- */

static cbit_err_t move_vmcb(cbit_attacker_t *hands, cbit_command_t command, uint32_t guest,
                            uint32_t vcpu, uint32_t offset, void *bytes, uint32_t len_bytes)
{
    const cbit_hv_guest_t *of = guest_of(hands, guest);
    if (at_launch(hands)) {
        return CBIT_ERR_CONFLICT;
    }
    if (offset > CBIT_VMCB_BYTES || len_bytes > CBIT_VMCB_BYTES - offset) {
        return CBIT_ERR_RANGE;
    }
    if (of == NULL || of->nested.count == 0 || vcpu >= of->config->vcpus) {
        return CBIT_ERR_ADDRESS; /* it has not begun, or it is over */
    }
    const move_t how = {
        .port = cbit_platform_host_port(hands->hv->platform, hands->core->number),
        .source = CBIT_SOURCE_HOST,
        .key = hands->hv->host_key,
        .command = command,
    };
    return move(hands, &how, of->vcpus[vcpu].vmcb_spa + offset, bytes, len_bytes);
}

cbit_err_t cbit_attacker_read_vmcb(cbit_attacker_t *hands, uint32_t guest, uint32_t vcpu,
                                   uint32_t offset, void *bytes, uint32_t len_bytes)
{
    return move_vmcb(hands, CBIT_COMMAND_READ, guest, vcpu, offset, bytes, len_bytes);
}

cbit_err_t cbit_attacker_write_vmcb(cbit_attacker_t *hands, uint32_t guest, uint32_t vcpu,
                                    uint32_t offset, const void *bytes, uint32_t len_bytes)
{
    return move_vmcb(hands, CBIT_COMMAND_WRITE, guest, vcpu, offset, to_write(bytes), len_bytes);
}

/* ---- ciphertext ---- */

/* What the pins carry, by DMA without C-bit, behind a flush of the lines from all caches. */
static cbit_err_t move_raw(cbit_attacker_t *hands, cbit_command_t command, cbit_spa_t spa,
                           void *bytes, uint32_t len_bytes)
{
    if (spa % CBIT_BLOCK_BYTES != 0 || len_bytes % CBIT_BLOCK_BYTES != 0) {
        return CBIT_ERR_RANGE;
    }
    cbit_err_t err = flush(hands, spa, len_bytes);
    const move_t how = {
        .port = cbit_platform_device_port(hands->hv->platform, 0),
        .source = CBIT_SOURCE_DMA,
        .key = CBIT_KEY_PLAIN,
        .command = command,
    };
    return err == CBIT_ERR_OK ? move(hands, &how, spa, bytes, len_bytes) : err;
}

static cbit_err_t move_ciphertext(cbit_attacker_t *hands, cbit_command_t command, uint32_t guest,
                                  cbit_gpa_t gpa, void *bytes, uint32_t len_bytes)
{
    cbit_spa_t spa;
    cbit_err_t err = range_in_page(hands, guest, gpa, len_bytes, &spa);
    return err == CBIT_ERR_OK ? move_raw(hands, command, spa, bytes, len_bytes) : err;
}

cbit_err_t cbit_attacker_read_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                         void *bytes, uint32_t len_bytes)
{
    return move_ciphertext(hands, CBIT_COMMAND_READ, guest, gpa, bytes, len_bytes);
}

cbit_err_t cbit_attacker_write_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                          const void *bytes, uint32_t len_bytes)
{
    return move_ciphertext(hands, CBIT_COMMAND_WRITE, guest, gpa, to_write(bytes), len_bytes);
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

cbit_err_t cbit_attacker_take_page(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                   cbit_attack_page_t *page)
{
    page->guest = guest;
    page->gpa = gpa - gpa % CBIT_PAGE_BYTES;
    return cbit_attacker_read_ciphertext(hands, guest, page->gpa, page->ciphertext,
                                         sizeof page->ciphertext);
}

cbit_err_t cbit_attacker_replay_page(cbit_attacker_t *hands, const cbit_attack_page_t *page)
{
    return cbit_attacker_write_ciphertext(hands, page->guest, page->gpa, page->ciphertext,
                                          sizeof page->ciphertext);
}

/* ---- the machine ---- */

static cbit_err_t drain(cbit_attacker_t *hands)
{
    cbit_hv_attack_wait_t wait = {.hv = hands->hv};
    cbit_platform_drain(hands->hv->platform, cbit_hv_attack_wakes, &wait);
    return cbit_hv_attack_wait(hands, &wait);
}

static cbit_err_t move_spa(cbit_attacker_t *hands, cbit_command_t command, cbit_spa_t spa,
                           void *bytes, uint32_t len_bytes)
{
    if (at_launch(hands)) {
        return CBIT_ERR_CONFLICT;
    }
    if (len_bytes > CBIT_PAGE_BYTES || spa % CBIT_PAGE_BYTES + len_bytes > CBIT_PAGE_BYTES) {
        return CBIT_ERR_RANGE;
    }
    cbit_err_t err = drain(hands);
    err = err == CBIT_ERR_OK ? move_raw(hands, command, spa, bytes, len_bytes) : err;
    return err == CBIT_ERR_OK && command == CBIT_COMMAND_WRITE ? drain(hands) : err;
}

cbit_err_t cbit_attacker_read_spa(cbit_attacker_t *hands, cbit_spa_t spa, void *bytes,
                                  uint32_t len_bytes)
{
    return move_spa(hands, CBIT_COMMAND_READ, spa, bytes, len_bytes);
}

cbit_err_t cbit_attacker_write_spa(cbit_attacker_t *hands, cbit_spa_t spa, const void *bytes,
                                   uint32_t len_bytes)
{
    return move_spa(hands, CBIT_COMMAND_WRITE, spa, to_write(bytes), len_bytes);
}

cbit_err_t cbit_attacker_alias_dimm(cbit_attacker_t *hands, bool aliased)
{
    cbit_platform_alias_dimms(hands->hv->platform, aliased);
    return CBIT_ERR_OK;
}

cbit_spa_t cbit_attacker_alias_of(const cbit_attacker_t *hands, cbit_spa_t spa)
{
    return cbit_platform_alias_of(hands->hv->platform, spa);
}

cbit_err_t cbit_attacker_invd(cbit_attacker_t *hands)
{
    if (at_launch(hands)) {
        return CBIT_ERR_CONFLICT;
    }
    cbit_hv_attack_wait_t wait = {.hv = hands->hv};
    cbit_platform_invd(hands->hv->platform, hands->core->number, cbit_hv_attack_wakes, &wait);
    return cbit_hv_attack_wait(hands, &wait);
}

cbit_err_t cbit_attacker_capture_bus(cbit_attacker_t *hands, bool on)
{
    hands->hv->attack_captures = on;
    cbit_hv_bus_listen(hands->hv);
    return CBIT_ERR_OK;
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
    if (at_launch(hands)) {
        return CBIT_ERR_CONFLICT;
    }
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

/* The entry of gpa leads to the frame at spa; where it led first is kept. */
static cbit_err_t map_to(cbit_attacker_t *hands, cbit_hv_guest_t *of, cbit_gpa_t gpa,
                         cbit_spa_t spa)
{
    const cbit_gpa_t page = gpa - gpa % CBIT_PAGE_BYTES;
    cbit_spa_t home;
    if (!cbit_hv_home_of(of, gpa, &home)) {
        return CBIT_ERR_ADDRESS;
    }
    cbit_err_t err = remember_home(of, page, home);
    err = err == CBIT_ERR_OK ? cbit_hv_nested_map(&of->nested, page, spa) : err;
    return err == CBIT_ERR_OK ? nested_changed(hands, of) : err;
}

cbit_err_t cbit_attacker_remap_page(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                    cbit_gpa_t other)
{
    cbit_hv_guest_t *of = guest_of(hands, guest);
    cbit_spa_t spa;
    if (at_launch(hands)) {
        return CBIT_ERR_CONFLICT;
    }
    if (of == NULL || of->nested.count == 0 || !cbit_hv_home_of(of, other, &spa)) {
        return CBIT_ERR_ADDRESS;
    }
    return map_to(hands, of, gpa, spa);
}

cbit_err_t cbit_attacker_map_frame(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                   cbit_spa_t spa)
{
    cbit_hv_guest_t *of = guest_of(hands, guest);
    if (at_launch(hands)) {
        return CBIT_ERR_CONFLICT;
    }
    if (of == NULL || of->nested.count == 0) {
        return CBIT_ERR_ADDRESS;
    }
    if (spa % CBIT_PAGE_BYTES != 0 || spa >= hands->hv->frames.top) {
        return CBIT_ERR_RANGE;
    }
    return map_to(hands, of, gpa, spa);
}

cbit_err_t cbit_attacker_place_page(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                    cbit_spa_t spa)
{
    cbit_hv_guest_t *of = guest_of(hands, guest);
    cbit_gpa_t page = gpa - gpa % CBIT_PAGE_BYTES;
    uint8_t bytes[CBIT_PAGE_BYTES];
    cbit_spa_t home;
    if (at_launch(hands)) {
        return CBIT_ERR_CONFLICT;
    }
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
