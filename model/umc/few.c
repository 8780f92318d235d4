/*
 * Few requests in a channel, under the usual policy: they are held apart from the queues of the
 * banks, and no lanes are kept for them. What comes next is looked for among the requests
 * themselves, and a command writes what it changes: gates, the bank's row, its request.
 *
 * Devices, counters and the plan are the controller's own, and with nobody waiting both ways of
 * holding requests are one. Whatever is not usual (a refresh is due, a line is met again, somebody
 * starves, more come) puts them back into the queues first.
 */
#include "model/umc/commands.h"
#include "model/umc/few_commands.h"

/* ---- what comes next ---- */

/* The slots in the order of coming; returns how many. */
static uint32_t by_age(const umc_few_t *few, uint8_t slots[UMC_FEW])
{
    uint32_t count = 0;
    for (uint32_t left = few->used; left != 0; left &= left - 1) {
        const uint8_t slot = (uint8_t)__builtin_ctz(left);
        const uint32_t key = few->key[slot] & (UMC_FEW_WAITS - 1);
        uint32_t at = count++;
        for (; at > 0 && (few->key[slots[at - 1]] & (UMC_FEW_WAITS - 1)) > key; at--) {
            slots[at] = slots[at - 1];
        }
        slots[at] = slot;
    }
    return count;
}

__attribute__((noinline)) uint64_t umc_few_look_with_care(const umc_core_t *core, uint32_t now)
{
    const umc_few_t *few = &core->few;
    uint64_t best = core->live == 0 ? UINT64_MAX : (uint64_t)(UMC_FEW_FAR - 1) << 32;
    for (uint32_t left = few->used; left != 0; left &= left - 1) {
        const uint32_t i = (uint32_t)__builtin_ctz(left);
        if (umc_few_op(few, i) != UMC_RD) {
            const uint64_t own = umc_few_found(core, i, now);
            best = own < best ? own : best;
        }
    }
    return best;
}

__attribute__((noinline)) bool umc_few_is_quiet(umc_core_t *core, uint64_t at_nck)
{
    umc_few_t *few = &core->few;
    few->quiet_nck = core->epoch_nck + UMC_EPOCH_SPAN;
    if (core->next_due_nck < few->quiet_nck) {
        few->quiet_nck = core->next_due_nck;
    }
    /* Who comes from now on does not starve before this. */
    const uint64_t newcomer_nck = core->floor_nck + few->rules.starvation_nck;
    few->quiet_nck = newcomer_nck < few->quiet_nck ? newcomer_nck : few->quiet_nck;
    for (uint32_t left = few->used; left != 0; left &= left - 1) {
        const uint64_t starves_nck =
            few->slot[__builtin_ctz(left)].accept_nck + few->rules.starvation_nck + 1;
        few->quiet_nck = starves_nck < few->quiet_nck ? starves_nck : few->quiet_nck;
    }
    return at_nck < few->quiet_nck;
}

/* Those of a bank: their bytes, each by its upper bit. A byte is 0 if neither the upper bit nor any
   below it is set; without a borrow, for each byte is added to by itself. */
static uint64_t of_bank(const umc_few_t *few, uint32_t bank)
{
    const uint64_t each = UINT64_C(0x0101010101010101), low = 0x7f * each;
    const uint64_t other = few->bank_of ^ bank * each;
    return ~(((other & low) + low) | other | low);
}

/* The slot of the first of them. */
static uint32_t first_of(uint64_t of_bank)
{
    return (uint32_t)__builtin_ctzll(of_bank) / 8;
}

/* The oldest key of those that compete while reads go first, and while writes do; that of one whose
   row is open is older than all that wait. */
static void find_oldest(const umc_few_t *few, uint64_t those, uint32_t oldest[2])
{
    oldest[0] = oldest[1] = UINT32_MAX;
    for (; those != 0; those &= those - 1) {
        const uint32_t i = first_of(those), key = few->key[i];
        const bool active = (key & UMC_FEW_WAITS) == 0, write = few->slot[i].write;
        oldest[0] = umc_min32(oldest[0], (active | !write) ? key : UINT32_MAX);
        oldest[1] = umc_min32(oldest[1], (active | write) ? key : UINT32_MAX);
    }
}

/* A row may not be closed by one that stands behind an older of its bank that competes. */
static void look_at(umc_core_t *core, uint64_t those)
{
    umc_few_t *few = &core->few;
    uint32_t oldest[2];
    find_oldest(few, those, oldest);
    for (; those != 0; those &= those - 1) {
        const uint32_t i = first_of(those);
        umc_few_look_again(core, i);
        const bool closes = umc_few_op(few, i) == UMC_PRE;
        for (uint32_t mode = 0; mode < 2; mode++) {
            const bool behind = closes & (oldest[mode] < few->key[i]);
            few->own[mode][i] = behind ? UMC_FEW_FAR : few->own[mode][i];
        }
    }
}

__attribute__((noinline)) void umc_few_look_at_others(umc_core_t *core, uint32_t bank)
{
    look_at(core, of_bank(&core->few, bank));
}

__attribute__((noinline)) void umc_few_left_bank(umc_core_t *core, uint32_t bank)
{
    const uint64_t those = of_bank(&core->few, bank);
    core->few.twice &= ~((uint64_t)((those & (those - 1)) == 0) << bank);
    look_at(core, those);
}

/* ---- between the queues and here ---- */

static void take_in(umc_core_t *core, uint16_t index)
{
    const umc_entry_t *entry = &core->entries[index];
    umc_few_t *few = &core->few;
    const uint32_t i = (uint32_t)__builtin_ctz(~few->used), rank = core->rank_of[entry->bank];
    const cbit_dram_place_t place = {.rank = rank,
                                     .group =
                                         core->group_of[entry->bank] - rank * few->rules.groups,
                                     .flat_bank = entry->bank,
                                     .row = entry->row,
                                     .column = entry->column};
    umc_few_slot_t *slot = umc_few_add(core, &place, entry->write);
    slot->line = entry->line;
    slot->accept_nck = entry->accept_nck;
    slot->first_nck = entry->first_nck;
    slot->user = entry->user;
    slot->missed = entry->missed;
    if (entry->active) {
        few->key[i] &= ~(uint32_t)UMC_FEW_WAITS;
        few->columns |= slot->bit;
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
    umc_count_levels(core, at_nck);
    few->on = true;
    few->banks = few->twice = 0;
    few->used = few->columns = few->next_key = 0;
    few->bank_of = UINT64_MAX;
    for (uint32_t i = 0; i < UMC_FEW; i++) {
        few->own[0][i] = few->own[1][i] = UMC_FEW_FAR;
    }
    few->due_nck = 0;
    core->live = 0;
    for (; left > 0; core->oldest_live++) {
        const uint16_t index = core->entry_of_seq[core->oldest_live];
        if (index != UMC_NO_ENTRY) {
            take_in(core, index);
            umc_lanes_update(core, core->entries[index].bank);
            left--;
        }
    }
    for (left = few->used; left != 0; left &= left - 1) { /* all of a bank are known now */
        umc_few_look_at_others(core, few->slot[__builtin_ctz(left)].bank);
    }
    core->plan.valid = core->plan.refresh = false;
    (void)umc_few_is_quiet(core, at_nck);
    return true;
}

static void give_back(umc_core_t *core, uint32_t i)
{
    const umc_few_slot_t *slot = &core->few.slot[i];
    const bool active = (core->few.key[i] & UMC_FEW_WAITS) == 0;
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
    core->levels = umc_core_levels(core);
    few->on = false;
    few->due_nck = 0;
    core->live = 0;
    for (uint32_t i = 0; i < count; i++) {
        give_back(core, slots[i]);
    }
    for (uint64_t banks = few->banks; banks != 0; banks &= banks - 1) {
        umc_lanes_update(core, (uint32_t)__builtin_ctzll(banks));
    }
    core->plan.valid = false;
    core->calm_nck = core->starve_check_nck = 0;
}

__attribute__((noinline)) bool umc_few_is_met(const umc_few_t *few, uint32_t bank, uint64_t line)
{
    bool any = false;
    for (uint64_t those = of_bank(few, bank); those != 0; those &= those - 1) {
        any |= few->slot[first_of(those)].line == line;
    }
    return any;
}

umc_take_t umc_few_accept(umc_core_t *core, bool write, const cbit_dram_place_t *place,
                          uint64_t line, bool held, uint32_t *user, uint64_t at_nck)
{
    if (!held && umc_few_take(core, write, place, line, *user, at_nck)) {
        return UMC_TAKE_QUEUED;
    }
    umc_few_leave(core);
    return umc_accept_queued(core, write, place, line, held, user, at_nck);
}

/* ---- commands, one by one ---- */

/* Makes the plan; false if something else than their commands may come before. */
static bool make_plan(umc_core_t *core)
{
    uint32_t next;
    const uint64_t at_nck = umc_few_choose(core, &next);
    if (umc_few_may_be_late(core, at_nck) && !umc_few_is_quiet(core, at_nck)) {
        return false;
    }
    core->plan.valid = true;
    core->plan.entry = (uint16_t)next;
    core->plan.at_nck = at_nck;
    return true;
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
    const uint32_t i = core->plan.entry;
    umc_few_slot_t *slot = &core->few.slot[i];
    const uint64_t at_nck = core->plan.at_nck;
    umc_few_begin(core, slot, at_nck);
    event->at_nck = at_nck;
    event->user = slot->user;
    event->bank = slot->bank;
    core->plan.valid = false;
    const umc_op_t op = umc_few_op(&core->few, i);
    if (op == UMC_PRE) {
        event->kind = UMC_EVENT_PRE;
        umc_few_precharge(core, i, at_nck);
    } else if (op == UMC_ACT) {
        event->kind = UMC_EVENT_ACT;
        umc_few_activate(core, i, at_nck);
    } else {
        event->kind = slot->write ? UMC_EVENT_WR : UMC_EVENT_RD;
        tell_all(slot, event);
        umc_few_column(core, i, slot->write, at_nck);
    }
    if (core->few.watched) {
        tell_all(slot, event);
        umc_observe(core, event);
    }
}

/* The next plan, where it is that of the next step whatever else comes first. */
static inline void plan_ahead(umc_core_t *core)
{
    if (core->live > 0 && !umc_few_may_change(core)) {
        (void)make_plan(core);
    }
}

bool umc_few_step(umc_core_t *core, uint64_t until_nck, umc_event_t *event)
{
    if (!core->plan.valid) {
        core->write_mode = umc_few_next_mode(core);
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
    if (core->few.due_nck != 0) {
        return core->few.due_nck;
    }
    if (core->live == 0) {
        return UMC_NEVER;
    }
    if (!core->plan.valid) {
        if (umc_few_may_change(core)) {
            return core->floor_nck;
        }
        if (!make_plan(core)) {
            umc_few_leave(core);
            return umc_plan_hint(core);
        }
    }
    return core->plan.at_nck;
}
