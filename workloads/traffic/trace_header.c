#include "workloads/traffic/trace_header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cbit/base/rows.h"
#include "cbit/workloads/json.h"

static const char *const format_words[] = {"cbit-trace/1", NULL};

typedef struct header {
    uint32_t format;
    uint32_t page_bytes;
    cbit_trace_info_t info;
} header_t;

enum { TEXT = CBIT_TRACE_TEXT_BYTES };
#define TOTAL_MAX (UINT64_C(1) << 53)
#define INFO_FIELD(row_type, field)                                                                \
    .key = #field, .type = CBIT_ROW_##row_type, .offset = offsetof(header_t, info.field)

static const cbit_row_t rows[] = {
    {CBIT_FIELD(ENUM, header_t, format), .names = format_words, .required = true},
    {INFO_FIELD(STRING, source), .max = TEXT, .required = true},
    {INFO_FIELD(STRING, program), .max = TEXT},
    {INFO_FIELD(STRING, licence), .max = TEXT},
    {INFO_FIELD(BOOL, code_generated)},
    {CBIT_FIELD(U32, header_t, page_bytes), .min = CBIT_TRACE_PAGE_BYTES,
     .max = CBIT_TRACE_PAGE_BYTES, .required = true},
    {INFO_FIELD(U64, seed), .max = UINT64_MAX},
    {INFO_FIELD(U64, instructions), .max = TOTAL_MAX, .required = true},
    {INFO_FIELD(U64, fetches), .max = TOTAL_MAX, .required = true},
    {INFO_FIELD(U64, loads), .max = TOTAL_MAX, .required = true},
    {INFO_FIELD(U64, stores), .max = TOTAL_MAX, .required = true},
    {INFO_FIELD(U64, pages), .max = CBIT_TRACE_MAX_PAGES, .required = true},
    {INFO_FIELD(U64, events), .max = TOTAL_MAX},
    {.key = NULL},
};

static cbit_err_t complain(cbit_diag_t *diag, uint64_t base, const char *key, const char *what)
{
    char where[64];
    (void)snprintf(where, sizeof where, "byte %" PRIu64 ", header", base);
    return cbit_diag_add(diag, CBIT_ERR_FORMAT, where, "/%s: %s", key, what);
}

/* A number, or a string of decimal digits; false when it is not a whole one in min..max. */
static bool number_of(const cbit_row_t *row, const cbit_json_t *item, uint64_t *value)
{
    bool negative = false;
    if (item->kind == CBIT_JSON_NUMBER) {
        return cbit_json_scaled(item, 0, &negative, value) && !(negative && *value != 0) &&
               *value >= row->min && *value <= row->max;
    }
    if (item->kind != CBIT_JSON_STRING || item->text[0] == '\0') {
        return false;
    }
    uint64_t sum = 0;
    for (const char *at = item->text; *at != '\0'; at++) {
        uint64_t digit = (uint64_t)(unsigned char)*at - '0';
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10) {
            return false;
        }
        sum = 10 * sum + digit;
    }
    *value = sum;
    return sum >= row->min && sum <= row->max;
}

static const char *bind_text(const cbit_row_t *row, const cbit_json_t *item, char *field)
{
    if (item->kind != CBIT_JSON_STRING) {
        return "must be a string";
    }
    if (strlen(item->text) > row->max) {
        return "is longer than 255 bytes";
    }
    (void)snprintf(field, row->max + 1, "%s", item->text);
    return NULL;
}

/* NULL when the value was taken, else what is wrong with it. */
static const char *bind_value(const cbit_row_t *row, const cbit_json_t *item, header_t *header)
{
    void *field = (char *)header + row->offset;
    uint64_t number = 0;
    switch (row->type) {
    case CBIT_ROW_ENUM:
        return item->kind == CBIT_JSON_STRING && strcmp(item->text, row->names[0]) == 0
                   ? NULL
                   : "must be \"cbit-trace/1\"";
    case CBIT_ROW_STRING:
        return bind_text(row, item, field);
    case CBIT_ROW_BOOL:
        memcpy(field, &(bool){item->kind == CBIT_JSON_TRUE}, sizeof(bool));
        return item->kind == CBIT_JSON_TRUE || item->kind == CBIT_JSON_FALSE
                   ? NULL
                   : "must be true or false";
    default:
        break;
    }
    if (!number_of(row, item, &number)) {
        return "must be a whole number within its range";
    }
    if (row->type == CBIT_ROW_U32) {
        memcpy(field, &(uint32_t){(uint32_t)number}, sizeof(uint32_t));
    } else {
        memcpy(field, &number, sizeof number);
    }
    return NULL;
}

/* Unknown members are left alone: a later writer may say more, and what we need is all there. */
static cbit_err_t bind_members(const cbit_json_t *root, uint64_t base, header_t *header,
                               cbit_diag_t *diag)
{
    cbit_err_t err = CBIT_ERR_OK;
    for (const cbit_row_t *row = rows; row->key != NULL; row++) {
        const cbit_json_t *item = cbit_json_get(root, row->key);
        const char *what = item != NULL    ? bind_value(row, item, header)
                           : row->required ? "is missing"
                                           : NULL;
        if (what != NULL) {
            err = complain(diag, base, row->key, what);
        }
    }
    return err;
}

cbit_err_t cbit_cbt_parse_header(const char *text, size_t len, uint64_t base,
                                 cbit_trace_info_t *info, cbit_diag_t *diag)
{
    header_t header = {0};
    cbit_err_t err = CBIT_ERR_OK;
    cbit_arena_t *arena = cbit_arena_create();
    cbit_diag_t *syntax = cbit_diag_create();
    if (arena == NULL || syntax == NULL) {
        err = cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    } else {
        const cbit_json_t *root = cbit_json_parse(arena, text, len, 0, syntax);
        if (root == NULL) {
            const cbit_diag_entry_t *entry = cbit_diag_at(syntax, 0);
            err = complain(diag, base, "", entry == NULL ? "is not JSON" : entry->text);
        } else if (root->kind != CBIT_JSON_OBJECT) {
            err = complain(diag, base, "", "must be an object");
        } else {
            err = bind_members(root, base, &header, diag);
        }
    }
    cbit_diag_destroy(syntax);
    cbit_arena_destroy(arena);
    if (err == CBIT_ERR_OK) {
        *info = header.info;
    }
    return err;
}

/* Writes a JSON string; control characters become '?', what does not fit is cut. */
static void quote(char *to, size_t room, const char *from)
{
    size_t n = 0;
    to[n++] = '"';
    for (; *from != '\0' && n + 4 < room; from++) {
        unsigned char c = (unsigned char)*from;
        if (c == '"' || c == '\\') {
            to[n++] = '\\';
        }
        to[n++] = (char)(c < 0x20 || c >= 0x7f ? '?' : *from);
    }
    to[n++] = '"';
    to[n] = '\0';
}

void cbit_cbt_format_header(char text[CBIT_CBT_HEADER_ROOM_BYTES], const cbit_trace_info_t *info)
{
    enum { QUOTED = 2 * TEXT + 4 };
    char source[QUOTED], program[QUOTED], licence[QUOTED];
    quote(source, sizeof source, info->source);
    quote(program, sizeof program, info->program);
    quote(licence, sizeof licence, info->licence);
    int n = snprintf(text, CBIT_CBT_HEADER_ROOM_BYTES,
                     "{\"format\":\"cbit-trace/1\",\"source\":%s,\"program\":%s,\"licence\":%s,"
                     "\"code_generated\":%s,\"page_bytes\":%d,\"seed\":\"%" PRIu64 "\","
                     "\"instructions\":%" PRIu64 ",\"fetches\":%" PRIu64 ",\"loads\":%" PRIu64
                     ",\"stores\":%" PRIu64 ",\"pages\":%" PRIu64 ",\"events\":%" PRIu64 "}",
                     source, program, licence, info->code_generated ? "true" : "false",
                     CBIT_TRACE_PAGE_BYTES, info->seed, info->instructions, info->fetches,
                     info->loads, info->stores, info->pages, info->events);
    size_t used = n < 0 ? 0 : (size_t)n;
    memset(text + used, ' ', CBIT_CBT_HEADER_ROOM_BYTES - used);
    text[CBIT_CBT_HEADER_ROOM_BYTES - 1] = '\n';
}
