/* What a wrong block looks like: the right answer to another question, most of the time. */
#ifndef COSIM_CAUSE_H
#define COSIM_CAUSE_H

#include "cbit/aes/cipher.h"

enum { CBIT_CAUSE_KEYS = 256 };

typedef struct cbit_cause {
    bool decrypt;
    bool engine; /* has a tweak; else a bare core */
    bool xe;
    cbit_spa_t spa;
    uint16_t slot;
    const cbit_tweak_t *tweak; /* an engine's */
    uint8_t key[CBIT_KEY_BYTES], data[CBIT_BLOCK_BYTES];
    uint8_t expected[CBIT_BLOCK_BYTES], actual[CBIT_BLOCK_BYTES];
    struct {
        uint16_t slot;
        const uint8_t *key;
    } keys[CBIT_CAUSE_KEYS]; /* others that were around */
    uint32_t key_count;
} cbit_cause_t;

/* False (and text "") when no question is found to which this is the answer. */
bool cbit_cause_find(const cbit_cause_t *cause, char *text, size_t len_bytes);

/* Which of the keys gives the expected block; false when none does (a constant has changed). */
bool cbit_cause_key(cbit_cause_t *cause);

#endif
