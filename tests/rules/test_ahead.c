/*
 * Reads that are answered and writes that are through as their column command issues (no bytes)
 * against the same ones followed to their end (bytes): time, status and stages of each, when
 * flushes are done, and all counters at any time, while keys come and go under them.
 */
#include "cbit/base/rng.h"
#include "umc_bench.h"

enum {
    REQUESTS = 3000,
    KEY_WRITES = 60,
    FLUSHES = 100,
    MOST_FLUSHES = 8,
    FORMS = 12,
    CHANGED_SLOT = 2
};

typedef struct keeper {
    bench_t *bench;
    bool busy;
    uint32_t written;
} keeper_t;

typedef struct change {
    keeper_t *keeper;
    cbit_event_t event;
    bool clear;
} change_t;

static void on_written(void *self)
{
    keeper_t *keeper = self;
    keeper->busy = false;
    keeper->written++;
}

static void change_key(void *self)
{
    const change_t *change = self;
    keeper_t *keeper = change->keeper;
    uint8_t key[CBIT_KEY_BYTES] = {7};
    if (!keeper->busy) { /* one at a time */
        keeper->busy = true;
        cbit_umc_write_key(keeper->bench->umc, CHANGED_SLOT, change->clear ? NULL : key, on_written,
                           keeper);
    }
}

/* A flush, and what there was to see when it began. */
typedef struct flush {
    bench_t *bench;
    uint32_t *busy;
    cbit_event_t event;
    cbit_ps_t done_ps; /* 0: too many were busy */
    cbit_umc_stats_t umc;
    cbit_aes_counters_t engine;
} flush_t;

static void on_flushed(void *self)
{
    flush_t *flush = self;
    flush->done_ps = cbit_kernel_now_ps(flush->bench->kernel);
    --*flush->busy;
}

static void begin_flush(void *self)
{
    flush_t *flush = self;
    const bench_t *bench = flush->bench;
    cbit_umc_stats(bench->umc, &flush->umc);
    flush->umc.not_loaded = 0; /* counted when a line loses its key, not when it is out */
    bench->engine.ops->counters(bench->engine.self, &flush->engine);
    if (*flush->busy < MOST_FLUSHES) {
        ++*flush->busy;
        cbit_umc_flush(bench->umc, on_flushed, flush);
    }
}

/* Reads mostly, in bursts, of few rows; under two keys, one of which is not always there, or plain.
 */
static void add_requests(bench_t *bench, cbit_rng_t *rng, cbit_ps_t *at_ps)
{
    static const cbit_key_t keys[] = {1, CHANGED_SLOT, CHANGED_SLOT, CBIT_KEY_PLAIN};
    uint8_t bytes[CBIT_LINE_BYTES] = {0};
    for (uint32_t i = 0; i < REQUESTS; i++) {
        const bool write = cbit_rng_below(rng, 8) == 0;
        const cbit_key_t key = keys[cbit_rng_below(rng, sizeof keys / sizeof keys[0])];
        const cbit_spa_t spa = cbit_rng_below(rng, 1u << 14) * CBIT_LINE_BYTES;
        const uint32_t size_bytes = cbit_rng_below(rng, 4) == 0 ? 8 : CBIT_LINE_BYTES;
        *at_ps += cbit_rng_below(rng, 50) == 0 ? 400000 : cbit_rng_below(rng, 4) * 1250;
        (void)bench_add(bench, write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, spa, size_bytes, key,
                        bytes, *at_ps);
    }
}

typedef struct outcome {
    flush_t flushes[FLUSHES];
    cbit_umc_stats_t umc;
    cbit_aes_counters_t engine;
} outcome_t;

static bench_t *run(uint32_t form, bool timing_only, outcome_t *outcome)
{
    static const uint32_t buffer_entries[] = {1, 3, 16, 64};
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), form);
    bench_t *bench = bench_create();
    bench->timing_only = timing_only;
    bench->config.return_buffer_entries = buffer_entries[form % 4];
    bench->back_ps = form / 4 % 2 == 0 ? 0 : 50000;
    bench->engine_config.bypass_in_order = form >= 8;
    bench->config.engine_clock_divider = bench->engine_config.bypass_in_order ? 2 : 1;
    bench_start(bench, true);
    bench_load_keys(bench);
    cbit_ps_t at_ps = cbit_kernel_now_ps(bench->kernel) + 100000;
    keeper_t keeper = {.bench = bench};
    change_t changes[KEY_WRITES];
    const cbit_ps_t begin_ps = at_ps;
    add_requests(bench, &rng, &at_ps);
    for (uint32_t i = 0; i < KEY_WRITES; i++) {
        changes[i] = (change_t){.keeper = &keeper, .clear = i % 2 == 0};
        cbit_event_init(&changes[i].event, change_key, &changes[i]);
        cbit_event_notify_at(bench->kernel, &changes[i].event,
                             begin_ps + cbit_rng_below(&rng, at_ps - begin_ps));
    }
    uint32_t busy = 0;
    for (uint32_t i = 0; i < FLUSHES; i++) {
        flush_t *flush = &outcome->flushes[i];
        *flush = (flush_t){.bench = bench, .busy = &busy};
        cbit_event_init(&flush->event, begin_flush, flush);
        cbit_event_notify_at(bench->kernel, &flush->event,
                             begin_ps + (at_ps - begin_ps) / FLUSHES * i +
                                 cbit_rng_below(&rng, 20000));
    }
    bench_run(bench);
    ck_assert(bench_all_answered(bench));
    ck_assert_uint_gt(keeper.written, 4 + KEY_WRITES / 4);
    cbit_umc_stats(bench->umc, &outcome->umc);
    bench->engine.ops->counters(bench->engine.self, &outcome->engine);
    return bench;
}

START_TEST(an_answer_given_ahead_is_the_one_that_would_have_come)
{
    outcome_t followed, ahead;
    bench_t *one = run((uint32_t)_i, false, &followed), *two = run((uint32_t)_i, true, &ahead);
    uint32_t lost = 0;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        const bench_request_t *a = &one->request[i], *b = &two->request[i];
        ck_assert_uint_eq(a->answered_ps, b->answered_ps);
        ck_assert_int_eq(a->txn.status, b->txn.status);
        ck_assert_mem_eq(a->txn.stage_ps, b->txn.stage_ps, sizeof a->txn.stage_ps);
        lost += a->txn.status == CBIT_ERR_KEY_NOT_LOADED ? 1 : 0;
    }
    ck_assert_uint_gt(lost, 10);
    uint32_t flushed = 0;
    for (uint32_t i = 0; i < FLUSHES; i++) {
        const flush_t *a = &followed.flushes[i], *b = &ahead.flushes[i];
        flushed += a->done_ps != 0 ? 1 : 0;
        ck_assert_uint_eq(a->done_ps, b->done_ps);
        ck_assert_mem_eq(&a->umc, &b->umc, sizeof a->umc);
        ck_assert_mem_eq(&a->engine, &b->engine, sizeof a->engine);
    }
    ck_assert_uint_gt(flushed, FLUSHES / 4);
    ck_assert_mem_eq(&followed.umc, &ahead.umc, sizeof ahead.umc);
    ck_assert_mem_eq(&followed.engine, &ahead.engine, sizeof ahead.engine);
    bench_destroy(one);
    bench_destroy(two);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("ahead");
    TCase *tcase = tcase_create("random");
    tcase_add_loop_test(tcase, an_answer_given_ahead_is_the_one_that_would_have_come, 0, FORMS);
    suite_add_tcase(suite, tcase);
    return suite;
}
