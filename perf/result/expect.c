/* Expectations: a JSON pointer into the result, an operation, a value. Numbers compare exactly. */
#include <stddef.h>

#include "perf/result/result.h"

static const char *const op_words[] = {"==", "!=", "<", "<=", ">", ">=", "in", "between"};

static bool is_in(const cbit_json_t *actual, const cbit_json_t *list)
{
    for (const cbit_json_t *item = list->first; item != NULL; item = item->next) {
        if (cbit_json_equal(actual, item)) {
            return true;
        }
    }
    return false;
}

static bool ordered(const cbit_json_t *actual, cbit_expect_op_t op, const cbit_json_t *value)
{
    if (actual->kind != CBIT_JSON_NUMBER) {
        return false;
    }
    if (op == CBIT_EXPECT_BETWEEN) {
        return cbit_json_compare_numbers(actual, value->first) >= 0 &&
               cbit_json_compare_numbers(actual, value->last) <= 0;
    }
    int order = cbit_json_compare_numbers(actual, value);
    return op == CBIT_EXPECT_LT   ? order < 0
           : op == CBIT_EXPECT_LE ? order <= 0
           : op == CBIT_EXPECT_GT ? order > 0
                                  : order >= 0;
}

static bool holds(const cbit_json_t *actual, cbit_expect_op_t op, const cbit_json_t *value)
{
    if (actual == NULL) {
        return false; /* whatever is expected of a value that does not exist */
    }
    switch (op) {
    case CBIT_EXPECT_EQ:
        return cbit_json_equal(actual, value);
    case CBIT_EXPECT_NE:
        return !cbit_json_equal(actual, value);
    case CBIT_EXPECT_IN:
        return is_in(actual, value);
    case CBIT_EXPECT_LT:
    case CBIT_EXPECT_LE:
    case CBIT_EXPECT_GT:
    case CBIT_EXPECT_GE:
    case CBIT_EXPECT_BETWEEN:
        break;
    }
    return ordered(actual, op, value);
}

static cbit_json_t *copy_or_null(cbit_arena_t *arena, const cbit_json_t *value)
{
    return value == NULL ? cbit_json_new(arena, CBIT_JSON_NULL) : cbit_json_copy(arena, value);
}

static cbit_json_t *judge_one(cbit_result_t *result, const cbit_scenario_expect_t *expect,
                              cbit_engine_mode_t mode)
{
    cbit_arena_t *arena = result->arena;
    bool skipped = (expect->engines_mask >> mode & 1) == 0;
    const cbit_json_t *actual = skipped ? NULL : cbit_json_at(result->json, expect->path);
    bool ok = !skipped && holds(actual, (cbit_expect_op_t)expect->op, expect->value);
    cbit_json_t *entry = cbit_json_new(arena, CBIT_JSON_OBJECT);
    (void)cbit_json_add(arena, entry, "path", cbit_json_string(arena, expect->path));
    (void)cbit_json_add(arena, entry, "op", cbit_json_string(arena, op_words[expect->op]));
    (void)cbit_json_add(arena, entry, "value", copy_or_null(arena, expect->value));
    (void)cbit_json_add(arena, entry, "actual", copy_or_null(arena, actual));
    (void)cbit_json_add(arena, entry, "ok",
                        skipped ? cbit_json_new(arena, CBIT_JSON_NULL) : cbit_json_bool(arena, ok));
    (void)cbit_json_add(arena, entry, "skipped", cbit_json_bool(arena, skipped));
    result->verdict.skipped += skipped;
    result->verdict.held += !skipped && ok;
    result->verdict.failed += !skipped && !ok;
    return entry;
}

void cbit_result_judge(cbit_result_t *result, const cbit_scenario_t *scenario,
                       cbit_engine_mode_t mode)
{
    /* Not yet part of the result while it is judged: an expectation cannot be about another one. */
    cbit_json_t *list = cbit_json_new(result->arena, CBIT_JSON_ARRAY);
    for (uint32_t i = 0; i < scenario->expect_count; i++) {
        (void)cbit_json_add(result->arena, list, NULL,
                            judge_one(result, &scenario->expect[i], mode));
    }
    (void)cbit_json_add(result->arena, result->json, "expect", list);
}
