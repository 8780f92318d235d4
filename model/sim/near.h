/*
 * The events that fire next, in front of wheel and heap: few, and in three or four host lines
 * altogether. Private to model/sim.
 *
 * An event keeps its slot from insertion to firing; what is sorted is a list of one byte a slot,
 * latest first. The place of a newcomer is the number of slots that fire after it, counted over all
 * slots at once: no search, no branch that depends on times. Keys are 32 bits (picoseconds since
 * base_ps), which every compiler counts four at a time. Half of the slots are opened only when all
 * that is pending fits into the whole: what is not open need not be counted.
 */
#ifndef CBIT_MODEL_SIM_NEAR_H
#define CBIT_MODEL_SIM_NEAR_H

#include <string.h>

#include "model/sim/queue.h"

enum {
    CBIT_NEAR_SLOTS = 32,                 /* as many as a machine of some cores keeps pending */
    CBIT_NEAR_HALF = CBIT_NEAR_SLOTS / 2, /* one core and its controllers keep about 10 */
    CBIT_NEAR_SPAN_PS = INT32_MAX,        /* what keys can hold: 2.1 ms */
    CBIT_NEAR_FREE = -1,                  /* the key of a slot that has nobody: before all others */
};

typedef struct cbit_near {
    cbit_ps_t base_ps;
    uint32_t count;
    uint32_t free; /* bit s: slot s is open and has nobody */
    bool wide;     /* all slots are open, not only the first half */
    int32_t key[CBIT_NEAR_SLOTS];
    uint8_t order[2 * CBIT_NEAR_SLOTS + 1]; /* slots, latest first; room to move all by one */
    cbit_event_t *event[CBIT_NEAR_SLOTS];
} cbit_near_t;

/* Not more than `slots` (of the first half) at a time. */
static inline void cbit_near_init(cbit_near_t *near, uint32_t slots)
{
    near->free = UINT32_MAX >> (32 - slots);
    memset(near->key, CBIT_NEAR_FREE, sizeof near->key);
}

/* The one that fires next, and its time: there is one. */
static inline cbit_event_t *cbit_near_first(const cbit_near_t *near)
{
    return near->event[near->order[near->count - 1]];
}

static inline cbit_ps_t cbit_near_first_ps(const cbit_near_t *near)
{
    return near->base_ps + (uint32_t)near->key[near->order[near->count - 1]];
}

/* The one that fires last: there is one. */
static inline cbit_event_t *cbit_near_last(const cbit_near_t *near)
{
    return near->event[near->order[0]];
}

/* Opens the second half; or closes it: nobody is here. */
static inline void cbit_near_set_wide(cbit_near_t *near, bool wide)
{
    const uint32_t second = UINT32_MAX << CBIT_NEAR_HALF;
    near->free = wide ? near->free | second : near->free & ~second;
    near->wide = wide;
}

static inline void cbit_near_give_up(cbit_near_t *near, uint32_t slot)
{
    near->key[slot] = CBIT_NEAR_FREE;
    near->free |= UINT32_C(1) << slot;
}

static inline void cbit_near_occupy(cbit_near_t *near, uint32_t slot, cbit_event_t *event)
{
    near->free &= ~(UINT32_C(1) << slot);
    near->key[slot] = (int32_t)(event->at_ps - near->base_ps);
    near->event[slot] = event;
    event->place = CBIT_PLACE_NEAR + slot;
}

/* Moves all from order on by one place: a fixed length is four instructions. */
static inline void cbit_near_shift(uint8_t *to, const uint8_t *from)
{
    uint8_t moved[CBIT_NEAR_SLOTS];
    memcpy(moved, from, sizeof moved);
    memcpy(to, moved, sizeof moved);
}

/* How many fire later than key. */
static inline uint32_t cbit_near_count_later(const cbit_near_t *near, int32_t key)
{
    int32_t later = 0;
    for (uint32_t slot = 0; slot < CBIT_NEAR_HALF; slot++) {
        later += near->key[slot] > key ? 1 : 0;
    }
    if (!near->wide) {
        return (uint32_t)later;
    }
    for (uint32_t slot = CBIT_NEAR_HALF; slot < CBIT_NEAR_SLOTS; slot++) {
        later += near->key[slot] > key ? 1 : 0;
    }
    return (uint32_t)later;
}

/* Of those at its time, an event with a rank comes behind the ranks that are lower. */
static inline uint32_t cbit_near_behind_ranks(const cbit_near_t *near, const cbit_event_t *event,
                                              int32_t key, uint32_t later)
{
    for (; later > 0; later--) {
        const uint32_t slot = near->order[later - 1];
        if (near->key[slot] != key || near->event[slot]->sequence > event->sequence) {
            break;
        }
    }
    return later;
}

/*
 * Takes event in: a slot is free, base_ps <= at_ps < base_ps + CBIT_NEAR_SPAN_PS, and it has a rank
 * or was scheduled after all that are here.
 */
static inline void cbit_near_insert(cbit_near_t *near, cbit_event_t *event)
{
    uint8_t *order = near->order;
    if (near->count != 0) {
        const int32_t key = (int32_t)(event->at_ps - near->base_ps);
        uint32_t later = cbit_near_count_later(near, key - (event->rank != 0 ? 1 : 0));
        if (event->rank != 0) {
            later = cbit_near_behind_ranks(near, event, key, later);
        }
        order += later;
        cbit_near_shift(order + 1, order);
    }
    const uint32_t slot = (uint32_t)__builtin_ctz(near->free);
    *order = (uint8_t)slot;
    cbit_near_occupy(near, slot, event);
    near->count++;
}

/* Takes the one that fires next out: there is one. */
static inline cbit_event_t *cbit_near_take(cbit_near_t *near)
{
    const uint32_t slot = near->order[--near->count];
    cbit_near_give_up(near, slot);
    return near->event[slot];
}

/* Takes the one that fires last out: there is one. */
static inline void cbit_near_drop_last(cbit_near_t *near)
{
    const uint32_t slot = near->order[0];
    cbit_near_shift(near->order, near->order + 1);
    near->count--;
    cbit_near_give_up(near, slot);
}

/* Fills one that was empty, earliest first: slot by slot. */
static inline void cbit_near_append(cbit_near_t *near, cbit_event_t *event)
{
    cbit_near_occupy(near, near->count++, event);
}

static inline void cbit_near_appended(cbit_near_t *near)
{
    for (uint32_t i = 0; i < near->count; i++) {
        near->order[i] = (uint8_t)(near->count - 1 - i);
    }
}

/* Takes event out, which is here. Touches no other event. */
static inline void cbit_near_remove(cbit_near_t *near, const cbit_event_t *event)
{
    const uint32_t slot = event->place - CBIT_PLACE_NEAR;
    uint8_t *order = memchr(near->order, (int)slot, near->count);
    cbit_near_shift(order, order + 1);
    near->count--;
    cbit_near_give_up(near, slot);
}

#endif
