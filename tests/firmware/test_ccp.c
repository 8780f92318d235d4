/* The crypto coprocessor's ciphers: published vectors, refusals and costs. */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

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

/* ---- the chain of keys of the API: known answers of its reference, section 13 ---- */

static void reversed_hex(uint8_t *out, size_t len_bytes, const char *hex)
{
    uint8_t big[64];
    from_hex(big, len_bytes, hex);
    for (size_t i = 0; i < len_bytes; i++) {
        out[i] = big[len_bytes - 1 - i];
    }
}

/* Ti of the KDF: HMAC(key, LE32(i), label, 0, context, LE32(bits)); the key stands at KEY. */
static void kdf_step(uint32_t key_bytes, uint8_t i, const char *label, const uint8_t *context,
                     uint32_t context_bytes, uint32_t bits)
{
    uint64_t clocks;
    uint32_t used = 4, label_bytes = (uint32_t)strlen(label);
    memset(at(SRC), 0, 128);
    at(SRC)[0] = i;
    memcpy(at(SRC) + used, label, label_bytes);
    used += label_bytes + 1;
    if (context_bytes > 0) {
        memcpy(at(SRC) + used, context, context_bytes);
    }
    used += context_bytes;
    memcpy(at(SRC) + used, &bits, 4);
    ck_assert_uint_eq(ccp(SP_CCP_HMAC_SHA256, key_bytes, used + 4, 0, &clocks), 0);
}

START_TEST(a_session_is_derived_as_the_known_answers_say)
{
    uint64_t clocks;
    uint8_t nonce[16], master[16];
    for (uint8_t i = 0; i < 48; i++) {
        at(KEY)[i] = (uint8_t)(48 - i); /* dA = 01 02 .. 30, big-endian */
    }
    reversed_hex(
        at(SRC), 48,
        "b8eb8f9479cd45a5c3d44e27edd27404392f3e2ac1f1871383721e778704c5faaf1ad8009919e2a4a1"
        "24edcfb64ce91b");
    reversed_hex(
        at(SRC) + 48, 48,
        "9fe2656406085aed8958732a60cc0a1183fe85f8f6ee02b7ee5575b2b9760b1b46d903d7fb378bce27"
        "d9df6d2f2b3ca5");
    ck_assert_uint_eq(ccp(SP_CCP_P384_ECDH, 48, 96, 0, &clocks), 0);
    ck_assert_uint_eq(clocks, 40 + 2000000);
    assert_le_hex(
        at(DST), 48,
        "3d80056d4c2b24e0ca3a75e7fcafebd09310b15da8187493e459ce254d02695195b7993d8ac792aea"
        "417b8ca9f8d99eb");
    for (int i = 0; i < 48; i++) {
        at(KEY)[i] = at(DST)[47 - i]; /* Z goes into the KDF big-endian */
    }
    count_up(nonce, 16, 0x10);
    kdf_step(48, 1, "sev-master-secret", nonce, 16, 128);
    assert_hex(at(DST), 16, "c829533d95a79a65a400584cb4cbefee");
    memcpy(master, at(DST), 16);
    memcpy(at(KEY), master, 16);
    kdf_step(16, 1, "sev-kek", NULL, 0, 128);
    assert_hex(at(DST), 16, "b484c08322cf7b10faa3bca998037f51");
    kdf_step(16, 1, "sev-kik", NULL, 0, 128);
    assert_hex(at(DST), 16, "781b81baf31ca608f61ccf9237ed643d");
}
END_TEST

/* Chip-unique key 00 .. 1F: its SHA-256, two steps of the KDF, and the scalar of 448 bits. */
START_TEST(the_endorsement_key_is_derived_as_the_known_answers_say)
{
    uint64_t clocks;
    uint8_t secret[32], seed[56];
    count_up(secret, 32, 0);
    (void)SHA256(secret, 32, at(KEY));
    kdf_step(32, 1, "sev-chip-endorsement-key", NULL, 0, 448);
    memcpy(seed, at(DST), 32);
    kdf_step(32, 2, "sev-chip-endorsement-key", NULL, 0, 448);
    memcpy(seed + 32, at(DST), 24);
    assert_hex(
        seed, 56,
        "17c8a2bf8b8ba3c908bdcdc44733431d4634b086f4773660ee876c98fdc5cf91e15a0eb4270a5ffe6714"
        "46580396860e42cf960ce4daf24a");
    memcpy(at(SRC), seed, 56);
    ck_assert_uint_eq(ccp(SP_CCP_P384_REDUCE, 0, 56, 0, &clocks), 0);
    assert_le_hex(
        at(DST), 48,
        "0e86960358461467fe5f0a27b40e5ae1a262c61ea152b8d1c08adcf876f62474ecf5956954a220627"
        "f626b6fe77eeab4");
}
END_TEST

/* The data packet of the vectors: TIK 30 .. 3F, IV 60 .. 6F, 32 bytes. */
START_TEST(the_mac_of_a_packet_is_the_known_one)
{
    uint64_t clocks;
    count_up(at(KEY), 16, 0x30);
    memset(at(SRC), 0, 61);
    at(SRC)[0] = SEV_CONTEXT_PACKET;
    count_up(at(SRC) + 5, 16, 0x60);
    at(SRC)[21] = at(SRC)[25] = 32;
    from_hex(at(SRC) + 29, 32, "1633c0c391b9cde6f52377adbaef8b5437c493db4b28f9befa5852f704e19e8a");
    ck_assert_uint_eq(ccp(SP_CCP_HMAC_SHA256, 16, 61, 0, &clocks), 0);
    assert_hex(at(DST), 32, "2da34c446747589977983c492f2d44ce14e0d4ad42517398aa6996f7a0f353dd");
}
END_TEST

static void one_channel_key(const uint8_t vek[16], uint8_t channel, uint8_t out[16])
{
    uint8_t message[4 + 17 + 8 + 4] = {1}, mac[32];
    memcpy(message + 4, "cbit-umc-channel", 16); /* its zero ends the label */
    message[25] = channel;                       /* behind LE32(socket) */
    message[29] = 128;
    HMAC(EVP_sha256(), vek, 16, message, sizeof message, mac, NULL);
    memcpy(out, mac, 16);
}

/* Some 16 bytes of SRAM are the guest's key, from which all channels' follow; by OpenSSL. */
START_TEST(channels_have_the_keys_that_the_kdf_gives)
{
    machine_options_t options;
    uint8_t expected[16];
    uint32_t found = 0;
    machine_options_default(&options);
    options.sp.per_channel_keys = true;
    machine_t *own = machine_create(&options);
    machine_init(own, 0);
    ck_assert_uint_eq(machine_activate(own, machine_launch(own, 0), 9), 0);
    for (uint32_t i = 0; i + 16 <= SP_STAGING_BASE - SP_SRAM_BASE && found == 0; i += 4) {
        one_channel_key(own->sp->sram + i, 0, expected);
        found = memcmp(expected, own->keys[0][9], 16) == 0 ? i : 0;
    }
    ck_assert_uint_ne(found, 0);
    for (uint8_t channel = 1; channel < MACHINE_CHANNELS; channel++) {
        one_channel_key(own->sp->sram + found, channel, expected);
        ck_assert_mem_eq(own->keys[channel][9], expected, 16);
    }
    machine_destroy(own);
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
    tcase = tcase_create("known answers");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_session_is_derived_as_the_known_answers_say);
    tcase_add_test(tcase, the_endorsement_key_is_derived_as_the_known_answers_say);
    tcase_add_test(tcase, the_mac_of_a_packet_is_the_known_one);
    tcase_add_test(tcase, channels_have_the_keys_that_the_kdf_gives);
    suite_add_tcase(suite, tcase);
    return suite;
}
