/* The order of write-backs on their way to memory, which does not keep it itself. */
#include <string.h>

#include "cbit/cache/cache.h"
#include "cbit_test.h"
#include "tests/support/fake_memory.h"
#include "tests/support/write_line.h"

/* Between the cache and memory: keeps writes back while it is closed, and counts those of address 0
   that are on their way at the same time. */
typedef struct gate {
    cbit_port_t below;
    bool closed;
    cbit_waiter_t *waiter;
    uint32_t writes, most;
} gate_t;

static cbit_kernel_t *kernel;
static fake_memory_t *memory;
static cbit_cache_t *cache;
static cbit_port_t port;
static gate_t gate;

static void gate_answered(void *self, cbit_txn_t *txn)
{
    ((gate_t *)self)->writes--;
    cbit_txn_reply(txn);
}

static bool gate_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    gate_t *at = self;
    const bool write = txn->command == CBIT_COMMAND_WRITE, counts = write && txn->spa == 0;
    if (write && at->closed) {
        at->waiter = waiter;
        return false;
    }
    if (counts) {
        cbit_txn_push_reply(txn, gate_answered, at);
    }
    if (!at->below.try_send(at->below.self, txn, waiter)) {
        txn->hops = (uint8_t)(txn->hops - counts);
        return false;
    }
    at->writes += counts;
    at->most = at->writes > at->most ? at->writes : at->most;
    return true;
}

/* One core at 1 GHz. */
static void create(cbit_cache_level_config_t l3, uint32_t mshrs, bool closed)
{
    static const cbit_clock_t clock_1ghz = {.period_num_ps = 1000, .period_den = 1};
    const cbit_cache_config_t config = {.l1i = {1024, 2, 2},
                                        .l1d = {1024, 2, 2},
                                        .l2 = {2048, 2, 6},
                                        .l3 = l3,
                                        .cores_per_complex = 1,
                                        .mshrs = mshrs,
                                        .transfer_cclk = 30,
                                        .transfer_remote_ns = 100000,
                                        .transfer_socket_ns = 200000};
    kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    memory = fake_memory_create(kernel, 50000, 8);
    gate = (gate_t){.below = fake_memory_port(memory), .closed = closed};
    ck_assert_int_eq(cbit_cache_create(&config, 1, false, &clock_1ghz, kernel,
                                       (cbit_port_t){.self = &gate, .try_send = gate_try_send},
                                       &cache, NULL),
                     CBIT_ERR_OK);
    port = cbit_cache_port(cache, 0);
}

/* A set holds 2 lines in L2 and 4 in L3. */
static void setup(void)
{
    create((cbit_cache_level_config_t){4096, 4, 20}, 6, true);
}

/* L3 has twice the sets of L2, of 2 lines each, and there are two buffers for write-backs. */
static void setup_two_buffers(void)
{
    create((cbit_cache_level_config_t){4096, 2, 20}, 1, false);
}

static void teardown(void)
{
    cbit_cache_destroy(cache);
    fake_memory_destroy(memory);
    cbit_kernel_destroy(kernel);
}

/* Under two key ids an address is two lines, and both wait to be written: the second sets out when
   the first is there. */
START_TEST(writes_of_one_address_do_not_overtake_each_other)
{
    write_line(kernel, port, 0x0, 1, 0x11);
    for (uint64_t i = 1; i <= 6; i++) { /* push it out */
        write_line(kernel, port, i * 0x400, 1, 0x33);
    }
    write_line(kernel, port, 0x0, 2, 0x22);
    for (uint64_t i = 7; i <= 12; i++) {
        write_line(kernel, port, i * 0x400, 1, 0x44);
    }
    ck_assert_uint_eq(memory->writes, 0);
    ck_assert_ptr_nonnull(gate.waiter);
    gate.closed = false;
    gate.waiter->on_space(gate.waiter->self);
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_ge(memory->writes, 8);
    ck_assert_uint_eq(gate.most, 1);
    uint8_t two[8], now[8];
    memset(two, 0x22, sizeof two);
    fake_memory_get(memory, 0x0, 2, now, sizeof now);
    ck_assert_mem_eq(now, two, sizeof two);
}
END_TEST

/* Sends itself again when there is room. */
typedef struct reader {
    cbit_waiter_t waiter;
    cbit_txn_t txn;
    bool answered;
} reader_t;

static void reader_answered(void *self, cbit_txn_t *txn)
{
    (void)txn;
    ((reader_t *)self)->answered = true;
}

static void reader_send(void *self)
{
    reader_t *reader = self;
    (void)port.try_send(port.self, &reader->txn, &reader->waiter);
}

/* Hits in L3 move what must leave it into the buffers, and nothing is sent for it as long as a core
   runs ahead. The first request that needs a buffer finds all of them full and sends them itself.
 */
START_TEST(buffers_full_of_what_hits_have_pushed_out_are_sent)
{
    const cbit_spa_t other_set[] = {0x400, 0xc00}, set[] = {0x0, 0x800, 0x1000, 0x1800};
    for (uint32_t i = 0; i < 2; i++) {
        write_line(kernel, port, other_set[i], 1, 0x11);
    }
    for (uint32_t i = 0; i < 4; i++) { /* two of them, and the others, are in L3 */
        write_line(kernel, port, set[i], 1, 0x22);
    }
    ck_assert_uint_eq(memory->writes, 0);
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t bytes;
        uint32_t clocks;
        ck_assert(port.quick(port.self, CBIT_COMMAND_READ, other_set[i], 1, &bytes, sizeof bytes,
                             &clocks));
        ck_assert_uint_eq(clocks, 20);
    }
    ck_assert_uint_eq(memory->writes, 0); /* both buffers are taken */
    static reader_t reader;
    reader = (reader_t){.waiter = {.on_space = reader_send, .self = &reader}};
    cbit_txn_init(&reader.txn, CBIT_COMMAND_READ, set[2], 8, 1, CBIT_SOURCE_VCPU,
                  cbit_kernel_now_ps(kernel));
    cbit_txn_push_reply(&reader.txn, reader_answered, &reader);
    reader_send(&reader);
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert(reader.answered);
    ck_assert_uint_ge(memory->writes, 2);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("write_backs");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, writes_of_one_address_do_not_overtake_each_other);
    suite_add_tcase(suite, tcase);
    TCase *full = tcase_create("full_buffers");
    tcase_add_checked_fixture(full, setup_two_buffers, teardown);
    tcase_add_test(full, buffers_full_of_what_hits_have_pushed_out_are_sent);
    suite_add_tcase(suite, full);
    return suite;
}
