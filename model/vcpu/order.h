/* The order of loads and stores (order.c). Private to model/vcpu. */
#ifndef CBIT_MODEL_VCPU_ORDER_H
#define CBIT_MODEL_VCPU_ORDER_H

#include "model/vcpu/core.h"

/* All loads so far have their bytes, and all stores are seen. */
static inline bool cbit_vcpu_is_drained(const cbit_vcpu_t *vcpu)
{
    return vcpu->loads_busy == 0 && vcpu->stores_busy == 0;
}
/* What a store writes; of one that copies a load that has no bytes yet: what the program expects.
 */
static inline const uint8_t *cbit_order_data(const cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    return op->copied && vcpu->loads_busy == 0 ? vcpu->context->copied : op->data;
}

/* There may be load_queue from the first load on that has no bytes yet: worked out only when there
   seems to be no room. */
bool cbit_order_makes_room(cbit_vcpu_t *vcpu);
static inline bool cbit_order_has_room(cbit_vcpu_t *vcpu)
{
    return vcpu->load_number - vcpu->load_oldest < vcpu->config.load_queue ||
           cbit_order_makes_room(vcpu);
}
/* For one that may have to wait for memory. Which of the two it is cannot be foretold: no branch.
 */
static inline bool cbit_vcpu_has_room(cbit_vcpu_t *vcpu, bool store)
{
    const uint32_t *busy = store ? &vcpu->stores_busy : &vcpu->loads_busy;
    const uint32_t *most = store ? &vcpu->config.max_stores : &vcpu->config.max_misses;
    return *busy < *most && (vcpu->load_number - vcpu->load_oldest < vcpu->config.load_queue ||
                             store || cbit_order_makes_room(vcpu));
}

/* What buffered stores have to do with the load of the operation in progress. */
typedef enum cbit_forward {
    FORWARD_NOTHING,
    FORWARD_WHOLE, /* the newest that it meets has all of it: the bytes are there */
    FORWARD_WAIT,  /* that one has a part: it must be written first */
} cbit_forward_t;
cbit_forward_t cbit_order_forward(const cbit_vcpu_t *vcpu, uint8_t *bytes);
/* A buffered store may reach into that line. */
static inline bool cbit_order_meets_line(const cbit_vcpu_t *vcpu, cbit_spa_t spa)
{
    return vcpu->stores_busy != 0 && vcpu->store_lines[spa / CBIT_LINE_BYTES % STORE_LINES] != 0;
}

/* A buffered store reaches into those bytes. */
bool cbit_order_meets_any(const cbit_vcpu_t *vcpu, cbit_target_t target, uint32_t len);
static inline bool cbit_order_meets(const cbit_vcpu_t *vcpu, cbit_target_t target, uint32_t len)
{
    return cbit_order_meets_line(vcpu, target.spa) && cbit_order_meets_any(vcpu, target, len);
}

static inline uint32_t cbit_order_wrap(uint32_t at, uint32_t size)
{
    return at < size ? at : at - size;
}

/* A load of the operation in progress takes its place in the order in which the program hears of
   them; slot NULL: its bytes are there. */
cbit_load_t *cbit_order_load(cbit_vcpu_t *vcpu, const cbit_op_t *op, const cbit_slot_t *slot);
/* A slot for the load of the operation in progress. */
static inline cbit_slot_t *cbit_order_begin_slot(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    cbit_slot_t *slot = vcpu->slots_free[vcpu->loads_busy++];
    vcpu->slot = slot;
    slot->store_waits = &vcpu->store_waits[vcpu->stores_next];
    ++*slot->store_waits;
    slot->pending = 1; /* ours, until all pieces are sent */
    slot->retried = false;
    slot->number = vcpu->load_number;
    slot->load = vcpu->context->program.on_data != NULL ? cbit_order_load(vcpu, op, slot) : NULL;
    vcpu->load_number++;
    vcpu->last_load = slot;
    return slot;
}
/* When the last load that is complete had its bytes: of memory's answers that is worked out only
   when somebody asks. */
static inline uint64_t cbit_order_last_n(cbit_vcpu_t *vcpu)
{
    if (vcpu->answered_ps != 0) {
        const uint64_t n = cbit_pace_edge_at_or_after(&vcpu->pace, vcpu->answered_ps);
        vcpu->last_load_n = n > vcpu->last_load_n ? n : vcpu->last_load_n;
        vcpu->answered_ps = 0;
    }
    return vcpu->last_load_n;
}
/* A load that nothing keeps from having its bytes in so many clocks, unless others are before it.
 */
void cbit_order_give_now(cbit_vcpu_t *vcpu, const cbit_op_t *op, const uint8_t *bytes);
static inline void cbit_order_load_now(cbit_vcpu_t *vcpu, const cbit_op_t *op, const uint8_t *bytes,
                                       uint32_t clocks)
{
    const uint64_t at_n = vcpu->n + clocks;
    vcpu->last_load = NULL;
    vcpu->last_load_n = at_n > vcpu->last_load_n ? at_n : vcpu->last_load_n;
    if (vcpu->context->program.on_data != NULL) {
        cbit_order_give_now(vcpu, op, bytes);
    } else {
        vcpu->load_number++; /* before others or not: nobody looks at its bytes later */
    }
}
/* The answer to a piece (struct cbit_piece) of a load. */
void cbit_order_load_answered(void *self, cbit_txn_t *txn);
/* All pieces of a slot are there, at the core's time at_n. */
void cbit_order_slot_complete(cbit_slot_t *slot, uint64_t at_n);

/* The store of the operation in progress. */
cbit_step_t cbit_order_store(cbit_vcpu_t *vcpu, const cbit_op_t *op);
/* Writes what may be written, in order. */
void cbit_order_write(cbit_vcpu_t *vcpu);
static inline void cbit_order_commit(cbit_vcpu_t *vcpu)
{
    if (vcpu->stores_busy != 0 && vcpu->store_waits[vcpu->stores_first] == 0) {
        cbit_order_write(vcpu);
    }
}

#endif
