#include "model/sim/timed.h"

#include <stdlib.h>

/* near.base_ps or beyond_ps has changed. */
static void set_near_ps(cbit_timed_t *timed)
{
    const cbit_ps_t until_ps = timed->beyond_ps - timed->near.base_ps;
    timed->near_ps = until_ps < CBIT_NEAR_SPAN_PS ? until_ps : CBIT_NEAR_SPAN_PS;
}

static void set_beyond(cbit_timed_t *timed, const cbit_event_t *first)
{
    timed->beyond_ps = first != NULL ? first->at_ps : CBIT_PS_NEVER;
    timed->beyond_sequence = first != NULL ? first->sequence : UINT64_MAX;
    set_near_ps(timed);
}

bool cbit_timed_init(cbit_timed_t *timed, cbit_kernel_queue_t queue)
{
    /* The heap is the oracle: it stands alone, but for the one event that fires next. */
    cbit_near_init(&timed->near, queue != CBIT_KERNEL_HEAP ? CBIT_NEAR_SLOTS : 1);
    set_beyond(timed, NULL);
    if (queue != CBIT_KERNEL_HEAP) {
        timed->wheel = calloc(1, sizeof *timed->wheel);
        return timed->wheel != NULL;
    }
    return true;
}

void cbit_timed_free(cbit_timed_t *timed)
{
    cbit_heap_free(&timed->heap);
    free(timed->wheel);
}

static bool fires_before_beyond(const cbit_timed_t *timed, const cbit_event_t *event)
{
    return event->at_ps != timed->beyond_ps ? event->at_ps < timed->beyond_ps
                                            : event->sequence < timed->beyond_sequence;
}

static inline void push_wheel_or_heap(cbit_timed_t *timed, cbit_event_t *event, cbit_ps_t now_ps)
{
    timed->beyond_count++;
    if (timed->wheel != NULL && cbit_wheel_reaches(now_ps, event->at_ps)) {
        cbit_wheel_push(timed->wheel, event);
    } else if (!cbit_heap_push(&timed->heap, event)) {
        __builtin_trap(); /* out of memory with no way to say so: a lost event would be worse */
    }
}

static void push_beyond(cbit_timed_t *timed, cbit_event_t *event, cbit_ps_t now_ps)
{
    push_wheel_or_heap(timed, event, now_ps);
    if (fires_before_beyond(timed, event)) {
        set_beyond(timed, event);
    }
}

/* The latest `count` of near go where all others are. */
static void evict(cbit_timed_t *timed, uint32_t count, cbit_ps_t now_ps)
{
    cbit_near_t *near = &timed->near;
    for (uint32_t i = 0; i < count; i++) {
        push_beyond(timed, cbit_near_last(near), now_ps);
        cbit_near_drop_last(near);
    }
}

void cbit_timed_push_slowly(cbit_timed_t *timed, cbit_event_t *event, cbit_ps_t now_ps)
{
    if (event->at_ps > timed->beyond_ps) { /* of many */
        push_wheel_or_heap(timed, event, now_ps);
        return;
    }
    cbit_near_t *near = &timed->near;
    if (event->at_ps - near->base_ps >= CBIT_NEAR_SPAN_PS &&
        now_ps - near->base_ps > CBIT_NEAR_SPAN_PS / 2) { /* also: the base is still to come */
        evict(timed, near->count, now_ps);
        near->base_ps = now_ps;
        set_near_ps(timed);
    }
    if (near->free == 0 && cbit_event_before(event, cbit_near_last(near))) {
        evict(timed, (near->count + 1) / 2, now_ps);
    }
    if (near->free != 0 && event->at_ps - near->base_ps < CBIT_NEAR_SPAN_PS &&
        fires_before_beyond(timed, event)) {
        cbit_near_insert(near, event, cbit_near_count);
    } else {
        push_beyond(timed, event, now_ps);
    }
}

/* The earliest of wheel and heap; NULL: they are empty. */
static cbit_event_t *earliest(cbit_timed_t *timed, cbit_ps_t now_ps)
{
    cbit_event_t *far = cbit_heap_top(&timed->heap);
    cbit_event_t *sooner = timed->wheel != NULL ? cbit_wheel_first(timed->wheel, now_ps) : NULL;
    return sooner == NULL || (far != NULL && cbit_event_before(far, sooner)) ? far : sooner;
}

static inline void take_beyond(cbit_timed_t *timed, cbit_event_t *event)
{
    timed->beyond_count--;
    if (event->place == CBIT_PLACE_WHEEL) {
        cbit_wheel_pop(timed->wheel, event);
    } else {
        cbit_heap_remove(&timed->heap, event);
    }
}

bool cbit_timed_refill(cbit_timed_t *timed, cbit_ps_t now_ps)
{
    cbit_near_t *near = &timed->near;
    cbit_event_t *first = earliest(timed, now_ps);
    if (first == NULL) {
        return false;
    }
    near->base_ps = first->at_ps - now_ps < CBIT_NEAR_SPAN_PS ? now_ps : first->at_ps;
    if (timed->beyond_count > CBIT_TIMED_FEW || timed->wheel == NULL) {
        take_beyond(timed, first);
        cbit_near_insert(near, first, cbit_near_count);
        set_beyond(timed, first); /* those that are left fire after it */
        return true;
    }
    while (first != NULL && first->at_ps - near->base_ps < CBIT_NEAR_SPAN_PS) {
        take_beyond(timed, first);
        cbit_near_append(near, first);
        first = earliest(timed, now_ps);
    }
    cbit_near_appended(near);
    set_beyond(timed, first);
    return true;
}

void cbit_timed_remove(cbit_timed_t *timed, cbit_event_t *event)
{
    if (event->place >= CBIT_PLACE_NEAR) {
        cbit_near_remove(&timed->near, event);
        return;
    }
    timed->beyond_count--;
    if (event->place == CBIT_PLACE_WHEEL) {
        cbit_wheel_remove(timed->wheel, event);
    } else {
        cbit_heap_remove(&timed->heap, event);
    }
}
