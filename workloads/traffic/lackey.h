/* The text of valgrind's lackey tool with --trace-mem=yes, line by line. */
#ifndef CBIT_TRAFFIC_LACKEY_H
#define CBIT_TRAFFIC_LACKEY_H

#include <stddef.h>
#include <stdint.h>

typedef enum cbit_lackey_kind {
    CBIT_LACKEY_OTHER, /* a message of valgrind's, or of the program's */
    CBIT_LACKEY_INSTRUCTION,
    CBIT_LACKEY_LOAD,
    CBIT_LACKEY_STORE,
    CBIT_LACKEY_MODIFY, /* load, then store */
    CBIT_LACKEY_BROKEN, /* begins like an access, but is not one */
} cbit_lackey_kind_t;

typedef struct cbit_lackey_line {
    cbit_lackey_kind_t kind;
    uint64_t gva;
    uint32_t size_bytes;
} cbit_lackey_line_t;

/* Parses [text, end) without its newline. */
void cbit_lackey_parse(const char *text, const char *end, cbit_lackey_line_t *line);

#endif
