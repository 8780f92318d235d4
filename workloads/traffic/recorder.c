#define _POSIX_C_SOURCE 200809L
#include "cbit/workloads/record.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workloads/traffic/coalesce.h"
#include "workloads/traffic/lackey.h"
#include "workloads/traffic/page_map.h"
#include "workloads/traffic/process_maps.h"

enum {
    LOG_FD = 9, /* the traced program's view of the pipe; qemu_plugin.c knows it too */
    EXEC_FAILED = 127,
    BUFFER_BYTES = 1 << 16,
};

/* ---- program pages ---- */

typedef struct pages {
    cbit_process_maps_t maps;
    cbit_page_map_t seen; /* page number to index, NO_PAGE when it is not kept */
    cbit_trace_page_t **items;
    uint32_t count, room;
    bool full;
} pages_t;

#define NO_PAGE UINT32_MAX

static const cbit_mapping_t *find_mapping(pages_t *pages, pid_t pid, uint64_t gva)
{
    const cbit_mapping_t *mapping = cbit_process_maps_find(&pages->maps, gva);
    if (mapping == NULL && cbit_process_maps_load(&pages->maps, pid)) {
        mapping = cbit_process_maps_find(&pages->maps, gva);
    }
    return mapping;
}

/* Code is kept wherever it comes from, data only from read-only pages of a file. */
static cbit_trace_page_t *copy_page(pages_t *pages, pid_t pid, uint64_t gva, bool fetched)
{
    const cbit_mapping_t *mapping = find_mapping(pages, pid, gva);
    if (mapping == NULL || mapping->writable || (!fetched && mapping->path == NULL)) {
        return NULL;
    }
    cbit_trace_page_t *page = malloc(sizeof *page);
    if (page == NULL || !cbit_process_page(pid, mapping, gva, page->bytes)) {
        free(page);
        return NULL;
    }
    page->gva = gva - gva % CBIT_TRACE_PAGE_BYTES;
    /* QEMU translates code and maps it without the right to execute. */
    page->flags =
        CBIT_TRACE_PAGE_READ | (mapping->executable || fetched ? CBIT_TRACE_PAGE_EXECUTE : 0);
    return page;
}

static bool room_for_one(pages_t *pages)
{
    if (pages->count < pages->room) {
        return true;
    }
    uint32_t room = pages->room == 0 ? 64 : 2 * pages->room;
    cbit_trace_page_t **grown = realloc(pages->items, room * sizeof(cbit_trace_page_t *));
    if (grown == NULL) {
        return false;
    }
    pages->items = grown;
    pages->room = room;
    return true;
}

static void keep_page(pages_t *pages, pid_t pid, uint64_t gva, bool fetched)
{
    uint64_t number = gva / CBIT_TRACE_PAGE_BYTES;
    if (cbit_page_map_find(&pages->seen, number) != NULL) {
        return;
    }
    cbit_trace_page_t *page = NULL;
    if (pages->count < CBIT_TRACE_MAX_PAGES && room_for_one(pages)) {
        page = copy_page(pages, pid, gva, fetched);
    }
    if (!cbit_page_map_insert(&pages->seen, number, page == NULL ? NO_PAGE : pages->count)) {
        free(page);
        pages->full = true;
        return;
    }
    if (page != NULL) {
        pages->items[pages->count++] = page;
    }
}

static void free_pages(pages_t *pages)
{
    for (uint32_t i = 0; i < pages->count; i++) {
        free(pages->items[i]);
    }
    free(pages->items);
    cbit_page_map_free(&pages->seen);
    cbit_process_maps_free(&pages->maps);
}

static int by_gva(const void *a, const void *b)
{
    const cbit_trace_page_t *const *left = a;
    const cbit_trace_page_t *const *right = b;
    return ((*left)->gva > (*right)->gva) - ((*left)->gva < (*right)->gva);
}

/* ---- recording ---- */

typedef struct recorder {
    const cbit_record_config_t *config;
    cbit_trace_writer_t *writer;
    cbit_coalesce_t coalesce;
    pages_t pages;
    pid_t pid;
    uint64_t instructions; /* of the program so far */
    uint64_t broken_lines;
    bool recording, finished;
    cbit_trace_info_t written;
} recorder_t;

static cbit_err_t write_record(void *self, const cbit_trace_record_t *record)
{
    recorder_t *recorder = self;
    return cbit_trace_writer_record(recorder->writer, record);
}

static void see_pages(recorder_t *recorder, uint64_t gva, uint32_t size_bytes, bool fetched)
{
    if (recorder->config->without_code) {
        return;
    }
    keep_page(&recorder->pages, recorder->pid, gva, fetched);
    if ((gva + size_bytes - 1) / CBIT_TRACE_PAGE_BYTES != gva / CBIT_TRACE_PAGE_BYTES) {
        keep_page(&recorder->pages, recorder->pid, gva + size_bytes - 1, fetched);
    }
}

static void see_instruction(recorder_t *recorder, const cbit_lackey_line_t *line)
{
    uint64_t done = recorder->instructions++;
    uint64_t limit = recorder->config->limit_instructions;
    recorder->recording = done >= recorder->config->skip_instructions;
    if (limit != 0 && recorder->recording && done - recorder->config->skip_instructions >= limit) {
        recorder->finished = true;
        recorder->recording = false;
    }
    if (recorder->recording) {
        see_pages(recorder, line->gva, line->size_bytes, true);
        cbit_coalesce_instruction(&recorder->coalesce, line->gva, line->size_bytes);
    }
}

static void see_data(recorder_t *recorder, const cbit_lackey_line_t *line)
{
    if (!recorder->recording) {
        return;
    }
    see_pages(recorder, line->gva, line->size_bytes, false);
    if (line->kind != CBIT_LACKEY_STORE) {
        cbit_coalesce_data(&recorder->coalesce, CBIT_TRACE_LOAD, line->gva, line->size_bytes,
                           false);
    }
    if (line->kind != CBIT_LACKEY_LOAD) {
        cbit_coalesce_data(&recorder->coalesce, CBIT_TRACE_STORE, line->gva, line->size_bytes,
                           false);
    }
}

static void see_line(recorder_t *recorder, const char *text, const char *end)
{
    cbit_lackey_line_t line;
    cbit_lackey_parse(text, end, &line);
    switch (line.kind) {
    case CBIT_LACKEY_INSTRUCTION:
        see_instruction(recorder, &line);
        break;
    case CBIT_LACKEY_LOAD:
    case CBIT_LACKEY_STORE:
    case CBIT_LACKEY_MODIFY:
        see_data(recorder, &line);
        break;
    case CBIT_LACKEY_BROKEN:
        recorder->broken_lines++;
        break;
    default:
        break;
    }
}

/* Reads lines until the pipe ends or the window is over. */
static cbit_err_t read_pipe(recorder_t *recorder, int fd)
{
    char *buffer = malloc(BUFFER_BYTES);
    size_t held = 0;
    if (buffer == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    while (!recorder->finished && recorder->coalesce.failed == CBIT_ERR_OK) {
        ssize_t got = read(fd, buffer + held, BUFFER_BYTES - held);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        held += (size_t)got;
        char *start = buffer, *newline;
        while (!recorder->finished &&
               (newline = memchr(start, '\n', held - (size_t)(start - buffer))) != NULL) {
            see_line(recorder, start, newline);
            start = newline + 1;
        }
        held -= (size_t)(start - buffer);
        held = held == BUFFER_BYTES ? 0 : held; /* a line without end is no access */
        memmove(buffer, start, held);
    }
    free(buffer);
    return cbit_coalesce_flush(&recorder->coalesce);
}

static size_t count_words(const char *const *words)
{
    size_t count = 0;
    while (words[count] != NULL) {
        count++;
    }
    return count;
}

/* ---- the program that traces ---- */

typedef struct tracer {
    const char *name, *package, *source;
    const char *words[8]; /* before the plugin, if any, and the program's own; NULL ends them */
} tracer_t;

static const tracer_t *tracer_of(const cbit_record_config_t *config)
{
    static const tracer_t valgrind = {.name = "valgrind",
                                      .package = "valgrind",
                                      .source = "lackey",
                                      .words = {"valgrind", "--tool=lackey", "--trace-mem=yes",
                                                "--vgdb=no", "--child-silent-after-fork=yes",
                                                "--log-fd=9", "--"}};
    static const tracer_t qemu = {.name = "qemu-x86_64",
                                  .package = "qemu-user",
                                  .source = "qemu",
                                  .words = {"qemu-x86_64", "-plugin"}};
    return config->qemu_plugin == NULL ? &valgrind : &qemu;
}

/* QEMU opens the program's file itself and looks into no PATH. */
static char *find_program(const char *name)
{
    const char *path = getenv("PATH");
    char *list = strchr(name, '/') != NULL || path == NULL ? NULL : strdup(path);
    char *rest = NULL, found[4096];
    for (char *folder = list == NULL ? NULL : strtok_r(list, ":", &rest); folder != NULL;
         folder = strtok_r(NULL, ":", &rest)) {
        (void)snprintf(found, sizeof found, "%s/%s", folder, name);
        if (access(found, X_OK) == 0) {
            free(list);
            return strdup(found);
        }
    }
    free(list);
    return strdup(name);
}

/* In the child: the pipe's end becomes LOG_FD, then the tracer takes over. */
static void run_tracer(const cbit_record_config_t *config, int pipe_fd)
{
    const char *const *options = tracer_of(config)->words;
    const char *plugin = config->qemu_plugin;
    const size_t count = count_words(config->argv);
    char **words = calloc(count_words(options) + 1 + count + 1, sizeof *words);
    size_t used = 0;
    if (words == NULL || dup2(pipe_fd, LOG_FD) < 0) {
        _exit(EXEC_FAILED);
    }
    if (pipe_fd != LOG_FD) {
        (void)close(pipe_fd); /* else what the program leaves running would hold our pipe open */
    }
    for (size_t i = 0; options[i] != NULL; i++) {
        words[used++] = strdup(options[i]);
    }
    if (plugin != NULL) {
        words[used++] = strdup(plugin);
    }
    for (size_t i = 0; i < count; i++) {
        words[used++] =
            i == 0 && plugin != NULL ? find_program(config->argv[0]) : strdup(config->argv[i]);
    }
    (void)execvp(words[0], words);
    _exit(EXEC_FAILED);
}

static cbit_err_t start_program(recorder_t *recorder, int *read_fd, cbit_diag_t *diag)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return cbit_diag_add(diag, CBIT_ERR_TOOL, NULL, "no pipe: %s", strerror(errno));
    }
    recorder->pid = fork();
    if (recorder->pid == 0) {
        (void)close(ends[0]);
        run_tracer(recorder->config, ends[1]);
    }
    (void)close(ends[1]);
    if (recorder->pid < 0) {
        (void)close(ends[0]);
        return cbit_diag_add(diag, CBIT_ERR_TOOL, NULL, "cannot start a process: %s",
                             strerror(errno));
    }
    *read_fd = ends[0];
    return CBIT_ERR_OK;
}

static cbit_err_t stop_program(recorder_t *recorder, cbit_diag_t *diag)
{
    const tracer_t *tracer = tracer_of(recorder->config);
    int status = 0;
    if (recorder->finished || recorder->coalesce.failed != CBIT_ERR_OK) {
        (void)kill(recorder->pid, SIGKILL);
    }
    while (waitpid(recorder->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (recorder->instructions > 0) {
        return CBIT_ERR_OK;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXEC_FAILED) {
        (void)cbit_diag_add(diag, CBIT_ERR_TOOL, NULL, "%s cannot be started, or cannot start %s",
                            tracer->name, recorder->config->argv[0]);
        cbit_diag_hint(diag, "recording needs the %s package", tracer->package);
        return CBIT_ERR_TOOL;
    }
    return cbit_diag_add(diag, CBIT_ERR_TOOL, NULL, "%s traced nothing of %s: is it a program?",
                         tracer->name, recorder->config->argv[0]);
}

static cbit_err_t record_to_writer(recorder_t *recorder, cbit_diag_t *diag)
{
    int read_fd = -1;
    cbit_err_t err = start_program(recorder, &read_fd, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_err_t read_err = read_pipe(recorder, read_fd);
    err = stop_program(recorder, diag);
    (void)close(read_fd);
    if (err == CBIT_ERR_OK && read_err != CBIT_ERR_OK) {
        err = cbit_diag_add(diag, read_err, NULL, "cannot write the trace");
    }
    if (err == CBIT_ERR_OK && recorder->broken_lines > 0) {
        err = cbit_diag_add(diag, CBIT_ERR_FORMAT, NULL, "%llu lines of the tracer make no sense",
                            (unsigned long long)recorder->broken_lines);
    }
    pages_t *pages = &recorder->pages;
    if (err == CBIT_ERR_OK && pages->full) {
        err = cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    if (pages->count > 0) {
        qsort(pages->items, pages->count, sizeof(cbit_trace_page_t *), by_gva);
    }
    for (uint32_t i = 0; i < pages->count && err == CBIT_ERR_OK; i++) {
        err = cbit_trace_writer_page(recorder->writer, pages->items[i]);
    }
    return err;
}

static void describe(const cbit_record_config_t *config, cbit_trace_info_t *info)
{
    size_t used = 0;
    *info = (cbit_trace_info_t){.licence = ""};
    (void)snprintf(info->source, sizeof info->source, "%s", tracer_of(config)->source);
    (void)snprintf(info->licence, sizeof info->licence, "%s",
                   config->licence == NULL ? "" : config->licence);
    for (size_t i = 0; config->argv[i] != NULL && used < sizeof info->program; i++) {
        const char *word = config->argv[i];
        const char *slash = i == 0 ? strrchr(word, '/') : NULL; /* no paths of this machine */
        int n = snprintf(info->program + used, sizeof info->program - used, "%s%s",
                         i == 0 ? "" : " ", slash == NULL ? word : slash + 1);
        used += n < 0 ? 0 : (size_t)n;
    }
}

cbit_err_t cbit_record_program(const cbit_record_config_t *config, const char *path,
                               cbit_trace_info_t *info, cbit_diag_t *diag)
{
    recorder_t *recorder = calloc(1, sizeof *recorder);
    if (recorder == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    recorder->config = config;
    cbit_coalesce_init(&recorder->coalesce, recorder, write_record);
    describe(config, &recorder->written);
    cbit_err_t err = cbit_trace_writer_create(path, &recorder->written, &recorder->writer, diag);
    if (err == CBIT_ERR_OK) {
        err = record_to_writer(recorder, diag);
        if (err == CBIT_ERR_OK) {
            *info = *cbit_trace_writer_info(recorder->writer);
            err = cbit_trace_writer_finish(recorder->writer, diag);
        } else {
            cbit_trace_writer_discard(recorder->writer);
        }
    }
    free_pages(&recorder->pages);
    free(recorder);
    return err;
}
