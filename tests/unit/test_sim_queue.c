/*
 * Random schedules: wheel, with vector instructions and without, heap and a list that is searched
 * for (time, delta, rank, order) give the same complete log. The list shares no code with the
 * kernel.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "cbit/base/rng.h"
#include "cbit/sim/kernel.h"
#include "cbit_test.h"

static const cbit_kernel_queue_t wheel_queue = CBIT_KERNEL_WHEEL,
                                 plain_wheel_queue = CBIT_KERNEL_PLAIN_WHEEL,
                                 heap_queue = CBIT_KERNEL_HEAP;

enum { ACTORS = 200, STEPS = 20000, RANKED = 5 };

/* Many, about as many as the kernel keeps in front of its wheel, and few. */
static const uint32_t crowds[] = {ACTORS, 80, 60, 40, 30};
enum { CROWDS = sizeof crowds / sizeof crowds[0] };

typedef struct actor {
    struct world *world;
    uint32_t id;
    uint32_t rank; /* 0: none */
    cbit_event_t event;
    /* for the list: */
    bool pending;
    cbit_ps_t at_ps;
    uint64_t delta;
    uint64_t order; /* a rank where it counts, else behind all ranks */
} actor_t;

typedef struct entry {
    cbit_ps_t at_ps;
    uint32_t id;
} entry_t;

/* One world runs the same random programme on a kernel or, with kernel NULL, on the list. */
typedef struct world {
    cbit_kernel_t *kernel;
    cbit_rng_t rng;
    uint32_t actors;
    cbit_ps_t now_ps;
    uint64_t delta, order;
    actor_t actor[ACTORS];
    entry_t log[STEPS];
    uint32_t count;
    uint32_t skips; /* events that went on in place of being queued */
} world_t;

static cbit_ps_t world_now(const world_t *world)
{
    return world->kernel != NULL ? cbit_kernel_now_ps(world->kernel) : world->now_ps;
}

static void world_notify(world_t *world, actor_t *actor, cbit_ps_t at_ps)
{
    if (world->kernel != NULL) {
        cbit_event_notify_at(world->kernel, &actor->event, at_ps);
        return;
    }
    actor->pending = true;
    actor->at_ps = at_ps;
    actor->delta = at_ps == world->now_ps ? world->delta : 0;
    actor->order = actor->delta == 0 && actor->rank != 0 ? actor->rank : world->order++;
}

static void world_notify_delta(world_t *world, actor_t *actor)
{
    if (world->kernel != NULL) {
        cbit_event_notify_delta(world->kernel, &actor->event);
        return;
    }
    actor->pending = true;
    actor->at_ps = world->now_ps;
    actor->delta = world->delta + 1;
    actor->order = world->order++;
}

static void world_cancel(world_t *world, actor_t *actor)
{
    if (world->kernel != NULL) {
        cbit_event_cancel(world->kernel, &actor->event);
    }
    actor->pending = false;
}

/* Clocks, latencies and time-outs of a machine: coincidences are frequent on purpose. */
static cbit_ps_t random_delay_ps(cbit_rng_t *rng)
{
    static const uint64_t clock_ps[] = {250, 312, 625, 833, 1250};
    if (cbit_rng_below(rng, 64) == 0) {
        return cbit_rng_below(rng, UINT64_C(6) << 30); /* up to three times 2 ms */
    }
    switch (cbit_rng_below(rng, 8)) {
    case 0:
        return 0;
    case 1:
    case 2:
    case 3:
        return clock_ps[cbit_rng_below(rng, 5)];
    case 4:
    case 5:
        return 625 * cbit_rng_below(rng, 64);
    case 6:
        return cbit_rng_below(rng, 4 * UINT64_C(2097152)); /* up to four turns of the wheel */
    default:
        return UINT64_C(2097152) - 1024 + cbit_rng_below(rng, 2048); /* about one turn */
    }
}

static void act_once(world_t *world, const actor_t *me)
{
    world->log[world->count++] = (entry_t){world_now(world), me->id};
    for (uint64_t n = 1 + cbit_rng_below(&world->rng, 3); n > 0; n--) {
        actor_t *other = &world->actor[cbit_rng_below(&world->rng, world->actors)];
        switch (cbit_rng_below(&world->rng, 12)) {
        case 0:
            world_cancel(world, other);
            break;
        case 1:
            world_notify_delta(world, other);
            break;
        default:
            world_notify(world, other, world_now(world) + random_delay_ps(&world->rng));
            break;
        }
    }
}

static bool is_pending(const world_t *world, const actor_t *actor)
{
    return world->kernel != NULL ? cbit_event_pending(&actor->event) : actor->pending;
}

/* Some want to act again later; if nothing lies in between, a kernel lets them go on at once. */
static void act(void *self)
{
    actor_t *me = self;
    world_t *world = me->world;
    while (world->count < STEPS) {
        act_once(world, me);
        if (is_pending(world, me) || cbit_rng_below(&world->rng, 4) != 0) {
            return;
        }
        const cbit_ps_t at_ps = world_now(world) + random_delay_ps(&world->rng);
        if (world->kernel == NULL || at_ps >= cbit_kernel_quiet_ps(world->kernel)) {
            world_notify(world, me, at_ps);
            return;
        }
        cbit_kernel_go_on_at(world->kernel, at_ps);
        world->skips++;
    }
}

static actor_t *earliest(world_t *world)
{
    actor_t *best = NULL;
    for (uint32_t i = 0; i < ACTORS; i++) {
        actor_t *a = &world->actor[i];
        if (!a->pending) {
            continue;
        }
        if (best == NULL || a->at_ps < best->at_ps ||
            (a->at_ps == best->at_ps &&
             (a->delta < best->delta || (a->delta == best->delta && a->order < best->order)))) {
            best = a;
        }
    }
    return best;
}

static void run_list(world_t *world)
{
    for (actor_t *a = earliest(world); a != NULL && world->count < STEPS; a = earliest(world)) {
        world->delta = a->at_ps == world->now_ps || a->delta != 0 ? a->delta : 0;
        world->now_ps = a->at_ps;
        a->pending = false;
        act(a);
    }
}

static world_t *run_world(const cbit_kernel_queue_t *queue, uint64_t seed, uint32_t actors)
{
    world_t *world = calloc(1, sizeof *world);
    world->kernel = queue == NULL ? NULL : cbit_kernel_create(*queue);
    cbit_rng_init(&world->rng, seed, 0);
    world->actors = actors;
    world->order = ACTORS + 1;
    for (uint32_t i = 0; i < ACTORS; i++) {
        world->actor[i].world = world;
        world->actor[i].id = i;
        cbit_event_init(&world->actor[i].event, act, &world->actor[i]);
        if (i % RANKED == 0) { /* higher numbers first, so that it is not the order of anything */
            world->actor[i].rank = ACTORS - i;
            cbit_event_set_rank(&world->actor[i].event, ACTORS - i);
        }
    }
    for (uint32_t i = 0; i < actors; i += 3) {
        world_notify(world, &world->actor[i], 1 + random_delay_ps(&world->rng));
    }
    if (queue == NULL) {
        run_list(world);
    } else {
        /* In slices, which must not matter. */
        while (world->count < STEPS && cbit_kernel_next_ps(world->kernel) != CBIT_PS_NEVER) {
            cbit_kernel_run(world->kernel, cbit_kernel_next_ps(world->kernel) + 3000);
        }
    }
    cbit_kernel_destroy(world->kernel);
    return world;
}

static void assert_same_log(const world_t *a, const world_t *b, uint64_t seed, const char *what)
{
    for (uint32_t i = 0; i < a->count && i < b->count; i++) {
        ck_assert_msg(a->log[i].at_ps == b->log[i].at_ps && a->log[i].id == b->log[i].id,
                      "%s, seed %" PRIu64 ": entry %u is event %u at %" PRIu64
                      ", expected %u at %" PRIu64,
                      what, seed, i, b->log[i].id, b->log[i].at_ps, a->log[i].id, a->log[i].at_ps);
    }
    ck_assert_uint_eq(a->count, b->count);
}

START_TEST(wheel_heap_and_list_give_the_same_log)
{
    const uint64_t seed = cbit_test_seed() + (uint64_t)_i;
    const uint32_t actors = crowds[_i % CROWDS];
    world_t *list = run_world(NULL, seed, actors);
    world_t *wheel = run_world(&wheel_queue, seed, actors);
    world_t *plain_wheel = run_world(&plain_wheel_queue, seed, actors);
    world_t *heap = run_world(&heap_queue, seed, actors);
    ck_assert_uint_gt(list->count, 1000); /* the programme did not die out */
    ck_assert_uint_gt(wheel->skips, 100);
    ck_assert_uint_eq(wheel->skips, heap->skips);
    assert_same_log(list, wheel, seed, "wheel");
    assert_same_log(list, plain_wheel, seed, "wheel without vectors");
    assert_same_log(list, heap, seed, "heap");
    free(list);
    free(wheel);
    free(plain_wheel);
    free(heap);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("sim_queue");
    TCase *tcase = tcase_create("random");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, wheel_heap_and_list_give_the_same_log, 0, 2 * CROWDS);
    suite_add_tcase(suite, tcase);
    return suite;
}
