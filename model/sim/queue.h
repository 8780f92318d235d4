/* Where the kernel keeps events, and their order. Private to model/sim. */
#ifndef CBIT_MODEL_SIM_QUEUE_H
#define CBIT_MODEL_SIM_QUEUE_H

#include <stddef.h>

#include "cbit/sim/kernel.h"

/* cbit_event_t.place: 0 is nowhere, these are lists, all else is an index into the heap, plus 1. */
enum {
    CBIT_PLACE_DELTA_ODD = INT32_MAX,
    CBIT_PLACE_DELTA_EVEN = INT32_MAX - 1,
    CBIT_PLACE_FRONT = INT32_MAX - 2,
    CBIT_PLACE_WHEEL = INT32_MAX - 3,
};

/* The kernel's order: earlier time first, then order of scheduling. */
static inline bool cbit_event_before(const cbit_event_t *a, const cbit_event_t *b)
{
    return a->at_ps != b->at_ps ? a->at_ps < b->at_ps : a->sequence < b->sequence;
}

/* A doubly linked list of events: cancelling never searches. */
typedef struct cbit_event_list {
    cbit_event_t *head, *tail;
} cbit_event_list_t;

static inline void cbit_event_list_unlink(cbit_event_list_t *list, cbit_event_t *event)
{
    *(event->prev != NULL ? &event->prev->next : &list->head) = event->next;
    *(event->next != NULL ? &event->next->prev : &list->tail) = event->prev;
}

/* Links event in behind `after`; NULL: at the head. */
static inline void cbit_event_list_insert(cbit_event_list_t *list, cbit_event_t *after,
                                          cbit_event_t *event)
{
    event->prev = after;
    event->next = after != NULL ? after->next : list->head;
    *(after != NULL ? &after->next : &list->head) = event;
    *(event->next != NULL ? &event->next->prev : &list->tail) = event;
}

#endif
