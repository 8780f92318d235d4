/* Requests of the core: in place, and loads and stores that go their own way. */
#include <string.h>

#include "model/vcpu/order.h"

void cbit_vcpu_tell_observer(cbit_vcpu_t *vcpu, cbit_target_t target, uint32_t len_bytes)
{
    cbit_spa_t first = target.spa & ~(cbit_spa_t)(CBIT_BLOCK_BYTES - 1);
    for (cbit_spa_t spa = first; spa < target.spa + len_bytes; spa += CBIT_BLOCK_BYTES) {
        uint8_t block[CBIT_BLOCK_BYTES];
        const cbit_port_t *memory = &vcpu->parts.memory;
        if (memory->peek(memory->self, spa, target.key, block, sizeof block) == CBIT_ERR_OK) {
            vcpu->observer(vcpu->observer_self, spa, target.key, block);
        }
    }
}

/* A read outside of memory, or under a key that is not loaded: a machine check. */
static cbit_step_t machine_check(cbit_vcpu_t *vcpu)
{
    vcpu->walk.active = false;
    vcpu->fault = (cbit_fault_t){.vector = VECTOR_MC};
    return STEP_FAULT;
}

static void blocking_answered(void *self, cbit_txn_t *txn)
{
    (void)txn;
    cbit_vcpu_t *vcpu = self;
    vcpu->blocking.state = BLOCKING_ANSWERED;
    cbit_vcpu_wake(vcpu);
}

static cbit_step_t take_answer(cbit_vcpu_t *vcpu, void *bytes, uint32_t len_bytes)
{
    cbit_txn_t *txn = &vcpu->blocking.txn;
    vcpu->blocking.state = BLOCKING_FREE;
    if (txn->status != CBIT_ERR_OK) {
        return machine_check(vcpu);
    }
    if (txn->locked) {
        memcpy(bytes, txn->data, 2 * (size_t)len_bytes);
    } else if (txn->command == CBIT_COMMAND_READ) {
        memcpy(bytes, txn->data, len_bytes);
        cbit_vcpu_saw(vcpu, (cbit_target_t){.spa = txn->spa, .key = txn->key}, len_bytes);
    }
    return STEP_DONE;
}

/* Time before it is taken counts as the core's. */
bool cbit_vcpu_send(cbit_vcpu_t *vcpu, const cbit_port_t *memory, cbit_txn_t *txn,
                    cbit_ps_t *refused_ps)
{
    cbit_ps_t now_ps = cbit_kernel_now_ps(vcpu->parts.kernel);
    cbit_ps_t waited_ps = *refused_ps == 0 ? 0 : now_ps - *refused_ps;
    cbit_txn_charge(txn, CBIT_STAGE_CORE, waited_ps);
    if (memory->try_send(memory->self, txn, &vcpu->space)) {
        *refused_ps = 0;
        cbit_vcpu_look_again(vcpu);
        return true;
    }
    txn->stage_ps[CBIT_STAGE_CORE] -= waited_ps;
    *refused_ps = *refused_ps == 0 ? now_ps : *refused_ps;
    return false;
}

/* A request in place; it was issued at born_n and has waited walk_ps for its translation. */
typedef struct in_place {
    const cbit_port_t *port;
    cbit_command_t command;
    cbit_target_t target;
    cbit_source_t source;
    bool locked;
    uint64_t born_n;
    cbit_ps_t walk_ps;
} in_place_t;

static void prepare(cbit_vcpu_t *vcpu, const in_place_t *what, const void *bytes,
                    uint32_t len_bytes)
{
    cbit_blocking_t *blocking = &vcpu->blocking;
    cbit_txn_init(&blocking->txn, what->command, what->target.spa, len_bytes, what->target.key,
                  what->source, cbit_vcpu_edge_ps(vcpu, what->born_n));
    blocking->txn.source_id = what->source == CBIT_SOURCE_HOST ? 0 : vcpu->context->guest;
    cbit_txn_charge(&blocking->txn, CBIT_STAGE_WALK, what->walk_ps);
    blocking->txn.locked = what->locked;
    if (what->command == CBIT_COMMAND_WRITE) {
        memcpy(blocking->txn.data, bytes, what->locked ? 2 * (size_t)len_bytes : len_bytes);
    }
    cbit_txn_push_reply(&blocking->txn, blocking_answered, vcpu);
    blocking->port = what->port;
    blocking->refused_ps = 0;
    blocking->state = BLOCKING_REFUSED;
}

/* Walks, fetches and descriptors see the core's own stores: one that is still in the buffer is
   waited for. A write in place comes after all that was begun before it. */
static bool in_order(cbit_vcpu_t *vcpu, const in_place_t *what, uint32_t len_bytes)
{
    bool waits = what->command == CBIT_COMMAND_WRITE
                     ? !cbit_vcpu_is_drained(vcpu)
                     : cbit_order_meets(vcpu, what->target, len_bytes);
    vcpu->waits_for_slot = waits;
    return !waits;
}

/* A locked one has the line to itself from the comparison to the write. */
static bool quick_exchange(const in_place_t *what, uint8_t *bytes, uint32_t len_bytes,
                           uint32_t *clocks)
{
    const cbit_port_t *port = what->port;
    const cbit_target_t *target = &what->target;
    uint8_t was[CBIT_LINE_BYTES];
    if (!port->quick(port->self, what->command, target->spa, target->key, NULL, 0, clocks) ||
        port->peek(port->self, target->spa, target->key, was, len_bytes) != CBIT_ERR_OK) {
        return false;
    }
    if (memcmp(was, bytes + len_bytes, len_bytes) == 0) {
        (void)port->quick(port->self, what->command, target->spa, target->key, bytes, len_bytes,
                          clocks);
    }
    memcpy(bytes + len_bytes, was, len_bytes);
    return true;
}

static bool quick(const in_place_t *what, void *bytes, uint32_t len_bytes, uint32_t *clocks)
{
    const cbit_port_t *port = what->port;
    if (port->quick == NULL) {
        return false;
    }
    return what->locked ? quick_exchange(what, bytes, len_bytes, clocks)
                        : port->quick(port->self, what->command, what->target.spa, what->target.key,
                                      bytes, len_bytes, clocks);
}

static cbit_step_t access_in_place(cbit_vcpu_t *vcpu, const in_place_t *what, void *bytes,
                                   uint32_t len_bytes)
{
    cbit_blocking_t *blocking = &vcpu->blocking;
    if (blocking->state == BLOCKING_ANSWERED) {
        return take_answer(vcpu, bytes, len_bytes);
    }
    if (blocking->state == BLOCKING_SENT) {
        return STEP_WAIT;
    }
    if (blocking->state == BLOCKING_FREE) {
        if (!cbit_vcpu_may_act(vcpu) || !in_order(vcpu, what, len_bytes)) {
            return STEP_WAIT;
        }
        uint32_t clocks;
        if (quick(what, bytes, len_bytes, &clocks)) {
            vcpu->n += clocks;
            if (what->command == CBIT_COMMAND_READ) {
                cbit_vcpu_saw(vcpu, what->target, len_bytes);
            }
            return STEP_DONE;
        }
        if (!cbit_vcpu_in_time(vcpu)) {
            return STEP_WAIT;
        }
        prepare(vcpu, what, bytes, len_bytes);
    }
    blocking->state = BLOCKING_SENT; /* before sending: the answer may come from inside */
    if (!cbit_vcpu_send(vcpu, blocking->port, &blocking->txn, &blocking->refused_ps)) {
        blocking->state = BLOCKING_REFUSED;
        return STEP_WAIT;
    }
    return blocking->state == BLOCKING_ANSWERED ? take_answer(vcpu, bytes, len_bytes) : STEP_WAIT;
}

cbit_step_t cbit_vcpu_access(cbit_vcpu_t *vcpu, cbit_command_t command, cbit_target_t target,
                             cbit_source_t source, void *bytes, uint32_t len_bytes)
{
    const in_place_t what = {.port = &vcpu->parts.memory,
                             .command = command,
                             .target = target,
                             .source = source,
                             .born_n = vcpu->n};
    return access_in_place(vcpu, &what, bytes, len_bytes);
}

cbit_step_t cbit_vcpu_exchange(cbit_vcpu_t *vcpu, cbit_target_t target, cbit_source_t source,
                               uint8_t bytes[16])
{
    const in_place_t what = {.port = &vcpu->parts.memory,
                             .command = CBIT_COMMAND_WRITE,
                             .target = target,
                             .source = source,
                             .locked = true,
                             .born_n = vcpu->n};
    return access_in_place(vcpu, &what, bytes, 8);
}

static uint32_t within_line(uint64_t address, uint32_t len)
{
    uint32_t room = CBIT_LINE_BYTES - (uint32_t)(address % CBIT_LINE_BYTES);
    return len < room ? len : room;
}

/* What the operation has waited for its translation. */
static cbit_ps_t waited_ps(const cbit_vcpu_t *vcpu)
{
    return vcpu->n == vcpu->issue_n
               ? 0
               : cbit_vcpu_edge_ps(vcpu, vcpu->n) - cbit_vcpu_edge_ps(vcpu, vcpu->issue_n);
}

cbit_step_t cbit_vcpu_read_piece(cbit_vcpu_t *vcpu, cbit_gva_t gva, cbit_intent_t intent,
                                 uint8_t *bytes, uint32_t *len)
{
    if (!vcpu->issued) {
        if (!cbit_vcpu_may_act(vcpu)) {
            return STEP_WAIT;
        }
        vcpu->issued = true;
        vcpu->straight = false;
        vcpu->issue_n = vcpu->n;
        vcpu->target_count = 0;
    }
    if (vcpu->target_count == 0) {
        cbit_step_t step = cbit_vcpu_translate(vcpu, gva, intent, &vcpu->targets[0]);
        if (step != STEP_DONE) {
            vcpu->issued = step == STEP_WAIT;
            return step;
        }
        vcpu->target_count = 1;
        vcpu->walk_ps = waited_ps(vcpu);
    }
    *len = within_line(gva, *len);
    const in_place_t what = {.port =
                                 intent == INTENT_FETCH ? &vcpu->parts.fetch : &vcpu->parts.memory,
                             .command = CBIT_COMMAND_READ,
                             .target = vcpu->targets[0],
                             .source = CBIT_SOURCE_VCPU,
                             .born_n = vcpu->issue_n,
                             .walk_ps = vcpu->walk_ps};
    cbit_step_t step = access_in_place(vcpu, &what, bytes, *len);
    if (step != STEP_WAIT) {
        cbit_vcpu_count_access(vcpu, vcpu->targets[0].key);
        vcpu->issued = false;
    }
    return step;
}

/* ---- loads and stores ---- */

/* What an access waits for before it may issue: room, and the load that its address comes from. */
static cbit_step_t start(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    bool store = op->kind == CBIT_OP_STORE;
    bool after_load = op->depends && vcpu->last_load != NULL;
    vcpu->slot = NULL; /* taken when it is needed; none that is free now can be gone by then */
    if (after_load || !cbit_vcpu_has_room(vcpu, store)) {
        vcpu->waits_for_slot = true;
        return STEP_WAIT;
    }
    if (op->depends && cbit_order_last_n(vcpu) > vcpu->n) {
        vcpu->n = cbit_order_last_n(vcpu);
    }
    if (!cbit_vcpu_may_act(vcpu)) {
        return STEP_WAIT;
    }
    vcpu->issued = true;
    vcpu->straight = false;
    vcpu->issue_n = vcpu->n;
    vcpu->at = 0;
    vcpu->target_count = 0;
    vcpu->piece = 0;
    vcpu->send_refused_ps = 0;
    vcpu->first_waited_ps = 0;
    return STEP_DONE;
}

static cbit_step_t translate_pieces(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    cbit_intent_t intent = op->kind == CBIT_OP_STORE ? INTENT_WRITE : INTENT_READ;
    while (vcpu->at < op->size_bytes) {
        cbit_gva_t gva = op->gva + vcpu->at;
        cbit_step_t step =
            cbit_vcpu_translate(vcpu, gva, intent, &vcpu->targets[vcpu->target_count]);
        if (step != STEP_DONE) {
            vcpu->issued = step == STEP_WAIT;
            return step;
        }
        uint32_t len = within_line(gva, op->size_bytes - vcpu->at);
        const cbit_target_t target = vcpu->targets[vcpu->target_count];
        cbit_vcpu_count_access(vcpu, target.key);
        vcpu->target_len[vcpu->target_count++] = (uint8_t)len;
        vcpu->at += len;
        if (vcpu->at == op->size_bytes) {
            vcpu->walk_ps = waited_ps(vcpu);
        }
        if (vcpu->n > vcpu->issue_n && vcpu->parts.memory.hint != NULL) {
            vcpu->parts.memory.hint(vcpu->parts.memory.self, target.spa);
        }
    }
    return STEP_DONE;
}

/* True if the piece is done with or on its way. */
static cbit_step_t send_piece(cbit_vcpu_t *vcpu, uint32_t offset, uint32_t *clocks)
{
    cbit_slot_t *slot = vcpu->slot;
    struct cbit_piece *piece = &slot->pieces[vcpu->piece];
    cbit_target_t target = vcpu->targets[vcpu->piece];
    uint32_t len = vcpu->target_len[vcpu->piece];
    const cbit_port_t *memory = &vcpu->parts.memory;
    if (vcpu->send_refused_ps == 0) {
        uint8_t *bytes = cbit_vcpu_carries_bytes(vcpu, false) ? slot->bytes + offset : NULL;
        if (memory->quick != NULL && memory->quick(memory->self, CBIT_COMMAND_READ, target.spa,
                                                   target.key, bytes, len, clocks)) {
            if (bytes != NULL) {
                cbit_vcpu_saw(vcpu, target, len);
            }
            return STEP_DONE;
        }
        if (!cbit_vcpu_in_time(vcpu)) {
            return STEP_WAIT;
        }
        cbit_txn_init(&piece->txn, CBIT_COMMAND_READ, target.spa, len, target.key, CBIT_SOURCE_VCPU,
                      cbit_vcpu_edge_ps(vcpu, vcpu->issue_n));
        piece->txn.source_id = vcpu->context->guest;
        cbit_txn_charge(&piece->txn, CBIT_STAGE_WALK, vcpu->walk_ps);
        cbit_txn_charge(&piece->txn, CBIT_STAGE_CORE, vcpu->first_waited_ps);
        piece->txn.no_bytes = bytes == NULL;
        cbit_txn_push_reply(&piece->txn, cbit_order_load_answered, piece);
        piece->offset = (uint8_t)offset;
    }
    slot->pending++;
    cbit_ps_t since_ps = vcpu->send_refused_ps;
    slot->retried = slot->retried || since_ps != 0;
    if (!cbit_vcpu_send(vcpu, memory, &piece->txn, &vcpu->send_refused_ps)) {
        slot->pending--;
        return STEP_WAIT;
    }
    if (since_ps != 0) {
        vcpu->first_waited_ps += cbit_kernel_now_ps(vcpu->parts.kernel) - since_ps;
    }
    return STEP_DONE;
}

static cbit_step_t issue_load(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    if (vcpu->slot == NULL) {
        uint8_t bytes[CBIT_LINE_BYTES];
        cbit_forward_t forward = cbit_order_forward(vcpu, bytes);
        if (forward == FORWARD_WAIT) {
            vcpu->waits_for_slot = true;
            return STEP_WAIT;
        }
        if (forward == FORWARD_WHOLE) {
            vcpu->issued = false;
            cbit_order_load_now(vcpu, op, bytes, vcpu->config.forward_cclk);
            return STEP_DONE;
        }
        (void)cbit_order_begin_slot(vcpu, op);
        vcpu->first_waited_ps = waited_ps(vcpu) - vcpu->walk_ps; /* for a store in the buffer */
    }
    uint32_t clocks = 0;
    while (vcpu->piece < vcpu->target_count) {
        cbit_step_t step = send_piece(vcpu, vcpu->piece == 0 ? 0 : vcpu->target_len[0], &clocks);
        if (step != STEP_DONE) {
            return step;
        }
        vcpu->piece++;
    }
    vcpu->issued = false;
    if (--vcpu->slot->pending == 0) {
        cbit_order_slot_complete(vcpu->slot, vcpu->n + clocks);
    }
    return STEP_DONE;
}

cbit_step_t cbit_vcpu_issue(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    cbit_step_t step = STEP_DONE;
    if (!vcpu->issued) {
        step = start(vcpu, op);
    }
    if (step == STEP_DONE && vcpu->at < op->size_bytes) {
        step = translate_pieces(vcpu, op);
    }
    if (step != STEP_DONE || !cbit_vcpu_may_act(vcpu)) {
        return step == STEP_DONE ? STEP_WAIT : step;
    }
    if (op->kind == CBIT_OP_LOAD) {
        return issue_load(vcpu, op);
    }
    step = cbit_order_store(vcpu, op);
    vcpu->issued = step == STEP_WAIT;
    return step;
}
