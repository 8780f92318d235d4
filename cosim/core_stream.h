/* Blocks through a bare AES core with gaps, stalls, key changes and resets, each answer compared
   with OpenSSL. */
#ifndef COSIM_CORE_STREAM_H
#define COSIM_CORE_STREAM_H

#include "cosim/core.h"

/* Where cores come from: a fresh one for each stream; seed fills what reset leaves undefined. */
typedef struct cbit_core_maker {
    void *self;
    cbit_err_t (*make)(void *self, uint64_t seed, cbit_core_t **out);
    const cbit_core_rules_t *rules;
} cbit_core_maker_t;

/* Which blocks, and what happens around them. Block k is the same whatever `first` is. */
typedef struct cbit_core_stream {
    uint64_t seed;
    uint32_t first, blocks;
    uint8_t gap_percent, stall_percent, new_key_percent;
    uint8_t decrypt_percent; /* of a core that has both directions */
    bool known;              /* FIPS-197's and SP 800-38A's examples instead of random blocks */
    bool chained;            /* each answer is the next block (Monte Carlo) */
    uint32_t reset_after;    /* clocks after each block went in; 0: no resets */
    uint32_t undefined_seed; /* another one fills the core's undefined state differently */
    uint64_t max_cycles;     /* without an answer: the core never will */
    uint64_t stop_cycle;     /* the stream ends before this one; 0: when it is done */
} cbit_core_stream_t;

/* Things that happened; names in core_stream.c. */
enum { CBIT_CORE_BINS = 13 };
extern const char *const cbit_core_bin_names[CBIT_CORE_BINS];

typedef struct cbit_core_counts {
    uint64_t cycles, blocks, stalls, key_writes, resets;
    uint64_t stalled_clocks; /* on which valid and payload had to stay */
    uint64_t valid_dropped, payload_changed;
    uint64_t latency_min, latency_max;
    uint64_t first_in, last_in; /* cycles */
    uint64_t trace;             /* hash of valid, ready and answers on every clock */
    bool answer, ready;         /* on the last of them */
    uint64_t bins[CBIT_CORE_BINS];
} cbit_core_counts_t;

typedef struct cbit_core_mismatch {
    bool any, with_data;
    bool decrypt;
    uint64_t cycle, block;
    uint64_t taken_cycle; /* when the block went in */
    uint8_t key[CBIT_KEY_BYTES], data[CBIT_BLOCK_BYTES];
    uint8_t expected[CBIT_BLOCK_BYTES], actual[CBIT_BLOCK_BYTES];
    char text[256];
} cbit_core_mismatch_t;

/* True where the core has this direction. */
bool cbit_core_can(const cbit_core_rules_t *rules, bool decrypt);

/* *counts is added to. MISMATCH fills *mismatch; waves_path NULL: none. */
cbit_err_t cbit_core_stream_run(const cbit_core_maker_t *maker, const cbit_core_stream_t *stream,
                                cbit_core_counts_t *counts, cbit_core_mismatch_t *mismatch);

/* The same with waves from a cycle on; WRITE when they cannot be written. */
cbit_err_t cbit_core_stream_waves(const cbit_core_maker_t *maker, const cbit_core_stream_t *stream,
                                  const char *path, uint64_t from_cycle);

#endif
