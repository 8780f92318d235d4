/* Runs another program and waits for it. */
#ifndef COSIM_PROCESS_H
#define COSIM_PROCESS_H

#include "cbit/base/err.h"

/*
 * argv[0] is looked for in PATH; the list ends with NULL. What it prints goes to the file log_path.
 * OK: it ended, *status is its exit status (128 + n for signal n). TOOL: it could not be started.
 */
cbit_err_t cbit_process_run(char *const argv[], const char *log_path, int *status);

/* Removes a folder with everything in it. */
void cbit_process_remove_tree(const char *path);

#endif
