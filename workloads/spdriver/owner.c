/* A guest's owner, computed with OpenSSL and nothing of the firmware. */
#include "cbit/workloads/owner.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/obj_mac.h>
#include <openssl/sha.h>

enum { P384_BYTES = 48 };

/* OpenSSL's view of P-384, for the length of one call. */
typedef struct p384 {
    EC_GROUP *group;
    BN_CTX *context;
    EC_POINT *point;
    BIGNUM *x, *y, *k;
} p384_t;

static void p384_open(p384_t *p384)
{
    p384->group = EC_GROUP_new_by_curve_name(NID_secp384r1);
    p384->context = BN_CTX_new();
    p384->point = EC_POINT_new(p384->group);
    p384->x = BN_new();
    p384->y = BN_new();
    p384->k = BN_secure_new();
}

static void p384_close(p384_t *p384)
{
    BN_clear_free(p384->k);
    BN_free(p384->y);
    BN_free(p384->x);
    EC_POINT_free(p384->point);
    BN_CTX_free(p384->context);
    EC_GROUP_free(p384->group);
}

/* The key of a certificate into p384->point; false unless it is a point of the curve. */
static bool cert_key(p384_t *p384, const sev_cert_t *cert)
{
    return cert->key.ec.curve == SEV_CURVE_P384 &&
           BN_lebin2bn(cert->key.ec.qx, SEV_COORDINATE_BYTES, p384->x) != NULL &&
           BN_lebin2bn(cert->key.ec.qy, SEV_COORDINATE_BYTES, p384->y) != NULL &&
           EC_POINT_set_affine_coordinates(p384->group, p384->point, p384->x, p384->y,
                                           p384->context) == 1;
}

static bool point_coordinates(p384_t *p384)
{
    return EC_POINT_get_affine_coordinates(p384->group, p384->point, p384->x, p384->y,
                                           p384->context) == 1;
}

/* The KDF of the API; one block of HMAC is enough for what an owner derives. */
static void kdf(const uint8_t *key, int key_bytes, const char *label, const uint8_t *context,
                size_t context_bytes, uint8_t out[SEV_KEY_BYTES])
{
    uint8_t message[64] = {1, 0, 0, 0}, mac[32];
    size_t used = 4, label_bytes = strlen(label) + 1;
    memcpy(message + used, label, label_bytes);
    used += label_bytes;
    if (context_bytes > 0) {
        memcpy(message + used, context, context_bytes);
        used += context_bytes;
    }
    message[used] = 8 * SEV_KEY_BYTES; /* bits, little-endian */
    used += 4;
    HMAC(EVP_sha256(), key, key_bytes, message, used, mac, NULL);
    memcpy(out, mac, SEV_KEY_BYTES);
    OPENSSL_cleanse(mac, sizeof mac);
}

static void aes_ctr(const uint8_t key[SEV_KEY_BYTES], const uint8_t iv[16], const uint8_t *in,
                    uint8_t *out, int len_bytes)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int got = 0;
    EVP_EncryptInit_ex(context, EVP_aes_128_ctr(), NULL, key, iv);
    EVP_EncryptUpdate(context, out, &got, in, len_bytes);
    EVP_CIPHER_CTX_free(context);
}

static void store_le32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static void wrap(const uint8_t z[P384_BYTES], uint32_t policy, const cbit_owner_secrets_t *secrets,
                 cbit_owner_session_t *out)
{
    uint8_t master[SEV_KEY_BYTES], kek[SEV_KEY_BYTES], kik[SEV_KEY_BYTES];
    uint8_t keys[2 * SEV_KEY_BYTES], le_policy[4];
    kdf(z, P384_BYTES, "sev-master-secret", secrets->nonce, SEV_NONCE_BYTES, master);
    kdf(master, SEV_KEY_BYTES, "sev-kek", NULL, 0, kek);
    kdf(master, SEV_KEY_BYTES, "sev-kik", NULL, 0, kik);
    memcpy(out->tek, secrets->tek, SEV_KEY_BYTES);
    memcpy(out->tik, secrets->tik, SEV_KEY_BYTES);
    memcpy(keys, secrets->tek, SEV_KEY_BYTES);
    memcpy(keys + SEV_KEY_BYTES, secrets->tik, SEV_KEY_BYTES);
    memcpy(out->blob.nonce, secrets->nonce, SEV_NONCE_BYTES);
    memcpy(out->blob.wrap_iv, secrets->wrap_iv, 16);
    aes_ctr(kek, secrets->wrap_iv, keys, out->blob.wrap_tk, sizeof keys);
    HMAC(EVP_sha256(), kik, SEV_KEY_BYTES, out->blob.wrap_tk, sizeof out->blob.wrap_tk,
         out->blob.wrap_mac, NULL);
    store_le32(le_policy, policy);
    HMAC(EVP_sha256(), secrets->tik, SEV_KEY_BYTES, le_policy, 4, out->blob.policy_mac, NULL);
    OPENSSL_cleanse(master, sizeof master);
    OPENSSL_cleanse(kek, sizeof kek);
    OPENSSL_cleanse(kik, sizeof kik);
    OPENSSL_cleanse(keys, sizeof keys);
}

bool cbit_owner_session_from(const sev_cert_t *pdh, uint32_t policy,
                             const cbit_owner_secrets_t *secrets, cbit_owner_session_t *out)
{
    p384_t p384;
    uint8_t z[P384_BYTES];
    p384_open(&p384);
    memset(out, 0, sizeof *out);
    BN_bin2bn(secrets->scalar, P384_BYTES, p384.k);
    bool good = EC_POINT_mul(p384.group, p384.point, p384.k, NULL, NULL, p384.context) == 1 &&
                point_coordinates(&p384);
    if (good) {
        out->cert.version = 1;
        out->cert.usage = SEV_USAGE_PDH;
        out->cert.algo = SEV_ALGO_ECDH_SHA256;
        out->cert.key.ec.curve = SEV_CURVE_P384;
        out->cert.signature[0].usage = SEV_USAGE_INVALID;
        out->cert.signature[1].usage = SEV_USAGE_INVALID;
        BN_bn2lebinpad(p384.x, out->cert.key.ec.qx, SEV_COORDINATE_BYTES);
        BN_bn2lebinpad(p384.y, out->cert.key.ec.qy, SEV_COORDINATE_BYTES);
        good = cert_key(&p384, pdh) &&
               EC_POINT_mul(p384.group, p384.point, NULL, p384.point, p384.k, p384.context) == 1 &&
               point_coordinates(&p384) && BN_bn2binpad(p384.x, z, P384_BYTES) == P384_BYTES;
    }
    if (good) {
        wrap(z, policy, secrets, out);
    }
    OPENSSL_cleanse(z, sizeof z);
    p384_close(&p384);
    return good;
}

bool cbit_owner_session(const sev_cert_t *pdh, uint32_t policy, cbit_rng_t *rng,
                        cbit_owner_session_t *out)
{
    cbit_owner_secrets_t secrets;
    cbit_rng_bytes(rng, &secrets, sizeof secrets);
    secrets.scalar[0] &= 0x7f; /* below the order, whatever follows */
    bool good = cbit_owner_session_from(pdh, policy, &secrets, out);
    OPENSSL_cleanse(&secrets, sizeof secrets);
    return good;
}

void cbit_owner_measure(const uint8_t tik[SEV_KEY_BYTES], const cbit_owner_launch_t *launch,
                        uint8_t measure[SEV_DIGEST_BYTES])
{
    uint8_t message[8 + SEV_DIGEST_BYTES + SEV_NONCE_BYTES] = {
        SEV_CONTEXT_MEASURE, launch->api_major, launch->api_minor, launch->build};
    store_le32(message + 4, launch->policy);
    memcpy(message + 8, launch->digest, SEV_DIGEST_BYTES);
    memcpy(message + 8 + SEV_DIGEST_BYTES, launch->mnonce, SEV_NONCE_BYTES);
    HMAC(EVP_sha256(), tik, SEV_KEY_BYTES, message, sizeof message, measure, NULL);
}

void cbit_owner_secret(const cbit_owner_session_t *session, const uint8_t measure[SEV_DIGEST_BYTES],
                       const uint8_t iv[16], const uint8_t *secret, uint32_t len_bytes,
                       sev_packet_header_t *header, uint8_t *out)
{
    uint8_t message[29 + SEV_PACKET_MAX_BYTES + SEV_DIGEST_BYTES] = {SEV_CONTEXT_SECRET};
    memset(header, 0, sizeof *header);
    memcpy(header->iv, iv, sizeof header->iv);
    aes_ctr(session->tek, iv, secret, out, (int)len_bytes);
    memcpy(message + 5, iv, 16);
    store_le32(message + 21, len_bytes);
    store_le32(message + 25, len_bytes);
    memcpy(message + 29, out, len_bytes);
    memcpy(message + 29 + len_bytes, measure, SEV_DIGEST_BYTES);
    HMAC(EVP_sha256(), session->tik, SEV_KEY_BYTES, message, 29 + len_bytes + SEV_DIGEST_BYTES,
         header->mac, NULL);
}

/* ECDSA with SHA-256 by the key of `by`, written out: x(e/s G + r/s Q) = r. */
static bool signature_good(const sev_cert_t *by, const uint8_t *message, size_t len_bytes,
                           const uint8_t r_bytes[SEV_COORDINATE_BYTES],
                           const uint8_t s_bytes[SEV_COORDINATE_BYTES])
{
    p384_t p384;
    uint8_t digest[32];
    p384_open(&p384);
    const BIGNUM *n = EC_GROUP_get0_order(p384.group);
    BIGNUM *r = BN_lebin2bn(r_bytes, SEV_COORDINATE_BYTES, NULL);
    BIGNUM *s = BN_lebin2bn(s_bytes, SEV_COORDINATE_BYTES, NULL);
    BIGNUM *e = BN_bin2bn(SHA256(message, len_bytes, digest), 32, NULL);
    bool good = cert_key(&p384, by) && !BN_is_zero(r) && !BN_is_zero(s) && BN_cmp(r, n) < 0 &&
                BN_cmp(s, n) < 0 && BN_mod_inverse(s, s, n, p384.context) != NULL &&
                BN_mod_mul(e, e, s, n, p384.context) && BN_mod_mul(s, s, r, n, p384.context) &&
                EC_POINT_mul(p384.group, p384.point, e, p384.point, s, p384.context) == 1 &&
                point_coordinates(&p384) && BN_mod(p384.x, p384.x, n, p384.context) &&
                BN_cmp(p384.x, r) == 0;
    BN_free(e);
    BN_free(s);
    BN_free(r);
    p384_close(&p384);
    return good;
}

bool cbit_owner_cert_signed_by(const sev_cert_t *cert, const sev_cert_t *by)
{
    for (int i = 0; i < 2; i++) {
        const sev_signature_t *slot = &cert->signature[i];
        if (slot->usage == by->usage && slot->algo == SEV_ALGO_ECDSA_SHA256) {
            return signature_good(by, (const uint8_t *)cert, SEV_CERT_BODY_BYTES,
                                  slot->value.ecdsa.r, slot->value.ecdsa.s);
        }
    }
    return false;
}

bool cbit_owner_report_good(const sev_report_t *report, const sev_cert_t *pek)
{
    return report->usage == SEV_USAGE_PEK && report->algo == SEV_ALGO_ECDSA_SHA256 &&
           signature_good(pek, (const uint8_t *)report, SEV_REPORT_SIGNED_BYTES, report->r,
                          report->s);
}
