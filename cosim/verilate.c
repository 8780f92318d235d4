#include "cosim/verilate.h"

#include <stdio.h>
#include <string.h>

#include "cosim/process.h"

enum {
    PATH_BYTES = CBIT_DUT_FOLDER_BYTES + 64,
    LINE_BYTES = CBIT_DUT_LINT_BYTES,
    MAX_TOLD = 8, /* errors of a tool that are passed on */
};

static void join(char out[PATH_BYTES], const cbit_dut_library_t *library, const char *name)
{
    (void)snprintf(out, PATH_BYTES, "%s/%s", library->folder, name);
}

static void strip(char *line)
{
    line[strcspn(line, "\r\n")] = '\0';
}

uint32_t cbit_verilate_tell(const char *log, bool failed, char first[CBIT_DUT_LINT_BYTES],
                            cbit_diag_t *diag)
{
    uint32_t warnings = 0, told = 0;
    char line[LINE_BYTES];
    FILE *file = fopen(log, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        strip(line);
        bool warning = strncmp(line, "%Warning", 8) == 0;
        if (warning && warnings++ == 0) {
            memcpy(first, line, sizeof line);
        }
        bool error = strncmp(line, "%Error", 6) == 0 || strstr(line, "error:") != NULL;
        bool noise = strstr(line, "Exiting due to") != NULL ||
                     (told > 0 && strstr(line, "Cannot continue") != NULL);
        if (failed && error && !noise && told < MAX_TOLD) {
            static const char plain[] = "%Error: ";
            bool marked = strncmp(line, plain, sizeof plain - 1) == 0;
            (void)cbit_diag_add(diag, CBIT_ERR_FORMAT, NULL, "%s",
                                marked ? line + sizeof plain - 1 : line);
            told++;
        }
    }
    if (failed && told == 0) {
        (void)cbit_diag_add(diag, CBIT_ERR_FORMAT, NULL, "the design could not be compiled");
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return warnings;
}

/* Files find what lies beside them, as `include "timescale.v"` of common cores expects. */
static void add_folders(cbit_words_t *list, const cbit_dut_source_t *source)
{
    for (uint32_t i = 0; i < source->file_count; i++) {
        const char *slash = strrchr(source->files[i], '/');
        size_t len = slash == NULL ? 0 : (size_t)(slash - source->files[i]);
        const char *before = i == 0 ? "" : source->files[i - 1];
        char folder[PATH_BYTES];
        (void)snprintf(folder, sizeof folder, "%.*s", (int)len, source->files[i]);
        bool same = strncmp(before, folder, len) == 0 && strchr(before + len, '/') == before + len;
        if (len > 0 && len < sizeof folder && !same) {
            cbit_words_add(list, "-I", folder);
        }
    }
}

/* legacy: a file.v is read as Verilog 2005. */
static cbit_err_t run_verilator(const cbit_dut_source_t *source, cbit_dut_library_t *library,
                                bool legacy, int *status, cbit_diag_t *diag)
{
    static const char *const fixed[] = {
        "verilator",   "--cc",   "-O3",      "--x-assign", "unique",
        "--x-initial", "unique", "--prefix", "Vdut",       "--no-timing",
    };
    cbit_words_t list = {.count = 0};
    char path[PATH_BYTES];
    cbit_words_add_all(&list, fixed, sizeof fixed / sizeof fixed[0]);
    cbit_words_add(&list, "", source->strict ? "-Wall" : "-Wno-fatal");
    if (!source->unchecked) {
        cbit_words_add(&list, "", "--assert");
    }
    if (source->waves) {
        cbit_words_add(&list, "", "--trace-fst");
    }
    if (legacy) {
        cbit_words_add(&list, "", "+1364-2005ext+v");
    }
    cbit_words_add(&list, "", "--top-module");
    cbit_words_add(&list, "", source->top);
    cbit_words_add(&list, "", "--Mdir");
    join(path, library, "obj");
    cbit_words_add(&list, "", path);
    if (source->strict) {
        cbit_words_add(&list, "-I", library->folder);
    }
    cbit_words_add_all(&list, source->options, source->option_count);
    if (!source->strict) {
        add_folders(&list, source);
    }
    for (uint32_t i = 0; i < source->file_count; i++) {
        join(path, library, source->files[i]);
        cbit_words_add(&list, "", source->strict ? path : source->files[i]);
    }
    join(path, library, "verilator.log");
    return cbit_words_run(&list, path, status) != CBIT_ERR_OK || *status == 127
               ? cbit_diag_add(diag, CBIT_ERR_TOOL, NULL, "verilator cannot be started")
               : CBIT_ERR_OK;
}

/* Older cores call signals by words that SystemVerilog has taken since ("do", "bit", "final"). */
static bool log_has(const cbit_dut_library_t *library, const char *text)
{
    char path[PATH_BYTES], line[LINE_BYTES];
    bool found = false;
    join(path, library, "verilator.log");
    FILE *file = fopen(path, "r");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        found = strstr(line, text) != NULL;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

cbit_err_t cbit_verilate(const cbit_dut_source_t *source, cbit_dut_library_t *library,
                         uint32_t *warnings, cbit_diag_t *diag)
{
    char path[PATH_BYTES];
    int status = 0;
    cbit_err_t err = run_verilator(source, library, false, &status, diag);
    if (err == CBIT_ERR_OK && status != 0 && log_has(library, "SystemVerilog keyword misused")) {
        err = run_verilator(source, library, true, &status, diag);
    }
    if (err != CBIT_ERR_OK) {
        return err;
    }
    join(path, library, "verilator.log");
    *warnings = cbit_verilate_tell(path, status != 0, library->lint, diag);
    return status == 0 ? CBIT_ERR_OK : CBIT_ERR_FORMAT;
}
