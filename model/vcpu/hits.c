/*
 * Loads and stores that have nothing to wait for: TLB and cache have them, within a line.
 *
 * Most operations are that, so their way is short: one loop from the program through the
 * first-level TLB to the cache and back, that leaves everything else to the general one (access.c).
 */
#include <string.h>

#include "model/vcpu/core.h"

/* What must hold for an access that has nothing to wait for. */
static inline bool may_hit(const cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    if (vcpu->issued || vcpu->parts.memory.quick == NULL || !cbit_vcpu_paged(vcpu) ||
        op->gva % CBIT_LINE_BYTES + op->size_bytes > CBIT_LINE_BYTES ||
        (op->depends && (vcpu->last_load != NULL || vcpu->last_load_n > vcpu->n))) {
        return false;
    }
    return op->kind == CBIT_OP_STORE ? cbit_vcpu_is_drained(vcpu) : cbit_order_has_room(vcpu);
}

/* The place of an address in the first-level TLB, as far as it permits the access; -1: none. */
static inline int64_t find_page(cbit_vcpu_t *vcpu, cbit_gva_t gva, const struct cbit_rule *rule)
{
    const cbit_tlb_t *l1 = &vcpu->tlb.l1d;
    uint32_t *hint = &vcpu->hints[gva / CBIT_PAGE_BYTES % TLB_HINTS];
    const uint64_t tag = cbit_tlb_tag(gva, vcpu->guest.asid, PAGE_4K);
    if (l1->entries[*hint].tag != tag) {
        cbit_page_size_t size;
        const int64_t i = cbit_tlb_find(&vcpu->tlb.l1d, gva, vcpu->guest.asid, &size);
        if (i < 0) {
            vcpu->l1d_absent = tag;
            return -1;
        }
        *hint = (uint32_t)i;
    }
    return cbit_rule_allows(rule, cbit_tlb_flags(l1, *hint)) ? (int64_t)*hint : -1;
}

/* Performs one; false: nothing has happened. */
static inline bool pass(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    const bool store = op->kind == CBIT_OP_STORE;
    const struct cbit_rule *rule = &vcpu->rules[store ? INTENT_WRITE : INTENT_READ];
    const cbit_port_t *memory = &vcpu->parts.memory;
    if (!may_hit(vcpu, op)) {
        return false;
    }
    const int64_t page = find_page(vcpu, op->gva, rule);
    if (page < 0) {
        return false;
    }
    const cbit_target_t target = {.spa = cbit_tlb_page(&vcpu->tlb.l1d, page) |
                                         op->gva % CBIT_PAGE_BYTES,
                                  .key = cbit_rule_key(rule, cbit_tlb_flags(&vcpu->tlb.l1d, page))};
    uint8_t line[CBIT_LINE_BYTES], *bytes = cbit_vcpu_carries_bytes(vcpu, store) ? line : NULL;
    if (store && bytes != NULL) {
        memcpy(bytes, cbit_order_data(vcpu, op), op->size_bytes);
    }
    cbit_tlb_use(&vcpu->tlb.l1d, (uint32_t)page);
    uint32_t clocks;
    if ((cbit_order_meets_line(vcpu, target.spa) &&
         cbit_order_meets(vcpu, target, op->size_bytes)) ||
        !memory->quick(memory->self, store ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, target.spa,
                       target.key, bytes, op->size_bytes, &clocks)) {
        return false;
    }
    vcpu->mine->tlb_hits++;
    cbit_vcpu_count_access(vcpu, target.key);
    if (store) {
        vcpu->store_number++;
        vcpu->mine->stores++;
        return true;
    }
    vcpu->mine->loads++;
    if (bytes != NULL) {
        vcpu->targets[0] = target;
        vcpu->target_len[0] = (uint8_t)op->size_bytes;
        vcpu->target_count = 1;
        cbit_vcpu_saw(vcpu, target, op->size_bytes);
    }
    cbit_order_load_now(vcpu, op, bytes, clocks);
    return true;
}

bool cbit_vcpu_pass_hits(cbit_vcpu_t *vcpu)
{
    while (!vcpu->interrupt || vcpu->op_begun) {
        if (!cbit_vcpu_may_act(vcpu)) {
            return false;
        }
        const cbit_op_t *op = cbit_vcpu_next_op(vcpu);
        if (op == NULL) {
            return true;
        }
        if ((op->kind != CBIT_OP_LOAD && op->kind != CBIT_OP_STORE) || !pass(vcpu, op)) {
            vcpu->op_begun = true;
            return true;
        }
        cbit_vcpu_op_done(vcpu);
        vcpu->op_begun = false;
        vcpu->n++;
    }
    return true;
}
