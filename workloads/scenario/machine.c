/* What the loader asks of the trace reader and of the platform. */
#include "cbit/platform/config.h"
#include "cbit/workloads/trace.h"
#include "workloads/scenario/rules.h"

void cbit_scenario_check_trace(const char *path, cbit_diag_t *diag)
{
    cbit_diag_set_file(diag, path);
    (void)cbit_trace_check(path, CBIT_ERR_INPUT_FILE, diag);
}

void cbit_scenario_check_machine(const cbit_scenario_file_t *file, cbit_diag_t *diag)
{
    (void)cbit_platform_check(&file->machine, diag);
}
