#include "cbit/cosim/golden.h"

#include <stddef.h>

#include "cbit/aes/cipher.h"

enum { MAX_SLOTS = 1024, WORD_BITS = 32, WORD_BYTES = 4 };

/* Byte 0 is the top byte of the vector, whose lowest word comes first. */
static void to_bytes(const uint32_t *words, uint8_t bytes[CBIT_BLOCK_BYTES])
{
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        uint32_t from = CBIT_BLOCK_BYTES - 1 - i;
        bytes[i] = (uint8_t)(words[from / WORD_BYTES] >> 8 * (from % WORD_BYTES));
    }
}

static void to_words(const uint8_t bytes[CBIT_BLOCK_BYTES], uint32_t *words)
{
    for (uint32_t w = 0; w < CBIT_BLOCK_BYTES / WORD_BYTES; w++) {
        words[w] = 0;
    }
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        uint32_t to = CBIT_BLOCK_BYTES - 1 - i;
        words[to / WORD_BYTES] |= (uint32_t)bytes[i] << 8 * (to % WORD_BYTES);
    }
}

void *cbit_golden_new(int32_t slots, int32_t xe)
{
    cbit_tweak_t none;
    cbit_cipher_t *cipher = NULL;
    cbit_tweak_init(&none, CBIT_TWEAK_ZERO, 0);
    if (slots < 1 || slots > MAX_SLOTS) {
        return NULL;
    }
    return cbit_cipher_create((uint32_t)slots, &none, xe != 0, &cipher) == CBIT_ERR_OK ? cipher
                                                                                       : NULL;
}

void cbit_golden_free(void *golden)
{
    cbit_cipher_destroy(golden);
}

int32_t cbit_golden_key(void *golden, int32_t slot, const uint32_t *key)
{
    uint8_t bytes[CBIT_KEY_BYTES];
    to_bytes(key, bytes);
    return slot >= 0 && cbit_cipher_set_key(golden, (uint32_t)slot, bytes) == CBIT_ERR_OK
               ? CBIT_GOLDEN_OK
               : CBIT_GOLDEN_RANGE;
}

int32_t cbit_golden_key_clear(void *golden, int32_t slot)
{
    return slot >= 0 && cbit_cipher_set_key(golden, (uint32_t)slot, NULL) == CBIT_ERR_OK
               ? CBIT_GOLDEN_OK
               : CBIT_GOLDEN_RANGE;
}

int32_t cbit_golden_tweak(void *golden, int32_t index, const uint32_t *constant)
{
    uint8_t bytes[CBIT_BLOCK_BYTES];
    if (index < (int32_t)CBIT_TWEAK_FIRST_BIT || index > (int32_t)CBIT_TWEAK_LAST_BIT) {
        return CBIT_GOLDEN_RANGE;
    }
    to_bytes(constant, bytes);
    cbit_cipher_set_tweak(golden, (uint32_t)index, bytes);
    return CBIT_GOLDEN_OK;
}

typedef cbit_err_t (*crypt_t)(cbit_cipher_t *cipher, uint32_t slot, cbit_spa_t spa,
                              const uint8_t *in, uint8_t *out, uint32_t len_bytes);

static int32_t crypt(crypt_t by, void *golden, int32_t slot, uint64_t address, const uint32_t *in,
                     uint32_t *out)
{
    uint8_t from[CBIT_BLOCK_BYTES], to[CBIT_BLOCK_BYTES] = {0};
    to_bytes(in, from);
    cbit_err_t err = by(golden, (uint32_t)slot, address & ~UINT64_C(15), from, to, sizeof to);
    to_words(to, out);
    return err == CBIT_ERR_OK ? CBIT_GOLDEN_OK : CBIT_GOLDEN_NOT_LOADED;
}

int32_t cbit_golden_encrypt(void *golden, int32_t slot, uint64_t address, const uint32_t *in,
                            uint32_t *out)
{
    return crypt(cbit_cipher_encrypt, golden, slot, address, in, out);
}

int32_t cbit_golden_decrypt(void *golden, int32_t slot, uint64_t address, const uint32_t *in,
                            uint32_t *out)
{
    return crypt(cbit_cipher_decrypt, golden, slot, address, in, out);
}
