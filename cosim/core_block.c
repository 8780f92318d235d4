#include <stdlib.h>
#include <string.h>

#include "cosim/core_check.h"

enum { RESET_CLOCKS = 4 };

struct cbit_core_block {
    cbit_core_t *core;
    const cbit_core_rules_t *rules;
    uint64_t max_cycles;
    cbit_core_in_t in;
    cbit_core_out_t out;
    bool stale; /* the key has still to be loaded */
    bool loaded_decrypt;
};

static void clock(cbit_core_block_t *block)
{
    cbit_core_clock(block->core, &block->in, &block->out);
}

cbit_err_t cbit_core_block_create(cbit_core_t *core, const cbit_core_rules_t *rules,
                                  uint64_t max_cycles, cbit_core_block_t **out)
{
    cbit_core_block_t *block = calloc(1, sizeof *block);
    if (block == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    *block = (cbit_core_block_t){.core = core, .rules = rules, .max_cycles = max_cycles};
    block->in.out_ready = true;
    block->in.reset = true;
    for (uint32_t i = 0; i <= RESET_CLOCKS; i++) {
        clock(block);
        block->in.reset = i + 1 < RESET_CLOCKS;
    }
    *out = block;
    return CBIT_ERR_OK;
}

void cbit_core_block_destroy(cbit_core_block_t *block)
{
    free(block);
}

/* Waits with the inputs as they are. */
static bool wait_for(cbit_core_block_t *block, const bool *signal)
{
    for (uint64_t i = 0; i < block->max_cycles; i++) {
        clock(block);
        if (*signal) {
            return true;
        }
    }
    return false;
}

static bool load_key(cbit_core_block_t *block)
{
    if (!block->out.ready && !wait_for(block, &block->out.ready)) {
        return false;
    }
    block->in.load_key = true;
    clock(block);
    block->in.load_key = false;
    block->stale = false;
    block->loaded_decrypt = block->in.decrypt;
    return block->out.key_done || wait_for(block, &block->out.key_done);
}

static bool set_key(void *self, const uint8_t key[CBIT_KEY_BYTES], uint32_t placement)
{
    cbit_core_block_t *block = self;
    (void)placement;
    memcpy(block->in.key, key, sizeof block->in.key);
    block->stale = block->rules->key_load.start[0] != '\0';
    return true;
}

static bool crypt(void *self, cbit_aes_lane_t lane, const uint8_t in[CBIT_BLOCK_BYTES],
                  uint8_t out[CBIT_BLOCK_BYTES])
{
    cbit_core_block_t *block = self;
    block->in.decrypt = lane == CBIT_AES_DECRYPT;
    bool turned =
        block->rules->key_load.each_direction && block->loaded_decrypt != block->in.decrypt;
    if ((block->stale || turned) && !load_key(block)) {
        return false;
    }
    if (!block->out.ready && !wait_for(block, &block->out.ready)) {
        return false;
    }
    memcpy(block->in.data, in, sizeof block->in.data);
    block->in.offer = true;
    bool taken = wait_for(block, &block->out.taken);
    block->in.offer = false;
    if (!taken || (!block->out.answer && !wait_for(block, &block->out.answer))) {
        return false;
    }
    memcpy(out, block->out.data, CBIT_BLOCK_BYTES);
    return true;
}

static bool can(void *self, cbit_aes_lane_t lane)
{
    return cbit_core_can(((const cbit_core_block_t *)self)->rules, lane == CBIT_AES_DECRYPT);
}

cbit_block_t cbit_core_block(cbit_core_block_t *block)
{
    return (cbit_block_t){
        .self = block, .set_key = set_key, .crypt = crypt, .can = can, .placements = 1};
}
