/*
 * The events that fire next, in front of wheel and heap: few, and in three or four host lines
 * altogether. Private to model/sim.
 *
 * An event keeps its slot from insertion to firing; what is sorted is a list of one byte a slot,
 * latest first. The place of a newcomer comes from how many fire before it, counted over all slots
 * at once: no search, no branch that depends on times. Keys are 32 bits (picoseconds since
 * base_ps), which every compiler counts four at a time, and AVX2 eight at a time. Who fires next is
 * kept apart from that: it is asked for as soon as a notification is made, and one comparison tells
 * it long before the newcomer's place is known.
 */
#ifndef CBIT_MODEL_SIM_NEAR_H
#define CBIT_MODEL_SIM_NEAR_H

#include <string.h>

#include "model/sim/queue.h"

enum {
    CBIT_NEAR_SLOTS = 32,       /* as many as a machine of some cores keeps pending */
    CBIT_NEAR_FREE = INT32_MAX, /* the key of a slot that has nobody: behind all others */
    CBIT_NEAR_SPAN_PS = CBIT_NEAR_FREE - 1, /* what keys can hold: 2.1 ms */
};

typedef struct cbit_near {
    cbit_ps_t base_ps;
    cbit_ps_t first_ps;  /* when the one that fires next does; CBIT_PS_NEVER: there is none */
    cbit_event_t *first; /* known before what tells its place is worked out */
    uint32_t count;
    uint32_t free; /* bit s: slot s may be used and has nobody */
    _Alignas(32) int32_t key[CBIT_NEAR_SLOTS];
    uint8_t order[2 * CBIT_NEAR_SLOTS + 1]; /* slots, latest first; room to move all by one */
    cbit_event_t *event[CBIT_NEAR_SLOTS];
} cbit_near_t;

/* Not more than `slots` at a time. */
static inline void cbit_near_init(cbit_near_t *near, uint32_t slots)
{
    near->first_ps = CBIT_PS_NEVER;
    near->free = UINT32_MAX >> (32 - slots);
    for (uint32_t slot = 0; slot < CBIT_NEAR_SLOTS; slot++) {
        near->key[slot] = CBIT_NEAR_FREE;
    }
}

/* The first is taken out, or put in otherwise than by cbit_near_insert: who is it now? */
static inline void cbit_near_find_first(cbit_near_t *near)
{
    if (near->count == 0) {
        near->first_ps = CBIT_PS_NEVER;
        return;
    }
    const uint32_t slot = near->order[near->count - 1];
    near->first = near->event[slot];
    near->first_ps = near->base_ps + (uint32_t)near->key[slot];
}

/* The one that fires last: there is one. */
static inline cbit_event_t *cbit_near_last(const cbit_near_t *near)
{
    return near->event[near->order[0]];
}

static inline void cbit_near_give_up(cbit_near_t *near, size_t slot)
{
    near->key[slot] = CBIT_NEAR_FREE;
    near->free |= UINT32_C(1) << slot;
}

static inline int32_t cbit_near_key(const cbit_near_t *near, const cbit_event_t *event)
{
    return (int32_t)(event->at_ps - near->base_ps);
}

static inline void cbit_near_occupy(cbit_near_t *near, uint32_t slot, cbit_event_t *event,
                                    int32_t key)
{
    near->key[slot] = key;
    near->event[slot] = event;
    event->place = CBIT_PLACE_NEAR + slot;
}

/* Moves all from order on by one place: a fixed length is two or four instructions. */
typedef uint8_t cbit_near_order_t
    __attribute__((vector_size(CBIT_NEAR_SLOTS), aligned(1), may_alias));

static inline __attribute__((always_inline)) void cbit_near_shift(uint8_t *to, const uint8_t *from)
{
    *(cbit_near_order_t *)to = *(const cbit_near_order_t *)from;
}

/* How many have a lower key. */
typedef uint32_t cbit_near_count_t(const cbit_near_t *near, int32_t key);

static inline __attribute__((always_inline)) uint32_t cbit_near_count(const cbit_near_t *near,
                                                                      int32_t key)
{
    int32_t lower = 0;
    for (uint32_t slot = 0; slot < CBIT_NEAR_SLOTS; slot++) {
        lower += near->key[slot] < key ? 1 : 0;
    }
    return (uint32_t)lower;
}

#if defined(__x86_64__)
#include <immintrin.h>

/* The same, for a host with vectors of that length: a byte a slot in the end. */
static inline __attribute__((always_inline, target("avx2,popcnt"))) uint32_t
cbit_near_count_avx2(const cbit_near_t *near, int32_t key)
{
    const __m256i *keys = (const __m256i *)near->key, own = _mm256_set1_epi32(key);
    const __m256i low =
        _mm256_packs_epi32(_mm256_cmpgt_epi32(own, keys[0]), _mm256_cmpgt_epi32(own, keys[1]));
    const __m256i high =
        _mm256_packs_epi32(_mm256_cmpgt_epi32(own, keys[2]), _mm256_cmpgt_epi32(own, keys[3]));
    const __m256i all = _mm256_packs_epi16(low, high);
    return (uint32_t)__builtin_popcount((uint32_t)_mm256_movemask_epi8(all));
}
#endif

/* Event may fire before all that are here. No branch: that is not foreseen. */
static inline __attribute__((always_inline)) void cbit_near_note_sooner(cbit_near_t *near,
                                                                        cbit_event_t *event)
{
    const cbit_ps_t at_ps = event->at_ps, first_ps = near->first_ps;
    cbit_event_t *first = near->first;
    near->first = __builtin_expect_with_probability(at_ps < first_ps, 1, 0.5) ? event : first;
    near->first_ps = at_ps < first_ps ? at_ps : first_ps;
}

/* Where an event with a rank comes in, of `place` that do not fire before its time: behind the
   ranks of its time that are lower. */
static inline uint32_t cbit_near_behind_ranks(cbit_near_t *near, cbit_event_t *event, int32_t key,
                                              uint32_t place)
{
    for (; place > 0; place--) {
        const uint32_t slot = near->order[place - 1];
        if (near->key[slot] != key) {
            break;
        }
        if (near->event[slot]->sequence > event->sequence) {
            near->first = place == near->count ? event : near->first;
            break;
        }
    }
    return place;
}

/*
 * Takes event in: a slot is free, base_ps <= at_ps < base_ps + CBIT_NEAR_SPAN_PS, and it has a rank
 * or was scheduled after all that are here. `count` is one of the two above, to be inlined.
 */
static inline __attribute__((always_inline)) void
cbit_near_insert(cbit_near_t *near, cbit_event_t *event, cbit_near_count_t *count)
{
    const int32_t key = cbit_near_key(near, event);
    const uint32_t slot = (uint32_t)__builtin_ctz(near->free);
    uint8_t *order = near->order;
    near->free &= near->free - 1;
    cbit_near_note_sooner(near, event);
    if (near->count != 0) {
        uint32_t place = near->count - count(near, key + (event->rank == 0 ? 1 : 0));
        if (event->rank != 0) {
            place = cbit_near_behind_ranks(near, event, key, place);
        }
        order += place;
        cbit_near_shift(order + 1, order);
    }
    near->count++;
    cbit_near_occupy(near, slot, event, key);
    *order = (uint8_t)slot;
}

/* Takes the one that fires next out: there is one. */
static inline cbit_event_t *cbit_near_take(cbit_near_t *near)
{
    cbit_event_t *event = near->first;
    cbit_near_give_up(near, near->order[--near->count]);
    cbit_near_find_first(near);
    return event;
}

/* Takes the one that fires last out: there is one. */
static inline void cbit_near_drop_last(cbit_near_t *near)
{
    const uint32_t slot = near->order[0];
    cbit_near_shift(near->order, near->order + 1);
    near->count--;
    cbit_near_give_up(near, slot);
    cbit_near_find_first(near);
}

/* Fills one that was empty, earliest first: slot by slot. */
static inline void cbit_near_append(cbit_near_t *near, cbit_event_t *event)
{
    near->free &= ~(UINT32_C(1) << near->count);
    cbit_near_occupy(near, near->count, event, cbit_near_key(near, event));
    near->count++;
}

static inline void cbit_near_appended(cbit_near_t *near)
{
    for (uint32_t i = 0; i < near->count; i++) {
        near->order[i] = (uint8_t)(near->count - 1 - i);
    }
    cbit_near_find_first(near);
}

/* Takes event out, which is here. Touches no other event. */
static inline void cbit_near_remove(cbit_near_t *near, const cbit_event_t *event)
{
    const uint32_t slot = event->place - CBIT_PLACE_NEAR;
    uint8_t *order = memchr(near->order, (int)slot, near->count);
    cbit_near_shift(order, order + 1);
    near->count--;
    cbit_near_give_up(near, slot);
    cbit_near_find_first(near);
}

#endif
