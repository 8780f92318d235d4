/* Requests and answers on their way: links, the widths of ports, what is given ahead. */
#include <string.h>

#include "model/fabric/way.h"

/* When data may pass a port that reaches it at at_ps. Clocks are whole. */
static cbit_ps_t lane_take(cbit_fabric_t *fabric, cbit_lane_t *lane, cbit_ps_t at_ps,
                           uint32_t len_bytes)
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

void cbit_link_init(cbit_link_t *link, cbit_kernel_t *kernel, cbit_ps_t latency_ps,
                    void (*fire)(void *self), void *self)
{
    link->kernel = kernel;
    link->latency_ps = latency_ps;
    cbit_event_init(&link->arrival, fire, self);
}

/* Sets the alarm for the head, which may be due already. */
static void link_rearm(cbit_link_t *link)
{
    if (link->head != NULL) {
        cbit_ps_t now_ps = cbit_kernel_now_ps(link->kernel);
        cbit_ps_t due_ps = link->head->entered_ps + link->latency_ps;
        cbit_event_notify_at(link->kernel, &link->arrival, due_ps < now_ps ? now_ps : due_ps);
    }
}

/* It sets out at entered_ps. */
static void link_push(cbit_link_t *link, cbit_txn_t *txn, cbit_ps_t entered_ps)
{
    txn->entered_ps = entered_ps;
    txn->next = NULL;
    if (link->tail != NULL) {
        link->tail->next = txn;
        link->tail = txn;
        return;
    }
    link->head = link->tail = txn;
    link_rearm(link);
}

static cbit_txn_t *link_pop(cbit_link_t *link)
{
    cbit_txn_t *txn = link->head;
    link->head = txn->next;
    link->tail = link->head == NULL ? NULL : link->tail;
    return txn;
}

static void link_push_front(cbit_link_t *link, cbit_txn_t *txn)
{
    txn->next = link->head;
    link->head = txn;
    link->tail = link->tail == NULL ? txn : link->tail;
}

static void give(cbit_fabric_t *fabric, cbit_txn_t *txn)
{
    cbit_txn_charge(txn, CBIT_STAGE_RETURN, cbit_kernel_now_ps(fabric->kernel) - txn->entered_ps);
    fabric->stats.replies++;
    fabric->stats.machine_checks += txn->status != CBIT_ERR_OK;
    cbit_txn_reply(txn);
}

/* An answer is at its entry, which its data leave at that time: now, with nobody before it? */
static bool leaves_now(cbit_entry_t *entry, const cbit_txn_t *txn, cbit_ps_t *begin_ps)
{
    const cbit_ps_t now_ps = cbit_kernel_now_ps(entry->fabric->kernel);
    *begin_ps = lane_take(entry->fabric, &entry->out, now_ps, data_bytes(txn, CBIT_COMMAND_READ));
    if (entry->late.tail != NULL && *begin_ps < entry->late.tail->entered_ps) {
        *begin_ps = entry->late.tail->entered_ps;
    }
    return *begin_ps == now_ps && entry->late.head == NULL;
}

static void wait_at_entry(cbit_entry_t *entry, cbit_txn_t *txn, cbit_ps_t begin_ps)
{
    cbit_txn_charge(txn, CBIT_STAGE_RETURN, begin_ps - txn->entered_ps);
    link_push(&entry->late, txn, begin_ps);
}

/* The controller has kept the answer for as long as it would be on its way. */
static void on_reply_at_entry(cbit_path_t *path, cbit_txn_t *txn)
{
    cbit_ps_t begin_ps;
    if (leaves_now(path->entry, txn, &begin_ps)) {
        give(path->entry->fabric, txn);
    } else {
        wait_at_entry(path->entry, txn, begin_ps);
    }
}

/* It is on its way back from now on. */
static void on_reply_sets_out(cbit_path_t *path, cbit_txn_t *txn)
{
    cbit_fabric_t *fabric = path->entry->fabric;
    const cbit_ps_t now_ps = cbit_kernel_now_ps(fabric->kernel);
    const cbit_ps_t begin_ps = path->back == NULL ? now_ps
                                                  : lane_take(fabric, path->back, now_ps,
                                                              data_bytes(txn, CBIT_COMMAND_READ));
    cbit_txn_charge(txn, CBIT_STAGE_RETURN, begin_ps - now_ps);
    link_push(&path->reply, txn, begin_ps);
}

/* Of a path that is not straight. */
static void on_reply_from_memory(void *self, cbit_txn_t *txn)
{
    cbit_path_t *path = self;
    if (txn->back_ps == 0) {
        on_reply_sets_out(path, txn);
    } else {
        on_reply_at_entry(path, txn);
    }
}

/* ---- what is in the link to a controller ---- */

/* Something of what straight_until says has changed. */
static void set_straight(cbit_path_t *path)
{
    path->straight_until = path->straight && path->held == 0 ? path->forget_at : 0;
}

/* Those given ahead that are there now are in the link no more. */
static __attribute__((noinline)) void forget_ahead(cbit_path_t *path)
{
    const cbit_ps_t now_ps = cbit_kernel_now_ps(path->request.kernel);
    const uint32_t entries = path->entry->fabric->config.link_entries;
    uint32_t there = 0;
    cbit_ahead_t *first = path->ahead + 1;
    while (there < path->ahead_count && first[there].there_ps <= now_ps) {
        there++;
    }
    path->ahead_count -= there;
    memmove(first, first + there, path->ahead_count * sizeof *first);
    uint32_t forget_at = 2 * path->ahead_count; /* so that each is moved about once */
    forget_at = forget_at < CBIT_AHEAD_FEW ? CBIT_AHEAD_FEW : forget_at;
    forget_at = forget_at < CBIT_AHEAD_ENTRIES ? forget_at : CBIT_AHEAD_ENTRIES;
    path->forget_at = forget_at < entries ? forget_at : entries;
    set_straight(path);
}

/* In it are those that it holds, and those given ahead that are not there yet. */
static inline bool link_is_full(cbit_path_t *path)
{
    if (path->held + path->ahead_count < path->forget_at) {
        return false;
    }
    forget_ahead(path);
    return path->held + path->ahead_count >= path->entry->fabric->config.link_entries;
}

/* The last of those given ahead that come into the link before one that does at out_ps: mostly the
   last of all. */
static inline uint32_t last_before(const cbit_path_t *path, cbit_ps_t out_ps)
{
    uint32_t i = path->ahead_count;
    while (path->ahead[i].out_ps > out_ps) {
        i--;
    }
    return i;
}

/* Makes room behind one of them; and takes that back. */
static inline void open_behind(cbit_path_t *path, uint32_t before)
{
    for (uint32_t i = ++path->ahead_count; i > before + 1; i--) {
        path->ahead[i] = path->ahead[i - 1];
    }
}

static void close_behind(cbit_path_t *path, uint32_t before)
{
    path->ahead_count--;
    for (uint32_t i = before + 1; i <= path->ahead_count; i++) {
        path->ahead[i] = path->ahead[i + 1];
    }
}

/* Makes a request ready for its controller, after so long in the fabric; and takes that back. */
static inline void make_ready(cbit_path_t *path, cbit_txn_t *txn, cbit_ps_t span_ps)
{
    cbit_txn_charge(txn, CBIT_STAGE_FABRIC, span_ps);
    txn->back_ps = path->back_ps;
    txn->returns = path->straight ? &path->returns : NULL;
    if (!path->straight) {
        cbit_txn_push_reply(txn, on_reply_from_memory, path);
    }
}

static void unmake_ready(const cbit_path_t *path, cbit_txn_t *txn, cbit_ps_t span_ps)
{
    txn->stage_ps[CBIT_STAGE_FABRIC] -= span_ps;
    txn->back_ps = 0;
    txn->returns = NULL;
    txn->hops -= !path->straight;
}

/* Nothing is in the way of one that comes into the link at out_ps: all others are there already, or
   given ahead and came into it before; and its answer comes straight back. */
static inline bool goes_straight(const cbit_path_t *path, cbit_ps_t out_ps)
{
    return path->ahead_count < path->straight_until &&
           path->ahead[path->ahead_count].out_ps <= out_ps;
}

/* The controller has refused the last one given ahead. */
static __attribute__((noinline)) bool take_back(cbit_path_t *path, cbit_txn_t *txn,
                                                cbit_ps_t span_ps)
{
    unmake_ready(path, txn, span_ps);
    path->ahead_count--;
    path->requests--;
    return false;
}

/* What send_ahead does, for such a one. */
static inline bool send_straight(cbit_path_t *path, cbit_txn_t *txn, cbit_ps_t out_ps,
                                 cbit_ps_t begin_ps)
{
    cbit_ahead_t *last = &path->ahead[path->ahead_count++];
    const cbit_ps_t soonest_ps = begin_ps + path->request.latency_ps;
    const cbit_ps_t there_ps = soonest_ps > last->there_ps ? soonest_ps : last->there_ps;
    last[1] = (cbit_ahead_t){.out_ps = out_ps, .there_ps = there_ps};
    path->requests++;
    cbit_txn_charge(txn, CBIT_STAGE_FABRIC, there_ps - begin_ps);
    txn->back_ps = path->back_ps;
    txn->returns = &path->returns;
    return path->try_send_at(path->memory, txn, there_ps) ||
           take_back(path, txn, there_ps - begin_ps);
}

/*
 * One that comes into the link at out_ps and sets out at begin_ps is given to its controller
 * already, if that has room for it anyway and nobody in the link is before it: it is there when its
 * time is over, and not before those given ahead that came into the link before it.
 */
static bool send_ahead(cbit_path_t *path, cbit_txn_t *txn, cbit_ps_t out_ps, cbit_ps_t begin_ps)
{
    if (path->try_send_at == NULL || path->held != 0 || path->ahead_count == CBIT_AHEAD_ENTRIES) {
        return false;
    }
    const uint32_t before = last_before(path, out_ps);
    cbit_ps_t there_ps = begin_ps + path->request.latency_ps;
    if (path->ahead[before].there_ps > there_ps) {
        there_ps = path->ahead[before].there_ps;
    }
    open_behind(path, before);
    path->ahead[before + 1] = (cbit_ahead_t){.out_ps = out_ps, .there_ps = there_ps};
    path->requests++;
    make_ready(path, txn, there_ps - begin_ps);
    if (!path->try_send_at(path->memory, txn, there_ps)) {
        unmake_ready(path, txn, there_ps - begin_ps);
        close_behind(path, before);
        path->requests--;
        return false;
    }
    return true;
}

static void wake_senders(cbit_path_t *path)
{
    /* All that fit: a woken sender may have turned to another channel meanwhile. */
    while (!link_is_full(path) && cbit_waitlist_wake_one(&path->senders)) {
    }
    if (path->senders.head == NULL || path->request.head != NULL) {
        return;
    }
    forget_ahead(path);
    if (path->ahead_count > 0) {
        cbit_event_notify_at(path->request.kernel, &path->request.arrival, path->ahead[1].there_ps);
    }
}

/* A request is at its controller: passes it on, or leaves it until there is room. */
static void on_request_arrival(void *self)
{
    cbit_path_t *path = self;
    cbit_link_t *link = &path->request;
    const cbit_port_t *memory = &path->entry->fabric->memory[path->channel];
    if (link->head == NULL) { /* who was refused for those given ahead */
        wake_senders(path);
        return;
    }
    /* Off the link and charged first: from its yes on the controller owns the request, and may even
       answer a posted write within try_send. */
    cbit_txn_t *txn = link_pop(link);
    path->held--;
    set_straight(path);
    cbit_ps_t entered_ps = txn->entered_ps;
    cbit_ps_t span_ps = cbit_kernel_now_ps(link->kernel) - entered_ps;
    make_ready(path, txn, span_ps);
    if (!memory->try_send(memory->self, txn, &path->waiter)) {
        unmake_ready(path, txn, span_ps);
        txn->entered_ps = entered_ps;
        path->held++;
        set_straight(path);
        link_push_front(link, txn);
        return;
    }
    link_rearm(link);
    wake_senders(path);
}

static void on_controller_space(void *self)
{
    cbit_path_t *path = self;
    if (!cbit_event_pending(&path->request.arrival)) {
        link_rearm(&path->request);
    }
}

static void deliver_head(cbit_fabric_t *fabric, cbit_link_t *link)
{
    cbit_txn_t *txn = link_pop(link);
    link_rearm(link);
    give(fabric, txn);
}

/* An answer is at its entry: through the port, or behind those that wait for it. */
static void on_reply_arrival(void *self)
{
    cbit_path_t *path = self;
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

void cbit_fabric_on_late(void *self)
{
    cbit_entry_t *entry = self;
    deliver_head(entry->fabric, &entry->late);
}

void cbit_fabric_on_nowhere(void *self)
{
    cbit_fabric_t *fabric = self;
    deliver_head(fabric, &fabric->nowhere);
}

/* Where a request goes; it is given its channel's address. */
static inline cbit_path_t *path_of(cbit_entry_t *entry, cbit_txn_t *txn)
{
    const cbit_interleaved_t to = cbit_interleave_find(&entry->fabric->map, txn->spa);
    txn->channel_address = to.address;
    return &entry->paths[to.channel];
}

static __attribute__((noinline)) bool try_send_with_care(cbit_entry_t *entry, cbit_txn_t *txn,
                                                         cbit_ps_t at_ps)
{
    if (txn->command != CBIT_COMMAND_READ ||
        !cbit_fabric_inside(entry->fabric, txn->spa, txn->size_bytes)) {
        return false;
    }
    cbit_path_t *path = path_of(entry, txn);
    return !link_is_full(path) && send_ahead(path, txn, at_ps, at_ps);
}

bool cbit_fabric_try_send_at(void *self, cbit_txn_t *txn, cbit_ps_t at_ps)
{
    cbit_entry_t *entry = self;
    const cbit_fabric_t *fabric = entry->fabric;
    if (txn->command == CBIT_COMMAND_READ && fabric->map.shifts &&
        cbit_fabric_inside(fabric, txn->spa, txn->size_bytes)) {
        const cbit_interleaved_t to = cbit_interleave_shift(&fabric->map, txn->spa);
        cbit_path_t *path = &entry->paths[to.channel];
        if (goes_straight(path, at_ps)) {
            txn->channel_address = to.address;
            return send_straight(path, txn, at_ps, at_ps);
        }
    }
    return try_send_with_care(entry, txn, at_ps);
}

static bool send_nowhere(cbit_fabric_t *fabric, cbit_txn_t *txn)
{
    txn->status = CBIT_ERR_ADDRESS;
    memset(txn->data, 0, sizeof txn->data);
    fabric->stats.requests++;
    link_push(&fabric->nowhere, txn, cbit_kernel_now_ps(fabric->kernel));
    return true;
}

bool cbit_fabric_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    cbit_entry_t *entry = self;
    cbit_fabric_t *fabric = entry->fabric;
    if (!cbit_fabric_inside(fabric, txn->spa, txn->size_bytes)) {
        return send_nowhere(fabric, txn);
    }
    cbit_path_t *path = path_of(entry, txn);
    const cbit_ps_t now_ps = cbit_kernel_now_ps(fabric->kernel);
    const bool straight = goes_straight(path, now_ps);
    if (!straight && link_is_full(path)) {
        fabric->stats.refused++;
        if (waiter != NULL) {
            cbit_waitlist_add(&path->senders, waiter);
            wake_senders(path);
        }
        return false;
    }
    const uint32_t len_bytes = data_bytes(txn, CBIT_COMMAND_WRITE);
    cbit_ps_t begin_ps = lane_take(fabric, &entry->in, now_ps, len_bytes);
    begin_ps = path->there == NULL ? begin_ps : lane_take(fabric, path->there, begin_ps, len_bytes);
    cbit_txn_charge(txn, CBIT_STAGE_FABRIC, begin_ps - now_ps);
    if (!(straight ? send_straight(path, txn, now_ps, begin_ps)
                   : send_ahead(path, txn, now_ps, begin_ps))) {
        path->requests++;
        path->held++;
        set_straight(path);
        link_push(&path->request, txn, begin_ps);
    }
    return true;
}

/* ---- paths ---- */

/* Quadrants stand two by two: bit 0 and bit 1 of their numbers are their places. */
void cbit_path_init(cbit_entry_t *entry, cbit_path_t *path, uint32_t from, uint32_t channel)
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
    cbit_link_init(&path->request, fabric->kernel, config->request_ns + way_ps, on_request_arrival,
                   path);
    cbit_link_init(&path->reply, fabric->kernel, config->return_ns + way_ps, on_reply_arrival,
                   path);
    path->waiter = (cbit_waiter_t){.on_space = on_controller_space, .self = path};
    cbit_path_bind(path, &fabric->memory[channel]);
}

/*
 * A controller that can answers so late that the answer need not be looked at twice. Not where
 * answers of several channels share a way between: they must come to it in their order.
 */
void cbit_path_bind(cbit_path_t *path, const cbit_port_t *memory)
{
    path->memory = memory->self;
    path->try_send_at = memory->try_send_at;
    path->back_ps =
        memory->try_send_at != NULL && path->back == NULL ? (uint32_t)path->reply.latency_ps : 0;
    path->straight = path->back_ps != 0 && path->entry->out.width_bytes == 0;
    set_straight(path);
}
