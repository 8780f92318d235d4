/* Finding, building and comparing values. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cbit/workloads/json.h"
#include "workloads/json/text.h"

cbit_json_t *cbit_json_get(const cbit_json_t *object, const char *key)
{
    if (object == NULL || object->kind != CBIT_JSON_OBJECT) {
        return NULL;
    }
    for (cbit_json_t *child = object->first; child != NULL; child = child->next) {
        if (strcmp(child->key, key) == 0) {
            return child;
        }
    }
    return NULL;
}

/* RFC 6901: digits without a leading zero. */
static const cbit_json_t *item_at(const cbit_json_t *array, const char *token)
{
    uint64_t index = 0;
    if (token[0] == '\0' || (token[0] == '0' && token[1] != '\0')) {
        return NULL;
    }
    for (; *token != '\0'; token++) {
        if (*token < '0' || *token > '9' || index > CBIT_JSON_MAX_VALUES) {
            return NULL;
        }
        index = index * 10 + (uint64_t)(*token - '0');
    }
    const cbit_json_t *child = array->first;
    while (child != NULL && index-- > 0) {
        child = child->next;
    }
    return child;
}

const cbit_json_t *cbit_json_at(const cbit_json_t *root, const char *pointer)
{
    char token[CBIT_JSON_POINTER_BYTES];
    int more = 1;
    while (root != NULL && (more = cbit_pointer_next(&pointer, token, sizeof token)) > 0) {
        root = root->kind == CBIT_JSON_ARRAY ? item_at(root, token) : cbit_json_get(root, token);
    }
    return more < 0 ? NULL : root;
}

cbit_json_t *cbit_json_new(cbit_arena_t *arena, cbit_json_kind_t kind)
{
    cbit_json_t *value = cbit_arena_alloc(arena, sizeof *value);
    if (value != NULL) {
        value->kind = kind;
    }
    return value;
}

static cbit_json_t *new_text(cbit_arena_t *arena, cbit_json_kind_t kind, const char *text)
{
    cbit_json_t *value = cbit_json_new(arena, kind);
    if (value != NULL) {
        value->text = cbit_arena_copy(arena, text, strlen(text));
    }
    return value == NULL || value->text == NULL ? NULL : value;
}

cbit_json_t *cbit_json_string(cbit_arena_t *arena, const char *text)
{
    return new_text(arena, CBIT_JSON_STRING, text);
}

cbit_json_t *cbit_json_bool(cbit_arena_t *arena, bool value)
{
    return cbit_json_new(arena, value ? CBIT_JSON_TRUE : CBIT_JSON_FALSE);
}

cbit_json_t *cbit_json_u64(cbit_arena_t *arena, uint64_t value)
{
    return cbit_json_fixed(arena, value, 0);
}

cbit_json_t *cbit_json_i64(cbit_arena_t *arena, int64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    return new_text(arena, CBIT_JSON_NUMBER, text);
}

cbit_json_t *cbit_json_fixed(cbit_arena_t *arena, uint64_t value, uint32_t decimals)
{
    char text[48];
    uint64_t power = 1;
    for (uint32_t i = 0; i < decimals; i++) {
        power *= 10;
    }
    if (decimals == 0) {
        (void)snprintf(text, sizeof text, "%" PRIu64, value);
    } else {
        (void)snprintf(text, sizeof text, "%" PRIu64 ".%0*" PRIu64, value / power, (int)decimals,
                       value % power);
    }
    return new_text(arena, CBIT_JSON_NUMBER, text);
}

cbit_json_t *cbit_json_add(cbit_arena_t *arena, cbit_json_t *parent, const char *key,
                           cbit_json_t *value)
{
    if (parent == NULL || value == NULL) {
        return NULL;
    }
    value->next = NULL;
    value->key = NULL;
    if (key != NULL && (value->key = cbit_arena_copy(arena, key, strlen(key))) == NULL) {
        return NULL;
    }
    if (parent->last == NULL) {
        parent->first = value;
    } else {
        parent->last->next = value;
    }
    parent->last = value;
    parent->count++;
    return value;
}

cbit_json_t *cbit_json_copy(cbit_arena_t *arena, const cbit_json_t *value)
{
    if (value == NULL) {
        return NULL;
    }
    cbit_json_t *copy = cbit_json_new(arena, value->kind);
    if (copy == NULL) {
        return NULL;
    }
    copy->line = value->line;
    copy->origin = value->origin;
    if (value->text != NULL) {
        copy->text = cbit_arena_copy(arena, value->text, strlen(value->text));
    }
    for (const cbit_json_t *child = value->first; child != NULL; child = child->next) {
        if (cbit_json_add(arena, copy, child->key, cbit_json_copy(arena, child)) == NULL) {
            return NULL;
        }
    }
    return value->text != NULL && copy->text == NULL ? NULL : copy;
}

static bool equal_items(const cbit_json_t *a, const cbit_json_t *b)
{
    const cbit_json_t *y = b->first;
    for (const cbit_json_t *x = a->first; x != NULL; x = x->next, y = y->next) {
        if (!cbit_json_equal(x, y)) {
            return false;
        }
    }
    return true;
}

static bool equal_members(const cbit_json_t *a, const cbit_json_t *b)
{
    for (const cbit_json_t *x = a->first; x != NULL; x = x->next) {
        const cbit_json_t *y = cbit_json_get(b, x->key);
        if (y == NULL || !cbit_json_equal(x, y)) {
            return false;
        }
    }
    return true;
}

bool cbit_json_equal(const cbit_json_t *a, const cbit_json_t *b)
{
    if (a->kind != b->kind || a->count != b->count) {
        return false;
    }
    switch (a->kind) {
    case CBIT_JSON_NUMBER:
        return cbit_json_compare_numbers(a, b) == 0;
    case CBIT_JSON_STRING:
        return strcmp(a->text, b->text) == 0;
    case CBIT_JSON_ARRAY:
        return equal_items(a, b);
    case CBIT_JSON_OBJECT:
        return equal_members(a, b);
    case CBIT_JSON_NULL:
    case CBIT_JSON_FALSE:
    case CBIT_JSON_TRUE:
        break;
    }
    return true;
}
