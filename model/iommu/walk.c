/* From a device's address to memory: device table, page tables, IOTLB. */
#include <string.h>

#include "model/iommu/state.h"

enum { LEVELS_MAX = 6, LEAF = 0, LEAF_SIZED = 7 };

cbit_iotlb_entry_t *cbit_iotlb_find(cbit_iommu_t *iommu, uint32_t device, uint64_t address)
{
    for (uint32_t i = 0; i < iommu->config.iotlb_entries; i++) {
        cbit_iotlb_entry_t *entry = &iommu->iotlb[i];
        if (entry->valid && entry->device == device && entry->page == address >> entry->shift) {
            entry->used = ++iommu->touches;
            return entry;
        }
    }
    return NULL;
}

void cbit_iotlb_insert(cbit_iommu_t *iommu, const cbit_iotlb_entry_t *entry)
{
    cbit_iotlb_entry_t *best = &iommu->iotlb[0];
    for (uint32_t i = 0; i < iommu->config.iotlb_entries; i++) {
        cbit_iotlb_entry_t *each = &iommu->iotlb[i];
        if (!each->valid) {
            best = each;
            break;
        }
        best = each->used < best->used ? each : best;
    }
    *best = *entry;
    best->valid = true;
    best->used = ++iommu->touches;
}

/* ---- ways to tables ---- */

/* The lowest table on the way to an address that is known, below `level`; NULL: none. */
static const cbit_iodirectory_t *known_table(cbit_iommu_t *iommu, const cbit_iommu_step_t *step,
                                             uint32_t level)
{
    cbit_iodirectory_t *best = NULL;
    for (uint32_t i = 0; i < iommu->config.directory_entries; i++) {
        cbit_iodirectory_t *way = &iommu->directory[i];
        if (way->valid && way->device == step->device && way->level < level &&
            way->prefix == step->address >> (12 + 9 * way->level)) {
            level = way->level;
            best = way;
        }
    }
    if (best != NULL) {
        best->used = ++iommu->touches;
    }
    return best;
}

static void remember_table(cbit_iommu_t *iommu, const cbit_iommu_step_t *step, uint32_t level,
                           uint64_t table)
{
    cbit_iodirectory_t *best = &iommu->directory[0];
    const uint64_t prefix = step->address >> (12 + 9 * level);
    for (uint32_t i = 0; i < iommu->config.directory_entries; i++) {
        cbit_iodirectory_t *way = &iommu->directory[i];
        if (way->valid && way->device == step->device && way->level == level &&
            way->prefix == prefix) {
            return; /* another walk has come by */
        }
        bool older = best->valid && (!way->valid || way->used < best->used);
        best = older ? way : best;
    }
    if (iommu->config.directory_entries != 0) {
        *best = (cbit_iodirectory_t){.valid = true,
                                     .device = step->device,
                                     .level = level,
                                     .prefix = prefix,
                                     .table = table,
                                     .readable = step->readable,
                                     .writable = step->writable,
                                     .used = ++iommu->touches};
    }
}

/* ---- steps ---- */

static cbit_iommu_next_t fail(cbit_iommu_fault_kind_t *fault, cbit_iommu_fault_kind_t kind)
{
    *fault = kind;
    return IOMMU_FAULT;
}

/* A table of that level: its entry for the address comes next. */
static cbit_iommu_next_t descend(const cbit_iommu_t *iommu, cbit_iommu_step_t *step, uint32_t level,
                                 uint64_t table)
{
    uint32_t shift = 12 + 9 * (level - 1);
    step->level = level;
    step->read_c = (table & iommu->c_mask) != 0;
    step->read_spa = (table & CBIT_IOPTE_ADDRESS & ~iommu->c_mask) +
                     (step->address >> shift & 0x1ff) * sizeof(uint64_t);
    return IOMMU_READ;
}

/* As it is: the address names memory, its C-bit the key. */
static cbit_iommu_next_t untranslated(const cbit_iommu_t *iommu, cbit_iommu_step_t *step)
{
    step->page = (cbit_iotlb_entry_t){.shift = 0,
                                      .spa = step->address & ~iommu->c_mask,
                                      .host_c = (step->address & iommu->c_mask) != 0};
    return IOMMU_DONE;
}

static cbit_iommu_next_t permitted(cbit_iommu_step_t *step, cbit_iommu_fault_kind_t *fault)
{
    bool allowed = step->write ? step->page.writable : step->page.readable;
    return allowed ? IOMMU_DONE : fail(fault, CBIT_IOMMU_FAULT_PERMISSION);
}

static cbit_iommu_next_t take_device(cbit_iommu_t *iommu, cbit_iommu_step_t *step,
                                     cbit_iommu_fault_kind_t *fault)
{
    uint64_t entry = iommu->devices[step->device].entry;
    uint32_t mode = entry >> CBIT_DTE_MODE_SHIFT & 7;
    if ((entry & CBIT_DTE_V) == 0) {
        return untranslated(iommu, step);
    }
    if ((entry & CBIT_DTE_TV) == 0) {
        return fail(fault, CBIT_IOMMU_FAULT_DEVICE);
    }
    step->readable = (entry & CBIT_DTE_IR) != 0;
    step->writable = (entry & CBIT_DTE_IW) != 0;
    if (mode == 0) {
        (void)untranslated(iommu, step);
        step->page.readable = step->readable;
        step->page.writable = step->writable;
        return permitted(step, fault);
    }
    uint32_t reach = 12 + 9 * mode;
    if (mode > LEVELS_MAX || (reach < 64 && step->address >> reach != 0)) {
        return fail(fault, CBIT_IOMMU_FAULT_RESERVED);
    }
    const cbit_iodirectory_t *way = known_table(iommu, step, mode);
    if (way == NULL) {
        return descend(iommu, step, mode, entry & CBIT_DTE_ROOT);
    }
    step->readable = way->readable;
    step->writable = way->writable;
    return descend(iommu, step, way->level, way->table);
}

/* A leaf of 2^shift bytes. */
static cbit_iommu_next_t take_leaf(cbit_iommu_t *iommu, cbit_iommu_step_t *step, uint32_t shift,
                                   uint64_t address, cbit_iommu_fault_kind_t *fault)
{
    step->page = (cbit_iotlb_entry_t){
        .device = step->device,
        .shift = shift,
        .page = step->address >> shift,
        .spa = (address & ~iommu->c_mask) >> shift << shift,
        .host_c = (address & iommu->c_mask) != 0,
        .readable = step->readable,
        .writable = step->writable,
    };
    cbit_iotlb_insert(iommu, &step->page);
    return permitted(step, fault);
}

cbit_iommu_next_t cbit_iommu_take(cbit_iommu_t *iommu, cbit_iommu_step_t *step, uint64_t entry,
                                  cbit_iommu_fault_kind_t *fault)
{
    if (step->level == 0) {
        iommu->devices[step->device].entry = entry;
        iommu->devices[step->device].entry_known = true;
        return take_device(iommu, step, fault);
    }
    if ((entry & CBIT_IOPTE_PR) == 0) {
        return fail(fault, CBIT_IOMMU_FAULT_PRESENT);
    }
    uint32_t next = entry >> CBIT_IOPTE_NEXT_SHIFT & 7;
    uint32_t shift = 12 + 9 * (step->level - 1);
    uint64_t address = entry & CBIT_IOPTE_ADDRESS;
    step->readable = step->readable && (entry & CBIT_IOPTE_IR) != 0;
    step->writable = step->writable && (entry & CBIT_IOPTE_IW) != 0;
    if (next == LEAF) {
        return take_leaf(iommu, step, shift, address, fault);
    }
    if (next == LEAF_SIZED) {
        /* The lowest clear bit of the address, C-bit aside, gives the size: twice that bit. */
        uint64_t ones = ~((address & ~iommu->c_mask) >> 12);
        uint32_t sized = 12 + (uint32_t)__builtin_ctzll(ones) + 1;
        return sized > shift + 9 || sized <= shift ? fail(fault, CBIT_IOMMU_FAULT_RESERVED)
                                                   : take_leaf(iommu, step, sized, address, fault);
    }
    /* Levels only lead down, so tables that loop end all the same; those left out are all zero. */
    if (next >= step->level) {
        return fail(fault, CBIT_IOMMU_FAULT_RESERVED);
    }
    uint32_t reach = 12 + 9 * next;
    uint64_t skipped = (step->address & ((UINT64_C(1) << shift) - 1)) >> reach;
    if (skipped != 0) {
        return fail(fault, CBIT_IOMMU_FAULT_RESERVED);
    }
    remember_table(iommu, step, next, address);
    return descend(iommu, step, next, address);
}

cbit_iommu_next_t cbit_iommu_begin(cbit_iommu_t *iommu, cbit_iommu_step_t *step,
                                   cbit_iommu_fault_kind_t *fault)
{
    if (iommu->table_entries == 0) {
        return untranslated(iommu, step);
    }
    if (step->device >= iommu->table_entries) {
        return fail(fault, CBIT_IOMMU_FAULT_DEVICE);
    }
    const cbit_iotlb_entry_t *known = cbit_iotlb_find(iommu, step->device, step->address);
    if (known != NULL) {
        step->page = *known;
        iommu->stats.iotlb_hits++;
        return permitted(step, fault);
    }
    if (iommu->devices[step->device].entry_known) {
        return take_device(iommu, step, fault);
    }
    step->level = 0;
    step->read_c = (iommu->table_spa & iommu->c_mask) != 0;
    step->read_spa =
        (iommu->table_spa & ~iommu->c_mask) + (uint64_t)step->device * CBIT_IOMMU_DTE_BYTES;
    return IOMMU_READ;
}
