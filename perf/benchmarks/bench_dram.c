/*
 * Requests per CPU second of the controller on the published streams: quick with vector
 * instructions, quick without, with the engine's timing and stage stamps, and the plain
 * clock-by-clock controller, which is the same machine without any of the quick one's means.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cbit/perf/dram_streams.h"

enum { ROUNDS = 5, WINDOW = 32, ENGINE_DEPTH = 11 };

static double cpu_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The best of ROUNDS, in requests per second; the plain controller gets one short round. */
static double rate(const cbit_umc_config_t *config, const cbit_stream_options_t *options,
                   const cbit_stream_request_t *requests, uint64_t count)
{
    double best = 0;
    for (int i = 0; i < (options->plain ? 1 : ROUNDS); i++) {
        cbit_stream_result_t result;
        const double begin = cpu_seconds();
        if (cbit_stream_run(config, options, requests, count, &result, NULL) != CBIT_ERR_OK) {
            exit(70);
        }
        const double each = (double)count / (cpu_seconds() - begin);
        best = each > best ? each : best;
        cbit_stream_result_free(&result);
    }
    return best;
}

static void bench(char letter, uint64_t count, uint64_t plain_count, double reference)
{
    cbit_umc_config_t config;
    cbit_rows_defaults(cbit_umc_rows, &config);
    (void)strcpy(config.mapping, "M0");
    cbit_stream_request_t *requests = calloc(count, sizeof *requests);
    if (requests == NULL || !cbit_dram_stream(letter, requests, count)) {
        exit(70);
    }
    const cbit_stream_options_t quick = {.window = WINDOW};
    const cbit_stream_options_t scalar = {.window = WINDOW, .plain_scan = true};
    const cbit_stream_options_t engine = {
        .window = WINDOW, .engine_depth_nck = ENGINE_DEPTH, .stamps = true};
    const cbit_stream_options_t plain = {.window = WINDOW, .plain = true};
    const double q = rate(&config, &quick, requests, count);
    const double s = rate(&config, &scalar, requests, count);
    const double e = rate(&config, &engine, requests, count);
    const double p = rate(&config, &plain, requests, plain_count);
    printf("%c  %8.2f  %8.2f  %8.2f  %8.3f  %8.0fx  %8.0fx\n", letter, q * 1e-6, s * 1e-6, e * 1e-6,
           p * 1e-6, q / p, q / reference);
    free(requests);
}

int main(void)
{
    char host[128] = "?";
    (void)gethostname(host, sizeof host - 1);
    printf("DDR4-3200AA x8 8 Gb, one rank, M0, policy default, window %d; host %s\n", WINDOW, host);
    printf("millions of requests per CPU second, one core, best of %d\n", ROUNDS);
    printf("      quick  no vectors  engine+stamps  plain  quick/plain  quick/fastest reference\n");
    /* Fastest reference on the same class of machine, requests per CPU second: DRAMSys on a, d and
       f, Ramulator 2.1 on c (docs/dram.md). */
    bench('a', 2000000, 50000, 445e3);
    bench('c', 2000000, 50000, 177e3);
    bench('d', 1000000, 10000, 297e3);
    bench('f', 1000000, 5000, 374e3);
    return 0;
}
