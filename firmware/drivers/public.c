/* The crypto coprocessor's elliptic curves and RSA. */
#include "drivers/drivers.h"
#include "drivers/mmio.h"

static void ccp_inputs(const void *key, const void *from, uint32_t len_bytes, const void *to)
{
    SP_WRITE(CCP, KEY, key == NULL ? 0 : sp_address(key));
    SP_WRITE(CCP, SRC, from == NULL ? 0 : sp_address(from));
    SP_WRITE(CCP, LENGTH, len_bytes);
    SP_WRITE(CCP, DST, to == NULL ? 0 : sp_address(to));
}

void p384_scalar(const void *seed, uint32_t seed_bytes, uint8_t scalar[P384_BYTES])
{
    ccp_inputs(NULL, seed, seed_bytes, scalar);
    ccp_run(SP_CCP_P384_REDUCE);
}

void p384_random_scalar(uint8_t scalar[P384_BYTES])
{
    static uint8_t seed[P384_BYTES + 8]; /* 64 bits more than n: no bias that matters */
    ccp_random(seed, sizeof seed);
    p384_scalar(seed, sizeof seed, scalar);
    wipe(seed, sizeof seed);
}

void p384_public(const uint8_t scalar[P384_BYTES], p384_point_t *point)
{
    ccp_inputs(scalar, NULL, 0, point);
    ccp_run(SP_CCP_P384_PUBLIC);
}

bool p384_check(const p384_point_t *point)
{
    ccp_inputs(NULL, point, sizeof *point, NULL);
    return ccp_run(SP_CCP_P384_CHECK) == SP_CCP_OK;
}

bool p384_ecdh(const uint8_t scalar[P384_BYTES], const p384_point_t *peer, uint8_t x[P384_BYTES])
{
    ccp_inputs(scalar, peer, sizeof *peer, x);
    return ccp_run(SP_CCP_P384_ECDH) == SP_CCP_OK;
}

void p384_sign(const uint8_t scalar[P384_BYTES], const uint8_t digest[32], p384_signature_t *out)
{
    ccp_inputs(scalar, digest, 32, out);
    ccp_run(SP_CCP_P384_SIGN);
}

bool p384_verify(const p384_point_t *key, const uint8_t digest[32],
                 const p384_signature_t *signature)
{
    ccp_inputs(key, digest, 32, NULL);
    SP_WRITE(CCP, AUX, sp_address(signature));
    return ccp_run(SP_CCP_P384_VERIFY) == SP_CCP_OK;
}

void k256_public(const uint8_t scalar[32], uint8_t out[64])
{
    ccp_inputs(scalar, NULL, 0, out);
    ccp_run(SP_CCP_K256_PUBLIC);
}

bool rsa_verify(const uint8_t *key, uint32_t len_bytes, const uint8_t *digest,
                uint32_t digest_bytes, uint32_t salt_bytes, const uint8_t *signature)
{
    ccp_inputs(key, digest, digest_bytes, NULL);
    SP_WRITE(CCP, KEY_LENGTH, 2 * len_bytes);
    SP_WRITE(CCP, AUX, sp_address(signature));
    SP_WRITE(CCP, AUX_LENGTH, salt_bytes);
    return ccp_run(SP_CCP_RSA_PSS_VERIFY) == SP_CCP_OK;
}
