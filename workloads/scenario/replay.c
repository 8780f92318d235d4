/* A result's /config back into the tree that it was resolved from. */
#define _XOPEN_SOURCE 700 /* realpath */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/json/text.h"
#include "workloads/scenario/file.h"

enum { MAX_RESULT_BYTES = 64 << 20 };

typedef struct unwrapper {
    cbit_scenario_file_t *file;
    const char *shown;
    const cbit_json_t *folders; /* of run.json, or NULL */
    cbit_json_t *sources[CBIT_SCENARIO_MAX_FILES + 2];
    char pointer[CBIT_JSON_POINTER_BYTES];
    bool failed;
} unwrapper_t;

/* The number of an origin by its label; a new one when it is new. */
static uint32_t origin_of(unwrapper_t *u, const char *label)
{
    cbit_scenario_file_t *file = u->file;
    uint32_t i = 0;
    while (i < file->origins_count && strcmp(file->origins[i].label, label) != 0) {
        i++;
    }
    if (i == CBIT_SCENARIO_MAX_FILES + 2) {
        u->failed = true;
        return 0;
    }
    if (i == file->origins_count) {
        const cbit_json_t *folder = cbit_json_get(u->folders, label);
        bool known = folder != NULL && folder->kind == CBIT_JSON_STRING;
        file->origins[i] = (cbit_origin_t){label, u->shown, known ? folder->text : "", NULL};
        file->origins_count++;
    }
    if (u->sources[i] == NULL) {
        u->sources[i] = cbit_json_new(file->arena, CBIT_JSON_OBJECT);
        file->origins[i].sources = u->sources[i];
    }
    return i;
}

static void mark(cbit_json_t *value, uint32_t origin)
{
    value->origin = origin;
    for (cbit_json_t *child = value->first; child != NULL; child = child->next) {
        mark(child, origin);
    }
}

static cbit_json_t *unwrap_leaf(unwrapper_t *u, const cbit_json_t *leaf, const cbit_json_t *from)
{
    uint32_t origin = origin_of(u, from->text);
    const cbit_json_t *source = cbit_json_get(leaf, "source");
    cbit_json_t *value = cbit_json_copy(u->file->arena, cbit_json_get(leaf, "value"));
    if (value == NULL) {
        u->failed = true;
        return NULL;
    }
    mark(value, origin);
    if (source != NULL && source->kind == CBIT_JSON_STRING) {
        (void)cbit_json_add(u->file->arena, u->sources[origin], u->pointer,
                            cbit_json_string(u->file->arena, source->text));
    }
    return value;
}

static cbit_json_t *unwrap(unwrapper_t *u, const cbit_json_t *json)
{
    const cbit_json_t *from = cbit_json_get(json, "from");
    uint32_t index = 0;
    if (from != NULL && from->kind == CBIT_JSON_STRING && cbit_json_get(json, "value") != NULL) {
        return unwrap_leaf(u, json, from);
    }
    cbit_json_t *copy = cbit_json_new(u->file->arena, json->kind);
    if (copy != NULL) {
        copy->text = json->text;
        copy->origin = CBIT_ORIGIN_DEFAULT;
    }
    for (const cbit_json_t *child = json->first; child != NULL; child = child->next, index++) {
        size_t len = strlen(u->pointer);
        if (child->key != NULL) {
            cbit_pointer_push(u->pointer, sizeof u->pointer, child->key);
        } else {
            cbit_pointer_push_index(u->pointer, sizeof u->pointer, index);
        }
        (void)cbit_json_add(u->file->arena, copy, child->key, unwrap(u, child));
        u->pointer[len] = '\0';
    }
    return copy;
}

/* run.json is beside the result; a result that has travelled alone does without. */
static const cbit_json_t *read_folders(cbit_scenario_file_t *file, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash + 1 - path);
    char *name = cbit_arena_alloc(file->arena, len + sizeof "run.json");
    cbit_diag_t *quiet = cbit_diag_create();
    const cbit_json_t *run = NULL;
    if (name != NULL && quiet != NULL) {
        memcpy(name, path, len);
        memcpy(name + len, "run.json", sizeof "run.json");
        run = cbit_json_load(file->arena, name, CBIT_SCENARIO_MAX_BYTES, 0, CBIT_ERR_INPUT_FILE,
                             quiet);
    }
    cbit_diag_destroy(quiet);
    return cbit_json_get(run, "folders");
}

static bool read_mode(const cbit_json_t *result, cbit_engine_mode_t *mode)
{
    const cbit_json_t *word = cbit_json_at(result, "/engine/mode");
    for (uint32_t i = 0; word != NULL && word->kind == CBIT_JSON_STRING && i < CBIT_ENGINE_MODES;
         i++) {
        if (strcmp(word->text, cbit_engine_mode_words[i]) == 0) {
            *mode = (cbit_engine_mode_t)i;
            return true;
        }
    }
    return false;
}

cbit_json_t *cbit_scenario_read_result(cbit_scenario_file_t *file, const char *path,
                                       cbit_engine_mode_t *mode, cbit_diag_t *diag)
{
    unwrapper_t u = {.file = file, .shown = path};
    cbit_diag_set_file(diag, path);
    cbit_json_t *result = cbit_json_load(file->arena, path, MAX_RESULT_BYTES, CBIT_ORIGIN_DEFAULT,
                                         CBIT_ERR_OPEN, diag);
    if (result == NULL) {
        return NULL;
    }
    const cbit_json_t *format = cbit_json_get(result, "format");
    const cbit_json_t *config = cbit_json_get(result, "config");
    if (format == NULL || format->kind != CBIT_JSON_STRING ||
        strcmp(format->text, "cbit-result/1") != 0 || config == NULL ||
        config->kind != CBIT_JSON_OBJECT || !read_mode(result, mode)) {
        (void)cbit_diag_add(diag, CBIT_ERR_FORMAT, "/format",
                            "not a result of cbit; expected format \"cbit-result/1\", /config and "
                            "/engine/mode");
        return NULL;
    }
    u.folders = read_folders(file, path);
    cbit_json_t *tree = unwrap(&u, config);
    if (u.failed || tree == NULL) {
        (void)cbit_diag_add(diag, CBIT_ERR_FORMAT, "/config", "more origins than any run has");
        return NULL;
    }
    file->replayed = result;
    return tree;
}

void cbit_scenario_check_inputs(const cbit_scenario_file_t *file, cbit_diag_t *diag)
{
    size_t before = cbit_diag_count(diag);
    cbit_json_t *now = cbit_scenario_inputs(file, file->arena, diag);
    const cbit_json_t *then = cbit_json_get(file->replayed, "inputs");
    if (now != NULL && before == cbit_diag_count(diag) &&
        (then == NULL || !cbit_json_equal(now, then))) {
        cbit_diag_set_file(diag, file->origins[CBIT_ORIGIN_DEFAULT].shown);
        (void)cbit_diag_add(diag, CBIT_ERR_CONFLICT, "/inputs",
                            "the files have changed since the run; expected the same bytes");
    }
}

cbit_json_t *cbit_scenario_folders(const cbit_scenario_file_t *file, cbit_arena_t *arena)
{
    cbit_json_t *folders = cbit_json_new(arena, CBIT_JSON_OBJECT);
    for (uint32_t i = CBIT_ORIGIN_FIRST; i < file->origins_count; i++) {
        const char *folder = file->origins[i].folder;
        char *real = realpath(folder[0] == '\0' ? "." : folder, NULL), *slashed = NULL;
        if (real != NULL && (slashed = cbit_arena_alloc(arena, strlen(real) + 2)) != NULL) {
            memcpy(slashed, real, strlen(real));
            slashed[strlen(real)] = '/';
        }
        free(real);
        (void)cbit_json_add(arena, folders, file->origins[i].label,
                            cbit_json_string(arena, slashed == NULL ? folder : slashed));
    }
    return folders;
}
