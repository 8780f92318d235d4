/* The directory of lines, and their places in the levels. */
#include "model/cache/state.h"

/* ---- entries ---- */

cbit_line_t *cbit_line_find_in(const cbit_cache_t *cache, cbit_room_t room, uint64_t tag)
{
    const cbit_bucket_t *bucket = &cache->buckets[room.at];
    uint64_t match = cbit_bucket_match(bucket, room.print);
    for (; match != 0; match &= match - 1) {
        cbit_line_t *line =
            &cache->pool[bucket->line[(uint32_t)__builtin_ctzll(match) / PRINT_BITS]];
        if (line->tag == tag) {
            return line;
        }
    }
    uint32_t i = bucket->more;
    while (i != NOWHERE && cache->pool[i].tag != tag) {
        i = cache->pool[i].next;
    }
    return i == NOWHERE ? NULL : &cache->pool[i];
}

/* Of a bucket's lines of that print (and all without a slot, which come first) the one after
   `after`, NULL: the first. */
static cbit_line_t *next_in_bucket(const cbit_cache_t *cache, cbit_room_t room,
                                   const cbit_line_t *after)
{
    const cbit_bucket_t *bucket = &cache->buckets[room.at];
    const uint32_t more = after == NULL ? bucket->more : after->next;
    if ((after == NULL || after->slot == BUCKET_SLOTS) && more != NOWHERE) {
        return &cache->pool[more];
    }
    for (uint32_t slot = after == NULL ? BUCKET_SLOTS : after->slot; slot-- > 0;) {
        if ((bucket->prints >> slot * PRINT_BITS & 0xfff) == room.print) {
            return &cache->pool[bucket->line[slot]];
        }
    }
    return NULL;
}

cbit_line_t *cbit_line_of_address(const cbit_cache_t *cache, cbit_spa_t spa,
                                  const cbit_line_t *after)
{
    const uint64_t number = spa >> LINE_SHIFT;
    const cbit_room_t room = cbit_room_of(cache, number);
    if (cbit_bucket_has_none(&cache->buckets[room.at], room.print)) {
        return NULL;
    }
    cbit_line_t *line = next_in_bucket(cache, room, after);
    while (line != NULL && cbit_tag_number(line->tag) != number) {
        line = next_in_bucket(cache, room, line);
    }
    return line;
}

cbit_line_t *cbit_line_create(cbit_cache_t *cache, uint64_t tag)
{
    bool alone = true;
    cbit_line_t *alias = cbit_line_of_address(cache, cbit_tag_spa(tag), NULL);
    for (; alias != NULL; alias = cbit_line_of_address(cache, cbit_tag_spa(tag), alias)) {
        alias->alone = alone = false;
    }
    const cbit_room_t room = cbit_room_of(cache, cbit_tag_number(tag));
    cbit_line_t *line = &cache->pool[cbit_line_create_in(cache, room, tag)];
    line->alone = alone;
    return line;
}

/* Takes a line out of its bucket. */
static inline void leave_bucket(cbit_cache_t *cache, uint32_t line, cbit_bucket_t *bucket)
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
static inline void leave(cbit_cache_t *cache, uint32_t line, uint32_t bucket)
{
    __builtin_prefetch(&cache->buckets[bucket], 1);
    const uint32_t at = cache->leaving_at++;
    cbit_leaving_t *oldest = &cache->leaving[at % LEAVING];
    if (oldest->line != NOWHERE) {
        leave_bucket(cache, oldest->line, &cache->buckets[oldest->bucket]);
        cache->pool[oldest->line].next = cache->pool_free;
        cache->pool_free = oldest->line;
    }
    *oldest = (cbit_leaving_t){.line = line, .bucket = bucket};
}

/*
 * The line has no tag from now on, but stands in its bucket for some releases longer: that is far
 * away in the host's memory, and is fetched meanwhile.
 */
static inline void release(cbit_cache_t *cache, cbit_line_t *line, uint32_t index)
{
    if (cbit_line_on_chip(line) || line->victims != 0 || line->mshr != NULL) {
        return;
    }
    const uint32_t bucket = cbit_room_of(cache, cbit_tag_number(line->tag)).at;
    line->tag = NO_TAG;
    leave(cache, index, bucket);
}

void cbit_line_release(cbit_cache_t *cache, cbit_line_t *line)
{
    release(cache, line, cbit_index(cache, line));
}

uint32_t cbit_line_complex(const cbit_cache_t *cache, const cbit_line_t *line)
{
    if (line->cores != 0) {
        return cbit_complex_of(cache, (uint32_t)__builtin_ctzll(line->cores));
    }
    return line->complexes == 0 ? 0 : (uint32_t)__builtin_ctzll(line->complexes);
}

static inline void retire(cbit_cache_t *cache, cbit_line_t *line, uint32_t index, uint32_t complex)
{
    if (cbit_line_on_chip(line)) {
        return;
    }
    line->owner = NO_OWNER;
    if (line->dirty) {
        cbit_cache_write_back(cache, line, complex);
    } else {
        release(cache, line, index);
    }
}

void cbit_line_retire(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    retire(cache, line, cbit_index(cache, line), complex);
}

/* ---- places ---- */

static void clear_l3(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    const uint32_t set = cbit_level_set(&cache->l3, complex, line->tag);
    cbit_third_clear(&cache->l3, cbit_third_find(cache, set, line));
    line->complexes &= ~(UINT64_C(1) << complex);
}

/* A core's L2 does not have it any more. */
static inline void leave_core(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
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

void cbit_line_drop_core(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    const uint32_t second = cbit_second_find(cache, core, line->tag);
    for (int fetch = 0; fetch < 2; fetch++) {
        cbit_level_clear(&cache->l1[fetch],
                         cbit_first_find(cache, core, fetch != 0, line->tag, second));
    }
    cbit_level_clear(&cache->l2, second);
    leave_core(cache, line, core);
}

/* An inclusive L3 takes the copies above it along. */
static void drop_above(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    if (!cache->l3_inclusive) {
        return;
    }
    uint32_t first = complex * cache->config.cores_per_complex;
    uint32_t end = first + cache->config.cores_per_complex;
    for (uint32_t core = first; core < end && core < cache->cores; core++) {
        if ((line->cores >> core & 1) != 0) {
            cbit_line_drop_core(cache, line, core);
        }
    }
}

void cbit_line_drop_complex(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    clear_l3(cache, line, complex);
    drop_above(cache, line, complex);
}

void cbit_line_drop_all(cbit_cache_t *cache, cbit_line_t *line)
{
    for (uint32_t core = 0; line->cores != 0; core++) {
        if ((line->cores >> core & 1) != 0) {
            cbit_line_drop_core(cache, line, core);
        }
    }
    for (uint32_t complex = 0; line->complexes != 0; complex++) {
        if ((line->complexes >> complex & 1) != 0) {
            cbit_line_drop_complex(cache, line, complex);
        }
    }
}

void cbit_line_make_exclusive(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    uint64_t others = line->cores & ~(UINT64_C(1) << core);
    for (uint32_t other = 0; others != 0; other++, others >>= 1) {
        if ((others & 1) != 0) {
            cbit_line_drop_core(cache, line, other);
            cache->stats.invalidations++;
        }
    }
    uint64_t mine = UINT64_C(1) << cbit_complex_of(cache, core);
    uint64_t complexes = cache->l3_inclusive ? line->complexes & ~mine : line->complexes;
    for (uint32_t complex = 0; complexes != 0; complex++, complexes >>= 1) {
        if ((complexes & 1) != 0) {
            cbit_line_drop_complex(cache, line, complex);
            cache->stats.invalidations++;
        }
    }
    line->owner = (int16_t)core;
}

bool cbit_line_is_alone(const cbit_cache_t *cache, const cbit_line_t *line, uint32_t core)
{
    uint64_t mine = UINT64_C(1) << cbit_complex_of(cache, core);
    uint64_t complexes = cache->l3_inclusive ? line->complexes & ~mine : line->complexes;
    return line->cores == UINT64_C(1) << core && complexes == 0;
}

/* ---- placing ---- */

/* What stood in its place leaves the complex, and perhaps the chip. */
static inline void place_l3(cbit_cache_t *cache, cbit_line_t *line, uint32_t index,
                            uint32_t complex)
{
    const uint64_t mine = UINT64_C(1) << complex;
    if ((line->complexes & mine) != 0) {
        return;
    }
    const cbit_level_t *l3 = &cache->l3;
    const uint32_t set = cbit_level_set(l3, complex, line->tag);
    uint32_t left;
    line->third = (uint8_t)cbit_third_take(l3, set, index, &left);
    line->complexes |= mine;
    if (left != NOWHERE) {
        cbit_line_t *old = &cache->pool[left];
        old->complexes &= ~mine;
        drop_above(cache, old, complex);
        retire(cache, old, left, complex);
    }
}

static inline void promote(const cbit_cache_t *cache, const cbit_line_t *line, uint32_t core,
                           bool fetch, uint32_t second)
{
    const cbit_level_t *l1 = &cache->l1[fetch];
    if (l1->lines == 0) {
        return;
    }
    const uint32_t set = cbit_level_set(l1, core, line->tag);
    uint32_t left; /* stays in the second level, whose way above is not its own any more */
    const uint32_t place = cbit_level_take(l1, set, cbit_index(cache, line), &left);
    *cbit_level_above(&cache->l2, fetch, second) = (uint8_t)(place - cbit_level_first(l1, set));
}

void cbit_line_promote(const cbit_cache_t *cache, const cbit_line_t *line, uint32_t core,
                       bool fetch, uint32_t second)
{
    promote(cache, line, core, fetch, second);
}

/* Out of the first level, if it is still in that way. */
static inline void leave_first(const cbit_cache_t *cache, const cbit_line_t *line, uint32_t core,
                               bool fetch, uint32_t way)
{
    if (way != NO_WAY) {
        const cbit_level_t *l1 = &cache->l1[fetch];
        const uint32_t place = cbit_level_first(l1, cbit_level_set(l1, core, line->tag)) + way;
        if (*cbit_level_line(l1, place) == cbit_index(cache, line)) {
            cbit_level_clear(l1, place);
        }
    }
}

/* Into an L2 that does not have it. What stands in its place leaves the core: it goes to the
   complex's L3, if that is a victim cache and has no copy. */
static inline uint32_t take_second(cbit_cache_t *cache, const cbit_line_t *line, uint32_t core)
{
    const cbit_level_t *l2 = &cache->l2;
    uint32_t left;
    const uint32_t place =
        cbit_level_take(l2, cbit_level_set(l2, core, line->tag), cbit_index(cache, line), &left);
    cbit_eight_t *eight = &l2->eights[place / 8];
    const uint32_t way = place % 8, data = eight->above[false][way], code = eight->above[true][way];
    cbit_ways_set(&eight->bits, way, cbit_level_bits(l2, cbit_tag_low(line->tag)));
    eight->above[false][way] = eight->above[true][way] = NO_WAY;
    if (left != NOWHERE) {
        cbit_line_t *old = &cache->pool[left];
        leave_first(cache, old, core, false, data);
        leave_first(cache, old, core, true, code);
        leave_core(cache, old, core);
        if (cache->l3.lines != 0 && !cache->l3_inclusive) {
            place_l3(cache, old, left, cbit_complex_of(cache, core));
        } else {
            cbit_line_retire(cache, old, cbit_complex_of(cache, core));
        }
    }
    return place;
}

void cbit_line_enter(cbit_cache_t *cache, cbit_line_t *line, uint32_t core, cbit_side_t side)
{
    /* The line itself must count as present before another one is pushed out. */
    line->cores |= UINT64_C(1) << core;
    if (cache->l3_inclusive && cache->l3.lines != 0) {
        place_l3(cache, line, cbit_index(cache, line), cbit_complex_of(cache, core));
    }
    const uint32_t second = take_second(cache, line, core);
    if (side != SIDE_NONE) {
        promote(cache, line, core, side == SIDE_CODE, second);
    }
}

/* As place_l3, where levels are as most are. */
static inline void push_third(cbit_cache_t *cache, cbit_line_t *line, uint32_t index,
                              const cbit_core_t *port)
{
    const cbit_level_t *l3 = &cache->l3;
    const uint64_t mine = UINT64_C(1) << port->complex;
    if ((line->complexes & mine) != 0) {
        return;
    }
    const size_t set = port->third + (cbit_tag_low(line->tag) & (l3->sets - 1));
    const uint32_t way = cbit_turn_take(&l3->order[set * 2], 2, l3->last);
    uint32_t *at = &l3->line[set * 16 + way];
    const uint32_t left = *at;
    *at = index;
    line->third = (uint8_t)way;
    line->complexes |= mine;
    if (left != NOWHERE) {
        cbit_line_t *old = &cache->pool[left];
        old->complexes &= ~mine;
        retire(cache, old, left, port->complex);
    }
}

/* The same as cbit_line_enter, in one piece, where levels are as most are. */
void cbit_line_enter_near(cbit_cache_t *cache, uint32_t index, cbit_core_t *port)
{
    cbit_line_t *line = &cache->pool[index];
    const uint32_t core = port->core, low = cbit_tag_low(line->tag);
    const bool fetch = port->fetch;
    if (!cache->near) {
        cbit_line_enter(cache, line, core, fetch ? SIDE_CODE : SIDE_DATA);
        return;
    }
    const cbit_level_t *l2 = &cache->l2, *l1 = port->l1;
    line->cores |= UINT64_C(1) << core;
    cbit_eight_t *second = port->second + (low & (l2->sets - 1));
    const uint32_t way = cbit_turn_take(&second->order, 1, l2->last);
    const uint32_t left = second->line[way];
    second->line[way] = index;
    cbit_ways_set(&second->bits, way, cbit_level_bits(l2, low));
    /* In the first level both have one set, which has not fewer of the line's bits. */
    const uint32_t set = low & (l1->sets - 1);
    cbit_eight_t *first = port->first + set;
    uint8_t *above = &second->above[fetch][way], *other = &second->above[!fetch][way];
    if (left != NOWHERE) {
        leave_first(cache, &cache->pool[left], core, !fetch, *other);
        if (*above != NO_WAY && first->line[*above] == left) {
            cbit_level_clear(l1, (uint32_t)(first - l1->eights) * 8 + *above);
        }
    }
    const uint32_t place = cbit_turn_take(&first->order, 1, l1->last);
    first->line[place] = index;
    *above = (uint8_t)place;
    *other = NO_WAY;
    *cbit_hint_of(port, low) = (cbit_hint_t){.number = low, .place = set * 8 + place};
    if (left != NOWHERE) {
        cbit_line_t *old = &cache->pool[left];
        leave_core(cache, old, core);
        push_third(cache, old, left, port);
    }
}

/* A victim cache hands its copy up; an inclusive one keeps one. */
static void leave_l3(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    const uint32_t complex = cbit_complex_of(cache, core);
    if ((line->complexes >> complex & 1) != 0 && !cache->l3_inclusive) {
        clear_l3(cache, line, complex);
    }
}

static inline bool is_in_second(const cbit_line_t *line, uint32_t core)
{
    return (line->cores >> core & 1) != 0;
}

void cbit_line_place_second(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    if (!is_in_second(line, core)) {
        leave_l3(cache, line, core);
        cbit_line_enter(cache, line, core, SIDE_NONE);
    }
}

void cbit_line_place(cbit_cache_t *cache, cbit_line_t *line, uint32_t core, bool fetch)
{
    if (!is_in_second(line, core)) {
        leave_l3(cache, line, core);
        cbit_line_enter(cache, line, core, fetch ? SIDE_CODE : SIDE_DATA);
        return;
    }
    const uint32_t second = cbit_second_find(cache, core, line->tag);
    if (cbit_first_find(cache, core, fetch, line->tag, second) == NOWHERE) {
        promote(cache, line, core, fetch, second);
    }
}
