/* Stands in for verilated_aes.cpp in a build without Verilator. */
#include "cosim/device.h"

cbit_err_t cbit_device_rtl(uint64_t seed, cbit_device_t *out)
{
    (void)seed;
    (void)out;
    return CBIT_ERR_TOOL;
}
