#include "cbit/workloads/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool grow(cbit_text_t *text, size_t more)
{
    if (text->capacity - text->len > more) {
        return true;
    }
    size_t capacity = 2 * text->capacity + more + 256;
    char *bytes = realloc(text->bytes, capacity);
    if (bytes == NULL) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void cbit_text_add(cbit_text_t *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || text->failed || !grow(text, (size_t)len)) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text->bytes + text->len, (size_t)len + 1, format, args);
    va_end(args);
    text->len += (size_t)len;
}

void cbit_text_put(cbit_text_t *text, const char *bytes, size_t len)
{
    if (!text->failed && grow(text, len)) {
        memcpy(text->bytes + text->len, bytes, len);
        text->len += len;
        text->bytes[text->len] = '\0';
    }
}

char *cbit_text_take(cbit_text_t *text)
{
    if (text->failed) {
        free(text->bytes);
        return NULL;
    }
    if (text->bytes == NULL) {
        return calloc(1, 1);
    }
    return text->bytes;
}
