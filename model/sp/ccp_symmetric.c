/* The crypto coprocessor's hashes, ciphers and random numbers, computed by OpenSSL. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Transform: the only way to a hash state in memory */

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "model/sp/ccp.h"

static uint64_t blocks(uint32_t len_bytes, uint32_t block_bytes)
{
    return ((uint64_t)len_bytes + block_bytes - 1) / block_bytes;
}

uint64_t ccp_random_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    return blocks(ccp->length, 4) * costs->random_word_spclk;
}

uint64_t ccp_sha256_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    return blocks(ccp->length, 64) * costs->sha256_block_spclk;
}

/* Inner: key block, message and padding (9 bytes at least); outer: key block and one block. */
uint64_t ccp_hmac_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    return (3 + blocks(ccp->length + 9, 64)) * costs->sha256_block_spclk;
}

uint64_t ccp_aes_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    uint64_t each = ccp->key_length == 32 ? costs->aes256_block_spclk : costs->aes_block_spclk;
    return blocks(ccp->length, 16) * each;
}

uint32_t ccp_run_random(cbit_sp_t *sp)
{
    uint8_t *dst = sp_memory(sp, sp->ccp.dst, sp->ccp.length, true);
    if (dst == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    cbit_rng_bytes(&sp->ccp.rng, dst, sp->ccp.length);
    hart_memory_written(&sp->hart, sp->ccp.dst, sp->ccp.length);
    return SP_CCP_OK;
}

uint32_t ccp_run_sha256(cbit_sp_t *sp)
{
    const sp_ccp_t *ccp = &sp->ccp;
    const uint8_t *src = sp_memory(sp, ccp->src, ccp->length, false);
    uint8_t *state =
        sp_memory(sp, ccp->aux, 32, false) == NULL ? NULL : sp_memory(sp, ccp->aux, 32, true);
    if (src == NULL || state == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    if (ccp->length % 64 != 0) {
        return SP_CCP_BAD_OPERATION;
    }
    SHA256_CTX context = {0};
    memcpy(context.h, state, 32);
    for (uint32_t i = 0; i < ccp->length; i += 64) {
        SHA256_Transform(&context, src + i);
    }
    memcpy(state, context.h, 32);
    OPENSSL_cleanse(&context, sizeof context);
    hart_memory_written(&sp->hart, ccp->aux, 32);
    return SP_CCP_OK;
}

uint32_t ccp_run_hmac(cbit_sp_t *sp)
{
    const sp_ccp_t *ccp = &sp->ccp;
    const uint8_t *src = sp_memory(sp, ccp->src, ccp->length, false);
    const uint8_t *key = sp_memory(sp, ccp->key, ccp->key_length, false);
    uint8_t *dst = sp_memory(sp, ccp->dst, 32, true);
    uint8_t mac[32];
    if (src == NULL || key == NULL || dst == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    if (HMAC(EVP_sha256(), key, (int)ccp->key_length, src, ccp->length, mac, NULL) == NULL) {
        return SP_CCP_BAD_OPERATION;
    }
    memcpy(dst, mac, sizeof mac); /* dst may be inside src or key */
    OPENSSL_cleanse(mac, sizeof mac);
    hart_memory_written(&sp->hart, ccp->dst, 32);
    return SP_CCP_OK;
}

/* By operation, for keys of 16 and of 32 bytes. */
static const EVP_CIPHER *cipher_of(const sp_ccp_t *ccp)
{
    bool wide = ccp->key_length == 32;
    if (!wide && ccp->key_length != 16) {
        return NULL;
    }
    switch (ccp->op) {
    case SP_CCP_AES_CTR:
        return wide ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
    case SP_CCP_GCM_SEAL:
    case SP_CCP_GCM_OPEN:
        return wide ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
    default:
        return wide ? EVP_aes_256_ecb() : EVP_aes_128_ecb();
    }
}

/* AES-ECB both ways and AES-CTR; CTR has its counter block at AUX. */
uint32_t ccp_run_aes(cbit_sp_t *sp)
{
    const sp_ccp_t *ccp = &sp->ccp;
    bool ctr = ccp->op == SP_CCP_AES_CTR;
    const EVP_CIPHER *cipher = cipher_of(ccp);
    const uint8_t *src = sp_memory(sp, ccp->src, ccp->length, false);
    const uint8_t *key = sp_memory(sp, ccp->key, ccp->key_length, false);
    const uint8_t *counter = ctr ? sp_memory(sp, ccp->aux, 16, false) : NULL;
    uint8_t *dst = sp_memory(sp, ccp->dst, ccp->length, true);
    if (src == NULL || key == NULL || (ctr && counter == NULL) || dst == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    if (cipher == NULL || (!ctr && ccp->length % 16 != 0)) {
        return SP_CCP_BAD_OPERATION;
    }
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int got = 0;
    bool good =
        context != NULL &&
        EVP_CipherInit_ex(context, cipher, NULL, key, counter, ccp->op != SP_CCP_AES_ECB_DECRYPT) &&
        EVP_CIPHER_CTX_set_padding(context, 0) &&
        EVP_CipherUpdate(context, dst, &got, src, (int)ccp->length);
    EVP_CIPHER_CTX_free(context);
    hart_memory_written(&sp->hart, ccp->dst, ccp->length);
    return good ? SP_CCP_OK : SP_CCP_BAD_OPERATION;
}

enum { IV_BYTES = 12, TAG_BYTES = 16 };

/* One GCM call: aux is IV, tag, then what is authenticated but not encrypted. */
static bool gcm_whole(const sp_ccp_t *ccp, const uint8_t *key, uint8_t *aux, const uint8_t *src,
                      uint8_t *dst)
{
    bool seal = ccp->op == SP_CCP_GCM_SEAL;
    uint8_t *tag = aux + IV_BYTES, *aad = tag + TAG_BYTES;
    int aad_bytes = (int)ccp->aux_length - IV_BYTES - TAG_BYTES, got = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool good = context != NULL &&
                EVP_CipherInit_ex(context, cipher_of(ccp), NULL, key, aux, seal) &&
                (aad_bytes == 0 || EVP_CipherUpdate(context, NULL, &got, aad, aad_bytes)) &&
                EVP_CipherUpdate(context, dst, &got, src, (int)ccp->length) &&
                (seal || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag)) &&
                EVP_CipherFinal_ex(context, dst + ccp->length, &got) &&
                (!seal || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag));
    EVP_CIPHER_CTX_free(context);
    return good;
}

uint32_t ccp_run_gcm(cbit_sp_t *sp)
{
    const sp_ccp_t *ccp = &sp->ccp;
    const uint8_t *src = sp_memory(sp, ccp->src, ccp->length, false);
    const uint8_t *key = sp_memory(sp, ccp->key, ccp->key_length, false);
    bool aux_good = sp_memory(sp, ccp->aux, ccp->aux_length, false) != NULL;
    uint8_t *aux = sp_memory(sp, ccp->aux, ccp->aux_length, true);
    uint8_t *dst = sp_memory(sp, ccp->dst, ccp->length, true);
    if (src == NULL || key == NULL || !aux_good || aux == NULL || dst == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    if (cipher_of(ccp) == NULL || ccp->aux_length < IV_BYTES + TAG_BYTES) {
        return SP_CCP_BAD_OPERATION;
    }
    bool good = gcm_whole(ccp, key, aux, src, dst);
    if (!good) {
        memset(dst, 0, ccp->length); /* nothing of a forged message comes out */
    }
    hart_memory_written(&sp->hart, ccp->dst, ccp->length);
    hart_memory_written(&sp->hart, ccp->aux, ccp->aux_length);
    return good ? SP_CCP_OK : SP_CCP_MISMATCH;
}

uint64_t ccp_sha384_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    return blocks(ccp->length + 17, 128) * costs->sha384_block_spclk;
}

uint32_t ccp_run_sha384(cbit_sp_t *sp)
{
    const sp_ccp_t *ccp = &sp->ccp;
    const uint8_t *src = sp_memory(sp, ccp->src, ccp->length, false);
    uint8_t *dst = sp_memory(sp, ccp->dst, 48, true);
    if (src == NULL || dst == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    uint8_t digest[48];
    SHA384(src, ccp->length, digest);
    memcpy(dst, digest, sizeof digest);
    hart_memory_written(&sp->hart, ccp->dst, 48);
    return SP_CCP_OK;
}
