/* Which command comes next, and when: one scan over the lanes, seldom more. */
#include "model/umc/few.h"
#include "model/umc/scan.h"

enum { EPOCH_KEEP = 1 << 20 };

/* ---- helpers ---- */

static void lower(umc_lanes_t *gate, uint32_t by)
{
    for (uint32_t op = 0; op < UMC_OPS; op++) {
        uint32_t was = (uint32_t)gate->op[op];
        gate->op[op] = (int32_t)(was - (was < by ? was : by));
    }
}

void umc_plan_new_epoch(umc_core_t *core, uint64_t nck)
{
    uint64_t shift64 = nck - core->epoch_nck;
    core->epoch_nck += shift64 - EPOCH_KEEP;
    /* After a long pause every gate is long open: 0 says so. */
    uint32_t shift = shift64 > UINT32_MAX ? UINT32_MAX : (uint32_t)shift64 - EPOCH_KEEP;
    for (uint32_t b = 0; b < core->banks; b++) {
        lower(&core->gate[b], shift);
        lower(&core->group_gate[core->group_of[b]], b % core->banks_per_group == 0 ? shift : 0);
    }
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        lower(&core->rank_gate[r], shift);
    }
    core->bus -= core->bus < shift ? core->bus : shift;
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        umc_rank_t *rank = &core->rank[r];
        rank->refresh_gate -= rank->refresh_gate < shift ? rank->refresh_gate : shift;
        rank->prea_gate -= rank->prea_gate < shift ? rank->prea_gate : shift;
        for (uint32_t op = 0; op < UMC_OPS; op++) {
            rank->after[op] -= rank->after[op] < shift ? rank->after[op] : shift;
        }
        for (uint32_t i = 0; i < UMC_FAW; i++) {
            rank->faw[i] -= rank->faw[i] < shift ? rank->faw[i] : shift;
        }
    }
}

static bool pending(const umc_core_t *core, uint32_t rank)
{
    return core->rank[rank].due_nck <= core->floor_nck;
}

/* ---- candidates ---- */

static umc_event_kind_t kind_of(const umc_core_t *core, umc_op_t op, const umc_entry_t *entry)
{
    static const umc_event_kind_t KIND[UMC_OPS] = {[UMC_ACT] = UMC_EVENT_ACT,
                                                   [UMC_PRE] = UMC_EVENT_PRE,
                                                   [UMC_WR] = UMC_EVENT_WR,
                                                   [UMC_RD] = UMC_EVENT_RD};
    return op == UMC_WR && core->config.choose_writes && !entry->chosen ? UMC_EVENT_CHOSEN
                                                                        : KIND[op];
}

static void plan_entry(const umc_core_t *core, uint16_t index, uint32_t at, umc_plan_t *plan)
{
    const umc_entry_t *entry = &core->entries[index];
    umc_op_t op = umc_next_op(core, entry);
    /* Field by field: copying a struct just written in parts stalls the machine. */
    plan->valid = true;
    plan->refresh = false;
    plan->op = op;
    plan->entry = index;
    plan->bank = entry->bank;
    plan->kind = kind_of(core, op, entry);
    plan->at_nck = core->epoch_nck + at;
}

/* Keys of ROUND_ROBIN: banks in turn, then places in the queue. */
static uint32_t turn_key(const umc_core_t *core, uint32_t bank, uint32_t place)
{
    uint32_t turn = (bank + core->banks - core->turn - 1) % core->banks;
    return (uint32_t)UMC_NORMAL << UMC_SEQ_BITS | turn << 6 | place;
}

/* A refresh that is due stops a lane. */
static bool stopped(const umc_core_t *core, uint32_t bank, uint32_t key)
{
    const umc_policy_t *p = &core->config.policy;
    if (p->scheme == UMC_SCHEME_AGE && key >> UMC_SEQ_BITS == (uint32_t)UMC_PROMOTED) {
        return false;
    }
    return core->rest != NULL ? umc_rest_stops(core, bank)
                              : p->refresh_stops_channel || pending(core, core->rank_of[bank]);
}

/* Lane by lane, where masks or turns matter. Returns the packed best as the scan does. */
static uint32_t scan_slowly(const umc_core_t *core, uint32_t now, bool any_pending,
                            uint32_t *best_bank)
{
    bool in_turn = core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN;
    uint32_t best = UMC_KEY_NONE;
    for (uint32_t bank = 0; bank < core->banks; bank++) {
        for (uint32_t left = core->wants[bank]; left != 0; left &= left - 1) {
            uint32_t op = (uint32_t)__builtin_ctz(left);
            uint32_t key = (uint32_t)core->key[bank].op[op];
            if ((op == UMC_RD && core->credits == 0) || (any_pending && stopped(core, bank, key))) {
                continue;
            }
            uint32_t wait = umc_max32(umc_gate(core, op, bank), now) - now;
            wait = wait < UMC_FAR ? wait : UMC_FAR;
            uint32_t candidate = wait << UMC_KEY_BITS | (in_turn ? turn_key(core, bank, key) : key);
            if (candidate < best) {
                best = candidate;
                *best_bank = bank;
            }
        }
    }
    return best;
}

static bool plan_each(const umc_core_t *core, uint32_t rank, uint32_t now, umc_plan_t *plan)
{
    uint32_t first = rank * core->banks_per_rank, best = UINT32_MAX;
    for (uint32_t b = first; b < first + core->banks_per_rank; b++) {
        uint32_t at = umc_max32(umc_gate(core, UMC_PRE, b), now);
        if (core->open_row[b] != UMC_CLOSED && at < best) {
            best = at;
            plan->bank = b;
        }
    }
    plan->kind = UMC_EVENT_PRE;
    plan->at_nck = core->epoch_nck + best;
    return true;
}

bool umc_plan_refresh(const umc_core_t *core, uint32_t rank, uint64_t floor_nck, umc_plan_t *plan)
{
    if (core->rest != NULL) {
        return umc_rest_plan(core, rank, floor_nck, plan);
    }
    const umc_rank_t *r = &core->rank[rank];
    umc_refresh_style_t style = core->config.policy.refresh;
    uint32_t now = umc_max32(umc_relative(core, floor_nck), core->bus);
    *plan = (umc_plan_t){.valid = true,
                         .refresh = true,
                         .entry = UMC_NO_ENTRY,
                         .rank = rank,
                         .bank = rank * core->banks_per_rank};
    if (r->open_banks == 0) {
        plan->kind = UMC_EVENT_REF;
        plan->at_nck = core->epoch_nck + umc_max32(now, umc_refresh_gate(core, r));
        return true;
    }
    if (style == UMC_REFRESH_EACH) {
        return plan_each(core, rank, now, plan);
    }
    plan->kind = UMC_EVENT_PREA;
    plan->at_nck = core->epoch_nck + umc_max32(now, umc_prea_gate(core, r));
    return !(style == UMC_REFRESH_FINISH && r->kept_banks > 0);
}

static void consider_refreshes(umc_core_t *core, umc_plan_t *plan, bool plan_is_promoted)
{
    bool one_by_one = core->config.policy.refresh_in_turn && !core->config.policy.rest.same_bank;
    bool refreshing = false;
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        umc_plan_t other;
        bool refresh = core->rest == NULL || umc_rest_refreshing(core, r, core->floor_nck);
        if (!pending(core, r) || (refreshing && refresh && one_by_one)) {
            continue; /* one rank after the other */
        }
        refreshing |= refresh;
        if (umc_plan_refresh(core, r, core->floor_nck, &other) &&
            (!plan->valid || other.at_nck < plan->at_nck ||
             (other.at_nck == plan->at_nck && !plan->refresh && !plan_is_promoted))) {
            *plan = other;
        }
    }
}

/* The oldest request of the mode goes even beyond its row's cap, when nothing better is ready. */
static void consider_capped(umc_core_t *core, uint32_t now, umc_plan_t *plan)
{
    uint16_t index = umc_oldest_waiting(core, core->write_mode);
    if (index == UMC_NO_ENTRY) {
        return;
    }
    const umc_entry_t *entry = &core->entries[index];
    if (core->next_due_nck <= core->floor_nck && stopped(core, entry->bank, UMC_KEY_NONE)) {
        return;
    }
    umc_op_t op = umc_next_op(core, entry);
    if (!core->capped[entry->bank] || entry->row != core->open_row[entry->bank] || entry->held ||
        entry->parked || entry->blocked > 0 || (op == UMC_RD && core->credits == 0)) {
        return;
    }
    uint32_t at = umc_max32(umc_gate(core, op, entry->bank), now);
    if (!plan->valid || core->epoch_nck + at < plan->at_nck) {
        plan_entry(core, index, at, plan);
    }
}

/* ---- plans ---- */

static uint64_t next_due_after(const umc_core_t *core)
{
    if (core->rest != NULL) {
        return umc_rest_next_nck(core, core->floor_nck);
    }
    uint64_t next = UMC_NEVER;
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        uint64_t due = core->rank[r].due_nck;
        next = due > core->floor_nck && due < next ? due : next;
    }
    return next;
}

void umc_plan_lane(umc_core_t *core, uint16_t entry, uint32_t key, uint64_t at_nck)
{
    plan_entry(core, entry, umc_relative(core, at_nck), &core->plan);
    core->plan.key = key;
}

static void plan_of_scan(const umc_core_t *core, uint32_t best, uint32_t bank, uint32_t now,
                         umc_plan_t *plan)
{
    uint32_t wait = best >> UMC_KEY_BITS;
    plan->valid = false;
    if (best == UMC_KEY_NONE || wait == UMC_FAR) {
        return;
    }
    uint16_t index;
    if (core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN) {
        index = core->queue[0][bank].entry[best & 63];
    } else {
        index = core->entry_of_seq[best & (UMC_SEQ_LIMIT - 1)];
    }
    plan_entry(core, index, now + wait, plan);
    plan->key = best & ((1u << UMC_KEY_BITS) - 1);
}

/* The best command if nothing but time passes before *horizon_nck. */
static void examine(umc_core_t *core, umc_plan_t *plan, uint64_t *horizon_nck)
{
    uint32_t now = umc_from_now(core), bank = 0, lane = UMC_ACT, best;
    bool any_pending = core->next_due_nck <= core->floor_nck;
    uint64_t due = any_pending ? next_due_after(core) : core->next_due_nck;
    *horizon_nck = due < *horizon_nck ? due : *horizon_nck;
    if (any_pending || core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN) {
        best = scan_slowly(core, now, any_pending, &bank);
    } else {
        best = umc_look(core, now, core->scan, &lane);
    }
    plan_of_scan(core, best, bank, now, plan);
    if (best != UMC_KEY_NONE && best >> UMC_KEY_BITS == UMC_FAR) {
        uint64_t far_nck = core->epoch_nck + now + UMC_FAR;
        *horizon_nck = far_nck < *horizon_nck ? far_nck : *horizon_nck;
    }
    if (core->capped_count > 0) {
        consider_capped(core, now, plan);
    }
    if (any_pending) {
        bool promoted = plan->valid && core->config.policy.scheme == UMC_SCHEME_AGE &&
                        core->entries[plan->entry].active;
        consider_refreshes(core, plan, promoted);
    }
}

static inline uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void umc_plan_better(umc_core_t *core, uint32_t bank)
{
    umc_plan_t *plan = &core->plan;
    uint32_t now = umc_from_now(core);
    for (uint32_t left = core->wants[bank]; left != 0; left &= left - 1) {
        uint32_t op = (uint32_t)__builtin_ctz(left), key = (uint32_t)core->key[bank].op[op];
        if (op == UMC_RD && core->credits == 0) {
            continue;
        }
        uint32_t at = umc_max32(umc_gate(core, op, bank), now);
        uint64_t at_nck = core->epoch_nck + at;
        if (at_nck < plan->at_nck || (at_nck == plan->at_nck && key < plan->key)) {
            plan_entry(core, core->entry_of_seq[key & (UMC_SEQ_LIMIT - 1)], at, plan);
            plan->key = key;
        }
    }
}

void umc_plan_newcomer(umc_core_t *core, uint32_t bank)
{
    umc_plan_t *plan = &core->plan;
    /* Only a plan made from lanes can be compared with one, and only while nothing else changes. */
    if (!plan->valid || plan->refresh || core->capped_count > 0 ||
        core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN ||
        core->next_due_nck <= core->floor_nck || umc_mode_may_change(core) ||
        (core->config.policy.scheme == UMC_SCHEME_BANKS && plan->bank == bank)) {
        plan->valid = false;
        return;
    }
    umc_plan_better(core, bank);
}

/*
 * The usual case of what follows: nothing but the lanes decides, until calm_nck. That is as it was
 * when it was last looked at (watch_calm), which is right as long as what it depends on only moves
 * away; who moves any of it nearer makes it 0.
 */
static void watch_calm(umc_core_t *core)
{
    uint64_t starve_nck =
        core->config.policy.starvation_nck == 0 ? UMC_NEVER : core->starve_check_nck;
    uint64_t calm_nck = min64(min64(core->next_due_nck, core->next_visible_nck), starve_nck);
    core->calm_nck = core->by_age && core->capped_count == 0
                         ? min64(calm_nck, core->epoch_nck + UMC_EPOCH_SPAN)
                         : 0;
}

static inline bool plan_calmly(umc_core_t *core)
{
    if (core->floor_nck >= core->calm_nck || umc_mode_may_change(core)) {
        return false;
    }
    uint32_t lane = UMC_ACT, now = umc_from_now(core),
             best = umc_look(core, now, core->scan, &lane), wait = best >> UMC_KEY_BITS;
    uint64_t at_nck = core->epoch_nck + now + wait;
    if (wait >= UMC_FAR || at_nck >= core->calm_nck) {
        return false;
    }
    plan_entry(core, core->entry_of_seq[best & (UMC_SEQ_LIMIT - 1)], now + wait, &core->plan);
    core->plan.key = best & ((1u << UMC_KEY_BITS) - 1);
    return true;
}

/* Where anything else may decide; without a plan floor_nck moves on, at most past until_nck. */
static void plan_with_care(umc_core_t *core, uint64_t until_nck)
{
    umc_plan_rebase(core, core->floor_nck);
    uint64_t horizon = UMC_NEVER;
    if (core->config.choose_writes) {
        horizon = umc_release_visible(core);
    }
    if (core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN) {
        horizon = umc_do_moves(core) ? core->floor_nck + 1 : horizon;
    } else if (umc_decide_mode(core)) {
        horizon = min64(horizon, core->floor_nck + 1);
    }
    horizon = min64(horizon, umc_watch_starvation(core));
    watch_calm(core);
    examine(core, &core->plan, &horizon);
    if (!core->plan.valid || core->plan.at_nck >= horizon) {
        core->plan.valid = false;
        core->floor_nck = min64(horizon, until_nck + 1);
    }
}

bool umc_plan_until(umc_core_t *core, uint64_t until_nck)
{
    while (core->floor_nck <= until_nck && core->live > 0) {
        if (!core->plan.valid && !plan_calmly(core)) {
            plan_with_care(core, until_nck);
        }
        if (core->plan.valid) {
            if (core->plan.at_nck <= until_nck) {
                return true;
            }
            break;
        }
    }
    core->floor_nck = umc_max64(core->floor_nck, until_nck + 1);
    return false;
}

uint64_t umc_plan_hint(umc_core_t *core)
{
    if (core->live == 0) {
        return UMC_NEVER;
    }
    if (core->plan.valid) {
        return core->plan.at_nck;
    }
    if (umc_mode_may_change(core) || core->next_visible_nck <= core->floor_nck ||
        (core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN && !core->still)) {
        return core->floor_nck; /* something is to be decided in the next clock */
    }
    umc_plan_rebase(core, core->floor_nck);
    uint64_t horizon = min64(core->next_visible_nck, umc_watch_starvation(core));
    examine(core, &core->plan, &horizon);
    if (core->plan.valid && core->plan.at_nck < horizon) {
        return core->plan.at_nck; /* what umc_plan_until would find: it need not look again */
    }
    core->plan.valid = false;
    return horizon;
}

uint64_t umc_core_next_nck(umc_core_t *core)
{
    return core->few.on ? umc_few_next_nck(core) : umc_plan_hint(core);
}

static void issue(umc_core_t *core, umc_event_t *event)
{
    const umc_plan_t *plan = &core->plan;
    core->plan.valid = false;
    if (core->reasons != NULL) {
        umc_reasons_planned(core);
    }
    event->at_nck = plan->at_nck;
    event->kind = plan->kind;
    event->bank = plan->bank;
    event->user = UMC_NO_USER;
    if (plan->refresh) {
        umc_issue_refresh(core, plan);
    } else {
        umc_issue_entry(core, plan, event);
    }
    /* Choosing a write takes no place on the command bus. */
    core->floor_nck = plan->at_nck + (plan->kind == UMC_EVENT_CHOSEN ? 0 : 1);
    umc_observe(core, event);
}

static bool plan_and_issue(umc_core_t *core, uint64_t until_nck, umc_event_t *event)
{
    bool calm = core->floor_nck <= until_nck && core->live > 0 && plan_calmly(core);
    if (calm ? core->plan.at_nck > until_nck : !umc_plan_until(core, until_nck)) {
        core->floor_nck = umc_max64(core->floor_nck, until_nck + 1);
        return false;
    }
    issue(core, event);
    return true;
}

/* The plan is for later, or there is nothing to plan by until_nck. */
static inline bool nothing_by(const umc_core_t *core, uint64_t until_nck)
{
    return core->plan.valid ? core->plan.at_nck > until_nck
                            : core->floor_nck > until_nck || core->live == 0;
}

bool umc_step_queues(umc_core_t *core, uint64_t until_nck, umc_event_t *event)
{
    if (!core->plan.valid) {
        return plan_and_issue(core, until_nck, event);
    }
    issue(core, event);
    return true;
}

bool umc_core_step(umc_core_t *core, uint64_t until_nck, umc_event_t *event)
{
    if (nothing_by(core, until_nck)) {
        core->floor_nck = umc_max64(core->floor_nck, until_nck + 1);
        return false;
    }
    return core->few.on ? umc_few_step(core, until_nck, event)
                        : umc_step_queues(core, until_nck, event);
}
