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
    bool timed_due;             /* an event of wheel or heap may be due now; false: none is */
    cbit_event_list_t delta[2]; /* this delta and the next, by turns */
    uint32_t turn;              /* which of the two is this delta */
    cbit_signal_t *updates, **updates_end;
    cbit_event_t *front; /* if set, before everything in wheel and heap */
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

void cbit_event_cancel(cbit_kernel_t *kernel, cbit_event_t *event)
{
    switch (event->place) {
    case 0:
        return;
    case CBIT_PLACE_DELTA_EVEN:
        cbit_event_list_unlink(&kernel->delta[0], event);
        break;
    case CBIT_PLACE_DELTA_ODD:
        cbit_event_list_unlink(&kernel->delta[1], event);
        break;
    case CBIT_PLACE_FRONT:
        kernel->front = NULL;
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

static void push_timed(cbit_kernel_t *kernel, cbit_event_t *event)
{
    cbit_event_t *front = kernel->front;
    if (kernel->wheel == NULL) {
        push_behind_front(kernel, event);
    } else if (front == NULL && kernel->wheel->summary == 0 && kernel->heap.count == 0) {
        kernel->front = event;
        event->place = CBIT_PLACE_FRONT;
    } else if (front != NULL && cbit_event_before(event, front)) {
        push_behind_front(kernel, front);
        kernel->front = event;
        event->place = CBIT_PLACE_FRONT;
    } else {
        push_behind_front(kernel, event);
    }
}

static inline void append_delta(cbit_kernel_t *kernel, uint32_t turn, cbit_event_t *event)
{
    cbit_event_list_insert(&kernel->delta[turn], kernel->delta[turn].tail, event);
    event->place = turn == 0 ? CBIT_PLACE_DELTA_EVEN : CBIT_PLACE_DELTA_ODD;
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
        append_delta(kernel, kernel->turn, event);
    } else {
        event->sequence = event->rank != 0 ? event->rank : kernel->sequence++;
        push_timed(kernel, event);
    }
}

void cbit_event_notify_delta(cbit_kernel_t *kernel, cbit_event_t *event)
{
    if (event->place != 0) {
        cbit_event_cancel(kernel, event);
    }
    event->at_ps = kernel->clock.now_ps;
    append_delta(kernel, kernel->turn ^ 1, event);
}

void cbit_kernel_request_update(cbit_kernel_t *kernel, cbit_signal_t *signal)
{
    signal->next_update = NULL;
    *kernel->updates_end = signal;
    kernel->updates_end = &signal->next_update;
}

/* The earliest of those that wait for a time. */
static inline cbit_event_t *first_timed(const cbit_kernel_t *kernel)
{
    if (kernel->front != NULL) {
        return kernel->front;
    }
    cbit_event_t *far = kernel->heap.count == 0 ? NULL : cbit_heap_top(&kernel->heap);
    if (kernel->wheel == NULL) {
        return far;
    }
    cbit_event_t *near = cbit_wheel_first(kernel->wheel, kernel->clock.now_ps);
    if (near == NULL || far == NULL) {
        return near == NULL ? far : near;
    }
    return cbit_event_before(far, near) ? far : near;
}

/* Updates signals and lets the next delta begin; this one is over. */
static void start_next_delta(cbit_kernel_t *kernel)
{
    cbit_signal_t *signal = kernel->updates;
    kernel->updates = NULL;
    kernel->updates_end = &kernel->updates;
    while (signal != NULL) {
        cbit_signal_t *next = signal->next_update;
        cbit_signal_update(signal); /* may notify for the coming delta, requests no update */
        signal = next;
    }
    kernel->turn ^= 1;
}

/* Fires the rest of this delta, what joins it on the way included. */
static uint64_t fire_delta(cbit_kernel_t *kernel)
{
    cbit_event_list_t *list = &kernel->delta[kernel->turn];
    uint64_t fired = 0;
    while (list->head != NULL && !kernel->stopping) {
        cbit_event_t *event = list->head;
        cbit_event_list_unlink(list, event);
        event->place = 0;
        event->fire(event->self);
        fired++;
    }
    return fired;
}

/* Fires one event that waited for a time, the first of all. */
static inline void fire_timed(cbit_kernel_t *kernel, cbit_event_t *event)
{
    kernel->clock.now_ps = event->at_ps;
    kernel->timed_due = true;
    if (event->place == CBIT_PLACE_WHEEL) {
        cbit_wheel_pop(kernel->wheel, event);
    } else {
        cbit_event_cancel(kernel, event);
    }
    event->fire(event->self);
}

static inline bool instant_goes_on(const cbit_kernel_t *kernel)
{
    return kernel->delta[0].head != NULL || kernel->delta[1].head != NULL ||
           kernel->updates != NULL;
}

/* What is left of this instant, until it is over or the run is stopped. Returns the number fired.
 */
static uint64_t finish_instant(cbit_kernel_t *kernel)
{
    uint64_t fired = 0;
    while (!kernel->stopping) {
        if (kernel->delta[kernel->turn].head != NULL) {
            fired += fire_delta(kernel);
        } else if (kernel->updates != NULL || kernel->delta[kernel->turn ^ 1].head != NULL) {
            start_next_delta(kernel);
        } else {
            break;
        }
    }
    return fired;
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
        cbit_event_t *timed = first_timed(kernel);
        if (!kernel->timed_due || timed == NULL || timed->at_ps != kernel->clock.now_ps) {
            kernel->timed_due = false;
            if (instant_goes_on(kernel)) {
                fired += finish_instant(kernel);
                if (kernel->stopping) {
                    break;
                }
                timed = first_timed(kernel); /* they may have scheduled an earlier one */
            }
        }
        if (timed == NULL || timed->at_ps > until_ps) {
            kernel->clock.now_ps = until_ps != CBIT_PS_NEVER ? until_ps : kernel->clock.now_ps;
            break;
        }
        fire_timed(kernel, timed);
        fired++;
    }
    return fired;
}

void cbit_kernel_stop(cbit_kernel_t *kernel)
{
    kernel->stopping = true;
}

cbit_ps_t cbit_kernel_next_ps(const cbit_kernel_t *kernel)
{
    if (instant_goes_on(kernel)) {
        return kernel->clock.now_ps;
    }
    const cbit_event_t *event = first_timed(kernel);
    return event == NULL ? CBIT_PS_NEVER : event->at_ps;
}

bool cbit_kernel_skip_to(cbit_kernel_t *kernel, cbit_ps_t at_ps)
{
    if (kernel->stopping || at_ps > kernel->until_ps || cbit_kernel_next_ps(kernel) <= at_ps) {
        return false;
    }
    kernel->timed_due = kernel->timed_due || at_ps > kernel->clock.now_ps; /* as fire_timed does */
    kernel->clock.now_ps = at_ps;
    return true;
}
