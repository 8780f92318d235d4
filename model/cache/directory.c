/* The directory of lines, and their places in the levels. */
#include "model/cache/enter.h"

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

void cbit_line_release(cbit_cache_t *cache, cbit_line_t *line)
{
    cbit_release(cache, line, cbit_index(cache, line));
}

uint32_t cbit_line_complex(const cbit_cache_t *cache, const cbit_line_t *line)
{
    if (line->cores != 0) {
        return cbit_complex_of(cache, (uint32_t)__builtin_ctzll(line->cores));
    }
    return line->complexes == 0 ? 0 : (uint32_t)__builtin_ctzll(line->complexes);
}

void cbit_line_retire(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    cbit_retire(cache, line, cbit_index(cache, line), complex);
}

/* ---- places ---- */

void cbit_line_leave_third(const cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    const uint32_t set = cbit_level_set(&cache->l3, complex, line->tag);
    cbit_third_clear(&cache->l3, cbit_third_find(cache, set, line));
    line->complexes &= ~(UINT64_C(1) << complex);
}

void cbit_line_drop_core(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    const uint32_t second = cbit_second_find(cache, core, line->tag);
    for (int fetch = 0; fetch < 2; fetch++) {
        cbit_level_clear(&cache->l1[fetch],
                         cbit_first_find(cache, core, fetch != 0, line->tag, second));
    }
    cbit_level_clear(&cache->l2, second);
    cbit_leave_core(cache, line, core);
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
    cbit_line_leave_third(cache, line, complex);
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
        cbit_retire(cache, old, left, complex);
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
static void leave_first(const cbit_cache_t *cache, const cbit_line_t *line, uint32_t core,
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

void cbit_line_leave_first(const cbit_cache_t *cache, uint32_t line, const cbit_core_t *port,
                           uint32_t way)
{
    leave_first(cache, &cache->pool[line], port->core, !port->fetch, way);
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
    const uint32_t way = place % 8, data = eight->above[way], code = eight->above[8 + way];
    cbit_ways_set(&eight->bits, way, cbit_level_bits(l2, cbit_tag_low(line->tag)));
    eight->above[way] = eight->above[8 + way] = NO_WAY;
    if (left != NOWHERE) {
        cbit_line_t *old = &cache->pool[left];
        leave_first(cache, old, core, false, data);
        leave_first(cache, old, core, true, code);
        cbit_leave_core(cache, old, core);
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

/* A victim cache hands its copy up; an inclusive one keeps one. */
static void leave_l3(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    const uint32_t complex = cbit_complex_of(cache, core);
    if ((line->complexes >> complex & 1) != 0 && !cache->l3_inclusive) {
        cbit_line_leave_third(cache, line, complex);
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
