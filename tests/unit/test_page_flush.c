/* The page-flush MSR: one page of one key id, and nothing else. */
#include <string.h>

#include "cbit/cache/cache.h"
#include "cbit_test.h"
#include "tests/support/fake_memory.h"

enum { CORES = 2, PAGE = 0x10000, KEY = 5, OTHER_KEY = 7, WRITE_PS = 1000 };

static cbit_kernel_t *kernel;
static fake_memory_t *memory;
static cbit_cache_t *cache;
static cbit_port_t port[CORES];
static const cbit_clock_t clock_1ghz = {.period_num_ps = 1000, .period_den = 1};
static uint32_t flushed;
static cbit_ps_t flushed_ps;

/* Two cores in complexes of their own; memory takes two requests at a time, writes 1 ns each. */
static void setup(void)
{
    kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    memory = fake_memory_create(kernel, 50000, 2);
    const cbit_cache_config_t config = {.l1d = {1024, 2, 2},
                                        .l2 = {16384, 4, 6},
                                        .l3 = {32768, 4, 20},
                                        .cores_per_complex = 1,
                                        .mshrs = 16,
                                        .transfer_cclk = 30,
                                        .transfer_remote_ns = 100000,
                                        .transfer_socket_ns = 200000};
    ck_assert_int_eq(cbit_cache_create(&config, CORES, false, &clock_1ghz, kernel,
                                       fake_memory_port(memory), &cache, NULL),
                     CBIT_ERR_OK);
    for (uint32_t i = 0; i < CORES; i++) {
        port[i] = cbit_cache_port(cache, i);
    }
    flushed = 0;
}

static void teardown(void)
{
    ck_assert_uint_eq(memory->stage_errors, 0);
    cbit_cache_destroy(cache);
    fake_memory_destroy(memory);
    cbit_kernel_destroy(kernel);
}

static void on_flushed(void *self)
{
    (void)self;
    flushed++;
    flushed_ps = cbit_kernel_now_ps(kernel);
}

static cbit_ps_t answered_ps;

static void answered(void *self, cbit_txn_t *txn)
{
    (void)self;
    (void)txn;
    answered_ps = cbit_kernel_now_ps(kernel);
}

static void send(cbit_txn_t *txn, uint32_t core, cbit_command_t command, cbit_spa_t spa,
                 cbit_key_t key, uint64_t value)
{
    cbit_txn_init(txn, command, spa, 8, key, CBIT_SOURCE_VCPU, cbit_kernel_now_ps(kernel));
    memcpy(txn->data, &value, 8);
    cbit_txn_push_reply(txn, answered, NULL);
    ck_assert(port[core].try_send(port[core].self, txn, NULL));
}

/* One access to its end; its latency. */
static cbit_ps_t access_one(uint32_t core, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                            uint64_t value)
{
    cbit_txn_t txn;
    const cbit_ps_t from_ps = cbit_kernel_now_ps(kernel);
    send(&txn, core, command, spa, key, value);
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    return answered_ps - from_ps;
}

static uint64_t in_memory(cbit_spa_t spa, cbit_key_t key)
{
    uint64_t value;
    fake_memory_get(memory, spa, key, &value, sizeof value);
    return value;
}

static cbit_ps_t flush(cbit_spa_t spa, cbit_key_t key)
{
    const cbit_ps_t from_ps = cbit_kernel_now_ps(kernel);
    const uint32_t before = flushed;
    cbit_cache_flush_page(cache, spa, key, on_flushed, NULL);
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(flushed, before + 1);
    return flushed_ps - from_ps;
}

START_TEST(one_page_of_one_key_goes_to_memory)
{
    for (uint64_t line = 0; line < 8; line++) { /* of both cores */
        (void)access_one(line % 2, CBIT_COMMAND_WRITE, PAGE + line * 64, KEY, 100 + line);
    }
    (void)access_one(0, CBIT_COMMAND_READ, PAGE + 20 * 64, KEY, 0);
    (void)access_one(0, CBIT_COMMAND_WRITE, PAGE + 63 * 64, KEY, 163);
    (void)access_one(0, CBIT_COMMAND_WRITE, PAGE + 64, OTHER_KEY, 7);
    (void)access_one(0, CBIT_COMMAND_WRITE, PAGE + 4096, KEY, 200);
    (void)access_one(0, CBIT_COMMAND_WRITE, PAGE - 64, KEY, 201);
    const uint64_t writes = memory->writes;
    (void)flush(PAGE + 0x123, KEY); /* the low bits do not count */
    ck_assert_uint_eq(memory->writes - writes, 9);
    for (uint64_t line = 0; line < 8; line++) {
        ck_assert_uint_eq(in_memory(PAGE + line * 64, KEY), 100 + line);
    }
    ck_assert_uint_eq(in_memory(PAGE + 63 * 64, KEY), 163);
    /* They are gone, the clean one too; the others are where they were. */
    ck_assert_uint_eq(access_one(0, CBIT_COMMAND_READ, PAGE + 20 * 64, KEY, 0), 70000);
    ck_assert_uint_eq(access_one(1, CBIT_COMMAND_READ, PAGE + 64, KEY, 0), 70000);
    ck_assert_uint_eq(access_one(0, CBIT_COMMAND_READ, PAGE + 64, OTHER_KEY, 0), 2000);
    ck_assert_uint_eq(access_one(0, CBIT_COMMAND_READ, PAGE + 4096, KEY, 0), 2000);
    ck_assert_uint_eq(access_one(0, CBIT_COMMAND_READ, PAGE - 64, KEY, 0), 2000);
    cbit_cache_stats_t stats;
    cbit_cache_stats(cache, &stats);
    ck_assert_uint_eq(stats.page_flushes, 1);
    ck_assert_uint_eq(stats.writebacks, 9);
}
END_TEST

/* Two at a time. */
START_TEST(its_time_is_that_of_the_dirty_lines)
{
    static const uint32_t dirty[] = {0, 1, 2, 8, 9, 64};
    for (size_t i = 0; i < sizeof dirty / sizeof dirty[0]; i++) {
        for (uint64_t line = 0; line < 64; line++) {
            (void)access_one(0, line < dirty[i] ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ,
                             PAGE + line * 64, KEY, line);
        }
        ck_assert_uint_eq(flush(PAGE, KEY), (dirty[i] + 1) / 2 * WRITE_PS);
    }
}
END_TEST

START_TEST(it_waits_for_lines_on_their_way)
{
    cbit_txn_t txn;
    send(&txn, 0, CBIT_COMMAND_WRITE, PAGE, KEY, 55);
    ck_assert_uint_eq(flush(PAGE, KEY), 70000 + WRITE_PS);
    ck_assert_uint_eq(in_memory(PAGE, KEY), 55);
    ck_assert_uint_eq(flush(PAGE, KEY), 0);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("page_flush");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, one_page_of_one_key_goes_to_memory);
    tcase_add_test(tcase, its_time_is_that_of_the_dirty_lines);
    tcase_add_test(tcase, it_waits_for_lines_on_their_way);
    suite_add_tcase(suite, tcase);
    return suite;
}
