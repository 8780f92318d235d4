/* What a run leaves in its output directory. */
#ifndef CBIT_CLI_RUN_FILES_H
#define CBIT_CLI_RUN_FILES_H

#include "cbit/perf/result.h"
#include "cli/engines.h"
#include "cli/output.h"
#include "cli/timeline.h"

typedef struct cbit_run_facts {
    int argc;
    char **argv; /* of the whole tool, from the verb on */
    const char *path;
    uint64_t wall_ms;
    const cbit_scenario_file_t *file;
    const cbit_engine_choice_t *engine;
    const cbit_timeline_t *timeline;
    const cbit_run_result_t *run;
    bool report; /* report.html is wanted */
} cbit_run_facts_t;

/* result.json, run.json, stats.txt, timeline.json, report.html (where it is wanted and this cbit
   has the plotting library), in lock-step cosim.json, and for event N that has captured the bus
   bus-N.csv: all of them or nothing. */
cbit_err_t cbit_run_write(cbit_output_t *output, const cbit_result_t *result,
                          const cbit_run_facts_t *facts, cbit_diag_t *diag);

#endif
