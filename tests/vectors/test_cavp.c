/* NIST's vectors through the cipher, the golden model's pins and the RTL's pins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/aes/cipher.h"
#include "cbit/cosim/engine.h"
#include "cbit_test.h"
#include "cosim/vectors.h"

static const char folder[] = CBIT_TEST_DIR "/cavp";

static const cbit_aes_pins_config_t small = {.key_slots = 16, .stages_per_round = 1};

static cbit_vectors_result_t run(const char *where, const cbit_block_t *block, cbit_err_t expected)
{
    cbit_vectors_result_t result;
    cbit_diag_t *diag = cbit_diag_create();
    ck_assert_int_eq(cbit_vectors_run(where, block, &result, diag), expected);
    cbit_diag_destroy(diag);
    return result;
}

static cbit_vectors_result_t run_device(const cbit_device_t *device,
                                        const cbit_aes_pins_config_t *config, cbit_err_t expected)
{
    cbit_engine_block_t *engine = NULL;
    ck_assert_int_eq(cbit_engine_block_create(device, config, &engine), CBIT_ERR_OK);
    cbit_block_t block = cbit_engine_block(engine);
    cbit_vectors_result_t result = run(folder, &block, expected);
    cbit_engine_block_destroy(engine);
    device->destroy(device->self);
    return result;
}

/* 14 GFSbox + 42 KeySbox + 256 VarKey + 256 VarTxt + 20 MMT + 200 MCT = 788 of ECB; XTS 2 x 1000,
 * of which 2 x 200 have units of 130 bits. */
static void assert_all_passed(const cbit_vectors_result_t *result)
{
    ck_assert_str_eq(result->first_failure, "");
    ck_assert_uint_eq(result->files, 8);
    ck_assert_uint_eq(result->run, 788 + 1600);
    ck_assert_uint_eq(result->passed, 2388);
    ck_assert_uint_eq(result->failed, 0);
    ck_assert_uint_eq(result->not_applicable, 400);
}

START_TEST(the_golden_model_passes_all_that_apply)
{
    cbit_device_t device;
    ck_assert_int_eq(cbit_device_model(&small, &device), CBIT_ERR_OK);
    cbit_vectors_result_t result = run_device(&device, &small, CBIT_ERR_OK);
    assert_all_passed(&result);
}
END_TEST

START_TEST(the_rtl_passes_all_that_apply)
{
    cbit_device_t device;
    cbit_aes_pins_config_t config = cbit_device_rtl_config();
    ck_assert_int_eq(cbit_device_rtl(1, &device), CBIT_ERR_OK);
    cbit_vectors_result_t result = run_device(&device, &config, CBIT_ERR_OK);
    assert_all_passed(&result);
}
END_TEST

/* ---- the cipher, as the memory controllers use it ---- */

static bool cipher_set_key(void *self, const uint8_t key[16], uint32_t placement)
{
    (void)placement;
    return cbit_cipher_set_key(self, 3, key) == CBIT_ERR_OK;
}

static bool cipher_crypt(void *self, cbit_aes_lane_t lane, const uint8_t in[16], uint8_t out[16])
{
    return (lane == CBIT_AES_ENCRYPT ? cbit_cipher_encrypt : cbit_cipher_decrypt)(
               self, 3, 0x123450, in, out, 16) == CBIT_ERR_OK;
}

static bool cipher_can(void *self, cbit_aes_lane_t lane)
{
    (void)self;
    (void)lane;
    return true;
}

START_TEST(the_cipher_without_a_tweak_is_plain_aes)
{
    cbit_tweak_t zero;
    cbit_cipher_t *cipher = NULL;
    cbit_tweak_init(&zero, CBIT_TWEAK_ZERO, 0);
    ck_assert_int_eq(cbit_cipher_create(4, &zero, false, &cipher), CBIT_ERR_OK);
    cbit_block_t block = {cipher, cipher_set_key, cipher_crypt, cipher_can, 1};
    cbit_vectors_result_t result = run(folder, &block, CBIT_ERR_OK);
    assert_all_passed(&result);
    cbit_cipher_destroy(cipher);
}
END_TEST

/* ---- vectors must be able to fail ---- */

static bool wrong_crypt(void *self, cbit_aes_lane_t lane, const uint8_t in[16], uint8_t out[16])
{
    bool answered = cipher_crypt(self, lane, in, out);
    out[15] ^= in[0] == 0xC0 ? 1 : 0;
    return answered;
}

static bool mute_crypt(void *self, cbit_aes_lane_t lane, const uint8_t in[16], uint8_t out[16])
{
    (void)self;
    (void)lane;
    (void)in;
    (void)out;
    return false;
}

START_TEST(a_wrong_core_fails_and_the_record_is_named)
{
    cbit_tweak_t zero;
    cbit_cipher_t *cipher = NULL;
    cbit_tweak_init(&zero, CBIT_TWEAK_ZERO, 0);
    ck_assert_int_eq(cbit_cipher_create(4, &zero, false, &cipher), CBIT_ERR_OK);
    cbit_block_t block = {cipher, cipher_set_key, wrong_crypt, cipher_can, 1};
    cbit_vectors_result_t result = run(folder, &block, CBIT_ERR_MISMATCH);
    ck_assert_uint_gt(result.failed, 0);
    ck_assert_uint_eq(result.run, result.passed + result.failed);
    ck_assert_ptr_nonnull(strstr(result.first_failure, ".rsp: line "));
    block.crypt = mute_crypt;
    result = run(CBIT_TEST_DIR "/cavp/ecb", &block, CBIT_ERR_MISMATCH);
    ck_assert_uint_eq(result.passed, 0);
    cbit_cipher_destroy(cipher);
}
END_TEST

START_TEST(folders_that_are_none_and_files_that_are_corrupt_are_told)
{
    static const char *const corrupt[] = {"COUNT 0\n", "[ENCRYPT]\nCOUNT = 0\nKEY\n"};
    cbit_block_t block = {NULL, NULL, mute_crypt, cipher_can, 1};
    cbit_vectors_result_t result;
    cbit_diag_t *diag = cbit_diag_create();
    ck_assert_int_eq(cbit_vectors_run("/nowhere", &block, &result, diag), CBIT_ERR_OPEN);
    for (uint32_t i = 0; i < 2; i++) {
        FILE *file = fopen("corrupt.rsp", "w");
        ck_assert_int_ge(fputs(corrupt[i], file), 0);
        (void)fclose(file);
        ck_assert_int_eq(cbit_vectors_run(".", &block, &result, diag), CBIT_ERR_FORMAT);
        (void)remove("corrupt.rsp");
    }
    cbit_diag_destroy(diag);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("cavp");
    TCase *tcase = tcase_create("cavp");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, the_cipher_without_a_tweak_is_plain_aes);
    tcase_add_test(tcase, the_golden_model_passes_all_that_apply);
    if (cbit_cosim_available()) {
        tcase_add_test(tcase, the_rtl_passes_all_that_apply);
    }
    tcase_add_test(tcase, a_wrong_core_fails_and_the_record_is_named);
    tcase_add_test(tcase, folders_that_are_none_and_files_that_are_corrupt_are_told);
    suite_add_tcase(suite, tcase);
    return suite;
}
