#include "cbit/fabric/fabric.h"

#include <stdlib.h>
#include <string.h>

#include "model/fabric/interleave.h"

/* Of those that their controller has been given before they are there, in one link (more go the
   other way). */
enum { AHEAD_ENTRIES = 64 };

/* One direction between an entry and a channel: delivers in order, a fixed time after entry. */
typedef struct link {
    cbit_kernel_t *kernel;
    cbit_event_t arrival; /* of the head */
    cbit_txn_t *head, *tail;
    uint32_t held;
    cbit_ps_t latency_ps;
} link_t;

/* One direction of a port: busy while data pass. */
typedef struct lane {
    uint32_t width_bytes; /* a clock; 0: no limit */
    cbit_ps_t free_ps, busy_ps;
} lane_t;

/* From one entry to one channel. */
typedef struct path {
    struct entry *entry;
    uint32_t channel, hops;
    bool remote;
    lane_t *there, *back; /* the ways between the sockets, if remote */
    link_t request, reply;
    struct ahead {
        cbit_ps_t out_ps, there_ps;
    } ahead[AHEAD_ENTRIES]; /* a ring: when those given ahead come into the link, and are there */
    uint32_t ahead_first, ahead_count;
    cbit_waiter_t waiter;    /* ours at the controller */
    cbit_waitlist_t senders; /* theirs here */
} path_t;

typedef struct entry {
    cbit_fabric_t *fabric;
    lane_t in, out;
    link_t late; /* answers that are here and wait for the port */
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
    cbit_clock_t clock;
    lane_t between[2]; /* to the second socket, to the first one */
    uint32_t quadrants;
    entry_t *entries[CBIT_FABRIC_MAX_ENTRIES]; /* NULL: nobody has asked for its port */
};

/* When data may pass a port that reaches it at at_ps. Clocks are whole. */
static cbit_ps_t lane_take(cbit_fabric_t *fabric, lane_t *lane, cbit_ps_t at_ps, uint32_t len_bytes)
{
    if (lane->width_bytes == 0 || len_bytes == 0) {
        return at_ps;
    }
    const cbit_ps_t begin_ps = lane->free_ps > at_ps ? lane->free_ps : at_ps;
    const uint32_t clocks = (len_bytes + lane->width_bytes - 1) / lane->width_bytes;
    const cbit_ps_t span_ps = cbit_clock_span_ps(&fabric->clock, clocks);
    lane->free_ps = begin_ps + span_ps;
    lane->busy_ps += span_ps;
    fabric->stats.port_waited_ps += begin_ps - at_ps;
    if (lane->busy_ps > fabric->stats.busiest_ps) {
        fabric->stats.busiest_ps = lane->busy_ps;
    }
    return begin_ps;
}

static uint32_t data_bytes(const cbit_txn_t *txn, cbit_command_t command)
{
    return txn->command == command ? txn->size_bytes : 0;
}

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

/* It sets out at entered_ps. */
static void link_push(link_t *link, cbit_txn_t *txn, cbit_ps_t entered_ps)
{
    txn->entered_ps = entered_ps;
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

static void give(cbit_fabric_t *fabric, cbit_txn_t *txn)
{
    cbit_txn_charge(txn, CBIT_STAGE_RETURN, cbit_kernel_now_ps(fabric->kernel) - txn->entered_ps);
    fabric->stats.replies++;
    fabric->stats.machine_checks += txn->status != CBIT_ERR_OK;
    cbit_txn_reply(txn);
}

/* An answer is at its entry, which its data leave at that time: now, with nobody before it? */
static bool leaves_now(entry_t *entry, const cbit_txn_t *txn, cbit_ps_t *begin_ps)
{
    const cbit_ps_t now_ps = cbit_kernel_now_ps(entry->fabric->kernel);
    *begin_ps = lane_take(entry->fabric, &entry->out, now_ps, data_bytes(txn, CBIT_COMMAND_READ));
    if (entry->late.tail != NULL && *begin_ps < entry->late.tail->entered_ps) {
        *begin_ps = entry->late.tail->entered_ps;
    }
    return *begin_ps == now_ps && entry->late.head == NULL;
}

static void wait_at_entry(entry_t *entry, cbit_txn_t *txn, cbit_ps_t begin_ps)
{
    cbit_txn_charge(txn, CBIT_STAGE_RETURN, begin_ps - txn->entered_ps);
    link_push(&entry->late, txn, begin_ps);
}

/* The controller has kept the answer for as long as it would be on its way. */
static void on_reply_at_entry(path_t *path, cbit_txn_t *txn)
{
    cbit_ps_t begin_ps;
    txn->back_ps = 0;
    if (leaves_now(path->entry, txn, &begin_ps)) {
        give(path->entry->fabric, txn);
    } else {
        wait_at_entry(path->entry, txn, begin_ps);
    }
}

static void on_reply_from_memory(void *self, cbit_txn_t *txn)
{
    path_t *path = self;
    cbit_fabric_t *fabric = path->entry->fabric;
    if (txn->back_ps != 0) {
        on_reply_at_entry(path, txn);
        return;
    }
    const cbit_ps_t now_ps = cbit_kernel_now_ps(fabric->kernel);
    const cbit_ps_t begin_ps = path->back == NULL ? now_ps
                                                  : lane_take(fabric, path->back, now_ps,
                                                              data_bytes(txn, CBIT_COMMAND_READ));
    cbit_txn_charge(txn, CBIT_STAGE_RETURN, begin_ps - now_ps);
    link_push(&path->reply, txn, begin_ps);
}

/*
 * How late a controller that can may answer, so that the answer need not be looked at twice. Not
 * where answers of several channels share a way between: they must come to it in their order.
 */
static uint32_t back_ps(const path_t *path)
{
    const bool can = path->entry->fabric->memory[path->channel].try_send_at != NULL;
    return can && path->back == NULL ? (uint32_t)path->reply.latency_ps : 0;
}

static struct ahead *ahead_at(path_t *path, uint32_t i)
{
    return &path->ahead[(path->ahead_first + i) % AHEAD_ENTRIES];
}

/* Requests in a link: those that it holds, and those given ahead that are not there yet. */
static uint32_t in_link(path_t *path)
{
    const cbit_ps_t now_ps = cbit_kernel_now_ps(path->request.kernel);
    while (path->ahead_count > 0 && ahead_at(path, 0)->there_ps <= now_ps) {
        path->ahead_first = (path->ahead_first + 1) % AHEAD_ENTRIES;
        path->ahead_count--;
    }
    return path->request.held + path->ahead_count;
}

static bool link_is_full(path_t *path)
{
    return in_link(path) >= path->entry->fabric->config.link_entries;
}

/* How many of those given ahead come into the link before one that does at out_ps. */
static uint32_t ahead_before(path_t *path, cbit_ps_t out_ps)
{
    uint32_t i = path->ahead_count;
    while (i > 0 && ahead_at(path, i - 1)->out_ps > out_ps) {
        i--;
    }
    return i;
}

static void note_ahead(path_t *path, uint32_t at, cbit_ps_t out_ps, cbit_ps_t there_ps)
{
    for (uint32_t i = path->ahead_count++; i > at; i--) {
        *ahead_at(path, i) = *ahead_at(path, i - 1);
    }
    *ahead_at(path, at) = (struct ahead){.out_ps = out_ps, .there_ps = there_ps};
}

/*
 * One that comes into the link at out_ps and sets out at begin_ps is given to its controller
 * already, if that has room for it anyway and nobody in the link is before it: it is there when its
 * time is over, and not before those given ahead that came into the link before it.
 */
static bool send_ahead(path_t *path, cbit_txn_t *txn, cbit_ps_t out_ps, cbit_ps_t begin_ps)
{
    const cbit_port_t *memory = &path->entry->fabric->memory[path->channel];
    if (memory->try_send_at == NULL || path->request.held != 0 ||
        path->ahead_count == AHEAD_ENTRIES) {
        return false;
    }
    cbit_ps_t there_ps = begin_ps + path->request.latency_ps;
    const uint32_t before = ahead_before(path, out_ps);
    if (before > 0 && ahead_at(path, before - 1)->there_ps > there_ps) {
        there_ps = ahead_at(path, before - 1)->there_ps;
    }
    cbit_txn_charge(txn, CBIT_STAGE_FABRIC, there_ps - begin_ps);
    cbit_txn_push_reply(txn, on_reply_from_memory, path);
    txn->back_ps = back_ps(path);
    if (!memory->try_send_at(memory->self, txn, there_ps)) {
        txn->stage_ps[CBIT_STAGE_FABRIC] -= there_ps - begin_ps;
        txn->hops--;
        txn->back_ps = 0;
        return false;
    }
    note_ahead(path, before, out_ps, there_ps);
    return true;
}

static void wake_senders(path_t *path)
{
    /* All that fit: a woken sender may have turned to another channel meanwhile. */
    while (!link_is_full(path) && cbit_waitlist_wake_one(&path->senders)) {
    }
    if (path->senders.head != NULL && path->request.head == NULL && path->ahead_count > 0) {
        cbit_event_notify_at(path->request.kernel, &path->request.arrival,
                             ahead_at(path, 0)->there_ps);
    }
}

/* A request is at its controller: passes it on, or leaves it until there is room. */
static void on_request_arrival(void *self)
{
    path_t *path = self;
    link_t *link = &path->request;
    const cbit_port_t *memory = &path->entry->fabric->memory[path->channel];
    if (link->head == NULL) { /* who was refused for those given ahead */
        wake_senders(path);
        return;
    }
    /* Off the link and charged first: from its yes on the controller owns the request, and may even
       answer a posted write within try_send. */
    cbit_txn_t *txn = link_pop(link);
    cbit_ps_t entered_ps = txn->entered_ps;
    cbit_ps_t span_ps = cbit_kernel_now_ps(link->kernel) - entered_ps;
    cbit_txn_charge(txn, CBIT_STAGE_FABRIC, span_ps);
    cbit_txn_push_reply(txn, on_reply_from_memory, path);
    txn->back_ps = back_ps(path);
    if (!memory->try_send(memory->self, txn, &path->waiter)) {
        txn->back_ps = 0;
        txn->hops--;
        txn->stage_ps[CBIT_STAGE_FABRIC] -= span_ps;
        txn->entered_ps = entered_ps;
        link_push_front(link, txn);
        return;
    }
    link_rearm(link);
    wake_senders(path);
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
    link_rearm(link);
    give(fabric, txn);
}

/* An answer is at its entry: through the port, or behind those that wait for it. */
static void on_reply_arrival(void *self)
{
    path_t *path = self;
    cbit_txn_t *txn = path->reply.head;
    cbit_ps_t begin_ps;
    if (leaves_now(path->entry, txn, &begin_ps)) {
        deliver_head(path->entry->fabric, &path->reply);
        return;
    }
    (void)link_pop(&path->reply);
    wait_at_entry(path->entry, txn, begin_ps);
    link_rearm(&path->reply);
}

static void on_late_delivery(void *self)
{
    entry_t *entry = self;
    deliver_head(entry->fabric, &entry->late);
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

static void count_request(const path_t *path)
{
    cbit_fabric_stats_t *stats = &path->entry->fabric->stats;
    stats->requests++;
    stats->hops += path->hops;
    stats->remote += path->remote;
}

static path_t *path_of(entry_t *entry, cbit_spa_t spa)
{
    return &entry->paths[cbit_interleave_channel(&entry->fabric->map, spa)];
}

static bool fabric_try_send_at(void *self, cbit_txn_t *txn, cbit_ps_t at_ps)
{
    entry_t *entry = self;
    if (txn->command != CBIT_COMMAND_READ || !inside(entry->fabric, txn->spa, txn->size_bytes)) {
        return false;
    }
    path_t *path = path_of(entry, txn->spa);
    if (link_is_full(path) || !send_ahead(path, txn, at_ps, at_ps)) {
        return false;
    }
    count_request(path);
    return true;
}

static bool send_nowhere(cbit_fabric_t *fabric, cbit_txn_t *txn)
{
    txn->status = CBIT_ERR_ADDRESS;
    memset(txn->data, 0, sizeof txn->data);
    fabric->stats.requests++;
    link_push(&fabric->nowhere, txn, cbit_kernel_now_ps(fabric->kernel));
    return true;
}

static bool fabric_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    entry_t *entry = self;
    cbit_fabric_t *fabric = entry->fabric;
    if (!inside(fabric, txn->spa, txn->size_bytes)) {
        return send_nowhere(fabric, txn);
    }
    path_t *path = path_of(entry, txn->spa);
    if (link_is_full(path)) {
        fabric->stats.refused++;
        if (waiter != NULL) {
            cbit_waitlist_add(&path->senders, waiter);
            wake_senders(path);
        }
        return false;
    }
    count_request(path);
    const cbit_ps_t now_ps = cbit_kernel_now_ps(fabric->kernel);
    const uint32_t len_bytes = data_bytes(txn, CBIT_COMMAND_WRITE);
    cbit_ps_t begin_ps = lane_take(fabric, &entry->in, now_ps, len_bytes);
    begin_ps = path->there == NULL ? begin_ps : lane_take(fabric, path->there, begin_ps, len_bytes);
    cbit_txn_charge(txn, CBIT_STAGE_FABRIC, begin_ps - now_ps);
    if (!send_ahead(path, txn, now_ps, begin_ps)) {
        link_push(&path->request, txn, begin_ps);
    }
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
static void path_init(entry_t *entry, path_t *path, uint32_t from, uint32_t channel)
{
    cbit_fabric_t *fabric = entry->fabric;
    const cbit_fabric_config_t *config = &fabric->config;
    uint32_t to = cbit_fabric_quadrant_of(fabric, channel);
    uint32_t apart = from ^ to;
    path->entry = entry;
    path->channel = channel;
    path->hops = (apart & 1) + (apart >> 1 & 1);
    path->remote = apart >= CBIT_FABRIC_QUADRANTS;
    if (path->remote) {
        path->there = &fabric->between[from < CBIT_FABRIC_QUADRANTS ? 0 : 1];
        path->back = &fabric->between[from < CBIT_FABRIC_QUADRANTS ? 1 : 0];
    }
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
    fabric->clock =
        (cbit_clock_t){.period_num_ps = UINT64_C(1000000000), .period_den = config->clock_khz};
    fabric->between[0].width_bytes = fabric->between[1].width_bytes = config->socket_bytes;
    fabric->quadrants = CBIT_FABRIC_QUADRANTS * config->sockets;
    cbit_interleave_init(&fabric->map, config, memory_bytes);
    link_init(&fabric->nowhere, kernel, config->return_ns, on_nowhere_arrival, fabric);
    *out = fabric;
    return CBIT_ERR_OK;
}

void cbit_fabric_destroy(cbit_fabric_t *fabric)
{
    for (uint32_t i = 0; fabric != NULL && i < CBIT_FABRIC_MAX_ENTRIES; i++) {
        free(fabric->entries[i]);
    }
    free(fabric);
}

void cbit_fabric_bind(cbit_fabric_t *fabric, uint32_t channel, cbit_port_t memory)
{
    fabric->memory[channel] = memory;
}

static cbit_port_t port_of(cbit_fabric_t *fabric, uint32_t index, uint32_t in_bytes,
                           uint32_t out_bytes)
{
    entry_t *entry = fabric->entries[index];
    if (entry == NULL) {
        entry = calloc(1, sizeof *entry);
        if (entry == NULL) {
            __builtin_trap(); /* a few pages while the machine is built, and no way to tell */
        }
        fabric->entries[index] = entry;
        entry->fabric = fabric;
        entry->in.width_bytes = in_bytes;
        entry->out.width_bytes = out_bytes;
        link_init(&entry->late, fabric->kernel, 0, on_late_delivery, entry);
        for (uint32_t i = 0; i < fabric->config.channels; i++) {
            path_init(entry, &entry->paths[i],
                      index == CBIT_FABRIC_COMPLEXES ? 0 : index % fabric->quadrants, i);
        }
    }
    return (cbit_port_t){.self = entry,
                         .try_send = fabric_try_send,
                         .try_send_at = fabric_try_send_at,
                         .peek = fabric_peek,
                         .poke = fabric_poke};
}

cbit_port_t cbit_fabric_port_at(cbit_fabric_t *fabric, uint32_t complex)
{
    const cbit_fabric_config_t *config = &fabric->config;
    return port_of(fabric, complex % CBIT_FABRIC_COMPLEXES, config->write_bytes,
                   config->read_bytes);
}

cbit_port_t cbit_fabric_port(cbit_fabric_t *fabric)
{
    const cbit_fabric_config_t *config = &fabric->config;
    return port_of(fabric, CBIT_FABRIC_COMPLEXES, config->io_bytes, config->io_bytes);
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
