/* Which key a line in the engine gets, and its bytes. */
#include <string.h>

#include "cbit_test.h"
#include "tests/unit/aes_bench.h"

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

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("aes");
    TCase *tcase = tcase_create("keys");
    tcase_add_test(tcase, a_key_serves_lines_after_the_clock_of_its_switch);
    tcase_add_test(tcase, a_line_whose_way_is_known_has_the_key_of_its_first_edge);
    tcase_add_test(tcase, an_idle_engine_takes_any_number_of_key_writes);
    tcase_add_test(tcase, key_writes_queue_behind_each_other);
    tcase_add_test(tcase, a_line_keeps_the_key_of_its_first_beat);
    tcase_add_test(tcase, bytes_are_in_address_order_whatever_comes_first);
    suite_add_tcase(suite, tcase);
    return suite;
}
