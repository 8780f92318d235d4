/* Any JSON as a run's result and timeline: the page that shows it has no script but its own, and
   what a timeline is thinned out to is JSON again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/perf/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How often a page says "</script", in whatever case and across the pieces that it is written in.
 */
typedef struct page {
    size_t matched;
    uint32_t ends;
} page_t;

static void require(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static bool put(void *self, const char *bytes, size_t len)
{
    static const char end[] = "</script";
    page_t *page = self;
    for (size_t i = 0; i < len; i++) {
        const char c = (char)(bytes[i] >= 'A' && bytes[i] <= 'Z' ? bytes[i] + 32 : bytes[i]);
        page->matched = c == end[page->matched] ? page->matched + 1 : c == end[0];
        if (page->matched == sizeof end - 1) {
            page->ends++;
            page->matched = 0;
        }
    }
    return true;
}

static uint32_t script_ends(const cbit_report_run_t *run)
{
    page_t page = {.ends = 0};
    const cbit_err_t err = cbit_report_write(run, 1, put, &page);
    require(err == (cbit_report_available() ? CBIT_ERR_OK : CBIT_ERR_TOOL), "a page is written");
    return page.ends;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const cbit_report_run_t plain = {.name = "plain", .result = "{}"};
    char *text = calloc(1, size + 1);
    cbit_arena_t *arena = cbit_arena_create();
    cbit_diag_t *diag = cbit_diag_create();
    memcpy(text, data, size);
    const cbit_json_t *json = cbit_json_parse(arena, text, size, 0, diag);
    if (json != NULL) {
        char *timeline = cbit_report_timeline(arena, json, 1 + (uint32_t)(size % 3));
        require(timeline == NULL ||
                    cbit_json_parse(arena, timeline, strlen(timeline), 0, diag) != NULL,
                "a timeline is JSON");
        const cbit_report_run_t run = {.name = text, .result = text, .timeline = timeline};
        require(script_ends(&run) == script_ends(&plain), "a result ends no script");
        free(timeline);
    }
    cbit_diag_destroy(diag);
    cbit_arena_destroy(arena);
    free(text);
    return 0;
}
