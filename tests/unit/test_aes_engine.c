/* When lines leave the engine. */
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit_test.h"
#include "tests/unit/aes_bench.h"

enum { TAG_COUNT = 256 };

START_TEST(a_line_leaves_one_depth_after_it_entered)
{
    cbit_aes_engine_t engine = make_engine(&usual);
    cbit_aes_result_t result;
    offer(&engine, CBIT_AES_DECRYPT, make_line(5, 100, 1, false));
    engine.ops->advance(engine.self, 113); /* 103 + 11 = 114 is the last beat's edge */
    ck_assert(!take(&engine, CBIT_AES_DECRYPT, 5, &result));
    engine.ops->advance(engine.self, 114);
    ck_assert(!take(&engine, CBIT_AES_ENCRYPT, 5, &result));
    ck_assert(take(&engine, CBIT_AES_DECRYPT, 5, &result));
    ck_assert_uint_eq(result.out_eclk[0], 111);
    ck_assert_uint_eq(result.out_eclk[3], 114);
    ck_assert_uint_eq(result.waited_eclk, 0);
    ck_assert(!take(&engine, CBIT_AES_DECRYPT, 5, &result)); /* only once */
    engine.ops->destroy(engine.self);
}
END_TEST

START_TEST(a_plain_line_leaves_after_one_clock)
{
    cbit_aes_engine_t engine = make_engine(&usual);
    offer(&engine, CBIT_AES_DECRYPT, make_line(1, 100, 2, true));
    cbit_aes_result_t result =
        assert_left(&engine, CBIT_AES_DECRYPT, 1, EDGES(101, 103, 105, 107), 0);
    ck_assert_int_eq(result.error, CBIT_AES_OK);
    uint8_t same[64];
    memset(same, 1, sizeof same);
    ck_assert_mem_eq(result.data, same, 64);
    engine.ops->destroy(engine.self);
}
END_TEST

START_TEST(plain_beats_overtake_and_give_way)
{
    /* Private beats enter at 100..103 and leave at 111..114. The plain line enters at 109..112: its
     * first beat slips out at 110, the others find the output taken until 115: 115, 116, 117. */
    cbit_aes_engine_t engine = make_engine(&usual);
    offer(&engine, CBIT_AES_ENCRYPT, make_line(1, 100, 1, false));
    offer(&engine, CBIT_AES_ENCRYPT, make_line(2, 109, 1, true));
    assert_left(&engine, CBIT_AES_ENCRYPT, 2, EDGES(110, 115, 116, 117), 117 - 112 - 1);
    assert_left(&engine, CBIT_AES_ENCRYPT, 1, EDGES(111, 112, 113, 114), 0);
    cbit_aes_counters_t counters;
    engine.ops->counters(engine.self, &counters);
    ck_assert_uint_eq(counters.lines_encrypted, 1);
    ck_assert_uint_eq(counters.lines_bypassed, 1);
    ck_assert_uint_eq(counters.lines_decrypted, 0);
    ck_assert_uint_eq(counters.stall_eclk, 4);
    engine.ops->destroy(engine.self);
}
END_TEST

START_TEST(plain_beats_in_order_pay_the_pipeline)
{
    cbit_aes_engine_config_t config = usual;
    config.bypass_in_order = true;
    cbit_aes_engine_t engine = make_engine(&config);
    offer(&engine, CBIT_AES_ENCRYPT, make_line(2, 109, 1, true));
    assert_left(&engine, CBIT_AES_ENCRYPT, 2, EDGES(120, 121, 122, 123), 0);
    engine.ops->destroy(engine.self);
}
END_TEST

START_TEST(an_input_takes_one_beat_an_edge)
{
    /* All four presented at 100, then another line at 101: they enter at 100..103 and 104..107. */
    cbit_aes_engine_t engine = make_engine(&usual);
    offer(&engine, CBIT_AES_DECRYPT, make_line(1, 100, 0, false));
    offer(&engine, CBIT_AES_DECRYPT, make_line(2, 101, 0, false));
    assert_left(&engine, CBIT_AES_DECRYPT, 1, EDGES(111, 112, 113, 114), 3);
    assert_left(&engine, CBIT_AES_DECRYPT, 2, EDGES(115, 116, 117, 118), 107 - 101);
    engine.ops->destroy(engine.self);
}
END_TEST

START_TEST(two_blocks_a_clock_halve_the_entry)
{
    cbit_aes_engine_config_t config = usual;
    config.blocks_per_clock = 2;
    cbit_aes_engine_t engine = make_engine(&config);
    offer(&engine, CBIT_AES_DECRYPT, make_line(1, 100, 0, false));
    offer(&engine, CBIT_AES_DECRYPT, make_line(2, 100, 0, true));
    assert_left(&engine, CBIT_AES_DECRYPT, 1, EDGES(111, 111, 112, 112), 1);
    assert_left(&engine, CBIT_AES_DECRYPT, 2, EDGES(103, 103, 104, 104), 104 - 100 - 1);
    engine.ops->destroy(engine.self);
}
END_TEST

START_TEST(lanes_do_not_see_each_other_unless_shared)
{
    /* Shared: alternating from 100 on, the read first: decrypt 100, 102, 104, 106, encrypt 101...
     */
    static const uint64_t apart[4] = {111, 112, 113, 114};
    cbit_aes_engine_config_t config = usual;
    for (int shared = 0; shared < 2; shared++) {
        config.shared_lane = shared != 0;
        cbit_aes_engine_t engine = make_engine(&config);
        offer(&engine, CBIT_AES_ENCRYPT, make_line(1, 100, 1, false));
        offer(&engine, CBIT_AES_DECRYPT, make_line(1, 100, 1, false));
        assert_left(&engine, CBIT_AES_ENCRYPT, 1, shared ? EDGES(112, 114, 116, 118) : apart,
                    shared ? 4 : 0);
        assert_left(&engine, CBIT_AES_DECRYPT, 1, shared ? EDGES(111, 113, 115, 117) : apart,
                    shared ? 3 : 0);
        engine.ops->destroy(engine.self);
    }
}
END_TEST

/*
 * Random lines, plain ones among them, in engines of all kinds, taken edge by edge: none leaves
 * before the edge that was told for it at any earlier one; and a line of a lane that has its
 * pipeline for itself leaves on just the edge that was told when it was offered, however many are
 * before it.
 */
START_TEST(no_line_leaves_before_the_edge_that_is_told)
{
    enum { LINES = 200 };
    const cbit_aes_engine_config_t config = {.key_slots = 8,
                                             .depth_eclk = 1 + (uint32_t)_i,
                                             .blocks_per_clock = 1u << _i % 3,
                                             .shared_lane = _i / 3 % 2 != 0,
                                             .bypass_in_order = _i / 6 != 0};
    cbit_aes_engine_t engine = make_engine(&config);
    uint64_t told[CBIT_AES_LANES][TAG_COUNT] = {{0}}, known[CBIT_AES_LANES][TAG_COUNT];
    uint64_t next_eclk[CBIT_AES_LANES] = {10, 10};
    uint32_t offered[CBIT_AES_LANES] = {0, 0}, taken = 0;
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), (uint64_t)_i);
    for (uint64_t eclk = 9; taken < CBIT_AES_LANES * LINES; eclk++) {
        engine.ops->advance(engine.self, eclk);
        for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
            for (uint32_t tag = 0; tag < offered[lane]; tag++) {
                cbit_aes_result_t result;
                if (told[lane][tag] == UINT64_MAX) {
                    continue;
                }
                if (take(&engine, lane, (uint8_t)tag, &result)) {
                    ck_assert_uint_le(told[lane][tag], eclk);
                    ck_assert_uint_eq(known[lane][tag], config.shared_lane ? 0 : eclk);
                    told[lane][tag] = UINT64_MAX;
                    taken++;
                    continue;
                }
                const uint64_t least = engine.ops->least_out_eclk(engine.self, lane, (uint8_t)tag);
                ck_assert_uint_gt(least, eclk);
                ck_assert_uint_ge(least, told[lane][tag]);
                told[lane][tag] = least;
            }
            if (offered[lane] < LINES && cbit_rng_below(&rng, 4) == 0) {
                next_eclk[lane] = next_eclk[lane] > eclk ? next_eclk[lane] : eclk + 1;
                const cbit_aes_line_t line = make_line((uint8_t)offered[lane]++, next_eclk[lane], 1,
                                                       cbit_rng_below(&rng, 4) == 0);
                next_eclk[lane] = line.beat_eclk[3] + cbit_rng_below(&rng, 2);
                known[lane][line.tag] = offer(&engine, lane, line);
            }
        }
    }
    engine.ops->destroy(engine.self);
}
END_TEST

/* Whatever has left the decrypt lane by an edge. */
static void take_all(cbit_aes_engine_t *engine, uint64_t eclk)
{
    cbit_aes_result_t result;
    engine->ops->advance(engine->self, eclk);
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++) {
        (void)take(engine, CBIT_AES_DECRYPT, (uint8_t)tag, &result);
    }
}

/* The rules of a lane, beat by beat, with all edges ever kept. */
typedef struct rules {
    uint64_t gate_eclk, plain_out_eclk;
    uint32_t taken;
    uint8_t out[1 << 17]; /* beats that leave, by edge */
} rules_t;

/* Returns the edge on which the line's last beat leaves. */
static uint64_t line_out(rules_t *rules, const cbit_aes_engine_config_t *config,
                         const cbit_aes_line_t *line)
{
    uint64_t out_eclk = 0;
    for (uint32_t beat = 0; beat < CBIT_LINE_BEATS; beat++) {
        uint64_t eclk = line->beat_eclk[beat];
        if (eclk <= rules->gate_eclk) {
            eclk = rules->gate_eclk + (rules->taken >= config->blocks_per_clock ? 1 : 0);
        }
        rules->taken = eclk == rules->gate_eclk ? rules->taken + 1 : 1;
        rules->gate_eclk = eclk;
        out_eclk = eclk + config->depth_eclk;
        if (line->bypass && !config->bypass_in_order) {
            out_eclk = eclk + 1 > rules->plain_out_eclk ? eclk + 1 : rules->plain_out_eclk;
            while (rules->out[out_eclk] >= config->blocks_per_clock) {
                out_eclk++;
            }
            rules->plain_out_eclk = out_eclk;
        }
        ck_assert_uint_lt(out_eclk, sizeof rules->out);
        rules->out[out_eclk]++;
    }
    return out_eclk;
}

/*
 * The same random lines to two engines: one of them is offered all, the other one lets pass what it
 * can. A line that passes is out when it would have been, and those behind it are; both are when
 * the rules say.
 */
START_TEST(lines_that_pass_are_out_when_they_would_be)
{
    enum { LINES = 4000 };
    const cbit_aes_engine_config_t config = {.key_slots = 8,
                                             .depth_eclk = 1 + 3 * ((uint32_t)_i % 6),
                                             .blocks_per_clock = 1u << _i % 3,
                                             .bypass_in_order = _i >= 6};
    cbit_aes_engine_t all = make_engine(&config), some = {NULL, NULL};
    ck_assert_int_eq(cbit_aes_timing_factory.create(NULL, 0, &config, &some), CBIT_ERR_OK);
    ck_assert(all.ops->pass == NULL);
    all.ops->key_write(all.self, 1, 1, fips_key);
    some.ops->key_write(some.self, 1, 1, fips_key);
    ck_assert(!some.ops->pass(some.self, CBIT_AES_DECRYPT, 1, false, 100, 1)); /* a key comes */
    all.ops->advance(all.self, 20);
    some.ops->advance(some.self, 20);
    ck_assert(!some.ops->pass(some.self, CBIT_AES_DECRYPT, 2, false, 100, 1)); /* there is none */
    static rules_t rules;
    memset(&rules, 0, sizeof rules);
    uint64_t next_eclk = 30, passed = 0;
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), (uint64_t)_i);
    for (uint32_t i = 0; i < LINES; i++) {
        const bool bypass = cbit_rng_below(&rng, 3) == 0;
        const uint64_t step_eclk = 1 + cbit_rng_below(&rng, 2);
        const cbit_aes_line_t line = make_line((uint8_t)i, next_eclk, step_eclk, bypass);
        const uint64_t out_eclk = offer(&all, CBIT_AES_DECRYPT, line);
        ck_assert_uint_eq(out_eclk, line_out(&rules, &config, &line));
        if (some.ops->pass(some.self, CBIT_AES_DECRYPT, 1, bypass, next_eclk, step_eclk)) {
            const bool around = bypass && !config.bypass_in_order;
            ck_assert_uint_eq(out_eclk, line.beat_eclk[3] + (around ? 1 : config.depth_eclk));
            cbit_aes_count_line(some.ops->passed(some.self), CBIT_AES_DECRYPT, bypass, 0);
            passed++;
        } else {
            ck_assert_uint_eq(offer(&some, CBIT_AES_DECRYPT, line), out_eclk);
        }
        take_all(&all, line.beat_eclk[0] - 1); /* so that tags are free again */
        take_all(&some, line.beat_eclk[0] - 1);
        /* Mostly just behind the line, sometimes before its last beat is taken or after most of it
           has left. */
        next_eclk = line.beat_eclk[3] + 1 + cbit_rng_below(&rng, 2) -
                    (cbit_rng_below(&rng, 8) == 0 ? 1 : 0);
        next_eclk += cbit_rng_below(&rng, 4) == 0 ? cbit_rng_below(&rng, 20) : 0;
    }
    ck_assert_uint_gt(passed, LINES / 4);
    ck_assert_uint_lt(passed, LINES);
    cbit_aes_counters_t a, b;
    take_all(&all, next_eclk + 1000);
    take_all(&some, next_eclk + 1000);
    all.ops->counters(all.self, &a);
    some.ops->counters(some.self, &b);
    ck_assert_mem_eq(&a, &b, sizeof a);
    ck_assert_uint_eq(a.lines_decrypted + a.lines_bypassed, LINES);
    all.ops->destroy(all.self);
    some.ops->destroy(some.self);
}
END_TEST

START_TEST(the_edge_of_a_line_behind_others_is_known_at_once)
{
    cbit_aes_engine_t engine = make_engine(&usual);
    for (uint8_t tag = 0; tag < 20; tag++) { /* all at once: each waits for those before it */
        offer(&engine, CBIT_AES_DECRYPT, make_line(tag, 100, 0, false));
    }
    engine.ops->advance(engine.self, 99);
    for (uint8_t tag = 0; tag < 20; tag++) {
        ck_assert_uint_eq(engine.ops->least_out_eclk(engine.self, CBIT_AES_DECRYPT, tag),
                          99 + 4 * (tag + 1u) + 11);
    }
    engine.ops->advance(engine.self, 200);
    for (uint8_t tag = 0; tag < 20; tag++) {
        cbit_aes_result_t result;
        ck_assert(take(&engine, CBIT_AES_DECRYPT, tag, &result));
        ck_assert_uint_eq(result.out_eclk[3], 99 + 4 * (tag + 1u) + 11);
    }
    engine.ops->destroy(engine.self);
}
END_TEST

START_TEST(impossible_engines_are_refused)
{
    cbit_aes_engine_t engine = {NULL, NULL};
    cbit_aes_engine_config_t config = usual;
    config.blocks_per_clock = 3;
    ck_assert_int_eq(cbit_aes_model_factory.create(NULL, 0, &config, &engine), CBIT_ERR_RANGE);
    config = usual;
    config.depth_eclk = 65;
    ck_assert_int_eq(cbit_aes_model_factory.create(NULL, 0, &config, &engine), CBIT_ERR_RANGE);
    config = usual;
    config.key_slots = 0;
    ck_assert_int_eq(cbit_aes_model_factory.create(NULL, 0, &config, &engine), CBIT_ERR_RANGE);
    ck_assert_ptr_null(engine.ops);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("aes");
    TCase *tcase = tcase_create("timing");
    tcase_add_test(tcase, a_line_leaves_one_depth_after_it_entered);
    tcase_add_test(tcase, a_plain_line_leaves_after_one_clock);
    tcase_add_test(tcase, plain_beats_overtake_and_give_way);
    tcase_add_test(tcase, plain_beats_in_order_pay_the_pipeline);
    tcase_add_test(tcase, an_input_takes_one_beat_an_edge);
    tcase_add_test(tcase, two_blocks_a_clock_halve_the_entry);
    tcase_add_test(tcase, lanes_do_not_see_each_other_unless_shared);
    tcase_add_loop_test(tcase, no_line_leaves_before_the_edge_that_is_told, 0, 12);
    tcase_add_loop_test(tcase, lines_that_pass_are_out_when_they_would_be, 0, 12);
    tcase_add_test(tcase, the_edge_of_a_line_behind_others_is_known_at_once);
    tcase_add_test(tcase, impossible_engines_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
