/*
 * Why a read waited: in every clock between its acceptance and its column command there is one
 * reason that it did not go further, so the reasons add up to its time without a gap.
 */
#include <string.h>

#include "model/umc/plain_private.h"

/* What keeps a request from being considered at all; NULL if nothing does. */
static const char *not_considered(const umc_plain_t *plain, const entry_t *entry)
{
    const umc_policy_t *p = plain->policy;
    if (entry->blocked > 0 || entry->held) {
        return "line_order";
    }
    if (!entry->active && umc_plain_stopped(plain, entry->bank)) {
        return plain->rank[entry->bank / plain->banks_per_rank].sleep != AWAKE ? "sleep"
                                                                               : "refresh";
    }
    if (p->scheme == UMC_SCHEME_ROUND_ROBIN) {
        return entry->queued ? NULL : "command_queue";
    }
    if (!p->unified && !entry->active && entry->write != plain->write_mode) {
        return plain->write_mode ? "write_drain" : "reads_first";
    }
    return NULL;
}

static const char *reason_of(const umc_plain_t *plain, const entry_t *entry, uint64_t at_nck)
{
    const char *outside = not_considered(plain, entry);
    if (outside != NULL) {
        return outside;
    }
    const cbit_dram_rule_t *rule;
    cbit_dram_command_t next = umc_plain_next_command(plain, entry);
    if (cbit_dram_earliest_nck(plain->history, next, entry->bank, &rule) > at_nck) {
        return rule != NULL ? rule->name : "command_bus";
    }
    if (next == CBIT_DRAM_PRE) {
        return "row_hits";
    }
    bool column = next == CBIT_DRAM_RD || next == CBIT_DRAM_WR;
    bool capped = plain->policy->row_hit_cap != 0 &&
                  plain->row_columns[entry->bank] > plain->policy->row_hit_cap;
    return column && capped ? "row_hit_cap" : "arbitration";
}

static void add_total(cbit_stream_explain_t *explain, const char *reason)
{
    uint32_t i = 0;
    while (i < explain->total_count && strcmp(explain->totals[i].reason, reason) != 0) {
        i++;
    }
    if (i == explain->total_count && i < CBIT_STREAM_REASONS) {
        explain->totals[explain->total_count++].reason = reason;
    }
    if (i < CBIT_STREAM_REASONS) {
        explain->totals[i].nck++;
    }
}

static void add_step(cbit_stream_explain_t *explain, const char *reason, bool dram)
{
    uint32_t count = explain->step_count;
    cbit_stream_reason_t *last = count > 0 ? &explain->steps[count - 1] : NULL;
    bool same = last != NULL && last->dram == dram && strcmp(last->reason, reason) == 0;
    if (!same && count < CBIT_STREAM_STEPS) {
        last = &explain->steps[explain->step_count++];
        *last = (cbit_stream_reason_t){.reason = reason, .dram = dram};
    } else if (!same) {
        last->reason = "more"; /* the list is full: the rest in one */
    }
    last->nck++;
}

static void charge(cbit_stream_explain_t *explain, const entry_t *entry, const char *reason)
{
    add_total(explain, reason);
    if (entry->user == explain->request) {
        add_step(explain, reason, entry->first_nck != UMC_NEVER);
    }
}

void umc_plain_explain(umc_plain_t *plain, uint64_t at_nck)
{
    for (uint32_t i = 0; i < plain->top; i++) {
        const entry_t *entry = &plain->entries[i];
        if (entry->used && !entry->write) {
            charge(plain->config.explain, entry, reason_of(plain, entry, at_nck));
        }
    }
}

void umc_plain_explain_accepted(umc_plain_t *plain, const entry_t *entry)
{
    if (!entry->write && !plain->policy->accept_first) {
        charge(plain->config.explain, entry, "scheduling");
    }
}
