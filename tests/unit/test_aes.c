#include <stdlib.h>
#include <string.h>

#include "cbit/aes/cipher.h"
#include "cbit/aes/engine.h"
#include "cbit/base/rng.h"
#include "cbit_test.h"

/* FIPS-197 appendix C.1. */
static const uint8_t fips_key[16] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
                                     0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f};
static const uint8_t fips_plain[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                       0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
static const uint8_t fips_cipher[16] = {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                                        0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
/* SP 800-38A's key, for the lines below. */
static const uint8_t sp_key[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                                   0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};

/*
 * Bytes 00..3f at 0x000A5000000C40 under sp_key with t_i = {16 i, 16 i + 1, ... 16 i + 15} mod 256,
 * by the openssl command line block by block, the XORs in a script of another language. First XEX,
 * then XE.
 */
static const char xex_line[] = "2b7f6b1c0acf47efd304ccab638f573615c30f320dbe427c576074d83b2904a8"
                               "70de47ecb94d1296fa2917c9bb8fcc4072ef3c4a0dc7e69a220c88b3d02b0937";
static const char xe_line[] = "5b0e196f7eba3198ab7db6d01ff2294925f33f023d8e724c675044e80b193498"
                              "50fe67cc996d32b6da0937e99bafec60128e5e2969a280fd4a65e2d8bc466758";
static const cbit_spa_t line_spa = 0x000A5000000C40;

static cbit_tweak_t counting_tweak(void)
{
    cbit_tweak_t tweak;
    cbit_tweak_init(&tweak, CBIT_TWEAK_ZERO, 0);
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
        for (uint32_t k = 0; k < 16; k++) {
            tweak.t[i][k] = (uint8_t)(16 * i + k);
        }
    }
    return tweak;
}

static cbit_cipher_t *make_cipher(uint32_t slots, const cbit_tweak_t *tweak, bool xe)
{
    cbit_cipher_t *cipher = NULL;
    ck_assert_int_eq(cbit_cipher_create(slots, tweak, xe, &cipher), CBIT_ERR_OK);
    return cipher;
}

static void assert_hex(const uint8_t *bytes, uint32_t len_bytes, const char *hex)
{
    static const char digit[] = "0123456789abcdef";
    char text[2 * 64 + 1];
    for (uint32_t i = 0; i < len_bytes; i++) {
        text[2 * i] = digit[bytes[i] >> 4];
        text[2 * i + 1] = digit[bytes[i] & 15];
    }
    text[2 * len_bytes] = 0;
    ck_assert_str_eq(text, hex);
}

START_TEST(address_zero_is_plain_aes)
{
    cbit_tweak_t tweak = counting_tweak();
    cbit_cipher_t *cipher = make_cipher(2, &tweak, false);
    uint8_t out[16];
    ck_assert_int_eq(cbit_cipher_set_key(cipher, 1, fips_key), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_cipher_encrypt(cipher, 1, 0, fips_plain, out, 16), CBIT_ERR_OK);
    ck_assert_mem_eq(out, fips_cipher, 16);
    ck_assert_int_eq(cbit_cipher_decrypt(cipher, 1, 0, out, out, 16), CBIT_ERR_OK);
    ck_assert_mem_eq(out, fips_plain, 16);
    cbit_cipher_destroy(cipher);
}
END_TEST

START_TEST(a_line_in_both_forms_matches_a_foreign_computation)
{
    cbit_tweak_t tweak = counting_tweak();
    for (int xe = 0; xe < 2; xe++) {
        cbit_cipher_t *cipher = make_cipher(1, &tweak, xe != 0);
        uint8_t plain[64], out[64];
        for (uint32_t i = 0; i < 64; i++) {
            plain[i] = (uint8_t)i;
        }
        cbit_cipher_set_key(cipher, 0, sp_key);
        cbit_cipher_encrypt(cipher, 0, line_spa, plain, out, 64);
        assert_hex(out, 64, xe != 0 ? xe_line : xex_line);
        /* Unaligned to the line and across its end: block 3, then block 0 of the next line. */
        uint8_t across[32], whole[128] = {0};
        cbit_cipher_encrypt(cipher, 0, line_spa, whole, whole, 128);
        memset(across, 0, sizeof across);
        cbit_cipher_encrypt(cipher, 0, line_spa + 48, across, across, 32);
        ck_assert_mem_eq(across, whole + 48, 32);
        cbit_cipher_decrypt(cipher, 0, line_spa, out, out, 64);
        ck_assert_mem_eq(out, plain, 64);
        cbit_cipher_destroy(cipher);
    }
}
END_TEST

START_TEST(the_tweak_is_linear_in_the_address)
{
    cbit_tweak_t tweak;
    cbit_tweak_init(&tweak, CBIT_TWEAK_PER_BOOT, 7);
    uint8_t a[16], b[16], both[16];
    cbit_tweak_of(&tweak, 0x123450, a);
    cbit_tweak_of(&tweak, 0xF000000000000, b);
    cbit_tweak_of(&tweak, 0xF000000000000 ^ 0x123450, both);
    for (uint32_t k = 0; k < 16; k++) {
        ck_assert_uint_eq(both[k], a[k] ^ b[k]);
    }
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
        cbit_tweak_of(&tweak, UINT64_C(1) << i, a);
        ck_assert_mem_eq(a, tweak.t[i], 16);
    }
    cbit_tweak_of(&tweak, 0xFFF000000000000F, a); /* bits 0..3 and 52..63 have no constant */
    ck_assert_mem_eq(a, (uint8_t[16]){0}, 16);
}
END_TEST

START_TEST(first_generation_constants_repeat_every_four_bytes)
{
    cbit_tweak_t tweak, again;
    cbit_tweak_init(&tweak, CBIT_TWEAK_FIRST_GEN, 1);
    cbit_tweak_init(&again, CBIT_TWEAK_FIRST_GEN, 2);
    ck_assert_mem_eq(&tweak, &again, sizeof tweak);
    assert_hex(tweak.t[4], 16, "82253838822538388225383882253838");
    assert_hex(tweak.t[5], 16, "ec09079cec09079cec09079cec09079c");
    assert_hex(tweak.t[6], 16, "40000018400000184000001840000018");
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
        ck_assert_mem_eq(tweak.t[i], tweak.t[i] + 4, 12);
    }
}
END_TEST

START_TEST(per_boot_constants_depend_on_the_seed)
{
    cbit_tweak_t one, two;
    cbit_tweak_init(&one, CBIT_TWEAK_PER_BOOT, 1);
    cbit_tweak_init(&two, CBIT_TWEAK_PER_BOOT, 2);
    ck_assert_int_ne(memcmp(one.t[4], two.t[4], 16), 0);
    ck_assert_int_ne(memcmp(one.t[4], one.t[5], 16), 0);
    ck_assert_mem_eq(one.t[0], (uint8_t[64]){0}, 64);
}
END_TEST

START_TEST(an_empty_slot_answers_with_zeros)
{
    cbit_tweak_t tweak = counting_tweak();
    cbit_cipher_t *cipher = make_cipher(4, &tweak, false);
    uint8_t out[64];
    for (uint32_t slot = 3; slot < 6; slot++) { /* 3 is empty, 4 and 5 do not exist */
        memset(out, 0xaa, sizeof out);
        ck_assert_int_eq(cbit_cipher_decrypt(cipher, slot, 0, out, out, 64),
                         CBIT_ERR_KEY_NOT_LOADED);
        ck_assert_mem_eq(out, (uint8_t[64]){0}, 64);
    }
    ck_assert_int_eq(cbit_cipher_set_key(cipher, 4, fips_key), CBIT_ERR_RANGE);
    ck_assert_int_eq(cbit_cipher_set_key(cipher, 3, fips_key), CBIT_ERR_OK);
    ck_assert(cbit_cipher_loaded(cipher, 3));
    ck_assert_int_eq(cbit_cipher_set_key(cipher, 3, NULL), CBIT_ERR_OK);
    ck_assert(!cbit_cipher_loaded(cipher, 3));
    ck_assert_int_eq(cbit_cipher_encrypt(cipher, 3, 8, out, out, 16), CBIT_ERR_RANGE);
    ck_assert_int_eq(cbit_cipher_encrypt(cipher, 3, 0, out, out, 15), CBIT_ERR_RANGE);
    cbit_cipher_destroy(cipher);
}
END_TEST

/* ---- timing ---- */

enum { TAG_COUNT = 256 };

static const cbit_aes_engine_config_t usual = {
    .key_slots = 8, .depth_eclk = 11, .blocks_per_clock = 1};

static cbit_aes_engine_t make_engine(const cbit_aes_engine_config_t *config)
{
    cbit_aes_engine_t engine = {NULL, NULL};
    ck_assert_int_eq(cbit_aes_model_factory.create(NULL, 0, config, &engine), CBIT_ERR_OK);
    return engine;
}

/* A line whose beats are presented on every step-th edge from first on. */
static cbit_aes_line_t make_line(uint8_t tag, uint64_t first_eclk, uint64_t step_eclk, bool bypass)
{
    cbit_aes_line_t line = {.spa = 0x1000 + 64u * tag, .tag = tag, .bypass = bypass, .slot = 1};
    for (uint32_t i = 0; i < 4; i++) {
        line.beat_eclk[i] = first_eclk + i * step_eclk;
    }
    memset(line.data, tag, sizeof line.data);
    return line;
}

static uint64_t offer(cbit_aes_engine_t *engine, cbit_aes_lane_t lane, cbit_aes_line_t line)
{
    return engine->ops->offer(engine->self, lane, &line);
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

/* Advances so far that everything is out, and checks the edges on which the line left. */
static cbit_aes_result_t assert_left(cbit_aes_engine_t *engine, cbit_aes_lane_t lane, uint8_t tag,
                                     const uint64_t out_eclk[4], uint64_t waited_eclk)
{
    cbit_aes_result_t result;
    engine->ops->advance(engine->self, 1000);
    ck_assert(take(engine, lane, tag, &result));
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(result.out_eclk[i], out_eclk[i]);
    }
    ck_assert_uint_eq(result.waited_eclk, waited_eclk);
    return result;
}

#define EDGES(a, b, c, d) ((uint64_t[4]){a, b, c, d})

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

/*
 * The same random lines to two engines: one of them is offered all, the other one lets pass what it
 * can. A line that passes is out when it would have been, and those behind it are.
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
    uint64_t next_eclk = 30, passed = 0;
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), (uint64_t)_i);
    for (uint32_t i = 0; i < LINES; i++) {
        const bool bypass = cbit_rng_below(&rng, 3) == 0;
        const uint64_t step_eclk = 1 + cbit_rng_below(&rng, 2);
        const cbit_aes_line_t line = make_line((uint8_t)i, next_eclk, step_eclk, bypass);
        const uint64_t out_eclk = offer(&all, CBIT_AES_DECRYPT, line);
        cbit_aes_result_t result;
        if (some.ops->pass(some.self, CBIT_AES_DECRYPT, 1, bypass, next_eclk, step_eclk)) {
            const bool around = bypass && !config.bypass_in_order;
            ck_assert_uint_eq(out_eclk, line.beat_eclk[3] + (around ? 1 : config.depth_eclk));
            cbit_aes_count_line(some.ops->passed(some.self), CBIT_AES_DECRYPT, bypass, 0);
            passed++;
        } else {
            ck_assert_uint_eq(offer(&some, CBIT_AES_DECRYPT, line), out_eclk);
        }
        const uint64_t now_eclk = line.beat_eclk[0] - 1;
        all.ops->advance(all.self, now_eclk);
        some.ops->advance(some.self, now_eclk);
        for (uint32_t tag = 0; tag < TAG_COUNT; tag++) { /* so that tags are free again */
            (void)take(&all, CBIT_AES_DECRYPT, (uint8_t)tag, &result);
            (void)take(&some, CBIT_AES_DECRYPT, (uint8_t)tag, &result);
        }
        /* Mostly behind the line, sometimes before its last beat is taken. */
        next_eclk = line.beat_eclk[3] + 1 + cbit_rng_below(&rng, 2) -
                    (cbit_rng_below(&rng, 8) == 0 ? 1 : 0);
    }
    ck_assert_uint_gt(passed, LINES / 4);
    ck_assert_uint_lt(passed, LINES);
    cbit_aes_counters_t a, b;
    cbit_aes_result_t result;
    all.ops->advance(all.self, next_eclk + 1000);
    some.ops->advance(some.self, next_eclk + 1000);
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++) {
        (void)take(&all, CBIT_AES_DECRYPT, (uint8_t)tag, &result);
        (void)take(&some, CBIT_AES_DECRYPT, (uint8_t)tag, &result);
    }
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

/* ---- keys ---- */

static cbit_aes_error_t error_of_line_at(uint64_t write_eclk, const uint8_t *key,
                                         uint64_t line_eclk)
{
    cbit_aes_engine_t engine = make_engine(&usual);
    cbit_aes_result_t result;
    if (key == NULL) { /* clearing needs something to clear */
        engine.ops->key_write(engine.self, 1, 1, fips_key);
        engine.ops->advance(engine.self, 20);
    }
    offer(&engine, CBIT_AES_DECRYPT, make_line(1, line_eclk, 1, false));
    engine.ops->key_write(engine.self, write_eclk, 1, key);
    engine.ops->advance(engine.self, 1000);
    ck_assert(take(&engine, CBIT_AES_DECRYPT, 1, &result));
    ck_assert_int_eq(memcmp(result.data, (uint8_t[64]){0}, 64) == 0, result.error != CBIT_AES_OK);
    engine.ops->destroy(engine.self);
    return result.error;
}

/* Which of two keys a line that is offered before the second one is asked for gets. */
START_TEST(a_line_whose_way_is_known_has_the_key_of_its_first_edge)
{
    enum { ASKED_ECLK = 100 };
    const uint8_t second_key[16] = {1};
    for (uint64_t line_eclk = ASKED_ECLK + 8; line_eclk < ASKED_ECLK + 14; line_eclk++) {
        cbit_tweak_t tweak;
        cbit_aes_result_t result;
        uint8_t expected[64];
        cbit_aes_engine_t engine = make_engine(&usual);
        engine.ops->key_write(engine.self, 1, 1, fips_key);
        engine.ops->advance(engine.self, 20);
        const cbit_aes_line_t line = make_line(1, line_eclk, 1, false);
        ck_assert_uint_eq(offer(&engine, CBIT_AES_DECRYPT, line), line_eclk + 3 + 11);
        engine.ops->key_write(engine.self, ASKED_ECLK, 1, second_key);
        engine.ops->advance(engine.self, 1000);
        ck_assert(take(&engine, CBIT_AES_DECRYPT, 1, &result));
        cbit_tweak_init(&tweak, CBIT_TWEAK_ZERO, 0);
        cbit_cipher_t *cipher = make_cipher(4, &tweak, false);
        const bool second = line_eclk > ASKED_ECLK + 10; /* it switches ten edges later */
        ck_assert_int_eq(cbit_cipher_set_key(cipher, 1, second ? second_key : fips_key),
                         CBIT_ERR_OK);
        ck_assert_int_eq(cbit_cipher_decrypt(cipher, 1, line.spa, line.data, expected, 64),
                         CBIT_ERR_OK);
        ck_assert_mem_eq(result.data, expected, 64);
        cbit_cipher_destroy(cipher);
        engine.ops->destroy(engine.self);
    }
}
END_TEST

START_TEST(a_key_serves_lines_after_the_clock_of_its_switch)
{
    /* A load asked for at 100 switches at 110; a clear switches at 100 itself. */
    ck_assert_int_eq(error_of_line_at(100, fips_key, 110), CBIT_AES_NOT_LOADED);
    ck_assert_int_eq(error_of_line_at(100, fips_key, 111), CBIT_AES_OK);
    ck_assert_int_eq(error_of_line_at(100, NULL, 100), CBIT_AES_OK);
    ck_assert_int_eq(error_of_line_at(100, NULL, 101), CBIT_AES_NOT_LOADED);
}
END_TEST

/* As on a channel that has no traffic: nobody advances the engine between the writes. */
START_TEST(an_idle_engine_takes_any_number_of_key_writes)
{
    cbit_aes_engine_t engine = make_engine(&usual);
    cbit_aes_result_t result;
    const uint32_t writes = 3 * usual.key_slots;
    for (uint32_t i = 0; i < writes; i++) {
        engine.ops->key_write(engine.self, 100 * (1 + (uint64_t)i), 1,
                              i % 2 == 0 ? NULL : fips_key);
    }
    offer(&engine, CBIT_AES_DECRYPT, make_line(1, 100 * (1 + (uint64_t)writes), 1, false));
    engine.ops->advance(engine.self, 100 * (2 + (uint64_t)writes));
    ck_assert(take(&engine, CBIT_AES_DECRYPT, 1, &result));
    ck_assert_int_eq(result.error, writes % 2 == 0 ? CBIT_AES_OK : CBIT_AES_NOT_LOADED);
    engine.ops->destroy(engine.self);
}
END_TEST

START_TEST(key_writes_queue_behind_each_other)
{
    /* Loads at 50 switch at 60 and 71 (from 61 on): the second one is another slot's. */
    cbit_aes_engine_t engine = make_engine(&usual);
    cbit_aes_result_t result;
    engine.ops->key_write(engine.self, 50, 2, fips_key);
    engine.ops->key_write(engine.self, 50, 1, fips_key);
    offer(&engine, CBIT_AES_DECRYPT, make_line(1, 71, 1, false));
    offer(&engine, CBIT_AES_ENCRYPT, make_line(1, 72, 1, false));
    engine.ops->advance(engine.self, 100);
    ck_assert(take(&engine, CBIT_AES_DECRYPT, 1, &result));
    ck_assert_int_eq(result.error, CBIT_AES_NOT_LOADED);
    ck_assert(take(&engine, CBIT_AES_ENCRYPT, 1, &result));
    ck_assert_int_eq(result.error, CBIT_AES_OK);
    engine.ops->destroy(engine.self);
}
END_TEST

START_TEST(a_line_keeps_the_key_of_its_first_beat)
{
    /* Beats at 100, 104, 108, 112 with the key cleared at 106: all four are of the old key. */
    cbit_aes_engine_t engine = make_engine(&usual);
    cbit_aes_line_t line = make_line(1, 100, 4, false);
    cbit_aes_result_t result;
    memcpy(line.data + 48, fips_plain, 16);
    line.spa = 0;
    engine.ops->key_write(engine.self, 1, 1, fips_key);
    engine.ops->key_write(engine.self, 106, 1, NULL);
    offer(&engine, CBIT_AES_ENCRYPT, line);
    result = assert_left(&engine, CBIT_AES_ENCRYPT, 1, EDGES(111, 115, 119, 123), 0);
    ck_assert_int_eq(result.error, CBIT_AES_OK);
    ck_assert_mem_eq(result.data + 48, fips_cipher, 16);
    engine.ops->destroy(engine.self);
}
END_TEST

START_TEST(bytes_are_in_address_order_whatever_comes_first)
{
    cbit_tweak_t tweak = counting_tweak();
    for (uint8_t first = 0; first < 4; first++) {
        cbit_aes_engine_t engine = make_engine(&usual);
        for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
            engine.ops->tweak_write(engine.self, i, tweak.t[i]);
        }
        engine.ops->key_write(engine.self, 1, 1, sp_key);
        cbit_aes_line_t line = make_line(1, 50, 1, false);
        line.spa = line_spa;
        line.first_block = first;
        for (uint32_t i = 0; i < 64; i++) {
            line.data[i] = (uint8_t)i;
        }
        offer(&engine, CBIT_AES_ENCRYPT, line);
        cbit_aes_result_t result =
            assert_left(&engine, CBIT_AES_ENCRYPT, 1, EDGES(61, 62, 63, 64), 0);
        assert_hex(result.data, 64, xex_line);
        engine.ops->destroy(engine.self);
    }
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
    TCase *cipher = tcase_create("cipher");
    tcase_add_test(cipher, address_zero_is_plain_aes);
    tcase_add_test(cipher, a_line_in_both_forms_matches_a_foreign_computation);
    tcase_add_test(cipher, the_tweak_is_linear_in_the_address);
    tcase_add_test(cipher, first_generation_constants_repeat_every_four_bytes);
    tcase_add_test(cipher, per_boot_constants_depend_on_the_seed);
    tcase_add_test(cipher, an_empty_slot_answers_with_zeros);
    suite_add_tcase(suite, cipher);
    TCase *timing = tcase_create("timing");
    tcase_add_test(timing, a_line_leaves_one_depth_after_it_entered);
    tcase_add_test(timing, a_plain_line_leaves_after_one_clock);
    tcase_add_test(timing, plain_beats_overtake_and_give_way);
    tcase_add_test(timing, plain_beats_in_order_pay_the_pipeline);
    tcase_add_test(timing, an_input_takes_one_beat_an_edge);
    tcase_add_test(timing, two_blocks_a_clock_halve_the_entry);
    tcase_add_test(timing, lanes_do_not_see_each_other_unless_shared);
    tcase_add_loop_test(timing, no_line_leaves_before_the_edge_that_is_told, 0, 12);
    tcase_add_loop_test(timing, lines_that_pass_are_out_when_they_would_be, 0, 12);
    tcase_add_test(timing, the_edge_of_a_line_behind_others_is_known_at_once);
    tcase_add_test(timing, impossible_engines_are_refused);
    suite_add_tcase(suite, timing);
    TCase *keys = tcase_create("keys");
    tcase_add_test(keys, a_key_serves_lines_after_the_clock_of_its_switch);
    tcase_add_test(keys, a_line_whose_way_is_known_has_the_key_of_its_first_edge);
    tcase_add_test(keys, an_idle_engine_takes_any_number_of_key_writes);
    tcase_add_test(keys, key_writes_queue_behind_each_other);
    tcase_add_test(keys, a_line_keeps_the_key_of_its_first_beat);
    tcase_add_test(keys, bytes_are_in_address_order_whatever_comes_first);
    suite_add_tcase(suite, keys);
    return suite;
}
