#define _XOPEN_SOURCE 700

#include "tests/browser/report_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit_test.h"

#define SCENARIO CBIT_SOURCE_DIR "/workloads/scenarios/first-light.json"

static void shell(const char *command)
{
    ck_assert_msg(system(command) == 0, "this failed: %s", command);
}

cJSON *read_json(const char *path)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is not there", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    long len = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)len + 1);
    ck_assert_uint_eq(fread(text, 1, (size_t)len, file), (size_t)len);
    (void)fclose(file);
    cJSON *json = cJSON_Parse(text);
    free(text);
    ck_assert_msg(json != NULL, "%s is not JSON", path);
    return json;
}

void make_pages(void)
{
    shell("rm -rf " CBIT_WORK " && mkdir -p " CBIT_WORK);
    shell(CBIT_TOOL " run " SCENARIO " --quiet --out " CBIT_WORK "/model");
    shell(CBIT_TOOL " run " SCENARIO " --quiet --no-baseline --engine off --out " CBIT_WORK "/off");
    shell(CBIT_TOOL " run " SCENARIO " --quiet --no-baseline --engine off --out " CBIT_WORK
                    "/hostile --set '/title=\"</script><script>document.title=1</script>"
                    "<img src=x onerror=document.title=2>\"'");
    shell(CBIT_TOOL " report " CBIT_WORK "/model " CBIT_WORK "/off --out " CBIT_WORK
                    "/page.html >/dev/null");
    shell(CBIT_TOOL " report " CBIT_WORK "/hostile >/dev/null");
}

void open_page(const report_page_t *page)
{
    browser_open(page->browser, "file://" CBIT_WORK "/page.html");
}

const cJSON *result_at(const report_page_t *page, const char *pointer)
{
    char path[256], *part, *rest = path;
    const cJSON *json = page->result;
    (void)snprintf(path, sizeof path, "%s", pointer + 1);
    while ((part = strtok_r(rest, "/", &rest)) != NULL) {
        json = cJSON_IsArray(json) ? cJSON_GetArrayItem(json, atoi(part))
                                   : cJSON_GetObjectItemCaseSensitive(json, part);
    }
    ck_assert_msg(json != NULL, "the result has no %s", pointer);
    return json;
}

const char *cell(const report_page_t *page, const char *table, int row, int column)
{
    char expression[256];
    (void)snprintf(expression, sizeof expression,
                   "document.querySelectorAll('#%s tbody tr')[%d].cells[%d].textContent", table,
                   row, column);
    return browser_text(page->browser, expression);
}

int rows_of(const report_page_t *page, const char *table)
{
    char expression[128];
    (void)snprintf(expression, sizeof expression,
                   "document.querySelectorAll('#%s tbody tr').length", table);
    return (int)browser_number(page->browser, expression);
}

void assert_cell_is(const report_page_t *page, const char *table, int row, int column,
                    const char *pointer)
{
    const cJSON *json = result_at(page, pointer);
    const char *text = cell(page, table, row, column);
    if (cJSON_IsNumber(json)) {
        char *end;
        double shown = strtod(text, &end);
        ck_assert_msg(*end == '\0' && end != text && shown == json->valuedouble,
                      "%s is %.17g and is shown as '%s'", pointer, json->valuedouble, text);
    } else {
        ck_assert_str_eq(text, cJSON_IsString(json) ? json->valuestring
                               : cJSON_IsNull(json) ? "–"
                                                    : "?");
    }
}

void assert_row_is(const report_page_t *page, const char *table, int row, int column,
                   const char *pointers)
{
    char list[1024], *pointer, *rest = list;
    (void)snprintf(list, sizeof list, "%s", pointers);
    while ((pointer = strtok_r(rest, " ", &rest)) != NULL) {
        assert_cell_is(page, table, row, column++, pointer);
    }
}
