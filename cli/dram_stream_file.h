/* Request streams as text: "R 0x40" or "W 0x80 321", one a line; '#' begins a comment. */
#ifndef CBIT_CLI_DRAM_STREAM_FILE_H
#define CBIT_CLI_DRAM_STREAM_FILE_H

#include <stdio.h>

#include "cbit/base/diag.h"
#include "cbit/umc/stream.h"

typedef struct cbit_dram_stream {
    cbit_stream_request_t *requests; /* the caller frees it */
    uint64_t count;
} cbit_dram_stream_t;

/* Every wrong line is told; requests of the right ones are kept. */
cbit_err_t cbit_dram_stream_read(const char *path, cbit_dram_stream_t *stream, cbit_diag_t *diag);
void cbit_dram_stream_write(const cbit_dram_stream_t *stream, FILE *file, cbit_diag_t *diag);

#endif
