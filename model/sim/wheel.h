/*
 * Timing wheel: the near future, one sorted list per slot of 512 ps. Private to model/sim.
 *
 * Holds events whose slot is less than CBIT_WHEEL_SLOTS after the slot of the earliest time that
 * may still be asked for (the kernel's now). Two times one turn apart are therefore never in one
 * list. What lies beyond goes into the heap and fires from there: nothing migrates.
 */
#ifndef CBIT_MODEL_SIM_WHEEL_H
#define CBIT_MODEL_SIM_WHEEL_H

#include "model/sim/queue.h"

enum {
    CBIT_WHEEL_SLOT_SHIFT = 9, /* 512 ps: between a core clock and a DRAM clock */
    CBIT_WHEEL_SLOTS = 4096,   /* 2.1 us: refresh and time-outs are beyond it */
    CBIT_WHEEL_WORDS = CBIT_WHEEL_SLOTS / 64,
};

typedef struct cbit_wheel {
    uint64_t summary;                    /* bit w: occupied[w] is not 0 */
    uint64_t occupied[CBIT_WHEEL_WORDS]; /* bit s of word w: slot 64 w + s has events */
    cbit_event_list_t slot[CBIT_WHEEL_SLOTS];
} cbit_wheel_t;

static inline uint32_t cbit_wheel_slot_of(cbit_ps_t at_ps)
{
    return (uint32_t)(at_ps >> CBIT_WHEEL_SLOT_SHIFT) % CBIT_WHEEL_SLOTS;
}

/* Whether an event at at_ps may be pushed when it is now_ps. */
static inline bool cbit_wheel_reaches(cbit_ps_t now_ps, cbit_ps_t at_ps)
{
    return (at_ps >> CBIT_WHEEL_SLOT_SHIFT) - (now_ps >> CBIT_WHEEL_SLOT_SHIFT) < CBIT_WHEEL_SLOTS;
}

static inline void cbit_wheel_push(cbit_wheel_t *wheel, cbit_event_t *event)
{
    const uint32_t slot = cbit_wheel_slot_of(event->at_ps);
    cbit_event_list_t *list = &wheel->slot[slot];
    event->place = CBIT_PLACE_WHEEL;
    if (list->head == NULL) {
        event->next = event->prev = NULL;
        list->head = list->tail = event;
        wheel->occupied[slot / 64] |= UINT64_C(1) << slot % 64;
        wheel->summary |= UINT64_C(1) << slot / 64;
        return;
    }
    /* From the tail: what is scheduled last mostly fires last. */
    cbit_event_t *after = list->tail;
    while (after != NULL && cbit_event_before(event, after)) {
        after = after->prev;
    }
    cbit_event_list_insert(list, after, event);
}

static inline void cbit_wheel_remove(cbit_wheel_t *wheel, cbit_event_t *event)
{
    const uint32_t slot = cbit_wheel_slot_of(event->at_ps);
    cbit_event_list_t *list = &wheel->slot[slot];
    cbit_event_list_unlink(list, event);
    event->place = 0;
    if (list->head == NULL) {
        const uint64_t left = wheel->occupied[slot / 64] & ~(UINT64_C(1) << slot % 64);
        wheel->occupied[slot / 64] = left;
        wheel->summary &= left != 0 ? UINT64_MAX : ~(UINT64_C(1) << slot / 64);
    }
}

/* The same for the first of its slot. */
static inline void cbit_wheel_pop(cbit_wheel_t *wheel, cbit_event_t *event)
{
    const uint32_t slot = cbit_wheel_slot_of(event->at_ps);
    cbit_event_list_t *list = &wheel->slot[slot];
    cbit_event_t *next = event->next;
    event->place = 0;
    list->head = next;
    if (next != NULL) {
        next->prev = NULL;
        return;
    }
    list->tail = NULL;
    wheel->occupied[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    if (wheel->occupied[slot / 64] == 0) {
        wheel->summary &= ~(UINT64_C(1) << slot / 64);
    }
}

/* The first set bit at or after `from`, going round; bits is not 0. */
static inline uint32_t cbit_wheel_first_bit_from(uint64_t bits, uint32_t from)
{
    const uint64_t ahead = bits & (UINT64_MAX << from);
    return (uint32_t)__builtin_ctzll(ahead != 0 ? ahead : bits);
}

/* The earliest event; NULL when the wheel is empty. */
static inline cbit_event_t *cbit_wheel_first(const cbit_wheel_t *wheel, cbit_ps_t now_ps)
{
    if (wheel->summary == 0) {
        return NULL;
    }
    const uint32_t start = cbit_wheel_slot_of(now_ps);
    const uint32_t word = start / 64;
    const uint64_t here = wheel->occupied[word] & (UINT64_MAX << start % 64);
    if (here != 0) {
        return wheel->slot[64 * word + (uint32_t)__builtin_ctzll(here)].head;
    }
    /* The slots of this word that lie before `start` are a whole turn away: looked at last. */
    const uint64_t others = wheel->summary & ~(UINT64_C(1) << word);
    const uint32_t next =
        others != 0 ? cbit_wheel_first_bit_from(others, (word + 1) % CBIT_WHEEL_WORDS) : word;
    return wheel->slot[64 * next + (uint32_t)__builtin_ctzll(wheel->occupied[next])].head;
}

#endif
