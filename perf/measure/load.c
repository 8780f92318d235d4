#include "perf/measure/load.h"

#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"

/* Between a probe's answer and its next read: keeps probes from falling into step. */
enum { PROBE_DELAY_PS = 1000 };

enum { BEGIN_PS = 10000000 }; /* far more than loading keys takes */

typedef struct generator generator_t;

typedef struct slot {
    generator_t *generator;
    cbit_txn_t txn;
    cbit_event_t wake;
    cbit_waiter_t waiter;
    cbit_rng_t rng;
    bool probe;
    uint64_t number; /* of the request, in order of arrival */
    bool busy;
} slot_t;

struct generator {
    cbit_rig_t *rig;
    const cbit_load_t *load;
    cbit_load_result_t *result;
    slot_t *slots;
    cbit_event_t arrival;
    uint64_t arrivals, answered, next_line;
    cbit_ps_t counted_from_ps;
    bool done;
};

static cbit_ps_t now(const generator_t *g)
{
    return cbit_kernel_now_ps(g->rig->kernel);
}

/* ---- what is asked for ---- */

static cbit_spa_t next_spa(slot_t *slot)
{
    generator_t *g = slot->generator;
    uint64_t lines = g->load->footprint_bytes / CBIT_LINE_BYTES;
    uint64_t line = slot->probe ? cbit_rng_below(&slot->rng, lines) : g->next_line++ % lines;
    return line * CBIT_LINE_BYTES;
}

static uint32_t slots_of(const cbit_load_t *load)
{
    return load->probes + load->background;
}

static void send(void *self);

static void on_reply(void *self, cbit_txn_t *txn);

static void ask(slot_t *slot)
{
    generator_t *g = slot->generator;
    bool read = slot->probe || cbit_rng_below(&slot->rng, 1000) < g->load->read_per_mille;
    slot->busy = true;
    cbit_txn_init(&slot->txn, read ? CBIT_COMMAND_READ : CBIT_COMMAND_WRITE, next_spa(slot),
                  CBIT_LINE_BYTES, g->rig->key, CBIT_SOURCE_VCPU, now(g));
    slot->txn.entered_ps = now(g);
    slot->txn.no_bytes = true;
    cbit_txn_push_reply(&slot->txn, on_reply, slot);
    send(slot);
}

/* The fabric's link may be full: that wait is the core's. */
static void send(void *self)
{
    slot_t *slot = self;
    const generator_t *g = slot->generator;
    cbit_ps_t waited_ps = now(g) - slot->txn.born_ps;
    cbit_txn_charge(&slot->txn, CBIT_STAGE_CORE, waited_ps);
    if (!g->rig->port.try_send(g->rig->port.self, &slot->txn, &slot->waiter)) {
        slot->txn.stage_ps[CBIT_STAGE_CORE] -= waited_ps;
    }
}

/* ---- what is answered ---- */

static void count(generator_t *g, const cbit_txn_t *txn)
{
    cbit_load_result_t *result = g->result;
    cbit_ps_t total_ps = now(g) - txn->born_ps;
    uint64_t index = result->read.total.count;
    result->batch_ps[index * CBIT_LOAD_BATCHES / g->load->samples] += total_ps;
    cbit_hist_add(&result->read.total, total_ps);
    for (int i = 0; i < CBIT_STAGE_COUNT; i++) {
        result->read.stage_ps[i] += txn->stage_ps[i];
    }
    if (result->read.total.count == g->load->samples) {
        result->span_ps = now(g) - g->counted_from_ps;
        g->done = true;
        cbit_kernel_stop(g->rig->kernel);
    }
}

static void on_probe(generator_t *g, const slot_t *slot)
{
    const cbit_load_t *load = g->load;
    if (load->each_ps != NULL && slot->number >= load->warm_up &&
        slot->number - load->warm_up < load->samples) {
        load->each_ps[slot->number - load->warm_up] = now(g) - slot->txn.born_ps;
    }
    if (g->answered++ == load->warm_up) {
        g->counted_from_ps = now(g);
        g->result->lines = 0;
    }
    if (g->answered > load->warm_up) {
        count(g, &slot->txn);
    }
}

static void on_reply(void *self, cbit_txn_t *txn)
{
    slot_t *slot = self;
    generator_t *g = slot->generator;
    (void)txn;
    slot->busy = false;
    if (g->done) {
        return;
    }
    g->result->lines++;
    if (slot->probe) {
        on_probe(g, slot);
    }
    if (g->load->interval_ps == 0 && !g->done) {
        uint64_t delay_ps = slot->probe ? PROBE_DELAY_PS : g->load->delay_ps;
        cbit_event_notify_at(g->rig->kernel, &slot->wake,
                             now(g) + delay_ps / 2 + cbit_rng_below(&slot->rng, delay_ps + 1));
    }
}

static void on_wake(void *self)
{
    slot_t *slot = self;
    slot->number = slot->generator->arrivals++;
    ask(slot);
}

static void on_arrival(void *self)
{
    generator_t *g = self;
    uint32_t i = 0;
    while (i < g->load->probes && g->slots[i].busy) {
        i++;
    }
    if (i < g->load->probes) {
        /* What is asked for depends on the arrival, not on the slot that happens to be free. */
        cbit_rng_init(&g->slots[i].rng, g->load->seed, g->arrivals);
        g->slots[i].number = g->arrivals;
        ask(&g->slots[i]);
    } else {
        g->result->refused++;
    }
    g->arrivals++;
    cbit_event_notify_at(g->rig->kernel, &g->arrival, now(g) + g->load->interval_ps);
}

/* ---- a run ---- */

/* Loading keys takes time, having none does not: traffic begins at the same time with both, so that
   it meets the same refreshes. */
static cbit_ps_t begin_ps(const generator_t *g)
{
    return (now(g) / BEGIN_PS + 1) * BEGIN_PS;
}

static void begin(generator_t *g)
{
    cbit_ps_t first_ps = begin_ps(g);
    for (uint32_t i = 0; i < slots_of(g->load); i++) {
        slot_t *slot = &g->slots[i];
        slot->generator = g;
        slot->probe = i < g->load->probes;
        slot->waiter = (cbit_waiter_t){.on_space = send, .self = slot};
        cbit_rng_init(&slot->rng, g->load->seed, i);
        cbit_event_init(&slot->wake, on_wake, slot);
        if (g->load->interval_ps == 0) {
            cbit_event_notify_at(g->rig->kernel, &slot->wake,
                                 first_ps + cbit_rng_below(&slot->rng, g->load->delay_ps + 1));
        }
    }
    cbit_event_init(&g->arrival, on_arrival, g);
    if (g->load->interval_ps != 0) {
        cbit_event_notify_at(g->rig->kernel, &g->arrival, first_ps);
    }
}

cbit_err_t cbit_load_run(cbit_rig_t *rig, const cbit_load_t *load, cbit_load_result_t *result,
                         cbit_diag_t *diag)
{
    generator_t g = {.rig = rig, .load = load, .result = result};
    memset(result, 0, sizeof *result);
    cbit_hist_init(&result->read.total);
    g.slots = calloc(slots_of(load), sizeof *g.slots);
    if (g.slots == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    begin(&g);
    (void)cbit_kernel_run(rig->kernel, CBIT_PS_NEVER);
    bool complete = g.done;
    /* Slots are ours: what is still on its way must come home before they go. */
    cbit_event_cancel(rig->kernel, &g.arrival);
    for (uint32_t i = 0; i < slots_of(load); i++) {
        cbit_event_cancel(rig->kernel, &g.slots[i].wake);
    }
    for (uint32_t i = 0; i < slots_of(load); i++) {
        while (g.slots[i].busy && cbit_kernel_next_ps(rig->kernel) != CBIT_PS_NEVER) {
            (void)cbit_kernel_run(rig->kernel, cbit_kernel_next_ps(rig->kernel));
        }
    }
    free(g.slots);
    return complete ? CBIT_ERR_OK
                    : cbit_diag_add(diag, CBIT_ERR_INTERNAL, NULL,
                                    "the memory system stopped answering");
}

/* The largest integer whose square is at most n. */
static uint64_t square_root(cbit_u128_t n)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 62; bit != 0; bit >>= 1) {
        uint64_t with = root | bit;
        root = (cbit_u128_t)with * with <= n ? with : root;
    }
    return root;
}

uint64_t cbit_load_interval_ps(const cbit_load_result_t *result)
{
    uint64_t each = result->read.total.count / CBIT_LOAD_BATCHES, mean = 0;
    cbit_u128_t squares = 0;
    if (each == 0) {
        return 0;
    }
    for (int i = 0; i < CBIT_LOAD_BATCHES; i++) {
        mean += result->batch_ps[i] / each;
    }
    mean /= CBIT_LOAD_BATCHES;
    for (int i = 0; i < CBIT_LOAD_BATCHES; i++) {
        uint64_t batch = result->batch_ps[i] / each;
        uint64_t away = batch > mean ? batch - mean : mean - batch;
        squares += (cbit_u128_t)away * away;
    }
    /* t(0.975, 19) = 2.093; standard error = sqrt(squares / 19 / 20). */
    return square_root(squares * 2093 * 2093 / 1000000 / 19 / 20);
}
