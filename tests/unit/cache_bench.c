#include "tests/unit/cache_bench.h"

#include <string.h>

#include "cbit_test.h"

const cbit_clock_t bench_clock = {.phase_ps = 0, .period_num_ps = 1000, .period_den = 1};

static bench_t create(cbit_cache_level_config_t l2, uint32_t mshrs, uint32_t capacity)
{
    bench_t bench = {.kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL)};
    bench.memory = fake_memory_create(bench.kernel, 50000, capacity);
    cbit_cache_config_t config = {.l2 = l2,
                                  .cores_per_complex = 1,
                                  .mshrs = mshrs,
                                  .transfer_cclk = 9,
                                  .transfer_remote_ns = 20000,
                                  .transfer_socket_ns = 2 * 20000};
    ck_assert_int_eq(cbit_cache_create(&config, 1, false, &bench_clock, bench.kernel,
                                       fake_memory_port(bench.memory), &bench.cache, NULL),
                     CBIT_ERR_OK);
    bench.port = cbit_cache_port(bench.cache, 0);
    return bench;
}

bench_t bench_create(uint32_t mshrs, uint32_t capacity)
{
    const cbit_cache_level_config_t l2 = {.size_bytes = 4096, .ways = 2, .hit_cclk = 3};
    return create(l2, mshrs, capacity);
}

bench_t bench_create_wide(uint32_t ways)
{
    const cbit_cache_level_config_t l2 = {
        .size_bytes = (uint64_t)ways * CBIT_LINE_BYTES, .ways = ways, .hit_cclk = 3};
    return create(l2, 4, 8);
}

void bench_destroy(bench_t *bench)
{
    cbit_cache_destroy(bench->cache);
    fake_memory_destroy(bench->memory);
    cbit_kernel_destroy(bench->kernel);
}

void bench_answered(void *self, cbit_txn_t *txn)
{
    bench_request_t *request = self;
    request->done_ps = cbit_kernel_now_ps(request->bench->kernel);
    ck_assert_uint_eq(cbit_txn_charged_ps(txn), request->done_ps - txn->born_ps);
}

bool bench_send(const bench_t *bench, bench_request_t *request, cbit_command_t command,
                cbit_spa_t spa, cbit_key_t key, const void *bytes, uint32_t len_bytes)
{
    cbit_txn_init(&request->txn, command, spa, len_bytes, key, CBIT_SOURCE_VCPU,
                  cbit_kernel_now_ps(bench->kernel));
    request->bench = bench;
    request->done_ps = 0;
    if (bytes != NULL) {
        memcpy(request->txn.data, bytes, len_bytes);
    }
    cbit_txn_push_reply(&request->txn, bench_answered, request);
    return bench->port.try_send(bench->port.self, &request->txn, NULL);
}

cbit_ps_t bench_complete(const bench_t *bench, bench_request_t *request, cbit_command_t command,
                         cbit_spa_t spa, cbit_key_t key, const void *bytes, uint32_t len_bytes)
{
    ck_assert(bench_send(bench, request, command, spa, key, bytes, len_bytes));
    cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
    ck_assert_uint_ne(request->done_ps, 0);
    return request->done_ps - request->txn.born_ps;
}

void bench_look_in_vain(const bench_t *bench, cbit_spa_t spa, cbit_key_t key)
{
    uint64_t value;
    uint32_t clocks;
    ck_assert(
        !bench->port.quick(bench->port.self, CBIT_COMMAND_READ, spa, key, &value, 8, &clocks));
}

uint64_t bench_load(const bench_t *bench, cbit_spa_t spa, cbit_key_t key)
{
    bench_request_t request;
    bench_complete(bench, &request, CBIT_COMMAND_READ, spa, key, NULL, 8);
    uint64_t value;
    memcpy(&value, request.txn.data, sizeof value);
    return value;
}

void bench_store(const bench_t *bench, cbit_spa_t spa, cbit_key_t key, uint64_t value)
{
    bench_request_t request;
    bench_complete(bench, &request, CBIT_COMMAND_WRITE, spa, key, &value, sizeof value);
}

uint64_t bench_in_memory(const bench_t *bench, cbit_spa_t spa, cbit_key_t key)
{
    uint64_t value;
    fake_memory_get(bench->memory, spa, key, &value, sizeof value);
    return value;
}
