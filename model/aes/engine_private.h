/* The inside of the timing model, shared by its three files: who makes and asks it (engine.c), when
   beats leave (engine_lanes.c), and by which key (engine_keys.c). */
#ifndef CBIT_MODEL_AES_ENGINE_PRIVATE_H
#define CBIT_MODEL_AES_ENGINE_PRIVATE_H

#include "cbit/aes/cipher.h"
#include "cbit/aes/engine.h"

enum {
    TAGS = 256,
    OUT_WINDOW = 128,        /* edges; more than the greatest depth */
    OUT_COUNT_BITS = 3,      /* beats that leave on one edge: up to 4 */
    PASSED = OUT_WINDOW / 4, /* lines that one beat an edge can have in the window */
    MAX_KEY_SLOTS = 1024,
};

typedef enum state { FREE, WAITING, DONE } state_t;

/*
 * A line inside the lane. result is filled in as beats are taken; its bytes, given with the line,
 * are the result's once it is settled. Behind them one host line has all that timing needs.
 */
typedef struct entry {
    cbit_aes_result_t result;
    cbit_spa_t spa;
    uint16_t slot;
    bool bypass;
    bool settled;  /* else error and bytes are worked out, by the key, when they are wanted */
    uint8_t state; /* state_t */
} entry_t;

/* Of a line that waits until the lane comes to it. */
typedef struct waiting {
    uint64_t beat_eclk[CBIT_LINE_BEATS];
    uint64_t number; /* in order of offers to the lane's queue */
} waiting_t;

/* On which edges the beats of a line leave. */
typedef struct edges {
    uint64_t eclk[CBIT_LINE_BEATS];
} edges_t;

/* How many beats an input has taken on its latest edge. */
typedef struct gate {
    uint64_t eclk;
    uint32_t taken;
} gate_t;

typedef struct lane {
    /* What a line that waits for nothing looks at: one line of the host, mostly. */
    gate_t gate; /* that of [0] serves both lanes when they share the pipeline */
    uint32_t passed_count, marked_count;
    edges_t passed[PASSED] /* ring: the last lines that have still to be entered in out */
        __attribute__((aligned(32)));

    uint32_t head, count;    /* of order */
    uint32_t beat;           /* next beat of the oldest line */
    uint64_t queued;         /* lines that had to wait, ever */
    uint64_t plain_out_eclk; /* edge on which the latest plain beat leaves */
    uint8_t order[TAGS];     /* tags of waiting lines, oldest at head */
    entry_t entry[TAGS] __attribute__((aligned(64)));
    waiting_t waiting[TAGS];
    uint64_t out[OUT_WINDOW]; /* by edge: edge << OUT_COUNT_BITS | beats that leave on it */
} lane_t;

typedef struct key_write {
    uint64_t transfer_eclk;
    uint16_t slot;
    bool clear;
    uint8_t key[CBIT_KEY_BYTES];
} key_write_t;

typedef struct engine {
    uint64_t now_eclk;
    /* Lines and key writes that wait, and one more where the lanes share the pipeline: 0 says that
       a line's way is known at once. */
    uint32_t in_order;
    uint32_t key_head, key_count;
    cbit_aes_engine_config_t config;
    uint64_t loaded[MAX_KEY_SLOTS / 64]; /* slots that the cipher has a key for */
    bool bytes;                          /* false: timing only, lines carry no data */
    cbit_aes_counters_t counters;
    cbit_cipher_t *cipher;
    uint32_t last_lane;     /* who was taken last: the other one wins a tie */
    uint64_t key_free_eclk; /* first edge on which the key port can begin another write */
    key_write_t *keys;      /* ring of config.key_slots writes under way */
    lane_t lane[CBIT_AES_LANES] __attribute__((aligned(64)));
} engine_t;

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline bool has_key(const engine_t *engine, uint16_t slot)
{
    return slot < engine->config.key_slots && (engine->loaded[slot / 64] >> slot % 64 & 1) != 0;
}

/* engine_lanes.c: offer, pass, advance and least_out_eclk of cbit_aes_engine_ops_t. */
uint64_t cbit_aes_model_offer(void *self, cbit_aes_lane_t which, const cbit_aes_line_t *line);
bool cbit_aes_model_pass(void *self, cbit_aes_lane_t which, uint16_t slot, bool bypass,
                         uint64_t first_eclk, uint64_t step_eclk);
void cbit_aes_model_advance(void *self, uint64_t eclk);
uint64_t cbit_aes_model_least_out_eclk(const void *self, cbit_aes_lane_t which, uint8_t tag);

/* engine_keys.c: key_write and take of cbit_aes_engine_ops_t. */
uint64_t cbit_aes_model_key_write(void *self, uint64_t at_eclk, uint16_t slot, const uint8_t *key);
const cbit_aes_result_t *cbit_aes_model_take(void *self, cbit_aes_lane_t which, uint8_t tag);

/* Performs the key writes that transfer before eclk. */
void cbit_aes_model_write_keys_before(engine_t *engine, uint64_t eclk);

/* Works out a line's error and bytes by the key of now. */
void cbit_aes_model_settle(engine_t *engine, cbit_aes_lane_t which, entry_t *entry);

#endif
