#include "cosim/core_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cosim/core_draw.h"

enum {
    RESET_CLOCKS = 4,
    SHORT_RESET_CLOCKS = 2,
    DRAIN_CLOCKS = 64, /* after the last answer: nothing more may come */
    MAX_INSIDE = 4096,
};

enum bin {
    ENC_AFTER_ENC,
    DEC_AFTER_ENC,
    ENC_AFTER_DEC,
    DEC_AFTER_DEC,
    NEW_KEY,
    SAME_KEY,
    BACK_TO_BACK,
    GAP,
    SEVERAL_INSIDE,
    STALLED,
    RESET_INSIDE,
    ZEROS,
    ONES,
};

const char *const cbit_core_bin_names[CBIT_CORE_BINS] = {
    "encrypt_after_encrypt",
    "decrypt_after_encrypt",
    "encrypt_after_decrypt",
    "decrypt_after_decrypt",
    "new_key",
    "same_key",
    "block_right_after_another",
    "gap_before_block",
    "several_blocks_inside",
    "answer_stalled",
    "reset_with_block_inside",
    "data_all_zero",
    "data_all_one",
};

typedef struct run {
    const cbit_core_rules_t *rules;
    const cbit_core_stream_t *stream;
    cbit_core_t *core;
    cbit_cipher_t *cipher;
    cbit_core_counts_t *counts;
    cbit_core_mismatch_t *mismatch;
    cbit_rng_t noise;    /* what lines carry that mean nothing, and stalls */
    cbit_core_job_t job; /* the next one to go in */
    bool have_job;
    uint32_t next;           /* block after that */
    uint64_t begin;          /* cycle after reset */
    uint64_t active;         /* cycle of the last thing that moved */
    cbit_core_job_t *inside; /* ring of MAX_INSIDE */
    uint32_t head, count;
    cbit_core_job_t last; /* that went in */
    bool had_last;
    bool key_loaded, loading; /* of a core that loads keys by themselves */
    bool loaded_decrypt;
    bool ready; /* of the clock before */
    bool was_stalled;
    uint8_t was_data[CBIT_BLOCK_BYTES];
    uint64_t in_reset; /* clocks still to go */
} run_t;

static bool percent(cbit_rng_t *rng, uint32_t chance)
{
    return cbit_rng_below(rng, 100) < chance;
}

static cbit_err_t draw(run_t *run)
{
    cbit_err_t err = cbit_core_draw(run->rules, run->stream, run->cipher, run->next,
                                    run->had_last ? &run->last : NULL, &run->job);
    run->next++;
    run->have_job = err == CBIT_ERR_OK;
    return err;
}

/* ---- driving --------------------------------------------------------------------------------- */

static bool loads_keys(const run_t *run)
{
    return run->rules->key_load.start[0] != '\0';
}

static bool needs_key(const run_t *run)
{
    return loads_keys(run) &&
           (!run->key_loaded || run->job.new_key ||
            (run->rules->key_load.each_direction && run->job.decrypt != run->loaded_decrypt));
}

/* The block inside keeps its lines: its direction can still choose what shows. */
static void drive_key_load(run_t *run, cbit_core_in_t *in)
{
    if (run->count > 0) {
        return;
    }
    in->load_key = !run->loading && run->ready;
    memcpy(in->key, run->job.key, sizeof in->key);
    in->decrypt = run->job.decrypt;
    if (in->load_key) {
        run->loading = true;
        run->counts->key_writes++;
    }
}

static bool can_start(const run_t *run)
{
    if (run->rules->input.with_answer && run->count == 1) {
        return cbit_core_shows_answer(run->core) && cbit_core_shows_ready(run->core);
    }
    return run->count == 0 && run->ready;
}

/* Lines that mean nothing on this clock are noise, unless the adapter says hold. */
static void drive(run_t *run, cbit_core_in_t *in)
{
    const cbit_core_input_t *rules = &run->rules->input;
    bool one_at_a_time = rules->handshake == CBIT_CORE_START;
    memset(in, 0, sizeof *in);
    in->out_ready = !percent(&run->noise, run->stream->stall_percent);
    cbit_rng_bytes(&run->noise, in->data, sizeof in->data);
    cbit_rng_bytes(&run->noise, in->key, sizeof in->key);
    in->decrypt = run->rules->directions == CBIT_CORE_BOTH && percent(&run->noise, 50);
    if (run->had_last && (rules->hold || loads_keys(run))) {
        bool turned = run->rules->key_load.each_direction && run->key_loaded;
        in->decrypt = turned ? run->loaded_decrypt : run->last.decrypt;
        memcpy(in->key, run->last.key, rules->hold ? sizeof in->key : 0);
        memcpy(in->data, run->last.data, rules->hold ? sizeof in->data : 0);
    }
    if (!run->have_job || run->in_reset > 0) {
        return;
    }
    if (needs_key(run)) {
        drive_key_load(run, in);
        return;
    }
    if (run->job.gap > 0) {
        run->job.gap--;
        run->counts->bins[GAP]++;
        return;
    }
    if (one_at_a_time && !can_start(run)) {
        return;
    }
    in->offer = run->count < MAX_INSIDE;
    in->decrypt = run->job.decrypt;
    memcpy(in->data, run->job.data, sizeof in->data);
    memcpy(in->key, run->job.key, sizeof in->key);
}

/* ---- after the edge -------------------------------------------------------------------------- */

static bool all_bytes(const uint8_t *bytes, uint8_t value)
{
    uint32_t same = 0;
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        same += bytes[i] == value ? 1 : 0;
    }
    return same == CBIT_BLOCK_BYTES;
}

static void note_taken(run_t *run, uint64_t cycle)
{
    cbit_core_counts_t *counts = run->counts;
    const cbit_core_job_t *job = &run->job;
    if (run->had_last) {
        counts
            ->bins[(run->last.decrypt ? ENC_AFTER_DEC : ENC_AFTER_ENC) + (job->decrypt ? 1 : 0)]++;
        counts->bins[job->new_key ? NEW_KEY : SAME_KEY]++;
        counts->bins[BACK_TO_BACK] += run->last.cycle + 1 == cycle ? 1 : 0;
    } else {
        counts->first_in = cycle;
    }
    counts->bins[SEVERAL_INSIDE] += run->count > 0 ? 1 : 0;
    counts->bins[ZEROS] += all_bytes(job->data, 0x00) ? 1 : 0;
    counts->bins[ONES] += all_bytes(job->data, 0xFF) ? 1 : 0;
    counts->key_writes += !loads_keys(run) && job->new_key ? 1 : 0;
    counts->last_in = cycle;
}

static void take(run_t *run, uint64_t cycle)
{
    note_taken(run, cycle);
    run->job.cycle = cycle;
    run->inside[(run->head + run->count++) % MAX_INSIDE] = run->job;
    run->last = run->job;
    run->had_last = true;
    run->have_job = false;
    run->active = cycle;
}

static cbit_err_t fail(run_t *run, const cbit_core_job_t *job, const uint8_t *actual,
                       const char *text)
{
    cbit_core_mismatch_t *mismatch = run->mismatch;
    mismatch->any = true;
    mismatch->cycle = cbit_core_cycle(run->core) - 1;
    mismatch->block = job == NULL ? run->next : job->number;
    (void)snprintf(mismatch->text, sizeof mismatch->text, "%s", text);
    if (job != NULL) {
        mismatch->decrypt = job->decrypt;
        mismatch->taken_cycle = job->cycle;
        memcpy(mismatch->key, job->key, sizeof mismatch->key);
        memcpy(mismatch->data, job->data, sizeof mismatch->data);
        memcpy(mismatch->expected, job->expected, sizeof mismatch->expected);
        mismatch->with_data = actual != NULL;
        if (actual != NULL) {
            memcpy(mismatch->actual, actual, sizeof mismatch->actual);
        }
    }
    return CBIT_ERR_MISMATCH;
}

/* A valid that is early or late shows as a wrong answer beside the right one. */
static cbit_err_t fail_wrong(run_t *run, const cbit_core_job_t *job, const cbit_core_in_t *in,
                             const cbit_core_out_t *out)
{
    char text[100] = "the answer is wrong";
    cbit_err_t err = fail(run, job, out->data, text);
    int when = cbit_core_when(run->core, in, job->expected);
    if (when != 0) {
        (void)snprintf(run->mismatch->text, sizeof run->mismatch->text,
                       "%s; the right one shows %d clock%s %s", text, when < 0 ? -when : when,
                       when == 1 || when == -1 ? "" : "s", when < 0 ? "before" : "later");
    }
    return err;
}

/* An answer that has to wait stays as it is. */
static cbit_err_t check_held(run_t *run, const cbit_core_out_t *out)
{
    if (!run->was_stalled) {
        return CBIT_ERR_OK;
    }
    const cbit_core_job_t *job = run->count > 0 ? &run->inside[run->head] : NULL;
    run->counts->stalled_clocks++;
    if (!out->answer) {
        run->counts->valid_dropped++;
        return fail(run, job, NULL, "valid was taken back while the answer waited");
    }
    if (memcmp(run->was_data, out->data, sizeof out->data) != 0) {
        run->counts->payload_changed++;
        return fail(run, job, out->data, "the answer changed while it waited");
    }
    return CBIT_ERR_OK;
}

static cbit_err_t check_answer(run_t *run, const cbit_core_in_t *in, const cbit_core_out_t *out,
                               uint64_t cycle)
{
    cbit_core_counts_t *counts = run->counts;
    cbit_err_t err = check_held(run, out);
    run->was_stalled = false;
    if (err != CBIT_ERR_OK || !out->answer) {
        return err;
    }
    if (run->count == 0) {
        return fail(run, NULL, NULL, "an answer although no block is inside");
    }
    const cbit_core_job_t *job = &run->inside[run->head];
    if (memcmp(job->expected, out->data, sizeof out->data) != 0) {
        return fail_wrong(run, job, in, out);
    }
    if (!in->out_ready && run->rules->output.ready[0] != '\0') {
        counts->stalls++;
        counts->bins[STALLED]++;
        run->was_stalled = true;
        memcpy(run->was_data, out->data, sizeof out->data);
        return CBIT_ERR_OK;
    }
    uint64_t latency = cycle - job->cycle;
    counts->latency_min =
        counts->blocks == 0 || latency < counts->latency_min ? latency : counts->latency_min;
    counts->latency_max = latency > counts->latency_max ? latency : counts->latency_max;
    counts->blocks++;
    run->head = (run->head + 1) % MAX_INSIDE;
    run->count--;
    run->active = cycle;
    return CBIT_ERR_OK;
}

/* Under resets: what was inside is gone, and the next block must be right again. */
static void maybe_reset(run_t *run, uint64_t cycle)
{
    if (run->stream->reset_after == 0 || !run->had_last || run->in_reset > 0 ||
        cycle - run->last.cycle != run->stream->reset_after) {
        return;
    }
    run->counts->bins[RESET_INSIDE] += run->count > 0 ? 1 : 0;
    run->counts->resets++;
    run->in_reset = SHORT_RESET_CLOCKS;
    run->count = 0;
    run->key_loaded = false;
    run->loading = false;
    run->was_stalled = false;
}

static void note_trace(run_t *run, const cbit_core_out_t *out)
{
    uint64_t word = (out->answer ? 1u : 0) | (out->ready ? 2u : 0);
    uint64_t halves[2] = {0, 0};
    if (out->answer) {
        memcpy(halves, out->data, sizeof halves);
    }
    run->counts->answer = out->answer;
    run->counts->ready = out->ready;
    run->counts->trace = cbit_splitmix64(run->counts->trace ^ word ^ halves[0]) ^ halves[1];
}

static cbit_err_t step(run_t *run)
{
    cbit_core_in_t in;
    cbit_core_out_t out;
    uint64_t cycle = cbit_core_cycle(run->core);
    maybe_reset(run, cycle);
    drive(run, &in);
    in.reset = run->in_reset > 0;
    cbit_core_clock(run->core, &in, &out);
    run->counts->cycles++;
    run->ready = out.ready && !in.reset;
    if (in.reset) {
        run->in_reset--;
        run->active = cycle;
        return CBIT_ERR_OK;
    }
    note_trace(run, &out);
    cbit_err_t err = check_answer(run, &in, &out, cycle);
    if (out.taken) {
        take(run, cycle);
    }
    if (run->loading && out.key_done) {
        run->loading = false;
        run->key_loaded = true;
        run->job.new_key = false;
        run->loaded_decrypt = run->job.decrypt;
        run->active = cycle;
    }
    return err;
}

static cbit_err_t check_patience(run_t *run)
{
    uint64_t cycle = cbit_core_cycle(run->core);
    const char *failure = cbit_core_failure(run->core);
    char text[200];
    if (failure != NULL) {
        (void)snprintf(text, sizeof text, "the design stopped the simulation: %.140s", failure);
        return fail(run, NULL, NULL, text);
    }
    if (cycle - run->active <= run->stream->max_cycles) {
        return CBIT_ERR_OK;
    }
    const char *what = run->count > 0 ? "no answer"
                       : run->loading ? "the key is not loaded"
                                      : "no block is taken";
    (void)snprintf(text, sizeof text, "%s for %" PRIu64 " clocks: the core never answers", what,
                   run->stream->max_cycles);
    return fail(run, run->count > 0 ? &run->inside[run->head] : NULL, NULL, text);
}

static cbit_err_t run_all(run_t *run)
{
    cbit_err_t err = CBIT_ERR_OK;
    uint32_t quiet = 0, end = run->stream->first + run->stream->blocks;
    run->in_reset = RESET_CLOCKS;
    run->next = run->stream->first;
    uint64_t stop = run->stream->stop_cycle == 0 ? UINT64_MAX : run->stream->stop_cycle;
    while (err == CBIT_ERR_OK && quiet < DRAIN_CLOCKS && cbit_core_cycle(run->core) < stop) {
        if (!run->have_job && run->next < end) {
            err = draw(run);
        }
        quiet = run->have_job || run->count > 0 ? 0 : quiet + 1;
        if (err == CBIT_ERR_OK) {
            err = step(run);
        }
        if (err == CBIT_ERR_OK) {
            err = check_patience(run);
        }
    }
    return err;
}

static cbit_err_t run_core(const cbit_core_maker_t *maker, const cbit_core_stream_t *stream,
                           cbit_core_t *core, cbit_core_counts_t *counts,
                           cbit_core_mismatch_t *mismatch)
{
    cbit_tweak_t tweak;
    run_t run = {.rules = maker->rules,
                 .stream = stream,
                 .core = core,
                 .counts = counts,
                 .mismatch = mismatch};
    cbit_rng_init(&run.noise, stream->seed, UINT64_MAX);
    cbit_tweak_init(&tweak, CBIT_TWEAK_ZERO, 0);
    run.inside = calloc(MAX_INSIDE, sizeof run.inside[0]);
    cbit_err_t err =
        run.inside == NULL ? CBIT_ERR_NO_MEMORY : cbit_cipher_create(1, &tweak, false, &run.cipher);
    if (err == CBIT_ERR_OK) {
        err = run_all(&run);
    }
    cbit_cipher_destroy(run.cipher);
    free(run.inside);
    return err;
}

static cbit_err_t make(const cbit_core_maker_t *maker, const cbit_core_stream_t *stream,
                       cbit_core_t **core)
{
    return maker->make(maker->self, cbit_splitmix64(stream->seed ^ stream->undefined_seed) | 1,
                       core);
}

cbit_err_t cbit_core_stream_run(const cbit_core_maker_t *maker, const cbit_core_stream_t *stream,
                                cbit_core_counts_t *counts, cbit_core_mismatch_t *mismatch)
{
    cbit_core_t *core = NULL;
    cbit_err_t err = make(maker, stream, &core);
    if (err == CBIT_ERR_OK) {
        err = run_core(maker, stream, core, counts, mismatch);
    }
    cbit_core_destroy(core);
    return err;
}

cbit_err_t cbit_core_stream_waves(const cbit_core_maker_t *maker, const cbit_core_stream_t *stream,
                                  const char *path, uint64_t from_cycle)
{
    cbit_core_t *core = NULL;
    cbit_core_counts_t counts = {0};
    cbit_core_mismatch_t mismatch = {.any = false};
    cbit_err_t err = make(maker, stream, &core);
    if (err == CBIT_ERR_OK) {
        cbit_core_waves(core, path, from_cycle);
        err = run_core(maker, stream, core, &counts, &mismatch);
        err = cbit_core_waves_failed(core) ? CBIT_ERR_WRITE
              : err == CBIT_ERR_MISMATCH   ? CBIT_ERR_OK
                                           : err;
    }
    cbit_core_destroy(core);
    return err;
}
