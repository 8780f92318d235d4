#include "workloads/json/text.h"

#include <stdio.h>
#include <string.h>

int cbit_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t cbit_utf8_length(const unsigned char *at, size_t len)
{
    /* Lead bytes, total length, and the range of the second byte. */
    static const struct {
        unsigned char first, last, length, low, high;
    } rows[] = {
        {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
        {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
        {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (at[0] < rows[i].first || at[0] > rows[i].last) {
            continue;
        }
        size_t length = rows[i].length;
        if (length > len || (length > 1 && (at[1] < rows[i].low || at[1] > rows[i].high))) {
            return 0;
        }
        for (size_t k = 2; k < length; k++) {
            if ((at[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return length;
    }
    return 0;
}

void cbit_pointer_push(char *pointer, size_t bytes, const char *key)
{
    size_t n = strlen(pointer);
    if (n + 1 < bytes) {
        pointer[n++] = '/';
    }
    for (; *key != '\0' && n + 2 < bytes; key++) {
        if (*key == '~' || *key == '/') {
            pointer[n++] = '~';
            pointer[n++] = *key == '~' ? '0' : '1';
        } else {
            pointer[n++] = *key;
        }
    }
    pointer[n] = '\0';
}

void cbit_pointer_push_index(char *pointer, size_t bytes, uint32_t index)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%u", (unsigned)index);
    cbit_pointer_push(pointer, bytes, text);
}

int cbit_pointer_next(const char **pointer, char *token, size_t bytes)
{
    const char *at = *pointer;
    size_t n = 0;
    if (*at == '\0') {
        return 0;
    }
    if (*at++ != '/') {
        return -1;
    }
    for (; *at != '\0' && *at != '/'; at++) {
        char c = *at;
        if (c == '~') {
            at++;
            if (*at != '0' && *at != '1') {
                return -1;
            }
            c = *at == '0' ? '~' : '/';
        }
        if (n + 1 == bytes) {
            return -1;
        }
        token[n++] = c;
    }
    token[n] = '\0';
    *pointer = at;
    return 1;
}
