#include "cbit/fabric/fabric.h"

#include <stdlib.h>
#include <string.h>

#include "model/fabric/interleave.h"

/* One direction between an entry and a channel: delivers in order, a fixed time after entry. */
typedef struct link {
    cbit_kernel_t *kernel;
    cbit_event_t arrival; /* of the head */
    cbit_txn_t *head, *tail;
    uint32_t held;
    cbit_ps_t latency_ps;
} link_t;

/* From one entry to one channel. */
typedef struct path {
    cbit_fabric_t *fabric;
    uint32_t channel, hops;
    bool remote;
    link_t request, reply;
    cbit_waiter_t waiter;    /* ours at the controller */
    cbit_waitlist_t senders; /* theirs here */
} path_t;

typedef struct entry {
    cbit_fabric_t *fabric;
    path_t paths[CBIT_FABRIC_MAX_CHANNELS];
} entry_t;

struct cbit_fabric {
    cbit_kernel_t *kernel;
    cbit_fabric_config_t config;
    cbit_interleave_t map;
    uint64_t memory_bytes;
    cbit_fabric_stats_t stats;
    link_t nowhere; /* answers to addresses that no memory is behind */
    cbit_port_t memory[CBIT_FABRIC_MAX_CHANNELS];
    uint32_t entry_count;
    entry_t entries[CBIT_FABRIC_MAX_ENTRIES];
};

static void link_init(link_t *link, cbit_kernel_t *kernel, cbit_ps_t latency_ps,
                      void (*fire)(void *self), void *self)
{
    link->kernel = kernel;
    link->latency_ps = latency_ps;
    cbit_event_init(&link->arrival, fire, self);
}

/* Sets the alarm for the head, which may be due already. */
static void link_rearm(link_t *link)
{
    if (link->head != NULL) {
        cbit_ps_t now_ps = cbit_kernel_now_ps(link->kernel);
        cbit_ps_t due_ps = link->head->entered_ps + link->latency_ps;
        cbit_event_notify_at(link->kernel, &link->arrival, due_ps < now_ps ? now_ps : due_ps);
    }
}

static void link_push(link_t *link, cbit_txn_t *txn)
{
    txn->entered_ps = cbit_kernel_now_ps(link->kernel);
    txn->next = NULL;
    link->held++;
    if (link->tail != NULL) {
        link->tail->next = txn;
        link->tail = txn;
        return;
    }
    link->head = link->tail = txn;
    link_rearm(link);
}

static cbit_txn_t *link_pop(link_t *link)
{
    cbit_txn_t *txn = link->head;
    link->head = txn->next;
    link->tail = link->head == NULL ? NULL : link->tail;
    link->held--;
    return txn;
}

static void link_push_front(link_t *link, cbit_txn_t *txn)
{
    txn->next = link->head;
    link->head = txn;
    link->tail = link->tail == NULL ? txn : link->tail;
    link->held++;
}

static void on_reply_from_memory(void *self, cbit_txn_t *txn)
{
    path_t *path = self;
    link_push(&path->reply, txn);
}

/* A request is at its controller: passes it on, or leaves it until there is room. */
static void on_request_arrival(void *self)
{
    path_t *path = self;
    link_t *link = &path->request;
    const cbit_port_t *memory = &path->fabric->memory[path->channel];
    /* Off the link and charged first: from its yes on the controller owns the request, and may even
       answer a posted write within try_send. */
    cbit_txn_t *txn = link_pop(link);
    cbit_ps_t entered_ps = txn->entered_ps;
    cbit_ps_t span_ps = cbit_kernel_now_ps(link->kernel) - entered_ps;
    cbit_txn_charge(txn, CBIT_STAGE_FABRIC, span_ps);
    cbit_txn_push_reply(txn, on_reply_from_memory, path);
    if (!memory->try_send(memory->self, txn, &path->waiter)) {
        txn->hops--;
        txn->stage_ps[CBIT_STAGE_FABRIC] -= span_ps;
        txn->entered_ps = entered_ps;
        link_push_front(link, txn);
        return;
    }
    link_rearm(link);
    /* All that fit: a woken sender may have turned to another channel meanwhile. */
    while (link->held < path->fabric->config.link_entries &&
           cbit_waitlist_wake_one(&path->senders)) {
    }
}

static void on_controller_space(void *self)
{
    path_t *path = self;
    if (!cbit_event_pending(&path->request.arrival)) {
        link_rearm(&path->request);
    }
}

static void deliver_head(cbit_fabric_t *fabric, link_t *link)
{
    cbit_txn_t *txn = link_pop(link);
    cbit_txn_charge(txn, CBIT_STAGE_RETURN, cbit_kernel_now_ps(link->kernel) - txn->entered_ps);
    fabric->stats.replies++;
    fabric->stats.machine_checks += txn->status != CBIT_ERR_OK;
    link_rearm(link);
    cbit_txn_reply(txn);
}

static void on_reply_arrival(void *self)
{
    path_t *path = self;
    deliver_head(path->fabric, &path->reply);
}

static void on_nowhere_arrival(void *self)
{
    cbit_fabric_t *fabric = self;
    deliver_head(fabric, &fabric->nowhere);
}

static bool inside(const cbit_fabric_t *fabric, cbit_spa_t spa, uint64_t len_bytes)
{
    return spa < fabric->memory_bytes && len_bytes <= fabric->memory_bytes - spa;
}

static bool fabric_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    entry_t *entry = self;
    cbit_fabric_t *fabric = entry->fabric;
    if (!inside(fabric, txn->spa, txn->size_bytes)) {
        txn->status = CBIT_ERR_ADDRESS;
        memset(txn->data, 0, sizeof txn->data);
        fabric->stats.requests++;
        link_push(&fabric->nowhere, txn);
        return true;
    }
    path_t *path = &entry->paths[cbit_interleave_channel(&fabric->map, txn->spa)];
    if (path->request.held >= fabric->config.link_entries) {
        fabric->stats.refused++;
        if (waiter != NULL) {
            cbit_waitlist_add(&path->senders, waiter);
        }
        return false;
    }
    fabric->stats.requests++;
    fabric->stats.hops += path->hops;
    fabric->stats.remote += path->remote;
    link_push(&path->request, txn);
    return true;
}

/* Zero-time access granule by granule: each belongs to one channel. out or in is NULL. */
static cbit_err_t for_each_granule(cbit_fabric_t *fabric, cbit_spa_t spa, cbit_key_t key,
                                   uint8_t *out, const uint8_t *in, uint32_t len_bytes)
{
    if (!inside(fabric, spa, len_bytes)) {
        return CBIT_ERR_ADDRESS;
    }
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t done = 0; done < len_bytes && err == CBIT_ERR_OK;) {
        uint64_t granule = fabric->config.interleave_bytes;
        uint64_t left = granule - ((spa + done) & (granule - 1));
        uint32_t n = len_bytes - done < left ? len_bytes - done : (uint32_t)left;
        uint32_t i = cbit_interleave_channel(&fabric->map, spa + done);
        const cbit_port_t *port = &fabric->memory[i];
        err = out != NULL ? port->peek(port->self, spa + done, key, out + done, n)
                          : port->poke(port->self, spa + done, key, in + done, n);
        done += n;
    }
    return err;
}

static cbit_err_t fabric_peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes,
                              uint32_t len_bytes)
{
    return for_each_granule(((entry_t *)self)->fabric, spa, key, bytes, NULL, len_bytes);
}

static cbit_err_t fabric_poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                              uint32_t len_bytes)
{
    return for_each_granule(((entry_t *)self)->fabric, spa, key, NULL, bytes, len_bytes);
}

uint32_t cbit_fabric_quadrant_of(const cbit_fabric_t *fabric, uint32_t channel)
{
    uint32_t of_socket = fabric->config.channels / fabric->config.sockets;
    return channel / of_socket * CBIT_FABRIC_QUADRANTS +
           channel % of_socket * CBIT_FABRIC_QUADRANTS / of_socket;
}

/* Quadrants stand two by two: bit 0 and bit 1 of their numbers are their places. */
static void path_init(cbit_fabric_t *fabric, path_t *path, uint32_t from, uint32_t channel)
{
    const cbit_fabric_config_t *config = &fabric->config;
    uint32_t to = cbit_fabric_quadrant_of(fabric, channel);
    uint32_t apart = from ^ to;
    path->fabric = fabric;
    path->channel = channel;
    path->hops = (apart & 1) + (apart >> 1 & 1);
    path->remote = apart >= CBIT_FABRIC_QUADRANTS;
    cbit_ps_t way_ps = path->hops * config->hop_ns + (path->remote ? config->socket_ns : 0);
    link_init(&path->request, fabric->kernel, config->request_ns + way_ps, on_request_arrival,
              path);
    link_init(&path->reply, fabric->kernel, config->return_ns + way_ps, on_reply_arrival, path);
    path->waiter = (cbit_waiter_t){.on_space = on_controller_space, .self = path};
}

static cbit_err_t check_memory(const cbit_fabric_config_t *config, uint64_t memory_bytes,
                               cbit_diag_t *diag)
{
    uint32_t nodes = config->sockets * config->nodes_per_socket;
    if (nodes > 1 && memory_bytes % (nodes * (uint64_t)CBIT_PAGE_BYTES) != 0) {
        return cbit_diag_add(diag, CBIT_ERR_CONFLICT, "/fabric/nodes_per_socket",
                             "%llu bytes of memory do not divide into %lu nodes of whole pages",
                             (unsigned long long)memory_bytes, (unsigned long)nodes);
    }
    return CBIT_ERR_OK;
}

cbit_err_t cbit_fabric_create(const cbit_fabric_config_t *config, cbit_kernel_t *kernel,
                              uint64_t memory_bytes, cbit_fabric_t **out, cbit_diag_t *diag)
{
    cbit_err_t err = cbit_fabric_check(config, "/fabric", diag);
    if (err == CBIT_ERR_OK) {
        err = check_memory(config, memory_bytes, diag);
    }
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_fabric_t *fabric = calloc(1, sizeof *fabric);
    if (fabric == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, "/fabric", "out of memory");
    }
    fabric->kernel = kernel;
    fabric->config = *config;
    fabric->memory_bytes = memory_bytes;
    fabric->entry_count = CBIT_FABRIC_QUADRANTS * config->sockets;
    cbit_interleave_init(&fabric->map, config, memory_bytes);
    link_init(&fabric->nowhere, kernel, config->return_ns, on_nowhere_arrival, fabric);
    for (uint32_t from = 0; from < fabric->entry_count; from++) {
        fabric->entries[from].fabric = fabric;
        for (uint32_t i = 0; i < config->channels; i++) {
            path_init(fabric, &fabric->entries[from].paths[i], from, i);
        }
    }
    *out = fabric;
    return CBIT_ERR_OK;
}

void cbit_fabric_destroy(cbit_fabric_t *fabric)
{
    free(fabric);
}

void cbit_fabric_bind(cbit_fabric_t *fabric, uint32_t channel, cbit_port_t memory)
{
    fabric->memory[channel] = memory;
}

cbit_port_t cbit_fabric_port_at(cbit_fabric_t *fabric, uint32_t entry)
{
    return (cbit_port_t){.self = &fabric->entries[entry % fabric->entry_count],
                         .try_send = fabric_try_send,
                         .peek = fabric_peek,
                         .poke = fabric_poke};
}

cbit_port_t cbit_fabric_port(cbit_fabric_t *fabric)
{
    return cbit_fabric_port_at(fabric, 0);
}

uint32_t cbit_fabric_channel_of(const cbit_fabric_t *fabric, cbit_spa_t spa)
{
    return cbit_interleave_channel(&fabric->map, spa);
}

uint64_t cbit_fabric_channel_address(const void *self, cbit_spa_t spa)
{
    const cbit_fabric_t *fabric = self;
    return cbit_interleave_address(&fabric->map, spa);
}

static uint64_t half_channel_bytes(const cbit_fabric_t *fabric)
{
    uint64_t node_bytes =
        fabric->map.node_bytes == 0 ? fabric->memory_bytes : fabric->map.node_bytes;
    return (node_bytes / fabric->map.channels / 2) >> fabric->map.granule_shift
                                                          << fabric->map.granule_shift;
}

cbit_spa_t cbit_fabric_alias(const cbit_fabric_t *fabric, cbit_spa_t spa)
{
    return cbit_interleave_other_half(&fabric->map, half_channel_bytes(fabric), spa);
}

cbit_spa_t cbit_fabric_lower_half(const void *self, cbit_spa_t spa)
{
    const cbit_fabric_t *fabric = self;
    return cbit_interleave_address(&fabric->map, spa) < half_channel_bytes(fabric)
               ? spa
               : cbit_fabric_alias(fabric, spa);
}

cbit_spa_t cbit_fabric_lower_end(const cbit_fabric_t *fabric)
{
    return half_channel_bytes(fabric) * fabric->map.channels;
}

void cbit_fabric_stats(const cbit_fabric_t *fabric, cbit_fabric_stats_t *stats)
{
    *stats = fabric->stats;
}
