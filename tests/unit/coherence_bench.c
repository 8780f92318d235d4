#include "tests/unit/coherence_bench.h"

#include "cbit_test.h"

coherence_bench_t coherence_bench_of(const cbit_cache_config_t *config, bool domains)
{
    static const cbit_clock_t clock_1ghz = {.period_num_ps = 1000, .period_den = 1};
    coherence_bench_t bench = {.kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL)};
    bench.memory = fake_memory_create(bench.kernel, 50000, 8);
    ck_assert_int_eq(cbit_cache_create(config, COHERENCE_CORES, domains, &clock_1ghz, bench.kernel,
                                       fake_memory_port(bench.memory), &bench.cache, NULL),
                     CBIT_ERR_OK);
    for (uint32_t i = 0; i < COHERENCE_CORES; i++) {
        bench.port[i] = cbit_cache_port(bench.cache, i);
    }
    return bench;
}

coherence_bench_t coherence_bench_create(uint32_t l3_ways, bool inclusive, bool domains)
{
    const uint32_t ways = l3_ways == 16 ? 8 : 2;
    const cbit_cache_config_t config = {.l1i = {1024, ways, 2},
                                        .l1d = {1024, ways, 2},
                                        .l2 = {2048, ways, 6},
                                        .l3 = {4096, l3_ways, 20},
                                        .l3_inclusive = inclusive,
                                        .cores_per_complex = 2,
                                        .mshrs = 3,
                                        .transfer_cclk = 30,
                                        .transfer_remote_ns = 100000,
                                        .transfer_socket_ns = 2 * 100000};
    return coherence_bench_of(&config, domains);
}

void coherence_bench_destroy(coherence_bench_t *bench)
{
    ck_assert_uint_eq(bench->memory->stage_errors, 0);
    cbit_cache_destroy(bench->cache);
    fake_memory_destroy(bench->memory);
    cbit_kernel_destroy(bench->kernel);
}
