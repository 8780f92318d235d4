/* The engines that platforms are given: see cbit/cosim/engine.h. */
#include "cbit/cosim/engine.h"

#include "cosim/pin_engine.h"

static cbit_err_t create_for(cbit_lockstep_report_t *report, uint32_t channel,
                             const cbit_aes_engine_config_t *config, cbit_aes_engine_t *out)
{
    cbit_aes_pins_config_t device_config = cbit_device_rtl_config();
    cbit_device_t device;
    /* Seed 0: what reset leaves undefined is zero, and a run repeats to the byte. What nobody
       compares is for speed. */
    cbit_err_t err =
        report == NULL ? cbit_device_rtl_unchecked(0, &device) : cbit_device_rtl(0, &device);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    return cbit_pin_engine_create(config, &device_config, channel, device, report, out);
}

static cbit_err_t create(void *self, uint32_t channel, const cbit_aes_engine_config_t *config,
                         cbit_aes_engine_t *out)
{
    return create_for(self, channel, config, out);
}

static cbit_err_t create_watched(void *self, uint32_t channel,
                                 const cbit_aes_engine_config_t *config, cbit_aes_engine_t *out)
{
    const cbit_watched_engines_t *watched = self;
    cbit_err_t err = create_for(watched->report, channel, config, out);
    if (err == CBIT_ERR_OK && cbit_pin_waves_channel(watched->waves) == channel) {
        cbit_pin_engine_watch(out, watched->waves);
    }
    return err;
}

cbit_aes_engine_factory_t cbit_aes_watched_factory(cbit_watched_engines_t *watched)
{
    return (cbit_aes_engine_factory_t){.self = watched, .create = create_watched};
}

const cbit_aes_engine_factory_t cbit_aes_rtl_factory = {.create = create};

cbit_aes_engine_factory_t cbit_aes_lockstep_factory(cbit_lockstep_report_t *report)
{
    return (cbit_aes_engine_factory_t){.self = report, .create = create};
}

uint32_t cbit_cosim_depth_eclk(void)
{
    cbit_device_t device;
    if (cbit_device_rtl(0, &device) != CBIT_ERR_OK) {
        return 0;
    }
    uint32_t depth_eclk = cbit_device_depth_eclk(&device);
    device.destroy(device.self);
    return depth_eclk;
}

bool cbit_cosim_available(void)
{
    return cbit_cosim_depth_eclk() != 0;
}
