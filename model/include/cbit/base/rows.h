/**
 * @file
 * Rows: a parameter or a statistic declared once.
 *
 * From one table of rows come parsing, range checks, the resolved configuration, the schema, the
 * manual and the report. The table describes a plain struct; whoever binds it (the scenario loader)
 * walks the rows and writes the fields. A table ends with a row whose key is NULL.
 *
 * How a field is kept, by type:
 *
 *     U32     uint32_t              JSON number
 *     U64     uint64_t              JSON number up to 2^53, or a string (decimal or 0x)
 *     BOOL    bool                  true, false
 *     ENUM    uint32_t              a string out of `names`; the field is its index
 *     SIZE    uint64_t, bytes       a string: "64MiB", "4KiB", "128"
 *     ADDR    uint64_t              a string: "0x8000_0000"
 *     PS      uint64_t, picoseconds JSON number in the unit that the key ends with
 *                                   (_ps _ns _us _ms)
 *     RATIO   uint64_t, millionths  JSON number, 0.5 is kept as 500000
 *     STRING  char[max + 1]         a string of at most max bytes
 *     OBJECT  a struct              an object, described by `rows`
 *     ARRAY   T *items              an array of objects described by `rows` (or of the scalar that
 *                                   `element` names); the count, uint32_t, is at count_offset
 *     JSON    const void *          any value, as the reader keeps it; NULL when absent
 */
#ifndef CBIT_BASE_ROWS_H
#define CBIT_BASE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cbit_row_type {
    CBIT_ROW_U32 = 1,
    CBIT_ROW_U64,
    CBIT_ROW_BOOL,
    CBIT_ROW_ENUM,
    CBIT_ROW_SIZE,
    CBIT_ROW_ADDR,
    CBIT_ROW_PS,
    CBIT_ROW_RATIO,
    CBIT_ROW_STRING,
    CBIT_ROW_OBJECT,
    CBIT_ROW_ARRAY,
    CBIT_ROW_JSON,
} cbit_row_type_t;

typedef struct cbit_row cbit_row_t;
struct cbit_row {
    const char *key; /* C field, JSON key and statistic's name; NULL ends the table */
    cbit_row_type_t type;
    size_t offset;             /* of the field in its struct */
    const char *unit;          /* "nck", "eclk", "bytes"...; NULL when it has none */
    uint64_t min, max;         /* as kept in the struct; ARRAY: counts, STRING: bytes */
    uint64_t fallback;         /* default, as kept in the struct */
    const char *fallback_text; /* STRING: default; NULL is "" */
    const char *const *names;  /* ENUM: the permitted words, NULL ends them */
    const cbit_row_t *rows;    /* OBJECT and ARRAY of objects: what is inside */
    cbit_row_type_t element;   /* ARRAY of scalars: their type */
    size_t element_bytes;      /* ARRAY: size of one item */
    size_t count_offset;       /* ARRAY: where its count stands */
    uint64_t only_kinds; /* bit k set: allowed where the sibling ENUM `kind` is k; 0: everywhere */
    bool required;       /* no default: absence is an error */
    bool optional;       /* may be absent, and then stays at fallback without being listed */
    const char *source;  /* document and table, a measurement, or "assumed: reason" */
    const char *help;    /* one sentence for manual, schema and report */
};

/* `CBIT_FIELD(U32, my_config_t, depth_eclk)` fills key, type and offset from one spelling. */
#define CBIT_FIELD(row_type, struct_type, field)                                                   \
    .key = #field, .type = CBIT_ROW_##row_type, .offset = offsetof(struct_type, field)

/* Sets every field of *object to its row's default, nested objects included; arrays become empty.
 */
void cbit_rows_defaults(const cbit_row_t *rows, void *object);

/* The row of that key, or NULL. */
const cbit_row_t *cbit_rows_find(const cbit_row_t *rows, const char *key);

/* The known key nearest to a mistyped one, or NULL when none is near: for "did you mean". */
const char *cbit_rows_nearest(const cbit_row_t *rows, const char *key);

#ifdef __cplusplus
}
#endif
#endif
