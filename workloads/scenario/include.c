/* Reading a scenario with everything that it includes: later files override earlier ones. */
#define _XOPEN_SOURCE 700 /* realpath */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/scenario/file.h"

enum { MAX_NESTED = 16 };

typedef struct includer {
    cbit_scenario_file_t *file;
    cbit_diag_t *diag;
    const char *open[MAX_NESTED]; /* files being read now, by real path: an include of one cycles */
    uint32_t depth;
    bool failed;
} includer_t;

static cbit_json_t *read_one(includer_t *in, const char *path, const char *label,
                             cbit_err_t missing);

/* ---- merging ---- */

static bool is_envelope(const char *key)
{
    static const char *const keys[] = {"format", "include", "sources"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void replace(cbit_json_t *old, const cbit_json_t *value)
{
    cbit_json_t *next = old->next;
    *old = *value;
    old->next = next;
}

static void merge(cbit_arena_t *arena, cbit_json_t *into, cbit_json_t *from, bool top)
{
    cbit_json_t *next;
    for (cbit_json_t *child = from->first; child != NULL; child = next) {
        next = child->next;
        cbit_json_t *old = cbit_json_get(into, child->key);
        if (top && is_envelope(child->key)) {
            continue;
        }
        if (old == NULL) {
            (void)cbit_json_add(arena, into, child->key, child);
        } else if (old->kind == CBIT_JSON_OBJECT && child->kind == CBIT_JSON_OBJECT) {
            merge(arena, old, child, false);
        } else {
            replace(old, child);
        }
    }
}

void cbit_scenario_merge(cbit_arena_t *arena, cbit_json_t *into, cbit_json_t *from)
{
    merge(arena, into, from, false);
}

/* ---- one file's envelope ---- */

static void check_format(includer_t *in, const cbit_json_t *root)
{
    const cbit_json_t *format = cbit_json_get(root, "format");
    if (format == NULL) {
        (void)cbit_diag_add(in->diag, CBIT_ERR_MISSING, "/format",
                            "missing; \"cbit-scenario/1\", or \"cbit-preset/1\" in presets");
    } else if (format->kind != CBIT_JSON_STRING || (strcmp(format->text, "cbit-scenario/1") != 0 &&
                                                    strcmp(format->text, "cbit-preset/1") != 0)) {
        (void)cbit_diag_add(in->diag, CBIT_ERR_RANGE, "/format",
                            "found %s%.60s%s; expected \"cbit-scenario/1\" or \"cbit-preset/1\"",
                            format->kind == CBIT_JSON_STRING ? "\"" : "another type",
                            format->kind == CBIT_JSON_STRING ? format->text : "",
                            format->kind == CBIT_JSON_STRING ? "\"" : "");
    }
}

static void take_sources(includer_t *in, cbit_origin_t *origin, const cbit_json_t *root)
{
    const cbit_json_t *sources = cbit_json_get(root, "sources");
    if (sources == NULL) {
        return;
    }
    if (sources->kind != CBIT_JSON_OBJECT) {
        (void)cbit_diag_add(in->diag, CBIT_ERR_TYPE, "/sources",
                            "expected an object of JSON pointers and their documents");
        return;
    }
    for (const cbit_json_t *item = sources->first; item != NULL; item = item->next) {
        if (item->kind != CBIT_JSON_STRING || cbit_json_at(root, item->key) == NULL) {
            (void)cbit_diag_add(in->diag, CBIT_ERR_TYPE, "/sources",
                                "\"%.100s\" is not a pointer to a value of this file with a text "
                                "that says where it comes from",
                                item->key);
        }
    }
    origin->sources = sources;
}

/* ---- paths ---- */

static char *join(cbit_arena_t *arena, const char *folder, const char *path)
{
    size_t folder_len = path[0] == '/' ? 0 : strlen(folder), len = strlen(path);
    char *joined = cbit_arena_alloc(arena, folder_len + len + 1);
    if (joined != NULL) {
        memcpy(joined, folder, folder_len);
        memcpy(joined + folder_len, path, len);
    }
    return joined;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* False for a file that is being read already, or one too many. */
static bool enter(includer_t *in, const char *path, const char *shown)
{
    char *real = realpath(path, NULL);
    const char *kept = real == NULL ? path : cbit_arena_copy(in->file->arena, real, strlen(real));
    free(real);
    for (uint32_t i = 0; kept != NULL && i < in->depth; i++) {
        if (strcmp(in->open[i], kept) == 0) {
            (void)cbit_diag_add(
                in->diag, CBIT_ERR_CONFLICT, "/include",
                "%.150s includes itself; files may not include each other in a ring", shown);
            return false;
        }
    }
    if (kept == NULL || in->depth == MAX_NESTED ||
        in->file->origins_count == CBIT_SCENARIO_MAX_FILES) {
        (void)cbit_diag_add(in->diag, CBIT_ERR_RANGE, "/include",
                            "too many files; at most %d in all and %d inside each other",
                            (int)CBIT_SCENARIO_MAX_FILES, (int)MAX_NESTED);
        return false;
    }
    in->open[in->depth++] = kept;
    return true;
}

static cbit_origin_t *new_origin(includer_t *in, const char *path, const char *label)
{
    cbit_origin_t *origin = &in->file->origins[in->file->origins_count++];
    const char *base = base_name(path);
    origin->label = cbit_arena_copy(in->file->arena, label, strlen(label));
    origin->shown = cbit_arena_copy(in->file->arena, path, strlen(path));
    origin->folder = cbit_arena_copy(in->file->arena, path, (size_t)(base - path));
    return origin;
}

/* ---- reading ---- */

static void include_one(includer_t *in, const cbit_origin_t *origin, const cbit_json_t *item,
                        uint32_t index, cbit_json_t *merged)
{
    char where[32];
    (void)snprintf(where, sizeof where, "/include/%u", (unsigned)index);
    cbit_diag_set_file(in->diag, origin->shown);
    if (item->kind != CBIT_JSON_STRING || item->text[0] == '\0') {
        (void)cbit_diag_add(in->diag, CBIT_ERR_TYPE, where, "expected the name of a file");
        in->failed = true;
        return;
    }
    char *path = join(in->file->arena, origin->folder, item->text);
    if (path == NULL || !enter(in, path, item->text)) {
        in->failed = true;
        return;
    }
    cbit_json_t *root = read_one(in, path, base_name(path), CBIT_ERR_INPUT_FILE);
    in->depth--;
    if (root == NULL) {
        cbit_diag_hint(in->diag, "included by %s", origin->shown);
    } else {
        merge(in->file->arena, merged, root, true);
    }
}

static void include_all(includer_t *in, const cbit_origin_t *origin, const cbit_json_t *root,
                        cbit_json_t *merged)
{
    const cbit_json_t *include = cbit_json_get(root, "include");
    uint32_t index = 0;
    if (include == NULL) {
        return;
    }
    if (include->kind != CBIT_JSON_ARRAY) {
        cbit_diag_set_file(in->diag, origin->shown);
        (void)cbit_diag_add(in->diag, CBIT_ERR_TYPE, "/include",
                            "expected an array of names of files");
        in->failed = true;
        return;
    }
    for (const cbit_json_t *item = include->first; item != NULL; item = item->next) {
        include_one(in, origin, item, index++, merged);
    }
}

/* What a file and its includes say together. */
static cbit_json_t *read_one(includer_t *in, const char *path, const char *label,
                             cbit_err_t missing)
{
    uint32_t number = in->file->origins_count;
    cbit_origin_t *origin = new_origin(in, path, label);
    cbit_diag_set_file(in->diag, origin->shown);
    cbit_json_t *root =
        cbit_json_load(in->file->arena, path, CBIT_SCENARIO_MAX_BYTES, number, missing, in->diag);
    if (root == NULL) {
        in->failed = true;
        return NULL;
    }
    if (root->kind != CBIT_JSON_OBJECT) {
        (void)cbit_diag_add(in->diag, CBIT_ERR_TYPE, "", "found another value; expected an object");
        in->failed = true;
        return NULL;
    }
    check_format(in, root);
    if (number == CBIT_ORIGIN_FIRST) {
        const cbit_json_t *format = cbit_json_get(root, "format");
        in->file->preset = format != NULL && format->kind == CBIT_JSON_STRING &&
                           strcmp(format->text, "cbit-preset/1") == 0;
    }
    take_sources(in, origin, root);
    cbit_json_t *merged = cbit_json_new(in->file->arena, CBIT_JSON_OBJECT);
    if (merged == NULL) {
        in->failed = true;
        return NULL;
    }
    merged->origin = number;
    include_all(in, origin, root, merged);
    merge(in->file->arena, merged, root, true);
    return merged;
}

cbit_json_t *cbit_scenario_read(cbit_scenario_file_t *file, const char *path, bool *complete,
                                cbit_diag_t *diag)
{
    includer_t in = {.file = file, .diag = diag};
    cbit_diag_set_file(diag, path);
    if (!enter(&in, path, path)) {
        return NULL;
    }
    cbit_json_t *merged = read_one(&in, path, "scenario", CBIT_ERR_OPEN);
    *complete = !in.failed;
    return merged;
}
