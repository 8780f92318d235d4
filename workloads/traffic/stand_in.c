#include "workloads/traffic/stand_in.h"

#include "cbit/base/rng.h"

/* One-byte instructions on registers and flags only: valid wherever a fetch begins. */
void cbit_stand_in_fill(uint8_t page[CBIT_TRACE_PAGE_BYTES], uint64_t gva)
{
    static const uint8_t opcodes[] = {
        0x90, 0x91, 0x92, 0x93, 0x96, 0x97, /* nop; xchg eax with ecx, edx, ebx, esi, edi */
        0x98, 0x99,                         /* cwde, cdq */
        0xf5, 0xf8, 0xf9, 0xfc,             /* cmc, clc, stc, cld */
    };
    uint64_t state = gva;
    for (uint32_t at = 0; at < CBIT_TRACE_PAGE_BYTES; at++) {
        state = cbit_splitmix64(state);
        page[at] = opcodes[state % sizeof opcodes];
    }
}
