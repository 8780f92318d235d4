/*
 * Requests per CPU second of the controller on the published streams: quick with vector
 * instructions, quick without, with the engine's timing and stage stamps, and the plain
 * clock-by-clock controller, which is the same machine without any of the quick one's means.
 *
 * Every round measures all four, so that a ratio compares what ran within the same tenth of a
 * second; "clocks" are core clocks a request (meter.h), which a busy machine changes least.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/perf/dram_streams.h"
#include "perf/benchmarks/meter.h"
#include "perf/benchmarks/rows.h"

enum { ROUNDS = 15, WINDOW = 32, ENGINE_DEPTH = 11 };

static const struct variant {
    const char *name;
    cbit_stream_options_t options;
} VARIANTS[] = {
    {"quick", {.window = WINDOW}},
    {"no_vectors", {.window = WINDOW, .plain_scan = true}},
    {"engine_stamps", {.window = WINDOW, .engine_depth_nck = ENGINE_DEPTH, .stamps = true}},
    {"plain", {.window = WINDOW, .plain = true}},
};
enum { QUICK, NO_VECTORS, ENGINE_STAMPS, PLAIN, VARIANT_COUNT };

/* The fastest reference, in requests per CPU second on the same class of machine (docs/dram.md). */
static const struct stream {
    char letter;
    uint64_t count, plain_count;
    double reference_hz;
    const char *reference;
    double goal_mhz; /* 20 to 56 times the fastest reference */
} STREAMS[] = {{'a', 500000, 20000, 445e3, "DRAMSys 5.0", 25},
               {'c', 200000, 5000, 177e3, "Ramulator 2.1", 5.5},
               {'d', 200000, 2000, 297e3, "DRAMSys 5.0", 6},
               {'f', 200000, 2000, 374e3, "DRAMSys 5.0", 8}};
enum { STREAM_COUNT = sizeof STREAMS / sizeof STREAMS[0] };

typedef struct figures {
    meter_t rate[VARIANT_COUNT], clocks;
    meter_t per_plain, engine_per_quick;
} figures_t;

static double rate_of(const cbit_umc_config_t *config, const cbit_stream_options_t *options,
                      const cbit_stream_request_t *requests, uint64_t count)
{
    cbit_stream_result_t result;
    const double begin = meter_cpu_seconds();
    if (cbit_stream_run(config, options, requests, count, &result, NULL) != CBIT_ERR_OK) {
        exit(70);
    }
    const double seconds = meter_cpu_seconds() - begin;
    cbit_stream_result_free(&result);
    return (double)count / seconds;
}

static void measure(const struct stream *stream, uint32_t rounds, figures_t *figures)
{
    cbit_umc_config_t config;
    cbit_rows_defaults(cbit_umc_rows, &config);
    (void)strcpy(config.mapping, "M0");
    cbit_stream_request_t *requests = calloc(stream->count, sizeof *requests);
    if (requests == NULL || !cbit_dram_stream(stream->letter, requests, stream->count)) {
        exit(70);
    }
    memset(figures, 0, sizeof *figures);
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t v = 0; v < VARIANT_COUNT; v++) {
            const double before_hz = meter_core_hz();
            const double rate =
                rate_of(&config, &VARIANTS[v].options, requests,
                        VARIANTS[v].options.plain ? stream->plain_count : stream->count);
            meter_add(&figures->rate[v], rate);
            if (v == QUICK) {
                const double after_hz = meter_core_hz();
                meter_add(&figures->clocks, (before_hz + after_hz) / 2 / rate);
            }
        }
    }
    figures->per_plain = meter_ratio(&figures->rate[QUICK], &figures->rate[PLAIN]);
    figures->engine_per_quick = meter_ratio(&figures->rate[ENGINE_STAMPS], &figures->rate[QUICK]);
    free(requests);
}

static cJSON *json_of(const struct stream *stream, const figures_t *figures)
{
    const char letter[2] = {stream->letter, '\0'};
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "stream", letter);
    (void)cJSON_AddNumberToObject(json, "requests", (double)stream->count);
    cJSON *rates = cJSON_AddObjectToObject(json, "requests_per_cpu_second");
    for (uint32_t v = 0; v < VARIANT_COUNT; v++) {
        (void)cJSON_AddItemToObject(rates, VARIANTS[v].name, meter_json(&figures->rate[v]));
    }
    (void)cJSON_AddItemToObject(json, "clocks_per_request", meter_json(&figures->clocks));
    (void)cJSON_AddItemToObject(json, "quick_per_plain", meter_json(&figures->per_plain));
    (void)cJSON_AddItemToObject(json, "engine_stamps_per_quick",
                                meter_json(&figures->engine_per_quick));
    (void)cJSON_AddStringToObject(json, "reference", stream->reference);
    (void)cJSON_AddNumberToObject(json, "best_per_reference",
                                  meter_best(&figures->rate[QUICK]) / stream->reference_hz);
    return json;
}

/* Two rows of the table of all benchmarks. */
static void add_rows(cJSON *root, const struct stream *stream, const figures_t *f)
{
    char what[64];
    meter_t value = meter_scaled(&f->rate[QUICK], 1e-6);
    (void)snprintf(what, sizeof what, "DRAM path, stream %c", stream->letter);
    bench_row_add(root, &(bench_row_t){what, "M requests/s", &value, "clock-by-clock controller",
                                       &f->per_plain, BENCH_VALUE_AT_LEAST, stream->goal_mhz});
    value = meter_scaled(&f->rate[ENGINE_STAMPS], 1e-6);
    (void)snprintf(what, sizeof what, "DRAM path, stream %c, engine and stamps", stream->letter);
    bench_row_add(root, &(bench_row_t){what, "M requests/s", &value, "without them",
                                       &f->engine_per_quick, BENCH_RATIO_AT_LEAST, 0.5});
}

static void print(const struct stream *stream, const figures_t *f)
{
    printf("%c", stream->letter);
    for (uint32_t v = 0; v < VARIANT_COUNT; v++) {
        printf("  %7.3f %7.3f", meter_best(&f->rate[v]) * 1e-6, meter_median(&f->rate[v]) * 1e-6);
    }
    printf("  %5.0f  %4.0fx %4.0fx..%.0fx  %5.2f  %5.0fx\n", meter_least(&f->clocks),
           meter_median(&f->per_plain), meter_least(&f->per_plain), meter_best(&f->per_plain),
           meter_median(&f->engine_per_quick), meter_best(&f->rate[QUICK]) / stream->reference_hz);
}

int main(int argc, char **argv)
{
    const bench_options_t options = bench_options(argc, argv, ROUNDS);
    const bool as_json = options.json;
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddItemToObject(root, "machine", meter_machine());
    (void)cJSON_AddStringToObject(root, "device", "DDR4-3200AA x8 8 Gb, one rank, M0");
    (void)cJSON_AddStringToObject(root, "policy", "default");
    (void)cJSON_AddNumberToObject(root, "window", WINDOW);
    cJSON *streams = cJSON_AddArrayToObject(root, "streams");
    if (!as_json) {
        const cJSON *machine = cJSON_GetObjectItem(root, "machine");
        printf("DDR4-3200AA x8 8 Gb, one rank, M0, policy default, window %d; host %s, %s\n",
               WINDOW, cJSON_GetObjectItem(machine, "host")->valuestring,
               cJSON_GetObjectItem(machine, "cpu")->valuestring);
        printf("millions of requests per CPU second, one core, best and median of %d rounds;\n"
               "core clocks a request of the quick one (least); ratios: quick/plain (median, "
               "least..best),\nengine+stamps/quick, quick/fastest reference\n",
               (int)options.rounds);
        printf("   quick            no vectors       engine+stamps    plain           clocks\n");
    }
    for (uint32_t i = 0; i < STREAM_COUNT; i++) {
        figures_t figures;
        measure(&STREAMS[i], options.rounds, &figures);
        (void)cJSON_AddItemToArray(streams, json_of(&STREAMS[i], &figures));
        add_rows(root, &STREAMS[i], &figures);
        if (!as_json) {
            print(&STREAMS[i], &figures);
        }
    }
    if (as_json) {
        bench_print(root);
    } else {
        cJSON_Delete(root);
    }
    return 0;
}
