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

/* One core at 1 GHz; a set holds 2 lines in L2 and 4 in L3. */
static void setup(void)
{
    static const cbit_clock_t clock_1ghz = {.period_num_ps = 1000, .period_den = 1};
    const cbit_cache_config_t config = {.l1i = {1024, 2, 2},
                                        .l1d = {1024, 2, 2},
                                        .l2 = {2048, 2, 6},
                                        .l3 = {4096, 4, 20},
                                        .cores_per_complex = 1,
                                        .mshrs = 6,
                                        .transfer_cclk = 30,
                                        .transfer_remote_ns = 100000,
                                        .transfer_socket_ns = 200000};
    kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    memory = fake_memory_create(kernel, 50000, 8);
    gate = (gate_t){.below = fake_memory_port(memory), .closed = true};
    ck_assert_int_eq(cbit_cache_create(&config, 1, false, &clock_1ghz, kernel,
                                       (cbit_port_t){.self = &gate, .try_send = gate_try_send},
                                       &cache, NULL),
                     CBIT_ERR_OK);
    port = cbit_cache_port(cache, 0);
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

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("write_backs");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, writes_of_one_address_do_not_overtake_each_other);
    suite_add_tcase(suite, tcase);
    return suite;
}
