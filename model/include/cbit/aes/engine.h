/**
 * @file
 * The inline AES engine of one memory channel, as a table of functions.
 *
 * There are three: the timing model with OpenSSL data (model/aes), the Verilated RTL (cosim), and
 * both in lock-step (cosim). The memory controller cannot tell them apart. It offers lines,
 * advances the engine to the present, and asks whether a line has come out.
 *
 * Two lanes, encrypt and decrypt. A line is four 16-byte beats in wrap order from its critical
 * block. Beat i is presented at the input from edge beat_eclk[i] on, in order, until it is
 * accepted. Outputs are always accepted, because the controller reserves room beforehand. Edges
 * count the engine's clock from reset.
 */
#ifndef CBIT_AES_ENGINE_H
#define CBIT_AES_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/base/rows.h"
#include "cbit/sim/txn.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_LINE_BEATS = 4,
    CBIT_KEY_BYTES = 16,
    CBIT_TWEAK_FIRST_BIT = 4,
    CBIT_TWEAK_LAST_BIT = 51,
};

typedef enum cbit_aes_lane { CBIT_AES_ENCRYPT, CBIT_AES_DECRYPT, CBIT_AES_LANES } cbit_aes_lane_t;

typedef enum cbit_aes_error {
    CBIT_AES_OK = 0,
    CBIT_AES_NOT_LOADED = 1, /* data is zero */
    CBIT_AES_FAULT = 2,
} cbit_aes_error_t;

typedef struct cbit_aes_line {
    cbit_spa_t spa; /* 64-byte aligned */
    uint64_t
        beat_eclk[CBIT_LINE_BEATS]; /* non-decreasing, after every earlier line's of the lane */
    uint16_t slot;                  /* 0..1023; one beyond key_slots is not loaded */
    bool bypass;                    /* PLAIN: the bytes are left alone */
    uint8_t first_block; /* critical block, 0..3: beat i is block (first_block + i) mod 4 */
    uint8_t tag;         /* the caller's; unique among lines inside the lane */
    uint8_t data[CBIT_LINE_BYTES]; /* in address order, whatever first_block is */
} cbit_aes_line_t;

typedef struct cbit_aes_result {
    uint8_t data[CBIT_LINE_BYTES];      /* in address order */
    uint64_t out_eclk[CBIT_LINE_BEATS]; /* edge on which beat i left */
    uint64_t waited_eclk; /* last beat: clocks beyond depth (1 for bypass) after its presentation */
    cbit_aes_error_t error;
} cbit_aes_result_t;

/* Lines count when they are taken, key writes when they are requested. Equal for every engine. */
typedef struct cbit_aes_counters {
    uint64_t lines_encrypted; /* under a key, loaded or not */
    uint64_t lines_decrypted;
    uint64_t lines_bypassed;
    uint64_t stall_eclk; /* sum of waited_eclk */
    uint64_t key_writes;
} cbit_aes_counters_t;

extern const cbit_row_t cbit_aes_engine_stat_rows[];

typedef struct cbit_aes_engine_ops {
    /* Accept edge to earliest transfer edge of an encrypted or decrypted beat. */
    uint32_t (*depth_eclk)(const void *self);

    /* Sets the tweak's constant t_index, index 4..51. Before the first line. */
    void (*tweak_write)(void *self, uint32_t index, const uint8_t t[CBIT_BLOCK_BYTES]);

    /*
     * Loads a slot, or clears it (key NULL), on the first possible edge from at_eclk on. A load
     * takes ten more edges, in which the engine computes the last round key. A line whose first
     * beat is accepted on the edge of the switch or before uses the old key. Writes queue; at most
     * key_slots may be under way. A slot that does not exist is ignored. Returns the edge of the
     * switch, or 0 if it is not known.
     */
    uint64_t (*key_write)(void *self, uint64_t at_eclk, uint16_t slot, const uint8_t *key);

    /* Offers a line. All its beats must lie after the last edge advanced to, and its tag must be
       free in the lane (a line frees its tag when it is taken). Returns the first edge at which
       take will succeed if that is already certain, else 0. */
    uint64_t (*offer)(void *self, cbit_aes_lane_t lane, const cbit_aes_line_t *line);

    /*
     * For callers that only need to know when a line is out. The line's beats come every step_eclk
     * edges (1 or more) from first_eclk on. True if it waits nowhere, its slot has a key and no key
     * is being written. Its last beat then leaves depth edges after it came (one edge if bypassed
     * out of order). Such a line is not offered; once it is out, the caller counts it in *passed
     * with cbit_aes_count_line. False: nothing has happened. NULL: for engines whose lines have
     * bytes.
     */
    bool (*pass)(void *self, cbit_aes_lane_t lane, uint16_t slot, bool bypass, uint64_t first_eclk,
                 uint64_t step_eclk);
    cbit_aes_counters_t *(*passed)(void *self);

    /* Clocks the engine through all edges up to and including eclk. */
    void (*advance)(void *self, uint64_t eclk);

    /* The result of a line that has left entirely by the edge advanced to; the engine forgets the
       line. NULL if it has not left. Valid until the next offer. */
    const cbit_aes_result_t *(*take)(void *self, cbit_aes_lane_t lane, uint8_t tag);

    /* A lower bound for the first edge at which take succeeds for an offered line, so that the
       caller need not ask in every clock. NULL: for an engine that cannot tell. */
    uint64_t (*least_out_eclk)(const void *self, cbit_aes_lane_t lane, uint8_t tag);

    void (*counters)(const void *self, cbit_aes_counters_t *counters);
    void (*destroy)(void *self);
} cbit_aes_engine_ops_t;

typedef struct cbit_aes_engine {
    void *self;
    const cbit_aes_engine_ops_t *ops; /* NULL: no engine (--engine off) */
} cbit_aes_engine_t;

/* How platforms get their engines: one call for each channel, before the first request. */
typedef struct cbit_aes_engine_config {
    uint32_t key_slots;        /* slots 0..key_slots-1 exist */
    uint32_t depth_eclk;       /* 1..64 */
    uint32_t blocks_per_clock; /* 16-byte blocks accepted per engine clock and lane; 1, 2 or 4 */
    bool shared_lane;          /* one pipeline serves both directions */
    bool bypass_in_order;      /* PLAIN beats go through the pipeline instead of around it */
    bool xe;                   /* first-generation cipher: no output whitening */
} cbit_aes_engine_config_t;

extern const cbit_row_t cbit_aes_engine_rows[];

/* RANGE unless blocks_per_clock is 1, 2 or 4 and the rest is within its rows. */
cbit_err_t cbit_aes_engine_check(const cbit_aes_engine_config_t *config);

typedef struct cbit_aes_engine_factory {
    void *self;
    /* On error *out is untouched. channel is for messages only. */
    cbit_err_t (*create)(void *self, uint32_t channel, const cbit_aes_engine_config_t *config,
                         cbit_aes_engine_t *out);
} cbit_aes_engine_factory_t;

/* Counts one line that was taken. */
static inline void cbit_aes_count_line(cbit_aes_counters_t *counters, cbit_aes_lane_t lane,
                                       bool bypass, uint64_t waited_eclk)
{
    if (bypass) {
        counters->lines_bypassed++;
    } else if (lane == CBIT_AES_ENCRYPT) {
        counters->lines_encrypted++;
    } else {
        counters->lines_decrypted++;
    }
    counters->stall_eclk += waited_eclk;
}

/* The timing model with OpenSSL data. */
extern const cbit_aes_engine_factory_t cbit_aes_model_factory;

/* The same timing, errors and counters without any data: lines' and results' bytes are left alone.
 */
extern const cbit_aes_engine_factory_t cbit_aes_timing_factory;

#ifdef __cplusplus
}
#endif
#endif
