#include "cosim/device.h"

static void model_clock(void *self, const cbit_aes_pins_in_t *in, cbit_aes_pins_out_t *out)
{
    cbit_aes_pins_clock(self, in, out);
}

static uint32_t model_inside(const void *self, cbit_aes_lane_t lane)
{
    return cbit_aes_pins_inside(self, lane);
}

static void model_destroy(void *self)
{
    cbit_aes_pins_destroy(self);
}

cbit_err_t cbit_device_model(const cbit_aes_pins_config_t *config, cbit_device_t *out)
{
    cbit_aes_pins_t *pins = NULL;
    cbit_err_t err = cbit_aes_pins_create(config, &pins);
    if (err == CBIT_ERR_OK) {
        *out = (cbit_device_t){
            .self = pins, .clock = model_clock, .inside = model_inside, .destroy = model_destroy};
    }
    return err;
}

cbit_aes_pins_config_t cbit_device_rtl_config(void)
{
    return (cbit_aes_pins_config_t){.key_slots = 1024, .stages_per_round = 1};
}
