/* The resolved configuration: rows and structs back into JSON, each value with where it is from. */
#include <string.h>

#include "workloads/json/text.h"
#include "workloads/scenario/file.h"
#include "workloads/scenario/value.h"

typedef struct dumper {
    const cbit_scenario_file_t *file;
    cbit_arena_t *arena;
    char pointer[CBIT_JSON_POINTER_BYTES];
} dumper_t;

static cbit_json_t *dump_rows(dumper_t *d, cbit_json_t *into, const cbit_row_t *rows,
                              const unsigned char *object, const cbit_json_t *json);

/* What a file says about where the value at the pointer, or all values around it, come from. */
static const char *source_of(const dumper_t *d, const cbit_origin_t *origin)
{
    char at[CBIT_JSON_POINTER_BYTES];
    memcpy(at, d->pointer, sizeof at);
    while (at[0] != '\0') {
        const cbit_json_t *source = cbit_json_get(origin->sources, at);
        if (source != NULL && source->kind == CBIT_JSON_STRING) {
            return source->text;
        }
        *strrchr(at, '/') = '\0';
    }
    return NULL;
}

static cbit_json_t *leaf(dumper_t *d, cbit_json_t *into, const cbit_row_t *row, cbit_json_t *value,
                         const cbit_json_t *json)
{
    const cbit_origin_t *origin =
        &d->file->origins[json == NULL ? CBIT_ORIGIN_DEFAULT : json->origin];
    const char *source = source_of(d, origin);
    if (source == NULL && json == NULL) {
        source = row->source;
    }
    cbit_json_t *entry =
        cbit_json_add(d->arena, into, row->key, cbit_json_new(d->arena, CBIT_JSON_OBJECT));
    (void)cbit_json_add(d->arena, entry, "value", value);
    if (row->unit != NULL) {
        (void)cbit_json_add(d->arena, entry, "unit", cbit_json_string(d->arena, row->unit));
    }
    (void)cbit_json_add(d->arena, entry, "from", cbit_json_string(d->arena, origin->label));
    if (source != NULL) {
        (void)cbit_json_add(d->arena, entry, "source", cbit_json_string(d->arena, source));
    }
    return entry;
}

static const unsigned char *items_of(const cbit_row_t *row, const unsigned char *object,
                                     uint32_t *count)
{
    const unsigned char *items;
    memcpy(&items, object + row->offset, sizeof items);
    memcpy(count, object + row->count_offset, sizeof *count);
    return items;
}

static cbit_json_t *dump_objects(dumper_t *d, cbit_json_t *into, const cbit_row_t *row,
                                 const unsigned char *object, const cbit_json_t *json)
{
    uint32_t count;
    const unsigned char *items = items_of(row, object, &count);
    const cbit_json_t *child = json == NULL ? NULL : json->first;
    cbit_json_t *array =
        cbit_json_add(d->arena, into, row->key, cbit_json_new(d->arena, CBIT_JSON_ARRAY));
    for (uint32_t i = 0; i < count; i++) {
        size_t len = strlen(d->pointer);
        cbit_pointer_push_index(d->pointer, sizeof d->pointer, i);
        cbit_json_t *entry = cbit_json_new(d->arena, CBIT_JSON_OBJECT);
        entry = cbit_json_add(d->arena, array, NULL, entry);
        (void)dump_rows(d, entry, row->rows, items + i * row->element_bytes, child);
        child = child == NULL ? NULL : child->next;
        d->pointer[len] = '\0';
    }
    return array;
}

static cbit_json_t *dump_scalars(dumper_t *d, cbit_json_t *into, const cbit_row_t *row,
                                 const unsigned char *object, const cbit_json_t *json)
{
    uint32_t count;
    const unsigned char *items = items_of(row, object, &count);
    cbit_json_t *array = cbit_json_new(d->arena, CBIT_JSON_ARRAY);
    for (uint32_t i = 0; i < count; i++) {
        (void)cbit_json_add(
            d->arena, array, NULL,
            cbit_value_json(d->arena, row, row->element, items + i * row->element_bytes));
    }
    return leaf(d, into, row, array, json);
}

static void dump_row(dumper_t *d, cbit_json_t *into, const cbit_row_t *row,
                     const unsigned char *object, const cbit_json_t *json)
{
    if (row->type == CBIT_ROW_OBJECT) {
        cbit_json_t *below =
            cbit_json_add(d->arena, into, row->key, cbit_json_new(d->arena, CBIT_JSON_OBJECT));
        (void)dump_rows(d, below, row->rows, object + row->offset, json);
    } else if (row->type == CBIT_ROW_ARRAY && row->rows != NULL) {
        (void)dump_objects(d, into, row, object, json);
    } else if (row->type == CBIT_ROW_ARRAY) {
        (void)dump_scalars(d, into, row, object, json);
    } else if (row->type == CBIT_ROW_JSON) {
        (void)leaf(d, into, row, cbit_json_copy(d->arena, json), json);
    } else {
        (void)leaf(d, into, row, cbit_value_json(d->arena, row, row->type, object + row->offset),
                   json);
    }
}

static bool listed(const cbit_row_t *row, const cbit_row_t *rows, const unsigned char *object,
                   const cbit_json_t *json)
{
    const cbit_row_t *kind = cbit_rows_find(rows, "kind");
    uint32_t word = 0;
    if (json != NULL) {
        return true;
    }
    if (row->optional || row->type == CBIT_ROW_JSON) {
        return false;
    }
    if (row->only_kinds == 0 || kind == NULL) {
        return true;
    }
    memcpy(&word, object + kind->offset, sizeof word);
    return (row->only_kinds >> word & 1) != 0;
}

static cbit_json_t *dump_rows(dumper_t *d, cbit_json_t *into, const cbit_row_t *rows,
                              const unsigned char *object, const cbit_json_t *json)
{
    for (const cbit_row_t *row = rows; row->key != NULL; row++) {
        const cbit_json_t *child = cbit_json_get(json, row->key);
        size_t len = strlen(d->pointer);
        cbit_pointer_push(d->pointer, sizeof d->pointer, row->key);
        if (listed(row, rows, object, child)) {
            dump_row(d, into, row, object, child);
        }
        d->pointer[len] = '\0';
    }
    return into;
}

cbit_json_t *cbit_scenario_config(const cbit_scenario_file_t *file, cbit_arena_t *arena)
{
    dumper_t d = {.file = file, .arena = arena};
    cbit_json_t *config = cbit_json_new(arena, CBIT_JSON_OBJECT);
    for (uint32_t i = 0; i < file->sections_count; i++) {
        (void)dump_rows(&d, config, file->sections[i].rows, file->sections[i].object, file->tree);
    }
    return config;
}
