/**
 * @file
 * A text that grows.
 */
#ifndef CBIT_WORKLOADS_BUFFER_H
#define CBIT_WORKLOADS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_text {
    char *bytes; /* NULL until something is added */
    size_t len, capacity;
    bool failed; /* memory was out */
} cbit_text_t;

void cbit_text_add(cbit_text_t *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for bytes as they are. */
void cbit_text_put(cbit_text_t *text, const char *bytes, size_t len);

/* The text, which is the caller's to free; NULL when memory was out. */
char *cbit_text_take(cbit_text_t *text);

#ifdef __cplusplus
}
#endif
#endif
