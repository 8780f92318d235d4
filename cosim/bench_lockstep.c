/*
 * Lock-step's price: clocks a second of the bare Verilated engine and of model, OpenSSL and
 * comparison beside it, under the same stimulus (both lanes full), in turns so that load on the
 * machine hits both. Neither has assertions.
 *
 *     bench_lockstep [--json] [--rounds N]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cosim/bench.h"

enum { ROUNDS = 9, MOST_ROUNDS = 64, BEATS = 1000000 };
#define GOAL_RATIO 1.15 /* lock-step beside the bare model */

typedef struct options {
    bool json;
    uint32_t rounds;
} options_t;

static cbit_campaign_result_t result;

/* Clocks a second of CPU time of this process. */
static double rate(cbit_bench_t *bench, bool bare, cbit_err_t *err)
{
    cbit_device_maker_t maker = cbit_bench_maker(bench);
    cbit_campaign_config_t config = {
        .pins = bench->pins, .seed = 1, .beats = BEATS, .full_rate = true, .bare = bare};
    clock_t begin = clock();
    cbit_err_t now = cbit_campaign_run(&config, &maker, &result);
    *err = *err == CBIT_ERR_OK ? now : *err;
    return (double)result.counts.cycles / ((double)(clock() - begin) / CLOCKS_PER_SEC);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

typedef struct spread {
    double least, median, most;
} spread_t;

static spread_t spread_of(double *values, uint32_t count)
{
    qsort(values, count, sizeof values[0], compare);
    return (spread_t){values[0], values[(count - 1) / 2], values[count - 1]};
}

static void print_text(const char *set, const spread_t *bare, const spread_t *both,
                       const spread_t *ratio)
{
    (void)printf("%-9s %9.0f (%.0f..%.0f) clocks/s bare, %9.0f (%.0f..%.0f) in lock-step, "
                 "%.3f (%.3f..%.3f) times the time\n",
                 set, bare->median, bare->least, bare->most, both->median, both->least, both->most,
                 ratio->median, ratio->least, ratio->most);
}

static void print_spread(const char *key, const spread_t *spread, double factor, uint32_t rounds)
{
    (void)printf("\"%s\": {\"best\": %.6f, \"median\": %.6f, \"least\": %.6f, \"rounds\": %u}", key,
                 spread->most * factor, spread->median * factor, spread->least * factor, rounds);
}

/* A row of the table of all benchmarks: the same keys as perf/benchmarks/rows.c writes. */
static void print_json(const options_t *options, const char *set, const spread_t *bare,
                       const spread_t *both, const spread_t *ratio)
{
    (void)printf("%s\n  {\"what\": \"lock-step, %s\", \"unit\": \"k clocks/s\", ",
                 set == cbit_parameter_sets[0].name ? "" : ",", set);
    print_spread("value", both, 1e-3, options->rounds);
    (void)printf(", ");
    print_spread("bare", bare, 1e-3, options->rounds);
    (void)printf(", \"beside\": \"time of the bare Verilated model\", ");
    print_spread("ratio", ratio, 1, options->rounds);
    (void)printf(", \"goal_is\": \"ratio at most\", \"goal\": %.2f, \"reached\": %s}", GOAL_RATIO,
                 ratio->median <= GOAL_RATIO ? "true" : "false");
}

static cbit_err_t run_set(const cbit_parameters_t *set, const options_t *options)
{
    double bare[MOST_ROUNDS], both[MOST_ROUNDS], ratio[MOST_ROUNDS];
    cbit_bench_source_t source = {.parameters = set, .unchecked = true};
    cbit_bench_t bench;
    cbit_diag_t *diag = cbit_diag_create();
    cbit_err_t err = cbit_bench_open(&source, &bench, diag);
    cbit_diag_destroy(diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    for (uint32_t i = 0; i < options->rounds; i++) {
        bare[i] = rate(&bench, true, &err);
        both[i] = rate(&bench, false, &err);
        ratio[i] = bare[i] / both[i];
    }
    cbit_bench_close(&bench);
    spread_t b = spread_of(bare, options->rounds), l = spread_of(both, options->rounds);
    spread_t r = spread_of(ratio, options->rounds);
    if (options->json) {
        print_json(options, set->name, &b, &l, &r);
    } else {
        print_text(set->name, &b, &l, &r);
    }
    return err;
}

static bool parse(int argc, char **argv, options_t *options)
{
    *options = (options_t){.rounds = ROUNDS};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options->json = true;
        } else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            options->rounds = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else {
            return false;
        }
    }
    return options->rounds >= 1 && options->rounds <= MOST_ROUNDS;
}

int main(int argc, char **argv)
{
    options_t options;
    if (!parse(argc, argv, &options)) {
        (void)fprintf(stderr, "usage: bench_lockstep [--json] [--rounds 1..%d]\n", MOST_ROUNDS);
        return 2;
    }
    (void)printf("%s", options.json ? "{\"rows\": [" : "");
    cbit_err_t err = run_set(&cbit_parameter_sets[0], &options);
    if (err == CBIT_ERR_OK) {
        err = run_set(&cbit_parameter_sets[1], &options);
    }
    (void)printf("%s", options.json ? "]}\n" : "");
    if (err != CBIT_ERR_OK) {
        (void)fprintf(stderr, "error: %s\n", cbit_err_text(err));
    }
    return cbit_err_exit_status(err);
}
