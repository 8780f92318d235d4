#include "workloads/json/scan.h"

#include <stdio.h>
#include <string.h>

#include "workloads/json/text.h"

typedef struct scanner {
    cbit_json_scan_t *scan;
    cbit_diag_t *diag;
    const unsigned char *at, *end;
    uint32_t line, depth, marks_max;
} scanner_t;

/* ---- telling ---- */

static void found_at(const cbit_json_scan_t *scan, const unsigned char *at, char *text,
                     size_t bytes)
{
    if (at >= scan->end) {
        (void)snprintf(text, bytes, "the end of the file");
    } else if (*at == 0) {
        (void)snprintf(text, bytes, "a NUL byte");
    } else if (*at > 0x20 && *at < 0x7f) {
        (void)snprintf(text, bytes, "'%c'", *at);
    } else {
        (void)snprintf(text, bytes, "byte 0x%02x", *at);
    }
}

void cbit_json_refuse(const cbit_json_scan_t *scan, const unsigned char *at, const char *before,
                      const char *behind, cbit_diag_t *diag)
{
    char where[64], found[64] = "";
    uint32_t line = 1;
    size_t column = 1;
    for (const unsigned char *p = scan->begin; p < at; p++) {
        line += *p == '\n';
        column = *p == '\n' ? 1 : column + ((*p & 0xc0) != 0x80); /* bytes that begin a character */
    }
    (void)snprintf(where, sizeof where, "line %u, column %zu", (unsigned)line, column);
    if (behind != NULL) {
        found_at(scan, at, found, sizeof found);
    }
    (void)cbit_diag_add(diag, CBIT_ERR_SYNTAX, where, "%s%s%s", before, found,
                        behind == NULL ? "" : behind);
}

static bool refuse(scanner_t *s, const unsigned char *at, const char *text)
{
    cbit_json_refuse(s->scan, at, text, NULL, s->diag);
    return false;
}

static bool refuse_found(scanner_t *s, const unsigned char *at, const char *expected)
{
    cbit_json_refuse(s->scan, at, "found ", expected, s->diag);
    return false;
}

/* ---- what a file is made of ---- */

static bool mark(scanner_t *s, const unsigned char *at, uint32_t line)
{
    if (s->scan->count == s->marks_max) {
        return refuse(s, at, "more than 262144 values in one file; that is the limit");
    }
    s->scan->marks[s->scan->count++] =
        (cbit_json_mark_t){.offset = (size_t)(at - s->scan->begin), .line = line};
    return true;
}

static void skip_space(scanner_t *s)
{
    for (; s->at < s->end; s->at++) {
        s->line += *s->at == '\n';
        if (*s->at != '\n' && *s->at != ' ' && *s->at != '\t' && *s->at != '\r') {
            return;
        }
    }
}

static bool is_digit(const unsigned char *at, const unsigned char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

size_t cbit_json_number_length(const unsigned char *at, const unsigned char *end)
{
    const unsigned char *from = at;
    while (at < end && *at != 0 && strchr("+-.0123456789Ee", *at) != NULL) {
        at++;
    }
    return (size_t)(at - from);
}

/* The grammar of RFC 8259: no leading zeros, no '+', digits on both sides of the point. */
static bool scan_number(scanner_t *s)
{
    const unsigned char *from = s->at, *end = from + cbit_json_number_length(from, s->end);
    const unsigned char *at = from + (*from == '-');
    bool zero = at < end && *at == '0';
    if (zero && is_digit(at + 1, end)) {
        return refuse(s, from,
                      "found a number with a leading zero; write it without, or 0x... in quotes");
    }
    bool good = is_digit(at, end);
    for (; is_digit(at, end); at++) {
    }
    if (good && at < end && *at == '.') {
        good = is_digit(++at, end);
        for (; is_digit(at, end); at++) {
        }
    }
    if (good && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        good = is_digit(at, end);
        for (; is_digit(at, end); at++) {
        }
    }
    if (!good || at != end) {
        return refuse_found(s, at, "; expected a digit");
    }
    s->at = end;
    return true;
}

/* cJSON takes \uXXXX with letters that are no digits for U+0000, and that for the end of the text.
 */
static bool scan_escape(scanner_t *s, size_t *len)
{
    const unsigned char *at = s->at;
    *len = 2;
    if (s->end - at < 2) {
        return refuse_found(s, s->end, "; expected a closing quote");
    }
    if (at[1] == 0 || strchr("\"\\/bfnrtu", at[1]) == NULL) {
        return refuse_found(s, at + 1, "; expected one of \" \\ / b f n r t u behind a backslash");
    }
    for (int i = 0; at[1] == 'u' && i < 4; i++) {
        if (at + *len == s->end || cbit_hex_digit((char)at[*len]) < 0) {
            return refuse_found(s, at + *len, "; expected four hexadecimal digits behind \\u");
        }
        (*len)++;
    }
    if (at[1] == 'u' && memcmp(at + 2, "0000", 4) == 0) {
        return refuse(s, at, "found a NUL character; texts may not hold one");
    }
    return true;
}

/* Behind the opening quote. */
static bool scan_string(scanner_t *s)
{
    while (s->at < s->end && *s->at != '"') {
        size_t len = cbit_utf8_length(s->at, (size_t)(s->end - s->at));
        if (*s->at < 0x20) {
            return refuse_found(
                s, s->at, "; expected a closing quote (control characters are written as \\u00..)");
        }
        if (len == 0) {
            return refuse_found(s, s->at, "; expected UTF-8");
        }
        if (*s->at == '\\') {
            if (!scan_escape(s, &len)) {
                return false;
            }
        }
        s->at += len;
    }
    if (s->at == s->end) {
        return refuse_found(s, s->at, "; expected a closing quote");
    }
    s->at++;
    return true;
}

/* A string is a value unless a colon follows: then it is a key. */
static bool scan_text(scanner_t *s)
{
    const unsigned char *from = s->at++;
    uint32_t line = s->line;
    if (!scan_string(s)) {
        return false;
    }
    skip_space(s);
    return (s->at < s->end && *s->at == ':') || mark(s, from, line);
}

static bool scan_word(scanner_t *s)
{
    const unsigned char *from = s->at;
    while (s->at < s->end && *s->at >= 'a' && *s->at <= 'z') {
        s->at++;
    }
    if (s->at == from) {
        return refuse_found(s, from, "; expected a value");
    }
    return mark(s, from, s->line);
}

static bool scan_token(scanner_t *s)
{
    switch (*s->at) {
    case '{':
    case '[':
        if (s->depth++ == CBIT_JSON_MAX_DEPTH) {
            return refuse(s, s->at, "brackets nested deeper than 64 levels; that is the limit");
        }
        return mark(s, s->at++, s->line);
    case '}':
    case ']':
        s->depth -= s->depth > 0;
        s->at++;
        return true;
    case ',':
    case ':':
        s->at++;
        return true;
    case '"':
        return scan_text(s);
    default:
        break;
    }
    if (*s->at == '-' || is_digit(s->at, s->end)) {
        return mark(s, s->at, s->line) && scan_number(s);
    }
    return scan_word(s);
}

bool cbit_json_scan(cbit_arena_t *arena, const char *bytes, size_t len, cbit_json_scan_t *scan,
                    cbit_diag_t *diag)
{
    scanner_t s = {.scan = scan, .diag = diag, .line = 1};
    s.at = (const unsigned char *)bytes;
    s.end = s.at + len;
    /* No file has more values than bytes. */
    s.marks_max = len < CBIT_JSON_MAX_VALUES ? (uint32_t)len : CBIT_JSON_MAX_VALUES;
    *scan = (cbit_json_scan_t){.begin = s.at, .end = s.end};
    scan->marks = cbit_arena_alloc(arena, (s.marks_max + 1) * sizeof scan->marks[0]);
    if (scan->marks == NULL) {
        (void)cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        return false;
    }
    if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        return refuse(&s, s.at, "found a byte order mark; UTF-8 needs none");
    }
    skip_space(&s);
    if (s.at == s.end) {
        return refuse(&s, s.at, "the file is empty; expected '{'");
    }
    for (; s.at < s.end; skip_space(&s)) {
        if (!scan_token(&s)) {
            return false;
        }
    }
    /* cJSON would point at the last byte instead of behind it. */
    return s.depth == 0 || refuse_found(&s, s.at, "; expected a closing bracket");
}
