/* Refreshes of a channel without requests. */
#include "model/umc/core_private.h"

/* All but a rank's last refresh of an idle time, when its banks are closed: arithmetic. */
static void skip_refreshes(umc_core_t *core, umc_rank_t *rank, uint64_t now_nck)
{
    uint64_t refi = core->config.device.timing.trefi_nck;
    if (rank->due_nck <= now_nck && rank->open_banks == 0 && core->config.observe == NULL &&
        core->epoch_nck + umc_refresh_gate(core, rank) <= rank->due_nck) {
        uint64_t skip = (now_nck - rank->due_nck) / refi;
        rank->due_nck += skip * refi;
        core->stats.refreshes += skip;
        umc_find_next_due(core);
    }
}

/* The next refresh command of an idle channel; false if none issues by now_nck. */
static bool next_idle_refresh(umc_core_t *core, uint64_t now_nck, umc_plan_t *plan)
{
    plan->valid = false;
    if (core->rest != NULL) {
        return umc_rest_next_idle(core, now_nck, plan);
    }
    /* All of them first: which rank's turn it is shows only then. */
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        skip_refreshes(core, &core->rank[r], now_nck);
    }
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        const umc_rank_t *rank = &core->rank[r];
        umc_plan_t other = {.valid = false};
        if (rank->due_nck > now_nck ||
            (core->config.policy.refresh_in_turn && rank->due_nck > core->next_due_nck) ||
            !umc_plan_refresh(core, r, rank->due_nck, &other)) {
            continue;
        }
        if (!plan->valid || other.at_nck < plan->at_nck) {
            *plan = other;
        }
        if (core->config.policy.refresh_in_turn) {
            break; /* one rank after the other */
        }
    }
    return plan->valid && plan->at_nck <= now_nck;
}

/*
 * Refreshes of a channel without requests. The first may still close rows; from then on each falls
 * on its due clock.
 */
void umc_core_settle(umc_core_t *core, uint64_t now_nck)
{
    umc_plan_t plan = {.valid = false};
    if (core->live > 0) {
        return;
    }
    const uint32_t open_banks = core->open_banks;
    umc_plan_rebase(core, core->next_due_nck);
    while (core->next_due_nck <= now_nck && next_idle_refresh(core, now_nck, &plan)) {
        umc_plan_rebase(core, plan.at_nck);
        umc_issue_refresh(core, &plan);
        umc_event_t event = {
            .at_nck = plan.at_nck, .kind = plan.kind, .user = UMC_NO_USER, .bank = plan.bank};
        umc_observe(core, &event);
    }
    if (core->few.on) { /* otherwise they are counted as one with what comes now */
        core->levels.open_banks_nck += (uint64_t)((int64_t)core->open_banks - open_banks) * now_nck;
    }
}
