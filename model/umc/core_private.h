/*
 * The quick controller's inside. Each bank has four lanes, one per command that it could want next
 * (ACT, PRE, WR, RD): the clock from which the rules allow it (gate; the latest of the bank's, its
 * group's and its rank's) and the place in line of the request that wants it (key). A plan is the
 * smallest (clock, key) over all lanes. The lanes of a bank lie side by side: a command raises all
 * of them at once by a row of the table of distances.
 */
#ifndef CBIT_MODEL_UMC_CORE_PRIVATE_H
#define CBIT_MODEL_UMC_CORE_PRIVATE_H

#include "cbit/dram/rules.h"
#include "model/umc/core.h"
#include "model/umc/few_state.h"
#include "model/umc/reasons.h"

#define UMC_CLOSED   UINT32_MAX /* no row is open */
#define UMC_KEY_NONE 0x7fffffff /* nobody wants this lane's command */

enum {
    UMC_ENTRIES = 2 * UMC_MAX_ENTRIES + 8 * CBIT_DRAM_MAX_BANKS,
    UMC_LINE_HASH_BITS = 12,
    UMC_NO_ENTRY = 0xffff,
    UMC_FAW = 4,
    UMC_ROWS_AT_ONCE = 4, /* of a bank's queue, and so much memory behind it */
    /* A key: class, then order of acceptance; below a clock distance in a plan's 32 bits. */
    UMC_SEQ_BITS = 13,
    UMC_SEQ_LIMIT = 1 << UMC_SEQ_BITS,
    UMC_KEY_BITS = 16,
    UMC_FAR = 0x7ffe, /* clock distances from here on are one */
    UMC_WORDS = CBIT_DRAM_MAX_BANKS / 64,
    UMC_MAX_GROUPS = CBIT_DRAM_MAX_BANKS / 2,
};

enum umc_class { UMC_PROMOTED, UMC_REFRESH, UMC_STARVING, UMC_NORMAL, UMC_CAPPED };

/* Commands that raise gates: those of the lanes, and columns that close their row. */
enum { UMC_BEFORE_WRA = UMC_OPS, UMC_BEFORE_RDA, UMC_BEFORES };

typedef struct umc_entry {
    uint64_t line, accept_nck, first_nck;
    uint64_t visible_nck; /* a write that waits for its ciphertext may not issue before */
    uint32_t user, row, column, seq;
    uint16_t bank, blocked;
    bool write, held, active, chosen, missed, parked;
} umc_entry_t;

/* Requests of one bank that compete, oldest first; rows apart for quick comparison. */
typedef struct umc_bank_queue {
    uint32_t count, hits; /* hits: of the open row */
    uint32_t *row;        /* [0..count): they move up in their memory as the oldest leave */
    uint16_t *entry;
    uint32_t *row_memory;
    uint16_t *entry_memory;
    uint32_t room; /* places from row to the end of the memory */
} umc_bank_queue_t;

typedef struct umc_rank {
    uint32_t faw[UMC_FAW]; /* clocks of the last four ACT, oldest at faw_at */
    uint32_t faw_at, acts;
    uint32_t after[UMC_OPS]; /* the clock after the last command of each kind; 0: none */
    uint32_t open_banks, kept_banks;
    uint64_t open_since_nck;          /* while open_banks > 0 */
    uint32_t refresh_gate, prea_gate; /* earliest REF and PREA by what else there was */
    uint64_t due_nck;                 /* of the next refresh */
} __attribute__((aligned(64))) umc_rank_t;

typedef struct umc_plan {
    bool valid;
    bool refresh;
    umc_op_t op;
    uint16_t entry;
    uint32_t rank, bank;
    umc_event_kind_t kind;
    uint32_t key; /* the lane's, for comparison with a newcomer's */
    uint64_t at_nck;
} umc_plan_t;

typedef struct umc_rest umc_rest_t; /* rest.c */

struct umc_core {
    /* What every command touches, side by side. */
    umc_plan_t plan;
    uint64_t epoch_nck;    /* clock 0 of all 32-bit clocks below */
    uint64_t floor_nck;    /* nothing more happens before this clock */
    uint64_t next_due_nck; /* the earliest refresh of any rank */
    uint32_t bus;          /* command bus is free from here on */
    uint32_t credits;
    uint32_t live;
    uint32_t waiting[2], stuck[2]; /* stuck: waiting, but held or behind an older of its line */
    uint32_t open_banks;           /* of all ranks */
    umc_levels_t levels;           /* as they were counted last; its sums */
    bool write_mode, draining, starving;
    bool hits_by_first_command;
    umc_core_stats_t stats;
    umc_few_t few;
    umc_core_config_t config;
    uint32_t banks, banks_per_rank, banks_per_group, groups_per_rank;
    uint32_t words; /* of a set of banks */
    /* Divisions done once. */
    uint8_t rank_of[CBIT_DRAM_MAX_BANKS], group_of[CBIT_DRAM_MAX_BANKS];
    bool by_age; /* the scheme; the one that is made quick */
    bool has_mode;
    bool runs;          /* of row hits may be taken out (run.c) */
    bool rows_are_kept; /* nobody but the request that opened a row wants its bank until it is
                           served */
    bool crowds;        /* a stream may be offered by the loop of crowd.c */
    bool stand_behind;  /* a newcomer changes no lane but the one that it is first for */
    uint32_t next_seq;
    /* Distances between commands, from the rule table; a lane's gates, and who wants it. */
    umc_lanes_t distance[UMC_BEFORES][CBIT_SCOPES];
    umc_lanes_t gate[CBIT_DRAM_MAX_BANKS] __attribute__((aligned(64)));
    umc_lanes_t group_gate[UMC_MAX_GROUPS], rank_gate[CBIT_DRAM_MAX_RANKS];
    umc_lanes_t key[CBIT_DRAM_MAX_BANKS] __attribute__((aligned(64)));
    uint8_t wants[CBIT_DRAM_MAX_BANKS]; /* bit: the bank's lane has a key */
    uint64_t busy[UMC_WORDS];           /* bit: the bank wants anything */
    uint32_t faw_nck, prea_to_act, prea_to_pre, pre_to_ref, ref_to_act, ref_to_ref, act_to_ref;
    uint32_t to_prea[UMC_OPS];
    uint32_t auto_to_ref[2];
    uint32_t open_row[CBIT_DRAM_MAX_BANKS];
    uint32_t row_columns[CBIT_DRAM_MAX_BANKS];
    uint16_t kept[CBIT_DRAM_MAX_BANKS];     /* the entry whose ACT opened the row, until a column */
    uint16_t promoted[CBIT_DRAM_MAX_BANKS]; /* a request whose ACT issued, until its column */
    bool capped[CBIT_DRAM_MAX_BANKS];       /* hits of this bank have used up their cap */
    uint32_t capped_count;
    uint64_t next_visible_nck; /* when the next chosen write may issue */
    umc_bank_queue_t queue[2][CBIT_DRAM_MAX_BANKS];
    umc_rank_t rank[CBIT_DRAM_MAX_RANKS];
    umc_entry_t entries[UMC_ENTRIES];
    uint16_t free[UMC_ENTRIES];
    uint32_t free_count;
    uint16_t entry_of_seq[UMC_SEQ_LIMIT];
    uint16_t line_count[1 << UMC_LINE_HASH_BITS];
    uint64_t starve_check_nck; /* nothing starves before; 0: look */
    uint64_t calm_nck; /* nothing but lanes and mode decides before; 0: not known (plan.c) */
    uint32_t (*scan)(const umc_core_t *core, bool reads, uint32_t now, uint32_t *op);
    uint32_t oldest_seq[2]; /* no waiting request of the kind is older than this */
    uint32_t oldest_live;   /* nor any live one than this */
    /* ROUND_ROBIN */
    uint16_t transactions[2][UMC_MAX_ENTRIES];
    uint32_t transaction_count[2];
    uint32_t turn, drain_left;
    uint64_t moved_nck;     /* moves are done for clocks before this one */
    bool still;             /* no transaction can move until something changes */
    void *memory;           /* of the bank queues */
    umc_rest_t *rest;       /* NULL: ranks refresh on time and do not sleep */
    umc_reasons_t *reasons; /* NULL: nobody asks why reads wait */
};

static inline uint64_t umc_max64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline uint32_t umc_max32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline uint32_t umc_min32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t umc_relative(const umc_core_t *core, uint64_t nck)
{
    return (uint32_t)(nck - core->epoch_nck);
}

/* The earliest clocks of REF and PREA of a rank, by its commands up to now. */
static inline uint32_t umc_after(const umc_rank_t *rank, umc_op_t op, uint32_t nck)
{
    return rank->after[op] == 0 ? 0 : rank->after[op] - 1 + nck;
}

static inline uint32_t umc_refresh_gate(const umc_core_t *core, const umc_rank_t *rank)
{
    return umc_max32(rank->refresh_gate, umc_max32(umc_after(rank, UMC_ACT, core->act_to_ref),
                                                   umc_after(rank, UMC_PRE, core->pre_to_ref)));
}

static inline uint32_t umc_prea_gate(const umc_core_t *core, const umc_rank_t *rank)
{
    uint32_t gate = rank->prea_gate;
    for (uint32_t op = 0; op < UMC_OPS; op++) {
        gate = umc_max32(gate, umc_after(rank, (umc_op_t)op, core->to_prea[op]));
    }
    return gate;
}

static inline uint32_t umc_gate(const umc_core_t *core, uint32_t op, uint32_t bank)
{
    uint32_t own = (uint32_t)core->gate[bank].op[op];
    uint32_t group = (uint32_t)core->group_gate[core->group_of[bank]].op[op];
    uint32_t rank = (uint32_t)core->rank_gate[core->rank_of[bank]].op[op];
    return umc_max32(own, umc_max32(group, rank));
}

/* A wanted lane as scans compare it: how long it must wait, then its key. */
static inline uint32_t umc_packed(const umc_core_t *core, uint32_t op, uint32_t bank, uint32_t now)
{
    uint32_t wait = umc_max32(umc_gate(core, op, bank), now) - now;
    wait = wait < UMC_FAR ? wait : UMC_FAR;
    return wait << UMC_KEY_BITS | (uint32_t)core->key[bank].op[op];
}

/* The first clock, from floor_nck on, in which the command bus is free. */
static inline uint32_t umc_from_now(const umc_core_t *core)
{
    return umc_max32(umc_relative(core, core->floor_nck), core->bus);
}

/* Live requests by a hash of their line: mostly 0, and then no other of the line can be there. */
static inline uint16_t *umc_line_count(umc_core_t *core, uint64_t line)
{
    return &core->line_count[(line * 0x9e3779b97f4a7c15u) >> (64 - UMC_LINE_HASH_BITS)];
}

/* Which of a bank's two queues a request waits in. */
static inline uint32_t umc_queue_of(const umc_core_t *core, bool write)
{
    bool one = core->config.policy.unified || core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN;
    return one ? 0 : write;
}

static inline umc_op_t umc_next_op(const umc_core_t *core, const umc_entry_t *entry)
{
    uint32_t open = core->open_row[entry->bank];
    return open == UMC_CLOSED   ? UMC_ACT
           : open != entry->row ? UMC_PRE
           : entry->write       ? UMC_WR
                                : UMC_RD;
}

/* What has changed of the levels since they were counted last has changed in clock at_nck. Few
   requests count theirs with each change (few_commands.h). */
static inline void umc_count_levels(umc_core_t *core, uint64_t at_nck)
{
    umc_levels_t *levels = &core->levels;
    for (uint32_t write = 0; write < 2; write++) {
        levels->waiting_nck[write] +=
            (uint64_t)((int64_t)core->waiting[write] - levels->waiting[write]) * at_nck;
        levels->waiting[write] = core->waiting[write];
    }
    levels->open_banks_nck += (uint64_t)((int64_t)core->open_banks - levels->open_banks) * at_nck;
    levels->open_banks = core->open_banks;
}

/* ---- gates.c; ACT, PRE and columns: gates.h ---- */

void umc_gates_init(umc_core_t *core);
void umc_gates_prea(umc_core_t *core, uint32_t rank, uint32_t at);
void umc_gates_ref(umc_core_t *core, uint32_t rank, uint32_t at);
void umc_gates_rest(umc_core_t *core, cbit_dram_command_t command, uint32_t bank, uint32_t at);

/* ---- lanes.c ---- */

/* Recomputes who wants what of a bank; call when its row, queue or promoted request changes. */
void umc_lanes_update(umc_core_t *core, uint32_t bank);
void umc_lanes_update_all(umc_core_t *core);
void umc_lanes_opened(umc_core_t *core, const umc_entry_t *entry); /* the same after its ACT, */
void umc_lanes_closed(umc_core_t *core, uint32_t bank);            /* and after a request's PRE */
void umc_lanes_first(umc_core_t *core, const umc_entry_t *entry); /* with a new first of its kind */
void umc_bank_wrap(umc_bank_queue_t *queue);            /* back to the beginning of its memory */
void umc_bank_insert(umc_core_t *core, uint16_t entry); /* at its place by age, if it has one */
void umc_bank_take(umc_bank_queue_t *queue, uint16_t entry); /* not the first of the queue */
void umc_bank_opened(umc_core_t *core, uint32_t bank);       /* counts the hits of a new row */
uint16_t umc_oldest_waiting(umc_core_t *core, bool write);

static inline umc_bank_queue_t *umc_bank_queue(umc_core_t *core, const umc_entry_t *entry)
{
    return &core->queue[umc_queue_of(core, entry->write)][entry->bank];
}

/* As the last of its bank's queue. */
static inline umc_bank_queue_t *umc_bank_append(umc_core_t *core, uint16_t index)
{
    const umc_entry_t *entry = &core->entries[index];
    umc_bank_queue_t *queue = umc_bank_queue(core, entry);
    if (queue->count == queue->room) {
        umc_bank_wrap(queue);
    }
    uint32_t at = queue->count++;
    queue->entry[at] = index;
    queue->row[at] = entry->row;
    queue->hits += entry->row == core->open_row[entry->bank] ? 1 : 0;
    return queue;
}

static inline void umc_bank_remove(umc_core_t *core, uint16_t index)
{
    const umc_entry_t *entry = &core->entries[index];
    umc_bank_queue_t *queue = umc_bank_queue(core, entry);
    queue->count--;
    queue->hits -= entry->row == core->open_row[entry->bank] ? 1 : 0;
    if (queue->entry[0] == index) {
        queue->entry++;
        queue->row++;
        queue->room--;
    } else {
        umc_bank_take(queue, index);
    }
}

/* ---- plan.c ---- */

/*
 * Finds the next command at or before until_nck into core->plan; false if there is none, and then
 * floor_nck is past until_nck.
 */
bool umc_plan_until(umc_core_t *core, uint64_t until_nck);

/* A command that a scan has found is the plan. */
void umc_plan_lane(umc_core_t *core, uint16_t entry, uint32_t key, uint64_t at_nck);

/* Keeps the 32-bit clocks near nck. */
enum { UMC_EPOCH_SPAN = 1 << 30 };
void umc_plan_new_epoch(umc_core_t *core, uint64_t nck);

static inline void umc_plan_rebase(umc_core_t *core, uint64_t nck)
{
    if (nck - core->epoch_nck >= UMC_EPOCH_SPAN) {
        umc_plan_new_epoch(core, nck);
    }
}

/* The plan, made from lanes and valid, becomes what the bank's lanes want if that comes first. */
void umc_plan_better(umc_core_t *core, uint32_t bank);

/* A request has just begun to compete in a bank: the plan still holds, is bettered or dropped. */
void umc_plan_newcomer(umc_core_t *core, uint32_t bank);

/* ---- scan.c ---- */

/* The smallest (wait << UMC_KEY_BITS | key) of the lanes that are wanted; reads: RD takes part. */
uint32_t umc_scan_each(const umc_core_t *core, bool reads, uint32_t now, uint32_t *op);
uint32_t umc_scan_avx2(const umc_core_t *core, bool reads, uint32_t now, uint32_t *op);

/* ---- accept.c ---- */

void umc_renumber(umc_core_t *core); /* when sequence numbers have run out */

/* The youngest request, to be filled in; its seq is. */
static inline uint16_t umc_entry_new(umc_core_t *core)
{
    if (core->next_seq == UMC_SEQ_LIMIT) {
        umc_renumber(core);
    }
    uint16_t index = core->free[--core->free_count];
    core->entries[index].seq = core->next_seq;
    core->entry_of_seq[core->next_seq++] = index;
    core->live++;
    return index;
}

/* All of a new one but its seq. Field by field: as a whole it would be cleared first. */
static inline void umc_entry_fill(umc_entry_t *entry, bool write, const cbit_dram_place_t *place,
                                  uint64_t line, uint32_t user, uint64_t at_nck)
{
    entry->line = line;
    entry->accept_nck = at_nck;
    entry->first_nck = UMC_NEVER;
    entry->visible_nck = 0;
    entry->user = user;
    entry->row = place->row;
    entry->column = place->column;
    entry->bank = (uint16_t)place->flat_bank;
    entry->blocked = 0;
    entry->write = write;
    entry->held = entry->active = entry->chosen = entry->missed = entry->parked = false;
}

/* As umc_core_accept, into the queues. */
umc_take_t umc_accept_queued(umc_core_t *core, bool write, const cbit_dram_place_t *place,
                             uint64_t line, bool held, uint32_t *user, uint64_t at_nck);

/* A request begins to compete. */
void umc_admit(umc_core_t *core, uint16_t entry, bool youngest);

/* ---- issue.c ---- */

/* Does what is planned; the entry's says the rest of its event. */
void umc_issue_entry(umc_core_t *core, const umc_plan_t *plan, umc_event_t *event);
void umc_issue_refresh(umc_core_t *core, const umc_plan_t *plan);
void umc_observe(umc_core_t *core, const umc_event_t *event);
void umc_find_next_due(umc_core_t *core);

/* ---- mode.c ---- */

/* The queues ask for another mode than the present one. */
static inline bool umc_mode_may_change(const umc_core_t *core)
{
    const umc_policy_t *p = &core->config.policy;
    uint32_t writes = core->waiting[1];
    if (!core->has_mode) {
        return false;
    }
    /* A read stuck behind a write of its line, or a flush: the writes go first. */
    if (!core->write_mode) {
        return writes != core->stuck[1] &&
               (writes > p->write_high || core->waiting[0] == core->stuck[0] ||
                core->stuck[0] > 0 || core->draining);
    }
    return writes == core->stuck[1] || (writes < p->write_low && core->waiting[0] != 0 &&
                                        core->stuck[0] == 0 && !core->draining);
}

/* Decides the mode at floor_nck; true if it must be asked again in the next clock. */
bool umc_decide_mode(umc_core_t *core);

/* ---- watch.c: the clock at which the next change comes ---- */

uint64_t umc_watch_starvation(umc_core_t *core); /* keeps the lanes' classes true to floor_nck */
uint64_t umc_release_visible(umc_core_t *core);  /* chosen writes whose ciphertext is ready */

/* ---- moves.c ---- */

/* Does the moves that belong to the clocks before floor_nck; true if another may follow. */
bool umc_do_moves(umc_core_t *core);

/* ---- rest.c: only where core->rest is not NULL ---- */

cbit_err_t umc_rest_create(umc_core_t *core);
void umc_rest_destroy(umc_core_t *core);

/* A request of a bank's rank has been taken; one has left with a column command. */
void umc_rest_arrived(umc_core_t *core, uint32_t bank);
void umc_rest_left(umc_core_t *core, uint32_t bank, uint64_t at_nck);
void umc_rest_issued(umc_core_t *core, const umc_event_t *event); /* any command */

/* A rank wants to be refreshed at a clock; any does at floor_nck; a bank may not be used then. */
bool umc_rest_refreshing(const umc_core_t *core, uint32_t rank, uint64_t floor_nck);
bool umc_rest_any_refreshing(const umc_core_t *core);
bool umc_rest_stops(const umc_core_t *core, uint32_t bank);

/* The first clock after floor_nck at which a rank wants something else. */
uint64_t umc_rest_next_nck(const umc_core_t *core, uint64_t floor_nck);

/* As umc_plan_refresh; what the core does then, but for precharges; the next of an idle channel. */
bool umc_rest_plan(const umc_core_t *core, uint32_t rank, uint64_t floor_nck, umc_plan_t *plan);
void umc_rest_done(umc_core_t *core, const umc_plan_t *plan);
bool umc_rest_next_idle(umc_core_t *core, uint64_t now_nck, umc_plan_t *plan);

/* Adds the clocks of those that are asleep still. */
void umc_rest_sleeping(const umc_core_t *core, uint64_t now_nck, umc_core_stats_t *stats);

/* As umc_core_step, of requests in the queues. */
bool umc_step_queues(umc_core_t *core, uint64_t until_nck, umc_event_t *event);

/* A clock at or before which nothing can happen, without deciding anything. */
uint64_t umc_plan_hint(umc_core_t *core);

/* The refresh command that a rank needs, from floor_nck on; false while it must wait for another.
 */
bool umc_plan_refresh(const umc_core_t *core, uint32_t rank, uint64_t floor_nck, umc_plan_t *plan);

#endif
