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
    *map = (cbit_interleave_t){
        .channels = channels,
        .node_bytes = nodes == 1 ? 0 : memory_bytes / nodes,
        .within_mask = config->interleave_bytes - 1,
        .granule_shift = (uint8_t)log2_of(config->interleave_bytes),
        .whole = (channels & (channels - 1)) == 0,
    };
    map->shifts = map->whole && nodes == 1;
    map->channel_bits = (uint8_t)(map->whole ? log2_of(channels) : 0);
    map->channel_mask = (UINT32_C(1) << map->channel_bits) - 1;
    if (config->hash && map->channel_bits != 0) {
        const uint64_t last = (memory_bytes - 1) >> map->granule_shift;
        uint32_t bits = map->channel_bits;
        while (bits < 64 && last >> bits != 0) {
            bits *= 2;
        }
        map->fold_from = bits / 2;
        map->fold_to = map->channel_bits / 2;
    }
}

cbit_interleaved_t cbit_interleave_divide(const cbit_interleave_t *map, cbit_spa_t spa)
{
    const uint64_t node = map->node_bytes == 0 ? 0 : spa / map->node_bytes;
    spa -= node * map->node_bytes;
    const uint64_t granule = spa >> map->granule_shift;
    cbit_interleaved_t at = {.channel = (uint32_t)(granule % map->channels),
                             .address = granule / map->channels << map->granule_shift |
                                        (spa & map->within_mask)};
    if (map->whole) {
        at = cbit_interleave_shift(map, spa);
    }
    at.channel += (uint32_t)node * map->channels;
    return at;
}

cbit_spa_t cbit_interleave_other_half(const cbit_interleave_t *map, uint64_t half_bytes,
                                      cbit_spa_t spa)
{
    cbit_spa_t base = map->node_bytes == 0 ? 0 : spa / map->node_bytes * map->node_bytes;
    uint64_t half = half_bytes >> map->granule_shift;
    uint64_t granule = (spa - base) >> map->granule_shift;
    uint64_t rest = granule / map->channels;
    uint64_t other = rest < half ? rest + half : rest - half;
    if (rest >= 2 * half) {
        return spa;
    }
    uint64_t same = granule + (other - rest) * map->channels; /* but for the hash */
    same ^= cbit_interleave_fold(map, granule) ^ cbit_interleave_fold(map, same);
    return base + (same << map->granule_shift | (spa & map->within_mask));
}
