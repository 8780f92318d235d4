#include "model/vcpu/tlb.h"

#include <stdlib.h>

#define TLB_VALID (UINT64_C(1) << 63)
enum { TLB_MAX_WAYS = 8, PAGE_SHIFT = 12, ASID_BITS = 10 };

/* 36 bits of page number (addresses are canonical), 10 of ASID. */
static uint64_t tag_of(cbit_gva_t gva, uint32_t asid)
{
    return TLB_VALID | (gva >> PAGE_SHIFT & ((UINT64_C(1) << 36) - 1)) << ASID_BITS | asid;
}

bool cbit_tlb_init(cbit_tlb_t *tlb, uint32_t entries)
{
    tlb->entries = entries;
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

static uint32_t set_of(const cbit_tlb_t *tlb, cbit_gva_t gva)
{
    return ((uint32_t)(gva >> PAGE_SHIFT) & tlb->set_mask) * tlb->ways;
}

int64_t cbit_tlb_find(cbit_tlb_t *tlb, cbit_gva_t gva, uint32_t asid)
{
    uint64_t tag = tag_of(gva, asid);
    uint32_t set = set_of(tlb, gva);
    for (uint32_t i = set; i < set + tlb->ways; i++) {
        if (tlb->tags[i] == tag) {
            tlb->used[i] = ++tlb->touches;
            return i;
        }
    }
    return -1;
}

void cbit_tlb_insert(cbit_tlb_t *tlb, cbit_gva_t gva, uint32_t asid, cbit_spa_t page, uint8_t flags)
{
    uint64_t tag = tag_of(gva, asid);
    uint32_t set = set_of(tlb, gva);
    uint32_t best = set;
    for (uint32_t i = set; i < set + tlb->ways; i++) {
        if (tlb->tags[i] == tag) {
            best = i;
            break;
        }
        if (tlb->used[i] < tlb->used[best]) {
            best = i; /* dropped entries have used 0 */
        }
    }
    tlb->tags[best] = tag;
    tlb->used[best] = ++tlb->touches;
    tlb->pages[best] = page;
    tlb->flags[best] = flags;
}

static void drop(cbit_tlb_t *tlb, uint32_t i)
{
    tlb->tags[i] = 0;
    tlb->used[i] = 0;
}

void cbit_tlb_drop_page(cbit_tlb_t *tlb, cbit_gva_t gva, uint32_t asid)
{
    int64_t i = cbit_tlb_find(tlb, gva, asid);
    if (i >= 0) {
        drop(tlb, (uint32_t)i);
    }
}

void cbit_tlb_drop_asid(cbit_tlb_t *tlb, uint32_t asid)
{
    for (uint32_t i = 0; i < tlb->entries; i++) {
        if (asid == 0 || (tlb->tags[i] & ((1U << ASID_BITS) - 1)) == asid) {
            drop(tlb, i);
        }
    }
}
