/* Between the parts of a sweep. */
#ifndef CBIT_PERF_SWEEP_SWEEP_H
#define CBIT_PERF_SWEEP_SWEEP_H

#include "cbit/perf/sweep.h"

/* plan.c: choices and points_count, or findings. */
void cbit_sweep_plan(cbit_sweep_t *sweep, cbit_diag_t *diag);

#endif
