#include "cosim/core_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cbit/aes/cipher.h"
#include "cbit/base/rng.h"

enum {
    KNOWN_BLOCKS = 12, /* six pairs, both directions */
    CHAIN_BLOCKS = 1000,
    PART_BLOCKS = 300,
    RESET_BLOCKS = 3,
    MAX_RESET_PHASES = 64,
    UNDEFINED_SEEDS = 6,
    SPEED_BLOCKS = 200,
    SHRINK_STEPS = 40,
};

typedef struct job {
    const cbit_core_maker_t *maker;
    const cbit_core_plan_t *plan;
    cbit_core_result_t *result;
    uint32_t check;
} job_t;

static cbit_core_stream_t plain_stream(const job_t *job, uint32_t blocks)
{
    return (cbit_core_stream_t){.seed = cbit_splitmix64(job->plan->seed) ^ job->check,
                                .blocks = blocks,
                                .new_key_percent = 20,
                                .decrypt_percent = 50,
                                .max_cycles = job->plan->max_cycles};
}

/* ---- shrinking ------------------------------------------------------------------------------- */

static bool still_fails(job_t *job, const cbit_core_stream_t *attempt,
                        cbit_core_mismatch_t *mismatch)
{
    cbit_core_counts_t scratch = {0};
    cbit_core_mismatch_t found = {.any = false};
    job->result->shrink_runs++;
    if (cbit_core_stream_run(job->maker, attempt, &scratch, &found) != CBIT_ERR_MISMATCH) {
        return false;
    }
    *mismatch = found;
    return true;
}

/* Fewer blocks from either end, then fewer things around them. */
static void shrink(job_t *job, cbit_core_stream_t *best, cbit_core_mismatch_t *mismatch)
{
    cbit_core_stream_t attempt = *best;
    if (mismatch->block >= best->first && mismatch->block < best->first + best->blocks) {
        attempt.blocks = (uint32_t)(mismatch->block - best->first) + 1;
        *best = still_fails(job, &attempt, mismatch) ? attempt : *best;
    }
    for (uint32_t drop = best->blocks / 2; drop > 0 && job->result->shrink_runs < SHRINK_STEPS;) {
        attempt = *best;
        attempt.first += drop;
        attempt.blocks -= drop;
        if (attempt.blocks > 0 && still_fails(job, &attempt, mismatch)) {
            *best = attempt;
            drop = drop < best->blocks ? drop : best->blocks / 2;
        } else {
            drop /= 2;
        }
    }
    uint8_t *const knobs[] = {&attempt.gap_percent, &attempt.stall_percent,
                              &attempt.new_key_percent, &attempt.decrypt_percent};
    for (uint32_t i = 0; i < sizeof knobs / sizeof knobs[0]; i++) {
        attempt = *best;
        uint8_t before = *knobs[i];
        *knobs[i] = 0;
        if (before != 0 && still_fails(job, &attempt, mismatch)) {
            *best = attempt;
        }
    }
}

/* ---- running a stream as a part of a check --------------------------------------------------- */

static cbit_err_t run_stream(job_t *job, const cbit_core_stream_t *stream,
                             cbit_core_counts_t *counts)
{
    cbit_core_mismatch_t mismatch = {.any = false};
    cbit_core_result_t *result = job->result;
    uint64_t before = counts->blocks;
    cbit_err_t err = cbit_core_stream_run(job->maker, stream, counts, &mismatch);
    result->check[job->check].run += counts->blocks - before + (err == CBIT_ERR_MISMATCH ? 1 : 0);
    if (err != CBIT_ERR_MISMATCH) {
        return err;
    }
    result->check[job->check].failed++;
    if (!result->mismatch.any) {
        result->failing = *stream;
        result->failing_check = job->check;
        result->mismatch = mismatch;
        shrink(job, &result->failing, &result->mismatch);
    }
    return err;
}

static void add_counts(cbit_core_counts_t *into, const cbit_core_counts_t *from)
{
    into->cycles += from->cycles;
    into->blocks += from->blocks;
    into->stalls += from->stalls;
    into->key_writes += from->key_writes;
    into->resets += from->resets;
    into->stalled_clocks += from->stalled_clocks;
    into->valid_dropped += from->valid_dropped;
    into->payload_changed += from->payload_changed;
    for (uint32_t i = 0; i < CBIT_CORE_BINS; i++) {
        into->bins[i] += from->bins[i];
    }
}

/* The usual one: a stream, counted into the whole. */
static cbit_err_t run_counted(job_t *job, const cbit_core_stream_t *stream)
{
    cbit_core_counts_t counts = {0};
    cbit_err_t err = run_stream(job, stream, &counts);
    add_counts(&job->result->counts, &counts);
    return err;
}

/* ---- the checks ------------------------------------------------------------------------------ */

static cbit_err_t check_answers(job_t *job)
{
    cbit_core_stream_t stream = plain_stream(job, 1);
    cbit_core_counts_t counts = {0};
    stream.known = true;
    cbit_err_t err = run_stream(job, &stream, &counts);
    add_counts(&job->result->counts, &counts);
    job->result->latency_cycles = counts.latency_max;
    return err;
}

static cbit_err_t check_known(job_t *job)
{
    cbit_core_stream_t stream = plain_stream(job, KNOWN_BLOCKS);
    stream.known = true;
    return run_counted(job, &stream);
}

static cbit_err_t check_random(job_t *job)
{
    cbit_core_stream_t stream = plain_stream(job, job->plan->blocks);
    return run_counted(job, &stream);
}

static cbit_err_t check_monte_carlo(job_t *job)
{
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t decrypt = 0; decrypt < 2 && err == CBIT_ERR_OK; decrypt++) {
        cbit_core_stream_t stream = plain_stream(job, CHAIN_BLOCKS);
        stream.chained = true;
        stream.new_key_percent = 0;
        stream.decrypt_percent = decrypt != 0 ? 100 : 0;
        if (cbit_core_can(job->maker->rules, decrypt != 0)) {
            err = run_counted(job, &stream);
        }
    }
    return err;
}

/* Another key with each block, as close behind each other as the core takes them; keys and blocks
   change to noise at once wherever the adapter does not say hold. */
static cbit_err_t check_key_changes(job_t *job)
{
    cbit_core_stream_t stream = plain_stream(job, PART_BLOCKS);
    stream.new_key_percent = 100;
    return run_counted(job, &stream);
}

static cbit_err_t check_gaps(job_t *job)
{
    cbit_core_stream_t stream = plain_stream(job, PART_BLOCKS);
    stream.gap_percent = 50;
    stream.new_key_percent = 50;
    return run_counted(job, &stream);
}

static cbit_err_t check_back_pressure(job_t *job)
{
    static const uint8_t stalls[] = {10, 50, 90};
    cbit_err_t err = CBIT_ERR_OK;
    if (job->maker->rules->output.ready[0] == '\0') {
        return CBIT_ERR_OK;
    }
    for (uint32_t i = 0; i < sizeof stalls && err == CBIT_ERR_OK; i++) {
        cbit_core_stream_t stream = plain_stream(job, PART_BLOCKS);
        stream.stall_percent = stalls[i];
        stream.gap_percent = 20;
        err = run_counted(job, &stream);
    }
    return err;
}

/* What back_pressure saw, as checks of their own: the protocol's two rules. */
static cbit_err_t check_held(job_t *job)
{
    const cbit_core_counts_t *counts = &job->result->counts;
    cbit_check_t *check = &job->result->check[job->check];
    bool valid = strcmp(check->name, "valid_held") == 0;
    check->run = counts->stalled_clocks;
    check->failed = valid ? counts->valid_dropped : counts->payload_changed;
    return CBIT_ERR_OK;
}

/* A reset at every distance from a block's entry, up to twice what a block takes. */
static cbit_err_t check_reset(job_t *job)
{
    cbit_err_t err = CBIT_ERR_OK;
    uint64_t span = 2 * (job->result->latency_cycles + 1);
    uint64_t phases = span < MAX_RESET_PHASES ? span : MAX_RESET_PHASES;
    if (job->maker->rules->reset[0] == '\0') {
        return CBIT_ERR_OK;
    }
    for (uint64_t phase = 0; phase < phases && err == CBIT_ERR_OK; phase++) {
        cbit_core_stream_t stream = plain_stream(job, RESET_BLOCKS);
        stream.seed ^= phase << 32;
        stream.reset_after = (uint32_t)(1 + phase * span / phases);
        err = run_counted(job, &stream);
        job->result->check[job->check].run += err == CBIT_ERR_OK ? 1 : 0;
    }
    return err;
}

static void trace_until(const job_t *job, cbit_core_stream_t stream, uint32_t undefined_seed,
                        uint64_t stop_cycle, cbit_core_counts_t *counts)
{
    cbit_core_mismatch_t none = {.any = false};
    *counts = (cbit_core_counts_t){0};
    stream.undefined_seed = undefined_seed;
    stream.stop_cycle = stop_cycle;
    (void)cbit_core_stream_run(job->maker, &stream, counts, &none);
}

/* Where and in what the outputs of undefined seeds 1 and `seed` part: halving the clocks. */
static void find_parting(const job_t *job, const cbit_core_stream_t *stream, uint32_t seed,
                         uint64_t cycles, cbit_core_mismatch_t *mismatch)
{
    cbit_core_counts_t a, b;
    uint64_t same = 0, differ = cycles;
    while (same + 1 < differ) {
        uint64_t middle = same + (differ - same) / 2;
        trace_until(job, *stream, 1, middle, &a);
        trace_until(job, *stream, seed, middle, &b);
        *(a.trace == b.trace ? &same : &differ) = middle;
    }
    trace_until(job, *stream, 1, differ, &a);
    trace_until(job, *stream, seed, differ, &b);
    mismatch->any = true;
    mismatch->cycle = differ - 1;
    (void)snprintf(mismatch->text, sizeof mismatch->text,
                   "outputs depend on what reset leaves undefined: %s differs between seeds 1 and "
                   "%u",
                   a.ready != b.ready     ? "ready"
                   : a.answer != b.answer ? "valid"
                                          : "an answer",
                   (unsigned)seed);
}

/* The same blocks on cores whose undefined state differs: every clock must be the same. */
static cbit_err_t check_undefined(job_t *job)
{
    cbit_err_t err = CBIT_ERR_OK;
    uint64_t first = 0;
    for (uint32_t i = 0; i < UNDEFINED_SEEDS && err == CBIT_ERR_OK; i++) {
        cbit_core_stream_t stream = plain_stream(job, PART_BLOCKS / UNDEFINED_SEEDS);
        cbit_core_counts_t counts = {0};
        stream.undefined_seed = i + 1;
        err = run_stream(job, &stream, &counts);
        add_counts(&job->result->counts, &counts);
        first = i == 0 ? counts.trace : first;
        if (err == CBIT_ERR_OK && counts.trace != first) {
            job->result->check[job->check].failed++;
            if (!job->result->mismatch.any) {
                job->result->failing = stream;
                job->result->failing_check = job->check;
                find_parting(job, &stream, i + 1, counts.cycles, &job->result->mismatch);
            }
            err = CBIT_ERR_MISMATCH;
        }
    }
    return err;
}

/* Not a check: how fast blocks go in when nothing holds them up. */
static cbit_err_t check_speed(job_t *job)
{
    cbit_core_stream_t stream = plain_stream(job, SPEED_BLOCKS);
    cbit_core_counts_t counts = {0};
    stream.new_key_percent = 0;
    stream.decrypt_percent = 0;
    cbit_err_t err = run_stream(job, &stream, &counts);
    add_counts(&job->result->counts, &counts);
    job->result->milli_cycles_per_block =
        (counts.last_in - counts.first_in) * 1000 / (SPEED_BLOCKS - 1);
    return err;
}

static const struct {
    const char *name;
    cbit_err_t (*run)(job_t *job);
} checks[CBIT_CORE_CHECKS] = {
    {"answers", check_answers},
    {"known_answers", check_known},
    {"throughput", check_speed},
    {"random", check_random},
    {"monte_carlo", check_monte_carlo},
    {"key_changes", check_key_changes},
    {"gaps", check_gaps},
    {"back_pressure", check_back_pressure},
    {"valid_held", check_held},
    {"payload_held", check_held},
    {"reset_in_flight", check_reset},
    {"x_propagation", check_undefined},
};

const char *cbit_core_check_name(uint32_t check)
{
    return check < CBIT_CORE_CHECKS ? checks[check].name : "";
}

cbit_err_t cbit_core_check_run(const cbit_core_maker_t *maker, const cbit_core_plan_t *plan,
                               cbit_core_result_t *result)
{
    cbit_err_t err = CBIT_ERR_OK, worst = CBIT_ERR_OK;
    memset(result, 0, sizeof *result);
    for (uint32_t i = 0; i < CBIT_CORE_CHECKS; i++) {
        result->check[i].name = checks[i].name;
    }
    for (uint32_t i = 0; i < CBIT_CORE_CHECKS && (err == CBIT_ERR_OK || i > 2); i++) {
        job_t job = {maker, plan, result, i};
        if (plan->only_check < CBIT_CORE_CHECKS && i > 0 && i != plan->only_check) {
            continue;
        }
        err = checks[i].run(&job);
        if (err != CBIT_ERR_OK && err != CBIT_ERR_MISMATCH) {
            return err;
        }
        worst = err == CBIT_ERR_OK ? worst : err;
    }
    return worst;
}

/* ---- latency of a core without valid --------------------------------------------------------- */

uint32_t cbit_core_find_latency(const cbit_core_maker_t *maker, uint64_t max_cycles)
{
    enum { SETTLE_CLOCKS = 64 };
    cbit_core_t *core = NULL;
    cbit_core_in_t in = {.reset = true, .out_ready = true};
    cbit_core_out_t out;
    cbit_cipher_t *cipher = NULL;
    cbit_tweak_t tweak;
    uint8_t expected[CBIT_BLOCK_BYTES] = {0};
    uint32_t latency = 0;
    uint64_t limit = max_cycles < CBIT_CORE_MAX_LATENCY ? max_cycles : CBIT_CORE_MAX_LATENCY;
    cbit_tweak_init(&tweak, CBIT_TWEAK_ZERO, 0);
    if (maker->make(maker->self, 1, &core) != CBIT_ERR_OK ||
        cbit_cipher_create(1, &tweak, false, &cipher) != CBIT_ERR_OK) {
        cbit_core_destroy(core);
        return 0;
    }
    memset(in.key, 0x5A, sizeof in.key);
    in.decrypt = maker->rules->directions == CBIT_CORE_DECRYPTS;
    for (uint32_t i = 0; i < SETTLE_CLOCKS; i++) {
        cbit_core_clock(core, &in, &out);
        in.reset = i < 4;
    }
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        in.data[i] = (uint8_t)(0x80 + i);
    }
    if (cbit_cipher_set_key(cipher, 0, in.key) == CBIT_ERR_OK) {
        (void)(in.decrypt ? cbit_cipher_decrypt : cbit_cipher_encrypt)(cipher, 0, 0, in.data,
                                                                       expected, sizeof expected);
    }
    in.offer = true;
    for (uint32_t i = 0; i <= limit && latency == 0; i++) {
        cbit_core_clock(core, &in, &out);
        latency = i > 0 && memcmp(out.data, expected, sizeof expected) == 0 ? i : 0;
        memset(in.data, 0, sizeof in.data);
        in.offer = maker->rules->input.handshake == CBIT_CORE_EACH_CLOCK;
    }
    cbit_cipher_destroy(cipher);
    cbit_core_destroy(core);
    return latency;
}
