/**
 * @file
 * The event kernel: one deterministic order of everything that happens.
 *
 * Events are intrusive (no allocation per notification) and fire once per notification. Order at
 * one instant is fixed: (time, delta, rank, order of scheduling). Nobody is called every cycle: a
 * block asks to be woken when it can next make progress.
 */
#ifndef CBIT_SIM_KERNEL_H
#define CBIT_SIM_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/sim/time.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_kernel cbit_kernel_t; /* opaque */

/* The owner embeds this and touches it only through the functions below. */
typedef struct cbit_event {
    void (*fire)(void *self);
    void *self;
    cbit_ps_t at_ps;   /* meaningful while pending */
    uint64_t sequence; /* its rank, or order of scheduling */
    uint32_t place;    /* 0: not pending; otherwise where the queue keeps it */
    uint32_t rank;     /* 0: none */
    struct cbit_event *next, *prev;
} cbit_event_t;

/* Which data structure holds pending events; results never depend on it. */
typedef enum cbit_kernel_queue {
    CBIT_KERNEL_WHEEL,       /* timing wheel with an overflow heap: the default */
    CBIT_KERNEL_HEAP,        /* binary heap: the oracle */
    CBIT_KERNEL_PLAIN_WHEEL, /* the wheel without vector instructions, whatever the host has */
} cbit_kernel_queue_t;

/* A kernel at time 0; NULL only when memory is out. */
cbit_kernel_t *cbit_kernel_create(cbit_kernel_queue_t queue);

/* NULL is allowed. Pending events never fire and are not touched, because their owners may be gone.
   An event that outlives its kernel must be initialised again before another kernel takes it. */
void cbit_kernel_destroy(cbit_kernel_t *kernel);

/* The first fields of every kernel, for the inline functions below. */
struct cbit_kernel_head {
    cbit_ps_t now_ps;
    void (*notify_at)(cbit_kernel_t *kernel, cbit_event_t *event, cbit_ps_t at_ps);
};

static inline cbit_ps_t cbit_kernel_now_ps(const cbit_kernel_t *kernel)
{
    return ((const struct cbit_kernel_head *)kernel)->now_ps;
}

void cbit_event_init(cbit_event_t *event, void (*fire)(void *self), void *self);

/*
 * At any time, events with a rank fire before all events without one, and lower ranks before higher
 * ones, whenever they were notified. This is for a block that may be woken late, or not at all,
 * without any visible difference. Ranks are unique in a kernel and begin at 1. Call this before the
 * event is first notified.
 */
void cbit_event_set_rank(cbit_event_t *event, uint32_t rank);

/*
 * Notifies at at_ps, which must not be in the past. If that is the current time, the event fires in
 * this instant, after everything that is already scheduled for it. A pending event is moved.
 */
static inline void cbit_event_notify_at(cbit_kernel_t *kernel, cbit_event_t *event, cbit_ps_t at_ps)
{
    ((const struct cbit_kernel_head *)kernel)->notify_at(kernel, event, at_ps);
}

/* Notifies in the next delta of the current instant. A pending event is moved. */
void cbit_event_notify_delta(cbit_kernel_t *kernel, cbit_event_t *event);

/* Cancels a pending notification in O(1) or O(log n). Does nothing if none is pending. */
void cbit_event_cancel(cbit_kernel_t *kernel, cbit_event_t *event);

static inline bool cbit_event_pending(const cbit_event_t *event)
{
    return event->place != 0;
}

/*
 * Fires events in order until none is pending, the next one is later than until_ps, or stop was
 * called. Returns the number fired. Afterwards now is the time of the last event fired (or until_ps
 * if that is not CBIT_PS_NEVER and nothing earlier is pending).
 */
uint64_t cbit_kernel_run(cbit_kernel_t *kernel, cbit_ps_t until_ps);

/* Makes run return after the current event. */
void cbit_kernel_stop(cbit_kernel_t *kernel);

/* When the next event fires; CBIT_PS_NEVER if none is pending. */
cbit_ps_t cbit_kernel_next_ps(cbit_kernel_t *kernel);

/*
 * Only from inside a firing event: nothing happens in this run from now until before the returned
 * time, unless the event itself notifies it. 0: unknown (the run is being stopped).
 */
cbit_ps_t cbit_kernel_quiet_ps(cbit_kernel_t *kernel);

/*
 * Lets a firing event continue in place instead of notifying itself for at_ps as its last act: the
 * time becomes at_ps. at_ps must not be in the past, and must lie before cbit_kernel_quiet_ps.
 */
void cbit_kernel_go_on_at(cbit_kernel_t *kernel, cbit_ps_t at_ps);

#ifdef __cplusplus
}
#endif
#endif
