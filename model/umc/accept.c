/* Requests enter: forwarded, coalesced, merged or queued; what others say of queued ones. */
#include "model/umc/few.h"

bool umc_core_room(const umc_core_t *core, bool write, uint32_t ahead)
{
    const umc_few_rules_t *r = &core->few.rules; /* where the policy's limits are at hand */
    if (!r->unified && !r->both_need_room) {
        return core->waiting[write] + ahead < r->entries[write];
    }
    if (r->unified) {
        return core->waiting[0] + core->waiting[1] + ahead < r->entries[0];
    }
    return core->waiting[0] + (write ? 0 : ahead) < r->entries[0] &&
           core->waiting[1] + (write ? ahead : 0) < r->entries[1];
}

void umc_admit(umc_core_t *core, uint16_t index, bool youngest)
{
    const umc_entry_t *entry = &core->entries[index];
    if (core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN) {
        core->transactions[entry->write][core->transaction_count[entry->write]++] = index;
        core->still = false;
        return;
    }
    if (!youngest) {
        umc_bank_insert(core, index);
        umc_lanes_update(core, entry->bank);
        return;
    }
    const umc_bank_queue_t *queue = umc_bank_append(core, index);
    if (!core->stand_behind) {
        umc_lanes_update(core, entry->bank);
    } else if (entry->write == core->write_mode &&
               (queue->count == 1 ||
                (queue->hits == 1 && core->open_row[entry->bank] == entry->row))) {
        umc_lanes_first(core, entry);
    }
}

/* Sequence numbers have run out: the live ones start again from 0, in their order. */
void umc_renumber(umc_core_t *core)
{
    uint32_t next = 0;
    for (uint32_t seq = 0; seq < core->next_seq; seq++) {
        uint16_t index = core->entry_of_seq[seq];
        if (index != UMC_NO_ENTRY) {
            core->entry_of_seq[seq] = UMC_NO_ENTRY;
            core->entry_of_seq[next] = index;
            core->entries[index].seq = next++;
        }
    }
    core->next_seq = next;
    core->oldest_seq[0] = core->oldest_seq[1] = core->oldest_live = 0;
    core->plan.valid = false; /* its key is of the old numbers */
    umc_lanes_update_all(core);
}

/* Looks for live requests of a new one's line; returns how many it must wait for. */
static uint16_t meets(umc_core_t *core, bool write, uint64_t line, umc_take_t *take, uint32_t *user)
{
    const umc_policy_t *p = &core->config.policy;
    uint16_t older = 0;
    while (core->oldest_live < core->next_seq &&
           core->entry_of_seq[core->oldest_live] == UMC_NO_ENTRY) {
        core->oldest_live++;
    }
    for (uint32_t seq = core->next_seq; seq-- > core->oldest_live;) {
        uint16_t index = core->entry_of_seq[seq];
        if (index == UMC_NO_ENTRY || core->entries[index].line != line) {
            continue;
        }
        const umc_entry_t *entry = &core->entries[index];
        if (!entry->active && entry->write && (write ? p->coalesces : p->forwards)) {
            *take = write ? UMC_TAKE_COALESCED : UMC_TAKE_FORWARDED;
            return 0;
        }
        if (!entry->write && !write && p->merges_reads) {
            *take = UMC_TAKE_MERGED; /* unless a write of the line turns up */
            *user = entry->user;
        }
        older = (uint16_t)(older + (write || entry->write ? 1 : 0));
    }
    return p->orders_lines ? older : 0;
}

umc_take_t umc_core_meets(umc_core_t *core, bool write, uint64_t line)
{
    umc_take_t take = UMC_TAKE_QUEUED;
    uint32_t user;
    (void)meets(core, write, line, &take, &user);
    return take;
}

static void enqueue(umc_core_t *core, uint16_t index)
{
    umc_entry_t *entry = &core->entries[index];
    core->waiting[entry->write]++;
    if (entry->held || entry->blocked > 0) {
        core->stuck[entry->write]++;
        core->still = false;
    } else {
        umc_admit(core, index, true);
    }
}

/* What ranks do by themselves depends on what they have to do: not in a clock in which a request
   may come first. */
__attribute__((noinline)) static void settle_before(umc_core_t *core, uint64_t at_nck)
{
    uint32_t first = core->rest != NULL && core->config.policy.accept_first ? 1 : 0;
    if (at_nck >= first) {
        umc_core_settle(core, at_nck - first);
    }
}

umc_take_t umc_accept_queued(umc_core_t *core, bool write, const cbit_dram_place_t *place,
                             uint64_t line, bool held, uint32_t *user, uint64_t at_nck)
{
    umc_take_t take = UMC_TAKE_QUEUED;
    uint16_t *count = umc_line_count(core, line);
    uint16_t older = 0;
    if (*count > 0) {
        older = meets(core, write, line, &take, user);
        if (take != UMC_TAKE_QUEUED) {
            return take;
        }
    }
    ++*count;
    uint16_t index = umc_entry_new(core);
    umc_entry_t *entry = &core->entries[index];
    umc_entry_fill(entry, write, place, line, *user, at_nck);
    entry->blocked = older;
    entry->held = held;
    if (core->rest != NULL) {
        umc_rest_arrived(core, place->flat_bank);
    }
    core->moved_nck = umc_max64(core->moved_nck, at_nck);
    enqueue(core, index);
    if (core->reasons != NULL) {
        umc_reasons_accepted(core, index);
    }
    core->floor_nck = umc_max64(core->floor_nck, at_nck + !core->config.policy.accept_first);
    umc_plan_newcomer(core, place->flat_bank);
    return UMC_TAKE_QUEUED;
}

umc_take_t umc_core_accept(umc_core_t *core, bool write, const cbit_dram_place_t *place,
                           uint64_t line, bool held, uint32_t *user, uint64_t at_nck)
{
    if (core->next_due_nck <= at_nck && core->live == 0) {
        settle_before(core, at_nck);
    }
    if (core->few.on || (core->few.allowed && umc_few_enter(core, at_nck))) {
        return umc_few_accept(core, write, place, line, held, user, at_nck);
    }
    return umc_accept_queued(core, write, place, line, held, user, at_nck);
}

static umc_entry_t *find_user(umc_core_t *core, uint32_t user, bool write)
{
    for (uint32_t seq = core->oldest_live; seq < core->next_seq; seq++) {
        uint16_t index = core->entry_of_seq[seq];
        if (index != UMC_NO_ENTRY && core->entries[index].user == user &&
            core->entries[index].write == write) {
            return &core->entries[index];
        }
    }
    return NULL;
}

void umc_core_release(umc_core_t *core, uint32_t user, uint64_t at_nck)
{
    umc_entry_t *entry = find_user(core, user, true);
    if (entry == NULL || !entry->held) {
        return;
    }
    entry->held = false;
    if (entry->blocked == 0) {
        core->stuck[1]--;
        umc_admit(core, (uint16_t)(entry - core->entries), false);
    }
    core->floor_nck = umc_max64(core->floor_nck, at_nck + 1);
    core->plan.valid = false;
}

void umc_core_ready(umc_core_t *core, uint32_t user, uint64_t at_nck)
{
    umc_entry_t *entry = find_user(core, user, true);
    if (entry != NULL && entry->chosen) {
        entry->visible_nck = at_nck;
        core->next_visible_nck = at_nck < core->next_visible_nck ? at_nck : core->next_visible_nck;
        core->calm_nck = 0;
    }
    core->plan.valid = false;
}

void umc_core_credit(umc_core_t *core)
{
    if (core->credits == 0) { /* it may have kept reads back */
        core->plan.valid = false;
        core->few.due_nck = 0;
    }
    core->credits += core->credits == UINT32_MAX ? 0 : 1;
}

void umc_core_drain(umc_core_t *core, bool on)
{
    if (core->draining != on) {
        core->plan.valid = core->still = false;
        core->few.due_nck = 0;
        core->draining = on;
        umc_few_drain(core);
    }
}
