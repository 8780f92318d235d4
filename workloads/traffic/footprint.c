#include <stdlib.h>

#include "cbit/workloads/trace.h"
#include "workloads/traffic/page_map.h"

enum { BATCH = 1024, LINES_PER_PAGE = CBIT_TRACE_PAGE_BYTES / CBIT_TRACE_LINE_BYTES };
_Static_assert(LINES_PER_PAGE == 64, "a page's lines are the bits of one word");

/* Sixteen bytes a page and eight for its lines: a GiB takes a few MiB. */
typedef struct touched {
    cbit_page_map_t pages; /* page number to its place in lines */
    uint64_t *lines;       /* bit n: line n of the page */
    uint32_t capacity;
} touched_t;

/* The lines of a page, which may be new; NULL: out of memory. */
static uint64_t *lines_of(touched_t *touched, uint64_t page)
{
    const uint32_t *known = cbit_page_map_find(&touched->pages, page);
    if (known != NULL) {
        return &touched->lines[*known];
    }
    const uint32_t at = touched->pages.count;
    if (at == touched->capacity) {
        const uint32_t bigger = touched->capacity == 0 ? BATCH : 2 * touched->capacity;
        uint64_t *lines = realloc(touched->lines, bigger * sizeof lines[0]);
        if (lines == NULL) {
            return NULL;
        }
        touched->lines = lines;
        touched->capacity = bigger;
    }
    if (!cbit_page_map_insert(&touched->pages, page, at)) {
        return NULL;
    }
    touched->lines[at] = 0;
    return &touched->lines[at];
}

static bool touch(touched_t *touched, uint64_t gva)
{
    uint64_t *lines = lines_of(touched, gva / CBIT_TRACE_PAGE_BYTES);
    if (lines != NULL) {
        *lines |= UINT64_C(1) << gva / CBIT_TRACE_LINE_BYTES % LINES_PER_PAGE;
    }
    return lines != NULL;
}

static uint64_t count_lines(const touched_t *touched)
{
    uint64_t count = 0;
    for (uint32_t page = 0; page < touched->pages.count; page++) {
        count += (uint64_t)__builtin_popcountll(touched->lines[page]);
    }
    return count;
}

cbit_err_t cbit_trace_footprint(const cbit_trace_source_t *source,
                                cbit_trace_footprint_t *footprint, cbit_diag_t *diag)
{
    cbit_trace_record_t records[BATCH];
    touched_t touched = {.lines = NULL};
    cbit_err_t err = source->rewind(source->self, diag);
    for (uint32_t count = 1; err == CBIT_ERR_OK && count != 0;) {
        err = source->read(source->self, records, BATCH, &count, diag);
        for (uint32_t i = 0; i < count && err == CBIT_ERR_OK; i++) {
            const uint64_t first = records[i].gva, last = first + records[i].size_bytes - 1;
            const bool one = first / CBIT_TRACE_LINE_BYTES == last / CBIT_TRACE_LINE_BYTES;
            if (!touch(&touched, first) || (!one && !touch(&touched, last))) {
                err = cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
            }
        }
    }
    footprint->pages = touched.pages.count;
    footprint->lines = count_lines(&touched);
    cbit_page_map_free(&touched.pages);
    free(touched.lines);
    return err;
}
