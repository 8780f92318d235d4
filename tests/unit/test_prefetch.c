/* The prefetcher: what it asks for, what that is good for, and what it never does. */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/cache/cache.h"
#include "cbit_test.h"
#include "tests/support/fake_memory.h"

enum { PAGE_LINES = 64, FILLS = 4096, KEY = 5, OTHER_KEY = 7 };

static cbit_kernel_t *kernel;
static fake_memory_t *memory;
static cbit_cache_t *cache;
static cbit_port_t port;
static const cbit_clock_t clock_1ghz = {.period_num_ps = 1000, .period_den = 1};

/* What came to memory. */
static struct {
    cbit_spa_t spa;
    cbit_key_t key;
    uint8_t source;
} fills[FILLS];
static uint32_t fill_count;

static bool log_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    const cbit_port_t below = fake_memory_port(self);
    if (txn->command == CBIT_COMMAND_READ && fill_count < FILLS) {
        fills[fill_count].spa = txn->spa;
        fills[fill_count].key = txn->key;
        fills[fill_count++].source = txn->source;
    }
    return below.try_send(self, txn, waiter);
}

/* 1 GHz; L1 1 KiB 2 clocks, L2 16 KiB 6, memory 50 ns; four pages, two repeats, two lines at a
   time, at most four strides ahead. */
static cbit_cache_config_t config(bool enabled)
{
    return (cbit_cache_config_t){
        .l1d = {1024, 2, 2},
        .l2 = {16384, 4, 6},
        .cores_per_complex = 1,
        .mshrs = 16,
        .transfer_cclk = 30,
        .transfer_remote_ns = 100000,
        .transfer_socket_ns = 200000,
        .prefetch = {.enabled = enabled, .pages = 4, .repeats = 2, .degree = 2, .distance = 4}};
}

static void build(const cbit_cache_config_t *with, bool domains)
{
    kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    memory = fake_memory_create(kernel, 50000, 16);
    cbit_port_t below = fake_memory_port(memory);
    below.try_send = log_send;
    fill_count = 0;
    ck_assert_int_eq(cbit_cache_create(with, 1, domains, &clock_1ghz, kernel, below, &cache, NULL),
                     CBIT_ERR_OK);
    port = cbit_cache_port(cache, 0);
}

static void clean(void)
{
    ck_assert_uint_eq(memory->stage_errors, 0);
    cbit_cache_destroy(cache);
    fake_memory_destroy(memory);
    cbit_kernel_destroy(kernel);
}

static void setup(void)
{
    const cbit_cache_config_t with = config(true);
    build(&with, false);
}

static void teardown(void)
{
    clean();
}

static cbit_cache_stats_t stats(void)
{
    cbit_cache_stats_t counted;
    cbit_cache_stats(cache, &counted);
    return counted;
}

typedef struct request {
    cbit_txn_t txn;
    cbit_ps_t done_ps; /* 0: not yet */
} request_t;

static void answered(void *self, cbit_txn_t *txn)
{
    request_t *request = self;
    request->done_ps = cbit_kernel_now_ps(kernel);
    ck_assert_int_eq(txn->status, CBIT_ERR_OK);
    ck_assert_uint_eq(cbit_txn_charged_ps(txn), request->done_ps - txn->born_ps);
}

static void send(request_t *request, cbit_spa_t spa, cbit_key_t key)
{
    request->done_ps = 0;
    cbit_txn_init(&request->txn, CBIT_COMMAND_READ, spa, 8, key, CBIT_SOURCE_VCPU,
                  cbit_kernel_now_ps(kernel));
    cbit_txn_push_reply(&request->txn, answered, request);
    ck_assert(port.try_send(port.self, &request->txn, NULL));
}

/* One read, until its answer and no further; its latency. */
static cbit_ps_t read_one(cbit_spa_t spa, cbit_key_t key)
{
    request_t request;
    uint32_t clocks;
    uint8_t bytes[8];
    if (port.quick(port.self, CBIT_COMMAND_READ, spa, key, bytes, 8, &clocks)) {
        cbit_kernel_run(kernel, cbit_kernel_now_ps(kernel) + clocks * 1000);
        return clocks * 1000;
    }
    send(&request, spa, key);
    while (request.done_ps == 0) {
        cbit_kernel_run(kernel, cbit_kernel_next_ps(kernel));
    }
    return request.done_ps - request.txn.born_ps;
}

/* Lines of a page, one after the other. */
static cbit_ps_t read_lines(cbit_spa_t page, int first, int stride, int count)
{
    cbit_ps_t sum_ps = 0;
    for (int i = 0; i < count; i++) {
        sum_ps += read_one(page + (cbit_spa_t)(first + i * stride) * CBIT_LINE_BYTES, KEY);
    }
    return sum_ps;
}

static void settle(void)
{
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
}

START_TEST(nothing_is_prefetched_unless_enabled)
{
    clean();
    const cbit_cache_config_t without = config(false);
    build(&without, false);
    ck_assert_uint_eq(read_lines(0x10000, 0, 1, PAGE_LINES), PAGE_LINES * 56000);
    settle();
    ck_assert_uint_eq(fill_count, PAGE_LINES);
    ck_assert_uint_eq(stats().prefetches, 0);
}
END_TEST

/* Ascending, descending, and with gaps: as many lines of a page each. */
static const struct {
    int first, stride, count;
} walks[] = {{0, 1, 64}, {63, -1, 64}, {0, 3, 22}, {62, -5, 13}};

START_TEST(constant_strides_get_faster)
{
    const int count = walks[_i].count;
    const cbit_ps_t sum_ps = read_lines(0x10000, walks[_i].first, walks[_i].stride, count);
    settle();
    /* Three misses teach it; with the third, line 3 and 4 set out, each further one with a miss or
       a hit in the L2 that asks for the next two: from then on lines are there or on their way. */
    ck_assert_uint_lt(sum_ps, (cbit_ps_t)count * 56000 / 2);
    ck_assert_uint_ge(sum_ps, 3 * 56000);
    const cbit_cache_stats_t seen = stats();
    ck_assert_uint_eq(seen.misses, (uint64_t)count); /* each line once */
    ck_assert_uint_eq(seen.prefetches, (uint64_t)count - 3);
    ck_assert_uint_eq(seen.prefetches_useful + seen.prefetches_late, seen.prefetches);
    ck_assert_uint_eq(seen.prefetches_useless, 0);
    for (uint32_t i = 0; i < fill_count; i++) {
        ck_assert_uint_eq(fills[i].spa / CBIT_PAGE_BYTES, 0x10000 / CBIT_PAGE_BYTES);
        ck_assert_uint_eq(fills[i].key, KEY);
    }
}
END_TEST

START_TEST(the_third_access_sets_the_fourth_on_its_way)
{
    ck_assert_uint_eq(read_lines(0x10000, 0, 1, 3), 3 * 56000);
    ck_assert_uint_eq(stats().prefetches, 2);
    ck_assert_uint_eq(fills[3].spa, 0x10000 + 3 * 64);
    ck_assert_uint_eq(fills[3].source, CBIT_SOURCE_PREFETCH);
    ck_assert_uint_eq(fills[2].source, CBIT_SOURCE_VCPU);
    /* They set out together: line 3 is in the L2 when line 2 is answered. */
    ck_assert_uint_eq(read_lines(0x10000, 3, 1, 1), 6000);
    ck_assert_uint_eq(stats().prefetches_useful, 1);
    ck_assert_uint_eq(read_lines(0x10000, 3, 1, 1), 2000); /* then in the L1 */
}
END_TEST

START_TEST(random_accesses_stay_as_they_were)
{
    enum { PAGES = 200 };
    cbit_ps_t sum_ps[2];
    for (int enabled = 0; enabled < 2; enabled++) {
        cbit_rng_t rng;
        cbit_rng_init(&rng, cbit_test_seed(), 0x7066);
        clean();
        const cbit_cache_config_t with = config(enabled != 0);
        build(&with, false);
        sum_ps[enabled] = 0;
        for (uint64_t page = 0; page < PAGES; page++) { /* two lines of each: no stride twice */
            for (int i = 0; i < 2; i++) {
                sum_ps[enabled] +=
                    read_one(0x10000 + page * CBIT_PAGE_BYTES + cbit_rng_u64(&rng) % 64 * 64, KEY);
            }
        }
        settle();
        ck_assert_uint_eq(stats().prefetches, 0);
    }
    ck_assert_uint_eq(sum_ps[0], sum_ps[1]);
}
END_TEST

/* The pages behind and before belong to somebody else. */
START_TEST(it_stops_at_the_page_and_keeps_to_its_key)
{
    for (int i = 0; i < 2; i++) {
        (void)read_lines(0x20000, i == 0 ? 58 : 5, i == 0 ? 1 : -1, 6);
        settle();
    }
    ck_assert_uint_eq(stats().prefetches, 2 * 3); /* lines 61, 62, 63 and 2, 1, 0 */
    ck_assert_uint_eq(stats().prefetches_useful + stats().prefetches_late, 6);
    for (uint32_t i = 0; i < fill_count; i++) {
        ck_assert_uint_eq(fills[i].spa / CBIT_PAGE_BYTES, 0x20000 / CBIT_PAGE_BYTES);
        ck_assert_uint_eq(fills[i].key, KEY);
    }
    /* Another key id's accesses to the page are another stream. */
    const uint32_t before = fill_count;
    (void)read_one(0x20000 + 20 * 64, KEY);
    (void)read_one(0x20000 + 21 * 64, OTHER_KEY);
    (void)read_one(0x20000 + 22 * 64, KEY);
    (void)read_one(0x20000 + 23 * 64, OTHER_KEY);
    settle();
    ck_assert_uint_eq(fill_count, before + 4);
}
END_TEST

START_TEST(a_prefetch_takes_no_other_key_ids_line_away)
{
    clean();
    const cbit_cache_config_t with = config(true);
    build(&with, true);
    (void)read_one(0x10000 + 4 * 64, OTHER_KEY);
    (void)read_lines(0x10000, 0, 1, 3); /* asks for line 3, and not for 4 */
    settle();
    ck_assert_uint_eq(stats().aliases_dropped, 0);
    for (uint32_t i = 0; i < fill_count; i++) {
        ck_assert(fills[i].key == OTHER_KEY || fills[i].spa != 0x10000 + 4 * 64);
    }
    (void)read_lines(0x10000, 3, 1, 2);
    ck_assert_uint_eq(stats().aliases_dropped, 1); /* the access itself does */
}
END_TEST

/* Clearing memory reads none of it. */
START_TEST(lines_written_whole_teach_it_nothing)
{
    static request_t requests[PAGE_LINES];
    for (uint64_t i = 0; i < PAGE_LINES; i++) {
        request_t *request = &requests[i];
        cbit_txn_init(&request->txn, CBIT_COMMAND_WRITE, 0x10000 + i * 64, 64, KEY,
                      CBIT_SOURCE_VCPU, cbit_kernel_now_ps(kernel));
        memset(request->txn.data, 0, 64);
        cbit_txn_push_reply(&request->txn, answered, request);
        ck_assert(port.try_send(port.self, &request->txn, NULL));
        settle();
    }
    ck_assert_uint_eq(fill_count, 0);
    ck_assert_uint_eq(stats().prefetches, 0);
}
END_TEST

START_TEST(who_comes_too_early_waits_for_the_rest)
{
    (void)read_lines(0x10000, 0, 1, 2);
    request_t third, fourth;
    send(&third, 0x10000 + 2 * 64, KEY);
    cbit_kernel_run(kernel, cbit_kernel_now_ps(kernel) + 20000);
    send(&fourth, 0x10000 + 3 * 64, KEY);
    settle();
    /* 56 ns after they set out, of which 20 had passed. */
    ck_assert_uint_eq(fourth.done_ps - fourth.txn.born_ps, 36000);
    ck_assert_uint_eq(fourth.done_ps, third.done_ps);
    ck_assert_uint_eq(stats().prefetches_late, 1);
    ck_assert_uint_eq(stats().prefetches_useful, 0);
    ck_assert_uint_eq(read_lines(0x10000, 3, 1, 1), 2000); /* it is in the L1 */
}
END_TEST

START_TEST(what_nobody_wants_is_counted_when_it_leaves)
{
    (void)read_lines(0x10000, 0, 1, 3);
    settle();
    ck_assert_uint_eq(stats().prefetches, 2);
    ck_assert_uint_eq(stats().prefetches_useless, 0);
    cbit_cache_wbinvd(cache, 0, NULL, NULL);
    settle();
    ck_assert_uint_eq(stats().prefetches_useless, 2);
    ck_assert_uint_eq(stats().prefetches_useful, 0);
}
END_TEST

/* Four MSHRs, of which it leaves one: the access has another one. */
START_TEST(mshrs_are_left_for_demands)
{
    clean();
    cbit_cache_config_t with = config(true);
    with.mshrs = 4;
    with.prefetch.degree = 16;
    with.prefetch.distance = 16;
    build(&with, false);
    (void)read_lines(0x10000, 0, 1, 2);
    request_t third, other;
    send(&third, 0x10000 + 2 * 64, KEY);
    ck_assert_uint_eq(stats().prefetches, 2);
    ck_assert_uint_eq(stats().prefetches_dropped, 1);
    send(&other, 0x40000, KEY);
    ck_assert_uint_eq(stats().refusals, 0);
    settle();
    ck_assert_uint_ne(other.done_ps, 0);
}
END_TEST

START_TEST(lines_in_the_l3_come_nearer)
{
    clean();
    cbit_cache_config_t with = config(true);
    with.l2 = (cbit_cache_level_config_t){1024, 2, 6};
    with.l3 = (cbit_cache_level_config_t){65536, 16, 20};
    build(&with, false);
    (void)read_lines(0x10000, 0, 1, PAGE_LINES);
    settle();
    const uint64_t misses = stats().misses;
    const cbit_ps_t sum_ps = read_lines(0x10000, 0, 1, PAGE_LINES);
    settle();
    ck_assert_uint_eq(stats().misses, misses);
    ck_assert_uint_lt(sum_ps, PAGE_LINES * 20000 / 2);
}
END_TEST

/* What is asked for is used, late, useless or there: nothing is lost. */
START_TEST(every_prefetch_has_one_end)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 0x656e64);
    for (int i = 0; i < 2000; i++) {
        const cbit_spa_t page = 0x10000 + cbit_rng_u64(&rng) % 16 * CBIT_PAGE_BYTES;
        const int stride = (int)(cbit_rng_u64(&rng) % 4) + 1,
                  first = (int)(cbit_rng_u64(&rng) % 48);
        (void)read_lines(page, first, stride, 4);
    }
    settle();
    cbit_cache_wbinvd(cache, 0, NULL, NULL);
    settle();
    const cbit_cache_stats_t seen = stats();
    ck_assert_uint_gt(seen.prefetches, 1000);
    ck_assert_uint_gt(seen.prefetches_useful, 100);
    ck_assert_uint_gt(seen.prefetches_useless, 100);
    ck_assert_uint_eq(seen.prefetches_useful + seen.prefetches_late + seen.prefetches_useless,
                      seen.prefetches);
}
END_TEST

START_TEST(what_it_cannot_be_is_refused)
{
    cbit_diag_t *diag = cbit_diag_create();
    cbit_cache_config_t with = config(true);
    with.prefetch.degree = 0;
    cbit_cache_t *out = NULL;
    ck_assert_int_eq(cbit_cache_create(&with, 1, false, &clock_1ghz, kernel,
                                       fake_memory_port(memory), &out, diag),
                     CBIT_ERR_RANGE);
    ck_assert_ptr_null(out);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->where, "prefetch/degree");
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, "0 is outside 1..64 (lines)");
    cbit_diag_destroy(diag);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("prefetch");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, nothing_is_prefetched_unless_enabled);
    tcase_add_loop_test(tcase, constant_strides_get_faster, 0, sizeof walks / sizeof walks[0]);
    tcase_add_test(tcase, the_third_access_sets_the_fourth_on_its_way);
    tcase_add_test(tcase, random_accesses_stay_as_they_were);
    tcase_add_test(tcase, it_stops_at_the_page_and_keeps_to_its_key);
    tcase_add_test(tcase, a_prefetch_takes_no_other_key_ids_line_away);
    tcase_add_test(tcase, lines_written_whole_teach_it_nothing);
    tcase_add_test(tcase, who_comes_too_early_waits_for_the_rest);
    tcase_add_test(tcase, what_nobody_wants_is_counted_when_it_leaves);
    tcase_add_test(tcase, mshrs_are_left_for_demands);
    tcase_add_test(tcase, lines_in_the_l3_come_nearer);
    tcase_add_test(tcase, every_prefetch_has_one_end);
    tcase_add_test(tcase, what_it_cannot_be_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
