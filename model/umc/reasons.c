#include "model/umc/reasons.h"

#include <stdlib.h>
#include <string.h>

#include "model/umc/core_private.h"

struct umc_reasons {
    cbit_dram_history_t *history;
    umc_reason_list_t list[UMC_ENTRIES];
    uint16_t last; /* the entry of the last read's column command */
};

static const char *const NAME[UMC_REASON_RULES] = {
    "input",       "scheduling",  "line_order", "refresh",     "sleep",         "command_queue",
    "write_drain", "reads_first", "row_hits",   "row_hit_cap", "return_buffer", "command_bus",
    "arbitration", "forwarded",   "CL",         "burst"};

/* Rules of one name are one reason: the number of the first of them. */
static uint32_t reason_of_rule(const cbit_dram_rule_t *rule)
{
    uint32_t number = UMC_REASON_RULES;
    for (const cbit_dram_rule_t *other = cbit_dram_rules; other != rule; other++) {
        if (strcmp(other->name, rule->name) == 0) {
            return number;
        }
        number++;
    }
    return number;
}

uint32_t umc_reason_count(void)
{
    uint32_t count = UMC_REASON_RULES;
    for (const cbit_dram_rule_t *rule = cbit_dram_rules; rule->name != NULL; rule++) {
        count++;
    }
    return count;
}

const char *umc_reason_name(uint32_t reason)
{
    return reason < UMC_REASON_RULES     ? NAME[reason]
           : reason < umc_reason_count() ? cbit_dram_rules[reason - UMC_REASON_RULES].name
                                         : NULL;
}

cbit_err_t umc_reasons_create(const cbit_dram_device_t *device, umc_reasons_t **out)
{
    umc_reasons_t *reasons = calloc(1, sizeof *reasons);
    if (reasons == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    cbit_err_t err = cbit_dram_history_create(device, &reasons->history);
    if (err != CBIT_ERR_OK) {
        free(reasons);
        return err;
    }
    *out = reasons;
    return CBIT_ERR_OK;
}

void umc_reasons_destroy(umc_reasons_t *reasons)
{
    if (reasons != NULL) {
        cbit_dram_history_destroy(reasons->history);
        free(reasons);
    }
}

static umc_reason_step_t *find(umc_reason_list_t *list, uint32_t reason, bool dram)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->step[i].reason == reason && list->step[i].dram == dram) {
            return &list->step[i];
        }
    }
    return NULL;
}

static void add(umc_reason_list_t *list, uint32_t reason, bool dram, uint64_t nck)
{
    umc_reason_step_t *last = list->count > 0 ? &list->step[list->count - 1] : NULL;
    if (nck == 0) {
        return;
    }
    if (last == NULL || last->reason != reason || last->dram != dram) {
        /* A list that gets long keeps its sums, not its order: there is room for every reason. */
        last = list->count >= UMC_REASON_ORDERED ? find(list, reason, dram) : NULL;
        if (last == NULL) {
            last = &list->step[list->count++];
            *last = (umc_reason_step_t){.reason = (uint8_t)reason, .dram = dram};
        }
    }
    last->nck += (uint32_t)nck;
}

void umc_reasons_accepted(umc_core_t *core, uint16_t index)
{
    const umc_entry_t *entry = &core->entries[index];
    umc_reason_list_t *list = &core->reasons->list[index];
    list->count = 0;
    list->charged_nck = entry->accept_nck;
    if (!core->config.policy.accept_first) {
        add(list, UMC_REASON_SCHEDULING, false, 1);
        list->charged_nck++;
    }
}

/* The clock from which refresh or sleep of its rank stops a request; UMC_NEVER: it is not stopped.
 */
static uint64_t stopped_from(const umc_core_t *core, const umc_entry_t *entry)
{
    const umc_policy_t *p = &core->config.policy;
    if (core->rest != NULL && !umc_rest_stops(core, entry->bank)) {
        return UMC_NEVER;
    }
    return p->refresh_stops_channel && !p->rest.same_bank
               ? core->next_due_nck
               : core->rank[core->rank_of[entry->bank]].due_nck;
}

/* What keeps a request from being considered at all; UMC_REASON_RULES if nothing does. */
static uint32_t not_considered(const umc_core_t *core, uint16_t index)
{
    const umc_policy_t *p = &core->config.policy;
    const umc_entry_t *entry = &core->entries[index];
    if (entry->blocked > 0 || entry->held) {
        return UMC_REASON_LINE_ORDER;
    }
    if (p->scheme == UMC_SCHEME_ROUND_ROBIN) {
        for (uint32_t i = 0; i < core->transaction_count[entry->write]; i++) {
            if (core->transactions[entry->write][i] == index) {
                return UMC_REASON_COMMAND_QUEUE;
            }
        }
        return UMC_REASON_RULES;
    }
    if (!p->unified && !entry->active && entry->write != core->write_mode) {
        return core->write_mode ? UMC_REASON_WRITE_DRAIN : UMC_REASON_READS_FIRST;
    }
    return UMC_REASON_RULES;
}

/* Nothing outside stands in the way: a rule, then the choice of others. */
static void charge_rules(const umc_core_t *core, const umc_entry_t *entry, umc_reason_list_t *list,
                         uint64_t to_nck)
{
    static const cbit_dram_command_t COMMAND[UMC_OPS] = {[UMC_ACT] = CBIT_DRAM_ACT,
                                                         [UMC_PRE] = CBIT_DRAM_PRE,
                                                         [UMC_WR] = CBIT_DRAM_WR,
                                                         [UMC_RD] = CBIT_DRAM_RD};
    bool dram = entry->first_nck != UMC_NEVER;
    umc_op_t op = umc_next_op(core, entry);
    const cbit_dram_rule_t *rule;
    uint64_t from_nck = list->charged_nck;
    uint64_t legal_nck =
        cbit_dram_earliest_nck(core->reasons->history, COMMAND[op], entry->bank, &rule);
    legal_nck = legal_nck < to_nck ? legal_nck : to_nck;
    if (legal_nck > from_nck) {
        add(list, rule != NULL ? reason_of_rule(rule) : UMC_REASON_COMMAND_BUS, dram,
            legal_nck - from_nck);
        from_nck = legal_nck;
    }
    const umc_policy_t *p = &core->config.policy;
    bool capped = p->row_hit_cap != 0 && core->row_columns[entry->bank] > p->row_hit_cap;
    uint32_t reason = op == UMC_PRE                        ? UMC_REASON_ROW_HITS
                      : op == UMC_RD && core->credits == 0 ? UMC_REASON_RETURN_BUFFER
                      : op != UMC_ACT && capped            ? UMC_REASON_ROW_HIT_CAP
                                                           : UMC_REASON_ARBITRATION;
    add(list, reason, dram, to_nck - from_nck);
    list->charged_nck = to_nck;
}

static void charge(umc_core_t *core, uint16_t index, uint64_t to_nck)
{
    const umc_entry_t *entry = &core->entries[index];
    umc_reason_list_t *list = &core->reasons->list[index];
    bool dram = entry->first_nck != UMC_NEVER;
    if (to_nck <= list->charged_nck) {
        return;
    }
    uint32_t outside = not_considered(core, index);
    if (outside == UMC_REASON_LINE_ORDER) {
        add(list, outside, dram, to_nck - list->charged_nck);
        list->charged_nck = to_nck;
        return;
    }
    uint64_t stop_nck = entry->active ? UMC_NEVER : stopped_from(core, entry);
    uint64_t free_nck = stop_nck < to_nck ? umc_max64(stop_nck, list->charged_nck) : to_nck;
    if (free_nck > list->charged_nck) {
        if (outside != UMC_REASON_RULES) {
            add(list, outside, dram, free_nck - list->charged_nck);
            list->charged_nck = free_nck;
        } else {
            charge_rules(core, entry, list, free_nck);
        }
    }
    /* A rank that sleeps wants attention from clock 0 on. */
    add(list, stop_nck == 0 ? UMC_REASON_SLEEP : UMC_REASON_REFRESH, dram,
        to_nck - list->charged_nck);
    list->charged_nck = to_nck;
}

void umc_reasons_charge(umc_core_t *core, uint64_t at_nck)
{
    for (uint32_t seq = core->oldest_live; seq < core->next_seq; seq++) {
        uint16_t index = core->entry_of_seq[seq];
        if (index != UMC_NO_ENTRY && !core->entries[index].write) {
            charge(core, index, at_nck);
        }
    }
}

void umc_reasons_moved(umc_core_t *core, uint16_t entry)
{
    charge(core, entry, core->moved_nck + 1);
}

void umc_reasons_issued(umc_core_t *core, const umc_event_t *event)
{
    if (event->kind != UMC_EVENT_CHOSEN) {
        cbit_dram_issue(core->reasons->history, umc_event_command(event->kind), event->bank,
                        event->at_nck);
    }
}

void umc_reasons_planned(umc_core_t *core)
{
    umc_reasons_charge(core, core->plan.at_nck);
    core->reasons->last = core->plan.entry;
}

const umc_reason_list_t *umc_core_reasons(const umc_core_t *core)
{
    return &core->reasons->list[core->reasons->last];
}
