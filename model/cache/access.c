/* Requests: hit, transfer, miss, fill, answer. */
#include <string.h>

#include "model/cache/state.h"

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

/* Serves a request from a line that its core has. */
static void serve(cbit_cache_t *cache, cbit_line_t *line, uint32_t core, cbit_txn_t *txn)
{
    if (!txn->no_bytes) {
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

/* A core that has a copy may read it; to write it must be the only one. */
static bool may_serve(const cbit_cache_t *cache, const cbit_line_t *line, uint32_t core,
                      uint8_t command)
{
    return (line->cores >> core & 1) != 0 &&
           (command == CBIT_COMMAND_READ || cbit_line_is_alone(cache, line, core));
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

/* Finds a line in the core's own levels and its complex's L3, and brings it near. NULL: it is not
   there, or must first be taken from others. *which: where it was. */
static cbit_line_t *hit(cbit_core_t *port, uint8_t command, uint64_t tag, uint32_t *which)
{
    cbit_cache_t *cache = port->cache;
    uint32_t core = port->core;
    bool fetch = port->fetch;
    cbit_level_t *l1 = fetch ? &cache->l1i : &cache->l1d;
    uint32_t *hint = &port->hints[cbit_tag_number(tag) & (L1_HINTS - 1)];
    uint32_t place = *hint;
    if (l1->lines == 0 || l1->tags[place] != tag) {
        place = cbit_level_find(l1, core, tag);
    }
    if (place != NOWHERE) {
        *hint = place;
        cbit_line_t *line = &cache->pool[l1->line[place]];
        if (!may_hit(cache, line, core, command)) {
            return NULL;
        }
        cbit_level_touch(l1, place);
        *which = fetch ? ANSWERS_L1I : ANSWERS_L1D;
        return line;
    }
    place = cbit_level_find(&cache->l2, core, tag);
    if (place != NOWHERE) {
        cbit_line_t *line = &cache->pool[cache->l2.line[place]];
        if (!may_hit(cache, line, core, command)) {
            return NULL;
        }
        cbit_level_touch(&cache->l2, place);
        cbit_line_promote(cache, line, core, fetch);
        *which = ANSWERS_L2;
        return line;
    }
    /* The directory knows whether the L3 has it, and tells a miss sooner than the L3's tags. */
    cbit_line_t *line = cbit_line_find(cache, tag);
    uint64_t mine = UINT64_C(1) << cbit_complex_of(cache, core);
    if (line == NULL || (line->complexes & mine) == 0 || !cbit_cache_has_room(cache)) {
        return NULL;
    }
    bool elsewhere = line->cores != 0 || (line->complexes & ~mine) != 0;
    if (line->mshr != NULL || line->owner != NO_OWNER ||
        (command == CBIT_COMMAND_WRITE && elsewhere)) {
        return NULL;
    }
    cbit_level_touch(&cache->l3, cbit_level_find_line(&cache->l3, cbit_complex_of(cache, core), tag,
                                                      cbit_index(cache, line)));
    cbit_line_place(cache, line, core, fetch);
    *which = ANSWERS_L3;
    return line;
}

static void count_hit(cbit_cache_t *cache, uint32_t which)
{
    cache->stats.l1_hits += which == ANSWERS_L1D || which == ANSWERS_L1I;
    cache->stats.l2_hits += which == ANSWERS_L2;
    cache->stats.l3_hits += which == ANSWERS_L3;
}

bool cbit_cache_quick(void *self, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                      void *bytes, uint32_t len_bytes, uint32_t *clocks)
{
    cbit_core_t *port = self;
    cbit_cache_t *cache = port->cache;
    if (cache->wbinvds_active != 0 && cache->of_core[port->core].wbinvds != NULL) {
        return false;
    }
    uint32_t which;
    cbit_line_t *line = hit(port, (uint8_t)command, cbit_tag(spa, key), &which);
    if (line == NULL) {
        return false;
    }
    if (bytes != NULL) {
        move_bytes(cache, line, command, spa, key, bytes, len_bytes);
    }
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
    *clocks = cache->clocks[which];
    return true;
}

/* ---- lines on their way ---- */

static void wait_for(cbit_mshr_t *mshr, uint32_t core, bool fetch, cbit_txn_t *txn)
{
    cbit_cache_t *cache = mshr->cache;
    cbit_wait_t *wait = cache->waits_free;
    cache->waits_free = wait->next;
    *wait = (cbit_wait_t){.txn = txn, .core = core, .fetch = fetch};
    txn->entered_ps = cbit_kernel_now_ps(cache->kernel);
    *(mshr->first == NULL ? &mshr->first : &mshr->last->next) = wait;
    mshr->last = wait;
    cache->of_core[core].waiting++;
}

static cbit_mshr_t *take_mshr(cbit_cache_t *cache, cbit_line_t *line)
{
    cbit_mshr_t *mshr = cache->mshrs_free;
    cache->mshrs_free = mshr->next;
    mshr->busy = true;
    mshr->line = cbit_index(cache, line);
    mshr->first = NULL;
    mshr->last = NULL;
    mshr->patch_mask = 0;
    mshr->next = NULL;
    line->mshr = mshr;
    cache->mshrs_busy++;
    return mshr;
}

/* The complexes that have a copy, in their L3 or in a core. */
static uint64_t holders(const cbit_cache_t *cache, const cbit_line_t *line)
{
    uint64_t found = line->complexes;
    for (uint64_t left = line->cores; left != 0; left &= left - 1) {
        found |= UINT64_C(1) << cbit_complex_of(cache, (uint32_t)__builtin_ctzll(left));
    }
    return found;
}

/* Copies elsewhere answer, or give way: a reader takes the nearest, a writer needs the answer of
   all, and so waits for the farthest. */
static void start_transfer(cbit_mshr_t *mshr)
{
    cbit_cache_t *cache = mshr->cache;
    uint32_t complex = cbit_complex_of(cache, mshr->first->core);
    const uint64_t all = holders(cache, &cache->pool[mshr->line]);
    const uint64_t mine = UINT64_C(1) << complex;
    const uint64_t second = cache->second_socket;
    const uint64_t socket = (second & mine) != 0 ? second : ~second;
    const uint64_t near = all & mine, middle = all & socket & ~mine, far = all & ~socket;
    bool write = mshr->first->txn->command == CBIT_COMMAND_WRITE;
    bool from_far = write ? far != 0 : far != 0 && near == 0 && middle == 0;
    bool from_middle = !from_far && (write ? middle != 0 : middle != 0 && near == 0);
    cache->stats.transfers += !from_far && !from_middle;
    cache->stats.transfers_remote += from_middle;
    cache->stats.transfers_socket += from_far;
    mshr->fill = false;
    cbit_event_notify_at(cache->kernel, &mshr->event,
                         cbit_kernel_now_ps(cache->kernel) +
                             (from_far      ? cache->config.transfer_socket_ns
                              : from_middle ? cache->config.transfer_remote_ns
                                            : cache->transfer_ps));
}

static void fill_arrived(void *self, cbit_txn_t *fill);

static void start_fill(cbit_mshr_t *mshr, const cbit_txn_t *txn)
{
    cbit_cache_t *cache = mshr->cache;
    cbit_txn_t *fill = &mshr->txn;
    cbit_txn_init(fill, CBIT_COMMAND_READ, txn->spa & ~(cbit_spa_t)(CBIT_LINE_BYTES - 1),
                  CBIT_LINE_BYTES, txn->key, (cbit_source_t)txn->source, txn->born_ps);
    fill->source_id = txn->source_id;
    fill->no_bytes = cache->bytes == NULL;
    memcpy(fill->stage_ps, txn->stage_ps, sizeof fill->stage_ps);
    cbit_txn_charge(fill, CBIT_STAGE_CORE, cache->look_up_ps);
    fill->entered_ps = cbit_kernel_now_ps(cache->kernel) + cache->look_up_ps;
    cbit_txn_push_reply(fill, fill_arrived, mshr);
    mshr->fill = true;
    cache->stats.misses++;
    cbit_line_expect(cache, mshr->first->core, &cache->pool[mshr->line]);
    cbit_event_notify_at(cache->kernel, &mshr->event, fill->entered_ps);
}

static bool alias_is_leaving(const cbit_cache_t *cache, const cbit_line_t *line)
{
    const cbit_spa_t spa = cbit_tag_spa(line->tag);
    for (const cbit_line_t *alias = cbit_line_of_address(cache, spa, NULL); alias != NULL;
         alias = cbit_line_of_address(cache, spa, alias)) {
        if (alias != line && alias->victims != 0) {
            return true;
        }
    }
    return false;
}

/* Sends what has been looked up, in order, until one must wait for room: FABRIC's time. */
void cbit_cache_send_fills(cbit_cache_t *cache)
{
    cbit_ps_t now_ps = cbit_kernel_now_ps(cache->kernel);
    while (cache->fills_first != NULL) {
        cbit_mshr_t *mshr = cache->fills_first;
        const cbit_line_t *line = &cache->pool[mshr->line];
        if (cache->coherent_domains && alias_is_leaving(cache, line)) {
            return; /* memory must have the other key id's bytes first */
        }
        cbit_ps_t waited_ps = now_ps - mshr->txn.entered_ps;
        cbit_txn_charge(&mshr->txn, CBIT_STAGE_FABRIC, waited_ps);
        cache->fills_first = mshr->next; /* off the list first: the answer may come from inside */
        const cbit_port_t *below =
            &cache->below_of_complex[cbit_complex_of(cache, mshr->first->core)];
        if (!below->try_send(below->self, &mshr->txn, &cache->below_space)) {
            mshr->txn.stage_ps[CBIT_STAGE_FABRIC] -= waited_ps;
            cache->fills_first = mshr;
            return;
        }
    }
}

static void install(cbit_mshr_t *mshr)
{
    if (mshr->cache->bytes == NULL) {
        return;
    }
    uint8_t *bytes = mshr->cache->bytes[mshr->line];
    memcpy(bytes, mshr->txn.data, CBIT_LINE_BYTES);
    for (uint32_t i = 0; mshr->patch_mask != 0 && i < CBIT_LINE_BYTES; i++) {
        if ((mshr->patch_mask >> i & 1) != 0) {
            bytes[i] = mshr->patch[i];
        }
    }
}

/* Takes the first request off; it is answered once all is in order. */
static cbit_txn_t *pop(cbit_mshr_t *mshr)
{
    cbit_cache_t *cache = mshr->cache;
    cbit_wait_t *wait = mshr->first;
    cbit_txn_t *txn = wait->txn;
    mshr->first = wait->next;
    cache->of_core[wait->core].waiting--;
    wait->next = cache->waits_free;
    cache->waits_free = wait;
    return txn;
}

/* Serves the first request of those that wait, and takes it off. */
static cbit_txn_t *serve_first(cbit_mshr_t *mshr, cbit_err_t status, bool has_filled)
{
    cbit_cache_t *cache = mshr->cache;
    uint32_t core = mshr->first->core;
    cbit_txn_t *txn = pop(mshr);
    if (has_filled) {
        memcpy(txn->stage_ps, mshr->txn.stage_ps, sizeof txn->stage_ps);
    } else {
        cbit_txn_charge(txn, CBIT_STAGE_CORE, cbit_kernel_now_ps(cache->kernel) - txn->entered_ps);
    }
    if (status == CBIT_ERR_OK) {
        serve(cache, &cache->pool[mshr->line], core, txn);
    } else {
        memset(txn->data, 0, sizeof txn->data);
        txn->status = status;
    }
    txn->next = NULL;
    return txn;
}

/* The line has come to the core of the first request: serves it and those after it that need no
   further journey. Then answers them, which leads to new requests. */
static void arrive(cbit_mshr_t *mshr, cbit_err_t status)
{
    cbit_cache_t *cache = mshr->cache;
    cbit_line_t *line = &cache->pool[mshr->line];
    if (status == CBIT_ERR_OK) {
        cbit_line_place(cache, line, mshr->first->core, mshr->first->fetch);
    }
    cbit_txn_t *answers = serve_first(mshr, status, mshr->fill), *last = answers;
    while (mshr->first != NULL &&
           (status != CBIT_ERR_OK ||
            may_serve(cache, line, mshr->first->core, mshr->first->txn->command))) {
        last->next = serve_first(mshr, status, false);
        last = last->next;
    }
    if (mshr->first != NULL) {
        start_transfer(mshr);
    } else {
        mshr->busy = false;
        mshr->next = cache->mshrs_free;
        cache->mshrs_free = mshr;
        line->mshr = NULL;
        cache->mshrs_busy--;
        cbit_line_release(cache, line);
    }
    cbit_cache_send_victims(cache);
    while (answers != NULL) {
        cbit_txn_t *txn = answers;
        answers = txn->next;
        cbit_txn_reply(txn);
    }
    cbit_cache_released(cache);
}

static void fill_arrived(void *self, cbit_txn_t *fill)
{
    cbit_mshr_t *mshr = self;
    if (fill->status == CBIT_ERR_OK) {
        install(mshr);
    }
    arrive(mshr, fill->status);
}

/* A fill has been looked up, or a transfer is over. */
void cbit_mshr_event(void *self)
{
    cbit_mshr_t *mshr = self;
    cbit_cache_t *cache = mshr->cache;
    if (!mshr->fill) {
        if (cbit_cache_has_room(cache)) {
            arrive(mshr, CBIT_ERR_OK);
        } else { /* what it displaces has nowhere to go: a moment later */
            cbit_event_notify_at(cache->kernel, &mshr->event,
                                 cbit_kernel_now_ps(cache->kernel) + cache->l2.ps);
        }
        return;
    }
    mshr->next = NULL;
    *(cache->fills_first == NULL ? &cache->fills_first : &cache->fills_last->next) = mshr;
    cache->fills_last = mshr;
    cbit_cache_send_fills(cache);
}

/* ---- requests ---- */

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

static bool try_miss(cbit_cache_t *cache, const cbit_core_t *port, cbit_txn_t *txn, uint64_t tag,
                     cbit_line_t *line)
{
    if (cache->mshrs_busy == cache->mshr_count || cache->waits_free == NULL ||
        !cbit_cache_has_room(cache) ||
        (cache->coherent_domains &&
         (!drop_aliases(cache, tag, line) || !cbit_cache_has_room(cache)))) {
        return false;
    }
    bool whole = txn->command == CBIT_COMMAND_WRITE && txn->size_bytes == CBIT_LINE_BYTES;
    if (line == NULL && whole) {
        line = cbit_line_create(cache, tag);
        cbit_line_place(cache, line, port->core, port->fetch);
        serve(cache, line, port->core, txn);
        uint32_t which = cache->l1d.lines != 0 ? ANSWERS_L1D : ANSWERS_L2;
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
    cbit_mshr_t *mshr = take_mshr(cache, line);
    wait_for(mshr, port->core, port->fetch, txn);
    if (memory) {
        start_fill(mshr, txn);
    } else {
        start_transfer(mshr);
    }
    cbit_cache_send_victims(cache);
    return true;
}

bool cbit_cache_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    cbit_core_t *port = self;
    cbit_cache_t *cache = port->cache;
    uint64_t tag = cbit_tag(txn->spa, txn->key);
    if (cache->of_core[port->core].wbinvds == NULL) {
        cbit_line_t *line = cbit_line_find(cache, tag);
        if (line != NULL && line->mshr != NULL) {
            if (cache->waits_free != NULL) {
                wait_for(line->mshr, port->core, port->fetch, txn);
                cache->stats.merges++;
                return true;
            }
        } else {
            uint32_t which;
            if (line != NULL && hit(port, txn->command, tag, &which) != NULL) {
                serve(cache, line, port->core, txn);
                count_hit(cache, which);
                answer_later(cache, which, txn);
                cbit_cache_send_victims(cache);
                return true;
            }
            if (try_miss(cache, port, txn, tag, line)) {
                return true;
            }
        }
    }
    cache->stats.refusals++;
    if (waiter != NULL) {
        cbit_waitlist_add(&cache->waiters, waiter);
    }
    return false;
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
