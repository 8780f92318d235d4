/* Life of a cache, its rows, and access without time. */
#include "cbit/cache/cache.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/cache/state.h"

const cbit_row_t cbit_cache_rows[] = {
    {CBIT_FIELD(SIZE, cbit_cache_config_t, size_bytes), .unit = "bytes", .min = 4096,
     .max = UINT64_C(1) << 30, .fallback = 512 << 10,
     .source = "AMD Software Optimization Guide for Family 17h Models 30h (56305), section 2.6: L2",
     .help = "Capacity of a core's cache: ways x 64 bytes x a power of two"},
    {CBIT_FIELD(U32, cbit_cache_config_t, ways), .unit = "lines", .min = 1, .max = 64,
     .fallback = 8,
     .source = "AMD Software Optimization Guide for Family 17h Models 30h (56305), section 2.6: L2",
     .help = "Lines of a set"},
    {CBIT_FIELD(U32, cbit_cache_config_t, mshrs), .unit = "lines", .min = 1, .max = 256,
     .fallback = 22,
     .source = "assumed: the 22 miss address buffers of a Zen 2 L1 data cache stand for the path",
     .help = "Lines that may be outstanding below; also the number of write-back buffers"},
    {CBIT_FIELD(U32, cbit_cache_config_t, hit_cclk), .unit = "cclk", .min = 1, .max = 1000,
     .fallback = 12,
     .source = "AMD Software Optimization Guide for Family 17h Models 30h (56305), section 2.6: L2",
     .help = "Look-up, and the answer when it hits"},
    {.key = NULL},
};

#define STAT(field, sentence)                                                                      \
    {                                                                                              \
        CBIT_FIELD(U64, cbit_cache_stats_t, field), .unit = "count", .help = sentence              \
    }
const cbit_row_t cbit_cache_stat_rows[] = {
    STAT(hits, "Requests answered by the cache or its write-back buffers"),
    STAT(misses, "Lines asked for below"),
    STAT(merges, "Requests that waited for another one's line"),
    STAT(writebacks, "Dirty lines sent below"),
    STAT(refusals, "Requests turned away: no MSHR, buffer or way was free"),
    {.key = NULL},
};

static cbit_err_t check_rows(const cbit_cache_config_t *config, cbit_diag_t *diag)
{
    const struct {
        const char *key;
        uint64_t value;
    } given[] = {
        {"size_bytes", config->size_bytes},
        {"ways", config->ways},
        {"mshrs", config->mshrs},
        {"hit_cclk", config->hit_cclk},
    };
    cbit_err_t err = CBIT_ERR_OK;
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        const cbit_row_t *row = cbit_rows_find(cbit_cache_rows, given[i].key);
        if (given[i].value < row->min || given[i].value > row->max) {
            err = cbit_diag_add(diag, CBIT_ERR_RANGE, row->key,
                                "%" PRIu64 " is outside %" PRIu64 "..%" PRIu64 " (%s)",
                                given[i].value, row->min, row->max, row->unit);
        }
    }
    return err;
}

static cbit_err_t check(const cbit_cache_config_t *config, cbit_diag_t *diag)
{
    cbit_err_t err = check_rows(config, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    uint64_t set_bytes = (uint64_t)config->ways * CBIT_LINE_BYTES;
    uint64_t sets = config->size_bytes / set_bytes;
    if (config->size_bytes % set_bytes != 0 || (sets & (sets - 1)) != 0) {
        return cbit_diag_add(diag, CBIT_ERR_RANGE, "size_bytes",
                             "%" PRIu64 " bytes in %" PRIu32
                             " ways are not a power of two of sets; allowed is ways x 64 x 2^n",
                             config->size_bytes, config->ways);
    }
    return CBIT_ERR_OK;
}

static void below_has_space(void *self)
{
    cbit_cache_send_victims(self);
    cbit_cache_send_fills(self);
}

static bool allocate(cbit_cache_t *cache, const cbit_cache_config_t *config)
{
    cache->lines = (uint32_t)(config->size_bytes / CBIT_LINE_BYTES);
    cache->ways = config->ways;
    cache->set_mask = cache->lines / config->ways - 1;
    cache->mshr_count = config->mshrs;
    cache->tags = calloc(cache->lines, sizeof cache->tags[0]);
    cache->used = calloc(cache->lines, sizeof cache->used[0]);
    cache->by = calloc(cache->lines, sizeof cache->by[0]);
    cache->states = calloc(cache->lines, sizeof cache->states[0]);
    cache->bytes = calloc(cache->lines, CBIT_LINE_BYTES);
    cache->mshrs = calloc(config->mshrs, sizeof cache->mshrs[0]);
    cache->victims = calloc(config->mshrs, sizeof cache->victims[0]);
    return cache->tags != NULL && cache->used != NULL && cache->by != NULL &&
           cache->states != NULL && cache->bytes != NULL && cache->mshrs != NULL &&
           cache->victims != NULL;
}

cbit_err_t cbit_cache_create(const cbit_cache_config_t *config, const cbit_clock_t *cclk,
                             cbit_kernel_t *kernel, cbit_port_t below, cbit_cache_t **out,
                             cbit_diag_t *diag)
{
    cbit_err_t err = check(config, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_cache_t *cache = calloc(1, sizeof *cache);
    if (cache == NULL || !allocate(cache, config)) {
        cbit_cache_destroy(cache);
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, "size_bytes", "out of memory");
    }
    cache->kernel = kernel;
    cache->below = below;
    cache->below_space = (cbit_waiter_t){.on_space = below_has_space, .self = cache};
    cache->hit_cclk = config->hit_cclk;
    cache->hit_ps = cbit_clock_span_ps(cclk, config->hit_cclk);
    cbit_event_init(&cache->fill_event, cbit_cache_send_fills, cache);
    cbit_event_init(&cache->hit_event, cbit_cache_answer_hits, cache);
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
    if (cache->kernel != NULL) {
        cbit_event_cancel(cache->kernel, &cache->fill_event);
        cbit_event_cancel(cache->kernel, &cache->hit_event);
    }
    free_flushes(cache->wbinvds);
    free_flushes(cache->clflushes);
    free(cache->tags);
    free(cache->used);
    free(cache->by);
    free(cache->states);
    free(cache->bytes);
    free(cache->mshrs);
    free(cache->victims);
    free(cache);
}

void cbit_cache_stats(const cbit_cache_t *cache, cbit_cache_stats_t *stats)
{
    *stats = cache->stats;
}

/* A fill that is under way will bring bytes from before this write. */
static void patch(cbit_mshr_t *mshr, uint32_t offset, const void *bytes, uint32_t len_bytes)
{
    memcpy(mshr->patch + offset, bytes, len_bytes);
    for (uint32_t i = offset; i < offset + len_bytes; i++) {
        mshr->patch_mask |= UINT64_C(1) << i;
    }
}

/* The newest copy of a line in this cache, or NULL. */
static uint8_t *newest(cbit_cache_t *cache, uint64_t tag)
{
    uint32_t line = cbit_cache_find(cache, tag);
    if (line != NO_LINE) {
        return cbit_cache_bytes(cache, line);
    }
    cbit_victim_t *victim = cbit_cache_find_victim(cache, tag);
    return victim == NULL ? NULL : victim->txn.data;
}

bool cbit_cache_snoop(cbit_cache_t *cache, cbit_command_t command, cbit_spa_t spa, cbit_key_t key,
                      void *bytes, uint32_t len_bytes)
{
    uint64_t tag = cbit_cache_tag(spa, key);
    uint32_t offset = spa % CBIT_LINE_BYTES;
    uint8_t *copy = newest(cache, tag);
    if (command == CBIT_COMMAND_READ) {
        if (copy != NULL) {
            memcpy(bytes, copy + offset, len_bytes);
        }
        return copy != NULL;
    }
    if (copy == NULL) {
        cbit_mshr_t *mshr = cbit_cache_find_mshr(cache, tag);
        if (mshr != NULL) {
            patch(mshr, offset, bytes, len_bytes);
        }
        return false;
    }
    memcpy(copy + offset, bytes, len_bytes);
    uint32_t line = cbit_cache_find(cache, tag);
    if (line != NO_LINE) {
        cache->by[line] =
            cache->states[line] == LINE_DIRTY ? cache->by[line] : (uint32_t)CBIT_SOURCE_DMA << 16;
        cache->states[line] = LINE_DIRTY;
    } else {
        cbit_victim_t *victim = cbit_cache_find_victim(cache, tag);
        victim->again = victim->sent;
    }
    return true;
}

/* ---- without time ---- */

static uint32_t within_line(cbit_spa_t spa, uint32_t len_bytes)
{
    uint32_t room = CBIT_LINE_BYTES - (uint32_t)(spa % CBIT_LINE_BYTES);
    return len_bytes < room ? len_bytes : room;
}

static cbit_err_t peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes, uint32_t len_bytes)
{
    cbit_cache_t *cache = self;
    cbit_err_t err = cache->below.peek(cache->below.self, spa, key, bytes, len_bytes);
    for (uint32_t at = 0, len; err == CBIT_ERR_OK && at < len_bytes; at += len) {
        len = within_line(spa + at, len_bytes - at);
        const uint8_t *copy = newest(cache, cbit_cache_tag(spa + at, key));
        if (copy != NULL) {
            memcpy((uint8_t *)bytes + at, copy + (spa + at) % CBIT_LINE_BYTES, len);
        }
    }
    return err;
}

static cbit_err_t poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                       uint32_t len_bytes)
{
    cbit_cache_t *cache = self;
    cbit_err_t err = cache->below.poke(cache->below.self, spa, key, bytes, len_bytes);
    for (uint32_t at = 0, len; err == CBIT_ERR_OK && at < len_bytes; at += len) {
        len = within_line(spa + at, len_bytes - at);
        const uint8_t *part = (const uint8_t *)bytes + at;
        uint32_t offset = (spa + at) % CBIT_LINE_BYTES;
        uint64_t tag = cbit_cache_tag(spa + at, key);
        uint8_t *copy = newest(cache, tag);
        if (copy != NULL) {
            memcpy(copy + offset, part, len);
            cbit_victim_t *victim = cbit_cache_find_victim(cache, tag);
            if (cbit_cache_find(cache, tag) == NO_LINE && victim != NULL) {
                victim->again = victim->sent;
            }
        } else if (cbit_cache_find_mshr(cache, tag) != NULL) {
            patch(cbit_cache_find_mshr(cache, tag), offset, part, len);
        }
    }
    return err;
}

cbit_port_t cbit_cache_port(cbit_cache_t *cache)
{
    return (cbit_port_t){
        .self = cache,
        .try_send = cbit_cache_try_send,
        .peek = peek,
        .poke = poke,
        .quick = cbit_cache_quick,
    };
}
