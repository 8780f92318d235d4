/*
 * From single instructions and their data accesses to the records of a trace: instructions that lie
 * in one 64-byte line become one fetch.
 */
#ifndef CBIT_TRAFFIC_COALESCE_H
#define CBIT_TRAFFIC_COALESCE_H

#include "cbit/workloads/trace.h"

enum { CBIT_COALESCE_HELD = 1024 };

typedef struct cbit_coalesce {
    void *self;
    /* Receives the records in order; an error is kept and ends the output. */
    cbit_err_t (*emit)(void *self, const cbit_trace_record_t *record);
    cbit_err_t failed;

    cbit_trace_record_t run; /* the fetch that is growing; size 0: none */
    uint64_t run_end;
    uint32_t gap;  /* instructions since the last record */
    uint32_t held; /* data accesses behind the run */
    cbit_trace_record_t data[CBIT_COALESCE_HELD];
} cbit_coalesce_t;

void cbit_coalesce_init(cbit_coalesce_t *coalesce, void *self,
                        cbit_err_t (*emit)(void *self, const cbit_trace_record_t *record));

/* One instruction of size bytes; those of no user address are counted, not fetched. */
void cbit_coalesce_instruction(cbit_coalesce_t *coalesce, uint64_t gva, uint32_t size_bytes);

/* A data access of the last instruction, any size; cut into pieces of at most 64 bytes. */
void cbit_coalesce_data(cbit_coalesce_t *coalesce, cbit_trace_kind_t kind, uint64_t gva,
                        uint32_t size_bytes, bool depends);

/* Puts out what is held. */
cbit_err_t cbit_coalesce_flush(cbit_coalesce_t *coalesce);

#endif
