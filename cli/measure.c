/* cbit measure: idle and loaded latency of a machine's memory, plain and encrypted. */
#define _XOPEN_SOURCE 700

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbit/perf/measure.h"
#include "cli/args.h"
#include "cli/load.h"
#include "cli/share.h"
#include "cli/tell.h"
#include "cli/verbs.h"

typedef struct measure_options {
    cbit_arg_list_t sets;
    const char *preset;
    uint64_t points, samples, requests, seed, reads, jobs;
    bool json, csv, quiet;
} measure_options_t;

#define OPTION(field) offsetof(measure_options_t, field)

static const cbit_arg_t args[] = {
    {"--preset", CBIT_ARG_TEXT, OPTION(preset), .value = "NAME|FILE",
     .help = "the machine: naples, rome (default), milan, genoa, turin, or the file of "
             "a preset or a scenario"},
    {"--set", CBIT_ARG_LIST, OPTION(sets), .value = "/POINTER=VALUE",
     .help = "override a value of the preset"},
    {"--points", CBIT_ARG_U64, OPTION(points), .value = "N",
     .help = "points of each curve, 2 to 16 (8)"},
    {"--samples", CBIT_ARG_U64, OPTION(samples), .value = "N",
     .help = "samples of each point (100000)"},
    {"--requests", CBIT_ARG_U64, OPTION(requests), .value = "N",
     .help = "outstanding background requests in each channel (64)"},
    {"--mix", CBIT_ARG_U64, OPTION(reads), .value = "PERCENT",
     .help = "share of reads in the background traffic of the curves (100)"},
    {"--seed", CBIT_ARG_U64, OPTION(seed), .value = "N", .help = "seed of addresses and keys (1)"},
    {"--jobs", CBIT_ARG_U64, OPTION(jobs), .value = "N",
     .help = "measurements at the same time; default: one for each core"},
    {"--json", CBIT_ARG_FLAG, OPTION(json), .help = "everything as one JSON document"},
    {"--csv", CBIT_ARG_FLAG, OPTION(csv), .help = "the curves, one line a point, then the costs"},
    {"--quiet", CBIT_ARG_FLAG, OPTION(quiet), .help = "no progress"},
    {.name = NULL},
};

static const cbit_cli_command_t command = {
    .verb = "measure",
    .operands = "",
    .summary = "Measures idle latency by stage, loaded latency and peak bandwidth of a machine's\n"
               "memory system: without encryption, with the host's key and with a guest's;\n"
               "what walks, C-bit misses and ASID switches cost, and other ciphers for comparison.",
    .examples = {"cbit measure", "cbit measure --preset genoa --mix 67 --json", NULL},
    .args = args,
    .exit_notes = "Exit status: 0 done, 2 usage, 3 the preset is wrong, 4 it cannot be opened.",
};

static void tell_progress(void *self, const char *what, uint32_t index, uint32_t count)
{
    (void)self;
    (void)fprintf(stderr, "\r[%2" PRIu32 "/%" PRIu32 "] %-8s", index, count, what);
    (void)fflush(stderr);
}

enum { PATH_BYTES = 4096 };

/* A name without a dot or slash is a shipped preset. */
static const char *preset_path(const char *preset, char path[PATH_BYTES])
{
    if (strpbrk(preset, "./") != NULL) {
        return preset;
    }
    char name[PATH_BYTES / 2];
    (void)snprintf(name, sizeof name, "presets/%s.json", preset);
    cbit_share_path(name, path, PATH_BYTES);
    return path;
}

/* The machine lives in *file. */
static cbit_err_t load_machine(const measure_options_t *o, cbit_platform_config_t *machine,
                               cbit_scenario_file_t **file, cbit_diag_t *diag)
{
    const cbit_load_how_t how = {.sets = &o->sets, .preset = true};
    char path[PATH_BYTES] = "";
    cbit_tool_config_t tool;
    cbit_err_t err = cbit_load_scenario(preset_path(o->preset, path), &how, &tool, file, diag);
    if (err == CBIT_ERR_OK) {
        *machine = *cbit_scenario_of(*file)->machine;
    } else if (err == CBIT_ERR_OPEN && path[0] != '\0') {
        cbit_diag_hint(diag, "machines that come with cbit: naples, rome, milan, genoa, turin; "
                             "the name of a file of your own has a dot or a slash");
    }
    return err;
}

static int print(const measure_options_t *o, const cbit_json_t *measured)
{
    char *text = o->json  ? cbit_json_text(measured, false, NULL)
                 : o->csv ? cbit_measure_csv(measured)
                          : cbit_measure_table(measured);
    if (text != NULL) {
        (void)fputs(text, stdout);
    }
    free(text);
    return text == NULL ? cbit_err_exit_status(CBIT_ERR_NO_MEMORY) : 0;
}

static int measure(const measure_options_t *o, cbit_arena_t *arena, cbit_diag_t *diag)
{
    cbit_platform_config_t machine;
    bool terminal = !o->quiet && isatty(STDERR_FILENO) == 1;
    const cbit_measure_options_t options = {.points = (uint32_t)o->points,
                                            .read_per_mille = (uint32_t)o->reads * 10,
                                            .requests = (uint32_t)o->requests,
                                            .samples = o->samples,
                                            .seed = o->seed,
                                            .workers = (uint32_t)o->jobs,
                                            .on_progress = terminal ? tell_progress : NULL};
    const cbit_json_t *measured = NULL;
    cbit_scenario_file_t *file = NULL;
    if (load_machine(o, &machine, &file, diag) == CBIT_ERR_OK) {
        measured = cbit_measure(&machine, &options, arena, diag);
    }
    cbit_scenario_file_destroy(file);
    if (terminal) {
        (void)fprintf(stderr, "\r%24s\r", "");
    }
    return measured == NULL ? cbit_tell(diag, "nothing was measured") : print(o, measured);
}

static int check_usage(const measure_options_t *o)
{
    if (o->points < 2 || o->points > 16) {
        return cbit_usage_error(&command, "--points: expected 2 to 16");
    }
    if (o->samples < 1000 || o->samples > 100000000) {
        return cbit_usage_error(&command, "--samples: expected 1000 to 100000000");
    }
    if (o->requests < 1 || o->requests > 1024) {
        return cbit_usage_error(&command, "--requests: expected 1 to 1024");
    }
    if (o->jobs == 0 || o->jobs > 64) {
        return cbit_usage_error(&command, "--jobs: 1 to 64 are possible");
    }
    if (o->reads > 100) {
        return cbit_usage_error(&command, "--mix: expected 0 to 100, the percentage of reads");
    }
    return o->json && o->csv ? cbit_usage_error(&command, "--json and --csv exclude each other")
                             : 0;
}

int cbit_cli_measure(int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    measure_options_t options = {.preset = "rome",
                                 .points = 8,
                                 .samples = 100000,
                                 .requests = 64,
                                 .seed = 1,
                                 .reads = 100,
                                 .jobs = cores < 1    ? 1
                                         : cores > 64 ? 64
                                                      : (uint64_t)cores};
    cbit_operands_t operands;
    bool help = false;
    if (cbit_args_parse(&command, argc, argv, &options, &operands, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    int status = help ? 0 : check_usage(&options);
    if (help || status != 0) {
        return status;
    }
    cbit_arena_t *arena = cbit_arena_create();
    cbit_diag_t *diag = cbit_diag_create();
    status = arena == NULL || diag == NULL ? cbit_err_exit_status(CBIT_ERR_NO_MEMORY)
                                           : measure(&options, arena, diag);
    cbit_diag_destroy(diag);
    cbit_arena_destroy(arena);
    return status;
}
