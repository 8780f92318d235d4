/*
 * XE does not mix the address into the ciphertext: what is moved from p to q decrypts to M xor T(p
 * xor q). A guest that copies its buffer out for a device does the decrypting, and the host chooses
 * q. One transfer is enough for every address bit that the memory has. (Mechanism: Wilke et al.,
 * "SEVurity", IEEE S&P 2020.)
 */
#include <string.h>

#include "cbit_test.h"
#include "tests/scenario/attacks.h"

enum { PHASE_WAIT, PHASE_MOVED, PHASE_OVER };
/* Of 64 pages in the guest's buffer the last ones: one with q = 2^32, and for each bit 12..31 one
 * with q = 2^32 + 2^bit. */
enum { TOP_BIT = 32, PAGE_BIT = 12, FIRST_PAGE = 64 - 1 - (TOP_BIT - PAGE_BIT) };

typedef uint8_t block_t[CBIT_BLOCK_BYTES];

static void add(block_t into, const block_t other)
{
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        into[i] ^= other[i];
    }
}

/* The frames, and in them the known page's ciphertext; in the first its blocks 0 and 1 by turns. */
static void move(attack_tweaks_t *program, cbit_attacker_t *hands)
{
    uint8_t cipher[CBIT_PAGE_BYTES], mixed[CBIT_PAGE_BYTES];
    ck_assert_int_eq(cbit_attacker_translate(hands, 0, CBIT_GUEST_BOOT_GPA, &program->from),
                     CBIT_ERR_OK);
    ck_assert_int_eq(
        cbit_attacker_read_ciphertext(hands, 0, CBIT_GUEST_BOOT_GPA, cipher, sizeof cipher),
        CBIT_ERR_OK);
    for (uint32_t at = 0; at < CBIT_PAGE_BYTES; at += CBIT_BLOCK_BYTES) {
        memcpy(mixed + at, cipher + at % CBIT_LINE_BYTES / 32 * CBIT_BLOCK_BYTES, CBIT_BLOCK_BYTES);
    }
    for (uint32_t i = 0; i <= TOP_BIT - PAGE_BIT; i++) {
        cbit_gpa_t gpa = program->buffers.own + (cbit_gpa_t)(FIRST_PAGE + i) * CBIT_PAGE_BYTES;
        cbit_spa_t to = (UINT64_C(1) << TOP_BIT) + (i == 0 ? 0 : UINT64_C(1) << (PAGE_BIT + i - 1));
        ck_assert_int_eq(cbit_attacker_place_page(hands, 0, gpa, to), CBIT_ERR_OK);
        ck_assert_int_eq(
            cbit_attacker_write_ciphertext(hands, 0, gpa, i == 0 ? mixed : cipher, CBIT_PAGE_BYTES),
            CBIT_ERR_OK);
    }
}

/* T(p xor q) for the block at `at` of page i, from what came out and what went in. */
static void told(const attack_tweaks_t *program, cbit_attacker_t *hands, uint32_t i, uint32_t at,
                 uint32_t known_at, block_t t)
{
    cbit_gpa_t gpa = program->buffers.bounce + (cbit_gpa_t)(FIRST_PAGE + i) * CBIT_PAGE_BYTES;
    ck_assert_int_eq(cbit_attacker_read_shared(hands, 0, gpa + at, t, CBIT_BLOCK_BYTES),
                     CBIT_ERR_OK);
    add(t, program->known + known_at);
}

static void solve(attack_tweaks_t *program, cbit_attacker_t *hands)
{
    block_t base, other, twin;
    told(program, hands, 0, 0, 0, base); /* T(p xor 2^32) */
    /* Inside the page: block 0's ciphertext stands where at & 32 is clear, block 1's elsewhere. */
    told(program, hands, 0, 16, 0, program->t[4]);
    add(program->t[4], base);
    told(program, hands, 0, 32, 16, program->t[5]); /* T(p + 16 xor 2^32 + 32): t4 too much */
    add(program->t[5], base);
    add(program->t[5], program->t[4]);
    for (uint32_t bit = 6; bit < PAGE_BIT; bit++) {
        told(program, hands, 0, 1u << bit, 0, program->t[bit]);
        add(program->t[bit], base);
    }
    for (uint32_t bit = PAGE_BIT; bit < TOP_BIT; bit++) {
        told(program, hands, bit - PAGE_BIT + 1, 0, 0, program->t[bit]);
        add(program->t[bit], base);
    }
    /* Bit 32 is what is left of T(p xor 2^32) without the bits of p. */
    memcpy(program->t[TOP_BIT], base, sizeof base);
    for (uint32_t bit = PAGE_BIT; bit < TOP_BIT; bit++) {
        if ((program->from >> bit & 1) != 0) {
            add(program->t[TOP_BIT], program->t[bit]);
        }
    }
    /* The second plaintext's word on bit 6. */
    told(program, hands, 0, 32, 16, other);
    told(program, hands, 0, 96, 16, twin);
    add(twin, other);
    program->consistent = memcmp(twin, program->t[6], sizeof twin) == 0;
}

static cbit_attack_reply_t on_exit_of(void *self, cbit_attacker_t *hands,
                                      const cbit_attack_exit_t *exit)
{
    attack_tweaks_t *program = self;
    const cbit_guest_t *guest = cbit_attacker_guest(hands, 0);
    if (exit->guest != 0 || program->phase == PHASE_OVER || !cbit_guest_paged(guest, 0)) {
        return CBIT_ATTACK_PASS;
    }
    if (program->buffers.own == 0) { /* the image is the host's own: it has loaded it */
        uint32_t count;
        ck_assert(attack_find_buffers(guest, &program->buffers));
        memcpy(program->known, cbit_guest_pieces(guest, &count)[0].bytes, CBIT_PAGE_BYTES);
    }
    if (exit->exit.reason == CBIT_EXIT_IOIO && program->phase == PHASE_MOVED) {
        solve(program, hands); /* the doorbell: it has copied all of it */
        program->phase = PHASE_OVER;
    } else if (program->phase == PHASE_WAIT &&
               attack_window_open(&program->window, hands, &program->buffers, FIRST_PAGE)) {
        move(program, hands);
        program->phase = PHASE_MOVED;
    }
    return CBIT_ATTACK_PASS;
}

void attack_tweaks_init(attack_tweaks_t *program, cbit_attack_t *attack)
{
    *program = (attack_tweaks_t){0};
    *attack = (cbit_attack_t){.self = program, .every_ps = 1000000, .on_exit = on_exit_of};
}
