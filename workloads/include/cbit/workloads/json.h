/**
 * @file
 * JSON: a strict reader and a writer whose output is the same everywhere.
 *
 * Numbers keep the digits that were written: nothing passes through floating point, and comparing
 * is exact. The reader knows the line of everything that it refuses, looks at every byte, and
 * bounds depth, size and number of values, since all files come from strangers.
 */
#ifndef CBIT_WORKLOADS_JSON_H
#define CBIT_WORKLOADS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbit/base/diag.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_JSON_MAX_DEPTH = 64,
    CBIT_JSON_MAX_VALUES = 1 << 18,
    CBIT_JSON_MAX_MEMBERS = 1024, /* of one object: members are found by looking at each */
    CBIT_JSON_POINTER_BYTES = 1024,
};

/* Memory that is given back all at once. */
typedef struct cbit_arena cbit_arena_t;       /* opaque */
cbit_arena_t *cbit_arena_create(void);        /* NULL when memory is out */
void cbit_arena_destroy(cbit_arena_t *arena); /* NULL is allowed */
/* Zeroed and aligned for any type; NULL when memory is out. */
void *cbit_arena_alloc(cbit_arena_t *arena, size_t bytes);
/* True once an allocation has failed: what was built since may lack parts. */
bool cbit_arena_failed(const cbit_arena_t *arena);
char *cbit_arena_copy(cbit_arena_t *arena, const char *text, size_t len);

typedef enum cbit_json_kind {
    CBIT_JSON_NULL,
    CBIT_JSON_FALSE,
    CBIT_JSON_TRUE,
    CBIT_JSON_NUMBER,
    CBIT_JSON_STRING,
    CBIT_JSON_ARRAY,
    CBIT_JSON_OBJECT,
} cbit_json_kind_t;

typedef struct cbit_json cbit_json_t;
struct cbit_json {
    cbit_json_kind_t kind;
    uint32_t line;    /* where it starts in its file; 0 when it was not read from one */
    uint32_t origin;  /* the reader's caller says what this number stands for */
    uint32_t count;   /* children */
    const char *key;  /* in an object; else NULL */
    const char *text; /* STRING: content; NUMBER: as written */
    cbit_json_t *first, *last, *next;
};

/*
 * Reads len bytes into the arena; NULL with one entry in diag ("line 3, column 7") when they are
 * not one JSON value in UTF-8. Refused: NUL bytes, duplicate keys, more than CBIT_JSON_MAX_DEPTH
 * nested brackets, anything behind the value. Numbers of any size are kept as written.
 */
cbit_json_t *cbit_json_parse(cbit_arena_t *arena, const char *bytes, size_t len, uint32_t origin,
                             cbit_diag_t *diag);

/*
 * The same for a file of at most max_bytes. missing is the code for a file that cannot be opened
 * (OPEN when it was named on the command line, INPUT_FILE when by another file).
 */
cbit_json_t *cbit_json_load(cbit_arena_t *arena, const char *path, size_t max_bytes,
                            uint32_t origin, cbit_err_t missing, cbit_diag_t *diag);

/* A member of an object, or NULL. */
cbit_json_t *cbit_json_get(const cbit_json_t *object, const char *key);

/* What a JSON pointer (RFC 6901) leads to, or NULL. "" is the root. */
const cbit_json_t *cbit_json_at(const cbit_json_t *root, const char *pointer);

/* Building; NULL when memory is out, and every function here accepts NULL and gives NULL. */
cbit_json_t *cbit_json_new(cbit_arena_t *arena, cbit_json_kind_t kind);
cbit_json_t *cbit_json_string(cbit_arena_t *arena, const char *text);
cbit_json_t *cbit_json_bool(cbit_arena_t *arena, bool value);
cbit_json_t *cbit_json_u64(cbit_arena_t *arena, uint64_t value);
cbit_json_t *cbit_json_i64(cbit_arena_t *arena, int64_t value);
/* value / 10^decimals with that many digits behind the point: (97312, 3) is 97.312. */
cbit_json_t *cbit_json_fixed(cbit_arena_t *arena, uint64_t value, uint32_t decimals);
cbit_json_t *cbit_json_copy(cbit_arena_t *arena, const cbit_json_t *value);
/* Appends to an array (key NULL) or object; returns the value. The key is copied. */
cbit_json_t *cbit_json_add(cbit_arena_t *arena, cbit_json_t *parent, const char *key,
                           cbit_json_t *value);

/* A number's value x 10^decimals as an integer; false when it is not one or does not fit. */
bool cbit_json_scaled(const cbit_json_t *number, uint32_t decimals, bool *negative,
                      uint64_t *value);

/* Exact: negative, 0 or positive as a < b, a = b or a > b. Both must be numbers. */
int cbit_json_compare_numbers(const cbit_json_t *a, const cbit_json_t *b);

/* Deep equality; numbers by value, members in any order. */
bool cbit_json_equal(const cbit_json_t *a, const cbit_json_t *b);

/*
 * The text of a value: two spaces a level, a newline at the end; one line without the newline when
 * compact. The same bytes for the same value everywhere. To be freed by the caller; NULL when
 * memory is out.
 */
char *cbit_json_text(const cbit_json_t *value, bool compact, size_t *len);

#ifdef __cplusplus
}
#endif
#endif
