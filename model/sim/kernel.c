#include "cbit/sim/kernel.h"

#include <stdlib.h>

#include "cbit/sim/signal.h"
#include "model/sim/heap.h"
#include "model/sim/update.h"
#include "model/sim/wheel.h"

/*
 * One instant runs as: what waited for this time; then what was scheduled for it since; then, as
 * long as there is any, requested signal updates are applied and the events notified for the next
 * delta become current. What a delta schedules for this same time joins it at its end.
 */
#define FIRST_SEQUENCE (UINT64_C(1) << 32) /* behind all ranks */

struct cbit_kernel {
    struct cbit_kernel_clock clock; /* first: it is read in place */
    cbit_ps_t until_ps;             /* of the run that is going on */
    uint64_t sequence;
    bool stopping;
    bool timed_due; /* an event of wheel or heap may be due now; false: none is */
    cbit_event_list_t this_delta, next_delta;
    cbit_signal_t *updates, **updates_end;
    cbit_event_t *front; /* the first that waits for a time; NULL: to be taken out of these */
    cbit_wheel_t *wheel; /* NULL: heap only */
    cbit_heap_t heap;
};

cbit_kernel_t *cbit_kernel_create(cbit_kernel_queue_t queue)
{
    cbit_kernel_t *kernel = calloc(1, sizeof *kernel);
    if (kernel == NULL) {
        return NULL;
    }
    kernel->updates_end = &kernel->updates;
    kernel->sequence = FIRST_SEQUENCE;
    if (queue == CBIT_KERNEL_WHEEL) {
        kernel->wheel = calloc(1, sizeof *kernel->wheel);
        if (kernel->wheel == NULL) {
            free(kernel);
            return NULL;
        }
    }
    return kernel;
}

/* Touches no event: their owners may be gone already. */
void cbit_kernel_destroy(cbit_kernel_t *kernel)
{
    if (kernel != NULL) {
        cbit_heap_free(&kernel->heap);
        free(kernel->wheel);
        free(kernel);
    }
}

void cbit_event_init(cbit_event_t *event, void (*fire)(void *self), void *self)
{
    *event = (cbit_event_t){.fire = fire, .self = self};
}

void cbit_event_set_rank(cbit_event_t *event, uint32_t rank)
{
    event->rank = rank;
}

/* Takes the earliest of wheel and heap out; NULL: they are empty. */
static inline cbit_event_t *take_earliest(cbit_kernel_t *kernel)
{
    cbit_event_t *far = kernel->heap.count == 0 ? NULL : cbit_heap_top(&kernel->heap);
    cbit_event_t *near =
        kernel->wheel == NULL ? NULL : cbit_wheel_first(kernel->wheel, kernel->clock.now_ps);
    if (near != NULL && (far == NULL || cbit_event_before(near, far))) {
        cbit_wheel_pop(kernel->wheel, near);
        return near;
    }
    if (far != NULL) {
        cbit_heap_remove(&kernel->heap, far);
    }
    return far;
}

static inline void set_front(cbit_kernel_t *kernel, cbit_event_t *event)
{
    kernel->front = event;
    event->place = CBIT_PLACE_FRONT;
}

/* Another one takes the place of the first. */
static inline void refill_front(cbit_kernel_t *kernel)
{
    kernel->front = take_earliest(kernel);
    if (kernel->front != NULL) {
        kernel->front->place = CBIT_PLACE_FRONT;
    }
}

/* The first of all that wait for a time; NULL: none does. */
static inline cbit_event_t *front_event(cbit_kernel_t *kernel)
{
    if (kernel->front == NULL) {
        refill_front(kernel);
    }
    return kernel->front;
}

void cbit_event_cancel(cbit_kernel_t *kernel, cbit_event_t *event)
{
    switch (event->place) {
    case 0:
        return;
    case CBIT_PLACE_DELTA:
        cbit_event_list_unlink(cbit_event_list_ends_with(&kernel->this_delta, event)
                                   ? &kernel->this_delta
                                   : &kernel->next_delta,
                               event);
        break;
    case CBIT_PLACE_FRONT:
        kernel->front = NULL; /* and no other is touched: its owner may be gone already */
        break;
    case CBIT_PLACE_WHEEL:
        cbit_wheel_remove(kernel->wheel, event);
        break;
    default:
        cbit_heap_remove(&kernel->heap, event);
        break;
    }
    event->place = 0;
}

static void push_behind_front(cbit_kernel_t *kernel, cbit_event_t *event)
{
    if (kernel->wheel != NULL && cbit_wheel_reaches(kernel->clock.now_ps, event->at_ps)) {
        cbit_wheel_push(kernel->wheel, event);
    } else if (!cbit_heap_push(&kernel->heap, event)) {
        __builtin_trap(); /* out of memory with no way to say so: a lost event would be worse */
    }
}

static inline void push_timed(cbit_kernel_t *kernel, cbit_event_t *event)
{
    cbit_event_t *front = front_event(kernel);
    if (front == NULL) {
        set_front(kernel, event);
    } else if (cbit_event_before(event, front)) {
        push_behind_front(kernel, front);
        set_front(kernel, event);
    } else {
        push_behind_front(kernel, event);
    }
}

static inline void append_delta(cbit_event_list_t *delta, cbit_event_t *event)
{
    cbit_event_list_append(delta, event);
    event->place = CBIT_PLACE_DELTA;
}

void cbit_event_notify_at(cbit_kernel_t *kernel, cbit_event_t *event, cbit_ps_t at_ps)
{
    if (event->place != 0) {
        cbit_event_cancel(kernel, event);
    }
    if (at_ps < kernel->clock.now_ps) {
        __builtin_trap(); /* a block asked for the past: our bug */
    }
    event->at_ps = at_ps;
    if (at_ps == kernel->clock.now_ps && !kernel->timed_due) {
        append_delta(&kernel->this_delta, event);
    } else {
        event->sequence = event->rank != 0 ? event->rank : kernel->sequence++;
        push_timed(kernel, event);
    }
}

static __attribute__((noinline)) void move_to_delta(cbit_kernel_t *kernel, cbit_event_t *event)
{
    cbit_event_cancel(kernel, event);
    cbit_event_notify_delta(kernel, event);
}

void cbit_event_notify_delta(cbit_kernel_t *kernel, cbit_event_t *event)
{
    if (event->place != 0) {
        move_to_delta(kernel, event);
        return;
    }
    event->at_ps = kernel->clock.now_ps;
    append_delta(&kernel->next_delta, event);
}

void cbit_kernel_request_update(cbit_kernel_t *kernel, cbit_signal_t *signal)
{
    signal->next_update = NULL;
    *kernel->updates_end = signal;
    kernel->updates_end = &signal->next_update;
}

static void update_signals(cbit_kernel_t *kernel)
{
    cbit_signal_t *signal = kernel->updates;
    kernel->updates = NULL;
    kernel->updates_end = &kernel->updates;
    while (signal != NULL) {
        cbit_signal_t *next = signal->next_update;
        cbit_signal_update(signal); /* may notify for the coming delta, requests no update */
        signal = next;
    }
}

/* This delta is over: updates signals and lets the next begin. NULL: it has nobody. */
static inline cbit_event_t *start_next_delta(cbit_kernel_t *kernel)
{
    if (kernel->updates != NULL) {
        update_signals(kernel);
    }
    cbit_event_t *first = kernel->next_delta.head;
    kernel->this_delta.tail = kernel->next_delta.tail;
    kernel->next_delta.head = NULL;
    return first;
}

/* Fires the first that waits for a time. */
static inline void fire_front(cbit_kernel_t *kernel, cbit_event_t *event)
{
    kernel->clock.now_ps = event->at_ps;
    kernel->timed_due = true;
    event->place = 0;
    refill_front(kernel);
    event->fire(event->self);
}

static inline bool instant_goes_on(const cbit_kernel_t *kernel)
{
    return kernel->this_delta.head != NULL || kernel->next_delta.head != NULL ||
           kernel->updates != NULL;
}

/*
 * What is left of this instant, what joins it on the way included, until it is over or the run is
 * stopped. Returns the number fired.
 */
static uint64_t finish_instant(cbit_kernel_t *kernel)
{
    uint64_t fired = 0;
    while (!kernel->stopping) {
        cbit_event_t *event = kernel->this_delta.head;
        if (event == NULL) {
            event = start_next_delta(kernel);
        }
        if (event == NULL) {
            break;
        }
        kernel->this_delta.head = event->next;
        event->place = 0;
        event->fire(event->self);
        fired++;
    }
    return fired;
}

/* Nothing that waits for a time is due before what is left of this instant. */
static inline bool deltas_are_next(cbit_kernel_t *kernel)
{
    if (!instant_goes_on(kernel)) {
        return false;
    }
    const cbit_event_t *front = kernel->timed_due ? front_event(kernel) : NULL;
    return front == NULL || front->at_ps != kernel->clock.now_ps;
}

uint64_t cbit_kernel_run(cbit_kernel_t *kernel, cbit_ps_t until_ps)
{
    uint64_t fired = 0;
    kernel->stopping = false;
    kernel->until_ps = until_ps;
    if (until_ps < kernel->clock.now_ps) {
        return 0;
    }
    while (!kernel->stopping) {
        if (deltas_are_next(kernel)) {
            kernel->timed_due = false;
            fired += finish_instant(kernel);
            if (kernel->stopping) {
                break;
            }
        }
        cbit_event_t *front = front_event(kernel);
        if (front == NULL || front->at_ps > until_ps) {
            kernel->timed_due = false;
            kernel->clock.now_ps = until_ps != CBIT_PS_NEVER ? until_ps : kernel->clock.now_ps;
            break;
        }
        fire_front(kernel, front);
        fired++;
    }
    return fired;
}

void cbit_kernel_stop(cbit_kernel_t *kernel)
{
    kernel->stopping = true;
}

cbit_ps_t cbit_kernel_next_ps(cbit_kernel_t *kernel)
{
    if (instant_goes_on(kernel)) {
        return kernel->clock.now_ps;
    }
    const cbit_event_t *front = front_event(kernel);
    return front == NULL ? CBIT_PS_NEVER : front->at_ps;
}

bool cbit_kernel_skip_to(cbit_kernel_t *kernel, cbit_ps_t at_ps)
{
    if (kernel->stopping || at_ps > kernel->until_ps || cbit_kernel_next_ps(kernel) <= at_ps) {
        return false;
    }
    kernel->timed_due = kernel->timed_due || at_ps > kernel->clock.now_ps; /* as fire_front does */
    kernel->clock.now_ps = at_ps;
    return true;
}
