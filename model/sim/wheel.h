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

typedef struct cbit_wheel_slot {
    cbit_event_list_t list;
    cbit_ps_t last_ps; /* of the last event, if there is one */
    uint64_t last_sequence;
} cbit_wheel_slot_t;

typedef struct cbit_wheel {
    uint64_t summary;                    /* bit w: occupied[w] is not 0 */
    uint64_t occupied[CBIT_WHEEL_WORDS]; /* bit s of word w: slot 64 w + s has events */
    cbit_wheel_slot_t slot[CBIT_WHEEL_SLOTS];
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

/* Links event in before the first that is later: there is one. */
static inline void cbit_wheel_insert(cbit_event_list_t *list, cbit_event_t *event)
{
    cbit_event_t *later = list->tail;
    while (later != list->head && cbit_event_before(event, later->prev)) {
        later = later->prev;
    }
    event->next = later;
    event->prev = later->prev;
    *(later == list->head ? &list->head : &later->prev->next) = event;
    later->prev = event;
}

static inline void cbit_wheel_push(cbit_wheel_t *wheel, cbit_event_t *event)
{
    const uint32_t number = cbit_wheel_slot_of(event->at_ps);
    cbit_wheel_slot_t *slot = &wheel->slot[number];
    event->place = CBIT_PLACE_WHEEL;
    wheel->occupied[number / 64] |= UINT64_C(1) << number % 64;
    wheel->summary |= UINT64_C(1) << number / 64;
    /* What is scheduled last mostly fires last: one branch that goes one way. */
    const bool last = (slot->list.head == NULL) | (event->at_ps > slot->last_ps) |
                      ((event->at_ps == slot->last_ps) & (event->sequence > slot->last_sequence));
    if (last) {
        slot->last_ps = event->at_ps;
        slot->last_sequence = event->sequence;
        cbit_event_list_append(&slot->list, event);
    } else {
        cbit_wheel_insert(&slot->list, event);
    }
}

/* Slot `number` may have become empty. No branch: as for the list's. */
static inline void cbit_wheel_note_empty(cbit_wheel_t *wheel, uint32_t number)
{
    const uint64_t empty = wheel->slot[number].list.head == NULL;
    const uint64_t left = wheel->occupied[number / 64] & ~(empty << number % 64);
    wheel->occupied[number / 64] = left;
    wheel->summary &= ~((uint64_t)(left == 0) << number / 64);
}

static inline void cbit_wheel_remove(cbit_wheel_t *wheel, cbit_event_t *event)
{
    const uint32_t number = cbit_wheel_slot_of(event->at_ps);
    cbit_wheel_slot_t *slot = &wheel->slot[number];
    cbit_event_list_unlink(&slot->list, event);
    event->place = 0;
    cbit_wheel_note_empty(wheel, number);
    if (slot->list.head != NULL) {
        slot->last_ps = slot->list.tail->at_ps;
        slot->last_sequence = slot->list.tail->sequence;
    }
}

/* The same for the first of its slot. */
static inline void cbit_wheel_pop(cbit_wheel_t *wheel, cbit_event_t *event)
{
    const uint32_t number = cbit_wheel_slot_of(event->at_ps);
    wheel->slot[number].list.head = event->next;
    event->place = 0;
    cbit_wheel_note_empty(wheel, number);
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
        return wheel->slot[64 * word + (uint32_t)__builtin_ctzll(here)].list.head;
    }
    /* The slots of this word that lie before `start` are a whole turn away: looked at last. */
    const uint64_t others = wheel->summary & ~(UINT64_C(1) << word);
    const uint32_t next =
        others != 0 ? cbit_wheel_first_bit_from(others, (word + 1) % CBIT_WHEEL_WORDS) : word;
    return wheel->slot[64 * next + (uint32_t)__builtin_ctzll(wheel->occupied[next])].list.head;
}

#endif
