/* Where the engine becomes the limit instead of the bus. */
#ifndef CBIT_PERF_MEASURE_KNEE_H
#define CBIT_PERF_MEASURE_KNEE_H

#include "cbit/platform/config.h"

/* What the clocks of a configuration are worth. */
typedef struct cbit_clocks {
    cbit_clock_t engine;
    uint64_t lead_ps; /* a row hit's RD to its first block: what is known early has at least that */
    uint64_t engine_mgbs; /* GB/s x 1000 that all engines take of such a mix */
} cbit_clocks_t;

cbit_err_t cbit_clocks_of(const cbit_platform_config_t *config, uint32_t read_per_mille,
                          cbit_clocks_t *clocks, cbit_diag_t *diag);

#endif
