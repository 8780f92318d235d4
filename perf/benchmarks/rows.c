#include "perf/benchmarks/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bench_options_t bench_options(int argc, char **argv, uint32_t rounds)
{
    bench_options_t options = {.rounds = rounds};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options.json = true;
        } else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            unsigned long wanted = strtoul(argv[++i], NULL, 10);
            options.rounds = wanted > METER_ROUNDS ? 0 : (uint32_t)wanted;
        } else {
            options.rounds = 0;
        }
    }
    if (options.rounds == 0) {
        (void)fprintf(stderr, "usage: %s [--json] [--rounds 1..%d]\n", argv[0], METER_ROUNDS);
        exit(2);
    }
    return options;
}

void bench_row_add(cJSON *root, const bench_row_t *row)
{
    static const char *const GOALS[] = {NULL, "value at least", "ratio at least", "ratio at most"};
    cJSON *rows = cJSON_GetObjectItem(root, "rows");
    if (rows == NULL) {
        rows = cJSON_AddArrayToObject(root, "rows");
    }
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "what", row->what);
    (void)cJSON_AddStringToObject(json, "unit", row->unit);
    (void)cJSON_AddItemToObject(json, "value", meter_json(row->value));
    if (row->beside != NULL) {
        (void)cJSON_AddStringToObject(json, "beside", row->beside);
        (void)cJSON_AddItemToObject(json, "ratio", meter_json(row->ratio));
    }
    if (row->goal_is != BENCH_NO_GOAL) {
        const bool at_most = row->goal_is == BENCH_RATIO_AT_MOST;
        const double reached = row->goal_is == BENCH_VALUE_AT_LEAST ? meter_best(row->value)
                                                                    : meter_median(row->ratio);
        (void)cJSON_AddStringToObject(json, "goal_is", GOALS[row->goal_is]);
        (void)cJSON_AddNumberToObject(json, "goal", row->goal);
        (void)cJSON_AddBoolToObject(json, "reached",
                                    at_most ? reached <= row->goal : reached >= row->goal);
    }
    (void)cJSON_AddItemToArray(rows, json);
}

void bench_print(cJSON *root)
{
    char *text = cJSON_Print(root);
    (void)puts(text);
    cJSON_free(text);
    cJSON_Delete(root);
}
