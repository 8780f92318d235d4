#include "cbit/workloads/trace.h"
#include "workloads/traffic/page_map.h"

enum { BATCH = 1024 };

static bool touch(cbit_page_map_t *map, uint64_t number)
{
    return cbit_page_map_find(map, number) != NULL || cbit_page_map_insert(map, number, 0);
}

static bool touch_record(cbit_page_map_t *pages, cbit_page_map_t *lines,
                         const cbit_trace_record_t *record)
{
    uint64_t first = record->gva, last = record->gva + record->size_bytes - 1;
    return touch(pages, first / CBIT_TRACE_PAGE_BYTES) &&
           touch(pages, last / CBIT_TRACE_PAGE_BYTES) &&
           touch(lines, first / CBIT_TRACE_LINE_BYTES) &&
           touch(lines, last / CBIT_TRACE_LINE_BYTES);
}

cbit_err_t cbit_trace_footprint(const cbit_trace_source_t *source,
                                cbit_trace_footprint_t *footprint, cbit_diag_t *diag)
{
    cbit_trace_record_t records[BATCH];
    cbit_page_map_t pages = {0}, lines = {0};
    cbit_err_t err = source->rewind(source->self, diag);
    for (uint32_t count = 1; err == CBIT_ERR_OK && count != 0;) {
        err = source->read(source->self, records, BATCH, &count, diag);
        for (uint32_t i = 0; i < count && err == CBIT_ERR_OK; i++) {
            if (!touch_record(&pages, &lines, &records[i])) {
                err = cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
            }
        }
    }
    footprint->pages = pages.count;
    footprint->lines = lines.count;
    cbit_page_map_free(&pages);
    cbit_page_map_free(&lines);
    return err;
}
