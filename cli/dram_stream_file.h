/* Request streams as text: "R 0x40" or "W 0x80 321", one a line; '#' begins a comment. */
#ifndef CBIT_CLI_DRAM_STREAM_FILE_H
#define CBIT_CLI_DRAM_STREAM_FILE_H

#include <stdio.h>

#include "cbit/base/diag.h"
#include "cbit/umc/stream.h"

/* From this request on, a request's line is its number plus so many. */
typedef struct cbit_dram_stream_lines {
    uint64_t request, lines;
} cbit_dram_stream_lines_t;

typedef struct cbit_dram_stream {
    cbit_stream_request_t *requests; /* cbit_dram_stream_free */
    uint64_t count;
    cbit_dram_stream_lines_t *lines; /* one more wherever lines hold no request; not of --gen */
    uint64_t lines_count;
} cbit_dram_stream_t;

/* Every wrong line is told; requests of the right ones are kept. */
cbit_err_t cbit_dram_stream_read(const char *path, cbit_dram_stream_t *stream, cbit_diag_t *diag);
void cbit_dram_stream_free(cbit_dram_stream_t *stream);

/* The line, from 1, that holds a request of a stream that was read from a file. */
uint64_t cbit_dram_stream_line(const void *stream, uint64_t request);
void cbit_dram_stream_write(const cbit_dram_stream_t *stream, FILE *file, cbit_diag_t *diag);

#endif
