/*
 * timeline.json: a run as slices and counters, in the trace event format that Perfetto's viewer
 * and chrome://tracing open. Times are simulated microseconds, exact to the picosecond.
 */
#ifndef CBIT_CLI_TIMELINE_H
#define CBIT_CLI_TIMELINE_H

#include <stdbool.h>

#include "cbit/workloads/watch.h"

typedef struct cbit_timeline cbit_timeline_t; /* opaque */

/* Keeps what ends after from_ps and begins before to_ps; NULL when memory is out. */
cbit_timeline_t *cbit_timeline_create(cbit_ps_t from_ps, cbit_ps_t to_ps);
void cbit_timeline_destroy(cbit_timeline_t *timeline); /* NULL is allowed */

/* Who watches the run; stays the timeline's. */
const cbit_watch_t *cbit_timeline_watch(cbit_timeline_t *timeline);

/* The file's bytes, the caller's to free; NULL when memory was out. */
char *cbit_timeline_text(const cbit_timeline_t *timeline);

#endif
