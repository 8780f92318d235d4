/* What a core pays beside the memory's latency, and other ciphers beside this engine. */
#ifndef CBIT_PERF_MEASURE_COSTS_H
#define CBIT_PERF_MEASURE_COSTS_H

#include "cbit/platform/config.h"
#include "cbit/workloads/json.h"
#include "perf/measure/rig.h"

typedef enum cbit_cost {
    CBIT_COST_READ_2M,
    CBIT_COST_READ_4K,
    CBIT_COST_WALK,
    CBIT_COST_TOUCH_2M,
    CBIT_COST_TOUCH_4K,
    CBIT_COST_TOUCH_WALK,
    CBIT_COST_HIT,
    CBIT_COST_FLUSH,
    CBIT_COST_TO_SHARED,
    CBIT_COST_TO_PRIVATE,
    CBIT_COST_VMRUN,
    CBIT_COST_ASID_TLB,
    CBIT_COST_ASID_CACHES,
    CBIT_COSTS,
} cbit_cost_t;

/* A figure's key in the JSON and what people read. */
typedef struct cbit_cost_row {
    const char *key, *text;
} cbit_cost_row_t;
extern const cbit_cost_row_t cbit_cost_rows[]; /* by cbit_cost_t; ends with key NULL */

/* All of one mode (PLAIN or SEV), in picoseconds; loads: of the random walks. The machine must have
   CBIT_CORE_NEEDS of memory. */
cbit_err_t cbit_costs_measure(const cbit_platform_config_t *config, cbit_rig_mode_t mode,
                              uint64_t loads, uint64_t seed, uint64_t ps[CBIT_COSTS],
                              cbit_diag_t *diag);

/* Adds "costs": {plain: {key: ns}, sev: {key: ns}}. */
void cbit_costs_put(const uint64_t plain_ps[CBIT_COSTS], const uint64_t sev_ps[CBIT_COSTS],
                    cbit_arena_t *arena, cbit_json_t *root);

/* Adds "ciphers": [{name, adder_ns, ...}]: latency and energy by formula, at this machine's engine
   clock and depth; lead_ps: from the address to the data, at least. */
void cbit_ciphers_put(const cbit_platform_config_t *config, const cbit_clock_t *engine_clock,
                      uint64_t lead_ps, cbit_arena_t *arena, cbit_json_t *root);

#endif
