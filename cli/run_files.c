#define _XOPEN_SOURCE 700

#include "cli/run_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "cbit/perf/report.h"

/* Where and when, which result.json leaves out. */
static cbit_json_t *run_json(cbit_arena_t *arena, const cbit_run_facts_t *facts)
{
    char date[32] = "";
    struct utsname host;
    time_t now = time(NULL);
    struct tm utc;
    cbit_json_t *json = cbit_json_new(arena, CBIT_JSON_OBJECT);
    cbit_json_t *argv = cbit_json_new(arena, CBIT_JSON_ARRAY);
    if (gmtime_r(&now, &utc) != NULL) {
        (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    for (int i = 0; i < facts->argc; i++) {
        (void)cbit_json_add(arena, argv, NULL, cbit_json_string(arena, facts->argv[i]));
    }
    (void)cbit_json_add(arena, json, "format", cbit_json_string(arena, "cbit-run/1"));
    (void)cbit_json_add(arena, json, "version", cbit_json_string(arena, CBIT_VERSION));
    (void)cbit_json_add(arena, json, "commit", cbit_json_string(arena, CBIT_COMMIT));
    (void)cbit_json_add(arena, json, "compiler", cbit_json_string(arena, CBIT_COMPILER));
    (void)cbit_json_add(arena, json, "argv", argv);
    (void)cbit_json_add(arena, json, "host",
                        cbit_json_string(arena, uname(&host) == 0 ? host.nodename : "unknown"));
    (void)cbit_json_add(arena, json, "finished", cbit_json_string(arena, date));
    (void)cbit_json_add(arena, json, "wall_ms", cbit_json_u64(arena, facts->wall_ms));
    (void)cbit_json_add(arena, json, "scenario", cbit_json_string(arena, facts->path));
    (void)cbit_json_add(arena, json, "folders", cbit_scenario_folders(facts->file, arena));
    return json;
}

static cbit_err_t write_text(cbit_output_t *output, const char *name, char *text, cbit_diag_t *diag)
{
    cbit_err_t err = text == NULL ? cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory")
                                  : cbit_output_write(output, name, text, strlen(text), diag);
    free(text);
    return err;
}

/* What an analyser at the memory channels has seen, oldest first; NULL when memory is out. */
static char *bus_text(const cbit_run_event_t *event)
{
    enum { LINE_BYTES = 48 + 2 * CBIT_LINE_BYTES };
    static const char digits[] = "0123456789abcdef";
    size_t room = (event->lines_count + 1) * LINE_BYTES;
    char *text = malloc(room), *at = text;
    if (text == NULL) {
        return NULL;
    }
    at += snprintf(at, room, "time_ps,channel,address,access,ciphertext\n");
    for (uint64_t i = 0; i < event->lines_count; i++) {
        const cbit_bus_line_t *line = &event->lines[i];
        at += snprintf(at, room - (size_t)(at - text), "%" PRIu64 ",%" PRIu32 ",0x%" PRIx64 ",%s,",
                       line->at_ps, line->channel, line->spa, line->write ? "write" : "read");
        for (uint32_t n = 0; n < CBIT_LINE_BYTES; n++) {
            *at++ = digits[line->bytes[n] >> 4];
            *at++ = digits[line->bytes[n] & 15];
        }
        *at++ = '\n';
    }
    *at = '\0';
    return text;
}

static cbit_err_t write_bus(cbit_output_t *output, const cbit_run_result_t *run, cbit_diag_t *diag)
{
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t i = 0; i < run->event_count && err == CBIT_ERR_OK; i++) {
        char name[32];
        if (run->events[i].lines != NULL) {
            (void)snprintf(name, sizeof name, "bus-%" PRIu32 ".csv", i);
            err = write_text(output, name, bus_text(&run->events[i]), diag);
        }
    }
    return err;
}

static bool put(void *self, const char *bytes, size_t len)
{
    return fwrite(bytes, 1, len, self) == len;
}

/* The page of these texts; NULL when memory is out. */
static char *page_text(const cbit_report_run_t *run)
{
    char *text = NULL;
    size_t len = 0;
    FILE *page = open_memstream(&text, &len);
    if (page == NULL) {
        return NULL;
    }
    const bool written = cbit_report_write(run, 1, put, page) == CBIT_ERR_OK;
    if (fclose(page) != 0 || !written) {
        free(text);
        return NULL;
    }
    return text;
}

/* As `cbit report DIR` would from the files. */
static cbit_err_t write_report(cbit_output_t *output, const cbit_json_t *result,
                               const cbit_json_t *run, const char *timeline, cbit_arena_t *arena,
                               cbit_diag_t *diag)
{
    const cbit_json_t *slices = cbit_json_parse(arena, timeline, strlen(timeline), 0, diag);
    char *name = cbit_output_name(output->final);
    char *texts[] = {cbit_json_text(result, true, NULL), cbit_json_text(run, true, NULL),
                     slices == NULL ? NULL : cbit_report_timeline(arena, slices, 1)};
    char *page = NULL;
    if (name != NULL && texts[0] != NULL && texts[1] != NULL && texts[2] != NULL) {
        page = page_text(&(cbit_report_run_t){
            .name = name, .result = texts[0], .run = texts[1], .timeline = texts[2]});
    }
    free(name);
    for (uint32_t i = 0; i < 3; i++) {
        free(texts[i]);
    }
    return write_text(output, "report.html", page, diag);
}

static cbit_err_t write_all(cbit_output_t *output, const cbit_result_t *result,
                            const cbit_run_facts_t *facts, cbit_arena_t *arena, cbit_diag_t *diag)
{
    cbit_json_t *cosim = cbit_engine_report(facts->engine, arena);
    const cbit_json_t *json = cbit_result_json(result), *run = run_json(arena, facts);
    char *timeline = cbit_timeline_text(facts->timeline);
    cbit_err_t err = write_text(output, "result.json", cbit_json_text(json, false, NULL), diag);
    if (err == CBIT_ERR_OK) {
        err = write_text(output, "run.json", cbit_json_text(run, false, NULL), diag);
    }
    if (err == CBIT_ERR_OK) {
        err = write_text(output, "stats.txt", cbit_result_stats(result), diag);
    }
    if (err == CBIT_ERR_OK && timeline != NULL && facts->report && cbit_report_available()) {
        err = write_report(output, json, run, timeline, arena, diag);
    }
    if (err == CBIT_ERR_OK) {
        err = write_text(output, "timeline.json", timeline, diag);
    } else {
        free(timeline);
    }
    if (err == CBIT_ERR_OK && cosim != NULL) {
        err = write_text(output, "cosim.json", cbit_json_text(cosim, false, NULL), diag);
    }
    return err == CBIT_ERR_OK ? write_bus(output, facts->run, diag) : err;
}

cbit_err_t cbit_run_write(cbit_output_t *output, const cbit_result_t *result,
                          const cbit_run_facts_t *facts, cbit_diag_t *diag)
{
    cbit_arena_t *arena = cbit_arena_create();
    if (arena == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_err_t err = cbit_output_begin(output, diag);
    if (err == CBIT_ERR_OK) {
        err = write_all(output, result, facts, arena, diag);
    }
    if (err == CBIT_ERR_OK) {
        err = cbit_output_finish(output, diag);
    }
    cbit_output_discard(output);
    cbit_arena_destroy(arena);
    return err;
}
