#define _POSIX_C_SOURCE 200809L
#include "workloads/traffic/trace_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

cbit_err_t cbit_trace_bytes_open(cbit_trace_bytes_t *bytes, const char *path, cbit_err_t missing,
                                 cbit_diag_t *diag)
{
    struct stat status;
    /* O_NONBLOCK: a named pipe in place of the file must not hang the open. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0) {
        int why = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return cbit_diag_add(diag, missing, NULL, "cannot open the trace: %s", strerror(why));
    }
    if (!S_ISREG(status.st_mode)) {
        (void)close(fd);
        return cbit_diag_add(diag, missing, NULL, "a trace must be a regular file");
    }
    *bytes = (cbit_trace_bytes_t){.fd = fd, .len_bytes = (uint64_t)status.st_size};
    return CBIT_ERR_OK;
}

void cbit_trace_bytes_close(cbit_trace_bytes_t *bytes)
{
    if (bytes->fd >= 0) {
        (void)close(bytes->fd);
        bytes->fd = -1;
    }
}

static cbit_err_t cut_off(uint64_t offset, size_t len, uint64_t file_bytes, cbit_diag_t *diag)
{
    char where[32];
    (void)snprintf(where, sizeof where, "byte %" PRIu64, offset);
    return cbit_diag_add(diag, CBIT_ERR_FORMAT, where,
                         "%zu bytes should follow, but the file ends at byte %" PRIu64, len,
                         file_bytes);
}

cbit_err_t cbit_trace_bytes_read(const cbit_trace_bytes_t *bytes, uint64_t offset, void *to,
                                 size_t len, cbit_diag_t *diag)
{
    if (offset > bytes->len_bytes || len > bytes->len_bytes - offset) {
        return cut_off(offset, len, bytes->len_bytes, diag);
    }
    if (bytes->fd < 0) {
        memcpy(to, bytes->memory + offset, len);
        return CBIT_ERR_OK;
    }
    for (size_t done = 0; done < len;) {
        ssize_t got = pread(bytes->fd, (uint8_t *)to + done, len - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) { /* shortened since it was opened, or a read error */
            return cut_off(offset + done, len - done, offset + done, diag);
        }
        done += (size_t)got;
    }
    return CBIT_ERR_OK;
}
