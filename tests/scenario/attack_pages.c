/*
 * The host maps another page of the guest where its driver has a buffer, while the driver copies
 * that out: the page leaves in plain, whatever the cipher. (Mechanism: Morbitzer et al., "SEVered",
 * EuroSec 2018.)
 */
#include <string.h>

#include "cbit_test.h"
#include "tests/scenario/attacks.h"

enum {
    PHASE_WAIT,
    PHASE_MAPPED,
    PAGE = 40 /* of the 64 in a transfer: the one that is exchanged */
};

static cbit_gpa_t buffer_page(const attack_pages_t *program)
{
    return program->buffers.own + (cbit_gpa_t)PAGE * CBIT_PAGE_BYTES;
}

static void map_in(attack_pages_t *program, cbit_attacker_t *hands)
{
    const cbit_guest_t *guest = cbit_attacker_guest(hands, 0);
    do {
        ck_assert(cbit_guest_pick_private_page(guest, program->asked++, &program->secret));
    } while (program->secret - program->buffers.own < (cbit_gpa_t)64 * CBIT_PAGE_BYTES);
    ck_assert(cbit_guest_plaintext(guest, program->secret, program->wanted, CBIT_PAGE_BYTES));
    ck_assert_int_eq(cbit_attacker_remap_page(hands, 0, buffer_page(program), program->secret),
                     CBIT_ERR_OK);
    program->begun_ps = program->begun_ps == 0 ? cbit_attacker_now_ps(hands) : program->begun_ps;
}

/* The doorbell: it is copied. The buffer gets its own page back before the driver touches it. */
static void take_out(attack_pages_t *program, cbit_attacker_t *hands)
{
    uint8_t seen[CBIT_PAGE_BYTES];
    cbit_gpa_t gpa = program->buffers.bounce + (cbit_gpa_t)PAGE * CBIT_PAGE_BYTES;
    ck_assert_int_eq(cbit_attacker_read_shared(hands, 0, gpa, seen, sizeof seen), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_attacker_remap_page(hands, 0, buffer_page(program), buffer_page(program)),
                     CBIT_ERR_OK);
    program->pages += memcmp(seen, program->wanted, sizeof seen) == 0;
    program->ended_ps = cbit_attacker_now_ps(hands);
}

static cbit_attack_reply_t on_exit_of(void *self, cbit_attacker_t *hands,
                                      const cbit_attack_exit_t *exit)
{
    attack_pages_t *program = self;
    const cbit_guest_t *guest = cbit_attacker_guest(hands, exit->guest);
    if (exit->guest != 0 || !cbit_guest_paged(guest, 0)) {
        return CBIT_ATTACK_PASS;
    }
    if (program->buffers.own == 0) {
        ck_assert(attack_find_buffers(guest, &program->buffers));
    }
    if (program->phase == PHASE_MAPPED && exit->exit.reason == CBIT_EXIT_IOIO) {
        take_out(program, hands);
        program->phase = PHASE_WAIT;
        program->window.primed = false;
    } else if (program->phase == PHASE_WAIT &&
               attack_window_open(&program->window, hands, &program->buffers, PAGE)) {
        map_in(program, hands);
        program->phase = PHASE_MAPPED;
    }
    return CBIT_ATTACK_PASS;
}

void attack_pages_init(attack_pages_t *program, cbit_attack_t *attack)
{
    *program = (attack_pages_t){0};
    *attack = (cbit_attack_t){.self = program, .every_ps = 500000, .on_exit = on_exit_of};
}
