/* Many requests of several cores at once: all see one memory, whatever the caches do meanwhile. */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit_test.h"
#include "tests/unit/coherence_bench.h"
#include "tests/unit/flood.h"

static coherence_bench_t bench;

static void count(void *self)
{
    ++*(uint32_t *)self;
}

enum { FLOOD_LINES = 192, FLOOD = 40, FLOOD_REQUESTS = 60000 };

typedef struct flood {
    cbit_rng_t rng;
    bool domains;          /* any key id for any line; otherwise each line has its own */
    fake_memory_t *shadow; /* what memory would hold if there were no caches */
    uint32_t sent, answered, flushes;
    flood_slot_t slots[FLOOD];
} flood_t;

/* One request of a random kind from a random core, if the caches take it. Requests of one line are
   served in the order in which they were taken, so that the shadow of now is what a read gets. */
static void flood_start(flood_t *flood, flood_slot_t *slot)
{
    uint32_t core = (uint32_t)cbit_rng_below(&flood->rng, COHERENCE_CORES);
    uint32_t size = cbit_rng_below(&flood->rng, 6) == 0 ? 64 : 8;
    uint64_t line = cbit_rng_below(&flood->rng, FLOOD_LINES);
    cbit_spa_t spa = line * 64 + (size == 64 ? 0 : cbit_rng_below(&flood->rng, 57));
    bool write = cbit_rng_below(&flood->rng, 3) == 0;
    cbit_key_t key = (cbit_key_t)(flood->domains ? cbit_rng_below(&flood->rng, 3) : line % 3);
    cbit_port_t side = cbit_rng_below(&flood->rng, 4) == 0
                           ? cbit_cache_fetch_port(bench.cache, core)
                           : bench.port[core];
    uint8_t given[64];
    cbit_rng_bytes(&flood->rng, given, size);
    uint32_t clocks;
    uint8_t got[64];
    memcpy(got, given, size);
    if (side.quick(side.self, write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, spa, key, got, size,
                   &clocks)) {
        uint8_t want[64];
        fake_memory_get(flood->shadow, spa, key, want, size);
        if (!write) {
            ck_assert_mem_eq(got, want, size);
        } else {
            fake_memory_put(flood->shadow, spa, key, given, size);
        }
        return;
    }
    cbit_txn_init(&slot->txn, write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, spa, size, key,
                  CBIT_SOURCE_VCPU, cbit_kernel_now_ps(bench.kernel));
    memcpy(slot->txn.data, given, size);
    cbit_txn_push_reply(&slot->txn, flood_answered, slot);
    if (!side.try_send(side.self, &slot->txn, NULL)) {
        return;
    }
    slot->busy = true;
    flood->sent++;
    fake_memory_get(flood->shadow, spa, key, slot->want, size);
    if (write) {
        fake_memory_put(flood->shadow, spa, key, given, size);
    }
}

static void flood_disturb(flood_t *flood)
{
    uint64_t line = cbit_rng_below(&flood->rng, FLOOD_LINES);
    uint32_t core = (uint32_t)cbit_rng_below(&flood->rng, COHERENCE_CORES);
    switch (cbit_rng_below(&flood->rng, 120)) {
    case 0:
        cbit_cache_wbinvd(bench.cache, core, count, &flood->flushes);
        break;
    case 1:
    case 2:
        cbit_cache_clflush(bench.cache, line * 64, NULL, NULL);
        break;
    case 3: {
        uint64_t value = cbit_rng_u64(&flood->rng);
        for (int i = 0; i < FLOOD; i++) { /* what is on its way is not in order with it */
            if (flood->slots[i].busy && flood->slots[i].txn.spa / 64 == line) {
                return;
            }
        }
        if (flood->domains) {
            return; /* poke knows one key id */
        }
        fake_memory_put(flood->shadow, line * 64, (cbit_key_t)(line % 3), &value, 8);
        bench.port[0].poke(bench.port[0].self, line * 64, (cbit_key_t)(line % 3), &value, 8);
        break;
    }
    default:
        break;
    }
}

static void run_flood(uint64_t stream, bool domains)
{
    flood_t *flood = calloc(1, sizeof *flood);
    cbit_rng_init(&flood->rng, cbit_test_seed(), stream);
    flood->domains = domains;
    flood->shadow = fake_memory_create(bench.kernel, 0, 1);
    for (int i = 0; i < FLOOD; i++) {
        flood->slots[i] = (flood_slot_t){.kernel = bench.kernel, .answered = &flood->answered};
    }
    while (flood->sent < FLOOD_REQUESTS) {
        for (int i = 0; i < FLOOD; i++) {
            if (!flood->slots[i].busy && cbit_rng_below(&flood->rng, 2) == 0) {
                flood_start(flood, &flood->slots[i]);
            }
        }
        flood_disturb(flood);
        cbit_kernel_run(bench.kernel,
                        cbit_kernel_now_ps(bench.kernel) + cbit_rng_below(&flood->rng, 30000));
    }
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(flood->answered, flood->sent);
    ck_assert_uint_gt(flood->flushes, 0);
    for (uint32_t core = 0; core < COHERENCE_CORES; core++) {
        cbit_cache_wbinvd(bench.cache, core, count, &flood->flushes);
    }
    cbit_kernel_run(bench.kernel, CBIT_PS_NEVER);
    ck_assert_msg(memcmp(bench.memory->bytes, flood->shadow->bytes, FLOOD_LINES * 64) == 0,
                  "memory does not hold what was written");
    cbit_cache_stats_t stats;
    cbit_cache_stats(bench.cache, &stats);
    ck_assert_uint_gt(stats.l1_hits, 0);
    ck_assert_uint_gt(stats.l2_hits, 0);
    ck_assert_uint_gt(stats.l3_hits, 0);
    ck_assert_uint_gt(stats.transfers, 0);
    ck_assert_uint_gt(stats.transfers_remote, 0);
    ck_assert_uint_gt(stats.merges, 0);
    ck_assert_uint_gt(stats.refusals, 0);
    ck_assert_int_eq(stats.aliases_dropped != 0, domains);
    fake_memory_destroy(flood->shadow);
    free(flood);
}

START_TEST(all_cores_see_one_memory)
{
    bench = coherence_bench_create((_i & 4) != 0 ? 16 : 4, _i & 1, (_i & 2) != 0);
    run_flood((uint64_t)_i, (_i & 2) != 0);
    coherence_bench_destroy(&bench);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("coherence_flood");
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, all_cores_see_one_memory, 0, 8);
    suite_add_tcase(suite, tcase);
    return suite;
}
