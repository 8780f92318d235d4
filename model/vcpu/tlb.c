#include "model/vcpu/tlb.h"

#include <stdlib.h>

enum { TLB_MAX_WAYS = CBIT_LRU_WAYS_PER_WORD };

static uint32_t tag_asid(uint64_t tag)
{
    return (uint32_t)tag & ((1U << TLB_ASID_BITS) - 1);
}

static cbit_page_size_t tag_size(uint64_t tag)
{
    return (cbit_page_size_t)((tag >> TLB_SIZE_SHIFT) - 1);
}

bool cbit_tlb_init(cbit_tlb_t *tlb, uint32_t entries)
{
    tlb->count = entries;
    if (entries == 0) {
        return true;
    }
    tlb->ways = entries < TLB_MAX_WAYS ? entries : TLB_MAX_WAYS;
    uint32_t sets = entries / tlb->ways;
    tlb->set_mask = sets - 1;
    /* A word of bits names eight ways, also where a small TLB has fewer: their tags are 0. */
    tlb->entries = calloc((size_t)sets * TLB_MAX_WAYS, sizeof tlb->entries[0]);
    tlb->sets = calloc(sets, sizeof tlb->sets[0]);
    if (tlb->entries == NULL || tlb->sets == NULL) {
        return false;
    }
    for (uint32_t set = 0; set < sets; set++) {
        cbit_lru_init(&tlb->sets[set].order, tlb->ways);
    }
    return true;
}

void cbit_tlb_free(cbit_tlb_t *tlb)
{
    free(tlb->entries);
    free(tlb->sets);
}

static inline int64_t find(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t size)
{
    return tlb->of_size[size] == 0 ? -1
                                   : cbit_tlb_in_set(tlb, cbit_tlb_set_of(tlb, address, size),
                                                     cbit_tlb_tag(address, asid, size));
}

/* One size after the other: a loop over them takes twice as long. */
static inline int64_t find_any(cbit_tlb_t *tlb, uint64_t address, uint32_t asid,
                               cbit_page_size_t *size)
{
    *size = PAGE_4K;
    int64_t i = find(tlb, address, asid, PAGE_4K);
    if (i < 0) {
        *size = PAGE_2M;
        i = find(tlb, address, asid, PAGE_2M);
    }
    if (i < 0) {
        *size = PAGE_1G;
        i = find(tlb, address, asid, PAGE_1G);
    }
    if (i >= 0) {
        cbit_tlb_use(tlb, (uint32_t)i);
    }
    return i;
}

int64_t cbit_tlb_find(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t *size)
{
    return find_any(tlb, address, asid, size);
}

static void drop(cbit_tlb_t *tlb, uint32_t i)
{
    cbit_tlb_entry_t *entry = &tlb->entries[i];
    if (entry->tag != 0) {
        tlb->of_size[tag_size(entry->tag)]--;
        entry->tag = 0;
        cbit_lru_forget_of_word(&tlb->sets[i / TLB_MAX_WAYS].order, tlb->ways, i % TLB_MAX_WAYS);
    }
}

static inline void put(cbit_tlb_t *tlb, uint32_t i, uint64_t tag, cbit_spa_t page, uint8_t flags)
{
    cbit_tlb_entry_t *entry = &tlb->entries[i];
    if (entry->tag != 0) {
        tlb->of_size[tag_size(entry->tag)]--;
    }
    tlb->of_size[tag_size(tag)]++;
    entry->tag = tag;
    entry->page = page | flags;
    cbit_ways_set(&tlb->sets[i / TLB_MAX_WAYS].bits, i % TLB_MAX_WAYS, cbit_ways_bits(tag));
    cbit_tlb_use(tlb, i);
}

/* The way of a set that is empty, or that was used longest ago. */
static inline uint32_t place_in(const cbit_tlb_t *tlb, uint32_t set)
{
    return set * TLB_MAX_WAYS + cbit_lru_oldest(&tlb->sets[set].order);
}

uint64_t cbit_tlb_hand_down(cbit_tlb_t *from, cbit_tlb_t *to, uint64_t address, uint64_t tag,
                            uint8_t matter, uint8_t want)
{
    cbit_page_size_t size;
    const int64_t i = find_any(from, address, tag_asid(tag), &size);
    if (i < 0 || (cbit_tlb_flags(from, i) & matter) != want) {
        return 0;
    }
    const uint64_t inside = (UINT64_C(1) << cbit_page_shift(size)) - CBIT_PAGE_BYTES;
    const uint64_t page = from->entries[i].page | (address & inside);
    if (page != 0) {
        put(to, place_in(to, cbit_tlb_set_of(to, address, PAGE_4K)), tag, page, 0);
    }
    return page;
}

void cbit_tlb_insert(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t size,
                     cbit_spa_t page, uint8_t flags)
{
    if (tlb->count == 0) {
        return;
    }
    uint64_t tag = cbit_tlb_tag(address, asid, size);
    uint32_t set = cbit_tlb_set_of(tlb, address, size);
    int64_t i = cbit_tlb_in_set(tlb, set, tag);
    put(tlb, i >= 0 ? (uint32_t)i : place_in(tlb, set), tag, page, flags);
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
    const uint32_t places = tlb->count == 0 ? 0 : (tlb->set_mask + 1) * TLB_MAX_WAYS;
    for (uint32_t i = 0; i < places; i++) {
        if (asid == 0 || tag_asid(tlb->entries[i].tag) == asid) {
            drop(tlb, i);
        }
    }
}
