/*
 * Translations that a core keeps. Private to model/vcpu.
 *
 * One structure serves all of them: the two TLB levels (virtual page to system physical page), the
 * nested TLB (guest physical page to system physical page) and the two walk caches (2 MiB region to
 * the last table of its walk). Tagged by ASID and page size, set-associative, LRU. A look touches
 * two lines of the host: a set's head, and the entry that it names. Entries stand way by way: of
 * sets that have few, those of neighbours share lines.
 */
#ifndef CBIT_MODEL_VCPU_TLB_H
#define CBIT_MODEL_VCPU_TLB_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/lru.h"
#include "cbit/base/ways.h"
#include "cbit/sim/txn.h"

enum {
    TLB_WRITABLE = 1 << 0, /* guest's entries */
    TLB_USER = 1 << 1,
    TLB_NO_EXECUTE = 1 << 2,
    TLB_NESTED_WRITABLE = 1 << 3,
    TLB_GUEST_C = 1 << 4, /* the two C-bits stand side by side: they number a rule's keys */
    TLB_HOST_C = 1 << 5,
    TLB_NESTED_NO_EXECUTE = 1 << 6,
    TLB_DIRTY = 1 << 7, /* D is set in every leaf that was walked: a write has none to set */
};

typedef enum cbit_page_size {
    PAGE_4K,
    PAGE_2M,
    PAGE_1G,
    PAGE_SIZES,
} cbit_page_size_t;

/* An empty way is the one used longest ago. */
typedef struct cbit_tlb_set {
    uint64_t order; /* cbit/base/lru.h */
    uint64_t bits;  /* cbit/base/ways.h */
} cbit_tlb_set_t;

typedef struct cbit_tlb_entry {
    uint64_t tag;  /* size, page number, ASID: one compare decides; 0: empty */
    uint64_t page; /* the page's base or the table's address; below it the flags */
} cbit_tlb_entry_t;

typedef struct cbit_tlb {
    cbit_tlb_set_t *sets;
    cbit_tlb_entry_t *entries; /* eight to a set, used or not: index = way x sets + set */
    uint64_t ones;             /* a 1 for each way, for cbit/base/lru.h */
    uint32_t ways, set_mask, set_bits, count;
    uint32_t of_size[PAGE_SIZES]; /* how many there are: sizes without any are not looked for */
} cbit_tlb_t;

static inline uint32_t cbit_page_shift(cbit_page_size_t size)
{
    return 12 + 9 * (uint32_t)size;
}

enum { TLB_ASID_BITS = 10, TLB_SIZE_SHIFT = 62 };

/* What an entry is found by; never 0. */
static inline uint64_t cbit_tlb_tag(uint64_t address, uint32_t asid, cbit_page_size_t size)
{
    return ((uint64_t)size + 1) << TLB_SIZE_SHIFT |
           address >> cbit_page_shift(size) << TLB_ASID_BITS | asid;
}

static inline uint32_t cbit_tlb_place(const cbit_tlb_t *tlb, uint32_t set, uint32_t way)
{
    return way << tlb->set_bits | set;
}

static inline uint8_t cbit_tlb_flags(const cbit_tlb_t *tlb, int64_t i)
{
    return (uint8_t)tlb->entries[i].page;
}
static inline cbit_spa_t cbit_tlb_page(const cbit_tlb_t *tlb, int64_t i)
{
    return tlb->entries[i].page & ~(uint64_t)(CBIT_PAGE_BYTES - 1);
}

/* An entry is used. */
static inline void cbit_tlb_use(cbit_tlb_t *tlb, uint32_t i)
{
    uint64_t *order = &tlb->sets[i & tlb->set_mask].order;
    const uint32_t way = i >> tlb->set_bits;
    if ((*order >> way * 8 & 0xff) != tlb->ways - 1) { /* else it is the last one used already */
        cbit_lru_use_of_word(order, tlb->ways, way);
    }
}

static inline uint32_t cbit_tlb_set_of(const cbit_tlb_t *tlb, uint64_t address,
                                       cbit_page_size_t size)
{
    return (uint32_t)(address >> cbit_page_shift(size)) & tlb->set_mask;
}

/* The index of an entry among those of a set, or -1. */
static inline int64_t cbit_tlb_in_set(const cbit_tlb_t *tlb, uint32_t set, uint64_t tag)
{
    uint64_t match = cbit_ways_match(tlb->sets[set].bits, cbit_ways_bits(tag));
    for (; match != 0; match &= match - 1) {
        const uint32_t i = cbit_tlb_place(tlb, set, cbit_ways_first(match));
        if (tlb->entries[i].tag == tag) {
            return i;
        }
    }
    return -1;
}

static inline uint32_t cbit_tlb_tag_asid(uint64_t tag)
{
    return (uint32_t)tag & ((1U << TLB_ASID_BITS) - 1);
}

static inline cbit_page_size_t cbit_tlb_tag_size(uint64_t tag)
{
    return (cbit_page_size_t)((tag >> TLB_SIZE_SHIFT) - 1);
}

static inline int64_t cbit_tlb_find_size(cbit_tlb_t *tlb, uint64_t address, uint32_t asid,
                                         cbit_page_size_t size)
{
    return tlb->of_size[size] == 0 ? -1
                                   : cbit_tlb_in_set(tlb, cbit_tlb_set_of(tlb, address, size),
                                                     cbit_tlb_tag(address, asid, size));
}

/* One size after the other: a loop over them takes twice as long. */
static inline int64_t cbit_tlb_find_any(cbit_tlb_t *tlb, uint64_t address, uint32_t asid,
                                        cbit_page_size_t *size)
{
    *size = PAGE_4K;
    int64_t i = cbit_tlb_find_size(tlb, address, asid, PAGE_4K);
    if (i < 0) {
        *size = PAGE_2M;
        i = cbit_tlb_find_size(tlb, address, asid, PAGE_2M);
    }
    if (i < 0) {
        *size = PAGE_1G;
        i = cbit_tlb_find_size(tlb, address, asid, PAGE_1G);
    }
    if (i >= 0) {
        cbit_tlb_use(tlb, (uint32_t)i);
    }
    return i;
}

/* The way of a set that is empty, or that was used longest ago. */
static inline uint32_t cbit_tlb_place_in(const cbit_tlb_t *tlb, uint32_t set)
{
    return cbit_tlb_place(tlb, set, cbit_lru_oldest(&tlb->sets[set].order));
}

static inline void cbit_tlb_put(cbit_tlb_t *tlb, uint32_t i, uint64_t tag, cbit_spa_t page,
                                uint8_t flags)
{
    cbit_tlb_entry_t *entry = &tlb->entries[i];
    if (entry->tag != 0) {
        tlb->of_size[cbit_tlb_tag_size(entry->tag)]--;
    }
    tlb->of_size[cbit_tlb_tag_size(tag)]++;
    entry->tag = tag;
    entry->page = page | flags;
    cbit_ways_set(&tlb->sets[i & tlb->set_mask].bits, i >> tlb->set_bits, cbit_ways_bits(tag));
    cbit_tlb_use(tlb, i);
}

/* entries: a power of two, or 0: keeps nothing. False: out of memory. */
bool cbit_tlb_init(cbit_tlb_t *tlb, uint32_t entries);
void cbit_tlb_free(cbit_tlb_t *tlb);

/* The index of the entry that covers an address, or -1; *size gets the entry's. */
int64_t cbit_tlb_find(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t *size);
/* page: aligned to 4 KiB. */
void cbit_tlb_insert(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t size,
                     cbit_spa_t page, uint8_t flags);
void cbit_tlb_drop_page(cbit_tlb_t *tlb, uint64_t address, uint32_t asid);
void cbit_tlb_drop_asid(cbit_tlb_t *tlb, uint32_t asid); /* 0: everything */

/* A piece of 4 KiB takes the place of what was used longest ago, in a TLB that has only such and
   has been asked for that tag in vain. */
static inline void cbit_tlb_take_down(cbit_tlb_t *tlb, uint32_t set, uint64_t tag, uint64_t page)
{
    cbit_tlb_set_t *head = &tlb->sets[set];
    const uint32_t way = cbit_lru_turn_word(&head->order, tlb->ones, tlb->ways);
    cbit_ways_set(&head->bits, way, cbit_ways_bits(tag));
    cbit_tlb_entry_t *entry = &tlb->entries[cbit_tlb_place(tlb, set, way)];
    if (entry->tag == 0) {
        tlb->of_size[PAGE_4K]++;
    }
    entry->tag = tag;
    entry->page = page;
}

/* Hands what a TLB has of an address down to another one, in pieces of 4 KiB, which has been asked
   for that tag in vain; if the flags that matter are as wanted. Gives page and flags as an entry
   has them; 0: it has not, or they are that. */
static inline uint64_t cbit_tlb_hand_down(cbit_tlb_t *from, cbit_tlb_t *to, uint64_t address,
                                          uint64_t tag, uint8_t matter, uint8_t want)
{
    cbit_page_size_t size;
    const int64_t i = cbit_tlb_find_any(from, address, cbit_tlb_tag_asid(tag), &size);
    if (i < 0 || (cbit_tlb_flags(from, i) & matter) != want) {
        return 0;
    }
    const uint64_t inside = (UINT64_C(1) << cbit_page_shift(size)) - CBIT_PAGE_BYTES;
    const uint64_t page = from->entries[i].page | (address & inside);
    if (page != 0) {
        cbit_tlb_take_down(to, cbit_tlb_set_of(to, address, PAGE_4K), tag, page);
    }
    return page;
}

#endif
