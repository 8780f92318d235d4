/* The four functions that the compiler calls by itself (the host build has its own). */
#include "drivers/lib.h"

void *memcpy(void *restrict to, const void *restrict from, size_t len_bytes)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((((uintptr_t)t | (uintptr_t)f) & 3) == 0) {
        for (; len_bytes >= 4; len_bytes -= 4, t += 4, f += 4) {
            *(uint32_t *)(void *)t = *(const uint32_t *)(const void *)f;
        }
    }
    for (size_t i = 0; i < len_bytes; i++) {
        t[i] = f[i];
    }
    return to;
}

void *memmove(void *to, const void *from, size_t len_bytes)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if (t <= f) {
        return memcpy(to, from, len_bytes);
    }
    while (len_bytes > 0) {
        len_bytes--;
        t[len_bytes] = f[len_bytes];
    }
    return to;
}

void *memset(void *to, int value, size_t len_bytes)
{
    uint8_t *t = to;
    for (size_t i = 0; i < len_bytes; i++) {
        t[i] = (uint8_t)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t len_bytes)
{
    const uint8_t *x = a, *y = b;
    for (size_t i = 0; i < len_bytes; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}
