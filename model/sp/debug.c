/* A debugger's view of the hart. */
#include "cbit/sp/debug.h"

#include <string.h>

#include "model/sp/sp_internal.h"

void cbit_sp_debug_attach(cbit_sp_t *sp, const cbit_sp_debug_t *debug)
{
    sp->debug = debug == NULL ? (cbit_sp_debug_t){.before = NULL} : *debug;
}

uint32_t cbit_sp_debug_register(const cbit_sp_t *sp, uint32_t number)
{
    if (number == CBIT_SP_DEBUG_PC) {
        return sp->hart.pc;
    }
    return number < CBIT_SP_DEBUG_PC ? sp->hart.x[number] : 0;
}

void cbit_sp_debug_set_register(cbit_sp_t *sp, uint32_t number, uint32_t value)
{
    if (number == CBIT_SP_DEBUG_PC) {
        sp->hart.pc = value & ~1u;
    } else if (number > 0 && number < CBIT_SP_DEBUG_PC) {
        sp->hart.x[number] = value;
    }
}

bool cbit_sp_debug_read(cbit_sp_t *sp, uint32_t address, void *bytes, uint32_t len_bytes)
{
    const uint8_t *at = sp_memory_raw(sp, address, len_bytes, false);
    if (at != NULL) {
        memcpy(bytes, at, len_bytes);
    }
    return at != NULL;
}

bool cbit_sp_debug_write(cbit_sp_t *sp, uint32_t address, const void *bytes, uint32_t len_bytes)
{
    uint8_t *at = sp_memory_raw(sp, address, len_bytes, true);
    if (at != NULL) {
        memcpy(at, bytes, len_bytes);
        hart_memory_written(&sp->hart, address, len_bytes);
    }
    return at != NULL;
}

uint64_t cbit_sp_debug_cycle(const cbit_sp_t *sp)
{
    return sp->hart.cycle;
}
