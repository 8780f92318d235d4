#include "cbit/perf/report.h"

#include <string.h>

#include "perf/report/page.h"

typedef struct writer {
    cbit_report_put_t put;
    void *self;
    bool failed;
} writer_t;

static void put(writer_t *w, const char *bytes, size_t len)
{
    w->failed = w->failed || (len > 0 && !w->put(w->self, bytes, len));
}

static void put_text(writer_t *w, const char *text)
{
    put(w, text, strlen(text));
}

/* JSON inside a script element: outside strings '<' does not occur, inside its escape is the same
   string, and without it no text can end the element. */
static void put_json(writer_t *w, const char *text)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "<");
        put(w, text, plain);
        text += plain;
        if (*text == '<') {
            put_text(w, "\\u003c");
            text++;
        }
    }
}

/* A name as a JSON string; names are file names and may hold anything. */
static void put_name(writer_t *w, const char *name)
{
    static const char hex[] = "0123456789abcdef";
    put_text(w, "\"");
    for (const char *c = name; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte < 0x20 || byte == '"' || byte == '\\' || byte == '<') {
            char escape[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
            put(w, escape, sizeof escape);
        } else {
            put(w, c, 1);
        }
    }
    put_text(w, "\"");
}

static void put_run(writer_t *w, const cbit_report_run_t *run)
{
    put_text(w, "{\"name\":");
    put_name(w, run->name);
    put_text(w, ",\"result\":");
    put_json(w, run->result);
    put_text(w, ",\"run\":");
    put_json(w, run->run == NULL ? "null" : run->run);
    put_text(w, ",\"measure\":");
    put_json(w, run->measure == NULL ? "null" : run->measure);
    put_text(w, ",\"timeline\":");
    put_json(w, run->timeline == NULL ? "null" : run->timeline);
    put_text(w, "}");
}

static void put_runs(writer_t *w, const cbit_report_run_t *runs, uint32_t count)
{
    put_text(w, "[");
    for (uint32_t i = 0; i < count; i++) {
        put_text(w, i == 0 ? "" : ",\n");
        put_run(w, &runs[i]);
    }
    put_text(w, "]");
}

/* What stands for a mark of the page, @@NAME@@; NULL for the runs. */
static const struct {
    const char *mark;
    const unsigned char *bytes;
    const size_t *len;
} marks[] = {
    {"@@STYLE@@", cbit_page_css, &cbit_page_css_len},
    {"@@CHART@@", cbit_page_chart, &cbit_page_chart_len},
    {"@@SCRIPT@@", cbit_page_js, &cbit_page_js_len},
    {"@@RUNS@@", NULL, NULL},
};

bool cbit_report_available(void)
{
    return cbit_page_chart_len > 0;
}

/* The first mark at or after text; NULL when there is none. */
static const char *next_mark(const char *text, size_t *which)
{
    const char *first = NULL;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const char *at = strstr(text, marks[i].mark);
        if (at != NULL && (first == NULL || at < first)) {
            first = at;
            *which = i;
        }
    }
    return first;
}

cbit_err_t cbit_report_write(const cbit_report_run_t *runs, uint32_t count,
                             cbit_report_put_t put_fn, void *self)
{
    if (!cbit_report_available()) {
        return CBIT_ERR_TOOL;
    }
    writer_t w = {.put = put_fn, .self = self};
    const char *text = (const char *)cbit_page_html; /* ends with a zero byte */
    size_t which = 0;
    for (const char *mark; (mark = next_mark(text, &which)) != NULL;) {
        put(&w, text, (size_t)(mark - text));
        if (marks[which].bytes == NULL) {
            put_runs(&w, runs, count);
        } else {
            put(&w, (const char *)marks[which].bytes, *marks[which].len);
        }
        text = mark + strlen(marks[which].mark);
    }
    put_text(&w, text);
    return w.failed ? CBIT_ERR_WRITE : CBIT_ERR_OK;
}
