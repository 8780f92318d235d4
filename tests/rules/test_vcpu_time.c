/* When things happen on a core, to the picosecond: 1 GHz, memory 50 ns, cache hits 3 clocks,
   VMRUN 100 clocks, #VMEXIT 200. */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit_test.h"
#include "model/vcpu/core.h"
#include "tests/support/small_guest.h"

static small_guest_t *guest;

static void setup(void)
{
    guest = small_guest_create(16);
}

static void teardown(void)
{
    small_guest_destroy(guest);
}

/* Ends the run that brings VMCB, tables and the given page into cache and TLB. */
static void warm(uint64_t gva)
{
    small_guest_add(guest, CBIT_OP_LOAD, gva, 8);
    small_guest_add(guest, CBIT_OP_HYPERCALL, 0, 0);
    small_guest_run(guest);
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_VMMCALL);
}

/* From VMRUN to on_exit. */
static cbit_ps_t run_ps(void)
{
    cbit_ps_t begun_ps = cbit_kernel_now_ps(guest->kernel);
    small_guest_run(guest);
    return guest->exit.at_ps - begun_ps;
}

START_TEST(entry_and_exit_cost_their_clocks_and_their_lines)
{
    warm(0x2000);
    small_guest_add(guest, CBIT_OP_HYPERCALL, 0, 0);
    /* 10 VMCB lines x 3 + 100, then 200 + 10 writes x 3: all in the cache. */
    ck_assert_uint_eq(run_ps(), (30 + 100 + 200 + 30) * 1000);
}
END_TEST

START_TEST(think_time_is_exact)
{
    warm(0x2000);
    small_guest_add(guest, CBIT_OP_THINK, 0, 0)->cclk = 1;
    small_guest_add(guest, CBIT_OP_THINK, 0, 0)->cclk = 1234;
    small_guest_add(guest, CBIT_OP_HYPERCALL, 0, 0);
    ck_assert_uint_eq(run_ps(), (360 + 1 + 1234) * 1000);
}
END_TEST

START_TEST(independent_hits_take_a_clock_each_and_dependent_ones_wait)
{
    warm(0x2000);
    for (int i = 0; i < 10; i++) {
        small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    }
    small_guest_add(guest, CBIT_OP_HYPERCALL, 0, 0);
    /* 10 clocks; the last load issues at clock 9 and has its bytes at 12: the exit waits. */
    ck_assert_uint_eq(run_ps(), (360 + 12) * 1000);
    for (int i = 0; i < 10; i++) {
        small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8)->depends = true;
    }
    small_guest_add(guest, CBIT_OP_HYPERCALL, 0, 0);
    ck_assert_uint_eq(run_ps(), (360 + 30) * 1000);
}
END_TEST

START_TEST(misses_overlap_up_to_the_window)
{
    warm(0x2000);
    for (int i = 1; i <= 5; i++) {
        small_guest_add(guest, CBIT_OP_LOAD, 0x2000 + 64 * i, 8);
    }
    small_guest_add(guest, CBIT_OP_HYPERCALL, 0, 0);
    /* Four loads issue at 0..3; the fifth waits for the first one's slot at 53 (3 look-up + 50)
       and has its bytes at 106. */
    ck_assert_uint_eq(run_ps(), (360 + 106) * 1000);
    ck_assert_uint_eq(guest->data_calls, 6);
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(guest->data[1 + i].at_ps - guest->data[1].at_ps, i * 1000);
    }
    ck_assert_uint_eq(guest->data[5].at_ps - guest->data[1].at_ps, 53000);
}
END_TEST

START_TEST(dependent_misses_do_not_overlap)
{
    warm(0x2000);
    for (int i = 1; i <= 4; i++) {
        small_guest_add(guest, CBIT_OP_LOAD, 0x2000 + 64 * i, 8)->depends = true;
    }
    small_guest_add(guest, CBIT_OP_HYPERCALL, 0, 0);
    ck_assert_uint_eq(run_ps(), (360 + 4 * 53) * 1000);
}
END_TEST

START_TEST(stores_do_not_hold_the_core_up)
{
    warm(0x2000);
    for (int i = 1; i <= 4; i++) {
        small_guest_add(guest, CBIT_OP_STORE, 0x2000 + 64 * i, 8);
    }
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_add(guest, CBIT_OP_HYPERCALL, 0, 0);
    cbit_ps_t begun_ps = cbit_kernel_now_ps(guest->kernel);
    small_guest_run(guest);
    /* The load issues at clock 4 after entry (30 + 100) although no store is done. */
    ck_assert_uint_eq(guest->data[1].at_ps - begun_ps, (130 + 4) * 1000);
    /* The last store misses at 3 and is done at 56. */
    ck_assert_uint_eq(guest->exit.at_ps - begun_ps, (360 + 56) * 1000);
}
END_TEST

/* The walk's time is its own stage of the access that waited for it. */
START_TEST(a_walk_is_a_stage_of_the_access_that_waits)
{
    warm(0x2000);
    small_guest_add(guest, CBIT_OP_LOAD, 0x3000, 8);
    small_guest_add(guest, CBIT_OP_HYPERCALL, 0, 0);
    uint64_t walk_reads = guest->memory->walk_reads;
    /* 24 entries, all in lines that the first walk has brought: 72 clocks; then 53 for the miss. */
    ck_assert_uint_eq(run_ps(), (360 + 72 + 53) * 1000);
    ck_assert_uint_eq(guest->memory->walk_reads, walk_reads);
    ck_assert_uint_eq(guest->memory->last_stage_ps[CBIT_STAGE_WALK], 72000);
    ck_assert_uint_eq(guest->memory->last_stage_ps[CBIT_STAGE_CORE], 3000);
    ck_assert_uint_eq(guest->memory->stage_errors, 0);
}
END_TEST

START_TEST(without_a_cache_every_table_entry_is_a_read)
{
    teardown();
    guest = small_guest_create(0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x3000, 8);
    small_guest_add(guest, CBIT_OP_HYPERCALL, 0, 0);
    /* 10 VMCB reads x 50 + 100, 24 entries x 50, the load 50, then 200 and 10 writes x 1. */
    ck_assert_uint_eq(run_ps(), (500 + 100 + 1200 + 50 + 200 + 10) * 1000);
    ck_assert_uint_eq(guest->memory->walk_reads, 24);
    ck_assert_uint_eq(guest->memory->stage_errors, 0);
}
END_TEST

/* ---- how far the core runs ahead does not show ---- */

typedef struct meddler {
    cbit_event_t event;
    cbit_rng_t rng;
    uint32_t left;
} meddler_t;

/* Somebody who changes memory under the core's feet at random times: what a device does. */
static void meddle(void *self)
{
    meddler_t *meddler = self;
    uint64_t value = cbit_rng_u64(&meddler->rng);
    uint64_t gpa = 0x2000 + cbit_rng_below(&meddler->rng, 0x4000 / 8) * 8;
    switch (cbit_rng_below(&meddler->rng, 3)) {
    case 0:
        small_guest_put(guest, gpa, SMALL_ASID, &value, 8);
        break;
    case 1:
        cbit_cache_clflush(guest->cache, SMALL_BASE + gpa, NULL, NULL);
        break;
    default:
        cbit_vcpu_flush_tlb(guest->vcpu, SMALL_ASID);
        break;
    }
    if (--meddler->left != 0) {
        cbit_event_notify_at(guest->kernel, &meddler->event,
                             cbit_kernel_now_ps(guest->kernel) +
                                 cbit_rng_below(&meddler->rng, 40000));
    }
}

static void random_program(cbit_rng_t *rng)
{
    for (int i = 0; i < SMALL_OPS - 2; i++) {
        uint64_t gva = 0x2000 + cbit_rng_below(rng, 0x4000 - 64);
        uint32_t size = 1 + (uint32_t)cbit_rng_below(rng, 64);
        switch (cbit_rng_below(rng, 8)) {
        case 0:
            small_guest_add(guest, CBIT_OP_THINK, 0, 0)->cclk = cbit_rng_below(rng, 60);
            break;
        case 1:
        case 2:
            cbit_rng_bytes(rng, small_guest_add(guest, CBIT_OP_STORE, gva, size)->data, size);
            break;
        case 3:
            small_guest_add(guest, CBIT_OP_INVLPG, gva, 0);
            break;
        case 4:
            small_guest_add(guest, CBIT_OP_IO, 0, 0);
            break;
        default:
            small_guest_add(guest, CBIT_OP_LOAD, gva, size)->depends = cbit_rng_below(rng, 3) == 0;
            break;
        }
    }
}

/* Half of the runs have a prefetcher, and tables in which walks have bits to set. */
static void begin_run(uint64_t seed)
{
    if (seed % 2 == 0) {
        guest = small_guest_create(3);
        return;
    }
    guest = small_guest_create_smp(
        &(small_smp_t){.cores = 1, .cores_per_complex = 1, .prefetch = true});
    small_guest_unmark(guest);
}

static uint64_t prefetches, walk_writes; /* of all runs */

/* Everything that the program and the hypervisor saw, as one number. */
static uint64_t digest_of_run(uint64_t seed, uint64_t run_ahead_cclk)
{
    begin_run(seed);
    guest->vcpu->run_ahead_cclk = run_ahead_cclk;
    cbit_rng_t rng;
    cbit_rng_init(&rng, seed, 3);
    random_program(&rng);
    meddler_t meddler = {.left = 3000};
    cbit_rng_init(&meddler.rng, seed, 4);
    cbit_event_init(&meddler.event, meddle, &meddler);
    cbit_event_notify_at(guest->kernel, &meddler.event, 0);
    uint64_t digest = 0;
    do {
        uint32_t exits = guest->exits;
        cbit_vcpu_run(guest->vcpu, SMALL_VMCB);
        while (guest->exits == exits) {
            ck_assert_uint_ne(cbit_kernel_run(guest->kernel, cbit_kernel_next_ps(guest->kernel)),
                              0);
        }
        digest = cbit_splitmix64(digest ^ guest->exit.at_ps);
        digest = cbit_splitmix64(digest ^ (uint64_t)guest->exit.reason);
    } while (guest->exit.reason == CBIT_EXIT_IOIO);
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_HLT);
    for (uint32_t i = 0; i < guest->data_calls; i++) {
        for (uint32_t b = 0; b < guest->data[i].op.size_bytes; b++) {
            digest = cbit_splitmix64(digest ^ guest->data[i].bytes[b]);
        }
    }
    cbit_cache_stats_t cache;
    cbit_cache_stats(guest->cache, &cache);
    digest = cbit_splitmix64(digest ^ cache.l2_hits ^ cache.misses << 32);
    cbit_vcpu_stats_t core;
    cbit_vcpu_stats(guest->vcpu, 0, &core);
    prefetches += cache.prefetches;
    walk_writes += core.walk_writes;
    digest = cbit_splitmix64(digest ^ cache.prefetches_useful ^ cache.prefetches_late << 32);
    digest = cbit_splitmix64(digest ^ core.walk_reads ^ core.walk_writes << 32);
    digest = cbit_splitmix64(digest ^ guest->memory->reads ^ guest->memory->writes << 32);
    ck_assert_uint_eq(guest->memory->stage_errors, 0);
    small_guest_destroy(guest);
    return digest;
}

START_TEST(running_ahead_never_shows)
{
    teardown();
    static const uint64_t spans[] = {0, 1, 2, 17, 1000};
    for (uint64_t seed = cbit_test_seed(); seed < cbit_test_seed() + 8; seed++) {
        uint64_t want = digest_of_run(seed, RUN_AHEAD_CCLK);
        for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
            ck_assert_msg(digest_of_run(seed, spans[i]) == want,
                          "seed %llu differs when running ahead by %llu clocks",
                          (unsigned long long)seed, (unsigned long long)spans[i]);
        }
    }
    ck_assert_uint_ne(prefetches, 0);
    ck_assert_uint_ne(walk_writes, 0);
    setup();
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("rules");
    TCase *tcase = tcase_create("vcpu_time");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, entry_and_exit_cost_their_clocks_and_their_lines);
    tcase_add_test(tcase, think_time_is_exact);
    tcase_add_test(tcase, independent_hits_take_a_clock_each_and_dependent_ones_wait);
    tcase_add_test(tcase, misses_overlap_up_to_the_window);
    tcase_add_test(tcase, dependent_misses_do_not_overlap);
    tcase_add_test(tcase, stores_do_not_hold_the_core_up);
    tcase_add_test(tcase, a_walk_is_a_stage_of_the_access_that_waits);
    tcase_add_test(tcase, without_a_cache_every_table_entry_is_a_read);
    tcase_add_test(tcase, running_ahead_never_shows);
    suite_add_tcase(suite, tcase);
    return suite;
}
