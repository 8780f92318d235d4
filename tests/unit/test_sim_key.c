/*
 * Which key an access gets: the whole truth table, each row with the rule that it comes from. The
 * rows are written out, not computed: accessor, C of the guest's entry, C of the host's entry.
 */
#include <stdio.h>

#include "cbit/sim/key.h"
#include "cbit_test.h"

enum { ASID = 5, PLAIN = CBIT_KEY_PLAIN, HOST = CBIT_KEY_HOST };

typedef struct row {
    cbit_accessor_t accessor;
    bool guest_c_bit, host_c_bit;
    cbit_key_t key;
    const char *reason;
} row_t;

static const row_t rows[] = {
    {CBIT_ACCESSOR_SEV_FETCH, 0, 0, ASID, "code is private whatever the C-bit says"},
    {CBIT_ACCESSOR_SEV_FETCH, 0, 1, ASID, "nor does the nested entry make it the host's"},
    {CBIT_ACCESSOR_SEV_FETCH, 1, 0, ASID, "code is private"},
    {CBIT_ACCESSOR_SEV_FETCH, 1, 1, ASID, "code is private"},
    {CBIT_ACCESSOR_SEV_GUEST_WALK, 0, 0, ASID, "page tables are private whatever the C-bit says"},
    {CBIT_ACCESSOR_SEV_GUEST_WALK, 0, 1, ASID, "nor does the nested entry make them the host's"},
    {CBIT_ACCESSOR_SEV_GUEST_WALK, 1, 0, ASID, "page tables are private"},
    {CBIT_ACCESSOR_SEV_GUEST_WALK, 1, 1, ASID, "page tables are private"},
    {CBIT_ACCESSOR_SEV_UNPAGED, 0, 0, ASID, "no entry could hold a C-bit: private"},
    {CBIT_ACCESSOR_SEV_UNPAGED, 0, 1, ASID, "the nested entry has no say"},
    {CBIT_ACCESSOR_SEV_UNPAGED, 1, 0, ASID, "a C-bit without paging means nothing"},
    {CBIT_ACCESSOR_SEV_UNPAGED, 1, 1, ASID, "a C-bit without paging means nothing"},
    {CBIT_ACCESSOR_SEV_DATA, 0, 0, PLAIN, "shared page of a host without SME there"},
    {CBIT_ACCESSOR_SEV_DATA, 0, 1, HOST, "shared page, encrypted by the host for itself"},
    {CBIT_ACCESSOR_SEV_DATA, 1, 0, ASID, "private page"},
    {CBIT_ACCESSOR_SEV_DATA, 1, 1, ASID, "private page: the nested C-bit is ignored"},
    {CBIT_ACCESSOR_PLAIN_GUEST, 0, 0, PLAIN, "no SEV, host does not encrypt"},
    {CBIT_ACCESSOR_PLAIN_GUEST, 0, 1, HOST, "no SEV, the host encrypts the guest's page"},
    {CBIT_ACCESSOR_PLAIN_GUEST, 1, 0, PLAIN, "its C position is an address bit, not a C-bit"},
    {CBIT_ACCESSOR_PLAIN_GUEST, 1, 1, HOST, "its C position is an address bit, not a C-bit"},
    {CBIT_ACCESSOR_NESTED_WALK, 0, 0, PLAIN, "nCR3 or parent without C"},
    {CBIT_ACCESSOR_NESTED_WALK, 0, 1, HOST, "nCR3 or parent with C"},
    {CBIT_ACCESSOR_NESTED_WALK, 1, 0, PLAIN, "the guest's C-bit is off before the nested walk"},
    {CBIT_ACCESSOR_NESTED_WALK, 1, 1, HOST, "the guest's C-bit is off before the nested walk"},
    {CBIT_ACCESSOR_HOST, 0, 0, PLAIN, "host entry without C"},
    {CBIT_ACCESSOR_HOST, 0, 1, HOST, "host entry with C: SME"},
    {CBIT_ACCESSOR_HOST, 1, 0, PLAIN, "no guest takes part"},
    {CBIT_ACCESSOR_HOST, 1, 1, HOST, "no guest takes part"},
    {CBIT_ACCESSOR_DEVICE, 0, 0, PLAIN, "IOMMU entry or address without C"},
    {CBIT_ACCESSOR_DEVICE, 0, 1, HOST, "IOMMU entry or address with C"},
    {CBIT_ACCESSOR_DEVICE, 1, 0, PLAIN, "a device cannot name a guest's key"},
    {CBIT_ACCESSOR_DEVICE, 1, 1, HOST, "a device cannot name a guest's key"},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* As docs/machine.md has them. */
static const char *const words[] = {
    [CBIT_ACCESSOR_SEV_FETCH] = "SEV guest: instruction fetch",
    [CBIT_ACCESSOR_SEV_GUEST_WALK] = "SEV guest: its own page tables",
    [CBIT_ACCESSOR_SEV_UNPAGED] = "SEV guest: outside of long and PAE paging",
    [CBIT_ACCESSOR_SEV_DATA] = "SEV guest: data",
    [CBIT_ACCESSOR_PLAIN_GUEST] = "guest without SEV: everything",
    [CBIT_ACCESSOR_NESTED_WALK] = "nested tables",
    [CBIT_ACCESSOR_HOST] = "host software, VMCB, emulated device",
    [CBIT_ACCESSOR_DEVICE] = "real device",
};

START_TEST(each_access_gets_its_key)
{
    const row_t *row = &rows[_i];
    const cbit_access_t access = {.accessor = row->accessor,
                                  .asid = ASID,
                                  .guest_c_bit = row->guest_c_bit,
                                  .host_c_bit = row->host_c_bit};
    ck_assert_msg(cbit_key_of_access(&access) == row->key, "row %d: got %u, expected %u: %s", _i,
                  cbit_key_of_access(&access), row->key, row->reason);
    printf("| %s | %d | %d | %s | %s |\n", words[row->accessor], row->guest_c_bit, row->host_c_bit,
           row->key == ASID   ? "its ASID"
           : row->key == HOST ? "HOST"
                              : "PLAIN",
           row->reason);
}
END_TEST

/* 8 accessors x 2 x 2: a row that is missing or there twice would hide a hole. */
START_TEST(the_table_is_complete)
{
    bool seen[8][2][2] = {{{false}}};
    for (int i = 0; i < ROWS; i++) {
        bool *cell = &seen[rows[i].accessor][rows[i].guest_c_bit][rows[i].host_c_bit];
        ck_assert(!*cell);
        *cell = true;
    }
    ck_assert_int_eq(ROWS, 32);
    ck_assert_int_eq(CBIT_ACCESSOR_DEVICE, 7);
}
END_TEST

/* The first and the last ASID; HOST is outside of them, so no ASID can pass for it. */
START_TEST(every_asid_is_its_own_key)
{
    cbit_access_t access = {.accessor = CBIT_ACCESSOR_SEV_DATA, .guest_c_bit = true};
    for (uint16_t asid = 1; asid <= CBIT_KEY_ASID_MAX; asid++) {
        access.asid = asid;
        ck_assert_uint_eq(cbit_key_of_access(&access), asid);
    }
    ck_assert_uint_gt(CBIT_KEY_HOST, CBIT_KEY_ASID_MAX);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("sim_key");
    TCase *tcase = tcase_create("table");
    tcase_add_loop_test(tcase, each_access_gets_its_key, 0, ROWS);
    tcase_add_test(tcase, the_table_is_complete);
    tcase_add_test(tcase, every_asid_is_its_own_key);
    suite_add_tcase(suite, tcase);
    return suite;
}
