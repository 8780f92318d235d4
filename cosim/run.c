#include "cosim/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cosim/compare.h"
#include "cosim/follow.h"

enum {
    PREAMBLE_CLOCKS = CBIT_TWEAK_LAST_BIT - CBIT_TWEAK_FIRST_BIT + 1, /* one constant each */
    DRAIN_CLOCKS = 4,
    TAGS = 256,
};

/* Where a lane stands in its lines. */
typedef struct feed {
    uint32_t line, beat;
    uint32_t gap; /* idle clocks still to go before the next beat */
    bool offered; /* and not taken yet: stays as it is */
    uint32_t line_of_tag[TAGS];
    uint32_t beats_out_of_tag[TAGS];
    uint64_t entered_of_tag[TAGS]; /* clock on which the line's first beat was taken */
} feed_t;

typedef struct run {
    const cbit_case_t *what;
    const cbit_aes_pins_config_t *config;
    bool follows; /* the golden model: the device's clocks are its own */
    cbit_run_counts_t *counts;
    cbit_run_counts_t begin; /* counts before this case */
    feed_t feed[CBIT_AES_LANES];
    cbit_aes_pins_in_t in;
    uint64_t clock;          /* since the first preamble */
    uint32_t preamble;       /* constants still to be written; lanes are quiet */
    uint32_t reset, zeroise; /* clocks still to go */
    uint32_t key_event;      /* the next KEY event */
    uint32_t other_event;    /* the next one of another kind */
    cbit_aes_lane_out_t waiting[CBIT_AES_LANES]; /* what the device offered and nobody took */
} run_t;

/* ---- driving --------------------------------------------------------------------------------- */

static uint32_t skip(const run_t *run, uint32_t event, bool keys)
{
    while (event < run->what->event_count &&
           (run->what->events[event].kind == CBIT_CASE_KEY) != keys) {
        event++;
    }
    return event;
}

static void begin_event(run_t *run, const cbit_case_event_t *event)
{
    switch (event->kind) {
    case CBIT_CASE_ZEROISE:
        run->zeroise = event->count;
        run->counts->zeroises++;
        break;
    case CBIT_CASE_RESET:
        run->reset = event->count;
        run->counts->resets++;
        break;
    case CBIT_CASE_TWEAK:
        run->in.tweak_valid = true;
        run->in.tweak_index = (uint8_t)event->slot;
        memcpy(run->in.tweak_data, event->key, sizeof event->key);
        break;
    case CBIT_CASE_XE:
        run->in.xe = event->count != 0;
        break;
    case CBIT_CASE_KEY:
        break;
    }
}

static void drive_preamble(run_t *run)
{
    uint32_t index = CBIT_TWEAK_LAST_BIT + 1 - run->preamble;
    run->in.tweak_valid = true;
    run->in.tweak_index = (uint8_t)index;
    memcpy(run->in.tweak_data, run->what->tweak.t[index], sizeof run->in.tweak_data);
}

static void drive_events(run_t *run)
{
    run->in.tweak_valid = false;
    if (run->preamble > 0) {
        drive_preamble(run);
    } else if (run->other_event < run->what->event_count &&
               run->what->events[run->other_event].at_clock <= run->clock) {
        begin_event(run, &run->what->events[run->other_event]);
        run->other_event = skip(run, run->other_event + 1, false);
    }
    run->in.reset = run->reset > 0;
    run->in.zeroise = run->zeroise > 0;
    run->in.key_valid = false;
    run->in.key_clear = false;
    if (run->key_event < run->what->event_count && run->preamble == 0 && run->reset == 0 &&
        run->what->events[run->key_event].at_clock <= run->clock) {
        const cbit_case_event_t *event = &run->what->events[run->key_event];
        run->in.key_valid = true;
        run->in.key_clear = event->clear;
        run->in.key_slot = event->slot;
        memcpy(run->in.key, event->key, sizeof event->key);
    }
}

static void drive_lane(run_t *run, uint32_t lane)
{
    feed_t *feed = &run->feed[lane];
    cbit_aes_lane_in_t *in = &run->in.lane[lane];
    in->out_ready = !cbit_case_stalls(run->what, lane, run->clock);
    if (run->reset > 0 || run->preamble > 0 || feed->line == run->what->line_count[lane]) {
        in->valid = false;
        return;
    }
    if (feed->offered) {
        return;
    }
    if (feed->gap > 0) {
        feed->gap--;
        in->valid = false;
        return;
    }
    const cbit_case_line_t *line = &run->what->lines[lane][feed->line];
    uint32_t block = (line->first_block + feed->beat) % CBIT_LINE_BEATS;
    in->valid = true;
    in->bypass = line->bypass;
    in->last = feed->beat == CBIT_LINE_BEATS - 1;
    in->tag = line->tag;
    in->slot = line->slot;
    in->spa = line->spa + block * CBIT_BLOCK_BYTES;
    memcpy(in->data, line->data + block * CBIT_BLOCK_BYTES, sizeof in->data);
    feed->offered = true;
    feed->line_of_tag[line->tag] = feed->line;
    if (feed->beat == 0) {
        feed->beats_out_of_tag[line->tag] = 0;
    }
}

/* ---- after the edge -------------------------------------------------------------------------- */

static void begin_beat(run_t *run, uint32_t lane)
{
    feed_t *feed = &run->feed[lane];
    feed->offered = false;
    if (feed->line < run->what->line_count[lane]) {
        feed->gap = run->what->lines[lane][feed->line].gap[feed->beat];
    }
}

/* The shortest is that of a line which nothing held up. */
static void count_latency(run_t *run, uint64_t clocks)
{
    uint64_t *least = &run->counts->latency_clocks;
    *least = *least == 0 || clocks < *least ? clocks : *least;
}

static void count_output(run_t *run, uint32_t lane, const cbit_aes_lane_out_t *out)
{
    if (!out->valid) {
        return;
    }
    if (!run->in.lane[lane].out_ready) {
        run->counts->stalls++;
        return;
    }
    feed_t *feed = &run->feed[lane];
    const cbit_case_line_t *line = &run->what->lines[lane][feed->line_of_tag[out->tag]];
    feed->beats_out_of_tag[out->tag]++;
    run->counts->beats_compared++;
    run->counts->beats[lane]++;
    run->counts->lines_compared += out->last ? 1 : 0;
    run->counts->bypassed += line->bypass ? 1 : 0;
    run->counts->errors += out->error != 0 ? 1 : 0;
    if (feed->beats_out_of_tag[out->tag] == 1 && !line->bypass && out->error == 0) {
        count_latency(run, run->counts->cycles - feed->entered_of_tag[out->tag]);
    }
}

static void settle_lane(run_t *run, uint32_t lane, const cbit_aes_lane_out_t *out)
{
    feed_t *feed = &run->feed[lane];
    count_output(run, lane, out);
    if (run->in.lane[lane].valid && out->ready) {
        if (feed->beat == 0) {
            feed->entered_of_tag[run->in.lane[lane].tag] = run->counts->cycles;
        }
        if (++feed->beat == CBIT_LINE_BEATS) {
            feed->beat = 0;
            feed->line++;
        }
        begin_beat(run, lane);
    }
}

/* A reset ends the lines under way; the next ones begin afresh. */
static void settle_reset(run_t *run)
{
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        feed_t *feed = &run->feed[lane];
        bool begun = feed->beat > 0;
        feed->beat = 0;
        feed->line += begun ? 1 : 0;
        begin_beat(run, lane);
    }
    run->preamble = PREAMBLE_CLOCKS;
}

static void settle(run_t *run, const cbit_aes_pins_out_t *out)
{
    run->counts->cycles++;
    if (run->reset > 0) {
        run->reset--;
        settle_reset(run);
        return;
    }
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        settle_lane(run, lane, &out->lane[lane]);
    }
    if (run->in.key_valid && out->key_ready) {
        run->counts->key_writes++;
        run->key_event = skip(run, run->key_event + 1, true);
    }
    run->zeroise -= run->zeroise > 0 ? 1 : 0;
    if (run->preamble > 0) {
        run->preamble--;
    } else {
        run->clock++;
    }
}

/* ---- the run --------------------------------------------------------------------------------- */

static void reset_device(const cbit_device_t *device)
{
    cbit_aes_pins_in_t in = {.reset = true};
    cbit_aes_pins_out_t out;
    for (uint32_t i = 0; i < CBIT_RUN_RESET_CLOCKS; i++) {
        device->clock(device->self, &in, &out);
    }
}

static bool all_fed(const run_t *run)
{
    return run->feed[0].line == run->what->line_count[0] &&
           run->feed[1].line == run->what->line_count[1] &&
           run->key_event >= run->what->event_count && run->other_event >= run->what->event_count &&
           run->zeroise == 0 && run->reset == 0;
}

/* A difference that also breaks the rule that an offer stays as it is. */
static void note_protocol(const cbit_aes_lane_out_t *waiting, const cbit_aes_lane_out_t *actual,
                          char *text, size_t len_bytes)
{
    size_t len = strlen(text);
    if (!waiting->valid) {
        return;
    }
    if (!actual->valid) {
        snprintf(text + len, len_bytes - len, "; valid was taken back while the beat waited");
    } else if (actual->last != waiting->last || actual->tag != waiting->tag ||
               actual->error != waiting->error ||
               memcmp(actual->data, waiting->data, sizeof actual->data) != 0) {
        snprintf(text + len, len_bytes - len, "; the beat changed while it waited");
    }
}

/* A model that follows expects something on its own only when nothing else has come for so long. */
static void note_patience(const run_t *run, const cbit_aes_pins_out_t *expected,
                          const cbit_aes_pins_out_t *actual, char *text, size_t len_bytes)
{
    bool stands = expected->key_ready && !actual->key_ready;
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        const cbit_aes_lane_out_t *wanted = &expected->lane[lane], *is = &actual->lane[lane];
        stands = stands || (wanted->valid && !is->valid && !run->waiting[lane].valid) ||
                 (wanted->ready && !is->ready);
    }
    size_t len = strlen(text);
    if (stands) {
        snprintf(text + len, len_bytes - len, "; nothing has moved for %u clocks",
                 (unsigned)CBIT_FOLLOW_PATIENCE);
    }
}

static void note_mismatch(const run_t *run, const cbit_aes_pins_out_t *expected,
                          const cbit_aes_pins_out_t *actual, cbit_run_mismatch_t *mismatch)
{
    uint32_t lane = strncmp(mismatch->text, "dec", 3) == 0 ? CBIT_AES_DECRYPT : CBIT_AES_ENCRYPT;
    const feed_t *feed = &run->feed[lane];
    note_protocol(&run->waiting[lane], &actual->lane[lane], mismatch->text, sizeof mismatch->text);
    if (run->follows) {
        note_patience(run, expected, actual, mismatch->text, sizeof mismatch->text);
    }
    mismatch->any = true;
    mismatch->cycle = run->counts->cycles - run->begin.cycles;
    mismatch->lane = lane;
    mismatch->beat = run->counts->beats[lane] - run->begin.beats[lane];
    mismatch->expected = *expected;
    mismatch->actual = *actual;
    const cbit_aes_lane_out_t *out = &expected->lane[lane];
    if (out->valid) {
        const cbit_case_line_t *line = &run->what->lines[lane][feed->line_of_tag[out->tag]];
        uint32_t block = (line->first_block + feed->beats_out_of_tag[out->tag]) % CBIT_LINE_BEATS;
        mismatch->spa = line->spa + block * CBIT_BLOCK_BYTES;
        mismatch->slot = line->slot;
        memcpy(mismatch->data, line->data + block * CBIT_BLOCK_BYTES, sizeof mismatch->data);
        mismatch->xe = run->in.xe;
        mismatch->data_differ = !line->bypass && out->error == CBIT_AES_OK &&
                                actual->lane[lane].valid &&
                                actual->lane[lane].error == CBIT_AES_OK &&
                                memcmp(out->data, actual->lane[lane].data, sizeof out->data) != 0;
    }
}

static run_t begin_run(const cbit_case_t *what, const cbit_aes_pins_config_t *config,
                       cbit_run_counts_t *counts)
{
    run_t run = {.what = what, .config = config, .counts = counts, .preamble = PREAMBLE_CLOCKS};
    run.begin = *counts;
    run.in.xe = what->xe;
    run.key_event = skip(&run, 0, true);
    run.other_event = skip(&run, 0, false);
    begin_beat(&run, 0);
    begin_beat(&run, 1);
    return run;
}

static bool quiet(const cbit_device_t *golden, const cbit_aes_pins_out_t *out)
{
    bool inside = golden->follows && golden->inside(golden->self, CBIT_AES_ENCRYPT) +
                                             golden->inside(golden->self, CBIT_AES_DECRYPT) >
                                         0;
    return !inside && !out->lane[0].valid && !out->lane[1].valid && !out->zeroise_busy;
}

/* One clock of both; false when they differ. */
static bool run_clock(run_t *run, const cbit_device_t *golden, const cbit_device_t *device,
                      cbit_coverage_t *coverage, cbit_run_mismatch_t *mismatch,
                      cbit_aes_pins_out_t *out)
{
    drive_events(run);
    drive_lane(run, CBIT_AES_ENCRYPT);
    drive_lane(run, CBIT_AES_DECRYPT);
    if (golden->clock == NULL) {
        device->clock(device->self, &run->in, out);
        return true;
    }
    cbit_aes_pins_out_t actual;
    if (coverage != NULL) {
        coverage->inside[0] = golden->inside(golden->self, CBIT_AES_ENCRYPT);
        coverage->inside[1] = golden->inside(golden->self, CBIT_AES_DECRYPT);
    }
    device->clock(device->self, &run->in, &actual);
    *out = actual;
    golden->clock(golden->self, &run->in, out);
    if (!cbit_pins_equal(out, &actual)) {
        cbit_pins_describe(out, &actual, mismatch->text, sizeof mismatch->text);
        note_mismatch(run, out, &actual, mismatch);
        return false;
    }
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        run->waiting[lane] = actual.lane[lane];
        run->waiting[lane].valid =
            actual.lane[lane].valid && !run->in.lane[lane].out_ready && !run->in.reset;
    }
    if (coverage != NULL) {
        cbit_coverage_clock(coverage, &run->in, out);
    }
    return true;
}

void cbit_run_case(const cbit_case_t *what, const cbit_aes_pins_config_t *config,
                   const cbit_device_t *golden, const cbit_device_t *device, uint64_t max_cycles,
                   cbit_run_counts_t *counts, cbit_coverage_t *coverage,
                   cbit_run_mismatch_t *mismatch)
{
    run_t run = begin_run(what, config, counts);
    cbit_aes_pins_out_t out;
    uint32_t idle = 0;
    uint32_t drain_clocks =
        golden->follows ? CBIT_FOLLOW_DRAIN : 10 * config->stages_per_round + 1 + DRAIN_CLOCKS;
    run.follows = golden->follows;
    reset_device(device);
    if (golden->clock != NULL) {
        reset_device(golden);
    }
    while (idle < drain_clocks) {
        if (!run_clock(&run, golden, device, coverage, mismatch, &out)) {
            return;
        }
        settle(&run, &out);
        idle = all_fed(&run) && quiet(golden, &out) ? idle + 1 : 0;
        if (max_cycles != 0 && counts->cycles - run.begin.cycles >= max_cycles) {
            snprintf(mismatch->text, sizeof mismatch->text,
                     "the case has not come to an end after %" PRIu64 " clocks", max_cycles);
            note_mismatch(&run, &out, &out, mismatch);
            return;
        }
    }
}
