/* Something that computes single AES-128 blocks: an engine at its pins, or a bare core. */
#ifndef COSIM_BLOCK_H
#define COSIM_BLOCK_H

#include "cosim/device.h"

typedef struct cbit_block {
    void *self;
    /* The key for what follows; placements (0, 1, ...) are ways to compute the same: other slots
       and addresses. False: it does not answer. */
    bool (*set_key)(void *self, const uint8_t key[CBIT_KEY_BYTES], uint32_t placement);
    bool (*crypt)(void *self, cbit_aes_lane_t lane, const uint8_t in[CBIT_BLOCK_BYTES],
                  uint8_t out[CBIT_BLOCK_BYTES]);
    bool (*can)(void *self, cbit_aes_lane_t lane); /* which directions there are */
    uint32_t placements;
} cbit_block_t;

typedef struct cbit_engine_block cbit_engine_block_t; /* opaque */

/* An engine as a block cipher: the tweak of the block's address is added outside too, and so goes
   away. The device is reset, and stays the caller's. */
cbit_err_t cbit_engine_block_create(const cbit_device_t *device,
                                    const cbit_aes_pins_config_t *config,
                                    cbit_engine_block_t **out);
void cbit_engine_block_destroy(cbit_engine_block_t *engine); /* NULL is allowed */
cbit_block_t cbit_engine_block(cbit_engine_block_t *engine);

#endif
