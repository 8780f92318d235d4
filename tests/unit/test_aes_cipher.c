/* The cipher beside published vectors and foreign computations, and its tweak. */
#include <string.h>

#include "cbit_test.h"
#include "tests/unit/aes_bench.h"

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

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("aes");
    TCase *tcase = tcase_create("cipher");
    tcase_add_test(tcase, address_zero_is_plain_aes);
    tcase_add_test(tcase, a_line_in_both_forms_matches_a_foreign_computation);
    tcase_add_test(tcase, the_tweak_is_linear_in_the_address);
    tcase_add_test(tcase, first_generation_constants_repeat_every_four_bytes);
    tcase_add_test(tcase, per_boot_constants_depend_on_the_seed);
    tcase_add_test(tcase, an_empty_slot_answers_with_zeros);
    suite_add_tcase(suite, tcase);
    return suite;
}
