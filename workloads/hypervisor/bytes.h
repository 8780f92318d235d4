/* Little-endian numbers in byte arrays: what x86 memory holds. */
#ifndef CBIT_WORKLOADS_HYPERVISOR_BYTES_H
#define CBIT_WORKLOADS_HYPERVISOR_BYTES_H

#include <stdint.h>

static inline void cbit_hv_put_le(uint8_t *bytes, uint64_t value, uint32_t len_bytes)
{
    for (uint32_t i = 0; i < len_bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline uint64_t cbit_hv_get_le(const uint8_t *bytes, uint32_t len_bytes)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < len_bytes; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static inline void cbit_hv_put_le64(uint8_t *bytes, uint64_t value)
{
    cbit_hv_put_le(bytes, value, 8);
}

#endif
