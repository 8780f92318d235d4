/* An engine of cbit/aes/engine.h made of a device with pins. */
#ifndef COSIM_PIN_ENGINE_H
#define COSIM_PIN_ENGINE_H

#include "cbit/cosim/engine.h"
#include "cosim/device.h"
#include "cosim/pin_waves.h"

/*
 * Takes over the device, on failure too. golden may be NULL; else every output pin is compared with
 * it on every clock, every line with the arithmetic model, and the report told. The device's
 * parameters are device_config.
 */
cbit_err_t cbit_pin_engine_create(const cbit_aes_engine_config_t *config,
                                  const cbit_aes_pins_config_t *device_config, uint32_t channel,
                                  cbit_device_t device, cbit_lockstep_report_t *report,
                                  cbit_aes_engine_t *out);

/* Its edges from now on go into the waves. */
void cbit_pin_engine_watch(const cbit_aes_engine_t *engine, cbit_pin_waves_t *waves);

/* Accept edge to earliest transfer edge, by sending a beat through a device fresh from reset. */
uint32_t cbit_device_depth_eclk(const cbit_device_t *device);

#endif
