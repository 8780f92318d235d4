#include "workloads/traffic/trace_codec.h"

#include <string.h>

enum {
    KIND_MASK = 3,
    DEPENDS_BIT = 1 << 2,
    SIZE_SHIFT = 3,
    SIZE_MASK = 7,
    SIZE_FOLLOWS = 7,
    GAP_SHIFT = 6,
    GAP_FOLLOWS = 3,
    VARINT_MAX_BYTES = 10,
};

void cbit_cbt_put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

void cbit_cbt_put_u64(uint8_t *to, uint64_t value)
{
    cbit_cbt_put_u32(to, (uint32_t)value);
    cbit_cbt_put_u32(to + 4, (uint32_t)(value >> 32));
}

uint32_t cbit_cbt_get_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

uint64_t cbit_cbt_get_u64(const uint8_t *from)
{
    return cbit_cbt_get_u32(from) | (uint64_t)cbit_cbt_get_u32(from + 4) << 32;
}

void cbit_cbt_put_chunk(uint8_t to[CBIT_CBT_CHUNK_HEADER_BYTES], const cbit_cbt_chunk_t *chunk)
{
    cbit_cbt_put_u32(to, chunk->type);
    cbit_cbt_put_u32(to + 4, chunk->records);
    cbit_cbt_put_u32(to + 8, chunk->raw_bytes);
    cbit_cbt_put_u32(to + 12, chunk->stored_bytes);
    cbit_cbt_put_u64(to + 16, chunk->xxh64);
}

void cbit_cbt_get_chunk(const uint8_t from[CBIT_CBT_CHUNK_HEADER_BYTES], cbit_cbt_chunk_t *chunk)
{
    chunk->type = cbit_cbt_get_u32(from);
    chunk->records = cbit_cbt_get_u32(from + 4);
    chunk->raw_bytes = cbit_cbt_get_u32(from + 8);
    chunk->stored_bytes = cbit_cbt_get_u32(from + 12);
    chunk->xxh64 = cbit_cbt_get_u64(from + 16);
}

static uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

/* The code of 1, 2, 4 ... 64; SIZE_FOLLOWS for the rest. */
static uint32_t size_code(uint32_t size_bytes)
{
    uint32_t code = 0;
    while (code < SIZE_FOLLOWS && UINT32_C(1) << code != size_bytes) {
        code++;
    }
    return code;
}

size_t cbit_cbt_put_record(uint8_t *to, cbit_cbt_predictor_t *predictor,
                           const cbit_trace_record_t *record)
{
    uint8_t *at = to + 1;
    uint32_t code = size_code(record->size_bytes);
    if (code == SIZE_FOLLOWS) {
        *at++ = record->size_bytes;
    }
    uint32_t gap = record->gap < GAP_FOLLOWS ? record->gap : GAP_FOLLOWS;
    if (gap == GAP_FOLLOWS) {
        at = put_varint(at, record->gap);
    }
    uint64_t delta = record->gva - predictor->gva[record->kind];
    predictor->gva[record->kind] = record->gva;
    /* Zigzag: the sign goes to bit 0, so that small steps in both directions stay short. */
    at = put_varint(at, delta << 1 ^ (delta >> 63 != 0 ? UINT64_MAX : 0));
    *to = (uint8_t)(record->kind | (record->depends ? DEPENDS_BIT : 0) | code << SIZE_SHIFT |
                    gap << GAP_SHIFT);
    return (size_t)(at - to);
}

/* NULL when the number does not end before `end` or has more than 64 bits. */
static inline const uint8_t *get_varint(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    if (at < end && *at < 0x80) {
        *value = *at;
        return at + 1;
    }
    uint64_t sum = 0;
    for (unsigned i = 0; i < VARINT_MAX_BYTES && at < end; i++) {
        uint64_t byte = *at++;
        sum |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *value = sum;
            return i == VARINT_MAX_BYTES - 1 && byte > 1 ? NULL : at;
        }
    }
    return NULL;
}

static inline const uint8_t *get_record(const uint8_t *at, const uint8_t *end,
                                        cbit_cbt_predictor_t *predictor,
                                        cbit_trace_record_t *record)
{
    uint32_t tag = *at++;
    uint32_t kind = tag & KIND_MASK;
    uint32_t code = tag >> SIZE_SHIFT & SIZE_MASK;
    uint32_t size = UINT32_C(1) << code;
    uint64_t gap = tag >> GAP_SHIFT;
    uint64_t zigzag;
    if (kind > CBIT_TRACE_STORE) {
        return NULL;
    }
    if (code == SIZE_FOLLOWS) {
        if (at == end) {
            return NULL;
        }
        size = *at++;
    }
    if (gap == GAP_FOLLOWS) {
        at = get_varint(at, end, &gap);
        if (at == NULL || gap > UINT32_MAX) {
            return NULL;
        }
    }
    at = get_varint(at, end, &zigzag);
    if (at == NULL) {
        return NULL;
    }
    predictor->gva[kind] += zigzag >> 1 ^ ((zigzag & 1) != 0 ? UINT64_MAX : 0);
    *record = (cbit_trace_record_t){.gva = predictor->gva[kind],
                                    .gap = (uint32_t)gap,
                                    .kind = (uint8_t)kind,
                                    .size_bytes = (uint8_t)size,
                                    .depends = (tag & DEPENDS_BIT) != 0};
    return cbit_cbt_record_ok(record) ? at : NULL;
}

uint32_t cbit_cbt_get_records(const uint8_t **at, const uint8_t *end,
                              cbit_cbt_predictor_t *predictor, cbit_trace_record_t *records,
                              uint32_t count)
{
    const uint8_t *here = *at;
    uint32_t done = 0;
    while (done < count && here < end) {
        const uint8_t *next = get_record(here, end, predictor, &records[done]);
        if (next == NULL) {
            break;
        }
        here = next;
        done++;
    }
    *at = here;
    return done;
}

/* ---- events ---- */

const cbit_trace_event_row_t cbit_trace_event_rows[CBIT_TRACE_EVENT_KINDS] = {
    [CBIT_TRACE_RUN] = {"run", 4, {"core", "guest", "vcpu", "asid"}},
    [CBIT_TRACE_EXIT] = {"exit", 6, {"core", "guest", "vcpu", "reason", "info1", "info2"}},
    [CBIT_TRACE_ASID] = {"asid", 2, {"guest", "asid"}},
    [CBIT_TRACE_DMA] = {"dma", 7, {"span_ps", "guest", "vcpu", "queue", "writes", "gpa", "bytes"}},
    [CBIT_TRACE_COMMAND] = {"command", 3, {"span_ps", "command", "status"}},
    [CBIT_TRACE_REQUEST] = {"request", 6, {"span_ps", "source", "key", "writes", "spa", "bytes"}},
};

size_t cbit_cbt_put_event(uint8_t *to, uint64_t *at_ps, const cbit_trace_event_t *event)
{
    uint8_t *at = to;
    *at++ = event->kind;
    at = put_varint(at, event->at_ps - *at_ps);
    *at_ps = event->at_ps;
    for (uint32_t i = 0; i < cbit_trace_event_rows[event->kind].count; i++) {
        at = put_varint(at, event->fields[i]);
    }
    return (size_t)(at - to);
}

const uint8_t *cbit_cbt_get_event(const uint8_t *at, const uint8_t *end, uint64_t *at_ps,
                                  cbit_trace_event_t *event)
{
    uint64_t span_ps;
    *event = (cbit_trace_event_t){.kind = at < end ? *at : CBIT_TRACE_EVENT_KINDS};
    if (event->kind >= CBIT_TRACE_EVENT_KINDS) {
        return NULL;
    }
    at = get_varint(at + 1, end, &span_ps);
    if (at == NULL || span_ps > UINT64_MAX - *at_ps) {
        return NULL;
    }
    *at_ps += span_ps;
    event->at_ps = *at_ps;
    for (uint32_t i = 0; i < cbit_trace_event_rows[event->kind].count && at != NULL; i++) {
        at = get_varint(at, end, &event->fields[i]);
    }
    return at;
}
