/* Counters into the result and into stats.txt, by their rows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/sim/time.h"
#include "perf/result/result.h"

static cbit_stat_t *new_stat(cbit_result_t *result)
{
    if (result->stats_count == result->stats_capacity) {
        size_t capacity = 2 * result->stats_capacity + 64;
        cbit_stat_t *stats = realloc(result->stats, capacity * sizeof *stats);
        if (stats == NULL) {
            result->failed = true;
            return NULL;
        }
        result->stats = stats;
        result->stats_capacity = capacity;
    }
    return &result->stats[result->stats_count++];
}

void cbit_result_put(cbit_result_t *result, cbit_json_t *into, const char *prefix, const char *key,
                     cbit_json_t *value, const char *unit, const char *help)
{
    char name[256];
    if (cbit_json_add(result->arena, into, key, value) == NULL) {
        result->failed = true;
        return;
    }
    cbit_stat_t *stat = value->text == NULL ? NULL : new_stat(result); /* numbers and words */
    if (stat != NULL) {
        int len = snprintf(name, sizeof name, "%s.%s", prefix, key);
        size_t kept = len < (int)sizeof name ? (size_t)len : sizeof name - 1;
        *stat = (cbit_stat_t){cbit_arena_copy(result->arena, name, kept), value->text, unit, help};
    }
}

/* Counters are U64 or U32; times are kept in picoseconds. */
static void put_row(cbit_result_t *result, cbit_json_t *into, const char *prefix,
                    const cbit_row_t *row, const unsigned char *object)
{
    char key[64];
    size_t len = strlen(row->key);
    uint64_t value = 0;
    uint32_t narrow = 0;
    bool truth = false, time = len > 3 && strcmp(row->key + len - 3, "_ps") == 0;
    if (row->type == CBIT_ROW_BOOL) {
        memcpy(&truth, object + row->offset, sizeof truth);
        (void)cbit_json_add(result->arena, into, row->key, cbit_json_bool(result->arena, truth));
        return;
    }
    if (row->type == CBIT_ROW_U32 || row->type == CBIT_ROW_ENUM) {
        memcpy(&narrow, object + row->offset, sizeof narrow);
        value = narrow;
    } else {
        memcpy(&value, object + row->offset, sizeof value);
    }
    (void)snprintf(key, sizeof key, "%s", row->key);
    if (time) {
        key[len - 2] = 'n';
        cbit_result_put(result, into, prefix, key, cbit_json_fixed(result->arena, value, 3), "ns",
                        row->help);
    } else {
        cbit_result_put(result, into, prefix, key, cbit_json_u64(result->arena, value), row->unit,
                        row->help);
    }
}

void cbit_result_put_rows(cbit_result_t *result, cbit_json_t *into, const char *prefix,
                          const cbit_row_t *rows, const void *object)
{
    for (const cbit_row_t *row = rows; row->key != NULL; row++) {
        put_row(result, into, prefix, row, object);
    }
}

cbit_json_t *cbit_result_ratio(cbit_arena_t *arena, uint64_t a, uint64_t b, uint32_t decimals)
{
    cbit_u128_t scaled = a;
    if (b == 0) {
        return cbit_json_new(arena, CBIT_JSON_NULL);
    }
    for (uint32_t i = 0; i < decimals; i++) {
        scaled *= 10;
    }
    return cbit_json_fixed(arena, (uint64_t)((scaled + b / 2) / b), decimals);
}

char *cbit_result_stats(const cbit_result_t *result)
{
    cbit_text_t text = {.bytes = NULL};
    for (size_t i = 0; i < result->stats_count; i++) {
        const cbit_stat_t *stat = &result->stats[i];
        cbit_text_add(&text, "%-44s %18s  # %s%s%s%s\n", stat->name, stat->value,
                      stat->help == NULL ? "" : stat->help, stat->unit == NULL ? "" : " (",
                      stat->unit == NULL ? "" : stat->unit, stat->unit == NULL ? "" : ")");
    }
    return cbit_text_take(&text);
}

char *cbit_result_csv(const cbit_result_t *result)
{
    cbit_text_t text = {.bytes = NULL};
    cbit_text_add(&text, "name,value,unit\n");
    for (size_t i = 0; i < result->stats_count; i++) {
        const cbit_stat_t *stat = &result->stats[i];
        cbit_text_add(&text, "%s,%s,%s\n", stat->name, stat->value,
                      stat->unit == NULL ? "" : stat->unit);
    }
    return cbit_text_take(&text);
}
