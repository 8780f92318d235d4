/*
 * Any bytes as the records of a MEM chunk, past the check sums that keep fuzz_trace outside: what
 * decodes is replayed by a guest, whose operations must keep the vCPU's contract.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/guest.h"
#include "workloads/traffic/trace_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

typedef struct records {
    cbit_trace_record_t *items;
    uint32_t count, at;
    cbit_trace_info_t info;
} records_t;

static cbit_err_t records_read(void *self, cbit_trace_record_t *to, uint32_t max, uint32_t *count,
                               cbit_diag_t *diag)
{
    records_t *records = self;
    uint32_t left = records->count - records->at;
    (void)diag;
    *count = left < max ? left : max;
    memcpy(to, records->items + records->at, *count * sizeof *to);
    records->at += *count;
    return CBIT_ERR_OK;
}

static cbit_err_t records_rewind(void *self, cbit_diag_t *diag)
{
    records_t *records = self;
    (void)diag;
    records->at = 0;
    return CBIT_ERR_OK;
}

static cbit_err_t no_pages(void *self, cbit_err_t (*visit)(void *, const cbit_trace_page_t *),
                           void *visitor, cbit_diag_t *diag)
{
    (void)self;
    (void)visit;
    (void)visitor;
    (void)diag;
    return CBIT_ERR_OK;
}

static const cbit_trace_info_t *records_info(void *self)
{
    records_t *records = self;
    return &records->info;
}

static void check_op(const cbit_guest_t *guest, const cbit_op_t *op)
{
    cbit_gpa_t gpa;
    bool access = op->kind == CBIT_OP_LOAD || op->kind == CBIT_OP_STORE;
    if (!access && op->kind != CBIT_OP_FETCH) {
        return;
    }
    if (op->size_bytes < 1 || op->size_bytes > 64 || !cbit_guest_translate(guest, op->gva, &gpa) ||
        (access && op->gva % 64 + op->size_bytes > 64)) {
        abort();
    }
}

static void replay(const cbit_trace_source_t *source, uint32_t count)
{
    const cbit_guest_config_t config = {
        .memory_bytes = 8 << 20, .c_bit = 51, .encrypted = true, .seed = 1};
    cbit_guest_t *guest = NULL;
    cbit_op_t op = {.kind = CBIT_OP_THINK};
    if (cbit_guest_create(&config, source, &guest, NULL) != CBIT_ERR_OK) {
        return;
    }
    const cbit_program_t *program = cbit_guest_program(guest, 0);
    uint64_t budget = 1000 + (uint64_t)count * 256; /* a record clears two pages at most */
    while (program->next(program->self, &op) && op.kind != CBIT_OP_END) {
        check_op(guest, &op);
        if (budget-- == 0) {
            abort();
        }
    }
    cbit_guest_destroy(guest);
}

/*
 * Records with few bytes behind them are decoded byte by byte, others not: cut off right behind
 * one, each must be the same, and as long. What follows the last is refused either way.
 */
static void check_alone(const uint8_t *bytes, const uint8_t *end, const cbit_trace_record_t *items,
                        uint32_t count)
{
    cbit_cbt_decoder_t decoder = {.instructions = 0};
    for (uint32_t i = 0; i <= count && bytes < end; i++) {
        cbit_trace_record_t item;
        const uint8_t *cut = bytes, *at = bytes;
        uint32_t got = 0;
        while (got == 0 && cut < end && cut - bytes < CBIT_CBT_RECORD_MAX_BYTES) {
            got = cbit_cbt_get_records(&at, ++cut, &decoder, &item, 1);
        }
        if (got != (i < count) || at != (got == 0 ? bytes : cut) ||
            (got == 1 &&
             (item.gva != items[i].gva || item.gap != items[i].gap || item.kind != items[i].kind ||
              item.depends != items[i].depends || item.size_bytes != items[i].size_bytes))) {
            abort();
        }
        bytes = at;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    enum { MAX = 4096 };
    static cbit_trace_record_t items[MAX];
    cbit_cbt_decoder_t decoder = {.instructions = 0};
    const uint8_t *at = bytes;
    records_t records = {.items = items};
    records.count = cbit_cbt_get_records(&at, bytes + len, &decoder, items, MAX);
    if (at < bytes || at > bytes + len) {
        abort();
    }
    if (records.count < MAX) {
        check_alone(bytes, bytes + len, items, records.count);
    }
    const cbit_trace_source_t source = {.self = &records,
                                        .read = records_read,
                                        .rewind = records_rewind,
                                        .for_each_page = no_pages,
                                        .info = records_info};
    replay(&source, records.count);
    return 0;
}
