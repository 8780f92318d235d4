/* cbit trace: recording, looking at and making traces. */
#include "cli/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/record.h"
#include "cbit/workloads/trace.h"

static const char usage_text[] =
    "usage: cbit trace record [-o FILE] [--skip N] [--limit N] [--licence TEXT] [--no-code] "
    "[--force] -- PROGRAM ARGS\n"
    "       cbit trace info FILE...\n"
    "\n"
    "  cbit trace record -o sort.cbt --skip 1000000 --limit 200000 -- sort words.txt\n"
    "  cbit trace info workloads/traces/sqlite.cbt\n"
    "\n"
    "record runs a program under valgrind's lackey tool and keeps its memory references and the\n"
    "pages that it executes. --skip and --limit count instructions.\n";

/* ---- diagnostics ---- */

static int report(const cbit_diag_t *diag, cbit_err_t err)
{
    for (size_t i = 0; cbit_diag_at(diag, i) != NULL; i++) {
        const cbit_diag_entry_t *entry = cbit_diag_at(diag, i);
        (void)fprintf(stderr, "error: %s%s%s%s%s\n", entry->file,
                      entry->file[0] != '\0' ? ": " : "", entry->where,
                      entry->where[0] != '\0' ? ": " : "", entry->text);
        if (entry->hint[0] != '\0') {
            (void)fprintf(stderr, "  hint: %s\n", entry->hint);
        }
    }
    return cbit_err_exit_status(err);
}

static int usage_error(const char *what, const char *word)
{
    (void)fprintf(stderr, "error: %s%s%s\n%s", what, word[0] != '\0' ? " " : "", word, usage_text);
    return cbit_err_exit_status(CBIT_ERR_USAGE);
}

/* ---- options ---- */

typedef enum option_kind { OPTION_TEXT, OPTION_U64, OPTION_FLAG } option_kind_t;

typedef struct option {
    const char *name;
    option_kind_t kind;
    void *value; /* const char *, uint64_t or bool */
} option_t;

static bool parse_u64(const char *text, uint64_t *value)
{
    uint64_t sum = 0;
    for (const char *at = text; *at != '\0'; at++) {
        uint64_t digit = (uint64_t)(unsigned char)*at - '0';
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10) {
            return false;
        }
        sum = 10 * sum + digit;
    }
    *value = sum;
    return text[0] != '\0';
}

/* Takes the options before the first other word or "--"; argv[*at] is then that word or the one
   behind "--". Returns 0 or an exit status. */
static int take_options(const option_t *options, int argc, char **argv, int *at)
{
    for (; *at < argc && argv[*at][0] == '-'; ++*at) {
        const char *word = argv[*at];
        if (strcmp(word, "--") == 0) {
            ++*at;
            return 0;
        }
        const option_t *option = options;
        while (option->name != NULL && strcmp(option->name, word) != 0) {
            option++;
        }
        if (option->name == NULL) {
            return usage_error("unknown option", word);
        }
        if (option->kind == OPTION_FLAG) {
            *(bool *)option->value = true;
            continue;
        }
        if (++*at == argc) {
            return usage_error("a value must follow", word);
        }
        if (option->kind == OPTION_TEXT) {
            *(const char **)option->value = argv[*at];
        } else if (!parse_u64(argv[*at], option->value)) {
            return usage_error("a whole number must follow", word);
        }
    }
    return 0;
}

static bool exists(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file != NULL) {
        (void)fclose(file);
    }
    return file != NULL;
}

/* ---- info ---- */

static void print_info(const char *path, const cbit_trace_info_t *info)
{
    (void)printf("%s\n", path);
    (void)printf("  program       %s\n", info->program[0] != '\0' ? info->program : "unknown");
    (void)printf("  source        %s\n", info->source);
    (void)printf("  licence       %s\n", info->licence[0] != '\0' ? info->licence : "unknown");
    (void)printf("  seed          %" PRIu64 "\n", info->seed);
    (void)printf("  instructions  %" PRIu64 "\n", info->instructions);
    (void)printf("  fetches       %" PRIu64 "\n", info->fetches);
    (void)printf("  loads         %" PRIu64 "\n", info->loads);
    (void)printf("  stores        %" PRIu64 "\n", info->stores);
    (void)printf("  code pages    %" PRIu64 "%s\n", info->pages,
                 info->code_generated ? " (generated)" : "");
}

static cbit_err_t info_of(const char *path, cbit_diag_t *diag)
{
    cbit_trace_reader_t *reader = NULL;
    cbit_trace_footprint_t footprint;
    cbit_diag_set_file(diag, path);
    cbit_err_t err = cbit_trace_reader_open(path, CBIT_ERR_OPEN, &reader, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_trace_source_t source = cbit_trace_reader_source(reader);
    err = cbit_trace_footprint(&source, &footprint, diag);
    if (err == CBIT_ERR_OK) {
        print_info(path, cbit_trace_reader_info(reader));
        (void)printf("  touched       %" PRIu64 " pages, %" PRIu64 " lines\n", footprint.pages,
                     footprint.lines);
    }
    source.destroy(source.self);
    return err;
}

static int run_info(int argc, char **argv, cbit_diag_t *diag)
{
    if (argc < 2) {
        return usage_error("a trace is missing", "");
    }
    for (int i = 1; i < argc; i++) {
        (void)info_of(argv[i], diag);
    }
    return report(diag, cbit_diag_first(diag));
}

/* ---- record ---- */

static int run_record(int argc, char **argv, cbit_diag_t *diag)
{
    const char *output = "trace.cbt";
    bool force = false;
    cbit_record_config_t config = {0};
    const option_t options[] = {
        {"-o", OPTION_TEXT, &output},
        {"--skip", OPTION_U64, &config.skip_instructions},
        {"--limit", OPTION_U64, &config.limit_instructions},
        {"--licence", OPTION_TEXT, &config.licence},
        {"--no-code", OPTION_FLAG, &config.without_code},
        {"--force", OPTION_FLAG, &force},
        {NULL, OPTION_FLAG, NULL},
    };
    int at = 1;
    int status = take_options(options, argc, argv, &at);
    if (status != 0) {
        return status;
    }
    if (at == argc) {
        return usage_error("a program is missing", "");
    }
    if (!force && exists(output)) {
        cbit_diag_set_file(diag, output);
        (void)cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "exists already");
        cbit_diag_hint(diag, "--force overwrites it");
        return report(diag, CBIT_ERR_WRITE);
    }
    cbit_trace_info_t info;
    config.argv = (const char *const *)(argv + at);
    cbit_err_t err = cbit_record_program(&config, output, &info, diag);
    if (err == CBIT_ERR_OK) {
        print_info(output, &info);
    }
    return report(diag, err);
}

/* ---- verbs ---- */

static const struct verb {
    const char *name;
    int (*run)(int argc, char **argv, cbit_diag_t *diag);
} verbs[] = {
    {"record", run_record},
    {"info", run_info},
};

int cbit_cli_trace(int argc, char **argv)
{
    if (argc < 2) {
        return usage_error("a verb is missing", "");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        (void)fputs(usage_text, stdout);
        return 0;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, argv[1]) == 0) {
            cbit_diag_t *diag = cbit_diag_create();
            int status = diag == NULL ? cbit_err_exit_status(CBIT_ERR_NO_MEMORY)
                                      : verbs[i].run(argc - 1, argv + 1, diag);
            cbit_diag_destroy(diag);
            return status;
        }
    }
    return usage_error("unknown verb", argv[1]);
}
