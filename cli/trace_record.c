/* cbit trace record and cbit trace info. */
#include "cli/trace.h"

#include "cbit/workloads/record.h"
#include "cli/share.h"
#include "cli/tell.h"

/* ---- record ---- */

typedef struct record_options {
    const char *output, *licence;
    uint64_t skip, limit;
    bool no_code, force, qemu;
} record_options_t;

static const cbit_arg_t record_args[] = {
    {"-o", CBIT_ARG_TEXT, offsetof(record_options_t, output), .value = "FILE.cbt",
     .help = "where to write (trace.cbt)"},
    {"--skip", CBIT_ARG_U64, offsetof(record_options_t, skip), .value = "N",
     .help = "instructions to skip before recording"},
    {"--limit", CBIT_ARG_U64, offsetof(record_options_t, limit), .value = "N",
     .help = "instructions to record; then the program is killed"},
    {"--licence", CBIT_ARG_TEXT, offsetof(record_options_t, licence), .value = "TEXT",
     .help = "licence of the program's code, kept in the trace"},
    {"--no-code", CBIT_ARG_FLAG, offsetof(record_options_t, no_code),
     .help = "omit the program's code pages; guests then run generated code"},
    {"--qemu", CBIT_ARG_FLAG, offsetof(record_options_t, qemu),
     .help = "run it under QEMU's user mode (qemu-x86_64) instead of valgrind"},
    {"--force", CBIT_ARG_FLAG, offsetof(record_options_t, force), .help = "overwrite FILE.cbt"},
    {.name = NULL},
};

static const cbit_cli_command_t record_command = {
    .verb = "trace record",
    .operands = "-- PROGRAM ARGS",
    .min_operands = 1,
    .max_operands = CBIT_ARG_LIST_MAX,
    .summary =
        "Runs a program under valgrind's lackey tool, or QEMU with a plugin of ours, and keeps\n"
        "its instruction fetches, loads and stores, and the pages of code that it executed.",
    .examples = {"cbit trace record -o sort.cbt --limit 200000 -- sort words.txt",
                 "cbit trace record --skip 1000000 --limit 500000 -- ./prog", NULL},
    .args = record_args,
    .exit_notes = "Exit status: 0 recorded, 2 usage, 4 valgrind or QEMU is missing or FILE.cbt "
                  "cannot be written.",
};

int cbit_cli_trace_record(int argc, char **argv)
{
    record_options_t options = {.output = "trace.cbt"};
    cbit_operands_t words;
    bool help = false;
    if (cbit_args_parse(&record_command, argc, argv, &options, &words, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    cbit_diag_t *diag = cbit_diag_create();
    if (help || diag == NULL) {
        cbit_diag_destroy(diag);
        return help ? 0 : cbit_err_exit_status(CBIT_ERR_NO_MEMORY);
    }
    const char *program[CBIT_ARG_LIST_MAX + 1] = {NULL};
    for (uint32_t i = 0; i < words.count; i++) {
        program[i] = words.items[i];
    }
    char plugin[4096];
    (void)cbit_share_library("cbit_qemu_trace.so", plugin, sizeof plugin);
    const cbit_record_config_t config = {.argv = program,
                                         .qemu_plugin = options.qemu ? plugin : NULL,
                                         .licence = options.licence,
                                         .without_code = options.no_code,
                                         .skip_instructions = options.skip,
                                         .limit_instructions = options.limit};
    cbit_trace_info_t info;
    if (cbit_check_output(options.output, options.force, diag) == CBIT_ERR_OK &&
        cbit_record_program(&config, options.output, &info, diag) == CBIT_ERR_OK) {
        cbit_print_trace_info(options.output, &info, NULL);
    }
    int status = cbit_tell(diag, "nothing was recorded");
    cbit_diag_destroy(diag);
    return status;
}

/* ---- info ---- */

static const cbit_arg_t no_args[] = {{.name = NULL}};

static const cbit_cli_command_t info_command = {
    .verb = "trace info",
    .operands = "FILE.cbt...",
    .min_operands = 1,
    .max_operands = CBIT_ARG_LIST_MAX,
    .summary =
        "Reads traces from start to end and prints what is in them, or what is wrong with them.",
    .examples = {"cbit trace info workloads/traces/sqlite.cbt", "cbit trace info *.cbt", NULL},
    .args = no_args,
    .exit_notes = "Exit status: 0 all are sound, 2 usage, 3 one is not, 4 one cannot be opened.",
};

static void info_of(const char *path, cbit_diag_t *diag)
{
    cbit_trace_reader_t *reader = NULL;
    cbit_trace_footprint_t footprint;
    cbit_diag_set_file(diag, path);
    if (cbit_trace_check(path, CBIT_ERR_OPEN, diag) != CBIT_ERR_OK ||
        cbit_trace_reader_open(path, CBIT_ERR_OPEN, &reader, diag) != CBIT_ERR_OK) {
        return;
    }
    cbit_trace_source_t source = cbit_trace_reader_source(reader);
    if (cbit_trace_footprint(&source, &footprint, diag) == CBIT_ERR_OK) {
        cbit_print_trace_info(path, cbit_trace_reader_info(reader), &footprint);
        (void)cbit_print_event_counts(reader, diag);
    }
    source.destroy(source.self);
}

int cbit_cli_trace_info(int argc, char **argv)
{
    cbit_operands_t files;
    bool help = false, nothing;
    if (cbit_args_parse(&info_command, argc, argv, &nothing, &files, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    cbit_diag_t *diag = cbit_diag_create();
    for (uint32_t i = 0; !help && diag != NULL && i < files.count; i++) {
        info_of(files.items[i], diag);
    }
    int status = diag == NULL ? cbit_err_exit_status(CBIT_ERR_NO_MEMORY)
                              : cbit_tell(diag, "the trace is not usable");
    cbit_diag_destroy(diag);
    return status;
}
