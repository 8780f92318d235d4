/* Requests: look-up, miss, fill, answer. */
#include <string.h>

#include "model/cache/state.h"

cbit_mshr_t *cbit_cache_find_mshr(const cbit_cache_t *cache, uint64_t tag)
{
    for (uint32_t i = 0; cache->mshrs_busy != 0 && i < cache->mshr_count; i++) {
        if (cache->mshrs[i].tag == tag) {
            return &cache->mshrs[i];
        }
    }
    return NULL;
}

/* Moves a request's bytes from or to a line that is here. */
static void serve(cbit_cache_t *cache, uint32_t line, cbit_txn_t *txn)
{
    uint8_t *at = cbit_cache_bytes(cache, line) + txn->spa % CBIT_LINE_BYTES;
    if (txn->command == CBIT_COMMAND_READ) {
        memcpy(txn->data, at, txn->size_bytes);
    } else {
        memcpy(at, txn->data, txn->size_bytes);
        cache->states[line] = LINE_DIRTY;
        cache->by[line] = (uint32_t)txn->source << 16 | txn->source_id;
    }
    cache->used[line] = ++cache->touches;
    txn->status = CBIT_ERR_OK;
}

static void place(cbit_cache_t *cache, uint32_t line, uint64_t tag, cbit_line_state_t state)
{
    cache->tags[line] = tag;
    cache->states[line] = (uint8_t)state;
    cache->used[line] = ++cache->touches;
}

/* The place that a new line gets: an empty one, else the least recently used. NO_LINE when every
   way waits for a fill. */
static uint32_t choose(const cbit_cache_t *cache, cbit_spa_t spa)
{
    uint32_t set = cbit_cache_set(cache, spa);
    uint32_t best = NO_LINE;
    for (uint32_t line = set; line < set + cache->ways; line++) {
        if (cache->states[line] == LINE_INVALID) {
            return line;
        }
        if (cache->states[line] != LINE_PENDING &&
            (best == NO_LINE || cache->used[line] < cache->used[best])) {
            best = line;
        }
    }
    return best;
}

/* Frees a place in the set of spa; spare: a write-back buffer will be free although none is now. */
static uint32_t make_room(cbit_cache_t *cache, cbit_spa_t spa, bool spare)
{
    uint32_t line = choose(cache, spa);
    if (line == NO_LINE ||
        (cache->states[line] == LINE_DIRTY && !spare && !cbit_cache_victim_free(cache))) {
        return NO_LINE;
    }
    return line;
}

static void vacate(cbit_cache_t *cache, uint32_t line)
{
    if (cache->states[line] == LINE_DIRTY) {
        cbit_cache_evict(cache, line);
    }
    cache->tags[line] = 0;
}

static void answer_later(cbit_cache_t *cache, cbit_txn_t *txn)
{
    cbit_ps_t at_ps = cbit_kernel_now_ps(cache->kernel) + cache->hit_ps;
    cbit_txn_charge(txn, CBIT_STAGE_CORE, cache->hit_ps);
    txn->entered_ps = at_ps;
    txn->next = NULL;
    if (cache->hits_first == NULL) {
        cache->hits_first = txn;
        cbit_event_notify_at(cache->kernel, &cache->hit_event, at_ps);
    } else {
        cache->hits_last->next = txn;
    }
    cache->hits_last = txn;
}

void cbit_cache_answer_hits(void *self)
{
    cbit_cache_t *cache = self;
    cbit_txn_t *txn = cache->hits_first;
    cache->hits_first = txn->next;
    if (cache->hits_first != NULL) {
        cbit_event_notify_at(cache->kernel, &cache->hit_event, cache->hits_first->entered_ps);
    }
    cbit_txn_reply(txn);
}

/* A line that is in a write-back buffer comes back without asking memory. */
static bool take_from_victim(cbit_cache_t *cache, cbit_victim_t *victim, cbit_txn_t *txn)
{
    uint32_t line = make_room(cache, txn->spa, !victim->sent);
    if (line == NO_LINE) {
        return false;
    }
    uint64_t tag = victim->tag;
    uint8_t bytes[CBIT_LINE_BYTES];
    memcpy(bytes, victim->txn.data, sizeof bytes);
    uint32_t by = (uint32_t)victim->txn.source << 16 | victim->txn.source_id;
    bool dirty = !victim->sent;
    if (!victim->sent) {
        cbit_cache_victim_take_back(cache, victim);
    }
    vacate(cache, line);
    place(cache, line, tag, dirty ? LINE_DIRTY : LINE_CLEAN);
    cache->by[line] = by;
    memcpy(cbit_cache_bytes(cache, line), bytes, sizeof bytes);
    serve(cache, line, txn);
    cache->stats.hits++;
    answer_later(cache, txn);
    cbit_cache_send_victims(cache);
    return true;
}

/* A write of a whole line needs none of the old bytes. */
static void write_whole_line(cbit_cache_t *cache, uint32_t line, uint64_t tag, cbit_txn_t *txn)
{
    vacate(cache, line);
    place(cache, line, tag, LINE_DIRTY);
    serve(cache, line, txn);
    cache->stats.hits++;
    answer_later(cache, txn);
    cbit_cache_send_victims(cache);
}

static void wait_in(cbit_mshr_t *mshr, cbit_txn_t *txn)
{
    txn->entered_ps = cbit_kernel_now_ps(mshr->cache->kernel);
    txn->next = NULL;
    if (mshr->first == NULL) {
        mshr->first = txn;
    } else {
        mshr->last->next = txn;
    }
    mshr->last = txn;
}

static void fill_arrived(void *self, cbit_txn_t *fill);

static void start_fill(cbit_cache_t *cache, cbit_mshr_t *mshr, uint32_t line, uint64_t tag,
                       cbit_txn_t *txn)
{
    vacate(cache, line);
    place(cache, line, 0, LINE_PENDING);
    *mshr = (cbit_mshr_t){.tag = tag, .line = line, .cache = cache};
    cache->mshrs_busy++;
    cache->stats.misses++;
    wait_in(mshr, txn);
    cbit_txn_t *fill = &mshr->fill;
    cbit_txn_init(fill, CBIT_COMMAND_READ, cbit_cache_tag_spa(tag), CBIT_LINE_BYTES, txn->key,
                  (cbit_source_t)txn->source, txn->born_ps);
    fill->source_id = txn->source_id;
    memcpy(fill->stage_ps, txn->stage_ps, sizeof fill->stage_ps);
    cbit_txn_charge(fill, CBIT_STAGE_CORE, cache->hit_ps);
    fill->entered_ps = cbit_kernel_now_ps(cache->kernel) + cache->hit_ps;
    cbit_txn_push_reply(fill, fill_arrived, mshr);
    if (cache->fills_first == NULL) {
        cache->fills_first = mshr;
        cbit_event_notify_at(cache->kernel, &cache->fill_event, fill->entered_ps);
    } else {
        cache->fills_last->next = mshr;
    }
    cache->fills_last = mshr;
    cbit_cache_send_victims(cache);
}

/* Sends what has been looked up, in order, until one must wait for its time or for room. */
void cbit_cache_send_fills(void *self)
{
    cbit_cache_t *cache = self;
    cbit_ps_t now_ps = cbit_kernel_now_ps(cache->kernel);
    while (cache->fills_first != NULL) {
        cbit_mshr_t *mshr = cache->fills_first;
        if (mshr->fill.entered_ps > now_ps) {
            cbit_event_notify_at(cache->kernel, &cache->fill_event, mshr->fill.entered_ps);
            return;
        }
        cbit_ps_t waited_ps = now_ps - mshr->fill.entered_ps;
        cbit_txn_charge(&mshr->fill, CBIT_STAGE_FABRIC, waited_ps);
        if (!cache->below.try_send(cache->below.self, &mshr->fill, &cache->below_space)) {
            mshr->fill.stage_ps[CBIT_STAGE_FABRIC] -= waited_ps;
            return;
        }
        cache->fills_first = mshr->next;
    }
}

static void install(cbit_mshr_t *mshr)
{
    cbit_cache_t *cache = mshr->cache;
    uint8_t *bytes = cbit_cache_bytes(cache, mshr->line);
    memcpy(bytes, mshr->fill.data, CBIT_LINE_BYTES);
    for (uint32_t i = 0; mshr->patch_mask != 0 && i < CBIT_LINE_BYTES; i++) {
        if ((mshr->patch_mask >> i & 1) != 0) {
            bytes[i] = mshr->patch[i];
        }
    }
    place(cache, mshr->line, mshr->tag, LINE_CLEAN);
}

static void fill_arrived(void *self, cbit_txn_t *fill)
{
    cbit_mshr_t *mshr = self;
    cbit_cache_t *cache = mshr->cache;
    cbit_ps_t now_ps = cbit_kernel_now_ps(cache->kernel);
    cbit_err_t status = fill->status;
    if (status == CBIT_ERR_OK) {
        install(mshr);
    } else {
        cache->states[mshr->line] = LINE_INVALID;
    }
    cbit_txn_t *txn = mshr->first;
    memcpy(txn->stage_ps, fill->stage_ps, sizeof txn->stage_ps);
    for (cbit_txn_t *each = txn; each != NULL; each = each->next) {
        if (each != txn) {
            cbit_txn_charge(each, CBIT_STAGE_CORE, now_ps - each->entered_ps);
        }
        if (status == CBIT_ERR_OK) {
            serve(cache, mshr->line, each);
        } else {
            memset(each->data, 0, sizeof each->data);
            each->status = status;
        }
    }
    mshr->tag = 0;
    cache->mshrs_busy--;
    /* All is in order before anybody hears of it: answers lead to new requests. */
    while (txn != NULL) {
        cbit_txn_t *next = txn->next;
        cbit_txn_reply(txn);
        txn = next;
    }
    cbit_cache_released(cache);
}

static cbit_mshr_t *free_mshr(const cbit_cache_t *cache)
{
    for (uint32_t i = 0; i < cache->mshr_count; i++) {
        if (cache->mshrs[i].tag == 0) {
            return &cache->mshrs[i];
        }
    }
    return NULL;
}

static bool try_miss(cbit_cache_t *cache, cbit_txn_t *txn, uint64_t tag)
{
    cbit_victim_t *victim = cache->victims_busy == 0 ? NULL : cbit_cache_find_victim(cache, tag);
    if (victim != NULL) {
        return take_from_victim(cache, victim, txn);
    }
    bool whole = txn->command == CBIT_COMMAND_WRITE && txn->size_bytes == CBIT_LINE_BYTES;
    cbit_mshr_t *mshr = whole ? NULL : free_mshr(cache);
    uint32_t line = whole || mshr != NULL ? make_room(cache, txn->spa, false) : NO_LINE;
    if (line == NO_LINE) {
        return false;
    }
    if (whole) {
        write_whole_line(cache, line, tag, txn);
    } else {
        start_fill(cache, mshr, line, tag, txn);
    }
    return true;
}

bool cbit_cache_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    cbit_cache_t *cache = self;
    uint64_t tag = cbit_cache_tag(txn->spa, txn->key);
    if (cache->wbinvds == NULL) {
        uint32_t line = cbit_cache_find(cache, tag);
        if (line != NO_LINE) {
            serve(cache, line, txn);
            cache->stats.hits++;
            answer_later(cache, txn);
            return true;
        }
        cbit_mshr_t *mshr = cbit_cache_find_mshr(cache, tag);
        if (mshr != NULL) {
            wait_in(mshr, txn);
            cache->stats.merges++;
            return true;
        }
        if (try_miss(cache, txn, tag)) {
            return true;
        }
    }
    cache->stats.refusals++;
    if (waiter != NULL) {
        cbit_waitlist_add(&cache->waiters, waiter);
    }
    return false;
}

bool cbit_cache_quick(void *self, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                      void *bytes, uint32_t len_bytes, uint32_t *clocks)
{
    cbit_cache_t *cache = self;
    uint32_t line = cbit_cache_find(cache, cbit_cache_tag(spa, key));
    if (line == NO_LINE || cache->wbinvds != NULL) {
        return false;
    }
    uint8_t *at = cbit_cache_bytes(cache, line) + spa % CBIT_LINE_BYTES;
    if (command == CBIT_COMMAND_READ) {
        memcpy(bytes, at, len_bytes);
    } else if (cache->states[line] != LINE_DIRTY) {
        return false; /* the line must learn who writes it */
    } else {
        memcpy(at, bytes, len_bytes);
    }
    cache->used[line] = ++cache->touches;
    cache->stats.hits++;
    *clocks = cache->hit_cclk;
    return true;
}

void cbit_cache_released(cbit_cache_t *cache)
{
    cbit_cache_continue_flushes(cache);
    cbit_waitlist_t waiting = cache->waiters;
    cache->waiters = (cbit_waitlist_t){NULL, NULL};
    while (cbit_waitlist_wake_one(&waiting)) {
    }
}
