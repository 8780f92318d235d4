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
    PASS_DONE,
    PASS_BEGUN, /* it goes on when its time comes */
    PASS_ASKED, /* the same, and the cache has just said that it cannot answer at once */
    PASS_WAIT,  /* for room to begin, or for the load that its address comes from */
    PASS_NOT,   /* nothing has happened: the general way */
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

static inline void done(cbit_vcpu_t *vcpu)
{
    cbit_vcpu_access_done(vcpu);
    vcpu->op_begun = false;
    vcpu->n++;
}

/* An operation with a page that only the second-level TLB can have may begin: there is room for it,
   and the load that its address comes from has its bytes. */
static inline bool may_begin_far(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    return !(op->depends && vcpu->last_load != NULL) &&
           cbit_vcpu_has_room(vcpu, op->kind == CBIT_OP_STORE);
}

/* The host may fetch what a miss of that address looks at. */
static inline void hint(const cbit_vcpu_t *vcpu, cbit_spa_t spa)
{
    const cbit_port_t *memory = &vcpu->parts.memory;
    if (memory->hint != NULL) {
        memory->hint(memory->self, spa);
    }
}

/* The same for the operation behind the one that is begun, as far as that is easily known. */
static __attribute__((noinline)) void foresee(cbit_vcpu_t *vcpu)
{
    const cbit_op_t *op = cbit_vcpu_foresee_op(vcpu->context);
    cbit_page_size_t size;
    const cbit_tlb_t *l2 = &vcpu->tlb.l2;
    const int64_t i = op == NULL ? -1 : cbit_tlb_newest(l2, op->gva, vcpu->guest.asid, &size);
    if (i >= 0) {
        hint(vcpu, cbit_tlb_address(cbit_tlb_piece(l2, i, op->gva, size), op->gva));
    }
}

/* Only the second-level TLB can have the page: it hands it down, under the first one's tag. */
static inline __attribute__((always_inline)) cbit_pass_t
begin_far(cbit_vcpu_t *vcpu, const cbit_op_t *op, uint64_t tag)
{
    const struct cbit_rule *rule =
        &vcpu->rules[op->kind == CBIT_OP_STORE ? INTENT_WRITE : INTENT_READ];
    cbit_page_size_t size;
    cbit_tlb_t *l1 = &vcpu->tlb.l1d, *l2 = &vcpu->tlb.l2;
    int64_t i = cbit_tlb_newest(l2, op->gva, vcpu->guest.asid, &size);
    if (i < 0) {
        i = cbit_tlb_find(l2, op->gva, vcpu->guest.asid, &size);
    }
    if (i < 0 || !cbit_rule_allows(rule, cbit_tlb_flags(l2, i))) {
        return PASS_NOT;
    }
    const uint64_t page = cbit_tlb_piece(l2, i, op->gva, size);
    cbit_tlb_put(l1, cbit_tlb_set_of(l1, op->gva, PAGE_4K), tag, page);
    const cbit_target_t target = {.spa = cbit_tlb_address(page, op->gva),
                                  .key = cbit_rule_key(rule, (uint8_t)page)};
    vcpu->mine->tlb_l2_hits++;
    const cbit_ps_t begun_ps = cbit_vcpu_core_ps(vcpu);
    vcpu->n += vcpu->config.tlb_l2_cclk;
    const cbit_ps_t ready_ps = cbit_vcpu_edge_ps(vcpu, vcpu->n);
    begin(vcpu, op, target, ready_ps, ready_ps - begun_ps);
    if (vcpu->context->program.may_ask_ahead) {
        foresee(vcpu);
    } else if (ready_ps != begun_ps) {
        hint(vcpu, target.spa);
    }
    return PASS_BEGUN;
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
    const cbit_port_t *memory = &vcpu->parts.memory;
    if (!memory->try_send(memory->self, &slot->pieces[0].txn, &vcpu->space)) {
        vcpu->send_refused_ps = cbit_kernel_now_ps(vcpu->parts.kernel);
        return false;
    }
    cbit_vcpu_look_again(vcpu);
    if (--slot->pending == 0) {
        cbit_order_slot_complete(slot, vcpu->n);
    }
    return true;
}

/* The same of one that was refused. */
static __attribute__((noinline)) bool send_again(cbit_vcpu_t *vcpu)
{
    cbit_slot_t *slot = vcpu->slot;
    slot->pending = 2;
    slot->retried = true;
    if (!cbit_vcpu_send(vcpu, &vcpu->parts.memory, &slot->pieces[0].txn, &vcpu->send_refused_ps)) {
        return false;
    }
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

/* asked: the cache has just said that it cannot answer at once. */
static inline bool go_on_load(cbit_vcpu_t *vcpu, const cbit_op_t *op, bool asked)
{
    if (vcpu->slot != NULL) {
        return send_again(vcpu);
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
    if (!asked && memory->quick(memory->self, CBIT_COMMAND_READ, target.spa, target.key, bytes,
                                op->size_bytes, &clocks)) {
        if (bytes != NULL) {
            cbit_vcpu_saw(vcpu, target, op->size_bytes);
        }
        cbit_order_load_now(vcpu, op, bytes, clocks);
        return true;
    }
    prepare(vcpu, op, bytes == NULL);
    return send(vcpu);
}

/* The core, which is ahead, may act at its own time: mostly nothing else happens before, and that
   is not known yet. */
static inline bool may_act_ahead(cbit_vcpu_t *vcpu)
{
    if (vcpu->horizon_n == CBIT_HORIZON_UNKNOWN && vcpu->n - vcpu->now_n < vcpu->run_ahead_cclk) {
        cbit_vcpu_ask_horizon(vcpu);
        if (cbit_vcpu_core_ps(vcpu) < vcpu->horizon_ps) {
            return true;
        }
    }
    return cbit_vcpu_may_act_ahead(vcpu);
}

/* The kernel's time is the core's now, which is where the translation was ready. */
static inline bool in_time(cbit_vcpu_t *vcpu)
{
    if (vcpu->horizon_n == CBIT_HORIZON_UNKNOWN || vcpu->ready_ps >= vcpu->horizon_ps) {
        return cbit_vcpu_in_time_at(vcpu, vcpu->ready_ps);
    }
    cbit_vcpu_catch_up(vcpu, vcpu->ready_ps);
    return true;
}

/* Performs what is begun, at its time; false: it waits. */
static inline bool go_on(cbit_vcpu_t *vcpu, const cbit_op_t *op, bool asked)
{
    if (vcpu->n > vcpu->now_n && !in_time(vcpu)) {
        return false;
    }
    if (op->kind == CBIT_OP_LOAD) {
        if (!go_on_load(vcpu, op, asked)) {
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
    done(vcpu);
    return true;
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
    const bool asks =
        store ? cbit_vcpu_is_drained(vcpu)
              : cbit_order_has_room(vcpu) && !cbit_order_meets(vcpu, target, op->size_bytes);
    uint32_t clocks;
    if (!asks || !memory->quick(memory->self, store ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ,
                                target.spa, target.key, bytes, op->size_bytes, &clocks)) {
        if (!cbit_vcpu_has_room(vcpu, store)) {
            vcpu->far_tag = 0;
            return PASS_WAIT;
        }
        vcpu->mine->tlb_hits++;
        begin(vcpu, op, target, cbit_vcpu_core_ps(vcpu), 0);
        return asks ? PASS_ASKED : PASS_BEGUN;
    }
    vcpu->mine->tlb_hits++;
    cbit_vcpu_count_access(vcpu, target.key);
    if (store) {
        vcpu->store_number++;
        vcpu->mine->stores++;
        done(vcpu);
        return PASS_DONE;
    }
    vcpu->mine->loads++;
    if (bytes != NULL) {
        vcpu->targets[0] = target;
        vcpu->target_len[0] = (uint8_t)op->size_bytes;
        vcpu->target_count = 1;
        cbit_vcpu_saw(vcpu, target, op->size_bytes);
    }
    cbit_order_load_now(vcpu, op, bytes, clocks);
    done(vcpu);
    return PASS_DONE;
}

static inline cbit_pass_t pass(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    if (!may_pass(vcpu, op)) {
        return PASS_NOT;
    }
    cbit_tlb_t *l1 = &vcpu->tlb.l1d;
    const uint64_t tag = cbit_tlb_tag(op->gva, vcpu->guest.asid, PAGE_4K);
    const int64_t page = cbit_tlb_find_in(l1, cbit_tlb_set_of(l1, op->gva, PAGE_4K), tag);
    if (page < 0) {
        if (!may_begin_far(vcpu, op)) {
            vcpu->far_tag = tag;
            return PASS_WAIT;
        }
        return begin_far(vcpu, op, tag);
    }
    if (op->depends && vcpu->last_load != NULL) {
        vcpu->far_tag = 0;
        return PASS_WAIT;
    }
    return pass_page(vcpu, op, (uint32_t)page);
}

/* The next operation, as far as the short way has it; false: something else comes next, or the core
   must not act yet (*later). */
static inline bool pass_all(cbit_vcpu_t *vcpu)
{
    const cbit_op_t *op = vcpu->context->op;
    cbit_pass_t passed = vcpu->issued ? PASS_BEGUN : PASS_DONE;
    if (vcpu->issued && !vcpu->straight) {
        return true;
    }
    for (;;) {
        if (passed != PASS_DONE && !go_on(vcpu, op, passed == PASS_ASKED)) {
            return false;
        }
        if (vcpu->interrupt && !vcpu->op_begun) {
            return true;
        }
        if (vcpu->n > vcpu->now_n && vcpu->n >= vcpu->horizon_n && !may_act_ahead(vcpu)) {
            return false;
        }
        op = cbit_vcpu_next_op(vcpu);
        if (op == NULL) {
            return true;
        }
        if (op->kind != CBIT_OP_LOAD && op->kind != CBIT_OP_STORE) {
            vcpu->op_begun = true;
            return true;
        }
        passed = pass(vcpu, op);
        if (passed >= PASS_WAIT) {
            break;
        }
    }
    vcpu->op_begun = true;
    vcpu->waits_for_slot = passed == PASS_WAIT;
    vcpu->far_tag = passed == PASS_WAIT ? vcpu->far_tag : 0;
    return passed == PASS_NOT;
}

void cbit_vcpu_step(void *self)
{
    cbit_vcpu_t *vcpu = self;
    vcpu->stepping = true;
    vcpu->now_n = vcpu->n; /* what the event was notified for */
    cbit_vcpu_look_again(vcpu);
    while ((vcpu->mode != MODE_RUN || pass_all(vcpu)) && cbit_vcpu_act(vcpu)) {
    }
    vcpu->stepping = false;
}

/* Begins the operation that has waited, at the core's time, which the kernel's is less than a clock
   away from, if it is known that only the second-level TLB can have its page. False: nothing has
   happened. */
static inline bool begin_early(cbit_vcpu_t *vcpu)
{
    const cbit_op_t *op = vcpu->context->op;
    return vcpu->mode == MODE_RUN && !vcpu->issued && vcpu->far_tag != 0 &&
           (!op->depends || cbit_order_last_n(vcpu) <= vcpu->n) && may_begin_far(vcpu, op) &&
           begin_far(vcpu, op, vcpu->far_tag) == PASS_BEGUN;
}

void cbit_vcpu_resume(cbit_vcpu_t *vcpu)
{
    vcpu->waits_for_slot = false;
    if (vcpu->stepping) {
        return;
    }
    cbit_vcpu_go_to_edge(vcpu);
    const cbit_ps_t at_ps = begin_early(vcpu) ? vcpu->ready_ps : cbit_vcpu_core_ps(vcpu);
    cbit_event_notify_at(vcpu->parts.kernel, &vcpu->step_event, at_ps);
}
