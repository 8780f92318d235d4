#include "model/platform/coherent.h"

#include <stdlib.h>
#include <string.h>

static cbit_coherent_read_t *take(cbit_coherent_t *coherent)
{
    cbit_coherent_read_t *read = coherent->idle;
    if (read != NULL) {
        coherent->idle = read->next;
        return read;
    }
    read = calloc(1, sizeof *read);
    if (read == NULL) {
        __builtin_trap(); /* a line of bytes, and no way to tell */
    }
    read->coherent = coherent;
    read->older = coherent->newest;
    coherent->newest = read;
    return read;
}

static void put(cbit_coherent_read_t *read)
{
    read->next = read->coherent->idle;
    read->coherent->idle = read;
}

/*
 * The snoop of a read runs beside the DRAM access: a cached copy replaces the bytes on the way
 * back, at no time of its own. A dirty line that was there when the read was sent may have been
 * written back behind the DRAM access meanwhile; then what the caches had is newer than what the
 * DRAM gave.
 */
static void on_read_reply(void *self, cbit_txn_t *txn)
{
    cbit_coherent_read_t *read = self;
    bool cached = cbit_cache_snoop(read->coherent->cache, CBIT_COMMAND_READ, txn->spa, txn->key,
                                   txn->data, txn->size_bytes);
    if (!cached && read->held) {
        memcpy(txn->data, read->bytes, txn->size_bytes);
    }
    put(read);
    cbit_txn_reply(txn);
}

/* Unless a fill took note of the write when memory took it: a core that is nearer to the memory may
   have fetched the line past it. */
static void on_write_reply(void *self, cbit_txn_t *txn)
{
    cbit_coherent_read_t *write = self;
    if (!write->held) {
        (void)cbit_cache_snoop(write->coherent->cache, CBIT_COMMAND_WRITE, txn->spa, txn->key,
                               txn->data, txn->size_bytes);
    }
    put(write);
    cbit_txn_reply(txn);
}

/* A line that is cached takes the write: behind it in memory would be older bytes, and the line may
   be written back before or after this request comes there. */
static bool send_write(cbit_coherent_t *coherent, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    if (cbit_cache_take_write(coherent->cache, txn)) {
        return true;
    }
    cbit_coherent_read_t *write = take(coherent);
    cbit_txn_push_reply(txn, on_write_reply, write);
    const uint8_t hops = txn->hops, size_bytes = txn->size_bytes;
    const cbit_spa_t spa = txn->spa;
    const cbit_key_t key = txn->key;
    uint8_t bytes[CBIT_LINE_BYTES]; /* from its yes on the request is not ours */
    memcpy(bytes, txn->data, size_bytes);
    write->held = cbit_cache_patch_fill(coherent->cache, spa, key, NULL, 0);
    if (!coherent->below.try_send(coherent->below.self, txn, waiter)) {
        txn->hops = (uint8_t)(hops - 1);
        put(write);
        return false;
    }
    (void)cbit_cache_patch_fill(coherent->cache, spa, key, bytes, size_bytes);
    return true;
}

static bool coherent_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    cbit_coherent_t *coherent = self;
    if (txn->command == CBIT_COMMAND_WRITE) {
        return send_write(coherent, txn, waiter);
    }
    cbit_coherent_read_t *read = take(coherent);
    read->held = cbit_cache_snoop(coherent->cache, CBIT_COMMAND_READ, txn->spa, txn->key,
                                  read->bytes, txn->size_bytes);
    cbit_txn_push_reply(txn, on_read_reply, read);
    if (!coherent->below.try_send(coherent->below.self, txn, waiter)) {
        txn->hops--;
        put(read);
        return false;
    }
    return true;
}

void cbit_coherent_clear(cbit_coherent_t *coherent)
{
    while (coherent->newest != NULL) {
        cbit_coherent_read_t *older = coherent->newest->older;
        free(coherent->newest);
        coherent->newest = older;
    }
    coherent->idle = NULL;
}

static cbit_err_t coherent_peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes,
                                uint32_t len_bytes)
{
    const cbit_port_t cache = cbit_cache_port(((cbit_coherent_t *)self)->cache, 0);
    return cache.peek(cache.self, spa, key, bytes, len_bytes);
}

static cbit_err_t coherent_poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                                uint32_t len_bytes)
{
    const cbit_port_t cache = cbit_cache_port(((cbit_coherent_t *)self)->cache, 0);
    return cache.poke(cache.self, spa, key, bytes, len_bytes);
}

cbit_port_t cbit_coherent_port(cbit_coherent_t *coherent)
{
    return (cbit_port_t){.self = coherent,
                         .try_send = coherent_try_send,
                         .peek = coherent_peek,
                         .poke = coherent_poke};
}
