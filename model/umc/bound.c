/* How early a column command can come: bounds, for who need not know when it does. */
#include "model/umc/few.h"

/* From an ACT to the first column command of its bank. */
static uint32_t act_to_column(const umc_core_t *core)
{
    const int32_t *nck = core->distance[UMC_ACT][CBIT_SCOPE_BANK].op;
    return (uint32_t)(nck[UMC_RD] < nck[UMC_WR] ? nck[UMC_RD] : nck[UMC_WR]);
}

uint64_t umc_core_column_of(const umc_core_t *core, const cbit_dram_place_t *place, uint64_t at_nck)
{
    uint32_t bank = place->flat_bank, open = core->open_row[bank];
    uint64_t from_nck =
        umc_max64(core->floor_nck, at_nck + (core->config.policy.accept_first ? 0 : 1));
    if (open == place->row) {
        return from_nck;
    }
    if (open == UMC_CLOSED) {
        from_nck = umc_max64(from_nck, core->epoch_nck + umc_gate(core, UMC_ACT, bank));
    } else if (core->next_due_nck > from_nck) { /* or a refresh has closed it before */
        from_nck += (uint32_t)core->distance[UMC_PRE][CBIT_SCOPE_BANK].op[UMC_ACT];
    }
    return from_nck + act_to_column(core);
}

/* A request waits whose row is open. */
static bool column_is_next(const umc_core_t *core)
{
    const uint32_t columns = 1u << UMC_RD | 1u << UMC_WR;
    if (core->few.on) {
        return umc_few_column_is_next(core);
    }
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
    return open ? next_nck : next_nck + act_to_column(core);
}
