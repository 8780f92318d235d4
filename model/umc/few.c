/*
 * Few requests in a channel, under the usual policy: they are held apart from the queues of the
 * banks, oldest first, and no lanes are kept for them. What comes next is looked for among the
 * requests themselves, and a command writes what it changes: gates, the bank's row, its request.
 *
 * Devices, counters and the plan are the controller's own, and with nobody waiting both ways of
 * holding requests are one. Whatever is not usual (a refresh is due, a line is met again, somebody
 * starves, more come) puts them back into the queues first.
 */
#include "model/umc/few.h"

#include "model/umc/commands.h"

/* ---- what comes next ---- */

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

/*
 * The earliest command that any wants, opened ones first, then the oldest, as wait << 32 and what
 * tells them apart; UINT64_MAX: none. A row is not closed while an older one hits it, nor before
 * whom it was opened for is through. Without branches: who wants what is hard to foresee.
 */
static inline uint64_t look(const umc_core_t *core, uint32_t now)
{
    const umc_few_t *few = &core->few;
    const bool no_reads = core->credits == 0;
    uint64_t best = UINT64_MAX, order = few->order, older = few->kept;
    for (uint32_t i = 0; i < core->live; i++, order >>= 8) {
        const umc_few_slot_t *slot = &few->slot[order & (UMC_FEW - 1)];
        const uint32_t other = !slot->active & (slot->write != core->write_mode);
        const uint32_t not_yet = ((slot->op == UMC_PRE) & (uint32_t)(older >> slot->bank)) |
                                 ((slot->op == UMC_RD) & no_reads);
        older |= (uint64_t)(other ^ 1) << slot->bank;
        const uint64_t found = (uint64_t)wait_of(core, slot, now) << 32 |
                               (uint32_t)!slot->active << 16 | i << 8 |
                               (uint32_t)(order & (UMC_FEW - 1)) | -(uint64_t)(other | not_yet);
        best = found < best ? found : best;
    }
    return best;
}

/* Nobody but this one is there: it wants what it wants. */
static inline uint64_t look_at(const umc_core_t *core, uint32_t now)
{
    const umc_few_slot_t *slot = &core->few.slot[core->few.order];
    const bool none = slot->op == UMC_RD && core->credits == 0;
    return none ? UINT64_MAX : (uint64_t)wait_of(core, slot, now) << 32 | core->few.order;
}

/* Makes the plan, at floor_nck; false if something else than their commands may come before. */
static inline bool make_plan(umc_core_t *core)
{
    const uint32_t now = umc_from_now(core);
    const uint64_t best = core->live == 1 ? look_at(core, now) : look(core, now);
    const uint64_t at_nck = core->epoch_nck + now + (best >> 32);
    const umc_few_slot_t *oldest = &core->few.slot[core->few.order & (UMC_FEW - 1)];
    if (best == UINT64_MAX || at_nck >= core->next_due_nck ||
        at_nck - core->epoch_nck >= UMC_EPOCH_SPAN ||
        at_nck > oldest->accept_nck + core->few.rules.starvation_nck) {
        return false;
    }
    core->plan.valid = true;
    core->plan.refresh = false;
    core->plan.entry = (uint16_t)best; /* place in the order, slot */
    core->plan.at_nck = at_nck;
    return true;
}

/* The plan, which is valid, becomes what the youngest wants, if that comes first. */
static inline void better(umc_core_t *core, const umc_few_slot_t *slot)
{
    const uint32_t now = umc_from_now(core);
    if (may_change(core) || (core->few.twice >> slot->bank & 1) != 0) {
        core->plan.valid = false;
    } else if (slot->write == core->write_mode && !(slot->op == UMC_RD && core->credits == 0)) {
        const uint64_t at_nck = core->epoch_nck + now + wait_of(core, slot, now);
        if (at_nck < core->plan.at_nck) {
            core->plan.at_nck = at_nck;
            core->plan.entry =
                (uint16_t)((core->live - 1) << 8 | (uint32_t)(slot - core->few.slot));
        }
    }
}

/* ---- between the queues and here ---- */

static umc_op_t next_op(const umc_core_t *core, const umc_few_slot_t *slot)
{
    const uint32_t open = core->open_row[slot->bank];
    return open == UMC_CLOSED  ? UMC_ACT
           : open != slot->row ? UMC_PRE
           : slot->write       ? UMC_WR
                               : UMC_RD;
}

/* A slot for the youngest, of this bank and row, which are looked at; live does not count it yet.
 */
static inline umc_few_slot_t *add(umc_core_t *core, uint32_t bank, uint32_t row, bool write)
{
    umc_few_t *few = &core->few;
    const uint32_t at = (uint32_t)__builtin_ctz(few->free);
    const uint64_t bit = UINT64_C(1) << bank;
    umc_few_slot_t *slot = &few->slot[at];
    few->free &= few->free - 1;
    few->order |= (uint64_t)at << 8 * core->live;
    few->twice |= few->banks & bit;
    few->banks |= bit;
    slot->bank = (uint8_t)bank;
    slot->row = row;
    slot->write = write;
    slot->op = (uint8_t)next_op(core, slot);
    core->live++;
    return slot;
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
    slot->active = entry->active;
    slot->missed = entry->missed;
    if (entry->active) {
        core->promoted[entry->bank] = core->kept[entry->bank] = UMC_NO_ENTRY;
        core->few.kept |= UINT64_C(1) << entry->bank;
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
    few->order = few->banks = few->twice = few->kept = 0;
    few->free = (1u << UMC_FEW) - 1;
    core->live = 0;
    for (; left > 0; core->oldest_live++) {
        const uint16_t index = core->entry_of_seq[core->oldest_live];
        if (index != UMC_NO_ENTRY) {
            take_in(core, index);
            umc_lanes_update(core, core->entries[index].bank);
            left--;
        }
    }
    core->plan.valid = false;
    return true;
}

static void give_back(umc_core_t *core, const umc_few_slot_t *slot)
{
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
                           .active = slot->active,
                           .missed = slot->missed};
    ++*umc_line_count(core, slot->line);
    if (slot->active) {
        core->promoted[slot->bank] = core->kept[slot->bank] = index;
    } else {
        (void)umc_bank_append(core, index);
    }
}

void umc_few_leave(umc_core_t *core)
{
    umc_few_t *few = &core->few;
    uint32_t left = core->live;
    few->on = false;
    core->live = 0;
    for (uint64_t order = few->order; left > 0; left--, order >>= 8) {
        give_back(core, &few->slot[order & (UMC_FEW - 1)]);
    }
    for (uint64_t banks = few->banks; banks != 0; banks &= banks - 1) {
        umc_lanes_update(core, (uint32_t)__builtin_ctzll(banks));
    }
    core->plan.valid = false;
    core->calm_nck = core->starve_check_nck = 0;
}

bool umc_few_accept(umc_core_t *core, bool write, const cbit_dram_place_t *place, uint64_t line,
                    uint32_t user, uint64_t at_nck)
{
    umc_few_t *few = &core->few;
    uint64_t order = few->order;
    for (uint32_t i = 0; i < core->live; i++, order >>= 8) {
        if (few->slot[order & (UMC_FEW - 1)].line == line) {
            return false;
        }
    }
    if (few->free == 0) {
        return false;
    }
    umc_few_slot_t *slot = add(core, place->flat_bank, place->row, write);
    slot->group = (uint8_t)(place->rank * core->groups_per_rank + place->group);
    slot->rank = (uint8_t)place->rank;
    slot->line = line;
    slot->accept_nck = at_nck;
    slot->first_nck = UMC_NEVER;
    slot->user = user;
    slot->column = place->column;
    slot->active = slot->missed = false;
    core->waiting[write]++;
    core->floor_nck = umc_max64(core->floor_nck, at_nck + 1);
    if (core->plan.valid) {
        better(core, slot);
    }
    return true;
}

/* ---- commands ---- */

__attribute__((noinline)) static void look_at_others(umc_core_t *core, uint32_t bank)
{
    uint64_t order = core->few.order;
    for (uint32_t i = 0; i < core->live; i++, order >>= 8) {
        umc_few_slot_t *other = &core->few.slot[order & (UMC_FEW - 1)];
        if (other->bank == bank) {
            other->op = (uint8_t)next_op(core, other);
        }
    }
}

/* The row of its bank has changed, and it wants this command next. */
static inline void look_again(umc_core_t *core, umc_few_slot_t *slot, umc_op_t op)
{
    slot->op = (uint8_t)op;
    if ((core->few.twice >> slot->bank & 1) != 0) {
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
    rank->refresh_gate = umc_max32(rank->refresh_gate, at + rules->pre_to_ref);
    rank->prea_gate = umc_max32(rank->prea_gate, at + rules->pre_to_prea);
    core->bus = at + 1;
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
    rank->refresh_gate = umc_max32(rank->refresh_gate, at + rules->act_to_ref);
    rank->prea_gate = umc_max32(rank->prea_gate, at + rules->act_to_prea);
    core->bus = at + rules->command_nck;
    core->stats.activates++;
    core->waiting[slot->write]--;
    core->few.kept |= UINT64_C(1) << slot->bank;
    core->open_row[slot->bank] = slot->row;
    rank->kept_banks++;
    core->open_banks++;
    if (rank->open_banks++ == 0) {
        rank->open_since_nck = core->epoch_nck + at;
    }
    slot->active = slot->missed = true;
    look_again(core, slot, slot->write ? UMC_WR : UMC_RD);
}

/* Which banks have requests, and more than one. */
__attribute__((noinline)) static void count_banks(umc_core_t *core)
{
    umc_few_t *few = &core->few;
    uint64_t order = few->order;
    few->banks = few->twice = 0;
    for (uint32_t i = 0; i < core->live; i++, order >>= 8) {
        const uint64_t bit = UINT64_C(1) << few->slot[order & (UMC_FEW - 1)].bank;
        few->twice |= few->banks & bit;
        few->banks |= bit;
    }
}

static inline void drop(umc_core_t *core, const umc_few_slot_t *slot, uint32_t place)
{
    umc_few_t *few = &core->few;
    const uint64_t bit = UINT64_C(1) << slot->bank;
    const uint64_t older = (UINT64_C(1) << 8 * place) - 1;
    few->order = (few->order & older) | (few->order >> 8 & ~older);
    few->free |= 1u << (slot - few->slot);
    core->live--;
    if ((few->twice & bit) != 0) {
        count_banks(core);
    } else {
        few->banks ^= bit;
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

static inline void column(umc_core_t *core, umc_few_slot_t *slot, uint32_t place, uint32_t at)
{
    const umc_few_rules_t *rules = &core->few.rules;
    umc_rank_t *rank = &core->rank[slot->rank];
    umc_raise(&core->gate[slot->bank].op[UMC_PRE], at + rules->column_to_pre[slot->write]);
    raise_columns(core, slot, at);
    rank->prea_gate = umc_max32(rank->prea_gate, at + rules->column_to_prea[slot->write]);
    core->bus = at + rules->command_nck;
    core->stats.row_hits += !slot->missed;
    core->stats.writes += slot->write;
    core->stats.reads += !slot->write;
    core->credits -= !slot->write & (core->credits != UINT32_MAX);
    core->waiting[slot->write] -= !slot->active;
    core->few.kept &= ~((uint64_t)slot->active << slot->bank);
    rank->kept_banks -= slot->active;
    drop(core, slot, place);
}

static void issue_few(umc_core_t *core, umc_event_t *event)
{
    static const umc_event_kind_t KIND[UMC_OPS] = {[UMC_ACT] = UMC_EVENT_ACT,
                                                   [UMC_PRE] = UMC_EVENT_PRE,
                                                   [UMC_WR] = UMC_EVENT_WR,
                                                   [UMC_RD] = UMC_EVENT_RD};
    umc_few_slot_t *slot = &core->few.slot[core->plan.entry & (UMC_FEW - 1)];
    const uint64_t at_nck = core->plan.at_nck;
    const uint32_t at = umc_relative(core, at_nck), op = slot->op;
    slot->first_nck = slot->first_nck < at_nck ? slot->first_nck : at_nck;
    event->at_nck = at_nck;
    event->accept_nck = slot->accept_nck;
    event->first_nck = slot->first_nck;
    event->kind = KIND[op];
    event->user = slot->user;
    event->bank = slot->bank;
    event->row = slot->row;
    event->column = slot->column;
    core->plan.valid = false;
    core->floor_nck = at_nck + 1;
    if (op == UMC_PRE) {
        precharge(core, slot, at);
    } else if (op == UMC_ACT) {
        activate(core, slot, at);
    } else {
        column(core, slot, core->plan.entry >> 8, at);
    }
    if (core->few.watched) {
        umc_observe(core, event);
    }
}

umc_few_step_t umc_few_step(umc_core_t *core, uint64_t until_nck, umc_event_t *event)
{
    if (!core->plan.valid) {
        core->write_mode ^= may_change(core);
        if (!make_plan(core)) {
            umc_few_leave(core);
            return UMC_FEW_LEFT;
        }
        if (core->plan.at_nck > until_nck) {
            core->floor_nck = until_nck + 1;
            return UMC_FEW_NONE;
        }
    }
    issue_few(core, event);
    return UMC_FEW_ISSUED;
}

bool umc_few_next_nck(umc_core_t *core, uint64_t *next_nck)
{
    if (core->live == 0) {
        *next_nck = UMC_NEVER;
    } else if (core->plan.valid) {
        *next_nck = core->plan.at_nck;
    } else if (may_change(core)) {
        *next_nck = core->floor_nck;
    } else if (make_plan(core)) {
        *next_nck = core->plan.at_nck;
    } else {
        umc_few_leave(core);
        return false;
    }
    return true;
}

bool umc_few_column_is_next(const umc_core_t *core)
{
    uint64_t order = core->few.order;
    bool any = false;
    for (uint32_t i = 0; i < core->live; i++, order >>= 8) {
        any |= core->few.slot[order & (UMC_FEW - 1)].op >= UMC_WR;
    }
    return any;
}
