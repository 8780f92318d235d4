/* cbit trace: what its verbs share, and the choice between them. */
#define _POSIX_C_SOURCE 200809L
#include "cli/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/verbs.h"

/* ---- shared ---- */

static const char *or_unknown(const char *text)
{
    return text[0] != '\0' ? text : "unknown";
}

void cbit_print_trace_info(const char *path, const cbit_trace_info_t *info,
                           const cbit_trace_footprint_t *footprint)
{
    (void)printf("%s\n", path);
    (void)printf("  program       %s\n", or_unknown(info->program));
    (void)printf("  source        %s\n", info->source);
    (void)printf("  licence       %s\n", or_unknown(info->licence));
    (void)printf("  seed          %" PRIu64 "\n", info->seed);
    (void)printf("  instructions  %" PRIu64 "\n", info->instructions);
    (void)printf("  fetches       %" PRIu64 "\n", info->fetches);
    (void)printf("  loads         %" PRIu64 "\n", info->loads);
    (void)printf("  stores        %" PRIu64 "\n", info->stores);
    (void)printf("  code pages    %" PRIu64 "%s\n", info->pages,
                 info->code_generated ? " (generated)" : "");
    if (info->events != 0) {
        (void)printf("  events        %" PRIu64 "\n", info->events);
    }
    if (footprint != NULL) {
        (void)printf("  touched       %" PRIu64 " pages, %" PRIu64 " lines\n", footprint->pages,
                     footprint->lines);
    }
}

cbit_err_t cbit_check_output(const char *path, bool force, cbit_diag_t *diag)
{
    struct stat info;
    if (lstat(path, &info) != 0) {
        return CBIT_ERR_OK;
    }
    cbit_diag_set_file(diag, path);
    if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) {
        return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "is no file that could be replaced");
    }
    if (force) {
        return CBIT_ERR_OK;
    }
    (void)cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "exists already");
    cbit_diag_hint(diag, "--force overwrites it");
    return CBIT_ERR_WRITE;
}

static cbit_err_t copy_page(void *self, const cbit_trace_page_t *page)
{
    return cbit_trace_writer_page(self, page);
}

static cbit_err_t copy_records(const cbit_trace_source_t *source, cbit_trace_writer_t *writer,
                               uint64_t skip, uint64_t limit, cbit_diag_t *diag)
{
    enum { BATCH = 4096 };
    static cbit_trace_record_t records[BATCH];
    uint64_t number = 0, end = limit == 0 || limit > UINT64_MAX - skip ? UINT64_MAX : skip + limit;
    cbit_err_t err = source->rewind(source->self, diag);
    for (uint32_t count = 1; err == CBIT_ERR_OK && count != 0 && number < end;) {
        err = source->read(source->self, records, BATCH, &count, diag);
        for (uint32_t i = 0; i < count && err == CBIT_ERR_OK; i++, number++) {
            if (number >= skip && number < end) {
                err = cbit_trace_writer_record(writer, &records[i]);
            }
        }
    }
    return err;
}

cbit_err_t cbit_copy_trace(const cbit_trace_source_t *source, const char *path, uint64_t skip,
                           uint64_t limit, cbit_trace_info_t *written, cbit_diag_t *diag)
{
    cbit_trace_writer_t *writer = NULL;
    cbit_err_t err = cbit_trace_writer_create(path, source->info(source->self), &writer, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    err = source->for_each_page(source->self, copy_page, writer, diag);
    if (err == CBIT_ERR_OK) {
        err = copy_records(source, writer, skip, limit, diag);
    }
    if (err != CBIT_ERR_OK) {
        cbit_trace_writer_discard(writer);
        return err;
    }
    *written = *cbit_trace_writer_info(writer);
    return cbit_trace_writer_finish(writer, diag);
}

/* ---- verbs ---- */

static const cbit_verb_t trace_verbs[] = {
    {"record", cbit_cli_trace_record, "-- PROGRAM ARGS", "records a program (valgrind, QEMU)"},
    {"info", cbit_cli_trace_info, "FILE.cbt...", "checks traces and says what is in them"},
    {"gen", cbit_cli_trace_gen, "KIND [KEY=VALUE...]",
     "writes a synthetic pattern, or a whole run"},
    {"import", cbit_cli_trace_import, "FILE", "converts other tools' traces"},
    {"convert", cbit_cli_trace_convert, "FILE.cbt", "cuts a trace, or writes it as text"},
    {.name = NULL},
};

static void print_verbs(FILE *to)
{
    (void)fprintf(to, "  cbit trace record -o sort.cbt --limit 200000 -- sort words.txt\n"
                      "  cbit trace info workloads/traces/sqlite.cbt\n\n"
                      "usage: cbit trace VERB [options] ...\n\n");
    for (const cbit_verb_t *verb = trace_verbs; verb->name != NULL; verb++) {
        (void)fprintf(to, "  %-8s %-20s %s\n", verb->name, verb->operands, verb->summary);
    }
}

int cbit_cli_trace(int argc, char **argv)
{
    if (argc < 2) {
        (void)fputs("error: cbit trace: a verb is missing\n", stderr);
        print_verbs(stderr);
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_verbs(stdout);
        return 0;
    }
    for (const cbit_verb_t *verb = trace_verbs; verb->name != NULL; verb++) {
        if (strcmp(verb->name, argv[1]) == 0) {
            return verb->run(argc - 1, argv + 1);
        }
    }
    (void)fprintf(stderr, "error: cbit trace: unknown verb %s\n", argv[1]);
    print_verbs(stderr);
    return cbit_err_exit_status(CBIT_ERR_USAGE);
}
