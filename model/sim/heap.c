#include "model/sim/heap.h"

#include <stdlib.h>

void cbit_heap_free(cbit_heap_t *heap)
{
    free(heap->items);
}

static void put(cbit_heap_t *heap, size_t i, cbit_event_t *event)
{
    heap->items[i] = event;
    event->place = (uint32_t)(i + 1);
}

static void sift_up(cbit_heap_t *heap, size_t i, cbit_event_t *event)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (!cbit_event_before(event, heap->items[parent])) {
            break;
        }
        put(heap, i, heap->items[parent]);
        i = parent;
    }
    put(heap, i, event);
}

static void sift_down(cbit_heap_t *heap, size_t i, cbit_event_t *event)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count &&
            cbit_event_before(heap->items[child + 1], heap->items[child])) {
            child++;
        }
        if (!cbit_event_before(heap->items[child], event)) {
            break;
        }
        put(heap, i, heap->items[child]);
        i = child;
    }
    put(heap, i, event);
}

bool cbit_heap_push(cbit_heap_t *heap, cbit_event_t *event)
{
    if (heap->count == heap->capacity) {
        size_t capacity = heap->capacity == 0 ? 64 : 2 * heap->capacity;
        cbit_event_t **grown = realloc(heap->items, capacity * sizeof(cbit_event_t *));
        if (grown == NULL) {
            return false;
        }
        heap->items = grown;
        heap->capacity = capacity;
    }
    sift_up(heap, heap->count++, event);
    return true;
}

void cbit_heap_remove(cbit_heap_t *heap, cbit_event_t *event)
{
    size_t i = event->place - 1;
    cbit_event_t *last = heap->items[--heap->count];
    event->place = 0;
    if (last == event) {
        return;
    }
    if (i > 0 && cbit_event_before(last, heap->items[(i - 1) / 2])) {
        sift_up(heap, i, last);
    } else {
        sift_down(heap, i, last);
    }
}

cbit_event_t *cbit_heap_top(const cbit_heap_t *heap)
{
    return heap->count == 0 ? NULL : heap->items[0];
}
