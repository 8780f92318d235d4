/* Which pages a source touches, learnt by reading it once. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/guest/state.h"
#include "workloads/traffic/stand_in.h"

typedef struct collector {
    cbit_guest_t *guest;
    cbit_diag_t *diag;
    uint64_t max_pages;
    uint64_t instructions;
    uint32_t vcpu;
} collector_t;

static cbit_err_t no_memory(cbit_diag_t *diag)
{
    return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
}

static cbit_err_t add_page(collector_t *collector, cbit_gva_t gva, cbit_guest_use_t use)
{
    cbit_guest_pages_t *pages = &collector->guest->pages;
    if (gva / CBIT_PAGE_BYTES == CBIT_GUEST_BOOT_GPA / CBIT_PAGE_BYTES) {
        return cbit_diag_add_below(
            collector->diag, CBIT_ERR_RANGE, collector->guest->config.where, "traffic",
            "the trace touches page 0x100000, where the guest's boot stub is");
    }
    if (pages->count >= collector->max_pages) {
        return cbit_diag_add_below(collector->diag, CBIT_ERR_RANGE, collector->guest->config.where,
                                   "memory",
                                   "its traffic touches more pages than the guest's %" PRIu64
                                   " bytes of memory have room for",
                                   collector->guest->config.memory_bytes);
    }
    if (!cbit_page_map_insert(&pages->by_gva, gva / CBIT_PAGE_BYTES, pages->count) ||
        cbit_guest_pages_add(pages, use, gva - gva % CBIT_PAGE_BYTES, 0) == NULL) {
        return no_memory(collector->diag);
    }
    return CBIT_ERR_OK;
}

static cbit_err_t add_program_page(void *self, const cbit_trace_page_t *page)
{
    collector_t *collector = self;
    cbit_guest_t *guest = collector->guest;
    cbit_err_t err = add_page(collector, page->gva, CBIT_GUEST_USE_PROGRAM);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    uint8_t *bytes = cbit_guest_blob_add(&guest->program_bytes);
    if (bytes == NULL) {
        return no_memory(collector->diag);
    }
    memcpy(bytes, page->bytes, CBIT_PAGE_BYTES);
    cbit_guest_page_t *added = &guest->pages.items[guest->pages.count - 1];
    added->recorded = true;
    added->executable = (page->flags & CBIT_TRACE_PAGE_EXECUTE) != 0;
    added->gpa = guest->program_bytes.pages; /* its place, until it has a frame */
    return CBIT_ERR_OK;
}

/* A page that is fetched from, but not in the trace, becomes generated code. */
static cbit_err_t see_page(collector_t *collector, cbit_gva_t gva, bool fetched)
{
    cbit_guest_page_t *page = cbit_guest_page_at_gva(&collector->guest->pages, gva);
    if (page == NULL) {
        cbit_err_t err = add_page(collector, gva, CBIT_GUEST_USE_DATA);
        if (err != CBIT_ERR_OK) {
            return err;
        }
        page = &collector->guest->pages.items[collector->guest->pages.count - 1];
        page->owner = (uint16_t)collector->vcpu;
    }
    page->executable = page->executable || fetched;
    page->common = page->common || page->recorded || page->owner != collector->vcpu;
    return CBIT_ERR_OK;
}

static cbit_err_t see_record(collector_t *collector, const cbit_trace_record_t *record)
{
    bool fetched = record->kind == CBIT_TRACE_FETCH;
    cbit_gva_t first = record->gva, last = record->gva + record->size_bytes - 1;
    if (!fetched) {
        first = cbit_guest_place(collector->guest, collector->vcpu, first);
        last = cbit_guest_place(collector->guest, collector->vcpu, last);
    }
    cbit_err_t err = see_page(collector, first, fetched);
    if (err == CBIT_ERR_OK && last / CBIT_PAGE_BYTES != first / CBIT_PAGE_BYTES) {
        err = see_page(collector, last, fetched);
    }
    collector->instructions += record->gap;
    return err;
}

static cbit_err_t see_records(collector_t *collector)
{
    cbit_guest_cpu_t *cpu = &collector->guest->cpus[collector->vcpu];
    const cbit_trace_source_t *source = cpu->source;
    uint64_t limit = collector->guest->config.max_instructions;
    collector->instructions = 0;
    cbit_err_t err = source->rewind(source->self, collector->diag);
    for (uint32_t count = 1; err == CBIT_ERR_OK && count != 0;) {
        err = source->read(source->self, cpu->batch, CBIT_GUEST_BATCH, &count, collector->diag);
        for (uint32_t i = 0; i < count && err == CBIT_ERR_OK; i++) {
            if (limit != 0 && collector->instructions >= limit) {
                return CBIT_ERR_OK; /* as the program will stop here */
            }
            err = see_record(collector, &cpu->batch[i]);
        }
    }
    return err;
}

/* Program pages first, in the order of their bytes; then data pages by gva. */
static int by_use_and_place(const void *a, const void *b)
{
    const cbit_guest_page_t *left = a, *right = b;
    if (left->use != right->use) {
        return left->use < right->use ? -1 : 1;
    }
    if (left->gpa != right->gpa) {
        return left->gpa < right->gpa ? -1 : 1;
    }
    return (left->gva > right->gva) - (left->gva < right->gva);
}

/* Fetched pages without recorded bytes come behind those that have some. */
static cbit_err_t generate_code(collector_t *collector)
{
    cbit_guest_t *guest = collector->guest;
    for (uint32_t i = 0; i < guest->pages.count; i++) {
        cbit_guest_page_t *page = &guest->pages.items[i];
        if (page->use == CBIT_GUEST_USE_DATA && page->executable) {
            uint8_t *bytes = cbit_guest_blob_add(&guest->program_bytes);
            if (bytes == NULL) {
                return no_memory(collector->diag);
            }
            cbit_stand_in_fill(bytes, page->gva);
            page->use = CBIT_GUEST_USE_PROGRAM;
            page->gpa = guest->program_bytes.pages;
            guest->stats.pages_generated++;
        }
    }
    return CBIT_ERR_OK;
}

cbit_err_t cbit_guest_collect(cbit_guest_t *guest, cbit_diag_t *diag)
{
    collector_t collector = {
        .guest = guest, .diag = diag, .max_pages = guest->config.memory_bytes / CBIT_PAGE_BYTES};
    const cbit_trace_source_t *source = guest->cpus[0].source;
    cbit_err_t err = source->for_each_page(source->self, add_program_page, &collector, diag);
    uint64_t warm_up = guest->config.warm_up_instructions;
    for (uint32_t i = 0; i < guest->config.vcpus && err == CBIT_ERR_OK; i++) {
        collector.vcpu = i;
        err = see_records(&collector);
        if (err != CBIT_ERR_OK || warm_up == 0 || warm_up < collector.instructions) {
            continue;
        }
        err = cbit_diag_add_below(
            diag, CBIT_ERR_RANGE, guest->config.where, "traffic/warm_up_instructions",
            "the program has %" PRIu64 " instructions, no more than that", collector.instructions);
    }
    if (err == CBIT_ERR_OK) {
        err = generate_code(&collector);
    }
    if (err == CBIT_ERR_OK && guest->pages.count > 0) {
        qsort(guest->pages.items, guest->pages.count, sizeof guest->pages.items[0],
              by_use_and_place);
    }
    return err;
}
