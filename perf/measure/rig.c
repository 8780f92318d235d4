#include "perf/measure/rig.h"

#include <string.h>

#include "cbit/base/rng.h"

enum { MEASURED_ASID = 1 };

static const cbit_key_t keys[CBIT_RIG_MODES] = {CBIT_KEY_PLAIN, CBIT_KEY_PLAIN, CBIT_KEY_HOST,
                                                MEASURED_ASID};

static cbit_err_t begin_channel(cbit_rig_t *rig, uint32_t channel, const cbit_tweak_t *tweak,
                                bool with_engine, cbit_diag_t *diag)
{
    const cbit_platform_config_t *config = &rig->config;
    cbit_umc_parts_t parts = {.kernel = rig->kernel,
                              .store = rig->store,
                              .channel = channel,
                              .timing_only = true, /* nobody looks at the bytes */
                              .engine_config = config->engine,
                              .host_key_slot = (uint16_t)config->sev.host_key_slot};
    cbit_err_t err = CBIT_ERR_OK;
    if (with_engine) {
        err = cbit_cipher_create(config->engine.key_slots, tweak, config->engine.xe,
                                 &rig->ciphers[channel]);
        parts.cipher = rig->ciphers[channel];
        if (err == CBIT_ERR_OK) {
            err = cbit_aes_timing_factory.create(cbit_aes_timing_factory.self, channel,
                                                 &config->engine, &parts.engine);
        }
        for (uint32_t i = CBIT_TWEAK_FIRST_BIT; err == CBIT_ERR_OK && i <= CBIT_TWEAK_LAST_BIT;
             i++) {
            parts.engine.ops->tweak_write(parts.engine.self, i, tweak->t[i]);
        }
    }
    if (err != CBIT_ERR_OK) {
        return cbit_diag_add(diag, err, "/engine", "%s", cbit_err_text(err));
    }
    err = cbit_umc_create(&config->umc, &parts, &rig->umcs[channel], diag);
    if (err == CBIT_ERR_OK) {
        cbit_fabric_bind(rig->fabric, channel, cbit_umc_port(rig->umcs[channel]));
    } else if (parts.engine.ops != NULL) {
        parts.engine.ops->destroy(parts.engine.self);
    }
    return err;
}

static void on_key(void *self)
{
    cbit_rig_t *rig = self;
    rig->keys_left--;
}

static void load_keys(cbit_rig_t *rig, uint64_t seed)
{
    const uint16_t slot =
        rig->key == CBIT_KEY_HOST ? (uint16_t)rig->config.sev.host_key_slot : (uint16_t)rig->key;
    uint8_t key[CBIT_KEY_BYTES];
    cbit_rng_t rng;
    cbit_rng_init(&rng, seed, 1);
    for (uint32_t i = 0; i < rig->config.fabric.channels; i++) {
        cbit_rng_bytes(&rng, key, sizeof key);
        rig->keys_left++;
        cbit_umc_write_key(rig->umcs[i], slot, key, on_key, rig);
    }
    while (rig->keys_left > 0 && cbit_kernel_next_ps(rig->kernel) != CBIT_PS_NEVER) {
        (void)cbit_kernel_run(rig->kernel, cbit_kernel_next_ps(rig->kernel));
    }
}

cbit_err_t cbit_rig_begin(cbit_rig_t *rig, const cbit_platform_config_t *config,
                          cbit_rig_mode_t mode, uint64_t seed, cbit_diag_t *diag)
{
    cbit_tweak_t tweak;
    memset(rig, 0, sizeof *rig);
    rig->config = *config;
    rig->key = keys[mode];
    cbit_err_t err = cbit_platform_check(config, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    rig->kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    if (rig->kernel == NULL ||
        cbit_store_create(config->memory.size_bytes, &rig->store) != CBIT_ERR_OK) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    err = cbit_fabric_create(&config->fabric, rig->kernel, config->memory.size_bytes, &rig->fabric,
                             diag);
    cbit_tweak_init(&tweak, (cbit_tweak_kind_t)config->sev.tweak, seed);
    for (uint32_t i = 0; i < config->fabric.channels && err == CBIT_ERR_OK; i++) {
        err = begin_channel(rig, i, &tweak, mode != CBIT_RIG_PLAIN, diag);
    }
    if (err == CBIT_ERR_OK) {
        rig->port = cbit_fabric_port(rig->fabric);
        if (rig->key != CBIT_KEY_PLAIN) {
            load_keys(rig, seed);
        }
    }
    return err;
}

void cbit_rig_end(cbit_rig_t *rig)
{
    for (uint32_t i = 0; i < CBIT_FABRIC_MAX_CHANNELS; i++) {
        cbit_umc_destroy(rig->umcs[i]);
        cbit_cipher_destroy(rig->ciphers[i]);
    }
    cbit_fabric_destroy(rig->fabric);
    cbit_store_destroy(rig->store);
    cbit_kernel_destroy(rig->kernel);
    memset(rig, 0, sizeof *rig);
}

void cbit_rig_stats(const cbit_rig_t *rig, cbit_umc_stats_t *sum)
{
    memset(sum, 0, sizeof *sum);
    for (uint32_t i = 0; i < rig->config.fabric.channels; i++) {
        cbit_umc_stats_t one;
        cbit_umc_stats(rig->umcs[i], &one);
        for (const cbit_row_t *row = cbit_umc_stat_rows; row->key != NULL; row++) {
            uint64_t a, b;
            memcpy(&a, (const unsigned char *)&one + row->offset, sizeof a);
            memcpy(&b, (unsigned char *)sum + row->offset, sizeof b);
            b += a;
            memcpy((unsigned char *)sum + row->offset, &b, sizeof b);
        }
    }
}
