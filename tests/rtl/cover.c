/* Runs cases on the RTL compiled with coverage of lines and writes Verilator's counts and the
   toggles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cosim/dut_engine.h"
#include "cosim/run.h"

enum { MAX_CASES = 64 };

/* One instance for all cases: it holds the counts. */
static uint64_t run_all(const cbit_parameters_t *set, cbit_device_t *device, uint32_t lines,
                        uint32_t cases)
{
    cbit_run_counts_t counts = {0};
    for (uint32_t i = 0; i < cases; i++) {
        cbit_case_t what;
        cbit_device_t golden;
        cbit_run_mismatch_t mismatch = {0};
        cbit_case_knobs_t knobs = {.lines_per_lane = lines, .key_slots = set->pins.key_slots};
        if (cbit_case_make(&knobs, 1, i, &what) != CBIT_ERR_OK ||
            cbit_device_model(&set->pins, &golden) != CBIT_ERR_OK) {
            bench_fail("no memory", NULL);
        }
        cbit_run_case(&what, &set->pins, &golden, device, 0, &counts, NULL, &mismatch);
        if (mismatch.any) {
            bench_fail(mismatch.text, NULL);
        }
        golden.destroy(golden.self);
        cbit_case_free(&what);
    }
    return counts.beats_compared;
}

/* One bit of one register flipped for a clock, so that what reports a fault is covered too. */
static void flip_each(cbit_dut_t *dut, cbit_device_t *device)
{
    cbit_aes_pins_in_t in = {.lane = {{.out_ready = true}, {.out_ready = true}}};
    cbit_aes_pins_out_t out;
    cbit_dut_state_t state;
    for (uint32_t i = 0; cbit_dut_state(dut, i, &state); i++) {
        if (!bench_is_register(state.name)) {
            continue;
        }
        state.data[0] ^= 1;
        device->clock(device->self, &in, &out);
        in.reset = true;
        device->clock(device->self, &in, &out);
        in.reset = false;
        device->clock(device->self, &in, &out);
    }
}

int bench_cover(int argc, char **argv)
{
    if (argc < 6) {
        return 2;
    }
    const cbit_parameters_t *set = bench_set(argv[0]);
    uint32_t lines = (uint32_t)strtoul(argv[1], NULL, 0);
    uint32_t cases = (uint32_t)strtoul(argv[2], NULL, 0);
    bench_rtl_t rtl = {.root = argv[5],
                       .registers = true,
                       .checks = true,
                       .options = (const char *const *)argv + 6,
                       .option_count = (uint32_t)argc - 6};
    cbit_dut_library_t *library = bench_build_rtl(set, &rtl);
    cbit_dut_t *dut = NULL;
    cbit_device_t device;
    if (cbit_dut_create(library, 1, &dut) != CBIT_ERR_OK ||
        cbit_dut_engine_device(dut, &device) != CBIT_ERR_OK) {
        bench_fail("no memory", NULL);
    }
    bench_toggles_t *toggles = bench_toggles_watch(dut, &device);
    uint64_t beats = run_all(set, &device, lines, cases);
    if (set->pins.parity) {
        flip_each(dut, &device);
    }
    if (!cbit_dut_coverage(dut, argv[3])) {
        bench_fail("built without coverage: an option --coverage-... is missing", NULL);
    }
    if (!bench_toggles_write(toggles, argv[0], argv[4])) {
        bench_fail("the toggles cannot be written", NULL);
    }
    bench_toggles_free(toggles);
    device.destroy(device.self);
    cbit_dut_library_destroy(library);
    printf("%s: %llu beats equal\n", set->name, (unsigned long long)beats);
    return 0;
}
