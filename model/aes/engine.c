/* The timing model as an engine: how it is made, and the tables of its functions. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "model/aes/engine_private.h"

static uint32_t engine_depth_eclk(const void *self)
{
    return ((const engine_t *)self)->config.depth_eclk;
}

static void engine_tweak_write(void *self, uint32_t index, const uint8_t t[CBIT_BLOCK_BYTES])
{
    cbit_cipher_set_tweak(((engine_t *)self)->cipher, index, t);
}

static cbit_aes_counters_t *engine_passed(void *self)
{
    return &((engine_t *)self)->counters;
}

static void engine_counters(const void *self, cbit_aes_counters_t *counters)
{
    *counters = ((const engine_t *)self)->counters;
}

static void engine_destroy(void *self)
{
    engine_t *engine = self;
    if (engine == NULL) {
        return;
    }
    cbit_cipher_destroy(engine->cipher);
    if (engine->keys != NULL) {
        OPENSSL_cleanse(engine->keys, engine->config.key_slots * sizeof engine->keys[0]);
    }
    free(engine->keys);
    free(engine);
}

static const cbit_aes_engine_ops_t model_ops = {
    .depth_eclk = engine_depth_eclk,
    .tweak_write = engine_tweak_write,
    .key_write = cbit_aes_model_key_write,
    .offer = cbit_aes_model_offer,
    .advance = cbit_aes_model_advance,
    .take = cbit_aes_model_take,
    .least_out_eclk = cbit_aes_model_least_out_eclk,
    .counters = engine_counters,
    .destroy = engine_destroy,
};

static const cbit_aes_engine_ops_t timing_ops = {
    .depth_eclk = engine_depth_eclk,
    .tweak_write = engine_tweak_write,
    .key_write = cbit_aes_model_key_write,
    .offer = cbit_aes_model_offer,
    .pass = cbit_aes_model_pass,
    .passed = engine_passed,
    .advance = cbit_aes_model_advance,
    .take = cbit_aes_model_take,
    .least_out_eclk = cbit_aes_model_least_out_eclk,
    .counters = engine_counters,
    .destroy = engine_destroy,
};

static cbit_err_t create(bool bytes, const cbit_aes_engine_config_t *config, cbit_aes_engine_t *out)
{
    cbit_err_t err = cbit_aes_engine_check(config);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    engine_t *engine = aligned_alloc(_Alignof(engine_t), sizeof *engine);
    if (engine == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    memset(engine, 0, sizeof *engine);
    engine->config = *config;
    engine->bytes = bytes;
    engine->in_order = config->shared_lane ? 1 : 0;
    engine->last_lane = CBIT_AES_ENCRYPT; /* after reset a read wins the first tie */
    engine->keys = calloc(config->key_slots, sizeof engine->keys[0]);
    cbit_tweak_t tweak;
    cbit_tweak_init(&tweak, CBIT_TWEAK_ZERO, 0);
    err = engine->keys == NULL
              ? CBIT_ERR_NO_MEMORY
              : cbit_cipher_create(config->key_slots, &tweak, config->xe, &engine->cipher);
    if (err != CBIT_ERR_OK) {
        engine_destroy(engine);
        return err;
    }
    *out = (cbit_aes_engine_t){.self = engine, .ops = bytes ? &model_ops : &timing_ops};
    return CBIT_ERR_OK;
}

static cbit_err_t model_create(void *self, uint32_t channel, const cbit_aes_engine_config_t *config,
                               cbit_aes_engine_t *out)
{
    (void)self;
    (void)channel;
    return create(true, config, out);
}

static cbit_err_t timing_create(void *self, uint32_t channel,
                                const cbit_aes_engine_config_t *config, cbit_aes_engine_t *out)
{
    (void)self;
    (void)channel;
    return create(false, config, out);
}

const cbit_aes_engine_factory_t cbit_aes_model_factory = {.create = model_create};
const cbit_aes_engine_factory_t cbit_aes_timing_factory = {.create = timing_create};
