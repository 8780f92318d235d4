/* The runs of a sweep as processes of this same program, a few at a time. */
#ifndef CBIT_CLI_SWEEP_POOL_H
#define CBIT_CLI_SWEEP_POOL_H

#include <stdbool.h>

#include "cbit/perf/sweep.h"

typedef struct cbit_sweep_pool {
    const cbit_sweep_t *sweep;
    char folder[CBIT_SWEEP_PATH_BYTES]; /* holds NAME/ (good), NAME.FAILED (why not) */
    char (*names)[CBIT_SWEEP_NAME_BYTES];
    uint32_t jobs;
    bool progress;    /* on stderr, when that is a terminal */
    const bool *only; /* by run: which ones are looked at; NULL: all */
    uint32_t started, found;
} cbit_sweep_pool_t;

/* The path of what belongs to a run: suffix "", "/result.json", ".FAILED", ".log". */
void cbit_sweep_pool_path(const cbit_sweep_pool_t *pool, uint32_t run, const char *suffix,
                          char path[CBIT_SWEEP_PATH_BYTES]);

/* Whether what belongs to a run is there. */
bool cbit_sweep_pool_has(const cbit_sweep_pool_t *pool, uint32_t run, const char *suffix);

/* Where progress is wanted: how many of `count` are done, their rate, the time left. */
void cbit_sweep_pool_tell(const cbit_sweep_pool_t *pool, uint32_t done, uint32_t count,
                          uint64_t spent_ms, const char *where);

/* Runs what has no result yet. WRITE when processes or files cannot be made; that a run fails is no
   error here. */
cbit_err_t cbit_sweep_pool_run(cbit_sweep_pool_t *shared, cbit_diag_t *diag);

#endif
