/*
 * A channel with few requests, from the door to their answers in one piece: the usual case of
 * enter.c, few.c and flight.c together. What is not usual leaves it: requests go back to the
 * queues, reads whose lines must be followed to flight.c.
 */
#include "model/umc/few_run.h"

#include "model/umc/ahead.h"
#include "model/umc/enter.h"
#include "model/umc/few_commands.h"

/* ---- commands ---- */

static inline void read_column(cbit_umc_t *umc, umc_core_t *core, uint32_t i, uint64_t at_nck)
{
    const umc_few_slot_t *slot = &core->few.slot[i];
    umc_few_column(core, i, false, at_nck);
    umc_account_column(umc, slot->user, slot->bank, false);
    umc_on_read(umc, slot->user, slot->first_nck, at_nck);
}

static __attribute__((noinline)) void write_column(cbit_umc_t *umc, umc_core_t *core, uint32_t i,
                                                   uint64_t at_nck)
{
    const umc_few_slot_t *slot = &core->few.slot[i];
    umc_few_column(core, i, true, at_nck);
    umc_account_column(umc, slot->user, slot->bank, true);
    umc_on_write(umc, slot->user, at_nck);
}

/* A column command, which may change what else there is. */
static inline void issue_column(cbit_umc_t *umc, umc_core_t *core, uint32_t i, uint64_t at_nck)
{
    if (core->few.slot[i].write) {
        write_column(umc, core, i, at_nck);
    } else {
        read_column(umc, core, i, at_nck);
    }
}

static inline void issue_row(cbit_umc_t *umc, umc_core_t *core, uint32_t i, uint64_t at_nck)
{
    umc_few_slot_t *slot = &core->few.slot[i];
    umc_few_begin(core, slot, at_nck);
    if (umc_few_op(&core->few, i) == UMC_PRE) {
        umc_few_precharge(core, i, at_nck);
    } else {
        umc_few_activate(core, i, at_nck);
        umc_account_activate(umc, slot->user, slot->bank);
    }
}

/* ---- what else there is ---- */

/* The first clock in which something else than a command of theirs follows the commands: a landing,
   an acceptance, the end of the account's interval. */
static inline uint64_t others_nck(const cbit_umc_t *umc)
{
    return umc_min_u64(umc_min_u64(umc->landing_nck, umc->door.entering_nck),
                       umc->tally.end_nck - 1);
}

/* ---- the run ---- */

/* The plan in the mode that is due, where what comes by the limit is not all: few.next as well. */
static __attribute__((noinline)) uint64_t choose(umc_core_t *core)
{
    core->write_mode = umc_few_next_mode(core);
    return umc_few_choose(core, &core->few.next);
}

/*
 * Issues commands up to until_nck, or up to the first landing if that is before, which until_nck
 * becomes then, as long as nothing else can come before one. at_nck, next: the first one, or 0 if
 * it is not known. Returns the one that follows, or 0: its mode is not known before all that comes
 * before its clock has been.
 */
static inline uint64_t run_commands(cbit_umc_t *umc, umc_core_t *core, uint64_t at_nck,
                                    uint32_t *next, uint64_t *until_nck)
{
    const umc_few_t *few = &core->few;
    const uint64_t epoch_nck = core->epoch_nck;
    const uint64_t from_nck = at_nck != 0 ? at_nck : core->floor_nck;
    const uint64_t limit_nck = umc_min_u64(*until_nck, few->quiet_nck - 1);
    if (from_nck > limit_nck) {
        if (at_nck == 0 && from_nck <= *until_nck) {
            at_nck = choose(core);
            *next = few->next;
        }
        return at_nck;
    }
    uint32_t at = (uint32_t)(from_nck - epoch_nck), limit = (uint32_t)(limit_nck - epoch_nck);
    bool known = at_nck != 0;
    for (;;) {
        if (!known) {
            core->write_mode = umc_few_next_mode(core);
            const uint64_t best = umc_few_best(core, umc_max32(at, core->bus));
            *next = (uint32_t)best & (UMC_FEW - 1);
            at = (uint32_t)(best >> 32);
            if (at > limit) {
                return umc_few_clock(core, at);
            }
        }
        known = false;
        core->floor_nck = epoch_nck + at + 1;
        if (umc_few_op(few, *next) < UMC_WR) {
            issue_row(umc, core, *next, epoch_nck + at);
        } else {
            issue_column(umc, core, *next, epoch_nck + at);
            if (umc->landing_nck < *until_nck) {
                *until_nck = umc->landing_nck;
                limit = umc_min32(limit, (uint32_t)(*until_nck - epoch_nck));
            }
        }
        if (at++ == limit) {
            return 0;
        }
    }
}

/* The first one at the door is accepted: the next command's clock and request may change. Returns
   the clock, or 0 if it is not known now. */
static inline uint64_t accept_first(cbit_umc_t *umc, umc_core_t *core, uint64_t at_nck,
                                    uint32_t *next)
{
    const umc_few_t *few = &core->few;
    umc_enter(umc, true);
    const bool known = (at_nck != 0) & (few->twice == 0) & (core->credits != 0) &
                       (umc_few_next_mode(core) == core->write_mode);
    if (!known) {
        return 0;
    }
    const uint64_t found = umc_few_found(core, few->youngest, umc_from_now(core));
    const uint64_t own_nck = umc_few_clock(core, (uint32_t)(found >> 32));
    *next = own_nck < at_nck ? few->youngest : *next;
    return umc_min_u64(own_nck, at_nck);
}

bool umc_few_run(cbit_umc_t *umc, uint64_t nck)
{
    umc_core_t *core = umc->core;
    umc_few_t *few = &core->few;
    uint32_t next = few->next;
    uint64_t at_nck = few->due_nck;
    core->plan.valid = false;
    for (;;) {
        uint64_t until_nck = umc_min_u64(nck, others_nck(umc));
        at_nck = run_commands(umc, core, at_nck, &next, &until_nck);
        if (umc_few_may_be_late(core, at_nck)) {
            if (umc_few_is_quiet(core, at_nck)) {
                continue;
            }
            umc_few_leave(core);
            return false;
        }
        if (at_nck == 0 && core->floor_nck <= until_nck) {
            continue;
        }
        core->floor_nck = umc_max64(core->floor_nck, until_nck + 1);
        if (umc->landing_nck <= until_nck) {
            umc_land_due(umc, until_nck);
            at_nck = 0;
        } else if (umc->door.entering_nck <= until_nck) {
            at_nck = accept_first(umc, core, at_nck, &next);
        } else if (until_nck < nck) {
            umc_account_write_up(umc, until_nck + 1);
        } else {
            break;
        }
        if (!few->on) {
            return false;
        }
    }
    few->next = next;
    few->due_nck = core->credits != 0 ? at_nck : 0;
    return true;
}
