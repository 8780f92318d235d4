/* The state of one cache. Private to model/cache. */
#ifndef CBIT_MODEL_CACHE_STATE_H
#define CBIT_MODEL_CACHE_STATE_H

#include "cbit/cache/cache.h"

enum {
    LINE_SHIFT = 6,
    KEY_BITS = 11, /* PLAIN 0, ASIDs 1..1023, HOST 1024 */
};
#define NO_LINE   UINT32_MAX
#define TAG_VALID (UINT64_C(1) << 63)

typedef enum cbit_line_state {
    LINE_INVALID,
    LINE_PENDING, /* a fill is on its way to this place */
    LINE_CLEAN,
    LINE_DIRTY,
} cbit_line_state_t;

typedef struct cbit_mshr cbit_mshr_t;
struct cbit_mshr {
    uint64_t tag; /* 0: free */
    uint32_t line;
    cbit_txn_t fill;
    cbit_txn_t *first, *last; /* requests that wait; the first one caused the fill */
    uint64_t patch_mask;      /* bytes that were written elsewhere since the fill was asked for */
    uint8_t patch[CBIT_LINE_BYTES];
    cbit_mshr_t *next; /* in order of sending */
    cbit_cache_t *cache;
};

typedef struct cbit_victim cbit_victim_t;
struct cbit_victim {
    uint64_t tag; /* 0: free */
    bool sent;
    bool again; /* its bytes changed after it was sent */
    cbit_txn_t txn;
    cbit_victim_t *next; /* in order of sending */
    cbit_cache_t *cache;
};

typedef struct cbit_flush cbit_flush_t;
struct cbit_flush {
    cbit_spa_t spa; /* CLFLUSH only */
    void (*done)(void *self);
    void *self;
    cbit_flush_t *next;
};

struct cbit_cache {
    cbit_kernel_t *kernel;
    cbit_port_t below;
    cbit_waiter_t below_space;
    cbit_waitlist_t waiters;
    cbit_ps_t hit_ps;
    uint32_t hit_cclk;
    uint32_t ways, set_mask, lines;

    /* One entry a line, index = set x ways + way. */
    uint64_t *tags; /* TAG_VALID, line number, key id: one compare decides */
    uint64_t *used; /* when it was last touched, for LRU */
    uint32_t *by;   /* who wrote it: source << 16 | source_id, for its write-back */
    uint8_t *states;
    uint8_t *bytes;
    uint64_t touches;

    uint32_t mshr_count, mshrs_busy, victims_busy;
    cbit_mshr_t *mshrs;
    cbit_mshr_t *fills_first, *fills_last; /* not sent yet */
    cbit_event_t fill_event;

    cbit_victim_t *victims; /* mshr_count of them */
    cbit_victim_t *victims_first, *victims_last;

    cbit_txn_t *hits_first, *hits_last; /* to be answered, in order of time */
    cbit_event_t hit_event;

    cbit_flush_t *wbinvds, *clflushes;
    uint32_t cursor; /* how far WBINVD has come */
    bool flushing, flush_again;

    cbit_cache_stats_t stats;
};

static inline uint64_t cbit_cache_tag(cbit_spa_t spa, cbit_key_t key)
{
    return TAG_VALID | (spa >> LINE_SHIFT) << KEY_BITS | key;
}

static inline cbit_spa_t cbit_cache_tag_spa(uint64_t tag)
{
    return (tag & ~TAG_VALID) >> KEY_BITS << LINE_SHIFT;
}

static inline cbit_key_t cbit_cache_tag_key(uint64_t tag)
{
    return (cbit_key_t)(tag & ((1U << KEY_BITS) - 1));
}

static inline uint8_t *cbit_cache_bytes(const cbit_cache_t *cache, uint32_t line)
{
    return cache->bytes + (size_t)line * CBIT_LINE_BYTES;
}

/* The first line of the set of an address. */
static inline uint32_t cbit_cache_set(const cbit_cache_t *cache, cbit_spa_t spa)
{
    return ((uint32_t)(spa >> LINE_SHIFT) & cache->set_mask) * cache->ways;
}

/* Where a line is, or NO_LINE. */
static inline uint32_t cbit_cache_find(const cbit_cache_t *cache, uint64_t tag)
{
    uint32_t set = cbit_cache_set(cache, cbit_cache_tag_spa(tag));
    for (uint32_t line = set; line < set + cache->ways; line++) {
        if (cache->tags[line] == tag) {
            return line;
        }
    }
    return NO_LINE;
}

cbit_mshr_t *cbit_cache_find_mshr(const cbit_cache_t *cache, uint64_t tag); /* or NULL */

/* The newest write-back of a line that memory has not taken yet, or NULL. */
cbit_victim_t *cbit_cache_find_victim(const cbit_cache_t *cache, uint64_t tag);

/* Moves a dirty line to a write-back buffer, of which one must be free, and empties its place. */
void cbit_cache_evict(cbit_cache_t *cache, uint32_t line);
static inline bool cbit_cache_victim_free(const cbit_cache_t *cache)
{
    return cache->victims_busy < cache->mshr_count;
}
void cbit_cache_victim_take_back(cbit_cache_t *cache, cbit_victim_t *victim); /* not sent yet */
void cbit_cache_send_victims(cbit_cache_t *cache);

/* Port, in access.c. */
bool cbit_cache_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter);
bool cbit_cache_quick(void *self, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                      void *bytes, uint32_t len_bytes, uint32_t *clocks);
void cbit_cache_send_fills(void *self);
void cbit_cache_answer_hits(void *self);

/* Something became free: flushes go on, then all who wait try again. */
void cbit_cache_released(cbit_cache_t *cache);
void cbit_cache_continue_flushes(cbit_cache_t *cache);

#endif
