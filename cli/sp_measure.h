/* cbit sp measure: what each command costs the Secure Processor, and what its firmware takes. */
#ifndef CBIT_CLI_SP_MEASURE_H
#define CBIT_CLI_SP_MEASURE_H

#include "cli/sp_host.h"

/* Runs one command of each kind on a platform that is UNINIT. An exit status. */
int sp_measure_run(sp_host_t *host, sp_table_format_t format);

#endif
