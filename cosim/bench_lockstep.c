/*
 * Lock-step's price: clocks a second of the bare Verilated engine and of model, OpenSSL and
 * comparison beside it, under the same stimulus (both lanes full), in turns so that load on the
 * machine hits both.
 *
 *     bench_lockstep [--json]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cosim/bench.h"

enum { ROUNDS = 9, BEATS = 1000000 };

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

static spread_t spread_of(double *values)
{
    qsort(values, ROUNDS, sizeof values[0], compare);
    return (spread_t){values[0], values[ROUNDS / 2], values[ROUNDS - 1]};
}

static void print_text(const char *set, const spread_t *bare, const spread_t *both,
                       const spread_t *ratio)
{
    (void)printf("%-9s %9.0f (%.0f..%.0f) clocks/s bare, %9.0f (%.0f..%.0f) in lock-step, "
                 "%.3f (%.3f..%.3f) times the time\n",
                 set, bare->median, bare->least, bare->most, both->median, both->least, both->most,
                 ratio->median, ratio->least, ratio->most);
}

static void print_json(const char *set, const spread_t *bare, const spread_t *both,
                       const spread_t *ratio)
{
    (void)printf("{\"parameters\": \"%s\", \"bare_clocks_per_s\": [%.0f, %.0f, %.0f], "
                 "\"lockstep_clocks_per_s\": [%.0f, %.0f, %.0f], \"ratio\": [%.3f, %.3f, %.3f]}\n",
                 set, bare->least, bare->median, bare->most, both->least, both->median, both->most,
                 ratio->least, ratio->median, ratio->most);
}

static cbit_err_t run_set(const cbit_parameters_t *set, bool json)
{
    double bare[ROUNDS], both[ROUNDS], ratio[ROUNDS];
    cbit_bench_source_t source = {.parameters = set};
    cbit_bench_t bench;
    cbit_diag_t *diag = cbit_diag_create();
    cbit_err_t err = cbit_bench_open(&source, &bench, diag);
    cbit_diag_destroy(diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    for (int i = 0; i < ROUNDS; i++) {
        bare[i] = rate(&bench, true, &err);
        both[i] = rate(&bench, false, &err);
        ratio[i] = bare[i] / both[i];
    }
    cbit_bench_close(&bench);
    spread_t b = spread_of(bare), l = spread_of(both), r = spread_of(ratio);
    (json ? print_json : print_text)(set->name, &b, &l, &r);
    return err;
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    cbit_err_t err = run_set(&cbit_parameter_sets[0], json);
    if (err == CBIT_ERR_OK) {
        err = run_set(&cbit_parameter_sets[1], json);
    }
    if (err != CBIT_ERR_OK) {
        (void)fprintf(stderr, "error: %s\n", cbit_err_text(err));
    }
    return cbit_err_exit_status(err);
}
