/* The table on the terminal, read off the result itself. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf/result/result.h"

static void add_head(cbit_text_t *text, const cbit_json_t *root)
{
    const char *title = cbit_result_string(root, "/config/title/value");
    cbit_text_add(text, "%s: machine %s, engine %s, %s ns simulated\n",
                  title[0] == '\0' ? "untitled" : title,
                  cbit_result_string(root, "/config/sev/generation/value"),
                  cbit_result_string(root, "/engine/mode"), cbit_result_string(root, "/time_ns"));
    cbit_text_add(text, "DRAM: %s lines read, %s written, %s GB/s, row hits %s\n",
                  cbit_result_string(root, "/memory/reads"),
                  cbit_result_string(root, "/memory/writes"),
                  cbit_result_string(root, "/memory/bandwidth_gbs"),
                  cbit_result_string(root, "/memory/row_hit_rate"));
}

/* ---- stages ---- */

static bool prefetched(const cbit_json_t *root)
{
    return strcmp(cbit_result_string(root, "/memory/read_latency_ns/by_source/prefetch/count"),
                  "0") != 0;
}

static void add_stage_row(cbit_text_t *text, const cbit_json_t *root, const char *stage)
{
    static const char *const sides[] = {"",
                                        "/by_source/vcpu",
                                        "/by_source/walk",
                                        "/by_source/host",
                                        "/by_source/dma",
                                        "/by_source/sp",
                                        "/by_source/prefetch"};
    cbit_text_add(text, "  %-8s", stage);
    for (size_t i = 0; i < sizeof sides / sizeof sides[0] - (prefetched(root) ? 0 : 1); i++) {
        char pointer[128];
        bool mean = strcmp(stage, "mean") == 0;
        (void)snprintf(pointer, sizeof pointer, "/memory/read_latency_ns%s/%s%s", sides[i],
                       mean || strcmp(stage, "count") == 0 ? "" : "stages/", stage);
        cbit_text_add(text, " %12s", cbit_result_string(root, pointer));
    }
    cbit_text_add(text, "\n");
}

static void add_stages(cbit_text_t *text, const cbit_json_t *root)
{
    static const char *const rows[] = {"core", "walk",   "fabric", "queue", "dram",
                                       "aes",  "return", "mean",   "count"};
    cbit_text_add(text, "\n  %-8s %12s %12s %12s %12s %12s %12s%s\n", "read, ns", "all", "vcpu",
                  "walk", "host", "dma", "sp", prefetched(root) ? "     prefetch" : "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        add_stage_row(text, root, rows[i]);
    }
}

/* ---- why reads waited ---- */

static void add_reasons(cbit_text_t *text, const cbit_json_t *root)
{
    static const char *const stages[] = {"queue", "dram"};
    const cbit_json_t *slowest = cbit_json_at(root, "/memory/explained/slowest");
    for (size_t i = 0; i < 2; i++) {
        char pointer[64];
        (void)snprintf(pointer, sizeof pointer, "/memory/reasons/%s", stages[i]);
        const cbit_json_t *reasons = cbit_json_at(root, pointer);
        cbit_text_add(text, "%s", reasons == NULL ? "" : i == 0 ? "\n  reads waited, ns\n" : "");
        for (const cbit_json_t *r = reasons == NULL ? NULL : reasons->first; r != NULL;
             r = r->next) {
            cbit_text_add(text, "    %-6s %-14s %16s\n", stages[i], r->key, r->text);
        }
    }
    if (slowest == NULL || slowest->first == NULL) {
        return;
    }
    cbit_text_add(text, "\n  slowest reads: channel, number, queue + dram ns\n");
    for (const cbit_json_t *read = slowest->first; read != NULL; read = read->next) {
        cbit_text_add(text, "    %s %s %s + %s:", cbit_result_string(read, "/channel"),
                      cbit_result_string(read, "/number"), cbit_result_string(read, "/queue_ns"),
                      cbit_result_string(read, "/dram_ns"));
        const cbit_json_t *steps = cbit_json_get(read, "steps");
        for (const cbit_json_t *step = steps->first; step != NULL; step = step->next) {
            cbit_text_add(text, "%s %s %s", step == steps->first ? "" : ",",
                          cbit_result_string(step, "/reason"), cbit_result_string(step, "/ns"));
        }
        cbit_text_add(text, "\n");
    }
}

/* ---- guests, events, expectations ---- */

static void add_guests(cbit_text_t *text, const cbit_json_t *root)
{
    const cbit_json_t *guests = cbit_json_at(root, "/guests");
    cbit_text_add(text, "\n  %-12s %5s %13s %9s %10s %10s %9s %9s  %s\n", "guest", "asid",
                  "instructions", "ipc", "private", "shared", "x engine", "x total", "end");
    for (const cbit_json_t *guest = guests->first; guest != NULL; guest = guest->next) {
        cbit_text_add(text, "  %-12s %5s %13s %9s %10s %10s %9s %9s  %s\n",
                      cbit_result_string(guest, "/name"), cbit_result_string(guest, "/asid"),
                      cbit_result_string(guest, "/instructions"), cbit_result_string(guest, "/ipc"),
                      cbit_result_string(guest, "/private_accesses"),
                      cbit_result_string(guest, "/shared_accesses"),
                      cbit_result_string(guest, "/slowdown/engine"),
                      cbit_result_string(guest, "/slowdown/total"),
                      cbit_result_string(guest, "/end"));
    }
}

static void add_events(cbit_text_t *text, const cbit_json_t *root)
{
    const cbit_json_t *events = cbit_json_at(root, "/events");
    uint32_t index = 0;
    if (events->count == 0) {
        return;
    }
    cbit_text_add(text, "\n  %-5s %-20s %-12s %5s %16s %6s  %s\n", "event", "kind", "guest", "asid",
                  "at ns", "exit", "outcome");
    for (const cbit_json_t *event = events->first; event != NULL; event = event->next) {
        const cbit_json_t *skipped = cbit_json_get(event, "skipped");
        bool skip = skipped != NULL && skipped->kind == CBIT_JSON_TRUE;
        cbit_text_add(text, "  %-5" PRIu32 " %-20s %-12s %5s %16s %6s  %s%s%s\n", index++,
                      cbit_result_string(event, "/kind"), cbit_result_string(event, "/guest"),
                      cbit_result_string(event, "/asid"), cbit_result_string(event, "/at_ns"),
                      cbit_result_string(event, "/exit_code"), skip ? "skipped (" : "",
                      cbit_result_string(event, skip ? "/reason" : "/outcome"), skip ? ")" : "");
    }
}

static void add_failed(cbit_text_t *text, const cbit_json_t *expect, uint32_t index)
{
    char *value = cbit_json_text(cbit_json_get(expect, "value"), true, NULL);
    char *actual = cbit_json_text(cbit_json_get(expect, "actual"), true, NULL);
    cbit_text_add(text, "  FAILED /expect/%" PRIu32 ": %s %s %s, but it is %.200s\n", index,
                  cbit_result_string(expect, "/path"), cbit_result_string(expect, "/op"),
                  value == NULL ? "?" : value, actual == NULL ? "?" : actual);
    free(value);
    free(actual);
}

static void add_verdict(cbit_text_t *text, const cbit_result_t *result)
{
    const cbit_verdict_t *v = &result->verdict;
    const cbit_json_t *list = cbit_json_at(result->json, "/expect");
    uint32_t index = 0;
    if (list->count > 0 || v->broken_checks > 0) {
        cbit_text_add(text, "\n");
    }
    for (const cbit_json_t *expect = list->first; expect != NULL; expect = expect->next, index++) {
        const cbit_json_t *ok = cbit_json_get(expect, "ok");
        if (ok != NULL && ok->kind == CBIT_JSON_FALSE) {
            add_failed(text, expect, index);
        }
    }
    const cbit_json_t *checks = cbit_json_at(result->json, "/checks");
    for (const cbit_json_t *check = checks->first; check != NULL; check = check->next) {
        if (strcmp(check->text, "0") != 0) {
            cbit_text_add(text, "  BROKEN /checks/%s: %s, expected 0\n", check->key, check->text);
        }
    }
    if (list->count > 0) {
        cbit_text_add(text,
                      "  expectations: %" PRIu32 " held, %" PRIu32 " failed, %" PRIu32 " skipped\n",
                      v->held, v->failed, v->skipped);
    }
}

char *cbit_result_table(const cbit_result_t *result)
{
    cbit_text_t text = {.bytes = NULL};
    add_head(&text, result->json);
    add_stages(&text, result->json);
    add_reasons(&text, result->json);
    add_guests(&text, result->json);
    add_events(&text, result->json);
    cbit_result_add_migrations(&text, result->json);
    add_verdict(&text, result);
    return cbit_text_take(&text);
}
