/**
 * @file
 * The engine at its pins: what rtl/aes_engine does on every clock, in C.
 *
 * Sees input pins only and gives every output pin on every clock, under any gaps and back-pressure.
 * Data come from OpenSSL. This is the golden model that RTL is compared with; cbit/aes/engine.h is
 * its arithmetic shortcut for controllers that always take what comes out.
 *
 * Not modelled: PARITY's detection of flipped bits (fault is always low), and what an engine does
 * when its user breaks the handshake rules of docs/engine.md.
 */
#ifndef CBIT_AES_PINS_H
#define CBIT_AES_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/aes/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The parameters of rtl/aes_engine that change what its pins do. */
typedef struct cbit_aes_pins_config {
    uint32_t key_slots;        /* 1..1024 */
    uint32_t stages_per_round; /* 1 or 2 */
    bool shared_lane;
    bool bypass_in_order;
    bool parity; /* with it reset clears the tweak's constants */
} cbit_aes_pins_config_t;

typedef struct cbit_aes_lane_in {
    bool valid;
    bool bypass;
    bool last;
    bool out_ready; /* the output side's ready */
    uint8_t tag;
    uint16_t slot;
    cbit_spa_t spa; /* of the block: bits 51:4 */
    uint8_t data[CBIT_BLOCK_BYTES];
} cbit_aes_lane_in_t;

typedef struct cbit_aes_pins_in {
    bool reset; /* rst_ni low */
    bool zeroise;
    bool xe;
    bool key_valid;
    bool key_clear;
    bool tweak_valid;
    uint8_t tweak_index;
    uint16_t key_slot;
    uint8_t key[CBIT_KEY_BYTES];
    uint8_t tweak_data[CBIT_BLOCK_BYTES];
    cbit_aes_lane_in_t lane[CBIT_AES_LANES];
} cbit_aes_pins_in_t;

/* last, tag, error and data mean something under valid only. */
typedef struct cbit_aes_lane_out {
    bool ready; /* the input side's ready */
    bool valid;
    bool last;
    uint8_t tag;
    uint8_t error; /* cbit_aes_error_t */
    uint8_t data[CBIT_BLOCK_BYTES];
} cbit_aes_lane_out_t;

typedef struct cbit_aes_pins_out {
    bool key_ready;
    bool zeroise_busy;
    bool fault;
    cbit_aes_lane_out_t lane[CBIT_AES_LANES];
} cbit_aes_pins_out_t;

typedef struct cbit_aes_pins cbit_aes_pins_t; /* opaque */

/* RANGE for parameters that do not exist. On error *out is untouched. The engine is in reset. */
cbit_err_t cbit_aes_pins_create(const cbit_aes_pins_config_t *config, cbit_aes_pins_t **out);
void cbit_aes_pins_destroy(cbit_aes_pins_t *pins); /* NULL is allowed; wipes the keys */

/* One clock: the outputs that these inputs show before the rising edge, then the edge. */
void cbit_aes_pins_clock(cbit_aes_pins_t *pins, const cbit_aes_pins_in_t *in,
                         cbit_aes_pins_out_t *out);

/* Beats inside the lane, its way around included: for coverage. */
uint32_t cbit_aes_pins_inside(const cbit_aes_pins_t *pins, cbit_aes_lane_t lane);

#ifdef __cplusplus
}
#endif
#endif
