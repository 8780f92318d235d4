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

bool umc_few_allowed(const umc_core_t *core)
{
    const umc_policy_t *p = &core->config.policy;
    /* Streams have loops of their own (run.c, crowd.c). */
    return core->rows_are_kept && core->stand_behind && core->has_mode && core->words == 1 &&
           p->page == UMC_PAGE_OPEN && !p->accept_first && !p->mode_lazily && !p->merges_reads &&
           !core->config.keep_reasons && !umc_policy_rests(p) && !core->crowds && !core->runs;
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
static umc_few_slot_t *add(umc_core_t *core, uint32_t bank, uint32_t row, bool write)
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
    slot->group = core->group_of[bank];
    slot->rank = core->rank_of[bank];
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
    uint32_t left = core->live;
    if (left > UMC_FEW_AGAIN || core->stuck[0] + core->stuck[1] > 0 || core->starving ||
        core->next_due_nck <= umc_max64(core->floor_nck, at_nck)) {
        return false;
    }
    core->few = (umc_few_t){
        .allowed = true, .on = true, .watched = core->few.watched, .free = (1u << UMC_FEW) - 1};
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
    slot->line = line;
    slot->accept_nck = at_nck;
    slot->first_nck = UMC_NEVER;
    slot->user = user;
    slot->column = place->column;
    slot->active = slot->missed = false;
    core->waiting[write]++;
    core->floor_nck = umc_max64(core->floor_nck, at_nck + 1);
    core->plan.valid = false;
    return true;
}

/* ---- what comes next ---- */

/*
 * The earliest command that any wants, opened ones first, then the oldest, as wait << 32 and what
 * tells them apart; UINT64_MAX: none. A row is not closed while an older one hits it, nor before
 * whom it was opened for is through.
 */
static uint64_t look(const umc_core_t *core, uint32_t now)
{
    const umc_few_t *few = &core->few;
    uint64_t best = UINT64_MAX, order = few->order, older = few->kept;
    for (uint32_t i = 0; i < core->live; i++, order >>= 8) {
        const umc_few_slot_t *slot = &few->slot[order & (UMC_FEW - 1)];
        const uint32_t op = slot->op;
        const uint64_t bit = UINT64_C(1) << slot->bank;
        if (!slot->active && slot->write != core->write_mode) {
            continue;
        }
        if ((op == UMC_PRE && (older & bit) != 0) || (op == UMC_RD && core->credits == 0)) {
            older |= bit;
            continue;
        }
        older |= bit;
        const uint32_t gate = umc_max32((uint32_t)core->gate[slot->bank].op[op],
                                        umc_max32((uint32_t)core->group_gate[slot->group].op[op],
                                                  (uint32_t)core->rank_gate[slot->rank].op[op]));
        const uint64_t wait = umc_max32(gate, now) - now;
        const uint64_t found = wait << 32 | (slot->active ? 0u : 1u) << 16 | i << 8 | (order & 7);
        best = found < best ? found : best;
    }
    return best;
}

/* Makes the plan, at floor_nck; false if something else than their commands may come before. */
static bool make_plan(umc_core_t *core)
{
    const uint32_t starvation_nck = core->config.policy.starvation_nck;
    const uint32_t now = umc_from_now(core);
    const uint64_t best = look(core, now);
    const uint64_t at_nck = core->epoch_nck + now + (best >> 32);
    const umc_few_slot_t *oldest = &core->few.slot[core->few.order & (UMC_FEW - 1)];
    if (best == UINT64_MAX || at_nck >= core->next_due_nck ||
        at_nck - core->epoch_nck >= UMC_EPOCH_SPAN ||
        (starvation_nck != 0 && at_nck > oldest->accept_nck + starvation_nck)) {
        return false;
    }
    core->plan.valid = true;
    core->plan.refresh = false;
    core->plan.entry = (uint16_t)best; /* place in the order, slot */
    core->plan.at_nck = at_nck;
    return true;
}

/* ---- commands ---- */

/* The row of a bank has changed: what its requests want, of which slot is one. */
static void look_again(umc_core_t *core, umc_few_slot_t *slot)
{
    umc_few_t *few = &core->few;
    const uint32_t bank = slot->bank;
    slot->op = (uint8_t)next_op(core, slot);
    if ((few->twice >> bank & 1) != 0) {
        uint64_t order = few->order;
        for (uint32_t i = 0; i < core->live; i++, order >>= 8) {
            umc_few_slot_t *other = &few->slot[order & (UMC_FEW - 1)];
            if (other->bank == bank) {
                other->op = (uint8_t)next_op(core, other);
            }
        }
    }
}

static void precharge(umc_core_t *core, umc_few_slot_t *slot, uint32_t at)
{
    umc_rank_t *rank = &core->rank[slot->rank];
    core->open_banks--;
    if (--rank->open_banks == 0) {
        core->stats.open_rank_nck += core->epoch_nck + at - rank->open_since_nck;
    }
    core->open_row[slot->bank] = UMC_CLOSED;
    umc_gates_pre(core, slot->bank, at);
    core->stats.precharges++;
    slot->missed |= core->hits_by_first_command;
    look_again(core, slot);
}

static void activate(umc_core_t *core, umc_few_slot_t *slot, uint32_t at)
{
    umc_rank_t *rank = &core->rank[slot->rank];
    umc_gates_act(core, slot->bank, at);
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
    look_again(core, slot);
}

/* Which banks have requests, and more than one. */
static void count_banks(umc_core_t *core)
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

static void drop(umc_core_t *core, const umc_few_slot_t *slot, uint32_t place)
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

static void column(umc_core_t *core, umc_few_slot_t *slot, uint32_t place, uint32_t at)
{
    umc_gates_column(core, slot->bank, slot->write, false, at);
    core->stats.row_hits += slot->missed ? 0 : 1;
    if (slot->write) {
        core->stats.writes++;
    } else {
        core->stats.reads++;
        core->credits -= core->credits == UINT32_MAX ? 0 : 1;
    }
    if (slot->active) {
        core->few.kept ^= UINT64_C(1) << slot->bank;
        core->rank[slot->rank].kept_banks--;
    } else {
        core->waiting[slot->write]--;
    }
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
    core->bus = at + (op == UMC_PRE ? 1 : core->config.device.timing.command_nck);
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
        if (core->floor_nck > until_nck || core->live == 0) {
            core->floor_nck = umc_max64(core->floor_nck, until_nck + 1);
            return UMC_FEW_NONE;
        }
        core->write_mode ^= umc_mode_may_change(core);
        if (!make_plan(core)) {
            umc_few_leave(core);
            return UMC_FEW_LEFT;
        }
    }
    if (core->plan.at_nck > until_nck) {
        core->floor_nck = umc_max64(core->floor_nck, until_nck + 1);
        return UMC_FEW_NONE;
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
    } else if (umc_mode_may_change(core)) {
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
