/* Accessed and dirty bits: who sets them where, under which key, and at what cost. */
#include <string.h>

#include "cbit_test.h"
#include "tests/support/small_guest.h"

enum { LEVELS = 4 };
#define A CBIT_PTE_A
#define D CBIT_PTE_D

static small_guest_t *guest;

static void setup(void)
{
    guest = small_guest_create(16);
    small_guest_unmark(guest);
}

static void teardown(void)
{
    ck_assert_uint_eq(guest->memory->stage_errors, 0);
    small_guest_destroy(guest);
}

static uint64_t offset_of(uint64_t address, int level)
{
    return (uint64_t)(LEVELS - 1 - level) * 0x1000 + (address >> (12 + 9 * level) & 0x1ff) * 8;
}

/* Accessed and dirty of the guest's entry of that level, as its own key sees it. */
static uint64_t guest_marks(uint64_t gva, int level)
{
    uint64_t entry;
    small_guest_get(guest, SMALL_GUEST_CR3 + offset_of(gva, level), SMALL_ASID, &entry, 8);
    return entry & (A | D);
}

static uint64_t nested_marks(uint64_t gpa, int level)
{
    uint64_t entry;
    guest->port.peek(guest->port.self, SMALL_NESTED_CR3 + offset_of(gpa, level), CBIT_KEY_HOST,
                     &entry, 8);
    return entry & (A | D);
}

START_TEST(a_load_marks_what_its_walk_passes)
{
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_run(guest);
    for (int level = 0; level < LEVELS; level++) {
        ck_assert_uint_eq(guest_marks(0x5000, level), A);
    }
    for (int level = 1; level < LEVELS; level++) {
        ck_assert_uint_eq(nested_marks(0x5000, level), A);
    }
    ck_assert_uint_eq(nested_marks(0x5000, 0), A);
    for (uint64_t table = 0; table < LEVELS; table++) { /* the way to a table is a write */
        ck_assert_uint_eq(nested_marks(SMALL_GUEST_CR3 + table * 0x1000, 0), A | D);
    }
    ck_assert_uint_eq(guest_marks(0x6000, 0), 0);
    ck_assert_uint_eq(nested_marks(0x6000, 0), 0);
    /* 4 of the guest; 3 tables, 4 pages with tables and the page itself of the host. */
    ck_assert_uint_eq(small_guest_stats(guest).walk_writes, 4 + 3 + 4 + 1);
}
END_TEST

START_TEST(a_store_makes_both_leaves_dirty)
{
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_store(guest, 0x5000, 1);
    small_guest_store(guest, 0x5008, 2);
    small_guest_store(guest, 0x7000, 3);
    small_guest_run(guest);
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_HLT);
    ck_assert_uint_eq(guest_marks(0x5000, 0), A | D);
    ck_assert_uint_eq(nested_marks(0x5000, 0), A | D);
    ck_assert_uint_eq(guest_marks(0x7000, 0), A | D);
    ck_assert_uint_eq(nested_marks(0x7000, 0), A | D);
    for (int level = 1; level < LEVELS; level++) {
        ck_assert_uint_eq(guest_marks(0x5000, level), A);
    }
    /* The load's translation does not do for the first store; the second one has that of the
       first. */
    ck_assert_uint_eq(small_guest_stats(guest).tlb_misses, 3);
    ck_assert_uint_eq(small_guest_stats(guest).tlb_hits, 1);
    ck_assert_uint_eq(small_guest_stats(guest).walk_writes, 12 + 2 + 2);
    uint64_t value;
    small_guest_get(guest, 0x5008, SMALL_ASID, &value, 8);
    ck_assert_uint_eq(value, 2);
}
END_TEST

START_TEST(a_page_made_clean_is_dirty_again_after_the_next_store)
{
    small_guest_store(guest, 0x5000, 1);
    small_guest_add(guest, CBIT_OP_IO, 0, 0);
    small_guest_store(guest, 0x5000, 2);
    small_guest_run(guest);
    small_guest_set_nested(guest, 0x5000, (SMALL_BASE + 0x5000) | SMALL_C | SMALL_RIGHTS | A);
    cbit_vcpu_flush_tlb(guest->vcpu, SMALL_ASID);
    small_guest_run(guest);
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_HLT);
    ck_assert_uint_eq(nested_marks(0x5000, 0), A | D);
    ck_assert_uint_eq(small_guest_stats(guest).walk_writes, 12 + 1);
}
END_TEST

START_TEST(a_refused_access_marks_nothing_at_the_leaf)
{
    const uint64_t read_only = CBIT_PTE_P | CBIT_PTE_U | SMALL_C;
    small_guest_set_nested(guest, 0x5000, (SMALL_BASE + 0x5000) | read_only);
    small_guest_store(guest, 0x5000, 1);
    small_guest_run(guest);
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_NPF);
    ck_assert_uint_eq(nested_marks(0x5000, 0), 0);
    small_guest_vmcb(guest, CBIT_VMCB_INTERCEPT_EXCEPTIONS, 1 << 14, 4);
    small_guest_set_nested(guest, 0x5000, (SMALL_BASE + 0x5000) | SMALL_C | SMALL_RIGHTS);
    small_guest_set_entry(guest, 0x5000, 0x5000 | read_only);
    small_guest_run(guest);
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_EXCP_PF);
    ck_assert_uint_eq(guest_marks(0x5000, 0), 0);
    ck_assert_uint_eq(nested_marks(0x5000, 0), 0);
}
END_TEST

START_TEST(marks_that_are_there_cost_nothing)
{
    teardown();
    guest = small_guest_create(16);
    uint64_t entry;
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_store(guest, 0x7000, 3);
    small_guest_run(guest);
    cbit_ps_t marked_ps = guest->exit.at_ps;
    ck_assert_uint_eq(small_guest_stats(guest).walk_writes, 0);
    ck_assert_uint_eq(small_guest_stats(guest).walk_reads, 48);
    teardown();
    guest = small_guest_create(16);
    small_guest_get(guest, SMALL_GUEST_CR3 + offset_of(0x5000, 0), SMALL_ASID, &entry, 8);
    small_guest_set_entry(guest, 0x5000, entry & ~A);
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_store(guest, 0x7000, 3);
    small_guest_run(guest);
    /* One mark: a hit of 3 clocks of 1 ns. */
    ck_assert_uint_eq(small_guest_stats(guest).walk_writes, 1);
    ck_assert_uint_eq(guest->exit.at_ps, marked_ps + 3000);
}
END_TEST

START_TEST(marks_are_written_under_the_key_of_the_table)
{
    /* The host's tables in clear. */
    for (uint64_t at = 0; at < 0x4000; at += 8) {
        uint64_t entry;
        guest->port.peek(guest->port.self, SMALL_NESTED_CR3 + at, CBIT_KEY_HOST, &entry, 8);
        entry &= ~SMALL_C;
        guest->port.poke(guest->port.self, SMALL_NESTED_CR3 + at, CBIT_KEY_PLAIN, &entry, 8);
    }
    small_guest_vmcb(guest, CBIT_VMCB_NESTED_CR3, SMALL_NESTED_CR3, 8);
    small_guest_store(guest, 0x5000, 1);
    small_guest_run(guest);
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_HLT);
    uint64_t entry;
    guest->port.peek(guest->port.self, SMALL_NESTED_CR3 + offset_of(0x5000, 0), CBIT_KEY_PLAIN,
                     &entry, 8);
    ck_assert_uint_eq(entry, (SMALL_BASE + 0x5000) | SMALL_RIGHTS | A | D);
    ck_assert_uint_eq(guest_marks(0x5000, 0), A | D);
    /* In memory itself, behind all caches, no other key sees the guest's entry. */
    cbit_cache_wbinvd(guest->cache, 0, NULL, NULL);
    cbit_kernel_run(guest->kernel, CBIT_PS_NEVER);
    const cbit_spa_t spa = SMALL_BASE + SMALL_GUEST_CR3 + offset_of(0x5000, 0);
    fake_memory_get(guest->memory, spa, SMALL_ASID, &entry, 8);
    ck_assert_uint_eq(entry, 0x5000 | SMALL_C | SMALL_RIGHTS | A | D);
    fake_memory_get(guest->memory, spa, CBIT_KEY_HOST, &entry, 8);
    ck_assert_uint_ne(entry, 0x5000 | SMALL_C | SMALL_RIGHTS | A | D);
}
END_TEST

/* ---- somebody else writes the entry ---- */

static cbit_port_t cache_port;
static uint32_t interfered;

/* Between a walk's read of an entry and its write, the hypervisor maps another frame. */
static void interfere(const cbit_txn_t *txn)
{
    const cbit_spa_t entry_spa = SMALL_NESTED_CR3 + offset_of(0x5000, 0);
    if (txn->source == CBIT_SOURCE_WALK && txn->command == CBIT_COMMAND_WRITE &&
        txn->spa == entry_spa && interfered++ == 0) {
        small_guest_set_nested(guest, 0x5000, (SMALL_BASE + 0x9000) | SMALL_C | SMALL_RIGHTS);
    }
}

static bool slow_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    (void)self;
    interfere(txn);
    return cache_port.try_send(cache_port.self, txn, waiter);
}

/* Reads are answered at once; what writes goes the long way. */
static bool some_quick(void *self, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                       void *bytes, uint32_t len_bytes, uint32_t *clocks)
{
    (void)self;
    if (command == CBIT_COMMAND_WRITE && len_bytes == 0) {
        return false;
    }
    return cache_port.quick(cache_port.self, command, spa, key, bytes, len_bytes, clocks);
}

static cbit_port_t wrap(void *self, uint32_t core, cbit_port_t cache)
{
    (void)self;
    (void)core;
    cache_port = cache;
    cache.try_send = slow_send;
    cache.quick = some_quick;
    return cache;
}

START_TEST(an_entry_that_changed_meanwhile_is_read_again)
{
    teardown();
    interfered = 0;
    guest =
        small_guest_create_smp(&(small_smp_t){.cores = 1, .cores_per_complex = 1, .wrap = wrap});
    small_guest_unmark(guest);
    small_guest_store(guest, 0x5000, 77);
    small_guest_run(guest);
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_HLT);
    ck_assert_uint_eq(interfered, 2);
    uint64_t entry, value;
    guest->port.peek(guest->port.self, SMALL_NESTED_CR3 + offset_of(0x5000, 0), CBIT_KEY_HOST,
                     &entry, 8);
    ck_assert_uint_eq(entry, (SMALL_BASE + 0x9000) | SMALL_C | SMALL_RIGHTS | A | D);
    small_guest_get(guest, 0x9000, SMALL_ASID, &value, 8);
    ck_assert_uint_eq(value, 77);
    ck_assert_uint_eq(small_guest_stats(guest).walk_reads, 4 + 3 + 4 + 1 + 1);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("vcpu_marks");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_load_marks_what_its_walk_passes);
    tcase_add_test(tcase, a_store_makes_both_leaves_dirty);
    tcase_add_test(tcase, a_page_made_clean_is_dirty_again_after_the_next_store);
    tcase_add_test(tcase, a_refused_access_marks_nothing_at_the_leaf);
    tcase_add_test(tcase, marks_that_are_there_cost_nothing);
    tcase_add_test(tcase, marks_are_written_under_the_key_of_the_table);
    tcase_add_test(tcase, an_entry_that_changed_meanwhile_is_read_again);
    suite_add_tcase(suite, tcase);
    return suite;
}
