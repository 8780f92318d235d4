/* Any bytes as a trace file: it is refused, or everything in it can be read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cbit/workloads/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static cbit_err_t look_at(void *self, const cbit_trace_page_t *page)
{
    uint64_t *sum = self;
    *sum += page->gva + page->flags + page->bytes[0];
    return CBIT_ERR_OK;
}

typedef struct events {
    uint64_t last_ps, count;
} events_t;

static cbit_err_t see_event(void *self, const cbit_trace_event_t *event)
{
    events_t *events = self;
    if (event->kind >= CBIT_TRACE_EVENT_KINDS || event->at_ps < events->last_ps) {
        abort(); /* a kind without a row, or time runs back */
    }
    events->last_ps = event->at_ps;
    events->count++;
    return CBIT_ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    enum { BATCH = 256 };
    cbit_trace_record_t records[BATCH];
    cbit_trace_reader_t *reader = NULL;
    uint64_t sum = 0;
    cbit_diag_t *diag = cbit_diag_create();
    if (cbit_trace_reader_open_bytes(bytes, len, &reader, diag) == CBIT_ERR_OK) {
        uint32_t count = 1;
        cbit_err_t err = cbit_trace_reader_for_each_page(reader, look_at, &sum, diag);
        events_t events = {0};
        if (err == CBIT_ERR_OK) {
            err = cbit_trace_reader_for_each_event(reader, see_event, &events, diag);
        }
        if (err == CBIT_ERR_OK && events.count != cbit_trace_reader_info(reader)->events) {
            abort();
        }
        while (err == CBIT_ERR_OK && count != 0) {
            err = cbit_trace_reader_read(reader, records, BATCH, &count, diag);
            for (uint32_t i = 0; i < count; i++) {
                bool fetch = records[i].kind == CBIT_TRACE_FETCH;
                if (records[i].kind > CBIT_TRACE_STORE || records[i].size_bytes == 0 ||
                    records[i].size_bytes > 64 || records[i].gva >> 47 != 0 ||
                    (fetch && records[i].gva % 64 + records[i].size_bytes > 64)) {
                    abort(); /* the reader promises what its users rely on */
                }
            }
        }
        if ((err == CBIT_ERR_OK) != (cbit_diag_count(diag) == 0)) {
            abort(); /* every refusal is told */
        }
    } else if (cbit_diag_count(diag) == 0) {
        abort();
    }
    cbit_trace_reader_close(reader);
    cbit_diag_destroy(diag);
    return 0;
}
