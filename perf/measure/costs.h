/* What a core pays beside the memory's latency, and other ciphers beside this engine. */
#ifndef CBIT_PERF_MEASURE_COSTS_H
#define CBIT_PERF_MEASURE_COSTS_H

#include "cbit/platform/config.h"
#include "cbit/workloads/json.h"

/* A figure's key in the JSON and what people read. */
typedef struct cbit_cost_row {
    const char *key, *text;
} cbit_cost_row_t;
extern const cbit_cost_row_t cbit_cost_rows[]; /* ends with key NULL */

/* Adds "costs": {plain: {key: ns}, sev: {key: ns}}; loads: of the random walks. Nothing is added
   when the machine has less memory than CBIT_CORE_NEEDS. */
cbit_err_t cbit_costs_measure(const cbit_platform_config_t *config, uint64_t loads, uint64_t seed,
                              cbit_arena_t *arena, cbit_json_t *root, cbit_diag_t *diag);

/* Adds "ciphers": [{name, adder_ns, ...}]: latency and energy by formula, at this machine's engine
   clock and depth; lead_ps: from the address to the data, at least. */
void cbit_ciphers_put(const cbit_platform_config_t *config, const cbit_clock_t *engine_clock,
                      uint64_t lead_ps, cbit_arena_t *arena, cbit_json_t *root);

#endif
