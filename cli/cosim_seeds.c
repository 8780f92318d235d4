/* cbit cosim --seeds N --jobs N. */
#include <inttypes.h>

#include "cli/cosim.h"
#include "cosim/jobs.h"

cbit_err_t cbit_cosim_run_seeds(const cbit_cosim_seeds_t *what, const cbit_cosim_options_t *options,
                                cbit_cosim_report_t *report, cbit_diag_t *diag)
{
    cbit_jobs_t jobs = {.count = report->seed_count,
                        .jobs = (uint32_t)options->jobs,
                        .self = what->self,
                        .work = what->run,
                        .result_bytes = sizeof(cbit_cosim_outcome_t)};
    void *results = NULL;
    uint32_t died = 0;
    cbit_err_t err = cbit_jobs_run(&jobs, &results, &died), worst = CBIT_ERR_OK;
    if (err != CBIT_ERR_OK) {
        cbit_jobs_free(&jobs, results);
        return cbit_diag_add(diag, err, NULL, "the process of seed %" PRIu64 " ended early",
                             options->seed + died);
    }
    for (uint32_t i = 0; i < report->seed_count; i++) {
        const cbit_cosim_outcome_t *outcome = (const cbit_cosim_outcome_t *)results + i;
        report->seeds[i].seed = options->seed + i;
        what->merge(outcome, options->seed + i, report, &report->seeds[i]);
        worst = worst == CBIT_ERR_OK ? outcome->err : worst;
    }
    cbit_jobs_free(&jobs, results);
    if (worst != CBIT_ERR_OK && worst != CBIT_ERR_MISMATCH) {
        return cbit_diag_add(diag, worst, NULL, "%s", cbit_err_text(worst));
    }
    return worst;
}
