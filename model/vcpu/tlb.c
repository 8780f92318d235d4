#include "model/vcpu/tlb.h"

#include <stdlib.h>

bool cbit_tlb_init(cbit_tlb_t *tlb, uint32_t entries)
{
    tlb->count = entries;
    if (entries == 0) {
        return true;
    }
    const uint32_t ways = entries < CBIT_RECENT_MAX_WAYS ? entries : CBIT_RECENT_MAX_WAYS;
    const uint32_t sets = entries / ways;
    tlb->shape = cbit_recent_shape_of(ways);
    tlb->set_mask = sets - 1;
    tlb->set_bits = (uint32_t)__builtin_ctz(sets);
    /* A word of bits names eight ways, also where a small TLB has fewer: their tags are 0. */
    tlb->entries = calloc((size_t)sets * CBIT_RECENT_MAX_WAYS, sizeof tlb->entries[0]);
    tlb->sets = calloc(sets, sizeof tlb->sets[0]);
    if (tlb->entries == NULL || tlb->sets == NULL) {
        return false;
    }
    for (uint32_t set = 0; set < sets; set++) {
        cbit_recent_init(&tlb->sets[set], ways);
    }
    return true;
}

void cbit_tlb_free(cbit_tlb_t *tlb)
{
    free(tlb->entries);
    free(tlb->sets);
}

int64_t cbit_tlb_find_among(cbit_tlb_t *tlb, uint32_t set, uint64_t tag, uint64_t match)
{
    cbit_recent_t *recent = &tlb->sets[set];
    for (; match != 0; match &= match - 1) {
        const uint32_t rank = cbit_ways_first(match);
        const uint32_t i = cbit_tlb_place(tlb, set, cbit_recent_way(recent, rank));
        if (tlb->entries[i].tag == tag) {
            cbit_recent_use(recent, rank);
            return i;
        }
    }
    return -1;
}

static int64_t find_size(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t size)
{
    return tlb->of_size[size] == 0 ? -1
                                   : cbit_tlb_find_in(tlb, cbit_tlb_set_of(tlb, address, size),
                                                      cbit_tlb_tag(address, asid, size));
}

/* One size after the other: a loop over them takes twice as long. */
int64_t cbit_tlb_find(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t *size)
{
    *size = PAGE_4K;
    int64_t i = find_size(tlb, address, asid, PAGE_4K);
    if (i < 0) {
        *size = PAGE_2M;
        i = find_size(tlb, address, asid, PAGE_2M);
    }
    if (i < 0) {
        *size = PAGE_1G;
        i = find_size(tlb, address, asid, PAGE_1G);
    }
    return i;
}

void cbit_tlb_count(cbit_tlb_t *tlb, uint64_t old, uint64_t tag)
{
    tlb->of_size[cbit_tlb_tag_size(tag)]++;
    if (old != 0) {
        tlb->of_size[cbit_tlb_tag_size(old)]--;
    }
}

static void drop(cbit_tlb_t *tlb, uint32_t i)
{
    cbit_tlb_entry_t *entry = &tlb->entries[i];
    if (entry->tag != 0) {
        cbit_recent_t *set = &tlb->sets[i & tlb->set_mask];
        tlb->of_size[cbit_tlb_tag_size(entry->tag)]--;
        entry->tag = 0;
        cbit_recent_forget(set, tlb->shape, cbit_recent_rank(set, i >> tlb->set_bits));
    }
}

void cbit_tlb_insert(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t size,
                     cbit_spa_t page, uint8_t flags)
{
    if (tlb->count == 0) {
        return;
    }
    const uint64_t tag = cbit_tlb_tag(address, asid, size);
    const uint32_t set = cbit_tlb_set_of(tlb, address, size);
    const int64_t i = cbit_tlb_find_in(tlb, set, tag);
    if (i >= 0) {
        tlb->entries[i].page = page | flags;
    } else {
        cbit_tlb_put(tlb, set, tag, page | flags);
    }
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
    const uint32_t places = tlb->count == 0 ? 0 : (tlb->set_mask + 1) * CBIT_RECENT_MAX_WAYS;
    for (uint32_t i = 0; i < places; i++) {
        if (asid == 0 || cbit_tlb_tag_asid(tlb->entries[i].tag) == asid) {
            drop(tlb, i);
        }
    }
}
