/*
 * Loads and stores within a line whose page a TLB has: the short way of nearly all operations.
 *
 * What TLB and cache have has nothing to wait for and goes round one loop, from the program through
 * the first-level TLB to the cache and back. What the second-level TLB has, or what the cache has
 * not, goes on from here to the send (straight.c). Everything else is left to the general way
 * (access.c).
 */
#include <string.h>

#include "model/vcpu/core.h"

/* What the short way came to. */
typedef enum cbit_pass {
    PASS_HIT,  /* it is done */
    PASS_SEND, /* it is begun, and goes to the cache */
    PASS_NOT,  /* nothing has happened: the general way */
} cbit_pass_t;

/* What must hold for any access on the short way. */
static inline bool may_pass(const cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    return vcpu->parts.memory.quick != NULL && cbit_vcpu_paged(vcpu) &&
           op->gva % CBIT_LINE_BYTES + op->size_bytes <= CBIT_LINE_BYTES &&
           (!op->depends || (vcpu->last_load == NULL && vcpu->last_load_n <= vcpu->n));
}

/* Its page is in the first-level TLB, in that place. */
static inline cbit_pass_t pass_page(cbit_vcpu_t *vcpu, const cbit_op_t *op, uint32_t page)
{
    const bool store = op->kind == CBIT_OP_STORE;
    const struct cbit_rule *rule = &vcpu->rules[store ? INTENT_WRITE : INTENT_READ];
    const uint8_t flags = cbit_tlb_flags(&vcpu->tlb.l1d, page);
    if (!cbit_rule_allows(rule, flags) ||
        (store ? !cbit_vcpu_is_drained(vcpu) : !cbit_order_has_room(vcpu))) {
        return PASS_NOT;
    }
    const cbit_port_t *memory = &vcpu->parts.memory;
    const cbit_target_t target = {.spa = cbit_tlb_page(&vcpu->tlb.l1d, page) |
                                         op->gva % CBIT_PAGE_BYTES,
                                  .key = cbit_rule_key(rule, flags)};
    uint8_t line[CBIT_LINE_BYTES], *bytes = cbit_vcpu_carries_bytes(vcpu, store) ? line : NULL;
    if (store && bytes != NULL) {
        memcpy(bytes, cbit_order_data(vcpu, op), op->size_bytes);
    }
    cbit_tlb_use(&vcpu->tlb.l1d, page);
    uint32_t clocks;
    if ((cbit_order_meets_line(vcpu, target.spa) &&
         cbit_order_meets(vcpu, target, op->size_bytes)) ||
        !memory->quick(memory->self, store ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, target.spa,
                       target.key, bytes, op->size_bytes, &clocks)) {
        return PASS_NOT;
    }
    vcpu->mine->tlb_hits++;
    cbit_vcpu_count_access(vcpu, target.key);
    if (store) {
        vcpu->store_number++;
        vcpu->mine->stores++;
        return PASS_HIT;
    }
    vcpu->mine->loads++;
    if (bytes != NULL) {
        vcpu->targets[0] = target;
        vcpu->target_len[0] = (uint8_t)op->size_bytes;
        vcpu->target_count = 1;
        cbit_vcpu_saw(vcpu, target, op->size_bytes);
    }
    cbit_order_load_now(vcpu, op, bytes, clocks);
    return PASS_HIT;
}

static inline cbit_pass_t pass(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    if (!may_pass(vcpu, op)) {
        return PASS_NOT;
    }
    const cbit_tlb_t *l1 = &vcpu->tlb.l1d;
    uint32_t *hint = &vcpu->hints[op->gva / CBIT_PAGE_BYTES % TLB_HINTS];
    const uint64_t tag = cbit_tlb_tag(op->gva, vcpu->guest.asid, PAGE_4K);
    if (l1->entries[*hint].tag != tag) {
        const int64_t i = cbit_tlb_in_set(l1, cbit_tlb_set_of(l1, op->gva, PAGE_4K), tag);
        if (i < 0) {
            return cbit_straight_begin(vcpu, op, tag) ? PASS_SEND : PASS_NOT;
        }
        *hint = (uint32_t)i;
    }
    return pass_page(vcpu, op, *hint);
}

static inline void done(cbit_vcpu_t *vcpu)
{
    cbit_vcpu_op_done(vcpu);
    vcpu->op_begun = false;
    vcpu->n++;
}

bool cbit_vcpu_pass(cbit_vcpu_t *vcpu)
{
    for (;;) {
        if (vcpu->issued) {
            if (!vcpu->straight) {
                return true;
            }
            if (!cbit_straight_go_on(vcpu, &vcpu->context->op)) {
                return false;
            }
            done(vcpu);
        }
        if (vcpu->interrupt && !vcpu->op_begun) {
            return true;
        }
        if (!cbit_vcpu_may_act(vcpu)) {
            return false;
        }
        const cbit_op_t *op = cbit_vcpu_next_op(vcpu);
        if (op == NULL) {
            return true;
        }
        if (op->kind != CBIT_OP_LOAD && op->kind != CBIT_OP_STORE) {
            vcpu->op_begun = true;
            return true;
        }
        const cbit_pass_t passed = pass(vcpu, op);
        if (passed == PASS_HIT) {
            done(vcpu);
            continue;
        }
        vcpu->op_begun = true;
        if (passed == PASS_NOT) {
            return true;
        }
    }
}
