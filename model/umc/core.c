#include "model/umc/core.h"

#include <stdlib.h>
#include <string.h>

#include "model/umc/core_private.h"

/* ---- building ---- */

static cbit_err_t build_queues(umc_core_t *core)
{
    /* A bank may hold all that waits, of both kinds where they share a queue; twice, so that it
       seldom has to be moved back to the beginning of its memory. */
    size_t depth = 2 * (core->config.policy.read_entries + core->config.policy.write_entries + 2);
    size_t queues = 2 * (size_t)core->banks;
    core->memory = calloc(queues * depth, sizeof(uint32_t) + sizeof(uint16_t));
    if (core->memory == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    uint32_t *rows = core->memory;
    uint16_t *entries = (uint16_t *)(void *)(rows + queues * depth);
    for (uint32_t b = 0; b < core->banks; b++) {
        for (uint32_t k = 0; k < 2; k++) {
            size_t at = (2 * (size_t)b + k) * depth;
            core->queue[k][b] = (umc_bank_queue_t){.row = rows + at,
                                                   .entry = entries + at,
                                                   .row_memory = rows + at,
                                                   .entry_memory = entries + at,
                                                   .room = (uint32_t)depth};
        }
    }
    return CBIT_ERR_OK;
}

cbit_err_t umc_core_create(const umc_core_config_t *config, umc_core_t **out)
{
    umc_core_t *core = aligned_alloc(64, (sizeof *core + 63) / 64 * 64);
    if (core == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    memset(core, 0, sizeof *core);
    core->config = *config;
    core->credits = config->read_credits;
    core->banks_per_group = config->device.banks_per_group;
    core->banks_per_rank = config->device.groups * config->device.banks_per_group;
    core->banks = config->device.banks;
    core->lanes = UMC_OPS * core->banks;
    for (uint32_t b = 0; b < core->banks; b++) {
        core->rank_of[b] = (uint8_t)(b / core->banks_per_rank);
        core->group_first[b] = (uint8_t)(b / core->banks_per_group * core->banks_per_group);
    }
    core->next_visible_nck = UMC_NEVER;
    core->next_due_nck = UMC_NEVER;
    core->still = true;
    core->by_age = config->policy.scheme == UMC_SCHEME_AGE;
    core->scan = umc_scan_each;
#if defined(__x86_64__)
    if (!config->plain_scan && __builtin_cpu_supports("avx2")) {
        core->scan = umc_scan_avx2;
    }
#endif
    for (uint32_t i = UMC_ENTRIES; i-- > 0;) {
        core->free[core->free_count++] = (uint16_t)i;
    }
    for (uint32_t i = 0; i < UMC_OPS * CBIT_DRAM_MAX_BANKS; i++) {
        core->key[i] = UMC_KEY_NONE;
    }
    memset(core->open_row, 0xff, sizeof core->open_row);
    memset(core->kept, 0xff, sizeof core->kept);
    memset(core->promoted, 0xff, sizeof core->promoted);
    memset(core->entry_of_seq, 0xff, sizeof core->entry_of_seq);
    for (uint32_t r = 0; r < config->device.ranks; r++) {
        core->rank[r].due_nck = umc_first_refresh_nck(config, r);
        core->next_due_nck =
            core->rank[r].due_nck < core->next_due_nck ? core->rank[r].due_nck : core->next_due_nck;
    }
    umc_gates_init(core);
    cbit_err_t err = build_queues(core);
    if (err == CBIT_ERR_OK && umc_policy_rests(&config->policy)) {
        err = umc_rest_create(core);
    }
    if (err == CBIT_ERR_OK && config->keep_reasons) {
        err = umc_reasons_create(&config->device, &core->reasons);
    }
    if (err != CBIT_ERR_OK) {
        umc_core_destroy(core);
        return err;
    }
    *out = core;
    return CBIT_ERR_OK;
}

void umc_core_destroy(umc_core_t *core)
{
    if (core != NULL) {
        umc_reasons_destroy(core->reasons);
        umc_rest_destroy(core);
        free(core->memory);
        free(core);
    }
}

bool umc_core_room(const umc_core_t *core, bool write, uint32_t ahead)
{
    const umc_policy_t *p = &core->config.policy;
    if (p->unified) {
        return core->waiting[0] + core->waiting[1] + ahead < p->read_entries;
    }
    bool reads = core->waiting[0] + (write ? 0 : ahead) < p->read_entries;
    bool writes = core->waiting[1] + (write ? ahead : 0) < p->write_entries;
    return p->both_need_room ? reads && writes : write ? writes : reads;
}

/* ---- doing ---- */

/* Live requests by a hash of their line: mostly 0, and then no other of the line can be there. */
static uint16_t *line_count(umc_core_t *core, uint64_t line)
{
    return &core->line_count[(line * 0x9e3779b97f4a7c15u) >> (64 - UMC_LINE_HASH_BITS)];
}

static void close_bank(umc_core_t *core, uint32_t bank, uint32_t at)
{
    umc_rank_t *rank = &core->rank[core->rank_of[bank]];
    rank->kept_banks -= core->kept[bank] != UMC_NO_ENTRY ? 1 : 0;
    if (--rank->open_banks == 0) {
        core->stats.open_rank_nck += core->epoch_nck + at - rank->open_since_nck;
    }
    core->kept[bank] = UMC_NO_ENTRY;
    core->open_row[bank] = UMC_CLOSED;
    core->queue[0][bank].hits = 0;
    core->queue[1][bank].hits = 0;
}

/* False for a newcomer that only stands behind others of its bank: no lane changes. */
static bool changes_lanes(const umc_core_t *core, const umc_entry_t *entry)
{
    const umc_policy_t *p = &core->config.policy;
    if (p->scheme != UMC_SCHEME_AGE || p->hits != UMC_HITS_OLDER || p->row_hit_cap != 0) {
        return true;
    }
    const umc_bank_queue_t *queue = &core->queue[entry->write][entry->bank];
    uint32_t open = core->open_row[entry->bank];
    return entry->write == core->write_mode &&
           (queue->count == 1 || (open == entry->row && queue->hits == 1));
}

/* A request begins to compete. */
static void admit(umc_core_t *core, uint16_t index, bool youngest)
{
    const umc_entry_t *entry = &core->entries[index];
    if (core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN) {
        core->transactions[entry->write][core->transaction_count[entry->write]++] = index;
        core->still = false;
    } else {
        umc_bank_insert(core, index);
        if (!youngest || changes_lanes(core, entry)) {
            umc_lanes_update(core, entry->bank);
        }
    }
}

/* A request has left: younger ones of its line that waited for it come one nearer. */
static void unblock(umc_core_t *core, const umc_entry_t *gone)
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
        admit(core, index, false);
    }
}

static void leave(umc_core_t *core, uint16_t index)
{
    umc_entry_t *entry = &core->entries[index];
    if (entry->active) {
        core->promoted[entry->bank] = UMC_NO_ENTRY;
    } else {
        umc_bank_remove(core, index);
        core->waiting[entry->write] -= core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN ? 0 : 1;
    }
    core->entry_of_seq[entry->seq] = UMC_NO_ENTRY;
    --*line_count(core, entry->line);
    core->free[core->free_count++] = index;
    core->live--;
    if (core->stuck[0] + core->stuck[1] > 0) {
        unblock(core, entry);
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
    core->stats.row_hits += entry->own_act ? 0 : 1;
    core->row_columns[bank]++;
    if (core->kept[bank] != UMC_NO_ENTRY && (!core->config.policy.promote || entry->active)) {
        rank->kept_banks--; /* others may hit while a promoted one still waits */
        core->kept[bank] = UMC_NO_ENTRY;
    }
    leave(core, index);
    if (core->rest != NULL) {
        umc_rest_left(core, bank, core->epoch_nck + at);
    }
    if (closes) {
        event->kind = entry->write ? UMC_EVENT_WRA : UMC_EVENT_RDA;
        close_bank(core, bank, at);
    }
    core->still = false;
    core->moved_nck = umc_max64(core->moved_nck, core->epoch_nck + at);
}

static void do_act(umc_core_t *core, uint16_t index, uint32_t at)
{
    umc_entry_t *entry = &core->entries[index];
    uint32_t bank = entry->bank;
    umc_rank_t *rank = &core->rank[core->rank_of[bank]];
    umc_gates_act(core, bank, at);
    core->stats.activates++;
    core->row_columns[bank] = 0;
    if (core->config.policy.promote && !entry->active) {
        umc_bank_remove(core, index);
        entry->active = true;
        core->promoted[bank] = index;
        core->waiting[entry->write]--;
    }
    core->open_row[bank] = entry->row;
    core->kept[bank] = index;
    rank->kept_banks++;
    if (rank->open_banks++ == 0) {
        rank->open_since_nck = core->epoch_nck + at;
    }
    entry->own_act = true;
    umc_bank_opened(core, bank);
}

static void do_entry(umc_core_t *core, const umc_plan_t *plan, umc_event_t *event)
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
    if (plan->op == UMC_PRE) {
        core->bus = at + 1;
        close_bank(core, entry->bank, at);
        umc_gates_pre(core, entry->bank, at);
        core->stats.precharges++;
    } else {
        core->bus = at + core->config.device.timing.command_nck;
        if (plan->op == UMC_ACT) {
            do_act(core, plan->entry, at);
        } else {
            do_column(core, plan->entry, at, event);
        }
    }
    umc_lanes_update(core, plan->bank);
}

static void find_next_due(umc_core_t *core)
{
    core->next_due_nck = UMC_NEVER;
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        uint64_t due_nck = core->rank[r].due_nck;
        core->next_due_nck = due_nck < core->next_due_nck ? due_nck : core->next_due_nck;
    }
}

static void do_refresh(umc_core_t *core, const umc_plan_t *plan)
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
        close_bank(core, plan->bank, at);
        umc_gates_pre(core, plan->bank, at);
        umc_lanes_update(core, plan->bank);
        core->stats.precharges++;
        return;
    }
    uint32_t first = plan->rank * core->banks_per_rank;
    umc_gates_prea(core, plan->rank, at);
    for (uint32_t b = first; b < first + core->banks_per_rank; b++) {
        if (core->open_row[b] != UMC_CLOSED) {
            close_bank(core, b, at);
            umc_lanes_update(core, b);
        }
    }
    core->stats.precharges_all++;
}

static void observe(umc_core_t *core, const umc_event_t *event)
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

bool umc_core_step(umc_core_t *core, uint64_t until_nck, umc_event_t *event)
{
    if (!umc_plan_until(core, until_nck)) {
        return false;
    }
    const umc_plan_t *plan = &core->plan;
    core->plan.valid = false;
    if (core->reasons != NULL) {
        umc_reasons_planned(core);
    }
    event->at_nck = plan->at_nck;
    event->kind = plan->kind;
    event->bank = plan->bank;
    event->user = UMC_NO_USER;
    if (plan->refresh) {
        do_refresh(core, plan);
    } else {
        do_entry(core, plan, event);
    }
    /* Choosing a write takes no place on the command bus. */
    core->floor_nck = plan->at_nck + (plan->kind == UMC_EVENT_CHOSEN ? 0 : 1);
    observe(core, event);
    return true;
}

uint64_t umc_core_next_nck(umc_core_t *core)
{
    return umc_plan_hint(core);
}

/* ---- entering ---- */

/* All but a rank's last refresh of an idle time, when its banks are closed: arithmetic. */
static void skip_refreshes(umc_core_t *core, umc_rank_t *rank, uint64_t now_nck)
{
    uint64_t refi = core->config.device.timing.trefi_nck;
    if (rank->due_nck <= now_nck && rank->open_banks == 0 && core->config.observe == NULL &&
        core->epoch_nck + rank->refresh_gate <= rank->due_nck) {
        uint64_t skip = (now_nck - rank->due_nck) / refi;
        rank->due_nck += skip * refi;
        core->stats.refreshes += skip;
        find_next_due(core);
    }
}

/* The next refresh command of an idle channel; false if none issues by now_nck. */
static bool next_idle_refresh(umc_core_t *core, uint64_t now_nck, umc_plan_t *plan)
{
    plan->valid = false;
    if (core->rest != NULL) {
        return umc_rest_next_idle(core, now_nck, plan);
    }
    /* All of them first: which rank's turn it is shows only then. */
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        skip_refreshes(core, &core->rank[r], now_nck);
    }
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        const umc_rank_t *rank = &core->rank[r];
        umc_plan_t other = {.valid = false};
        if (rank->due_nck > now_nck ||
            (core->config.policy.refresh_stops_channel && rank->due_nck > core->next_due_nck) ||
            !umc_plan_refresh(core, r, rank->due_nck, &other)) {
            continue;
        }
        if (!plan->valid || other.at_nck < plan->at_nck) {
            *plan = other;
        }
        if (core->config.policy.refresh_stops_channel) {
            break; /* one rank after the other */
        }
    }
    return plan->valid && plan->at_nck <= now_nck;
}

/*
 * Refreshes of a channel without requests. The first may still close rows; from then on each falls
 * on its due clock.
 */
void umc_core_settle(umc_core_t *core, uint64_t now_nck)
{
    umc_plan_t plan = {.valid = false};
    if (core->live > 0) {
        return;
    }
    umc_plan_rebase(core, core->next_due_nck);
    while (core->next_due_nck <= now_nck && next_idle_refresh(core, now_nck, &plan)) {
        umc_plan_rebase(core, plan.at_nck);
        do_refresh(core, &plan);
        umc_event_t event = {
            .at_nck = plan.at_nck, .kind = plan.kind, .user = UMC_NO_USER, .bank = plan.bank};
        observe(core, &event);
    }
}

/* Sequence numbers have run out: the live ones start again from 0, in their order. */
static void renumber(umc_core_t *core)
{
    uint32_t next = 0;
    for (uint32_t seq = 0; seq < core->next_seq; seq++) {
        uint16_t index = core->entry_of_seq[seq];
        if (index != UMC_NO_ENTRY) {
            core->entry_of_seq[seq] = UMC_NO_ENTRY;
            core->entry_of_seq[next] = index;
            core->entries[index].seq = next++;
        }
    }
    core->next_seq = next;
    core->oldest_seq[0] = core->oldest_seq[1] = core->oldest_live = 0;
    core->plan.valid = false; /* its key is of the old numbers */
    umc_lanes_update_all(core);
}

/* Looks for live requests of a new one's line; returns how many it must wait for. */
static uint16_t meets(umc_core_t *core, bool write, uint64_t line, umc_take_t *take, uint32_t *user)
{
    const umc_policy_t *p = &core->config.policy;
    uint16_t older = 0;
    while (core->oldest_live < core->next_seq &&
           core->entry_of_seq[core->oldest_live] == UMC_NO_ENTRY) {
        core->oldest_live++;
    }
    for (uint32_t seq = core->next_seq; seq-- > core->oldest_live;) {
        uint16_t index = core->entry_of_seq[seq];
        if (index == UMC_NO_ENTRY || core->entries[index].line != line) {
            continue;
        }
        const umc_entry_t *entry = &core->entries[index];
        if (!entry->active && entry->write && (write ? p->coalesces : p->forwards)) {
            *take = write ? UMC_TAKE_COALESCED : UMC_TAKE_FORWARDED;
            return 0;
        }
        if (!entry->write && !write && p->merges_reads) {
            *take = UMC_TAKE_MERGED; /* unless a write of the line turns up */
            *user = entry->user;
        }
        older = (uint16_t)(older + (write || entry->write ? 1 : 0));
    }
    return p->orders_lines ? older : 0;
}

static void enqueue(umc_core_t *core, uint16_t index)
{
    umc_entry_t *entry = &core->entries[index];
    core->waiting[entry->write]++;
    if (entry->held || entry->blocked > 0) {
        core->stuck[entry->write]++;
        core->still = false;
    } else {
        admit(core, index, true);
    }
}

umc_take_t umc_core_accept(umc_core_t *core, bool write, const cbit_dram_place_t *place,
                           uint64_t line, bool held, uint32_t *user, uint64_t at_nck)
{
    umc_take_t take = UMC_TAKE_QUEUED;
    uint16_t *count = line_count(core, line);
    uint16_t older = 0;
    if (core->next_due_nck <= at_nck) {
        /* What ranks do by themselves depends on what they have to do: not in a clock in which a
           request may come first. */
        uint32_t first = core->rest != NULL && core->config.policy.accept_first ? 1 : 0;
        if (at_nck >= first) {
            umc_core_settle(core, at_nck - first);
        }
    }
    if (*count > 0) {
        older = meets(core, write, line, &take, user);
        if (take != UMC_TAKE_QUEUED) {
            return take;
        }
    }
    if (core->next_seq == UMC_SEQ_LIMIT) {
        renumber(core);
    }
    ++*count;
    uint16_t index = core->free[--core->free_count];
    umc_entry_t *entry = &core->entries[index];
    *entry = (umc_entry_t){.line = line,
                           .accept_nck = at_nck,
                           .first_nck = UMC_NEVER,
                           .user = *user,
                           .row = place->row,
                           .column = place->column,
                           .seq = core->next_seq,
                           .bank = (uint16_t)place->flat_bank,
                           .blocked = older,
                           .write = write,
                           .held = held};
    core->entry_of_seq[core->next_seq++] = index;
    core->live++;
    if (core->rest != NULL) {
        umc_rest_arrived(core, place->flat_bank);
    }
    core->moved_nck = umc_max64(core->moved_nck, at_nck);
    enqueue(core, index);
    if (core->reasons != NULL) {
        umc_reasons_accepted(core, index);
    }
    core->floor_nck = umc_max64(core->floor_nck, at_nck + !core->config.policy.accept_first);
    umc_plan_newcomer(core, place->flat_bank);
    return UMC_TAKE_QUEUED;
}

static umc_entry_t *find_user(umc_core_t *core, uint32_t user, bool write)
{
    for (uint32_t seq = core->oldest_live; seq < core->next_seq; seq++) {
        uint16_t index = core->entry_of_seq[seq];
        if (index != UMC_NO_ENTRY && core->entries[index].user == user &&
            core->entries[index].write == write) {
            return &core->entries[index];
        }
    }
    return NULL;
}

void umc_core_release(umc_core_t *core, uint32_t user, uint64_t at_nck)
{
    umc_entry_t *entry = find_user(core, user, true);
    if (entry == NULL || !entry->held) {
        return;
    }
    entry->held = false;
    if (entry->blocked == 0) {
        core->stuck[1]--;
        admit(core, (uint16_t)(entry - core->entries), false);
    }
    core->floor_nck = umc_max64(core->floor_nck, at_nck + 1);
    core->plan.valid = false;
}

void umc_core_ready(umc_core_t *core, uint32_t user, uint64_t at_nck)
{
    umc_entry_t *entry = find_user(core, user, true);
    if (entry != NULL && entry->chosen) {
        entry->visible_nck = at_nck;
        core->next_visible_nck = at_nck < core->next_visible_nck ? at_nck : core->next_visible_nck;
    }
    core->plan.valid = false;
}

void umc_core_credit(umc_core_t *core)
{
    core->credits += core->credits == UINT32_MAX ? 0 : 1;
    core->plan.valid = false;
}

void umc_core_drain(umc_core_t *core, bool on)
{
    core->plan.valid = core->plan.valid && core->draining == on;
    core->still = core->still && core->draining == on;
    core->draining = on;
}

const umc_core_stats_t *umc_core_stats(const umc_core_t *core)
{
    return &core->stats;
}

void umc_core_levels(const umc_core_t *core, umc_levels_t *levels)
{
    *levels = (umc_levels_t){.reads = core->waiting[0], .writes = core->waiting[1]};
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        levels->open_banks += core->rank[r].open_banks;
    }
}

void umc_core_activity(const umc_core_t *core, uint64_t now_nck, cbit_dram_activity_t *activity)
{
    umc_core_stats_t stats = core->stats;
    umc_rest_sleeping(core, now_nck, &stats);
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        const umc_rank_t *rank = &core->rank[r];
        bool counts = rank->open_banks > 0 && rank->open_since_nck < now_nck;
        stats.open_rank_nck += counts ? now_nck - rank->open_since_nck : 0;
    }
    bool same_bank = core->config.policy.rest.same_bank;
    *activity = (cbit_dram_activity_t){.activates = stats.activates,
                                       .reads = stats.reads,
                                       .writes = stats.writes,
                                       .refreshes = same_bank ? 0 : stats.refreshes,
                                       .bank_refreshes = same_bank ? stats.refreshes : 0,
                                       .open_rank_nck = stats.open_rank_nck,
                                       .total_rank_nck = now_nck * core->config.device.ranks,
                                       .down_open_nck = stats.down_open_nck,
                                       .down_closed_nck = stats.down_closed_nck,
                                       .self_refresh_nck = stats.self_refresh_nck};
}
