#include "cbit/sim/txn.h"

#include <stddef.h>
#include <string.h>

const char *const cbit_stage_keys[CBIT_STAGE_COUNT] = {"core", "walk", "fabric", "queue",
                                                       "dram", "aes",  "return"};

void cbit_txn_init(cbit_txn_t *txn, cbit_command_t command, cbit_spa_t spa, uint32_t size_bytes,
                   cbit_key_t key, cbit_source_t source, cbit_ps_t now_ps)
{
    memset(txn, 0, offsetof(cbit_txn_t, data));
    txn->spa = spa;
    txn->key = key;
    txn->command = (uint8_t)command;
    txn->source = (uint8_t)source;
    txn->size_bytes = (uint8_t)size_bytes;
    txn->born_ps = now_ps;
    txn->entered_ps = now_ps;
}

cbit_ps_t cbit_txn_charged_ps(const cbit_txn_t *txn)
{
    cbit_ps_t sum = 0;
    for (int i = 0; i < CBIT_STAGE_COUNT; i++) {
        sum += txn->stage_ps[i];
    }
    return sum;
}

void cbit_txn_push_reply(cbit_txn_t *txn, void (*fn)(void *self, cbit_txn_t *txn), void *self)
{
    /* The depth of the machine is fixed at CBIT_TXN_MAX_HOPS; one more is a bug of the platform. */
    if (txn->hops == CBIT_TXN_MAX_HOPS) {
        __builtin_trap();
    }
    txn->reply[txn->hops++] = (cbit_reply_t){.fn = fn, .self = self};
}

void cbit_txn_reply(cbit_txn_t *txn)
{
    if (txn->hops == 0) {
        __builtin_trap();
    }
    const cbit_reply_t hop = txn->reply[--txn->hops];
    hop.fn(hop.self, txn);
}
