/* Several cores: who has a line, what it costs to get it, and that all see the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/cache/cache.h"
#include "cbit_test.h"
#include "tests/support/fake_memory.h"
#include "tests/support/write_line.h"

enum { CORES = 4 };

static cbit_kernel_t *kernel;
static fake_memory_t *memory;
static cbit_cache_t *cache;
static cbit_port_t port[CORES];
static const cbit_clock_t clock_1ghz = {.period_num_ps = 1000, .period_den = 1};

/* Two complexes of two cores at 1 GHz: L1 1 KiB 2 clocks, L2 2 KiB 6, L3 4 KiB (16 ways: the short
   way of most machines; less: the general one) 20; from a neighbour 30 clocks, from the other
   complex 100 ns; memory 50 ns. */
static void build(uint32_t l3_ways, bool inclusive, bool domains)
{
    kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    memory = fake_memory_create(kernel, 50000, 8);
    const cbit_cache_config_t config = {.l1i = {1024, 2, 2},
                                        .l1d = {1024, 2, 2},
                                        .l2 = {2048, 2, 6},
                                        .l3 = {4096, l3_ways, 20},
                                        .l3_inclusive = inclusive,
                                        .cores_per_complex = 2,
                                        .mshrs = 3,
                                        .transfer_cclk = 30,
                                        .transfer_remote_ns = 100000,
                                        .transfer_socket_ns = 2 * 100000};
    ck_assert_int_eq(cbit_cache_create(&config, CORES, domains, &clock_1ghz, kernel,
                                       fake_memory_port(memory), &cache, NULL),
                     CBIT_ERR_OK);
    for (uint32_t i = 0; i < CORES; i++) {
        port[i] = cbit_cache_port(cache, i);
    }
}

static void setup(void)
{
    build(4, false, false);
}

static void teardown(void)
{
    ck_assert_uint_eq(memory->stage_errors, 0);
    cbit_cache_destroy(cache);
    fake_memory_destroy(memory);
    cbit_kernel_destroy(kernel);
}

static cbit_ps_t done_ps;

static void answered(void *self, cbit_txn_t *txn)
{
    (void)self;
    done_ps = cbit_kernel_now_ps(kernel);
    ck_assert_uint_eq(cbit_txn_charged_ps(txn), done_ps - txn->born_ps);
}

/* Performs one access and gives its latency in ns. */
static uint64_t access(uint32_t core, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                       uint64_t *value)
{
    static cbit_txn_t txn;
    cbit_txn_init(&txn, command, spa, 8, key, CBIT_SOURCE_VCPU, cbit_kernel_now_ps(kernel));
    memcpy(txn.data, value, 8);
    cbit_txn_push_reply(&txn, answered, NULL);
    done_ps = 0;
    ck_assert(port[core].try_send(port[core].self, &txn, NULL));
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    memcpy(value, txn.data, 8);
    ck_assert_uint_ne(done_ps, 0);
    return (done_ps - txn.born_ps) / 1000;
}

static uint64_t read_ns(uint32_t core, cbit_spa_t spa)
{
    uint64_t value;
    return access(core, CBIT_COMMAND_READ, spa, 1, &value);
}

static uint64_t read_value(uint32_t core, cbit_spa_t spa, cbit_key_t key)
{
    uint64_t value;
    access(core, CBIT_COMMAND_READ, spa, key, &value);
    return value;
}

static uint64_t write_ns(uint32_t core, cbit_spa_t spa, uint64_t value)
{
    return access(core, CBIT_COMMAND_WRITE, spa, 1, &value);
}

START_TEST(each_level_answers_in_its_own_time)
{
    ck_assert_uint_eq(read_ns(0, 0x0), 20 + 50); /* looked up to the L3, then memory */
    ck_assert_uint_eq(read_ns(0, 0x8), 2);
    /* L1 has 8 sets of 2, L2 16 sets of 2: lines 512 bytes apart leave L1, 1024 apart L2. */
    read_ns(0, 0x200);
    read_ns(0, 0x600);
    ck_assert_uint_eq(read_ns(0, 0x0), 6);
    read_ns(0, 0x400);
    read_ns(0, 0x800);
    ck_assert_uint_eq(read_ns(0, 0x0), 20); /* what left L2 went to L3 */
    ck_assert_uint_eq(memory->reads, 5);
}
END_TEST

/* Clocks of a read of core 0's data side that its caches have. */
static uint32_t quick_read(cbit_spa_t spa)
{
    uint64_t value;
    uint32_t clocks = 0;
    ck_assert(port[0].quick(port[0].self, CBIT_COMMAND_READ, spa, 1, &value, 8, &clocks));
    return clocks;
}

/* Lines of one set of the L1 and of the L2: what leaves that leaves this, and makes room there. */
START_TEST(a_line_that_leaves_an_l2_leaves_the_l1)
{
    teardown();
    build(_i == 0 ? 4 : 16, false, false);
    read_ns(0, 0);
    read_ns(0, 1024);
    ck_assert_uint_eq(read_ns(0, 0), 2); /* which the L2 does not see */
    read_ns(0, 2048);
    ck_assert_uint_eq(quick_read(1024), 2);
    ck_assert_uint_eq(quick_read(0), 20);
}
END_TEST

START_TEST(a_line_that_leaves_an_l2_leaves_an_l1_with_room)
{
    teardown();
    build(_i == 0 ? 4 : 16, false, false);
    read_ns(0, 0);
    read_ns(0, 1024);
    read_ns(0, 1024);
    const cbit_port_t data = port[0];
    port[0] = cbit_cache_fetch_port(cache, 0);
    read_ns(0, 2048); /* in place of line 0, which leaves the data side as well */
    port[0] = data;
    read_ns(0, 3072);
    ck_assert_uint_eq(quick_read(1024), 20);
}
END_TEST

START_TEST(a_line_of_another_core_costs_the_way_to_it)
{
    read_ns(0, 0x0);
    ck_assert_uint_eq(read_ns(1, 0x0), 30);  /* same complex */
    ck_assert_uint_eq(read_ns(2, 0x0), 100); /* other complex */
    ck_assert_uint_eq(read_ns(3, 0x0), 30);  /* now its neighbour has it */
    ck_assert_uint_eq(memory->reads, 1);
    for (uint32_t core = 0; core < CORES; core++) {
        ck_assert_uint_eq(read_ns(core, 0x0), 2);
    }
}
END_TEST

START_TEST(a_write_takes_the_copies_of_others_away)
{
    write_ns(0, 0x0, 5);
    ck_assert_uint_eq(write_ns(0, 0x8, 6), 2); /* its own */
    ck_assert_uint_eq(read_ns(1, 0x0), 30);
    ck_assert_uint_eq(write_ns(0, 0x0, 7), 30); /* shared inside */
    ck_assert_uint_eq(read_value(1, 0x0, 1), 7);
    ck_assert_uint_eq(read_value(2, 0x0, 1), 7);
    ck_assert_uint_eq(write_ns(1, 0x0, 8), 100); /* shared with the other complex */
    for (uint32_t core = 0; core < CORES; core++) {
        ck_assert_uint_eq(read_value(core, 0x0, 1), 8);
    }
    /* A transfer never meets memory: one fill in all, nothing written. */
    ck_assert_uint_eq(memory->reads, 1);
    ck_assert_uint_eq(memory->writes, 0);
    cbit_cache_stats_t stats;
    cbit_cache_stats(cache, &stats);
    /* write 7 takes core 1's copy; write 8 those of 0 and 2. */
    ck_assert_uint_eq(stats.invalidations, 3);
}
END_TEST

START_TEST(the_only_copy_may_be_written_at_once)
{
    read_ns(0, 0x0);
    ck_assert_uint_eq(write_ns(0, 0x0, 1), 2);
}
END_TEST

START_TEST(transfers_cost_the_same_whatever_the_key)
{
    uint64_t value = 1;
    for (cbit_key_t key = 0; key < 3; key++) {
        access(0, CBIT_COMMAND_WRITE, 0x1000, key, &value);
        ck_assert_uint_eq(access(1, CBIT_COMMAND_READ, 0x1000, key, &value), 30);
        ck_assert_uint_eq(access(2, CBIT_COMMAND_READ, 0x1000, key, &value), 100);
    }
}
END_TEST

START_TEST(requests_for_a_line_under_way_wait_their_turn)
{
    cbit_txn_t txns[3];
    for (uint32_t core = 0; core < 3; core++) {
        cbit_txn_init(&txns[core], CBIT_COMMAND_READ, 0x0, 8, 1, CBIT_SOURCE_VCPU, 0);
        cbit_txn_push_reply(&txns[core], answered, NULL);
        ck_assert(port[core].try_send(port[core].self, &txns[core], NULL));
    }
    cbit_kernel_run(kernel, 69999);
    ck_assert_uint_eq(done_ps, 0);
    cbit_kernel_run(kernel, 70000);
    ck_assert_uint_eq(done_ps, 70000);
    cbit_kernel_run(kernel, 100000);
    ck_assert_uint_eq(done_ps, 100000); /* 30 ns to the neighbour */
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done_ps, 200000); /* and 100 ns to the other complex */
    ck_assert_uint_eq(memory->reads, 1);
    ck_assert_uint_eq(txns[0].stage_ps[CBIT_STAGE_DRAM], 50000);
    ck_assert_uint_eq(txns[2].stage_ps[CBIT_STAGE_CORE], 200000);
}
END_TEST

static void count(void *self)
{
    ++*(uint32_t *)self;
}

START_TEST(wbinvd_empties_one_core_and_its_complex)
{
    write_ns(0, 0x0, 1);
    write_ns(2, 0x1000, 2);
    uint32_t done = 0;
    cbit_cache_wbinvd(cache, 0, count, &done);
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 1);
    ck_assert_uint_eq(memory->writes, 1);
    uint64_t reads = memory->reads;
    ck_assert_uint_eq(read_ns(2, 0x1000), 2);
    read_ns(0, 0x0);
    ck_assert_uint_eq(memory->reads, reads + 1);
}
END_TEST

START_TEST(invd_of_one_core_leaves_the_copies_of_others)
{
    write_ns(0, 0x0, 1);
    read_ns(2, 0x0);
    cbit_cache_invd(cache, 0);
    ck_assert_uint_eq(read_value(0, 0x0, 1), 1);
    write_ns(0, 0x1000, 9);
    cbit_cache_invd(cache, 0);
    ck_assert_uint_ne(read_value(0, 0x1000, 1), 9);
}
END_TEST

START_TEST(without_coherent_domains_an_alias_is_stale)
{
    uint64_t value = 42;
    fake_memory_put(memory, 0x2000, CBIT_KEY_PLAIN, &value, 8);
    ck_assert_uint_eq(read_value(0, 0x2000, CBIT_KEY_PLAIN), 42);
    value = 43;
    access(1, CBIT_COMMAND_WRITE, 0x2000, 5, &value);
    ck_assert_uint_eq(read_value(0, 0x2000, CBIT_KEY_PLAIN), 42);
    ck_assert_uint_eq(read_value(0, 0x2000, 5), 43);
}
END_TEST

START_TEST(with_coherent_domains_an_alias_is_written_back_and_dropped)
{
    teardown();
    build(4, false, true);
    uint64_t value = 42;
    fake_memory_put(memory, 0x2000, CBIT_KEY_PLAIN, &value, 8);
    ck_assert_uint_eq(read_value(0, 0x2000, CBIT_KEY_PLAIN), 42);
    value = 43;
    access(1, CBIT_COMMAND_WRITE, 0x2000, 5, &value);
    uint64_t noise = read_value(0, 0x2000, CBIT_KEY_PLAIN); /* what key 5 made of 43 */
    ck_assert_uint_ne(noise, 42);
    ck_assert_uint_ne(noise, 43);
    ck_assert_uint_eq(memory->writes, 1);
    fake_memory_get(memory, 0x2000, 5, &value, 8);
    ck_assert_uint_eq(value, 43);
    ck_assert_uint_eq(read_value(2, 0x2000, 5), 43);
}
END_TEST

static void ignore(void *self, cbit_txn_t *txn)
{
    (void)self;
    (void)txn;
}

/* Both key ids' lines wait to be written while the memory is busy; the first one is the older. */
START_TEST(an_older_alias_in_a_write_back_buffer_does_not_come_back)
{
    teardown();
    build(4, false, true);
    memory->latency_ps = 10000000;
    memory->capacity = 1;
    cbit_txn_t blocker, txn;
    cbit_txn_init(&blocker, CBIT_COMMAND_READ, 0x100040, 8, 0, CBIT_SOURCE_VCPU, 0);
    cbit_txn_push_reply(&blocker, ignore, NULL);
    ck_assert(port[0].try_send(port[0].self, &blocker, NULL));
    cbit_kernel_run(kernel, 30000);
    /* A set holds 2 lines in L2 and 4 in L3: six others push one out. */
    write_line(kernel, port[0], 0x0, 1, 0x11);
    for (uint64_t i = 1; i <= 6; i++) {
        write_line(kernel, port[0], i * 0x400, 1, 0x33);
    }
    write_line(kernel, port[0], 0x0, 2, 0x22);
    for (uint64_t i = 7; i <= 12; i++) {
        write_line(kernel, port[0], i * 0x400, 1, 0x44);
    }
    ck_assert_uint_eq(memory->writes, 0);
    cbit_txn_init(&txn, CBIT_COMMAND_READ, 0x0, 8, 1, CBIT_SOURCE_VCPU, cbit_kernel_now_ps(kernel));
    cbit_txn_push_reply(&txn, ignore, NULL);
    while (!port[0].try_send(port[0].self, &txn, NULL)) {
        ck_assert_uint_ne(cbit_kernel_run(kernel, cbit_kernel_next_ps(kernel)), 0);
        txn.born_ps = cbit_kernel_now_ps(kernel);
    }
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    uint8_t two[8], now[8];
    memset(two, 0x22, sizeof two);
    fake_memory_get(memory, 0x0, 2, now, sizeof now);
    ck_assert_mem_eq(now, two, sizeof two); /* the newer one is what memory has */
    fake_memory_get(memory, 0x0, 1, now, sizeof now);
    ck_assert_mem_eq(txn.data, now, sizeof now);
}
END_TEST

/* ---- floods ---- */

enum { FLOOD_LINES = 192, FLOOD = 40, FLOOD_REQUESTS = 60000 };

typedef struct flood {
    cbit_rng_t rng;
    bool domains;          /* any key id for any line; otherwise each line has its own */
    fake_memory_t *shadow; /* what memory would hold if there were no caches */
    uint32_t sent, answered, flushes;
    struct flood_slot {
        struct flood *flood;
        cbit_txn_t txn;
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

/* One request of a random kind from a random core, if the caches take it. Requests of one line are
   served in the order in which they were taken, so that the shadow of now is what a read gets. */
static void flood_start(flood_t *flood, struct flood_slot *slot)
{
    uint32_t core = (uint32_t)cbit_rng_below(&flood->rng, CORES);
    uint32_t size = cbit_rng_below(&flood->rng, 6) == 0 ? 64 : 8;
    uint64_t line = cbit_rng_below(&flood->rng, FLOOD_LINES);
    cbit_spa_t spa = line * 64 + (size == 64 ? 0 : cbit_rng_below(&flood->rng, 57));
    bool write = cbit_rng_below(&flood->rng, 3) == 0;
    cbit_key_t key = (cbit_key_t)(flood->domains ? cbit_rng_below(&flood->rng, 3) : line % 3);
    cbit_port_t side =
        cbit_rng_below(&flood->rng, 4) == 0 ? cbit_cache_fetch_port(cache, core) : port[core];
    uint8_t given[64];
    cbit_rng_bytes(&flood->rng, given, size);
    uint32_t clocks;
    uint8_t got[64];
    memcpy(got, given, size);
    if (side.quick(side.self, write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, spa, key, got, size,
                   &clocks)) {
        uint8_t want[64];
        fake_memory_get(flood->shadow, spa, key, want, size);
        if (!write) {
            ck_assert_mem_eq(got, want, size);
        } else {
            fake_memory_put(flood->shadow, spa, key, given, size);
        }
        return;
    }
    cbit_txn_init(&slot->txn, write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, spa, size, key,
                  CBIT_SOURCE_VCPU, cbit_kernel_now_ps(kernel));
    memcpy(slot->txn.data, given, size);
    cbit_txn_push_reply(&slot->txn, flood_answered, slot);
    if (!side.try_send(side.self, &slot->txn, NULL)) {
        return;
    }
    slot->busy = true;
    flood->sent++;
    fake_memory_get(flood->shadow, spa, key, slot->want, size);
    if (write) {
        fake_memory_put(flood->shadow, spa, key, given, size);
    }
}

static void flood_disturb(flood_t *flood)
{
    uint64_t line = cbit_rng_below(&flood->rng, FLOOD_LINES);
    uint32_t core = (uint32_t)cbit_rng_below(&flood->rng, CORES);
    switch (cbit_rng_below(&flood->rng, 120)) {
    case 0:
        cbit_cache_wbinvd(cache, core, count, &flood->flushes);
        break;
    case 1:
    case 2:
        cbit_cache_clflush(cache, line * 64, NULL, NULL);
        break;
    case 3: {
        uint64_t value = cbit_rng_u64(&flood->rng);
        for (int i = 0; i < FLOOD; i++) { /* what is on its way is not in order with it */
            if (flood->slots[i].busy && flood->slots[i].txn.spa / 64 == line) {
                return;
            }
        }
        if (flood->domains) {
            return; /* poke knows one key id */
        }
        fake_memory_put(flood->shadow, line * 64, (cbit_key_t)(line % 3), &value, 8);
        port[0].poke(port[0].self, line * 64, (cbit_key_t)(line % 3), &value, 8);
        break;
    }
    default:
        break;
    }
}

static void run_flood(uint64_t stream, bool domains)
{
    flood_t *flood = calloc(1, sizeof *flood);
    cbit_rng_init(&flood->rng, cbit_test_seed(), stream);
    flood->domains = domains;
    flood->shadow = fake_memory_create(kernel, 0, 1);
    while (flood->sent < FLOOD_REQUESTS) {
        for (int i = 0; i < FLOOD; i++) {
            flood->slots[i].flood = flood;
            if (!flood->slots[i].busy && cbit_rng_below(&flood->rng, 2) == 0) {
                flood_start(flood, &flood->slots[i]);
            }
        }
        flood_disturb(flood);
        cbit_kernel_run(kernel, cbit_kernel_now_ps(kernel) + cbit_rng_below(&flood->rng, 30000));
    }
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(flood->answered, flood->sent);
    ck_assert_uint_gt(flood->flushes, 0);
    for (uint32_t core = 0; core < CORES; core++) {
        cbit_cache_wbinvd(cache, core, count, &flood->flushes);
    }
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_msg(memcmp(memory->bytes, flood->shadow->bytes, FLOOD_LINES * 64) == 0,
                  "memory does not hold what was written");
    cbit_cache_stats_t stats;
    cbit_cache_stats(cache, &stats);
    ck_assert_uint_gt(stats.l1_hits, 0);
    ck_assert_uint_gt(stats.l2_hits, 0);
    ck_assert_uint_gt(stats.l3_hits, 0);
    ck_assert_uint_gt(stats.transfers, 0);
    ck_assert_uint_gt(stats.transfers_remote, 0);
    ck_assert_uint_gt(stats.merges, 0);
    ck_assert_uint_gt(stats.refusals, 0);
    ck_assert_int_eq(stats.aliases_dropped != 0, domains);
    fake_memory_destroy(flood->shadow);
    free(flood);
}

START_TEST(all_cores_see_one_memory)
{
    teardown();
    build((_i & 4) != 0 ? 16 : 4, _i & 1, (_i & 2) != 0);
    run_flood((uint64_t)_i, (_i & 2) != 0);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("coherence");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, each_level_answers_in_its_own_time);
    tcase_add_loop_test(tcase, a_line_that_leaves_an_l2_leaves_the_l1, 0, 2);
    tcase_add_loop_test(tcase, a_line_that_leaves_an_l2_leaves_an_l1_with_room, 0, 2);
    tcase_add_test(tcase, a_line_of_another_core_costs_the_way_to_it);
    tcase_add_test(tcase, a_write_takes_the_copies_of_others_away);
    tcase_add_test(tcase, the_only_copy_may_be_written_at_once);
    tcase_add_test(tcase, transfers_cost_the_same_whatever_the_key);
    tcase_add_test(tcase, requests_for_a_line_under_way_wait_their_turn);
    tcase_add_test(tcase, wbinvd_empties_one_core_and_its_complex);
    tcase_add_test(tcase, invd_of_one_core_leaves_the_copies_of_others);
    tcase_add_test(tcase, without_coherent_domains_an_alias_is_stale);
    tcase_add_test(tcase, with_coherent_domains_an_alias_is_written_back_and_dropped);
    tcase_add_test(tcase, an_older_alias_in_a_write_back_buffer_does_not_come_back);
    tcase_add_loop_test(tcase, all_cores_see_one_memory, 0, 8);
    suite_add_tcase(suite, tcase);
    return suite;
}
