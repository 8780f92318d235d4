/**
 * @file
 * What the engine computes: AES-128 in XEX (or XE) form over 16-byte blocks, by OpenSSL.
 *
 *     C = E_K(P xor T(a)) xor T(a)        XE leaves the last xor out
 *
 * a is the block's system physical address, C-bit off. T(a) is the XOR over each set address bit
 * i >= 4 of a 128-bit constant t_i (docs/memory-encryption.md; published analyses of EPYC).
 */
#ifndef CBIT_AES_CIPHER_H
#define CBIT_AES_CIPHER_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/aes/engine.h"
#include "cbit/base/err.h"
#include "cbit/sim/txn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cbit_tweak_kind {
    CBIT_TWEAK_PER_BOOT,  /* 48 random constants, new at each reset */
    CBIT_TWEAK_FIRST_GEN, /* each constant repeats every 4 bytes; fixed */
    CBIT_TWEAK_ZERO,      /* no tweak: plain ECB, for vectors */
} cbit_tweak_kind_t;

typedef struct cbit_tweak {
    uint8_t t[CBIT_TWEAK_LAST_BIT + 1][CBIT_BLOCK_BYTES]; /* 0..3 are zero */
} cbit_tweak_t;

/* The constants of a kind; seed matters for PER_BOOT only. */
void cbit_tweak_init(cbit_tweak_t *tweak, cbit_tweak_kind_t kind, uint64_t seed);

/* T(a): the XOR of t_i over the set bits i of spa, 4..51. */
void cbit_tweak_of(const cbit_tweak_t *tweak, cbit_spa_t spa, uint8_t out[CBIT_BLOCK_BYTES]);

typedef struct cbit_cipher cbit_cipher_t; /* opaque: key slots with their OpenSSL contexts */

/* A cipher with `slots` empty key slots. On error *out is untouched. */
cbit_err_t cbit_cipher_create(uint32_t slots, const cbit_tweak_t *tweak, bool xe,
                              cbit_cipher_t **out);
void cbit_cipher_destroy(cbit_cipher_t *cipher); /* NULL is allowed; wipes the keys */

/* Replaces one constant (the engine's configuration port). */
void cbit_cipher_set_tweak(cbit_cipher_t *cipher, uint32_t index,
                           const uint8_t t[CBIT_BLOCK_BYTES]);

/* Loads a slot; key NULL clears it. RANGE for a slot that does not exist. */
cbit_err_t cbit_cipher_set_key(cbit_cipher_t *cipher, uint32_t slot, const uint8_t *key);
bool cbit_cipher_loaded(const cbit_cipher_t *cipher, uint32_t slot);

/*
 * len_bytes (a multiple of 16) from in to out, which may be the same, at spa (16-byte aligned).
 * KEY_NOT_LOADED fills out with zeros. No allocation.
 */
cbit_err_t cbit_cipher_encrypt(cbit_cipher_t *cipher, uint32_t slot, cbit_spa_t spa,
                               const uint8_t *in, uint8_t *out, uint32_t len_bytes);
cbit_err_t cbit_cipher_decrypt(cbit_cipher_t *cipher, uint32_t slot, cbit_spa_t spa,
                               const uint8_t *in, uint8_t *out, uint32_t len_bytes);

#ifdef __cplusplus
}
#endif
#endif
