/*
 * What the first exit is when a vCPU runs its code under a key that is not its guest's, over many
 * keys; and when its code is replaced by random bytes instead.
 */
#ifndef CBIT_TEST_KEY_EXPERIMENT_H
#define CBIT_TEST_KEY_EXPERIMENT_H

#include "cbit/attacker.h"

enum { KEY_OUTCOMES = 16, KEY_SAMPLES = 2 };

typedef struct key_experiment {
    uint64_t seed;
    uint32_t runs; /* of each sample: LAUNCH_START and ACTIVATE, random bytes */
    bool over;
    uint64_t foreign_blocks, blocks;
    const char *outcomes[KEY_OUTCOMES]; /* static texts, in the order of their first showing */
    uint32_t kinds;
    uint32_t counts[KEY_SAMPLES][KEY_OUTCOMES];
} key_experiment_t;

void key_experiment_init(key_experiment_t *experiment, cbit_attack_t *attack);

/* Chi-square of the two samples being of one distribution; outcomes that are expected less than
 *five times count as one. degrees is the number of degrees of freedom. */
double key_experiment_chi_square(const key_experiment_t *experiment, uint32_t *degrees);

#endif
