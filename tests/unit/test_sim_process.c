/* Processes, triggers and signals: what SystemC users expect of SC_METHOD, sc_event, sc_signal. */
#include <string.h>

#include "cbit/sim/process.h"
#include "cbit/sim/signal.h"
#include "cbit_test.h"

typedef struct net net_t;

typedef struct node {
    net_t *net;
    cbit_process_t process;
    cbit_sensitivity_t edge[2];
    char name;
    void (*then)(net_t *net);
} node_t;

struct net {
    cbit_kernel_t *kernel;
    node_t a, b, c;
    cbit_trigger_t t, u;
    cbit_signal_t x, y;
    char log[64];
    cbit_ps_t last_ps;
    uint64_t seen[8];
    uint32_t seen_count;
};

static net_t net;

static void run(void *self)
{
    node_t *node = self;
    const size_t length = strlen(node->net->log);
    ck_assert_uint_lt(length, sizeof net.log - 1);
    node->net->log[length] = node->name;
    node->net->last_ps = cbit_kernel_now_ps(node->net->kernel);
    if (node->then != NULL) {
        node->then(node->net);
    }
}

static void init_node(node_t *node, char name)
{
    node->net = &net;
    node->name = name;
    cbit_process_init(&node->process, net.kernel, run, node);
}

static void setup(void)
{
    memset(&net, 0, sizeof net);
    net.kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    init_node(&net.a, 'a');
    init_node(&net.b, 'b');
    init_node(&net.c, 'c');
    cbit_trigger_init(&net.t, net.kernel);
    cbit_trigger_init(&net.u, net.kernel);
    cbit_signal_init(&net.x, net.kernel, 1);
    cbit_signal_init(&net.y, net.kernel, 2);
}

static void teardown(void)
{
    cbit_kernel_destroy(net.kernel);
}

static void expect_log(const char *log)
{
    cbit_kernel_run(net.kernel, CBIT_PS_NEVER);
    ck_assert_str_eq(net.log, log);
}

START_TEST(a_trigger_runs_its_processes_in_the_order_of_sensitivity)
{
    cbit_process_sensitive(&net.b.process, &net.t, &net.b.edge[0]);
    cbit_process_sensitive(&net.a.process, &net.t, &net.a.edge[0]);
    cbit_process_sensitive(&net.c.process, &net.u, &net.c.edge[0]);
    cbit_trigger_notify_after(&net.t, 100);
    expect_log("ba");
    ck_assert_uint_eq(net.last_ps, 100);
}
END_TEST

START_TEST(a_process_that_is_runnable_already_runs_once)
{
    cbit_process_sensitive(&net.a.process, &net.t, &net.a.edge[0]);
    cbit_process_sensitive(&net.a.process, &net.u, &net.a.edge[1]);
    cbit_trigger_notify_after(&net.t, 100);
    cbit_trigger_notify_after(&net.u, 100);
    expect_log("a");
}
END_TEST

START_TEST(the_earliest_notification_wins)
{
    cbit_process_sensitive(&net.a.process, &net.t, &net.a.edge[0]);
    cbit_process_sensitive(&net.b.process, &net.u, &net.b.edge[0]);
    cbit_trigger_notify_after(&net.t, 100);
    cbit_trigger_notify_after(&net.t, 200); /* forgotten */
    cbit_trigger_notify_after(&net.u, 150);
    expect_log("ab");
    ck_assert_uint_eq(net.last_ps, 150);
    cbit_trigger_notify_after(&net.t, 100);
    cbit_trigger_notify_after(&net.t, 50); /* earlier: counts */
    expect_log("aba");
    ck_assert_uint_eq(net.last_ps, 200);
    cbit_trigger_notify_delta(&net.t);
    cbit_trigger_notify_after(&net.t, 50); /* forgotten: the delta comes first */
    expect_log("abaa");
    ck_assert_uint_eq(net.last_ps, 200);
}
END_TEST

START_TEST(a_cancelled_trigger_runs_nobody)
{
    cbit_process_sensitive(&net.a.process, &net.t, &net.a.edge[0]);
    cbit_trigger_notify_after(&net.t, 100);
    cbit_trigger_cancel(&net.t);
    expect_log("");
}
END_TEST

static void notify_t_now_u_delta(net_t *n)
{
    cbit_trigger_notify_delta(&n->u);
    cbit_trigger_notify(&n->t);
}

/* c and d are runnable in one delta; b joins it behind them (immediate), a is one delta later. */
START_TEST(immediate_is_this_delta_and_delta_is_the_next)
{
    cbit_process_sensitive(&net.b.process, &net.t, &net.b.edge[0]);
    cbit_process_sensitive(&net.a.process, &net.u, &net.a.edge[0]);
    net.c.then = notify_t_now_u_delta;
    node_t d = {0};
    init_node(&d, 'd');
    cbit_process_start(&net.c.process);
    cbit_process_start(&d.process);
    expect_log("cdba");
}
END_TEST

static void swap_x_into_y(net_t *n)
{
    cbit_signal_write(&n->y, cbit_signal_read(&n->x));
}

static void swap_y_into_x(net_t *n)
{
    cbit_signal_write(&n->x, cbit_signal_read(&n->y));
}

/* With plain variables the second of the two would copy its own value back. */
START_TEST(processes_of_one_delta_see_the_old_values)
{
    net.a.then = swap_x_into_y;
    net.b.then = swap_y_into_x;
    cbit_process_start(&net.a.process);
    cbit_process_start(&net.b.process);
    expect_log("ab");
    ck_assert_uint_eq(cbit_signal_read(&net.x), 2);
    ck_assert_uint_eq(cbit_signal_read(&net.y), 1);
}
END_TEST

static void note_x(net_t *n)
{
    n->seen[n->seen_count++] = cbit_signal_read(&n->x);
}

static void write_x_twice(net_t *n)
{
    cbit_signal_write(&n->x, 7);
    cbit_signal_write(&n->x, 9);
    note_x(n);
}

START_TEST(the_last_write_of_a_delta_counts)
{
    cbit_process_sensitive(&net.b.process, &net.x.changed, &net.b.edge[0]);
    net.a.then = write_x_twice;
    net.b.then = note_x;
    cbit_process_start(&net.a.process);
    expect_log("ab");
    ck_assert_uint_eq(net.seen_count, 2);
    ck_assert_uint_eq(net.seen[0], 1);
    ck_assert_uint_eq(net.seen[1], 9);
}
END_TEST

static void write_x_back(net_t *n)
{
    cbit_signal_write(&n->x, 5);
    cbit_signal_write(&n->x, 1);
}

START_TEST(a_write_that_changes_nothing_wakes_nobody)
{
    cbit_process_sensitive(&net.b.process, &net.x.changed, &net.b.edge[0]);
    net.a.then = write_x_back;
    cbit_process_start(&net.a.process);
    expect_log("a");
    ck_assert_uint_eq(cbit_kernel_next_ps(net.kernel), CBIT_PS_NEVER);
}
END_TEST

static void x_plus_one(net_t *n)
{
    if (cbit_signal_read(&n->x) < 4) {
        cbit_signal_write(&n->x, cbit_signal_read(&n->x) + 1);
    }
}

/* 1 at the start; each delta sees one more, all at time 0: a runs for 1 2 3 4. */
START_TEST(signals_settle_within_one_instant)
{
    cbit_process_sensitive(&net.a.process, &net.x.changed, &net.a.edge[0]);
    net.a.then = x_plus_one;
    cbit_process_start(&net.a.process);
    expect_log("aaaa");
    ck_assert_uint_eq(cbit_signal_read(&net.x), 4);
    ck_assert_uint_eq(cbit_kernel_now_ps(net.kernel), 0);
}
END_TEST

START_TEST(a_write_from_outside_is_applied_by_the_next_run)
{
    cbit_process_sensitive(&net.a.process, &net.x.changed, &net.a.edge[0]);
    cbit_kernel_run(net.kernel, 5000);
    cbit_signal_write(&net.x, 3);
    ck_assert_uint_eq(cbit_signal_read(&net.x), 1);
    ck_assert_uint_eq(cbit_kernel_next_ps(net.kernel), 5000);
    expect_log("a");
    ck_assert_uint_eq(cbit_signal_read(&net.x), 3);
    ck_assert_uint_eq(net.last_ps, 5000);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("sim_process");
    TCase *triggers = tcase_create("triggers");
    tcase_add_checked_fixture(triggers, setup, teardown);
    tcase_add_test(triggers, a_trigger_runs_its_processes_in_the_order_of_sensitivity);
    tcase_add_test(triggers, a_process_that_is_runnable_already_runs_once);
    tcase_add_test(triggers, the_earliest_notification_wins);
    tcase_add_test(triggers, a_cancelled_trigger_runs_nobody);
    tcase_add_test(triggers, immediate_is_this_delta_and_delta_is_the_next);
    suite_add_tcase(suite, triggers);
    TCase *signals = tcase_create("signals");
    tcase_add_checked_fixture(signals, setup, teardown);
    tcase_add_test(signals, processes_of_one_delta_see_the_old_values);
    tcase_add_test(signals, the_last_write_of_a_delta_counts);
    tcase_add_test(signals, a_write_that_changes_nothing_wakes_nobody);
    tcase_add_test(signals, signals_settle_within_one_instant);
    tcase_add_test(signals, a_write_from_outside_is_applied_by_the_next_run);
    suite_add_tcase(suite, signals);
    return suite;
}
