/* What changes with time alone: requests begin to starve, ciphertexts become ready. */
#include "model/umc/core_private.h"

uint64_t umc_watch_starvation(umc_core_t *core)
{
    uint32_t limit = core->config.policy.starvation_nck;
    if (limit == 0 || core->config.policy.scheme != UMC_SCHEME_AGE) {
        return UMC_NEVER;
    }
    if (core->floor_nck < core->starve_check_nck) {
        return core->starve_check_nck;
    }
    uint16_t oldest = umc_oldest_waiting(core, core->write_mode);
    bool any = oldest != UMC_NO_ENTRY && core->floor_nck > core->entries[oldest].accept_nck + limit;
    bool were = core->starving;
    core->starving = any;
    if (any || were) {
        umc_lanes_update_all(core);
    }
    if (oldest == UMC_NO_ENTRY) {
        return UMC_NEVER; /* whoever comes first is watched when the next plan is made */
    }
    uint64_t next = UMC_NEVER;
    for (uint32_t seq = core->entries[oldest].seq; seq < core->next_seq; seq++) {
        uint16_t index = core->entry_of_seq[seq];
        if (index != UMC_NO_ENTRY && core->entries[index].accept_nck + limit >= core->floor_nck) {
            next = core->entries[index].accept_nck + limit + 1;
            break;
        }
    }
    core->starve_check_nck = any ? 0 : next;
    return next;
}

uint64_t umc_release_visible(umc_core_t *core)
{
    if (core->next_visible_nck > core->floor_nck) {
        return core->next_visible_nck;
    }
    core->next_visible_nck = UMC_NEVER;
    for (uint32_t i = 0; i < UMC_ENTRIES; i++) {
        umc_entry_t *entry = &core->entries[i];
        if (!entry->parked || !entry->chosen) {
            continue;
        }
        if (entry->visible_nck > core->floor_nck) {
            core->next_visible_nck = entry->visible_nck < core->next_visible_nck
                                         ? entry->visible_nck
                                         : core->next_visible_nck;
            continue;
        }
        entry->parked = false;
        if (!entry->active) {
            umc_bank_insert(core, (uint16_t)i);
        }
        umc_lanes_update(core, entry->bank);
    }
    return core->next_visible_nck;
}
