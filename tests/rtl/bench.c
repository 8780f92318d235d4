#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cosim/run.h"

void bench_fail(const char *what, const cbit_diag_t *diag)
{
    fprintf(stderr, "rtl_bench: %s\n", what);
    for (size_t i = 0; diag != NULL && i < cbit_diag_count(diag); i++) {
        fprintf(stderr, "  %s\n", cbit_diag_at(diag, i)->text);
    }
    exit(4);
}

/* Not shipped: everything that can be chosen at once. What is for the flip test has no assertions.
 */
#define ALL_ON                                                                                     \
    {                                                                                              \
        .key_slots = 16, .stages_per_round = 2, .shared_lane = true, .bypass_in_order = true,      \
        .parity = true                                                                             \
    }
static const cbit_parameters_t more_sets[] = {
    {"all_on", ALL_ON, .help = "for lock-step with assertions"},
    {"all_on_flips", ALL_ON, .help = "for the flip test"},
    {.name = NULL},
};

static const cbit_parameters_t *find_set(const cbit_parameters_t *sets, const char *name)
{
    while (sets->name != NULL && strcmp(sets->name, name) != 0) {
        sets++;
    }
    return sets->name == NULL ? NULL : sets;
}

const cbit_parameters_t *bench_set(const char *name)
{
    const cbit_parameters_t *shipped = find_set(cbit_parameter_sets, name);
    return shipped != NULL ? shipped : find_set(more_sets, name);
}

cbit_dut_library_t *bench_build(const char *const *files, uint32_t file_count,
                                const char *const *options, uint32_t option_count)
{
    cbit_dut_library_t *library = NULL;
    cbit_diag_t *diag = cbit_diag_create();
    uint32_t warnings = 0;
    cbit_dut_source_t source = {.top = "aes_engine",
                                .files = files,
                                .file_count = file_count,
                                .options = options,
                                .option_count = option_count};
    if (cbit_dut_build(&source, &library, &warnings, diag) != CBIT_ERR_OK) {
        bench_fail("the design cannot be compiled", diag);
    }
    cbit_diag_destroy(diag);
    return library;
}

enum { MAX_OPTIONS = 32, TEXT_BYTES = 512 };

cbit_dut_library_t *bench_build_rtl(const cbit_parameters_t *set, const bench_rtl_t *what)
{
    char text[10][TEXT_BYTES];
    const char *all[MAX_OPTIONS], *files[4];
    uint32_t count = 0, file_count = 0;
    const struct {
        const char *name;
        uint32_t value;
    } values[] = {
        {"KEY_SLOTS", set->pins.key_slots},     {"STAGES_PER_ROUND", set->pins.stages_per_round},
        {"SHARED_LANE", set->pins.shared_lane}, {"BYPASS_IN_ORDER", set->pins.bypass_in_order},
        {"PARITY", set->pins.parity},
    };
    for (uint32_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        snprintf(text[i], TEXT_BYTES, "-G%s=%u", values[i].name, values[i].value);
        all[count++] = text[i];
    }
    snprintf(text[5], TEXT_BYTES, "-I%s/rtl", what->root);
    all[count++] = text[5];
    /* One function of the whole engine would take the compiler minutes. */
    static const char *const split[] = {"--output-split", "20000", "--output-split-cfuncs", "2000"};
    for (uint32_t i = 0; i < sizeof split / sizeof split[0]; i++) {
        all[count++] = split[i];
    }
    for (uint32_t i = 0; i < what->option_count && count < MAX_OPTIONS; i++) {
        all[count++] = what->options[i];
    }
    const struct {
        const char *name;
        bool wanted;
    } parts[] = {
        {"checks/state.vlt", what->registers},
        {"aes_engine.v", true},
        {"checks/aes_checks.sv", what->checks},
        {"checks/aes_wipe_checks.sv", what->checks},
    };
    for (uint32_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(text[6 + i], TEXT_BYTES, "%s/rtl/%s", what->root, parts[i].name);
        if (parts[i].wanted) {
            files[file_count++] = text[6 + i];
        }
    }
    return bench_build(files, file_count, all, count);
}

/* ---- recording ------------------------------------------------------------------------------- */

typedef struct recorder {
    cbit_device_t model;
    bench_trace_t *trace;
} recorder_t;

static void record(void *self, const cbit_aes_pins_in_t *in, cbit_aes_pins_out_t *out)
{
    recorder_t *recorder = self;
    bench_trace_t *trace = recorder->trace;
    recorder->model.clock(recorder->model.self, in, out);
    if (trace->clocks == trace->room) {
        trace->room = trace->room == 0 ? 1024 : 2 * trace->room;
        trace->in = realloc(trace->in, trace->room * sizeof trace->in[0]);
        trace->out = realloc(trace->out, trace->room * sizeof trace->out[0]);
        if (trace->in == NULL || trace->out == NULL) {
            bench_fail("no memory", NULL);
        }
    }
    trace->in[trace->clocks] = *in;
    trace->out[trace->clocks++] = *out;
}

void bench_trace_make(const cbit_parameters_t *set, uint64_t seed, uint64_t index, uint32_t lines,
                      bench_trace_t *out)
{
    cbit_case_t what;
    cbit_case_knobs_t knobs = {.lines_per_lane = lines, .key_slots = set->pins.key_slots};
    recorder_t recorder = {.trace = out};
    cbit_device_t device = {.self = &recorder, .clock = record};
    cbit_run_counts_t counts = {0};
    cbit_run_mismatch_t mismatch = {0};
    memset(out, 0, sizeof *out);
    if (cbit_case_make(&knobs, seed, index, &what) != CBIT_ERR_OK ||
        cbit_device_model(&set->pins, &recorder.model) != CBIT_ERR_OK) {
        bench_fail("no memory", NULL);
    }
    cbit_run_case(&what, &set->pins, &(cbit_device_t){0}, &device, 0, &counts, NULL, &mismatch);
    recorder.model.destroy(recorder.model.self);
    cbit_case_free(&what);
}

void bench_trace_free(bench_trace_t *trace)
{
    free(trace->in);
    free(trace->out);
    memset(trace, 0, sizeof *trace);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *arguments;
    } commands[] = {
        {"mutants", bench_mutants, "SET ROOT NUMBERS [VERILATOR OPTION...]"},
        {"flips", bench_flips, "SET PHASES [SEED]"},
        {"cover", bench_cover,
         "SET LINES CASES LINES_FILE TOGGLES_FILE ROOT [VERILATOR OPTION...]"},
        {"record", bench_record, "SET CLOCKS FILE [SEED]"},
    };
    for (uint32_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (argc > 1 && strcmp(argv[1], commands[i].name) == 0) {
            if (argc > 2 && bench_set(argv[2]) == NULL) {
                bench_fail("there is no such parameter set", NULL);
            }
            return commands[i].run(argc - 2, argv + 2);
        }
    }
    for (uint32_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        fprintf(stderr, "%s %s\n", commands[i].name, commands[i].arguments);
    }
    return 2;
}
