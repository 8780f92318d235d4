/* Between the parts of a sweep. */
#ifndef CBIT_PERF_SWEEP_SWEEP_H
#define CBIT_PERF_SWEEP_SWEEP_H

#include "cbit/perf/sweep.h"

/* plan.c: choices and points_count, or findings. */
void cbit_sweep_plan(cbit_sweep_t *sweep, cbit_diag_t *diag);

/* write.c: mean of a figure over a point's good runs, and half the width of its 95 % confidence
   interval (0 with one run); returns how many numbers there were. Doubles, for summaries only,
   summed in the order of the runs. */
uint32_t cbit_sweep_mean(const cbit_sweep_table_t *table, uint32_t point, uint32_t f,
                         double *mean_of, double *ci95);

#endif
