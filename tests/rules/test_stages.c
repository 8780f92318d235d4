/*
 * The stages of a request add up to its latency, to the picosecond, and the machine notices when
 * they do not. A block that keeps requests longer than it says (or shorter) is put between the real
 * fabric and a memory; the real recorder must find it out.
 */
#include <stdlib.h>

#include "cbit/fabric/fabric.h"
#include "cbit_test.h"
#include "model/platform/recorder.h"
#include "tests/support/fake_memory.h"

enum { MEMORY_PS = 50000, REQUESTS = 5 };

/* Keeps a request for kept_ps on its way down and says said_ps. */
typedef struct liar {
    cbit_kernel_t *kernel;
    cbit_port_t below;
    cbit_ps_t kept_ps, said_ps;
    bool on_the_way_back;
    cbit_event_t timer;
    cbit_txn_t *txn; /* one at a time */
} liar_t;

typedef struct machine {
    cbit_kernel_t *kernel;
    fake_memory_t *memory;
    liar_t liar;
    cbit_fabric_t *fabric;
    cbit_recorder_t *recorder;
    cbit_txn_t txn;
    uint32_t answers;
} machine_t;

static void liar_hold(liar_t *liar, cbit_txn_t *txn)
{
    liar->txn = txn;
    cbit_txn_charge(txn, CBIT_STAGE_QUEUE, liar->said_ps);
    cbit_event_notify_at(liar->kernel, &liar->timer,
                         cbit_kernel_now_ps(liar->kernel) + liar->kept_ps);
}

static void liar_on_reply(void *self, cbit_txn_t *txn)
{
    liar_hold(self, txn);
}

static bool liar_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    liar_t *liar = self;
    if (liar->on_the_way_back) {
        cbit_txn_push_reply(txn, liar_on_reply, liar);
        return liar->below.try_send(liar->below.self, txn, waiter);
    }
    liar_hold(liar, txn);
    return true;
}

static void liar_let_go(void *self)
{
    liar_t *liar = self;
    if (liar->on_the_way_back) {
        cbit_txn_reply(liar->txn);
    } else {
        ck_assert(liar->below.try_send(liar->below.self, liar->txn, NULL));
    }
}

static machine_t *machine_create(cbit_ps_t kept_ps, cbit_ps_t said_ps, bool on_the_way_back)
{
    machine_t *m = calloc(1, sizeof *m);
    m->kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    m->memory = fake_memory_create(m->kernel, MEMORY_PS, 8);
    m->liar = (liar_t){.kernel = m->kernel,
                       .below = fake_memory_port(m->memory),
                       .kept_ps = kept_ps,
                       .said_ps = said_ps,
                       .on_the_way_back = on_the_way_back};
    cbit_event_init(&m->liar.timer, liar_let_go, &m->liar);
    cbit_fabric_config_t config;
    cbit_rows_defaults(cbit_fabric_rows, &config);
    config.channels = 1;
    config.request_ns = 10000; /* kept in ps */
    config.return_ns = 7000;
    ck_assert_int_eq(cbit_fabric_create(&config, m->kernel, FAKE_MEMORY_BYTES, &m->fabric, NULL),
                     CBIT_ERR_OK);
    const cbit_port_t port = {.self = &m->liar, .try_send = liar_try_send};
    cbit_fabric_bind(m->fabric, 0, port);
    m->recorder = calloc(1, sizeof *m->recorder);
    cbit_recorder_init(m->recorder, m->kernel, cbit_fabric_port(m->fabric));
    return m;
}

static void machine_destroy(machine_t *m)
{
    free(m->recorder);
    cbit_fabric_destroy(m->fabric);
    fake_memory_destroy(m->memory);
    cbit_kernel_destroy(m->kernel);
    free(m);
}

static void on_answer(void *self, cbit_txn_t *txn)
{
    machine_t *m = self;
    ck_assert_int_eq(txn->status, CBIT_ERR_OK);
    m->answers++;
}

/* One read after the other, from an odd time on. */
static void run(machine_t *m)
{
    const cbit_port_t port = cbit_recorder_port(m->recorder);
    cbit_kernel_run(m->kernel, 12345);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        cbit_txn_init(&m->txn, CBIT_COMMAND_READ, 64 * i, 64, CBIT_KEY_PLAIN, CBIT_SOURCE_DMA,
                      cbit_kernel_now_ps(m->kernel));
        cbit_txn_push_reply(&m->txn, on_answer, m);
        ck_assert(port.try_send(port.self, &m->txn, NULL));
        ck_assert_uint_eq(m->recorder->in_flight, 1);
        cbit_kernel_run(m->kernel, CBIT_PS_NEVER);
        ck_assert_uint_eq(m->recorder->in_flight, 0);
    }
    ck_assert_uint_eq(m->answers, REQUESTS);
}

/* Fabric 10 ns there, queue 3 ns, memory 50 ns, fabric 7 ns back: 70 ns each, 5 requests. */
START_TEST(stages_of_honest_blocks_add_up)
{
    machine_t *m = machine_create(3000, 3000, _i);
    run(m);
    const cbit_platform_latency_t *read = &m->recorder->read;
    ck_assert_uint_eq(m->recorder->stage_mismatches, 0);
    ck_assert_uint_eq(read->total.count, 5);
    ck_assert_uint_eq(read->total.sum, 350000);
    ck_assert_uint_eq(read->stage_ps[CBIT_STAGE_CORE], 0);
    ck_assert_uint_eq(read->stage_ps[CBIT_STAGE_WALK], 0);
    ck_assert_uint_eq(read->stage_ps[CBIT_STAGE_FABRIC], 50000);
    ck_assert_uint_eq(read->stage_ps[CBIT_STAGE_QUEUE], 15000);
    ck_assert_uint_eq(read->stage_ps[CBIT_STAGE_DRAM], 250000);
    ck_assert_uint_eq(read->stage_ps[CBIT_STAGE_AES], 0);
    ck_assert_uint_eq(read->stage_ps[CBIT_STAGE_RETURN], 35000);
    ck_assert_uint_eq(m->recorder->read_by_source[CBIT_SOURCE_DMA].total.count, 5);
    ck_assert_uint_eq(m->recorder->read_by_source[CBIT_SOURCE_VCPU].total.count, 0);
    machine_destroy(m);
}
END_TEST

/* A whole delay that nobody stamps, on the way there or back. */
START_TEST(an_unstamped_delay_is_found)
{
    machine_t *m = machine_create(3000, 0, _i);
    run(m);
    ck_assert_uint_eq(m->recorder->stage_mismatches, REQUESTS);
    machine_destroy(m);
}
END_TEST

/* No stage is a remainder: one picosecond too few or too many is not swallowed by another stage. */
START_TEST(one_picosecond_is_found)
{
    machine_t *m = machine_create(3000, _i == 0 ? 2999 : 3001, false);
    run(m);
    ck_assert_uint_eq(m->recorder->stage_mismatches, REQUESTS);
    machine_destroy(m);
}
END_TEST

static bool refuse(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    (void)self;
    (void)txn;
    (void)waiter;
    return false;
}

START_TEST(a_refused_request_leaves_no_trace)
{
    machine_t *m = machine_create(0, 0, false);
    cbit_recorder_init(m->recorder, m->kernel, (cbit_port_t){.try_send = refuse});
    const cbit_port_t port = cbit_recorder_port(m->recorder);
    cbit_txn_init(&m->txn, CBIT_COMMAND_WRITE, 0, 64, CBIT_KEY_PLAIN, CBIT_SOURCE_DMA, 0);
    ck_assert(!port.try_send(port.self, &m->txn, NULL));
    ck_assert_uint_eq(m->recorder->in_flight, 0);
    ck_assert_uint_eq(m->txn.hops, 0);
    ck_assert_uint_eq(m->recorder->write.total.count, 0);
    machine_destroy(m);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("stages");
    TCase *tcase = tcase_create("sums");
    tcase_add_loop_test(tcase, stages_of_honest_blocks_add_up, 0, 2);
    tcase_add_loop_test(tcase, an_unstamped_delay_is_found, 0, 2);
    tcase_add_loop_test(tcase, one_picosecond_is_found, 0, 2);
    tcase_add_test(tcase, a_refused_request_leaves_no_trace);
    suite_add_tcase(suite, tcase);
    return suite;
}
