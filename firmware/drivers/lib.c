#include "drivers/lib.h"

void wipe(void *object, size_t len_bytes)
{
    memset(object, 0, len_bytes);
    /* As far as the compiler knows, this reads what was written. */
    __asm__ volatile("" : : "r"(object) : "memory");
}

bool equal_secret(const void *a, const void *b, size_t len_bytes)
{
    const volatile uint8_t *x = a, *y = b;
    uint32_t difference = 0;
    for (size_t i = 0; i < len_bytes; i++) {
        difference |= (uint32_t)(x[i] ^ y[i]);
    }
    return difference == 0;
}
