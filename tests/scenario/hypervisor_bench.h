/* A scenario built by hand, without JSON: what the hypervisor's tests run. */
#ifndef CBIT_TEST_HYPERVISOR_BENCH_H
#define CBIT_TEST_HYPERVISOR_BENCH_H

#include "cbit/platform/config.h"
#include "cbit/workloads/hypervisor.h"

enum { BENCH_MAX_GUESTS = 8, BENCH_MAX_EVENTS = 16 };

typedef struct bench {
    cbit_scenario_t scenario;
    cbit_platform_config_t machine;
    cbit_scenario_guest_t guests[BENCH_MAX_GUESTS];
    cbit_scenario_event_t events[BENCH_MAX_EVENTS];
    cbit_hypervisor_options_t options;
    cbit_run_result_t *result;
    cbit_diag_t *diag;
} bench_t;

/* The default machine with an SME host, the model's engine and no guests yet. */
bench_t *bench_create(void);
void bench_destroy(bench_t *bench);

/* An SEV guest that runs the first instructions of a recorded program; asid 0: from the pool. */
cbit_scenario_guest_t *bench_add_guest(bench_t *bench, const char *name, uint32_t asid);
cbit_scenario_event_t *bench_add_event(bench_t *bench, uint32_t kind, uint32_t guest,
                                       uint32_t when);

/* Runs; fails the test with the diagnostics if the run does not end well. */
const cbit_run_result_t *bench_run(bench_t *bench);

/* Fails the test unless every count that must be zero is. */
void bench_expect_clean(const cbit_run_result_t *result);

#endif
