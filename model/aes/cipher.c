/* Key slots with their OpenSSL contexts; a context per slot and direction, made when it is loaded.
 */
#include "cbit/aes/cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS_PER_LINE = CBIT_LINE_BYTES / CBIT_BLOCK_BYTES };

/* A block as two words: XOR is the same in either byte order. */
typedef struct block {
    uint64_t half[2];
} block_t;

typedef struct slot {
    EVP_CIPHER_CTX *ctx[CBIT_AES_LANES]; /* both or none */
} slot_t;

struct cbit_cipher {
    EVP_CIPHER *ecb; /* fetched once: a fetch costs more than ten lines */
    uint32_t slots;
    bool xe;
    block_t t[CBIT_TWEAK_LAST_BIT + 1];
    slot_t slot[];
};

static void free_slot(slot_t *slot)
{
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        EVP_CIPHER_CTX_free(slot->ctx[lane]); /* cleanses the key schedule */
        slot->ctx[lane] = NULL;
    }
}

cbit_err_t cbit_cipher_create(uint32_t slots, const cbit_tweak_t *tweak, bool xe,
                              cbit_cipher_t **out)
{
    cbit_cipher_t *cipher = calloc(1, sizeof *cipher + slots * sizeof cipher->slot[0]);
    if (cipher == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    cipher->ecb = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
    if (cipher->ecb == NULL) {
        free(cipher);
        return CBIT_ERR_TOOL;
    }
    cipher->slots = slots;
    cipher->xe = xe;
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
        cbit_cipher_set_tweak(cipher, i, tweak->t[i]);
    }
    *out = cipher;
    return CBIT_ERR_OK;
}

void cbit_cipher_destroy(cbit_cipher_t *cipher)
{
    if (cipher == NULL) {
        return;
    }
    for (uint32_t i = 0; i < cipher->slots; i++) {
        free_slot(&cipher->slot[i]);
    }
    EVP_CIPHER_free(cipher->ecb);
    free(cipher);
}

void cbit_cipher_set_tweak(cbit_cipher_t *cipher, uint32_t index, const uint8_t t[CBIT_BLOCK_BYTES])
{
    if (index >= CBIT_TWEAK_FIRST_BIT && index <= CBIT_TWEAK_LAST_BIT) {
        memcpy(&cipher->t[index], t, CBIT_BLOCK_BYTES);
    }
}

static EVP_CIPHER_CTX *make_context(const cbit_cipher_t *cipher, const uint8_t *key, int encrypt)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return NULL;
    }
    if (EVP_CipherInit_ex2(ctx, cipher->ecb, key, NULL, encrypt, NULL) != 1 ||
        EVP_CIPHER_CTX_set_padding(ctx, 0) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

cbit_err_t cbit_cipher_set_key(cbit_cipher_t *cipher, uint32_t slot, const uint8_t *key)
{
    if (slot >= cipher->slots) {
        return CBIT_ERR_RANGE;
    }
    slot_t fresh = {{NULL, NULL}};
    if (key != NULL) {
        fresh.ctx[CBIT_AES_ENCRYPT] = make_context(cipher, key, 1);
        fresh.ctx[CBIT_AES_DECRYPT] = make_context(cipher, key, 0);
        if (fresh.ctx[CBIT_AES_ENCRYPT] == NULL || fresh.ctx[CBIT_AES_DECRYPT] == NULL) {
            free_slot(&fresh);
            return CBIT_ERR_NO_MEMORY;
        }
    }
    free_slot(&cipher->slot[slot]);
    cipher->slot[slot] = fresh;
    return CBIT_ERR_OK;
}

bool cbit_cipher_loaded(const cbit_cipher_t *cipher, uint32_t slot)
{
    return slot < cipher->slots && cipher->slot[slot].ctx[CBIT_AES_ENCRYPT] != NULL;
}

static void xor_block(uint8_t *bytes, const block_t *with)
{
    block_t block;
    memcpy(&block, bytes, sizeof block);
    block.half[0] ^= with->half[0];
    block.half[1] ^= with->half[1];
    memcpy(bytes, &block, sizeof block);
}

/* T of the four blocks of the line at spa: 64-byte aligned. */
static void line_tweaks(const cbit_cipher_t *cipher, cbit_spa_t spa, block_t t[BLOCKS_PER_LINE])
{
    block_t base = {{0, 0}};
    uint64_t bits = spa >> 6;
    for (uint32_t i = 6; i <= CBIT_TWEAK_LAST_BIT && bits != 0; i++, bits >>= 1) {
        uint64_t mask = 0 - (bits & 1); /* no branch: address bits are as good as random */
        base.half[0] ^= cipher->t[i].half[0] & mask;
        base.half[1] ^= cipher->t[i].half[1] & mask;
    }
    for (uint32_t block = 0; block < BLOCKS_PER_LINE; block++) {
        t[block] = base;
        for (uint32_t bit = 0; bit < 2; bit++) {
            if ((block >> bit & 1) != 0) {
                t[block].half[0] ^= cipher->t[CBIT_TWEAK_FIRST_BIT + bit].half[0];
                t[block].half[1] ^= cipher->t[CBIT_TWEAK_FIRST_BIT + bit].half[1];
            }
        }
    }
}

/* At most one line; which of the two XORs XE leaves out is always the ciphertext's. */
static cbit_err_t crypt_line(const cbit_cipher_t *cipher, EVP_CIPHER_CTX *ctx, bool encrypt,
                             cbit_spa_t spa, const uint8_t *in, uint8_t *out, uint32_t len_bytes)
{
    block_t t[BLOCKS_PER_LINE];
    uint8_t bytes[CBIT_LINE_BYTES];
    uint32_t first = (uint32_t)(spa % CBIT_LINE_BYTES) / CBIT_BLOCK_BYTES;
    bool before = encrypt || !cipher->xe;
    bool after = !encrypt || !cipher->xe;
    line_tweaks(cipher, spa - spa % CBIT_LINE_BYTES, t);
    memcpy(bytes, in, len_bytes);
    for (uint32_t k = 0; before && k < len_bytes / CBIT_BLOCK_BYTES; k++) {
        xor_block(bytes + k * CBIT_BLOCK_BYTES, &t[first + k]);
    }
    int done = 0;
    if (EVP_CipherUpdate(ctx, out, &done, bytes, (int)len_bytes) != 1 || done != (int)len_bytes) {
        return CBIT_ERR_INTERNAL;
    }
    for (uint32_t k = 0; after && k < len_bytes / CBIT_BLOCK_BYTES; k++) {
        xor_block(out + k * CBIT_BLOCK_BYTES, &t[first + k]);
    }
    return CBIT_ERR_OK;
}

static cbit_err_t crypt(cbit_cipher_t *cipher, cbit_aes_lane_t lane, uint32_t slot, cbit_spa_t spa,
                        const uint8_t *in, uint8_t *out, uint32_t len_bytes)
{
    if (len_bytes % CBIT_BLOCK_BYTES != 0 || spa % CBIT_BLOCK_BYTES != 0) {
        return CBIT_ERR_RANGE;
    }
    if (!cbit_cipher_loaded(cipher, slot)) {
        memset(out, 0, len_bytes);
        return CBIT_ERR_KEY_NOT_LOADED;
    }
    EVP_CIPHER_CTX *ctx = cipher->slot[slot].ctx[lane];
    while (len_bytes > 0) {
        uint32_t room = CBIT_LINE_BYTES - (uint32_t)(spa % CBIT_LINE_BYTES);
        uint32_t chunk = len_bytes < room ? len_bytes : room;
        cbit_err_t err = crypt_line(cipher, ctx, lane == CBIT_AES_ENCRYPT, spa, in, out, chunk);
        if (err != CBIT_ERR_OK) {
            return err;
        }
        spa += chunk;
        in += chunk;
        out += chunk;
        len_bytes -= chunk;
    }
    return CBIT_ERR_OK;
}

cbit_err_t cbit_cipher_encrypt(cbit_cipher_t *cipher, uint32_t slot, cbit_spa_t spa,
                               const uint8_t *in, uint8_t *out, uint32_t len_bytes)
{
    return crypt(cipher, CBIT_AES_ENCRYPT, slot, spa, in, out, len_bytes);
}

cbit_err_t cbit_cipher_decrypt(cbit_cipher_t *cipher, uint32_t slot, cbit_spa_t spa,
                               const uint8_t *in, uint8_t *out, uint32_t len_bytes)
{
    return crypt(cipher, CBIT_AES_DECRYPT, slot, spa, in, out, len_bytes);
}
