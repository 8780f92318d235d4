/*
 * What an event costs: wheel against heap, by how many are pending; deltas; signals.
 * Host time, so the figures say nothing about results, only how long one waits for them.
 */
#define _POSIX_C_SOURCE 199309L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cbit/base/rng.h"
#include "cbit/sim/signal.h"

enum { EVENTS = 5000000, ROUNDS = 5 };

typedef struct actor {
    cbit_kernel_t *kernel;
    cbit_event_t event;
    uint64_t state;
} actor_t;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Again after 1 to 64 clocks of DDR4-3200. */
static void again(void *self)
{
    actor_t *actor = self;
    actor->state = cbit_splitmix64(actor->state);
    cbit_event_notify_at(actor->kernel, &actor->event,
                         cbit_kernel_now_ps(actor->kernel) + 625 * (1 + actor->state % 64));
}

static double timed_ns(cbit_kernel_queue_t queue, uint32_t pending)
{
    cbit_kernel_t *kernel = cbit_kernel_create(queue);
    actor_t *actors = calloc(pending, sizeof *actors);
    for (uint32_t i = 0; i < pending; i++) {
        actors[i] = (actor_t){.kernel = kernel, .state = i};
        cbit_event_init(&actors[i].event, again, &actors[i]);
        cbit_event_notify_at(kernel, &actors[i].event, 625 * (uint64_t)i);
    }
    uint64_t fired = 0;
    const double begin = now_ns();
    while (fired < EVENTS) {
        fired += cbit_kernel_run(kernel, cbit_kernel_now_ps(kernel) + 1000000);
    }
    const double each = (now_ns() - begin) / (double)fired;
    cbit_kernel_destroy(kernel);
    free(actors);
    return each;
}

static void again_delta(void *self)
{
    actor_t *actor = self;
    if (actor->state-- > 0) {
        cbit_event_notify_delta(actor->kernel, &actor->event);
    }
}

static double delta_ns(void)
{
    cbit_kernel_t *kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    actor_t actor = {.kernel = kernel, .state = EVENTS};
    cbit_event_init(&actor.event, again_delta, &actor);
    cbit_event_notify_delta(kernel, &actor.event);
    const double begin = now_ns();
    const uint64_t fired = cbit_kernel_run(kernel, CBIT_PS_NEVER);
    const double each = (now_ns() - begin) / (double)fired;
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
    if (value < EVENTS) {
        cbit_signal_write(&counter->signal, value + 1);
    }
}

/* Write, update, wake, run. */
static double signal_ns(void)
{
    cbit_kernel_t *kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    counter_t counter;
    cbit_process_init(&counter.process, kernel, count_on, &counter);
    cbit_signal_init(&counter.signal, kernel, 0);
    cbit_process_sensitive(&counter.process, &counter.signal.changed, &counter.edge);
    cbit_process_start(&counter.process);
    const double begin = now_ns();
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    const double each = (now_ns() - begin) / EVENTS;
    cbit_kernel_destroy(kernel);
    return each;
}

static double best(double (*measure)(cbit_kernel_queue_t queue, uint32_t pending),
                   cbit_kernel_queue_t queue, uint32_t pending)
{
    double least = measure(queue, pending);
    for (int i = 1; i < ROUNDS; i++) {
        const double one = measure(queue, pending);
        least = one < least ? one : least;
    }
    return least;
}

int main(void)
{
    static const uint32_t pending[] = {1, 10, 100, 1000, 10000};
    printf("ns per event, best of %d\n", ROUNDS);
    printf("%16s %8s %8s\n", "pending", "wheel", "heap");
    for (uint32_t i = 0; i < sizeof pending / sizeof pending[0]; i++) {
        printf("%16" PRIu32 " %8.1f %8.1f\n", pending[i],
               best(timed_ns, CBIT_KERNEL_WHEEL, pending[i]),
               best(timed_ns, CBIT_KERNEL_HEAP, pending[i]));
    }
    printf("%16s %8.1f\n", "delta", delta_ns());
    printf("%16s %8.1f\n", "signal to process", signal_ns());
    return EXIT_SUCCESS;
}
