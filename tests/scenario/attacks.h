/* Hostile programs on cbit/attacker.h, each in a file of its own, and what they bring home.
 */
#ifndef CBIT_TEST_ATTACKS_H
#define CBIT_TEST_ATTACKS_H

#include "cbit/attacker.h"

enum { ATTACK_FIRST_BIT = 4, ATTACK_BITS = 33, ATTACK_BLOCKS = 512 };

/* Where a guest's kernel, which is public, keeps its bounce buffer and the private buffers of its
 * driver. */
typedef struct attack_buffers {
    cbit_gpa_t bounce, own;
} attack_buffers_t;
bool attack_find_buffers(const cbit_guest_t *guest, attack_buffers_t *buffers);

/* The guest copies a private buffer of at least `pages` pages out at this moment: the first page
   has been changed since `old`, the line that the program is after has not. Updates old. */
typedef struct attack_window {
    uint8_t first[CBIT_BLOCK_BYTES], last[CBIT_BLOCK_BYTES];
    bool primed;
} attack_window_t;
bool attack_window_open(attack_window_t *window, cbit_attacker_t *hands,
                        const attack_buffers_t *buffers, uint32_t page);

/* ---- attack_tweaks.c: moved ciphertext that a guest decrypts for its device gives the tweak away
 * ---- */
typedef struct attack_tweaks {
    uint32_t phase;
    bool consistent; /* what two plaintexts say agrees */
    attack_buffers_t buffers;
    attack_window_t window;
    cbit_spa_t from; /* of the page whose plaintext the host has loaded itself */
    uint8_t known[CBIT_PAGE_BYTES];
    uint8_t t[ATTACK_BITS][CBIT_BLOCK_BYTES]; /* the constants of address bits 4..32 */
} attack_tweaks_t;
void attack_tweaks_init(attack_tweaks_t *program, cbit_attack_t *attack);

/* ---- attack_blocks.c: what the host puts into the bounce buffer, the guest encrypts ---- */
typedef struct attack_blocks {
    uint32_t phase, rounds;
    bool same, differs; /* chosen blocks again give the same ciphertext; another one does not */
    attack_buffers_t buffers;
    attack_window_t window;
    cbit_ps_t begun_ps, ended_ps; /* the first doorbell; the last block in hand */
    uint64_t blocks;
    uint8_t before[CBIT_BLOCK_BYTES];
    uint8_t cipher[2][ATTACK_BLOCKS][CBIT_BLOCK_BYTES];
} attack_blocks_t;
void attack_blocks_init(attack_blocks_t *program, cbit_attack_t *attack);

/* ---- attack_pages.c: a page that is not the driver's goes out through its transfers ---- */
typedef struct attack_pages {
    uint32_t phase;
    uint64_t asked, pages; /* pages that were mapped in; that came out in plain */
    cbit_ps_t begun_ps, ended_ps;
    attack_buffers_t buffers;
    attack_window_t window;
    cbit_gpa_t secret;
    uint8_t wanted[CBIT_PAGE_BYTES]; /* for the program's own check */
} attack_pages_t;
void attack_pages_init(attack_pages_t *program, cbit_attack_t *attack);

/* ---- attack_crossline.c: the page walk of one VM reads the tables of another ---- */
typedef struct attack_crossline {
    bool over;
    uint32_t told, own_key; /* entries, of the four of a walk, under the victim's ASID; its own */
    uint32_t invalid;       /* runs that VMRUN refused */
} attack_crossline_t;
void attack_crossline_init(attack_crossline_t *program, cbit_attack_t *attack);

/* ---- attack_state.c: the ciphertext of saved registers tells where a guest was ---- */
enum { ATTACK_PLACES = 256 };
typedef struct attack_places {
    uint32_t exits, count; /* exits, and different blocks among them */
    uint8_t blocks[ATTACK_PLACES][CBIT_BLOCK_BYTES];
} attack_places_t;
typedef struct attack_state {
    attack_places_t doorbells[2], others[2]; /* of each vCPU */
} attack_state_t;
void attack_state_init(attack_state_t *program, cbit_attack_t *attack);

#endif
