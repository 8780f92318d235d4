/* Requests: hits, and what becomes of others. */
#include <string.h>

#include "model/cache/enter.h"
#include "model/cache/expect.h"

/* ---- serving ---- */

static void become_reader(cbit_cache_t *cache, cbit_line_t *line, uint32_t core)
{
    line->owner = (int16_t)(cbit_line_is_alone(cache, line, core) ? (int)core : NO_OWNER);
}

/* From or to a line; if that keeps none, what is below has them all. */
static void move_bytes(const cbit_cache_t *cache, const cbit_line_t *line, cbit_command_t command,
                       cbit_spa_t spa, cbit_key_t key, void *bytes, uint32_t len_bytes)
{
    const cbit_port_t *below = &cache->below;
    bool read = command == CBIT_COMMAND_READ;
    if (cache->bytes != NULL) {
        uint8_t *at = cbit_line_bytes(cache, line) + spa % CBIT_LINE_BYTES;
        memcpy(read ? bytes : at, read ? at : bytes, len_bytes);
    } else if (read) {
        (void)below->peek(below->self, spa, key, bytes, len_bytes);
    } else {
        (void)below->poke(below->self, spa, key, bytes, len_bytes);
    }
}

static void exchange(const cbit_cache_t *cache, const cbit_line_t *line, cbit_txn_t *txn)
{
    uint8_t was[CBIT_LINE_BYTES];
    uint8_t *expected = txn->data + txn->size_bytes;
    move_bytes(cache, line, CBIT_COMMAND_READ, txn->spa, txn->key, was, txn->size_bytes);
    if (memcmp(was, expected, txn->size_bytes) == 0) {
        move_bytes(cache, line, CBIT_COMMAND_WRITE, txn->spa, txn->key, txn->data, txn->size_bytes);
    }
    memcpy(expected, was, txn->size_bytes);
}

/* Serves a request from a line that its core has. */
void cbit_cache_serve(cbit_cache_t *cache, cbit_line_t *line, uint32_t core, cbit_txn_t *txn)
{
    if (txn->locked) {
        exchange(cache, line, txn);
    } else if (!txn->no_bytes) {
        move_bytes(cache, line, (cbit_command_t)txn->command, txn->spa, txn->key, txn->data,
                   txn->size_bytes);
    }
    if (txn->command == CBIT_COMMAND_READ) {
        become_reader(cache, line, core);
        line->by = line->dirty ? line->by : (uint32_t)txn->source << 16 | txn->source_id;
    } else {
        cbit_line_make_exclusive(cache, line, core);
        line->by = line->dirty && txn->size_bytes == 0
                       ? line->by
                       : (uint32_t)txn->source << 16 | txn->source_id;
        line->dirty = line->dirty || txn->size_bytes != 0;
    }
    txn->status = CBIT_ERR_OK;
}

static void answer_later(cbit_cache_t *cache, uint32_t which, cbit_txn_t *txn)
{
    cbit_answers_t *answers = &cache->answers[which];
    cbit_txn_charge(txn, CBIT_STAGE_CORE, answers->span_ps);
    txn->entered_ps = cbit_kernel_now_ps(cache->kernel) + answers->span_ps;
    txn->next = NULL;
    if (answers->first == NULL) {
        answers->first = txn;
        cbit_event_notify_at(cache->kernel, &answers->event, txn->entered_ps);
    } else {
        answers->last->next = txn;
    }
    answers->last = txn;
}

void cbit_answers_event(void *self)
{
    cbit_answers_t *answers = self;
    cbit_txn_t *txn = answers->first;
    answers->first = txn->next;
    if (answers->first != NULL) {
        cbit_event_notify_at(answers->cache->kernel, &answers->event, answers->first->entered_ps);
    }
    cbit_txn_reply(txn);
}

/* ---- hits ---- */

/* While a line is on its way to some core, all others wait their turn: a core whose own store
   waits must not read past it. */
static bool may_hit(const cbit_cache_t *cache, const cbit_line_t *line, uint32_t core,
                    uint8_t command)
{
    return line->mshr == NULL && (command == CBIT_COMMAND_READ || line->owner == (int16_t)core ||
                                  cbit_line_is_alone(cache, line, core));
}

/* The first place of the core in its L1. */
static inline uint32_t first_place(const cbit_core_t *port)
{
    return cbit_level_first(port->l1, port->core * port->l1->sets);
}

/* In the core's second level, and perhaps in its first as well. */
static cbit_line_t *hit_second(cbit_core_t *port, uint8_t command, uint64_t tag, uint32_t second,
                               uint32_t *which)
{
    cbit_cache_t *cache = port->cache;
    const uint32_t first = cbit_first_find(cache, port->core, port->fetch, tag, second);
    cbit_line_t *line = &cache->pool[*cbit_level_line(&cache->l2, second)];
    if (first != NOWHERE) {
        const uint32_t low = cbit_tag_low(tag);
        *cbit_hint_of(port, low) = (cbit_hint_t){.number = low, .place = first - first_place(port)};
    }
    if (!may_hit(cache, line, port->core, command)) {
        return NULL;
    }
    if (first != NOWHERE) {
        cbit_level_touch(port->l1, first);
        *which = port->which;
        return line;
    }
    cbit_level_touch(&cache->l2, second);
    if (line->prefetcher == (int16_t)port->core) {
        line->prefetcher = NO_OWNER;
        cache->stats.prefetches_useful++;
    }
    cbit_line_promote(cache, line, port->core, port->fetch, second);
    *which = ANSWERS_L2;
    return line;
}

/* Out of the L3, which it is in, or a copy of that. */
static inline void bring_near(cbit_core_t *port, cbit_line_t *line, cbit_expected_t *expected)
{
    cbit_cache_t *cache = port->cache;
    if (cache->near) {
        cbit_expect_leaving(cache, expected);
        cbit_line_leave_third(cache, line, port->complex);
        cbit_enter_near(cache, line, cbit_tag_low(line->tag), port);
    } else {
        cbit_line_place(cache, line, port->core, port->fetch);
    }
}

/* In the complex's L3, from where it comes near. */
static cbit_line_t *hit_third(cbit_core_t *port, uint8_t command, cbit_line_t *line,
                              cbit_expected_t *expected, uint32_t *which)
{
    cbit_cache_t *cache = port->cache;
    const uint32_t core = port->core, complex = cbit_complex_of(cache, core);
    const uint64_t mine = UINT64_C(1) << complex;
    if ((line->complexes & mine) == 0 || !cbit_cache_has_room(cache)) {
        return NULL;
    }
    bool elsewhere = line->cores != 0 || (line->complexes & ~mine) != 0;
    if (line->mshr != NULL || line->owner != NO_OWNER ||
        (command == CBIT_COMMAND_WRITE && elsewhere)) {
        return NULL;
    }
    if (cache->l3_inclusive) { /* a victim cache hands its copy up */
        const uint32_t set = cbit_level_set(&cache->l3, complex, line->tag);
        cbit_third_touch(&cache->l3, set, cbit_third_find(cache, set, line));
    }
    bring_near(port, line, expected);
    *which = ANSWERS_L3;
    return line;
}

/* Finds a line in the core's own levels and its complex's L3, and brings it near. NULL: it is not
   there, or must first be taken from others. *which: where it was. */
static inline cbit_line_t *hit(cbit_core_t *port, uint8_t command, uint64_t tag, uint32_t *which)
{
    cbit_cache_t *cache = port->cache;
    const uint32_t second = cbit_second_find(cache, port->core, tag); /* it includes the first */
    if (second != NOWHERE) {
        return hit_second(port, command, tag, second, which);
    }
    /* The directory knows whether the L3 has it, and tells a miss sooner than the L3's tags. */
    const cbit_room_t room = cbit_room_of(cache, cbit_tag_number(tag));
    if (cbit_bucket_has_none(&cache->buckets[room.at], room.print)) {
        return NULL;
    }
    cbit_expected_t expected;
    cbit_expect_from_third(port, cbit_tag_low(tag), &expected);
    cbit_line_t *line = cbit_line_find_in(cache, room, tag);
    return line == NULL ? NULL : hit_third(port, command, line, &expected, which);
}

static inline void count_hit(cbit_cache_t *cache, uint32_t which)
{
    ++*(which == ANSWERS_L3   ? &cache->stats.l3_hits
        : which == ANSWERS_L2 ? &cache->stats.l2_hits
                              : &cache->stats.l1_hits);
}

/* What the prefetcher does not look at. */
static bool is_first_level(const cbit_core_t *port, uint64_t tag)
{
    if (port->fetch) {
        return true;
    }
    const uint32_t second = cbit_second_find(port->cache, port->core, tag);
    return second != NOWHERE &&
           cbit_first_find(port->cache, port->core, false, tag, second) != NOWHERE;
}

/* What a quick access does with the line that it has found. */
static inline void use_quickly(const cbit_core_t *port, cbit_line_t *line, cbit_command_t command,
                               uint32_t len_bytes, uint32_t which)
{
    cbit_cache_t *cache = port->cache;
    if (command == CBIT_COMMAND_READ) {
        if (which == ANSWERS_L3) {
            become_reader(cache, line, port->core);
        }
    } else {
        /* Who wrote it is who has read it here: one key id is one guest, or the host. */
        if (line->owner != (int16_t)port->core) {
            cbit_line_make_exclusive(cache, line, port->core);
        }
        line->dirty = line->dirty || len_bytes != 0;
    }
    if (len_bytes != 0) {
        count_hit(cache, which);
    }
}

/* The line where the first level had it the last time; NULL: it is not there. */
static inline cbit_line_t *hinted(const cbit_core_t *port, cbit_hint_t hint, uint64_t tag)
{
    if (hint.number != cbit_tag_low(tag)) {
        return NULL;
    }
    const uint32_t index = port->first[hint.place / 8].line[hint.place % 8];
    return index != NOWHERE && port->cache->pool[index].tag == tag ? &port->cache->pool[index]
                                                                   : NULL;
}

/* Any level. */
__attribute__((noinline)) static bool quick_any(cbit_core_t *port, cbit_command_t command,
                                                cbit_spa_t spa, cbit_key_t key, void *bytes,
                                                uint32_t len_bytes, uint32_t *clocks)
{
    cbit_cache_t *cache = port->cache;
    if (cbit_cache_is_flushing(cache, port->core)) {
        return false;
    }
    const uint64_t tag = cbit_tag(spa, key);
    const cbit_hint_t hint = *cbit_hint_of(port, cbit_tag_low(tag));
    uint32_t which = port->which;
    cbit_line_t *line = hinted(port, hint, tag);
    if (line != NULL) {
        if (!may_hit(cache, line, port->core, (uint8_t)command)) {
            return false;
        }
        cbit_level_touch(port->l1, first_place(port) + hint.place);
    } else {
        if (cache->streams != NULL && !is_first_level(port, tag)) {
            return false; /* the prefetcher learns from it, which is an event */
        }
        line = hit(port, (uint8_t)command, tag, &which);
        if (line == NULL) {
            return false;
        }
    }
    if (bytes != NULL) {
        move_bytes(cache, line, command, spa, key, bytes, len_bytes);
    }
    use_quickly(port, line, command, len_bytes, which);
    *clocks = cache->clocks[which];
    return true;
}

void cbit_cache_hint(void *self, cbit_spa_t spa)
{
    const cbit_core_t *port = self;
    const cbit_cache_t *cache = port->cache;
    const uint32_t set = (uint32_t)(spa >> LINE_SHIFT) & (cache->l2.sets - 1);
    __builtin_prefetch(port->second + (size_t)set * cache->l2.words, 1);
    __builtin_prefetch(&cache->buckets[cbit_room_of(cache, spa >> LINE_SHIFT).at], 1);
}

/* Most accesses meet a line of their own where the first level had it the last time, or one that is
   nowhere, and go no further. */
bool cbit_cache_quick(void *self, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                      void *bytes, uint32_t len_bytes, uint32_t *clocks)
{
    cbit_core_t *port = self;
    cbit_cache_t *cache = port->cache;
    const uint64_t tag = cbit_tag(spa, key);
    const cbit_hint_t hint = *cbit_hint_of(port, cbit_tag_low(tag));
    if (hint.number != cbit_tag_low(tag) && cbit_line_is_absent(cache, spa)) {
        cache->absent = tag;
        return false;
    }
    cbit_line_t *line = bytes == NULL ? hinted(port, hint, tag) : NULL;
    if (line == NULL || line->mshr != NULL || cache->wbinvds_active != 0 || port->l1->words != 1 ||
        (command != CBIT_COMMAND_READ && line->owner != (int16_t)port->core)) {
        return quick_any(port, command, spa, key, bytes, len_bytes, clocks);
    }
    cbit_turn_use(&port->first[hint.place / 8].order, 1, port->l1->last, hint.place % 8);
    line->dirty = line->dirty || (command != CBIT_COMMAND_READ && len_bytes != 0);
    cache->stats.l1_hits += len_bytes != 0;
    *clocks = cache->clocks[port->which];
    return true;
}

/* ---- requests ---- */

static void train(cbit_core_t *port, const cbit_txn_t *txn)
{
    if (port->cache->streams != NULL) {
        cbit_prefetch_train(port, txn);
    }
}

/* Takes the address under other key ids off the chip. False: not yet. An alias that is on its way
   must arrive first; and a line of our own that is only in a write-back buffer may be older than an
   alias, so that memory must have both before anybody reads it. */
static bool drop_aliases(cbit_cache_t *cache, uint64_t tag, const cbit_line_t *own)
{
    bool leaving = own != NULL && !cbit_line_on_chip(own);
    cbit_line_t *line = cbit_line_of_address(cache, cbit_tag_spa(tag), NULL);
    while (line != NULL) {
        cbit_line_t *next = cbit_line_of_address(cache, cbit_tag_spa(tag), line);
        if (line->tag != tag && (line->mshr != NULL || (leaving && !cbit_line_on_chip(line)))) {
            return false;
        }
        if (line->tag != tag && cbit_line_on_chip(line)) {
            if (line->dirty && !cbit_cache_has_room(cache)) {
                return false;
            }
            cache->stats.aliases_dropped++;
            uint32_t complex = cbit_line_complex(cache, line);
            cbit_line_drop_all(cache, line);
            cbit_line_retire(cache, line, complex);
            if (leaving) {
                cbit_cache_send_victims(cache);
                return false;
            }
        }
        line = next;
    }
    return true;
}

static bool try_miss(cbit_cache_t *cache, cbit_core_t *port, cbit_txn_t *txn, uint64_t tag,
                     cbit_line_t *line)
{
    if (cache->mshrs_busy == cache->mshr_count || cache->waits_left == 0 ||
        !cbit_cache_has_room(cache) ||
        (cache->coherent_domains &&
         (!drop_aliases(cache, tag, line) || !cbit_cache_has_room(cache)))) {
        return false;
    }
    bool whole = txn->command == CBIT_COMMAND_WRITE && txn->size_bytes == CBIT_LINE_BYTES;
    if (line == NULL && whole) {
        line = cbit_line_create(cache, tag);
        cbit_line_place(cache, line, port->core, port->fetch);
        cbit_cache_serve(cache, line, port->core, txn);
        uint32_t which = cache->l1[false].lines != 0 ? ANSWERS_L1D : ANSWERS_L2;
        count_hit(cache, which);
        answer_later(cache, which, txn);
        cbit_cache_send_victims(cache);
        return true;
    }
    if (line == NULL && txn->no_fill) {
        txn->status = CBIT_ERR_OK;
        answer_later(cache, ANSWERS_L2, txn);
        return true;
    }
    bool memory = line == NULL;
    if (memory) {
        line = cbit_line_create(cache, tag);
    } else if (!cbit_line_on_chip(line)) {
        /* In a write-back buffer: it stays, if it is not sent yet, and else comes back clean. */
        line->dirty = cbit_cache_victim_cancel(cache, line);
    }
    cbit_mshr_begin(port, txn, line, memory);
    cbit_cache_send_victims(cache);
    return true;
}

/* Any request. */
__attribute__((noinline)) static bool try_send_any(cbit_core_t *port, cbit_txn_t *txn,
                                                   cbit_waiter_t *waiter)
{
    cbit_cache_t *cache = port->cache;
    const uint64_t tag = cbit_tag(txn->spa, txn->key);
    if (!cbit_cache_is_flushing(cache, port->core)) {
        cbit_line_t *line = cbit_line_find(cache, tag);
        if (line != NULL && line->mshr != NULL) {
            if (cache->waits_left != 0) {
                cbit_mshr_wait(line->mshr, port, txn);
                cache->stats.merges++;
                train(port, txn);
                return true;
            }
        } else {
            uint32_t which;
            if (line != NULL && hit(port, txn->command, tag, &which) != NULL) {
                cbit_cache_serve(cache, line, port->core, txn);
                count_hit(cache, which);
                answer_later(cache, which, txn);
                cbit_cache_send_victims(cache);
                if (which != ANSWERS_L1D) {
                    train(port, txn);
                }
                return true;
            }
            if (try_miss(cache, port, txn, tag, line)) {
                train(port, txn);
                return true;
            }
        }
    }
    if (cache->victims_new && !cbit_cache_has_room(cache)) {
        /* Made by hits of a core that runs ahead: nobody else would send them. */
        cbit_cache_send_victims(cache);
        return try_send_any(port, txn, waiter);
    }
    cache->stats.refusals++;
    if (waiter != NULL) {
        cbit_waitlist_add(&cache->waiters, waiter);
    }
    return false;
}

/* A request that quick() has just looked for in vain goes straight to memory, if there is room. */
bool cbit_cache_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    cbit_core_t *port = self;
    cbit_cache_t *cache = port->cache;
    const uint64_t tag = cbit_tag(txn->spa, txn->key);
    if (tag != cache->absent || cache->wbinvds_active != 0 || cache->streams != NULL ||
        cache->mshrs_free == NULL || cache->waits_left == 0 || !cbit_cache_has_room(cache) ||
        (txn->command == CBIT_COMMAND_WRITE &&
         (txn->no_fill || txn->size_bytes == CBIT_LINE_BYTES))) {
        return try_send_any(port, txn, waiter);
    }
    return cbit_mshr_begin_absent(port, txn);
}

bool cbit_cache_take_write(cbit_cache_t *cache, cbit_txn_t *txn)
{
    const cbit_line_t *line = cbit_line_find(cache, cbit_tag(txn->spa, txn->key));
    if (line == NULL || (line->mshr != NULL && line->mshr->fill)) {
        return false;
    }
    (void)cbit_cache_snoop(cache, CBIT_COMMAND_WRITE, txn->spa, txn->key, txn->data,
                           txn->size_bytes);
    txn->status = CBIT_ERR_OK;
    answer_later(cache, cache->l3.lines != 0 ? ANSWERS_L3 : ANSWERS_L2, txn);
    return true;
}
