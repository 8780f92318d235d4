/*
 * What a memory reference costs on its whole way: core, TLB, caches, fabric, controller, engine.
 * Three classes: resident in L1, mixed (0.55 of the references to 256 MiB at random), and all of
 * them there. CPU time of the host; one core, one in four references a store.
 */
#define _POSIX_C_SOURCE 200112L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cbit/base/rng.h"
#include "perf/benchmarks/meter.h"
#include "perf/benchmarks/path_machine.h"

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
    op->gva = PATH_DATA + (random >> 20) % span / 8 * 8;
    op->size_bytes = 8;
    op->depends = false;
    op->instructions = 1;
    memcpy(op->data, &random, 8);
    return true;
}

static void measure(const char *name, path_bytes_t bytes, uint64_t far_millionths,
                    uint64_t references)
{
    static const char *const kinds[PATH_KINDS] = {"timing", "bytes", "plain"};
    cbit_platform_config_t config;
    cbit_rows_defaults(cbit_platform_rows, &config);
    path_machine_t *machine = path_machine_create(&config, bytes);
    bench_t bench = {.left = references, .far_millionths = far_millionths};
    const cbit_program_t program = {.self = &bench, .next = next_op};
    uint64_t events;
    const double hz = meter_core_hz();
    const double begin = meter_cpu_seconds();
    const cbit_ps_t simulated_ps = path_machine_run(machine, &program, &events);
    const double span = meter_cpu_seconds() - begin;
    const double hz2 = meter_core_hz();
    cbit_cache_stats_t stats;
    cbit_cache_stats(machine->cache, &stats);
    printf("  %-9s %-6s %7.2f M references/s  %6.1f ns each %6.0f clocks  (%.2f lines from memory, "
           "%.1f ns simulated) %.2f events\n",
           name, kinds[bytes], (double)references / span * 1e-6, span / (double)references * 1e9,
           span / (double)references * (hz + hz2) / 2, (double)stats.misses / (double)references,
           (double)simulated_ps * 1e-3 / (double)references, (double)events / (double)references);
    path_machine_destroy(machine);
}

int main(void)
{
    printf("references a second of CPU time, one core, page size 2 MiB\n");
    for (path_bytes_t bytes = PATH_TIMING_ONLY; bytes < PATH_KINDS; bytes++) {
        measure("resident", bytes, 0, 20000000);
        measure("mixed", bytes, 550000, 2000000);
        measure("missing", bytes, 1000000, 1000000);
    }
    return EXIT_SUCCESS;
}
