/*
 * Traffic into a rig, and what it is answered with.
 *
 * Closed loop, as load generators on real machines do it: a few probes read random lines, each
 * after the answer to its last one, and are what is measured; background requests walk through
 * memory in one sequence, each slot waiting `delay_ps` (evenly between half and one and a half of
 * it) between an answer and its next request. Open loop: random requests come at times that are
 * fixed beforehand, whatever the answers do, so that runs with different engines see the same
 * arrivals.
 */
#ifndef CBIT_PERF_MEASURE_LOAD_H
#define CBIT_PERF_MEASURE_LOAD_H

#include "cbit/platform/platform.h"
#include "perf/measure/rig.h"

typedef struct cbit_load {
    uint32_t probes;         /* measured; open loop: at most so many on their way */
    uint32_t background;     /* requests on their way besides */
    uint64_t delay_ps;       /* background: from answer to next request */
    uint64_t interval_ps;    /* open loop: between arrivals; 0: closed loop */
    uint32_t read_per_mille; /* of the background; the rest are writes of whole lines */
    uint64_t footprint_bytes;
    uint64_t warm_up, samples; /* probes' answers that are not counted, and that are */
    uint64_t seed;
    uint64_t *each_ps; /* room for samples latencies in order of arrival, or NULL */
} cbit_load_t;

enum { CBIT_LOAD_BATCHES = 20 };

typedef struct cbit_load_result {
    cbit_platform_latency_t read;
    uint64_t lines; /* answered while probes were counted, background included */
    uint64_t span_ps;
    uint64_t batch_ps[CBIT_LOAD_BATCHES]; /* sums of equal parts of the samples, in order */
    uint64_t refused;                     /* open loop: arrivals that found no free slot */
} cbit_load_result_t;

/* Runs until all samples are there. The result is large: not for the stack. */
cbit_err_t cbit_load_run(cbit_rig_t *rig, const cbit_load_t *load, cbit_load_result_t *result,
                         cbit_diag_t *diag);

/* Half the width of the 95 % confidence interval of the mean, from the batches' means (Student,
   19 degrees of freedom), in picoseconds. */
uint64_t cbit_load_interval_ps(const cbit_load_result_t *result);

#endif
