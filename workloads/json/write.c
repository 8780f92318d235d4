/* The writer: same value, same bytes, on every machine. */
#include <stdio.h>
#include <string.h>

#include "cbit/workloads/buffer.h"
#include "cbit/workloads/json.h"
#include "workloads/json/text.h"

typedef struct writer {
    cbit_text_t text;
    bool compact;
} writer_t;

static void put(writer_t *w, const char *text, size_t len)
{
    cbit_text_put(&w->text, text, len);
}

static void put_text(writer_t *w, const char *text)
{
    put(w, text, strlen(text));
}

/* Texts come from arguments and traces too: what is no UTF-8 is written as U+FFFD. */
static void put_string(writer_t *w, const char *text)
{
    const char *end = text + strlen(text);
    put_text(w, "\"");
    for (const char *at = text; at < end;) {
        unsigned char c = (unsigned char)*at;
        char escape[8];
        size_t len = cbit_utf8_length((const unsigned char *)at, (size_t)(end - at));
        if (len == 0) {
            put_text(w, "\xef\xbf\xbd");
        } else if (c == '"' || c == '\\') {
            (void)snprintf(escape, sizeof escape, "\\%c", c);
            put_text(w, escape);
        } else if (c < 0x20) {
            (void)snprintf(escape, sizeof escape, "\\u%04x", c);
            put_text(w, escape);
        } else {
            put(w, at, len);
        }
        at += len == 0 ? 1 : len;
    }
    put_text(w, "\"");
}

static void put_break(writer_t *w, uint32_t level)
{
    if (w->compact) {
        return;
    }
    put_text(w, "\n");
    for (uint32_t i = 0; i < level; i++) {
        put_text(w, "  ");
    }
}

static bool is_scalar(const cbit_json_t *value)
{
    return value->kind != CBIT_JSON_ARRAY && value->kind != CBIT_JSON_OBJECT;
}

/* Arrays of scalars and objects of at most four scalars stand on one line. */
static bool is_flat(const cbit_json_t *value)
{
    if (value->kind == CBIT_JSON_OBJECT && value->count > 4) {
        return false;
    }
    for (const cbit_json_t *child = value->first; child != NULL; child = child->next) {
        if (!is_scalar(child)) {
            return false;
        }
    }
    return true;
}

static void put_value(writer_t *w, const cbit_json_t *value, uint32_t level);

static void put_items(writer_t *w, const cbit_json_t *value, uint32_t level)
{
    bool object = value->kind == CBIT_JSON_OBJECT, flat = is_flat(value);
    put_text(w, object ? "{" : "[");
    for (const cbit_json_t *child = value->first; child != NULL; child = child->next) {
        if (!flat) {
            put_break(w, level + 1);
        }
        if (object) {
            put_string(w, child->key);
            put_text(w, w->compact ? ":" : ": ");
        }
        put_value(w, child, level + 1);
        if (child->next != NULL) {
            put_text(w, flat && !w->compact ? ", " : ",");
        }
    }
    if (!flat) {
        put_break(w, level);
    }
    put_text(w, object ? "}" : "]");
}

static void put_value(writer_t *w, const cbit_json_t *value, uint32_t level)
{
    switch (value->kind) {
    case CBIT_JSON_NULL:
        put_text(w, "null");
        break;
    case CBIT_JSON_FALSE:
        put_text(w, "false");
        break;
    case CBIT_JSON_TRUE:
        put_text(w, "true");
        break;
    case CBIT_JSON_NUMBER:
        put_text(w, value->text);
        break;
    case CBIT_JSON_STRING:
        put_string(w, value->text);
        break;
    case CBIT_JSON_ARRAY:
    case CBIT_JSON_OBJECT:
        put_items(w, value, level);
        break;
    }
}

char *cbit_json_text(const cbit_json_t *value, bool compact, size_t *len)
{
    writer_t w = {.compact = compact};
    put_value(&w, value, 0);
    if (!compact) {
        put_text(&w, "\n");
    }
    if (len != NULL) {
        *len = w.text.len;
    }
    return cbit_text_take(&w.text);
}
