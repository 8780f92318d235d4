#include "tests/support/fake_memory.h"

#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"

static uint8_t pad(cbit_spa_t spa, cbit_key_t key)
{
    return key == CBIT_KEY_PLAIN ? 0 : (uint8_t)cbit_splitmix64(spa * 2048 + key);
}

void fake_memory_put(fake_memory_t *memory, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                     uint32_t len_bytes)
{
    for (uint32_t i = 0; i < len_bytes; i++) {
        memory->bytes[spa + i] = ((const uint8_t *)bytes)[i] ^ pad(spa + i, key);
    }
}

void fake_memory_get(fake_memory_t *memory, cbit_spa_t spa, cbit_key_t key, void *bytes,
                     uint32_t len_bytes)
{
    for (uint32_t i = 0; i < len_bytes; i++) {
        ((uint8_t *)bytes)[i] = memory->bytes[spa + i] ^ pad(spa + i, key);
    }
}

static void finish(void *self)
{
    struct fake_slot *slot = self;
    fake_memory_t *memory = slot->memory;
    cbit_txn_t *txn = slot->txn;
    slot->txn = NULL;
    memory->held--;
    txn->status = CBIT_ERR_OK;
    if (txn->spa + txn->size_bytes > FAKE_MEMORY_BYTES) {
        txn->status = CBIT_ERR_ADDRESS;
        memset(txn->data, 0, sizeof txn->data);
    } else if (txn->command == CBIT_COMMAND_READ) {
        fake_memory_get(memory, txn->spa, txn->key, txn->data, txn->size_bytes);
    } else if (txn->locked) {
        uint8_t was[CBIT_LINE_BYTES];
        fake_memory_get(memory, txn->spa, txn->key, was, txn->size_bytes);
        if (memcmp(was, txn->data + txn->size_bytes, txn->size_bytes) == 0) {
            fake_memory_put(memory, txn->spa, txn->key, txn->data, txn->size_bytes);
        }
        memcpy(txn->data + txn->size_bytes, was, txn->size_bytes);
    } else {
        fake_memory_put(memory, txn->spa, txn->key, txn->data, txn->size_bytes);
    }
    if (cbit_txn_charged_ps(txn) != cbit_kernel_now_ps(memory->kernel) - txn->born_ps) {
        memory->stage_errors++;
    }
    if (txn->command == CBIT_COMMAND_READ && txn->source == CBIT_SOURCE_VCPU) {
        memcpy(memory->last_stage_ps, txn->stage_ps, sizeof memory->last_stage_ps);
    }
    cbit_txn_reply(txn);
    cbit_waitlist_wake_one(&memory->waiters);
}

static bool try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    fake_memory_t *memory = self;
    if (memory->held == memory->capacity) {
        memory->refusals++;
        if (waiter != NULL) {
            cbit_waitlist_add(&memory->waiters, waiter);
        }
        return false;
    }
    struct fake_slot *slot = memory->slots;
    while (slot->txn != NULL) {
        slot++;
    }
    slot->txn = txn;
    memory->held++;
    memory->most_held = memory->held > memory->most_held ? memory->held : memory->most_held;
    bool read = txn->command == CBIT_COMMAND_READ;
    memory->reads += read;
    memory->writes += !read;
    memory->walk_reads += txn->source == CBIT_SOURCE_WALK;
    memory->keys_seen[txn->key]++;
    cbit_ps_t span_ps = read ? memory->latency_ps : 1000;
    cbit_txn_charge(txn, read ? CBIT_STAGE_DRAM : CBIT_STAGE_QUEUE, span_ps);
    cbit_event_notify_at(memory->kernel, &slot->event,
                         cbit_kernel_now_ps(memory->kernel) + span_ps);
    return true;
}

static cbit_err_t peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes, uint32_t len_bytes)
{
    if (spa + len_bytes > FAKE_MEMORY_BYTES) {
        return CBIT_ERR_ADDRESS;
    }
    fake_memory_get(self, spa, key, bytes, len_bytes);
    return CBIT_ERR_OK;
}

static cbit_err_t poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                       uint32_t len_bytes)
{
    if (spa + len_bytes > FAKE_MEMORY_BYTES) {
        return CBIT_ERR_ADDRESS;
    }
    fake_memory_put(self, spa, key, bytes, len_bytes);
    return CBIT_ERR_OK;
}

fake_memory_t *fake_memory_create(cbit_kernel_t *kernel, cbit_ps_t latency_ps, uint32_t capacity)
{
    fake_memory_t *memory = calloc(1, sizeof *memory);
    memory->kernel = kernel;
    memory->latency_ps = latency_ps;
    memory->capacity = capacity;
    for (int i = 0; i < FAKE_MEMORY_MAX; i++) {
        memory->slots[i].memory = memory;
        cbit_event_init(&memory->slots[i].event, finish, &memory->slots[i]);
    }
    return memory;
}

void fake_memory_destroy(fake_memory_t *memory)
{
    free(memory);
}

cbit_port_t fake_memory_port(fake_memory_t *memory)
{
    return (cbit_port_t){.self = memory, .try_send = try_send, .peek = peek, .poke = poke};
}
