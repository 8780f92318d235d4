#include "cbit/dram/store.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/base/host_memory.h"

/*
 * Pages live in slabs and never move; an open-addressing table finds a page's slot by its number.
 * Nothing ever iterates over the table, so its order cannot reach a result. Memory scattered
 * page by page costs 4096 bytes and at most 43 bytes of table each, however wide the address space.
 */
enum {
    SLAB_PAGES = 512, /* 2 MiB: one large page of most hosts */
    SMALL_SLABS = 4,  /* so many are not in large pages: a small machine stays small */
    FIRST_TABLE_SLOTS = 1024,
    EXPECTED = 8, /* calls from the one that asks for a page's place to the one for its line */
    EMPTY = 0,    /* table slots hold slot + 1 */
};

typedef struct page_ref {
    uint64_t page;
    uint32_t slot_plus_1;
} page_ref_t;

struct cbit_store {
    uint64_t size_bytes;
    page_ref_t *table;
    uint64_t table_slots; /* a power of two, at most 3/4 full */
    uint8_t **slabs;
    uint64_t slabs_capacity;
    uint64_t pages;
    /* The page used last: streams touch a page 64 times running. */
    uint64_t last_page;
    uint8_t *last_bytes;
    cbit_spa_t (*same_as)(const void *self, cbit_spa_t spa); /* NULL: no aliases */
    const void *same_as_self;
    cbit_spa_t expected[EXPECTED];
    uint32_t expected_at;
};

static page_ref_t *new_table(uint64_t slots)
{
    page_ref_t *table = cbit_host_allocate(slots * sizeof *table);
    return table == NULL ? NULL : memset(table, 0, slots * sizeof *table);
}

cbit_err_t cbit_store_create(uint64_t size_bytes, cbit_store_t **out)
{
    if (size_bytes == 0 || size_bytes % CBIT_PAGE_BYTES != 0) {
        return CBIT_ERR_RANGE;
    }
    cbit_store_t *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    store->size_bytes = size_bytes;
    store->table_slots = FIRST_TABLE_SLOTS;
    store->table = new_table(store->table_slots);
    store->last_page = UINT64_MAX;
    if (store->table == NULL) {
        free(store);
        return CBIT_ERR_NO_MEMORY;
    }
    *out = store;
    return CBIT_ERR_OK;
}

static uint64_t slab_count(const cbit_store_t *store)
{
    return (store->pages + SLAB_PAGES - 1) / SLAB_PAGES;
}

void cbit_store_destroy(cbit_store_t *store)
{
    if (store == NULL) {
        return;
    }
    for (uint64_t i = 0; i < slab_count(store); i++) {
        free(store->slabs[i]);
    }
    free(store->slabs);
    free(store->table);
    free(store);
}

static uint64_t home_of(uint64_t slots, uint64_t page)
{
    /* Fibonacci hashing: neighbouring pages spread over the table. */
    return ((page * 0x9e3779b97f4a7c15u) >> 20) & (slots - 1);
}

/* The table slot of a page, or the empty one where it belongs. */
static uint64_t probe(const page_ref_t *table, uint64_t slots, uint64_t page)
{
    uint64_t at = home_of(slots, page);
    for (; table[at].slot_plus_1 != EMPTY && table[at].page != page; at = (at + 1) & (slots - 1)) {
    }
    return at;
}

static uint8_t *slot_bytes(const cbit_store_t *store, uint64_t slot)
{
    return store->slabs[slot / SLAB_PAGES] + slot % SLAB_PAGES * CBIT_PAGE_BYTES;
}

static uint8_t *find_page(const cbit_store_t *store, uint64_t page)
{
    if (page == store->last_page) {
        return store->last_bytes;
    }
    const page_ref_t *ref = &store->table[probe(store->table, store->table_slots, page)];
    return ref->slot_plus_1 == EMPTY ? NULL : slot_bytes(store, ref->slot_plus_1 - 1);
}

void cbit_store_expect(cbit_store_t *store, cbit_spa_t spa)
{
    cbit_spa_t *place = &store->expected[store->expected_at++ % EXPECTED];
    const uint8_t *before = find_page(store, *place / CBIT_PAGE_BYTES);
    __builtin_prefetch(&store->table[home_of(store->table_slots, spa / CBIT_PAGE_BYTES)]);
    if (before != NULL) {
        __builtin_prefetch(before + *place % CBIT_PAGE_BYTES);
    }
    *place = spa;
}

static bool grow_table(cbit_store_t *store)
{
    uint64_t slots = store->table_slots * 2;
    page_ref_t *table = new_table(slots);
    if (table == NULL) {
        return false;
    }
    for (uint64_t i = 0; i < store->table_slots; i++) {
        if (store->table[i].slot_plus_1 != EMPTY) {
            table[probe(table, slots, store->table[i].page)] = store->table[i];
        }
    }
    free(store->table);
    store->table = table;
    store->table_slots = slots;
    return true;
}

static bool add_slab(cbit_store_t *store)
{
    uint64_t count = slab_count(store);
    if (count == store->slabs_capacity) {
        uint64_t capacity = count == 0 ? 16 : count * 2;
        uint8_t **slabs = realloc(store->slabs, capacity * sizeof *slabs);
        if (slabs == NULL) {
            return false;
        }
        store->slabs = slabs;
        store->slabs_capacity = capacity;
    }
    const size_t bytes = (size_t)SLAB_PAGES * CBIT_PAGE_BYTES;
    store->slabs[count] = count < SMALL_SLABS ? malloc(bytes) : cbit_host_allocate(bytes);
    return store->slabs[count] != NULL;
}

/* The page's bytes, made on first touch; NULL when memory is out. */
static uint8_t *touch_page(cbit_store_t *store, uint64_t page)
{
    uint8_t *bytes = find_page(store, page);
    if (bytes != NULL) {
        return bytes;
    }
    if (store->pages == UINT32_MAX - 1 ||
        (store->pages + 1 > store->table_slots / 4 * 3 && !grow_table(store)) ||
        (store->pages % SLAB_PAGES == 0 && !add_slab(store))) {
        return NULL;
    }
    uint64_t slot = store->pages++;
    uint64_t at = probe(store->table, store->table_slots, page);
    store->table[at] = (page_ref_t){.page = page, .slot_plus_1 = (uint32_t)slot + 1};
    return memset(slot_bytes(store, slot), 0, CBIT_PAGE_BYTES);
}

static bool outside(const cbit_store_t *store, cbit_spa_t spa, uint64_t len_bytes)
{
    return spa > store->size_bytes || len_bytes > store->size_bytes - spa;
}

/* How much of a range lies together: up to the end of a page, or of a line that may be another. */
static uint64_t bytes_together(const cbit_store_t *store, cbit_spa_t spa, uint64_t len_bytes)
{
    uint64_t unit = store->same_as == NULL ? CBIT_PAGE_BYTES : CBIT_LINE_BYTES;
    uint64_t room = unit - spa % unit;
    return len_bytes < room ? len_bytes : room;
}

static cbit_spa_t cell_of(const cbit_store_t *store, cbit_spa_t spa)
{
    return store->same_as == NULL ? spa : store->same_as(store->same_as_self, spa);
}

void cbit_store_set_alias(cbit_store_t *store,
                          cbit_spa_t (*same_as)(const void *self, cbit_spa_t spa), const void *self)
{
    store->same_as = same_as;
    store->same_as_self = self;
}

cbit_err_t cbit_store_read(const cbit_store_t *store, cbit_spa_t spa, void *bytes,
                           uint64_t len_bytes)
{
    if (outside(store, spa, len_bytes)) {
        return CBIT_ERR_ADDRESS;
    }
    uint8_t *to = bytes;
    while (len_bytes > 0) {
        uint64_t n = bytes_together(store, spa, len_bytes);
        cbit_spa_t cell = cell_of(store, spa);
        const uint8_t *page = find_page(store, cell / CBIT_PAGE_BYTES);
        if (page == NULL) {
            memset(to, 0, n);
        } else {
            memcpy(to, page + cell % CBIT_PAGE_BYTES, n);
        }
        to += n;
        spa += n;
        len_bytes -= n;
    }
    return CBIT_ERR_OK;
}

cbit_err_t cbit_store_write(cbit_store_t *store, cbit_spa_t spa, const void *bytes,
                            uint64_t len_bytes)
{
    if (outside(store, spa, len_bytes)) {
        return CBIT_ERR_ADDRESS;
    }
    const uint8_t *from = bytes;
    while (len_bytes > 0) {
        uint64_t n = bytes_together(store, spa, len_bytes);
        cbit_spa_t cell = cell_of(store, spa);
        uint64_t page = cell / CBIT_PAGE_BYTES;
        uint8_t *to = touch_page(store, page);
        if (to == NULL) {
            return CBIT_ERR_NO_MEMORY;
        }
        store->last_page = page;
        store->last_bytes = to;
        memcpy(to + cell % CBIT_PAGE_BYTES, from, n);
        from += n;
        spa += n;
        len_bytes -= n;
    }
    return CBIT_ERR_OK;
}

uint64_t cbit_store_footprint_bytes(const cbit_store_t *store)
{
    return sizeof *store + store->pages * CBIT_PAGE_BYTES +
           store->slabs_capacity * sizeof *store->slabs + store->table_slots * sizeof *store->table;
}
