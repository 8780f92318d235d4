/*
 * The runs of a sweep on an existing Slurm: the missing ones are cut into tasks of a job array,
 * each of which is `cbit sweep --task N` on some node. Finished runs in the (shared) directory are
 * the only state: whatever is killed, a second call finds the job that is still at work or submits
 * what is missing.
 */
#ifndef CBIT_CLI_SWEEP_SLURM_H
#define CBIT_CLI_SWEEP_SLURM_H

#include "cli/sweep_pool.h"

typedef struct cbit_sweep_slurm {
    cbit_sweep_pool_t *pool;
    const char *out;  /* the sweep's directory */
    const char *file; /* the sweep */
    uint64_t chunk;   /* runs a task; 0: four tasks a CPU of the cluster */
} cbit_sweep_slurm_t;

/* Waits for a job of this directory that an earlier call has left at work. TOOL when there is no
   Slurm or it does not answer. To be called before anything in the directory is cleaned. */
cbit_err_t cbit_sweep_slurm_adopt(const cbit_sweep_slurm_t *slurm, cbit_diag_t *diag);

/* Submits what has no result, waits, and submits again what was lost on the way. A run that is lost
   whenever it is tried gets a FAILED file. TOOL, WRITE. */
cbit_err_t cbit_sweep_slurm_run(const cbit_sweep_slurm_t *slurm, cbit_diag_t *diag);

/* The side of a node: the runs of one task. */
cbit_err_t cbit_sweep_slurm_task(const cbit_sweep_slurm_t *slurm, uint64_t task, cbit_diag_t *diag);

#endif
