/* What a controller accounts for: energy by requester, why reads waited, and who may hold what. */
#include <stdlib.h>

#include "cbit/base/rng.h"
#include "cbit/umc/account.h"
#include "umc_bench.h"

enum { TCK_PS = 625, READS = 1500 };

static void add_random(bench_t *bench, cbit_rng_t *rng)
{
    static const cbit_source_t SOURCES[] = {CBIT_SOURCE_VCPU, CBIT_SOURCE_WALK, CBIT_SOURCE_HOST,
                                            CBIT_SOURCE_DMA, CBIT_SOURCE_SP};
    cbit_ps_t at_ps = 5000 * TCK_PS;
    for (uint32_t i = 0; i < READS; i++) {
        at_ps += cbit_rng_below(rng, 40) == 0 ? cbit_rng_below(rng, 20000000)
                                              : cbit_rng_below(rng, 12000);
        bool write = cbit_rng_below(rng, 3) == 0;
        uint32_t bytes = cbit_rng_below(rng, 8) == 0 ? 8 : 64;
        cbit_spa_t spa = cbit_rng_below(rng, 4) << 17 | cbit_rng_below(rng, 40) * 64;
        bench_request_t *request =
            bench_add(bench, write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, spa, bytes,
                      (cbit_key_t)(1 + cbit_rng_below(rng, 3)), NULL, at_ps);
        request->txn.source = (uint8_t)SOURCES[cbit_rng_below(rng, 5)];
        request->txn.source_id = (uint16_t)cbit_rng_below(rng, 70);
    }
}

static void assert_steps_add_up(const cbit_umc_explained_t *read)
{
    cbit_ps_t queue_ps = 0, dram_ps = 0;
    for (uint32_t i = 0; i < read->step_count; i++) {
        ck_assert_ptr_nonnull(cbit_umc_reason_name(read->step[i].reason));
        *(read->step[i].dram ? &dram_ps : &queue_ps) += read->step[i].ps;
    }
    ck_assert_uint_eq(queue_ps, read->queue_ps);
    ck_assert_uint_eq(dram_ps, read->dram_ps);
}

static const struct form {
    uint32_t speed, policy, power_down_nck, refresh_mode;
    bool engine;
} FORMS[] = {
    {CBIT_DDR4_3200AA, 0, 0, 0, true},    {CBIT_DDR4_2933Y, 4, 0, 0, false},
    {CBIT_DDR5_4800B, 0, 300, 1, true},   {CBIT_DDR5_5600A, 3, 100, 0, true},
    {CBIT_DDR4_2133P, 5, 1000, 0, false}, {CBIT_DDR4_3200AA, 4, 0, 0, true},
    {CBIT_DDR4_3200AA, 6, 0, 0, true},
};
enum { FORM_COUNT = sizeof FORMS / sizeof FORMS[0] };

static bench_t *run_form(const struct form *form, cbit_umc_account_t *account)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), form->speed);
    bench_t *bench = bench_create();
    bench->config.dram.speed = form->speed;
    bench->config.policy = form->policy;
    bench->config.power_down_idle_nck = form->power_down_nck;
    bench->config.refresh_mode = form->refresh_mode;
    bench->config.explain = true;
    bench->config.explain_first = 100;
    bench->config.explain_count = 40;
    bench_start(bench, form->engine);
    if (form->engine) {
        bench_load_keys(bench);
    }
    add_random(bench, &rng);
    bench_run(bench);
    ck_assert(bench_all_answered(bench));
    cbit_umc_account(bench->umc, account);
    return bench;
}

START_TEST(reasons_add_up_to_queue_and_dram_stages)
{
    cbit_umc_account_t *account = calloc(1, sizeof *account);
    bench_t *bench = run_form(&FORMS[_i], account);
    cbit_ps_t queue_ps = 0, dram_ps = 0;
    for (uint32_t i = 0; i < bench->count; i++) {
        const cbit_txn_t *txn = &bench->request[i].txn;
        if (txn->command == CBIT_COMMAND_READ) {
            queue_ps += txn->stage_ps[CBIT_STAGE_QUEUE];
            dram_ps += txn->stage_ps[CBIT_STAGE_DRAM];
        }
    }
    for (uint32_t i = 0; i < account->reasons; i++) {
        queue_ps -= account->queue_ps[i];
        dram_ps -= account->dram_ps[i];
    }
    ck_assert_uint_eq(queue_ps, 0);
    ck_assert_uint_eq(dram_ps, 0);
    ck_assert_uint_eq(account->listed_count, 40);
    ck_assert_uint_eq(account->slowest_count, CBIT_UMC_SLOWEST);
    for (uint32_t i = 0; i < account->listed_count; i++) {
        ck_assert_uint_eq(account->listed[i].number, 100 + i);
        assert_steps_add_up(&account->listed[i]);
    }
    for (uint32_t i = 0; i < account->slowest_count; i++) {
        assert_steps_add_up(&account->slowest[i]);
    }
    bench_destroy(bench);
    free(account);
}
END_TEST

START_TEST(energy_has_an_owner)
{
    cbit_umc_account_t *account = calloc(1, sizeof *account);
    bench_t *bench = run_form(&FORMS[_i], account);
    cbit_umc_stats_t stats;
    cbit_umc_stats(bench->umc, &stats);
    cbit_umc_share_t sum = {0};
    for (uint32_t i = 0; i < CBIT_UMC_REQUESTERS; i++) {
        sum.activates += account->share[i].activates;
        sum.reads += account->share[i].reads;
        sum.writes += account->share[i].writes;
        sum.activate_pj += account->share[i].activate_pj;
        sum.read_pj += account->share[i].read_pj;
        sum.write_pj += account->share[i].write_pj;
    }
    ck_assert_uint_eq(sum.activates, stats.activates);
    ck_assert_uint_eq(sum.reads, stats.column_reads);
    ck_assert_uint_eq(sum.writes, stats.column_writes);
    /* Each share is rounded down to a picojoule. */
    ck_assert_uint_le(account->energy.activate_pj - sum.activate_pj, CBIT_UMC_REQUESTERS);
    ck_assert_uint_le(account->energy.read_pj - sum.read_pj, CBIT_UMC_REQUESTERS);
    ck_assert_uint_le(account->energy.write_pj - sum.write_pj, CBIT_UMC_REQUESTERS);
    ck_assert_uint_gt(account->share[CBIT_UMC_SP].reads, 0);
    ck_assert_uint_gt(account->share[CBIT_UMC_GUESTS - 1].reads, 0); /* 63 to 69 */
    ck_assert(FORMS[_i].power_down_nck == 0 || account->energy.down_closed_pj > 0);
    bench_destroy(bench);
    free(account);
}
END_TEST

START_TEST(series_are_bounded_and_hold_every_line)
{
    cbit_umc_account_t *account = calloc(1, sizeof *account);
    bench_t *bench = run_form(&FORMS[_i], account);
    cbit_umc_stats_t stats;
    cbit_umc_stats(bench->umc, &stats);
    uint64_t columns = 0, hits = 0;
    for (uint32_t i = 0; i < CBIT_UMC_POINTS; i++) {
        columns += account->point[i].columns;
        hits += account->point[i].row_hits;
        ck_assert_uint_le(account->point[i].open_banks, account->interval_nck * 32);
    }
    ck_assert_uint_eq(columns, stats.column_reads + stats.column_writes);
    ck_assert_uint_eq(hits, stats.row_hits);
    ck_assert_uint_le(account->point_count, CBIT_UMC_POINTS);
    ck_assert_uint_gt(account->point_count, CBIT_UMC_POINTS / 2);
    bench_destroy(bench);
    free(account);
}
END_TEST

START_TEST(banks_hold_every_command_of_each_interval)
{
    cbit_umc_account_t *account = calloc(1, sizeof *account);
    bench_t *bench = run_form(&FORMS[_i], account);
    cbit_umc_stats_t stats;
    cbit_umc_stats(bench->umc, &stats);
    uint64_t activates = 0;
    const uint32_t banks = account->ranks * account->groups * account->banks_per_group;
    ck_assert_uint_le(banks, CBIT_DRAM_MAX_BANKS);
    for (uint32_t i = 0; i < CBIT_UMC_POINTS; i++) {
        uint64_t columns = 0;
        for (uint32_t bank = 0; bank < CBIT_DRAM_MAX_BANKS; bank++) {
            columns += account->bank[i][bank].columns;
            activates += account->bank[i][bank].activates;
            ck_assert(bank < banks || account->bank[i][bank].columns == 0);
        }
        ck_assert_uint_eq(columns, account->point[i].columns);
    }
    ck_assert_uint_eq(activates, stats.activates);
    for (uint32_t bank = 0; bank < banks; bank++) {
        uint64_t columns = 0;
        for (uint32_t i = 0; i < CBIT_UMC_POINTS; i++) {
            columns += account->bank[i][bank].columns;
        }
        ck_assert_uint_eq(columns, account->channel_bank[0][bank].columns);
    }
    bench_destroy(bench);
    free(account);
}
END_TEST

/* ---- a noisy requester ---- */

enum { NOISY = 400, QUIET = 60, QUIET_GAP = 300 };

typedef struct sender {
    bench_t *bench;
    cbit_waiter_t waiter;
    cbit_event_t due;
    uint32_t count, next, done, most_outstanding;
    cbit_ps_t gap_ps, latency_max_ps, least_gap_ps, last_ps;
    cbit_txn_t txn[NOISY];
} sender_t;

static void on_reply(void *self, cbit_txn_t *txn)
{
    sender_t *s = self;
    cbit_ps_t took_ps = cbit_kernel_now_ps(s->bench->kernel) - txn->born_ps;
    s->latency_max_ps = took_ps > s->latency_max_ps ? took_ps : s->latency_max_ps;
    s->done++;
}

static void send_more(void *self)
{
    sender_t *s = self;
    cbit_ps_t now_ps = cbit_kernel_now_ps(s->bench->kernel);
    while (s->next < s->count && s->txn[s->next].born_ps <= now_ps &&
           s->bench->port.try_send(s->bench->port.self, &s->txn[s->next], &s->waiter)) {
        cbit_ps_t since_ps = now_ps - s->last_ps;
        s->least_gap_ps = s->next > 0 && since_ps < s->least_gap_ps ? since_ps : s->least_gap_ps;
        s->last_ps = now_ps;
        s->next++;
        uint32_t outstanding = s->next - s->done;
        s->most_outstanding = outstanding > s->most_outstanding ? outstanding : s->most_outstanding;
    }
    if (s->next < s->count && s->txn[s->next].born_ps > now_ps) {
        cbit_event_notify_at(s->bench->kernel, &s->due, s->txn[s->next].born_ps);
    }
}

/* Reads that each open a row of `bank`, from one guest. */
static sender_t *sender(bench_t *bench, uint16_t guest, uint32_t count, uint64_t bank,
                        cbit_ps_t gap_ps)
{
    sender_t *s = calloc(1, sizeof *s);
    s->bench = bench;
    s->count = count;
    s->least_gap_ps = UINT64_MAX;
    s->waiter = (cbit_waiter_t){.on_space = send_more, .self = s};
    cbit_event_init(&s->due, send_more, s);
    for (uint32_t i = 0; i < count; i++) {
        cbit_txn_init(&s->txn[i], CBIT_COMMAND_READ, (uint64_t)i << 17 | bank << 13, 64,
                      CBIT_KEY_PLAIN, CBIT_SOURCE_VCPU, 1000 * TCK_PS + i * gap_ps);
        s->txn[i].source_id = guest;
        cbit_txn_push_reply(&s->txn[i], on_reply, s);
    }
    cbit_event_notify_at(bench->kernel, &s->due, s->txn[0].born_ps);
    return s;
}

/* Both use one bank: what the noisy one has queued, the quiet one must wait for. */
static void run_noise(uint32_t entries, uint32_t gap_nck, sender_t **noisy, sender_t **quiet)
{
    bench_t *bench = bench_create();
    bench->config.requester_entries = entries;
    bench->config.requester_gap_nck = gap_nck;
    bench_start(bench, false);
    *noisy = sender(bench, 0, NOISY, 5, 0);
    *quiet = sender(bench, 1, QUIET, 5, QUIET_GAP * TCK_PS);
    (void)cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq((*noisy)->done, NOISY);
    ck_assert_uint_eq((*quiet)->done, QUIET);
    bench_destroy(bench);
}

START_TEST(a_noisy_requester_is_bounded)
{
    enum { TRC = 74, UNLOADED = 71, REFRESH = 560 + 100 };
    sender_t *noisy, *quiet;
    run_noise(0, 0, &noisy, &quiet);
    ck_assert_uint_ge(noisy->most_outstanding, 32); /* it fills the queue */
    ck_assert_uint_gt(quiet->latency_max_ps, 32 * TRC * TCK_PS);
    free(noisy);
    free(quiet);
    for (uint32_t entries = 1; entries <= 8; entries *= 2) {
        run_noise(entries, 0, &noisy, &quiet);
        /* One more may be on its way with its data. */
        ck_assert_uint_le(noisy->most_outstanding, entries + 1);
        ck_assert_uint_le(quiet->latency_max_ps,
                          ((uint64_t)(entries + 2) * TRC + UNLOADED + REFRESH) * TCK_PS);
        free(noisy);
        free(quiet);
    }
}
END_TEST

START_TEST(a_requester_keeps_its_rate)
{
    sender_t *noisy, *quiet;
    run_noise(0, 200, &noisy, &quiet);
    ck_assert_uint_eq(noisy->least_gap_ps, 200 * TCK_PS);
    free(noisy);
    free(quiet);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("account");
    TCase *sums = tcase_create("sums");
    tcase_add_loop_test(sums, reasons_add_up_to_queue_and_dram_stages, 0, FORM_COUNT);
    tcase_add_loop_test(sums, energy_has_an_owner, 0, FORM_COUNT);
    tcase_add_loop_test(sums, series_are_bounded_and_hold_every_line, 0, FORM_COUNT);
    tcase_add_loop_test(sums, banks_hold_every_command_of_each_interval, 0, FORM_COUNT);
    suite_add_tcase(suite, sums);
    TCase *limits = tcase_create("limits");
    tcase_add_test(limits, a_noisy_requester_is_bounded);
    tcase_add_test(limits, a_requester_keeps_its_rate);
    suite_add_tcase(suite, limits);
    return suite;
}
