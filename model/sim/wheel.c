#include "model/sim/wheel.h"

static uint32_t slot_of(cbit_ps_t at_ps)
{
    return (uint32_t)(at_ps >> CBIT_WHEEL_SLOT_SHIFT) % CBIT_WHEEL_SLOTS;
}

void cbit_wheel_push(cbit_wheel_t *wheel, cbit_event_t *event)
{
    const uint32_t slot = slot_of(event->at_ps);
    cbit_event_list_t *list = &wheel->slot[slot];
    /* From the tail: what is scheduled last mostly fires last. */
    cbit_event_t *after = list->tail;
    while (after != NULL && cbit_event_before(event, after)) {
        after = after->prev;
    }
    cbit_event_list_insert(list, after, event);
    wheel->occupied[slot / 64] |= UINT64_C(1) << slot % 64;
    wheel->summary |= UINT64_C(1) << slot / 64;
    event->place = CBIT_PLACE_WHEEL;
}

void cbit_wheel_remove(cbit_wheel_t *wheel, cbit_event_t *event)
{
    const uint32_t slot = slot_of(event->at_ps);
    cbit_event_list_t *list = &wheel->slot[slot];
    cbit_event_list_unlink(list, event);
    event->place = 0;
    if (list->head == NULL) {
        wheel->occupied[slot / 64] &= ~(UINT64_C(1) << slot % 64);
        if (wheel->occupied[slot / 64] == 0) {
            wheel->summary &= ~(UINT64_C(1) << slot / 64);
        }
    }
}

/* The first set bit at or after `from`, going round; bits is not 0. */
static uint32_t first_bit_from(uint64_t bits, uint32_t from)
{
    const uint64_t ahead = bits & (UINT64_MAX << from);
    return (uint32_t)__builtin_ctzll(ahead != 0 ? ahead : bits);
}

cbit_event_t *cbit_wheel_first(const cbit_wheel_t *wheel, cbit_ps_t now_ps)
{
    if (wheel->summary == 0) {
        return NULL;
    }
    const uint32_t start = slot_of(now_ps);
    const uint32_t word = start / 64;
    const uint64_t here = wheel->occupied[word] & (UINT64_MAX << start % 64);
    if (here != 0) {
        return wheel->slot[64 * word + (uint32_t)__builtin_ctzll(here)].head;
    }
    /* The slots of this word that lie before `start` are a whole turn away: looked at last. */
    const uint64_t others = wheel->summary & ~(UINT64_C(1) << word);
    const uint32_t next =
        others != 0 ? first_bit_from(others, (word + 1) % CBIT_WHEEL_WORDS) : word;
    return wheel->slot[64 * next + (uint32_t)__builtin_ctzll(wheel->occupied[next])].head;
}
