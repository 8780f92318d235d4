/* ASIDs, the owner's measurement, the VMCB, and the set of blocks that nobody else may see. */
#include <string.h>

#include "cbit_test.h"
#include "tests/unit/test_hypervisor_launch.h"
#include "workloads/hypervisor/asids.h"
#include "workloads/hypervisor/blocks.h"
#include "workloads/hypervisor/measure.h"
#include "workloads/hypervisor/vmcb.h"

/* ---- ASIDs ---- */

START_TEST(a_left_asid_needs_a_flush_before_it_is_bound_again)
{
    cbit_hv_asids_t asids;
    uint32_t asid = 0;
    cbit_hv_asids_init(&asids, 1, 2);
    ck_assert_int_eq(cbit_hv_asids_take(&asids, 0, &asid), CBIT_HV_ASID_TAKEN);
    ck_assert_uint_eq(asid, 1);
    ck_assert_int_eq(cbit_hv_asids_take(&asids, 2, &asid), CBIT_HV_ASID_TAKEN);
    ck_assert_int_eq(cbit_hv_asids_take(&asids, 0, &asid), CBIT_HV_ASID_NONE);
    ck_assert_int_eq(cbit_hv_asids_take(&asids, 2, &asid), CBIT_HV_ASID_NONE);
    cbit_hv_asids_retire(&asids, 2);
    ck_assert_int_eq(cbit_hv_asids_take(&asids, 0, &asid), CBIT_HV_ASID_FLUSH_FIRST);
    ck_assert_int_eq(cbit_hv_asids_take(&asids, 2, &asid), CBIT_HV_ASID_FLUSH_FIRST);
    cbit_hv_asids_flushed(&asids);
    ck_assert_int_eq(cbit_hv_asids_take(&asids, 0, &asid), CBIT_HV_ASID_TAKEN);
    ck_assert_uint_eq(asid, 2);
}
END_TEST

START_TEST(the_pool_leaves_named_asids_alone)
{
    cbit_hv_asids_t asids;
    uint32_t asid = 0;
    cbit_hv_asids_init(&asids, 3, 5);
    cbit_hv_asids_reserve(&asids, 3);
    cbit_hv_asids_reserve(&asids, 5);
    ck_assert_int_eq(cbit_hv_asids_take(&asids, 0, &asid), CBIT_HV_ASID_TAKEN);
    ck_assert_uint_eq(asid, 4);
    ck_assert_int_eq(cbit_hv_asids_take(&asids, 0, &asid), CBIT_HV_ASID_NONE);
    ck_assert_int_eq(cbit_hv_asids_take(&asids, 5, &asid), CBIT_HV_ASID_TAKEN);
    ck_assert_int_eq(cbit_hv_asids_take(&asids, 2000, &asid), CBIT_HV_ASID_NONE);
}
END_TEST

/* ---- the measurement ---- */

/*
 * SHA-256("abc") is FIPS 180-2's first example, ba7816bf...15ad. The message is 04 00 18 0f, policy
 * 01 00 00 00, that digest, MNONCE 00 01 ... 0f; its HMAC-SHA256 under 16 zero bytes was computed
 * with Python's hashlib and hmac.
 */
static const uint8_t expected_answer[SEV_MEASUREMENT_BYTES] = {
    0x48, 0x07, 0xb8, 0x26, 0xb2, 0xec, 0xac, 0xda, 0x15, 0xd2, 0xec, 0xaf, 0x3e, 0x2d, 0x7a, 0x34,
    0xc2, 0x3c, 0x1e, 0xb3, 0xaa, 0x68, 0x49, 0x31, 0x2f, 0x92, 0x67, 0xab, 0xe5, 0x75, 0x1a, 0x3d,
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f};

static bool agrees(const uint8_t *first, const uint8_t *second, uint32_t policy,
                   const uint8_t answer[SEV_MEASUREMENT_BYTES])
{
    const cbit_hv_owner_t owner = {.api_major = 0, .api_minor = 24, .build = 15, .policy = policy};
    cbit_hv_digest_t *digest = cbit_hv_digest_create();
    bool result = false;
    ck_assert_ptr_nonnull(digest);
    ck_assert_int_eq(cbit_hv_digest_add(digest, first, 1), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_hv_digest_add(digest, second, 2), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_hv_digest_check(digest, &owner, answer, &result), CBIT_ERR_OK);
    cbit_hv_digest_destroy(digest);
    return result;
}

START_TEST(the_owner_accepts_its_own_image_and_nothing_else)
{
    uint8_t answer[SEV_MEASUREMENT_BYTES];
    memcpy(answer, expected_answer, sizeof answer);
    ck_assert(agrees((const uint8_t *)"a", (const uint8_t *)"bc", 1, answer));
    ck_assert(!agrees((const uint8_t *)"a", (const uint8_t *)"bd", 1, answer));
    ck_assert(!agrees((const uint8_t *)"a", (const uint8_t *)"bc", 0, answer));
    answer[47] ^= 1; /* the nonce */
    ck_assert(!agrees((const uint8_t *)"a", (const uint8_t *)"bc", 1, answer));
    answer[47] ^= 1;
    answer[0] ^= 0x80;
    ck_assert(!agrees((const uint8_t *)"a", (const uint8_t *)"bc", 1, answer));
}
END_TEST

/* ---- the VMCB ---- */

START_TEST(a_vmcb_has_its_fields_where_the_manual_puts_them)
{
    uint8_t vmcb[CBIT_VMCB_BYTES];
    const cbit_hv_vmcb_setup_t setup = {
        .asid = 0x1fd,
        .sev = true,
        .nested_cr3 = 0x800000123000,
        .entry = {.rip = 0x100000, .rflags = 2, .cr0 = 0x11, .cr4 = 0x20, .efer = 0x100}};
    cbit_hv_vmcb_build(vmcb, &setup);
    static const struct {
        uint32_t at;
        uint8_t bytes[8];
        uint32_t len;
    } fields[] = {
        {0x058, {0xfd, 0x01, 0, 0, 0}, 5},                   /* ASID, TLB control */
        {0x090, {3}, 8},                                     /* nested paging, SEV */
        {0x0b0, {0, 0x30, 0x12, 0, 0, 0x80}, 8},             /* nCR3 with C-bit 47 */
        {0x410, {0x08, 0, 0x9b, 0x0c, 0xff, 0xff, 0xff}, 7}, /* CS: 32-bit code */
        {0x484, {0}, 4},                                     /* IDT limit */
        {0x4d0, {0x00, 0x11}, 8},                            /* EFER: SVME and LME */
        {0x558, {0x11}, 8},                                  /* CR0 */
        {0x578, {0, 0, 0x10}, 8},                            /* RIP */
    };
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        ck_assert_msg(memcmp(vmcb + fields[i].at, fields[i].bytes, fields[i].len) == 0,
                      "field at %03x", fields[i].at);
    }
    /* VMRUN itself must be intercepted: vector 4, bit 0. */
    ck_assert_uint_eq(vmcb[0x010] & 1, 1);
    cbit_hv_vmcb_set_tlb_control(vmcb, 3);
    ck_assert_uint_eq(vmcb[0x05c], 3);
}
END_TEST

START_TEST(a_plain_guest_has_no_sev_bit)
{
    uint8_t vmcb[CBIT_VMCB_BYTES];
    const cbit_hv_vmcb_setup_t setup = {.asid = 1024};
    cbit_hv_vmcb_build(vmcb, &setup);
    ck_assert_uint_eq(vmcb[0x090], 1);
}
END_TEST

/* ---- blocks ---- */

START_TEST(blocks_are_found_whatever_the_order_of_adding)
{
    cbit_hv_blocks_t blocks = {0};
    uint8_t bytes[48] = {0};
    uint8_t other[16] = {9, 9, 9};
    bytes[0] = 7;
    memset(bytes + 16, 0xcc, 16); /* a filler: left out */
    bytes[47] = 3;
    ck_assert(!cbit_hv_blocks_contains(&blocks, bytes));
    ck_assert_int_eq(cbit_hv_blocks_add(&blocks, bytes, sizeof bytes), CBIT_ERR_OK);
    ck_assert_uint_eq(blocks.count, 2);
    ck_assert(cbit_hv_blocks_contains(&blocks, bytes));
    ck_assert(!cbit_hv_blocks_contains(&blocks, bytes + 16));
    ck_assert(cbit_hv_blocks_contains(&blocks, bytes + 32));
    ck_assert(!cbit_hv_blocks_contains(&blocks, other));
    ck_assert_int_eq(cbit_hv_blocks_add(&blocks, other, sizeof other), CBIT_ERR_OK);
    ck_assert(cbit_hv_blocks_contains(&blocks, other));
    cbit_hv_blocks_clear(&blocks);
}
END_TEST

void cbit_test_add_launch(Suite *suite)
{
    TCase *asids = tcase_create("asids");
    tcase_add_test(asids, a_left_asid_needs_a_flush_before_it_is_bound_again);
    tcase_add_test(asids, the_pool_leaves_named_asids_alone);
    suite_add_tcase(suite, asids);
    TCase *measure = tcase_create("measure");
    tcase_add_test(measure, the_owner_accepts_its_own_image_and_nothing_else);
    suite_add_tcase(suite, measure);
    TCase *vmcb = tcase_create("vmcb");
    tcase_add_test(vmcb, a_vmcb_has_its_fields_where_the_manual_puts_them);
    tcase_add_test(vmcb, a_plain_guest_has_no_sev_bit);
    suite_add_tcase(suite, vmcb);
    TCase *blocks = tcase_create("blocks");
    tcase_add_test(blocks, blocks_are_found_whatever_the_order_of_adding);
    suite_add_tcase(suite, blocks);
}
