#include "workloads/guest/swiotlb.h"

#include <stdlib.h>

enum { SLOT = CBIT_SWIOTLB_SLOT_BYTES, SEGMENT = CBIT_SWIOTLB_SEGMENT_SLOTS, PAGE = 4096 };

static uint32_t areas_for(uint32_t slots, uint32_t cpus)
{
    uint32_t areas = 1;
    while (areas < cpus) {
        areas *= 2;
    }
    while (areas > 1 && slots < areas * SEGMENT) {
        areas /= 2;
    }
    return areas;
}

bool cbit_swiotlb_init(cbit_swiotlb_t *pool, uint64_t pool_bytes, uint32_t cpus)
{
    uint32_t slots = (uint32_t)(pool_bytes / SLOT);
    uint32_t areas = areas_for(slots, cpus);
    uint32_t area_slots = slots / areas / SEGMENT * SEGMENT;
    *pool = (cbit_swiotlb_t){.slots = areas * area_slots, .areas = areas, .area_slots = area_slots};
    pool->free_run = malloc((size_t)pool->slots + 1);
    pool->next = calloc(areas, sizeof *pool->next);
    for (uint32_t i = 0; pool->free_run != NULL && i < pool->slots; i++) {
        pool->free_run[i] = (uint8_t)(SEGMENT - i % SEGMENT);
    }
    return pool->free_run != NULL && pool->next != NULL;
}

void cbit_swiotlb_free(cbit_swiotlb_t *pool)
{
    free(pool->free_run);
    free(pool->next);
    *pool = (cbit_swiotlb_t){0};
}

/* Bytes of the first slot that the mapping leaves out, so that the low bits agree. */
static uint32_t lead_of(uint64_t gpa, uint32_t min_align_mask)
{
    return (uint32_t)(gpa & min_align_mask & (SLOT - 1));
}

static void take(cbit_swiotlb_t *pool, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        pool->free_run[i] = 0;
    }
    for (uint32_t i = first; i % SEGMENT != 0 && pool->free_run[i - 1] != 0; i--) {
        pool->free_run[i - 1] = (uint8_t)(first - (i - 1));
    }
    pool->used += count;
    pool->high_water = pool->used > pool->high_water ? pool->used : pool->high_water;
}

/* The first slot of `count` free ones in a row within the area; UINT32_MAX: none. */
static uint32_t find(cbit_swiotlb_t *pool, uint32_t area, uint32_t count, uint64_t gpa,
                     uint32_t slot_mask, uint32_t stride)
{
    uint32_t base = area * pool->area_slots;
    uint32_t start = pool->next[area] / stride * stride;
    for (uint32_t tried = 0; tried < pool->area_slots; tried++) {
        uint32_t at = (start + tried) % pool->area_slots;
        uint32_t slot = base + at;
        bool aligned =
            at % stride == 0 && (((uint64_t)slot * SLOT) & slot_mask) == (gpa & slot_mask);
        if (aligned && pool->free_run[slot] >= count) {
            pool->next[area] = at + count < pool->area_slots ? at + count : 0;
            return slot;
        }
    }
    return UINT32_MAX;
}

bool cbit_swiotlb_map(cbit_swiotlb_t *pool, uint32_t cpu, uint64_t orig_gpa, uint32_t bytes,
                      uint32_t min_align_mask, uint64_t *offset)
{
    uint32_t lead = lead_of(orig_gpa, min_align_mask);
    uint32_t count = (lead + bytes + SLOT - 1) / SLOT;
    uint32_t slot_mask = min_align_mask & ~(uint32_t)(SLOT - 1);
    uint32_t stride = bytes >= PAGE && slot_mask == 0 ? PAGE / SLOT : 1;
    for (uint32_t i = 0; count <= SEGMENT && i < pool->areas; i++) {
        uint32_t area = (cpu + i) % pool->areas;
        uint32_t slot = find(pool, area, count, orig_gpa, slot_mask, stride);
        if (slot != UINT32_MAX) {
            take(pool, slot, count);
            pool->mappings++;
            pool->fallovers += i > 0;
            pool->used_sum += pool->used;
            *offset = (uint64_t)slot * SLOT + lead;
            return true;
        }
    }
    pool->failures++;
    return false;
}

uint32_t cbit_swiotlb_slots_of(uint64_t offset, uint32_t bytes)
{
    return (uint32_t)((offset % SLOT + bytes + SLOT - 1) / SLOT);
}

void cbit_swiotlb_unmap(cbit_swiotlb_t *pool, uint64_t offset, uint32_t bytes)
{
    uint32_t first = (uint32_t)(offset / SLOT);
    uint32_t count = cbit_swiotlb_slots_of(offset, bytes);
    uint32_t end = first + count;
    uint32_t behind = end % SEGMENT == 0 || end == pool->slots ? 0 : pool->free_run[end];
    for (uint32_t i = end; i > first; i--) {
        pool->free_run[i - 1] = (uint8_t)++behind;
    }
    for (uint32_t i = first; i % SEGMENT != 0 && pool->free_run[i - 1] != 0; i--) {
        pool->free_run[i - 1] = (uint8_t)++behind;
    }
    pool->used -= count;
}
