#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE   700
#include "cosim/dut.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cosim/dut_library.h"
#include "cosim/embedded.h"
#include "cosim/process.h"
#include "cosim/verilate.h"

enum {
    PATH_BYTES = CBIT_DUT_FOLDER_BYTES + 64,
    LINE_BYTES = CBIT_DUT_LINT_BYTES,
};

/* ---- building -------------------------------------------------------------------------------- */

static void join(char out[PATH_BYTES], const cbit_dut_library_t *library, const char *name)
{
    (void)snprintf(out, PATH_BYTES, "%s/%s", library->folder, name);
}

static cbit_err_t make_folder(cbit_dut_library_t *library)
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(library->folder, sizeof library->folder, "%s/cbit-dut-XXXXXX",
                   base == NULL || base[0] == '\0' ? "/tmp" : base);
    return mkdtemp(library->folder) == NULL ? CBIT_ERR_WRITE : CBIT_ERR_OK;
}

/* The tool's own rtl/ and the wrapper, as files. */
static cbit_err_t unpack(const cbit_dut_library_t *library)
{
    for (const cbit_embedded_t *file = cbit_embedded_files; file->name != NULL; file++) {
        char path[PATH_BYTES];
        join(path, library, file->name);
        FILE *out = fopen(path, "wb");
        if (out == NULL) {
            return CBIT_ERR_WRITE;
        }
        bool whole = fwrite(file->bytes, 1, file->len_bytes, out) == file->len_bytes;
        if (fclose(out) != 0 || !whole) {
            return CBIT_ERR_WRITE;
        }
    }
    return CBIT_ERR_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static cbit_err_t check_files(const cbit_dut_source_t *source, cbit_diag_t *diag)
{
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t i = 0; i < source->file_count && !source->strict; i++) {
        const char *file = source->files[i];
        cbit_diag_set_file(diag, file);
        if (ends_with(file, ".vhd") || ends_with(file, ".vhdl")) {
            err = cbit_diag_add(diag, CBIT_ERR_UNSUPPORTED, NULL,
                                "VHDL; Verilator reads Verilog and SystemVerilog");
            cbit_diag_hint(diag, "convert it first, for example with ghdl --synth --out=verilog");
        } else if (access(file, R_OK) != 0) {
            err = cbit_diag_add(diag, CBIT_ERR_OPEN, NULL, "cannot be opened");
        }
    }
    cbit_diag_set_file(diag, NULL);
    return err;
}

/* Where Verilator keeps its own C++ files. */
static cbit_err_t verilator_root(const cbit_dut_library_t *library, char out[PATH_BYTES])
{
    cbit_words_t list = {.count = 0};
    char log[PATH_BYTES];
    int status = 0;
    cbit_words_add(&list, "", "verilator");
    cbit_words_add(&list, "", "--getenv");
    cbit_words_add(&list, "", "VERILATOR_ROOT");
    join(log, library, "root.log");
    cbit_err_t err = cbit_words_run(&list, log, &status);
    FILE *file = fopen(log, "r");
    bool read = file != NULL && fgets(out, PATH_BYTES / 2, file) != NULL;
    if (file != NULL) {
        (void)fclose(file);
    }
    if (err != CBIT_ERR_OK || status != 0 || !read) {
        return CBIT_ERR_TOOL;
    }
    out[strcspn(out, "\r\n")] = '\0';
    return CBIT_ERR_OK;
}

static bool wants_coverage(const cbit_dut_source_t *source)
{
    for (uint32_t i = 0; i < source->option_count; i++) {
        if (strncmp(source->options[i], "--coverage", strlen("--coverage")) == 0) {
            return true;
        }
    }
    return false;
}

/* The files that Verilator wrote, those of which it says that they run rarely or the others, as one
   source: each alone would read all headers again. */
static cbit_err_t gather_sources(const cbit_dut_library_t *library, const char *name, bool slow)
{
    char path[PATH_BYTES];
    join(path, library, name);
    FILE *out = fopen(path, "w");
    join(path, library, "obj");
    DIR *folder = opendir(path);
    for (struct dirent *entry;
         out != NULL && folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (ends_with(entry->d_name, ".cpp") && (strstr(entry->d_name, "__Slow") != NULL) == slow) {
            (void)fprintf(out, "#include \"obj/%s\"\n", entry->d_name);
        }
    }
    bool good = out != NULL && folder != NULL && ferror(out) == 0;
    if (folder != NULL) {
        (void)closedir(folder);
    }
    if (out != NULL && fclose(out) != 0) {
        good = false;
    }
    return good ? CBIT_ERR_OK : CBIT_ERR_WRITE;
}

/* What Verilator runs once (__Slow), and the parts of its runtime that are not compiled yet. */
static void add_slow_sources(cbit_words_t *list, const cbit_dut_library_t *library,
                             const char *root, const cbit_dut_source_t *source, bool have_runtime)
{
    char path[2 * PATH_BYTES];
    const struct {
        const char *name;
        bool wanted;
    } own[] = {{"verilated.cpp", !have_runtime},
               {"verilated_threads.cpp", !have_runtime},
               {"verilated_fst_c.cpp", source->waves},
               {"verilated_cov.cpp", wants_coverage(source)}};
    for (uint32_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/include/%s", root, own[i].name);
        if (own[i].wanted) {
            cbit_words_add(list, "", path);
        }
    }
    join(path, library, "slow.cpp");
    cbit_words_add(list, "", path);
}

static void add_common_options(cbit_words_t *list, const cbit_dut_library_t *library,
                               const char *root, const cbit_dut_source_t *source)
{
    static const char *const fixed[] = {
        "c++",
        "-std=c++17",
        "-fPIC",
        "-w",
        "-DDUT_HEADER=\"Vdut.h\"",
        "-DDUT_PORTS=\"ports.inc\"",
        "-DVL_USER_FATAL",
        "-DVL_USER_STOP",
        "-DVL_USER_FINISH",
    };
    char path[PATH_BYTES];
    cbit_words_add_all(list, fixed, sizeof fixed / sizeof fixed[0]);
    if (source->waves) {
        cbit_words_add(list, "", "-DDUT_WAVES");
    }
    if (wants_coverage(source)) {
        cbit_words_add(list, "", "-DDUT_COVERAGE");
        cbit_words_add(list, "", "-DVM_COVERAGE=1");
    }
    cbit_words_add(list, "-I", library->folder);
    join(path, library, "obj");
    cbit_words_add(list, "-I", path);
    (void)snprintf(path, sizeof path, "%.400s/include", root);
    cbit_words_add(list, "-I", path);
    (void)snprintf(path, sizeof path, "%.400s/include/vltstd", root);
    cbit_words_add(list, "-I", path);
}

/* Runs the compiler, which may have said something. */
static cbit_err_t run_compiler(cbit_words_t *list, const cbit_dut_library_t *library,
                               cbit_diag_t *diag)
{
    char log[PATH_BYTES];
    int status = 0;
    join(log, library, "compiler.log");
    if (cbit_words_run(list, log, &status) != CBIT_ERR_OK || status == 127) {
        return cbit_diag_add(diag, CBIT_ERR_TOOL, NULL, "the C++ compiler c++ cannot be started");
    }
    if (status != 0) {
        char none[LINE_BYTES];
        (void)cbit_verilate_tell(log, true, none, diag);
    }
    return status == 0 ? CBIT_ERR_OK : CBIT_ERR_FORMAT;
}

/* The environment's CXXFLAGS, as make knows them: the last word about optimisation. */
static void add_users_options(cbit_words_t *list)
{
    const char *at = getenv("CXXFLAGS");
    char word[LINE_BYTES];
    while (at != NULL && *(at += strspn(at, " ")) != '\0') {
        size_t len = strcspn(at, " ");
        if (len < sizeof word) {
            memcpy(word, at, len);
            word[len] = '\0';
            cbit_words_add(list, "", word);
        }
        at += len;
    }
}

/* In two runs: to optimise what is executed once would be half of the compiler's time. */
static cbit_err_t compile(const cbit_dut_source_t *source, const cbit_dut_library_t *library,
                          cbit_diag_t *diag)
{
    static const char *const to_object[] = {"-O0", "-r", "-nostdlib", "-o"};
    static const char *const to_library[] = {"-shared", "-Wl,-Bsymbolic", "-lpthread"};
    cbit_words_t list = {.count = 0};
    char path[PATH_BYTES], slow[PATH_BYTES], root[PATH_BYTES], runtime[PATH_BYTES];
    if (verilator_root(library, root) != CBIT_ERR_OK) {
        return cbit_diag_add(diag, CBIT_ERR_TOOL, NULL, "verilator does not tell where it is");
    }
    if (gather_sources(library, "slow.cpp", true) != CBIT_ERR_OK ||
        gather_sources(library, "fast.cpp", false) != CBIT_ERR_OK) {
        return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "the temporary folder cannot be written");
    }
    join(slow, library, "slow.o");
    join(runtime, library, "runtime.o");
    /* With coverage the runtime is another one. */
    bool have_runtime = !wants_coverage(source) && cbit_dut_runtime_write(root, runtime);
    add_common_options(&list, library, root, source);
    cbit_words_add_all(&list, to_object, sizeof to_object / sizeof to_object[0]);
    cbit_words_add(&list, "", slow);
    add_slow_sources(&list, library, root, source, have_runtime);
    cbit_err_t err = run_compiler(&list, library, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    list.count = 0;
    add_common_options(&list, library, root, source);
    cbit_words_add(&list, "",
                   source->waves || wants_coverage(source) ? "-O0" : "-O2"); /* for short runs */
    add_users_options(&list);
    join(path, library, "dut_wrapper.cpp");
    cbit_words_add(&list, "", path);
    join(path, library, "fast.cpp");
    cbit_words_add(&list, "", path);
    cbit_words_add(&list, "", slow);
    if (have_runtime) {
        cbit_words_add(&list, "", runtime);
    }
    cbit_words_add(&list, "", "-o");
    join(path, library, "dut.so");
    cbit_words_add(&list, "", path);
    cbit_words_add_all(&list, to_library, sizeof to_library / sizeof to_library[0]);
    if (source->waves) {
        cbit_words_add(&list, "", "-lz");
    }
    return run_compiler(&list, library, diag);
}

/* A function's address by name; the copy avoids a cast that ISO C does not know. */
static bool symbol(void *handle, const char *name, void *function)
{
    void *address = dlsym(handle, name);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

static cbit_err_t load(cbit_dut_library_t *library, cbit_diag_t *diag)
{
    char path[PATH_BYTES];
    join(path, library, "dut.so");
    library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library->handle == NULL || !symbol(library->handle, "dut_new", &library->create) ||
        !symbol(library->handle, "dut_free", &library->destroy) ||
        !symbol(library->handle, "dut_port", &library->port) ||
        !symbol(library->handle, "dut_eval", &library->eval) ||
        !symbol(library->handle, "dut_failure", &library->failure) ||
        !symbol(library->handle, "dut_waves", &library->waves) ||
        !symbol(library->handle, "dut_state", &library->state) ||
        !symbol(library->handle, "dut_coverage", &library->coverage) ||
        !symbol(library->handle, "dut_scan", &library->scan)) {
        return cbit_diag_add(diag, CBIT_ERR_FORMAT, NULL, "the compiled design cannot be loaded");
    }
    return CBIT_ERR_OK;
}

/* Before the compiler runs: what cannot be used is refused at once. */
static cbit_err_t check_ports(const cbit_dut_source_t *source, const cbit_dut_library_t *library,
                              cbit_diag_t *diag)
{
    cbit_dut_t *ports = NULL;
    cbit_err_t err = cbit_dut_ports_read(library, &ports);
    if (err == CBIT_ERR_OK && source->check != NULL) {
        err = source->check(source->check_self, ports, diag);
    }
    cbit_dut_ports_free(ports);
    return err;
}

static cbit_err_t build_in(const cbit_dut_source_t *source, cbit_dut_library_t *library,
                           uint32_t *warnings, cbit_diag_t *diag)
{
    cbit_err_t err = make_folder(library);
    if (err == CBIT_ERR_OK) {
        err = unpack(library);
    }
    if (err != CBIT_ERR_OK) {
        return cbit_diag_add(diag, err, NULL,
                             "no temporary folder can be written; TMPDIR names it");
    }
    err = cbit_verilate(source, library, warnings, diag);
    if (err == CBIT_ERR_OK) {
        err = check_ports(source, library, diag);
    }
    if (err == CBIT_ERR_OK) {
        err = compile(source, library, diag);
    }
    return err == CBIT_ERR_OK ? load(library, diag) : err;
}

cbit_err_t cbit_dut_build(const cbit_dut_source_t *source, cbit_dut_library_t **out,
                          uint32_t *warnings, cbit_diag_t *diag)
{
    *warnings = 0;
    cbit_err_t err = check_files(source, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_dut_library_t *library = calloc(1, sizeof *library);
    if (library == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    err = build_in(source, library, warnings, diag);
    if (err != CBIT_ERR_OK) {
        cbit_dut_library_destroy(library);
        return err;
    }
    *out = library;
    return CBIT_ERR_OK;
}

const char *cbit_dut_lint(const cbit_dut_library_t *library)
{
    return library->lint;
}

void cbit_dut_library_destroy(cbit_dut_library_t *library)
{
    if (library == NULL) {
        return;
    }
    if (library->handle != NULL) {
        (void)dlclose(library->handle);
    }
    if (library->folder[0] != '\0') {
        cbit_process_remove_tree(library->folder);
    }
    free(library);
}
