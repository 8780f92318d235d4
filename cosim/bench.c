#include "cosim/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cosim/dut_engine.h"

enum { OPTION_BYTES = 40, OUR_OPTIONS = 5, MAX_OPTIONS = 256 };

static cbit_err_t make(void *self, uint64_t seed, cbit_device_t *out)
{
    cbit_bench_t *bench = self;
    cbit_dut_t *dut = NULL;
    if (bench->library == NULL) {
        return bench->unchecked ? cbit_device_rtl_unchecked(seed, out) : cbit_device_rtl(seed, out);
    }
    cbit_err_t err = cbit_dut_create(bench->library, seed, &dut);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    err = cbit_dut_engine_device(dut, out);
    if (err == CBIT_ERR_OK && bench->waves_path != NULL) {
        cbit_dut_engine_waves(out, bench->waves_path, bench->waves_from);
    }
    return err;
}

cbit_device_maker_t cbit_bench_maker(cbit_bench_t *bench)
{
    return (cbit_device_maker_t){.self = bench, .make = make};
}

/* Our engine with other parameters, from the files inside the tool. */
static cbit_err_t open_ours(const cbit_bench_source_t *source, cbit_bench_t *bench,
                            cbit_diag_t *diag)
{
    const cbit_parameters_t *set = source->parameters;
    char text[OUR_OPTIONS][OPTION_BYTES];
    const char *options[OUR_OPTIONS];
    const struct {
        const char *name;
        uint32_t value;
    } values[OUR_OPTIONS] = {
        {"KEY_SLOTS", set->pins.key_slots},     {"STAGES_PER_ROUND", set->pins.stages_per_round},
        {"SHARED_LANE", set->pins.shared_lane}, {"BYPASS_IN_ORDER", set->pins.bypass_in_order},
        {"PARITY", set->pins.parity},
    };
    for (uint32_t i = 0; i < OUR_OPTIONS; i++) {
        (void)snprintf(text[i], sizeof text[i], "-G%s=%u", values[i].name, values[i].value);
        options[i] = text[i];
    }
    static const char *const files[] = {"aes_engine.v", "aes_checks.sv", "aes_wipe_checks.sv"};
    cbit_dut_source_t ours = {
        .top = "aes_engine",
        .files = files,
        .file_count = source->unchecked ? 1 : sizeof files / sizeof files[0],
        .options = options,
        .option_count = OUR_OPTIONS,
        .waves = source->waves,
        .unchecked = source->unchecked,
        .strict = true,
    };
    bench->pins = set->pins;
    return cbit_dut_build(&ours, &bench->library, &bench->warnings, diag);
}

/* A parameter that the model has to know too. */
typedef struct rule {
    const char *name;
    uint32_t least, most, fallback;
} rule_t;

enum { KEY_SLOTS, STAGES, SHARED, IN_ORDER, PARITY, RULES };

static const rule_t rules[RULES] = {
    [KEY_SLOTS] = {"KEY_SLOTS", 1, 1024, 16}, [STAGES] = {"STAGES_PER_ROUND", 1, 2, 1},
    [SHARED] = {"SHARED_LANE", 0, 1, 0},      [IN_ORDER] = {"BYPASS_IN_ORDER", 0, 1, 0},
    [PARITY] = {"PARITY", 0, 1, 0},
};

/* What -G says about it, or the contract's default. */
static uint32_t parameter(const cbit_dut_source_t *files, const rule_t *rule, cbit_diag_t *diag)
{
    size_t len = strlen(rule->name);
    uint32_t value = rule->fallback;
    for (uint32_t i = 0; i < files->option_count; i++) {
        const char *option = files->options[i];
        if (strncmp(option, "-G", 2) != 0 || strncmp(option + 2, rule->name, len) != 0 ||
            option[2 + len] != '=') {
            continue;
        }
        const char *text = option + 3 + len;
        char *end = NULL;
        unsigned long found = strtoul(text, &end, 10);
        value = (uint32_t)found;
        if (text[0] < '0' || text[0] > '9' || *end != '\0' || found < rule->least ||
            found > rule->most) {
            (void)cbit_diag_add(diag, CBIT_ERR_RANGE, option,
                                "found %s; the model, which has to know it too, takes %u to %u",
                                text, (unsigned)rule->least, (unsigned)rule->most);
        }
    }
    return value;
}

static cbit_err_t check_engine(const void *self, const cbit_dut_t *ports, cbit_diag_t *diag)
{
    (void)self;
    return cbit_dut_engine_check(ports, diag);
}

static cbit_err_t open_files(const cbit_bench_source_t *source, cbit_bench_t *bench,
                             cbit_diag_t *diag)
{
    cbit_dut_source_t files = source->files;
    files.check = check_engine;
    uint32_t value[RULES];
    size_t before = cbit_diag_count(diag);
    for (uint32_t i = 0; i < RULES; i++) {
        bool counts = i != STAGES || !source->any_timing;
        value[i] = counts ? parameter(&source->files, &rules[i], diag) : rules[i].fallback;
    }
    if (cbit_diag_count(diag) > before) {
        return CBIT_ERR_RANGE;
    }
    bench->pins = (cbit_aes_pins_config_t){
        .key_slots = value[KEY_SLOTS],
        .stages_per_round = value[STAGES],
        .shared_lane = value[SHARED] != 0,
        .bypass_in_order = value[IN_ORDER] != 0,
        .parity = value[PARITY] != 0,
    };
    return cbit_dut_build(&files, &bench->library, &bench->warnings, diag);
}

cbit_err_t cbit_bench_open(const cbit_bench_source_t *source, cbit_bench_t *bench,
                           cbit_diag_t *diag)
{
    cbit_err_t err = CBIT_ERR_OK;
    *bench = (cbit_bench_t){.pins = cbit_parameter_sets[0].pins, .unchecked = source->unchecked};
    if (source->files.file_count > 0 || source->files.option_count > 0) {
        err = open_files(source, bench, diag);
    } else if (source->parameters != &cbit_parameter_sets[0] || source->waves) {
        err = open_ours(source, bench, diag);
    }
    if (err != CBIT_ERR_OK) {
        cbit_bench_close(bench);
    }
    return err;
}

void cbit_bench_close(cbit_bench_t *bench)
{
    cbit_dut_library_destroy(bench->library);
    bench->library = NULL;
}
