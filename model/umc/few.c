/*
 * Few requests in a channel, under the usual policy: they are held apart from the queues of the
 * banks, and no lanes are kept for them. What comes next is looked for among the requests
 * themselves, and a command writes what it changes: gates, the bank's row, its request.
 *
 * Devices, counters and the plan are the controller's own, and with nobody waiting both ways of
 * holding requests are one. Whatever is not usual (a refresh is due, a line is met again, somebody
 * starves, more come) puts them back into the queues first.
 */
#include "model/umc/few.h"

#include "model/umc/commands.h"

/* ---- what comes next ---- */

static umc_op_t next_op(const umc_core_t *core, const umc_few_slot_t *slot)
{
    const uint32_t open = core->open_row[slot->bank];
    return open == UMC_CLOSED  ? UMC_ACT
           : open != slot->row ? UMC_PRE
           : slot->write       ? UMC_WR
                               : UMC_RD;
}

/* As umc_mode_may_change: none is stuck. */
static inline bool may_change(const umc_core_t *core)
{
    const umc_few_rules_t *rules = &core->few.rules;
    const uint32_t reads = core->waiting[0], writes = core->waiting[1];
    if (!core->write_mode) {
        return writes != 0 && (writes > rules->write_high || reads == 0 || core->draining);
    }
    return writes == 0 || (writes < rules->write_low && reads != 0 && !core->draining);
}

/* How long the rules let it wait from now on. */
static inline uint32_t wait_of(const umc_core_t *core, const umc_few_slot_t *slot, uint32_t now)
{
    const uint32_t op = slot->op;
    const uint32_t bank = (uint32_t)core->gate[slot->bank].op[op];
    const uint32_t group = (uint32_t)core->group_gate[slot->group].op[op];
    const uint32_t rank = (uint32_t)core->rank_gate[slot->rank].op[op];
    return umc_max32(umc_max32(bank, group), umc_max32(rank, now)) - now;
}

/* The slots in the order of coming; returns how many. */
static uint32_t by_age(const umc_few_t *few, uint8_t slots[UMC_FEW])
{
    uint32_t count = 0;
    for (uint32_t left = few->used; left != 0; left &= left - 1) {
        const uint8_t slot = (uint8_t)__builtin_ctz(left);
        const uint32_t key = few->slot[slot].key & (UMC_FEW_WAITS - 1);
        uint32_t at = count++;
        for (; at > 0 && (few->slot[slots[at - 1]].key & (UMC_FEW_WAITS - 1)) > key; at--) {
            slots[at] = slots[at - 1];
        }
        slots[at] = slot;
    }
    return count;
}

/* The smallest of this is the plan: the earliest command, opened ones first, then the oldest. */
static inline uint64_t found(const umc_core_t *core, const umc_few_slot_t *slot, uint32_t now)
{
    return (uint64_t)wait_of(core, slot, now) << 32 | slot->key;
}

/* A row is not closed while an older one hits it, nor before whom it was opened for is through. */
__attribute__((noinline)) static uint64_t look_by_age(const umc_core_t *core, uint32_t now)
{
    const umc_few_t *few = &core->few;
    uint8_t slots[UMC_FEW];
    uint64_t best = UINT64_MAX, older = few->kept;
    const uint32_t count = by_age(few, slots);
    for (uint32_t i = 0; i < count; i++) {
        const umc_few_slot_t *slot = &few->slot[slots[i]];
        if ((slot->modes >> core->write_mode & 1) == 0) {
            continue;
        }
        if (!(slot->op == UMC_PRE && (older >> slot->bank & 1) != 0) &&
            !(slot->op == UMC_RD && core->credits == 0)) {
            const uint64_t own = found(core, slot, now);
            best = own < best ? own : best;
        }
        older |= UINT64_C(1) << slot->bank;
    }
    return best;
}

/* All of different banks. Without branches: who competes is hard to foresee. */
static inline uint64_t look_at_all(const umc_core_t *core, uint32_t now)
{
    const umc_few_t *few = &core->few;
    const uint32_t mode = core->write_mode;
    uint64_t best = UINT64_MAX;
    for (uint32_t left = few->used; left != 0; left &= left - 1) {
        const umc_few_slot_t *slot = &few->slot[__builtin_ctz(left)];
        const uint64_t others = (uint64_t)(slot->modes >> mode & 1) - 1;
        const uint64_t own = found(core, slot, now) | others;
        best = own < best ? own : best;
    }
    return best;
}

/* The clock before which nothing else can happen, anew; true if this one is before. */
__attribute__((noinline)) static bool is_quiet(umc_core_t *core, uint64_t at_nck)
{
    umc_few_t *few = &core->few;
    few->quiet_nck = core->epoch_nck + UMC_EPOCH_SPAN;
    if (core->next_due_nck < few->quiet_nck) {
        few->quiet_nck = core->next_due_nck;
    }
    for (uint32_t left = few->used; left != 0; left &= left - 1) {
        const uint64_t starves_nck =
            few->slot[__builtin_ctz(left)].accept_nck + few->rules.starvation_nck + 1;
        few->quiet_nck = starves_nck < few->quiet_nck ? starves_nck : few->quiet_nck;
    }
    return at_nck < few->quiet_nck;
}

/* Makes the plan, at floor_nck; false if something else than their commands may come before. */
static inline bool make_plan(umc_core_t *core)
{
    umc_few_t *few = &core->few;
    const uint32_t now = umc_from_now(core);
    const uint64_t best =
        few->twice != 0 || core->credits == 0 ? look_by_age(core, now) : look_at_all(core, now);
    const uint64_t at_nck = core->epoch_nck + now + (best >> 32); /* of none: far away */
    if (at_nck >= few->quiet_nck && !is_quiet(core, at_nck)) {
        return false;
    }
    core->plan.valid = true;
    core->plan.entry = (uint16_t)(best & (UMC_FEW - 1));
    core->plan.at_nck = at_nck;
    return true;
}

/* The plan, which is valid, becomes what the youngest wants, if that comes first. */
static inline void better(umc_core_t *core, const umc_few_slot_t *slot)
{
    const uint32_t now = umc_from_now(core);
    if (may_change(core) || core->few.twice != 0 || core->credits == 0) {
        core->plan.valid = false;
    } else if (slot->write == core->write_mode) {
        const uint64_t at_nck = core->epoch_nck + now + wait_of(core, slot, now);
        if (at_nck < core->plan.at_nck) {
            core->plan.at_nck = at_nck;
            core->plan.entry = (uint16_t)(slot->key & (UMC_FEW - 1));
        }
    }
}

/* ---- between the queues and here ---- */

/* A slot for the youngest, of this bank and row, which are looked at. */
static inline umc_few_slot_t *add(umc_core_t *core, uint32_t bank, uint32_t row, bool write)
{
    umc_few_t *few = &core->few;
    const uint32_t at = (uint32_t)__builtin_ctz(~few->used);
    const uint64_t bit = UINT64_C(1) << bank;
    umc_few_slot_t *slot = &few->slot[at];
    few->used |= 1u << at;
    few->twice |= few->banks & bit;
    few->banks |= bit;
    slot->key = UMC_FEW_WAITS | few->next_key | at;
    few->next_key += UMC_FEW;
    slot->bank = (uint8_t)bank;
    slot->row = row;
    slot->write = write;
    slot->modes = write ? 2 : 1;
    slot->op = (uint8_t)next_op(core, slot);
    core->live++;
    return slot;
}

/* Its row is open until its column command, and it competes whatever the mode. */
static inline void keep_row(umc_core_t *core, umc_few_slot_t *slot)
{
    slot->key &= ~(uint32_t)UMC_FEW_WAITS;
    slot->modes = 3;
    core->few.kept |= UINT64_C(1) << slot->bank;
}

static void take_in(umc_core_t *core, uint16_t index)
{
    const umc_entry_t *entry = &core->entries[index];
    umc_few_slot_t *slot = add(core, entry->bank, entry->row, entry->write);
    slot->group = core->group_of[entry->bank];
    slot->rank = core->rank_of[entry->bank];
    slot->line = entry->line;
    slot->accept_nck = entry->accept_nck;
    slot->first_nck = entry->first_nck;
    slot->user = entry->user;
    slot->column = entry->column;
    slot->missed = entry->missed;
    if (entry->active) {
        keep_row(core, slot);
        core->promoted[entry->bank] = core->kept[entry->bank] = UMC_NO_ENTRY;
        core->rank[slot->rank].kept_banks--;
    } else {
        umc_bank_remove(core, index);
    }
    core->entry_of_seq[entry->seq] = UMC_NO_ENTRY;
    --*umc_line_count(core, entry->line);
    core->free[core->free_count++] = index;
}

bool umc_few_enter(umc_core_t *core, uint64_t at_nck)
{
    umc_few_t *few = &core->few;
    uint32_t left = core->live;
    if (left > UMC_FEW_AGAIN || core->stuck[0] + core->stuck[1] > 0 || core->starving ||
        core->next_due_nck <= umc_max64(core->floor_nck, at_nck)) {
        return false;
    }
    few->on = true;
    few->banks = few->twice = few->kept = 0;
    few->used = few->next_key = 0;
    few->quiet_nck = 0;
    core->live = 0;
    for (; left > 0; core->oldest_live++) {
        const uint16_t index = core->entry_of_seq[core->oldest_live];
        if (index != UMC_NO_ENTRY) {
            take_in(core, index);
            umc_lanes_update(core, core->entries[index].bank);
            left--;
        }
    }
    core->plan.valid = core->plan.refresh = false;
    return true;
}

static void give_back(umc_core_t *core, const umc_few_slot_t *slot)
{
    const bool active = (slot->key & UMC_FEW_WAITS) == 0;
    const uint16_t index = umc_entry_new(core);
    umc_entry_t *entry = &core->entries[index];
    *entry = (umc_entry_t){.line = slot->line,
                           .accept_nck = slot->accept_nck,
                           .first_nck = slot->first_nck,
                           .user = slot->user,
                           .row = slot->row,
                           .column = slot->column,
                           .seq = entry->seq,
                           .bank = slot->bank,
                           .write = slot->write,
                           .active = active,
                           .missed = slot->missed};
    ++*umc_line_count(core, slot->line);
    if (active) {
        core->promoted[slot->bank] = core->kept[slot->bank] = index;
        core->rank[slot->rank].kept_banks++;
    } else {
        (void)umc_bank_append(core, index);
    }
}

void umc_few_leave(umc_core_t *core)
{
    umc_few_t *few = &core->few;
    uint8_t slots[UMC_FEW];
    const uint32_t count = by_age(few, slots);
    few->on = false;
    core->live = 0;
    for (uint32_t i = 0; i < count; i++) {
        give_back(core, &few->slot[slots[i]]);
    }
    for (uint64_t banks = few->banks; banks != 0; banks &= banks - 1) {
        umc_lanes_update(core, (uint32_t)__builtin_ctzll(banks));
    }
    core->plan.valid = false;
    core->calm_nck = core->starve_check_nck = 0;
}

umc_take_t umc_few_accept(umc_core_t *core, bool write, const cbit_dram_place_t *place,
                          uint64_t line, bool held, uint32_t *user, uint64_t at_nck)
{
    umc_few_t *few = &core->few;
    bool any = held || few->used == (1u << UMC_FEW) - 1;
    for (uint32_t left = few->used; left != 0; left &= left - 1) {
        any |= few->slot[__builtin_ctz(left)].line == line;
    }
    if (any || few->next_key == UMC_FEW_WAITS) {
        umc_few_leave(core);
        return umc_accept_queued(core, write, place, line, held, user, at_nck);
    }
    umc_few_slot_t *slot = add(core, place->flat_bank, place->row, write);
    slot->group = (uint8_t)(place->rank * few->rules.groups + place->group);
    slot->rank = (uint8_t)place->rank;
    slot->line = line;
    slot->accept_nck = at_nck;
    slot->first_nck = UMC_NEVER;
    slot->user = *user;
    slot->column = place->column;
    slot->missed = false;
    core->waiting[write]++;
    core->floor_nck = umc_max64(core->floor_nck, at_nck + 1);
    if (core->plan.valid) {
        better(core, slot);
    }
    return UMC_TAKE_QUEUED;
}

/* ---- commands ---- */

__attribute__((noinline)) static void look_at_others(umc_core_t *core, uint32_t bank)
{
    for (uint32_t left = core->few.used; left != 0; left &= left - 1) {
        umc_few_slot_t *other = &core->few.slot[__builtin_ctz(left)];
        if (other->bank == bank) {
            other->op = (uint8_t)next_op(core, other);
        }
    }
}

/* The row of its bank has changed, and it wants this command next. */
static inline void look_again(umc_core_t *core, umc_few_slot_t *slot, umc_op_t op)
{
    slot->op = (uint8_t)op;
    if (core->few.twice != 0) {
        look_at_others(core, slot->bank);
    }
}

static inline void precharge(umc_core_t *core, umc_few_slot_t *slot, uint32_t at)
{
    const umc_few_rules_t *rules = &core->few.rules;
    umc_rank_t *rank = &core->rank[slot->rank];
    core->open_banks--;
    if (--rank->open_banks == 0) {
        core->stats.open_rank_nck += core->epoch_nck + at - rank->open_since_nck;
    }
    core->open_row[slot->bank] = UMC_CLOSED;
    umc_raise(&core->gate[slot->bank].op[UMC_ACT], at + rules->pre_to_act);
    umc_raise(&core->rank_gate[slot->rank].op[UMC_PRE], at + rules->pre_to_pre);
    rank->after[UMC_PRE] = core->bus = at + 1;
    core->stats.precharges++;
    slot->missed |= core->hits_by_first_command;
    look_again(core, slot, UMC_ACT);
}

static inline void activate(umc_core_t *core, umc_few_slot_t *slot, uint32_t at)
{
    const umc_few_rules_t *rules = &core->few.rules;
    umc_rank_t *rank = &core->rank[slot->rank];
    uint32_t act_from = at + rules->act_to_act;
    rank->faw[rank->faw_at] = at;
    rank->faw_at = (rank->faw_at + 1) % UMC_FAW;
    rank->acts += rank->acts < UMC_FAW;
    if (rank->acts == UMC_FAW) {
        /* The next ACT must leave the window of the oldest of the last four. */
        act_from = umc_max32(act_from, rank->faw[rank->faw_at] + rules->faw_nck);
    }
    umc_raise_lanes(&core->gate[slot->bank], &rules->act, at);
    umc_raise(&core->group_gate[slot->group].op[UMC_ACT], at + rules->act_to_group_act);
    umc_raise(&core->rank_gate[slot->rank].op[UMC_ACT], act_from);
    rank->after[UMC_ACT] = at + 1;
    core->bus = at + rules->command_nck;
    core->stats.activates++;
    core->waiting[slot->write]--;
    core->open_row[slot->bank] = slot->row;
    core->open_banks++;
    if (rank->open_banks++ == 0) {
        rank->open_since_nck = core->epoch_nck + at;
    }
    keep_row(core, slot);
    slot->missed = true;
    look_again(core, slot, slot->write ? UMC_WR : UMC_RD);
}

/* Which banks have requests, and more than one. */
__attribute__((noinline)) static void count_banks(umc_core_t *core)
{
    umc_few_t *few = &core->few;
    few->banks = few->twice = 0;
    for (uint32_t left = few->used; left != 0; left &= left - 1) {
        const uint64_t bit = UINT64_C(1) << few->slot[__builtin_ctz(left)].bank;
        few->twice |= few->banks & bit;
        few->banks |= bit;
    }
}

static inline void drop(umc_core_t *core, const umc_few_slot_t *slot)
{
    umc_few_t *few = &core->few;
    few->used ^= 1u << (slot->key & (UMC_FEW - 1));
    core->live--;
    if (few->twice != 0) {
        count_banks(core);
    } else {
        few->banks ^= UINT64_C(1) << slot->bank;
    }
}

/* What a column command asks of others of its group, its rank and other ranks. */
static inline void raise_columns(umc_core_t *core, const umc_few_slot_t *slot, uint32_t at)
{
    const umc_few_rules_t *rules = &core->few.rules;
    umc_raise_lanes(&core->group_gate[slot->group], &rules->column[slot->write].group, at);
    umc_raise_lanes(&core->rank_gate[slot->rank], &rules->column[slot->write].rank, at);
    for (uint32_t r = 0; rules->ranks > 1 && r < rules->ranks; r++) {
        if (r != slot->rank) {
            umc_raise_lanes(&core->rank_gate[r], &core->distance[slot->op][CBIT_SCOPE_OTHER_RANKS],
                            at);
        }
    }
}

static inline void column(umc_core_t *core, umc_few_slot_t *slot, uint32_t at)
{
    const umc_few_rules_t *rules = &core->few.rules;
    const uint32_t waits = (slot->key & UMC_FEW_WAITS) != 0;
    umc_raise(&core->gate[slot->bank].op[UMC_PRE], at + rules->column_to_pre[slot->write]);
    raise_columns(core, slot, at);
    core->rank[slot->rank].after[slot->op] = at + 1;
    core->bus = at + rules->command_nck;
    core->stats.row_hits += !slot->missed;
    if (slot->write) {
        core->stats.writes++;
    } else {
        core->stats.reads++;
        core->credits -= core->credits != UINT32_MAX;
    }
    core->waiting[slot->write] -= waits;
    core->few.kept &= ~((uint64_t)(waits ^ 1) << slot->bank);
    drop(core, slot);
}

/* What a command other than a column need not tell who only counts it. */
static inline void tell_all(const umc_few_slot_t *slot, umc_event_t *event)
{
    event->accept_nck = slot->accept_nck;
    event->first_nck = slot->first_nck;
    event->row = slot->row;
    event->column = slot->column;
}

static inline void issue_few(umc_core_t *core, umc_event_t *event)
{
    umc_few_slot_t *slot = &core->few.slot[core->plan.entry];
    const uint64_t at_nck = core->plan.at_nck;
    const uint32_t at = umc_relative(core, at_nck);
    slot->first_nck = slot->first_nck < at_nck ? slot->first_nck : at_nck;
    event->at_nck = at_nck;
    event->user = slot->user;
    event->bank = slot->bank;
    core->plan.valid = false;
    core->floor_nck = at_nck + 1;
    if (slot->op == UMC_PRE) {
        event->kind = UMC_EVENT_PRE;
        precharge(core, slot, at);
    } else if (slot->op == UMC_ACT) {
        event->kind = UMC_EVENT_ACT;
        activate(core, slot, at);
    } else {
        event->kind = slot->write ? UMC_EVENT_WR : UMC_EVENT_RD;
        tell_all(slot, event);
        column(core, slot, at);
    }
    if (core->few.watched) {
        tell_all(slot, event);
        umc_observe(core, event);
    }
}

/* The next plan, where it is that of the next step whatever else comes first. */
static inline void plan_ahead(umc_core_t *core)
{
    if (core->live > 0 && !may_change(core)) {
        (void)make_plan(core);
    }
}

bool umc_few_step(umc_core_t *core, uint64_t until_nck, umc_event_t *event)
{
    if (!core->plan.valid) {
        core->write_mode ^= may_change(core);
        if (!make_plan(core)) {
            umc_few_leave(core);
            return umc_step_queues(core, until_nck, event);
        }
        if (core->plan.at_nck > until_nck) {
            core->floor_nck = until_nck + 1;
            return false;
        }
    }
    issue_few(core, event);
    plan_ahead(core);
    return true;
}

uint64_t umc_few_next_nck(umc_core_t *core)
{
    if (core->live == 0) {
        return UMC_NEVER;
    }
    if (!core->plan.valid) {
        if (may_change(core)) {
            return core->floor_nck;
        }
        if (!make_plan(core)) {
            umc_few_leave(core);
            return umc_plan_hint(core);
        }
    }
    return core->plan.at_nck;
}

bool umc_few_column_is_next(const umc_core_t *core)
{
    bool any = false;
    for (uint32_t left = core->few.used; left != 0; left &= left - 1) {
        any |= core->few.slot[__builtin_ctz(left)].op >= UMC_WR;
    }
    return any;
}
