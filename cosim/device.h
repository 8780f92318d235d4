/*
 * Something with the pins of aes_engine that can be clocked: the Verilated RTL, a foreign engine,
 * or the golden model itself.
 */
#ifndef COSIM_DEVICE_H
#define COSIM_DEVICE_H

#include "cbit/aes/pins.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_device {
    void *self;
    /* One clock: the outputs that these inputs show before the rising edge, then the edge. */
    void (*clock)(void *self, const cbit_aes_pins_in_t *in, cbit_aes_pins_out_t *out);
    /* Beats inside a lane; NULL: a design does not tell. */
    uint32_t (*inside)(const void *self, cbit_aes_lane_t lane);
    void (*destroy)(void *self);
    bool follows; /* clock finds in *out what the device beside it shows: cosim/follow.h */
} cbit_device_t;

/* The golden model as a device. */
cbit_err_t cbit_device_model(const cbit_aes_pins_config_t *config, cbit_device_t *out);

/* The Verilated rtl/aes_engine with 1024 slots and the assertions of rtl/checks, which end the
   program; seed fills what reset leaves undefined. TOOL when built without Verilator. */
cbit_err_t cbit_device_rtl(uint64_t seed, cbit_device_t *out);
/* The same without assertions, for speed. */
cbit_err_t cbit_device_rtl_unchecked(uint64_t seed, cbit_device_t *out);
cbit_aes_pins_config_t cbit_device_rtl_config(void);

#ifdef __cplusplus
}
#endif
#endif
