/**
 * @file
 * What the firmware needs of a C library.
 */
#ifndef FIRMWARE_LIB_H
#define FIRMWARE_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef SP_HOST_BUILD
#include <string.h>
#else
void *memcpy(void *restrict to, const void *restrict from, size_t len_bytes);
void *memmove(void *to, const void *from, size_t len_bytes);
void *memset(void *to, int value, size_t len_bytes);
int memcmp(const void *a, const void *b, size_t len_bytes);
#endif

/* Zeroes, and cannot be left out by the compiler. */
void wipe(void *object, size_t len_bytes);

/* Compares in a time that does not depend on the contents. */
bool equal_secret(const void *a, const void *b, size_t len_bytes);

static inline void store_le32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline uint32_t load_le32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

#endif
