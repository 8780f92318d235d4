/* Life of a core, its rows, and what others ask of it. */
#include "cbit/vcpu/vcpu.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/vcpu/order.h"

#define SOG "AMD Software Optimization Guide for Family 17h Models 30h (56305)"

const cbit_row_t cbit_vcpu_rows[] = {
    {CBIT_FIELD(U64, cbit_vcpu_config_t, clock_khz), .unit = "kHz", .min = 100000, .max = 10000000,
     .fallback = 3400000, .source = "EPYC 7742 product page: highest boost clock",
     .help = "Core clock"},
    {CBIT_FIELD(U32, cbit_vcpu_config_t, gpa_bits), .unit = "bits", .min = 36, .max = 52,
     .fallback = 43,
     .source = "CPUID 8000_0008 EAX[7:0] = 48 less CPUID 8000_001F EBX[11:6] = 5 on Rome",
     .help = "Guest physical address bits; entries with higher bits set fault"},
    {CBIT_FIELD(U32, cbit_vcpu_config_t, tlb_entries), .unit = "entries", .min = 1, .max = 65536,
     .fallback = 2048,
     .source = SOG ", section 2.7: the second-level data TLB, which serves fetches as well here",
     .help = "Translations in a core's second-level TLB, any page size; a power of two"},
    {CBIT_FIELD(U32, cbit_vcpu_config_t, tlb_l1_entries), .unit = "entries", .min = 1, .max = 1024,
     .fallback = 64, .source = SOG ", section 2.7: L1 instruction and data TLB",
     .help = "Translations in each first-level TLB (fetch, data), pieces of 4 KiB; a power of two"},
    {CBIT_FIELD(U32, cbit_vcpu_config_t, tlb_l2_cclk), .unit = "cclk", .max = 100, .fallback = 7,
     .source =
         "assumed: a second-level TLB hit costs about 7 clocks on Zen (measured by the press)",
     .help = "Latency of a hit in the second-level TLB"},
    {CBIT_FIELD(U32, cbit_vcpu_config_t, walk_cache_entries), .unit = "entries", .max = 1024,
     .fallback = 64,
     .source = SOG ", section 2.7: page directory cache; the nested ones are assumed as large",
     .help =
         "Entries in each of nested TLB, guest and nested page directory cache; a power of two, "
         "0: none"},
    {CBIT_FIELD(U32, cbit_vcpu_config_t, max_misses), .unit = "loads", .min = 1, .max = 256,
     .fallback = 22, .source = SOG ", section 2.6: miss address buffers of the L1 data cache",
     .help = "Loads that may wait for memory at the same time"},
    {CBIT_FIELD(U32, cbit_vcpu_config_t, load_queue), .unit = "loads", .min = 1, .max = 1024,
     .fallback = 72, .source = "AMD at Hot Chips 28: 72 loads out of order (Zen); assumed of Zen 2",
     .help = "Loads from the oldest incomplete one to the newest"},
    {CBIT_FIELD(U32, cbit_vcpu_config_t, max_stores), .unit = "stores", .min = 1, .max = 255,
     .fallback = 48, .source = SOG ", section 2.12: store queue",
     .help = "Stores in the store buffer, which others do not see yet"},
    {CBIT_FIELD(U32, cbit_vcpu_config_t, forward_cclk), .unit = "cclk", .max = 100, .fallback = 4,
     .source = "assumed: as a hit in the L1 data cache",
     .help = "Latency of a load that takes its bytes from the store buffer"},
    {CBIT_FIELD(U32, cbit_vcpu_config_t, vmrun_cclk), .unit = "cclk", .max = 1000000,
     .fallback = 1000,
     .source = "assumed: half of a 1255 ns exit and return less the hypervisor's own work "
               "(EPYC 9334 hypercall, CVM_eval, SIGMETRICS 2025)",
     .help = "Time of VMRUN, in addition to its reads of the VMCB"},
    {CBIT_FIELD(U32, cbit_vcpu_config_t, vmexit_cclk), .unit = "cclk", .max = 1000000,
     .fallback = 1000,
     .source = "assumed: half of a 1255 ns exit and return less the hypervisor's own work "
               "(EPYC 9334 hypercall, CVM_eval, SIGMETRICS 2025)",
     .help = "Time of #VMEXIT, in addition to its writes of the VMCB"},
    {.key = NULL},
};

#define STAT(field, name, sentence)                                                                \
    {                                                                                              \
        CBIT_FIELD(U64, cbit_vcpu_stats_t, field), .unit = (name), .help = (sentence)              \
    }
const cbit_row_t cbit_vcpu_stat_rows[] = {
    STAT(instructions, "count", "Instructions retired"),
    STAT(busy_cclk, "cclk", "Core clocks from VMRUN to VMEXIT"),
    STAT(fetches, "count", "Instruction fetches"),
    STAT(loads, "count", "Loads issued"),
    STAT(stores, "count", "Stores issued"),
    STAT(private_accesses, "count", "Accesses under the guest's own key"),
    STAT(shared_accesses, "count", "Accesses under the host's key or none"),
    STAT(tlb_hits, "count", "Translations found in the first-level TLB"),
    STAT(tlb_l2_hits, "count", "Translations found in the second-level TLB only"),
    STAT(tlb_misses, "count", "Page walks"),
    STAT(walk_reads, "count", "Table entries read by walks, guest and nested"),
    STAT(walk_writes, "count", "Table entries whose accessed or dirty bit a walk has set"),
    STAT(exits, "count", "#VMEXITs"),
    {.key = NULL},
};

const char *cbit_exit_word(int32_t reason)
{
    static const struct {
        int32_t code;
        const char *word;
    } words[] = {
#define WORD(name, code, word) {(code), (word)},
        CBIT_EXIT_MAP(WORD)
#undef WORD
    };
    /* Control registers and exceptions beyond those with a word of their own are still known. */
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].code == reason) {
            return words[i].word;
        }
    }
    return reason >= 0x00 && reason < 0x10   ? "cr_read"
           : reason >= 0x10 && reason < 0x20 ? "cr_write"
           : reason >= 0x20 && reason < 0x30 ? "dr_read"
           : reason >= 0x30 && reason < 0x40 ? "dr_write"
                                             : "unknown";
}

static cbit_err_t check_bits(const cbit_vcpu_config_t *config, const char *where, cbit_diag_t *diag)
{
    if (config->c_bit < 32 || config->c_bit > 51) {
        return cbit_diag_add(diag, CBIT_ERR_RANGE, cbit_diag_place(where, "", "c_bit").text,
                             "%" PRIu32 " is outside 32..51", config->c_bit);
    }
    if (config->gpa_bits > config->c_bit) {
        cbit_err_t err = cbit_diag_add(
            diag, CBIT_ERR_CONFLICT, cbit_diag_place(where, "", "gpa_bits").text,
            "%" PRIu32 " address bits reach the C-bit, %" PRIu32, config->gpa_bits, config->c_bit);
        cbit_diag_hint(diag, "at most %" PRIu32, config->c_bit);
        return err;
    }
    return CBIT_ERR_OK;
}

cbit_err_t cbit_vcpu_check_config(const cbit_vcpu_config_t *config, const char *where,
                                  cbit_diag_t *diag)
{
    enum { TABLES = 3 }; /* the first ones: sizes of tables */
    const struct {
        const char *key;
        uint64_t value;
    } given[] = {
        {"tlb_entries", config->tlb_entries},
        {"tlb_l1_entries", config->tlb_l1_entries},
        {"walk_cache_entries", config->walk_cache_entries},
        {"tlb_l2_cclk", config->tlb_l2_cclk},
        {"clock_khz", config->clock_khz},
        {"gpa_bits", config->gpa_bits},
        {"max_misses", config->max_misses},
        {"load_queue", config->load_queue},
        {"max_stores", config->max_stores},
        {"forward_cclk", config->forward_cclk},
        {"vmrun_cclk", config->vmrun_cclk},
        {"vmexit_cclk", config->vmexit_cclk},
    };
    cbit_err_t err = CBIT_ERR_OK;
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        const cbit_row_t *row = cbit_rows_find(cbit_vcpu_rows, given[i].key);
        if (given[i].value < row->min || given[i].value > row->max) {
            err = cbit_diag_add(diag, CBIT_ERR_RANGE, cbit_diag_place(where, "", row->key).text,
                                "%" PRIu64 " is outside %" PRIu64 "..%" PRIu64 " (%s)",
                                given[i].value, row->min, row->max, row->unit);
        }
    }
    for (size_t i = 0; i < TABLES; i++) {
        const uint64_t value = given[i].value;
        if ((value & (value - 1)) != 0) {
            const uint64_t below = UINT64_C(1) << (63 - (unsigned)__builtin_clzll(value));
            err = cbit_diag_add(diag, CBIT_ERR_RANGE, cbit_diag_place(where, "", given[i].key).text,
                                "%" PRIu64 " entries are not a power of two", value);
            cbit_diag_hint(diag, "%" PRIu64 " or %" PRIu64, below, 2 * below);
        }
    }
    const cbit_err_t bits = check_bits(config, where, diag);
    return err == CBIT_ERR_OK ? bits : err;
}

static bool build_translations(cbit_vcpu_t *vcpu)
{
    const cbit_vcpu_config_t *config = &vcpu->config;
    struct cbit_translations *tlb = &vcpu->tlb;
    return cbit_tlb_init(&tlb->l1d, config->tlb_l1_entries) &&
           cbit_tlb_init(&tlb->l1i, config->tlb_l1_entries) &&
           cbit_tlb_init(&tlb->l2, config->tlb_entries) &&
           cbit_tlb_init(&tlb->nested, config->walk_cache_entries) &&
           cbit_tlb_init(&tlb->guest_tables, config->walk_cache_entries) &&
           cbit_tlb_init(&tlb->nested_tables, config->walk_cache_entries);
}

static void free_translations(cbit_vcpu_t *vcpu)
{
    struct cbit_translations *tlb = &vcpu->tlb;
    cbit_tlb_free(&tlb->l1d);
    cbit_tlb_free(&tlb->l1i);
    cbit_tlb_free(&tlb->l2);
    cbit_tlb_free(&tlb->nested);
    cbit_tlb_free(&tlb->guest_tables);
    cbit_tlb_free(&tlb->nested_tables);
}

static bool build_slots(cbit_vcpu_t *vcpu)
{
    uint32_t count = vcpu->config.max_misses;
    vcpu->slots = calloc(count, sizeof vcpu->slots[0]);
    vcpu->slots_free = calloc(count, sizeof vcpu->slots_free[0]);
    vcpu->loads = calloc(vcpu->config.load_queue, sizeof vcpu->loads[0]);
    vcpu->told = calloc(vcpu->config.load_queue, sizeof vcpu->told[0]);
    const uint32_t store_places = vcpu->config.max_stores + 1;
    vcpu->stores = calloc(store_places, sizeof vcpu->stores[0]);
    vcpu->store_waits = calloc(store_places, sizeof vcpu->store_waits[0]);
    if (vcpu->slots == NULL || vcpu->slots_free == NULL || vcpu->loads == NULL ||
        vcpu->told == NULL || vcpu->stores == NULL || vcpu->store_waits == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < store_places; i++) {
        vcpu->stores[i].pieces[0].vcpu = vcpu;
        vcpu->stores[i].pieces[1].vcpu = vcpu;
    }
    for (uint32_t i = 0; i < count; i++) {
        cbit_slot_t *slot = &vcpu->slots[i];
        vcpu->slots_free[i] = slot;
        slot->vcpu = vcpu;
        slot->number = UINT64_MAX;
        slot->pieces[0].slot = slot;
        slot->pieces[1].slot = slot;
    }
    return true;
}

static void on_space(void *self)
{
    cbit_vcpu_wake(self);
}

static void on_store_space(void *self)
{
    cbit_order_commit(self);
}

cbit_err_t cbit_vcpu_create(const cbit_vcpu_config_t *config, const cbit_vcpu_parts_t *parts,
                            cbit_vcpu_t **out, cbit_diag_t *diag)
{
    cbit_err_t err = cbit_vcpu_check_config(config, "", diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_vcpu_t *vcpu = aligned_alloc(_Alignof(cbit_vcpu_t), sizeof *vcpu);
    if (vcpu == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    memset(vcpu, 0, sizeof *vcpu);
    vcpu->config = *config;
    vcpu->parts = *parts;
    vcpu->parts.fetch = parts->fetch.self == NULL ? parts->memory : parts->fetch;
    vcpu->pace = cbit_pace_of(
        (cbit_clock_t){.period_num_ps = UINT64_C(1000000000), .period_den = config->clock_khz});
    vcpu->space = (cbit_waiter_t){.on_space = on_space, .self = vcpu};
    vcpu->store_space = (cbit_waiter_t){.on_space = on_store_space, .self = vcpu};
    vcpu->run_ahead_cclk = RUN_AHEAD_CCLK;
    cbit_event_init(&vcpu->step_event, cbit_vcpu_step, vcpu);
    cbit_rng_init(&vcpu->rng, parts->seed, UINT64_C(0x76637075) << 32 | parts->core);
    if (!build_translations(vcpu) || !build_slots(vcpu)) {
        cbit_vcpu_destroy(vcpu);
        return CBIT_ERR_NO_MEMORY;
    }
    *out = vcpu;
    return CBIT_ERR_OK;
}

void cbit_vcpu_destroy(cbit_vcpu_t *vcpu)
{
    if (vcpu == NULL) {
        return;
    }
    cbit_event_cancel(vcpu->parts.kernel, &vcpu->step_event);
    while (vcpu->contexts != NULL) {
        cbit_context_t *next = vcpu->contexts->next;
        free(vcpu->contexts);
        vcpu->contexts = next;
    }
    free_translations(vcpu);
    free(vcpu->slots);
    free(vcpu->slots_free);
    free(vcpu->loads);
    free(vcpu->told);
    free(vcpu->stores);
    free(vcpu->store_waits);
    free(vcpu->stats);
    free(vcpu);
}

static void want_stats(cbit_vcpu_t *vcpu, uint16_t guest)
{
    if (guest >= vcpu->stats_count) {
        uint32_t count = (uint32_t)guest + 1;
        cbit_vcpu_stats_t *grown = realloc(vcpu->stats, count * sizeof grown[0]);
        if (grown == NULL) {
            __builtin_trap(); /* a few bytes a guest, and no way to tell */
        }
        memset(grown + vcpu->stats_count, 0, (count - vcpu->stats_count) * sizeof grown[0]);
        vcpu->stats = grown;
        vcpu->stats_count = count;
    }
    vcpu->mine = &vcpu->stats[guest];
}

/* The link to a program's context, or to where a new one belongs. */
static cbit_context_t **find_context(cbit_vcpu_t *vcpu, const cbit_program_t *program,
                                     uint16_t guest)
{
    cbit_context_t **link = &vcpu->contexts;
    while (*link != NULL && ((*link)->program.self != program->self || (*link)->guest != guest)) {
        link = &(*link)->next;
    }
    return link;
}

void cbit_vcpu_bind(cbit_vcpu_t *vcpu, const cbit_program_t *program, uint16_t guest)
{
    cbit_context_t **link = find_context(vcpu, program, guest);
    if (*link == NULL) {
        *link = calloc(1, sizeof **link);
        if (*link == NULL) {
            __builtin_trap();
        }
        (*link)->op = &(*link)->ops[0];
    }
    cbit_context_t *context = *link;
    context->program = *program;
    context->guest = guest;
    vcpu->context = context;
    vcpu->loads_carry = !vcpu->parts.timing_only || program->on_data != NULL;
    want_stats(vcpu, guest);
}

void cbit_vcpu_move(cbit_vcpu_t *from, cbit_vcpu_t *to, const cbit_program_t *program,
                    uint16_t guest)
{
    cbit_context_t **link = find_context(from, program, guest);
    cbit_context_t *context = *link;
    if (context == NULL || from == to) {
        return;
    }
    if (from->context == context && from->mode != MODE_IDLE) {
        __builtin_trap(); /* the caller's bug: it runs */
    }
    *link = context->next;
    from->context = from->context == context ? NULL : from->context;
    context->logged = 0; /* counted on the old core */
    context->next = NULL;
    *find_context(to, program, guest) = context;
}

void cbit_vcpu_run(cbit_vcpu_t *vcpu, cbit_spa_t vmcb_spa)
{
    if (vcpu->mode != MODE_IDLE || vcpu->context == NULL) {
        __builtin_trap(); /* the caller's bug: one VMRUN at a time, after bind */
    }
    vcpu->vmcb_spa = vmcb_spa;
    vcpu->vmcb_at = 0;
    vcpu->vmsa_at = 0;
    vcpu->exit_int_info = 0;
    vcpu->interrupt = false;
    vcpu->mode = MODE_ENTER;
    vcpu->n = cbit_vcpu_edge_now(vcpu);
    vcpu->entered_n = vcpu->n;
    cbit_vcpu_log_begin(vcpu->context, vcpu->mine->instructions);
    cbit_event_notify_at(vcpu->parts.kernel, &vcpu->step_event, cbit_vcpu_edge_ps(vcpu, vcpu->n));
}

void cbit_vcpu_interrupt(cbit_vcpu_t *vcpu)
{
    vcpu->interrupt = true;
}

void cbit_vcpu_set_asid_valid(cbit_vcpu_t *vcpu, uint16_t asid, bool valid)
{
    if (asid <= CBIT_KEY_ASID_MAX) {
        vcpu->asid_valid[asid] = valid;
    }
}

void cbit_vcpu_flush_tlb(cbit_vcpu_t *vcpu, uint16_t asid)
{
    cbit_vcpu_forget_asid(vcpu, asid);
}

void cbit_vcpu_invlpga(cbit_vcpu_t *vcpu, uint16_t asid, cbit_gva_t gva)
{
    cbit_vcpu_forget_page(vcpu, asid, gva);
}

void cbit_vcpu_observe(cbit_vcpu_t *vcpu, cbit_vcpu_observer_t observer, void *self)
{
    vcpu->observer = observer;
    vcpu->observer_self = self;
}

void cbit_vcpu_stats(const cbit_vcpu_t *vcpu, uint16_t guest, cbit_vcpu_stats_t *stats)
{
    *stats = guest < vcpu->stats_count ? vcpu->stats[guest] : (cbit_vcpu_stats_t){0};
}
