/**
 * @file
 * Looking into the Secure Processor: for a debugger, which stops simulated time while it looks.
 */
#ifndef CBIT_SP_DEBUG_H
#define CBIT_SP_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/sp/sp.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CBIT_SP_DEBUG_PC = 32, CBIT_SP_DEBUG_REGISTERS = 33 };

typedef struct cbit_sp_debug {
    void *self;
    /* Called before every instruction, which then runs; registers and memory may be changed. */
    void (*before)(void *self, cbit_sp_t *sp);
} cbit_sp_debug_t;

/* NULL takes the debugger away. Results stay the same, the hart becomes slower. */
void cbit_sp_debug_attach(cbit_sp_t *sp, const cbit_sp_debug_t *debug);

/* x0..x31, and CBIT_SP_DEBUG_PC. */
uint32_t cbit_sp_debug_register(const cbit_sp_t *sp, uint32_t number);
void cbit_sp_debug_set_register(cbit_sp_t *sp, uint32_t number, uint32_t value);

/* ROM and SRAM (writes: SRAM); false when the range leaves them. Devices cannot be looked at: a
   read of theirs would be an access. */
bool cbit_sp_debug_read(cbit_sp_t *sp, uint32_t address, void *bytes, uint32_t len_bytes);
bool cbit_sp_debug_write(cbit_sp_t *sp, uint32_t address, const void *bytes, uint32_t len_bytes);

/* Clocks of the hart since reset: when the next instruction begins. */
uint64_t cbit_sp_debug_cycle(const cbit_sp_t *sp);

/* Flips bits of the code word at an address of SRAM: 31:0 data, 38:32 check bits. They stay until
   the word is read (one is corrected, two are lost) or written. False: no SRAM there, or more words
   than may be flipped at once. */
bool cbit_sp_flip_sram(cbit_sp_t *sp, uint32_t address, uint64_t bits);

#ifdef __cplusplus
}
#endif
#endif
