#include <stdlib.h>
#include <string.h>

#include "cbit/aes/cipher.h"
#include "cosim/block.h"

enum {
    RESET_CLOCKS = 3,
    PATIENCE_CLOCKS = 4096, /* an engine that has not answered by then never will */
    TWEAK_SEED = 0x7EA4,
};

struct cbit_engine_block {
    cbit_device_t device;
    cbit_aes_pins_in_t in;
    cbit_aes_pins_out_t out;
    cbit_tweak_t tweak;
    uint32_t key_slots;
    uint16_t slot;
    cbit_spa_t spa; /* of the blocks to come */
};

/* Address zero has no tweak; the others have every bit at least once. */
static const cbit_spa_t places[] = {0, 0xAAAAAAAAAAA80, 0x55555555555F0};

static void clock(cbit_engine_block_t *engine)
{
    engine->device.clock(engine->device.self, &engine->in, &engine->out);
}

cbit_err_t cbit_engine_block_create(const cbit_device_t *device,
                                    const cbit_aes_pins_config_t *config, cbit_engine_block_t **out)
{
    cbit_engine_block_t *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    engine->device = *device;
    engine->key_slots = config->key_slots;
    engine->in.reset = true;
    for (uint32_t i = 0; i < RESET_CLOCKS; i++) {
        clock(engine);
    }
    engine->in.reset = false;
    cbit_tweak_init(&engine->tweak, CBIT_TWEAK_PER_BOOT, TWEAK_SEED);
    engine->in.tweak_valid = true;
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
        engine->in.tweak_index = (uint8_t)i;
        memcpy(engine->in.tweak_data, engine->tweak.t[i], CBIT_BLOCK_BYTES);
        clock(engine);
    }
    engine->in.tweak_valid = false;
    engine->in.lane[CBIT_AES_ENCRYPT].out_ready = true;
    engine->in.lane[CBIT_AES_DECRYPT].out_ready = true;
    *out = engine;
    return CBIT_ERR_OK;
}

void cbit_engine_block_destroy(cbit_engine_block_t *engine)
{
    free(engine);
}

static bool set_key(void *self, const uint8_t key[CBIT_KEY_BYTES], uint32_t placement)
{
    cbit_engine_block_t *engine = self;
    engine->spa = places[placement % (sizeof places / sizeof places[0])];
    engine->slot = (uint16_t)(placement == 0 ? 0 : (engine->key_slots - 1) / placement);
    engine->in.key_valid = true;
    engine->in.key_slot = engine->slot;
    memcpy(engine->in.key, key, sizeof engine->in.key);
    bool ready = false;
    for (uint32_t i = 0; i < PATIENCE_CLOCKS && !ready; i++) {
        clock(engine);
        ready = engine->out.key_ready;
    }
    engine->in.key_valid = false;
    return ready;
}

/* The line's beats go in one a clock, the first one is the block, the others are filling. */
static bool crypt(void *self, cbit_aes_lane_t which, const uint8_t in[CBIT_BLOCK_BYTES],
                  uint8_t out[CBIT_BLOCK_BYTES])
{
    cbit_engine_block_t *engine = self;
    cbit_aes_lane_in_t *lane = &engine->in.lane[which];
    const cbit_aes_lane_out_t *answer = &engine->out.lane[which];
    uint8_t t[CBIT_BLOCK_BYTES];
    uint32_t entered = 0, left = 0;
    cbit_tweak_of(&engine->tweak, engine->spa, t);
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        lane->data[i] = in[i] ^ t[i];
    }
    lane->spa = engine->spa;
    lane->slot = engine->slot;
    for (uint32_t i = 0; i < PATIENCE_CLOCKS && left < CBIT_LINE_BEATS; i++) {
        lane->valid = entered < CBIT_LINE_BEATS;
        lane->last = entered == CBIT_LINE_BEATS - 1;
        clock(engine);
        entered += lane->valid && answer->ready ? 1 : 0;
        if (answer->valid && left++ == 0) {
            for (uint32_t k = 0; k < CBIT_BLOCK_BYTES; k++) {
                out[k] = answer->data[k] ^ t[k];
            }
        }
    }
    lane->valid = false;
    return left == CBIT_LINE_BEATS;
}

static bool can(void *self, cbit_aes_lane_t lane)
{
    (void)self;
    (void)lane;
    return true;
}

cbit_block_t cbit_engine_block(cbit_engine_block_t *engine)
{
    return (cbit_block_t){.self = engine,
                          .set_key = set_key,
                          .crypt = crypt,
                          .can = can,
                          .placements = sizeof places / sizeof places[0]};
}
