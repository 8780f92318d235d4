/*
 * What a memory reference costs on its whole way: core, TLB, caches, fabric, controller, engine.
 * Three classes: resident in L1, mixed (0.55 of the references to 256 MiB at random), and all of
 * them there; pages of 2 MiB on both levels, one core, one in four references a store. Each timing
 * only and with real bytes, in rounds by turns, on a machine whose caches are full before.
 *
 *     bench_path [--json] [--rounds N]
 */
#define _POSIX_C_SOURCE 200112L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "perf/benchmarks/meter.h"
#include "perf/benchmarks/path_machine.h"
#include "perf/benchmarks/rows.h"
#include "perf/benchmarks/where.h"

#define SMALL_BYTES UINT64_C(0x4000)
#define LARGE_BYTES (UINT64_C(256) << 20)

typedef struct bench {
    uint64_t state;
    uint64_t left, far_millionths;
} bench_t;

static bool next_op(void *self, cbit_op_t *op)
{
    bench_t *bench = self;
    if (bench->left == 0) {
        return false;
    }
    bench->left--;
    bench->state += UINT64_C(0x9e3779b97f4a7c15);
    const uint64_t random = cbit_splitmix64(bench->state);
    const bool far_away = random % 1000000 < bench->far_millionths;
    const uint64_t span = far_away ? LARGE_BYTES : SMALL_BYTES;
    op->kind = random >> 62 == 0 ? CBIT_OP_STORE : CBIT_OP_LOAD;
    op->gva = PATH_DATA + ((random >> 20) & (span - 8)); /* spans are powers of two */
    op->size_bytes = 8;
    op->depends = false;
    op->instructions = 1;
    memcpy(op->data, &random, 8);
    return true;
}

enum { ROUNDS = 5 };

/* The fastest public tool of this shape: Ramulator 2.1's SimpleO3 on the same class of machine, on
   traces of the same three kinds (docs/core-and-caches.md). */
static const struct class
{
    const char *name;
    uint64_t far_millionths, references, warm;
    double reference_hz, goal_mhz; /* goal 0: none */
} CLASSES[] = {{"resident", 0, 2000000, 100000, 2.25e6, 0},
               {"mixed", 550000, 600000, 600000, 197e3, 5},
               {"missing", 1000000, 400000, 350000, 120e3, 3}};
enum { CLASS_COUNT = sizeof CLASSES / sizeof CLASSES[0] };

enum { KIND_COUNT = 2 }; /* of path_bytes_t, the first ones */
static const char *const KINDS[KIND_COUNT] = {"timing_only", "bytes"};

typedef struct figures {
    meter_t rate, clocks;
    double events, lines, simulated_ns; /* a reference */
    where_t where;
} figures_t;

static void round_of(path_machine_t *machine, bench_t *bench, figures_t *figures)
{
    const cbit_program_t program = {.self = bench, .next = next_op, .may_ask_ahead = true};
    const double references = (double)bench->left;
    cbit_cache_stats_t before, after;
    cbit_cache_stats(machine->cache, &before);
    const double before_hz = meter_core_hz();
    uint64_t events;
    where_begin();
    const double begin = meter_cpu_seconds();
    const cbit_ps_t simulated_ps = path_machine_run(machine, &program, &events);
    const double seconds = meter_cpu_seconds() - begin;
    where_end(&figures->where);
    cbit_cache_stats(machine->cache, &after);
    meter_add(&figures->rate, references / seconds);
    meter_add(&figures->clocks, seconds * (before_hz + meter_core_hz()) / 2 / references);
    figures->events = (double)events / references;
    figures->lines =
        (double)(after.misses + after.writebacks - before.misses - before.writebacks) / references;
    figures->simulated_ns = (double)simulated_ps * 1e-3 / references;
}

/* All kinds of one class: the rounds go by turns, so that a slow second of the host hits all. */
static void measure(const struct class *class, uint32_t rounds, figures_t figures[KIND_COUNT])
{
    cbit_platform_config_t config;
    cbit_rows_defaults(cbit_platform_rows, &config);
    path_machine_t *machines[KIND_COUNT];
    static bench_t programs[KIND_COUNT]
                           [1 + METER_ROUNDS]; /* a core knows a program by its address */
    memset(figures, 0, KIND_COUNT * sizeof figures[0]);
    for (uint32_t round = 0; round <= rounds; round++) {
        for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
            bench_t *bench = &programs[kind][round];
            *bench = (bench_t){.state = round,
                               .left = round == 0 ? class->warm : class->references,
                               .far_millionths = class->far_millionths};
            if (round == 0) {
                figures_t unused = {.events = 0};
                machines[kind] = path_machine_create(&config, (path_bytes_t)kind);
                round_of(machines[kind], bench, &unused);
            } else {
                round_of(machines[kind], bench, &figures[kind]);
            }
        }
    }
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        path_machine_destroy(machines[kind]);
    }
}

static cJSON *json_of(const struct class *class, const figures_t figures[KIND_COUNT])
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "class", class->name);
    (void)cJSON_AddNumberToObject(json, "references", (double)class->references);
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        const figures_t *f = &figures[kind];
        cJSON *of = cJSON_AddObjectToObject(json, KINDS[kind]);
        (void)cJSON_AddItemToObject(of, "references_per_cpu_second", meter_json(&f->rate));
        (void)cJSON_AddItemToObject(of, "core_clocks_per_reference", meter_json(&f->clocks));
        (void)cJSON_AddNumberToObject(of, "events_per_reference", f->events);
        (void)cJSON_AddNumberToObject(of, "memory_requests_per_reference", f->lines);
        (void)cJSON_AddNumberToObject(of, "simulated_ns_per_reference", f->simulated_ns);
        cJSON *where = cJSON_AddObjectToObject(of, "time_shares");
        for (uint32_t layer = 0; layer < WHERE_LAYERS; layer++) {
            (void)cJSON_AddNumberToObject(where, where_layer(layer),
                                          (double)f->where.samples[layer] /
                                              (double)(f->where.all == 0 ? 1 : f->where.all));
        }
    }
    const meter_t ratio = meter_ratio(&figures[PATH_BYTES].rate, &figures[PATH_TIMING_ONLY].rate);
    (void)cJSON_AddItemToObject(json, "bytes_per_timing_only", meter_json(&ratio));
    (void)cJSON_AddNumberToObject(json, "best_per_reference",
                                  meter_best(&figures[PATH_TIMING_ONLY].rate) /
                                      class->reference_hz);
    return json;
}

/* Two rows of the table of all benchmarks. */
static void add_rows(cJSON *root, const struct class *class, const figures_t figures[KIND_COUNT])
{
    char what[64];
    const meter_t *timing = &figures[PATH_TIMING_ONLY].rate, *bytes = &figures[PATH_BYTES].rate;
    const meter_t per_reference = meter_scaled(timing, 1 / class->reference_hz);
    const meter_t per_timing = meter_ratio(bytes, timing);
    meter_t value = meter_scaled(timing, 1e-6);
    (void)snprintf(what, sizeof what, "whole path, %s, timing only", class->name);
    bench_row_add(root, &(bench_row_t){what, "M references/s", &value,
                                       "published: Ramulator 2.1, SimpleO3", &per_reference,
                                       class->goal_mhz > 0 ? BENCH_VALUE_AT_LEAST : BENCH_NO_GOAL,
                                       class->goal_mhz});
    value = meter_scaled(bytes, 1e-6);
    (void)snprintf(what, sizeof what, "whole path, %s, real bytes", class->name);
    bench_row_add(root, &(bench_row_t){.what = what,
                                       .unit = "M references/s",
                                       .value = &value,
                                       .beside = "timing only",
                                       .ratio = &per_timing});
}

static void print(const struct class *class, const figures_t figures[KIND_COUNT])
{
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        const figures_t *f = &figures[kind];
        printf("%-9s %-15s %8.3f %8.3f %8.3f  %7.0f  %6.2f %5.2f %6.1f  %5.1fx\n", class->name,
               KINDS[kind], meter_best(&f->rate) * 1e-6, meter_median(&f->rate) * 1e-6,
               meter_least(&f->rate) * 1e-6, meter_least(&f->clocks), f->events, f->lines,
               f->simulated_ns, meter_best(&f->rate) / class->reference_hz);
        printf("   ");
        for (uint32_t layer = 0; layer < WHERE_LAYERS; layer++) {
            if (f->where.samples[layer] * 100 >= f->where.all) {
                printf(" %s %.0f %%;", where_layer(layer),
                       100.0 * (double)f->where.samples[layer] / (double)f->where.all);
            }
        }
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    const bench_options_t options = bench_options(argc, argv, ROUNDS);
    const bool as_json = options.json;
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddItemToObject(root, "machine", meter_machine());
    (void)cJSON_AddStringToObject(root, "reference", "Ramulator 2.1 SimpleO3");
    cJSON *classes = cJSON_AddArrayToObject(root, "classes");
    if (!as_json) {
        const cJSON *machine = cJSON_GetObjectItem(root, "machine");
        printf("host %s, %s\nmillions of references per CPU second, one core: best, median and "
               "least of %d rounds; core clocks of\nthe host a reference (least); events, memory "
               "requests and simulated ns a reference; best/fastest public tool;\nwhere the time "
               "goes\n",
               cJSON_GetObjectItem(machine, "host")->valuestring,
               cJSON_GetObjectItem(machine, "cpu")->valuestring, (int)options.rounds);
    }
    for (uint32_t i = 0; i < CLASS_COUNT; i++) {
        figures_t figures[KIND_COUNT];
        measure(&CLASSES[i], options.rounds, figures);
        (void)cJSON_AddItemToArray(classes, json_of(&CLASSES[i], figures));
        add_rows(root, &CLASSES[i], figures);
        if (!as_json) {
            print(&CLASSES[i], figures);
        }
    }
    if (as_json) {
        bench_print(root);
    } else {
        cJSON_Delete(root);
    }
    return EXIT_SUCCESS;
}
