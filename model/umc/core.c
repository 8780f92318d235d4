#include "model/umc/core.h"

#include <stdlib.h>
#include <string.h>

#define CLOSED UINT32_MAX /* no row is open */

enum { FAW_ACTS = 4, NO_ENTRY = 0xffff };

typedef struct entry {
    uint64_t line, seq, visible_nck, first_nck;
    uint32_t user, row, column;
    uint16_t bank;
    uint16_t blocked; /* older requests of the same line that must go first */
    bool write, held, active, chosen, own_act;
} entry_t;

typedef struct queue {
    uint16_t order[UMC_MAX_ENTRIES + CBIT_DRAM_MAX_BANKS]; /* entries, oldest first */
    uint32_t count;                                        /* active ones included */
    uint32_t waiting;                                      /* not active */
    uint32_t blocked; /* not active, and held or blocked: cannot go now */
} queue_t;

typedef struct rank {
    uint64_t faw_nck[FAW_ACTS]; /* the last four ACT, oldest at faw_at */
    uint32_t faw_at;
    uint64_t acts;
    uint32_t open_banks;
    uint64_t refresh_due_nck;
    uint64_t ready_nck; /* earliest REF */
} rank_t;

/* What to do next, and when. */
typedef struct plan {
    bool valid;
    uint64_t at_nck;
    umc_event_kind_t kind;
    uint16_t entry; /* NO_ENTRY: refresh of `rank` */
    uint32_t rank;
} plan_t;

struct umc_core {
    umc_core_config_t config;
    umc_core_stats_t stats;
    uint64_t floor_nck; /* nothing more happens before this clock */
    uint64_t bus_nck;   /* command bus free from here on */
    uint64_t next_seq;
    uint32_t credits;
    bool write_mode, draining;
    entry_t entries[2 * UMC_MAX_ENTRIES + 2 * CBIT_DRAM_MAX_BANKS];
    uint16_t free[2 * UMC_MAX_ENTRIES + 2 * CBIT_DRAM_MAX_BANKS];
    uint32_t free_count;
    queue_t queue[2]; /* reads, writes */
    uint64_t gate_nck[UMC_OPS][CBIT_DRAM_MAX_BANKS];
    uint32_t open_row[CBIT_DRAM_MAX_BANKS];
    uint16_t active[CBIT_DRAM_MAX_BANKS]; /* the entry whose ACT opened the row, until its CAS */
    rank_t rank[CBIT_DRAM_MAX_RANKS];
    uint32_t banks_per_rank;
    plan_t plan;
};

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

cbit_err_t umc_core_create(const umc_core_config_t *config, umc_core_t **out)
{
    umc_core_t *core = calloc(1, sizeof *core);
    if (core == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    core->config = *config;
    core->credits = config->read_credits;
    core->banks_per_rank = config->device.groups * config->device.banks_per_group;
    for (uint32_t i = 0; i < sizeof core->free / sizeof core->free[0]; i++) {
        core->free[core->free_count++] = (uint16_t)i;
    }
    for (uint32_t i = 0; i < CBIT_DRAM_MAX_BANKS; i++) {
        core->open_row[i] = CLOSED;
        core->active[i] = NO_ENTRY;
    }
    for (uint32_t i = 0; i < config->device.ranks; i++) {
        core->rank[i].refresh_due_nck = config->device.timing.trefi_nck;
    }
    *out = core;
    return CBIT_ERR_OK;
}

void umc_core_destroy(umc_core_t *core)
{
    free(core);
}

bool umc_core_room(const umc_core_t *core, bool write, uint32_t ahead)
{
    uint32_t entries = write ? core->config.write_entries : core->config.read_entries;
    return core->queue[write].waiting + ahead < entries;
}

/* ---- the gates: every command moves the earliest clock of those that follow ---- */

/* Distances of one earlier command to one later, by how near the banks are; 0: no rule. */
typedef struct reach {
    umc_op_t after;
    uint32_t bank, group, rank, channel;
} reach_t;

static void push_gates(umc_core_t *core, uint32_t bank, uint64_t at_nck, const reach_t *reach)
{
    uint32_t per_group = core->config.device.banks_per_group;
    uint64_t *gate = core->gate_nck[reach->after];
    for (uint32_t b = 0; b < core->config.device.banks; b++) {
        uint32_t distance = b == bank                           ? reach->bank
                            : b / per_group == bank / per_group ? reach->group
                            : b / core->banks_per_rank == bank / core->banks_per_rank
                                ? reach->rank
                                : reach->channel;
        if (distance != 0) {
            gate[b] = max_u64(gate[b], at_nck + distance);
        }
    }
}

static void gates_after_act(umc_core_t *core, uint32_t bank, uint64_t at_nck)
{
    const cbit_dram_timing_t *t = &core->config.device.timing;
    rank_t *rank = &core->rank[bank / core->banks_per_rank];
    rank->faw_nck[rank->faw_at] = at_nck;
    rank->faw_at = (rank->faw_at + 1) % FAW_ACTS;
    uint64_t oldest = rank->faw_nck[rank->faw_at];
    /* Four ACT have been: the next waits for the window of the oldest of them. */
    uint64_t faw_nck = ++rank->acts < FAW_ACTS ? 0 : oldest + t->tfaw_nck;
    push_gates(core, bank, at_nck,
               &(reach_t){UMC_ACT, t->trc_nck, t->trrd_l_nck, t->trrd_s_nck, 0});
    uint32_t first = bank / core->banks_per_rank * core->banks_per_rank;
    for (uint32_t b = first; b < first + core->banks_per_rank; b++) {
        core->gate_nck[UMC_ACT][b] = max_u64(core->gate_nck[UMC_ACT][b], faw_nck);
    }
    core->gate_nck[UMC_RD][bank] = max_u64(core->gate_nck[UMC_RD][bank], at_nck + t->trcd_nck);
    core->gate_nck[UMC_WR][bank] = max_u64(core->gate_nck[UMC_WR][bank], at_nck + t->trcd_nck);
    core->gate_nck[UMC_PRE][bank] = max_u64(core->gate_nck[UMC_PRE][bank], at_nck + t->tras_nck);
}

static void gates_after_read(umc_core_t *core, uint32_t bank, uint64_t at_nck)
{
    const cbit_dram_timing_t *t = &core->config.device.timing;
    push_gates(
        core, bank, at_nck,
        &(reach_t){UMC_RD, t->tccd_l_nck, t->tccd_l_nck, t->tccd_s_nck, t->read_to_read_rank_nck});
    push_gates(core, bank, at_nck,
               &(reach_t){UMC_WR, t->read_to_write_nck, t->read_to_write_nck, t->read_to_write_nck,
                          t->read_to_write_rank_nck});
    core->gate_nck[UMC_PRE][bank] = max_u64(core->gate_nck[UMC_PRE][bank], at_nck + t->trtp_nck);
}

static void gates_after_write(umc_core_t *core, uint32_t bank, uint64_t at_nck)
{
    const cbit_dram_timing_t *t = &core->config.device.timing;
    push_gates(core, bank, at_nck,
               &(reach_t){UMC_WR, t->tccd_l_wr_nck, t->tccd_l_wr_nck, t->tccd_s_nck,
                          t->write_to_write_rank_nck});
    push_gates(core, bank, at_nck,
               &(reach_t){UMC_RD, t->write_to_read_l_nck, t->write_to_read_l_nck,
                          t->write_to_read_s_nck, t->write_to_read_rank_nck});
    core->gate_nck[UMC_PRE][bank] =
        max_u64(core->gate_nck[UMC_PRE][bank], at_nck + t->write_to_pre_nck);
}

static void close_bank(umc_core_t *core, uint32_t bank, uint64_t at_nck)
{
    const cbit_dram_timing_t *t = &core->config.device.timing;
    rank_t *rank = &core->rank[bank / core->banks_per_rank];
    core->open_row[bank] = CLOSED;
    core->gate_nck[UMC_ACT][bank] = max_u64(core->gate_nck[UMC_ACT][bank], at_nck + t->trp_nck);
    rank->ready_nck = max_u64(rank->ready_nck, at_nck + t->trp_nck);
    rank->open_banks--;
}

/* PRE to PRE of a rank. */
static void gates_after_pre(umc_core_t *core, uint32_t bank, uint64_t at_nck)
{
    uint32_t distance = core->config.device.timing.tppd_nck;
    push_gates(core, bank, at_nck, &(reach_t){UMC_PRE, distance, distance, distance, 0});
}

/* ---- choosing ---- */

static void update_mode(umc_core_t *core)
{
    const queue_t *reads = &core->queue[0], *writes = &core->queue[1];
    uint32_t can_read = reads->waiting - reads->blocked;
    uint32_t can_write = writes->waiting - writes->blocked;
    /* A read stuck behind a write of its line, or a flush: the writes go first. */
    bool urgent = reads->blocked > 0 || core->draining;
    if (!core->write_mode) {
        core->write_mode =
            can_write > 0 && (writes->waiting > core->config.write_high || can_read == 0 || urgent);
    } else if (can_write == 0 ||
               (!urgent && writes->waiting < core->config.write_low && can_read > 0)) {
        core->write_mode = false;
    }
}

static bool refresh_pending(const umc_core_t *core, uint32_t rank, uint64_t at_nck)
{
    return at_nck >= core->rank[rank].refresh_due_nck;
}

/* An entry's next command, and the first clock at which its rules allow it. */
static umc_op_t next_op(const umc_core_t *core, const entry_t *entry, uint64_t *ready_nck)
{
    uint32_t open = core->open_row[entry->bank];
    umc_op_t op = open == CLOSED       ? UMC_ACT
                  : open != entry->row ? UMC_PRE
                  : entry->write       ? UMC_WR
                                       : UMC_RD;
    *ready_nck = max_u64(core->gate_nck[op][entry->bank], core->bus_nck);
    *ready_nck = max_u64(*ready_nck, max_u64(entry->visible_nck, core->floor_nck));
    return op;
}

static void consider(umc_core_t *core, uint16_t index, umc_op_t op, uint64_t ready_nck)
{
    const entry_t *entry = &core->entries[index];
    plan_t *plan = &core->plan;
    bool better = !plan->valid || ready_nck < plan->at_nck;
    if (!better && ready_nck == plan->at_nck) {
        const entry_t *other = &core->entries[plan->entry];
        better = entry->active != other->active ? entry->active : entry->seq < other->seq;
    }
    if (!better) {
        return;
    }
    static const umc_event_kind_t KIND[UMC_OPS] = {UMC_EVENT_ACT, UMC_EVENT_PRE, UMC_EVENT_RD,
                                                   UMC_EVENT_WR};
    *plan = (plan_t){.valid = true, .at_nck = ready_nck, .kind = KIND[op], .entry = index};
    if (op == UMC_WR && !entry->chosen && core->config.choose_writes) {
        plan->kind = UMC_EVENT_CHOSEN;
    }
}

static void consider_queue(umc_core_t *core, bool write)
{
    bool hit_seen[CBIT_DRAM_MAX_BANKS] = {false};
    bool other_mode = write != core->write_mode;
    const queue_t *queue = &core->queue[write];
    for (uint32_t i = 0; i < queue->count; i++) {
        uint16_t index = queue->order[i];
        const entry_t *entry = &core->entries[index];
        if (entry->held || entry->blocked > 0 || entry->visible_nck == UMC_NEVER ||
            (other_mode && !entry->active)) {
            continue;
        }
        uint64_t ready_nck;
        umc_op_t op = next_op(core, entry, &ready_nck);
        if (op == UMC_RD && core->credits == 0) {
            continue;
        }
        hit_seen[entry->bank] |= op == UMC_RD || op == UMC_WR;
        if (op == UMC_PRE && (core->active[entry->bank] != NO_ENTRY ||
                              (core->config.protect_hits && hit_seen[entry->bank]))) {
            continue;
        }
        /* A rank that waits for its refresh finishes what it opened and takes nothing new. */
        uint32_t rank = entry->bank / core->banks_per_rank;
        if (entry->active || !refresh_pending(core, rank, ready_nck)) {
            consider(core, index, op, ready_nck);
        }
    }
}

static void consider_refresh(umc_core_t *core, uint32_t index, uint64_t floor_nck)
{
    rank_t *rank = &core->rank[index];
    uint64_t at_nck = max_u64(max_u64(rank->refresh_due_nck, core->bus_nck), floor_nck);
    umc_event_kind_t kind = UMC_EVENT_REF;
    uint32_t first = index * core->banks_per_rank;
    if (rank->open_banks > 0) {
        kind = UMC_EVENT_PREA;
        for (uint32_t b = first; b < first + core->banks_per_rank; b++) {
            if (core->active[b] != NO_ENTRY) {
                return; /* its CAS comes first */
            }
            if (core->open_row[b] != CLOSED) {
                at_nck = max_u64(at_nck, core->gate_nck[UMC_PRE][b]);
            }
        }
    } else {
        at_nck = max_u64(at_nck, rank->ready_nck);
    }
    if (!core->plan.valid || at_nck < core->plan.at_nck) {
        core->plan = (plan_t){
            .valid = true, .at_nck = at_nck, .kind = kind, .entry = NO_ENTRY, .rank = index};
    }
}

static bool idle(const umc_core_t *core)
{
    return core->queue[0].count == 0 && core->queue[1].count == 0;
}

static void make_plan(umc_core_t *core)
{
    update_mode(core);
    core->plan.valid = false;
    consider_queue(core, false);
    consider_queue(core, true);
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        consider_refresh(core, r, core->floor_nck);
    }
}

uint64_t umc_core_next_nck(umc_core_t *core)
{
    if (idle(core)) {
        return UMC_NEVER;
    }
    if (!core->plan.valid) {
        make_plan(core);
    }
    return core->plan.valid ? core->plan.at_nck : UMC_NEVER;
}

/* ---- doing ---- */

static void queue_remove(queue_t *queue, uint16_t index)
{
    uint32_t at = 0;
    while (queue->order[at] != index) {
        at++;
    }
    queue->count--;
    memmove(&queue->order[at], &queue->order[at + 1], (queue->count - at) * sizeof queue->order[0]);
}

/* A request has left: younger ones of its line that waited for it come one nearer. */
static void unblock(umc_core_t *core, bool write, const entry_t *gone)
{
    queue_t *queue = &core->queue[write];
    for (uint32_t i = 0; i < queue->count; i++) {
        entry_t *entry = &core->entries[queue->order[i]];
        if (entry->line == gone->line && entry->seq > gone->seq && --entry->blocked == 0) {
            queue->blocked -= entry->held ? 0 : 1;
        }
    }
}

static void do_column(umc_core_t *core, uint16_t index, uint64_t at_nck)
{
    entry_t *entry = &core->entries[index];
    queue_t *queue = &core->queue[entry->write];
    if (entry->write) {
        gates_after_write(core, entry->bank, at_nck);
        core->stats.writes++;
    } else {
        gates_after_read(core, entry->bank, at_nck);
        core->stats.reads++;
        core->credits -= core->credits == UINT32_MAX ? 0 : 1;
    }
    core->stats.row_hits += entry->own_act ? 0 : 1;
    if (entry->active) {
        core->active[entry->bank] = NO_ENTRY;
    } else {
        queue->waiting--;
    }
    queue_remove(queue, index);
    unblock(core, true, entry);
    if (entry->write) {
        unblock(core, false, entry);
    }
    core->free[core->free_count++] = index;
}

static void do_entry(umc_core_t *core, const plan_t *plan)
{
    entry_t *entry = &core->entries[plan->entry];
    uint64_t at_nck = plan->at_nck;
    if (plan->kind == UMC_EVENT_CHOSEN) {
        entry->chosen = true;
        entry->visible_nck = UMC_NEVER;
        return;
    }
    entry->first_nck = entry->first_nck == UMC_NEVER ? at_nck : entry->first_nck;
    uint32_t command_nck = core->config.device.timing.command_nck;
    core->bus_nck = at_nck + (plan->kind == UMC_EVENT_PRE ? 1 : command_nck);
    if (plan->kind == UMC_EVENT_PRE) {
        close_bank(core, entry->bank, at_nck);
        gates_after_pre(core, entry->bank, at_nck);
        core->stats.precharges++;
    } else if (plan->kind == UMC_EVENT_ACT) {
        gates_after_act(core, entry->bank, at_nck);
        core->open_row[entry->bank] = entry->row;
        core->rank[entry->bank / core->banks_per_rank].open_banks++;
        core->active[entry->bank] = plan->entry;
        entry->active = true;
        entry->own_act = true;
        core->queue[entry->write].waiting--;
        core->stats.activates++;
    } else {
        do_column(core, plan->entry, at_nck);
    }
}

static void do_refresh(umc_core_t *core, const plan_t *plan)
{
    const cbit_dram_timing_t *t = &core->config.device.timing;
    rank_t *rank = &core->rank[plan->rank];
    uint32_t first = plan->rank * core->banks_per_rank;
    core->bus_nck = plan->at_nck + 1;
    for (uint32_t b = first; b < first + core->banks_per_rank; b++) {
        if (plan->kind == UMC_EVENT_REF) {
            core->gate_nck[UMC_ACT][b] =
                max_u64(core->gate_nck[UMC_ACT][b], plan->at_nck + t->trfc_nck);
        } else if (core->open_row[b] != CLOSED) {
            close_bank(core, b, plan->at_nck);
        }
    }
    if (plan->kind == UMC_EVENT_REF) {
        rank->ready_nck = plan->at_nck + t->trfc_nck;
        rank->refresh_due_nck += t->trefi_nck;
        core->stats.refreshes++;
    } else {
        core->stats.precharges_all++;
    }
}

bool umc_core_step(umc_core_t *core, uint64_t until_nck, umc_event_t *event)
{
    if (umc_core_next_nck(core) > until_nck || !core->plan.valid) {
        core->floor_nck = max_u64(core->floor_nck, until_nck + 1);
        core->plan.valid = core->plan.valid && core->plan.at_nck > until_nck;
        return false;
    }
    const plan_t plan = core->plan;
    core->plan.valid = false;
    core->floor_nck = max_u64(core->floor_nck, plan.at_nck);
    *event = (umc_event_t){.at_nck = plan.at_nck,
                           .kind = plan.kind,
                           .user = UMC_NO_USER,
                           .bank = plan.rank * core->banks_per_rank};
    if (plan.entry == NO_ENTRY) {
        do_refresh(core, &plan);
        return true;
    }
    const entry_t *entry = &core->entries[plan.entry];
    event->user = entry->user;
    event->bank = entry->bank;
    event->row = entry->row;
    event->column = entry->column;
    do_entry(core, &plan);
    event->first_nck = entry->first_nck;
    return true;
}

/* ---- entering ---- */

/*
 * Refreshes of a channel without requests. The first may still close rows; from then on each falls
 * on its due clock, so all but the last are arithmetic.
 */
void umc_core_settle(umc_core_t *core, uint64_t now_nck)
{
    const cbit_dram_timing_t *t = &core->config.device.timing;
    for (uint32_t r = 0; r < core->config.device.ranks && idle(core); r++) {
        rank_t *rank = &core->rank[r];
        for (;;) {
            if (rank->refresh_due_nck <= now_nck && rank->open_banks == 0 &&
                rank->ready_nck <= rank->refresh_due_nck) {
                uint64_t skip = (now_nck - rank->refresh_due_nck) / t->trefi_nck;
                rank->refresh_due_nck += skip * t->trefi_nck;
                core->stats.refreshes += skip;
            }
            core->plan.valid = false;
            consider_refresh(core, r, 0); /* what is settled now happened in the past */
            if (!core->plan.valid || core->plan.at_nck > now_nck) {
                break;
            }
            do_refresh(core, &core->plan);
        }
    }
    core->plan.valid = false;
}

static uint16_t older_of_line(const umc_core_t *core, bool write, uint64_t line)
{
    const queue_t *queue = &core->queue[write];
    uint16_t found = 0;
    for (uint32_t i = 0; i < queue->count; i++) {
        found = (uint16_t)(found + (core->entries[queue->order[i]].line == line ? 1 : 0));
    }
    return found;
}

void umc_core_accept(umc_core_t *core, bool write, const cbit_dram_place_t *place, uint64_t line,
                     bool held, uint32_t user, uint64_t at_nck)
{
    if (idle(core)) {
        umc_core_settle(core, at_nck);
    }
    uint16_t index = core->free[--core->free_count];
    queue_t *queue = &core->queue[write];
    core->entries[index] = (entry_t){.line = line,
                                     .seq = core->next_seq++,
                                     .visible_nck = at_nck + 1,
                                     .first_nck = UMC_NEVER,
                                     .user = user,
                                     .row = place->row,
                                     .column = place->column,
                                     .bank = (uint16_t)place->flat_bank,
                                     .write = write,
                                     .held = held};
    core->entries[index].blocked = (uint16_t)(older_of_line(core, true, line) +
                                              (write ? older_of_line(core, false, line) : 0));
    queue->blocked += held || core->entries[index].blocked > 0 ? 1 : 0;
    queue->order[queue->count++] = index;
    queue->waiting++;
    core->floor_nck = max_u64(core->floor_nck, at_nck + 1);
    core->plan.valid = false;
}

void umc_core_release(umc_core_t *core, uint32_t user, uint64_t at_nck)
{
    queue_t *writes = &core->queue[1];
    for (uint32_t i = 0; i < writes->count; i++) {
        entry_t *entry = &core->entries[writes->order[i]];
        if (entry->user == user && entry->held) {
            entry->held = false;
            entry->visible_nck = max_u64(entry->visible_nck, at_nck + 1);
            writes->blocked -= entry->blocked == 0 ? 1 : 0;
        }
    }
    core->plan.valid = false;
}

void umc_core_ready(umc_core_t *core, uint32_t user, uint64_t at_nck)
{
    queue_t *writes = &core->queue[1];
    for (uint32_t i = 0; i < writes->count; i++) {
        entry_t *entry = &core->entries[writes->order[i]];
        if (entry->user == user && entry->chosen) {
            entry->visible_nck = at_nck;
        }
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
    core->draining = on;
    core->plan.valid = false;
}

const umc_core_stats_t *umc_core_stats(const umc_core_t *core)
{
    return &core->stats;
}
