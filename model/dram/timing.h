/* What timing.c and limits.c do for cbit_dram_resolve. Private to model/dram. */
#ifndef CBIT_MODEL_DRAM_TIMING_H
#define CBIT_MODEL_DRAM_TIMING_H

#include "model/dram/grades.h"

/* Every timing that is 0 becomes the device's. The configuration is a good one. */
void dram_timing_fill(cbit_dram_timing_t *t, const dram_grade_t *grade,
                      const cbit_dram_config_t *config, uint32_t banks_per_group);

/* Devices that do not exist; each fault is told, the last one returned. */
cbit_err_t dram_check_config(const cbit_dram_config_t *config, const char *where,
                             cbit_diag_t *diag);

/* Timings that no device could have: each with the rule that it breaks. */
cbit_err_t dram_check_timing(const cbit_dram_timing_t *t, const char *where, cbit_diag_t *diag);

#endif
