#include <stdlib.h>
#include <string.h>

#include "model/platform/state.h"

/* ---- what the Secure Processor can do to the machine ---- */

static void hook_write_key(void *self, uint32_t channel, uint16_t slot, const uint8_t *key,
                           void (*done)(void *done_self), void *done_self)
{
    cbit_platform_t *platform = self;
    platform->key_writes++;
    cbit_umc_write_key(platform->umcs[channel], slot, key, done, done_self);
}

static bool hook_wbinvd_done(void *self, uint32_t core)
{
    const cbit_platform_t *platform = self;
    return platform->wbinvd_done[core];
}

static void hook_clear_wbinvd_done(void *self, uint32_t core)
{
    cbit_platform_t *platform = self;
    platform->wbinvd_done[core] = false;
}

static void hook_set_asid_valid(void *self, uint32_t core, uint16_t asid, bool valid)
{
    cbit_platform_t *platform = self;
    cbit_vcpu_set_asid_valid(platform->vcpus[core], asid, valid);
}

static void on_channel_flushed(void *self)
{
    cbit_platform_t *platform = self;
    if (--platform->flush.left == 0) {
        platform->flush.done(platform->flush.self);
    }
}

static void hook_df_flush(void *self, void (*done)(void *done_self), void *done_self)
{
    cbit_platform_t *platform = self;
    platform->df_flushes++;
    platform->flush = (join_t){platform->config.fabric.channels, done, done_self};
    for (uint32_t i = 0; i < platform->config.fabric.channels; i++) {
        cbit_umc_flush(platform->umcs[i], on_channel_flushed, platform);
    }
}

/* ---- building, from the pins up ---- */

static cbit_err_t build_channel(cbit_platform_t *platform, uint32_t channel,
                                const cbit_tweak_t *tweak, cbit_diag_t *diag)
{
    const cbit_platform_config_t *config = &platform->config;
    cbit_umc_parts_t parts = {
        .kernel = platform->kernel,
        .store = platform->store,
        .channel = channel,
        .engine_config = config->engine,
        .host_key_slot = (uint16_t)config->sev.host_key_slot,
        .tsme = config->host.tsme,
    };
    cbit_err_t err = CBIT_ERR_OK;
    if (platform->parts.engines != NULL) {
        const cbit_aes_engine_factory_t *factory = platform->parts.engines;
        err = cbit_cipher_create(config->engine.key_slots, tweak, config->engine.xe,
                                 &platform->ciphers[channel]);
        parts.cipher = platform->ciphers[channel];
        if (err == CBIT_ERR_OK) {
            err = factory->create(factory->self, channel, &config->engine, &parts.engine);
        }
        if (err != CBIT_ERR_OK) {
            return cbit_diag_add(diag, err, "/engine", "the engine of channel %u: %s", channel,
                                 cbit_err_text(err));
        }
        for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
            parts.engine.ops->tweak_write(parts.engine.self, i, tweak->t[i]);
        }
    }
    platform->engines[channel] = parts.engine;
    err = cbit_umc_create(&config->umc, &parts, &platform->umcs[channel], diag);
    if (err == CBIT_ERR_OK) {
        cbit_wiring_t *wiring = &platform->wiring;
        cbit_fabric_bind(platform->fabric, channel,
                         cbit_wiring_bind(wiring, &wiring->channel_memory[channel],
                                          cbit_umc_port(platform->umcs[channel])));
    } else if (parts.engine.ops != NULL) {
        parts.engine.ops->destroy(parts.engine.self);
    }
    return err;
}

static cbit_err_t build_memory(cbit_platform_t *platform, cbit_diag_t *diag)
{
    const cbit_platform_config_t *config = &platform->config;
    uint64_t size_bytes = config->memory.size_bytes;
    cbit_err_t err = cbit_store_create(size_bytes, &platform->store);
    if (err != CBIT_ERR_OK) {
        return cbit_diag_add(diag, err, "/memory", "%s", cbit_err_text(err));
    }
    err =
        cbit_fabric_create(&config->fabric, platform->kernel, size_bytes, &platform->fabric, diag);
    cbit_tweak_t tweak;
    cbit_tweak_init(&tweak, (cbit_tweak_kind_t)config->sev.tweak, platform->parts.seed);
    for (uint32_t i = 0; i < config->fabric.channels && err == CBIT_ERR_OK; i++) {
        err = build_channel(platform, i, &tweak, diag);
    }
    return err;
}

static cbit_err_t build_cores(cbit_platform_t *platform, cbit_diag_t *diag)
{
    const cbit_platform_config_t *config = &platform->config;
    const cbit_clock_t cclk = {.period_num_ps = UINT64_C(1000000000),
                               .period_den = config->vcpu.clock_khz};
    cbit_wiring_t *wiring = &platform->wiring;
    cbit_recorder_init(&platform->recorder, platform->kernel, cbit_fabric_port(platform->fabric));
    const cbit_port_t recorder = cbit_recorder_port(&platform->recorder);
    cbit_err_t err = cbit_cache_create(
        &config->cache, config->host.cores, config->sev.coherent_domains, &cclk, platform->kernel,
        cbit_wiring_bind(wiring, &wiring->cache_memory, recorder), &platform->cache, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    /* Complexes stand in the quadrants by turns, each with a port and a tap of its own; everything
       else enters at the first one. */
    uint32_t complexes = (config->host.cores + config->cache.cores_per_complex - 1) /
                         config->cache.cores_per_complex;
    uint32_t entries = CBIT_FABRIC_QUADRANTS * config->fabric.sockets;
    for (uint32_t i = 0; i < complexes; i++) {
        cbit_cache_bind_complex(platform->cache, i, i % entries / CBIT_FABRIC_QUADRANTS,
                                cbit_recorder_tap(&platform->recorder, 1 + i,
                                                  cbit_fabric_port_at(platform->fabric, i)));
    }
    platform->coherent = (cbit_coherent_t){.below = recorder, .cache = platform->cache};
    cbit_iommu_config_t iommu = config->iommu;
    iommu.c_bit = config->sev.c_bit;
    err = cbit_iommu_create(
        &iommu, platform->kernel,
        cbit_wiring_bind(wiring, &wiring->iommu_memory, cbit_coherent_port(&platform->coherent)),
        &platform->iommu);
    cbit_vcpu_config_t vcpu = config->vcpu;
    vcpu.c_bit = config->sev.c_bit;
    for (uint32_t i = 0; i < config->host.cores && err == CBIT_ERR_OK; i++) {
        const cbit_vcpu_parts_t parts = {
            .kernel = platform->kernel,
            .memory = cbit_wiring_bind(wiring, &wiring->core_memory[i],
                                       cbit_cache_port(platform->cache, i)),
            .fetch = cbit_cache_fetch_port(platform->cache, i),
            .core = i,
            .host_key = config->host.sme ? CBIT_KEY_HOST : CBIT_KEY_PLAIN,
            .seed = platform->parts.seed,
            .exit_self = platform->parts.self,
            .on_exit = platform->parts.on_exit,
        };
        err = cbit_vcpu_create(&vcpu, &parts, &platform->vcpus[i], diag);
    }
    return err;
}

static cbit_err_t build_sp(cbit_platform_t *platform, cbit_diag_t *diag)
{
    const cbit_platform_config_t *config = &platform->config;
    const cbit_sp_parts_t parts = {
        .kernel = platform->kernel,
        /* Coherent as every agent of the fabric: host software does not flush command buffers. */
        .memory = cbit_wiring_bind(&platform->wiring, &platform->wiring.sp_memory,
                                   cbit_coherent_port(&platform->coherent)),
        .memory_bytes = config->memory.size_bytes,
        .hooks = {.self = platform,
                  .channels = config->fabric.channels,
                  .cores = config->host.cores,
                  .write_key = hook_write_key,
                  .wbinvd_done = hook_wbinvd_done,
                  .clear_wbinvd_done = hook_clear_wbinvd_done,
                  .set_asid_valid = hook_set_asid_valid,
                  .df_flush = hook_df_flush},
        .seed = platform->parts.seed,
        .boot = platform->parts.sp_boot,
        .flash = platform->parts.sp_flash,
        .firmware = platform->parts.firmware,
        .on_interrupt = platform->parts.on_sp_interrupt,
        .interrupt_self = platform->parts.self,
        .on_ready = platform->parts.on_sp_ready,
        .ready_self = platform->parts.self,
        .on_console = platform->parts.on_console,
        .console_self = platform->parts.self,
    };
    cbit_sp_config_t sp = config->sp;
    sp.c_bit = config->sev.c_bit;
    sp.asid_max = config->sev.asids;
    sp.asid_min = config->sev.min_sev_asid;
    sp.host_key_slot = config->sev.host_key_slot;
    sp.per_channel_keys = config->sev.per_channel_keys;
    return cbit_sp_create(&sp, &parts, &platform->sp, diag);
}

cbit_err_t cbit_platform_create(const cbit_platform_config_t *config,
                                const cbit_platform_parts_t *parts, cbit_platform_t **out,
                                cbit_diag_t *diag)
{
    cbit_err_t err = cbit_platform_check(config, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_platform_t *platform = calloc(1, sizeof *platform);
    if (platform == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    platform->config = *config;
    platform->parts = *parts;
    platform->kernel =
        parts->kernel != NULL ? parts->kernel : cbit_kernel_create(CBIT_KERNEL_WHEEL);
    cbit_wiring_init(&platform->wiring, config->fabric.channels, config->host.cores, diag);
    err = platform->kernel == NULL ? CBIT_ERR_NO_MEMORY : build_memory(platform, diag);
    if (err == CBIT_ERR_OK) {
        err = build_cores(platform, diag);
    }
    if (err == CBIT_ERR_OK) {
        err = build_sp(platform, diag);
    }
    if (err == CBIT_ERR_OK) {
        err = cbit_wiring_check(&platform->wiring);
    }
    if (err != CBIT_ERR_OK) {
        cbit_platform_destroy(platform);
        return err;
    }
    *out = platform;
    return CBIT_ERR_OK;
}

void cbit_platform_destroy(cbit_platform_t *platform)
{
    if (platform == NULL) {
        return;
    }
    cbit_sp_destroy(platform->sp);
    for (uint32_t i = 0; i < CBIT_PLATFORM_MAX_CORES; i++) {
        cbit_vcpu_destroy(platform->vcpus[i]);
    }
    cbit_iommu_destroy(platform->iommu);
    cbit_coherent_clear(&platform->coherent);
    cbit_cache_destroy(platform->cache);
    for (uint32_t i = 0; i < CBIT_FABRIC_MAX_CHANNELS; i++) {
        cbit_umc_destroy(platform->umcs[i]);
        cbit_cipher_destroy(platform->ciphers[i]);
    }
    cbit_fabric_destroy(platform->fabric);
    cbit_store_destroy(platform->store);
    if (platform->parts.kernel == NULL) {
        cbit_kernel_destroy(platform->kernel);
    }
    free(platform);
}

/* ---- faces ---- */

cbit_kernel_t *cbit_platform_kernel(cbit_platform_t *platform)
{
    return platform->kernel;
}

uint32_t cbit_platform_cores(const cbit_platform_t *platform)
{
    return platform->config.host.cores;
}

cbit_vcpu_t *cbit_platform_vcpu(cbit_platform_t *platform, uint32_t core)
{
    return platform->vcpus[core];
}

cbit_sp_t *cbit_platform_sp(cbit_platform_t *platform)
{
    return platform->sp;
}

cbit_store_t *cbit_platform_store(cbit_platform_t *platform)
{
    return platform->store;
}

cbit_port_t cbit_platform_host_port(cbit_platform_t *platform, uint32_t core)
{
    return cbit_cache_port(platform->cache, core);
}

cbit_port_t cbit_platform_device_port(cbit_platform_t *platform, uint32_t device)
{
    return cbit_iommu_port(platform->iommu, device);
}

cbit_iommu_t *cbit_platform_iommu(cbit_platform_t *platform)
{
    return platform->iommu;
}

const cbit_cache_t *cbit_platform_cache(const cbit_platform_t *platform)
{
    return platform->cache;
}

void cbit_platform_listen(cbit_platform_t *platform, cbit_platform_listener_t listener, void *self)
{
    platform->recorder.listener = listener;
    platform->recorder.listener_self = self;
}

/* ---- somebody has the machine open ---- */

void cbit_platform_analyse(cbit_platform_t *platform, cbit_bus_analyser_t analyser, void *self)
{
    for (uint32_t i = 0; i < platform->config.fabric.channels; i++) {
        cbit_umc_analyse(platform->umcs[i], analyser, self);
    }
}

void cbit_platform_alias_dimms(cbit_platform_t *platform, bool aliased)
{
    cbit_store_set_alias(platform->store, aliased ? cbit_fabric_lower_half : NULL,
                         platform->fabric);
}

cbit_spa_t cbit_platform_alias_of(const cbit_platform_t *platform, cbit_spa_t spa)
{
    return cbit_fabric_alias(platform->fabric, spa);
}

cbit_spa_t cbit_platform_alias_end(const cbit_platform_t *platform)
{
    return cbit_fabric_lower_end(platform->fabric);
}

/* ---- statistics ---- */

/* Adds every counter of a table of U64 rows: how channels are summed. */
static void add_counters(const cbit_row_t *rows, void *into, const void *from)
{
    for (const cbit_row_t *row = rows; row->key != NULL; row++) {
        uint64_t sum, value;
        memcpy(&sum, (const char *)into + row->offset, sizeof sum);
        memcpy(&value, (const char *)from + row->offset, sizeof value);
        sum += value;
        memcpy((char *)into + row->offset, &sum, sizeof sum);
    }
}

void cbit_platform_account(cbit_platform_t *platform, cbit_umc_account_t *account)
{
    for (uint32_t i = 0; i < platform->config.fabric.channels; i++) {
        cbit_umc_account(platform->umcs[i], account);
    }
}

void cbit_platform_stats(const cbit_platform_t *platform, cbit_platform_stats_t *stats)
{
    memset(stats, 0, sizeof *stats);
    stats->read = platform->recorder.read;
    stats->write = platform->recorder.write;
    memcpy(stats->read_by_source, platform->recorder.read_by_source, sizeof stats->read_by_source);
    stats->stage_mismatches = platform->recorder.stage_mismatches;
    stats->in_flight = platform->recorder.in_flight;
    stats->wbinvds = platform->wbinvds;
    stats->df_flushes = platform->df_flushes;
    stats->key_writes = platform->key_writes;
    cbit_cache_stats(platform->cache, &stats->cache);
    cbit_fabric_stats(platform->fabric, &stats->fabric);
    cbit_iommu_stats(platform->iommu, &stats->iommu);
    cbit_sp_stats(platform->sp, &stats->sp);
    for (uint32_t i = 0; i < platform->config.fabric.channels; i++) {
        cbit_umc_stats_t umc;
        cbit_umc_stats(platform->umcs[i], &umc);
        add_counters(cbit_umc_stat_rows, &stats->umc, &umc);
        cbit_aes_counters_t engine;
        if (platform->engines[i].ops == NULL) {
            continue;
        }
        platform->engines[i].ops->counters(platform->engines[i].self, &engine);
        add_counters(cbit_aes_engine_stat_rows, &stats->engine, &engine);
    }
}
