/* Known answers of the API's section 13, for what a guest's owner computes. */
#include "cbit/workloads/owner.h"
#include "cbit_test.h"
#include "tests/firmware/hex.h"

static const char qb_x[] = "b8eb8f9479cd45a5c3d44e27edd27404392f3e2ac1f1871383721e778704c5fa"
                           "af1ad8009919e2a4a124edcfb64ce91b";
static const char qb_y[] = "9fe2656406085aed8958732a60cc0a1183fe85f8f6ee02b7ee5575b2b9760b1b"
                           "46d903d7fb378bce27d9df6d2f2b3ca5";

static void point(uint8_t le[SEV_COORDINATE_BYTES], const char *hex)
{
    uint8_t be[48];
    from_hex(be, 48, hex);
    for (int i = 0; i < 48; i++) {
        le[i] = be[47 - i];
    }
}

/* dA = 01 02 .. 30, NONCE = 10.., TEK = 20.., TIK = 30.., WRAP_IV = 40.., policy 1. */
static cbit_owner_session_t session(void)
{
    sev_cert_t pdh = {.version = 1, .usage = SEV_USAGE_PDH, .algo = SEV_ALGO_ECDH_SHA256};
    cbit_owner_secrets_t secrets;
    cbit_owner_session_t made;
    pdh.key.ec.curve = SEV_CURVE_P384;
    point(pdh.key.ec.qx, qb_x);
    point(pdh.key.ec.qy, qb_y);
    count_up(secrets.scalar, 48, 0x01);
    count_up(secrets.nonce, 16, 0x10);
    count_up(secrets.tek, 16, 0x20);
    count_up(secrets.tik, 16, 0x30);
    count_up(secrets.wrap_iv, 16, 0x40);
    ck_assert(cbit_owner_session_from(&pdh, 1, &secrets, &made));
    return made;
}

START_TEST(a_session_is_the_published_one)
{
    cbit_owner_session_t made = session();
    assert_le_hex(made.cert.key.ec.qx, 48,
                  "c76f2283dda95cd49b0ed9e733d2904474e37216f124e13d2c9ab4cf01021c49"
                  "ad9cabb3d0b97499aef2f0ab313fa028");
    assert_hex(made.blob.wrap_tk, 32,
               "3325a4de0edf3d1e9d12846d955c4e0ad9c09cc5e27f56328aacc608b1a06b47");
    assert_hex(made.blob.wrap_mac, 32,
               "4885465f3872f426c485d67bf32a4af89620f0b159fecbc5993b64d20cce9322");
    assert_hex(made.blob.policy_mac, 32,
               "da0e0ec9ab90ccdf7f3e24a586511c2dc55694b3541828e79ec83d525299c961");
}
END_TEST

START_TEST(a_key_that_is_no_point_makes_no_session)
{
    sev_cert_t pdh = {.version = 1};
    cbit_owner_secrets_t secrets = {.scalar = {1}};
    cbit_owner_session_t made;
    pdh.key.ec.curve = SEV_CURVE_P384;
    ck_assert(!cbit_owner_session_from(&pdh, 1, &secrets, &made));
}
END_TEST

START_TEST(a_measurement_is_the_published_one)
{
    cbit_owner_session_t made = session();
    cbit_owner_launch_t launch = {.api_minor = 24, .build = 15, .policy = 1};
    uint8_t measure[32];
    from_hex(launch.digest, 32, "c8f5d0341d54d951a71b136e6e2afcb14d11ed8489a7ae126a8fee0df6ecf193");
    count_up(launch.mnonce, 16, 0x50);
    cbit_owner_measure(made.tik, &launch, measure);
    assert_hex(measure, 32, "fbcd046993df7e61de9a131bc81e967acba9404df08cdb7b2b81fbe45630dd9a");
}
END_TEST

/* sev-tool's own vector: API 0.18, SHA-256 of nothing. */
START_TEST(a_measurement_is_sev_tools_too)
{
    cbit_owner_launch_t launch = {.api_minor = 18, .build = 15};
    uint8_t tik[16], measure[32];
    from_hex(tik, 16, "66320db73158a35a255d051758e95ed4");
    from_hex(launch.digest, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    from_hex(launch.mnonce, 16, "4fbe0bedbad6c86ae8f68971d103e554");
    cbit_owner_measure(tik, &launch, measure);
    assert_hex(measure, 32, "6faab2daae389bcd3405a05d6cafe33c0414f7bedd0bae19ba5f38b7fd1664ea");
}
END_TEST

START_TEST(a_secret_packet_is_the_published_one)
{
    cbit_owner_session_t made = session();
    uint8_t measure[32], iv[16], out[32];
    sev_packet_header_t header;
    from_hex(measure, 32, "fbcd046993df7e61de9a131bc81e967acba9404df08cdb7b2b81fbe45630dd9a");
    count_up(iv, 16, 0x60);
    cbit_owner_secret(&made, measure, iv, (const uint8_t *)"0123456789abcdefFEDCBA9876543210", 32,
                      &header, out);
    assert_hex(out, 32, "1633c0c391b9cde6f52377adbaef8b5437c493db4b28f9befa5852f704e19e8a");
    assert_hex(header.mac, 32, "d6335bb561cb3f9b1438caf92fb1a91c87d521887be3af0c259f264d80db4620");
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("owner");
    TCase *tcase = tcase_create("known answers");
    tcase_add_test(tcase, a_session_is_the_published_one);
    tcase_add_test(tcase, a_key_that_is_no_point_makes_no_session);
    tcase_add_test(tcase, a_measurement_is_the_published_one);
    tcase_add_test(tcase, a_measurement_is_sev_tools_too);
    tcase_add_test(tcase, a_secret_packet_is_the_published_one);
    suite_add_tcase(suite, tcase);
    return suite;
}
