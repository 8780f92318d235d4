/* Widths of the fabric's ports: what passes in a second, and what waiting costs. */
#include <stdlib.h>
#include <string.h>

#include "cbit/fabric/fabric.h"
#include "cbit_test.h"

enum { CHANNELS = 8, STREAM = 2048, MEMORY_PS = 5000, CLOCK_PS = 1000 };

/* A controller that takes everything and answers each after a fixed time, in order. */
typedef struct memory {
    cbit_kernel_t *kernel;
    cbit_event_t answer;
    cbit_txn_t *first, *last;
} memory_t;

typedef struct rig {
    cbit_kernel_t *kernel;
    cbit_fabric_t *fabric;
    memory_t memories[CHANNELS];
    uint32_t replies;
    cbit_ps_t first_ps, last_ps;
    cbit_txn_t txns[STREAM];
} rig_t;

static rig_t *rig;

static bool take(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    (void)waiter;
    memory_t *memory = self;
    txn->entered_ps = cbit_kernel_now_ps(memory->kernel);
    txn->next = NULL;
    if (memory->first == NULL) {
        memory->first = txn;
        cbit_event_notify_at(memory->kernel, &memory->answer, txn->entered_ps + MEMORY_PS);
    } else {
        memory->last->next = txn;
    }
    memory->last = txn;
    return true;
}

static void answer(void *self)
{
    memory_t *memory = self;
    cbit_txn_t *txn = memory->first;
    memory->first = txn->next;
    if (memory->first != NULL) {
        cbit_event_notify_at(memory->kernel, &memory->answer,
                             memory->first->entered_ps + MEMORY_PS);
    }
    cbit_txn_charge(txn, CBIT_STAGE_DRAM, MEMORY_PS);
    cbit_txn_reply(txn);
}

/* 1 GHz: complexes read 32 bytes a clock and write 16, devices 64, the way between sockets as
   given; 20 ns there, 10 ns back, 4 ns a step, 50 ns to the other socket. */
static void make_rig(uint32_t sockets, uint32_t socket_bytes, bool limited)
{
    const cbit_fabric_config_t config = {.channels = CHANNELS,
                                         .interleave_bytes = 256,
                                         .sockets = sockets,
                                         .nodes_per_socket = 1,
                                         .request_ns = 20000,
                                         .return_ns = 10000,
                                         .hop_ns = 4000,
                                         .socket_ns = 50000,
                                         .link_entries = 4096,
                                         .clock_khz = 1000000,
                                         .read_bytes = limited ? 32 : 0,
                                         .write_bytes = limited ? 16 : 0,
                                         .io_bytes = limited ? 64 : 0,
                                         .socket_bytes = socket_bytes};
    rig = calloc(1, sizeof *rig);
    rig->kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    ck_assert_int_eq(cbit_fabric_create(&config, rig->kernel, 1u << 20, &rig->fabric, NULL),
                     CBIT_ERR_OK);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        rig->memories[i].kernel = rig->kernel;
        cbit_event_init(&rig->memories[i].answer, answer, &rig->memories[i]);
        cbit_fabric_bind(rig->fabric, i,
                         (cbit_port_t){.self = &rig->memories[i], .try_send = take});
    }
}

static void free_rig(void)
{
    cbit_fabric_destroy(rig->fabric);
    cbit_kernel_destroy(rig->kernel);
    free(rig);
}

static void replied(void *self, cbit_txn_t *txn)
{
    (void)self;
    const cbit_ps_t now_ps = cbit_kernel_now_ps(rig->kernel);
    ck_assert_uint_eq(cbit_txn_charged_ps(txn), now_ps - txn->born_ps);
    rig->first_ps = rig->replies++ == 0 ? now_ps : rig->first_ps;
    rig->last_ps = now_ps;
}

static void send(cbit_port_t port, uint32_t number, cbit_command_t command, cbit_spa_t spa)
{
    cbit_txn_t *txn = &rig->txns[number];
    cbit_txn_init(txn, command, spa, 64, CBIT_KEY_PLAIN, CBIT_SOURCE_VCPU,
                  cbit_kernel_now_ps(rig->kernel));
    cbit_txn_push_reply(txn, replied, NULL);
    ck_assert(port.try_send(port.self, txn, NULL));
}

/* As many lines at once as there are, over all channels; from the first answer to the last. */
static cbit_ps_t stream_ps(cbit_port_t port, cbit_command_t command, cbit_spa_t from)
{
    rig->replies = 0;
    for (uint32_t i = 0; i < STREAM; i++) {
        send(port, i, command, from + (cbit_spa_t)i * CBIT_LINE_BYTES);
    }
    cbit_kernel_run(rig->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(rig->replies, STREAM);
    return rig->last_ps - rig->first_ps;
}

/* A stream takes exactly its bytes over the width; only the first line finds the port idle. */
START_TEST(a_stream_meets_the_width_of_its_port)
{
    make_rig(1, 0, true);
    const cbit_port_t complex = cbit_fabric_port_at(rig->fabric, 0);
    const cbit_port_t devices = cbit_fabric_port(rig->fabric);
    ck_assert_uint_eq(stream_ps(complex, CBIT_COMMAND_READ, 0), (STREAM - 1) * 2 * CLOCK_PS);
    /* In at the complex; the last line's channel is two steps further than the first one's. */
    ck_assert_uint_eq(stream_ps(complex, CBIT_COMMAND_WRITE, 0),
                      (STREAM - 1) * 4 * CLOCK_PS + 2 * 2 * 4000);
    ck_assert_uint_eq(stream_ps(devices, CBIT_COMMAND_READ, 0), (STREAM - 1) * CLOCK_PS);
    ck_assert_uint_eq(stream_ps(devices, CBIT_COMMAND_WRITE, 0),
                      (STREAM - 1) * CLOCK_PS + 2 * 2 * 4000);
    cbit_fabric_stats_t stats;
    cbit_fabric_stats(rig->fabric, &stats);
    ck_assert_uint_eq(stats.busiest_ps, STREAM * 4 * CLOCK_PS); /* the complex's writes */
    ck_assert_uint_gt(stats.port_waited_ps, 0);
    free_rig();
}
END_TEST

START_TEST(without_widths_nothing_waits)
{
    make_rig(1, 0, false);
    const cbit_port_t complex = cbit_fabric_port_at(rig->fabric, 0);
    /* All at once, to the nearest channels first: two steps further is 16 ns later, both ways. */
    ck_assert_uint_eq(stream_ps(complex, CBIT_COMMAND_READ, 0), 2 * 2 * 4000);
    cbit_fabric_stats_t stats;
    cbit_fabric_stats(rig->fabric, &stats);
    ck_assert_uint_eq(stats.busiest_ps, 0);
    ck_assert_uint_eq(stats.port_waited_ps, 0);
    free_rig();
}
END_TEST

/* One line after the other never waits: idle latencies are what request_ns and return_ns say. */
START_TEST(an_idle_port_costs_nothing)
{
    make_rig(1, 0, true);
    const cbit_port_t complex = cbit_fabric_port_at(rig->fabric, 0);
    for (uint32_t i = 0; i < 32; i++) {
        const cbit_ps_t from_ps = cbit_kernel_now_ps(rig->kernel);
        send(complex, 0, i % 2 == 0 ? CBIT_COMMAND_READ : CBIT_COMMAND_WRITE, i % 2 * 64);
        cbit_kernel_run(rig->kernel, CBIT_PS_NEVER);
        ck_assert_uint_eq(rig->last_ps - from_ps, 20000 + MEMORY_PS + 10000);
    }
    cbit_fabric_stats_t stats;
    cbit_fabric_stats(rig->fabric, &stats);
    ck_assert_uint_eq(stats.port_waited_ps, 0);
    ck_assert_uint_eq(stats.busiest_ps, 16 * 4 * CLOCK_PS);
    free_rig();
}
END_TEST

START_TEST(complexes_do_not_wait_for_each_others_ports)
{
    make_rig(1, 0, true);
    const cbit_port_t near = cbit_fabric_port_at(rig->fabric, 0);
    const cbit_port_t far = cbit_fabric_port_at(rig->fabric, 4); /* in the same quadrant */
    for (uint32_t i = 0; i < STREAM; i++) {
        send(i % 2 == 0 ? near : far, i, CBIT_COMMAND_READ, (cbit_spa_t)i / 2 * CBIT_LINE_BYTES);
    }
    cbit_kernel_run(rig->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(rig->last_ps - rig->first_ps, (STREAM / 2 - 1) * 2 * CLOCK_PS);
    free_rig();
}
END_TEST

/* 8 bytes a clock between the sockets: 8 clocks a line, for all of a socket's complexes together.
 */
START_TEST(the_way_between_sockets_has_a_width_of_its_own)
{
    make_rig(2, 8, true);
    const cbit_spa_t there = 1u << 19; /* the second socket's half */
    const cbit_port_t ports[] = {cbit_fabric_port_at(rig->fabric, 0),
                                 cbit_fabric_port_at(rig->fabric, 1)};
    for (int command = 0; command < CBIT_COMMAND_COUNT; command++) {
        rig->replies = 0;
        for (uint32_t i = 0; i < STREAM; i++) { /* channels of one quadrant: equally far */
            send(ports[i % 2], i, (cbit_command_t)command,
                 there + (cbit_spa_t)(i % 4) * CBIT_LINE_BYTES);
        }
        cbit_kernel_run(rig->kernel, CBIT_PS_NEVER);
        /* The last of one complex may be a step nearer than the first of the other. */
        const cbit_ps_t span_ps = rig->last_ps - rig->first_ps;
        ck_assert_uint_ge(span_ps, (STREAM - 2) * 8 * CLOCK_PS);
        ck_assert_uint_le(span_ps, STREAM * 8 * CLOCK_PS);
    }
    /* Nearby memory is not beyond it. */
    ck_assert_uint_eq(stream_ps(ports[0], CBIT_COMMAND_READ, 0), (STREAM - 1) * 2 * CLOCK_PS);
    free_rig();
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("fabric_ports");
    tcase_add_test(tcase, a_stream_meets_the_width_of_its_port);
    tcase_add_test(tcase, without_widths_nothing_waits);
    tcase_add_test(tcase, an_idle_port_costs_nothing);
    tcase_add_test(tcase, complexes_do_not_wait_for_each_others_ports);
    tcase_add_test(tcase, the_way_between_sockets_has_a_width_of_its_own);
    suite_add_tcase(suite, tcase);
    return suite;
}
