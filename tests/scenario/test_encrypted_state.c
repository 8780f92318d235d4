/* SEV-ES guests: does their state stay theirs, and do exits go through the GHCB? */
#include "cbit_test.h"
#include "tests/scenario/hypervisor_bench.h"

static cbit_scenario_guest_t *add_es_guest(bench_t *bench, const char *name, uint32_t asid)
{
    cbit_scenario_guest_t *guest = bench_add_guest(bench, name, asid);
    bench->machine.sev.min_sev_asid = 4;
    bench->machine.host.cores = 2;
    guest->protection = CBIT_PROTECTION_SEV_ES;
    guest->vcpus = 2;
    guest->io = (cbit_guest_io_load_t){.every_instructions = 2000,
                                       .bytes = 512,
                                       .pages = CBIT_GUEST_IO_BOUNCED,
                                       .read_fraction = 500000,
                                       .depth = 1,
                                       .access_platform = true};
    return guest;
}

START_TEST(a_guest_with_encrypted_state_asks_through_its_ghcb)
{
    bench_t *bench = bench_create();
    if (_i == 1) {
        bench->options.mode = CBIT_ENGINE_OFF;
        bench->options.engines = NULL;
    }
    add_es_guest(bench, "a", 0);
    bench_add_guest(bench, "b", 0);
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    const cbit_run_guest_t *a = &result->guests[0], *b = &result->guests[1];
    ck_assert_uint_eq(a->end, CBIT_GUEST_FINISHED);
    ck_assert(a->launch_measurement_ok); /* the VMSAs are part of it */
    ck_assert_uint_eq(a->asid, 1);
    ck_assert_uint_eq(b->asid, 4); /* the pools are apart */
    ck_assert_uint_ge(a->exits_ioio, 8);
    /* Doorbells and the call that starts the second vCPU. */
    ck_assert_uint_eq(a->vmgexits, a->exits_ioio + 1);
    ck_assert_uint_eq(a->vc_exceptions, a->vmgexits);
    ck_assert_uint_eq(b->vmgexits, 0);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_vcpu_whose_vmsa_is_under_another_asid_does_not_run)
{
    bench_t *bench = bench_create();
    add_es_guest(bench, "a", 1);
    add_es_guest(bench, "b", 2)->traffic.max_instructions = 200000;
    bench_add_event(bench, CBIT_EVENT_RUN_WITH_ASID, 0, CBIT_WHEN_PAGED)->asid = 2;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    /* Under the other key the VMSA is noise: its record's checksum does not agree. */
    ck_assert_str_eq(result->events[0].outcome, "invalid");
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    bench_destroy(bench);
}
END_TEST

START_TEST(without_asids_for_encrypted_state_the_launch_is_refused)
{
    bench_t *bench = bench_create();
    add_es_guest(bench, "a", 0);
    bench->machine.sev.min_sev_asid = 1;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_REFUSED);
    bench_destroy(bench);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("encrypted_state");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, a_guest_with_encrypted_state_asks_through_its_ghcb, 0, 2);
    tcase_add_test(all, a_vcpu_whose_vmsa_is_under_another_asid_does_not_run);
    tcase_add_test(all, without_asids_for_encrypted_state_the_launch_is_refused);
    suite_add_tcase(suite, all);
    return suite;
}
