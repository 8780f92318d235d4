#include "model/vcpu/tlb.h"

#include <stdlib.h>

enum { TLB_MAX_WAYS = CBIT_LRU_WAYS_PER_WORD };

static uint32_t tag_asid(uint64_t tag)
{
    return (uint32_t)tag & ((1U << TLB_ASID_BITS) - 1);
}

static cbit_page_size_t tag_size(uint64_t tag)
{
    return (cbit_page_size_t)(tag >> TLB_SIZE_SHIFT & 3);
}

bool cbit_tlb_init(cbit_tlb_t *tlb, uint32_t entries)
{
    tlb->entries = entries;
    if (entries == 0) {
        return true;
    }
    tlb->ways = entries < TLB_MAX_WAYS ? entries : TLB_MAX_WAYS;
    tlb->way_shift = (uint32_t)__builtin_ctz(tlb->ways);
    uint32_t sets = entries / tlb->ways;
    tlb->set_mask = sets - 1;
    /* A word of bits names eight ways, also where a small TLB has fewer: their tags are 0. */
    tlb->tags = calloc(entries < TLB_MAX_WAYS ? TLB_MAX_WAYS : entries, sizeof tlb->tags[0]);
    tlb->order = calloc(sets, sizeof tlb->order[0]);
    tlb->bits = calloc(sets, sizeof tlb->bits[0]);
    tlb->taken = calloc(sets, sizeof tlb->taken[0]);
    tlb->pages = calloc(entries, sizeof tlb->pages[0]);
    tlb->flags = calloc(entries, sizeof tlb->flags[0]);
    if (tlb->tags == NULL || tlb->order == NULL || tlb->bits == NULL || tlb->taken == NULL ||
        tlb->pages == NULL || tlb->flags == NULL) {
        return false;
    }
    for (uint32_t set = 0; set < sets; set++) {
        cbit_lru_init(&tlb->order[set], tlb->ways);
    }
    return true;
}

void cbit_tlb_free(cbit_tlb_t *tlb)
{
    free(tlb->tags);
    free(tlb->order);
    free(tlb->bits);
    free(tlb->taken);
    free(tlb->pages);
    free(tlb->flags);
}

static uint32_t set_of(const cbit_tlb_t *tlb, uint64_t address, cbit_page_size_t size)
{
    return ((uint32_t)(address >> cbit_page_shift(size)) & tlb->set_mask) * tlb->ways;
}

int64_t cbit_tlb_find(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t *size)
{
    for (int s = PAGE_4K; s < PAGE_SIZES; s++) {
        if (tlb->of_size[s] == 0) {
            continue;
        }
        uint64_t tag = cbit_tlb_tag(address, asid, (cbit_page_size_t)s);
        int64_t i = cbit_tlb_in_set(tlb, set_of(tlb, address, (cbit_page_size_t)s), tag);
        if (i >= 0) {
            cbit_tlb_use(tlb, (uint32_t)i);
            *size = (cbit_page_size_t)s;
            return i;
        }
    }
    return -1;
}

static void drop(cbit_tlb_t *tlb, uint32_t i)
{
    if (tlb->tags[i] != 0) {
        tlb->of_size[tag_size(tlb->tags[i])]--;
        tlb->tags[i] = 0;
        tlb->taken[i >> tlb->way_shift]--;
    }
}

/* The first entry of a set that is empty, or that used longest ago. */
static uint32_t place_in(const cbit_tlb_t *tlb, uint32_t first)
{
    uint32_t set = first >> tlb->way_shift;
    if (tlb->taken[set] == tlb->ways) {
        return first + cbit_lru_oldest(&tlb->order[set]);
    }
    uint32_t i = first;
    while (tlb->tags[i] != 0) {
        i++;
    }
    return i;
}

static void put(cbit_tlb_t *tlb, uint32_t i, uint64_t tag, cbit_spa_t page, uint8_t flags)
{
    drop(tlb, i);
    tlb->of_size[tag_size(tag)]++;
    tlb->taken[i >> tlb->way_shift]++;
    tlb->tags[i] = tag;
    cbit_ways_set(&tlb->bits[i >> tlb->way_shift], i & (tlb->ways - 1), cbit_ways_bits(tag));
    tlb->pages[i] = page;
    tlb->flags[i] = flags;
    cbit_tlb_use(tlb, i);
}

void cbit_tlb_insert_absent(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t size,
                            cbit_spa_t page, uint8_t flags)
{
    if (tlb->entries != 0) {
        put(tlb, place_in(tlb, set_of(tlb, address, size)), cbit_tlb_tag(address, asid, size), page,
            flags);
    }
}

void cbit_tlb_insert(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t size,
                     cbit_spa_t page, uint8_t flags)
{
    if (tlb->entries == 0) {
        return;
    }
    uint64_t tag = cbit_tlb_tag(address, asid, size);
    uint32_t first = set_of(tlb, address, size);
    int64_t i = cbit_tlb_in_set(tlb, first, tag);
    put(tlb, i >= 0 ? (uint32_t)i : place_in(tlb, first), tag, page, flags);
}

void cbit_tlb_drop_page(cbit_tlb_t *tlb, uint64_t address, uint32_t asid)
{
    cbit_page_size_t size;
    int64_t i;
    while ((i = cbit_tlb_find(tlb, address, asid, &size)) >= 0) {
        drop(tlb, (uint32_t)i);
    }
}

void cbit_tlb_drop_asid(cbit_tlb_t *tlb, uint32_t asid)
{
    for (uint32_t i = 0; i < tlb->entries; i++) {
        if (asid == 0 || tag_asid(tlb->tags[i]) == asid) {
            drop(tlb, i);
        }
    }
}
