/**
 * @file
 * From what a run has counted to result.json, stats.txt, the table on the terminal and the verdict
 * on its expectations.
 *
 * Everything here is a function of scenario and counters alone: no clock, host, path or order of
 * threads reaches it, and no floating point. Ratios are rounded to nearest.
 */
#ifndef CBIT_PERF_RESULT_H
#define CBIT_PERF_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/workloads/hypervisor.h"
#include "cbit/workloads/json.h"
#include "cbit/workloads/scenario.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_result_runs {
    cbit_engine_mode_t mode;
    const cbit_run_result_t *run;
    const cbit_run_result_t *engine_off; /* baselines; NULL: the slowdowns are null */
    const cbit_run_result_t *unprotected;
    const cbit_run_result_t *lawful; /* without its misbehaviours; NULL when there are none */
} cbit_result_runs_t;

typedef struct cbit_result cbit_result_t; /* opaque */

/*
 * Builds the result and evaluates the expectations. Nothing given is needed afterwards. INPUT_FILE
 * when a trace cannot be read any more, NO_MEMORY; then *out is untouched.
 */
cbit_err_t cbit_result_create(const cbit_scenario_file_t *file, const cbit_result_runs_t *runs,
                              cbit_result_t **out, cbit_diag_t *diag);
void cbit_result_destroy(cbit_result_t *result); /* NULL is allowed */

/* The whole of result.json. */
const cbit_json_t *cbit_result_json(const cbit_result_t *result);

typedef struct cbit_verdict {
    uint32_t held, failed, skipped; /* expectations */
    uint64_t broken_checks;         /* counts of /checks that are not zero: our bugs */
} cbit_verdict_t;
cbit_verdict_t cbit_result_verdict(const cbit_result_t *result);

/* Texts, to be freed by the caller; NULL when memory is out. */
char *cbit_result_table(const cbit_result_t *result);  /* for people: stages, guests, events */
char *cbit_result_learnt(const cbit_result_t *result); /* one sentence: what the run shows */
char *cbit_result_stats(const cbit_result_t *result);  /* name  value  # sentence (unit) */
char *cbit_result_csv(const cbit_result_t *result);    /* name,value,unit with a header line */

#ifdef __cplusplus
}
#endif
#endif
