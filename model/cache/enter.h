/*
 * A line that comes from memory enters the levels near at hand, and what it displaces leaves them:
 * the steps that every miss takes, for who takes them in one piece. Private to model/cache.
 */
#ifndef CBIT_MODEL_CACHE_ENTER_H
#define CBIT_MODEL_CACHE_ENTER_H

#include "model/cache/state.h"

/* ---- leaving ---- */

/* Takes a line out of its bucket. */
static inline void cbit_leave_bucket(cbit_cache_t *cache, uint32_t line, cbit_bucket_t *bucket)
{
    const uint32_t slot = cache->pool[line].slot;
    if (slot != BUCKET_SLOTS) {
        bucket->prints &= ~(UINT64_C(0xfff) << slot * PRINT_BITS);
        return;
    }
    uint32_t *link = &bucket->more;
    while (*link != line) {
        link = &cache->pool[*link].next;
    }
    *link = cache->pool[line].next;
}

/* A line that is nowhere any more; the one before that which has waited longest is free now. */
static inline void cbit_leave(cbit_cache_t *cache, uint32_t line, uint32_t bucket)
{
    __builtin_prefetch(&cache->buckets[bucket], 1);
    const uint32_t at = cache->leaving_at++;
    cbit_leaving_t *oldest = &cache->leaving[at % LEAVING];
    if (oldest->line != NOWHERE) {
        cbit_leave_bucket(cache, oldest->line, &cache->buckets[oldest->bucket]);
        cache->pool[oldest->line].next = cache->pool_free;
        cache->pool_free = oldest->line;
    }
    *oldest = (cbit_leaving_t){.line = line, .bucket = bucket};
}

/*
 * The line has no tag from now on, but stands in its bucket for some releases longer: that is far
 * away in the host's memory, and is fetched meanwhile.
 */
static inline void cbit_release(cbit_cache_t *cache, cbit_line_t *line, uint32_t index)
{
    if (cbit_line_on_chip(line) || line->victims != 0 || line->mshr != NULL) {
        return;
    }
    const uint32_t bucket = cbit_room_of(cache, cbit_tag_number(line->tag)).at;
    line->tag = NO_TAG;
    cbit_leave(cache, index, bucket);
}

static inline void cbit_retire(cbit_cache_t *cache, cbit_line_t *line, uint32_t index,
                               uint32_t complex)
{
    if (cbit_line_on_chip(line)) {
        return;
    }
    line->owner = NO_OWNER;
    if (line->dirty) {
        cbit_cache_write_back(cache, line, complex);
    } else {
        cbit_release(cache, line, index);
    }
}

/* A core's L2 does not have it any more. */
static inline void cbit_leave_core(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    line->cores &= ~(UINT64_C(1) << core);
    if (line->owner == (int16_t)core) {
        line->owner = NO_OWNER;
    }
    if (line->prefetcher == (int16_t)core) {
        line->prefetcher = NO_OWNER;
        cache->stats.prefetches_useless++;
    }
}

/* ---- entering ---- */

enum { NEAR_LAST = 56 }; /* cbit_turn_last of sets whose words are full */

/* To the L3, where levels are as most are. low: of the line's number, what tells the set. */
static inline void cbit_push_third(cbit_cache_t *cache, cbit_line_t *line, uint32_t index,
                                   const cbit_core_t *port, uint32_t low)
{
    const cbit_level_t *l3 = &cache->l3;
    const uint64_t mine = port->complex_bit;
    if ((line->complexes & mine) != 0) {
        return;
    }
    const size_t set = port->third + (low & (l3->sets - 1));
    const uint32_t way = cbit_turn_take(&l3->order[set * 2], 2, NEAR_LAST);
    uint32_t *at = &l3->line[set * 16 + way];
    const uint32_t left = *at;
    *at = index;
    line->third = (uint8_t)way;
    line->complexes |= mine;
    if (left != NOWHERE) {
        cbit_line_t *old = &cache->pool[left];
        old->complexes &= ~mine;
        cbit_retire(cache, old, left, port->complex);
    }
}

/* The same as cbit_line_enter, in one piece, where levels are as most are. low: the lower part of
   the line's number. Sets are told by what the L2 keeps, which is here sooner than the lines. */
static inline void cbit_enter_near(cbit_cache_t *cache, cbit_line_t *line, uint32_t low,
                                   cbit_core_t *port)
{
    const uint32_t core = port->core, index = cbit_index(cache, line);
    const cbit_level_t *l2 = &cache->l2, *l1 = port->l1;
    line->cores |= port->core_bit;
    const uint32_t second_set = low & (l2->sets - 1);
    cbit_eight_t *second = port->second + second_set;
    const uint32_t way = cbit_turn_take(&second->order, 1, NEAR_LAST);
    const uint32_t left = second->line[way], left_low = cbit_level_low(l2, second, second_set, way);
    second->line[way] = index;
    cbit_ways_set(&second->bits, way, cbit_level_bits(l2, low));
    /* In the first level both have one set, which has not fewer of the line's bits. */
    const uint32_t set = low & (l1->sets - 1);
    cbit_eight_t *first = port->first + set;
    uint8_t *above = &second->above[port->fetch * 8U + way],
            *other = &second->above[!port->fetch * 8U + way];
    if (left != NOWHERE) {
        if (*other != NO_WAY) {
            cbit_line_leave_first(cache, left, port, *other);
        }
        if (*above != NO_WAY && first->line[*above] == left) {
            cbit_level_clear(l1, (uint32_t)(first - l1->eights) * 8 + *above);
        }
    }
    const uint32_t place = cbit_turn_take(&first->order, 1, NEAR_LAST);
    first->line[place] = index;
    *above = (uint8_t)place;
    *other = NO_WAY;
    *cbit_hint_of(port, low) = (cbit_hint_t){.number = low, .place = set * 8 + place};
    if (left != NOWHERE) {
        cbit_line_t *old = &cache->pool[left];
        cbit_leave_core(cache, old, core);
        cbit_push_third(cache, old, left, port, left_low);
    }
}

#endif
