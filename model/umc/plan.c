/* Which command comes next, and when: one scan over the lanes, seldom more. */
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "model/umc/core_private.h"

enum { EPOCH_KEEP = 1 << 20 };

/* ---- the scan ---- */

/* The smallest wait and key, packed, of the lanes that are wanted. */
uint32_t umc_scan_each(const umc_core_t *core, uint32_t ops, uint32_t now)
{
    uint32_t best = UMC_KEY_NONE;
    for (uint32_t i = 0; i < ops * UMC_WORDS; i++) {
        uint32_t op = i / UMC_WORDS, first = i % UMC_WORDS * 64;
        for (uint64_t left = core->wanted[op][first / 64]; left != 0; left &= left - 1) {
            uint32_t bank = first + (uint32_t)__builtin_ctzll(left);
            uint32_t wait = umc_max32(umc_gate(core, op, bank), now) - now;
            wait = wait < UMC_FAR ? wait : UMC_FAR;
            uint32_t candidate = wait << UMC_KEY_BITS | core->key[op * core->banks + bank];
            best = candidate < best ? candidate : best;
        }
    }
    return best;
}

#if defined(__x86_64__)
/* The same over all lanes, eight at a time; ranks have a multiple of eight banks. Signed, since
   that is what the instructions compare; all values are below 2^31. */
__attribute__((target("avx2"))) uint32_t umc_scan_avx2(const umc_core_t *core, uint32_t ops,
                                                       uint32_t now)
{
    const __m256i now8 = _mm256_set1_epi32((int)now), far8 = _mm256_set1_epi32(UMC_FAR);
    __m256i best = _mm256_set1_epi32((int)UMC_KEY_NONE);
    uint32_t ranks = core->config.device.ranks, per_rank = core->banks_per_rank;
    for (uint32_t op = 0; op < ops; op++) {
        const uint32_t *gate = core->gate + op * core->banks, *key = core->key + op * core->banks;
        if ((core->wanted[op][0] | core->wanted[op][1]) == 0) {
            continue;
        }
        for (uint32_t r = 0; r < ranks; r++) {
            uint32_t from = umc_max32(core->rank_gate[op][r], now);
            const __m256i least = _mm256_set1_epi32((int)(from - now));
            for (uint32_t end = per_rank; end > 0; end -= 8, gate += 8, key += 8) {
                __m256i wait = _mm256_sub_epi32(_mm256_loadu_si256((const void *)gate), now8);
                wait = _mm256_min_epi32(_mm256_max_epi32(wait, least), far8);
                wait = _mm256_or_si256(_mm256_slli_epi32(wait, UMC_KEY_BITS),
                                       _mm256_loadu_si256((const void *)key));
                best = _mm256_min_epi32(best, wait);
            }
        }
    }
    __m128i four = _mm_min_epi32(_mm256_castsi256_si128(best), _mm256_extracti128_si256(best, 1));
    four = _mm_min_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_min_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(four);
}
#endif

static inline uint32_t scan(const umc_core_t *core, uint32_t now)
{
    uint32_t ops = core->credits > 0 ? UMC_OPS : UMC_RD;
    return core->wanted_count <= UMC_FEW ? umc_scan_each(core, ops, now)
                                         : core->scan(core, ops, now);
}

/* ---- helpers ---- */

void umc_plan_new_epoch(umc_core_t *core, uint64_t nck)
{
    uint64_t shift64 = nck - core->epoch_nck;
    core->epoch_nck += shift64 - EPOCH_KEEP;
    /* After a long pause every gate is long open: 0 says so. */
    uint32_t shift = shift64 > UINT32_MAX ? UINT32_MAX : (uint32_t)shift64 - EPOCH_KEEP;
    for (uint32_t i = 0; i < core->lanes; i++) {
        core->gate[i] -= core->gate[i] < shift ? core->gate[i] : shift;
    }
    for (uint32_t op = 0; op < UMC_OPS; op++) {
        for (uint32_t r = 0; r < core->config.device.ranks; r++) {
            uint32_t *gate = &core->rank_gate[op][r];
            *gate -= *gate < shift ? *gate : shift;
        }
    }
    core->bus -= core->bus < shift ? core->bus : shift;
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        umc_rank_t *rank = &core->rank[r];
        rank->refresh_gate -= rank->refresh_gate < shift ? rank->refresh_gate : shift;
        rank->prea_gate -= rank->prea_gate < shift ? rank->prea_gate : shift;
        for (uint32_t i = 0; i < UMC_FAW; i++) {
            rank->faw[i] -= rank->faw[i] < shift ? rank->faw[i] : shift;
        }
    }
}

static uint32_t from_now(const umc_core_t *core)
{
    return umc_max32(umc_relative(core, core->floor_nck), core->bus);
}

static bool pending(const umc_core_t *core, uint32_t rank)
{
    return core->rank[rank].due_nck <= core->floor_nck;
}

/* ---- write mode ---- */

static bool wanted_mode(const umc_core_t *core)
{
    const umc_policy_t *p = &core->config.policy;
    uint32_t reads = core->waiting[0] - core->stuck[0];
    uint32_t writes = core->waiting[1] - core->stuck[1];
    /* A read stuck behind a write of its line, or a flush: the writes go first. */
    bool urgent = core->stuck[0] > 0 || core->draining;
    if (!core->write_mode) {
        return writes > 0 && (core->waiting[1] > p->write_high || reads == 0 || urgent);
    }
    return !(writes == 0 || (!urgent && core->waiting[1] < p->write_low && reads > 0));
}

static bool has_mode(const umc_core_t *core)
{
    const umc_policy_t *p = &core->config.policy;
    return !p->unified && p->scheme != UMC_SCHEME_ROUND_ROBIN;
}

static bool promoted_is_ready(const umc_core_t *core)
{
    uint32_t now = from_now(core);
    for (uint32_t i = 0; i < core->lanes; i++) {
        if (core->key[i] < (uint32_t)(UMC_PROMOTED + 1) << UMC_SEQ_BITS &&
            umc_gate(core, i / core->banks, i % core->banks) <= now &&
            now == umc_relative(core, core->floor_nck) &&
            (core->credits > 0 || i < UMC_RD * core->banks)) {
            return true;
        }
    }
    return false;
}

static bool mode_may_change(const umc_core_t *core)
{
    return has_mode(core) && wanted_mode(core) != core->write_mode;
}

/* Decides the mode at floor_nck; true if it must be asked again in the next clock. */
static bool decide_mode(umc_core_t *core)
{
    if (!mode_may_change(core)) {
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

/* ---- command queues: one transaction a clock ---- */

static uint32_t find_movable(const umc_core_t *core, bool write)
{
    for (uint32_t i = 0; i < core->transaction_count[write]; i++) {
        const umc_entry_t *entry = &core->entries[core->transactions[write][i]];
        if (core->queue[0][entry->bank].count < core->config.policy.bank_entries) {
            return i;
        }
    }
    return UMC_NO_ENTRY;
}

static bool read_of_line_waits(const umc_core_t *core, const umc_entry_t *write)
{
    for (uint32_t i = 0; i < core->transaction_count[0]; i++) {
        if (core->entries[core->transactions[0][i]].line == write->line) {
            return true;
        }
    }
    const umc_bank_queue_t *queue = &core->queue[0][write->bank];
    for (uint32_t i = 0; i < queue->count; i++) {
        const umc_entry_t *entry = &core->entries[queue->entry[i]];
        if (!entry->write && entry->line == write->line) {
            return true;
        }
    }
    return false;
}

static bool move_one(umc_core_t *core)
{
    const umc_policy_t *p = &core->config.policy;
    bool none_queued = core->live == core->waiting[0] + core->waiting[1];
    /* What the imitated one does not know, and a machine must: a flush, a read stuck behind a write
       of its line, and that the last few writes may not wait for ever. */
    bool idle = p->orders_lines && none_queued && core->waiting[0] == core->stuck[0];
    bool urgent = core->draining || core->stuck[0] > 0 || idle;
    if (core->drain_left == 0 && (urgent || core->waiting[1] >= p->write_entries ||
                                  (core->waiting[1] > p->write_high && none_queued))) {
        core->drain_left = core->waiting[1];
    }
    /* Writes that wait for the rest of their line cannot move, and their reads must. */
    bool writes = core->drain_left > 0 && core->transaction_count[1] > 0;
    uint32_t at = find_movable(core, writes);
    if (writes && at != UMC_NO_ENTRY &&
        read_of_line_waits(core, &core->entries[core->transactions[1][at]])) {
        core->drain_left = 0; /* the read goes first */
        writes = false;
        at = find_movable(core, false);
    }
    if (at == UMC_NO_ENTRY) {
        return false;
    }
    uint16_t index = core->transactions[writes][at];
    if (core->reasons != NULL && !writes) {
        umc_reasons_moved(core, index);
    }
    uint32_t left = --core->transaction_count[writes] - at;
    memmove(&core->transactions[writes][at], &core->transactions[writes][at + 1],
            left * sizeof core->transactions[0][0]);
    core->waiting[writes]--;
    core->drain_left -= writes ? 1 : 0;
    umc_bank_insert(core, index);
    umc_lanes_update(core, core->entries[index].bank);
    return true;
}

/* Does the moves that belong to the clocks before floor_nck; true if another may follow. */
static bool do_moves(umc_core_t *core)
{
    while (!core->still && core->moved_nck < core->floor_nck) {
        core->still = !move_one(core);
        core->moved_nck++;
    }
    core->moved_nck = umc_max64(core->moved_nck, core->still ? core->floor_nck : 0);
    return !core->still;
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
static uint32_t turn_key(const umc_core_t *core, uint32_t lane)
{
    uint32_t bank = lane % core->banks;
    uint32_t turn = (bank + core->banks - core->turn - 1) % core->banks;
    return (uint32_t)UMC_NORMAL << UMC_SEQ_BITS | turn << 6 | core->key[lane];
}

/* Lane by lane, where masks or turns matter. Returns the packed best as the scan does. */
static uint32_t scan_slowly(const umc_core_t *core, uint32_t now, bool any_pending, uint32_t *lane)
{
    const umc_policy_t *p = &core->config.policy;
    bool in_turn = p->scheme == UMC_SCHEME_ROUND_ROBIN;
    uint32_t lanes = core->credits > 0 ? core->lanes : UMC_RD * core->banks;
    uint32_t best = UMC_KEY_NONE;
    for (uint32_t i = 0; i < lanes; i++) {
        if (core->key[i] == UMC_KEY_NONE) {
            continue;
        }
        if (any_pending) {
            bool stopped = core->rest != NULL
                               ? umc_rest_stops(core, i % core->banks)
                               : p->refresh_stops_channel ||
                                     pending(core, i % core->banks / core->banks_per_rank);
            bool promoted = p->scheme == UMC_SCHEME_AGE &&
                            core->key[i] >> UMC_SEQ_BITS == (uint32_t)UMC_PROMOTED;
            if (stopped && !promoted) {
                continue;
            }
        }
        uint32_t at = umc_gate(core, i / core->banks, i % core->banks);
        uint32_t wait = at > now ? at - now : 0;
        wait = wait < UMC_FAR ? wait : UMC_FAR;
        uint32_t candidate = wait << UMC_KEY_BITS | (in_turn ? turn_key(core, i) : core->key[i]);
        if (candidate < best) {
            best = candidate;
            *lane = i;
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
        plan->at_nck = core->epoch_nck + umc_max32(now, r->refresh_gate);
        return true;
    }
    if (style == UMC_REFRESH_EACH) {
        return plan_each(core, rank, now, plan);
    }
    plan->kind = UMC_EVENT_PREA;
    plan->at_nck = core->epoch_nck + umc_max32(now, r->prea_gate);
    return !(style == UMC_REFRESH_FINISH && r->kept_banks > 0);
}

static void consider_refreshes(umc_core_t *core, umc_plan_t *plan, bool plan_is_promoted)
{
    bool one_by_one =
        core->config.policy.refresh_stops_channel && !core->config.policy.rest.same_bank;
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
    if (core->rest != NULL ? umc_rest_stops(core, entry->bank)
                           : core->next_due_nck <= core->floor_nck) {
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

/* ---- starvation ---- */

/* Keeps the lanes' classes true to floor_nck; returns the clock at which they next change. */
static uint64_t watch_starvation(umc_core_t *core)
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
    if (any || core->starving) {
        umc_lanes_update_all(core);
    }
    core->starving = any;
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

/* ---- chosen writes whose ciphertext is ready ---- */

static uint64_t release_visible(umc_core_t *core)
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

static void plan_of_scan(const umc_core_t *core, uint32_t best, uint32_t lane, uint32_t now,
                         umc_plan_t *plan)
{
    uint32_t wait = best >> UMC_KEY_BITS;
    plan->valid = false;
    if (best == UMC_KEY_NONE || wait == UMC_FAR) {
        return;
    }
    uint16_t index;
    if (core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN) {
        index = core->queue[0][lane % core->banks].entry[best & 63];
    } else {
        index = core->entry_of_seq[best & (UMC_SEQ_LIMIT - 1)];
    }
    plan_entry(core, index, now + wait, plan);
    plan->key = best & ((1u << UMC_KEY_BITS) - 1);
}

/* The best command if nothing but time passes before *horizon_nck. */
static void examine(umc_core_t *core, umc_plan_t *plan, uint64_t *horizon_nck)
{
    uint32_t now = from_now(core), lane = 0, best;
    bool any_pending = core->next_due_nck <= core->floor_nck;
    uint64_t due = any_pending ? next_due_after(core) : core->next_due_nck;
    *horizon_nck = due < *horizon_nck ? due : *horizon_nck;
    if (any_pending || core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN) {
        best = scan_slowly(core, now, any_pending, &lane);
    } else {
        best = scan(core, now);
    }
    plan_of_scan(core, best, lane, now, plan);
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

static uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void umc_plan_newcomer(umc_core_t *core, uint32_t bank)
{
    umc_plan_t *plan = &core->plan;
    /* Only a plan made from lanes can be compared with one, and only while nothing else changes. */
    if (!plan->valid || plan->refresh || core->capped_count > 0 ||
        core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN ||
        core->next_due_nck <= core->floor_nck || mode_may_change(core) ||
        (core->config.policy.scheme == UMC_SCHEME_BANKS && plan->bank == bank)) {
        plan->valid = false;
        return;
    }
    uint32_t now = from_now(core);
    for (uint32_t op = 0; op < UMC_OPS; op++) {
        uint32_t lane = op * core->banks + bank;
        if (core->key[lane] == UMC_KEY_NONE || (op == UMC_RD && core->credits == 0)) {
            continue;
        }
        uint32_t at = umc_max32(umc_gate(core, op, bank), now);
        uint64_t at_nck = core->epoch_nck + at;
        if (at_nck < plan->at_nck || (at_nck == plan->at_nck && core->key[lane] < plan->key)) {
            uint32_t key = core->key[lane];
            plan_entry(core, core->entry_of_seq[key & (UMC_SEQ_LIMIT - 1)], at, plan);
            plan->key = key;
        }
    }
}

/*
 * The usual case of what follows: nothing but the lanes decides, until the clock that is returned.
 * 0 if it is not the usual case.
 */
static inline uint64_t calm_until(const umc_core_t *core)
{
    uint64_t calm =
        min64(min64(core->next_due_nck, core->next_visible_nck),
              core->config.policy.starvation_nck == 0 ? UMC_NEVER : core->starve_check_nck);
    return core->by_age && core->capped_count == 0 && core->floor_nck < calm &&
                   core->floor_nck - core->epoch_nck < UMC_EPOCH_SPAN && !mode_may_change(core)
               ? calm
               : 0;
}

static inline bool plan_calmly(umc_core_t *core)
{
    uint64_t calm = calm_until(core);
    if (calm == 0) {
        return false;
    }
    uint32_t now = from_now(core), best = scan(core, now), wait = best >> UMC_KEY_BITS;
    uint32_t at = now + wait;
    if (wait >= UMC_FAR || core->epoch_nck + at >= calm) {
        return false;
    }
    plan_entry(core, core->entry_of_seq[best & (UMC_SEQ_LIMIT - 1)], at, &core->plan);
    core->plan.key = best & ((1u << UMC_KEY_BITS) - 1);
    return true;
}

bool umc_plan_until(umc_core_t *core, uint64_t until_nck)
{
    while (core->floor_nck <= until_nck) {
        if (core->plan.valid) {
            if (core->plan.at_nck <= until_nck) {
                return true;
            }
            break;
        }
        if (core->live == 0) {
            break;
        }
        if (plan_calmly(core)) {
            continue;
        }
        umc_plan_rebase(core, core->floor_nck);
        uint64_t horizon = UMC_NEVER;
        if (core->config.choose_writes) {
            horizon = release_visible(core);
        }
        if (core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN) {
            horizon = do_moves(core) ? core->floor_nck + 1 : horizon;
        } else if (decide_mode(core)) {
            horizon = min64(horizon, core->floor_nck + 1);
        }
        horizon = min64(horizon, watch_starvation(core));
        examine(core, &core->plan, &horizon);
        if (core->plan.valid && core->plan.at_nck < horizon) {
            continue;
        }
        core->plan.valid = false;
        if (horizon > until_nck) {
            break;
        }
        core->floor_nck = horizon;
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
    if (mode_may_change(core) || core->next_visible_nck <= core->floor_nck ||
        (core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN && !core->still)) {
        return core->floor_nck; /* something is to be decided in the next clock */
    }
    umc_plan_rebase(core, core->floor_nck);
    uint64_t horizon = min64(core->next_visible_nck, watch_starvation(core));
    examine(core, &core->plan, &horizon);
    if (core->plan.valid && core->plan.at_nck < horizon) {
        return core->plan.at_nck; /* what umc_plan_until would find: it need not look again */
    }
    core->plan.valid = false;
    return horizon;
}
