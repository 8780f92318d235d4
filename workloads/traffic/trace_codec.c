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

/*
 * The low seven bits of each byte, side by side. In each step the upper part of a lane goes down
 * over what the lower one has no bits for: from its 256 fold to 128, from bit 16 to 14, from 32 to
 * 28.
 */
static inline uint64_t join_sevens(uint64_t word)
{
    word &= UINT64_C(0x7f7f7f7f7f7f7f7f);
    word -= (word & UINT64_C(0x7f007f007f007f00)) >> 1;
    const uint64_t upper = word & UINT64_C(0x3fff00003fff0000);
    word = (word ^ upper) | upper >> 2;
    return (word >> 32) << 28 | (uint32_t)word;
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

/*
 * As get_varint, for numbers whose length cannot be foreseen: up to eight bytes at once, without
 * a branch on how many there are. Eight bytes may be read.
 */
static inline const uint8_t *get_delta(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    const uint64_t word = cbit_cbt_get_u64(at);
    const uint64_t ends = ~word & UINT64_C(0x8080808080808080);
    if (ends == 0) {
        return get_varint(at, end, value);
    }
    *value = join_sevens(word & (ends ^ (ends - 1)));
    return at + (uint32_t)__builtin_ctzll(ends) / 8 + 1;
}

/* NULL changes nothing. `roomy`: the longest record would fit, so eight bytes of its delta may be
   read at once. */
static inline const uint8_t *get_record(const uint8_t *at, const uint8_t *end, bool roomy,
                                        cbit_cbt_predictor_t *predictor,
                                        cbit_trace_record_t *record)
{
    const uint32_t tag = *at++, kind = tag & KIND_MASK, code = tag >> SIZE_SHIFT & SIZE_MASK;
    uint32_t size = UINT32_C(1) << code;
    uint64_t gap = tag >> GAP_SHIFT, zigzag;
    if (kind > CBIT_TRACE_STORE) {
        return NULL;
    }
    if (code == SIZE_FOLLOWS) {
        if (at == end || *at - 1u >= CBIT_TRACE_LINE_BYTES) {
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
    at = roomy ? get_delta(at, end, &zigzag) : get_varint(at, end, &zigzag);
    if (at == NULL) {
        return NULL;
    }
    const uint64_t gva = predictor->gva[kind] + (zigzag >> 1 ^ (0 - (zigzag & 1)));
    if (!cbit_cbt_gva_ok(kind, gva, size)) {
        return NULL;
    }
    predictor->gva[kind] = gva;
    record->gva = gva;
    record->gap = (uint32_t)gap;
    record->kind = (uint8_t)kind;
    record->size_bytes = (uint8_t)size;
    record->depends = (tag & DEPENDS_BIT) != 0;
    return at;
}

/* Until `count` are done or less than `margin_bytes` are left. */
static inline const uint8_t *get_some(const uint8_t *at, const uint8_t *end, ptrdiff_t margin_bytes,
                                      cbit_cbt_decoder_t *decoder, cbit_trace_record_t *records,
                                      uint32_t count, uint32_t *done)
{
    while (*done < count && end - at >= margin_bytes) {
        cbit_trace_record_t *record = &records[*done];
        const uint8_t *next = get_record(at, end, margin_bytes > 1, &decoder->predictor, record);
        if (next == NULL) {
            break;
        }
        decoder->records[record->kind]++;
        decoder->instructions += record->gap;
        at = next;
        (*done)++;
    }
    return at;
}

uint32_t cbit_cbt_get_records(const uint8_t **at, const uint8_t *end, cbit_cbt_decoder_t *decoder,
                              cbit_trace_record_t *records, uint32_t count)
{
    uint32_t done = 0;
    *at = get_some(*at, end, CBIT_CBT_RECORD_MAX_BYTES, decoder, records, count, &done);
    *at = get_some(*at, end, 1, decoder, records, count, &done);
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
