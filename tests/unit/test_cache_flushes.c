/* How lines leave a cache, or change in it, at the word of others. */
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

START_TEST(wbinvd_writes_everything_back_and_empties)
{
    for (uint64_t i = 0; i < 40; i++) {
        bench_store(&bench, i * 64, 1, 1000 + i);
    }
    uint32_t done = 0;
    cbit_cache_wbinvd(bench.cache, 0, count, &done);
    bench_request_t request;
    ck_assert(
        !bench_send(&bench, &request, CBIT_COMMAND_READ, 0, 1, NULL, 8)); /* refused meanwhile */
    ck_assert_uint_eq(done, 0);
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 1);
    ck_assert_uint_eq(bench.memory->writes, 40);
    for (uint64_t i = 0; i < 40; i++) {
        ck_assert_uint_eq(bench_in_memory(&bench, i * 64, 1), 1000 + i);
    }
    uint64_t reads = bench.memory->reads;
    bench_load(&bench, 0, 1);
    ck_assert_uint_eq(bench.memory->reads, reads + 1);
    /* Nothing dirty: done at once. */
    cbit_cache_wbinvd(bench.cache, 0, count, &done);
    ck_assert_uint_eq(done, 2);
}
END_TEST

START_TEST(wbinvd_waits_for_misses_under_way)
{
    bench_request_t request;
    uint64_t value = 7;
    ck_assert(bench_send(&bench, &request, CBIT_COMMAND_WRITE, 0x40, 1, &value, 8));
    uint32_t done = 0;
    cbit_cache_wbinvd(bench.cache, 0, count, &done);
    ck_assert_uint_eq(done, 0);
    bench_request_t other; /* refused meanwhile, also one that is known to be nowhere */
    bench_look_in_vain(&bench, 0x8000, 1);
    ck_assert(!bench_send(&bench, &other, CBIT_COMMAND_READ, 0x8000, 1, NULL, 8));
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 1);
    ck_assert_uint_eq(bench_in_memory(&bench, 0x40, 1), 7);
}
END_TEST

START_TEST(clflush_drops_one_address_under_every_key)
{
    bench_store(&bench, 0x2000, 1, 11);
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    bench_load(&bench, 0x2000, 2);
    bench_load(&bench, 0x2040, 1);
    uint32_t done = 0;
    cbit_cache_clflush(bench.cache, 0x2008, count, &done);
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 1);
    ck_assert_uint_eq(bench_in_memory(&bench, 0x2000, 1), 11);
    uint64_t reads = bench.memory->reads;
    bench_load(&bench, 0x2040, 1);
    ck_assert_uint_eq(bench.memory->reads, reads);
    bench_load(&bench, 0x2000, 1);
    bench_load(&bench, 0x2000, 2);
    ck_assert_uint_eq(bench.memory->reads, reads + 2);
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

/* More lines of one address than a bucket of the directory has slots for. */
START_TEST(an_address_under_many_keys_is_as_many_lines)
{
    enum { KEYS = 16 };
    const cbit_spa_t spa = 0x3000;
    bench_t wide = bench_create_wide(KEYS);
    for (cbit_key_t key = 1; key <= KEYS; key++) {
        bench_store(&wide, spa, key, 100 + key);
    }
    const uint64_t reads = wide.memory->reads;
    for (cbit_key_t key = 1; key <= KEYS; key++) {
        ck_assert_uint_eq(bench_load(&wide, spa, key), 100 + key);
    }
    ck_assert_uint_eq(wide.memory->reads, reads);
    /* Some of them leave, others come in their stead, and those that stay are found. */
    for (cbit_key_t key = 1; key <= KEYS; key += 3) {
        cbit_cache_flush_page(wide.cache, spa, key, NULL, NULL);
    }
    cbit_kernel_run(wide.kernel, CBIT_PS_NEVER);
    for (cbit_key_t key = KEYS + 1; key <= KEYS + 4; key++) {
        bench_store(&wide, spa, key, 100 + key);
    }
    ck_assert_uint_eq(wide.memory->writes, 6);
    for (cbit_key_t key = 1; key <= KEYS; key++) {
        if (key % 3 != 1) {
            ck_assert_uint_eq(bench_load(&wide, spa, key), 100 + key);
        }
    }
    ck_assert_uint_eq(wide.memory->reads, reads + 4);
    uint32_t done = 0;
    cbit_cache_clflush(wide.cache, spa, count, &done);
    cbit_kernel_run(wide.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(done, 1);
    ck_assert_uint_eq(wide.memory->writes, 6 + 14);
    bench_load(&wide, spa, 2);
    ck_assert_uint_eq(wide.memory->reads, reads + 5);
    bench_destroy(&wide);
}
END_TEST

START_TEST(invd_loses_what_was_dirty)
{
    uint64_t old = bench_in_memory(&bench, 0x2000, 1);
    int dirty = 0;
    bench_load(&bench, 0x4000, 1);
    bench_store(&bench, 0x2000, 1, 11);
    cbit_cache_for_each_dirty(bench.cache, count_dirty, &dirty);
    ck_assert_int_eq(dirty, 1);
    cbit_cache_invd(bench.cache, 0);
    cbit_cache_for_each_dirty(bench.cache, count_dirty, &dirty);
    ck_assert_int_eq(dirty, 1);
    ck_assert_uint_eq(bench_load(&bench, 0x2000, 1), old);
    ck_assert_uint_eq(bench.memory->writes, 0);
}
END_TEST

START_TEST(snoops_meet_lines_of_their_key_only)
{
    bench_store(&bench, 0x2000, CBIT_KEY_HOST, 11);
    uint64_t value = 0;
    ck_assert(cbit_cache_snoop(bench.cache, CBIT_COMMAND_READ, 0x2000, CBIT_KEY_HOST, &value, 8));
    ck_assert_uint_eq(value, 11);
    ck_assert(!cbit_cache_snoop(bench.cache, CBIT_COMMAND_READ, 0x2000, CBIT_KEY_PLAIN, &value, 8));
    value = 12;
    ck_assert(cbit_cache_snoop(bench.cache, CBIT_COMMAND_WRITE, 0x2000, CBIT_KEY_HOST, &value, 8));
    ck_assert_uint_eq(bench_load(&bench, 0x2000, CBIT_KEY_HOST), 12);
}
END_TEST

/* Reads a line, part of which others write while it is on its way (asked for, not answered). */
static void fill_and_write(cbit_spa_t line, uint32_t offset, uint64_t value)
{
    bench_request_t request;
    ck_assert(bench_send(&bench, &request, CBIT_COMMAND_READ, line, 1, NULL, 8));
    cbit_kernel_run(bench.kernel, cbit_kernel_now_ps(bench.kernel) + 4000);
    ck_assert(!cbit_cache_snoop(bench.cache, CBIT_COMMAND_WRITE, line + offset, 1, &value, 8));
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(bench_load(&bench, line + offset, 1), value);
}

START_TEST(a_write_of_others_during_a_fill_is_not_lost)
{
    fill_and_write(0x2000, 0, 77);
    /* Nor is it found in the next fills of that MSHR. */
    const uint64_t memory = 5;
    fake_memory_put(bench.memory, 0x2040, 1, &memory, 8);
    ck_assert_uint_eq(bench_load(&bench, 0x2040, 1), 5);
    fake_memory_put(bench.memory, 0x2080, 1, &memory, 8);
    fill_and_write(0x2080, 8, 78);
    ck_assert_uint_eq(bench_load(&bench, 0x2080, 1), 5);
}
END_TEST

START_TEST(peek_and_poke_see_the_cache_first)
{
    bench_store(&bench, 0x2038, 1, 5);
    uint64_t value[2] = {0, 0};
    ck_assert_int_eq(bench.port.peek(bench.port.self, 0x2038, 1, value, 16), CBIT_ERR_OK);
    ck_assert_uint_eq(value[0], 5);
    ck_assert_uint_eq(value[1], bench_in_memory(&bench, 0x2040, 1));
    value[0] = 6;
    value[1] = 8;
    ck_assert_int_eq(bench.port.poke(bench.port.self, 0x2038, 1, value, 16), CBIT_ERR_OK);
    ck_assert_uint_eq(bench_load(&bench, 0x2038, 1), 6);
    ck_assert_uint_eq(bench_load(&bench, 0x2040, 1), 8);
    ck_assert_int_eq(bench.port.peek(bench.port.self, FAKE_MEMORY_BYTES - 8, 1, value, 16),
                     CBIT_ERR_ADDRESS);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("flushes");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, wbinvd_writes_everything_back_and_empties);
    tcase_add_test(tcase, wbinvd_waits_for_misses_under_way);
    tcase_add_test(tcase, clflush_drops_one_address_under_every_key);
    tcase_add_test(tcase, an_address_under_many_keys_is_as_many_lines);
    tcase_add_test(tcase, invd_loses_what_was_dirty);
    tcase_add_test(tcase, snoops_meet_lines_of_their_key_only);
    tcase_add_test(tcase, a_write_of_others_during_a_fill_is_not_lost);
    tcase_add_test(tcase, peek_and_poke_see_the_cache_first);
    suite_add_tcase(suite, tcase);
    return suite;
}
