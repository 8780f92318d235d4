#include "perf/validation/ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/hypervisor.h"
#include "firmware/image.h"
#include "perf/benchmarks/idle_walk.h"
#include "perf/measure/load.h"

enum { SEED = 1, SAMPLES = 20000, PROBES = 32, BACKGROUND = 512 };
enum { STEADY = 600000 }; /* loads that fill a complex's 16 MiB of L3 twice over */
#define MIB (UINT64_C(1) << 20)

static void must(cbit_err_t err, const cbit_diag_t *diag, const char *what)
{
    if (err != CBIT_ERR_OK) {
        (void)fprintf(stderr, "validate: %s: %s\n", what,
                      diag != NULL && cbit_diag_count(diag) > 0 ? cbit_diag_at(diag, 0)->text
                                                                : cbit_err_text(err));
        exit(cbit_err_exit_status(err));
    }
}

static cbit_scenario_file_t *load(const char *folder, const char *name, bool preset,
                                  cbit_hypervisor_config_t *hypervisor)
{
    char path[4096];
    const cbit_scenario_section_t section = {cbit_hypervisor_section_rows, hypervisor};
    const cbit_scenario_options_t options = {
        .sections = &section, .sections_count = 1, .preset = preset};
    cbit_scenario_file_t *file = NULL;
    cbit_diag_t *diag = cbit_diag_create();
    (void)snprintf(path, sizeof path, "%s/workloads/%s/%s.json", CBIT_SOURCE_DIR, folder, name);
    must(cbit_scenario_load(path, &options, &file, diag), diag, path);
    cbit_diag_destroy(diag);
    return file;
}

static cbit_platform_config_t machine_of(const validation_figure_t *figure)
{
    cbit_hypervisor_config_t hypervisor;
    cbit_scenario_file_t *file = load("presets", figure->preset, true, &hypervisor);
    cbit_platform_config_t config = *cbit_scenario_of(file)->machine;
    cbit_scenario_file_destroy(file);
    return config;
}

/* ---- a core's walk ---- */

static uint64_t walk_ns(const validation_figure_t *figure, uint64_t span_bytes, uint32_t warm_loads)
{
    cbit_platform_config_t config = machine_of(figure);
    config.fabric.nodes_per_socket = (uint32_t)figure->a;
    return idle_walk_ps(&config, PATH_PLAIN, span_bytes, warm_loads, SEED);
}

uint64_t ask_walk_ns(const validation_figure_t *figure)
{
    return walk_ns(figure, figure->b * MIB, IDLE_WALK_COLD);
}

uint64_t ask_full_walk_ns(const validation_figure_t *figure)
{
    return walk_ns(figure, figure->b * MIB, STEADY);
}

uint64_t ask_span_ns(const validation_figure_t *figure)
{
    return walk_ns(figure, figure->b * MIB, STEADY) - walk_ns(figure, 128 * MIB, STEADY);
}

/* ---- the memory system alone ---- */

typedef struct answer {
    uint64_t mean_ps, gbs;
} answer_t;

static answer_t measure(const cbit_platform_config_t *config, cbit_rig_mode_t mode, uint32_t entry,
                        const cbit_load_t *wanted)
{
    cbit_rig_t *rig = calloc(1, sizeof *rig);
    cbit_load_result_t *result = calloc(1, sizeof *result);
    cbit_diag_t *diag = cbit_diag_create();
    cbit_load_t load = *wanted;
    if (rig == NULL || result == NULL || diag == NULL) {
        must(CBIT_ERR_NO_MEMORY, NULL, "measure");
    }
    load.warm_up = 2000;
    load.samples = SAMPLES;
    load.seed = SEED;
    load.footprint_bytes = 1024 * MIB;
    must(cbit_rig_begin(rig, config, mode, SEED, diag), diag, "rig");
    if (entry != 0) {
        rig->port = cbit_fabric_port_at(rig->fabric, entry);
    }
    must(cbit_load_run(rig, &load, result, diag), diag, "load");
    const answer_t answer = {.mean_ps = result->read.total.sum / result->read.total.count,
                             .gbs = result->lines * CBIT_LINE_BYTES * UINT64_C(1000000) /
                                    result->span_ps};
    cbit_rig_end(rig);
    cbit_diag_destroy(diag);
    free(result);
    free(rig);
    return answer;
}

static const cbit_load_t idle = {.probes = 1, .read_per_mille = 1000};

uint64_t ask_farther_ns(const validation_figure_t *figure)
{
    cbit_platform_config_t config = machine_of(figure);
    config.fabric.sockets = (uint32_t)figure->b;
    config.fabric.nodes_per_socket = 4; /* the first 1 GiB lies in the first quadrant */
    return measure(&config, CBIT_RIG_PLAIN, (uint32_t)figure->a, &idle).mean_ps -
           measure(&config, CBIT_RIG_PLAIN, 0, &idle).mean_ps;
}

/* By reads that come when they come: of a chain the engine delays each, so that refreshes meet
   others, which is some tenths of a nanosecond either way. */
uint64_t ask_adder_ns(const validation_figure_t *figure)
{
    static const cbit_load_t lone = {.probes = 8, .interval_ps = 1000000, .read_per_mille = 1000};
    const cbit_platform_config_t config = machine_of(figure);
    return measure(&config, CBIT_RIG_SEV, 0, &lone).mean_ps -
           measure(&config, CBIT_RIG_PLAIN, 0, &lone).mean_ps;
}

/* What the buses carry when they never rest: 16 bytes in block_nck clocks on every channel (DDR5:
   sub-channel). */
static uint64_t bus_gbs(const cbit_platform_config_t *config)
{
    cbit_dram_device_t device;
    cbit_diag_t *diag = cbit_diag_create();
    must(cbit_dram_resolve(&config->umc.dram, "/umc/dram", &device, diag), diag, "dram");
    cbit_diag_destroy(diag);
    return UINT64_C(16) * 1000000 * config->fabric.channels * device.clock.period_den *
           device.block_nck_den / (device.clock.period_num_ps * device.block_nck_num);
}

uint64_t ask_bus_gbs(const validation_figure_t *figure)
{
    const cbit_platform_config_t config = machine_of(figure);
    return bus_gbs(&config);
}

static uint64_t saturated_gbs(const cbit_platform_config_t *config, uint32_t read_per_mille)
{
    const cbit_load_t full = {
        .probes = PROBES, .background = BACKGROUND, .read_per_mille = read_per_mille};
    return measure(config, CBIT_RIG_PLAIN, 0, &full).gbs;
}

uint64_t ask_efficiency(const validation_figure_t *figure)
{
    const cbit_platform_config_t config = machine_of(figure);
    return saturated_gbs(&config, (uint32_t)figure->a) * 1000 / bus_gbs(&config);
}

uint64_t ask_populated(const validation_figure_t *figure)
{
    cbit_platform_config_t few = machine_of(figure), full = few;
    few.fabric.channels = (uint32_t)figure->a;
    full.fabric.channels = (uint32_t)figure->b;
    return saturated_gbs(&few, 667) * 1000 / saturated_gbs(&full, 667);
}

/* ---- whole runs ---- */

static uint64_t run_ps(const validation_figure_t *figure, bool engine)
{
    cbit_hypervisor_config_t hypervisor;
    cbit_scenario_file_t *file = load("scenarios", figure->preset, false, &hypervisor);
    cbit_run_result_t *result = calloc(1, sizeof *result);
    cbit_diag_t *diag = cbit_diag_create();
    const cbit_hypervisor_options_t options = {.mode = engine ? CBIT_ENGINE_MODEL : CBIT_ENGINE_OFF,
                                               .engines = engine ? &cbit_aes_model_factory : NULL,
                                               .baseline = engine ? CBIT_BASELINE_LAWFUL
                                                                  : CBIT_BASELINE_ENGINE_OFF,
                                               .config = &hypervisor,
                                               .firmware = &cbit_firmware};
    if (result == NULL || diag == NULL) {
        must(CBIT_ERR_NO_MEMORY, NULL, figure->preset);
        return 0; /* not reached */
    }
    must(cbit_hypervisor_run(cbit_scenario_of(file), &options, result, diag), diag, figure->preset);
    const uint64_t ps = result->guests[figure->a].run_ps;
    cbit_run_result_clear(result);
    free(result);
    cbit_diag_destroy(diag);
    cbit_scenario_file_destroy(file);
    return ps;
}

uint64_t ask_slowdown_percent(const validation_figure_t *figure)
{
    const uint64_t off_ps = run_ps(figure, false), on_ps = run_ps(figure, true);
    return on_ps > off_ps ? (on_ps - off_ps) * 100000 / off_ps : 0;
}

uint64_t ask_exit_ns(const validation_figure_t *figure)
{
    cbit_hypervisor_config_t config;
    uint64_t ps;
    cbit_rows_defaults(cbit_hypervisor_rows, &config);
    memcpy(&ps, (const char *)&config + figure->a, sizeof ps);
    return ps;
}
