/* One of a flood of random requests at caches: it is answered once, with the bytes that it must
   bring, and its stages add up. */
#ifndef CBIT_TESTS_FLOOD_H
#define CBIT_TESTS_FLOOD_H

#include "cbit/sim/kernel.h"
#include "cbit/sim/txn.h"

typedef struct flood_slot {
    const cbit_kernel_t *kernel;
    uint32_t *answered; /* counts the answers of the flood */
    cbit_txn_t txn;
    bool busy;
    uint8_t want[CBIT_LINE_BYTES]; /* of a read */
} flood_slot_t;

/* A reply of a flood_slot_t. */
void flood_answered(void *self, cbit_txn_t *txn);

#endif
