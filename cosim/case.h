/*
 * One test case: everything that is done to an engine from reset to empty, as lists that can be
 * shortened. A case is made from (seed, index) alone, so that each can be repeated by itself.
 */
#ifndef COSIM_CASE_H
#define COSIM_CASE_H

#include "cbit/aes/cipher.h"
#include "cbit/aes/pins.h"
#include "cbit/base/rng.h"

typedef struct cbit_case_line {
    cbit_spa_t spa; /* of the line */
    uint16_t slot;
    bool bypass;
    uint8_t first_block;
    uint8_t tag;
    uint8_t gap[CBIT_LINE_BEATS]; /* idle clocks before each beat */
    uint8_t data[CBIT_LINE_BYTES];
} cbit_case_line_t;

typedef enum cbit_case_event_kind {
    CBIT_CASE_KEY,     /* load or clear a slot: in order, each as soon as the one before is done */
    CBIT_CASE_ZEROISE, /* for `count` clocks */
    CBIT_CASE_RESET,   /* for `count` clocks; the tweak is written again afterwards */
    CBIT_CASE_TWEAK,   /* replace constant `slot` by `key` */
    CBIT_CASE_XE,      /* count: 0 XEX, 1 XE */
} cbit_case_event_kind_t;

typedef struct cbit_case_event {
    uint32_t at_clock; /* not before; ascending, counted from the end of the preamble */
    cbit_case_event_kind_t kind;
    bool clear;
    uint16_t slot;
    uint16_t count;
    uint8_t key[CBIT_KEY_BYTES];
} cbit_case_event_t;

typedef struct cbit_case {
    uint64_t seed;
    uint64_t index;
    cbit_tweak_t tweak; /* written in the preamble */
    bool xe;
    uint8_t stall_percent[CBIT_AES_LANES];
    uint64_t stall_seed; /* which clocks: a hash of it, the lane and the clock */
    cbit_case_line_t *lines[CBIT_AES_LANES];
    uint32_t line_count[CBIT_AES_LANES];
    cbit_case_event_t *events;
    uint32_t event_count;
} cbit_case_t;

/* How a campaign's cases are drawn. */
typedef struct cbit_case_knobs {
    uint32_t lines_per_lane;
    uint32_t key_slots;
    bool full_rate; /* no gaps, stalls or events after the first keys: for measuring speed */
} cbit_case_knobs_t;

/* NO_MEMORY leaves *out empty. */
cbit_err_t cbit_case_make(const cbit_case_knobs_t *knobs, uint64_t seed, uint64_t index,
                          cbit_case_t *out);
cbit_err_t cbit_case_copy(const cbit_case_t *from, cbit_case_t *out);
void cbit_case_free(cbit_case_t *what);

/* True on clocks on which the lane's consumer is not ready. */
bool cbit_case_stalls(const cbit_case_t *what, uint32_t lane, uint64_t clock);

#endif
