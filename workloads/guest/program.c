/* The operations that a vCPU pulls: boot, then the source's records, with the kernel's work
 * between. */
#include <stddef.h>
#include <string.h>

#include "workloads/guest/state.h"

/* ---- the queue ---- */

/* Room is never short: one refill pushes at most two pages' clearing and a few operations. */
cbit_op_t *cbit_guest_new_op(cbit_guest_t *guest, cbit_op_kind_t kind)
{
    cbit_op_t *op = &guest->queue[guest->queue_count++];
    op->kind = kind;
    op->gva = 0;
    op->size_bytes = 0; /* so that no byte of data counts */
    op->depends = false;
    op->instructions = 0;
    op->cclk = 0;
    op->value = 0;
    op->cookie = 0;
    return op;
}

/* An operation on [gva, +size). */
static cbit_op_t *new_access(cbit_guest_t *guest, cbit_op_kind_t kind, cbit_gva_t gva,
                             uint32_t size_bytes, uint32_t instructions)
{
    cbit_op_t *op = cbit_guest_new_op(guest, kind);
    op->gva = gva;
    op->size_bytes = size_bytes;
    op->instructions = instructions;
    guest->stats.instructions += instructions;
    return op;
}

static void push_code_at(cbit_guest_t *guest, const cbit_guest_code_t *code, cbit_gva_t base,
                         const uint8_t *page)
{
    cbit_op_t *op =
        new_access(guest, CBIT_OP_FETCH, base + code->offset, code->size_bytes, code->instructions);
    memcpy(op->data, page + code->offset, code->size_bytes);
    guest->stats.fetches++;
}

void cbit_guest_push_code(cbit_guest_t *guest, const cbit_guest_code_t *code)
{
    push_code_at(guest, code, CBIT_GUEST_TEXT_GVA, guest->text);
}

static void fail(cbit_guest_t *guest, cbit_err_t err)
{
    guest->failed = guest->failed == CBIT_ERR_OK ? err : guest->failed;
}

/* ---- memory operations, and what must come of them ---- */

void cbit_guest_push_load(cbit_guest_t *guest, cbit_gva_t gva, uint32_t size_bytes, bool depends,
                          uint32_t instructions, const uint8_t *io_expected, uint32_t io)
{
    const uint8_t *bytes = cbit_guest_page_bytes(cbit_guest_page_of(guest, gva));
    uint64_t cookie = ++guest->cookie;
    cbit_guest_expected_t *expected = &guest->expected[cookie % CBIT_GUEST_EXPECTED];
    expected->cookie = cookie;
    expected->is_io = io_expected != NULL;
    expected->io = io;
    memcpy(expected->bytes, io_expected != NULL ? io_expected : bytes + gva % CBIT_PAGE_BYTES,
           size_bytes);
    cbit_op_t *op = new_access(guest, CBIT_OP_LOAD, gva, size_bytes, instructions);
    op->depends = depends;
    op->cookie = cookie;
}

void cbit_guest_push_store(cbit_guest_t *guest, cbit_gva_t gva, const uint8_t *bytes,
                           uint32_t size_bytes, uint32_t instructions)
{
    uint8_t *page = cbit_guest_page_write(cbit_guest_page_of(guest, gva));
    if (page == NULL) {
        fail(guest, CBIT_ERR_NO_MEMORY);
        return;
    }
    cbit_op_t *op = new_access(guest, CBIT_OP_STORE, gva, size_bytes, instructions);
    memcpy(op->data, bytes, size_bytes);
    memcpy(page + gva % CBIT_PAGE_BYTES, bytes, size_bytes);
    guest->stats.stores++;
}

/* The kernel's store into its page table, through the mapping that it has of the tables. */
static void push_map(cbit_guest_t *guest, const cbit_guest_page_t *page)
{
    uint8_t entry[8];
    uint64_t leaf = cbit_guest_tables_leaf(&guest->tables, page);
    for (uint32_t i = 0; i < sizeof entry; i++) {
        entry[i] = (uint8_t)(leaf >> (8 * i));
    }
    cbit_guest_push_code(guest, &cbit_guest_code_map);
    cbit_guest_push_store(guest,
                          CBIT_GUEST_TABLES_GVA + cbit_guest_tables_slot(&guest->tables, page->gva),
                          entry, sizeof entry, 0);
}

bool cbit_guest_touch(cbit_guest_t *guest, cbit_gva_t gva)
{
    static const uint8_t zeros[CBIT_LINE_BYTES];
    cbit_guest_page_t *page = cbit_guest_page_of(guest, gva);
    if (page == NULL) {
        fail(guest, CBIT_ERR_FORMAT); /* the source is not the one that was collected from */
        return false;
    }
    if (cbit_guest_page_bytes(page) != NULL) {
        return true;
    }
    cbit_gva_t start = gva - gva % CBIT_PAGE_BYTES;
    cbit_guest_push_code(guest, &cbit_guest_code_fault);
    if (page->use == CBIT_GUEST_USE_DATA) {
        push_map(guest, page);
    }
    cbit_guest_push_code(guest, &cbit_guest_code_clear);
    for (uint32_t at = 0; at < CBIT_PAGE_BYTES && guest->failed == CBIT_ERR_OK;
         at += CBIT_LINE_BYTES) {
        cbit_guest_push_store(guest, start + at, zeros, CBIT_LINE_BYTES, 0);
    }
    guest->stats.pages_cleared++;
    return guest->failed == CBIT_ERR_OK;
}

/* ---- boot ---- */

static void push_cr3(cbit_guest_t *guest, uint64_t cr3)
{
    cbit_guest_new_op(guest, CBIT_OP_WRITE_CR3)->value = cr3;
}

static void push_boot(cbit_guest_t *guest)
{
    push_code_at(guest, &cbit_guest_boot_legacy, CBIT_GUEST_BOOT_GPA, guest->boot);
    push_cr3(guest, CBIT_GUEST_TABLES_GPA);
    push_code_at(guest, &cbit_guest_boot_jump, CBIT_GUEST_BOOT_GPA, guest->boot);
    push_code_at(guest, &cbit_guest_boot_long_cr3, CBIT_GUEST_BOOT_GPA, guest->boot);
    push_cr3(guest, CBIT_GUEST_TABLES_GPA | guest->tables.c_mask);
    push_code_at(guest, &cbit_guest_boot_long_enter, CBIT_GUEST_BOOT_GPA, guest->boot);
    cbit_guest_push_code(guest, &cbit_guest_code_enter);
    guest->booted = true;
}

/* ---- records ---- */

static void push_fetch(cbit_guest_t *guest, const cbit_trace_record_t *record)
{
    const cbit_guest_page_t *page = cbit_guest_page_of(guest, record->gva);
    cbit_op_t *op = new_access(guest, CBIT_OP_FETCH, record->gva, record->size_bytes, record->gap);
    memcpy(op->data, cbit_guest_page_bytes(page) + record->gva % CBIT_PAGE_BYTES,
           record->size_bytes);
    guest->stats.fetches++;
}

/* What store number n of the program writes: splitmix64 of seed, address and n, 8 bytes a time. */
static void store_value(const cbit_guest_t *guest, cbit_gva_t gva, uint64_t number,
                        uint8_t bytes[CBIT_LINE_BYTES], uint32_t size_bytes)
{
    uint64_t base =
        cbit_splitmix64(cbit_splitmix64(cbit_splitmix64(guest->config.seed) ^ gva) ^ number);
    for (uint32_t at = 0; at < size_bytes; at += 8) {
        uint64_t word = at == 0 ? base : cbit_splitmix64(base + at);
        for (uint32_t i = at; i < at + 8 && i < size_bytes; i++, word >>= 8) {
            bytes[i] = (uint8_t)word;
        }
    }
}

/* Loads and stores are handed out line by line. */
static void push_data(cbit_guest_t *guest, const cbit_trace_record_t *record)
{
    cbit_gva_t gva = record->gva;
    uint32_t left = record->size_bytes, done = 0;
    uint8_t value[CBIT_LINE_BYTES];
    if (record->kind == CBIT_TRACE_STORE) {
        store_value(guest, gva, guest->store_number++, value, left);
    }
    while (left > 0 && cbit_guest_touch(guest, gva)) {
        uint32_t room = CBIT_LINE_BYTES - (uint32_t)(gva % CBIT_LINE_BYTES);
        uint32_t size = left < room ? left : room;
        uint32_t instructions = done == 0 ? record->gap : 0;
        if (record->kind == CBIT_TRACE_LOAD) {
            cbit_guest_push_load(guest, gva, size, record->depends && done == 0, instructions, NULL,
                                 0);
        } else {
            cbit_guest_push_store(guest, gva, value + done, size, instructions);
        }
        gva += size;
        done += size;
        left -= size;
    }
}

/* Every operation takes a core clock anyway; what is left of the gaps becomes think time. */
static void push_think(cbit_guest_t *guest, uint32_t gap)
{
    enum { WORTH_CCLK = 4 };
    uint64_t rate = guest->config.instructions_per_cclk;
    guest->owed += gap;
    guest->owed -= guest->owed < rate ? guest->owed : rate;
    if (guest->owed >= WORTH_CCLK * rate) {
        cbit_guest_new_op(guest, CBIT_OP_THINK)->cclk = guest->owed / rate;
        guest->owed %= rate;
    }
}

static const cbit_trace_record_t *next_record(cbit_guest_t *guest)
{
    uint64_t limit = guest->config.max_instructions;
    if (guest->source_ended || guest->failed != CBIT_ERR_OK ||
        (limit != 0 && guest->replayed >= limit)) {
        return NULL;
    }
    if (guest->batch_at == guest->batch_count) {
        const cbit_trace_source_t *source = guest->source;
        guest->batch_at = 0;
        cbit_err_t err =
            source->read(source->self, guest->batch, CBIT_GUEST_BATCH, &guest->batch_count, NULL);
        if (err != CBIT_ERR_OK) {
            fail(guest, err);
        }
        if (guest->batch_count == 0) {
            guest->source_ended = true;
            return NULL;
        }
    }
    guest->replayed += guest->batch[guest->batch_at].gap;
    return &guest->batch[guest->batch_at++];
}

/* Tells the hypervisor that the warm-up is over. */
static void push_measure(cbit_guest_t *guest)
{
    cbit_guest_push_code(guest, &cbit_guest_code_hypercall);
    cbit_guest_new_op(guest, CBIT_OP_HYPERCALL)->value = CBIT_GUEST_HYPERCALL_MEASURE;
    guest->warm = true;
}

/* The next record's operations; false at the end. */
static bool push_record(cbit_guest_t *guest)
{
    const cbit_trace_record_t *record = next_record(guest);
    if (record == NULL) {
        return false;
    }
    guest->stats.records++;
    if (!guest->warm && guest->replayed - record->gap >= guest->config.warm_up_instructions) {
        push_measure(guest);
    }
    push_think(guest, record->gap);
    if (record->kind != CBIT_TRACE_FETCH) {
        push_data(guest, record);
    } else if (cbit_guest_touch(guest, record->gva)) {
        push_fetch(guest, record);
    }
    return true;
}

/* ---- the vCPU's side ---- */

static void refill(cbit_guest_t *guest)
{
    guest->queue_at = 0;
    guest->queue_count = 0;
    if (!guest->booted) {
        push_boot(guest);
        return;
    }
    while (guest->queue_count == 0 && guest->failed == CBIT_ERR_OK) {
        if (!cbit_guest_io_advance(guest) && !push_record(guest)) {
            break;
        }
    }
    if (guest->queue_count == 0) {
        cbit_guest_push_code(guest, &cbit_guest_code_exit);
        (void)cbit_guest_new_op(guest, CBIT_OP_END);
    }
}

static bool program_next(void *self, cbit_op_t *op)
{
    cbit_guest_t *guest = self;
    if (guest->ended) {
        *op = (cbit_op_t){.kind = CBIT_OP_END};
        return true;
    }
    if (guest->queue_at == guest->queue_count) {
        refill(guest);
    }
    const cbit_op_t *queued = &guest->queue[guest->queue_at++];
    memcpy(op, queued, offsetof(cbit_op_t, data) + queued->size_bytes);
    guest->cr3_writes += op->kind == CBIT_OP_WRITE_CR3;
    guest->ended = op->kind == CBIT_OP_END;
    return true;
}

static void on_load(cbit_guest_t *guest, const cbit_op_t *op, const uint8_t *bytes)
{
    const cbit_guest_expected_t *expected = &guest->expected[op->cookie % CBIT_GUEST_EXPECTED];
    if (expected->cookie != op->cookie) {
        return; /* more loads outstanding than we remember: not checked, and not counted as such */
    }
    bool wrong = memcmp(expected->bytes, bytes, op->size_bytes) != 0;
    if (expected->is_io) {
        cbit_guest_io_slot_t *slot = &guest->io[expected->io % CBIT_GUEST_IO_QUEUE];
        slot->status.mismatches += wrong;
        guest->stats.io_mismatches += wrong && !slot->hopeless;
    } else {
        guest->stats.loads_checked++;
        guest->stats.load_mismatches += wrong;
    }
}

static void program_on_data(void *self, const cbit_op_t *op, const uint8_t *bytes)
{
    cbit_guest_t *guest = self;
    if (op->kind == CBIT_OP_LOAD) {
        on_load(guest, op, bytes);
    } else if (op->kind == CBIT_OP_FETCH) {
        guest->stats.fetches_checked++;
        guest->stats.fetch_mismatches += memcmp(op->data, bytes, op->size_bytes) != 0;
    }
}

const cbit_program_t *cbit_guest_program(cbit_guest_t *guest, uint32_t vcpu)
{
    guest->program =
        (cbit_program_t){.self = guest, .next = program_next, .on_data = program_on_data};
    return vcpu == 0 ? &guest->program : NULL;
}
