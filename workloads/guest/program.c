/* The operations that a vCPU pulls: boot, then the source's records, with the kernel's work
 * between. */
#include <stddef.h>
#include <string.h>

#include "workloads/guest/state.h"

/* ---- the queue ---- */

/* Room is never short: one refill pushes at most two pages' clearing and a few operations. */
cbit_op_t *cbit_guest_new_op(cbit_guest_cpu_t *cpu, cbit_op_kind_t kind)
{
    cbit_op_t *op = &cpu->queue[cpu->queue_count++];
    op->kind = kind;
    op->gva = 0;
    op->size_bytes = 0; /* so that no byte of data counts */
    op->depends = false;
    op->copied = false;
    op->instructions = 0;
    op->cclk = 0;
    op->value = 0;
    op->cookie = 0;
    return op;
}

/* An operation on [gva, +size). */
static cbit_op_t *new_access(cbit_guest_cpu_t *cpu, cbit_op_kind_t kind, cbit_gva_t gva,
                             uint32_t size_bytes, uint32_t instructions)
{
    cbit_op_t *op = cbit_guest_new_op(cpu, kind);
    op->gva = gva;
    op->size_bytes = size_bytes;
    op->instructions = instructions;
    cpu->guest->stats.instructions += instructions;
    return op;
}

static void push_code_at(cbit_guest_cpu_t *cpu, const cbit_guest_code_t *code, cbit_gva_t base,
                         const uint8_t *page)
{
    cbit_op_t *op =
        new_access(cpu, CBIT_OP_FETCH, base + code->offset, code->size_bytes, code->instructions);
    memcpy(op->data, page + code->offset, code->size_bytes);
    cpu->guest->stats.fetches++;
}

void cbit_guest_push_code(cbit_guest_cpu_t *cpu, const cbit_guest_code_t *code)
{
    push_code_at(cpu, code, CBIT_GUEST_TEXT_GVA, cpu->guest->text);
}

static void fail(cbit_guest_cpu_t *cpu, cbit_err_t err)
{
    cpu->guest->failed = cpu->guest->failed == CBIT_ERR_OK ? err : cpu->guest->failed;
}

/* ---- memory operations, and what must come of them ---- */

uint64_t cbit_guest_push_load(cbit_guest_cpu_t *cpu, cbit_gva_t gva, uint32_t size_bytes,
                              bool depends, uint32_t instructions, cbit_guest_load_kind_t kind,
                              const uint8_t *wanted, uint32_t io)
{
    const uint8_t *bytes = cbit_guest_page_bytes(cbit_guest_page_of(cpu, gva));
    uint64_t cookie = ++cpu->cookie;
    cbit_guest_expected_t *expected = &cpu->expected[cookie % CBIT_GUEST_EXPECTED];
    expected->cookie = cookie;
    expected->gva = gva;
    expected->kind = (uint8_t)kind;
    expected->io = io;
    memcpy(expected->bytes, wanted != NULL ? wanted : bytes + gva % CBIT_PAGE_BYTES, size_bytes);
    cbit_op_t *op = new_access(cpu, CBIT_OP_LOAD, gva, size_bytes, instructions);
    op->depends = depends;
    op->cookie = cookie;
    return cookie;
}

void cbit_guest_push_store(cbit_guest_cpu_t *cpu, cbit_gva_t gva, const uint8_t *bytes,
                           uint32_t size_bytes, uint32_t instructions)
{
    cbit_guest_page_t *target = cbit_guest_page_of(cpu, gva);
    uint8_t *page = cbit_guest_page_write(target);
    bool raced = target->common && cpu->guest->config.vcpus > 1;
    if (page == NULL || (raced && !cbit_guest_races_store(&cpu->guest->races, cpu->index, gva,
                                                          bytes, size_bytes))) {
        fail(cpu, CBIT_ERR_NO_MEMORY);
        return;
    }
    cbit_op_t *op = new_access(cpu, CBIT_OP_STORE, gva, size_bytes, instructions);
    memcpy(op->data, bytes, size_bytes);
    memcpy(page + gva % CBIT_PAGE_BYTES, bytes, size_bytes);
    cpu->guest->stats.stores++;
}

/* The kernel's store into its page table, through the mapping that it has of the tables. */
void cbit_guest_push_map(cbit_guest_cpu_t *cpu, const cbit_guest_page_t *page)
{
    uint8_t entry[8];
    uint64_t leaf = cbit_guest_tables_leaf(&cpu->guest->tables, page);
    for (uint32_t i = 0; i < sizeof entry; i++) {
        entry[i] = (uint8_t)(leaf >> (8 * i));
    }
    cbit_guest_push_code(cpu, &cbit_guest_code_map);
    cbit_guest_push_store(
        cpu, CBIT_GUEST_TABLES_GVA + cbit_guest_tables_slot(&cpu->guest->tables, page->gva), entry,
        sizeof entry, 0);
}

bool cbit_guest_touch(cbit_guest_cpu_t *cpu, cbit_gva_t gva)
{
    static const uint8_t zeros[CBIT_LINE_BYTES];
    cbit_guest_page_t *page = cbit_guest_page_of(cpu, gva);
    if (page == NULL) {
        fail(cpu, CBIT_ERR_FORMAT); /* the source is not the one that was collected from */
        return false;
    }
    if (cbit_guest_page_bytes(page) != NULL) {
        return true;
    }
    cbit_gva_t start = gva - gva % CBIT_PAGE_BYTES;
    if (page->use == CBIT_GUEST_USE_SWIOTLB) {
        return cbit_guest_page_write(page) != NULL; /* nothing is read there before it is written */
    }
    cbit_guest_push_code(cpu, &cbit_guest_code_fault);
    if (page->use == CBIT_GUEST_USE_DATA) {
        cbit_guest_push_map(cpu, page);
    }
    cbit_guest_push_code(cpu, &cbit_guest_code_clear);
    for (uint32_t at = 0; at < CBIT_PAGE_BYTES && cpu->guest->failed == CBIT_ERR_OK;
         at += CBIT_LINE_BYTES) {
        cbit_guest_push_store(cpu, start + at, zeros, CBIT_LINE_BYTES, 0);
    }
    cpu->guest->stats.pages_cleared++;
    return cpu->guest->failed == CBIT_ERR_OK;
}

/* ---- boot ---- */

static void push_cr3(cbit_guest_cpu_t *cpu, uint64_t cr3)
{
    cbit_guest_new_op(cpu, CBIT_OP_WRITE_CR3)->value = cr3;
}

static void push_boot(cbit_guest_cpu_t *cpu)
{
    push_code_at(cpu, &cbit_guest_boot_legacy, CBIT_GUEST_BOOT_GPA, cpu->guest->boot);
    push_cr3(cpu, CBIT_GUEST_TABLES_GPA);
    push_code_at(cpu, &cbit_guest_boot_jump, CBIT_GUEST_BOOT_GPA, cpu->guest->boot);
    push_code_at(cpu, &cbit_guest_boot_long_cr3, CBIT_GUEST_BOOT_GPA, cpu->guest->boot);
    push_cr3(cpu, CBIT_GUEST_TABLES_GPA | cpu->guest->tables.c_mask);
    push_code_at(cpu, &cbit_guest_boot_long_enter, CBIT_GUEST_BOOT_GPA, cpu->guest->boot);
    cbit_guest_push_code(cpu, &cbit_guest_code_enter);
    cpu->booted = true;
}

/* ---- records ---- */

static void push_fetch(cbit_guest_cpu_t *cpu, const cbit_trace_record_t *record)
{
    const cbit_guest_page_t *page = cbit_guest_page_of(cpu, record->gva);
    cbit_op_t *op = new_access(cpu, CBIT_OP_FETCH, record->gva, record->size_bytes, record->gap);
    memcpy(op->data, cbit_guest_page_bytes(page) + record->gva % CBIT_PAGE_BYTES,
           record->size_bytes);
    cpu->guest->stats.fetches++;
}

/* What store number n of the program writes: splitmix64 of seed, address and n, 8 bytes a time. */
static void store_value(const cbit_guest_cpu_t *cpu, cbit_gva_t gva, uint64_t number,
                        uint8_t bytes[CBIT_LINE_BYTES], uint32_t size_bytes)
{
    uint64_t seed = cpu->guest->config.seed + cpu->index;
    uint64_t base = cbit_splitmix64(cbit_splitmix64(cbit_splitmix64(seed) ^ gva) ^ number);
    for (uint32_t at = 0; at < size_bytes; at += 8) {
        uint64_t word = at == 0 ? base : cbit_splitmix64(base + at);
        for (uint32_t i = at; i < at + 8 && i < size_bytes; i++, word >>= 8) {
            bytes[i] = (uint8_t)word;
        }
    }
}

/* Loads and stores are handed out line by line. */
static void push_data(cbit_guest_cpu_t *cpu, const cbit_trace_record_t *record)
{
    cbit_gva_t gva = cbit_guest_place(cpu->guest, cpu->index, record->gva);
    uint32_t left = record->size_bytes, done = 0;
    uint8_t value[CBIT_LINE_BYTES];
    if (record->kind == CBIT_TRACE_STORE) {
        store_value(cpu, gva, cpu->store_number++, value, left);
    }
    while (left > 0 && cbit_guest_touch(cpu, gva)) {
        uint32_t room = CBIT_LINE_BYTES - (uint32_t)(gva % CBIT_LINE_BYTES);
        uint32_t size = left < room ? left : room;
        uint32_t instructions = done == 0 ? record->gap : 0;
        if (record->kind == CBIT_TRACE_LOAD) {
            (void)cbit_guest_push_load(cpu, gva, size, record->depends && done == 0, instructions,
                                       CBIT_GUEST_LOAD_DATA, NULL, 0);
        } else {
            cbit_guest_push_store(cpu, gva, value + done, size, instructions);
        }
        done += size;
        left -= size;
        gva = cbit_guest_place(cpu->guest, cpu->index, record->gva + done);
    }
}

/* Every operation takes a core clock anyway; what is left of the gaps becomes think time. */
static void push_think(cbit_guest_cpu_t *cpu, uint32_t gap)
{
    enum { WORTH_CCLK = 4 };
    uint64_t rate = cpu->guest->config.instructions_per_cclk;
    cpu->owed += gap;
    cpu->owed -= cpu->owed < rate ? cpu->owed : rate;
    if (cpu->owed >= WORTH_CCLK * rate) {
        cbit_guest_new_op(cpu, CBIT_OP_THINK)->cclk = cpu->owed / rate;
        cpu->owed %= rate;
    }
}

static const cbit_trace_record_t *next_record(cbit_guest_cpu_t *cpu)
{
    uint64_t limit = cpu->guest->config.max_instructions;
    if (cpu->source_ended || cpu->guest->failed != CBIT_ERR_OK ||
        (limit != 0 && cpu->replayed >= limit)) {
        return NULL;
    }
    if (cpu->batch_at == cpu->batch_count) {
        const cbit_trace_source_t *source = cpu->source;
        cpu->batch_at = 0;
        cbit_err_t err =
            source->read(source->self, cpu->batch, CBIT_GUEST_BATCH, &cpu->batch_count, NULL);
        if (err != CBIT_ERR_OK) {
            fail(cpu, err);
        }
        if (cpu->batch_count == 0) {
            cpu->source_ended = true;
            return NULL;
        }
    }
    cpu->replayed += cpu->batch[cpu->batch_at].gap;
    return &cpu->batch[cpu->batch_at++];
}

/* Tells the hypervisor that the warm-up is over. */
static void push_measure(cbit_guest_cpu_t *cpu)
{
    cbit_guest_push_code(cpu, &cbit_guest_code_hypercall);
    cbit_guest_new_op(cpu, CBIT_OP_HYPERCALL)->value = CBIT_GUEST_HYPERCALL_MEASURE;
    cpu->warm = true;
}

/*
 * vCPU 0 maps and clears what several vCPUs will touch, a page at a time, then lets the others
 * start: they never meet an entry that is on its way. False when that is done.
 */
static bool push_preparation(cbit_guest_cpu_t *cpu)
{
    cbit_guest_t *guest = cpu->guest;
    if (cpu->index != 0 || cpu->others_started) {
        return false;
    }
    while (cpu->prepared < guest->pages.count) {
        const cbit_guest_page_t *page = &guest->pages.items[cpu->prepared++];
        if (page->common && page->use == CBIT_GUEST_USE_DATA) {
            (void)cbit_guest_touch(cpu, page->gva);
            return true;
        }
    }
    cbit_guest_push_code(cpu, &cbit_guest_code_hypercall);
    cbit_guest_new_op(cpu, CBIT_OP_HYPERCALL)->value = CBIT_GUEST_HYPERCALL_START;
    cpu->others_started = true;
    return true;
}

/* The owner's secret is the first thing that the system looks for. */
static bool push_secret(cbit_guest_cpu_t *cpu)
{
    cbit_guest_t *guest = cpu->guest;
    if (cpu->index != 0 || !guest->secret_expected || guest->secret_asked) {
        return false;
    }
    guest->secret_asked = true;
    (void)cbit_guest_push_load(cpu, CBIT_GUEST_SECRET_GVA, CBIT_GUEST_SECRET_BYTES, false, 1,
                               CBIT_GUEST_LOAD_SECRET, guest->secret, 0);
    return true;
}

/* The next record's operations; false at the end. */
static bool push_record(cbit_guest_cpu_t *cpu)
{
    const cbit_trace_record_t *record = next_record(cpu);
    if (record == NULL) {
        return false;
    }
    cpu->guest->stats.records++;
    if (!cpu->warm && cpu->replayed - record->gap >= cpu->guest->config.warm_up_instructions) {
        push_measure(cpu);
    }
    push_think(cpu, record->gap);
    if (record->kind != CBIT_TRACE_FETCH) {
        push_data(cpu, record);
    } else if (cbit_guest_touch(cpu, record->gva)) {
        push_fetch(cpu, record);
    }
    return true;
}

/* ---- the vCPU's side ---- */

static void refill(cbit_guest_cpu_t *cpu)
{
    cpu->queue_at = 0;
    cpu->queue_count = 0;
    if (!cpu->booted) {
        push_boot(cpu);
        return;
    }
    while (cpu->queue_count == 0 && cpu->guest->failed == CBIT_ERR_OK) {
        if (!cbit_guest_notice_advance(cpu) && !push_preparation(cpu) && !push_secret(cpu) &&
            !cbit_guest_convert_advance(cpu) && !cbit_guest_io_advance(cpu, false) &&
            !push_record(cpu) && !cbit_guest_io_advance(cpu, true)) {
            break;
        }
    }
    if (cpu->queue_count == 0) {
        cbit_guest_push_code(cpu, &cbit_guest_code_exit);
        (void)cbit_guest_new_op(cpu, CBIT_OP_END);
    }
}

static bool program_next(void *self, cbit_op_t *op)
{
    cbit_guest_cpu_t *cpu = self;
    if (cpu->ended) {
        *op = (cbit_op_t){.kind = CBIT_OP_END};
        return true;
    }
    if (cpu->queue_at == cpu->queue_count) {
        refill(cpu);
    }
    const cbit_op_t *queued = &cpu->queue[cpu->queue_at++];
    memcpy(op, queued, offsetof(cbit_op_t, data) + queued->size_bytes);
    cpu->cr3_writes += op->kind == CBIT_OP_WRITE_CR3;
    cpu->ended = op->kind == CBIT_OP_END;
    return true;
}

/* Whether another vCPU's stores explain what a load has returned. */
static bool may_race(cbit_guest_cpu_t *cpu, const cbit_guest_expected_t *expected,
                     const uint8_t *bytes, uint32_t size_bytes)
{
    static const uint8_t zeros[CBIT_LINE_BYTES];
    const cbit_guest_page_t *page = cbit_guest_page_of(cpu, expected->gva);
    if (!page->common || cpu->guest->config.vcpus == 1) {
        return false;
    }
    const uint8_t *before =
        page->launched != NULL ? page->launched + expected->gva % CBIT_PAGE_BYTES : zeros;
    return cbit_guest_races_allow(&cpu->guest->races, expected->gva, bytes, before, size_bytes);
}

static void on_load(cbit_guest_cpu_t *cpu, const cbit_op_t *op, const uint8_t *bytes)
{
    const cbit_guest_expected_t *expected = &cpu->expected[op->cookie % CBIT_GUEST_EXPECTED];
    if (expected->cookie != op->cookie) {
        return; /* more loads outstanding than we remember: not checked, and not counted as such */
    }
    bool wrong = memcmp(expected->bytes, bytes, op->size_bytes) != 0;
    if (expected->kind == CBIT_GUEST_LOAD_RING) {
        cbit_guest_queue_answer(cpu, op->cookie, bytes, op->size_bytes);
    } else if (expected->kind == CBIT_GUEST_LOAD_SECRET) {
        cpu->guest->stats.secret_reads++;
        cpu->guest->stats.secret_right += !wrong;
    } else if (expected->kind == CBIT_GUEST_LOAD_CONVERTED) {
        cbit_guest_convert_answer(cpu->guest, expected->gva % CBIT_PAGE_BYTES, bytes);
    } else if (expected->kind == CBIT_GUEST_LOAD_IO) {
        cbit_guest_io_slot_t *slot = cbit_guest_io_slot(cpu, expected->io);
        slot->status.mismatches += wrong;
        cpu->guest->stats.io_mismatches += wrong && !slot->hopeless;
    } else {
        bool lost = wrong && cbit_guest_page_of(cpu, expected->gva)->spoiled;
        bool raced = wrong && !lost && may_race(cpu, expected, bytes, op->size_bytes);
        cpu->guest->stats.loads_checked++;
        cpu->guest->stats.loads_raced += raced;
        cpu->guest->stats.loads_corrupted += lost;
        cpu->guest->stats.load_mismatches += wrong && !raced && !lost;
    }
}

static void program_on_data(void *self, const cbit_op_t *op, const uint8_t *bytes)
{
    cbit_guest_cpu_t *cpu = self;
    if (op->kind == CBIT_OP_LOAD) {
        on_load(cpu, op, bytes);
    } else if (op->kind == CBIT_OP_FETCH) {
        cpu->guest->stats.fetches_checked++;
        cpu->guest->stats.fetch_mismatches += memcmp(op->data, bytes, op->size_bytes) != 0;
    }
}

const cbit_program_t *cbit_guest_program(cbit_guest_t *guest, uint32_t vcpu)
{
    if (vcpu >= guest->config.vcpus) {
        return NULL;
    }
    cbit_guest_cpu_t *cpu = &guest->cpus[vcpu];
    cpu->program = (cbit_program_t){
        .self = cpu, .next = program_next, .on_data = program_on_data, .on_vc = cbit_guest_on_vc};
    return &cpu->program;
}
