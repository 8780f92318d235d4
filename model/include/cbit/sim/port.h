/**
 * @file
 * The port: the only coupling between blocks.
 *
 * A target fills in a cbit_port_t; whoever sends keeps a copy. A send that is refused stays with
 * the sender, which registers to be told when there is room.
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

/* A sender waiting for room; intrusive, told once per registration. */
typedef struct cbit_waiter {
    void (*on_space)(void *self);
    void *self;
    struct cbit_waiter *next;
    bool queued;
} cbit_waiter_t;

typedef struct cbit_port {
    void *self;

    /* True: the target holds the request until it replies. False: full, and waiter (may be NULL)
       is told once when a retry is worth it. */
    bool (*try_send)(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter);

    /* Zero-time access through the same chain (caches, cipher, store), seen as that key id sees it;
       any length. Never disturbs timing or statistics. */
    cbit_err_t (*peek)(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes, uint32_t len_bytes);
    cbit_err_t (*poke)(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                       uint32_t len_bytes);

    /*
     * A request that the target can answer by itself at once (a cache hit) without an event: true,
     * the bytes (if not NULL) are moved and *clocks is what it takes in periods of the target's
     * clock. False: nothing has changed, send it. The sender may be ahead of the kernel's time as
     * long as no event is pending before the time that it acts for. NULL: never.
     */
    bool (*quick)(void *self, cbit_command_t command, cbit_spa_t spa, cbit_key_t key, void *bytes,
                  uint32_t len_bytes, uint32_t *clocks);

    /*
     * A request that will be here at at_ps, now or later: true, the target holds it and will take
     * it then. False: nothing has changed, send it when it is here. Such a target does not answer a
     * request with back_ps != 0 when it has the answer, but back_ps later, puts into entered_ps
     * when it had it, and answers by cbit_txn_return. NULL: never.
     */
    bool (*try_send_at)(void *self, cbit_txn_t *txn, cbit_ps_t at_ps);

    /* An access of that address will come: the target may have the host fetch what it will look at.
       Nothing that shows. NULL: nothing to fetch. */
    void (*hint)(void *self, cbit_spa_t spa);
} cbit_port_t;

/* A FIFO of waiters: the target's side. */
typedef struct cbit_waitlist {
    cbit_waiter_t *head, *tail;
} cbit_waitlist_t;

/* Registers (once; a waiter already queued stays where it is). */
void cbit_waitlist_add(cbit_waitlist_t *list, cbit_waiter_t *waiter);

/* Tells the oldest waiter; returns false when there is none. */
bool cbit_waitlist_wake_one(cbit_waitlist_t *list);

#ifdef __cplusplus
}
#endif
#endif
