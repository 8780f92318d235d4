#include "cli/load.h"

#include <stdlib.h>
#include <string.h>

static const cbit_scenario_options_t *add_sections(cbit_scenario_options_t *options,
                                                   cbit_scenario_section_t *section,
                                                   cbit_tool_config_t *config)
{
    *section = (cbit_scenario_section_t){cbit_hypervisor_section_rows, &config->hypervisor};
    options->sections = section;
    options->sections_count = 1;
    return options;
}

enum { POINTER_BYTES = CBIT_JSON_POINTER_BYTES };

typedef struct split {
    char pointers[CBIT_ARG_LIST_MAX][POINTER_BYTES];
    cbit_scenario_set_t sets[CBIT_ARG_LIST_MAX];
} split_t;

static cbit_err_t split_sets(const cbit_arg_list_t *list, split_t *split, cbit_diag_t *diag)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const char *text = list->items[i], *equals = strchr(text, '=');
        size_t len = equals == NULL ? 0 : (size_t)(equals - text);
        if (text[0] != '/' || equals == NULL || len >= POINTER_BYTES) {
            cbit_diag_set_file(diag, "--set");
            return cbit_diag_add(diag, CBIT_ERR_USAGE, NULL,
                                 "found \"%.100s\"; expected /json/pointer=value", text);
        }
        memcpy(split->pointers[i], text, len);
        split->pointers[i][len] = '\0';
        split->sets[i] = (cbit_scenario_set_t){split->pointers[i], equals + 1};
    }
    return CBIT_ERR_OK;
}

cbit_err_t cbit_load_scenario(const char *path, const cbit_load_how_t *how,
                              cbit_tool_config_t *config, cbit_scenario_file_t **out,
                              cbit_diag_t *diag)
{
    cbit_scenario_section_t section;
    split_t *split = calloc(1, sizeof *split);
    if (split == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_scenario_options_t options = {.sets = split->sets,
                                       .sets_count = how->sets->count,
                                       .full = how->full,
                                       .preset = how->preset};
    cbit_err_t err = split_sets(how->sets, split, diag);
    if (err == CBIT_ERR_OK) {
        err = cbit_scenario_load(path, add_sections(&options, &section, config), out, diag);
    }
    free(split);
    return err;
}

cbit_err_t cbit_replay_scenario(const char *path, cbit_tool_config_t *config,
                                cbit_engine_mode_t *mode, cbit_scenario_file_t **out,
                                cbit_diag_t *diag)
{
    cbit_scenario_section_t section;
    cbit_scenario_options_t options = {.sets_count = 0};
    return cbit_scenario_replay(path, add_sections(&options, &section, config), mode, out, diag);
}

static const cbit_scenario_section_t described = {cbit_hypervisor_section_rows, NULL};

cbit_json_t *cbit_tool_schema(cbit_arena_t *arena)
{
    return arena == NULL ? NULL : cbit_scenario_schema(&described, 1, arena);
}

char *cbit_tool_manual(void)
{
    return cbit_scenario_manual(&described, 1);
}
