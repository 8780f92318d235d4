#include "tests/scenario/key_experiment.h"

#include <openssl/evp.h>
#include <string.h>

#include "cbit_test.h"

static void count(key_experiment_t *experiment, uint32_t sample, const cbit_run_event_t *seen)
{
    uint32_t at = 0;
    while (at < experiment->kinds && strcmp(experiment->outcomes[at], seen->outcome) != 0) {
        at++;
    }
    ck_assert_uint_lt(at, KEY_OUTCOMES);
    experiment->outcomes[at] = seen->outcome;
    experiment->kinds += at == experiment->kinds;
    experiment->counts[sample][at]++;
    experiment->foreign_blocks += seen->foreign_blocks;
    experiment->blocks += seen->blocks;
}

/* A fresh guest context and its key each time. */
static void other_keys(key_experiment_t *experiment, cbit_attacker_t *hands)
{
    for (uint32_t i = 0; i < experiment->runs; i++) {
        cbit_run_event_t seen;
        ck_assert_int_eq(cbit_attacker_activate_other_key(hands, &seen), CBIT_ERR_OK);
        count(experiment, 0, &seen);
    }
}

/* The page at RIP, as DRAM holds it, becomes random: decryption is a permutation, so its code is
 * random as well. */
static void random_bytes(key_experiment_t *experiment, cbit_attacker_t *hands)
{
    uint8_t own[CBIT_PAGE_BYTES], random[CBIT_PAGE_BYTES], key[32] = {0};
    static const uint8_t zeros[CBIT_PAGE_BYTES];
    memcpy(key, &experiment->seed, sizeof experiment->seed);
    EVP_CIPHER_CTX *stream = EVP_CIPHER_CTX_new();
    ck_assert_int_eq(EVP_EncryptInit_ex(stream, EVP_aes_256_ctr(), NULL, key, zeros), 1);
    ck_assert_int_eq(cbit_attacker_read_ciphertext(hands, 0, CBIT_GUEST_BOOT_GPA, own, sizeof own),
                     CBIT_ERR_OK);
    for (uint32_t i = 0; i < experiment->runs; i++) {
        cbit_run_event_t seen;
        int len;
        ck_assert_int_eq(EVP_EncryptUpdate(stream, random, &len, zeros, sizeof zeros), 1);
        ck_assert_int_eq(
            cbit_attacker_write_ciphertext(hands, 0, CBIT_GUEST_BOOT_GPA, random, sizeof random),
            CBIT_ERR_OK);
        ck_assert_int_eq(cbit_attacker_run_with_asid(hands, 1, true, &seen), CBIT_ERR_OK);
        count(experiment, 1, &seen);
    }
    ck_assert_int_eq(cbit_attacker_write_ciphertext(hands, 0, CBIT_GUEST_BOOT_GPA, own, sizeof own),
                     CBIT_ERR_OK);
    EVP_CIPHER_CTX_free(stream);
}

static cbit_attack_reply_t on_exit_of(void *self, cbit_attacker_t *hands,
                                      const cbit_attack_exit_t *exit)
{
    key_experiment_t *experiment = self;
    if (!experiment->over && exit->guest == 0) {
        experiment->over = true;
        ck_assert(!cbit_guest_paged(cbit_attacker_guest(hands, 0), 0));
        other_keys(experiment, hands);
        random_bytes(experiment, hands);
    }
    return CBIT_ATTACK_PASS;
}

/* The interval ends the first VMRUN before the boot stub turns paging on; half a us later it has.
 */
void key_experiment_init(key_experiment_t *experiment, cbit_attack_t *attack)
{
    *attack = (cbit_attack_t){.self = experiment, .every_ps = 380000, .on_exit = on_exit_of};
}

double key_experiment_chi_square(const key_experiment_t *experiment, uint32_t *degrees)
{
    double sum = 0, rare[KEY_SAMPLES] = {0};
    *degrees = 0;
    for (uint32_t at = 0; at <= experiment->kinds; at++) {
        bool last = at == experiment->kinds;
        double seen[KEY_SAMPLES];
        for (uint32_t s = 0; s < KEY_SAMPLES; s++) {
            seen[s] = last ? rare[s] : experiment->counts[s][at];
        }
        double expected = (seen[0] + seen[1]) / 2; /* both samples have as many runs */
        if (!last && expected < 5) {
            rare[0] += seen[0];
            rare[1] += seen[1];
        } else if (expected > 0) {
            for (uint32_t s = 0; s < KEY_SAMPLES; s++) {
                sum += (seen[s] - expected) * (seen[s] - expected) / expected;
            }
            ++*degrees;
        }
    }
    --*degrees;
    return sum;
}
