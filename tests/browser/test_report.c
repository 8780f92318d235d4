/* The page of cbit report in a real browser: what it shows is what the results say, and what can be
 * clicked does what it promises. The runs are the tool's own, made here. Screenshots stay in the
 * build folder (report/report-*.png). */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cbit_test.h"
#include "tests/browser/report_page.h"

static report_page_t page;

static void setup(void)
{
    make_pages();
    page.result = read_json(CBIT_WORK "/model/result.json");
    page.browser = browser_start(browser_find(), CBIT_WORK "/profile");
}

static void teardown(void)
{
    browser_stop(page.browser);
    cJSON_Delete(page.result);
    (void)system("rm -rf " CBIT_WORK "/profile");
}

START_TEST(the_page_loads_without_complaint_or_network)
{
    open_page(&page);
    ck_assert_msg(browser_errors(page.browser) == 0, "%s", browser_last_error(page.browser));
    ck_assert_uint_eq(browser_foreign_requests(page.browser), 0);
    browser_screenshot(page.browser, CBIT_WORK "/report-light.png");
}
END_TEST

/* So that the test above can fail. */
START_TEST(complaints_and_requests_are_noticed)
{
    browser_open(page.browser,
                 "data:text/html,<img src=http://127.0.0.1:1/x><script>nothing()</script>");
    ck_assert_uint_ge(browser_errors(page.browser), 1);
    ck_assert_uint_ge(browser_foreign_requests(page.browser), 1);
}
END_TEST

START_TEST(stages_are_those_of_the_result_and_add_up)
{
    open_page(&page);
    ck_assert_int_eq(rows_of(&page, "stages-table"), 2);
    ck_assert_str_eq(cell(&page, "stages-table", 0, 0), "model");
    ck_assert_str_eq(cell(&page, "stages-table", 1, 0), "off");
#define STAGE(name) "/memory/read_latency_ns/stages/" name " "
    assert_row_is(&page, "stages-table", 0, 1,
                  STAGE("core") STAGE("walk") STAGE("fabric") STAGE("queue") STAGE("dram")
                      STAGE("aes") STAGE("return") "/memory/read_latency_ns/mean");
    double sum = 0;
    for (int column = 1; column <= 7; column++) {
        sum += strtod(cell(&page, "stages-table", 0, column), NULL);
    }
    double mean = strtod(cell(&page, "stages-table", 0, 8), NULL);
    /* seven figures of three decimals, each half of the last one off at most, and the mean's own */
    ck_assert_msg(sum - mean < 0.0041 && mean - sum < 0.0041, "%f is not %f", sum, mean);
    ck_assert_str_eq(cell(&page, "stages-table", 1, 6), "0"); /* no engine, no AES */
}
END_TEST

START_TEST(guests_are_those_of_the_result)
{
    open_page(&page);
    ck_assert_int_eq(rows_of(&page, "guests-table"), 6); /* three a run */
    for (int guest = 0; guest < 3; guest++) {
        static const char *const fields[] = {"name",
                                             "asid",
                                             "instructions",
                                             "ipc",
                                             "private_accesses",
                                             "shared_accesses",
                                             "slowdown/engine",
                                             "slowdown/total"};
        for (int field = 0; field < 8; field++) {
            char pointer[64];
            (void)snprintf(pointer, sizeof pointer, "/guests/%d/%s", guest, fields[field]);
            assert_cell_is(&page, "guests-table", guest, field + 1, pointer);
        }
    }
}
END_TEST

START_TEST(percentiles_are_those_of_the_result)
{
    open_page(&page);
    ck_assert_str_eq(cell(&page, "percentiles-table", 0, 1), "read");
    ck_assert_str_eq(cell(&page, "percentiles-table", 1, 1), "write");
#define READ(name)  "/memory/read_latency_ns/" name " "
#define WRITE(name) "/memory/write_latency_ns/" name " "
    assert_row_is(&page, "percentiles-table", 0, 2,
                  READ("mean") READ("p50") READ("p95") READ("p99") READ("max") READ("count"));
    assert_row_is(&page, "percentiles-table", 1, 2,
                  WRITE("mean") WRITE("p50") WRITE("p95") WRITE("p99") WRITE("max") WRITE("count"));
}
END_TEST

START_TEST(events_and_expectations_are_those_of_the_result)
{
    open_page(&page);
    int events = cJSON_GetArraySize(result_at(&page, "/events"));
    ck_assert_int_eq(events, 5);
    ck_assert_int_eq(rows_of(&page, "events-table"), 2 * events);
    for (int event = 0; event < events; event++) {
        static const char *const fields[] = {"at_ns", "kind",      "guest",
                                             "asid",  "exit_code", "outcome"};
        for (int field = 0; field < 6; field++) {
            char pointer[64];
            (void)snprintf(pointer, sizeof pointer, "/events/%d/%s", event, fields[field]);
            assert_cell_is(&page, "events-table", event, field + 1, pointer);
        }
    }
    /* without an engine there is no wrong key to run with: skipped, and said so */
    ck_assert_str_eq(cell(&page, "events-table", events + 1, 6), "skipped");
    int expectations = cJSON_GetArraySize(result_at(&page, "/expect"));
    ck_assert_int_eq(rows_of(&page, "expect-table"), 2 * expectations);
    ck_assert_str_eq(cell(&page, "expect-table", 0, 5), "held");
}
END_TEST

/* Rows of a phase in the run's timeline.json, as the file has them. */
static int timeline_events(const char *phase)
{
    cJSON *timeline = read_json(CBIT_WORK "/model/timeline.json");
    const cJSON *event;
    int count = 0;
    cJSON_ArrayForEach(event, cJSON_GetObjectItem(timeline, "traceEvents"))
    {
        count += strcmp(cJSON_GetObjectItem(event, "ph")->valuestring, phase) == 0;
    }
    cJSON_Delete(timeline);
    return count;
}

START_TEST(the_schedule_is_the_timeline)
{
    open_page(&page);
    ck_assert_int_eq(rows_of(&page, "schedule-table"), timeline_events("X"));
    /* The first that happens is the platform's INIT, on the Secure Processor. */
    ck_assert_str_eq(cell(&page, "schedule-table", 0, 0), "Secure Processor");
    ck_assert_str_eq(cell(&page, "schedule-table", 0, 3), "INIT");
    ck_assert_str_eq(cell(&page, "schedule-table", 0, 4), "SUCCESS");
    cJSON *timeline = read_json(CBIT_WORK "/model/timeline.json");
    const cJSON *event;
    cJSON_ArrayForEach(event, cJSON_GetObjectItem(timeline, "traceEvents"))
    {
        if (strcmp(cJSON_GetObjectItem(event, "name")->valuestring, "INIT") == 0) {
            ck_assert_double_eq(strtod(cell(&page, "schedule-table", 0, 1), NULL),
                                cJSON_GetObjectItem(event, "ts")->valuedouble);
        }
    }
    cJSON_Delete(timeline);
    ck_assert(browser_is(page.browser,
                         "document.querySelectorAll('#schedule-1-table tbody tr').length > 0"));
    ck_assert(browser_is(page.browser, "document.querySelector('#bandwidth-table') !== null"));
}
END_TEST

START_TEST(series_are_those_of_the_result)
{
    static const char *const NAMES[] = {"reads_queued", "writes_queued", "open_banks",
                                        "bandwidth_gbs", "row_hit_rate"};
    open_page(&page);
    const int points = cJSON_GetArraySize(result_at(&page, "/memory/series/reads_queued"));
    ck_assert_int_gt(points, 32);
    ck_assert_int_eq(rows_of(&page, "series-table"), points);
    for (int i = 0; i < points; i += 7) {
        for (int k = 0; k < 5; k++) {
            char pointer[64], drawn[128];
            (void)snprintf(pointer, sizeof pointer, "/memory/series/%s/%d", NAMES[k], i);
            assert_cell_is(&page, "series-table", i, k + 1, pointer);
            (void)snprintf(drawn, sizeof drawn,
                           "charts.find(c => c.id == 'series').drawn.data.datasets[%d].data[%d].y",
                           k, i);
            if (!cJSON_IsNull(result_at(&page, pointer))) { /* no column command, no rate */
                ck_assert_double_eq(browser_number(page.browser, drawn),
                                    result_at(&page, pointer)->valuedouble);
            }
        }
    }
    const double interval = result_at(&page, "/memory/series/interval_ns")->valuedouble;
    ck_assert_double_eq_tol(strtod(cell(&page, "series-table", 3, 0), NULL), 3 * interval / 1000,
                            1e-6);
}
END_TEST

/* The colour of the middle of a bank's cell in the heat map of accesses. */
static const char *colour_of(int bank, int interval)
{
    char expression[512];
    (void)snprintf(expression, sizeof expression,
                   "(() => { const chart = charts.find(c => c.id == 'banks-accesses').drawn;"
                   " const r = chart.currentDevicePixelRatio, { x, y } = chart.scales;"
                   " const at = x.getPixelForValue(beginsAt(runs[0].result.memory.banks, %d.5));"
                   " return [...chart.ctx.getImageData(at * r, y.getPixelForValue(%d) * r, 1, 1)"
                   ".data].slice(0, 3).join(','); })()",
                   interval, bank);
    return browser_text(page.browser, expression);
}

START_TEST(the_heat_map_is_that_of_the_result)
{
    open_page(&page);
    const cJSON *banks = result_at(&page, "/memory/banks/accesses"), *row, *value;
    const int count = cJSON_GetArraySize(banks);
    double most = 0, all = 0;
    int used = 0, hot_bank = 0, hot = 0, bank = 0, cold_bank = -1, cold = -1;
    ck_assert_int_eq(count, 16); /* one rank of 4 x 4 */
    ck_assert_int_eq(rows_of(&page, "banks-table"), count);
    cJSON_ArrayForEach(row, banks)
    {
        double sum = 0;
        int i = 0;
        cJSON_ArrayForEach(value, row)
        {
            sum += value->valuedouble;
            if (value->valuedouble > most) {
                most = value->valuedouble, hot_bank = bank, hot = i;
            } else if (value->valuedouble == 0) {
                cold_bank = bank, cold = i;
            }
            i++;
        }
        ck_assert_double_eq(strtod(cell(&page, "banks-table", bank, 1), NULL), sum);
        char pointer[64];
        (void)snprintf(pointer, sizeof pointer, "/memory/banks/accesses/%d/5", bank);
        assert_cell_is(&page, "banks-table", bank, 3 + 5, pointer);
        (void)snprintf(pointer, sizeof pointer, "/memory/banks/names/%d", bank++);
        assert_cell_is(&page, "banks-table", bank - 1, 0, pointer);
        all += sum;
        used += sum > 0;
    }
    ck_assert_int_gt(used, 8);
    /* what the devices did is what the controllers say that they did */
    ck_assert_double_eq(all, result_at(&page, "/memory/umc/column_reads")->valuedouble +
                                 result_at(&page, "/memory/umc/column_writes")->valuedouble);
    ck_assert_str_eq(colour_of(hot_bank, hot), "120,0,30");
    ck_assert_int_ge(cold, 0);
    ck_assert_str_eq(colour_of(cold_bank, cold), "255,255,217");
    assert_cell_is(&page, "banks-channels-table", 3, 2, "/memory/banks/by_channel/accesses/0/3");
}
END_TEST

START_TEST(the_page_is_below_3_mib)
{
    FILE *file = fopen(CBIT_WORK "/page.html", "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    ck_assert_int_lt(ftell(file), 3 << 20);
    (void)fclose(file);
}
END_TEST

START_TEST(the_headline_rounds_the_result)
{
    char mean[32];
    open_page(&page);
    (void)snprintf(mean, sizeof mean, "%.1f ns",
                   result_at(&page, "/memory/read_latency_ns/mean")->valuedouble);
    ck_assert_str_eq(browser_text(page.browser, "document.querySelector('#headline .card span')"
                                                ".textContent"),
                     "model: mean read latency");
    ck_assert_str_eq(browser_text(page.browser, "document.querySelector('#headline .card strong')"
                                                ".textContent"),
                     mean);
}
END_TEST

START_TEST(every_plot_is_drawn)
{
    open_page(&page);
    ck_assert_int_ge(
        (int)browser_number(page.browser, "document.querySelectorAll('canvas').length"), 3);
    /* a canvas on which nothing was drawn has one colour */
    ck_assert(browser_is(page.browser,
                         "[...document.querySelectorAll('canvas')].every(canvas => {"
                         " const data = canvas.getContext('2d').getImageData(0, 0, canvas.width,"
                         " canvas.height).data; const seen = new Set();"
                         " for (let i = 0; i < data.length; i += 4)"
                         "  seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);"
                         " return seen.size > 4; })"));
}
END_TEST

START_TEST(a_click_opens_the_table_behind_a_plot)
{
    static const char height[] =
        "document.querySelector('#stages-table').getBoundingClientRect().height";
    open_page(&page);
    ck_assert(!browser_is(page.browser, "document.querySelector('#stages details').open"));
    browser_click(page.browser, "#stages summary");
    ck_assert(browser_is(page.browser, "document.querySelector('#stages details').open"));
    ck_assert(browser_number(page.browser, height) > 20);
    browser_click(page.browser, "#stages summary");
    ck_assert(!browser_is(page.browser, "document.querySelector('#stages details').open"));
}
END_TEST

START_TEST(a_click_turns_the_page_dark_and_back)
{
    static const char ground[] = "getComputedStyle(document.body).backgroundColor";
    open_page(&page);
    char *light = strdup(browser_text(page.browser, ground));
    browser_click(page.browser, "#theme");
    ck_assert_str_eq(browser_text(page.browser, "document.documentElement.dataset.theme"), "dark");
    ck_assert_str_ne(browser_text(page.browser, ground), light);
    browser_screenshot(page.browser, CBIT_WORK "/report-dark.png");
    browser_click(page.browser, "#theme");
    ck_assert_str_eq(browser_text(page.browser, ground), light);
    ck_assert_uint_eq(browser_errors(page.browser), 0);
    free(light);
}
END_TEST

START_TEST(a_click_downloads_what_the_table_shows)
{
    char wanted[128], line[256] = "";
    cJSON *params = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(params, "behavior", "allow");
    (void)cJSON_AddStringToObject(params, "downloadPath", CBIT_WORK "/downloads");
    open_page(&page);
    cJSON_Delete(browser_call(page.browser, "Browser.setDownloadBehavior", params));
    browser_click(page.browser, "#stages summary");
    browser_click(page.browser, "#stages-csv");
    FILE *file = NULL;
    for (int i = 0; i < 200 && file == NULL; i++) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        file = fopen(CBIT_WORK "/downloads/cbit-stages.csv", "r");
    }
    ck_assert_msg(file != NULL, "nothing was downloaded in 10 s");
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    ck_assert_str_eq(line, "run,core_ns,walk_ns,fabric_ns,queue_ns,dram_ns,aes_ns,return_ns,"
                           "mean_ns\n");
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    (void)snprintf(wanted, sizeof wanted, "model,%.3f",
                   result_at(&page, "/memory/read_latency_ns/stages/core")->valuedouble);
    while (wanted[strlen(wanted) - 1] == '0') {
        wanted[strlen(wanted) - 1] = '\0'; /* as JavaScript writes it */
    }
    ck_assert_msg(strncmp(line, wanted, strlen(wanted)) == 0, "%s does not begin with %s", line,
                  wanted);
    (void)fclose(file);
}
END_TEST

START_TEST(typing_filters_the_configuration)
{
    open_page(&page);
    int all = rows_of(&page, "config-table");
    ck_assert_int_gt(all, 100);
    browser_click(page.browser, "#config-search");
    browser_type(page.browser, "/engine/depth_eclk");
    int kept = rows_of(&page, "config-table");
    ck_assert_msg(kept >= 1 && kept < all, "%d of %d", kept, all);
    browser_click(page.browser, "#configuration summary");
    ck_assert(browser_is(page.browser,
                         "[...document.querySelectorAll('#config-table tbody tr')].every("
                         "row => row.textContent.includes('/engine/depth_eclk'))"));
    /* one row a value: nothing of how the result is built shows through */
    ck_assert_int_eq(
        (int)browser_number(page.browser,
                            "runs.length && leaves(runs[0].result.config, '', []).filter("
                            "leaf => !leaf[0].startsWith('/expect/') && "
                            "/[/](value|from|unit|source)$/.test(leaf[0])).length"),
        0);
}
END_TEST

START_TEST(the_comparison_lists_what_differs)
{
    open_page(&page);
    int rows = rows_of(&page, "comparison-table");
    ck_assert_int_gt(rows, 5);
    ck_assert(browser_is(page.browser,
                         "[...document.querySelectorAll('#comparison-table tbody tr')]"
                         ".every(row => row.cells[1].textContent !="
                         " row.cells[2].textContent)"));
    ck_assert(browser_is(page.browser,
                         "[...document.querySelectorAll('#comparison-table tbody tr')]"
                         ".some(row => row.cells[0].textContent =="
                         " '/memory/read_latency_ns/mean')"));
}
END_TEST

START_TEST(the_keyboard_reaches_everything)
{
    open_page(&page);
    browser_press(page.browser, "Tab", 9);
    ck_assert_str_eq(browser_text(page.browser, "document.activeElement.className"), "skip");
    int stops = (int)browser_number(
        page.browser, "document.querySelectorAll('a, button, input, summary').length");
    for (int i = 0; i < stops && !browser_is(page.browser, "document.activeElement.id == 'theme'");
         i++) {
        browser_press(page.browser, "Tab", 9);
    }
    ck_assert_str_eq(browser_text(page.browser, "document.activeElement.id"), "theme");
}
END_TEST

START_TEST(a_title_is_text_whatever_it_says)
{
    browser_open(page.browser, "file://" CBIT_WORK "/hostile/report.html");
    ck_assert_uint_eq(browser_errors(page.browser), 0);
    ck_assert_str_eq(browser_text(page.browser, "document.title"), "cbit report");
    ck_assert_int_eq((int)browser_number(page.browser, "document.querySelectorAll('img').length"),
                     0);
    ck_assert_str_eq(browser_text(page.browser, "document.querySelector('#subtitle').textContent"),
                     "hostile: </script><script>document.title=1</script>"
                     "<img src=x onerror=document.title=2>");
}
END_TEST

Suite *cbit_test_suite(void)
{
    if (browser_find() == NULL) {
        printf("skipped: no chromium on this machine (Debian: apt-get install chromium)\n");
        exit(77);
    }
    /* One browser serves all tests: a forked one could leave half a message in the pipe. */
    (void)setenv("CK_FORK", "no", 1);
    Suite *suite = suite_create("browser/report");
    TCase *tcase = tcase_create("page");
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, the_page_loads_without_complaint_or_network);
    tcase_add_test(tcase, complaints_and_requests_are_noticed);
    tcase_add_test(tcase, stages_are_those_of_the_result_and_add_up);
    tcase_add_test(tcase, guests_are_those_of_the_result);
    tcase_add_test(tcase, percentiles_are_those_of_the_result);
    tcase_add_test(tcase, events_and_expectations_are_those_of_the_result);
    tcase_add_test(tcase, the_schedule_is_the_timeline);
    tcase_add_test(tcase, series_are_those_of_the_result);
    tcase_add_test(tcase, the_heat_map_is_that_of_the_result);
    tcase_add_test(tcase, the_page_is_below_3_mib);
    tcase_add_test(tcase, the_headline_rounds_the_result);
    tcase_add_test(tcase, every_plot_is_drawn);
    tcase_add_test(tcase, a_title_is_text_whatever_it_says);
    tcase_add_test(tcase, a_click_opens_the_table_behind_a_plot);
    tcase_add_test(tcase, a_click_turns_the_page_dark_and_back);
    tcase_add_test(tcase, a_click_downloads_what_the_table_shows);
    tcase_add_test(tcase, typing_filters_the_configuration);
    tcase_add_test(tcase, the_comparison_lists_what_differs);
    tcase_add_test(tcase, the_keyboard_reaches_everything);
    return suite;
}
