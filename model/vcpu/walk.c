/*
 * Translation: TLB, then the guest's tables, each of whose entries and the final address go through
 * the nested tables. Reads of tables are requests like others. The C-bit comes off a guest entry
 * before its address is looked up in the nested tables. An access sets the accessed bit of every
 * entry that it passes and, writing, the dirty bit of the leaf (APM volume 2, 5.4.2), where they
 * are clear.
 */
#include <stddef.h>

#include "model/vcpu/walk.h"

cbit_step_t cbit_walk_fault(cbit_vcpu_t *vcpu, uint32_t vector, uint64_t error, uint64_t address)
{
    vcpu->walk.active = false;
    vcpu->walk.nested.active = false;
    vcpu->fault = (cbit_fault_t){.vector = vector, .error = error, .address = address};
    return STEP_FAULT;
}

enum { ENTRY_BYTES = 8 };

static uint64_t entry_of(const uint8_t bytes[ENTRY_BYTES])
{
    uint64_t entry = 0;
    for (int i = ENTRY_BYTES - 1; i >= 0; i--) {
        entry = entry << 8 | bytes[i];
    }
    return entry;
}

cbit_step_t cbit_walk_read(cbit_vcpu_t *vcpu, cbit_spa_t spa, const cbit_access_t *access,
                           uint64_t *entry)
{
    if (vcpu->walk.mark.active) {
        *entry = vcpu->walk.mark.entry;
        return STEP_DONE;
    }
    cbit_target_t target = {.spa = spa, .key = cbit_key_of_access(access)};
    uint8_t bytes[ENTRY_BYTES];
    cbit_step_t step =
        cbit_vcpu_access(vcpu, CBIT_COMMAND_READ, target, CBIT_SOURCE_WALK, bytes, ENTRY_BYTES);
    if (step == STEP_DONE) {
        vcpu->mine->walk_reads++;
        *entry = entry_of(bytes);
    }
    return step;
}

cbit_step_t cbit_walk_mark(cbit_vcpu_t *vcpu, cbit_spa_t spa, const cbit_access_t *access,
                           uint64_t bits, uint64_t *entry, bool *changed)
{
    cbit_walk_t *walk = &vcpu->walk;
    *changed = false;
    if ((*entry & bits) == bits) {
        return STEP_DONE;
    }
    walk->mark.active = true;
    walk->mark.entry = *entry;
    const cbit_target_t target = {.spa = spa, .key = cbit_key_of_access(access)};
    uint8_t bytes[2 * ENTRY_BYTES];
    for (int i = 0; i < ENTRY_BYTES; i++) {
        bytes[i] = (uint8_t)((*entry | bits) >> (8 * i));
        bytes[ENTRY_BYTES + i] = (uint8_t)(*entry >> (8 * i));
    }
    cbit_step_t step = cbit_vcpu_exchange(vcpu, target, CBIT_SOURCE_WALK, bytes);
    if (step == STEP_DONE) {
        walk->mark.active = false;
        *changed = entry_of(bytes + ENTRY_BYTES) != *entry;
        *entry |= bits;
        vcpu->mine->walk_writes += *changed ? 0 : 1;
    }
    return step;
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
    uint64_t reserved = CBIT_PTE_ADDRESS & ~cbit_low_mask(vcpu->config.gpa_bits);
    if (vcpu->guest.sev) {
        reserved &= ~cbit_c_mask(vcpu); /* stands above the address bits that SEV leaves */
    }
    if ((vcpu->guest.efer & CBIT_EFER_NXE) == 0) {
        reserved |= CBIT_PTE_NX;
    }
    if (level == TOP_LEVEL) {
        reserved |= CBIT_PTE_PS;
    }
    if (large) {
        reserved |= cbit_low_mask(cbit_level_shift(level)) & ~cbit_low_mask(13);
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

static uint8_t guest_flags(const cbit_walk_t *walk)
{
    return (uint8_t)((walk->writable ? TLB_WRITABLE : 0U) | (walk->user ? TLB_USER : 0U) |
                     (walk->no_execute ? TLB_NO_EXECUTE : 0U) | (walk->guest_c ? TLB_GUEST_C : 0U));
}

static bool is_leaf(const cbit_walk_t *walk, uint64_t entry)
{
    return walk->level == 0 || ((entry & CBIT_PTE_PS) != 0 && walk->level < TOP_LEVEL);
}

/* Whether an entry lets the walk pass. */
static cbit_step_t admit_entry(cbit_vcpu_t *vcpu, uint64_t entry)
{
    const cbit_walk_t *walk = &vcpu->walk;
    uint64_t error = guest_error(vcpu, walk->intent);
    if ((entry & CBIT_PTE_P) == 0) {
        return cbit_walk_fault(vcpu, VECTOR_PF, error, walk->gva);
    }
    bool leaf = is_leaf(walk, entry);
    if ((entry & reserved_bits(vcpu, walk->level, leaf && walk->level != 0)) != 0) {
        return cbit_walk_fault(vcpu, VECTOR_PF, error | CBIT_PF_P | CBIT_PF_RSVD, walk->gva);
    }
    if (leaf && !guest_allowed(vcpu, walk->intent, walk->writable && (entry & CBIT_PTE_W) != 0,
                               walk->user && (entry & CBIT_PTE_U) != 0,
                               walk->no_execute || (entry & CBIT_PTE_NX) != 0)) {
        return cbit_walk_fault(vcpu, VECTOR_PF, error | CBIT_PF_P, walk->gva);
    }
    return STEP_DONE;
}

/* Takes one entry into the walk; level -1 when it was the leaf. */
static void take_entry(cbit_vcpu_t *vcpu, uint64_t entry)
{
    cbit_walk_t *walk = &vcpu->walk;
    walk->writable = walk->writable && (entry & CBIT_PTE_W) != 0;
    walk->user = walk->user && (entry & CBIT_PTE_U) != 0;
    walk->no_execute = walk->no_execute || (entry & CBIT_PTE_NX) != 0;
    uint64_t address = entry & CBIT_PTE_ADDRESS;
    if (vcpu->guest.sev) {
        address &= ~cbit_c_mask(vcpu);
    }
    if (!is_leaf(walk, entry)) {
        walk->level--;
        walk->gpa = address + cbit_entry_offset(walk->gva, walk->level);
        if (walk->level == 0) {
            cbit_tlb_insert(&vcpu->tlb.guest_tables, walk->gva, vcpu->guest.asid, PAGE_2M, address,
                            guest_flags(walk));
        }
        return;
    }
    uint64_t inside = cbit_low_mask(cbit_level_shift(walk->level));
    walk->size = (cbit_page_size_t)walk->level;
    walk->guest_c = vcpu->guest.sev && (entry & cbit_c_mask(vcpu)) != 0;
    walk->gpa = (address & ~inside) | (walk->gva & inside);
    walk->dirty = (entry & CBIT_PTE_D) != 0;
    walk->level = -1;
}

/* At the guest's last table, if a walk cache knows it. */
static bool begin_near(cbit_vcpu_t *vcpu)
{
    cbit_walk_t *walk = &vcpu->walk;
    cbit_page_size_t size;
    int64_t i = cbit_tlb_find(&vcpu->tlb.guest_tables, walk->gva, vcpu->guest.asid, &size);
    if (i < 0) {
        return false;
    }
    uint8_t flags = cbit_tlb_flags(&vcpu->tlb.guest_tables, i);
    walk->writable = (flags & TLB_WRITABLE) != 0;
    walk->user = (flags & TLB_USER) != 0;
    walk->no_execute = (flags & TLB_NO_EXECUTE) != 0;
    walk->level = 0;
    walk->gpa = cbit_tlb_page(&vcpu->tlb.guest_tables, i) + cbit_entry_offset(walk->gva, 0);
    return true;
}

static void begin(cbit_vcpu_t *vcpu, cbit_gva_t gva, cbit_intent_t intent)
{
    cbit_walk_t *walk = &vcpu->walk;
    *walk = (cbit_walk_t){.active = true,
                          .gva = gva,
                          .intent = intent,
                          .writable = true,
                          .user = true,
                          .size = PAGE_1G};
    vcpu->mine->tlb_misses++;
    if (!cbit_vcpu_paged(vcpu)) {
        /* Flat, and without tables of the guest; what is private follows from the mode. */
        walk->level = -1;
        walk->gpa = gva;
        walk->dirty = true;
        return;
    }
    if (begin_near(vcpu)) {
        return;
    }
    walk->level = TOP_LEVEL;
    uint64_t table = vcpu->guest.cr3 & CBIT_PTE_ADDRESS;
    if (vcpu->guest.sev) {
        table &= ~cbit_c_mask(vcpu);
    }
    walk->gpa = table + cbit_entry_offset(gva, TOP_LEVEL);
}

static uint8_t all_flags(const cbit_walk_t *walk)
{
    return (uint8_t)(guest_flags(walk) | cbit_nested_flags(walk) |
                     (walk->dirty && walk->nested.dirty ? TLB_DIRTY : 0U));
}

/* The translation holds for the smaller of the guest's page and the host's. */
static void finish(cbit_vcpu_t *vcpu)
{
    cbit_walk_t *walk = &vcpu->walk;
    cbit_page_size_t size = walk->size < walk->nested.size ? walk->size : walk->nested.size;
    uint8_t flags = all_flags(walk);
    cbit_tlb_insert(&vcpu->tlb.l2, walk->gva, vcpu->guest.asid, size,
                    walk->nested.spa & ~cbit_low_mask(cbit_page_shift(size)), flags);
    cbit_tlb_insert(walk->intent == INTENT_FETCH ? &vcpu->tlb.l1i : &vcpu->tlb.l1d, walk->gva,
                    vcpu->guest.asid, PAGE_4K, walk->nested.spa & ~cbit_low_mask(12), flags);
    walk->active = false;
}

static cbit_step_t walk_on(cbit_vcpu_t *vcpu)
{
    cbit_walk_t *walk = &vcpu->walk;
    for (;;) {
        if (!walk->nested.entry_known) {
            cbit_step_t step = cbit_nested_walk(vcpu);
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
        bool changed = false;
        cbit_step_t step = cbit_walk_read(vcpu, walk->nested.spa, &access, &entry);
        if (step == STEP_DONE) {
            step = admit_entry(vcpu, entry);
        }
        if (step == STEP_DONE) {
            bool dirties = walk->intent == INTENT_WRITE && is_leaf(walk, entry);
            step = cbit_walk_mark(vcpu, walk->nested.spa, &access,
                                  CBIT_PTE_A | (dirties ? CBIT_PTE_D : 0), &entry, &changed);
        }
        if (step != STEP_DONE) {
            return step;
        }
        if (!changed) {
            walk->nested.entry_known = false;
            take_entry(vcpu, entry);
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

static void set_rule(cbit_vcpu_t *vcpu, cbit_intent_t intent)
{
    struct cbit_rule *rule = &vcpu->rules[intent];
    bool from_user = vcpu->guest.cpl == 3;
    rule->want = from_user ? TLB_USER : 0;
    if (intent == INTENT_WRITE) {
        bool guarded = from_user || (vcpu->guest.cr0 & CBIT_CR0_WP) != 0;
        rule->want |= TLB_NESTED_WRITABLE | TLB_DIRTY | (guarded ? TLB_WRITABLE : 0);
    }
    rule->matter = rule->want;
    if (intent == INTENT_FETCH) {
        rule->matter |= TLB_NO_EXECUTE | TLB_NESTED_NO_EXECUTE;
    }
    for (uint32_t c = 0; c < 4; c++) {
        cbit_access_t access = {.accessor = accessor_of(vcpu, intent),
                                .asid = (uint16_t)vcpu->guest.asid,
                                .guest_c_bit = (c & 1) != 0,
                                .host_c_bit = (c & 2) != 0};
        rule->keys[c] = cbit_key_of_access(&access);
    }
}

void cbit_vcpu_set_rules(cbit_vcpu_t *vcpu)
{
    vcpu->private_key = vcpu->guest.sev ? vcpu->guest.asid : UINT32_MAX;
    vcpu->paged_quick = cbit_vcpu_paged(vcpu) && vcpu->parts.memory.quick != NULL;
    set_rule(vcpu, INTENT_READ);
    set_rule(vcpu, INTENT_WRITE);
    set_rule(vcpu, INTENT_FETCH);
}

/* True if an entry permits the access; otherwise a walk finds out what is wrong now. */
static bool flags_allow(const cbit_vcpu_t *vcpu, uint8_t flags, cbit_intent_t intent)
{
    return cbit_rule_allows(&vcpu->rules[intent], flags);
}

static void use(const cbit_vcpu_t *vcpu, cbit_spa_t spa, uint8_t flags, cbit_intent_t intent,
                cbit_target_t *target)
{
    target->spa = spa;
    target->key = cbit_rule_key(&vcpu->rules[intent], flags);
}

/* Looks into both levels; the second one costs its clocks, and hands down. */
static bool look_up(cbit_vcpu_t *vcpu, cbit_gva_t gva, cbit_intent_t intent, cbit_target_t *target)
{
    cbit_tlb_t *l1 = intent == INTENT_FETCH ? &vcpu->tlb.l1i : &vcpu->tlb.l1d;
    uint32_t asid = vcpu->guest.asid;
    cbit_page_size_t size;
    int64_t i = cbit_tlb_find(l1, gva, asid, &size);
    if (i >= 0 && flags_allow(vcpu, cbit_tlb_flags(l1, i), intent)) {
        use(vcpu, cbit_tlb_page(l1, i) | (gva & cbit_low_mask(12)), cbit_tlb_flags(l1, i), intent,
            target);
        vcpu->mine->tlb_hits++;
        return true;
    }
    cbit_tlb_t *l2 = &vcpu->tlb.l2;
    i = cbit_tlb_find(l2, gva, asid, &size);
    if (i < 0 || !flags_allow(vcpu, cbit_tlb_flags(l2, i), intent)) {
        return false;
    }
    cbit_spa_t spa = cbit_tlb_page(l2, i) | (gva & cbit_low_mask(cbit_page_shift(size)));
    cbit_tlb_insert(l1, gva, asid, PAGE_4K, spa & ~cbit_low_mask(12), cbit_tlb_flags(l2, i));
    use(vcpu, spa, cbit_tlb_flags(l2, i), intent, target);
    vcpu->n += vcpu->config.tlb_l2_cclk;
    vcpu->mine->tlb_l2_hits++;
    return true;
}

cbit_step_t cbit_vcpu_translate(cbit_vcpu_t *vcpu, cbit_gva_t gva, cbit_intent_t intent,
                                cbit_target_t *target)
{
    cbit_walk_t *walk = &vcpu->walk;
    if (!walk->active) {
        if (cbit_vcpu_paged(vcpu) && !cbit_vcpu_canonical(gva)) {
            return cbit_walk_fault(vcpu, VECTOR_GP, 0, gva);
        }
        gva = cbit_vcpu_paged(vcpu) ? gva : gva & UINT32_MAX;
        if (look_up(vcpu, gva, intent, target)) {
            return STEP_DONE;
        }
        begin(vcpu, gva, intent);
    }
    cbit_step_t step = walk_on(vcpu);
    if (step == STEP_DONE) {
        use(vcpu, walk->nested.spa, all_flags(walk), intent, target);
    }
    return step;
}

void cbit_vcpu_forget_asid(cbit_vcpu_t *vcpu, uint32_t asid)
{
    struct cbit_translations *tlb = &vcpu->tlb;
    cbit_tlb_t *const all[] = {&tlb->l1d,    &tlb->l1i,          &tlb->l2,
                               &tlb->nested, &tlb->guest_tables, &tlb->nested_tables};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        cbit_tlb_drop_asid(all[i], asid);
    }
}

void cbit_vcpu_forget_page(cbit_vcpu_t *vcpu, uint32_t asid, cbit_gva_t gva)
{
    struct cbit_translations *tlb = &vcpu->tlb;
    cbit_page_size_t size;
    int64_t i = cbit_tlb_find(&tlb->l2, gva, asid, &size);
    if (i >= 0 && size != PAGE_4K) {
        /* All pieces of a large page go with it. */
        cbit_tlb_drop_asid(&tlb->l1d, asid);
        cbit_tlb_drop_asid(&tlb->l1i, asid);
    }
    cbit_tlb_drop_page(&tlb->l1d, gva, asid);
    cbit_tlb_drop_page(&tlb->l1i, gva, asid);
    cbit_tlb_drop_page(&tlb->l2, gva, asid);
    cbit_tlb_drop_asid(&tlb->guest_tables, asid);
}
