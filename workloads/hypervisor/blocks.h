/**
 * @file
 * A set of 16-byte plaintext blocks: what must not come through to anybody else.
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_BLOCKS_H
#define CBIT_WORKLOADS_HYPERVISOR_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/sim/txn.h"

typedef struct cbit_hv_blocks {
    uint8_t (*items)[CBIT_BLOCK_BYTES];
    uint64_t count, room;
    bool sorted;
} cbit_hv_blocks_t;

/* Adds the blocks of a run of bytes (a multiple of 16). A block of sixteen equal bytes is left out:
   zeros and fillers are in everybody's memory and prove nothing. */
cbit_err_t cbit_hv_blocks_add(cbit_hv_blocks_t *blocks, const uint8_t *bytes, uint64_t len_bytes);

/* Sixteen equal bytes. */
bool cbit_hv_block_is_filler(const uint8_t block[CBIT_BLOCK_BYTES]);

/* Sorts what was added. */
bool cbit_hv_blocks_contains(cbit_hv_blocks_t *blocks, const uint8_t block[CBIT_BLOCK_BYTES]);

/* Empties the set; all zero is an empty set too. */
void cbit_hv_blocks_clear(cbit_hv_blocks_t *blocks);

#endif
