#include <stdlib.h>
#include <string.h>

#include "workloads/guest/state.h"

#define STAT(stat_field, stat_unit, stat_help)                                                     \
    {                                                                                              \
        CBIT_FIELD(U64, cbit_guest_stats_t, stat_field), .unit = (stat_unit), .help = (stat_help)  \
    }

const cbit_row_t cbit_guest_stat_rows[] = {
    STAT(instructions, "count", "Instructions of the operations handed out"),
    STAT(records, "count", "Records of the source replayed"),
    STAT(fetches, "count", "Instruction fetches handed out"),
    STAT(fetches_checked, "count", "Fetches whose bytes the vCPU reported"),
    STAT(fetch_mismatches, "count", "Reported fetches that were not the recording"),
    STAT(loads_checked, "count", "Loads compared with the shadow of the stores"),
    STAT(load_mismatches, "count", "Loads that returned something else"),
    STAT(loads_raced, "count",
         "Loads of data that several vCPUs use which returned an older or newer store's bytes"),
    STAT(loads_corrupted, "count", "Loads of a page whose content a migration has lost"),
    STAT(stores, "count", "Stores handed out, the clearing of pages included"),
    STAT(pages_cleared, "pages", "Pages cleared by the guest's kernel on first touch"),
    STAT(pages_private, "pages", "Pages that the guest maps with C = 1, and its page tables"),
    STAT(pages_shared, "pages", "Pages that the guest maps with C = 0"),
    STAT(pages_generated, "pages", "Pages of generated code that stand in for unrecorded ones"),
    STAT(io_requests, "count", "Transfers asked of the guest's driver"),
    STAT(io_mismatches, "lines", "64-byte lines of transfers that were not what was sent"),
    STAT(io_failed, "count",
         "Transfers without a place in the bounce buffer, or given up by devices"),
    STAT(secret_reads, "count", "Reads of its owner's secret"),
    STAT(secret_right, "count", "Those of them that saw what the owner has sent"),
    STAT(vc_exceptions, "count", "#VC exceptions that its vCPUs have handled (SEV-ES)"),
    STAT(interrupts, "count", "Interrupts of devices that its vCPUs have taken"),
    STAT(swiotlb_slots, "slots", "The bounce buffer, in slots of 2 KiB"),
    STAT(swiotlb_mappings, "count", "Mappings of the bounce buffer"),
    STAT(swiotlb_failures, "count", "Mappings that failed because the bounce buffer was full"),
    STAT(swiotlb_fallovers, "count", "Mappings in another area than the CPU's own"),
    STAT(swiotlb_high_water, "slots", "Maximum of slots in use at the same time"),
    STAT(swiotlb_used_sum, "slots", "Slots in use behind each mapping, summed up"),
    STAT(bounce_copied_bytes, "bytes", "Copied between private and bounce buffers"),
    {.key = NULL},
};

/* The vCPUs with their sources; false when memory is out. */
static bool add_cpus(cbit_guest_t *guest, const cbit_trace_source_t *sources)
{
    uint32_t vcpus = guest->config.vcpus;
    guest->cpus = calloc(vcpus, sizeof *guest->cpus);
    if (guest->cpus == NULL || !cbit_guest_races_init(&guest->races, vcpus)) {
        return false;
    }
    for (uint32_t i = 0; i < vcpus; i++) {
        cbit_guest_cpu_t *cpu = &guest->cpus[i];
        cpu->guest = guest;
        cpu->index = i;
        cpu->source = &sources[i];
        cpu->warm = guest->config.warm_up_instructions == 0;
        cpu->others_started = vcpus == 1;
        cbit_guest_driver_init(cpu);
    }
    return true;
}

static cbit_err_t rewind_sources(cbit_guest_t *guest, cbit_diag_t *diag)
{
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t i = 0; i < guest->config.vcpus && err == CBIT_ERR_OK; i++) {
        const cbit_trace_source_t *source = guest->cpus[i].source;
        err = source->rewind(source->self, diag);
    }
    return err;
}

cbit_err_t cbit_guest_create(const cbit_guest_config_t *config, const cbit_trace_source_t *sources,
                             cbit_guest_t **out, cbit_diag_t *diag)
{
    cbit_guest_t *guest = calloc(1, sizeof *guest);
    if (guest == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    guest->config = *config;
    cbit_err_t err = cbit_guest_check_config(&guest->config, diag);
    if (err == CBIT_ERR_OK && !add_cpus(guest, sources)) {
        err = cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    if (err == CBIT_ERR_OK) {
        err = cbit_guest_collect(guest, diag);
    }
    if (err == CBIT_ERR_OK) {
        err = cbit_guest_lay_out(guest, diag);
    }
    if (err == CBIT_ERR_OK &&
        !cbit_swiotlb_init(&guest->swiotlb, guest->config.swiotlb_bytes, guest->config.vcpus)) {
        err = cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    if (err == CBIT_ERR_OK) {
        err = rewind_sources(guest, diag);
    }
    guest->config.where = NULL; /* the caller's, and said by now */
    if (err != CBIT_ERR_OK) {
        cbit_guest_destroy(guest);
        return err;
    }
    *out = guest;
    return CBIT_ERR_OK;
}

void cbit_guest_destroy(cbit_guest_t *guest)
{
    if (guest != NULL) {
        cbit_guest_pages_free(&guest->pages);
        cbit_guest_races_free(&guest->races);
        cbit_swiotlb_free(&guest->swiotlb);
        free(guest->cpus);
        free(guest->tables.blob.bytes);
        free(guest->program_bytes.bytes);
        free(guest);
    }
}

const cbit_guest_piece_t *cbit_guest_pieces(const cbit_guest_t *guest, uint32_t *count)
{
    *count = guest->piece_count;
    return guest->pieces;
}

void cbit_guest_entry(const cbit_guest_t *guest, cbit_guest_entry_t *entry)
{
    enum { CR0_PE_ET = 0x11, RFLAGS_ONE = 2, EFER_NXE = 1 << 11 };
    *entry = (cbit_guest_entry_t){
        .rip = CBIT_GUEST_BOOT_GPA,
        .rsp = CBIT_GUEST_STACK_GPA + CBIT_PAGE_BYTES,
        .rflags = RFLAGS_ONE,
        .cr0 = CR0_PE_ET,
        .efer = EFER_NXE, /* the page tables have NX set */
        .long_mode_cr3 = CBIT_GUEST_TABLES_GPA | guest->tables.c_mask,
    };
    if (guest->config.encrypted_state) {
        /* As its first instructions would have it: #VC is delivered on this stack. */
        entry->rsp = CBIT_GUEST_STACK_GVA + CBIT_PAGE_BYTES;
        entry->gdtr_base = CBIT_GUEST_BOOT_GPA + CBIT_GUEST_GDT_OFFSET;
        entry->gdtr_limit = CBIT_GUEST_GDT_LIMIT;
        entry->idtr_base = CBIT_GUEST_TEXT_GVA + CBIT_GUEST_IDT_OFFSET;
        entry->idtr_limit = CBIT_GUEST_IDT_LIMIT;
    }
}

cbit_err_t cbit_guest_error(const cbit_guest_t *guest)
{
    return guest->failed;
}

bool cbit_guest_ended(const cbit_guest_t *guest, uint32_t vcpu)
{
    return guest->cpus[vcpu].ended;
}

bool cbit_guest_paged(const cbit_guest_t *guest, uint32_t vcpu)
{
    return guest->cpus[vcpu].cr3_writes == 2;
}

cbit_gpa_t cbit_guest_ghcb_gpa(const cbit_guest_t *guest, uint32_t vcpu)
{
    return guest->ghcb_gpa + (cbit_gpa_t)vcpu * CBIT_PAGE_BYTES;
}

void cbit_guest_expect_secret(cbit_guest_t *guest, const uint8_t secret[CBIT_GUEST_SECRET_BYTES])
{
    memcpy(guest->secret, secret, CBIT_GUEST_SECRET_BYTES);
    guest->secret_expected = guest->config.secret;
}

/* ---- what its memory should hold ---- */

cbit_guest_area_t cbit_guest_area_at(const cbit_guest_t *guest, cbit_gpa_t gpa)
{
    const cbit_guest_page_t *page = cbit_guest_page_at_gpa(&guest->pages, gpa);
    if (page == NULL) {
        return CBIT_GUEST_AREA_NONE;
    }
    return page->is_private && !guest->config.unaware ? CBIT_GUEST_AREA_PRIVATE
                                                      : CBIT_GUEST_AREA_SHARED;
}

bool cbit_guest_translate(const cbit_guest_t *guest, cbit_gva_t gva, cbit_gpa_t *gpa)
{
    const cbit_guest_page_t *page = cbit_guest_page_at_gva(&guest->pages, gva);
    if (page == NULL) {
        return false;
    }
    *gpa = page->gpa + gva % CBIT_PAGE_BYTES;
    return true;
}

bool cbit_guest_plaintext(const cbit_guest_t *guest, cbit_gpa_t gpa, void *bytes,
                          uint32_t len_bytes)
{
    const cbit_guest_page_t *page = cbit_guest_page_at_gpa(&guest->pages, gpa);
    const uint8_t *held = page == NULL ? NULL : cbit_guest_page_bytes(page);
    if (held == NULL || gpa % CBIT_PAGE_BYTES + len_bytes > CBIT_PAGE_BYTES) {
        return false;
    }
    memcpy(bytes, held + gpa % CBIT_PAGE_BYTES, len_bytes);
    return true;
}

static bool is_interesting(const cbit_guest_page_t *page)
{
    static const uint8_t zeros[CBIT_PAGE_BYTES];
    const uint8_t *held = cbit_guest_page_bytes(page);
    return page->is_private && held != NULL && memcmp(held, zeros, sizeof zeros) != 0;
}

bool cbit_guest_pick_private_page(const cbit_guest_t *guest, uint64_t which, cbit_gpa_t *gpa)
{
    uint32_t count = guest->pages.count;
    uint32_t start = count == 0 ? 0 : (uint32_t)(which % count);
    for (uint32_t i = 0; i < count; i++) {
        const cbit_guest_page_t *page = &guest->pages.items[(start + i) % count];
        if (is_interesting(page)) {
            *gpa = page->gpa;
            return true;
        }
    }
    return false;
}

void cbit_guest_for_each_known_page(const cbit_guest_t *guest,
                                    void (*visit)(void *visitor, cbit_gpa_t gpa, bool is_private,
                                                  const uint8_t bytes[CBIT_PAGE_BYTES]),
                                    void *visitor)
{
    for (uint32_t i = 0; i < guest->pages.count; i++) {
        const cbit_guest_page_t *page = &guest->pages.items[i];
        const uint8_t *held = cbit_guest_page_bytes(page);
        if (held != NULL) {
            visit(visitor, page->gpa, page->is_private, held);
        }
    }
}

void cbit_guest_stats(const cbit_guest_t *guest, cbit_guest_stats_t *stats)
{
    const cbit_swiotlb_t *pool = &guest->swiotlb;
    *stats = guest->stats;
    stats->swiotlb_slots = pool->slots;
    stats->swiotlb_mappings = pool->mappings;
    stats->swiotlb_failures = pool->failures;
    stats->swiotlb_fallovers = pool->fallovers;
    stats->swiotlb_high_water = pool->high_water;
    stats->swiotlb_used_sum = pool->used_sum;
}
