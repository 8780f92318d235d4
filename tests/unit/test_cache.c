#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/cache/cache.h"
#include "cbit_test.h"
#include "tests/support/fake_memory.h"

static cbit_kernel_t *kernel;
static fake_memory_t *memory;
static cbit_cache_t *cache;
static cbit_port_t port;

/* 1 GHz: one clock is 1000 ps. */
static const cbit_clock_t clock_1ghz = {.phase_ps = 0, .period_num_ps = 1000, .period_den = 1};

/* One level of 4 KiB in 2 ways: 32 sets, lines 2 KiB apart share a set; hits take 3 ns, memory
   50 ns. */
static void build(uint32_t mshrs, uint32_t capacity)
{
    kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    memory = fake_memory_create(kernel, 50000, capacity);
    cbit_cache_config_t config = {.l2 = {.size_bytes = 4096, .ways = 2, .hit_cclk = 3},
                                  .cores_per_complex = 1,
                                  .mshrs = mshrs,
                                  .transfer_cclk = 9,
                                  .transfer_remote_ns = 20000,
                                  .transfer_socket_ns = 2 * 20000};
    ck_assert_int_eq(cbit_cache_create(&config, 1, false, &clock_1ghz, kernel,
                                       fake_memory_port(memory), &cache, NULL),
                     CBIT_ERR_OK);
    port = cbit_cache_port(cache, 0);
}

static void setup(void)
{
    build(4, 8);
}

static void teardown(void)
{
    cbit_cache_destroy(cache);
    fake_memory_destroy(memory);
    cbit_kernel_destroy(kernel);
}

/* One request and what became of it. */
typedef struct request {
    cbit_txn_t txn;
    cbit_ps_t done_ps; /* 0: not yet */
} request_t;

static void answered(void *self, cbit_txn_t *txn)
{
    request_t *request = self;
    request->done_ps = cbit_kernel_now_ps(kernel);
    ck_assert_uint_eq(cbit_txn_charged_ps(txn), request->done_ps - txn->born_ps);
}

static bool send(request_t *request, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                 const void *bytes, uint32_t len_bytes)
{
    cbit_txn_init(&request->txn, command, spa, len_bytes, key, CBIT_SOURCE_VCPU,
                  cbit_kernel_now_ps(kernel));
    request->done_ps = 0;
    if (bytes != NULL) {
        memcpy(request->txn.data, bytes, len_bytes);
    }
    cbit_txn_push_reply(&request->txn, answered, request);
    return port.try_send(port.self, &request->txn, NULL);
}

/* Sends, runs until nothing is left to do, and gives the latency. */
static cbit_ps_t complete(request_t *request, cbit_command_t command, cbit_spa_t spa,
                          cbit_key_t key, const void *bytes, uint32_t len_bytes)
{
    ck_assert(send(request, command, spa, key, bytes, len_bytes));
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_ne(request->done_ps, 0);
    return request->done_ps - request->txn.born_ps;
}

static uint64_t load(cbit_spa_t spa, cbit_key_t key)
{
    request_t request;
    complete(&request, CBIT_COMMAND_READ, spa, key, NULL, 8);
    uint64_t value;
    memcpy(&value, request.txn.data, sizeof value);
    return value;
}

static void store(cbit_spa_t spa, cbit_key_t key, uint64_t value)
{
    request_t request;
    complete(&request, CBIT_COMMAND_WRITE, spa, key, &value, sizeof value);
}

static uint64_t in_memory(cbit_spa_t spa, cbit_key_t key)
{
    uint64_t value;
    fake_memory_get(memory, spa, key, &value, sizeof value);
    return value;
}

static void count(void *self)
{
    ++*(uint32_t *)self;
}

START_TEST(misses_pay_look_up_and_memory_and_hits_the_look_up)
{
    request_t request;
    /* 3 ns look-up + 50 ns memory. */
    ck_assert_uint_eq(complete(&request, CBIT_COMMAND_READ, 0x1000, 5, NULL, 8), 53000);
    ck_assert_uint_eq(request.txn.stage_ps[CBIT_STAGE_CORE], 3000);
    ck_assert_uint_eq(request.txn.stage_ps[CBIT_STAGE_DRAM], 50000);
    ck_assert_uint_eq(complete(&request, CBIT_COMMAND_READ, 0x1038, 5, NULL, 8), 3000);
    ck_assert_uint_eq(request.txn.stage_ps[CBIT_STAGE_CORE], 3000);
    ck_assert_uint_eq(memory->stage_errors, 0);
}
END_TEST

START_TEST(time_before_the_cache_goes_with_the_fill)
{
    request_t request;
    cbit_txn_init(&request.txn, CBIT_COMMAND_READ, 0x40, 8, 7, CBIT_SOURCE_VCPU, 0);
    cbit_txn_push_reply(&request.txn, answered, &request);
    cbit_kernel_run(kernel, 20000);
    cbit_txn_charge(&request.txn, CBIT_STAGE_WALK, 20000);
    ck_assert(port.try_send(port.self, &request.txn, NULL));
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(request.done_ps, 73000); /* 20 walk + 3 + 50 */
    ck_assert_uint_eq(request.txn.stage_ps[CBIT_STAGE_WALK], 20000);
    ck_assert_uint_eq(memory->stage_errors, 0);
}
END_TEST

START_TEST(one_address_under_two_keys_is_two_lines)
{
    uint64_t plain = UINT64_C(0x1122334455667788);
    fake_memory_put(memory, 0x2000, 1, &plain, 8);
    ck_assert_uint_eq(load(0x2000, 1), plain);
    ck_assert_uint_ne(load(0x2000, CBIT_KEY_HOST), plain);
    ck_assert_uint_eq(memory->reads, 2);
    store(0x2000, 1, 99);
    ck_assert_uint_eq(load(0x2000, 1), 99);
    ck_assert_uint_eq(in_memory(0x2000, 1), plain); /* still in the cache only */
}
END_TEST

START_TEST(requests_for_a_line_on_its_way_merge_in_order)
{
    request_t a, b, c;
    uint64_t value = 42;
    ck_assert(send(&a, CBIT_COMMAND_READ, 0x3000, 1, NULL, 8));
    ck_assert(send(&b, CBIT_COMMAND_WRITE, 0x3000, 1, &value, 8));
    ck_assert(send(&c, CBIT_COMMAND_READ, 0x3000, 1, NULL, 8));
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    uint64_t old, new;
    memcpy(&old, a.txn.data, 8);
    memcpy(&new, c.txn.data, 8);
    uint64_t before = in_memory(0x3000, 1);
    ck_assert_uint_eq(old, before);
    ck_assert_uint_eq(new, 42);
    ck_assert_uint_eq(memory->reads, 1);
    cbit_cache_stats_t stats;
    cbit_cache_stats(cache, &stats);
    ck_assert_uint_eq(stats.merges, 2);
    ck_assert_uint_eq(stats.misses, 1);
    /* Under another key id the same address is another line: no merge. */
    ck_assert(send(&a, CBIT_COMMAND_READ, 0x3400, 1, NULL, 8));
    ck_assert(send(&b, CBIT_COMMAND_READ, 0x3400, 2, NULL, 8));
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(memory->reads, 3);
}
END_TEST

START_TEST(the_least_recently_used_line_is_replaced)
{
    load(0x0000, 1);
    load(0x0800, 1); /* same set, second way */
    load(0x0000, 1); /* now 0x800 is the older one */
    load(0x1000, 1); /* takes its place */
    ck_assert_uint_eq(memory->reads, 3);
    load(0x0000, 1);
    ck_assert_uint_eq(memory->reads, 3);
    load(0x0800, 1);
    ck_assert_uint_eq(memory->reads, 4);
}
END_TEST

START_TEST(dirty_victims_reach_memory_under_their_key)
{
    store(0x0000, 3, 0xabc);
    ck_assert_uint_eq(memory->writes, 0);
    load(0x0800, 1);
    load(0x1000, 1);
    ck_assert_uint_eq(memory->writes, 1);
    ck_assert_uint_eq(in_memory(0, 3), 0xabc);
    ck_assert_uint_eq(load(0, 3), 0xabc);
}
END_TEST

START_TEST(a_victim_on_its_way_is_found_without_asking_memory)
{
    request_t a, b, c;
    store(0x0000, 3, 0xabc);
    load(0x0800, 1);
    uint64_t reads = memory->reads;
    ck_assert(send(&a, CBIT_COMMAND_READ, 0x1000, 1, NULL, 8)); /* evicts 0 */
    ck_assert(send(&b, CBIT_COMMAND_READ, 0x0000, 3, NULL, 8));
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    uint64_t value;
    memcpy(&value, b.txn.data, 8);
    ck_assert_uint_eq(value, 0xabc);
    ck_assert_uint_eq(memory->reads, reads + 1);
    complete(&c, CBIT_COMMAND_READ, 0x0000, 3, NULL, 8);
    memcpy(&value, c.txn.data, 8);
    ck_assert_uint_eq(value, 0xabc);
}
END_TEST

START_TEST(whole_line_writes_need_no_fill)
{
    request_t request;
    uint8_t line[64];
    memset(line, 0x5a, sizeof line);
    ck_assert_uint_eq(complete(&request, CBIT_COMMAND_WRITE, 0x5000, 9, line, 64), 3000);
    ck_assert_uint_eq(memory->reads, 0);
    ck_assert_uint_eq(load(0x5008, 9), UINT64_C(0x5a5a5a5a5a5a5a5a));
}
END_TEST

START_TEST(wbinvd_writes_everything_back_and_empties)
{
    for (uint64_t i = 0; i < 40; i++) {
        store(i * 64, 1, 1000 + i);
    }
    uint32_t done = 0;
    cbit_cache_wbinvd(cache, 0, count, &done);
    request_t request;
    ck_assert(!send(&request, CBIT_COMMAND_READ, 0, 1, NULL, 8)); /* refused meanwhile */
    ck_assert_uint_eq(done, 0);
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 1);
    ck_assert_uint_eq(memory->writes, 40);
    for (uint64_t i = 0; i < 40; i++) {
        ck_assert_uint_eq(in_memory(i * 64, 1), 1000 + i);
    }
    uint64_t reads = memory->reads;
    load(0, 1);
    ck_assert_uint_eq(memory->reads, reads + 1);
    /* Nothing dirty: done at once. */
    cbit_cache_wbinvd(cache, 0, count, &done);
    ck_assert_uint_eq(done, 2);
}
END_TEST

START_TEST(wbinvd_waits_for_misses_under_way)
{
    request_t request;
    uint64_t value = 7;
    ck_assert(send(&request, CBIT_COMMAND_WRITE, 0x40, 1, &value, 8));
    uint32_t done = 0;
    cbit_cache_wbinvd(cache, 0, count, &done);
    ck_assert_uint_eq(done, 0);
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 1);
    ck_assert_uint_eq(in_memory(0x40, 1), 7);
}
END_TEST

START_TEST(clflush_drops_one_address_under_every_key)
{
    store(0x2000, 1, 11);
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    load(0x2000, 2);
    load(0x2040, 1);
    uint32_t done = 0;
    cbit_cache_clflush(cache, 0x2008, count, &done);
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 1);
    ck_assert_uint_eq(in_memory(0x2000, 1), 11);
    uint64_t reads = memory->reads;
    load(0x2040, 1);
    ck_assert_uint_eq(memory->reads, reads);
    load(0x2000, 1);
    load(0x2000, 2);
    ck_assert_uint_eq(memory->reads, reads + 2);
}
END_TEST

static void count_dirty(void *self, cbit_spa_t spa, cbit_key_t key,
                        const uint8_t bytes[CBIT_LINE_BYTES])
{
    ck_assert_uint_eq(spa, 0x2000);
    ck_assert_uint_eq(key, 1);
    ck_assert_uint_eq(bytes[0], 11);
    ++*(int *)self;
}

START_TEST(invd_loses_what_was_dirty)
{
    uint64_t old = in_memory(0x2000, 1);
    int dirty = 0;
    load(0x4000, 1);
    store(0x2000, 1, 11);
    cbit_cache_for_each_dirty(cache, count_dirty, &dirty);
    ck_assert_int_eq(dirty, 1);
    cbit_cache_invd(cache, 0);
    cbit_cache_for_each_dirty(cache, count_dirty, &dirty);
    ck_assert_int_eq(dirty, 1);
    ck_assert_uint_eq(load(0x2000, 1), old);
    ck_assert_uint_eq(memory->writes, 0);
}
END_TEST

START_TEST(snoops_meet_lines_of_their_key_only)
{
    store(0x2000, CBIT_KEY_HOST, 11);
    uint64_t value = 0;
    ck_assert(cbit_cache_snoop(cache, CBIT_COMMAND_READ, 0x2000, CBIT_KEY_HOST, &value, 8));
    ck_assert_uint_eq(value, 11);
    ck_assert(!cbit_cache_snoop(cache, CBIT_COMMAND_READ, 0x2000, CBIT_KEY_PLAIN, &value, 8));
    value = 12;
    ck_assert(cbit_cache_snoop(cache, CBIT_COMMAND_WRITE, 0x2000, CBIT_KEY_HOST, &value, 8));
    ck_assert_uint_eq(load(0x2000, CBIT_KEY_HOST), 12);
}
END_TEST

START_TEST(a_write_of_others_during_a_fill_is_not_lost)
{
    request_t request;
    ck_assert(send(&request, CBIT_COMMAND_READ, 0x2000, 1, NULL, 8));
    cbit_kernel_run(kernel, 4000); /* asked for, not answered */
    uint64_t value = 77;
    ck_assert(!cbit_cache_snoop(cache, CBIT_COMMAND_WRITE, 0x2000, 1, &value, 8));
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(load(0x2000, 1), 77);
}
END_TEST

START_TEST(peek_and_poke_see_the_cache_first)
{
    store(0x2038, 1, 5);
    uint64_t value[2] = {0, 0};
    ck_assert_int_eq(port.peek(port.self, 0x2038, 1, value, 16), CBIT_ERR_OK);
    ck_assert_uint_eq(value[0], 5);
    ck_assert_uint_eq(value[1], in_memory(0x2040, 1));
    value[0] = 6;
    value[1] = 8;
    ck_assert_int_eq(port.poke(port.self, 0x2038, 1, value, 16), CBIT_ERR_OK);
    ck_assert_uint_eq(load(0x2038, 1), 6);
    ck_assert_uint_eq(load(0x2040, 1), 8);
    ck_assert_int_eq(port.peek(port.self, FAKE_MEMORY_BYTES - 8, 1, value, 16), CBIT_ERR_ADDRESS);
}
END_TEST

START_TEST(errors_of_memory_reach_every_waiting_request)
{
    request_t a, b;
    ck_assert(send(&a, CBIT_COMMAND_READ, FAKE_MEMORY_BYTES, 1, NULL, 8));
    ck_assert(send(&b, CBIT_COMMAND_READ, FAKE_MEMORY_BYTES + 8, 1, NULL, 8));
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_int_eq(a.txn.status, CBIT_ERR_ADDRESS);
    ck_assert_int_eq(b.txn.status, CBIT_ERR_ADDRESS);
    /* Not kept: the next one asks again. */
    uint64_t reads = memory->reads;
    load(FAKE_MEMORY_BYTES, 1);
    ck_assert_uint_eq(memory->reads, reads + 1);
}
END_TEST

START_TEST(full_mshrs_refuse_and_wake)
{
    teardown();
    build(2, 8);
    request_t r[3];
    ck_assert(send(&r[0], CBIT_COMMAND_READ, 0x0000, 1, NULL, 8));
    ck_assert(send(&r[1], CBIT_COMMAND_READ, 0x0040, 1, NULL, 8));
    ck_assert(!send(&r[2], CBIT_COMMAND_READ, 0x0080, 1, NULL, 8));
    uint32_t woken = 0;
    cbit_waiter_t waiter = {.on_space = count, .self = &woken};
    ck_assert(!port.try_send(port.self, &r[2].txn, &waiter));
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(woken, 1);
    complete(&r[2], CBIT_COMMAND_READ, 0x0080, 1, NULL, 8);
}
END_TEST

START_TEST(quick_answers_hits_only)
{
    uint64_t value = 0;
    uint32_t clocks = 0;
    ck_assert(!port.quick(port.self, CBIT_COMMAND_READ, 0x2000, 1, &value, 8, &clocks));
    store(0x2000, 1, 21);
    ck_assert(port.quick(port.self, CBIT_COMMAND_READ, 0x2000, 1, &value, 8, &clocks));
    ck_assert_uint_eq(value, 21);
    ck_assert_uint_eq(clocks, 3);
    ck_assert(!port.quick(port.self, CBIT_COMMAND_READ, 0x2000, 2, &value, 8, &clocks));
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
        ck_assert_int_eq(cbit_cache_create(&config, bad[i].cores, false, &clock_1ghz, kernel,
                                           fake_memory_port(memory), &none, NULL),
                         CBIT_ERR_RANGE);
        ck_assert_ptr_null(none);
    }
}
END_TEST

/* Many requests at once, through a memory that refuses: all answered once, all bytes as a plain
   array of (address, key id) has them, all stages exact. */
enum { FLOOD_LINES = 256, FLOOD_KEYS = 3, FLOOD = 24, FLOOD_REQUESTS = 40000 };

typedef struct flood {
    cbit_rng_t rng;
    uint8_t shadow[FLOOD_KEYS][FLOOD_LINES * 64];
    uint32_t sent, answered, flushes;
    struct flood_slot {
        struct flood *flood;
        cbit_txn_t txn;
        cbit_waiter_t waiter;
        bool busy;
        uint8_t want[64];
    } slots[FLOOD];
} flood_t;

static void flood_answered(void *self, cbit_txn_t *txn)
{
    struct flood_slot *slot = self;
    ck_assert(slot->busy);
    slot->busy = false;
    slot->flood->answered++;
    ck_assert_uint_eq(cbit_txn_charged_ps(txn), cbit_kernel_now_ps(kernel) - txn->born_ps);
    if (txn->command == CBIT_COMMAND_READ) {
        ck_assert_mem_eq(txn->data, slot->want, txn->size_bytes);
    }
}

/* Starts a request of a random kind, if the cache takes it. Reads expect the bytes of now:
   requests of one line are served in the order in which they were taken. */
static void flood_start(flood_t *flood, struct flood_slot *slot)
{
    cbit_key_t key = (cbit_key_t)cbit_rng_below(&flood->rng, FLOOD_KEYS);
    uint32_t size = cbit_rng_below(&flood->rng, 4) == 0 ? 64 : 8;
    cbit_spa_t spa =
        (cbit_rng_below(&flood->rng, FLOOD_LINES / FLOOD_KEYS) * FLOOD_KEYS + key) * 64;
    spa += size == 64 ? 0 : cbit_rng_below(&flood->rng, 57);
    bool write = cbit_rng_below(&flood->rng, 2) == 0;
    cbit_txn_init(&slot->txn, write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, spa, size, key,
                  CBIT_SOURCE_VCPU, cbit_kernel_now_ps(kernel));
    cbit_txn_push_reply(&slot->txn, flood_answered, slot);
    cbit_rng_bytes(&flood->rng, slot->txn.data, size);
    uint8_t given[64];
    memcpy(given, slot->txn.data, size);
    if (!port.try_send(port.self, &slot->txn, NULL)) {
        return;
    }
    slot->busy = true;
    flood->sent++;
    memcpy(slot->want, &flood->shadow[key][spa], size);
    if (write) {
        memcpy(&flood->shadow[key][spa], given, size);
    }
}

START_TEST(random_floods_lose_nothing)
{
    teardown();
    build(3, 2);
    flood_t *flood = calloc(1, sizeof *flood);
    cbit_rng_init(&flood->rng, cbit_test_seed(), 1);
    /* Each key id has its own lines: in memory, two of one line would overwrite each other. */
    for (int key = 0; key < FLOOD_KEYS; key++) {
        fake_memory_get(memory, 0, (cbit_key_t)key, flood->shadow[key], FLOOD_LINES * 64);
    }
    while (flood->sent < FLOOD_REQUESTS) {
        for (int i = 0; i < FLOOD; i++) {
            flood->slots[i].flood = flood;
            if (!flood->slots[i].busy && cbit_rng_below(&flood->rng, 2) == 0) {
                flood_start(flood, &flood->slots[i]);
            }
        }
        if (cbit_rng_below(&flood->rng, 200) == 0) {
            cbit_cache_wbinvd(cache, 0, count, &flood->flushes);
        }
        if (cbit_rng_below(&flood->rng, 50) == 0) {
            cbit_cache_clflush(cache, cbit_rng_below(&flood->rng, FLOOD_LINES) * 64, NULL, NULL);
        }
        cbit_kernel_run(kernel, cbit_kernel_now_ps(kernel) + cbit_rng_below(&flood->rng, 20000));
    }
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(flood->answered, flood->sent);
    ck_assert_uint_eq(memory->stage_errors, 0);
    ck_assert_uint_gt(memory->refusals, 100);
    ck_assert_uint_gt(flood->flushes, 0);
    free(flood);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("cache");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, misses_pay_look_up_and_memory_and_hits_the_look_up);
    tcase_add_test(tcase, time_before_the_cache_goes_with_the_fill);
    tcase_add_test(tcase, one_address_under_two_keys_is_two_lines);
    tcase_add_test(tcase, requests_for_a_line_on_its_way_merge_in_order);
    tcase_add_test(tcase, the_least_recently_used_line_is_replaced);
    tcase_add_test(tcase, dirty_victims_reach_memory_under_their_key);
    tcase_add_test(tcase, a_victim_on_its_way_is_found_without_asking_memory);
    tcase_add_test(tcase, whole_line_writes_need_no_fill);
    tcase_add_test(tcase, wbinvd_writes_everything_back_and_empties);
    tcase_add_test(tcase, wbinvd_waits_for_misses_under_way);
    tcase_add_test(tcase, clflush_drops_one_address_under_every_key);
    tcase_add_test(tcase, invd_loses_what_was_dirty);
    tcase_add_test(tcase, snoops_meet_lines_of_their_key_only);
    tcase_add_test(tcase, a_write_of_others_during_a_fill_is_not_lost);
    tcase_add_test(tcase, peek_and_poke_see_the_cache_first);
    tcase_add_test(tcase, errors_of_memory_reach_every_waiting_request);
    tcase_add_test(tcase, full_mshrs_refuse_and_wake);
    tcase_add_test(tcase, quick_answers_hits_only);
    tcase_add_test(tcase, geometries_that_do_not_divide_are_refused);
    tcase_add_test(tcase, random_floods_lose_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
