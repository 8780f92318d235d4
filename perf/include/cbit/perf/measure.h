/**
 * @file
 * Idle latency, loaded latency and peak bandwidth of a machine's memory system: plain, SME, SEV.
 *
 * What is measured is fabric, controllers, engines and DRAM of a configuration, under traffic that
 * is made for it (perf/measure/load.h). `core` is the lookups of a load that misses every cache, by
 * configuration; page walks are no part of it (TLB hits). `costs` are of a core in front of the
 * same (perf/measure/core.h): walks, first touches, C-bit misses, changes of ASID.
 */
#ifndef CBIT_PERF_MEASURE_H
#define CBIT_PERF_MEASURE_H

#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/platform/config.h"
#include "cbit/workloads/json.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_measure_options {
    uint32_t points;         /* of each curve, 2..16 */
    uint32_t read_per_mille; /* of the background of the curves */
    uint32_t requests;       /* of the background, a channel keeps on its way; 0: 64 */
    uint64_t samples;        /* of each point, at least 1000 */
    uint64_t seed;
    uint32_t workers; /* threads that make the measurements; results do not depend on it. 0: 1 */
    void *self;
    /* Before each of `count` measurements, by one thread at a time; may be NULL. */
    void (*on_progress)(void *self, const char *what, uint32_t index, uint32_t count);
} cbit_measure_options_t;

/* {format, machine, samples, modes: {plain, sme, sev}, ...}: docs/measuring.md. NULL after
 * findings. */
cbit_json_t *cbit_measure(const cbit_platform_config_t *config,
                          const cbit_measure_options_t *options, cbit_arena_t *arena,
                          cbit_diag_t *diag);

/* For people; for other tools one line a point, then, behind an empty line, one a cost. To be
 * freed; NULL when memory is out. */
char *cbit_measure_table(const cbit_json_t *measured);
char *cbit_measure_csv(const cbit_json_t *measured);

#ifdef __cplusplus
}
#endif
#endif
