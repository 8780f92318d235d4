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

#include "cbit/base/recent.h"
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

typedef struct cbit_tlb_entry {
    uint64_t tag;  /* size, page number, ASID: one compare decides; 0: empty */
    uint64_t page; /* the page's base or the table's address; below it the flags */
} cbit_tlb_entry_t;

typedef struct cbit_tlb {
    cbit_recent_t *sets;       /* an empty way is the one used longest ago */
    cbit_tlb_entry_t *entries; /* eight to a set, used or not: index = way x sets + set */
    cbit_recent_shape_t shape; /* of all sets */
    uint32_t set_mask, set_bits, count;
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

static inline uint32_t cbit_tlb_set_of(const cbit_tlb_t *tlb, uint64_t address,
                                       cbit_page_size_t size)
{
    return (uint32_t)(address >> cbit_page_shift(size)) & tlb->set_mask;
}

/* Of those of a set that may have a tag, by their bits: the index of the one that has it, which is
   used, or -1. */
int64_t cbit_tlb_find_among(cbit_tlb_t *tlb, uint32_t set, uint64_t tag, uint64_t match);
/* The index of an entry of a set, which is used; or -1. The newest one is looked at first. */
static inline int64_t cbit_tlb_find_in(cbit_tlb_t *tlb, uint32_t set, uint64_t tag)
{
    const uint32_t newest = cbit_tlb_place(tlb, set, cbit_recent_newest(&tlb->sets[set]));
    if (tlb->entries[newest].tag == tag) {
        return newest;
    }
    const uint64_t match = cbit_ways_match(tlb->sets[set].bits, cbit_ways_bits(tag));
    return match == 0 ? -1 : cbit_tlb_find_among(tlb, set, tag, match);
}

static inline uint32_t cbit_tlb_tag_asid(uint64_t tag)
{
    return (uint32_t)tag & ((1U << TLB_ASID_BITS) - 1);
}

static inline cbit_page_size_t cbit_tlb_tag_size(uint64_t tag)
{
    return (cbit_page_size_t)((tag >> TLB_SIZE_SHIFT) - 1);
}

/* entries: a power of two, or 0: keeps nothing. False: out of memory. */
bool cbit_tlb_init(cbit_tlb_t *tlb, uint32_t entries);
void cbit_tlb_free(cbit_tlb_t *tlb);

/* The index of the entry that covers an address, or -1; *size gets the entry's. */
int64_t cbit_tlb_find(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t *size);
/* The same if it is the newest of its set and of the smallest size that there is, else -1: it stays
   as it is. */
static inline int64_t cbit_tlb_newest(const cbit_tlb_t *tlb, uint64_t address, uint32_t asid,
                                      cbit_page_size_t *size)
{
    *size = tlb->of_size[PAGE_4K] != 0 ? PAGE_4K : PAGE_2M;
    const uint32_t set = cbit_tlb_set_of(tlb, address, *size);
    const uint32_t newest = cbit_tlb_place(tlb, set, cbit_recent_newest(&tlb->sets[set]));
    return tlb->entries[newest].tag == cbit_tlb_tag(address, asid, *size) ? (int64_t)newest : -1;
}
/* What an entry of that size makes of an address in it: the page of 4 KiB, and the flags. */
static inline uint64_t cbit_tlb_piece(const cbit_tlb_t *tlb, int64_t i, uint64_t address,
                                      cbit_page_size_t size)
{
    const uint64_t inside = (UINT64_C(1) << cbit_page_shift(size)) - CBIT_PAGE_BYTES;
    return tlb->entries[i].page | (address & inside);
}
/* The address in a page of 4 KiB, as an entry has it. */
static inline cbit_spa_t cbit_tlb_address(uint64_t page, uint64_t address)
{
    return (page & ~(uint64_t)(CBIT_PAGE_BYTES - 1)) | address % CBIT_PAGE_BYTES;
}
/* page: aligned to 4 KiB. */
void cbit_tlb_insert(cbit_tlb_t *tlb, uint64_t address, uint32_t asid, cbit_page_size_t size,
                     cbit_spa_t page, uint8_t flags);
void cbit_tlb_drop_page(cbit_tlb_t *tlb, uint64_t address, uint32_t asid);
void cbit_tlb_drop_asid(cbit_tlb_t *tlb, uint32_t asid); /* 0: everything */

/* One of another size, or none (0), gives way to a tag. */
void cbit_tlb_count(cbit_tlb_t *tlb, uint64_t old, uint64_t tag);
/* An entry takes the place of what was used longest ago, in a TLB that has been asked for its tag
   in vain. page: and below it the flags. */
static inline void cbit_tlb_put(cbit_tlb_t *tlb, uint32_t set, uint64_t tag, uint64_t page)
{
    const uint32_t way = cbit_recent_turn(&tlb->sets[set], tlb->shape, cbit_ways_bits(tag));
    cbit_tlb_entry_t *entry = &tlb->entries[cbit_tlb_place(tlb, set, way)];
    if ((entry->tag ^ tag) >> TLB_SIZE_SHIFT != 0) {
        cbit_tlb_count(tlb, entry->tag, tag);
    }
    entry->tag = tag;
    entry->page = page;
}

#endif
