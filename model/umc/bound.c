/* Bounds of column commands (bound.h), where requests are not held apart. */
#include "model/umc/bound.h"

/* Nobody but this one request can open or close a row of the bank from now on, but by a refresh. */
static bool is_alone(const umc_core_t *core, uint32_t bank, bool wanted)
{
    if (wanted || !core->by_age || core->config.policy.page != UMC_PAGE_OPEN ||
        core->rest != NULL) {
        return false;
    }
    return core->queue[0][bank].count == 0 && core->queue[1][bank].count == 0;
}

uint64_t umc_core_column_of(const umc_core_t *core, const cbit_dram_place_t *place, uint64_t at_nck,
                            bool wanted)
{
    const bool later = !core->config.policy.accept_first;
    return umc_column_from(core, place, umc_max64(core->floor_nck, at_nck + later),
                           is_alone(core, place->flat_bank, wanted));
}

/* A request waits whose row is open. */
static bool column_is_next(const umc_core_t *core)
{
    const uint32_t columns = 1u << UMC_RD | 1u << UMC_WR;
    for (uint32_t b = 0; b < core->banks; b++) {
        if ((core->wants[b] & columns) != 0 ||
            (core->queue[0][b].hits | core->queue[1][b].hits) != 0) {
            return true;
        }
    }
    return false;
}

uint64_t umc_core_next_column(const umc_core_t *core, uint64_t next_nck)
{
    bool open = next_nck == UMC_NEVER || !core->by_age || core->next_visible_nck != UMC_NEVER ||
                column_is_next(core);
    return open ? next_nck : next_nck + core->few.rules.act_to_column;
}
