/*
 * Binding: walks rows and JSON side by side, writes every field, and tells everything that does not
 * fit. A value that does not fit leaves its field at the default, so that the rules may still look.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/bind.h"
#include "workloads/json/text.h"
#include "workloads/scenario/file.h"
#include "workloads/scenario/value.h"

enum { MAX_ITEMS = 65536 }; /* of an array whose row gives no limit */

typedef struct binder {
    cbit_scenario_file_t *file;
    cbit_diag_t *diag;
    char pointer[CBIT_JSON_POINTER_BYTES];
} binder_t;

static void bind_rows(binder_t *b, const cbit_row_t *rows, void *object, const cbit_json_t *json);

/* ---- the place that is being bound ---- */

static size_t push(binder_t *b, const char *key)
{
    size_t len = strlen(b->pointer);
    cbit_pointer_push(b->pointer, sizeof b->pointer, key);
    return len;
}

static void pop(binder_t *b, size_t len)
{
    b->pointer[len] = '\0';
}

static void tell(binder_t *b, cbit_err_t err, const cbit_json_t *json, const char *why)
{
    cbit_diag_set_file(b->diag, b->file->origins[json->origin].shown);
    (void)cbit_diag_add(b->diag, err, b->pointer, "%s", why);
}

/* ---- keys ---- */

static void tell_unknown(binder_t *b, const cbit_json_t *child, const cbit_row_t *const *tables)
{
    size_t len = push(b, child->key);
    const char *nearest = NULL;
    tell(b, CBIT_ERR_UNKNOWN_KEY, child, "unknown key");
    for (; *tables != NULL && nearest == NULL; tables++) {
        nearest = cbit_rows_nearest(*tables, child->key);
    }
    if (nearest != NULL) {
        cbit_diag_hint(b->diag, "did you mean %s?", nearest);
    }
    pop(b, len);
}

static void check_keys(binder_t *b, const cbit_json_t *json, const cbit_row_t *const *tables)
{
    if (json == NULL) {
        return;
    }
    for (const cbit_json_t *child = json->first; child != NULL; child = child->next) {
        const cbit_row_t *row = NULL;
        for (uint32_t i = 0; tables[i] != NULL && row == NULL; i++) {
            row = cbit_rows_find(tables[i], child->key);
        }
        if (row == NULL) {
            tell_unknown(b, child, tables);
        }
    }
}

/* ---- one row ---- */

static void bind_scalar(binder_t *b, const cbit_row_t *row, cbit_row_type_t type, void *field,
                        const cbit_json_t *json)
{
    char why[CBIT_VALUE_WHY_BYTES];
    cbit_err_t err = cbit_value_parse(row, type, json, field, why);
    if (err == CBIT_ERR_OK) {
        return;
    }
    tell(b, err, json, why);
    if (type == CBIT_ROW_ENUM && json->kind == CBIT_JSON_STRING) {
        const char *nearest = cbit_value_nearest(row->names, json->text);
        if (nearest != NULL) {
            cbit_diag_hint(b->diag, "did you mean %s?", nearest);
        }
    }
}

static void bind_item(binder_t *b, const cbit_row_t *row, unsigned char *item,
                      const cbit_json_t *json)
{
    if (row->rows == NULL) {
        bind_scalar(b, row, row->element, item, json);
        return;
    }
    cbit_rows_defaults(row->rows, item);
    if (json->kind != CBIT_JSON_OBJECT) {
        tell(b, CBIT_ERR_TYPE, json, "expected an object");
        return;
    }
    bind_rows(b, row->rows, item, json);
}

static void bind_array(binder_t *b, const cbit_row_t *row, unsigned char *object,
                       const cbit_json_t *json)
{
    uint64_t most = row->max != 0 ? row->max : MAX_ITEMS;
    char why[CBIT_VALUE_WHY_BYTES];
    if (json->kind != CBIT_JSON_ARRAY) {
        tell(b, CBIT_ERR_TYPE, json, "found another type; expected an array");
        return;
    }
    if (json->count < row->min || json->count > most) {
        (void)snprintf(why, sizeof why, "%u items; %llu to %llu are possible",
                       (unsigned)json->count, (unsigned long long)row->min,
                       (unsigned long long)most);
        tell(b, CBIT_ERR_RANGE, json, why);
        return;
    }
    unsigned char *items = cbit_arena_alloc(b->file->arena, json->count * row->element_bytes + 1);
    if (items == NULL) {
        tell(b, CBIT_ERR_NO_MEMORY, json, "out of memory");
        return;
    }
    uint32_t index = 0;
    for (const cbit_json_t *child = json->first; child != NULL; child = child->next, index++) {
        size_t len = strlen(b->pointer);
        cbit_pointer_push_index(b->pointer, sizeof b->pointer, index);
        bind_item(b, row, items + index * row->element_bytes, child);
        pop(b, len);
    }
    memcpy(object + row->offset, &items, sizeof items);
    memcpy(object + row->count_offset, &index, sizeof index);
}

static void bind_row(binder_t *b, const cbit_row_t *row, unsigned char *object,
                     const cbit_json_t *json)
{
    if (row->type == CBIT_ROW_OBJECT) {
        if (json->kind == CBIT_JSON_OBJECT) {
            bind_rows(b, row->rows, object + row->offset, json);
        } else {
            tell(b, CBIT_ERR_TYPE, json, "found another type; expected an object");
        }
    } else if (row->type == CBIT_ROW_ARRAY) {
        bind_array(b, row, object, json);
    } else if (row->type == CBIT_ROW_JSON) {
        memcpy(object + row->offset, &json, sizeof json);
    } else {
        bind_scalar(b, row, row->type, object + row->offset, json);
    }
}

/* ---- all rows of an object ---- */

static void tell_missing(binder_t *b, const cbit_row_t *row, const cbit_json_t *parent)
{
    char why[CBIT_VALUE_WHY_BYTES];
    size_t len = (size_t)snprintf(why, sizeof why, "missing; expected ");
    cbit_value_wants_of(row, row->type, why + len, sizeof why - len);
    tell(b, CBIT_ERR_MISSING, parent, why);
}

/* Whether a row of a flattened object belongs to the object's kind. */
static bool of_kind(const cbit_row_t *row, const cbit_row_t *kind, const unsigned char *object)
{
    uint32_t word = 0;
    if (row->only_kinds == 0 || kind == NULL) {
        return true;
    }
    memcpy(&word, object + kind->offset, sizeof word);
    return word < 64 && (row->only_kinds >> word & 1) != 0;
}

static void tell_other_kind(binder_t *b, const cbit_row_t *row, const cbit_row_t *kind,
                            const unsigned char *object, const cbit_json_t *json)
{
    uint32_t word = 0;
    char why[CBIT_VALUE_WHY_BYTES];
    memcpy(&word, object + kind->offset, sizeof word);
    size_t len =
        (size_t)snprintf(why, sizeof why, "not a key of the kind %s; only of", kind->names[word]);
    for (uint32_t i = 0; kind->names[i] != NULL && len < sizeof why; i++) {
        if ((row->only_kinds >> i & 1) != 0) {
            len += (size_t)snprintf(why + len, sizeof why - len, " %s", kind->names[i]);
        }
    }
    tell(b, CBIT_ERR_UNKNOWN_KEY, json, why);
}

/* Rows into fields; keys without a row are another function's. json is an object. */
static void bind_known(binder_t *b, const cbit_row_t *rows, unsigned char *object,
                       const cbit_json_t *json)
{
    const cbit_row_t *kind = cbit_rows_find(rows, "kind");
    const cbit_json_t *kind_json = kind == NULL ? NULL : cbit_json_get(json, "kind");
    bool kind_known = true;
    if (kind_json != NULL) { /* first, since other keys depend on it */
        size_t before = cbit_diag_count(b->diag), len = push(b, "kind");
        bind_row(b, kind, object, kind_json);
        pop(b, len);
        kind_known = cbit_diag_count(b->diag) == before;
    }
    for (const cbit_row_t *row = rows; row->key != NULL; row++) {
        const cbit_json_t *child = cbit_json_get(json, row->key);
        size_t len = push(b, row->key);
        bool here = of_kind(row, kind, object);
        if (row == kind && child != NULL) {
            /* bound above */
        } else if (child != NULL && !here && kind_known) {
            tell_other_kind(b, row, kind, object, child);
        } else if (child != NULL && (here || !kind_known)) {
            bind_row(b, row, object, child);
        } else if (row->required && here && kind_known &&
                   !(b->file->preset && json == b->file->tree)) {
            tell_missing(b, row, json);
        }
        pop(b, len);
    }
}

static void bind_rows(binder_t *b, const cbit_row_t *rows, void *object, const cbit_json_t *json)
{
    const cbit_row_t *const tables[] = {rows, NULL};
    check_keys(b, json, tables);
    bind_known(b, rows, object, json);
}

void cbit_scenario_bind(cbit_scenario_file_t *file, cbit_diag_t *diag)
{
    const cbit_row_t *tables[CBIT_SCENARIO_MAX_SECTIONS + 1] = {NULL};
    binder_t b = {.file = file, .diag = diag};
    for (uint32_t i = 0; i < file->sections_count; i++) {
        tables[i] = file->sections[i].rows;
        cbit_rows_defaults(tables[i], file->sections[i].object);
    }
    check_keys(&b, file->tree, tables);
    for (uint32_t i = 0; i < file->sections_count; i++) {
        bind_known(&b, tables[i], file->sections[i].object, file->tree);
    }
    file->scenario.machine = &file->machine;
}

cbit_err_t cbit_bind(cbit_arena_t *arena, const cbit_json_t *tree, const char *shown,
                     const cbit_row_t *rows, void *object, cbit_diag_t *diag)
{
    size_t before = cbit_diag_count(diag);
    cbit_scenario_file_t *file = calloc(1, sizeof *file);
    cbit_rows_defaults(rows, object);
    if (file == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    binder_t b = {.file = file, .diag = diag};
    file->arena = arena;
    file->origins[CBIT_ORIGIN_DEFAULT].shown = shown;
    if (tree->kind == CBIT_JSON_OBJECT) {
        bind_rows(&b, rows, object, tree);
    } else {
        tell(&b, CBIT_ERR_TYPE, tree, "found another type; expected an object");
    }
    free(file);
    return cbit_diag_count(diag) == before ? CBIT_ERR_OK : CBIT_ERR_RANGE;
}

static bool has_source(const cbit_json_t *sources, const char *pointer)
{
    char at[CBIT_JSON_POINTER_BYTES];
    (void)snprintf(at, sizeof at, "%s", pointer);
    while (at[0] != '\0' && cbit_json_get(sources, at) == NULL) {
        *strrchr(at, '/') = '\0';
    }
    return at[0] != '\0';
}

static void check_sources(binder_t *b, const cbit_json_t *json)
{
    const cbit_json_t *sources = b->file->origins[json->origin].sources;
    if (json->kind != CBIT_JSON_OBJECT && !has_source(sources, b->pointer)) {
        tell(b, CBIT_ERR_MISSING, json, "has no source; \"sources\" says where each value is from");
    }
    for (const cbit_json_t *child = json->first; json->kind == CBIT_JSON_OBJECT && child != NULL;
         child = child->next) {
        size_t len = push(b, child->key);
        check_sources(b, child);
        pop(b, len);
    }
}

void cbit_scenario_check_sources(const cbit_scenario_file_t *file, cbit_diag_t *diag)
{
    binder_t b = {.file = (cbit_scenario_file_t *)file, .diag = diag};
    check_sources(&b, file->tree);
}

cbit_err_t cbit_scenario_tell(const cbit_scenario_file_t *file, cbit_diag_t *diag, cbit_err_t err,
                              const char *pointer, const char *format, ...)
{
    char text[CBIT_DIAG_TEXT_BYTES], at[CBIT_JSON_POINTER_BYTES];
    const cbit_json_t *json = NULL;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* The nearest value that stands in a file: defaults belong to who left them. */
    (void)snprintf(at, sizeof at, "%s", pointer);
    while ((json = cbit_json_at(file->tree, at)) == NULL && at[0] != '\0') {
        *strrchr(at, '/') = '\0';
    }
    uint32_t origin = json == NULL ? CBIT_ORIGIN_FIRST : json->origin;
    cbit_diag_set_file(diag, file->origins[origin].shown);
    return cbit_diag_add(diag, err, pointer, "%s", text);
}
