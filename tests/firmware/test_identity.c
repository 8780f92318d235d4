/* Keys, certificates, ownership, and what outlives the power. */
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "cbit/workloads/owner.h"
#include "cbit_test.h"
#include "model/sp/sp_internal.h"
#include "tests/firmware/hex.h"
#include "tests/firmware/machine.h"

static machine_options_t options;
static uint8_t flash[CBIT_SP_FLASH_BYTES];
static machine_t *machine;

static void setup(void)
{
    machine_options_identity(&options);
    memset(flash, 0xff, sizeof flash);
    options.flash = flash;
    machine = machine_create(&options);
    machine_init(machine, 0);
}

static void teardown(void)
{
    machine_destroy(machine);
}

/* The same platform after its power was off. */
static void restart(void)
{
    machine_destroy(machine);
    options.boot++;
    machine = machine_create(&options);
}

static uint32_t simple(uint32_t command)
{
    return machine_command(machine, command, NULL, 0);
}

static sev_cert_t csr(void)
{
    sev_range_t range = {.paddr = 0x300000, .length = 0};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_PEK_CSR, &range, sizeof range),
                      SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(range.length, 2084);
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_PEK_CSR, &range, sizeof range), 0);
    sev_cert_t cert;
    memcpy(&cert, machine->memory + 0x300000, sizeof cert);
    return cert;
}

START_TEST(every_exported_certificate_is_signed_by_its_issuer)
{
    machine_certs_t certs = machine_export(machine);
    ck_assert_uint_eq(certs.pdh.usage, 0x1003);
    ck_assert_uint_eq(certs.pdh.algo, 3);
    ck_assert_uint_eq(certs.pek.usage, 0x1002);
    ck_assert_uint_eq(certs.oca.usage, 0x1001);
    ck_assert_uint_eq(certs.cek.usage, 0x1004);
    ck_assert(cbit_owner_cert_signed_by(&certs.pdh, &certs.pek));
    ck_assert(cbit_owner_cert_signed_by(&certs.pek, &certs.oca));
    ck_assert(cbit_owner_cert_signed_by(&certs.pek, &certs.cek));
    ck_assert(cbit_owner_cert_signed_by(&certs.oca, &certs.oca));
    ck_assert_uint_eq(certs.pek.signature[0].usage, SEV_USAGE_OCA);
    ck_assert_uint_eq(certs.pek.signature[1].usage, SEV_USAGE_CEK);
    ck_assert_uint_eq(certs.pek.api_minor, 24);
    for (int i = 0; i < 2; i++) { /* AMD's signature comes from AMD */
        ck_assert_uint_eq(certs.cek.signature[i].usage, SEV_USAGE_INVALID);
        ck_assert_uint_eq(certs.cek.signature[i].algo, 0);
    }
    certs.pdh.key.ec.qx[3] ^= 1; /* and the check can fail */
    ck_assert(!cbit_owner_cert_signed_by(&certs.pdh, &certs.pek));
}
END_TEST

START_TEST(length_queries_answer_and_change_nothing)
{
    sev_two_ranges_t ranges = {.first_length = 2083, .second_length = 6252};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_PDH_CERT_EXPORT, &ranges, sizeof ranges),
                      SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(ranges.first_length, 2084);
    ck_assert_uint_eq(ranges.second_length, 6252);
    sev_range_t range = {.length = 63};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_GET_ID, &range, sizeof range),
                      SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(range.length, 64);
}
END_TEST

/* API section 13: chip-unique key 00..1F. */
START_TEST(the_chips_key_and_id_are_the_published_ones)
{
    uint8_t secret[32];
    count_up(secret, 32, 0);
    options.chip_secret = secret;
    memset(flash, 0xff, sizeof flash);
    restart();
    machine_init(machine, 0);
    machine_certs_t certs = machine_export(machine);
    assert_le_hex(certs.cek.key.ec.qx, 48,
                  "74db39783b48981269814228627bfecccefd07873f3a87a9c7c529c82328c39d"
                  "625ad35a74dd006d7aa5867711f5ecaf");
    sev_range_t range = {.paddr = 0x300000, .length = 64};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_GET_ID, &range, sizeof range), 0);
    assert_hex(machine->memory + 0x300000, 64,
               "6d6caac248af96f6afa7f904f550253a0f3ef3f5aa2fe6838a95b216691468e2"
               "487e6222a6664e079c8edf7518defd562dbeda1e7593dfd7f0be285880a24dab");
}
END_TEST

START_TEST(each_command_renews_what_it_should_and_nothing_else)
{
    machine_certs_t a = machine_export(machine);
    ck_assert_uint_eq(simple(SEV_CMD_PDH_GEN), 0);
    machine_certs_t b = machine_export(machine);
    ck_assert_mem_ne(&a.pdh, &b.pdh, sizeof a.pdh);
    ck_assert_mem_eq(&a.pek, &b.pek, 3 * sizeof a.pek);
    ck_assert_uint_eq(simple(SEV_CMD_PEK_GEN), 0);
    machine_certs_t c = machine_export(machine);
    ck_assert_mem_ne(&b.pdh, &c.pdh, sizeof a.pdh);
    ck_assert_mem_ne(&b.pek, &c.pek, SEV_CERT_BODY_BYTES);
    ck_assert_mem_ne(&b.oca, &c.oca, SEV_CERT_BODY_BYTES);
    ck_assert_mem_eq(&b.cek, &c.cek, sizeof a.cek);
}
END_TEST

START_TEST(a_csr_is_the_peks_body_without_signatures)
{
    sev_cert_t request = csr();
    machine_certs_t certs = machine_export(machine);
    ck_assert_mem_eq(&request, &certs.pek, SEV_CERT_BODY_BYTES);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(request.signature[i].usage, 0x1000);
        ck_assert_uint_eq(request.signature[i].algo, 0);
    }
}
END_TEST

/* An owner's certificate authority: the OCA of another platform, whose key we can use through
   that platform's own PEK_GEN. Its PEK cannot sign for us, so the CCP's model signs directly. */
typedef struct authority {
    uint8_t key[48];
    sev_cert_t cert;
} authority_t;

/* Runs one operation of the crypto coprocessor from outside, on a machine of its own. */
static void ccp(machine_t *tool, uint32_t op, const uint8_t *key, uint32_t key_bytes,
                const uint8_t *src, uint32_t len, uint8_t *dst, uint32_t dst_bytes)
{
    cbit_sp_t *sp = tool->sp;
    enum { AT = 0xE0000 };
    memcpy(sp->sram + AT, key, key_bytes);
    if (src != NULL) {
        memcpy(sp->sram + AT + 0x100, src, len);
    }
    sp_ccp_write(sp, SP_CCP_KEY, SP_SRAM_BASE + AT);
    sp_ccp_write(sp, SP_CCP_SRC, SP_SRAM_BASE + AT + 0x100);
    sp_ccp_write(sp, SP_CCP_LENGTH, len);
    sp_ccp_write(sp, SP_CCP_DST, SP_SRAM_BASE + AT + 0x2000);
    sp_ccp_write(sp, SP_CCP_OP, op);
    cbit_kernel_run(tool->kernel, cbit_kernel_now_ps(tool->kernel) + UINT64_C(100000000000));
    uint32_t status = 1;
    ck_assert(sp_ccp_read(sp, SP_CCP_STATUS, &status));
    ck_assert_uint_eq(status, 0);
    sp_ccp_write(sp, SP_CCP_ACK, 1);
    memcpy(dst, sp->sram + AT + 0x2000, dst_bytes);
}

static void sign(machine_t *tool, const authority_t *by, sev_cert_t *cert, int slot)
{
    uint8_t digest[32], signature[96];
    SHA256((const uint8_t *)cert, SEV_CERT_BODY_BYTES, digest);
    ccp(tool, SP_CCP_P384_SIGN, by->key, 48, digest, 32, signature, 96);
    sev_signature_t *out = &cert->signature[slot];
    memset(out, 0, sizeof *out);
    out->usage = SEV_USAGE_OCA;
    out->algo = SEV_ALGO_ECDSA_SHA256;
    memcpy(out->value.ecdsa.r, signature, 48);
    memcpy(out->value.ecdsa.s, signature + 48, 48);
}

static authority_t make_authority(machine_t *tool)
{
    authority_t authority = {.key = {5, 6, 7}};
    uint8_t point[96];
    ccp(tool, SP_CCP_P384_PUBLIC, authority.key, 48, NULL, 0, point, 96);
    sev_cert_t *cert = &authority.cert;
    cert->version = 1;
    cert->usage = SEV_USAGE_OCA;
    cert->algo = SEV_ALGO_ECDSA_SHA256;
    cert->key.ec.curve = SEV_CURVE_P384;
    memcpy(cert->key.ec.qx, point, 48);
    memcpy(cert->key.ec.qy, point + 48, 48);
    cert->signature[1].usage = SEV_USAGE_INVALID;
    sign(tool, &authority, cert, 0);
    return authority;
}

static uint32_t import(const sev_cert_t *pek, const sev_cert_t *oca)
{
    sev_two_ranges_t ranges = {.first_paddr = 0x300000,
                               .first_length = SEV_CERT_BYTES,
                               .second_paddr = 0x310000,
                               .second_length = SEV_CERT_BYTES};
    memcpy(machine->memory + 0x300000, pek, sizeof *pek);
    memcpy(machine->memory + 0x310000, oca, sizeof *oca);
    return machine_command(machine, SEV_CMD_PEK_CERT_IMPORT, &ranges, sizeof ranges);
}

START_TEST(an_owner_takes_the_platform_and_the_reset_gives_it_back)
{
    machine_t *tool = machine_create(NULL);
    authority_t owner = make_authority(tool);
    machine_certs_t before = machine_export(machine);
    sev_cert_t signed_csr = csr();
    sign(tool, &owner, &signed_csr, 0);
    ck_assert_uint_eq(import(&signed_csr, &owner.cert), 0);
    ck_assert_uint_eq(machine_status(machine).owner, 1);

    machine_certs_t after = machine_export(machine);
    ck_assert_mem_eq(&before.pek, &after.pek, SEV_CERT_BODY_BYTES);
    ck_assert_mem_eq(&after.oca, &owner.cert, sizeof owner.cert);
    ck_assert(cbit_owner_cert_signed_by(&after.pek, &owner.cert));
    ck_assert(cbit_owner_cert_signed_by(&after.pek, &after.cek));
    ck_assert_uint_eq(after.pek.signature[1].usage, SEV_USAGE_CEK);
    ck_assert(cbit_owner_cert_signed_by(&after.pdh, &after.pek));
    ck_assert_mem_ne(&before.pdh, &after.pdh, SEV_CERT_BODY_BYTES);

    ck_assert_uint_eq(import(&signed_csr, &owner.cert), SEV_STATUS_ALREADY_OWNED);
    restart(); /* ownership outlives the power; in UNINIT it reads as none */
    ck_assert_uint_eq(machine_status(machine).owner, 0);
    machine_init(machine, 0);
    ck_assert_uint_eq(machine_status(machine).owner, 1);
    machine_certs_t kept = machine_export(machine);
    ck_assert_mem_eq(&kept, &after, sizeof kept);

    ck_assert_uint_eq(simple(SEV_CMD_PLATFORM_RESET), SEV_STATUS_INVALID_PLATFORM_STATE);
    ck_assert_uint_eq(simple(SEV_CMD_SHUTDOWN), 0);
    ck_assert_uint_eq(simple(SEV_CMD_PLATFORM_RESET), 0);
    machine_init(machine, 0);
    ck_assert_uint_eq(machine_status(machine).owner, 0);
    machine_certs_t fresh = machine_export(machine);
    ck_assert_mem_ne(&fresh.pek, &kept.pek, SEV_CERT_BODY_BYTES);
    ck_assert_mem_eq(&fresh.cek, &kept.cek, SEV_CERT_BYTES);
    machine_destroy(tool);
}
END_TEST

START_TEST(pek_gen_ends_external_ownership)
{
    machine_t *tool = machine_create(NULL);
    authority_t owner = make_authority(tool);
    sev_cert_t signed_csr = csr();
    sign(tool, &owner, &signed_csr, 1); /* the other slot: CEK goes to the first */
    ck_assert_uint_eq(import(&signed_csr, &owner.cert), 0);
    ck_assert_uint_eq(machine_export(machine).pek.signature[0].usage, SEV_USAGE_CEK);
    ck_assert_uint_eq(simple(SEV_CMD_PEK_GEN), 0);
    ck_assert_uint_eq(machine_status(machine).owner, 0);
    machine_destroy(tool);
}
END_TEST

START_TEST(imports_are_refused_by_what_is_wrong_with_them)
{
    machine_t *tool = machine_create(NULL);
    authority_t owner = make_authority(tool);
    sev_cert_t good = csr(), bad;
    sign(tool, &owner, &good, 0);
    machine_certs_t before = machine_export(machine);

    bad = good; /* the signature does not cover this body */
    bad.key.ec.qx[0] ^= 1;
    ck_assert_uint_eq(import(&bad, &owner.cert), SEV_STATUS_BAD_SIGNATURE);
    bad = good;
    bad.signature[0].value.ecdsa.s[9] ^= 0x10;
    ck_assert_uint_eq(import(&bad, &owner.cert), SEV_STATUS_BAD_SIGNATURE);
    bad = good; /* half empty */
    bad.signature[1].algo = SEV_ALGO_ECDSA_SHA256;
    ck_assert_uint_eq(import(&bad, &owner.cert), SEV_STATUS_BAD_SIGNATURE);
    bad = csr(); /* nobody signed it */
    ck_assert_uint_eq(import(&bad, &owner.cert), SEV_STATUS_INVALID_CERTIFICATE);
    bad = good; /* no slot for the chip's signature */
    sign(tool, &owner, &bad, 1);
    ck_assert_uint_eq(import(&bad, &owner.cert), SEV_STATUS_INVALID_CERTIFICATE);
    bad = before.oca; /* well signed, but not our PEK */
    ck_assert_uint_eq(import(&bad, &before.oca), SEV_STATUS_INVALID_CERTIFICATE);
    bad = owner.cert; /* an OCA that is not a point */
    bad.key.ec.qy[1] ^= 1;
    ck_assert_uint_eq(import(&good, &bad), SEV_STATUS_INVALID_CERTIFICATE);
    bad = owner.cert;
    bad.key.ec.curve = 1;
    ck_assert_uint_eq(import(&good, &bad), SEV_STATUS_INVALID_CERTIFICATE);
    bad = owner.cert;
    bad.algo = SEV_ALGO_RSA_SHA256;
    ck_assert_uint_eq(import(&good, &bad), SEV_STATUS_UNSUPPORTED);
    bad = owner.cert;
    bad.key.ec.qx[60] = 1; /* more than 384 bits */
    ck_assert_uint_eq(import(&good, &bad), SEV_STATUS_INVALID_CERTIFICATE);

    sev_two_ranges_t ranges = {.first_paddr = 0x300000,
                               .first_length = 2083,
                               .second_paddr = 0x310000,
                               .second_length = SEV_CERT_BYTES};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_PEK_CERT_IMPORT, &ranges, sizeof ranges),
                      SEV_STATUS_INVALID_LENGTH);
    ranges.first_length = SEV_CERT_BYTES;
    ranges.first_paddr = MACHINE_MEMORY_BYTES - 100;
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_PEK_CERT_IMPORT, &ranges, sizeof ranges),
                      SEV_STATUS_INVALID_ADDRESS);
    machine_certs_t after = machine_export(machine);
    ck_assert_mem_eq(&before, &after, sizeof before);
    ck_assert_uint_eq(machine_status(machine).owner, 0);
    ck_assert_uint_eq(import(&good, &owner.cert), 0); /* and the good one still is */
    machine_destroy(tool);
}
END_TEST

START_TEST(identity_outlives_the_power_and_is_made_once)
{
    machine_certs_t before = machine_export(machine);
    restart();
    machine_init(machine, 0);
    machine_certs_t after = machine_export(machine);
    ck_assert_mem_eq(&before, &after, sizeof before);
}
END_TEST

START_TEST(a_spoilt_store_is_reported_once_and_then_new)
{
    machine_certs_t before = machine_export(machine);
    for (size_t i = 0; i < sizeof flash; i++) { /* the first bit that can still be cleared */
        if (flash[i] != 0xff && flash[i] != 0 && i % SP_FLASH_SECTOR_BYTES > 300) {
            flash[i] = 0;
            break;
        }
    }
    restart();
    sev_init_t init = {0};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_INIT, &init, sizeof init),
                      SEV_STATUS_SECURE_DATA_INVALID);
    ck_assert_uint_eq(machine_status(machine).state, SEV_PLATFORM_UNINIT);
    machine_init(machine, 0);
    machine_certs_t after = machine_export(machine);
    ck_assert_mem_ne(&before.pek, &after.pek, SEV_CERT_BODY_BYTES);
    ck_assert_mem_eq(&before.cek, &after.cek, SEV_CERT_BYTES);
}
END_TEST

START_TEST(another_chip_cannot_read_the_store)
{
    options.seed = 99;
    restart();
    sev_init_t init = {0};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_INIT, &init, sizeof init),
                      SEV_STATUS_SECURE_DATA_INVALID);
}
END_TEST

static uint32_t init_ex(uint32_t length, uint64_t nv, uint32_t nv_length, uint64_t tmr)
{
    sev_init_ex_t init = {.length = length,
                          .flags = tmr != 0 ? 1 : 0,
                          .tmr_paddr = tmr,
                          .tmr_length = tmr != 0 ? SEV_TMR_BYTES : 0,
                          .nv_paddr = nv,
                          .nv_length = nv_length};
    return machine_command(machine, SEV_CMD_INIT_EX, &init, sizeof init);
}

START_TEST(init_ex_keeps_the_store_in_host_memory)
{
    ck_assert_uint_eq(simple(SEV_CMD_SHUTDOWN), 0);
    memset(machine->memory + 0x500000, 0xff, SEV_NV_BYTES);
    ck_assert_uint_eq(init_ex(0x20, 0x500000, SEV_NV_BYTES, 0), SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(init_ex(0x24, 0x500800, SEV_NV_BYTES, 0), SEV_STATUS_INVALID_ADDRESS);
    ck_assert_uint_eq(init_ex(0x24, 0x500000, 0x7000, 0), SEV_STATUS_INVALID_LENGTH);
    ck_assert_uint_eq(init_ex(0x24, 0x500000, SEV_NV_BYTES, 0x500000), SEV_STATUS_INVALID_ADDRESS);
    ck_assert_uint_eq(init_ex(0x24, 0x500000, SEV_NV_BYTES, 0), SEV_STATUS_SUCCESS);
    machine_certs_t a = machine_export(machine);
    uint8_t *kept = malloc(SEV_NV_BYTES);
    memcpy(kept, machine->memory + 0x500000, SEV_NV_BYTES);
    restart();
    memcpy(machine->memory + 0x500000, kept, SEV_NV_BYTES);
    ck_assert_uint_eq(init_ex(0x24, 0x500000, SEV_NV_BYTES, 0), SEV_STATUS_SUCCESS);
    machine_certs_t b = machine_export(machine);
    ck_assert_mem_eq(&a, &b, sizeof a);
    restart();
    kept[400] ^= 1;
    memcpy(machine->memory + 0x500000, kept, SEV_NV_BYTES);
    ck_assert_uint_eq(init_ex(0x24, 0x500000, SEV_NV_BYTES, 0), SEV_STATUS_SECURE_DATA_INVALID);
    ck_assert_uint_eq(init_ex(0x24, 0x500000, SEV_NV_BYTES, 0), SEV_STATUS_SUCCESS);
    ck_assert_uint_eq(simple(SEV_CMD_SHUTDOWN), 0);
    ck_assert_uint_eq(init_ex(0x24, 0, 0, 0), SEV_STATUS_SUCCESS); /* 0: flash */
    free(kept);
}
END_TEST

START_TEST(without_an_identity_its_commands_are_unsupported)
{
    machine_options_t plain;
    machine_options_default(&plain);
    machine_destroy(machine);
    machine = machine_create(&plain);
    machine_init(machine, 0);
    ck_assert_uint_eq(simple(SEV_CMD_PDH_GEN), SEV_STATUS_UNSUPPORTED);
    sev_start_t start = {.cert_paddr = 0x300000};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_LAUNCH_START, &start, sizeof start),
                      SEV_STATUS_UNSUPPORTED);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("identity");
    TCase *tcase = tcase_create("certificates");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_exported_certificate_is_signed_by_its_issuer);
    tcase_add_test(tcase, length_queries_answer_and_change_nothing);
    tcase_add_test(tcase, the_chips_key_and_id_are_the_published_ones);
    tcase_add_test(tcase, each_command_renews_what_it_should_and_nothing_else);
    tcase_add_test(tcase, a_csr_is_the_peks_body_without_signatures);
    tcase_add_test(tcase, without_an_identity_its_commands_are_unsupported);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("ownership");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_owner_takes_the_platform_and_the_reset_gives_it_back);
    tcase_add_test(tcase, pek_gen_ends_external_ownership);
    tcase_add_test(tcase, imports_are_refused_by_what_is_wrong_with_them);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("store");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, identity_outlives_the_power_and_is_made_once);
    tcase_add_test(tcase, a_spoilt_store_is_reported_once_and_then_new);
    tcase_add_test(tcase, another_chip_cannot_read_the_store);
    tcase_add_test(tcase, init_ex_keeps_the_store_in_host_memory);
    suite_add_tcase(suite, tcase);
    return suite;
}
