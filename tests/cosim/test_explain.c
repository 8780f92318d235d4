/* What is said about a wrong block: the values between rounds, and the question that it answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit_test.h"
#include "cosim/cause.h"
#include "cosim/jobs.h"
#include "cosim/rounds.h"

enum { BLOCKS = 300 };

static void openssl(const uint8_t *key, const uint8_t *in, bool decrypt, uint8_t *out)
{
    cbit_tweak_t none;
    cbit_cipher_t *cipher = NULL;
    cbit_tweak_init(&none, CBIT_TWEAK_ZERO, 0);
    ck_assert_int_eq(cbit_cipher_create(1, &none, false, &cipher), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_cipher_set_key(cipher, 0, key), CBIT_ERR_OK);
    ck_assert_int_eq((decrypt ? cbit_cipher_decrypt : cbit_cipher_encrypt)(cipher, 0, 0, in, out,
                                                                           CBIT_BLOCK_BYTES),
                     CBIT_ERR_OK);
    cbit_cipher_destroy(cipher);
}

START_TEST(ten_rounds_end_in_the_answer_of_openssl)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 1);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint8_t key[CBIT_KEY_BYTES], in[CBIT_BLOCK_BYTES], out[CBIT_BLOCK_BYTES];
        cbit_rounds_t rounds;
        cbit_rng_bytes(&rng, key, sizeof key);
        cbit_rng_bytes(&rng, in, sizeof in);
        openssl(key, in, i % 2 != 0, out);
        cbit_rounds_of(key, in, i % 2 != 0, &rounds);
        ck_assert_mem_eq(rounds.state[CBIT_ROUNDS], out, sizeof out);
    }
}
END_TEST

/* A bit of the value after round 0 is one of the input; of the last, one of the answer. */
START_TEST(a_flipped_bit_is_traced_to_its_round)
{
    for (uint32_t i = 0; i < 4; i++) {
        uint8_t key[CBIT_KEY_BYTES] = {7, (uint8_t)i}, in[CBIT_BLOCK_BYTES] = {5};
        char text[128];
        cbit_rounds_t good, bad;
        bool decrypt = i % 2 != 0, early = i < 2;
        cbit_rounds_of(key, in, decrypt, &good);
        in[5] ^= early ? 0x10 : 0;
        cbit_rounds_of(key, in, decrypt, &bad);
        bad.state[CBIT_ROUNDS][5] ^= early ? 0 : 0x10;
        ck_assert(cbit_rounds_explain(&good, bad.state[CBIT_ROUNDS], text, sizeof text));
        const char *wanted =
            early ? "after round 0 differs first, in 1 byte" : "after round 10 differs first, in 1";
        ck_assert_msg(strstr(text, wanted) != NULL, "%s: %s", wanted, text);
    }
}
END_TEST

START_TEST(a_missing_round_is_told_by_the_value_that_left)
{
    for (uint32_t r = 0; r < 2 * CBIT_ROUNDS; r++) {
        uint8_t key[CBIT_KEY_BYTES] = {8, (uint8_t)r}, in[CBIT_BLOCK_BYTES] = {6};
        char text[128], wanted[64];
        cbit_rounds_t rounds;
        cbit_rounds_of(key, in, r >= CBIT_ROUNDS, &rounds);
        ck_assert(cbit_rounds_explain(&rounds, rounds.state[r % CBIT_ROUNDS], text, sizeof text));
        (void)snprintf(wanted, sizeof wanted, "what came out is the value after round %u",
                       r % CBIT_ROUNDS);
        ck_assert_str_eq(text, wanted);
    }
}
END_TEST

START_TEST(a_wrong_key_is_no_fault_of_a_round)
{
    uint8_t key[CBIT_KEY_BYTES] = {1}, other[CBIT_KEY_BYTES] = {2}, in[CBIT_BLOCK_BYTES] = {3};
    char text[128];
    cbit_rounds_t good, bad;
    cbit_rounds_of(key, in, false, &good);
    cbit_rounds_of(other, in, false, &bad);
    ck_assert(!cbit_rounds_explain(&good, bad.state[CBIT_ROUNDS], text, sizeof text));
    ck_assert_str_eq(text, "");
}
END_TEST

static const uint8_t first_key[CBIT_KEY_BYTES] = {1, 2, 3}, second_key[CBIT_KEY_BYTES] = {4, 5};

/* The engine's answer to a question, as its model gives it. */
static void answer(const cbit_tweak_t *tweak, const uint8_t *key, cbit_spa_t spa, bool xe,
                   bool decrypt, const uint8_t *in, uint8_t *out)
{
    cbit_cipher_t *cipher = NULL;
    ck_assert_int_eq(cbit_cipher_create(1, tweak, xe, &cipher), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_cipher_set_key(cipher, 0, key), CBIT_ERR_OK);
    ck_assert_int_eq((decrypt ? cbit_cipher_decrypt : cbit_cipher_encrypt)(cipher, 0, spa, in, out,
                                                                           CBIT_BLOCK_BYTES),
                     CBIT_ERR_OK);
    cbit_cipher_destroy(cipher);
}

START_TEST(the_question_that_a_wrong_block_answers_is_named)
{
    static cbit_tweak_t tweak, flipped;
    cbit_tweak_init(&tweak, CBIT_TWEAK_PER_BOOT, cbit_test_seed());
    flipped = tweak;
    flipped.t[20][15] ^= 0x40;
    const cbit_spa_t spa = UINT64_C(1) << 20 | 0x40;
    const struct {
        const cbit_tweak_t *tweak;
        const uint8_t *key;
        cbit_spa_t spa;
        bool xe, other_way;
        const char *text;
    } rows[] = {
        {&tweak, second_key, spa, false, false, "the key of slot 9 was used instead of slot 3's"},
        {&tweak, first_key, spa ^ 0x20, false, false, "whose bit 5 is 1"},
        {&tweak, first_key, spa ^ 1u << 20, false, false, "whose bit 20 is 0"},
        {&tweak, first_key, spa ^ 0x30, false, false, "the tweak is that of the line's block 3"},
        {&tweak, first_key, 0, false, false, "the tweak is missing"},
        {&tweak, first_key, spa, true, false, "XE was computed instead of XEX"},
        {&flipped, first_key, spa, false, false, "bit 6 of the tweak is wrong"},
        {&tweak, first_key, spa, false, true, "the other direction was computed"},
    };
    for (uint32_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        bool decrypt = i % 2 != 0;
        cbit_cause_t cause = {.decrypt = decrypt,
                              .engine = true,
                              .spa = spa,
                              .slot = 3,
                              .tweak = &tweak,
                              .data = {9, 8, 7},
                              .key_count = 2};
        char text[200];
        cause.keys[0].slot = 9;
        cause.keys[0].key = second_key;
        cause.keys[1].slot = 3;
        cause.keys[1].key = first_key;
        answer(&tweak, first_key, spa, false, decrypt, cause.data, cause.expected);
        answer(rows[i / 2].tweak, rows[i / 2].key, rows[i / 2].spa, rows[i / 2].xe,
               decrypt != rows[i / 2].other_way, cause.data, cause.actual);
        ck_assert(cbit_cause_key(&cause));
        ck_assert_mem_eq(cause.key, first_key, sizeof first_key);
        ck_assert(cbit_cause_find(&cause, text, sizeof text));
        ck_assert_msg(strstr(text, rows[i / 2].text) != NULL, "%s: %s", rows[i / 2].text, text);
    }
}
END_TEST

static void square(void *self, uint32_t number, void *result)
{
    (void)self;
    *(uint64_t *)result = (uint64_t)number * number;
    if (self != NULL && number == 5) {
        _Exit(3);
    }
}

START_TEST(jobs_in_processes_give_what_one_process_gives)
{
    for (uint32_t jobs = 1; jobs <= 3; jobs++) {
        cbit_jobs_t work = {
            .count = 10, .jobs = jobs, .work = square, .result_bytes = sizeof(uint64_t)};
        void *results = NULL;
        uint32_t died = 0;
        ck_assert_int_eq(cbit_jobs_run(&work, &results, &died), CBIT_ERR_OK);
        for (uint64_t i = 0; i < 10; i++) {
            ck_assert_uint_eq(((const uint64_t *)results)[i], i * i);
        }
        cbit_jobs_free(&work, results);
    }
}
END_TEST

START_TEST(a_process_that_dies_is_named)
{
    int fatal = 1;
    cbit_jobs_t work = {
        .count = 8, .jobs = 2, .self = &fatal, .work = square, .result_bytes = sizeof(uint64_t)};
    void *results = NULL;
    uint32_t died = 0;
    ck_assert_int_eq(cbit_jobs_run(&work, &results, &died), CBIT_ERR_INTERNAL);
    ck_assert_uint_eq(died, 5);
    cbit_jobs_free(&work, results);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("explain");
    TCase *tcase = tcase_create("explain");
    tcase_add_test(tcase, ten_rounds_end_in_the_answer_of_openssl);
    tcase_add_test(tcase, a_flipped_bit_is_traced_to_its_round);
    tcase_add_test(tcase, a_missing_round_is_told_by_the_value_that_left);
    tcase_add_test(tcase, a_wrong_key_is_no_fault_of_a_round);
    tcase_add_test(tcase, the_question_that_a_wrong_block_answers_is_named);
    tcase_add_test(tcase, jobs_in_processes_give_what_one_process_gives);
    tcase_add_test(tcase, a_process_that_dies_is_named);
    suite_add_tcase(suite, tcase);
    return suite;
}
