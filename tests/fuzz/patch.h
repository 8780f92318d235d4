/* Hostile changes of a file that is too long or too sound to be an input itself. */
#ifndef TESTS_FUZZ_PATCH_H
#define TESTS_FUZZ_PATCH_H

#include <stddef.h>
#include <stdint.h>

/* Writes over bytes[0..len) what the input says: offset (three bytes, little-endian, modulo len), a
   count, and so many bytes, again and again. */
void fuzz_patch(uint8_t *bytes, size_t len, const uint8_t *data, size_t size);

/* The whole file; it ends the process with a message when there is none or it is longer. */
size_t fuzz_read_file(const char *path, uint8_t *bytes, size_t max);
void fuzz_write_file(const char *path, const uint8_t *bytes, size_t len);

/* abort() with the message when it does not hold. */
void fuzz_require(int good, const char *what);

#endif
