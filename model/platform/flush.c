/* What empties caches and queues. */
#include <stdlib.h>

#include "model/platform/state.h"

/* A CLFLUSH loop under way; several cores may have one each. */
typedef struct range {
    cbit_cache_t *cache;
    cbit_spa_t next_spa, end_spa;
    bool inside_call, line_done;
    void (*done)(void *self);
    void *self;
} range_t;

static void on_wbinvd(void *self)
{
    wbinvd_t *wbinvd = self;
    *wbinvd->flag = true;
    wbinvd->done(wbinvd->self);
}

void cbit_platform_wbinvd(cbit_platform_t *platform, uint32_t core, void (*done)(void *self),
                          void *self)
{
    platform->wbinvds++;
    platform->wbinvd[core] = (wbinvd_t){&platform->wbinvd_done[core], done, self};
    cbit_cache_wbinvd(platform->cache, core, on_wbinvd, &platform->wbinvd[core]);
}

static void on_line_flushed(void *self);

/* One line after the other: each may or may not be answered within the call. */
static void flush_range(range_t *range)
{
    while (range->next_spa < range->end_spa) {
        cbit_spa_t line_spa = range->next_spa;
        range->next_spa += CBIT_LINE_BYTES;
        range->line_done = false;
        range->inside_call = true;
        cbit_cache_clflush(range->cache, line_spa, on_line_flushed, range);
        range->inside_call = false;
        if (!range->line_done) {
            return; /* on_line_flushed goes on */
        }
    }
    range_t over = *range;
    free(range);
    over.done(over.self);
}

static void on_line_flushed(void *self)
{
    range_t *range = self;
    range->line_done = true;
    if (!range->inside_call) {
        flush_range(range);
    }
}

void cbit_platform_clflush(cbit_platform_t *platform, cbit_spa_t spa, uint64_t len_bytes,
                           void (*done)(void *self), void *self)
{
    range_t *range = calloc(1, sizeof *range);
    if (range == NULL) {
        __builtin_trap(); /* a few bytes, and no way to tell */
    }
    *range = (range_t){
        .cache = platform->cache,
        .next_spa = spa & ~(cbit_spa_t)(CBIT_LINE_BYTES - 1),
        .end_spa = spa + len_bytes,
        .done = done,
        .self = self,
    };
    flush_range(range);
}

void cbit_platform_page_flush(cbit_platform_t *platform, cbit_spa_t spa, uint16_t asid,
                              void (*done)(void *self), void *self)
{
    cbit_cache_flush_page(platform->cache, spa, asid, done, self);
}

void cbit_platform_invd(cbit_platform_t *platform, uint32_t core, void (*done)(void *self),
                        void *self)
{
    if (platform->config.sev.invd_writes_back) {
        cbit_cache_wbinvd(platform->cache, core, done, self);
        return;
    }
    cbit_cache_invd(platform->cache, core);
    done(self);
}

static void on_channel_drained(void *self)
{
    cbit_platform_t *platform = self;
    if (--platform->drain.left == 0) {
        platform->drain.done(platform->drain.self);
    }
}

void cbit_platform_drain(cbit_platform_t *platform, void (*done)(void *self), void *self)
{
    platform->drain = (join_t){platform->config.fabric.channels, done, self};
    for (uint32_t i = 0; i < platform->config.fabric.channels; i++) {
        cbit_umc_flush(platform->umcs[i], on_channel_drained, platform);
    }
}
