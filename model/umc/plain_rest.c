/* What ranks do beside requests in the plain controller: refresh, power-down, self-refresh. */
#include "model/umc/plain_private.h"

static uint32_t first_bank(const umc_plain_t *plain, uint32_t rank)
{
    return rank * plain->banks_per_rank;
}

/* The clock from which a rank wants its next refresh, as long as nothing else changes. */
static uint64_t refresh_from(const umc_plain_t *plain, const rank_t *rank)
{
    const umc_rest_policy_t *p = &plain->policy->rest;
    uint64_t every = umc_refresh_every_nck(&plain->config);
    uint64_t latest = rank->due_nck + p->postpone * every;
    if (rank->live > 0) {
        return latest;
    }
    uint64_t early = rank->due_nck > p->pull_in * every ? rank->due_nck - p->pull_in * every : 0;
    uint64_t idle = rank->idle_nck + p->refresh_idle_nck;
    early = early > idle ? early : idle;
    return early < latest ? early : latest;
}

bool umc_plain_rest_wanted(const umc_plain_t *plain, uint32_t r, uint64_t at_nck)
{
    const rank_t *rank = &plain->rank[r];
    return rank->sleep != SELF_REFRESH && at_nck >= refresh_from(plain, rank);
}

static bool idle_for(const rank_t *rank, uint32_t nck, uint64_t at_nck)
{
    return nck != 0 && rank->live == 0 && at_nck >= rank->idle_nck + nck;
}

static bool wants_self_refresh(const umc_plain_t *plain, const rank_t *rank, uint64_t at_nck)
{
    return !rank->pending && rank->refreshed &&
           idle_for(rank, plain->policy->rest.self_refresh_nck, at_nck);
}

static void offer(umc_plain_t *plain, choice_t *best, cbit_dram_command_t command, uint32_t bank,
                  uint64_t at_nck)
{
    if (umc_plain_ready(plain, command, bank, at_nck)) {
        umc_plain_propose_rank(best, command, bank);
    }
}

/* Closes the banks from `first` on, every step-th, one by one; true if any is open still. */
static bool close_each(umc_plain_t *plain, choice_t *best, uint32_t r, uint32_t first,
                       uint32_t step, uint64_t at_nck)
{
    bool any_open = false;
    bool finish = plain->policy->refresh == UMC_REFRESH_FINISH;
    for (uint32_t b = first; b < first_bank(plain, r + 1); b += step) {
        if (plain->open_row[b] == CLOSED) {
            continue;
        }
        any_open = true;
        if (!(finish && plain->kept[b] != NO_ENTRY)) {
            offer(plain, best, CBIT_DRAM_PRE, b, at_nck);
        }
    }
    return any_open;
}

/* Closes all banks with one command; true if any is open still. */
static bool close_all(umc_plain_t *plain, choice_t *best, uint32_t r, uint64_t at_nck)
{
    bool any_open = false, any_kept = false;
    for (uint32_t b = first_bank(plain, r); b < first_bank(plain, r + 1); b++) {
        any_open |= plain->open_row[b] != CLOSED;
        any_kept |= plain->kept[b] != NO_ENTRY;
    }
    if (any_open && !(plain->policy->refresh == UMC_REFRESH_FINISH && any_kept)) {
        offer(plain, best, CBIT_DRAM_PREA, first_bank(plain, r), at_nck);
    }
    return any_open;
}

static void propose_refresh(umc_plain_t *plain, choice_t *best, uint32_t r, uint64_t at_nck)
{
    uint32_t first = first_bank(plain, r);
    if (plain->policy->rest.same_bank) {
        uint32_t bank = first + plain->rank[r].set;
        if (!close_each(plain, best, r, bank, plain->config.device.banks_per_group, at_nck)) {
            offer(plain, best, CBIT_DRAM_REFSB, bank, at_nck);
        }
        return;
    }
    bool any_open = plain->policy->refresh == UMC_REFRESH_EACH
                        ? close_each(plain, best, r, first, 1, at_nck)
                        : close_all(plain, best, r, at_nck);
    if (!any_open) {
        offer(plain, best, CBIT_DRAM_REF, first, at_nck);
    }
}

void umc_plain_rest_propose(umc_plain_t *plain, choice_t *best, uint32_t r, uint64_t at_nck)
{
    const rank_t *rank = &plain->rank[r];
    uint32_t first = first_bank(plain, r);
    bool deeper = wants_self_refresh(plain, rank, at_nck);
    if (rank->sleep == POWER_DOWN) {
        if (rank->live > 0 || rank->pending || deeper) {
            offer(plain, best, CBIT_DRAM_PDX, first, at_nck);
        }
    } else if (rank->sleep == SELF_REFRESH) {
        if (rank->live > 0) {
            offer(plain, best, CBIT_DRAM_SRX, first, at_nck);
        }
    } else if (rank->pending) {
        propose_refresh(plain, best, r, at_nck);
    } else if (deeper) {
        if (!close_all(plain, best, r, at_nck)) {
            offer(plain, best, CBIT_DRAM_SRE, first, at_nck);
        }
    } else if (idle_for(rank, plain->policy->rest.power_down_nck, at_nck)) {
        offer(plain, best, CBIT_DRAM_PDE, first, at_nck);
    }
}

bool umc_plain_rest_stops(const umc_plain_t *plain, uint32_t bank)
{
    const rank_t *rank = &plain->rank[bank / plain->banks_per_rank];
    bool its_turn =
        !plain->policy->rest.same_bank || bank % plain->config.device.banks_per_group == rank->set;
    return rank->sleep != AWAKE || (rank->pending && its_turn);
}

static void wake(umc_plain_t *plain, rank_t *rank, uint32_t first, uint64_t at_nck)
{
    uint64_t slept_nck = at_nck - rank->slept_nck;
    bool any_open = false;
    for (uint32_t b = first; b < first + plain->banks_per_rank; b++) {
        any_open |= plain->open_row[b] != CLOSED;
    }
    if (rank->sleep == SELF_REFRESH) {
        plain->stats.self_refresh_nck += slept_nck;
        rank->due_nck = at_nck + umc_refresh_every_nck(&plain->config);
        rank->refreshed = false;
    } else {
        *(any_open ? &plain->stats.down_open_nck : &plain->stats.down_closed_nck) += slept_nck;
    }
    rank->sleep = AWAKE;
}

void umc_plain_rest_done(umc_plain_t *plain, const choice_t *choice, uint64_t at_nck)
{
    uint32_t r = choice->bank / plain->banks_per_rank;
    rank_t *rank = &plain->rank[r];
    switch (choice->command) {
    case CBIT_DRAM_REFSB:
        rank->set = (rank->set + 1) % plain->config.device.banks_per_group;
        /* fall through */
    case CBIT_DRAM_REF:
        rank->due_nck += umc_refresh_every_nck(&plain->config);
        rank->pending = false;
        rank->refreshed = true;
        plain->stats.refreshes++;
        break;
    case CBIT_DRAM_PDE:
    case CBIT_DRAM_SRE:
        rank->sleep = choice->command == CBIT_DRAM_PDE ? POWER_DOWN : SELF_REFRESH;
        rank->slept_nck = at_nck;
        plain->stats.power_downs += choice->command == CBIT_DRAM_PDE;
        plain->stats.self_refreshes += choice->command == CBIT_DRAM_SRE;
        break;
    default:
        wake(plain, rank, first_bank(plain, r), at_nck);
        break;
    }
}
