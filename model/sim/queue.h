/* Where the kernel keeps events, and their order. Private to model/sim. */
#ifndef CBIT_MODEL_SIM_QUEUE_H
#define CBIT_MODEL_SIM_QUEUE_H

#include <stddef.h>

#include "cbit/sim/kernel.h"

/* cbit_event_t.place: 0 is nowhere, less than these an index into the heap, plus 1. */
enum {
    CBIT_PLACE_WHEEL = 1 << 30,
    CBIT_PLACE_DELTA, /* this delta or the next */
    CBIT_PLACE_NEAR,  /* plus the slot */
};

/* The kernel's order: earlier time first, then order of scheduling. */
static inline bool cbit_event_before(const cbit_event_t *a, const cbit_event_t *b)
{
    return a->at_ps != b->at_ps ? a->at_ps < b->at_ps : a->sequence < b->sequence;
}

/*
 * A doubly linked list of events: cancelling never searches. What nobody needs is left as it was,
 * since the fast paths pay for every store: `tail` while the list is empty, `prev` of the head.
 */
typedef struct cbit_event_list {
    cbit_event_t *head, *tail;
} cbit_event_list_t;

/* No branch: whether a list is empty is a coin toss for the timing wheel's. */
static inline void cbit_event_list_append(cbit_event_list_t *list, cbit_event_t *event)
{
    cbit_event_t *tail = list->tail;
    cbit_event_t **link = &list->head;
    event->prev = tail;
    event->next = NULL;
    if (__builtin_expect_with_probability(*link != NULL, 1, 0.5)) {
        link = &tail->next;
    }
    *link = event;
    list->tail = event;
}

/* Whether event is its head or its tail. */
static inline bool cbit_event_list_ends_with(const cbit_event_list_t *list,
                                             const cbit_event_t *event)
{
    return list->head != NULL && (list->head == event || list->tail == event);
}

/* From the middle of a list it goes with any list. */
static inline void cbit_event_list_unlink(cbit_event_list_t *list, const cbit_event_t *event)
{
    cbit_event_t *next = event->next;
    *(event == list->head ? &list->head : &event->prev->next) = next;
    *(next == NULL ? &list->tail : &next->prev) = event->prev;
}

#endif
