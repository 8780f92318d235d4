/* A TLB of 4 KiB pages, tagged by ASID, 8 ways or fewer, LRU. Private to model/vcpu. */
#ifndef CBIT_MODEL_VCPU_TLB_H
#define CBIT_MODEL_VCPU_TLB_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/sim/txn.h"

enum {
    TLB_WRITABLE = 1 << 0, /* guest's entries */
    TLB_USER = 1 << 1,
    TLB_NO_EXECUTE = 1 << 2,
    TLB_NESTED_WRITABLE = 1 << 3,
    TLB_GUEST_C = 1 << 4,
    TLB_HOST_C = 1 << 5,
    TLB_NESTED_NO_EXECUTE = 1 << 6,
};

/* One entry per index, structure of arrays; index = set x ways + way. */
typedef struct cbit_tlb {
    uint32_t ways, set_mask, entries;
    uint64_t *tags; /* valid, page number, ASID: one compare decides */
    uint64_t *used;
    cbit_spa_t *pages;
    uint8_t *flags;
    uint64_t touches;
} cbit_tlb_t;

bool cbit_tlb_init(cbit_tlb_t *tlb, uint32_t entries); /* false: out of memory */
void cbit_tlb_free(cbit_tlb_t *tlb);
/* The index of a page's entry, or -1. */
int64_t cbit_tlb_find(cbit_tlb_t *tlb, cbit_gva_t gva, uint32_t asid);
void cbit_tlb_insert(cbit_tlb_t *tlb, cbit_gva_t gva, uint32_t asid, cbit_spa_t page,
                     uint8_t flags);
void cbit_tlb_drop_page(cbit_tlb_t *tlb, cbit_gva_t gva, uint32_t asid);
void cbit_tlb_drop_asid(cbit_tlb_t *tlb, uint32_t asid); /* 0: everything */

#endif
