/* The four functions that the compiler calls by itself (the host build has its own). */
#include "drivers/lib.h"

/* Four words at a time: a store costs two clocks, a turn of a loop five. */
static size_t copy_words(uint8_t *to, const uint8_t *from, size_t len_bytes)
{
    uint32_t *t = (uint32_t *)(void *)to;
    const uint32_t *f = (const uint32_t *)(const void *)from;
    size_t left = len_bytes;
    for (; left >= 16; left -= 16, t += 4, f += 4) {
        uint32_t a = f[0], b = f[1], c = f[2], d = f[3];
        t[0] = a;
        t[1] = b;
        t[2] = c;
        t[3] = d;
    }
    for (; left >= 4; left -= 4) {
        *t++ = *f++;
    }
    return len_bytes - left;
}

void *memcpy(void *restrict to, const void *restrict from, size_t len_bytes)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    size_t done = 0;
    if ((((uintptr_t)t | (uintptr_t)f) & 3) == 0) {
        done = copy_words(t, f, len_bytes);
    }
    for (; done < len_bytes; done++) {
        t[done] = f[done];
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
    uint32_t word = (uint8_t)value * 0x01010101u;
    for (; len_bytes > 0 && ((uintptr_t)t & 3) != 0; len_bytes--) {
        *t++ = (uint8_t)value;
    }
    for (; len_bytes >= 16; len_bytes -= 16, t += 16) {
        uint32_t *words = (uint32_t *)(void *)t;
        words[0] = word;
        words[1] = word;
        words[2] = word;
        words[3] = word;
    }
    for (; len_bytes > 0; len_bytes--) {
        *t++ = (uint8_t)value;
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
