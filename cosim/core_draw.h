/* The blocks of a stream: each is drawn from the stream's seed and its own number. */
#ifndef COSIM_CORE_DRAW_H
#define COSIM_CORE_DRAW_H

#include "cbit/aes/cipher.h"
#include "cbit/base/rng.h"
#include "cosim/core_stream.h"

typedef struct cbit_core_job {
    bool decrypt, new_key;
    uint32_t gap;    /* clocks before it */
    uint64_t number; /* of the stream */
    uint64_t cycle;  /* on which it went in; set by who sends it */
    uint8_t key[CBIT_KEY_BYTES], data[CBIT_BLOCK_BYTES], expected[CBIT_BLOCK_BYTES];
} cbit_core_job_t;

/*
 * Block `number`, with the answer that OpenSSL gives; last: the one that went in before it, or
 * NULL. The cipher's slot 0 gets its key.
 */
cbit_err_t cbit_core_draw(const cbit_core_rules_t *rules, const cbit_core_stream_t *stream,
                          cbit_cipher_t *cipher, uint32_t number, const cbit_core_job_t *last,
                          cbit_core_job_t *job);

#endif
