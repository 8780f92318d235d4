#include "umc_bench.h"

#include <stdlib.h>

static void send_due(void *self);

static bench_t *with_defaults(void)
{
    bench_t *bench = calloc(1, sizeof *bench);
    ck_assert_ptr_nonnull(bench);
    cbit_rows_defaults(cbit_umc_rows, &bench->config);
    bench->config.check_commands = true;
    bench->engine_config = (cbit_aes_engine_config_t){
        .key_slots = BENCH_SLOTS, .depth_eclk = BENCH_DEPTH, .blocks_per_clock = 1};
    bench->waiter = (cbit_waiter_t){.on_space = send_due, .self = bench};
    return bench;
}

bench_t *bench_create(void)
{
    bench_t *bench = with_defaults();
    bench->kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    ck_assert_int_eq(cbit_store_create(UINT64_C(64) << 30, &bench->store), CBIT_ERR_OK);
    return bench;
}

bench_t *bench_beside(const bench_t *first, uint32_t channel)
{
    bench_t *bench = with_defaults();
    bench->config = first->config;
    bench->kernel = first->kernel;
    bench->store = first->store;
    bench->channel = channel;
    bench->beside = true;
    return bench;
}

void bench_start(bench_t *bench, bool engine)
{
    cbit_umc_parts_t parts = {.kernel = bench->kernel,
                              .store = bench->store,
                              .engine_config = bench->engine_config,
                              .tsme = bench->tsme,
                              .timing_only = bench->timing_only,
                              .channel = bench->channel};
    if (engine) {
        cbit_tweak_t tweak;
        cbit_tweak_init(&tweak, CBIT_TWEAK_PER_BOOT, 1);
        ck_assert_int_eq(cbit_cipher_create(BENCH_SLOTS, &tweak, false, &bench->cipher),
                         CBIT_ERR_OK);
        const cbit_aes_engine_factory_t *factory =
            bench->timing_only ? &cbit_aes_timing_factory : &cbit_aes_model_factory;
        ck_assert_int_eq(factory->create(factory->self, 0, &bench->engine_config, &parts.engine),
                         CBIT_ERR_OK);
        bench->engine = parts.engine;
        for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
            parts.engine.ops->tweak_write(parts.engine.self, i, tweak.t[i]);
        }
        parts.cipher = bench->cipher;
    }
    cbit_diag_t *diag = cbit_diag_create();
    cbit_err_t err = cbit_umc_create(&bench->config, &parts, &bench->umc, diag);
    ck_assert_msg(err == CBIT_ERR_OK, "%s",
                  cbit_diag_count(diag) > 0 ? cbit_diag_at(diag, 0)->text : "no diagnostic");
    cbit_diag_destroy(diag);
    bench->port = cbit_umc_port(bench->umc);
}

void bench_destroy(bench_t *bench)
{
    cbit_umc_stats_t stats;
    cbit_umc_stats(bench->umc, &stats);
    ck_assert((stats.commands_checked > 0) == bench->config.check_commands);
    ck_assert_uint_eq(stats.violations, 0);
    cbit_umc_destroy(bench->umc);
    cbit_cipher_destroy(bench->cipher);
    if (!bench->beside) {
        cbit_store_destroy(bench->store);
        cbit_kernel_destroy(bench->kernel);
    }
    free(bench);
}

static void count_done(void *self)
{
    ++*(uint32_t *)self;
}

void bench_load_keys(bench_t *bench)
{
    for (uint16_t slot = 0; slot <= 3; slot++) {
        uint8_t key[CBIT_KEY_BYTES];
        uint32_t done = 0;
        memset(key, 0x50 + slot, sizeof key);
        cbit_umc_write_key(bench->umc, slot, key, count_done, &done);
        cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
        ck_assert_uint_eq(done, 1);
    }
}

static void on_answer(void *self, cbit_txn_t *txn)
{
    bench_request_t *request = self;
    (void)txn;
    ck_assert_msg(!request->answered, "answered twice");
    request->answered = true;
    request->answered_ps = cbit_kernel_now_ps(request->bench->kernel);
    request->bench->done++;
}

/* In the order of adding, as the link of a fabric would: a refused one holds those behind it. */
static void send_due(void *self)
{
    bench_t *bench = self;
    cbit_ps_t now_ps = cbit_kernel_now_ps(bench->kernel);
    while (bench->next < bench->count) {
        bench_request_t *request = &bench->request[bench->next];
        if (request->at_ps > now_ps ||
            !bench->port.try_send(bench->port.self, &request->txn, &bench->waiter)) {
            return;
        }
        request->sent_ps = now_ps;
        bench->next++;
    }
}

bench_request_t *bench_add(bench_t *bench, cbit_command_t command, cbit_spa_t spa, uint32_t bytes,
                           cbit_key_t key, const void *data, cbit_ps_t at_ps)
{
    ck_assert_uint_lt(bench->count, BENCH_REQUESTS);
    bench_request_t *request = &bench->request[bench->count++];
    request->bench = bench;
    cbit_txn_init(&request->txn, command, spa, bytes, key, CBIT_SOURCE_VCPU, at_ps);
    request->txn.no_bytes = bench->timing_only;
    request->txn.back_ps = bench->back_ps;
    memset(request->txn.data, 0, sizeof request->txn.data);
    if (data != NULL) {
        memcpy(request->txn.data, data, bytes);
    }
    cbit_txn_push_reply(&request->txn, on_answer, request);
    request->at_ps = at_ps;
    cbit_event_init(&request->send, send_due, bench);
    cbit_event_notify_at(bench->kernel, &request->send, at_ps);
    return request;
}

void bench_run(bench_t *bench)
{
    cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
}

bool bench_all_answered(const bench_t *bench)
{
    return bench->done == bench->count;
}
