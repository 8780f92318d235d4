/**
 * @file
 * The hands of a hostile hypervisor, for programs in C: verbs, and callbacks that say when.
 *
 * A program fills in a cbit_attack_t and runs a scenario with it
 * (cbit_hypervisor_options_t.attack). Callbacks come while the vCPU in question stands still;
 * inside them the verbs may be called. A verb takes the simulated time that it takes (flushes, DMA,
 * commands of the Secure Processor) and returns when it is done; the rest of the machine goes on
 * meanwhile, so a callback of another core may come from inside a verb. Outside callbacks nothing
 * here may be called.
 *
 * Nothing is put back, except by the verbs that say so. What the guest makes of it shows in the
 * run's result: its end, and the checks of its loads, fetches and I/O.
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
    CBIT_ATTACK_PASS,   /* the hypervisor does what it always does about this exit */
    CBIT_ATTACK_RESUME, /* it is dealt with: VMRUN again */
} cbit_attack_reply_t;

/* Where it came from: a vCPU that has just left the guest. */
typedef struct cbit_attack_exit {
    uint32_t guest, vcpu; /* index of the guest in the scenario, of the vCPU in the guest */
    cbit_exit_t exit;
} cbit_attack_exit_t;

typedef struct cbit_attack {
    void *self;
    cbit_ps_t every_ps; /* vCPUs are interrupted at least that often; 0: as the scheduler has it */
    /* Any of them may be NULL. */
    cbit_attack_reply_t (*on_exit)(void *self, cbit_attacker_t *hands,
                                   const cbit_attack_exit_t *exit);
    /* A nested fault (not told to on_exit then): gpa is the page that could not be translated. */
    cbit_attack_reply_t (*on_nested_fault)(void *self, cbit_attacker_t *hands,
                                           const cbit_attack_exit_t *exit, cbit_gpa_t gpa);
    /* The launch image of a guest is about to be measured: permute_launch, and what a host knows
       anyway; other verbs answer CONFLICT. */
    void (*on_launch)(void *self, cbit_attacker_t *hands, uint32_t guest);
    /* A line has passed the pins of a memory channel while capture_bus is on; no verbs here. */
    void (*on_bus)(void *self, const cbit_bus_line_t *line);
    /* The Secure Processor has answered a command of the hypervisor; no verbs here. */
    void (*on_sp)(void *self, uint32_t command, uint32_t status, cbit_ps_t at_ps);
} cbit_attack_t;

/* ---- what a host knows anyway ---- */

cbit_ps_t cbit_attacker_now_ps(const cbit_attacker_t *hands);

/* Where a guest's page lies, present or taken away; ADDRESS when it never had a frame. */
cbit_err_t cbit_attacker_translate(const cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                   cbit_spa_t *spa);

/* The guest's software, for programs that check themselves: an attacker would not have it. */
cbit_guest_t *cbit_attacker_guest(cbit_attacker_t *hands, uint32_t guest);

/* ---- memory; ranges within one page ---- */

/* What the host's own mapping shows: shared pages are readable, private ones are not. */
cbit_err_t cbit_attacker_read_shared(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                     void *bytes, uint32_t len_bytes);

/* Host software stores through its own mapping: what a guest reads in a shared page. */
cbit_err_t cbit_attacker_write_shared(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                      const void *bytes, uint32_t len_bytes);

/* The DRAM's bytes: the lines are flushed from all caches first, then moved by DMA without C-bit.
   16-byte granular. */
cbit_err_t cbit_attacker_read_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                         void *bytes, uint32_t len_bytes);
cbit_err_t cbit_attacker_write_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                          const void *bytes, uint32_t len_bytes);
cbit_err_t cbit_attacker_move_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t from,
                                         cbit_gpa_t to, uint32_t len_bytes);
cbit_err_t cbit_attacker_flip_ciphertext(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                         uint32_t bit);

/* A page's ciphertext, to be put back later: it decrypts to what it was, at its own address only.
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

/* INVD on the core of the callback: dirty lines of its caches are lost, the guest's and the host's
   own; or written back, where /sev/invd_writes_back has it so. */
cbit_err_t cbit_attacker_invd(cbit_attacker_t *hands);

/* The highest address line of all DIMMs is cut, or whole again. While it is cut, the verbs below
   reach a guest's memory through its second address; caches and queues know nothing of it. */
cbit_err_t cbit_attacker_alias_dimm(cbit_attacker_t *hands, bool aliased);
/* The second address of a place in the DRAM. */
cbit_spa_t cbit_attacker_alias_of(const cbit_attacker_t *hands, cbit_spa_t spa);

/* What lies at an address of the machine, by DMA without C-bit; within one page, 16-byte granular.
   Caches are flushed and controllers drained before and after. ADDRESS beyond memory. */
cbit_err_t cbit_attacker_read_spa(cbit_attacker_t *hands, cbit_spa_t spa, void *bytes,
                                  uint32_t len_bytes);
cbit_err_t cbit_attacker_write_spa(cbit_attacker_t *hands, cbit_spa_t spa, const void *bytes,
                                   uint32_t len_bytes);

/* From now on on_bus is told every line on the memory bus: time, address, ciphertext, direction. */
cbit_err_t cbit_attacker_capture_bus(cbit_attacker_t *hands, bool on);

/* ---- launches ---- */

/* Inside on_launch: two 16-byte blocks (first < second < 256) of the boot code change places, in
   memory (kept: the measurement does not see it) or in the measurement (changed: the owner does).
   UNSUPPORTED for a guest without protection. */
cbit_err_t cbit_attacker_permute_launch(cbit_attacker_t *hands, uint32_t guest,
                                        cbit_launch_order_t order, uint32_t first, uint32_t second);

/* ---- the VMCB of a vCPU that does not run (cbit/vcpu/vmcb.h has its layout) ---- */

/* What the host finds there: registers of a guest without SEV-ES, where the VMSA of one with it is.
   ADDRESS when the vCPU has none. */
cbit_err_t cbit_attacker_read_vmcb(cbit_attacker_t *hands, uint32_t guest, uint32_t vcpu,
                                   uint32_t offset, void *bytes, uint32_t len_bytes);
/* VMRUN takes what is written, but ASID and TLB control, which the hypervisor sets each time; where
   the guest goes on is in its recording, whatever RIP says. */
cbit_err_t cbit_attacker_write_vmcb(cbit_attacker_t *hands, uint32_t guest, uint32_t vcpu,
                                    uint32_t offset, const void *bytes, uint32_t len_bytes);

/* ---- nested tables; TLBs are flushed unless skip_tlb_flush ---- */

/* Takes the page at gpa away, or puts it back where it was. ADDRESS when it never was there. */
cbit_err_t cbit_attacker_set_present(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                     bool present);

/* The page at gpa is from now on the frame of the page at `other`; back with other == gpa. */
cbit_err_t cbit_attacker_remap_page(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                    cbit_gpa_t other);

/* The page at gpa gets the frame at spa, which the host chooses, with its ciphertext as it was:
   under a tweak that depends on the address the guest finds something else there. RANGE unless it
   is a whole frame that nobody has had yet; one that this verb has given may be given again. */
cbit_err_t cbit_attacker_place_page(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                    cbit_spa_t spa);

/* The page at gpa is from now on the frame at spa, whosever it is, and what lies there stays; back
   with remap_page(gpa, gpa). ADDRESS when gpa never had a frame; RANGE unless spa is a frame of the
   memory. */
cbit_err_t cbit_attacker_map_frame(cbit_attacker_t *hands, uint32_t guest, cbit_gpa_t gpa,
                                   cbit_spa_t spa);

/* From now on changes of nested tables leave the TLBs alone. */
void cbit_attacker_skip_tlb_flush(cbit_attacker_t *hands, bool skip);

/* ---- single steps ---- */

/* The vCPU of the callback leaves (INTR) once it has retired that many more instructions, unless
   something else makes it leave before; what it has left then goes on with the next VMRUN. 0: it is
   let go. Instructions that the recording does not tell apart go together. */
cbit_err_t cbit_attacker_step(cbit_attacker_t *hands, uint32_t instructions);

/* ---- with the vCPU of the callback; all of these put everything back. CONFLICT while another
   core's callback is in the middle of one, and while the vCPU waits for a device's answer ---- */

/* Runs it under another ASID until it leaves; as the scenario's event run_with_asid. */
cbit_err_t cbit_attacker_run_with_asid(cbit_attacker_t *hands, uint32_t asid, bool flush_tlb,
                                       cbit_run_event_t *seen);

/* Runs it under the key of a fresh guest context; as the event activate_other_key. */
cbit_err_t cbit_attacker_activate_other_key(cbit_attacker_t *hands, cbit_run_event_t *seen);

/* Takes it from its ASID (DEACTIVATE and the flushes) and runs it without ACTIVATE. */
cbit_err_t cbit_attacker_skip_activate(cbit_attacker_t *hands, cbit_run_event_t *seen);

#ifdef __cplusplus
}
#endif
#endif
