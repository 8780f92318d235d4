/* A cache of one core: hits, misses, victims, key ids, refusals. */
#include <string.h>

#include "cbit_test.h"
#include "tests/unit/cache_bench.h"

static bench_t bench;

static void setup(void)
{
    bench = bench_create(4, 8);
}

static void teardown(void)
{
    bench_destroy(&bench);
}

static void count(void *self)
{
    ++*(uint32_t *)self;
}

START_TEST(misses_pay_look_up_and_memory_and_hits_the_look_up)
{
    bench_request_t request;
    /* 3 ns look-up + 50 ns memory. */
    ck_assert_uint_eq(bench_complete(&bench, &request, CBIT_COMMAND_READ, 0x1000, 5, NULL, 8),
                      53000);
    ck_assert_uint_eq(request.txn.stage_ps[CBIT_STAGE_CORE], 3000);
    ck_assert_uint_eq(request.txn.stage_ps[CBIT_STAGE_DRAM], 50000);
    ck_assert_uint_eq(bench_complete(&bench, &request, CBIT_COMMAND_READ, 0x1038, 5, NULL, 8),
                      3000);
    ck_assert_uint_eq(request.txn.stage_ps[CBIT_STAGE_CORE], 3000);
    ck_assert_uint_eq(bench.memory->stage_errors, 0);
}
END_TEST

START_TEST(time_before_the_cache_goes_with_the_fill)
{
    bench_request_t request = {.bench = &bench};
    cbit_txn_init(&request.txn, CBIT_COMMAND_READ, 0x40, 8, 7, CBIT_SOURCE_VCPU, 0);
    cbit_txn_push_reply(&request.txn, bench_answered, &request);
    cbit_kernel_run(bench.kernel, 20000);
    cbit_txn_charge(&request.txn, CBIT_STAGE_WALK, 20000);
    ck_assert(bench.port.try_send(bench.port.self, &request.txn, NULL));
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(request.done_ps, 73000); /* 20 walk + 3 + 50 */
    ck_assert_uint_eq(request.txn.stage_ps[CBIT_STAGE_WALK], 20000);
    ck_assert_uint_eq(bench.memory->stage_errors, 0);
}
END_TEST

/* A write of `new` where `was` is expected; gives what was there. */
static uint64_t exchange(cbit_spa_t spa, uint64_t was, uint64_t new)
{
    bench_request_t request = {.bench = &bench};
    cbit_txn_init(&request.txn, CBIT_COMMAND_WRITE, spa, 8, 1, CBIT_SOURCE_VCPU,
                  cbit_kernel_now_ps(bench.kernel));
    request.txn.locked = true;
    memcpy(request.txn.data, &new, 8);
    memcpy(request.txn.data + 8, &was, 8);
    cbit_txn_push_reply(&request.txn, bench_answered, &request);
    ck_assert(bench.port.try_send(bench.port.self, &request.txn, NULL));
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_ne(request.done_ps, 0);
    /* It is given back as it came. */
    ck_assert_uint_eq(request.txn.command, CBIT_COMMAND_WRITE);
    ck_assert_uint_eq(request.txn.spa, spa);
    ck_assert_uint_eq(request.txn.size_bytes, 8);
    ck_assert(request.txn.locked && !request.txn.no_bytes);
    uint64_t there;
    memcpy(&there, request.txn.data + 8, 8);
    return there;
}

START_TEST(a_locked_write_that_misses_compares)
{
    const uint64_t first = 17, second = 18;
    fake_memory_put(bench.memory, 0x2008, 1, &first, 8);
    fake_memory_put(bench.memory, 0x3010, 1, &second, 8);
    ck_assert_uint_eq(exchange(0x2008, first, 99), first);
    ck_assert_uint_eq(bench_load(&bench, 0x2008, 1), 99);
    ck_assert_uint_eq(exchange(0x3010, first, 99), second); /* not what it expects */
    ck_assert_uint_eq(bench_load(&bench, 0x3010, 1), second);
    ck_assert_uint_eq(bench.memory->reads, 2);
}
END_TEST

START_TEST(one_address_under_two_keys_is_two_lines)
{
    uint64_t plain = UINT64_C(0x1122334455667788);
    fake_memory_put(bench.memory, 0x2000, 1, &plain, 8);
    ck_assert_uint_eq(bench_load(&bench, 0x2000, 1), plain);
    ck_assert_uint_ne(bench_load(&bench, 0x2000, CBIT_KEY_HOST), plain);
    ck_assert_uint_eq(bench.memory->reads, 2);
    bench_store(&bench, 0x2000, 1, 99);
    ck_assert_uint_eq(bench_load(&bench, 0x2000, 1), 99);
    ck_assert_uint_eq(bench_in_memory(&bench, 0x2000, 1), plain); /* still in the cache only */
}
END_TEST

START_TEST(requests_for_a_line_on_its_way_merge_in_order)
{
    bench_request_t a, b, c;
    uint64_t value = 42;
    ck_assert(bench_send(&bench, &a, CBIT_COMMAND_READ, 0x3000, 1, NULL, 8));
    ck_assert(bench_send(&bench, &b, CBIT_COMMAND_WRITE, 0x3000, 1, &value, 8));
    ck_assert(bench_send(&bench, &c, CBIT_COMMAND_READ, 0x3000, 1, NULL, 8));
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    uint64_t old, new;
    memcpy(&old, a.txn.data, 8);
    memcpy(&new, c.txn.data, 8);
    uint64_t before = bench_in_memory(&bench, 0x3000, 1);
    ck_assert_uint_eq(old, before);
    ck_assert_uint_eq(new, 42);
    ck_assert_uint_eq(bench.memory->reads, 1);
    cbit_cache_stats_t stats;
    cbit_cache_stats(bench.cache, &stats);
    ck_assert_uint_eq(stats.merges, 2);
    ck_assert_uint_eq(stats.misses, 1);
    /* Under another key id the same address is another line: no merge. */
    ck_assert(bench_send(&bench, &a, CBIT_COMMAND_READ, 0x3400, 1, NULL, 8));
    ck_assert(bench_send(&bench, &b, CBIT_COMMAND_READ, 0x3400, 2, NULL, 8));
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(bench.memory->reads, 3);
}
END_TEST

START_TEST(the_least_recently_used_line_is_replaced)
{
    bench_load(&bench, 0x0000, 1);
    bench_load(&bench, 0x0800, 1); /* same set, second way */
    bench_load(&bench, 0x0000, 1); /* now 0x800 is the older one */
    bench_load(&bench, 0x1000, 1); /* takes its place */
    ck_assert_uint_eq(bench.memory->reads, 3);
    bench_load(&bench, 0x0000, 1);
    ck_assert_uint_eq(bench.memory->reads, 3);
    bench_load(&bench, 0x0800, 1);
    ck_assert_uint_eq(bench.memory->reads, 4);
}
END_TEST

START_TEST(dirty_victims_reach_memory_under_their_key)
{
    bench_store(&bench, 0x0000, 3, 0xabc);
    ck_assert_uint_eq(bench.memory->writes, 0);
    bench_load(&bench, 0x0800, 1);
    bench_load(&bench, 0x1000, 1);
    ck_assert_uint_eq(bench.memory->writes, 1);
    ck_assert_uint_eq(bench_in_memory(&bench, 0, 3), 0xabc);
    ck_assert_uint_eq(bench_load(&bench, 0, 3), 0xabc);
}
END_TEST

START_TEST(a_victim_on_its_way_is_found_without_asking_memory)
{
    bench_request_t a, b, c;
    bench_store(&bench, 0x0000, 3, 0xabc);
    bench_load(&bench, 0x0800, 1);
    uint64_t reads = bench.memory->reads;
    ck_assert(bench_send(&bench, &a, CBIT_COMMAND_READ, 0x1000, 1, NULL, 8)); /* evicts 0 */
    ck_assert(bench_send(&bench, &b, CBIT_COMMAND_READ, 0x0000, 3, NULL, 8));
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    uint64_t value;
    memcpy(&value, b.txn.data, 8);
    ck_assert_uint_eq(value, 0xabc);
    ck_assert_uint_eq(bench.memory->reads, reads + 1);
    bench_complete(&bench, &c, CBIT_COMMAND_READ, 0x0000, 3, NULL, 8);
    memcpy(&value, c.txn.data, 8);
    ck_assert_uint_eq(value, 0xabc);
}
END_TEST

START_TEST(whole_line_writes_need_no_fill)
{
    bench_request_t request;
    uint8_t line[64];
    memset(line, 0x5a, sizeof line);
    ck_assert_uint_eq(bench_complete(&bench, &request, CBIT_COMMAND_WRITE, 0x5000, 9, line, 64),
                      3000);
    ck_assert_uint_eq(bench.memory->reads, 0);
    ck_assert_uint_eq(bench_load(&bench, 0x5008, 9), UINT64_C(0x5a5a5a5a5a5a5a5a));
    /* Nor where quick() has just found nothing. */
    bench_look_in_vain(&bench, 0x6000, 9);
    ck_assert_uint_eq(bench_complete(&bench, &request, CBIT_COMMAND_WRITE, 0x6000, 9, line, 64),
                      3000);
    bench_look_in_vain(&bench, 0x7000, 9);
    cbit_txn_init(&request.txn, CBIT_COMMAND_WRITE, 0x7000, 0, 9, CBIT_SOURCE_VCPU,
                  cbit_kernel_now_ps(bench.kernel));
    request.txn.no_bytes = request.txn.no_fill = true;
    cbit_txn_push_reply(&request.txn, bench_answered, &request);
    ck_assert(bench.port.try_send(bench.port.self, &request.txn, NULL));
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(bench.memory->reads, 0);
}
END_TEST

START_TEST(errors_of_memory_reach_every_waiting_request)
{
    bench_request_t a, b;
    ck_assert(bench_send(&bench, &a, CBIT_COMMAND_READ, FAKE_MEMORY_BYTES, 1, NULL, 8));
    ck_assert(bench_send(&bench, &b, CBIT_COMMAND_READ, FAKE_MEMORY_BYTES + 8, 1, NULL, 8));
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_int_eq(a.txn.status, CBIT_ERR_ADDRESS);
    ck_assert_int_eq(b.txn.status, CBIT_ERR_ADDRESS);
    /* Not kept: the next one asks again. */
    uint64_t reads = bench.memory->reads;
    bench_load(&bench, FAKE_MEMORY_BYTES, 1);
    ck_assert_uint_eq(bench.memory->reads, reads + 1);
}
END_TEST

START_TEST(full_mshrs_refuse_and_wake)
{
    bench_destroy(&bench);
    bench = bench_create(2, 8);
    bench_request_t r[3];
    ck_assert(bench_send(&bench, &r[0], CBIT_COMMAND_READ, 0x0000, 1, NULL, 8));
    ck_assert(bench_send(&bench, &r[1], CBIT_COMMAND_READ, 0x0040, 1, NULL, 8));
    ck_assert(!bench_send(&bench, &r[2], CBIT_COMMAND_READ, 0x0080, 1, NULL, 8));
    uint32_t woken = 0;
    cbit_waiter_t waiter = {.on_space = count, .self = &woken};
    ck_assert(!bench.port.try_send(bench.port.self, &r[2].txn, &waiter));
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(woken, 1);
    bench_complete(&bench, &r[2], CBIT_COMMAND_READ, 0x0080, 1, NULL, 8);
}
END_TEST

START_TEST(full_waits_refuse)
{
    enum { WAITS = 128 }; /* of a core */
    static bench_request_t r[WAITS + 1];
    for (int i = 0; i < WAITS; i++) {
        ck_assert(bench_send(&bench, &r[i], CBIT_COMMAND_READ, 0x2000, 1, NULL, 8));
    }
    bench_look_in_vain(&bench, 0x3000, 1);
    ck_assert(!bench_send(&bench, &r[WAITS], CBIT_COMMAND_READ, 0x3000, 1, NULL, 8));
    ck_assert(!bench_send(&bench, &r[WAITS], CBIT_COMMAND_READ, 0x2000, 1, NULL, 8));
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    bench_complete(&bench, &r[WAITS], CBIT_COMMAND_READ, 0x3000, 1, NULL, 8);
}
END_TEST

START_TEST(quick_answers_hits_only)
{
    uint64_t value = 0;
    uint32_t clocks = 0;
    ck_assert(!bench.port.quick(bench.port.self, CBIT_COMMAND_READ, 0x2000, 1, &value, 8, &clocks));
    bench_store(&bench, 0x2000, 1, 21);
    ck_assert(bench.port.quick(bench.port.self, CBIT_COMMAND_READ, 0x2000, 1, &value, 8, &clocks));
    ck_assert_uint_eq(value, 21);
    ck_assert_uint_eq(clocks, 3);
    ck_assert(!bench.port.quick(bench.port.self, CBIT_COMMAND_READ, 0x2000, 2, &value, 8, &clocks));
}
END_TEST

START_TEST(geometries_that_do_not_divide_are_refused)
{
    static const struct {
        cbit_cache_level_config_t l1d, l2;
        uint32_t mshrs, cores;
    } bad[] = {
        {{0, 0, 0}, {4096 + 64, 2, 1}, 1, 1},
        {{0, 0, 0}, {3 * 4096, 2, 1}, 1, 1}, /* 96 sets */
        {{0, 0, 0}, {4096, 0, 1}, 1, 1},
        {{0, 0, 0}, {4096, 2, 0}, 1, 1},
        {{0, 0, 0}, {4096, 2, 1}, 0, 1},
        {{0, 0, 0}, {0, 2, 1}, 1, 1},
        {{1000, 1, 1}, {4096, 2, 1}, 1, 1},
        {{0, 0, 0}, {4096, 2, 1}, 1, 0},
        {{0, 0, 0}, {4096, 2, 1}, 1, CBIT_CACHE_MAX_CORES + 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cbit_cache_t *none = NULL;
        cbit_cache_config_t config = {.l1d = bad[i].l1d,
                                      .l2 = bad[i].l2,
                                      .cores_per_complex = 1,
                                      .mshrs = bad[i].mshrs,
                                      .transfer_cclk = 1,
                                      .transfer_remote_ns = 1000,
                                      .transfer_socket_ns = 2 * 1000};
        ck_assert_int_eq(cbit_cache_create(&config, bad[i].cores, false, &bench_clock, bench.kernel,
                                           fake_memory_port(bench.memory), &none, NULL),
                         CBIT_ERR_RANGE);
        ck_assert_ptr_null(none);
    }
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("cache");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, misses_pay_look_up_and_memory_and_hits_the_look_up);
    tcase_add_test(tcase, time_before_the_cache_goes_with_the_fill);
    tcase_add_test(tcase, a_locked_write_that_misses_compares);
    tcase_add_test(tcase, one_address_under_two_keys_is_two_lines);
    tcase_add_test(tcase, requests_for_a_line_on_its_way_merge_in_order);
    tcase_add_test(tcase, the_least_recently_used_line_is_replaced);
    tcase_add_test(tcase, dirty_victims_reach_memory_under_their_key);
    tcase_add_test(tcase, a_victim_on_its_way_is_found_without_asking_memory);
    tcase_add_test(tcase, whole_line_writes_need_no_fill);
    tcase_add_test(tcase, errors_of_memory_reach_every_waiting_request);
    tcase_add_test(tcase, full_mshrs_refuse_and_wake);
    tcase_add_test(tcase, full_waits_refuse);
    tcase_add_test(tcase, quick_answers_hits_only);
    tcase_add_test(tcase, geometries_that_do_not_divide_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
