/*
 * SEV-ES saves a vCPU's registers at one address, under a cipher that is a function of key, address
 * and value: what the host sees of a block at two exits is equal when the registers were.
 * (Mechanism: Li et al., "CIPHERLEAKS", USENIX Security 2021.) The program looks at the block of
 * RFLAGS and RIP, and tells from it alone where the guest was.
 */
#include <string.h>

#include "cbit/vcpu/vmcb.h"
#include "cbit_test.h"
#include "tests/scenario/attacks.h"

static void look(cbit_attacker_t *hands, const cbit_attack_exit_t *exit,
                 uint8_t block[CBIT_BLOCK_BYTES])
{
    const uint32_t at = (CBIT_VMCB_RIP - CBIT_VMCB_SAVE) / CBIT_BLOCK_BYTES * CBIT_BLOCK_BYTES;
    uint64_t vmsa;
    ck_assert_int_eq(
        cbit_attacker_read_vmcb(hands, exit->guest, exit->vcpu, CBIT_VMCB_VMSA, &vmsa, sizeof vmsa),
        CBIT_ERR_OK);
    ck_assert_int_eq(cbit_attacker_read_spa(hands, vmsa + at, block, CBIT_BLOCK_BYTES),
                     CBIT_ERR_OK);
}

static void note(attack_places_t *places, const uint8_t block[CBIT_BLOCK_BYTES])
{
    places->exits++;
    for (uint32_t i = 0; i < places->count; i++) {
        if (memcmp(places->blocks[i], block, CBIT_BLOCK_BYTES) == 0) {
            return;
        }
    }
    if (places->count < ATTACK_PLACES) {
        memcpy(places->blocks[places->count++], block, CBIT_BLOCK_BYTES);
    }
}

static cbit_attack_reply_t on_exit_of(void *self, cbit_attacker_t *hands,
                                      const cbit_attack_exit_t *exit)
{
    attack_state_t *program = self;
    uint8_t block[CBIT_BLOCK_BYTES];
    if (exit->vcpu > 1 || !cbit_guest_paged(cbit_attacker_guest(hands, exit->guest), exit->vcpu)) {
        return CBIT_ATTACK_PASS;
    }
    look(hands, exit, block);
    note(exit->exit.reason == CBIT_EXIT_IOIO ? &program->doorbells[exit->vcpu]
                                             : &program->others[exit->vcpu],
         block);
    return CBIT_ATTACK_PASS;
}

void attack_state_init(attack_state_t *program, cbit_attack_t *attack)
{
    *program = (attack_state_t){0};
    *attack = (cbit_attack_t){.self = program, .every_ps = 5000000, .on_exit = on_exit_of};
}
