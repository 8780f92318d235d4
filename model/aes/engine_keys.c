/*
 * Which key a line gets and what comes out of it. Key writes wait in a ring until their edge;
 * before one is performed, all lines that were taken by then are settled, by the key that they
 * found.
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "model/aes/engine_private.h"

enum {
    KEY_EXPANSION_ECLK = 10, /* clocks in which the engine makes K10 before a key transfers */
};

uint64_t cbit_aes_model_key_write(void *self, uint64_t at_eclk, uint16_t slot, const uint8_t *key)
{
    engine_t *engine = self;
    if (slot >= engine->config.key_slots) {
        return 0;
    }
    if (engine->key_count == engine->config.key_slots && at_eclk > 0) {
        cbit_aes_model_advance(engine,
                               at_eclk - 1); /* an engine without lines has not looked for long */
    }
    if (engine->key_count == engine->config.key_slots) {
        abort(); /* the caller's bug: the contract bounds the writes under way */
    }
    uint64_t begin_eclk = max_u64(max_u64(at_eclk, engine->now_eclk + 1), engine->key_free_eclk);
    uint32_t at = (engine->key_head + engine->key_count++) % engine->config.key_slots;
    key_write_t *write = &engine->keys[at];
    engine->in_order++;
    write->slot = slot;
    write->clear = key == NULL;
    write->transfer_eclk = begin_eclk;
    if (key != NULL) {
        memcpy(write->key, key, sizeof write->key);
        write->transfer_eclk += KEY_EXPANSION_ECLK;
    }
    engine->key_free_eclk = write->transfer_eclk + 1;
    engine->counters.key_writes++;
    return write->transfer_eclk;
}

/* The bytes of a line by the key of now; they are zero when there is none. */
static cbit_aes_error_t settle_bytes(engine_t *engine, cbit_aes_lane_t which, entry_t *entry)
{
    uint8_t *data = entry->result.data;
    cbit_err_t err = (which == CBIT_AES_ENCRYPT ? cbit_cipher_encrypt : cbit_cipher_decrypt)(
        engine->cipher, entry->slot, entry->spa, data, data, CBIT_LINE_BYTES);
    return err == CBIT_ERR_OK               ? CBIT_AES_OK
           : err == CBIT_ERR_KEY_NOT_LOADED ? CBIT_AES_NOT_LOADED
                                            : CBIT_AES_FAULT;
}

void cbit_aes_model_settle(engine_t *engine, cbit_aes_lane_t which, entry_t *entry)
{
    entry->settled = true;
    entry->result.error = entry->bypass                  ? CBIT_AES_OK
                          : engine->bytes                ? settle_bytes(engine, which, entry)
                          : has_key(engine, entry->slot) ? CBIT_AES_OK
                                                         : CBIT_AES_NOT_LOADED;
}

/* Lines whose first beat was, or will be, taken by eclk have the keys of now. */
static void settle_taken_by(engine_t *engine, uint64_t eclk)
{
    for (uint32_t which = 0; which < CBIT_AES_LANES; which++) {
        for (uint32_t tag = 0; tag < TAGS; tag++) {
            entry_t *entry = &engine->lane[which].entry[tag];
            if (entry->state == DONE && !entry->settled && !entry->bypass &&
                entry->result.out_eclk[0] - engine->config.depth_eclk <= eclk) {
                cbit_aes_model_settle(engine, which, entry);
            }
        }
    }
}

void cbit_aes_model_write_keys_before(engine_t *engine, uint64_t eclk)
{
    while (engine->key_count > 0 && engine->keys[engine->key_head].transfer_eclk < eclk) {
        key_write_t *write = &engine->keys[engine->key_head];
        settle_taken_by(engine, write->transfer_eclk);
        cbit_err_t err =
            cbit_cipher_set_key(engine->cipher, write->slot, write->clear ? NULL : write->key);
        if (err != CBIT_ERR_OK) {
            abort(); /* OpenSSL is out of memory: there is no result to go on with */
        }
        const uint64_t bit = UINT64_C(1) << write->slot % 64;
        engine->loaded[write->slot / 64] &= ~bit;
        engine->loaded[write->slot / 64] |= write->clear ? 0 : bit;
        OPENSSL_cleanse(write->key, sizeof write->key);
        engine->key_head = (engine->key_head + 1) % engine->config.key_slots;
        engine->key_count--;
        engine->in_order--;
    }
}

const cbit_aes_result_t *cbit_aes_model_take(void *self, cbit_aes_lane_t which, uint8_t tag)
{
    engine_t *engine = self;
    entry_t *entry = &engine->lane[which].entry[tag];
    /* Beats of one line leave in order, so the last one's edge is the line's. */
    if (entry->state != DONE || entry->result.out_eclk[CBIT_LINE_BEATS - 1] > engine->now_eclk) {
        return NULL;
    }
    if (!entry->settled) {
        cbit_aes_model_settle(engine, which, entry);
    }
    entry->state = FREE;
    cbit_aes_count_line(&engine->counters, which, entry->bypass, entry->result.waited_eclk);
    return &entry->result;
}
