/*
 * The reader: one pass, recursive over at most CBIT_JSON_MAX_DEPTH levels.
 *
 * A syntax error ends the reading, since nothing behind it can be trusted to mean what it seems to;
 * duplicate keys do not, so that all of them are told at once.
 */
#include <stdio.h>
#include <string.h>

#include "cbit/workloads/json.h"
#include "workloads/json/text.h"

typedef struct reader {
    cbit_arena_t *arena;
    cbit_diag_t *diag;
    const unsigned char *at, *end, *begin;
    uint32_t origin, line, values, depth;
    const unsigned char *line_begin;
    char *scratch;                                    /* room for any string of the input */
    bool refused;                                     /* a syntax error was told */
    bool duplicate;                                   /* some key came twice */
    const cbit_json_t *path[CBIT_JSON_MAX_DEPTH + 1]; /* what encloses the current value */
} reader_t;

static cbit_json_t *read_value(reader_t *r, const char *key);

/* ---- telling ---- */

static void where_is(const reader_t *r, const unsigned char *at, char *text, size_t bytes)
{
    size_t column = 1;
    for (const unsigned char *p = r->line_begin; p < at; p++) {
        column += (*p & 0xc0) != 0x80; /* bytes that begin a character */
    }
    (void)snprintf(text, bytes, "line %u, column %zu", (unsigned)r->line, column);
}

static void refuse(reader_t *r, const unsigned char *at, const char *text)
{
    char where[64];
    if (!r->refused) {
        r->refused = true;
        where_is(r, at, where, sizeof where);
        (void)cbit_diag_add(r->diag, CBIT_ERR_SYNTAX, where, "%s", text);
    }
}

/* What stands at a place, in words. */
static void found_at(const reader_t *r, const unsigned char *at, char *text, size_t bytes)
{
    if (at >= r->end) {
        (void)snprintf(text, bytes, "the end of the file");
    } else if (*at == 0) {
        (void)snprintf(text, bytes, "a NUL byte");
    } else if (*at > 0x20 && *at < 0x7f) {
        (void)snprintf(text, bytes, "'%c'", *at);
    } else {
        (void)snprintf(text, bytes, "byte 0x%02x", *at);
    }
}

static void refuse_found(reader_t *r, const char *expected)
{
    char found[64], text[160];
    found_at(r, r->at, found, sizeof found);
    (void)snprintf(text, sizeof text, "found %s; expected %s", found, expected);
    refuse(r, r->at, text);
}

static void *need(reader_t *r, void *memory)
{
    if (memory == NULL && !r->refused) {
        r->refused = true;
        (void)cbit_diag_add(r->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    return memory;
}

/* ---- white space, words, numbers ---- */

static void skip_space(reader_t *r)
{
    for (; r->at < r->end; r->at++) {
        if (*r->at == '\n') {
            r->line++;
            r->line_begin = r->at + 1;
        } else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r') {
            return;
        }
    }
}

static bool take(reader_t *r, char c)
{
    if (r->at < r->end && *r->at == (unsigned char)c) {
        r->at++;
        return true;
    }
    return false;
}

static bool take_word(reader_t *r, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(r->end - r->at) >= len && memcmp(r->at, word, len) == 0) {
        r->at += len;
        return true;
    }
    return false;
}

static bool take_digits(reader_t *r)
{
    const unsigned char *from = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        r->at++;
    }
    if (r->at == from) {
        refuse_found(r, "a digit");
    }
    return r->at != from;
}

/* The grammar of RFC 8259: no leading zeros, no '+', digits on both sides of the point. */
static bool read_number(reader_t *r, cbit_json_t *value)
{
    const unsigned char *from = r->at;
    (void)take(r, '-');
    if (take(r, '0')) {
        if (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
            refuse(r, from,
                   "found a number with a leading zero; write it without, or 0x... in quotes");
            return false;
        }
    } else if (!take_digits(r)) {
        return false;
    }
    if (take(r, '.') && !take_digits(r)) {
        return false;
    }
    if (take(r, 'e') || take(r, 'E')) {
        (void)(take(r, '+') || take(r, '-'));
        if (!take_digits(r)) {
            return false;
        }
    }
    value->kind = CBIT_JSON_NUMBER;
    value->text = need(r, cbit_arena_copy(r->arena, (const char *)from, (size_t)(r->at - from)));
    return value->text != NULL;
}

/* ---- strings ---- */

static bool read_hex4(reader_t *r, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = r->at < r->end ? cbit_hex_digit((char)*r->at) : -1;
        if (digit < 0) {
            refuse_found(r, "four hexadecimal digits behind \\u");
            return false;
        }
        *unit = *unit << 4 | (uint32_t)digit;
        r->at++;
    }
    return true;
}

/* Behind "\u": one code point, from two escapes when it is beyond the first plane. */
static bool read_unicode(reader_t *r, uint32_t *code)
{
    const unsigned char *from = r->at - 2;
    uint32_t low;
    if (!read_hex4(r, code)) {
        return false;
    }
    if (*code >= 0xd800 && *code < 0xdc00) {
        if (!take_word(r, "\\u") || !read_hex4(r, &low) || low < 0xdc00 || low > 0xdfff) {
            refuse(r, from, "found half of a surrogate pair; expected both halves");
            return false;
        }
        *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    } else if (*code >= 0xdc00 && *code <= 0xdfff) {
        refuse(r, from, "found half of a surrogate pair; expected both halves");
        return false;
    } else if (*code == 0) {
        refuse(r, from, "found a NUL character; texts may not hold one");
        return false;
    }
    return true;
}

static bool read_escape(reader_t *r, char **to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    const char *place = r->at < r->end && *r->at != 0 ? strchr(from, *r->at) : NULL;
    uint32_t code;
    if (place != NULL) {
        *(*to)++ = into[place - from];
        r->at++;
        return true;
    }
    if (!take(r, 'u')) {
        refuse_found(r, "one of \" \\ / b f n r t u behind a backslash");
        return false;
    }
    if (!read_unicode(r, &code)) {
        return false;
    }
    *to += cbit_utf8_encode(code, *to);
    return true;
}

/* The text between quotes, the first of which is taken; NULL after a refusal. */
static const char *read_string(reader_t *r)
{
    char *to = r->scratch;
    while (r->at < r->end && *r->at != '"') {
        size_t len = cbit_utf8_length(r->at, (size_t)(r->end - r->at));
        if (take(r, '\\')) {
            if (!read_escape(r, &to)) {
                return NULL;
            }
        } else if (*r->at < 0x20) {
            refuse_found(r, "a closing quote (control characters are written as \\u00..)");
            return NULL;
        } else if (len == 0) {
            refuse_found(r, "UTF-8");
            return NULL;
        } else {
            memcpy(to, r->at, len);
            to += len;
            r->at += len;
        }
    }
    if (!take(r, '"')) {
        refuse_found(r, "a closing quote");
        return NULL;
    }
    return need(r, cbit_arena_copy(r->arena, r->scratch, (size_t)(to - r->scratch)));
}

/* ---- arrays and objects ---- */

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

static void tell_duplicate(reader_t *r, const cbit_json_t *object, const char *key)
{
    char pointer[CBIT_JSON_POINTER_BYTES] = "";
    for (uint32_t i = 1; i < r->depth; i++) {
        if (r->path[i]->key != NULL) {
            cbit_pointer_push(pointer, sizeof pointer, r->path[i]->key);
        } else {
            cbit_pointer_push_index(pointer, sizeof pointer, r->path[i - 1]->count);
        }
    }
    cbit_pointer_push(pointer, sizeof pointer, key);
    const cbit_json_t *before = cbit_json_get(object, key);
    (void)cbit_diag_add(r->diag, CBIT_ERR_DUPLICATE, pointer,
                        "given twice, on lines %u and %u; each key once", (unsigned)before->line,
                        (unsigned)r->line);
    r->duplicate = true;
}

static bool read_member(reader_t *r, cbit_json_t *object)
{
    const char *key;
    skip_space(r);
    if (!take(r, '"')) {
        refuse_found(r, object->count == 0 ? "a key in quotes or '}'" : "a key in quotes");
        return false;
    }
    if ((key = read_string(r)) == NULL) {
        return false;
    }
    skip_space(r);
    if (!take(r, ':')) {
        refuse_found(r, "':'");
        return false;
    }
    if (object->count == CBIT_JSON_MAX_MEMBERS) {
        refuse(r, r->at, "more than 1024 members in one object; that is the limit");
        return false;
    }
    if (cbit_json_get(object, key) != NULL) {
        tell_duplicate(r, object, key);
    }
    cbit_json_t *value = read_value(r, key);
    if (value == NULL) {
        return false;
    }
    append(object, value);
    return true;
}

static bool read_item(reader_t *r, cbit_json_t *array)
{
    cbit_json_t *value = read_value(r, NULL);
    if (value == NULL) {
        return false;
    }
    append(array, value);
    return true;
}

/* Behind the opening bracket. */
static bool read_items(reader_t *r, cbit_json_t *value, char closing)
{
    bool object = closing == '}';
    if (r->depth == CBIT_JSON_MAX_DEPTH) {
        refuse(r, r->at - 1, "brackets nested deeper than 64 levels; that is the limit");
        return false;
    }
    r->path[r->depth++] = value;
    skip_space(r);
    bool more = !take(r, closing);
    while (more) {
        if (!(object ? read_member(r, value) : read_item(r, value))) {
            return false;
        }
        skip_space(r);
        more = take(r, ',');
        if (!more && !take(r, closing)) {
            refuse_found(r, object ? "',' or '}'" : "',' or ']'");
            return false;
        }
    }
    r->depth--;
    return true;
}

static bool read_content(reader_t *r, cbit_json_t *value)
{
    if (take(r, '{')) {
        value->kind = CBIT_JSON_OBJECT;
        return read_items(r, value, '}');
    }
    if (take(r, '[')) {
        value->kind = CBIT_JSON_ARRAY;
        return read_items(r, value, ']');
    }
    if (take(r, '"')) {
        value->kind = CBIT_JSON_STRING;
        return (value->text = read_string(r)) != NULL;
    }
    if (take_word(r, "true")) {
        value->kind = CBIT_JSON_TRUE;
        return true;
    }
    if (take_word(r, "false")) {
        value->kind = CBIT_JSON_FALSE;
        return true;
    }
    if (take_word(r, "null")) {
        value->kind = CBIT_JSON_NULL;
        return true;
    }
    if (r->at < r->end && (*r->at == '-' || (*r->at >= '0' && *r->at <= '9'))) {
        return read_number(r, value);
    }
    refuse_found(r, "a value");
    return false;
}

static cbit_json_t *read_value(reader_t *r, const char *key)
{
    skip_space(r);
    if (r->values++ == CBIT_JSON_MAX_VALUES) {
        refuse(r, r->at, "more than 262144 values in one file; that is the limit");
        return NULL;
    }
    cbit_json_t *value = need(r, cbit_arena_alloc(r->arena, sizeof *value));
    if (value == NULL) {
        return NULL;
    }
    value->line = r->line;
    value->origin = r->origin;
    value->key = key;
    return read_content(r, value) ? value : NULL;
}

cbit_json_t *cbit_json_parse(cbit_arena_t *arena, const char *bytes, size_t len, uint32_t origin,
                             cbit_diag_t *diag)
{
    reader_t r = {.arena = arena, .diag = diag, .origin = origin, .line = 1};
    r.begin = r.at = r.line_begin = (const unsigned char *)bytes;
    r.end = r.begin + len;
    /* An escape is never shorter than what it stands for. */
    r.scratch = need(&r, cbit_arena_alloc(arena, len + 1));
    if (r.scratch == NULL) {
        return NULL;
    }
    skip_space(&r);
    if (r.at == r.end) {
        refuse(&r, r.at, "the file is empty; expected '{'");
        return NULL;
    }
    if (take_word(&r, "\xef\xbb\xbf")) {
        refuse(&r, r.begin, "found a byte order mark; UTF-8 needs none");
        return NULL;
    }
    cbit_json_t *value = read_value(&r, NULL);
    skip_space(&r);
    if (value != NULL && r.at != r.end) {
        refuse_found(&r, "nothing behind the last bracket");
    }
    return r.refused || r.duplicate ? NULL : value;
}
