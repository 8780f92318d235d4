/* Figures out of results. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf/sweep/sweep.h"

enum { MAX_RESULT_BYTES = 64 << 20 };

cbit_sweep_table_t *cbit_sweep_table_create(const cbit_sweep_t *sweep)
{
    cbit_arena_t *arena = cbit_arena_create();
    cbit_sweep_table_t *table =
        arena == NULL ? NULL : cbit_arena_alloc(arena, sizeof(cbit_sweep_table_t));
    if (table == NULL) {
        cbit_arena_destroy(arena);
        return NULL;
    }
    *table = (cbit_sweep_table_t){.sweep = sweep, .arena = arena};
    table->records = cbit_arena_alloc(arena, cbit_sweep_runs(sweep) * sizeof *table->records);
    table->lacking = cbit_arena_alloc(arena, sweep->figures_count * sizeof *table->lacking);
    if (cbit_arena_failed(arena)) {
        cbit_arena_destroy(arena);
        return NULL;
    }
    return table;
}

void cbit_sweep_table_destroy(cbit_sweep_table_t *table)
{
    if (table != NULL) {
        cbit_arena_destroy(table->arena);
    }
}

void cbit_sweep_collect_failure(cbit_sweep_table_t *table, uint32_t run, const char *error)
{
    const char *kept = cbit_arena_copy(table->arena, error, strlen(error));
    table->records[run].error = kept == NULL ? "out of memory" : kept;
    table->failed++;
}

/* The first count of /checks that is not zero: such a simulation is not to be trusted. */
static const cbit_json_t *broken_check(const cbit_json_t *result)
{
    const cbit_json_t *checks = cbit_json_get(result, "checks");
    const cbit_json_t *check = checks == NULL ? NULL : checks->first;
    while (check != NULL && strcmp(check->text == NULL ? "" : check->text, "0") == 0) {
        check = check->next;
    }
    return check;
}

static uint32_t count_unmet(const cbit_json_t *result)
{
    uint32_t unmet = 0;
    const cbit_json_t *expect = cbit_json_get(result, "expect");
    for (const cbit_json_t *e = expect == NULL ? NULL : expect->first; e != NULL; e = e->next) {
        const cbit_json_t *ok = cbit_json_get(e, "ok"), *skipped = cbit_json_get(e, "skipped");
        bool counts = skipped == NULL || skipped->kind != CBIT_JSON_TRUE;
        unmet += counts && ok != NULL && ok->kind == CBIT_JSON_FALSE;
    }
    return unmet;
}

static void take_figures(cbit_sweep_table_t *table, cbit_sweep_record_t *record,
                         const cbit_json_t *result)
{
    const cbit_sweep_t *sweep = table->sweep;
    record->figures =
        cbit_arena_alloc(table->arena, sweep->figures_count * sizeof *record->figures);
    record->quoted = cbit_arena_alloc(table->arena, sweep->figures_count * sizeof *record->quoted);
    for (uint32_t f = 0; f < sweep->figures_count && record->quoted != NULL; f++) {
        static const char *const words[] = {NULL, "false", "true"};
        const cbit_json_t *value = cbit_json_at(result, sweep->figures[f]);
        const char *text = value == NULL                     ? NULL
                           : value->kind <= CBIT_JSON_TRUE   ? words[value->kind]
                           : value->kind <= CBIT_JSON_STRING ? value->text
                                                             : NULL;
        table->lacking[f] += text == NULL;
        record->quoted[f] = value != NULL && value->kind == CBIT_JSON_STRING;
        record->figures[f] =
            text == NULL ? NULL : cbit_arena_copy(table->arena, text, strlen(text));
    }
}

void cbit_sweep_collect(cbit_sweep_table_t *table, uint32_t run, const char *path)
{
    char why[256];
    cbit_arena_t *arena = cbit_arena_create();
    const cbit_json_t *result =
        arena == NULL ? NULL
                      : cbit_json_load(arena, path, MAX_RESULT_BYTES, 0, CBIT_ERR_INPUT_FILE, NULL);
    const cbit_json_t *broken = result == NULL ? NULL : broken_check(result);
    if (result == NULL) {
        cbit_sweep_collect_failure(table, run, "its result.json cannot be read");
    } else if (broken != NULL) {
        (void)snprintf(why, sizeof why,
                       "/checks/%.60s is %.30s: an invariant of the simulation does not hold",
                       broken->key == NULL ? "" : broken->key,
                       broken->text == NULL ? "no number" : broken->text);
        cbit_sweep_collect_failure(table, run, why);
    } else {
        table->records[run].unmet = count_unmet(result);
        table->unmet += table->records[run].unmet > 0;
        table->good++;
        take_figures(table, &table->records[run], result);
    }
    cbit_arena_destroy(arena);
}
