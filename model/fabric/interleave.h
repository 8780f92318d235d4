/* Address <-> (channel, channel address). Private to model/fabric. */
#ifndef CBIT_MODEL_FABRIC_INTERLEAVE_H
#define CBIT_MODEL_FABRIC_INTERLEAVE_H

#include "cbit/fabric/fabric.h"

typedef struct cbit_interleave {
    uint32_t channels;      /* of one node */
    uint64_t node_bytes;    /* 0: all memory is one node */
    uint32_t granule_shift; /* log2 of the granule */
    uint32_t channel_bits;  /* log2 of channels when hashing, else 0 */
} cbit_interleave_t;

/* memory_bytes must divide by the nodes and their granules (cbit_fabric_create looks at that). */
void cbit_interleave_init(cbit_interleave_t *map, const cbit_fabric_config_t *config,
                          uint64_t memory_bytes);
uint32_t cbit_interleave_channel(const cbit_interleave_t *map, cbit_spa_t spa);
uint64_t cbit_interleave_address(const cbit_interleave_t *map, cbit_spa_t spa);

/* Of the same channel and node, half a channel of half_bytes away: what its highest address line
   tells apart. Itself where there is no such half (channels that do not divide the memory). */
cbit_spa_t cbit_interleave_other_half(const cbit_interleave_t *map, uint64_t half_bytes,
                                      cbit_spa_t spa);

#endif
