/* Reads the response files of NIST's validation programme: sections, and records of NAME = VALUE.
 */
#ifndef COSIM_RSP_H
#define COSIM_RSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbit/base/diag.h"

enum {
    CBIT_RSP_MAX_FIELDS = 8,
    CBIT_RSP_NAME_BYTES = 24,
    CBIT_RSP_VALUE_BYTES = 4096, /* a longer line is an error */
};

typedef struct cbit_rsp_field {
    char name[CBIT_RSP_NAME_BYTES]; /* upper case */
    char value[CBIT_RSP_VALUE_BYTES];
} cbit_rsp_field_t;

typedef struct cbit_rsp_record {
    bool decrypt;  /* of the section [DECRYPT] */
    uint32_t line; /* on which it begins */
    uint32_t fields;
    cbit_rsp_field_t field[CBIT_RSP_MAX_FIELDS];
} cbit_rsp_record_t;

/* Calls on_record for every record, until it returns false. FORMAT or OPEN with a diagnostic. */
cbit_err_t cbit_rsp_read(const char *path,
                         bool (*on_record)(void *self, const cbit_rsp_record_t *record), void *self,
                         cbit_diag_t *diag);

/* The field's text, or NULL. */
const char *cbit_rsp_text(const cbit_rsp_record_t *record, const char *name);

/* The field's bytes from hex; 0 when it is absent, no hex, odd or longer than max_bytes. */
size_t cbit_rsp_bytes(const cbit_rsp_record_t *record, const char *name, uint8_t *bytes,
                      size_t max_bytes);

#endif
