/* cbit check: everything that is wrong with files, without running them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/trace.h"
#include "cli/args.h"
#include "cli/load.h"
#include "cli/sweep_scenario.h"
#include "cli/tell.h"
#include "cli/verbs.h"
#include "firmware/image.h"

typedef struct check_options {
    cbit_arg_list_t sets;
    bool full, print_config, print_schema, print_manual, quiet;
} check_options_t;

static const cbit_arg_t args[] = {
    {"--set", CBIT_ARG_LIST, offsetof(check_options_t, sets), .value = "/POINTER=VALUE",
     .help = "override a value, as run does"},
    {"--full", CBIT_ARG_FLAG, offsetof(check_options_t, full), .help = "the scenario's long form"},
    {"--print-config", CBIT_ARG_FLAG, offsetof(check_options_t, print_config),
     .help = "print the resolved configuration, each value with its source"},
    {"--print-schema", CBIT_ARG_FLAG, offsetof(check_options_t, print_schema),
     .help = "print the JSON Schema of scenarios and presets"},
    {"--print-manual", CBIT_ARG_FLAG, offsetof(check_options_t, print_manual),
     .help = "print the reference of all parameters, in Markdown"},
    {"--quiet", CBIT_ARG_FLAG, offsetof(check_options_t, quiet),
     .help = "print nothing if all files are valid"},
    {.name = NULL},
};

static const cbit_cli_command_t command = {
    .verb = "check",
    .operands = "FILE...",
    .max_operands = CBIT_ARG_LIST_MAX,
    .summary =
        "Validates scenarios, presets, sweeps and traces, and what they include and name, without\n"
        "running them. All errors are reported at once.",
    .examples = {"cbit check workloads/scenarios/first-light.json",
                 "cbit check my.json --print-config", NULL},
    .args = args,
    .exit_notes =
        "Exit status: 0 all files are valid, 2 usage, 3 one is not, 4 one cannot be opened.",
};

static int print_text(char *text)
{
    if (text != NULL) {
        (void)fputs(text, stdout);
    }
    free(text);
    return text == NULL ? cbit_err_exit_status(CBIT_ERR_NO_MEMORY) : 0;
}

/* Prints a value that was built in the arena, and ends the arena. */
static int print_and_end(const cbit_json_t *value, cbit_arena_t *arena)
{
    char *text =
        value == NULL || cbit_arena_failed(arena) ? NULL : cbit_json_text(value, false, NULL);
    cbit_arena_destroy(arena);
    return print_text(text);
}

/* Scenarios begin with '{', traces with their magic. */
static bool is_trace(const char *path)
{
    char magic[4] = "";
    FILE *stream = fopen(path, "rb");
    bool trace = stream != NULL && fread(magic, 1, sizeof magic, stream) == sizeof magic &&
                 memcmp(magic, "CBT1", sizeof magic) == 0;
    if (stream != NULL) {
        (void)fclose(stream);
    }
    return trace;
}

static int check_one(const char *path, const check_options_t *options, cbit_diag_t *diag)
{
    cbit_tool_config_t config;
    cbit_scenario_file_t *file = NULL;
    int status = 0;
    if (is_trace(path)) {
        cbit_diag_set_file(diag, path);
        if (cbit_trace_check(path, CBIT_ERR_OPEN, diag) == CBIT_ERR_OK && !options->quiet) {
            (void)printf("%s: valid\n", path);
        }
        return 0;
    }
    if (cbit_sweep_is_one(path)) {
        if (cbit_sweep_check(path, diag) == CBIT_ERR_OK && !options->quiet) {
            (void)printf("%s: valid\n", path);
        }
        return 0;
    }
    const cbit_load_how_t how = {&options->sets, options->full, true};
    if (cbit_load_scenario(path, &how, &config, &file, diag) != CBIT_ERR_OK) {
        return 0; /* told with all others */
    }
    const cbit_hypervisor_options_t run = {
        .mode = CBIT_ENGINE_MODEL, .config = &config.hypervisor, .firmware = &cbit_firmware};
    const cbit_scenario_t *scenario = cbit_scenario_of(file);
    cbit_diag_set_file(diag, path);
    if (scenario->guests_count > 0 && cbit_hypervisor_check(scenario, &run, diag) != CBIT_ERR_OK) {
        cbit_scenario_file_destroy(file);
        return 0;
    }
    if (options->print_config) {
        cbit_arena_t *arena = cbit_arena_create();
        status = print_and_end(cbit_scenario_config(file, arena), arena);
    } else if (!options->quiet) {
        (void)printf("%s: valid\n", path);
    }
    cbit_scenario_file_destroy(file);
    return status;
}

int cbit_cli_check(int argc, char **argv)
{
    check_options_t options = {.quiet = false};
    cbit_operands_t files;
    bool help = false;
    int status = 0;
    if (cbit_args_parse(&command, argc, argv, &options, &files, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    if (!help && options.print_schema) {
        cbit_arena_t *arena = cbit_arena_create();
        return print_and_end(cbit_tool_schema(arena), arena);
    }
    if (!help && options.print_manual) {
        return print_text(cbit_tool_manual());
    }
    if (!help && files.count == 0) {
        return cbit_usage_error(&command, "FILE is missing");
    }
    cbit_diag_t *diag = help ? NULL : cbit_diag_create();
    if (diag == NULL) {
        return help ? 0 : cbit_err_exit_status(CBIT_ERR_NO_MEMORY);
    }
    for (uint32_t i = 0; i < files.count && status == 0; i++) {
        status = check_one(files.items[i], &options, diag);
    }
    int told = cbit_tell(diag, "nothing was run");
    cbit_diag_destroy(diag);
    return told != 0 ? told : status;
}
