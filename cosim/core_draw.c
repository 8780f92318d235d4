#include "cosim/core_draw.h"

#include <stdio.h>
#include <string.h>

enum {
    KNOWN_PAIRS = 6,
    EXTREME_PERCENT = 4, /* blocks of zeros or ones */
};

/* FIPS-197 appendices B and C.1, SP 800-38A F.1.1. */
static const struct {
    const char *key, *plain, *secret;
} known[KNOWN_PAIRS] = {
    {"2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734",
     "3925841d02dc09fbdc118597196a0b32"},
    {"000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff",
     "69c4e0d86a7b0430d8cdb78070b4c55a"},
    {"2b7e151628aed2a6abf7158809cf4f3c", "6bc1bee22e409f96e93d7e117393172a",
     "3ad77bb40d7a3660a89ecaf32466ef97"},
    {"2b7e151628aed2a6abf7158809cf4f3c", "ae2d8a571e03ac9c9eb76fac45af8e51",
     "f5d3d58503b9699de785895a96fdbaaf"},
    {"2b7e151628aed2a6abf7158809cf4f3c", "30c81c46a35ce411e5fbc1191a0a52ef",
     "43b1cd7f598ece23881b00e3ed030688"},
    {"2b7e151628aed2a6abf7158809cf4f3c", "f69f2445df4f9b17ad2b417be66c3710",
     "7b0c785e27e8ad3f8223207104725dd4"},
};

bool cbit_core_can(const cbit_core_rules_t *rules, bool decrypt)
{
    return rules->directions == CBIT_CORE_BOTH ||
           (rules->directions == CBIT_CORE_DECRYPTS) == decrypt;
}

static void from_hex(const char *text, uint8_t bytes[CBIT_BLOCK_BYTES])
{
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        unsigned value = 0;
        (void)sscanf(text + 2 * i, "%2x", &value);
        bytes[i] = (uint8_t)value;
    }
}

static bool percent(cbit_rng_t *rng, uint32_t chance)
{
    return cbit_rng_below(rng, 100) < chance;
}

static void draw_random(const cbit_core_rules_t *rules, const cbit_core_stream_t *stream,
                        cbit_rng_t *rng, const cbit_core_job_t *last, cbit_core_job_t *job)
{
    bool wanted = percent(rng, stream->decrypt_percent);
    job->decrypt = cbit_core_can(rules, wanted) ? wanted : !wanted;
    cbit_rng_bytes(rng, job->data, sizeof job->data);
    if (percent(rng, EXTREME_PERCENT)) {
        memset(job->data, percent(rng, 50) ? 0xFF : 0x00, sizeof job->data);
    }
    if (job->new_key || last == NULL) {
        cbit_rng_bytes(rng, job->key, sizeof job->key);
    } else {
        memcpy(job->key, last->key, sizeof job->key);
    }
    if (stream->chained && last != NULL) {
        memcpy(job->data, last->expected, sizeof job->data);
        job->decrypt = last->decrypt;
    }
}

/* Each pair in each direction that the core has. */
static void draw_known(const cbit_core_rules_t *rules, const cbit_core_job_t *last,
                       cbit_core_job_t *job)
{
    bool both = rules->directions == CBIT_CORE_BOTH;
    uint32_t pair = (uint32_t)(job->number / (both ? 2 : 1) % KNOWN_PAIRS);
    job->decrypt = both ? job->number % 2 != 0 : rules->directions == CBIT_CORE_DECRYPTS;
    from_hex(known[pair].key, job->key);
    from_hex(job->decrypt ? known[pair].secret : known[pair].plain, job->data);
    job->new_key = last == NULL || memcmp(job->key, last->key, sizeof job->key) != 0;
}

cbit_err_t cbit_core_draw(const cbit_core_rules_t *rules, const cbit_core_stream_t *stream,
                          cbit_cipher_t *cipher, uint32_t number, const cbit_core_job_t *last,
                          cbit_core_job_t *job)
{
    cbit_rng_t rng;
    *job = (cbit_core_job_t){.number = number};
    cbit_rng_init(&rng, stream->seed, number);
    job->new_key = percent(&rng, stream->new_key_percent) || last == NULL;
    job->gap = percent(&rng, stream->gap_percent) ? 1 + (uint32_t)cbit_rng_below(&rng, 20) : 0;
    if (stream->known) {
        draw_known(rules, last, job);
    } else {
        draw_random(rules, stream, &rng, last, job);
    }
    bool same = last != NULL && memcmp(job->key, last->key, sizeof job->key) == 0;
    cbit_err_t err = same ? CBIT_ERR_OK : cbit_cipher_set_key(cipher, 0, job->key);
    if (err == CBIT_ERR_OK) {
        err = (job->decrypt ? cbit_cipher_decrypt : cbit_cipher_encrypt)(
            cipher, 0, 0, job->data, job->expected, sizeof job->expected);
    }
    return err;
}
