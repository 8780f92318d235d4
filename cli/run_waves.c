#define _POSIX_C_SOURCE 200809L
#include "cli/run_waves.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cbit/dram/device.h"
#include "cli/output.h"

const char *cbit_run_waves_usage(const cbit_run_waves_t *options, cbit_engine_mode_t mode)
{
    if (options->path == NULL) {
        return NULL;
    }
    const size_t len = strlen(options->path);
    if (mode != CBIT_ENGINE_RTL && mode != CBIT_ENGINE_LOCKSTEP) {
        return "--waves needs --engine rtl or --engine lockstep: a model has no pins";
    }
    return len > 4 && strcmp(options->path + len - 4, ".fst") == 0
               ? NULL
               : "--waves FILE must end with .fst";
}

/* The engine's clock is the DRAM's, divided. */
static cbit_err_t engine_clock(const cbit_platform_config_t *machine, cbit_clock_t *clock,
                               cbit_diag_t *diag)
{
    cbit_dram_device_t device;
    cbit_err_t err = cbit_dram_resolve(&machine->umc.dram, "/umc/dram", &device, diag);
    if (err == CBIT_ERR_OK) {
        *clock = device.clock;
        clock->period_num_ps *= machine->umc.engine_clock_divider;
    }
    return err;
}

cbit_err_t cbit_run_waves_begin(const cbit_run_waves_t *options,
                                const cbit_platform_config_t *machine, cbit_engine_choice_t *engine,
                                cbit_pin_waves_t **out, cbit_diag_t *diag)
{
    if (options->path == NULL) {
        return CBIT_ERR_OK;
    }
    const char *wrong = cbit_run_waves_usage(options, engine->mode); /* a replay's own engine */
    if (wrong != NULL) {
        return cbit_diag_add(diag, CBIT_ERR_USAGE, NULL, "%s", wrong);
    }
    if (options->channel >= machine->fabric.channels) {
        (void)cbit_diag_add(diag, CBIT_ERR_RANGE, "/fabric/channels",
                            "there is no channel %" PRIu64 " for --waves-channel; 0 to %" PRIu32,
                            options->channel, machine->fabric.channels - 1);
        return CBIT_ERR_RANGE;
    }
    if (!options->force && access(options->path, F_OK) == 0) {
        (void)cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "%s is there already", options->path);
        cbit_diag_hint(diag, "--force replaces it");
        return CBIT_ERR_WRITE;
    }
    cbit_pin_waves_config_t config = {.path = options->path,
                                      .channel = (uint32_t)options->channel,
                                      .from_ps = options->from_ps,
                                      .to_ps = options->to_ps};
    cbit_err_t err = engine_clock(machine, &config.clock, diag);
    if (err == CBIT_ERR_OK) {
        err = cbit_output_make_parents(options->path, diag);
    }
    if (err == CBIT_ERR_OK) {
        err = cbit_pin_waves_create(&config, out, diag);
    }
    if (err == CBIT_ERR_OK) {
        cbit_engine_watch(engine, *out);
    }
    return err;
}
