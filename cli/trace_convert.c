/* cbit trace import and cbit trace convert. */
#include "cli/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cbit/workloads/record.h"
#include "cli/tell.h"

/* ---- import ---- */

typedef struct import_options {
    const char *output, *name;
    uint32_t format;
    bool format_given, force;
    uint64_t base, limit;
} import_options_t;

static const cbit_arg_t import_args[] = {
    {"--from", CBIT_ARG_WORD, offsetof(import_options_t, format), .words = cbit_import_format_words,
     .given_offset = offsetof(import_options_t, format_given), .help = "format of FILE; required"},
    {"-o", CBIT_ARG_TEXT, offsetof(import_options_t, output), .value = "FILE.cbt",
     .help = "where to write (trace.cbt)"},
    {"--base", CBIT_ARG_U64, offsetof(import_options_t, base), .value = "ADDRESS",
     .help = "added to physical addresses (0x10000000)"},
    {"--limit", CBIT_ARG_U64, offsetof(import_options_t, limit), .value = "N",
     .help = "lines (champsim: instructions) to take"},
    {"--name", CBIT_ARG_TEXT, offsetof(import_options_t, name), .value = "TEXT",
     .help = "what was traced, kept in the trace"},
    {"--force", CBIT_ARG_FLAG, offsetof(import_options_t, force), .help = "overwrite FILE.cbt"},
    {.name = NULL},
};

static const cbit_cli_command_t import_command = {
    .verb = "trace import",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .summary =
        "Makes a trace out of another tool's. FILE may be - for stdin, for example behind xz -dc.",
    .examples = {"cbit trace import --from dramsim3 requests.trc -o requests.cbt",
                 "xz -dc 600.perlbench.xz | cbit trace import --from champsim --limit 1000000 -",
                 NULL},
    .args = import_args,
    .exit_notes =
        "Exit status: 0 written, 2 usage, 3 FILE is not of that format, 4 it cannot be opened.",
};

int cbit_cli_trace_import(int argc, char **argv)
{
    import_options_t options = {.output = "trace.cbt", .base = CBIT_IMPORT_BASE_GVA};
    cbit_operands_t files;
    bool help = false;
    if (cbit_args_parse(&import_command, argc, argv, &options, &files, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    if (help) {
        return 0;
    }
    if (!options.format_given) {
        return cbit_usage_error(&import_command, "--from is missing");
    }
    cbit_diag_t *diag = cbit_diag_create();
    if (diag == NULL) {
        return cbit_err_exit_status(CBIT_ERR_NO_MEMORY);
    }
    const cbit_import_config_t config = {.format = options.format,
                                         .base_gva = options.base,
                                         .limit = options.limit,
                                         .name = options.name};
    cbit_trace_info_t info;
    if (cbit_check_output(options.output, options.force, diag) == CBIT_ERR_OK) {
        cbit_diag_set_file(diag, files.items[0]);
        if (cbit_trace_import(&config, files.items[0], CBIT_ERR_OPEN, options.output, &info,
                              diag) == CBIT_ERR_OK) {
            cbit_print_trace_info(options.output, &info, NULL);
        }
    }
    int status = cbit_tell(diag, "nothing was written");
    cbit_diag_destroy(diag);
    return status;
}

/* ---- convert ---- */

typedef enum output_format {
    TO_CBT,
    TO_CSV,
    TO_DRAMSIM3,
    TO_RAMULATOR_LS,
    TO_EVENTS
} output_format_t;
static const char *const output_words[] = {"cbt",          "csv",    "dramsim3",
                                           "ramulator-ls", "events", NULL};

typedef struct convert_options {
    const char *output;
    uint32_t format;
    bool force;
    uint64_t skip, limit;
} convert_options_t;

static const cbit_arg_t convert_args[] = {
    {"--to", CBIT_ARG_WORD, offsetof(convert_options_t, format), .words = output_words,
     .help = "what to write (cbt); events: what a hypervisor did, see gen --scenario"},
    {"-o", CBIT_ARG_TEXT, offsetof(convert_options_t, output), .value = "FILE",
     .help = "where to write; - is stdout, for text only (-)"},
    {"--skip", CBIT_ARG_U64, offsetof(convert_options_t, skip), .value = "N",
     .help = "records to skip at the start"},
    {"--limit", CBIT_ARG_U64, offsetof(convert_options_t, limit), .value = "N",
     .help = "records to take"},
    {"--force", CBIT_ARG_FLAG, offsetof(convert_options_t, force), .help = "overwrite FILE"},
    {.name = NULL},
};

static const cbit_cli_command_t convert_command = {
    .verb = "trace convert",
    .operands = "FILE.cbt",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "Cuts a window out of a trace, or writes its references as text.",
    .examples = {"cbit trace convert sqlite.cbt --skip 100000 --limit 50000 -o part.cbt",
                 "cbit trace convert sqlite.cbt --to csv | head", NULL},
    .args = convert_args,
    .exit_notes =
        "Exit status: 0 written, 2 usage, 3 the trace is not sound, 4 a file cannot be opened.",
};

/* One record as a line. Formats of memory controllers have requests only: fetches are reads. */
static int print_record(FILE *to, uint32_t format, const cbit_trace_record_t *record,
                        uint64_t *clock)
{
    static const char *const kinds[] = {"fetch", "load", "store"};
    bool is_store = record->kind == CBIT_TRACE_STORE;
    *clock += record->gap;
    switch (format) {
    case TO_DRAMSIM3:
        return fprintf(to, "0x%" PRIx64 " %s %" PRIu64 "\n", record->gva,
                       is_store ? "WRITE" : "READ", *clock);
    case TO_RAMULATOR_LS:
        return fprintf(to, "%s 0x%" PRIx64 "\n", is_store ? "ST" : "LD", record->gva);
    default:
        return fprintf(to, "%s,0x%" PRIx64 ",%u,%" PRIu32 ",%d\n", kinds[record->kind], record->gva,
                       record->size_bytes, record->gap, record->depends);
    }
}

static cbit_err_t print_text(cbit_trace_reader_t *reader, const convert_options_t *options,
                             FILE *to, cbit_diag_t *diag)
{
    enum { BATCH = 4096 };
    static cbit_trace_record_t records[BATCH];
    uint64_t number = 0, taken = 0, clock = 0;
    cbit_err_t err = CBIT_ERR_OK;
    int written = options->format == TO_CSV ? fputs("kind,address,size,gap,depends\n", to) : 0;
    for (uint32_t count = 1; err == CBIT_ERR_OK && count != 0 && written >= 0;) {
        err = cbit_trace_reader_read(reader, records, BATCH, &count, diag);
        for (uint32_t i = 0; i < count && written >= 0; i++, number++) {
            if (number >= options->skip && (options->limit == 0 || taken < options->limit)) {
                written = print_record(to, options->format, &records[i], &clock);
                taken++;
            }
        }
        if (options->limit != 0 && taken == options->limit) {
            break;
        }
    }
    if (written < 0 || fflush(to) != 0) {
        return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "cannot write %s", options->output);
    }
    return err;
}

/* Events as lines; skip and limit count them. */
typedef struct event_print {
    const convert_options_t *options;
    FILE *to;
    uint64_t number, taken;
    bool failed;
} event_print_t;

static cbit_err_t print_one(void *self, const cbit_trace_event_t *event)
{
    event_print_t *print = self;
    const convert_options_t *options = print->options;
    if (print->number++ >= options->skip && !print->failed &&
        (options->limit == 0 || print->taken < options->limit)) {
        print->failed = cbit_print_event(print->to, event) < 0;
        print->taken++;
    }
    return CBIT_ERR_OK;
}

static cbit_err_t print_events(cbit_trace_reader_t *reader, const convert_options_t *options,
                               FILE *to, cbit_diag_t *diag)
{
    event_print_t print = {.options = options, .to = to};
    print.failed = fputs("time_ps,event,fields\n", to) < 0;
    cbit_err_t err = cbit_trace_reader_for_each_event(reader, print_one, &print, diag);
    if (err == CBIT_ERR_OK && (print.failed || fflush(to) != 0)) {
        err = cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "cannot write %s", options->output);
    }
    return err;
}

static void convert(cbit_trace_reader_t *reader, const convert_options_t *options,
                    cbit_diag_t *diag)
{
    bool to_stdout = strcmp(options->output, "-") == 0;
    if (options->format == TO_CBT) {
        cbit_trace_source_t source = cbit_trace_reader_source(reader);
        cbit_trace_info_t info;
        if (cbit_copy_trace(&source, options->output, options->skip, options->limit, &info, diag) ==
            CBIT_ERR_OK) {
            cbit_print_trace_info(options->output, &info, NULL);
        }
        return;
    }
    FILE *to = to_stdout ? stdout : fopen(options->output, "w");
    if (to == NULL) {
        (void)cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "cannot write %s", options->output);
        return;
    }
    (void)(options->format == TO_EVENTS ? print_events(reader, options, to, diag)
                                        : print_text(reader, options, to, diag));
    if (!to_stdout) {
        (void)fclose(to);
    }
}

int cbit_cli_trace_convert(int argc, char **argv)
{
    convert_options_t options = {.output = "-"};
    cbit_operands_t files;
    cbit_trace_reader_t *reader = NULL;
    bool help = false;
    if (cbit_args_parse(&convert_command, argc, argv, &options, &files, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    if (help) {
        return 0;
    }
    if (options.format == TO_CBT && strcmp(options.output, "-") == 0) {
        return cbit_usage_error(&convert_command, "--to cbt needs -o FILE");
    }
    cbit_diag_t *diag = cbit_diag_create();
    if (diag == NULL) {
        return cbit_err_exit_status(CBIT_ERR_NO_MEMORY);
    }
    bool to_stdout = strcmp(options.output, "-") == 0;
    if (to_stdout || cbit_check_output(options.output, options.force, diag) == CBIT_ERR_OK) {
        cbit_diag_set_file(diag, files.items[0]);
        if (cbit_trace_reader_open(files.items[0], CBIT_ERR_OPEN, &reader, diag) == CBIT_ERR_OK) {
            convert(reader, &options, diag);
        }
    }
    cbit_trace_reader_close(reader);
    int status = cbit_tell(diag, "not all was written");
    cbit_diag_destroy(diag);
    return status;
}
