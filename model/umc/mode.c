/* Reads or writes: which of the two compete. */
#include "model/umc/core_private.h"

static bool promoted_is_ready(const umc_core_t *core)
{
    uint32_t now = umc_from_now(core);
    if (now != umc_relative(core, core->floor_nck)) {
        return false; /* the command bus is taken */
    }
    for (uint32_t bank = 0; bank < core->banks; bank++) {
        for (uint32_t left = core->wants[bank]; left != 0; left &= left - 1) {
            uint32_t op = (uint32_t)__builtin_ctz(left);
            if (core->key[bank].op[op] < (UMC_PROMOTED + 1) << UMC_SEQ_BITS &&
                umc_gate(core, op, bank) <= now && (core->credits > 0 || op != UMC_RD)) {
                return true;
            }
        }
    }
    return false;
}

/* Decides the mode at floor_nck; true if it must be asked again in the next clock. */
bool umc_decide_mode(umc_core_t *core)
{
    if (!umc_mode_may_change(core)) {
        return false;
    }
    if (core->config.policy.mode_lazily) {
        if (core->rest != NULL
                ? !core->config.policy.rest.same_bank && umc_rest_any_refreshing(core)
                : core->next_due_nck <= core->floor_nck) {
            return false; /* nothing of either mode issues before the refresh anyway */
        }
        if (promoted_is_ready(core)) {
            return true;
        }
    }
    if (core->reasons != NULL) {
        umc_reasons_charge(core, core->floor_nck);
    }
    core->write_mode = !core->write_mode;
    core->starve_check_nck = 0;
    umc_lanes_update_all(core);
    return false;
}
