/* Small helpers on characters and JSON pointers, shared by reader, writer and loader. */
#ifndef CBIT_WORKLOADS_JSON_TEXT_H
#define CBIT_WORKLOADS_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* 0..15, or -1. */
int cbit_hex_digit(char c);

/* Length of the well-formed UTF-8 character at `at` (Unicode table 3-7), 0 when it is not one. */
size_t cbit_utf8_length(const unsigned char *at, size_t len);

/* Appends "/key" with '~' and '/' escaped, or "/7"; cut when the room is out. */
void cbit_pointer_push(char *pointer, size_t bytes, const char *key);
void cbit_pointer_push_index(char *pointer, size_t bytes, uint32_t index);

/* Reads the next reference token of *pointer ("/a~1b/..." gives "a/b") and moves behind it. Returns
   0 at the end, -1 for a token that is malformed or too long, 1 for a token. */
int cbit_pointer_next(const char **pointer, char *token, size_t bytes);

#endif
