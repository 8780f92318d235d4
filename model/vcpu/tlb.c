#include "model/vcpu/tlb.h"

#include <stdlib.h>

enum { TLB_MAX_WAYS = 8 };

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
    tlb->set_mask = entries / tlb->ways - 1;
    tlb->tags = calloc(entries, sizeof tlb->tags[0]);
    tlb->used = calloc(entries, sizeof tlb->used[0]);
    tlb->pages = calloc(entries, sizeof tlb->pages[0]);
    tlb->flags = calloc(entries, sizeof tlb->flags[0]);
    return tlb->tags != NULL && tlb->used != NULL && tlb->pages != NULL && tlb->flags != NULL;
}

void cbit_tlb_free(cbit_tlb_t *tlb)
{
    free(tlb->tags);
    free(tlb->used);
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
        uint32_t set = set_of(tlb, address, (cbit_page_size_t)s);
        for (uint32_t i = set; i < set + tlb->ways; i++) {
            if (tlb->tags[i] == tag) {
                tlb->used[i] = ++tlb->touches;
                *size = (cbit_page_size_t)s;
                return i;
            }
        }
    }
    return -1;
}

static void drop(cbit_tlb_t *tlb, uint32_t i)
{
    if (tlb->tags[i] != 0) {
        tlb->of_size[tag_size(tlb->tags[i])]--;
        tlb->tags[i] = 0;
        tlb->used[i] = 0; /* the next one that is taken */
    }
}

void cbit_tlb_insert(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t size,
                     cbit_spa_t page, uint8_t flags)
{
    if (tlb->entries == 0) {
        return;
    }
    uint64_t tag = cbit_tlb_tag(address, asid, size);
    uint32_t set = set_of(tlb, address, size);
    uint32_t best = set;
    for (uint32_t i = set; i < set + tlb->ways; i++) {
        if (tlb->tags[i] == tag) {
            best = i;
            break;
        }
        best = tlb->used[i] < tlb->used[best] ? i : best;
    }
    drop(tlb, best);
    tlb->of_size[size]++;
    tlb->tags[best] = tag;
    tlb->used[best] = ++tlb->touches;
    tlb->pages[best] = page;
    tlb->flags[best] = flags;
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
