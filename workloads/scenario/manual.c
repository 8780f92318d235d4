/* The reference of all parameters as Markdown, from the rows that also parse them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cbit/workloads/buffer.h"
#include "workloads/scenario/file.h"
#include "workloads/scenario/value.h"

typedef struct writer {
    cbit_text_t text;
    cbit_arena_t *arena; /* of the values that are spelled */
} writer_t;

static const char *const type_words[] = {
    [CBIT_ROW_U32] = "number",    [CBIT_ROW_U64] = "number",  [CBIT_ROW_BOOL] = "true or false",
    [CBIT_ROW_ENUM] = "word",     [CBIT_ROW_SIZE] = "size",   [CBIT_ROW_ADDR] = "address",
    [CBIT_ROW_PS] = "time",       [CBIT_ROW_RATIO] = "share", [CBIT_ROW_STRING] = "text",
    [CBIT_ROW_OBJECT] = "object", [CBIT_ROW_ARRAY] = "array", [CBIT_ROW_JSON] = "any value",
};

/* A kept value as it is written in a file, without quotes. */
static const char *spell(writer_t *w, const cbit_row_t *row, uint64_t kept)
{
    unsigned char field[sizeof kept] = {0};
    uint32_t narrow = (uint32_t)kept;
    bool truth = kept != 0;
    if (row->type == CBIT_ROW_BOOL) {
        memcpy(field, &truth, sizeof truth);
    } else if (row->type == CBIT_ROW_U32 || row->type == CBIT_ROW_ENUM) {
        memcpy(field, &narrow, sizeof narrow);
    } else {
        memcpy(field, &kept, sizeof kept);
    }
    const cbit_json_t *value = cbit_value_json(w->arena, row, row->type, field);
    if (value == NULL) {
        return "?";
    }
    return value->kind == CBIT_JSON_TRUE    ? "true"
           : value->kind == CBIT_JSON_FALSE ? "false"
                                            : value->text;
}

static void add_range(writer_t *w, const cbit_row_t *row)
{
    if (row->type == CBIT_ROW_ENUM) {
        for (uint32_t i = 0; row->names[i] != NULL; i++) {
            cbit_text_add(&w->text, "%s`%s`", i > 0 ? " " : "", row->names[i]);
        }
    } else if (row->type == CBIT_ROW_STRING) {
        cbit_text_add(&w->text, "at most %" PRIu64 " bytes", row->max);
    } else if (row->type == CBIT_ROW_ARRAY) {
        cbit_text_add(&w->text, "%" PRIu64 "..%" PRIu64 " items", row->min, row->max);
    } else if (row->type < CBIT_ROW_OBJECT && row->type != CBIT_ROW_BOOL && row->max != 0) {
        cbit_text_add(&w->text, "%s..", spell(w, row, row->min));
        cbit_text_add(&w->text, "%s", spell(w, row, row->max));
    }
}

static void add_default(writer_t *w, const cbit_row_t *row)
{
    if (row->required) {
        cbit_text_add(&w->text, "required");
    } else if (row->optional || row->type == CBIT_ROW_ARRAY || row->type == CBIT_ROW_JSON) {
        cbit_text_add(&w->text, "absent");
    } else if (row->type == CBIT_ROW_STRING) {
        bool empty = row->fallback_text == NULL || row->fallback_text[0] == '\0';
        cbit_text_add(&w->text, empty ? "empty" : "`%s`", row->fallback_text);
    } else {
        cbit_text_add(&w->text, "`%s`", spell(w, row, row->fallback));
    }
}

/* A '|' would end a cell. */
static void add_cell(writer_t *w, const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        cbit_text_add(&w->text, *text == '|' ? "\\%c" : "%c", *text);
    }
}

static void add_row(writer_t *w, const cbit_row_t *row, const cbit_row_t *kind)
{
    cbit_text_add(&w->text, "| `%s` | %s%s%s | ", row->key, type_words[row->type],
                  row->unit == NULL ? "" : ", ", row->unit == NULL ? "" : row->unit);
    add_range(w, row);
    cbit_text_add(&w->text, " | ");
    add_default(w, row);
    cbit_text_add(&w->text, " | ");
    add_cell(w, row->help);
    if (row->only_kinds != 0 && kind != NULL) {
        cbit_text_add(&w->text, " (");
        for (uint32_t i = 0, many = 0; kind->names[i] != NULL; i++) {
            if ((row->only_kinds >> i & 1) != 0) {
                cbit_text_add(&w->text, "%s%s", many++ > 0 ? ", " : "", kind->names[i]);
            }
        }
        cbit_text_add(&w->text, ")");
    }
    cbit_text_add(&w->text, " | ");
    add_cell(w, row->source);
    cbit_text_add(&w->text, " |\n");
}

static bool is_nested(const cbit_row_t *row)
{
    return row->rows != NULL;
}

/* A table of the rows that are values, then the objects in it, each with its own. */
static void add_rows(writer_t *w, const cbit_row_t *rows, const char *pointer)
{
    const cbit_row_t *kind = cbit_rows_find(rows, "kind");
    bool any = false;
    for (const cbit_row_t *row = rows; row->key != NULL; row++) {
        if (!is_nested(row)) {
            if (!any) {
                cbit_text_add(&w->text, "| key | | range | default | | from |\n"
                                        "|---|---|---|---|---|---|\n");
            }
            any = true;
            add_row(w, row, kind);
        }
    }
    for (const cbit_row_t *row = rows; row->key != NULL; row++) {
        char below[CBIT_JSON_POINTER_BYTES];
        if (is_nested(row)) {
            (void)snprintf(below, sizeof below, "%s/%s%s", pointer, row->key,
                           row->type == CBIT_ROW_ARRAY ? "/N" : "");
            cbit_text_add(&w->text, "\n## `%s`\n\n%s.\n\n", below,
                          row->help == NULL ? "" : row->help);
            add_rows(w, row->rows, below);
        }
    }
}

char *cbit_scenario_manual(const cbit_scenario_section_t *sections, uint32_t sections_count)
{
    writer_t w = {.arena = cbit_arena_create()};
    cbit_text_add(&w.text,
                  "# Parameters\n\nEvery key of scenarios and presets, from the tables that parse "
                  "them (`cbit check --print-manual`).\nHow they are written and combined: "
                  "[scenario-format.md](scenario-format.md).\n\n");
    add_rows(&w, cbit_scenario_rows, "");
    add_rows(&w, cbit_platform_rows, "");
    for (uint32_t i = 0; i < sections_count; i++) {
        add_rows(&w, sections[i].rows, "");
    }
    cbit_arena_destroy(w.arena);
    return cbit_text_take(&w.text);
}
