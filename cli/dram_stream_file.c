#include "cli/dram_stream_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 256, FIRST_CAPACITY = 65536, SHOWN_CHARS = 40 };

/* A number, decimal or (hex) 0x, and the rest of the text after it; false if there is none. */
static bool number(const char **text, bool hex, uint64_t *value)
{
    const char *at = *text + strspn(*text, " \t");
    char *end;
    if (*at == '-' || *at == '+' || *at == '\0') {
        return false;
    }
    /* Not base 0: with leading zeros that would be octal. */
    int base = hex && at[0] == '0' && (at[1] == 'x' || at[1] == 'X') ? 16 : 10;
    errno = 0;
    *value = strtoull(at, &end, base);
    if (end == at || errno != 0 || strchr(" \t\r\n#", *end) == NULL) {
        return false;
    }
    *text = end;
    return true;
}

static bool ends(const char *text)
{
    text += strspn(text, " \t\r\n");
    return *text == '\0' || *text == '#';
}

/* What is wrong with a line, or NULL; an empty line is fine and gives *any false. */
static const char *parse(const char *line, uint64_t last_nck, cbit_stream_request_t *request,
                         bool *any)
{
    line += strspn(line, " \t");
    *any = false;
    if (ends(line)) {
        return NULL;
    }
    uint64_t arrival_nck = last_nck;
    char kind = *line;
    if ((kind != 'R' && kind != 'W') || (line[1] != ' ' && line[1] != '\t')) {
        return "does not begin with R or W and a blank";
    }
    line++;
    if (!number(&line, true, &request->address)) {
        return "has no address after R or W (64 bits, decimal or 0x)";
    }
    if (!ends(line) && (!number(&line, false, &arrival_nck) || !ends(line))) {
        return "has something other than an arrival clock after the address";
    }
    if (arrival_nck >= UINT64_C(1) << 56) {
        return "has an arrival clock of more than 2^56";
    }
    if (arrival_nck < last_nck) {
        return "arrives before the request above it";
    }
    request->arrival_nck = arrival_nck | (kind == 'W' ? CBIT_STREAM_WRITE : 0);
    *any = true;
    return NULL;
}

static bool add(cbit_dram_stream_t *stream, uint64_t *capacity, cbit_stream_request_t request)
{
    if (stream->count == *capacity) {
        uint64_t more = *capacity == 0 ? FIRST_CAPACITY : *capacity * 2;
        cbit_stream_request_t *requests =
            realloc(stream->requests, more * sizeof *stream->requests);
        if (requests == NULL) {
            return false;
        }
        stream->requests = requests;
        *capacity = more;
    }
    stream->requests[stream->count++] = request;
    return true;
}

/* Keeps the line of the last request, if not told by those before it; no array of all lines. */
static bool add_line(cbit_dram_stream_t *stream, uint64_t *capacity, uint64_t number_of_line)
{
    uint64_t request = stream->count - 1, lines = number_of_line - request;
    if (stream->lines_count > 0 && stream->lines[stream->lines_count - 1].lines == lines) {
        return true;
    }
    if (stream->lines_count == *capacity) {
        uint64_t more = *capacity == 0 ? 16 : *capacity * 2;
        cbit_dram_stream_lines_t *grown = realloc(stream->lines, more * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        stream->lines = grown;
        *capacity = more;
    }
    stream->lines[stream->lines_count++] = (cbit_dram_stream_lines_t){request, lines};
    return true;
}

uint64_t cbit_dram_stream_line(const void *stream, uint64_t request)
{
    const cbit_dram_stream_t *s = stream;
    uint64_t low = 0, high = s->lines_count; /* the last one at or before the request */
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        low = s->lines[middle].request <= request ? middle : low;
        high = s->lines[middle].request <= request ? high : middle;
    }
    return request + s->lines[low].lines;
}

void cbit_dram_stream_free(cbit_dram_stream_t *stream)
{
    free(stream->requests);
    free(stream->lines);
    *stream = (cbit_dram_stream_t){0};
}

/* The beginning of a wrong line as it can be shown. */
static void show(const char *line, char shown[SHOWN_CHARS + 1])
{
    uint32_t length = 0;
    line += strspn(line, " \t");
    while (length < SHOWN_CHARS && strchr("\r\n", line[length]) == NULL) {
        shown[length] = line[length];
        if (line[length] < ' ' || line[length] > '~') {
            shown[length] = '?';
        }
        length++;
    }
    shown[length] = '\0';
}

/* The rest of a line whose comment is longer than the room for a line. */
static bool skip_comment(FILE *file, const char *line)
{
    int next = strchr(line, '#') != NULL && strlen(line) + 1 == LINE_BYTES ? 0 : EOF;
    bool comment = next != EOF;
    while (comment && next != '\n' && (next = fgetc(file)) != EOF) {
    }
    return comment;
}

static void refuse(const char *line, uint64_t number_of_line, const char *wrong, cbit_diag_t *diag)
{
    char where[32], shown[SHOWN_CHARS + 1];
    show(line, shown);
    (void)snprintf(where, sizeof where, "line %" PRIu64, number_of_line);
    cbit_diag_add(diag, CBIT_ERR_SYNTAX, where,
                  "\"%s\" %s; a line is R or W, an address, and maybe an arrival clock", shown,
                  wrong);
}

static cbit_err_t read_lines(FILE *file, cbit_dram_stream_t *stream, cbit_diag_t *diag)
{
    char line[LINE_BYTES];
    uint64_t capacity = 0, lines_capacity = 0, number_of_line = 0, last_nck = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        cbit_stream_request_t request = {0};
        bool any = false;
        number_of_line++;
        size_t length = strlen(line);
        bool whole = length > 0 && (line[length - 1] == '\n' || length + 1 < sizeof line);
        whole = whole || skip_comment(file, line);
        const char *wrong =
            whole ? parse(line, last_nck, &request, &any) : "is too long or holds a zero byte";
        if (wrong != NULL) {
            refuse(line, number_of_line, wrong, diag);
            if (!whole || cbit_diag_count(diag) >= CBIT_DIAG_MAX_ENTRIES) {
                return CBIT_ERR_SYNTAX;
            }
            continue;
        }
        if (any) {
            last_nck = request.arrival_nck & ~CBIT_STREAM_WRITE;
            if (!add(stream, &capacity, request) ||
                !add_line(stream, &lines_capacity, number_of_line)) {
                return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "no memory for the stream");
            }
        }
    }
    return cbit_diag_count(diag) > 0 ? CBIT_ERR_SYNTAX : CBIT_ERR_OK;
}

cbit_err_t cbit_dram_stream_read(const char *path, cbit_dram_stream_t *stream, cbit_diag_t *diag)
{
    cbit_diag_set_file(diag, path);
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (file == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_OPEN, NULL, "cannot be opened");
    }
    cbit_err_t err = read_lines(file, stream, diag);
    if (err == CBIT_ERR_OK && ferror(file)) {
        err = cbit_diag_add(diag, CBIT_ERR_OPEN, NULL, "cannot be read");
    } else if (err == CBIT_ERR_OK && stream->count == 0) {
        err = cbit_diag_add(diag, CBIT_ERR_MISSING, NULL, "holds no request");
    }
    if (file != stdin) {
        (void)fclose(file);
    }
    return err;
}

void cbit_dram_stream_write(const cbit_dram_stream_t *stream, FILE *file, cbit_diag_t *diag)
{
    for (uint64_t i = 0; i < stream->count; i++) {
        const cbit_stream_request_t *r = &stream->requests[i];
        uint64_t arrival_nck = r->arrival_nck & ~CBIT_STREAM_WRITE;
        char kind = (r->arrival_nck & CBIT_STREAM_WRITE) != 0 ? 'W' : 'R';
        int written = arrival_nck == 0 ? fprintf(file, "%c 0x%" PRIx64 "\n", kind, r->address)
                                       : fprintf(file, "%c 0x%" PRIx64 " %" PRIu64 "\n", kind,
                                                 r->address, arrival_nck);
        if (written < 0) {
            cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "the stream cannot be written");
            return;
        }
    }
    if (fflush(file) != 0) {
        cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "the stream cannot be written");
    }
}
