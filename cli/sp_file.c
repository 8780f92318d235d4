#define _XOPEN_SOURCE 700

#include "cli/sp_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "cbit/base/err.h"

enum { PATH_BYTES = 4096 };

static void join(char path[PATH_BYTES], const char *directory, const char *name)
{
    (void)snprintf(path, PATH_BYTES, "%s%s%s", directory == NULL ? "" : directory,
                   directory == NULL ? "" : "/", name);
}

static int tell(cbit_err_t err, const char *path, const char *what)
{
    (void)fprintf(stderr, "error: %s: %s\n", path, what);
    return cbit_err_exit_status(err);
}

int sp_file_read(const char *directory, const char *name, void *bytes, size_t max, size_t *got)
{
    char path[PATH_BYTES];
    join(path, directory, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return tell(CBIT_ERR_OPEN, path, strerror(errno));
    }
    *got = fread(bytes, 1, max, file);
    bool longer = *got == max && fgetc(file) != EOF, failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed) {
        return tell(CBIT_ERR_OPEN, path, "cannot be read");
    }
    return longer ? tell(CBIT_ERR_FORMAT, path, "is longer than it may be") : 0;
}

/* Whether all of it is base64: then it is no packet as it is (52 bytes, or random ones). */
static bool is_base64(const unsigned char *text, size_t length)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789+/=";
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0' || strchr(alphabet, text[i]) == NULL) {
            return false;
        }
    }
    return length > 0 && length % 4 == 0;
}

int sp_file_read_packet(const char *directory, const char *name, unsigned char *bytes, size_t max,
                        size_t *got)
{
    size_t room = 2 * max + 8, length = 0;
    unsigned char *text = malloc(room), *decoded = malloc(room);
    int status = text == NULL || decoded == NULL
                     ? tell(CBIT_ERR_NO_MEMORY, name, "out of memory")
                     : sp_file_read(directory, name, text, room, &length);
    const unsigned char *from = text;
    size_t stripped = length;
    while (status == 0 && stripped > 0 &&
           (text[stripped - 1] == '\n' || text[stripped - 1] == '\r')) {
        stripped--;
    }
    if (status == 0 && stripped >= 4 && is_base64(text, stripped)) {
        int bytes_out = EVP_DecodeBlock(decoded, text, (int)stripped);
        size_t padding = (size_t)(text[stripped - 1] == '=') + (size_t)(text[stripped - 2] == '=');
        from = decoded;
        length = bytes_out < 0 ? 0 : (size_t)bytes_out - padding;
    }
    if (status == 0 && (length == 0 || length > max)) {
        status = tell(CBIT_ERR_FORMAT, name, "has a wrong length");
    }
    if (status == 0) {
        memcpy(bytes, from, length);
        *got = length;
    }
    free(decoded);
    free(text);
    return status;
}

int sp_file_write(const char *directory, const char *name, const void *bytes, size_t length,
                  cbit_new_file_kind_t kind)
{
    char path[PATH_BYTES];
    cbit_new_file_t file;
    join(path, directory, name);
    if (directory != NULL && mkdir(directory, 0777) != 0 && errno != EEXIST) {
        return tell(CBIT_ERR_WRITE, directory, strerror(errno));
    }
    bool good = cbit_new_file_begin(&file, path, kind) &&
                cbit_new_file_end(&file, fwrite(bytes, 1, length, file.file) == length);
    return good ? 0 : tell(CBIT_ERR_WRITE, path, strerror(errno));
}

bool sp_file_exists(const char *directory, const char *name)
{
    char path[PATH_BYTES];
    join(path, directory, name);
    return access(path, R_OK) == 0;
}
