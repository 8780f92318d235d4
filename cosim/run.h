/* Runs one case on a device beside the golden model, clock by clock. */
#ifndef COSIM_RUN_H
#define COSIM_RUN_H

#include "cosim/case.h"
#include "cosim/coverage.h"
#include "cosim/device.h"

enum { CBIT_RUN_RESET_CLOCKS = 3 }; /* that a device sees before a case's cycle 0 */

typedef struct cbit_run_counts {
    uint64_t cycles;
    uint64_t beats_compared; /* delivered */
    uint64_t beats[CBIT_AES_LANES];
    uint64_t lines_compared; /* whose last beat was delivered */
    uint64_t stalls;         /* clocks in which a lane's output waited */
    uint64_t key_writes;
    uint64_t bypassed; /* beats */
    uint64_t errors;   /* beats that were answered with an error */
    uint64_t resets;
    uint64_t zeroises;
    uint64_t latency_clocks; /* shortest of a private line's first beat; 0: none left */
} cbit_run_counts_t;

typedef struct cbit_run_mismatch {
    bool any;
    uint64_t cycle; /* of the case, preamble included */
    uint64_t beat;  /* of the lane, delivered before it in this case */
    uint32_t lane;
    cbit_spa_t spa; /* of the beat that should have been there; 0 when none */
    uint16_t slot;
    bool data_differ;               /* both answered, without error, with different data */
    bool xe;                        /* what the pins said on that clock */
    uint8_t data[CBIT_BLOCK_BYTES]; /* that the beat went in with */
    char text[256];
    cbit_aes_pins_out_t expected, actual;
} cbit_run_mismatch_t;

/*
 * Both devices are reset first. golden clock NULL: nothing is compared (to measure a bare device).
 * coverage may be NULL. Stops at the first clock that differs; max_cycles (0: no limit) ends a case
 * that does not come to an end, as a mismatch.
 */
void cbit_run_case(const cbit_case_t *what, const cbit_aes_pins_config_t *config,
                   const cbit_device_t *golden, const cbit_device_t *device, uint64_t max_cycles,
                   cbit_run_counts_t *counts, cbit_coverage_t *coverage,
                   cbit_run_mismatch_t *mismatch);

#endif
