/* The verbs of cbit: one file each. A verb whose file is not there is not offered. */
#ifndef CBIT_CLI_VERBS_H
#define CBIT_CLI_VERBS_H

typedef struct cbit_verb {
    const char *name;                  /* NULL ends the table */
    int (*run)(int argc, char **argv); /* argv[0] is the name; returns the exit status */
    const char *operands;              /* "SCENARIO.json" */
    const char *summary;
} cbit_verb_t;
extern const cbit_verb_t cbit_verbs[];

int cbit_cli_run(int argc, char **argv);
int cbit_cli_check(int argc, char **argv);
int cbit_cli_measure(int argc, char **argv);
int cbit_cli_dram(int argc, char **argv);
int cbit_cli_cosim(int argc, char **argv);
int cbit_cli_sp(int argc, char **argv);
int cbit_cli_trace(int argc, char **argv);
int cbit_cli_sweep(int argc, char **argv);
int cbit_cli_report(int argc, char **argv);

#endif
