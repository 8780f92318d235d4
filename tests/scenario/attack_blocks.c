/*
 * What a device has written lies in the bounce buffer, where the host can write too, until the
 * guest copies it to where it is private: the guest encrypts blocks of the host's choice, under its
 * key and at an address that the host knows. (Mechanism: Li et al., "Exploiting Unprotected I/O
 * Operations in AMD's SEV", USENIX Security 2019.)
 */
#include <string.h>

#include "cbit_test.h"
#include "tests/scenario/attacks.h"

enum {
    PHASE_DOORBELL, /* none yet */
    PHASE_DEVICE,   /* it is asked; has it written? */
    PHASE_CHOSEN,   /* our blocks lie there; has the guest copied them? */
    PAGE = 40,      /* of the 64 in a transfer, and the next: where ours go */
    CHOSEN_BYTES = ATTACK_BLOCKS * CBIT_BLOCK_BYTES,
    ODD_BLOCK = 7, /* the one that is another in every second round */
};

static void read_shared(cbit_attacker_t *hands, cbit_gpa_t gpa, uint8_t block[CBIT_BLOCK_BYTES])
{
    ck_assert_int_eq(cbit_attacker_read_shared(hands, 0, gpa, block, CBIT_BLOCK_BYTES),
                     CBIT_ERR_OK);
}

static void read_cipher(cbit_attacker_t *hands, cbit_gpa_t gpa, uint8_t *bytes, uint32_t len_bytes)
{
    ck_assert_int_eq(cbit_attacker_read_ciphertext(hands, 0, gpa, bytes, len_bytes), CBIT_ERR_OK);
}

static cbit_gpa_t target(cbit_gpa_t buffer, uint32_t at)
{
    return buffer + (cbit_gpa_t)PAGE * CBIT_PAGE_BYTES + at;
}

/* The last block of the transfer: a device writes in order. */
static cbit_gpa_t last_of_device(const attack_blocks_t *program)
{
    return program->buffers.bounce + CBIT_GUEST_IO_MAX_BYTES - CBIT_BLOCK_BYTES;
}

static void choose(attack_blocks_t *program, cbit_attacker_t *hands)
{
    uint8_t chosen[CHOSEN_BYTES];
    for (uint32_t i = 0; i < CHOSEN_BYTES; i++) {
        chosen[i] = (uint8_t)(i / CBIT_BLOCK_BYTES * 31 + i % CBIT_BLOCK_BYTES);
    }
    chosen[ODD_BLOCK * CBIT_BLOCK_BYTES] ^= (uint8_t)(program->rounds % 2);
    for (uint32_t at = 0; at < CHOSEN_BYTES; at += CBIT_PAGE_BYTES) {
        ck_assert_int_eq(cbit_attacker_write_shared(hands, 0, target(program->buffers.bounce, at),
                                                    chosen + at, CBIT_PAGE_BYTES),
                         CBIT_ERR_OK);
    }
    read_cipher(hands, target(program->buffers.own, CHOSEN_BYTES - CBIT_BLOCK_BYTES),
                program->before, CBIT_BLOCK_BYTES);
}

static void compare(attack_blocks_t *program)
{
    program->same = true;
    for (uint32_t i = 0; i < ATTACK_BLOCKS; i++) {
        bool same = memcmp(program->cipher[0][i], program->cipher[1][i], CBIT_BLOCK_BYTES) == 0;
        program->same = program->same && (same || i == ODD_BLOCK);
        program->differs = i == ODD_BLOCK ? !same : program->differs;
    }
}

/* False while the guest's last block of them is as before. */
static bool collect(attack_blocks_t *program, cbit_attacker_t *hands)
{
    uint8_t now[CBIT_BLOCK_BYTES];
    uint8_t *into = program->cipher[program->rounds % 2][0];
    read_cipher(hands, target(program->buffers.own, CHOSEN_BYTES - CBIT_BLOCK_BYTES), now,
                sizeof now);
    if (memcmp(now, program->before, sizeof now) == 0) {
        return false;
    }
    for (uint32_t at = 0; at < CHOSEN_BYTES; at += CBIT_PAGE_BYTES) {
        read_cipher(hands, target(program->buffers.own, at), into + at, CBIT_PAGE_BYTES);
    }
    program->blocks += ATTACK_BLOCKS;
    program->ended_ps = cbit_attacker_now_ps(hands);
    if (program->rounds++ % 2 == 1) {
        compare(program);
    }
    return true;
}

static cbit_attack_reply_t on_exit_of(void *self, cbit_attacker_t *hands,
                                      const cbit_attack_exit_t *exit)
{
    attack_blocks_t *program = self;
    uint8_t now[CBIT_BLOCK_BYTES];
    if (exit->guest != 0 || !cbit_guest_paged(cbit_attacker_guest(hands, 0), 0)) {
        return CBIT_ATTACK_PASS;
    }
    if (program->buffers.own == 0) {
        ck_assert(attack_find_buffers(cbit_attacker_guest(hands, 0), &program->buffers));
    }
    if (exit->exit.reason == CBIT_EXIT_IOIO) {
        if (program->begun_ps == 0) {
            program->begun_ps = cbit_attacker_now_ps(hands);
        }
        read_shared(hands, last_of_device(program), program->before);
        program->phase = PHASE_DEVICE;
    } else if (program->phase == PHASE_DEVICE) {
        read_shared(hands, last_of_device(program), now);
        if (memcmp(now, program->before, sizeof now) != 0) {
            choose(program, hands);
            program->phase = PHASE_CHOSEN;
        }
    } else if (program->phase == PHASE_CHOSEN && collect(program, hands)) {
        program->phase = PHASE_DOORBELL;
    }
    return CBIT_ATTACK_PASS;
}

void attack_blocks_init(attack_blocks_t *program, cbit_attack_t *attack)
{
    *program = (attack_blocks_t){0};
    *attack = (cbit_attack_t){.self = program, .every_ps = 2000000, .on_exit = on_exit_of};
}
