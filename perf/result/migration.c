/* Migrations of guests: into result.json, and as a table. */
#include <inttypes.h>
#include <stdio.h>

#include "perf/result/result.h"

static void put_text(const cbit_result_t *result, cbit_json_t *into, const char *key,
                     const char *text)
{
    (void)cbit_json_add(result->arena, into, key, cbit_json_string(result->arena, text));
}

static void put_u64(const cbit_result_t *result, cbit_json_t *into, const char *key, uint64_t value)
{
    (void)cbit_json_add(result->arena, into, key, cbit_json_u64(result->arena, value));
}

static void put_rounds(cbit_result_t *result, cbit_json_t *into, const char *prefix,
                       const cbit_run_migration_t *migration)
{
    char below[128];
    cbit_json_t *list =
        cbit_json_add(result->arena, into, "rounds", cbit_json_new(result->arena, CBIT_JSON_ARRAY));
    for (uint32_t i = 0; i < migration->round_count; i++) {
        cbit_json_t *entry = cbit_json_add(result->arena, list, NULL,
                                           cbit_json_new(result->arena, CBIT_JSON_OBJECT));
        (void)snprintf(below, sizeof below, "%s.round%" PRIu32, prefix, i);
        cbit_result_put_rows(result, entry, below, cbit_run_round_rows, &migration->rounds[i]);
    }
}

void cbit_result_put_migrations(cbit_result_t *result, cbit_json_t *root,
                                const cbit_scenario_t *scenario, const cbit_run_result_t *run)
{
    cbit_json_t *list = cbit_json_add(result->arena, root, "migrations",
                                      cbit_json_new(result->arena, CBIT_JSON_ARRAY));
    for (uint32_t i = 0; i < run->migration_count; i++) {
        const cbit_run_migration_t *migration = &run->migrations[i];
        char prefix[64];
        if (run->events[migration->event].skipped) {
            continue; /* its guest had ended before */
        }
        cbit_json_t *entry = cbit_json_add(result->arena, list, NULL,
                                           cbit_json_new(result->arena, CBIT_JSON_OBJECT));
        (void)snprintf(prefix, sizeof prefix, "migration%" PRIu32, i);
        put_u64(result, entry, "event", migration->event);
        put_text(result, entry, "guest", scenario->guests[migration->guest].name);
        put_u64(result, entry, "from_asid", migration->from_asid);
        put_u64(result, entry, "to_asid", migration->to_asid);
        put_text(result, entry, "outcome", migration->outcome);
        put_text(result, entry, "command", migration->command);
        put_text(result, entry, "status", migration->status);
        (void)cbit_json_add(result->arena, entry, "converged",
                            cbit_json_bool(result->arena, migration->converged));
        cbit_result_put_rows(result, entry, prefix, cbit_run_migration_rows, migration);
        put_rounds(result, entry, prefix, migration);
    }
}

static void add_round(cbit_text_t *text, const cbit_json_t *round, bool last)
{
    cbit_text_add(text, "    %-8s %8s %8s %12s %16s %16s %16s %8s\n", last ? "stopped" : "running",
                  cbit_result_string(round, "/private_pages"),
                  cbit_result_string(round, "/shared_pages"), cbit_result_string(round, "/bytes"),
                  cbit_result_string(round, "/span_ns"), cbit_result_string(round, "/send_ns"),
                  cbit_result_string(round, "/receive_ns"),
                  cbit_result_string(round, "/dirty_pages"));
}

void cbit_result_add_migrations(cbit_text_t *text, const cbit_json_t *root)
{
    const cbit_json_t *list = cbit_json_at(root, "/migrations");
    for (const cbit_json_t *one = list->first; one != NULL; one = one->next) {
        const cbit_json_t *rounds = cbit_json_get(one, "rounds");
        cbit_text_add(text,
                      "\n  migration of %s: %s%s%s%s%s; %s ns, stopped for %s ns, %s of %s pages "
                      "wrong\n",
                      cbit_result_string(one, "/guest"), cbit_result_string(one, "/outcome"),
                      cbit_result_string(one, "/command")[0] == '\0' ? "" : ", ",
                      cbit_result_string(one, "/command"),
                      cbit_result_string(one, "/status")[0] == '\0' ? "" : " ",
                      cbit_result_string(one, "/status"), cbit_result_string(one, "/total_ns"),
                      cbit_result_string(one, "/downtime_ns"),
                      cbit_result_string(one, "/pages_wrong"),
                      cbit_result_string(one, "/pages_compared"));
        if (rounds->count > 0) {
            cbit_text_add(text, "    %-8s %8s %8s %12s %16s %16s %16s %8s\n", "guest", "private",
                          "shared", "bytes", "ns", "sender's SP", "receiver's SP", "dirty");
        }
        for (const cbit_json_t *round = rounds->first; round != NULL; round = round->next) {
            add_round(text, round, round->next == NULL);
        }
    }
}
