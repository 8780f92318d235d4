#include "cbit/sim/kernel.h"

#include <stdlib.h>
#include <string.h>

#include "cbit/sim/signal.h"
#include "model/sim/timed.h"
#include "model/sim/update.h"

/*
 * One instant runs as: what waited for this time; then what was scheduled for it since; then, as
 * long as there is any, requested signal updates are applied and the events notified for the next
 * delta become current. What a delta schedules for this same time joins it at its end.
 */
#define FIRST_SEQUENCE (UINT64_C(1) << 32) /* behind all ranks */

struct cbit_kernel {
    struct cbit_kernel_head head; /* first: it is found in place */
    cbit_ps_t until_ps;           /* of the run that is going on */
    uint64_t fired;               /* in it, so far */
    uint64_t sequence;
    bool timed_due; /* an event that waits for a time may be due now; false: none is */
    bool attention; /* deltas, updates or a stop may wait; false: none does */
    bool stopping;
    cbit_timed_t timed;
    cbit_event_list_t this_delta, next_delta;
    cbit_signal_t *updates, **updates_end;
};

/* Touches no event: their owners may be gone already. */
void cbit_kernel_destroy(cbit_kernel_t *kernel)
{
    if (kernel != NULL) {
        cbit_timed_free(&kernel->timed);
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
    if (event->place == 0) {
        return;
    }
    if (event->place != CBIT_PLACE_DELTA) {
        cbit_timed_remove(&kernel->timed, event);
    } else if (cbit_event_list_ends_with(&kernel->this_delta, event)) {
        cbit_event_list_unlink(&kernel->this_delta, event);
    } else {
        cbit_event_list_unlink(&kernel->next_delta, event);
    }
    event->place = 0;
}

static inline void append_delta(cbit_kernel_t *kernel, cbit_event_list_t *delta,
                                cbit_event_t *event)
{
    cbit_event_list_append(delta, event);
    event->place = CBIT_PLACE_DELTA;
    kernel->attention = true;
}

static __attribute__((noinline)) void move_to(cbit_kernel_t *kernel, cbit_event_t *event,
                                              cbit_ps_t at_ps)
{
    cbit_event_cancel(kernel, event);
    cbit_event_notify_at(kernel, event, at_ps);
}

/* At the current time, or in the past: that is our bug. */
static __attribute__((noinline)) void notify_now(cbit_kernel_t *kernel, cbit_event_t *event,
                                                 cbit_ps_t at_ps)
{
    const cbit_ps_t now_ps = kernel->head.now_ps;
    if (at_ps < now_ps) {
        __builtin_trap();
    }
    event->at_ps = at_ps;
    if (!kernel->timed_due) {
        append_delta(kernel, &kernel->this_delta, event);
        return;
    }
    event->sequence = event->rank != 0 ? event->rank : kernel->sequence++;
    cbit_timed_push(&kernel->timed, event, now_ps, cbit_near_count);
}

static inline __attribute__((always_inline)) void
notify_at(cbit_kernel_t *kernel, cbit_event_t *event, cbit_ps_t at_ps, cbit_near_count_t *count)
{
    const cbit_ps_t now_ps = kernel->head.now_ps;
    if (event->place != 0) {
        move_to(kernel, event, at_ps);
    } else if (at_ps <= now_ps) {
        notify_now(kernel, event, at_ps);
    } else {
        event->at_ps = at_ps;
        event->sequence = event->rank != 0 ? event->rank : kernel->sequence++;
        cbit_timed_push(&kernel->timed, event, now_ps, count);
    }
}

static void notify_at_plain(cbit_kernel_t *kernel, cbit_event_t *event, cbit_ps_t at_ps)
{
    notify_at(kernel, event, at_ps, cbit_near_count);
}

#if defined(__x86_64__)
__attribute__((target("avx2,popcnt"))) static void
notify_at_avx2(cbit_kernel_t *kernel, cbit_event_t *event, cbit_ps_t at_ps)
{
    notify_at(kernel, event, at_ps, cbit_near_count_avx2);
}
#endif

static void set_notify_at(cbit_kernel_t *kernel, cbit_kernel_queue_t queue)
{
    kernel->head.notify_at = notify_at_plain;
#if defined(__x86_64__)
    if (queue == CBIT_KERNEL_WHEEL && __builtin_cpu_supports("avx2") &&
        __builtin_cpu_supports("popcnt")) {
        kernel->head.notify_at = notify_at_avx2;
    }
#else
    (void)queue;
#endif
}

cbit_kernel_t *cbit_kernel_create(cbit_kernel_queue_t queue)
{
    cbit_kernel_t *kernel = aligned_alloc(_Alignof(cbit_kernel_t), sizeof *kernel);
    if (kernel == NULL) {
        return NULL;
    }
    memset(kernel, 0, sizeof *kernel);
    kernel->updates_end = &kernel->updates;
    kernel->sequence = FIRST_SEQUENCE;
    set_notify_at(kernel, queue);
    if (!cbit_timed_init(&kernel->timed, queue)) {
        free(kernel);
        return NULL;
    }
    return kernel;
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
    event->at_ps = kernel->head.now_ps;
    append_delta(kernel, &kernel->next_delta, event);
}

void cbit_kernel_request_update(cbit_kernel_t *kernel, cbit_signal_t *signal)
{
    signal->next_update = NULL;
    *kernel->updates_end = signal;
    kernel->updates_end = &signal->next_update;
    kernel->attention = true;
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

static inline bool instant_goes_on(const cbit_kernel_t *kernel)
{
    return kernel->this_delta.head != NULL || kernel->next_delta.head != NULL ||
           kernel->updates != NULL;
}

/*
 * What is left of this instant, what joins it on the way included, until it is over, the run is
 * stopped or an event goes on at a later time. Returns the number fired.
 */
static uint64_t finish_instant(cbit_kernel_t *kernel)
{
    uint64_t fired = 0;
    while (!kernel->stopping && !kernel->timed_due) {
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
static bool deltas_are_next(cbit_kernel_t *kernel)
{
    const cbit_ps_t now_ps = kernel->head.now_ps;
    return instant_goes_on(kernel) &&
           (!kernel->timed_due || cbit_timed_next_ps(&kernel->timed, now_ps) != now_ps);
}

/* Of a kernel that wants attention. False: the run is stopped. */
static __attribute__((noinline)) bool attend(cbit_kernel_t *kernel)
{
    while (!kernel->stopping && deltas_are_next(kernel)) {
        kernel->timed_due = false;
        kernel->fired += finish_instant(kernel);
    }
    kernel->attention = instant_goes_on(kernel);
    return !kernel->stopping;
}

/* The first that waits for a time is due, which it now is; NULL: it is later than until_ps, or
   there is none. */
static inline cbit_event_t *take_timed(cbit_kernel_t *kernel, cbit_ps_t until_ps)
{
    cbit_near_t *near = &kernel->timed.near;
    if (near->count == 0 && !cbit_timed_refill(&kernel->timed, kernel->head.now_ps)) {
        return NULL;
    }
    const cbit_ps_t at_ps = near->first_ps;
    if (at_ps > until_ps) {
        return NULL;
    }
    cbit_event_t *event = cbit_near_take(near);
    kernel->head.now_ps = at_ps;
    kernel->timed_due = true;
    event->place = 0;
    if (near->count == 0) { /* while others have something else to wait for */
        (void)cbit_timed_refill(&kernel->timed, at_ps);
    }
    return event;
}

uint64_t cbit_kernel_run(cbit_kernel_t *kernel, cbit_ps_t until_ps)
{
    kernel->fired = 0;
    kernel->stopping = false;
    kernel->until_ps = until_ps;
    if (until_ps < kernel->head.now_ps) {
        return 0;
    }
    while (!kernel->attention || attend(kernel)) {
        cbit_event_t *event = take_timed(kernel, until_ps);
        if (event == NULL) {
            kernel->timed_due = false;
            kernel->head.now_ps = until_ps != CBIT_PS_NEVER ? until_ps : kernel->head.now_ps;
            break;
        }
        kernel->fired++;
        event->fire(event->self);
    }
    return kernel->fired;
}

void cbit_kernel_stop(cbit_kernel_t *kernel)
{
    kernel->stopping = true;
    kernel->attention = true;
}

cbit_ps_t cbit_kernel_next_ps(cbit_kernel_t *kernel)
{
    const cbit_ps_t now_ps = kernel->head.now_ps;
    return kernel->attention && instant_goes_on(kernel)
               ? now_ps
               : cbit_timed_next_ps(&kernel->timed, now_ps);
}

static __attribute__((noinline)) cbit_ps_t quiet_with_care_ps(cbit_kernel_t *kernel)
{
    const cbit_ps_t next_ps = cbit_kernel_next_ps(kernel);
    return kernel->stopping ? 0 : kernel->until_ps < next_ps ? kernel->until_ps + 1 : next_ps;
}

cbit_ps_t cbit_kernel_quiet_ps(cbit_kernel_t *kernel)
{
    const cbit_near_t *near = &kernel->timed.near;
    if (kernel->attention || near->count == 0) { /* a stop, among others */
        return quiet_with_care_ps(kernel);
    }
    const cbit_ps_t next_ps = near->first_ps;
    return kernel->until_ps < next_ps ? kernel->until_ps + 1 : next_ps;
}

void cbit_kernel_go_on_at(cbit_kernel_t *kernel, cbit_ps_t at_ps)
{
    kernel->timed_due = kernel->timed_due || at_ps > kernel->head.now_ps; /* as fire_timed does */
    kernel->head.now_ps = at_ps;
}
