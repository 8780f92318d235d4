/**
 * @file
 * The actions of a hostile hypervisor, for programs in C: verbs, and callbacks in which to use
 * them.
 *
 * A program fills in a cbit_attack_t and runs a scenario with it
 * (cbit_hypervisor_options_t.attack). Callbacks come while the vCPU in question stands still. Verbs
 * may be called inside callbacks only. A verb takes simulated time (flushes, DMA, commands of the
 * Secure Processor) and returns when it is done. The rest of the machine goes on meanwhile, so
 * another core's callback may come from inside a verb.
 *
 * Nothing is undone, except by the verbs that say so. The effect on the guest shows in the run's
 * result: how it ends, and the checks of its loads, fetches and I/O.
 */
#ifndef CBIT_ATTACKER_H
#define CBIT_ATTACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/sim/txn.h"
#include "cbit/vcpu/vcpu.h"
#include "cbit/workloads/guest.h"
#include "cbit/workloads/hypervisor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_attacker cbit_attacker_t; /* opaque: valid inside the callback */

typedef enum cbit_attack_reply {
    CBIT_ATTACK_PASS,   /* let the hypervisor handle this exit as usual */
    CBIT_ATTACK_RESUME, /* the exit is handled: VMRUN again */
} cbit_attack_reply_t;

/* An exit, and the vCPU that has just left the guest by it. */
typedef struct cbit_attack_exit {
    uint32_t guest, vcpu; /* index of the guest in the scenario, of the vCPU in the guest */
    cbit_exit_t exit;
} cbit_attack_exit_t;

typedef struct cbit_attack {
    void *self;
    cbit_ps_t every_ps; /* vCPUs are interrupted at least this often; 0: as the scheduler decides */
    /* Any of the callbacks may be NULL. */
    cbit_attack_reply_t (*on_exit)(void *self, cbit_attacker_t *hands,
                                   const cbit_attack_exit_t *exit);
    /* A nested fault; on_exit is then not called. gpa is the page that could not be translated. */
    cbit_attack_reply_t (*on_nested_fault)(void *self, cbit_attacker_t *hands,
                                           const cbit_attack_exit_t *exit, cbit_gpa_t gpa);
    /* The launch image of a guest is about to be measured. Allowed here are permute_launch and the
       functions under "what a host knows anyway"; other verbs return CONFLICT. */
    void (*on_launch)(void *self, cbit_attacker_t *hands, uint32_t guest);
    /* A line has passed the pins of a memory channel while capture_bus is on. No verbs here. */
    void (*on_bus)(void *self, const cbit_bus_line_t *line);
    /* The Secure Processor has answered a command of the hypervisor. No verbs here. */
    void (*on_sp)(void *self, uint32_t command, uint32_t status, cbit_ps_t at_ps);
} cbit_attack_t;

/* ---- what a host knows anyway ---- */

cbit_ps_t cbit_attacker_now_ps(const cbit_attacker_t *hands);

/* The frame of a guest's page, whether it is present or not. ADDRESS if it never had a frame. */
cbit_err_t cbit_attacker_translate(const cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                   cbit_spa_t *spa);

/* The guest's software, for programs that check their results. A real attacker does not have it. */
cbit_guest_t *cbit_attacker_guest(cbit_attacker_t *hands, uint32_t guest);

/* ---- memory; ranges within one page ---- */

/* Reads through the host's own mapping. Shared pages are readable, private ones are not. */
cbit_err_t cbit_attacker_read_shared(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                     void *bytes, uint32_t len_bytes);

/* Writes through the host's own mapping. The guest sees this in a shared page. */
cbit_err_t cbit_attacker_write_shared(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                      const void *bytes, uint32_t len_bytes);

/* Access to the DRAM's bytes, in units of 16 bytes. The lines are first flushed from all caches,
   and then moved by DMA without C-bit. */
cbit_err_t cbit_attacker_read_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                         void *bytes, uint32_t len_bytes);
cbit_err_t cbit_attacker_write_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                          const void *bytes, uint32_t len_bytes);
cbit_err_t cbit_attacker_move_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t from,
                                         cbit_gpa_t to, uint32_t len_bytes);
cbit_err_t cbit_attacker_flip_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                         uint32_t bit);

/* A page's ciphertext, to be put back later. It decrypts to its old content at its own address
 * only.
 */
typedef struct cbit_attack_page {
    uint32_t guest;
    cbit_gpa_t gpa;
    uint8_t ciphertext[CBIT_PAGE_BYTES];
} cbit_attack_page_t;
cbit_err_t cbit_attacker_take_page(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                   cbit_attack_page_t *page);
cbit_err_t cbit_attacker_replay_page(cbit_attacker_t *hands, const cbit_attack_page_t *page);

/* ---- the machine ---- */

/* INVD on the core of the callback. Dirty lines of its caches are lost, the host's own included;
   with /sev/invd_writes_back they are written back. */
cbit_err_t cbit_attacker_invd(cbit_attacker_t *hands);

/* Cuts the highest address line of all DIMMs, or restores it. While it is cut, the verbs below
   reach a guest's memory through its second address. Caches and queues do not notice. */
cbit_err_t cbit_attacker_alias_dimm(cbit_attacker_t *hands, bool aliased);
/* The second address of a place in the DRAM while the line is cut. */
cbit_spa_t cbit_attacker_alias_of(const cbit_attacker_t *hands, cbit_spa_t spa);

/* Access to a system physical address by DMA without C-bit, within one page and in units of 16
   bytes. Caches are flushed and controllers drained before and after. ADDRESS beyond memory. */
cbit_err_t cbit_attacker_read_spa(cbit_attacker_t *hands, cbit_spa_t spa, void *bytes,
                                  uint32_t len_bytes);
cbit_err_t cbit_attacker_write_spa(cbit_attacker_t *hands, cbit_spa_t spa, const void *bytes,
                                   uint32_t len_bytes);

/* Switches on_bus on or off: it gets every line on the memory bus, with time, address, ciphertext
   and direction. */
cbit_err_t cbit_attacker_capture_bus(cbit_attacker_t *hands, bool on);

/* ---- launches ---- */

/* Inside on_launch: swaps two 16-byte blocks (first < second < 256) of the boot code. Order kept:
   in memory, which the measurement does not show. Order changed: in the measurement, which the
   owner sees. UNSUPPORTED for a guest without protection. */
cbit_err_t cbit_attacker_permute_launch(cbit_attacker_t *hands, uint32_t guest,
                                        cbit_launch_order_t order, uint32_t first, uint32_t second);

/* ---- the VMCB of a vCPU that does not run (cbit/vcpu/vmcb.h has its layout) ---- */

/* Reads what the host finds there: the registers of a guest without SEV-ES, or the address of the
   VMSA of one with it. ADDRESS if the vCPU has no VMCB. */
cbit_err_t cbit_attacker_read_vmcb(cbit_attacker_t *hands, uint32_t guest, uint32_t vcpu,
                                   uint32_t offset, void *bytes, uint32_t len_bytes);
/* Writes there. VMRUN uses what is written, except for ASID and TLB control, which the hypervisor
   sets each time. The guest continues where its recording stands, whatever RIP says. */
cbit_err_t cbit_attacker_write_vmcb(cbit_attacker_t *hands, uint32_t guest, uint32_t vcpu,
                                    uint32_t offset, const void *bytes, uint32_t len_bytes);

/* ---- nested tables; TLBs are flushed unless skip_tlb_flush ---- */

/* Makes the page at gpa not present, or present again. ADDRESS if it never had a frame. */
cbit_err_t cbit_attacker_set_present(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                     bool present);

/* Maps the page at gpa to the frame of the page at `other`. other == gpa undoes this. */
cbit_err_t cbit_attacker_remap_page(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                    cbit_gpa_t other);

/* Moves the page at gpa to the frame at spa, with its ciphertext unchanged. If the tweak depends on
   the address, the guest finds something else there. RANGE unless spa is a whole frame that nobody
   has had yet, or one that this verb has given. */
cbit_err_t cbit_attacker_place_page(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                    cbit_spa_t spa);

/* Maps the page at gpa to the frame at spa, whoever owns it, without changing its content.
   remap_page(gpa, gpa) undoes this. ADDRESS if gpa never had a frame. RANGE unless spa is a frame
   of the memory. */
cbit_err_t cbit_attacker_map_frame(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                   cbit_spa_t spa);

/* With true, later changes of nested tables do not flush the TLBs. */
void cbit_attacker_skip_tlb_flush(cbit_attacker_t *hands, bool skip);

/* ---- single steps ---- */

/* Makes the vCPU of the callback exit (INTR) after that many more instructions, unless something
   else makes it exit before; the rest of the count then continues with the next VMRUN. 0: no more
   steps. Instructions that the recording does not separate run together. */
cbit_err_t cbit_attacker_step(cbit_attacker_t *hands, uint32_t instructions);

/* ---- probes with the vCPU of the callback; all of these undo their changes. CONFLICT while
   another core's callback is in the middle of one, and while the vCPU waits for a device's answer
   ---- */

/* Runs it under another ASID until it exits, as the scenario's event run_with_asid. */
cbit_err_t cbit_attacker_run_with_asid(cbit_attacker_t *hands, uint32_t asid, bool flush_tlb,
                                       cbit_run_event_t *seen);

/* Runs it under the key of a fresh guest context, as the event activate_other_key. */
cbit_err_t cbit_attacker_activate_other_key(cbit_attacker_t *hands, cbit_run_event_t *seen);

/* Takes its ASID away (DEACTIVATE and the flushes) and runs it without ACTIVATE. */
cbit_err_t cbit_attacker_skip_activate(cbit_attacker_t *hands, cbit_run_event_t *seen);

#ifdef __cplusplus
}
#endif
#endif
