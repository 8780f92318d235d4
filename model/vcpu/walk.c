/*
 * Translation: TLB, then the guest's tables, each of whose entries and the final address go through
 * the nested tables. Reads of tables are requests like others. The C-bit comes off a guest entry
 * before its address is looked up in the nested tables. Accessed and dirty bits are not written.
 */
#include <string.h>

#include "model/vcpu/core.h"

enum { TOP_LEVEL = 3, ENTRY_BYTES = 8 };

static uint32_t level_shift(int level)
{
    return 12 + 9 * (uint32_t)level;
}

static uint64_t entry_offset(uint64_t address, int level)
{
    return (address >> level_shift(level) & 0x1ff) * ENTRY_BYTES;
}

static cbit_step_t fault(cbit_vcpu_t *vcpu, uint32_t vector, uint64_t error, uint64_t address)
{
    vcpu->walk.active = false;
    vcpu->walk.nested.active = false;
    vcpu->fault = (cbit_fault_t){.vector = vector, .error = error, .address = address};
    return STEP_FAULT;
}

static uint64_t c_mask(const cbit_vcpu_t *vcpu)
{
    return UINT64_C(1) << vcpu->config.c_bit;
}

static cbit_step_t read_entry(cbit_vcpu_t *vcpu, cbit_spa_t spa, const cbit_access_t *access,
                              uint64_t *entry)
{
    cbit_target_t target = {.spa = spa, .key = cbit_key_of_access(access)};
    uint8_t bytes[ENTRY_BYTES];
    cbit_step_t step =
        cbit_vcpu_access(vcpu, CBIT_COMMAND_READ, target, CBIT_SOURCE_WALK, bytes, ENTRY_BYTES);
    if (step == STEP_DONE) {
        vcpu->mine->walk_reads++;
        *entry = 0;
        for (int i = ENTRY_BYTES - 1; i >= 0; i--) {
            *entry = *entry << 8 | bytes[i];
        }
    }
    return step;
}

/* ---- nested tables ---- */

/* Accesses are user accesses; reads of guest tables count as writes (APM 15.25.5). */
static uint64_t nested_error(const cbit_walk_t *walk)
{
    bool table = walk->level >= 0;
    uint64_t error = CBIT_PF_U | (table ? CBIT_NPF_TABLE : CBIT_NPF_FINAL);
    if (table || walk->intent == INTENT_WRITE) {
        error |= CBIT_PF_W;
    } else if (walk->intent == INTENT_FETCH) {
        error |= CBIT_PF_I;
    }
    return error;
}

static bool nested_allowed(const cbit_walk_t *walk, uint64_t entry)
{
    bool table = walk->level >= 0;
    bool needs_w = table || walk->intent == INTENT_WRITE;
    bool needs_x = !table && walk->intent == INTENT_FETCH;
    return (entry & CBIT_PTE_U) != 0 && (!needs_w || (entry & CBIT_PTE_W) != 0) &&
           (!needs_x || (entry & CBIT_PTE_NX) == 0);
}

static uint64_t low_mask(uint32_t shift)
{
    return (UINT64_C(1) << shift) - 1;
}

/* Translates walk->gpa to walk->nested.spa. */
static cbit_step_t nested_walk(cbit_vcpu_t *vcpu)
{
    cbit_walk_t *walk = &vcpu->walk;
    if (!walk->nested.active) {
        walk->nested.active = true;
        walk->nested.level = TOP_LEVEL;
        walk->nested.c = (vcpu->guest.ncr3 & c_mask(vcpu)) != 0;
        walk->nested.table_spa = vcpu->guest.ncr3 & CBIT_PTE_ADDRESS & ~c_mask(vcpu);
        walk->nested.writable = true;
        walk->nested.no_execute = false;
    }
    for (;;) {
        int level = walk->nested.level;
        cbit_access_t access = {.accessor = CBIT_ACCESSOR_NESTED_WALK,
                                .host_c_bit = walk->nested.c};
        uint64_t entry;
        cbit_step_t step = read_entry(vcpu, walk->nested.table_spa + entry_offset(walk->gpa, level),
                                      &access, &entry);
        if (step != STEP_DONE) {
            return step;
        }
        uint64_t error = nested_error(walk);
        if ((entry & CBIT_PTE_P) == 0) {
            return fault(vcpu, VECTOR_NPF, error, walk->gpa);
        }
        bool large = (entry & CBIT_PTE_PS) != 0 && level > 0;
        uint64_t reserved = large ? low_mask(level_shift(level)) & ~low_mask(13) : 0;
        if ((large && level == TOP_LEVEL) || (entry & reserved) != 0) {
            return fault(vcpu, VECTOR_NPF, error | CBIT_PF_P | CBIT_PF_RSVD, walk->gpa);
        }
        if (!nested_allowed(walk, entry)) {
            return fault(vcpu, VECTOR_NPF, error | CBIT_PF_P, walk->gpa);
        }
        walk->nested.c = (entry & c_mask(vcpu)) != 0;
        walk->nested.writable = walk->nested.writable && (entry & CBIT_PTE_W) != 0;
        walk->nested.no_execute = walk->nested.no_execute || (entry & CBIT_PTE_NX) != 0;
        uint64_t address = entry & CBIT_PTE_ADDRESS & ~c_mask(vcpu);
        if (level == 0 || large) {
            uint64_t inside = low_mask(level_shift(level));
            walk->nested.spa = (address & ~inside) | (walk->gpa & inside);
            walk->nested.active = false;
            return STEP_DONE;
        }
        walk->nested.table_spa = address;
        walk->nested.level = level - 1;
    }
}

/* ---- the guest's tables ---- */

static uint64_t guest_error(const cbit_vcpu_t *vcpu, cbit_intent_t intent)
{
    uint64_t error = vcpu->guest.cpl == 3 ? CBIT_PF_U : 0;
    if (intent == INTENT_WRITE) {
        error |= CBIT_PF_W;
    } else if (intent == INTENT_FETCH && (vcpu->guest.efer & CBIT_EFER_NXE) != 0) {
        error |= CBIT_PF_I;
    }
    return error;
}

/* Bits that must be zero in a present entry. */
static uint64_t reserved_bits(const cbit_vcpu_t *vcpu, int level, bool large)
{
    uint64_t reserved = CBIT_PTE_ADDRESS & ~low_mask(vcpu->config.gpa_bits);
    if (vcpu->guest.sev) {
        reserved &= ~c_mask(vcpu); /* stands above the address bits that SEV leaves */
    }
    if ((vcpu->guest.efer & CBIT_EFER_NXE) == 0) {
        reserved |= CBIT_PTE_NX;
    }
    if (level == TOP_LEVEL) {
        reserved |= CBIT_PTE_PS;
    }
    if (large) {
        reserved |= low_mask(level_shift(level)) & ~low_mask(13);
    }
    return reserved;
}

/* What the permissions of the guest's tables, or a TLB entry of them, say. */
static bool guest_allowed(const cbit_vcpu_t *vcpu, cbit_intent_t intent, bool writable, bool user,
                          bool no_execute)
{
    bool from_user = vcpu->guest.cpl == 3;
    if (from_user && !user) {
        return false;
    }
    if (intent == INTENT_WRITE && !writable &&
        (from_user || (vcpu->guest.cr0 & CBIT_CR0_WP) != 0)) {
        return false;
    }
    return intent != INTENT_FETCH || !no_execute;
}

/* Takes one entry into the walk; DONE with level -1 when it is the leaf. */
static cbit_step_t take_entry(cbit_vcpu_t *vcpu, uint64_t entry)
{
    cbit_walk_t *walk = &vcpu->walk;
    uint64_t error = guest_error(vcpu, walk->intent);
    if ((entry & CBIT_PTE_P) == 0) {
        return fault(vcpu, VECTOR_PF, error, walk->gva);
    }
    bool large = (entry & CBIT_PTE_PS) != 0 && (walk->level == 1 || walk->level == 2);
    if ((entry & reserved_bits(vcpu, walk->level, large)) != 0) {
        return fault(vcpu, VECTOR_PF, error | CBIT_PF_P | CBIT_PF_RSVD, walk->gva);
    }
    walk->writable = walk->writable && (entry & CBIT_PTE_W) != 0;
    walk->user = walk->user && (entry & CBIT_PTE_U) != 0;
    walk->no_execute = walk->no_execute || (entry & CBIT_PTE_NX) != 0;
    uint64_t address = entry & CBIT_PTE_ADDRESS;
    if (vcpu->guest.sev) {
        address &= ~c_mask(vcpu);
    }
    if (walk->level != 0 && !large) {
        walk->level--;
        walk->gpa = address + entry_offset(walk->gva, walk->level);
        return STEP_DONE;
    }
    if (!guest_allowed(vcpu, walk->intent, walk->writable, walk->user, walk->no_execute)) {
        return fault(vcpu, VECTOR_PF, error | CBIT_PF_P, walk->gva);
    }
    uint64_t inside = low_mask(level_shift(walk->level));
    walk->guest_c = vcpu->guest.sev && (entry & c_mask(vcpu)) != 0;
    walk->gpa = (address & ~inside) | (walk->gva & inside);
    walk->level = -1;
    return STEP_DONE;
}

static void begin(cbit_vcpu_t *vcpu, cbit_gva_t gva, cbit_intent_t intent)
{
    cbit_walk_t *walk = &vcpu->walk;
    *walk =
        (cbit_walk_t){.active = true, .gva = gva, .intent = intent, .writable = true, .user = true};
    if (cbit_vcpu_paged(vcpu)) {
        walk->level = TOP_LEVEL;
        uint64_t table = vcpu->guest.cr3 & CBIT_PTE_ADDRESS;
        if (vcpu->guest.sev) {
            table &= ~c_mask(vcpu);
        }
        walk->gpa = table + entry_offset(gva, TOP_LEVEL);
    } else {
        /* Flat, and without tables of the guest; what is private follows from the mode. */
        walk->level = -1;
        walk->gpa = gva;
    }
    vcpu->mine->tlb_misses++;
}

static void finish(cbit_vcpu_t *vcpu)
{
    cbit_walk_t *walk = &vcpu->walk;
    uint32_t flags = (walk->writable ? TLB_WRITABLE : 0U) | (walk->user ? TLB_USER : 0U) |
                     (walk->no_execute ? TLB_NO_EXECUTE : 0U) |
                     (walk->nested.writable ? TLB_NESTED_WRITABLE : 0U) |
                     (walk->nested.no_execute ? TLB_NESTED_NO_EXECUTE : 0U) |
                     (walk->guest_c ? TLB_GUEST_C : 0U) | (walk->nested.c ? TLB_HOST_C : 0U);
    cbit_tlb_insert(&vcpu->tlb, walk->gva, vcpu->guest.asid,
                    walk->nested.spa & ~(cbit_spa_t)(CBIT_PAGE_BYTES - 1), (uint8_t)flags);
    walk->active = false;
}

static cbit_step_t walk_on(cbit_vcpu_t *vcpu)
{
    cbit_walk_t *walk = &vcpu->walk;
    for (;;) {
        if (!walk->nested.entry_known) {
            cbit_step_t step = nested_walk(vcpu);
            if (step != STEP_DONE) {
                return step;
            }
            if (walk->level < 0) {
                finish(vcpu);
                return STEP_DONE;
            }
            walk->nested.entry_known = true;
        }
        cbit_access_t access = {.accessor = vcpu->guest.sev ? CBIT_ACCESSOR_SEV_GUEST_WALK
                                                            : CBIT_ACCESSOR_PLAIN_GUEST,
                                .asid = (uint16_t)vcpu->guest.asid,
                                .host_c_bit = walk->nested.c};
        uint64_t entry;
        cbit_step_t step = read_entry(vcpu, walk->nested.spa, &access, &entry);
        if (step != STEP_DONE) {
            return step;
        }
        walk->nested.entry_known = false;
        step = take_entry(vcpu, entry);
        if (step != STEP_DONE) {
            return step;
        }
    }
}

static cbit_accessor_t accessor_of(const cbit_vcpu_t *vcpu, cbit_intent_t intent)
{
    if (!vcpu->guest.sev) {
        return CBIT_ACCESSOR_PLAIN_GUEST;
    }
    if (!cbit_vcpu_paged(vcpu)) {
        return CBIT_ACCESSOR_SEV_UNPAGED;
    }
    return intent == INTENT_FETCH ? CBIT_ACCESSOR_SEV_FETCH : CBIT_ACCESSOR_SEV_DATA;
}

/* True if the entry permits the access; otherwise a walk finds out what is wrong now. */
static bool use_entry(cbit_vcpu_t *vcpu, int64_t i, cbit_gva_t gva, cbit_intent_t intent,
                      cbit_target_t *target)
{
    uint8_t flags = vcpu->tlb.flags[i];
    if (!guest_allowed(vcpu, intent, (flags & TLB_WRITABLE) != 0, (flags & TLB_USER) != 0,
                       (flags & TLB_NO_EXECUTE) != 0) ||
        (intent == INTENT_WRITE && (flags & TLB_NESTED_WRITABLE) == 0) ||
        (intent == INTENT_FETCH && (flags & TLB_NESTED_NO_EXECUTE) != 0)) {
        return false;
    }
    cbit_access_t access = {.accessor = accessor_of(vcpu, intent),
                            .asid = (uint16_t)vcpu->guest.asid,
                            .guest_c_bit = (flags & TLB_GUEST_C) != 0,
                            .host_c_bit = (flags & TLB_HOST_C) != 0};
    target->spa = vcpu->tlb.pages[i] | (gva & (CBIT_PAGE_BYTES - 1));
    target->key = cbit_key_of_access(&access);
    return true;
}

cbit_step_t cbit_vcpu_translate(cbit_vcpu_t *vcpu, cbit_gva_t gva, cbit_intent_t intent,
                                cbit_target_t *target)
{
    cbit_walk_t *walk = &vcpu->walk;
    if (!walk->active) {
        if (cbit_vcpu_paged(vcpu) && !cbit_vcpu_canonical(gva)) {
            return fault(vcpu, VECTOR_GP, 0, gva);
        }
        gva = cbit_vcpu_paged(vcpu) ? gva : gva & UINT32_MAX;
        int64_t i = cbit_tlb_find(&vcpu->tlb, gva, vcpu->guest.asid);
        if (i >= 0 && use_entry(vcpu, i, gva, intent, target)) {
            vcpu->mine->tlb_hits++;
            return STEP_DONE;
        }
        begin(vcpu, gva, intent);
    }
    cbit_step_t step = walk_on(vcpu);
    if (step != STEP_DONE) {
        return step;
    }
    (void)use_entry(vcpu, cbit_tlb_find(&vcpu->tlb, walk->gva, vcpu->guest.asid), walk->gva, intent,
                    target);
    return STEP_DONE;
}
