/*
 * The first look at a file: every byte is checked for what cJSON lets pass, and each value's place
 * is noted. Private to workloads/json.
 */
#ifndef CBIT_WORKLOADS_JSON_SCAN_H
#define CBIT_WORKLOADS_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/workloads/json.h"

typedef struct cbit_json_mark {
    size_t offset; /* of the value's first byte */
    uint32_t line;
} cbit_json_mark_t;

typedef struct cbit_json_scan {
    const unsigned char *begin, *end;
    cbit_json_mark_t *marks; /* of all values, in the order of the file */
    uint32_t count;
} cbit_json_scan_t;

/* False after one entry in diag: not UTF-8, control characters, NUL, numbers that RFC 8259 does not
   know, nesting or number of values beyond the limits. The grammar is left to cJSON. */
bool cbit_json_scan(cbit_arena_t *arena, const char *bytes, size_t len, cbit_json_scan_t *scan,
                    cbit_diag_t *diag);

/* Adds "line L, column C: text" about the byte at `at`; between before and behind stands what is
   found there; NULL behind: only `before` is told. */
void cbit_json_refuse(const cbit_json_scan_t *scan, const unsigned char *at, const char *before,
                      const char *behind, cbit_diag_t *diag);

/* Length of the number at `at`, which may be 0. */
size_t cbit_json_number_length(const unsigned char *at, const unsigned char *end);

#endif
