/**
 * @file
 * Device registers and sleep: the only five functions that differ between the SP and a host build.
 */
#ifndef FIRMWARE_MMIO_H
#define FIRMWARE_MMIO_H

#include <stdint.h>

#include "sev/sp_map.h"

#ifdef SP_HOST_BUILD

/* The host build links a model of the devices (tests/firmware). */
uint32_t mmio_read32(uint32_t address);
void mmio_write32(uint32_t address, uint32_t value);
void hart_wait(void);
uint32_t sp_address(const void *object);
uint8_t *sp_staging(void);

#else

static inline uint32_t mmio_read32(uint32_t address)
{
    return *(volatile const uint32_t *)address;
}

static inline void mmio_write32(uint32_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

/* Sleeps until a line of the interrupt controller that is enabled is up. */
static inline void hart_wait(void)
{
    __asm__ volatile("wfi" ::: "memory");
}

/* What a device calls this object. Devices read and write it: the compiler must not assume. */
static inline uint32_t sp_address(const void *object)
{
    __asm__ volatile("" ::"r"(object) : "memory");
    return (uint32_t)object;
}

/* Where images are checked: SP_STAGING_BYTES that no linker script gives to anything else. */
static inline uint8_t *sp_staging(void)
{
    return (uint8_t *)SP_STAGING_BASE;
}

#endif

#define SP_REGISTER(device, name)                                                                  \
    (SP_DEVICE_BASE + SP_DEVICE_##device * SP_DEVICE_BYTES + SP_##device##_##name)
#define SP_READ(device, name)         mmio_read32(SP_REGISTER(device, name))
#define SP_WRITE(device, name, value) mmio_write32(SP_REGISTER(device, name), (value))

#endif
