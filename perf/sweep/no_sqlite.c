/* Built where libsqlite3 was not found. */
#include "cbit/perf/sweep.h"

cbit_err_t cbit_sweep_sqlite(const cbit_sweep_table_t *table, const char *path, cbit_diag_t *diag)
{
    (void)table;
    (void)path;
    (void)diag;
    return CBIT_ERR_UNSUPPORTED;
}
