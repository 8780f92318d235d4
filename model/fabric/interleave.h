/* Address <-> (channel, channel address). Private to model/fabric. */
#ifndef CBIT_MODEL_FABRIC_INTERLEAVE_H
#define CBIT_MODEL_FABRIC_INTERLEAVE_H

#include "cbit/fabric/fabric.h"

typedef struct cbit_interleave {
    uint64_t node_bytes;         /* 0: all memory is one node */
    uint64_t within_mask;        /* of an address: the place in its granule */
    uint64_t hash_mask;          /* of a channel's number: what is hashed; 0: nothing */
    uint32_t channels;           /* of one node */
    uint8_t granule_shift;       /* log2 of the granule */
    uint8_t channel_bits;        /* log2 of channels; 0 if that is no whole number */
    bool whole;                  /* channels are 1 << channel_bits */
    bool shifts;                 /* and there is one node */
    uint32_t fold_from, fold_to; /* widths: the hash halves the longest address from the first on,
                                    until they are the second */
} cbit_interleave_t;

/* Where the memory of an address is. */
typedef struct cbit_interleaved {
    uint32_t channel;
    uint64_t address; /* in the channel */
} cbit_interleaved_t;

/* memory_bytes must divide by the nodes and their granules (cbit_fabric_create looks at that). */
void cbit_interleave_init(cbit_interleave_t *map, const cbit_fabric_config_t *config,
                          uint64_t memory_bytes);

/* XOR of all channel_bits wide pieces of rest, in the low bits of the whole: a linear map, so that
   all of it stays a bijection. */
static inline uint64_t cbit_interleave_fold(const cbit_interleave_t *map, uint64_t rest)
{
    for (uint32_t bits = map->fold_from; bits != map->fold_to; bits /= 2) {
        rest ^= rest >> bits;
    }
    return rest & map->hash_mask;
}

/* What cbit_interleave_find does with several nodes, or channels that are no power of two. */
cbit_interleaved_t cbit_interleave_divide(const cbit_interleave_t *map, cbit_spa_t spa);

/* Of an address in the only or first node, with channels that are a power of two. */
static inline cbit_interleaved_t cbit_interleave_shift(const cbit_interleave_t *map, cbit_spa_t spa)
{
    const uint64_t granule = spa >> map->granule_shift;
    const uint64_t rest = granule >> map->channel_bits;
    const uint64_t low = (granule & (map->channels - 1)) ^ cbit_interleave_fold(map, rest);
    return (cbit_interleaved_t){.channel = (uint32_t)low,
                                .address = rest << map->granule_shift | (spa & map->within_mask)};
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
