/*
 * Few requests in a channel (few.c): what comes next, and what a command writes. Here, for both
 * who steps from event to event and who runs through them (few_run.c) have it inlined. Each change
 * of a level is counted with it (umc_levels_t).
 */
#ifndef CBIT_MODEL_UMC_FEW_COMMANDS_H
#define CBIT_MODEL_UMC_FEW_COMMANDS_H

#include "model/umc/few.h"
#include "model/umc/gates.h"

/* ---- what comes next ---- */

/* Whether writes go first from now on; as umc_mode_may_change, where none is stuck. No branches:
   how many wait is hard to foresee. */
static inline bool umc_few_next_mode(const umc_core_t *core)
{
    const uint32_t over = core->few.over[core->write_mode];
    return core->waiting[1] > (core->waiting[0] != 0 ? over : 0);
}

static inline bool umc_few_may_change(const umc_core_t *core)
{
    return umc_few_next_mode(core) != core->write_mode;
}

/* The smallest of this is the plan: the earliest command, opened ones first, then the oldest. In
   the upper half: its clock, if it competes, and else at least UMC_FEW_FAR. */
static inline uint64_t umc_few_found(const umc_core_t *core, uint32_t i, uint32_t now)
{
    const umc_few_t *few = &core->few;
    const int32_t *groups = core->group_gate[0].op, *ranks = core->rank_gate[0].op;
    const umc_few_lane_t lane = few->lane[i];
    const uint32_t group = (uint32_t)groups[lane % UMC_FEW_RANK];
    const uint32_t rank = (uint32_t)ranks[lane / UMC_FEW_RANK];
    const uint32_t own = few->own[core->write_mode][i];
    const uint32_t at = umc_max32(umc_max32(own, group), umc_max32(rank, now));
    return (uint64_t)at << 32 | few->key[i];
}

/* The best of those that are there; UMC_FEW_FAR or later: nobody competes. */
static inline uint64_t umc_few_look(const umc_core_t *core, uint32_t now)
{
    uint64_t best = UINT64_MAX;
    for (uint32_t left = core->few.used; left != 0; left &= left - 1) {
        const uint64_t own = umc_few_found(core, (uint32_t)__builtin_ctz(left), now);
        best = own < best ? own : best;
    }
    return best;
}

/* As umc_few_found, of all. */
static inline uint64_t umc_few_best(const umc_core_t *core, uint32_t now)
{
    return core->credits == 0 ? umc_few_look_with_care(core, now) : umc_few_look(core, now);
}

/* The clock that a look has found. */
static inline uint64_t umc_few_clock(const umc_core_t *core, uint32_t at)
{
    return at >= UMC_FEW_FAR ? UMC_NEVER : core->epoch_nck + at;
}

/* Whose command is next in the present mode, from floor_nck on, and its clock; UMC_NEVER: of none,
   there is nobody. Something else may come before, if it is not before quiet_nck. */
static inline uint64_t umc_few_choose(const umc_core_t *core, uint32_t *next)
{
    const uint64_t best = umc_few_best(core, umc_from_now(core));
    *next = (uint32_t)best & (UMC_FEW - 1);
    return umc_few_clock(core, (uint32_t)(best >> 32));
}

/* Something else than the command of that clock, if there is one, may come before it. */
static inline bool umc_few_may_be_late(const umc_core_t *core, uint64_t at_nck)
{
    return at_nck + 1 > core->few.quiet_nck; /* UMC_NEVER + 1 is 0 */
}

/* ---- commands ---- */

/* A command of it issues. */
static inline void umc_few_begin(umc_core_t *core, umc_few_slot_t *slot, uint64_t at_nck)
{
    slot->first_nck = slot->first_nck < at_nck ? slot->first_nck : at_nck;
    core->floor_nck = at_nck + 1;
}

/* Its next command, by the row that is open. */
static inline umc_op_t umc_few_op(const umc_few_t *few, uint32_t i)
{
    return (umc_op_t)(few->lane[i] % UMC_OPS);
}

/* That is so many steps further from now on. Returns the gate of its bank. */
static inline uint32_t umc_few_step_op(umc_core_t *core, uint32_t i, umc_op_t op, int step)
{
    core->few.lane[i] += (uint32_t)step * (UMC_FEW_RANK + 1);
    return (uint32_t)core->gate[core->few.slot[i].bank].op[op];
}

static inline void umc_few_precharge(umc_core_t *core, uint32_t i, uint64_t at_nck)
{
    umc_few_slot_t *slot = &core->few.slot[i];
    const umc_few_rules_t *rules = &core->few.rules;
    const uint32_t at = umc_relative(core, at_nck);
    umc_rank_t *rank = &core->rank[slot->rank];
    core->open_banks--;
    core->levels.open_banks_nck -= at_nck;
    if (--rank->open_banks == 0) {
        core->stats.open_rank_nck += at_nck - rank->open_since_nck;
    }
    core->open_row[slot->bank] = UMC_CLOSED;
    umc_raise(&core->gate[slot->bank].op[UMC_ACT], at + rules->pre_to_act);
    umc_raise(&core->rank_gate[slot->rank].op[UMC_PRE], at + rules->pre_to_pre);
    rank->after[UMC_PRE] = core->bus = at + 1;
    core->stats.precharges++;
    slot->missed |= core->hits_by_first_command;
    core->few.own[slot->write][i] = umc_few_step_op(core, i, UMC_ACT, UMC_ACT - UMC_PRE);
    if ((core->few.twice >> slot->bank & 1) != 0) {
        umc_few_look_at_others(core, slot->bank);
    }
}

/* What an ACT asks of its bank, its group and its rank. */
static inline void umc_few_raise_by_act(umc_core_t *core, const umc_few_slot_t *slot, uint32_t at)
{
    const umc_few_rules_t *rules = &core->few.rules;
    umc_rank_t *rank = &core->rank[slot->rank];
    uint32_t act_from = at + rules->act_to_act;
    rank->faw[rank->faw_at] = at;
    rank->faw_at = (rank->faw_at + 1) % UMC_FAW;
    if (rank->acts < UMC_FAW - 1) {
        rank->acts++;
    } else { /* the next ACT must leave the window of the oldest of the last four */
        rank->acts = UMC_FAW;
        act_from = umc_max32(act_from, rank->faw[rank->faw_at] + rules->faw_nck);
    }
    umc_raise_lanes(&core->gate[slot->bank], &rules->act, at);
    umc_raise(&core->group_gate[slot->group].op[UMC_ACT], at + rules->act_to_group_act);
    umc_raise(&core->rank_gate[slot->rank].op[UMC_ACT], act_from);
    rank->after[UMC_ACT] = at + 1;
}

static inline void umc_few_activate(umc_core_t *core, uint32_t i, uint64_t at_nck)
{
    umc_few_slot_t *slot = &core->few.slot[i];
    const uint32_t at = umc_relative(core, at_nck);
    umc_rank_t *rank = &core->rank[slot->rank];
    umc_few_raise_by_act(core, slot, at);
    core->bus = at + core->few.rules.command_nck;
    core->stats.activates++;
    core->waiting[slot->write]--;
    core->levels.waiting_nck[slot->write] -= at_nck;
    core->open_row[slot->bank] = slot->row;
    core->open_banks++;
    core->levels.open_banks_nck += at_nck;
    if (rank->open_banks++ == 0) {
        rank->open_since_nck = at_nck;
    }
    core->few.key[i] &= ~(uint32_t)UMC_FEW_WAITS; /* it competes whatever the mode */
    core->few.columns |= slot->bit;
    slot->missed = true;
    const umc_op_t op = slot->write ? UMC_WR : UMC_RD;
    core->few.own[0][i] = core->few.own[1][i] = umc_few_step_op(core, i, op, (int)op - UMC_ACT);
    if ((core->few.twice >> slot->bank & 1) != 0) {
        umc_few_look_at_others(core, slot->bank);
    }
}

/* What a column command asks of others of its bank, its group, its rank and other ranks. */
static inline void umc_few_raise_by_column(umc_core_t *core, const umc_few_slot_t *slot, bool write,
                                           uint32_t at)
{
    const umc_few_rules_t *rules = &core->few.rules;
    const umc_op_t op = write ? UMC_WR : UMC_RD;
    umc_raise(&core->gate[slot->bank].op[UMC_PRE], at + rules->column_to_pre[write]);
    umc_raise_lanes(&core->group_gate[slot->group], &rules->column[write].group, at);
    umc_raise_lanes(&core->rank_gate[slot->rank], &rules->column[write].rank, at);
    for (uint32_t r = 0; rules->ranks > 1 && r < rules->ranks; r++) {
        if (r != slot->rank) {
            umc_raise_lanes(&core->rank_gate[r], &core->distance[op][CBIT_SCOPE_OTHER_RANKS], at);
        }
    }
    core->rank[slot->rank].after[op] = at + 1;
}

/* It leaves; what it says of itself stays until the next is accepted. */
static inline void umc_few_drop(umc_core_t *core, uint32_t i)
{
    umc_few_t *few = &core->few;
    const umc_few_slot_t *slot = &few->slot[i];
    few->used &= ~(uint32_t)slot->bit;
    few->columns &= ~(uint32_t)slot->bit;
    few->own[0][i] = few->own[1][i] = UMC_FEW_FAR;
    core->live--;
    few->bank_of |= (uint64_t)UMC_FEW_NO_BANK << 8 * i;
    if ((few->twice >> slot->bank & 1) != 0) {
        umc_few_left_bank(core, slot->bank);
    } else {
        few->banks &= ~(UINT64_C(1) << slot->bank);
    }
}

/* Of a slot that is a write or not. */
static inline void umc_few_column(umc_core_t *core, uint32_t i, bool write, uint64_t at_nck)
{
    umc_few_slot_t *slot = &core->few.slot[i];
    const uint32_t at = umc_relative(core, at_nck);
    umc_few_raise_by_column(core, slot, write, at);
    core->bus = at + core->few.rules.command_nck;
    core->stats.row_hits += !slot->missed;
    if (write) {
        core->stats.writes++;
    } else {
        core->stats.reads++;
        core->credits -= core->credits != UINT32_MAX;
    }
    if ((core->few.key[i] & UMC_FEW_WAITS) != 0) { /* a hit of another's row */
        core->waiting[write]--;
        core->levels.waiting_nck[write] -= at_nck;
        slot->first_nck = slot->first_nck < at_nck ? slot->first_nck : at_nck;
    }
    umc_few_drop(core, i);
}

/* ---- acceptance ---- */

/* What a slot wants with the row that is open. */
static inline void umc_few_look_again(umc_core_t *core, uint32_t i)
{
    const umc_few_slot_t *slot = &core->few.slot[i];
    const uint32_t open = core->open_row[slot->bank];
    umc_op_t op = open == UMC_CLOSED ? UMC_ACT : UMC_PRE;
    core->few.columns &= ~(uint32_t)slot->bit;
    if (open == slot->row) {
        op = slot->write ? UMC_WR : UMC_RD;
        core->few.columns |= slot->bit;
    }
    const bool waits = (core->few.key[i] & UMC_FEW_WAITS) != 0;
    const uint32_t own = umc_few_step_op(core, i, op, (int)op - (int)umc_few_op(&core->few, i));
    core->few.own[slot->write][i] = own;
    core->few.own[!slot->write][i] = waits ? UMC_FEW_FAR : own;
}

/* A slot for the youngest, which is looked at; but for what it must know besides where it goes.
   What a slot that is free says of itself: nobody competes. */
static inline umc_few_slot_t *umc_few_add(umc_core_t *core, const cbit_dram_place_t *place,
                                          bool write)
{
    umc_few_t *few = &core->few;
    const uint32_t used = few->used, i = (uint32_t)__builtin_ctz(~used), key = few->next_key;
    const uint32_t bank = place->flat_bank, row = place->row, rank = place->rank;
    const uint32_t group = rank * few->rules.groups + place->group;
    const uint32_t open = core->open_row[bank], hits = open == row;
    const uint32_t op = hits ? (write ? UMC_WR : UMC_RD) : open == UMC_CLOSED ? UMC_ACT : UMC_PRE;
    const uint64_t banks = few->banks, bit = UINT64_C(1) << bank;
    umc_few_slot_t *slot = &few->slot[i];
    few->own[write][i] = (uint32_t)core->gate[bank].op[op];
    few->lane[i] = (group + rank * UMC_FEW_RANK) * UMC_OPS + op * (UMC_FEW_RANK + 1);
    few->key[i] = UMC_FEW_WAITS | key | i;
    few->next_key = key + UMC_FEW;
    few->used = used | 1u << i;
    few->bank_of ^= (uint64_t)(UMC_FEW_NO_BANK ^ bank) << 8 * i;
    few->banks = banks | bit;
    few->columns |= hits << i;
    few->youngest = i;
    core->live++;
    slot->row = row;
    slot->column = place->column;
    slot->rank = (uint8_t)rank;
    slot->group = (uint8_t)group;
    slot->bit = (uint8_t)(1u << i);
    slot->bank = (uint8_t)bank;
    slot->write = write;
    if ((banks & bit) != 0) {
        few->twice |= bit;
        umc_few_look_at_others(core, bank);
    }
    return slot;
}

/* As umc_core_accept of one that is not held, while few are held apart; false: it cannot be held
   apart with them. */
static inline bool umc_few_take(umc_core_t *core, bool write, const cbit_dram_place_t *place,
                                uint64_t line, uint32_t user, uint64_t at_nck)
{
    umc_few_t *few = &core->few;
    if (few->used == (1u << UMC_FEW) - 1 || few->next_key == UMC_FEW_WAITS ||
        ((few->banks >> place->flat_bank & 1) != 0 &&
         umc_few_is_met(few, place->flat_bank, line))) {
        return false;
    }
    umc_few_slot_t *slot = umc_few_add(core, place, write);
    slot->line = line;
    slot->accept_nck = at_nck;
    slot->first_nck = UMC_NEVER;
    slot->user = user;
    slot->missed = false;
    core->waiting[write]++;
    core->levels.waiting_nck[write] += at_nck;
    core->floor_nck = umc_max64(core->floor_nck, at_nck + 1);
    core->few.due_nck = 0;
    core->plan.valid = false;
    return true;
}

#endif
