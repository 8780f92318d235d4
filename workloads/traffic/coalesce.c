#include "workloads/traffic/coalesce.h"

#include "workloads/traffic/trace_codec.h"

void cbit_coalesce_init(cbit_coalesce_t *coalesce, void *self,
                        cbit_err_t (*emit)(void *self, const cbit_trace_record_t *record))
{
    coalesce->self = self;
    coalesce->emit = emit;
    coalesce->failed = CBIT_ERR_OK;
    coalesce->run = (cbit_trace_record_t){0};
    coalesce->run_end = 0;
    coalesce->gap = 0;
    coalesce->held = 0;
}

static void put(cbit_coalesce_t *coalesce, const cbit_trace_record_t *record)
{
    if (coalesce->failed == CBIT_ERR_OK) {
        coalesce->failed = coalesce->emit(coalesce->self, record);
    }
}

cbit_err_t cbit_coalesce_flush(cbit_coalesce_t *coalesce)
{
    if (coalesce->run_end != 0) {
        coalesce->run.size_bytes = (uint8_t)(coalesce->run_end - coalesce->run.gva);
        put(coalesce, &coalesce->run);
        coalesce->run_end = 0;
    }
    for (uint32_t i = 0; i < coalesce->held; i++) {
        put(coalesce, &coalesce->data[i]);
    }
    coalesce->held = 0;
    return coalesce->failed;
}

static uint64_t line_end(uint64_t gva)
{
    return (gva | (CBIT_TRACE_LINE_BYTES - 1)) + 1;
}

/* Begins a fetch of [gva, end), which lie in one line, and that many instructions. */
static void begin_run(cbit_coalesce_t *coalesce, uint64_t gva, uint64_t end, uint32_t instructions)
{
    (void)cbit_coalesce_flush(coalesce);
    coalesce->run = (cbit_trace_record_t){
        .gva = gva, .kind = CBIT_TRACE_FETCH, .gap = coalesce->gap + instructions};
    coalesce->run_end = end;
    coalesce->gap = 0;
}

void cbit_coalesce_instruction(cbit_coalesce_t *coalesce, uint64_t gva, uint32_t size_bytes)
{
    if (gva >= CBIT_CBT_GVA_LIMIT || size_bytes == 0 || size_bytes > 15 ||
        gva + size_bytes > CBIT_CBT_GVA_LIMIT) {
        coalesce->gap++;
        return;
    }
    uint64_t end = gva + size_bytes;
    uint64_t limit = line_end(gva);
    uint64_t inside = end < limit ? end : limit;
    bool goes_on = coalesce->run_end != 0 && limit == line_end(coalesce->run.gva) &&
                   gva >= coalesce->run.gva && coalesce->held < CBIT_COALESCE_HELD / 2;
    if (goes_on) {
        coalesce->gap++;
        coalesce->run_end = inside > coalesce->run_end ? inside : coalesce->run_end;
    } else {
        begin_run(coalesce, gva, inside, 1);
    }
    if (end > limit) {
        begin_run(coalesce, limit, end, 0); /* its last bytes are in the next line */
    }
}

void cbit_coalesce_data(cbit_coalesce_t *coalesce, cbit_trace_kind_t kind, uint64_t gva,
                        uint32_t size_bytes, bool depends)
{
    while (size_bytes > 0) {
        uint32_t part = size_bytes < CBIT_TRACE_LINE_BYTES ? size_bytes : CBIT_TRACE_LINE_BYTES;
        cbit_trace_record_t record = {.gva = gva,
                                      .kind = (uint8_t)kind,
                                      .size_bytes = (uint8_t)part,
                                      .gap = coalesce->gap,
                                      .depends = depends};
        if (!cbit_cbt_record_ok(&record)) {
            return; /* vsyscall pages and the like: not the program's own memory */
        }
        if (coalesce->held == CBIT_COALESCE_HELD) {
            (void)cbit_coalesce_flush(coalesce);
        }
        coalesce->data[coalesce->held++] = record;
        coalesce->gap = 0;
        depends = false;
        gva += part;
        size_bytes -= part;
    }
}
