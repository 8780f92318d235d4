#include <stdlib.h>
#include <string.h>

#include "workloads/scenario/file.h"

bool cbit_event_is_misbehaviour(const cbit_scenario_event_t *event)
{
    return event->kind != CBIT_EVENT_DMA_READ && event->kind != CBIT_EVENT_DMA_WRITE;
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

/* The long form is laid over the short one, or left out. */
static void take_full(cbit_scenario_file_t *file, bool wanted, cbit_diag_t *diag)
{
    cbit_json_t *before = NULL, *full = file->tree->first;
    while (full != NULL && strcmp(full->key, "full") != 0) {
        before = full;
        full = full->next;
    }
    if (full == NULL) {
        return;
    }
    *(before == NULL ? &file->tree->first : &before->next) = full->next;
    file->tree->last = file->tree->last == full ? before : file->tree->last;
    file->tree->count--;
    if (full->kind != CBIT_JSON_OBJECT) {
        cbit_diag_set_file(diag, file->origins[full->origin].shown);
        (void)cbit_diag_add(diag, CBIT_ERR_TYPE, "/full", "found another type; expected an object");
    } else if (wanted) {
        cbit_scenario_merge(file->arena, file->tree, full);
    }
}

static void load(cbit_scenario_file_t *file, const char *path,
                 const cbit_scenario_options_t *options, cbit_diag_t *diag)
{
    bool complete = false;
    file->tree = cbit_scenario_read(file, path, &complete, diag);
    if (file->tree == NULL) {
        return;
    }
    take_full(file, options->full, diag);
    if (file->preset && !options->preset) {
        cbit_diag_set_file(diag, path);
        (void)cbit_diag_add(diag, CBIT_ERR_TYPE, "/format",
                            "a preset is a machine without guests; expected \"cbit-scenario/1\"");
        cbit_diag_hint(diag, "a scenario names it in its \"include\"");
        return;
    }
    if (file->preset) {
        cbit_scenario_check_sources(file, diag);
    }
    apply_sets(file, options, diag);
    cbit_scenario_bind(file, diag);
    if (complete) { /* else what a lacking file would have said is missing from the comparison */
        cbit_scenario_check_rules(file, diag);
    }
}

static void load_result(cbit_scenario_file_t *file, const char *path, cbit_engine_mode_t *mode,
                        cbit_diag_t *diag)
{
    file->tree = cbit_scenario_read_result(file, path, mode, diag);
    if (file->tree == NULL) {
        return;
    }
    cbit_scenario_bind(file, diag);
    cbit_scenario_check_rules(file, diag);
    cbit_scenario_check_inputs(file, diag);
}

static cbit_scenario_file_t *new_file(const char *path, const cbit_scenario_options_t *options)
{
    static const cbit_scenario_options_t none = {0};
    cbit_scenario_file_t *file = calloc(1, sizeof *file);
    if (file == NULL || (file->arena = cbit_arena_create()) == NULL) {
        free(file);
        return NULL;
    }
    file->origins[CBIT_ORIGIN_DEFAULT] =
        (cbit_origin_t){.label = "default", .shown = path, .folder = ""};
    file->origins_count = CBIT_ORIGIN_FIRST;
    take_sections(file, options == NULL ? &none : options);
    return file;
}

/* Hands the file out, or not, by what diag has got since. */
static cbit_err_t finish(cbit_scenario_file_t *file, size_t before, cbit_scenario_file_t **out,
                         cbit_diag_t *diag)
{
    cbit_diag_set_file(diag, NULL);
    if (cbit_arena_failed(file->arena) || (file->tree == NULL && cbit_diag_count(diag) == before)) {
        (void)cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    if (cbit_diag_count(diag) != before) {
        cbit_scenario_file_destroy(file);
        return cbit_diag_first(diag);
    }
    *out = file;
    return CBIT_ERR_OK;
}

cbit_err_t cbit_scenario_load(const char *path, const cbit_scenario_options_t *options,
                              cbit_scenario_file_t **out, cbit_diag_t *diag)
{
    static const cbit_scenario_options_t none = {0};
    size_t before = cbit_diag_count(diag);
    cbit_scenario_file_t *file = new_file(path, options);
    if (file == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    load(file, path, options == NULL ? &none : options, diag);
    return finish(file, before, out, diag);
}

cbit_err_t cbit_scenario_replay(const char *path, const cbit_scenario_options_t *options,
                                cbit_engine_mode_t *mode, cbit_scenario_file_t **out,
                                cbit_diag_t *diag)
{
    size_t before = cbit_diag_count(diag);
    cbit_scenario_file_t *file = new_file(path, options);
    if (file == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    load_result(file, path, mode, diag);
    return finish(file, before, out, diag);
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
