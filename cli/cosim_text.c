/* What cbit cosim says on a terminal. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cosim.h"

enum { MAX_LISTED = 12, KILO = 1000 };

/* ---- an engine's mismatch -------------------------------------------------------------------- */

static void print_line(const char *lane, const cbit_case_line_t *line)
{
    (void)printf("    %s line %012" PRIx64 " first block %u, %s slot %u, tag %u\n", lane, line->spa,
                 line->first_block, line->bypass ? "plain," : "private,", line->slot, line->tag);
}

static void print_event(const cbit_case_event_t *event)
{
    static const char *const kind[] = {"key", "zeroise", "reset", "tweak", "xe"};
    (void)printf("    clock %u: %s", event->at_clock, kind[event->kind]);
    if (event->kind == CBIT_CASE_KEY) {
        (void)printf(" %s slot %u", event->clear ? "clear" : "load", event->slot);
    } else if (event->kind == CBIT_CASE_TWEAK) {
        (void)printf(" constant %u", event->slot);
    } else {
        (void)printf(" %u", event->count);
    }
    (void)printf("\n");
}

static void print_shrunk(const cbit_cosim_report_t *report)
{
    const cbit_case_t *what = &report->shrunk;
    (void)printf("  smallest case that still differs (after %u runs): %u lines to encrypt, %u to "
                 "decrypt, %u events\n",
                 report->shrink_runs, what->line_count[0], what->line_count[1], what->event_count);
    for (uint32_t i = 0; i < what->event_count && i < MAX_LISTED; i++) {
        print_event(&what->events[i]);
    }
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        for (uint32_t i = 0; i < what->line_count[lane] && i < MAX_LISTED; i++) {
            print_line(lane == CBIT_AES_ENCRYPT ? "enc" : "dec", &what->lines[lane][i]);
        }
    }
}

/* What is known of a mismatch of either kind. */
static void print_cause(const cbit_cosim_report_t *report)
{
    if (report->round[0] != '\0') {
        (void)printf("  round: %s\n", report->round);
    }
    if (report->cause[0] != '\0') {
        (void)printf("  cause: %s\n", report->cause);
    }
    if (report->waves[0] != '\0') {
        (void)printf("  waves: %s\n", report->waves);
    }
    (void)printf("  again: %s\n", report->replay);
}

/* The first difference is when something happens, not what. */
static bool is_of_time(const cbit_run_mismatch_t *mismatch)
{
    bool differs = mismatch->expected.key_ready != mismatch->actual.key_ready;
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        const cbit_aes_lane_out_t *expected = &mismatch->expected.lane[lane];
        const cbit_aes_lane_out_t *actual = &mismatch->actual.lane[lane];
        differs = differs || expected->ready != actual->ready || expected->valid != actual->valid;
    }
    return differs;
}

static void print_engine_mismatch(const cbit_cosim_report_t *report)
{
    const cbit_run_mismatch_t *mismatch = &report->result.mismatch;
    (void)printf("different: case %" PRIu64 ", cycle %" PRIu64 ", beat %" PRIu64
                 " of the %s lane, address %012" PRIx64 ", ASID %u\n  %s\n",
                 report->result.failing_case, mismatch->cycle, mismatch->beat,
                 mismatch->lane == CBIT_AES_ENCRYPT ? "encrypt" : "decrypt", mismatch->spa,
                 mismatch->slot, mismatch->text);
    if (report->foreign && !report->any_timing && is_of_time(mismatch)) {
        (void)printf("  hint: an engine whose latency is its own is checked with --timing any\n");
    }
    print_cause(report);
    print_shrunk(report);
}

/* ---- a core's mismatch ----------------------------------------------------------------------- */

static void print_hex(const char *name, const uint8_t *bytes)
{
    (void)printf("    %-9s", name);
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        (void)printf("%02x", bytes[i]);
    }
    (void)printf("\n");
}

static void print_core_mismatch(const cbit_cosim_report_t *report)
{
    const cbit_core_mismatch_t *mismatch = &report->bare.mismatch;
    const cbit_core_stream_t *failing = &report->bare.failing;
    (void)printf("different: check %s, cycle %" PRIu64 ", block %" PRIu64 " (%s)\n  %s\n",
                 cbit_core_check_name(report->bare.failing_check), mismatch->cycle, mismatch->block,
                 mismatch->decrypt ? "decrypt" : "encrypt", mismatch->text);
    if (mismatch->with_data) {
        print_hex("key", mismatch->key);
        print_hex("block", mismatch->data);
        print_hex("expected", mismatch->expected);
        print_hex("actual", mismatch->actual);
    }
    print_cause(report);
    (void)printf("  smallest stream that still differs (after %u runs): blocks %u to %u, gaps "
                 "%u %%, stalls %u %%, new keys %u %%%s\n",
                 report->bare.shrink_runs, failing->first, failing->first + failing->blocks - 1,
                 failing->gap_percent, failing->stall_percent, failing->new_key_percent,
                 failing->reset_after > 0 ? ", with resets" : "");
}

/* ---- counts ---------------------------------------------------------------------------------- */

static void print_bins(const cbit_coverage_t *coverage, bool all)
{
    for (uint32_t i = 0; i < CBIT_COVERAGE_MAX_BINS; i++) {
        if (coverage->name[i][0] != '\0' && (all || coverage->hits[i] == 0)) {
            (void)printf("  %10" PRIu64 "  %s\n", coverage->hits[i], coverage->name[i]);
        }
    }
}

static void print_seeds(const cbit_cosim_report_t *report)
{
    if (report->seed_count == 1) {
        (void)printf("seed %" PRIu64 "\n", report->seed);
    } else {
        (void)printf("seeds %" PRIu64 " to %" PRIu64 "\n", report->seed,
                     report->seed + report->seed_count - 1);
    }
}

static void print_engine_counts(const cbit_cosim_report_t *report)
{
    const cbit_run_counts_t *counts = &report->result.counts;
    (void)printf("%" PRIu64 " beats compared (%" PRIu64 " encrypt, %" PRIu64 " decrypt; %" PRIu64
                 " plain, %" PRIu64 " with an error), %" PRIu64 " lines\n",
                 counts->beats_compared, counts->beats[0], counts->beats[1], counts->bypassed,
                 counts->errors, counts->lines_compared);
    (void)printf("%" PRIu64 " clocks with %s; %" PRIu64 " stalls, %" PRIu64 " key writes, %" PRIu64
                 " wipes, %" PRIu64 " resets in %" PRIu64 " cases\n",
                 counts->cycles,
                 report->any_timing ? "every beat compared, their clocks the engine's own"
                                    : "every output pin compared",
                 counts->stalls, counts->key_writes, counts->zeroises, counts->resets,
                 report->result.cases);
    (void)printf("coverage: %u of %u bins; parameters %s; ",
                 cbit_coverage_hit(&report->result.coverage),
                 cbit_coverage_bins(&report->result.coverage), report->name);
    print_seeds(report);
}

static void print_core_counts(const cbit_cosim_report_t *report, bool all_bins)
{
    const cbit_core_counts_t *counts = &report->bare.counts;
    bool ended = counts->blocks == 0; /* nothing to build further checks on */
    (void)printf("%s through adapter %s\n", report->name, report->adapter);
    for (uint32_t i = 0; i < report->check_count; i++) {
        const cbit_check_t *check = &report->check[i];
        const char *verdict = check->failed > 0 ? "FAILED"
                              : check->run > 0  ? "good"
                              : ended           ? "not run"
                                                : "does not apply";
        (void)printf("  %-16s %10" PRIu64 "  %s\n", check->name, check->run, verdict);
    }
    (void)printf("%" PRIu64 " blocks compared in %" PRIu64 " clocks; %" PRIu64 " keys, %" PRIu64
                 " stalls, %" PRIu64 " resets; ",
                 counts->blocks, counts->cycles, counts->key_writes, counts->stalls,
                 counts->resets);
    print_seeds(report);
    for (uint32_t i = 0; all_bins && i < CBIT_CORE_BINS; i++) {
        (void)printf("  %10" PRIu64 "  %s\n", counts->bins[i], cbit_core_bin_names[i]);
    }
}

static void print_speed(const cbit_cosim_report_t *report)
{
    if (report->milli_cycles_per_block > 0) {
        (void)printf("%" PRIu64 ".%03" PRIu64 " cycles per block, latency %" PRIu64
                     " cycles, %" PRIu64 ".%03" PRIu64 " bytes per cycle\n",
                     report->milli_cycles_per_block / KILO, report->milli_cycles_per_block % KILO,
                     report->latency_cycles, report->milli_bytes_per_cycle / KILO,
                     report->milli_bytes_per_cycle % KILO);
    }
}

static void print_vectors(const cbit_vectors_result_t *vectors)
{
    (void)printf("vectors: %" PRIu64 " run out of %" PRIu64 " files, %" PRIu64 " passed, %" PRIu64
                 " failed, %" PRIu64 " do not apply\n",
                 vectors->run, vectors->files, vectors->passed, vectors->failed,
                 vectors->not_applicable);
    if (vectors->failed > 0) {
        (void)printf("  first: %s\n", vectors->first_failure);
    }
}

static void print_lint(const cbit_cosim_report_t *report)
{
    if (report->warnings > 0) {
        (void)printf("verilator has %u warning%s about the files, the first: %s\n",
                     report->warnings, report->warnings == 1 ? "" : "s", report->lint);
    }
}

void cbit_cosim_print_text(const cbit_cosim_report_t *report, bool all_bins)
{
    bool differs = cbit_cosim_differs(report);
    if (report->with_vectors) {
        print_vectors(&report->vectors);
    }
    if (report->core) {
        print_core_counts(report, all_bins);
    } else {
        print_engine_counts(report);
    }
    print_speed(report);
    print_lint(report);
    if (!report->core && (all_bins || !differs)) {
        print_bins(&report->result.coverage, all_bins);
    }
    if (differs && report->core) {
        print_core_mismatch(report);
    } else if (differs) {
        print_engine_mismatch(report);
    } else {
        (void)printf(report->vectors.failed > 0 ? "vectors failed\n" : "equal\n");
    }
}
