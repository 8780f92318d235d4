/* cbit cosim --junit FILE: one test case per seed. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cosim.h"
#include "cli/new_file.h"

static void print_escaped(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            (void)fputs("&amp;", file);
            break;
        case '<':
            (void)fputs("&lt;", file);
            break;
        case '>':
            (void)fputs("&gt;", file);
            break;
        case '"':
            (void)fputs("&quot;", file);
            break;
        default:
            (void)fputc((unsigned char)*text < ' ' ? '?' : *text, file);
        }
    }
}

static void print_case(FILE *file, const cbit_cosim_report_t *report,
                       const cbit_cosim_seed_line_t *line)
{
    (void)fputs("  <testcase classname=\"cbit cosim.", file);
    print_escaped(file, report->name);
    (void)fprintf(file, "\" name=\"seed %" PRIu64 "\" assertions=\"%" PRIu64 "\"", line->seed,
                  line->beats);
    if (line->failure[0] == '\0') {
        (void)fputs("/>\n", file);
        return;
    }
    (void)fputs(">\n    <failure message=\"", file);
    print_escaped(file, line->failure);
    (void)fputs("\">", file);
    print_escaped(file, line->seed == report->failing_seed ? report->replay : "");
    (void)fputs("</failure>\n  </testcase>\n", file);
}

static void print_suite(FILE *file, const cbit_cosim_report_t *report)
{
    uint32_t failures = 0;
    bool vectors = report->vectors.failed > 0;
    for (uint32_t i = 0; i < report->seed_count; i++) {
        failures += report->seeds[i].failure[0] != '\0' ? 1 : 0;
    }
    (void)fprintf(file, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"");
    print_escaped(file, report->name);
    (void)fprintf(file, "\" tests=\"%u\" failures=\"%u\" errors=\"0\">\n",
                  report->seed_count + (report->with_vectors ? 1 : 0),
                  failures + (vectors ? 1 : 0));
    for (uint32_t i = 0; i < report->seed_count; i++) {
        print_case(file, report, &report->seeds[i]);
    }
    if (report->with_vectors) {
        cbit_cosim_seed_line_t line = {.beats = report->vectors.run};
        (void)snprintf(line.failure, sizeof line.failure, "%.380s", report->vectors.first_failure);
        (void)fputs("  <testcase classname=\"cbit cosim.", file);
        print_escaped(file, report->name);
        (void)fprintf(file, "\" name=\"vectors\" assertions=\"%" PRIu64 "\">", line.beats);
        if (vectors) {
            (void)fputs("<failure message=\"", file);
            print_escaped(file, line.failure);
            (void)fputs("\"/>", file);
        }
        (void)fputs("</testcase>\n", file);
    }
    (void)fputs("</testsuite>\n", file);
}

cbit_err_t cbit_cosim_write_junit(const cbit_cosim_report_t *report, const char *path)
{
    cbit_new_file_t file;
    if (!cbit_new_file_begin(&file, path, CBIT_NEW_FILE_PLAIN)) {
        return CBIT_ERR_WRITE;
    }
    print_suite(file.file, report);
    return cbit_new_file_end(&file, true) ? CBIT_ERR_OK : CBIT_ERR_WRITE;
}
