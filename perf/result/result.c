#include <stdlib.h>
#include <string.h>

#include "perf/result/result.h"

static uint64_t broken_checks(const cbit_run_checks_t *checks)
{
    uint64_t broken = 0, value;
    for (const cbit_row_t *row = cbit_run_check_rows; row->key != NULL; row++) {
        memcpy(&value, (const unsigned char *)checks + row->offset, sizeof value);
        broken += value != 0;
    }
    return broken;
}

static cbit_err_t build(cbit_result_t *result, const cbit_scenario_file_t *file,
                        const cbit_result_runs_t *runs, cbit_diag_t *diag)
{
    const cbit_scenario_t *scenario = cbit_scenario_of(file);
    cbit_arena_t *arena = result->arena;
    cbit_json_t *inputs = cbit_scenario_inputs(file, arena, diag);
    if (inputs == NULL) {
        return CBIT_ERR_INPUT_FILE;
    }
    result->json = cbit_json_new(arena, CBIT_JSON_OBJECT);
    (void)cbit_json_add(arena, result->json, "format", cbit_json_string(arena, "cbit-result/1"));
    (void)cbit_json_add(arena, result->json, "config", cbit_scenario_config(file, arena));
    (void)cbit_json_add(arena, result->json, "inputs", inputs);
    cbit_result_build(result, scenario, runs);
    cbit_result_judge(result, scenario, runs->mode);
    result->verdict.broken_checks = broken_checks(&runs->run->checks);
    if (result->failed || cbit_arena_failed(arena)) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    return CBIT_ERR_OK;
}

cbit_err_t cbit_result_create(const cbit_scenario_file_t *file, const cbit_result_runs_t *runs,
                              cbit_result_t **out, cbit_diag_t *diag)
{
    cbit_result_t *result = calloc(1, sizeof *result);
    cbit_err_t err = CBIT_ERR_NO_MEMORY;
    if (result != NULL && (result->arena = cbit_arena_create()) != NULL) {
        err = build(result, file, runs, diag);
    } else {
        (void)cbit_diag_add(diag, err, NULL, "out of memory");
    }
    if (err != CBIT_ERR_OK) {
        cbit_result_destroy(result);
        return err;
    }
    *out = result;
    return CBIT_ERR_OK;
}

void cbit_result_destroy(cbit_result_t *result)
{
    if (result != NULL) {
        cbit_arena_destroy(result->arena);
        free(result->stats);
        free(result);
    }
}

const cbit_json_t *cbit_result_json(const cbit_result_t *result)
{
    return result->json;
}

cbit_verdict_t cbit_result_verdict(const cbit_result_t *result)
{
    return result->verdict;
}

uint64_t cbit_result_number(const cbit_json_t *root, const char *pointer, uint32_t decimals)
{
    const cbit_json_t *number = cbit_json_at(root, pointer);
    bool negative = false;
    uint64_t value = 0;
    if (number == NULL || number->kind != CBIT_JSON_NUMBER) {
        return 0;
    }
    return cbit_json_scaled(number, decimals, &negative, &value) ? value : 0;
}

const char *cbit_result_string(const cbit_json_t *root, const char *pointer)
{
    const cbit_json_t *text = cbit_json_at(root, pointer);
    return text == NULL || text->text == NULL ? "-" : text->text;
}
