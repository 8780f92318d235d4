/* The RTL against the golden model at the pins. The long campaign is `cbit cosim`. */
#include <stdio.h>

#include "cbit/cosim/engine.h"
#include "cbit_test.h"
#include "cosim/run.h"

START_TEST(rtl_equals_the_model_on_every_pin)
{
    cbit_aes_pins_config_t config = cbit_device_rtl_config();
    cbit_case_knobs_t knobs = {.lines_per_lane = 500, .key_slots = config.key_slots};
    cbit_run_counts_t counts = {0};
    cbit_run_mismatch_t mismatch = {.any = false};
    cbit_device_t golden, rtl;
    static cbit_coverage_t coverage;
    cbit_coverage_init(&coverage, &config);
    ck_assert_int_eq(cbit_device_model(&config, &golden), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_device_rtl(cbit_test_seed(), &rtl), CBIT_ERR_OK);
    for (uint64_t i = 0; i < 60; i++) {
        cbit_case_t what;
        ck_assert_int_eq(cbit_case_make(&knobs, cbit_test_seed(), i, &what), CBIT_ERR_OK);
        cbit_run_case(&what, &config, &golden, &rtl, &counts, &coverage, &mismatch);
        ck_assert_msg(!mismatch.any, "case %u, cycle %u: %s", (unsigned)i, (unsigned)mismatch.cycle,
                      mismatch.text);
        cbit_case_free(&what);
    }
    /* 60 cases x 2 lanes x 500 lines x 4 beats = 240 000 but for those that resets took. */
    ck_assert_uint_gt(counts.beats_compared, 220000);
    ck_assert_uint_gt(counts.beats[0], counts.beats_compared * 3 / 10);
    ck_assert_uint_gt(counts.beats[1], counts.beats_compared * 3 / 10);
    ck_assert_uint_lt(counts.bypassed, counts.beats_compared * 2 / 10);
    ck_assert_uint_lt(counts.errors, counts.beats_compared * 3 / 10);
    ck_assert_uint_eq(cbit_coverage_hit(&coverage), cbit_coverage_bins(&coverage));
    golden.destroy(golden.self);
    rtl.destroy(rtl.self);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("rtl");
    TCase *tcase = tcase_create("rtl");
    tcase_set_timeout(tcase, 300);
    if (cbit_cosim_available()) {
        tcase_add_test(tcase, rtl_equals_the_model_on_every_pin);
    } else {
        printf("skipped: built without Verilator\n");
    }
    suite_add_tcase(suite, tcase);
    return suite;
}
