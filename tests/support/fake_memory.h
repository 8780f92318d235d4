/* A memory of fixed latency behind a port, for tests of what stands above it. Bytes are kept as
   "ciphertext": XORed with a pattern of key id and address, so that reading under another key id
   gives other bytes. */
#ifndef CBIT_FAKE_MEMORY_H
#define CBIT_FAKE_MEMORY_H

#include "cbit/sim/kernel.h"
#include "cbit/sim/port.h"

enum { FAKE_MEMORY_BYTES = 4 << 20, FAKE_MEMORY_MAX = 64 };

typedef struct fake_memory {
    cbit_kernel_t *kernel;
    cbit_ps_t latency_ps; /* charged to DRAM; writes are posted and answer after 1 ns (QUEUE) */
    uint32_t capacity;    /* requests at once; 1..FAKE_MEMORY_MAX */
    uint32_t held;
    cbit_waitlist_t waiters;
    struct fake_slot {
        struct fake_memory *memory;
        cbit_txn_t *txn;
        cbit_event_t event;
    } slots[FAKE_MEMORY_MAX];
    uint8_t bytes[FAKE_MEMORY_BYTES];
    /* What was seen. */
    uint64_t reads, writes, refusals, most_held;
    uint64_t stage_errors; /* reads whose stages do not add up to their latency here */
    cbit_ps_t last_stage_ps[CBIT_STAGE_COUNT]; /* of the latest read of SOURCE_VCPU */
    uint64_t walk_reads, keys_seen[1025];
} fake_memory_t;

fake_memory_t *fake_memory_create(cbit_kernel_t *kernel, cbit_ps_t latency_ps, uint32_t capacity);
void fake_memory_destroy(fake_memory_t *memory);
cbit_port_t fake_memory_port(fake_memory_t *memory);
void fake_memory_put(fake_memory_t *memory, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                     uint32_t len_bytes);
void fake_memory_get(fake_memory_t *memory, cbit_spa_t spa, cbit_key_t key, void *bytes,
                     uint32_t len_bytes);

#endif
