#include "model/umc/core.h"

#include <stdlib.h>
#include <string.h>

#include "model/umc/few.h"

/* ---- building ---- */

static cbit_err_t build_queues(umc_core_t *core)
{
    /* A bank may hold all that waits, of both kinds where they share a queue; twice, so that it
       seldom has to be moved back to the beginning of its memory. */
    size_t depth = 2 * (core->config.policy.read_entries + core->config.policy.write_entries + 2);
    size_t places = depth + UMC_ROWS_AT_ONCE;
    size_t queues = 2 * (size_t)core->banks;
    core->memory = calloc(queues * places, sizeof(uint32_t) + sizeof(uint16_t));
    if (core->memory == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    uint32_t *rows = core->memory;
    uint16_t *entries = (uint16_t *)(void *)(rows + queues * places);
    for (uint32_t b = 0; b < core->banks; b++) {
        for (uint32_t k = 0; k < 2; k++) {
            size_t at = (2 * (size_t)b + k) * places;
            core->queue[k][b] = (umc_bank_queue_t){.row = rows + at,
                                                   .entry = entries + at,
                                                   .row_memory = rows + at,
                                                   .entry_memory = entries + at,
                                                   .room = (uint32_t)depth};
        }
    }
    return CBIT_ERR_OK;
}

/* Which of the quick ways the configuration lets it take. */
static void choose_ways(umc_core_t *core)
{
    const umc_core_config_t *config = &core->config;
    const umc_policy_t *policy = &config->policy;
    const bool seen = config->keep_reasons || config->observe != NULL; /* each command */
    core->hits_by_first_command = policy->hits_by_first_command;
    core->by_age = policy->scheme == UMC_SCHEME_AGE;
    core->has_mode = !policy->unified && policy->scheme != UMC_SCHEME_ROUND_ROBIN;
    core->runs = core->by_age && config->read_credits == UINT32_MAX && !seen &&
                 !umc_policy_rests(policy) && policy->page == UMC_PAGE_OPEN &&
                 policy->row_hit_cap == 0 && !policy->accept_first;
    core->rows_are_kept = core->by_age && policy->promote && policy->promoted_keeps_row &&
                          policy->row_hit_cap == 0 && policy->refresh == UMC_REFRESH_FINISH &&
                          !config->choose_writes;
    core->stand_behind = core->by_age && policy->hits == UMC_HITS_OLDER && policy->row_hit_cap == 0;
    core->crowds = core->rows_are_kept && core->stand_behind && core->has_mode &&
                   core->words == 1 && config->read_credits == UINT32_MAX && !seen &&
                   policy->page == UMC_PAGE_OPEN && !policy->accept_first &&
                   !policy->late_callback && !policy->merges_reads && !umc_policy_rests(policy);
    core->scan = umc_scan_each;
#if defined(__x86_64__)
    if (!config->plain_scan && __builtin_cpu_supports("avx2")) {
        core->scan = umc_scan_avx2;
    }
#endif
}

static void number_banks(umc_core_t *core)
{
    const cbit_dram_device_t *device = &core->config.device;
    core->banks_per_group = device->banks_per_group;
    core->banks_per_rank = device->groups * device->banks_per_group;
    core->groups_per_rank = device->groups;
    core->banks = device->banks;
    core->words = (core->banks + 63) / 64;
    for (uint32_t b = 0; b < core->banks; b++) {
        core->rank_of[b] = (uint8_t)(b / core->banks_per_rank);
        core->group_of[b] = (uint8_t)(b / core->banks_per_group);
    }
}

/* No row is open, nobody waits, and each rank's first refresh is known. */
static void begin_empty(umc_core_t *core)
{
    core->credits = core->config.read_credits;
    core->next_visible_nck = UMC_NEVER;
    core->next_due_nck = UMC_NEVER;
    core->still = true;
    for (uint32_t i = UMC_ENTRIES; i-- > 0;) {
        core->free[core->free_count++] = (uint16_t)i;
    }
    for (uint32_t i = 0; i < UMC_OPS * CBIT_DRAM_MAX_BANKS; i++) {
        core->key[i / UMC_OPS].op[i % UMC_OPS] = UMC_KEY_NONE;
    }
    memset(core->open_row, 0xff, sizeof core->open_row);
    memset(core->kept, 0xff, sizeof core->kept);
    memset(core->promoted, 0xff, sizeof core->promoted);
    memset(core->entry_of_seq, 0xff, sizeof core->entry_of_seq);
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        const uint64_t due_nck = umc_first_refresh_nck(&core->config, r);
        core->rank[r].due_nck = due_nck;
        core->next_due_nck = due_nck < core->next_due_nck ? due_nck : core->next_due_nck;
    }
}

cbit_err_t umc_core_create(const umc_core_config_t *config, umc_core_t **out)
{
    umc_core_t *core = aligned_alloc(64, (sizeof *core + 63) / 64 * 64);
    if (core == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    memset(core, 0, sizeof *core);
    core->config = *config;
    number_banks(core);
    choose_ways(core);
    begin_empty(core);
    umc_gates_init(core);
    umc_few_init(core);
    cbit_err_t err = build_queues(core);
    if (err == CBIT_ERR_OK && umc_policy_rests(&config->policy)) {
        err = umc_rest_create(core);
    }
    if (err == CBIT_ERR_OK && config->keep_reasons) {
        err = umc_reasons_create(&config->device, &core->reasons);
    }
    if (err != CBIT_ERR_OK) {
        umc_core_destroy(core);
        return err;
    }
    *out = core;
    return CBIT_ERR_OK;
}

void umc_core_destroy(umc_core_t *core)
{
    if (core != NULL) {
        umc_reasons_destroy(core->reasons);
        umc_rest_destroy(core);
        free(core->memory);
        free(core);
    }
}

const umc_core_stats_t *umc_core_stats(const umc_core_t *core)
{
    return &core->stats;
}

umc_levels_t umc_core_levels(const umc_core_t *core)
{
    umc_levels_t levels = core->levels;
    if (core->few.on) {
        levels.waiting[0] = core->waiting[0];
        levels.waiting[1] = core->waiting[1];
        levels.open_banks = core->open_banks;
    }
    return levels;
}

void umc_core_count_levels(umc_core_t *core, uint64_t at_nck)
{
    if (!core->few.on) {
        umc_count_levels(core, at_nck);
    }
}

void umc_core_activity(const umc_core_t *core, uint64_t now_nck, cbit_dram_activity_t *activity)
{
    umc_core_stats_t stats = core->stats;
    umc_rest_sleeping(core, now_nck, &stats);
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        const umc_rank_t *rank = &core->rank[r];
        bool counts = rank->open_banks > 0 && rank->open_since_nck < now_nck;
        stats.open_rank_nck += counts ? now_nck - rank->open_since_nck : 0;
    }
    bool same_bank = core->config.policy.rest.same_bank;
    *activity = (cbit_dram_activity_t){.activates = stats.activates,
                                       .reads = stats.reads,
                                       .writes = stats.writes,
                                       .refreshes = same_bank ? 0 : stats.refreshes,
                                       .bank_refreshes = same_bank ? stats.refreshes : 0,
                                       .open_rank_nck = stats.open_rank_nck,
                                       .total_rank_nck = now_nck * core->config.device.ranks,
                                       .down_open_nck = stats.down_open_nck,
                                       .down_closed_nck = stats.down_closed_nck,
                                       .self_refresh_nck = stats.self_refresh_nck};
}
