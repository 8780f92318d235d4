/* cbit cosim --adapter NAME: a bare AES core. */
#include <stdio.h>
#include <string.h>

#include "cli/cosim.h"
#include "cosim/cause.h"
#include "cosim/core_hint.h"
#include "cosim/waves.h"

enum { DEFAULT_BLOCKS = 2000, MAX_BLOCKS = 100000000, KILO = 1000 };

typedef struct work {
    const cbit_cosim_options_t *options;
    cbit_core_bench_t *bench;
} work_t;

static void run_seed(void *self, uint32_t number, void *result)
{
    const work_t *work = self;
    const cbit_cosim_options_t *options = work->options;
    cbit_cosim_outcome_t *outcome = result;
    cbit_core_maker_t maker = cbit_core_bench_maker(work->bench);
    uint64_t blocks = options->beats_given ? options->beats : DEFAULT_BLOCKS;
    cbit_core_plan_t plan = {
        .seed = options->seed + number,
        .blocks = (uint32_t)(blocks < MAX_BLOCKS ? blocks : MAX_BLOCKS),
        .max_cycles = options->max_cycles,
        .only_check = options->case_given ? (uint32_t)options->only_case : CBIT_CORE_CHECKS,
    };
    outcome->err = cbit_core_check_run(&maker, &plan, &outcome->found.core);
}

static void merge_counts(cbit_core_counts_t *into, const cbit_core_counts_t *from)
{
    into->cycles += from->cycles;
    into->blocks += from->blocks;
    into->stalls += from->stalls;
    into->key_writes += from->key_writes;
    into->resets += from->resets;
    for (uint32_t i = 0; i < CBIT_CORE_BINS; i++) {
        into->bins[i] += from->bins[i];
    }
}

static void merge(const cbit_cosim_outcome_t *outcome, uint64_t seed, cbit_cosim_report_t *report,
                  cbit_cosim_seed_line_t *line)
{
    const cbit_core_result_t *from = &outcome->found.core;
    cbit_core_result_t *into = &report->bare;
    line->beats = from->counts.blocks;
    (void)snprintf(line->failure, sizeof line->failure, "%s", from->mismatch.text);
    merge_counts(&into->counts, &from->counts);
    for (uint32_t i = 0; i < CBIT_CORE_CHECKS; i++) {
        into->check[i].name = cbit_core_check_name(i);
        into->check[i].run += from->check[i].run;
        into->check[i].failed += from->check[i].failed;
        report->bare_mismatches += from->check[i].failed;
    }
    into->milli_cycles_per_block = into->milli_cycles_per_block == 0 ? from->milli_cycles_per_block
                                                                     : into->milli_cycles_per_block;
    into->latency_cycles = into->latency_cycles == 0 ? from->latency_cycles : into->latency_cycles;
    if (from->mismatch.any && !into->mismatch.any) {
        into->mismatch = from->mismatch;
        into->failing = from->failing;
        into->failing_check = from->failing_check;
        into->shrink_runs = from->shrink_runs;
        report->failing_seed = seed;
    }
}

static cbit_err_t run_vectors(const cbit_cosim_options_t *options, cbit_core_bench_t *bench,
                              cbit_cosim_report_t *report, cbit_diag_t *diag)
{
    cbit_core_maker_t maker = cbit_core_bench_maker(bench);
    cbit_core_t *core = NULL;
    cbit_core_block_t *block = NULL;
    cbit_err_t err = maker.make(maker.self, options->seed | 1, &core);
    if (err == CBIT_ERR_OK) {
        err = cbit_core_block_create(core, bench->rules, options->max_cycles, &block);
    }
    if (err == CBIT_ERR_OK) {
        cbit_block_t cipher = cbit_core_block(block);
        err = cbit_cosim_run_vectors(&cipher, options->vectors, report, diag);
    }
    cbit_core_block_destroy(block);
    cbit_core_destroy(core);
    return err;
}

/* The shortened failing stream once more, with waves around the mismatch. */
static cbit_err_t write_waves(const cbit_dut_source_t *files, const cbit_core_bench_t *bench,
                              cbit_cosim_report_t *report, cbit_diag_t *diag)
{
    cbit_core_bench_t traced = *bench;
    cbit_dut_source_t source = *files;
    const cbit_core_mismatch_t *mismatch = &report->bare.mismatch;
    uint64_t begin = mismatch->with_data ? mismatch->taken_cycle : mismatch->cycle;
    uint32_t warnings = 0;
    source.waves = true;
    cbit_err_t err = cbit_dut_build(&source, &traced.library, &warnings, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_core_maker_t maker = cbit_core_bench_maker(&traced);
    uint64_t before = begin < CBIT_COSIM_WINDOW_CLOCKS ? begin : CBIT_COSIM_WINDOW_CLOCKS;
    err = cbit_core_stream_waves(&maker, &report->bare.failing, report->waves, begin - before);
    if (err == CBIT_ERR_OK && mismatch->with_data) {
        cbit_rounds_t rounds;
        cbit_rounds_of(mismatch->key, mismatch->data, mismatch->decrypt, &rounds);
        const cbit_core_stream_t *failing = &report->bare.failing;
        bool goes_in_again = (failing->known || failing->chained) && failing->blocks > 1;
        (void)cbit_waves_first_round(traced.library, report->waves, &rounds, !goes_in_again,
                                     report->round, sizeof report->round);
    }
    cbit_core_bench_close(&traced);
    return err == CBIT_ERR_OK
               ? err
               : cbit_diag_add(diag, err, NULL, "%s cannot be written", report->waves);
}

/* What the wrong answer looks like, and where in the rounds it went wrong. A core that is right
   under another word of the adapter has no wrong round. */
static void explain(const cbit_core_bench_t *bench, cbit_cosim_report_t *report)
{
    const cbit_core_mismatch_t *mismatch = &report->bare.mismatch;
    cbit_cause_t cause = {.decrypt = mismatch->decrypt};
    cbit_rounds_t rounds;
    if (mismatch->any && report->bare.failing_check == 0 &&
        cbit_core_hint_find(bench, &report->bare.failing, report->cause, sizeof report->cause)) {
        report->round[0] = '\0';
        return;
    }
    if (!mismatch->with_data) {
        return;
    }
    memcpy(cause.key, mismatch->key, sizeof cause.key);
    memcpy(cause.data, mismatch->data, sizeof cause.data);
    memcpy(cause.actual, mismatch->actual, sizeof cause.actual);
    (void)cbit_cause_find(&cause, report->cause, sizeof report->cause);
    cbit_rounds_of(mismatch->key, mismatch->data, mismatch->decrypt, &rounds);
    cbit_cosim_add_round(report, &rounds, mismatch->actual);
}

static void fill(cbit_cosim_report_t *report)
{
    const cbit_core_result_t *bare = &report->bare;
    for (uint32_t i = 0; i < CBIT_CORE_CHECKS; i++) {
        cbit_cosim_add_check(report, bare->check[i].name, bare->check[i].run,
                             bare->check[i].failed);
    }
    if (report->with_vectors) {
        cbit_cosim_add_check(report, "vectors", report->vectors.run, report->vectors.failed);
    }
    report->latency_cycles = bare->latency_cycles;
    report->milli_cycles_per_block = bare->milli_cycles_per_block;
    report->milli_bytes_per_cycle =
        bare->milli_cycles_per_block == 0
            ? 0
            : (uint64_t)CBIT_BLOCK_BYTES * KILO * KILO / bare->milli_cycles_per_block;
}

static cbit_err_t run_open(const cbit_cosim_options_t *options, const cbit_dut_source_t *files,
                           cbit_core_bench_t *bench, cbit_cosim_report_t *report, cbit_diag_t *diag)
{
    work_t work = {options, bench};
    cbit_cosim_seeds_t seeds = {.self = &work, .run = run_seed, .merge = merge};
    cbit_err_t err = cbit_cosim_run_seeds(&seeds, options, report, diag);
    cbit_err_t vectors = CBIT_ERR_OK;
    bool answers = report->bare.check[0].failed == 0;
    if ((err == CBIT_ERR_OK || err == CBIT_ERR_MISMATCH) && options->vectors != NULL && answers) {
        vectors = run_vectors(options, bench, report, diag);
    }
    fill(report);
    if (err == CBIT_ERR_MISMATCH) {
        cbit_cosim_waves_path(options, report->failing_seed, report->bare.failing_check,
                              report->waves, sizeof report->waves);
    }
    if (err == CBIT_ERR_MISMATCH && report->waves[0] != '\0') {
        cbit_err_t waves = write_waves(files, bench, report, diag);
        err = waves == CBIT_ERR_OK ? err : waves;
    }
    explain(bench, report);
    return err == CBIT_ERR_OK ? vectors : err;
}

cbit_err_t cbit_cosim_run_core(const cbit_cosim_options_t *options, const cbit_dut_source_t *files,
                               const cbit_core_rules_t *rules, cbit_cosim_report_t *report,
                               cbit_diag_t *diag)
{
    cbit_core_bench_t bench;
    cbit_err_t err = cbit_core_bench_open(files, rules, options->max_cycles, &bench, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    report->core = true;
    report->warnings = bench.warnings;
    (void)snprintf(report->lint, sizeof report->lint, "%s", bench.lint);
    err = run_open(options, files, &bench, report, diag);
    cbit_core_bench_close(&bench);
    return err;
}
