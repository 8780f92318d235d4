/**
 * @file
 * The bounce buffer's slots, handed out as Linux does it (kernel/dma/swiotlb.c of 6.1).
 *
 * The pool is slots of 2 KiB in segments of 128; a mapping is up to 256 KiB of slots in a row and
 * does not cross a segment. The pool is split into areas, as many as CPUs rounded up to a power of
 * two (fewer when they would be less than a segment); a CPU looks into its own area first, from
 * behind its last mapping, then into the others.
 */
#ifndef CBIT_GUEST_SWIOTLB_H
#define CBIT_GUEST_SWIOTLB_H

#include <stdbool.h>
#include <stdint.h>

enum { CBIT_SWIOTLB_SLOT_BYTES = 2048, CBIT_SWIOTLB_SEGMENT_SLOTS = 128 };

typedef struct cbit_swiotlb {
    uint32_t slots, areas, area_slots;
    uint8_t *free_run; /* of each slot: how many are free from it to its segment's end; 0: used */
    uint32_t *next;    /* of each area: where a search begins */
    uint32_t used, high_water; /* slots */
    uint64_t mappings, failures, fallovers, used_sum;
} cbit_swiotlb_t;

/* pool_bytes: a multiple of 2 KiB, at least a segment. False when memory is out. */
bool cbit_swiotlb_init(cbit_swiotlb_t *pool, uint64_t pool_bytes, uint32_t cpus);
void cbit_swiotlb_free(cbit_swiotlb_t *pool);

/*
 * A place for `bytes` of the buffer at orig_gpa: *offset within the pool has the same bits as
 * orig_gpa where min_align_mask is set, and mappings of a page or more begin at a page. False when
 * no area has that many slots in a row.
 */
bool cbit_swiotlb_map(cbit_swiotlb_t *pool, uint32_t cpu, uint64_t orig_gpa, uint32_t bytes,
                      uint32_t min_align_mask, uint64_t *offset);
/* How many slots a mapping takes. */
uint32_t cbit_swiotlb_slots_of(uint64_t offset, uint32_t bytes);
void cbit_swiotlb_unmap(cbit_swiotlb_t *pool, uint64_t offset, uint32_t bytes);

#endif
