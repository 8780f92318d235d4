/*
 * The reader: a strict scan, cJSON for the grammar and the texts, and a copy of its tree in the
 * arena with what cJSON does not keep: the line of every value and the digits of every number.
 *
 * A syntax error ends the reading, since nothing behind it can be trusted to mean what it seems to;
 * duplicate keys do not, so that all of them are told at once.
 */
#include <cjson/cJSON.h>
#include <string.h>

#include "cbit/workloads/json.h"
#include "workloads/json/scan.h"
#include "workloads/json/text.h"

typedef struct reader {
    cbit_arena_t *arena;
    cbit_diag_t *diag;
    const cbit_json_scan_t *scan;
    uint32_t next_mark, origin, depth;
    bool refused;                                     /* cannot go on */
    bool duplicate;                                   /* some key came twice */
    const cbit_json_t *path[CBIT_JSON_MAX_DEPTH + 1]; /* what encloses the current value */
} reader_t;

static void *need(reader_t *r, void *memory)
{
    if (memory == NULL && !r->refused) {
        r->refused = true;
        (void)cbit_diag_add(r->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    return memory;
}

static void append(cbit_json_t *parent, cbit_json_t *child)
{
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
    parent->count++;
}

static void tell_duplicate(reader_t *r, const cbit_json_t *object, const cbit_json_t *again)
{
    char pointer[CBIT_JSON_POINTER_BYTES] = "";
    for (uint32_t i = 1; i < r->depth; i++) {
        if (r->path[i]->key != NULL) {
            cbit_pointer_push(pointer, sizeof pointer, r->path[i]->key);
        } else {
            cbit_pointer_push_index(pointer, sizeof pointer, r->path[i - 1]->count);
        }
    }
    cbit_pointer_push(pointer, sizeof pointer, again->key);
    const cbit_json_t *before = cbit_json_get(object, again->key);
    (void)cbit_diag_add(r->diag, CBIT_ERR_DUPLICATE, pointer,
                        "given twice, on lines %u and %u; each key once", (unsigned)before->line,
                        (unsigned)again->line);
    r->duplicate = true;
}

static cbit_json_kind_t kind_of(const cJSON *item)
{
    static const struct {
        int type;
        cbit_json_kind_t kind;
    } kinds[] = {
        {cJSON_False, CBIT_JSON_FALSE},   {cJSON_True, CBIT_JSON_TRUE},
        {cJSON_Number, CBIT_JSON_NUMBER}, {cJSON_String, CBIT_JSON_STRING},
        {cJSON_Array, CBIT_JSON_ARRAY},   {cJSON_Object, CBIT_JSON_OBJECT},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((item->type & 0xff) == kinds[i].type) {
            return kinds[i].kind;
        }
    }
    return CBIT_JSON_NULL;
}

static const char *copy(reader_t *r, const char *text)
{
    return need(r, cbit_arena_copy(r->arena, text, strlen(text)));
}

static cbit_json_t *convert(reader_t *r, const cJSON *item);

static void convert_children(reader_t *r, const cJSON *item, cbit_json_t *value)
{
    r->path[r->depth++] = value;
    for (const cJSON *child = item->child; child != NULL && !r->refused; child = child->next) {
        if (value->kind == CBIT_JSON_OBJECT && value->count == CBIT_JSON_MAX_MEMBERS) {
            const cbit_json_mark_t *mark = &r->scan->marks[r->next_mark - 1];
            cbit_json_refuse(r->scan, r->scan->begin + mark->offset,
                             "more than 1024 members in one object; that is the limit", NULL,
                             r->diag);
            r->refused = true;
            break;
        }
        cbit_json_t *converted = convert(r, child);
        if (converted == NULL) {
            break;
        }
        if (converted->key != NULL && cbit_json_get(value, converted->key) != NULL) {
            tell_duplicate(r, value, converted);
        }
        append(value, converted);
    }
    r->depth--;
}

/* cJSON's tree has the file's order, so the n-th value met is the n-th that was marked. */
static cbit_json_t *convert(reader_t *r, const cJSON *item)
{
    cbit_json_t *value = need(r, cbit_arena_alloc(r->arena, sizeof *value));
    if (value == NULL) {
        return NULL;
    }
    const cbit_json_mark_t *mark = &r->scan->marks[r->next_mark++];
    const unsigned char *at = r->scan->begin + mark->offset;
    value->kind = kind_of(item);
    value->line = mark->line;
    value->origin = r->origin;
    if (item->string != NULL) {
        value->key = copy(r, item->string);
    }
    if (value->kind == CBIT_JSON_NUMBER) {
        size_t len = cbit_json_number_length(at, r->scan->end);
        value->text = need(r, cbit_arena_copy(r->arena, (const char *)at, len));
    } else if (value->kind == CBIT_JSON_STRING) {
        value->text = copy(r, item->valuestring);
    } else if (value->kind == CBIT_JSON_ARRAY || value->kind == CBIT_JSON_OBJECT) {
        convert_children(r, item, value);
    }
    return r->refused ? NULL : value;
}

static uint32_t count_values(const cJSON *item)
{
    uint32_t count = 0;
    for (; item != NULL; item = item->next) {
        count += 1 + count_values(item->child); /* the scan has bounded the depth */
    }
    return count;
}

cbit_json_t *cbit_json_parse(cbit_arena_t *arena, const char *bytes, size_t len, uint32_t origin,
                             cbit_diag_t *diag)
{
    cbit_json_scan_t scan;
    if (!cbit_json_scan(arena, bytes, len, &scan, diag)) {
        return NULL;
    }
    const char *end = bytes;
    cJSON *root = cJSON_ParseWithLengthOpts(bytes, len, &end, false);
    while (root != NULL && end < bytes + len && strchr(" \t\r\n", *end) != NULL) {
        end++;
    }
    reader_t r = {.arena = arena, .diag = diag, .scan = &scan, .origin = origin};
    cbit_json_t *value = NULL;
    if (root == NULL || end != bytes + len || count_values(root) != scan.count) {
        cbit_json_refuse(&scan, (const unsigned char *)end, "found ",
                         root == NULL ? ", which JSON does not allow here"
                                      : "; expected nothing behind the last bracket",
                         diag);
    } else {
        value = convert(&r, root);
    }
    cJSON_Delete(root);
    return r.refused || r.duplicate ? NULL : value;
}
