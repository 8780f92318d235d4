/* What leaves the chip: write-backs, WBINVD, CLFLUSH, INVD. */
#include <stdlib.h>
#include <string.h>

#include "model/cache/state.h"

/* ---- write-backs ---- */

static void victim_append(cbit_cache_t *cache, cbit_victim_t *victim)
{
    victim->next = NULL;
    *(cache->victims_first == NULL ? &cache->victims_first : &cache->victims_last->next) = victim;
    cache->victims_last = victim;
}

static void flushers_hear(cbit_cache_t *cache, cbit_victim_t *victim)
{
    for (uint32_t core = 0; victim->flushers != 0; core++, victim->flushers >>= 1) {
        cache->of_core[core].writes_left -= (uint32_t)(victim->flushers & 1);
    }
}

static void give_back(cbit_cache_t *cache, cbit_victim_t *victim)
{
    victim->busy = false;
    victim->next = cache->victims_free;
    cache->victims_free = victim;
    cache->victims_busy--;
}

static void victim_taken(void *self, cbit_txn_t *txn)
{
    cbit_victim_t *victim = self;
    cbit_cache_t *cache = victim->cache;
    cbit_line_t *line = &cache->pool[victim->line];
    if (victim->again) {
        victim->again = false;
        victim->sent = false;
        txn->entered_ps = cbit_kernel_now_ps(cache->kernel);
        victim_append(cache, victim);
    } else {
        line->victims--;
        flushers_hear(cache, victim);
        give_back(cache, victim);
        cbit_line_release(cache, line);
    }
    cbit_cache_send_victims(cache);
    cbit_cache_send_fills(cache);
    cbit_cache_released(cache);
}

/* An unsent write-back of a line takes what is newest anyway. */
static cbit_victim_t *unsent(const cbit_cache_t *cache, const cbit_line_t *line)
{
    uint32_t index = cbit_index(cache, line);
    cbit_victim_t *victim = cache->victims_first;
    while (line->victims != 0 && victim != NULL && victim->line != index) {
        victim = victim->next;
    }
    return line->victims == 0 ? NULL : victim;
}

void cbit_cache_write_back(cbit_cache_t *cache, cbit_line_t *line, uint32_t complex)
{
    line->dirty = false;
    if (unsent(cache, line) != NULL) {
        return;
    }
    cbit_victim_t *victim = cache->victims_free;
    cache->victims_free = victim->next;
    victim->busy = true;
    victim->sent = false;
    victim->again = false;
    victim->line = cbit_index(cache, line);
    victim->complex = complex;
    victim->flushers = 0;
    victim->txn.entered_ps = CBIT_PS_NEVER;
    cache->victims_new = true;
    cache->victims_busy++;
    line->victims++;
    victim_append(cache, victim);
}

bool cbit_cache_victim_cancel(cbit_cache_t *cache, cbit_line_t *line)
{
    cbit_victim_t *victim = unsent(cache, line);
    if (victim == NULL) {
        return false;
    }
    cbit_victim_t *before = NULL;
    for (cbit_victim_t *v = cache->victims_first; v != victim; v = v->next) {
        before = v;
    }
    *(before != NULL ? &before->next : &cache->victims_first) = victim->next;
    cache->victims_last = cache->victims_last == victim ? before : cache->victims_last;
    give_back(cache, victim);
    line->victims--;
    flushers_hear(cache, victim); /* it is back in a cache, written after the WBINVD began */
    return true;
}

void cbit_cache_victim_again(cbit_cache_t *cache, cbit_line_t *line)
{
    uint32_t index = cbit_index(cache, line);
    if (unsent(cache, line) != NULL) {
        return;
    }
    for (uint32_t i = 0; line->victims != 0; i++) {
        cbit_victim_t *victim = &cache->victims[i];
        if (victim->busy && victim->line == index) {
            victim->again = true;
            return;
        }
    }
}

/* Two writes of one address must not overtake each other, whatever their key ids. */
static bool address_in_flight(const cbit_cache_t *cache, const cbit_line_t *line)
{
    if (line->alone && line->victims <= 1) {
        return false; /* only the one that asks */
    }
    cbit_spa_t spa = cbit_tag_spa(line->tag);
    uint32_t waiting = 0;
    for (const cbit_line_t *each = cbit_line_of_address(cache, spa, NULL); each != NULL;
         each = cbit_line_of_address(cache, spa, each)) {
        waiting += each->victims;
    }
    if (waiting <= 1) {
        return false;
    }
    uint32_t limit = cache->victim_count + cache->mshr_count;
    for (uint32_t i = 0; i < limit; i++) {
        const cbit_victim_t *victim = &cache->victims[i];
        if (victim->busy && victim->sent && cbit_tag_spa(cache->pool[victim->line].tag) == spa) {
            return true;
        }
    }
    return false;
}

/*
 * A write-back waits from the time on at which it could first be sent. That is now for those that a
 * request has made; one that a core has made, running ahead through its hits, has come from a time
 * that nobody here knows, before now and after all that was sent earlier.
 */
static void begin_waiting(cbit_cache_t *cache)
{
    cache->victims_new = false;
    for (cbit_victim_t *victim = cache->victims_first; victim != NULL; victim = victim->next) {
        if (victim->txn.entered_ps == CBIT_PS_NEVER) {
            victim->txn.entered_ps = cbit_kernel_now_ps(cache->kernel);
        }
    }
}

void cbit_cache_send_waiting_victims(cbit_cache_t *cache)
{
    if (cache->victims_new) {
        begin_waiting(cache);
    }
    while (cache->victims_first != NULL) {
        cbit_victim_t *victim = cache->victims_first;
        const cbit_line_t *line = &cache->pool[victim->line];
        if (address_in_flight(cache, line)) {
            return;
        }
        cbit_txn_t *txn = &victim->txn;
        cbit_ps_t since_ps = txn->entered_ps;
        cbit_txn_init(txn, CBIT_COMMAND_WRITE, cbit_tag_spa(line->tag), CBIT_LINE_BYTES,
                      cbit_tag_key(line->tag), (cbit_source_t)(line->by >> 16), since_ps);
        txn->source_id = (uint16_t)line->by;
        txn->no_bytes = cache->bytes == NULL;
        if (!txn->no_bytes) {
            memcpy(txn->data, cbit_line_bytes(cache, line), CBIT_LINE_BYTES);
        }
        cbit_txn_charge(txn, CBIT_STAGE_FABRIC, cbit_kernel_now_ps(cache->kernel) - since_ps);
        cbit_txn_push_reply(txn, victim_taken, victim);
        /* Off the list first: the answer may come from inside. */
        cache->victims_first = victim->next;
        victim->sent = true;
        const cbit_port_t *below = &cache->below_of_complex[victim->complex];
        if (!below->try_send(below->self, txn, &cache->below_space)) {
            victim->sent = false;
            cache->victims_last = cache->victims_first == NULL ? victim : cache->victims_last;
            victim->next = cache->victims_first;
            cache->victims_first = victim;
            return;
        }
        cache->stats.writebacks++;
    }
}

/* ---- WBINVD ---- */

/* Writes a line back, other caches' copies or not, and takes it out of one unit. */
static void flush_line(cbit_cache_t *cache, cbit_line_t *line, uint32_t unit, bool l3)
{
    uint32_t complex = l3 ? unit : cbit_complex_of(cache, unit);
    if (line->dirty) {
        cbit_cache_write_back(cache, line, complex);
    }
    if (l3) {
        cbit_line_drop_complex(cache, line, unit);
    } else {
        cbit_line_drop_core(cache, line, unit);
    }
    cbit_line_retire(cache, line, complex);
}

/* Goes over a core's L2, then its complex's L3; false: no buffer is free for the next dirty line.
 */
static bool scan(cbit_cache_t *cache, uint32_t core)
{
    struct cbit_flushing *flushing = &cache->of_core[core];
    uint32_t l2_lines = cache->l2.lines;
    for (; flushing->cursor < l2_lines + cache->l3.lines; flushing->cursor++) {
        bool l3 = flushing->cursor >= l2_lines;
        const cbit_level_t *level = l3 ? &cache->l3 : &cache->l2;
        uint32_t unit = l3 ? cbit_complex_of(cache, core) : core;
        uint32_t place = cbit_level_nth(level, unit, flushing->cursor - (l3 ? l2_lines : 0));
        const uint32_t index = l3 ? level->line[place] : *cbit_level_line(level, place);
        if (index == NOWHERE) {
            continue;
        }
        cbit_line_t *line = &cache->pool[index];
        if (line->dirty && !cbit_cache_has_room(cache)) {
            return false;
        }
        flush_line(cache, line, unit, l3);
    }
    return true;
}

/* All write-backs under way, those of earlier evictions included, are this WBINVD's to wait for. */
static void mark_victims(cbit_cache_t *cache, uint32_t core)
{
    uint64_t bit = UINT64_C(1) << core;
    uint32_t limit = cache->victim_count + cache->mshr_count;
    for (uint32_t i = 0; i < limit; i++) {
        if (cache->victims[i].busy && (cache->victims[i].flushers & bit) == 0) {
            cache->victims[i].flushers |= bit;
            cache->of_core[core].writes_left++;
        }
    }
}

static bool wbinvd_complete(cbit_cache_t *cache, uint32_t core)
{
    struct cbit_flushing *flushing = &cache->of_core[core];
    if (cbit_mshr_waiting(cache, core) != 0) {
        return false;
    }
    if (!flushing->scanned) {
        bool over = scan(cache, core);
        if (over) {
            mark_victims(cache, core); /* nobody asks before; those that are gone by now are */
        }
        cbit_cache_send_victims(cache);
        if (!over) {
            return false;
        }
        flushing->scanned = true;
    }
    return flushing->writes_left == 0;
}

static cbit_flush_t *new_flush(const cbit_flush_t *what)
{
    cbit_flush_t *flush = calloc(1, sizeof *flush);
    if (flush == NULL) {
        __builtin_trap(); /* no way to tell; a few dozen bytes */
    }
    *flush = *what;
    flush->next = NULL;
    return flush;
}

static void append(cbit_flush_t **list, cbit_flush_t *flush)
{
    while (*list != NULL) {
        list = &(*list)->next;
    }
    *list = flush;
}

static void finish_all(cbit_flush_t *flush)
{
    while (flush != NULL) {
        cbit_flush_t *next = flush->next;
        void (*done)(void *self) = flush->done;
        void *self = flush->self;
        free(flush);
        if (done != NULL) {
            done(self);
        }
        flush = next;
    }
}

void cbit_cache_wbinvd(cbit_cache_t *cache, uint32_t core, void (*done)(void *self), void *self)
{
    struct cbit_flushing *flushing = &cache->of_core[core];
    if (flushing->wbinvds == NULL) {
        flushing->cursor = 0;
        flushing->scanned = false;
        cache->wbinvds_active++;
    }
    /* One that is under way covers a second one: this core can have made nothing dirty meanwhile.
     */
    append(&flushing->wbinvds, new_flush(&(cbit_flush_t){.done = done, .self = self}));
    cbit_cache_released(cache);
}

/* ---- CLFLUSH and page flush ---- */

static bool is_meant(const cbit_flush_t *flush, const cbit_line_t *line)
{
    return flush->any_key || cbit_tag_key(line->tag) == flush->key;
}

/* Takes the lines of an address off the chip, those on their way and without a buffer excepted. */
static void push_out(cbit_cache_t *cache, cbit_spa_t spa, const cbit_flush_t *flush)
{
    cbit_line_t *line = cbit_line_of_address(cache, spa, NULL);
    while (line != NULL) {
        cbit_line_t *next = cbit_line_of_address(cache, spa, line);
        if (is_meant(flush, line) && line->mshr == NULL && cbit_line_on_chip(line) &&
            (!line->dirty || cbit_cache_has_room(cache))) {
            uint32_t complex = cbit_line_complex(cache, line);
            cbit_line_drop_all(cache, line);
            cbit_line_retire(cache, line, complex);
        }
        line = next;
    }
}

/* Every line that is meant is in memory, and nowhere else. */
static bool lines_gone(cbit_cache_t *cache, const cbit_flush_t *flush)
{
    for (cbit_spa_t spa = flush->spa; spa < flush->end_spa; spa += CBIT_LINE_BYTES) {
        push_out(cache, spa, flush);
    }
    cbit_cache_send_victims(cache);
    for (cbit_spa_t spa = flush->spa; spa < flush->end_spa; spa += CBIT_LINE_BYTES) {
        const cbit_line_t *line = cbit_line_of_address(cache, spa, NULL);
        while (line != NULL && !is_meant(flush, line)) {
            line = cbit_line_of_address(cache, spa, line);
        }
        if (line != NULL) {
            return false;
        }
    }
    return true;
}

static void flush_lines(cbit_cache_t *cache, const cbit_flush_t *flush)
{
    if (lines_gone(cache, flush)) {
        if (flush->done != NULL) {
            flush->done(flush->self);
        }
        return;
    }
    append(&cache->clflushes, new_flush(flush));
}

void cbit_cache_clflush(cbit_cache_t *cache, cbit_spa_t spa, void (*done)(void *self), void *self)
{
    const cbit_spa_t first = spa & ~(cbit_spa_t)(CBIT_LINE_BYTES - 1);
    flush_lines(cache, &(cbit_flush_t){.spa = first,
                                       .end_spa = first + CBIT_LINE_BYTES,
                                       .any_key = true,
                                       .done = done,
                                       .self = self});
}

void cbit_cache_flush_page(cbit_cache_t *cache, cbit_spa_t spa, cbit_key_t key,
                           void (*done)(void *self), void *self)
{
    const cbit_spa_t page = spa & ~(cbit_spa_t)(CBIT_PAGE_BYTES - 1);
    cache->stats.page_flushes++;
    flush_lines(cache, &(cbit_flush_t){.spa = page,
                                       .end_spa = page + CBIT_PAGE_BYTES,
                                       .key = key,
                                       .done = done,
                                       .self = self});
}

/* Takes those that are complete off the list, before telling anybody. */
static cbit_flush_t *complete_clflushes(cbit_cache_t *cache)
{
    cbit_flush_t *complete = NULL, **end = &complete, **link = &cache->clflushes;
    while (*link != NULL) {
        cbit_flush_t *flush = *link;
        if (lines_gone(cache, flush)) {
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

static void continue_wbinvds(cbit_cache_t *cache)
{
    for (uint32_t core = 0; cache->wbinvds_active != 0 && core < cache->cores; core++) {
        struct cbit_flushing *flushing = &cache->of_core[core];
        if (flushing->wbinvds != NULL && wbinvd_complete(cache, core)) {
            cbit_flush_t *all = flushing->wbinvds;
            flushing->wbinvds = NULL;
            cache->wbinvds_active--;
            finish_all(all);
        }
    }
}

void cbit_cache_tell_released(cbit_cache_t *cache)
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
        continue_wbinvds(cache);
    }
    cache->flushing = false;
    cbit_waitlist_t waiting = cache->waiters;
    cache->waiters = (cbit_waitlist_t){NULL, NULL};
    while (cbit_waitlist_wake_one(&waiting)) {
    }
}

/* ---- INVD ---- */

static void forget(cbit_cache_t *cache, cbit_level_t *level, uint32_t unit, bool l3)
{
    for (uint32_t i = 0; i < level->lines; i++) {
        const uint32_t place = cbit_level_nth(level, unit, i);
        const uint32_t index = l3 ? level->line[place] : *cbit_level_line(level, place);
        if (index == NOWHERE) {
            continue;
        }
        cbit_line_t *line = &cache->pool[index];
        if (l3) {
            cbit_line_drop_complex(cache, line, unit);
        } else {
            cbit_line_drop_core(cache, line, unit);
        }
        line->dirty = line->dirty && cbit_line_on_chip(line);
        cbit_line_release(cache, line);
    }
}

void cbit_cache_invd(cbit_cache_t *cache, uint32_t core)
{
    forget(cache, &cache->l2, core, false);
    forget(cache, &cache->l3, cbit_complex_of(cache, core), true);
}

void cbit_cache_for_each_dirty(const cbit_cache_t *cache,
                               void (*visit)(void *visitor, cbit_spa_t spa, cbit_key_t key,
                                             const uint8_t bytes[CBIT_LINE_BYTES]),
                               void *visitor)
{
    for (uint32_t i = 0; i < cache->pool_used; i++) {
        const cbit_line_t *line = &cache->pool[i];
        if (line->tag != 0 && line->dirty && cbit_line_on_chip(line)) {
            visit(visitor, cbit_tag_spa(line->tag), cbit_tag_key(line->tag), cache->bytes[i]);
        }
    }
}
