/* cbit report: one self-contained page for any number of runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/perf/report.h"
#include "cbit/workloads/json.h"
#include "cli/args.h"
#include "cli/new_file.h"
#include "cli/output.h"
#include "cli/tell.h"
#include "cli/verbs.h"

enum { MAX_RESULT_BYTES = 64 << 20, PATH_BYTES = 4096 };

typedef struct report_options {
    const char *out;
} report_options_t;

static const cbit_arg_t args[] = {
    {"--out", CBIT_ARG_TEXT, offsetof(report_options_t, out), .value = "FILE",
     .help = "where the page goes (default: report.html in DIR, or here for several)"},
    {.name = NULL},
};

static const cbit_cli_command_t command = {
    .verb = "report",
    .operands = "DIR...",
    .min_operands = 1,
    .max_operands = 64,
    .summary =
        "Writes one self-contained HTML page for the output directories of any number of runs:\n"
        "figures, plots with the tables behind them, events, and the configuration with the\n"
        "source of every value. The page needs no network.",
    .examples = {"cbit report out/first-light", "cbit report out/sme out/sev --out compare.html",
                 NULL},
    .args = args,
    .exit_notes = "Exit status: 0 done, 2 usage, 3 a result is not valid, 4 a file cannot be read "
                  "or written.",
};

/* DIR/name, checked; NULL when it is not there or (with an entry) is bad. */
static const cbit_json_t *read(cbit_arena_t *arena, const char *dir, const char *name,
                               bool required, cbit_diag_t *diag)
{
    char path[PATH_BYTES];
    int len = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (len < 0 || (size_t)len >= sizeof path) {
        (void)cbit_diag_add(diag, CBIT_ERR_OPEN, NULL, "%s: the path is too long", dir);
        return NULL;
    }
    FILE *file = required ? NULL : fopen(path, "rb");
    if (!required && file == NULL) {
        return NULL;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    cbit_diag_set_file(diag, path);
    return cbit_json_load(arena, path, MAX_RESULT_BYTES, 0, CBIT_ERR_OPEN, diag);
}

/* Its text, compact. */
static char *load(cbit_arena_t *arena, const char *dir, const char *name, bool required,
                  cbit_diag_t *diag)
{
    const cbit_json_t *json = read(arena, dir, name, required, diag);
    return json == NULL ? NULL : cbit_json_text(json, true, NULL);
}

static bool put(void *self, const char *bytes, size_t len)
{
    return fwrite(bytes, 1, len, self) == len;
}

/* Beside the final name first, so that nobody ever sees half a page. */
static cbit_err_t write_page(const char *path, const cbit_report_run_t *runs, uint32_t count,
                             cbit_diag_t *diag)
{
    cbit_new_file_t page;
    cbit_diag_set_file(diag, path);
    if (!cbit_new_file_begin(&page, path, CBIT_NEW_FILE_PLAIN)) {
        return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "cannot be written");
    }
    cbit_err_t err = cbit_report_write(runs, count, put, page.file);
    if (cbit_new_file_end(&page, err == CBIT_ERR_OK)) {
        return CBIT_ERR_OK;
    }
    if (err == CBIT_ERR_TOOL) {
        (void)cbit_diag_add(diag, err, NULL, "this cbit was built without its plotting library");
        cbit_diag_hint(diag, "install libjs-chart.js and build again");
        return err;
    }
    return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "cannot be written");
}

static const char *default_path(const cbit_operands_t *dirs, char *path, size_t bytes)
{
    if (dirs->count > 1) {
        return "report.html";
    }
    int len = snprintf(path, bytes, "%s/report.html", dirs->items[0]);
    return len > 0 && (size_t)len < bytes ? path : "report.html";
}

static cbit_err_t report(const cbit_operands_t *dirs, const char *out, cbit_diag_t *diag)
{
    char path[PATH_BYTES];
    cbit_report_run_t runs[64] = {{.name = NULL}};
    cbit_arena_t *arena = cbit_arena_create();
    if (arena == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    for (uint32_t i = 0; i < dirs->count; i++) {
        runs[i].name = cbit_output_name(dirs->items[i]);
        runs[i].result = load(arena, dirs->items[i], "result.json", true, diag);
        runs[i].run = load(arena, dirs->items[i], "run.json", false, diag);
        runs[i].measure = load(arena, dirs->items[i], "measure.json", false, diag);
        const cbit_json_t *timeline = read(arena, dirs->items[i], "timeline.json", false, diag);
        runs[i].timeline =
            timeline == NULL ? NULL : cbit_report_timeline(arena, timeline, dirs->count);
    }
    if (cbit_diag_count(diag) == 0) {
        out = out != NULL ? out : default_path(dirs, path, sizeof path);
        if (write_page(out, runs, dirs->count, diag) == CBIT_ERR_OK) {
            (void)printf("%s\n", out);
        }
    }
    for (uint32_t i = 0; i < dirs->count; i++) {
        free((char *)runs[i].name);
        free((char *)runs[i].result);
        free((char *)runs[i].run);
        free((char *)runs[i].measure);
        free((char *)runs[i].timeline);
    }
    cbit_arena_destroy(arena);
    return cbit_diag_first(diag);
}

int cbit_cli_report(int argc, char **argv)
{
    report_options_t options = {.out = NULL};
    cbit_operands_t dirs;
    bool help = false;
    if (cbit_args_parse(&command, argc, argv, &options, &dirs, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    cbit_diag_t *diag = help ? NULL : cbit_diag_create();
    if (diag == NULL) {
        return help ? 0 : cbit_err_exit_status(CBIT_ERR_NO_MEMORY);
    }
    (void)report(&dirs, options.out, diag);
    int status = cbit_tell(diag, "nothing was written");
    cbit_diag_destroy(diag);
    return status;
}
