/* A sweep's file: rows, and what rows cannot say. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/perf/sweep.h"
#include "cbit/workloads/bind.h"
#include "perf/sweep/sweep.h"

enum { MAX_BYTES = 4 << 20, DECIMALS = 6, MILLION = 1000000 };

static const char *const formats[] = {"cbit-sweep/1", NULL};
static const char *const samplings[] = {"grid", "list", "random", "latin_hypercube", NULL};

#define AXIS(type, field) CBIT_FIELD(type, cbit_sweep_axis_t, field)
static const cbit_row_t axis_rows[] = {
    {AXIS(STRING, pointer), .max = CBIT_JSON_POINTER_BYTES - 1, .required = true,
     .help = "JSON pointer of the scenario's value"},
    {AXIS(JSON, values), .optional = true, .help = "array of the values that it takes"},
    {AXIS(JSON, from), .optional = true, .help = "instead of values: the first"},
    {AXIS(JSON, to), .optional = true, .help = "and the last, if a step meets it"},
    {AXIS(JSON, step), .optional = true, .help = "and the distance"},
    {.key = NULL},
};

#define SWEEP(type, field) CBIT_FIELD(type, cbit_sweep_t, field)
const cbit_row_t cbit_sweep_rows[] = {
    {SWEEP(ENUM, format), .names = formats, .required = true, .help = "format of the file"},
    {SWEEP(STRING, title), .max = 200, .required = true, .help = "what is asked"},
    {SWEEP(STRING, scenario), .max = 1023, .required = true,
     .help = "scenario, relative to the sweep's folder"},
    {SWEEP(ENUM, sampling), .names = samplings, .help = "how points are chosen"},
    {SWEEP(U32, points), .max = CBIT_SWEEP_MAX_RUNS, .optional = true,
     .help = "points to draw: random and latin_hypercube"},
    {SWEEP(U32, repeats), .min = 1, .max = 1000, .fallback = 1, .help = "runs a point"},
    {SWEEP(U64, seed), .fallback = 1, .max = UINT64_MAX / 2, .help = "first seed, and sampling's"},
    {SWEEP(ARRAY, axes), .rows = axis_rows, .element_bytes = sizeof(cbit_sweep_axis_t),
     .count_offset = offsetof(cbit_sweep_t, axes_count), .min = 1, .max = CBIT_SWEEP_MAX_AXES,
     .required = true, .help = "what varies"},
    {SWEEP(JSON, collect), .required = true, .help = "array of JSON pointers into result.json"},
    {.key = NULL},
};

/* ---- values of an axis ---- */

static bool is_scalar(const cbit_json_t *json)
{
    return json->kind >= CBIT_JSON_FALSE && json->kind <= CBIT_JSON_STRING;
}

static const char *text_of(cbit_arena_t *arena, const cbit_json_t *json)
{
    size_t len = 0;
    char *text = cbit_json_text(json, true, &len);
    const char *kept = text == NULL ? NULL : cbit_arena_copy(arena, text, len);
    free(text);
    return kept;
}

static void take_values(cbit_sweep_t *sweep, cbit_sweep_axis_t *axis, const char *where,
                        cbit_diag_t *diag)
{
    const cbit_json_t *values = axis->values;
    if (values->kind != CBIT_JSON_ARRAY || values->count == 0 ||
        values->count > CBIT_SWEEP_MAX_VALUES) {
        (void)cbit_diag_add(diag, CBIT_ERR_TYPE, where,
                            "values: expected an array of 1 to %d values", CBIT_SWEEP_MAX_VALUES);
        return;
    }
    axis->texts = cbit_arena_alloc(sweep->arena, values->count * sizeof *axis->texts);
    for (const cbit_json_t *v = values->first; v != NULL && axis->texts != NULL; v = v->next) {
        if (!is_scalar(v)) {
            (void)cbit_diag_add(diag, CBIT_ERR_TYPE, where,
                                "values: item %" PRIu32
                                " is no number, text or truth value; only those can be set",
                                axis->count);
            return;
        }
        for (const cbit_json_t *w = values->first; w != v && values->count <= 4096; w = w->next) {
            if (cbit_json_equal(w, v)) {
                (void)cbit_diag_add(diag, CBIT_ERR_DUPLICATE, where,
                                    "values: item %" PRIu32 " is given twice", axis->count);
            }
        }
        axis->texts[axis->count++] = text_of(sweep->arena, v);
    }
}

/* x / 10^6 without needless digits. */
static const char *millionths_text(cbit_arena_t *arena, uint64_t x)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%" PRIu64, x / MILLION);
    if (x % MILLION != 0) {
        len += snprintf(text + len, sizeof text - (size_t)len, ".%06" PRIu64, x % MILLION);
        while (text[len - 1] == '0') {
            len--;
        }
    }
    return cbit_arena_copy(arena, text, (size_t)len);
}

static bool millionths(const cbit_json_t *json, uint64_t *x)
{
    bool negative = false;
    return json != NULL && json->kind == CBIT_JSON_NUMBER &&
           cbit_json_scaled(json, DECIMALS, &negative, x) && (!negative || *x == 0);
}

static void take_range(cbit_sweep_t *sweep, cbit_sweep_axis_t *axis, const char *where,
                       cbit_diag_t *diag)
{
    uint64_t from = 0, to = 0, step = 0;
    if (!millionths(axis->from, &from) || !millionths(axis->to, &to) ||
        !millionths(axis->step, &step) || step == 0 || to < from ||
        (to - from) / step >= CBIT_SWEEP_MAX_VALUES) {
        (void)cbit_diag_add(diag, CBIT_ERR_RANGE, where,
                            "expected values, or from <= to and step > 0: numbers of at most six "
                            "decimals, at most %d steps",
                            CBIT_SWEEP_MAX_VALUES);
        return;
    }
    uint32_t count = (uint32_t)((to - from) / step) + 1;
    axis->texts = cbit_arena_alloc(sweep->arena, count * sizeof *axis->texts);
    for (uint32_t i = 0; i < count && axis->texts != NULL; i++) {
        axis->texts[axis->count++] = millionths_text(sweep->arena, from + i * step);
    }
}

static void check_axis(cbit_sweep_t *sweep, uint32_t index, cbit_diag_t *diag)
{
    cbit_sweep_axis_t *axis = &sweep->axes[index];
    char where[64], at[64];
    (void)snprintf(where, sizeof where, "/axes/%" PRIu32, index);
    (void)snprintf(at, sizeof at, "/axes/%" PRIu32 "/pointer", index);
    if (axis->pointer[0] != '/' || strchr(axis->pointer, '=') != NULL) {
        (void)cbit_diag_add(diag, CBIT_ERR_RANGE, at, "expected a JSON pointer: /section/key");
    }
    if (strcmp(axis->pointer, "/seed") == 0) {
        (void)cbit_diag_add(diag, CBIT_ERR_CONFLICT, at, "seeds are varied by \"repeats\"");
    }
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(sweep->axes[i].pointer, axis->pointer) == 0) {
            (void)cbit_diag_add(diag, CBIT_ERR_DUPLICATE, at, "is already /axes/%" PRIu32, i);
        }
    }
    bool range = axis->from != NULL || axis->to != NULL || axis->step != NULL;
    if (axis->values != NULL && range) {
        (void)cbit_diag_add(diag, CBIT_ERR_CONFLICT, where,
                            "has values and a range; expected one of them");
    } else if (axis->values != NULL) {
        take_values(sweep, axis, where, diag);
    } else {
        take_range(sweep, axis, where, diag);
    }
}

/* ---- figures ---- */

static void check_collect(cbit_sweep_t *sweep, cbit_diag_t *diag)
{
    const cbit_json_t *collect = sweep->collect;
    if (collect->kind != CBIT_JSON_ARRAY || collect->count == 0 ||
        collect->count > CBIT_SWEEP_MAX_FIGURES) {
        (void)cbit_diag_add(diag, CBIT_ERR_TYPE, "/collect",
                            "expected an array of 1 to %d JSON pointers into result.json",
                            CBIT_SWEEP_MAX_FIGURES);
        return;
    }
    sweep->figures = cbit_arena_alloc(sweep->arena, collect->count * sizeof *sweep->figures);
    for (const cbit_json_t *v = collect->first; v != NULL && sweep->figures != NULL; v = v->next) {
        char where[64];
        (void)snprintf(where, sizeof where, "/collect/%" PRIu32, sweep->figures_count);
        bool pointer = v->kind == CBIT_JSON_STRING && v->text[0] == '/';
        if (!pointer) {
            (void)cbit_diag_add(diag, CBIT_ERR_TYPE, where,
                                "expected a JSON pointer into result.json in quotes");
        }
        for (uint32_t i = 0; pointer && i < sweep->figures_count; i++) {
            if (strcmp(sweep->figures[i], v->text) == 0) {
                (void)cbit_diag_add(diag, CBIT_ERR_DUPLICATE, where, "is already /collect/%" PRIu32,
                                    i);
            }
        }
        sweep->figures[sweep->figures_count++] = pointer ? v->text : "";
    }
}

/* ---- the whole file ---- */

static void resolve_path(cbit_sweep_t *sweep, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t folder = sweep->scenario[0] == '/' || slash == NULL ? 0 : (size_t)(slash - path) + 1;
    (void)snprintf(sweep->path, sizeof sweep->path, "%.*s%s", (int)folder, path, sweep->scenario);
}

static void load(cbit_sweep_t *sweep, const char *path, cbit_diag_t *diag)
{
    cbit_arena_t *arena = sweep->arena;
    cbit_diag_set_file(diag, path);
    cbit_json_t *tree = cbit_json_load(arena, path, MAX_BYTES, 0, CBIT_ERR_OPEN, diag);
    if (tree == NULL || cbit_bind(arena, tree, path, cbit_sweep_rows, sweep, diag) != CBIT_ERR_OK) {
        return;
    }
    sweep->arena = arena;
    cbit_diag_set_file(diag, path);
    size_t before = cbit_diag_count(diag);
    for (uint32_t i = 0; i < sweep->axes_count; i++) {
        check_axis(sweep, i, diag);
    }
    check_collect(sweep, diag);
    resolve_path(sweep, path);
    if (cbit_diag_count(diag) == before && !cbit_arena_failed(arena)) {
        cbit_sweep_plan(sweep, diag);
    }
}

cbit_err_t cbit_sweep_load(const char *path, cbit_sweep_t **out, cbit_diag_t *diag)
{
    size_t before = cbit_diag_count(diag);
    cbit_sweep_t *sweep = calloc(1, sizeof *sweep);
    if (sweep == NULL || (sweep->arena = cbit_arena_create()) == NULL) {
        free(sweep);
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    load(sweep, path, diag);
    cbit_diag_set_file(diag, NULL);
    if (cbit_arena_failed(sweep->arena)) {
        (void)cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    if (cbit_diag_count(diag) != before) {
        cbit_sweep_destroy(sweep);
        return cbit_diag_first(diag);
    }
    *out = sweep;
    return CBIT_ERR_OK;
}

void cbit_sweep_destroy(cbit_sweep_t *sweep)
{
    if (sweep != NULL) {
        cbit_arena_destroy(sweep->arena);
        free(sweep);
    }
}
