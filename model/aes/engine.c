/*
 * The timing model: when each beat leaves, by arithmetic, once per line.
 *
 * The rules are those of rtl/aes_lane with outputs that are always taken:
 *  - an input takes blocks_per_clock beats an edge, in order (both lanes together when shared);
 *  - an encrypted or decrypted beat leaves depth edges after it was taken;
 *  - a plain beat leaves on the first later edge that the pipeline does not use, in order among
 *    plain beats. It never waits longer than depth: every edge on which the pipeline kept it back
 *    stems from a beat taken before it, on an edge on which no plain beat could be taken.
 */
#include "cbit/aes/engine.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/aes/cipher.h"

enum {
    TAGS = 256,
    OUT_WINDOW = 128,        /* edges; more than the greatest depth */
    OUT_COUNT_BITS = 3,      /* beats that leave on one edge: up to 4 */
    PASSED = OUT_WINDOW / 4, /* lines that one beat an edge can have in the window */
    MAX_KEY_SLOTS = 1024,
    KEY_EXPANSION_ECLK = 10, /* clocks in which the engine makes K10 before a key transfers */
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
    uint32_t head, count; /* of order */
    uint32_t beat;        /* next beat of the oldest line */
    uint32_t passed_count, marked_count;
    uint64_t queued;         /* lines that had to wait, ever */
    uint64_t plain_out_eclk; /* edge on which the latest plain beat leaves */
    edges_t passed[PASSED];  /* ring: the last lines that have still to be entered in out */
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
    gate_t gate[CBIT_AES_LANES]; /* [0] serves both lanes when they share the pipeline */
    uint32_t key_head, key_count;
    bool bytes; /* false: timing only, lines carry no data */
    cbit_aes_engine_config_t config;
    cbit_aes_counters_t counters;
    cbit_cipher_t *cipher;
    uint64_t loaded[MAX_KEY_SLOTS / 64]; /* slots that the cipher has a key for */
    uint32_t last_lane;                  /* who was taken last: the other one wins a tie */
    uint64_t key_free_eclk; /* first edge on which the key port can begin another write */
    key_write_t *keys;      /* ring of config.key_slots writes under way */
    lane_t lane[CBIT_AES_LANES];
} engine_t;

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint32_t engine_depth_eclk(const void *self)
{
    return ((const engine_t *)self)->config.depth_eclk;
}

static void engine_tweak_write(void *self, uint32_t index, const uint8_t t[CBIT_BLOCK_BYTES])
{
    cbit_cipher_set_tweak(((engine_t *)self)->cipher, index, t);
}

static void engine_advance(void *self, uint64_t eclk);

static uint64_t engine_key_write(void *self, uint64_t at_eclk, uint16_t slot, const uint8_t *key)
{
    engine_t *engine = self;
    if (slot >= engine->config.key_slots) {
        return 0;
    }
    if (engine->key_count == engine->config.key_slots && at_eclk > 0) {
        engine_advance(engine, at_eclk - 1); /* an engine without lines has not looked for long */
    }
    if (engine->key_count == engine->config.key_slots) {
        abort(); /* the caller's bug: the contract bounds the writes under way */
    }
    uint64_t begin_eclk = max_u64(max_u64(at_eclk, engine->now_eclk + 1), engine->key_free_eclk);
    uint32_t at = (engine->key_head + engine->key_count++) % engine->config.key_slots;
    key_write_t *write = &engine->keys[at];
    write->slot = slot;
    write->clear = key == NULL;
    write->transfer_eclk = begin_eclk;
    if (key != NULL) {
        memcpy(write->key, key, sizeof write->key);
        write->transfer_eclk += KEY_EXPANSION_ECLK;
    }
    engine->key_free_eclk = write->transfer_eclk + 1;
    engine->counters.key_writes++;
    return write->transfer_eclk;
}

static bool has_key(const engine_t *engine, uint16_t slot)
{
    return slot < engine->config.key_slots && (engine->loaded[slot / 64] >> slot % 64 & 1) != 0;
}

/* The bytes of a line by the key of now; they are zero when there is none. */
static cbit_aes_error_t settle_bytes(engine_t *engine, cbit_aes_lane_t which, entry_t *entry)
{
    uint8_t *data = entry->result.data;
    cbit_err_t err = (which == CBIT_AES_ENCRYPT ? cbit_cipher_encrypt : cbit_cipher_decrypt)(
        engine->cipher, entry->slot, entry->spa, data, data, CBIT_LINE_BYTES);
    return err == CBIT_ERR_OK               ? CBIT_AES_OK
           : err == CBIT_ERR_KEY_NOT_LOADED ? CBIT_AES_NOT_LOADED
                                            : CBIT_AES_FAULT;
}

static void settle(engine_t *engine, cbit_aes_lane_t which, entry_t *entry)
{
    entry->settled = true;
    entry->result.error = entry->bypass                  ? CBIT_AES_OK
                          : engine->bytes                ? settle_bytes(engine, which, entry)
                          : has_key(engine, entry->slot) ? CBIT_AES_OK
                                                         : CBIT_AES_NOT_LOADED;
}

/* Lines whose first beat was, or will be, taken by eclk have the keys of now. */
static void settle_taken_by(engine_t *engine, uint64_t eclk)
{
    for (uint32_t which = 0; which < CBIT_AES_LANES; which++) {
        for (uint32_t tag = 0; tag < TAGS; tag++) {
            entry_t *entry = &engine->lane[which].entry[tag];
            if (entry->state == DONE && !entry->settled && !entry->bypass &&
                entry->result.out_eclk[0] - engine->config.depth_eclk <= eclk) {
                settle(engine, which, entry);
            }
        }
    }
}

/* Performs the key writes that transfer before eclk. */
static void write_keys_before(engine_t *engine, uint64_t eclk)
{
    while (engine->key_count > 0 && engine->keys[engine->key_head].transfer_eclk < eclk) {
        key_write_t *write = &engine->keys[engine->key_head];
        settle_taken_by(engine, write->transfer_eclk);
        cbit_err_t err =
            cbit_cipher_set_key(engine->cipher, write->slot, write->clear ? NULL : write->key);
        if (err != CBIT_ERR_OK) {
            abort(); /* OpenSSL is out of memory: there is no result to go on with */
        }
        const uint64_t bit = UINT64_C(1) << write->slot % 64;
        engine->loaded[write->slot / 64] &= ~bit;
        engine->loaded[write->slot / 64] |= write->clear ? 0 : bit;
        OPENSSL_cleanse(write->key, sizeof write->key);
        engine->key_head = (engine->key_head + 1) % engine->config.key_slots;
        engine->key_count--;
    }
}

/* ---- beats ---- */

static uint64_t out_beats(const lane_t *lane, uint64_t eclk)
{
    const uint64_t out = lane->out[eclk % OUT_WINDOW];
    return out >> OUT_COUNT_BITS == eclk ? out & ((1u << OUT_COUNT_BITS) - 1) : 0;
}

/* Enters the edges of lines that pass_piped and engine_pass have left out. Those that are over do
   not matter to a plain beat that comes now. */
static void mark_passed(lane_t *lane)
{
    const uint32_t end = lane->passed_count;
    uint32_t at = end - lane->marked_count > PASSED ? end - PASSED : lane->marked_count;
    for (; at != end; at++) {
        for (uint32_t beat = 0; beat < CBIT_LINE_BEATS; beat++) {
            const uint64_t eclk = lane->passed[at % PASSED].eclk[beat];
            uint64_t *out = &lane->out[eclk % OUT_WINDOW];
            if (*out >> OUT_COUNT_BITS <= eclk) {
                *out = eclk << OUT_COUNT_BITS | (out_beats(lane, eclk) + 1);
            }
        }
    }
    lane->marked_count = end;
}

static uint64_t leave_eclk(engine_t *engine, lane_t *lane, bool bypass, uint64_t accept_eclk)
{
    uint64_t eclk = accept_eclk + engine->config.depth_eclk;
    if (bypass && !engine->config.bypass_in_order) {
        mark_passed(lane);
        eclk = max_u64(accept_eclk + 1, lane->plain_out_eclk);
        while (out_beats(lane, eclk) >= engine->config.blocks_per_clock) {
            eclk++;
        }
        lane->plain_out_eclk = eclk;
    }
    lane->out[eclk % OUT_WINDOW] = eclk << OUT_COUNT_BITS | (out_beats(lane, eclk) + 1);
    return eclk;
}

/* The first edge on which an input can take a beat that is presented on an edge. */
static uint64_t accept_eclk(const engine_t *engine, const gate_t *gate, uint64_t beat_eclk)
{
    const bool full = gate->taken >= engine->config.blocks_per_clock;
    return max_u64(max_u64(beat_eclk, gate->eclk + (full ? 1 : 0)), engine->now_eclk + 1);
}

/* A beat of a line is taken on an edge. */
static void take_beat(engine_t *engine, lane_t *lane, gate_t *gate, entry_t *entry, uint32_t beat,
                      uint64_t eclk)
{
    gate->taken = gate->eclk == eclk ? gate->taken + 1 : 1;
    gate->eclk = eclk;
    entry->result.out_eclk[beat] = leave_eclk(engine, lane, entry->bypass, eclk);
}

static void finish(const engine_t *engine, entry_t *entry, uint64_t last_beat_eclk)
{
    const bool around = entry->bypass && !engine->config.bypass_in_order;
    entry->result.waited_eclk = entry->result.out_eclk[CBIT_LINE_BEATS - 1] - last_beat_eclk -
                                (around ? 1 : engine->config.depth_eclk);
    entry->state = DONE;
}

/* ---- lines whose way is known at once: nobody is before them, and no key is being written ---- */

/* One beat an edge through the pipeline: what take_beat does, in few instructions. */
static inline void pass_piped(const engine_t *engine, lane_t *lane, gate_t *gate, entry_t *entry,
                              const cbit_aes_line_t *line)
{
    const uint64_t depth_eclk = engine->config.depth_eclk;
    edges_t *edges = &lane->passed[lane->passed_count++ % PASSED];
    uint64_t eclk = max_u64(gate->eclk, engine->now_eclk);
    for (uint32_t beat = 0; beat < CBIT_LINE_BEATS; beat++) {
        eclk = max_u64(line->beat_eclk[beat], eclk + 1);
        entry->result.out_eclk[beat] = edges->eclk[beat] = eclk + depth_eclk;
    }
    gate->eclk = eclk;
    gate->taken = 1;
    entry->result.waited_eclk = eclk - line->beat_eclk[CBIT_LINE_BEATS - 1];
    entry->state = DONE;
}

static __attribute__((noinline)) void pass(engine_t *engine, lane_t *lane, gate_t *gate,
                                           entry_t *entry, const cbit_aes_line_t *line)
{
    for (uint32_t beat = 0; beat < CBIT_LINE_BEATS; beat++) {
        take_beat(engine, lane, gate, entry, beat,
                  accept_eclk(engine, gate, line->beat_eclk[beat]));
    }
    finish(engine, entry, line->beat_eclk[CBIT_LINE_BEATS - 1]);
}

/* A plain line that goes around the pipeline, if its output is free when each beat comes. */
static __attribute__((noinline)) bool pass_around(const engine_t *engine, lane_t *lane,
                                                  uint64_t first_eclk, uint64_t step_eclk)
{
    mark_passed(lane);
    for (uint32_t beat = 0; beat < CBIT_LINE_BEATS; beat++) {
        const uint64_t out_eclk = first_eclk + beat * step_eclk + 1;
        if (out_eclk < lane->plain_out_eclk ||
            out_beats(lane, out_eclk) >= engine->config.blocks_per_clock) {
            return false;
        }
    }
    for (uint32_t beat = 0; beat < CBIT_LINE_BEATS; beat++) {
        const uint64_t out_eclk = first_eclk + beat * step_eclk + 1;
        lane->out[out_eclk % OUT_WINDOW] =
            out_eclk << OUT_COUNT_BITS | (out_beats(lane, out_eclk) + 1);
        lane->plain_out_eclk = out_eclk;
    }
    return true;
}

static bool engine_pass(void *self, cbit_aes_lane_t which, uint16_t slot, bool bypass,
                        uint64_t first_eclk, uint64_t step_eclk)
{
    engine_t *engine = self;
    lane_t *lane = &engine->lane[which];
    gate_t *gate = &engine->gate[which];
    if (lane->count > 0 || engine->key_count > 0 || engine->config.shared_lane ||
        first_eclk <= max_u64(gate->eclk, engine->now_eclk)) {
        return false;
    }
    if (bypass && !engine->config.bypass_in_order) {
        if (!pass_around(engine, lane, first_eclk, step_eclk)) {
            return false;
        }
    } else {
        if (!bypass && !has_key(engine, slot)) {
            return false;
        }
        edges_t *edges = &lane->passed[lane->passed_count++ % PASSED];
        for (uint32_t beat = 0; beat < CBIT_LINE_BEATS; beat++) {
            edges->eclk[beat] = first_eclk + beat * step_eclk + engine->config.depth_eclk;
        }
    }
    *gate = (gate_t){.eclk = first_eclk + (CBIT_LINE_BEATS - 1) * step_eclk, .taken = 1};
    return true;
}

static cbit_aes_counters_t *engine_passed(void *self)
{
    return &((engine_t *)self)->counters;
}

/* ---- lines that wait in order ---- */

static __attribute__((noinline)) void wait_in_order(lane_t *lane, const cbit_aes_line_t *line)
{
    waiting_t *waiting = &lane->waiting[line->tag];
    memcpy(waiting->beat_eclk, line->beat_eclk, sizeof waiting->beat_eclk);
    waiting->number = lane->queued++;
    lane->entry[line->tag].state = WAITING;
    lane->order[(lane->head + lane->count++) % TAGS] = line->tag;
}

static uint64_t engine_offer(void *self, cbit_aes_lane_t which, const cbit_aes_line_t *line)
{
    engine_t *engine = self;
    lane_t *lane = &engine->lane[which];
    entry_t *entry = &lane->entry[line->tag];
    if (entry->state != FREE) {
        abort(); /* the caller's bug: tags inside a lane are unique */
    }
    entry->spa = line->spa;
    entry->slot = line->slot;
    entry->bypass = line->bypass;
    entry->settled = false;
    if (engine->bytes) {
        memcpy(entry->result.data, line->data, CBIT_LINE_BYTES);
    }
    if (lane->count > 0 || engine->key_count > 0 || engine->config.shared_lane) {
        wait_in_order(lane, line);
        return 0;
    }
    if (!line->bypass && engine->config.blocks_per_clock == 1) {
        pass_piped(engine, lane, &engine->gate[which], entry, line);
    } else {
        pass(engine, lane, &engine->gate[which], entry, line);
    }
    return entry->result.out_eclk[CBIT_LINE_BEATS - 1];
}

/* The first edge on which the lane's next beat can be taken; false when it has none. */
static bool next_accept(const engine_t *engine, uint32_t which, uint64_t *eclk)
{
    const lane_t *lane = &engine->lane[which];
    if (lane->count == 0) {
        return false;
    }
    const gate_t *gate = &engine->gate[engine->config.shared_lane ? 0 : which];
    *eclk = accept_eclk(engine, gate, lane->waiting[lane->order[lane->head]].beat_eclk[lane->beat]);
    return true;
}

static void accept_beat(engine_t *engine, uint32_t which, uint64_t eclk)
{
    lane_t *lane = &engine->lane[which];
    const uint8_t tag = lane->order[lane->head];
    entry_t *entry = &lane->entry[tag];
    engine->last_lane = which;
    if (lane->beat == 0) {
        write_keys_before(engine, eclk); /* a line entering on that very clock has the old key */
        settle(engine, which, entry);
    }
    take_beat(engine, lane, &engine->gate[engine->config.shared_lane ? 0 : which], entry,
              lane->beat, eclk);
    if (++lane->beat < CBIT_LINE_BEATS) {
        return;
    }
    finish(engine, entry, lane->waiting[tag].beat_eclk[CBIT_LINE_BEATS - 1]);
    lane->beat = 0;
    lane->head = (lane->head + 1) % TAGS;
    lane->count--;
}

static __attribute__((noinline)) void accept_in_order(engine_t *engine, uint64_t eclk)
{
    for (;;) {
        uint64_t at_eclk[CBIT_AES_LANES];
        bool any[CBIT_AES_LANES];
        for (uint32_t which = 0; which < CBIT_AES_LANES; which++) {
            any[which] = next_accept(engine, which, &at_eclk[which]) && at_eclk[which] <= eclk;
        }
        if (!any[CBIT_AES_ENCRYPT] && !any[CBIT_AES_DECRYPT]) {
            break;
        }
        uint32_t which = 1 - engine->last_lane;
        uint32_t other = 1 - which;
        if (!any[which] || (any[other] && at_eclk[other] < at_eclk[which])) {
            which = other;
        }
        accept_beat(engine, which, at_eclk[which]);
    }
    write_keys_before(engine, eclk + 1);
}

static void engine_advance(void *self, uint64_t eclk)
{
    engine_t *engine = self;
    if (eclk <= engine->now_eclk) {
        return;
    }
    if (engine->key_count > 0 || engine->lane[CBIT_AES_ENCRYPT].count > 0 ||
        engine->lane[CBIT_AES_DECRYPT].count > 0) {
        accept_in_order(engine, eclk);
    }
    engine->now_eclk = eclk;
}

static const cbit_aes_result_t *engine_take(void *self, cbit_aes_lane_t which, uint8_t tag)
{
    engine_t *engine = self;
    entry_t *entry = &engine->lane[which].entry[tag];
    /* Beats of one line leave in order, so the last one's edge is the line's. */
    if (entry->state != DONE || entry->result.out_eclk[CBIT_LINE_BEATS - 1] > engine->now_eclk) {
        return NULL;
    }
    if (!entry->settled) {
        settle(engine, which, entry);
    }
    entry->state = FREE;
    cbit_aes_count_line(&engine->counters, which, entry->bypass, entry->result.waited_eclk);
    return &entry->result;
}

/* A waiting line's last beat is taken behind all beats before it, at the input's full rate. */
static uint64_t engine_least_out_eclk(const void *self, cbit_aes_lane_t which, uint8_t tag)
{
    const engine_t *engine = self;
    const lane_t *lane = &engine->lane[which];
    const entry_t *entry = &lane->entry[tag];
    if (entry->state == DONE) {
        return entry->result.out_eclk[CBIT_LINE_BEATS - 1];
    }
    const waiting_t *waiting = &lane->waiting[tag];
    const uint64_t lines = waiting->number + 1 - (lane->queued - lane->count);
    const uint64_t beats = lines * CBIT_LINE_BEATS - lane->beat;
    const uint32_t rate = engine->config.blocks_per_clock;
    const uint64_t taken_eclk = max_u64(engine->now_eclk + (beats + rate - 1) / rate,
                                        waiting->beat_eclk[CBIT_LINE_BEATS - 1]);
    const bool around = entry->bypass && !engine->config.bypass_in_order;
    return taken_eclk + (around ? 1 : engine->config.depth_eclk);
}

static void engine_counters(const void *self, cbit_aes_counters_t *counters)
{
    *counters = ((const engine_t *)self)->counters;
}

static void engine_destroy(void *self)
{
    engine_t *engine = self;
    if (engine == NULL) {
        return;
    }
    cbit_cipher_destroy(engine->cipher);
    if (engine->keys != NULL) {
        OPENSSL_cleanse(engine->keys, engine->config.key_slots * sizeof engine->keys[0]);
    }
    free(engine->keys);
    free(engine);
}

static const cbit_aes_engine_ops_t model_ops = {
    .depth_eclk = engine_depth_eclk,
    .tweak_write = engine_tweak_write,
    .key_write = engine_key_write,
    .offer = engine_offer,
    .advance = engine_advance,
    .take = engine_take,
    .least_out_eclk = engine_least_out_eclk,
    .counters = engine_counters,
    .destroy = engine_destroy,
};

static const cbit_aes_engine_ops_t timing_ops = {
    .depth_eclk = engine_depth_eclk,
    .tweak_write = engine_tweak_write,
    .key_write = engine_key_write,
    .offer = engine_offer,
    .pass = engine_pass,
    .passed = engine_passed,
    .advance = engine_advance,
    .take = engine_take,
    .least_out_eclk = engine_least_out_eclk,
    .counters = engine_counters,
    .destroy = engine_destroy,
};

static cbit_err_t create(bool bytes, const cbit_aes_engine_config_t *config, cbit_aes_engine_t *out)
{
    cbit_err_t err = cbit_aes_engine_check(config);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    engine_t *engine = aligned_alloc(_Alignof(engine_t), sizeof *engine);
    if (engine == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    memset(engine, 0, sizeof *engine);
    engine->config = *config;
    engine->bytes = bytes;
    engine->last_lane = CBIT_AES_ENCRYPT; /* after reset a read wins the first tie */
    engine->keys = calloc(config->key_slots, sizeof engine->keys[0]);
    cbit_tweak_t tweak;
    cbit_tweak_init(&tweak, CBIT_TWEAK_ZERO, 0);
    err = engine->keys == NULL
              ? CBIT_ERR_NO_MEMORY
              : cbit_cipher_create(config->key_slots, &tweak, config->xe, &engine->cipher);
    if (err != CBIT_ERR_OK) {
        engine_destroy(engine);
        return err;
    }
    *out = (cbit_aes_engine_t){.self = engine, .ops = bytes ? &model_ops : &timing_ops};
    return CBIT_ERR_OK;
}

static cbit_err_t model_create(void *self, uint32_t channel, const cbit_aes_engine_config_t *config,
                               cbit_aes_engine_t *out)
{
    (void)self;
    (void)channel;
    return create(true, config, out);
}

static cbit_err_t timing_create(void *self, uint32_t channel,
                                const cbit_aes_engine_config_t *config, cbit_aes_engine_t *out)
{
    (void)self;
    (void)channel;
    return create(false, config, out);
}

const cbit_aes_engine_factory_t cbit_aes_model_factory = {.create = model_create};
const cbit_aes_engine_factory_t cbit_aes_timing_factory = {.create = timing_create};
