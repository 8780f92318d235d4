/*
 * The prefetcher: constant strides within a page.
 *
 * Each core follows its guest's data accesses that the first level did not have, in a few pages at
 * a time, by address and key id (a request does not say which instruction made it). Once the
 * distance between one and the next has been the same often enough, lines further on are asked for:
 * into the second level, through the same MSHRs, under the same key id. What is asked for lies in
 * the page of the access, so it has that access's key and rights: it can neither fault nor name
 * another guest's key.
 */
#include <stdlib.h>

#include "model/cache/state.h"

enum { PAGE_LINES = CBIT_PAGE_BYTES / CBIT_LINE_BYTES };

struct cbit_stream {
    uint64_t page; /* tag of its first line; 0: none */
    uint64_t used; /* number of the access that was its latest */
    int at;        /* line of that access */
    int stride;    /* from the access before it; 0: there was none */
    int next;      /* the line to ask for next, if the stride goes on */
    uint32_t repeats;
};

bool cbit_prefetch_init(cbit_cache_t *cache)
{
    if (!cache->config.prefetch.enabled) {
        return true;
    }
    const size_t streams = (size_t)cache->cores * cache->config.prefetch.pages;
    cache->streams = calloc(streams, sizeof cache->streams[0]);
    cache->prefetches = calloc(cache->mshr_count, sizeof cache->prefetches[0]);
    return cache->streams != NULL && cache->prefetches != NULL;
}

void cbit_prefetch_free(cbit_cache_t *cache)
{
    free(cache->streams);
    free(cache->prefetches);
}

/* The page's stream, or the one unused for longest, made its own. */
static cbit_stream_t *stream_of(cbit_cache_t *cache, uint32_t core, uint64_t page, int at)
{
    const uint32_t pages = cache->config.prefetch.pages;
    cbit_stream_t *first = &cache->streams[(size_t)core * pages], *oldest = first;
    for (cbit_stream_t *each = first; each < first + pages; each++) {
        if (each->page == page) {
            return each;
        }
        oldest = each->used < oldest->used ? each : oldest;
    }
    *oldest = (cbit_stream_t){.page = page, .at = at, .next = at};
    return oldest;
}

/* In the complex's L3, and free to be copied. */
static bool is_near(const cbit_cache_t *cache, const cbit_line_t *line, uint32_t core)
{
    return (line->complexes >> cbit_complex_of(cache, core) & 1) != 0 && line->mshr == NULL &&
           line->owner == NO_OWNER && (line->cores >> core & 1) == 0;
}

/* Brings a line from the complex's L3 or from memory; false: demands need what it takes. */
static bool ask(cbit_core_t *port, const cbit_txn_t *demand, uint64_t tag)
{
    cbit_cache_t *cache = port->cache;
    const cbit_line_t *here = cbit_line_find(cache, tag);
    if (here != NULL ? !is_near(cache, here, port->core)
                     : cache->coherent_domains &&
                           cbit_line_of_address(cache, cbit_tag_spa(tag), NULL) != NULL) {
        return true; /* nothing to bring, or another key id's line would have to go for it */
    }
    const uint32_t kept = cache->mshr_count / PREFETCH_KEEPS;
    if (cache->mshrs_busy + kept >= cache->mshr_count || cache->waits_left == 0 ||
        !cbit_cache_has_room(cache)) {
        cache->stats.prefetches_dropped++;
        return false;
    }
    cache->stats.prefetches++;
    cbit_mshr_prefetch(port, demand, tag);
    return true;
}

/* Asks for what comes next, at most `degree` lines at a time and `distance` strides ahead. */
static void run_ahead(cbit_core_t *port, const cbit_txn_t *demand, cbit_stream_t *stream)
{
    const cbit_cache_prefetch_config_t *config = &port->cache->config.prefetch;
    const int furthest = stream->at + (int)config->distance * stream->stride;
    for (uint32_t i = 0; i < config->degree; i++) {
        const bool beyond = stream->stride > 0 ? stream->next > furthest : stream->next < furthest;
        if (beyond || stream->next < 0 || stream->next >= PAGE_LINES ||
            !ask(port, demand, stream->page + ((uint64_t)(uint32_t)stream->next << KEY_BITS))) {
            return;
        }
        stream->next += stream->stride;
    }
}

void cbit_prefetch_train(cbit_core_t *port, const cbit_txn_t *txn)
{
    cbit_cache_t *cache = port->cache;
    const bool whole =
        txn->command == CBIT_COMMAND_WRITE && (txn->no_fill || txn->size_bytes == CBIT_LINE_BYTES);
    if (port->fetch || txn->source != CBIT_SOURCE_VCPU || whole) {
        return; /* what is written whole need not come from memory */
    }
    const uint64_t tag = cbit_tag(txn->spa, txn->key);
    const int at = (int)(cbit_tag_number(tag) % PAGE_LINES);
    cbit_stream_t *stream =
        stream_of(cache, port->core, tag - ((uint64_t)(uint32_t)at << KEY_BITS), at);
    stream->used = ++cache->trained;
    const int moved = at - stream->at;
    if (moved == 0) {
        return;
    }
    stream->repeats = moved == stream->stride ? stream->repeats + 1 : 1;
    if (moved != stream->stride) {
        stream->stride = moved;
        stream->next = at + moved;
    }
    stream->at = at;
    /* Never behind the access. */
    if ((stream->next - at) * moved <= 0) {
        stream->next = at + moved;
    }
    if (stream->repeats >= cache->config.prefetch.repeats) {
        run_ahead(port, txn, stream);
    }
}
