/* Stands in for verilated_aes.cpp and dut_runtime.c in a build without Verilator. */
#include "cosim/device.h"
#include "cosim/dut_library.h"
#include "cosim/pin_waves.h"

cbit_err_t cbit_device_rtl(uint64_t seed, cbit_device_t *out)
{
    (void)seed;
    (void)out;
    return CBIT_ERR_TOOL;
}

cbit_err_t cbit_device_rtl_unchecked(uint64_t seed, cbit_device_t *out)
{
    return cbit_device_rtl(seed, out);
}

uint32_t cbit_pin_waves_channel(const cbit_pin_waves_t *waves)
{
    (void)waves;
    return UINT32_MAX;
}

void cbit_pin_waves_edge(cbit_pin_waves_t *waves, uint64_t eclk, const cbit_aes_pins_in_t *in,
                         const cbit_aes_pins_out_t *out, bool differs)
{
    (void)waves, (void)eclk, (void)in, (void)out, (void)differs;
}

cbit_err_t cbit_pin_waves_create(const cbit_pin_waves_config_t *config, cbit_pin_waves_t **out,
                                 cbit_diag_t *diag)
{
    (void)config, (void)out;
    return cbit_diag_add(diag, CBIT_ERR_TOOL, NULL, "this build writes no waves: no Verilator");
}

cbit_err_t cbit_pin_waves_finish(cbit_pin_waves_t *waves, uint64_t *edges, cbit_diag_t *diag)
{
    (void)waves, (void)edges, (void)diag;
    return CBIT_ERR_TOOL;
}

void cbit_pin_waves_destroy(cbit_pin_waves_t *waves)
{
    (void)waves;
}

bool cbit_dut_runtime_write(const char *root, const char *path)
{
    (void)root;
    (void)path;
    return false;
}
