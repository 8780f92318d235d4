/**
 * @file
 * The port: the only coupling between blocks.
 *
 * The target fills in a cbit_port_t, and the sender keeps a copy. A refused request stays with the
 * sender, which registers a waiter to be called when there is room.
 */
#ifndef CBIT_SIM_PORT_H
#define CBIT_SIM_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/sim/txn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A sender that waits for room. Intrusive; on_space is called once per registration. */
typedef struct cbit_waiter {
    void (*on_space)(void *self);
    void *self;
    struct cbit_waiter *next;
    bool queued;
} cbit_waiter_t;

typedef struct cbit_port {
    void *self;

    /* True: the target holds the request until it replies. False: the target is full, and calls
       waiter's on_space (waiter may be NULL) once when a retry makes sense. */
    bool (*try_send)(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter);

    /* Zero-time access through the same chain (caches, cipher, store), of any length. It sees what
       that key id sees, and never changes timing or statistics. */
    cbit_err_t (*peek)(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes, uint32_t len_bytes);
    cbit_err_t (*poke)(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                       uint32_t len_bytes);

    /*
     * For a request that the target can answer by itself (a cache hit), without an event. True: the
     * bytes (if not NULL) have been moved, and *clocks is the latency in periods of the target's
     * clock. False: nothing has changed, and the request must be sent. The sender may be ahead of
     * the kernel's time, as long as no event is pending before the time for which it acts. NULL:
     * the target never does this.
     */
    bool (*quick)(void *self, cbit_command_t command, cbit_spa_t spa, cbit_key_t key, void *bytes,
                  uint32_t len_bytes, uint32_t *clocks);

    /*
     * For a request that will arrive at at_ps, now or later. True: the target holds it and will
     * accept it then. False: nothing has changed, and the request must be sent when it arrives. If
     * such a request has back_ps != 0, the target answers it back_ps after it has the answer: it
     * stores in entered_ps when it had the answer, and calls cbit_txn_return. NULL: the target
     * never does this.
     */
    bool (*try_send_at)(void *self, cbit_txn_t *txn, cbit_ps_t at_ps);

    /* Announces an access to that address, so that the target may prefetch on the host what it will
       look at. No visible effect. NULL: nothing to prefetch. */
    void (*hint)(void *self, cbit_spa_t spa);
} cbit_port_t;

/* A FIFO of waiters: the target's side. */
typedef struct cbit_waitlist {
    cbit_waiter_t *head, *tail;
} cbit_waitlist_t;

/* Registers (once; a waiter already queued stays where it is). */
void cbit_waitlist_add(cbit_waitlist_t *list, cbit_waiter_t *waiter);

/* Calls the oldest waiter; returns false if there is none. */
bool cbit_waitlist_wake_one(cbit_waitlist_t *list);

#ifdef __cplusplus
}
#endif
#endif
