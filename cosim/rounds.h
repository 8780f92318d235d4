/*
 * The values between the rounds of one block, to say where a wrong answer went wrong. Explains
 * only: nothing is ever predicted or compared with these; tests/cosim holds them to OpenSSL's
 * answers.
 */
#ifndef COSIM_ROUNDS_H
#define COSIM_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>

#include "cbit/aes/engine.h"

enum { CBIT_ROUNDS = 10 };

typedef struct cbit_rounds {
    bool decrypt;
    uint8_t key[CBIT_ROUNDS + 1][CBIT_BLOCK_BYTES];   /* round keys 0..10 of FIPS-197 */
    uint8_t state[CBIT_ROUNDS + 1][CBIT_BLOCK_BYTES]; /* [r]: after round r; 10 is the answer */
} cbit_rounds_t;

/* Decryption in the order of FIPS-197's inverse cipher. */
void cbit_rounds_of(const uint8_t key[CBIT_KEY_BYTES], const uint8_t in[CBIT_BLOCK_BYTES],
                    bool decrypt, cbit_rounds_t *rounds);

/*
 * Says which round's value a wrong answer is: a round is missing. Otherwise goes back from it with
 * the right round keys: where few bytes are wrong the fault entered. False (and text "") when that
 * does not tell: a wrong key or input differs everywhere.
 */
bool cbit_rounds_explain(const cbit_rounds_t *rounds, const uint8_t actual[CBIT_BLOCK_BYTES],
                         char *text, size_t len_bytes);

#endif
