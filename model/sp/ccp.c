/* The crypto coprocessor: OpenSSL computes, the cost table says how long it takes. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Transform: the only way to a hash state in memory */

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "model/sp/sp_internal.h"

enum { MAX_INPUT_BYTES = SP_SRAM_BYTES };

/* Clocks of an operation, and what it does when they are over; 0 result is SP_CCP_OK. */
typedef struct operation {
    uint64_t (*clocks)(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs);
    uint32_t (*run)(cbit_sp_t *sp);
} operation_t;

static uint64_t blocks(uint32_t len_bytes, uint32_t block_bytes)
{
    return ((uint64_t)len_bytes + block_bytes - 1) / block_bytes;
}

static uint64_t random_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    return blocks(ccp->length, 4) * costs->random_word_spclk;
}

static uint64_t sha256_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    return blocks(ccp->length, 64) * costs->sha256_block_spclk;
}

/* Inner: key block, message and padding (9 bytes at least); outer: key block and one block. */
static uint64_t hmac_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    return (3 + blocks(ccp->length + 9, 64)) * costs->sha256_block_spclk;
}

static uint64_t aes_clocks(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs)
{
    uint64_t each = ccp->key_length == 32 ? costs->aes256_block_spclk : costs->aes_block_spclk;
    return blocks(ccp->length, 16) * each;
}

static uint32_t run_random(cbit_sp_t *sp)
{
    uint8_t *dst = sp_memory(sp, sp->ccp.dst, sp->ccp.length, true);
    if (dst == NULL) {
        return SP_CCP_BAD_ADDRESS;
    }
    cbit_rng_bytes(&sp->ccp.rng, dst, sp->ccp.length);
    hart_memory_written(&sp->hart, sp->ccp.dst, sp->ccp.length);
    return SP_CCP_OK;
}

static uint32_t run_sha256(cbit_sp_t *sp)
{
    const sp_ccp_t *ccp = &sp->ccp;
    const uint8_t *src = sp_memory(sp, ccp->src, ccp->length, false);
    uint8_t *state = sp_memory(sp, ccp->aux, 32, true);
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

static uint32_t run_hmac(cbit_sp_t *sp)
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

static const EVP_CIPHER *cipher_of(const sp_ccp_t *ccp)
{
    bool wide = ccp->key_length == 32;
    if (ccp->key_length != 16 && !wide) {
        return NULL;
    }
    if (ccp->op == SP_CCP_AES_CTR) {
        return wide ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
    }
    return ccp->length % 16 != 0 ? NULL : wide ? EVP_aes_256_ecb() : EVP_aes_128_ecb();
}

static uint32_t run_aes(cbit_sp_t *sp)
{
    const sp_ccp_t *ccp = &sp->ccp;
    const EVP_CIPHER *cipher = cipher_of(ccp);
    bool counter = ccp->op == SP_CCP_AES_CTR;
    if (cipher == NULL) {
        return SP_CCP_BAD_OPERATION;
    }
    const uint8_t *src = sp_memory(sp, ccp->src, ccp->length, false);
    const uint8_t *key = sp_memory(sp, ccp->key, ccp->key_length, false);
    const uint8_t *iv = counter ? sp_memory(sp, ccp->aux, 16, false) : NULL;
    uint8_t *dst = sp_memory(sp, ccp->dst, ccp->length, true);
    if (src == NULL || key == NULL || dst == NULL || (counter && iv == NULL)) {
        return SP_CCP_BAD_ADDRESS;
    }
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int got = 0;
    bool good = context != NULL &&
                EVP_CipherInit_ex(context, cipher, NULL, key, iv, ccp->op != SP_CCP_AES_ECB_DEC) &&
                EVP_CIPHER_CTX_set_padding(context, 0) &&
                EVP_CipherUpdate(context, dst, &got, src, (int)ccp->length);
    EVP_CIPHER_CTX_free(context);
    hart_memory_written(&sp->hart, ccp->dst, ccp->length);
    return good ? SP_CCP_OK : SP_CCP_BAD_OPERATION;
}

static const operation_t operations[] = {
    [SP_CCP_RANDOM] = {random_clocks, run_random},
    [SP_CCP_SHA256_BLOCKS] = {sha256_clocks, run_sha256},
    [SP_CCP_HMAC_SHA256] = {hmac_clocks, run_hmac},
    [SP_CCP_AES_CTR] = {aes_clocks, run_aes},
    [SP_CCP_AES_ECB_ENC] = {aes_clocks, run_aes},
    [SP_CCP_AES_ECB_DEC] = {aes_clocks, run_aes},
};

static const operation_t *operation_of(const sp_ccp_t *ccp)
{
    bool known = ccp->op < sizeof operations / sizeof operations[0] &&
                 operations[ccp->op].run != NULL && ccp->length <= MAX_INPUT_BYTES &&
                 ccp->key_length <= MAX_INPUT_BYTES;
    return known ? &operations[ccp->op] : NULL;
}

static void on_done(void *self)
{
    cbit_sp_t *sp = self;
    const operation_t *operation = operation_of(&sp->ccp);
    sp->ccp.result = operation == NULL ? (uint32_t)SP_CCP_BAD_OPERATION : operation->run(sp);
    sp->ccp.busy = false;
    sp->ccp.done = true;
    sp_set_line(sp, SP_LINE_CCP, true);
}

void sp_ccp_init(cbit_sp_t *sp)
{
    cbit_event_init(&sp->ccp.event, on_done, sp);
    cbit_rng_init(&sp->ccp.rng, sp->parts.seed, 0x74726e67u);
}

static void start(cbit_sp_t *sp, uint32_t op)
{
    sp_ccp_t *ccp = &sp->ccp;
    ccp->op = op;
    ccp->busy = true;
    const operation_t *operation = operation_of(ccp);
    uint64_t clocks = sp->config.ccp.start_spclk;
    clocks += operation == NULL ? 0 : operation->clocks(ccp, &sp->config.ccp);
    cbit_event_notify_at(sp->kernel, &ccp->event, sp_after_clocks(sp, clocks > 0 ? clocks : 1));
}

bool sp_ccp_read(cbit_sp_t *sp, uint32_t offset, uint32_t *value)
{
    if (offset != SP_CCP_STATUS) {
        return false;
    }
    *value = sp->ccp.result << 8 | (sp->ccp.busy ? 1u : 0u);
    return true;
}

bool sp_ccp_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    sp_ccp_t *ccp = &sp->ccp;
    if (offset == SP_CCP_ACK) {
        ccp->done = false;
        sp_set_line(sp, SP_LINE_CCP, false);
        return true;
    }
    if (ccp->busy) {
        return true; /* an operation keeps what it was started with */
    }
    uint32_t *const registers[] = {
        [SP_CCP_SRC / 4] = &ccp->src,
        [SP_CCP_DST / 4] = &ccp->dst,
        [SP_CCP_LENGTH / 4] = &ccp->length,
        [SP_CCP_KEY / 4] = &ccp->key,
        [SP_CCP_KEY_LENGTH / 4] = &ccp->key_length,
        [SP_CCP_AUX / 4] = &ccp->aux,
        [SP_CCP_AUX_LENGTH / 4] = &ccp->aux_length,
    };
    if (offset == SP_CCP_OP) {
        start(sp, value);
        return true;
    }
    uint32_t index = offset / 4;
    if (index >= sizeof registers / sizeof registers[0] || registers[index] == NULL) {
        return false;
    }
    *registers[index] = value;
    return true;
}
