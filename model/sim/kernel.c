#include "cbit/sim/kernel.h"

#include <stdlib.h>

#include "model/sim/heap.h"

struct cbit_kernel {
    cbit_ps_t now_ps;
    uint64_t sequence;
    bool stopping;
    cbit_heap_t heap;
    cbit_event_t *delta_head, *delta_tail; /* fire before time may advance */
};

enum { PLACE_DELTA = INT32_MAX };

cbit_kernel_t *cbit_kernel_create(cbit_kernel_queue_t queue)
{
    (void)queue;
    return calloc(1, sizeof(cbit_kernel_t));
}

void cbit_kernel_destroy(cbit_kernel_t *kernel)
{
    if (kernel != NULL) {
        cbit_heap_free(&kernel->heap);
        free(kernel);
    }
}

cbit_ps_t cbit_kernel_now_ps(const cbit_kernel_t *kernel)
{
    return kernel->now_ps;
}

void cbit_event_init(cbit_event_t *event, void (*fire)(void *self), void *self)
{
    *event = (cbit_event_t){.fire = fire, .self = self};
}

static void delta_unlink(cbit_kernel_t *kernel, cbit_event_t *event)
{
    *(event->prev != NULL ? &event->prev->next : &kernel->delta_head) = event->next;
    *(event->next != NULL ? &event->next->prev : &kernel->delta_tail) = event->prev;
    event->place = 0;
}

void cbit_event_cancel(cbit_kernel_t *kernel, cbit_event_t *event)
{
    if (event->place == PLACE_DELTA) {
        delta_unlink(kernel, event);
    } else if (event->place != 0) {
        cbit_heap_remove(&kernel->heap, event);
    }
}

void cbit_event_notify_at(cbit_kernel_t *kernel, cbit_event_t *event, cbit_ps_t at_ps)
{
    cbit_event_cancel(kernel, event);
    if (at_ps < kernel->now_ps) {
        __builtin_trap(); /* a block asked for the past: our bug */
    }
    event->at_ps = at_ps;
    event->sequence = kernel->sequence++;
    if (!cbit_heap_push(&kernel->heap, event)) {
        __builtin_trap();
    }
}

void cbit_event_notify_delta(cbit_kernel_t *kernel, cbit_event_t *event)
{
    cbit_event_cancel(kernel, event);
    event->at_ps = kernel->now_ps;
    event->sequence = kernel->sequence++;
    event->next = NULL;
    event->prev = kernel->delta_tail;
    *(kernel->delta_tail != NULL ? &kernel->delta_tail->next : &kernel->delta_head) = event;
    kernel->delta_tail = event;
    event->place = PLACE_DELTA;
}

/* The next event to fire: everything of this instant's current delta, then the next delta. */
static cbit_event_t *next_event(const cbit_kernel_t *kernel)
{
    cbit_event_t *top = cbit_heap_top(&kernel->heap);
    if (kernel->delta_head != NULL && (top == NULL || top->at_ps > kernel->now_ps)) {
        return kernel->delta_head;
    }
    return top;
}

uint64_t cbit_kernel_run(cbit_kernel_t *kernel, cbit_ps_t until_ps)
{
    uint64_t fired = 0;
    kernel->stopping = false;
    while (!kernel->stopping) {
        cbit_event_t *event = next_event(kernel);
        if (event == NULL || event->at_ps > until_ps) {
            if (until_ps != CBIT_PS_NEVER && until_ps > kernel->now_ps) {
                kernel->now_ps = until_ps;
            }
            break;
        }
        kernel->now_ps = event->at_ps;
        cbit_event_cancel(kernel, event);
        event->fire(event->self);
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
    const cbit_event_t *event = next_event(kernel);
    return event == NULL ? CBIT_PS_NEVER : event->at_ps;
}
