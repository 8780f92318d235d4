/* A design with the port list of aes_engine as a device. */
#ifndef COSIM_DUT_ENGINE_H
#define COSIM_DUT_ENGINE_H

#include "cosim/dut.h"

/* FORMAT when a port is missing, or has another width or direction: *diag names every one. */
cbit_err_t cbit_dut_engine_check(const cbit_dut_t *dut, cbit_diag_t *diag);

/* Takes over the instance; its ports have been checked. */
cbit_err_t cbit_dut_engine_device(cbit_dut_t *dut, cbit_device_t *out);

/* Waves of a device made by the above, from a clock on. */
void cbit_dut_engine_waves(const cbit_device_t *device, const char *path, uint64_t from_clock);

/* Calls watch(self) on every clock of a device made by the above when its pins are driven and the
   design has settled, before the edge. */
void cbit_dut_engine_watch(const cbit_device_t *device, void (*watch)(void *self), void *self);

/* A failed design behind a device made by the above, or NULL. */
const char *cbit_dut_engine_failure(const cbit_device_t *device);

#endif
