#include <stdlib.h>

#include "workloads/scenario/file.h"

bool cbit_event_is_misbehaviour(const cbit_scenario_event_t *event)
{
    return event->kind == CBIT_EVENT_RUN_WITH_ASID || event->kind == CBIT_EVENT_SKIP_ACTIVATE;
}

static void take_sections(cbit_scenario_file_t *file, const cbit_scenario_options_t *options)
{
    file->sections[0] = (cbit_scenario_section_t){cbit_scenario_rows, &file->scenario};
    file->sections[1] = (cbit_scenario_section_t){cbit_platform_rows, &file->machine};
    file->sections_count = 2;
    for (uint32_t i = 0; i < options->sections_count; i++) {
        if (file->sections_count < CBIT_SCENARIO_MAX_SECTIONS) {
            file->sections[file->sections_count++] = options->sections[i];
        }
    }
}

static void apply_sets(cbit_scenario_file_t *file, const cbit_scenario_options_t *options,
                       cbit_diag_t *diag)
{
    uint32_t number = file->origins_count++;
    file->origins[number] = (cbit_origin_t){.label = "--set", .shown = "--set", .folder = ""};
    for (uint32_t i = 0; i < options->sets_count; i++) {
        cbit_scenario_apply_set(file, &options->sets[i], number, diag);
    }
}

static void load(cbit_scenario_file_t *file, const char *path,
                 const cbit_scenario_options_t *options, cbit_diag_t *diag)
{
    bool complete = false;
    file->origins[CBIT_ORIGIN_DEFAULT] =
        (cbit_origin_t){.label = "default", .shown = path, .folder = ""};
    file->origins_count = CBIT_ORIGIN_FIRST;
    take_sections(file, options);
    file->tree = cbit_scenario_read(file, path, &complete, diag);
    if (file->tree == NULL) {
        return;
    }
    apply_sets(file, options, diag);
    cbit_scenario_bind(file, diag);
    if (complete) { /* else what a lacking file would have said is missing from the comparison */
        cbit_scenario_check_rules(file, diag);
    }
}

cbit_err_t cbit_scenario_load(const char *path, const cbit_scenario_options_t *options,
                              cbit_scenario_file_t **out, cbit_diag_t *diag)
{
    static const cbit_scenario_options_t none = {0};
    size_t before = cbit_diag_count(diag);
    cbit_scenario_file_t *file = calloc(1, sizeof *file);
    if (file == NULL || (file->arena = cbit_arena_create()) == NULL) {
        free(file);
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    load(file, path, options == NULL ? &none : options, diag);
    cbit_diag_set_file(diag, NULL);
    if (cbit_diag_count(diag) != before || file->tree == NULL) {
        cbit_scenario_file_destroy(file);
        return cbit_diag_first(diag) == CBIT_ERR_OK ? CBIT_ERR_INTERNAL : cbit_diag_first(diag);
    }
    *out = file;
    return CBIT_ERR_OK;
}

void cbit_scenario_file_destroy(cbit_scenario_file_t *file)
{
    if (file != NULL) {
        cbit_arena_destroy(file->arena);
        free(file);
    }
}

const cbit_scenario_t *cbit_scenario_of(const cbit_scenario_file_t *file)
{
    return &file->scenario;
}
