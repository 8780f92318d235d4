/* The pages that the tests of cbit report look at, and what their tables show. */
#ifndef CBIT_TESTS_REPORT_PAGE_H
#define CBIT_TESTS_REPORT_PAGE_H

#include "tests/browser/browser.h"

/* The file, which must be there and JSON; the caller's. */
cJSON *read_json(const char *path);

/*
 * One run with the engine (CBIT_WORK/model), one without it, and one whose title would like to be a
 * script; the first two on CBIT_WORK/page.html, the third on a page of its own. CBIT_WORK and
 * CBIT_TOOL, a folder of this test's own and the program, are from CMake.
 */
void make_pages(void);

/* The page of the first two, and the first one's result.json. */
typedef struct report_page {
    browser_t *browser;
    cJSON *result;
} report_page_t;

void open_page(const report_page_t *page);

/* What the result has at a JSON pointer, which must be there. */
const cJSON *result_at(const report_page_t *page, const char *pointer);

/* The text of a table's cell; row and column from 0. Valid until the next browser_text. */
const char *cell(const report_page_t *page, const char *table, int row, int column);
int rows_of(const report_page_t *page, const char *table);

/* To the last digit: the page writes the number that the result has. */
void assert_cell_is(const report_page_t *page, const char *table, int row, int column,
                    const char *pointer);
/* The same for neighbours from a column on; pointers with blanks between them. */
void assert_row_is(const report_page_t *page, const char *table, int row, int column,
                   const char *pointers);

#endif
