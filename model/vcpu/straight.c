/*
 * Loads and stores within a line from the second-level TLB to the send, as far as nothing else
 * comes between: a load that misses the cache, or a store behind others.
 */
#include "model/vcpu/core.h"

/* The page is in the second-level TLB, which hands it down; false: nothing has happened. */
static bool hand_down(cbit_vcpu_t *vcpu, cbit_gva_t gva, uint64_t l1_tag,
                      const struct cbit_rule *rule, cbit_target_t *target)
{
    cbit_tlb_t *l1 = &vcpu->tlb.l1d, *l2 = &vcpu->tlb.l2;
    cbit_page_size_t size;
    const int64_t i = cbit_tlb_find(l2, gva, vcpu->guest.asid, &size);
    if (i < 0 || !cbit_rule_allows(rule, cbit_tlb_flags(l2, i))) {
        return false;
    }
    const uint8_t flags = cbit_tlb_flags(l2, i);
    const uint64_t inside = (UINT64_C(1) << cbit_page_shift(size)) - 1;
    target->spa = cbit_tlb_page(l2, i) | (gva & inside);
    target->key = cbit_rule_key(rule, flags);
    cbit_tlb_insert_absent(l1, cbit_tlb_set_of(l1, gva, PAGE_4K), l1_tag,
                           target->spa & ~(uint64_t)(CBIT_PAGE_BYTES - 1), flags);
    return true;
}

bool cbit_straight_begin(cbit_vcpu_t *vcpu, const cbit_op_t *op, uint64_t l1_tag)
{
    const bool store = op->kind == CBIT_OP_STORE;
    const cbit_port_t *memory = &vcpu->parts.memory;
    if (!cbit_vcpu_has_room(vcpu, store) || !cbit_vcpu_canonical(op->gva) ||
        !hand_down(vcpu, op->gva, l1_tag, &vcpu->rules[store ? INTENT_WRITE : INTENT_READ],
                   &vcpu->targets[0])) {
        return false;
    }
    vcpu->mine->tlb_l2_hits++;
    cbit_vcpu_count_access(vcpu, vcpu->targets[0].key);
    vcpu->target_len[0] = (uint8_t)op->size_bytes;
    vcpu->target_count = 1;
    vcpu->issued = vcpu->straight = true;
    vcpu->slot = NULL;
    vcpu->send_refused_ps = 0;
    const cbit_ps_t issued_ps = vcpu->n == vcpu->now_n ? cbit_kernel_now_ps(vcpu->parts.kernel)
                                                       : cbit_vcpu_edge_ps(vcpu, vcpu->n);
    vcpu->n += vcpu->config.tlb_l2_cclk;
    vcpu->ready_n = vcpu->n;
    vcpu->walk_ps = cbit_vcpu_edge_ps(vcpu, vcpu->n) - issued_ps;
    if (vcpu->config.tlb_l2_cclk != 0 && memory->hint != NULL) {
        memory->hint(memory->self, vcpu->targets[0].spa);
    }
    return true;
}

/* Since its translation, for a store in the buffer. */
static cbit_ps_t waited_ps(const cbit_vcpu_t *vcpu)
{
    return vcpu->n == vcpu->ready_n
               ? 0
               : cbit_vcpu_edge_ps(vcpu, vcpu->n) - cbit_vcpu_edge_ps(vcpu, vcpu->ready_n);
}

/* The operation's load, in time, in a slot of its own. */
static void prepare(cbit_vcpu_t *vcpu, const cbit_op_t *op, bool no_bytes)
{
    cbit_slot_t *slot = cbit_vcpu_begin_slot(vcpu, op);
    cbit_txn_t *txn = &slot->pieces[0].txn;
    const cbit_ps_t waited = waited_ps(vcpu);
    cbit_txn_init(txn, CBIT_COMMAND_READ, vcpu->targets[0].spa, vcpu->target_len[0],
                  vcpu->targets[0].key, CBIT_SOURCE_VCPU,
                  cbit_kernel_now_ps(vcpu->parts.kernel) - waited - vcpu->walk_ps);
    txn->source_id = vcpu->context->guest;
    cbit_txn_charge(txn, CBIT_STAGE_WALK, vcpu->walk_ps);
    cbit_txn_charge(txn, CBIT_STAGE_CORE, waited);
    txn->no_bytes = no_bytes;
    cbit_txn_push_reply(txn, cbit_vcpu_piece_answered, &slot->pieces[0]);
    slot->pieces[0].offset = 0;
}

/* Hands the load over; false: it is refused. */
static bool send(cbit_vcpu_t *vcpu)
{
    cbit_slot_t *slot = vcpu->slot;
    slot->pending = 2; /* one of them ours: the answer may come from inside */
    slot->retried = vcpu->send_refused_ps != 0;
    if (!cbit_vcpu_send(vcpu, &vcpu->parts.memory, &slot->pieces[0].txn, &vcpu->send_refused_ps)) {
        return false;
    }
    if (--slot->pending == 0) {
        cbit_vcpu_slot_complete(slot, vcpu->n);
    }
    return true;
}

static bool go_on_load(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    if (vcpu->slot == NULL) {
        const cbit_port_t *memory = &vcpu->parts.memory;
        const cbit_target_t target = vcpu->targets[0];
        uint8_t line[CBIT_LINE_BYTES], *bytes = cbit_vcpu_carries_bytes(vcpu, false) ? line : NULL;
        if (cbit_order_meets_line(vcpu, target.spa)) {
            const cbit_forward_t forward = cbit_order_forward(vcpu, line);
            if (forward == FORWARD_WHOLE) {
                cbit_order_load_now(vcpu, op, line, vcpu->config.forward_cclk);
                return true;
            }
            if (forward == FORWARD_WAIT) {
                vcpu->waits_for_slot = true;
                return false;
            }
        }
        uint32_t clocks;
        if (memory->quick(memory->self, CBIT_COMMAND_READ, target.spa, target.key, bytes,
                          op->size_bytes, &clocks)) {
            if (bytes != NULL) {
                cbit_vcpu_saw(vcpu, target, op->size_bytes);
            }
            cbit_order_load_now(vcpu, op, bytes, clocks);
            return true;
        }
        if (!cbit_vcpu_in_time(vcpu)) {
            return false;
        }
        prepare(vcpu, op, bytes == NULL);
    }
    return send(vcpu);
}

bool cbit_straight_go_on(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    if (!cbit_vcpu_may_act(vcpu)) {
        return false;
    }
    const bool store = op->kind == CBIT_OP_STORE;
    if (store ? cbit_order_store(vcpu, op) != STEP_DONE : !go_on_load(vcpu, op)) {
        return false;
    }
    vcpu->issued = false;
    ++*(store ? &vcpu->mine->stores : &vcpu->mine->loads);
    return true;
}
