#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cbit/workloads/json.h"

/* At most max_bytes + 1 bytes of a stream, so that one too many can be seen. */
static char *read_stream(FILE *stream, size_t max_bytes, size_t *len)
{
    size_t capacity = 64 * 1024, n = 0;
    char *bytes = malloc(capacity);
    while (bytes != NULL) {
        n += fread(bytes + n, 1, capacity - n, stream);
        if (n < capacity || n > max_bytes) {
            break;
        }
        capacity *= 2;
        char *grown = realloc(bytes, capacity);
        if (grown == NULL) {
            free(bytes);
        }
        bytes = grown;
    }
    *len = n;
    return bytes;
}

cbit_json_t *cbit_json_load(cbit_arena_t *arena, const char *path, size_t max_bytes,
                            uint32_t origin, cbit_err_t missing, cbit_diag_t *diag)
{
    cbit_json_t *value = NULL;
    size_t len = 0;
    struct stat info;
    /* A pipe that a user gives is waited for; one that a file names would hang its reader. */
    if (missing == CBIT_ERR_INPUT_FILE && stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        (void)cbit_diag_add(diag, missing, NULL, "is no regular file");
        return NULL;
    }
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        (void)cbit_diag_add(diag, missing, NULL, "cannot be opened: %s", strerror(errno));
        return NULL;
    }
    char *bytes = read_stream(stream, max_bytes, &len);
    if (bytes == NULL) {
        (void)cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    } else if (ferror(stream) != 0) {
        (void)cbit_diag_add(diag, missing, NULL, "cannot be read: %s", strerror(errno));
    } else if (len > max_bytes) {
        (void)cbit_diag_add(diag, CBIT_ERR_SYNTAX, NULL,
                            "the file is larger than %zu bytes; that is the limit", max_bytes);
    } else {
        value = cbit_json_parse(arena, bytes, len, origin, diag);
    }
    free(bytes);
    (void)fclose(stream);
    return value;
}
