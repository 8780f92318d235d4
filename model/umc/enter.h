/*
 * A request is no longer at the door. Here, for the run through the requests of a quiet channel has
 * the usual case inlined: a read of whose line nobody else is. Private to the adapter.
 */
#ifndef CBIT_MODEL_UMC_ENTER_H
#define CBIT_MODEL_UMC_ENTER_H

#include "model/umc/few_commands.h"
#include "model/umc/umc_private.h"

/* The first one is no longer at the door. Returns which user it is, and the clock in which it is
   accepted. */
static inline uint32_t umc_leave_door(cbit_umc_t *umc, uint64_t *nck)
{
    umc_door_t *door = &umc->door;
    umc_waiting_t *first = &door->waiting[door->first];
    *nck = first->due_nck;
    first->due_nck = first->shows_nck = UMC_NEVER;
    door->entering_nck = first[1].due_nck;
    door->first = --door->count == 0 ? 0 : door->first + 1;
    return first->user;
}

/* A request enters the core: the user is where and whose it is. runs: as umc_few_runs. */
static inline void umc_enter_core(cbit_umc_t *umc, bool runs, bool write, uint32_t index, bool held,
                                  uint64_t nck)
{
    umc_core_t *core = umc->core;
    const umc_user_t *user = &umc->users[index];
    if (runs && !held && core->next_due_nck > nck &&
        umc_few_take(core, write, &user->place, umc_line_of(user), index, nck)) {
        return;
    }
    (void)umc_core_accept(core, write, &user->place, umc_line_of(user), held, &index, nck);
    umc_core_count_levels(core, nck);
}

/* Any other than such a read. */
void umc_enter_other(cbit_umc_t *umc, uint32_t index, uint64_t nck);

/* The first one at the door is accepted. runs: as umc_few_runs. */
static inline void umc_enter(cbit_umc_t *umc, bool runs)
{
    uint64_t nck;
    const uint32_t index = umc_leave_door(umc, &nck);
    umc_user_t *user = &umc->users[index];
    umc->of_bank[user->place.flat_bank]--;
    umc->accept_nck = nck + 1;
    if (user->prompt) { /* writes are, and what has no place */
        umc_enter_other(umc, index, nck);
        return;
    }
    --*umc_of_line(umc, user->line_spa);
    umc->stats.reads++;
    user->state = UMC_QUEUED;
    umc_enter_core(umc, runs, false, index, false, nck);
}

#endif
