/**
 * @file
 * Recorded memory traces (`.cbt`, docs/trace-format.md) and what any source of memory references
 * looks like to a guest.
 *
 * Reading is streamed: one chunk (at most 1 MiB raw) is in memory at a time, whatever the file's
 * length. A file is hostile until proven otherwise: every finding names its byte offset.
 */
#ifndef CBIT_WORKLOADS_TRACE_H
#define CBIT_WORKLOADS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbit/base/diag.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_TRACE_PAGE_BYTES = 4096,
    CBIT_TRACE_LINE_BYTES = 64,
    CBIT_TRACE_CHUNK_BYTES = 1 << 20,  /* raw, at most */
    CBIT_TRACE_HEADER_BYTES = 1 << 16, /* JSON, at most */
    CBIT_TRACE_MAX_PAGES = 1 << 18,    /* program pages of one trace: 1 GiB */
    CBIT_TRACE_TEXT_BYTES = 255,       /* of one text in the header; the rest is cut */
};

typedef enum cbit_trace_kind {
    CBIT_TRACE_FETCH, /* instruction bytes; never crosses a 64-byte line */
    CBIT_TRACE_LOAD,
    CBIT_TRACE_STORE,
} cbit_trace_kind_t;

typedef struct cbit_trace_record {
    uint64_t gva;
    uint32_t gap;       /* instructions begun since the previous record, this one's included */
    uint8_t kind;       /* cbit_trace_kind_t */
    uint8_t size_bytes; /* 1..64 */
    bool depends;       /* its address comes from the previous load */
} cbit_trace_record_t;

/* ---- what a hypervisor and its machine did ---- */

typedef enum cbit_trace_event_kind {
    CBIT_TRACE_RUN,     /* VMRUN */
    CBIT_TRACE_EXIT,    /* #VMEXIT */
    CBIT_TRACE_ASID,    /* a guest's ASID is activated, or taken away (0) */
    CBIT_TRACE_DMA,     /* a transfer of a device is through */
    CBIT_TRACE_COMMAND, /* the Secure Processor has answered */
    CBIT_TRACE_REQUEST, /* memory has answered a request of any source */
    CBIT_TRACE_EVENT_KINDS,
} cbit_trace_event_kind_t;

enum { CBIT_TRACE_EVENT_FIELDS = 7 };

typedef struct cbit_trace_event {
    uint64_t at_ps;                           /* never before that of the event before it */
    uint8_t kind;                             /* cbit_trace_event_kind_t */
    uint64_t fields[CBIT_TRACE_EVENT_FIELDS]; /* as cbit_trace_event_rows says; the rest is 0 */
} cbit_trace_event_t;

/* A kind's word, and the names of its fields. */
typedef struct cbit_trace_event_row {
    const char *word;
    uint32_t count;
    const char *fields[CBIT_TRACE_EVENT_FIELDS];
} cbit_trace_event_row_t;
extern const cbit_trace_event_row_t cbit_trace_event_rows[CBIT_TRACE_EVENT_KINDS];

/* Who wants to know of them. */
typedef struct cbit_trace_sink {
    void *self;
    void (*on_event)(void *self, const cbit_trace_event_t *event);
} cbit_trace_sink_t;

enum {
    CBIT_TRACE_PAGE_READ = 1,
    CBIT_TRACE_PAGE_EXECUTE = 2,
};

/* A page of the program as it was loaded: code and read-only data. */
typedef struct cbit_trace_page {
    uint64_t gva;   /* multiple of 4096 */
    uint32_t flags; /* CBIT_TRACE_PAGE_ */
    uint8_t bytes[CBIT_TRACE_PAGE_BYTES];
} cbit_trace_page_t;

/* What the header says; sums are checked against the chunks when the file is opened. */
typedef struct cbit_trace_info {
    char source[CBIT_TRACE_TEXT_BYTES + 1];  /* "lackey", "pattern", "import champsim"... */
    char program[CBIT_TRACE_TEXT_BYTES + 1]; /* what was recorded, for people */
    char licence[CBIT_TRACE_TEXT_BYTES + 1]; /* of the code in the IMAGE chunks; "" unknown */
    bool code_generated; /* the IMAGE pages are a stand-in, not the recorded program */
    uint64_t seed;       /* of generated traces; 0 for recorded ones */
    uint64_t instructions;
    uint64_t fetches, loads, stores;
    uint64_t pages;  /* in IMAGE chunks */
    uint64_t events; /* in VM chunks */
} cbit_trace_info_t;

/* ---- a source of references: a trace file or a synthetic pattern ---- */

typedef struct cbit_trace_source {
    void *self;

    /* Up to max records in order; *count 0 only at the end. On error *count records are good. */
    cbit_err_t (*read)(void *self, cbit_trace_record_t *records, uint32_t max, uint32_t *count,
                       cbit_diag_t *diag);

    /* Back to the first record. */
    cbit_err_t (*rewind)(void *self, cbit_diag_t *diag);

    /* Calls visit for every program page, in the order of the file; ends at the first error. Does
       not disturb read. The page is valid during the call only. */
    cbit_err_t (*for_each_page)(void *self,
                                cbit_err_t (*visit)(void *visitor, const cbit_trace_page_t *page),
                                void *visitor, cbit_diag_t *diag);

    const cbit_trace_info_t *(*info)(void *self);

    void (*destroy)(void *self);
} cbit_trace_source_t;

/* What a source touches, fetches included; the source is read from its start to its end. */
typedef struct cbit_trace_footprint {
    uint64_t pages; /* of 4 KiB */
    uint64_t lines; /* of 64 bytes */
} cbit_trace_footprint_t;
cbit_err_t cbit_trace_footprint(const cbit_trace_source_t *source,
                                cbit_trace_footprint_t *footprint, cbit_diag_t *diag);

/* ---- reading ---- */

typedef struct cbit_trace_reader cbit_trace_reader_t; /* opaque */

/*
 * Opens a trace and checks header, chunk headers, index and totals. A file that cannot be opened is
 * `missing`: CBIT_ERR_INPUT_FILE when an input named it, CBIT_ERR_OPEN on a command line.
 */
cbit_err_t cbit_trace_reader_open(const char *path, cbit_err_t missing, cbit_trace_reader_t **out,
                                  cbit_diag_t *diag);

/* The same from memory, which stays the caller's and must outlive the reader. */
cbit_err_t cbit_trace_reader_open_bytes(const uint8_t *bytes, size_t len_bytes,
                                        cbit_trace_reader_t **out, cbit_diag_t *diag);
void cbit_trace_reader_close(cbit_trace_reader_t *reader); /* NULL is allowed */

/* What the header says; it lives as long as the reader. */
const cbit_trace_info_t *cbit_trace_reader_info(const cbit_trace_reader_t *reader);

/* As cbit_trace_source_t has them. */
cbit_err_t cbit_trace_reader_read(cbit_trace_reader_t *reader, cbit_trace_record_t *records,
                                  uint32_t max, uint32_t *count, cbit_diag_t *diag);
cbit_err_t cbit_trace_reader_rewind(cbit_trace_reader_t *reader, cbit_diag_t *diag);
cbit_err_t cbit_trace_reader_for_each_page(cbit_trace_reader_t *reader,
                                           cbit_err_t (*visit)(void *visitor,
                                                               const cbit_trace_page_t *page),
                                           void *visitor, cbit_diag_t *diag);

/* Calls visit for every event, in the order of the file; ends at the first error. Does not disturb
   read. */
cbit_err_t cbit_trace_reader_for_each_event(cbit_trace_reader_t *reader,
                                            cbit_err_t (*visit)(void *visitor,
                                                                const cbit_trace_event_t *event),
                                            void *visitor, cbit_diag_t *diag);

/* The reader as a source; the source's destroy closes the reader. */
cbit_trace_source_t cbit_trace_reader_source(cbit_trace_reader_t *reader);

/* Reads every chunk once: what `cbit check` does. */
cbit_err_t cbit_trace_check(const char *path, cbit_err_t missing, cbit_diag_t *diag);

/* ---- writing ---- */

typedef struct cbit_trace_writer cbit_trace_writer_t; /* opaque */

/*
 * Starts a trace beside `path`; nothing is at `path` before finish has succeeded. Of info only
 * source, program, licence, code_generated and seed are taken; the writer counts the rest.
 */
cbit_err_t cbit_trace_writer_create(const char *path, const cbit_trace_info_t *info,
                                    cbit_trace_writer_t **out, cbit_diag_t *diag);

/* INTERNAL when a record breaks the format (size, line, kind): the caller's bug. */
cbit_err_t cbit_trace_writer_record(cbit_trace_writer_t *writer, const cbit_trace_record_t *record);

/* Each gva at most once. */
cbit_err_t cbit_trace_writer_page(cbit_trace_writer_t *writer, const cbit_trace_page_t *page);

/* INTERNAL when its kind is none, or it is before the one before it. */
cbit_err_t cbit_trace_writer_event(cbit_trace_writer_t *writer, const cbit_trace_event_t *event);

/* What has been written so far. */
const cbit_trace_info_t *cbit_trace_writer_info(const cbit_trace_writer_t *writer);

/* Writes index and totals and renames into place; the writer is gone afterwards, errors or not. */
cbit_err_t cbit_trace_writer_finish(cbit_trace_writer_t *writer, cbit_diag_t *diag);

/* Gives up: removes what was written. NULL is allowed. */
void cbit_trace_writer_discard(cbit_trace_writer_t *writer);

#ifdef __cplusplus
}
#endif
#endif
