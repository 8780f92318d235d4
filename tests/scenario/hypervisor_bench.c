#include "tests/scenario/hypervisor_bench.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "cbit/sim/time.h"
#include "firmware/image.h"

#define TRACE CBIT_SOURCE_DIR "/workloads/traces/xz.cbt"

bench_t *bench_create(void)
{
    bench_t *bench = calloc(1, sizeof *bench);
    ck_assert_ptr_nonnull(bench);
    cbit_rows_defaults(cbit_platform_rows, &bench->machine);
    bench->machine.host.sme = true;
    bench->scenario = (cbit_scenario_t){
        .seed = 1, .guests = bench->guests, .events = bench->events, .machine = &bench->machine};
    bench->options = (cbit_hypervisor_options_t){
        .mode = CBIT_ENGINE_MODEL, .engines = &cbit_aes_model_factory, .firmware = &cbit_firmware};
    bench->result = calloc(1, sizeof *bench->result);
    bench->diag = cbit_diag_create();
    ck_assert_ptr_nonnull(bench->result);
    ck_assert_ptr_nonnull(bench->diag);
    return bench;
}

void bench_destroy(bench_t *bench)
{
    cbit_run_result_clear(bench->result);
    free(bench->result);
    cbit_diag_destroy(bench->diag);
    free(bench);
}

cbit_scenario_guest_t *bench_add_guest(bench_t *bench, const char *name, uint32_t asid)
{
    ck_assert_uint_lt(bench->scenario.guests_count, BENCH_MAX_GUESTS);
    cbit_scenario_guest_t *guest = &bench->guests[bench->scenario.guests_count++];
    *guest = (cbit_scenario_guest_t){
        .protection = CBIT_PROTECTION_SEV,
        .asid = asid,
        .memory = UINT64_C(32) << 20,
        .vcpus = 1,
        .weight = 100,
        .after_guest = UINT32_MAX,
        .node = UINT32_MAX,
        .traffic = {.kind = CBIT_TRAFFIC_TRACE, .max_instructions = 10000, .path = TRACE},
    };
    (void)snprintf(guest->name, sizeof guest->name, "%s", name);
    return guest;
}

cbit_scenario_event_t *bench_add_event(bench_t *bench, uint32_t kind, uint32_t guest, uint32_t when)
{
    ck_assert_uint_lt(bench->scenario.events_count, BENCH_MAX_EVENTS);
    cbit_scenario_event_t *event = &bench->events[bench->scenario.events_count++];
    *event = (cbit_scenario_event_t){.kind = kind,
                                     .when = when,
                                     .at_us = CBIT_PS_NEVER,
                                     .guest_index = guest,
                                     .flush_tlb = true,
                                     .bytes = 4096,
                                     .hold_us = 50000000,
                                     .engines_mask = ~0u};
    return event;
}

const cbit_run_result_t *bench_run(bench_t *bench)
{
    cbit_run_result_clear(bench->result);
    cbit_err_t err =
        cbit_hypervisor_run(&bench->scenario, &bench->options, bench->result, bench->diag);
    for (size_t i = 0; i < cbit_diag_count(bench->diag); i++) {
        const cbit_diag_entry_t *entry = cbit_diag_at(bench->diag, i);
        printf("%s: %s\n", entry->where, entry->text);
    }
    (void)fflush(stdout); /* a failed assertion leaves without */
    ck_assert_int_eq(err, CBIT_ERR_OK);
    return bench->result;
}

void bench_expect_clean(const cbit_run_result_t *result)
{
    for (const cbit_row_t *row = cbit_run_check_rows; row->key != NULL; row++) {
        const uint64_t *value =
            (const uint64_t *)(const void *)((const char *)&result->checks + row->offset);
        ck_assert_msg(*value == 0, "%s is %llu", row->key, (unsigned long long)*value);
    }
}
