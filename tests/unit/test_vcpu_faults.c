/* Faults of a guest: nested ones exit, others go through its descriptor table or end in SHUTDOWN.
 */
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

START_TEST(missing_nested_pages_exit_with_the_address_and_go_on)
{
    small_guest_set_nested(guest, 0x5000, 0);
    small_guest_store(guest, 0x5010, 3);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_NPF);
    /* Write by the guest, final translation, not present. */
    ck_assert_uint_eq(guest->exit.info1, CBIT_NPF_FINAL | CBIT_PF_U | CBIT_PF_W);
    ck_assert_uint_eq(guest->exit.info2, 0x5010);
    ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_EXIT_INFO_2, 8), 0x5010);
    small_guest_set_nested(guest, 0x5000, (SMALL_BASE + 0x5000) | SMALL_C | 7);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_HLT);
    ck_assert_uint_eq(small_guest_get64(guest, 0x5010, SMALL_ASID), 3);
}
END_TEST

START_TEST(missing_nested_pages_of_guest_tables_say_so)
{
    small_guest_set_nested(guest, SMALL_GUEST_CR3 + 0x2000, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x2000, 8);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_NPF);
    ck_assert_uint_eq(guest->exit.info1, CBIT_NPF_TABLE | CBIT_PF_U | CBIT_PF_W);
    ck_assert_uint_eq(guest->exit.info2, SMALL_GUEST_CR3 + 0x2000);
}
END_TEST

START_TEST(read_only_nested_pages_refuse_writes)
{
    small_guest_set_nested(guest, 0x5000, (SMALL_BASE + 0x5000) | SMALL_C | 5);
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_store(guest, 0x5000, 3);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_NPF);
    ck_assert_uint_eq(guest->exit.info1, CBIT_NPF_FINAL | CBIT_PF_U | CBIT_PF_W | CBIT_PF_P);
    ck_assert_uint_eq(guest->data_calls, 1);
}
END_TEST

START_TEST(faults_without_a_descriptor_table_shut_down)
{
    static const uint64_t entries[] = {
        0,                                    /* not present */
        0x5003 | SMALL_C | UINT64_C(1) << 43, /* beyond the 43 bits of guest addresses */
        0x5003 | SMALL_C | UINT64_C(1) << 51, 0x5001 | SMALL_C, /* not writable, CR0.WP set */
    };
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        teardown();
        setup();
        small_guest_set_entry(guest, 0x5000, entries[i]);
        small_guest_store(guest, 0x5000, 3);
        small_guest_run(guest);
        small_guest_exited(guest, CBIT_EXIT_SHUTDOWN);
        ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_CR2, 8), 0x5000);
    }
}
END_TEST

START_TEST(intercepted_page_faults_exit_with_code_and_address)
{
    small_guest_vmcb(guest, CBIT_VMCB_INTERCEPT_EXCEPTIONS, 1 << 14, 4);
    small_guest_set_entry(guest, 0x5000, 0x5003 | SMALL_C | UINT64_C(1) << 44);
    small_guest_store(guest, 0x5008, 3);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_EXCP_PF);
    ck_assert_uint_eq(guest->exit.info1, CBIT_PF_P | CBIT_PF_W | CBIT_PF_RSVD);
    ck_assert_uint_eq(guest->exit.info2, 0x5008);
}
END_TEST

/* A descriptor table at 0x6000, whose gates are interrupt gates of selector 8. */
static void give_idt(uint16_t limit)
{
    uint8_t gates[512] = {0};
    for (int i = 0; i < 32; i++) {
        gates[16 * i + 1] = 0x70; /* handler at 0x7000 */
        gates[16 * i + 2] = 8;
        gates[16 * i + 5] = 0x8e;
    }
    small_guest_put(guest, 0x6000, SMALL_ASID, gates, sizeof gates);
    small_guest_vmcb(guest, CBIT_VMCB_IDTR + CBIT_VMCB_SEGMENT_LIMIT, limit, 4);
    small_guest_vmcb(guest, CBIT_VMCB_IDTR + CBIT_VMCB_SEGMENT_BASE, 0x6000, 8);
    small_guest_vmcb(guest, CBIT_VMCB_GDTR + CBIT_VMCB_SEGMENT_LIMIT, 0xf, 4);
}

/* Of a load from a page that is not there, with a descriptor table of this limit. */
static void page_fault_is_delivered_as(uint16_t limit, uint32_t vector)
{
    give_idt(limit);
    small_guest_set_entry(guest, 0x5000, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_BUDGET);
    ck_assert_uint_eq(guest->exit.info1, vector);
}

START_TEST(faults_with_a_descriptor_table_are_delivered)
{
    page_fault_is_delivered_as(0x1ff, 14);
}
END_TEST

START_TEST(a_fault_beyond_the_tables_limit_becomes_a_double_fault)
{
    /* Vectors 0..8: the double fault has a gate, the page fault none. */
    page_fault_is_delivered_as(0x8f, 8);
}
END_TEST

START_TEST(a_fault_during_delivery_without_stack_shuts_down)
{
    give_idt(0x1ff);
    small_guest_set_entry(guest, 0x5000, 0);
    small_guest_set_entry(guest, 0x7000, 0); /* where the frame would go */
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_SHUTDOWN);
}
END_TEST

START_TEST(a_nested_fault_during_delivery_names_the_exception)
{
    give_idt(0x1ff);
    small_guest_set_entry(guest, 0x5000, 0);
    small_guest_set_nested(guest, 0x6000, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_run(guest);
    small_guest_exited(guest, CBIT_EXIT_NPF);
    ck_assert_uint_eq(guest->exit.info2, 0x60e0); /* gate 14 x 16 bytes */
    /* Valid, error code present, exception, vector 14. */
    ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_EXIT_INT_INFO, 4), 0x80000b0e);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("faults");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, missing_nested_pages_exit_with_the_address_and_go_on);
    tcase_add_test(tcase, missing_nested_pages_of_guest_tables_say_so);
    tcase_add_test(tcase, read_only_nested_pages_refuse_writes);
    tcase_add_test(tcase, faults_without_a_descriptor_table_shut_down);
    tcase_add_test(tcase, intercepted_page_faults_exit_with_code_and_address);
    tcase_add_test(tcase, faults_with_a_descriptor_table_are_delivered);
    tcase_add_test(tcase, a_fault_beyond_the_tables_limit_becomes_a_double_fault);
    tcase_add_test(tcase, a_fault_during_delivery_without_stack_shuts_down);
    tcase_add_test(tcase, a_nested_fault_during_delivery_names_the_exception);
    suite_add_tcase(suite, tcase);
    return suite;
}
