/* What each command does to banks, requests and counters. */
#include "model/umc/commands.h"

/* A request has left: younger ones of its line that waited for it come one nearer. */
void umc_unblock(umc_core_t *core, const umc_entry_t *gone)
{
    for (uint32_t seq = gone->seq + 1; seq < core->next_seq; seq++) {
        uint16_t index = core->entry_of_seq[seq];
        if (index == UMC_NO_ENTRY) {
            continue;
        }
        umc_entry_t *entry = &core->entries[index];
        if (entry->line != gone->line || entry->blocked == 0 || !(gone->write || entry->write) ||
            --entry->blocked > 0 || entry->held) {
            continue;
        }
        core->stuck[entry->write]--;
        umc_admit(core, index, false);
    }
}

/* Another competing request of either kind that hits the open row of this one. */
static bool another_hit(const umc_core_t *core, const umc_entry_t *entry)
{
    uint32_t hits = core->queue[0][entry->bank].hits + core->queue[1][entry->bank].hits;
    uint16_t promoted = core->promoted[entry->bank];
    if (promoted != UMC_NO_ENTRY && core->entries[promoted].row == entry->row) {
        hits++;
    }
    return hits > 1; /* itself is one of them */
}

static bool closes_page(const umc_core_t *core, const umc_entry_t *entry)
{
    umc_page_t page = core->config.policy.page;
    return page == UMC_PAGE_CLOSED || (page == UMC_PAGE_ADAPTIVE && !another_hit(core, entry));
}

static void do_column(umc_core_t *core, uint16_t index, uint32_t at, umc_event_t *event)
{
    umc_entry_t *entry = &core->entries[index];
    uint32_t bank = entry->bank;
    umc_rank_t *rank = &core->rank[core->rank_of[bank]];
    bool closes = closes_page(core, entry);
    umc_gates_column(core, bank, entry->write, closes, at);
    if (entry->write) {
        core->stats.writes++;
    } else {
        core->stats.reads++;
        core->credits -= core->credits == UINT32_MAX ? 0 : 1;
    }
    if (!entry->missed) {
        core->stats.row_hits++;
    }
    core->row_columns[bank]++;
    if (core->kept[bank] != UMC_NO_ENTRY && (!core->config.policy.promote || entry->active)) {
        rank->kept_banks--; /* others may hit while a promoted one still waits */
        core->kept[bank] = UMC_NO_ENTRY;
    }
    umc_leave(core, index);
    if (core->rest != NULL) {
        umc_rest_left(core, bank, core->epoch_nck + at);
    }
    if (closes) {
        event->kind = entry->write ? UMC_EVENT_WRA : UMC_EVENT_RDA;
        umc_close_bank(core, bank, at);
    }
    core->still = false;
    core->moved_nck = umc_max64(core->moved_nck, core->epoch_nck + at);
}

void umc_issue_entry(umc_core_t *core, const umc_plan_t *plan, umc_event_t *event)
{
    umc_entry_t *entry = &core->entries[plan->entry];
    uint32_t at = umc_relative(core, plan->at_nck);
    event->user = entry->user;
    event->row = entry->row;
    event->column = entry->column;
    if (plan->kind == UMC_EVENT_CHOSEN) {
        entry->chosen = true;
        entry->parked = true;
        entry->visible_nck = UMC_NEVER;
        if (!entry->active) {
            umc_bank_remove(core, plan->entry);
        }
        umc_lanes_update(core, entry->bank);
        return;
    }
    entry->first_nck = entry->first_nck == UMC_NEVER ? plan->at_nck : entry->first_nck;
    event->first_nck = entry->first_nck;
    event->accept_nck = entry->accept_nck;
    core->turn = entry->bank;
    core->bus = at + (plan->op == UMC_PRE ? 1 : core->config.device.timing.command_nck);
    if (plan->op == UMC_PRE) {
        umc_close_bank(core, entry->bank, at);
        umc_gates_pre(core, entry->bank, at);
        core->stats.precharges++;
        entry->missed |= core->hits_by_first_command;
        umc_lanes_closed(core, plan->bank);
    } else if (plan->op == UMC_ACT) {
        umc_open_bank(core, plan->entry, at);
        umc_lanes_opened(core, entry);
    } else {
        do_column(core, plan->entry, at, event);
        umc_lanes_update(core, plan->bank);
    }
}

void umc_issue_refresh(umc_core_t *core, const umc_plan_t *plan)
{
    umc_rank_t *rank = &core->rank[plan->rank];
    uint32_t at = umc_relative(core, plan->at_nck);
    core->bus = at + 1;
    if (core->rest != NULL && plan->kind >= UMC_EVENT_REF) {
        if (plan->kind == UMC_EVENT_REF) {
            umc_gates_ref(core, plan->rank, at);
        }
        umc_rest_done(core, plan);
        return;
    }
    if (plan->kind == UMC_EVENT_REF) {
        umc_gates_ref(core, plan->rank, at);
        rank->due_nck += core->config.device.timing.trefi_nck;
        core->next_due_nck = UMC_NEVER;
        for (uint32_t r = 0; r < core->config.device.ranks; r++) {
            core->next_due_nck = core->rank[r].due_nck < core->next_due_nck ? core->rank[r].due_nck
                                                                            : core->next_due_nck;
        }
        core->stats.refreshes++;
        return;
    }
    if (plan->kind == UMC_EVENT_PRE) {
        umc_close_bank(core, plan->bank, at);
        umc_gates_pre(core, plan->bank, at);
        umc_lanes_update(core, plan->bank);
        core->stats.precharges++;
        return;
    }
    uint32_t first = plan->rank * core->banks_per_rank;
    umc_gates_prea(core, plan->rank, at);
    for (uint32_t b = first; b < first + core->banks_per_rank; b++) {
        if (core->open_row[b] != UMC_CLOSED) {
            umc_close_bank(core, b, at);
            umc_lanes_update(core, b);
        }
    }
    core->stats.precharges_all++;
}

void umc_find_next_due(umc_core_t *core)
{
    core->next_due_nck = UMC_NEVER;
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        uint64_t due_nck = core->rank[r].due_nck;
        core->next_due_nck = due_nck < core->next_due_nck ? due_nck : core->next_due_nck;
    }
}

void umc_observe(umc_core_t *core, const umc_event_t *event)
{
    if (core->rest != NULL) {
        umc_rest_issued(core, event);
    }
    if (core->reasons != NULL) {
        umc_reasons_issued(core, event);
    }
    if (core->config.observe != NULL) {
        core->config.observe(core->config.observer, event);
    }
}
