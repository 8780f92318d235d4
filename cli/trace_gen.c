/* cbit trace gen: any pattern of a scenario's traffic, as a file. */
#include "cli/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/json.h"
#include "cbit/workloads/traffic.h"
#include "cli/tell.h"
#include "workloads/scenario/value.h"

typedef struct gen_options {
    const char *output, *scenario;
    cbit_arg_list_t sets;
    uint64_t seed;
    bool force;
} gen_options_t;

static const cbit_arg_t gen_args[] = {
    {"-o", CBIT_ARG_TEXT, offsetof(gen_options_t, output), .value = "FILE.cbt",
     .help = "where to write (trace.cbt)"},
    {"--scenario", CBIT_ARG_TEXT, offsetof(gen_options_t, scenario), .value = "FILE",
     .help = "instead of a pattern: a whole run of that scenario"},
    {"--set", CBIT_ARG_LIST, offsetof(gen_options_t, sets), .value = "/POINTER=VALUE",
     .help = "override a value of the scenario"},
    {"--seed", CBIT_ARG_U64, offsetof(gen_options_t, seed), .value = "N",
     .help = "seed of everything random in it (1)"},
    {"--force", CBIT_ARG_FLAG, offsetof(gen_options_t, force), .help = "overwrite FILE.cbt"},
    {.name = NULL},
};

static const cbit_cli_command_t gen_command = {
    .verb = "trace gen",
    .operands = "[KIND [KEY=VALUE...]]",
    .min_operands = 0,
    .max_operands = CBIT_ARG_LIST_MAX,
    .summary =
        "Writes a synthetic pattern: stream, random, chase, strided, zipf, gups, mixed or "
        "idle. Keys\n"
        "and values are those of a scenario's \"traffic\". Or, with --scenario, everything that a\n"
        "run's hypervisor and machine do: who ran where, exits, ASIDs, DMA, commands of the\n"
        "Secure Processor, all memory requests.",
    .examples = {"cbit trace gen chase footprint=64MiB stride=4KiB accesses=100000 -o chase.cbt",
                 "cbit trace gen --scenario workloads/scenarios/dma-outcomes.json -o run.cbt",
                 NULL},
    .args = gen_args,
    .exit_notes =
        "Exit status: 0 written, 2 usage, 3 a value cannot be, 4 FILE.cbt cannot be written.",
};

/* The value as JSON: numbers and truth values as they are, all else needs no quotes here. */
static cbit_json_t *json_of(cbit_arena_t *arena, const cbit_row_t *row, const char *text)
{
    bool bare = row->type == CBIT_ROW_U32 || row->type == CBIT_ROW_U64 ||
                row->type == CBIT_ROW_BOOL || row->type == CBIT_ROW_RATIO;
    cbit_diag_t *quiet = cbit_diag_create();
    cbit_json_t *json = bare ? cbit_json_parse(arena, text, strlen(text), 0, quiet) : NULL;
    cbit_diag_destroy(quiet);
    return json == NULL ? cbit_json_string(arena, text) : json;
}

static bool applies(const cbit_row_t *row, uint32_t kind)
{
    return row->only_kinds == 0 || (row->only_kinds >> kind & 1) != 0;
}

/* One KEY=VALUE; unknown keys and values that do not fit are findings. */
static void set_value(cbit_traffic_t *traffic, const char *word, cbit_arena_t *arena,
                      cbit_diag_t *diag)
{
    char key[64], why[CBIT_VALUE_WHY_BYTES];
    const char *equals = strchr(word, '=');
    size_t len = equals == NULL ? strlen(word) : (size_t)(equals - word);
    (void)snprintf(key, sizeof key, "%.*s", (int)(len < 63 ? len : 63), word);
    const cbit_row_t *row = cbit_rows_find(cbit_traffic_phase_rows, key);
    if (equals == NULL || row == NULL || strcmp(key, "kind") == 0 || !applies(row, traffic->kind)) {
        const char *near = cbit_rows_nearest(cbit_traffic_phase_rows, key);
        (void)cbit_diag_add(diag, CBIT_ERR_UNKNOWN_KEY, key, "not KEY=VALUE with a key of %s",
                            cbit_traffic_kind_words[traffic->kind]);
        if (near != NULL && strcmp(near, key) != 0) {
            cbit_diag_hint(diag, "did you mean %s?", near);
        }
        return;
    }
    cbit_json_t *json = json_of(arena, row, equals + 1);
    cbit_err_t err =
        cbit_value_parse(row, row->type, json, (unsigned char *)traffic + row->offset, why);
    if (err != CBIT_ERR_OK) {
        (void)cbit_diag_add(diag, err, key, "%s", why);
    }
}

static bool take_kind(const char *word, cbit_traffic_t *traffic, cbit_diag_t *diag)
{
    for (uint32_t i = CBIT_TRAFFIC_STREAM; i < CBIT_TRAFFIC_PHASES; i++) {
        if (strcmp(word, cbit_traffic_kind_words[i]) == 0) {
            traffic->kind = i;
            return true;
        }
    }
    (void)cbit_diag_add(diag, CBIT_ERR_RANGE, "KIND",
                        "%s; expected stream, random, chase, strided, zipf, gups, mixed or idle",
                        word);
    return false;
}

static void generate(const cbit_traffic_t *traffic, const gen_options_t *options, cbit_diag_t *diag)
{
    cbit_trace_source_t source;
    cbit_trace_info_t info;
    if (cbit_traffic_open(traffic, options->seed, CBIT_ERR_OPEN, &source, diag) != CBIT_ERR_OK) {
        return;
    }
    if (cbit_copy_trace(&source, options->output, 0, 0, &info, diag) == CBIT_ERR_OK) {
        cbit_print_trace_info(options->output, &info, NULL);
    }
    source.destroy(source.self);
}

int cbit_cli_trace_gen(int argc, char **argv)
{
    gen_options_t options = {.output = "trace.cbt", .seed = 1};
    cbit_operands_t words;
    cbit_traffic_t traffic;
    bool help = false;
    if (cbit_args_parse(&gen_command, argc, argv, &options, &words, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    if (help) {
        return 0;
    }
    if ((words.count == 0) == (options.scenario == NULL)) {
        return cbit_usage_error(&gen_command, words.count == 0 ? "a KIND, or --scenario, is missing"
                                                               : "a KIND and --scenario");
    }
    cbit_diag_t *diag = cbit_diag_create();
    cbit_arena_t *arena = cbit_arena_create();
    if (diag == NULL || arena == NULL) {
        return cbit_err_exit_status(CBIT_ERR_NO_MEMORY);
    }
    cbit_rows_defaults(cbit_traffic_rows, &traffic);
    if (options.scenario != NULL) {
        if (cbit_check_output(options.output, options.force, diag) == CBIT_ERR_OK) {
            cbit_trace_of_run(options.scenario, &options.sets, options.output, diag);
        }
    } else if (take_kind(words.items[0], &traffic, diag)) {
        for (uint32_t i = 1; i < words.count; i++) {
            set_value(&traffic, words.items[i], arena, diag);
        }
    }
    if (options.scenario == NULL && cbit_diag_count(diag) == 0 &&
        cbit_check_output(options.output, options.force, diag) == CBIT_ERR_OK) {
        generate(&traffic, &options, diag);
    }
    int status = cbit_tell(diag, "nothing was written");
    cbit_arena_destroy(arena);
    cbit_diag_destroy(diag);
    return status;
}
