/*
 * The nested tables: guest physical to system physical addresses, with a nested TLB and a cache of
 * last tables. The C-bit of nCR3 and of each entry says whether what it points at is read under the
 * host's key. Accessed and dirty bits are set as in the guest's tables; the way to a guest's table
 * is a write (APM volume 2, 15.25.5), which makes its nested leaf dirty.
 */
#include "model/vcpu/walk.h"

static bool writes(const cbit_walk_t *walk)
{
    return walk->level >= 0 || walk->intent == INTENT_WRITE;
}

/* Accesses are user accesses; reads of guest tables count as writes (APM 15.25.5). */
static uint64_t nested_error(const cbit_walk_t *walk)
{
    bool table = walk->level >= 0;
    uint64_t error = CBIT_PF_U | (table ? CBIT_NPF_TABLE : CBIT_NPF_FINAL);
    if (writes(walk)) {
        error |= CBIT_PF_W;
    } else if (walk->intent == INTENT_FETCH) {
        error |= CBIT_PF_I;
    }
    return error;
}

static bool nested_allowed(const cbit_walk_t *walk, uint64_t entry)
{
    bool table = walk->level >= 0;
    bool needs_x = !table && walk->intent == INTENT_FETCH;
    return (entry & CBIT_PTE_U) != 0 && (!writes(walk) || (entry & CBIT_PTE_W) != 0) &&
           (!needs_x || (entry & CBIT_PTE_NX) == 0);
}

/* The nested TLB has it, with all rights that are needed. */
static bool nested_known(cbit_vcpu_t *vcpu)
{
    cbit_walk_t *walk = &vcpu->walk;
    cbit_page_size_t size;
    int64_t i = cbit_tlb_find(&vcpu->tlb.nested, walk->gpa, vcpu->guest.asid, &size);
    if (i < 0) {
        return false;
    }
    uint8_t flags = cbit_tlb_flags(&vcpu->tlb.nested, i);
    uint64_t rights = CBIT_PTE_U | ((flags & TLB_NESTED_WRITABLE) != 0 ? CBIT_PTE_W : 0) |
                      ((flags & TLB_NESTED_NO_EXECUTE) != 0 ? CBIT_PTE_NX : 0);
    if (!nested_allowed(walk, rights) || (writes(walk) && (flags & TLB_DIRTY) == 0)) {
        return false;
    }
    walk->nested.spa =
        cbit_tlb_page(&vcpu->tlb.nested, i) | (walk->gpa & cbit_low_mask(cbit_page_shift(size)));
    walk->nested.size = size;
    walk->nested.c = (flags & TLB_HOST_C) != 0;
    walk->nested.writable = (flags & TLB_NESTED_WRITABLE) != 0;
    walk->nested.no_execute = (flags & TLB_NESTED_NO_EXECUTE) != 0;
    walk->nested.dirty = (flags & TLB_DIRTY) != 0;
    return true;
}

uint8_t cbit_nested_flags(const cbit_walk_t *walk)
{
    return (uint8_t)((walk->nested.writable ? TLB_NESTED_WRITABLE : 0U) |
                     (walk->nested.no_execute ? TLB_NESTED_NO_EXECUTE : 0U) |
                     (walk->nested.c ? TLB_HOST_C : 0U));
}

/* At the root, or at the last table if a walk cache knows it. */
static void nested_begin(cbit_vcpu_t *vcpu)
{
    cbit_walk_t *walk = &vcpu->walk;
    walk->nested.active = true;
    cbit_page_size_t size;
    int64_t i = cbit_tlb_find(&vcpu->tlb.nested_tables, walk->gpa, vcpu->guest.asid, &size);
    if (i >= 0) {
        uint8_t flags = cbit_tlb_flags(&vcpu->tlb.nested_tables, i);
        walk->nested.level = 0;
        walk->nested.table_spa = cbit_tlb_page(&vcpu->tlb.nested_tables, i);
        walk->nested.c = (flags & TLB_HOST_C) != 0;
        walk->nested.writable = (flags & TLB_NESTED_WRITABLE) != 0;
        walk->nested.no_execute = (flags & TLB_NESTED_NO_EXECUTE) != 0;
        return;
    }
    walk->nested.level = TOP_LEVEL;
    walk->nested.c = (vcpu->guest.ncr3 & cbit_c_mask(vcpu)) != 0;
    walk->nested.table_spa = vcpu->guest.ncr3 & CBIT_PTE_ADDRESS & ~cbit_c_mask(vcpu);
    walk->nested.writable = true;
    walk->nested.no_execute = false;
}

/* Whether a nested entry lets the walk pass. */
static cbit_step_t admit_nested_entry(cbit_vcpu_t *vcpu, uint64_t entry)
{
    const cbit_walk_t *walk = &vcpu->walk;
    int level = walk->nested.level;
    uint64_t error = nested_error(walk);
    if ((entry & CBIT_PTE_P) == 0) {
        return cbit_walk_fault(vcpu, VECTOR_NPF, error, walk->gpa);
    }
    bool large = (entry & CBIT_PTE_PS) != 0 && level > 0;
    uint64_t reserved = large ? cbit_low_mask(cbit_level_shift(level)) & ~cbit_low_mask(13) : 0;
    if ((large && level == TOP_LEVEL) || (entry & reserved) != 0) {
        return cbit_walk_fault(vcpu, VECTOR_NPF, error | CBIT_PF_P | CBIT_PF_RSVD, walk->gpa);
    }
    if (!nested_allowed(walk, entry)) {
        return cbit_walk_fault(vcpu, VECTOR_NPF, error | CBIT_PF_P, walk->gpa);
    }
    return STEP_DONE;
}

static bool is_nested_leaf(const cbit_walk_t *walk, uint64_t entry)
{
    return walk->nested.level == 0 || (entry & CBIT_PTE_PS) != 0;
}

/* Takes one nested entry into the walk. The leaf ends it. */
static void take_nested_entry(cbit_vcpu_t *vcpu, uint64_t entry)
{
    cbit_walk_t *walk = &vcpu->walk;
    int level = walk->nested.level;
    walk->nested.c = (entry & cbit_c_mask(vcpu)) != 0;
    walk->nested.writable = walk->nested.writable && (entry & CBIT_PTE_W) != 0;
    walk->nested.no_execute = walk->nested.no_execute || (entry & CBIT_PTE_NX) != 0;
    uint64_t address = entry & CBIT_PTE_ADDRESS & ~cbit_c_mask(vcpu);
    if (is_nested_leaf(walk, entry)) {
        uint64_t inside = cbit_low_mask(cbit_level_shift(level));
        walk->nested.spa = (address & ~inside) | (walk->gpa & inside);
        walk->nested.size = (cbit_page_size_t)level;
        walk->nested.active = false;
        walk->nested.dirty = (entry & CBIT_PTE_D) != 0;
        cbit_tlb_insert(&vcpu->tlb.nested, walk->gpa, vcpu->guest.asid, walk->nested.size,
                        address & ~inside,
                        (uint8_t)(cbit_nested_flags(walk) | (walk->nested.dirty ? TLB_DIRTY : 0U)));
        return;
    }
    walk->nested.table_spa = address;
    walk->nested.level = level - 1;
    if (level == 1) {
        cbit_tlb_insert(&vcpu->tlb.nested_tables, walk->gpa, vcpu->guest.asid, PAGE_2M, address,
                        cbit_nested_flags(walk));
    }
}

/* Translates walk->gpa to walk->nested.spa. */
cbit_step_t cbit_nested_walk(cbit_vcpu_t *vcpu)
{
    cbit_walk_t *walk = &vcpu->walk;
    if (!walk->nested.active) {
        if (nested_known(vcpu)) {
            return STEP_DONE;
        }
        nested_begin(vcpu);
    }
    while (walk->nested.active) {
        cbit_access_t access = {.accessor = CBIT_ACCESSOR_NESTED_WALK,
                                .host_c_bit = walk->nested.c};
        cbit_spa_t spa = walk->nested.table_spa + cbit_entry_offset(walk->gpa, walk->nested.level);
        uint64_t entry;
        bool changed = false;
        cbit_step_t step = cbit_walk_read(vcpu, spa, &access, &entry);
        if (step == STEP_DONE) {
            step = admit_nested_entry(vcpu, entry);
        }
        if (step == STEP_DONE) {
            bool dirties = writes(walk) && is_nested_leaf(walk, entry);
            step = cbit_walk_mark(vcpu, spa, &access, CBIT_PTE_A | (dirties ? CBIT_PTE_D : 0),
                                  &entry, &changed);
        }
        if (step != STEP_DONE) {
            return step;
        }
        if (!changed) {
            take_nested_entry(vcpu, entry);
        }
    }
    return STEP_DONE;
}
