/* cbit cosim: the RTL of the engine against the golden model. */
#include "cli/cosim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cbit/cosim/engine.h"
#include "cli/args.h"
#include "cli/tell.h"
#include "cli/verbs.h"
#include "cosim/bench.h"

enum { DEFAULT_BEATS = 1000000, DEFAULT_MAX_CYCLES = 1000000 };

typedef struct cosim_options {
    uint64_t seed, beats, only_case, max_cycles;
    bool case_given, json, quiet, bins, speed;
    uint32_t parameters;
    bool parameters_given;
    const char *waves, *top, *vectors;
    cbit_arg_list_t rtl, lists, includes, defines, generics;
} cosim_options_t;

/* In the order of cbit_parameter_sets. */
static const char *const set_words[] = {"platform", "small", "shared", "in_order",
                                        "deep",     "safe",  NULL};

static const cbit_arg_t args[] = {
    {"--seed", CBIT_ARG_U64, offsetof(cosim_options_t, seed), .value = "N",
     .help = "draws the cases (default 1)"},
    {"--beats", CBIT_ARG_U64, offsetof(cosim_options_t, beats), .value = "N",
     .help = "delivered 16-byte beats to compare (default 1000000)"},
    {"--case", CBIT_ARG_U64, offsetof(cosim_options_t, only_case), .value = "K",
     .given_offset = offsetof(cosim_options_t, case_given), .help = "only the seed's K-th case"},
    {"--parameters", CBIT_ARG_WORD, offsetof(cosim_options_t, parameters), .words = set_words,
     .given_offset = offsetof(cosim_options_t, parameters_given),
     .help = "another engine of ours; all but platform are compiled first (half a minute)"},
    {"--rtl", CBIT_ARG_LIST, offsetof(cosim_options_t, rtl), .value = "FILE...",
     .help = "check this design instead: the port list of docs/engine.md"},
    {"--top", CBIT_ARG_TEXT, offsetof(cosim_options_t, top), .value = "NAME",
     .help = "its top module (default aes_engine)"},
    {"-f", CBIT_ARG_LIST, offsetof(cosim_options_t, lists), .value = "LIST",
     .help = "a file with more arguments for verilator"},
    {"-I", CBIT_ARG_LIST, offsetof(cosim_options_t, includes), .value = "DIR",
     .help = "a folder with included files"},
    {"-D", CBIT_ARG_LIST, offsetof(cosim_options_t, defines), .value = "NAME=V", .help = "a macro"},
    {"-G", CBIT_ARG_LIST, offsetof(cosim_options_t, generics), .value = "NAME=V",
     .help = "a parameter of the top module; those of the contract tell the model too"},
    {"--max-cycles", CBIT_ARG_U64, offsetof(cosim_options_t, max_cycles), .value = "N",
     .help = "a case that takes longer has failed (default 1000000)"},
    {"--vectors", CBIT_ARG_TEXT, offsetof(cosim_options_t, vectors), .value = "DIR",
     .help = "first NIST's vectors: every .rsp file in the folder and below (ECB and XTS)"},
    {"--waves", CBIT_ARG_TEXT, offsetof(cosim_options_t, waves), .value = "FILE",
     .help = "write the shortened failing case as FST"},
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
    .max_operands = CBIT_ARG_LIST_MAX,
    .examples = {"cbit cosim --beats 2000000", "cbit cosim --seed 7 --case 41 --json",
                 "cbit cosim --rtl my_engine.sv my_round.sv --top my_engine -G KEY_SLOTS=16"},
    .args = args,
    .exit_notes =
        "Exit status: 0 all equal, 1 a difference, 3 a design that is no engine, 4 a file or\n"
        "Verilator is missing.",
};

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
                 cbit_coverage_bins(&report->result.coverage), report->name, report->seed);
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

static void print_report(const cbit_cosim_report_t *report, bool all_bins)
{
    if (report->with_vectors) {
        print_vectors(&report->vectors);
    }
    print_counts(report);
    if (report->warnings > 0) {
        (void)printf("verilator has %u warnings about the files\n", report->warnings);
    }
    if (all_bins || !report->result.mismatch.any) {
        print_bins(&report->result.coverage, all_bins);
    }
    if (report->result.mismatch.any) {
        print_mismatch(report);
    } else {
        (void)printf(report->vectors.failed > 0 ? "vectors failed\n" : "equal\n");
    }
}

/* ---- running ---- */

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

/* The failing case once more, with waves. */
static cbit_err_t write_waves(const cbit_bench_source_t *source, const char *path,
                              const cbit_campaign_config_t *config, cbit_cosim_report_t *report,
                              cbit_diag_t *diag)
{
    cbit_bench_t bench;
    cbit_bench_source_t traced = *source;
    static cbit_campaign_result_t scratch;
    traced.waves = true;
    traced.files.waves = true;
    cbit_err_t err = cbit_bench_open(&traced, &bench, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    bench.waves_path = path;
    cbit_device_maker_t maker = cbit_bench_maker(&bench);
    cbit_coverage_init(&scratch.coverage, &config->pins);
    err = cbit_campaign_run_case(config, &maker, &report->shrunk, &scratch);
    cbit_bench_close(&bench);
    if (err == CBIT_ERR_WRITE) {
        return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "%s cannot be written", path);
    }
    return err == CBIT_ERR_MISMATCH ? CBIT_ERR_OK : err;
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
        report->with_vectors = true;
        err = cbit_vectors_run(folder, &block, &report->vectors, diag);
        cbit_engine_block_destroy(engine);
    }
    device.destroy(device.self);
    return err;
}

static cbit_err_t run_on(cbit_bench_t *bench, const cbit_bench_source_t *source,
                         const cosim_options_t *options, cbit_cosim_report_t *report,
                         cbit_diag_t *diag)
{
    cbit_device_maker_t maker = cbit_bench_maker(bench);
    cbit_campaign_config_t config = {
        .pins = bench->pins,
        .seed = options->seed,
        .beats = options->case_given ? UINT64_MAX : options->beats,
        .first_case = options->only_case,
        .cases = options->case_given ? 1 : 0,
        .max_cycles = options->max_cycles,
    };
    cbit_err_t vectors = CBIT_ERR_OK;
    report->seed = options->seed;
    report->pins = bench->pins;
    if (options->vectors != NULL) {
        vectors = run_vectors(bench, options->vectors, report, diag);
        if (vectors != CBIT_ERR_OK && vectors != CBIT_ERR_MISMATCH) {
            return vectors;
        }
    }
    cbit_err_t err = cbit_campaign_run(&config, &maker, &report->result);
    if (err == CBIT_ERR_OK) {
        return vectors;
    }
    if (err != CBIT_ERR_MISMATCH) {
        return cbit_diag_add(diag, err, NULL, "%s", cbit_err_text(err));
    }
    cbit_err_t after = shrink(&config, &maker, report);
    if (after == CBIT_ERR_OK && options->waves != NULL) {
        after = write_waves(source, options->waves, &config, report, diag);
    }
    return after == CBIT_ERR_OK ? err : after;
}

/* ---- the design ---- */

enum { MAX_VERILATOR_OPTIONS = 4 * CBIT_ARG_LIST_MAX };

/* Everything that verilator is told, in words that live as long as this. */
typedef struct design {
    const char *files[2 * CBIT_ARG_LIST_MAX];
    const char *options[2 * MAX_VERILATOR_OPTIONS];
    char *owned[MAX_VERILATOR_OPTIONS];
    uint32_t file_count, option_count, owned_count;
} design_t;

/* "-I" "DIR" -> "-IDIR". */
static void join_options(design_t *design, const char *prefix, const cbit_arg_list_t *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        size_t len = strlen(prefix) + strlen(list->items[i]) + 1;
        char *word = malloc(len);
        if (word != NULL) {
            (void)snprintf(word, len, "%s%s", prefix, list->items[i]);
            design->owned[design->owned_count++] = word;
            design->options[design->option_count++] = word;
        }
    }
}

static cbit_bench_source_t describe(const cosim_options_t *options, const cbit_operands_t *operands,
                                    design_t *design)
{
    for (uint32_t i = 0; i < options->rtl.count; i++) {
        design->files[design->file_count++] = options->rtl.items[i];
    }
    for (uint32_t i = 0; i < operands->count; i++) {
        design->files[design->file_count++] = operands->items[i];
    }
    for (uint32_t i = 0; i < options->lists.count; i++) {
        design->options[design->option_count++] = "-f";
        design->options[design->option_count++] = options->lists.items[i];
    }
    join_options(design, "-I", &options->includes);
    join_options(design, "-D", &options->defines);
    join_options(design, "-G", &options->generics);
    return (cbit_bench_source_t){
        .parameters = &cbit_parameter_sets[options->parameters],
        .files = {.top = options->top == NULL ? "aes_engine" : options->top,
                  .files = design->files,
                  .file_count = design->file_count,
                  .options = design->options,
                  .option_count = design->option_count},
    };
}

static void free_design(design_t *design)
{
    for (uint32_t i = 0; i < design->owned_count; i++) {
        free(design->owned[i]);
    }
}

static cbit_err_t run(const cosim_options_t *options, const cbit_operands_t *operands,
                      cbit_cosim_report_t *report, cbit_diag_t *diag)
{
    static design_t design;
    cbit_bench_t bench;
    cbit_bench_source_t source = describe(options, operands, &design);
    report->name = design.file_count > 0 ? source.files.top : source.parameters->name;
    cbit_err_t err = cbit_bench_open(&source, &bench, diag);
    if (err == CBIT_ERR_OK) {
        report->warnings = bench.warnings;
        err = run_on(&bench, &source, options, report, diag);
        cbit_bench_close(&bench);
    }
    free_design(&design);
    return err;
}

/* ---- speed ---- */

/* Of this process, so that other load on the machine shows less. */
static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Clocks a second with both lanes full; speed is about this machine and reaches no result. */
static cbit_err_t run_speed(const cosim_options_t *options, cbit_diag_t *diag)
{
    double rate[2];
    static cbit_campaign_result_t result;
    cbit_bench_t bench;
    cbit_bench_source_t source = {.parameters = &cbit_parameter_sets[options->parameters]};
    cbit_err_t err = cbit_bench_open(&source, &bench, diag);
    for (int bare = 0; bare < 2 && err == CBIT_ERR_OK; bare++) {
        cbit_device_maker_t maker = cbit_bench_maker(&bench);
        cbit_campaign_config_t config = {.pins = bench.pins,
                                         .seed = options->seed,
                                         .beats = options->beats,
                                         .full_rate = true,
                                         .bare = bare != 0};
        double begin = cpu_seconds();
        err = cbit_campaign_run(&config, &maker, &result);
        rate[bare] = (double)result.counts.cycles / (cpu_seconds() - begin);
    }
    if (err == CBIT_ERR_OK) {
        cbit_bench_close(&bench);
        (void)printf("bare RTL %.0f clocks/s, lock-step %.0f clocks/s: %.2f times the time\n",
                     rate[1], rate[0], rate[1] / rate[0]);
    }
    return err;
}

static int check_options(const cosim_options_t *options, const cbit_operands_t *operands)
{
    bool files = options->rtl.count > 0;
    if (!files && operands->count > 0) {
        return cbit_usage_error(&command, "%s: files come behind --rtl", operands->items[0]);
    }
    if (!files &&
        (options->top != NULL || options->lists.count > 0 || options->includes.count > 0 ||
         options->defines.count > 0 || options->generics.count > 0)) {
        return cbit_usage_error(&command, "--top, -f, -I, -D and -G are about the files of --rtl");
    }
    if (files && options->parameters_given) {
        return cbit_usage_error(&command, "--parameters is about our engine; use -G with --rtl");
    }
    return 0;
}

/* Errors in the tool's form, or the report. */
static int finish(const cosim_options_t *options, cbit_err_t err, const cbit_cosim_report_t *report,
                  const cbit_diag_t *diag)
{
    if (cbit_diag_count(diag) > 0) {
        return cbit_tell(diag, "nothing was compared");
    }
    if (options->speed) {
        return cbit_err_exit_status(err);
    }
    if (options->json) {
        err = cbit_cosim_print_json(report) == CBIT_ERR_OK ? err : CBIT_ERR_NO_MEMORY;
    } else if (!options->quiet) {
        print_report(report, options->bins);
    }
    return cbit_err_exit_status(err);
}

/* True for options that the replay sets anew; *words is how many words they take. */
static bool replaced(const char *word, int *words)
{
    static const char *const valued[] = {"--seed", "--case", "--beats"};
    for (uint32_t i = 0; i < sizeof valued / sizeof valued[0]; i++) {
        size_t len = strlen(valued[i]);
        if (strncmp(word, valued[i], len) == 0 && (word[len] == '\0' || word[len] == '=')) {
            *words = word[len] == '=' ? 1 : 2;
            return true;
        }
    }
    *words = 1;
    return strcmp(word, "--json") == 0 || strcmp(word, "--quiet") == 0;
}

/* The same command for the failing case alone. */
static void make_replay(int argc, char **argv, cbit_cosim_report_t *report)
{
    char *text = report->replay;
    size_t size = sizeof report->replay;
    int words = 1;
    (void)snprintf(text, size, "cbit cosim");
    for (int i = 1; i < argc; i += words) {
        size_t len = strlen(text);
        if (!replaced(argv[i], &words)) {
            bool quote = strpbrk(argv[i], " '\"\\$&;()<>|*?") != NULL;
            (void)snprintf(text + len, size - len, quote ? " '%s'" : " %s", argv[i]);
        }
    }
    size_t len = strlen(text);
    (void)snprintf(text + len, size - len, " --seed %" PRIu64 " --case %" PRIu64, report->seed,
                   report->result.failing_case);
}

int cbit_cli_cosim(int argc, char **argv)
{
    cosim_options_t options = {.seed = 1, .beats = DEFAULT_BEATS, .max_cycles = DEFAULT_MAX_CYCLES};
    cbit_operands_t operands;
    bool help;
    static cbit_cosim_report_t report;
    if (cbit_args_parse(&command, argc, argv, &options, &operands, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    int status = help ? 0 : check_options(&options, &operands);
    if (help || status != 0) {
        return status;
    }
    if (!cbit_cosim_available()) {
        (void)fprintf(stderr, "error: this cbit was built without Verilator\n"
                              "  hint: install verilator 5.006 or newer and build again\n");
        return cbit_err_exit_status(CBIT_ERR_TOOL);
    }
    cbit_diag_t *diag = cbit_diag_create();
    cbit_err_t err =
        options.speed ? run_speed(&options, diag) : run(&options, &operands, &report, diag);
    if (report.result.mismatch.any) {
        make_replay(argc, argv, &report);
    }
    status = finish(&options, err, &report, diag);
    cbit_case_free(&report.shrunk);
    cbit_diag_destroy(diag);
    return status;
}
