#include "model/platform/coherent.h"

/* The snoop of a read runs beside the DRAM access: a cached copy replaces the bytes on the way
   back, at no time of its own. */
static void on_read_reply(void *self, cbit_txn_t *txn)
{
    cbit_coherent_t *coherent = self;
    (void)cbit_cache_snoop(coherent->cache, CBIT_COMMAND_READ, txn->spa, txn->key, txn->data,
                           txn->size_bytes);
    cbit_txn_reply(txn);
}

static bool coherent_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    cbit_coherent_t *coherent = self;
    if (txn->command == CBIT_COMMAND_WRITE) {
        if (!coherent->below.try_send(coherent->below.self, txn, waiter)) {
            return false;
        }
        (void)cbit_cache_snoop(coherent->cache, CBIT_COMMAND_WRITE, txn->spa, txn->key, txn->data,
                               txn->size_bytes);
        return true;
    }
    cbit_txn_push_reply(txn, on_read_reply, coherent);
    if (!coherent->below.try_send(coherent->below.self, txn, waiter)) {
        txn->hops--;
        return false;
    }
    return true;
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
