#include "cosim/coverage.h"

#include <stdio.h>
#include <string.h>

static const char *const lane_name[CBIT_AES_LANES] = {"enc", "dec"};

enum {
    ALL_SLOTS = 1024, /* as many as the pins can name */
    MAX_STALL = 22,   /* the fullest occupancy that has a bin of its own */
    ADDRESS_BITS = CBIT_TWEAK_LAST_BIT - CBIT_TWEAK_FIRST_BIT + 1,
};

/* Things of one lane that either happen or do not. */
#define LANE_BINS(X)                                                                               \
    X(GAP_IN_LINE, "gap_inside_line")                                                              \
    X(KEY_IN_LINE, "key_switch_of_slot_inside_line")                                               \
    X(CLEAR_IN_LINE, "key_clear_of_slot_inside_line")                                              \
    X(ERROR_1, "slot_not_loaded")                                                                  \
    X(ERROR_2, "key_wiped_in_flight")                                                              \
    X(NO_SUCH_SLOT, "slot_does_not_exist")                                                         \
    X(ZEROISE_ENTRY, "line_begins_on_zeroise")                                                     \
    X(ZEROISE_IN_LINE, "zeroise_inside_line")                                                      \
    X(ZEROISE_STALLED, "zeroise_while_stalled")                                                    \
    X(RESET_INSIDE, "reset_with_beats_inside")                                                     \
    X(TWEAK_INSIDE, "tweak_write_with_beats_inside")                                               \
    X(XE_INSIDE, "xe_change_with_beats_inside")                                                    \
    X(ZEROS, "data_all_zero")                                                                      \
    X(ONES, "data_all_one")                                                                        \
    X(BACK_PRESSURE, "input_refused")                                                              \
    X(XE_BEAT, "xe_beat")                                                                          \
    X(XEX_BEAT, "xex_beat")                                                                        \
    X(KEY_UNDER_STALL, "key_switch_while_stalled")

/* Of lanes with a way around the pipeline. */
#define AROUND_BINS(X)                                                                             \
    X(OVERTAKES, "plain_overtakes_private")                                                        \
    X(PLAIN_WAITS, "plain_beat_stalled_at_output")

#define ENGINE_BINS(X)                                                                             \
    X(BOTH_IN, "both_lanes_accept")                                                                \
    X(BOTH_OUT, "both_lanes_deliver")                                                              \
    X(BOTH_STALL, "both_lanes_stalled")                                                            \
    X(ZEROISE_EXPAND, "zeroise_during_key_expansion")                                              \
    X(KEY_IN_WIPE, "key_write_waits_for_wipe")                                                     \
    X(KEY_CLEAR, "key_clear")                                                                      \
    X(KEY_NOWHERE, "key_write_to_no_slot")                                                         \
    X(KEY_AFTER_KEY, "key_write_right_after_another")

#define BIN_ENUM(name, text) name,
#define BIN_TEXT(name, text) text,
enum { LANE_BINS(BIN_ENUM) LANE_BIN_COUNT };
enum { AROUND_BINS(BIN_ENUM) AROUND_BIN_COUNT };
enum { ENGINE_BINS(BIN_ENUM) ENGINE_BIN_COUNT };
static const char *const lane_text[] = {LANE_BINS(BIN_TEXT)};
static const char *const around_text[] = {AROUND_BINS(BIN_TEXT)};
static const char *const engine_text[] = {ENGINE_BINS(BIN_TEXT)};

/* First bin of each group; a lane's groups follow each other, the lanes too. */
enum {
    LANE_BASE = 0,
    AFTER_BASE = LANE_BASE + LANE_BIN_COUNT,
    SWITCH_BASE = AFTER_BASE + 8,
    BLOCK_BASE = SWITCH_BASE + 2,
    BIT_BASE = BLOCK_BASE + 4,
    STALL_BASE = BIT_BASE + ADDRESS_BITS,
    AROUND_BASE = STALL_BASE + MAX_STALL + 1,
    LANE_SIZE = AROUND_BASE + AROUND_BIN_COUNT,
    ENGINE_BASE = CBIT_AES_LANES * LANE_SIZE,
    BIN_COUNT = ENGINE_BASE + ENGINE_BIN_COUNT,
};
_Static_assert((int)BIN_COUNT <= (int)CBIT_COVERAGE_MAX_BINS, "room for all bins");

static void hit(cbit_coverage_t *coverage, uint32_t bin, bool happened)
{
    coverage->hits[bin] += happened ? 1 : 0;
}

static uint32_t lane_bin(uint32_t lane, uint32_t bin)
{
    return lane * LANE_SIZE + bin;
}

static void name_lane(cbit_coverage_t *coverage, uint32_t lane)
{
    const char *prefix = lane_name[lane];
    char(*name)[CBIT_COVERAGE_NAME_BYTES] = &coverage->name[lane_bin(lane, 0)];
    uint32_t fullest = 10 * coverage->config.stages_per_round + 1;
    for (uint32_t i = 0; i < LANE_BIN_COUNT; i++) {
        if (i == NO_SUCH_SLOT && coverage->config.key_slots == ALL_SLOTS) {
            continue;
        }
        snprintf(name[LANE_BASE + i], sizeof name[0], "%s_%s", prefix, lane_text[i]);
    }
    for (uint32_t i = 0; i < 8; i++) {
        snprintf(name[AFTER_BASE + i], sizeof name[0], "%s_%s_after_%s_%s_slot", prefix,
                 i & 1 ? "plain" : "private", i & 2 ? "plain" : "private",
                 i & 4 ? "same" : "other");
    }
    snprintf(name[SWITCH_BASE], sizeof name[0], "%s_key_switch_of_slot_at_line", prefix);
    snprintf(name[SWITCH_BASE + 1], sizeof name[0], "%s_key_switch_of_other_at_line", prefix);
    for (uint32_t i = 0; i < 4; i++) {
        snprintf(name[BLOCK_BASE + i], sizeof name[0], "%s_first_block_%u", prefix, i);
    }
    for (uint32_t i = 0; i < ADDRESS_BITS; i++) {
        snprintf(name[BIT_BASE + i], sizeof name[0], "%s_address_bit_%u_alone", prefix,
                 i + CBIT_TWEAK_FIRST_BIT);
    }
    for (uint32_t i = 0; i <= MAX_STALL && i <= fullest; i++) {
        snprintf(name[STALL_BASE + i], sizeof name[0], "%s_stall_with_%u_inside", prefix, i);
    }
    for (uint32_t i = 0; i < AROUND_BIN_COUNT && !coverage->config.bypass_in_order; i++) {
        snprintf(name[AROUND_BASE + i], sizeof name[0], "%s_%s", prefix, around_text[i]);
    }
}

void cbit_coverage_init(cbit_coverage_t *coverage, const cbit_aes_pins_config_t *config)
{
    memset(coverage, 0, sizeof *coverage);
    coverage->config = *config;
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        name_lane(coverage, lane);
    }
    for (uint32_t i = 0; i < ENGINE_BIN_COUNT; i++) {
        bool exists = !(config->shared_lane && i == BOTH_IN) &&
                      !(config->key_slots == ALL_SLOTS && i == KEY_NOWHERE);
        snprintf(coverage->name[ENGINE_BASE + i], CBIT_COVERAGE_NAME_BYTES, "%s",
                 exists ? engine_text[i] : "");
    }
}

static bool all_bytes(const uint8_t *bytes, uint8_t value)
{
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

static void note_payload(cbit_coverage_t *coverage, uint32_t lane, const cbit_aes_pins_in_t *in)
{
    const cbit_aes_lane_in_t *beat = &in->lane[lane];
    hit(coverage, lane_bin(lane, ZEROS), all_bytes(beat->data, 0x00));
    hit(coverage, lane_bin(lane, ONES), all_bytes(beat->data, 0xFF));
    hit(coverage, lane_bin(lane, in->xe ? XE_BEAT : XEX_BEAT), true);
    uint64_t bits = beat->spa >> CBIT_TWEAK_FIRST_BIT;
    if (bits != 0 && (bits & (bits - 1)) == 0) {
        uint32_t bit = 0;
        while ((bits >> bit & 1) == 0) {
            bit++;
        }
        hit(coverage, lane_bin(lane, BIT_BASE + bit), true);
    }
}

/* The first beat of a line is taken. */
static void note_line(cbit_coverage_t *coverage, uint32_t lane, const cbit_aes_pins_in_t *in,
                      bool key_switch)
{
    cbit_coverage_lane_t *state = &coverage->lane[lane];
    const cbit_aes_lane_in_t *beat = &in->lane[lane];
    if (state->had_line) {
        uint32_t after = (beat->bypass ? 1u : 0) | (state->had_plain ? 2u : 0) |
                         (state->had_slot == beat->slot ? 4u : 0);
        hit(coverage, lane_bin(lane, AFTER_BASE + after), true);
    }
    hit(coverage, lane_bin(lane, SWITCH_BASE), key_switch && in->key_slot == beat->slot);
    hit(coverage, lane_bin(lane, SWITCH_BASE + 1), key_switch && in->key_slot != beat->slot);
    hit(coverage, lane_bin(lane, BLOCK_BASE + (uint32_t)(beat->spa >> 4 & 3)), true);
    hit(coverage, lane_bin(lane, NO_SUCH_SLOT),
        !beat->bypass && beat->slot >= coverage->config.key_slots);
    hit(coverage, lane_bin(lane, ZEROISE_ENTRY), in->zeroise);
    state->plain = beat->bypass;
    state->slot = beat->slot;
    state->had_line = true;
    state->had_plain = beat->bypass;
    state->had_slot = beat->slot;
    state->tag_plain[beat->tag] = beat->bypass;
}

static void note_input(cbit_coverage_t *coverage, uint32_t lane, const cbit_aes_pins_in_t *in,
                       const cbit_aes_pins_out_t *out, bool key_switch)
{
    cbit_coverage_lane_t *state = &coverage->lane[lane];
    const cbit_aes_lane_in_t *beat = &in->lane[lane];
    bool inside_line = state->open && !state->plain;
    bool same = key_switch && in->key_slot == state->slot;
    hit(coverage, lane_bin(lane, KEY_IN_LINE), inside_line && same && !in->key_clear);
    hit(coverage, lane_bin(lane, CLEAR_IN_LINE), inside_line && same && in->key_clear);
    hit(coverage, lane_bin(lane, ZEROISE_IN_LINE), inside_line && in->zeroise);
    hit(coverage, lane_bin(lane, GAP_IN_LINE), state->open && !beat->valid);
    hit(coverage, lane_bin(lane, BACK_PRESSURE), beat->valid && !out->lane[lane].ready);
    if (!beat->valid || !out->lane[lane].ready) {
        return;
    }
    if (!state->open) {
        note_line(coverage, lane, in, key_switch);
    }
    note_payload(coverage, lane, in);
    state->open = !beat->last;
}

static void note_output(cbit_coverage_t *coverage, uint32_t lane, const cbit_aes_pins_in_t *in,
                        const cbit_aes_pins_out_t *out, bool key_switch)
{
    const cbit_aes_lane_out_t *beat = &out->lane[lane];
    const cbit_coverage_lane_t *state = &coverage->lane[lane];
    uint32_t inside = coverage->inside[lane];
    bool stalled = !in->lane[lane].out_ready;
    if (stalled && inside <= MAX_STALL && coverage->name[lane_bin(lane, STALL_BASE + inside)][0]) {
        hit(coverage, lane_bin(lane, STALL_BASE + inside), true);
    }
    hit(coverage, lane_bin(lane, ZEROISE_STALLED), beat->valid && stalled && in->zeroise);
    hit(coverage, lane_bin(lane, KEY_UNDER_STALL), beat->valid && stalled && key_switch);
    hit(coverage, lane_bin(lane, TWEAK_INSIDE), inside > 0 && in->tweak_valid);
    hit(coverage, lane_bin(lane, XE_INSIDE), inside > 0 && in->xe != coverage->xe);
    hit(coverage, lane_bin(lane, ERROR_1), beat->valid && beat->error == CBIT_AES_NOT_LOADED);
    hit(coverage, lane_bin(lane, ERROR_2), beat->valid && beat->error == CBIT_AES_FAULT);
    if (coverage->config.bypass_in_order || !beat->valid) {
        return;
    }
    bool plain = state->tag_plain[beat->tag];
    hit(coverage, lane_bin(lane, AROUND_BASE + OVERTAKES), plain && inside > 4 && !stalled);
    hit(coverage, lane_bin(lane, AROUND_BASE + PLAIN_WAITS), plain && stalled);
}

static void note_engine(cbit_coverage_t *coverage, const cbit_aes_pins_in_t *in,
                        const cbit_aes_pins_out_t *out, bool key_switch)
{
    const cbit_aes_lane_in_t *enc = &in->lane[0], *dec = &in->lane[1];
    const cbit_aes_lane_out_t *enc_out = &out->lane[0], *dec_out = &out->lane[1];
    bool both = enc_out->valid && dec_out->valid;
    if (!coverage->config.shared_lane) {
        hit(coverage, ENGINE_BASE + BOTH_IN,
            enc->valid && enc_out->ready && dec->valid && dec_out->ready);
    }
    hit(coverage, ENGINE_BASE + BOTH_OUT, both && enc->out_ready && dec->out_ready);
    hit(coverage, ENGINE_BASE + BOTH_STALL, both && !enc->out_ready && !dec->out_ready);
    hit(coverage, ENGINE_BASE + ZEROISE_EXPAND,
        in->zeroise && coverage->key_waited > 0 && !out->zeroise_busy);
    hit(coverage, ENGINE_BASE + KEY_IN_WIPE, in->key_valid && out->zeroise_busy);
    hit(coverage, ENGINE_BASE + KEY_CLEAR, key_switch && in->key_clear);
    hit(coverage, ENGINE_BASE + KEY_NOWHERE,
        key_switch && in->key_slot >= coverage->config.key_slots);
    hit(coverage, ENGINE_BASE + KEY_AFTER_KEY, in->key_valid && coverage->key_waited == UINT32_MAX);
    coverage->key_waited = key_switch ? UINT32_MAX
                           : in->key_valid && coverage->key_waited != UINT32_MAX
                               ? coverage->key_waited + 1
                               : (in->key_valid ? 1 : 0);
}

void cbit_coverage_clock(cbit_coverage_t *coverage, const cbit_aes_pins_in_t *in,
                         const cbit_aes_pins_out_t *out)
{
    bool key_switch = in->key_valid && out->key_ready && !in->reset;
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        hit(coverage, lane_bin(lane, RESET_INSIDE), in->reset && coverage->inside[lane] > 0);
        if (in->reset) {
            coverage->lane[lane].open = false;
            coverage->lane[lane].had_line = false;
            continue;
        }
        note_output(coverage, lane, in, out, key_switch);
        note_input(coverage, lane, in, out, key_switch);
    }
    if (!in->reset) {
        note_engine(coverage, in, out, key_switch);
    }
    coverage->xe = in->xe;
}

void cbit_coverage_merge(cbit_coverage_t *into, const cbit_coverage_t *from)
{
    for (uint32_t i = 0; i < BIN_COUNT; i++) {
        into->hits[i] += from->hits[i];
    }
}

uint32_t cbit_coverage_bins(const cbit_coverage_t *coverage)
{
    uint32_t bins = 0;
    for (uint32_t i = 0; i < BIN_COUNT; i++) {
        bins += coverage->name[i][0] != 0 ? 1 : 0;
    }
    return bins;
}

uint32_t cbit_coverage_hit(const cbit_coverage_t *coverage)
{
    uint32_t hits = 0;
    for (uint32_t i = 0; i < BIN_COUNT; i++) {
        hits += coverage->name[i][0] != 0 && coverage->hits[i] > 0 ? 1 : 0;
    }
    return hits;
}
