/* What reading records and reading events share. Private to workloads/traffic. */
#ifndef CBIT_TRAFFIC_TRACE_READER_H
#define CBIT_TRAFFIC_TRACE_READER_H

#include <zstd.h>

#include "workloads/traffic/trace_bytes.h"
#include "workloads/traffic/trace_codec.h"

typedef struct cbit_cbt_entry {
    uint64_t offset; /* of the chunk's header */
    cbit_cbt_chunk_t chunk;
} cbit_cbt_entry_t;

/* A chunk in memory. */
typedef struct cbit_cbt_loaded {
    uint8_t *raw; /* CBIT_TRACE_CHUNK_BYTES */
    uint32_t bytes;
} cbit_cbt_loaded_t;

struct cbit_trace_reader {
    cbit_trace_bytes_t bytes;
    cbit_trace_info_t info;
    cbit_cbt_entry_t *entries; /* every chunk but the index */
    uint32_t entry_count;
    uint8_t *stored; /* CBIT_CBT_STORED_MAX_BYTES */
    cbit_cbt_loaded_t mem, image, vm;
    ZSTD_DCtx *zstd;

    /* Where reading stands. */
    uint32_t next_entry;   /* the next one to look at */
    uint32_t current;      /* the one in mem */
    const uint8_t *at;     /* in mem.raw */
    uint32_t records_left; /* in mem */
    cbit_cbt_decoder_t decoder;
};

/* Unpacks a chunk and checks its sum. */
cbit_err_t cbit_cbt_load_chunk(cbit_trace_reader_t *reader, const cbit_cbt_entry_t *entry,
                               cbit_cbt_loaded_t *into, cbit_diag_t *diag);

#endif
