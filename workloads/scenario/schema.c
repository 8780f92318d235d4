/* JSON Schema (draft 2020-12) of scenarios and presets, from the rows that also parse them. */
#include <stdio.h>
#include <string.h>

#include "workloads/scenario/file.h"
#include "workloads/scenario/value.h"

typedef struct schemer {
    cbit_arena_t *arena;
} schemer_t;

static cbit_json_t *object_of_rows(const schemer_t *s, const cbit_row_t *rows);

static cbit_json_t *add(const schemer_t *s, cbit_json_t *into, const char *key, cbit_json_t *value)
{
    return cbit_json_add(s->arena, into, key, value);
}

static void add_text(const schemer_t *s, cbit_json_t *into, const char *key, const char *text)
{
    if (text != NULL) {
        (void)add(s, into, key, cbit_json_string(s->arena, text));
    }
}

static cbit_json_t *object(const schemer_t *s)
{
    return cbit_json_new(s->arena, CBIT_JSON_OBJECT);
}

/* ---- scalars ---- */

static void add_field_value(const schemer_t *s, cbit_json_t *into, const char *key,
                            const cbit_row_t *row, cbit_row_type_t type, uint64_t kept)
{
    unsigned char field[sizeof kept] = {0};
    uint32_t narrow = (uint32_t)kept;
    bool truth = kept != 0;
    if (type == CBIT_ROW_U32 || type == CBIT_ROW_ENUM) {
        memcpy(field, &narrow, sizeof narrow);
    } else if (type == CBIT_ROW_BOOL) {
        memcpy(field, &truth, sizeof truth);
    } else {
        memcpy(field, &kept, sizeof kept);
    }
    (void)add(s, into, key, cbit_value_json(s->arena, row, type, field));
}

static cbit_json_t *number(const schemer_t *s, const cbit_row_t *row, cbit_row_type_t type,
                           const char *word, uint64_t most)
{
    cbit_json_t *schema = object(s);
    uint64_t max = cbit_value_max(row, type);
    add_text(s, schema, "type", word);
    add_field_value(s, schema, "minimum", row, type, row->type == type ? row->min : 0);
    add_field_value(s, schema, "maximum", row, type, max < most ? max : most);
    return schema;
}

static cbit_json_t *pattern(const schemer_t *s, const char *text)
{
    cbit_json_t *schema = object(s);
    add_text(s, schema, "type", "string");
    add_text(s, schema, "pattern", text);
    return schema;
}

static cbit_json_t *words(const schemer_t *s, const cbit_row_t *row)
{
    cbit_json_t *schema = object(s), *list = cbit_json_new(s->arena, CBIT_JSON_ARRAY);
    for (uint32_t i = 0; row->names[i] != NULL; i++) {
        (void)add(s, list, NULL, cbit_json_string(s->arena, row->names[i]));
    }
    (void)add(s, schema, "enum", list);
    return schema;
}

static cbit_json_t *text_of(const schemer_t *s, const cbit_row_t *row)
{
    cbit_json_t *schema = object(s);
    add_text(s, schema, "type", "string");
    (void)add(s, schema, "minLength", cbit_json_u64(s->arena, row->min > 0));
    (void)add(s, schema, "maxLength", cbit_json_u64(s->arena, row->max));
    return schema;
}

#define DIGITS      "([0-9][0-9_]*)"
#define HEXADECIMAL "(0x[0-9a-fA-F][0-9a-fA-F_]*)"

/* Exact to 2^53 as a number, beyond it in quotes. */
static cbit_json_t *wide(const schemer_t *s, const cbit_row_t *row)
{
    cbit_json_t *schema = object(s), *either = cbit_json_new(s->arena, CBIT_JSON_ARRAY);
    (void)add(s, either, NULL, number(s, row, CBIT_ROW_U64, "integer", UINT64_C(9007199254740992)));
    (void)add(s, either, NULL, pattern(s, "^(" DIGITS "|" HEXADECIMAL ")$"));
    (void)add(s, schema, "anyOf", either);
    return schema;
}

static cbit_json_t *scalar(const schemer_t *s, const cbit_row_t *row, cbit_row_type_t type)
{
    cbit_json_t *schema = object(s);
    switch (type) {
    case CBIT_ROW_U32:
        return number(s, row, type, "integer", UINT32_MAX);
    case CBIT_ROW_U64:
        return wide(s, row);
    case CBIT_ROW_PS:
    case CBIT_ROW_RATIO:
        return number(s, row, type, "number", UINT64_MAX);
    case CBIT_ROW_SIZE:
        return pattern(s, "^" DIGITS "( ?[KMGT]iB)?$");
    case CBIT_ROW_ADDR:
        return pattern(s, "^(" DIGITS "|" HEXADECIMAL ")$");
    case CBIT_ROW_ENUM:
        return words(s, row);
    case CBIT_ROW_STRING:
        return text_of(s, row);
    case CBIT_ROW_BOOL:
        add_text(s, schema, "type", "boolean");
        return schema;
    case CBIT_ROW_OBJECT:
    case CBIT_ROW_ARRAY:
    case CBIT_ROW_JSON:
        break;
    }
    return schema; /* anything */
}

/* ---- arrays and objects ---- */

static cbit_json_t *array(const schemer_t *s, const cbit_row_t *row)
{
    cbit_json_t *schema = object(s);
    add_text(s, schema, "type", "array");
    if (row->min > 0) {
        (void)add(s, schema, "minItems", cbit_json_u64(s->arena, row->min));
    }
    if (row->max > 0) {
        (void)add(s, schema, "maxItems", cbit_json_u64(s->arena, row->max));
    }
    (void)add(s, schema, "items",
              row->rows != NULL ? object_of_rows(s, row->rows) : scalar(s, row, row->element));
    return schema;
}

static void add_default(const schemer_t *s, cbit_json_t *schema, const cbit_row_t *row)
{
    if (row->required || row->optional || row->type >= CBIT_ROW_OBJECT) {
        return;
    }
    if (row->type == CBIT_ROW_STRING) {
        add_text(s, schema, "default", row->fallback_text == NULL ? "" : row->fallback_text);
    } else {
        add_field_value(s, schema, "default", row, row->type, row->fallback);
    }
}

static cbit_json_t *schema_of(const schemer_t *s, const cbit_row_t *row)
{
    cbit_json_t *schema = row->type == CBIT_ROW_OBJECT  ? object_of_rows(s, row->rows)
                          : row->type == CBIT_ROW_ARRAY ? array(s, row)
                                                        : scalar(s, row, row->type);
    char help[512];
    if (row->help != NULL) {
        (void)snprintf(help, sizeof help, "%s%s%s%s", row->help, row->unit == NULL ? "" : " (",
                       row->unit == NULL ? "" : row->unit, row->unit == NULL ? "" : ")");
        add_text(s, schema, "description", help);
    }
    add_default(s, schema, row);
    return schema;
}

/* What one kind of a flattened object may not have, and must have besides. */
static cbit_json_t *kind_rule(const schemer_t *s, const cbit_row_t *rows, const cbit_row_t *kind,
                              uint32_t word)
{
    cbit_json_t *rule = object(s);
    cbit_json_t *properties = add(s, add(s, rule, "if", object(s)), "properties", object(s));
    add_text(s, add(s, properties, "kind", object(s)), "const", kind->names[word]);
    cbit_json_t *then = add(s, rule, "then", object(s));
    cbit_json_t *without = add(s, then, "properties", object(s));
    cbit_json_t *with = add(s, then, "required", cbit_json_new(s->arena, CBIT_JSON_ARRAY));
    for (const cbit_row_t *row = rows; row->key != NULL; row++) {
        bool here = row->only_kinds == 0 || (row->only_kinds >> word & 1) != 0;
        if (!here) {
            (void)add(s, without, row->key, cbit_json_bool(s->arena, false));
        } else if (row->only_kinds != 0 && row->required) {
            (void)add(s, with, NULL, cbit_json_string(s->arena, row->key));
        }
    }
    return rule;
}

static void add_kind_rules(const schemer_t *s, cbit_json_t *schema, const cbit_row_t *rows)
{
    const cbit_row_t *kind = cbit_rows_find(rows, "kind");
    if (kind == NULL || kind->type != CBIT_ROW_ENUM) {
        return;
    }
    cbit_json_t *all = add(s, schema, "allOf", cbit_json_new(s->arena, CBIT_JSON_ARRAY));
    for (uint32_t i = 0; kind->names[i] != NULL; i++) {
        (void)add(s, all, NULL, kind_rule(s, rows, kind, i));
    }
}

static void add_properties(const schemer_t *s, cbit_json_t *properties, cbit_json_t *required,
                           const cbit_row_t *rows)
{
    for (const cbit_row_t *row = rows; row->key != NULL; row++) {
        (void)add(s, properties, row->key, schema_of(s, row));
        if (row->required && row->only_kinds == 0) {
            (void)add(s, required, NULL, cbit_json_string(s->arena, row->key));
        }
    }
}

static cbit_json_t *object_of_rows(const schemer_t *s, const cbit_row_t *rows)
{
    cbit_json_t *schema = object(s);
    add_text(s, schema, "type", "object");
    (void)add(s, schema, "additionalProperties", cbit_json_bool(s->arena, false));
    cbit_json_t *properties = add(s, schema, "properties", object(s));
    cbit_json_t *required = cbit_json_new(s->arena, CBIT_JSON_ARRAY);
    add_properties(s, properties, required, rows);
    if (required != NULL && required->count > 0) {
        (void)add(s, schema, "required", required);
    }
    add_kind_rules(s, schema, rows);
    return schema;
}

/* ---- the file ---- */

/* What is about the file rather than the machine or its guests. */
static const char envelope[] =
    "{\"format\": {\"enum\": [\"cbit-scenario/1\", \"cbit-preset/1\"]},"
    " \"include\": {\"type\": \"array\", \"items\": {\"type\": \"string\", \"minLength\": 1},"
    "  \"description\": \"Files to lay this one over, relative to it; later ones win\"},"
    " \"sources\": {\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"},"
    "  \"description\": \"Where values come from: JSON pointer to document\"},"
    " \"full\": {\"type\": \"object\","
    "  \"description\": \"Laid over this file by --full: the scenario's long form\"}}";

/* Guests are what a preset lacks; a scenario may also have them from an included file. */
static const char guests_rule[] =
    "{\"if\": {\"properties\": {\"format\": {\"const\": \"cbit-scenario/1\"}},"
    " \"not\": {\"required\": [\"include\"]}}, \"then\": {\"required\": [\"guests\"]}}";

static cbit_json_t *read(const schemer_t *s, const char *text)
{
    return cbit_json_parse(s->arena, text, strlen(text), 0, NULL);
}

cbit_json_t *cbit_scenario_schema(const cbit_scenario_section_t *sections, uint32_t sections_count,
                                  cbit_arena_t *arena)
{
    const schemer_t s = {arena};
    cbit_json_t *schema = object(&s);
    add_text(&s, schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
    add_text(&s, schema, "title", "cbit scenarios and presets");
    add_text(&s, schema, "type", "object");
    (void)add(&s, schema, "additionalProperties", cbit_json_bool(arena, false));
    cbit_json_t *required = cbit_json_new(arena, CBIT_JSON_ARRAY);
    cbit_json_t *none = cbit_json_new(arena, CBIT_JSON_ARRAY);
    cbit_json_t *properties = add(&s, schema, "properties", read(&s, envelope));
    add_properties(&s, properties, none, cbit_scenario_rows);
    add_properties(&s, properties, none, cbit_platform_rows);
    for (uint32_t i = 0; i < sections_count; i++) {
        add_properties(&s, properties, none, sections[i].rows);
    }
    (void)add(&s, required, NULL, cbit_json_string(arena, "format"));
    (void)add(&s, schema, "required", required);
    cbit_json_t *all = add(&s, schema, "allOf", cbit_json_new(arena, CBIT_JSON_ARRAY));
    (void)add(&s, all, NULL, read(&s, guests_rule));
    return schema;
}
