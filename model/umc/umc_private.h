/* The inside of a controller, shared by its port and the files of its timed path. */
#ifndef CBIT_MODEL_UMC_PRIVATE_H
#define CBIT_MODEL_UMC_PRIVATE_H

#include "cbit/dram/checker.h"
#include "cbit/umc/account.h"
#include "cbit/umc/umc.h"
#include "model/umc/core.h"

#define UMC_NONE UINT32_MAX

enum {
    UMC_MAX_FLUSHES = 8,
    UMC_KEY_EXPANSION_ECLK = 16, /* the engine makes K10 (10 rounds) before it switches keys */

    UMC_SLOTS = CBIT_KEY_HOST + 1,
    UMC_LINE_SETS = 128,  /* of lines, by a hash */
    UMC_AHEAD_LEAVES = 8, /* entries, of each queue, for who comes before one given ahead */
};

typedef enum umc_kind {
    UMC_KIND_READ,
    UMC_KIND_WRITE,
    UMC_KIND_FILL, /* the read that a partial write needs first */
} umc_kind_t;

typedef enum umc_state {
    UMC_FREE,
    UMC_INBOX,  /* taken, not yet entered */
    UMC_QUEUED, /* in the core's queues */
    UMC_FLIGHT, /* its column command is out: due_nck says when to look again */
    UMC_REPLY,  /* only the answer is left, due at due_nck */
} umc_state_t;

/* What the way of a read that is answered as its RD issues touches comes first: 64 bytes. */
typedef struct umc_user {
    cbit_txn_t *txn; /* NULL: nobody waits (posted, fill) */
    cbit_spa_t line_spa;
    union {
        uint64_t arrive_nck; /* at the door: not accepted before */
        uint64_t first_nck;  /* of its commands */
    };
    cbit_dram_place_t place;
    uint32_t order; /* counted on as they come, round and round */
    cbit_key_t key;
    uint16_t slot;
    uint8_t state;     /* umc_state_t */
    uint8_t kind;      /* umc_kind_t */
    uint8_t requester; /* cbit/umc/account.h */
    uint8_t flushes;   /* bit i: flush i waits for it */
    bool placed;       /* place is valid: there is such a line */
    bool prompt;       /* its acceptance shows at once: it is answered by it or in the next clock */
    bool offered;      /* the line has entered the engine */
    bool overtaken;    /* a poke has replaced the line: nothing of it reaches the store */
    /* While it is a write, or its line is followed. */
    uint64_t bus_nck;
    bool taken;            /* the line has left the engine: data is its output */
    uint8_t lane;          /* cbit_aes_lane_t */
    uint8_t tag;           /* in that lane */
    uint32_t older, newer; /* chain of live writes, oldest first */
    uint32_t partner;      /* fill: the write that waits for it */
    uint64_t mask;         /* bytes of data that are valid (writes) */
    uint8_t data[CBIT_LINE_BYTES];
} __attribute__((aligned(64))) umc_user_t;

/* A user in FLIGHT or REPLY, and when to look at it. */
typedef struct umc_due {
    uint64_t nck;
    uint32_t user;
} umc_due_t;

typedef struct umc_flush {
    bool busy;
    uint32_t left;
    uint64_t from_nck; /* not done before: lines that were told ahead are in the DRAM then */
    void (*done)(void *self);
    void *self;
} umc_flush_t;

typedef struct umc_key_write {
    bool busy, issued, clear;
    uint16_t slot;
    uint8_t key[CBIT_KEY_BYTES];
    uint64_t done_nck;
    void (*done)(void *self);
    void *self;
} umc_key_write_t;

typedef struct umc_account umc_account_t; /* account.c */

/* Commands since the account was last written up, by requester and by bank. */
typedef struct umc_tally_share {
    uint64_t activates, reads, writes;
} umc_tally_share_t;
typedef struct umc_tally_bank {
    uint32_t columns, activates;
} umc_tally_bank_t;

/* What is counted with each command. The account is written up from it when an interval of its
   series ends, and when somebody asks. */
typedef struct umc_tally {
    uint64_t upto_nck, end_nck; /* it is written up to the one, and next at the other */
    umc_tally_share_t share[CBIT_UMC_REQUESTERS]; /* ever */
    umc_tally_bank_t bank[CBIT_DRAM_MAX_BANKS];
} umc_tally_t;

/* limit.c */
typedef struct umc_limit {
    uint32_t held[CBIT_UMC_REQUESTERS];     /* taken, and no column command yet */
    uint64_t next_nck[CBIT_UMC_REQUESTERS]; /* no request of it is taken before */
    uint64_t due_nck;                       /* when a refused one may ask again */
    bool left;                              /* an entry has become free since they were told */
    cbit_waitlist_t waiters;
} umc_limit_t;

/* What the way of a request needs of configuration, device and parts, worked out once. */
typedef struct umc_way {
    cbit_kernel_t *kernel;
    cbit_pace_t pace; /* of the clock */
    bool timing_only, explains, limits, tsme;
    bool around;            /* plain lines do not go through the engine's pipeline */
    bool ahead;             /* reads may be answered as their RD issues (ahead.h), */
    bool writes_ahead;      /* and writes are through as their WR does */
    bool runs;              /* nobody sees single commands (few_run.c) */
    bool even;              /* each DRAM clock is one of the engine's: */
    uint32_t answer_nck[2]; /* then, from an RD to its answer, under a key and plain */
    uint32_t divider, depth_eclk, lookup_eclk; /* of the engine, if there is one */
    uint32_t read_bus_nck, write_bus_nck;      /* from the command to the end of the burst */
    uint32_t cl_nck, beat_nck;                 /* a beat: a quarter of the burst */
    uint32_t beat_eclk;    /* between two beats of a read; 0: they do not come evenly */
    uint32_t roomy;        /* with fewer requests than this in here both queues have room */
    uint32_t credits_kept; /* with fewer free entries the return buffer is looked through */
    cbit_aes_engine_t engine;
    cbit_aes_counters_t *passed; /* of an engine that lets lines pass */
    uint16_t host_key_slot;
} umc_way_t;

/* A request that is here or will be, and is not accepted yet. */
typedef struct umc_waiting {
    uint64_t due_nck;   /* when it is accepted */
    uint64_t shows_nck; /* no answer to it is there before */
    cbit_ps_t at_ps;    /* when it is here */
    uint32_t user;
} umc_waiting_t;

/* Those requests, and what is known of them without a look at each. */
enum { UMC_DOOR_LOOK = 4 }; /* so many are looked at, whether they are there or not */
typedef struct umc_door {
    umc_waiting_t *waiting; /* [first, first + count), by at_ps; the others' clocks: UMC_NEVER */
    uint32_t first, count, places;
    uint64_t entering_nck; /* the first one's due_nck */
    uint64_t next_nck;     /* the clock that the acceptance of one behind all of them may take */
    cbit_ps_t last_ps;     /* when the last one is here */
} umc_door_t;

/* Reads that were answered ahead: when their lines are out, earliest first. */
enum { UMC_AHEAD = 128 }; /* as many as there can be return buffer entries; a power of two */
typedef struct umc_ahead {
    uint32_t first, count;
    uint64_t out[UMC_AHEAD]; /* ring: clock << 1 | plain */
} umc_ahead_t;

/* Writes that were through as their WR issued: when their lines are in the DRAM, in order. */
enum { UMC_WRITTEN = 32 }; /* a power of two */
typedef struct umc_written {
    uint32_t first, count;
    uint64_t at[UMC_WRITTEN]; /* ring: clock << 1 | plain */
} umc_written_t;

struct cbit_umc {
    /* What requests and commands touch stands side by side: a line of the host each. */
    umc_core_t *core;
    umc_user_t *users;
    uint32_t *free_users;
    uint32_t user_count, free_count;
    uint32_t least_back_ps; /* no answer is heard sooner after it is there */
    uint32_t plain_users;   /* those that may go around the engine */
    uint32_t next_order;
    bool in_wake;
    bool in_step;        /* it shows when a command issues (wake.c) */
    bool always_in_step; /* a wake for every command */
    uint32_t credits;    /* free entries of the return buffer */
    uint64_t accept_nck; /* the clock that the next acceptance may take */

    umc_door_t door;
    cbit_ps_t heard_ps;   /* when the first answer is heard; CBIT_PS_NEVER: there is none */
    cbit_ps_t unheard_ps; /* no answer that is not there yet is heard before, out of step */
    cbit_ps_t rewake_ps;  /* asked for while in_wake */

    umc_way_t way;
    /* Answers that are there, by when they are heard (their back_ps later), and where the next one
       is linked in behind them. The last one is followed by no_answer, which is never heard. */
    cbit_txn_t *answers_first, **answers_end;
    cbit_ps_t last_heard_ps; /* when the last one was, or will be, heard */
    cbit_txn_t no_answer;
    umc_due_t *flight; /* [first..first + count): earliest first; room for 2 x user_count */
    uint32_t flight_first, flight_count;
    uint64_t landing_nck; /* the clock of the next that lands; UMC_NEVER: none is on its way */
    cbit_event_t wake;
    cbit_dram_map_t map __attribute__((aligned(64)));
    uint16_t of_line[UMC_LINE_SETS] __attribute__((aligned(64))); /* live writes and requests */
    uint16_t of_bank[CBIT_DRAM_MAX_BANKS]; /* at the door by line, and the latter by bank */
    umc_ahead_t ahead;
    umc_written_t written;
    uint64_t encrypt_busy[4], decrypt_busy[4]; /* tags in use */
    uint64_t encrypt_free_eclk; /* first edge at which the encrypt lane's input is free */
    uint64_t decrypt_last_eclk; /* with key_lookup_eclk: the last beat offered for decryption */
    cbit_umc_stats_t stats;
    umc_tally_t tally;
    uint32_t oldest_write, newest_write;
    cbit_waitlist_t read_waiters, write_waiters, key_waiters;
    bool loaded[UMC_SLOTS];
    umc_flush_t flush[UMC_MAX_FLUSHES];
    uint32_t flushes_busy;
    umc_key_write_t key_write;
    umc_limit_t limit;
    cbit_bus_analyser_t analyser; /* NULL: nobody listens at the pins */
    void *analyser_self;
    umc_account_t *account;
    cbit_dram_checker_t *checker; /* NULL: nobody checks */
    cbit_umc_config_t config;
    cbit_umc_parts_t parts;
    cbit_dram_device_t device;
    umc_policy_t policy;
} __attribute__((aligned(64)));

static inline bool umc_engine_on(const cbit_umc_t *umc)
{
    return umc->way.engine.ops != NULL;
}

/* The i-th at the door. */
static inline umc_user_t *umc_at_door(const cbit_umc_t *umc, uint32_t i)
{
    return &umc->users[umc->door.waiting[umc->door.first + i].user];
}

/* The number of a user's line, for the core. */
static inline uint64_t umc_line_of(const umc_user_t *user)
{
    return user->line_spa / CBIT_LINE_BYTES;
}

/* How many of a line's set there are. */
static inline uint16_t *umc_of_line(cbit_umc_t *umc, cbit_spa_t line_spa)
{
    _Static_assert(UMC_LINE_SETS == 1 << 7, "the upper bits of the product");
    return &umc->of_line[line_spa * UINT64_C(0x9e3779b97f4a7c15) >> (64 - 7)];
}

/* Wakes the controller no later than at clock nck, or at at_ps. */
void umc_wake_at(cbit_umc_t *umc, uint64_t nck);
static inline void umc_wake_at_ps(cbit_umc_t *umc, cbit_ps_t at_ps)
{
    if (umc->in_wake) {
        umc->rewake_ps = at_ps < umc->rewake_ps ? at_ps : umc->rewake_ps;
        return; /* the handler arms the event when it is through */
    }
    if (!cbit_event_pending(&umc->wake) || at_ps < umc->wake.at_ps) {
        cbit_event_notify_at(umc->way.kernel, &umc->wake, at_ps);
    }
}

/* Does the commands and acceptances of the clocks up to now, before anybody looks at what they
   change. */
void umc_catch_up(cbit_umc_t *umc);

/* From now on somebody waits for commands and acceptances themselves, who is known already. */
void umc_fall_in_step(cbit_umc_t *umc);

/* The event, and whether it comes with every command. */
void umc_on_wake(void *self);
void umc_set_step(cbit_umc_t *umc);

/* An answer of that time: it is heard later, from the wake. */
void umc_answer(cbit_umc_t *umc, cbit_txn_t *txn, cbit_ps_t at_ps);

/* True if a request's line of this key is encrypted with the key of the slot. */
bool umc_is_under(const cbit_umc_t *umc, cbit_key_t key, uint16_t slot);

/* A user from the pool, for a line of this key, and back. */
uint32_t umc_user_take(cbit_umc_t *umc, cbit_key_t key);
void umc_user_free(cbit_umc_t *umc, uint32_t user);

/* All that must be set of a new one but where and whose it is. Field by field: its place, its mask
   and its bytes are written by those who give them. */
static inline void umc_user_fill(umc_user_t *user, umc_kind_t kind, cbit_txn_t *txn, cbit_key_t key,
                                 uint16_t slot)
{
    user->txn = txn;
    user->key = key;
    user->slot = slot;
    user->state = UMC_INBOX;
    user->kind = (uint8_t)kind;
    user->offered = user->overtaken = false;
    user->flushes = 0;
}

static inline uint64_t umc_max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline uint64_t umc_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Edges of a clock whose period is no whole number of picoseconds. */
cbit_ps_t umc_any_edge_ps(const cbit_umc_t *umc, uint64_t nck);
uint64_t umc_any_nck_by(const cbit_umc_t *umc, cbit_ps_t at_ps);
uint64_t umc_any_nck_from(const cbit_umc_t *umc, cbit_ps_t at_ps);

static inline cbit_ps_t umc_edge_ps(const cbit_umc_t *umc, uint64_t nck)
{
    const cbit_pace_t *pace = &umc->way.pace;
    return pace->clock.period_den == 1 ? pace->clock.phase_ps + nck * pace->num.by
                                       : umc_any_edge_ps(umc, nck);
}

/* The last edge at or before at_ps, which is not before the first one. */
static inline uint64_t umc_nck_by(const cbit_umc_t *umc, cbit_ps_t at_ps)
{
    const cbit_pace_t *pace = &umc->way.pace;
    return pace->clock.period_den == 1 ? cbit_divide(pace->num, at_ps - pace->clock.phase_ps)
                                       : umc_any_nck_by(umc, at_ps);
}

/* The first edge at or after at_ps. */
static inline uint64_t umc_nck_from(const cbit_umc_t *umc, cbit_ps_t at_ps)
{
    const cbit_pace_t *pace = &umc->way.pace;
    if (pace->clock.period_den != 1 || at_ps < pace->clock.phase_ps) {
        return umc_any_nck_from(umc, at_ps);
    }
    return cbit_divide(pace->num, at_ps - pace->clock.phase_ps + pace->num.by - 1);
}

static inline uint64_t umc_now_nck(const cbit_umc_t *umc)
{
    return umc_nck_from(umc, cbit_kernel_now_ps(umc->way.kernel));
}

/* The first engine edge at or after a DRAM edge, and the last one at or before it. */
static inline uint64_t umc_eclk_from(const cbit_umc_t *umc, uint64_t nck)
{
    const uint32_t divider = umc->way.divider;
    return divider == 1 ? nck : (nck + divider - 1) / divider;
}

static inline uint64_t umc_eclk_by(const cbit_umc_t *umc, uint64_t nck)
{
    const uint32_t divider = umc->way.divider;
    return divider == 1 ? nck : nck / divider;
}

static inline uint64_t umc_nck_of(const cbit_umc_t *umc, uint64_t eclk)
{
    return eclk * umc->way.divider;
}

/* No answer to a read, under a key or plain, whose RD issues at column_nck or later, is due before
   this clock. */
static inline uint64_t umc_answer_nck(const cbit_umc_t *umc, uint64_t column_nck, bool plain)
{
    const umc_way_t *way = &umc->way;
    if (way->even) {
        return column_nck + way->answer_nck[plain];
    }
    const uint64_t data_eclk = umc_eclk_from(umc, column_nck + way->read_bus_nck);
    return umc_nck_of(umc, data_eclk + (plain && way->around ? 1 : way->depth_eclk));
}

/* ---- flight.c ---- */

/* Issues the commands of the clocks up to nck, or up to the first landing if that is before; ends
   what is due by nck, oldest request first. */
void umc_step_core(cbit_umc_t *umc, uint64_t nck);
void umc_land_due(cbit_umc_t *umc, uint64_t nck);
/* Keeps landing_nck, after what is on its way, free entries or the buffer have changed. */
static inline void umc_set_landing(cbit_umc_t *umc)
{
    uint64_t nck = umc->flight_count == 0 ? UMC_NEVER : umc->flight[umc->flight_first].nck;
    if (umc->credits == 0 && umc->ahead.count > 0) { /* a read may wait for the entry */
        const uint64_t out_nck = umc->ahead.out[umc->ahead.first % UMC_AHEAD] >> 1;
        nck = out_nck < nck ? out_nck : nck;
    }
    umc->landing_nck = nck;
}
/* The same with lines of writes that are through already. */
static inline uint64_t umc_through_nck(const cbit_umc_t *umc)
{
    const umc_written_t *written = &umc->written;
    const uint64_t nck =
        written->count == 0 ? UMC_NEVER : written->at[written->first % UMC_WRITTEN] >> 1;
    return umc->landing_nck < nck ? umc->landing_nck : nck;
}
/* When all lines of writes that are through already are in the DRAM; 0: there is none. */
static inline uint64_t umc_last_written_nck(const cbit_umc_t *umc)
{
    const umc_written_t *written = &umc->written;
    const uint32_t last = written->first + written->count - 1;
    return written->count == 0 ? 0 : written->at[last % UMC_WRITTEN] >> 1;
}
/* Reads whose lines are followed through the engine, from their RD; a write's WR issues. */
void umc_follow_read(cbit_umc_t *umc, uint32_t index, uint64_t rd_nck);
void umc_on_write(cbit_umc_t *umc, uint32_t index, uint64_t wr_nck);
/* Lines of reads answered ahead that are out by clock nck leave the return buffer; those of writes
   that were through ahead are counted. */
void umc_leave_buffer(cbit_umc_t *umc, uint64_t nck);
void umc_count_written(cbit_umc_t *umc, uint64_t nck);

/* A slot has no key for lines whose first beat is taken after an edge: answers given ahead. */
void umc_answers_lose_key(cbit_umc_t *umc, uint16_t slot, uint64_t switch_eclk);
void umc_into_flight(cbit_umc_t *umc, uint32_t index, umc_state_t state, uint64_t due_nck);

/* ---- enter.c ---- */

/* Commands, landings and acceptances up to clock nck, each in its clock and in that order. */
void umc_advance(cbit_umc_t *umc, uint64_t nck);
void umc_chain_write(cbit_umc_t *umc, uint32_t index);
void umc_unchain_write(cbit_umc_t *umc, uint32_t index);
/* The newest live write of a line, which is the one that a later access of the line meets. */
uint32_t umc_newest_of_line(const cbit_umc_t *umc, cbit_spa_t line_spa);
/* Requests at the door that want an entry for writes, or for reads, as partial writes do too. */
uint32_t umc_wanted_entries(const cbit_umc_t *umc, bool write);
bool umc_read_queued_for_line(const cbit_umc_t *umc, cbit_spa_t line_spa);

/* ---- account.c ---- */

cbit_err_t umc_account_create(cbit_umc_t *umc);
uint32_t umc_requester_of(const cbit_txn_t *txn);

/* The tally is written up, of all commands and acceptances before clock nck; there are none at or
   after it yet. */
void umc_account_write_up(cbit_umc_t *umc, uint64_t nck);

/* A request's ACT or column command in a bank. */
static inline void umc_account_activate(cbit_umc_t *umc, uint32_t index, uint32_t bank)
{
    umc->tally.share[umc->users[index].requester].activates++;
    umc->tally.bank[bank].activates++;
}

static inline void umc_account_column(cbit_umc_t *umc, uint32_t index, uint32_t bank, bool write)
{
    umc_tally_share_t *share = &umc->tally.share[umc->users[index].requester];
    share->reads += !write;
    share->writes += write;
    umc->tally.bank[bank].columns++;
}

/* With /umc/explain: a read for somebody has its column command, or is forwarded: first_nck and
   bus_nck are known. */
void umc_account_read(cbit_umc_t *umc, uint32_t index, uint64_t accept_nck, bool forwarded);

/* ---- limit.c: nothing of it where no limit is set ---- */

void umc_limit_init(cbit_umc_t *umc);
bool umc_limit_refuses(cbit_umc_t *umc, uint32_t requester, uint64_t nck);
void umc_limit_took(cbit_umc_t *umc, uint32_t requester, uint64_t nck);
void umc_limit_freed(cbit_umc_t *umc, uint32_t requester);
void umc_limit_tell(cbit_umc_t *umc, uint64_t nck);

/* Its entry is free again. */
static inline void umc_limit_left(cbit_umc_t *umc, uint32_t requester)
{
    if (umc->way.limits) {
        umc_limit_freed(umc, requester);
    }
}

/* ---- keys.c ---- */

void umc_serve_key_write(cbit_umc_t *umc, uint64_t nck);
void umc_serve_flushes(cbit_umc_t *umc, uint64_t nck);
bool umc_draining(const cbit_umc_t *umc); /* a flush or a key write waits for queued writes */

#endif
