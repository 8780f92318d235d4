/* The bounce buffer's slots: are they handed out as Linux does it? */
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit_test.h"
#include "workloads/guest/swiotlb.h"

enum { KIB = 1024, MIB = 1024 * KIB };

START_TEST(areas_are_cpus_rounded_up_and_never_less_than_a_segment)
{
    /* 1 MiB is 512 slots, 4 segments of 128: five CPUs would want 8 areas. */
    static const struct {
        uint32_t pool, cpus, areas;
    } cases[] = {{MIB, 1, 1}, {MIB, 2, 2}, {MIB, 3, 4}, {MIB, 5, 4}, {64 * MIB, 5, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cbit_swiotlb_t pool;
        ck_assert(cbit_swiotlb_init(&pool, cases[i].pool, cases[i].cpus));
        ck_assert_uint_eq(pool.areas, cases[i].areas);
        ck_assert_uint_eq(pool.slots, cases[i].pool / 2048);
        cbit_swiotlb_free(&pool);
    }
}
END_TEST

START_TEST(a_full_area_falls_over_to_the_others_and_then_fails)
{
    cbit_swiotlb_t pool;
    uint64_t at[4], more;
    ck_assert(cbit_swiotlb_init(&pool, MIB, 2)); /* two areas of 512 KiB: two mappings each */
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert(cbit_swiotlb_map(&pool, 1, 0, 256 * KIB, 0, &at[i]));
    }
    ck_assert_uint_ge(at[0], 512 * KIB);
    ck_assert_uint_lt(at[2], 512 * KIB);
    ck_assert_uint_eq(pool.fallovers, 2);
    ck_assert_uint_eq(pool.failures, 0);
    ck_assert(!cbit_swiotlb_map(&pool, 0, 0, 1, 0, &more));
    ck_assert_uint_eq(pool.failures, 1);
    cbit_swiotlb_unmap(&pool, at[0], 256 * KIB);
    ck_assert(cbit_swiotlb_map(&pool, 0, 0, 1, 0, &more));
    ck_assert_uint_eq(pool.high_water, 512);
    cbit_swiotlb_free(&pool);
}
END_TEST

START_TEST(a_mapping_is_at_most_256_kib_and_crosses_no_segment)
{
    cbit_swiotlb_t pool;
    uint64_t first, second;
    ck_assert(cbit_swiotlb_init(&pool, MIB, 1));
    ck_assert(!cbit_swiotlb_map(&pool, 0, 0, 256 * KIB + 1, 0, &first));
    ck_assert(cbit_swiotlb_map(&pool, 0, 0, 2 * KIB, 0, &first));
    ck_assert_uint_eq(first, 0);
    ck_assert(cbit_swiotlb_map(&pool, 0, 0, 256 * KIB, 0, &second));
    ck_assert_uint_eq(second, 256 * KIB); /* not behind the first one: that segment is broken */
    cbit_swiotlb_free(&pool);
}
END_TEST

START_TEST(low_address_bits_are_kept_where_the_device_asks)
{
    cbit_swiotlb_t pool;
    uint64_t at;
    ck_assert(cbit_swiotlb_init(&pool, MIB, 1));
    for (uint32_t i = 0; i < 40; i++) {
        uint64_t gpa = 0x123000 + 61 * i * 16;
        ck_assert(cbit_swiotlb_map(&pool, 0, gpa, 512, 4095, &at));
        ck_assert_uint_eq(at & 4095, gpa & 4095);
    }
    /* Without a mask a mapping begins with its slot; one of a page or more with a page. */
    ck_assert(cbit_swiotlb_map(&pool, 0, 0x123456, 512, 0, &at));
    ck_assert_uint_eq(at % 2048, 0);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert(cbit_swiotlb_map(&pool, 0, 0x123456, 6 * KIB, 0, &at));
        ck_assert_uint_eq(at % 4096, 0);
    }
    cbit_swiotlb_free(&pool);
}
END_TEST

/* Any order of mapping and unmapping: nothing overlaps, and in the end all is free again. */
START_TEST(mappings_never_overlap_and_all_come_back)
{
    enum { LIVE = 32, POOL = 2 * MIB };
    static uint8_t owner[POOL / 2048];
    struct {
        uint64_t at;
        uint32_t bytes;
    } live[LIVE] = {{0, 0}};
    cbit_swiotlb_t pool;
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 1);
    memset(owner, 0, sizeof owner);
    ck_assert(cbit_swiotlb_init(&pool, POOL, 3));
    for (uint32_t n = 0; n < 20000; n++) {
        uint32_t i = (uint32_t)cbit_rng_below(&rng, LIVE);
        if (live[i].bytes == 0) {
            uint32_t bytes = 1 + (uint32_t)cbit_rng_below(&rng, 100 * KIB);
            uint64_t gpa = cbit_rng_below(&rng, MIB);
            uint32_t mask = cbit_rng_below(&rng, 2) == 0 ? 0 : 4095;
            if (!cbit_swiotlb_map(&pool, i, gpa, bytes, mask, &live[i].at)) {
                continue;
            }
            live[i].bytes = bytes;
        }
        bool mapped = owner[live[i].at / 2048] == 0;
        for (uint64_t s = live[i].at / 2048; s <= (live[i].at + live[i].bytes - 1) / 2048; s++) {
            ck_assert_uint_eq(owner[s], mapped ? 0 : i + 1);
            owner[s] = mapped ? (uint8_t)(i + 1) : 0;
        }
        if (!mapped) {
            cbit_swiotlb_unmap(&pool, live[i].at, live[i].bytes);
            live[i].bytes = 0;
        }
    }
    for (uint32_t i = 0; i < LIVE; i++) {
        if (live[i].bytes != 0) {
            cbit_swiotlb_unmap(&pool, live[i].at, live[i].bytes);
        }
    }
    ck_assert_uint_eq(pool.used, 0);
    for (uint32_t i = 0; i < POOL / (256 * KIB); i++) {
        ck_assert(cbit_swiotlb_map(&pool, 0, 0, 256 * KIB, 0, &live[0].at));
    }
    cbit_swiotlb_free(&pool);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("swiotlb");
    TCase *all = tcase_create("all");
    tcase_add_test(all, areas_are_cpus_rounded_up_and_never_less_than_a_segment);
    tcase_add_test(all, a_full_area_falls_over_to_the_others_and_then_fails);
    tcase_add_test(all, a_mapping_is_at_most_256_kib_and_crosses_no_segment);
    tcase_add_test(all, low_address_bits_are_kept_where_the_device_asks);
    tcase_add_test(all, mappings_never_overlap_and_all_come_back);
    suite_add_tcase(suite, all);
    return suite;
}
