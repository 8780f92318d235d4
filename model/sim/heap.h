/* Binary heap of events by (time, sequence); place is the index + 1. Private to model/sim. */
#ifndef CBIT_MODEL_SIM_HEAP_H
#define CBIT_MODEL_SIM_HEAP_H

#include "model/sim/queue.h"

typedef struct cbit_heap {
    cbit_event_t **items;
    size_t count, capacity;
} cbit_heap_t;

void cbit_heap_free(cbit_heap_t *heap);
bool cbit_heap_push(cbit_heap_t *heap, cbit_event_t *event); /* false: out of memory */
void cbit_heap_remove(cbit_heap_t *heap, cbit_event_t *event);
cbit_event_t *cbit_heap_top(const cbit_heap_t *heap); /* NULL when empty */

#endif
