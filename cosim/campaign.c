#include "cosim/campaign.h"

#include <stdio.h>
#include <string.h>

#include "cosim/dut_engine.h"
#include "cosim/follow.h"

enum {
    LINES_PER_LANE = 1000,
    FULL_RATE_LINES = 20000, /* long enough that the preamble does not show */
};

cbit_case_knobs_t cbit_campaign_knobs(const cbit_campaign_config_t *config)
{
    return (cbit_case_knobs_t){
        .lines_per_lane = config->full_rate ? FULL_RATE_LINES : LINES_PER_LANE,
        .key_slots = config->pins.key_slots,
        .full_rate = config->full_rate,
    };
}

cbit_err_t cbit_campaign_run_case(const cbit_campaign_config_t *config,
                                  const cbit_device_maker_t *maker, const cbit_case_t *what,
                                  cbit_campaign_result_t *result)
{
    cbit_device_t device, golden = {.self = NULL};
    /* Never 0: what reset leaves undefined is to differ from case to case. */
    uint64_t seed = cbit_splitmix64(what->seed ^ cbit_splitmix64(what->index)) | 1;
    cbit_err_t err = maker->make(maker->self, seed, &device);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    if (!config->bare) {
        err = (config->any_timing ? cbit_device_follow : cbit_device_model)(&config->pins, &golden);
    }
    if (err == CBIT_ERR_OK) {
        cbit_run_case(what, &config->pins, &golden, &device, config->max_cycles, &result->counts,
                      config->full_rate ? NULL : &result->coverage, &result->mismatch);
        err = result->mismatch.any ? CBIT_ERR_MISMATCH : CBIT_ERR_OK;
        const char *failure = cbit_dut_engine_failure(&device);
        if (failure != NULL) {
            snprintf(result->mismatch.text, sizeof result->mismatch.text,
                     "the design stopped the simulation: %s", failure);
            result->mismatch.any = true;
            err = CBIT_ERR_MISMATCH;
        }
    }
    if (golden.destroy != NULL) {
        golden.destroy(golden.self);
    }
    device.destroy(device.self);
    return err;
}

cbit_err_t cbit_campaign_run(const cbit_campaign_config_t *config, const cbit_device_maker_t *maker,
                             cbit_campaign_result_t *result)
{
    cbit_case_knobs_t knobs = cbit_campaign_knobs(config);
    memset(result, 0, sizeof *result);
    cbit_coverage_init(&result->coverage, &config->pins);
    while (result->counts.beats_compared < config->beats &&
           (config->cases == 0 || result->cases < config->cases)) {
        cbit_case_t what;
        uint64_t index = config->first_case + result->cases;
        cbit_err_t err = cbit_case_make(&knobs, config->seed, index, &what);
        if (err == CBIT_ERR_OK) {
            err = cbit_campaign_run_case(config, maker, &what, result);
            cbit_case_free(&what);
        }
        result->cases++;
        if (err != CBIT_ERR_OK) {
            result->failing_case = index;
            return err;
        }
    }
    return CBIT_ERR_OK;
}

void cbit_campaign_merge(cbit_campaign_result_t *into, const cbit_campaign_result_t *from)
{
    cbit_run_counts_t *counts = &into->counts;
    counts->cycles += from->counts.cycles;
    counts->beats_compared += from->counts.beats_compared;
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        counts->beats[lane] += from->counts.beats[lane];
    }
    counts->lines_compared += from->counts.lines_compared;
    counts->stalls += from->counts.stalls;
    counts->key_writes += from->counts.key_writes;
    counts->bypassed += from->counts.bypassed;
    counts->errors += from->counts.errors;
    counts->resets += from->counts.resets;
    counts->zeroises += from->counts.zeroises;
    if (counts->latency_clocks == 0 || (from->counts.latency_clocks != 0 &&
                                        from->counts.latency_clocks < counts->latency_clocks)) {
        counts->latency_clocks = from->counts.latency_clocks;
    }
    into->cases += from->cases;
    cbit_coverage_merge(&into->coverage, &from->coverage);
}
