/* The state of a machine's caches. Private to model/cache. */
#ifndef CBIT_MODEL_CACHE_STATE_H
#define CBIT_MODEL_CACHE_STATE_H

#include "model/cache/level.h"

enum {
    NO_OWNER = -1,
    VICTIMS_PER_MSHR = 2, /* that requests may fill; one more for each fill on its way */
    WAITS_PER_CORE = 128,
    PREFETCH_KEEPS = 4, /* one in so many MSHRs is not for the prefetcher (assumed) */
};
typedef struct cbit_mshr cbit_mshr_t;
typedef struct cbit_core cbit_core_t;

/* One line (address and key id) that is on the chip, or on its way there or away: a line of the
   host. Its bytes are apart: who only looks at the entry does not touch them. */
typedef struct cbit_line {
    _Alignas(64) uint64_t tag;
    uint64_t cores;     /* that have it in their L2 */
    uint64_t complexes; /* that have it in their L3 */
    cbit_mshr_t *mshr;  /* on its way to a core */
    uint32_t next;      /* of those in its bucket that have no slot there, or of the free ones */
    uint32_t by;        /* who wrote it: source << 16 | source_id, for its write-back */
    int16_t owner;      /* the only core with a copy, which may write it; or NO_OWNER */
    int16_t
        prefetcher;   /* the core in whose L2 it stands untouched since its prefetch, or NO_OWNER */
    uint16_t victims; /* write-backs of it that memory has not taken */
    bool dirty;
    bool alone;    /* there has been no line of this address under another key id */
    uint8_t third; /* the way in the L3 that took it last */
    uint8_t slot;  /* of its bucket, or BUCKET_SLOTS */
} cbit_line_t;

/* A request that waits for a line. */
typedef struct cbit_wait {
    cbit_txn_t *txn;
    struct cbit_wait *next;
    cbit_core_t *port; /* the core's side that it came to */
} cbit_wait_t;

/* Of a line on its way: what placing it will touch, as far as it is known (expect.h). */
typedef struct cbit_expected {
    uint32_t pushed;  /* the line that will leave the L2, or NOWHERE */
    uint32_t set;     /* the set of the L3 that will take it */
    uint32_t leaving; /* the line that will leave the chip, or NOWHERE */
} cbit_expected_t;

/* What a fill changes in the request that it is (mshr.c), as that was, in cbit_txn_t's order. */
typedef struct cbit_asked {
    uint8_t command, size_bytes;
    bool locked, no_bytes;
} cbit_asked_t;

/* What every fill looks at comes first, in a line of the host. */
struct cbit_mshr {
    _Alignas(64) cbit_mshr_t *next; /* fills, in order of sending; or those that are free */
    cbit_wait_t first;              /* its txn is NULL while nobody waits: it is free */
    uint32_t line;
    bool fill;             /* from memory; else from other caches */
    bool prefetch, wanted; /* nobody has asked for it; somebody has, before it came */
    bool patched;          /* there is a patch */
    cbit_expected_t expected;
    cbit_asked_t asked;
    uint8_t offset;                /* of the address in its line */
    cbit_wait_t *last;             /* of those that wait behind the first, if there are any */
    cbit_event_t event;            /* a fill may be sent, or a transfer is over */
    uint8_t data[CBIT_LINE_BYTES]; /* of a write, while its request is a fill */
    uint64_t patch_mask; /* bytes that were written elsewhere since the fill was asked for */
    uint8_t patch[CBIT_LINE_BYTES];
};

/* A write-back. Its bytes are taken from the line when it is sent. */
typedef struct cbit_victim cbit_victim_t;
struct cbit_victim {
    cbit_cache_t *cache;
    bool busy, sent;
    bool again; /* the bytes changed after it was sent */
    uint32_t line;
    uint32_t complex;  /* that it left last */
    uint64_t flushers; /* cores whose WBINVD waits for it */
    cbit_txn_t txn;
    cbit_victim_t *next; /* in order of sending; or those that are free */
};

/*
 * A bucket of the directory: half a line of the host. Of each line in it there are twelve bits, one
 * that is set and eleven others of the same hash, so that all but one in 2 000 lines that are not
 * there are told by one word.
 */
enum { BUCKET_SLOTS = 5, PRINT_BITS = 12 };
#define PRINT_ONES  UINT64_C(0x001001001001001)
#define PRINT_HIGHS (PRINT_ONES << (PRINT_BITS - 1))
typedef struct cbit_bucket {
    _Alignas(32) uint64_t prints; /* of each slot; 0: free */
    uint32_t line[BUCKET_SLOTS];  /* of a free one: that which had it last */
    uint32_t more;                /* the first line that found no slot, or NOWHERE */
} cbit_bucket_t;

/* Where an address belongs in the directory. */
typedef struct cbit_room {
    uint32_t at;
    uint32_t print;
} cbit_room_t;

/* Lines that are nowhere any more and still stand in their buckets (directory.c). */
enum { LEAVING = 4 };
typedef struct cbit_leaving {
    uint32_t line; /* or NOWHERE */
    uint32_t bucket;
} cbit_leaving_t;

enum { EXPECTING = 2 };

typedef struct cbit_flush cbit_flush_t;
struct cbit_flush {
    /* CLFLUSH and page flush only: lines that must be gone, and under which key id. */
    cbit_spa_t spa, end_spa;
    cbit_key_t key;
    bool any_key;
    void (*done)(void *self);
    void *self;
    cbit_flush_t *next;
};

/* Answers of one latency, in order of time. */
typedef struct cbit_answers {
    cbit_cache_t *cache;
    cbit_ps_t span_ps;
    cbit_txn_t *first, *last;
    cbit_event_t event;
} cbit_answers_t;

/* Where an L1 had a line the last time. */
typedef struct cbit_hint {
    uint32_t number; /* the lower part of the line's */
    uint32_t place;  /* from that core's first one on */
} cbit_hint_t;

enum { L1_HINTS = 256 };
struct cbit_core {
    _Alignas(64) cbit_cache_t *cache;
    uint32_t core, complex;
    uint64_t core_bit, complex_bit; /* of cbit_line_t's words */
    bool fetch;
    uint32_t which; /* ANSWERS_L1D or ANSWERS_L1I */
    cbit_level_t *l1;
    cbit_eight_t *first, *second; /* the core's sets of that L1 and of the L2 */
    uint32_t third;               /* the first of the complex's sets in the L3 */
    const cbit_port_t *below;     /* the complex's */
    cbit_hint_t hints[L1_HINTS];  /* by the line's number */
};

/* low: the lower part of a line's number. */
static inline cbit_hint_t *cbit_hint_of(cbit_core_t *port, uint32_t low)
{
    return &port->hints[low & (L1_HINTS - 1)];
}

typedef struct cbit_stream cbit_stream_t; /* prefetch.c */

enum { ANSWERS_L1D, ANSWERS_L1I, ANSWERS_L2, ANSWERS_L3, ANSWERS };

/* What requests look at comes first. */
struct cbit_cache {
    _Alignas(64) cbit_kernel_t *kernel;
    cbit_line_t *pool;
    cbit_bucket_t *buckets;
    uint32_t bucket_mask, pool_free;
    uint64_t absent; /* tag of a line that has been looked for in vain, and none has been made
                        since: there is none of that address */
    uint8_t (*bytes)[CBIT_LINE_BYTES]; /* of each entry of the pool; NULL: timing only */
    cbit_stream_t *streams;            /* of each core; NULL: nothing is prefetched */

    uint32_t mshr_count, mshrs_busy;
    uint32_t victim_count, victims_busy; /* count: what requests may fill; mshr_count more exist */
    uint32_t waits_left;
    uint32_t wbinvds_active;
    bool coherent_domains, l3_inclusive;
    bool near; /* levels as most are: sets of eight ways in the first two, an L3 that is a victim
                  cache of sixteen, sets of an L1 not more than those of an L2, and those of the L3
                  told by what an L2 keeps of a number */
    bool victims_new; /* some write-backs that are not sent have not been waited for yet */
    bool flushing, flush_again;
    cbit_mshr_t *mshrs_free;
    cbit_wait_t *waits_free;
    cbit_victim_t *victims_first; /* not sent */
    cbit_flush_t *clflushes;

    cbit_level_t l1[2], l2, l3; /* the data side's L1, the instruction side's */
    uint8_t complex_of[CBIT_CACHE_MAX_CORES];
    cbit_expected_t *expecting[EXPECTING]; /* of the latest lines, newest first */
    uint32_t leaving_at;                   /* counted on */
    cbit_leaving_t leaving[LEAVING];
    uint32_t clocks[ANSWERS];
    cbit_ps_t transfer_ps, look_up_ps;
    cbit_port_t *below_of_complex; /* requests */
    cbit_waiter_t below_space;
    cbit_waitlist_t waiters;
    cbit_mshr_t *fills_first, *fills_last; /* looked up, not sent */
    cbit_cache_stats_t stats;

    cbit_victim_t *victims_last, *victims_free;
    cbit_answers_t answers[ANSWERS];
    cbit_cache_config_t config;
    uint32_t cores, complexes;
    cbit_port_t below;      /* without time */
    uint64_t second_socket; /* complexes there */
    cbit_core_t *ports;     /* data side of each core, then instruction side */
    uint32_t pool_count, pool_used;
    cbit_mshr_t *mshrs;
    cbit_victim_t *victims;
    cbit_wait_t *waits;
    cbit_txn_t *prefetches; /* of each MSHR */
    uint64_t trained;       /* accesses that the prefetcher has seen */
    struct cbit_flushing {
        cbit_flush_t *wbinvds;
        uint32_t cursor; /* how far it has come, in L2 and then L3 */
        bool scanned;
        uint32_t writes_left; /* write-backs that its WBINVD waits for */
    } * of_core;
};

/* WBINVD is under way on that core. */
static inline bool cbit_cache_is_flushing(const cbit_cache_t *cache, uint32_t core)
{
    return cache->wbinvds_active != 0 && cache->of_core[core].wbinvds != NULL;
}

static inline uint32_t cbit_complex_of(const cbit_cache_t *cache, uint32_t core)
{
    return cache->complex_of[core];
}

static inline uint32_t cbit_index(const cbit_cache_t *cache, const cbit_line_t *line)
{
    return (uint32_t)(line - cache->pool);
}

static inline uint8_t *cbit_line_bytes(const cbit_cache_t *cache, const cbit_line_t *line)
{
    return cache->bytes[line - cache->pool];
}

static inline bool cbit_line_on_chip(const cbit_line_t *line)
{
    return (line->cores | line->complexes) != 0;
}

/* Where a core's L2 has a line, or NOWHERE. */
static inline uint32_t cbit_second_find(const cbit_cache_t *cache, uint32_t core, uint64_t tag)
{
    const cbit_level_t *l2 = &cache->l2;
    const uint32_t first = cbit_level_first(l2, cbit_level_set(l2, core, tag));
    const uint64_t bits = cbit_level_bits(l2, cbit_tag_low(tag));
    for (uint32_t place = first; place < first + l2->words * 8; place += 8) {
        const cbit_eight_t *eight = &l2->eights[place / 8];
        uint64_t match = cbit_ways_match(eight->bits, bits);
        for (; match != 0; match &= match - 1) {
            const uint32_t way = cbit_ways_first(match);
            if (eight->line[way] != NOWHERE && cache->pool[eight->line[way]].tag == tag) {
                return place + way;
            }
        }
    }
    return NOWHERE;
}

/* Where a core's L1 has the line that stands at that place in its L2, or NOWHERE. */
static inline uint32_t cbit_first_find(const cbit_cache_t *cache, uint32_t core, bool fetch,
                                       uint64_t tag, uint32_t second)
{
    const uint32_t way = *cbit_level_above(&cache->l2, fetch, second);
    if (way == NO_WAY) {
        return NOWHERE;
    }
    const cbit_level_t *l1 = &cache->l1[fetch];
    const uint32_t place = cbit_level_first(l1, cbit_level_set(l1, core, tag)) + way;
    return *cbit_level_line(l1, place) == *cbit_level_line(&cache->l2, second) ? place : NOWHERE;
}

/* Where an L3 has a line, which is there. */
static inline uint32_t cbit_third_find(const cbit_cache_t *cache, uint32_t set,
                                       const cbit_line_t *line)
{
    const uint32_t index = cbit_index(cache, line);
    const uint32_t first = cbit_level_first(&cache->l3, set);
    uint32_t place = first + line->third;
    for (uint32_t way = 0; cache->l3.line[place] != index; way++) {
        place = first + way;
    }
    return place;
}

/* One more line may come: wherever it displaces another one, a buffer is free for that. */
static inline bool cbit_cache_has_room(const cbit_cache_t *cache)
{
    return cache->victims_busy < cache->victim_count;
}

/* ---- directory (directory.c) ---- */

/* By address alone, so that all key ids of one are in one bucket. */
static inline cbit_room_t cbit_room_of(const cbit_cache_t *cache, uint64_t number)
{
    const uint64_t hash = number * UINT64_C(0x9e3779b97f4a7c15);
    return (cbit_room_t){.at = (uint32_t)(hash >> 32) & cache->bucket_mask,
                         .print = (uint32_t)(hash >> 53) | 1U << (PRINT_BITS - 1)};
}

/* The slots that may have a line of that print, the highest bit of each; those above the lowest one
   may be wrong. */
static inline uint64_t cbit_bucket_match(const cbit_bucket_t *bucket, uint32_t print)
{
    const uint64_t differ = bucket->prints ^ print * PRINT_ONES;
    return (differ - PRINT_ONES) & ~differ & PRINT_HIGHS;
}

/* There is no line of that print. */
static inline bool cbit_bucket_has_none(const cbit_bucket_t *bucket, uint32_t print)
{
    return cbit_bucket_match(bucket, print) == 0 && bucket->more == NOWHERE;
}

cbit_line_t *cbit_line_find_in(const cbit_cache_t *cache, cbit_room_t room, uint64_t tag);
/* The line of that tag, or NULL. */
static inline cbit_line_t *cbit_line_find(const cbit_cache_t *cache, uint64_t tag)
{
    const cbit_room_t room = cbit_room_of(cache, cbit_tag_number(tag));
    return cbit_bucket_has_none(&cache->buckets[room.at], room.print)
               ? NULL
               : cbit_line_find_in(cache, room, tag);
}

/* No line of that address is there, under any key id; false: there may be one. */
static inline bool cbit_line_is_absent(const cbit_cache_t *cache, cbit_spa_t spa)
{
    const cbit_room_t room = cbit_room_of(cache, spa >> LINE_SHIFT);
    return cbit_bucket_has_none(&cache->buckets[room.at], room.print);
}

/* The next line of the same address after `after` (NULL: the first), under any key id. */
cbit_line_t *cbit_line_of_address(const cbit_cache_t *cache, cbit_spa_t spa,
                                  const cbit_line_t *after);
cbit_line_t *cbit_line_create(cbit_cache_t *cache, uint64_t tag);
/* The only one of its address, in its bucket: its number. */
static inline uint32_t cbit_line_create_in(cbit_cache_t *cache, cbit_room_t room, uint64_t tag)
{
    uint32_t i = cache->pool_free;
    if (i == NOWHERE) {
        if (cache->pool_used == cache->pool_count) {
            __builtin_trap(); /* the pool has an entry for every place, MSHR and write-back */
        }
        i = cache->pool_used++;
    } else {
        cache->pool_free = cache->pool[i].next;
    }
    cache->absent = 0;
    cbit_bucket_t *bucket = &cache->buckets[room.at];
    const uint64_t free = ~bucket->prints & PRINT_HIGHS;
    const uint32_t slot = free == 0 ? BUCKET_SLOTS : (uint32_t)__builtin_ctzll(free) / PRINT_BITS;
    cache->pool[i] = (cbit_line_t){.tag = tag,
                                   .owner = NO_OWNER,
                                   .prefetcher = NO_OWNER,
                                   .alone = true,
                                   .slot = (uint8_t)slot};
    if (free != 0) {
        bucket->prints |= (uint64_t)room.print << slot * PRINT_BITS;
        bucket->line[slot] = i;
    } else {
        cache->pool[i].next = bucket->more;
        bucket->more = i;
    }
    return i;
}

/* Gives the entry back if nothing refers to it. */
void cbit_line_release(cbit_cache_t *cache, cbit_line_t *line);

typedef enum { SIDE_DATA, SIDE_CODE, SIDE_NONE } cbit_side_t;

/* Puts a line that neither the core nor its victim L3 has into its L2, and its L1 of that side. */
void cbit_line_enter(cbit_cache_t *cache, cbit_line_t *line, uint32_t core, cbit_side_t side);
/* A line that leaves that port's core: out of its first level of the other side, if it is still in
   that way. */
void cbit_line_leave_first(const cbit_cache_t *cache, uint32_t line, const cbit_core_t *port,
                           uint32_t way);
/* Puts a line into a core's L2 and L1 (or L2 alone). Displaces at most one line from the chip. */
void cbit_line_place_second(cbit_cache_t *cache, cbit_line_t *line, uint32_t core);
void cbit_line_place(cbit_cache_t *cache, cbit_line_t *line, uint32_t core, bool fetch);
/* Into the L1, from that place in the L2. */
void cbit_line_promote(const cbit_cache_t *cache, const cbit_line_t *line, uint32_t core,
                       bool fetch, uint32_t second);
/* Takes a line out of the complex's L3, which has it. */
void cbit_line_leave_third(const cbit_cache_t *cache, cbit_line_t *line, uint32_t complex);
/* Takes a line out of one core's L1 and L2, or of one complex's L3 and, if that is inclusive, of
   all above it. */
void cbit_line_drop_core(cbit_cache_t *cache, cbit_line_t *line, uint32_t core);
void cbit_line_drop_complex(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex);
void cbit_line_drop_all(cbit_cache_t *cache, cbit_line_t *line);
/* Leaves no copy but that of one core. */
void cbit_line_make_exclusive(cbit_cache_t *cache, cbit_line_t *line, uint32_t core);
/* The core's copy is the only one (its own complex's inclusive L3 aside). */
bool cbit_line_is_alone(const cbit_cache_t *cache, const cbit_line_t *line, uint32_t core);
/* If no copy is left: writes back (from that complex) if dirty, and releases. */
void cbit_line_retire(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex);
/* A complex that has it: of its first core or L3. */
uint32_t cbit_line_complex(const cbit_cache_t *cache, const cbit_line_t *line);

/* ---- write-backs and flushes (flush.c) ---- */

void cbit_cache_write_back(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex);
/* Takes the write-back of a line that is not sent yet off the list; false if there is none. */
bool cbit_cache_victim_cancel(cbit_cache_t *cache, cbit_line_t *line);
/* A line without copies was changed: the write-back of it that is sent goes again. */
void cbit_cache_victim_again(cbit_cache_t *cache, cbit_line_t *line);
void cbit_cache_send_waiting_victims(cbit_cache_t *cache);
static inline void cbit_cache_send_victims(cbit_cache_t *cache)
{
    if (cache->victims_first != NULL) {
        cbit_cache_send_waiting_victims(cache);
    }
}

/* Something became free: flushes go on, then all who wait try again. */
void cbit_cache_tell_released(cbit_cache_t *cache);
static inline void cbit_cache_released(cbit_cache_t *cache)
{
    if (cache->waiters.head != NULL || cache->wbinvds_active != 0 || cache->clflushes != NULL ||
        cache->flushing) {
        cbit_cache_tell_released(cache);
    }
}

/* ---- prefetches (prefetch.c) ---- */

bool cbit_prefetch_init(cbit_cache_t *cache); /* false: out of memory */
void cbit_prefetch_free(cbit_cache_t *cache);
/* A request that the core's first level did not have. */
void cbit_prefetch_train(cbit_core_t *port, const cbit_txn_t *txn);

/* ---- lines on their way (mshr.c) ---- */

/* There is a free MSHR, and room for one more that waits. */
void cbit_mshr_begin(cbit_core_t *port, cbit_txn_t *txn, cbit_line_t *line, bool memory);
/* The same for the line that has been looked for in vain: it is made first. True. */
bool cbit_mshr_begin_absent(cbit_core_t *port, cbit_txn_t *txn);
void cbit_mshr_prefetch(cbit_core_t *port, const cbit_txn_t *demand, uint64_t tag);
/* For a line that is on its way already. */
void cbit_mshr_wait(cbit_mshr_t *mshr, cbit_core_t *port, cbit_txn_t *txn);
/* How many requests of a core wait for lines. */
uint32_t cbit_mshr_waiting(const cbit_cache_t *cache, uint32_t core);
void cbit_cache_send_fills(cbit_cache_t *cache);
void cbit_mshr_event(void *self);

/* ---- requests (access.c) ---- */

/* Serves a request from a line that its core has. */
void cbit_cache_serve(cbit_cache_t *cache, cbit_line_t *line, uint32_t core, cbit_txn_t *txn);

bool cbit_cache_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter);
bool cbit_cache_quick(void *self, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                      void *bytes, uint32_t len_bytes, uint32_t *clocks);
void cbit_cache_hint(void *self, cbit_spa_t spa);
void cbit_answers_event(void *self);

#endif
