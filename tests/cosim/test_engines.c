/* Platforms must not be able to tell one engine from another. */
#include <string.h>

#include "cbit/aes/cipher.h"
#include "cbit/base/rng.h"
#include "cbit/cosim/engine.h"
#include "cbit_test.h"
#include "cosim/pin_engine.h"

static const cbit_aes_engine_config_t usual = {
    .key_slots = 512, .depth_eclk = 11, .blocks_per_clock = 1};

enum { LINES = 4000, SLOTS_IN_USE = 5 };

/* The golden model at its pins, as an engine. */
static cbit_err_t create_pins(void *self, uint32_t channel, const cbit_aes_engine_config_t *config,
                              cbit_aes_engine_t *out)
{
    const cbit_aes_pins_config_t *device_config = self;
    cbit_device_t device;
    ck_assert_int_eq(cbit_device_model(device_config, &device), CBIT_ERR_OK);
    return cbit_pin_engine_create(config, device_config, channel, device, NULL, out);
}

static cbit_aes_engine_t make(const cbit_aes_engine_factory_t *factory,
                              const cbit_aes_engine_config_t *config)
{
    cbit_aes_engine_t engine = {NULL, NULL};
    ck_assert_int_eq(factory->create(factory->self, 3, config, &engine), CBIT_ERR_OK);
    cbit_tweak_t tweak;
    cbit_tweak_init(&tweak, CBIT_TWEAK_PER_BOOT, 5);
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
        engine.ops->tweak_write(engine.self, i, tweak.t[i]);
    }
    return engine;
}

static cbit_aes_line_t random_line(cbit_rng_t *rng, uint8_t tag, uint64_t *eclk)
{
    cbit_aes_line_t line = {.tag = tag};
    line.spa = cbit_rng_u64(rng) & 0xFFFFFFFFFFFC0;
    line.slot = (uint16_t)cbit_rng_below(rng, SLOTS_IN_USE);
    line.bypass = cbit_rng_below(rng, 4) == 0;
    line.first_block = (uint8_t)cbit_rng_below(rng, 4);
    *eclk += cbit_rng_below(rng, 3) == 0 ? cbit_rng_below(rng, 60) : 0;
    for (uint32_t i = 0; i < CBIT_LINE_BEATS; i++) {
        line.beat_eclk[i] = *eclk;
        *eclk += cbit_rng_below(rng, 8) == 0 ? cbit_rng_below(rng, 4) : 1;
    }
    cbit_rng_bytes(rng, line.data, sizeof line.data);
    return line;
}

static void assert_same_result(const cbit_aes_result_t *a, const cbit_aes_result_t *b)
{
    ck_assert_mem_eq(a->out_eclk, b->out_eclk, sizeof a->out_eclk);
    ck_assert_uint_eq(a->waited_eclk, b->waited_eclk);
    ck_assert_int_eq(a->error, b->error);
    ck_assert_mem_eq(a->data, b->data, sizeof a->data);
}

/* What has become of the line, if it is out. */
static bool take(const cbit_aes_engine_t *engine, cbit_aes_lane_t lane, uint8_t tag,
                 cbit_aes_result_t *result)
{
    const cbit_aes_result_t *out = engine->ops->take(engine->self, lane, tag);
    if (out != NULL) {
        *result = *out;
    }
    return out != NULL;
}

/* Takes from both what is out; both must agree on whether it is. */
static void take_both(cbit_aes_engine_t *one, cbit_aes_engine_t *two, cbit_aes_lane_t lane,
                      uint8_t tag, bool *inside)
{
    cbit_aes_result_t a, b;
    bool out = take(one, lane, tag, &a);
    ck_assert_int_eq(take(two, lane, tag, &b), out);
    if (out) {
        assert_same_result(&a, &b);
        *inside = false;
    }
}

static void write_random_key(cbit_aes_engine_t *one, cbit_aes_engine_t *two, cbit_rng_t *rng,
                             uint64_t at_eclk)
{
    uint8_t key[16];
    uint16_t slot = (uint16_t)cbit_rng_below(rng, SLOTS_IN_USE);
    cbit_rng_bytes(rng, key, sizeof key);
    const uint8_t *given = cbit_rng_below(rng, 6) == 0 ? NULL : key;
    one->ops->key_write(one->self, at_eclk, slot, given);
    two->ops->key_write(two->self, at_eclk, slot, given);
}

/* The same random lines, keys and questions to both engines. */
static void assert_alike(cbit_aes_engine_t *one, cbit_aes_engine_t *two)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 1);
    bool inside[CBIT_AES_LANES][256] = {{false}};
    uint64_t next_eclk[CBIT_AES_LANES] = {1, 1};
    uint64_t now_eclk = 0;
    for (uint32_t i = 0; i < LINES; i++) {
        cbit_aes_lane_t lane = (cbit_aes_lane_t)cbit_rng_below(&rng, 2);
        uint8_t tag = (uint8_t)(i % 100);
        while (inside[lane][tag]) {
            now_eclk += 10;
            one->ops->advance(one->self, now_eclk);
            two->ops->advance(two->self, now_eclk);
            take_both(one, two, lane, tag, &inside[lane][tag]);
        }
        next_eclk[lane] = next_eclk[lane] > now_eclk ? next_eclk[lane] : now_eclk + 1;
        cbit_aes_line_t line = random_line(&rng, tag, &next_eclk[lane]);
        one->ops->offer(one->self, lane, &line);
        two->ops->offer(two->self, lane, &line);
        inside[lane][tag] = true;
        if (cbit_rng_below(&rng, 10) == 0) {
            write_random_key(one, two, &rng, now_eclk + cbit_rng_below(&rng, 40));
        }
        now_eclk += cbit_rng_below(&rng, 12);
        one->ops->advance(one->self, now_eclk);
        two->ops->advance(two->self, now_eclk);
        for (uint32_t t = 0; t < 100; t++) {
            if (inside[lane][t]) {
                take_both(one, two, lane, (uint8_t)t, &inside[lane][t]);
            }
        }
    }
    cbit_aes_counters_t a, b;
    one->ops->counters(one->self, &a);
    two->ops->counters(two->self, &b);
    ck_assert_mem_eq(&a, &b, sizeof a);
    ck_assert_uint_gt(a.lines_encrypted, LINES / 4);
    ck_assert_uint_gt(a.stall_eclk, 100);
    one->ops->destroy(one->self);
    two->ops->destroy(two->self);
}

START_TEST(pins_and_arithmetic_agree)
{
    /* All four combinations of shared lane and bypass in order, one and two stages a round. */
    for (uint32_t i = 0; i < 8; i++) {
        cbit_aes_pins_config_t device_config = {.key_slots = 512,
                                                .stages_per_round = i & 4 ? 2 : 1,
                                                .shared_lane = i & 1,
                                                .bypass_in_order = (i & 2) != 0};
        cbit_aes_engine_config_t config = usual;
        config.depth_eclk = i & 4 ? 21 : 11;
        config.shared_lane = device_config.shared_lane;
        config.bypass_in_order = device_config.bypass_in_order;
        config.xe = i == 7;
        cbit_aes_engine_factory_t pins = {.self = &device_config, .create = create_pins};
        cbit_aes_engine_t one = make(&cbit_aes_model_factory, &config);
        cbit_aes_engine_t two = make(&pins, &config);
        assert_alike(&one, &two);
    }
}
END_TEST

START_TEST(rtl_and_arithmetic_agree)
{
    cbit_aes_engine_t one = make(&cbit_aes_model_factory, &usual);
    cbit_aes_engine_t two = make(&cbit_aes_rtl_factory, &usual);
    assert_alike(&one, &two);
}
END_TEST

START_TEST(lockstep_and_arithmetic_agree_and_it_says_what_it_compared)
{
    cbit_lockstep_report_t report = {0};
    cbit_aes_engine_factory_t factory = cbit_aes_lockstep_factory(&report);
    cbit_aes_engine_config_t config = usual;
    config.xe = true;
    cbit_aes_engine_t one = make(&cbit_aes_model_factory, &config);
    cbit_aes_engine_t two = make(&factory, &config);
    assert_alike(&one, &two);
    ck_assert_uint_eq(report.mismatches, 0);
    ck_assert_uint_ge(report.lines_compared, LINES - 256);
    ck_assert_uint_ge(report.beats_compared, 4 * report.lines_compared);
    ck_assert_uint_gt(report.cycles, report.beats_compared / 2);
    ck_assert_uint_gt(report.bypassed, LINES / 2);
}
END_TEST

START_TEST(idle_clocks_are_not_simulated)
{
    cbit_lockstep_report_t report = {0};
    cbit_aes_engine_factory_t factory = cbit_aes_lockstep_factory(&report);
    cbit_aes_engine_t engine = make(&factory, &usual);
    cbit_aes_result_t result;
    uint64_t before = report.cycles;
    cbit_aes_line_t line = {
        .spa = 64, .tag = 1, .beat_eclk = {1000000000, 1000000001, 1000000002, 1000000003}};
    engine.ops->offer(engine.self, CBIT_AES_DECRYPT, &line);
    engine.ops->advance(engine.self, 2000000000);
    ck_assert(take(&engine, CBIT_AES_DECRYPT, 1, &result));
    ck_assert_uint_eq(result.out_eclk[3], 1000000014);
    ck_assert_uint_eq(report.cycles - before, 15); /* edges ..000 to ..014 */
    engine.ops->destroy(engine.self);
}
END_TEST

START_TEST(engines_that_the_rtl_is_not_are_refused)
{
    cbit_aes_engine_t engine = {NULL, NULL};
    cbit_aes_engine_config_t config = usual;
    config.depth_eclk = 12;
    ck_assert_int_eq(cbit_aes_rtl_factory.create(NULL, 0, &config, &engine), CBIT_ERR_UNSUPPORTED);
    config = usual;
    config.blocks_per_clock = 2;
    ck_assert_int_eq(cbit_aes_rtl_factory.create(NULL, 0, &config, &engine), CBIT_ERR_UNSUPPORTED);
    config = usual;
    config.shared_lane = true;
    ck_assert_int_eq(cbit_aes_rtl_factory.create(NULL, 0, &config, &engine), CBIT_ERR_UNSUPPORTED);
    ck_assert_ptr_null(engine.ops);
}
END_TEST

START_TEST(the_default_depth_is_that_of_the_rtl)
{
    cbit_aes_engine_config_t config;
    cbit_rows_defaults(cbit_aes_engine_rows, &config);
    ck_assert_uint_eq(cbit_cosim_depth_eclk(), 11);
    ck_assert_uint_eq(config.depth_eclk, 11);
}
END_TEST

START_TEST(a_build_without_verilator_says_so)
{
    cbit_aes_engine_t engine = {NULL, NULL};
    ck_assert(!cbit_cosim_available());
    ck_assert_int_eq(cbit_aes_rtl_factory.create(NULL, 0, &usual, &engine), CBIT_ERR_TOOL);
}
END_TEST

/* ---- lock-step must be able to fail ---- */

typedef struct faulty {
    cbit_device_t inner;
    uint64_t clocks;
    uint32_t fault;
} faulty_t;

static void faulty_clock(void *self, const cbit_aes_pins_in_t *in, cbit_aes_pins_out_t *out)
{
    faulty_t *faulty = self;
    faulty->inner.clock(faulty->inner.self, in, out);
    if (++faulty->clocks < 500) {
        return;
    }
    cbit_aes_lane_out_t *lane = &out->lane[CBIT_AES_DECRYPT];
    lane->data[7] ^= faulty->fault == 0 && lane->valid ? 1 : 0;
    lane->error = faulty->fault == 1 && lane->valid ? 2 : lane->error;
    lane->last = lane->last != (faulty->fault == 2 && lane->valid);
    out->key_ready = out->key_ready != (faulty->fault == 3);
}

static void faulty_destroy(void *self)
{
    faulty_t *faulty = self;
    faulty->inner.destroy(faulty->inner.self);
}

START_TEST(lockstep_notices_a_wrong_pin)
{
    static const char *const text[] = {"dec_data_o", "dec_error_o", "dec_last_o", "key_ready_o"};
    cbit_aes_pins_config_t device_config = {.key_slots = 512, .stages_per_round = 1};
    for (uint32_t fault = 0; fault < 4; fault++) {
        faulty_t faulty = {.fault = fault};
        cbit_lockstep_report_t report = {0};
        cbit_aes_engine_t engine;
        cbit_aes_result_t result;
        ck_assert_int_eq(cbit_device_model(&device_config, &faulty.inner), CBIT_ERR_OK);
        cbit_device_t device = {.self = &faulty, .clock = faulty_clock, .destroy = faulty_destroy};
        ck_assert_int_eq(
            cbit_pin_engine_create(&usual, &device_config, 6, device, &report, &engine),
            CBIT_ERR_OK);
        for (uint64_t i = 0; i < 200; i++) {
            cbit_aes_line_t line = {.spa = 64 * i, .tag = 9};
            for (uint32_t k = 0; k < 4; k++) {
                line.beat_eclk[k] = 100 + 20 * i + k;
            }
            engine.ops->offer(engine.self, CBIT_AES_DECRYPT, &line);
            engine.ops->advance(engine.self, 119 + 20 * i);
            ck_assert(take(&engine, CBIT_AES_DECRYPT, 9, &result));
        }
        ck_assert_uint_gt(report.mismatches, 0);
        ck_assert_uint_eq(report.first_channel, 6);
        ck_assert_ptr_nonnull(strstr(report.first_text, text[fault]));
        engine.ops->destroy(engine.self);
    }
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("engines");
    TCase *tcase = tcase_create("engines");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, pins_and_arithmetic_agree);
    tcase_add_test(tcase, lockstep_notices_a_wrong_pin);
    if (cbit_cosim_available()) {
        tcase_add_test(tcase, rtl_and_arithmetic_agree);
        tcase_add_test(tcase, lockstep_and_arithmetic_agree_and_it_says_what_it_compared);
        tcase_add_test(tcase, idle_clocks_are_not_simulated);
        tcase_add_test(tcase, engines_that_the_rtl_is_not_are_refused);
        tcase_add_test(tcase, the_default_depth_is_that_of_the_rtl);
    } else {
        tcase_add_test(tcase, a_build_without_verilator_says_so);
    }
    suite_add_tcase(suite, tcase);
    return suite;
}
