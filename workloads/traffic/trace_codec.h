/* How records and chunks are laid out in a `.cbt` file; docs/trace-format.md is the reference. */
#ifndef CBIT_TRAFFIC_TRACE_CODEC_H
#define CBIT_TRAFFIC_TRACE_CODEC_H

#include <stddef.h>

#include "cbit/workloads/trace.h"

enum {
    CBIT_CBT_CHUNK_HEADER_BYTES = 24,
    CBIT_CBT_TRAILER_BYTES = 16,
    CBIT_CBT_STORED_MAX_BYTES = CBIT_TRACE_CHUNK_BYTES + (1 << 13), /* zstd of noise grows a bit */
    CBIT_CBT_RECORD_MAX_BYTES = 17, /* tag, size, 5 of gap, 10 of delta */
    CBIT_CBT_EVENT_MAX_BYTES = 1 + 10 * (1 + CBIT_TRACE_EVENT_FIELDS),
    CBIT_CBT_PAGE_ENTRY_BYTES = 16 + CBIT_TRACE_PAGE_BYTES,
    CBIT_CBT_INDEX_ENTRY_BYTES = 24,
    CBIT_CBT_MAX_CHUNKS = CBIT_TRACE_CHUNK_BYTES / CBIT_CBT_INDEX_ENTRY_BYTES,
};

/* Addresses are user addresses: below 2^47, as programs on Linux have them. */
#define CBIT_CBT_GVA_LIMIT (UINT64_C(1) << 47)

#define CBIT_CBT_MAGIC   "CBT1"      /* 4 bytes at the start */
#define CBIT_CBT_TRAILER "CBT1END\n" /* 8 bytes at the end */

typedef enum cbit_cbt_type {
    CBIT_CBT_MEM = 1,
    CBIT_CBT_VM = 2,
    CBIT_CBT_IMAGE = 3,
    CBIT_CBT_INDEX = 4,
} cbit_cbt_type_t;

typedef struct cbit_cbt_chunk {
    uint32_t type, records, raw_bytes, stored_bytes;
    uint64_t xxh64; /* of the stored bytes, seed 0 */
} cbit_cbt_chunk_t;

void cbit_cbt_put_u32(uint8_t *to, uint32_t value);
void cbit_cbt_put_u64(uint8_t *to, uint64_t value);
uint32_t cbit_cbt_get_u32(const uint8_t *from);
uint64_t cbit_cbt_get_u64(const uint8_t *from);

void cbit_cbt_put_chunk(uint8_t to[CBIT_CBT_CHUNK_HEADER_BYTES], const cbit_cbt_chunk_t *chunk);
void cbit_cbt_get_chunk(const uint8_t from[CBIT_CBT_CHUNK_HEADER_BYTES], cbit_cbt_chunk_t *chunk);

/* The last address of each kind; zero at the start of every chunk, so chunks stand alone. */
typedef struct cbit_cbt_predictor {
    uint64_t gva[3];
} cbit_cbt_predictor_t;

/* A reader's predictor, and what it has decoded so far, by kind and in instructions. */
typedef struct cbit_cbt_decoder {
    cbit_cbt_predictor_t predictor;
    uint64_t records[3], instructions;
} cbit_cbt_decoder_t;

/* A user address to its last byte, and no line crossed by a fetch; size_bytes is 1 to 64. */
static inline bool cbit_cbt_gva_ok(uint32_t kind, uint64_t gva, uint32_t size_bytes)
{
    const bool crosses = gva % CBIT_TRACE_LINE_BYTES + size_bytes > CBIT_TRACE_LINE_BYTES;
    return gva <= CBIT_CBT_GVA_LIMIT - size_bytes && !((kind == CBIT_TRACE_FETCH) & crosses);
}

/* True for what may be in a file: kind, size, address. */
static inline bool cbit_cbt_record_ok(const cbit_trace_record_t *record)
{
    const uint32_t size_bytes = record->size_bytes;
    return record->kind <= CBIT_TRACE_STORE && size_bytes >= 1 &&
           size_bytes <= CBIT_TRACE_LINE_BYTES &&
           cbit_cbt_gva_ok(record->kind, record->gva, size_bytes);
}

/* Bytes written at `to`, at most CBIT_CBT_RECORD_MAX_BYTES. The record must be ok. */
size_t cbit_cbt_put_record(uint8_t *to, cbit_cbt_predictor_t *predictor,
                           const cbit_trace_record_t *record);

/* The same for an event, at most CBIT_CBT_EVENT_MAX_BYTES; *at_ps is that of the one before it in
   its chunk, and becomes its own. */
size_t cbit_cbt_put_event(uint8_t *to, uint64_t *at_ps, const cbit_trace_event_t *event);
/* Where the next one begins; NULL when this one is cut off or not ok. */
const uint8_t *cbit_cbt_get_event(const uint8_t *at, const uint8_t *end, uint64_t *at_ps,
                                  cbit_trace_event_t *event);

/*
 * Decodes records from [*at, end) until count are done. Returns how many were; fewer only when the
 * next one, which *at then points at, is cut off or not ok.
 */
uint32_t cbit_cbt_get_records(const uint8_t **at, const uint8_t *end, cbit_cbt_decoder_t *decoder,
                              cbit_trace_record_t *records, uint32_t count);

#endif
