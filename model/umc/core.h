/*
 * The controller proper, in DRAM clocks: queues, FR-FCFS, write drain, refresh, and the gates that
 * keep the devices' rules. It knows no simulated time, no data and no keys; above it stand the
 * kernel adapter (wake.c) and the stream driver (cbit dram). Private to model/umc.
 *
 * Order within a clock: commands first, then at most one acceptance; what is accepted in clock n
 * can be scheduled from clock n + 1 on.
 */
#ifndef CBIT_MODEL_UMC_CORE_H
#define CBIT_MODEL_UMC_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/dram/device.h"
#include "cbit/dram/energy.h"
#include "cbit/dram/map.h"
#include "cbit/dram/rules.h"
#include "cbit/umc/stream.h"
#include "model/umc/policy.h"

#define UMC_NEVER   UINT64_MAX
#define UMC_NO_USER UINT32_MAX

typedef enum umc_event_kind {
    UMC_EVENT_ACT,
    UMC_EVENT_PRE,
    UMC_EVENT_PREA,
    UMC_EVENT_RD,
    UMC_EVENT_WR,
    UMC_EVENT_RDA,
    UMC_EVENT_WRA,
    UMC_EVENT_REF,
    UMC_EVENT_REFSB, /* these five only where ranks rest (policy.h) */
    UMC_EVENT_PDE,
    UMC_EVENT_PDX,
    UMC_EVENT_SRE,
    UMC_EVENT_SRX,
    UMC_EVENT_CHOSEN, /* no command: a write was chosen, its encryption may begin */
} umc_event_kind_t;

typedef struct umc_event {
    uint64_t at_nck;
    uint64_t accept_nck, first_nck; /* of the request: acceptance and first command (columns) */
    umc_event_kind_t kind;
    uint32_t user; /* as given to umc_core_accept; UMC_NO_USER for refresh */
    uint32_t bank, row, column;
} umc_event_t;

/* As data sheets and command traces write them; NULL for UMC_EVENT_CHOSEN. */
static inline const char *umc_event_name(umc_event_kind_t kind)
{
    static const char *const NAME[] = {
        [UMC_EVENT_ACT] = "ACT", [UMC_EVENT_PRE] = "PRE",  [UMC_EVENT_PREA] = "PREA",
        [UMC_EVENT_RD] = "RD",   [UMC_EVENT_WR] = "WR",    [UMC_EVENT_RDA] = "RDA",
        [UMC_EVENT_WRA] = "WRA", [UMC_EVENT_REF] = "REF",  [UMC_EVENT_REFSB] = "REFSB",
        [UMC_EVENT_PDE] = "PDE", [UMC_EVENT_PDX] = "PDX",  [UMC_EVENT_SRE] = "SRE",
        [UMC_EVENT_SRX] = "SRX", [UMC_EVENT_CHOSEN] = NULL};
    return NAME[kind];
}

/* The command of an event that is one. */
static inline cbit_dram_command_t umc_event_command(umc_event_kind_t kind)
{
    static const cbit_dram_command_t COMMAND[] = {
        [UMC_EVENT_ACT] = CBIT_DRAM_ACT,     [UMC_EVENT_PRE] = CBIT_DRAM_PRE,
        [UMC_EVENT_PREA] = CBIT_DRAM_PREA,   [UMC_EVENT_RD] = CBIT_DRAM_RD,
        [UMC_EVENT_WR] = CBIT_DRAM_WR,       [UMC_EVENT_RDA] = CBIT_DRAM_RDA,
        [UMC_EVENT_WRA] = CBIT_DRAM_WRA,     [UMC_EVENT_REF] = CBIT_DRAM_REF,
        [UMC_EVENT_REFSB] = CBIT_DRAM_REFSB, [UMC_EVENT_PDE] = CBIT_DRAM_PDE,
        [UMC_EVENT_PDX] = CBIT_DRAM_PDX,     [UMC_EVENT_SRE] = CBIT_DRAM_SRE,
        [UMC_EVENT_SRX] = CBIT_DRAM_SRX};
    return COMMAND[kind];
}

typedef struct umc_core_config {
    cbit_dram_device_t device;
    uint32_t read_credits; /* reads between RD and release; UINT32_MAX: no limit */
    bool choose_writes;    /* announce a write (UMC_EVENT_CHOSEN) and wait for umc_core_ready */
    umc_policy_t policy;   /* its queue sizes are those that hold */
    bool keep_reasons;     /* why reads waited (reasons.h); the quick controller only */
    bool plain_scan;       /* no vector instructions, whatever the machine has */
    cbit_stream_explain_t *explain; /* the plain controller only; may be NULL */
    /* Sees every command in order, those of idle channels too; may be NULL. */
    void (*observe)(void *observer, const umc_event_t *event);
    void *observer;
} umc_core_config_t;

typedef struct umc_core_stats {
    uint64_t activates, precharges, precharges_all, reads, writes, refreshes;
    uint64_t row_hits;      /* column commands that needed no ACT, or as the policy counts */
    uint64_t open_rank_nck; /* clocks with an open bank, summed over ranks; see umc_core_activity */
    /* Ranks that rest: entries, and clocks asleep, summed over ranks. */
    uint64_t power_downs, self_refreshes;
    uint64_t down_open_nck, down_closed_nck, self_refresh_nck;
} umc_core_stats_t;

/*
 * How many requests wait (reads, then writes) and banks are open; and the sum over all changes of a
 * level of change x clock, modulo 2^64. Level x T less that sum is the level integrated up to clock
 * T, if there are no changes later than that.
 */
typedef struct umc_levels {
    uint32_t waiting[2], open_banks;
    uint64_t waiting_nck[2], open_banks_nck;
} umc_levels_t;

/* What became of a request of the stream driver. */
typedef enum umc_take {
    UMC_TAKE_QUEUED,
    UMC_TAKE_FORWARDED, /* a read, served from a queued write in the next clock */
    UMC_TAKE_COALESCED, /* a write, merged into a queued one */
    UMC_TAKE_MERGED,    /* a read, served together with a queued one: *user says which */
} umc_take_t;

/* Clocks from one refresh command of a rank to the next, in the mean. */
static inline uint32_t umc_refresh_every_nck(const umc_core_config_t *config)
{
    const cbit_dram_timing_t *t = &config->device.timing;
    return config->policy.rest.same_bank ? t->trefisb_nck : t->trefi_nck;
}

/* The clock of a rank's first refresh. */
static inline uint64_t umc_first_refresh_nck(const umc_core_config_t *config, uint32_t rank)
{
    uint64_t refi = umc_refresh_every_nck(config), ranks = config->device.ranks;
    uint32_t reversed = ranks == 2 ? rank : (rank & 1) << 1 | rank >> 1;
    switch (config->policy.stagger) {
    case UMC_STAGGER_UP:
        return refi * (rank + 1) / ranks;
    case UMC_STAGGER_REVERSED:
        return refi - refi * reversed / ranks;
    default:
        return refi;
    }
}

typedef struct umc_core umc_core_t; /* opaque */

cbit_err_t umc_core_create(const umc_core_config_t *config, umc_core_t **out);
void umc_core_destroy(umc_core_t *core); /* NULL is allowed */

/* True if a queue has room beside `ahead` requests that wait to enter it. */
bool umc_core_room(const umc_core_t *core, bool write, uint32_t ahead);

/*
 * Enters a request in clock at_nck; there must be room, and all commands up to at_nck must have
 * been stepped through. A held write may not issue before umc_core_release. A write waits for
 * older requests of its line, a read for older writes, if the policy orders lines. *user values
 * must be unique among queued requests; when the policy merges reads, *user becomes the one that
 * this read is served with.
 */
umc_take_t umc_core_accept(umc_core_t *core, bool write, const cbit_dram_place_t *place,
                           uint64_t line, bool held, uint32_t *user, uint64_t at_nck);
/* What would become of such a request by those of its line. */
umc_take_t umc_core_meets(umc_core_t *core, bool write, uint64_t line);
void umc_core_release(umc_core_t *core, uint32_t user, uint64_t at_nck);

/* A chosen write's WR may issue from at_nck on. */
void umc_core_ready(umc_core_t *core, uint32_t user, uint64_t at_nck);

/* Gives back a read credit. */
void umc_core_credit(umc_core_t *core);

/* While set, writes go first. */
void umc_core_drain(umc_core_t *core, bool on);

/* The clock of the next command; UMC_NEVER while nothing waits. */
uint64_t umc_core_next_nck(umc_core_t *core);

/* Issues the next command if it is at or before until_nck. */
bool umc_core_step(umc_core_t *core, uint64_t until_nck, umc_event_t *event);

/* Accounts for the refreshes of an idle channel up to now. */
void umc_core_settle(umc_core_t *core, uint64_t now_nck);

/*
 * A run of reads that all hit an open row of one bank or two, with nothing else queued: the caller
 * issues and accepts by itself, which is what step and accept would do, and gives back what is
 * left.
 */
enum { UMC_RUN = UMC_MAX_ENTRIES, UMC_RUN_BANKS = 2 }; /* UMC_RUN: a power of two */

typedef struct umc_run_hit {
    uint64_t line, accept_nck, first_nck;
    uint32_t user, column;
} umc_run_hit_t;

typedef struct umc_run_bank {
    uint32_t bank, row;
    uint32_t head, tail; /* of ring, counting on: the queued ones, oldest first */
    uint64_t next_nck;   /* no RD before this clock */
    uint64_t last_nck;   /* of the last RD, */
    uint32_t issued;     /* if there was one */
    umc_run_hit_t ring[UMC_RUN];
} umc_run_bank_t;

typedef struct umc_run {
    uint32_t banks;
    uint32_t queued;
    uint32_t step_nck[UMC_RUN_BANKS][UMC_RUN_BANKS]; /* from an RD of one to an RD of the other */
    uint64_t end_nck;                                /* nothing may issue from here on */
    umc_run_bank_t bank[UMC_RUN_BANKS];
} umc_run_t;

/* True if a read of this place, the next to be accepted, and all that is queued make a run. */
bool umc_run_possible(const umc_core_t *core, const cbit_dram_place_t *place);
void umc_run_begin(umc_core_t *core, const cbit_dram_place_t *place, umc_run_t *run);
void umc_run_end(umc_core_t *core, const umc_run_t *run);

/* As umc_column_of and umc_next_column (bound.h), where requests are not held apart; next_nck:
   nothing issues before (umc_core_next_nck). */
uint64_t umc_core_column_of(const umc_core_t *core, const cbit_dram_place_t *place, uint64_t at_nck,
                            bool wanted);
uint64_t umc_core_next_column(const umc_core_t *core, uint64_t next_nck);

const umc_core_stats_t *umc_core_stats(const umc_core_t *core);

/* The levels, with all that was counted. */
umc_levels_t umc_core_levels(const umc_core_t *core);

/* The command or acceptance that has just been was in clock at_nck: the levels are counted. */
void umc_core_count_levels(umc_core_t *core, uint64_t at_nck);

/* What the devices did up to now_nck, with banks that are open and ranks that are asleep still. */
void umc_core_activity(const umc_core_t *core, uint64_t now_nck, cbit_dram_activity_t *activity);

#endif
