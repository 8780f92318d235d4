/*
 * A channel with few requests, from its commands to its answers in one piece: the usual case of
 * flight.c and few.c together. What is not usual leaves it: requests go back to the queues, reads
 * whose lines must be followed to flight.c.
 */
#include "model/umc/few_run.h"

#include "model/umc/ahead.h"
#include "model/umc/few_commands.h"

/* The plan is a command by until_nck. Not: nothing is, or they have gone back to the queues. */
static inline bool is_due(umc_core_t *core, uint64_t until_nck)
{
    if (!core->plan.valid) {
        if (core->floor_nck > until_nck || core->live == 0) {
            return false;
        }
        core->write_mode ^= umc_few_may_change(core);
        if (!umc_few_plan(core)) {
            umc_few_leave(core);
            return false;
        }
    }
    return core->plan.at_nck <= until_nck;
}

static inline void activate(cbit_umc_t *umc, umc_few_slot_t *slot, uint64_t at_nck)
{
    umc_few_activate(umc->core, slot, at_nck);
    umc->tally.share[umc->users[slot->user].requester].activates++;
    umc->tally.bank[slot->bank].activates++;
}

static inline void column(cbit_umc_t *umc, umc_few_slot_t *slot, uint64_t at_nck)
{
    umc_tally_share_t *share = &umc->tally.share[umc->users[slot->user].requester];
    umc_few_column(umc->core, slot, at_nck);
    umc->tally.bank[slot->bank].columns++;
    if (slot->write) {
        share->writes++;
        umc_on_write(umc, slot->user, at_nck);
    } else {
        share->reads++;
        umc_on_read(umc, slot->user, slot->first_nck, at_nck);
    }
}

bool umc_few_run(cbit_umc_t *umc, uint64_t nck)
{
    umc_core_t *core = umc->core;
    if (!core->few.on) {
        return false;
    }
    uint64_t until_nck = umc_min_u64(nck, umc_landing_nck(umc));
    while (is_due(core, until_nck)) {
        umc_few_slot_t *slot = &core->few.slot[core->plan.entry];
        const uint64_t at_nck = core->plan.at_nck;
        slot->first_nck = umc_min_u64(slot->first_nck, at_nck);
        core->plan.valid = false;
        core->floor_nck = at_nck + 1;
        if (slot->op == UMC_PRE) {
            umc_few_precharge(core, slot, at_nck);
        } else if (slot->op == UMC_ACT) {
            activate(umc, slot, at_nck);
        } else {
            column(umc, slot, at_nck);
            until_nck = umc_min_u64(nck, umc_landing_nck(umc));
        }
    }
    if (!core->few.on) {
        return false;
    }
    core->floor_nck = umc_max64(core->floor_nck, until_nck + 1);
    return true;
}
