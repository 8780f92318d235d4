/* The parts of `cbit trace`: one function for each of its verbs. */
#ifndef CBIT_CLI_TRACE_H
#define CBIT_CLI_TRACE_H

#include <stdio.h>

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

/* Runs a scenario with the model's engine and writes everything that its hypervisor and its machine
   did; says what was written. */
void cbit_trace_of_run(const char *path, const cbit_arg_list_t *sets, const char *output,
                       cbit_diag_t *diag);

/* "TIME_PS,EVENT,FIELD=VALUE ..."; negative when it cannot be written. */
int cbit_print_event(FILE *to, const cbit_trace_event_t *event);

/* How many there are of each kind, on stdout; nothing without events. */
cbit_err_t cbit_print_event_counts(cbit_trace_reader_t *reader, cbit_diag_t *diag);

/* Adds a finding when something is at path already and may not be overwritten. */
cbit_err_t cbit_check_output(const char *path, bool force, cbit_diag_t *diag);

/* Copies a source into a trace, from record `skip` on, at most `limit` of them (0: all). */
cbit_err_t cbit_copy_trace(const cbit_trace_source_t *source, const char *path, uint64_t skip,
                           uint64_t limit, cbit_trace_info_t *written, cbit_diag_t *diag);

#endif
