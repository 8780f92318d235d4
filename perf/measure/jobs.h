/* Independent measurements, on as many threads as wanted: which one makes it never shows. */
#ifndef CBIT_PERF_MEASURE_JOBS_H
#define CBIT_PERF_MEASURE_JOBS_H

#include <stdint.h>

#include "cbit/base/diag.h"

/* One thing to do; jobs share nothing that any of them changes. */
typedef struct cbit_measure_job {
    cbit_err_t (*run)(void *self, cbit_diag_t *diag);
    void *self;
    const char *what; /* for people */
} cbit_measure_job_t;

/*
 * Runs all jobs on `workers` threads (0: 1), the caller's among them, and returns when all are
 * over. After a failure none is begun; the findings of the first failed job, in the jobs' order,
 * go to diag. tell (may be NULL) is called before each, by one thread at a time.
 */
cbit_err_t cbit_measure_jobs_run(const cbit_measure_job_t *jobs, uint32_t count, uint32_t workers,
                                 void (*tell)(void *self, const char *what, uint32_t index,
                                              uint32_t count),
                                 void *tell_self, cbit_diag_t *diag);

#endif
