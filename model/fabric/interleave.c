#include "model/fabric/interleave.h"

static uint32_t log2_of(uint64_t power_of_two)
{
    return (uint32_t)__builtin_ctzll(power_of_two);
}

void cbit_interleave_init(cbit_interleave_t *map, const cbit_fabric_config_t *config,
                          uint64_t memory_bytes)
{
    uint32_t nodes = config->sockets * config->nodes_per_socket;
    uint32_t channels = config->channels / nodes;
    bool power_of_two = (channels & (channels - 1)) == 0;
    *map = (cbit_interleave_t){
        .channels = channels,
        .node_bytes = nodes == 1 ? 0 : memory_bytes / nodes,
        .granule_shift = log2_of(config->interleave_bytes),
        .channel_bits = config->hash && power_of_two ? log2_of(channels) : 0,
    };
}

/* XOR of all channel_bits wide pieces of rest: a linear map, so the whole stays a bijection. */
static uint64_t fold(uint64_t rest, uint32_t bits)
{
    uint64_t folded = 0;
    for (; rest != 0; rest >>= bits) {
        folded ^= rest;
    }
    return folded & ((UINT64_C(1) << bits) - 1);
}

uint32_t cbit_interleave_channel(const cbit_interleave_t *map, cbit_spa_t spa)
{
    uint64_t node = map->node_bytes == 0 ? 0 : spa / map->node_bytes;
    uint64_t granule = (spa - node * map->node_bytes) >> map->granule_shift;
    uint32_t first = (uint32_t)node * map->channels;
    if (map->channel_bits == 0) {
        return first + (uint32_t)(granule % map->channels);
    }
    uint64_t low = granule & (map->channels - 1);
    return first + (uint32_t)(low ^ fold(granule >> map->channel_bits, map->channel_bits));
}

uint64_t cbit_interleave_address(const cbit_interleave_t *map, cbit_spa_t spa)
{
    spa = map->node_bytes == 0 ? spa : spa % map->node_bytes;
    uint64_t within = spa & ((UINT64_C(1) << map->granule_shift) - 1);
    return (spa >> map->granule_shift) / map->channels << map->granule_shift | within;
}

cbit_spa_t cbit_interleave_other_half(const cbit_interleave_t *map, uint64_t half_bytes,
                                      cbit_spa_t spa)
{
    cbit_spa_t base = map->node_bytes == 0 ? 0 : spa / map->node_bytes * map->node_bytes;
    uint64_t half = half_bytes >> map->granule_shift;
    uint64_t granule = (spa - base) >> map->granule_shift;
    uint64_t rest = granule / map->channels, low = granule % map->channels;
    uint64_t other = rest < half ? rest + half : rest - half;
    if (rest >= 2 * half) {
        return spa;
    }
    if (map->channel_bits != 0) {
        low ^= fold(rest, map->channel_bits) ^ fold(other, map->channel_bits);
    }
    uint64_t within = spa & ((UINT64_C(1) << map->granule_shift) - 1);
    return base + ((other * map->channels + low) << map->granule_shift | within);
}
