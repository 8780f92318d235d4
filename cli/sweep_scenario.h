/* A sweep and the scenario that it names, looked at together. */
#ifndef CBIT_CLI_SWEEP_SCENARIO_H
#define CBIT_CLI_SWEEP_SCENARIO_H

#include "cbit/perf/sweep.h"
#include "cli/load.h"

/* Loads the scenario and tells axes that lead to nothing in it; path is the sweep's, for
   diagnostics. tool must outlive *out. */
cbit_err_t cbit_sweep_scenario(const cbit_sweep_t *sweep, const char *path,
                               cbit_tool_config_t *tool, cbit_scenario_file_t **out,
                               cbit_diag_t *diag);

/* Whether a file says that it is a sweep; false for one that cannot be read. */
bool cbit_sweep_is_one(const char *path);

/* Everything that is wrong with a sweep, without running it. */
cbit_err_t cbit_sweep_check(const char *path, cbit_diag_t *diag);

#endif
