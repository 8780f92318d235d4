/*
 * The memory model that a core claims: random programs on four cores in two complexes, with real
 * bytes, virtual aliases, private and shared pages, a device's accesses of shared ones, flushes,
 * and changes of a page's key, against an oracle of x86 TSO. CBIT_TEST_REFERENCES: how many loads
 * and stores a run makes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit_test.h"
#include "model/platform/coherent.h"
#include "tests/support/small_guest.h"
#include "tests/support/tso.h"

enum {
    CORES = 4,
    OPS = 48, /* of a core and round */
    PAGES = 2,
    WORDS = 16, /* of a page: four lines of four */
    WORD_STRIDE = 16,
    PAGE = 0x20000,      /* the first page; the others follow */
    ALIAS = 0x80000,     /* the same pages, under other addresses */
    UNRELATED = 0x60000, /* INVLPG of it is a fence */
    DEFAULT_REFERENCES = 100000,
};

typedef struct core {
    uint32_t number, at;
    cbit_op_t ops[OPS + 1];
} core_t;

typedef struct tap {
    cbit_port_t cache;
    uint32_t core;
    bool sending, saw_it; /* a store is on its way; it is visible although not answered */
} tap_t;

/* A device: one access at a time, each after the one before. */
typedef struct device {
    cbit_coherent_t coherent;
    cbit_txn_t txn;
    bool busy;
    uint32_t node;
} device_t;

static small_guest_t *guest;
static device_t device;
static tso_t *tso;
static core_t cores[CORES];
static tap_t taps[CORES];
static cbit_rng_t rng;
static uint32_t before[TSO_PLACES][2]; /* what a place held when the round began, by halves */
static cbit_key_t key_of[PAGES];
static uint64_t references, flushes, key_changes, device_accesses;

static uint32_t draw(uint32_t below)
{
    return (uint32_t)(cbit_rng_u64(&rng) % below);
}

static uint64_t gpa_of(uint32_t place)
{
    return PAGE + place / WORDS * CBIT_PAGE_BYTES + place % WORDS * WORD_STRIDE;
}

static cbit_spa_t spa_of(uint32_t place)
{
    return SMALL_BASE + gpa_of(place);
}

/* ---- watching stores ---- */

/* A store's value names it: (round | number) in both halves. */
static uint32_t round_mark;

static uint32_t value_of_store(uint32_t store)
{
    return round_mark | store;
}

static void saw(cbit_spa_t spa, const uint8_t *bytes, uint32_t len)
{
    if (spa < spa_of(0) || spa > spa_of(PAGES * WORDS - 1) || len != 8) {
        return;
    }
    uint32_t value;
    memcpy(&value, bytes, 4);
    tso_saw(tso, value & (TSO_NODES - 1));
}

static bool tap_quick(void *self, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                      void *bytes, uint32_t len, uint32_t *clocks)
{
    tap_t *tap = self;
    if (!tap->cache.quick(tap->cache.self, command, spa, key, bytes, len, clocks)) {
        return false;
    }
    if (command == CBIT_COMMAND_WRITE) {
        saw(spa, bytes, len);
    }
    return true;
}

static void on_reply(void *self, cbit_txn_t *txn)
{
    tap_t *tap = self;
    if (!tap->saw_it) {
        saw(txn->spa, txn->data, txn->size_bytes);
    }
    tap->sending = false;
    cbit_txn_reply(txn);
}

/* A write is done when the line has it: at once, and answered later, if the core may write the line
   (quick has not taken it because the prefetcher wants to hear of it); else when it is answered. */
static bool tap_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    tap_t *tap = self;
    if (txn->command == CBIT_COMMAND_READ || txn->size_bytes == 0) {
        return tap->cache.try_send(tap->cache.self, txn, waiter);
    }
    const uint32_t len = txn->size_bytes;
    uint8_t wanted[CBIT_LINE_BYTES], there[CBIT_LINE_BYTES];
    memcpy(wanted, txn->data, len); /* from its yes on the request is not ours */
    const cbit_spa_t spa = txn->spa;
    const cbit_key_t key = txn->key;
    ck_assert(!tap->sending); /* a core's stores go one after the other */
    cbit_txn_push_reply(txn, on_reply, tap);
    if (!tap->cache.try_send(tap->cache.self, txn, waiter)) {
        txn->hops--;
        return false;
    }
    tap->sending = true;
    (void)tap->cache.peek(tap->cache.self, spa, key, there, len);
    tap->saw_it = memcmp(there, wanted, len) == 0;
    if (tap->saw_it) {
        saw(spa, there, len);
    }
    return true;
}

static cbit_err_t tap_peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes, uint32_t len)
{
    const tap_t *tap = self;
    return tap->cache.peek(tap->cache.self, spa, key, bytes, len);
}

static cbit_err_t tap_poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                           uint32_t len)
{
    const tap_t *tap = self;
    return tap->cache.poke(tap->cache.self, spa, key, bytes, len);
}

static cbit_port_t wrap(void *self, uint32_t core, cbit_port_t cache)
{
    (void)self;
    taps[core] = (tap_t){.cache = cache, .core = core};
    return (cbit_port_t){.self = &taps[core],
                         .try_send = tap_send,
                         .peek = tap_peek,
                         .poke = tap_poke,
                         .quick = tap_quick};
}

/* ---- programs ---- */

static bool next_op(void *self, cbit_op_t *op)
{
    core_t *core = self;
    *op = core->ops[core->at++];
    return true;
}

static void take_value(uint32_t node, uint32_t value, uint32_t half)
{
    tso_node_t *load = &tso->nodes[node];
    load->value = value == before[load->place][half]         ? 0
                  : (value & ~(TSO_NODES - 1)) == round_mark ? (value & (TSO_NODES - 1)) + 1
                                                             : UINT32_MAX;
}

static void on_data(void *self, const cbit_op_t *op, const uint8_t *bytes)
{
    (void)self;
    uint32_t value;
    memcpy(&value, bytes, 4);
    take_value((uint32_t)op->cookie, value, op->gva % 8 / 4);
    if (op->size_bytes > WORD_STRIDE) { /* the next word as well */
        memcpy(&value, bytes + WORD_STRIDE, 4);
        take_value((uint32_t)op->cookie + 1, value, 0);
    }
}

static cbit_op_t make_access(uint32_t core)
{
    uint32_t place = draw(PAGES * WORDS);
    cbit_op_t op = {.gva = gpa_of(place) + (draw(3) == 0 ? ALIAS - PAGE : 0), .size_bytes = 8};
    references++;
    if (draw(5) < 2) {
        op.kind = CBIT_OP_STORE;
        uint32_t value = value_of_store(tso_add(tso, TSO_STORE, core, place));
        memcpy(op.data, &value, 4);
        memcpy(op.data + 4, &value, 4);
        return op;
    }
    op.kind = CBIT_OP_LOAD;
    op.depends = draw(4) == 0;
    op.cookie = tso_add(tso, TSO_LOAD, core, place);
    uint32_t shape = draw(8);
    if (shape == 0) {
        op.size_bytes = 4;
        op.gva += draw(2) * 4;
    } else if (shape == 1 && place % WORDS != WORDS - 1) {
        op.size_bytes = WORD_STRIDE + 8; /* two words, perhaps of two lines */
        (void)tso_add(tso, TSO_LOAD, core, place + 1);
        references++;
    }
    return op;
}

static void make_program(core_t *core)
{
    for (uint32_t i = 0; i < OPS; i++) {
        uint32_t what = draw(40);
        if (what == 0) {
            (void)tso_add(tso, TSO_FENCE, core->number, 0);
            core->ops[i] = (cbit_op_t){.kind = CBIT_OP_INVLPG, .gva = UNRELATED};
        } else if (what < 4) {
            core->ops[i] = (cbit_op_t){.kind = CBIT_OP_THINK, .cclk = 1 + draw(60)};
        } else {
            core->ops[i] = make_access(core->number);
        }
    }
    core->ops[OPS] = (cbit_op_t){.kind = CBIT_OP_IO};
    core->at = 0;
}

/* ---- the device ---- */

static void device_answer(void *self, cbit_txn_t *txn)
{
    (void)self;
    device.busy = false;
    if (txn->command == CBIT_COMMAND_READ) {
        uint32_t value;
        memcpy(&value, txn->data, 4);
        take_value(device.node, value, 0);
    }
}

/* A write is seen once it is taken: either a cached line has it, or nobody can look at the place
   before memory has it. */
static void device_access(void)
{
    uint32_t place = draw(PAGES * WORDS);
    if (device.busy || key_of[place / WORDS] != CBIT_KEY_HOST || tso->count == TSO_NODES) {
        return;
    }
    bool write = draw(2) == 0;
    device_accesses++;
    device.busy = true;
    device.node = tso_add(tso, write ? TSO_STORE : TSO_LOAD, CORES, place);
    cbit_txn_init(&device.txn, write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, spa_of(place), 8,
                  CBIT_KEY_HOST, CBIT_SOURCE_DMA, cbit_kernel_now_ps(guest->kernel));
    const uint32_t value[2] = {value_of_store(device.node), value_of_store(device.node)};
    memcpy(device.txn.data, value, sizeof value);
    cbit_txn_push_reply(&device.txn, device_answer, NULL);
    const cbit_port_t port = cbit_coherent_port(&device.coherent);
    if (!port.try_send(port.self, &device.txn, NULL)) {
        device.busy = false;
        tso->count--;
        return;
    }
    if (write) {
        tso_saw(tso, device.node);
    }
}

/* ---- rounds ---- */

/* Somebody flushes while the programs run: no value may change by it. */
static void disturb(void)
{
    device_access();
    for (uint32_t i = draw(6) / 4; i > 0; i--) {
        flushes++;
        if (draw(4) == 0) {
            cbit_cache_wbinvd(guest->cache, draw(CORES), NULL, NULL);
        } else {
            cbit_cache_clflush(guest->cache, spa_of(draw(PAGES * WORDS)), NULL, NULL);
        }
    }
}

static void run_round(void)
{
    memset(tso->seen_count, 0, sizeof tso->seen_count);
    tso->count = 0;
    for (uint32_t i = 0; i < CORES; i++) {
        make_program(&cores[i]);
    }
    uint32_t exits = guest->exits;
    for (uint32_t i = 0; i < CORES; i++) {
        small_guest_begin(guest, i);
    }
    cbit_ps_t end_ps = cbit_kernel_now_ps(guest->kernel) + 4000000;
    while (cbit_kernel_now_ps(guest->kernel) < end_ps) {
        cbit_kernel_run(guest->kernel, cbit_kernel_now_ps(guest->kernel) + 1000 + draw(300000));
        disturb();
    }
    cbit_kernel_run(guest->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(guest->exits, exits + CORES); /* nobody hangs */
    ck_assert_uint_eq(guest->memory->held, 0);
    const char *wrong = tso_check(tso);
    ck_assert_msg(wrong == NULL, "after %" PRIu64 " references: %s", references, wrong);
}

/* The last store of each place is what is there, for everybody. */
static void settle(void)
{
    for (uint32_t p = 0; p < PAGES * WORDS; p++) {
        uint32_t stores = tso->seen_count[p];
        if (stores != 0) {
            before[p][0] = before[p][1] = value_of_store(tso->seen[p][stores - 1]);
        }
        uint32_t value[2];
        guest->port.peek(guest->port.self, spa_of(p), key_of[p / WORDS], value, 8);
        ck_assert_mem_eq(value, before[p], 8);
    }
}

/* A page goes from private to shared or back: flushed, it holds what its bytes are under the other
   key. */
static void change_key(uint32_t page)
{
    if (key_changes++ % 2 == 0) {
        cbit_cache_flush_page(guest->cache, spa_of(page * WORDS), key_of[page], NULL, NULL);
    }
    for (uint32_t p = page * WORDS; key_changes % 2 == 0 && p < (page + 1) * WORDS; p++) {
        cbit_cache_clflush(guest->cache, spa_of(p), NULL, NULL);
    }
    cbit_kernel_run(guest->kernel, CBIT_PS_NEVER);
    for (uint32_t p = page * WORDS; p < (page + 1) * WORDS; p++) {
        uint32_t value[2];
        fake_memory_get(guest->memory, spa_of(p), key_of[page], value, 8);
        ck_assert_mem_eq(value, before[p], 8);
    }
    bool private = key_of[page] != SMALL_ASID;
    key_of[page] = private ? SMALL_ASID : CBIT_KEY_HOST;
    for (int alias = 0; alias < 2; alias++) {
        uint64_t gva = (alias != 0 ? ALIAS : PAGE) + page * CBIT_PAGE_BYTES;
        small_guest_set_entry(guest, gva,
                              (PAGE + page * CBIT_PAGE_BYTES) | (private ? SMALL_C : 0) | 7);
    }
    for (uint32_t i = 0; i < CORES; i++) {
        cbit_vcpu_flush_tlb(guest->vcpus[i], SMALL_ASID);
    }
    for (uint32_t p = page * WORDS; p < (page + 1) * WORDS; p++) {
        fake_memory_get(guest->memory, spa_of(p), key_of[page], before[p], 8);
    }
}

static void begin(bool coherent)
{
    tso = calloc(1, sizeof *tso);
    const small_smp_t smp = {.cores = CORES,
                             .cores_per_complex = 2,
                             .coherent = coherent,
                             .prefetch = true,
                             .wrap = wrap};
    guest = small_guest_create_smp(&smp);
    device.coherent =
        (cbit_coherent_t){.below = fake_memory_port(guest->memory), .cache = guest->cache};
    device_accesses = references = flushes = key_changes = 0;
    for (uint32_t page = 0; page < PAGES; page++) {
        key_of[page] = page % 2 == 0 ? CBIT_KEY_HOST : SMALL_ASID;
        for (uint32_t p = page * WORDS; p < (page + 1) * WORDS; p++) {
            fake_memory_get(guest->memory, spa_of(p), key_of[page], before[p], 8);
        }
        change_key(page);
    }
    for (uint32_t i = 0; i < CORES; i++) {
        cores[i].number = i;
        const cbit_program_t program = {.self = &cores[i], .next = next_op, .on_data = on_data};
        cbit_vcpu_bind(guest->vcpus[i], &program, 0);
    }
}

static void report(void)
{
    cbit_cache_stats_t stats;
    cbit_cache_stats(guest->cache, &stats);
    printf("%" PRIu64 " references, %" PRIu64 " of a device, %" PRIu64 " flushes, %" PRIu64
           " key changes; hits L1 %" PRIu64 " L2 %" PRIu64 " L3 %" PRIu64 ", transfers %" PRIu64
           " + %" PRIu64 " remote, invalidations %" PRIu64 ", merges %" PRIu64
           ", write-backs %" PRIu64 ", refusals %" PRIu64 ", prefetches %" PRIu64 " (%" PRIu64
           " useful, %" PRIu64 " late)\n",
           references, device_accesses, flushes, key_changes, stats.l1_hits, stats.l2_hits,
           stats.l3_hits, stats.transfers, stats.transfers_remote, stats.invalidations,
           stats.merges, stats.writebacks, stats.refusals, stats.prefetches,
           stats.prefetches_useful, stats.prefetches_late);
    const uint64_t all[] = {stats.l1_hits,         stats.l2_hits,
                            stats.l3_hits,         stats.transfers,
                            stats.merges,          stats.transfers_remote,
                            stats.invalidations,   stats.misses,
                            stats.writebacks,      stats.refusals,
                            stats.prefetches,      stats.prefetches_useful,
                            stats.prefetches_late, stats.prefetches_useless,
                            stats.page_flushes};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        ck_assert_uint_gt(all[i], 0);
    }
    ck_assert_uint_eq(guest->memory->stage_errors, 0);
}

static void run_all(bool coherent, uint64_t stream)
{
    const char *wanted = getenv("CBIT_TEST_REFERENCES");
    uint64_t limit = wanted == NULL ? DEFAULT_REFERENCES : strtoull(wanted, NULL, 0);
    cbit_rng_init(&rng, cbit_test_seed(), stream);
    begin(coherent);
    for (uint32_t round = 1; references < limit; round++) {
        round_mark = round * TSO_NODES;
        run_round();
        settle();
        if (draw(8) == 0) {
            change_key(draw(PAGES));
        }
    }
    report();
    cbit_coherent_clear(&device.coherent);
    small_guest_destroy(guest);
    free(tso);
}

START_TEST(programs_see_tso_when_key_ids_are_lines_of_their_own)
{
    run_all(false, 1);
}
END_TEST

START_TEST(programs_see_tso_when_hardware_keeps_key_ids_coherent)
{
    run_all(true, 2);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("rules");
    TCase *tcase = tcase_create("tso");
    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, programs_see_tso_when_key_ids_are_lines_of_their_own);
    tcase_add_test(tcase, programs_see_tso_when_hardware_keeps_key_ids_coherent);
    suite_add_tcase(suite, tcase);
    return suite;
}
