/* Requests that a controller is given before they are there, and answers that it keeps meanwhile.
 */
#include <stdlib.h>

#include "cbit/fabric/fabric.h"
#include "cbit_test.h"

enum { REQUESTS = 80, REQUEST_PS = 20000, RETURN_PS = 10000, MEMORY_PS = 5000, CLOCK_PS = 1000 };

typedef struct rig rig_t;

typedef struct request {
    cbit_txn_t txn;
    rig_t *rig;
    cbit_event_t answer;
    cbit_ps_t there_ps; /* told, or seen */
    cbit_ps_t heard_ps;
    bool ahead;
} request_t;

/* One channel, whose controller has so much room for requests given ahead. */
struct rig {
    cbit_kernel_t *kernel;
    cbit_fabric_t *fabric;
    cbit_port_t port;
    uint32_t room;
    cbit_waiter_t waiter;
    cbit_ps_t told_ps; /* that there is room in the link */
    request_t request[REQUESTS];
};

static rig_t *rig;

static request_t *of(cbit_txn_t *txn)
{
    return (request_t *)(void *)txn; /* its first member */
}

/* Answers MEMORY_PS after it is there; of that the requester hears back_ps later. */
static void hold(request_t *request, cbit_ps_t there_ps)
{
    request->there_ps = there_ps;
    request->txn.entered_ps = there_ps + MEMORY_PS;
    cbit_txn_charge(&request->txn, CBIT_STAGE_DRAM, MEMORY_PS);
    cbit_event_notify_at(rig->kernel, &request->answer,
                         request->txn.entered_ps + request->txn.back_ps);
}

static bool take(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    (void)self;
    (void)waiter;
    hold(of(txn), cbit_kernel_now_ps(rig->kernel));
    return true;
}

static bool take_at(void *self, cbit_txn_t *txn, cbit_ps_t at_ps)
{
    (void)self;
    if (rig->room == 0) {
        return false;
    }
    rig->room--;
    of(txn)->ahead = true;
    hold(of(txn), at_ps);
    return true;
}

static void answer(void *self)
{
    cbit_txn_return(&((request_t *)self)->txn, cbit_kernel_now_ps(rig->kernel));
}

static void heard(void *self, cbit_txn_t *txn)
{
    request_t *request = self;
    request->heard_ps = cbit_kernel_now_ps(rig->kernel);
    ck_assert_uint_eq(cbit_txn_charged_ps(txn), request->heard_ps - txn->born_ps);
}

static void told(void *self)
{
    (void)self;
    rig->told_ps = cbit_kernel_now_ps(rig->kernel);
}

/* 1 GHz, 16 bytes a clock in and so many out: a line takes four clocks and, of PORT_BYTES, two. Of
   0 (no limit) answers come back without being looked at. */
enum { PORT_BYTES = 32 };
static void make_rig(uint32_t link_entries, uint32_t room, uint32_t read_bytes)
{
    const cbit_fabric_config_t config = {.channels = 1,
                                         .interleave_bytes = 256,
                                         .sockets = 1,
                                         .nodes_per_socket = 1,
                                         .request_ns = REQUEST_PS,
                                         .return_ns = RETURN_PS,
                                         .link_entries = link_entries,
                                         .clock_khz = 1000000,
                                         .read_bytes = read_bytes,
                                         .write_bytes = 16};
    rig = calloc(1, sizeof *rig);
    rig->room = room;
    rig->kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    rig->waiter = (cbit_waiter_t){.on_space = told};
    ck_assert_int_eq(cbit_fabric_create(&config, rig->kernel, 1u << 20, &rig->fabric, NULL),
                     CBIT_ERR_OK);
    rig->port = cbit_fabric_port_at(rig->fabric, 0); /* also before its controllers are there */
    cbit_fabric_bind(rig->fabric, 0, (cbit_port_t){.try_send = take, .try_send_at = take_at});
}

static void free_rig(void)
{
    cbit_fabric_destroy(rig->fabric);
    cbit_kernel_destroy(rig->kernel);
    free(rig);
}

static request_t *make(uint32_t number, cbit_command_t command, cbit_ps_t born_ps)
{
    request_t *request = &rig->request[number];
    cbit_event_init(&request->answer, answer, request);
    cbit_txn_init(&request->txn, command, 64 * number, 64, CBIT_KEY_PLAIN, CBIT_SOURCE_VCPU,
                  born_ps);
    cbit_txn_push_reply(&request->txn, heard, request);
    return request;
}

static request_t *send(uint32_t number, cbit_command_t command)
{
    request_t *request = make(number, command, cbit_kernel_now_ps(rig->kernel));
    ck_assert(rig->port.try_send(rig->port.self, &request->txn, NULL));
    return request;
}

static request_t *send_at(uint32_t number, cbit_ps_t at_ps)
{
    request_t *request = make(number, CBIT_COMMAND_READ, at_ps);
    ck_assert(rig->port.try_send_at(rig->port.self, &request->txn, at_ps));
    return request;
}

START_TEST(a_request_given_ahead_takes_as_long_as_another)
{
    make_rig(64, _i % 2 == 0 ? 0 : REQUESTS, _i / 2 * PORT_BYTES);
    const request_t *read = send(0, CBIT_COMMAND_READ);
    cbit_kernel_run(rig->kernel, 100000);
    request_t *write = send(1, CBIT_COMMAND_WRITE);
    write->txn.status = CBIT_ERR_ADDRESS;
    cbit_kernel_run(rig->kernel, CBIT_PS_NEVER);
    ck_assert(read->ahead == (_i % 2 != 0));
    ck_assert(write->ahead == (_i % 2 != 0));
    ck_assert_uint_eq(read->there_ps, REQUEST_PS);
    ck_assert_uint_eq(read->heard_ps, REQUEST_PS + MEMORY_PS + RETURN_PS);
    ck_assert_uint_eq(write->there_ps, 100000 + REQUEST_PS);
    ck_assert_uint_eq(write->heard_ps, 100000 + REQUEST_PS + MEMORY_PS + RETURN_PS);
    ck_assert_uint_eq(read->txn.stage_ps[CBIT_STAGE_FABRIC], REQUEST_PS);
    ck_assert_uint_eq(read->txn.stage_ps[CBIT_STAGE_RETURN], RETURN_PS);
    cbit_fabric_stats_t stats;
    cbit_fabric_stats(rig->fabric, &stats);
    ck_assert_uint_eq(stats.requests, 2);
    ck_assert_uint_eq(stats.replies, 2);
    ck_assert_uint_eq(stats.machine_checks, 1);
    free_rig();
}
END_TEST

/* A device's read must not pass its own write, which waits for the width of the port. */
START_TEST(a_read_is_not_there_before_an_earlier_write)
{
    make_rig(64, _i % 2 == 0 ? 0 : REQUESTS, _i / 2 * PORT_BYTES);
    (void)send(0, CBIT_COMMAND_WRITE);
    const request_t *write = send(1, CBIT_COMMAND_WRITE);
    const request_t *read = send(2, CBIT_COMMAND_READ);
    cbit_kernel_run(rig->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(write->there_ps, REQUEST_PS + 4 * CLOCK_PS);
    ck_assert_uint_eq(read->there_ps, write->there_ps);
    free_rig();
}
END_TEST

/* A read that is told of before it sets out is there in its time; one that sets out before it is
   not kept back. */
START_TEST(a_read_sets_out_later_than_it_is_told_of)
{
    make_rig(64, REQUESTS, (uint32_t)_i * PORT_BYTES);
    const request_t *later = send_at(0, 7000);
    const request_t *now = send(1, CBIT_COMMAND_READ);
    cbit_kernel_run(rig->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(now->there_ps, REQUEST_PS);
    ck_assert_uint_eq(later->there_ps, 7000 + REQUEST_PS);
    ck_assert_uint_eq(later->txn.stage_ps[CBIT_STAGE_FABRIC], REQUEST_PS);
    ck_assert_uint_eq(later->heard_ps, now->heard_ps + 7000);
    free_rig();
}
END_TEST

/* They count to the link's entries until they are there; who was refused is told then. */
START_TEST(requests_given_ahead_fill_a_link)
{
    make_rig(3, _i % 2 == 0 ? 0 : REQUESTS, _i / 2 * PORT_BYTES);
    for (uint32_t i = 0; i < 3; i++) {
        (void)send(i, CBIT_COMMAND_READ);
        cbit_kernel_run(rig->kernel, 1000 * (i + 1));
    }
    request_t *refused = make(3, CBIT_COMMAND_READ, 3000);
    ck_assert(!rig->port.try_send(rig->port.self, &refused->txn, &rig->waiter));
    ck_assert(_i % 2 == 0 || !rig->port.try_send_at(rig->port.self, &refused->txn, 4000));
    cbit_kernel_run(rig->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(rig->told_ps, REQUEST_PS);
    cbit_fabric_stats_t stats;
    cbit_fabric_stats(rig->fabric, &stats);
    ck_assert_uint_eq(stats.refused, 1);
    ck_assert_uint_eq(stats.requests, 3);
    ck_assert_uint_eq(stats.replies, 3);
    free_rig();
}
END_TEST

/* Without room at the controller it is refused or goes the long way, and nothing has changed. */
START_TEST(without_room_nothing_is_given_ahead)
{
    make_rig(64, 1, (uint32_t)_i * PORT_BYTES);
    const request_t *first = send(0, CBIT_COMMAND_READ), *second = send(1, CBIT_COMMAND_READ);
    request_t *third = make(2, CBIT_COMMAND_READ, 5000);
    ck_assert(!rig->port.try_send_at(rig->port.self, &third->txn, 5000));
    ck_assert_uint_eq(third->txn.hops, 1);
    ck_assert_uint_eq(cbit_txn_charged_ps(&third->txn), 0);
    ck_assert_uint_eq(third->txn.back_ps, 0);
    ck_assert_ptr_null(third->txn.returns);
    cbit_fabric_stats_t stats;
    cbit_fabric_stats(rig->fabric, &stats);
    ck_assert_uint_eq(stats.requests, 2);
    cbit_kernel_run(rig->kernel, CBIT_PS_NEVER);
    ck_assert(first->ahead && !second->ahead);
    ck_assert_uint_eq(second->there_ps, REQUEST_PS);
    /* The same answer time, and two clocks of the port, if it has a width, for the first one's
     * data. */
    ck_assert_uint_eq(second->heard_ps, first->heard_ps + (_i == 0 ? 0 : 2 * CLOCK_PS));
    free_rig();
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("fabric_ahead");
    tcase_add_loop_test(tcase, a_request_given_ahead_takes_as_long_as_another, 0, 4);
    tcase_add_loop_test(tcase, a_read_is_not_there_before_an_earlier_write, 0, 4);
    tcase_add_loop_test(tcase, a_read_sets_out_later_than_it_is_told_of, 0, 2);
    tcase_add_loop_test(tcase, requests_given_ahead_fill_a_link, 0, 4);
    tcase_add_loop_test(tcase, without_room_nothing_is_given_ahead, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
