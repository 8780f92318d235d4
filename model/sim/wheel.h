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

/* Whether an event at at_ps may be pushed when it is now_ps. */
static inline bool cbit_wheel_reaches(cbit_ps_t now_ps, cbit_ps_t at_ps)
{
    return (at_ps >> CBIT_WHEEL_SLOT_SHIFT) - (now_ps >> CBIT_WHEEL_SLOT_SHIFT) < CBIT_WHEEL_SLOTS;
}

void cbit_wheel_push(cbit_wheel_t *wheel, cbit_event_t *event);
void cbit_wheel_remove(cbit_wheel_t *wheel, cbit_event_t *event);

/* The earliest event; NULL when the wheel is empty. */
cbit_event_t *cbit_wheel_first(const cbit_wheel_t *wheel, cbit_ps_t now_ps);

#endif
