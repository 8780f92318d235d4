/* What leaves the cache: victims, WBINVD, CLFLUSH, INVD. */
#include <stdlib.h>
#include <string.h>

#include "model/cache/state.h"

cbit_victim_t *cbit_cache_find_victim(const cbit_cache_t *cache, uint64_t tag)
{
    cbit_victim_t *found = NULL;
    for (uint32_t i = 0; i < cache->mshr_count; i++) {
        cbit_victim_t *victim = &cache->victims[i];
        /* At most one of a line is unsent, and that one is newer than those sent. */
        if (victim->tag == tag && (found == NULL || !victim->sent)) {
            found = victim;
        }
    }
    return found;
}

static void victim_taken(void *self, cbit_txn_t *txn)
{
    cbit_victim_t *victim = self;
    cbit_cache_t *cache = victim->cache;
    if (victim->again) {
        txn->entered_ps = cbit_kernel_now_ps(cache->kernel);
        victim->again = false;
        victim->sent = false;
        victim->next = cache->victims_first;
        cache->victims_first = victim;
        if (victim->next == NULL) {
            cache->victims_last = victim;
        }
    } else {
        victim->tag = 0;
        cache->victims_busy--;
    }
    cbit_cache_send_victims(cache);
    cbit_cache_released(cache);
}

void cbit_cache_evict(cbit_cache_t *cache, uint32_t line)
{
    cbit_victim_t *victim = cache->victims;
    while (victim->tag != 0) {
        victim++;
    }
    victim->tag = cache->tags[line];
    victim->sent = false;
    victim->again = false;
    victim->next = NULL;
    victim->cache = cache;
    memcpy(victim->txn.data, cbit_cache_bytes(cache, line), CBIT_LINE_BYTES);
    victim->txn.source = (uint8_t)(cache->by[line] >> 16);
    victim->txn.source_id = (uint16_t)cache->by[line];
    victim->txn.entered_ps = cbit_kernel_now_ps(cache->kernel);
    cache->victims_busy++;
    if (cache->victims_first == NULL) {
        cache->victims_first = victim;
    } else {
        cache->victims_last->next = victim;
    }
    cache->victims_last = victim;
    cache->tags[line] = 0;
    cache->states[line] = LINE_INVALID;
}

void cbit_cache_victim_take_back(cbit_cache_t *cache, cbit_victim_t *victim)
{
    cbit_victim_t *before = NULL;
    for (cbit_victim_t *v = cache->victims_first; v != victim; v = v->next) {
        before = v;
    }
    *(before != NULL ? &before->next : &cache->victims_first) = victim->next;
    if (cache->victims_last == victim) {
        cache->victims_last = before;
    }
    victim->tag = 0;
    cache->victims_busy--;
}

/* Two writes of one address must not overtake each other, whatever their key ids. */
static bool address_in_flight(const cbit_cache_t *cache, const cbit_victim_t *next)
{
    for (uint32_t i = 0; i < cache->mshr_count; i++) {
        const cbit_victim_t *victim = &cache->victims[i];
        if (victim->tag != 0 && victim->sent &&
            cbit_cache_tag_spa(victim->tag) == cbit_cache_tag_spa(next->tag)) {
            return true;
        }
    }
    return false;
}

void cbit_cache_send_victims(cbit_cache_t *cache)
{
    while (cache->victims_first != NULL && !address_in_flight(cache, cache->victims_first)) {
        cbit_victim_t *victim = cache->victims_first;
        cbit_txn_t *txn = &victim->txn;
        cbit_ps_t since_ps = txn->entered_ps;
        uint16_t source_id = txn->source_id;
        cbit_txn_init(txn, CBIT_COMMAND_WRITE, cbit_cache_tag_spa(victim->tag), CBIT_LINE_BYTES,
                      cbit_cache_tag_key(victim->tag), (cbit_source_t)txn->source, since_ps);
        txn->source_id = source_id;
        cbit_txn_charge(txn, CBIT_STAGE_FABRIC, cbit_kernel_now_ps(cache->kernel) - since_ps);
        cbit_txn_push_reply(txn, victim_taken, victim);
        /* Off the list first: the answer may come from inside. */
        cache->victims_first = victim->next;
        victim->sent = true;
        if (!cache->below.try_send(cache->below.self, txn, &cache->below_space)) {
            victim->sent = false;
            cache->victims_first = victim;
            return;
        }
        cache->stats.writebacks++;
    }
}

/* ---- WBINVD ---- */

static bool write_all_back(cbit_cache_t *cache)
{
    if (cache->mshrs_busy != 0) {
        return false;
    }
    for (; cache->cursor < cache->lines; cache->cursor++) {
        uint32_t line = cache->cursor;
        if (cache->states[line] == LINE_DIRTY) {
            if (!cbit_cache_victim_free(cache)) {
                break;
            }
            cbit_cache_evict(cache, line);
        }
        cache->tags[line] = 0;
        cache->states[line] = LINE_INVALID;
    }
    cbit_cache_send_victims(cache);
    return cache->cursor == cache->lines && cache->victims_busy == 0;
}

static void finish(cbit_flush_t *flush)
{
    void (*done)(void *self) = flush->done;
    void *self = flush->self;
    free(flush);
    if (done != NULL) {
        done(self);
    }
}

static cbit_flush_t *new_flush(cbit_spa_t spa, void (*done)(void *self), void *self)
{
    cbit_flush_t *flush = calloc(1, sizeof *flush);
    if (flush == NULL) {
        __builtin_trap(); /* no way to tell; a few dozen bytes */
    }
    flush->spa = spa;
    flush->done = done;
    flush->self = self;
    return flush;
}

static void append(cbit_flush_t **list, cbit_flush_t *flush)
{
    while (*list != NULL) {
        list = &(*list)->next;
    }
    *list = flush;
}

void cbit_cache_wbinvd(cbit_cache_t *cache, void (*done)(void *self), void *self)
{
    if (cache->wbinvds == NULL) {
        cache->cursor = 0;
    }
    /* One that is under way covers a second one: nothing can have become dirty meanwhile. */
    append(&cache->wbinvds, new_flush(0, done, self));
    cbit_cache_released(cache);
}

/* ---- CLFLUSH ---- */

/* Every line of the address, whatever its key id, is in memory. */
static bool line_gone(cbit_cache_t *cache, cbit_spa_t spa)
{
    uint64_t number = spa >> LINE_SHIFT;
    uint32_t set = cbit_cache_set(cache, spa);
    for (uint32_t line = set; line < set + cache->ways; line++) {
        if (cache->tags[line] == 0 ||
            cbit_cache_tag_spa(cache->tags[line]) >> LINE_SHIFT != number) {
            continue;
        }
        if (cache->states[line] == LINE_DIRTY) {
            if (!cbit_cache_victim_free(cache)) {
                return false;
            }
            cbit_cache_evict(cache, line);
        }
        cache->tags[line] = 0;
        cache->states[line] = LINE_INVALID;
    }
    cbit_cache_send_victims(cache);
    for (uint32_t i = 0; i < cache->mshr_count; i++) {
        if ((cache->mshrs[i].tag != 0 &&
             cbit_cache_tag_spa(cache->mshrs[i].tag) >> LINE_SHIFT == number) ||
            (cache->victims[i].tag != 0 &&
             cbit_cache_tag_spa(cache->victims[i].tag) >> LINE_SHIFT == number)) {
            return false;
        }
    }
    return true;
}

void cbit_cache_clflush(cbit_cache_t *cache, cbit_spa_t spa, void (*done)(void *self), void *self)
{
    if (line_gone(cache, spa)) {
        if (done != NULL) {
            done(self);
        }
        return;
    }
    append(&cache->clflushes, new_flush(spa, done, self));
}

/* Takes those that are complete off the list, before telling anybody. */
static cbit_flush_t *complete_clflushes(cbit_cache_t *cache)
{
    cbit_flush_t *complete = NULL, **end = &complete, **link = &cache->clflushes;
    while (*link != NULL) {
        cbit_flush_t *flush = *link;
        if (line_gone(cache, flush->spa)) {
            *link = flush->next;
            flush->next = NULL;
            *end = flush;
            end = &flush->next;
        } else {
            link = &flush->next;
        }
    }
    return complete;
}

static void finish_all(cbit_flush_t *flush)
{
    while (flush != NULL) {
        cbit_flush_t *next = flush->next;
        finish(flush);
        flush = next;
    }
}

void cbit_cache_continue_flushes(cbit_cache_t *cache)
{
    /* Writes that are accepted at once come back here from inside; one level walks the lists. */
    cache->flush_again = true;
    if (cache->flushing) {
        return;
    }
    cache->flushing = true;
    while (cache->flush_again) {
        cache->flush_again = false;
        if (cache->clflushes != NULL) {
            finish_all(complete_clflushes(cache));
        }
        if (cache->wbinvds != NULL && write_all_back(cache)) {
            cbit_flush_t *all = cache->wbinvds;
            cache->wbinvds = NULL;
            finish_all(all);
        }
    }
    cache->flushing = false;
}

void cbit_cache_invd(cbit_cache_t *cache)
{
    for (uint32_t line = 0; line < cache->lines; line++) {
        if (cache->states[line] != LINE_PENDING) {
            cache->tags[line] = 0;
            cache->states[line] = LINE_INVALID;
        }
    }
}
