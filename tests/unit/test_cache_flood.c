/* Many requests at once, through a memory that refuses: all answered once, all bytes as a plain
   array of (address, key id) has them, all stages exact. */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit_test.h"
#include "tests/unit/cache_bench.h"
#include "tests/unit/flood.h"

static bench_t bench;

static void setup(void)
{
    bench = bench_create(3, 2);
}

static void teardown(void)
{
    bench_destroy(&bench);
}

static void count(void *self)
{
    ++*(uint32_t *)self;
}

enum { FLOOD_LINES = 256, FLOOD_KEYS = 3, FLOOD = 24, FLOOD_REQUESTS = 40000 };

typedef struct flood {
    cbit_rng_t rng;
    uint8_t shadow[FLOOD_KEYS][FLOOD_LINES * 64];
    uint32_t sent, answered, flushes;
    flood_slot_t slots[FLOOD];
} flood_t;

/* Starts a request of a random kind, if the cache takes it. Reads expect the bytes of now:
   requests of one line are served in the order in which they were taken. */
static void flood_start(flood_t *flood, flood_slot_t *slot)
{
    cbit_key_t key = (cbit_key_t)cbit_rng_below(&flood->rng, FLOOD_KEYS);
    uint32_t size = cbit_rng_below(&flood->rng, 4) == 0 ? 64 : 8;
    cbit_spa_t spa =
        (cbit_rng_below(&flood->rng, FLOOD_LINES / FLOOD_KEYS) * FLOOD_KEYS + key) * 64;
    spa += size == 64 ? 0 : cbit_rng_below(&flood->rng, 57);
    bool write = cbit_rng_below(&flood->rng, 2) == 0;
    cbit_txn_init(&slot->txn, write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, spa, size, key,
                  CBIT_SOURCE_VCPU, cbit_kernel_now_ps(bench.kernel));
    cbit_txn_push_reply(&slot->txn, flood_answered, slot);
    cbit_rng_bytes(&flood->rng, slot->txn.data, size);
    uint8_t given[64];
    memcpy(given, slot->txn.data, size);
    if (!bench.port.try_send(bench.port.self, &slot->txn, NULL)) {
        return;
    }
    slot->busy = true;
    flood->sent++;
    memcpy(slot->want, &flood->shadow[key][spa], size);
    if (write) {
        memcpy(&flood->shadow[key][spa], given, size);
    }
}

START_TEST(random_floods_lose_nothing)
{
    flood_t *flood = calloc(1, sizeof *flood);
    cbit_rng_init(&flood->rng, cbit_test_seed(), 1);
    /* Each key id has its own lines: in memory, two of one line would overwrite each other. */
    for (int key = 0; key < FLOOD_KEYS; key++) {
        fake_memory_get(bench.memory, 0, (cbit_key_t)key, flood->shadow[key], FLOOD_LINES * 64);
    }
    for (int i = 0; i < FLOOD; i++) {
        flood->slots[i] = (flood_slot_t){.kernel = bench.kernel, .answered = &flood->answered};
    }
    while (flood->sent < FLOOD_REQUESTS) {
        for (int i = 0; i < FLOOD; i++) {
            if (!flood->slots[i].busy && cbit_rng_below(&flood->rng, 2) == 0) {
                flood_start(flood, &flood->slots[i]);
            }
        }
        if (cbit_rng_below(&flood->rng, 200) == 0) {
            cbit_cache_wbinvd(bench.cache, 0, count, &flood->flushes);
        }
        if (cbit_rng_below(&flood->rng, 50) == 0) {
            cbit_cache_clflush(bench.cache, cbit_rng_below(&flood->rng, FLOOD_LINES) * 64, NULL,
                               NULL);
        }
        cbit_kernel_run(bench.kernel,
                        cbit_kernel_now_ps(bench.kernel) + cbit_rng_below(&flood->rng, 20000));
    }
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(flood->answered, flood->sent);
    ck_assert_uint_eq(bench.memory->stage_errors, 0);
    ck_assert_uint_gt(bench.memory->refusals, 100);
    ck_assert_uint_gt(flood->flushes, 0);
    free(flood);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("flood");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, random_floods_lose_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
