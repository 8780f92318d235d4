/* The kernel's order, each case on the wheel and on the heap. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/sim/kernel.h"
#include "cbit_test.h"

static const cbit_kernel_queue_t both[] = {CBIT_KERNEL_WHEEL, CBIT_KERNEL_HEAP};

/* --- a log of what fired ------------------------------------------------------------------ */

enum { LOG_MAX = 64 };

typedef struct bench {
    cbit_kernel_t *kernel;
    cbit_event_t event[16];
    struct hand {
        struct bench *bench;
        char name;
        void (*then)(struct bench *bench); /* what the event does besides, or NULL */
    } hand[16];
    char log[LOG_MAX];
    cbit_ps_t at_ps[LOG_MAX];
    uint32_t count;
    uint32_t mask; /* which are cancelled */
} bench_t;

static void note(void *self)
{
    const struct hand *hand = self;
    bench_t *bench = hand->bench;
    ck_assert_uint_lt(bench->count, LOG_MAX - 1);
    bench->at_ps[bench->count] = cbit_kernel_now_ps(bench->kernel);
    bench->log[bench->count++] = hand->name;
    if (hand->then != NULL) {
        hand->then(bench);
    }
}

/* Events a, b, c, ...: index 0, 1, 2, ... */
static bench_t *bench_create(cbit_kernel_queue_t queue)
{
    bench_t *bench = calloc(1, sizeof *bench);
    bench->kernel = cbit_kernel_create(queue);
    for (uint32_t i = 0; i < 16; i++) {
        bench->hand[i] = (struct hand){.bench = bench, .name = (char)('a' + i)};
        cbit_event_init(&bench->event[i], note, &bench->hand[i]);
    }
    return bench;
}

static void bench_destroy(bench_t *bench)
{
    cbit_kernel_destroy(bench->kernel);
    free(bench);
}

static void at(bench_t *bench, char name, cbit_ps_t at_ps)
{
    cbit_event_notify_at(bench->kernel, &bench->event[name - 'a'], at_ps);
}

static void delta(bench_t *bench, char name)
{
    cbit_event_notify_delta(bench->kernel, &bench->event[name - 'a']);
}

static void then(bench_t *bench, char name, void (*fn)(bench_t *bench))
{
    bench->hand[name - 'a'].then = fn;
}

/* --- order -------------------------------------------------------------------------------- */

START_TEST(events_fire_by_time_then_by_order_of_scheduling)
{
    bench_t *bench = bench_create(both[_i]);
    at(bench, 'a', 700);
    at(bench, 'b', 300);
    at(bench, 'c', 700);
    at(bench, 'd', 0);
    at(bench, 'e', 300);
    ck_assert_uint_eq(cbit_kernel_next_ps(bench->kernel), 0);
    ck_assert_uint_eq(cbit_kernel_run(bench->kernel, CBIT_PS_NEVER), 5);
    ck_assert_str_eq(bench->log, "dbeac");
    ck_assert_uint_eq(bench->at_ps[4], 700);
    ck_assert_uint_eq(cbit_kernel_now_ps(bench->kernel), 700);
    ck_assert_uint_eq(cbit_kernel_next_ps(bench->kernel), CBIT_PS_NEVER);
    bench_destroy(bench);
}
END_TEST

/* The far ones are beyond the wheel (2.1 us); at 5 us they share their time with a near one that
 * was scheduled later. */
START_TEST(near_and_far_events_keep_one_order)
{
    bench_t *bench = bench_create(both[_i]);
    at(bench, 'a', 5000000);
    at(bench, 'b', 7800000);
    at(bench, 'c', 1000);
    cbit_kernel_run(bench->kernel, 4900000);
    at(bench, 'd', 5000000);
    at(bench, 'e', 4999999);
    at(bench, 'f', UINT64_MAX - 1);
    ck_assert_uint_eq(cbit_kernel_next_ps(bench->kernel), 4999999);
    cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
    ck_assert_str_eq(bench->log, "ceadbf");
    bench_destroy(bench);
}
END_TEST

/* Slot 0 of the next turn is looked at after all slots of this one: 4095 x 512 ps is the last slot
 * that a wheel of 4096 x 512 ps reaches from 0, and from 512 ps on it reaches 4096 x 512 ps. */
START_TEST(the_wheel_turns_over)
{
    bench_t *bench = bench_create(both[_i]);
    at(bench, 'a', 512);
    at(bench, 'b', UINT64_C(4095) * 512);
    at(bench, 'c', UINT64_C(4096) * 512); /* beyond the wheel at time 0 */
    cbit_kernel_run(bench->kernel, 600);
    at(bench, 'd', UINT64_C(4096) * 512 + 1);
    at(bench, 'e',
       UINT64_C(4097) * 512 - 1); /* same slot as d, one turn after 'now' but for 1 slot */
    at(bench, 'f', 700);          /* the slot of now, in front of all */
    cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
    ck_assert_str_eq(bench->log, "afbcde");
    bench_destroy(bench);
}
END_TEST

static void spawn_now_and_delta(bench_t *bench)
{
    delta(bench, 'd');
    at(bench, 'e', cbit_kernel_now_ps(bench->kernel));
}

/* e is scheduled for this instant's delta 0 and so comes before the delta event d, and after b. */
START_TEST(an_event_of_now_comes_before_the_next_delta)
{
    bench_t *bench = bench_create(both[_i]);
    then(bench, 'a', spawn_now_and_delta);
    at(bench, 'a', 100);
    at(bench, 'b', 100);
    at(bench, 'c', 101);
    cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
    ck_assert_str_eq(bench->log, "abedc");
    bench_destroy(bench);
}
END_TEST

static void spawn_f_now(bench_t *bench)
{
    at(bench, 'f', cbit_kernel_now_ps(bench->kernel));
    delta(bench, 'g');
}

static void spawn_two_deltas(bench_t *bench)
{
    delta(bench, 'd');
    delta(bench, 'e');
}

/* d and e are delta 1; f, notified for now by d, joins delta 1 behind e; g is delta 2. */
START_TEST(what_a_delta_notifies_for_now_joins_that_delta)
{
    bench_t *bench = bench_create(both[_i]);
    then(bench, 'a', spawn_two_deltas);
    then(bench, 'd', spawn_f_now);
    at(bench, 'a', 100);
    cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
    ck_assert_str_eq(bench->log, "adefg");
    ck_assert_uint_eq(bench->at_ps[4], 100);
    bench_destroy(bench);
}
END_TEST

static void go_on_later(bench_t *bench)
{
    ck_assert_uint_eq(cbit_kernel_quiet_ps(bench->kernel), 30);
    cbit_kernel_go_on_at(bench->kernel, 20);
    at(bench, 'c', 20);
    delta(bench, 'd');
    at(bench, 'e', 20);
}

/* What goes on from a delta at a later time is what waits for that time: its deltas come last. */
START_TEST(an_event_of_a_delta_may_go_on_at_a_later_time)
{
    bench_t *bench = bench_create(both[_i]);
    then(bench, 'b', go_on_later);
    at(bench, 'f', 30);
    delta(bench, 'b');
    cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
    ck_assert_str_eq(bench->log, "bcedf");
    bench_destroy(bench);
}
END_TEST

static void ask_how_long(bench_t *bench)
{
    ck_assert_uint_eq(cbit_kernel_quiet_ps(bench->kernel), 30); /* then f fires */
    cbit_kernel_go_on_at(bench->kernel, 29);
    ck_assert_uint_eq(cbit_kernel_now_ps(bench->kernel), 29);
    ck_assert_uint_eq(cbit_kernel_quiet_ps(bench->kernel), 30);
    at(bench, 'c', 29);
    ck_assert_uint_eq(cbit_kernel_quiet_ps(bench->kernel), 29);
}

static void ask_at_the_end(bench_t *bench)
{
    ck_assert_uint_eq(cbit_kernel_quiet_ps(bench->kernel), 41); /* the run ends at 40 */
    cbit_kernel_stop(bench->kernel);
    ck_assert_uint_eq(cbit_kernel_quiet_ps(bench->kernel), 0);
}

static void ask_forever(bench_t *bench)
{
    ck_assert_uint_eq(cbit_kernel_quiet_ps(bench->kernel), CBIT_PS_NEVER);
}

/* Until the next event, the end of the run, or not at all. */
START_TEST(an_event_knows_how_long_nothing_happens)
{
    bench_t *bench = bench_create(both[_i]);
    then(bench, 'b', ask_how_long);
    then(bench, 'f', ask_at_the_end);
    then(bench, 'g', ask_forever);
    at(bench, 'b', 10);
    at(bench, 'f', 30);
    at(bench, 'g', 50);
    cbit_kernel_run(bench->kernel, 40);
    ck_assert_str_eq(bench->log, "bcf");
    cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
    ck_assert_str_eq(bench->log, "bcfg");
    bench_destroy(bench);
}
END_TEST

/* --- moving and cancelling ------------------------------------------------------------------ */

START_TEST(notifying_again_moves)
{
    bench_t *bench = bench_create(both[_i]);
    at(bench, 'a', 100);
    at(bench, 'b', 100);
    at(bench, 'a', 100); /* same time, but now behind b */
    at(bench, 'c', 50);
    at(bench, 'c', 9000000); /* near to far */
    at(bench, 'd', 9000000);
    at(bench, 'd', 60); /* far to near */
    delta(bench, 'e');
    at(bench, 'e', 70); /* delta to timed */
    at(bench, 'f', 80);
    delta(bench, 'f'); /* timed to delta */
    ck_assert_uint_eq(cbit_kernel_run(bench->kernel, CBIT_PS_NEVER), 6);
    ck_assert_str_eq(bench->log, "fdebac");
    bench_destroy(bench);
}
END_TEST

START_TEST(a_cancelled_event_does_not_fire_and_can_be_notified_again)
{
    bench_t *bench = bench_create(both[_i]);
    const char *names = "abcdef";
    at(bench, 'a', 100); /* alone: the front slot */
    at(bench, 'b', 100);
    at(bench, 'c', 100);
    at(bench, 'd', 9000000);
    at(bench, 'e', 9000001);
    delta(bench, 'f');
    for (uint32_t i = 0; names[i] != '\0'; i++) {
        ck_assert(cbit_event_pending(&bench->event[i]));
        cbit_event_cancel(bench->kernel, &bench->event[i]);
        ck_assert(!cbit_event_pending(&bench->event[i]));
        cbit_event_cancel(bench->kernel, &bench->event[i]); /* twice: nothing happens */
    }
    ck_assert_uint_eq(cbit_kernel_next_ps(bench->kernel), CBIT_PS_NEVER);
    ck_assert_uint_eq(cbit_kernel_run(bench->kernel, CBIT_PS_NEVER), 0);
    at(bench, 'b', 5);
    cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
    ck_assert_str_eq(bench->log, "b");
    bench_destroy(bench);
}
END_TEST

static void cancel_b_and_e(bench_t *bench)
{
    cbit_event_cancel(bench->kernel, &bench->event[1]);
    cbit_event_cancel(bench->kernel, &bench->event[4]);
}

/* a takes back b, next in its own instant, and e, two deltas of the same list away. */
START_TEST(an_event_can_be_cancelled_in_its_own_instant)
{
    bench_t *bench = bench_create(both[_i]);
    then(bench, 'a', cancel_b_and_e);
    delta(bench, 'a');
    delta(bench, 'b');
    delta(bench, 'c');
    delta(bench, 'e');
    cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
    ck_assert_str_eq(bench->log, "ac");
    bench_destroy(bench);
}
END_TEST

static void notify_next_delta_and_cancel(bench_t *bench)
{
    const char *names = "fghij";
    for (uint32_t i = 0; names[i] != '\0'; i++) {
        delta(bench, names[i]);
    }
    for (uint32_t i = 1; i < 10;
         i++) { /* a is the one that fires; 1 to 4 this delta, 5 to 9 next */
        if ((bench->mask >> (i - 1) & 1) != 0) {
            cbit_event_cancel(bench->kernel, &bench->event[i]);
        }
    }
    delta(bench, 'k'); /* both lists go on at their ends */
    at(bench, 'l', cbit_kernel_now_ps(bench->kernel));
}

/* Every set of the four left of this delta and the five of the next, their heads and tails too. */
START_TEST(any_set_of_two_deltas_can_be_cancelled)
{
    for (uint32_t mask = 0; mask < 1U << 9; mask++) {
        bench_t *bench = bench_create(both[_i]);
        char expected[13] = "a";
        uint32_t count = 1;
        bench->mask = mask;
        then(bench, 'a', notify_next_delta_and_cancel);
        for (uint32_t i = 0; i < 5; i++) {
            delta(bench, (char)('a' + i));
        }
        for (uint32_t i = 1; i < 10; i++) {
            if (i == 5) {
                expected[count++] = 'l';
            }
            if ((mask >> (i - 1) & 1) == 0) {
                expected[count++] = (char)('a' + i);
            }
        }
        expected[count++] = 'k';
        ck_assert_uint_eq(cbit_kernel_run(bench->kernel, CBIT_PS_NEVER), count);
        ck_assert_str_eq(bench->log, expected);
        bench_destroy(bench);
    }
}
END_TEST

/*
 * The events are freed first, as a machine's blocks are, one block after the other, each of which
 * takes back what it waits for: the sanitizers tell if others are touched.
 */
START_TEST(a_kernel_may_be_destroyed_after_the_owners_of_pending_events)
{
    bench_t *bench = bench_create(both[_i]);
    cbit_kernel_t *kernel = bench->kernel;
    bench_t *first = calloc(1, sizeof *first);
    cbit_event_init(&first->event[0], note, &first->hand[0]);
    cbit_event_notify_at(kernel, &first->event[0], 50);
    at(bench, 'a', 100);
    at(bench, 'b', 100);
    at(bench, 'c', 9000000);
    delta(bench, 'd');
    free(bench);
    if (both[_i] == CBIT_KERNEL_WHEEL) {
        cbit_event_cancel(kernel, &first->event[0]);
    }
    free(first);
    cbit_kernel_destroy(kernel);
}
END_TEST

/* --- run, until, stop ----------------------------------------------------------------------- */

START_TEST(until_is_inclusive_and_moves_the_time)
{
    bench_t *bench = bench_create(both[_i]);
    at(bench, 'a', 1000);
    at(bench, 'b', 1001);
    ck_assert_uint_eq(cbit_kernel_run(bench->kernel, 999), 0);
    ck_assert_uint_eq(cbit_kernel_now_ps(bench->kernel), 999);
    ck_assert_uint_eq(cbit_kernel_run(bench->kernel, 1000), 1);
    ck_assert_uint_eq(cbit_kernel_run(bench->kernel, 500), 0); /* the past: nothing */
    ck_assert_uint_eq(cbit_kernel_now_ps(bench->kernel), 1000);
    ck_assert_uint_eq(cbit_kernel_run(bench->kernel, 3000000), 1);
    ck_assert_uint_eq(cbit_kernel_now_ps(bench->kernel), 3000000);
    bench_destroy(bench);
}
END_TEST

static void stop(bench_t *bench)
{
    cbit_kernel_stop(bench->kernel);
}

START_TEST(stop_returns_after_the_event_and_loses_nothing)
{
    bench_t *bench = bench_create(both[_i]);
    then(bench, 'b', stop);
    then(bench, 'd', stop);
    at(bench, 'a', 10);
    at(bench, 'b', 10);
    at(bench, 'c', 10);
    delta(bench, 'd');
    delta(bench, 'e');
    ck_assert_uint_eq(cbit_kernel_run(bench->kernel, CBIT_PS_NEVER), 1); /* d, delta 1 of time 0 */
    ck_assert_uint_eq(cbit_kernel_next_ps(bench->kernel), 0);
    ck_assert_uint_eq(cbit_kernel_run(bench->kernel, CBIT_PS_NEVER), 3); /* e a b */
    ck_assert_uint_eq(cbit_kernel_now_ps(bench->kernel), 10);
    ck_assert_uint_eq(cbit_kernel_run(bench->kernel, CBIT_PS_NEVER), 1);
    ck_assert_str_eq(bench->log, "deabc");
    bench_destroy(bench);
}
END_TEST

START_TEST(the_past_is_refused)
{
    bench_t *bench = bench_create(CBIT_KERNEL_WHEEL);
    cbit_kernel_run(bench->kernel, 1000);
    at(bench, 'a', 999); /* a trap: the signal is what this test expects */
    bench_destroy(bench);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("sim_kernel");
    TCase *order = tcase_create("order");
    tcase_add_loop_test(order, events_fire_by_time_then_by_order_of_scheduling, 0, 2);
    tcase_add_loop_test(order, near_and_far_events_keep_one_order, 0, 2);
    tcase_add_loop_test(order, the_wheel_turns_over, 0, 2);
    tcase_add_loop_test(order, an_event_of_now_comes_before_the_next_delta, 0, 2);
    tcase_add_loop_test(order, what_a_delta_notifies_for_now_joins_that_delta, 0, 2);
    tcase_add_loop_test(order, an_event_of_a_delta_may_go_on_at_a_later_time, 0, 2);
    tcase_add_loop_test(order, an_event_knows_how_long_nothing_happens, 0, 2);
    suite_add_tcase(suite, order);
    TCase *moving = tcase_create("moving");
    tcase_add_loop_test(moving, notifying_again_moves, 0, 2);
    tcase_add_loop_test(moving, a_cancelled_event_does_not_fire_and_can_be_notified_again, 0, 2);
    tcase_add_loop_test(moving, an_event_can_be_cancelled_in_its_own_instant, 0, 2);
    tcase_add_loop_test(moving, any_set_of_two_deltas_can_be_cancelled, 0, 2);
    tcase_add_loop_test(moving, a_kernel_may_be_destroyed_after_the_owners_of_pending_events, 0, 2);
    suite_add_tcase(suite, moving);
    TCase *running = tcase_create("running");
    tcase_add_loop_test(running, until_is_inclusive_and_moves_the_time, 0, 2);
    tcase_add_loop_test(running, stop_returns_after_the_event_and_loses_nothing, 0, 2);
    tcase_add_test_raise_signal(running, the_past_is_refused, SIGILL);
    suite_add_tcase(suite, running);
    return suite;
}
