/* Known answers are written as they are published: in hexadecimal. */
#ifndef TESTS_FIRMWARE_HEX_H
#define TESTS_FIRMWARE_HEX_H

#include <stdint.h>
#include <string.h>

#include "cbit_test.h"

static inline void from_hex(uint8_t *out, size_t len_bytes, const char *hex)
{
    ck_assert_uint_eq(strlen(hex), 2 * len_bytes);
    for (size_t i = 0; i < len_bytes; i++) {
        unsigned value = 0;
        for (int j = 0; j < 2; j++) {
            char c = hex[2 * i + (size_t)j];
            value = value * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        out[i] = (uint8_t)value;
    }
}

/* Big-endian text against little-endian bytes. */
static inline void assert_le_hex(const uint8_t *bytes, size_t len_bytes, const char *hex)
{
    uint8_t expected[64];
    from_hex(expected, len_bytes, hex);
    for (size_t i = 0; i < len_bytes; i++) {
        ck_assert_uint_eq(bytes[i], expected[len_bytes - 1 - i]);
    }
}

static inline void assert_hex(const uint8_t *bytes, size_t len_bytes, const char *hex)
{
    uint8_t expected[128];
    from_hex(expected, len_bytes, hex);
    ck_assert_mem_eq(bytes, expected, len_bytes);
}

/* first, first + 1, ... */
static inline void count_up(uint8_t *bytes, size_t len_bytes, uint8_t first)
{
    for (size_t i = 0; i < len_bytes; i++) {
        bytes[i] = (uint8_t)(first + i);
    }
}

#endif
