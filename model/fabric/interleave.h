/* Address <-> (channel, channel address). Private to model/fabric. */
#ifndef CBIT_MODEL_FABRIC_INTERLEAVE_H
#define CBIT_MODEL_FABRIC_INTERLEAVE_H

#include "cbit/fabric/fabric.h"

typedef struct cbit_interleave {
    uint64_t node_bytes;         /* 0: all memory is one node */
    uint64_t within_mask;        /* of an address: the place in its granule */
    uint32_t channels;           /* of one node */
    uint32_t channel_mask;       /* of the lowest channel_bits */
    uint32_t fold_from, fold_to; /* widths: the hash halves the longest number of a granule from the
                                    first on, until they are the second; equal: no hash */
    uint8_t granule_shift;       /* log2 of the granule */
    uint8_t channel_bits;        /* log2 of channels; 0 if that is no whole number */
    bool whole;                  /* channels are 1 << channel_bits */
    bool shifts;                 /* and there is one node */
} cbit_interleave_t;

/* Where the memory of an address is. */
typedef struct cbit_interleaved {
    uint32_t channel;
    uint64_t address; /* in the channel */
} cbit_interleaved_t;

/* memory_bytes must divide by the nodes and their granules (cbit_fabric_create looks at that). */
void cbit_interleave_init(cbit_interleave_t *map, const cbit_fabric_config_t *config,
                          uint64_t memory_bytes);

/* XOR of all channel_bits wide pieces of the number of a granule, or the lowest of them: a linear
   map, and one to one for numbers that differ in the lowest piece only. */
static inline uint32_t cbit_interleave_fold(const cbit_interleave_t *map, uint64_t granule)
{
    for (uint32_t bits = map->fold_from; bits != map->fold_to; bits /= 2) {
        granule ^= granule >> bits;
    }
    return (uint32_t)granule & map->channel_mask;
}

/* What cbit_interleave_find does with several nodes, or channels that are no power of two. */
cbit_interleaved_t cbit_interleave_divide(const cbit_interleave_t *map, cbit_spa_t spa);

/* Of an address in the only or first node, with channels that are a power of two. */
static inline cbit_interleaved_t cbit_interleave_shift(const cbit_interleave_t *map, cbit_spa_t spa)
{
    return (cbit_interleaved_t){.channel = cbit_interleave_fold(map, spa >> map->granule_shift),
                                .address = ((spa >> map->channel_bits) & ~map->within_mask) |
                                           (spa & map->within_mask)};
}

/* Of an address inside the memory. */
static inline cbit_interleaved_t cbit_interleave_find(const cbit_interleave_t *map, cbit_spa_t spa)
{
    return map->shifts ? cbit_interleave_shift(map, spa) : cbit_interleave_divide(map, spa);
}

/* Of the same channel and node, half a channel of half_bytes away: what its highest address line
   tells apart. Itself where there is no such half (channels that do not divide the memory). */
cbit_spa_t cbit_interleave_other_half(const cbit_interleave_t *map, uint64_t half_bytes,
                                      cbit_spa_t spa);

#endif
