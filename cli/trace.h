/* The parts of `cbit trace`: one function for each of its verbs. */
#ifndef CBIT_CLI_TRACE_H
#define CBIT_CLI_TRACE_H

#include "cbit/workloads/trace.h"
#include "cli/args.h"

/* Each returns an exit status; argv[0] is the verb. */
int cbit_cli_trace_record(int argc, char **argv);
int cbit_cli_trace_info(int argc, char **argv);
int cbit_cli_trace_gen(int argc, char **argv);
int cbit_cli_trace_import(int argc, char **argv);
int cbit_cli_trace_convert(int argc, char **argv);

/* What is in a trace, on stdout; footprint may be NULL. */
void cbit_print_trace_info(const char *path, const cbit_trace_info_t *info,
                           const cbit_trace_footprint_t *footprint);

/* Adds a finding when something is at path already and may not be overwritten. */
cbit_err_t cbit_check_output(const char *path, bool force, cbit_diag_t *diag);

/* Copies a source into a trace, from record `skip` on, at most `limit` of them (0: all). */
cbit_err_t cbit_copy_trace(const cbit_trace_source_t *source, const char *path, uint64_t skip,
                           uint64_t limit, cbit_trace_info_t *written, cbit_diag_t *diag);

#endif
