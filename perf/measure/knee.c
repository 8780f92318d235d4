#include "perf/measure/knee.h"

#include "cbit/dram/device.h"
#include "cbit/sim/txn.h"

/* A lane takes blocks_per_clock blocks each clock. With a lane each way the busier direction is the
   limit; a shared lane takes both. */
cbit_err_t cbit_clocks_of(const cbit_platform_config_t *config, uint32_t read_per_mille,
                          cbit_clocks_t *clocks, cbit_diag_t *diag)
{
    cbit_dram_device_t device;
    cbit_err_t err = cbit_dram_resolve(&config->umc.dram, "/umc/dram", &device, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    const uint32_t writes = 1000 - read_per_mille;
    const uint32_t busier = read_per_mille > writes ? read_per_mille : writes;
    clocks->engine = device.clock;
    clocks->engine.period_num_ps *= config->umc.engine_clock_divider;
    const uint64_t lead_nck = device.timing.cl_nck + device.timing.burst_nck / 4;
    clocks->lead_ps = lead_nck * device.clock.period_num_ps / device.clock.period_den;
    const uint64_t lane_mgbs = (uint64_t)config->fabric.channels * config->engine.blocks_per_clock *
                               CBIT_BLOCK_BYTES * UINT64_C(1000000) * clocks->engine.period_den /
                               clocks->engine.period_num_ps;
    clocks->engine_mgbs = config->engine.shared_lane ? lane_mgbs : lane_mgbs * 1000 / busier;
    return CBIT_ERR_OK;
}
