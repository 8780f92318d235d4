/* Life of the caches, and access without time. */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/host_memory.h"
#include "model/cache/state.h"

/* ---- life ---- */

static void below_has_space(void *self)
{
    cbit_cache_send_victims(self);
    cbit_cache_send_fills(self);
}

static bool levels_are_near(const cbit_cache_t *cache)
{
    bool near = cache->l2.ways == 8 && cache->l3.ways == 16 && !cache->l3_inclusive &&
                cache->l3.set_bits <= cache->l2.set_bits + KEPT_BITS;
    for (int fetch = 0; fetch < 2; fetch++) {
        const cbit_level_t *l1 = &cache->l1[fetch];
        near = near && l1->ways == 8 && l1->sets <= cache->l2.sets;
    }
    return near;
}

static bool build_levels(cbit_cache_t *cache, const cbit_clock_t *cclk)
{
    const cbit_cache_config_t *config = &cache->config;
    bool built = cbit_level_init(&cache->l1[false], &config->l1d, cache->cores, false, cclk) &&
                 cbit_level_init(&cache->l1[true], &config->l1i, cache->cores, false, cclk) &&
                 cbit_level_init(&cache->l2, &config->l2, cache->cores, false, cclk) &&
                 cbit_level_init(&cache->l3, &config->l3, cache->complexes, true, cclk);
    const cbit_level_t *levels[ANSWERS] = {&cache->l1[false], &cache->l1[true], &cache->l2,
                                           &cache->l3};
    const uint32_t clocks[ANSWERS] = {config->l1d.hit_cclk, config->l1i.hit_cclk,
                                      config->l2.hit_cclk, config->l3.hit_cclk};
    for (int i = 0; i < ANSWERS; i++) {
        cache->clocks[i] = clocks[i];
        cache->answers[i].cache = cache;
        cache->answers[i].span_ps = levels[i]->ps;
        cbit_event_init(&cache->answers[i].event, cbit_answers_event, &cache->answers[i]);
    }
    cache->look_up_ps = cache->l3.lines != 0 ? cache->l3.ps : cache->l2.ps;
    cache->near = built && levels_are_near(cache);
    cache->transfer_ps = cbit_clock_span_ps(cclk, config->transfer_cclk);
    return built;
}

static bool build_directory(cbit_cache_t *cache)
{
    uint64_t places =
        (uint64_t)cache->l2.lines * cache->cores + (uint64_t)cache->l3.lines * cache->complexes;
    cache->pool_count = (uint32_t)(places + 4 * (uint64_t)cache->mshr_count + 16 + LEAVING);
    uint32_t buckets = 1024;
    while (buckets < cache->pool_count / 2 && buckets < 1U << 21) {
        buckets *= 2;
    }
    cache->bucket_mask = buckets - 1;
    cache->pool = cbit_host_allocate((size_t)cache->pool_count * sizeof cache->pool[0]);
    cache->bytes = cbit_host_allocate((size_t)cache->pool_count * sizeof cache->bytes[0]);
    cache->buckets = cbit_host_allocate(buckets * sizeof cache->buckets[0]);
    if (cache->pool == NULL || cache->bytes == NULL || cache->buckets == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < buckets; i++) {
        cache->buckets[i] = (cbit_bucket_t){.more = NOWHERE};
    }
    memset(cache->leaving, 0xff, sizeof cache->leaving); /* NOWHERE */
    cache->pool_free = NOWHERE;
    return true;
}

/* Zeros, in lines of the host. */
static void *new_lines(size_t bytes)
{
    void *lines = aligned_alloc(64, bytes);
    return lines == NULL ? NULL : memset(lines, 0, bytes);
}

static cbit_eight_t *sets_of(const cbit_level_t *level, uint32_t core)
{
    return level->lines == 0 ? NULL : &level->eights[(size_t)core * level->sets * level->words];
}

static void init_ports(cbit_cache_t *cache)
{
    for (uint32_t i = 0; i < 2 * cache->cores; i++) {
        cbit_core_t *port = &cache->ports[i];
        *port = (cbit_core_t){.cache = cache, .core = i % cache->cores, .fetch = i >= cache->cores};
        port->complex = cbit_complex_of(cache, port->core);
        port->core_bit = UINT64_C(1) << port->core;
        port->complex_bit = UINT64_C(1) << port->complex;
        port->below = &cache->below_of_complex[port->complex];
        port->l1 = &cache->l1[port->fetch];
        port->first = sets_of(port->l1, port->core);
        port->second = sets_of(&cache->l2, port->core);
        port->third = port->complex * cache->l3.sets;
        port->which = port->fetch ? ANSWERS_L1I : ANSWERS_L1D;
        for (uint32_t h = 0; h < L1_HINTS; h++) {
            port->hints[h].number = h + 1; /* of no line that looks here */
        }
    }
}

static bool build_buffers(cbit_cache_t *cache)
{
    const uint32_t waits = WAITS_PER_CORE * cache->cores;
    cache->waits_left = waits;
    cache->mshrs = new_lines(cache->mshr_count * sizeof cache->mshrs[0]);
    cache->victims = calloc(cache->victim_count + cache->mshr_count, sizeof cache->victims[0]);
    cache->waits = calloc(waits, sizeof cache->waits[0]);
    cache->of_core = calloc(cache->cores, sizeof cache->of_core[0]);
    cache->ports = new_lines(2 * (size_t)cache->cores * sizeof cache->ports[0]);
    cache->below_of_complex = calloc(cache->complexes, sizeof cache->below_of_complex[0]);
    if (cache->mshrs == NULL || cache->victims == NULL || cache->waits == NULL ||
        cache->of_core == NULL || cache->ports == NULL || cache->below_of_complex == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < cache->complexes; i++) {
        cache->below_of_complex[i] = cache->below;
    }
    for (uint32_t i = 0; i < cache->mshr_count; i++) {
        cache->mshrs[i].expected = (cbit_expected_t){.pushed = NOWHERE, .leaving = NOWHERE};
        cache->mshrs[i].next = cache->mshrs_free;
        cache->mshrs_free = &cache->mshrs[i];
        cbit_event_init(&cache->mshrs[i].event, cbit_mshr_event, &cache->mshrs[i]);
    }
    for (uint32_t i = 0; i < EXPECTING; i++) {
        cache->expecting[i] = &cache->mshrs[0].expected; /* nothing */
    }
    for (uint32_t i = 0; i < cache->victim_count + cache->mshr_count; i++) {
        cache->victims[i].cache = cache;
        cache->victims[i].next = cache->victims_free;
        cache->victims_free = &cache->victims[i];
    }
    for (uint32_t i = 0; i < waits; i++) {
        cache->waits[i].next = cache->waits_free;
        cache->waits_free = &cache->waits[i];
    }
    init_ports(cache);
    return true;
}

cbit_err_t cbit_cache_create(const cbit_cache_config_t *config, uint32_t cores,
                             bool coherent_domains, const cbit_clock_t *cclk, cbit_kernel_t *kernel,
                             cbit_port_t below, cbit_cache_t **out, cbit_diag_t *diag)
{
    cbit_err_t err = cbit_cache_check(config, cores, "", diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_cache_t *cache = aligned_alloc(64, sizeof *cache);
    if (cache == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    memset(cache, 0, sizeof *cache);
    cache->config = *config;
    cache->l3_inclusive = config->l3_inclusive;
    cache->coherent_domains = coherent_domains;
    cache->cores = cores;
    cache->complexes = (cores + config->cores_per_complex - 1) / config->cores_per_complex;
    for (uint32_t core = 0; core < cores; core++) {
        cache->complex_of[core] = (uint8_t)(core / config->cores_per_complex);
    }
    cache->kernel = kernel;
    cache->below = below;
    cache->below_space = (cbit_waiter_t){.on_space = below_has_space, .self = cache};
    cache->mshr_count = config->mshrs * cores;
    cache->victim_count = VICTIMS_PER_MSHR * cache->mshr_count;
    if (!build_levels(cache, cclk) || !build_directory(cache) || !build_buffers(cache) ||
        !cbit_prefetch_init(cache)) {
        cbit_cache_destroy(cache);
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    *out = cache;
    return CBIT_ERR_OK;
}

static void free_flushes(cbit_flush_t *flush)
{
    while (flush != NULL) {
        cbit_flush_t *next = flush->next;
        free(flush);
        flush = next;
    }
}

void cbit_cache_destroy(cbit_cache_t *cache)
{
    if (cache == NULL) {
        return;
    }
    for (int i = 0; i < ANSWERS; i++) {
        cbit_event_cancel(cache->kernel, &cache->answers[i].event);
    }
    for (uint32_t i = 0; cache->mshrs != NULL && i < cache->mshr_count; i++) {
        cbit_event_cancel(cache->kernel, &cache->mshrs[i].event);
    }
    for (uint32_t core = 0; cache->of_core != NULL && core < cache->cores; core++) {
        free_flushes(cache->of_core[core].wbinvds);
    }
    free_flushes(cache->clflushes);
    cbit_prefetch_free(cache);
    cbit_level_free(&cache->l1[false]);
    cbit_level_free(&cache->l1[true]);
    cbit_level_free(&cache->l2);
    cbit_level_free(&cache->l3);
    free(cache->pool);
    free(cache->bytes);
    free(cache->buckets);
    free(cache->mshrs);
    free(cache->victims);
    free(cache->waits);
    free(cache->of_core);
    free(cache->ports);
    free(cache->below_of_complex);
    free(cache);
}

void cbit_cache_set_timing_only(cbit_cache_t *cache)
{
    free(cache->bytes);
    cache->bytes = NULL;
}

void cbit_cache_bind_complex(cbit_cache_t *cache, uint32_t complex, uint32_t socket,
                             cbit_port_t below)
{
    cache->second_socket |= (uint64_t)(socket & 1) << complex;
    cache->below_of_complex[complex] = below;
}

void cbit_cache_stats(const cbit_cache_t *cache, cbit_cache_stats_t *stats)
{
    *stats = cache->stats;
}

/* ---- without time ---- */

/* A fill that is under way will bring bytes from before this write. */
static void patch(cbit_mshr_t *mshr, uint32_t offset, const void *bytes, uint32_t len_bytes)
{
    memcpy(mshr->patch + offset, bytes, len_bytes);
    mshr->patch_mask = mshr->patched ? mshr->patch_mask : 0;
    mshr->patched = true;
    for (uint32_t i = offset; i < offset + len_bytes; i++) {
        mshr->patch_mask |= UINT64_C(1) << i;
    }
}

/* The line if its bytes are here; *filling: it is on its way from memory. */
static cbit_line_t *present(cbit_cache_t *cache, uint64_t tag, cbit_mshr_t **filling)
{
    cbit_line_t *line = cbit_line_find(cache, tag);
    *filling = NULL;
    if (line != NULL && line->mshr != NULL && line->mshr->fill) {
        *filling = line->mshr;
        return NULL;
    }
    return line;
}

static void update(cbit_cache_t *cache, cbit_line_t *line, uint32_t offset, const void *bytes,
                   uint32_t len_bytes)
{
    if (cache->bytes != NULL) {
        memcpy(cbit_line_bytes(cache, line) + offset, bytes, len_bytes);
    }
    if (!cbit_line_on_chip(line)) {
        cbit_cache_victim_again(cache, line);
    }
}

bool cbit_cache_snoop(cbit_cache_t *cache, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                      void *bytes, uint32_t len_bytes)
{
    uint32_t offset = spa % CBIT_LINE_BYTES;
    cbit_mshr_t *filling;
    cbit_line_t *line = present(cache, cbit_tag(spa, key), &filling);
    if (command == CBIT_COMMAND_READ) {
        if (cache->bytes == NULL) {
            return false; /* what is below has them */
        }
        if (line != NULL) {
            memcpy(bytes, cbit_line_bytes(cache, line) + offset, len_bytes);
        }
        return line != NULL;
    }
    if (line == NULL) {
        if (filling != NULL) {
            patch(filling, offset, bytes, len_bytes);
        }
        return false;
    }
    update(cache, line, offset, bytes, len_bytes);
    /* One that comes back from a write-back buffer is nowhere yet, and perhaps clean. */
    if ((cbit_line_on_chip(line) || line->mshr != NULL) && !line->dirty) {
        line->dirty = true;
        line->by = (uint32_t)CBIT_SOURCE_DMA << 16;
    }
    return true;
}

bool cbit_cache_patch_fill(cbit_cache_t *cache, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                           uint32_t len_bytes)
{
    cbit_mshr_t *filling;
    (void)present(cache, cbit_tag(spa, key), &filling);
    if (filling != NULL && len_bytes != 0) {
        patch(filling, spa % CBIT_LINE_BYTES, bytes, len_bytes);
    }
    return filling != NULL;
}

static uint32_t within_line(cbit_spa_t spa, uint32_t len_bytes)
{
    uint32_t room = CBIT_LINE_BYTES - (uint32_t)(spa % CBIT_LINE_BYTES);
    return len_bytes < room ? len_bytes : room;
}

static cbit_err_t peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes, uint32_t len_bytes)
{
    cbit_cache_t *cache = ((const cbit_core_t *)self)->cache;
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t at = 0, len; err == CBIT_ERR_OK && at < len_bytes; at += len) {
        len = within_line(spa + at, len_bytes - at);
        uint8_t *part = (uint8_t *)bytes + at;
        cbit_mshr_t *filling;
        const cbit_line_t *line = present(cache, cbit_tag(spa + at, key), &filling);
        if (line != NULL && cache->bytes != NULL) {
            memcpy(part, cbit_line_bytes(cache, line) + (spa + at) % CBIT_LINE_BYTES, len);
        } else {
            err = cache->below.peek(cache->below.self, spa + at, key, part, len);
        }
    }
    return err;
}

static cbit_err_t poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                       uint32_t len_bytes)
{
    cbit_cache_t *cache = ((const cbit_core_t *)self)->cache;
    cbit_err_t err = cache->below.poke(cache->below.self, spa, key, bytes, len_bytes);
    for (uint32_t at = 0, len; err == CBIT_ERR_OK && at < len_bytes; at += len) {
        len = within_line(spa + at, len_bytes - at);
        const uint8_t *part = (const uint8_t *)bytes + at;
        uint32_t offset = (spa + at) % CBIT_LINE_BYTES;
        cbit_mshr_t *filling;
        cbit_line_t *line = present(cache, cbit_tag(spa + at, key), &filling);
        if (line != NULL) {
            update(cache, line, offset, part, len);
        } else if (filling != NULL) {
            patch(filling, offset, part, len);
        }
    }
    return err;
}

static cbit_port_t port_of(cbit_cache_t *cache, uint32_t index)
{
    return (cbit_port_t){
        .self = &cache->ports[index],
        .try_send = cbit_cache_try_send,
        .peek = peek,
        .poke = poke,
        .quick = cbit_cache_quick,
        .hint = cbit_cache_hint,
    };
}

cbit_port_t cbit_cache_port(cbit_cache_t *cache, uint32_t core)
{
    return port_of(cache, core);
}

cbit_port_t cbit_cache_fetch_port(cbit_cache_t *cache, uint32_t core)
{
    return port_of(cache, cache->cores + core);
}
