/*
 * A channel whose commands nobody sees one by one (few_run.c) against the same one with the checker
 * at its commands and with reasons, which holds its requests in queues and goes from event to
 * event: each answer's time and stages, counters, and the account at any time. Requests come so
 * slowly that few are there, but for a burst now and then.
 */
#include <stdlib.h>

#include "cbit/base/rng.h"
#include "cbit/umc/account.h"
#include "umc_bench.h"

enum { REQUESTS = 3000, LOOKS = 40, FLUSHES = 150 };

typedef struct look {
    bench_t *bench;
    cbit_event_t event;
    cbit_umc_account_t *account;
} look_t;

/* Begins when no other is under way; then writes go first. */
typedef struct flush {
    bench_t *bench;
    bool *busy; /* of all flushes */
    cbit_event_t event;
    cbit_ps_t done_ps; /* 0: did not begin */
} flush_t;

typedef struct outcome {
    look_t looks[LOOKS + 1];
    flush_t flushes[FLUSHES];
    bool flushing;
    cbit_umc_stats_t stats;
} outcome_t;

static const struct form {
    uint32_t speed, ranks, starvation_nck, buffer_entries, row_bits;
    uint32_t gap_ps; /* between two requests at most */
    uint32_t line_bits, back_ps;
    uint64_t write_high, write_low; /* both 0: the policy's own */
    bool engine, timing_only;
} FORMS[] = {
    {CBIT_DDR4_3200AA, 1, 0, 64, 6, 60000, 13, 0, 0, 0, true, true},
    {CBIT_DDR4_3200AA, 2, 0, 64, 3, 60000, 13, 0, 0, 0, true, true},
    {CBIT_DDR5_4800B, 1, 0, 64, 8, 60000, 13, 0, 0, 0, true, true},
    {CBIT_DDR4_2933Y, 2, 120, 2, 3, 60000, 13, 0, 60000, 40000, true, true},
    {CBIT_DDR4_3200AA, 1, 0, 3, 2, 60000, 13, 0, 100000, 50000, true, true},
    {CBIT_DDR4_3200AA, 1, 200, 1, 4, 60000, 13, 0, 60000, 60000, true, false},
    {CBIT_DDR5_5600A, 2, 0, 16, 5, 60000, 13, 0, 0, 0, true, false},
    {CBIT_DDR4_3200AA, 2, 0, 1, 5, 60000, 13, 0, 0, 0, true, false},
    {CBIT_DDR4_3200AA, 1, 0, 1, 2, 24000, 9, 2000, 0, 0, true, true},
    {CBIT_DDR4_3200AA, 1, 0, 1, 1, 30000, 11, 3000, 0, 0, true, true},
    {CBIT_DDR4_3200AA, 1, 25, 64, 1, 25000, 8, 0, 0, 0, true, true},
    {CBIT_DDR4_3200AA, 2, 25, 64, 1, 40000, 8, 5000, 0, 0, true, true},
    /* Crowded: who has opened a row waits so long for its column that others of its bank, while
       writes or reads go first, may close it again by the clocks alone. */
    {CBIT_DDR4_3200AA, 4, 0, 64, 1, 9000, 13, 0, 40000, 30000, true, false},
    {CBIT_DDR4_3200AA, 4, 0, 64, 1, 11000, 13, 0, 40000, 30000, true, false},
    {CBIT_DDR4_3200AA, 4, 0, 64, 1, 10000, 13, 0, 30000, 30000, true, true},
    {CBIT_DDR4_3200AA, 4, 0, 64, 1, 10000, 14, 0, 40000, 40000, true, false},
    {CBIT_DDR4_2933Y, 4, 0, 64, 1, 10000, 13, 0, 40000, 30000, true, false},
};
enum { FORM_COUNT = sizeof FORMS / sizeof FORMS[0] };

static void look(void *self)
{
    look_t *to = self;
    to->account = calloc(1, sizeof *to->account);
    cbit_umc_account(to->bench->umc, to->account);
}

static void end_flush(void *self)
{
    flush_t *flush = self;
    flush->done_ps = cbit_kernel_now_ps(flush->bench->kernel);
    *flush->busy = false;
}

static void begin_flush(void *self)
{
    flush_t *flush = self;
    if (!*flush->busy) {
        *flush->busy = true;
        cbit_umc_flush(flush->bench->umc, end_flush, flush);
    }
}

/* Who looks and flushes, and when. */
static void add_others(bench_t *bench, cbit_rng_t *rng, outcome_t *outcome, cbit_ps_t begin_ps,
                       cbit_ps_t end_ps)
{
    for (uint32_t i = 0; i < LOOKS; i++) {
        look_t *to = &outcome->looks[i];
        to->bench = bench;
        cbit_event_init(&to->event, look, to);
        cbit_event_notify_at(bench->kernel, &to->event,
                             begin_ps + cbit_rng_below(rng, end_ps - begin_ps));
    }
    for (uint32_t i = 0; i < FLUSHES; i++) {
        flush_t *flush = &outcome->flushes[i];
        *flush = (flush_t){.bench = bench, .busy = &outcome->flushing};
        cbit_event_init(&flush->event, begin_flush, flush);
        cbit_event_notify_at(bench->kernel, &flush->event,
                             begin_ps + cbit_rng_below(rng, end_ps - begin_ps));
    }
}

/* In rows of which few are told apart, or the same line again; whole lines mostly. */
static void add_requests(bench_t *bench, const struct form *form, cbit_rng_t *rng, cbit_ps_t *at_ps)
{
    uint32_t burst = 0;
    cbit_spa_t spa = 0;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        burst = burst > 0 ? burst - 1 : cbit_rng_below(rng, 120) == 0 ? 30 : 0;
        const bool write = cbit_rng_below(rng, 4) == 0;
        const bool idle = cbit_rng_below(rng, 400) == 0;
        const uint32_t bytes = cbit_rng_below(rng, 40) == 0 ? 8 : CBIT_LINE_BYTES;
        if (cbit_rng_below(rng, 60) != 0) {
            spa = (cbit_spa_t)cbit_rng_below(rng, 1u << form->row_bits) << 19 |
                  cbit_rng_below(rng, 1u << form->line_bits) * CBIT_LINE_BYTES;
        }
        *at_ps += burst > 0 ? 625 : idle ? 30000000 : cbit_rng_below(rng, form->gap_ps);
        bench_request_t *request =
            bench_add(bench, write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, spa, bytes,
                      (cbit_key_t)cbit_rng_below(rng, 3), NULL, *at_ps);
        request->txn.source_id = (uint16_t)cbit_rng_below(rng, 4);
    }
}

static bench_t *run(uint32_t form_at, bool checked, outcome_t *outcome)
{
    const struct form *form = &FORMS[form_at];
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), form_at);
    bench_t *bench = bench_create();
    bench->timing_only = form->timing_only;
    bench->back_ps = form->back_ps;
    bench->config.dram.speed = form->speed;
    bench->config.dram.ranks = form->ranks;
    bench->config.starvation_nck = form->starvation_nck;
    bench->config.return_buffer_entries = form->buffer_entries;
    bench->config.write_high = form->write_high;
    bench->config.write_low = form->write_low;
    bench->config.check_commands = bench->config.explain = checked;
    bench_start(bench, form->engine);
    if (form->engine) {
        bench_load_keys(bench);
    }
    const cbit_ps_t begin_ps = cbit_kernel_now_ps(bench->kernel) + 100000;
    cbit_ps_t at_ps = begin_ps;
    add_requests(bench, form, &rng, &at_ps);
    add_others(bench, &rng, outcome, begin_ps, at_ps);
    bench_run(bench);
    ck_assert(bench_all_answered(bench));
    outcome->looks[LOOKS].bench = bench;
    look(&outcome->looks[LOOKS]);
    cbit_umc_stats(bench->umc, &outcome->stats);
    ck_assert_uint_eq(outcome->stats.violations, 0);
    ck_assert(checked == (outcome->stats.commands_checked > REQUESTS));
    outcome->stats.commands_checked = 0;
    return bench;
}

static void assert_same_account(const cbit_umc_account_t *a, const cbit_umc_account_t *b)
{
    ck_assert_uint_eq(a->point_count, b->point_count);
    ck_assert_uint_eq(a->interval_nck, b->interval_nck);
    ck_assert_mem_eq(&a->energy, &b->energy, sizeof a->energy);
    ck_assert_mem_eq(a->share, b->share, sizeof a->share);
    ck_assert_mem_eq(a->point, b->point, sizeof a->point);
    ck_assert_mem_eq(a->bank, b->bank, sizeof a->bank);
    ck_assert_mem_eq(a->channel_bank, b->channel_bank, sizeof a->channel_bank);
}

START_TEST(a_run_is_what_its_commands_are_one_by_one)
{
    outcome_t *stepped = calloc(1, sizeof *stepped), *ran = calloc(1, sizeof *ran);
    bench_t *one = run((uint32_t)_i, true, stepped), *two = run((uint32_t)_i, false, ran);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        const bench_request_t *a = &one->request[i], *b = &two->request[i];
        ck_assert_uint_eq(a->answered_ps, b->answered_ps);
        ck_assert_mem_eq(a->txn.stage_ps, b->txn.stage_ps, sizeof a->txn.stage_ps);
    }
    for (uint32_t i = 0; i < FLUSHES; i++) {
        ck_assert_uint_eq(stepped->flushes[i].done_ps, ran->flushes[i].done_ps);
    }
    for (uint32_t i = 0; i <= LOOKS; i++) {
        assert_same_account(stepped->looks[i].account, ran->looks[i].account);
        free(stepped->looks[i].account);
        free(ran->looks[i].account);
    }
    ck_assert_mem_eq(&stepped->stats, &ran->stats, sizeof ran->stats);
    bench_destroy(one);
    bench_destroy(two);
    free(stepped);
    free(ran);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("few");
    TCase *tcase = tcase_create("random");
    tcase_add_loop_test(tcase, a_run_is_what_its_commands_are_one_by_one, 0, FORM_COUNT);
    suite_add_tcase(suite, tcase);
    return suite;
}
