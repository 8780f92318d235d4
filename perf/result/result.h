/* What the parts of the result share. */
#ifndef CBIT_PERF_RESULT_RESULT_H
#define CBIT_PERF_RESULT_RESULT_H

#include "cbit/perf/result.h"
#include "cbit/workloads/buffer.h"

/* One line of stats.txt; the texts live in the result's arena or are static. */
typedef struct cbit_stat {
    const char *name, *value, *unit, *help;
} cbit_stat_t;

struct cbit_result {
    cbit_arena_t *arena;
    cbit_json_t *json;
    cbit_stat_t *stats;
    size_t stats_count, stats_capacity;
    bool failed;
    cbit_verdict_t verdict;
};

/* stats.c: a value into the result and into stats.txt. value may be NULL (memory is out). */
void cbit_result_put(cbit_result_t *result, cbit_json_t *into, const char *prefix, const char *key,
                     cbit_json_t *value, const char *unit, const char *help);

/* All rows of a struct of counters. Picoseconds become nanoseconds with three decimals: the row
   busy_ps is the key busy_ns. */
void cbit_result_put_rows(cbit_result_t *result, cbit_json_t *into, const char *prefix,
                          const cbit_row_t *rows, const void *object);

/* a x 10^decimals / b, rounded to nearest; null when b is 0. */
cbit_json_t *cbit_result_ratio(cbit_arena_t *arena, uint64_t a, uint64_t b, uint32_t decimals);

/* build.c: everything but the expectations. */
void cbit_result_build(cbit_result_t *result, const cbit_scenario_t *scenario,
                       const cbit_result_runs_t *runs);

/* memory.c: energy, why reads waited, and levels over time, into /memory. */
void cbit_result_put_memory(cbit_result_t *result, cbit_json_t *memory,
                            const cbit_run_result_t *run);

/* migration.c: /migrations; and what of it is told as text, from the result. */
void cbit_result_put_migrations(cbit_result_t *result, cbit_json_t *root,
                                const cbit_scenario_t *scenario, const cbit_run_result_t *run);
void cbit_result_add_migrations(cbit_text_t *text, const cbit_json_t *root);

/* expect.c: /expect, and the verdict. */
void cbit_result_judge(cbit_result_t *result, const cbit_scenario_t *scenario,
                       cbit_engine_mode_t mode);

/* A number of the result x 10^decimals, 0 when it is absent, null or has more digits. */
uint64_t cbit_result_number(const cbit_json_t *root, const char *pointer, uint32_t decimals);
const char *cbit_result_string(const cbit_json_t *root, const char *pointer);

#endif
