/*
 * A channel with few requests, from its commands to its answers in one piece: the usual case of
 * flight.c and few.c together. What is not usual leaves it: requests go back to the queues, reads
 * whose lines must be followed to flight.c.
 */
#include "model/umc/few_run.h"

#include "model/umc/ahead.h"
#include "model/umc/few_commands.h"

static inline void activate(cbit_umc_t *umc, umc_few_slot_t *slot, uint64_t at_nck)
{
    umc_few_activate(umc->core, slot, at_nck);
    umc->tally.share[umc->users[slot->user].requester].activates++;
    umc->tally.bank[slot->bank].activates++;
}

static inline void read_column(cbit_umc_t *umc, umc_few_slot_t *slot, uint64_t at_nck)
{
    umc_few_column(umc->core, slot, false, at_nck);
    umc->tally.share[umc->users[slot->user].requester].reads++;
    umc->tally.bank[slot->bank].columns++;
    umc_on_read(umc, slot->user, slot->first_nck, at_nck);
}

static __attribute__((noinline)) void write_column(cbit_umc_t *umc, umc_few_slot_t *slot,
                                                   uint64_t at_nck)
{
    umc_few_column(umc->core, slot, true, at_nck);
    umc->tally.share[umc->users[slot->user].requester].writes++;
    umc->tally.bank[slot->bank].columns++;
    umc_on_write(umc, slot->user, at_nck);
}

/* The next command becomes the plan, if there is none yet; NULL if it is not due by until_nck, or
   they have gone back to the queues. */
static inline umc_few_slot_t *next_due(umc_core_t *core, uint64_t until_nck)
{
    if (!core->plan.valid) {
        if (core->floor_nck > until_nck || core->live == 0) {
            return NULL;
        }
        core->write_mode = umc_few_next_mode(core);
        if (!umc_few_plan(core)) {
            umc_few_leave(core);
            return NULL;
        }
    }
    return core->plan.at_nck <= until_nck ? &core->few.slot[core->plan.entry] : NULL;
}

/* After a command of the only request: its next one is the plan. True if that is due. */
static inline bool next_alone(umc_core_t *core, const umc_few_slot_t *slot, uint64_t until_nck)
{
    const uint64_t at_nck = umc_few_at(core, slot);
    core->plan.at_nck = at_nck;
    core->plan.valid = at_nck > until_nck && at_nck < core->few.quiet_nck;
    return at_nck <= until_nck;
}

/*
 * Commands of a request from what is planned on: this one and, if it is the only one and nothing
 * else can happen, those that follow and are due; there is nothing to choose then, and without
 * anybody waiting it is reads' turn. Returns true after its column command.
 */
static inline bool run_one(cbit_umc_t *umc, umc_few_slot_t *slot, bool alone, uint64_t until_nck)
{
    umc_core_t *core = umc->core;
    core->plan.valid = false;
    if (slot->op == UMC_PRE) {
        const uint64_t at_nck = core->plan.at_nck;
        slot->first_nck = umc_min_u64(slot->first_nck, at_nck);
        core->floor_nck = at_nck + 1;
        umc_few_precharge(core, slot, at_nck);
        if (!alone || !next_alone(core, slot, until_nck)) {
            return false;
        }
    }
    if (slot->op == UMC_ACT) {
        const uint64_t at_nck = core->plan.at_nck;
        slot->first_nck = umc_min_u64(slot->first_nck, at_nck);
        core->floor_nck = at_nck + 1;
        activate(umc, slot, at_nck);
        core->write_mode &= !alone;
        if (!alone || !next_alone(core, slot, until_nck)) {
            return false;
        }
    }
    core->floor_nck = core->plan.at_nck + 1;
    if (slot->write) {
        write_column(umc, slot, core->plan.at_nck);
    } else {
        read_column(umc, slot, core->plan.at_nck);
    }
    return true;
}

bool umc_few_run(cbit_umc_t *umc, uint64_t nck)
{
    umc_core_t *core = umc->core;
    umc_few_t *few = &core->few;
    if (!few->on || !umc->way.runs) {
        return false;
    }
    uint64_t until_nck = umc_min_u64(nck, umc_landing_nck(umc));
    umc_few_slot_t *slot = next_due(core, until_nck);
    while (slot != NULL) {
        const bool alone = (core->live == 1) & (core->credits != 0) & (until_nck < few->quiet_nck);
        if (run_one(umc, slot, alone, until_nck)) {
            until_nck = umc_min_u64(nck, umc_landing_nck(umc));
        }
        slot = next_due(core, until_nck);
    }
    if (!few->on) {
        return false;
    }
    core->floor_nck = umc_max64(core->floor_nck, until_nck + 1);
    few->due_nck = core->plan.valid ? core->plan.at_nck : 0;
    few->due_nck = core->live == 0 ? UMC_NEVER : few->due_nck;
    few->due_nck = core->credits == 0 ? 0 : few->due_nck;
    return true;
}

/* ---- acceptance ---- */

void umc_enter_core(cbit_umc_t *umc, bool write, uint32_t index, bool held, uint64_t nck)
{
    umc_core_t *core = umc->core;
    const umc_user_t *user = &umc->users[index];
    if (core->few.on && umc->way.runs && !held && (core->live > 0 || core->next_due_nck > nck) &&
        umc_few_take(core, write, &user->place, user->channel_line, index, nck)) {
        core->few.due_nck = core->plan.valid ? core->plan.at_nck : 0;
        return;
    }
    (void)umc_core_accept(core, write, &user->place, user->channel_line, held, &index, nck);
    umc_core_count_levels(core, nck);
}
