#include "workloads/traffic/page_map.h"

#include <stdlib.h>

#include "cbit/base/rng.h"

enum { FIRST_CAPACITY = 256 };
#define MAX_CAPACITY (UINT32_C(1) << 31)

void cbit_page_map_free(cbit_page_map_t *map)
{
    free(map->slots);
    *map = (cbit_page_map_t){0};
}

/* The slot that holds the page, or the empty one where it would go. */
static cbit_page_map_slot_t *probe(const cbit_page_map_t *map, uint64_t page)
{
    uint32_t mask = map->capacity - 1;
    uint32_t at = (uint32_t)cbit_splitmix64(page) & mask;
    while (map->slots[at].page != 0 && map->slots[at].page != page + 1) {
        at = (at + 1) & mask;
    }
    return &map->slots[at];
}

uint32_t *cbit_page_map_find(const cbit_page_map_t *map, uint64_t page)
{
    if (map->capacity == 0) {
        return NULL;
    }
    cbit_page_map_slot_t *slot = probe(map, page);
    return slot->page == 0 ? NULL : &slot->value;
}

static bool grow(cbit_page_map_t *map)
{
    cbit_page_map_t bigger = {.capacity = map->capacity == 0 ? FIRST_CAPACITY : 2 * map->capacity,
                              .count = map->count};
    if (map->capacity == MAX_CAPACITY) {
        return false;
    }
    bigger.slots = calloc(bigger.capacity, sizeof *bigger.slots);
    if (bigger.slots == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].page != 0) {
            *probe(&bigger, map->slots[i].page - 1) = map->slots[i];
        }
    }
    free(map->slots);
    *map = bigger;
    return true;
}

bool cbit_page_map_insert(cbit_page_map_t *map, uint64_t page, uint32_t value)
{
    if (map->count >= map->capacity / 2 && !grow(map)) {
        return false;
    }
    *probe(map, page) = (cbit_page_map_slot_t){.page = page + 1, .value = value};
    map->count++;
    return true;
}
