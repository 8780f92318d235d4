/* Few requests in a channel: the short way of a command (few.c). Private to the quick controller.
 */
#ifndef CBIT_MODEL_UMC_FEW_H
#define CBIT_MODEL_UMC_FEW_H

#include "model/umc/core_private.h"

/* Finds out whether the configuration lets few requests be held apart, and what its rules ask. */
void umc_few_init(umc_core_t *core);

/* Whether writes are to go first (core->draining) has changed. */
void umc_few_drain(umc_core_t *core);

/*
 * Takes the requests out of the queues, if they are few and nothing but their commands is about to
 * happen in at_nck or the clock before which nothing happens; true if they are held apart now.
 */
bool umc_few_enter(umc_core_t *core, uint64_t at_nck);

/* Puts them back into the queues; they must be held apart. */
void umc_few_leave(umc_core_t *core);

/* As umc_core_accept, with no refresh of an idle channel before it. */
umc_take_t umc_few_accept(umc_core_t *core, bool write, const cbit_dram_place_t *place,
                          uint64_t line, bool held, uint32_t *user, uint64_t at_nck);

/* As umc_core_step, where a plan must be made or is due: until_nck is at or after floor_nck or the
   plan's clock. */
bool umc_few_step(umc_core_t *core, uint64_t until_nck, umc_event_t *event);

uint64_t umc_few_next_nck(umc_core_t *core); /* as umc_core_next_nck */

/* ---- for few_commands.h ---- */

/* As umc_few_look, where reads wait for a credit. */
uint64_t umc_few_look_with_care(const umc_core_t *core, uint32_t now);

/* One of them is of this line, which is in the bank. */
bool umc_few_is_met(const umc_few_t *few, uint32_t bank, uint64_t line);

/* The clock before which nothing else can happen, anew; true if this one is before. */
bool umc_few_is_quiet(umc_core_t *core, uint64_t at_nck);

/* What those of a bank with more than one want now, whose row, gates or requests have changed. */
void umc_few_look_at_others(umc_core_t *core, uint32_t bank);

/* The same after one of several has left. */
void umc_few_left_bank(umc_core_t *core, uint32_t bank);

#endif
