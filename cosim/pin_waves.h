/* The side of cbit/cosim/pin_waves.h that engines call. */
#ifndef COSIM_PIN_WAVES_H
#define COSIM_PIN_WAVES_H

#include "cbit/aes/pins.h"
#include "cbit/cosim/pin_waves.h"

uint32_t cbit_pin_waves_channel(const cbit_pin_waves_t *waves);

/* One simulated edge: what its pins were before it. differs: lock-step found a difference. */
void cbit_pin_waves_edge(cbit_pin_waves_t *waves, uint64_t eclk, const cbit_aes_pins_in_t *in,
                         const cbit_aes_pins_out_t *out, bool differs);

#endif
