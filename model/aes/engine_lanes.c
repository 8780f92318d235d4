/*
 * When each beat leaves, by arithmetic, once per line.
 *
 * The rules are those of rtl/aes_port with outputs that are always taken:
 *  - an input takes blocks_per_clock beats an edge, in order (both lanes together when shared);
 *  - an encrypted or decrypted beat leaves depth edges after it was taken;
 *  - a plain beat leaves on the first later edge that the pipeline does not use, in order among
 *    plain beats. It never waits longer than depth: every edge on which the pipeline kept it back
 *    stems from a beat taken before it, on an edge on which no plain beat could be taken.
 */
#include <stdlib.h>
#include <string.h>

#include "model/aes/engine_private.h"

static uint64_t out_beats(const lane_t *lane, uint64_t eclk)
{
    const uint64_t out = lane->out[eclk % OUT_WINDOW];
    return out >> OUT_COUNT_BITS == eclk ? out & ((1u << OUT_COUNT_BITS) - 1) : 0;
}

/* Enters the edges of lines that pass_piped and cbit_aes_model_pass have left out. Those that are
   over do not matter to a plain beat that comes now. */
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

/*
 * Where the edges of a line go that comes at first_eclk: plain beats behind it leave later than
 * that, so if all that was left out before is over by then, it begins anew, in the same line of the
 * host.
 */
static inline edges_t *leave_out(const engine_t *engine, lane_t *lane, const gate_t *gate,
                                 uint64_t first_eclk)
{
    const bool over = gate->eclk + engine->config.depth_eclk <= first_eclk;
    const uint32_t at = over ? lane->marked_count : lane->passed_count;
    lane->passed_count = at + 1;
    return &lane->passed[at % PASSED];
}

/* One beat an edge through the pipeline: what take_beat does, in few instructions. */
static inline void pass_piped(const engine_t *engine, lane_t *lane, gate_t *gate, entry_t *entry,
                              const cbit_aes_line_t *line)
{
    const uint64_t depth_eclk = engine->config.depth_eclk;
    edges_t *edges = leave_out(engine, lane, gate, line->beat_eclk[0]);
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

/* Nobody is before a line that comes at first_eclk. */
static inline bool is_free(const engine_t *engine, const lane_t *lane, uint64_t first_eclk)
{
    return engine->in_order == 0 && first_eclk > lane->gate.eclk && first_eclk > engine->now_eclk;
}

/* The input takes a beat every step_eclk edges. */
static inline void take_line(gate_t *gate, uint64_t first_eclk, uint64_t step_eclk)
{
    *gate = (gate_t){.eclk = first_eclk + (CBIT_LINE_BEATS - 1) * step_eclk, .taken = 1};
}

static inline void pass_through(const engine_t *engine, lane_t *lane, uint64_t first_eclk,
                                uint64_t step_eclk)
{
    edges_t *edges = leave_out(engine, lane, &lane->gate, first_eclk);
    for (uint32_t beat = 0; beat < CBIT_LINE_BEATS; beat++) {
        edges->eclk[beat] = first_eclk + beat * step_eclk + engine->config.depth_eclk;
    }
    take_line(&lane->gate, first_eclk, step_eclk);
}

/* Around the pipeline, if the output is free when each beat comes. */
static bool pass_around(const engine_t *engine, lane_t *lane, uint64_t first_eclk,
                        uint64_t step_eclk)
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
    take_line(&lane->gate, first_eclk, step_eclk);
    return true;
}

static __attribute__((noinline)) bool pass_plain(const engine_t *engine, lane_t *lane,
                                                 uint64_t first_eclk, uint64_t step_eclk)
{
    if (!is_free(engine, lane, first_eclk)) {
        return false;
    }
    if (!engine->config.bypass_in_order) {
        return pass_around(engine, lane, first_eclk, step_eclk);
    }
    pass_through(engine, lane, first_eclk, step_eclk);
    return true;
}

bool cbit_aes_model_pass(void *self, cbit_aes_lane_t which, uint16_t slot, bool bypass,
                         uint64_t first_eclk, uint64_t step_eclk)
{
    engine_t *engine = self;
    lane_t *lane = &engine->lane[which];
    if (bypass) {
        return pass_plain(engine, lane, first_eclk, step_eclk);
    }
    if (!is_free(engine, lane, first_eclk) || !has_key(engine, slot)) {
        return false;
    }
    pass_through(engine, lane, first_eclk, step_eclk);
    return true;
}

/* ---- lines that wait in order ---- */

static __attribute__((noinline)) void wait_in_order(engine_t *engine, lane_t *lane,
                                                    const cbit_aes_line_t *line)
{
    waiting_t *waiting = &lane->waiting[line->tag];
    memcpy(waiting->beat_eclk, line->beat_eclk, sizeof waiting->beat_eclk);
    waiting->number = lane->queued++;
    lane->entry[line->tag].state = WAITING;
    lane->order[(lane->head + lane->count++) % TAGS] = line->tag;
    engine->in_order++;
}

uint64_t cbit_aes_model_offer(void *self, cbit_aes_lane_t which, const cbit_aes_line_t *line)
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
        wait_in_order(engine, lane, line);
        return 0;
    }
    if (!line->bypass && engine->config.blocks_per_clock == 1) {
        pass_piped(engine, lane, &lane->gate, entry, line);
    } else {
        pass(engine, lane, &lane->gate, entry, line);
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
    const gate_t *gate = &engine->lane[engine->config.shared_lane ? 0 : which].gate;
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
        cbit_aes_model_write_keys_before(
            engine, eclk); /* a line entering on that very clock has the old key */
        cbit_aes_model_settle(engine, which, entry);
    }
    take_beat(engine, lane, &engine->lane[engine->config.shared_lane ? 0 : which].gate, entry,
              lane->beat, eclk);
    if (++lane->beat < CBIT_LINE_BEATS) {
        return;
    }
    finish(engine, entry, lane->waiting[tag].beat_eclk[CBIT_LINE_BEATS - 1]);
    lane->beat = 0;
    lane->head = (lane->head + 1) % TAGS;
    lane->count--;
    engine->in_order--;
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
    cbit_aes_model_write_keys_before(engine, eclk + 1);
}

void cbit_aes_model_advance(void *self, uint64_t eclk)
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

/* A waiting line's last beat is taken behind all beats before it, at the input's full rate. */
uint64_t cbit_aes_model_least_out_eclk(const void *self, cbit_aes_lane_t which, uint8_t tag)
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
