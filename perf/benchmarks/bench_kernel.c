/*
 * What an event costs: the wheel beside the heap and, where it is installed, SystemC, by turns in
 * one run. CPU time, so the figures say nothing about results, only how long one waits for them;
 * the ratios are steadier than the times.
 */
#include "perf/benchmarks/bench_kernel.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "cbit/sim/port.h"
#include "cbit/sim/signal.h"
#include "perf/benchmarks/rows.h"

enum { ROUNDS = 7 };

double bench_now_ns(void)
{
    return meter_cpu_seconds() * 1e9;
}

/* --- timed events --------------------------------------------------------------------------- */

typedef struct actor {
    cbit_kernel_t *kernel;
    cbit_event_t event;
    uint64_t state;
} actor_t;

static void again(void *self)
{
    actor_t *actor = self;
    cbit_event_notify_at(actor->kernel, &actor->event,
                         cbit_kernel_now_ps(actor->kernel) +
                             BENCH_CLOCK_PS * bench_next(&actor->state));
}

static double timed_ns(cbit_kernel_queue_t queue, uint32_t pending)
{
    cbit_kernel_t *kernel = cbit_kernel_create(queue);
    actor_t *actors = calloc(pending, sizeof *actors);
    for (uint32_t i = 0; i < pending; i++) {
        actors[i] = (actor_t){.kernel = kernel, .state = i};
        cbit_event_init(&actors[i].event, again, &actors[i]);
        again(&actors[i]);
    }
    uint64_t fired = 0;
    const double begin = bench_now_ns();
    while (fired < BENCH_EVENTS) {
        fired += cbit_kernel_run(kernel, cbit_kernel_now_ps(kernel) + 1000000);
    }
    const double each = (bench_now_ns() - begin) / (double)fired;
    cbit_kernel_destroy(kernel);
    free(actors);
    return each;
}

static double wheel_ns(uint32_t pending)
{
    return timed_ns(CBIT_KERNEL_WHEEL, pending);
}

static double heap_ns(uint32_t pending)
{
    return timed_ns(CBIT_KERNEL_HEAP, pending);
}

/* --- deltas and signals ----------------------------------------------------------------------- */

static void again_delta(void *self)
{
    actor_t *actor = self;
    if (actor->state-- > 0) {
        cbit_event_notify_delta(actor->kernel, &actor->event);
    }
}

static double delta_ns(uint32_t unused)
{
    (void)unused;
    cbit_kernel_t *kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    actor_t actor = {.kernel = kernel, .state = BENCH_EVENTS};
    cbit_event_init(&actor.event, again_delta, &actor);
    cbit_event_notify_delta(kernel, &actor.event);
    const double begin = bench_now_ns();
    const uint64_t fired = cbit_kernel_run(kernel, CBIT_PS_NEVER);
    const double each = (bench_now_ns() - begin) / (double)fired;
    cbit_kernel_destroy(kernel);
    return each;
}

typedef struct counter {
    cbit_process_t process;
    cbit_signal_t signal;
    cbit_sensitivity_t edge;
} counter_t;

static void count_on(void *self)
{
    counter_t *counter = self;
    const uint64_t value = cbit_signal_read(&counter->signal);
    if (value < BENCH_EVENTS) {
        cbit_signal_write(&counter->signal, value + 1);
    }
}

/* Write, update, wake, run. */
static double signal_ns(uint32_t unused)
{
    (void)unused;
    cbit_kernel_t *kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    counter_t counter;
    cbit_process_init(&counter.process, kernel, count_on, &counter);
    cbit_signal_init(&counter.signal, kernel, 0);
    cbit_process_sensitive(&counter.process, &counter.signal.changed, &counter.edge);
    cbit_process_start(&counter.process);
    const double begin = bench_now_ns();
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    const double each = (bench_now_ns() - begin) / BENCH_EVENTS;
    cbit_kernel_destroy(kernel);
    return each;
}

/* --- transactions: through a port, kept for a while, answered -----------------------------------
 */

typedef struct slot {
    struct target *target;
    cbit_event_t event;
    cbit_txn_t txn;
} slot_t;

typedef struct target {
    cbit_kernel_t *kernel;
    cbit_port_t port;
    uint64_t state, done;
} target_t;

static bool target_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    (void)waiter;
    target_t *target = self;
    slot_t *slot = (slot_t *)((char *)txn - offsetof(slot_t, txn));
    const cbit_ps_t span_ps = BENCH_CLOCK_PS * bench_next(&target->state);
    cbit_txn_charge(txn, CBIT_STAGE_DRAM, span_ps);
    cbit_event_notify_at(target->kernel, &slot->event,
                         cbit_kernel_now_ps(target->kernel) + span_ps);
    return true;
}

static void answer(void *self)
{
    cbit_txn_reply(&((slot_t *)self)->txn);
}

static void send_one(void *self, cbit_txn_t *txn)
{
    slot_t *slot = self;
    target_t *target = slot->target;
    if (target->done++ < BENCH_EVENTS) {
        cbit_txn_init(txn, CBIT_COMMAND_READ, 64 * target->done, 64, CBIT_KEY_PLAIN,
                      CBIT_SOURCE_HOST, cbit_kernel_now_ps(target->kernel));
        cbit_txn_push_reply(txn, send_one, slot);
        (void)target->port.try_send(target->port.self, txn, NULL);
    }
}

static double transaction_ns(uint32_t outstanding)
{
    target_t target = {.kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL)};
    target.port = (cbit_port_t){.self = &target, .try_send = target_try_send};
    slot_t *slots = calloc(outstanding, sizeof *slots);
    for (uint32_t i = 0; i < outstanding; i++) {
        slots[i].target = &target;
        cbit_event_init(&slots[i].event, answer, &slots[i]);
        send_one(&slots[i], &slots[i].txn);
    }
    const double begin = bench_now_ns();
    cbit_kernel_run(target.kernel, CBIT_PS_NEVER);
    const double each = (bench_now_ns() - begin) / BENCH_EVENTS;
    cbit_kernel_destroy(target.kernel);
    free(slots);
    return each;
}

/* --- the table -------------------------------------------------------------------------------- */

typedef struct row {
    const char *what;
    uint32_t many;
    double (*ours)(uint32_t many);
    double (*other)(uint32_t many);
    double goal; /* of the ratio; 0: none */
} row_t;

static const row_t rows[] = {
    {"timed, wheel, 1 pending", 1, wheel_ns, bench_systemc_timed_ns, 2},
    {"timed, wheel, 100 pending", 100, wheel_ns, bench_systemc_timed_ns, 4},
    {"timed, wheel, 10000 pending", 10000, wheel_ns, bench_systemc_timed_ns, 5},
    {"timed, heap, 1 pending", 1, heap_ns, bench_systemc_timed_ns, 0},
    {"timed, heap, 100 pending", 100, heap_ns, bench_systemc_timed_ns, 0},
    {"timed, heap, 10000 pending", 10000, heap_ns, bench_systemc_timed_ns, 0},
    {"delta notification", 1, delta_ns, bench_systemc_delta_ns, 5},
    {"signal to process", 1, signal_ns, bench_systemc_signal_ns, 0},
    {"transaction, 1 outstanding", 1, transaction_ns, bench_systemc_transaction_ns, 2},
    {"transaction, 16 outstanding", 16, transaction_ns, bench_systemc_transaction_ns, 2},
};

/* The row for the table of all benchmarks: events a second; without SystemC there is no ratio. */
static void add_row(cJSON *root, const row_t *row, const meter_t *ours, const meter_t *ratio)
{
    char what[64];
    const meter_t rate = meter_inverse(ours, 1e3);
    const bool beside = ratio->count > 0;
    (void)snprintf(what, sizeof what, "kernel, %s", row->what);
    bench_row_add(root, &(bench_row_t){.what = what,
                                       .unit = "M events/s",
                                       .value = &rate,
                                       .beside = beside ? "SystemC" : NULL,
                                       .ratio = ratio,
                                       .goal_is = beside && row->goal > 0 ? BENCH_RATIO_AT_LEAST
                                                                          : BENCH_NO_GOAL,
                                       .goal = row->goal});
}

static void measure(cJSON *root, const row_t *row, const bench_options_t *options)
{
    meter_t ours = {.count = 0}, other = {.count = 0}, ratio = {.count = 0};
    for (uint32_t i = 0; i < options->rounds; i++) {
        meter_add(&ours, row->ours(row->many));
        const double theirs = row->other(row->many);
        if (theirs > 0) {
            meter_add(&other, theirs);
        }
    }
    if (other.count > 0) {
        ratio = meter_ratio(&other, &ours);
    }
    add_row(root, row, &ours, &ratio);
    if (!options->json) {
        printf("%-28s %8.1f", row->what, meter_median(&ours));
        if (other.count > 0) {
            printf(" %8.1f %8.1f  %.1f..%.1f", meter_median(&other), meter_median(&ratio),
                   meter_least(&ratio), meter_best(&ratio));
        }
        printf("\n");
    }
}

int bench_kernel_main(int argc, char **argv)
{
    const bench_options_t options = bench_options(argc, argv, ROUNDS);
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddItemToObject(root, "machine", meter_machine());
    if (!options.json) {
        printf("medians of %d, in ns; ratio: SystemC / cbit, and its spread\n",
               (int)options.rounds);
        printf("%-28s %8s %8s %8s\n", "", "cbit", "SystemC", "ratio");
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        measure(root, &rows[i], &options);
    }
    if (options.json) {
        bench_print(root);
    } else {
        cJSON_Delete(root);
    }
    return EXIT_SUCCESS;
}
