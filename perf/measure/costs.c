/*
 * What a core pays beside the memory's latency: page walks, first touches, lines of another key id,
 * a change of ASID. Each is a difference of passes of one machine, so that what they share cancels
 * out; by mode (the same guest without and with its engine).
 */
#include "perf/measure/costs.h"

#include <stdlib.h>

#include "perf/measure/core.h"

enum {
    SET_BYTES = 256 * 1024, /* the working set of a change of ASID: 64 pages, half of an L2 */
    CBIT_LINES = 1000,
};

const cbit_cost_row_t cbit_cost_rows[] = {
    [CBIT_COST_READ_2M] = {"read_2m_pages_ns", "random read, 2 MiB pages (TLB hits)"},
    [CBIT_COST_READ_4K] = {"read_4k_pages_ns", "random read, 4 KiB pages"},
    [CBIT_COST_WALK] = {"walk_ns", "walk: the difference"},
    [CBIT_COST_TOUCH_2M] = {"touch_2m_pages_ns", "first touch of 4 KiB, 2 MiB pages"},
    [CBIT_COST_TOUCH_4K] = {"touch_4k_pages_ns", "first touch of 4 KiB, 4 KiB pages"},
    [CBIT_COST_TOUCH_WALK] = {"first_touch_walk_ns", "first-touch walk: the difference"},
    [CBIT_COST_HIT] = {"line_hit_ns", "line in the cache, same key id"},
    [CBIT_COST_FLUSH] = {"line_flush_ns", "CLFLUSH of it, dirty"},
    [CBIT_COST_TO_SHARED] = {"cbit_miss_to_shared_ns", "C-bit miss: flush, refetch as shared"},
    [CBIT_COST_TO_PRIVATE] = {"cbit_miss_to_private_ns", "C-bit miss: flush, refetch as private"},
    [CBIT_COST_VMRUN] = {"vmrun_vmexit_ns", "VMRUN and VMEXIT, nothing between"},
    [CBIT_COST_ASID_TLB] = {"asid_tlb_ns", "ASID switch: TLB refill, 256 KiB"},
    [CBIT_COST_ASID_CACHES] = {"asid_tlb_caches_ns", "ASID switch: TLB and cache refill"},
    [CBIT_COSTS] = {.key = NULL},
};

typedef struct costs {
    const cbit_platform_config_t *config;
    cbit_diag_t *diag;
    uint64_t *ps; /* by cbit_cost_t */
    cbit_core_t *core;
    uint64_t loads, seed;
    cbit_err_t err; /* the first one; nothing is run after it */
} costs_t;

static uint64_t beyond(uint64_t ps, uint64_t base_ps)
{
    return ps > base_ps ? ps - base_ps : 0;
}

static uint64_t pass(costs_t *c, uint64_t loads, uint64_t span_bytes, uint64_t stride_bytes)
{
    const cbit_pass_t wanted = {
        .loads = loads, .span_bytes = span_bytes, .stride_bytes = stride_bytes};
    cbit_ps_t took_ps = 0;
    if (c->err == CBIT_ERR_OK) {
        c->err = cbit_core_pass(c->core, &wanted, &took_ps, c->diag);
    }
    return took_ps;
}

typedef struct reads {
    uint64_t touch_ps, random_ps, entry_ps; /* a load, a load, a run without any */
} reads_t;

/* The touches find everything cold and leave the tables in the caches to the random reads. */
static reads_t measure_reads(costs_t *c)
{
    const uint64_t pages = CBIT_CORE_DATA_BYTES / CBIT_PAGE_BYTES;
    reads_t r;
    (void)pass(c, 0, CBIT_PAGE_BYTES, 0);
    r.entry_ps = pass(c, 0, CBIT_PAGE_BYTES, 0);
    r.touch_ps = beyond(pass(c, pages, CBIT_CORE_DATA_BYTES, CBIT_PAGE_BYTES), r.entry_ps) / pages;
    r.random_ps = beyond(pass(c, c->loads, CBIT_CORE_DATA_BYTES, 0), r.entry_ps) / c->loads;
    return r;
}

static void keep_reads(costs_t *c, const reads_t *large, const reads_t *small)
{
    c->ps[CBIT_COST_READ_2M] = large->random_ps;
    c->ps[CBIT_COST_READ_4K] = small->random_ps;
    c->ps[CBIT_COST_WALK] = beyond(small->random_ps, large->random_ps);
    c->ps[CBIT_COST_TOUCH_2M] = large->touch_ps;
    c->ps[CBIT_COST_TOUCH_4K] = small->touch_ps;
    c->ps[CBIT_COST_TOUCH_WALK] = beyond(small->touch_ps, large->touch_ps);
    c->ps[CBIT_COST_VMRUN] = small->entry_ps;
}

/* A line that is dirty under one key id, asked for under another. Caches that know of key ids write
   it back by themselves; for others software has to (CLFLUSH), which is in the time. */
static void measure_lines(costs_t *c, cbit_key_t owner, cbit_key_t reader, cbit_cost_t miss,
                          bool with_parts)
{
    uint64_t hit_ps = 0, flush_ps = 0, miss_ps = 0;
    cbit_rng_t rng;
    cbit_rng_init(&rng, c->seed, 3);
    for (uint32_t i = 0; i < CBIT_LINES; i++) {
        const uint64_t offset =
            cbit_rng_below(&rng, CBIT_CORE_DATA_BYTES / CBIT_LINE_BYTES) * CBIT_LINE_BYTES;
        (void)cbit_core_access(c->core, CBIT_COMMAND_WRITE, offset, owner);
        hit_ps += cbit_core_access(c->core, CBIT_COMMAND_READ, offset, owner);
        if (!c->config->sev.coherent_domains) {
            flush_ps += cbit_core_flush_line(c->core, offset);
        }
        miss_ps += cbit_core_access(c->core, CBIT_COMMAND_READ, offset, reader);
        (void)cbit_core_flush_line(c->core, offset);
    }
    if (with_parts) {
        c->ps[CBIT_COST_HIT] = hit_ps / CBIT_LINES;
        c->ps[CBIT_COST_FLUSH] = flush_ps / CBIT_LINES;
    }
    c->ps[miss] = (flush_ps + miss_ps) / CBIT_LINES;
}

/* The working set once more: as it was left, behind a flush of the TLB, and behind WBINVD too. */
static void measure_switch(costs_t *c)
{
    const uint64_t lines = SET_BYTES / CBIT_LINE_BYTES;
    (void)pass(c, lines, SET_BYTES, CBIT_LINE_BYTES);
    const uint64_t warm_ps = pass(c, lines, SET_BYTES, CBIT_LINE_BYTES);
    cbit_core_empty(c->core, false);
    const uint64_t tlb_ps = pass(c, lines, SET_BYTES, CBIT_LINE_BYTES);
    cbit_core_empty(c->core, true);
    const uint64_t cold_ps = pass(c, lines, SET_BYTES, CBIT_LINE_BYTES);
    c->ps[CBIT_COST_ASID_TLB] = beyond(tlb_ps, warm_ps);
    c->ps[CBIT_COST_ASID_CACHES] = beyond(cold_ps, warm_ps);
}

static void measure_mode(costs_t *c, cbit_rig_mode_t mode)
{
    c->err = cbit_core_begin(c->core, c->config, mode, false, c->seed, c->diag);
    const reads_t large = c->err == CBIT_ERR_OK ? measure_reads(c) : (reads_t){.entry_ps = 0};
    cbit_core_end(c->core);
    if (c->err != CBIT_ERR_OK) {
        return;
    }
    c->err = cbit_core_begin(c->core, c->config, mode, true, c->seed, c->diag);
    if (c->err == CBIT_ERR_OK) {
        const reads_t small = measure_reads(c);
        keep_reads(c, &large, &small);
        measure_switch(c);
        measure_lines(c, CBIT_CORE_ASID, CBIT_KEY_PLAIN, CBIT_COST_TO_SHARED, true);
        measure_lines(c, CBIT_KEY_PLAIN, CBIT_CORE_ASID, CBIT_COST_TO_PRIVATE, false);
    }
    cbit_core_end(c->core);
}

cbit_err_t cbit_costs_measure(const cbit_platform_config_t *config, cbit_rig_mode_t mode,
                              uint64_t loads, uint64_t seed, uint64_t ps[CBIT_COSTS],
                              cbit_diag_t *diag)
{
    costs_t c = {.config = config, .diag = diag, .ps = ps, .loads = loads, .seed = seed};
    c.core = malloc(sizeof *c.core);
    if (c.core == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    measure_mode(&c, mode);
    free(c.core);
    return c.err;
}

static void put_mode(const uint64_t ps[CBIT_COSTS], const char *key, cbit_arena_t *arena,
                     cbit_json_t *all)
{
    cbit_json_t *into = cbit_json_add(arena, all, key, cbit_json_new(arena, CBIT_JSON_OBJECT));
    for (uint32_t i = 0; i < CBIT_COSTS; i++) {
        (void)cbit_json_add(arena, into, cbit_cost_rows[i].key, cbit_json_fixed(arena, ps[i], 3));
    }
}

void cbit_costs_put(const uint64_t plain_ps[CBIT_COSTS], const uint64_t sev_ps[CBIT_COSTS],
                    cbit_arena_t *arena, cbit_json_t *root)
{
    cbit_json_t *all = cbit_json_add(arena, root, "costs", cbit_json_new(arena, CBIT_JSON_OBJECT));
    put_mode(plain_ps, "plain", arena, all);
    put_mode(sev_ps, "sev", arena, all);
}
