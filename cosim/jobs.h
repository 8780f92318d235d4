/* The same work for many numbers, in several processes at once. */
#ifndef COSIM_JOBS_H
#define COSIM_JOBS_H

#include <stddef.h>
#include <stdint.h>

#include "cbit/base/err.h"

typedef struct cbit_jobs {
    uint32_t count; /* numbers 0..count-1 */
    uint32_t jobs;  /* processes at once; 1 works in this one */
    void *self;
    /* Fills results + number * result_bytes: plain data without pointers, zeroed before. */
    void (*work)(void *self, uint32_t number, void *result);
    size_t result_bytes;
} cbit_jobs_t;

/*
 * *results is memory for all of them, to be given back with cbit_jobs_free; the same whatever
 * `jobs` is. INTERNAL when a process died (a design can crash): *died is the first such number.
 */
cbit_err_t cbit_jobs_run(const cbit_jobs_t *jobs, void **results, uint32_t *died);
void cbit_jobs_free(const cbit_jobs_t *jobs, void *results);

#endif
