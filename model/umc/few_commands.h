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
    const uint32_t over = core->few.rules.write_over[core->write_mode];
    const uint32_t reads = core->waiting[0], writes = core->waiting[1];
    return (writes != 0) & ((writes > over) | (reads == 0) | core->draining);
}

static inline bool umc_few_may_change(const umc_core_t *core)
{
    return umc_few_next_mode(core) != core->write_mode;
}

/* The smallest of this is the plan: the earliest command, opened ones first, then the oldest. In
   the upper half: how long the rules let it wait from now on. */
static inline uint64_t umc_few_found(const umc_core_t *core, const umc_few_slot_t *slot,
                                     uint32_t now)
{
    const uint32_t group = (uint32_t)core->group_gate[slot->group].op[slot->op];
    const uint32_t rank = (uint32_t)core->rank_gate[slot->rank].op[slot->op];
    const uint32_t at = umc_max32(umc_max32(slot->own, group), umc_max32(rank, now));
    return (uint64_t)(at - now) << 32 | slot->key;
}

/* The clock of its next command if no other comes before. */
static inline uint64_t umc_few_at(const umc_core_t *core, const umc_few_slot_t *slot)
{
    const uint32_t now = umc_from_now(core);
    return core->epoch_nck + now + (umc_few_found(core, slot, now) >> 32);
}

/* Those that compete, all of different banks. */
static inline uint64_t umc_few_look(const umc_core_t *core, uint32_t now)
{
    const umc_few_t *few = &core->few;
    uint64_t best = UINT64_MAX;
    for (uint32_t left = few->among[core->write_mode]; left != 0; left &= left - 1) {
        const uint64_t own = umc_few_found(core, &few->slot[__builtin_ctz(left)], now);
        best = own < best ? own : best;
    }
    return best;
}

/* Whose command is next, from floor_nck on, and its clock; NULL if something else than their
   commands may come before. */
static inline umc_few_slot_t *umc_few_choose(umc_core_t *core, uint64_t *at_nck)
{
    umc_few_t *few = &core->few;
    const uint32_t now = umc_from_now(core);
    const uint64_t best = few->twice != 0 || core->credits == 0 ? umc_few_look_with_care(core, now)
                                                                : umc_few_look(core, now);
    *at_nck = core->epoch_nck + now + (best >> 32); /* of none: far away */
    if (*at_nck >= few->quiet_nck && !umc_few_is_quiet(core, *at_nck)) {
        return NULL;
    }
    return &few->slot[best & (UMC_FEW - 1)];
}

static inline void umc_few_plan(umc_core_t *core, const umc_few_slot_t *slot, uint64_t at_nck)
{
    core->plan.valid = true;
    core->plan.entry = (uint16_t)(slot->key & (UMC_FEW - 1));
    core->plan.at_nck = at_nck;
}

/* ---- commands ---- */

/* A command of it issues. */
static inline void umc_few_begin(umc_core_t *core, umc_few_slot_t *slot, uint64_t at_nck)
{
    slot->first_nck = slot->first_nck < at_nck ? slot->first_nck : at_nck;
    core->floor_nck = at_nck + 1;
}

/* Its next command. */
static inline void umc_few_want(const umc_core_t *core, umc_few_slot_t *slot, umc_op_t op)
{
    slot->op = (uint8_t)op;
    slot->own = (uint32_t)core->gate[slot->bank].op[op];
}

/* Its row is open until its column command, and it competes whatever the mode. */
static inline void umc_few_keep_row(umc_core_t *core, umc_few_slot_t *slot)
{
    const uint32_t bit = slot->bit;
    slot->key &= ~(uint32_t)UMC_FEW_WAITS;
    core->few.among[0] |= bit;
    core->few.among[1] |= bit;
    core->few.columns |= bit;
}

static inline void umc_few_precharge(umc_core_t *core, umc_few_slot_t *slot, uint64_t at_nck)
{
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
    umc_few_want(core, slot, UMC_ACT);
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

static inline void umc_few_activate(umc_core_t *core, umc_few_slot_t *slot, uint64_t at_nck)
{
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
    umc_few_keep_row(core, slot);
    slot->missed = true;
    umc_few_want(core, slot, slot->write ? UMC_WR : UMC_RD);
    if ((core->few.twice >> slot->bank & 1) != 0) {
        umc_few_look_at_others(core, slot->bank);
    }
}

/* As umc_raise_lanes, of lanes that the rules of few requests speak of. */
static inline void umc_few_raise_columns(umc_lanes_t *gate, const umc_lanes_t *distance,
                                         uint32_t at)
{
    umc_raise(&gate->op[UMC_WR], at + (uint32_t)distance->op[UMC_WR]);
    umc_raise(&gate->op[UMC_RD], at + (uint32_t)distance->op[UMC_RD]);
}

/* What a column command asks of others of its bank, its group, its rank and other ranks. */
static inline void umc_few_raise_by_column(umc_core_t *core, const umc_few_slot_t *slot, bool write,
                                           uint32_t at)
{
    const umc_few_rules_t *rules = &core->few.rules;
    const umc_op_t op = write ? UMC_WR : UMC_RD;
    umc_raise(&core->gate[slot->bank].op[UMC_PRE], at + rules->column_to_pre[write]);
    umc_few_raise_columns(&core->group_gate[slot->group], &rules->column[write].group, at);
    umc_few_raise_columns(&core->rank_gate[slot->rank], &rules->column[write].rank, at);
    for (uint32_t r = 0; rules->ranks > 1 && r < rules->ranks; r++) {
        if (r != slot->rank) {
            umc_raise_lanes(&core->rank_gate[r], &core->distance[op][CBIT_SCOPE_OTHER_RANKS], at);
        }
    }
    core->rank[slot->rank].after[op] = at + 1;
}

/* It leaves; what it says of itself stays until the next is accepted. */
static inline void umc_few_drop(umc_core_t *core, const umc_few_slot_t *slot)
{
    umc_few_t *few = &core->few;
    const uint32_t others = ~(uint32_t)slot->bit;
    few->used &= others;
    few->among[0] &= others;
    few->among[1] &= others;
    few->columns &= others;
    core->live--;
    if ((few->twice >> slot->bank & 1) != 0) {
        umc_few_look_at_others(core, slot->bank);
        umc_few_count_banks(core);
    } else {
        few->banks &= ~(UINT64_C(1) << slot->bank);
    }
}

/* Of a slot that is a write or not. */
static inline void umc_few_column(umc_core_t *core, umc_few_slot_t *slot, bool write,
                                  uint64_t at_nck)
{
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
    if ((slot->key & UMC_FEW_WAITS) != 0) { /* a hit of another's row */
        core->waiting[write]--;
        core->levels.waiting_nck[write] -= at_nck;
        slot->first_nck = slot->first_nck < at_nck ? slot->first_nck : at_nck;
    }
    umc_few_drop(core, slot);
}

/* ---- acceptance ---- */

/* What a slot wants with the row that is open. */
static inline void umc_few_look_again(umc_core_t *core, umc_few_slot_t *slot)
{
    const uint32_t open = core->open_row[slot->bank];
    umc_op_t op = open == UMC_CLOSED ? UMC_ACT : UMC_PRE;
    core->few.columns &= ~(uint32_t)slot->bit;
    if (open == slot->row) {
        op = slot->write ? UMC_WR : UMC_RD;
        core->few.columns |= slot->bit;
    }
    umc_few_want(core, slot, op);
}

/* A slot for the youngest, of this bank and row, which are looked at. */
static inline umc_few_slot_t *umc_few_add(umc_core_t *core, uint32_t bank, uint32_t row, bool write)
{
    umc_few_t *few = &core->few;
    const uint32_t at = (uint32_t)__builtin_ctz(~few->used);
    const uint64_t bit = UINT64_C(1) << bank;
    umc_few_slot_t *slot = &few->slot[at];
    slot->bit = (uint8_t)(1u << at);
    slot->key = UMC_FEW_WAITS | few->next_key | at;
    slot->bank = (uint8_t)bank;
    slot->row = row;
    slot->write = write;
    few->next_key += UMC_FEW;
    few->used |= slot->bit;
    few->among[write] |= slot->bit;
    few->twice |= few->banks & bit;
    few->banks |= bit;
    umc_few_look_again(core, slot);
    core->live++;
    return slot;
}

/* The plan, which is valid, becomes what the youngest wants, if that comes first. Without branches:
   this is hard to foresee. */
static inline void umc_few_better(umc_core_t *core, const umc_few_slot_t *slot)
{
    umc_plan_t *plan = &core->plan;
    const uint64_t at_nck = umc_few_at(core, slot);
    const bool better = (slot->write == core->write_mode) & (at_nck < plan->at_nck);
    plan->at_nck = better ? at_nck : plan->at_nck;
    plan->entry = better ? (uint16_t)(slot->key & (UMC_FEW - 1)) : plan->entry;
    const bool same_mode = umc_few_next_mode(core) == core->write_mode;
    plan->valid = same_mode & (core->few.twice == 0) & (core->credits != 0);
}

/* As umc_core_accept of one that is not held, while few are held apart; false: it cannot be held
   apart with them. */
static inline bool umc_few_take(umc_core_t *core, bool write, const cbit_dram_place_t *place,
                                uint64_t line, uint32_t user, uint64_t at_nck)
{
    const umc_few_t *few = &core->few;
    if (few->used == (1u << UMC_FEW) - 1 || few->next_key == UMC_FEW_WAITS ||
        ((few->banks >> place->flat_bank & 1) != 0 && umc_few_is_met(few, line))) {
        return false;
    }
    umc_few_slot_t *slot = umc_few_add(core, place->flat_bank, place->row, write);
    slot->group = (uint8_t)(place->rank * few->rules.groups + place->group);
    slot->rank = (uint8_t)place->rank;
    slot->line = line;
    slot->accept_nck = at_nck;
    slot->first_nck = UMC_NEVER;
    slot->user = user;
    slot->column = place->column;
    slot->missed = false;
    core->waiting[write]++;
    core->levels.waiting_nck[write] += at_nck;
    core->floor_nck = umc_max64(core->floor_nck, at_nck + 1);
    core->few.due_nck = 0;
    if (core->plan.valid) {
        umc_few_better(core, slot);
    }
    return true;
}

#endif
