/* Virtqueues, bounce buffers and devices: does what arrives agree with the pages that were used? */
#include <string.h>

#include "cbit_test.h"
#include "tests/scenario/hypervisor_bench.h"

static cbit_scenario_guest_t *add_io_guest(bench_t *bench, uint32_t device, uint32_t pages)
{
    cbit_scenario_guest_t *guest = bench_add_guest(bench, "a", 1);
    bench->machine.host.cores = 4;
    guest->traffic.max_instructions = 40000;
    guest->io = (cbit_guest_io_load_t){.every_instructions = 4000,
                                       .bytes = 4096,
                                       .pages = pages,
                                       .read_fraction = 500000,
                                       .device = device,
                                       .depth = 1,
                                       .access_platform = true};
    return guest;
}

/* A driver that waited for room that never comes would wait for ever; it reports, at once. */
START_TEST(what_no_bounce_buffer_holds_is_reported)
{
    bench_t *bench = bench_create();
    cbit_scenario_guest_t *guest =
        add_io_guest(bench, CBIT_GUEST_DEVICE_VIRTIO_BLK, CBIT_GUEST_IO_BOUNCED);
    guest->vcpus = 4; /* four areas of 64 KiB each */
    guest->swiotlb = 256 << 10;
    guest->io.bytes = 256 << 10;
    guest->io.on_full = CBIT_GUEST_ON_FULL_REQUEUE;
    const cbit_run_result_t *result = bench_run(bench);
    const cbit_run_guest_t *a = &result->guests[0];
    ck_assert_uint_gt(a->io_failed, 20);
    ck_assert_uint_eq(a->io_requests, 0);
    /* Once for each, and again while another vCPU's header had a slot. */
    ck_assert_uint_le(a->swiotlb_failures, 4 * a->io_failed);
    ck_assert_uint_eq(a->end, CBIT_GUEST_FINISHED);
    bench_destroy(bench);
}
END_TEST

/* What a device reads of private pages, by who it is: host software has its own key's view. */
static const char *const private_reads[CBIT_GUEST_DEVICES] = {"ciphertext", "garbage", "garbage"};

START_TEST(six_outcomes_of_every_device)
{
    uint32_t device = (uint32_t)_i;
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1);
    for (uint32_t i = 0; i < 6; i++) {
        cbit_scenario_event_t *event = bench_add_event(
            bench, i < 3 ? CBIT_EVENT_DMA_READ : CBIT_EVENT_DMA_WRITE, 0, CBIT_WHEN_PAGED);
        event->pages = i % 3;
        event->device = device;
    }
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_str_eq(result->events[0].outcome, private_reads[device]);
    /* What the guest reads is its own cached copy, or noise. */
    ck_assert(strcmp(result->events[3].outcome, "stale") == 0 ||
              strcmp(result->events[3].outcome, "garbage") == 0);
    for (uint32_t i = 0; i < 6; i++) {
        if (i % 3 != CBIT_PAGES_PRIVATE) {
            ck_assert_str_eq(result->events[i].outcome, "plaintext");
        }
    }
    const cbit_run_guest_t *guest = &result->guests[0];
    ck_assert_uint_eq(guest->io_requests, 6);
    ck_assert_uint_eq(guest->exits_ioio, 6);
    ck_assert_uint_ge(guest->dma_private_reads, 64); /* the data's; headers are private as well */
    ck_assert_uint_ge(guest->dma_private_writes, 64);
    bench_destroy(bench);
}
END_TEST

static void six_outcomes(bench_t *bench, const cbit_hypervisor_config_t *config)
{
    bench->options.config = config;
    bench_add_guest(bench, "a", 1);
    for (uint32_t i = 0; i < 6; i++) {
        bench_add_event(bench, i < 3 ? CBIT_EVENT_DMA_READ : CBIT_EVENT_DMA_WRITE, 0,
                        CBIT_WHEN_PAGED)
            ->pages = i % 3;
    }
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert_str_eq(result->events[0].outcome, "ciphertext");
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert(i % 3 == CBIT_PAGES_PRIVATE ||
                  strcmp(result->events[i].outcome, "plaintext") == 0);
    }
    ck_assert_uint_eq(result->machine.iommu.faults, 0);
    ck_assert_uint_eq(result->machine.iommu.masked, 0);
}

/* Tables in host memory lead a device of few address bits everywhere; without them it does not
   reach the C-bit, and the host copies what is under its key: 4 pages, and the rings around. */
START_TEST(a_device_that_does_not_reach_the_c_bit_is_bounced_unless_tables_say_it)
{
    static const struct {
        uint32_t iommu, bits;
        bool sme, bounces;
    } cases[] = {{CBIT_IOMMU_TRANSLATED, 64, true, false},
                 {CBIT_IOMMU_TRANSLATED, 32, true, false},
                 {CBIT_IOMMU_PASSTHROUGH, 64, true, false},
                 {CBIT_IOMMU_PASSTHROUGH, 40, true, true},
                 {CBIT_IOMMU_PASSTHROUGH, 40, false, false}};
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cbit_hypervisor_config_t config;
        cbit_rows_defaults(cbit_hypervisor_rows, &config);
        config.iommu = cases[i].iommu;
        config.dma_mask_bits = cases[i].bits;
        bench_t *bench = bench_create();
        bench->machine.host.sme = cases[i].sme;
        six_outcomes(bench, &config);
        const cbit_run_guest_t *guest = &bench->result->guests[0];
        bool translated = cases[i].iommu == CBIT_IOMMU_TRANSLATED;
        ck_assert((guest->dma_bounces > 0) == cases[i].bounces);
        ck_assert_uint_ge(guest->dma_bounced_bytes, cases[i].bounces ? 4 * 4096 : 0);
        ck_assert((bench->result->machine.iommu.walks > 0) == translated);
        ck_assert(bench->result->machine.iommu.untranslated == 0 || !translated);
        bench_destroy(bench);
    }
}
END_TEST

/* Two guests with a device each, one after the other: the tables of the first are not the second's,
   and its device reaches nothing any more. */
START_TEST(each_guests_device_has_tables_of_its_own)
{
    bench_t *bench = bench_create();
    for (uint32_t i = 0; i < 3; i++) {
        static const char *const names[] = {"a", "b", "c"};
        bench_add_guest(bench, names[i], 0)->after_guest = i == 2 ? 0 : UINT32_MAX;
        bench_add_event(bench, CBIT_EVENT_DMA_READ, i, CBIT_WHEN_PAGED)->pages = CBIT_PAGES_SHARED;
        bench_add_event(bench, CBIT_EVENT_DMA_WRITE, i, CBIT_WHEN_PAGED)->pages =
            CBIT_PAGES_BOUNCED;
    }
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert_str_eq(result->events[i].outcome, "plaintext");
    }
    ck_assert_uint_eq(result->machine.iommu.faults, 0);
    bench_destroy(bench);
}
END_TEST

START_TEST(transfers_of_a_program_arrive)
{
    uint32_t device = (uint32_t)_i % CBIT_GUEST_DEVICES;
    bool polls = _i >= CBIT_GUEST_DEVICES;
    bench_t *bench = bench_create();
    cbit_scenario_guest_t *config = add_io_guest(bench, device, CBIT_GUEST_IO_BOUNCED);
    config->io.completion = polls;
    config->io.depth = 1 + (uint32_t)_i;
    config->vcpus = 2;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    const cbit_run_guest_t *guest = &result->guests[0];
    /* Ten each, one for each 4000 instructions but for the last record's. */
    ck_assert_uint_ge(guest->io_requests, 18);
    ck_assert_uint_eq(guest->io_bytes, guest->io_requests * 4096);
    ck_assert_uint_eq(guest->io_failed, 0);
    ck_assert_uint_eq(guest->dma_private_reads + guest->dma_private_writes, 0);
    ck_assert_uint_ge(guest->bounced_bytes, guest->io_bytes);
    ck_assert(polls ? guest->interrupts == 0 : guest->interrupts > 0);
    bench_destroy(bench);
}
END_TEST

START_TEST(transfers_that_are_in_flight_together_take_less_time)
{
    cbit_ps_t run_ps[2];
    for (uint32_t i = 0; i < 2; i++) {
        bench_t *bench = bench_create();
        cbit_scenario_guest_t *guest =
            add_io_guest(bench, CBIT_GUEST_DEVICE_VIRTIO_BLK, CBIT_GUEST_IO_SHARED);
        guest->io.depth = i == 0 ? 1 : 8;
        guest->io.every_instructions = 1000;
        const cbit_run_result_t *result = bench_run(bench);
        bench_expect_clean(result);
        run_ps[i] = result->guests[0].run_ps;
        bench_destroy(bench);
    }
    /* About forty times 5 us of emulation, one after the other or eight at a time. */
    ck_assert_uint_gt(run_ps[0], run_ps[1] + 100000000);
}
END_TEST

START_TEST(without_access_platform_devices_see_noise_and_give_up)
{
    bench_t *bench = bench_create();
    cbit_scenario_guest_t *config =
        add_io_guest(bench, CBIT_GUEST_DEVICE_VIRTIO_BLK, CBIT_GUEST_IO_BOUNCED);
    config->io.access_platform = false;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    const cbit_run_guest_t *guest = &result->guests[0];
    ck_assert_uint_eq(guest->device_errors, 1);
    ck_assert_uint_eq(guest->io_requests, 0);
    ck_assert_uint_ge(guest->io_failed, 9);
    ck_assert_uint_eq(guest->end, CBIT_GUEST_FINISHED);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_full_bounce_buffer_delays_or_fails_transfers)
{
    for (uint32_t on_full = 0; on_full < 2; on_full++) {
        bench_t *bench = bench_create();
        cbit_scenario_guest_t *config =
            add_io_guest(bench, CBIT_GUEST_DEVICE_REAL, CBIT_GUEST_IO_BOUNCED);
        config->swiotlb = 256 << 10; /* 128 slots: four transfers of 64 KiB */
        config->io.bytes = 64 << 10;
        config->io.every_instructions = 500;
        config->io.depth = 8;
        config->io.on_full = on_full;
        const cbit_run_result_t *result = bench_run(bench);
        bench_expect_clean(result);
        const cbit_run_guest_t *guest = &result->guests[0];
        ck_assert_uint_eq(guest->swiotlb_slots, 128);
        ck_assert_uint_eq(guest->swiotlb_high_water, 128);
        ck_assert_uint_gt(guest->swiotlb_failures, 0);
        if (on_full == CBIT_GUEST_ON_FULL_REQUEUE) {
            ck_assert_uint_eq(guest->io_failed, 0);
            ck_assert_uint_ge(guest->io_requests, 38);
        } else {
            ck_assert_uint_eq(guest->io_failed, guest->swiotlb_failures);
        }
        bench_destroy(bench);
    }
}
END_TEST

/* Old lines under the other key id survive a change of the C-bit unless somebody flushes them. */
START_TEST(a_page_that_changes_sides_without_flushes_reads_stale_before_coherent_domains)
{
    bool coherent = (_i & 1) != 0, flush = (_i & 2) != 0;
    bench_t *bench = bench_create();
    bench->machine.sev.coherent_domains = coherent;
    bench_add_guest(bench, "a", 1);
    bench_add_event(bench, CBIT_EVENT_CONVERT_PAGE, 0, CBIT_WHEN_PAGED)->flush = flush;
    const cbit_run_result_t *result = bench_run(bench);
    bench_expect_clean(result);
    ck_assert(!result->events[0].skipped);
    ck_assert_uint_eq(result->events[0].blocks, 256);
    ck_assert_str_eq(result->events[0].outcome, !coherent && !flush ? "stale" : "garbage");
    ck_assert_uint_eq(result->events[0].changed_blocks, !coherent && !flush ? 0 : 256);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    bench_destroy(bench);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("devices");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, what_no_bounce_buffer_holds_is_reported);
    tcase_add_loop_test(all, six_outcomes_of_every_device, 0, CBIT_GUEST_DEVICES);
    tcase_add_loop_test(all, transfers_of_a_program_arrive, 0, 2 * CBIT_GUEST_DEVICES);
    tcase_add_loop_test(
        all, a_page_that_changes_sides_without_flushes_reads_stale_before_coherent_domains, 0, 4);
    tcase_add_test(all, transfers_that_are_in_flight_together_take_less_time);
    tcase_add_test(all, without_access_platform_devices_see_noise_and_give_up);
    tcase_add_test(all, a_device_that_does_not_reach_the_c_bit_is_bounced_unless_tables_say_it);
    tcase_add_test(all, each_guests_device_has_tables_of_its_own);
    tcase_add_test(all, a_full_bounce_buffer_delays_or_fails_transfers);
    suite_add_tcase(suite, all);
    return suite;
}
