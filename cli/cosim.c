/* cbit cosim: the RTL of the engine against the golden model. */
#include "cli/cosim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cbit/cosim/engine.h"
#include "cli/args.h"
#include "cli/verbs.h"

enum { DEFAULT_BEATS = 1000000 };

typedef struct cosim_options {
    uint64_t seed, beats, only_case;
    bool case_given, json, quiet, bins, speed;
} cosim_options_t;

static const cbit_arg_t args[] = {
    {"--seed", CBIT_ARG_U64, offsetof(cosim_options_t, seed), .value = "N",
     .help = "draws the cases (default 1)"},
    {"--beats", CBIT_ARG_U64, offsetof(cosim_options_t, beats), .value = "N",
     .help = "delivered 16-byte beats to compare (default 1000000)"},
    {"--case", CBIT_ARG_U64, offsetof(cosim_options_t, only_case), .value = "K",
     .given_offset = offsetof(cosim_options_t, case_given), .help = "only the seed's K-th case"},
    {"--bins", CBIT_ARG_FLAG, offsetof(cosim_options_t, bins),
     .help = "list the coverage bins with their hits"},
    {"--speed", CBIT_ARG_FLAG, offsetof(cosim_options_t, speed),
     .help = "both lanes full: clocks a second of the bare RTL and in lock-step"},
    {"--json", CBIT_ARG_FLAG, offsetof(cosim_options_t, json),
     .help = "one JSON document on stdout"},
    {"--quiet", CBIT_ARG_FLAG, offsetof(cosim_options_t, quiet), .help = "no text"},
    {.name = NULL},
};

static const cbit_cli_command_t command = {
    .verb = "cosim",
    .operands = "",
    .summary =
        "Clocks the Verilated engine and the golden model side by side and compares every output\n"
        "pin on every clock: random lines, gaps, stalls, key writes, wipes and resets, in cases "
        "of\n"
        "which each can be repeated alone. Data come from OpenSSL. The first difference ends the\n"
        "run; its case is then shortened as far as it still differs.",
    .examples = {"cbit cosim --beats 2000000", "cbit cosim --seed 7 --case 41 --json", NULL},
    .args = args,
    .exit_notes = "Exit status: 0 all equal, 1 a difference, 4 this build has no Verilator.",
};

static cbit_err_t make_built_in(void *self, uint64_t seed, cbit_device_t *out)
{
    (void)self;
    return cbit_device_rtl(seed, out);
}

/* ---- text ---- */

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

enum { MAX_LISTED = 12 };

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

static void print_mismatch(const cbit_cosim_report_t *report)
{
    const cbit_run_mismatch_t *mismatch = &report->result.mismatch;
    (void)printf("different: case %" PRIu64 ", cycle %" PRIu64 ", beat %" PRIu64
                 " of the %s lane, address %012" PRIx64 ", slot %u\n  %s\n  again: %s\n",
                 report->result.failing_case, mismatch->cycle, mismatch->beat,
                 mismatch->lane == CBIT_AES_ENCRYPT ? "encrypt" : "decrypt", mismatch->spa,
                 mismatch->slot, mismatch->text, report->replay);
    print_shrunk(report);
}

static void print_bins(const cbit_coverage_t *coverage, bool all)
{
    for (uint32_t i = 0; i < CBIT_COVERAGE_MAX_BINS; i++) {
        if (coverage->name[i][0] != '\0' && (all || coverage->hits[i] == 0)) {
            (void)printf("  %10" PRIu64 "  %s\n", coverage->hits[i], coverage->name[i]);
        }
    }
}

static void print_counts(const cbit_cosim_report_t *report)
{
    const cbit_run_counts_t *counts = &report->result.counts;
    (void)printf("%" PRIu64 " beats compared (%" PRIu64 " encrypt, %" PRIu64 " decrypt; %" PRIu64
                 " plain, %" PRIu64 " with an error), %" PRIu64 " lines\n",
                 counts->beats_compared, counts->beats[0], counts->beats[1], counts->bypassed,
                 counts->errors, counts->lines_compared);
    (void)printf("%" PRIu64 " clocks with every output pin compared; %" PRIu64 " stalls, %" PRIu64
                 " key writes, %" PRIu64 " wipes, %" PRIu64 " resets in %" PRIu64 " cases\n",
                 counts->cycles, counts->stalls, counts->key_writes, counts->zeroises,
                 counts->resets, report->result.cases);
    (void)printf("coverage: %u of %u bins; parameters %s; seed %" PRIu64 "\n",
                 cbit_coverage_hit(&report->result.coverage),
                 cbit_coverage_bins(&report->result.coverage), report->parameters->name,
                 report->seed);
}

static void print_report(const cbit_cosim_report_t *report, bool all_bins)
{
    print_counts(report);
    print_bins(&report->result.coverage, all_bins);
    if (report->result.mismatch.any) {
        print_mismatch(report);
    } else {
        (void)printf("equal\n");
    }
}

/* ---- running ---- */

static cbit_err_t shrink(const cbit_campaign_config_t *config, const cbit_device_maker_t *maker,
                         cbit_cosim_report_t *report)
{
    cbit_case_knobs_t knobs = cbit_campaign_knobs(config);
    (void)snprintf(report->replay, sizeof report->replay,
                   "cbit cosim --seed %" PRIu64 " --case %" PRIu64, config->seed,
                   report->result.failing_case);
    cbit_err_t err =
        cbit_case_make(&knobs, config->seed, report->result.failing_case, &report->shrunk);
    return err != CBIT_ERR_OK
               ? err
               : cbit_campaign_shrink(config, maker, &report->shrunk, &report->shrink_runs);
}

static cbit_err_t run(const cosim_options_t *options, cbit_cosim_report_t *report)
{
    cbit_device_maker_t maker = {.make = make_built_in};
    cbit_campaign_config_t config = {
        .pins = report->parameters->pins,
        .seed = options->seed,
        .beats = options->case_given ? UINT64_MAX : options->beats,
        .first_case = options->only_case,
        .cases = options->case_given ? 1 : 0,
    };
    report->seed = options->seed;
    cbit_err_t err = cbit_campaign_run(&config, &maker, &report->result);
    if (err == CBIT_ERR_MISMATCH) {
        cbit_err_t shrink_err = shrink(&config, &maker, report);
        err = shrink_err == CBIT_ERR_OK ? err : shrink_err;
    }
    return err;
}

/* Of this process, so that other load on the machine shows less. */
static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Clocks a second with both lanes full; speed is about this machine and reaches no result. */
static int run_speed(const cosim_options_t *options)
{
    double rate[2];
    static cbit_campaign_result_t result;
    for (int bare = 0; bare < 2; bare++) {
        cbit_device_maker_t maker = {.make = make_built_in};
        cbit_campaign_config_t config = {.pins = cbit_parameter_sets[0].pins,
                                         .seed = options->seed,
                                         .beats = options->beats,
                                         .full_rate = true,
                                         .bare = bare != 0};
        double begin = cpu_seconds();
        cbit_err_t err = cbit_campaign_run(&config, &maker, &result);
        if (err != CBIT_ERR_OK) {
            return cbit_err_exit_status(err);
        }
        rate[bare] = (double)result.counts.cycles / (cpu_seconds() - begin);
    }
    (void)printf("bare RTL %.0f clocks/s, lock-step %.0f clocks/s: %.2f times the time\n", rate[1],
                 rate[0], rate[1] / rate[0]);
    return 0;
}

int cbit_cli_cosim(int argc, char **argv)
{
    cosim_options_t options = {.seed = 1, .beats = DEFAULT_BEATS};
    cbit_operands_t operands;
    bool help;
    static cbit_cosim_report_t report;
    if (cbit_args_parse(&command, argc, argv, &options, &operands, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    if (help) {
        return 0;
    }
    if (!cbit_cosim_available()) {
        (void)fprintf(stderr, "error: this cbit was built without Verilator\n"
                              "  hint: install verilator 5.006 or newer and build again\n");
        return cbit_err_exit_status(CBIT_ERR_TOOL);
    }
    if (options.speed) {
        return run_speed(&options);
    }
    report.parameters = &cbit_parameter_sets[0];
    cbit_err_t err = run(&options, &report);
    if (err != CBIT_ERR_OK && err != CBIT_ERR_MISMATCH) {
        (void)fprintf(stderr, "error: %s\n", cbit_err_text(err));
    } else if (options.json) {
        err = cbit_cosim_print_json(&report) == CBIT_ERR_OK ? err : CBIT_ERR_NO_MEMORY;
    } else if (!options.quiet) {
        print_report(&report, options.bins);
    }
    cbit_case_free(&report.shrunk);
    return cbit_err_exit_status(err);
}
