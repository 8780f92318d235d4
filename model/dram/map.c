#include "cbit/dram/map.h"

#include <inttypes.h>
#include <string.h>

static const char *const FIELD_NAMES[CBIT_DRAM_FIELDS] = {"co", "bg", "ba", "ra", "ro"};

static void widths_of(const cbit_dram_device_t *device, uint32_t width[CBIT_DRAM_FIELDS])
{
    width[CBIT_FIELD_COLUMN] = device->column_bits;
    width[CBIT_FIELD_GROUP] = device->group_bits;
    width[CBIT_FIELD_BANK] = device->bank_bits;
    width[CBIT_FIELD_RANK] = device->rank_bits;
    width[CBIT_FIELD_ROW] = device->row_bits;
}

/* The names that the calibration figures use. */
static const char *alias(const char *text)
{
    if (strcmp(text, "M0") == 0) {
        return "ro-ra-ba-bg-co";
    }
    return strcmp(text, "M1") == 0 ? "ro-ra-ba-co-bg" : text;
}

/* One part, "co" or "co5", from **text; 0 bits mean all that is left of the field. */
static bool parse_part(const char **text, struct cbit_dram_map_part *part)
{
    for (uint32_t f = 0; f < CBIT_DRAM_FIELDS; f++) {
        if (strncmp(*text, FIELD_NAMES[f], 2) == 0) {
            *part = (struct cbit_dram_map_part){.field = (uint8_t)f};
            *text += 2;
            uint32_t bits = 0;
            while (**text >= '0' && **text <= '9' && bits < 100) {
                bits = bits * 10 + (uint32_t)(*(*text)++ - '0');
            }
            part->bits = (uint8_t)(bits < 64 ? bits : 64);
            return **text == '\0' || *(*text)++ == '-';
        }
    }
    return false;
}

static cbit_err_t parse(cbit_dram_map_t *map, const char *text, const char *where,
                        cbit_diag_t *diag)
{
    for (const char *at = text; *at != '\0';) {
        if (map->part_count == CBIT_DRAM_MAP_PARTS ||
            !parse_part(&at, &map->parts[map->part_count])) {
            return cbit_diag_add_below(diag, CBIT_ERR_FORMAT, where, "mapping",
                                       "\"%s\" is no map; fields ro, ra, ba, bg, co from the "
                                       "most significant bit, joined by '-', at most %d parts",
                                       text, CBIT_DRAM_MAP_PARTS);
        }
        map->part_count++;
    }
    return CBIT_ERR_OK;
}

/* Gives parts without a count the rest of their field, and every part its place. */
static cbit_err_t place_parts(cbit_dram_map_t *map, const uint32_t width[CBIT_DRAM_FIELDS],
                              const char *where, cbit_diag_t *diag)
{
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t f = 0; f < CBIT_DRAM_FIELDS; f++) {
        uint32_t given = 0, open = 0;
        struct cbit_dram_map_part *rest = NULL;
        for (uint32_t i = 0; i < map->part_count; i++) {
            if (map->parts[i].field == f) {
                given += map->parts[i].bits;
                open += map->parts[i].bits == 0;
                rest = map->parts[i].bits == 0 ? &map->parts[i] : rest;
            }
        }
        if (open == 1 && given <= width[f]) {
            rest->bits = (uint8_t)(width[f] - given);
            given = width[f];
        }
        if (open > 1) {
            err = cbit_diag_add_below(diag, CBIT_ERR_CONFLICT, where, "mapping",
                                      "field %s repeats a bit: the map names all of it %" PRIu32
                                      " times",
                                      FIELD_NAMES[f], open);
        } else if (given != width[f]) {
            err = cbit_diag_add_below(diag, CBIT_ERR_CONFLICT, where, "mapping",
                                      "field %s %s: it has %" PRIu32 " bits, the map names "
                                      "%" PRIu32,
                                      FIELD_NAMES[f],
                                      given > width[f] ? "repeats a bit" : "loses a bit", width[f],
                                      given);
        }
    }
    uint32_t low = CBIT_DRAM_LINE_BITS;
    uint32_t next_bit[CBIT_DRAM_FIELDS] = {0};
    for (uint32_t i = map->part_count; err == CBIT_ERR_OK && i-- > 0;) {
        struct cbit_dram_map_part *part = &map->parts[i];
        part->low_bit = (uint8_t)low;
        part->at_bit = (uint8_t)next_bit[part->field];
        next_bit[part->field] += part->bits;
        low += part->bits;
    }
    return err;
}

/*
 * A hash of bit b may use any address bit that does not itself decide a hashed field; then the map
 * stays invertible: the unhashed fields give the hash's inputs back.
 */
static cbit_err_t set_hash(cbit_dram_map_t *map, uint64_t *to, const uint64_t *masks,
                           uint32_t count, uint32_t width, const char *name, const char *where,
                           cbit_diag_t *diag)
{
    uint64_t hashed_bits = 0;
    for (uint32_t i = 0; i < map->part_count; i++) {
        const struct cbit_dram_map_part *part = &map->parts[i];
        if (part->field == CBIT_FIELD_GROUP || part->field == CBIT_FIELD_BANK) {
            hashed_bits |= ((1ull << part->bits) - 1) << part->low_bit;
        }
    }
    if (count > width) {
        return cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, name,
                                   "%" PRIu32 " masks, but the field has %" PRIu32 " bits", count,
                                   width);
    }
    for (uint32_t i = 0; i < count; i++) {
        if ((masks[i] & hashed_bits) != 0 || masks[i] >= map->capacity_bytes ||
            (masks[i] & 63) != 0) {
            char key[] = "group_hash/0"; /* at most eight masks: one digit */
            const size_t len = strlen(name);
            memcpy(key, name, len);
            key[len] = '/';
            key[len + 1] = (char)('0' + i);
            key[len + 2] = '\0';
            return cbit_diag_add_below(diag, CBIT_ERR_CONFLICT, where, key,
                                       "mask 0x%" PRIx64 " would lose a bit; it may hold "
                                       "row, rank and column bits inside the memory only",
                                       masks[i]);
        }
        to[i] = masks[i];
        map->hashed = map->hashed || masks[i] != 0;
    }
    return CBIT_ERR_OK;
}

static void set_whole(cbit_dram_map_t *map)
{
    map->whole = !map->hashed;
    for (uint32_t i = 0; i < map->part_count; i++) {
        const struct cbit_dram_map_part *part = &map->parts[i];
        struct cbit_dram_map_whole *field = &map->fields[part->field];
        map->whole = map->whole && field->mask == 0;
        if (part->bits > 0) {
            *field = (struct cbit_dram_map_whole){.low_bit = part->low_bit,
                                                  .mask = (uint32_t)((1ull << part->bits) - 1)};
        }
    }
}

/* A count that is no power of two leaves the highest values of its field out: they are beyond the
   memory only when the field is in the highest bits, whole. */
static cbit_err_t check_holes(const cbit_dram_map_t *map, const cbit_dram_device_t *device,
                              const char *text, const char *where, cbit_diag_t *diag)
{
    const struct {
        cbit_dram_field_t field;
        uint32_t count, bits;
        const char *what, *name;
    } FIELDS[] = {{CBIT_FIELD_ROW, device->rows, device->row_bits, "rows", "row"},
                  {CBIT_FIELD_RANK, device->ranks, device->rank_bits, "ranks", "rank"}};
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t i = 0; i < 2; i++) {
        const bool holes = (FIELDS[i].count & (FIELDS[i].count - 1)) != 0;
        if (holes && (map->parts[0].field != (uint8_t)FIELDS[i].field ||
                      map->parts[0].bits != FIELDS[i].bits)) {
            err = cbit_diag_add_below(diag, CBIT_ERR_CONFLICT, where, "mapping",
                                      "\"%s\" leaves holes: a device with %" PRIu32
                                      " %s needs the %s in the highest bits",
                                      text, FIELDS[i].count, FIELDS[i].what, FIELDS[i].name);
        }
    }
    return err;
}

cbit_err_t cbit_dram_map_init(cbit_dram_map_t *out, const cbit_dram_device_t *device,
                              const char *text, const uint64_t *group_hash, uint32_t group_hashes,
                              const uint64_t *bank_hash, uint32_t bank_hashes, const char *where,
                              cbit_diag_t *diag)
{
    cbit_dram_map_t map = {.rows = device->rows,
                           .groups = device->groups,
                           .banks_per_group = device->banks_per_group,
                           .capacity_bytes = device->capacity_bytes};
    uint32_t width[CBIT_DRAM_FIELDS];
    widths_of(device, width);
    cbit_err_t err = parse(&map, alias(text), where, diag);
    err = err != CBIT_ERR_OK ? err : place_parts(&map, width, where, diag);
    if (err == CBIT_ERR_OK) {
        err = check_holes(&map, device, text, where, diag);
    }
    err = err != CBIT_ERR_OK ? err
                             : set_hash(&map, map.group_hash, group_hash, group_hashes,
                                        device->group_bits, "group_hash", where, diag);
    err = err != CBIT_ERR_OK ? err
                             : set_hash(&map, map.bank_hash, bank_hash, bank_hashes,
                                        device->bank_bits, "bank_hash", where, diag);
    if (err == CBIT_ERR_OK) {
        set_whole(&map);
        *out = map;
    }
    return err;
}

static uint32_t hash_bits(const uint64_t *masks, uint64_t address)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < CBIT_DRAM_HASH_BITS; i++) {
        bits |= (uint32_t)__builtin_parityll(address & masks[i]) << i;
    }
    return bits;
}

bool cbit_dram_map_parts(const cbit_dram_map_t *map, uint64_t address, cbit_dram_place_t *place)
{
    if (address >= map->capacity_bytes) {
        return false;
    }
    uint32_t value[CBIT_DRAM_FIELDS] = {0};
    for (uint32_t i = 0; i < map->part_count; i++) {
        const struct cbit_dram_map_part *part = &map->parts[i];
        uint64_t bits = (address >> part->low_bit) & ((1ull << part->bits) - 1);
        value[part->field] |= (uint32_t)bits << part->at_bit;
    }
    if (map->hashed) {
        value[CBIT_FIELD_GROUP] ^= hash_bits(map->group_hash, address);
        value[CBIT_FIELD_BANK] ^= hash_bits(map->bank_hash, address);
    }
    *place = (cbit_dram_place_t){.rank = value[CBIT_FIELD_RANK],
                                 .group = value[CBIT_FIELD_GROUP],
                                 .bank = value[CBIT_FIELD_BANK],
                                 .row = value[CBIT_FIELD_ROW],
                                 .column = value[CBIT_FIELD_COLUMN]};
    place->flat_bank =
        (place->rank * map->groups + place->group) * map->banks_per_group + place->bank;
    return place->row < map->rows;
}
