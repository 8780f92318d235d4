/* cbit: finds the verb. */
#include <stdio.h>
#include <string.h>

#include "cbit/base/err.h"
#include "cbit/base/rows.h"
#include "cli/verbs.h"

const cbit_verb_t cbit_verbs[] = {
#ifdef CBIT_HAVE_VERB_RUN
    {"run", cbit_cli_run, "SCENARIO.json", "run a scenario: table, result.json, expectations"},
#endif
    {"check", cbit_cli_check, "FILE...", "validate scenarios, presets, sweeps and traces"},
#ifdef CBIT_HAVE_VERB_DRAM
    {"dram", cbit_cli_dram, "STREAM", "offer a bare address stream to one memory controller"},
#endif
    {"measure", cbit_cli_measure, "", "measure idle and loaded latency, plain and encrypted"},
#ifdef CBIT_HAVE_VERB_COSIM
    {"cosim", cbit_cli_cosim, "", "compare the RTL of the engine with the golden model"},
#endif
#ifdef CBIT_HAVE_VERB_SP
    {"sp", cbit_cli_sp, "", "run the Secure Processor alone: console and commands"},
#endif
#ifdef CBIT_HAVE_VERB_TRACE
    {"trace", cbit_cli_trace, "VERB ...", "make, record, import, convert and inspect traces"},
#endif
#ifdef CBIT_HAVE_VERB_SWEEP
    {"sweep", cbit_cli_sweep, "SWEEP.json",
     "run one scenario at many points, with figures in a table"},
#endif
#ifdef CBIT_HAVE_VERB_REPORT
    {"report", cbit_cli_report, "DIR...",
     "write one self-contained HTML page for any number of runs"},
#endif
    {NULL, NULL, NULL, NULL},
};

static void print_help(FILE *to)
{
    (void)fprintf(to, "  cbit run workloads/scenarios/first-light.json\n"
                      "  cbit run first-light.json --engine off --json\n"
                      "\n"
                      "usage: cbit VERB ...\n\n");
    for (const cbit_verb_t *verb = cbit_verbs; verb->name != NULL; verb++) {
        (void)fprintf(to, "  %-7s %-14s %s\n", verb->name, verb->operands, verb->summary);
    }
    (void)fprintf(to, "\ncbit VERB --help tells more. Exit status: 0 done and every expectation\n"
                      "held; 1 an expectation or comparison failed; 2 usage; 3 an input is wrong;\n"
                      "4 a file or tool is missing; 70 a bug in cbit.\n");
}

static int unknown_verb(const char *name)
{
    cbit_row_t rows[16] = {{.key = NULL}};
    for (int i = 0; i < 15 && cbit_verbs[i].name != NULL; i++) {
        rows[i].key = cbit_verbs[i].name;
        rows[i + 1].key = NULL;
    }
    const char *nearest = cbit_rows_nearest(rows, name);
    (void)fprintf(stderr, "error: cbit has no verb %s\n  hint: %s%s\n", name,
                  nearest == NULL ? "cbit --help" : "did you mean cbit ",
                  nearest == NULL ? "" : nearest);
    return cbit_err_exit_status(CBIT_ERR_USAGE);
}

/* stdout is the result: a full disk must not look like success. */
static int finish(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)fprintf(stderr, "error: standard output cannot be written\n");
        return status == 0 ? cbit_err_exit_status(CBIT_ERR_WRITE) : status;
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return finish(0);
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("cbit %s\n", CBIT_VERSION);
        return finish(0);
    }
    for (const cbit_verb_t *verb = cbit_verbs; verb->name != NULL; verb++) {
        if (strcmp(verb->name, argv[1]) == 0) {
            return finish(verb->run(argc - 1, argv + 1));
        }
    }
    return unknown_verb(argv[1]);
}
