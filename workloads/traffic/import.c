#define _POSIX_C_SOURCE 200809L
#include "workloads/traffic/import.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workloads/traffic/stand_in.h"
#include "workloads/traffic/trace_codec.h"

enum { BUFFER_BYTES = 1 << 18, ACCESSES_A_FETCH = 16, CODE_LINES = 64 };
#define CODE_GVA UINT64_C(0x400000)

/* ---- what formats hand over ---- */

const char *cbit_import_record(cbit_import_t *import, const cbit_trace_record_t *record)
{
    if (!cbit_cbt_record_ok(record)) {
        return "access is not of 1..64 bytes below 2^47 (a fetch: within a 64-byte line)";
    }
    (void)cbit_trace_writer_record(import->writer, record); /* a failed write shows in finish */
    return NULL;
}

const char *cbit_import_access(cbit_import_t *import, cbit_trace_kind_t kind, uint64_t address,
                               uint32_t size_bytes, uint64_t gap)
{
    uint64_t number = import->accesses++;
    import->generated_code = true;
    if (number % ACCESSES_A_FETCH == 0) {
        const cbit_trace_record_t fetch = {.gva = CODE_GVA + number / ACCESSES_A_FETCH %
                                                                 CODE_LINES * CBIT_TRACE_LINE_BYTES,
                                           .kind = CBIT_TRACE_FETCH,
                                           .size_bytes = CBIT_TRACE_LINE_BYTES};
        (void)cbit_trace_writer_record(import->writer, &fetch);
    }
    if (address > CBIT_CBT_GVA_LIMIT) {
        return "address is not below 2^47";
    }
    const cbit_trace_record_t record = {.gva = import->config->base_gva + address,
                                        .kind = (uint8_t)kind,
                                        .size_bytes = (uint8_t)size_bytes,
                                        .gap = gap > UINT32_MAX ? UINT32_MAX : (uint32_t)gap};
    return cbit_import_record(import, &record);
}

static cbit_err_t emit(void *self, const cbit_trace_record_t *record)
{
    cbit_import_t *import = self;
    return cbit_trace_writer_record(import->writer, record);
}

/* ---- reading ---- */

typedef struct input {
    int fd;
    uint8_t *buffer;
    size_t held;
    bool ended;
} input_t;

/* Fills the buffer up; what was used of it has been moved away. */
static cbit_err_t fill(input_t *input, cbit_diag_t *diag)
{
    while (!input->ended && input->held < BUFFER_BYTES) {
        ssize_t got = read(input->fd, input->buffer + input->held, BUFFER_BYTES - input->held);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return cbit_diag_add(diag, CBIT_ERR_INPUT_FILE, NULL, "cannot be read: %s",
                                 strerror(errno));
        }
        input->ended = got == 0;
        input->held += (size_t)got;
    }
    return CBIT_ERR_OK;
}

static void use(input_t *input, size_t used)
{
    input->held -= used;
    memmove(input->buffer, input->buffer + used, input->held);
}

static cbit_err_t wrong(cbit_diag_t *diag, const char *unit, uint64_t number, const char *what)
{
    char where[48];
    (void)snprintf(where, sizeof where, "%s %" PRIu64, unit, number);
    return cbit_diag_add(diag, CBIT_ERR_FORMAT, where, "%s", what);
}

/* Lines of the buffer; *used of its bytes are done. */
static cbit_err_t take_lines(cbit_import_t *import, const input_t *input, uint64_t *lines,
                             size_t *used, cbit_diag_t *diag)
{
    cbit_import_line_fn take = cbit_import_kinds[import->config->format].line;
    const char *start = (const char *)input->buffer, *end = start + input->held;
    uint64_t limit = import->config->limit;
    const char *at = start;
    while (at < end && (limit == 0 || *lines < limit)) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL && !input->ended) {
            break;
        }
        const char *stop = newline == NULL ? end : newline;
        const char *text_end = stop > at && stop[-1] == '\r' ? stop - 1 : stop;
        ++*lines;
        const char *what = take(import, at, text_end);
        if (what != NULL) {
            return wrong(diag, "line", *lines, what);
        }
        at = newline == NULL ? end : newline + 1;
    }
    *used = (size_t)(at - start);
    return CBIT_ERR_OK;
}

static cbit_err_t import_text(cbit_import_t *import, input_t *input, cbit_diag_t *diag)
{
    uint64_t lines = 0, limit = import->config->limit;
    do {
        size_t used = 0;
        cbit_err_t err = fill(input, diag);
        err = err == CBIT_ERR_OK ? take_lines(import, input, &lines, &used, diag) : err;
        if (err != CBIT_ERR_OK) {
            return err;
        }
        if (used == 0 && input->held == BUFFER_BYTES) {
            return wrong(diag, "line", lines + 1, "line is longer than 256 KiB");
        }
        use(input, used);
    } while ((!input->ended || input->held > 0) && (limit == 0 || lines < limit));
    return CBIT_ERR_OK;
}

static cbit_err_t import_binary(cbit_import_t *import, input_t *input, cbit_diag_t *diag)
{
    const cbit_import_kind_t *kind = &cbit_import_kinds[import->config->format];
    uint64_t records = 0, limit = import->config->limit;
    for (;;) {
        cbit_err_t err = fill(input, diag);
        size_t used = 0;
        if (err != CBIT_ERR_OK) {
            return err;
        }
        while (input->held - used >= kind->record_bytes && (limit == 0 || records < limit)) {
            const char *what = kind->record(import, input->buffer + used);
            if (what != NULL) {
                return wrong(diag, "byte", records * kind->record_bytes, what);
            }
            used += kind->record_bytes;
            records++;
        }
        use(input, used);
        if (limit != 0 && records == limit) {
            return CBIT_ERR_OK;
        }
        if (input->ended) {
            return input->held == 0 ? CBIT_ERR_OK
                                    : wrong(diag, "byte", records * kind->record_bytes,
                                            "file ends within a record");
        }
    }
}

static cbit_err_t write_code(cbit_import_t *import)
{
    cbit_trace_page_t page = {.gva = CODE_GVA,
                              .flags = CBIT_TRACE_PAGE_READ | CBIT_TRACE_PAGE_EXECUTE};
    cbit_stand_in_fill(page.bytes, page.gva);
    return cbit_trace_writer_page(import->writer, &page);
}

static cbit_err_t import_all(cbit_import_t *import, input_t *input, cbit_diag_t *diag)
{
    bool text = cbit_import_kinds[import->config->format].line != NULL;
    cbit_coalesce_init(&import->coalesce, import, emit);
    cbit_err_t err = text ? import_text(import, input, diag) : import_binary(import, input, diag);
    if (err == CBIT_ERR_OK) {
        err = cbit_coalesce_flush(&import->coalesce);
    }
    if (err == CBIT_ERR_OK && import->generated_code) {
        err = write_code(import);
    }
    return err;
}

static cbit_err_t open_input(const char *path, cbit_err_t missing, input_t *input,
                             cbit_diag_t *diag)
{
    input->buffer = malloc(BUFFER_BYTES);
    input->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (input->buffer == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    if (input->fd < 0) {
        return cbit_diag_add(diag, missing, NULL, "cannot be opened: %s", strerror(errno));
    }
    return CBIT_ERR_OK;
}

cbit_err_t cbit_trace_import(const cbit_import_config_t *config, const char *in_path,
                             cbit_err_t missing, const char *out_path, cbit_trace_info_t *info,
                             cbit_diag_t *diag)
{
    input_t input = {.fd = -1};
    cbit_import_t *import = calloc(1, sizeof *import);
    if (import == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    import->config = config;
    *info = (cbit_trace_info_t){.code_generated = true};
    (void)snprintf(info->source, sizeof info->source, "import %s",
                   cbit_import_format_words[config->format]);
    (void)snprintf(info->program, sizeof info->program, "%s",
                   config->name == NULL ? "" : config->name);
    cbit_err_t err = open_input(in_path, missing, &input, diag);
    if (err == CBIT_ERR_OK) {
        err = cbit_trace_writer_create(out_path, info, &import->writer, diag);
    }
    if (err == CBIT_ERR_OK) {
        err = import_all(import, &input, diag);
        if (err == CBIT_ERR_OK) {
            *info = *cbit_trace_writer_info(import->writer);
            err = cbit_trace_writer_finish(import->writer, diag);
        } else {
            cbit_trace_writer_discard(import->writer);
        }
    }
    if (input.fd > STDIN_FILENO) {
        (void)close(input.fd);
    }
    free(input.buffer);
    free(import);
    return err;
}
