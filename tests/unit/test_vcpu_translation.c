/* Translation: TLB, walk caches, large pages. */
#include <string.h>

#include "cbit_test.h"
#include "tests/support/small_guest.h"

static small_guest_t *guest;
static void setup(void)
{
    guest = small_guest_create(16);
}

static void teardown(void)
{
    ck_assert_uint_eq(guest->memory->stage_errors, 0);
    small_guest_destroy(guest);
}

START_TEST(the_tlb_keeps_entries_of_an_asid_until_told)
{
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_add(guest, CBIT_OP_IO, 0, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_add(guest, CBIT_OP_IO, 0, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_run(guest);
    small_guest_set_nested(guest, 0x2000, 0);
    small_guest_run(guest); /* stale, as on hardware */
    small_guest_exited(guest, CBIT_EXIT_IOIO);
    small_guest_vmcb(guest, CBIT_VMCB_TLB_CONTROL, CBIT_TLB_CONTROL_FLUSH_ASID, 1);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_NPF);
}
END_TEST

START_TEST(invlpg_drops_one_page)
{
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_add(guest, CBIT_OP_LOAD, 0x3000, 8);
    small_guest_add(guest, CBIT_OP_INVLPG, 0x3000, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_add(guest, CBIT_OP_LOAD, 0x3000, 8);
    small_guest_run(guest);
    ck_assert_uint_eq(small_guest_stats(guest).tlb_misses, 3);
    ck_assert_uint_eq(small_guest_stats(guest).tlb_hits, 1);
    /* Each walk: 4 levels x (4 nested + 1) + 4 nested for the page = 24. */
    ck_assert_uint_eq(small_guest_stats(guest).walk_reads, 72);
}
END_TEST

/* Loads wait for a slot with their pages only in the second-level TLB; what waits next is none. */
START_TEST(what_waits_behind_loads_is_itself)
{
    enum { PAGES = 12 }; /* the first level has eight */
    for (uint64_t turn = 0; turn < 2; turn++) {
        for (uint64_t page = 0; page < PAGES; page++) {
            small_guest_add(guest, CBIT_OP_LOAD, 0x2000 + page * 0x1000 + turn * 0x40, 8);
        }
    }
    small_guest_add(guest, CBIT_OP_INVLPG, 0x5000, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_add(guest, CBIT_OP_LOAD, 0x3080, 8);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    const cbit_vcpu_stats_t stats = small_guest_stats(guest);
    ck_assert_uint_eq(stats.tlb_misses, PAGES + 1);
    ck_assert_uint_eq(stats.tlb_l2_hits, PAGES + 1);
    ck_assert_uint_eq(stats.loads, 2 * PAGES + 2);
    ck_assert_uint_eq(stats.stores, 0);
    ck_assert_uint_eq(guest->data_calls, 2 * PAGES + 2);
}
END_TEST

START_TEST(walk_caches_shorten_walks)
{
    teardown();
    guest = small_guest_create_with(16, 8);
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_add(guest, CBIT_OP_IO, 0, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x3000, 8);
    small_guest_run(guest);
    /* Tables: 4 nested reads for the first one, 1 for each of the other three, whose 2 MiB are
       known; 4 guest entries; 1 nested read for the page. */
    ck_assert_uint_eq(small_guest_stats(guest).walk_reads, 4 + 3 + 4 + 1);
    small_guest_run(guest);
    /* The guest's last table and its page are known: its entry, and the page's nested entry. */
    ck_assert_uint_eq(small_guest_stats(guest).walk_reads, 12 + 2);
    ck_assert_uint_eq(small_guest_stats(guest).tlb_misses, 2);
}
END_TEST

START_TEST(walk_caches_go_with_the_tlb)
{
    teardown();
    guest = small_guest_create_with(16, 8);
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_add(guest, CBIT_OP_IO, 0, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x3000, 8);
    small_guest_run(guest);
    small_guest_set_nested(guest, SMALL_GUEST_CR3 + 0x3000, 0);
    cbit_vcpu_flush_tlb(guest->vcpu, SMALL_ASID);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_NPF);
    ck_assert_uint_eq(guest->exit.info2, SMALL_GUEST_CR3 + 0x3000 + 3 * 8);
}
END_TEST

START_TEST(a_right_given_later_is_found_by_walking_again)
{
    teardown();
    guest = small_guest_create_with(16, 8);
    small_guest_set_nested(guest, 0x5000, (SMALL_BASE + 0x5000) | SMALL_C | 5);
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_store(guest, 0x5000, 3);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_NPF);
    small_guest_set_nested(guest, 0x5000, (SMALL_BASE + 0x5000) | SMALL_C | 7);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(small_guest_get64(guest, 0x5000, SMALL_ASID), 3);
}
END_TEST

static const uint64_t wrong[] = {UINT64_C(1) << 48, UINT64_C(1) << 52, UINT64_C(1) << 60,
                                 UINT64_C(1) << 62, UINT64_C(1) << 63, UINT64_C(0xfff) << 52};
START_TEST(an_address_is_canonical_also_where_the_tlb_has_its_lower_bits)
{
    small_guest_vmcb(guest, CBIT_VMCB_INTERCEPT_EXCEPTIONS, UINT32_MAX, 4);
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_add(guest, CBIT_OP_LOAD, wrong[_i] | 0x2000, 8)->depends = true; /* cached by now */
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_EXCP_GP);
}
END_TEST

START_TEST(large_pages_shorten_walks_and_share_an_entry)
{
    /* A guest page of 2 MiB on nested pages of 4 KiB: 3 guest levels x 5 reads + 4. */
    uint64_t large = SMALL_C | CBIT_PTE_PS | CBIT_PTE_P | CBIT_PTE_W | CBIT_PTE_A | CBIT_PTE_D;
    small_guest_put(guest, SMALL_GUEST_CR3 + 0x2000, SMALL_ASID, &large, 8);
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_add(guest, CBIT_OP_LOAD, 0x3000, 8);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(small_guest_stats(guest).walk_reads, 2 * 19);
    /* On a nested page of 2 MiB as well: the two pages are one translation. */
    teardown();
    setup();
    small_guest_put(guest, SMALL_GUEST_CR3 + 0x2000, SMALL_ASID, &large, 8);
    uint64_t nested = SMALL_BASE | SMALL_C | CBIT_PTE_PS | SMALL_RIGHTS | CBIT_PTE_A | CBIT_PTE_D;
    guest->port.poke(guest->port.self, SMALL_NESTED_CR3 + 0x2000, CBIT_KEY_HOST, &nested, 8);
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_add(guest, CBIT_OP_LOAD, 0x3000, 8);
    small_guest_store(guest, 0x4010, 17);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(small_guest_stats(guest).tlb_misses, 1);
    ck_assert_uint_eq(small_guest_stats(guest).tlb_l2_hits, 2);
    ck_assert_uint_eq(small_guest_stats(guest).walk_reads,
                      3 * 4 + 3); /* nested walks end a level earlier */
    ck_assert_uint_eq(small_guest_get64(guest, 0x4010, SMALL_ASID), 17);
}
END_TEST

START_TEST(large_entries_with_low_address_bits_are_reserved)
{
    small_guest_vmcb(guest, CBIT_VMCB_INTERCEPT_EXCEPTIONS, 1 << 14, 4);
    uint64_t large = 0x4000 | SMALL_C | CBIT_PTE_PS | CBIT_PTE_P | CBIT_PTE_W;
    small_guest_put(guest, SMALL_GUEST_CR3 + 0x2000, SMALL_ASID, &large, 8);
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_EXCP_PF);
    ck_assert_uint_eq(guest->exit.info1, CBIT_PF_P | CBIT_PF_RSVD);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("vcpu_translation");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_tlb_keeps_entries_of_an_asid_until_told);
    tcase_add_test(tcase, invlpg_drops_one_page);
    tcase_add_test(tcase, what_waits_behind_loads_is_itself);
    tcase_add_test(tcase, walk_caches_shorten_walks);
    tcase_add_test(tcase, walk_caches_go_with_the_tlb);
    tcase_add_test(tcase, a_right_given_later_is_found_by_walking_again);
    tcase_add_loop_test(tcase, an_address_is_canonical_also_where_the_tlb_has_its_lower_bits, 0,
                        sizeof wrong / sizeof wrong[0]);
    tcase_add_test(tcase, large_pages_shorten_walks_and_share_an_entry);
    tcase_add_test(tcase, large_entries_with_low_address_bits_are_reserved);
    suite_add_tcase(suite, tcase);
    return suite;
}
