/* The crypto coprocessor's elliptic curves and RSA, computed by OpenSSL. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "model/sp/ccp.h"

enum { N = 48, DIGEST_MAX = 64 };

uint64_t ccp_reduce_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    (void)ccp;
    return costs->ecc_mul_spclk / 384 + 1; /* a few field operations: one bit's worth */
}

uint64_t ccp_one_mul_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    (void)ccp;
    return costs->ecc_mul_spclk;
}

uint64_t ccp_two_mul_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    (void)ccp;
    return 2 * (uint64_t)costs->ecc_mul_spclk;
}

uint64_t ccp_rsa_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    return (ccp->key_length > 2 * 256 ? 4u : 1u) * (uint64_t)costs->rsa_verify_spclk;
}

/* One operation's OpenSSL objects; any of them NULL means that memory is out. */
typedef struct curve {
    EC_GROUP *group;
    BN_CTX *context;
    EC_POINT *point;
    BIGNUM *a, *b, *c, *d;
    const BIGNUM *order;
} curve_t;

static bool curve_open(curve_t *curve, int nid)
{
    *curve = (curve_t){.group = EC_GROUP_new_by_curve_name(nid), .context = BN_CTX_secure_new()};
    if (curve->group == NULL || curve->context == NULL) {
        return false;
    }
    BN_CTX_start(curve->context);
    curve->a = BN_CTX_get(curve->context);
    curve->b = BN_CTX_get(curve->context);
    curve->c = BN_CTX_get(curve->context);
    curve->d = BN_CTX_get(curve->context);
    curve->point = EC_POINT_new(curve->group);
    curve->order = EC_GROUP_get0_order(curve->group);
    return curve->d != NULL && curve->point != NULL;
}

static void curve_close(curve_t *curve)
{
    EC_POINT_clear_free(curve->point);
    if (curve->context != NULL) {
        BN_CTX_end(curve->context);
    }
    BN_CTX_free(curve->context);
    EC_GROUP_free(curve->group);
}

/* A scalar in [1, n - 1]. */
static bool scalar_in(const curve_t *curve, const uint8_t bytes[N], BIGNUM *scalar)
{
    return BN_lebin2bn(bytes, N, scalar) != NULL && !BN_is_zero(scalar) &&
           BN_cmp(scalar, curve->order) < 0;
}

/* A point on the curve, not at infinity; its coordinates below p. Leaves a and b. */
static bool point_in(curve_t *curve, const uint8_t bytes[2 * N], EC_POINT *point)
{
    return BN_lebin2bn(bytes, N, curve->a) != NULL && BN_lebin2bn(bytes + N, N, curve->b) != NULL &&
           EC_POINT_set_affine_coordinates(curve->group, point, curve->a, curve->b,
                                           curve->context) == 1 &&
           EC_POINT_is_at_infinity(curve->group, point) == 0;
}

static bool point_out(curve_t *curve, uint8_t *x, uint8_t *y)
{
    return EC_POINT_get_affine_coordinates(curve->group, curve->point, curve->a, curve->b,
                                           curve->context) == 1 &&
           BN_bn2lebinpad(curve->a, x, N) == N &&
           (y == NULL || BN_bn2lebinpad(curve->b, y, N) == N);
}

/* Runs `work` with the curve open: all operations free what they used. */
static uint32_t with_curve(cbit_sp_t *sp, int nid, uint32_t (*work)(cbit_sp_t *sp, curve_t *curve))
{
    curve_t curve;
    uint32_t result = curve_open(&curve, nid) ? work(sp, &curve) : (uint32_t)SP_CCP_BAD_OPERATION;
    curve_close(&curve);
    return result;
}

/* The bytes of an input, or NULL; the bytes of an output, marked as written. */
static const uint8_t *input(cbit_sp_t *sp, uint32_t address, uint32_t len_bytes)
{
    return sp_memory(sp, address, len_bytes, false);
}

static uint8_t *output(cbit_sp_t *sp, uint32_t address, uint32_t len_bytes)
{
    uint8_t *bytes = sp_memory(sp, address, len_bytes, true);
    if (bytes != NULL) {
        hart_memory_written(&sp->hart, address, len_bytes);
    }
    return bytes;
}

/* mod (n - 1), plus 1: uniform when the input is 64 bits longer than n. */
static uint32_t reduce(cbit_sp_t *sp, curve_t *curve)
{
    const sp_ccp_t *ccp = &sp->ccp;
    const uint8_t *src = input(sp, ccp->src, ccp->length);
    uint8_t *dst = output(sp, ccp->dst, N);
    if (src == NULL || dst == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    bool good = ccp->length <= 2 * N && BN_lebin2bn(src, (int)ccp->length, curve->a) != NULL &&
                BN_sub(curve->b, curve->order, BN_value_one()) &&
                BN_mod(curve->c, curve->a, curve->b, curve->context) &&
                BN_add(curve->c, curve->c, BN_value_one()) && BN_bn2lebinpad(curve->c, dst, N) == N;
    return good ? SP_CCP_OK : SP_CCP_BAD_OPERATION;
}

uint32_t ccp_run_p384_reduce(cbit_sp_t *sp)
{
    return with_curve(sp, NID_secp384r1, reduce);
}

static uint32_t make_public(cbit_sp_t *sp, curve_t *curve)
{
    const uint8_t *key = input(sp, sp->ccp.key, N);
    uint8_t *dst = output(sp, sp->ccp.dst, 2 * N);
    if (key == NULL || dst == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    bool good = scalar_in(curve, key, curve->c) &&
                EC_POINT_mul(curve->group, curve->point, curve->c, NULL, NULL, curve->context) &&
                point_out(curve, dst, dst + N);
    return good ? SP_CCP_OK : SP_CCP_BAD_POINT;
}

uint32_t ccp_run_p384_public(cbit_sp_t *sp)
{
    return with_curve(sp, NID_secp384r1, make_public);
}

static uint32_t check(cbit_sp_t *sp, curve_t *curve)
{
    const uint8_t *src = input(sp, sp->ccp.src, 2 * N);
    if (src == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    return point_in(curve, src, curve->point) ? SP_CCP_OK : SP_CCP_BAD_POINT;
}

uint32_t ccp_run_p384_check(cbit_sp_t *sp)
{
    return with_curve(sp, NID_secp384r1, check);
}

static uint32_t ecdh(cbit_sp_t *sp, curve_t *curve)
{
    const uint8_t *key = input(sp, sp->ccp.key, N), *src = input(sp, sp->ccp.src, 2 * N);
    uint8_t *dst = output(sp, sp->ccp.dst, N);
    if (key == NULL || src == NULL || dst == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    EC_POINT *peer = EC_POINT_new(curve->group);
    bool good = peer != NULL && scalar_in(curve, key, curve->c) && point_in(curve, src, peer) &&
                EC_POINT_mul(curve->group, curve->point, NULL, peer, curve->c, curve->context) &&
                point_out(curve, dst, NULL);
    EC_POINT_free(peer);
    return good ? SP_CCP_OK : SP_CCP_BAD_POINT;
}

uint32_t ccp_run_p384_ecdh(cbit_sp_t *sp)
{
    return with_curve(sp, NID_secp384r1, ecdh);
}

/* A fresh secret scalar from the CCP's own random numbers. */
static bool random_scalar(cbit_sp_t *sp, curve_t *curve, BIGNUM *scalar)
{
    uint8_t bytes[N + 8];
    cbit_rng_bytes(&sp->ccp.rng, bytes, sizeof bytes);
    bool good = BN_lebin2bn(bytes, sizeof bytes, scalar) != NULL &&
                BN_mod(scalar, scalar, curve->order, curve->context) && !BN_is_zero(scalar);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return good;
}

/* r = x(k G) mod n, s = (e + r d) / k mod n. */
static bool sign_with(curve_t *curve, const uint8_t key[N], const uint8_t *digest,
                      uint32_t digest_bytes, BIGNUM *k, uint8_t out[2 * N])
{
    BN_CTX *context = curve->context;
    const BIGNUM *n = curve->order;
    BIGNUM *r = curve->a, *s = curve->b, *d = curve->d, *e = BN_CTX_get(context);
    BIGNUM *inverse = BN_CTX_get(context);
    return inverse != NULL && EC_POINT_mul(curve->group, curve->point, k, NULL, NULL, context) &&
           EC_POINT_get_affine_coordinates(curve->group, curve->point, r, NULL, context) &&
           BN_mod(r, r, n, context) && !BN_is_zero(r) && scalar_in(curve, key, d) &&
           BN_bin2bn(digest, (int)digest_bytes, e) != NULL && BN_mod_mul(s, r, d, n, context) &&
           BN_mod_add(s, s, e, n, context) && BN_mod_inverse(inverse, k, n, context) != NULL &&
           BN_mod_mul(s, s, inverse, n, context) && !BN_is_zero(s) &&
           BN_bn2lebinpad(r, out, N) == N && BN_bn2lebinpad(s, out + N, N) == N;
}

static uint32_t sign(cbit_sp_t *sp, curve_t *curve)
{
    const sp_ccp_t *ccp = &sp->ccp;
    const uint8_t *digest = input(sp, ccp->src, ccp->length), *key = input(sp, ccp->key, N);
    uint8_t *dst = output(sp, ccp->dst, 2 * N);
    if (digest == NULL || key == NULL || dst == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    bool good = ccp->length <= N && random_scalar(sp, curve, curve->c) &&
                sign_with(curve, key, digest, ccp->length, curve->c, dst);
    return good ? SP_CCP_OK : SP_CCP_BAD_POINT;
}

uint32_t ccp_run_p384_sign(cbit_sp_t *sp)
{
    return with_curve(sp, NID_secp384r1, sign);
}

/* x(e/s G + r/s Q) mod n == r, with r and s in [1, n - 1]. */
static bool signature_good(curve_t *curve, const EC_POINT *q, const uint8_t *digest,
                           uint32_t digest_bytes, const uint8_t signature[2 * N])
{
    BN_CTX *context = curve->context;
    const BIGNUM *n = curve->order;
    BIGNUM *r = curve->a, *s = curve->b, *u1 = curve->c, *u2 = curve->d;
    return scalar_in(curve, signature, r) && scalar_in(curve, signature + N, s) &&
           BN_mod_inverse(s, s, n, context) != NULL &&
           BN_bin2bn(digest, (int)digest_bytes, u1) != NULL && BN_mod_mul(u1, u1, s, n, context) &&
           BN_mod_mul(u2, r, s, n, context) &&
           EC_POINT_mul(curve->group, curve->point, u1, q, u2, context) &&
           EC_POINT_get_affine_coordinates(curve->group, curve->point, u1, NULL, context) &&
           BN_mod(u1, u1, n, context) && BN_cmp(u1, r) == 0;
}

static uint32_t verify(cbit_sp_t *sp, curve_t *curve)
{
    const sp_ccp_t *ccp = &sp->ccp;
    const uint8_t *digest = input(sp, ccp->src, ccp->length), *key = input(sp, ccp->key, 2 * N);
    const uint8_t *signature = input(sp, ccp->aux, 2 * N);
    if (digest == NULL || key == NULL || signature == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    EC_POINT *q = EC_POINT_new(curve->group);
    uint32_t result = SP_CCP_BAD_POINT;
    if (q != NULL && ccp->length <= N && point_in(curve, key, q)) {
        result =
            signature_good(curve, q, digest, ccp->length, signature) ? SP_CCP_OK : SP_CCP_MISMATCH;
    }
    EC_POINT_free(q);
    return result;
}

uint32_t ccp_run_p384_verify(cbit_sp_t *sp)
{
    return with_curve(sp, NID_secp384r1, verify);
}

static uint32_t k256_public(cbit_sp_t *sp, curve_t *curve)
{
    const uint8_t *key = input(sp, sp->ccp.key, 32);
    uint8_t *dst = output(sp, sp->ccp.dst, 64);
    if (key == NULL || dst == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    bool good = BN_bin2bn(key, 32, curve->c) != NULL &&
                BN_mod(curve->c, curve->c, curve->order, curve->context) && !BN_is_zero(curve->c) &&
                EC_POINT_mul(curve->group, curve->point, curve->c, NULL, NULL, curve->context) &&
                EC_POINT_get_affine_coordinates(curve->group, curve->point, curve->a, curve->b,
                                                curve->context) &&
                BN_bn2binpad(curve->a, dst, 32) == 32 && BN_bn2binpad(curve->b, dst + 32, 32) == 32;
    return good ? SP_CCP_OK : SP_CCP_BAD_POINT;
}

uint32_t ccp_run_k256_public(cbit_sp_t *sp)
{
    return with_curve(sp, NID_secp256k1, k256_public);
}

/* An OpenSSL public key of little-endian numbers; NULL when they make none. */
static EVP_PKEY *rsa_key(const uint8_t *exponent, const uint8_t *modulus, uint32_t len_bytes)
{
    EVP_PKEY *key = NULL;
    BIGNUM *e = BN_lebin2bn(exponent, (int)len_bytes, NULL);
    BIGNUM *n = BN_lebin2bn(modulus, (int)len_bytes, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM *params = NULL;
    if (e != NULL && n != NULL && build != NULL && context != NULL &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) &&
        (params = OSSL_PARAM_BLD_to_param(build)) != NULL && EVP_PKEY_fromdata_init(context) == 1) {
        (void)EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params);
    }
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    return key;
}

uint32_t ccp_run_rsa_pss_verify(cbit_sp_t *sp)
{
    const sp_ccp_t *ccp = &sp->ccp;
    uint32_t bytes = ccp->key_length / 2;
    const uint8_t *digest = input(sp, ccp->src, ccp->length);
    const uint8_t *key = input(sp, ccp->key, ccp->key_length);
    const uint8_t *signature = input(sp, ccp->aux, bytes);
    if (digest == NULL || key == NULL || signature == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    if ((bytes != 256 && bytes != 512) || (ccp->length != 32 && ccp->length != 48) ||
        ccp->aux_length > bytes) {
        return SP_CCP_BAD_OPERATION;
    }
    uint8_t reversed[512];
    for (uint32_t i = 0; i < bytes; i++) {
        reversed[i] = signature[bytes - 1 - i];
    }
    EVP_PKEY *pkey = rsa_key(key, key + bytes, bytes);
    EVP_PKEY_CTX *context = pkey == NULL ? NULL : EVP_PKEY_CTX_new(pkey, NULL);
    const EVP_MD *md = ccp->length == 32 ? EVP_sha256() : EVP_sha384();
    bool good = context != NULL && EVP_PKEY_verify_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, md) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(context, (int)ccp->aux_length) == 1 &&
                EVP_PKEY_verify(context, reversed, bytes, digest, ccp->length) == 1;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    return good ? SP_CCP_OK : SP_CCP_MISMATCH;
}
