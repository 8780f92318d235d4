/* What the formats of cbit_trace_import share. */
#ifndef CBIT_TRAFFIC_IMPORT_H
#define CBIT_TRAFFIC_IMPORT_H

#include "cbit/workloads/record.h"
#include "workloads/traffic/coalesce.h"

typedef struct cbit_import {
    const cbit_import_config_t *config;
    cbit_trace_writer_t *writer;
    cbit_coalesce_t coalesce; /* formats that have instruction addresses */
    uint64_t accesses;        /* formats that have none */
    uint64_t last_clock;
    bool generated_code;
} cbit_import_t;

/* Takes one line without its newline. Returns NULL, or what is wrong with it. */
typedef const char *(*cbit_import_line_fn)(cbit_import_t *import, const char *text,
                                           const char *end);

/* Takes one record of a binary format. */
typedef const char *(*cbit_import_record_fn)(cbit_import_t *import, const uint8_t *record);

typedef struct cbit_import_kind {
    cbit_import_line_fn line;     /* text, or NULL */
    cbit_import_record_fn record; /* binary */
    uint32_t record_bytes;
} cbit_import_kind_t;
extern const cbit_import_kind_t cbit_import_kinds[CBIT_IMPORT_FORMATS];

/* A data access of a format without instructions, at base_gva + address. Returns NULL, or what is
   wrong with it. */
const char *cbit_import_access(cbit_import_t *import, cbit_trace_kind_t kind, uint64_t address,
                               uint32_t size_bytes, uint64_t gap);

/* A record as it is. */
const char *cbit_import_record(cbit_import_t *import, const cbit_trace_record_t *record);

#endif
