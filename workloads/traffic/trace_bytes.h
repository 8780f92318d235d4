/* Where the bytes of a trace come from: a file or memory, read at any offset. */
#ifndef CBIT_TRAFFIC_TRACE_BYTES_H
#define CBIT_TRAFFIC_TRACE_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "cbit/base/diag.h"

typedef struct cbit_trace_bytes {
    int fd;                /* -1: memory */
    const uint8_t *memory; /* stays the caller's */
    uint64_t len_bytes;
} cbit_trace_bytes_t;

cbit_err_t cbit_trace_bytes_open(cbit_trace_bytes_t *bytes, const char *path, cbit_err_t missing,
                                 cbit_diag_t *diag);
void cbit_trace_bytes_close(cbit_trace_bytes_t *bytes);

/* Exactly len bytes at offset; FORMAT when the file ends before. */
cbit_err_t cbit_trace_bytes_read(const cbit_trace_bytes_t *bytes, uint64_t offset, void *to,
                                 size_t len, cbit_diag_t *diag);

#endif
