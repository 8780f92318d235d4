/* A map from page numbers to 32-bit numbers: open addressing, never ordered by its hash. */
#ifndef CBIT_TRAFFIC_PAGE_MAP_H
#define CBIT_TRAFFIC_PAGE_MAP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cbit_page_map_slot {
    uint64_t page; /* plus one; 0: empty */
    uint32_t value;
} cbit_page_map_slot_t;

typedef struct cbit_page_map {
    cbit_page_map_slot_t *slots;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
} cbit_page_map_t;

/* All zero is an empty map. */
void cbit_page_map_free(cbit_page_map_t *map);

/* The place of that page's value, or NULL. Valid until the next insertion. */
uint32_t *cbit_page_map_find(const cbit_page_map_t *map, uint64_t page);

/* Inserts a page that is not there; false when memory is out or 2^30 pages are in. */
bool cbit_page_map_insert(cbit_page_map_t *map, uint64_t page, uint32_t value);

#endif
