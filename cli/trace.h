/* The verb `cbit trace`. */
#ifndef CBIT_CLI_TRACE_H
#define CBIT_CLI_TRACE_H

/* argv[0] is "trace"; returns the exit status. */
int cbit_cli_trace(int argc, char **argv);

#endif
