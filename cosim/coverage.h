/* Named bins: what a campaign has made happen. docs/testplan.md refers to the names. */
#ifndef COSIM_COVERAGE_H
#define COSIM_COVERAGE_H

#include "cbit/aes/pins.h"

enum { CBIT_COVERAGE_MAX_BINS = 400, CBIT_COVERAGE_NAME_BYTES = 48 };

/* What is remembered of a lane between clocks. */
typedef struct cbit_coverage_lane {
    bool open; /* a line has begun and not ended at the input */
    bool plain, had_line, had_plain;
    bool stalled_plain;
    uint16_t slot, had_slot;
    uint8_t tag; /* of the open line */
    bool tag_plain[256];
} cbit_coverage_lane_t;

typedef struct cbit_coverage {
    cbit_aes_pins_config_t config;
    char name[CBIT_COVERAGE_MAX_BINS]
             [CBIT_COVERAGE_NAME_BYTES]; /* empty: does not exist with these parameters */
    uint64_t hits[CBIT_COVERAGE_MAX_BINS];
    uint32_t inside[CBIT_AES_LANES]; /* beats in each lane before the clock; set by the caller */
    cbit_coverage_lane_t lane[CBIT_AES_LANES];
    bool xe;
    uint32_t key_waited; /* clocks that a key write has been waiting */
} cbit_coverage_t;

/* The bins that exist for these parameters: one that cannot be hit is not there. */
void cbit_coverage_init(cbit_coverage_t *coverage, const cbit_aes_pins_config_t *config);

/* Notes one clock. */
void cbit_coverage_clock(cbit_coverage_t *coverage, const cbit_aes_pins_in_t *in,
                         const cbit_aes_pins_out_t *out);

/* Adds the hits of another campaign with the same parameters. */
void cbit_coverage_merge(cbit_coverage_t *into, const cbit_coverage_t *from);

/* How many bins exist, and how many of them were hit. */
uint32_t cbit_coverage_bins(const cbit_coverage_t *coverage);
uint32_t cbit_coverage_hit(const cbit_coverage_t *coverage);

#endif
