/* Loading a scenario as every verb does it: with the sections that only the tool knows. */
#ifndef CBIT_CLI_LOAD_H
#define CBIT_CLI_LOAD_H

#include "cbit/workloads/hypervisor.h"
#include "cbit/workloads/scenario.h"
#include "cli/args.h"

/* Structs of the sections above the scenario's own layer. */
typedef struct cbit_tool_config {
    cbit_hypervisor_config_t hypervisor;
} cbit_tool_config_t;

typedef struct cbit_load_how {
    const cbit_arg_list_t *sets; /* "/json/pointer=value" */
    bool full, preset;           /* as in cbit_scenario_options_t */
} cbit_load_how_t;

/* USAGE in diag for a set without '='. config must outlive *out. */
cbit_err_t cbit_load_scenario(const char *path, const cbit_load_how_t *how,
                              cbit_tool_config_t *config, cbit_scenario_file_t **out,
                              cbit_diag_t *diag);

/* What a result was made from, and with which engine. */
cbit_err_t cbit_replay_scenario(const char *path, cbit_tool_config_t *config,
                                cbit_engine_mode_t *mode, cbit_scenario_file_t **out,
                                cbit_diag_t *diag);

/* JSON Schema of what cbit_load_scenario takes; NULL when memory is out. */
cbit_json_t *cbit_tool_schema(cbit_arena_t *arena);

/* Its reference in Markdown; to be freed, NULL when memory is out. */
char *cbit_tool_manual(void);

#endif
