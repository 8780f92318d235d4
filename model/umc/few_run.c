/*
 * A channel with few requests, from its commands to its answers in one piece: the usual case of
 * flight.c and few.c together. What is not usual leaves it: requests go back to the queues, reads
 * whose lines must be followed to flight.c.
 */
#include "model/umc/few_run.h"

#include "model/umc/ahead.h"
#include "model/umc/few_commands.h"

static inline void read_column(cbit_umc_t *umc, umc_few_slot_t *slot, uint64_t at_nck)
{
    umc_few_column(umc->core, slot, false, at_nck);
    umc_account_column(umc, slot->user, slot->bank, false);
    umc_on_read(umc, slot->user, slot->first_nck, at_nck);
}

static __attribute__((noinline)) void write_column(cbit_umc_t *umc, umc_few_slot_t *slot,
                                                   uint64_t at_nck)
{
    umc_few_column(umc->core, slot, true, at_nck);
    umc_account_column(umc, slot->user, slot->bank, true);
    umc_on_write(umc, slot->user, at_nck);
}

/*
 * A command of a request at *at_nck and, if it is the only one and nothing else can happen, those
 * that follow by until_nck: there is nothing to choose then, and without anybody waiting it is
 * reads' turn. Returns the request with the clock of its next command, if that is known.
 */
static inline umc_few_slot_t *run_one(cbit_umc_t *umc, umc_few_slot_t *slot, uint64_t *at_nck,
                                      bool alone, uint64_t until_nck, uint64_t *lands_nck)
{
    umc_core_t *core = umc->core;
    if (slot->op == UMC_PRE) {
        umc_few_begin(core, slot, *at_nck);
        umc_few_precharge(core, slot, *at_nck);
        if (!alone) {
            return NULL;
        }
        *at_nck = umc_few_at(core, slot);
        if (*at_nck > until_nck) {
            return slot;
        }
    }
    if (slot->op == UMC_ACT) {
        umc_few_begin(core, slot, *at_nck);
        umc_few_activate(core, slot, *at_nck);
        umc_account_activate(umc, slot->user, slot->bank);
        if (!alone) {
            return NULL;
        }
        core->write_mode = false;
        *at_nck = umc_few_at(core, slot);
        if (*at_nck > until_nck) {
            return slot;
        }
    }
    core->floor_nck = *at_nck + 1;
    if (slot->write) {
        write_column(umc, slot, *at_nck);
    } else {
        read_column(umc, slot, *at_nck);
    }
    *lands_nck = umc->landing_nck;
    return NULL;
}

/* Where the run has come to is written down, for the next one. */
static inline void rest(umc_core_t *core, uint64_t until_nck)
{
    const uint64_t known_nck = core->plan.valid && core->credits != 0 ? core->plan.at_nck : 0;
    core->few.due_nck = core->live == 0 ? UMC_NEVER : known_nck;
    core->floor_nck = umc_max64(core->floor_nck, until_nck + 1);
}

bool umc_few_run(cbit_umc_t *umc, uint64_t nck)
{
    umc_core_t *core = umc->core;
    umc_few_t *few = &core->few;
    if (!few->on || !umc->way.runs) {
        return false;
    }
    umc_few_slot_t *slot = core->plan.valid ? &few->slot[core->plan.entry] : NULL;
    uint64_t at_nck = core->plan.at_nck, lands_nck = umc->landing_nck;
    uint64_t until_nck = umc_min_u64(nck, lands_nck);
    core->plan.valid = false;
    while (slot != NULL || (core->floor_nck <= until_nck && core->live != 0)) {
        if (slot == NULL) {
            core->write_mode = umc_few_next_mode(core);
            slot = umc_few_choose(core, &at_nck);
            if (slot == NULL) {
                umc_few_leave(core);
                return false;
            }
        }
        if (at_nck > until_nck) {
            umc_few_plan(core, slot, at_nck);
            core->plan.valid = at_nck < few->quiet_nck;
            break;
        }
        const bool alone = (core->live == 1) & (core->credits != 0) & (until_nck < few->quiet_nck);
        slot = run_one(umc, slot, &at_nck, alone, until_nck, &lands_nck);
        until_nck = umc_min_u64(nck, lands_nck);
    }
    rest(core, until_nck);
    return true;
}

/* ---- acceptance ---- */

void umc_enter_core(cbit_umc_t *umc, bool write, uint32_t index, bool held, uint64_t nck)
{
    umc_core_t *core = umc->core;
    const umc_user_t *user = &umc->users[index];
    if (core->few.on && umc->way.runs && !held && core->next_due_nck > nck &&
        umc_few_take(core, write, &user->place, umc_line_of(user), index, nck)) {
        core->few.due_nck = core->plan.valid ? core->plan.at_nck : 0;
        return;
    }
    (void)umc_core_accept(core, write, &user->place, umc_line_of(user), held, &index, nck);
    umc_core_count_levels(core, nck);
}
