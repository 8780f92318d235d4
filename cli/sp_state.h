/*
 * The state file of cbit sp, which plays the part of the chip: its fuses' seed, how often it has
 * booted, and its flash. Locked while it is open.
 */
#ifndef CBIT_CLI_SP_STATE_H
#define CBIT_CLI_SP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/sp/sp.h"

enum { SP_STATE_PATH_BYTES = 4096 };

typedef struct sp_state {
    char path[SP_STATE_PATH_BYTES]; /* "" when nothing is kept */
    int lock;                       /* -1: none */
    uint64_t seed, boot;            /* of the chip; boots before this one */
    uint8_t flash[CBIT_SP_FLASH_BYTES];
} sp_state_t;

/* A chip that has never booted, kept nowhere. */
void sp_state_init(sp_state_t *state, uint64_t seed);

/* Locks path's chip and reads it into a state after sp_state_init. *found is false, and nothing is
   read, when there is no such file yet. An error leaves a finding; close it in either case. */
cbit_err_t sp_state_open(sp_state_t *state, const char *path, bool *found, cbit_diag_t *diag);

/* Writes one boot more into the file: it is the old one or the new one, whatever happens. */
cbit_err_t sp_state_save(sp_state_t *state, cbit_diag_t *diag);

/* Unlocks. */
void sp_state_close(sp_state_t *state);

#endif
