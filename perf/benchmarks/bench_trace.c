/*
 * How fast a trace is read, and in how much memory: 20 million records of a Zipf pattern, whose
 * addresses compress badly, and of a stream, whose do well; read once a round. Fails above 64 MiB
 * resident, whose bound does not depend on the length.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cbit/workloads/traffic.h"
#include "perf/benchmarks/meter.h"
#include "perf/benchmarks/rows.h"

enum { ROUNDS = 5, RECORDS = 20000000, BATCH = 4096, GOAL_MRECORDS = 50, GOAL_KIB = 64 << 10 };

static void must(cbit_err_t err)
{
    if (err != CBIT_ERR_OK) {
        (void)fprintf(stderr, "bench_trace: %s\n", cbit_err_text(err));
        exit(70);
    }
}

static uint64_t write_trace(cbit_traffic_kind_t kind, uint64_t records, const char *path)
{
    static cbit_trace_record_t batch[BATCH];
    cbit_traffic_t traffic;
    cbit_trace_source_t source;
    cbit_trace_writer_t *writer = NULL;
    uint32_t count = 1;
    uint64_t written = 0;
    cbit_rows_defaults(cbit_traffic_rows, &traffic);
    traffic.kind = kind;
    traffic.accesses = records;
    must(cbit_traffic_open(&traffic, 1, CBIT_ERR_OPEN, &source, NULL));
    must(cbit_trace_writer_create(path, source.info(source.self), &writer, NULL));
    while (count > 0 && written < records) {
        must(source.read(source.self, batch, BATCH, &count, NULL));
        for (uint32_t i = 0; i < count; i++) {
            must(cbit_trace_writer_record(writer, &batch[i]));
        }
        written += count;
    }
    must(cbit_trace_writer_finish(writer, NULL));
    source.destroy(source.self);
    return written;
}

/* Records per second of CPU time. */
static double read_rate(const char *path, uint64_t wanted)
{
    static cbit_trace_record_t batch[BATCH];
    cbit_trace_reader_t *reader = NULL;
    uint32_t count = 1;
    uint64_t seen = 0, sum = 0;
    const double begin = meter_cpu_seconds();
    must(cbit_trace_reader_open(path, CBIT_ERR_OPEN, &reader, NULL));
    while (count > 0) {
        must(cbit_trace_reader_read(reader, batch, BATCH, &count, NULL));
        for (uint32_t i = 0; i < count; i++) {
            sum += batch[i].gva; /* so that somebody looks at each */
        }
        seen += count;
    }
    cbit_trace_reader_close(reader);
    const double seconds = meter_cpu_seconds() - begin;
    must(seen == wanted && sum != 0 ? CBIT_ERR_OK : CBIT_ERR_INTERNAL);
    return (double)seen / seconds;
}

/* Reads one pattern `rounds` times; what it took, in one row. */
static meter_t bench(cbit_traffic_kind_t kind, const bench_options_t *options, const char *path)
{
    meter_t rate = {.count = 0};
    const uint64_t written = write_trace(kind, RECORDS, path);
    for (uint32_t round = 0; round < options->rounds; round++) {
        meter_add(&rate, read_rate(path, written) * 1e-6);
    }
    return rate;
}

int main(int argc, char **argv)
{
    static const cbit_traffic_kind_t KINDS[] = {CBIT_TRAFFIC_ZIPF, CBIT_TRAFFIC_STREAM};
    const bench_options_t options = bench_options(argc, argv, ROUNDS);
    char path[64], what[64];
    struct rusage usage;
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddItemToObject(root, "machine", meter_machine());
    (void)snprintf(path, sizeof path, "/tmp/cbit-bench-%ld.cbt", (long)getpid());
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        const char *name = cbit_traffic_kind_words[KINDS[i]];
        const meter_t rate = bench(KINDS[i], &options, path);
        const meter_t per_goal = meter_scaled(&rate, 1.0 / GOAL_MRECORDS);
        (void)snprintf(what, sizeof what, "trace read, %s", name);
        bench_row_add(root, &(bench_row_t){what, "M records/s", &rate, "50 M/s", &per_goal,
                                           BENCH_VALUE_AT_LEAST, GOAL_MRECORDS});
        if (!options.json) {
            printf("trace, %-6s millions of records a CPU second: %.1f (median %.1f, least %.1f)\n",
                   name, meter_best(&rate), meter_median(&rate), meter_least(&rate));
        }
    }
    (void)remove(path);
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)cJSON_AddNumberToObject(root, "resident_mib", (double)usage.ru_maxrss / 1024);
    if (options.json) {
        bench_print(root);
    } else {
        printf("resident at most %.1f MiB\n", (double)usage.ru_maxrss / 1024);
        cJSON_Delete(root);
    }
    return usage.ru_maxrss <= GOAL_KIB ? EXIT_SUCCESS : EXIT_FAILURE;
}
