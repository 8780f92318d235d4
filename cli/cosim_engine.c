/* cbit cosim with an engine: ours, another parameter set of ours, or files with its ports. */
#include <stdio.h>
#include <string.h>

#include "cli/cosim.h"
#include "cosim/cause.h"
#include "cosim/waves.h"

enum { KILO = 1000, FEW_LINES = 100, MANY_LINES = 600 };

typedef struct work {
    const cbit_cosim_options_t *options;
    cbit_bench_t *bench;
} work_t;

static cbit_campaign_config_t config_of(const cbit_cosim_options_t *options,
                                        const cbit_bench_t *bench, uint64_t seed)
{
    return (cbit_campaign_config_t){
        .pins = bench->pins,
        .seed = seed,
        .beats = options->case_given ? UINT64_MAX : options->beats,
        .first_case = options->only_case,
        .cases = options->case_given ? 1 : 0,
        .max_cycles = options->max_cycles,
        .any_timing = options->timing != 0,
    };
}

static void run_seed(void *self, uint32_t number, void *result)
{
    const work_t *work = self;
    cbit_cosim_outcome_t *outcome = result;
    cbit_device_maker_t maker = cbit_bench_maker(work->bench);
    cbit_campaign_config_t config =
        config_of(work->options, work->bench, work->options->seed + number);
    outcome->err = cbit_campaign_run(&config, &maker, &outcome->found.engine);
}

static void merge(const cbit_cosim_outcome_t *outcome, uint64_t seed, cbit_cosim_report_t *report,
                  cbit_cosim_seed_line_t *line)
{
    const cbit_campaign_result_t *from = &outcome->found.engine;
    line->beats = from->counts.beats_compared;
    (void)snprintf(line->failure, sizeof line->failure, "%s", from->mismatch.text);
    cbit_campaign_merge(&report->result, from);
    if (from->mismatch.any && !report->result.mismatch.any) {
        report->result.mismatch = from->mismatch;
        report->result.failing_case = from->failing_case;
        report->failing_seed = seed;
    }
}

static cbit_err_t run_vectors(cbit_bench_t *bench, const char *folder, cbit_cosim_report_t *report,
                              cbit_diag_t *diag)
{
    cbit_device_maker_t maker = cbit_bench_maker(bench);
    cbit_device_t device;
    cbit_engine_block_t *engine = NULL;
    cbit_err_t err = maker.make(maker.self, report->seed | 1, &device);
    if (err != CBIT_ERR_OK) {
        return cbit_diag_add(diag, err, NULL, "%s", cbit_err_text(err));
    }
    err = cbit_engine_block_create(&device, &bench->pins, &engine);
    if (err == CBIT_ERR_OK) {
        cbit_block_t block = cbit_engine_block(engine);
        err = cbit_cosim_run_vectors(&block, folder, report, diag);
        cbit_engine_block_destroy(engine);
    }
    device.destroy(device.self);
    return err;
}

/* ---- after a mismatch ------------------------------------------------------------------------ */

static cbit_err_t shrink(const cbit_campaign_config_t *config, const cbit_device_maker_t *maker,
                         cbit_cosim_report_t *report)
{
    cbit_case_knobs_t knobs = cbit_campaign_knobs(config);
    cbit_err_t err =
        cbit_case_make(&knobs, config->seed, report->result.failing_case, &report->shrunk);
    return err != CBIT_ERR_OK
               ? err
               : cbit_campaign_shrink(config, maker, &report->shrunk, &report->shrink_runs);
}

/* The question to which the expected block is the answer: which key and constants were in force. */
static bool find_question(const cbit_case_t *what, const cbit_run_mismatch_t *mismatch,
                          cbit_tweak_t *tweak, cbit_cause_t *cause)
{
    *cause = (cbit_cause_t){.decrypt = mismatch->lane == CBIT_AES_DECRYPT,
                            .engine = true,
                            .spa = mismatch->spa,
                            .slot = mismatch->slot,
                            .tweak = tweak};
    *tweak = what->tweak;
    memcpy(cause->data, mismatch->data, sizeof cause->data);
    memcpy(cause->expected, mismatch->expected.lane[mismatch->lane].data, sizeof cause->expected);
    memcpy(cause->actual, mismatch->actual.lane[mismatch->lane].data, sizeof cause->actual);
    for (uint32_t i = 0; i < what->event_count && cause->key_count < CBIT_CAUSE_KEYS; i++) {
        if (what->events[i].kind == CBIT_CASE_KEY && !what->events[i].clear) {
            cause->keys[cause->key_count].slot = what->events[i].slot;
            cause->keys[cause->key_count++].key = what->events[i].key;
        }
    }
    for (uint32_t xe = 0; xe < 2; xe++) {
        cause->xe = xe == 0 ? mismatch->xe : !mismatch->xe;
        *tweak = what->tweak;
        if (cbit_cause_key(cause)) {
            return true;
        }
        for (uint32_t i = 0; i < what->event_count; i++) {
            const cbit_case_event_t *event = &what->events[i];
            if (event->kind == CBIT_CASE_TWEAK && event->slot <= CBIT_TWEAK_LAST_BIT) {
                memcpy(tweak->t[event->slot], event->key, sizeof event->key);
                if (cbit_cause_key(cause)) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* What the wrong block looks like, and where in the rounds it went wrong. library NULL: no waves.
 */
static void explain(const cbit_case_t *what, const cbit_run_mismatch_t *mismatch,
                    const cbit_dut_library_t *library, cbit_cosim_report_t *report)
{
    static cbit_cause_t cause;
    static cbit_tweak_t tweak;
    cbit_rounds_t rounds;
    uint8_t in[CBIT_BLOCK_BYTES], t[CBIT_BLOCK_BYTES], out[CBIT_BLOCK_BYTES];
    if (!mismatch->data_differ || !find_question(what, mismatch, &tweak, &cause)) {
        return;
    }
    cbit_tweak_of(&tweak, cause.spa, t);
    bool before = !cause.decrypt || !cause.xe, after = cause.decrypt || !cause.xe;
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        in[i] = cause.data[i] ^ (before ? t[i] : 0);
        out[i] = cause.actual[i] ^ (after ? t[i] : 0);
    }
    cbit_rounds_of(cause.key, in, cause.decrypt, &rounds);
    (void)cbit_cause_find(&cause, report->cause, sizeof report->cause);
    if (library != NULL) {
        (void)cbit_waves_first_round(library, report->waves, &rounds, true, report->round,
                                     sizeof report->round);
    }
    cbit_cosim_add_round(report, &rounds, out);
}

/* The shortened case once more, with waves around the clock that differs. */
static cbit_err_t write_waves(const cbit_bench_source_t *source,
                              const cbit_campaign_config_t *config, uint64_t cycle,
                              cbit_bench_t *bench, cbit_cosim_report_t *report, cbit_diag_t *diag)
{
    static cbit_campaign_result_t scratch;
    cbit_bench_source_t traced = *source;
    uint64_t at = cycle + CBIT_RUN_RESET_CLOCKS;
    traced.waves = true;
    traced.files.waves = true;
    cbit_err_t err = cbit_bench_open(&traced, bench, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    bench->waves_path = report->waves;
    bench->waves_from = at < CBIT_COSIM_WINDOW_CLOCKS ? 0 : at - CBIT_COSIM_WINDOW_CLOCKS;
    cbit_device_maker_t maker = cbit_bench_maker(bench);
    cbit_coverage_init(&scratch.coverage, &config->pins);
    memset(&scratch.mismatch, 0, sizeof scratch.mismatch);
    err = cbit_campaign_run_case(config, &maker, &report->shrunk, &scratch);
    FILE *written = fopen(report->waves, "r+b");
    if (written == NULL || fclose(written) != 0) {
        err = CBIT_ERR_WRITE;
    }
    return err == CBIT_ERR_MISMATCH
               ? CBIT_ERR_OK
               : cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "%s cannot be written", report->waves);
}

/* The shortened case as it differs now: maybe at another pin than the one it was found by. */
static cbit_err_t run_shrunk(const cbit_campaign_config_t *config, const cbit_device_maker_t *maker,
                             const cbit_case_t *what, cbit_run_mismatch_t *mismatch,
                             cbit_diag_t *diag)
{
    static cbit_campaign_result_t scratch;
    memset(&scratch, 0, sizeof scratch);
    cbit_coverage_init(&scratch.coverage, &config->pins);
    cbit_err_t err = cbit_campaign_run_case(config, maker, what, &scratch);
    *mismatch = scratch.mismatch;
    return err == CBIT_ERR_MISMATCH
               ? CBIT_ERR_OK
               : cbit_diag_add(diag, CBIT_ERR_INTERNAL, NULL, "the shortened case differs no more");
}

static cbit_err_t after_mismatch(const cbit_cosim_options_t *options, cbit_bench_t *bench,
                                 const cbit_bench_source_t *source, cbit_cosim_report_t *report,
                                 cbit_diag_t *diag)
{
    cbit_device_maker_t maker = cbit_bench_maker(bench);
    cbit_campaign_config_t config = config_of(options, bench, report->failing_seed);
    cbit_run_mismatch_t mismatch = {0};
    cbit_bench_t traced = {.library = NULL};
    cbit_err_t err = shrink(&config, &maker, report);
    if (err == CBIT_ERR_OK) {
        err = run_shrunk(&config, &maker, &report->shrunk, &mismatch, diag);
    }
    cbit_cosim_waves_path(options, report->failing_seed, report->result.failing_case, report->waves,
                          sizeof report->waves);
    if (err == CBIT_ERR_OK && report->waves[0] != '\0') {
        err = write_waves(source, &config, mismatch.cycle, &traced, report, diag);
    }
    if (err == CBIT_ERR_OK) {
        explain(&report->shrunk, &mismatch, traced.library, report);
    }
    cbit_bench_close(&traced);
    return err == CBIT_ERR_OK ? CBIT_ERR_MISMATCH : err;
}

/* ---- what is measured ------------------------------------------------------------------------ */

/* A case of so many lines in each lane, all lanes full; false when it differs. */
static bool run_full(cbit_bench_t *bench, bool any_timing, uint32_t lines,
                     cbit_campaign_result_t *result)
{
    cbit_device_maker_t maker = cbit_bench_maker(bench);
    cbit_campaign_config_t config = {
        .pins = bench->pins, .full_rate = true, .any_timing = any_timing};
    cbit_case_knobs_t knobs = cbit_campaign_knobs(&config);
    cbit_case_t what;
    memset(result, 0, sizeof *result);
    knobs.lines_per_lane = lines;
    if (cbit_case_make(&knobs, 1, 0, &what) != CBIT_ERR_OK) {
        return false;
    }
    cbit_err_t err = cbit_campaign_run_case(&config, &maker, &what, result);
    cbit_case_free(&what);
    return err == CBIT_ERR_OK;
}

/* Latency of a line alone, and clocks of a beat in each lane when both are full: of the lines that
   a longer case has more, so that what comes before and after does not show. */
static void measure(cbit_bench_t *bench, cbit_cosim_report_t *report)
{
    static cbit_campaign_result_t few, many;
    if (!run_full(bench, report->any_timing, FEW_LINES, &few) ||
        !run_full(bench, report->any_timing, MANY_LINES, &many)) {
        return;
    }
    uint64_t cycles = many.counts.cycles - few.counts.cycles;
    uint64_t beats = many.counts.beats_compared - few.counts.beats_compared;
    uint64_t lanes = bench->pins.shared_lane ? 1 : CBIT_AES_LANES;
    report->latency_cycles = few.counts.latency_clocks;
    report->milli_cycles_per_block = (cycles * KILO * lanes + beats / 2) / beats;
    report->milli_bytes_per_cycle = (beats * CBIT_BLOCK_BYTES * KILO + cycles / 2) / cycles;
}

static void fill_checks(cbit_cosim_report_t *report)
{
    const cbit_run_counts_t *counts = &report->result.counts;
    uint64_t failed = report->result.mismatch.any ? 1 : 0;
    cbit_cosim_add_check(report, report->any_timing ? "delivery" : "lock_step", counts->cycles,
                         failed);
    cbit_cosim_add_check(report, "random", counts->beats_compared - counts->bypassed, 0);
    cbit_cosim_add_check(report, "bypass", counts->bypassed, 0);
    cbit_cosim_add_check(report, "key_changes", counts->key_writes, 0);
    cbit_cosim_add_check(report, "back_pressure", counts->stalls, 0);
    cbit_cosim_add_check(report, "reset_in_flight", counts->resets, 0);
    cbit_cosim_add_check(report, "zeroise", counts->zeroises, 0);
    cbit_cosim_add_check(report, "x_propagation", report->result.cases, 0);
    if (report->with_vectors) {
        cbit_cosim_add_check(report, "vectors", report->vectors.run, report->vectors.failed);
    }
}

static cbit_err_t run_open(const cbit_cosim_options_t *options, const cbit_bench_source_t *source,
                           cbit_bench_t *bench, cbit_cosim_report_t *report, cbit_diag_t *diag)
{
    cbit_err_t vectors = CBIT_ERR_OK;
    if (report->any_timing) {
        bench->pins.stages_per_round = 0; /* it has a depth of its own */
    }
    report->pins = bench->pins;
    if (options->vectors != NULL) {
        vectors = run_vectors(bench, options->vectors, report, diag);
        if (vectors != CBIT_ERR_OK && vectors != CBIT_ERR_MISMATCH) {
            return vectors;
        }
    }
    work_t work = {options, bench};
    cbit_cosim_seeds_t seeds = {.self = &work, .run = run_seed, .merge = merge};
    cbit_coverage_init(&report->result.coverage, &bench->pins);
    cbit_err_t err = cbit_cosim_run_seeds(&seeds, options, report, diag);
    if (err == CBIT_ERR_MISMATCH) {
        err = after_mismatch(options, bench, source, report, diag);
    } else if (err == CBIT_ERR_OK && report->foreign) {
        measure(bench, report);
    }
    fill_checks(report);
    return err == CBIT_ERR_OK ? vectors : err;
}

cbit_err_t cbit_cosim_run_engine(const cbit_cosim_options_t *options,
                                 const cbit_bench_source_t *source, cbit_cosim_report_t *report,
                                 cbit_diag_t *diag)
{
    cbit_bench_t bench;
    cbit_err_t err = cbit_bench_open(source, &bench, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    report->warnings = bench.warnings;
    (void)snprintf(report->lint, sizeof report->lint, "%s",
                   bench.library == NULL ? "" : cbit_dut_lint(bench.library));
    err = run_open(options, source, &bench, report, diag);
    cbit_bench_close(&bench);
    return err;
}
