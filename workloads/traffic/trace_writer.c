#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "workloads/traffic/trace_codec.h"
#include "workloads/traffic/trace_header.h"

enum { ZSTD_LEVEL = 9 };

/* One kind of chunk being filled. */
typedef struct pending {
    uint8_t *raw; /* CBIT_TRACE_CHUNK_BYTES */
    uint32_t bytes, records;
} pending_t;

struct cbit_trace_writer {
    FILE *file;
    char *path, *part_path; /* where it will be, and is until then */
    cbit_err_t failed;      /* the first failure; nothing is written after it */
    int errno_of_failure;
    uint64_t at; /* file offset */
    cbit_trace_info_t info;
    pending_t mem, image, vm;
    uint64_t event_ps; /* of the last event in vm */
    uint64_t last_event_ps;
    cbit_cbt_predictor_t predictor;
    uint64_t next_page_gva; /* pages come in ascending order */
    uint8_t *stored;        /* CBIT_CBT_STORED_MAX_BYTES */
    uint8_t *index;         /* CBIT_TRACE_CHUNK_BYTES */
    uint32_t chunks;
    uint64_t records;
    ZSTD_CCtx *zstd;
};

static void emit(cbit_trace_writer_t *writer, const void *bytes, size_t len)
{
    if (writer->failed == CBIT_ERR_OK && fwrite(bytes, 1, len, writer->file) != len) {
        writer->failed = CBIT_ERR_WRITE;
        writer->errno_of_failure = errno;
    }
    writer->at += len;
}

static void emit_chunk(cbit_trace_writer_t *writer, cbit_cbt_type_t type, pending_t *pending)
{
    size_t stored = ZSTD_compressCCtx(writer->zstd, writer->stored, CBIT_CBT_STORED_MAX_BYTES,
                                      pending->raw, pending->bytes, ZSTD_LEVEL);
    if (ZSTD_isError(stored) != 0) {
        writer->failed = writer->failed == CBIT_ERR_OK ? CBIT_ERR_NO_MEMORY : writer->failed;
        return;
    }
    cbit_cbt_chunk_t chunk = {.type = type,
                              .records = pending->records,
                              .raw_bytes = pending->bytes,
                              .stored_bytes = (uint32_t)stored,
                              .xxh64 = XXH64(writer->stored, stored, 0)};
    uint8_t header[CBIT_CBT_CHUNK_HEADER_BYTES];
    cbit_cbt_put_chunk(header, &chunk);
    emit(writer, header, sizeof header);
    emit(writer, writer->stored, stored);
    pending->bytes = 0;
    pending->records = 0;
}

/* Writes what is pending and notes the chunk in the index. */
static void flush_chunk(cbit_trace_writer_t *writer, cbit_cbt_type_t type, pending_t *pending)
{
    if (pending->records == 0) {
        return;
    }
    if (writer->chunks == CBIT_CBT_MAX_CHUNKS) {
        writer->failed = writer->failed == CBIT_ERR_OK ? CBIT_ERR_RANGE : writer->failed;
        pending->bytes = 0;
        pending->records = 0;
        return;
    }
    uint8_t *entry = writer->index + (size_t)writer->chunks++ * CBIT_CBT_INDEX_ENTRY_BYTES;
    cbit_cbt_put_u64(entry, writer->at);
    cbit_cbt_put_u32(entry + 8, type);
    cbit_cbt_put_u32(entry + 12, pending->records);
    cbit_cbt_put_u64(entry + 16, type == CBIT_CBT_MEM ? writer->records : 0);
    writer->records += type == CBIT_CBT_MEM ? pending->records : 0;
    emit_chunk(writer, type, pending);
}

static void emit_header(cbit_trace_writer_t *writer)
{
    uint8_t head[8];
    char text[CBIT_CBT_HEADER_ROOM_BYTES];
    memcpy(head, CBIT_CBT_MAGIC, 4);
    cbit_cbt_put_u32(head + 4, CBIT_CBT_HEADER_ROOM_BYTES);
    cbit_cbt_format_header(text, &writer->info);
    emit(writer, head, sizeof head);
    emit(writer, text, sizeof text);
}

static char *with_suffix(const char *path, const char *suffix)
{
    size_t len = strlen(path) + strlen(suffix) + 1;
    char *text = malloc(len);
    if (text != NULL) {
        (void)snprintf(text, len, "%s%s", path, suffix);
    }
    return text;
}

static void free_writer(cbit_trace_writer_t *writer)
{
    if (writer->file != NULL) {
        (void)fclose(writer->file);
    }
    ZSTD_freeCCtx(writer->zstd);
    free(writer->path);
    free(writer->part_path);
    free(writer->mem.raw);
    free(writer->image.raw);
    free(writer->vm.raw);
    free(writer->stored);
    free(writer->index);
    free(writer);
}

cbit_err_t cbit_trace_writer_create(const char *path, const cbit_trace_info_t *info,
                                    cbit_trace_writer_t **out, cbit_diag_t *diag)
{
    cbit_trace_writer_t *writer = calloc(1, sizeof *writer);
    char suffix[32]; /* a name of this process alone */
    if (writer == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    writer->path = with_suffix(path, "");
    (void)snprintf(suffix, sizeof suffix, ".part%ld", (long)getpid());
    writer->part_path = with_suffix(path, suffix);
    writer->mem.raw = malloc(CBIT_TRACE_CHUNK_BYTES);
    writer->image.raw = malloc(CBIT_TRACE_CHUNK_BYTES);
    writer->stored = malloc(CBIT_CBT_STORED_MAX_BYTES);
    writer->index = malloc(CBIT_TRACE_CHUNK_BYTES);
    writer->zstd = ZSTD_createCCtx();
    writer->info = *info;
    writer->info.instructions = writer->info.fetches = writer->info.loads = 0;
    writer->info.stores = writer->info.pages = writer->info.events = 0;
    if (writer->path == NULL || writer->part_path == NULL || writer->mem.raw == NULL ||
        writer->image.raw == NULL || writer->stored == NULL || writer->index == NULL ||
        writer->zstd == NULL) {
        free_writer(writer);
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    (void)unlink(writer->part_path); /* of a dead process, or a link that leads elsewhere */
    writer->file = fopen(writer->part_path, "wbx");
    if (writer->file == NULL) {
        cbit_err_t err = cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "cannot write %s: %s",
                                       writer->part_path, strerror(errno));
        free_writer(writer);
        return err;
    }
    emit_header(writer);
    *out = writer;
    return CBIT_ERR_OK;
}

cbit_err_t cbit_trace_writer_record(cbit_trace_writer_t *writer, const cbit_trace_record_t *record)
{
    if (!cbit_cbt_record_ok(record)) {
        return CBIT_ERR_INTERNAL;
    }
    pending_t *mem = &writer->mem;
    if (mem->bytes + CBIT_CBT_RECORD_MAX_BYTES > CBIT_TRACE_CHUNK_BYTES) {
        flush_chunk(writer, CBIT_CBT_MEM, mem);
    }
    if (mem->records == 0) {
        writer->predictor = (cbit_cbt_predictor_t){{0}};
    }
    mem->bytes += (uint32_t)cbit_cbt_put_record(mem->raw + mem->bytes, &writer->predictor, record);
    mem->records++;
    writer->info.instructions += record->gap;
    writer->info.fetches += record->kind == CBIT_TRACE_FETCH;
    writer->info.loads += record->kind == CBIT_TRACE_LOAD;
    writer->info.stores += record->kind == CBIT_TRACE_STORE;
    return writer->failed;
}

cbit_err_t cbit_trace_writer_page(cbit_trace_writer_t *writer, const cbit_trace_page_t *page)
{
    if (page->gva % CBIT_TRACE_PAGE_BYTES != 0 || page->gva < writer->next_page_gva ||
        page->gva >= CBIT_CBT_GVA_LIMIT || writer->info.pages == CBIT_TRACE_MAX_PAGES) {
        return CBIT_ERR_INTERNAL;
    }
    pending_t *image = &writer->image;
    if (image->bytes + CBIT_CBT_PAGE_ENTRY_BYTES > CBIT_TRACE_CHUNK_BYTES) {
        flush_chunk(writer, CBIT_CBT_IMAGE, image);
    }
    uint8_t *entry = image->raw + image->bytes;
    cbit_cbt_put_u64(entry, page->gva);
    cbit_cbt_put_u32(entry + 8, page->flags);
    cbit_cbt_put_u32(entry + 12, 0);
    memcpy(entry + 16, page->bytes, CBIT_TRACE_PAGE_BYTES);
    image->bytes += CBIT_CBT_PAGE_ENTRY_BYTES;
    image->records++;
    writer->next_page_gva = page->gva + CBIT_TRACE_PAGE_BYTES;
    writer->info.pages++;
    return writer->failed;
}

/* Few traces have events: the room for them is made by the first one. */
cbit_err_t cbit_trace_writer_event(cbit_trace_writer_t *writer, const cbit_trace_event_t *event)
{
    pending_t *vm = &writer->vm;
    if (event->kind >= CBIT_TRACE_EVENT_KINDS || event->at_ps < writer->last_event_ps) {
        return CBIT_ERR_INTERNAL;
    }
    if (vm->raw == NULL) {
        vm->raw = malloc(CBIT_TRACE_CHUNK_BYTES);
        if (vm->raw == NULL) {
            writer->failed = CBIT_ERR_NO_MEMORY;
            return writer->failed;
        }
    }
    if (vm->bytes + CBIT_CBT_EVENT_MAX_BYTES > CBIT_TRACE_CHUNK_BYTES) {
        flush_chunk(writer, CBIT_CBT_VM, vm);
    }
    if (vm->records == 0) {
        writer->event_ps = 0;
    }
    vm->bytes += (uint32_t)cbit_cbt_put_event(vm->raw + vm->bytes, &writer->event_ps, event);
    vm->records++;
    writer->last_event_ps = event->at_ps;
    writer->info.events++;
    return writer->failed;
}

const cbit_trace_info_t *cbit_trace_writer_info(const cbit_trace_writer_t *writer)
{
    return &writer->info;
}

static void emit_index(cbit_trace_writer_t *writer)
{
    uint8_t trailer[CBIT_CBT_TRAILER_BYTES];
    pending_t index = {.raw = writer->index,
                       .bytes = writer->chunks * CBIT_CBT_INDEX_ENTRY_BYTES,
                       .records = writer->chunks};
    cbit_cbt_put_u64(trailer, writer->at);
    memcpy(trailer + 8, CBIT_CBT_TRAILER, 8);
    emit_chunk(writer, CBIT_CBT_INDEX, &index);
    emit(writer, trailer, sizeof trailer);
}

cbit_err_t cbit_trace_writer_finish(cbit_trace_writer_t *writer, cbit_diag_t *diag)
{
    flush_chunk(writer, CBIT_CBT_IMAGE, &writer->image);
    flush_chunk(writer, CBIT_CBT_MEM, &writer->mem);
    flush_chunk(writer, CBIT_CBT_VM, &writer->vm);
    emit_index(writer);
    if (writer->failed == CBIT_ERR_OK && fseek(writer->file, 0, SEEK_SET) == 0) {
        emit_header(writer); /* now with the totals */
    }
    if (writer->failed == CBIT_ERR_OK && (fflush(writer->file) != 0 || ferror(writer->file) != 0 ||
                                          rename(writer->part_path, writer->path) != 0)) {
        writer->failed = CBIT_ERR_WRITE;
        writer->errno_of_failure = errno;
    }
    cbit_err_t err = writer->failed;
    if (err == CBIT_ERR_WRITE) {
        (void)cbit_diag_add(diag, err, NULL, "cannot write %s: %s", writer->path,
                            strerror(writer->errno_of_failure));
    } else if (err != CBIT_ERR_OK) {
        (void)cbit_diag_add(diag, err, NULL, "the trace %s is too large for its format",
                            writer->path);
    }
    if (err != CBIT_ERR_OK) {
        (void)unlink(writer->part_path);
    }
    free_writer(writer);
    return err;
}

void cbit_trace_writer_discard(cbit_trace_writer_t *writer)
{
    if (writer != NULL) {
        (void)unlink(writer->part_path);
        free_writer(writer);
    }
}
