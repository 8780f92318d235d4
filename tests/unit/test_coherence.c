/* Several cores: who has a line, what it costs to get it, and that all see the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "cbit_test.h"
#include "tests/support/write_line.h"
#include "tests/unit/coherence_bench.h"

static coherence_bench_t bench;

static void setup(void)
{
    bench = coherence_bench_create(4, false, false);
}

static void teardown(void)
{
    coherence_bench_destroy(&bench);
}

static cbit_ps_t done_ps;

static void answered(void *self, cbit_txn_t *txn)
{
    (void)self;
    done_ps = cbit_kernel_now_ps(bench.kernel);
    ck_assert_uint_eq(cbit_txn_charged_ps(txn), done_ps - txn->born_ps);
}

/* Performs one access and gives its latency in ns. */
static uint64_t access(uint32_t core, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                       uint64_t *value)
{
    static cbit_txn_t txn;
    cbit_txn_init(&txn, command, spa, 8, key, CBIT_SOURCE_VCPU, cbit_kernel_now_ps(bench.kernel));
    memcpy(txn.data, value, 8);
    cbit_txn_push_reply(&txn, answered, NULL);
    done_ps = 0;
    ck_assert(bench.port[core].try_send(bench.port[core].self, &txn, NULL));
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
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
    ck_assert_uint_eq(bench.memory->reads, 5);
}
END_TEST

/* Clocks of a read of core 0's data side that its caches have. */
static uint32_t quick_read(cbit_spa_t spa)
{
    uint64_t value;
    uint32_t clocks = 0;
    ck_assert(
        bench.port[0].quick(bench.port[0].self, CBIT_COMMAND_READ, spa, 1, &value, 8, &clocks));
    return clocks;
}

/* Builds with small sets or those of most machines; fills a set of L1 and L2. How far its lines are
   apart; *ways: how many they are. */
static cbit_spa_t fill_a_set(bool near, uint32_t *ways)
{
    teardown();
    bench = coherence_bench_create(near ? 16 : 4, false, false);
    *ways = near ? 8 : 2;
    for (uint32_t i = 0; i < *ways; i++) {
        read_ns(0, i * (2048 / *ways));
    }
    return 2048 / *ways;
}

/* Lines of one set of the L1 and of the L2: what leaves that leaves this, and makes room there. */
START_TEST(a_line_that_leaves_an_l2_leaves_the_l1)
{
    uint32_t ways;
    const cbit_spa_t apart = fill_a_set(_i != 0, &ways);
    ck_assert_uint_eq(read_ns(0, 0), 2); /* which the L2 does not see */
    read_ns(0, ways * apart);
    ck_assert_uint_eq(quick_read(apart), 2);
    ck_assert_uint_eq(quick_read(0), 20);
}
END_TEST

/* In place of its first line, which leaves the data side as well. */
static void fetch_another(cbit_spa_t spa)
{
    const cbit_port_t data = bench.port[0];
    bench.port[0] = cbit_cache_fetch_port(bench.cache, 0);
    read_ns(0, spa);
    bench.port[0] = data;
}

START_TEST(a_line_that_leaves_an_l2_leaves_both_l1s)
{
    uint32_t ways;
    const cbit_spa_t apart = fill_a_set(_i != 0, &ways);
    fetch_another(ways * apart);
    ck_assert_uint_eq(quick_read(0), 20);
}
END_TEST

START_TEST(a_line_that_leaves_an_l2_leaves_an_l1_with_room)
{
    uint32_t ways;
    const cbit_spa_t apart = fill_a_set(_i != 0, &ways);
    read_ns(0, apart);
    fetch_another(ways * apart);
    read_ns(0, (ways + 1) * apart);
    ck_assert_uint_eq(quick_read(apart), 20);
}
END_TEST

/* An L2 of two sets keeps nine bits of a line's number. An L3 of 512 sets is told by them; in one
   of 1024, lines that differ in the tenth are in two sets. */
START_TEST(an_l3_of_many_sets_is_not_told_by_an_l2_of_few)
{
    const uint32_t sets = 512U << _i;
    const cbit_cache_config_t config = {.l1i = {1024, 8, 2},
                                        .l1d = {1024, 8, 2},
                                        .l2 = {1024, 8, 6},
                                        .l3 = {sets * 16 * 64, 16, 20},
                                        .cores_per_complex = 2,
                                        .mshrs = 3,
                                        .transfer_cclk = 30,
                                        .transfer_remote_ns = 100000,
                                        .transfer_socket_ns = 2 * 100000};
    teardown();
    bench = coherence_bench_of(&config, false);
    for (uint64_t i = 0; i < 24; i++) { /* twelve with that bit, twelve without */
        read_ns(0, i * 0x8000);
    }
    for (uint64_t i = 1; i <= 8; i++) { /* in their place in the L2, not in the L3 */
        read_ns(0, i * 0x80);
    }
    const bool fit = sets == 1024; /* sixteen ways */
    ck_assert_uint_eq(read_ns(0, 0), fit ? 20 : 20 + 50);
    ck_assert_uint_eq(quick_read(23 * 0x8000), 20);
}
END_TEST

START_TEST(a_line_of_another_core_costs_the_way_to_it)
{
    read_ns(0, 0x0);
    ck_assert_uint_eq(read_ns(1, 0x0), 30);  /* same complex */
    ck_assert_uint_eq(read_ns(2, 0x0), 100); /* other complex */
    ck_assert_uint_eq(read_ns(3, 0x0), 30);  /* now its neighbour has it */
    ck_assert_uint_eq(bench.memory->reads, 1);
    for (uint32_t core = 0; core < COHERENCE_CORES; core++) {
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
    for (uint32_t core = 0; core < COHERENCE_CORES; core++) {
        ck_assert_uint_eq(read_value(core, 0x0, 1), 8);
    }
    /* A transfer never meets memory: one fill in all, nothing written. */
    ck_assert_uint_eq(bench.memory->reads, 1);
    ck_assert_uint_eq(bench.memory->writes, 0);
    cbit_cache_stats_t stats;
    cbit_cache_stats(bench.cache, &stats);
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
        ck_assert(bench.port[core].try_send(bench.port[core].self, &txns[core], NULL));
    }
    cbit_kernel_run(bench.kernel, 69999);
    ck_assert_uint_eq(done_ps, 0);
    cbit_kernel_run(bench.kernel, 70000);
    ck_assert_uint_eq(done_ps, 70000);
    cbit_kernel_run(bench.kernel, 100000);
    ck_assert_uint_eq(done_ps, 100000); /* 30 ns to the neighbour */
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done_ps, 200000); /* and 100 ns to the other complex */
    ck_assert_uint_eq(bench.memory->reads, 1);
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
    cbit_cache_wbinvd(bench.cache, 0, count, &done);
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 1);
    ck_assert_uint_eq(bench.memory->writes, 1);
    uint64_t reads = bench.memory->reads;
    ck_assert_uint_eq(read_ns(2, 0x1000), 2);
    read_ns(0, 0x0);
    ck_assert_uint_eq(bench.memory->reads, reads + 1);
}
END_TEST

START_TEST(invd_of_one_core_leaves_the_copies_of_others)
{
    write_ns(0, 0x0, 1);
    read_ns(2, 0x0);
    cbit_cache_invd(bench.cache, 0);
    ck_assert_uint_eq(read_value(0, 0x0, 1), 1);
    write_ns(0, 0x1000, 9);
    cbit_cache_invd(bench.cache, 0);
    ck_assert_uint_ne(read_value(0, 0x1000, 1), 9);
}
END_TEST

START_TEST(without_coherent_domains_an_alias_is_stale)
{
    uint64_t value = 42;
    fake_memory_put(bench.memory, 0x2000, CBIT_KEY_PLAIN, &value, 8);
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
    bench = coherence_bench_create(4, false, true);
    uint64_t value = 42;
    fake_memory_put(bench.memory, 0x2000, CBIT_KEY_PLAIN, &value, 8);
    ck_assert_uint_eq(read_value(0, 0x2000, CBIT_KEY_PLAIN), 42);
    value = 43;
    access(1, CBIT_COMMAND_WRITE, 0x2000, 5, &value);
    uint64_t noise = read_value(0, 0x2000, CBIT_KEY_PLAIN); /* what key 5 made of 43 */
    ck_assert_uint_ne(noise, 42);
    ck_assert_uint_ne(noise, 43);
    ck_assert_uint_eq(bench.memory->writes, 1);
    fake_memory_get(bench.memory, 0x2000, 5, &value, 8);
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
    bench = coherence_bench_create(4, false, true);
    bench.memory->latency_ps = 10000000;
    bench.memory->capacity = 1;
    cbit_txn_t blocker, txn;
    cbit_txn_init(&blocker, CBIT_COMMAND_READ, 0x100040, 8, 0, CBIT_SOURCE_VCPU, 0);
    cbit_txn_push_reply(&blocker, ignore, NULL);
    ck_assert(bench.port[0].try_send(bench.port[0].self, &blocker, NULL));
    cbit_kernel_run(bench.kernel, 30000);
    /* A set holds 2 lines in L2 and 4 in L3: six others push one out. */
    write_line(bench.kernel, bench.port[0], 0x0, 1, 0x11);
    for (uint64_t i = 1; i <= 6; i++) {
        write_line(bench.kernel, bench.port[0], i * 0x400, 1, 0x33);
    }
    write_line(bench.kernel, bench.port[0], 0x0, 2, 0x22);
    for (uint64_t i = 7; i <= 12; i++) {
        write_line(bench.kernel, bench.port[0], i * 0x400, 1, 0x44);
    }
    ck_assert_uint_eq(bench.memory->writes, 0);
    cbit_txn_init(&txn, CBIT_COMMAND_READ, 0x0, 8, 1, CBIT_SOURCE_VCPU,
                  cbit_kernel_now_ps(bench.kernel));
    cbit_txn_push_reply(&txn, ignore, NULL);
    while (!bench.port[0].try_send(bench.port[0].self, &txn, NULL)) {
        ck_assert_uint_ne(cbit_kernel_run(bench.kernel, cbit_kernel_next_ps(bench.kernel)), 0);
        txn.born_ps = cbit_kernel_now_ps(bench.kernel);
    }
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    uint8_t two[8], now[8];
    memset(two, 0x22, sizeof two);
    fake_memory_get(bench.memory, 0x0, 2, now, sizeof now);
    ck_assert_mem_eq(now, two, sizeof two); /* the newer one is what memory has */
    fake_memory_get(bench.memory, 0x0, 1, now, sizeof now);
    ck_assert_mem_eq(txn.data, now, sizeof now);
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
    tcase_add_loop_test(tcase, a_line_that_leaves_an_l2_leaves_both_l1s, 0, 2);
    tcase_add_loop_test(tcase, an_l3_of_many_sets_is_not_told_by_an_l2_of_few, 0, 2);
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
    suite_add_tcase(suite, tcase);
    return suite;
}
