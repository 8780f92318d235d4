/* The RTL against the golden model at the pins. The long campaign is `cbit cosim`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/cosim/engine.h"
#include "cbit_test.h"
#include "cosim/campaign.h"
#include "cosim/follow.h"

static cbit_err_t make_rtl(void *self, uint64_t seed, cbit_device_t *out)
{
    (void)self;
    return cbit_device_rtl(seed, out);
}

enum { BEATS = 2000000 };

START_TEST(rtl_equals_the_model_on_every_pin)
{
    static cbit_campaign_result_t result;
    cbit_campaign_config_t config = {
        .pins = cbit_device_rtl_config(), .seed = cbit_test_seed(), .beats = BEATS};
    cbit_device_maker_t maker = {.make = make_rtl};
    cbit_err_t err = cbit_campaign_run(&config, &maker, &result);
    ck_assert_msg(err == CBIT_ERR_OK, "case %u, cycle %u: %s", (unsigned)result.failing_case,
                  (unsigned)result.mismatch.cycle, result.mismatch.text);
    const cbit_run_counts_t *counts = &result.counts;
    ck_assert_uint_ge(counts->beats_compared, BEATS);
    ck_assert_uint_gt(counts->beats[0], counts->beats_compared * 3 / 10);
    ck_assert_uint_gt(counts->beats[1], counts->beats_compared * 3 / 10);
    ck_assert_uint_lt(counts->bypassed, counts->beats_compared * 2 / 10);
    ck_assert_uint_lt(counts->errors, counts->beats_compared * 3 / 10);
    ck_assert_uint_eq(cbit_coverage_hit(&result.coverage), cbit_coverage_bins(&result.coverage));
}
END_TEST

/* ---- faulty engines: the golden model with a bug in front of its pins ---- */

typedef struct faulty {
    cbit_device_t inner;
    uint32_t fault;
    uint64_t clocks;
    uint32_t beats; /* that left, as far as they are counted */
    cbit_aes_lane_out_t last;
    bool waited;
} faulty_t;

/* A beat that was taken is not shown, or is shown once more where there is room. */
static void repeat(faulty_t *faulty, const cbit_aes_pins_in_t *in, cbit_aes_pins_out_t *out)
{
    cbit_aes_lane_out_t *lane = &out->lane[0];
    bool moves = lane->valid && in->lane[0].out_ready;
    if (faulty->fault == 5 && moves && ++faulty->beats == 100) {
        lane->valid = false;
    }
    if (faulty->fault == 6 && !lane->valid && faulty->beats == 100) {
        bool ready = lane->ready;
        *lane = faulty->last;
        lane->ready = ready;
    }
    if (faulty->fault == 6 && moves && faulty->beats < 100) {
        faulty->beats++;
        faulty->last = *lane;
    }
}

/* 0: a wrong tweak constant; 1: ready dropped for a clock; 2: a key is another after a busy phase;
   3: valid taken back, 4: payload changed, while a beat waits; 5: a beat is lost, 6: one comes
   twice; 7: no beat, 8: no key goes in any more; 9: a key is taken while a wipe lasts. */
static void faulty_clock(void *self, const cbit_aes_pins_in_t *in, cbit_aes_pins_out_t *out)
{
    faulty_t *faulty = self;
    cbit_aes_pins_in_t changed = *in;
    faulty->clocks++;
    if (faulty->fault == 0 && in->tweak_valid && in->tweak_index == 17) {
        changed.tweak_data[3] ^= 0x40;
    }
    if (faulty->fault == 2 && in->key_valid && in->lane[0].valid && in->lane[1].valid) {
        changed.key[0] ^= 1;
    }
    bool late = faulty->clocks > 1000;
    bool drop = faulty->fault == 1 ? faulty->clocks % 1000 == 0 : faulty->fault == 7 && late;
    changed.lane[0].valid = changed.lane[0].valid && !drop;
    changed.key_valid = changed.key_valid && !(faulty->fault == 8 && late);
    faulty->inner.clock(faulty->inner.self, &changed, out);
    out->lane[0].ready = out->lane[0].ready && !drop;
    out->key_ready =
        (out->key_ready && changed.key_valid) || (faulty->fault == 9 && out->zeroise_busy);
    repeat(faulty, in, out);
    bool waited = faulty->waited && out->lane[0].valid;
    faulty->waited = out->lane[0].valid && !in->lane[0].out_ready;
    out->lane[0].valid = out->lane[0].valid && !(faulty->fault == 3 && waited);
    out->lane[0].data[0] ^= faulty->fault == 4 && waited ? 1 : 0;
}

static void faulty_destroy(void *self)
{
    faulty_t *faulty = self;
    faulty->inner.destroy(faulty->inner.self);
    free(faulty);
}

static const cbit_aes_pins_config_t small = {.key_slots = 16, .stages_per_round = 1};

static cbit_err_t make_faulty(void *self, uint64_t seed, cbit_device_t *out)
{
    (void)seed;
    faulty_t *faulty = calloc(1, sizeof *faulty);
    faulty->fault = *(uint32_t *)self;
    *out = (cbit_device_t){.self = faulty, .clock = faulty_clock, .destroy = faulty_destroy};
    return cbit_device_model(&small, &faulty->inner);
}

START_TEST(a_faulty_engine_is_found_and_its_case_shrinks_to_a_few_lines)
{
    static cbit_campaign_result_t result;
    for (uint32_t fault = 0; fault < 3; fault++) {
        cbit_campaign_config_t config = {.pins = small, .seed = cbit_test_seed(), .beats = 400000};
        cbit_device_maker_t maker = {&fault, make_faulty};
        ck_assert_int_eq(cbit_campaign_run(&config, &maker, &result), CBIT_ERR_MISMATCH);
        ck_assert(result.mismatch.any);
        cbit_case_t what;
        cbit_case_knobs_t knobs = cbit_campaign_knobs(&config);
        uint32_t runs = 0;
        ck_assert_int_eq(cbit_case_make(&knobs, config.seed, result.failing_case, &what),
                         CBIT_ERR_OK);
        ck_assert_int_eq(cbit_campaign_shrink(&config, &maker, &what, &runs), CBIT_ERR_OK);
        /* A wrong constant needs a key and a line; dropped ready a beat at the right clock. */
        ck_assert_uint_le(what.line_count[0] + what.line_count[1], fault == 0 ? 1 : 400);
        ck_assert_uint_le(what.event_count, fault == 1 ? 200 : 3);
        memset(&result.mismatch, 0, sizeof result.mismatch);
        ck_assert_int_eq(cbit_campaign_run_case(&config, &maker, &what, &result),
                         CBIT_ERR_MISMATCH);
        printf("fault %u: %u + %u lines, %u events after %u runs: %s\n", (unsigned)fault,
               (unsigned)what.line_count[0], (unsigned)what.line_count[1],
               (unsigned)what.event_count, (unsigned)runs, result.mismatch.text);
        cbit_case_free(&what);
    }
}
END_TEST

START_TEST(an_offer_that_does_not_stay_is_named)
{
    static cbit_campaign_result_t result;
    static const char *const text[] = {"valid was taken back while the beat waited",
                                       "the beat changed while it waited"};
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t fault = 3 + i;
        cbit_campaign_config_t config = {.pins = small, .seed = cbit_test_seed(), .beats = 400000};
        cbit_device_maker_t maker = {&fault, make_faulty};
        ck_assert_int_eq(cbit_campaign_run(&config, &maker, &result), CBIT_ERR_MISMATCH);
        ck_assert_msg(strstr(result.mismatch.text, text[i]) != NULL, "%s", result.mismatch.text);
    }
}
END_TEST

/* ---- engines whose clocks are their own ---- */

static cbit_err_t make_model(void *self, uint64_t seed, cbit_device_t *out)
{
    (void)seed;
    return cbit_device_model(self, out);
}

START_TEST(an_engine_of_any_depth_is_followed)
{
    static cbit_campaign_result_t result;
    for (uint32_t i = 0; i < 8; i++) {
        cbit_aes_pins_config_t pins = {.key_slots = 16,
                                       .stages_per_round = 1 + i % 2,
                                       .shared_lane = i / 2 % 2 != 0,
                                       .bypass_in_order = i / 4 != 0};
        cbit_device_maker_t maker = {&pins, make_model};
        cbit_campaign_config_t config = {
            .pins = pins, .seed = cbit_test_seed(), .beats = 100000, .any_timing = true};
        config.pins.stages_per_round = 0;
        cbit_err_t err = cbit_campaign_run(&config, &maker, &result);
        ck_assert_msg(err == CBIT_ERR_OK, "engine %u, case %u, cycle %u: %s", (unsigned)i,
                      (unsigned)result.failing_case, (unsigned)result.mismatch.cycle,
                      result.mismatch.text);
        ck_assert_uint_eq(result.counts.latency_clocks, i % 2 == 0 ? 11 : 21);
        ck_assert_uint_gt(result.counts.key_writes, 0);
        ck_assert_uint_gt(result.counts.zeroises, 0);
        ck_assert_uint_gt(result.counts.resets, 0);
    }
}
END_TEST

START_TEST(a_faulty_engine_with_clocks_of_its_own_is_found)
{
    static cbit_campaign_result_t result;
    static const char *const text[] = {
        [0] = "data_o: expected",
        [1] = NULL, /* a matter of time: allowed */
        [2] = "_o: expected",
        [3] = "valid was taken back while the beat waited",
        [4] = "the beat changed while it waited",
        [5] = "enc_",
        [6] = "enc_",
        [7] = "enc_ready_o: expected 1, is 0; nothing has moved for 10000 clocks",
        [8] = "key_ready_o: expected 1, is 0; nothing has moved for 10000 clocks",
        [9] = "key_ready_o: expected 0, is 1",
    };
    for (uint32_t fault = 0; fault < sizeof text / sizeof text[0]; fault++) {
        cbit_campaign_config_t config = {
            .pins = small, .seed = cbit_test_seed(), .beats = 400000, .any_timing = true};
        cbit_device_maker_t maker = {&fault, make_faulty};
        cbit_err_t err = cbit_campaign_run(&config, &maker, &result);
        ck_assert_msg(err == (text[fault] == NULL ? CBIT_ERR_OK : CBIT_ERR_MISMATCH),
                      "fault %u: %s", (unsigned)fault, result.mismatch.text);
        ck_assert_msg(text[fault] == NULL || strstr(result.mismatch.text, text[fault]) != NULL,
                      "fault %u: %s", (unsigned)fault, result.mismatch.text);
        printf("fault %u, any timing: %s\n", (unsigned)fault,
               err == CBIT_ERR_OK ? "equal" : result.mismatch.text);
    }
}
END_TEST

/* One beat through an engine that takes ten clocks, zeroise so many clocks behind its entry (0:
   none); the engine answers with this error. What should have been the error? */
static unsigned error_of(const cbit_device_t *follow, unsigned zeroise_after, unsigned answered)
{
    cbit_aes_pins_in_t in = {.key_valid = true};
    cbit_aes_pins_out_t out = {.key_ready = true};
    follow->clock(follow->self, &in, &out);
    in.key_valid = false;
    in.lane[0] = (cbit_aes_lane_in_t){.valid = true, .last = true, .out_ready = true};
    for (unsigned clock = 0; clock <= 10; clock++) {
        out = (cbit_aes_pins_out_t){.lane[0] = {.ready = true, .valid = clock == 10}};
        out.lane[0].error = (uint8_t)answered;
        out.lane[0].last = true;
        in.zeroise = clock == zeroise_after && clock > 0;
        follow->clock(follow->self, &in, &out);
        in.lane[0].valid = false;
    }
    ck_assert(out.lane[0].valid);
    ck_assert_uint_eq(follow->inside(follow->self, CBIT_AES_ENCRYPT), 0);
    return out.lane[0].error;
}

START_TEST(a_beat_that_cannot_be_finished_loses_its_key)
{
    cbit_device_t follow;
    ck_assert_int_eq(cbit_device_follow(&small, &follow), CBIT_ERR_OK);
    ck_assert_uint_eq(error_of(&follow, 0, 0), 0);
    ck_assert_uint_eq(error_of(&follow, 0, 2), 0);
    ck_assert_uint_eq(error_of(&follow, 4, 0), 2); /* less than half of the ten clocks */
    ck_assert_uint_eq(error_of(&follow, 4, 2), 2);
    ck_assert_uint_eq(error_of(&follow, 5, 0), 0); /* it may be finished, or not */
    ck_assert_uint_eq(error_of(&follow, 5, 2), 2);
    follow.destroy(follow.self);
}
END_TEST

START_TEST(the_same_seed_makes_the_same_case)
{
    cbit_case_knobs_t knobs = {.lines_per_lane = 50, .key_slots = 16};
    cbit_case_t one, two, other;
    ck_assert_int_eq(cbit_case_make(&knobs, 5, 8, &one), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_case_make(&knobs, 5, 8, &two), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_case_make(&knobs, 5, 9, &other), CBIT_ERR_OK);
    ck_assert_mem_eq(one.lines[1], two.lines[1], 50 * sizeof one.lines[1][0]);
    ck_assert_int_ne(memcmp(one.lines[1], other.lines[1], 50 * sizeof one.lines[1][0]), 0);
    cbit_case_free(&one);
    cbit_case_free(&two);
    cbit_case_free(&other);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("rtl");
    TCase *tcase = tcase_create("rtl");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, the_same_seed_makes_the_same_case);
    tcase_add_test(tcase, an_offer_that_does_not_stay_is_named);
    tcase_add_test(tcase, a_faulty_engine_is_found_and_its_case_shrinks_to_a_few_lines);
    tcase_add_test(tcase, an_engine_of_any_depth_is_followed);
    tcase_add_test(tcase, a_beat_that_cannot_be_finished_loses_its_key);
    tcase_add_test(tcase, a_faulty_engine_with_clocks_of_its_own_is_found);
    if (cbit_cosim_available()) {
        tcase_add_test(tcase, rtl_equals_the_model_on_every_pin);
    } else {
        printf("skipped: built without Verilator\n");
    }
    suite_add_tcase(suite, tcase);
    return suite;
}
