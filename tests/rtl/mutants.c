/* Mutants of rtl/, all in one design and chosen by its input mutsel: which of them do lock-step,
 * the assertions and the flip test see? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cosim/campaign.h"
#include "cosim/dut_engine.h"

enum {
    CASES = 44,
    FLIP_HORIZON = 12,
    FLIP_LINES = 400,
    FLIP_PHASES = 6,
    MAX_CYCLES = 60000,
    SEED = 1,
};

/* Short cases first, in which wipes, resets and key writes come close together. */
static uint32_t lines_of_case(uint32_t index)
{
    return index < 40 ? 60 : 400;
}

/* The flip test needs the registers and puts states back, so there are no assertions beside it. */
static bool has_flips(const cbit_parameters_t *set)
{
    return set->pins.parity && strcmp(set->name, "all_on") != 0;
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
        bench_fail("the design has no input mutsel of at most 16 bits", NULL);
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
static bool killed_by_flips(const cbit_parameters_t *set, const maker_t *maker)
{
    static bench_trace_t trace;
    static bench_flips_t plain;
    bench_flips_t counts = {0};
    if (!has_flips(set)) {
        return false;
    }
    if (trace.clocks == 0) {
        bench_trace_make(set, SEED, 1, FLIP_LINES, &trace);
        (void)bench_flip_all(maker->library, &trace, 0, FLIP_PHASES, FLIP_HORIZON, SEED, &plain);
    }
    (void)bench_flip_all(maker->library, &trace, maker->mutant, FLIP_PHASES, FLIP_HORIZON, SEED,
                         &counts);
    return counts.seen_at_once != plain.seen_at_once || counts.seen_later != plain.seen_later ||
           counts.escaped != plain.escaped;
}

static void run_mutant(const cbit_parameters_t *set, maker_t *maker, const cbit_case_t *cases)
{
    cbit_campaign_config_t config = {.pins = set->pins, .seed = SEED, .max_cycles = MAX_CYCLES};
    char text[256] = "";
    int by = killed_by(&config, maker, cases, text, sizeof text);
    if (maker->mutant == 0 && by >= 0) {
        bench_fail(text, NULL); /* with no mutant chosen it must be the engine */
    }
    bool flips = maker->mutant != 0 && by < 0 && killed_by_flips(set, maker);
    if (maker->mutant != 0) {
        printf("%u %s %s\n", (unsigned)maker->mutant, by >= 0 || flips ? "killed" : "survived",
               flips ? "by the flip test" : text);
        fflush(stdout);
    }
}

/* The numbers at the beginning of a file's lines, after number 0. */
static void run_file(const cbit_parameters_t *set, maker_t *maker, const cbit_case_t *cases,
                     const char *path)
{
    char line[1024];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        bench_fail("the list of mutants cannot be opened", NULL);
        return;
    }
    run_mutant(set, maker, cases);
    while (fgets(line, sizeof line, file) != NULL) {
        maker->mutant = (uint32_t)strtoul(line, NULL, 10);
        if (maker->mutant != 0) {
            run_mutant(set, maker, cases);
        }
    }
    (void)fclose(file);
}

int bench_mutants(int argc, char **argv)
{
    if (argc < 3) {
        return 2;
    }
    const cbit_parameters_t *set = bench_set(argv[0]);
    bench_rtl_t rtl = {.root = argv[1],
                       .registers = has_flips(set),
                       .checks = !has_flips(set),
                       .options = (const char *const *)argv + 3,
                       .option_count = (uint32_t)argc - 3};
    maker_t maker = {.library = bench_build_rtl(set, &rtl)};
    cbit_case_t cases[CASES];
    for (uint32_t i = 0; i < CASES; i++) {
        cbit_case_knobs_t knobs = {.lines_per_lane = lines_of_case(i),
                                   .key_slots = set->pins.key_slots};
        if (cbit_case_make(&knobs, SEED, i, &cases[i]) != CBIT_ERR_OK) {
            bench_fail("no memory", NULL);
        }
    }
    run_file(set, &maker, cases, argv[2]);
    for (uint32_t i = 0; i < CASES; i++) {
        cbit_case_free(&cases[i]);
    }
    cbit_dut_library_destroy(maker.library);
    return 0;
}
