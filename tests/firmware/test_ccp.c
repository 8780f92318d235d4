/* The crypto coprocessor's ciphers: published vectors, refusals and costs. */
#include <string.h>

#include "cbit_test.h"
#include "model/sp/sp_internal.h"
#include "tests/firmware/hex.h"
#include "tests/firmware/machine.h"

enum { KEY = 0xE0000, SRC = 0xE0100, AUX = 0xE1000, DST = 0xE2000 };

static machine_t *machine;

static void setup(void)
{
    machine = machine_create(NULL);
}

static void teardown(void)
{
    machine_destroy(machine);
}

static uint8_t *at(uint32_t offset)
{
    return machine->sp->sram + offset;
}

/* One operation; its result, and the clocks that it took. */
static uint32_t ccp(uint32_t op, uint32_t key_bytes, uint32_t length, uint32_t aux_bytes,
                    uint64_t *clocks)
{
    cbit_sp_t *sp = machine->sp;
    uint32_t status = 0;
    sp_ccp_write(sp, SP_CCP_KEY, SP_SRAM_BASE + KEY);
    sp_ccp_write(sp, SP_CCP_KEY_LENGTH, key_bytes);
    sp_ccp_write(sp, SP_CCP_SRC, SP_SRAM_BASE + SRC);
    sp_ccp_write(sp, SP_CCP_LENGTH, length);
    sp_ccp_write(sp, SP_CCP_AUX, SP_SRAM_BASE + AUX);
    sp_ccp_write(sp, SP_CCP_AUX_LENGTH, aux_bytes);
    sp_ccp_write(sp, SP_CCP_DST, SP_SRAM_BASE + DST);
    cbit_ps_t before_ps = cbit_kernel_now_ps(machine->kernel);
    sp_ccp_write(sp, SP_CCP_OP, op);
    while (sp->ccp.busy) {
        cbit_kernel_run(machine->kernel, cbit_kernel_next_ps(machine->kernel));
    }
    *clocks = (cbit_kernel_now_ps(machine->kernel) - before_ps) / 2500;
    ck_assert(sp_ccp_read(sp, SP_CCP_STATUS, &status));
    sp_ccp_write(sp, SP_CCP_ACK, 1);
    return status >> 8;
}

/* FIPS-197, appendices C.1 and C.3. Costs: 40 to start, 32 and 44 a block. */
START_TEST(aes_ecb_agrees_with_fips_197_both_ways)
{
    static const struct {
        uint32_t key_bytes, block;
        const char *cipher;
    } cases[] = {{16, 32, "69c4e0d86a7b0430d8cdb78070b4c55a"},
                 {32, 44, "8ea2b7ca516745bfeafc49904b496089"}};
    for (int i = 0; i < 2; i++) {
        uint64_t clocks;
        count_up(at(KEY), 32, 0);
        from_hex(at(SRC), 16, "00112233445566778899aabbccddeeff");
        memcpy(at(SRC + 16), at(SRC), 16);
        ck_assert_uint_eq(ccp(SP_CCP_AES_ECB_ENCRYPT, cases[i].key_bytes, 32, 0, &clocks), 0);
        ck_assert_uint_eq(clocks, 40 + 2 * cases[i].block);
        assert_hex(at(DST), 16, cases[i].cipher);
        assert_hex(at(DST + 16), 16, cases[i].cipher);
        memcpy(at(SRC), at(DST), 32);
        ck_assert_uint_eq(ccp(SP_CCP_AES_ECB_DECRYPT, cases[i].key_bytes, 32, 0, &clocks), 0);
        assert_hex(at(DST), 16, "00112233445566778899aabbccddeeff");
    }
}
END_TEST

/* NIST SP 800-38A, F.5.1 and F.5.5: first block. */
START_TEST(aes_ctr_agrees_with_sp_800_38a)
{
    static const struct {
        uint32_t key_bytes;
        const char *key, *cipher;
    } cases[] = {{16, "2b7e151628aed2a6abf7158809cf4f3c", "874d6191b620e3261bef6864990db6ce"},
                 {32, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                  "601ec313775789a5b7a7f504bbf3d228"}};
    for (int i = 0; i < 2; i++) {
        uint64_t clocks;
        from_hex(at(KEY), cases[i].key_bytes, cases[i].key);
        from_hex(at(AUX), 16, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        from_hex(at(SRC), 16, "6bc1bee22e409f96e93d7e117393172a");
        ck_assert_uint_eq(ccp(SP_CCP_AES_CTR, cases[i].key_bytes, 16, 0, &clocks), 0);
        assert_hex(at(DST), 16, cases[i].cipher);
    }
}
END_TEST

/* The GCM specification's test cases 2 and 14: one zero block under a zero key. */
START_TEST(gcm_agrees_with_its_specification_for_both_key_lengths)
{
    static const struct {
        uint32_t key_bytes;
        const char *cipher, *tag;
    } cases[] = {{16, "0388dace60b6a392f328c2b971b2fe78", "ab6e47d42cec13bdf53a67b21257bddf"},
                 {32, "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"}};
    for (int i = 0; i < 2; i++) {
        static const uint8_t zero[32];
        uint64_t clocks;
        memset(at(KEY), 0, 32);
        memset(at(AUX), 0, 28);
        memset(at(SRC), 0, 16);
        ck_assert_uint_eq(ccp(SP_CCP_GCM_SEAL, cases[i].key_bytes, 16, 28, &clocks), 0);
        assert_hex(at(DST), 16, cases[i].cipher);
        assert_hex(at(AUX + 12), 16, cases[i].tag);
        memcpy(at(SRC), at(DST), 16);
        ck_assert_uint_eq(ccp(SP_CCP_GCM_OPEN, cases[i].key_bytes, 16, 28, &clocks), 0);
        ck_assert_mem_eq(at(DST), zero, 16);
        at(AUX)[12] ^= 1;
        memset(at(DST), 0xaa, 16);
        ck_assert_uint_eq(ccp(SP_CCP_GCM_OPEN, cases[i].key_bytes, 16, 28, &clocks),
                          SP_CCP_MISMATCH);
        ck_assert_mem_eq(at(DST), zero, 16);
    }
}
END_TEST

START_TEST(operations_refuse_lengths_that_they_cannot_take)
{
    uint64_t clocks;
    ck_assert_uint_eq(ccp(SP_CCP_AES_ECB_ENCRYPT, 16, 24, 0, &clocks), SP_CCP_BAD_OPERATION);
    ck_assert_uint_eq(ccp(SP_CCP_AES_ECB_ENCRYPT, 24, 16, 0, &clocks), SP_CCP_BAD_OPERATION);
    ck_assert_uint_eq(ccp(SP_CCP_AES_CTR, 0, 16, 0, &clocks), SP_CCP_BAD_OPERATION);
    ck_assert_uint_eq(ccp(SP_CCP_GCM_SEAL, 16, 16, 27, &clocks), SP_CCP_BAD_OPERATION);
    ck_assert_uint_eq(ccp(99, 16, 16, 0, &clocks), SP_CCP_BAD_OPERATION);
    ck_assert_uint_eq(ccp(SP_CCP_AES_CTR, 16, SP_SRAM_BYTES, 0, &clocks), SP_CCP_BAD_ADDRESS);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("ccp");
    TCase *tcase = tcase_create("ciphers");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, aes_ecb_agrees_with_fips_197_both_ways);
    tcase_add_test(tcase, aes_ctr_agrees_with_sp_800_38a);
    tcase_add_test(tcase, gcm_agrees_with_its_specification_for_both_key_lengths);
    tcase_add_test(tcase, operations_refuse_lengths_that_they_cannot_take);
    suite_add_tcase(suite, tcase);
    return suite;
}
