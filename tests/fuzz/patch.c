#include "tests/fuzz/patch.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_require(int good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

void fuzz_patch(uint8_t *bytes, size_t len, const uint8_t *data, size_t size)
{
    enum { HEAD = 4 };
    while (size > HEAD) {
        size_t at = ((size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16) % len;
        size_t count = data[3];
        data += HEAD;
        size -= HEAD;
        count = count < size ? count : size;
        memcpy(bytes + at, data, count < len - at ? count : len - at);
        data += count;
        size -= count;
    }
}

size_t fuzz_read_file(const char *path, uint8_t *bytes, size_t max)
{
    FILE *file = fopen(path, "rb");
    fuzz_require(file != NULL, path);
    size_t len = fread(bytes, 1, max, file);
    const bool whole = fgetc(file) == EOF;
    fuzz_require(fclose(file) == 0 && whole, path);
    return len;
}

void fuzz_write_file(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    fuzz_require(file != NULL && fwrite(bytes, 1, len, file) == len && fclose(file) == 0, path);
}
