#define _XOPEN_SOURCE 700

#include "cli/sweep_scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pointer that leads to nothing would fail every run: told before the first. A value that is
   optional and absent is not in the configuration, so a load has the last word. */
static void check_axis(const cbit_sweep_t *sweep, const char *path, const cbit_json_t *config,
                       uint32_t axis, cbit_diag_t *diag)
{
    cbit_tool_config_t tool;
    cbit_scenario_file_t *file = NULL;
    cbit_arg_list_t sets = {.count = 1};
    const cbit_load_how_t how = {&sets, false, false};
    cbit_text_t text = {0};
    if (cbit_json_at(config, sweep->axes[axis].pointer) != NULL) {
        return;
    }
    cbit_text_add(&text, "%s=%s", sweep->axes[axis].pointer, cbit_sweep_value(sweep, 0, axis));
    char *set = cbit_text_take(&text);
    sets.items[0] = set == NULL ? "" : set;
    cbit_diag_t *tried = cbit_diag_create();
    if (cbit_load_scenario(sweep->path, &how, &tool, &file, tried) == CBIT_ERR_OK) {
        cbit_scenario_file_destroy(file);
    } else {
        char where[64];
        const cbit_diag_entry_t *entry = cbit_diag_at(tried, 0);
        (void)snprintf(where, sizeof where, "/axes/%" PRIu32 "/pointer", axis);
        cbit_diag_set_file(diag, path);
        (void)cbit_diag_add(diag, CBIT_ERR_UNKNOWN_KEY, where,
                            "leads to nothing in the scenario's configuration: %.200s: %.200s",
                            entry == NULL ? "" : entry->where, entry == NULL ? "" : entry->text);
        if (entry != NULL && entry->hint[0] != '\0') {
            cbit_diag_hint(diag, "%s", entry->hint);
        }
    }
    cbit_diag_destroy(tried);
    free(set);
}

cbit_err_t cbit_sweep_scenario(const cbit_sweep_t *sweep, const char *path,
                               cbit_tool_config_t *tool, cbit_scenario_file_t **out,
                               cbit_diag_t *diag)
{
    cbit_arg_list_t sets = {.count = 0};
    const cbit_load_how_t how = {&sets, false, false};
    cbit_scenario_file_t *file = NULL;
    if (access(sweep->path, R_OK) != 0) { /* named by a file: the sweep is wrong */
        cbit_diag_set_file(diag, path);
        return cbit_diag_add(diag, CBIT_ERR_INPUT_FILE, "/scenario", "%.300s cannot be opened: %s",
                             sweep->path, strerror(errno));
    }
    cbit_err_t err = cbit_load_scenario(sweep->path, &how, tool, &file, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    size_t before = cbit_diag_count(diag);
    cbit_arena_t *arena = cbit_arena_create();
    const cbit_json_t *config = arena == NULL ? NULL : cbit_scenario_config(file, arena);
    for (uint32_t a = 0; a < sweep->axes_count; a++) {
        check_axis(sweep, path, config, a, diag);
    }
    cbit_arena_destroy(arena);
    if (cbit_diag_count(diag) != before) {
        cbit_scenario_file_destroy(file);
        return CBIT_ERR_UNKNOWN_KEY;
    }
    *out = file;
    return CBIT_ERR_OK;
}

bool cbit_sweep_is_one(const char *path)
{
    static const char prefix[] = "cbit-sweep/";
    cbit_arena_t *arena = cbit_arena_create();
    const cbit_json_t *tree =
        arena == NULL ? NULL : cbit_json_load(arena, path, 4 << 20, 0, CBIT_ERR_OPEN, NULL);
    const cbit_json_t *format =
        tree == NULL || tree->kind != CBIT_JSON_OBJECT ? NULL : cbit_json_get(tree, "format");
    bool is = format != NULL && format->kind == CBIT_JSON_STRING &&
              strncmp(format->text, prefix, sizeof prefix - 1) == 0;
    cbit_arena_destroy(arena);
    return is;
}

cbit_err_t cbit_sweep_check(const char *path, cbit_diag_t *diag)
{
    cbit_tool_config_t tool;
    cbit_sweep_t *sweep = NULL;
    cbit_scenario_file_t *file = NULL;
    cbit_err_t err = cbit_sweep_load(path, &sweep, diag);
    if (err == CBIT_ERR_OK) {
        err = cbit_sweep_scenario(sweep, path, &tool, &file, diag);
    }
    cbit_scenario_file_destroy(file);
    cbit_sweep_destroy(sweep);
    return err;
}
