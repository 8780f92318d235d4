/*
 * What ranks do beside requests in the quick controller, where they do more than refresh on time:
 * postponed, early and same-bank refreshes, power-down, self-refresh.
 *
 * Nothing here is on the way of a request but a test for core->rest. Earliest clocks are asked of
 * the rule engine, which is told every command. rank[].due_nck of the core becomes the clock from
 * which a rank has something to do for itself: its attention.
 */
#include <stdlib.h>

#include "model/umc/core_private.h"

typedef enum sleep { AWAKE, POWER_DOWN, SELF_REFRESH } sleep_t;

typedef struct rest_rank {
    uint64_t due_nck;  /* of the next refresh, by the calendar */
    uint64_t idle_nck; /* since when there is no request, with live 0 */
    uint64_t slept_nck, woke_nck;
    uint64_t awake_nck; /* how long it was awake between the last two sleeps */
    uint32_t cycles;    /* sleeps in a row with the same awake_nck, and no request */
    uint32_t live, set;
    sleep_t sleep;
    bool refreshed; /* since the last self-refresh */
} rest_rank_t;

struct umc_rest {
    cbit_dram_history_t *history;
    uint64_t every_nck;
    uint64_t next_nck; /* the clock after the last command */
    rest_rank_t rank[CBIT_DRAM_MAX_RANKS];
};

/* ---- what a rank wants, and from when on ---- */

static uint64_t refresh_from(const umc_core_t *core, const rest_rank_t *rank)
{
    const umc_rest_policy_t *p = &core->config.policy.rest;
    uint64_t every = core->rest->every_nck;
    if (rank->sleep == SELF_REFRESH) {
        return UMC_NEVER;
    }
    uint64_t latest = rank->due_nck + p->postpone * every;
    if (rank->live > 0) {
        return latest;
    }
    uint64_t ahead = p->pull_in * every;
    uint64_t early = umc_max64(rank->due_nck > ahead ? rank->due_nck - ahead : 0,
                               rank->idle_nck + p->refresh_idle_nck);
    return early < latest ? early : latest;
}

static uint64_t idle_from(const rest_rank_t *rank, uint32_t nck)
{
    return nck != 0 && rank->live == 0 ? rank->idle_nck + nck : UMC_NEVER;
}

static uint64_t self_refresh_from(const umc_core_t *core, const rest_rank_t *rank)
{
    return rank->refreshed && rank->sleep != SELF_REFRESH
               ? idle_from(rank, core->config.policy.rest.self_refresh_nck)
               : UMC_NEVER;
}

static uint64_t power_down_from(const umc_core_t *core, const rest_rank_t *rank)
{
    return rank->sleep == AWAKE ? idle_from(rank, core->config.policy.rest.power_down_nck)
                                : UMC_NEVER;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void attend(umc_core_t *core, uint32_t r)
{
    const rest_rank_t *rank = &core->rest->rank[r];
    uint64_t from = 0; /* asleep with requests: at once */
    if (rank->sleep == AWAKE || rank->live == 0) {
        from = earlier(refresh_from(core, rank),
                       earlier(self_refresh_from(core, rank), power_down_from(core, rank)));
    }
    core->rank[r].due_nck = from;
    core->calm_nck = 0;
    core->next_due_nck = UMC_NEVER;
    for (uint32_t i = 0; i < core->config.device.ranks; i++) {
        core->next_due_nck = earlier(core->next_due_nck, core->rank[i].due_nck);
    }
}

uint64_t umc_rest_next_nck(const umc_core_t *core, uint64_t floor_nck)
{
    uint64_t next = UMC_NEVER;
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        const rest_rank_t *rank = &core->rest->rank[r];
        const uint64_t from[] = {refresh_from(core, rank), self_refresh_from(core, rank),
                                 power_down_from(core, rank)};
        for (uint32_t i = 0; i < sizeof from / sizeof from[0]; i++) {
            next = from[i] > floor_nck ? earlier(next, from[i]) : next;
        }
    }
    return next;
}

bool umc_rest_refreshing(const umc_core_t *core, uint32_t r, uint64_t floor_nck)
{
    return floor_nck >= refresh_from(core, &core->rest->rank[r]);
}

bool umc_rest_any_refreshing(const umc_core_t *core)
{
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        if (umc_rest_refreshing(core, r, core->floor_nck)) {
            return true;
        }
    }
    return false;
}

bool umc_rest_stops(const umc_core_t *core, uint32_t bank)
{
    const umc_policy_t *p = &core->config.policy;
    uint32_t r = core->rank_of[bank];
    const rest_rank_t *rank = &core->rest->rank[r];
    if (rank->sleep != AWAKE) {
        return true;
    }
    if (p->rest.same_bank) {
        return bank % core->banks_per_group == rank->set &&
               umc_rest_refreshing(core, r, core->floor_nck);
    }
    return p->refresh_stops_channel ? umc_rest_any_refreshing(core)
                                    : umc_rest_refreshing(core, r, core->floor_nck);
}

/* ---- plans ---- */

static void plan_command(const umc_core_t *core, cbit_dram_command_t command, umc_event_kind_t kind,
                         uint32_t bank, uint64_t floor_nck, umc_plan_t *plan)
{
    uint64_t at_nck =
        umc_max64(floor_nck, cbit_dram_earliest_nck(core->rest->history, command, bank, NULL));
    if (!plan->valid || at_nck < plan->at_nck) {
        plan->valid = true;
        plan->kind = kind;
        plan->bank = bank;
        plan->at_nck = at_nck;
    }
}

/* Closes the banks from `first` on, every step-th; false if none is open. */
static bool plan_each(const umc_core_t *core, uint32_t r, uint32_t first, uint32_t step,
                      uint64_t floor_nck, umc_plan_t *plan)
{
    bool any_open = false;
    bool finish = core->config.policy.refresh == UMC_REFRESH_FINISH;
    for (uint32_t b = first; b < (r + 1) * core->banks_per_rank; b += step) {
        if (core->open_row[b] == UMC_CLOSED) {
            continue;
        }
        any_open = true;
        if (!(finish && core->kept[b] != UMC_NO_ENTRY)) {
            plan_command(core, CBIT_DRAM_PRE, UMC_EVENT_PRE, b, floor_nck, plan);
        }
    }
    return any_open;
}

static bool plan_all(const umc_core_t *core, uint32_t r, uint64_t floor_nck, umc_plan_t *plan)
{
    const umc_rank_t *rank = &core->rank[r];
    if (rank->open_banks > 0 &&
        !(core->config.policy.refresh == UMC_REFRESH_FINISH && rank->kept_banks > 0)) {
        plan_command(core, CBIT_DRAM_PREA, UMC_EVENT_PREA, plan->bank, floor_nck, plan);
    }
    return rank->open_banks > 0;
}

static void plan_refresh(const umc_core_t *core, uint32_t r, uint64_t floor_nck, umc_plan_t *plan)
{
    uint32_t first = r * core->banks_per_rank;
    if (core->config.policy.rest.same_bank) {
        uint32_t bank = first + core->rest->rank[r].set;
        if (!plan_each(core, r, bank, core->banks_per_group, floor_nck, plan)) {
            plan_command(core, CBIT_DRAM_REFSB, UMC_EVENT_REFSB, bank, floor_nck, plan);
        }
        return;
    }
    bool any_open = core->config.policy.refresh == UMC_REFRESH_EACH
                        ? plan_each(core, r, first, 1, floor_nck, plan)
                        : plan_all(core, r, floor_nck, plan);
    if (!any_open) {
        plan_command(core, CBIT_DRAM_REF, UMC_EVENT_REF, first, floor_nck, plan);
    }
}

bool umc_rest_plan(const umc_core_t *core, uint32_t r, uint64_t floor_nck, umc_plan_t *plan)
{
    const rest_rank_t *rank = &core->rest->rank[r];
    uint32_t first = r * core->banks_per_rank;
    bool refresh = floor_nck >= refresh_from(core, rank);
    bool deeper = !refresh && floor_nck >= self_refresh_from(core, rank);
    *plan = (umc_plan_t){.refresh = true, .entry = UMC_NO_ENTRY, .rank = r, .bank = first};
    if (rank->sleep == POWER_DOWN) {
        if (rank->live > 0 || refresh || deeper) {
            plan_command(core, CBIT_DRAM_PDX, UMC_EVENT_PDX, first, floor_nck, plan);
        }
    } else if (rank->sleep == SELF_REFRESH) {
        if (rank->live > 0) {
            plan_command(core, CBIT_DRAM_SRX, UMC_EVENT_SRX, first, floor_nck, plan);
        }
    } else if (refresh) {
        plan_refresh(core, r, floor_nck, plan);
    } else if (deeper) {
        if (!plan_all(core, r, floor_nck, plan)) {
            plan_command(core, CBIT_DRAM_SRE, UMC_EVENT_SRE, first, floor_nck, plan);
        }
    } else if (floor_nck >= power_down_from(core, rank)) {
        plan_command(core, CBIT_DRAM_PDE, UMC_EVENT_PDE, first, floor_nck, plan);
    }
    return plan->valid;
}

/* ---- what happened ---- */

static void wake(umc_core_t *core, uint32_t r, uint64_t at_nck)
{
    rest_rank_t *rank = &core->rest->rank[r];
    uint64_t slept_nck = at_nck - rank->slept_nck;
    if (rank->sleep == SELF_REFRESH) {
        core->stats.self_refresh_nck += slept_nck;
        rank->due_nck = at_nck + core->rest->every_nck;
        rank->refreshed = false;
    } else if (core->rank[r].open_banks > 0) {
        core->stats.down_open_nck += slept_nck;
    } else {
        core->stats.down_closed_nck += slept_nck;
    }
    rank->sleep = AWAKE;
    rank->woke_nck = at_nck;
}

static void fall_asleep(umc_core_t *core, rest_rank_t *rank, sleep_t sleep, uint64_t at_nck)
{
    rank->sleep = sleep;
    rank->slept_nck = at_nck;
    rank->cycles = rank->awake_nck == at_nck - rank->woke_nck ? rank->cycles + 1 : 1;
    rank->awake_nck = at_nck - rank->woke_nck;
    core->stats.power_downs += sleep == POWER_DOWN;
    core->stats.self_refreshes += sleep == SELF_REFRESH;
}

void umc_rest_done(umc_core_t *core, const umc_plan_t *plan)
{
    rest_rank_t *rank = &core->rest->rank[plan->rank];
    switch (plan->kind) {
    case UMC_EVENT_REFSB:
        rank->set = (rank->set + 1) % core->banks_per_group;
        /* fall through */
    case UMC_EVENT_REF:
        rank->due_nck += core->rest->every_nck;
        rank->refreshed = true;
        core->stats.refreshes++;
        break;
    case UMC_EVENT_PDE:
        fall_asleep(core, rank, POWER_DOWN, plan->at_nck);
        break;
    case UMC_EVENT_SRE:
        fall_asleep(core, rank, SELF_REFRESH, plan->at_nck);
        break;
    default:
        wake(core, plan->rank, plan->at_nck);
        break;
    }
    if (plan->kind != UMC_EVENT_REF && plan->kind != UMC_EVENT_PDE && plan->kind != UMC_EVENT_SRE) {
        umc_gates_rest(core, umc_event_command(plan->kind), plan->bank,
                       umc_relative(core, plan->at_nck));
    }
    attend(core, plan->rank);
}

void umc_rest_issued(umc_core_t *core, const umc_event_t *event)
{
    if (event->kind != UMC_EVENT_CHOSEN) {
        cbit_dram_issue(core->rest->history, umc_event_command(event->kind), event->bank,
                        event->at_nck);
        core->rest->next_nck = event->at_nck + 1;
    }
}

void umc_rest_arrived(umc_core_t *core, uint32_t bank)
{
    uint32_t r = core->rank_of[bank];
    rest_rank_t *rank = &core->rest->rank[r];
    if (rank->live++ == 0) {
        rank->cycles = 0;
        core->plan.valid = false; /* a refresh of an idle rank may have stood in the way */
        attend(core, r);
    }
}

void umc_rest_left(umc_core_t *core, uint32_t bank, uint64_t at_nck)
{
    uint32_t r = core->rank_of[bank];
    rest_rank_t *rank = &core->rest->rank[r];
    if (--rank->live == 0) {
        rank->idle_nck = at_nck;
        attend(core, r);
    }
}

/* ---- idle channels ---- */

static bool catches_up(const umc_core_t *core, uint32_t r)
{
    bool same_bank = core->config.policy.rest.same_bank;
    uint32_t bank = r * core->banks_per_rank + (same_bank ? core->rest->rank[r].set : 0);
    return cbit_dram_earliest_nck(core->rest->history, same_bank ? CBIT_DRAM_REFSB : CBIT_DRAM_REF,
                                  bank, NULL) > core->rank[r].due_nck;
}

/*
 * Refreshes of a rank without requests come every tREFI, out of power-down or not. Once that is all
 * that it does they are counted, all but the last; not while it still catches up, as fast as the
 * rules let it. Nobody may be watching the commands.
 */
static void skip(umc_core_t *core, uint32_t r, uint64_t now_nck)
{
    const umc_rest_policy_t *p = &core->config.policy.rest;
    rest_rank_t *rank = &core->rest->rank[r];
    uint64_t every = core->rest->every_nck, from = core->rank[r].due_nck;
    bool steady = p->power_down_nck == 0 ? rank->sleep == AWAKE
                                         : rank->sleep == POWER_DOWN && rank->cycles >= 2;
    if (!steady || p->self_refresh_nck != 0 || core->config.observe != NULL || from > now_nck ||
        core->rank[r].open_banks > 0 || from != rank->due_nck - p->pull_in * every ||
        (now_nck - from) / every < 2 || (rank->sleep == AWAKE && catches_up(core, r))) {
        return;
    }
    uint64_t times = (now_nck - from) / every - 1;
    rank->due_nck += times * every;
    rank->set = (uint32_t)((rank->set + times) % core->banks_per_group);
    core->stats.refreshes += times;
    if (rank->sleep == POWER_DOWN) {
        core->stats.power_downs += times;
        core->stats.down_closed_nck += times * (every - rank->awake_nck);
        rank->slept_nck += times * every;
        rank->woke_nck += times * every;
    }
    attend(core, r);
}

bool umc_rest_next_idle(umc_core_t *core, uint64_t now_nck, umc_plan_t *plan)
{
    bool one_by_one = core->config.policy.refresh_in_turn && !core->config.policy.rest.same_bank;
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        skip(core, r, now_nck);
    }
    for (uint64_t floor_nck = core->rest->next_nck; floor_nck <= now_nck;) {
        bool any = false;
        plan->valid = false;
        for (uint32_t r = 0; r < core->config.device.ranks; r++) {
            umc_plan_t other;
            bool refresh = umc_rest_refreshing(core, r, floor_nck);
            if (core->rank[r].due_nck <= floor_nck && !(any && one_by_one && refresh) &&
                umc_rest_plan(core, r, floor_nck, &other) &&
                (!plan->valid || other.at_nck < plan->at_nck)) {
                *plan = other;
            }
            any |= refresh;
        }
        uint64_t next_nck = umc_rest_next_nck(core, floor_nck);
        if (plan->valid && plan->at_nck < next_nck) {
            return plan->at_nck <= now_nck;
        }
        floor_nck = next_nck;
    }
    return false;
}

/* ---- figures ---- */

void umc_rest_sleeping(const umc_core_t *core, uint64_t now_nck, umc_core_stats_t *stats)
{
    for (uint32_t r = 0; core->rest != NULL && r < core->config.device.ranks; r++) {
        const rest_rank_t *rank = &core->rest->rank[r];
        if (rank->sleep == AWAKE || rank->slept_nck >= now_nck) {
            continue;
        }
        uint64_t *clocks = rank->sleep == SELF_REFRESH    ? &stats->self_refresh_nck
                           : core->rank[r].open_banks > 0 ? &stats->down_open_nck
                                                          : &stats->down_closed_nck;
        *clocks += now_nck - rank->slept_nck;
    }
}

/* ---- building ---- */

cbit_err_t umc_rest_create(umc_core_t *core)
{
    core->rest = calloc(1, sizeof *core->rest);
    if (core->rest == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    core->rest->every_nck = umc_refresh_every_nck(&core->config);
    cbit_err_t err = cbit_dram_history_create(&core->config.device, &core->rest->history);
    for (uint32_t r = 0; err == CBIT_ERR_OK && r < core->config.device.ranks; r++) {
        core->rest->rank[r].due_nck = umc_first_refresh_nck(&core->config, r);
        core->rest->rank[r].refreshed = true;
        attend(core, r);
    }
    return err;
}

void umc_rest_destroy(umc_core_t *core)
{
    if (core->rest != NULL) {
        cbit_dram_history_destroy(core->rest->history);
        free(core->rest);
    }
}
