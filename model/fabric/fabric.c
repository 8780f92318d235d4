#include "cbit/fabric/fabric.h"

#include <stdlib.h>
#include <string.h>

#include "model/fabric/interleave.h"

/* One direction of one channel: delivers in order, a fixed time after entry. */
typedef struct link {
    cbit_kernel_t *kernel;
    cbit_event_t arrival; /* of the head */
    cbit_txn_t *head, *tail;
    uint32_t held;
    cbit_ps_t latency_ps;
} link_t;

typedef struct channel {
    cbit_fabric_t *fabric;
    link_t request, reply;
    cbit_port_t memory;
    cbit_waiter_t waiter;    /* ours at the controller */
    cbit_waitlist_t senders; /* theirs here */
} channel_t;

struct cbit_fabric {
    cbit_kernel_t *kernel;
    cbit_fabric_config_t config;
    cbit_interleave_t map;
    uint64_t memory_bytes;
    cbit_fabric_stats_t stats;
    link_t nowhere; /* answers to addresses that no memory is behind */
    channel_t channels[CBIT_FABRIC_MAX_CHANNELS];
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
    channel_t *channel = self;
    link_push(&channel->reply, txn);
}

/* A request is at its controller: passes it on, or leaves it until there is room. */
static void on_request_arrival(void *self)
{
    channel_t *channel = self;
    link_t *link = &channel->request;
    /* Off the link and charged first: from its yes on the controller owns the request, and may even
       answer a posted write within try_send. */
    cbit_txn_t *txn = link_pop(link);
    cbit_ps_t entered_ps = txn->entered_ps;
    cbit_ps_t span_ps = cbit_kernel_now_ps(link->kernel) - entered_ps;
    cbit_txn_charge(txn, CBIT_STAGE_FABRIC, span_ps);
    cbit_txn_push_reply(txn, on_reply_from_memory, channel);
    if (!channel->memory.try_send(channel->memory.self, txn, &channel->waiter)) {
        txn->hops--;
        txn->stage_ps[CBIT_STAGE_FABRIC] -= span_ps;
        txn->entered_ps = entered_ps;
        link_push_front(link, txn);
        return;
    }
    link_rearm(link);
    /* All that fit: a woken sender may have turned to another channel meanwhile. */
    while (link->held < channel->fabric->config.link_entries &&
           cbit_waitlist_wake_one(&channel->senders)) {
    }
}

static void on_controller_space(void *self)
{
    channel_t *channel = self;
    if (!cbit_event_pending(&channel->request.arrival)) {
        link_rearm(&channel->request);
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
    channel_t *channel = self;
    deliver_head(channel->fabric, &channel->reply);
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
    cbit_fabric_t *fabric = self;
    if (!inside(fabric, txn->spa, txn->size_bytes)) {
        txn->status = CBIT_ERR_ADDRESS;
        memset(txn->data, 0, sizeof txn->data);
        fabric->stats.requests++;
        link_push(&fabric->nowhere, txn);
        return true;
    }
    channel_t *channel = &fabric->channels[cbit_interleave_channel(&fabric->map, txn->spa)];
    if (channel->request.held >= fabric->config.link_entries) {
        fabric->stats.refused++;
        if (waiter != NULL) {
            cbit_waitlist_add(&channel->senders, waiter);
        }
        return false;
    }
    fabric->stats.requests++;
    link_push(&channel->request, txn);
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
        const cbit_port_t *port = &fabric->channels[i].memory;
        err = out != NULL ? port->peek(port->self, spa + done, key, out + done, n)
                          : port->poke(port->self, spa + done, key, in + done, n);
        done += n;
    }
    return err;
}

static cbit_err_t fabric_peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes,
                              uint32_t len_bytes)
{
    return for_each_granule(self, spa, key, bytes, NULL, len_bytes);
}

static cbit_err_t fabric_poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                              uint32_t len_bytes)
{
    return for_each_granule(self, spa, key, NULL, bytes, len_bytes);
}

cbit_err_t cbit_fabric_create(const cbit_fabric_config_t *config, cbit_kernel_t *kernel,
                              uint64_t memory_bytes, cbit_fabric_t **out, cbit_diag_t *diag)
{
    cbit_err_t err = cbit_fabric_check(config, "/fabric", diag);
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
    cbit_interleave_init(&fabric->map, config);
    link_init(&fabric->nowhere, kernel, config->return_ns, on_nowhere_arrival, fabric);
    for (uint32_t i = 0; i < config->channels; i++) {
        channel_t *channel = &fabric->channels[i];
        channel->fabric = fabric;
        link_init(&channel->request, kernel, config->request_ns, on_request_arrival, channel);
        link_init(&channel->reply, kernel, config->return_ns, on_reply_arrival, channel);
        channel->waiter = (cbit_waiter_t){.on_space = on_controller_space, .self = channel};
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
    fabric->channels[channel].memory = memory;
}

cbit_port_t cbit_fabric_port(cbit_fabric_t *fabric)
{
    return (cbit_port_t){
        .self = fabric, .try_send = fabric_try_send, .peek = fabric_peek, .poke = fabric_poke};
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

void cbit_fabric_stats(const cbit_fabric_t *fabric, cbit_fabric_stats_t *stats)
{
    *stats = fabric->stats;
}
