/* The address tweak: T(a) is linear in the address, one constant per address bit. */
#include "cbit/aes/cipher.h"

#include <string.h>

#include "cbit/base/rng.h"

/*
 * First EPYC generation (7251): t4..t6 as published (Wilke et al., SEVurity, IEEE S&P 2020), each a
 * 32-bit word repeated four times. The constants above were not published to our knowledge:
 * assumed, of the same period, from a fixed stream, so that all first-generation machines share
 * them.
 */
static const uint8_t first_gen_words[][4] = {
    {0x82, 0x25, 0x38, 0x38},
    {0xec, 0x09, 0x07, 0x9c},
    {0x40, 0x00, 0x00, 0x18},
};
enum {
    FIRST_GEN_KNOWN = sizeof first_gen_words / sizeof first_gen_words[0],
    FIRST_GEN_STREAM = 0x7251,
};

static void init_per_boot(cbit_tweak_t *tweak, uint64_t seed)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, seed, CBIT_TWEAK_PER_BOOT);
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
        cbit_rng_bytes(&rng, tweak->t[i], CBIT_BLOCK_BYTES);
    }
}

static void init_first_gen(cbit_tweak_t *tweak)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, FIRST_GEN_STREAM, CBIT_TWEAK_FIRST_GEN);
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
        uint32_t known = i - CBIT_TWEAK_FIRST_BIT;
        uint8_t word[4];
        if (known < FIRST_GEN_KNOWN) {
            memcpy(word, first_gen_words[known], sizeof word);
        } else {
            cbit_rng_bytes(&rng, word, sizeof word);
        }
        for (uint32_t k = 0; k < CBIT_BLOCK_BYTES; k += sizeof word) {
            memcpy(tweak->t[i] + k, word, sizeof word);
        }
    }
}

void cbit_tweak_init(cbit_tweak_t *tweak, cbit_tweak_kind_t kind, uint64_t seed)
{
    memset(tweak, 0, sizeof *tweak);
    switch (kind) {
    case CBIT_TWEAK_PER_BOOT:
        init_per_boot(tweak, seed);
        break;
    case CBIT_TWEAK_FIRST_GEN:
        init_first_gen(tweak);
        break;
    case CBIT_TWEAK_ZERO:
        break;
    }
}

void cbit_tweak_of(const cbit_tweak_t *tweak, cbit_spa_t spa, uint8_t out[CBIT_BLOCK_BYTES])
{
    memset(out, 0, CBIT_BLOCK_BYTES);
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
        if ((spa >> i & 1) == 0) {
            continue;
        }
        for (uint32_t k = 0; k < CBIT_BLOCK_BYTES; k++) {
            out[k] ^= tweak->t[i][k];
        }
    }
}
