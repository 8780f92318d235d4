/* /dev/sev for a program and its children. */
#ifndef CBIT_CLI_SP_DEV_H
#define CBIT_CLI_SP_DEV_H

#include "cli/sp_host.h"

/* Whether the program can be served: found, and linked so that a library can be preloaded. 0, or
   the exit status after saying why not. */
int sp_dev_check(const char *program);

/* Initialises the platform, runs argv with /dev/sev, serves its calls one at a time until it ends.
   Returns its exit status (128 + signal if it was killed). */
int sp_dev_run(sp_host_t *host, char **argv);

#endif
