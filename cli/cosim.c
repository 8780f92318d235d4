/* cbit cosim: the RTL of the engine against the golden model. */
#include "cli/cosim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cbit/cosim/engine.h"
#include "cli/tell.h"
#include "cli/verbs.h"

enum { DEFAULT_BEATS = 1000000, DEFAULT_MAX_CYCLES = 1000000, DEFAULT_PATIENCE = 10000 };
enum { MAX_JOBS = 256 };

/* In the order of cbit_parameter_sets. */
static const char *const set_words[] = {"platform", "small", "shared", "in_order",
                                        "deep",     "safe",  NULL};

static const char *const timing_words[] = {"exact", "any", NULL};

static const cbit_arg_t args[] = {
    {"--seed", CBIT_ARG_U64, offsetof(cbit_cosim_options_t, seed), .value = "N",
     .help = "draws the cases (default 1)"},
    {"--beats", CBIT_ARG_U64, offsetof(cbit_cosim_options_t, beats), .value = "N",
     .given_offset = offsetof(cbit_cosim_options_t, beats_given),
     .help = "delivered 16-byte beats to compare (default 1000000; a bare core: 2000)"},
    {"--case", CBIT_ARG_U64, offsetof(cbit_cosim_options_t, only_case), .value = "K",
     .given_offset = offsetof(cbit_cosim_options_t, case_given),
     .help = "only the seed's K-th case (a bare core: its K-th check)"},
    {"--seeds", CBIT_ARG_U64, offsetof(cbit_cosim_options_t, seeds), .value = "N",
     .help = "number of seeds, from --seed on, with coverage merged (default 1)"},
    {"--jobs", CBIT_ARG_U64, offsetof(cbit_cosim_options_t, jobs), .value = "N",
     .help = "seeds run at the same time (default 1)"},
    {"--junit", CBIT_ARG_TEXT, offsetof(cbit_cosim_options_t, junit), .value = "FILE",
     .help = "write one JUnit test case per seed"},
    {"--parameters", CBIT_ARG_WORD, offsetof(cbit_cosim_options_t, parameters), .words = set_words,
     .given_offset = offsetof(cbit_cosim_options_t, parameters_given),
     .help = "another engine of ours; all but platform are compiled first (half a minute)"},
    {"--rtl", CBIT_ARG_LIST, offsetof(cbit_cosim_options_t, rtl), .value = "FILE...",
     .help = "check this design instead: all files up to the next option"},
    {"--adapter", CBIT_ARG_TEXT, offsetof(cbit_cosim_options_t, adapter), .value = "NAME",
     .help = "engine (default): the ports of docs/engine.md; or a bare AES core: docs/cosim.md"},
    {"--top", CBIT_ARG_TEXT, offsetof(cbit_cosim_options_t, top), .value = "NAME",
     .help = "its top module (default aes_engine, or what the adapter says)"},
    {"-f", CBIT_ARG_LIST, offsetof(cbit_cosim_options_t, lists), .value = "LIST",
     .help = "a file with files and arguments for Verilator; its paths are relative to the current "
             "folder"},
    {"-I", CBIT_ARG_LIST, offsetof(cbit_cosim_options_t, includes), .value = "DIR",
     .help = "a folder with included files"},
    {"-D", CBIT_ARG_LIST, offsetof(cbit_cosim_options_t, defines), .value = "NAME=V",
     .help = "a macro"},
    {"-G", CBIT_ARG_LIST, offsetof(cbit_cosim_options_t, generics), .value = "NAME=V",
     .help = "a parameter of the top module; those of the contract tell the model too"},
    {"--timing", CBIT_ARG_WORD, offsetof(cbit_cosim_options_t, timing), .words = timing_words,
     .help = "exact (default): every pin on every clock; any: an engine whose latency is its own"},
    {"--max-cycles", CBIT_ARG_U64, offsetof(cbit_cosim_options_t, max_cycles), .value = "N",
     .help =
         "longest case of an engine (default 1000000), or wait for a bare core's answer (10000)"},
    {"--vectors", CBIT_ARG_TEXT, offsetof(cbit_cosim_options_t, vectors), .value = "DIR",
     .help = "NIST's vectors too: every .rsp file in the folder and below (ECB and XTS)"},
    {"--waves", CBIT_ARG_TEXT, offsetof(cbit_cosim_options_t, waves), .value = "FILE",
     .help =
         "where the window around a mismatch goes (default cosim-SEED-CASE.fst; none: nowhere)"},
    {"--bins", CBIT_ARG_FLAG, offsetof(cbit_cosim_options_t, bins),
     .help = "list the coverage bins with their hits"},
    {"--speed", CBIT_ARG_FLAG, offsetof(cbit_cosim_options_t, speed),
     .help = "both lanes full, no assertions: clocks a second of the bare RTL and in lock-step"},
    {"--json", CBIT_ARG_FLAG, offsetof(cbit_cosim_options_t, json),
     .help = "one JSON document on stdout"},
    {"--quiet", CBIT_ARG_FLAG, offsetof(cbit_cosim_options_t, quiet), .help = "no text"},
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
    .examples = {"cbit cosim --beats 2000000 --seeds 4 --jobs 2",
                 "cbit cosim --rtl my_engine.sv my_round.sv --top my_engine -G KEY_SLOTS=16",
                 "cbit cosim --rtl aes_core.v --adapter secworks_aes_core --vectors cavp --json"},
    .args = args,
    .exit_notes = "Exit status: 0 all equal, 1 a difference, 2 usage, 3 a design that is no "
                  "engine, 4 a file\n"
                  "or Verilator is missing.",
};

/* ---- the design ---- */

enum { MAX_VERILATOR_OPTIONS = 4 * CBIT_ARG_LIST_MAX };

/* Everything that verilator is told, in words that live as long as this. */
typedef struct design {
    const char *files[2 * CBIT_ARG_LIST_MAX];
    const char *options[2 * MAX_VERILATOR_OPTIONS];
    char *owned[MAX_VERILATOR_OPTIONS];
    uint32_t file_count, option_count, owned_count;
} design_t;

static bool is_core(const cbit_cosim_options_t *options)
{
    return options->adapter != NULL && strcmp(options->adapter, "engine") != 0;
}

/* Files may come in a list alone. */
static bool has_design(const cbit_cosim_options_t *options)
{
    return options->rtl.count > 0 || options->lists.count > 0;
}

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

static cbit_bench_source_t describe(const cbit_cosim_options_t *options,
                                    const cbit_operands_t *operands, design_t *design)
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
        .any_timing = options->timing != 0,
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

static cbit_err_t run(const cbit_cosim_options_t *options, const cbit_operands_t *operands,
                      cbit_cosim_report_t *report, cbit_diag_t *diag)
{
    static design_t design;
    cbit_bench_source_t source = describe(options, operands, &design);
    cbit_core_rules_t rules;
    cbit_arena_t *arena = cbit_arena_create();
    cbit_err_t err = arena == NULL ? CBIT_ERR_NO_MEMORY : CBIT_ERR_OK;
    report->foreign = has_design(options);
    report->any_timing = options->timing != 0;
    report->adapter = options->adapter == NULL ? "engine" : options->adapter;
    bool core = is_core(options);
    if (err == CBIT_ERR_OK && core) {
        err = cbit_cosim_load_adapter(report->adapter, arena, &rules, diag);
        bool its_top = options->top == NULL && rules.top[0] != '\0';
        source.files.top = its_top ? rules.top : source.files.top;
    }
    (void)snprintf(report->name, sizeof report->name, "%s",
                   report->foreign ? source.files.top : source.parameters->name);
    if (err == CBIT_ERR_OK) {
        err = core ? cbit_cosim_run_core(options, &source.files, &rules, report, diag)
                   : cbit_cosim_run_engine(options, &source, report, diag);
    }
    cbit_arena_destroy(arena);
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
static cbit_err_t run_speed(const cbit_cosim_options_t *options, cbit_diag_t *diag)
{
    double rate[2];
    static cbit_campaign_result_t result;
    cbit_bench_t bench;
    cbit_bench_source_t source = {.parameters = &cbit_parameter_sets[options->parameters],
                                  .unchecked = true};
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

static int check_options(const cbit_cosim_options_t *options, const cbit_operands_t *operands)
{
    bool files = has_design(options);
    if (options->rtl.count == 0 && operands->count > 0) {
        return cbit_usage_error(&command, "%s: files come behind --rtl", operands->items[0]);
    }
    if (!files && (options->top != NULL || options->includes.count > 0 ||
                   options->defines.count > 0 || options->generics.count > 0)) {
        return cbit_usage_error(&command,
                                "--top, -I, -D and -G are about the files of --rtl or -f");
    }
    if (!files && options->adapter != NULL) {
        return cbit_usage_error(&command, "--adapter is about the files of --rtl or -f");
    }
    if (options->timing != 0 && (is_core(options) || options->speed)) {
        return cbit_usage_error(&command, "--timing is about engines that are compared");
    }
    if (options->beats == 0) {
        return cbit_usage_error(&command, "--beats is at least 1");
    }
    if (is_core(options) && options->case_given && options->only_case >= CBIT_CORE_CHECKS) {
        return cbit_usage_error(&command, "--case is 0 to %d for a bare core",
                                CBIT_CORE_CHECKS - 1);
    }
    if (options->seeds < 1 || options->seeds > CBIT_COSIM_MAX_SEEDS || options->jobs < 1 ||
        options->jobs > MAX_JOBS) {
        return cbit_usage_error(&command, "--seeds is 1 to %d, --jobs 1 to %d",
                                CBIT_COSIM_MAX_SEEDS, MAX_JOBS);
    }
    if (options->speed && (files || options->seeds > 1)) {
        return cbit_usage_error(&command, "--speed is about our engine and one seed");
    }
    if (files && options->parameters_given) {
        return cbit_usage_error(&command, "--parameters is about our engine; use -G with --rtl");
    }
    return 0;
}

/* Errors in the tool's form, or the report. */
static int finish(const cbit_cosim_options_t *options, cbit_err_t err,
                  const cbit_cosim_report_t *report, const cbit_diag_t *diag)
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
        cbit_cosim_print_text(report, options->bins);
    }
    if (options->junit != NULL && cbit_cosim_write_junit(report, options->junit) != CBIT_ERR_OK) {
        (void)fprintf(stderr, "error: %s: cannot be written\n", options->junit);
        return cbit_err_exit_status(CBIT_ERR_WRITE);
    }
    return cbit_err_exit_status(err);
}

/* True for options that the replay sets anew; *words is how many words they take. */
static bool replaced(const char *word, int *words)
{
    static const char *const valued[] = {"--seed", "--case",  "--seeds",
                                         "--jobs", "--junit", "--vectors"};
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
    (void)snprintf(text + len, size - len, " --seed %" PRIu64 " --case %" PRIu64,
                   report->failing_seed,
                   report->core ? report->bare.failing_check : report->result.failing_case);
}

/* ---- what the parts share -------------------------------------------------------------------- */

bool cbit_cosim_differs(const cbit_cosim_report_t *report)
{
    return report->core ? report->bare.mismatch.any : report->result.mismatch.any;
}

void cbit_cosim_add_round(cbit_cosim_report_t *report, const cbit_rounds_t *rounds,
                          const uint8_t actual[CBIT_BLOCK_BYTES])
{
    size_t len = strlen(report->round);
    char text[128];
    if (cbit_rounds_explain(rounds, actual, text, sizeof text)) {
        (void)snprintf(report->round + len, sizeof report->round - len, "%s%s", len > 0 ? "; " : "",
                       text);
    }
}

void cbit_cosim_add_check(cbit_cosim_report_t *report, const char *name, uint64_t run_count,
                          uint64_t failed)
{
    if (report->check_count < CBIT_COSIM_CHECKS) {
        report->check[report->check_count++] = (cbit_check_t){name, run_count, failed};
    }
}

cbit_err_t cbit_cosim_run_vectors(const cbit_block_t *block, const char *folder,
                                  cbit_cosim_report_t *report, cbit_diag_t *diag)
{
    report->with_vectors = true;
    return cbit_vectors_run(folder, block, &report->vectors, diag);
}

void cbit_cosim_waves_path(const cbit_cosim_options_t *options, uint64_t seed, uint64_t number,
                           char *path, size_t len_bytes)
{
    if (options->waves == NULL) {
        (void)snprintf(path, len_bytes, "cosim-%" PRIu64 "-%" PRIu64 ".fst", seed, number);
    } else {
        bool none = strcmp(options->waves, "none") == 0;
        (void)snprintf(path, len_bytes, "%s", none ? "" : options->waves);
    }
}

static int run_and_tell(int argc, char **argv, const cbit_cosim_options_t *options,
                        const cbit_operands_t *operands)
{
    static cbit_cosim_report_t report;
    cbit_diag_t *diag = cbit_diag_create();
    cbit_err_t err = CBIT_ERR_OK;
    report.seed = options->seed;
    report.seed_count = (uint32_t)options->seeds;
    report.seeds = calloc(options->seeds, sizeof report.seeds[0]);
    if (report.seeds == NULL) {
        err = cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    } else {
        err = options->speed ? run_speed(options, diag) : run(options, operands, &report, diag);
    }
    if (cbit_cosim_differs(&report)) {
        make_replay(argc, argv, &report);
    }
    int status = finish(options, err, &report, diag);
    cbit_case_free(&report.shrunk);
    free(report.seeds);
    cbit_diag_destroy(diag);
    return status;
}

/* "--rtl -f LIST": no file of its own is needed then. */
static int drop_empty_rtl(int argc, char **argv)
{
    int kept = 0;
    for (int i = 0; i < argc; i++) {
        bool empty = strcmp(argv[i], "--rtl") == 0 && i + 1 < argc && argv[i + 1][0] == '-';
        if (!empty) {
            argv[kept++] = argv[i];
        }
    }
    return kept;
}

int cbit_cli_cosim(int argc, char **argv)
{
    argc = drop_empty_rtl(argc, argv);
    cbit_cosim_options_t options = {
        .seed = 1, .seeds = 1, .jobs = 1, .beats = DEFAULT_BEATS, .max_cycles = 0};
    cbit_operands_t operands;
    bool help;
    if (cbit_args_parse(&command, argc, argv, &options, &operands, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    int status = help ? 0 : check_options(&options, &operands);
    if (help || status != 0) {
        return status;
    }
    if (options.max_cycles == 0) {
        options.max_cycles = is_core(&options) ? DEFAULT_PATIENCE : DEFAULT_MAX_CYCLES;
    }
    if (!cbit_cosim_available()) {
        (void)fprintf(stderr, "error: this cbit was built without Verilator\n"
                              "  hint: install verilator 5.006 or newer and build again\n");
        return cbit_err_exit_status(CBIT_ERR_TOOL);
    }
    return run_and_tell(argc, argv, &options, &operands);
}
