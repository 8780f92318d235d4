/* The controller's rules: what each stage costs, and that keys keep their bytes apart. */
#include <stdlib.h>

#include "cbit/base/rng.h"
#include "umc_bench.h"

enum { TCK_PS = 625 };
#define ROW_BYTES (UINT64_C(1) << 17) /* ro-ra-ba-bg-co: next row of the same bank */

static void fill(uint8_t line[CBIT_LINE_BYTES], uint8_t first)
{
    for (uint32_t i = 0; i < CBIT_LINE_BYTES; i++) {
        line[i] = (uint8_t)(first + i);
    }
}

static cbit_ps_t latency_ps(const bench_request_t *request)
{
    return request->answered_ps - request->sent_ps;
}

START_TEST(unloaded_reads_cost_hit_closed_and_conflict)
{
    bench_t *bench = bench_create();
    bench_start(bench, false);
    bench_request_t *closed =
        bench_add(bench, CBIT_COMMAND_READ, 0, 64, CBIT_KEY_PLAIN, NULL, 100 * TCK_PS);
    bench_request_t *hit =
        bench_add(bench, CBIT_COMMAND_READ, 64, 64, CBIT_KEY_PLAIN, NULL, 300 * TCK_PS);
    bench_request_t *conflict =
        bench_add(bench, CBIT_COMMAND_READ, ROW_BYTES, 64, CBIT_KEY_PLAIN, NULL, 500 * TCK_PS);
    bench_run(bench);
    /* 1 + tRCD 22 + CL 22 + burst 4 = 49 clocks; 1 + 22 + 4 = 27; 1 + tRP 22 + 22 + 22 + 4 = 71 */
    ck_assert_uint_eq(latency_ps(closed), 49 * TCK_PS);
    ck_assert_uint_eq(latency_ps(hit), 27 * TCK_PS);
    ck_assert_uint_eq(latency_ps(conflict), 71 * TCK_PS);
    /* One clock of scheduling, then the devices: 48, 26 and 70 clocks from first command on. */
    ck_assert_uint_eq(closed->txn.stage_ps[CBIT_STAGE_QUEUE], TCK_PS);
    ck_assert_uint_eq(closed->txn.stage_ps[CBIT_STAGE_DRAM], 48 * TCK_PS);
    ck_assert_uint_eq(hit->txn.stage_ps[CBIT_STAGE_DRAM], 26 * TCK_PS);
    ck_assert_uint_eq(conflict->txn.stage_ps[CBIT_STAGE_DRAM], 70 * TCK_PS);
    bench_destroy(bench);
}
END_TEST

START_TEST(reads_pay_the_decrypt_pipeline)
{
    bench_t *bench = bench_create();
    bench_start(bench, true);
    bench_load_keys(bench);
    bench_request_t *secret = bench_add(bench, CBIT_COMMAND_READ, 0, 64, 1, NULL, 1000 * TCK_PS);
    bench_request_t *plain =
        bench_add(bench, CBIT_COMMAND_READ, 64, 64, CBIT_KEY_PLAIN, NULL, 2000 * TCK_PS);
    bench_run(bench);
    /* Depth 11 engine clocks of 625 ps; a plain beat leaves after one. */
    ck_assert_uint_eq(secret->txn.stage_ps[CBIT_STAGE_AES], 6875);
    ck_assert_uint_eq(plain->txn.stage_ps[CBIT_STAGE_AES], 625);
    ck_assert_uint_eq(cbit_txn_charged_ps(&secret->txn), latency_ps(secret));
    ck_assert_uint_eq(cbit_txn_charged_ps(&plain->txn), latency_ps(plain));
    bench_destroy(bench);
}
END_TEST

/* With transparent SME a PLAIN write is ciphertext under the host's key (slot 0 here), which
   OpenSSL's cipher makes without the controller; RAW sees that, PLAIN and HOST the plaintext. */
START_TEST(transparent_sme_leaves_nothing_plain)
{
    uint8_t wrote[CBIT_LINE_BYTES], expected[CBIT_LINE_BYTES], seen[CBIT_LINE_BYTES];
    fill(wrote, 7);
    bench_t *bench = bench_create();
    bench->tsme = true;
    bench_start(bench, true);
    bench_load_keys(bench);
    (void)bench_add(bench, CBIT_COMMAND_WRITE, 0x1000, 64, CBIT_KEY_PLAIN, wrote, 1000 * TCK_PS);
    bench_request_t *read =
        bench_add(bench, CBIT_COMMAND_READ, 0x1000, 64, CBIT_KEY_PLAIN, NULL, 9000 * TCK_PS);
    bench_request_t *other =
        bench_add(bench, CBIT_COMMAND_READ, 0x1000, 64, 1, NULL, 19000 * TCK_PS);
    bench_run(bench);
    ck_assert_int_eq(cbit_cipher_encrypt(bench->cipher, 0, 0x1000, wrote, expected, sizeof wrote),
                     CBIT_ERR_OK);
    ck_assert_int_eq(cbit_store_read(bench->store, 0x1000, seen, sizeof seen), CBIT_ERR_OK);
    ck_assert_mem_eq(seen, expected, sizeof seen);
    ck_assert_mem_eq(read->txn.data, wrote, sizeof wrote);
    ck_assert_uint_eq(read->txn.stage_ps[CBIT_STAGE_AES], 6875);
    ck_assert_mem_ne(other->txn.data, wrote, sizeof wrote);
    static const cbit_key_t KEYS[] = {CBIT_KEY_PLAIN, CBIT_KEY_HOST, CBIT_KEY_RAW};
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(bench->port.peek(bench->port.self, 0x1000, KEYS[i], seen, sizeof seen),
                         CBIT_ERR_OK);
        ck_assert_mem_eq(seen, KEYS[i] == CBIT_KEY_RAW ? expected : wrote, sizeof seen);
    }
    fill(wrote, 99);
    ck_assert_int_eq(bench->port.poke(bench->port.self, 0x2000, CBIT_KEY_RAW, wrote, sizeof wrote),
                     CBIT_ERR_OK);
    ck_assert_int_eq(cbit_store_read(bench->store, 0x2000, seen, sizeof seen), CBIT_ERR_OK);
    ck_assert_mem_eq(seen, wrote, sizeof seen);
    bench_destroy(bench);
}
END_TEST

/* RD at 0, the first block at the engine CL 22 + 1 clocks later: a lookup of 23 clocks hides, one
   of 30 adds 7, whatever comes first in the lane; PLAIN looks nothing up. */
START_TEST(a_read_pays_what_of_the_key_lookup_dram_does_not_hide)
{
    static const uint32_t LOOKUP_ECLK[] = {0, 22, 23, 24, 30, 100};
    static const uint32_t ADDED_ECLK[] = {0, 0, 0, 1, 7, 77};
    bench_t *bench = bench_create();
    bench->config.key_lookup_eclk = LOOKUP_ECLK[_i];
    bench_start(bench, true);
    bench_load_keys(bench);
    bench_request_t *first = bench_add(bench, CBIT_COMMAND_READ, 0, 64, 1, NULL, 1000 * TCK_PS);
    bench_request_t *conflict =
        bench_add(bench, CBIT_COMMAND_READ, ROW_BYTES, 64, 2, NULL, 2000 * TCK_PS);
    bench_request_t *plain =
        bench_add(bench, CBIT_COMMAND_READ, 64, 64, CBIT_KEY_PLAIN, NULL, 3000 * TCK_PS);
    bench_run(bench);
    ck_assert_uint_eq(first->txn.stage_ps[CBIT_STAGE_AES], (11 + ADDED_ECLK[_i]) * TCK_PS);
    ck_assert_uint_eq(conflict->txn.stage_ps[CBIT_STAGE_AES], (11 + ADDED_ECLK[_i]) * TCK_PS);
    ck_assert_uint_eq(plain->txn.stage_ps[CBIT_STAGE_AES], TCK_PS);
    ck_assert_uint_eq(cbit_txn_charged_ps(&first->txn), latency_ps(first));
    bench_destroy(bench);
}
END_TEST

/* Lookups are made one after the other without gaps: 40 row hits still take 4 clocks each. */
START_TEST(key_lookups_are_pipelined)
{
    enum { LINES = 40, LOOKUP_ECLK = 50 };
    bench_request_t *read[LINES];
    cbit_ps_t took_ps[2];
    for (uint32_t with = 0; with < 2; with++) {
        bench_t *bench = bench_create();
        (void)strcpy(bench->config.mapping, "ro-ra-ba-co-bg");
        bench->config.key_lookup_eclk = with * LOOKUP_ECLK;
        bench_start(bench, true);
        bench_load_keys(bench);
        for (uint32_t i = 0; i < LINES; i++) {
            read[i] = bench_add(bench, CBIT_COMMAND_READ, 64 * i, 64, 1, NULL, 1000 * TCK_PS);
        }
        bench_run(bench);
        took_ps[with] = read[LINES - 1]->answered_ps - read[0]->answered_ps;
        ck_assert(bench_all_answered(bench));
        bench_destroy(bench);
    }
    ck_assert_uint_eq(took_ps[0], took_ps[1]);
}
END_TEST

START_TEST(ddr5_beats_take_two_clocks_and_the_engine_adds_its_depth)
{
    bench_t *bench = bench_create();
    bench->config.dram.speed = CBIT_DDR5_4800B;
    bench->config.dram.density_gbit = 16;
    bench_start(bench, true);
    bench_load_keys(bench);
    bench_request_t *read = bench_add(bench, CBIT_COMMAND_READ, 0, 64, 1, NULL, 1250 * 1000);
    bench_run(bench);
    /* 1250 ns is edge 3000. 1 + 39 + 40 + 8 = 88 clocks of 1250/3 ps = 36666.67; + 11 clocks. */
    ck_assert_uint_eq(read->txn.stage_ps[CBIT_STAGE_QUEUE], 416);
    ck_assert_uint_eq(read->txn.stage_ps[CBIT_STAGE_QUEUE] + read->txn.stage_ps[CBIT_STAGE_DRAM],
                      36666);
    ck_assert_uint_eq(latency_ps(read), 41250);
    bench_destroy(bench);
}
END_TEST

START_TEST(queued_writes_are_forwarded_to_their_own_key_only)
{
    bench_t *bench = bench_create();
    bench_start(bench, true);
    bench_load_keys(bench);
    uint8_t text[CBIT_LINE_BYTES];
    fill(text, 7);
    cbit_ps_t at_ps = 1000 * TCK_PS;
    (void)bench_add(bench, CBIT_COMMAND_WRITE, 4096, 64, 1, text, at_ps);
    bench_request_t *own = bench_add(bench, CBIT_COMMAND_READ, 4096, 64, 1, NULL, at_ps);
    bench_request_t *host =
        bench_add(bench, CBIT_COMMAND_READ, 4096, 64, CBIT_KEY_HOST, NULL, at_ps);
    bench_request_t *plain =
        bench_add(bench, CBIT_COMMAND_READ, 4096, 64, CBIT_KEY_PLAIN, NULL, at_ps);
    bench_run(bench);
    ck_assert(bench_all_answered(bench));
    ck_assert_mem_eq(own->txn.data, text, 64);
    /* Accepted in clock 1001, served in 1002: two clocks after it was sent. */
    ck_assert_uint_eq(latency_ps(own), 2 * TCK_PS);
    ck_assert_mem_ne(host->txn.data, text, 16);
    ck_assert_mem_ne(plain->txn.data, text, 16);
    /* The pins' view is the ciphertext that the plain reader got. */
    uint8_t pins[CBIT_LINE_BYTES];
    ck_assert_int_eq(cbit_store_read(bench->store, 4096, pins, 64), CBIT_ERR_OK);
    ck_assert_mem_eq(plain->txn.data, pins, 64);
    cbit_umc_stats_t stats;
    cbit_umc_stats(bench->umc, &stats);
    ck_assert_uint_eq(stats.forwarded, 1);
    bench_destroy(bench);
}
END_TEST

START_TEST(partial_writes_keep_the_rest_of_the_line)
{
    bench_t *bench = bench_create();
    bench_start(bench, true);
    bench_load_keys(bench);
    uint8_t text[CBIT_LINE_BYTES], word[8];
    fill(text, 1);
    memset(word, 0xee, sizeof word);
    (void)bench_add(bench, CBIT_COMMAND_WRITE, 8192, 64, 2, text, 1000 * TCK_PS);
    (void)bench_add(bench, CBIT_COMMAND_WRITE, 8192 + 24, 8, 2, word, 2000 * TCK_PS);
    bench_request_t *back = bench_add(bench, CBIT_COMMAND_READ, 8192, 64, 2, NULL, 3000 * TCK_PS);
    bench_run(bench);
    memset(text + 24, 0xee, 8);
    ck_assert_mem_eq(back->txn.data, text, 64);
    cbit_umc_stats_t stats;
    cbit_umc_stats(bench->umc, &stats);
    ck_assert_uint_eq(stats.partial_writes, 1);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_slot_without_a_key_answers_with_an_error_and_zeros)
{
    bench_t *bench = bench_create();
    bench_start(bench, true);
    bench_load_keys(bench);
    uint8_t text[CBIT_LINE_BYTES];
    fill(text, 1);
    bench_request_t *write = bench_add(bench, CBIT_COMMAND_WRITE, 0, 64, 9, text, 1000 * TCK_PS);
    bench_request_t *read = bench_add(bench, CBIT_COMMAND_READ, 0, 64, 9, NULL, 2000 * TCK_PS);
    bench_request_t *beyond =
        bench_add(bench, CBIT_COMMAND_READ, UINT64_C(8) << 30, 64, 1, NULL, 3000 * TCK_PS);
    bench_run(bench);
    static const uint8_t zeros[CBIT_LINE_BYTES];
    ck_assert_int_eq(write->txn.status, CBIT_ERR_KEY_NOT_LOADED);
    ck_assert_int_eq(read->txn.status, CBIT_ERR_KEY_NOT_LOADED);
    ck_assert_mem_eq(read->txn.data, zeros, 64);
    ck_assert_int_eq(beyond->txn.status, CBIT_ERR_ADDRESS);
    ck_assert_uint_eq(cbit_txn_charged_ps(&beyond->txn), latency_ps(beyond));
    bench_destroy(bench);
}
END_TEST

typedef struct moment {
    bench_t *bench;
    cbit_event_t event;
    cbit_ps_t done_ps;
    uint32_t done;
    const uint8_t *key;
} moment_t;

static void note_done(void *self)
{
    moment_t *moment = self;
    moment->done++;
    moment->done_ps = cbit_kernel_now_ps(moment->bench->kernel);
}

static void change_key(void *self)
{
    moment_t *moment = self;
    cbit_umc_write_key(moment->bench->umc, 1, moment->key, note_done, moment);
}

START_TEST(a_key_write_waits_for_queued_writes_of_its_slot)
{
    bench_t *bench = bench_create();
    bench_start(bench, true);
    bench_load_keys(bench);
    uint8_t text[CBIT_LINE_BYTES], new_key[CBIT_KEY_BYTES] = {9};
    fill(text, 3);
    for (uint32_t i = 0; i < 20; i++) {
        (void)bench_add(bench, CBIT_COMMAND_WRITE, ROW_BYTES * i, 64, 1, text, 1000 * TCK_PS);
    }
    moment_t moment = {.bench = bench, .key = new_key};
    cbit_event_init(&moment.event, change_key, &moment);
    cbit_event_notify_at(bench->kernel, &moment.event, 1001 * TCK_PS);
    bench_request_t *late = bench_add(bench, CBIT_COMMAND_WRITE, 64, 64, 1, text, 1002 * TCK_PS);
    bench_run(bench);
    ck_assert_uint_eq(moment.done, 1);
    /* A write under the new key is not taken before the change is through. */
    ck_assert_uint_ge(late->answered_ps, moment.done_ps);
    /* All twenty carry the old key: reload it and they decrypt. */
    uint8_t old_key[CBIT_KEY_BYTES], line[CBIT_LINE_BYTES];
    memset(old_key, 0x51, sizeof old_key);
    cbit_umc_write_key(bench->umc, 1, old_key, note_done, &moment);
    bench_run(bench);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert_int_eq(bench->port.peek(bench->port.self, ROW_BYTES * i, 1, line, 64),
                         CBIT_ERR_OK);
        ck_assert_mem_eq(line, text, 64);
    }
    ck_assert_int_eq(bench->port.peek(bench->port.self, 64, 1, line, 64), CBIT_ERR_OK);
    ck_assert_mem_ne(line, text, 16);
    bench_destroy(bench);
}
END_TEST

static void start_flush(void *self)
{
    moment_t *moment = self;
    cbit_umc_flush(moment->bench->umc, note_done, moment);
}

START_TEST(a_flush_ends_when_every_queued_write_is_in_the_dram)
{
    bench_t *bench = bench_create();
    bench_start(bench, true);
    bench_load_keys(bench);
    uint8_t text[CBIT_LINE_BYTES], pins[CBIT_LINE_BYTES];
    fill(text, 3);
    for (uint32_t i = 0; i < 10; i++) {
        (void)bench_add(bench, CBIT_COMMAND_WRITE, 64 * i, 64, CBIT_KEY_PLAIN, text, 1000 * TCK_PS);
    }
    moment_t moment = {.bench = bench};
    cbit_event_init(&moment.event, start_flush, &moment);
    cbit_event_notify_at(bench->kernel, &moment.event, 1020 * TCK_PS);
    while (moment.done == 0) {
        cbit_kernel_run(bench->kernel, cbit_kernel_next_ps(bench->kernel));
    }
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert_int_eq(cbit_store_read(bench->store, 64 * i, pins, 64), CBIT_ERR_OK);
        ck_assert_mem_eq(pins, text, 64);
    }
    bench_destroy(bench);
}
END_TEST

/* The engine's forms that random traffic is put through. */
static const struct form {
    bool engine;
    uint32_t depth_eclk, blocks_per_clock, divider;
    bool shared_lane;
} FORMS[] = {
    {false, 11, 1, 1, false}, {true, 11, 1, 1, false}, {true, 40, 1, 1, false},
    {true, 11, 1, 2, false},  {true, 11, 2, 2, false}, {true, 11, 1, 1, true},
    {true, 64, 4, 1, true},
};
enum { LINES = 24, STEPS = 3000, FORM_COUNT = sizeof FORMS / sizeof FORMS[0] };

/* What each key id should see in each line, kept by doing the same with peek-like arithmetic. */
typedef struct shadow {
    uint8_t line[LINES][CBIT_LINE_BYTES];
    cbit_key_t key[LINES]; /* who wrote it last as a whole */
} shadow_t;

static cbit_spa_t line_spa(uint32_t line)
{
    /* Few banks, several rows: conflicts, hits and drains all happen. */
    return (uint64_t)(line % 4) * 64 + (uint64_t)(line / 4 % 3) * ROW_BYTES + line / 12 * 8192;
}

START_TEST(random_traffic_returns_what_was_written_under_each_key)
{
    const struct form *form = &FORMS[_i];
    bench_t *bench = bench_create();
    bench->engine_config.depth_eclk = form->depth_eclk;
    bench->engine_config.blocks_per_clock = form->blocks_per_clock;
    bench->engine_config.shared_lane = form->shared_lane;
    bench->config.engine_clock_divider = form->divider;
    bench_start(bench, form->engine);
    if (form->engine) {
        bench_load_keys(bench);
    }
    shadow_t *shadow = calloc(1, sizeof *shadow);
    uint8_t(*expected)[CBIT_LINE_BYTES] = calloc(BENCH_REQUESTS, sizeof *expected);
    bool *checked = calloc(BENCH_REQUESTS, sizeof *checked);
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), (uint64_t)_i);
    /* Every line is first written by key 1. */
    for (uint32_t i = 0; i < LINES; i++) {
        shadow->key[i] = 1;
        (void)bench_add(bench, CBIT_COMMAND_WRITE, line_spa(i), 64, 1, shadow->line[i],
                        (1000 + i) * TCK_PS);
    }
    cbit_ps_t at_ps = 2000 * TCK_PS;
    for (uint32_t i = 0; i < STEPS; i++) {
        uint32_t line = (uint32_t)cbit_rng_below(&rng, LINES);
        uint64_t action = cbit_rng_below(&rng, 10);
        uint8_t bytes[CBIT_LINE_BYTES];
        cbit_rng_bytes(&rng, bytes, sizeof bytes);
        /* Mostly dense, sometimes a pause in which queues run dry; never two at one instant. */
        at_ps += TCK_PS * (1 + cbit_rng_below(&rng, 100) / 97 * cbit_rng_below(&rng, 900));
        if (action < 3) {
            cbit_key_t key = cbit_rng_below(&rng, 4) == 0 ? CBIT_KEY_PLAIN
                                                          : 1 + (cbit_key_t)cbit_rng_below(&rng, 2);
            shadow->key[line] = key;
            memcpy(shadow->line[line], bytes, 64);
            (void)bench_add(bench, CBIT_COMMAND_WRITE, line_spa(line), 64, key, bytes, at_ps);
        } else if (action < 5) {
            uint32_t size = 1u << cbit_rng_below(&rng, 6);
            uint32_t at = (uint32_t)cbit_rng_below(&rng, 64 / size) * size;
            memcpy(shadow->line[line] + at, bytes, size);
            (void)bench_add(bench, CBIT_COMMAND_WRITE, line_spa(line) + at, size, shadow->key[line],
                            bytes, at_ps);
        } else {
            bool own = action < 9;
            bench_request_t *read = bench_add(bench, CBIT_COMMAND_READ, line_spa(line), 64,
                                              own ? shadow->key[line] : CBIT_KEY_HOST, NULL, at_ps);
            memcpy(expected[read - bench->request], shadow->line[line], 64);
            checked[read - bench->request] = own;
        }
    }
    bench_run(bench);
    ck_assert(bench_all_answered(bench));
    for (uint32_t i = 0; i < bench->count; i++) {
        const bench_request_t *request = &bench->request[i];
        ck_assert_uint_eq(cbit_txn_charged_ps(&request->txn), latency_ps(request));
        if (checked[i]) {
            ck_assert_msg(memcmp(request->txn.data, expected[i], 64) == 0,
                          "request %u returned other bytes", i);
        } else if (request->txn.command == CBIT_COMMAND_READ && form->engine) {
            ck_assert_mem_ne(request->txn.data, expected[i], 16);
        }
    }
    for (uint32_t i = 0; i < LINES; i++) {
        uint8_t line[CBIT_LINE_BYTES];
        ck_assert_int_eq(bench->port.peek(bench->port.self, line_spa(i), shadow->key[i], line, 64),
                         CBIT_ERR_OK);
        ck_assert_mem_eq(line, shadow->line[i], 64);
    }
    free(checked);
    free(expected);
    free(shadow);
    bench_destroy(bench);
}
END_TEST

START_TEST(poked_bytes_replace_what_is_queued)
{
    bench_t *bench = bench_create();
    bench_start(bench, true);
    bench_load_keys(bench);
    uint8_t text[CBIT_LINE_BYTES], other[CBIT_LINE_BYTES], line[CBIT_LINE_BYTES];
    fill(text, 3);
    fill(other, 90);
    /* At each moment of a write's life: queued, in the engine, in the DRAM. */
    for (uint32_t clock = 0; clock < 80; clock++) {
        cbit_spa_t spa = 64 * clock;
        cbit_ps_t at_ps = cbit_kernel_now_ps(bench->kernel) + 1000 * TCK_PS;
        (void)bench_add(bench, CBIT_COMMAND_WRITE, spa, 64, 1, text, at_ps);
        cbit_kernel_run(bench->kernel, at_ps + clock * TCK_PS);
        ck_assert_int_eq(bench->port.peek(bench->port.self, spa, 1, line, 64), CBIT_ERR_OK);
        ck_assert_mem_eq(line, text, 64);
        ck_assert_int_eq(bench->port.poke(bench->port.self, spa + 8, 2, other, 16), CBIT_ERR_OK);
        bench_run(bench);
        ck_assert_int_eq(bench->port.peek(bench->port.self, spa + 8, 2, line, 16), CBIT_ERR_OK);
        ck_assert_mem_eq(line, other, 16);
    }
    bench_destroy(bench);
}
END_TEST

START_TEST(an_idle_channel_refreshes_by_arithmetic)
{
    bench_t *bench = bench_create();
    bench_start(bench, false);
    /* Due every 12480 clocks, 560 long: a read in the middle of the 1000th waits for its end. */
    bench_request_t *read = bench_add(bench, CBIT_COMMAND_READ, 0, 64, CBIT_KEY_PLAIN, NULL,
                                      (1000ull * 12480 + 100) * TCK_PS);
    uint64_t events = cbit_kernel_run(bench->kernel, CBIT_PS_NEVER);
    /* 560 - 100 clocks to the end of REF, then 48 from ACT to the last beat. */
    ck_assert_uint_eq(latency_ps(read), (460 + 48) * TCK_PS);
    ck_assert_uint_lt(events, 10);
    cbit_umc_stats_t stats;
    cbit_umc_stats(bench->umc, &stats);
    ck_assert_uint_eq(stats.refreshes, 1000);
    bench_destroy(bench);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("umc");
    TCase *timing = tcase_create("timing");
    tcase_add_test(timing, unloaded_reads_cost_hit_closed_and_conflict);
    tcase_add_test(timing, reads_pay_the_decrypt_pipeline);
    tcase_add_test(timing, transparent_sme_leaves_nothing_plain);
    tcase_add_loop_test(timing, a_read_pays_what_of_the_key_lookup_dram_does_not_hide, 0, 6);
    tcase_add_test(timing, key_lookups_are_pipelined);
    tcase_add_test(timing, ddr5_beats_take_two_clocks_and_the_engine_adds_its_depth);
    tcase_add_test(timing, an_idle_channel_refreshes_by_arithmetic);
    suite_add_tcase(suite, timing);
    TCase *keys = tcase_create("keys");
    tcase_add_test(keys, queued_writes_are_forwarded_to_their_own_key_only);
    tcase_add_test(keys, partial_writes_keep_the_rest_of_the_line);
    tcase_add_test(keys, a_slot_without_a_key_answers_with_an_error_and_zeros);
    tcase_add_test(keys, a_key_write_waits_for_queued_writes_of_its_slot);
    tcase_add_test(keys, a_flush_ends_when_every_queued_write_is_in_the_dram);
    tcase_add_test(keys, poked_bytes_replace_what_is_queued);
    suite_add_tcase(suite, keys);
    TCase *random = tcase_create("random");
    tcase_set_timeout(random, 60);
    tcase_add_loop_test(random, random_traffic_returns_what_was_written_under_each_key, 0,
                        FORM_COUNT);
    suite_add_tcase(suite, random);
    return suite;
}
