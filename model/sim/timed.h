/*
 * All events that wait for a time, by (time, order of scheduling). Private to model/sim.
 *
 * The next ones are in `near`, all others in the wheel, or in the heap if they are further off than
 * the wheel reaches. Whatever is in wheel and heap fires after all that is in near. Near is filled
 * again when it is empty, so a machine with few events never asks the wheel; one with many has the
 * wheel sort them, and near is a short list of those that come out of it.
 */
#ifndef CBIT_MODEL_SIM_TIMED_H
#define CBIT_MODEL_SIM_TIMED_H

#include "model/sim/heap.h"
#include "model/sim/near.h"
#include "model/sim/wheel.h"

enum { CBIT_TIMED_FEW = CBIT_NEAR_SLOTS / 2 }; /* fewer beyond near are fetched into it at once */

typedef struct cbit_timed {
    cbit_ps_t near_ps; /* from near.base_ps on: what is sooner than this belongs to near */
    cbit_near_t near;
    /* Nothing in wheel and heap fires before this. */
    cbit_ps_t beyond_ps;
    uint64_t beyond_sequence;
    uint64_t beyond_count;
    cbit_wheel_t *wheel; /* NULL: heap only */
    cbit_heap_t heap;
} cbit_timed_t;

/* Of a struct that is all 0. False: out of memory. */
bool cbit_timed_init(cbit_timed_t *timed, cbit_kernel_queue_t queue);

/* Touches no event. */
void cbit_timed_free(cbit_timed_t *timed);

/* For events that cbit_timed_push does not know to belong to near, or when that is full. */
void cbit_timed_push_slowly(cbit_timed_t *timed, cbit_event_t *event, cbit_ps_t now_ps);

/* Takes event in, which is pending nowhere: its time and sequence are set. */
static inline __attribute__((always_inline)) void cbit_timed_push(cbit_timed_t *timed,
                                                                  cbit_event_t *event,
                                                                  cbit_ps_t now_ps,
                                                                  cbit_near_count_t *count)
{
    if (event->at_ps - timed->near.base_ps < timed->near_ps && timed->near.free != 0) {
        cbit_near_insert(&timed->near, event, count);
    } else {
        cbit_timed_push_slowly(timed, event, now_ps);
    }
}

/* Fills near, which is empty. False: no event is pending. */
bool cbit_timed_refill(cbit_timed_t *timed, cbit_ps_t now_ps);

/* Whether an event is pending; if so, near has the first. */
static inline bool cbit_timed_any(cbit_timed_t *timed, cbit_ps_t now_ps)
{
    return timed->near.count != 0 || cbit_timed_refill(timed, now_ps);
}

/* When the next fires; CBIT_PS_NEVER: none is pending. */
static inline cbit_ps_t cbit_timed_next_ps(cbit_timed_t *timed, cbit_ps_t now_ps)
{
    return cbit_timed_any(timed, now_ps) ? timed->near.first_ps : CBIT_PS_NEVER;
}

/* Takes event out, which is here. */
void cbit_timed_remove(cbit_timed_t *timed, cbit_event_t *event);

#endif
