/**
 * @file
 * The golden model for somebody's own test bench: what the engine computes, through DPI-C or VPI.
 *
 * libcbit_golden has these functions; cbit_golden.svh imports them into SystemVerilog, and
 * cbit_golden.vpi brings them to Icarus as $cbit_golden_... (docs/cosim.md). Data are OpenSSL's.
 *
 * A block is `bit [127:0]` as simulators pass it: four words of 32 bits, the least significant
 * first. Byte 0 of AES is bits 127:120, as on the engine's ports.
 */
#ifndef CBIT_COSIM_GOLDEN_H
#define CBIT_COSIM_GOLDEN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_GOLDEN_OK = 0,
    CBIT_GOLDEN_NOT_LOADED = 1, /* as error_o: the slot has no key; the block is zero */
    CBIT_GOLDEN_RANGE = 2,      /* no such slot or constant */
};

/* `slots` key slots (1..1024), empty; tweak constants zero; xe 0: XEX, 1: XE. NULL when it cannot
   be made. */
void *cbit_golden_new(int32_t slots, int32_t xe);
void cbit_golden_free(void *golden); /* NULL is allowed; wipes the keys */

/* Loads a slot, or clears it. */
int32_t cbit_golden_key(void *golden, int32_t slot, const uint32_t *key);
int32_t cbit_golden_key_clear(void *golden, int32_t slot);

/* Tweak constant 4..51: XORed into T where that bit of the address is set. */
int32_t cbit_golden_tweak(void *golden, int32_t index, const uint32_t *constant);

/* One block at a byte address (its low four bits are ignored). */
int32_t cbit_golden_encrypt(void *golden, int32_t slot, uint64_t address, const uint32_t *in,
                            uint32_t *out);
int32_t cbit_golden_decrypt(void *golden, int32_t slot, uint64_t address, const uint32_t *in,
                            uint32_t *out);

#ifdef __cplusplus
}
#endif
#endif
