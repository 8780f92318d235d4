/* Clocks: edges of rational periods, without drift. */
#include <inttypes.h>

#include "cbit/base/rng.h"
#include "cbit/sim/time.h"
#include "cbit_test.h"

static const cbit_clock_t ddr5_4800 = {.period_num_ps = 1250, .period_den = 3};
static const cbit_clock_t ddr4_3200 = {.period_num_ps = 625, .period_den = 1};

/* 416.67 ps a clock: three of them are 1250 ps to the picosecond. */
START_TEST(edges_of_ddr5_are_the_floor_of_the_exact_time)
{
    static const cbit_ps_t expected[] = {0, 416, 833, 1250, 1666, 2083, 2500};
    for (uint64_t n = 0; n < 7; n++) {
        ck_assert_uint_eq(cbit_clock_edge_ps(&ddr5_4800, n), expected[n]);
    }
}
END_TEST

/* 2.4e9 clocks of DDR5-4800 are one second, 2.4e9 x 3600 x 24 x 200 of them 200 days. A period
 * rounded to 417 ps would be 800 us off after the first second. */
START_TEST(a_clock_does_not_drift)
{
    ck_assert_uint_eq(cbit_clock_edge_ps(&ddr5_4800, UINT64_C(2400000000)),
                      UINT64_C(1000000000000));
    ck_assert_uint_eq(cbit_clock_edge_ps(&ddr5_4800, UINT64_C(2400000000) * 86400 * 200),
                      UINT64_C(1000000000000) * 86400 * 200);
    ck_assert_uint_eq(
        cbit_clock_edge_at_or_after(&ddr5_4800, UINT64_C(1000000000000) * 86400 * 200),
        UINT64_C(2400000000) * 86400 * 200);
}
END_TEST

START_TEST(the_edge_at_or_after_is_found)
{
    ck_assert_uint_eq(cbit_clock_edge_at_or_after(&ddr5_4800, 0), 0);
    ck_assert_uint_eq(cbit_clock_edge_at_or_after(&ddr5_4800, 1), 1);
    ck_assert_uint_eq(cbit_clock_edge_at_or_after(&ddr5_4800, 416), 1);
    ck_assert_uint_eq(cbit_clock_edge_at_or_after(&ddr5_4800, 417), 2);
    ck_assert_uint_eq(cbit_clock_edge_at_or_after(&ddr5_4800, 1250), 3);
    ck_assert_uint_eq(cbit_clock_edge_at_or_after(&ddr5_4800, 1251), 4);
    ck_assert_uint_eq(cbit_clock_edge_at_or_after(&ddr4_3200, 1250), 2);
    ck_assert_uint_eq(cbit_clock_edge_at_or_after(&ddr4_3200, 1251), 3);
}
END_TEST

START_TEST(the_edge_at_or_before_is_found)
{
    ck_assert_uint_eq(cbit_clock_edge_at_or_before(&ddr5_4800, 0), 0);
    ck_assert_uint_eq(cbit_clock_edge_at_or_before(&ddr5_4800, 415), 0);
    ck_assert_uint_eq(cbit_clock_edge_at_or_before(&ddr5_4800, 416), 1);
    ck_assert_uint_eq(cbit_clock_edge_at_or_before(&ddr5_4800, 1249), 2);
    ck_assert_uint_eq(cbit_clock_edge_at_or_before(&ddr5_4800, 1250), 3);
}
END_TEST

/* Every picosecond of 20 us (whole and broken periods, with a phase), by walking the edges. */
START_TEST(searching_for_edges_agrees_with_walking_them)
{
    static const cbit_clock_t clocks[] = {
        {.phase_ps = 0, .period_num_ps = 1250, .period_den = 3},
        {.phase_ps = 100, .period_num_ps = 625, .period_den = 1},
        {.phase_ps = 7, .period_num_ps = 2000, .period_den = 7},
        {.phase_ps = 0, .period_num_ps = 1000, .period_den = 999},
    };
    const cbit_clock_t *clock = &clocks[_i];
    uint64_t next = 0;
    for (cbit_ps_t t = 0; t < 20000; t++) {
        while (cbit_clock_edge_ps(clock, next) < t) {
            next++;
        }
        ck_assert_uint_eq(cbit_clock_edge_at_or_after(clock, t), next);
        if (t >= clock->phase_ps) {
            const uint64_t last = cbit_clock_edge_ps(clock, next) == t ? next : next - 1;
            ck_assert_uint_eq(cbit_clock_edge_at_or_before(clock, t), last);
        }
    }
}
END_TEST

START_TEST(the_phase_moves_every_edge)
{
    const cbit_clock_t clock = {.phase_ps = 1000, .period_num_ps = 1250, .period_den = 3};
    ck_assert_uint_eq(cbit_clock_edge_ps(&clock, 2), 1833);
    ck_assert_uint_eq(cbit_clock_edge_at_or_after(&clock, 999), 0);
    ck_assert_uint_eq(cbit_clock_edge_at_or_after(&clock, 1000), 0);
    ck_assert_uint_eq(cbit_clock_edge_at_or_after(&clock, 1001), 1);
}
END_TEST

/* 11 clocks: DDR4-3200 6875 ps, DDR5-4800 4583.3 ps. */
/* Divisors of all sizes, and dividends at the multiples of theirs, where an estimate goes wrong. */
START_TEST(dividing_by_what_stays_is_exact)
{
    for (uint64_t seed = 0; seed < 20000; seed++) {
        const uint64_t random = cbit_splitmix64(seed), more = cbit_splitmix64(~seed);
        const uint64_t by = (random >> random % 64) + 1 == 0 ? 1 : (random >> random % 64) + 1;
        const cbit_divisor_t divisor = cbit_divisor_of(by);
        const uint64_t multiple = more / by * by;
        const uint64_t values[] = {0, by - 1, by, more, multiple, multiple - 1, UINT64_MAX};
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            ck_assert_msg(cbit_divide(divisor, values[i]) == values[i] / by,
                          "%" PRIu64 " / %" PRIu64, values[i], by);
        }
    }
}
END_TEST

static void is_its_clock(const cbit_pace_t *pace, uint64_t value)
{
    const cbit_clock_t *clock = &pace->clock;
    ck_assert_uint_eq(cbit_pace_edge_ps(pace, value), cbit_clock_edge_ps(clock, value));
    ck_assert_uint_eq(cbit_pace_edge_at_or_after(pace, value),
                      cbit_clock_edge_at_or_after(clock, value));
    const cbit_ps_t at_ps = cbit_clock_edge_ps(clock, value);
    ck_assert_uint_eq(cbit_pace_edge_at_or_after(pace, at_ps),
                      cbit_clock_edge_at_or_after(clock, at_ps));
    ck_assert_uint_eq(cbit_pace_edge_at_or_after(pace, at_ps + 1),
                      cbit_clock_edge_at_or_after(clock, at_ps + 1));
}

/* A clock that is asked often says the same, also where products no longer fit in 64 bits. */
START_TEST(a_pace_is_its_clock)
{
    static const cbit_clock_t clocks[] = {
        {.phase_ps = 0, .period_num_ps = 1250, .period_den = 3},
        {.phase_ps = 100, .period_num_ps = 625, .period_den = 1},
        {.phase_ps = 0, .period_num_ps = 1000000000, .period_den = 3400000},
        {.phase_ps = 7, .period_num_ps = 1000000000, .period_den = 3399999},
        {.phase_ps = 7, .period_num_ps = 1, .period_den = 1},
        {.phase_ps = 7, .period_num_ps = 2, .period_den = 3},
    };
    const cbit_pace_t pace = cbit_pace_of(clocks[_i]);
    const uint64_t fits_n = UINT64_MAX / 4 / (pace.whole_ps + 1); /* its time fits */
    const uint64_t last_n = pace.last_n < fits_n ? pace.last_n : fits_n;
    for (uint64_t seed = 0; seed < 5000; seed++) {
        is_its_clock(&pace, cbit_splitmix64(seed) >> (8 + seed % 56));
        const uint64_t apart = cbit_splitmix64(~seed) % last_n >> seed % 60;
        is_its_clock(&pace, last_n - apart);
        is_its_clock(&pace, last_n + apart);
    }
}
END_TEST

START_TEST(a_span_is_rounded_down_once)
{
    ck_assert_uint_eq(cbit_clock_span_ps(&ddr4_3200, 11), 6875);
    ck_assert_uint_eq(cbit_clock_span_ps(&ddr5_4800, 11), 4583);
    ck_assert_uint_eq(cbit_clock_span_ps(&ddr5_4800, 0), 0);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("sim_time");
    TCase *tcase = tcase_create("clocks");
    tcase_add_test(tcase, edges_of_ddr5_are_the_floor_of_the_exact_time);
    tcase_add_test(tcase, a_clock_does_not_drift);
    tcase_add_test(tcase, the_edge_at_or_after_is_found);
    tcase_add_test(tcase, the_edge_at_or_before_is_found);
    tcase_add_loop_test(tcase, searching_for_edges_agrees_with_walking_them, 0, 4);
    tcase_add_test(tcase, the_phase_moves_every_edge);
    tcase_add_test(tcase, dividing_by_what_stays_is_exact);
    tcase_add_loop_test(tcase, a_pace_is_its_clock, 0, 6);
    tcase_add_test(tcase, a_span_is_rounded_down_once);
    suite_add_tcase(suite, tcase);
    return suite;
}
