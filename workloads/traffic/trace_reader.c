#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "workloads/traffic/trace_header.h"
#include "workloads/traffic/trace_reader.h"

static cbit_err_t corrupt(cbit_diag_t *diag, uint64_t offset, const char *what)
{
    char where[32];
    (void)snprintf(where, sizeof where, "byte %" PRIu64, offset);
    return cbit_diag_add(diag, CBIT_ERR_FORMAT, where, "%s", what);
}

/* ---- chunks ---- */

static cbit_err_t check_chunk(const cbit_cbt_chunk_t *chunk, uint64_t offset, cbit_diag_t *diag)
{
    const char *what = NULL;
    if (chunk->type < CBIT_CBT_MEM || chunk->type > CBIT_CBT_INDEX) {
        what = "chunk of unknown type; MEM 1, VM 2, IMAGE 3 and INDEX 4 are known";
    } else if (chunk->raw_bytes > CBIT_TRACE_CHUNK_BYTES) {
        what = "chunk is larger than 1 MiB";
    } else if (chunk->stored_bytes > CBIT_CBT_STORED_MAX_BYTES) {
        what = "chunk is stored in more than 1 MiB + 8 KiB";
    } else if (chunk->type == CBIT_CBT_MEM && chunk->records > chunk->raw_bytes / 2) {
        what = "MEM chunk has more records than fit into it (2 bytes each at least)";
    } else if (chunk->type == CBIT_CBT_MEM && chunk->records == 0) {
        what = "MEM chunk is empty";
    } else if (chunk->type == CBIT_CBT_VM && chunk->records > chunk->raw_bytes / 4) {
        what = "VM chunk has more events than fit into it (4 bytes each at least)";
    } else if (chunk->type == CBIT_CBT_IMAGE &&
               (uint64_t)chunk->records * CBIT_CBT_PAGE_ENTRY_BYTES != chunk->raw_bytes) {
        what = "IMAGE chunk is not 4112 bytes for each of its pages";
    } else if (chunk->type == CBIT_CBT_INDEX &&
               (uint64_t)chunk->records * CBIT_CBT_INDEX_ENTRY_BYTES != chunk->raw_bytes) {
        what = "INDEX chunk is not 24 bytes for each of its chunks";
    }
    return what == NULL ? CBIT_ERR_OK : corrupt(diag, offset, what);
}

static cbit_err_t read_chunk_header(cbit_trace_reader_t *reader, uint64_t offset,
                                    cbit_cbt_chunk_t *chunk, cbit_diag_t *diag)
{
    uint8_t header[CBIT_CBT_CHUNK_HEADER_BYTES];
    cbit_err_t err = cbit_trace_bytes_read(&reader->bytes, offset, header, sizeof header, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_cbt_get_chunk(header, chunk);
    return check_chunk(chunk, offset, diag);
}

cbit_err_t cbit_cbt_load_chunk(cbit_trace_reader_t *reader, const cbit_cbt_entry_t *entry,
                               cbit_cbt_loaded_t *into, cbit_diag_t *diag)
{
    const cbit_cbt_chunk_t *chunk = &entry->chunk;
    uint64_t offset = entry->offset + CBIT_CBT_CHUNK_HEADER_BYTES;
    cbit_err_t err =
        cbit_trace_bytes_read(&reader->bytes, offset, reader->stored, chunk->stored_bytes, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    if (XXH64(reader->stored, chunk->stored_bytes, 0) != chunk->xxh64) {
        return corrupt(diag, offset, "chunk's check sum (xxh64) is wrong");
    }
    size_t raw = ZSTD_decompressDCtx(reader->zstd, into->raw, CBIT_TRACE_CHUNK_BYTES,
                                     reader->stored, chunk->stored_bytes);
    if (ZSTD_isError(raw) != 0) {
        return corrupt(diag, offset, "chunk does not unpack (zstd)");
    }
    if (raw != chunk->raw_bytes) {
        return corrupt(diag, offset, "chunk unpacks to another length than its header says");
    }
    into->bytes = (uint32_t)raw;
    return CBIT_ERR_OK;
}

/* ---- opening ---- */

static cbit_err_t open_header(cbit_trace_reader_t *reader, uint64_t *end, cbit_diag_t *diag)
{
    uint8_t head[8];
    cbit_err_t err = cbit_trace_bytes_read(&reader->bytes, 0, head, sizeof head, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    uint32_t len = cbit_cbt_get_u32(head + 4);
    if (memcmp(head, CBIT_CBT_MAGIC, 4) != 0) {
        return corrupt(diag, 0, "not a trace: it does not start with CBT1");
    }
    if (len > CBIT_TRACE_HEADER_BYTES) {
        return corrupt(diag, 4, "header is longer than 64 KiB");
    }
    err = cbit_trace_bytes_read(&reader->bytes, sizeof head, reader->stored, len, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    *end = sizeof head + len;
    return cbit_cbt_parse_header((const char *)reader->stored, len, sizeof head, &reader->info,
                                 diag);
}

/* Loads the index into reader->mem; *offset is where its chunk starts. */
static cbit_err_t open_index(cbit_trace_reader_t *reader, cbit_cbt_entry_t *index,
                             cbit_diag_t *diag)
{
    uint8_t trailer[CBIT_CBT_TRAILER_BYTES];
    uint64_t len = reader->bytes.len_bytes;
    if (len < sizeof trailer) {
        return corrupt(diag, len, "file ends before its trailer");
    }
    cbit_err_t err =
        cbit_trace_bytes_read(&reader->bytes, len - sizeof trailer, trailer, sizeof trailer, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    if (memcmp(trailer + 8, CBIT_CBT_TRAILER, 8) != 0) {
        return corrupt(diag, len - 8, "file does not end with CBT1END: it was cut off");
    }
    index->offset = cbit_cbt_get_u64(trailer);
    err = read_chunk_header(reader, index->offset, &index->chunk, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    if (index->chunk.type != CBIT_CBT_INDEX) {
        return corrupt(diag, index->offset, "the trailer does not point at an INDEX chunk");
    }
    if (index->offset + CBIT_CBT_CHUNK_HEADER_BYTES + index->chunk.stored_bytes !=
        len - sizeof trailer) {
        return corrupt(diag, index->offset, "the INDEX chunk does not end at the trailer");
    }
    return cbit_cbt_load_chunk(reader, index, &reader->mem, diag);
}

/* The chunks must lie one behind the other from `at` to the index, as the index lists them. */
static cbit_err_t open_entries(cbit_trace_reader_t *reader, uint64_t at,
                               const cbit_cbt_entry_t *index, cbit_diag_t *diag)
{
    uint64_t records = 0, pages = 0, events = 0;
    for (uint32_t i = 0; i < index->chunk.records; i++) {
        const uint8_t *listed = reader->mem.raw + (size_t)i * CBIT_CBT_INDEX_ENTRY_BYTES;
        cbit_cbt_entry_t *entry = &reader->entries[i];
        entry->offset = at;
        cbit_err_t err = read_chunk_header(reader, at, &entry->chunk, diag);
        if (err != CBIT_ERR_OK) {
            return err;
        }
        bool is_mem = entry->chunk.type == CBIT_CBT_MEM;
        if (cbit_cbt_get_u64(listed) != at || cbit_cbt_get_u32(listed + 8) != entry->chunk.type ||
            cbit_cbt_get_u32(listed + 12) != entry->chunk.records ||
            cbit_cbt_get_u64(listed + 16) != (is_mem ? records : 0) ||
            entry->chunk.type == CBIT_CBT_INDEX) {
            return corrupt(diag, at, "chunk is not what the index lists");
        }
        records += is_mem ? entry->chunk.records : 0;
        pages += entry->chunk.type == CBIT_CBT_IMAGE ? entry->chunk.records : 0;
        events += entry->chunk.type == CBIT_CBT_VM ? entry->chunk.records : 0;
        at += CBIT_CBT_CHUNK_HEADER_BYTES + entry->chunk.stored_bytes;
    }
    if (at != index->offset) {
        return corrupt(diag, at, "the chunks do not end where the index starts");
    }
    const cbit_trace_info_t *info = &reader->info;
    if (info->fetches + info->loads + info->stores != records || info->pages != pages ||
        info->events != events) {
        return corrupt(diag, 8, "the header's totals are not those of the chunks");
    }
    return CBIT_ERR_OK;
}

static cbit_err_t open_all(cbit_trace_reader_t *reader, cbit_diag_t *diag)
{
    uint64_t chunks_at = 0;
    cbit_cbt_entry_t index = {0};
    reader->stored = malloc(CBIT_CBT_STORED_MAX_BYTES);
    reader->mem.raw = malloc(CBIT_TRACE_CHUNK_BYTES);
    reader->zstd = ZSTD_createDCtx();
    if (reader->stored == NULL || reader->mem.raw == NULL || reader->zstd == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_err_t err = open_header(reader, &chunks_at, diag);
    if (err == CBIT_ERR_OK) {
        err = open_index(reader, &index, diag);
    }
    if (err != CBIT_ERR_OK) {
        return err;
    }
    reader->entry_count = index.chunk.records; /* at most CBIT_CBT_MAX_CHUNKS */
    reader->entries = calloc((size_t)reader->entry_count + 1, sizeof *reader->entries);
    if (reader->entries == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    return open_entries(reader, chunks_at, &index, diag);
}

static cbit_err_t finish_open(cbit_trace_reader_t *reader, cbit_trace_reader_t **out,
                              cbit_diag_t *diag)
{
    cbit_err_t err = open_all(reader, diag);
    if (err != CBIT_ERR_OK) {
        cbit_trace_reader_close(reader);
        return err;
    }
    *out = reader;
    return CBIT_ERR_OK;
}

cbit_err_t cbit_trace_reader_open(const char *path, cbit_err_t missing, cbit_trace_reader_t **out,
                                  cbit_diag_t *diag)
{
    cbit_trace_reader_t *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_err_t err = cbit_trace_bytes_open(&reader->bytes, path, missing, diag);
    if (err != CBIT_ERR_OK) {
        free(reader);
        return err;
    }
    return finish_open(reader, out, diag);
}

cbit_err_t cbit_trace_reader_open_bytes(const uint8_t *bytes, size_t len_bytes,
                                        cbit_trace_reader_t **out, cbit_diag_t *diag)
{
    cbit_trace_reader_t *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    reader->bytes = (cbit_trace_bytes_t){.fd = -1, .memory = bytes, .len_bytes = len_bytes};
    return finish_open(reader, out, diag);
}

void cbit_trace_reader_close(cbit_trace_reader_t *reader)
{
    if (reader == NULL) {
        return;
    }
    cbit_trace_bytes_close(&reader->bytes);
    ZSTD_freeDCtx(reader->zstd);
    free(reader->entries);
    free(reader->stored);
    free(reader->mem.raw);
    free(reader->image.raw);
    free(reader->vm.raw);
    free(reader);
}

const cbit_trace_info_t *cbit_trace_reader_info(const cbit_trace_reader_t *reader)
{
    return &reader->info;
}

/* ---- records ---- */

/* Loads the next MEM chunk; *more is false behind the last. */
static cbit_err_t next_mem_chunk(cbit_trace_reader_t *reader, bool *more, cbit_diag_t *diag)
{
    while (reader->next_entry < reader->entry_count &&
           reader->entries[reader->next_entry].chunk.type != CBIT_CBT_MEM) {
        reader->next_entry++;
    }
    *more = reader->next_entry < reader->entry_count;
    if (!*more) {
        return CBIT_ERR_OK;
    }
    reader->current = reader->next_entry++;
    const cbit_cbt_entry_t *entry = &reader->entries[reader->current];
    cbit_err_t err = cbit_cbt_load_chunk(reader, entry, &reader->mem, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    reader->at = reader->mem.raw;
    reader->records_left = entry->chunk.records;
    reader->decoder.predictor = (cbit_cbt_predictor_t){{0}};
    return CBIT_ERR_OK;
}

static cbit_err_t bad_record(cbit_trace_reader_t *reader, const char *what, cbit_diag_t *diag)
{
    char where[96];
    (void)snprintf(where, sizeof where, "byte %" PRIu64 " (byte %td of the unpacked chunk)",
                   reader->entries[reader->current].offset, reader->at - reader->mem.raw);
    return cbit_diag_add(diag, CBIT_ERR_FORMAT, where, "%s", what);
}

/* The header's totals by kind can only be checked when everything has been seen. */
static cbit_err_t check_totals(cbit_trace_reader_t *reader, cbit_diag_t *diag)
{
    const cbit_trace_info_t *info = &reader->info;
    const cbit_cbt_decoder_t *seen = &reader->decoder;
    bool equal = seen->records[CBIT_TRACE_FETCH] == info->fetches &&
                 seen->records[CBIT_TRACE_LOAD] == info->loads &&
                 seen->records[CBIT_TRACE_STORE] == info->stores &&
                 seen->instructions == info->instructions;
    return equal ? CBIT_ERR_OK
                 : corrupt(diag, 8, "the header's totals are not those of the records");
}

cbit_err_t cbit_trace_reader_read(cbit_trace_reader_t *reader, cbit_trace_record_t *records,
                                  uint32_t max, uint32_t *count, cbit_diag_t *diag)
{
    *count = 0;
    while (reader->records_left == 0) {
        bool more = false;
        cbit_err_t err = next_mem_chunk(reader, &more, diag);
        if (err != CBIT_ERR_OK) {
            return err;
        }
        if (!more) {
            return check_totals(reader, diag);
        }
    }
    const uint8_t *end = reader->mem.raw + reader->mem.bytes;
    uint32_t wanted = max < reader->records_left ? max : reader->records_left;
    uint32_t got = cbit_cbt_get_records(&reader->at, end, &reader->decoder, records, wanted);
    reader->records_left -= got;
    *count = got;
    if (got < wanted) {
        return bad_record(reader, "record is cut off or not valid", diag);
    }
    if (reader->records_left == 0 && reader->at != end) {
        return bad_record(reader, "bytes are left behind the chunk's last record", diag);
    }
    return CBIT_ERR_OK;
}

cbit_err_t cbit_trace_reader_rewind(cbit_trace_reader_t *reader, cbit_diag_t *diag)
{
    (void)diag;
    reader->next_entry = 0;
    reader->records_left = 0;
    reader->decoder = (cbit_cbt_decoder_t){.instructions = 0};
    return CBIT_ERR_OK;
}

/* ---- program pages ---- */

static cbit_err_t visit_chunk(cbit_trace_reader_t *reader, const cbit_cbt_entry_t *entry,
                              uint64_t *next_gva,
                              cbit_err_t (*visit)(void *visitor, const cbit_trace_page_t *page),
                              void *visitor, cbit_diag_t *diag)
{
    cbit_trace_page_t page;
    cbit_err_t err = cbit_cbt_load_chunk(reader, entry, &reader->image, diag);
    for (uint32_t i = 0; i < entry->chunk.records && err == CBIT_ERR_OK; i++) {
        const uint8_t *raw = reader->image.raw + (size_t)i * CBIT_CBT_PAGE_ENTRY_BYTES;
        page.gva = cbit_cbt_get_u64(raw);
        page.flags = cbit_cbt_get_u32(raw + 8);
        if (page.gva % CBIT_TRACE_PAGE_BYTES != 0 || page.gva < *next_gva ||
            page.gva >= CBIT_CBT_GVA_LIMIT) {
            return corrupt(diag, entry->offset,
                           "program pages must be page-aligned user addresses in ascending order");
        }
        if ((page.flags & ~(uint32_t)(CBIT_TRACE_PAGE_READ | CBIT_TRACE_PAGE_EXECUTE)) != 0 ||
            cbit_cbt_get_u32(raw + 12) != 0) {
            return corrupt(diag, entry->offset, "program page has unknown flags");
        }
        memcpy(page.bytes, raw + 16, CBIT_TRACE_PAGE_BYTES);
        *next_gva = page.gva + CBIT_TRACE_PAGE_BYTES;
        err = visit(visitor, &page);
    }
    return err;
}

cbit_err_t cbit_trace_reader_for_each_page(cbit_trace_reader_t *reader,
                                           cbit_err_t (*visit)(void *visitor,
                                                               const cbit_trace_page_t *page),
                                           void *visitor, cbit_diag_t *diag)
{
    uint64_t next_gva = 0;
    if (reader->image.raw == NULL) {
        reader->image.raw = malloc(CBIT_TRACE_CHUNK_BYTES);
        if (reader->image.raw == NULL) {
            return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        }
    }
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t i = 0; i < reader->entry_count && err == CBIT_ERR_OK; i++) {
        if (reader->entries[i].chunk.type == CBIT_CBT_IMAGE) {
            err = visit_chunk(reader, &reader->entries[i], &next_gva, visit, visitor, diag);
        }
    }
    return err;
}

/* ---- as a source; and checking ---- */

static cbit_err_t source_read(void *self, cbit_trace_record_t *records, uint32_t max,
                              uint32_t *count, cbit_diag_t *diag)
{
    return cbit_trace_reader_read(self, records, max, count, diag);
}

static cbit_err_t source_rewind(void *self, cbit_diag_t *diag)
{
    return cbit_trace_reader_rewind(self, diag);
}

static cbit_err_t
source_for_each_page(void *self, cbit_err_t (*visit)(void *visitor, const cbit_trace_page_t *page),
                     void *visitor, cbit_diag_t *diag)
{
    return cbit_trace_reader_for_each_page(self, visit, visitor, diag);
}

static const cbit_trace_info_t *source_info(void *self)
{
    return cbit_trace_reader_info(self);
}

static void source_destroy(void *self)
{
    cbit_trace_reader_close(self);
}

cbit_trace_source_t cbit_trace_reader_source(cbit_trace_reader_t *reader)
{
    return (cbit_trace_source_t){.self = reader,
                                 .read = source_read,
                                 .rewind = source_rewind,
                                 .for_each_page = source_for_each_page,
                                 .info = source_info,
                                 .destroy = source_destroy};
}

static cbit_err_t ignore_page(void *visitor, const cbit_trace_page_t *page)
{
    (void)visitor;
    (void)page;
    return CBIT_ERR_OK;
}

static cbit_err_t ignore_event(void *visitor, const cbit_trace_event_t *event)
{
    (void)visitor;
    (void)event;
    return CBIT_ERR_OK;
}

cbit_err_t cbit_trace_check(const char *path, cbit_err_t missing, cbit_diag_t *diag)
{
    enum { BATCH = 1024 };
    cbit_trace_record_t records[BATCH];
    cbit_trace_reader_t *reader = NULL;
    cbit_err_t err = cbit_trace_reader_open(path, missing, &reader, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    err = cbit_trace_reader_for_each_page(reader, ignore_page, NULL, diag);
    if (err == CBIT_ERR_OK) {
        err = cbit_trace_reader_for_each_event(reader, ignore_event, NULL, diag);
    }
    for (uint32_t count = 1; err == CBIT_ERR_OK && count != 0;) {
        err = cbit_trace_reader_read(reader, records, BATCH, &count, diag);
    }
    cbit_trace_reader_close(reader);
    return err;
}
