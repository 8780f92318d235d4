/* How early a column command can come: bounds, for who need not know when it does. */
#include "model/umc/few.h"

/* Nobody but this one request can open or close a row of the bank from now on, but by a refresh. */
static bool is_alone(const umc_core_t *core, uint32_t bank, bool wanted)
{
    if (core->few.on) { /* under the usual policy only, and without a look at more than this */
        return !wanted && (core->few.banks >> bank & 1) == 0;
    }
    if (wanted || !core->by_age || core->config.policy.page != UMC_PAGE_OPEN ||
        core->rest != NULL) {
        return false;
    }
    return core->queue[0][bank].count == 0 && core->queue[1][bank].count == 0;
}

uint64_t umc_core_column_of(const umc_core_t *core, const cbit_dram_place_t *place, uint64_t at_nck,
                            bool wanted)
{
    const uint32_t bank = place->flat_bank, open = core->open_row[bank];
    const bool later = core->few.on || !core->config.policy.accept_first;
    const uint64_t from_nck = umc_max64(core->floor_nck, at_nck + later);
    if (open == place->row) {
        return from_nck;
    }
    const bool alone = is_alone(core, bank, wanted);
    uint64_t act_nck = alone ? from_nck : core->floor_nck;
    if (open == UMC_CLOSED) {
        act_nck = umc_max64(act_nck, core->epoch_nck + umc_gate(core, UMC_ACT, bank));
    } else if (!alone || core->next_due_nck > from_nck) { /* or a refresh has closed it before */
        act_nck += core->few.rules.pre_to_act;
    }
    return umc_max64(from_nck, act_nck + core->few.rules.act_to_column);
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
    if (core->few.on) {
        return next_nck == UMC_NEVER || core->few.columns != 0
                   ? next_nck
                   : next_nck + core->few.rules.act_to_column;
    }
    bool open = next_nck == UMC_NEVER || !core->by_age || core->next_visible_nck != UMC_NEVER ||
                column_is_next(core);
    return open ? next_nck : next_nck + core->few.rules.act_to_column;
}
