/*
 * The order in which loads get their bytes and stores are seen: x86 TSO.
 *
 * A load that finds no earlier one waiting has its bytes at once. Others wait here until all before
 * them have theirs, and then read what is true at that moment: as a core does that replays a load
 * whose line was taken away meanwhile, but at no cost in time. Stores wait in the buffer until the
 * loads before them have their bytes and the stores before them are written; meanwhile their lines
 * are fetched for writing, all at the same time.
 */
#include <string.h>

#include "model/vcpu/order.h"

/* ---- loads ---- */

static bool overlap(const struct cbit_store_piece *piece, cbit_target_t target, uint32_t len)
{
    return piece->target.key == target.key && piece->target.spa < target.spa + len &&
           target.spa < piece->target.spa + piece->len;
}

/* i: from the oldest on. */
static cbit_store_t *store_at(const cbit_vcpu_t *vcpu, uint32_t i)
{
    return &vcpu->stores[cbit_order_wrap(vcpu->stores_first + i, vcpu->config.max_stores + 1)];
}

/* The newest piece that meets the bytes of a load, among the stores but the newest `skip`. */
static const struct cbit_store_piece *newest_over(const cbit_vcpu_t *vcpu, uint32_t skip,
                                                  cbit_target_t target, uint32_t len,
                                                  const cbit_store_t **store)
{
    for (uint32_t i = skip; i < vcpu->stores_busy; i++) {
        *store = store_at(vcpu, vcpu->stores_busy - 1 - i);
        for (uint32_t p = 0; p < (*store)->count; p++) {
            if (overlap(&(*store)->pieces[p], target, len)) {
                return &(*store)->pieces[p];
            }
        }
    }
    return NULL;
}

static void copy_from(const cbit_store_t *store, const struct cbit_store_piece *piece,
                      cbit_target_t target, uint32_t len, uint8_t *bytes)
{
    memcpy(bytes, store->bytes + piece->offset + (target.spa - piece->target.spa), len);
}

static void read_memory(const cbit_vcpu_t *vcpu, cbit_target_t target, uint32_t len, uint8_t *bytes)
{
    const cbit_port_t *memory = &vcpu->parts.memory;
    if (memory->peek(memory->self, target.spa, target.key, bytes, len) != CBIT_ERR_OK) {
        memset(bytes, 0, len);
    }
}

cbit_forward_t cbit_order_forward(const cbit_vcpu_t *vcpu, uint8_t *bytes)
{
    for (uint32_t i = 0; i < vcpu->target_count; i++) {
        cbit_target_t target = vcpu->targets[i];
        uint32_t len = vcpu->target_len[i];
        if (!cbit_order_meets_line(vcpu, target.spa)) {
            continue;
        }
        const cbit_store_t *store;
        const struct cbit_store_piece *piece = newest_over(vcpu, 0, target, len, &store);
        if (piece == NULL) {
            continue;
        }
        bool whole = vcpu->target_count == 1 && piece->target.spa <= target.spa &&
                     target.spa + len <= piece->target.spa + piece->len;
        if (!whole) {
            return FORWARD_WAIT;
        }
        if (!vcpu->parts.timing_only) {
            copy_from(store, piece, target, len, bytes);
        } else if (vcpu->context->program.on_data != NULL) { /* stores carry none */
            read_memory(vcpu, target, len, bytes);
        }
        return FORWARD_WHOLE;
    }
    return FORWARD_NOTHING;
}

static void describe_load(const cbit_vcpu_t *vcpu, cbit_told_t *told, const cbit_op_t *op,
                          const cbit_slot_t *slot)
{
    told->stores = vcpu->store_number;
    told->slot = slot;
    told->pieces = vcpu->target_count;
    for (uint32_t i = 0; i < vcpu->target_count; i++) {
        told->targets[i] = vcpu->targets[i];
        told->len[i] = vcpu->target_len[i];
    }
    told->op = *op;
    told->context = vcpu->context;
}

cbit_load_t *cbit_order_load(cbit_vcpu_t *vcpu, const cbit_op_t *op, const cbit_slot_t *slot)
{
    const uint32_t at =
        cbit_order_wrap(vcpu->loads_first + vcpu->loads_count++, vcpu->config.load_queue);
    cbit_load_t *load = &vcpu->loads[at];
    load->number = vcpu->load_number;
    load->complete = slot == NULL;
    describe_load(vcpu, &vcpu->told[at], op, slot);
    return load;
}

void cbit_order_give_now(cbit_vcpu_t *vcpu, const cbit_op_t *op, const uint8_t *bytes)
{
    const cbit_program_t *program = &vcpu->context->program;
    if (vcpu->loads_busy != 0) {
        (void)cbit_order_load(vcpu, op, NULL);
        vcpu->load_number++;
        return;
    }
    vcpu->load_number++;
    if (op->copied) {
        memcpy(vcpu->context->copied, bytes, op->size_bytes);
    }
    program->on_data(program->self, op, bytes);
}

/* For the store behind a load, which has gone into the buffer already or has not been issued yet.
 */
static void keep_for_store(cbit_vcpu_t *vcpu, const cbit_told_t *told, uint64_t number,
                           const uint8_t *bytes)
{
    memcpy(told->context->copied, bytes, told->op.size_bytes);
    for (uint32_t i = 0; i < vcpu->stores_busy; i++) {
        cbit_store_t *store = store_at(vcpu, i);
        if (store->copied && store->loads == number + 1) {
            memcpy(store->bytes, bytes, told->op.size_bytes);
            return;
        }
    }
}

/* What a load reads now: of its own core's earlier stores, or what all cores see. */
static void read_now(const cbit_vcpu_t *vcpu, const cbit_told_t *told, uint8_t *bytes)
{
    uint32_t newer = (uint32_t)(vcpu->store_number - told->stores);
    for (uint32_t i = 0, at = 0; i < told->pieces; at += told->len[i], i++) {
        const cbit_store_t *store;
        const struct cbit_store_piece *piece =
            newest_over(vcpu, newer, told->targets[i], told->len[i], &store);
        if (piece != NULL && !vcpu->parts.timing_only) {
            copy_from(store, piece, told->targets[i], told->len[i], bytes + at);
        } else {
            read_memory(vcpu, told->targets[i], told->len[i], bytes + at);
        }
    }
}

static void give(cbit_vcpu_t *vcpu, const cbit_load_t *load, const cbit_slot_t *fresh)
{
    const cbit_told_t *told = &vcpu->told[load - vcpu->loads];
    const cbit_program_t *program = &told->context->program;
    uint8_t bytes[CBIT_LINE_BYTES];
    bool is_fresh = told->slot == fresh && told->pieces == 1 && !fresh->retried;
    if (!is_fresh) {
        read_now(vcpu, told, bytes);
    }
    if (told->op.copied && !vcpu->parts.timing_only) {
        keep_for_store(vcpu, told, load->number, is_fresh ? fresh->bytes : bytes);
    }
    program->on_data(program->self, &told->op, is_fresh ? fresh->bytes : bytes);
}

bool cbit_order_makes_room(cbit_vcpu_t *vcpu)
{
    if (vcpu->oldest_slot != NULL && vcpu->oldest_slot->number == vcpu->load_oldest) {
        return false;
    }
    vcpu->load_oldest = vcpu->load_number;
    for (uint32_t i = 0; i < vcpu->config.max_misses; i++) {
        if (vcpu->slots[i].number < vcpu->load_oldest) {
            vcpu->load_oldest = vcpu->slots[i].number;
            vcpu->oldest_slot = &vcpu->slots[i];
        }
    }
    return vcpu->load_number - vcpu->load_oldest < vcpu->config.load_queue;
}

/* The program hears of a slot's bytes, and of those behind it that have waited for it. */
static __attribute__((noinline)) void tell(cbit_vcpu_t *vcpu, const cbit_slot_t *slot)
{
    slot->load->complete = true;
    while (vcpu->loads_count != 0 && vcpu->loads[vcpu->loads_first].complete) {
        give(vcpu, &vcpu->loads[vcpu->loads_first], slot);
        vcpu->loads_first = cbit_order_wrap(vcpu->loads_first + 1, vcpu->config.load_queue);
        vcpu->loads_count--;
    }
    vcpu->told[slot->load - vcpu->loads].slot = NULL;
}

static inline void slot_complete(cbit_vcpu_t *vcpu, cbit_slot_t *slot)
{
    vcpu->slots_free[--vcpu->loads_busy] = slot;
    vcpu->last_load = vcpu->last_load == slot ? NULL : vcpu->last_load;
    --*slot->store_waits;
    slot->number = UINT64_MAX;
    if (slot->load != NULL) {
        tell(vcpu, slot);
    }
}

void cbit_order_slot_complete(cbit_slot_t *slot, uint64_t at_n)
{
    cbit_vcpu_t *vcpu = slot->vcpu;
    vcpu->last_load_n = at_n > vcpu->last_load_n ? at_n : vcpu->last_load_n;
    slot_complete(vcpu, slot);
}

void cbit_order_load_answered(void *self, cbit_txn_t *txn)
{
    struct cbit_piece *piece = self;
    cbit_slot_t *slot = piece->slot;
    cbit_vcpu_t *vcpu = slot->vcpu;
    if (!txn->no_bytes) {
        /* A machine check of a load that nobody waits for is not precise: its bytes are zero. */
        memcpy(slot->bytes + piece->offset, txn->data, txn->size_bytes);
        cbit_vcpu_saw(vcpu, (cbit_target_t){.spa = txn->spa, .key = txn->key}, txn->size_bytes);
    }
    if (--slot->pending != 0) {
        return;
    }
    vcpu->answered_ps = cbit_kernel_now_ps(vcpu->parts.kernel);
    slot_complete(vcpu, slot);
    cbit_order_commit(vcpu);
    if (vcpu->waits_for_slot) {
        cbit_vcpu_resume(vcpu);
    }
}

bool cbit_order_meets_any(const cbit_vcpu_t *vcpu, cbit_target_t target, uint32_t len)
{
    const cbit_store_t *store;
    return newest_over(vcpu, 0, target, len, &store) != NULL;
}

/* ---- stores ---- */

static void pop_store(cbit_vcpu_t *vcpu, const cbit_store_t *store)
{
    for (uint32_t i = 0; i < store->count; i++) {
        vcpu->store_lines[store->pieces[i].target.spa / CBIT_LINE_BYTES % STORE_LINES]--;
    }
    vcpu->stores_first = cbit_order_wrap(vcpu->stores_first + 1, vcpu->config.max_stores + 1);
    vcpu->stores_busy--;
    if (vcpu->waits_for_slot) {
        cbit_vcpu_resume(vcpu);
    }
}

static void piece_answered(void *self, cbit_txn_t *txn)
{
    (void)txn;
    struct cbit_store_piece *piece = self;
    piece->state = piece->state == PIECE_WRITING ? PIECE_WRITTEN : PIECE_IDLE;
    cbit_order_commit(piece->vcpu);
}

/* Sends for a piece: its bytes, or (no bytes) for its line to come to this core alone. */
static bool send_piece(cbit_vcpu_t *vcpu, struct cbit_store_piece *piece, const uint8_t *bytes,
                       cbit_ps_t born_ps, cbit_ps_t walk_ps)
{
    const cbit_port_t *memory = &vcpu->parts.memory;
    uint32_t len = bytes == NULL ? 0 : piece->len;
    cbit_txn_init(&piece->txn, CBIT_COMMAND_WRITE, piece->target.spa, len, piece->target.key,
                  CBIT_SOURCE_VCPU, born_ps);
    piece->txn.source_id = vcpu->context->guest;
    cbit_txn_charge(&piece->txn, CBIT_STAGE_WALK, walk_ps);
    piece->txn.no_bytes = bytes == NULL || vcpu->parts.timing_only;
    if (!piece->txn.no_bytes) {
        memcpy(piece->txn.data, bytes, len);
    }
    cbit_txn_push_reply(&piece->txn, piece_answered, piece);
    piece->txn.no_fill = bytes == NULL && piece->len == CBIT_LINE_BYTES; /* written whole later */
    piece->state = bytes == NULL ? PIECE_FETCHING : PIECE_WRITING;
    if (!memory->try_send(memory->self, &piece->txn, bytes == NULL ? NULL : &vcpu->store_space)) {
        piece->state = PIECE_IDLE;
        return false;
    }
    return true;
}

static bool quick(const cbit_vcpu_t *vcpu, const struct cbit_store_piece *piece, uint8_t *bytes,
                  uint32_t len)
{
    const cbit_port_t *memory = &vcpu->parts.memory;
    uint32_t clocks;
    bytes = vcpu->parts.timing_only ? NULL : bytes;
    return memory->quick != NULL &&
           memory->quick(memory->self, CBIT_COMMAND_WRITE, piece->target.spa, piece->target.key,
                         bytes, len, &clocks);
}

/* One piece of the oldest store further on; false: it waits. */
static bool advance(cbit_vcpu_t *vcpu, cbit_store_t *store)
{
    struct cbit_store_piece *piece = &store->pieces[store->at];
    uint8_t *bytes = store->bytes + piece->offset;
    if (piece->state == PIECE_IDLE) {
        if (quick(vcpu, piece, bytes, piece->len)) {
            piece->state = PIECE_WRITTEN;
        } else {
            (void)send_piece(vcpu, piece, bytes, cbit_kernel_now_ps(vcpu->parts.kernel), 0);
        }
    }
    if (piece->state != PIECE_WRITTEN) {
        return false;
    }
    store->at++;
    return true;
}

void cbit_order_write(cbit_vcpu_t *vcpu)
{
    if (vcpu->committing) {
        return; /* an answer from inside a send: the loop below goes on */
    }
    vcpu->committing = true;
    while (vcpu->stores_busy != 0) {
        cbit_store_t *store = &vcpu->stores[vcpu->stores_first];
        if (vcpu->store_waits[vcpu->stores_first] != 0) {
            break;
        }
        while (store->at < store->count && advance(vcpu, store)) {
        }
        if (store->at < store->count) {
            break;
        }
        pop_store(vcpu, store);
    }
    vcpu->committing = false;
}

static inline void describe(cbit_vcpu_t *vcpu, const cbit_op_t *op, cbit_store_t *store,
                            uint32_t count)
{
    store->loads = vcpu->load_number;
    store->count = (uint8_t)count;
    store->at = 0;
    store->copied = op->copied && vcpu->loads_busy != 0; /* its load is the last of them */
    if (!vcpu->parts.timing_only) {
        memcpy(store->bytes, cbit_order_data(vcpu, op), op->size_bytes);
    }
    for (uint32_t i = 0, offset = 0; i < count; offset += store->pieces[i].len, i++) {
        struct cbit_store_piece *piece = &store->pieces[i];
        piece->state = PIECE_IDLE;
        piece->target = vcpu->targets[i];
        piece->offset = (uint8_t)offset;
        piece->len = vcpu->target_len[i];
    }
}

/* The next entry of the buffer is the operation's: it counts from now on. */
static inline void push_store(cbit_vcpu_t *vcpu, const cbit_store_t *store, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        vcpu->store_lines[store->pieces[i].target.spa / CBIT_LINE_BYTES % STORE_LINES]++;
    }
    vcpu->stores_next = cbit_order_wrap(vcpu->stores_next + 1, vcpu->config.max_stores + 1);
    vcpu->stores_busy++;
    vcpu->store_number++;
}

/*
 * A store of so many pieces. Nobody is before it: it is written at once, or sent. Else it waits,
 * and its lines are asked for already (one that is written whole need not come from memory); what
 * is refused is asked for again when its turn comes.
 */
static inline cbit_step_t issue_store(cbit_vcpu_t *vcpu, const cbit_op_t *op, uint32_t count)
{
    cbit_store_t *store = &vcpu->stores[vcpu->stores_next];
    const bool first = cbit_vcpu_is_drained(vcpu);
    describe(vcpu, op, store, count);
    bool absent[CBIT_STORE_PIECES] = {false, false}, any = false;
    for (uint32_t i = 0; i < count; i++) {
        struct cbit_store_piece *piece = &store->pieces[i];
        absent[i] = !quick(vcpu, piece, store->bytes + piece->offset, first ? piece->len : 0);
        any = any || absent[i];
        if (first && absent[i]) {
            break; /* what comes after it is not written before it */
        }
        piece->state = first ? PIECE_WRITTEN : PIECE_IDLE;
    }
    if (!any && first) {
        vcpu->store_number++;
        return STEP_DONE;
    }
    if (any && !cbit_vcpu_in_time(vcpu)) {
        return STEP_WAIT;
    }
    push_store(vcpu, store, count);
    for (uint32_t i = 0; i < count; i++) {
        struct cbit_store_piece *piece = &store->pieces[i];
        if (absent[i]) {
            (void)send_piece(vcpu, piece, first ? store->bytes + piece->offset : NULL,
                             cbit_vcpu_core_ps(vcpu) - vcpu->walk_ps, vcpu->walk_ps);
        }
    }
    if (any) {
        cbit_vcpu_look_again(vcpu);
    }
    return STEP_DONE;
}

static __attribute__((noinline)) cbit_step_t issue_two(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    /* Once begun, both pieces go on. */
    return cbit_vcpu_in_time(vcpu) ? issue_store(vcpu, op, CBIT_STORE_PIECES) : STEP_WAIT;
}

cbit_step_t cbit_order_store(cbit_vcpu_t *vcpu, const cbit_op_t *op)
{
    return vcpu->target_count == 1 ? issue_store(vcpu, op, 1) : issue_two(vcpu, op);
}
