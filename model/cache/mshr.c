/* Lines on their way to a core: fills from memory, transfers from other caches, prefetches. */
#include <string.h>

#include "model/cache/enter.h"
#include "model/cache/expect.h"

/* A core that has a copy may read it; to write it must be the only one. */
static bool may_serve(const cbit_cache_t *cache, const cbit_line_t *line, uint32_t core,
                      uint8_t command)
{
    return (line->cores >> core & 1) != 0 &&
           (command == CBIT_COMMAND_READ || cbit_line_is_alone(cache, line, core));
}

/* Of one that is not free. */
static inline cbit_cache_t *cache_of(const cbit_mshr_t *mshr)
{
    return mshr->first.port->cache;
}

static void wait_first(cbit_mshr_t *mshr, cbit_core_t *port, cbit_txn_t *txn)
{
    mshr->first = (cbit_wait_t){.txn = txn, .port = port};
    port->cache->waits_left--;
    txn->entered_ps = cbit_kernel_now_ps(port->cache->kernel);
}

void cbit_mshr_wait(cbit_mshr_t *mshr, cbit_core_t *port, cbit_txn_t *txn)
{
    cbit_cache_t *cache = port->cache;
    cbit_wait_t *wait = cache->waits_free;
    cache->waits_free = wait->next;
    cache->waits_left--;
    *wait = (cbit_wait_t){.txn = txn, .port = port};
    txn->entered_ps = cbit_kernel_now_ps(cache->kernel);
    *(mshr->first.next == NULL ? &mshr->first.next : &mshr->last->next) = wait;
    mshr->last = wait;
    if (mshr->prefetch && !mshr->wanted) {
        mshr->wanted = true;
        cache->stats.prefetches_late++;
    }
}

uint32_t cbit_mshr_waiting(const cbit_cache_t *cache, uint32_t core)
{
    uint32_t count = 0;
    for (const cbit_mshr_t *mshr = cache->mshrs; mshr < cache->mshrs + cache->mshr_count; mshr++) {
        const cbit_wait_t *wait = mshr->first.txn == NULL ? NULL : &mshr->first;
        for (; wait != NULL; wait = wait->next) {
            count += wait->port->core == core;
        }
    }
    return count;
}

static cbit_mshr_t *take_mshr(cbit_cache_t *cache, uint32_t line)
{
    cbit_mshr_t *mshr = cache->mshrs_free;
    cache->mshrs_free = mshr->next;
    mshr->line = line;
    mshr->patched = false;
    mshr->prefetch = false;
    mshr->wanted = false;
    cache->pool[line].mshr = mshr;
    cache->mshrs_busy++;
    return mshr;
}

static inline void give_back(cbit_cache_t *cache, cbit_mshr_t *mshr, cbit_line_t *line)
{
    mshr->next = cache->mshrs_free;
    cache->mshrs_free = mshr;
    cache->mshrs_busy--;
    line->mshr = NULL;
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
    cbit_cache_t *cache = cache_of(mshr);
    uint32_t complex = mshr->first.port->complex;
    const uint64_t all = holders(cache, &cache->pool[mshr->line]);
    const uint64_t mine = UINT64_C(1) << complex;
    const uint64_t second = cache->second_socket;
    const uint64_t socket = (second & mine) != 0 ? second : ~second;
    const uint64_t near = all & mine, middle = all & socket & ~mine, far = all & ~socket;
    bool write = mshr->first.txn->command == CBIT_COMMAND_WRITE;
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
static bool alias_is_leaving(const cbit_cache_t *cache, const cbit_line_t *line);

/* Nothing can come between: what will have been looked up at at_ps is on its way already. */
static inline bool send_ahead(cbit_mshr_t *mshr, const cbit_line_t *line, cbit_ps_t at_ps)
{
    const cbit_cache_t *cache = cache_of(mshr);
    const cbit_port_t *below = mshr->first.port->below;
    return below->try_send_at != NULL && cache->fills_first == NULL &&
           !(cache->coherent_domains && alias_is_leaving(cache, line)) &&
           below->try_send_at(below->self, mshr->first.txn, at_ps);
}

/* The request itself goes to memory, as a read of its line, and so keeps its own account of time;
   what that changes in it is kept for its answer. */
static inline void become_fill(cbit_mshr_t *mshr, cbit_txn_t *txn)
{
    mshr->asked = (cbit_asked_t){.command = txn->command,
                                 .size_bytes = txn->size_bytes,
                                 .locked = txn->locked,
                                 .no_bytes = txn->no_bytes};
    mshr->offset = (uint8_t)(txn->spa % CBIT_LINE_BYTES);
    if (mshr->asked.command == CBIT_COMMAND_WRITE && !mshr->asked.no_bytes) {
        memcpy(mshr->data, txn->data, sizeof mshr->data);
    }
    txn->spa -= mshr->offset;
    txn->command = CBIT_COMMAND_READ;
    txn->size_bytes = CBIT_LINE_BYTES;
    txn->locked = false;
    txn->no_bytes = cache_of(mshr)->bytes == NULL;
}

static inline void be_as_asked(const cbit_mshr_t *mshr, cbit_txn_t *txn)
{
    txn->spa += mshr->offset;
    txn->command = mshr->asked.command;
    txn->size_bytes = mshr->asked.size_bytes;
    txn->locked = mshr->asked.locked;
    txn->no_bytes = mshr->asked.no_bytes;
    if (mshr->asked.command == CBIT_COMMAND_WRITE && !mshr->asked.no_bytes) {
        memcpy(txn->data, mshr->data, sizeof mshr->data);
    }
}

static inline __attribute__((always_inline)) void start_fill(cbit_mshr_t *mshr,
                                                             const cbit_line_t *line)
{
    cbit_cache_t *cache = cache_of(mshr);
    cbit_txn_t *txn = mshr->first.txn;
    become_fill(mshr, txn);
    cbit_txn_charge(txn, CBIT_STAGE_CORE, cache->look_up_ps);
    txn->entered_ps += cache->look_up_ps;
    cbit_txn_push_reply(txn, fill_arrived, mshr);
    mshr->fill = true;
    cache->stats.misses++;
    cbit_expect(cache, mshr, cbit_tag_low(line->tag));
    const cbit_ps_t at_ps = txn->entered_ps;
    if (!send_ahead(mshr, line, at_ps)) {
        cbit_event_notify_at(cache->kernel, &mshr->event, at_ps);
    }
}

__attribute__((noinline)) static void start_any_fill(cbit_mshr_t *mshr, const cbit_line_t *line)
{
    start_fill(mshr, line);
}

void cbit_mshr_begin(cbit_core_t *port, cbit_txn_t *txn, cbit_line_t *line, bool memory)
{
    cbit_mshr_t *mshr = take_mshr(port->cache, cbit_index(port->cache, line));
    wait_first(mshr, port, txn);
    if (memory) {
        start_any_fill(mshr, line);
    } else {
        start_transfer(mshr);
    }
}

bool cbit_mshr_begin_absent(cbit_core_t *port, cbit_txn_t *txn)
{
    cbit_cache_t *cache = port->cache;
    const uint32_t line =
        cbit_line_create_in(cache, cbit_room_of(cache, txn->spa >> LINE_SHIFT), cache->absent);
    cbit_mshr_t *mshr = take_mshr(cache, line);
    wait_first(mshr, port, txn);
    start_fill(mshr, &cache->pool[line]);
    cbit_cache_send_victims(cache);
    return true;
}

static void forget(void *self, cbit_txn_t *txn)
{
    (void)self;
    (void)txn;
}

/* As a read that nobody waits for, in the name of whoever made the prefetcher ask. */
void cbit_mshr_prefetch(cbit_core_t *port, const cbit_txn_t *demand, uint64_t tag)
{
    cbit_cache_t *cache = port->cache;
    cbit_line_t *line = cbit_line_find(cache, tag);
    const bool memory = line == NULL;
    line = memory ? cbit_line_create(cache, tag) : line;
    cbit_mshr_t *mshr = take_mshr(cache, cbit_index(cache, line));
    cbit_txn_t *txn = &cache->prefetches[mshr - cache->mshrs];
    const cbit_ps_t now_ps = cbit_kernel_now_ps(cache->kernel);
    cbit_txn_init(txn, CBIT_COMMAND_READ, cbit_tag_spa(tag), CBIT_LINE_BYTES, cbit_tag_key(tag),
                  CBIT_SOURCE_PREFETCH, now_ps);
    txn->source_id = demand->source_id;
    txn->no_bytes = true;
    cbit_txn_push_reply(txn, forget, NULL);
    mshr->prefetch = true;
    wait_first(mshr, port, txn);
    if (memory) {
        start_any_fill(mshr, line);
    } else {
        mshr->fill = false;
        cbit_event_notify_at(cache->kernel, &mshr->event, now_ps + cache->look_up_ps);
    }
}

/* What nobody has asked for meanwhile stays in the second level, to be found there. */
static void place(cbit_mshr_t *mshr)
{
    cbit_cache_t *cache = cache_of(mshr);
    cbit_line_t *line = &cache->pool[mshr->line];
    const uint32_t core = mshr->first.port->core;
    if (!mshr->prefetch) {
        cbit_line_place(cache, line, core, mshr->first.port->fetch);
        return;
    }
    cbit_line_place_second(cache, line, core);
    line->prefetcher = (int16_t)(mshr->wanted ? NO_OWNER : (int)core);
}

static bool alias_is_leaving(const cbit_cache_t *cache, const cbit_line_t *line)
{
    if (line->alone) { /* the chain is far away in the host's memory */
        return false;
    }
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
        cbit_txn_t *fill = mshr->first.txn;
        cbit_ps_t waited_ps = now_ps - fill->entered_ps;
        cbit_txn_charge(fill, CBIT_STAGE_FABRIC, waited_ps);
        cache->fills_first = mshr->next; /* off the list first: the answer may come from inside */
        const cbit_port_t *below = mshr->first.port->below;
        if (!below->try_send(below->self, fill, &cache->below_space)) {
            fill->stage_ps[CBIT_STAGE_FABRIC] -= waited_ps;
            cache->fills_first = mshr;
            return;
        }
    }
}

static void install(const cbit_mshr_t *mshr, const cbit_txn_t *fill)
{
    const cbit_cache_t *cache = cache_of(mshr);
    if (cache->bytes == NULL) {
        return;
    }
    uint8_t *bytes = cache->bytes[mshr->line];
    memcpy(bytes, fill->data, CBIT_LINE_BYTES);
    for (uint32_t i = 0; mshr->patched && i < CBIT_LINE_BYTES; i++) {
        if ((mshr->patch_mask >> i & 1) != 0) {
            bytes[i] = mshr->patch[i];
        }
    }
}

/* Takes the first request off; it is answered once all is in order. */
static cbit_txn_t *pop(cbit_mshr_t *mshr)
{
    cbit_cache_t *cache = cache_of(mshr);
    cbit_txn_t *txn = mshr->first.txn;
    cbit_wait_t *next = mshr->first.next;
    cache->waits_left++;
    mshr->first.txn = NULL;
    if (next != NULL) {
        mshr->first = *next;
        next->next = cache->waits_free;
        cache->waits_free = next;
    }
    return txn;
}

/* Serves the first request of those that wait, and takes it off. */
static cbit_txn_t *serve_first(cbit_mshr_t *mshr, cbit_err_t status, bool has_filled)
{
    cbit_cache_t *cache = cache_of(mshr);
    uint32_t core = mshr->first.port->core;
    cbit_txn_t *txn = pop(mshr);
    if (!has_filled) {
        cbit_txn_charge(txn, CBIT_STAGE_CORE, cbit_kernel_now_ps(cache->kernel) - txn->entered_ps);
    }
    if (status == CBIT_ERR_OK) {
        cbit_cache_serve(cache, &cache->pool[mshr->line], core, txn);
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
    cbit_cache_t *cache = cache_of(mshr);
    cbit_line_t *line = &cache->pool[mshr->line];
    const bool prefetch = mshr->prefetch;
    if (status == CBIT_ERR_OK) {
        place(mshr);
    } else if (prefetch && !mshr->wanted) {
        cache->stats.prefetches_useless++;
    }
    if (prefetch) { /* the line is that core's */
        mshr->first.txn->source = CBIT_SOURCE_VCPU;
    }
    mshr->prefetch = false;
    cbit_txn_t *answers = serve_first(mshr, status, mshr->fill), *last = answers;
    while (mshr->first.txn != NULL &&
           (status != CBIT_ERR_OK ||
            may_serve(cache, line, mshr->first.port->core, mshr->first.txn->command))) {
        if (prefetch && status == CBIT_ERR_OK) { /* to the first level after all */
            cbit_line_place(cache, line, mshr->first.port->core, mshr->first.port->fetch);
        }
        last->next = serve_first(mshr, status, false);
        last = last->next;
    }
    if (mshr->first.txn != NULL) {
        start_transfer(mshr);
    } else {
        give_back(cache, mshr, line);
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

/* A fill that one request has waited for, as most do: nobody else has the line. */
static inline void arrive_alone(cbit_mshr_t *mshr, cbit_txn_t *txn)
{
    cbit_core_t *port = mshr->first.port;
    cbit_cache_t *cache = port->cache;
    cbit_line_t *line = &cache->pool[mshr->line];
    const uint32_t core = port->core;
    if (cache->near) {
        cbit_enter_near(cache, line, (uint32_t)(txn->spa >> LINE_SHIFT), port);
    } else {
        cbit_line_enter(cache, line, core, port->fetch ? SIDE_CODE : SIDE_DATA);
    }
    if (txn->no_bytes && !txn->locked) {
        line->owner = (int16_t)core;
        line->by = (uint32_t)txn->source << 16 | txn->source_id;
        line->dirty = (txn->command == CBIT_COMMAND_WRITE) & (txn->size_bytes != 0);
        txn->status = CBIT_ERR_OK;
    } else {
        cbit_cache_serve(cache, line, core, txn);
    }
    txn->next = NULL;
    mshr->first.txn = NULL;
    cache->waits_left++;
    give_back(cache, mshr, line);
    cbit_cache_send_victims(cache);
    cbit_txn_reply(txn);
    cbit_cache_released(cache);
}

static void fill_arrived(void *self, cbit_txn_t *fill)
{
    cbit_mshr_t *mshr = self;
    const cbit_err_t status = fill->status;
    if (status == CBIT_ERR_OK) {
        cbit_expect_now(cache_of(mshr), &mshr->expected);
        install(mshr, fill);
    }
    be_as_asked(mshr, fill);
    if (status == CBIT_ERR_OK && mshr->first.next == NULL && !mshr->prefetch) {
        arrive_alone(mshr, fill);
    } else {
        arrive(mshr, status);
    }
}

/* A fill has been looked up, or a transfer is over. */
void cbit_mshr_event(void *self)
{
    cbit_mshr_t *mshr = self;
    cbit_cache_t *cache = cache_of(mshr);
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
