/**
 * @file
 * The report: one self-contained HTML page for any number of runs.
 *
 * The page carries its style, its script, the plotting library and the runs' JSON as they are; it
 * loads nothing. Figures on it are those of the results.
 */
#ifndef CBIT_PERF_REPORT_H
#define CBIT_PERF_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/workloads/json.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_report_run {
    const char *name;     /* what the page calls it */
    const char *result;   /* text of result.json: valid JSON */
    const char *run;      /* text of run.json, or NULL */
    const char *measure;  /* text of a `cbit measure --json` output, or NULL */
    const char *timeline; /* what cbit_report_timeline has made, or NULL */
} cbit_report_run_t;

/* Where the page goes, piece by piece; false ends the writing. */
typedef bool (*cbit_report_put_t)(void *self, const char *bytes, size_t len);

/* False: built without the plotting library, so there is no page to write. */
bool cbit_report_available(void);

/* A timeline.json thinned out for a page that shows `runs` of them: {slices: [[process, thread,
   begin_us, end_us, name, detail]...] longest first, slices_left_out, counters: {name: [[us,
   value]...]}}. To be freed; NULL when it is no timeline or memory is out. */
char *cbit_report_timeline(cbit_arena_t *arena, const cbit_json_t *timeline, uint32_t runs);

/* TOOL when not available, WRITE when put said false. The texts must have been parsed as JSON. */
cbit_err_t cbit_report_write(const cbit_report_run_t *runs, uint32_t count, cbit_report_put_t put,
                             void *self);

#ifdef __cplusplus
}
#endif
#endif
