/*
 * How fast a trace is read, and in how much memory: 100 million records (or as many million as the
 * argument says) of a Zipf pattern, whose addresses compress badly, and of a stream, whose do well.
 * Fails below 50 million records a second of CPU time, or above 64 MiB resident.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cbit/workloads/traffic.h"

enum { BATCH = 4096, GOAL_RECORDS = 50000000, GOAL_KIB = 64 << 10 };

static double cpu_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

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
    const double begin = cpu_seconds();
    must(cbit_trace_reader_open(path, CBIT_ERR_OPEN, &reader, NULL));
    while (count > 0) {
        must(cbit_trace_reader_read(reader, batch, BATCH, &count, NULL));
        for (uint32_t i = 0; i < count; i++) {
            sum += batch[i].gva; /* so that somebody looks at each */
        }
        seen += count;
    }
    cbit_trace_reader_close(reader);
    const double seconds = cpu_seconds() - begin;
    must(seen == wanted && sum != 0 ? CBIT_ERR_OK : CBIT_ERR_INTERNAL);
    return (double)seen / seconds;
}

static bool bench(cbit_traffic_kind_t kind, uint64_t records, const char *path)
{
    struct rusage usage;
    const uint64_t written = write_trace(kind, records, path);
    const double rate = read_rate(path, written);
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("%-8s  %11" PRIu64 "  %8.1f  %8.1f\n", cbit_traffic_kind_words[kind], written,
           rate * 1e-6, (double)usage.ru_maxrss / 1024);
    return rate >= GOAL_RECORDS && usage.ru_maxrss <= GOAL_KIB;
}

int main(int argc, char **argv)
{
    char path[64];
    const uint64_t records = (argc > 1 ? strtoull(argv[1], NULL, 10) : 100) * 1000000;
    (void)snprintf(path, sizeof path, "/tmp/cbit-bench-%ld.cbt", (long)getpid());
    printf("traces: millions of records read per CPU second, one core; MiB resident at most\n");
    printf("pattern       records     M rec/s       MiB\n");
    bool good = bench(CBIT_TRAFFIC_ZIPF, records, path);
    good = bench(CBIT_TRAFFIC_STREAM, records, path) && good;
    (void)remove(path);
    printf("%s\n", good ? "goals held: 50 M records/s, 64 MiB" : "GOALS MISSED");
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
