/* Links, ports and paths: the state of a fabric. Private to model/fabric. */
#ifndef CBIT_MODEL_FABRIC_WAY_H
#define CBIT_MODEL_FABRIC_WAY_H

#include "cbit/fabric/fabric.h"
#include "model/fabric/interleave.h"

/* Of those that their controller has been given before they are there, in one link (more go the
   other way); and how few of them may be there already without being looked for. */
enum { CBIT_AHEAD_ENTRIES = 64, CBIT_AHEAD_FEW = 20 };

/* One direction between an entry and a channel: delivers in order, a fixed time after entry. */
typedef struct cbit_link {
    cbit_ps_t latency_ps;
    cbit_txn_t *head, *tail;
    cbit_kernel_t *kernel;
    cbit_event_t arrival; /* of the head */
} cbit_link_t;

/* One direction of a port: busy while data pass. */
typedef struct cbit_lane {
    uint32_t width_bytes; /* a clock; 0: no limit */
    cbit_ps_t free_ps, busy_ps;
} cbit_lane_t;

/* When one given ahead comes into the link, and is there. */
typedef struct cbit_ahead {
    cbit_ps_t out_ps, there_ps;
} cbit_ahead_t;

/* From one entry to one channel. */
typedef struct cbit_path {
    /* What each request given ahead and its answer look at, in one host line. */
    _Alignas(64) void *memory; /* the controller, and its try_send_at */
    bool (*try_send_at)(void *self, cbit_txn_t *txn, cbit_ps_t at_ps);
    uint64_t requests; /* given to it, or in the link */
    cbit_returns_t returns;
    uint32_t back_ps; /* how late the controller answers; 0: when it has the answer */
    uint32_t ahead_count;
    uint32_t straight_until; /* with fewer ahead, nothing is in the way of one more, nor of its
                                answer; 0: something may be at any time */
    uint32_t held;           /* in the link there */
    cbit_link_t request;
    cbit_ahead_t ahead[1 + CBIT_AHEAD_ENTRIES]; /* in the order in which they come into the link,
                                                   behind one that was there before all of them */
    uint32_t forget_at; /* with so many in the link, those ahead that are there are forgotten */
    bool straight;      /* back: no answer waits for another */
    struct cbit_entry *entry;
    cbit_link_t reply;
    uint32_t channel, hops;
    bool remote;
    cbit_lane_t *there, *back; /* the ways between the sockets, if remote */
    cbit_waiter_t waiter;      /* ours at the controller */
    cbit_waitlist_t senders;   /* theirs here */
} cbit_path_t;

typedef struct cbit_entry {
    cbit_fabric_t *fabric;
    cbit_lane_t in, out;
    cbit_link_t late; /* answers that are here and wait for the port */
    cbit_path_t paths[CBIT_FABRIC_MAX_CHANNELS];
} cbit_entry_t;

struct cbit_fabric {
    cbit_kernel_t *kernel;
    uint64_t memory_bytes;
    cbit_interleave_t map;
    cbit_fabric_config_t config;
    cbit_fabric_stats_t stats; /* what the paths do not count */
    cbit_link_t nowhere;       /* answers to addresses that no memory is behind */
    cbit_port_t memory[CBIT_FABRIC_MAX_CHANNELS];
    cbit_clock_t clock;
    cbit_lane_t between[2]; /* to the second socket, to the first one */
    uint32_t quadrants;
    cbit_entry_t *entries[CBIT_FABRIC_MAX_ENTRIES]; /* NULL: nobody has asked for its port */
};

static inline bool cbit_fabric_inside(const cbit_fabric_t *fabric, cbit_spa_t spa,
                                      uint64_t len_bytes)
{
    return spa < fabric->memory_bytes && len_bytes <= fabric->memory_bytes - spa;
}

/* A link whose head calls fire when it is there. */
void cbit_link_init(cbit_link_t *link, cbit_kernel_t *kernel, cbit_ps_t latency_ps,
                    void (*fire)(void *self), void *self);

/* The path of an entry, which stands in quadrant `from`, to a channel. */
void cbit_path_init(cbit_entry_t *entry, cbit_path_t *path, uint32_t from, uint32_t channel);

/* The channel's controller is, or has become, that. */
void cbit_path_bind(cbit_path_t *path, const cbit_port_t *memory);

/* Events: an answer that has waited for its port leaves; one from no memory is back (self: entry,
   fabric). */
void cbit_fabric_on_late(void *self);
void cbit_fabric_on_nowhere(void *self);

/* The port of an entry (self), as cbit/sim/port.h says. */
bool cbit_fabric_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter);
bool cbit_fabric_try_send_at(void *self, cbit_txn_t *txn, cbit_ps_t at_ps);

#endif
