/* Mutants of a netlist, chosen by its input mutsel: which of them do lock-step and the flip test
 * see? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cosim/campaign.h"
#include "cosim/dut_engine.h"

enum {
    CASES = 16,
    FLIP_HORIZON = 12,
    FLIP_LINES = 60,
    MAX_CYCLES = 60000,
};

/* A few short cases first: most mutants do not live longer. */
static uint32_t lines_of_case(uint32_t index)
{
    return index < 4 ? 60 : index < 10 ? 250 : 1000;
}

typedef struct maker {
    cbit_dut_library_t *library;
    uint32_t mutant;
} maker_t;

static cbit_err_t make(void *self, uint64_t seed, cbit_device_t *out)
{
    maker_t *maker = self;
    cbit_dut_t *dut = NULL;
    cbit_err_t err = cbit_dut_create(maker->library, seed, &dut);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    if (!bench_choose(dut, maker->mutant)) {
        bench_fail("the netlist has no input mutsel of at most 16 bits", NULL);
    }
    return cbit_dut_engine_device(dut, out);
}

/* The case that tells it from the model, or -1. */
static int killed_by(const cbit_campaign_config_t *config, maker_t *maker, const cbit_case_t *cases,
                     char *text, size_t len)
{
    cbit_device_maker_t device = {maker, make};
    for (int i = 0; i < CASES; i++) {
        static cbit_campaign_result_t result;
        memset(&result, 0, sizeof result);
        cbit_coverage_init(&result.coverage, &config->pins);
        if (cbit_campaign_run_case(config, &device, &cases[i], &result) != CBIT_ERR_OK) {
            snprintf(text, len, "clock %llu: %.150s", (unsigned long long)result.mismatch.cycle,
                     result.mismatch.text);
            return i;
        }
    }
    return -1;
}

/* With PARITY: does a flip of some register bit end in another way than without the mutation? */
static bool killed_by_flips(const cbit_parameters_t *set, const maker_t *maker, uint64_t seed)
{
    static bench_trace_t trace;
    static bench_flips_t plain;
    bench_flips_t counts = {0};
    if (!set->pins.parity) {
        return false;
    }
    if (trace.clocks == 0) {
        bench_trace_make(set, seed, 1, FLIP_LINES, &trace);
        (void)bench_flip_all(maker->library, &trace, 0, 1, FLIP_HORIZON, seed, &plain);
    }
    (void)bench_flip_all(maker->library, &trace, maker->mutant, 1, FLIP_HORIZON, seed, &counts);
    return counts.seen_at_once != plain.seen_at_once || counts.seen_later != plain.seen_later ||
           counts.escaped != plain.escaped;
}

static uint32_t run_mutants(const cbit_parameters_t *set, maker_t *maker, const cbit_case_t *cases,
                            uint32_t count, uint64_t seed)
{
    cbit_campaign_config_t config = {.pins = set->pins, .seed = seed, .max_cycles = MAX_CYCLES};
    uint32_t killed = 0;
    for (maker->mutant = 0; maker->mutant <= count; maker->mutant++) {
        char text[256] = "";
        int by = killed_by(&config, maker, cases, text, sizeof text);
        if (maker->mutant == 0 && by >= 0) {
            bench_fail(text, NULL); /* the netlist itself is wrong */
        }
        if (maker->mutant == 0) {
            continue;
        }
        bool flips = by < 0 && killed_by_flips(set, maker, seed);
        killed += by >= 0 || flips ? 1 : 0;
        printf("%u %s %s\n", (unsigned)maker->mutant, by >= 0 || flips ? "killed" : "survived",
               flips ? "by the flip test" : text);
        fflush(stdout);
    }
    return killed;
}

int bench_mutants(int argc, char **argv)
{
    if (argc < 3) {
        return 2;
    }
    const cbit_parameters_t *set = bench_set(argv[0]);
    uint32_t count = (uint32_t)strtoul(argv[2], NULL, 0);
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    /* Registers are public for the flip test only: it costs speed. */
    const char *files[] = {argv[1], CBIT_SOURCE_DIR "/rtl/checks/state.vlt"};
    static const char *const options[] = {"-Wno-lint", "--output-split", "20000",
                                          "--output-split-cfuncs", "2000"};
    maker_t maker = {.library = bench_build(files, set->pins.parity ? 2 : 1, options, 5)};
    cbit_case_t cases[CASES];
    for (uint32_t i = 0; i < CASES; i++) {
        cbit_case_knobs_t knobs = {.lines_per_lane = lines_of_case(i),
                                   .key_slots = set->pins.key_slots};
        if (cbit_case_make(&knobs, seed, i, &cases[i]) != CBIT_ERR_OK) {
            bench_fail("no memory", NULL);
        }
    }
    uint32_t killed = run_mutants(set, &maker, cases, count, seed);
    for (uint32_t i = 0; i < CASES; i++) {
        cbit_case_free(&cases[i]);
    }
    cbit_dut_library_destroy(maker.library);
    fprintf(stderr, "%s: %u of %u killed\n", set->name, (unsigned)killed, (unsigned)count);
    return 0;
}
