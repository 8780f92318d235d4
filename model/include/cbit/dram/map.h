/**
 * @file
 * Address map of one channel: which bits of the channel's own address choose rank, bank group,
 * bank, row and column.
 *
 * A map is written as its fields from the most significant bit down, "ro-ra-ba-bg-co"; a field may
 * be split by giving bit counts ("ro-ba-co5-bg-co2"). On top, each bank-group and bank bit may be
 * XORed with the parity of further address bits (hashing).
 */
#ifndef CBIT_DRAM_MAP_H
#define CBIT_DRAM_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/dram/device.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_DRAM_MAP_TEXT = 63,  /* longest map text */
    CBIT_DRAM_MAP_PARTS = 12, /* most fields and parts of fields */
    CBIT_DRAM_HASH_BITS = 8,
};

typedef enum cbit_dram_field {
    CBIT_FIELD_COLUMN,
    CBIT_FIELD_GROUP,
    CBIT_FIELD_BANK,
    CBIT_FIELD_RANK,
    CBIT_FIELD_ROW,
    CBIT_DRAM_FIELDS,
} cbit_dram_field_t;

typedef struct cbit_dram_place {
    uint32_t rank, group, bank, row, column;
    uint32_t flat_bank; /* (rank x groups + group) x banks per group + bank */
} cbit_dram_place_t;

typedef struct cbit_dram_map {
    /* What a map of whole fields needs: one line of the host. */
    struct cbit_dram_map_whole {
        uint32_t low_bit, mask;
    } fields[CBIT_DRAM_FIELDS];
    uint32_t rows, groups, banks_per_group;
    bool whole; /* every field is one part and none is hashed: parts by field */
    bool hashed;
    uint64_t capacity_bytes;
    struct cbit_dram_map_part {
        uint8_t field, low_bit, bits, at_bit; /* address bits low_bit.. give field bits at_bit.. */
    } parts[CBIT_DRAM_MAP_PARTS];
    uint32_t part_count;
    uint64_t group_hash[CBIT_DRAM_HASH_BITS], bank_hash[CBIT_DRAM_HASH_BITS];
} cbit_dram_map_t;

/*
 * Parses a map for a device. Hash masks are of address bits (arrays of at most 8; NULL and 0 for
 * none). CONFLICT with a text that says which bits are lost, repeated or not invertible.
 */
cbit_err_t cbit_dram_map_init(cbit_dram_map_t *map, const cbit_dram_device_t *device,
                              const char *text, const uint64_t *group_hash, uint32_t group_hashes,
                              const uint64_t *bank_hash, uint32_t bank_hashes, const char *where,
                              cbit_diag_t *diag);

/* As cbit_dram_map_place, for any map. */
bool cbit_dram_map_parts(const cbit_dram_map_t *map, uint64_t address, cbit_dram_place_t *place);

static inline uint32_t cbit_dram_map_field(const cbit_dram_map_t *map, uint64_t address,
                                           cbit_dram_field_t field)
{
    return (uint32_t)(address >> map->fields[field].low_bit) & map->fields[field].mask;
}

/* False: the address is beyond the channel's memory. */
static inline bool cbit_dram_map_place(const cbit_dram_map_t *map, uint64_t address,
                                       cbit_dram_place_t *place)
{
    if (!map->whole) {
        return cbit_dram_map_parts(map, address, place);
    }
    place->rank = cbit_dram_map_field(map, address, CBIT_FIELD_RANK);
    place->group = cbit_dram_map_field(map, address, CBIT_FIELD_GROUP);
    place->bank = cbit_dram_map_field(map, address, CBIT_FIELD_BANK);
    place->row = cbit_dram_map_field(map, address, CBIT_FIELD_ROW);
    place->column = cbit_dram_map_field(map, address, CBIT_FIELD_COLUMN);
    place->flat_bank =
        (place->rank * map->groups + place->group) * map->banks_per_group + place->bank;
    return address < map->capacity_bytes && place->row < map->rows;
}

#ifdef __cplusplus
}
#endif
#endif
