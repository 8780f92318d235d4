/*
 * Loads and stores within a line whose page a TLB has: the short way of nearly all operations.
 *
 * What first-level TLB and cache have goes round one loop, from the program to the cache and back.
 * What only the second-level TLB has, or what the cache has not, is begun here, waits for its time
 * if there is one to wait for, and is sent from here. Everything else, and what finds no room, is
 * left to the general way (access.c).
 */
#include <string.h>

#include "model/vcpu/order.h"

/* What the short way came to. */
typedef enum cbit_pass {
    PASS_HIT,  /* it is done */
    PASS_SEND, /* it is begun */
    PASS_WAIT, /* for room, or for the load that its address comes from */
    PASS_NOT,  /* nothing has happened: the general way */
} cbit_pass_t;

/* What must hold for any access on the short way. */
static inline bool may_pass(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    return vcpu->paged_quick && op->gva % CBIT_LINE_BYTES + op->size_bytes <= CBIT_LINE_BYTES &&
           (!op->depends || cbit_order_last_n(vcpu) <= vcpu->n);
}

/* The operation is in progress from now on; ready_ps: when its translation is there. */
static inline void begin(cbit_vcpu_t *vcpu, const cbit_op_t *op, cbit_target_t target,
                         cbit_ps_t ready_ps, cbit_ps_t walk_ps)
{
    vcpu->targets[0] = target;
    vcpu->target_len[0] = (uint8_t)op->size_bytes;
    vcpu->target_count = 1;
    vcpu->issued = vcpu->straight = vcpu->op_begun = true;
    vcpu->slot = NULL;
    vcpu->send_refused_ps = 0;
    vcpu->far_tag = 0;
    vcpu->ready_ps = ready_ps;
    vcpu->walk_ps = walk_ps;
    cbit_vcpu_count_access(vcpu, target.key);
}

static inline cbit_ps_t core_ps(const cbit_vcpu_t *vcpu)
{
    return vcpu->n == vcpu->now_n ? cbit_kernel_now_ps(vcpu->parts.kernel)
                                  : cbit_vcpu_edge_ps(vcpu, vcpu->n);
}

/* Only the second-level TLB can have the page: it hands it down, under the first one's tag. */
static __attribute__((noinline)) cbit_pass_t begin_far(cbit_vcpu_t *vcpu, const cbit_op_t *op,
                                                       uint64_t tag, cbit_ps_t now_ps)
{
    const bool store = op->kind == CBIT_OP_STORE;
    const struct cbit_rule *rule = &vcpu->rules[store ? INTENT_WRITE : INTENT_READ];
    if ((op->depends && vcpu->last_load != NULL) || !cbit_vcpu_has_room(vcpu, store)) {
        vcpu->far_tag = tag;
        return PASS_WAIT;
    }
    const uint64_t page =
        cbit_tlb_hand_down(&vcpu->tlb.l2, &vcpu->tlb.l1d, op->gva, tag, rule->matter, rule->want);
    if (page == 0) {
        return PASS_NOT;
    }
    const cbit_target_t target = {.spa = (page & ~(uint64_t)(CBIT_PAGE_BYTES - 1)) |
                                         op->gva % CBIT_PAGE_BYTES,
                                  .key = cbit_rule_key(rule, (uint8_t)page)};
    vcpu->mine->tlb_l2_hits++;
    vcpu->n += vcpu->config.tlb_l2_cclk;
    const cbit_ps_t ready_ps = cbit_vcpu_edge_ps(vcpu, vcpu->n);
    begin(vcpu, op, target, ready_ps, ready_ps - now_ps);
    const cbit_port_t *memory = &vcpu->parts.memory;
    if (ready_ps != now_ps && memory->hint != NULL) {
        memory->hint(memory->self, target.spa);
    }
    return PASS_SEND;
}

/* Its page is in the first-level TLB, in that place. */
static inline cbit_pass_t pass_page(cbit_vcpu_t *vcpu, const cbit_op_t *op, uint32_t page)
{
    const bool store = op->kind == CBIT_OP_STORE;
    const struct cbit_rule *rule = &vcpu->rules[store ? INTENT_WRITE : INTENT_READ];
    const uint8_t flags = cbit_tlb_flags(&vcpu->tlb.l1d, page);
    if (!cbit_rule_allows(rule, flags)) {
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
    if (!(store ? cbit_vcpu_is_drained(vcpu)
                : cbit_order_has_room(vcpu) && !cbit_order_meets(vcpu, target, op->size_bytes)) ||
        !memory->quick(memory->self, store ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, target.spa,
                       target.key, bytes, op->size_bytes, &clocks)) {
        if (!cbit_vcpu_has_room(vcpu, store)) {
            vcpu->far_tag = 0;
            return PASS_WAIT;
        }
        vcpu->mine->tlb_hits++;
        begin(vcpu, op, target, core_ps(vcpu), 0);
        return PASS_SEND;
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
            return begin_far(vcpu, op, tag, core_ps(vcpu));
        }
        *hint = (uint32_t)i;
    }
    if (op->depends && vcpu->last_load != NULL) {
        vcpu->far_tag = 0;
        return PASS_WAIT;
    }
    return pass_page(vcpu, op, *hint);
}

/* The operation's load, in time, in a slot of its own. */
static inline void prepare(cbit_vcpu_t *vcpu, const cbit_op_t *op, bool no_bytes)
{
    cbit_slot_t *slot = cbit_order_begin_slot(vcpu, op);
    cbit_txn_t *txn = &slot->pieces[0].txn;
    cbit_txn_init(txn, CBIT_COMMAND_READ, vcpu->targets[0].spa, vcpu->target_len[0],
                  vcpu->targets[0].key, CBIT_SOURCE_VCPU, vcpu->ready_ps - vcpu->walk_ps);
    txn->source_id = vcpu->context->guest;
    cbit_txn_charge(txn, CBIT_STAGE_WALK, vcpu->walk_ps);
    /* Since its translation it has waited for a store in the buffer, if at all. */
    cbit_txn_charge(txn, CBIT_STAGE_CORE, cbit_kernel_now_ps(vcpu->parts.kernel) - vcpu->ready_ps);
    txn->no_bytes = no_bytes;
    cbit_txn_push_reply(txn, cbit_order_load_answered, &slot->pieces[0]);
    slot->pieces[0].offset = 0;
}

/* Hands the load over; false: it is refused. */
static inline bool send(cbit_vcpu_t *vcpu)
{
    cbit_slot_t *slot = vcpu->slot;
    slot->pending = 2; /* one of them ours: the answer may come from inside */
    slot->retried = vcpu->send_refused_ps != 0;
    const cbit_port_t *memory = &vcpu->parts.memory;
    cbit_txn_t *txn = &slot->pieces[0].txn;
    if (slot->retried) {
        if (!cbit_vcpu_send(vcpu, memory, txn, &vcpu->send_refused_ps)) {
            return false;
        }
    } else if (!memory->try_send(memory->self, txn, &vcpu->space)) {
        vcpu->send_refused_ps = cbit_kernel_now_ps(vcpu->parts.kernel);
        return false;
    }
    cbit_vcpu_look_again(vcpu);
    if (--slot->pending == 0) {
        cbit_order_slot_complete(slot, vcpu->n);
    }
    return true;
}

/* A buffered store has a part of the load's line: what is left to do, if it is not to be sent. */
static __attribute__((noinline)) cbit_forward_t forward(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    uint8_t line[CBIT_LINE_BYTES];
    const cbit_forward_t forward = cbit_order_forward(vcpu, line);
    if (forward == FORWARD_WHOLE) {
        cbit_order_load_now(vcpu, op, line, vcpu->config.forward_cclk);
    }
    vcpu->waits_for_slot = forward == FORWARD_WAIT;
    return forward;
}

static inline bool go_on_load(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    if (vcpu->slot != NULL) {
        return send(vcpu); /* again */
    }
    const cbit_port_t *memory = &vcpu->parts.memory;
    const cbit_target_t target = vcpu->targets[0];
    if (cbit_order_meets_line(vcpu, target.spa)) {
        const cbit_forward_t forwarded = forward(vcpu, op);
        if (forwarded != FORWARD_NOTHING) {
            return forwarded == FORWARD_WHOLE;
        }
    }
    uint8_t line[CBIT_LINE_BYTES], *bytes = cbit_vcpu_carries_bytes(vcpu, false) ? line : NULL;
    uint32_t clocks;
    if (memory->quick(memory->self, CBIT_COMMAND_READ, target.spa, target.key, bytes,
                      op->size_bytes, &clocks)) {
        if (bytes != NULL) {
            cbit_vcpu_saw(vcpu, target, op->size_bytes);
        }
        cbit_order_load_now(vcpu, op, bytes, clocks);
        return true;
    }
    if (vcpu->n > vcpu->now_n && !cbit_vcpu_in_time_at(vcpu, vcpu->ready_ps)) {
        return false;
    }
    prepare(vcpu, op, bytes == NULL);
    return send(vcpu);
}

/* Performs what is begun, at its time; false: not yet. */
static inline bool go_on(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    /* If the core is ahead at all, it is where the translation was ready. */
    if (vcpu->n > vcpu->now_n && vcpu->n >= vcpu->horizon_n &&
        !cbit_vcpu_may_act_at(vcpu, vcpu->ready_ps)) {
        return false;
    }
    if (op->kind == CBIT_OP_LOAD) {
        if (!go_on_load(vcpu, op)) {
            return false;
        }
        vcpu->mine->loads++;
    } else {
        if (cbit_order_store(vcpu, op) != STEP_DONE) {
            return false;
        }
        vcpu->mine->stores++;
    }
    vcpu->issued = false;
    return true;
}

static inline void done(cbit_vcpu_t *vcpu)
{
    cbit_vcpu_op_done(vcpu);
    vcpu->op_begun = false;
    vcpu->n++;
}

bool cbit_vcpu_pass_early(cbit_vcpu_t *vcpu, cbit_ps_t at_ps)
{
    const cbit_op_t *op = &vcpu->context->op;
    return vcpu->far_tag != 0 && (!op->depends || cbit_order_last_n(vcpu) <= vcpu->n) &&
           begin_far(vcpu, op, vcpu->far_tag, at_ps) == PASS_SEND;
}

bool cbit_vcpu_pass(cbit_vcpu_t *vcpu)
{
    for (;;) {
        if (vcpu->issued) {
            if (!vcpu->straight) {
                return true;
            }
            if (!go_on(vcpu, &vcpu->context->op)) {
                return false;
            }
            done(vcpu);
        }
        cbit_pass_t passed;
        do {
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
            passed = pass(vcpu, op);
            if (passed == PASS_HIT) {
                done(vcpu);
            }
        } while (passed == PASS_HIT);
        if (passed != PASS_SEND) {
            vcpu->op_begun = true;
            vcpu->waits_for_slot = passed == PASS_WAIT;
            vcpu->far_tag = passed == PASS_WAIT ? vcpu->far_tag : 0;
            return passed == PASS_NOT;
        }
    }
}
